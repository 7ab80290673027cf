/* Products by matrix instructions: right at odd sizes on every kind of machine that runs here, bit for bit what the
   equations give for integers; and the machine code of each kind of machine, run here or not. */
#include "tests/emit/compiled.h"
#include "codegen/emit/emit.h"
#include "tests/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRODUCT(a, b, ab, c, sub)                                                                                      \
  "kernel f(A: " a "[M, K], B: " b ab ") -> C: " c "[M, N] { C[i, j] = sum(k) " c "(A[i, k]) * " c "(B" sub ") }"
#define ROWS "[K, N]"
#define TURN "[N, K]"
static const char *const kernels[] = {
    PRODUCT("u8", "i8", ROWS, "i32", "[k, j]"),
    PRODUCT("i8", "i8", ROWS, "i32", "[k, j]"),
    PRODUCT("i16", "i16", ROWS, "i32", "[k, j]"),
    PRODUCT("bf16", "bf16", ROWS, "f32", "[k, j]"),
    PRODUCT("i8", "u8", TURN, "i32", "[j, k]"),
    PRODUCT("i8", "i8", TURN, "i32", "[j, k]"),
    PRODUCT("i16", "i16", TURN, "i32", "[j, k]"),
    PRODUCT("bf16", "bf16", TURN, "f32", "[j, k]"),
    "kernel f(A: i8[K, M], B: u8[K, N], s: f32[N]) -> C: i8[M, N] { T[i, j] = sum(k) i32(A[k, i]) * i32(B[k, j])\n"
    " C[i, j] = i8(max(min(f32(T[i, j]) * s[j], 127), -128)) }",
    "kernel f(X: u8[M, K, 8], F: i8[N, 3, 8]) -> Y: i32[M, K, N] { for y in 0..M, x in 0..K, n in 0..N:\n"
    " Y[y, x, n] = sum(r, c if x + r - 1 >= 0, K - x - r >= 0) i32(X[y, x + r - 1, c]) * i32(F[n, r, c]) }",
    PRODUCT("e4m3", "e4m3", ROWS, "f32", "[k, j]"),
    PRODUCT("e4m3", "e5m2", TURN, "f32", "[j, k]"),
    "kernel f(s: f32, z: e4m3, A: e5m2[K, M], B: e4m3[K, N]) -> C: e4m3[M, N], D: e5m2[M, N] {\n"
    " T[i, j] = sum(k) f32(A[k, i]) * f32(B[k, j])\n C[i, j] = e4m3(T[i, j] * s)\n D[i, j] = e5m2(T[i, j] + f32(z)) }",
};
enum { NKERNEL = sizeof kernels / sizeof *kernels, ROUNDS = 14 };
static const char *const cpus[] = {"native", "alderlake", "sierraforest", "haswell", "x86-64-v2"};

static bool check_sizes(struct lab *b, const char *text, const struct target *t, uint64_t seed) {
  uint64_t r = seed;
  char dims[64];
  bool skipped;
  struct kernel *k = lab_kernel(b, text, strlen(text));
  ck_assert_msg(k != NULL, "%s", lab_messages(b));
  int n[3];
  for (int i = 0; i < 3; i++) n[i] = 1 + (int)(lab_random(&r) % (lab_random(&r) % 3 ? 70 : 9));
  snprintf(dims, sizeof dims, "M=%d,N=%d,K=%d", n[0], n[1], n[2]);
  b->lim = t->limits;
  b->o.strict = lab_random(&r) % 8 == 0;
  struct groups *gs = lab_groups(b, lab_random(&r) % 2 ? lab_fixed(b, k, dims) : k, true);
  ck_assert_msg(gs && gs->n == 1, "%s", lab_messages(b));
  struct sched s = sched_default(gs, 0, &b->lim, &b->o);
  const char *why = lab_check(b, k, gs, &s, dims, seed, &skipped);
  ck_assert_msg(!why, "%s at %s for %s: %s", text, dims, compiled_cpu, why);
  return !skipped;
}

START_TEST(odd_sizes) {
  struct lab b;
  struct target t;
  lab_open(&b, 64);
  ck_assert_int_eq(target_resolve(b.a, "host", cpus[_i / NKERNEL], &t, b.d), ST_OK);
  compiled_cpu = cpus[_i / NKERNEL];
  lab_run = compiled_run;
  unsigned ran = 0;
  for (unsigned i = 0; t.host && i < ROUNDS; i++)
    ran += check_sizes(&b, kernels[_i % NKERNEL], &t, (uint64_t)_i * 100 + i);
  ck_assert_uint_ge(ran, t.host ? ROUNDS / 2 : 0);
  lab_close(&b);
}
END_TEST

/* ---- machine code ---- */

/* A 6x4 (2x4 of 256 bits: 6x2) register tile is that many instructions with their operands loaded once, and nothing
 * else: no spills, no gathers. */
