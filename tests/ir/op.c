/* Every row of ops.def on every type it takes, against a computation written here by hand: native integers of the type;
   long double with one rounding for floats. A row that is added to ops.def and not here fails. */
#include "common.h"
#include "ir/op.h"
#include <math.h>

static uint64_t state;

/* ---- operands ---- */

static union value corner_int(enum dtype t, unsigned i) {
  static const int64_t c[] = {0,         1,         -1,        2,         3,
                              7,         8,         15,        16,        31,
                              32,        63,        64,        100,       -2,
                              -3,        INT8_MIN,  INT8_MAX,  INT16_MIN, INT16_MAX,
                              INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, 0x5555555555555555};
  int64_t v = i < sizeof c / sizeof *c ? c[i] : (int64_t)(rnd(&state) >> below(&state, 64));
  return type_round(t, (union value){.i = v});
}

static union value corner_float(enum dtype t, unsigned i) {
  static const double c[] = {0.0, -0.0, 1,    -1,   0.5,   1.5, 2.5,   -2.5, 3,     INFINITY, -INFINITY,
                             NAN, 1e-3, 1e-8, 6e-8, 1e-40, 1e4, 65504, 1e30, -7.75, 0.1};
  double v = i < sizeof c / sizeof *c ? c[i] : ldexp((double)(int64_t)rnd(&state), -63 + (int)below(&state, 12) - 6);
  return type_round(t, (union value){.f = v});
}

static union value operand(enum dtype t, unsigned i) {
  return type_is_float(t) ? corner_float(t, i) : corner_int(t, i);
}

/* ---- integers by native arithmetic ---- */

#define NATIVE(T, U, MIN)                                                                                              \
  static bool native_##T(enum op o, union value va, union value vb, union value *r, bool is_signed) {                  \
    T a = (T)va.i, b = (T)vb.i, x = 0;                                                                                 \
    int bits = (int)sizeof(T) * 8;                                                                                     \
    bool in = b >= 0 && (uint64_t)b < (uint64_t)bits, truth = false, is_bool = false;                                  \
    switch (o) {                                                                                                       \
    case OP_add:                                                                                                       \
      x = (T)((U)a + (U)b);                                                                                            \
      break;                                                                                                           \
    case OP_sub:                                                                                                       \
      x = (T)((U)a - (U)b);                                                                                            \
      break;                                                                                                           \
    case OP_mul:                                                                                                       \
      x = (T)(U)((uint64_t)(U)a * (U)b);                                                                               \
      break;                                                                                                           \
    case OP_div:                                                                                                       \
      x = b == 0 ? 0 : is_signed && b == (T)-1 ? (T)(0u - (U)a) : (T)(a / b);                                          \
      break;                                                                                                           \
    case OP_rem:                                                                                                       \
      x = b == 0 || (is_signed && b == (T)-1) ? 0 : (T)(a % b);                                                        \
      break;                                                                                                           \
    case OP_neg:                                                                                                       \
      x = (T)(0u - (U)a);                                                                                              \
      break;                                                                                                           \
    case OP_abs:                                                                                                       \
      x = a < 0 ? (T)(0u - (U)a) : a;                                                                                  \
      break;                                                                                                           \
    case OP_min:                                                                                                       \
      x = b < a ? b : a;                                                                                               \
      break;                                                                                                           \
    case OP_max:                                                                                                       \
      x = b > a ? b : a;                                                                                               \
      break;                                                                                                           \
    case OP_eq:                                                                                                        \
      truth = a == b, is_bool = true;                                                                                  \
      break;                                                                                                           \
    case OP_ne:                                                                                                        \
      truth = a != b, is_bool = true;                                                                                  \
      break;                                                                                                           \
    case OP_lt:                                                                                                        \
      truth = a < b, is_bool = true;                                                                                   \
      break;                                                                                                           \
    case OP_le:                                                                                                        \
      truth = a <= b, is_bool = true;                                                                                  \
      break;                                                                                                           \
    case OP_gt:                                                                                                        \
      truth = a > b, is_bool = true;                                                                                   \
      break;                                                                                                           \
    case OP_ge:                                                                                                        \
      truth = a >= b, is_bool = true;                                                                                  \
      break;                                                                                                           \
    case OP_and:                                                                                                       \
      x = (T)(a & b);                                                                                                  \
      break;                                                                                                           \
    case OP_xor:                                                                                                       \
      x = (T)(a ^ b);                                                                                                  \
      break;                                                                                                           \
    case OP_or:                                                                                                        \
      x = (T)(a | b);                                                                                                  \
      break;                                                                                                           \
    case OP_not:                                                                                                       \
      x = (T)~a;                                                                                                       \
      break;                                                                                                           \
    case OP_shl:                                                                                                       \
      x = in ? (T)((U)a << b) : 0;                                                                                     \
      break;                                                                                                           \
    case OP_shr:                                                                                                       \
      x = in ? (T)(a >> b) : a < 0 ? (T)-1 : 0;                                                                        \
      break;                                                                                                           \
    default:                                                                                                           \
      return false;                                                                                                    \
    }                                                                                                                  \
    r->u = is_bool ? truth : is_signed ? (uint64_t)(int64_t)x : (uint64_t)(U)x;                                        \
    return true;                                                                                                       \
  }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpragmas"
