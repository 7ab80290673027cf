/* A driver without a GPU: libcuda.so.1 for tests, whose device is the emulator (runtime/emu_cuda.c). What the emulator
   finds goes to standard error. Faults on request: FAKE_CUDA_FAIL=N        the N-th allocation in stream order fails
     CUDA_FAKE_STICKY=TEXT   a kernel of a module whose PTX has TEXT in it fails, and every call after it
     CUDA_FAKE_HANG=TEXT     such a kernel never ends
   More devices: CUDA_FAKE_DEVICES=N of the same kind, CUDA_FAKE_OTHER=1: but the last; CUDA_FAKE_LOG=FILE has a line
   with the device's number for each module that is loaded. */
#include "runtime/emu_cuda.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MODULES = 4096 };
static struct cuda_calls entry;
static struct cuda_worker_calls worker;
static int allocations, live;
static bool broken; /* a sticky error happened */
static int current; /* device */
static struct {
  void *module;
  bool sticky, hang;
} modules[MODULES];
static struct {
  void *function;
  bool sticky, hang;
} functions[4 * MODULES];
static unsigned nmodule, nfunction;

static bool has(const char *image, const char *variable) {
  const char *text = getenv(variable);
  return text && *text && strstr(image, text);
}

static int devices(void) {
  const char *n = getenv("CUDA_FAKE_DEVICES");
  return n ? atoi(n) : 1;
}

static cuda_result device_count(int *n) {
  *n = devices();
  return 0;
}

/* All of them are the emulator's one. */
static cuda_result device_get(int *device, int ordinal) {
  current = ordinal;
  return entry.device_get(device, ordinal < devices() ? 0 : ordinal);
}

static cuda_result device_name(char *name, int len, int device) {
  cuda_result rc = worker.device_name(name, len, device);
  if (getenv("CUDA_FAKE_OTHER") && current && current == devices() - 1) snprintf(name, (size_t)len, "another one");
  return rc;
}

static void log_load(void) {
  const char *path = getenv("CUDA_FAKE_LOG");
  FILE *f = path ? fopen(path, "a") : NULL;
  if (!f) return;
  fprintf(f, "%d\n", current);
  fclose(f);
}

static cuda_result module_load(void **module, const void *image, unsigned n, const int *option, void **value) {
  cuda_result rc = broken ? CUDA_LAUNCH_FAILED : entry.module_load(module, image, n, option, value);
  log_load();
  if (rc || nmodule == MODULES) return rc;
  modules[nmodule].module = *module;
  modules[nmodule].sticky = has(image, "CUDA_FAKE_STICKY");
  modules[nmodule++].hang = has(image, "CUDA_FAKE_HANG");
  return 0;
}

static cuda_result module_function(void **function, void *module, const char *name) {
  cuda_result rc = entry.module_function(function, module, name);
  for (unsigned i = nmodule; i-- > 0 && !rc && nfunction < 4 * MODULES;)
    if (modules[i].module == module) {
      functions[nfunction].function = *function;
      functions[nfunction].sticky = modules[i].sticky;
      functions[nfunction++].hang = modules[i].hang;
      break;
    }
  return rc;
}

static cuda_result launch(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                          unsigned shared, void *stream, void **params, void **extra) {
  for (unsigned i = nfunction; i-- > 0;)
    if (functions[i].function == function) {
      broken = broken || functions[i].sticky;
      while (functions[i].hang) pause();
      break;
    }
  if (broken) return CUDA_LAUNCH_FAILED;
  cuda_result rc = entry.launch(function, gx, gy, gz, bx, by, bz, shared, stream, params, extra);
  if (rc) fprintf(stderr, "%s\n", emu_cuda_finding());
  return rc;
}

static cuda_result event_wait(void *event) {
  return broken ? CUDA_LAUNCH_FAILED : worker.event_wait(event);
}