static const struct {
  unsigned kernel;
  const char *cpu, *insn;
  unsigned times, broadcasts, stack; /* the bias of a panel lies on the stack */
} code[] = {
    {0, "znver5", "vpdpbusd\t%zmm", 24, 6, 0},
    {0, "icelake-server", "vpdpbusd\t%zmm", 24, 6, 0},
    {0, "alderlake", "{vex}\tvpdpbusd\t%ymm", 12, 6, 0},
    {4, "icelake-server", "vpdpbusd\t%zmm", 24, 6, 0},
    {1, "znver5", "vpdpbusd\t%zmm", 24, 6, 64},
    {1, "sierraforest", "vpdpbssd\t%ymm", 12, 6, 0},
    {2, "icelake-server", "vpdpwssd\t%zmm", 24, 6, 0},
    {3, "znver5", "vdpbf16ps\t%zmm", 24, 6, 0},
    {7, "znver4", "vdpbf16ps\t%zmm", 24, 6, 0},
    {3, "skylake-avx512", "vdpbf16ps", 0, 0, 0},
    {0, "haswell", "vpdpbusd", 0, 0, 0},
    {0, "haswell", "vpmaddwd\t%ymm", 16, 4, 0},
    {1, "haswell", "vpmaddwd\t%ymm", 16, 4, 0},
    {2, "haswell", "vpmaddwd\t", 12, 6, 0},
    {0, "skylake-avx512", "vpmaddwd\t%zmm", 32, 4, 0},
};

/* One row: rows of the other operand are loaded a whole vector at a time and woven by two shuffles a product. */
START_TEST(woven_wide) {
  struct lab b;
  lab_open(&b, 64);
  char *text = compiled_text(&b, kernels[0], "znver5", "M=1,N=512,K=512");
  ck_assert_msg(compiled_count(text, "vpdpbusd\t%zmm") >= 8 && !compiled_count(text, "vinserti"), "%s", text);
  ck_assert_uint_le(compiled_count(text, "vpermt2") + compiled_count(text, "vpermi2"),
                    2 * compiled_count(text, "vpdpbusd\t%zmm"));
  lab_close(&b);
}
END_TEST

START_TEST(machine_code) {
  struct lab b;
  lab_open(&b, 64);
  char *text = compiled_text(&b, kernels[code[_i].kernel], code[_i].cpu, "M=96,N=256,K=512");
  ck_assert_msg(compiled_count(text, code[_i].insn) == code[_i].times, "%u times %s on %s:\n%.3000s",
                compiled_count(text, code[_i].insn), code[_i].insn, code[_i].cpu, text);
  if (code[_i].times) {
    unsigned stack = compiled_count(text, "(%rsp"),
             broadcast = compiled_count(text, "vpbroadcastd\t") + compiled_count(text, "{1to16}");
    ck_assert_msg(stack <= code[_i].stack, "%s: %u operands on the stack\n%.3000s", code[_i].cpu, stack, text);
    ck_assert_msg(broadcast <= code[_i].broadcasts + 2, "%s: %u broadcasts\n%.3000s", code[_i].cpu, broadcast, text);
  }
  lab_close(&b);
}
END_TEST

/* Rows are woven by whole vectors, not gathered byte by byte. */
START_TEST(packing_code) {
  struct lab b;
  lab_open(&b, 64);
  char *text = compiled_text(&b, kernels[0], "znver5", "M=96,N=256,K=512");
  ck_assert_uint_eq(compiled_count(text, "vpinsrb"), 0);
  unsigned woven = compiled_count(text, "vpermt2b") + compiled_count(text, "vpermi2b") + compiled_count(text, "vpermb");
  ck_assert_uint_ge(woven, 1); /* one a vector of the panel, which may be unrolled */
  ck_assert_uint_le(woven, 4);
  lab_close(&b);
}
END_TEST

/* A schedule that was found where the instruction is must not be taken where it is not. */
START_TEST(not_there) {
  struct lab b;
  struct sched s;
  lab_open(&b, 64);
  struct kernel *k = lab_kernel(&b, kernels[0], strlen(kernels[0]));
  struct groups *gs = lab_groups(&b, k, true);
  ck_assert(lab_sched(&b, gs, 0, "tile j 16; tile k 4; vector j0; tensorize vnni k0", &s));
  ck_assert_ptr_null(legal_sched(b.a, gs, 0, &s, &b.lim, &b.o));
  for (unsigned i = 0; i < MATRIX_COUNT; i++) b.lim.matrix_per_cycle[i] = 0;
  ck_assert_str_eq(legal_sched(b.a, gs, 0, &s, &b.lim, &b.o), "tensorize vnni: the target has no such instruction");
  lab_close(&b);
}
END_TEST

int main(void) {
  Suite *s = suite_create("matrix");
  TCase *t = tcase_create("matrix");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, odd_sizes, 0, NKERNEL * (int)(sizeof cpus / sizeof *cpus));
  tcase_add_loop_test(t, machine_code, 0, sizeof code / sizeof *code);
  tcase_add_test(t, woven_wide);
  tcase_add_test(t, packing_code);
  tcase_add_test(t, not_there);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
