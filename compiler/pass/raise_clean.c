/* Items put into the form people would write: the start of a sum in the sum, a result where it is copied to, nothing
   that nobody reads, a name of its own for each version of an array that is wholly written again. */
#include "compiler/pass/raise_impl.h"
#include <string.h>

static unsigned npar(const struct item *it) {
  unsigned n = 0;
  for (unsigned i = 0; i < it->nax; i++) n += !it->ax[i].red;
  return n;
}

static struct raxis *axis_of(const struct item *it, sym_t s) {
  for (unsigned i = 0; i < it->nax; i++)
    if (it->ax[i].b.sym == s) return &it->ax[i];
  return NULL;
}

/* --- a's axes as b's --- */

struct match {
  sym_t *map; /* of a's symbols; SYM_NONE: itself */
  unsigned n;
};

static bool polys_match(struct raise *r, const struct match *m, const poly_t *x, const poly_t *y, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (!poly_eq(poly_rename(r->a, x[i], m->map, m->n), y[i])) return false;
  return true;
}

/* The elements ai[] over a's parallel axes are those of bi[] over b's, one to one, with m naming which iteration is
 * which. */
static bool match(struct raise *r, const struct item *a, const poly_t *ai, const struct item *b, const poly_t *bi,
                  unsigned rank, struct match *m) {
  *m = (struct match){ARENA_NEW(r->a, sym_t, r->nsym), r->nsym};
  for (unsigned i = 0; i < m->n; i++) m->map[i] = SYM_NONE;
  if (npar(a) != npar(b)) return false;
  for (unsigned d = 0; d < rank; d++) {
    sym_t s, t;
    if (poly_is_sym(ai[d], &s) && poly_is_sym(bi[d], &t) && axis_of(a, s)) m->map[s] = t;
  }
  for (unsigned i = 0; i < a->nax; i++) {
    const struct bound *x = &a->ax[i].b;
    if (a->ax[i].red) continue;
    const struct raxis *y = axis_of(b, m->map[x->sym] == SYM_NONE ? x->sym : m->map[x->sym]);
    if (!y || y->red || y->b.nlo != x->nlo || y->b.nhi != x->nhi) return false;
    if (!polys_match(r, m, x->lo, y->b.lo, x->nlo) || !polys_match(r, m, x->hi, y->b.hi, x->nhi)) return false;
  }
  return polys_match(r, m, ai, bi, rank);
}

static poly_t rename_poly(struct arena *a, poly_t p, void *ctx) {
  const struct match *m = ctx;
  return poly_rename(a, p, m->map, m->n);
}

static expr_t rename_expr(struct raise *r, expr_t x, struct match *m) {
  return x ? expr_map_poly(r->a, x, rename_poly, m) : NULL;
}

/* --- who reads what --- */

static bool item_touches(struct raise *r, const struct item *it, unsigned obj, bool reads_only) {
  if (!reads_only && it->lhs == obj) return true;
  struct reads rd = item_reads(r, it, true);
  for (unsigned i = 0; i < rd.n; i++)
    if (rd.v[i].x->tensor == obj) return true;
  return false;
}

static bool writes_what(struct raise *r, const struct item *w, const struct item *reader) {
  return item_touches(r, reader, w->lhs, true);
}

struct counter {
  unsigned obj, n;
};

static void count_one(expr_t x, void *ctx) {
  struct counter *c = ctx;
  if (x->kind == E_READ && x->acc->tensor == c->obj) c->n++;
}

static unsigned reads_in_env(struct raise *r, unsigned obj) {
  struct counter c = {obj, 0};
  for (unsigned v = 0; v < r->f->nlocal; v++)
    if (r->env[v]) expr_visit(r->env[v], count_one, &c);
  return c.n;
}

static unsigned reads_in_items(struct raise *r, const struct items *l, unsigned obj) {
  unsigned n = 0;
  for (unsigned i = 0; i < l->n; i++) {
    struct reads rd = item_reads(r, l->v[i], true);
    for (unsigned j = 0; j < rd.n; j++) n += rd.v[j].x->tensor == obj;
  }
  return n;
}

/* --- the start of a reduction --- */

static expr_t fold_cast(struct raise *r, enum dtype t, expr_t x) {
  if (x->kind == E_CONST) return expr_const(r->a, t, type_convert(t, (enum dtype)x->type, x->val));
  return expr_cast(r->a, t, x);
}