NATIVE(int8_t, uint8_t, INT8_MIN)
NATIVE(int16_t, uint16_t, INT16_MIN)
NATIVE(int32_t, uint32_t, INT32_MIN)
NATIVE(int64_t, uint64_t, INT64_MIN)
NATIVE(uint8_t, uint8_t, 0)
NATIVE(uint16_t, uint16_t, 0)
NATIVE(uint32_t, uint32_t, 0)
NATIVE(uint64_t, uint64_t, 0)
#pragma GCC diagnostic pop

static bool native_bool(enum op o, bool a, bool b, union value *r) {
  switch (o) {
  case OP_min:
  case OP_and:
    r->u = a && b;
    return true;
  case OP_max:
  case OP_or:
    r->u = a || b;
    return true;
  case OP_eq:
    r->u = a == b;
    return true;
  case OP_ne:
  case OP_xor:
    r->u = a != b;
    return true;
  case OP_lt:
    r->u = !a && b;
    return true;
  case OP_le:
    r->u = !a || b;
    return true;
  case OP_gt:
    r->u = a && !b;
    return true;
  case OP_ge:
    r->u = a || !b;
    return true;
  case OP_not:
    r->u = !a;
    return true;
  default:
    return false;
  }
}

static bool native_int(enum op o, enum dtype t, const union value *v, union value *r) {
  switch (t) {
  case DT_bool:
    return native_bool(o, v[0].u, v[1].u, r);
  case DT_i8:
    return native_int8_t(o, v[0], v[1], r, true);
  case DT_i16:
    return native_int16_t(o, v[0], v[1], r, true);
  case DT_i32:
    return native_int32_t(o, v[0], v[1], r, true);
  case DT_i64:
    return native_int64_t(o, v[0], v[1], r, true);
  case DT_u8:
    return native_uint8_t(o, v[0], v[1], r, false);
  case DT_u16:
    return native_uint16_t(o, v[0], v[1], r, false);
  case DT_u32:
    return native_uint32_t(o, v[0], v[1], r, false);
  default:
    return native_uint64_t(o, v[0], v[1], r, false);
  }
}

/* ---- floats in long double, rounded once ---- */

static double round_ld(enum dtype t, long double x) {
  static const struct {
    int mant, emin;
    double max;
  } f[DT_COUNT] = {[DT_f16] = {11, -14, 65504},
                   [DT_bf16] = {8, -126, 0x1.fep127},
                   [DT_f32] = {24, -126, 0x1.fffffep127},
                   [DT_f64] = {53, -1022, 0x1.fffffffffffffp1023},
                   [DT_e4m3] = {4, -6, 448},
                   [DT_e5m2] = {3, -14, 57344}};
  int e;
  if (isnan(x) || isinf(x) || x == 0) return (double)x;
  frexpl(x, &e);
  e = (e - 1 < f[t].emin ? f[t].emin : e - 1) - f[t].mant + 1;
  long double r = ldexpl(rintl(ldexpl(x, -e)), e);
  return fabsl(r) > f[t].max ? copysign(INFINITY, (double)x) : (double)r;
}

