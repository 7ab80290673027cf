/* A reference executor of the GROUP level: shared axes as outer loops, the stream axis in blocks with running corrections, exactly as ir/group.h says.
   Written from that contract alone, so that what the passes promise is what is checked. */
#ifndef HONE_TESTS_GROUP_EXEC_H
#define HONE_TESTS_GROUP_EXEC_H
#include "ir/group.h"
#include "ir/interp.h"
/* Runs all groups on x, rounding each operation to its type. block: elements of the stream axis at a time. */
void group_exec(struct arena *a, const struct groups *gs, const struct args *x, int64_t block);
#endif
