/* Checking: right results pass on every kind of input, planted errors do not, large problems are sampled in about a
   second and errors outside the samples are found through peers. The "device" here is the interpreter (small) or plain
   C (large), with errors planted by hand. */
#include "tests/suite.h"
#include "tuner/check.h"
#include "tuner/check_impl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct arena *arena;
static struct diag *diag;

static void setup(void) {
  arena = arena_new();
  diag = diag_new();
}
static void teardown(void) {
  diag_free(diag);
  arena_free(arena);
}

static const char *messages(void) {
  struct buf b;
  buf_init(&b);
  diag_print(diag, &b, false);
  const char *s = arena_strdup(arena, b.data ? b.data : "");
  buf_free(&b);
  return s;
}

static struct kernel *parse(const char *text) {
  struct kernels ks;
  uint16_t file = diag_file(diag, "test.hone", text, strlen(text));
  ck_assert_msg(kernels_parse(arena, diag, file, text, strlen(text), &ks) == ST_OK, "%s", messages());
  return ks.k[0];
}

static const char matmul[] = "kernel matmul(M: i32, N: i32, K: i32, A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] "
                             "= sum(k) A[i,k] * B[k,j] }";
static const char *const texts[] = {
    matmul,
    "kernel softmax(M: i32, N: i32, K: i32, x: f32[M,N]) -> y: f32[M,N] { m[i] = max(j) x[i,j]\ne[i,j] = exp(x[i,j] - "
    "m[i])\nz[i] = sum(j) e[i,j]\ny[i,j] = e[i,j] / z[i] }",
    "kernel norm(M: i32, N: i32, K: i32, x: f32[M,N], g: f32[N]) -> y: f32[M,N] { s[i] = (sum(j) x[i,j] * x[i,j]) / "
    "f32(N)\nr[i] = 1.0 / sqrt(s[i] + 1e-5)\ny[i,j] = r[i] * x[i,j] * g[j] }",
    "kernel half(M: i32, N: i32, K: i32, A: f16[M,K], B: f16[K,N]) -> C: f16[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] }",
    "kernel ints(M: i32, N: i32, K: i32, A: i8[M,K], B: i8[K,N]) -> C: i32[M,N] { C[i,j] = sum(k) i32(A[i,k]) * "
    "i32(B[k,j]) }",
    "kernel doubles(M: i32, N: i32, K: i32, A: f64[M,K], B: f64[K,N]) -> C: f64[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] "
    "}",
    "kernel transpose(M: i32, N: i32, K: i32, A: f32[M,N]) -> B: f32[N,M] { B[j,i] = A[i,j] }",
    "kernel two(M: i32, N: i32, K: i32, A: f32[M,K], B: f32[K,N], D: f32[N,M]) -> E: f32[M,M] { C[i,j] = sum(k) A[i,k] "
    "* B[k,j]\nE[i,l] = sum(j) C[i,j] * D[j,l] }",
};
enum { TEXTS = sizeof texts / sizeof *texts };

static void problem_of(const struct kernel *k, int64_t M, int64_t N, int64_t K, enum inputs kind, uint64_t seed,
                       struct problem *p) {
  int64_t *value = ARENA_NEW(arena, int64_t, k->nsym + 1);
  const int64_t size[3] = {M, N, K};
  for (unsigned i = 0; i < 3; i++)
    if (k->param[i].kind == PARAM_DIM) value[k->param[i].ref] = size[i]; /* one that is not used as a dim is a scalar */
  ck_assert_msg(check_problem(arena, k, value, kind, seed, 1, p, diag) == ST_OK, "%s", messages());
}

/* What a right candidate gives. */
static struct args interpreted(const struct problem *p) {
  struct args got = p->args;
  got.data = arena_dup(arena, got.data, p->k->nparam * sizeof *got.data);
  for (unsigned i = 0; i < p->k->nparam; i++) {
    int64_t n;
    if (p->k->param[i].kind != PARAM_TENSOR || p->k->tensor[p->k->param[i].ref].role == ROLE_IN) continue;
    ck_assert(tensor_span(p->k, p->k->param[i].ref, &p->args, INT64_MAX / 64, &n));
    got.data[i] =
        arena_dup(arena, got.data[i], (size_t)n * type_size((enum dtype)p->k->tensor[p->k->param[i].ref].type));
  }
  ck_assert_msg(kernel_interp(p->k, &got, arena, NULL, UINT64_MAX / 2, diag) == ST_OK, "%s", messages());
  return got;
}

