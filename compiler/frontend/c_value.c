/* Arithmetic on C values. An integer is carried as a polynomial for as long as that is provably the same as C's own
   arithmetic: signed overflow is undefined, so signed values are what mathematics says; 64-bit unsigned ones are so
   modulo 2^64, and of 32 bits modulo 2^32 (`exact` when also without the modulo); narrower unsigned ones only when
   their range shows that nothing wraps. */
#include "compiler/frontend/c_lower.h"
#include <assert.h>
#include <string.h>

struct cval cv_expr(expr_t e, enum dtype t) {
  return (struct cval){.kind = CV_NUM, .type = (uint8_t)t, .e = e};
}

struct cval cv_const(struct cx *x, enum dtype t, union value v) {
  if (type_is_int(t) && (type_is_signed(t) || v.u <= INT64_MAX)) return cv_poly(x, poly_const(x->a, v.i), t, true);
  return cv_expr(expr_const(x->a, t, v), t);
}

/* The range of p over all values its symbols can take. */
static void range(struct cx *x, poly_t p, int64_t *lo, int64_t *hi) {
  poly_range(p, x->lo, x->hi, lo, hi);
}

bool cv_is_number(struct cval v) {
  return v.p && (v.exact || type_size((enum dtype)v.type) == 8);
}

bool cv_nonneg(struct cx *x, poly_t p) {
  int64_t lo, hi;
  range(x, p, &lo, &hi);
  return lo >= 0;
}

static bool fits(struct cx *x, poly_t p, enum dtype t) {
  unsigned bits = 8u * (unsigned)type_size(t);
  int64_t lo, hi, max = type_is_signed(t) ? (int64_t)(UINT64_MAX >> (65 - bits)) : (int64_t)(UINT64_MAX >> (64 - bits));
  if (bits == 64) return type_is_signed(t) || cv_nonneg(x, p);
  range(x, p, &lo, &hi);
  return lo >= (type_is_signed(t) ? -max - 1 : 0) && hi <= max;
}

bool cv_fits(struct cx *x, poly_t p, enum dtype t) {
  return type_is_signed(t) || fits(x, p, t);
}

struct cval cv_poly(struct cx *x, poly_t p, enum dtype t, bool exact) {
  (void)x;
  return (struct cval){.kind = CV_NUM, .type = (uint8_t)t, .p = p, .exact = exact};
}

/* No product of two indices: nothing behind SOURCE has a use for it. */
static bool linear(struct cx *x, poly_t p) {
  for (uint32_t i = 0; i < p->n; i++) {
    unsigned n = 0;
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      sym_t s = p->mono[i].sym[j];
      n += x->k->sym[s].kind == SYM_INDEX && !x->top[s];
    }
    if (n > 1) return false;
  }
  return true;
}

/* Polynomial results are kept only where they equal what C computes in type t (unsigned of 32 or 64 bits: modulo that;
 * in range, they are exact). */
static bool keep(struct cx *x, enum dtype t, poly_t p, bool *exact) {
  if (!p || p->overflow || !linear(x, p)) return false;
  if (t == DT_i32 || t == DT_i64) return *exact = true;
  if (t == DT_u64) {
    *exact = *exact || cv_nonneg(x, p);
    return true;
  }
  *exact = fits(x, p, t);
  return *exact || t == DT_u32;
}

expr_t cv_get(struct cx *x, struct cval v) {
  assert(v.kind == CV_NUM);
  if (!v.p) return expr_cast(x->a, v.type, v.e);
  int64_t c;
  if (poly_is_const(v.p, &c)) return expr_i(x->a, v.type, c);
  expr_t e = expr_cast(x->a, v.type, expr_poly(x->a, v.p));
  ((struct expr *)e)->loc = x->loc;
  return e;
}

expr_t cv_bool(struct cx *x, struct cval v) {
  if (v.e && v.e->type == DT_bool) return v.e;
  union value zero = {0};
  if (type_is_float(v.type)) zero.f = 0;
  if (v.p && v.exact) return expr_op2(x->a, OP_ne, expr_poly(x->a, v.p), expr_poly(x->a, poly_const(x->a, 0)));
  return expr_op2(x->a, OP_ne, cv_get(x, v), expr_const(x->a, v.type, zero));
}

