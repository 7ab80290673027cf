/* Accuracy of the vector math over all of f32: every 4097th bit pattern, every N-th with HONE_LONG=N (1: all 2^32).
   Against libm in double, rounded once, which takes most of the time: so all CPU models are compared with it at once.
   Lanes and scalars must agree to the bit. */
#include "tests/emit/rig.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16 };
static const struct fn1 {
  const char *name;
  double (*ref)(double);
  double limit; /* ulps */
} fns[] = {{"exp", exp, 1.25},    {"log", log, 1.25},    {"tanh", tanh, 1.75},  {"erf", erf, 1.75},
           {"sigmoid", NULL, 2},  {"sin", sin, 1.75},    {"cos", cos, 1.75},    {"log2", log2, 1.75},
           {"log10", log10, 2.1}, {"log1p", log1p, 0.6}, {"exp2", exp2, 1.25},  {"expm1", expm1, 0.6},
           {"sinh", sinh, 0.6},   {"cosh", cosh, 1.75},  {"asinh", asinh, 0.6}, {"acosh", acosh, 0.6},
           {"atanh", atanh, 0.6}, {"cbrt", cbrt, 0.6},   {"erfc", erfc, 0.6},   {"asin", asin, 0.6},
           {"acos", acos, 0.6},   {"atan", atan, 0.6}};

/* Without fused multiplications sums of a logarithm are rounded once more. */
static double limit_for(const struct fn1 *f, const char *cpu) {
  bool unfused = cpu && !strcmp(cpu, "x86-64-v2");
  if (unfused && f->ref == log2) return 2.25;
  return unfused && f->ref == log10 ? 2.75 : f->limit;
}

static double reference(const struct fn1 *f, double x) {
  if (f->ref) return f->ref(x);
  return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static void load1(struct rig *r, const char *cpu, const char *name, bool lanes) {
  struct buf b;
  rig_open(r, cpu);
  buf_init(&b);
  buf_printf(&b, "func k {\n sym N, i, v\n param N: i64 dim N\n param X: f32 tensor X const\n param R: f32 tensor R\n "
                 "tensor X: f32[N] in\n tensor R: f32[N] out\n");
  if (lanes)
    buf_printf(&b, " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { R[v] = %s(X[v]) } }\n}\n", name);
  else
    buf_printf(&b, " for i in 0 .. N { R[i] = %s(X[i]) }\n}\n", name);
  rig_load(r, b.data);
  buf_free(&b);
}

static void run1(struct rig *r, const float *x, float *y, int64_t n) {
  void *args[3] = {&n, &x, &y};
  r->call(args);
}

static float from_bits(uint32_t u) {
  float f;
  memcpy(&f, &u, 4);
  return f;
}

static uint32_t to_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  return u;
}

/* Of floats near x: 2^(its exponent - 23), at least that of subnormals. */
static double last_place(double x) {
  uint64_t u;
  memcpy(&u, &x, 8);
  uint64_t e = u >> 52 & 0x7ff, least = 1023 - 126;
  u = ((e < least ? least : e) - 23) << 52;
  memcpy(&x, &u, 8);
  return x;
}

/* Distance in units of the last place of the exact result. */
static double error_ulps(float got, double want) {
  float w = (float)want;
  if (isnan(want)) return isnan(got) ? 0 : INFINITY;
  if (isinf(w) || isinf(got)) return got == w ? 0 : isinf(w) && fabsf(got) == 0x1.fffffep127f ? 1 : INFINITY;
  if (want == 0) return got == 0 && signbit(got) == signbit(want) ? 0 : fabs((double)got) / 0x1p-149;
  return fabs((double)got - want) / last_place(want);
}

static const char *const cpus[] = {NULL, "x86-64-v3", "x86-64-v2"}; /* this one; AVX2; without fused multiply-add */
enum { NCPU = sizeof cpus / sizeof *cpus };

struct model {
  struct rig lanes, scalar;
  double max;
  float worst;
};

/* Check logs each assertion to disk: none in hot loops. */
static void compare_block(const struct fn1 *f, struct model *m, const float *x, const double *want, float *y, float *z,
                          int64_t n) {
  run1(&m->lanes, x, y, n);
  run1(&m->scalar, x, z, n);
  for (int64_t i = 0; i < n; i++) {
    if (to_bits(y[i]) != to_bits(z[i]) && !(isnan(y[i]) && isnan(z[i])))
      ck_abort_msg("%s(%a): lanes %a, scalar %a", f->name, x[i], y[i], z[i]);
    double e = error_ulps(y[i], want[i]);
    if (e > m->max) m->max = e, m->worst = x[i];
  }
}

