/* Arenas, recovery from exhausted memory, buffers, diagnostics (exact text), the lexer. */
#include "common.h"
#include "ir/interp.h"
#include "ir/lex.h"

START_TEST(arena_blocks) {
  struct arena *a = arena_new();
  for (int round = 0; round < 3; round++) {
    for (size_t n = 0; n < 300; n++) {
      unsigned char *p = arena_alloc(a, n * 37);
      ck_assert_uint_eq((uintptr_t)p % 16, 0);
      size_t dirty = 0;
      for (size_t i = 0; i < n * 37; i++) dirty += p[i] != 0;
      ck_assert_uint_eq(dirty, 0);
      memset(p, 0xee, n * 37);
    }
    ck_assert_str_eq(arena_printf(a, "%s-%d", "x", 7), "x-7");
    ck_assert_str_eq(arena_strndup(a, "hello", 2), "he");
    arena_reset(a);
  }
  arena_free(a);
  arena_free(NULL);
}
END_TEST

START_TEST(reset_reuses_blocks) {
  struct arena *a = arena_new();
  for (int i = 0; i < 100; i++) arena_alloc(a, 5000);
  long before = oom_allocations();
  arena_reset(a);
  for (int i = 0; i < 100; i++) arena_alloc(a, 5000);
  ck_assert_int_eq(oom_allocations(), before);
  arena_free(a);
}
END_TEST

static const char *const program = "func f {\n"
                                   "  sym N, i\n"
                                   "  param N: i32 dim N\n"
                                   "  param X: f32 tensor X\n"
                                   "  tensor X: f32[N] inout\n"
                                   "  object t: f32[N] heap\n"
                                   "  alloc t {\n"
                                   "    for i in 0 .. N {\n"
                                   "      t[i] = X[i] * 2.0\n"
                                   "    }\n"
                                   "    for i in 0 .. N {\n"
                                   "      X[i] sum= t[i - 1] if i - 1 >= 0 else 0.0\n"
                                   "    }\n"
                                   "  }\n"
                                   "}\n";

/* Everything that allocates, once. */
static void work(struct buf *out) {
  struct diag *d = diag_new();
  struct arena *volatile a = NULL; /* changed between setjmp and longjmp */
  struct oom_guard g;
  if (OOM_TRY(&g)) {
    a = arena_new();
    struct lfunc *f;
    float x[3] = {1, 2, 3};
    struct args args = {.dim = (int64_t[]){3, 0}, .data = (void *[]){NULL, x}};
    diag_file(d, "p", program, strlen(program));
    ck_assert_int_eq(lfunc_parse(a, d, 0, program, strlen(program), &f), ST_OK);
    ck_assert(lfunc_verify(f, d));
    ck_assert_int_eq(lfunc_interp(f, &args, 1000, d), ST_OK);
    ck_assert(x[0] == 1 && x[1] == 4 && x[2] == 7);
    lfunc_print(out, f);
    diag_error(d, (struct loc){0, 1, 1}, "x");
    diag_print(d, out, false);
    oom_leave(&g);
    arena_free(a);
    diag_free(d);
    return;
  }
  oom_fail_after(0);
  arena_free(a);
  diag_free(d);
  oom_raise();
}

START_TEST(nth_allocation_fails) {
  struct buf out;
  volatile long failures = 0;
  buf_init(&out);
  for (volatile long n = 1;; n++) {
    struct oom_guard g;
    ck_assert_int_lt(n, 10000);
    if (OOM_TRY(&g)) {
      buf_free(&out);
      oom_fail_after(n);
      work(&out);
      oom_leave(&g);
      oom_fail_after(0);
      break;
    }
    failures++;
  }
  ck_assert_int_gt(failures, 10);
  ck_assert(strstr(out.data, program) == out.data);
  buf_free(&out);
}
END_TEST

START_TEST(guards_nest) {
  struct oom_guard outer, inner;
  volatile int seen = 0;
  if (OOM_TRY(&outer)) {
    if (OOM_TRY(&inner)) oom_raise();
    seen = 1;
    oom_raise();
  } else {
    seen += 10;
  }
  ck_assert_int_eq(seen, 11);
}
END_TEST

