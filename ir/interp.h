/* The oracle. Interprets every level on real memory.
   kernel_interp: TENSOR (and so GROUP) semantics in double (f64 kernels: long double) with an error bound per output element.
   lfunc_interp: LOOP semantics exactly as written, in the types written. */
#ifndef HONE_IR_INTERP_H
#define HONE_IR_INTERP_H
#include "ir/loop.h"

struct args {                 /* the arguments of one call, by parameter */
  int64_t *dim;               /* [nparam], used where PARAM_DIM */
  union value *scalar;        /* [nparam], used where PARAM_SCALAR */
  void **data;                /* [nparam], used where PARAM_TENSOR: memory in the tensor's layout */
  bool tf32;                  /* products of two elements of f32 may have them rounded to tf32: bounds allow for it */
  bool fast;                  /* so may f32 factors beside bf16 or f16 ones to their type; exponentials and quotients of f32 may be approximate */
  bool brief;                 /* sums of products of e4m3 and e5m2 may keep BRIEF_BITS bits on the way, as the tensor cores of GPUs do */
};
enum { BRIEF_BITS = 14, BRIEF_STEP = 32 /* terms that are added at once */ };
/* Elements of memory that tensor t spans at these dims (1 + sum (extent-1)*stride; 0 when an extent is <= 0). false on overflow or > max. */
bool tensor_span(const struct kernel *k, unsigned t, const struct args *a, int64_t max, int64_t *nelem);

/* What each output element should be, and how far off a correct implementation may be. Arrays as long as the tensor's span. */
struct expect {
  uint8_t *written;           /* 1 where the kernel writes; elsewhere memory must keep its bits */
  double *ref, *bound;        /* bound: absolute error allowed: from unit round-off, magnitude of terms and reduction length (docs/design.md).
                                 integers: ival holds the value; bound 0 unless a comparison or a conversion upstream may go the other way */
  int64_t *ival;
};
/* Runs k on a. Results are written to a->data (rounded to the tensor's type); expect[p] is filled for each output parameter p that is non-NULL in `want`
   (arrays allocated from `arena`). ST_OK, ST_REFUSED (out-of-bounds read or write: diagnosed), ST_INFEASIBLE when more than max_ops scalar operations are needed. */
enum status kernel_interp(const struct kernel *k, const struct args *a, struct arena *arena, struct expect *want /* [nparam] or NULL */,
                          uint64_t max_ops, struct diag *d);
enum status lfunc_interp(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d);
#endif
