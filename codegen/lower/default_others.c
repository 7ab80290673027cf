/* Sums of a group that do not go over the axis on the main member's lanes (x w + h u, for one row or a few): each has
   lanes of its own along what it reduces, in the same loops. */
#include "codegen/lower/default.h"

static bool some_member(const struct chooser *c, unsigned axis, bool reduces) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (def_walks(e, c->g->axis[axis].sym) && def_reduces(e, c->g->axis[axis].sym) == reduces) return true;
  }
  return false;
}

/* The axis over which e sums what lies along it, and which is nobody's result; -1: none. */
static int own_lane(const struct chooser *c, const struct eq *e) {
  if (e->red == RED_none || e->nax != e->npar + 1) return -1;
  int a = def_axis(c, e->axis[e->npar].sym);
  struct score k = {.c = c, .e = e, .s = e->axis[e->npar].sym};
  if (a < 0 || some_member(c, (unsigned)a, false) || def_guess(c, (unsigned)a) < 2 * (int64_t)def_sum_lanes(c, e))
    return -1;
  expr_visit(e->body, def_score_read, &k);
  return k.unit && !k.far ? a : -1;
}

struct others def_others(const struct chooser *c, unsigned lane) {
  struct others o = {0};
  if (c->o->strict || !some_member(c, lane, true)) return o;
  for (unsigned i = 0; i < c->g->neq && o.n < MOST_OTHERS; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    int a = def_walks(e, c->g->axis[lane].sym) ? -1 : own_lane(c, e);
    if (a >= 0 && !def_is_other(&o, (unsigned)a)) o.axis[o.n++] = (unsigned)a;
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
