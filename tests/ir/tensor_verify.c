/* The verifiers of TENSOR and GROUP: one rule broken at a time, in IR that no text could give, is reported; what random
 * generation makes is accepted. */
#include "ir/group.h"
#include "tests/gen/kernel_gen.h"
#include "tests/ir/parse.h"

static struct arena *a;

static const char base[] = "kernel f(N: i32, alpha: f32, A: f32[N,N], x: f32[N]) -> y: f32[N], L: i32[N] {\n"
                           "  t[i] = sum(j) A[i,j] * x[j] from x[i]\n  y[i] = alpha * t[i] + (x[i-1] if i - 1 >= 0 "
                           "else 0.0)\n  L[i] = argmax(j) A[i,j]\n}\n";
enum { EQ_T, EQ_Y, EQ_L };

static poly_t sym(const struct kernel *k, const char *name) {
  for (unsigned i = 0; i < k->nsym; i++)
    if (!strcmp(k->sym[i].name, name)) return poly_sym(a, (sym_t)i);
  ck_abort();
}

static expr_t const_f(double v) {
  return expr_f(a, DT_f32, v);
}

static expr_t bad_read(const struct kernel *k, unsigned rank) {
  poly_t ix[3] = {sym(k, "i"), sym(k, "i"), sym(k, "i")};
  return expr_read(a, DT_f32, access_new(a, k->eq[EQ_T].lhs, rank, ix));
}

static void m_two_names(struct kernel *k) {
  k->tensor[1].name = k->tensor[0].name, k->param[k->tensor[1].param].name = k->tensor[0].name;
}
static void m_dim_type(struct kernel *k) {
  k->param[0].type = DT_f32;
}
static void m_dim_symbol(struct kernel *k) {
  k->param[0].ref = 3;
}
static void m_tensor_type(struct kernel *k) {
  k->tensor[0].type = DT_f64;
}
static void m_negative_extent(struct kernel *k) {
  k->tensor[1].extent[0] = poly_const(a, -1);
}
static void m_extent_index(struct kernel *k) {
  k->tensor[1].extent[0] = sym(k, "i");
}
static void m_write_input(struct kernel *k) {
  k->tensor[k->eq[EQ_Y].lhs].role = ROLE_IN;
}
static void m_no_reduction(struct kernel *k) {
  k->eq[EQ_T].red = RED_none;
}
static void m_axes_of_map(struct kernel *k) {
  k->eq[EQ_Y].red = RED_sum;
}
static void m_twice(struct kernel *k) {
  k->eq[EQ_T].axis[1].sym = k->eq[EQ_T].axis[0].sym;
}
static void m_later_bound(struct kernel *k) {
  k->eq[EQ_T].axis[0].hi = sym(k, "j");
}
static void m_lhs_constant(struct kernel *k) {
  k->eq[EQ_Y].lhs_idx[0] = poly_const(a, 0);
}
static void m_lhs_reduced(struct kernel *k) {
  k->eq[EQ_T].lhs_idx[0] = sym(k, "j");
}
static void m_lhs_squared(struct kernel *k) {
  k->eq[EQ_Y].lhs_idx[0] = poly_mul(a, sym(k, "i"), sym(k, "i"));
}
static void m_overflow(struct kernel *k) {
  k->eq[EQ_Y].axis[0].hi = poly_scale(a, poly_scale(a, sym(k, "N"), INT64_MAX), 3);
}
static void m_init_type(struct kernel *k) {
  k->eq[EQ_T].init = expr_i(a, DT_i32, 0);
}
static void m_init_of_map(struct kernel *k) {
  k->eq[EQ_Y].init = const_f(0);
}
static void m_start_of_sum(struct kernel *k) {
  k->eq[EQ_T].start = const_f(0);
}
static void m_init_reduced(struct kernel *k) {
  k->eq[EQ_T].init = expr_cast(a, DT_f32, expr_poly(a, sym(k, "j")));
}
static void m_rank(struct kernel *k) {
  k->eq[EQ_Y].body = bad_read(k, 2);
}
static void m_later_temp(struct kernel *k) {
  struct eq e = k->eq[EQ_T];
  k->eq[EQ_T] = k->eq[EQ_Y];
  k->eq[EQ_Y] = e;
}
static void m_mixed(struct kernel *k) {
  k->eq[EQ_Y].body = expr_op2(a, OP_add, const_f(1), expr_f(a, DT_f64, 1));
}
static void m_float_bits(struct kernel *k) {
  k->eq[EQ_Y].body = expr_op2(a, OP_and, const_f(1), const_f(2));
}
static void m_condition(struct kernel *k) {
  k->eq[EQ_Y].body = expr_op3(a, OP_select, const_f(1), const_f(1), const_f(2));
}
static void m_arg(struct kernel *k) {
  k->eq[EQ_Y].body = expr_arg(a, DT_f32, 0);
}
static void m_local(struct kernel *k) {
  k->eq[EQ_Y].body = expr_local(a, DT_f32, 0);
}
static void m_constant(struct kernel *k) {
  struct expr *x = (struct expr *)expr_const(a, DT_f32, (union value){.f = 0.1});
  k->eq[EQ_Y].body = x;
}
static void m_never(struct kernel *k) {
  k->neq = 2;
}
static void m_two_args(struct kernel *k) {
  k->eq[EQ_T].red = RED_argmax, k->eq[EQ_T].npar = 0, k->eq[EQ_T].init = NULL;
}
static void m_state(struct kernel *k) {
  k->eq[EQ_T].rescale = const_f(1);
}
static void m_bad_lhs(struct kernel *k) {
  k->eq[EQ_Y].lhs = 99;
}
static void m_read_type(struct kernel *k) {
  poly_t ix[1] = {sym(k, "i")};
  k->eq[EQ_Y].body = expr_cast(a, DT_f32, expr_read(a, DT_f64, access_new(a, k->eq[EQ_T].lhs, 1, ix)));
}

