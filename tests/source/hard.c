/* Input that is meant to hurt: no text takes the process down; either it is translated or there is a diagnostic. Also:
   options, standard input, dependencies, selection of functions, places of statements, exhausted memory. */
#include "compiler/frontend/frontend.h"
#include "tests/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct frontend frontend_c;

static struct arena *arena;
static struct diag *diag;
static struct spec spec;
static struct buf text, messages;

static void setup(void) {
  arena = arena_new();
  diag = diag_new();
  buf_init(&text);
  buf_init(&messages);
}

static void teardown(void) {
  arena_free(arena);
  diag_free(diag);
  buf_free(&text);
  buf_free(&messages);
}

static enum status read_as(const char *path, const char *only, unsigned nflag, const char *const *flag) {
  struct spec_input in = {
      .path = path, .text = text.data ? text.data : "", .len = text.len, .only = only, .nflag = nflag, .flag = flag};
  in.file = diag_file(diag, path, text.data, text.len);
  enum status st = frontend_c.read(arena, diag, &in, &spec);
  diag_print(diag, &messages, false);
  return st;
}

/* A function whose only statement is y[0] = before x before … after after. */
static enum status nest(const char *before, const char *middle, const char *after, int times) {
  buf_puts(&text, "void f(float *y, const float *x) { y[0] = ");
  for (int i = 0; i < times; i++) buf_puts(&text, before);
  buf_puts(&text, middle);
  for (int i = 0; i < times; i++) buf_puts(&text, after);
  buf_puts(&text, "; }\n");
  return read_as("deep.c", NULL, 0, NULL);
}

START_TEST(test_parentheses) {
  ck_assert_int_eq(nest("(", "x[0]", ")", 100), ST_OK);
}
END_TEST

START_TEST(test_many_parentheses) {
  ck_assert_int_eq(nest("(", "x[0]", ")", 2000), ST_REFUSED);
  ck_assert_ptr_nonnull(strstr(messages.data, "bracket nesting level exceeded"));
}
END_TEST

START_TEST(test_unary_minus) {
  ck_assert_int_eq(nest("- ", "x[0]", "", 5000), ST_REFUSED);
  ck_assert_int_gt(diag_errors(diag), 0);
}
END_TEST

START_TEST(test_long_sum) {
  ck_assert_int_eq(nest("", "x[0]", " + x[1]", 100000), ST_REFUSED);
  ck_assert_int_gt(diag_errors(diag), 0);
}
END_TEST

START_TEST(test_short_sum) {
  ck_assert_int_eq(nest("", "x[0]", " + x[1]", 150), ST_OK);
}
END_TEST

START_TEST(test_nested_calls) {
  ck_assert_int_eq(nest("__builtin_sqrtf(", "x[0]", ")", 150), ST_OK);
}
END_TEST

START_TEST(test_nested_conditions) {
  enum status st = nest("x[1] > 0 ? 1 : x[2] > 0 ? 2 : ", "x[0]", "", 120);
  ck_assert(st == ST_OK || diag_errors(diag) > 0);
}
END_TEST

START_TEST(test_nested_blocks) {
  buf_puts(&text, "void f(int n, float *x) {");
  for (int i = 0; i < 200; i++) buf_puts(&text, "if (n > 0) {");
  buf_puts(&text, "x[0] = 1;");
  for (int i = 0; i < 200; i++) buf_puts(&text, "}");
  buf_puts(&text, "}");
  enum status st = read_as("blocks.c", NULL, 0, NULL);
  ck_assert(st == ST_OK || diag_errors(diag) > 0);
}
END_TEST

START_TEST(test_nested_loops) {
  buf_puts(&text, "void f(int n, float *x) {");
  for (int i = 0; i < 100; i++) buf_printf(&text, "for (int i%d = 0; i%d < n; i%d++) ", i, i, i);
  buf_puts(&text, "x[0] = 1; }");
  enum status st = read_as("loops.c", NULL, 0, NULL);
  ck_assert(st == ST_OK || diag_errors(diag) > 0);
}
END_TEST

