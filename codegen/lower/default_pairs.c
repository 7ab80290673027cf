/* Default schedule of all pairs (forces between bodies, kernel sums, all distances in few dims): y[i] = sum(j) f(a[i],
   b[j]). Nothing in memory lies along both axes, so lanes along the result cost nothing to feed: what belongs to i
   stays in registers, what belongs to j is broadcast, and several sums over the same terms share one loop. Lanes along
   the reduction (default_plain.c) would make an array of the terms between them. */
#include "codegen/lower/default.h"

struct pairs {
  const struct chooser *c;
  sym_t along, over; /* a parallel axis; the reduced one */
  bool along_read, both;
};

static bool made_here(const struct chooser *c, unsigned tensor) {
  for (unsigned i = 0; i < c->g->neq; i++)
    if (c->gs->k->eq[c->g->eq[i]].lhs == tensor) return true;
  return false;
}

static void see_read(expr_t x, void *ctx) {
  struct pairs *p = ctx;
  if (x->kind != E_READ || made_here(p->c, x->acc->tensor)) return;
  bool along = def_has(x->acc, p->along), over = def_has(x->acc, p->over);
  for (unsigned d = 0; d < x->acc->rank; d++) along |= x->acc->ix[d].dyn != NULL, over |= x->acc->ix[d].dyn != NULL;
  p->along_read |= along;
  p->both |= along && over;
}

static bool is_pairs(const struct chooser *c, sym_t along, sym_t over) {
  struct pairs p = {c, along, over, false, false};
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (def_walks(e, over)) expr_visit(e->body, see_read, &p);
  }
  return p.along_read && !p.both;
}

/* The axis for the lanes of reduction e; -1: it is not one of pairs. */
static int pairs_lane(const struct chooser *c, const struct eq *e, unsigned lanes) {
  if (e->red == RED_none || e->red == RED_argmax || e->red == RED_argmin) return -1;
  for (unsigned y = e->npar; y-- > 0;) {
    int a = def_axis(c, e->axis[y].sym);
    if (a < 0 || def_guess(c, (unsigned)a) < lanes || !def_parallel_in_all(c, (unsigned)a)) continue;
    for (unsigned x = e->npar; x < e->nax; x++)
      if (is_pairs(c, e->axis[y].sym, e->axis[x].sym)) return a;
  }
  return -1;
}

bool def_pairs(struct chooser *c) {
  int lane = -1;
  unsigned lanes = def_lanes(c, c->main);
  if (lanes < 2 || c->o->strict) return false;
  for (unsigned i = 0; i < c->g->neq && lane < 0; i++) lane = pairs_lane(c, &c->gs->k->eq[c->g->eq[i]], lanes);
  if (lane < 0) return false;
  int64_t nv = def_pick_vectors(def_extent(c, (unsigned)lane), lanes, c->g->neq > 2 ? 2 : 4);
  struct order o = {0};
  def_push(c, STEP_tile, LOOP_ID(lane, 0), nv * lanes);
  for (unsigned a = 0; a < c->g->naxis; a++)
    if ((int)a != lane && def_parallel_in_all(c, a)) def_then(&o, a, 0);
  def_then(&o, (unsigned)lane, 1);
  for (unsigned a = 0; a < c->g->naxis; a++)
    if ((int)a != lane) def_then(&o, a, 0);
  def_then(&o, (unsigned)lane, 0);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(lane, 0), 0);
  def_push_parallel(c, &o);
  return true;
}
