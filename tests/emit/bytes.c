/* Small integers on lanes: bits of bytes as matrices, pixels taken apart and put together in vectors of their own type,
   tables that all lanes share; short rows, where every tile is cut. Compiled by the default schedule at odd sizes for
   several machines against interpreted, and what the machine code must have. */
#include "tests/emit/compiled.h"
#include "tests/suite.h"
#include <stdio.h>
#include <string.h>

static const struct sample {
  const char *kernel, *insn; /* what the code for the newest machine has */
} samples[] = {
    {"kernel f(p: u8[N, M]) -> q: u8[N, M] { q[i, j] = (p[i, j] & 170) >> 1 | (p[i, j] & 85) << 1 }", "gf2p8affineqb"},
    {"kernel f(p: u8[N, M]) -> q: u8[N, M] { q[i, j] = ((p[i, j] ^ p[i, j] >> 4) & 15 ^ 6) + 192 }", "gf2p8affineqb"},
    {"kernel f(p: i8[N, M]) -> q: i8[N, M] { q[i, j] = not(p[i, j] >> 2 ^ p[i, j] << 3) ^ 77 }", "gf2p8affineqb"},
    {"kernel f(p: u8[N, M], s: u8[M]) -> q: u8[N, M] { q[i, j] = (p[i, j] << 2 | p[i, j] >> 7) & s[j] >> 1 }",
     "gf2p8affineqb"},
    {"kernel f(p: u8[N, M]) -> q: u8[N, M] { q[i, j] = (p[i, j] << 1) + (p[i, j] & 3) }", "vpaddb"}, /* carries */
    {"kernel f(p: u8[N, M]) -> q: u8[N, M] { q[i, j] = u8(i8(p[i, j]) >> 3) & 59 | 4 }", "gf2p8affineqb"},
    {"kernel f(p: u16[N, M]) -> q: u8[N, M, 3] {\n q[i, j, 0] = u8(p[i, j] >> 11) << 3\n q[i, j, 1] = u8(p[i, j] >> 5) "
     "<< 2\n q[i, j, 2] = u8(p[i, j]) << 3 }",
     "vpermt2b\t%zmm"},
    {"kernel f(p: u8[N, M, 3]) -> q: u16[N, M] { q[i, j] = u16(p[i, j, 0] >> 3) << 11 | u16(p[i, j, 1] >> 2) << 5 | "
     "u16(p[i, j, 2] >> 3) }",
     "%zmm"},
    {"kernel f(p: u8[N, M], t: u8[8]) -> q: u8[N, M] { q[i, j] = select(p[i, j] > t[i64(i32(i) & 7)], 255, 0) }",
     "vpcmpltub"},
    {"kernel f(p: u8[N, M, 8]) -> q: u8[N, M] { q[i, j] = or(b) u8(p[i, j, b] != 0) << u8(b) }", "vpermt2b\t%zmm"},
    {"kernel f(p: u8[N, M, 4]) -> q: u8[M, N] { q[j, i] = p[i, j, 0] + p[i, j, 2] }", "%zmm"},
    {"kernel f(p: i16[N, M, 4]) -> q: i16[N, M], r: i16[N, M] {\n q[i, j] = p[i, j, 1] + p[i, j, 3]\n r[i, j] = p[i, "
     "j, "
     "2] - p[i, j, 0] }",
     "vpermt2w\t%zmm"},
    {"kernel f(p: u8[N, M]) -> q: u8[N, M] { q[i, j] = p[i, M - 1 - j] + 1 }", "vpermb"},
    {"kernel f(p: i16[N, M]) -> q: i16[N, M] { q[i, M - 1 - j] = p[i, j] * 3 }", "vpermw"},
    {"kernel f(p: u8[N, M]) -> q: u8[M, N] { q[j, N - 1 - i] = p[i, j] }", "vpunpcklbw\t%zmm"},
    {"kernel f(inout p: i16[N, M]) { for i, j in 0..M - 3: p[i, M - 1 - j] = p[i, M - 4 - j] }", "vmovdqu"},
    {"kernel f(p: f32[N, M]) -> q: i16[N, M], r: i32[N, M] {\n q[i, j] = i16(p[i, j] * 65536.0)\n r[i, j] = i32(p[i, "
     "j] "
     "* 4294967296.0) }",
     "vcvttps2dq\t%zmm"},
    {"kernel f(p: f32[N, M]) -> q: i8[N, M], r: i64[N, M] {\n q[i, j] = i8(p[i, j] * 512.0)\n r[i, j] = i64(p[i, j] * "
     "18446744073709551616.0) }",
     "vcvttps2qq"},
    {"kernel f(p: u8[N, M], t: i32) -> q: u8[N, M] { q[i, j] = u8(i32(p[i, j]) / t * t) }", "vdivpd\t%zmm"},
    {"kernel f(p: i16[N, M], t: i16[M]) -> q: i16[N, M] { q[i, j] = p[i, j] % t[j] }", "vdivps\t%zmm"},
    {"kernel f(p: u32[N, M], t: u32[M]) -> q: u32[N, M] { q[i, j] = p[i, j] / (t[j] & 31) + p[i, j] % t[j] }",
     "vdivpd"},
    {"kernel f(g: u8[N, M]) -> p: u8[N, M, 3] {\n p[i, j, 2] = g[i, j]\n p[i, j, 1] = p[i, j, 2]\n p[i, j, 0] = p[i, "
     "j, "
     "1] + 1 }",
     "vpermt2b\t%zmm"},
    {"kernel f(s: u8[N, M, 3]) -> d: u8[N, M, 3] {\n d[i, j, 0] = s[i, M - 1 - j, 0]\n d[i, j, 1] = s[i, M - 1 - j, "
     "1]\n "
     "d[i, j, 2] = s[i, M - 1 - j, 2] }",
     "vpermt2b\t%zmm"},
    {"kernel f(p: u8[N, M], q: u8[N, M]) -> s: u32[N] { s[i] = sum(j) u32(abs(i32(p[i, j]) - i32(q[i, j]))) }",
     "vpsadbw\t"},
    {"kernel f(p: u8[N, M]) -> s: i64[N] { s[i] = sum(j) i64(p[i, j]) }", "vpsadbw\t"},
    {"kernel f(p: u8[N, M], t: i32) -> s: i32[N] { s[i] = sum(j) i32(i32(p[i, j]) > t) }", "vpcmp"},
    {"kernel f(p: u8[N, M], q: u8[N, M]) -> s: i32[N] {\n s[i] = sum(j) (i32(p[i, j]) - i32(q[i, j])) * (i32(p[i, j]) "
     "- "
     "i32(q[i, j])) }",
     "vpdpwssd\t"},
    {"kernel f(p: i16[N, M], q: u8[M]) -> s: i32[N] { s[i] = sum(j) i32(p[i, j]) * i32(q[j]) }", "vpdpwssd\t"},
    {"kernel f(p: i16[N, M]) -> s: u32[N], t: i32[N] {\n s[i] = sum(j) u32(p[i, j])\n t[i] = sum(j) abs(i32(p[i, j])) "
     "}",
     "vpdpwssd\t"},
    {"kernel f(p: i8[N, M], q: u8[N, M]) -> s: i32[1], t: i32[1] {\n s[0] = sum(i, j) i32(p[i, j]) * i32(q[i, j])\n "
     "t[0] = sum(i, j) i32(p[i, j]) }",
     "vpdpbusd\t"},
    {"kernel f(p: u8[N, M], t: i32) -> q: u8[N, M], r: u8[N, M] {\n q[i, j] = select(i32(p[i, j]) > t, 255, 0)\n r[i, "
     "j] "
     "= select(i32(p[i, j]) <= t, p[i, j], select(t == i32(p[i, j]), 7, 9)) }",
     "vpcmp"},
    {"kernel f(p: f32[N, M]) -> q: i8[N, M], r: u8[N, M] {\n q[i, j] = i8(max(min(i32(rint(p[i, j] * 64.0)), 100), "
     "-127))\n "
     "r[i, j] = u8(min(max(p[i, j] * 128.0, 3), 250) + 0.5) }",
     "vcvtps2dq\t%zmm"},
    {"kernel f(p: f32[N, M]) -> q: i16[N, M], r: i64[N, M] {\n q[i, j] = i16(i64(p[i, j] * 262144.0))\n r[i, j] = "
     "i64(rint(p[i, j] * 18446744073709551616.0)) }",
     "vcvtps2qq\t"},
    {"kernel f(p: f64[N, M]) -> q: i32[N, M], r: u8[N, M] {\n q[i, j] = i32(rint(p[i, j] * 2147483648.0))\n r[i, j] = "
     "u8(i32(round(p[i, j] * 8589934592.0))) }",
     "vcvtpd2dq\t"},
    {"kernel f(p: f32[N, M]) -> q: u8[N, M], r: i8[N, M], s: i32[N, M] {\n q[i, j] = u8(fmin(fmax(p[i, j] * 64.0, "
     "0), "
     "255) + 0.5)\n r[i, j] = i8(round(p[i, j] * 256.0))\n s[i, j] = i32(round(p[i, j])) }",
     "vcvttps2dq\t%zmm"},
    {"kernel f(a: u8[N, M], b: u8[N, M], w: i32) -> q: u8[N, M] { q[i, j] = u8(i32(a[i, j]) + ((i32(b[i, j]) - "
     "i32(a[i, "
     "j])) * w >> 8)) }",
     "vpmullw"},
    {"kernel f(a: i16[N, M], b: i16[N, M]) -> q: i16[N, M], r: i16[N, M] {\n q[i, j] = i16(min(max(i32(a[i, j]) + "
     "i32(b[i, "
     "j]), -32768), 32767))\n r[i, j] = i16(max(min(i32(a[i, j]) - i32(b[i, j]), 32767), -32768)) }",
     "vpsubsw\t"},
    {"kernel f(a: i8[N, M]) -> q: i8[N, M] { q[i, j] = i8(min(max(i32(a[i, j]) - 100, -128), 127)) }", "%zmm"},
    {"kernel f(b: u16[N, M]) -> r: u16[N, M] { r[i, j] = u16(min(u32(b[i, j]) + u32(b[i, 0]), 65535)) }", "vpaddusw\t"},
    {"kernel f(c: u8[N, M]) -> s: u8[N, M] { s[i, j] = u8(max(i32(c[i, j]) - i32(c[i, 0]), 0)) }", "vpsubusb\t"},
};
static const char *const cpus[] = {"native", "alderlake", "haswell", "x86-64-v2"};
enum { NSAMPLE = sizeof samples / sizeof *samples, NCPU = sizeof cpus / sizeof *cpus, ROUNDS = 6 };

