/* Products with a factor that is rounded on the way (`tensorize` of lanes, --fp fast): attention and sums of weights at
   odd sizes, by the default schedule and by hand, within the bound of that mode; the machine code of its loop; what is
   refused. */
#include "tests/emit/compiled.h"
#include "tests/suite.h"
#include <stdio.h>
#include <string.h>

#define ATTENTION(guard)                                                                                               \
  "kernel f(Q: bf16[T, D], K: bf16[S, D], V: bf16[S, D]) -> O: bf16[T, D] {\n"                                         \
  "  P[t, s] = sum(d) f32(Q[t, d]) * f32(K[s, d])\n  M[t] = max(s" guard ") P[t, s]\n"                                 \
  "  E[t, s] = exp(P[t, s] - M[t])\n  Z[t] = sum(s" guard ") E[t, s]\n"                                                \
  "  Y[t, d] = (sum(s" guard ") E[t, s] * f32(V[s, d])) / Z[t]\n  O[t, d] = bf16(Y[t, d])\n}"
static const char *const kernels[] = {ATTENTION(""), ATTENTION(" if s <= t"), ATTENTION(" if s <= t, s + 9 > t")};
static const char *const cpus[] = {"native", "alderlake", "haswell", "x86-64-v2"};
enum { NKERNEL = sizeof kernels / sizeof *kernels, NCPU = sizeof cpus / sizeof *cpus, ROUNDS = 5 };

static bool has_bf16(const struct lab *b) {
  return b->lim.matrix_per_cycle[MATRIX_bf16] > 0;
}

/* Rows, lanes and blocks of any size that fits. */
static const char *by_hand(struct lab *b, uint64_t *r) {
  int lanes = (int)(b->lim.vector_bytes / 4), rows = 1 + (int)(lab_random(r) % 5),
      sv = lanes * (1 + (int)(lab_random(r) % 3)), vv = lanes * (1 + (int)(lab_random(r) % 3));
  return arena_printf(b->a,
                      "tile t %d; tile s %d; tile d_1 %d; tile t %d; tile s %d; order t2 s2 t1 d_11 s1 d0 s0 t0 d_10; "
                      "vector s0; vector d_10; unroll t0 0; tensorize bf16 s0",
                      rows, sv, vv, rows * (1 + (int)(lab_random(r) % 3)), sv * (1 + (int)(lab_random(r) % 3)));
}

static const char *check_one(struct lab *b, const char *text, uint64_t seed, bool *ran) {
  uint64_t r = seed;
  struct sched s;
  bool skipped;
  const char *by = "default", *dims = arena_printf(b->a, "T=%d,S=%d,D=%d", 1 + (int)(lab_random(&r) % 40),
                                                   1 + (int)(lab_random(&r) % 90), 1 + (int)(lab_random(&r) % 40));
  struct kernel *k = lab_kernel(b, text, strlen(text));
  ck_assert_msg(k != NULL, "%s", lab_messages(b));
  struct groups *gs = lab_groups(b, lab_random(&r) % 2 ? lab_fixed(b, k, dims) : k, true);
  ck_assert_msg(gs && gs->n == 1, "%s", lab_messages(b));
  if (has_bf16(b) && lab_random(&r) % 3) {
    by = by_hand(b, &r);
    ck_assert_msg(lab_sched(b, gs, 0, by, &s), "%s", lab_messages(b));
    if (legal_sched(b->a, gs, 0, &s, &b->lim, &b->o)) return NULL; /* a dim of 1 has no loop */
  } else {
    s = sched_default(gs, 0, &b->lim, &b->o);
  }
  const char *why = lab_check(b, k, gs, &s, dims, seed, &skipped);
  *ran |= !skipped;
  return why ? arena_printf(b->a, "%s\n%s at %s for %s: %s", text, by, dims, compiled_cpu, why) : NULL;
}

START_TEST(odd_sizes) {
  struct lab b;
  struct target t;
  bool ran = false;
  lab_open(&b, 64);
  ck_assert_int_eq(target_resolve(b.a, "host", cpus[_i / NKERNEL], &t, b.d), ST_OK);
  compiled_cpu = cpus[_i / NKERNEL];
  lab_run = compiled_run;
  b.lim = t.limits;
  b.o.tf32 = b.o.fast = true;
  for (unsigned i = 0; t.host && i < ROUNDS; i++) {
    const char *why = check_one(&b, kernels[_i % NKERNEL], (uint64_t)_i * 100 + i, &ran);
    ck_assert_msg(!why, "%s", why);
  }
  ck_assert(ran || !t.host);
  lab_close(&b);
}
END_TEST

/* The default schedule's loop: weights rounded once a row and step, rows woven once for all of them. */
START_TEST(machine_code) {
  struct lab b;
  lab_open(&b, 64);
  b.o.tf32 = b.o.fast = true;
  char *text = compiled_text(&b, kernels[0], "znver5", "T=48,S=512,D=64");
  const char *loop = strstr(text, "vcvtneps2bf16");
  ck_assert_msg(loop != NULL, "%.3000s", text);
  const char *end = strstr(loop, "\tj");
  ck_assert_ptr_nonnull(end);
  char *body = arena_strndup(b.a, loop, (size_t)(end - loop));
  unsigned rows = 1 + compiled_count(body + 1, "vcvtneps2bf16");
  ck_assert_msg(compiled_count(body, "vdpbf16ps\t%zmm") == 4 * rows && rows >= 4, "%s", body);
  ck_assert_msg(compiled_count(body, "vpermt2w") + compiled_count(body, "vpermi2w") <= 4, "%s", body);
  lab_close(&b);
}
END_TEST

static const char *refused(struct lab *b, const char *text, const char *sched) {
  struct sched s;
  struct groups *gs = lab_groups(b, lab_kernel(b, text, strlen(text)), true);
  ck_assert_msg(lab_sched(b, gs, 0, sched, &s), "%s", lab_messages(b));
  return legal_sched(b->a, gs, 0, &s, &b->lim, &b->o);
}

START_TEST(illegal) {
  struct lab b;
  const char *no = "no sum over these lanes, in registers with lanes of its own, of a product with a factor that is "
                   "rounded to the type of the other one (--fp fast)",
             *step = "tile t 2; tile s 16; tile d_1 16; tile s 32; order s2 t1 d_11 s1 d0 s0 t0 d_10; vector s0; "
                     "vector d_10; unroll t0 0; tensorize bf16 s0";
  lab_open(&b, 64);
  ck_assert_str_eq(refused(&b, kernels[0], step), arena_printf(b.a, "tensorize bf16 s0: %s", no));
  b.o.tf32 = b.o.fast = true;
  ck_assert_ptr_null(refused(&b, kernels[0], step));
  ck_assert_str_eq(refused(&b, "kernel f(X: f32[T, S], V: bf16[S]) -> y: f32[T] { y[t] = sum(s) X[t, s] * f32(V[s]) }",
                           "tile s 16; vector s0; tensorize bf16 s0"),
                   arena_printf(b.a, "tensorize bf16 s0: %s", no));
  lab_close(&b);
}
END_TEST

int main(void) {
  Suite *s = suite_create("steps");
  TCase *t = tcase_create("steps");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, odd_sizes, 0, NKERNEL * NCPU);
  tcase_add_test(t, machine_code);
  tcase_add_test(t, illegal);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
