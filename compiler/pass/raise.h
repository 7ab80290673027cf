/* SOURCE -> TENSOR: a C function as equations.

   needs   a verified SOURCE tree
   gives   a kernel with the same effect on every input that meets kernel.assume (the entry checks that, and overlap unless kernel.noalias)
   leaves  what it cannot prove: ST_INFEASIBLE with the reason, and the function is compiled as written

   The walk is symbolic execution from the outside in, and loop closing from the inside out:
   scalars are expressions until they must cross a loop; a loop turns the items of its body (assignments and reductions over inner axes) into
   items with one axis more, after the dependence tests have shown that each may run over the whole axis before the next one starts. */
#ifndef HONE_COMPILER_RAISE_H
#define HONE_COMPILER_RAISE_H
#include "ir/source.h"
/* ST_OK: *out is the kernel (in a). ST_INFEASIBLE: *why (in a) and *why_loc say what stands in the way. ST_NOMEM by oom_raise only.
   A diagnostic is never given: the caller decides whether the reason is a warning. */
enum status pass_raise(struct arena *a, const struct source *s, struct kernel **out, struct diag *d, const char **why, struct loc *why_loc);
#endif
