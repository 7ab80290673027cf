/* collapse: TENSOR -> TENSOR. Fewer axes where memory does not know of them. Needs nothing; gives fewer axes and
   tensors of lower rank; changes no result, in strict mode no order of summing.

   1. A reduced axis of one iteration goes, as long as another one stays (the window of a 1x1 convolution).
   2. Two axes become one, z = i * N + j, where j runs over all of [0, N), N is a constant, and wherever i or j stands
   it is T[.., i, j, ..] with rows of N elements that follow one another in memory. The two dims of each such T become
      one, in all equations; so either all of them can follow, or nothing is done. Small images then fill vectors and
      register tiles as long rows do, and a 1x1 convolution is a product.

   3. Members of structures that are treated alike become an axis (members.c), where it can join in this way.

   N must be a constant: the sign of a product of two dims says nothing about either. Parameters keep their place and
   their memory; what C sees of them is not the kernel's that passes work on. */
#include "compiler/pass/members.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/util.h"

enum { MAX_JOINED = 64, MAX_RANK = 16 };

/* A proposal: dims d and d + 1 of these tensors, axes i and j of these equations. */
struct joined {
  struct arena *a;
  struct kernel *k;
  bool strict, fails;
  unsigned ntensor, npair;
  struct {
    uint16_t tensor;
    uint8_t dim;
  } tensor[MAX_JOINED];
  struct pair {
    unsigned eq;
    sym_t i, j, z;
  } pair[MAX_JOINED];
};

static void want_tensor(struct joined *p, unsigned t, unsigned d);

/* ---- may an equation's axes i and j become one? ---- */

static bool bare(const struct subscript *s, sym_t *sym) {
  return !s->dyn && poly_is_sym(s->poly, sym);
}

/* T[.., i, j, ..] with dims d and d + 1; where else i or j stands nothing can be joined. */
static void want_access(struct joined *p, unsigned tensor, unsigned rank, const struct subscript *ix, sym_t i,
                        sym_t j) {
  for (unsigned d = 0; d < rank; d++) {
    sym_t s, next;
    if (ix[d].dyn && (expr_has_sym(ix[d].dyn, i) || expr_has_sym(ix[d].dyn, j))) p->fails = true;
    if (!poly_has(ix[d].poly, i) && !poly_has(ix[d].poly, j)) continue;
    if (d + 1 == rank || !bare(&ix[d], &s) || !bare(&ix[d + 1], &next) || s != i || next != j) {
      p->fails = true;
      return;
    }
    want_tensor(p, tensor, d++);
  }
}

struct walk {
  struct joined *p;
  sym_t i, j;
};
static void want_node(expr_t x, void *ctx) {
  const struct walk *w = ctx;
  if (x->kind == E_POLY && (poly_has(x->poly, w->i) || poly_has(x->poly, w->j))) w->p->fails = true;
  if (x->kind != E_READ || w->p->fails) return;
  for (unsigned g = 0; g < x->acc->nguard; g++)
    if (poly_has(x->acc->guard[g], w->i) || poly_has(x->acc->guard[g], w->j)) w->p->fails = true;
  want_access(w->p, x->acc->tensor, x->acc->rank, x->acc->ix, w->i, w->j);
}

static int place_of(const struct eq *e, sym_t s) {
  for (unsigned x = 0; x < e->nax; x++)
    if (e->axis[x].sym == s) return (int)x;
  return -1;
}

