/* Loops that were tiled by hand. */
#ifndef HONE_COMPILER_PASS_UNTILE_H
#define HONE_COMPILER_PASS_UNTILE_H
#include "ir/group.h"
/* sum(kk in 0..n, k in 4*kk..4*kk + 4) becomes sum(k in 0..4*n); a tile's number that is reduced over and that a guard ties to a parallel axis goes. */
void untile_eq(struct arena *a, struct eq *e);
#endif
