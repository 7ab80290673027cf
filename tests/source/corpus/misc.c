/* What else people write: helpers, walks, early exits, local buffers, structures of pointers, banded and triangular domains, size_t. */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  int rows, cols;
  float *data;
} Matrix;

void mat_mul(const Matrix *a, const Matrix *b, Matrix *c) {
  for (int i = 0; i < a->rows; i++)
    for (int j = 0; j < b->cols; j++) {
      float s = 0;
      for (int k = 0; k < a->cols; k++) s += a->data[i * a->cols + k] * b->data[k * b->cols + j];
      c->data[i * b->cols + j] = s;
    }
}

typedef struct {
  float x, y, z;
} Vec3;

void normals(const Vec3 *in, Vec3 *out, int n) {
  for (int i = 0; i < n; i++) {
    float l = sqrtf(in[i].x * in[i].x + in[i].y * in[i].y + in[i].z * in[i].z);
    out[i].x = in[i].x / l;
    out[i].y = in[i].y / l;
    out[i].z = in[i].z / l;
  }
}

void saxpy(size_t n, float a, const float *x, float *y) {
  for (size_t i = 0; i < n; ++i) y[i] = a * x[i] + y[i];
}

void saxpy_walk(int n, float a, const float *x, float *y) {
  const float *end = x + n;
  while (x != end) *y++ += a * *x++;
}

void strided_copy(int n, const float *x, int incx, float *y, int incy) {
  int ix = 0, iy = 0;
  for (int i = 0; i < n; i++) {
    y[iy] = x[ix];
    ix += incx;
    iy += incy;
  }
}

float asum(int n, const float *x) {
  float s = 0;
  for (int i = 0; i < n; i++) s += fabsf(x[i]);
  return s;
}

int iamax(int n, const float *x) {
  if (n < 1) return -1;
  int best = 0;
  float m = fabsf(x[0]);
  for (int i = 1; i < n; i++) {
    float a = fabsf(x[i]);
    if (a > m) {
      m = a;
      best = i;
    }
  }
  return best;
}

void rot(int n, float *x, float *y, float c, float s) {
  for (int i = 0; i < n; i++) {
    float t = c * x[i] + s * y[i];
    y[i] = c * y[i] - s * x[i];
    x[i] = t;
  }
}

void gemv_t(int m, int n, float alpha, const float *a, int lda, const float *x, float beta, float *y) {
  for (int j = 0; j < n; j++) y[j] *= beta;
  for (int i = 0; i < m; i++) {
    float t = alpha * x[i];
    for (int j = 0; j < n; j++) y[j] += t * a[i * lda + j];
  }
}

void banded_mv(int n, int kl, int ku, const double *ab, int ld, const double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double s = 0;
    int lo = i - kl > 0 ? i - kl : 0;
    int hi = i + ku < n - 1 ? i + ku : n - 1;
    for (int j = lo; j <= hi; j++) s += ab[i * ld + (j - i + kl)] * x[j];
    y[i] = s;
  }
}

void layer(int n_in, int n_out, const float *w, const float *b, const float *in, float *out, int relu) {
  for (int o = 0; o < n_out; o++) {
    float s = b ? b[o] : 0;
    for (int i = 0; i < n_in; i++) s += w[o * n_in + i] * in[i];
    if (relu && s < 0) s = 0;
    out[o] = s;
  }
}

enum activation { LINEAR, RELU, LEAKY, LOGISTIC };
static inline float leaky(float x) { return (x > 0) ? x : .1f * x; }
static inline float logistic(float x) { return 1.f / (1.f + expf(-x)); }
static float activate(float x, enum activation a) {
  switch (a) {
  case LINEAR:
    return x;
  case RELU:
    return x * (x > 0);
  case LEAKY:
    return leaky(x);
  case LOGISTIC:
    return logistic(x);
  }
  return 0;
}

void activate_array(float *x, const int n, const enum activation a) {
  int i;
  for (i = 0; i < n; ++i) {
    x[i] = activate(x[i], a);
  }
}

void matmul_blocked(int n, const double *A, const double *B, double *C) {
  const int BS = 4;
  for (int ii = 0; ii < n; ii += BS)
    for (int jj = 0; jj < n; jj += BS)
      for (int kk = 0; kk < n; kk += BS)
        for (int i = ii; i < (ii + BS < n ? ii + BS : n); i++)
          for (int j = jj; j < (jj + BS < n ? jj + BS : n); j++) {
            double s = C[i * n + j];
            for (int k = kk; k < (kk + BS < n ? kk + BS : n); k++) s += A[i * n + k] * B[k * n + j];
            C[i * n + j] = s;
          }
}

