/* Sums of a group that do not go over the axis on the main member's lanes (x w + h u, for one row or a few): each has
   lanes of its own along what it reduces, in the same loops. */
#include "codegen/lower/default.h"

struct others def_others(const struct chooser *c, unsigned lane) {
  struct others o = {0};
  for (unsigned i = 0; i < c->g->neq && o.n < MOST_OTHERS; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    int a = e->red == RED_none || def_walks(e, c->g->axis[lane].sym) ? -1 : def_best_lane(c, e);
    if (a < 0 || !def_reduces(e, c->g->axis[a].sym) || def_walks(c->main, c->g->axis[a].sym)) continue;
    if (!def_is_other(&o, (unsigned)a)) o.axis[o.n++] = (unsigned)a;
  }
  return o;
}

bool def_is_other(const struct others *x, unsigned axis) {
  for (unsigned i = 0; i < x->n; i++)
    if (x->axis[i] == axis) return true;
  return false;
}

void def_push_others(struct chooser *c, const struct others *x, enum stepkind kind, int64_t arg) {
  for (unsigned i = 0; i < x->n; i++) def_push(c, kind, LOOP_ID(x->axis[i], 0), arg);
}

void def_then_others(struct order *o, const struct others *x, unsigned level) {
  for (unsigned i = 0; i < x->n; i++) def_then(o, x->axis[i], level);
}
