/* Dependence tests between accesses of items in iterations of a loop. Each dim gives an equation between the two
   subscripts; a contradiction shows that there is no dependence. */
#include "compiler/pass/raise_impl.h"
#include <stdlib.h>
#include <string.h>

struct touch item_store(struct raise *r, const struct item *it) {
  return (struct touch){access_new(r->a, it->lhs, it->rank, it->idx), true};
}

struct gather {
  struct raise *r;
  struct reads list;
  unsigned cap;
  bool outer;
};

static void gather_one(expr_t x, void *ctx) {
  struct gather *g = ctx;
  if (x->kind != E_READ) return;
  if (g->list.n == g->cap) {
    struct touch *old = g->list.v;
    g->cap = g->cap ? 2 * g->cap : 16;
    g->list.v = ARENA_NEW(g->r->a, struct touch, g->cap);
    if (old) memcpy(g->list.v, old, sizeof *old * g->list.n);
  }
  g->list.v[g->list.n++] = (struct touch){x->acc, g->outer};
}

struct reads item_reads(struct raise *r, const struct item *it, bool self_init) {
  struct gather g = {.r = r};
  expr_visit(it->body, gather_one, &g);
  if (it->cond) expr_visit(it->cond, gather_one, &g);
  g.outer = true;
  if (it->start) expr_visit(it->start, gather_one, &g);
  if (it->init && (self_init || !expr_eq(it->init, item_self(r, it)))) expr_visit(it->init, gather_one, &g);
  return g.list;
}

/* Names of y's side: fresh symbols for its axes and, for a later iteration, for the loop. */
struct renamed {
  sym_t *map;
  unsigned n;
};

static const poly_t *rename_all(struct raise *r, const struct renamed *m, const poly_t *p, unsigned n) {
  poly_t *q = ARENA_NEW(r->a, poly_t, n);
  for (unsigned i = 0; i < n; i++) q[i] = poly_rename(r->a, p[i], m->map, m->n);
  return q;
}

static void rename_bound(struct raise *r, const struct renamed *m, struct bound *b) {
  b->lo = rename_all(r, m, b->lo, b->nlo);
  b->hi = rename_all(r, m, b->hi, b->nhi);
}

/* y with fresh names for its axes. */
static void add_renamed(struct raise *r, struct domain *d, struct renamed *m, const struct item *y, bool outer) {
  struct item fresh = *y;
  fresh.ax = arena_dup(r->a, y->ax, sizeof *y->ax * y->nax);
  for (unsigned i = 0; i < y->nax; i++) {
    rename_bound(r, m, &fresh.ax[i].b);
    sym_t s = raise_sym(r);
    m->map[fresh.ax[i].b.sym] = s;
    fresh.ax[i].b.sym = s;
  }
  fresh.guard = (poly_t *)rename_all(r, m, y->guard, y->nguard);
  fresh.where = (poly_t *)rename_all(r, m, y->where, y->nwhere);
  domain_item(r, d, &fresh, outer);
}

static void add_later(struct raise *r, struct domain *d, struct renamed *m, const struct bound *loop) {
  poly_t *lo = ARENA_NEW(r->a, poly_t, 1);
  *lo = poly_addc(r->a, poly_sym(r->a, loop->sym), 1);
  struct bound b = {raise_sym(r), 1, loop->nhi, lo, loop->hi};
  m->map[loop->sym] = b.sym;
  domain_in(r, d, &b);
}

static bool conflict(struct raise *r, const struct bound *loop, const struct item *x, struct touch tx,
                     const struct item *y, struct touch ty, bool later) {
  const struct access *ax = tx.x, *ay = ty.x;
  if (ax->tensor != ay->tensor || ax->rank != ay->rank) return ax->tensor == ay->tensor;
  struct domain *d = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, d);
  domain_in(r, d, loop);
  struct renamed m = {.n = r->nsym};
  m.map = ARENA_NEW(r->a, sym_t, m.n);
  for (unsigned i = 0; i < m.n; i++) m.map[i] = SYM_NONE;
  domain_item(r, d, x, tx.outer);
  if (later) add_later(r, d, &m, loop);
  add_renamed(r, d, &m, y, ty.outer);
  poly_t eq[RAISE_RANK];
  unsigned n = 0;
  for (unsigned i = 0; i < ax->rank && n < RAISE_RANK; i++)
    if (!ax->ix[i].dyn && !ay->ix[i].dyn)
      eq[n++] = poly_sub(r->a, ax->ix[i].poly, poly_rename(r->a, ay->ix[i].poly, m.map, m.n));
  return prove_meet(r, d, eq, n);
}

bool may_conflict(struct raise *r, const struct bound *loop, const struct item *x, struct touch tx,
                  const struct item *y, struct touch ty, bool later) {
  if (++r->ntests > RAISE_TESTS) raise_no(r, r->at, "the function is too large to be analysed");
  unsigned nsym = r->nsym;
  r->a = r->tests;
  bool yes = conflict(r, loop, x, tx, y, ty, later);
  r->a = r->main;
  arena_reset(r->tests);
  r->nsym = nsym; /* the fresh names went with the test */
  return yes;
}

const char *poly_text(struct raise *r, poly_t p) {
  const char *t = "";
  for (uint32_t i = 0; i < p->n; i++) {
    const struct mono *m = &p->mono[i];
    const char *sign = i ? (m->coef < 0 ? " - " : " + ") : (m->coef < 0 ? "-" : "");
    const char *term = m->n ? raise_sym_name(r, m->sym[0]) : "";
    for (unsigned j = 1; j < m->n; j++) term = arena_printf(r->a, "%s*%s", term, raise_sym_name(r, m->sym[j]));
    long long c = llabs(m->coef);
    const char *full = !m->n ? arena_printf(r->a, "%lld", c) : c == 1 ? term : arena_printf(r->a, "%lld*%s", c, term);
    t = arena_printf(r->a, "%s%s%s", t, sign, full);
  }
  return p->n ? t : "0";
}

const char *access_text(struct raise *r, const struct access *x) {
  const char *t = r->obj[x->tensor].name;
  for (unsigned i = 0; i < x->rank; i++)
    t = arena_printf(r->a, "%s[%s]", t, x->ix[i].dyn ? "…" : poly_text(r, x->ix[i].poly));
  return t;
}

_Noreturn void raise_recurrence(struct raise *r, const struct item *w, const struct access *wx, const struct access *rx,
                                const struct bound *loop) {
  const char *order = "";
  for (unsigned i = 0; i < wx->rank; i++) {
    sym_t s, t;
    if (wx->ix[i].dyn || rx->ix[i].dyn || !poly_is_sym(wx->ix[i].poly, &s) || !poly_is_sym(rx->ix[i].poly, &t) ||
        s == t)
      continue;
    if (s == loop->sym) order = arena_printf(r->a, ", %s < %s", raise_sym_name(r, t), raise_sym_name(r, s));
  }
  raise_no(r, w->loc, "%s depends on %s%s (recurrence)", access_text(r, wx), access_text(r, rx), order);
}
