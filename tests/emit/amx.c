/* Products by matrix tiles (tensorize amx): right at odd sizes, bit for bit what the equations give for integers, under
   the instructions' own rules (amx_emulated.h); the machine code; who gets them. */
#include "codegen/emit/emit.h"
#include "tests/emit/amx_lab.h"
#include "tests/suite.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRODUCT(a, b, ab, c, sub)                                                                                      \
  "kernel f(A: " a "[M, K], B: " b ab ") -> C: " c "[M, N] { C[i, j] = sum(k) " c "(A[i, k]) * " c "(B" sub ") }"
#define ROWS "[K, N]"
#define TURN "[N, K]"

/* A schedule, and kernels with the default one. */
static const struct {
  const char *kernel, *sched;
} cases[] = {
    {PRODUCT("u8", "i8", ROWS, "i32", "[k, j]"),
     "tile i 32; tile j 32; tile k 4; order j1 i1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack B j1; copy A i1"},
    {PRODUCT("i8", "u8", TURN, "i32", "[j, k]"),
     "tile i 32; tile j 32; tile k 4; order j1 i1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack B j1; copy A i1"},
    {PRODUCT("i8", "i8", ROWS, "i32", "[k, j]"),
     "tile i 16; tile j 80; tile k 4; order j1 i1 i0 k1 j0 k0; vector j0; tensorize amx k0; pack B j1; pack A i1"},
    {PRODUCT("u8", "u8", ROWS, "i32", "[k, j]"),
     "tile i 80; tile j 16; tile k 4; order i1 j1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack B j1; copy A i1"},
    {PRODUCT("bf16", "bf16", ROWS, "f32", "[k, j]"),
     "tile i 32; tile j 32; tile k 2; tile k 64; order k2 j1 i1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack B j1; "
     "copy A k2"},
    {"kernel f(A: bf16[K, M], B: bf16[N, K], b: f32[N]) -> C: bf16[M, N] { T[i, j] = sum(k) f32(A[k, i]) * f32(B[j, "
     "k])\n C[i, j] = bf16(max(T[i, j] + b[j], 0)) }",
     "tile i 32; tile j 32; tile k 2; order j1 i1 i0 k1 j0 k0; vector j0; tensorize amx k0; pack B j1; pack A i1"},
    {"kernel f(A: u8[M, K], B: u8[K, N], D: i32[M, N]) -> C: i32[M, N] { C[i, j] = sum(k) i32(A[i, k]) * i32(B[k, j]) "
     "from D[i, j] }",
     "tile i 48; tile j 16; tile k 4; order j1 i1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack B j1; copy A i1"},
    {"kernel f(A: i8[M, K], B: i8[K, N], s: f32[N]) -> C: i8[M, N] { T[i, j] = sum(k) i32(A[i, k]) * i32(B[k, j])\n"
     " C[i, j] = i8(max(min(f32(T[i, j]) * s[j], 127), -128)) }",
     "tile i 32; tile j 32; tile k 4; tile k 128; order i1 k2 j1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack B j1; "
     "copy A k2"},
    {"kernel f(X: bf16[3, M, K], Y: bf16[3, K, N]) -> Z: f32[3, M, N] { Z[b, i, j] = sum(k) f32(X[b, i, k]) * f32(Y[b, "
     "k, j]) }",
     "tile i 32; tile j 32; tile k 2; order b0 j1 i1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack Y j1; copy X b0; "
     "parallel b0"},
    {PRODUCT("bf16", "bf16", ROWS, "f32", "[k, j]"),
     "tile i 32; tile j 32; tile k 2; order j1 i1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack B j1; copy A i1; "
     "parallel j1; parallel i1"},
    {"kernel f(A: bf16[M, K, 2], B: bf16[N, K, 48, 2]) -> C: f32[M, N, 48] { C[i, p, j] = sum(k, q) f32(A[i, k, q]) * "
     "f32(B[p, k, j, q]) }",
     "tile i 32; tile j 32; tile q 2; order p0 j1 i1 i0 k0 q1 j0 q0; vector j0; tensorize amx q0"},
    {"kernel f(A: u8[M, 4*K], B: i8[N, K, 64, 4], b: i32[N, 64]) -> C: i32[M, N, 64] {\n"
     " T[i, p, j] = sum(k in 0..K, q in 0..4) i32(A[i, 4*k + q]) * i32(B[p, k, j, q])\n C[i, p, j] = max(T[i, p, j] + "
     "b[p, "
     "j], 0) }",
     "tile i 16; tile j 64; tile q 4; tile k 40; order k1 p0 j1 i1 k0 i0 q1 j0 q0; vector j0; tensorize amx q0"},
    {"kernel f(A: bf16[M, K, 2], B: bf16[N, K, 64, 2]) -> C: f32[M, N, 64] { C[i, p, j] = sum(k, q) f32(A[i, k, q]) * "
     "f32(B[p, k, j, q]) }",
     "default"},
    {"kernel f(A: u8[M, K, 4], B: i8[N, K, 64, 4], s: f32[N, 64]) -> C: i8[M, N, 64] {\n"
     " T[i, p, j] = sum(k, q) i32(A[i, k, q]) * i32(B[p, k, j, q])\n"
     " C[i, p, j] = i8(max(min(f32(T[i, p, j]) * s[p, j], 127), -128)) }",
     "default"},
    {PRODUCT("bf16", "bf16", ROWS, "f32", "[k, j]"), "default"},
    {PRODUCT("i8", "i8", TURN, "i32", "[j, k]"), "default"},
    {PRODUCT("u8", "i8", ROWS, "i32", "[k, j]"), "default"},
    {"kernel f(A: u8[K, M], B: u8[K, N], s: f32[N]) -> C: i8[M, N] { T[i, j] = sum(k) i32(A[k, i]) * i32(B[k, j])\n"
     " C[i, j] = i8(max(min(f32(T[i, j]) * s[j], 127), -128)) }",
     "default"},
    {"kernel f(A: bf16[2, M, K], B: bf16[2, N, K], b: f32[N]) -> C: bf16[2, M, N] { T[h, i, j] = sum(k) f32(A[h, i, k])"
     " * f32(B[h, j, k])\n C[h, i, j] = bf16(tanh(T[h, i, j] + b[j])) }",
     "default"},
    {"kernel f(X: u8[M, K, 8], F: i8[N, 3, 8]) -> Y: i32[M, K - 2, N] { for y in 0..M, x in 0..K - 2, n in 0..N:\n"
     " Y[y, x, n] = sum(r, c) i32(X[y, x + r, c]) * i32(F[n, r, c]) }",
     "default"},
    {"kernel f(A: bf16[M, K], B: bf16[K, N], R: f32[M, N]) -> C: f32[M, N] { T[i, j] = sum(k) f32(A[i, k]) * f32(B[k, "
     "j])\n C[i, j] = T[i, j] + R[i, j] }",
     "default"},
};
enum { NCASE = sizeof cases / sizeof *cases, ROUNDS = 10 };