/* Both parallel, or both of one reduction whose order allows it; ranges and guards do not speak of them. */
static bool axes_may_join(const struct joined *p, const struct eq *e, int i, int j) {
  bool reduced = i >= e->npar;
  if (i < 0 || j < 0 || i == j || reduced != (j >= e->npar)) return false;
  if (reduced && (e->red == RED_argmax || e->red == RED_argmin || (p->strict && j != i + 1))) return false;
  const struct axis *x = &e->axis[i], *y = &e->axis[j];
  int64_t zero, n;
  if (poly_has_axis(e, x->lo) || poly_has_axis(e, x->hi)) return false;
  if (!poly_is_const(y->lo, &zero) || zero || !poly_is_const(y->hi, &n)) return false;
  for (unsigned a = 0; a < e->nax; a++)
    for (unsigned k = 0; k < 2; k++)
      if (poly_has(e->axis[a].lo, e->axis[k ? i : j].sym) || poly_has(e->axis[a].hi, e->axis[k ? i : j].sym))
        return false;
  for (unsigned g = 0; g < e->nguard; g++)
    if (poly_has(e->guard[g], x->sym) || poly_has(e->guard[g], y->sym)) return false;
  return true;
}

/* n: extent of the inner one of the two dims that ask. */
static void want_pair(struct joined *p, unsigned at, sym_t i, sym_t j, int64_t n) {
  const struct eq *e = &p->k->eq[at];
  int64_t all;
  for (unsigned x = 0; x < p->npair; x++) {
    const struct pair *q = &p->pair[x];
    if (q->eq != at) continue;
    if (q->i == i && q->j == j) return;
    if (q->i == i || q->i == j || q->j == i || q->j == j) p->fails = true;
  }
  int x = place_of(e, i), y = place_of(e, j);
  if (p->fails || p->npair == MAX_JOINED || !axes_may_join(p, e, x, y) || !poly_is_const(e->axis[y].hi, &all) ||
      all != n) {
    p->fails = true;
    return;
  }
  p->pair[p->npair++] = (struct pair){at, i, j, SYM_NONE};
  struct walk w = {p, i, j};
  struct subscript lhs[MAX_RANK];
  unsigned rank = p->k->tensor[e->lhs].rank;
  if (rank > MAX_RANK) p->fails = true;
  for (unsigned d = 0; d < rank && !p->fails; d++) lhs[d] = (struct subscript){e->lhs_idx[d], NULL};
  if (!p->fails) want_access(p, e->lhs, rank, lhs, i, j);
  eq_visit(e, want_node, &w);
}

/* ---- may a tensor's dims d and d + 1 become one? ---- */

static bool dims_may_join(const struct joined *p, const struct tensor *t, unsigned d, int64_t *n) {
  if (t->rank > MAX_RANK || d + 1 >= t->rank || !t->extent || !t->extent[d + 1]) return false;
  if (!poly_is_const(t->extent[d + 1], n) || *n < 1 || (d && !t->extent[d])) return false;
  if (t->extent[d] && poly_scale(p->a, t->extent[d], *n)->overflow) return false;
  return !t->stride || poly_eq(t->stride[d], poly_scale(p->a, t->stride[d + 1], *n));
}

static void want_reads(struct joined *p, unsigned at, unsigned t, unsigned d, int64_t n) {
  const struct access **acc;
  sym_t i, j;
  unsigned count = eq_accesses(p->a, &p->k->eq[at], t, &acc);
  for (unsigned x = 0; x < count && !p->fails; x++) {
    if (!bare(&acc[x]->ix[d], &i) || !bare(&acc[x]->ix[d + 1], &j)) {
      p->fails = true;
      return;
    }
    want_pair(p, at, i, j, n);
  }
}

static void want_tensor(struct joined *p, unsigned t, unsigned d) {
  int64_t n;
  for (unsigned x = 0; x < p->ntensor; x++) {
    if (p->tensor[x].tensor != t) continue;
    if (p->tensor[x].dim == d) return;
    p->fails = true; /* one pair of dims at a time: the next round takes the next */
  }
  if (p->fails || p->ntensor == MAX_JOINED || !dims_may_join(p, &p->k->tensor[t], d, &n)) {
    p->fails = true;
    return;
  }
  p->tensor[p->ntensor].tensor = (uint16_t)t;
  p->tensor[p->ntensor++].dim = (uint8_t)d;
  for (unsigned e = 0; e < p->k->neq && !p->fails; e++) {
    const struct eq *eq = &p->k->eq[e];
    sym_t i, j;
    if (eq->lhs == t && poly_is_sym(eq->lhs_idx[d], &i) && poly_is_sym(eq->lhs_idx[d + 1], &j))
      want_pair(p, e, i, j, n);
    else if (eq->lhs == t)
      p->fails = true;
    if (!p->fails) want_reads(p, e, t, d, n);
  }
}

