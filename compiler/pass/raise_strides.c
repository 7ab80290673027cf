/* Flat arrays get dims back: A[i*lda + k] becomes A[i][k] with strides (lda, 1), and A[i*K + k] with 0 <= k < K becomes
   a dense A[M][K].

   Dense dims are found from the inside: a monomial w such that what it does not divide lies in [0, w) for every access.
   What is left is split by the coefficients of the loop variables. For arrays that are written the split must be one to
   one: each stride at least what the dims inside it span; that is assumed, and checked at entry. Sizes come from the
   largest subscripts. An array that is also read at subscripts which are values (i / 32, clamp(x), a byte) stays flat,
   and is as large as those can get: larger than it is, perhaps, which is harmless (what overlaps is decided at entry,
   by ranges). */
#include "compiler/pass/raise_split.h"
#include <string.h>

struct splits {
  struct raise *r;
  struct split *of; /* [nobj] */
  const struct uses *uses;
};

static bool flat(const struct raise *r, unsigned obj) {
  const struct obj *o = &r->obj[obj];
  return o->kind == OBJ_PARAM && o->rank >= 1 && (o->rank == 1 || !o->extent[0]);
}

/* --- the largest value of a subscript that is computed --- */

static poly_t bigger(struct raise *r, poly_t x, poly_t y) {
  struct domain *none = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, none);
  none->n = none->nfact = 0;
  if (!x || prove_ge0(r, none, poly_sub(r->a, y, x))) return y;
  if (prove_ge0(r, none, poly_sub(r->a, x, y))) return x;
  raise_assume(r, x); /* a sum of sizes is larger than each where none is negative */
  raise_assume(r, y);
  return poly_add(r->a, x, y);
}

static bool over_dims(const struct raise *r, poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (p->mono[i].sym[j] >= r->f->k->nsym || r->f->k->sym[p->mono[i].sym[j]].kind != SYM_DIM) return false;
  return !p->overflow;
}

/* Where p is not negative: what it is at most, over dims. */
static bool poly_max(struct raise *r, const struct domain *d, poly_t p, poly_t *max) {
  poly_t min;
  int64_t c;
  if (!prove_max(r, d, p, max)) return false;
  if (prove_ge0(r, d, p)) return true;
  if (!prove_min(r, d, p, &min) || (poly_is_const(min, &c) && c < 0)) return false;
  raise_assume(r, min);
  return true;
}

struct only_set {
  unsigned local, n;
  expr_t value;
};

static void find_set(const struct lstmt *s, void *ctx) {
  struct only_set *f = ctx;
  if (s->kind == L_SET && s->id == f->local) f->n++, f->value = s->value;
}

/* A divisor: over dims alone, and then assumed to be at least 1. *p: its value. */
static bool divisor(struct raise *r, expr_t x, poly_t *p) {
  int64_t c;
  if (!expr_poly_value(r, x, p)) return false;
  if (poly_is_const(*p, &c)) return c >= 1;
  if (!over_dims(r, *p)) return false;
  raise_assume(r, poly_addc(r->a, *p, -1));
  return true;
}

static bool value_max(struct raise *r, const struct domain *d, expr_t x, unsigned depth, poly_t *max);

static bool op_max(struct raise *r, const struct domain *d, expr_t x, unsigned depth, poly_t *max) {
  poly_t l, m;
  int64_t c;
  unsigned first = x->op == OP_select;
  if (x->op == OP_and && x->kid[1]->kind == E_CONST && x->kid[1]->val.i >= 0)
    return *max = poly_const(r->a, x->kid[1]->val.i), true;
  if (x->nkid < 2 || !value_max(r, d, x->kid[first], depth, &l)) return false;
  switch (x->op) {
  case OP_div:
    if (!divisor(r, x->kid[1], &m)) return false;
    *max = poly_is_const(l, &c) && poly_is_const(m, NULL) ? poly_const(r->a, c / m->mono[0].coef) : l;
    return true;
  case OP_rem:
    if (!divisor(r, x->kid[1], &m)) return false;
    *max = poly_addc(r->a, m, -1);
    return true;
  case OP_shr:
    *max = l;
    return x->kid[1]->kind == E_CONST && x->kid[1]->val.i >= 0;
  case OP_add:
  case OP_mul:
  case OP_max:
  case OP_select:
    if (!value_max(r, d, x->kid[first + 1], depth, &m)) return false;
    *max = x->op == OP_mul ? poly_mul(r->a, l, m) : x->op == OP_add ? poly_add(r->a, l, m) : bigger(r, l, m);
    return !(*max)->overflow;
  default:
    return false;
  }
}

