/* Equations as wholes: see util.h. Knows no pass. */
#include "ir/apart.h"
#include "compiler/pass/util.h"
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void eq_visit(const struct eq *e, eq_visit_fn fn, void *ctx) {
  if (e->body) expr_visit(e->body, fn, ctx);
  if (e->init) expr_visit(e->init, fn, ctx);
  if (e->start) expr_visit(e->start, fn, ctx);
  if (e->running) expr_visit(e->running, fn, ctx);
}

void eq_map(struct arena *a, struct eq *e, eq_map_fn fn, void *ctx) {
  if (e->body) e->body = expr_map(a, e->body, fn, ctx);
  if (e->init) e->init = expr_map(a, e->init, fn, ctx);
  if (e->start) e->start = expr_map(a, e->start, fn, ctx);
  if (e->running) e->running = expr_map(a, e->running, fn, ctx);
}

struct redirect {
  unsigned from, to;
};

static expr_t redirect_read(struct arena *a, expr_t x, void *ctx) {
  const struct redirect *r = ctx;
  if (x->kind != E_READ || x->acc->tensor != r->from) return x;
  struct access *acc = arena_dup(a, x->acc, sizeof *x->acc);
  acc->tensor = (uint16_t)r->to;
  struct expr *y = arena_dup(a, x, sizeof *x); /* its place in the source stays */
  y->acc = acc;
  return y;
}

void eq_redirect(struct arena *a, struct eq *e, unsigned from, unsigned to) {
  eq_map(a, e, redirect_read, &(struct redirect){from, to});
}

struct rename {
  const sym_t *map;
  size_t n;
};

static poly_t rename_poly(struct arena *a, poly_t p, void *ctx) {
  const struct rename *r = ctx;
  return poly_rename(a, p, r->map, r->n);
}

expr_t expr_rename(struct arena *a, expr_t x, const sym_t *map, size_t n) {
  struct rename r = {map, n};
  return x ? expr_map_poly(a, x, rename_poly, &r) : NULL;
}

static poly_t *rename_polys(struct arena *a, const poly_t *p, unsigned count, const struct rename *r) {
  poly_t *out = ARENA_NEW(a, poly_t, count);
  for (unsigned i = 0; i < count; i++) out[i] = poly_rename(a, p[i], r->map, r->n);
  return out;
}

static struct axis *rename_axes(struct arena *a, const struct eq *e, const struct rename *r) {
  struct axis *out = ARENA_NEW(a, struct axis, e->nax);
  for (unsigned i = 0; i < e->nax; i++) {
    sym_t s = e->axis[i].sym;
    out[i].sym = s < r->n && r->map[s] != SYM_NONE ? r->map[s] : s;
    out[i].lo = poly_rename(a, e->axis[i].lo, r->map, r->n);
    out[i].hi = poly_rename(a, e->axis[i].hi, r->map, r->n);
  }
  return out;
}

void eq_rename(struct arena *a, const struct kernel *k, struct eq *e, const sym_t *map, size_t n) {
  struct rename r = {map, n};
  e->lhs_idx = rename_polys(a, e->lhs_idx, k->tensor[e->lhs].rank, &r);
  e->axis = rename_axes(a, e, &r);
  e->guard = rename_polys(a, e->guard, e->nguard, &r);
  e->body = expr_rename(a, e->body, map, n);
  e->init = expr_rename(a, e->init, map, n);
  e->start = expr_rename(a, e->start, map, n);
  e->running = expr_rename(a, e->running, map, n);
}

struct collect {
  struct arena *a;
  unsigned tensor, n, cap;
  const struct access **list;
};