static bool check_sizes(struct lab *b, unsigned n, uint64_t seed) {
  uint64_t r = seed;
  char dims[64];
  bool skipped;
  const char *text = cases[n].kernel;
  struct kernel *k = lab_kernel(b, text, strlen(text));
  struct sched s;
  ck_assert_msg(k != NULL, "%s", lab_messages(b));
  int d[3];
  for (int i = 0; i < 3; i++) {
    uint64_t x = lab_random(&r);
    d[i] = 1 + (int)(x % (lab_random(&r) % 3 ? 90 : 9));
  }
  if (lab_random(&r) % 3 == 0) d[2] = 64 * (d[2] % 3 + 1);
  snprintf(dims, sizeof dims, "M=%d,N=%d,K=%d", d[0], d[1], d[2]);
  b->o.threads = 1 + (unsigned)(lab_random(&r) % 2);
  struct groups *gs = lab_groups(b, lab_random(&r) % 2 ? lab_fixed(b, k, dims) : k, true);
  ck_assert_msg(gs && gs->n == 1, "%s", lab_messages(b));
  ck_assert_msg(lab_sched(b, gs, 0, cases[n].sched, &s), "%s", lab_messages(b));
  const char *why = lab_check(b, k, gs, &s, dims, seed, &skipped);
  ck_assert_msg(!why, "%s at %s: %s", text, dims, why);
  return !skipped;
}

