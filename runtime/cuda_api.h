/* The part of NVIDIA's driver API that hone's runtime uses, declared here so that nothing of a toolkit is needed to build.
   Names and meanings are the driver's; handles are opaque pointers. */
#ifndef HONE_RUNTIME_CUDA_API_H
#define HONE_RUNTIME_CUDA_API_H
#include <stddef.h>
#include <stdint.h>

typedef int cuda_result; /* CUresult: 0 is success */
typedef uint64_t cuda_ptr; /* CUdeviceptr */
enum { CUDA_API_VERSION = 12000, CUDA_JIT_ERROR_LOG = 5, CUDA_JIT_ERROR_LOG_BYTES = 6 };

/* CALL(field, name for cuGetProcAddress, parameters, 1 when the runtime cannot do without it) */
#define CUDA_CALLS(CALL)                                                                                               \
  CALL(init, cuInit, (unsigned flags), 1)                                                                              \
  CALL(device_get, cuDeviceGet, (int *device, int ordinal), 1)                                                         \
  CALL(primary_retain, cuDevicePrimaryCtxRetain, (void **ctx, int device), 1)                                          \
  CALL(ctx_get, cuCtxGetCurrent, (void **ctx), 1)                                                                      \
  CALL(ctx_set, cuCtxSetCurrent, (void *ctx), 1)                                                                       \
  CALL(ctx_id, cuCtxGetId, (void *ctx, unsigned long long *id), 0)                                                     \
  CALL(module_load, cuModuleLoadDataEx,                                                                                \
       (void **module, const void *image, unsigned n, const int *option, void **value), 1)                            \
  CALL(module_function, cuModuleGetFunction, (void **function, void *module, const char *name), 1)                     \
  CALL(alloc_async, cuMemAllocAsync, (cuda_ptr *at, size_t bytes, void *stream), 1)                                    \
  CALL(free_async, cuMemFreeAsync, (cuda_ptr at, void *stream), 1)                                                     \
  CALL(launch, cuLaunchKernel,                                                                                         \
       (void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, \
        void *stream, void **params, void **extra), 1)                                                                 \
  CALL(error_name, cuGetErrorName, (cuda_result r, const char **text), 0)                                              \
  CALL(error_string, cuGetErrorString, (cuda_result r, const char **text), 0)

#endif
