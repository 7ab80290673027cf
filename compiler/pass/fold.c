/* Constant folding and algebra on one expression, bottom-up. Every rule keeps the value exactly for floats too: x + 0
   stays (x may be -0), x + -0 goes, x * 0 stays (NaN, infinity, sign). Rules on integers hold modulo 2^bits. Nothing
   here looks at equations. */
#include "compiler/pass/fold.h"
#include <math.h>
#include <stdint.h>

static bool is_poly(expr_t x) {
  return x->kind == E_POLY || (x->kind == E_CONST && x->type == DT_i64);
}

static poly_t as_poly(struct arena *a, expr_t x) {
  return x->kind == E_POLY ? x->poly : poly_const(a, x->val.i);
}

static expr_t fold_select(struct arena *a, expr_t x);

bool fold_is(expr_t x, double v) {
  if (x->kind != E_CONST) return false;
  if (type_is_float(x->type)) return x->val.f == v && signbit(x->val.f) == signbit(v);
  if (x->type == DT_bool) return (double)x->val.u == v;
  return type_is_signed(x->type) ? x->val.i == (int64_t)v : v >= 0 && x->val.u == (uint64_t)v;
}

static bool is_op(expr_t x, enum op o) {
  return x->kind == E_OP && x->op == o;
}

static bool has_nan(expr_t x) {
  return type_is_float(x->type);
}

static expr_t boolean(struct arena *a, bool b) {
  return expr_const(a, DT_bool, (union value){.u = b});
}

/* Value bits of an integer type or bool, sign apart. */
static unsigned value_bits(enum dtype t) {
  if (t == DT_bool) return 1;
  return (unsigned)type_size(t) * 8 - type_is_signed(t);
}

bool fold_lossless(enum dtype to, enum dtype from) {
  if (to == from) return true;
  if (to == DT_bool || from == DT_e5m2) return false; /* its infinities would come back as its largest number */
  if (type_is_float(from)) {
    return type_is_float(to) && type_holds(to, from);
  }
  if (type_is_float(to)) return type_mantissa(to) >= value_bits(from) && !(to == DT_f16 && value_bits(from) > 11);
  return value_bits(to) >= value_bits(from) && (type_is_signed(to) || !type_is_signed(from));
}

/* An integer choice y, of which only what t holds is kept, without conversions to t and back in its arms: u8(v > 255 ?
 * 255 : i32(u8(v))). y itself where there are none. */
static expr_t fold_detours(struct arena *a, enum dtype t, expr_t y) {
  if (y->kind == E_CAST && y->kid[0]->kind == E_CAST && y->kid[0]->kid[0]->type == y->type &&
      type_is_int(y->kid[0]->type) && type_size(y->kid[0]->type) >= type_size(t))
    return y->kid[0]->kid[0];
  if (!is_op(y, OP_select)) return y;
  expr_t p = fold_detours(a, t, y->kid[1]), q = fold_detours(a, t, y->kid[2]);
  return p == y->kid[1] && q == y->kid[2] ? y : fold_select(a, expr_op3(a, OP_select, y->kid[0], p, q));
}

static expr_t fold_cast(struct arena *a, expr_t x) {
  expr_t y = x->kid[0];
  if (y->type == x->type) return y;
  if (type_is_int(x->type) && type_is_int(y->type) && type_size(y->type) > type_size(x->type) && is_op(y, OP_select)) {
    expr_t z = fold_detours(a, x->type, y);
    if (z != y) return fold_cast(a, expr_cast(a, x->type, z));
  }
  if (y->kind == E_CONST) return expr_const(a, x->type, type_convert(x->type, y->type, y->val));
  expr_t s = fold_narrow_choice(a, x);
  if (s != x) return s;
  s = fold_saturating_cast(a, x);
  if (s == x) s = fold_float_cast(a, x);
  if (s != x) return s;
  if (y->kind != E_CAST || !fold_lossless(y->type, y->kid[0]->type)) return x;
  /* int -> float -> int saturates where int -> int wraps */
  bool detour = type_is_float(y->type) && !type_is_float(y->kid[0]->type) && !type_is_float(x->type);
  if (detour && !fold_lossless(x->type, y->kid[0]->type)) return x;
  return fold_expr(a, expr_cast(a, x->type, y->kid[0]), true);
}

