/* The LOOP interpreter: small functions whose results are worked out here by hand or by plain C; what it refuses. */
#include "common.h"
#include "ir/interp.h"
#include <math.h>

static struct arena *a;
static struct diag *d;

static struct lfunc *parse(const char *text) {
  struct lfunc *f = NULL;
  uint16_t file = diag_file(d, "f", text, strlen(text));
  bool ok = lfunc_parse(a, d, file, text, strlen(text), &f) == ST_OK && lfunc_verify(f, d);
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, false);
  ck_assert_msg(ok, "%s", b.data);
  buf_free(&b);
  return f;
}

/* N is parameter 0, alpha 1, X 2, Y 3. */
#define HEAD(T)                                                                                                        \
  "func f {\n sym N, i, j, k\n param N: i32 dim N\n param alpha: f32\n param X: " T " tensor X\n param Y: " T          \
  " tensor Y\n"                                                                                                        \
  " tensor X: " T "[N] in\n tensor Y: " T "[N] inout\n"

static enum status run(const char *text, int64_t n, const void *x, void *y, uint64_t max_ops) {
  struct lfunc *f = parse(text);
  int64_t dims[4] = {n};
  union value scalars[4] = {{0}, {.f = 2.5}};
  void *data[4] = {NULL, NULL, (void *)(uintptr_t)x, y};
  struct args args = {.dim = dims, .scalar = scalars, .data = data};
  return lfunc_interp(f, &args, max_ops, d);
}

static void expect_refused(const char *want) {
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, false);
  ck_assert_str_eq(b.data, want);
  buf_free(&b);
}

/* A matrix product in tiles, with a register tile on vector lanes, edges masked by bounds, a packed panel: against
 * three plain loops. */
static const char *const matmul =
    "func mm reassoc {\n sym M, N, K, i1, i0, j1, j0, k1, k0, p, q\n"
    " param M: i32 dim M\n param N: i32 dim N\n param K: i32 dim K\n param A: f32 tensor A\n param B: f32 tensor B\n "
    "param C: f32 tensor C\n"
    " tensor A: f32[M, K] in\n tensor B: f32[K, N] in\n tensor C: f32[M, N] out strides (N + 2, 1)\n"
    " object acc: f32[3, 8] reg\n object pack: f32[5, 8] heap\n"
    " for j1 in 0 .. N step 8 parallel {\n  for i1 in 0 .. M step 3 {\n"
    "   for i0 in 0 .. 3, M - i1 { for j0 in 0 .. 8, N - j1 vector 8 { C[i1 + i0, j1 + j0] = 0 } }\n"
    "   for k1 in 0 .. K step 5 {\n   alloc pack {\n"
    "     for p in 0 .. 5, K - k1 { for q in 0 .. 8, N - j1 vector 8 { pack[p, q] = B[k1 + p, j1 + q] } }\n"
    "     alloc acc {\n"
    "       for i0 in 0 .. 3 unroll { for j0 in 0 .. 8 vector 8 { acc[i0, j0] = 0 } }\n"
    "       for k0 in 0 .. 5, K - k1 { for i0 in 0 .. 3 unroll { if M - 1 - i1 - i0 >= 0 {\n"
    "         for j0 in 0 .. 8, N - j1 vector 8 { acc[i0, j0] sum= A[i1 + i0, k1 + k0] * pack[k0, j0] } } } }\n"
    "       for i0 in 0 .. 3 unroll { if M - 1 - i1 - i0 >= 0 {\n"
    "         for j0 in 0 .. 8, N - j1 vector 8 { C[i1 + i0, j1 + j0] sum= acc[i0, j0] } } }\n"
    "     } } } } } }\n";

START_TEST(tiled_matrix_product) {
  struct lfunc *f = parse(matmul);
  for (int m = 0; m < 8; m++)
    for (int n = 0; n < 18; n += 5)
      for (int k = 0; k < 12; k += 3) {
        float A[8 * 12], B[12 * 18], C[8 * 20], W[8 * 20];
        for (int i = 0; i < m * k; i++) A[i] = (float)(i % 7 - 3);
        for (int i = 0; i < k * n; i++) B[i] = (float)(i % 5 - 2);
        for (int i = 0; i < 8 * 20; i++) C[i] = W[i] = 99;
        for (int i = 0; i < m; i++)
          for (int j = 0; j < n; j++) {
            W[i * (n + 2) + j] = 0;
            for (int l = 0; l < k; l++) W[i * (n + 2) + j] += A[i * k + l] * B[l * n + j];
          }
        struct args args = {.dim = (int64_t[]){m, n, k, 0, 0, 0}, .data = (void *[]){NULL, NULL, NULL, A, B, C}};
        ck_assert_int_eq(lfunc_interp(f, &args, 1000000, d), ST_OK);
        ck_assert_mem_eq(C, W, sizeof C);
      }
}
END_TEST

