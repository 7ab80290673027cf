/* What a running sum shows after the last block when its state is still at the identity (every term was exp(-inf - -inf)). */
#ifndef HONE_COMPILER_PASS_REPAIR_H
#define HONE_COMPILER_PASS_REPAIR_H
#include "compiler/pass/stream.h"
/* The sum at position `sum` of the list either shows in no result or can be repaired where it is read. */
bool repair_find(struct arena *a, const struct kernel *k, const uint16_t *eq, unsigned n, unsigned sum, const struct stream *st);
/* Makes the readers of that sum see NaN where the plain form has NaN. k's equations outside the stream change. */
void repair_apply(struct arena *a, struct kernel *k, const uint16_t *eq, unsigned n, unsigned sum, const struct stream *st);
#endif
