/* The pass runner: order, levels, skipping, verifying, printing, round trips. */
#include "common.h"
#include "ir/pass.h"
#include <unistd.h>

static struct arena *a;
static struct diag *d;
static char ran[32];

static const char *const text =
    "func f {\n  sym N, i\n  param N: i32 dim N\n  param X: f32 tensor X\n  tensor X: f32[N] inout\n"
    "  for i in 0 .. N {\n    X[i] = 1.0\n  }\n}\n";

static struct unit unit(void) {
  struct unit u = {.level = LEVEL_LOOP};
  ck_assert_int_eq(lfunc_parse(a, d, diag_file(d, "f", text, strlen(text)), text, strlen(text), &u.f), ST_OK);
  return u;
}

static enum status one(struct arena *ar, struct unit *u, struct diag *di) {
  (void)ar, (void)u, (void)di;
  strcat(ran, "1");
  return ST_OK;
}

static enum status two(struct arena *ar, struct unit *u, struct diag *di) {
  (void)ar, (void)di;
  strcat(ran, "2");
  u->f->reassoc = true;
  return ST_OK;
}

static enum status refuses(struct arena *ar, struct unit *u, struct diag *di) {
  (void)ar, (void)u, (void)di;
  strcat(ran, "r");
  return ST_REFUSED;
}

static enum status breaks(struct arena *ar, struct unit *u, struct diag *di) {
  (void)ar, (void)di;
  u->f->body->body[0]->step = 0;
  return ST_OK;
}

/* Leaves something that its text does not carry. */
static enum status hides(struct arena *ar, struct unit *u, struct diag *di) {
  (void)ar, (void)di;
  u->f->name = "";
  return ST_OK;
}

static const struct pass p_one = {"one", one, LEVEL_LOOP, LEVEL_LOOP, false},
                         p_two = {"two", two, LEVEL_LOOP, LEVEL_LOOP, true},
                         p_refuses = {"refuses", refuses, LEVEL_LOOP, LEVEL_LOOP, false},
                         p_breaks = {"breaks", breaks, LEVEL_LOOP, LEVEL_LOOP, false},
                         p_hides = {"hides", hides, LEVEL_LOOP, LEVEL_LOOP, false},
                         p_tensor = {"tensor", one, LEVEL_TENSOR, LEVEL_TENSOR, false};

static void expect(const struct pass *p, unsigned n, enum status st, const char *order, const char *message) {
  struct unit u = unit();
  struct buf b;
  ran[0] = 0;
  buf_init(&b);
  ck_assert_int_eq(pass_run(a, p, n, &u, d), st);
  diag_print(d, &b, false);
  ck_assert_str_eq(ran, order);
  ck_assert_str_eq(b.data, message);
  buf_free(&b);
  diag_clear(d);
}

START_TEST(in_order_until_one_fails) {
  expect((struct pass[]){p_one, p_two, p_one}, 3, ST_OK, "121", "");
  expect((struct pass[]){p_one, p_refuses, p_two}, 3, ST_REFUSED, "1r", "");
  expect(NULL, 0, ST_OK, "", "");
}
END_TEST

START_TEST(mistakes_of_passes_are_caught) {
  expect((struct pass[]){p_one, p_tensor}, 2, ST_INTERNAL, "1",
         "hone: error: internal error: pass tensor was given the wrong level\n");
  expect(&p_breaks, 1, ST_INTERNAL, "",
         "hone: error: f: for i: step 0\nhone: error: internal error: pass breaks left a malformed program\n");
}
END_TEST

START_TEST(skipping) {
  setenv("HONE_SKIP", "zero,two", 1);
  expect((struct pass[]){p_one, p_two, p_one}, 3, ST_OK, "11", "");
  setenv("HONE_SKIP", "all", 1);
  expect((struct pass[]){p_one, p_two}, 2, ST_OK, "1", ""); /* only optional ones */
  unsetenv("HONE_SKIP");
}
END_TEST

START_TEST(round_trip) {
  setenv("HONE_ROUNDTRIP", "1", 1);
  struct unit u = unit();
  struct lfunc *before = u.f;
  ck_assert_int_eq(pass_run(a, &p_two, 1, &u, d), ST_OK);
  ck_assert(u.f != before && u.f->reassoc);
  expect(&p_hides, 1, ST_INTERNAL, "",
         "<round trip>:1:6: error: malformed quoted name\n    1 | func `` {\n      |      ^\n"
         "hone: error: internal error: the text after pass hides does not come back the same\n");
  unsetenv("HONE_ROUNDTRIP");
}
END_TEST

/* What goes to stderr while the passes run. */
START_TEST(printing) {
  char got[2000] = {0};
  FILE *f = tmpfile();
  int saved = dup(2);
  ck_assert(f && saved >= 0);
  fflush(stderr);
  dup2(fileno(f), 2);
  setenv("HONE_PRINT", "two", 1);
  expect((struct pass[]){p_one, p_two}, 2, ST_OK, "12", "");
  unsetenv("HONE_PRINT");
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  rewind(f);
  ck_assert_uint_gt(fread(got, 1, sizeof got - 1, f), 0);
  fclose(f);
  ck_assert_str_eq(got, arena_printf(a, "# after two\nfunc f reassoc%s", text + strlen("func f")));
}
END_TEST

static void setup(void) {
  a = arena_new();
  d = diag_new();
}

static void teardown(void) {
  arena_free(a);
  diag_free(d);
}

static void fill(TCase *t) {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, in_order_until_one_fails);
  tcase_add_test(t, mistakes_of_passes_are_caught);
  tcase_add_test(t, skipping);
  tcase_add_test(t, round_trip);
  tcase_add_test(t, printing);
}

int main(void) {
  return run_suite("pass", fill);
}
