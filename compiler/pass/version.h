/* Intermediate values of a result as temps. */
#ifndef HONE_COMPILER_PASS_VERSION_H
#define HONE_COMPILER_PASS_VERSION_H
#include "ir/group.h"
/* Where a result is written and later wholly overwritten, the first value becomes a temp: C = sum ..; C = C / z  is  C_1 = sum ..; C = C_1 / z. */
void version_kernel(struct arena *a, struct kernel *k);
#endif