void dist2(int n, int m, int d, const float *a, const float *b, float *out) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) {
      float acc = 0;
      for (int k = 0; k < d; k++) {
        const float diff = a[i * d + k] - b[j * d + k];
        acc += diff * diff;
      }
      out[i * m + j] = acc;
    }
}

void kmeans_step(int n, int k, int d, const float *x, const float *centers, int *label) {
  for (int i = 0; i < n; i++) {
    float best = FLT_MAX;
    for (int c = 0; c < k; c++) {
      float dist = 0.0f;
      for (int j = 0; j < d; j++) {
        float t = x[i * d + j] - centers[c * d + j];
        dist += t * t;
      }
      if (dist < best) {
        best = dist;
        label[i] = c;
      }
    }
  }
}

void nbody_forces(int n, const float *px, const float *py, const float *pz, const float *mass, float *fx, float *fy, float *fz) {
  for (int i = 0; i < n; i++) {
    float ax = 0, ay = 0, az = 0;
    for (int j = 0; j < n; j++) {
      float dx = px[j] - px[i], dy = py[j] - py[i], dz = pz[j] - pz[i];
      float r2 = dx * dx + dy * dy + dz * dz + 1e-9f;
      float inv = 1.0f / sqrtf(r2);
      float s = mass[j] * inv * inv * inv;
      ax += s * dx;
      ay += s * dy;
      az += s * dz;
    }
    fx[i] = ax;
    fy[i] = ay;
    fz[i] = az;
  }
}

void logsumexp(int R, int C, const float *x, float *out) {
  for (int r = 0; r < R; r++) {
    float m = -FLT_MAX;
    for (int c = 0; c < C; c++) m = fmaxf(m, x[r * C + c]);
    float s = 0;
    for (int c = 0; c < C; c++) s += expf(x[r * C + c] - m);
    out[r] = m + logf(s);
  }
}

void group_norm(const float *x, const float *g, const float *b, float *y, int N, int C, int HW, int G) {
  int D = C / G;
  for (int n = 0; n < N; n++)
    for (int gr = 0; gr < G; gr++) {
      float m = 0, v = 0;
      for (int d = 0; d < D; d++)
        for (int i = 0; i < HW; i++) m += x[(n * C + gr * D + d) * HW + i];
      m /= D * HW;
      for (int d = 0; d < D; d++)
        for (int i = 0; i < HW; i++) {
          float t = x[(n * C + gr * D + d) * HW + i] - m;
          v += t * t;
        }
      v /= D * HW;
      float r = 1.0f / sqrtf(v + 1e-5f);
      for (int d = 0; d < D; d++)
        for (int i = 0; i < HW; i++) {
          int c = gr * D + d;
          y[(n * C + c) * HW + i] = (x[(n * C + c) * HW + i] - m) * r * g[c] + b[c];
        }
    }
}

void horner(int n, const double *coef, int deg, const double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double r = 0;
    for (int k = deg; k >= 0; k--) r = r * x[i] + coef[k];
    y[i] = r;
  }
}

void mandel(int w, int h, int maxit, int *out) {
  for (int py = 0; py < h; py++)
    for (int px = 0; px < w; px++) {
      double x0 = 3.5 * px / w - 2.5, y0 = 2.0 * py / h - 1.0, x = 0, y = 0;
      int it = 0;
      while (x * x + y * y <= 4 && it < maxit) {
        double t = x * x - y * y + x0;
        y = 2 * x * y + y0;
        x = t;
        it++;
      }
      out[py * w + px] = it;
    }
}

void life(int w, int h, const uint8_t *a, uint8_t *b) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int n = 0;
      for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
          if (dx == 0 && dy == 0) continue;
          int yy = y + dy, xx = x + dx;
          if (yy < 0 || yy >= h || xx < 0 || xx >= w) continue;
          n += a[yy * w + xx];
        }
      b[y * w + x] = n == 3 || (n == 2 && a[y * w + x]);
    }
}

void transpose_inplace(int n, float *a) {
  for (int i = 0; i < n; i++)
    for (int j = i + 1; j < n; j++) {
      float t = a[i * n + j];
      a[i * n + j] = a[j * n + i];
      a[j * n + i] = t;
    }
}