static bool all_const(expr_t x) {
  for (unsigned i = 0; i < x->nkid; i++)
    if (x->kid[i]->kind != E_CONST) return false;
  return true;
}

static expr_t fold_const(struct arena *a, expr_t x) {
  union value v[3] = {0};
  for (unsigned i = 0; i < x->nkid; i++) v[i] = x->kid[i]->val;
  if (x->op == OP_select) return v[0].u ? x->kid[1] : x->kid[2];
  return expr_const(a, x->type, op_eval(x->op, x->kid[0]->type, v));
}

/* Arithmetic on dims and indices stays a polynomial. */
static expr_t fold_poly(struct arena *a, expr_t x) {
  poly_t p = as_poly(a, x->kid[0]), q = x->nkid > 1 ? as_poly(a, x->kid[1]) : p, r;
  switch ((enum op)x->op) {
  case OP_add:
    r = poly_add(a, p, q);
    break;
  case OP_sub:
    r = poly_sub(a, p, q);
    break;
  case OP_neg:
    r = poly_scale(a, p, -1);
    break;
  case OP_mul:
    if (!poly_is_const(p, NULL) && !poly_is_const(q, NULL)) return x;
    r = poly_mul(a, p, q);
    break;
  default:
    return x;
  }
  int64_t c;
  if (r->overflow) return x;
  return poly_is_const(r, &c) ? expr_i(a, DT_i64, c) : expr_poly(a, r);
}

/* Comparison of two polynomials whose difference is a constant. */
static expr_t fold_poly_cmp(struct arena *a, expr_t x) {
  poly_t diff = poly_sub(a, as_poly(a, x->kid[0]), as_poly(a, x->kid[1]));
  int64_t c;
  if (diff->overflow || !poly_is_const(diff, &c)) return x;
  union value v[2] = {{.i = c}, {.i = 0}};
  return expr_const(a, DT_bool, op_eval(x->op, DT_i64, v));
}

static expr_t fold_add(struct arena *a, expr_t x, expr_t p, expr_t q) {
  bool flt = has_nan(x);
  if (fold_is(q, flt ? -0.0 : 0)) return p;
  if (fold_is(p, flt ? -0.0 : 0)) return q;
  if (is_op(q, OP_neg)) return expr_op2(a, OP_sub, p, q->kid[0]);
  if (is_op(p, OP_neg)) return expr_op2(a, OP_sub, q, p->kid[0]);
  return x;
}

static expr_t fold_sub(struct arena *a, expr_t x, expr_t p, expr_t q) {
  if (fold_is(q, 0)) return p;
  if (!has_nan(x) && fold_is(p, 0)) return expr_op1(a, OP_neg, q);
  if (!has_nan(x) && expr_eq(p, q)) return expr_i(a, x->type, 0);
  if (is_op(q, OP_neg)) return expr_op2(a, OP_add, p, q->kid[0]);
  return x;
}

static bool minus_one(expr_t x) {
  return !(x->kind == E_CONST && type_class(x->type) == DC_UINT) && fold_is(x, -1);
}

static expr_t fold_mul(struct arena *a, expr_t x, expr_t p, expr_t q) {
  if (fold_is(q, 1)) return p;
  if (fold_is(p, 1)) return q;
  if (!has_nan(x) && (fold_is(p, 0) || fold_is(q, 0))) return expr_i(a, x->type, 0);
  if (minus_one(q)) return fold_expr(a, expr_op1(a, OP_neg, p), true);
  if (minus_one(p)) return fold_expr(a, expr_op1(a, OP_neg, q), true);
  if (is_op(p, OP_neg) && is_op(q, OP_neg)) return expr_op2(a, OP_mul, p->kid[0], q->kid[0]);
  return x;
}

