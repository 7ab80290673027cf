/* libnvidia-ml.so.1 for tests: a device whose clock is low and held by heat the first CUDA_FAKE_SLOW=N times it is
 * asked, and 1755 of 1980 MHz from then on. */
#include <stdlib.h>

enum { SM = 1, HOT = 0x40 };
static int asked;

int nvmlInit_v2(void);
int nvmlInit_v2(void) {
  return 0;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device);
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) {
  *device = &asked;
  return bus[0] ? 0 : 2;
}

static int slow(void) {
  const char *n = getenv("CUDA_FAKE_SLOW");
  return n && asked <= atoi(n);
}

int nvmlDeviceGetClockInfo(void *device, int which, unsigned *mhz);
int nvmlDeviceGetClockInfo(void *device, int which, unsigned *mhz) {
  if (device == &asked) asked++;
  *mhz = slow() ? 600 : 1755;
  return which != SM;
}

int nvmlDeviceGetMaxClockInfo(void *device, int which, unsigned *mhz);
int nvmlDeviceGetMaxClockInfo(void *device, int which, unsigned *mhz) {
  *mhz = 1980;
  return which != SM || device != &asked;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *bits);
int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *bits) {
  *bits = slow() ? HOT : 0;
  return device != &asked;
}
