/* The pool: every iteration exactly once, whatever the threads, grain, nesting, callers, forks. Also run under
 * ThreadSanitizer (tests/runtime/meson.build). */
#include "runtime/hone_rt.h"
#include "tests/suite.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { N = 1000 };
static _Atomic int hits[N];
static _Atomic int bodies;

static void count(void *ctx, int64_t first, int64_t last) {
  ck_assert_ptr_eq(ctx, (void *)hits);
  atomic_fetch_add(&bodies, 1);
  for (int64_t i = first; i < last; i++) atomic_fetch_add(&hits[i], 1);
}

static void clear(void) {
  for (int i = 0; i < N; i++) atomic_store(&hits[i], 0);
  atomic_store(&bodies, 0);
}

static void expect_each(int64_t n, int times) {
  for (int64_t i = 0; i < N; i++) ck_assert_int_eq(atomic_load(&hits[i]), i < n ? times : 0);
}

START_TEST(every_iteration_once) {
  hone_rt_set_num_threads(_i);
  ck_assert_int_eq(hone_rt_num_threads(), _i);
  for (int64_t n = -3; n <= 70; n++) {
    clear();
    hone_rt_parallel(n, 1, count, hits);
    expect_each(n, 1);
  }
  for (int64_t grain = 0; grain < 2000; grain += 97) {
    clear();
    hone_rt_parallel(N, grain, count, hits);
    expect_each(N, 1);
    ck_assert_int_le(atomic_load(&bodies), grain > 0 ? (int)(N / grain < 1 ? 1 : N / grain) : N);
  }
}
END_TEST

static void mark_thread(void *ctx, int64_t first, int64_t last) {
  (void)last;
  pthread_t *who = ctx;
  who[first] = pthread_self();
  struct timespec t = {0, 2000000};
  nanosleep(&t, NULL);
}

START_TEST(work_is_shared) {
  hone_rt_set_num_threads(2);
  pthread_t who[8] = {0};
  int others = 0;
  for (int round = 0; round < 50 && !others; round++) {
    hone_rt_parallel(8, 1, mark_thread, who);
    for (int i = 0; i < 8; i++) others += !pthread_equal(who[i], pthread_self());
  }
  ck_assert_int_gt(others, 0);
}
END_TEST

static void nest(void *ctx, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; i++) hone_rt_parallel(N, 1, count, ctx);
}

START_TEST(nested_regions_are_serial) {
  hone_rt_set_num_threads(4);
  clear();
  hone_rt_parallel(10, 1, nest, hits);
  expect_each(N, 10);
  ck_assert_int_eq(atomic_load(&bodies), 10);
}
END_TEST

static void *call_often(void *arg) {
  for (int i = 0; i < 300; i++) hone_rt_parallel(N, 1 + i % 40, count, arg);
  return NULL;
}

START_TEST(several_callers) {
  hone_rt_set_num_threads(_i);
  clear();
  pthread_t t[3];
  for (int i = 0; i < 3; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, call_often, hits), 0);
  call_often(hits);
  for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
  expect_each(N, 1200);
}
END_TEST

static void add_one(void *ctx, int64_t first, int64_t last) {
  int *plain = ctx;
  for (int64_t i = first; i < last; i++) plain[i]++;
}

START_TEST(plain_memory_is_visible_after) {
  static int plain[64];
  hone_rt_set_num_threads(4);
  for (int round = 1; round <= 500; round++) {
    hone_rt_parallel(64, 1, add_one, plain);
    for (int i = 0; i < 64; i++) ck_assert_int_eq(plain[i], round);
  }
}
END_TEST

START_TEST(sleeping_threads_wake) {
  hone_rt_set_num_threads(3);
  for (int i = 0; i < 4; i++) {
    clear();
    hone_rt_parallel(N, 1, count, hits);
    expect_each(N, 1);
    struct timespec t = {0, 12000000}; /* longer than idle threads spin */
    nanosleep(&t, NULL);
  }
}
END_TEST

START_TEST(shutdown_and_again) {
  hone_rt_set_num_threads(3);
  for (int i = 0; i < 20; i++) {
    clear();
    hone_rt_parallel(N, 1, count, hits);
    expect_each(N, 1);
    hone_rt_shutdown();
  }
  hone_rt_shutdown();
}
END_TEST

