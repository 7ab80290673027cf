/* A schedule taken apart, so that the search can change one thing and put it together again in canonical order:
   split, tiles, order, vector, threads, unroll, pack and copy, stage, prefetch, stream, parallel, raster, persist, cluster. */
#ifndef HONE_TUNER_PLAN_H
#define HONE_TUNER_PLAN_H
#include "tuner/strategy.h"

enum { PLAN_NONE = 255, PLAN_EXTRA = 28, PLAN_TILE_MOST = 8192 };
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
/* ---- changing one: what comes out may be illegal ---- */
/* The place of a step besides tiles, order and vectors; loop, arg < 0: any. -1: there is none. */
int plan_find(const struct plan *p, enum stepkind kind, int loop, int arg);
void plan_drop(struct plan *p, int at);
bool plan_add(struct plan *p, enum stepkind kind, unsigned loop, int arg);
bool plan_on_loop(const struct step *s);                     /* does it name a loop? */
int plan_vector(const struct plan *p, unsigned axis);        /* the place of the axis's vector; -1: none */
void plan_fit(struct plan *p, unsigned axis);                /* levels above are multiples of those below again, about as large */
/* A level with tiles of `size` between levels `level` - 1 and `level`: the loop that was `level` walks tiles from now on, a new one stands right inside it. */
bool plan_insert(struct plan *p, unsigned axis, unsigned level, int64_t size);
void plan_remove(struct plan *p, unsigned axis, unsigned level); /* level, its loop and the steps on it */
unsigned plan_levels(const struct plan *p, unsigned axis);    /* loops of an axis: 1 + tiles */
#endif
