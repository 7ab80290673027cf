/* Expressions of the interpreter: each becomes a list of nodes in order of evaluation. Subscripts that are affine in
   the axes are evaluated with integer coefficients worked out once for the dims at hand. Errors are carried to first
   order (docs/design.md, Numerics). */
#include "ir/dot.h"
#include "ir/interp_expr.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* Subscripts
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

static bool linear(struct icontext *c, poly_t p, const struct axis *axis, unsigned naxis, struct lin *out) {
  memset(out, 0, sizeof *out);
  poly_t rest = p;
  for (unsigned x = 0; x < naxis; x++) {
    poly_t coef;
    if (!poly_has(rest, axis[x].sym)) continue;
    if (out->n == INTERP_AXES || !poly_split(c->arena, rest, axis[x].sym, &coef, &rest)) return false;
    for (unsigned y = 0; y < naxis; y++)
      if (poly_has(coef, axis[y].sym)) return false;
    if (!poly_eval(coef, c->sym, &out->coef[out->n])) return false;
    out->axis[out->n++] = axis[x].sym;
  }
  return poly_eval(rest, c->sym, &out->base);
}

struct lin lin_new(struct icontext *c, poly_t p, const struct axis *axis, unsigned naxis) {
  struct lin l;
  if (!linear(c, p, axis, naxis, &l)) {
    memset(&l, 0, sizeof l);
    l.general = p;
  }
  return l;
}

bool lin_eval(const struct icontext *c, const struct lin *l, int64_t *out) {
  if (l->general) return poly_eval(l->general, c->sym, out);
  int64_t v = l->base;
  for (unsigned i = 0; i < l->n; i++) {
    int64_t t;
    if (__builtin_mul_overflow(l->coef[i], c->sym[l->axis[i]], &t) || __builtin_add_overflow(v, t, &v)) return false;
  }
  *out = v;
  return true;
}

struct place *place_new(struct icontext *c, const struct access *acc, const struct axis *axis, unsigned naxis) {
  struct place *p = ARENA_NEW(c->arena, struct place, 1);
  p->acc = acc;
  for (unsigned d = 0; d < acc->rank && d < 16; d++) {
    p->ix[d] = lin_new(c, acc->ix[d].poly, axis, naxis);
    if (acc->ix[d].dyn) p->dyn[d] = prog_new(c, acc->ix[d].dyn, axis, naxis), p->any_dyn = true;
  }
  p->guard = ARENA_NEW(c->arena, struct lin, acc->nguard + 1u);
  for (unsigned g = 0; g < acc->nguard; g++) p->guard[g] = lin_new(c, acc->guard[g], axis, naxis);
  return p;
}

static bool guards_hold(const struct icontext *c, const struct place *p) {
  for (unsigned g = 0; g < p->acc->nguard; g++) {
    int64_t v;
    if (!lin_eval(c, &p->guard[g], &v) || v < 0) return false;
  }
  return true;
}

int64_t place_element(struct icontext *c, const struct place *p, struct fault *f) {
  const int64_t *extent = c->extent + p->acc->tensor * 16, *stride = c->stride + p->acc->tensor * 16;
  int64_t at = 0;
  bool out = false;
  for (unsigned d = 0; d < p->acc->rank; d++) {
    int64_t ix = 0, step;
    if (!lin_eval(c, &p->ix[d], &ix)) out = true;
    if (p->dyn[d]) {
      struct ival v = prog_run(c, p->dyn[d]);
      if (v.bad || __builtin_add_overflow(ix, v.i, &ix)) out = true;
    }
    if (f) f->ix[d] = ix;
    if (ix < 0 || ix >= extent[d] || __builtin_mul_overflow(ix, stride[d], &step) ||
        __builtin_add_overflow(at, step, &at))
      out = true;
  }
  if (out || at < 0 || at >= c->store[p->acc->tensor].n) {
    if (f) f->acc = p->acc;
    return -1;
  }
  return at;
}

/* Programs
 * -----------------------------------------------------------------------------------------------------------------------------------
 */

static struct ival exact(enum dtype t, union value v) {
  struct ival r = {0};
  if (type_is_float(t))
    r.v = v.f;
  else
    r.i = v.i;
  return r;
}

