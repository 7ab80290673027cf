/* Register loops: unrolled ones and vectors. Their counters count iterations (vectors), so that subscripts of register
 * objects are plain. */
#include "codegen/lower/plan.h"

int64_t axis_rest(const struct plan *p, unsigned axis) {
  const struct paxis *x = &p->axis[axis];
  return x->ntile && x->uniform && x->ext > 0 ? x->ext % x->tile[0] : 0;
}

/* Elements that the register loop walks in this body. */
static int64_t reg_extent(const struct plan *p, const struct env *e, unsigned l) {
  const struct paxis *x = &p->axis[LOOP_AXIS(l)];
  if (!x->ntile) return x->ext;
  if (e->mode[LOOP_AXIS(l)] != AX_NARROW) return x->tile[0];
  return e->rest[LOOP_AXIS(l)] ? e->rest[LOOP_AXIS(l)] : axis_rest(p, LOOP_AXIS(l));
}

/* Elements that all lanes of a vector loop take at a time, in all warps. */
static int64_t vector_width(const struct ploop *l) {
  return (int64_t)l->lanes * l->piece * l->warps;
}

int64_t reg_count(const struct plan *p, const struct env *e, unsigned l) {
  int64_t n = reg_extent(p, e, l), width = vector_width(&p->loop[l]);
  return p->loop[l].mark == MARK_VECTOR ? (n + width - 1) / width : n;
}

static sym_t named(struct build *b, sym_t *s, unsigned l, const char *suffix) {
  if (*s == SYM_NONE) *s = lfunc_add_sym(b->f, arena_printf(b->a, "%s%s", plan_loop_name(b->p, l), suffix));
  return *s;
}

static sym_t counter(struct build *b, unsigned l) {
  bool vec = b->p->loop[l].mark == MARK_VECTOR;
  return named(b, vec ? &b->vsym[l] : &b->sym[l], l, vec ? "v" : "");
}

void reg_open(struct build *b, unsigned l, struct env *e) {
  const struct paxis *x = &b->p->axis[LOOP_AXIS(l)];
  const struct ploop *lp = &b->p->loop[l];
  int64_t n = reg_count(b->p, e, l);
  poly_t i = n > 1 ? poly_sym(b->a, counter(b, l)) : cpoly(b, 0);
  e->idx[l] = i;
  e->val[l] = x->ntile ? i : poly_add(b->a, x->lo, i);
  if (lp->mark == MARK_VECTOR) {
    e->lane[l] = named(b, &b->lsym[l], l, "l");
    e->warp[l] = lp->warps > 1 ? poly_sym(b->a, named(b, &b->wsym[l], l, "w")) : cpoly(b, 0);
    i = poly_add(b->a, poly_scale(b->a, e->warp[l], n), i);
    e->val[l] = poly_add(b->a, poly_scale(b->a, i, lp->lanes), poly_sym(b->a, e->lane[l]));
  }
  if (lp->mark == MARK_VECTOR && lp->piece > 1) {
    e->part[l] = poly_sym(b->a, named(b, &b->psym[l], l, "e"));
    e->val[l] = poly_add(b->a, poly_scale(b->a, e->val[l], lp->piece), e->part[l]);
  }
  e->open |= BIT(l);
}

void sub_open(struct build *b, unsigned l, struct env *e) {
  const struct paxis *x = &b->p->axis[LOOP_AXIS(l)];
  poly_t i = poly_sym(b->a, named(b, &b->sym[l], l, ""));
  e->idx[l] = i;
  e->val[l] = x->ntile ? i : poly_add(b->a, x->lo, i);
  e->open |= BIT(l);
}

/* p / d where that is a polynomial, else NULL. */
static poly_t quotient(struct build *b, poly_t p, int64_t d) {
  for (uint32_t i = 0; i < p->n; i++)
    if (p->mono[i].coef % d) return NULL;
  struct poly *q = arena_dup(b->a, p, sizeof *p + p->n * sizeof p->mono[0]);
  for (uint32_t i = 0; i < q->n; i++) q->mono[i].coef /= d;
  return q;
}

poly_t reg_left(struct build *b, const struct member *m, unsigned l, const struct env *outer) {
  unsigned a = LOOP_AXIS(l);
  if (outer->whole && !(m->red & BIT(l))) return NULL;
  if (outer->mode[a] == AX_EDGE)
    return poly_sub(b->a, env_at(b, outer, member_axis(b->p, m, a)->hi), axis_base(b, outer, a));
  if (outer->mode[a] == AX_NARROW && axis_rest(b->p, a) % vector_width(&b->p->loop[l]))
    return cpoly(b, axis_rest(b->p, a));
  return NULL;
}