static unsigned output_of(const struct problem *p, int64_t *n) {
  for (unsigned i = 0; i < p->k->nparam; i++)
    if (p->k->param[i].kind == PARAM_TENSOR && p->k->tensor[p->k->param[i].ref].role != ROLE_IN) {
      ck_assert(tensor_span(p->k, p->k->param[i].ref, &p->args, INT64_MAX / 64, n));
      return i;
    }
  ck_abort();
}

static const int64_t sizes[][3] = {{1, 1, 1},  {7, 5, 3}, {16, 16, 16}, {3, 33, 17},
                                   {2, 1, 40}, {0, 4, 4}, {4, 4, 0},    {-1, 3, 3}};

START_TEST(right_passes) {
  const struct kernel *k = parse(texts[_i]);
  for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int kind = 0; kind < INPUTS_COUNT; kind++) {
      struct problem p;
      struct evidence ev = {0};
      if (strstr(texts[_i], "/ f32(N)") && sizes[s][1] < 1) continue;
      problem_of(k, sizes[s][0], sizes[s][1], sizes[s][2], (enum inputs)kind, 5, &p);
      struct reference *r = check_reference(arena, &p, diag);
      ck_assert_msg(r != NULL, "%s", messages());
      struct args got = interpreted(&p);
      ck_assert_msg(check_compare(&p, r, &got, &ev), "%s size %u kind %d: %s", p.k->name, s, kind, ev.where);
      ck_assert(ev.worst <= 1);
    }
}
END_TEST

START_TEST(each_element_counts) { /* any element spoiled, by one bit where it must be exact */
  const struct kernel *k = parse(texts[_i]);
  struct problem p;
  problem_of(k, 6, 5, 4, INPUTS_EXACT, 9, &p);
  struct reference *r = check_reference(arena, &p, diag);
  struct args got = interpreted(&p);
  int64_t n;
  unsigned o = output_of(&p, &n);
  size_t size = type_size((enum dtype)p.k->tensor[p.k->param[o].ref].type);
  for (int64_t e = 0; e < n; e++) {
    struct evidence ev = {0};
    uint8_t *at = (uint8_t *)got.data[o] + (size_t)e * size + (p.exact ? 0 : size - 1);
    *at ^= p.exact ? 1 : 0x40;
    ck_assert_msg(!check_compare(&p, r, &got, &ev), "%s element %d", p.k->name, (int)e);
    ck_assert(ev.where[0] && ev.worst > 1);
    *at ^= p.exact ? 1 : 0x40;
  }
}
END_TEST

START_TEST(exact_where_it_can_be) {
  static const bool exact[] = {true, false, false, true, true, true, true, true};
  struct problem p;
  problem_of(parse(texts[_i]), 64, 64, 64, INPUTS_EXACT, 1, &p);
  ck_assert_int_eq(p.exact, exact[_i]);
  problem_of(parse(texts[_i]), 64, 64, 64, INPUTS_RANDOM, 1, &p);
  ck_assert_int_eq(p.exact, false);
}
END_TEST

/* A sum kept to 14 bits every 32 terms, cut off: what tensor cores make of products of 8-bit floats. */
static float brief_sum(const struct problem *p, int64_t i, int64_t j, int64_t N, int64_t K) {
  const uint8_t *a = p->args.data[3], *b = p->args.data[4];
  double s = 0;
  for (int64_t k = 0; k < K; k++) {
    s += type_load(DT_e4m3, a + i * K + k).f * type_load(DT_e5m2, b + k * N + j).f;
    int e;
    if (k % 32 == 31 || k + 1 == K) frexp(s, &e), s = ldexp(trunc(ldexp(s, 14 - e)), e - 14);
  }
  return (float)s;
}