void reverse(float *x, int n) {
  for (int i = 0, j = n - 1; i < j; i++, j--) {
    float t = x[i];
    x[i] = x[j];
    x[j] = t;
  }
}

void bubble(int *x, int n) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j + 1 < n - i; j++)
      if (x[j] > x[j + 1]) {
        int t = x[j];
        x[j] = x[j + 1];
        x[j + 1] = t;
      }
}

void ema_rows(int rows, int cols, float a, const float *x, float *y) {
  for (int r = 0; r < rows; r++) {
    float s = 0;
    for (int c = 0; c < cols; c++) {
      s = a * x[r * cols + c] + (1 - a) * s;
      y[r * cols + c] = s;
    }
  }
}

void outer_unrolled(int n, const float *a, float *s) {
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  int i;
  for (i = 0; i + 3 < n; i += 4) {
    s0 += a[i];
    s1 += a[i + 1];
    s2 += a[i + 2];
    s3 += a[i + 3];
  }
  for (; i < n; i++) s0 += a[i];
  *s = s0 + s1 + s2 + s3;
}

void fill_upper(int n, float *a, float v) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      if (j > i) a[i * n + j] = v;
}

void count_sign(int n, const float *x, int *pos, int *neg, int *zero) {
  *pos = *neg = *zero = 0;
  for (int i = 0; i < n; i++) {
    if (x[i] > 0)
      (*pos)++;
    else if (x[i] < 0)
      (*neg)++;
    else
      (*zero)++;
  }
}

void window_sum(int n, int k, const float *x, float *y) {
  float s = 0;
  for (int i = 0; i < k && i < n; i++) s += x[i];
  for (int i = 0; i + k <= n; i++) {
    y[i] = s;
    if (i + k < n) s += x[i + k] - x[i];
  }
}

void clear_buffer(float *x, size_t n) { memset(x, 0, n * sizeof *x); }

/* the result of a reduction is written again, twice */
void reduce_then_add(int n, int k, int *v, const int *w) {
  for (int i = 0; i < n; i++) v[0] += w[i] * k;
  v[0] += w[0] - k;
  v[0] += w[0] * w[0];
}

/* What moves by the counter of the loop does not move by the same amount each time, wherever the counter is declared. */
int triangle_numbers(int m, int *restrict u, int *restrict v) {
  int a = 1, i;
  for (int k = 0, e = 3; k < m; k++, e += 2) {
    v[e] = k;
    a += k;
    u[k] = a;
  }
  for (i = 0; i < m; i++) {
    a += i;
    v[i] ^= a;
  }
  return a;
}

/* Products that go under a condition on where: in strict mode they start at what is there. */
void decayed(int n, double *restrict d, const double *restrict z) {
  for (int i = 0; i < n / 2; i++)
    for (int j = 0; j < n; j++) d[i] *= z[j];
}

/* C adds in double and rounds to float after each step: in strict mode the terms are not rounded before. */
void narrow_sums(int n, float *restrict d, const double *restrict z) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) d[i] += 0.1 * z[j];
}

static const char base64_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
void base64_encode(int n, const uint8_t *in, char *out) {
  for (int i = 0; i < n; i++) {
    unsigned v = (unsigned)in[3 * i] << 16 | (unsigned)in[3 * i + 1] << 8 | in[3 * i + 2];
    for (int k = 0; k < 4; k++) out[4 * i + k] = base64_chars[v >> (18 - 6 * k) & 63];
  }
}

int escapes(int i) {
  static const unsigned char text[12] = "a\"\\\n\t\001\377\x7f?z\a";
  char word[] = "he" "llo";
  word[1] = (char)i;
  return text[(unsigned)i % 12] * 31 + word[(unsigned)i % 6];
}

/* Numbers of seven bits a byte; the last byte of each has its top bit clear. */
int varint_decode(int n, const uint8_t *in, uint32_t *out) {
  int k = 0;
  for (int i = 0; i < n;) {
    uint32_t v = 0;
    int shift = 0;
    for (;;) {
      if (i >= n) return k;
      uint8_t b = in[i++];
      v |= (uint32_t)(b & 127) << shift;
      if (!(b & 128)) break;
      shift += 7;
      if (shift > 28) break;
    }
    out[k++] = v;
  }
  return k;
}