static struct cval convert_poly(struct cx *x, struct cval v, enum dtype to) {
  enum dtype from = v.type;
  bool exact = v.exact;
  bool ok = false;
  if (!v.exact && from == DT_u32)
    exact = false; /* known modulo 2^32 only */
  else if (to == DT_i64)
    ok = exact = true; /* u64 -> i64 is the value modulo 2^64, read as signed */
  else if (to == DT_u64)
    ok = true, exact = v.exact && cv_nonneg(x, v.p);
  else if (to == DT_u32)
    ok = true, exact = v.exact && fits(x, v.p, to);
  else if (v.exact)
    ok = exact = fits(x, v.p, to) || (to == DT_i32 && from != DT_i64 && from != DT_u64 && from != DT_u32);
  if (ok) return cv_poly(x, v.p, to, exact);
  return cv_expr(expr_cast(x->a, to, cv_get(x, v)), to);
}

struct cval cv_convert(struct cx *x, struct cval v, enum dtype to) {
  assert(v.kind == CV_NUM);
  if (v.type == to) return v;
  if (to == DT_bool) return cv_expr(cv_bool(x, v), DT_bool);
  if (v.p && type_is_int(to)) return convert_poly(x, v, to);
  int64_t c;
  if (v.p && v.exact && !poly_is_const(v.p, &c)) return cv_expr(expr_cast(x->a, to, expr_poly(x->a, v.p)), to);
  expr_t e = cv_get(x, v);
  if (e->kind == E_CONST) return cv_const(x, to, type_convert(to, v.type, e->val));
  struct cval r = cv_expr(expr_cast(x->a, to, e), to);
  return r;
}

/* What is left of p when its multiples of c are taken out: a constant in 0 … c-1, or -1. */
static int64_t remainder_of(struct cx *x, poly_t p, int64_t c, poly_t *multiple) {
  int64_t rest = 0;
  for (uint32_t i = 0; i < p->n; i++) {
    if (!p->mono[i].n)
      rest = p->mono[i].coef % c < 0 ? p->mono[i].coef % c + c : p->mono[i].coef % c;
    else if (p->mono[i].coef % c)
      return -1;
  }
  *multiple = poly_addc(x->a, p, -rest);
  return (*multiple)->overflow ? -1 : rest;
}

/* p / c, p % c, p >> s, p & mask where the symbols' part of p is a multiple: (2*i + 1) / 2 is i. */
static poly_t divided(struct cx *x, enum op o, struct cval l, int64_t c) {
  poly_t m, q = poly_const(x->a, 0);
  if (o == OP_shr && (c < 0 || c > 30)) return NULL;
  if (o == OP_shr) c = (int64_t)1 << c;
  if (o == OP_and) c++;
  if (!l.exact || c < 2 || (o == OP_and && (c & (c - 1)))) return NULL;
  int64_t rest = remainder_of(x, l.p, c, &m);
  if (rest < 0 || (rest > 0 && (o == OP_div || o == OP_rem) && !cv_nonneg(x, l.p))) return NULL;
  if (o == OP_rem || o == OP_and) return poly_const(x->a, rest);
  for (uint32_t i = 0; i < m->n; i++) {
    poly_t t = poly_const(x->a, m->mono[i].coef / c);
    for (unsigned j = 0; j < m->mono[i].n; j++) t = poly_mul(x->a, t, poly_sym(x->a, m->mono[i].sym[j]));
    q = poly_add(x->a, q, t);
  }
  return q;
}

static struct cval binary_poly(struct cx *x, enum op o, struct cval l, struct cval r) {
  poly_t p = NULL;
  bool exact = false;
  if (o == OP_add) p = poly_add(x->a, l.p, r.p), exact = l.exact && r.exact;
  if (o == OP_sub) p = poly_sub(x->a, l.p, r.p);
  if (o == OP_mul) p = poly_mul(x->a, l.p, r.p), exact = l.exact && r.exact;
  int64_t s;
  if (o == OP_shl && poly_is_const(r.p, &s) && s >= 0 && s < 31)
    p = poly_scale(x->a, l.p, (int64_t)1 << s), exact = l.exact;
  if ((o == OP_div || o == OP_rem || o == OP_shr || o == OP_and) && poly_is_const(r.p, &s) && !poly_is_const(l.p, NULL))
    p = divided(x, o, l, s), exact = true;
  if (!p || !keep(x, l.type, p, &exact)) return (struct cval){0};
  return cv_poly(x, p, l.type, exact);
}

