/* The CPU device: right answers come back, every way to misbehave is caught and told apart, the tuner survives. argv:
 * worker, candidates.o, unresolved.o. */
#include "tests/suite.h"
#include "tuner/measure.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { N = 1001 };
static const char *worker;
static struct buf object, unresolved;
static struct arena *arena;
static struct problem problem;
static struct measure *m;

static void read_into(struct buf *b, const char *path) {
  buf_init(b);
  FILE *f = fopen(path, "rb");
  if (!f) {
    perror(path);
    exit(2);
  }
  char block[4096];
  for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) buf_write(b, block, n);
  fclose(f);
}

static void make_problem(unsigned threads) {
  struct kernel *k = kernel_new(arena, "scale");
  unsigned n = kernel_add_param(k, "n", PARAM_DIM, DT_i32);
  kernel_add_param(k, "alpha", PARAM_SCALAR, DT_f32);
  poly_t extent[1] = {poly_sym(arena, k->param[n].ref)};
  static const char *const names[] = {"A", "C", "D"};
  static const enum role roles[] = {ROLE_IN, ROLE_OUT, ROLE_INOUT};
  for (unsigned i = 0; i < 3; i++) {
    unsigned p = kernel_add_param(k, names[i], PARAM_TENSOR, DT_f32);
    unsigned t = kernel_add_tensor(k, names[i], DT_f32, roles[i], 1, extent);
    k->param[p].ref = (uint16_t)t;
    k->tensor[t].param = (uint16_t)p;
  }
  problem = (struct problem){.k = k, .threads = threads};
  problem.args.dim = ARENA_NEW(arena, int64_t, 5);
  problem.args.scalar = ARENA_NEW(arena, union value, 5);
  problem.args.data = ARENA_NEW(arena, void *, 5);
  problem.args.dim[0] = N;
  problem.args.scalar[1].f = 2.5;
  for (unsigned i = 2; i < 5; i++) {
    float *p = ARENA_NEW(arena, float, N);
    for (int e = 0; e < N; e++) p[e] = (float)(e + 1);
    problem.args.data[i] = p;
  }
}

static void setup(void) {
  arena = arena_new();
  make_problem(1);
  m = measure_cpu_open(worker, 1);
  ck_assert_ptr_nonnull(m);
}
static void teardown(void) {
  m->close(m);
  arena_free(arena);
}

static float C[N], D[N];
static enum trial_status run(const char *symbol, char why[256]) {
  void *data[5] = {NULL, NULL, problem.args.data[2], C, D};
  struct args out = problem.args;
  out.data = data;
  struct candidate c = {&object, symbol};
  return measure_run_once(m, &c, &problem, &out, why);
}

static void expect_results(void) {
  for (int i = 0; i < N; i++) {
    ck_assert(C[i] == 2.5f * (float)(i + 1));
    ck_assert(D[i] == 2 * (float)(i + 1));
  }
}

START_TEST(good_run) {
  char why[256];
  ck_assert_msg(run("good", why) == TRIAL_OK, "%s", why);
  expect_results();
  ck_assert(((float *)problem.args.data[4])[7] == 8); /* pristine stays pristine */
}
END_TEST

START_TEST(parallel_run) {
  char why[256];
  make_problem(3);
  ck_assert_msg(run("parallel", why) == TRIAL_OK, "%s", why);
  expect_results();
}
END_TEST

START_TEST(unwritten_is_poison) {
  char why[256];
  ck_assert_msg(run("lazy", why) == TRIAL_OK, "%s", why);
  uint32_t bits;
  memcpy(&bits, &C[N - 1], 4);
  ck_assert_uint_eq(bits, 0x7fa5a5a5); /* a signalling NaN */
  ck_assert(D[N - 1] == (float)N);
}
END_TEST

static const struct {
  const char *symbol;
  enum trial_status status;
  const char *why;
} bad[] = {
    {"overrun", TRIAL_CRASH, "Segmentation fault: access 0 bytes beyond the end of argument 3"},
    {"underrun", TRIAL_WRONG, "wrote before the start of argument 3"},
    {"overread", TRIAL_CRASH, "Segmentation fault: access 0 bytes beyond the end of argument 2"},
    {"peek_before", TRIAL_CRASH, "Segmentation fault: access 4 bytes before the start of argument 2"},
    {"writes_input", TRIAL_CRASH, "Segmentation fault: write to argument 2, which is only read"},
    {"address_dependent", TRIAL_WRONG, "'C' differs between two runs with buffers at other places"},
    {"crash", TRIAL_CRASH, "Segmentation fault: access to address 0x8"},
    {"illegal", TRIAL_CRASH, "Illegal instruction"},
    {"aborts", TRIAL_CRASH, "Aborted"},
    {"hang", TRIAL_TIMEOUT, "no result after 0.3 s"},
    {"leaves", TRIAL_CRASH, "the kernel ended the process (exit status 0)"},
    {"stack", TRIAL_CRASH, NULL},
    {"bomb", TRIAL_OOM, "an allocation was refused"},
    {"killed", TRIAL_OOM, "killed by the system, for its memory presumably"},
    {"flush_to_zero", TRIAL_WRONG, "left the floating-point mode changed"},
    {"absent", TRIAL_COMPILE, "the object does not define 'absent__hone_call'"},
};