START_TEST(brief_sums) {
  enum { M = 4, N = 5, K = 900 };
  const struct kernel *k = parse("kernel f(M: i32, N: i32, K: i32, A: e4m3[M,K], B: e5m2[K,N]) -> C: f32[M,N] { C[i,j] "
                                 "= sum(k) f32(A[i,k]) * f32(B[k,j]) }");
  for (int kind = 0; kind < 2; kind++)
    for (int allowed = 0; allowed < 2; allowed++) {
      struct problem p;
      struct evidence ev = {0};
      problem_of(k, M, N, K, kind ? INPUTS_RANDOM : INPUTS_EXACT, 3, &p);
      check_allow(&p, false, false, allowed);
      ck_assert_int_eq(p.exact, !kind); /* of so small integers that it is exact all the same */
      struct args got = interpreted(&p);
      float *c = got.data[5];
      for (int64_t e = 0; e < M * N; e++) c[e] = brief_sum(&p, e / N, e % N, N, K);
      struct reference *r = check_reference(arena, &p, diag);
      ck_assert_msg(check_compare(&p, r, &got, &ev) == (!kind || allowed), "%d %d: %s", kind, allowed, ev.where);
      c[7] *= 1.25f;
      ck_assert(!check_compare(&p, r, &got, &ev));
    }
}
END_TEST

START_TEST(deterministic) {
  struct problem a, b, c;
  problem_of(parse(matmul), 8, 8, 8, INPUTS_RANDOM, 3, &a);
  problem_of(parse(matmul), 8, 8, 8, INPUTS_RANDOM, 3, &b);
  problem_of(parse(matmul), 8, 8, 8, INPUTS_RANDOM, 4, &c);
  ck_assert_mem_eq(a.args.data[3], b.args.data[3], 256);
  ck_assert_mem_ne(a.args.data[3], c.args.data[3], 256);
  ck_assert_mem_ne(a.args.data[3], a.args.data[4], 256);
}
END_TEST

START_TEST(subscripts_stay_inside) {
  const struct kernel *k =
      parse("kernel gather(M: i32, N: i32, K: i32, A: f32[K], ix: i32[M]) -> B: f32[M] { B[i] = A[ix[i]] }");
  struct problem p;
  for (int kind = 0; kind < INPUTS_COUNT; kind++) {
    problem_of(k, 100, 1, 7, (enum inputs)kind, 3, &p);
    const int32_t *ix = p.args.data[4];
    for (int i = 0; i < 100; i++) ck_assert(ix[i] >= 0 && ix[i] < 7);
    ck_assert_ptr_nonnull(check_reference(arena, &p, diag));
  }
}
END_TEST

START_TEST(special_values_are_there) {
  struct problem p;
  problem_of(parse(matmul), 64, 64, 64, INPUTS_SPECIAL, 3, &p);
  const float *a = p.args.data[3];
  int nan = 0, inf = 0, sub = 0, plain = 0;
  for (int i = 0; i < 64 * 64; i++)
    nan += isnan(a[i]) != 0, inf += isinf(a[i]) != 0, sub += fpclassify(a[i]) == FP_SUBNORMAL,
        plain += isnormal(a[i]) != 0;
  ck_assert_int_gt(nan + inf + sub, 0);
  ck_assert_int_gt(plain, 4000);
}
END_TEST

START_TEST(too_large) {
  const struct kernel *k = parse(matmul);
  int64_t value[8] = {0};
  struct problem p;
  value[k->param[0].ref] = value[k->param[1].ref] = value[k->param[2].ref] = 2000000;
  ck_assert_int_eq(check_problem(arena, k, value, INPUTS_EXACT, 1, 1, &p, diag), ST_INFEASIBLE);
  ck_assert_ptr_nonnull(strstr(messages(), "too large to be run here"));
}
END_TEST

/* Large
 * ------------------------------------------------------------------------------------------------------------------------------------
 */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* C = A B in plain C, the last `drop` terms of each sum left out. */
static struct args plain_matmul(const struct problem *p, int M, int N, int K, int drop) {
  struct args got = p->args;
  got.data = arena_dup(arena, got.data, p->k->nparam * sizeof *got.data);
  const float *a = p->args.data[3], *b = p->args.data[4];
  float *c = got.data[5] = arena_alloc(arena, (size_t)M * (size_t)N * 4);
  for (int i = 0; i < M; i++)
    for (int k = 0; k < K - drop; k++)
      for (int j = 0; j < N; j++)
        c[(size_t)i * (size_t)N + j] += a[(size_t)i * (size_t)K + k] * b[(size_t)k * (size_t)N + j];
  return got;
}

