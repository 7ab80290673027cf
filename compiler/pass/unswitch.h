/* Conditions that do not change in a loop, in front of it: one loop for each case.

     for i: if (kind == 0) y[i] = max(x[i], 0) else y[i] = tanh(x[i])

   becomes   if (kind == 0) for i: y[i] = max(x[i], 0)  else for i: y[i] = tanh(x[i])

   needs   a SOURCE tree
   gives   a function with the same effect; loops are copied, so no more than a few times
   leaves  conditions that read memory or may trap (they need not be evaluated where the loop has no iterations), and those inside of `while` */
#ifndef HONE_COMPILER_UNSWITCH_H
#define HONE_COMPILER_UNSWITCH_H
#include "ir/source.h"
/* Would a loop that computes all cases and picks one do much for nothing: functions, loops of one case? (Also where there is a loop for each case already.) */
bool unswitch_pays(const struct lfunc *f);
/* NULL: there is no such condition, and no loop for each case as it is written. (Where there are too many, the last ones stay inside.) */
struct lfunc *unswitch(struct arena *a, const struct lfunc *f);
#endif