/* A polynomial over dims that the integer x, which is never negative, does not exceed. */
static bool value_max(struct raise *r, const struct domain *d, expr_t x, unsigned depth, poly_t *max) {
  enum dtype t = (enum dtype)x->type;
  poly_t p;
  if (depth > 20 || (!type_is_int(t) && t != DT_bool)) return false;
  if (expr_poly_value(r, x, &p)) return poly_max(r, d, p, max);
  if (!type_is_signed(t) && type_size(t) <= 2)
    return *max = poly_const(r->a, t == DT_bool ? 1 : type_size(t) == 1 ? 255 : 65535), true;
  /* (i32 of i64: what wraps is smaller, or negative and so outside of any array) */
  if (x->kind == E_CAST &&
      (t == DT_i32 || (type_size(t) >= 4 && type_size(t) >= type_size((enum dtype)x->kid[0]->type))))
    return value_max(r, d, x->kid[0], depth + 1, max);
  if (x->kind == E_LOCAL) {
    struct only_set f = {x->id, 0, NULL};
    tree_visit(r->f->body, find_set, NULL, &f);
    return f.n == 1 && value_max(r, d, f.value, depth + 1, max);
  }
  return x->kind == E_OP && op_max(r, d, x, depth + 1, max);
}

static void add_use(struct uses *u, const struct access *x, bool written) {
  struct raise *r = u->r;
  if (!flat(r, x->tensor) || !x->rank) return;
  if (written) raise_no_scatter(r, x);
  if (x->ix[0].dyn) {
    if (r->obj[x->tensor].extent[0]) return;
    struct domain *at = ARENA_NEW(r->a, struct domain, 1);
    poly_t max, p;
    domain_init(r, at);
    for (unsigned i = 0; i < x->nguard; i++) domain_fact(at, x->guard[i]);
    if (!written && value_max(r, at, x->ix[0].dyn, 0, &max) && poly_max(r, at, x->ix[0].poly, &p) &&
        over_dims(r, max) && over_dims(r, p)) {
      u->gather[x->tensor] = bigger(r, u->gather[x->tensor], poly_addc(r->a, poly_add(r->a, max, p), 1));
      if (u->gather[x->tensor]) return;
    }
    raise_no(r, r->at, "'%s' is used at subscripts that depend on values, and its size is not declared",
             r->obj[x->tensor].name);
  }
  if (u->n >= 2000) raise_no(r, r->at, "the function is too large");
  if (u->n == u->cap) {
    struct use *old = u->v;
    u->cap = u->cap ? 2 * u->cap : 32;
    u->v = ARENA_NEW(r->a, struct use, u->cap);
    if (old) memcpy(u->v, old, sizeof *old * u->n);
  }
  struct domain *d = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, d);
  for (unsigned i = 0; i < x->nguard; i++) domain_fact(d, x->guard[i]);
  u->v[u->n++] = (struct use){.obj = x->tensor, .written = written, .p = x->ix[0].poly, .rest = x->ix[0].poly, .d = d};
}

static unsigned push_guards(struct raise *r, const poly_t *g, unsigned n) {
  unsigned old = r->nfact;
  for (unsigned i = 0; i < n && r->nfact < RAISE_FACTS; i++) r->fact[r->nfact++] = g[i];
  return old;
}