/* Division and the like of two known numbers. */
static bool fold(struct cval l, struct cval r, enum op o, union value *out) {
  int64_t a, b;
  if (!l.p || !r.p || !poly_is_const(l.p, &a) || !poly_is_const(r.p, &b)) return false;
  if ((o == OP_div || o == OP_rem) && b == 0) return false;
  union value v[3] = {type_round(l.type, (union value){.i = a}), type_round(r.type, (union value){.i = b})};
  *out = op_eval(o, l.type, v);
  return true;
}

static poly_t quotient_symbol(struct cx *x, enum op o, struct cval l, struct cval r);

/* What is known of l / c. */
static void quotient_range(struct cx *x, poly_t quotient, poly_t l, int64_t c) {
  int64_t lo, hi;
  sym_t s;
  range(x, l, &lo, &hi);
  if (lo < 0 || !poly_is_sym(quotient, &s)) return;
  x->lo[s] = lo / c;
  x->hi[s] = hi / c;
}

/* l % c, l & (c - 1) as l - c * (l / c): so that both parts are seen to be all of l. */
static poly_t rest_of(struct cx *x, enum op o, struct cval l, int64_t c) {
  bool mask = o == OP_and, whole = mask && c < 0; /* l & -c is c * (l / c) */
  if (mask && c > -4096 && c <= 4096) c = whole ? -c : c + 1;
  if (c < 2 || c > 4096 || (mask && c & (c - 1)) || !l.exact) return NULL;
  struct cval by = cv_poly(x, poly_const(x->a, mask ? __builtin_ctzll((unsigned long long)c) : c), DT_i32, true);
  poly_t q = quotient_symbol(x, mask ? OP_shr : OP_div, l, by);
  poly_t most = q ? poly_scale(x->a, q, c) : NULL, rest = q && !whole ? poly_sub(x->a, l.p, most) : most;
  return rest && !rest->overflow ? rest : NULL;
}

/* l / r, l % r, l >> r as a symbol: over dims it is computed at entry, else outside of the loops that it does not
 * depend on. */
static poly_t quotient_symbol(struct cx *x, enum op o, struct cval l, struct cval r) {
  int64_t c = 0;
  bool fixed = poly_is_const(r.p, &c);
  if (fixed && (o == OP_and || o == OP_rem) && cv_over_dims(x, l.p) && !poly_is_const(l.p, NULL))
    return rest_of(x, o, l, c);
  if (o == OP_shr && fixed && c >= 1 && c <= 30 && cv_nonneg(x, l.p)) {
    c = (int64_t)1 << c;
    r = cv_poly(x, poly_const(x->a, c), DT_i32, true);
    o = OP_div;
  }
  if ((o != OP_div && o != OP_rem && o != OP_shr) || !l.exact || !r.exact || !type_is_int(l.type)) return NULL;
  if ((fixed && c < 1) || (o == OP_shr && (!fixed || c > 30)) || poly_is_const(l.p, NULL)) return NULL;
  bool dims = cv_over_dims(x, l.p) && cv_over_dims(x, r.p);
  const char *name = o == OP_rem ? "rest" : dims ? "count" : "part";
  expr_t e = expr_op2(x->a, o, expr_poly(x->a, l.p), expr_poly(x->a, r.p));
  poly_t q = dims ? c_entry_let(x, name, e) : c_outer_let(x, name, e, l.p, r.p);
  if (q && fixed && o == OP_div) quotient_range(x, q, l.p, c);
  return q;
}

