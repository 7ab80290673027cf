/* Expressions as trees and kernels as data: equality, rewriting, copies, constant dims. */
#include "common.h"
#include "ir/tensor.h"

static struct arena *a;
static struct kernel *k;
static sym_t M, K, i, j;
static poly_t pm, pk, pi, pj;

/* Y[i] = sum(j) X[i, j] * alpha  from f32(M),  if K - j - 1 >= 0; X has strides (K + 2, 1). */
static void make_kernel(void) {
  k = kernel_new(a, "f");
  unsigned m = kernel_add_param(k, "M", PARAM_DIM, DT_i32), n = kernel_add_param(k, "K", PARAM_DIM, DT_u64);
  unsigned alpha = kernel_add_param(k, "alpha", PARAM_SCALAR, DT_f32);
  M = k->param[m].ref;
  K = k->param[n].ref;
  i = kernel_add_sym(k, "i", SYM_INDEX);
  j = kernel_add_sym(k, "j", SYM_INDEX);
  pm = poly_sym(a, M);
  pk = poly_sym(a, K);
  pi = poly_sym(a, i);
  pj = poly_sym(a, j);
  unsigned X = kernel_add_tensor(k, "X", DT_f32, ROLE_IN, 2, (poly_t[]){pm, pk});
  k->tensor[X].stride = arena_dup(a, (poly_t[]){poly_addc(a, pk, 2), poly_const(a, 1)}, 2 * sizeof(poly_t));
  unsigned Y = kernel_add_tensor(k, "Y", DT_f32, ROLE_OUT, 1, &pm);
  struct eq *e = kernel_add_eq(k);
  e->lhs = (uint16_t)Y;
  e->lhs_idx = arena_dup(a, &pi, sizeof pi);
  e->npar = 1;
  e->nax = 2;
  e->axis =
      arena_dup(a, (struct axis[]){{i, poly_const(a, 0), pm}, {j, poly_const(a, 0), pk}}, 2 * sizeof(struct axis));
  e->nguard = 1;
  e->guard = arena_dup(a, (poly_t[]){poly_addc(a, poly_sub(a, pk, pj), -1)}, sizeof(poly_t));
  e->red = RED_sum;
  e->body =
      expr_op2(a, OP_mul, expr_read(a, DT_f32, access_new(a, X, 2, (poly_t[]){pi, pj})), expr_scalar(a, DT_f32, alpha));
  e->init = expr_cast(a, DT_f32, expr_poly(a, pm));
  k->assume = arena_dup(a, &pm, sizeof pm);
  k->nassume = 1;
}

static const char *added(const char *name) {
  sym_t s = kernel_add_sym(k, name, SYM_INDEX); /* moves k->sym */
  return k->sym[s].name;
}

START_TEST(symbols_are_unique) {
  ck_assert_str_eq(added("i"), "i_1");
  ck_assert_str_eq(added("i"), "i_2");
  ck_assert_str_eq(added("X"), "X_1");
  ck_assert_str_eq(added("alpha"), "alpha_1");
  ck_assert_str_eq(k->sym[M].name, "M");
  ck_assert(k->sym[M].kind == SYM_DIM && k->sym[M].param == 0 && k->sym[K].param == 1);
}
END_TEST

static void same_eq(const struct eq *x, const struct eq *y) {
  ck_assert(expr_eq(x->body, y->body) && expr_eq(x->init, y->init) && poly_eq(x->lhs_idx[0], y->lhs_idx[0]) &&
            poly_eq(x->guard[0], y->guard[0]));
  for (int n = 0; n < 2; n++)
    ck_assert(x->axis[n].sym == y->axis[n].sym && poly_eq(x->axis[n].lo, y->axis[n].lo) &&
              poly_eq(x->axis[n].hi, y->axis[n].hi));
}

