/* The C compiler's opinion: it agrees with what hone reads, notices when the C text says something else, and says
   nothing where it cannot know. Files are written here; the same function is read from one and compiled from another.
 */
#include "compiler/oracle.h"
#include "tests/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *worker;
static char folder[] = "/tmp/hone-oracle-XXXXXX";

#define SCALE(body)                                                                                                    \
  "#include <math.h>\nvoid f(int n, float a, const float x[n], float y[n]) {\n  for (int i = 0; i < n; i++) y[i] "     \
  "= " body ";\n}\n"
#define ROWS(body)                                                                                                     \
  "void f(int n, const int x[n][4], int y[n]) {\n  for (int i = 0; i < n; i++) {\n    int s = 0;\n"                    \
  "    for (int j = 0; j < 4; j++) s += " body ";\n    y[i] = s;\n  }\n}\n"
#define FIELD(body)                                                                                                    \
  "struct vec { int n; float *at; };\nvoid f(const struct vec *x, float a) {\n"                                        \
  "  for (int i = 0; i < x->n; i++) x->at[i] = " body ";\n}\n"

static const struct {
  const char *read, *compiled, *dims;
  enum status want;
} cases[] = {
    {SCALE("a * x[i] + 1"), SCALE("a * x[i] + 1"), "n=1000", ST_OK},
    {SCALE("sqrtf(x[i] * x[i]) - a"), SCALE("fabsf(x[i]) - a"), "n=77", ST_OK},
    {SCALE("a * x[i] + 1"), SCALE("a * x[i] + 1.0001f"), "n=1000", ST_INTERNAL},
    {SCALE("a * x[i]"), SCALE("i == n - 1 ? x[i] : a * x[i]"), "n=19", ST_INTERNAL},
    {ROWS("x[i][j]"), ROWS("x[i][3 - j]"), "n=50", ST_OK},
    {ROWS("x[i][j] * 65536 * 32768"), ROWS("x[i][j] * 65536 * 32768"), "n=50", ST_OK}, /* it wraps */
    {ROWS("x[i][j]"), ROWS("x[i][j] / 1 + (j == 3)"), "n=50", ST_INTERNAL},
    {SCALE("a * x[i]"), SCALE("a + x[i]"), "n=100000000", ST_OK}, /* too large */
    {SCALE("a * x[i]"), SCALE("a + x[i]"), NULL, ST_OK},          /* of unknown size */
    {SCALE("a * x[i]"), "not C at all", "n=10", ST_OK},           /* not compiled */
    {SCALE("a * x[i]"), SCALE("x[-4096 * 4096]"), "n=10", ST_OK}, /* not run to its end */
    {FIELD("a"), FIELD("a + 1"), "x_n=10", ST_OK},                /* its arguments are no arrays */
};

static const char *put(const char *name, const char *text) {
  static char path[2][256];
  char *p = path[name[0] == 'b'];
  snprintf(p, sizeof path[0], "%s/%s.c", folder, name);
  FILE *f = fopen(p, "w");
  ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
  return p;
}

START_TEST(opinions) {
  const char *read = put("a", cases[_i].read), *compiled = put("b", cases[_i].compiled);
  struct hone_options o = {.threads = 1, .on_miss = HONE_MISS_QUIET};
  struct tune_opts to = {.seed = 1, .measure = measure_cpu_open(worker, 10)};
  struct diag *d = diag_new();
  struct hone h;
  struct buf b;
  ck_assert_ptr_nonnull(to.measure);
  ck_assert_int_eq(hone_open(&h, read, &o, d), ST_OK);
  ck_assert_uint_eq(h.spec.n, 1);
  if (h.spec.fn[0].k) ck_assert_int_eq(oracle_check(&h, compiled, &h.spec.fn[0], cases[_i].dims, &to), cases[_i].want);
  buf_init(&b);
  diag_print(d, &b, false);
  const char *said =
      b.data ? strstr(b.data, "compiled by cc -O2 gives another result than hone's reading of it: y[") : NULL;
  ck_assert_msg(!said == (cases[_i].want == ST_OK), "%s", b.data ? b.data : "nothing");
  buf_free(&b);
  hone_close(&h);
  diag_free(d);
  to.measure->close(to.measure);
  unlink(read);
  unlink(compiled);
}
END_TEST

/* What is not C has no second opinion. */
START_TEST(not_c) {
  struct hone_options o = {.threads = 1, .on_miss = HONE_MISS_QUIET};
  struct tune_opts to = {.seed = 1};
  struct diag *d = diag_new();
  struct hone h;
  const char *path = put("a", cases[0].read);
  ck_assert_int_eq(hone_open(&h, path, &o, d), ST_OK);
  ck_assert_int_eq(oracle_check(&h, "f.hone", &h.spec.fn[0], "n=10", &to), ST_OK);
  hone_close(&h);
  diag_free(d);
  unlink(path);
}
END_TEST

int main(int argc, char **argv) {
  if (argc < 2 || !mkdtemp(folder)) return EXIT_FAILURE;
  worker = argv[1];
  Suite *s = suite_create("oracle");
  TCase *c = tcase_create("oracle");
  tcase_set_timeout(c, 60);
  tcase_add_loop_test(c, opinions, 0, sizeof cases / sizeof *cases);
  tcase_add_test(c, not_c);
  suite_add_tcase(s, c);
  int bad = suite_run(s, true);
  rmdir(folder);
  return bad;
}