START_TEST(accuracy) {
  const struct fn1 *f = &fns[_i];
  struct model model[NCPU] = {0};
  for (unsigned c = 0; c < NCPU; c++) {
    load1(&model[c].lanes, cpus[c], f->name, true);
    load1(&model[c].scalar, cpus[c], f->name, false);
  }
  uint64_t step = getenv("HONE_LONG") ? (uint64_t)atoll(getenv("HONE_LONG")) : 4097,
           total = (1ull << 32) / (step ? step : 1);
  float *x = malloc(BLOCK * sizeof *x), *y = malloc(BLOCK * sizeof *y), *z = malloc(BLOCK * sizeof *z);
  double *want = malloc(BLOCK * sizeof *want);
  for (uint64_t at = 0; at < total; at += BLOCK) {
    int64_t n = (int64_t)(total - at < BLOCK ? total - at : BLOCK);
    for (int64_t i = 0; i < n; i++) x[i] = from_bits((uint32_t)((at + (uint64_t)i) * step));
    for (int64_t i = 0; i < n; i++) want[i] = reference(f, x[i]);
    for (unsigned c = 0; c < NCPU; c++) compare_block(f, &model[c], x, want, y, z, n);
  }
  for (unsigned c = 0; c < NCPU; c++) {
    const char *cpu = cpus[c] ? cpus[c] : "host";
    printf("# %s %s: at most %.3f ulp (at %a)\n", f->name, cpu, model[c].max, model[c].worst);
    ck_assert_msg(model[c].max <= limit_for(f, cpus[c]), "%s %s: %.3f ulp at %a", f->name, cpu, model[c].max,
                  model[c].worst);
    rig_close(&model[c].lanes), rig_close(&model[c].scalar);
  }
  free(x), free(y), free(z), free(want);
}
END_TEST

START_TEST(specials) {
  static const float in[] = {0,          -0.0f,           INFINITY,         -INFINITY, NAN, 0x1p-149f,
                             -0x1p-149f, 0x1.fffffep127f, -0x1.fffffep127f, 1,         -1};
  enum { NIN = sizeof in / sizeof *in };
  for (unsigned k = 0; k < sizeof fns / sizeof *fns; k++) {
    struct rig r;
    float y[NIN];
    load1(&r, NULL, fns[k].name, true);
    run1(&r, in, y, NIN);
    for (unsigned i = 0; i < NIN; i++) {
      float want = (float)reference(&fns[k], in[i]);
      bool exact = i < 5;
      ck_assert_msg(exact ? to_bits(y[i]) == to_bits(want) || (isnan(want) && isnan(y[i]))
                          : error_ulps(y[i], reference(&fns[k], in[i])) <= 2,
                    "%s(%a) = %a, want %a", fns[k].name, in[i], y[i], want);
    }
    rig_close(&r);
  }
}
END_TEST

/* Digits are counted with these. */
START_TEST(powers_are_exact) {
  static const struct {
    const char *name;
    float base;
    int from, to;
  } rows[] = {{"log10", 10, -10, 38}, {"log2", 2, -149, 127}, {"exp2", 2, -149, 127}};
  for (unsigned k = 0; k < sizeof rows / sizeof *rows; k++) {
    struct rig r;
    float x[300], y[300];
    int n = 0;
    bool inverse = !strcmp(rows[k].name, "exp2");
    for (int e = rows[k].from; e <= rows[k].to; e++, n++) x[n] = inverse ? (float)e : powf(rows[k].base, (float)e);
    load1(&r, NULL, rows[k].name, true);
    run1(&r, x, y, n);
    for (int i = 0; i < n; i++) {
      float e = (float)(rows[k].from + i), want = inverse ? exp2f(e) : e;
      ck_assert_msg(y[i] == want, "%s(%a) = %a, want %a", rows[k].name, x[i], y[i], want);
    }
    rig_close(&r);
  }
}
END_TEST

START_TEST(power) {
  static const float odd[] = {0,     -0.0f,      1,      -1,        2,        -2,        0.5f, -0.5f,           3,
                              -3,    1e30f,      -1e30f, 0x1p-149f, INFINITY, -INFINITY, NAN,  0x1.fffffep127f, 2.5f,
                              -2.5f, 16777217.0f};
  enum { NO = sizeof odd / sizeof *odd, NP = 1 << 18 };
  struct rig r;
  rig_open(&r, NULL);
  rig_load(&r, "func k {\n sym N, i, v\n param N: i64 dim N\n param X: f32 tensor X const\n param Y: f32 tensor Y "
               "const\n param R: f32 tensor R\n"
               " tensor X: f32[N] in\n tensor Y: f32[N] in\n tensor R: f32[N] out\n"
               " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { R[v] = pow(X[v], Y[v]) } }\n}\n");
  float *x = malloc(NP * sizeof *x), *y = malloc(NP * sizeof *y), *z = malloc(NP * sizeof *z);
  uint64_t seed = 99;
  for (unsigned i = 0; i < NP; i++) {
    x[i] = i < NO * NO ? odd[i % NO] : from_bits((uint32_t)(rig_random(&seed) >> 33));
    y[i] = i < NO * NO ? odd[i / NO] : from_bits((uint32_t)(rig_random(&seed) >> 32));
    if (i >= NO * NO && i % 2) y[i] = (float)((double)(int64_t)rig_random(&seed) * 0x1p-63 * 150 / fabs(log2(x[i])));
  }
  int64_t n = NP;
  void *args[4] = {&n, &x, &y, &z};
  r.call(args);
  double max = 0;
  for (unsigned i = 0; i < NP; i++) {
    double e = error_ulps(z[i], pow(x[i], y[i]));
    if (!(e <= 2)) ck_abort_msg("pow(%a, %a) = %a, want %a", x[i], y[i], z[i], pow(x[i], y[i]));
    if (e > max) max = e;
  }
  printf("# pow: at most %.3f ulp\n", max);
  free(x), free(y), free(z);
  rig_close(&r);
}
END_TEST

int main(void) {
  Suite *s = suite_create("emit-vmath");
  TCase *t = tcase_create("vmath");
  int n = sizeof fns / sizeof *fns;
  tcase_add_loop_test(t, accuracy, 0, n);
  tcase_add_test(t, specials);
  tcase_add_test(t, powers_are_exact);
  tcase_add_test(t, power);
  tcase_set_timeout(t, 3600);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
