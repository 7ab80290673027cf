/* Interleaved elements (codegen/emit/weave.c), compiled against interpreted, between guard pages: nothing beyond what
   the lanes read may be loaded, and stores that wait are seen by what reads them. */
#include "tests/emit/rig.h"
#include "tests/suite.h"
#include <stdlib.h>
#include <string.h>

static const struct woven {
  const char *type;
  unsigned lanes;
  const char *x, *y,
      *body;      /* extents; the statements of the vector loop, or of %c, an unrolled loop over c around it */
  unsigned count; /* of the unrolled loop; 0: there is none */
} cases[] = {
    {"f32", 16, "2*N", "2*N", "Y[2*v] = X[2*v] * X[2*v] - X[2*v + 1]  Y[2*v + 1] = X[2*v] * X[2*v + 1]", 0},
    {"f64", 2, "2*N", "2*N", "Y[2*v] = X[2*v + 1]  Y[2*v + 1] = X[2*v]", 0},
    {"f32", 8, "2*N", "2*N", "Y[2*v] = Y[2*v] + X[2*v]  Y[2*v + 1] = Y[2*v + 1] - X[2*v]", 0},
    {"f32", 8, "N", "2*N", "Y[2*v] = X[v]  Y[2*v + 1] = Y[2*v] + 1", 0},
    {"f32", 8, "N", "2*N", "Y[2*v + 1] = Y[2*v]  Y[2*v] = X[v]", 0},
    {"i32", 16, "2*N", "2*N", "Y[2*v] = X[2*v]  Y[2*v] = X[2*v + 1]  Y[2*v + 1] = X[2*v]", 0},
    {"i32", 16, "2*N", "2*N", "Y[2*v] = X[2*v]  Y[2*v + 1] sum= X[2*v + 1]", 0},
    {"i32", 16, "2*N", "2*N", "Y[2*v] = X[2*v]  Y[2*v + 1] = (X[2*v + 1] if N - v - 9 >= 0 else 3)", 0},
    {"f32", 16, "2*N - 1", "N", "Y[v] = X[2*v]", 0},
    {"f32", 16, "2*N", "N", "Y[v] = X[2*v + 1]", 0},
    {"f32", 16, "2*N + 1", "N", "Y[v] = X[2*v] + X[2*v + 1] * 2 + X[2*v + 2]", 0},
    {"f32", 4, "2*N + 3", "N", "Y[v] = X[2*v] + X[2*v + 4]", 0},
    {"u8", 16, "3*N", "N", "Y[v] = X[3*v] * 3 + X[3*v + 1] * 5 + X[3*v + 2]", 0},
    {"u8", 64, "3*N", "N", "Y[v] = X[3*v + 2] - X[3*v]", 0},
    {"u8", 32, "4*N", "4*N",
     "Y[4*v + 3] = X[4*v]  Y[4*v + 1] = X[4*v + 1]  Y[4*v] = X[4*v + 2]  Y[4*v + 2] = X[4*v + 3]", 0},
    {"u8", 16, "3*N", "3*N", "Y[3*v] = X[3*v + 2]  Y[3*v + 2] = X[3*v]  Y[3*v + 1] = X[3*v + 1]", 0},
    {"i16", 32, "5*N", "N", "Y[v] = X[5*v + 4] + X[5*v]", 0},
    {"i64", 8, "6*N", "6*N",
     "Y[6*v] = X[6*v + 5]  Y[6*v + 1] = X[6*v + 4]  Y[6*v + 2] = X[6*v + 3]  Y[6*v + 3] = X[6*v + 2]  Y[6*v + 4] = 1  "
     "Y[6*v + 5] = X[6*v]",
     0},
    {"f64", 8, "7*N", "N", "Y[v] = X[7*v + 1] * X[7*v + 3]", 0},
    {"f32", 16, "8*N", "N", "Y[v] = X[8*v + 7]", 0},
    {"f32", 16, "9*N", "N", "Y[v] = X[9*v + 8]", 0},
    {"f32", 16, "N", "3*N", "Y[3*v] = X[v]  Y[3*v + 1] = X[v]", 0},
    {"f32", 16, "N", "2*N", "Y[2*v] = X[v]", 0},
    {"i32", 16, "N", "N", "Y[N - 1 - v] = X[v]", 0},
    {"i16", 16, "N", "N", "Y[v] = X[N - 1 - v] + 1", 0},
    {"f32", 8, "2*N", "N", "Y[v] = X[2*N - 2 - 2*v] - X[2*N - 1 - 2*v]", 0},
    {"f32", 8, "3*N", "N", "Y[N - 1 - v] = X[3*N - 1 - 3*v]", 0},
    {"f32", 16, "3*N", "N", "Y[v] = select(X[3*v] > 0, X[3*v + 1], 2)", 0},
    {"bf16", 16, "2*N", "2*N", "Y[2*v] = X[2*v] + X[2*v + 1]  Y[2*v + 1] = X[2*v] - X[2*v + 1]", 0},
    {"f16", 16, "3*N", "N", "Y[v] = X[3*v + 1]", 0},
    {"bool", 16, "2*N", "2*N", "Y[2*v] = X[2*v + 1]  Y[2*v + 1] = X[2*v] != Y[2*v + 1]", 0},
    {"f32", 16, "3*N", "3*N", "Y[3*v + c] = X[c*N + v]", 3},
    {"f32", 16, "3*N", "3*N", "Y[c*N + v] = X[3*v + c]", 3},
    {"u8", 32, "4*N", "4*N", "Y[4*v + c] = X[4*v + 3 - c]", 4},
    {"f32", 8, "2*N", "4*N", "Y[4*v + 2*c] = X[2*v + c]  Y[4*v + 2*c + 1] = X[2*v + 1 - c]", 2},
    {"f32", 8, "2*N", "2*N", "Y[2*v + c] = Y[2*v + 1 - c] + X[2*v]", 2},
    {"f32", 8, "4*N", "4*N", "Y[4*v + c] = X[4*v + c]", 3},
    {"f32", 16, "N", "4*N",
     "Y[2*v] = X[v]  Y[2*v + 1] = X[v] * 2  Y[2*v + 2*N] = X[v] * 3  Y[2*v + 2*N + 1] = X[v] * 4", 0},
    {"f32", 8, "N", "4*N", "Y[2*v] = X[v]  Y[2*v + 2*N] = X[v] * 3  Y[2*v + 1] = X[v] * 2  Y[2*v + 2*N + 1] = X[v] * 4",
     0},
    {"u8", 32, "4*N", "4*N", "Y[4*v + c] = Y[4*v + c] * X[4*v + 3]", 3},
    {"u8", 32, "4*N", "4*N", "Y[4*v + c] = Y[4*v + c] + Y[4*v + 3]", 3},
    {"u8", 32, "4*N", "4*N", "Y[4*v + c] = Y[4*v + c] + Y[4*v]", 3},
    {"i16", 16, "N", "4*N", "Y[4*v + 3] = X[v]  Y[4*v + 1] = X[v] + 1", 0},
    {"f32", 8, "5*N", "5*N", "Y[5*v + 1] = X[5*v]  Y[5*v + 4] = Y[5*v + 2]", 0},
    {"u8", 32, "N", "N", "Y[v] = X[i64(i32(v) / 4)] + u8(i32(v) % 4)", 0},
    {"f32", 8, "N", "N", "Y[v] = X[v] * X[i64(i32(v) / 32)] + f32(i32(v) % 32)", 0},
    {"i16", 16, "N", "N", "Y[v] = X[i64(i32(N - 1) + (i32(v) >> 1) - i32(N - 1))] - X[v]", 0},
    {"i32", 16, "N", "N", "Y[v] = X[i64(i32(v) / 3)] + i32(v) % 3", 0},
    {"i32", 16, "N", "N", "Y[v] = X[i64(i32(v) / 16)] + i32(v) / 2", 0},
    {"f64", 4, "2*N", "N", "Y[v] = (X[i64(i32(v) / 2)] if v - 5 >= 0 else 3)", 0},
    {"bf16", 16, "3*N", "3*N", "Y[3*v + c + 1] = X[3*v] + Y[3*v]", 2},
};
enum { NCASES = sizeof cases / sizeof *cases };

