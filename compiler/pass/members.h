/* Structures whose members are treated alike: see members.c. */
#ifndef HONE_COMPILER_PASS_MEMBERS_H
#define HONE_COMPILER_PASS_MEMBERS_H
#include "ir/tensor.h"

/* Runs of equations for the members become equations over them, with one more parallel axis each, the last; their number. */
unsigned members_join(struct arena *a, struct kernel *k);
#endif
