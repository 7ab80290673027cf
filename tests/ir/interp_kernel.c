/* The TENSOR interpreter against straightforward C: the C result in the kernel's own types must lie within the bound of
   the reference, which must be tight enough to mean something; integers must be equal; out of bounds is refused. */
#include "ir/interp.h"
#include "tests/gen/kernel_gen.h"
#include "tests/ir/common.h"
#include <math.h>

enum { M = 7, N = 9, K = 33 };
struct run {
  struct arena *a;
  struct diag *d;
  struct kernel *k;
  struct args args;
  struct expect *want;
  enum status st;
};
static uint64_t state;

static float frand(void) {
  return (float)((double)(rnd(&state) >> 40) / (1 << 23) - 1.0);
}

static unsigned param(const struct run *r, const char *name) {
  for (unsigned i = 0; i < r->k->nparam; i++)
    if (!strcmp(r->k->param[i].name, name)) return i;
  ck_abort_msg("no parameter %s", name);
}

static struct run begin(const char *text) {
  struct run r = {.a = arena_new(), .d = diag_new()};
  struct kernels ks;
  struct buf b;
  buf_init(&b);
  enum status st = kernels_parse(r.a, r.d, diag_file(r.d, "t", text, strlen(text)), text, strlen(text), &ks);
  diag_print(r.d, &b, false);
  ck_assert_msg(st == ST_OK, "%s", b.data);
  buf_free(&b);
  r.k = ks.k[0];
  r.args.dim = ARENA_NEW(r.a, int64_t, r.k->nparam);
  r.args.scalar = ARENA_NEW(r.a, union value, r.k->nparam);
  r.args.data = ARENA_NEW(r.a, void *, r.k->nparam);
  r.want = ARENA_NEW(r.a, struct expect, r.k->nparam);
  state = test_seed();
  return r;
}

static void dim(struct run *r, const char *name, int64_t v) {
  r->args.dim[param(r, name)] = v;
}

/* Memory of a tensor, floats in [-1, 1), small integers. */
static void *fill(struct run *r, const char *name, size_t n) {
  unsigned p = param(r, name);
  enum dtype t = (enum dtype)r->k->param[p].type;
  char *m = arena_alloc(r->a, n * type_size(t) + 16);
  for (size_t i = 0; i < n; i++) {
    union value v = {0};
    if (type_is_float(t)) {
      v.f = (double)frand();
    } else {
      v.i = type_is_signed(t) ? (int64_t)below(&state, 255) - 127 : (int64_t)below(&state, 255);
    }
    type_store(t, m + i * type_size(t), type_round(t, v));
  }
  r->args.data[p] = m;
  return m;
}

static void go(struct run *r) {
  r->st = kernel_interp(r->k, &r->args, r->a, r->want, UINT64_MAX / 2, r->d);
}

static void end(struct run *r) {
  diag_free(r->d);
  arena_free(r->a);
}

/* got: what plain C computes. loose: how many times the unit round-off of the largest value the bound may be. */
static void check_floats(struct run *r, const char *name, const float *got, size_t n, double loose) {
  const struct expect *w = &r->want[param(r, name)];
  double largest = 0;
  ck_assert_int_eq(r->st, ST_OK);
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(w->ref[i]));
  for (size_t i = 0; i < n; i++) {
    ck_assert_msg(w->written[i], "%s[%zu] not written", name, i);
    ck_assert_msg(fabs((double)got[i] - w->ref[i]) <= w->bound[i], "%s[%zu]: got %.9g, reference %.9g, bound %.3g",
                  name, i, (double)got[i], w->ref[i], w->bound[i]);
    ck_assert_msg(w->bound[i] <= loose * 0x1p-24 * (largest + 1e-30), "%s[%zu]: bound %.3g for %.3g", name, i,
                  w->bound[i], w->ref[i]);
    ck_assert_msg(((float *)r->args.data[param(r, name)])[i] == (float)w->ref[i], "memory differs from the reference");
  }
}

START_TEST(test_matmul) {
  struct run r = begin("kernel f(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] }");
  static float c[M][N];
  float(*a)[K] = fill(&r, "A", M * K), (*b)[N] = fill(&r, "B", K * N);
  fill(&r, "C", M * N);
  dim(&r, "M", M), dim(&r, "N", N), dim(&r, "K", K);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      c[i][j] = 0;
      for (int k = 0; k < K; k++) c[i][j] += a[i][k] * b[k][j];
    }
  go(&r);
  check_floats(&r, "C", &c[0][0], M * N, 600);
  end(&r);
}
END_TEST

