/* Sums down the columns of a matrix by the default schedule: row by row where the matrix lies beyond L1, tiles of sums
   in registers elsewhere; at odd sizes beside the interpreter; and the machine code of what runs along rows of any
   length: nothing on the stack where tiles are whole. */
#include "tests/emit/compiled.h"
#include "tests/suite.h"
#include <string.h>

static const char *const columns[] = {
    "kernel f(A: f32[M, N]) -> S: f32[N] { S[j] = sum(i) A[i, j] }",
    "kernel f(A: f64[M, N]) -> S: f64[N] { S[j] = max(i) A[i, j] * A[i, j] }",
    "kernel f(A: f32[M, N]) -> S: f32[N] { T[j] = sum(i) A[i, j]\n S[j] = T[j] / f32(M) }",
    "kernel f(A: u8[M, N]) -> S: i32[N] { S[j] = sum(i) i32(A[i, j]) }",
    "kernel f(A: f32[M, N], w: f32[M]) -> S: f32[N] { S[j] = sum(i) A[i, j] * w[i] }",
    "kernel f(A: f32[M, N]) -> S: f32[N], Q: f32[N] { S[j] = sum(i) A[i, j]\n Q[j] = sum(i) A[i, j] * A[i, j] }",
};
static const char *const cpus[] = {"native", "haswell", "x86-64-v2"};
enum { NCOLUMN = sizeof columns / sizeof *columns, NCPU = sizeof cpus / sizeof *cpus, ROUNDS = 4 };

START_TEST(odd_sizes) {
  struct lab b;
  struct target t;
  bool ran = false;
  uint64_t r = (uint64_t)_i + 1;
  const char *text = columns[_i % NCOLUMN];
  lab_open(&b, 64);
  ck_assert_int_eq(target_resolve(b.a, "host", cpus[_i / NCOLUMN], &t, b.d), ST_OK);
  b.lim = t.limits;
  compiled_cpu = cpus[_i / NCOLUMN];
  lab_run = compiled_run;
  for (unsigned i = 0; t.host && i < ROUNDS; i++) {
    const char *dims = arena_printf(b.a, "M=%d,N=%d", 1 + (int)(lab_random(&r) % 70), 1 + (int)(lab_random(&r) % 300));
    const char *why = compiled_default(&b, text, dims, (uint64_t)_i * 100 + i, &ran);
    ck_assert_msg(!why, "%s at %s for %s: %s", text, dims, compiled_cpu, why);
  }
  ck_assert(ran || !t.host);
  lab_close(&b);
}
END_TEST

/* The default schedule's text at these dims. */
static const char *schedule(struct lab *b, const char *text, const char *dims) {
  struct target t;
  struct buf out;
  ck_assert_int_eq(target_resolve(b->a, "x86_64-unknown-linux-gnu", "znver5", &t, b->d), ST_OK);
  struct kernel *k = lab_kernel(b, text, strlen(text));
  ck_assert_msg(k != NULL, "%s", lab_messages(b));
  struct groups *gs = lab_groups(b, dims ? lab_fixed(b, k, dims) : k, true);
  struct sched s = sched_default(gs, 0, &t.limits, &b->o);
  buf_init(&out);
  sched_print(&out, gs, 0, &s);
  char *copy = arena_strdup(b->a, out.data);
  buf_free(&out);
  return copy;
}

static bool in_tiles(const char *text) {
  return strstr(text, "unroll i0") != NULL;
}

START_TEST(row_by_row) {
  struct lab b;
  lab_open(&b, 64);
  for (unsigned i = 0; i < 3; i++) ck_assert_msg(!in_tiles(schedule(&b, columns[i], NULL)), "%u", i);
  for (unsigned i = 0; i < 3; i++) ck_assert_msg(!in_tiles(schedule(&b, columns[i], "M=1000,N=512")), "%u", i);
  for (unsigned i = 3; i < NCOLUMN; i++) ck_assert_msg(in_tiles(schedule(&b, columns[i], NULL)), "%u", i);
  ck_assert(in_tiles(schedule(&b, columns[0], "M=32,N=256")));    /* in L1 */
  ck_assert(in_tiles(schedule(&b, columns[0], "M=40,N=100000"))); /* the sums are not */
  lab_close(&b);
}
END_TEST

/* Loops whose rows are cut by what is only known at run time; the instruction that is in the whole tile's loop. */
static const struct {
  const char *kernel, *insn;
} free_rows[] = {
    {"kernel f(A: f32[M, N]) -> S: f32[N] { S[j] = sum(i) A[i, j] }", "vaddps\t192("},
    {"kernel f(A: f32[M, N], B: f32[M, N]) -> C: f32[M, N] { C[i, j] = A[i, j] * B[i, j] + 1 }", "vfmadd"},
};

START_TEST(no_stack) {
  struct lab b;
  lab_open(&b, 64);
  char *text = compiled_text(&b, free_rows[_i].kernel, "znver5", "");
  char *at = strstr(text, free_rows[_i].insn), *loop = NULL;
  ck_assert_msg(at != NULL, "%.6000s", text);
  for (char *p = text; (p = strstr(p, "\n.LBB")) && p < at; p++) loop = p; /* the loop's label */
  char *end = strstr(at, "\n\tj");
  ck_assert(loop && end);
  *end = 0;
  ck_assert_msg(!strstr(loop, "(%rsp)") && !strstr(loop, "(%rbp)"), "%s", loop);
  lab_close(&b);
}
END_TEST

int main(void) {
  Suite *s = suite_create("rows");
  TCase *t = tcase_create("rows");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, odd_sizes, 0, NCOLUMN * NCPU);
  tcase_add_test(t, row_by_row);
  tcase_add_loop_test(t, no_stack, 0, sizeof free_rows / sizeof *free_rows);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
