/* What a kernel is compared with: the C compilers of this machine on the same source, and BLAS for a plain matrix product. Each becomes an object with the same
   entry as a candidate (SYMBOL__hone_call), so that all are measured in one worker. */
#ifndef HONE_COMPILER_PEER_H
#define HONE_COMPILER_PEER_H
#include "compiler/hone.h"
struct peer { const char *name, *symbol; struct buf object; };    /* object: heap */
/* The function compiled by `cc` with its flags. ST_INFEASIBLE: no such compiler, or it refused (quietly). path: the C file. */
enum status peer_compile(struct hone *h, const char *path, const struct kernel *k, const char *cc, const char *const *flags, struct peer *out);
/* cblas_?gemm when k is one product of two dense matrices of f32 or f64. ST_INFEASIBLE: it is not, or no C compiler. */
enum status peer_blas(struct hone *h, const struct kernel *k, struct peer *out);
#endif