START_TEST(buffers) {
  struct buf b;
  buf_init(&b);
  ck_assert_str_eq(b.data, "");
  for (int i = 0; i < 1000; i++) buf_printf(&b, "%d,", i);
  ck_assert_uint_eq(b.len, 3890);
  ck_assert_uint_eq(strlen(b.data), b.len);
  buf_clear(&b);
  buf_json(&b, "a\"b\\c\n\t\x01\xc3\xa9");
  ck_assert_str_eq(b.data, "\"a\\\"b\\\\c\\n\\t\\u0001\xc3\xa9\"");
  buf_clear(&b);
  buf_indent(&b, 2);
  buf_putc(&b, 'x');
  ck_assert_str_eq(b.data, "    x");
  buf_free(&b);
  ck_assert_str_eq(b.data, "");
}
END_TEST

static void expect_print(const struct diag *d, bool colour, const char *want) {
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, colour);
  ck_assert_str_eq(b.data, want);
  buf_free(&b);
}

START_TEST(messages) {
  struct diag *d = diag_new();
  const char *text = "first\n\tindent x\r\nlast";
  uint16_t f = diag_file(d, "in.hone", text, strlen(text)), none = diag_file(d, "other.c", NULL, 0);
  diag_error(d, (struct loc){f, 2, 9}, "bad %s", "x");
  diag_note(d, (struct loc){f, 3, 5}, "end");
  diag_warn(d, (struct loc){none, 7, 3}, "untuned", "slow");
  diag_error(d, (struct loc){0}, "no place");
  diag_error(d, (struct loc){f, 99, 1}, "beyond");
  expect_print(d, false,
               "in.hone:2:9: error: bad x\n"
               "    2 | \tindent x\n"
               "      | \t       ^\n"
               "in.hone:3:5: note: end\n"
               "    3 | last\n"
               "      |     ^\n"
               "other.c:7:3: warning: slow [-Wuntuned]\n"
               "hone: error: no place\n"
               "in.hone:99:1: error: beyond\n");
  ck_assert_int_eq(diag_errors(d), 3);
  ck_assert_int_eq(diag_count(d), 5);
  diag_clear(d);
  ck_assert_int_eq(diag_errors(d), 0);
  diag_error(d, (struct loc){f, 1, 1}, "c");
  expect_print(d, true, "in.hone:1:1: \33[1;31merror:\33[0m c\n    1 | first\n      | \33[1;31m^\33[0m\n");
  diag_free(d);
}
END_TEST

START_TEST(warning_options) {
  struct diag *d = diag_new();
  ck_assert(!diag_warning_option(d, "nonsense") && !diag_warning_option(d, "no-nonsense") &&
            !diag_warning_option(d, ""));
  ck_assert(diag_warning_option(d, "no-untuned"));
  diag_warn(d, (struct loc){0}, "untuned", "hidden");
  ck_assert_int_eq(diag_count(d), 0);
  ck_assert(diag_warning_option(d, "untuned") && diag_warning_option(d, "error=untuned"));
  diag_warn(d, (struct loc){0}, "untuned", "shown");
  ck_assert_int_eq(diag_errors(d), 1);
  expect_print(d, false, "hone: error: shown [-Werror=untuned]\n");
  ck_assert(diag_warning_option(d, "error"));
  diag_warn(d, (struct loc){0}, NULL, "any");
  ck_assert_int_eq(diag_errors(d), 2);
  diag_free(d);
}
END_TEST

/* ---- lexer ---- */

static struct arena *a;

static void expect_tokens(const char *text, const char *want) {
  struct lexer l;
  struct buf b;
  buf_init(&b);
  lex_init(&l, a, NULL, 0, text, strlen(text));
  for (; l.tok.kind != TOK_EOF; lex_next(&l)) {
    const struct token *t = &l.tok;
    buf_printf(&b, "%s%u:%u ", t->nl ? "|" : "", t->loc.line, t->loc.col);
    if (t->kind == TOK_INT) buf_printf(&b, "i%llu", (unsigned long long)t->u);
    if (t->kind == TOK_FLOAT) buf_printf(&b, "f%g", t->f);
    if (t->kind == TOK_NAME) buf_printf(&b, "%s%.*s", t->quoted ? "q" : "n", (int)t->n, t->s);
    if (t->kind == TOK_STRING) buf_printf(&b, "s%s", lex_string(&l, t));
    if (t->kind == TOK_PUNCT) buf_printf(&b, "%.*s", (int)t->n, t->s);
    if (t->suffix != DT_COUNT) buf_printf(&b, "_%s", type_name((enum dtype)t->suffix));
    buf_putc(&b, ';');
  }
  buf_puts(&b, l.failed ? "error" : "");
  ck_assert_str_eq(b.data, want);
  buf_free(&b);
}

