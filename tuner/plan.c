/* Schedules taken apart and put together. */
#include "tuner/plan.h"
#include <string.h>

unsigned plan_levels(const struct plan *p, unsigned axis) {
  unsigned n = 1;
  while (n < LEVEL_MAX && p->tile[axis][n - 1]) n++;
  return n;
}

struct plan plan_of(const struct groups *gs, unsigned g, const struct sched *s) {
  struct plan p = {.naxis = gs->g[g].naxis};
  if (sched_split(s) >= 0 && p.naxis < GROUP_MAX_AXIS) p.naxis++; /* the parts */
  for (unsigned i = 0; i < s->nstep; i++) {
    struct step t = s->step[i];
    unsigned axis = LOOP_AXIS(t.loop);
    if (t.kind == STEP_tile && axis < p.naxis) {
      unsigned n = plan_levels(&p, axis);
      if (n < LEVEL_MAX) p.tile[axis][n - 1] = t.arg;
    } else if (t.kind == STEP_order) {
      if (p.norder < sizeof p.order) p.order[p.norder++] = t.loop;
    } else if (t.kind == STEP_vector) {
      if (p.nvector < sizeof p.vector) p.vector[p.nvector++] = t.loop;
    } else if (p.nextra < PLAN_EXTRA) {
      p.extra[p.nextra++] = t;
    }
  }
  return p;
}

static bool in_order(const struct plan *p, uint8_t loop) {
  return memchr(p->order, loop, p->norder) != NULL;
}

void plan_complete_order(struct plan *p) {
  uint8_t all[sizeof p->order];
  unsigned n = 0;
  for (unsigned l = LEVEL_MAX; l-- > 0;)
    for (unsigned x = 0; x < p->naxis; x++)
      if (l < plan_levels(p, x) && !in_order(p, LOOP_ID(x, l))) all[n++] = LOOP_ID(x, l);
  for (unsigned i = 0; i < p->norder; i++)
    if (LOOP_LEVEL(p->order[i]) < plan_levels(p, LOOP_AXIS(p->order[i]))) all[n++] = p->order[i];
  memcpy(p->order, all, n);
  p->norder = (uint8_t)n;
}

static bool push_extra(const struct plan *p, struct sched *s, enum stepkind kind) {
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].kind == kind && !sched_push(s, kind, p->extra[i].loop, p->extra[i].arg)) return false;
  return true;
}

bool plan_sched(const struct plan *p, struct sched *out) {
  static const uint8_t after[] = {STEP_unroll, STEP_peel, STEP_compute, STEP_tensorize, STEP_pack, STEP_copy, STEP_prefetch, STEP_stream, STEP_parallel};
  memset(out, 0, sizeof *out);
  bool ok = push_extra(p, out, STEP_split);
  for (unsigned x = 0; x < p->naxis; x++)
    for (unsigned l = 0; l + 1 < plan_levels(p, x); l++) ok = ok && sched_push(out, STEP_tile, LOOP_ID(x, 0), p->tile[x][l]);
  for (unsigned i = 0; i < p->norder; i++) ok = ok && sched_push(out, STEP_order, p->order[i], 0);
  for (unsigned i = 0; i < p->nvector; i++) ok = ok && sched_push(out, STEP_vector, p->vector[i], 0);
  for (unsigned i = 0; i < sizeof after; i++) ok = ok && push_extra(p, out, after[i]);
  return ok;
}