static const struct {
  void (*fn)(struct kernel *);
  const char *says;
} broken[] = {
    {m_two_names, "two tensors are named"},
    {m_dim_type, "must be an integer"},
    {m_dim_symbol, "dim without a symbol"},
    {m_tensor_type, "differs from its tensor"},
    {m_negative_extent, "is negative"},
    {m_extent_index, "has no range here"},
    {m_write_input, "is an input"},
    {m_no_reduction, "do not agree"},
    {m_axes_of_map, "do not agree"},
    {m_twice, "used for two axes"},
    {m_later_bound, "a bound"},
    {m_lhs_constant, "write the same element"},
    {m_lhs_reduced, "has no range here"},
    {m_lhs_squared, "multiplies indices"},
    {m_overflow, "overflow"},
    {m_init_type, "the start value is i32"},
    {m_init_of_map, "without a reduction"},
    {m_start_of_sum, "nothing is compared"},
    {m_init_reduced, "has no range here"},
    {m_rank, "has rank 1 but is read with 2"},
    {m_later_temp, "read before it is defined"},
    {m_mixed, "are f32 and f64"},
    {m_float_bits, "does not take"},
    {m_condition, "is no bool"},
    {m_arg, "outside of a rescaling"},
    {m_local, "a local variable"},
    {m_constant, "is no value of type f32"},
    {m_never, "never written"},
    {m_two_args, "reduces over one index"},
    {m_state, "without a state"},
    {m_bad_lhs, "malformed"},
    {m_read_type, "is read as f64"},
};

static void expect_message(struct diag *d, bool ok, const char *says) {
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, false);
  ck_assert_msg(!ok && diag_errors(d) > 0 && strstr(b.data, says), "expected '%s', got:\n%s", says, b.data);
  buf_free(&b);
}

START_TEST(test_broken) {
  a = arena_new();
  struct kernel *k = parse_kernel(a, base);
  struct diag *d = diag_new();
  ck_assert(kernel_verify(k, d));
  broken[_i].fn(k);
  expect_message(d, kernel_verify(k, d), broken[_i].says);
  diag_free(d);
  arena_free(a);
}
END_TEST

/* All violations, not the first. */
START_TEST(test_every) {
  a = arena_new();
  struct kernel *k = parse_kernel(a, base);
  struct diag *d = diag_new();
  m_init_type(k);
  m_mixed(k);
  k->eq[EQ_L].body = expr_arg(a, DT_f32, 1);
  ck_assert(!kernel_verify(k, d));
  ck_assert_int_ge(diag_errors(d), 3);
  diag_free(d);
  arena_free(a);
}
END_TEST