/* Each operation is rounded to the type it is written in. */
START_TEST(arithmetic_is_in_the_type_written) {
  float x[4] = {16777216, 1, 0.1f, 3}, y[4] = {0};
  ck_assert_int_eq(
      run(HEAD("f32") "Y[0] = X[0] + X[1] + X[1]\n Y[1] = f32(f64(X[0]) + 1.0 + f64(X[1]))\n Y[2] = X[2] * X[3] - 0.3\n"
                      " Y[3] = f32(f16(X[2])) }",
          4, x, y, 1000),
      ST_OK);
  ck_assert(y[0] == 16777216 && y[1] == 16777218);
  volatile float p = 0.1f * 3;
  ck_assert(y[2] == p - 0.3f);
  ck_assert(y[3] == 0x1.998p-4f);
  int8_t b[2] = {100, -128}, c[2] = {0};
  ck_assert_int_eq(run(HEAD("i8") "Y[0] = X[0] + X[0]\n Y[1] = X[1] / -1 }", 2, b, c, 1000), ST_OK);
  ck_assert(c[0] == -56 && c[1] == -128);
}
END_TEST

START_TEST(scalars_dims_and_guards) {
  float x[5] = {1, 2, 3, 4, 5}, y[5] = {9, 9, 9, 9, 9}, want[5] = {-1, 7.5f, 10, 12.5f, 9};
  ck_assert_int_eq(run(HEAD("f32") "for i in 0 .. N { when (i - 1 >= 0, N - 2 - i >= 0) Y[i] = X[i] * alpha + (X[i - "
                                   "7] if i - 7 >= 0 else 0) + f32(N - 3)*0.0 + "
                                   "select(i > 0, 0, f32(i)) + (X[i - 1] if i - 2 >= 0 else 2.5) - (X[i-1] if i - 2 >= "
                                   "0 else 0) }\n Y[0] = -1 }",
                       5, x, y, 10000),
                   ST_OK);
  want[1] = 2 * 2.5f + 2.5f;
  want[2] = 3 * 2.5f;
  want[3] = 4 * 2.5f;
  ck_assert_mem_eq(y, want, sizeof y);
}
END_TEST

START_TEST(gather_and_while) {
  int32_t x[4] = {3, 2, 0, 1}, y[4] = {0};
  ck_assert_int_eq(run(HEAD("i32") " local n: i32\n local at: i64\n n = 0\n at = 0\n while n < 4 { Y[0 @ n] = "
                                   "X[X[at]]\n at = at + 1\n n = n + 1 } }",
                       4, x, y, 10000),
                   ST_OK);
  for (int i = 0; i < 4; i++) ck_assert_int_eq(y[i], x[x[i]]);
}
END_TEST

START_TEST(once_and_bounds) {
  int32_t x[1] = {0}, y[4] = {0};
  ck_assert_int_eq(run(HEAD("i32") "for i in 3 .. 3 once { Y[0] sum= 1\n Y[1] = i32(i) }\n for i in 0, 2, 1 .. 9, 4, 7 "
                                   "{ Y[2] sum= i32(i) }\n"
                                   " for i in 0 .. 10 step 4 { Y[3] sum= i32(i) }\n for i in 5 .. 2 { Y[3] = -1 } }",
                       4, x, y, 10000),
                   ST_OK);
  ck_assert(y[0] == 1 && y[1] == 3 && y[2] == 5 && y[3] == 12);
}
END_TEST