/* The bound must be small enough to see that the last term of 33 is missing. */
START_TEST(test_dropped_term) {
  struct run r = begin("kernel f(x: f32[K]) -> s: f32[] { s[] = sum(k) x[k] }");
  float *x = fill(&r, "x", K), sum = 0;
  fill(&r, "s", 1);
  dim(&r, "K", K);
  for (int k = 0; k < K - 1; k++) sum += x[k];
  go(&r);
  const struct expect *w = &r.want[param(&r, "s")];
  ck_assert(fabs((double)sum - w->ref[0]) > w->bound[0]);
  end(&r);
}
END_TEST

/* Roundings of equal terms err alike: the plain order, which --fp strict must keep, has to be within the bound at any
 * length. */
START_TEST(test_drift) {
  struct run r = begin("kernel f(x: f32[n]) -> s: f32[] { s[] = sum(k) x[k] }");
  enum { LONG = 40000 };
  float *x = fill(&r, "x", LONG), sum = 0, lanes[16] = {0};
  fill(&r, "s", 1);
  dim(&r, "n", LONG);
  for (int k = 0; k < LONG; k++) x[k] = 0.1f;
  for (int k = 0; k < LONG; k++) sum += x[k], lanes[k % 16] += x[k];
  for (int l = 1; l < 16; l++) lanes[0] += lanes[l];
  go(&r);
  const struct expect *w = &r.want[param(&r, "s")];
  ck_assert(fabs((double)sum - w->ref[0]) > 0x1p-24 * w->ref[0] * (8 + 2 * sqrt(LONG))); /* it does drift */
  ck_assert(fabs((double)sum - w->ref[0]) <= w->bound[0]);
  ck_assert(fabs((double)lanes[0] - w->ref[0]) <= w->bound[0]);
  end(&r);
}
END_TEST

START_TEST(test_conv) {
  enum { C = 3, H = 6, W = 5, O = 2 };
  struct run r = begin("kernel f(X: f32[C,H,W], F: f32[O,C,3,3]) -> Y: f32[O,H,W] {\n"
                       "  Y[o,y,x] = sum(c, r, s) F[o,c,r,s] * (X[c, y + r - 1, x + s - 1] else 0) }");
  static float y[O][H][W];
  float(*x)[H][W] = fill(&r, "X", C * H * W), (*f)[C][3][3] = fill(&r, "F", O * C * 9);
  fill(&r, "Y", O * H * W);
  dim(&r, "C", C), dim(&r, "H", H), dim(&r, "W", W), dim(&r, "O", O);
  for (int o = 0; o < O; o++)
    for (int i = 0; i < H; i++)
      for (int j = 0; j < W; j++) {
        float s = 0;
        for (int c = 0; c < C; c++)
          for (int p = 0; p < 3; p++)
            for (int q = 0; q < 3; q++) {
              int u = i + p - 1, v = j + q - 1;
              if (u >= 0 && u < H && v >= 0 && v < W) s += f[o][c][p][q] * x[c][u][v];
            }
        y[o][i][j] = s;
      }
  go(&r);
  check_floats(&r, "Y", &y[0][0][0], O * H * W, 600);
  end(&r);
}
END_TEST

START_TEST(test_softmax) {
  struct run r = begin(gen_texts[2]);
  static float y[M][N];
  float(*x)[N] = fill(&r, "x", M * N);
  fill(&r, "y", M * N);
  dim(&r, "R", M), dim(&r, "C", N);
  for (int i = 0; i < M; i++) {
    float m = -INFINITY, z = 0;
    for (int j = 0; j < N; j++) m = x[i][j] > m ? x[i][j] : m;
    for (int j = 0; j < N; j++) z += y[i][j] = expf(x[i][j] - m);
    for (int j = 0; j < N; j++) y[i][j] /= z;
  }
  go(&r);
  check_floats(&r, "y", &y[0][0], M * N, 100);
  end(&r);
}
END_TEST

