/* A set of schedules by hash: what a strategy has asked already. Heap; seen_free releases. */
#ifndef HONE_TUNER_SEEN_H
#define HONE_TUNER_SEEN_H
#include "ir/sched.h"
struct seen_set { uint64_t *hash; size_t n, cap; };
bool seen_add(struct seen_set *s, const struct sched *x);   /* false: was there */
void seen_free(struct seen_set *s);
#endif