/* X is read, Y written: with room between them the first form is run, one over the other the second. */
START_TEST(arrays_apart) {
  int32_t x[8] = {0};
  const char *text = HEAD("i32") "if N - 1 >= 0 apart { Y[0] = 1 } else { Y[0] = 2 } }";
  ck_assert_int_eq(run(text, 4, x, x + 4, 1000), ST_OK);
  ck_assert_int_eq(x[4], 1);
  ck_assert_int_eq(run(text, 4, x, x + 3, 1000), ST_OK);
  ck_assert_int_eq(x[3], 2);
}
END_TEST

START_TEST(reductions) {
  float x[6] = {1, NAN, -3, 7, 2, NAN}, y[6] = {0, 0, 0, 0, 0, 0};
  ck_assert_int_eq(run(HEAD("f32") "Y[0] = -inf\n Y[1] = inf\n Y[2] = 1\n for i in 0 .. N vector 8 { Y[0] max= X[i]\n "
                                   "Y[1] min= X[i]\n Y[2] prod= select(X[i] == X[i], X[i], 1)"
                                   "\n Y[3] or= select(X[i] > 6, 1, 0) } }",
                       6, x, y, 10000),
                   ST_OK);
  ck_assert(y[0] == 7 && y[1] == -3 && y[2] == -42 && y[3] == 1);
}
END_TEST

/* A buffer is fresh each time it is allocated, and what was not written shows. */
START_TEST(fresh_memory_is_poisoned) {
  float x[2] = {0}, y[2] = {0};
  ck_assert_int_eq(run(HEAD("f32") " object t: f32[N] heap\n local s: f32\n for i in 0 .. 2 { alloc t { Y[i] = t[i]\n "
                                   "t[0] = 1\n t[1] = 1 } }\n Y[0] sum= s }",
                       2, x, y, 1000),
                   ST_OK);
  ck_assert(isnan(y[0]) && isnan(y[1]));
  int32_t p[2] = {0}, q[2] = {0};
  ck_assert_int_eq(
      run(HEAD("i32") " object t: i32[2] reg\n alloc t { Y[0] = t[0]\n t[0] = 5\n Y[1] = t[0] } }", 2, p, q, 1000),
      ST_OK);
  ck_assert(q[0] == (int32_t)0xa5a5a5a5 && q[1] == 5);
}
END_TEST

START_TEST(buffers_grow_and_shrink) {
  int32_t x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8] = {0};
  ck_assert_int_eq(run(HEAD("i32") " object t: i32[i + 1, 2] heap\n for i in 0 .. N { alloc t { for j in 0 .. i + 1 { "
                                   "t[j, 0] = X[j]\n t[j, 1] = 1 }\n"
                                   " for j in 0 .. i + 1 { Y[i] sum= t[j, 0] * t[j, 1] } } } }",
                       8, x, y, 10000),
                   ST_OK);
  for (int i = 0; i < 8; i++) ck_assert_int_eq(y[i], (i + 1) * (i + 2) / 2);
}
END_TEST

/* What iterations of a parallel loop may share: what they only read, buffers of their own, elements of earlier regions;
 * a nested loop that is not right inside runs serially. */
START_TEST(parallel_iterations) {
  static const char *const body[] = {
      "for i in 0 .. N parallel { Y[i] = X[0] } }",
      " object t: f32[N] heap\n for i in 0 .. N parallel { alloc t { for j in 0 .. N { t[j] = X[j] } Y[i] = t[i] } } }",
      "for j in 0 .. 3 { for i in 0 .. N parallel { Y[i] sum= X[i] } } }",
      "for i in 0 .. 1 parallel { Y[0] = 0 for j in 0 .. N parallel { Y[0] sum= X[j] } } }",
      (" object t: f32[N] heap\n"
       " alloc t { for i in 0 .. N parallel { t[i] = X[i] } for i in 0 .. N parallel { Y[i] = t[0] } } }"),
  };
  float x[4] = {1, 2, 3, 4}, y[4] = {0};
  for (size_t i = 0; i < sizeof body / sizeof *body; i++)
    ck_assert_msg(run(arena_printf(a, HEAD("f32") "%s", body[i]), 4, x, y, 1000) == ST_OK, "%s", body[i]);
}
END_TEST