static void case_text(struct buf *b, const struct woven *w, bool noalias) {
  buf_printf(
      b, "func f%s {\n sym N, i, v, c, r\n param N: i32 dim N\n param X: %s tensor X const\n param Y: %s tensor Y\n",
      noalias ? " noalias" : "", w->type, w->type);
  buf_printf(b, " tensor X: %s[%s] in\n tensor Y: %s[%s] inout\n for i in 0 .. N - %u step %u {\n", w->type, w->x,
             w->type, w->y, w->lanes - 1, w->lanes);
  if (w->count) buf_printf(b, "  for c in 0 .. %u unroll {\n", w->count);
  buf_printf(b, "  for v in i .. i + %u vector %u {\n   %s\n  }\n }%s\n}\n", w->lanes, w->lanes, w->body,
             w->count ? " }" : "");
}

static void run_case(const char *cpu, const struct woven *w, bool noalias) {
  static const int64_t count[] = {0, 1, 2, 5};
  struct rig r;
  struct buf b;
  buf_init(&b);
  case_text(&b, w, noalias);
  rig_open(&r, cpu);
  rig_load(&r, b.data);
  for (size_t i = 0; i < sizeof count / sizeof *count; i++) rig_compare(&r, &(int64_t){count[i] * w->lanes}, 0);
  rig_close(&r);
  buf_free(&b);
}

START_TEST(same_results) {
  static const char *const cpu[] = {NULL, "haswell", "x86-64-v2"};
  for (size_t c = 0; c < sizeof cpu / sizeof *cpu; c++) run_case(cpu[c], &cases[_i / 2], _i % 2);
}
END_TEST

static void asm_of(const struct woven *w, struct buf *out) {
  struct rig r;
  struct buf b;
  buf_init(&b), buf_init(out);
  case_text(&b, w, true);
  rig_open(&r, "x86-64-v4");
  rig_load(&r, b.data);
  rig_emit(&r, EMIT_ASM, out);
  rig_close(&r);
  buf_free(&b);
}

/* Whole vectors only: no gather, no scatter, no element by itself. */
START_TEST(whole_vectors) {
  static const unsigned of[] = {0, 2, 4, 8, 12, 15, 17, 23, 31, 32, 33, 37};
  struct buf out;
  asm_of(&cases[of[_i]], &out);
  static const char *const one[] = {"gather", "scatter", "vpinsr",  "vpextr",
                                    "vmovss", "vmovlps", "vmovhps", "vinsertps"};
  for (size_t i = 0; i < sizeof one / sizeof *one; i++)
    ck_assert_msg(!strstr(out.data, one[i]), "%s: %s", cases[of[_i]].body, one[i]);
  buf_free(&out);
}
END_TEST

int main(void) {
  Suite *s = suite_create("emit-weave");
  TCase *t = tcase_create("weave");
  tcase_add_loop_test(t, same_results, 0, 2 * NCASES);
  tcase_add_loop_test(t, whole_vectors, 0, 12);
  tcase_set_timeout(t, 60);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