static void uses_expr(struct uses *u, expr_t x);

static void uses_select(struct uses *u, expr_t x) {
  poly_t g[32];
  unsigned n = 0;
  uses_expr(u, x->kid[0]);
  expr_t rest = cond_split(u->r, x->kid[0], false, g, &n, 30);
  unsigned old = push_guards(u->r, g, n);
  uses_expr(u, x->kid[1]);
  u->r->nfact = old;
  if (n == 1 && !rest) {
    g[0] = poly_addc(u->r->a, poly_scale(u->r->a, g[0], -1), -1);
    push_guards(u->r, g, 1);
  }
  uses_expr(u, x->kid[2]);
  u->r->nfact = old;
}

static void uses_expr(struct uses *u, expr_t x) {
  if (x->kind == E_READ) {
    add_use(u, x->acc, false);
    for (unsigned i = 0; i < x->acc->rank; i++)
      if (x->acc->ix[i].dyn) uses_expr(u, x->acc->ix[i].dyn);
    if (x->acc->otherwise) uses_expr(u, x->acc->otherwise);
  } else if (x->kind == E_OP && x->op == OP_select) {
    uses_select(u, x);
  } else {
    for (unsigned i = 0; i < x->nkid; i++) uses_expr(u, x->kid[i]);
  }
}

static void uses_tree(struct uses *u, const struct lstmt *s) {
  struct raise *r = u->r;
  unsigned nfact = r->nfact, nloop = r->nloop;
  poly_t g[64];
  unsigned n = 0;
  if (s->cond) uses_expr(u, s->cond);
  if (s->value) {
    if (s->kind == L_STORE) push_guards(r, s->acc->guard, s->acc->nguard);
    uses_expr(u, s->value);
    r->nfact = nfact;
  }
  if (s->kind == L_STORE) add_use(u, s->acc, true);
  if (s->kind == L_FOR) {
    if (r->nloop >= RAISE_LOOPS) raise_no(r, r->at, "loops nested deeper than %d", RAISE_LOOPS);
    r->loop[r->nloop++] = (struct bound){s->sym, s->nlo, s->nhi, s->lo, s->hi};
  }
  if (s->kind == L_IF) {
    for (; n < s->nguard && n < 32; n++) g[n] = s->guard[n];
    expr_t rest = s->cond ? cond_split(r, s->cond, false, g, &n, 60) : NULL;
    push_guards(r, g, n);
    uses_tree(u, s->body[0]);
    r->nfact = nfact;
    poly_t not0 = n == 1 && !rest ? poly_addc(r->a, poly_scale(r->a, g[0], -1), -1) : NULL;
    if (not0) push_guards(r, &not0, 1);
    if (s->nbody > 1 && s->body[1]) uses_tree(u, s->body[1]);
  } else {
    for (unsigned i = 0; i < s->nbody; i++)
      if (s->body[i]) uses_tree(u, s->body[i]);
  }
  r->nfact = nfact;
  r->nloop = nloop;
}

/* --- sizes --- */

/* Not negative where no dim is. */
static bool only_adds(poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    if (p->mono[i].coef < 0) return false;
  return !p->overflow;
}

/* The larger one of two sizes. Dims are assumed not to be negative, and a constant beside dims (x[0], whatever n is) is
 * assumed to be the smaller one. */
static poly_t larger(struct raise *r, const struct use *u, poly_t x, poly_t y) {
  struct domain *none = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, none);
  if (prove_ge0(r, none, poly_sub(r->a, x, y))) return x;
  if (prove_ge0(r, none, poly_sub(r->a, y, x))) return y;
  if (only_adds(poly_sub(r->a, y, x))) return raise_assume(r, poly_sub(r->a, y, x)), y;
  if (only_adds(poly_sub(r->a, x, y))) return raise_assume(r, poly_sub(r->a, x, y)), x;
  if (poly_is_const(x, NULL)) return raise_assume(r, poly_sub(r->a, y, x)), y;
  if (poly_is_const(y, NULL)) return raise_assume(r, poly_sub(r->a, x, y)), x;
  raise_no(r, r->obj[u->obj].loc,
           "cannot tell how large '%s' is: its subscripts reach %s in one place and %s in another", r->obj[u->obj].name,
           poly_text(r, x), poly_text(r, y));
}

