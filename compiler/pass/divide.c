/* divide: TENSOR -> TENSOR. Axes whose quotient chooses an element become two. Needs nothing; gives kernels in which
   K[h / G] (several heads of queries read one of keys) is K[i], h = G * i + j; changes no result, in strict mode no
   order of summing.

   The axis runs over [0, G * N), G is a constant or one dim. Wherever it stands it is T[.., h, ..] with a dim of that
   extent, which becomes two dims [N, G] of the same memory in all equations, h / G or h % G; elsewhere (values, guards)
   G * i + j stands for it. Either all can follow, or nothing is done: what remains is an element that a value chooses,
   which no schedule can stage. Quotients that are computed into a temp first (C's subscripts) are looked through.
   Parameters keep their place and their memory; what C sees of them is not the kernel's that passes work on. */
#include "compiler/pass/passes.h"
#include "compiler/pass/util.h"

enum { MOST = 64, MAX_RANK = 15, ROUNDS = 16 };

struct division {
  struct arena *a;
  struct kernel *k;
  poly_t by, all, count; /* G, G * N, N */
  bool fails;
  unsigned ntensor, naxis;
  struct {
    uint16_t tensor;
    uint8_t dim;
  } tensor[MOST];
  struct divided {
    unsigned eq;
    sym_t s, quotient, rest;
  } axis[MOST];
};

/* ---- quotients ---- */

static expr_t bare_int(expr_t x) {
  while (x->kind == E_CAST && type_is_int((enum dtype)x->type) && type_is_int((enum dtype)x->kid[0]->type))
    x = x->kid[0];
  return x;
}

static poly_t as_poly(struct arena *a, expr_t x) {
  x = bare_int(x);
  if (x->kind == E_POLY) return x->poly;
  return x->kind == E_CONST && type_is_int((enum dtype)x->type) ? poly_const(a, x->val.i) : NULL;
}

/* x is *s o *by. */
static bool is_quotient(struct arena *a, expr_t x, enum op o, sym_t *s, poly_t *by) {
  x = bare_int(x);
  if (x->kind != E_OP || x->op != o) return false;
  poly_t of = as_poly(a, x->kid[0]);
  *by = as_poly(a, x->kid[1]);
  return of && *by && poly_is_sym(of, s);
}

/* The number of parts of `by` in `all`, where it is one. */
static poly_t parts_of(struct arena *a, poly_t all, poly_t by) {
  poly_t q = poly_const(a, 0), rest;
  int64_t c;
  sym_t s;
  if (poly_is_sym(by, &s)) return poly_split(a, all, s, &q, &rest) && !rest->n && q->n ? q : NULL;
  if (!poly_is_const(by, &c) || c < 2) return NULL;
  for (uint32_t i = 0; i < all->n; i++) {
    poly_t m = poly_const(a, all->mono[i].coef / c);
    if (all->mono[i].coef % c) return NULL;
    for (unsigned j = 0; j < all->mono[i].n; j++) m = poly_mul(a, m, poly_sym(a, all->mono[i].sym[j]));
    q = poly_add(a, q, m);
  }
  return q->n ? q : NULL;
}

/* ---- what must follow ---- */

static void divide_dim(struct division *p, unsigned t, unsigned d);

static const struct axis *axis_of(const struct eq *e, sym_t s) {
  for (unsigned i = 0; i < e->nax; i++)
    if (e->axis[i].sym == s) return &e->axis[i];
  return NULL;
}

static void divide_access(struct division *p, unsigned tensor, unsigned rank, const struct subscript *ix, sym_t s) {
  for (unsigned d = 0; d < rank && !p->fails; d++) {
    sym_t x;
    if (!poly_has(ix[d].poly, s)) continue;
    if (ix[d].dyn || !poly_is_sym(ix[d].poly, &x))
      p->fails = true;
    else
      divide_dim(p, tensor, d);
  }
}

struct walk {
  struct division *p;
  sym_t s;
};
static void follow_read(expr_t x, void *ctx) {
  const struct walk *w = ctx;
  if (x->kind == E_READ && !w->p->fails) divide_access(w->p, x->acc->tensor, x->acc->rank, x->acc->ix, w->s);
}