/* The clone survives the arena of the original. */
START_TEST(clones_are_deep) {
  struct arena *other = arena_new();
  struct kernel *c = kernel_clone(other, k);
  ck_assert(c->arena == other && c->tensor[0].stride && poly_eq(c->tensor[0].stride[0], poly_addc(a, pk, 2)));
  same_eq(&c->eq[0], &k->eq[0]);
  ck_assert_ptr_ne(c->eq[0].body, k->eq[0].body);
  ck_assert_ptr_ne(c->eq[0].body->kid[0]->acc, k->eq[0].body->kid[0]->acc);
  ck_assert_ptr_ne(c->eq[0].body->kid[1], k->eq[0].body->kid[1]);
  arena_free(a);
  a = arena_new();
  make_kernel();
  same_eq(&c->eq[0], &k->eq[0]);
  ck_assert_str_eq(c->name, "f");
  ck_assert_str_eq(c->param[2].name, "alpha");
  kernel_add_eq(c)->lhs = 1;
  ck_assert_int_eq(c->neq, 2);
  ck_assert_int_eq(c->eq[1].state, UINT16_MAX);
  arena_free(other);
}
END_TEST

START_TEST(constant_dims) {
  bool has[8] = {0};
  int64_t value[8] = {0};
  const char *bad;
  ck_assert(kernel_parse_dims(k, "K=5", has, value, &bad) && has[K] && !has[M] && value[K] == 5);
  struct kernel *s = kernel_specialise(a, k, has, value);
  ck_assert(poly_eq(s->eq[0].axis[1].hi, poly_const(a, 5)) && poly_eq(s->eq[0].axis[0].hi, pm));
  ck_assert(poly_eq(s->tensor[0].extent[1], poly_const(a, 5)) && poly_eq(s->tensor[0].stride[0], poly_const(a, 7)));
  ck_assert(poly_eq(s->eq[0].guard[0], poly_addc(a, poly_scale(a, pj, -1), 4)));
  ck_assert(s->nparam == k->nparam && s->nsym == k->nsym && poly_eq(k->eq[0].axis[1].hi, pk));
  has[M] = true;
  value[M] = 3;
  s = kernel_specialise(a, k, has, value);
  ck_assert(poly_eq(s->assume[0], poly_const(a, 3)) && poly_eq(s->eq[0].init->kid[0]->poly, poly_const(a, 3)));
}
END_TEST

START_TEST(dims_on_the_command_line) {
  bool has[8] = {0};
  int64_t value[8];
  const char *bad = NULL;
  ck_assert(kernel_parse_dims(k, "", has, value, &bad) && !has[M]);
  ck_assert(kernel_parse_dims(k, "M=1024,K=-3", has, value, &bad) && value[M] == 1024 && value[K] == -3);
  static const char *const wrong[] = {"M",    "M=", "M=x",  "M=1x", "i=3",     "M=1,Q=2", "M=9223372036854775808",
                                      "M=1,", "=3", "M =1", "M=-",  "alpha=1", "M=0x10",  "M= 1"};
  for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
    bad = NULL;
    ck_assert_msg(!kernel_parse_dims(k, wrong[n], has, value, &bad), "accepted %s", wrong[n]);
    ck_assert_ptr_nonnull(bad);
  }
  kernel_parse_dims(k, "M=1,Q=2", has, value, &bad);
  ck_assert_str_eq(bad, "Q=2");
}
END_TEST

START_TEST(strides) {
  ck_assert(poly_eq(tensor_stride(a, &k->tensor[0], 0), poly_addc(a, pk, 2)) &&
            poly_eq(tensor_stride(a, &k->tensor[0], 1), poly_const(a, 1)));
  k->tensor[0].stride = NULL;
  ck_assert(poly_eq(tensor_stride(a, &k->tensor[0], 0), pk) &&
            poly_eq(tensor_stride(a, &k->tensor[0], 1), poly_const(a, 1)));
}
END_TEST

/* X[i + 1, j @ X...] guarded: one of everything a walk must reach. */
static expr_t everything(void) {
  struct access *inner = access_new(a, 1, 1, &pj);
  struct access *acc = access_new(a, 0, 2, (poly_t[]){poly_addc(a, pi, 1), pj});
  acc->ix[1].dyn = expr_cast(a, DT_i64, expr_read(a, DT_f32, inner));
  acc->nguard = 1;
  acc->guard = arena_dup(a, &pm, sizeof pm);
  acc->otherwise = expr_cast(a, DT_f32, expr_poly(a, pk));
  return expr_op3(a, OP_select, expr_op2(a, OP_lt, expr_poly(a, pi), expr_poly(a, pj)), expr_read(a, DT_f32, acc),
                  expr_f(a, DT_f32, 1));
}