START_TEST(odd_sizes) {
  struct lab b;
  amx_lab();
  lab_open(&b, 64);
  unsigned ran = 0;
  unsigned long before = amx_count();
  for (unsigned i = 0; i < ROUNDS; i++) ran += check_sizes(&b, (unsigned)_i, (uint64_t)_i * 100 + i);
  ck_assert_uint_ge(ran, ROUNDS / 2);
  ck_assert_msg(amx_native() || amx_count() - before >= ROUNDS, "%lu products", amx_count() - before);
  lab_close(&b);
}
END_TEST

/* ---- the emulation ---- */

static sigjmp_buf out;

static void leave(int sig) {
  siglongjmp(out, sig);
}

static void emulate(void) {
  struct sigaction a = {.sa_sigaction = amx_illegal, .sa_flags = SA_NODEFER | SA_SIGINFO};
  amx_refused = leave;
  if (!amx_native()) sigaction(SIGILL, &a, NULL);
}

#define TILES __attribute__((target("amx-tile,amx-int8,amx-bf16")))
enum { M = 3, N = 5, K = 7 }; /* rows; columns; steps of the reduction */

static void shape(unsigned char c[64], unsigned tile, unsigned rows, unsigned bytes) {
  c[0] = 1;
  c[16 + 2 * tile] = (unsigned char)bytes;
  c[48 + tile] = (unsigned char)rows;
}

/* tmm5 += tmm2 * tmm7, with rows of A and C 64 bytes apart; addresses in every kind of register. */
TILES static void product(const char *insn, const unsigned char *config, const void *a, const void *b, void *c,
                          unsigned char *stored) {
  register const void *at __asm__("r12") = a;
  register long half __asm__("r9") = 32;
  __asm__ volatile("ldtilecfg (%0)" ::"r"(config) : "memory");
  __asm__ volatile("tileloadd (%0,%1,2), %%tmm2" ::"r"(at), "r"(half) : "memory");
  __asm__ volatile("tileloaddt1 -4096(%0,%1,1), %%tmm7" ::"r"((const char *)b + 4096), "r"(64L) : "memory");
  __asm__ volatile("tileloadd 16(%0,%1,8), %%tmm5" ::"r"((char *)c - 16), "r"(8L) : "memory");
  if (!strcmp(insn, "tdpbf16ps")) __asm__ volatile("tdpbf16ps %%tmm7, %%tmm2, %%tmm5" ::: "memory");
  if (!strcmp(insn, "tdpbssd")) __asm__ volatile("tdpbssd %%tmm7, %%tmm2, %%tmm5" ::: "memory");
  if (!strcmp(insn, "tdpbsud")) __asm__ volatile("tdpbsud %%tmm7, %%tmm2, %%tmm5" ::: "memory");
  if (!strcmp(insn, "tdpbusd")) __asm__ volatile("tdpbusd %%tmm7, %%tmm2, %%tmm5" ::: "memory");
  if (!strcmp(insn, "tdpbuud")) __asm__ volatile("tdpbuud %%tmm7, %%tmm2, %%tmm5" ::: "memory");
  __asm__ volatile("sttilecfg (%0)" ::"r"(stored) : "memory");
  __asm__ volatile("tilestored %%tmm5, (%0,%1,1)" ::"r"(c), "r"(64L) : "memory");
  __asm__ volatile("tilerelease" ::: "memory");
}

static void operands(unsigned char config[64]) {
  memset(config, 0, 64);
  shape(config, 2, M, 4 * K);
  shape(config, 7, K, 4 * N);
  shape(config, 5, M, 4 * N);
}