START_TEST(odd_sizes) {
  struct lab b;
  struct target t;
  bool ran = false;
  uint64_t r = (uint64_t)_i + 1;
  const char *text = samples[_i % NSAMPLE].kernel;
  lab_open(&b, 64);
  ck_assert_int_eq(target_resolve(b.a, "host", cpus[_i / NSAMPLE], &t, b.d), ST_OK);
  b.lim = t.limits;
  compiled_cpu = cpus[_i / NSAMPLE];
  for (unsigned i = 0; i < ROUNDS; i++) {
    const char *dims = arena_printf(b.a, "N=%d,M=%d", 1 + (int)(lab_random(&r) % 20), 1 + (int)(lab_random(&r) % 400));
    const char *why = compiled_default(&b, text, dims, (uint64_t)_i * 100 + i, &ran);
    ck_assert_msg(!why, "%s at %s for %s: %s", text, dims, compiled_cpu, why);
  }
  ck_assert(ran || !t.host);
  lab_close(&b);
}
END_TEST

START_TEST(machine_code) {
  struct lab b;
  lab_open(&b, 64);
  char *text = compiled_text(&b, samples[_i].kernel, "znver5", "N=64,M=640");
  ck_assert_msg(compiled_count(text, samples[_i].insn) >= 1, "no %s:\n%.6000s", samples[_i].insn, text);
  lab_close(&b);
}
END_TEST

/* Four elements of each of 64 pixels: two levels of four shuffles. */
START_TEST(halves) {
  struct lab b;
  lab_open(&b, 64);
  char *text = compiled_text(
      &b, "kernel f(p: u8[N, 4]) -> q: u8[N] { q[i] = (p[i, 0] & p[i, 1]) + (p[i, 2] & p[i, 3]) }", "znver5", "N=64");
  unsigned n = compiled_count(text, "vpermt2b") + compiled_count(text, "vpermi2b") + compiled_count(text, "vpmovwb");
  ck_assert_msg(n <= 8, "%u:\n%.6000s", n, text);
  lab_close(&b);
}
END_TEST

int main(void) {
  Suite *s = suite_create("bytes");
  TCase *t = tcase_create("bytes");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, odd_sizes, 0, NSAMPLE * NCPU);
  tcase_add_loop_test(t, machine_code, 0, NSAMPLE);
  tcase_add_test(t, halves);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