START_TEST(test_attention) {
  enum { T = 5, S = 11, D = 8 };
  struct run r = begin(gen_texts[3]);
  static float o[T][D], p[S];
  float(*q)[D] = fill(&r, "Q", T * D), (*k)[D] = fill(&r, "K", S * D), (*v)[D] = fill(&r, "V", S * D);
  fill(&r, "O", T * D);
  dim(&r, "B", 1), dim(&r, "H", 1), dim(&r, "T", T), dim(&r, "S", S), dim(&r, "D", D);
  for (int t = 0; t < T; t++) {
    float m = -INFINITY, z = 0;
    for (int s = 0; s < S; s++) {
      p[s] = 0;
      for (int d = 0; d < D; d++) p[s] += q[t][d] * k[s][d] * (1.0f / sqrtf(D));
      m = p[s] > m ? p[s] : m;
    }
    for (int s = 0; s < S; s++) z += p[s] = expf(p[s] - m);
    for (int d = 0; d < D; d++) {
      o[t][d] = 0;
      for (int s = 0; s < S; s++) o[t][d] += p[s] * v[s][d] / z;
    }
  }
  go(&r);
  check_floats(&r, "O", &o[0][0], T * D, 3000);
  end(&r);
}
END_TEST

START_TEST(test_stencil) {
  struct run r = begin(gen_texts[5]);
  static float want[M][N];
  float(*a)[N] = fill(&r, "A", M * N), (*b)[N] = fill(&r, "B", M * N);
  memcpy(want, b, sizeof want);
  dim(&r, "N", M), dim(&r, "M", N);
  for (int i = 1; i < M - 1; i++)
    for (int j = 1; j < N - 1; j++)
      want[i][j] = 0.2f * (a[i][j] + a[i][j - 1] + a[i][j + 1] + a[i - 1][j] + a[i + 1][j]);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  const struct expect *w = &r.want[param(&r, "B")];
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      bool inside = i > 0 && i < M - 1 && j > 0 && j < N - 1;
      ck_assert_int_eq(w->written[i * N + j], inside);
      if (inside) ck_assert(fabs((double)want[i][j] - w->ref[i * N + j]) <= w->bound[i * N + j]);
      if (!inside) ck_assert(b[i][j] == want[i][j]);
    }
  end(&r);
}
END_TEST

START_TEST(test_int8) {
  struct run r = begin("kernel f(A: i8[M,K], B: i8[K,N]) -> C: i32[M,N] { C[i,j] = sum(k) i32(A[i,k]) * i32(B[k,j]) }");
  int8_t(*a)[K] = fill(&r, "A", M * K), (*b)[N] = fill(&r, "B", K * N);
  int32_t(*c)[N] = fill(&r, "C", M * N);
  dim(&r, "M", M), dim(&r, "N", N), dim(&r, "K", K);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  const struct expect *w = &r.want[param(&r, "C")];
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      int32_t s = 0;
      for (int k = 0; k < K; k++) s += a[i][k] * b[k][j];
      ck_assert_int_eq(c[i][j], s);
      ck_assert_int_eq(w->ival[i * N + j], s);
      ck_assert(w->bound[i * N + j] == 0);
    }
  end(&r);
}
END_TEST

START_TEST(test_requantise) {
  struct run r = begin(gen_texts[6]);
  int8_t(*a)[K] = fill(&r, "A", M * K), (*b)[N] = fill(&r, "B", K * N);
  fill(&r, "C", M * N);
  dim(&r, "M", M), dim(&r, "N", N), dim(&r, "K", K);
  r.args.scalar[param(&r, "scale")].f = (double)0.003f;
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  const struct expect *w = &r.want[param(&r, "C")];
  int exact = 0;
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      int32_t s = 0;
      for (int k = 0; k < K; k++) s += a[i][k] * b[k][j];
      float q = rintf((float)s * 0.003f);
      int8_t got = (int8_t)(q > 127 ? 127 : q < -128 ? -128 : q);
      ck_assert(fabs((double)got - (double)w->ival[i * N + j]) <= w->bound[i * N + j]);
      exact += w->bound[i * N + j] == 0;
    }
  ck_assert_int_gt(exact, M * N / 2);
  end(&r);
}
END_TEST

START_TEST(test_argmin) {
  enum { D = 4 };
  struct run r = begin(gen_texts[7]);
  float(*x)[D] = fill(&r, "X", M * D), (*c)[D] = fill(&r, "C", N * D);
  int32_t *l = fill(&r, "L", M);
  dim(&r, "N", M), dim(&r, "K", N), dim(&r, "D", D);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  for (int i = 0; i < M; i++) {
    float best = INFINITY;
    int at = -1;
    for (int k = 0; k < N; k++) {
      float s = 0;
      for (int d = 0; d < D; d++) s += (x[i][d] - c[k][d]) * (x[i][d] - c[k][d]);
      if (s < best) best = s, at = k;
    }
    ck_assert_int_eq(l[i], at);
  }
  end(&r);
}
END_TEST

