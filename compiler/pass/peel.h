/* Reductions that start from their own first term. */
#ifndef HONE_COMPILER_PASS_PEEL_H
#define HONE_COMPILER_PASS_PEEL_H
#include "ir/group.h"
/* max(j in 1..N) x[j] from x[0]  walks j in 0..N. sums: only when re-association is allowed, and without the start value. */
void peel_eq(struct arena *a, struct eq *e, bool strict);
#endif