START_TEST(bytes) {
  static const char *const insn[] = {"tdpbssd", "tdpbsud", "tdpbusd", "tdpbuud"};
  unsigned char config[64], stored[64], a[16 * 64], b[16 * 64];
  int32_t c[16 * 16], was[16 * 16];
  uint64_t r = (uint64_t)_i;
  emulate();
  operands(config);
  for (unsigned i = 0; i < sizeof a; i++) a[i] = (unsigned char)lab_random(&r), b[i] = (unsigned char)lab_random(&r);
  for (unsigned i = 0; i < 256; i++) was[i] = c[i] = (int32_t)lab_random(&r);
  product(insn[_i], config, a, b, c, stored);
  ck_assert(!memcmp(config, stored, 64) && !amx_in_use());
  for (unsigned m = 0; m < 16; m++)
    for (unsigned n = 0; n < 16; n++) {
      uint32_t want = (uint32_t)was[16 * m + n];
      for (unsigned k = 0; k < 4 * K && m < M && n < N; k++) {
        int x = a[64 * m + k], y = b[64 * (k / 4) + 4 * n + k % 4];
        want += (uint32_t)((insn[_i][4] == 's' ? (signed char)x : x) * (insn[_i][5] == 's' ? (signed char)y : y));
      }
      ck_assert_uint_eq((uint32_t)c[16 * m + n], want);
    }
}
END_TEST

/* Even parts, odd parts, both, then what was there; what is smaller than a normal number is 0. */
START_TEST(halves) {
  unsigned char config[64], stored[64];
  uint16_t a[16][32] = {{0}}, b[16][32] = {{0}};
  float c[16][16] = {{0}};
  emulate();
  operands(config);
  a[0][0] = 0x4b80, b[0][0] = 0x3f80; /* 2^24 */
  a[0][1] = 0x3f80, b[0][1] = 0x3f80; /* 1 */
  a[0][3] = 0x3f80, b[1][1] = 0x3f80; /* 1: together 2, which is not lost in 2^24 */
  a[1][0] = 0x0040, b[0][2] = 0x7f00; /* no normal number */
  c[0][0] = -16777216;
  c[2][1] = 1e-40f;
  product("tdpbf16ps", config, a, b, c, stored);
  ck_assert(c[0][0] == 2 && c[1][1] == 0 && c[2][1] == 0);
}
END_TEST

TILES static void wrong(unsigned n) {
  static unsigned char c[64], far[128];
  memset(c, 0, 64);
  shape(c, 0, 16, 64), shape(c, 1, 16, 64), shape(c, 2, 8, 64), shape(c, 3, 16, 64);
  if (n == 1) c[17 + 2 * 3] = 1;
  if (n == 2) c[48 + 4] = 1;
  if (n == 3) c[40] = 1;
  if (n == 4) c[0] = 2;
  if (n) __asm__ volatile("ldtilecfg (%0)" ::"r"(c) : "memory");
  if (n == 0) __asm__ volatile("tilezero %tmm0");
  if (n == 5) __asm__ volatile("tilezero %tmm6");
  if (n == 6) __asm__ volatile("tdpbssd %tmm2, %tmm1, %tmm0");
  if (n == 7) __asm__ volatile(".byte 0xc4, 0xe2, 0x70, 0x5e, 0xc1"); /* tdpbuud %tmm1, %tmm1, %tmm0 */
  if (n == 8) __asm__ volatile("tilerelease; tileloadd (%0,%1,1), %%tmm0" ::"r"(far), "r"(64L) : "memory");
  if (n == 9) __asm__ volatile("ud2");
}

START_TEST(refusals) {
  static const char *const want[] = {
      "tilezero: tiles are not configured",     "ldtilecfg: a shape that no tile has",
      "ldtilecfg: a shape that no tile has",    "ldtilecfg: reserved bytes, or more than 8 tiles",
      "ldtilecfg: a palette that there is not", "tilezero: a tile without a shape",
      "tdpbssd: shapes that do not fit",        "tdpbuud: a tile twice",
      "tileloadd: tiles are not configured",    "SIGILL: no instruction of AMX"};
  if (amx_native()) return;
  emulate();
  if (!sigsetjmp(out, 1)) {
    wrong((unsigned)_i);
    ck_abort_msg("not refused: %s", want[_i]);
  }
  ck_assert_str_eq(amx_why(), want[_i]);
}
END_TEST

/* ---- machine code, and who gets it ---- */

static unsigned count(const char *text, const char *word) {
  unsigned n = 0;
  for (const char *p = text; (p = strstr(p, word)); p += strlen(word)) n++;
  return n;
}

