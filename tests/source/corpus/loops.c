/* Loops as people write them: unrolled by hand, in steps, down, with several counters; subscripts with quotients. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

float dot4(const float *a, const float *b, int n) {
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  int i = 0;
  for (; i + 3 < n; i += 4) {
    s0 += a[i] * b[i];
    s1 += a[i + 1] * b[i + 1];
    s2 += a[i + 2] * b[i + 2];
    s3 += a[i + 3] * b[i + 3];
  }
  float s = (s0 + s1) + (s2 + s3);
  for (; i < n; i++) s += a[i] * b[i];
  return s;
}

void axpy4(int n, float a, const float *restrict x, float *restrict y) {
  int i;
  int n4 = n & ~3;
  for (i = 0; i < n4; i += 4) {
    y[i] += a * x[i];
    y[i + 1] += a * x[i + 1];
    y[i + 2] += a * x[i + 2];
    y[i + 3] += a * x[i + 3];
  }
  for (; i < n; i++) y[i] += a * x[i];
}

void scal_mod(int n, double a, double *x) {
  int m = n % 5;
  for (int i = 0; i < m; i++) x[i] = a * x[i];
  if (n < 5) return;
  for (int i = m; i < n; i += 5) {
    x[i] = a * x[i];
    x[i + 1] = a * x[i + 1];
    x[i + 2] = a * x[i + 2];
    x[i + 3] = a * x[i + 3];
    x[i + 4] = a * x[i + 4];
  }
}

void even_odd(const float *x, float *e, float *o, int n) {
  for (int i = 0; i < n - 1; i += 2) {
    e[i / 2] = x[i] + x[i + 1];
    o[i / 2] = x[i] - x[i + 1];
  }
}

void haar_rows(const float *in, float *out, int h, int w) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w / 2; x++) {
      float a = in[y * w + 2 * x], b = in[y * w + 2 * x + 1];
      out[y * w + x] = (a + b) * 0.5f;
      out[y * w + w / 2 + x] = (a - b) * 0.5f;
    }
}

void fft_stage(float *re, float *im, const float *wr, const float *wi, int n, int half) {
  for (int k = 0; k < n; k += 2 * half)
    for (int j = 0; j < half; j++) {
      float ur = re[k + j], ui = im[k + j];
      float tr = re[k + j + half] * wr[j] - im[k + j + half] * wi[j];
      float ti = re[k + j + half] * wi[j] + im[k + j + half] * wr[j];
      re[k + j] = ur + tr;
      im[k + j] = ui + ti;
      re[k + j + half] = ur - tr;
      im[k + j + half] = ui - ti;
    }
}

void rope_pairs(float *vec, int dim, int head_size, int pos) {
  for (int i = 0; i < dim; i += 2) {
    int head_dim = i % head_size;
    float freq = 1.0f / powf(10000.0f, head_dim / (float)head_size);
    float val = pos * freq;
    float fcr = cosf(val), fci = sinf(val);
    float v0 = vec[i], v1 = vec[i + 1];
    vec[i] = v0 * fcr - v1 * fci;
    vec[i + 1] = v0 * fci + v1 * fcr;
  }
}

#define SORT2(a, b)                                                                                                    \
  do {                                                                                                                 \
    if ((a) > (b)) {                                                                                                   \
      uint8_t t_ = (a);                                                                                                \
      (a) = (b);                                                                                                       \
      (b) = t_;                                                                                                        \
    }                                                                                                                  \
  } while (0)
void median3(const uint8_t *src, uint8_t *dst, int w, int h) {
  for (int y = 0; y < h; y++)
    for (int x = 1; x < w - 1; x++) {
      uint8_t a = src[y * w + x - 1], b = src[y * w + x], c = src[y * w + x + 1];
      SORT2(a, b);
      SORT2(b, c);
      SORT2(a, b);
      dst[y * w + x] = b;
    }
}

void unsigned_down(unsigned n, const int *x, int *y) {
  for (unsigned i = n; i-- > 0;) y[n - 1 - i] = x[i];
}

static float sigm(float v) {
  return 1.0f / (1.0f + expf(-v));
}
void lstm_cell(int H, const float *gates, float *c, float *h) {
  for (int i = 0; i < H; i++) {
    float ig = sigm(gates[i]), fg = sigm(gates[H + i]), gg = tanhf(gates[2 * H + i]), og = sigm(gates[3 * H + i]);
    c[i] = fg * c[i] + ig * gg;
    h[i] = og * tanhf(c[i]);
  }
}

#define MIN(a, b) ((a) < (b) ? (a) : (b))
void gemm_tiled(int M, int N, int K, const float *A, const float *B, float *C) {
  const int T = 8;
  for (int ii = 0; ii < M; ii += T)
    for (int kk = 0; kk < K; kk += T)
      for (int jj = 0; jj < N; jj += T)
        for (int i = ii; i < MIN(ii + T, M); i++)
          for (int k = kk; k < MIN(kk + T, K); k++) {
            float a = A[i * K + k];
            for (int j = jj; j < MIN(jj + T, N); j++) C[i * N + j] += a * B[k * N + j];
          }
}

void matvec_unrolled_rows(int m, int n, const float *A, const float *x, float *y) {
  int i = 0;
  for (; i + 4 <= m; i += 4) {
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    const float *r0 = A + i * n, *r1 = r0 + n, *r2 = r1 + n, *r3 = r2 + n;
    for (int j = 0; j < n; j++) {
      s0 += r0[j] * x[j];
      s1 += r1[j] * x[j];
      s2 += r2[j] * x[j];
      s3 += r3[j] * x[j];
    }
    y[i] = s0;
    y[i + 1] = s1;
    y[i + 2] = s2;
    y[i + 3] = s3;
  }
  for (; i < m; i++) {
    float s = 0;
    for (int j = 0; j < n; j++) s += A[i * n + j] * x[j];
    y[i] = s;
  }
}

#define QKD 32
float vec_dot_q8(int n, const int8_t *xq, const float *xd, const int8_t *yq, const float *yd) {
  float sumf = 0;
  for (int ib = 0; ib < n / QKD; ++ib) {
    int sumi = 0;
    for (int j = 0; j < QKD; j++) sumi += xq[ib * QKD + j] * yq[ib * QKD + j];
    sumf += sumi * (xd[ib] * yd[ib]);
  }
  return sumf;
}

float vec_dot_q4(int nb, const uint8_t *q, const float *qd, const int8_t *y, const float *yd) {
  float sumf = 0.0f;
  for (int i = 0; i < nb; i++) {
    int sumi0 = 0, sumi1 = 0;
    for (int j = 0; j < 16; ++j) {
      const int v0 = (q[i * 16 + j] & 0x0F) - 8;
      const int v1 = (q[i * 16 + j] >> 4) - 8;
      sumi0 += v0 * y[i * 32 + j];
      sumi1 += v1 * y[i * 32 + j + 16];
    }
    int sumi = sumi0 + sumi1;
    sumf += sumi * qd[i] * yd[i];
  }
  return sumf;
}

#define QK 32
void dequant_q4_0(const uint8_t *restrict qs, const float *restrict d, float *restrict y, int k) {
  const int nb = k / QK;
  for (int i = 0; i < nb; i++) {
    for (int j = 0; j < QK / 2; ++j) {
      const int x0 = (qs[i * (QK / 2) + j] & 0x0F) - 8;
      const int x1 = (qs[i * (QK / 2) + j] >> 4) - 8;
      y[i * QK + j] = x0 * d[i];
      y[i * QK + j + QK / 2] = x1 * d[i];
    }
  }
}

void resize_area2(const uint8_t *src, uint8_t *dst, int w, int h) {
  int ow = w / 2, oh = h / 2;
  for (int y = 0; y < oh; y++)
    for (int x = 0; x < ow; x++) {
      int s = src[2 * y * w + 2 * x] + src[2 * y * w + 2 * x + 1] + src[(2 * y + 1) * w + 2 * x] +
              src[(2 * y + 1) * w + 2 * x + 1];
      dst[y * ow + x] = (uint8_t)((s + 2) >> 2);
    }
}

void gather_memcpy(const float *table, const int *index, float *out, int n, int dim) {
  for (int i = 0; i < n; i++) memcpy(out + (size_t)i * dim, table + (size_t)index[i] * dim, dim * sizeof(float));
}

void embedding_sum(const float *table, const int *index, float *out, int bags, int per, int dim) {
  for (int b = 0; b < bags; b++) {
    for (int d = 0; d < dim; d++) out[b * dim + d] = 0.f;
    for (int k = 0; k < per; k++) {
      const float *row = table + (long)index[b * per + k] * dim;
      for (int d = 0; d < dim; d++) out[b * dim + d] += row[d];
    }
  }
}

void lut_interp(const float *x, const float *table, float *y, int n, int size) {
  if (size < 2) return;
  for (int i = 0; i < n; i++) {
    float t = x[i] * (size - 1);
    if (t < 0) t = 0;
    if (t > size - 1) t = size - 1;
    int k = (int)t;
    if (k > size - 2) k = size - 2;
    float f = t - k;
    y[i] = table[k] * (1 - f) + table[k + 1] * f;
  }
}

void pixel_shuffle(const float *in, float *out, int C, int H, int W, int r) {
  for (int c = 0; c < C; c++)
    for (int y = 0; y < H * r; y++)
      for (int x = 0; x < W * r; x++)
        out[(c * H * r + y) * W * r + x] = in[((c * r * r + (y % r) * r + x % r) * H + y / r) * W + x / r];
}

void interleave(const float *l, const float *r, float *out, int n) {
  float *p = out;
  while (n--) {
    *p++ = *l++;
    *p++ = *r++;
  }
}

void ping(const float *x, float *y, int n) {
  int i = 0;
  while (i < n) {
    y[i] = x[i] + 1;
    i++;
  }
}

void pairs_apart(const float *x, float *y, int n) {
  int i, j;
  for (i = 0, j = 0; 2 * i + 1 < n; i++, j += 2) {
    y[i] = x[j];
    y[i + n] = x[j + 1];
  }
}

void rows_of_heads(const float *k, float *y, int heads, int group, int hs, int T) {
  for (int h = 0; h < heads; h++)
    for (int t = 0; t < T; t++)
      for (int i = 0; i < hs; i++) y[(h * T + t) * hs + i] = k[(t * 8 + h / group) * hs + i];
}

/* Loops that ask where they are. */
void edge_average(int n, const float *restrict x, float *restrict y) {
  for (int i = 0; i < n; i++) {
    if (i == 0 || i == n - 1)
      y[i] = x[i];
    else
      y[i] = 0.5f * (x[i - 1] + x[i + 1]);
  }
}

