/* The part of NVIDIA's driver API that hone's runtime uses, declared here so that nothing of a toolkit is needed to build.
   Names and meanings are the driver's; handles are opaque pointers. */
#ifndef HONE_RUNTIME_CUDA_API_H
#define HONE_RUNTIME_CUDA_API_H
#include <stddef.h>
#include <stdint.h>

typedef int cuda_result; /* CUresult: 0 is success */
typedef uint64_t cuda_ptr; /* CUdeviceptr */
enum { CUDA_API_VERSION = 12000, CUDA_JIT_ERROR_LOG = 5, CUDA_JIT_ERROR_LOG_BYTES = 6 };
enum { CUDA_INVALID = 1, CUDA_NO_MEMORY = 2, CUDA_NO_DEVICE = 100, CUDA_INVALID_DEVICE = 101, CUDA_INVALID_IMAGE = 200, CUDA_NO_BINARY = 209,
       CUDA_INVALID_PTX = 218, CUDA_NOT_FOUND = 500, CUDA_LAUNCH_FAILED = 719, CUDA_CAPTURED = 900 };
enum { CUDA_ATTR_CLOCK_KHZ = 13, CUDA_ATTR_SMS = 16, CUDA_ATTR_MEMORY_KHZ = 36, CUDA_ATTR_BUS_BITS = 37, CUDA_ATTR_L2_BYTES = 38,
       CUDA_ATTR_MAJOR = 75, CUDA_ATTR_MINOR = 76 };
enum { CUDA_CAPTURE_RELAXED = 2, CUDA_FUNC_DYNAMIC_SHARED = 8 };
enum { CUDA_MAP_BYTES = 128, CUDA_MAP_RANK = 5, CUDA_SWIZZLE_128 = 3, CUDA_PROMOTE_256 = 3 };

/* CALL(field, name for cuGetProcAddress, parameters, 1 when the runtime cannot do without it): what entries of objects need. */
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
  CALL(tensor_map, cuTensorMapEncodeTiled,                                                                             \
       (void *map, int type, uint32_t rank, void *at, const uint64_t *dim, const uint64_t *stride, const uint32_t *box,\
        const uint32_t *step, int interleave, int swizzle, int promotion, int fill), 0)                                \
  CALL(function_set, cuFuncSetAttribute, (void *function, int attribute, int value), 1)                                \
  CALL(capture_mode, cuThreadExchangeStreamCaptureMode, (int *mode), 0)                                                \
  CALL(alloc_async, cuMemAllocAsync, (cuda_ptr *at, size_t bytes, void *stream), 1)                                    \
  CALL(free_async, cuMemFreeAsync, (cuda_ptr at, void *stream), 1)                                                     \
  CALL(launch, cuLaunchKernel,                                                                                         \
       (void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, \
        void *stream, void **params, void **extra), 1)                                                                 \
  CALL(error_name, cuGetErrorName, (cuda_result r, const char **text), 0)                                              \
  CALL(error_string, cuGetErrorString, (cuda_result r, const char **text), 0)

/* What hone's worker needs besides, to prepare memory, to measure and to say what the device is. */
#define CUDA_WORKER_CALLS(CALL)                                                                                        \
  CALL(device_count, cuDeviceGetCount, (int *n), 1)                                                                    \
  CALL(device_name, cuDeviceGetName, (char *name, int len, int device), 1)                                             \
  CALL(device_attribute, cuDeviceGetAttribute, (int *value, int attribute, int device), 1)                             \
  CALL(device_memory, cuDeviceTotalMem, (size_t *bytes, int device), 1)                                                \
  CALL(device_bus, cuDeviceGetPCIBusId, (char *text, int len, int device), 0)                                          \
  CALL(driver_version, cuDriverGetVersion, (int *version), 0)                                                          \
  CALL(module_unload, cuModuleUnload, (void *module), 1)                                                               \
  CALL(alloc, cuMemAlloc, (cuda_ptr *at, size_t bytes), 1)                                                             \
  CALL(free, cuMemFree, (cuda_ptr at), 1)                                                                              \
  CALL(to_device, cuMemcpyHtoD, (cuda_ptr to, const void *from, size_t bytes), 1)                                      \
  CALL(to_host, cuMemcpyDtoH, (void *to, cuda_ptr from, size_t bytes), 1)                                              \
  CALL(copy_async, cuMemcpyDtoDAsync, (cuda_ptr to, cuda_ptr from, size_t bytes, void *stream), 1)                     \
  CALL(fill_async, cuMemsetD8Async, (cuda_ptr at, unsigned char value, size_t bytes, void *stream), 1)                 \
  CALL(stream_create, cuStreamCreate, (void **stream, unsigned flags), 1)                                              \
  CALL(stream_wait, cuStreamSynchronize, (void *stream), 1)                                                            \
  CALL(event_create, cuEventCreate, (void **event, unsigned flags), 1)                                                 \
  CALL(event_record, cuEventRecord, (void *event, void *stream), 1)                                                    \
  CALL(event_wait, cuEventSynchronize, (void *event), 1)                                                               \
  CALL(event_ms, cuEventElapsedTime, (float *ms, void *from, void *to), 1)                                             \
  CALL(capture_begin, cuStreamBeginCapture, (void *stream, int mode), 0)                                               \
  CALL(capture_end, cuStreamEndCapture, (void *stream, void **graph), 0)                                               \
  CALL(graph_instantiate, cuGraphInstantiateWithFlags, (void **exec, void *graph, unsigned long long flags), 0)        \
  CALL(graph_launch, cuGraphLaunch, (void *exec, void *stream), 0)                                                     \
  CALL(graph_destroy, cuGraphDestroy, (void *graph), 0)                                                                \
  CALL(graph_exec_destroy, cuGraphExecDestroy, (void *exec), 0)

#define CUDA_FIELD(field, name, params, needed) cuda_result(*field) params;
struct cuda_calls { CUDA_CALLS(CUDA_FIELD) };
struct cuda_worker_calls { CUDA_WORKER_CALLS(CUDA_FIELD) };

/* cuGetProcAddress_v2: how every function of a driver is found. */
typedef cuda_result cuda_get_proc(const char *name, void **fn, int version, uint64_t flags, int *status);
/* That of libcuda.so.1, NULL when there is none. */
cuda_get_proc *hone_cuda_find_driver(void);
/* Makes hone_cuda_run use another driver; only before its first call. */
void hone_cuda_use_driver(cuda_get_proc *get);
struct hone_cuda_form;
/* Forgets what was loaded for a form that one context used; the module is the caller's to unload. NULL: nothing was loaded. */
void *hone_cuda_forget(struct hone_cuda_form *form);
/* The function `name` to *field (a function pointer); 0: not there. */
int hone_cuda_find(cuda_get_proc *get, const char *name, void *field);
#endif