static void drop_identity(struct item *it) {
  expr_t i = it->init;
  if (!i || it->red == RED_argmin || it->red == RED_argmax || i->kind != E_CONST) return;
  if (type_value_eq((enum dtype)i->type, i->val, red_identity((enum red)it->red, (enum dtype)i->type))) it->init = NULL;
}

static void fold_inits(struct raise *r, struct items *l) {
  for (unsigned i = 0; i < l->n; i++) {
    struct item *it = l->v[i];
    if (!it->init) continue;
    if (it->init->kind == E_CAST) it->init = fold_cast(r, (enum dtype)it->init->type, it->init->kid[0]);
    drop_identity(it);
  }
}

static bool own_init(struct raise *r, const struct item *it) {
  if (!it->red || !it->init) return false;
  expr_t x = it->init->kind == E_CAST ? it->init->kid[0] : it->init;
  return expr_eq(x, item_self(r, it));
}

/* C = e; C += sum  ->  C = sum from e. */
static bool merge_init(struct raise *r, struct items *l, unsigned at) {
  struct item *b = l->v[at];
  struct match m;
  if (!own_init(r, b) || b->cond || expr_reads(b->body, b->lhs)) return false;
  for (unsigned j = at; j-- > 0;) {
    struct item *a = l->v[j];
    if (a->lhs != b->lhs) {
      if (item_touches(r, a, b->lhs, true)) return false;
      continue;
    }
    if (a->red || a->cond || a->nguard || a->rank != b->rank || !match(r, a, a->idx, b, b->idx, a->rank, &m))
      return false;
    for (unsigned k = j + 1; k < at; k++)
      if (writes_what(r, l->v[k], a)) return false;
    b->nwhere = 0; /* a has stored there in any case */
    b->init = fold_cast(r, (enum dtype)b->body->type, rename_expr(r, a->body, &m));
    drop_identity(b);
    items_remove(l, j);
    return true;
  }
  return false;
}

/* --- a temp that is only copied --- */

static expr_t copied(struct raise *r, const struct item *x) {
  expr_t e = x->body;
  if (x->red || x->cond || x->nguard) return NULL;
  if (e->kind == E_CAST && e->type == r->obj[x->lhs].type) e = e->kid[0];
  if (e->kind != E_READ || r->obj[e->acc->tensor].kind != OBJ_TEMP || e->acc->nguard) return NULL;
  for (unsigned i = 0; i < e->acc->rank; i++)
    if (e->acc->ix[i].dyn) return NULL;
  return e;
}

/* a, renamed to x's axes, reads nothing of x's result but (in its start) the element that x writes. */
static bool reads_only_self(struct raise *r, const struct item *a, const struct item *x, struct match *m) {
  expr_t init = rename_expr(r, a->init, m), self = item_self(r, x);
  if (expr_reads(a->body, x->lhs) || (a->start && expr_reads(a->start, x->lhs)) ||
      (a->cond && expr_reads(a->cond, x->lhs)))
    return false;
  if (!init || !expr_reads(init, x->lhs)) return true;
  struct item probe = {.body = init};
  struct reads rd = item_reads(r, &probe, true);
  for (unsigned i = 0; i < rd.n; i++)
    if (rd.v[i].x->tensor == x->lhs && !access_eq(rd.v[i].x, self->acc)) return false;
  return true;
}

static void rename_axes(struct raise *r, struct item *it, struct match *m) {
  it->ax = arena_dup(r->a, it->ax, sizeof *it->ax * it->nax);
  for (unsigned i = 0; i < it->nax; i++) {
    struct bound *b = &it->ax[i].b;
    poly_t *lo = arena_dup(r->a, b->lo, sizeof *lo * b->nlo), *hi = arena_dup(r->a, b->hi, sizeof *hi * b->nhi);
    for (unsigned j = 0; j < b->nlo; j++) lo[j] = rename_poly(r->a, lo[j], m);
    for (unsigned j = 0; j < b->nhi; j++) hi[j] = rename_poly(r->a, hi[j], m);
    if (b->sym < m->n && m->map[b->sym] != SYM_NONE) b->sym = m->map[b->sym];
    b->lo = lo;
    b->hi = hi;
  }
  it->guard = it->nguard ? arena_dup(r->a, it->guard, sizeof *it->guard * it->nguard) : NULL;
  for (unsigned i = 0; i < it->nguard; i++) it->guard[i] = rename_poly(r->a, it->guard[i], m);
  it->where = it->nwhere ? arena_dup(r->a, it->where, sizeof *it->where * it->nwhere) : NULL;
  for (unsigned i = 0; i < it->nwhere; i++) it->where[i] = rename_poly(r->a, it->where[i], m);
  it->body = rename_expr(r, it->body, m);
  it->init = rename_expr(r, it->init, m);
  it->start = rename_expr(r, it->start, m);
  it->cond = rename_expr(r, it->cond, m);
}