struct cval cv_binary(struct cx *x, enum op o, struct cval l, struct cval r) {
  union value v;
  if (l.p && r.p) {
    struct cval p = binary_poly(x, o, l, r);
    if (p.kind == CV_NUM) return p;
    if (type_is_int(l.type) && fold(l, r, o, &v)) return cv_const(x, l.type, v);
  }
  poly_t q = x->quotients && x->f && l.p && r.p ? quotient_symbol(x, o, l, r) : NULL;
  if (q) return cv_poly(x, q, l.type, true);
  if (o == OP_shl || o == OP_shr) r = cv_convert(x, r, l.type);
  expr_t e = expr_op2(x->a, o, cv_get(x, l), cv_get(x, r));
  ((struct expr *)e)->loc = x->loc;
  return cv_expr(e, l.type);
}

static const poly_t *one(struct cx *x, poly_t p) {
  return arena_dup(x->a, &p, sizeof p);
}

static const poly_t *two(struct cx *x, poly_t p, poly_t q) {
  poly_t l[2] = {p, q};
  return arena_dup(x->a, l, sizeof l);
}

/* l o r over the integers as conjunctions of polynomials that are not negative. */
static void compare_guards(struct cx *x, enum op o, poly_t l, poly_t r, struct cval *v) {
  poly_t lr = poly_sub(x->a, l, r), rl = poly_sub(x->a, r, l);
  if (lr->overflow || rl->overflow) return;
  poly_t lr1 = poly_addc(x->a, lr, -1), rl1 = poly_addc(x->a, rl, -1);
  v->npos = v->nneg = 1;
  switch (o) {
  case OP_lt:
    v->pos = one(x, rl1), v->neg = one(x, lr);
    break;
  case OP_le:
    v->pos = one(x, rl), v->neg = one(x, lr1);
    break;
  case OP_gt:
    v->pos = one(x, lr1), v->neg = one(x, rl);
    break;
  case OP_ge:
    v->pos = one(x, lr), v->neg = one(x, rl1);
    break;
  case OP_eq:
    if (cv_nonneg(x, lr))
      v->pos = one(x, rl), v->neg = one(x, lr1);
    else if (cv_nonneg(x, rl))
      v->pos = one(x, lr), v->neg = one(x, rl1);
    else
      v->pos = two(x, lr, rl), v->npos = 2, v->nneg = 0;
    break;
  default:
    if (cv_nonneg(x, lr))
      v->neg = one(x, rl), v->pos = one(x, lr1);
    else if (cv_nonneg(x, rl))
      v->neg = one(x, lr), v->pos = one(x, rl1);
    else
      v->neg = two(x, lr, rl), v->nneg = 2, v->npos = 0;
    break;
  }
}

struct cval cv_compare(struct cx *x, enum op o, struct cval l, struct cval r) {
  struct cval v = cv_expr(NULL, DT_i32);
  if (l.p && r.p && l.exact && r.exact) {
    v.e = expr_op2(x->a, o, expr_poly(x->a, l.p), expr_poly(x->a, r.p));
    compare_guards(x, o, l.p, r.p, &v);
  } else {
    v.e = expr_op2(x->a, o, cv_get(x, l), cv_get(x, r));
  }
  ((struct expr *)v.e)->loc = x->loc;
  return v;
}

struct cval cv_truth(struct cx *x, struct cval v) {
  if (v.e && v.e->type == DT_bool) return v;
  if (v.p && v.exact) return cv_compare(x, OP_ne, v, cv_poly(x, poly_const(x->a, 0), v.type, true));
  return cv_expr(cv_bool(x, v), DT_i32);
}

struct cval cv_not(struct cx *x, struct cval v) {
  v = cv_truth(x, v);
  struct cval r = {.kind = CV_NUM, .type = DT_i32, .pos = v.neg, .npos = v.nneg, .neg = v.pos, .nneg = v.npos};
  /* A comparison of integers has an opposite; of floats it has not, because of NaN. */
  enum op o = v.e->kind == E_OP ? op_opposite(v.e->op) : OP_COUNT;
  if (o != OP_COUNT && !type_is_float(v.e->kid[0]->type))
    r.e = expr_op2(x->a, o, v.e->kid[0], v.e->kid[1]);
  else
    r.e = expr_op1(x->a, OP_not, v.e);
  return r;
}