static char *assembly(struct lab *b, const char *text, const char *cpu, const char *dims) {
  struct target t;
  struct lfunc *f;
  struct buf code;
  const char *why = "";
  ck_assert_int_eq(target_resolve(b->a, "x86_64-unknown-linux-gnu", cpu, &t, b->d), ST_OK);
  struct groups *gs = lab_groups(b, lab_fixed(b, lab_kernel(b, text, strlen(text)), dims), true);
  struct sched s = sched_default(gs, 0, &t.limits, &b->o);
  ck_assert_msg(lower_kernel(b->a, gs, &s, &t.limits, &b->o, "f", &f, &why) == ST_OK, "%s", why);
  struct emit_entry e = {.k = f->k, .general = f};
  struct emit_opts o = {.kind = EMIT_ASM, .pic = true};
  buf_init(&code);
  ck_assert_msg(emit_module(b->a, &e, 1, &t, &o, false, &code, &why) == ST_OK, "%s", why);
  char *copy = arena_strdup(b->a, code.data);
  buf_free(&code);
  return copy;
}

/* Whole blocks load each operand once, and configure once. */
START_TEST(machine_code) {
  static const struct {
    const char *kernel, *dims, *insn;
    unsigned products, configs;
  } code[] = {
      {PRODUCT("bf16", "bf16", ROWS, "f32", "[k, j]"), "M=256,N=256,K=256", "tdpbf16ps", 4, 1},
      {PRODUCT("bf16", "bf16", TURN, "f32", "[j, k]"), "M=512,N=96,K=1024", "tdpbf16ps", 4, 1},
      {PRODUCT("u8", "i8", ROWS, "i32", "[k, j]"), "M=64,N=256,K=512", "tdpbusd", 4, 1},
      {PRODUCT("i8", "u8", ROWS, "i32", "[k, j]"), "M=64,N=256,K=512", "tdpbsud", 4, 1},
      {PRODUCT("i8", "i8", ROWS, "i32", "[k, j]"), "M=64,N=256,K=512", "tdpbssd", 4, 1},
      {PRODUCT("u8", "u8", ROWS, "i32", "[k, j]"), "M=64,N=16,K=512", "tdpbuud", 4, 1},
      {PRODUCT("bf16", "bf16", ROWS, "f32", "[k, j]"), "M=16,N=256,K=256", "tdpbf16ps", 4, 1},
      {PRODUCT("bf16", "bf16", ROWS, "f32", "[k, j]"), "M=2,N=256,K=256", "tdpbf16ps", 4, 3},
      {PRODUCT("bf16", "bf16", ROWS, "f32", "[k, j]"), "M=1,N=256,K=256", "tdpbf16ps", 0, 0},
      {PRODUCT("i16", "i16", ROWS, "i32", "[k, j]"), "M=64,N=256,K=256", "tdp", 0, 0},
  };
  struct lab b;
  lab_open(&b, 64);
  for (unsigned i = 0; i < sizeof code / sizeof *code; i++) {
    char *text = assembly(&b, code[i].kernel, "sapphirerapids", code[i].dims);
    bool small = strstr(code[i].dims, "M=16,") || strstr(code[i].dims, "M=2,") || strstr(code[i].dims, "N=16,");
    unsigned loads = !code[i].products ? 0 : small ? 5 : 4;
    ck_assert_msg(count(text, code[i].insn) == code[i].products && count(text, "tileloadd") == loads &&
                      count(text, "tilestored") == code[i].products && count(text, "ldtilecfg") == code[i].configs &&
                      count(text, "tilerelease") == (code[i].products > 0),
                  "%s at %s:\n%.6000s", code[i].insn, code[i].dims, text);
  }
  ck_assert_uint_eq(count(assembly(&b, code[0].kernel, "znver5", code[0].dims), "tile"), 0);
  lab_close(&b);
}
END_TEST

int main(void) {
  Suite *s = suite_create("amx");
  TCase *t = tcase_create("amx");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, bytes, 0, 4);
  tcase_add_test(t, halves);
  tcase_add_loop_test(t, refusals, 0, 10);
  tcase_add_test(t, machine_code);
  tcase_add_loop_test(t, odd_sizes, 0, NCASE);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