static bool names_clash(const struct item *a, const struct item *x) {
  for (unsigned i = 0; i < a->nax; i++)
    if (a->ax[i].red && axis_of(x, a->ax[i].b.sym)) return true;
  return false;
}

static int writer(const struct items *l, unsigned obj) {
  int w = -1;
  for (unsigned i = 0; i < l->n; i++)
    if (l->v[i]->lhs == obj) {
      if (w >= 0) return -1;
      w = (int)i;
    }
  return w;
}

/* t = red …; X = t  ->  X = red … */
static bool merge_copy(struct raise *r, struct items *l, unsigned at) {
  struct item *x = l->v[at];
  struct match m;
  expr_t e = copied(r, x);
  if (!e || reads_in_env(r, e->acc->tensor) || reads_in_items(r, l, e->acc->tensor) != 1) return false;
  int w = writer(l, e->acc->tensor);
  if (w < 0 || (unsigned)w >= at) return false;
  struct item *a = l->v[w];
  if (r->obj[a->lhs].keep || !item_always(a)) return false;
  if (a->body->type != r->obj[a->lhs].type && x->body->kind == E_CAST) return false;
  poly_t ix[RAISE_RANK];
  for (unsigned i = 0; i < a->rank; i++) ix[i] = e->acc->ix[i].poly;
  if (a->rank != e->acc->rank || !match(r, a, a->idx, x, ix, a->rank, &m) || names_clash(a, x)) return false;
  if (!reads_only_self(r, a, x, &m)) return false;
  for (unsigned k = (unsigned)w + 1; k < at; k++)
    if (writes_what(r, l->v[k], a)) return false;
  rename_axes(r, a, &m);
  if (!a->red && x->body->kind == E_CAST) a->body = expr_cast(r->a, (enum dtype)x->body->type, a->body);
  a->lhs = x->lhs;
  a->rank = x->rank;
  a->idx = x->idx;
  a->loc = x->loc;
  l->v[at] = a;
  items_remove(l, (unsigned)w);
  return true;
}

/* --- both sides of a condition --- */

/* if (c) X[i] = a; … if (!c) X[i] = b;  ->  X[i] = c ? a : b; */
static bool merge_sides(struct raise *r, struct items *l, unsigned at) {
  struct item *b = l->v[at];
  struct match m;
  if (!b->cond || b->red || b->nguard) return false;
  for (unsigned j = at; j-- > 0;) {
    struct item *a = l->v[j];
    if (a->lhs != b->lhs) {
      if (item_touches(r, a, b->lhs, true)) return false;
      continue;
    }
    if (!a->cond || a->red || a->nguard || a->rank != b->rank || !match(r, a, a->idx, b, b->idx, a->rank, &m))
      return false;
    expr_t c = rename_expr(r, a->cond, &m);
    if (!expr_eq(cond_not(r, c), b->cond) && !expr_eq(c, cond_not(r, b->cond))) return false;
    for (unsigned k = j + 1; k < at; k++)
      if (writes_what(r, l->v[k], a)) return false;
    b->body = expr_op3(r->a, OP_select, c, rename_expr(r, a->body, &m), b->body);
    b->cond = NULL;
    items_remove(l, j);
    return true;
  }
  return false;
}

/* --- what nobody reads --- */

static bool drop_dead(struct raise *r, struct items *l) {
  for (unsigned i = l->n; i-- > 0;) {
    unsigned o = l->v[i]->lhs;
    if (r->obj[o].kind != OBJ_TEMP || reads_in_env(r, o) || reads_in_items(r, l, o)) continue;
    items_remove(l, i);
    return true;
  }
  return false;
}

static bool read_elsewhere(struct raise *r, const struct items *l, unsigned obj) {
  for (unsigned i = 0; i < l->n; i++)
    if (l->v[i]->lhs != obj && item_touches(r, l->v[i], obj, true)) return true;
  return false;
}