static void count(expr_t x, void *ctx) {
  (void)x;
  ++*(int *)ctx;
}

static expr_t ones_to_scalar(struct arena *ar, expr_t x, void *ctx) {
  ++*(int *)ctx;
  return x->kind == E_CONST ? expr_scalar(ar, DT_f32, 2) : x;
}

START_TEST(walks_reach_everything) {
  expr_t x = everything();
  int n = 0;
  expr_visit(x, count, &n);
  ck_assert_int_eq(n, 10);
  ck_assert(expr_has_sym(x, i) && expr_has_sym(x, j) && expr_has_sym(x, M) && expr_has_sym(x, K) &&
            !expr_has_sym(x, 7));
  ck_assert(expr_reads(x, 0) && expr_reads(x, 1) && !expr_reads(x, 2));
  n = 0;
  expr_t y = expr_map(a, x, ones_to_scalar, &n);
  ck_assert_int_eq(n, 10);
  ck_assert(!expr_eq(x, y) && y->kid[2]->kind == E_SCALAR && y->kid[1] == x->kid[1]);
}
END_TEST

START_TEST(substitution_in_expressions) {
  expr_t x = everything(), y = expr_subst_sym(a, x, j, poly_addc(a, pi, 5));
  ck_assert(!expr_has_sym(y, j) && expr_has_sym(x, j));
  const struct access *acc = y->kid[1]->acc;
  ck_assert(poly_eq(acc->ix[1].poly, poly_addc(a, pi, 5)) &&
            poly_eq(acc->ix[1].dyn->kid[0]->acc->ix[0].poly, poly_addc(a, pi, 5)));
  y = expr_subst_sym(a, x, M, poly_const(a, 4));
  ck_assert(poly_eq(y->kid[1]->acc->guard[0], poly_const(a, 4)) && y->kid[0] == x->kid[0]);
  ck_assert(expr_subst_sym(a, x, 7, pi) == x);
}
END_TEST

START_TEST(equality_of_expressions) {
  expr_t x = everything(), y = everything();
  ck_assert(x != y && expr_eq(x, y));
  struct access *changed = arena_dup(a, y->kid[1]->acc, sizeof *changed);
  struct expr *read = arena_dup(a, y->kid[1], sizeof *read);
  read->acc = changed;
  ck_assert(expr_eq(read, x->kid[1]));
  changed->nguard = 0;
  ck_assert(!expr_eq(read, x->kid[1]));
  ck_assert(!expr_eq(expr_f(a, DT_f32, 0.0), expr_f(a, DT_f32, -0.0)) &&
            expr_eq(expr_f(a, DT_f32, __builtin_nan("")), expr_f(a, DT_f32, -__builtin_nan(""))));
  ck_assert(!expr_eq(expr_i(a, DT_i32, 1), expr_i(a, DT_i64, 1)) && expr_i(a, DT_u8, 257)->val.u == 1);
  ck_assert(expr_cast(a, DT_f32, x) == x && expr_op2(a, OP_lt, x, x)->type == DT_bool &&
            expr_f(a, DT_f16, 1e9)->val.f > 1e300);
}
END_TEST

START_TEST(costs) {
  expr_t c = expr_f(a, DT_f32, 2), r = expr_read(a, DT_f32, access_new(a, 1, 1, &pi));
  ck_assert_uint_eq(expr_cost(c), 0);
  ck_assert_uint_eq(expr_cost(expr_op2(a, OP_add, r, c)), 2);
  ck_assert_uint_eq(expr_cost(expr_op1(a, OP_exp, r)), 11);
  ck_assert_uint_eq(expr_cost(expr_op2(a, OP_div, r, r)), 6);
}
END_TEST

static void setup(void) {
  a = arena_new();
  make_kernel();
}

static void teardown(void) {
  arena_free(a);
}

static void fill(TCase *t) {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, symbols_are_unique);
  tcase_add_test(t, clones_are_deep);
  tcase_add_test(t, constant_dims);
  tcase_add_test(t, dims_on_the_command_line);
  tcase_add_test(t, strides);
  tcase_add_test(t, walks_reach_everything);
  tcase_add_test(t, substitution_in_expressions);
  tcase_add_test(t, equality_of_expressions);
  tcase_add_test(t, costs);
}

int main(void) {
  return run_suite("kernel", fill);
}
