/* Values and ranges of polynomials where some loops are open and others are not: what part of a tensor the loops inside
 * will touch. */
#include "codegen/lower/plan.h"

poly_t cpoly(struct build *b, int64_t c) {
  return poly_const(b->a, c);
}

poly_t axis_base(struct build *b, const struct env *e, unsigned axis) {
  poly_t sum = NULL;
  for (int v = b->p->axis[axis].ntile; v >= 0; v--) {
    unsigned l = LOOP_ID(axis, (unsigned)v);
    if (e->open & BIT(l)) sum = sum ? poly_add(b->a, sum, e->val[l]) : e->val[l];
  }
  return sum;
}

int axis_inner(const struct plan *p, const struct env *e, unsigned axis) {
  for (int v = p->axis[axis].ntile; v >= 0; v--)
    if (!(e->open & BIT(LOOP_ID(axis, (unsigned)v)))) return LOOP_ID(axis, v);
  return -1;
}

/* Instructions of warp groups walk whole tiles of their sum (which packed operands fill), whatever its extent. */
static bool walks_whole(const struct plan *p, unsigned l) {
  return p->loop[LOOP_ID(LOOP_AXIS(l), 0)].matrix == MATRIX_wgmma;
}

int64_t loop_span(const struct plan *p, unsigned l) {
  const struct paxis *x = &p->axis[LOOP_AXIS(l)];
  int64_t ext = x->uniform && x->ext > 0 ? x->ext : 0;
  if (LOOP_LEVEL(l) == x->ntile) return ext;
  int64_t t = x->tile[LOOP_LEVEL(l)];
  return ext && ext < t && !p->loop[l].mark && !walks_whole(p, l) ? ext : t;
}

poly_t env_at(struct build *b, const struct env *e, poly_t x) {
  for (unsigned a = 0; a < b->p->naxis; a++) {
    poly_t s;
    if (axis_inner(b->p, e, a) >= 0 || !poly_has(x, b->p->axis[a].sym)) continue;
    s = axis_base(b, e, a);
    x = poly_subst(b->a, x, b->p->axis[a].sym, s);
  }
  return x;
}

/* An axis that x names and whose loops are not all open. */
static int pending_axis(struct build *b, const struct env *e, poly_t x, uint32_t keep) {
  for (unsigned a = b->p->naxis; a-- > 0;)
    if (!(keep >> a & 1) && poly_has(x, b->p->axis[a].sym) && axis_inner(b->p, e, a) >= 0) return (int)a;
  return -1;
}

void axis_ends(struct build *b, const struct env *e, const struct member *m, unsigned a, poly_t *first, poly_t *last) {
  const struct axis *x = m ? member_axis(b->p, m, a) : NULL;
  poly_t lo = x ? x->lo : b->p->axis[a].lo, hi = x ? x->hi : b->p->axis[a].hi, base = axis_base(b, e, a);
  unsigned l = (unsigned)axis_inner(b->p, e, a);
  if (LOOP_LEVEL(l) == b->p->axis[a].ntile) {
    *first = lo;
    *last = poly_addc(b->a, hi, -1);
  } else {
    *first = base;
    *last = poly_addc(b->a, base, loop_span(b->p, l) - 1);
  }
}

/* Axes stand for their own symbols while any is pending; open ones are put in at the end. */
bool env_extreme_keep(struct build *b, const struct env *e, const struct member *m, poly_t x, bool max, uint32_t keep,
                      poly_t *out) {
  for (int a, turns = 0; (a = pending_axis(b, e, x, keep)) >= 0; turns++) {
    poly_t c, r, first, last;
    int64_t v;
    if (turns > 32 || !poly_split(b->a, x, b->p->axis[a].sym, &c, &r) || !poly_is_const(c, &v)) return false;
    axis_ends(b, e, m, (unsigned)a, &first, &last);
    x = poly_add(b->a, r, poly_mul(b->a, c, (v > 0) == max ? last : first));
    if (x->overflow) return false;
  }
  *out = env_at(b, e, x);
  return !(*out)->overflow;
}

bool env_extreme(struct build *b, const struct env *e, const struct member *m, poly_t x, bool max, poly_t *out) {
  return env_extreme_keep(b, e, m, x, max, 0, out);
}