/* Dividing by a power of two whose reciprocal is a normal number of the type is a multiplication. */
static expr_t fold_div(struct arena *a, expr_t x, expr_t p, expr_t q, bool exact_only) {
  int e;
  if (fold_is(q, 1)) return p;
  if (fold_is(p, 1) && is_op(q, OP_sqrt) && x->type == DT_f32 && !exact_only) return expr_op1(a, OP_rsqrt, q->kid[0]);
  if (q->kind != E_CONST || !has_nan(x) || !isfinite(q->val.f) || fabs(frexp(q->val.f, &e)) != 0.5) return x;
  int span = x->type == DT_f16 ? 13 : 125;
  return e > -span && e < span ? expr_op2(a, OP_mul, p, expr_f(a, x->type, 1.0 / q->val.f)) : x;
}

static expr_t fold_neg(struct arena *a, expr_t x, expr_t p) {
  if (is_op(p, OP_neg)) return p->kid[0];
  if (!has_nan(x) && is_op(p, OP_sub)) return expr_op2(a, OP_sub, p->kid[1], p->kid[0]);
  return x;
}

static expr_t fold_abs(struct arena *a, expr_t x, expr_t p) {
  if (type_class(x->type) == DC_UINT) return p;
  return is_op(p, OP_neg) || is_op(p, OP_abs) ? expr_op1(a, OP_abs, p->kid[0]) : x;
}

expr_t fold_unpromoted(struct arena *a, expr_t x, enum dtype t) {
  if (x->type == t) return x;
  if (x->kind == E_CAST && x->kid[0]->type == t && fold_lossless(x->type, t)) return x->kid[0];
  if (x->kind != E_CONST || !type_is_int(t) || !type_is_int(x->type)) return NULL;
  union value v = type_convert(t, x->type, x->val);
  return type_convert(x->type, t, v).i == x->val.i ? expr_const(a, t, v) : NULL;
}

/* a > b ? a : b and its kin, as min and max are defined (b > a ? b : a): exact for NaN and signed zeros too. */
static expr_t fold_pick(struct arena *a, expr_t x) {
  expr_t c = x->kid[0], p = x->kid[1], q = x->kid[2];
  if (c->kind != E_OP || c->nkid != 2 || x->type == DT_bool) return x;
  bool more = c->op == OP_gt || c->op == OP_ge, less = c->op == OP_lt || c->op == OP_le;
  bool or_equal = c->op == OP_ge || c->op == OP_le;
  if ((!more && !less) || (or_equal && has_nan(x))) return x;
  expr_t l = fold_unpromoted(a, c->kid[0], x->type), r = fold_unpromoted(a, c->kid[1], x->type);
  if (!l || !r || (l->kind == E_CONST && r->kind == E_CONST)) return x;
  if (expr_eq(p, l) && expr_eq(q, r)) return expr_op2(a, more ? OP_max : OP_min, r, l);
  if (expr_eq(p, r) && expr_eq(q, l)) return expr_op2(a, more ? OP_min : OP_max, l, r);
  return x;
}

static bool is_below(expr_t lo, expr_t hi) {
  if (lo->kind != E_CONST || hi->kind != E_CONST) return false;
  union value v[2] = {lo->val, hi->val};
  return op_eval(OP_le, lo->type, v).u;
}

