/* hone's run-time library: what a kernel compiled with a parallel schedule links (libhone_rt.a, -lpthread). A kernel with one thread needs none of it. */
#ifndef HONE_RT_H
#define HONE_RT_H
#include "runtime/abi.h"
#ifdef __cplusplus
extern "C" {
#endif
/* Threads in use: $HONE_NUM_THREADS, else the CPUs this process may run on. At least 1. */
int hone_rt_num_threads(void);
/* Changes it for later calls; n < 1 restores the default. Not while a kernel runs. */
void hone_rt_set_num_threads(int n);
/* Uses the caller's own pool: run(pool, n, grain, body, ctx) must call body over a partition of [0, n) and return when all is done.
   NULL restores hone's pool. */
typedef void hone_rt_run_fn(void *pool, int64_t n, int64_t grain, hone_rt_body *body, void *ctx);
void hone_rt_set_pool(hone_rt_run_fn *run, void *pool);
/* Ends hone's threads (they start again when needed). For leak checkers and before fork. */
void hone_rt_shutdown(void);
/* What a GPU entry's result means; for driver errors with the driver's own words. Valid until the next call of this thread. */
const char *hone_rt_error(int code);
#ifdef __cplusplus
}
#endif
#endif
