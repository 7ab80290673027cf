/* Rounding, conversion and memory forms of every scalar type, against the compiler's own types where it has them. */
#include "common.h"
#include "ir/type.h"
#include <math.h>

/* Value of 16 float bits by its definition: sign, exponent, fraction. */
static double decode(unsigned bits, int ebits, int mbits) {
  int bias = (1 << (ebits - 1)) - 1, e = (int)(bits >> mbits & ((1u << ebits) - 1)),
      m = (int)(bits & ((1u << mbits) - 1));
  double v = e == (1 << ebits) - 1 ? (m ? NAN : INFINITY)
             : e                   ? ldexp((1 << mbits) + m, e - bias - mbits)
                                   : ldexp(m, 1 - bias - mbits);
  return bits >> 15 ? -v : v;
}

static void check_pattern(enum dtype t, unsigned bits, int ebits, int mbits) {
  uint16_t in = (uint16_t)bits, out;
  double want = decode(bits, ebits, mbits);
  union value v = type_load(t, &in);
  ck_assert_msg(type_value_eq(DT_f64, v, (union value){.f = want}), "%s %04x: %a, want %a", type_name(t), bits, v.f,
                want);
  type_store(t, &out, v);
  ck_assert_msg(out == in || isnan(want), "%s %04x stored as %04x", type_name(t), bits, out);
  if (isnan(want)) ck_assert(isnan(type_load(t, &out).f));
  ck_assert(type_value_eq(t, type_round(t, v), v));
}

START_TEST(all_16_bit_patterns) {
  for (unsigned i = 0; i < 65536; i++) {
    check_pattern(DT_f16, i, 5, 10);
    check_pattern(DT_bf16, i, 8, 7);
  }
}
END_TEST

static double round_to(enum dtype t, double v) {
  return type_round(t, (union value){.f = v}).f;
}

/* OCP's two formats of 8 bits; e4m3 has one more exponent of numbers, and one NaN. */
START_TEST(all_bytes) {
  for (unsigned i = 0; i < 256; i++) {
    uint8_t in = (uint8_t)i, out;
    bool nan3 = (i & 0x7f) == 0x7f;
    double m3 = ldexp(i >> 3 & 15 ? 8 + (i & 7) : i & 7, (i >> 3 & 15 ? (int)(i >> 3 & 15) : 1) - 10);
    double want[] = {nan3 ? NAN : i >> 7 ? -m3 : m3, decode(i << 8, 5, 10)};
    for (unsigned k = 0; k < 2; k++) {
      enum dtype t = k ? DT_e5m2 : DT_e4m3;
      union value v = type_load(t, &in);
      ck_assert_msg(type_value_eq(DT_f64, v, (union value){.f = want[k]}), "%s %02x: %a", type_name(t), i, v.f);
      type_store(t, &out, v);
      ck_assert_msg(out == in || isnan(want[k]), "%s %02x stored as %02x", type_name(t), i, out);
      ck_assert(type_value_eq(t, type_round(t, v), v) && type_value_eq(t, type_convert(t, t, v), v));
      ck_assert(!isnan(want[k]) || isnan(type_load(t, &out).f));
    }
  }
}
END_TEST

START_TEST(bytes_saturate) {
  static const struct {
    enum dtype t;
    double v, want;
  } c[] = {{DT_e4m3, 464, 448},           {DT_e4m3, 1e300, 448},        {DT_e4m3, -INFINITY, -448},
           {DT_e4m3, 447.9, 448},         {DT_e4m3, 432, 448},          {DT_e4m3, 431.9, 416},
           {DT_e4m3, 0x1p-10, 0},         {DT_e4m3, 0x1.8p-10, 0x1p-9}, {DT_e4m3, 0x1.7fp-7, 0x1.8p-7},
           {DT_e5m2, INFINITY, 57344},    {DT_e5m2, -65536, -57344},    {DT_e5m2, 0x1p-17, 0},
           {DT_e5m2, 0x1.8p-17, 0x1p-16}, {DT_e5m2, 1.125, 1},          {DT_e5m2, 1.375, 1.5}};
  for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
    double got = type_convert(c[i].t, DT_f32, (union value){.f = c[i].v}).f;
    ck_assert_msg(got == c[i].want, "%s(%a): %a, want %a", type_name(c[i].t), c[i].v, got, c[i].want);
  }
  ck_assert(isinf(type_round(DT_e5m2, (union value){.f = INFINITY}).f));
  ck_assert(isnan(type_convert(DT_e4m3, DT_f32, (union value){.f = NAN}).f));
  ck_assert(!type_holds(DT_e4m3, DT_e5m2) && !type_holds(DT_e5m2, DT_e4m3) && !type_holds(DT_f16, DT_bf16));
  ck_assert(type_holds(DT_f16, DT_e4m3) && type_holds(DT_f16, DT_e5m2) && type_holds(DT_bf16, DT_e5m2));
}
END_TEST