START_TEST(test_ties) {
  struct run r = begin("kernel f(x: f32[K]) -> L: i64[], m: f32[] {\n L[] = argmax(k) x[k]\n m[] = max(k) x[k]\n}");
  float *x = fill(&r, "x", K);
  int64_t *l = fill(&r, "L", 1);
  fill(&r, "m", 1);
  dim(&r, "K", K);
  for (int k = 0; k < K; k++) x[k] = k == 5 || k == 20 ? 3.0f : NAN;
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  ck_assert_int_eq(*l, 5);
  ck_assert(*(float *)r.args.data[param(&r, "m")] == 3.0f);
  end(&r);
}
END_TEST

START_TEST(test_triangular) {
  struct run r =
      begin("kernel f(A: f32[N,N], B: f32[N,M]) -> C: f32[N,M] { C[i,j] = sum(k in 0..i+1) A[i,k] * B[k,j] }");
  static float c[M][N];
  float(*a)[M] = fill(&r, "A", M * M), (*b)[N] = fill(&r, "B", M * N);
  fill(&r, "C", M * N);
  dim(&r, "N", M), dim(&r, "M", N);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      c[i][j] = 0;
      for (int k = 0; k <= i; k++) c[i][j] += a[i][k] * b[k][j];
    }
  go(&r);
  check_floats(&r, "C", &c[0][0], M * N, 600);
  end(&r);
}
END_TEST

/* A guard over parallel indices only leaves a reduction its start value, and still writes. */
START_TEST(test_guarded_reduction) {
  struct run r = begin("kernel f(A: f32[N,N]) -> C: f32[N] { C[i] = sum(k if i >= 2) A[i,k] from 5 }");
  float *a = fill(&r, "A", M * M), *c = fill(&r, "C", M);
  dim(&r, "N", M);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  const struct expect *w = &r.want[param(&r, "C")];
  for (int i = 0; i < M; i++) {
    double s = 5;
    for (int k = 0; i >= 2 && k < M; k++) s += (double)a[i * M + k];
    ck_assert(w->written[i]);
    ck_assert(fabs((double)c[i] - s) < 1e-5);
  }
  end(&r);
}
END_TEST

/* The whole right side first. */
START_TEST(test_shift) {
  struct run r = begin("kernel f(inout X: f32[N]) { for i in 0..N-1: X[i] = X[i+1] }");
  float *x = fill(&r, "X", N), old[N];
  memcpy(old, x, sizeof old);
  dim(&r, "N", N);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  for (int i = 0; i < N; i++) ck_assert(x[i] == old[i == N - 1 ? i : i + 1]);
  end(&r);
}
END_TEST

START_TEST(test_reverse) {
  struct run r = begin("kernel f(inout X: i32[N]) { X[i] = X[N - 1 - i] }");
  int32_t *x = fill(&r, "X", N), old[N];
  memcpy(old, x, sizeof old);
  dim(&r, "N", N);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  for (int i = 0; i < N; i++) ck_assert_int_eq(x[i], old[N - 1 - i]);
  end(&r);
}
END_TEST

START_TEST(test_strided) {
  struct run r = begin("kernel f(A: f32[M,N] stride [ld,1], ld: i32) -> y: f32[M] { y[i] = sum(j) A[i,j] }");
  float *a = fill(&r, "A", M * 20), *y = fill(&r, "y", M);
  dim(&r, "M", M), dim(&r, "N", N), dim(&r, "ld", 20);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  for (int i = 0; i < M; i++) {
    float s = 0;
    for (int j = 0; j < N; j++) s += a[i * 20 + j];
    ck_assert(fabs((double)(s - y[i])) < 1e-5);
  }
  end(&r);
}
END_TEST

