/* i8 x i8 where the instruction takes u8 x i8: sum a * b = sum (a + 128) * b - 128 * sum b, exact because sums wrap.
   The second sum belongs to b alone: where b is packed for many rows, or lies in panels already, it is made once a
   panel, and the first costs no more than u8 x i8. (The emitter has another way, step by step, for what is not taken
   apart here: guards, operands in place.) */
#include "codegen/lower/plan.h"

enum { ENOUGH_ROWS = 12 };

static bool packed(const struct plan *p, expr_t read) {
  for (unsigned i = 0; i < p->npack; i++)
    if (p->pack[i].tensor == read->acc->tensor && !p->pack[i].keep) return true;
  return false;
}

static bool on_sub(const struct plan *p, const struct eq *e) {
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = plan_axis(p, e->axis[x].sym);
    if (a >= 0 && p->loop[LOOP_ID(a, 0)].mark == MARK_SUB && p->loop[LOOP_ID(a, 0)].matrix == MATRIX_vnni) return true;
  }
  return false;
}

/* The operand lies as the instruction reads it, steps of the reduction last, and enough rows use it to sum it for. */
static bool laid(const struct plan *p, const struct eq *e, expr_t b) {
  const struct access *r = b->acc;
  int64_t rows = 1;
  bool last = false;
  for (unsigned x = 0; x < e->nax; x++) {
    int a = plan_axis(p, e->axis[x].sym);
    if (a < 0 || !r->rank) return false;
    bool here = poly_has(r->ix[r->rank - 1].poly, e->axis[x].sym);
    if (here && p->loop[LOOP_ID(a, 0)].mark != MARK_SUB) return false;
    last |= here;
    if (!expr_has_sym(b, e->axis[x].sym))
      rows = p->axis[a].ext < 0 || rows > ENOUGH_ROWS ? ENOUGH_ROWS : rows * p->axis[a].ext;
  }
  return last && rows >= ENOUGH_ROWS;
}

/* b walks all that is reduced, with an axis on lanes, and some row uses it again. */
static bool shared(const struct plan *p, const struct eq *e, expr_t b) {
  bool again = false, lanes = false;
  for (unsigned x = 0; x < e->nax; x++) {
    bool has = expr_has_sym(b, e->axis[x].sym);
    if (x >= e->npar && !has) return false;
    if (!poly_over_dims(p->k, e->axis[x].lo) || !poly_over_dims(p->k, e->axis[x].hi)) return false;
    again |= !has;
    int a = x < e->npar && has ? plan_axis(p, e->axis[x].sym) : -1;
    lanes |= a >= 0 && p->loop[LOOP_ID(a, 0)].mark == MARK_VECTOR;
  }
  return again && lanes;
}

/* Is the sum of b made once for many rows? */
static bool once(const struct plan *p, const struct eq *e, expr_t b) {
  return (packed(p, b) || laid(p, e, b)) && shared(p, e, b);
}

static bool splits(const struct plan *p, const struct member *m, struct dot *d) {
  const struct eq *e = m->e;
  if (m->kind != MK_EQ || e->red != RED_sum || e->nguard || m->nsoft || e->init || e->state != UINT16_MAX) return false;
  if (!on_sub(p, e) || !dot_of(e->body, d) || d->kind != DOT_i8i8 || d->a->acc->nguard || d->b->acc->nguard)
    return false;
  if (!once(p, e, d->b)) {
    expr_t t = d->a;
    d->a = d->b, d->b = t;
  }
  return once(p, e, d->b);
}

/* to[its axes] = sum of i32(b) */
static bool add_sum(struct plan *p, const struct eq *e, expr_t b, unsigned to) {
  struct eq c = *e;
  c.axis = ARENA_NEW(p->a, struct axis, e->nax + 1u);
  c.nax = 0;
  for (unsigned x = 0; x < e->nax; x++) {
    if (expr_has_sym(b, e->axis[x].sym)) c.axis[c.nax++] = e->axis[x];
    if (x + 1u == e->npar) c.npar = c.nax;
  }
  c.lhs = (uint16_t)to;
  c.lhs_idx = member_subs(p, &c);
  c.body = expr_cast(p->a, DT_i32, b);
  return member_add(p, &c) != NULL;
}

static unsigned axes_of(const struct eq *e, expr_t b) {
  unsigned n = 0;
  for (unsigned x = 0; x < e->npar; x++) n += expr_has_sym(b, e->axis[x].sym);
  return n;
}

static expr_t read_temp(struct plan *p, const struct eq *e, unsigned vt, expr_t of) {
  poly_t *ix = ARENA_NEW(p->a, poly_t, e->npar + 1u);
  unsigned n = 0;
  for (unsigned x = 0; x < e->npar; x++)
    if (!of || expr_has_sym(of, e->axis[x].sym)) ix[n++] = poly_sym(p->a, e->axis[x].sym);
  return expr_read(p->a, DT_i32, access_new(p->a, vt, n, ix));
}

static bool split(struct plan *p, const struct member *m, const struct dot *d) {
  const struct eq *e = m->e;
  unsigned sum = member_temp(p, "bias", DT_i32, axes_of(e, d->b)), part = member_temp(p, "shifted", DT_i32, e->npar);
  if (sum == UINT16_MAX || part == UINT16_MAX || !add_sum(p, e, d->b, sum)) return false;
  struct eq c = *e, last = *e;
  expr_t moved = expr_op2(p->a, OP_add, expr_cast(p->a, DT_i32, d->a), expr_i(p->a, DT_i32, 128));
  c.lhs = (uint16_t)part;
  c.lhs_idx = member_subs(p, e);
  c.body = expr_op2(p->a, OP_mul, moved, expr_cast(p->a, DT_i32, d->b));
  last.red = RED_none;
  last.nax = e->npar;
  last.body = expr_op2(p->a, OP_sub, read_temp(p, e, part, NULL),
                       expr_op2(p->a, OP_mul, read_temp(p, e, sum, d->b), expr_i(p->a, DT_i32, 128)));
  return member_add(p, &c) && member_add(p, &last);
}

bool bias_members(struct plan *p) {
  unsigned n = p->nmember;
  bool any = false;
  struct dot d;
  if (p->lim->has_signed_dot || p->g->stream >= 0) return true;
  for (unsigned i = 0; i < n; i++) any |= splits(p, &p->member[i], &d);
  if (!any) return true;
  struct member *old = arena_dup(p->a, p->member, sizeof *old * n);
  p->nmember = 0;
  for (unsigned i = 0; i < n; i++) {
    bool ok = true;
    if (splits(p, &old[i], &d))
      ok = split(p, &old[i], &d);
    else if (p->nmember < MAX_MEMBER)
      p->member[p->nmember++] = old[i];
    else
      ok = false;
    if (ok) continue;
    p->why = "the group is too large";
    return false;
  }
  return true;
}