static unsigned add_node(struct icontext *c, struct prog *p, const struct node *n) {
  if (p->n == p->cap) {
    unsigned cap = p->cap ? p->cap * 2 : 16;
    struct node *grown = ARENA_NEW(c->arena, struct node, cap);
    if (p->n) memcpy(grown, p->node, p->n * sizeof *grown);
    p->node = grown;
    p->cap = cap;
  }
  p->node[p->n] = *n;
  return p->n++;
}

static unsigned build(struct icontext *c, struct prog *p, expr_t x, const struct axis *axis, unsigned naxis) {
  struct node n = {.kind = x->kind, .type = x->type, .op = x->op, .from = x->type};
  switch (x->kind) {
  case E_CONST:
    n.val = exact((enum dtype)x->type, x->val);
    break;
  case E_SCALAR:
    n.val = exact((enum dtype)x->type, c->args->scalar[x->id]);
    break;
  case E_POLY:
    n.lin = lin_new(c, x->poly, axis, naxis);
    break;
  case E_READ:
    n.place = place_new(c, x->acc, axis, naxis);
    if (x->acc->otherwise) n.kid[0] = (uint16_t)build(c, p, x->acc->otherwise, axis, naxis);
    break;
  default:
    for (unsigned i = 0; i < x->nkid; i++) n.kid[i] = (uint16_t)build(c, p, x->kid[i], axis, naxis);
    if (x->nkid) n.from = x->kid[0]->type;
    struct dot d;
    if (dot_of(x, &d)) n.tf32 = d.kind == DOT_f32 && c->args->tf32, n.flush = d.kind == DOT_bf16 || n.tf32;
    if (c->args->fast && dot_mixed_packed(x, &d))
      n.rounded = d.a == x->kid[0] ? 1 : 2, n.narrow = d.type[1], n.flush = d.kind == DOT_bf16;
    n.fast = c->args->fast && x->kind == E_OP && x->type == DT_f32 && (x->op == OP_exp || x->op == OP_div);
    break;
  }
  return add_node(c, p, &n);
}

struct prog *prog_new(struct icontext *c, expr_t x, const struct axis *axis, unsigned naxis) {
  struct prog *p = ARENA_NEW(c->arena, struct prog, 1);
  build(c, p, x, axis, naxis);
  p->val = ARENA_NEW(c->arena, struct ival, p->n);
  return p;
}

/* Reads
 * ---------------------------------------------------------------------------------------------------------------------------------------
 */

static struct ival read_element(const struct icontext *c, unsigned t, int64_t at) {
  const struct store *s = &c->store[t];
  enum dtype type = (enum dtype)c->k->tensor[t].type;
  if (!s->cell) return exact(type, type_load(type, s->data + (size_t)at * type_size(type)));
  const struct cell *x = &s->cell[at];
  struct ival r = {x->v, x->i, x->e, x->def ? BAD_NONE : BAD_UNDEFINED};
  return r;
}

struct ival prog_read(struct icontext *c, const struct node *n, const struct ival *val) {
  if (!guards_hold(c, n->place)) return val[n->kid[0]];
  struct fault f;
  int64_t at = place_element(c, n->place, &f);
  if (at >= 0) {
    struct ival r = read_element(c, n->place->acc->tensor, at);
    if (r.bad && !c->fault.acc) {
      c->fault.acc = n->place->acc;
      for (unsigned d = 0; d < 16; d++) c->fault.ix[d] = d < n->place->acc->rank ? f.ix[d] : 0;
    }
    return r;
  }
  if (!c->fault.acc) c->fault = f;
  return (struct ival){.bad = BAD_BOUNDS};
}

/* Float operations with errors
 * ----------------------------------------------------------------------------------------------------------------- */

static double dabs(long double x) {
  return (double)fabsl(x);
}

/* Derivative magnitude times the operand's error, plus the function's own error in units of u. */
static struct ival smooth(long double v, double slope, double e, double ulps, double u) {
  struct ival r = {.v = v};
  double carried = e > 0 ? slope * e : 0;
  r.e = carried + (isfinite(v) ? ulps * u * dabs(v) : 0);
  if (isnan(r.e)) r.e = isnan(v) ? 0 : INFINITY;
  return r;
}

