/* The frontend of .hone texts: which kernels are delivered, which names are refused. */
#include "compiler/frontend/frontend.h"
#include "tests/ir/common.h"

static const char two[] =
    "kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = X[i] }\nkernel g(X: f32[N]) -> Y: f32[N] { Y[i] = -X[i] }\n";

static const struct {
  const char *text, *only, *says;
  unsigned n;
} sample[] = {
    {two, NULL, NULL, 2},
    {two, "g", NULL, 1},
    {two, "g,f", NULL, 2},
    {two, "h", "no kernel is named 'h'", 0},
    {two, "g,ff", "no kernel is named 'ff'", 0},
    {"", NULL, "has no kernel", 0},
    {"# nothing\n", NULL, "has no kernel", 0},
    {"kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = Z[i] }", NULL, "unknown tensor 'Z'", 0},
    {"kernel `while`(X: f32[N]) -> Y: f32[N] { Y[i] = X[i] }", NULL, "'while' cannot be the name of a C function", 0},
    {"kernel f(`if`: f32[N]) -> Y: f32[N] { Y[i] = `if`[i] }", NULL, "'if' cannot be the name of a C parameter", 0},
    {"kernel f(`a b`: f32[N]) -> Y: f32[N] { Y[i] = `a b`[i] }", NULL, "'a b' cannot be the name of a C parameter", 0},
    {"kernel f(X: f32[N]) -> Y: f32[N] { `a b`[`x y`] = X[`x y`]\n Y[i] = `a b`[i] }", NULL, NULL, 1},
};

START_TEST(test_read) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct spec out = {0};
  struct buf b;
  const char *text = sample[_i].text;
  struct spec_input in = {.path = "t.hone",
                          .text = text,
                          .len = strlen(text),
                          .file = diag_file(d, "t.hone", text, strlen(text)),
                          .only = sample[_i].only};
  enum status st = frontend_for("dir.c/t.hone")->read(a, d, &in, &out);
  buf_init(&b);
  diag_print(d, &b, false);
  if (sample[_i].says) {
    ck_assert_int_eq(st, ST_REFUSED);
    ck_assert_msg(strstr(b.data, sample[_i].says) != NULL, "%s", b.data);
  } else {
    ck_assert_msg(st == ST_OK && out.n == sample[_i].n && out.ndep == 1, "%s", b.data);
    for (unsigned i = 0; i < out.n; i++) ck_assert(out.fn[i].k && !out.fn[i].source && out.fn[i].k->noalias);
  }
  buf_free(&b);
  diag_free(d);
  arena_free(a);
}
END_TEST

static void fill(TCase *t) {
  tcase_add_loop_test(t, test_read, 0, sizeof sample / sizeof *sample);
}

int main(void) {
  return run_suite("tensor_frontend", fill);
}
