/* Checking a variant against the interpreter: exact-integer inputs bit for bit, random reals within the bound, special values, poisoned outputs, sizes that
   leave remainders. A variant that did not pass is never a winner. */
#ifndef HONE_TUNER_CHECK_H
#define HONE_TUNER_CHECK_H
#include "tuner/measure.h"
struct evidence {                   /* stored with the record */
  unsigned passes;                  /* how many input sets */
  uint64_t seed;
  double worst;                     /* largest error / bound seen, <= 1 when right */
  char where[128];                  /* first violation: "C[3,17]: got 1.5, expected 2.25 (bound 1e-6)" */
};
enum inputs { INPUTS_EXACT, INPUTS_RANDOM, INPUTS_SPECIAL, INPUTS_COUNT };
/* Builds arguments for k at these dims (value[] by sym), deterministic from seed. ST_INFEASIBLE when memory or size limits are exceeded. */
enum status check_problem(struct arena *a, const struct kernel *k, const int64_t *value, enum inputs kind, uint64_t seed, unsigned threads,
                          struct problem *out, struct diag *d);
/* What candidates may do to floats (ir/interp.h). fast: its inputs are made finite, since a weight of 0 times an infinity is a NaN. brief: on GPUs
   that have instructions for products of e4m3 and e5m2. Before check_reference. */
void check_allow(struct problem *p, bool tf32, bool fast, bool brief);
/* Reference for a problem (kernel_interp); large problems: a random subset of outputs is recomputed exactly instead, see docs/design.md. */
struct reference;
struct reference *check_reference(struct arena *a, const struct problem *p, struct diag *d);
bool check_compare(const struct problem *p, const struct reference *r, const struct args *got, struct evidence *ev);
#endif