/* Between each two neighbours: just below, at and just above the middle. */
static void check_middles(enum dtype t, int ebits, int mbits) {
  unsigned inf = ((1u << ebits) - 1) << mbits;
  for (unsigned i = 0; i + 1 < inf; i++) {
    double lo = decode(i, ebits, mbits), hi = decode(i + 1, ebits, mbits), mid = (lo + hi) / 2, even = i & 1 ? hi : lo;
    for (int sign = -1; sign <= 1; sign += 2) {
      ck_assert(round_to(t, sign * mid) == sign * even);
      ck_assert(round_to(t, sign * nextafter(mid, 0)) == sign * lo);
      ck_assert(round_to(t, sign * nextafter(mid, INFINITY)) == sign * hi);
      ck_assert(signbit(round_to(t, sign * mid)) == (sign < 0));
    }
  }
}

START_TEST(halves_round_to_even) {
  check_middles(DT_f16, 5, 10);
  check_middles(DT_bf16, 8, 7);
  ck_assert(round_to(DT_f16, 65519.999) == 65504 && isinf(round_to(DT_f16, 65520)));
  ck_assert(isinf(round_to(DT_f16, 1e300)) && isinf(round_to(DT_f16, -INFINITY)) && isnan(round_to(DT_f16, NAN)));
  ck_assert(round_to(DT_bf16, 0x1.fefffffp127) == 0x1.fep127 && isinf(round_to(DT_bf16, 0x1.ffp127)));
  ck_assert(round_to(DT_f16, 1e-300) == 0 && signbit(round_to(DT_f16, -1e-300)));
  ck_assert(round_to(DT_bf16, 0x1p-134) == 0 && round_to(DT_bf16, 0x1.8p-134) == 0x1p-133);
}
END_TEST

#ifdef __FLT16_MANT_DIG__
__extension__ typedef _Float16 half;
#endif

START_TEST(random_doubles_round_as_the_compiler_does) {
  uint64_t seed = test_seed();
  for (int i = 0; i < 300000; i++) {
    uint64_t u = rnd(&seed), e = 1023 - 40 + rnd(&seed) % 80;
    double v;
    if (i & 1) u = (u & ~(0x7ffull << 52)) | e << 52;
    memcpy(&v, &u, 8);
    ck_assert(type_value_eq(DT_f64, (union value){.f = round_to(DT_f32, v)}, (union value){.f = (double)(float)v}));
#ifdef __FLT16_MANT_DIG__
    ck_assert(type_value_eq(DT_f64, (union value){.f = round_to(DT_f16, v)}, (union value){.f = (double)(half)v}));
#endif
  }
}
END_TEST

static const int64_t corner[] = {0,
                                 1,
                                 -1,
                                 2,
                                 127,
                                 128,
                                 -128,
                                 -129,
                                 255,
                                 256,
                                 32767,
                                 32768,
                                 -32768,
                                 -32769,
                                 65535,
                                 65536,
                                 INT32_MAX,
                                 INT32_MIN,
                                 INT64_MAX,
                                 INT64_MIN,
                                 1ll << 24,
                                 16777217,
                                 1ll << 31,
                                 1ll << 32,
                                 1ll << 53,
                                 9007199254740993,
                                 9007199791611905,
                                 9007200865353729,
                                 4611686293305294849,
                                 -9007199791611905,
                                 2049,
                                 2051,
                                 65519,
                                 65520,
                                 257,
                                 259};
enum { NCORNER = sizeof corner / sizeof *corner };

#define CASE_INT(T, C)                                                                                                 \
  case DT_##T:                                                                                                         \
    v.i = (int64_t)(C)x;                                                                                               \
    break;
#define CASE_UINT(T, C)                                                                                                \
  case DT_##T:                                                                                                         \
    v.u = (uint64_t)(C)x;                                                                                              \
    break;

/* x as type t by the compiler's conversion. */
static union value as_type(enum dtype t, int64_t x) {
  union value v = {0};
  switch (t) {
    CASE_INT(i8, int8_t)
    CASE_INT(i16, int16_t)
    CASE_INT(i32, int32_t)
    CASE_INT(i64, int64_t)
    CASE_UINT(u8, uint8_t)
    CASE_UINT(u16, uint16_t) CASE_UINT(u32, uint32_t) CASE_UINT(u64, uint64_t) case DT_bool : v.u = (_Bool)x;
    break;
  case DT_f32:
    v.f = (double)(float)x;
    break;
  case DT_f64:
    v.f = (double)x;
    break;
  default:
    break;
  }
  return v;
}

static union value from_uint(enum dtype t, uint64_t x) {
  if (t == DT_f32) return (union value){.f = (double)(float)x};
  if (t == DT_f64) return (union value){.f = (double)x};
  return as_type(t, (int64_t)x);
}