/* ---- doing it ---- */

static int joined_dim(const struct joined *p, unsigned tensor) {
  for (unsigned x = 0; x < p->ntensor; x++)
    if (p->tensor[x].tensor == tensor) return p->tensor[x].dim;
  return -1;
}

static sym_t joined_sym(const struct joined *p, unsigned eq, sym_t i) {
  for (unsigned x = 0; x < p->npair; x++)
    if (p->pair[x].eq == eq && p->pair[x].i == i) return p->pair[x].z;
  return SYM_NONE;
}

struct rewrite {
  const struct joined *p;
  unsigned eq;
};
static expr_t join_read(struct arena *a, expr_t x, void *ctx) {
  const struct rewrite *r = ctx;
  int d = x->kind == E_READ ? joined_dim(r->p, x->acc->tensor) : -1;
  sym_t i;
  if (d < 0 || !poly_is_sym(x->acc->ix[d].poly, &i)) return x;
  struct access *acc = arena_dup(a, x->acc, sizeof *x->acc);
  acc->ix = ARENA_NEW(a, struct subscript, acc->rank);
  acc->rank--;
  for (unsigned o = 0; o < acc->rank; o++) acc->ix[o] = x->acc->ix[(int)o > d ? o + 1 : o];
  acc->ix[d] = (struct subscript){poly_sym(a, joined_sym(r->p, r->eq, i)), NULL};
  return expr_read(a, x->type, acc);
}

static void join_lhs(const struct joined *p, unsigned eq) {
  struct eq *e = &p->k->eq[eq];
  int d = joined_dim(p, e->lhs);
  sym_t i;
  if (d < 0 || !poly_is_sym(e->lhs_idx[d], &i)) return;
  unsigned rank = p->k->tensor[e->lhs].rank - 1u;
  poly_t *idx = ARENA_NEW(p->a, poly_t, rank);
  for (unsigned o = 0; o < rank; o++) idx[o] = e->lhs_idx[(int)o > d ? o + 1 : o];
  idx[d] = poly_sym(p->a, joined_sym(p, eq, i));
  e->lhs_idx = idx;
}

static void join_axes(const struct joined *p, const struct pair *q) {
  struct eq *e = &p->k->eq[q->eq];
  int i = place_of(e, q->i), j = place_of(e, q->j);
  struct axis *axis = ARENA_NEW(p->a, struct axis, e->nax);
  int64_t n = 0;
  unsigned o = 0;
  (void)poly_is_const(e->axis[j].hi, &n);
  for (int x = 0; x < e->nax; x++)
    if (x == i)
      axis[o++] = (struct axis){q->z, poly_scale(p->a, e->axis[i].lo, n), poly_scale(p->a, e->axis[i].hi, n)};
    else if (x != j)
      axis[o++] = e->axis[x];
  if (j < e->npar) e->npar--;
  e->nax--;
  e->axis = axis;
}

static void join_dims(const struct joined *p, struct tensor *t, unsigned d) {
  poly_t *extent = ARENA_NEW(p->a, poly_t, t->rank), *stride = ARENA_NEW(p->a, poly_t, t->rank);
  int64_t n = 0;
  (void)poly_is_const(t->extent[d + 1], &n);
  for (unsigned o = 0; o + 1 < t->rank; o++) {
    extent[o] = t->extent[o > d ? o + 1 : o];
    if (t->stride) stride[o] = t->stride[o >= d ? o + 1 : o];
  }
  extent[d] = t->extent[d] ? poly_scale(p->a, t->extent[d], n) : NULL;
  t->extent = extent;
  if (t->stride) t->stride = stride;
  t->rank--;
}