START_TEST(misbehaviour) {
  char why[256];
  m->close(m);
  m = measure_cpu_open(worker, strcmp(bad[_i].symbol, "hang") ? 5 : 0.3);
  enum trial_status ts = run(bad[_i].symbol, why);
  ck_assert_msg(ts == bad[_i].status, "%s: %s (%s)", bad[_i].symbol, trial_status_name[ts], why);
  if (bad[_i].why) ck_assert_str_eq(why, bad[_i].why);
  ck_assert_msg(run("good", why) == TRIAL_OK, "%s", why); /* the device goes on */
  expect_results();
}
END_TEST

START_TEST(forked_children_are_ended) {
  char why[256];
  int status, killed = 0;
  prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans become ours */
  (void)run("forks", why);
  while (waitpid(-1, &status, 0) > 0)
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; /* hangs when one lives */
  if (geteuid() == 0) ck_assert_int_gt(killed, 0);                /* others may not fork at all */
}
END_TEST

START_TEST(unresolved_symbol) {
  char why[256];
  struct candidate c = {&unresolved, "good"};
  void *data[5] = {NULL, NULL, problem.args.data[2], C, D};
  struct args out = problem.args;
  out.data = data;
  ck_assert_int_eq(measure_run_once(m, &c, &problem, &out, why), TRIAL_COMPILE);
  ck_assert_str_eq(why, "undefined symbol 'nobody_defines_this'");
}
END_TEST

START_TEST(garbage_object) {
  char why[256];
  struct buf garbage;
  buf_init(&garbage);
  buf_puts(&garbage, "this is not an object");
  struct candidate c = {&garbage, "good"};
  struct args out = problem.args;
  ck_assert_int_eq(measure_run_once(m, &c, &problem, &out, why), TRIAL_COMPILE);
  ck_assert_str_eq(why, "not an ELF file");
  buf_free(&garbage);
}
END_TEST

static void good_results(void *ctx, unsigned i, const struct args *got) {
  const float *c = got->data[3], *d = got->data[4];
  for (int e = 0; e < N; e++)
    ck_assert_msg(c[e] == 2.5f * (float)(e + 1) && d[e] == 2 * (float)(e + 1), "candidate %u, element %d", i, e);
  ((unsigned *)ctx)[i]++;
}

/* Those that share a worker with one that fails have their own results all the same, each exactly once. */
START_TEST(failures_are_their_own) {
  struct candidate c[20];
  struct run run[20];
  unsigned seen[20] = {0};
  for (unsigned i = 0; i < 20; i++)
    c[i] = (struct candidate){&object, i % 5 == 2 ? bad[((unsigned)_i + i / 5) % 4 + 6].symbol : "good"};
  c[11].symbol = "address_dependent";
  m->close(m);
  m = measure_cpu_open(worker, 0.5);
  m->run(m, c, 20, &problem, 0, run, good_results, seen);
  for (unsigned i = 0; i < 20; i++) {
    bool good = !strcmp(c[i].symbol, "good");
    ck_assert_msg((run[i].status == TRIAL_OK) == good, "candidate %u (%s): %s, %s", i, c[i].symbol,
                  trial_status_name[run[i].status], run[i].why);
    ck_assert_uint_eq(seen[i], good);
    ck_assert(good ? run[i].seconds > 0 : *run[i].why != 0);
  }
  ck_assert_str_eq(run[11].why, "'C' differs between two runs with buffers at other places");
}
END_TEST

START_TEST(hopeless_runs_once) { /* the slow one differs between placements: nobody looks */
  struct candidate c[3] = {{&object, "good"}, {&object, "dawdles"}, {&object, "good"}};
  struct run run[3];
  unsigned seen[3] = {0};
  m->run(m, c, 3, &problem, 0.05, run, good_results, seen);
  for (unsigned i = 0; i < 3; i++) {
    ck_assert_msg(run[i].status == TRIAL_OK, "%u: %s", i, run[i].why);
    ck_assert_uint_eq(seen[i], 1);
  }
  ck_assert(run[1].seconds > 0.05 && run[1].seconds < 0.3);
}
END_TEST