static struct ival monotone(long double (*fn)(long double), struct ival a, double ulps, double u) {
  struct ival r = {.v = fn(a.v)};
  double spread = a.e > 0 ? fmax(dabs(fn(a.v + a.e) - r.v), dabs(fn(a.v - a.e) - r.v)) : 0;
  if (isnan(spread)) spread = 0;
  r.e = spread + (isfinite(r.v) ? ulps * u * dabs(r.v) : 0);
  return r;
}

/* A function that ends where its domain does: an operand that may lie outside may give NaN. */
static struct ival inside(long double (*fn)(long double), struct ival a, bool surely, double u) {
  struct ival r = monotone(fn, a, 4, u);
  if (a.e > 0 && !surely) r.e = INFINITY;
  return r;
}

/* atan2(a, b): it jumps by 2 pi where a changes its sign and b is negative. */
static struct ival angle(struct ival a, struct ival b, double u) {
  struct ival r = {.v = atan2l(a.v, b.v)};
  double far = dabs(hypotl(a.v, b.v)) - a.e - b.e;
  r.e = 4 * u * dabs(r.v);
  if (a.e > 0 || b.e > 0) r.e += far > 0 && (a.e < dabs(a.v) || b.v - b.e > 0) ? (a.e + b.e) / far : INFINITY;
  return r;
}

static long double sigmoidl_(long double x) {
  return 1 / (1 + expl(-x));
}

static struct ival float_pick(struct ival a, struct ival b, bool second) {
  struct ival r = second ? b : a;
  r.e = fmax(a.e, b.e);
  return r;
}

/* Half the distance of subnormals, rounded up: what an underflow may cost. */
static double underflow(enum dtype t, long double v) {
  double step = type_least(t), normal = step * (double)(UINT64_C(1) << (type_mantissa(t) - 1));
  return v != 0 && dabs(v) < normal ? step : 0;
}

double interp_narrowed(enum dtype t, long double *v) {
  double most = type_largest(t);
  if (!type_computes(t) && dabs(*v) > most) *v = copysignl(most, *v);
  return isfinite(*v) ? type_epsilon(t) * dabs(*v) + underflow(t, *v) : 0;
}

/* May a finite operand be zero, or of the other sign? */
static bool may_vanish(struct ival x) {
  return x.e > 0 && x.e >= dabs(x.v);
}

double interp_error(enum op o, enum dtype t, struct ival a, struct ival b, long double v, double carried) {
  if (isfinite(v)) {
    double e = carried + (o == OP_div ? 2.01 : 1) * type_epsilon(t) * dabs(v); /* by its reciprocal: two roundings */
    if (o == OP_mul || o == OP_div) e += underflow(t, v);
    return isnan(e) ? INFINITY : e;
  }
  if ((!isfinite(a.v) && a.e > 0) || (!isfinite(b.v) && b.e > 0)) return INFINITY;
  if (o == OP_mul && (may_vanish(a) || may_vanish(b))) return INFINITY;
  if (o == OP_div && may_vanish(b)) return INFINITY;
  return 0;
}

/* Each operand loses half a unit of 11 bits; the largest ones become infinite. */
double interp_tf32(struct ival a, struct ival b, long double v) {
  static const double MOST = FLT_MAX * (1 - 0x1p-12);
  if (dabs(a.v) + a.e > MOST || dabs(b.v) + b.e > MOST) return INFINITY;
  return isfinite(v) ? dabs(v) * 0x1.01p-10 : 0;
}

double interp_rounded(enum dtype t, struct ival a, struct ival b, long double v) {
  double most = t == DT_f16 ? 65504 : FLT_MAX * (1 - 0x1p-8), x = dabs(a.v) + a.e;
  if (x > most) return INFINITY;
  if (!isfinite(v)) return 0;
  return type_epsilon(t) * 1.01 * x * (dabs(b.v) + b.e) + (t == DT_f16 ? 0x1p-24 * (dabs(b.v) + b.e) : 0);
}

/* By a product with 2^(x * log2 e) to 22 bits: the rounding of that exponent counts as many times as it is long.
   Results that are subnormal, or nearly infinite, may be 0, or infinite. */
static double fast_exp(struct ival a, long double v) {
  if (!isfinite(a.v) || isnan(v)) return 0;
  if (dabs(v) > FLT_MAX / 2) return INFINITY;
  return (0x1p-21 + 0x1p-22 * (dabs(a.v) + a.e)) * dabs(v) + FLT_MIN;
}