static void join(struct joined *p) {
  struct kernel *k = p->k;
  for (unsigned x = 0; x < p->npair; x++) {
    struct pair *q = &p->pair[x];
    q->z = kernel_add_sym(k, arena_printf(p->a, "%s%s", k->sym[q->i].name, k->sym[q->j].name), SYM_INDEX);
  }
  for (unsigned e = 0; e < k->neq; e++) {
    struct rewrite r = {p, e};
    eq_map(p->a, &k->eq[e], join_read, &r);
    join_lhs(p, e);
  }
  for (unsigned x = 0; x < p->npair; x++) join_axes(p, &p->pair[x]);
  for (unsigned x = 0; x < p->ntensor; x++) join_dims(p, &k->tensor[p->tensor[x].tensor], p->tensor[x].dim);
}

/* Any two dims of any tensor and what follows from joining them. */
static bool join_some(struct arena *a, struct kernel *k, bool strict) {
  for (unsigned t = 0; t < k->ntensor; t++)
    for (unsigned d = 0; d + 1 < k->tensor[t].rank; d++) {
      struct joined p = {.a = a, .k = k, .strict = strict};
      want_tensor(&p, t, d);
      if (p.fails || !p.npair) continue;
      join(&p);
      return true;
    }
  return false;
}

/* ---- axes of one iteration ---- */

static poly_t put_first(struct arena *a, poly_t p, void *ctx) {
  const struct axis *x = ctx;
  return poly_subst(a, p, x->sym, x->lo);
}

static void drop_axis(struct arena *a, struct eq *e, unsigned at) {
  struct axis x = e->axis[at], *axis = ARENA_NEW(a, struct axis, e->nax);
  poly_t *guard = ARENA_NEW(a, poly_t, e->nguard + 1u);
  for (unsigned o = 0, i = 0; i < e->nax; i++)
    if (i != at)
      axis[o++] = (struct axis){e->axis[i].sym, put_first(a, e->axis[i].lo, &x), put_first(a, e->axis[i].hi, &x)};
  for (unsigned g = 0; g < e->nguard; g++) guard[g] = put_first(a, e->guard[g], &x);
  e->axis = axis;
  e->guard = guard;
  e->nax--;
  e->body = expr_map_poly(a, e->body, put_first, &x);
}

static void drop_single(struct arena *a, struct eq *e) {
  int64_t lo, hi;
  if (e->red == RED_argmax || e->red == RED_argmin) return;
  for (unsigned x = e->nax; x-- > e->npar;)
    if (e->nax > e->npar + 1u && poly_is_const(e->axis[x].lo, &lo) && poly_is_const(e->axis[x].hi, &hi) && hi == lo + 1)
      drop_axis(a, e, x);
}

static bool has_axis_among(const struct kernel *k, sym_t first, sym_t end) {
  for (unsigned e = 0; e < k->neq; e++)
    for (unsigned x = 0; x < k->eq[e].nax; x++)
      if (k->eq[e].axis[x].sym >= first && k->eq[e].axis[x].sym < end) return true;
  return false;
}

/* The kernel with members as axes when each of these joined another one; else NULL. */
static struct kernel *without_members(struct arena *a, const struct kernel *k, bool strict) {
  struct kernel *c = kernel_clone(a, k);
  sym_t first = c->nsym;
  if (!members_join(a, c)) return NULL;
  sym_t end = c->nsym;
  while (join_some(a, c, strict)) continue;
  if (has_axis_among(c, first, end)) return NULL;
  kernel_tidy(a, c, NULL);
  c->reshaped = true;
  return c;
}

enum status pass_collapse(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  for (unsigned e = 0; e < u->k->neq; e++) drop_single(a, &u->k->eq[e]);
  struct kernel *k = without_members(a, u->k, u->strict);
  if (k) u->k = k;
  while (join_some(a, u->k, u->strict)) {
  }
  return ST_OK;
}