/* exact: one correctly rounded operation, compared bit for bit; else within an ulp. */
static bool wide(enum op o, const long double *v, long double *r, bool *exact) {
  long double a = v[0], b = v[1];
  *exact = true;
  switch (o) {
  case OP_add:
    *r = a + b;
    return true;
  case OP_sub:
    *r = a - b;
    return true;
  case OP_mul:
    *r = a * b;
    return true;
  case OP_div:
    *r = a / b;
    return true;
  case OP_neg:
    *r = -a;
    return true;
  case OP_abs:
    *r = fabsl(a);
    return true;
  case OP_min:
    *r = b < a ? b : a;
    return true;
  case OP_max:
    *r = b > a ? b : a;
    return true;
  case OP_fmin:
    *r = isnan(a) ? b : isnan(b) ? a : b < a ? b : a;
    return true;
  case OP_fmax:
    *r = isnan(a) ? b : isnan(b) ? a : b > a ? b : a;
    return true;
  case OP_copysign:
    *r = copysignl(a, isnan(b) ? 1 : b);
    return true;
  case OP_sqrt:
    *r = sqrtl(a);
    return true;
  case OP_floor:
    *r = floorl(a);
    return true;
  case OP_ceil:
    *r = ceill(a);
    return true;
  case OP_trunc:
    *r = truncl(a);
    return true;
  case OP_round:
    *r = roundl(a);
    return true;
  case OP_rint:
    *r = rintl(a);
    return true;
  default:
    *exact = false;
  }
  switch (o) {
  case OP_fma:
    *r = fmal(a, b, v[2]);
    return true;
  case OP_rsqrt:
    *r = 1 / sqrtl(a);
    return true;
  case OP_exp:
    *r = expl(a);
    return true;
  case OP_log:
    *r = logl(a);
    return true;
  case OP_tanh:
    *r = tanhl(a);
    return true;
  case OP_erf:
    *r = erfl(a);
    return true;
  case OP_sigmoid:
    *r = 1 / (1 + expl(-a));
    return true;
  case OP_pow:
    *r = powl(a, b);
    return true;
  case OP_log2:
    *r = log2l(a);
    return true;
  case OP_log10:
    *r = log10l(a);
    return true;
  case OP_log1p:
    *r = log1pl(a);
    return true;
  case OP_exp2:
    *r = exp2l(a);
    return true;
  case OP_expm1:
    *r = expm1l(a);
    return true;
  case OP_sinh:
    *r = sinhl(a);
    return true;
  case OP_cosh:
    *r = coshl(a);
    return true;
  case OP_asinh:
    *r = asinhl(a);
    return true;
  case OP_acosh:
    *r = acoshl(a);
    return true;
  case OP_atanh:
    *r = atanhl(a);
    return true;
  case OP_asin:
    *r = asinl(a);
    return true;
  case OP_acos:
    *r = acosl(a);
    return true;
  case OP_atan:
    *r = atanl(a);
    return true;
  case OP_cbrt:
    *r = cbrtl(a);
    return true;
  case OP_erfc:
    *r = erfcl(a);
    return true;
  case OP_atan2:
    *r = atan2l(a, b);
    return true;
  case OP_hypot:
    *r = hypotl(a, b);
    return true;
  case OP_fmod:
    *r = fmodl(a, b);
    return true;
  case OP_sin:
    *r = sinl(a);
    return true;
  case OP_cos:
    *r = cosl(a);
    return true;
  default:
    return false;
  }
}

static bool near(enum dtype t, double got, double want) {
  if (type_value_eq(DT_f64, (union value){.f = got}, (union value){.f = want}) || got == want) return true;
  int e;
  frexp(want, &e);
  double ulp = ldexp(1, (isfinite(want) ? e : 0) - (int)type_mantissa(t));
  if (t == DT_f16 && ulp < 0x1p-24) ulp = 0x1p-24;
  if (t != DT_f16 && t != DT_f64 && ulp < ldexp(1, -125 - (int)type_mantissa(t)))
    ulp = ldexp(1, -125 - (int)type_mantissa(t));
  if (t == DT_f64) ulp *= 4;
  return fabs(got - want) <= ulp;
}

static bool truth_of(enum op o, double a, double b, bool *r) {
  switch (o) {
  case OP_eq:
    *r = a == b;
    return true;
  case OP_ne:
    *r = a != b;
    return true;
  case OP_lt:
    *r = a < b;
    return true;
  case OP_le:
    *r = a <= b;
    return true;
  case OP_gt:
    *r = a > b;
    return true;
  case OP_ge:
    *r = a >= b;
    return true;
  default:
    return false;
  }
}

