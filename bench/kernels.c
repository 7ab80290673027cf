/* The kernels of the tables: operands, their sizes, and the operations of one call. Every kernel's C function takes its
 * dims first and then its pointers. */
#include "bench.h"
#include <stdlib.h>
#include <string.h>

struct kernel {
  const char *name, *dims;
  void (*shape)(struct row *r);
};

static void in(struct row *r, enum bench_type t, int64_t n) {
  r->buf[r->nbuf++] = (struct buffer){.type = t, .n = (size_t)n};
}
static void out(struct row *r, enum bench_type t, int64_t n) {
  r->buf[r->nbuf++] = (struct buffer){.type = t, .n = (size_t)n, .out = true};
}
static void work(struct row *r, double flops, enum bench_type peak) {
  r->flops = flops;
  r->peak = peak;
}

static void product(struct row *r, int64_t batch, enum bench_type a, enum bench_type b, enum bench_type c) {
  const int64_t *d = r->d + (batch ? 1 : 0), x = batch ? batch : 1;
  in(r, a, x * d[0] * d[2]);
  in(r, b, x * d[2] * d[1]);
  out(r, c, x * d[0] * d[1]);
  work(r, 2.0 * (double)x * (double)d[0] * (double)d[1] * (double)d[2], a);
}
static void matmul(struct row *r) {
  product(r, 0, B_F32, B_F32, B_F32);
}
static void dmatmul(struct row *r) {
  product(r, 0, B_F64, B_F64, B_F64);
}
static void bf16(struct row *r) {
  product(r, 0, B_BF16, B_BF16, B_F32);
}
static void s8s8(struct row *r) {
  product(r, 0, B_I8, B_I8, B_I32);
}
static void u8s8(struct row *r) {
  product(r, 0, B_U8, B_I8, B_I32);
}
static void batched(struct row *r) {
  product(r, r->d[0], B_F32, B_F32, B_F32);
}

static void linear(struct row *r, bool residual) { /* M,N,K: x[M,K] w[N,K] bias[N] (residual[M,N]) -> y[M,N] */
  const int64_t *d = r->d;
  in(r, B_F32, d[0] * d[2]);
  in(r, B_F32, d[1] * d[2]);
  in(r, B_F32, d[1]);
  if (residual) in(r, B_F32, d[0] * d[1]);
  out(r, B_F32, d[0] * d[1]);
  work(r, 2.0 * (double)d[0] * (double)d[1] * (double)d[2], B_F32);
}
static void linear_gelu(struct row *r) {
  linear(r, false);
}
static void linear_residual(struct row *r) {
  linear(r, true);
}
static void qgemm(struct row *r) {
  const int64_t *d = r->d;
  in(r, B_I8, d[0] * d[2]);
  in(r, B_I8, d[2] * d[1]);
  in(r, B_F32, d[1]);
  out(r, B_I8, d[0] * d[1]);
  work(r, 2.0 * (double)d[0] * (double)d[1] * (double)d[2], B_I8);
}

static void conv2d(struct row *r) { /* N,H,W,C,F,R,S,P,Q,stride,pad: NHWC, weights RSCF, bias */
  const int64_t *d = r->d;
  in(r, B_F32, d[0] * d[1] * d[2] * d[3]);
  in(r, B_F32, d[5] * d[6] * d[3] * d[4]);
  in(r, B_F32, d[4]);
  out(r, B_F32, d[0] * d[7] * d[8] * d[4]);
  work(r, 2.0 * (double)(d[0] * d[7] * d[8] * d[4]) * (double)(d[5] * d[6] * d[3]), B_F32);
}
static void depthwise(struct row *r) { /* C,H,W: planes, 3x3, pad 1 */
  const int64_t *d = r->d;
  in(r, B_F32, d[0] * d[1] * d[2]);
  in(r, B_F32, d[0] * 9);
  out(r, B_F32, d[0] * d[1] * d[2]);
  work(r, 18.0 * (double)(d[0] * d[1] * d[2]), B_F32);
}
static void dwconv(struct row *r) { /* H,W,C,P,Q,stride: one NHWC image, 3x3 RSC, pad 1 */
  const int64_t *d = r->d;
  in(r, B_F32, d[0] * d[1] * d[2]);
  in(r, B_F32, d[2] * 9);
  out(r, B_F32, d[3] * d[4] * d[2]);
  work(r, 18.0 * (double)(d[3] * d[4] * d[2]), B_F32);
}

