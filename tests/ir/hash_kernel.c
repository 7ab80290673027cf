/* Structural hashes: equal for kernels that differ in names, order and spelling, different for kernels that differ in
 * meaning. */
#include "ir/group.h"
#include "tests/gen/kernel_gen.h"
#include "tests/ir/parse.h"

typedef void hash_fn(const struct kernel *k, uint8_t out[32]);

static bool equal(hash_fn *fn, const char *x, const char *y) {
  struct arena *a = arena_new();
  uint8_t hx[32], hy[32];
  fn(parse_kernel(a, x), hx);
  fn(parse_kernel(a, y), hy);
  arena_free(a);
  return !memcmp(hx, hy, 32);
}

static const char matmul[] =
    "kernel f(M: i32, N: i32, K: i32, A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] }";

static const char *const same[][2] = {
    {matmul,
     "kernel g(out Z: f32[P,Q], Y: f32[R,Q], X: f32[P,R], R: u32, Q: i64, P: i32) { Z[a,b] = sum(c) X[a,c] * Y[c,b] }"},
    {matmul, "kernel f(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { for j, i: C[i,j] = sum(k) A[i,k] * B[k,j] }"},
    {matmul, "kernel f(A: f32[M,K] restrict, B: f32[K,N] mutable) -> C: f32[M,N] flat mayalias {\n  sym x, j, k, i\n "
             "C[i,j] = sum(k in 0..K) A[i,k] * B[k,j]\n}"},
    {"kernel f(X: f32[N], a: f32, b: f32) -> Y: f32[N] { Y[i] = X[i] * a + b }",
     "kernel f(b: f32, X: f32[N], a: f32) -> Y: f32[N] { Y[j] = X[j] * b + a }"},
    {"kernel f(X: f32[N,M]) -> Y: f32[N] {\n T[i] = sum(j) X[i,j]\n Y[i] = T[i] * 2\n}",
     "kernel f(X: f32[N,M]) -> Y: f32[N] {\n  Y[i] = (sum(j) X[i,j]) * 2\n}"},
    {"kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = X[i-1] else 0 }",
     "kernel f(X: f32[N]) -> Y: f32[N] { Y[k] = X[k-1] if k >= 1 else 0 }"},
    {"kernel f(X: f32[4,N]) -> Y: f32[4] { Y[i] = sum(j) X[i,j] }",
     "kernel f(n: i32, X: f32[4,n]) -> Y: f32[4] { Y[q] = sum(r) X[q,r] }"},
};

static const char *const differ[][2] = {
    {matmul, "kernel f(A: f32[M,K], B: f32[N,K]) -> C: f32[M,N] { C[i,j] = sum(k) A[i,k] * B[j,k] }"},
    {matmul, "kernel f(A: f64[M,K], B: f64[K,N]) -> C: f64[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] }"},
    {matmul, "kernel f(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = max(k) A[i,k] * B[k,j] }"},
    {matmul, "kernel f(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] from 1 }"},
    {matmul, "kernel f(A: f32[M,K], B: f32[K,N], inout C: f32[M,N]) { C[i,j] = sum(k) A[i,k] * B[k,j] from C[i,j] }"},
    {matmul, "kernel f(A: f32[M,M], B: f32[M,M]) -> C: f32[M,M] { C[i,j] = sum(k) A[i,k] * B[k,j] }"},
    {matmul, "kernel f(A: f32[M,K] stride [ld,1], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] }"},
    {matmul, "kernel f(A: f32[64,64], B: f32[64,64]) -> C: f32[64,64] { C[i,j] = sum(k) A[i,k] * B[k,j] }"},
    {matmul, "kernel f(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k if k <= i) A[i,k] * B[k,j] }"},
    {"kernel f(X: f32[N], Z: f32[N]) -> Y: f32[N] { Y[i] = X[i] - Z[i] * X[i] }",
     "kernel f(X: f32[N], Z: f32[N]) -> Y: f32[N] { Y[i] = X[i] - Z[i] * Z[i] }"},
    {"kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = X[i] * 2 }", "kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = X[i] * 3 }"},
    {"kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = X[i-1] else 0 }",
     "kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = X[i-1] else 1 }"},
    {"kernel f(X: f32[N], inout Y: f32[N]) { for i in 1..N: Y[i] = X[i] }",
     "kernel f(X: f32[N], inout Y: f32[N]) { for i in 2..N: Y[i] = X[i] }"},
};

