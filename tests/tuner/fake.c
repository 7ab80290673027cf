/* The scripted device: costs as told, results of the interpreter, failures on demand. */
#include "tests/suite.h"
#include "tuner/measure.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static struct problem problem;
static struct measure *m;

static double cost(void *ctx, const struct candidate *c) {
  ck_assert_ptr_eq(ctx, &problem);
  if (!strcmp(c->symbol, "crash")) return NAN;
  if (!strcmp(c->symbol, "hang")) return -1;
  return strtod(c->symbol, NULL);
}
static bool wrong(void *ctx, const struct candidate *c) {
  (void)ctx;
  return !strcmp(c->symbol, "2e-3");
}

static void setup(void) {
  static const char text[] = "kernel twice(n: i32, A: f32[n]) -> B: f32[n] { B[i] = A[i] + A[i] }";
  struct diag *d = diag_new();
  struct kernels ks;
  arena = arena_new();
  ck_assert_int_eq(kernels_parse(arena, d, diag_file(d, "t", text, sizeof text - 1), text, sizeof text - 1, &ks),
                   ST_OK);
  problem = (struct problem){.k = ks.k[0], .threads = 1};
  problem.args.dim = ARENA_NEW(arena, int64_t, 3);
  problem.args.scalar = ARENA_NEW(arena, union value, 3);
  problem.args.data = ARENA_NEW(arena, void *, 3);
  problem.args.dim[0] = 4;
  problem.args.data[1] = arena_dup(arena, (float[]){1, 2, 3, 4}, 16);
  problem.args.data[2] = arena_alloc(arena, 16);
  diag_free(d);
  m = measure_fake_open(cost, &problem);
}
static void teardown(void) {
  m->close(m);
  arena_free(arena);
}

static float B[4];
static enum trial_status run(const char *symbol) {
  struct buf none = {0};
  void *data[3] = {NULL, problem.args.data[1], B};
  struct args out = problem.args;
  char why[256];
  out.data = data;
  struct candidate c = {&none, symbol};
  return measure_run_once(m, &c, &problem, &out, why);
}

START_TEST(runs) {
  ck_assert_int_eq(run("1e-3"), TRIAL_OK);
  ck_assert(B[0] == 2 && B[3] == 8);
  ck_assert_int_eq(run("crash"), TRIAL_CRASH);
  ck_assert_int_eq(run("hang"), TRIAL_TIMEOUT);
  measure_fake_break(m, wrong);
  ck_assert_int_eq(run("2e-3"), TRIAL_OK);
  ck_assert(B[0] == 2 && B[3] != 8);
}
END_TEST

START_TEST(times) {
  struct buf none = {0};
  struct candidate c[3] = {{&none, "1e-3"}, {&none, "5e-3"}, {&none, "1.5e-3"}};
  struct samples s[3];
  unsigned culprit = 9;
  char why[256];
  ck_assert_int_eq(m->time(m, c, 3, &problem, 7, 2.0, s, &culprit, why), TRIAL_OK);
  ck_assert_uint_eq(s[0].n, 7);
  ck_assert_uint_eq(s[1].n, 1); /* over twice the first */
  ck_assert_uint_eq(s[2].n, 7);
  for (unsigned i = 0; i < 7; i++) ck_assert(fabs(s[2].s[i] / 1.5e-3 - 1) < 0.003);
  for (int i = 0; i < 3; i++) free(s[i].s);
  c[1].symbol = "crash";
  ck_assert_int_eq(m->time(m, c, 3, &problem, 7, 2.0, s, &culprit, why), TRIAL_CRASH);
  ck_assert_uint_eq(culprit, 1);
  for (int i = 0; i < 3; i++) free(s[i].s);
}
END_TEST

START_TEST(nth_call_fails) {
  measure_fake_fail_after(m, 3);
  ck_assert_int_eq(run("1e-3"), TRIAL_OK);
  ck_assert_int_eq(run("1e-3"), TRIAL_OK);
  ck_assert_int_eq(run("1e-3"), TRIAL_CRASH);
  ck_assert_int_eq(run("1e-3"), TRIAL_OK);
}
END_TEST

/* A device of half the speed. */
static double slow_cost(void *ctx, const struct candidate *c) {
  return 2 * cost(ctx, c);
}

static void count_result(void *ctx, unsigned i, const struct args *got) {
  unsigned *seen = ctx;
  (void)got;
  seen[i]++;
}

START_TEST(several_devices) {
  struct measure *of[3] = {measure_fake_open(cost, &problem), measure_fake_open(slow_cost, &problem),
                           measure_fake_open(cost, &problem)};
  struct measure *many = measure_many_open(of, 3);
  struct buf none = {0};
  struct candidate c[6] = {{&none, "1e-3"}, {&none, "1.5e-3"}, {&none, "0.5e-3"},
                           {&none, "2e-3"}, {&none, "1.2e-3"}, {&none, "0.9e-3"}};
  struct samples s[6];
  struct run out[6];
  unsigned culprit = 9, seen[6] = {0};
  char why[256] = "";
  ck_assert_int_eq(many->time(many, c, 6, &problem, 7, 0, s, &culprit, why), TRIAL_OK);
  for (unsigned i = 0; i < 6; i++) {
    ck_assert_uint_eq(s[i].n, 7);
    for (unsigned r = 0; r < 7; r++)
      ck_assert(fabs(s[i].s[r] / s[0].s[r] / (strtod(c[i].symbol, NULL) * 1e3) - 1) < 0.01);
  }
  for (unsigned i = 0; i < 6; i++) free(s[i].s);
  ck_assert_int_eq(many->time(many, c, 1, &problem, 3, 0, s, &culprit, why), TRIAL_OK);
  ck_assert_uint_eq(s[0].n, 3);
  free(s[0].s);
  for (unsigned bad = 0; bad < 6; bad++) { /* whoever fails is named by its number among all */
    const char *was = c[bad].symbol;
    c[bad].symbol = "crash";
    ck_assert_int_eq(many->time(many, c, 6, &problem, 7, 0, s, &culprit, why), TRIAL_CRASH);
    ck_assert_uint_eq(culprit, bad);
    for (unsigned i = 0; i < 6; i++) free(s[i].s);
    c[bad].symbol = was;
  }
  c[4].symbol = "hang";
  many->run(many, c, 6, &problem, 0, out, count_result, seen);
  for (unsigned i = 0; i < 6; i++) {
    ck_assert_int_eq(out[i].status, i == 4 ? TRIAL_TIMEOUT : TRIAL_OK);
    ck_assert_uint_eq(seen[i], i != 4);
  }
  many->close(many);
}
END_TEST

int main(void) {
  Suite *s = suite_create("fake");
  TCase *t = tcase_create("fake");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, runs);
  tcase_add_test(t, times);
  tcase_add_test(t, nth_call_fails);
  tcase_add_test(t, several_devices);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
