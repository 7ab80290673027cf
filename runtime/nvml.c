/* The GPU's clock and what holds it back, from NVIDIA's management library (dlopen; nothing of it is needed). It is
   only read: no setting is changed. */
#include "runtime/worker_gpu.h"
#include <dlfcn.h>
#include <string.h>

enum { CLOCK_SM = 1 };
enum { POWER_CAP = 4, HW_SLOWDOWN = 8, SW_HEAT = 0x20, HW_HEAT = 0x40, POWER_BRAKE = 0x80 };
static struct {
  bool tried, found;
  void *device;
  int (*clock)(void *device, int which, unsigned *mhz);
  int (*most)(void *device, int which, unsigned *mhz);
  int (*reasons)(void *device, unsigned long long *bits);
} nvml;

static bool find(void *lib, const char *name, void *field) {
  void *p = dlsym(lib, name);
  if (p) memcpy(field, &p, sizeof p);
  return p != NULL;
}

static void open_nvml(const char *bus_id) {
  int (*init)(void);
  int (*by_bus)(const char *bus_id, void **device);
  void *lib = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  nvml.tried = true;
  if (!lib || !find(lib, "nvmlInit_v2", &init) || !find(lib, "nvmlDeviceGetHandleByPciBusId_v2", &by_bus)) return;
  if (!find(lib, "nvmlDeviceGetClockInfo", &nvml.clock) || !find(lib, "nvmlDeviceGetMaxClockInfo", &nvml.most)) return;
  if (!find(lib, "nvmlDeviceGetCurrentClocksThrottleReasons", &nvml.reasons)) return;
  nvml.found = !init() && !by_bus(bus_id, &nvml.device);
}

struct nvml_state nvml_read(const char *bus_id) {
  struct nvml_state s = {0};
  if (!nvml.tried) open_nvml(bus_id);
  if (!nvml.found) return s;
  s.known = !nvml.clock(nvml.device, CLOCK_SM, &s.mhz) && !nvml.most(nvml.device, CLOCK_SM, &s.most_mhz) &&
            !nvml.reasons(nvml.device, &s.reasons);
  return s;
}

const char *nvml_reason(unsigned long long reasons) {
  if (reasons & (SW_HEAT | HW_HEAT)) return "heat";
  if (reasons & (HW_SLOWDOWN | POWER_BRAKE)) return "a slowdown of the hardware";
  return reasons & POWER_CAP ? "the power limit" : NULL;
}
