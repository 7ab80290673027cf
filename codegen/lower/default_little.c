/* Default schedule of many little products side by side (a batch of 4 x 4 matrices, quaternions, small stencils of
   blocks): a sum whose axes are all constant and short, but for those of the batch, and whose results lie together.
   Lanes go along the result's short rows, everything short is written out: all of one product is in registers. Lanes
   along the batch would gather. */
#include "codegen/lower/default.h"

enum { SHORT = 16, POINTS_LEAST = 8, POINTS_MOST = 256, LANES_LEAST = 3 };

static bool is_short(const struct chooser *c, int a) {
  int64_t n = a < 0 ? 0 : def_extent(c, (unsigned)a);
  return n >= 1 && n <= SHORT;
}

/* The short parallel axis that the result lies along; -1: none, or a batch axis does. Other batches are long. */
static int little_lane(const struct chooser *c) {
  const struct eq *e = c->main;
  int lane = -1;
  bool batch = false;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym), step = def_step(c, e->lhs, e->lhs_idx, e->axis[x].sym);
    if (a < 0 || (!is_short(c, a) && step == 1)) return -1;
    batch |= !is_short(c, a);
    if (step == 1 && def_extent(c, (unsigned)a) >= LANES_LEAST) lane = a;
  }
  return batch ? lane : -1;
}

static int64_t points(const struct chooser *c) {
  int64_t n = 1;
  for (unsigned x = 0; x < c->main->nax; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    if (!is_short(c, a)) {
      if (x >= c->main->npar) return 0;
      continue;
    }
    n *= def_extent(c, (unsigned)a);
    if (n > POINTS_MOST) return 0;
  }
  return n;
}

/* Both operands lie along the lanes or do not move with them: nothing is gathered. */
static bool lies_well(const struct chooser *c, int lane) {
  struct score s = {c, c->main, c->g->axis[lane].sym, 0, 0, 0, 0};
  expr_visit(c->main->body, def_score_read, &s);
  return s.unit > 0 && !s.far;
}

static void little_order(const struct chooser *c, unsigned lane, struct order *o) {
  const struct eq *e = c->main;
  for (unsigned x = 0; x < e->npar; x++)
    if (!is_short(c, def_axis(c, e->axis[x].sym))) def_then(o, (unsigned)def_axis(c, e->axis[x].sym), 0);
  def_then(o, lane, 1);
  for (unsigned x = e->npar; x < e->nax; x++) def_then(o, (unsigned)def_axis(c, e->axis[x].sym), 0);
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (is_short(c, a) && a != (int)lane) def_then(o, (unsigned)a, 0);
  }
  def_then(o, lane, 0);
}

bool def_little(struct chooser *c) {
  const struct eq *e = c->main;
  int lane = e->red == RED_none || c->g->neq > 1 ? -1 : little_lane(c);
  if (lane < 0 || points(c) < POINTS_LEAST || !lies_well(c, lane)) return false;
  int64_t tile = 4;
  while (tile < def_extent(c, (unsigned)lane)) tile *= 2;
  struct order o = {0};
  little_order(c, (unsigned)lane, &o);
  def_push(c, STEP_tile, LOOP_ID(lane, 0), tile);
  def_push_order(c, &o);
  if (!def_push(c, STEP_vector, LOOP_ID(lane, 0), 0)) return false;
  for (unsigned x = 0; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (is_short(c, a) && a != lane) def_push(c, STEP_unroll, LOOP_ID(a, 0), 0);
  }
  def_push_parallel(c, &o);
  return true;
}