static void divide_axis(struct division *p, unsigned at, sym_t s) {
  const struct eq *e = &p->k->eq[at];
  const struct axis *x = axis_of(e, s);
  int64_t zero;
  for (unsigned i = 0; i < p->naxis; i++)
    if (p->axis[i].eq == at && p->axis[i].s == s) return;
  bool arg = e->red == RED_argmax || e->red == RED_argmin;
  if (!x || p->naxis == MOST || !poly_is_const(x->lo, &zero) || zero || !poly_eq(x->hi, p->all) ||
      e->nax == UINT8_MAX || (arg && eq_is_red(e, s)) || p->k->tensor[e->lhs].rank > MAX_RANK) {
    p->fails = true;
    return;
  }
  p->axis[p->naxis++] = (struct divided){at, s, SYM_NONE, SYM_NONE};
  for (unsigned g = 0; g < e->nguard; g++)
    p->fails |= poly_subst(p->a, e->guard[g], s, poly_mul(p->a, p->by, p->all))->overflow;
  struct subscript lhs[MAX_RANK];
  unsigned rank = p->k->tensor[e->lhs].rank;
  for (unsigned d = 0; d < rank; d++) lhs[d] = (struct subscript){e->lhs_idx[d], NULL};
  divide_access(p, e->lhs, rank, lhs, s);
  struct walk w = {p, s};
  eq_visit(e, follow_read, &w);
}

static void divide_dim(struct division *p, unsigned t, unsigned d) {
  const struct tensor *x = &p->k->tensor[t];
  for (unsigned i = 0; i < p->ntensor; i++) {
    if (p->tensor[i].tensor != t) continue;
    p->fails |= p->tensor[i].dim != d;
    return;
  }
  if (p->ntensor == MOST || x->rank >= MAX_RANK || !x->extent || !x->extent[d] || !poly_eq(x->extent[d], p->all)) {
    p->fails = true;
    return;
  }
  p->tensor[p->ntensor].tensor = (uint16_t)t;
  p->tensor[p->ntensor++].dim = (uint8_t)d;
  for (unsigned e = 0; e < p->k->neq && !p->fails; e++) {
    const struct eq *eq = &p->k->eq[e];
    const struct access **acc;
    sym_t s;
    unsigned n = eq_accesses(p->a, eq, t, &acc);
    bool ok = eq->lhs != t || poly_is_sym(eq->lhs_idx[d], &s);
    if (ok && eq->lhs == t) divide_axis(p, e, s);
    for (unsigned i = 0; i < n && ok && !p->fails; i++) {
      ok = !acc[i]->ix[d].dyn && poly_is_sym(acc[i]->ix[d].poly, &s);
      if (ok) divide_axis(p, e, s);
    }
    p->fails |= !ok;
  }
}

/* ---- doing it ---- */

static int divided_dim(const struct division *p, unsigned tensor) {
  for (unsigned i = 0; i < p->ntensor; i++)
    if (p->tensor[i].tensor == tensor) return p->tensor[i].dim;
  return -1;
}

static const struct divided *divided_axis(const struct division *p, unsigned eq, sym_t s) {
  for (unsigned i = 0; i < p->naxis; i++)
    if (p->axis[i].eq == eq && p->axis[i].s == s) return &p->axis[i];
  return NULL;
}

struct rewrite {
  const struct division *p;
  unsigned eq;
};

static void settle_subscripts(struct arena *a, struct access *acc) {
  for (unsigned d = 0; d < acc->rank; d++) {
    expr_t x = acc->ix[d].dyn ? bare_int(acc->ix[d].dyn) : NULL;
    if (x && x->kind == E_POLY) acc->ix[d] = (struct subscript){poly_add(a, acc->ix[d].poly, x->poly), NULL};
  }
}

static expr_t rewrite_node(struct arena *a, expr_t x, void *ctx) {
  const struct rewrite *r = ctx;
  const struct divided *q;
  poly_t by;
  sym_t s;
  for (unsigned i = 0; i < 2 && x->kind == E_OP; i++)
    if (is_quotient(a, x, i ? OP_rem : OP_div, &s, &by) && poly_eq(by, r->p->by) && (q = divided_axis(r->p, r->eq, s)))
      return expr_cast(a, (enum dtype)x->type, expr_poly(a, poly_sym(a, i ? q->rest : q->quotient)));
  if (x->kind != E_READ) return x;
  int at = divided_dim(r->p, x->acc->tensor);
  struct access *acc = arena_dup(a, x->acc, sizeof *x->acc);
  acc->rank = (uint8_t)(acc->rank + (at >= 0));
  acc->ix = ARENA_NEW(a, struct subscript, acc->rank + 1u);
  for (unsigned d = 0; d < acc->rank; d++) acc->ix[d] = x->acc->ix[at >= 0 && (int)d > at ? d - 1 : d];
  if (at >= 0 && poly_is_sym(acc->ix[at].poly, &s) && (q = divided_axis(r->p, r->eq, s))) {
    acc->ix[at] = (struct subscript){poly_sym(a, q->quotient), NULL};
    acc->ix[at + 1] = (struct subscript){poly_sym(a, q->rest), NULL};
  }
  settle_subscripts(a, acc);
  return expr_read(a, (enum dtype)x->type, acc);
}

