/* The building process: objects are those of a build in this process, in the order of the questions; what cannot be
   built and a process that dies cost only themselves. */
#include "compiler/pass/passes.h"
#include "tests/suite.h"
#include "tuner/builder.h"
#include "tuner/strategy.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char spec[] =
    "kernel mm(A: f32[64,48], B: f32[48,80]) -> C: f32[64,80] {\n  C[i,j] = sum(k) A[i,k] * B[k,j]\n}\n";
static struct arena *arena;
static struct groups *gs;
static struct target target;
static const struct lower_opts lower = {.threads = 1};
static struct builder *b;

static void setup(void) {
  arena = arena_new();
  struct diag *d = diag_new();
  struct kernels ks;
  ck_assert_int_eq(kernels_parse(arena, d, diag_file(d, "spec", spec, strlen(spec)), spec, strlen(spec), &ks), ST_OK);
  struct unit u = {.level = LEVEL_TENSOR, .k = ks.k[0]};
  ck_assert_int_eq(pass_run(arena, hone_passes, hone_npasses, &u, d), ST_OK);
  ck_assert_int_eq(target_resolve(arena, NULL, NULL, &target, d), ST_OK);
  diag_free(d);
  gs = u.gs;
  b = builder_open(gs, &target, &lower, NULL);
  ck_assert_ptr_nonnull(b);
}
static void teardown(void) {
  builder_close(b);
  arena_free(arena);
}

static void schedules(struct sched *s, unsigned n) {
  struct space sp = {.gs = gs, .lim = &target.limits, .opts = lower};
  uint64_t rng = 5;
  space_open(&sp);
  for (unsigned i = 0; i < n; i++) ck_assert(space_random(&sp, &rng, &s[i]));
}

static void must_be(const struct sched *s, const struct buf *got) {
  struct lfunc *f;
  const char *why = "";
  struct buf want;
  buf_init(&want);
  ck_assert_int_eq(lower_kernel(arena, gs, s, &target.limits, &lower, gs->k->name, &f, &why), ST_OK);
  struct emit_entry e = {.k = gs->k, .general = f};
  struct emit_opts eo = {.kind = EMIT_OBJ, .call_stub = true, .pic = true};
  ck_assert_int_eq(emit_module(arena, &e, 1, &target, &eo, true, &want, &why), ST_OK);
  ck_assert_uint_eq(want.len, got->len);
  ck_assert(!memcmp(want.data, got->data, got->len));
  buf_free(&want);
}

static struct build_result take(const struct sched *s) {
  struct buf object;
  buf_init(&object);
  struct build_result r = builder_take(b, &object);
  if (r.status == TRIAL_OK)
    must_be(s, &object);
  else
    ck_assert_uint_eq(object.len, 0);
  buf_free(&object);
  return r;
}

START_TEST(same_objects_in_order) {
  struct sched s[BUILDER_QUEUE];
  schedules(s, BUILDER_QUEUE);
  for (unsigned i = 0; i < BUILDER_QUEUE; i++) builder_ask(b, &s[i]);
  for (unsigned i = 0; i < BUILDER_QUEUE; i++) {
    ck_assert_uint_eq(builder_waiting(b), BUILDER_QUEUE - i);
    struct build_result r = take(&s[i]);
    ck_assert_msg(r.status == TRIAL_OK, "%u: %s", i, r.why);
    for (unsigned k = 0; k < BUILD_LOAD; k++) ck_assert(r.stage_s[k] > 0 && r.stage_s[k] < 60);
  }
}
END_TEST

START_TEST(illegal_costs_itself) {
  struct sched s[3];
  schedules(s, 3);
  memset(&s[1], 0, sizeof s[1]);
  ck_assert(sched_push(&s[1], STEP_parallel, LOOP_ID(2, 3), 0)); /* no such loop */
  for (unsigned i = 0; i < 3; i++) builder_ask(b, &s[i]);
  for (unsigned i = 0; i < 3; i++) {
    struct build_result r = take(&s[i]);
    ck_assert_int_eq(r.status, i == 1 ? TRIAL_COMPILE : TRIAL_OK);
    ck_assert((*r.why != 0) == (i == 1));
  }
}
END_TEST

/* Our only child. */
static pid_t process(void) {
  char path[64];
  int pid = 0;
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  FILE *f = fopen(path, "r");
  ck_assert_ptr_nonnull(f);
  ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
  fclose(f);
  return pid;
}

/* A sanitizer takes SIGSEGV for itself and exits. */
#ifdef __SANITIZE_ADDRESS__
static const char segv_text[] = "the code generation process failed";
#else
static const char segv_text[] = "LLVM crashed (Segmentation fault)";
#endif

START_TEST(death_costs_one) {
  static const int signals[] = {SIGSEGV, SIGKILL, SIGABRT};
  struct sched s[8];
  schedules(s, 8);
  pid_t before = process();
  kill(before, SIGSTOP); /* so that the questions are still waiting */
  for (unsigned i = 0; i < 8; i++) builder_ask(b, &s[i]);
  kill(before, signals[_i]);
  kill(before, SIGCONT);
  struct build_result r = take(&s[0]);
  ck_assert_int_eq(r.status, TRIAL_COMPILE);
  static const char *const why[] = {segv_text, "the code generation process failed", "LLVM crashed (Aborted)"};
  ck_assert_str_eq(r.why, why[_i]);
  for (unsigned i = 1; i < 8; i++) ck_assert_msg(take(&s[i]).status == TRIAL_OK, "%u", i);
  ck_assert_int_ne(process(), before);
}
END_TEST

START_TEST(nothing_asked) {
  ck_assert_int_eq(take(NULL).status, TRIAL_COMPILE);
}
END_TEST

int main(void) {
  Suite *s = suite_create("builder");
  TCase *c = tcase_create("builder");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_set_timeout(c, 120);
  tcase_add_test(c, same_objects_in_order);
  tcase_add_test(c, illegal_costs_itself);
  tcase_add_loop_test(c, death_costs_one, 0, 3);
  tcase_add_test(c, nothing_asked);
  suite_add_tcase(s, c);
  return suite_run(s, true);
}