void join_scaled(int n, int m, const float *restrict a, const float *restrict b, float *restrict y) {
  for (int i = 0; i < n; i++) y[i] = i < m ? a[i] * 2 : b[i - m] * 3;
}

void symmetrise(int n, const float a[restrict n][n], float y[restrict n][n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) y[i][j] = j <= i ? a[i][j] : a[j][i];
}

void frame_of_zeros(int h, int w, const float a[restrict h][w], float y[restrict h][w]) {
  for (int i = 0; i < h; i++)
    for (int j = 0; j < w; j++) {
      if (i == 0 || j == 0 || i == h - 1 || j == w - 1)
        y[i][j] = 0;
      else
        y[i][j] = a[i - 1][j] + a[i + 1][j] + a[i][j - 1] + a[i][j + 1] - 4 * a[i][j];
    }
}

float dot_by_five(int n, const float *restrict x, const float *restrict y) {
  float s = 0;
  for (int i = 0; i < n - 4; i += 5)
    s = s + x[i] * y[i] + x[i + 1] * y[i + 1] + x[i + 2] * y[i + 2] + x[i + 3] * y[i + 3] + x[i + 4] * y[i + 4];
  return s;
}

void carried_rows(int n, float x[restrict n][n], const float c[restrict n][n]) {
  for (int j = 0; j < n; j++)
    for (int i = 1; i < n; i++) x[i][j] = 0.5f * x[i - 1][j] + c[i][j];
}