/* Inlined helpers that double their argument: the tree must not grow by powers of two. */
START_TEST(test_doubling_helpers) {
  buf_puts(&text, "static float f0(float x) { return x * x; }\n");
  for (int i = 1; i < 40; i++)
    buf_printf(&text, "static float f%d(float x) { return f%d(f%d(x)); }\n", i, i - 1, i - 1);
  buf_puts(&text, "void g(float *y) { y[0] = f12(y[0]); }\n");
  enum status st = read_as("double.c", NULL, 0, NULL);
  ck_assert(st == ST_OK || diag_errors(diag) > 0);
}
END_TEST

START_TEST(test_huge_numbers) {
  buf_puts(&text, "void f(long n, float *x) { for (long i = 0; i < n; i++) x[i * 9000000000000000000 * 8 + n * n * n * "
                  "n * n * n * n * n] = 1; "
                  "float t[9223372036854775807 / 8]; t[0] = 1; x[0] = t[0]; }");
  enum status st = read_as("huge.c", NULL, 0, NULL);
  ck_assert(st == ST_OK || diag_errors(diag) > 0);
}
END_TEST

START_TEST(test_many_functions) {
  for (int i = 0; i < 500; i++)
    buf_printf(&text, "void f%d(int n, float *x) { for (int i = 0; i < n; i++) x[i] += %d; }\n", i, i);
  ck_assert_int_eq(read_as("many.c", NULL, 0, NULL), ST_OK);
  ck_assert_uint_eq(spec.n, 500);
}
END_TEST

START_TEST(test_empty) {
  ck_assert_int_eq(read_as("empty.c", NULL, 0, NULL), ST_REFUSED);
}
END_TEST

START_TEST(test_garbage) {
  srand(1);
  for (int i = 0; i < 3000; i++) buf_putc(&text, (char)(rand() % 255 + 1));
  ck_assert_int_eq(read_as("garbage.c", NULL, 0, NULL), ST_REFUSED);
}
END_TEST

START_TEST(test_nul_bytes) {
  buf_puts(&text, "void f(float *x) { x[0] = 1; }");
  buf_write(&text, "\0\0\0", 3);
  enum status st = read_as("nul.c", NULL, 0, NULL);
  ck_assert(st == ST_OK || diag_errors(diag) > 0);
}
END_TEST

START_TEST(test_aggregate_initialiser) {
  buf_puts(&text, "static const float z[2][2] = {{0}};\nstruct s { int a[3]; };\nstatic const struct s q = {{1, 2}};\n"
                  "void f(float *x) { x[0] = z[1][1]; }\nvoid g(float *x) { x[0] = q.a[0]; }\n");
  ck_assert_int_eq(read_as("init.c", NULL, 0, NULL), ST_REFUSED);
  ck_assert_ptr_nonnull(strstr(messages.data, "global variable"));
}
END_TEST

START_TEST(test_only) {
  buf_puts(&text, "void a(float *x) { x[0] = 1; }\nvoid b(float *x) { for (;;) ; }\nvoid c(float *x) { x[0] = 3; "
                  "}\nstatic void d(float *x) { x[0] = 3; }\n");
  ck_assert_int_eq(read_as("only.c", "c,a", 0, NULL), ST_OK);
  ck_assert_uint_eq(spec.n, 2);
  ck_assert_str_eq(spec.fn[0].source->f->name, "a");
  ck_assert_str_eq(spec.fn[1].source->f->name, "c");
  ck_assert_int_eq(read_as("only.c", "a,d", 0, NULL), ST_OK); /* a static one, since it is named */
  ck_assert_uint_eq(spec.n, 2);
  ck_assert_int_eq(read_as("only.c", "a,e", 0, NULL), ST_REFUSED);
}
END_TEST