/* By a product with the reciprocal of b, which must be a number itself. */
static double fast_div(struct ival b, long double v) {
  if (!isfinite(b.v) || isnan(v)) return 0;
  if (dabs(b.v) + b.e > FLT_MAX / 8 || dabs(b.v) - b.e < 4 * FLT_MIN) return INFINITY;
  return isfinite(v) ? 2 * type_epsilon(DT_f32) * dabs(v) + underflow(DT_f32, v) : 0;
}

static bool subnormal(long double x) {
  return x != 0 && dabs(x) < FLT_MIN;
}

/* A subnormal operand may count as 0, and so may a partial sum: one of larger terms is a multiple of the product's last
 * bit, never subnormal. */
double interp_flush(struct ival a, struct ival b, long double v) {
  bool zero = subnormal(a.v) || subnormal(b.v);
  if (!isfinite(v)) return zero ? INFINITY : 0;
  return (zero ? dabs(v) : 0) + (v != 0 && dabs(v) < 0x1p-100 ? FLT_MIN : 0);
}

/* Results that leave the type's range are infinite in every implementation when nothing can be contracted or
   re-associated with the operation. (Sums and products may be: theirs stay real numbers, and checking allows for an
   overflow on the way.) */
static struct ival overflowed(enum dtype t, struct ival r) {
  double max = type_largest(t);
  if (!isfinite(r.v) || dabs(r.v) + r.e <= max) return r;
  if (dabs(r.v) - r.e > max)
    r = (struct ival){.v = copysignl(INFINITY, r.v)};
  else
    r.e = INFINITY;
  return r;
}