static void stop_inside(void *ctx, int64_t first, int64_t last) {
  hone_rt_shutdown(); /* must neither hang nor break */
  count(ctx, first, last);
}

START_TEST(shutdown_from_a_body) {
  hone_rt_set_num_threads(3);
  clear();
  hone_rt_parallel(N, 1, stop_inside, hits);
  expect_each(N, 1);
}
END_TEST

#ifndef __SANITIZE_THREAD__
START_TEST(fork_restarts_the_pool) {
  hone_rt_set_num_threads(3);
  clear();
  hone_rt_parallel(N, 1, count, hits);
#ifdef __SANITIZE_ADDRESS__
  usleep(100000); /* its allocator is locked while threads start, and stays so in the child */
#endif
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    clear();
    hone_rt_parallel(N, 1, count, hits);
    for (int i = 0; i < N; i++)
      if (atomic_load(&hits[i]) != 1) _exit(1);
    hone_rt_shutdown();
    exit(0); /* runs the destructor too */
  }
  int status;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  clear();
  hone_rt_parallel(N, 1, count, hits);
  expect_each(N, 1);
}
END_TEST
#endif

static int hook_calls;
static void backwards(void *pool, int64_t n, int64_t grain, hone_rt_body *body, void *ctx) {
  (void)grain;
  ck_assert_ptr_eq(pool, &hook_calls);
  hook_calls++;
  for (int64_t i = n; i > 0; i--) body(ctx, i - 1, i);
}

START_TEST(callers_pool) {
  hone_rt_set_num_threads(4);
  hone_rt_set_pool(backwards, &hook_calls);
  clear();
  hone_rt_parallel(N, 1, count, hits);
  expect_each(N, 1);
  ck_assert_int_eq(hook_calls, 1);
  ck_assert_int_eq(atomic_load(&bodies), N);
  clear();
  hone_rt_parallel(10, 1, nest, hits); /* nested: not through the hook again */
  expect_each(N, 10);
  ck_assert_int_eq(hook_calls, 2);
  hone_rt_set_pool(NULL, NULL);
  clear();
  hone_rt_parallel(N, 1, count, hits);
  expect_each(N, 1);
  ck_assert_int_eq(hook_calls, 2);
}
END_TEST

static const struct {
  const char *text;
  int threads;
} settings[] = {/* 0: the default */
                {"3", 3},
                {"1", 1},
                {"1024", 1024},
                {"0", 0},
                {"-2", 0},
                {"1025", 0},
                {"", 0},
                {"two", 0},
                {"2x", 0},
                {" 2", 0},
                {"99999999999999999999", 0}};

START_TEST(environment_is_validated) {
  unsetenv("HONE_NUM_THREADS");
  hone_rt_set_num_threads(0);
  int cpus = hone_rt_num_threads();
  ck_assert_int_ge(cpus, 1);
  setenv("HONE_NUM_THREADS", settings[_i].text, 1);
  hone_rt_set_num_threads(0);
  ck_assert_int_eq(hone_rt_num_threads(), settings[_i].threads ? settings[_i].threads : cpus);
}
END_TEST

START_TEST(affinity_is_respected) {
  unsetenv("HONE_NUM_THREADS");
  cpu_set_t all, one;
  ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET(i, &all)) {
      CPU_SET(i, &one);
      break;
    }
  ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
  hone_rt_set_num_threads(0);
  ck_assert_int_eq(hone_rt_num_threads(), 1);
}
END_TEST

int main(void) {
  Suite *s = suite_create("threads");
  TCase *t = tcase_create("pool");
  tcase_set_timeout(t, 20);
  tcase_add_loop_test(t, every_iteration_once, 1, 9);
  tcase_add_test(t, work_is_shared);
  tcase_add_test(t, nested_regions_are_serial);
  tcase_add_loop_test(t, several_callers, 1, 9);
  tcase_add_test(t, plain_memory_is_visible_after);
  tcase_add_test(t, sleeping_threads_wake);
  tcase_add_test(t, shutdown_and_again);
  tcase_add_test(t, shutdown_from_a_body);
#ifndef __SANITIZE_THREAD__ /* which supports no threads after fork */
  tcase_add_test(t, fork_restarts_the_pool);
#endif
  tcase_add_test(t, callers_pool);
  tcase_add_loop_test(t, environment_is_validated, 0, (int)(sizeof settings / sizeof *settings));
  tcase_add_test(t, affinity_is_respected);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