/* v > hi ? hi : max(v, lo)  is  min(max(v, lo), hi)  when lo <= hi; and the other way round. */
static expr_t fold_clamp(struct arena *a, expr_t x) {
  expr_t c = x->kid[0], p = x->kid[1], q = x->kid[2];
  if (c->kind != E_OP || q->kind != E_OP || c->nkid != 2 || !expr_eq(p, c->kid[1]) || q->nkid != 2 ||
      !expr_eq(q->kid[0], c->kid[0]))
    return x;
  if (c->op == OP_gt && q->op == OP_max && is_below(q->kid[1], p)) return expr_op2(a, OP_min, q, p);
  if (c->op == OP_lt && q->op == OP_min && is_below(p, q->kid[1])) return expr_op2(a, OP_max, q, p);
  return x;
}

static bool is_difference(expr_t x, expr_t l, expr_t r) {
  return is_op(x, OP_sub) && expr_eq(x->kid[0], l) && expr_eq(x->kid[1], r);
}

/* p == -q, of integers that wrap. */
static bool negates(expr_t p, expr_t q) {
  if (is_op(p, OP_neg) && expr_eq(p->kid[0], q)) return true;
  if (is_op(q, OP_neg) && expr_eq(q->kid[0], p)) return true;
  return is_op(p, OP_sub) && is_difference(q, p->kid[1], p->kid[0]);
}

/* A byte or half word as C promotes it: differences of two do not wrap. */
static bool is_promoted(expr_t x) {
  return x->kind == E_CAST && type_is_int((enum dtype)x->kid[0]->type) && type_size(x->kid[0]->type) <= 2 &&
         type_size(x->type) >= 4;
}

/* d < 0 ? -d : d and a > b ? a - b : b - a, of integers. */
static expr_t fold_magnitude(struct arena *a, expr_t x) {
  expr_t c = x->kid[0], p = x->kid[1], q = x->kid[2];
  if (c->kind != E_OP || c->nkid != 2 || !type_is_int((enum dtype)x->type) || type_class(x->type) == DC_UINT) return x;
  bool more = c->op == OP_gt || c->op == OP_ge, less = c->op == OP_lt || c->op == OP_le;
  if ((!more && !less) || !negates(p, q)) return x;
  expr_t l = c->kid[0], r = c->kid[1];
  if (fold_is(l, 0)) {
    expr_t t = l;
    l = r, r = t, more = !more;
  }
  expr_t positive = more ? p : q; /* where l > r */
  if (fold_is(r, 0) && expr_eq(positive, l)) return expr_op1(a, OP_abs, l);
  return is_promoted(l) && is_promoted(r) && is_difference(positive, l, r) ? expr_op1(a, OP_abs, positive) : x;
}

/* A choice as the wider integer type that it was made of; NULL: it was made of none. */
static expr_t fold_widened(struct arena *a, expr_t x, enum dtype wide) {
  if (x->kind == E_CAST && x->kid[0]->type == wide) return x->kid[0];
  return x->kind == E_CONST ? expr_const(a, wide, type_convert(wide, x->type, x->val)) : NULL;
}

/* v > 32767 ? 32767 : i16(v), which is how C returns a clamped number: i16(v > 32767 ? 32767 : v). */
static expr_t fold_choice_of_casts(struct arena *a, expr_t x) {
  for (unsigned i = 1; i < 3; i++) {
    expr_t y = x->kid[i];
    if (y->kind != E_CAST || !type_is_int(x->type) || !type_is_int(y->kid[0]->type)) continue;
    enum dtype wide = (enum dtype)y->kid[0]->type;
    if (!fold_lossless(wide, x->type)) continue;
    expr_t p = fold_widened(a, x->kid[1], wide), q = fold_widened(a, x->kid[2], wide);
    if (p && q) return fold_cast(a, expr_cast(a, x->type, fold_select(a, expr_op3(a, OP_select, x->kid[0], p, q))));
  }
  return x;
}