static struct ival float_op(const struct node *n, struct ival a, struct ival b, struct ival c) {
  enum dtype t = (enum dtype)n->type;
  double u = type_epsilon(t);
  struct ival r = {0};
  switch (n->op) {
  case OP_add:
    r.v = a.v + b.v;
    r.e = interp_error(OP_add, t, a, b, r.v, a.e + b.e);
    break;
  case OP_sub:
    r.v = a.v - b.v;
    r.e = interp_error(OP_sub, t, a, b, r.v, a.e + b.e);
    break;
  case OP_mul: {
    r.v = a.v * b.v;
    r.e = (n->flush ? interp_flush(a, b, r.v) : 0) + (n->tf32 ? interp_tf32(a, b, r.v) : 0);
    if (n->rounded) r.e += interp_rounded((enum dtype)n->narrow, n->rounded == 1 ? a : b, n->rounded == 1 ? b : a, r.v);
    r.e += interp_error(OP_mul, t, a, b, r.v,
                        (a.e > 0 ? a.e * dabs(b.v) : 0) + (b.e > 0 ? b.e * dabs(a.v) + a.e * b.e : 0));
    break;
  }
  case OP_div: {
    double carried = 0;
    r.v = a.v / b.v;
    if (a.e > 0 || b.e > 0) carried = b.e < dabs(b.v) ? (a.e + dabs(r.v) * b.e) / (dabs(b.v) - b.e) : INFINITY;
    r.e = interp_error(OP_div, t, a, b, r.v, carried);
    if (n->fast) r.e += fast_div(b, r.v);
    break;
  }
  case OP_neg:
    r = a;
    r.v = -a.v;
    break;
  case OP_abs:
    r = a;
    r.v = fabsl(a.v);
    break;
  case OP_min:
    r = float_pick(a, b, b.v < a.v);
    break;
  case OP_max:
    r = float_pick(a, b, b.v > a.v);
    break;
  case OP_fmin:
    r = float_pick(a, b, isnan(a.v) || b.v < a.v);
    break;
  case OP_fmax:
    r = float_pick(a, b, isnan(a.v) || b.v > a.v);
    break;
  case OP_fma:
    r.v = fmal(a.v, b.v, c.v);
    r.e = a.e * dabs(b.v) + b.e * dabs(a.v) + a.e * b.e + c.e + u * (dabs(r.v) + dabs(a.v * b.v));
    break;
  case OP_sqrt:
    r = smooth(sqrtl(a.v), a.e > 0 ? 1 / (dabs(sqrtl(fmaxl(a.v - a.e, 0))) + dabs(sqrtl(fabsl(a.v))) + DBL_MIN) : 0,
               a.e, 1, u);
    break;
  case OP_rsqrt:
    r = smooth(1 / sqrtl(a.v), a.e > 0 ? 0.5 / dabs(powl(fmaxl(a.v - a.e, LDBL_MIN), 1.5L)) : 0, a.e, 3, u);
    break;
  case OP_exp:
    r = smooth(expl(a.v), a.e > 0 ? (double)expl(a.v + a.e) : 0, a.e, 3, u);
    if (n->fast) r.e += fast_exp(a, r.v);
    break;
  case OP_log:
    r = smooth(logl(a.v), a.e > 0 ? 1 / fmax(dabs(a.v) - a.e, DBL_MIN) : 0, a.e, 3, u);
    r.e += u;
    break;
  case OP_tanh:
    r = monotone(tanhl, a, 3, u);
    break;
  case OP_erf:
    r = monotone(erfl, a, 3, u);
    break;
  case OP_sigmoid:
    r = monotone(sigmoidl_, a, 3, u);
    break;
  case OP_pow:
    r = smooth(powl(a.v, b.v), 1, 0, 8 + 2 * dabs(b.v * logl(fmaxl(fabsl(a.v), LDBL_MIN))), u);
    if (a.e > 0) r.e += dabs(b.v * powl(a.v, b.v - 1)) * a.e;
    if (b.e > 0) r.e += dabs(r.v * logl(fmaxl(fabsl(a.v), LDBL_MIN))) * b.e;
    break;
  case OP_sin:
    r = smooth(sinl(a.v), 1, a.e, 4, u);
    r.e += u * 1e-3;
    break;
  case OP_cos:
    r = smooth(cosl(a.v), 1, a.e, 4, u);
    r.e += u * 1e-3;
    break;
  case OP_log2:
    r = smooth(log2l(a.v), a.e > 0 ? 1.5 / fmax(dabs(a.v) - a.e, DBL_MIN) : 0, a.e, 3, u);
    r.e += u;
    break;
  case OP_log10:
    r = smooth(log10l(a.v), a.e > 0 ? 0.5 / fmax(dabs(a.v) - a.e, DBL_MIN) : 0, a.e, 3, u);
    r.e += u;
    break;
  case OP_log1p:
    r = smooth(log1pl(a.v), a.e > 0 ? 1 / fmax(dabs(1 + a.v) - a.e, DBL_MIN) : 0, a.e, 3, u);
    break;
  case OP_exp2:
    r = monotone(exp2l, a, 3, u);
    break;
  case OP_expm1:
    r = monotone(expm1l, a, 3, u);
    break;
  case OP_sinh:
    r = monotone(sinhl, a, 4, u);
    break;
  case OP_cosh:
    r = smooth(coshl(a.v), a.e > 0 ? (double)coshl(dabs(a.v) + a.e) : 0, a.e, 4, u);
    break;
  case OP_asinh:
    r = monotone(asinhl, a, 4, u);
    break;
  case OP_acosh:
    r = inside(acoshl, a, a.v - a.e >= 1, u);
    break;
  case OP_atanh:
    r = inside(atanhl, a, dabs(a.v) + a.e <= 1, u);
    break;
  case OP_asin:
    r = inside(asinl, a, dabs(a.v) + a.e <= 1, u);
    break;
  case OP_acos:
    r = inside(acosl, a, dabs(a.v) + a.e <= 1, u);
    break;
  case OP_atan:
    r = monotone(atanl, a, 3, u);
    break;
  case OP_cbrt:
    r = monotone(cbrtl, a, 3, u);
    break;
  case OP_erfc:
    r = monotone(erfcl, a, 16, u);
    break;
  case OP_atan2:
    r = angle(a, b, u);
    break;
  case OP_hypot:
    r = smooth(hypotl(a.v, b.v), 1, a.e + b.e, 3, u);
    break;
  case OP_fmod: /* jumps where the quotient is a whole number */
    r.v = fmodl(a.v, b.v);
    r.e = a.e > 0 || b.e > 0 ? INFINITY : 0;
    break;
  case OP_copysign:
    r = (struct ival){.v = copysignl(a.v, isnan(b.v) ? 1 : b.v), .e = a.e};
    if (b.e > 0 && b.e >= dabs(b.v)) r.e += 2 * dabs(a.v);
    break;
  case OP_floor:
    r = monotone(floorl, a, 0, u);
    break;
  case OP_ceil:
    r = monotone(ceill, a, 0, u);
    break;
  case OP_trunc:
    r = monotone(truncl, a, 0, u);
    break;
  case OP_round:
    r = monotone(roundl, a, 0, u);
    break;
  case OP_rint:
    r = monotone(nearbyintl, a, 0, u);
    break;
  default:
    r.bad = BAD_UNDEFINED;
    break;
  }
  if (n->op == OP_exp || n->op == OP_exp2 || n->op == OP_expm1 || n->op == OP_sinh || n->op == OP_cosh ||
      n->op == OP_pow || n->op == OP_div || n->op == OP_rsqrt)
    r = overflowed(t, r);
  if (op_info[n->op].flags & OPF_TRANS) r.e += underflow(t, r.v);
  if (isnan(r.e)) r.e = isfinite(r.v) ? INFINITY : 0;
  return r;
}