static double median(struct samples s) {
  ck_assert_uint_gt(s.n, 0);
  for (unsigned i = 1; i < s.n; i++)
    for (unsigned k = i; k > 0 && s.s[k - 1] > s.s[k]; k--) {
      double x = s.s[k];
      s.s[k] = s.s[k - 1];
      s.s[k - 1] = x;
    }
  return s.s[s.n / 2];
}

START_TEST(rounds) {
  char why[256] = "";
  struct candidate c[3] = {{&object, "good"}, {&object, "slow"}, {&object, "good"}};
  struct samples s[3];
  unsigned culprit;
  problem.cold = _i == 1;
  enum trial_status ts = m->time(m, c, 3, &problem, 9, 0, s, &culprit, why);
  ck_assert_msg(ts == TRIAL_OK, "%s", why);
  for (int i = 0; i < 3; i++) ck_assert_uint_eq(s[i].n, 9);
  double good = median(s[0]), slow = median(s[1]), same = median(s[2]);
  ck_assert(good > 1e-9 && good < 1e-3);
  ck_assert_msg(slow > 2 * good, "%g %g", slow, good);
  ck_assert_msg(same < 1.5 * good && good < 1.5 * same, "%g %g", same, good);
  for (int i = 0; i < 3; i++) free(s[i].s);
}
END_TEST

START_TEST(hopeless_is_dropped) {
  char why[256] = "";
  struct candidate c[2] = {{&object, "good"}, {&object, "slow"}};
  struct samples s[2];
  unsigned culprit;
  ck_assert_int_eq(m->time(m, c, 2, &problem, 5, 2.0, s, &culprit, why), TRIAL_OK);
  ck_assert_uint_eq(s[0].n, 5);
  ck_assert_uint_eq(s[1].n, 1);
  for (int i = 0; i < 2; i++) free(s[i].s);
}
END_TEST

START_TEST(culprit_is_named) {
  static const char *const symbols[] = {"crash", "hang", "bomb", "leaves"};
  static const enum trial_status status[] = {TRIAL_CRASH, TRIAL_TIMEOUT, TRIAL_OOM, TRIAL_CRASH};
  char why[256] = "";
  struct candidate c[4] = {{&object, "good"}, {&object, "nothing"}, {&object, symbols[_i]}, {&object, "good"}};
  struct samples s[4];
  unsigned culprit = 99;
  enum trial_status ts = m->time(m, c, 4, &problem, 5, 0, s, &culprit, why);
  ck_assert_msg(ts == status[_i], "%s: %s", trial_status_name[ts], why);
  ck_assert_uint_eq(culprit, 2);
  for (int i = 0; i < 4; i++) free(s[i].s);
}
END_TEST

START_TEST(no_worker) {
  errno = 0;
  ck_assert_ptr_null(measure_cpu_open("/nonexistent/hone-worker", 1));
  ck_assert_int_eq(errno, ENOENT);
  ck_assert_ptr_null(measure_cpu_open("/etc/passwd", 1));
  ck_assert_ptr_null(measure_cpu_open(NULL, 1));
  char why[256];
  struct measure *not = measure_cpu_open("/bin/true", 1); /* ends without a word */
  struct candidate c = {&object, "good"};
  struct args out = problem.args;
  ck_assert_int_eq(measure_run_once(not, &c, &problem, &out, why), TRIAL_CRASH);
  not ->close(not );
}
END_TEST

START_TEST(worker_by_hand) {
  char cmd[4096];
  snprintf(cmd, sizeof cmd, "'%s' 3<&- 4<&- 2>&1 | grep -q 'not for use by hand'", worker);
  ck_assert_int_eq(system(cmd), 0);
}
END_TEST

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  worker = argv[1];
  read_into(&object, argv[2]);
  read_into(&unresolved, argv[3]);
  Suite *s = suite_create("measure");
  TCase *t = tcase_create("cpu");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, good_run);
  tcase_add_test(t, parallel_run);
  tcase_add_test(t, unwritten_is_poison);
  tcase_add_loop_test(t, misbehaviour, 0, (int)(sizeof bad / sizeof *bad));
  tcase_add_loop_test(t, failures_are_their_own, 0, 4);
  tcase_add_test(t, hopeless_runs_once);
  tcase_add_test(t, forked_children_are_ended);
  tcase_add_test(t, unresolved_symbol);
  tcase_add_test(t, garbage_object);
  tcase_add_loop_test(t, rounds, 0, 2);
  tcase_add_test(t, hopeless_is_dropped);
  tcase_add_loop_test(t, culprit_is_named, 0, 4);
  tcase_add_test(t, no_worker);
  tcase_add_test(t, worker_by_hand);
  suite_add_tcase(s, t);
  int failed = suite_run(s, true);
  buf_free(&object);
  buf_free(&unresolved);
  return failed;
}