static expr_t fold_select(struct arena *a, expr_t x) {
  expr_t c = x->kid[0];
  if (c->kind == E_CONST) return c->val.u ? x->kid[1] : x->kid[2];
  if (expr_eq(x->kid[1], x->kid[2])) return x->kid[1];
  expr_t y = fold_choice_of_casts(a, x);
  if (y != x) return y;
  y = fold_pick(a, x);
  if (y == x) y = fold_clamp(a, x);
  if (y == x) y = fold_magnitude(a, x);
  if (y == x && is_op(c, OP_eq) && fold_is(x->kid[1], 0) && !fold_is(x->kid[2], 0)) /* what counts where it holds */
    return expr_op3(a, OP_select, expr_op2(a, OP_ne, c->kid[0], c->kid[1]), x->kid[2], x->kid[1]);
  return y == x ? fold_saturating_select(x) : y;
}

/* p >= 0 and -p >= 0, of polynomials: p == 0. */
static expr_t fold_zero(struct arena *a, expr_t x, expr_t p, expr_t q) {
  if (!is_op(p, OP_ge) || !is_op(q, OP_ge) || !is_poly(p->kid[0]) || !fold_is(p->kid[1], 0)) return x;
  if (!is_poly(q->kid[0]) || !fold_is(q->kid[1], 0)) return x;
  poly_t sum = poly_add(a, as_poly(a, p->kid[0]), as_poly(a, q->kid[0]));
  return sum->n || sum->overflow ? x : expr_op2(a, OP_eq, p->kid[0], p->kid[1]);
}

static expr_t fold_bits(struct arena *a, expr_t x, expr_t p, expr_t q) {
  union value ones = type_round(x->type, (union value){.i = -1});
  expr_t all = expr_const(a, x->type, ones), zero = expr_const(a, x->type, (union value){.u = 0});
  if (x->op == OP_and) {
    if (expr_eq(q, all)) return p;
    if (expr_eq(p, all)) return q;
    if (expr_eq(p, zero) || expr_eq(q, zero)) return zero;
  } else {
    if (expr_eq(q, zero)) return p;
    if (expr_eq(p, zero)) return q;
    if (x->op == OP_or && (expr_eq(p, all) || expr_eq(q, all))) return all;
  }
  if (!expr_eq(p, q)) return x->op == OP_and ? fold_zero(a, x, p, q) : x;
  return x->op == OP_xor ? zero : p;
}

static expr_t fold_not(struct arena *a, expr_t x, expr_t p) {
  if (is_op(p, OP_not)) return p->kid[0];
  if (is_op(p, OP_eq)) return expr_op2(a, OP_ne, p->kid[0], p->kid[1]);
  if (is_op(p, OP_ne)) return expr_op2(a, OP_eq, p->kid[0], p->kid[1]);
  if (p->kind != E_OP || !(op_info[p->op].flags & OPF_CMP) || has_nan(p->kid[0])) return x;
  static const enum op inverse[OP_COUNT] = {[OP_lt] = OP_ge, [OP_ge] = OP_lt, [OP_gt] = OP_le, [OP_le] = OP_gt};
  return expr_op2(a, inverse[p->op], p->kid[0], p->kid[1]);
}

static expr_t fold_cmp(struct arena *a, expr_t x, expr_t p, expr_t q) {
  if (is_poly(p) && is_poly(q)) return fold_poly_cmp(a, x);
  if (p->type == DT_f64) return fold_float_compare(a, x);
  if (has_nan(p) || !expr_eq(p, q)) return x;
  return boolean(a, x->op == OP_eq || x->op == OP_le || x->op == OP_ge);
}

static expr_t fold_pow(struct arena *a, expr_t x, expr_t p, expr_t q, bool exact_only) {
  if (fold_is(q, 1)) return p;
  if (expr_cost(p) > 16) return x; /* the operand is written several times: nested powers would grow without bound */
  if (fold_is(q, 2)) return expr_op2(a, OP_mul, p, p);
  if (fold_is(q, 3) && !exact_only) return expr_op2(a, OP_mul, expr_op2(a, OP_mul, p, p), p);
  return x;
}

