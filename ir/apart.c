/* The iterations of the two equations are variables of one domain, those of the writer under fresh names; each dim says
   that two subscripts are equal. A contradiction shows that the accesses lie apart: a row below the diagonal and one
   above it, the row and the column of a pivot and what is right of and below it. */
#include "ir/apart.h"
#include "ir/expr.h"
#include "ir/prove.h"

enum { STEPS = 20000 };

struct question {
  const struct kernel *k;
  const struct eq *w, *r;
  const struct access *x;
};

static bool differ(const struct access *x, const struct eq *w) {
  for (unsigned d = 0; d < x->rank; d++)
    if (!x->ix[d].dyn && poly_always_differ(x->ix[d].poly, w->lhs_idx[d])) return true;
  return false;
}

static bool same(const struct access *x, const struct eq *w) {
  for (unsigned d = 0; d < x->rank; d++)
    if (x->ix[d].dyn || !poly_eq(x->ix[d].poly, w->lhs_idx[d])) return false;
  return true;
}

static bool is_temp(const struct kernel *k, unsigned tensor) {
  return tensor >= k->ntensor || k->tensor[tensor].role == ROLE_TEMP;
}

static bool add_axis(struct arena *a, struct domain *d, const struct axis *x, const sym_t *map, size_t n) {
  poly_t *end = ARENA_NEW(a, poly_t, 2);
  end[0] = poly_rename(a, x->lo, map, n);
  end[1] = poly_rename(a, x->hi, map, n);
  struct bound b = {x->sym < n && map[x->sym] != SYM_NONE ? map[x->sym] : x->sym, 1, 1, end, end + 1};
  return domain_var(a, d, &b);
}

struct search {
  const struct access *x;
  bool found;
};

static void look(expr_t e, void *ctx) {
  struct search *s = ctx;
  s->found |= e->kind == E_READ && e->acc == s->x;
}

/* Is x read once per term? What a reduction starts from, and where it is stored, is there without terms, too. */
static bool per_term(const struct eq *r, const struct access *x) {
  struct search s = {x, false};
  if (r->body) expr_visit(r->body, look, &s);
  if (r->running) expr_visit(r->running, look, &s);
  return s.found;
}

/* Where e runs: its axes up to nax, and the guards of a store. */
static bool add_eq(struct arena *a, struct domain *d, const struct eq *e, unsigned nax, const sym_t *map, size_t n) {
  for (unsigned i = 0; i < nax; i++)
    if (!add_axis(a, d, &e->axis[i], map, n)) return false;
  for (unsigned i = 0; i < e->nguard && e->red == RED_none; i++) domain_fact(d, poly_rename(a, e->guard[i], map, n));
  return true;
}

static sym_t first_fresh(const struct question *q) {
  sym_t s = q->k->nsym;
  for (unsigned i = 0; i < q->w->nax; i++)
    if (q->w->axis[i].sym >= s) s = (sym_t)(q->w->axis[i].sym + 1);
  for (unsigned i = 0; i < q->r->nax; i++)
    if (q->r->axis[i].sym >= s) s = (sym_t)(q->r->axis[i].sym + 1);
  return s;
}

static bool shown(struct arena *a, struct arena *scratch, const struct question *q) {
  struct domain *d = ARENA_NEW(a, struct domain, 1);
  size_t n = first_fresh(q);
  sym_t *map = ARENA_NEW(a, sym_t, n);
  poly_t *eq = ARENA_NEW(a, poly_t, q->x->rank + 1u);
  unsigned neq = 0;
  if (n + q->w->npar >= SYM_NONE) return false;
  for (size_t i = 0; i < n; i++) map[i] = SYM_NONE;
  for (unsigned i = 0; i < q->k->nassume; i++) domain_fact(d, q->k->assume[i]);
  if (!add_eq(a, d, q->r, per_term(q->r, q->x) ? q->r->nax : q->r->npar, map, n)) return false;
  for (unsigned i = 0; i < q->x->nguard; i++) domain_fact(d, q->x->guard[i]);
  for (unsigned i = 0; i < q->w->npar; i++) map[q->w->axis[i].sym] = (sym_t)(n + i);
  if (!add_eq(a, d, q->w, q->w->npar, map, n)) return false;
  for (unsigned i = 0; i < q->x->rank; i++)
    if (!q->x->ix[i].dyn) eq[neq++] = poly_sub(a, q->x->ix[i].poly, poly_rename(a, q->w->lhs_idx[i], map, n));
  struct prover p = {a, scratch, STEPS};
  return !prover_meet(&p, d, eq, neq);
}

bool eq_apart(const struct kernel *k, const struct eq *w, const struct eq *r, const struct access *x) {
  struct question q = {k, w, r, x};
  struct arena *volatile a = NULL, *volatile scratch = NULL;
  struct oom_guard g;
  volatile bool yes = false, done = false;
  if (differ(x, w)) return true;
  if (same(x, w) || is_temp(k, x->tensor)) return false;
  if (OOM_TRY(&g)) {
    a = arena_new();
    scratch = arena_new();
    yes = shown(a, scratch, &q);
    oom_leave(&g);
    done = true;
  }
  arena_free(a);
  arena_free(scratch);
  if (!done) oom_raise();
  return yes;
}
