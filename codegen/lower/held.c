/* Factors that stay in registers (`tensorize` of a loop on lanes): a product sums over the lanes that an element-wise
   member makes its first factor on. Sums of matrix instructions lie in a warp's registers just as the instruction wants
   a first operand, so the factor is rounded and used where it is. All threads do the same then, also where guards (a
   causal mask) or the ends of axes cut a tile: there the factor is 0, so that those who sum it ask for nothing, and
   what is private to the group is made everywhere. */
#include "codegen/lower/plan.h"

enum { HELD_LANES = 4, HELD_PIECE = 2, SOFT_MOST = 8 };

bool held_by(const struct plan *p, const struct member *m) {
  return m->sub >= 0 && p->loop[m->sub].sums;
}

bool held_any(const struct plan *p) {
  bool any = false;
  for (unsigned l = 0; l < MAX_LOOP; l++) any |= p->loop[l].sums;
  return any;
}

static bool same_element(const struct access *r, const struct member *n) {
  for (unsigned d = 0; d < r->rank; d++)
    if (r->ix[d].dyn || !poly_eq(r->ix[d].poly, n->e->lhs_idx[d])) return false;
  return !r->nguard;
}

/* Are there whole tiles of the axis of loop l, so that buffers hold one? all: nothing else. */
static bool has_tile(const struct plan *p, unsigned l, bool all) {
  const struct paxis *x = &p->axis[LOOP_AXIS(l)];
  if (!x->ntile || !x->uniform) return false;
  return all ? x->ext > 0 && x->ext % x->tile[0] == 0 : x->ext < 0 || x->ext >= x->tile[0];
}

const struct member *held_maker(const struct plan *p, const struct member *m, unsigned l, expr_t factor) {
  const struct ploop *x = &p->loop[l];
  const struct member *maker = NULL;
  unsigned t = factor->acc->tensor;
  if (!tensor_shrinks(p, t) || x->lanes != HELD_LANES || x->piece != HELD_PIECE || x->warps > 1) return NULL;
  if (m->vec < 0 || m->thr < 0 || !has_tile(p, l, false) || !has_tile(p, (unsigned)m->vec, true)) return NULL;
  const struct paxis *rows =
      &p->axis[LOOP_AXIS(m->thr)]; /* fewer than a tile: what is made of the others is not stored */
  if (!rows->ntile || !rows->uniform) return NULL;
  for (unsigned i = 0; i < p->nmember; i++) {
    const struct member *n = &p->member[i];
    if (n->e->lhs != t) continue;
    if (maker || n->e->red != RED_none || n->vec != (int)l || n->thr != m->thr || !same_element(factor->acc, n))
      return NULL;
    maker = n;
  }
  return maker;
}

/* ---- guards ---- */

/* Guard i of m is asked no more; loops may still stop where it fails. */
static void soften(struct plan *p, struct member *m, unsigned i) {
  unsigned n = m->e->nguard + m->nsoft;
  poly_t *g = ARENA_NEW(p->a, poly_t, n + 1), x = m->e->guard[i];
  for (unsigned k = 0, at = 0; k < n; k++)
    if (k != i) g[at++] = m->e->guard[k];
  g[n - 1] = x;
  m->e->guard = g;
  m->e->nguard--;
  m->nsoft++;
  if (i < m->npg) m->npg--;
}

static bool has_guard(const struct member *m, poly_t g) {
  for (unsigned i = 0; i < m->e->nguard; i++)
    if (poly_eq(m->e->guard[i], g)) return true;
  return false;
}

/* m's terms are 0 where the maker's guards fail. */
static void take_zeros(struct plan *p, struct member *m, const struct member *maker) {
  m->vanishes = true;
  for (unsigned i = m->e->nguard; i-- > m->npg && m->nsoft < SOFT_MOST;)
    if (has_guard(maker, m->e->guard[i])) soften(p, m, i);
}

/* Sums that read the factor and nothing else. */
static bool sums_only(const struct member *m, const struct member *maker) {
  return m->e->red == RED_sum && m->e->body->kind == E_READ && m->e->body->acc->tensor == maker->e->lhs &&
         m->vec == maker->vec && m->thr == maker->thr && same_element(m->e->body->acc, maker);
}

void held_settle(struct plan *p) {
  bool any = false;
  for (unsigned i = 0; i < p->nmember; i++) {
    struct member *m = &p->member[i];
    struct dot d;
    if (!held_by(p, m) || !legal_mixed(p->lim, m->e->body, &d)) continue;
    struct member *maker = (struct member *)(uintptr_t)held_maker(p, m, (unsigned)m->sub, d.a);
    if (!maker) continue;
    any = maker->zeroed = true;
    take_zeros(p, m, maker);
    for (unsigned k = 0; k < p->nmember; k++)
      if (!p->member[k].vanishes && sums_only(&p->member[k], maker)) take_zeros(p, &p->member[k], maker);
  }
  for (unsigned i = p->nmember; i-- > 0 && any;) {
    struct member *m = &p->member[i];
    for (unsigned g = m->e->nguard; g-- > 0 && !m->zeroed && m->nsoft < SOFT_MOST;)
      if (tensor_shrinks(p, m->e->lhs) && member_unread(p, m, m->e->guard[g])) soften(p, m, g);
  }
}

/* ---- cut tiles ---- */

expr_t held_value(struct build *b, const struct member *m, const struct env *e, const poly_t *guard, unsigned n,
                  expr_t value) {
  unsigned a = LOOP_AXIS((unsigned)m->vec);
  expr_t on = NULL, none = expr_i(b->a, DT_i64, 0);
  poly_t end = poly_addc(b->a, poly_sub(b->a, member_axis(b->p, m, a)->hi, poly_sym(b->a, b->p->axis[a].sym)), -1);
  bool cut = e->mode[a] != AX_FULL;
  for (unsigned i = 0; i < n + cut; i++) {
    expr_t ok = expr_op2(b->a, OP_ge, expr_poly(b->a, i < n ? guard[i] : env_at(b, e, end)), none);
    on = on ? expr_op2(b->a, OP_and, on, ok) : ok;
  }
  if (on && !e->held) b->why = "tensorize: a factor in registers would be cut";
  return on ? expr_op3(b->a, OP_select, on, value, expr_const(b->a, (enum dtype)value->type, (union value){0})) : value;
}

struct reading {
  const struct build *b;
  const struct env *e;
  const struct member *m;
  bool ok;
};

/* Private to the group, or a panel that goes on with zeros. */
static void find_outside(expr_t x, void *ctx) {
  struct reading *c = ctx;
  if (x->kind != E_READ) return;
  const struct place *at = place_of(c->e, c->m, x->acc->tensor, x->acc->ix);
  bool own = !x->acc->nguard && tensor_shrinks(c->b->p, x->acc->tensor);
  c->ok &= own || (at && at->kind == PLACE_PACK && at->filled);
}

bool held_inside(const struct build *b, const struct member *m, const struct env *e) {
  struct reading c = {b, e, m, e->held && tensor_shrinks(b->p, m->e->lhs) && !IS_ARG(m->e->red)};
  if (c.ok) expr_visit(m->e->body, find_outside, &c);
  return c.ok;
}