START_TEST(integers_convert_as_in_c) {
  for (unsigned from = DT_bool; from <= DT_u64; from++)
    for (int i = 0; i < NCORNER; i++)
      for (unsigned to = 0; to < DT_COUNT; to++) {
        if (to == DT_f16 || to == DT_bf16 || !type_computes((enum dtype)to)) continue;
        union value v = as_type((enum dtype)from, corner[i]), got = type_convert((enum dtype)to, (enum dtype)from, v);
        union value want =
            type_is_signed((enum dtype)from) ? as_type((enum dtype)to, v.i) : from_uint((enum dtype)to, v.u);
        ck_assert_msg(type_value_eq((enum dtype)to, got, want), "%lld: %s to %s", (long long)corner[i],
                      type_name((enum dtype)from), type_name((enum dtype)to));
      }
}
END_TEST

/* One rounding, not two: halfway cases of the target that a double cannot hold. */
START_TEST(wide_integers_round_once) {
  struct {
    int64_t x;
    double f32, bf16;
  } t[] = {{(1ll << 62) + (1ll << 38) + 1, 0x1.000002p62, 0x1p62},
           {(1ll << 62) + (1ll << 38), 0x1p62, 0x1p62},
           {(1ll << 62) + (1ll << 54) + 1, 0x1.01p62, 0x1.02p62},
           {-(1ll << 62) - (1ll << 54) - 1, -0x1.01p62, -0x1.02p62}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    ck_assert(type_convert(DT_f32, DT_i64, (union value){.i = t[i].x}).f == t[i].f32);
    ck_assert(type_convert(DT_bf16, DT_i64, (union value){.i = t[i].x}).f == t[i].bf16);
  }
  ck_assert(type_convert(DT_f32, DT_u64, (union value){.u = UINT64_MAX}).f == 0x1p64);
  ck_assert(isinf(type_convert(DT_f16, DT_i32, (union value){.i = 65520}).f));
  ck_assert(type_convert(DT_f16, DT_i32, (union value){.i = 65519}).f == 65504);
}
END_TEST

START_TEST(floats_to_integers_saturate) {
  struct {
    double f;
    enum dtype t;
    int64_t want;
  } t[] = {{1.9, DT_i32, 1},
           {-1.9, DT_i32, -1},
           {NAN, DT_i32, 0},
           {1e10, DT_i32, INT32_MAX},
           {-1e10, DT_i32, INT32_MIN},
           {-0.9, DT_u8, 0},
           {-5, DT_u8, 0},
           {255.9, DT_u8, 255},
           {256, DT_u8, 255},
           {INFINITY, DT_i64, INT64_MAX},
           {-INFINITY, DT_i64, INT64_MIN},
           {0x1p63, DT_i64, INT64_MAX},
           {-0x1p63, DT_i64, INT64_MIN},
           {0x1p63, DT_u64, INT64_MIN},
           {0x1p64, DT_u64, -1},
           {127.99, DT_i8, 127},
           {128, DT_i8, 127},
           {-128.9, DT_i8, -128},
           {-129, DT_i8, -128},
           {0.25, DT_bool, 1},
           {-0.0, DT_bool, 0}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++)
    ck_assert_msg(type_convert(t[i].t, DT_f64, (union value){.f = t[i].f}).i == t[i].want, "%g to %s", t[i].f,
                  type_name(t[i].t));
}
END_TEST

START_TEST(memory_round_trip) {
  for (unsigned ty = 0; ty < DT_COUNT; ty++) {
    enum dtype t = (enum dtype)ty;
    if (type_is_float(t)) continue;
    for (int i = 0; i < NCORNER; i++) {
      unsigned char mem[16];
      memset(mem, 0x5a, sizeof mem);
      union value v = as_type(t, corner[i]);
      type_store(t, mem + 1, v); /* unaligned */
      ck_assert(type_load(t, mem + 1).u == v.u);
      ck_assert_int_eq(mem[0], 0x5a);
      ck_assert_int_eq(mem[1 + type_size(t)], 0x5a);
    }
  }
}
END_TEST

START_TEST(names) {
  for (unsigned t = 0; t < DT_COUNT; t++) {
    enum dtype back;
    const char *n = type_name((enum dtype)t);
    ck_assert(type_from_name(n, strlen(n), &back) && back == t);
  }
  enum dtype out;
  ck_assert(!type_from_name("f33", 3, &out) && !type_from_name("f3", 2, &out) && !type_from_name("", 0, &out));
  ck_assert(type_epsilon(DT_f32) == 0x1p-24 && type_epsilon(DT_bf16) == 0x1p-8 && type_epsilon(DT_i8) == 0);
}
END_TEST

static void fill(TCase *t) {
  tcase_add_test(t, all_16_bit_patterns);
  tcase_add_test(t, all_bytes);
  tcase_add_test(t, bytes_saturate);
  tcase_add_test(t, halves_round_to_even);
  tcase_add_test(t, random_doubles_round_as_the_compiler_does);
  tcase_add_test(t, integers_convert_as_in_c);
  tcase_add_test(t, wide_integers_round_once);
  tcase_add_test(t, floats_to_integers_saturate);
  tcase_add_test(t, memory_round_trip);
  tcase_add_test(t, names);
}

int main(void) {
  return run_suite("type", fill);
}
