/* Schedules taken apart and put together. */
#include "tuner/plan.h"
#include <string.h>

unsigned plan_levels(const struct plan *p, unsigned axis) {
  unsigned n = 1;
  while (n < LEVEL_MAX && p->tile[axis][n - 1]) n++;
  return n;
}

/* Loops that the schedule does not name stand where the lowering puts them. */
static void complete_order(const struct space *sp, const struct sched *s, struct plan *p) {
  struct arena *a = arena_new();
  p->norder = (uint8_t)legal_order(a, sp->gs, sp->g, s, sp->lim, &sp->opts, p->order);
  arena_free(a);
}

struct plan plan_of(const struct space *sp, const struct sched *s) {
  struct plan p = {.naxis = sp->gs->g[sp->g].naxis};
  if (sched_split(s) >= 0 && p.naxis < GROUP_MAX_AXIS) p.naxis++; /* the parts */
  for (unsigned i = 0; i < s->nstep; i++) {
    struct step t = s->step[i];
    unsigned axis = LOOP_AXIS(t.loop);
    if (t.kind == STEP_tile && axis < p.naxis) {
      unsigned n = plan_levels(&p, axis);
      if (n < LEVEL_MAX) p.tile[axis][n - 1] = t.arg;
    } else if (t.kind == STEP_vector) {
      if (p.nvector < sizeof p.vector) p.vector[p.nvector++] = t.loop;
    } else if (t.kind != STEP_order && p.nextra < PLAN_EXTRA) {
      p.extra[p.nextra++] = t;
    }
  }
  complete_order(sp, s, &p);
  return p;
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
