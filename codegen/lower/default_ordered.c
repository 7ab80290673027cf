/* Default schedule of rows whose sums must keep their order (--fp strict: softmax, norms, a matrix times a vector). One
   row's sum is a chain of additions, so several rows go side by side, one on each lane: blocks of them are turned in
   registers as they are read. What is element-wise runs along the row, as it lies in memory. */
#include "codegen/lower/default.h"

enum { ROW_VECTORS = 8 /* of an element-wise member */ };

struct lies {
  const struct chooser *c;
  sym_t row, along;
  bool unit, far;
};

/* What is read along the row lies along it; what is not of one row is the same for all. */
static void see_read(expr_t x, void *ctx) {
  struct lies *k = ctx;
  if (x->kind != E_READ) return;
  for (unsigned d = 0; d < x->acc->rank; d++) k->far |= x->acc->ix[d].dyn && expr_has_sym(x->acc->ix[d].dyn, k->along);
  if (!def_has(x->acc, k->along)) return;
  int step = def_step(k->c, x->acc->tensor, def_subs(k->c, x->acc), k->along);
  k->far |= step == 2;
  k->unit |= step == 1 && def_has(x->acc, k->row);
}

static bool ordered_sum(const struct eq *e, sym_t along) {
  return (e->red == RED_sum || e->red == RED_prod) && type_is_float((enum dtype)e->body->type) &&
         e->nax == e->npar + 1 && e->axis[e->npar].sym == along;
}

/* Some member sums along the row; all that walk it read rows as they lie, and write no others. */
static bool is_row(const struct chooser *c, unsigned row, unsigned along) {
  struct lies k = {c, c->g->axis[row].sym, c->g->axis[along].sym, false, false};
  bool sums = false;
  for (unsigned i = 0; i < c->g->neq && !k.far; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (!def_walks(e, k.along)) continue;
    sums |= ordered_sum(e, k.along);
    expr_visit(e->body, see_read, &k);
    if (!def_reduces(e, k.along)) k.far |= def_step(c, e->lhs, e->lhs_idx, k.along) == 2;
  }
  return sums && k.unit && !k.far;
}

static bool walked_by_maps(const struct chooser *c, unsigned along) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (def_walks(e, c->g->axis[along].sym) && !def_reduces(e, c->g->axis[along].sym)) return true;
  }
  return false;
}

static bool find_rows(const struct chooser *c, int64_t lanes, unsigned *row, unsigned *along) {
  for (unsigned r = 0; r < c->g->naxis; r++)
    for (unsigned a = 0; a < c->g->naxis; a++) {
      if (a == r || !def_parallel_in_all(c, r) || def_guess(c, r) < lanes || def_guess(c, a) < lanes) continue;
      *row = r, *along = a;
      if (is_row(c, r, a)) return true;
    }
  return false;
}

bool def_ordered(struct chooser *c) {
  unsigned row, along;
  int64_t lanes = def_lanes(c, c->main);
  struct order o = {0};
  if (!c->o->strict || c->lim->simt || lanes < 2 || !find_rows(c, lanes, &row, &along)) return false;
  bool maps = walked_by_maps(c, along);
  int64_t block = maps ? def_pick_vectors(def_extent(c, along), lanes, ROW_VECTORS) * lanes : 0;
  def_push(c, STEP_tile, LOOP_ID(row, 0), lanes);
  if (maps) def_push(c, STEP_tile, LOOP_ID(along, 0), block);
  for (unsigned a = 0; a < c->g->naxis; a++)
    if (a != row && a != along && def_parallel_in_all(c, a)) def_then(&o, a, 0);
  def_then(&o, row, 1);
  if (maps) def_then(&o, along, 1);
  for (unsigned a = 0; a < c->g->naxis; a++)
    if (a != row && a != along) def_then(&o, a, 0);
  if (maps) {
    def_then(&o, row, 0);
    def_then(&o, along, 0);
  } else {
    def_then(&o, along, 0);
    def_then(&o, row, 0);
  }
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(row, 0), 0);
  if (maps) def_push(c, STEP_vector, LOOP_ID(along, 0), 0);
  def_push(c, STEP_unroll, LOOP_ID(along, 0), lanes);
  def_push_parallel(c, &o);
  return true;
}
