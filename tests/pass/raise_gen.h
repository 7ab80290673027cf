/* Random C functions for the property test of raising. */
#ifndef HONE_TESTS_RAISE_GEN_H
#define HONE_TESTS_RAISE_GEN_H
#include "ir/buf.h"
/* Appends `count` functions f0, f1 …: loop nests over arrays of a few ranks with offsets that make dependences of all kinds, scalars that are carried or
   not, local arrays, searches, conditions on subscripts and on values. Some raise, some cannot. The same seed gives the same text. */
void raise_random_c(struct buf *out, uint64_t seed, unsigned count);
#endif
