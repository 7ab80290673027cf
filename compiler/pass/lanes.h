/* Recurrences (of locals, or through an array: a[k][i] = a[k - 1][i] + …) side by side: an outer loop whose iterations are independent, on lanes.

     for i: { r = 0; for k: r = r * x[i] + c[k]; y[i] = r }

   becomes, where the arrays lie apart and there are iterations enough (else it stays),

     for i by 32: for the 32 lanes v of i: { r = 0; for k: r = r * x[v] + c[k]; y[v] = r }

   needs   a SOURCE tree that pass_raise gave up on
   gives   the same tree, each such loop beside its form on lanes in an `if`; each lane does what its iteration did, in the same order and types
   leaves  loops without a recurrence inside (LLVM and pass_parts see to these), loops in which anything is decided by values, and those whose iterations are not
           shown to be independent: a local that one may leave to the next, arrays that are written at places which are not shown to lie apart; and recurrences along rows that are read
           and written (lanes would gather and scatter them) */
#ifndef HONE_COMPILER_LANES_H
#define HONE_COMPILER_LANES_H
#include "ir/source.h"
void pass_lanes(struct arena *a, struct source *s, int64_t vector_bytes);
#endif