static poly_t extent_of(struct raise *r, struct uses *u, unsigned obj, const struct split *s, const bool *is_var,
                        unsigned dim) {
  poly_t all = NULL;
  for (unsigned i = 0; i < u->n; i++) {
    poly_t idx[2 * RAISE_RANK], max, min;
    int64_t c;
    if (u->v[i].obj != obj) continue;
    split_apply(r, s, is_var, &u->v[i], idx);
    if (!prove_ge0(r, u->v[i].d, idx[dim])) {
      if (!prove_min(r, u->v[i].d, idx[dim], &min) || (poly_is_const(min, &c) && c < 0))
        raise_no(r, r->obj[obj].loc, "a subscript of '%s' may be negative", r->obj[obj].name);
      raise_assume(r, min);
    }
    if (!prove_max(r, u->v[i].d, idx[dim], &max))
      raise_no(r, r->obj[obj].loc, "cannot tell how large '%s' is", r->obj[obj].name);
    max = poly_addc(r->a, max, 1);
    all = all ? larger(r, &u->v[i], all, max) : max;
  }
  return all;
}

static bool obj_written(const struct uses *u, unsigned obj) {
  for (unsigned i = 0; i < u->n; i++)
    if (u->v[i].obj == obj && u->v[i].written) return true;
  return false;
}

/* The dims of obj in front of those declared behind dim 0. */
static void set_dims(struct raise *r, struct uses *u, unsigned obj, const struct split *s, const bool *is_var) {
  struct obj *o = &r->obj[obj];
  unsigned n = s->nstride + s->ndense, tail = o->rank - 1u;
  if (n + tail > RAISE_RANK) raise_no(r, o->loc, "'%s' has too many dims", o->name);
  poly_t *extent = ARENA_NEW(r->a, poly_t, n + tail), *stride = ARENA_NEW(r->a, poly_t, n + tail),
         inner = poly_const(r->a, 1);
  for (unsigned i = tail; i-- > 0;) {
    extent[n + i] = o->extent[i + 1];
    stride[n + i] = inner;
    inner = poly_mul(r->a, inner, extent[n + i]);
  }
  for (unsigned i = n; i-- > 0;) {
    bool is_dense = i >= s->nstride;
    int64_t c;
    extent[i] = is_dense ? s->dense[n - 1 - i] : extent_of(r, u, obj, s, is_var, i);
    if (poly_is_const(extent[i], &c) && c < 1) raise_no(r, o->loc, "cannot tell how large '%s' is", o->name);
    stride[i] = is_dense ? inner : poly_mul(r->a, inner, s->stride[i]);
    if (is_dense) inner = poly_mul(r->a, inner, extent[i]);
  }
  bool strided = s->nstride > 1;
  if (strided && obj_written(u, obj))
    for (unsigned i = 0; i + 1 < s->nstride; i++)
      raise_assume(r, poly_sub(r->a, s->stride[i], poly_mul(r->a, extent[i + 1], s->stride[i + 1])));
  o->rank = (uint8_t)(n + tail);
  o->extent = extent;
  o->stride = strided ? stride : NULL;
}

static expr_t split_read(struct arena *a, expr_t x, void *ctx);

