/* Every row of ops.def with every type it takes: compiled (scalar, and on lanes with a masked tail) against op_eval.
 * And every pair of types: casts. */
#include "tests/emit/rig.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 523 };
static const double specials[] = {0.0,       -0.0,      1,     -1,      0.5,   -0.5, 1.5,  2.5,     -2.5,     3,
                                  INFINITY,  -INFINITY, NAN,   1e-3,    100,   -100, 1e30, -1e30,   0x1p-126, 0x1p-149,
                                  0x1p-1074, 65504,     65520, 0x1p127, -88.8, 88.7, -104, 3.14159, 1e6,      -7e8};
static const int64_t ints[] = {0,      1,     -1,    2,         3,         7,          8,         15,       16,  31,
                               32,     33,    63,    64,        65,        -2,         -128,      127,      128, 255,
                               -32768, 32767, 65535, INT32_MIN, INT32_MAX, UINT32_MAX, INT64_MIN, INT64_MAX};

static union value sample(enum dtype t, unsigned i, unsigned operand, uint64_t *seed) {
  union value v = {0};
  uint64_t x = rig_random(seed);
  unsigned ns = sizeof specials / sizeof *specials, ni = sizeof ints / sizeof *ints;
  unsigned k = operand == 0 ? i % 31 : operand == 1 ? i / 17 % 37 : i / 5 % 41;
  if (type_is_float(t)) {
    v.f = k < ns && i < 400 ? specials[k] : (double)(int64_t)(x >> 20) * 0x1p-40;
    if (i % 3 == 1 && i >= 400) v.f *= 0x1p-7;
  } else {
    v.i = k < ni && i < 400 ? ints[k] : (int64_t)x >> (x & 63);
  }
  return type_round(t, v);
}

static void text_of(struct buf *b, enum op op, enum dtype t, bool lanes) {
  static const char *const name[] = {"X", "Y", "W"};
  unsigned n = op_info[op].arity;
  const char *out = type_name(op_result((enum op)op, t));
  /* reassoc: there it is an estimate and a step of Newton's where the machine has one */
  buf_printf(b, "func k%s {\n sym N, i, v\n param N: i64 dim N\n", op == OP_rsqrt ? " reassoc" : "");
  for (unsigned i = 0; i < n; i++)
    buf_printf(b, " param %s: %s tensor %s const\n", name[i], op == OP_select && !i ? "bool" : type_name(t), name[i]);
  buf_printf(b, " param R: %s tensor R\n", out);
  for (unsigned i = 0; i < n; i++)
    buf_printf(b, " tensor %s: %s[N] in\n", name[i], op == OP_select && !i ? "bool" : type_name(t));
  buf_printf(b, " tensor R: %s[N] out\n", out);
  const char *ix = lanes ? "v" : "i";
  buf_printf(b, lanes ? " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 {" : " for i in 0 .. N {");
  buf_printf(b, " R[%s] = %s(", ix, op_info[op].name);
  for (unsigned i = 0; i < n; i++) buf_printf(b, "%s%s[%s]", i ? ", " : "", name[i], ix);
  buf_printf(b, ") }%s\n}\n", lanes ? " }" : "");
}

/* In units of the result's last place. f64 goes through libm, which the oracle also uses. */
static double allowed(enum op op, enum dtype t) {
  if (op == OP_rsqrt) return 1;
  if (!(op_info[op].flags & OPF_TRANS)) return 0;
  if (op == OP_erfc && t == DT_f64) return 4;
  return t == DT_f32 ? 2 : t == DT_f64 ? 3 : 1;
}

static char *memory_of(enum dtype t, struct fence *f) {
  fence_open(f, N * type_size(t), true);
  return f->p;
}

static void check_result(enum op op, enum dtype t, const union value *v, union value got, union value want) {
  enum dtype rt = op_result((enum op)op, t);
  if (type_value_eq(rt, got, want)) return;
  if (!type_is_float(rt))
    ck_abort_msg("%s %s: %lld, want %lld", op_info[op].name, type_name(t), (long long)got.i, (long long)want.i);
  if ((op == OP_fmin || op == OP_fmax) && got.f == want.f) return; /* of two zeros either */
  if (!(ulp_distance(rt, got.f, want.f) <= allowed(op, t)))
    ck_abort_msg("%s %s(%.9g, %.9g, %.9g): %.9g, want %.9g", op_info[op].name, type_name(t), v[0].f, v[1].f, v[2].f,
                 got.f, want.f);
}