bool reg_piece_guard(struct build *b, const struct member *m, unsigned l, const struct env *e, poly_t *g) {
  const struct ploop *lp = &b->p->loop[l];
  if (lp->mark != MARK_VECTOR || lp->piece < 2 || !(e->open & BIT(l)) || (e->serial & BIT(l))) return false;
  struct env outer = *e;
  outer.open &= ~BIT(l);
  poly_t left = reg_left(b, m, l, &outer);
  if (!left || quotient(b, left, lp->piece)) return false;
  *g = poly_addc(b->a, poly_sub(b->a, left, e->val[l]), -1);
  return true;
}

struct lstmt *reg_parts(struct build *b, unsigned l, unsigned from, struct lstmt *body) {
  unsigned n = b->p->loop[l].piece;
  return n > 1 ? loop_for(b->a, F_UNROLL, b->psym[l], cpoly(b, from), cpoly(b, n), 1, body) : body;
}

struct lstmt *reg_vector(struct build *b, unsigned l, struct lstmt *body) {
  const struct ploop *lp = &b->p->loop[l];
  struct lstmt *s = loop_for(b->a, F_VECTOR, b->lsym[l], cpoly(b, 0), cpoly(b, lp->lanes), 1, body);
  while ((1u << s->lanes_log2) < lp->lanes) s->lanes_log2++;
  s->digit = lp->digit;
  return s;
}

static struct lstmt *lanes_close(struct build *b, const struct member *m, unsigned l, const struct env *outer,
                                 struct lstmt *body) {
  const struct ploop *lp = &b->p->loop[l];
  struct env e = *outer;
  poly_t hi[2] = {cpoly(b, lp->lanes)}, left = reg_left(b, m, l, outer);
  unsigned nhi = 1;
  reg_open(b, l, &e);
  if (left) left = quotient(b, left, lp->piece);
  poly_t at = poly_add(b->a, poly_scale(b->a, e.warp[l], reg_count(b->p, outer, l)), e.idx[l]);
  if (left) hi[nhi++] = poly_sub(b->a, left, poly_scale(b->a, at, lp->lanes));
  struct lstmt *s = reg_vector(b, l, reg_parts(b, l, 0, body));
  s->hi = arena_dup(b->a, hi, sizeof *hi * nhi);
  s->nhi = (uint8_t)nhi;
  return s;
}

/* Closes what reg_open opened; outer is the environment before it. */
struct lstmt *reg_close(struct build *b, const struct member *m, unsigned l, const struct env *outer,
                        struct lstmt *body) {
  int64_t n = reg_count(b->p, outer, l);
  if (!body) return NULL;
  if (b->p->loop[l].mark == MARK_VECTOR) body = lanes_close(b, m, l, outer, body);
  if (n > 1) body = loop_for(b->a, F_UNROLL, counter(b, l), cpoly(b, 0), cpoly(b, n), 1, body);
  if (b->p->loop[l].mark != MARK_VECTOR || b->p->loop[l].warps < 2) return body;
  unsigned warps = b->p->loop[l].warps;
  struct lstmt *s = loop_for(b->a, F_VECTOR, b->wsym[l], cpoly(b, 0), cpoly(b, warps), 1, body);
  s->lanes_log2 = (uint8_t)__builtin_ctz(warps);
  s->digit = b->p->loop[l].warp_digit;
  return s;
}

poly_t reg_open_at(struct build *b, unsigned l, struct env *e) {
  poly_t at = poly_sym(b->a, named(b, &b->atsym[l], l, "a"));
  e->idx[l] = cpoly(b, 0);
  e->lane[l] = named(b, &b->lsym[l], l, "l");
  e->warp[l] = cpoly(b, 0);
  e->val[l] = poly_add(b->a, at, poly_sym(b->a, e->lane[l]));
  e->open |= BIT(l);
  return at;
}

struct lstmt *reg_vector_upto(struct build *b, unsigned l, poly_t left, struct lstmt *body) {
  struct lstmt *s = reg_vector(b, l, body);
  if (!left) return s;
  poly_t hi[2] = {s->hi[0], left};
  s->hi = arena_dup(b->a, hi, sizeof hi);
  s->nhi = 2;
  return s;
}

struct lstmt *reg_close_at(struct build *b, unsigned l, const struct env *outer, poly_t left, struct lstmt *whole,
                           struct lstmt *cut) {
  int64_t lanes = b->p->loop[l].lanes;
  poly_t room = poly_addc(b->a, poly_sub(b->a, left, poly_sym(b->a, b->atsym[l])), -lanes);
  poly_t hi[2] = {cpoly(b, reg_count(b->p, outer, l) * lanes), left};
  struct lstmt *s =
      loop_for(b->a, F_SERIAL, b->atsym[l], cpoly(b, 0), hi[0], lanes, loop_if(b->a, 1, &room, NULL, whole, cut));
  s->hi = arena_dup(b->a, hi, sizeof hi);
  s->nhi = 2;
  return s;
}