void raise_drop_arrays(struct raise *r, struct items *l) {
  for (unsigned i = l->n; i-- > 0;)
    if (r->obj[l->v[i]->lhs].kind == OBJ_LOCAL && !read_elsewhere(r, l, l->v[i]->lhs)) {
      items_remove(l, i);
      i = l->n;
    }
}

void raise_clean(struct raise *r, struct items *l) {
  while (drop_dead(r, l)) continue;
  fold_inits(r, l);
  for (bool again = true; again;) {
    again = false;
    for (unsigned i = 0; i < l->n; i++)
      while (i < l->n && (merge_init(r, l, i) || merge_copy(r, l, i) || merge_sides(r, l, i))) {
        again = true;
        i -= i > 0;
      }
  }
}

/* --- guards --- */

static void add_polys(struct raise *r, poly_t **to, unsigned *nto, const poly_t *g, unsigned n) {
  poly_t *all = ARENA_NEW(r->a, poly_t, *nto + n + 1);
  unsigned k = 0;
  for (unsigned i = 0; i < n + *nto; i++) {
    poly_t p = i < n ? g[i] : (*to)[i - n];
    bool known = false;
    for (unsigned j = 0; j < k; j++) known |= poly_eq(all[j], p);
    if (!known) all[k++] = p;
  }
  *to = all;
  *nto = k;
}

void item_terms(struct raise *r, struct item *it, unsigned n, const poly_t *g, expr_t cond) {
  add_polys(r, &it->guard, &it->nguard, g, n);
  if (!cond) return;
  if (it->red == RED_argmin || it->red == RED_argmax)
    raise_no(r, it->loc, "'%s' is searched for under a condition on values", r->obj[it->lhs].name);
  if (it->body->kind == E_OP && it->body->op == OP_select && expr_eq(it->body->kid[0], cond)) return;
  enum dtype t = (enum dtype)it->body->type;
  it->body = expr_op3(r->a, OP_select, cond, it->body, expr_const(r->a, t, red_identity((enum red)it->red, t)));
}

static void find_load(expr_t x, void *ctx) {
  bool *found = ctx;
  *found |= x->kind == E_READ;
}

/* first && then: what `then` loads is loaded only where `first` holds. */
static expr_t both(struct raise *r, expr_t first, expr_t then) {
  bool loads = false;
  expr_visit(then, find_load, &loads);
  if (!loads) return expr_op2(r->a, OP_and, first, then);
  return expr_op3(r->a, OP_select, first, then, expr_const(r->a, DT_bool, (union value){0}));
}

void item_guard(struct raise *r, struct item *it, unsigned n, const poly_t *g, expr_t cond) {
  if (it->red) {
    if (cond && r->obj[it->lhs].kind != OBJ_TEMP)
      raise_no(r, it->loc, "'%s' is reduced into under a condition on values", r->obj[it->lhs].name);
    add_polys(r, &it->where, &it->nwhere, g, n);
    item_terms(r, it, n, g, cond);
    return;
  }
  add_polys(r, &it->guard, &it->nguard, g, n);
  if (cond) it->cond = it->cond ? both(r, cond, it->cond) : cond;
}

bool item_always(const struct item *it) {
  return !it->cond && !it->nwhere && (it->red || !it->nguard);
}

/* --- versions --- */

struct to_version {
  unsigned from, to;
};

static expr_t version_read(struct arena *a, expr_t x, void *ctx) {
  const struct to_version *v = ctx;
  if (x->kind != E_READ || x->acc->tensor != v->from) return x;
  struct access *n = arena_dup(a, x->acc, sizeof *n);
  n->tensor = (uint16_t)v->to;
  return expr_read(a, (enum dtype)x->type, n);
}

static void version_item(struct raise *r, struct item *it, struct to_version *v) {
  it->body = expr_map(r->a, it->body, version_read, v);
  if (it->init) it->init = expr_map(r->a, it->init, version_read, v);
  if (it->start) it->start = expr_map(r->a, it->start, version_read, v);
  if (it->cond) it->cond = expr_map(r->a, it->cond, version_read, v);
}

