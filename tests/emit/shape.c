/* The machine code of a register tile: its innermost loop has no memory operand on the stack, at most one broadcast a
   row and one load a vector of B, and nothing is called; a tile whose last vector is cut costs no more. On every CPU
   with enough registers, whose scheduling models differ. */
#include "tests/emit/rig.h"
#include "tests/suite.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tile_text(struct buf *b, unsigned rows, unsigned vecs, unsigned lanes, bool fixed, unsigned cut) {
  unsigned w = vecs * lanes - cut;
  buf_printf(
      b,
      "func tile reassoc {\n sym K, L, k, i, j, v\n param K: i64 dim K\n param L: i64 dim L\n param A: f32 tensor A "
      "const\n param B: f32 tensor B const\n"
      " param C: f32 tensor C\n tensor A: f32[%u, %s] in\n tensor B: f32[K, %u] in\n tensor C: f32[%u, %u] inout\n",
      rows, fixed ? "512" : "L", w, rows, w);
  buf_printf(b, " object c: f32[%u, %u] reg\n alloc c {\n", rows, vecs * lanes);
  char bound[24] = "";
  if (cut) snprintf(bound, sizeof bound, ", %u", w);
  for (int phase = 0; phase < 3; phase++) {
    if (phase == 1) buf_puts(b, "  for k in 0 .. K {");
    buf_printf(b, "  for i in 0 .. %u unroll { for j in 0 .. %u step %u unroll { for v in j .. j + %u%s vector %u {\n",
               rows, w, lanes, lanes, bound, lanes);
    buf_puts(b, phase == 0   ? "   c[i, v] = C[i, v]"
                : phase == 1 ? "   c[i, v] sum= A[i, k] * B[k, v]"
                             : "   C[i, v] = c[i, v]");
    buf_puts(b, phase == 1 ? " } } } }\n" : " } } }\n");
  }
  buf_puts(b, " }\n}\n");
}

struct loop {
  unsigned fma, load, broadcast, stack, call, instr;
};

/* The backward branch with the most fused multiply-adds after its label. */
static struct loop inner_loop(char *text) {
  char *line[20000];
  unsigned n = 0;
  for (char *p = strtok(text, "\n"); p && n < 20000; p = strtok(NULL, "\n")) line[n++] = p;
  struct loop best = {0};
  for (unsigned i = 0; i < n; i++) {
    const char *label = strstr(line[i], "\t.LBB");
    if (line[i][0] != '\t' || line[i][1] != 'j' || !label) continue;
    for (unsigned k = i; k-- > 0;) {
      size_t len = strlen(label + 1);
      if (strncmp(line[k], label + 1, len) != 0 || line[k][len] != ':') continue;
      struct loop l = {0};
      for (unsigned x = k + 1; x < i; x++) {
        l.instr++;
        l.fma += strstr(line[x], "vfmadd") != NULL;
        l.load += strstr(line[x], "vmovup") != NULL;
        l.broadcast += strstr(line[x], "vbroadcast") != NULL;
        l.stack += strstr(line[x], "%rsp") || strstr(line[x], "%rbp");
        l.call += strstr(line[x], "\tcall") != NULL;
      }
      if (l.fma > best.fma) best = l;
      break;
    }
  }
  return best;
}

static const struct tile {
  const char *cpu;
  unsigned rows, vecs, lanes;
  bool fixed;
  unsigned cut; /* lanes of the last vector */
} tiles[] = {
    {"znver5", 6, 4, 16, false, 0},         {"znver5", 6, 4, 16, true, 0},
    {"znver5", 8, 3, 16, true, 0},          {"znver5", 14, 2, 16, true, 0},
    {"sapphirerapids", 6, 4, 16, false, 0}, {"sapphirerapids", 6, 4, 16, true, 0},
    {"sapphirerapids", 14, 2, 16, true, 0}, {"znver4", 6, 4, 16, false, 0},
    {"x86-64-v4", 6, 4, 16, true, 0},       {"haswell", 6, 2, 8, true, 0},
    {"x86-64-v3", 4, 3, 8, true, 0},        {"znver5", 12, 2, 16, true, 8},
    {"sapphirerapids", 6, 4, 16, true, 5},  {"haswell", 4, 2, 8, true, 4},
};

START_TEST(no_stack) {
  const struct tile *t = &tiles[_i];
  struct rig r;
  struct buf b, s;
  rig_open(&r, t->cpu);
  buf_init(&b), buf_init(&s);
  tile_text(&b, t->rows, t->vecs, t->lanes, t->fixed, t->cut);
  uint16_t file = diag_file(r.d, "test", b.data, b.len);
  ck_assert_int_eq(lfunc_parse(r.a, r.d, file, b.data, b.len, &r.f), ST_OK);
  ck_assert(lfunc_verify(r.f, r.d));
  rig_emit(&r, EMIT_ASM, &s);
  struct loop l = inner_loop(s.data);
  ck_assert_uint_eq(l.fma, t->rows * t->vecs);
  ck_assert_uint_eq(l.stack, 0);
  ck_assert_uint_eq(l.call, 0);
  ck_assert_uint_le(l.load, t->vecs);
  ck_assert_uint_le(l.broadcast, t->rows);
  ck_assert_uint_le(l.instr, l.fma + t->vecs + t->rows + 4);
  buf_free(&b), buf_free(&s);
  rig_close(&r);
}
END_TEST

int main(void) {
  Suite *s = suite_create("emit-shape");
  TCase *t = tcase_create("shape");
  tcase_add_loop_test(t, no_stack, 0, sizeof tiles / sizeof *tiles);
  tcase_set_timeout(t, 60);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
