/* A schedule taken apart, so that the search can change one thing and put it together again in canonical order:
   split, tiles, order, vector, unroll, pack and copy, prefetch, stream, parallel. */
#ifndef HONE_TUNER_PLAN_H
#define HONE_TUNER_PLAN_H
#include "tuner/strategy.h"

enum { PLAN_NONE = 255, PLAN_EXTRA = 24 };
struct plan {
  uint8_t naxis;
  int16_t tile[GROUP_MAX_AXIS][LEVEL_MAX - 1];   /* ascending; 0: no such level */
  uint8_t norder, order[GROUP_MAX_AXIS * LEVEL_MAX];
  uint8_t vector[4], nvector;                    /* loops */
  uint8_t nextra;
  struct step extra[PLAN_EXTRA];                 /* the other steps, in canonical order of kinds */
};
/* Of a legal schedule: the order is complete, as the lowering reads it. */
struct plan plan_of(const struct space *sp, const struct sched *s);
/* false when it does not fit into a schedule. */
bool plan_sched(const struct plan *p, struct sched *out);
unsigned plan_levels(const struct plan *p, unsigned axis);    /* loops of an axis: 1 + tiles */
#endif
