/* Closing a loop: each item of its body runs over the whole loop, one item after the other, where the dependences allow
 * that. */
#include "compiler/pass/raise_impl.h"
#include <string.h>

/* --- values of one iteration get a dim --- */

struct expand {
  struct raise *r;
  const bool *on;
  poly_t ix;
};

static expr_t expand_read(struct arena *a, expr_t x, void *ctx) {
  const struct expand *e = ctx;
  if (x->kind != E_READ || !e->on[x->acc->tensor]) return x;
  struct access *n = arena_dup(a, x->acc, sizeof *n);
  n->rank++;
  n->ix = ARENA_NEW(a, struct subscript, n->rank);
  n->ix[0].poly = e->ix;
  if (x->acc->rank) memcpy(&n->ix[1], x->acc->ix, sizeof *n->ix * x->acc->rank);
  return expr_read(a, (enum dtype)x->type, n);
}

static expr_t expand_expr(struct expand *e, expr_t x) {
  return x ? expr_map(e->r->a, x, expand_read, e) : NULL;
}

static void expand_item(struct expand *e, struct item *it) {
  it->body = expand_expr(e, it->body);
  it->init = expand_expr(e, it->init);
  it->start = expand_expr(e, it->start);
  it->cond = expand_expr(e, it->cond);
  if (!e->on[it->lhs]) return;
  poly_t *idx = ARENA_NEW(e->r->a, poly_t, it->rank + 1);
  idx[0] = e->ix;
  if (it->rank) memcpy(&idx[1], it->idx, sizeof *idx * it->rank);
  it->idx = idx;
  it->rank++;
}

static void expand(struct raise *r, struct items *l, const struct bound *loop, unsigned mark, unsigned stamp) {
  bool *on = ARENA_NEW(r->a, bool, r->nobj);
  for (unsigned i = 0; i < r->nobj; i++) {
    struct obj *o = &r->obj[i];
    on[i] = o->kind == OBJ_LOCAL ? o->stamp >= stamp : i >= mark && o->kind == OBJ_TEMP && !o->keep;
    if (!on[i]) continue;
    if (o->rank >= RAISE_RANK) raise_no(r, r->at, "'%s' would need more than %d dims", o->name, RAISE_RANK);
    memmove(&o->lead[1], &o->lead[0], sizeof o->lead[0] * o->nlead);
    o->lead[0] = *loop;
    o->nlead++;
    o->rank++;
  }
  struct expand e = {r, on, poly_sym(r->a, loop->sym)};
  for (unsigned i = 0; i < l->n; i++) expand_item(&e, l->v[i]);
}

/* --- one item over the loop --- */

static bool varies(const struct item *it, sym_t s) {
  for (unsigned i = 0; i < it->rank; i++)
    if (poly_has(it->idx[i], s)) return true;
  return false;
}

static bool own_init(struct raise *r, const struct item *it) {
  if (!it->init) return false;
  expr_t x = it->init->kind == E_CAST ? it->init->kid[0] : it->init;
  return expr_eq(x, item_self(r, it));
}

static bool read_by_others(const struct items *l, const struct item *it) {
  for (unsigned i = 0; i < l->n; i++)
    if (l->v[i] != it && expr_reads(l->v[i]->body, it->lhs)) return true;
  return false;
}

/* Every iteration updates the same element: a reduction, when it only adds to what is there. */
static void make_reduction(struct raise *r, const struct items *l, struct item *it, const struct bound *loop) {
  struct peel p;
  const char *why = NULL, *to = r->obj[it->lhs].name;
  expr_t self = item_self(r, it);
  if (it->red) {
    if (own_init(r, it)) return;
    raise_no(r, it->loc, "'%s' is set anew in every iteration of the loop over '%s'", to, raise_sym_name(r, loop->sym));
  }
  if (!peel(r, NULL, it->body, self, &p, &why) || p.red == RED_none) {
    if (why) raise_no(r, it->loc, "'%s': %s", to, why);
    if (expr_reads(it->body, it->lhs)) raise_recurrence(r, it, self->acc, self->acc, loop);
    if (read_by_others(l, it))
      raise_no(r, it->loc, "each step of the loop over '%s' works on what the step before left in '%s'",
               raise_sym_name(r, loop->sym), to);
    raise_no(r, it->loc, "every iteration of the loop over '%s' writes %s: only the last one stays",
             raise_sym_name(r, loop->sym), access_text(r, self->acc));
  }
  if (p.fmax)
    raise_no(r, it->loc, "'%s' is a maximum by fmax from a start that may be NaN: compare with '>' instead", to);
  it->red = (uint8_t)p.red;
  it->body = p.term;
  it->init = expr_cast(r->a, p.wide, self);
  it->where = it->guard;
  it->nwhere = it->nguard;
  if (it->cond) {
    expr_t none = expr_const(r->a, p.wide, red_identity(p.red, p.wide));
    it->body = expr_op3(r->a, OP_select, it->cond, it->body, none);
    it->cond = NULL;
  }
}