START_TEST(refusals) {
  struct {
    const char *body, *message;
  } t[] = {
      {"Y[N] = 0 }", "hone: error: f: store of Y at 4, outside its 4 elements\n"},
      {"Y[-1] = 0 }", "hone: error: f: store of Y at -1, outside its 4 elements\n"},
      {"Y[0] = X[2*N] }", "hone: error: f: read of X at 8, outside its 4 elements\n"},
      {" object t: f32[2, 3] heap\n alloc t { t[0, 3] = 1 } }",
       "hone: error: f: store of t at 3, outside its 3 elements\n"},
      {"for i in 0 .. N vector 2 { Y[i] = 0 } }", "hone: error: f: 4 iterations for the 2 lanes of i\n"},
      {"for i in 0 .. N parallel { Y[0] = X[i] } }",
       "hone: error: f: iterations of a parallel loop meet in element 0 of Y\n"},
      {"for i in 1 .. N parallel { Y[i] = Y[i - 1] } }",
       "hone: error: f: iterations of a parallel loop meet in element 1 of Y\n"},
      {"for i in 1 .. N parallel { Y[i - 1] = Y[i] } }",
       "hone: error: f: iterations of a parallel loop meet in element 1 of Y\n"},
      {"for i in 0 .. 2 parallel { for k in 0 .. N parallel { Y[i] sum= X[k] } } }",
       "hone: error: f: iterations of a parallel loop meet in element 0 of Y\n"},
      {"Y[9223372036854775807*N] = 0 }", "hone: error: f: integer overflow in a subscript or bound\n"},
      {" object t: f32[4294967296*N, N] heap\n alloc t { t[0, 0] = 1 } }", "hone: error: f: buffer t is too large\n"},
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    float x[4] = {0}, y[4] = {7, 7, 7, 7};
    ck_assert_msg(run(arena_printf(a, HEAD("f32") "%s", t[i].body), 4, x, y, 1000) == ST_REFUSED, "%s", t[i].body);
    expect_refused(t[i].message);
    diag_clear(d);
  }
}
END_TEST

START_TEST(work_is_bounded) {
  float x[1] = {0}, y[1] = {0};
  ck_assert_int_eq(run(HEAD("f32") "while true { Y[0] sum= 1 } }", 1, x, y, 1000), ST_INFEASIBLE);
  ck_assert_int_eq(run(HEAD("f32") "for i in 0 .. 9223372036854775807 { } }", 1, x, y, 1000), ST_INFEASIBLE);
  ck_assert_int_eq(
      run(HEAD("f32") "for i in 9223372036854775800 .. 9223372036854775807 step 4 { Y[0] = 5 } }", 1, x, y, 1000),
      ST_OK);
  ck_assert(y[0] == 5);
}
END_TEST

/* Empty and negative extents: nothing may be touched, and nothing is. */
START_TEST(nothing_to_do) {
  for (int n = -3; n <= 0; n++)
    ck_assert_int_eq(run(HEAD("f32") "for i in 0 .. N { Y[i] = X[i] } }", n, NULL, NULL, 1000), ST_OK);
}
END_TEST

/* SOURCE: `T *` has no span to check against. */
START_TEST(unknown_extents) {
  float x[6] = {1, 2, 3, 4, 5, 6};
  struct lfunc *f =
      parse("func f {\n sym N, i\n param N: i32 dim N\n param X: f32 tensor X flat\n tensor X: f32[] inout\n"
            " for i in 0 .. N { X[2*i + 1] = X[2*i] } }");
  struct args args = {.dim = (int64_t[]){3, 0}, .data = (void *[]){NULL, x}};
  ck_assert_int_eq(lfunc_interp(f, &args, 1000, d), ST_OK);
  ck_assert(x[1] == 1 && x[3] == 3 && x[5] == 5);
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
  tcase_add_test(t, parallel_iterations);
  tcase_add_test(t, tiled_matrix_product);
  tcase_add_test(t, arithmetic_is_in_the_type_written);
  tcase_add_test(t, scalars_dims_and_guards);
  tcase_add_test(t, gather_and_while);
  tcase_add_test(t, once_and_bounds);
  tcase_add_test(t, arrays_apart);
  tcase_add_test(t, reductions);
  tcase_add_test(t, fresh_memory_is_poisoned);
  tcase_add_test(t, buffers_grow_and_shrink);
  tcase_add_test(t, refusals);
  tcase_add_test(t, work_is_bounded);
  tcase_add_test(t, nothing_to_do);
  tcase_add_test(t, unknown_extents);
}

int main(void) {
  return run_suite("loop-interp", fill);
}