static void rowwise(struct row *r, unsigned vectors, double flops) { /* R,C: x[R,C], vectors of C -> y[R,C] */
  in(r, B_F32, r->d[0] * r->d[1]);
  for (unsigned i = 0; i < vectors; i++) in(r, B_F32, r->d[1]);
  out(r, B_F32, r->d[0] * r->d[1]);
  work(r, flops * (double)(r->d[0] * r->d[1]), B_F32);
}
static void softmax(struct row *r) {
  rowwise(r, 0, 5);
}
static void layernorm(struct row *r) {
  rowwise(r, 2, 7);
}
static void rmsnorm(struct row *r) {
  rowwise(r, 1, 4);
}
static void gelu(struct row *r) { /* n */
  in(r, B_F32, r->d[0]);
  out(r, B_F32, r->d[0]);
  work(r, 8.0 * (double)r->d[0], B_F32);
}
static void cross_entropy(struct row *r) { /* R,C: x[R,C], label[R] -> loss[R] */
  in(r, B_F32, r->d[0] * r->d[1]);
  in(r, B_I32, r->d[0]);
  out(r, B_F32, r->d[0]);
  work(r, 4.0 * (double)(r->d[0] * r->d[1]), B_F32);
}

static void attend(struct row *r, enum bench_type type, int64_t h, int64_t t, int64_t s, int64_t d, double part) {
  in(r, type, h * t * d);
  in(r, type, h * s * d);
  in(r, type, h * s * d);
  out(r, type, h * t * d);
  work(r, part * 4.0 * (double)(h * t) * (double)(s * d), type);
}
static void attention(struct row *r) {
  attend(r, B_F32, r->d[0], r->d[1], r->d[2], r->d[3], 1);
}
static void attention_bf16(struct row *r) {
  attend(r, B_BF16, r->d[0], r->d[1], r->d[2], r->d[3], 1);
}
static void attention_causal(struct row *r) {
  attend(r, B_F32, r->d[0], r->d[1], r->d[1], r->d[2], 0.5 + 0.5 / (double)r->d[1]);
}

static void plane(struct row *r, int64_t n, double flops) {
  in(r, B_F32, n);
  out(r, B_F32, n);
  work(r, flops * (double)n, B_F32);
}
static void jacobi2d(struct row *r) {
  plane(r, r->d[0] * r->d[0], 5);
}
static void jacobi_steps(struct row *r) { /* T,n: in[n,n] -> A[n,n] B[n,n] */
  in(r, B_F32, r->d[1] * r->d[1]);
  out(r, B_F32, r->d[1] * r->d[1]);
  out(r, B_F32, r->d[1] * r->d[1]);
  work(r, 10.0 * (double)r->d[0] * (double)(r->d[1] * r->d[1]), B_F32);
}
static void blur(struct row *r) {
  plane(r, r->d[0] * r->d[1], 18);
}
static void transpose(struct row *r) {
  plane(r, r->d[0] * r->d[1], 0);
}
static void atax(struct row *r) { /* M,N: A[M,N] x[N] -> y[N] */
  in(r, B_F32, r->d[0] * r->d[1]);
  in(r, B_F32, r->d[1]);
  out(r, B_F32, r->d[1]);
  work(r, 4.0 * (double)(r->d[0] * r->d[1]), B_F32);
}
static void bicg(struct row *r) { /* M,N: A[N,M] p[M] r[N] -> s[M] q[N] */
  in(r, B_F32, r->d[0] * r->d[1]);
  in(r, B_F32, r->d[0]);
  in(r, B_F32, r->d[1]);
  out(r, B_F32, r->d[0]);
  out(r, B_F32, r->d[1]);
  work(r, 4.0 * (double)(r->d[0] * r->d[1]), B_F32);
}
static void mvt(struct row *r) { /* N: A[N,N] x1[N] x2[N] y1[N] y2[N] */
  in(r, B_F32, r->d[0] * r->d[0]);
  out(r, B_F32, r->d[0]);
  out(r, B_F32, r->d[0]);
  in(r, B_F32, r->d[0]);
  in(r, B_F32, r->d[0]);
  work(r, 4.0 * (double)(r->d[0] * r->d[0]), B_F32);
}
static void two_mm(struct row *r) { /* NI,NJ,NK,NL: A[NI,NK] B[NK,NJ] C[NJ,NL] -> D[NI,NL] */
  const int64_t *d = r->d;
  in(r, B_F32, d[0] * d[2]);
  in(r, B_F32, d[2] * d[1]);
  in(r, B_F32, d[1] * d[3]);
  out(r, B_F32, d[0] * d[3]);
  work(r, 2.0 * (double)(d[0] * d[1]) * (double)(d[2] + d[3]), B_F32);
}