static void check_op(enum op op, enum dtype t, bool lanes, const char *cpu) {
  struct rig r;
  struct buf b;
  rig_open(&r, cpu);
  buf_init(&b);
  text_of(&b, op, t, lanes);
  rig_load(&r, b.data);
  unsigned n = op_info[op].arity;
  enum dtype rt = op_result((enum op)op, t), in[3] = {op == OP_select ? DT_bool : t, t, t};
  struct fence f[4];
  char *p[4];
  uint64_t seed = 7;
  union value v[N][3];
  memset(v, 0, sizeof v);
  for (unsigned k = 0; k < n; k++) p[k] = memory_of(in[k], &f[k]);
  p[n] = memory_of(rt, &f[n]);
  for (unsigned i = 0; i < N; i++)
    for (unsigned k = 0; k < n; k++) {
      v[i][k] = sample(in[k], i, k, &seed);
      type_store(in[k], p[k] + i * type_size(in[k]), v[i][k]);
      v[i][k] = type_load(in[k], p[k] + i * type_size(in[k]));
    }
  int64_t count = N;
  void *args[5] = {&count, &p[0], &p[1], &p[2], &p[3]};
  r.call(args);
  for (unsigned i = 0; i < N; i++)
    check_result(op, t, v[i], type_load(rt, p[n] + i * type_size(rt)), op_eval(op, t, v[i]));
  for (unsigned k = 0; k <= n; k++) fence_close(&f[k]);
  buf_free(&b);
  rig_close(&r);
}

static void all_types(enum op op, const char *cpu) {
  for (unsigned t = 0; t < DT_COUNT; t++) {
    if (!op_accepts(op, (enum dtype)t)) continue;
    check_op(op, (enum dtype)t, false, cpu);
    check_op(op, (enum dtype)t, true, cpu);
  }
}

START_TEST(operations) {
  all_types((enum op)_i, NULL);
}
END_TEST

/* Baseline machine: no FMA, no F16C, no masks. */
START_TEST(operations_v2) {
  all_types((enum op)_i, "x86-64-v2");
}
END_TEST

START_TEST(operations_v3) {
  all_types((enum op)_i, "x86-64-v3");
}
END_TEST

/* By what is the same for all elements: its reciprocal is multiplied with, the more so where no scale is needed (a
 * root). */
static void check_quotient(enum dtype t, double by, bool root, bool lanes, const char *cpu) {
  struct rig r;
  struct buf b;
  rig_open(&r, cpu);
  buf_init(&b);
  const char *ix = lanes ? "v" : "i", *ty = type_name(t);
  buf_printf(&b,
             "func k reassoc {\n sym N, i, v\n param N: i64 dim N\n param S: %s\n param X: %s tensor X const\n "
             "param R: %s tensor R\n tensor X: %s[N] in\n tensor R: %s[N] out\n",
             ty, ty, ty, ty, ty);
  buf_printf(&b, lanes ? " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 {" : " for i in 0 .. N {");
  buf_printf(&b, " R[%s] = X[%s] / %s }%s\n}\n", ix, ix, root ? "sqrt(S)" : "S", lanes ? " }" : "");
  rig_load(&r, b.data);
  struct fence f[2];
  char *x = memory_of(t, &f[0]), *y = memory_of(t, &f[1]);
  uint64_t seed = 11;
  for (unsigned i = 0; i < N; i++) type_store(t, x + i * type_size(t), sample(t, i, 0, &seed));
  int64_t count = N;
  float s32 = (float)by;
  void *args[4] = {&count, t == DT_f32 ? (void *)&s32 : (void *)&by, &x, &y};
  r.call(args);
  double d = t == DT_f32 ? (double)s32 : by;
  if (root) d = t == DT_f32 ? (double)sqrtf((float)d) : sqrt(d);
  for (unsigned i = 0; i < N; i++) {
    double a = type_load(t, x + i * type_size(t)).f, want = type_round(t, (union value){.f = a / d}).f;
    double got = type_load(t, y + i * type_size(t)).f;
    bool same = isnan(want) ? isnan(got) : got == want || ulp_distance(t, got, want) <= 1.6;
    ck_assert_msg(same, "%s: %.17g / %.17g is %.17g, want %.17g", ty, a, d, got, want);
  }
  for (unsigned k = 0; k < 2; k++) fence_close(&f[k]);
  buf_free(&b);
  rig_close(&r);
}

START_TEST(quotients) {
  static const double by[] = {3,   -7,   0.1,      1e30,      -0x1.8p127, 0x1p-140, 0x1.1p-126, 1e-40, 0x1p64,
                              0.0, -0.0, INFINITY, -INFINITY, NAN,        0x1.3p65, 0x1.7p-65,  1,     0x1p100};
  static const char *const cpu[] = {NULL, "x86-64-v2", "x86-64-v3"};
  for (unsigned c = 0; c < 3; c++)
    for (unsigned k = 0; k < 4; k++) {
      check_quotient(DT_f32, by[_i], k & 1, k & 2, cpu[c]);
      check_quotient(DT_f64, k & 1 ? by[_i] : by[_i] * by[_i], k & 1, k & 2, cpu[c]);
    }
}
END_TEST