static const struct access *split_access(struct arena *a, const struct access *x, void *ctx) {
  struct splits *q = ctx;
  const struct split *s = &q->of[x->tensor];
  if (!s->on) return x;
  bool *is_var = ARENA_NEW(a, bool, q->r->nsym + 1u);
  for (unsigned i = 0; i < q->r->f->k->nsym; i++) is_var[i] = q->r->f->k->sym[i].kind == SYM_INDEX;
  poly_t idx[2 * RAISE_RANK];
  unsigned at = 0;
  while (at < q->uses->n && (q->uses->v[at].obj != x->tensor || !poly_eq(q->uses->v[at].p, x->ix[0].poly))) at++;
  if (at == q->uses->n || x->ix[0].dyn)
    raise_no(q->r, q->r->at, "'%s' is used at subscripts that depend on values", q->r->obj[x->tensor].name);
  unsigned n = split_apply(q->r, s, is_var, &q->uses->v[at], idx);
  struct access *y = arena_dup(a, x, sizeof *x);
  y->rank = (uint8_t)(n + x->rank - 1);
  y->ix = ARENA_NEW(a, struct subscript, y->rank);
  for (unsigned i = 0; i < n; i++) y->ix[i].poly = idx[i];
  for (unsigned i = 1; i < x->rank; i++) y->ix[n + i - 1] = x->ix[i];
  return y;
}

static expr_t split_read(struct arena *a, expr_t x, void *ctx) {
  if (x->kind != E_READ) return x;
  const struct access *n = split_access(a, x->acc, ctx);
  return n == x->acc ? x : expr_read(a, (enum dtype)x->type, n);
}

/* Declared arrays are left alone unless one subscript holds several dims' worth. */
static bool wants_split(struct raise *r, struct uses *u, unsigned obj) {
  const struct obj *o = &r->obj[obj];
  if (!o->extent[0]) return true;
  for (unsigned i = 0; i < u->n; i++)
    for (unsigned v = 0; u->v[i].obj == obj && v < u->v[i].d->n; v++) {
      poly_t c = split_coefficient(r, &u->v[i], u->v[i].p, v);
      if (c && !poly_is_const(c, NULL)) return true;
    }
  return false;
}

/* The size of an array with computed subscripts, from all its uses. */
static void gather_size(struct raise *r, struct uses *u, unsigned obj) {
  poly_t all = u->gather[obj], max;
  for (unsigned i = 0; i < u->n; i++) {
    if (u->v[i].obj != obj) continue;
    if (u->v[i].written || !poly_max(r, u->v[i].d, u->v[i].p, &max))
      raise_no(r, r->obj[obj].loc, "'%s' is used at subscripts that depend on values, and its size is not declared",
               r->obj[obj].name);
    all = bigger(r, all, poly_addc(r->a, max, 1));
  }
  r->obj[obj].extent = ARENA_NEW(r->a, poly_t, r->obj[obj].rank);
  memcpy(r->obj[obj].extent, r->f->object[obj].extent, sizeof *r->obj[obj].extent * r->obj[obj].rank);
  r->obj[obj].extent[0] = all;
}

struct lstmt *raise_strides(struct raise *r, struct lstmt *body) {
  struct uses u = {.r = r};
  u.gather = ARENA_NEW(r->a, poly_t, r->nobj + 1u);
  uses_tree(&u, body);
  for (unsigned o = 0; o < r->nobj; o++)
    if (u.gather[o]) gather_size(r, &u, o);
  struct splits q = {r, ARENA_NEW(r->a, struct split, r->nobj + 1), &u};
  bool *is_var = ARENA_NEW(r->a, bool, r->nsym + 1);
  for (unsigned i = 0; i < r->f->k->nsym; i++) is_var[i] = r->f->k->sym[i].kind == SYM_INDEX;
  for (unsigned o = 0; o < r->nobj; o++) {
    bool used = false;
    for (unsigned i = 0; i < u.n; i++) used |= u.v[i].obj == o;
    if (!used || u.gather[o] || !flat(r, o) || !wants_split(r, &u, o)) continue;
    struct split *s = &q.of[o];
    s->on = true;
    split_find(r, &u, o, s);
    set_dims(r, &u, o, s, is_var);
  }
  struct tree_map m = {.a = r->a, .expr = split_read, .store = split_access, .ctx = &q};
  return tree_copy(&m, body);
}
