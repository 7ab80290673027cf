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
  return e->mode[LOOP_AXIS(l)] == AX_NARROW ? axis_rest(p, LOOP_AXIS(l)) : x->tile[0];
}

int64_t reg_count(const struct plan *p, const struct env *e, unsigned l) {
  int64_t n = reg_extent(p, e, l), lanes = p->loop[l].lanes;
  return p->loop[l].mark == MARK_VECTOR ? (n + lanes - 1) / lanes : n;
}

static sym_t counter(struct build *b, unsigned l) {
  bool vec = b->p->loop[l].mark == MARK_VECTOR;
  sym_t *s = vec ? &b->vsym[l] : &b->sym[l];
  if (*s == SYM_NONE) *s = lfunc_add_sym(b->f, arena_printf(b->a, "%s%s", plan_loop_name(b->p, l), vec ? "v" : ""));
  return *s;
}

static sym_t lane_sym(struct build *b, unsigned l) {
  if (b->lsym[l] == SYM_NONE) b->lsym[l] = lfunc_add_sym(b->f, arena_printf(b->a, "%sl", plan_loop_name(b->p, l)));
  return b->lsym[l];
}

void reg_open(struct build *b, unsigned l, struct env *e) {
  const struct paxis *x = &b->p->axis[LOOP_AXIS(l)];
  int64_t n = reg_count(b->p, e, l);
  poly_t i = n > 1 ? poly_sym(b->a, counter(b, l)) : cpoly(b, 0);
  e->idx[l] = i;
  e->val[l] = x->ntile ? i : poly_add(b->a, x->lo, i);
  if (b->p->loop[l].mark == MARK_VECTOR) {
    e->lane[l] = lane_sym(b, l);
    e->val[l] = poly_add(b->a, poly_scale(b->a, i, b->p->loop[l].lanes), poly_sym(b->a, e->lane[l]));
  }
  e->open |= BIT(l);
}

static struct lstmt *lanes_close(struct build *b, const struct member *m, unsigned l, const struct env *outer,
                                 struct lstmt *body) {
  unsigned a = LOOP_AXIS(l), lanes = b->p->loop[l].lanes;
  struct env e = *outer;
  poly_t hi[2] = {cpoly(b, lanes)}, first;
  unsigned nhi = 1;
  reg_open(b, l, &e);
  first = poly_scale(b->a, e.idx[l], lanes);
  if (outer->mode[a] == AX_EDGE)
    hi[nhi++] =
        poly_sub(b->a, poly_sub(b->a, env_at(b, outer, member_axis(b->p, m, a)->hi), axis_base(b, outer, a)), first);
  if (outer->mode[a] == AX_NARROW && axis_rest(b->p, a) % lanes)
    hi[nhi++] = poly_sub(b->a, cpoly(b, axis_rest(b->p, a)), first);
  struct lstmt *s = loop_for(b->a, F_VECTOR, b->lsym[l], cpoly(b, 0), hi[0], 1, body);
  s->hi = arena_dup(b->a, hi, sizeof *hi * nhi);
  s->nhi = (uint8_t)nhi;
  while ((1u << s->lanes_log2) < lanes) s->lanes_log2++;
  return s;
}

/* Closes what reg_open opened; outer is the environment before it. */
struct lstmt *reg_close(struct build *b, const struct member *m, unsigned l, const struct env *outer,
                        struct lstmt *body) {
  int64_t n = reg_count(b->p, outer, l);
  if (!body) return NULL;
  if (b->p->loop[l].mark == MARK_VECTOR) body = lanes_close(b, m, l, outer, body);
  return n > 1 ? loop_for(b->a, F_UNROLL, counter(b, l), cpoly(b, 0), cpoly(b, n), 1, body) : body;
}