static bool compare(enum op o, struct ival a, struct ival b, bool flt, bool sgn) {
  if (flt) {
    switch (o) {
    case OP_eq:
      return a.v == b.v;
    case OP_ne:
      return a.v != b.v;
    case OP_lt:
      return a.v < b.v;
    case OP_le:
      return a.v <= b.v;
    case OP_gt:
      return a.v > b.v;
    default:
      return a.v >= b.v;
    }
  }
  int c = sgn ? (a.i > b.i) - (a.i < b.i) : ((uint64_t)a.i > (uint64_t)b.i) - ((uint64_t)a.i < (uint64_t)b.i);
  return o == OP_eq   ? c == 0
         : o == OP_ne ? c != 0
         : o == OP_lt ? c < 0
         : o == OP_le ? c <= 0
         : o == OP_gt ? c > 0
                      : c >= 0;
}

static struct ival compare_op(const struct node *n, struct ival a, struct ival b) {
  enum dtype t = (enum dtype)n->from;
  struct ival r = {.i = compare((enum op)n->op, a, b, type_is_float(t), type_is_signed(t))};
  double gap = type_is_float(t) ? dabs(a.v - b.v) : fabs((double)a.i - (double)b.i);
  if (a.e + b.e > 0 && gap <= a.e + b.e) r.e = 1; /* could have gone the other way */
  return r;
}

static struct ival select_op(const struct node *n, struct ival cond, struct ival a, struct ival b) {
  struct ival r = cond.i ? a : b;
  if (cond.bad) r.bad = cond.bad;
  if (cond.e > 0 && !r.bad) {
    double gap = type_is_float((enum dtype)n->type) ? dabs(a.v - b.v) : fabs((double)a.i - (double)b.i);
    double e = fmax(a.e, b.e) + gap;
    r.e = isnan(e) ? INFINITY : e;
  }
  return r;
}

static struct ival int_op(const struct node *n, struct ival a, struct ival b) {
  union value v[3] = {{.i = a.i}, {.i = b.i}, {0}};
  struct ival r = {.i = op_eval((enum op)n->op, (enum dtype)n->type, v).i};
  if (a.e >= 0x1p62 || b.e >= 0x1p62) {
    r.e = INFINITY;
  } else if (a.e > 0 || b.e > 0) { /* an uncertain operand: how far the result may move by trying its ends */
    for (int s = 0; s < 4; s++) {
      union value w[3] = {
          {.i = a.i + (s & 1 ? 1 : -1) * (int64_t)a.e}, {.i = b.i + (s & 2 ? 1 : -1) * (int64_t)b.e}, {0}};
      r.e = fmax(r.e, fabs((double)op_eval((enum op)n->op, (enum dtype)n->type, w).i - (double)r.i));
    }
  }
  return r;
}