static expr_t fold_op(struct arena *a, expr_t x, bool exact_only) {
  expr_t p = x->kid[0], q = x->nkid > 1 ? x->kid[1] : NULL;
  if (all_const(x)) return fold_const(a, x);
  if (x->type == DT_i64 && is_poly(p) && (!q || is_poly(q)) && x->nkid < 3) {
    expr_t y = fold_poly(a, x);
    if (y != x) return y;
  }
  switch ((enum op)x->op) {
  case OP_add:
    return fold_add(a, x, p, q);
  case OP_sub:
    return fold_sub(a, x, p, q);
  case OP_mul:
    return fold_mul(a, x, p, q);
  case OP_div:
    return fold_div(a, x, p, q, exact_only);
  case OP_neg:
    return fold_neg(a, x, p);
  case OP_abs:
    return fold_abs(a, x, p);
  case OP_min:
  case OP_max:
  case OP_fmin:
  case OP_fmax:
    return expr_eq(p, q) ? p : x->op == OP_min || x->op == OP_max ? fold_whole_bound(a, x) : x;
  case OP_and:
  case OP_or:
  case OP_xor:
    return fold_bits(a, x, p, q);
  case OP_shl:
  case OP_shr:
    return fold_is(q, 0) ? p : x;
  case OP_bits:
    return is_op(x->kid[0], OP_bits) ? x->kid[0]->kid[0] : x;
  case OP_not:
    return fold_not(a, x, p);
  case OP_eq:
  case OP_ne:
  case OP_lt:
  case OP_le:
  case OP_gt:
  case OP_ge:
    return fold_cmp(a, x, p, q);
  case OP_select:
    return fold_select(a, x);
  case OP_pow:
    return fold_pow(a, x, p, q, exact_only);
  default:
    return x;
  }
}

/* Guards of a read that always hold go; one that never holds leaves the other value. */
static expr_t fold_read(struct arena *a, expr_t x) {
  const struct access *acc = x->acc;
  struct access *out = NULL;
  unsigned kept = 0;
  int64_t c;
  for (unsigned g = 0; g < acc->nguard; g++) {
    if (poly_is_const(acc->guard[g], &c) && c < 0) return acc->otherwise;
    if (!poly_is_const(acc->guard[g], &c)) kept++;
  }
  if (kept == acc->nguard) return x;
  out = arena_dup(a, acc, sizeof *acc);
  out->guard = ARENA_NEW(a, poly_t, kept);
  out->nguard = 0;
  for (unsigned g = 0; g < acc->nguard; g++)
    if (!poly_is_const(acc->guard[g], &c)) out->guard[out->nguard++] = acc->guard[g];
  if (!kept) out->otherwise = NULL;
  return expr_read(a, x->type, out);
}

static expr_t fold_node(struct arena *a, expr_t x, void *ctx) {
  const bool *exact_only = ctx;
  int64_t c;
  switch ((enum ekind)x->kind) {
  case E_POLY:
    return poly_is_const(x->poly, &c) ? expr_i(a, DT_i64, c) : x;
  case E_CAST:
    return fold_cast(a, x);
  case E_OP:
    return fold_op(a, x, *exact_only);
  case E_READ:
    return fold_read(a, x);
  default:
    return x;
  }
}

expr_t fold_expr(struct arena *a, expr_t x, bool exact_only) {
  return x ? expr_map(a, x, fold_node, &exact_only) : NULL;
}

void fold_factors(expr_t x, bool den, struct factors *out) {
  bool op = x->kind == E_OP;
  if (op && x->op == OP_neg) {
    out->neg = !out->neg;
    fold_factors(x->kid[0], den, out);
  } else if (op && (x->op == OP_mul || (x->op == OP_div && type_is_float(x->type)))) {
    fold_factors(x->kid[0], den, out);
    fold_factors(x->kid[1], x->op == OP_div ? !den : den, out);
  } else if (out->n == MAX_FACTOR) {
    out->full = true;
  } else {
    out->f[out->n++] = (struct factor){x, den, false};
  }
}