START_TEST(tokens) {
  expect_tokens("ab `if` \"q\\\"s\" 1", "|1:1 nab;1:4 qif;1:9 sq\"s;1:16 i1;");
  expect_tokens("1 0x1F 1.5 1e3 0x1.8p1 .", "|1:1 i1;1:3 i31;1:8 f1.5;1:12 f1000;1:16 f3;1:24 .;");
  expect_tokens("3i32 1.5f64 7f16 1e2bf16", "|1:1 i3_i32;1:6 f1.5_f64;1:13 i7_f16;1:18 f100_bf16;");
  expect_tokens("0..N", "|1:1 i0;1:2 ..;1:4 nN;");
  expect_tokens("a # c\n  b // d\n", "|1:1 na;|2:3 nb;");
  expect_tokens("a<=b<<c->d", "|1:1 na;1:2 <=;1:4 nb;1:5 <<;1:7 nc;1:8 ->;1:10 nd;");
  expect_tokens("18446744073709551615", "|1:1 i18446744073709551615;");
  expect_tokens("18446744073709551616", "error");
  expect_tokens("1e999", "error");
  expect_tokens("12abc", "error");
  expect_tokens("1bool", "error");
  expect_tokens("\"open", "error");
  expect_tokens("`open", "error");
  expect_tokens("``", "error");
  expect_tokens("a \x01", "|1:1 na;error");
  expect_tokens("a \xff", "|1:1 na;error");
  expect_tokens("0x", "error");
  expect_tokens("1.2.3", "error");
  expect_tokens("", "");
}
END_TEST

START_TEST(errors_are_reported_once) {
  struct diag *d = diag_new();
  struct lexer l;
  const char *text = "foo [ ;";
  uint16_t f = diag_file(d, "t", text, strlen(text));
  int64_t v;
  lex_init(&l, a, d, f, text, strlen(text));
  ck_assert(!lex_expect(&l, "]") && !lex_int(&l, &v) && !lex_expect(&l, "("));
  expect_print(d, false, "t:1:1: error: expected ']' before 'foo'\n    1 | foo [ ;\n      | ^\n");
  diag_free(d);
}
END_TEST

START_TEST(integers) {
  struct lexer l;
  int64_t v;
  struct {
    const char *s;
    bool ok;
    int64_t v;
  } t[] = {{"-5", true, -5},
           {"9223372036854775807", true, INT64_MAX},
           {"9223372036854775808", false, 0},
           {"-9223372036854775808", true, INT64_MIN},
           {"-9223372036854775809", false, 0},
           {"x", false, 0},
           {"1.0", false, 0},
           {"3i8", false, 0}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    lex_init(&l, a, NULL, 0, t[i].s, strlen(t[i].s));
    ck_assert_int_eq(lex_int(&l, &v), t[i].ok);
    if (t[i].ok) ck_assert_int_eq(v, t[i].v);
  }
}
END_TEST

START_TEST(names_are_quoted_where_needed) {
  struct buf b;
  buf_init(&b);
  name_print(&b, "abc_1");
  name_print(&b, "if");
  name_print(&b, "1x");
  name_print(&b, "inf");
  ck_assert_str_eq(b.data, "abc_1`if``1x``inf`");
  buf_free(&b);
}
END_TEST

static void setup(void) {
  a = arena_new();
}

static void teardown(void) {
  arena_free(a);
}

static void fill(TCase *t) {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, arena_blocks);
  tcase_add_test(t, reset_reuses_blocks);
  tcase_add_test(t, nth_allocation_fails);
  tcase_add_test(t, guards_nest);
  tcase_add_test(t, buffers);
  tcase_add_test(t, messages);
  tcase_add_test(t, warning_options);
  tcase_add_test(t, tokens);
  tcase_add_test(t, errors_are_reported_once);
  tcase_add_test(t, integers);
  tcase_add_test(t, names_are_quoted_where_needed);
}

int main(void) {
  return run_suite("base", fill);
}
