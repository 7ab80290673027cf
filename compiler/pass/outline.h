/* Costly subexpressions as equations of their own. */
#ifndef HONE_COMPILER_PASS_OUTLINE_H
#define HONE_COMPILER_PASS_OUTLINE_H
#include "ir/group.h"
/* Gives a temp to each costly subexpression that is evaluated again along an axis it does not vary in, and to each transcendental one that two equations evaluate. */
void outline_kernel(struct arena *a, struct kernel *k);
#endif
