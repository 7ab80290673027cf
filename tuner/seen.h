/* What a strategy has asked already, by hash: schedules, and the loops that they lower to, since many a step changes nothing (a tile as large as the axis, an order
   of loops that run once). Heap; seen_free releases. */
#ifndef HONE_TUNER_SEEN_H
#define HONE_TUNER_SEEN_H
#include "tuner/strategy.h"
struct seen_set { uint64_t *hash; size_t n, cap; };
bool seen_add(struct seen_set *s, const struct space *sp, const struct sched *x);   /* false: it, or one with the same loops, was there */
bool seen_has(const struct seen_set *s, const struct sched *x);                     /* this very schedule */
void seen_free(struct seen_set *s);
#endif