/* Left sides that are injective although not plain. */
START_TEST(test_injective) {
  static const char *const text[] = {
      "kernel f(X: f32[N]) -> Y: f32[2*N + 1] { for i in 0..N: Y[2*i + 1] = X[i] }",
      "kernel f(X: f32[N,4]) -> Y: f32[4*N] { for i in 0..N, j in 0..4: Y[4*i + j] = X[i,j] }",
      "kernel f(X: f32[N,M]) -> Y: f32[N*M] { for i in 0..N, j in 0..M: Y[M*i + j] = X[i,j] }",
      "kernel f(X: f32[N,M]) -> Y: f32[N+M,M] { for i in 0..N, j in 0..M: Y[i + j, j] = X[i,j] }",
      "kernel f(X: f32[N]) -> Y: f32[N] { for i in 0..N, j in 0..1: Y[i] = X[i] }",
  };
  a = arena_new();
  parse_kernel(a, text[_i]);
  arena_free(a);
}
END_TEST

START_TEST(test_not_injective) {
  static const char *const text[] = {
      "kernel f(X: f32[N,5]) -> Y: f32[4*N+1] { for i in 0..N, j in 0..5: Y[4*i + j] = X[i,j] }",
      "kernel f(X: f32[N,M]) -> Y: f32[N+M] { for i in 0..N, j in 0..M: Y[i + j] = X[i,j] }",
      "kernel f(X: f32[N,M]) -> Y: f32[N,N] { for i in 0..N, j in 0..M: Y[i, i] = X[i,j] }",
  };
  struct kernels ks;
  a = arena_new();
  struct diag *d = diag_new();
  expect_message(
      d, kernels_parse(a, d, diag_file(d, "t", text[_i], strlen(text[_i])), text[_i], strlen(text[_i]), &ks) == ST_OK,
      "write the same element");
  diag_free(d);
  arena_free(a);
}
END_TEST

static void g_order(struct groups *g) {
  g->g[0].eq[0] = 1;
}
static void g_missing(struct groups *g) {
  g->n--;
}
static void g_axis(struct groups *g) {
  g->g[0].axis[0].sym = g->g[0].axis[1].sym;
}
static void g_range(struct groups *g) {
  g->g[0].axis[0].hi = poly_const(a, 3);
}
static void g_shared(struct groups *g) {
  g->g[0].nshared = 2;
}
static void g_stream(struct groups *g) {
  g->g[0].stream = 0;
}
static void g_state(struct groups *g) {
  g->k->eq[EQ_Y].state = g->k->eq[EQ_T].lhs;
}
static void g_many(struct groups *g) {
  g->g[0].naxis = 200;
}

static const struct {
  void (*fn)(struct groups *);
  const char *says;
} broken_groups[] = {
    {g_order, "not those that follow"}, {g_missing, "in no group"},    {g_axis, "listed twice"},
    {g_range, "another range"},         {g_shared, "is not parallel"}, {g_stream, "is a shared axis"},
    {g_state, "has no stream"},         {g_many, "malformed"},
};

START_TEST(test_broken_groups) {
  a = arena_new();
  struct groups *gs = groups_trivial(a, parse_kernel(a, base));
  struct diag *d = diag_new();
  ck_assert(groups_verify(gs, d));
  broken_groups[_i].fn(gs);
  expect_message(d, groups_verify(gs, d), broken_groups[_i].says);
  diag_free(d);
  arena_free(a);
}
END_TEST

START_TEST(test_random_accepted) {
  uint64_t state = test_seed();
  struct gen_opts o = {.max_eq = 8, .any_op = true, .integers = true, .strides = true};
  struct diag *d = diag_new();
  a = arena_new();
  for (unsigned n = 0; n < 300; n++) {
    ck_assert(kernel_verify(kernel_gen(a, &state, &o), d));
    arena_reset(a);
  }
  diag_free(d);
  arena_free(a);
}
END_TEST

static void fill(TCase *t) {
  tcase_add_loop_test(t, test_broken, 0, sizeof broken / sizeof *broken);
  tcase_add_test(t, test_every);
  tcase_add_loop_test(t, test_injective, 0, 5);
  tcase_add_loop_test(t, test_not_injective, 0, 3);
  tcase_add_loop_test(t, test_broken_groups, 0, sizeof broken_groups / sizeof *broken_groups);
  tcase_add_test(t, test_random_accepted);
}

int main(void) {
  return run_suite("tensor_verify", fill);
}