static poly_t put_both(struct arena *a, poly_t x, void *ctx) {
  const struct rewrite *r = ctx;
  for (unsigned i = 0; i < r->p->naxis; i++) {
    const struct divided *q = &r->p->axis[i];
    if (q->eq != r->eq || !poly_has(x, q->s)) continue;
    x = poly_subst(a, x, q->s, poly_add(a, poly_mul(a, r->p->by, poly_sym(a, q->quotient)), poly_sym(a, q->rest)));
  }
  return x;
}

static expr_t put_everywhere(struct arena *a, expr_t x, void *ctx) {
  return x->kind == E_POLY || x->kind == E_READ ? expr_map_poly(a, x, put_both, ctx) : x;
}

static void rewrite_lhs(struct rewrite *r, struct eq *e) {
  struct arena *a = r->p->a;
  int at = divided_dim(r->p, e->lhs);
  unsigned rank = r->p->k->tensor[e->lhs].rank + (at >= 0);
  poly_t *idx = ARENA_NEW(a, poly_t, rank + 1u);
  sym_t s = SYM_NONE;
  for (unsigned d = 0; d < rank; d++) idx[d] = e->lhs_idx[at >= 0 && (int)d > at ? d - 1 : d];
  const struct divided *q = at >= 0 && poly_is_sym(idx[at], &s) ? divided_axis(r->p, r->eq, s) : NULL;
  if (q) idx[at] = poly_sym(a, q->quotient), idx[at + 1] = poly_sym(a, q->rest);
  for (unsigned d = 0; d < rank; d++) idx[d] = put_both(a, idx[d], r);
  e->lhs_idx = idx;
}

static void rewrite_axes(struct rewrite *r, struct eq *e) {
  struct arena *a = r->p->a;
  struct axis *axis = ARENA_NEW(a, struct axis, 2u * e->nax + 1u);
  poly_t *guard = ARENA_NEW(a, poly_t, e->nguard + 1u), zero = poly_const(a, 0);
  unsigned n = 0, npar = 0;
  for (unsigned i = 0; i < e->nax; i++) {
    const struct divided *q = divided_axis(r->p, r->eq, e->axis[i].sym);
    if (q) {
      axis[n++] = (struct axis){q->quotient, zero, r->p->count};
      axis[n++] = (struct axis){q->rest, zero, r->p->by};
    } else {
      axis[n++] = (struct axis){e->axis[i].sym, put_both(a, e->axis[i].lo, r), put_both(a, e->axis[i].hi, r)};
    }
    if (i < e->npar) npar = n;
  }
  for (unsigned g = 0; g < e->nguard; g++) guard[g] = put_both(a, e->guard[g], r);
  e->axis = axis;
  e->guard = guard;
  e->npar = (uint8_t)npar;
  e->nax = (uint8_t)n;
}

static void divide_tensor(const struct division *p, struct tensor *t, unsigned d) {
  poly_t *extent = ARENA_NEW(p->a, poly_t, t->rank + 1u), *stride = ARENA_NEW(p->a, poly_t, t->rank + 1u);
  for (unsigned o = 0; o <= t->rank; o++) {
    extent[o] = t->extent[o > d ? o - 1 : o];
    if (t->stride) stride[o] = t->stride[o > d ? o - 1 : o];
  }
  extent[d] = p->count, extent[d + 1] = p->by;
  t->extent = extent;
  if (t->stride) stride[d] = poly_mul(p->a, t->stride[d], p->by), t->stride = stride;
  t->rank++;
}

static void divide(struct division *p) {
  struct kernel *k = p->k;
  for (unsigned i = 0; i < p->naxis; i++) {
    const char *name = k->sym[p->axis[i].s].name;
    p->axis[i].quotient = kernel_add_sym(k, name, SYM_INDEX);
    p->axis[i].rest = kernel_add_sym(k, arena_printf(p->a, "%s_of", name), SYM_INDEX);
  }
  for (unsigned e = 0; e < k->neq; e++) {
    struct rewrite r = {p, e};
    eq_map(p->a, &k->eq[e], rewrite_node, &r);
    eq_map(p->a, &k->eq[e], put_everywhere, &r);
    rewrite_lhs(&r, &k->eq[e]);
    rewrite_axes(&r, &k->eq[e]);
  }
  for (unsigned i = 0; i < p->ntensor; i++) divide_tensor(p, &k->tensor[p->tensor[i].tensor], p->tensor[i].dim);
}