START_TEST(test_same) {
  ck_assert_msg(equal(kernel_hash, same[_i][0], same[_i][1]), "%s\n%s", same[_i][0], same[_i][1]);
  ck_assert(equal(kernel_family_hash, same[_i][0], same[_i][1]));
}
END_TEST

START_TEST(test_differ) {
  ck_assert_msg(!equal(kernel_hash, differ[_i][0], differ[_i][1]), "%s\n%s", differ[_i][0], differ[_i][1]);
}
END_TEST

static const char fixed[] =
    "kernel f(A: f32[32,48], B: f32[48,64]) -> C: f32[32,64] { C[i,j] = sum(k) A[i,k] * B[k,j] }";

START_TEST(test_family) {
  ck_assert(!equal(kernel_hash, matmul, fixed));
  ck_assert(equal(kernel_family_hash, matmul, fixed));
  ck_assert(!equal(kernel_family_hash, matmul, differ[0][1]));
  ck_assert(!equal(kernel_family_hash, matmul, differ[1][1]));
}
END_TEST

/* Dims made constant: another kernel, the same family. */
START_TEST(test_specialised) {
  struct arena *a = arena_new();
  struct kernel *k = parse_kernel(a, matmul);
  bool has[6] = {true, true, true};
  int64_t value[6] = {32, 64, 48};
  uint8_t x[32], y[32];
  struct kernel *s = kernel_specialise(a, k, has, value);
  kernel_hash(k, x);
  kernel_hash(s, y);
  ck_assert(memcmp(x, y, 32));
  kernel_family_hash(k, x);
  kernel_family_hash(s, y);
  ck_assert(!memcmp(x, y, 32));
  arena_free(a);
}
END_TEST

/* Schedules name operands and axes by their order, so groups with equal hashes must agree on both. */
START_TEST(test_group_order) {
  struct arena *a = arena_new();
  uint8_t x[32], y[32], z[32];
  struct groups *gs = groups_trivial(a, parse_kernel(a, matmul));
  group_hash(gs, 0, x);
  group_hash(
      groups_trivial(
          a, parse_kernel(a, "kernel f(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k) B[k,j] * A[i,k] }")),
      0, y);
  ck_assert(memcmp(x, y, 32));
  struct axis swap = gs->g[0].axis[0];
  gs->g[0].axis[0] = gs->g[0].axis[1];
  gs->g[0].axis[1] = swap;
  group_hash(gs, 0, z);
  ck_assert(memcmp(x, z, 32));
  arena_free(a);
}
END_TEST

/* Renaming everything changes nothing. */
START_TEST(test_random) {
  struct arena *a = arena_new();
  uint64_t state = test_seed() + (uint64_t)_i * 1000;
  struct gen_opts o = {.max_eq = 6, .integers = true, .any_op = _i % 2, .strides = true};
  for (unsigned n = 0; n < 100; n++) {
    struct kernel *k = kernel_gen(a, &state, &o), *c = kernel_clone(a, k);
    uint8_t x[32], y[32];
    kernel_hash(k, x);
    for (unsigned i = 0; i < c->nsym; i++) c->sym[i].name = arena_printf(a, "s%u", 77 - i);
    for (unsigned i = 0; i < c->ntensor; i++) c->tensor[i].name = arena_printf(a, "q%u", 99 - i);
    for (unsigned i = 0; i < c->nparam; i++)
      c->param[i].name = c->param[i].kind == PARAM_TENSOR ? c->tensor[c->param[i].ref].name : "p";
    kernel_hash(c, y);
    ck_assert(!memcmp(x, y, 32));
    arena_reset(a);
  }
  arena_free(a);
}
END_TEST

static void fill(TCase *t) {
  tcase_add_loop_test(t, test_same, 0, sizeof same / sizeof *same);
  tcase_add_loop_test(t, test_differ, 0, sizeof differ / sizeof *differ);
  tcase_add_test(t, test_family);
  tcase_add_test(t, test_specialised);
  tcase_add_test(t, test_group_order);
  tcase_add_loop_test(t, test_random, 0, 4);
}

int main(void) {
  return run_suite("hash_kernel", fill);
}