void one_behind(int n, float *x, float *y, const float *c) {
  for (int i = 0; i < n - 1; i++) {
    x[i + 1] = y[i] + c[i];
    y[i] = x[i] * c[i];
  }
}

void torus(int h, int w, const float *a, float *b) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int left = (x + w - 1) % w, right = (x + 1) % w, up = (y + h - 1) % h, down = (y + 1) % h;
      b[y * w + x] = a[up * w + x] + a[down * w + x] + a[y * w + left] + a[y * w + right] - 4 * a[y * w + x];
    }
}

static inline int within(int v, int lo, int hi) { return v < lo ? lo : v > hi ? hi : v; }
void smooth_clamped(int h, int w, const uint8_t *in, uint8_t *out, const int k[9], int shift) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int s = 0;
      for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) s += in[within(y + j, 0, h - 1) * w + within(x + i, 0, w - 1)] * k[(j + 1) * 3 + i + 1];
      out[y * w + x] = (uint8_t)within(s >> (shift & 7), 0, 255);
    }
}

/* Three lanes of vectors of two widths. */
void two_widths(int k[restrict 16], double d[restrict 16], const float z[restrict 16]) {
  for (int i = 0; i < 3; i++) {
    k[2 * i + 3] += i;
    d[i] += z[2 * i + 1];
  }
}

/* A number that is computed before a loop, and needed behind it only. */
void needed_behind(int n, float s, float *y, const float *z, int *k, const int *at) {
  int v = 0, n4 = n & ~3;
  for (; v < n4; v += 4) {
    y[v] = z[v] + s;
    y[v + 1] = z[v + 1] + s;
    y[v + 2] = z[v + 2] + s;
    y[v + 3] = z[v + 3] + s;
  }
  for (; v < n; v++) y[v] = z[v] + s;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n / 2; j++) k[at[i] & 3] += (int)y[j];
}