static void collect_read(expr_t x, void *ctx) {
  struct collect *c = ctx;
  if (x->kind != E_READ || (c->tensor != UINT_MAX && x->acc->tensor != c->tensor)) return;
  if (c->n == c->cap) {
    unsigned cap = c->cap ? 2 * c->cap : 8;
    const struct access **list = ARENA_NEW(c->a, const struct access *, cap);
    if (c->n) memcpy(list, c->list, sizeof *list * c->n);
    c->list = list, c->cap = cap;
  }
  c->list[c->n++] = x->acc;
}

unsigned eq_accesses(struct arena *a, const struct eq *e, unsigned tensor, const struct access ***out) {
  struct collect c = {.a = a, .tensor = tensor};
  eq_visit(e, collect_read, &c);
  *out = c.list;
  return c.n;
}

unsigned expr_accesses(struct arena *a, expr_t x, unsigned tensor, const struct access ***out) {
  struct collect c = {.a = a, .tensor = tensor};
  if (x) expr_visit(x, collect_read, &c);
  *out = c.list;
  return c.n;
}

bool eq_reads(const struct eq *e, unsigned tensor) {
  return (e->body && expr_reads(e->body, tensor)) || (e->init && expr_reads(e->init, tensor)) ||
         (e->start && expr_reads(e->start, tensor)) || (e->running && expr_reads(e->running, tensor));
}

bool eq_depends(const struct eq *later, const struct eq *earlier) {
  return later->lhs == earlier->lhs || eq_reads(later, earlier->lhs) || eq_reads(earlier, later->lhs);
}

bool access_is(const struct access *x, unsigned rank, const poly_t *idx) {
  if (x->rank != rank || x->nguard) return false;
  for (unsigned d = 0; d < rank; d++)
    if (x->ix[d].dyn || !poly_eq(x->ix[d].poly, idx[d])) return false;
  return true;
}

bool eq_in_place(struct arena *a, const struct kernel *k, const struct eq *e, bool parts) {
  const struct access **acc;
  unsigned n = eq_accesses(a, e, e->lhs, &acc);
  for (unsigned i = 0; i < n; i++)
    if (!access_is(acc[i], k->tensor[e->lhs].rank, e->lhs_idx) && !(parts && eq_apart(k, e, e, acc[i]))) return false;
  return true;
}

static bool axis_among(const struct axis *ax, unsigned n, sym_t s) {
  for (unsigned i = 0; i < n; i++)
    if (ax[i].sym == s) return true;
  return false;
}

bool eq_is_par(const struct eq *e, sym_t s) {
  return axis_among(e->axis, e->npar, s);
}

bool eq_is_red(const struct eq *e, sym_t s) {
  return axis_among(e->axis + e->npar, e->nax - e->npar, s);
}

bool expr_has_red(const struct eq *e, expr_t x) {
  for (unsigned i = e->npar; i < e->nax; i++)
    if (expr_has_sym(x, e->axis[i].sym)) return true;
  return false;
}

bool poly_has_axis(const struct eq *e, poly_t p) {
  for (unsigned i = 0; i < e->nax; i++)
    if (poly_has(p, e->axis[i].sym)) return true;
  return false;
}

bool eq_partial(const struct eq *e) {
  return e->red == RED_none && e->nguard;
}

struct eq eq_outer(const struct eq *e) {
  struct eq out = *e;
  if (e->red != RED_none) out.nguard = 0;
  out.red = RED_none;
  out.nax = e->npar;
  out.init = out.start = NULL;
  return out;
}

bool eq_bare(const struct kernel *k, const struct eq *e) {
  unsigned rank = k->tensor[e->lhs].rank;
  if (rank != e->npar) return false;
  for (unsigned d = 0; d < rank; d++) {
    sym_t s;
    if (!poly_is_sym(e->lhs_idx[d], &s) || !eq_is_par(e, s)) return false;
    for (unsigned c = 0; c < d; c++)
      if (poly_eq(e->lhs_idx[c], e->lhs_idx[d])) return false;
  }
  return true;
}