/* A small L2: sweeping it is done by the host here. */
static cuda_result device_attribute(int *value, int attribute, int device) {
  cuda_result rc = worker.device_attribute(value, attribute, device);
  if (!rc && attribute == CUDA_ATTR_L2_BYTES) *value = 1 << 16;
  return rc;
}

static cuda_result alloc_async(cuda_ptr *at, size_t bytes, void *stream) {
  const char *fail = getenv("FAKE_CUDA_FAIL");
  cuda_result rc = fail && ++allocations == atoi(fail) ? CUDA_NO_MEMORY : entry.alloc_async(at, bytes, stream);
  live += !rc;
  return rc;
}

static cuda_result free_async(cuda_ptr at, void *stream) {
  cuda_result rc = entry.free_async(at, stream);
  live -= !rc;
  return rc;
}

/* For callers, linked against this library. */
cuda_result cuInit(unsigned flags);
cuda_result cuInit(unsigned flags) {
  void *fn;
  int status;
  emu_cuda_get_proc("cuInit", &fn, CUDA_API_VERSION, 0, &status);
  memcpy(&entry.init, &fn, sizeof fn);
  return entry.init(flags);
}
#define FORWARD(field, name, params, args)                                                                             \
  cuda_result name params;                                                                                             \
  cuda_result name params {                                                                                            \
    void *fn;                                                                                                          \
    int status;                                                                                                        \
    emu_cuda_get_proc(#field, &fn, CUDA_API_VERSION, 0, &status);                                                      \
    cuda_result(*f) params;                                                                                            \
    memcpy(&f, &fn, sizeof fn);                                                                                        \
    return f args;                                                                                                     \
  }
FORWARD(cuMemAlloc, cuMemAlloc_v2, (cuda_ptr * at, size_t bytes), (at, bytes))
FORWARD(cuMemFree, cuMemFree_v2, (cuda_ptr at), (at))
FORWARD(cuMemcpyHtoD, cuMemcpyHtoD_v2, (cuda_ptr to, const void *from, size_t bytes), (to, from, bytes))
FORWARD(cuMemcpyDtoH, cuMemcpyDtoH_v2, (void *to, cuda_ptr from, size_t bytes), (to, from, bytes))

/* Buffers of the runtime that were not given back. */
int fake_cuda_live(void);
int fake_cuda_live(void) {
  return live;
}

static bool replace(const char *name, void **fn) {
  static const struct {
    const char *name;
    void (*fn)(void);
    void *kept;
  } table[] = {{"cuModuleLoadDataEx", (void (*)(void))module_load, &entry.module_load},
               {"cuModuleGetFunction", (void (*)(void))module_function, &entry.module_function},
               {"cuLaunchKernel", (void (*)(void))launch, &entry.launch},
               {"cuDeviceGetCount", (void (*)(void))device_count, &worker.device_count},
               {"cuDeviceGet", (void (*)(void))device_get, &entry.device_get},
               {"cuDeviceGetName", (void (*)(void))device_name, &worker.device_name},
               {"cuDeviceGetAttribute", (void (*)(void))device_attribute, &worker.device_attribute},
               {"cuEventSynchronize", (void (*)(void))event_wait, &worker.event_wait},
               {"cuMemAllocAsync", (void (*)(void))alloc_async, &entry.alloc_async},
               {"cuMemFreeAsync", (void (*)(void))free_async, &entry.free_async}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (!strcmp(table[i].name, name)) {
      memcpy(table[i].kept, fn, sizeof *fn);
      memcpy(fn, &table[i].fn, sizeof *fn);
      return true;
    }
  return false;
}

cuda_result cuGetProcAddress_v2(const char *name, void **fn, int version, uint64_t flags, int *status);
cuda_result cuGetProcAddress_v2(const char *name, void **fn, int version, uint64_t flags, int *status) {
  cuda_result rc = emu_cuda_get_proc(name, fn, version, flags, status);
  if (!rc) (void)replace(name, fn);
  return rc;
}
