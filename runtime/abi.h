/* The calling convention between generated code and the runtime. The only header that codegen and runtime share. Knows nothing else. */
#ifndef HONE_RUNTIME_ABI_H
#define HONE_RUNTIME_ABI_H
#include <stdint.h>

/* Body of a parallel loop: runs iterations first <= i < last (counted from 0; the loop variable is lo + i * step). */
typedef void hone_rt_body(void *ctx, int64_t first, int64_t last);
/* Runs body over 0 <= i < n on the threads of the pool, returns when all are done. Generated code calls exactly this symbol.
   grain: least number of iterations worth a hand-over. n <= 0: nothing. Nested calls run serially in the caller. */
#define HONE_RT_PARALLEL_SYMBOL "hone_rt_parallel"
void hone_rt_parallel(int64_t n, int64_t grain, hone_rt_body *body, void *ctx);

/* The worker protocol's uniform entry to a variant: args[i] points to the i-th argument of the C function (its value for scalars and dims as the C type,
   the pointer variable itself for tensors). Emitted beside the entry when asked for (emit.h), hidden in shipped objects. */
typedef void hone_rt_call(void *const *args);

/* GPU kernels: what an object compiled for a GPU hands to the runtime (cuda.c). All of it is constant data of the object, but for the two `state`,
   which the runtime owns. */
struct hone_cuda_module {
  const char *ptx;   /* ends in 0 */
  const void *cubin; /* the same assembled for one architecture; NULL: the driver does it */
  void *state;
};
/* One form of a function: kernels to launch in order. `plan` is a row of numbers:
     for each kernel   threads in a block, bytes of shared memory that its launch asks for, blocks at most (0: any number), number of parallel loops, and for each of those: step, 1 when its first iteration is always run,
                       number of lower bounds, these, number of upper bounds, these. The grid is the product of the loops' iterations, at most so many.
     for each buffer   the kernel for whose every block there is one (-1: one for all), bytes of an element, rank, 1 when strides follow,
                       and for each dimension: extent, stride.
     the number of tensor maps, and for each: the parameter whose array it is of, the driver's type, bytes of an element, rank, 1 when
                       strides follow, and for each dimension, the innermost first: extent, stride, elements of a box. Boxes are swizzled by 128 bytes.
   Bounds, extents and strides are polynomials over dims: number of terms, and for each: factor, number of dims, their parameter numbers. */
struct hone_cuda_form {
  struct hone_cuda_module *module;
  const char *const *kernel; /* names in the PTX */
  const int64_t *plan;
  int32_t nkernel, nbuffer, nparam, nplan;
  void *state;
};
/* A form by itself, as bytes that need no linker: what the tuner measures. This header, the plan, the kernels' names (each ends in 0), the PTX
   (ends in 0), padding to a multiple of 8, the cubin. */
#define HONE_CUDA_PACKAGE_MAGIC UINT64_C(0x33676b7065706f68)
struct hone_cuda_package {
  uint64_t magic;
  int32_t nkernel, nbuffer, nparam, nplan;
  uint64_t names, ptx, cubin; /* bytes; cubin 0: none */
};
/* args[i] points to parameter i: a dim as int64_t, a scalar as its C type, a device pointer. Returns 0 or a code that hone_rt_error() explains.
   Asynchronous in `stream` (a CUstream; NULL: the default stream). */
#define HONE_CUDA_RUN_SYMBOL "hone_cuda_run"
int hone_cuda_run(struct hone_cuda_form *form, void *stream, void *const *args);
enum { /* codes of the runtime; positive ones are the driver's */
  HONE_CUDA_NO_DRIVER = -1, /* no libcuda.so.1, or one that is too old */
  HONE_CUDA_OVERLAP = -2,   /* arrays overlap, or the dims break an assumption of the function: a GPU cannot run it in source order */
  HONE_CUDA_SIZE = -3,      /* the dims need more than a grid or memory can have */
  HONE_CUDA_MEMORY = -4     /* no memory on the host */
};
#endif