/* The axis of e that subscript d of its left side is. */
static const struct axis *axis_at(const struct eq *e, unsigned d) {
  for (unsigned i = 0; i < e->npar; i++)
    if (poly_has(e->lhs_idx[d], e->axis[i].sym)) return &e->axis[i];
  return NULL;
}

/* Both write the same box of elements: bare subscripts over equal ranges that speak of dims only. */
bool eq_same_box(const struct kernel *k, const struct eq *x, const struct eq *y) {
  if (!eq_bare(k, x) || !eq_bare(k, y) || eq_partial(x) || eq_partial(y)) return false;
  for (unsigned d = 0; d < k->tensor[x->lhs].rank; d++) {
    const struct axis *p = axis_at(x, d), *q = axis_at(y, d);
    if (poly_has_axis(x, p->lo) || poly_has_axis(x, p->hi) || !poly_eq(p->lo, q->lo) || !poly_eq(p->hi, q->hi))
      return false;
  }
  return true;
}

bool access_has_sym(const struct access *x, sym_t s) {
  for (unsigned d = 0; d < x->rank; d++)
    if (poly_has(x->ix[d].poly, s) || (x->ix[d].dyn && expr_has_sym(x->ix[d].dyn, s))) return true;
  return false;
}

/* Least value of p over e's axes, innermost first: each axis is replaced by the end of its range that makes p smallest.
 */
static poly_t least(struct arena *a, const struct eq *e, poly_t p) {
  for (unsigned i = e->nax; i-- > 0;) {
    const struct axis *x = &e->axis[i];
    poly_t coef, rest;
    int64_t c;
    if (!poly_has(p, x->sym)) continue;
    if (!poly_split(a, p, x->sym, &coef, &rest) || !poly_is_const(coef, &c)) return NULL;
    p = poly_add(a, rest, poly_scale(a, c > 0 ? x->lo : poly_addc(a, x->hi, -1), c));
  }
  return p;
}

bool eq_proves(struct arena *a, const struct eq *e, poly_t p) {
  int64_t c;
  for (int g = -1; g < (int)e->nguard; g++) {
    poly_t low = least(a, e, g < 0 ? p : poly_sub(a, p, e->guard[g]));
    if (low && !low->overflow && poly_is_const(low, &c) && c >= 0) return true;
  }
  return false;
}

/* Adds guard g on axis s as a bound: lower (s >= p) or exclusive upper (s < p). False when its coefficient is not 1 or
   -1. A guard free of s bounds nothing: it is the caller's. */
static bool guard_bound(struct arena *a, poly_t g, sym_t s, poly_t *lo, unsigned *nlo, poly_t *hi, unsigned *nhi) {
  poly_t coef, rest;
  int64_t c;
  if (!poly_split(a, g, s, &coef, &rest) || !poly_is_const(coef, &c)) return false;
  if (c == 1) return lo[(*nlo)++] = poly_scale(a, rest, -1), true;
  if (c == -1) return hi[(*nhi)++] = poly_addc(a, rest, 1), true;
  return false;
}

/* cond AND p > 0 at e's parallel axes; NULL stands for "true". */
static expr_t and_positive(struct arena *a, const struct eq *e, expr_t cond, poly_t p, bool *always) {
  struct eq outer = eq_outer(e);
  if (eq_proves(a, &outer, poly_addc(a, p, -1))) return cond;
  *always = false;
  expr_t x = expr_op2(a, OP_gt, expr_poly(a, p), expr_i(a, DT_i64, 0));
  return cond ? expr_op2(a, OP_and, cond, x) : x;
}