static const struct kernel kernel[] = {
    {"matmul", "M,N,K", matmul},
    {"matmul_nt", "M,N,K", matmul},
    {"matmul_tn", "M,N,K", matmul},
    {"transposed", "M,N,K", matmul},
    {"batched", "B,M,N,K", batched},
    {"dmatmul", "M,N,K", dmatmul},
    {"bf16_product", "M,N,K", bf16},
    {"s8s8_product", "M,N,K", s8s8},
    {"u8s8_product", "M,N,K", u8s8},
    {"linear_gelu", "M,N,K", linear_gelu},
    {"linear_residual", "M,N,K", linear_residual},
    {"qgemm", "M,N,K", qgemm},
    {"conv2d", "N,H,W,C,F,R,S,P,Q,stride,pad", conv2d},
    {"depthwise", "C,H,W", depthwise},
    {"dwconv", "H,W,C,P,Q,stride", dwconv},
    {"softmax", "R,C", softmax},
    {"layernorm", "R,C", layernorm},
    {"rmsnorm", "R,C", rmsnorm},
    {"gelu", "n", gelu},
    {"cross_entropy", "R,C", cross_entropy},
    {"attention", "H,T,S,D", attention},
    {"attention_bf16", "H,T,S,D", attention_bf16},
    {"attention_causal", "H,T,D", attention_causal},
    {"jacobi2d", "n", jacobi2d},
    {"jacobi_steps", "T,n", jacobi_steps},
    {"blur", "h,w", blur},
    {"transpose", "M,N", transpose},
    {"atax", "M,N", atax},
    {"bicg", "M,N", bicg},
    {"mvt", "N", mvt},
    {"two_mm", "NI,NJ,NK,NL", two_mm},
};

/* "M=64,N=64" by the names "M,N" of the kernel, in any order. */
static bool read_dims(struct row *r, const char *names, const char *dims) {
  for (const char *n = names; *n;) {
    size_t len = strcspn(n, ",");
    const char *p = dims;
    while (p && *p && !(!strncmp(p, n, len) && p[len] == '=')) p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL;
    if (!p || !*p || r->nd == MAX_DIMS) return false;
    char *end;
    r->d[r->nd] = strtoll(p + len + 1, &end, 10);
    if (end == p + len + 1 || r->d[r->nd] < 0 || r->d[r->nd] > 1 << 28) return false;
    r->nd++;
    n += len + (n[len] == ',');
  }
  return true;
}

bool row_make(struct row *r, const char *name, const char *dims) {
  *r = (struct row){.kernel = name, .dims = dims, .threads = 1};
  for (size_t i = 0; i < sizeof kernel / sizeof *kernel; i++)
    if (!strcmp(kernel[i].name, name)) {
      r->names = kernel[i].dims;
      if (!read_dims(r, kernel[i].dims, dims)) return false;
      kernel[i].shape(r);
      return true;
    }
  return false;
}

double row_bytes(const struct row *r, bool outputs) {
  double sum = 0;
  for (unsigned i = 0; i < r->nbuf; i++)
    if (r->buf[i].out == outputs) sum += (double)(r->buf[i].n * bench_size[r->buf[i].type]);
  return sum;
}

bool row_is(const struct row *r, const char *name) {
  return !strcmp(r->kernel, name);
}