/* f64 needs more than long double for exact double rounding: the machine's own operations are the reference there. */
static double native_f64(enum op o, double a, double b, double otherwise) {
  switch (o) {
  case OP_add:
    return a + b;
  case OP_sub:
    return a - b;
  case OP_mul:
    return a * b;
  case OP_div:
    return a / b;
  case OP_sqrt:
    return sqrt(a);
  default:
    return otherwise;
  }
}

static void check_float(enum op o, enum dtype t, const union value *v) {
  union value got = op_eval(o, t, v);
  long double w[3] = {v[0].f, v[1].f, v[2].f}, r;
  bool exact, truth;
  if (truth_of(o, v[0].f, v[1].f, &truth)) {
    ck_assert_uint_eq(got.u, truth);
    return;
  }
  ck_assert_msg(wide(o, w, &r, &exact), "no reference for %s", op_info[o].name);
  double want = t == DT_f64 ? native_f64(o, v[0].f, v[1].f, (double)r) : round_ld(t, r);
  bool same = type_value_eq(DT_f64, got, (union value){.f = want}) ||
              (got.f == 0 && want == 0 && (o == OP_fmin || o == OP_fmax));
  ck_assert_msg(exact ? same : near(t, got.f, want), "%s %s(%a, %a, %a) = %a, want %a", op_info[o].name, type_name(t),
                v[0].f, v[1].f, v[2].f, got.f, want);
}

/* The bits of a number, by the compiler's own arithmetic on them. */
static void check_bits(enum dtype t, const union value *v) {
  union value got = op_eval(OP_bits, t, v);
  union {
    float f;
    uint32_t u;
  } w = {.u = (uint32_t)v->u};
  union {
    double f;
    uint64_t u;
  } d = {.u = v->u};
  if (t == DT_f32) w.f = (float)v->f;
  if (t == DT_f64) d.f = v->f;
  bool word = type_size(t) == 4;
  if (type_is_float(t))
    ck_assert_uint_eq(got.u, word ? w.u : d.u);
  else
    ck_assert(type_value_eq(op_result(OP_bits, t), got, (union value){.f = word ? (double)w.f : d.f}));
  union value back = op_eval(OP_bits, op_result(OP_bits, t), &got);
  ck_assert(type_value_eq(t, back, *v) || (!type_is_float(t) && isnan(got.f)));
}

static void check_one(enum op o, enum dtype t, const union value *v) {
  if (o == OP_bits) {
    check_bits(t, v);
    return;
  }
  if (type_is_float(t)) {
    check_float(o, t, v);
    return;
  }
  union value got = op_eval(o, t, v), want = {0};
  ck_assert_msg(native_int(o, t, v, &want), "no reference for %s", op_info[o].name);
  ck_assert_msg(got.u == want.u, "%s %s(%lld, %lld) = %lld, want %lld", op_info[o].name, type_name(t),
                (long long)v[0].i, (long long)v[1].i, (long long)got.i, (long long)want.i);
}

START_TEST(every_row_on_every_type) {
  state = test_seed();
  for (unsigned o = 0; o < OP_COUNT; o++) {
    if (o == OP_select) continue;
    unsigned taken = 0;
    for (unsigned t = 0; t < DT_COUNT; t++) {
      if (!op_accepts((enum op)o, (enum dtype)t)) continue;
      taken++;
      for (unsigned i = 0; i < 40; i++)
        for (unsigned j = 0; j < (op_info[o].arity > 1 ? 40 : 1); j++) {
          union value v[3] = {operand((enum dtype)t, i), operand((enum dtype)t, j),
                              operand((enum dtype)t, (i * 7 + j) % 40)};
          check_one((enum op)o, (enum dtype)t, v);
        }
    }
    ck_assert_msg(taken > 0, "%s takes no type", op_info[o].name);
  }
}
END_TEST