expr_t eq_nonempty(struct arena *a, const struct eq *e, bool *always) {
  enum { MAX_BOUND = 64 };
  unsigned nred = e->nax - e->npar;
  expr_t cond = NULL;
  *always = true;
  if ((e->nguard && nred != 1) || e->nguard >= MAX_BOUND - 1) return *always = false, NULL;
  for (unsigned i = e->npar; i < e->nax; i++) {
    poly_t lo[MAX_BOUND] = {e->axis[i].lo}, hi[MAX_BOUND] = {e->axis[i].hi};
    unsigned nlo = 1, nhi = 1;
    for (unsigned r = e->npar; r < i; r++)
      if (poly_has(lo[0], e->axis[r].sym) || poly_has(hi[0], e->axis[r].sym)) return *always = false, NULL;
    for (unsigned g = 0; g < e->nguard; g++)
      if (!poly_has(e->guard[g], e->axis[i].sym))
        cond = and_positive(a, e, cond, poly_addc(a, e->guard[g], 1), always);
      else if (!guard_bound(a, e->guard[g], e->axis[i].sym, lo, &nlo, hi, &nhi))
        return *always = false, NULL;
    for (unsigned h = 0; h < nhi; h++)
      for (unsigned l = 0; l < nlo; l++) cond = and_positive(a, e, cond, poly_sub(a, hi[h], lo[l]), always);
  }
  return cond ? cond : expr_const(a, DT_bool, (union value){.u = 1});
}

struct eq *kernel_insert_eq(struct kernel *k, unsigned at) {
  kernel_add_eq(k);
  struct eq fresh = k->eq[k->neq - 1];
  memmove(&k->eq[at + 1], &k->eq[at], sizeof *k->eq * (k->neq - 1 - at));
  k->eq[at] = fresh;
  return &k->eq[at];
}

void kernel_remove_eq(struct kernel *k, unsigned at) {
  memmove(&k->eq[at], &k->eq[at + 1], sizeof *k->eq * (k->neq - 1 - at));
  k->neq--;
}

unsigned kernel_writers(const struct kernel *k, unsigned tensor, unsigned *which) {
  unsigned n = 0;
  for (unsigned i = 0; i < k->neq; i++)
    if (k->eq[i].lhs == tensor) *which = i, n++;
  return n;
}

static poly_t subst_all(struct arena *a, poly_t p, void *ctx) {
  const poly_t *by = ctx;
  poly_t sum = poly_const(a, 0);
  for (uint32_t m = 0; m < p->n; m++) {
    poly_t term = poly_const(a, p->mono[m].coef);
    for (unsigned i = 0; i < p->mono[m].n; i++) {
      sym_t s = p->mono[m].sym[i];
      term = poly_mul(a, term, by[s] ? by[s] : poly_sym(a, s));
    }
    sum = poly_add(a, sum, term);
  }
  return sum;
}

poly_t poly_subst_all(struct arena *a, poly_t p, const poly_t *by) {
  return subst_all(a, p, (void *)by);
}

expr_t expr_subst_all(struct arena *a, expr_t x, const poly_t *by) {
  return expr_map_poly(a, x, subst_all, (void *)by);
}

/* Dims come first, as every reader makes them. */
static unsigned leading_dims(const struct kernel *k) {
  unsigned n = 0, all = 0;
  while (n < k->nsym && k->sym[n].kind == SYM_DIM) n++;
  for (unsigned i = 0; i < k->nsym; i++) all += k->sym[i].kind == SYM_DIM;
  return n == all ? n : 0;
}

static void number_axis(sym_t *map, const struct axis *x, unsigned *next) {
  if (map[x->sym] == SYM_NONE) map[x->sym] = (sym_t)(*next)++;
}

static void number_lhs(const struct kernel *k, const struct eq *e, sym_t *map, unsigned *next) {
  for (unsigned d = 0; d < k->tensor[e->lhs].rank; d++)
    for (unsigned i = 0; i < e->npar; i++)
      if (poly_has(e->lhs_idx[d], e->axis[i].sym)) number_axis(map, &e->axis[i], next);
}

