/* Results that are copies of temps. */
#ifndef HONE_COMPILER_PASS_COPY_H
#define HONE_COMPILER_PASS_COPY_H
#include "ir/group.h"
/* T = f; Y = T  becomes  Y = f, and readers of T read Y. */
void copy_kernel(struct arena *a, struct kernel *k);
#endif