START_TEST(test_gather) {
  struct run r = begin("kernel f(X: f32[K], idx: i32[N]) -> Y: f32[N] { Y[i] = X[idx[i]] }");
  float *x = fill(&r, "X", K), *y = fill(&r, "Y", N);
  int32_t *idx = fill(&r, "idx", N);
  dim(&r, "K", K), dim(&r, "N", N);
  for (int i = 0; i < N; i++) idx[i] = (i * 7) % K;
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  for (int i = 0; i < N; i++) ck_assert(y[i] == x[idx[i]]);
  idx[3] = K;
  go(&r);
  ck_assert_int_eq(r.st, ST_REFUSED);
  struct buf b;
  buf_init(&b);
  diag_print(r.d, &b, false);
  ck_assert_msg(strstr(b.data, "X[33]") != NULL, "%s", b.data);
  buf_free(&b);
  end(&r);
}
END_TEST

START_TEST(test_empty) {
  struct run r = begin("kernel f(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] }");
  fill(&r, "A", 1), fill(&r, "B", 1);
  float *c = fill(&r, "C", 4);
  dim(&r, "M", 2), dim(&r, "N", 2), dim(&r, "K", 0);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  for (int i = 0; i < 4; i++) ck_assert(c[i] == 0);
  dim(&r, "M", 0);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  dim(&r, "M", -3);
  go(&r);
  ck_assert_int_eq(r.st, ST_OK);
  end(&r);
}
END_TEST

START_TEST(test_limit) {
  struct run r = begin("kernel f(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k) A[i,k] * B[k,j] }");
  fill(&r, "A", 100 * 100), fill(&r, "B", 100 * 100), fill(&r, "C", 100 * 100);
  dim(&r, "M", 100), dim(&r, "N", 100), dim(&r, "K", 100);
  ck_assert_int_eq(kernel_interp(r.k, &r.args, r.a, NULL, 10000, r.d), ST_INFEASIBLE);
  end(&r);
}
END_TEST

/* Sums of small integers are exact: any correct order gives this value, so the reference itself must. */
START_TEST(test_exact) {
  struct run r = begin("kernel f(x: f32[K], y: f32[K]) -> s: f32[] { s[] = sum(k) x[k] * y[k] }");
  float *x = fill(&r, "x", K), *y = fill(&r, "y", K), s = 0;
  fill(&r, "s", 1);
  dim(&r, "K", K);
  for (int k = 0; k < K; k++) {
    x[k] = (float)(k % 5 - 2);
    y[k] = (float)(k % 7 - 3);
    s += x[k] * y[k];
  }
  go(&r);
  ck_assert(r.want[param(&r, "s")].ref[0] == (double)s);
  end(&r);
}
END_TEST

/* Random kernels run, or are refused with a message; the same arguments give the same result. */
START_TEST(test_random) {
  uint64_t seed = test_seed() * 31 + (uint64_t)_i;
  struct gen_opts o = {.max_eq = 5, .integers = true, .strides = true, .any_op = _i % 2};
  for (unsigned n = 0; n < 40; n++) {
    struct run r = {.a = arena_new(), .d = diag_new()};
    r.k = kernel_gen(r.a, &seed, &o);
    r.args.dim = ARENA_NEW(r.a, int64_t, r.k->nparam);
    r.args.scalar = ARENA_NEW(r.a, union value, r.k->nparam);
    r.args.data = ARENA_NEW(r.a, void *, r.k->nparam);
    r.want = ARENA_NEW(r.a, struct expect, r.k->nparam);
    for (unsigned i = 0; i < r.k->nparam; i++) r.args.dim[i] = (int64_t)below(&seed, 7);
    state = seed;
    for (unsigned i = 0; i < r.k->nparam; i++) {
      int64_t span = 0;
      if (r.k->param[i].kind == PARAM_TENSOR) {
        ck_assert(tensor_span(r.k, r.k->param[i].ref, &r.args, 1 << 20, &span));
        fill(&r, r.k->param[i].name, (size_t)span);
      }
    }
    go(&r);
    struct buf b;
    buf_init(&b);
    kernel_print(&b, r.k);
    diag_print(r.d, &b, false);
    ck_assert_msg(r.st == ST_OK || (r.st == ST_REFUSED && strstr(b.data, "undefined")), "status %d\n%s", r.st, b.data);
    buf_free(&b);
    end(&r);
  }
}
END_TEST

/* Same kernel with a guard i*i >= 0 everywhere: it is not affine, so every value is computed one by one. */
static struct kernel *one_by_one(struct arena *a, const struct kernel *k) {
  struct kernel *c = kernel_clone(a, k);
  for (unsigned i = 0; i < c->neq; i++) {
    struct eq *e = &c->eq[i];
    poly_t s = poly_sym(a, e->axis[0].sym), *g = ARENA_NEW(a, poly_t, e->nguard + 1u);
    for (unsigned j = 0; j < e->nguard; j++) g[j] = e->guard[j];
    g[e->nguard++] = poly_mul(a, s, s);
    e->guard = g;
  }
  return c;
}

