/* Accuracy of the f64 vector math against long double, on samples: every exponent, the range where values are neither 0
   nor infinity nor 1, neighbours of special values. Lanes and scalars must agree to the bit. */
#include "tests/emit/rig.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long double sigmoidl_(long double x) {
  return 1 / (1 + expl(-x));
}

static const struct fn {
  const char *name;
  long double (*ref)(long double);
  double range; /* where it is worth looking closely */
  double limit; /* ulps */
} fns[] = {
    {"exp", expl, 746, 1},      {"log", logl, 4, 1},       {"tanh", tanhl, 22, 2},       {"sigmoid", sigmoidl_, 750, 2},
    {"sin", sinl, 40, 1},       {"cos", cosl, 40, 1},      {"sin", sinl, 0x1p21, 1},     {"cos", cosl, 0x1p21, 1},
    {"exp2", exp2l, 1080, 1.5}, {"cosh", coshl, 712, 1.5}, {"log2", log2l, 4, 2},        {"log10", log10l, 4, 2},
    {"erf", erfl, 6, 1.5},      {"erfc", erfcl, 28, 4},    {"expm1", expm1l, 711, 1.25}, {"expm1", expm1l, 2, 1.25},
    {"log1p", log1pl, 4, 1.25}, {"sinh", sinhl, 712, 1.5}, {"sinh", sinhl, 4, 1.5},      {"asinh", asinhl, 4, 2},
    {"acosh", acoshl, 4, 2},    {"atanh", atanhl, 1, 2},   {"asin", asinl, 1, 1},        {"acos", acosl, 1, 1},
    {"atan", atanl, 4, 1},      {"cbrt", cbrtl, 8, 1}};

static const struct fn2 {
  const char *name;
  long double (*ref)(long double, long double);
  double limit;
} fns2[] = {{"pow", powl, 1}, {"hypot", hypotl, 1}, {"atan2", atan2l, 1.5}};

static void load(struct rig *r, const char *cpu, const char *name, bool lanes) {
  struct buf b;
  rig_open(r, cpu);
  buf_init(&b);
  buf_printf(&b, "func k {\n sym N, i, v\n param N: i64 dim N\n param X: f64 tensor X const\n param R: f64 tensor R\n "
                 "tensor X: f64[N] in\n tensor R: f64[N] out\n");
  if (lanes)
    buf_printf(&b, " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 { R[v] = %s(X[v]) } }\n}\n", name);
  else
    buf_printf(&b, " for i in 0 .. N { R[i] = %s(X[i]) }\n}\n", name);
  rig_load(r, b.data);
  buf_free(&b);
}

/* Distance in units of the last place of the exact result. */
static double error_ulps(double got, long double want) {
  double w = (double)want;
  if (isnan(w) || isnan(got)) return isnan(w) && isnan(got) ? 0 : INFINITY;
  if (isinf(w) || isinf(got)) return got == w ? 0 : isinf(w) && fabs(got) == 0x1.fffffffffffffp1023 ? 1 : INFINITY;
  int e;
  frexpl(want, &e);
  if (e < -1021) e = -1021;
  if (want == 0) return got == 0 && signbit(got) == signbit(w) ? 0 : fabs(got) / 0x1p-1074;
  return (double)(fabsl((long double)got - want) / ldexpl(1, e - 53));
}

enum { SAMPLES = 1 << 17 };

static double sample(const struct fn *f, uint64_t *s, unsigned i) {
  static const double special[] = {0,
                                   -0.0,
                                   INFINITY,
                                   -INFINITY,
                                   NAN,
                                   0x1p-1074,
                                   -0x1p-1074,
                                   0x1p-1022,
                                   1,
                                   -1,
                                   709.78,
                                   709.79,
                                   -745.1,
                                   -745.2,
                                   -708.4,
                                   0x1.fffffffffffffp1023,
                                   -0x1.fffffffffffffp1023,
                                   0x1p20,
                                   0x1.921fb54442d18p0};
  uint64_t r = rig_random(s);
  double x;
  if (i < sizeof special / sizeof *special) return special[i];
  if (i % 4 == 0) { /* any bits at all */
    memcpy(&x, &r, sizeof x);
    return x;
  }
  x = ((double)(r >> 11) * 0x1p-52 - 1) * f->range;
  return i % 4 == 1 ? x * 0x1p-8 : x;
}

static void accuracy(const struct fn *f, const char *cpu) {
  struct rig v, s;
  load(&v, cpu, f->name, true);
  load(&s, cpu, f->name, false);
  double *x = malloc(SAMPLES * sizeof *x), *y = malloc(SAMPLES * sizeof *y), *z = malloc(SAMPLES * sizeof *z), max = 0,
         at = 0;
  uint64_t seed = 88172645463325252u;
  int64_t n = SAMPLES - 3;
  for (unsigned i = 0; i < SAMPLES; i++) x[i] = sample(f, &seed, i);
  void *lanes[3] = {&n, &x, &y}, *one[3] = {&n, &x, &z};
  v.call(lanes);
  s.call(one);
  for (int64_t i = 0; i < n; i++) {
    if (memcmp(&y[i], &z[i], sizeof *y) != 0 && !(isnan(y[i]) && isnan(z[i])))
      ck_abort_msg("%s(%a): lanes %a, scalar %a", f->name, x[i], y[i], z[i]);
    double e = error_ulps(y[i], f->ref(x[i]));
    if (e > max) max = e, at = x[i];
  }
  printf("# %s%s%s: at most %.3f ulp (at %a)\n", f->name, cpu ? " " : "", cpu ? cpu : "", max, at);
  ck_assert_msg(max <= f->limit, "%s: %.3f ulp at %a", f->name, max, at);
  free(x), free(y), free(z);
  rig_close(&v), rig_close(&s);
}