static struct ival cast_op(const struct node *n, struct ival a) {
  enum dtype to = (enum dtype)n->type, from = (enum dtype)n->from;
  struct ival r = {0};
  if (type_is_float(to)) {
    bool uns = type_class(from) == DC_UINT;
    r.v = type_is_float(from) ? a.v : uns ? (long double)(uint64_t)a.i : (long double)a.i;
    bool fits = type_is_float(from) ? type_holds(to, from)
                                    : (long double)type_round(to, (union value){.f = (double)r.v}).f == r.v;
    r.e = a.e + (fits ? 0 : interp_narrowed(to, &r.v));
    return r;
  }
  union value v;
  if (type_is_float(from))
    v.f = (double)a.v;
  else
    v.i = a.i;
  r.i = type_convert(to, from, v).i;
  if (a.e > 0) {
    union value lo, hi;
    if (type_is_float(from))
      lo.f = (double)(a.v - a.e), hi.f = (double)(a.v + a.e);
    else { /* beyond 64 bits: as far as they go */
      int64_t by = a.e < 0x1p62 ? (int64_t)a.e : INT64_MAX;
      if (__builtin_sub_overflow(a.i, by, &lo.i)) lo.i = INT64_MIN;
      if (__builtin_add_overflow(a.i, by, &hi.i)) hi.i = INT64_MAX;
    }
    r.e = fmax(fabs((double)type_convert(to, from, lo).i - (double)r.i),
               fabs((double)type_convert(to, from, hi).i - (double)r.i));
  }
  return r;
}

/* Between two floats of one sign the bits only rise (or fall): the ends of a range are those of its bits. */
static struct ival bits_op(const struct node *n, struct ival a) {
  enum dtype to = (enum dtype)n->type, from = op_result(OP_bits, to);
  bool flt = type_is_float(from), off = a.e > 0;
  struct ival r = {0};
  union value v[3] = {{.i = a.i}, {.i = a.i}, {.i = a.i}};
  if (flt) v[1].f = (double)a.v;
  for (int s = 0; s < 3; s += 2) {
    if (flt) v[s].f = off ? (double)(a.v + (s - 1) * (long double)a.e) : v[1].f;
    if (!flt && off) v[s].i += (s - 1) * (int64_t)fmin(a.e, 0x1p62);
  }
  bool known = !flt || (!isnan((double)a.v) && signbit(v[0].f) == signbit(v[2].f)); /* which NaN is not said */
  for (int s = 0; s < 3; s++) {
    v[s] = type_round(from, v[s]);
    v[s] = op_eval(OP_bits, from, &v[s]);
  }
  if (flt) {
    r.i = v[1].i;
    r.e = fmax(fabs((double)v[0].u - (double)v[1].u), fabs((double)v[2].u - (double)v[1].u));
  } else {
    r.v = v[1].f;
    if (off) r.e = fmax(fabs(v[0].f - v[1].f), fabs(v[2].f - v[1].f));
    known &= !off || (isfinite(v[0].f) && isfinite(v[2].f));
  }
  if (!known) r.e = INFINITY;
  return r;
}

struct ival prog_apply(const struct node *n, struct ival a, struct ival b, struct ival c) {
  struct ival r;
  uint8_t arity = n->kind == E_CAST ? 1 : op_info[n->op].arity;
  if (n->kind == E_OP && n->op == OP_select) return select_op(n, a, b, c);
  if (n->kind == E_CAST)
    r = cast_op(n, a);
  else if (n->op == OP_bits)
    r = bits_op(n, a);
  else if (op_info[n->op].flags & OPF_CMP)
    r = compare_op(n, a, b);
  else if (type_is_float((enum dtype)n->type))
    r = float_op(n, a, b, c);
  else
    r = int_op(n, a, b);
  if (a.bad)
    r.bad = a.bad;
  else if (arity > 1 && b.bad)
    r.bad = b.bad;
  else if (arity > 2 && c.bad)
    r.bad = c.bad;
  return r;
}

struct ival prog_run(struct icontext *c, const struct prog *p) {
  for (unsigned i = 0; i < p->n; i++) {
    const struct node *n = &p->node[i];
    switch (n->kind) {
    case E_CONST:
    case E_SCALAR:
      p->val[i] = n->val;
      break;
    case E_POLY: {
      int64_t v = 0;
      bool ok = lin_eval(c, &n->lin, &v);
      p->val[i] = (struct ival){.i = v, .bad = ok ? BAD_NONE : BAD_BOUNDS};
      break;
    }
    case E_READ:
      p->val[i] = prog_read(c, n, p->val);
      break;
    default:
      p->val[i] = prog_apply(n, p->val[n->kid[0]], p->val[n->kid[1]], p->val[n->kid[2]]);
      break;
    }
  }
  c->ops += p->n;
  return p->val[p->n - 1];
}