/* ---- temps of quotients ---- */

/* The equation that makes all of a temp's values, each a quotient of its place; NULL: none. */
static const struct eq *map_of(struct arena *a, const struct kernel *k, unsigned t) {
  const struct eq *found = NULL;
  sym_t s;
  poly_t by;
  if (k->tensor[t].role != ROLE_TEMP || k->tensor[t].rank != 1) return NULL;
  for (unsigned e = 0; e < k->neq; e++) {
    if (k->eq[e].lhs != t) continue;
    if (found) return NULL;
    found = &k->eq[e];
  }
  bool ok = found && found->red == RED_none && !found->nguard && eq_bare(k, found) &&
            (is_quotient(a, found->body, OP_div, &s, &by) || is_quotient(a, found->body, OP_rem, &s, &by));
  return ok && s == found->axis[0].sym && !poly_has_axis(found, by) ? found : NULL;
}

/* x where e is x / 1. */
static poly_t by_one(struct arena *a, expr_t e) {
  sym_t s;
  poly_t by;
  int64_t c;
  return is_quotient(a, e, OP_div, &s, &by) && poly_is_const(by, &c) && c == 1 ? poly_sym(a, s) : NULL;
}

static expr_t look_through(struct arena *a, expr_t x, void *ctx) {
  const struct kernel *k = ctx;
  if (x->kind != E_READ) return x;
  struct access *acc = NULL;
  for (unsigned d = 0; d < x->acc->rank; d++) {
    expr_t at = x->acc->ix[d].dyn ? bare_int(x->acc->ix[d].dyn) : NULL;
    poly_t whole = at ? by_one(a, at) : NULL;
    bool plain = at && at->kind == E_READ && at->acc->rank == 1 && !at->acc->nguard && !at->acc->ix[0].dyn;
    const struct eq *m = plain ? map_of(a, k, at->acc->tensor) : NULL;
    if (!m && !whole) continue;
    if (!acc) {
      acc = arena_dup(a, x->acc, sizeof *x->acc);
      acc->ix = arena_dup(a, x->acc->ix, sizeof *acc->ix * acc->rank);
    }
    if (m) acc->ix[d].dyn = expr_subst_sym(a, m->body, m->axis[0].sym, at->acc->ix[0].poly);
    if (!m) acc->ix[d] = (struct subscript){poly_add(a, acc->ix[d].poly, whole), NULL};
  }
  return acc ? expr_read(a, (enum dtype)x->type, acc) : x;
}

/* ---- which ---- */

struct search {
  struct division *p;
  unsigned eq;
  bool found;
};

static void try_quotient(struct search *c, expr_t dyn) {
  struct division *p = c->p;
  const struct axis *x;
  poly_t by;
  sym_t s;
  if (!is_quotient(p->a, dyn, OP_div, &s, &by) || !(x = axis_of(&p->k->eq[c->eq], s))) return;
  for (unsigned i = 0; i < p->k->eq[c->eq].nax; i++)
    if (poly_has(x->hi, p->k->eq[c->eq].axis[i].sym)) return;
  *p = (struct division){.a = p->a, .k = p->k, .by = by, .all = x->hi, .count = parts_of(p->a, x->hi, by)};
  if (!p->count) return;
  divide_axis(p, c->eq, s);
  c->found = !p->fails;
}

static void find_quotient(expr_t x, void *ctx) {
  struct search *c = ctx;
  for (unsigned d = 0; x->kind == E_READ && d < x->acc->rank && !c->found; d++)
    if (x->acc->ix[d].dyn) try_quotient(c, x->acc->ix[d].dyn);
}

static bool divide_some(struct arena *a, struct kernel *k) {
  struct division p = {.a = a, .k = k};
  for (unsigned e = 0; e < k->neq; e++) {
    struct search c = {&p, e, false};
    eq_visit(&k->eq[e], find_quotient, &c);
    if (!c.found) continue;
    divide(&p);
    return true;
  }
  return false;
}

enum status pass_divide(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  for (unsigned e = 0; e < u->k->neq; e++) eq_map(a, &u->k->eq[e], look_through, u->k);
  for (unsigned n = 0; n < ROUNDS && divide_some(a, u->k); n++) {
  }
  return ST_OK;
}
