/* A driver without a GPU: libcuda.so.1 for tests, whose device is the emulator. Has what runtime/cuda.c resolves and what a
   caller needs to prepare memory. Launches run at once; what the emulator finds goes to standard error and makes the launch
   fail. $FAKE_CUDA_FAIL=N makes the N-th allocation fail. */
#include "runtime/cuda_api.h"
#include "runtime/emu/emu.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVALID = 1, NO_MEMORY = 2, INVALID_PTX = 218, NOT_FOUND = 500, LAUNCH_FAILED = 719, MAX_PARAM = 256 };
struct function {
  struct emu_module *module;
  char name[256];
  struct function *next;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct emu *device;
static struct function *functions;
static void *current;
static int allocations, live;

cuda_result cuInit(unsigned flags);
cuda_result cuInit(unsigned flags) {
  pthread_mutex_lock(&lock);
  if (!device) device = emu_open();
  pthread_mutex_unlock(&lock);
  return flags || !device ? INVALID : 0;
}

static cuda_result device_get(int *d, int ordinal) {
  *d = 0;
  return ordinal ? INVALID : 0;
}

static cuda_result primary_retain(void **ctx, int d) {
  static int primary;
  *ctx = &primary;
  return d ? INVALID : 0;
}

static cuda_result ctx_get(void **ctx) {
  *ctx = current;
  return 0;
}

static cuda_result ctx_set(void *ctx) {
  current = ctx;
  return 0;
}

static cuda_result ctx_id(void *ctx, unsigned long long *id) {
  *id = 41;
  return ctx ? 0 : INVALID;
}

static cuda_result module_load(void **module, const void *image, unsigned n, const int *option, void **value) {
  struct emu_error err;
  pthread_mutex_lock(&lock);
  struct emu_module *m = emu_load(device, image, strlen(image), &err);
  pthread_mutex_unlock(&lock);
  for (unsigned i = 0; i < n && !m; i++)
    if (option[i] == CUDA_JIT_ERROR_LOG) snprintf(value[i], 256, "PTX %u:%u: %s", err.line, err.col, err.text);
  *module = m;
  return m ? 0 : INVALID_PTX;
}

static cuda_result module_function(void **function, void *module, const char *name) {
  if (emu_kernel_params(module, name) < 0) return NOT_FOUND;
  struct function *f = calloc(1, sizeof *f);
  if (!f) return NO_MEMORY;
  f->module = module;
  snprintf(f->name, sizeof f->name, "%s", name);
  pthread_mutex_lock(&lock);
  f->next = functions;
  functions = f;
  pthread_mutex_unlock(&lock);
  *function = f;
  return 0;
}

static cuda_result alloc_async(cuda_ptr *at, size_t bytes, void *stream) {
  const char *fail = getenv("FAKE_CUDA_FAIL");
  (void)stream;
  pthread_mutex_lock(&lock);
  *at = fail && ++allocations == atoi(fail) ? 0 : emu_alloc(device, bytes);
  live += *at != 0;
  pthread_mutex_unlock(&lock);
  return *at ? 0 : NO_MEMORY;
}

static cuda_result free_async(cuda_ptr at, void *stream) {
  (void)stream;
  pthread_mutex_lock(&lock);
  bool ok = emu_free(device, at);
  live -= ok;
  pthread_mutex_unlock(&lock);
  return ok ? 0 : INVALID;
}

static cuda_result launch(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                          unsigned shared, void *stream, void **params, void **extra) {
  struct function *f = function;
  struct emu_launch how = {.grid = {gx, gy, gz}, .block = {bx, by, bz}, .dynamic_shared = shared};
  const void *arg[MAX_PARAM];
  int n = emu_kernel_params(f->module, f->name);
  (void)stream;
  if (extra || n > MAX_PARAM) return INVALID;
  for (int i = 0; i < n; i++) arg[i] = params[i];
  struct emu_report *rep = calloc(1, sizeof *rep);
  if (!rep) return NO_MEMORY;
  pthread_mutex_lock(&lock);
  bool ok = emu_launch(f->module, f->name, &how, arg, n, rep);
  pthread_mutex_unlock(&lock);
  if (!ok) {
    char text[4096];
    emu_report_text(rep, text, sizeof text);
    fprintf(stderr, "%s: %s\n", f->name, text);
  }
  free(rep);
  return ok ? 0 : LAUNCH_FAILED;
}

static cuda_result error_name(cuda_result r, const char **text) {
  *text = r == NO_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : r == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED" : "CUDA_ERROR";
  return 0;
}

static cuda_result error_string(cuda_result r, const char **text) {
  *text = r == NO_MEMORY ? "out of memory" : r == LAUNCH_FAILED ? "unspecified launch failure" : "some error";
  return 0;
}

/* For callers, linked against this library. */
cuda_result cuMemAlloc_v2(cuda_ptr *at, size_t bytes);
cuda_result cuMemAlloc_v2(cuda_ptr *at, size_t bytes) {
  *at = emu_alloc(device, bytes ? bytes : 1);
  return *at ? 0 : NO_MEMORY;
}
cuda_result cuMemFree_v2(cuda_ptr at);
cuda_result cuMemFree_v2(cuda_ptr at) {
  return emu_free(device, at) ? 0 : INVALID;
}
cuda_result cuMemcpyHtoD_v2(cuda_ptr to, const void *from, size_t bytes);
cuda_result cuMemcpyHtoD_v2(cuda_ptr to, const void *from, size_t bytes) {
  return !bytes || emu_write(device, to, from, bytes) ? 0 : INVALID;
}
cuda_result cuMemcpyDtoH_v2(void *to, cuda_ptr from, size_t bytes);
cuda_result cuMemcpyDtoH_v2(void *to, cuda_ptr from, size_t bytes) {
  return !bytes || emu_read(device, to, from, bytes) ? 0 : INVALID;
}
/* Buffers of the runtime that were not given back. */
int fake_cuda_live(void);
int fake_cuda_live(void) {
  return live;
}

cuda_result cuGetProcAddress_v2(const char *name, void **fn, int version, uint64_t flags, int *status);
cuda_result cuGetProcAddress_v2(const char *name, void **fn, int version, uint64_t flags, int *status) {
  static const struct {
    const char *name;
    void (*fn)(void);
  } table[] = {
      {"cuInit", (void (*)(void))cuInit},
      {"cuDeviceGet", (void (*)(void))device_get},
      {"cuDevicePrimaryCtxRetain", (void (*)(void))primary_retain},
      {"cuCtxGetCurrent", (void (*)(void))ctx_get},
      {"cuCtxSetCurrent", (void (*)(void))ctx_set},
      {"cuCtxGetId", (void (*)(void))ctx_id},
      {"cuModuleLoadDataEx", (void (*)(void))module_load},
      {"cuModuleGetFunction", (void (*)(void))module_function},
      {"cuMemAllocAsync", (void (*)(void))alloc_async},
      {"cuMemFreeAsync", (void (*)(void))free_async},
      {"cuLaunchKernel", (void (*)(void))launch},
      {"cuGetErrorName", (void (*)(void))error_name},
      {"cuGetErrorString", (void (*)(void))error_string},
  };
  (void)version, (void)flags;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (!strcmp(table[i].name, name)) {
      memcpy(fn, &table[i].fn, sizeof *fn);
      *status = 0;
      return 0;
    }
  *status = 1;
  return NOT_FOUND;
}