/* Where integer types end; all bytes of types that are no wider. */
static union value cast_sample(enum dtype from, enum dtype to, unsigned i, uint64_t *seed) {
  static const double edge[] = {
      127.5,      128,          -128.5,       -129,         255.9,     256,       -0.9,
      32767.9,    32768,        -32768.9,     -32769,       65535.9,   65536,     2147483520.0,
      2147483647, 2147483648.0, -2147483648., -2147483649., 4.29e9,    0x1p32,    4294967295.,
      0x1p63,     -0x1p63,      0x1p64,       0x1.fp62,     0x1.ffp63, -0x1.8p63, -1};
  union value v = sample(from, i, 0, seed);
  uint8_t byte = (uint8_t)i;
  (void)to;
  if (!type_computes(from)) return type_load(from, &byte);
  if (type_is_float(from) && i >= N - sizeof edge / sizeof *edge) v.f = edge[N - 1 - i];
  return type_round(from, v);
}

/* Between each two neighbours of `to`: just below, at and just above the middle. */
static union value middle_sample(enum dtype from, enum dtype to, unsigned i, uint64_t *seed) {
  uint8_t low = (uint8_t)(i / 3), high = (uint8_t)(low + 1);
  double mid = (type_load(to, &low).f + type_load(to, &high).f) / 2;
  double v = i % 3 ? nextafterf((float)mid, i % 3 == 1 ? 0 : INFINITY) : mid;
  return type_round(from, (union value){.f = rig_random(seed) & 1 ? -v : v});
}

typedef union value sampler(enum dtype from, enum dtype to, unsigned i, uint64_t *seed);

static void check_cast(enum dtype from, enum dtype to, bool lanes, const char *cpu, sampler *value) {
  struct rig r;
  struct buf b;
  rig_open(&r, cpu);
  buf_init(&b);
  const char *ix = lanes ? "v" : "i";
  buf_printf(&b, "func k {\n sym N, i, v\n param N: i64 dim N\n param X: %s tensor X const\n param R: %s tensor R\n",
             type_name(from), type_name(to));
  buf_printf(&b, " tensor X: %s[N] in\n tensor R: %s[N] out\n", type_name(from), type_name(to));
  buf_printf(&b, lanes ? " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 {" : " for i in 0 .. N {");
  buf_printf(&b, " R[%s] = %s(X[%s]) }%s\n}\n", ix, type_name(to), ix, lanes ? " }" : "");
  rig_load(&r, b.data);
  struct fence fx, fr;
  char *x = memory_of(from, &fx), *y = memory_of(to, &fr);
  uint64_t seed = 3;
  for (unsigned i = 0; i < N; i++) type_store(from, x + i * type_size(from), value(from, to, i, &seed));
  int64_t count = N;
  void *args[3] = {&count, &x, &y};
  r.call(args);
  for (unsigned i = 0; i < N; i++) {
    union value v = type_load(from, x + i * type_size(from)), got = type_load(to, y + i * type_size(to)),
                want = type_convert(to, from, v);
    if (!type_value_eq(to, got, want))
      ck_abort_msg("%s(%s %.17g / %lld): %.17g / %lld, want %.17g / %lld", type_name(to), type_name(from), v.f,
                   (long long)v.i, got.f, (long long)got.i, want.f, (long long)want.i);
  }
  fence_close(&fx), fence_close(&fr);
  buf_free(&b);
  rig_close(&r);
}

static void all_casts(enum dtype from, const char *cpu) {
  for (unsigned to = 0; to < DT_COUNT; to++) {
    check_cast(from, (enum dtype)to, false, cpu, cast_sample);
    check_cast(from, (enum dtype)to, true, cpu, cast_sample);
  }
}

START_TEST(middles_of_bytes) {
  static const char *const cpu[] = {NULL, "x86-64-v2", "haswell"};
  for (unsigned k = 0; k < 4; k++)
    check_cast(k & 1 ? DT_f32 : DT_f64, k & 2 ? DT_e4m3 : DT_e5m2, _i & 1, cpu[_i / 2], middle_sample);
}
END_TEST

START_TEST(casts) {
  all_casts((enum dtype)_i, NULL);
}
END_TEST

START_TEST(casts_v2) {
  all_casts((enum dtype)_i, "x86-64-v2");
}
END_TEST

START_TEST(casts_v3) {
  all_casts((enum dtype)_i, "x86-64-v3");
}
END_TEST

int main(void) {
  Suite *s = suite_create("emit-ops");
  TCase *t = tcase_create("ops");
  tcase_add_loop_test(t, operations, 0, OP_COUNT);
  tcase_add_loop_test(t, operations_v2, 0, OP_COUNT);
  tcase_add_loop_test(t, operations_v3, 0, OP_COUNT);
  tcase_add_loop_test(t, quotients, 0, 18);
  tcase_add_loop_test(t, middles_of_bytes, 0, 6);
  tcase_add_loop_test(t, casts, 0, DT_COUNT);
  tcase_add_loop_test(t, casts_v2, 0, DT_COUNT);
  tcase_add_loop_test(t, casts_v3, 0, DT_COUNT);
  tcase_set_timeout(t, 60);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