static void add_axis(struct raise *r, struct item *it, const struct bound *loop, bool red) {
  struct raxis *ax = ARENA_NEW(r->a, struct raxis, it->nax + 1);
  ax[0] = (struct raxis){*loop, red};
  if (it->nax) memcpy(&ax[1], it->ax, sizeof *ax * it->nax);
  it->ax = ax;
  it->nax++;
}

/* The item reads nothing that an earlier iteration of its own has written, and no two iterations write one element
 * (unless they reduce). */
static void check_self(struct raise *r, const struct item *it, const struct bound *loop, bool red) {
  struct touch w = item_store(r, it);
  struct reads rd = item_reads(r, it, false);
  for (unsigned i = 0; i < rd.n; i++)
    if (rd.v[i].x->tensor == it->lhs && may_conflict(r, loop, it, w, it, rd.v[i], true))
      raise_recurrence(r, it, w.x, rd.v[i].x, loop);
  if (!red && may_conflict(r, loop, it, w, it, w, true))
    raise_no(r, it->loc, "several iterations of the loop over '%s' may write the same element %s",
             raise_sym_name(r, loop->sym), access_text(r, w.x));
}

/* --- order --- */

/* x, then y in the same or (later) a later iteration, touch one element and one of them writes it. */
static bool depends(struct raise *r, const struct bound *loop, const struct item *x, const struct item *y, bool later,
                    const struct access **which) {
  struct touch wx = item_store(r, x), wy = item_store(r, y);
  *which = wy.x;
  if (wx.x->tensor == wy.x->tensor && may_conflict(r, loop, x, wx, y, wy, later)) return true;
  struct reads rx = item_reads(r, x, true), ry = item_reads(r, y, true);
  for (unsigned i = 0; i < ry.n; i++) {
    *which = ry.v[i].x;
    if (ry.v[i].x->tensor == wx.x->tensor && may_conflict(r, loop, x, wx, y, ry.v[i], later)) return true;
  }
  for (unsigned i = 0; i < rx.n; i++) {
    *which = rx.v[i].x;
    if (rx.v[i].x->tensor == wy.x->tensor && may_conflict(r, loop, x, rx.v[i], y, wy, later)) return true;
  }
  return false;
}

struct order {
  struct raise *r;
  struct items *l;
  const struct bound *loop;
  bool *before; /* [n*n] before[p*n+q]: p must run before q */
};

static void find_order(struct order *o) {
  unsigned n = o->l->n;
  const struct access *which;
  for (unsigned p = 0; p < n; p++)
    for (unsigned q = p + 1; q < n; q++) {
      const struct item *x = o->l->v[p], *y = o->l->v[q];
      o->before[p * n + q] = depends(o->r, o->loop, x, y, false, &which) || depends(o->r, o->loop, x, y, true, &which);
      o->before[q * n + p] = depends(o->r, o->loop, y, x, true, &which);
    }
}

static _Noreturn void cycle(struct order *o, const bool *done) {
  unsigned n = o->l->n;
  const struct access *which;
  for (unsigned p = 0; p < n; p++)
    for (unsigned q = p + 1; q < n; q++)
      if (!done[p] && !done[q] && o->before[q * n + p] &&
          depends(o->r, o->loop, o->l->v[q], o->l->v[p], true, &which)) {
        const struct item *w = which->tensor == o->l->v[q]->lhs ? o->l->v[q] : o->l->v[p];
        raise_no(o->r, w->loc, "%s depends on %s of an earlier iteration of '%s' (recurrence)",
                 access_text(o->r, item_store(o->r, o->l->v[p]).x), access_text(o->r, item_store(o->r, o->l->v[q]).x),
                 raise_sym_name(o->r, o->loop->sym));
      }
  raise_no(o->r, o->r->at, "the statements of the loop over '%s' depend on each other (recurrence)",
           raise_sym_name(o->r, o->loop->sym));
}

/* Items in an order that keeps every dependence, as near to the source's as may be. */
static void sort(struct order *o, struct items *out) {
  unsigned n = o->l->n;
  bool *done = ARENA_NEW(o->r->a, bool, n + 1);
  for (unsigned count = 0; count < n; count++) {
    unsigned pick = n;
    for (unsigned q = 0; q < n && pick == n; q++) {
      bool ready = !done[q];
      for (unsigned p = 0; p < n && ready; p++) ready = done[p] || p == q || !o->before[p * n + q];
      if (ready) pick = q;
    }
    if (pick == n) cycle(o, done);
    done[pick] = true;
    items_add(o->r, out, o->l->v[pick]);
  }
}

void raise_close(struct raise *r, struct items *l, const struct bound *loop, unsigned mark, unsigned stamp,
                 struct items *out) {
  expand(r, l, loop, mark, stamp);
  struct order o = {r, l, loop, ARENA_NEW(r->a, bool, l->n * l->n + 1)};
  find_order(&o);
  for (unsigned i = 0; i < l->n; i++) {
    struct item *it = l->v[i];
    bool red = r->obj[it->lhs].keep || !varies(it, loop->sym);
    if (!r->obj[it->lhs].keep && red) make_reduction(r, l, it, loop);
    check_self(r, it, loop, red);
    add_axis(r, it, loop, red);
  }
  for (unsigned i = 0; i < l->n; i++) r->obj[l->v[i]->lhs].keep = false;
  sort(&o, out);
}
