/* Time tiling of SOURCE: the steps of an outer loop (time) work on a block of rows that stays in the cache, then on the next one.

     for t: { for i: B[i] = f(A[i - 1], A[i + 1]);  for i: A[i] = g(B[i - 1], B[i + 1]) }

   becomes, where the arrays are larger than the cache and lie apart (else it stays),

     for rounds of steps: for chunks of rows: for t of the round: { for i of the chunk - 2t: B…;  for i of the chunk - 2t - 1: A… }

   needs   a SOURCE tree that pass_raise gave up on
   gives   the same tree, each such loop beside its tiled form in an `if`; every value is computed from the same values as before, in the same types
           (flat arrays are seen with the dims that raise_strides.c gives them: what it assumes for that is asked at run time). A nest in place whose rows
           run in order gets a form with several steps side by side instead (wave.c)
   leaves  what is inside of the loops over rows: pass_parts raises it. Loops whose rows depend on one another in another way (subscripts that are not a row
           plus a constant, numbers that are carried along) stay as they are

   The transformation is loop skewing (Wolfe, 1986) by the same number of rows for each loop inside, and strip mining of both loops. */
#ifndef HONE_COMPILER_SKEW_H
#define HONE_COMPILER_SKEW_H
#include "ir/source.h"
/* cache: bytes that a block may take. */
void pass_skew(struct arena *a, struct source *s, int64_t cache);
#endif
