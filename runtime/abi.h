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
#endif