static const poly_t *concat(struct cx *x, const poly_t *l, unsigned nl, const poly_t *r, unsigned nr) {
  if (!l || !r || nl + nr > UINT8_MAX) return NULL;
  poly_t *p = ARENA_NEW(x->a, poly_t, nl + nr);
  memcpy(p, l, nl * sizeof *p);
  memcpy(p + nl, r, nr * sizeof *p);
  return p;
}

struct cval cv_and(struct cx *x, struct cval l, struct cval r) {
  struct cval v = cv_expr(expr_op2(x->a, OP_and, cv_bool(x, l), cv_bool(x, r)), DT_i32);
  v.pos = concat(x, l.pos, l.npos, r.pos, r.npos);
  v.npos = v.pos ? (uint8_t)(l.npos + r.npos) : 0;
  return v;
}

struct cval cv_or(struct cx *x, struct cval l, struct cval r) {
  struct cval v = cv_expr(expr_op2(x->a, OP_or, cv_bool(x, l), cv_bool(x, r)), DT_i32);
  v.neg = concat(x, l.neg, l.nneg, r.neg, r.nneg);
  v.nneg = v.neg ? (uint8_t)(l.nneg + r.nneg) : 0;
  return v;
}

enum dtype cv_promote(enum dtype t) {
  if (t == DT_f16 || t == DT_bf16 || type_is_float(t)) return t;
  return type_size(t) < 4 ? DT_i32 : t;
}

enum dtype cv_usual(enum dtype l, enum dtype r) {
  if (type_is_float(l) || type_is_float(r)) {
    if (!type_is_float(l)) return r;
    if (!type_is_float(r)) return l;
    return type_size(l) >= type_size(r) ? l : r;
  }
  l = cv_promote(l), r = cv_promote(r);
  if (type_size(l) != type_size(r)) return type_size(l) > type_size(r) ? l : r;
  return type_is_signed(l) ? r : l;
}

bool cv_over_dims(struct cx *x, poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (x->k->sym[p->mono[i].sym[j]].kind != SYM_DIM) return false;
  return true;
}

struct quotient {
  struct cx *x;
  bool found;
};

/* A part of e that might be a polynomial if quotients were symbols. */
static void find_quotient(expr_t e, void *ctx) {
  struct quotient *q = ctx;
  if (e->kind != E_OP || (e->op != OP_div && e->op != OP_rem && e->op != OP_shr && e->op != OP_and)) return;
  const struct expr *l = e->kid[0], *r = e->kid[1];
  while (l->kind == E_CAST) l = l->kid[0];
  while (r->kind == E_CAST) r = r->kid[0];
  q->found |= l->kind == E_POLY && (r->kind == E_CONST || r->kind == E_POLY);
}

void cv_want_quotients(struct cx *x, expr_t e) {
  struct quotient q = {x, false};
  if (x->quotients || !e) return;
  expr_visit(e, find_quotient, &q);
  if (q.found) x->quotients = x->again = true;
}

struct subscript cv_subscript(struct cx *x, struct cval v) {
  if (v.p && cv_is_number(v)) return (struct subscript){v.p, NULL};
  c_want(x, v.e);
  cv_want_quotients(x, v.e);
  return (struct subscript){poly_const(x->a, 0), expr_cast(x->a, DT_i64, cv_get(x, v))};
}

/* No memory reaches so far: the addresses would not fit into 64 bits. */
static bool far_away(poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    if (p->mono[i].coef > INT64_MAX / 4096 || p->mono[i].coef < -(INT64_MAX / 4096)) return true;
  return p->overflow;
}

struct cptr cv_move(struct cx *x, struct cptr p, struct subscript by) {
  struct cptr r = p;
  r.ix = arena_dup(x->a, p.ix, sizeof *p.ix * p.rank);
  struct subscript *s = &r.ix[r.at];
  s->poly = poly_add(x->a, s->poly, by.poly);
  if (far_away(s->poly)) c_refuse(x, x->at, "subscript is too large");
  if (by.dyn) s->dyn = s->dyn ? expr_op2(x->a, OP_add, s->dyn, by.dyn) : by.dyn;
  if (p.or) {
    struct choice c = {p.or->when, cv_move(x, p.or->other, by)};
    r.or = arena_dup(x->a, &c, sizeof c);
  }
  return r;
}