/* Range check of one subscript of x against the bounds of w's axis there, these taken at x's subscripts. */
static bool in_bounds(struct raise *r, const struct domain *d, const struct item *w, const poly_t *idx,
                      const struct access *x, unsigned i, const struct bound *b) {
  for (unsigned k = 0; k < b->nlo + (unsigned)b->nhi; k++) {
    poly_t e = k < b->nlo ? b->lo[k] : b->hi[k - b->nlo];
    sym_t fresh[RAISE_RANK], q;
    /* All axes at once, for names of both sides may coincide. */
    for (unsigned j = 0; j < x->rank; j++) {
      fresh[j] = raise_sym(r);
      if (poly_is_sym(idx[j], &q) && axis_of(w, q)) e = poly_subst(r->a, e, q, poly_sym(r->a, fresh[j]));
    }
    for (unsigned j = 0; j < x->rank; j++) e = poly_subst(r->a, e, fresh[j], x->ix[j].poly);
    poly_t p = k < b->nlo ? poly_sub(r->a, x->ix[i].poly, e) : poly_addc(r->a, poly_sub(r->a, e, x->ix[i].poly), -1);
    if (!prove_ge0(r, d, p)) return false;
  }
  return true;
}

/* The element x, at any point of reader, is one of idx[] over w's axes. Each idx is a bare axis or does not vary. */
bool item_covers(struct raise *r, const struct item *w, const poly_t *idx, const struct item *reader, struct touch t) {
  const struct access *x = t.x;
  struct domain *d = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, d);
  domain_item(r, d, reader, t.outer);
  for (unsigned i = 0; i < x->rank; i++)
    if (x->ix[i].dyn) return false;
  for (unsigned i = 0; i < x->rank; i++) {
    sym_t s;
    const struct raxis *ax = poly_is_sym(idx[i], &s) ? axis_of(w, s) : NULL;
    bool twice = false, varies = false; /* twice: an element of the diagonal, asked for one that is none */
    for (unsigned j = 0; j < i; j++) twice |= ax && poly_eq(idx[j], idx[i]) && !poly_eq(x->ix[j].poly, x->ix[i].poly);
    for (unsigned j = 0; j < w->nax; j++) varies |= poly_has(idx[i], w->ax[j].b.sym);
    if (twice || (!ax && (varies || !poly_eq(idx[i], x->ix[i].poly)))) return false;
    if (ax && !in_bounds(r, d, w, idx, x, i, &ax->b)) return false;
  }
  return true;
}

static bool whole_again(struct raise *r, struct items *l, unsigned first, unsigned at) {
  struct item *b = l->v[at], *a = l->v[first];
  struct match m;
  if (own_init(r, b) || own_init(r, a) || !item_always(a) || !item_always(b)) return false;
  for (unsigned i = first; i < at; i++) {
    struct item *it = l->v[i];
    if (it->lhs == b->lhs && !match(r, it, it->idx, b, b->idx, b->rank, &m)) return false;
  }
  for (unsigned i = first + 1; i <= at; i++) {
    struct reads rd = item_reads(r, l->v[i], true);
    for (unsigned j = 0; j < rd.n; j++)
      if (rd.v[j].x->tensor == b->lhs && !item_covers(r, a, a->idx, l->v[i], rd.v[j])) return false;
  }
  return true;
}

static void split_version(struct raise *r, struct items *l, unsigned first, unsigned at) {
  unsigned old = l->v[at]->lhs;
  struct obj o = r->obj[old];
  unsigned n = raise_obj(r, o.name, (enum dtype)o.type, OBJ_LOCAL);
  o.kind = OBJ_LOCAL;
  if (r->obj[old].kind == OBJ_PARAM) o.stride = NULL;
  r->obj[n] = o;
  struct to_version v = {old, n};
  for (unsigned i = first; i <= at; i++) {
    struct item *it = l->v[i];
    if (i > first) version_item(r, it, &v);
    if (i < at && it->lhs == old) it->lhs = (uint16_t)n;
  }
}

/* One split of obj's versions; false: none is possible. */
static bool version(struct raise *r, struct items *l, unsigned obj) {
  int first = -1;
  for (unsigned i = 0; i < l->n; i++) {
    if (l->v[i]->lhs != obj) continue;
    if (first >= 0 && whole_again(r, l, (unsigned)first, i)) {
      split_version(r, l, (unsigned)first, i);
      return true;
    }
    if (first < 0) first = (int)i;
  }
  return false;
}

void raise_versions(struct raise *r, struct items *l) {
  for (unsigned o = 0; o < r->nobj; o++)
    if (r->obj[o].kind == OBJ_PARAM || r->obj[o].kind == OBJ_LOCAL)
      while (version(r, l, o)) continue;
}
