/* Dims whose small values want a form of their own. The general form of a product is a register tile of rows x vectors,
   with an operand packed for many rows: one row, a few, one column or fewer columns than a vector has lanes would pay
   for all of it. Those dims are found in the default schedule itself; a form for them is lowered under an assumption
   (`dim <= most`, which default_ask.c's def_guess and def_most see) or with the dim as a constant. On GPUs, where the
   general form has tiles of warp groups, fewer rows or columns than one has get those of warps. */
#include "codegen/lower/default.h"

/* The dim that axis a walks from 0 to. */
static bool dim_of(const struct chooser *c, unsigned a, sym_t *dim) {
  poly_t n = poly_sub(c->a, c->g->axis[a].hi, c->g->axis[a].lo);
  if (n->n != 1 || n->mono[0].n != 1 || n->mono[0].coef != 1) return false;
  *dim = n->mono[0].sym[0];
  return c->gs->k->sym[*dim].kind == SYM_DIM;
}

/* The axis of a step of the schedule: parallel in the main equation, in tiles. -1: there is none. */
static int tiled_axis(const struct chooser *c, enum stepkind kind) {
  for (unsigned i = 0; i < c->s.nstep; i++) {
    const struct step *st = &c->s.step[i];
    unsigned a = LOOP_AXIS(st->loop);
    if (st->kind != kind || LOOP_LEVEL(st->loop) || (kind == STEP_unroll && st->arg)) continue;
    int at = eq_axis(c->main, c->g->axis[a].sym);
    if (at >= 0 && at < c->main->npar) return (int)a;
  }
  return -1;
}

static bool in_groups(const struct sched *s) {
  for (unsigned i = 0; i < s->nstep; i++)
    if (s->step[i].kind == STEP_tensorize && s->step[i].arg == MATRIX_wgmma) return true;
  return false;
}

static unsigned find_groups(const struct chooser *c, struct small_dim *out) {
  int axis[2] = {tiled_axis(c, STEP_threads), tiled_axis(c, STEP_lanes)};
  unsigned n = 0;
  sym_t dim;
  for (unsigned i = 0; i < 2 && in_groups(&c->s); i++)
    if (axis[i] >= 0 && dim_of(c, (unsigned)axis[i], &dim) && (!n || out[0].dim != dim))
      out[n++] = (struct small_dim){dim, BLOCKS_GROUP - 1};
  return n;
}

static unsigned find(const struct chooser *c, struct small_dim *out) {
  unsigned n = 0;
  sym_t lane_dim, row_dim;
  if (c->lim->simt) return find_groups(c, out);
  if (c->main->red == RED_none || c->main->nax != c->main->npar + 1) return 0;
  int lane = tiled_axis(c, STEP_vector), row = tiled_axis(c, STEP_unroll);
  if (lane < 0 || row < 0) return 0;
  bool lanes = dim_of(c, (unsigned)lane, &lane_dim), rows = dim_of(c, (unsigned)row, &row_dim);
  if (lanes && rows && lane_dim == row_dim) return 0;
  if (rows) out[n++] = (struct small_dim){row_dim, 1};
  if (lanes) out[n++] = (struct small_dim){lane_dim, 1};
  if (lanes) out[n++] = (struct small_dim){lane_dim, def_lanes(c, c->main)};
  if (rows) out[n++] = (struct small_dim){row_dim, FEW_ROWS};
  return n;
}

unsigned sched_small_dims(const struct groups *gs, unsigned g, const struct limits *lim, const struct lower_opts *o,
                          struct small_dim *out) {
  struct chooser c = {.a = arena_new(), .gs = gs, .g = &gs->g[g], .gi = g, .lim = lim, .o = o};
  unsigned n = 0;
  struct oom_guard guard;
  if (!OOM_TRY(&guard)) {
    arena_free(c.a);
    oom_raise();
  }
  c.main = def_find_main(&c);
  c.s = sched_default(gs, g, lim, o);
  if (c.main) n = find(&c, out);
  oom_leave(&guard);
  arena_free(c.a);
  return n;
}