static expr_t renumber(struct arena *a, expr_t x, void *ctx) {
  const uint16_t *map = ctx;
  if (x->kind != E_READ || map[x->acc->tensor] == x->acc->tensor) return x;
  struct access *acc = arena_dup(a, x->acc, sizeof *x->acc);
  acc->tensor = map[acc->tensor];
  struct expr *y = arena_dup(a, x, sizeof *x);
  y->acc = acc;
  return y;
}

static void mark_read(expr_t x, void *ctx) {
  if (x->kind == E_READ) ((bool *)ctx)[x->acc->tensor] = true;
}

/* Parameters keep their order; temps follow, as they are defined; those that nobody names go. */
static void tidy_tensors(struct arena *a, struct kernel *k) {
  bool *used = ARENA_NEW(a, bool, k->ntensor + 1u), *done = ARENA_NEW(a, bool, k->ntensor + 1u);
  uint16_t *map = ARENA_NEW(a, uint16_t, k->ntensor + 1u);
  struct tensor *t = ARENA_NEW(a, struct tensor, k->ntensor + 1u);
  unsigned n = 0;
  for (unsigned i = 0; i < k->neq; i++) eq_visit(&k->eq[i], mark_read, used);
  for (unsigned i = 0; i < k->ntensor; i++)
    if (k->tensor[i].role != ROLE_TEMP) map[i] = (uint16_t)n, t[n++] = k->tensor[i], done[i] = true;
  for (unsigned e = 0; e < k->neq; e++) {
    unsigned i = k->eq[e].lhs;
    if (!done[i]) map[i] = (uint16_t)n, t[n++] = k->tensor[i], done[i] = true;
  }
  for (unsigned i = 0; i < k->ntensor; i++)
    if (used[i] && !done[i])
      map[i] = (uint16_t)n, t[n++] = k->tensor[i]; /* read, never written: the verifier's business */
  for (unsigned i = 0; i < k->neq; i++) {
    k->eq[i].lhs = map[k->eq[i].lhs];
    if (k->eq[i].state != UINT16_MAX) k->eq[i].state = map[k->eq[i].state];
    eq_map(a, &k->eq[i], renumber, map);
  }
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind == PARAM_TENSOR) k->param[i].ref = map[k->param[i].ref];
  k->tensor = t;
  k->ntensor = (uint16_t)n;
}

void kernel_tidy(struct arena *a, struct kernel *k, struct groups *gs) {
  tidy_tensors(a, k);
  unsigned next = leading_dims(k), ndim = next;
  sym_t *map = ARENA_NEW(a, sym_t, k->nsym + 1u);
  if (!ndim && k->nsym && k->sym[0].kind == SYM_DIM) return;
  for (unsigned s = 0; s < k->nsym; s++) map[s] = s < ndim ? (sym_t)s : SYM_NONE;
  for (unsigned g = 0; gs && g < gs->n; g++)
    for (unsigned i = 0; i < gs->g[g].naxis; i++) number_axis(map, &gs->g[g].axis[i], &next);
  for (unsigned e = 0; e < k->neq; e++) {
    number_lhs(k, &k->eq[e], map, &next);
    for (unsigned i = 0; i < k->eq[e].nax; i++) number_axis(map, &k->eq[e].axis[i], &next);
  }
  struct symbol *sym = ARENA_NEW(a, struct symbol, next + 1u);
  for (unsigned s = 0; s < k->nsym; s++)
    if (map[s] != SYM_NONE) sym[map[s]] = k->sym[s];
  for (unsigned e = 0; e < k->neq; e++) eq_rename(a, k, &k->eq[e], map, k->nsym);
  for (unsigned g = 0; gs && g < gs->n; g++)
    for (unsigned i = 0; i < gs->g[g].naxis; i++) {
      struct axis *x = &gs->g[g].axis[i];
      *x = (struct axis){map[x->sym], poly_rename(a, x->lo, map, k->nsym), poly_rename(a, x->hi, map, k->nsym)};
    }
  k->sym = sym;
  k->nsym = (uint16_t)next;
}