static void load2(struct rig *r, const char *cpu, const char *name, bool lanes) {
  struct buf b;
  rig_open(r, cpu);
  buf_init(&b);
  buf_printf(&b,
             "func k {\n sym N, i, v\n param N: i64 dim N\n param X: f64 tensor X const\n param Y: f64 tensor Y const\n"
             " param R: f64 tensor R\n tensor X: f64[N] in\n tensor Y: f64[N] in\n tensor R: f64[N] out\n");
  if (lanes)
    buf_printf(&b, " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 { R[v] = %s(X[v], Y[v]) } }\n}\n", name);
  else
    buf_printf(&b, " for i in 0 .. N { R[i] = %s(X[i], Y[i]) }\n}\n", name);
  rig_load(r, b.data);
  buf_free(&b);
}

/* Any bits, numbers near 1, whole ones, and pairs whose power is neither 0 nor infinity. */
static void pair_of(uint64_t *seed, unsigned i, double *x, double *y) {
  static const struct fn any = {.range = 4}, exponents = {.range = 80};
  double unit = (double)(rig_random(seed) >> 11) * 0x1p-53;
  *x = sample(&any, seed, i < 400 ? i / 20 : 20 + i), *y = sample(&any, seed, i < 400 ? i % 20 : 20 + i / 4);
  if (i < 400) return;
  if (i % 8 == 5) *x = (double)((int)(unit * 64) - 32), *y = (double)((int)(rig_random(seed) % 128) - 64);
  if (i % 8 == 6) *x = 1 + (unit - 0.5) * 0x1p-20, *y = sample(&exponents, seed, 22) * 0x1p20;
  if (i % 8 == 7)
    *y = sample(&exponents, seed, 22) * 8 / log(*x = ldexp(1 + unit, (int)(rig_random(seed) % 2000) - 1000));
}

static void accuracy2(const struct fn2 *f, const char *cpu) {
  struct rig v, s;
  load2(&v, cpu, f->name, true);
  load2(&s, cpu, f->name, false);
  double *buf = malloc(4 * SAMPLES * sizeof *buf), *x = buf, *y = x + SAMPLES, *r = y + SAMPLES, *z = r + SAMPLES;
  double max = 0, at[2] = {0};
  uint64_t seed = 88172645463325252u;
  int64_t n = SAMPLES - 3;
  for (unsigned i = 0; i < SAMPLES; i++) pair_of(&seed, i, &x[i], &y[i]);
  void *lanes[4] = {&n, &x, &y, &r}, *one[4] = {&n, &x, &y, &z};
  v.call(lanes);
  s.call(one);
  for (int64_t i = 0; i < n; i++) {
    if (memcmp(&r[i], &z[i], sizeof *r) != 0 && !(isnan(r[i]) && isnan(z[i])))
      ck_abort_msg("%s(%a, %a): lanes %a, scalar %a", f->name, x[i], y[i], r[i], z[i]);
    double e = error_ulps(r[i], f->ref(x[i], y[i]));
    if (e > max) max = e, at[0] = x[i], at[1] = y[i];
  }
  printf("# %s%s%s: at most %.3f ulp (at %a, %a)\n", f->name, cpu ? " " : "", cpu ? cpu : "", max, at[0], at[1]);
  ck_assert_msg(max <= f->limit, "%s: %.3f ulp at %a, %a", f->name, max, at[0], at[1]);
  free(buf);
  rig_close(&v), rig_close(&s);
}

static const char *const cpus[] = {NULL, "x86-64-v3", "x86-64-v2"};

START_TEST(of_two) {
  enum { CPUS = sizeof cpus / sizeof *cpus };
  accuracy2(&fns2[_i / CPUS], cpus[_i % CPUS]);
}
END_TEST

START_TEST(here) {
  accuracy(&fns[_i], NULL);
}
END_TEST

START_TEST(with_avx2) {
  accuracy(&fns[_i], "x86-64-v3");
}
END_TEST

START_TEST(without_fma) {
  accuracy(&fns[_i], "x86-64-v2");
}
END_TEST

int main(void) {
  Suite *s = suite_create("emit-vmath64");
  TCase *t = tcase_create("vmath64");
  enum { N = sizeof fns / sizeof *fns };
  tcase_add_loop_test(t, here, 0, N);
  tcase_add_loop_test(t, with_avx2, 0, N);
  tcase_add_loop_test(t, without_fma, 0, N);
  tcase_add_loop_test(t, of_two, 0, (int)(sizeof fns2 / sizeof *fns2 * (sizeof cpus / sizeof *cpus)));
  tcase_set_timeout(t, 120);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