START_TEST(test_options) {
  char dir[] = "/tmp/hone-options-XXXXXX", header[64], include[80];
  ck_assert_ptr_nonnull(mkdtemp(dir));
  snprintf(header, sizeof header, "%s/size.h", dir);
  snprintf(include, sizeof include, "-I%s", dir);
  FILE *h = fopen(header, "w");
  fputs("#define SIZE 7\n", h);
  fclose(h);
  buf_puts(&text, "#include \"size.h\"\nvoid f(float *x) { for (int i = 0; i < SIZE; i++) x[i] = VALUE; }\n");
  const char *flags[] = {include, "-D", "VALUE=3.5f", "-std=c11"};
  ck_assert_int_eq(read_as("options.c", NULL, 4, flags), ST_OK);
  ck_assert_uint_eq(spec.ndep, 1);
  ck_assert_str_eq(spec.dep[0], header);
  remove(header);
  rmdir(dir);
}
END_TEST

START_TEST(test_stdin) {
  buf_puts(&text, "void f(float *x) { x[0] = y; }\n");
  ck_assert_int_eq(read_as("-", NULL, 0, NULL), ST_REFUSED);
  ck_assert_ptr_nonnull(strstr(messages.data, "1:27: error: use of undeclared identifier 'y'"));
}
END_TEST

START_TEST(test_places) {
  buf_puts(&text, "void f(int n, float *x) {\n  for (int i = 0; i < n; i++)\n    x[i] = x[i] * 2;\n}\n");
  ck_assert_int_eq(read_as("places.c", NULL, 0, NULL), ST_OK);
  const struct lstmt *loop = spec.fn[0].source->f->body;
  while (loop->kind == L_BLOCK) loop = loop->body[0];
  const struct lstmt *store = loop->body[0];
  while (store->kind == L_BLOCK) store = store->body[0];
  ck_assert_uint_eq(loop->loc.line, 2);
  ck_assert_uint_eq(loop->loc.col, 3);
  ck_assert_uint_eq(store->loc.line, 3);
  ck_assert_uint_eq(store->loc.col, 5);
  ck_assert_uint_eq(store->value->kid[0]->loc.line, 3);
  ck_assert_uint_eq(store->value->kid[0]->loc.col, 12);
  ck_assert_uint_eq(spec.fn[0].source->f->k->param[1].loc.col, 22);
}
END_TEST

/* The n-th allocation in the parent fails: a status, no crash, no leak. */
START_TEST(test_memory) {
  buf_puts(&text, "void f(int n, float *x) { for (int i = 0; i < n; i++) x[i] *= 2; }\n");
  for (long n = 1; n < 200; n++) {
    struct oom_guard g;
    volatile enum status st = ST_NOMEM;
    oom_fail_after(n);
    if (OOM_TRY(&g)) {
      st = read_as("memory.c", NULL, 0, NULL);
      oom_leave(&g);
    }
    oom_fail_after(0);
    if (st == ST_OK) return;
  }
  ck_abort_msg("never succeeded");
}
END_TEST

int main(void) {
  Suite *s = suite_create("source-hard");
  TCase *t = tcase_create("hard");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, test_parentheses);
  tcase_add_test(t, test_many_parentheses);
  tcase_add_test(t, test_unary_minus);
  tcase_add_test(t, test_long_sum);
  tcase_add_test(t, test_short_sum);
  tcase_add_test(t, test_nested_calls);
  tcase_add_test(t, test_nested_conditions);
  tcase_add_test(t, test_nested_blocks);
  tcase_add_test(t, test_nested_loops);
  tcase_add_test(t, test_doubling_helpers);
  tcase_add_test(t, test_huge_numbers);
  tcase_add_test(t, test_many_functions);
  tcase_add_test(t, test_empty);
  tcase_add_test(t, test_garbage);
  tcase_add_test(t, test_nul_bytes);
  tcase_add_test(t, test_aggregate_initialiser);
  tcase_add_test(t, test_only);
  tcase_add_test(t, test_options);
  tcase_add_test(t, test_stdin);
  tcase_add_test(t, test_places);
  tcase_add_test(t, test_memory);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