START_TEST(sampled) {
  enum { M = 500, N = 700, K = 600 };
  struct problem p;
  struct evidence ev = {0};
  problem_of(parse(matmul), M, N, K, _i ? INPUTS_RANDOM : INPUTS_EXACT, 3, &p);
  ck_assert_int_eq(p.exact, !_i);
  double start = now();
  struct reference *r = check_reference(arena, &p, diag);
  ck_assert_msg(r != NULL, "%s", messages());
  double took = now() - start;
  ck_assert_msg(took < 8, "%g s", took);
  struct args got = plain_matmul(&p, M, N, K, 0);
  float *c = got.data[5], keep;
  ck_assert_msg(check_compare(&p, r, &got, &ev), "%s", ev.where);
  ck_assert_msg(check_compare(&p, r, &got, &ev), "%s", ev.where); /* now against itself as the peer */
  static const int spoiled[] = {0, N - 1, (M - 1) * N, M * N - 1, 123456, 99 * N + 401}; /* corners; anywhere */
  for (int i = 0; i < 6; i++) {
    keep = c[spoiled[i]];
    c[spoiled[i]] += _i ? 0.5f : 1.0f;
    ck_assert_msg(!check_compare(&p, r, &got, &ev), "element %d", spoiled[i]);
    c[spoiled[i]] = keep;
  }
  ck_assert_msg(check_compare(&p, r, &got, &ev), "%s", ev.where);
  struct args cut = plain_matmul(&p, M, N, K, 1);
  ck_assert(!check_compare(&p, r, &cut, &ev));
}
END_TEST

START_TEST(dropped_term_at_4096) { /* of a first candidate, without a peer */
  struct problem p;
  struct evidence ev = {0};
  problem_of(parse(matmul), 90, 130, 4096, INPUTS_EXACT, 3, &p);
  ck_assert_int_eq(p.exact, true);
  struct reference *r = check_reference(arena, &p, diag);
  struct args cut = plain_matmul(&p, 90, 130, 4096, 1), whole = plain_matmul(&p, 90, 130, 4096, 0);
  ck_assert(!check_compare(&p, r, &cut, &ev));
  ck_assert_ptr_nonnull(strstr(ev.where, "exactly"));
  ck_assert_msg(check_compare(&p, r, &whole, &ev), "%s", ev.where);
}
END_TEST

START_TEST(missed_last_column) {
  enum { M = 500, N = 701, K = 600 };
  struct problem p;
  struct evidence ev = {0};
  problem_of(parse(matmul), M, N, K, INPUTS_RANDOM, 3, &p);
  struct reference *r = check_reference(arena, &p, diag);
  struct args got = plain_matmul(&p, M, N, K, 0);
  uint32_t bits = (uint32_t)measure_poison(DT_f32);
  memcpy((float *)got.data[5] + (size_t)321 * N + N - 1, &bits, 4); /* in one row only */
  ck_assert(!check_compare(&p, r, &got, &ev));
  ck_assert_str_eq(ev.where, "C[321,700]: was not written");
}
END_TEST

START_TEST(wrong_peer_is_overruled) { /* the first candidate was wrong where nobody looked; a right one must still pass,
                                         a wrong one not */
  enum { M = 500, N = 700, K = 600, AT = 77 * N + 333 };
  struct problem p;
  struct evidence ev = {0};
  problem_of(parse(matmul), M, N, K, INPUTS_EXACT, 3, &p);
  struct reference *r = check_reference(arena, &p, diag);
  struct args bad = plain_matmul(&p, M, N, K, 0), good = plain_matmul(&p, M, N, K, 0);
  ((float *)bad.data[5])[AT] += 2;
  ck_assert_msg(check_compare(&p, r, &bad, &ev), "%s", ev.where); /* not seen yet */
  ck_assert_msg(check_compare(&p, r, &good, &ev), "%s", ev.where);
  ck_assert(!check_compare(&p, r, &bad, &ev)); /* now it is */
}
END_TEST

static void fill_box(const struct kernel *k, struct box *b, int64_t i, int64_t j) {
  (void)k;
  *b = (struct box){.any = true, .lo = {i, j}, .hi = {i + 2, j + 3}};
}

