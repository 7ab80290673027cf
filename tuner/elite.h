/* The best trials so far, as strategies keep them to propose from. */
#ifndef HONE_TUNER_ELITE_H
#define HONE_TUNER_ELITE_H
#include "tuner/strategy.h"
#include <string.h>

/* Puts t into best[0..n), best first, which holds at most max; returns how many there are then. A failed trial is left out. */
static inline unsigned elite_add(struct trial *best, unsigned n, unsigned max, const struct trial *t) {
  unsigned at = n, keep = n < max ? n : max - 1;
  if (!t->ok) return n;
  while (at > 0 && best[at - 1].cost > t->cost) at--;
  if (at >= max) return n;
  memmove(&best[at + 1], &best[at], (keep - at) * sizeof *best);
  best[at] = *t;
  return keep + 1;
}
#endif