/* A product on the middle of two floats and a tiny addend: rounding twice would lose it. */
START_TEST(fma_rounds_once) {
  union value v[3] = {{.f = 0x1.001p0}, {.f = 0x1.001p0}, {.f = 0x1p-100}};
  ck_assert(op_eval(OP_fma, DT_f32, v).f == (double)fmaf(0x1.001p0f, 0x1.001p0f, 0x1p-100f));
  v[2].f = -0x1p-100;
  ck_assert(op_eval(OP_fma, DT_f32, v).f == (double)fmaf(0x1.001p0f, 0x1.001p0f, -0x1p-100f));
  state = test_seed();
  for (int i = 0; i < 200000; i++) {
    float f[3];
    for (int j = 0; j < 3; j++) {
      uint32_t u = (uint32_t)rnd(&state) & 0x87fff000u & ~(i & 1 ? 0x7f8000u : 0u);
      u |= (100u + below(&state, 56)) << 23;
      memcpy(&f[j], &u, 4);
      v[j].f = (double)f[j];
    }
    ck_assert(op_eval(OP_fma, DT_f32, v).f == (double)fmaf(f[0], f[1], f[2]));
  }
}
END_TEST

START_TEST(select_picks) {
  for (unsigned t = 0; t < DT_COUNT; t++) {
    union value v[3] = {{.u = 1}, operand((enum dtype)t, 2), operand((enum dtype)t, 3)};
    ck_assert(type_value_eq((enum dtype)t, op_eval(OP_select, (enum dtype)t, v), v[1]));
    v[0].u = 0;
    ck_assert(type_value_eq((enum dtype)t, op_eval(OP_select, (enum dtype)t, v), v[2]));
    ck_assert(op_accepts(OP_select, (enum dtype)t));
  }
}
END_TEST

START_TEST(tables) {
  enum op o;
  enum red r;
  for (unsigned i = 0; i < OP_COUNT; i++)
    ck_assert(op_from_name(op_info[i].name, strlen(op_info[i].name), &o) && o == i);
  for (unsigned i = 1; i < RED_COUNT; i++) ck_assert(red_from_name(red_name[i], strlen(red_name[i]), &r) && r == i);
  ck_assert(!op_from_name("ad", 2, &o) && !red_from_name("none", 4, &r));
  ck_assert(!op_accepts(OP_exp, DT_i32) && !op_accepts(OP_and, DT_f32) && !op_accepts(OP_add, DT_bool) &&
            op_accepts(OP_and, DT_bool));
  ck_assert(op_info[OP_mul].prec > op_info[OP_add].prec && op_info[OP_add].prec > op_info[OP_lt].prec);
}
END_TEST

/* Identities are neutral; max and min skip NaN but keep one that is there already. */
START_TEST(reductions) {
  static const enum red neutral[] = {RED_sum, RED_prod, RED_max, RED_min, RED_and, RED_or, RED_xor};
  for (size_t n = 0; n < sizeof neutral / sizeof *neutral; n++)
    for (unsigned t = 0; t < DT_COUNT; t++)
      for (unsigned i = 0; i < 25; i++) {
        enum dtype ty = (enum dtype)t;
        union value x = operand(ty, i), id = red_identity(neutral[n], ty), got = red_step(neutral[n], ty, id, x);
        if (type_is_float(ty) && (neutral[n] == RED_and || neutral[n] == RED_or || neutral[n] == RED_xor))
          x.f = x.f != 0;
        if (type_is_float(ty) && isnan(x.f) && n >= 2) continue;
        ck_assert_msg(type_value_eq(ty, got, x) || (type_is_float(ty) && got.f == x.f), "%s %s", red_name[neutral[n]],
                      type_name(ty));
      }
  union value nan = {.f = NAN}, one = {.f = 1}, two = {.f = 2};
  ck_assert(red_step(RED_max, DT_f32, one, nan).f == 1 && isnan(red_step(RED_max, DT_f32, nan, one).f));
  ck_assert(red_step(RED_min, DT_f32, one, nan).f == 1 && red_step(RED_min, DT_f32, two, one).f == 1);
  ck_assert(red_identity(RED_max, DT_i8).i == -128 && red_identity(RED_min, DT_u16).u == 65535 &&
            red_identity(RED_max, DT_u8).u == 0);
  ck_assert(red_identity(RED_min, DT_i64).i == INT64_MAX && red_identity(RED_and, DT_u8).u == 255 &&
            red_identity(RED_and, DT_bool).u == 1);
  ck_assert(red_step(RED_sum, DT_i8, (union value){.i = 127}, (union value){.i = 1}).i == -128);
}
END_TEST

static void fill(TCase *t) {
  tcase_add_test(t, every_row_on_every_type);
  tcase_add_test(t, fma_rounds_once);
  tcase_add_test(t, select_picks);
  tcase_add_test(t, tables);
  tcase_add_test(t, reductions);
}

int main(void) {
  return run_suite("op", fill);
}