static bool close_to(double x, double y) {
  return x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-9 * fmax(fabs(x), fabs(y));
}

static void compare_outputs(const struct run *x, const struct run *y) {
  for (unsigned p = 0; p < x->k->nparam; p++) {
    const struct expect *v = &x->want[p], *w = &y->want[p];
    int64_t span = 0;
    if (!v->written) continue;
    ck_assert(tensor_span(x->k, x->k->param[p].ref, &x->args, 1 << 20, &span));
    for (int64_t i = 0; i < span; i++) {
      ck_assert_int_eq(v->written[i], w->written[i]);
      if (!v->written[i]) continue;
      ck_assert_msg(close_to(v->bound[i], w->bound[i]), "bounds %g and %g", v->bound[i], w->bound[i]);
      if (v->ref) ck_assert_msg(close_to(v->ref[i], w->ref[i]), "values %.17g and %.17g", v->ref[i], w->ref[i]);
      if (v->ival) ck_assert_int_eq(v->ival[i], w->ival[i]);
    }
  }
}

static void arguments(struct run *r, uint64_t seed) {
  r->args.dim = ARENA_NEW(r->a, int64_t, r->k->nparam);
  r->args.scalar = ARENA_NEW(r->a, union value, r->k->nparam);
  r->args.data = ARENA_NEW(r->a, void *, r->k->nparam);
  r->want = ARENA_NEW(r->a, struct expect, r->k->nparam);
  state = seed;
  for (unsigned i = 0; i < r->k->nparam; i++) r->args.dim[i] = (int64_t)below(&state, 9) * (int64_t)below(&state, 9);
  for (unsigned i = 0; i < r->k->nparam; i++) {
    int64_t span = 0;
    if (r->k->param[i].kind == PARAM_TENSOR) {
      ck_assert(tensor_span(r->k, r->k->param[i].ref, &r->args, 1 << 24, &span));
      fill(r, r->k->param[i].name, (size_t)span);
    }
  }
}

/* Blocks of values give what single values give: results, bounds, and what is refused. */
START_TEST(test_blocks) {
  uint64_t seed = test_seed() * 91 + (uint64_t)_i;
  struct gen_opts o = {.max_eq = 3, .integers = true, .strides = true, .any_op = _i % 2};
  for (unsigned n = 0; n < 40; n++) {
    struct run x = {.a = arena_new(), .d = diag_new()}, y;
    x.k = kernel_gen(x.a, &seed, &o);
    y = x;
    y.k = one_by_one(x.a, x.k);
    arguments(&x, seed);
    arguments(&y, seed);
    x.st = kernel_interp(x.k, &x.args, x.a, x.want, 100000, x.d);
    if (x.st != ST_INFEASIBLE) {
      y.st = kernel_interp(y.k, &y.args, y.a, y.want, UINT64_MAX / 2, y.d);
      ck_assert_int_eq(x.st, y.st);
      if (x.st == ST_OK) compare_outputs(&x, &y);
    }
    end(&x);
  }
}
END_TEST

static void add_tests(TCase *t) {
  tcase_add_test(t, test_matmul);
  tcase_add_test(t, test_dropped_term);
  tcase_add_test(t, test_conv);
  tcase_add_test(t, test_softmax);
  tcase_add_test(t, test_attention);
  tcase_add_test(t, test_stencil);
  tcase_add_test(t, test_int8);
  tcase_add_test(t, test_requantise);
  tcase_add_test(t, test_argmin);
  tcase_add_test(t, test_drift);
  tcase_add_test(t, test_ties);
  tcase_add_test(t, test_triangular);
  tcase_add_test(t, test_guarded_reduction);
  tcase_add_test(t, test_shift);
  tcase_add_test(t, test_reverse);
  tcase_add_test(t, test_strided);
  tcase_add_test(t, test_gather);
  tcase_add_test(t, test_empty);
  tcase_add_test(t, test_limit);
  tcase_add_test(t, test_exact);
  tcase_add_loop_test(t, test_random, 0, 6);
  tcase_add_loop_test(t, test_blocks, 0, 8);
}

int main(void) {
  return run_suite("interp_kernel", add_tests);
}