/* A kernel cut down to two boxes gives the values of the whole there. */
START_TEST(cut_down) {
  struct problem p;
  problem_of(parse(texts[_i]), 12, 11, 10, INPUTS_RANDOM, 3, &p);
  int64_t n;
  unsigned o = output_of(&p, &n);
  const struct tensor *t = &p.k->tensor[p.k->param[o].ref];
  struct args whole = interpreted(&p);
  int64_t cols;
  ck_assert(poly_is_const(t->extent[1], &cols));
  struct box b[2];
  fill_box(p.k, &b[0], 4, 6);
  fill_box(p.k, &b[1], 1, 2);
  struct problem cut = p;
  cut.k = sample_join(arena, p.k, p.k->param[o].ref, b, 2);
  ck_assert_ptr_nonnull(cut.k);
  ck_assert(kernel_work(cut.k) < kernel_work(p.k));
  struct args part = interpreted(&cut);
  size_t size = type_size((enum dtype)t->type);
  for (int64_t n2 = 0; n2 < 12; n2++) {
    int64_t i = b[n2 / 6].lo[0] + n2 % 6 / 3, j = b[n2 / 6].lo[1] + n2 % 3;
    ck_assert_mem_eq((uint8_t *)whole.data[o] + (size_t)(i * cols + j) * size,
                     (uint8_t *)part.data[o] + (size_t)(i * cols + j) * size, size);
  }
}
END_TEST

START_TEST(in_place) { /* each cut of a kernel that reads its result needs the pristine values */
  const struct kernel *k = parse("kernel upd(M: i32, N: i32, K: i32, A: f32[M,K], B: f32[K,N], inout C: f32[M,N]) { "
                                 "C[i,j] = sum(k) A[i,k] * B[k,j] from C[i,j] }");
  struct problem p;
  struct evidence ev = {0};
  problem_of(k, 300, 200, 1000, INPUTS_EXACT, 3, &p);
  ck_assert(p.exact);
  struct reference *r = check_reference(arena, &p, diag);
  ck_assert_msg(r != NULL, "%s", messages());
  struct args got = p.args;
  got.data = arena_dup(arena, got.data, p.k->nparam * sizeof *got.data);
  const float *a = p.args.data[3], *b = p.args.data[4];
  float *c = got.data[5] = arena_dup(arena, got.data[5], 300 * 200 * 4);
  for (int i = 0; i < 300; i++)
    for (int x = 0; x < 1000; x++)
      for (int j = 0; j < 200; j++) c[i * 200 + j] += a[i * 1000 + x] * b[x * 200 + j];
  ck_assert_msg(check_compare(&p, r, &got, &ev), "%s", ev.where);
  c[0] += 1;
  ck_assert(!check_compare(&p, r, &got, &ev));
}
END_TEST

START_TEST(large_softmax) {
  enum { M = 2000, N = 1000 };
  struct problem p;
  struct evidence ev = {0};
  problem_of(parse(texts[1]), M, N, 1, INPUTS_RANDOM, 3, &p);
  double start = now();
  struct reference *r = check_reference(arena, &p, diag);
  ck_assert_msg(r != NULL, "%s", messages());
  double took = now() - start;
  ck_assert_msg(took < 8, "%g s", took);
  struct args got = p.args;
  got.data = arena_dup(arena, got.data, p.k->nparam * sizeof *got.data);
  const float *x = p.args.data[3];
  float *y = got.data[4] = arena_alloc(arena, (size_t)M * N * 4);
  for (int i = 0; i < M; i++) {
    float max = -INFINITY, sum = 0;
    for (int j = 0; j < N; j++) max = fmaxf(max, x[i * N + j]);
    for (int j = 0; j < N; j++) sum += y[i * N + j] = expf(x[i * N + j] - max);
    for (int j = 0; j < N; j++) y[i * N + j] /= sum;
  }
  ck_assert_msg(check_compare(&p, r, &got, &ev), "%s", ev.where);
  ck_assert(ev.worst < 1);
  y[M * N - 1] = NAN;
  ck_assert(!check_compare(&p, r, &got, &ev));
}
END_TEST

int main(void) {
  Suite *s = suite_create("check");
  TCase *t = tcase_create("check");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, right_passes, 0, TEXTS);
  tcase_add_loop_test(t, each_element_counts, 0, TEXTS);
  tcase_add_loop_test(t, exact_where_it_can_be, 0, TEXTS);
  tcase_add_test(t, brief_sums);
  tcase_add_test(t, deterministic);
  tcase_add_test(t, subscripts_stay_inside);
  tcase_add_test(t, special_values_are_there);
  tcase_add_test(t, too_large);
  tcase_add_loop_test(t, sampled, 0, 2);
  tcase_add_test(t, dropped_term_at_4096);
  tcase_add_test(t, missed_last_column);
  tcase_add_test(t, wrong_peer_is_overruled);
  tcase_add_loop_test(t, cut_down, 0, TEXTS);
  tcase_add_test(t, in_place);
  tcase_add_test(t, large_softmax);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
