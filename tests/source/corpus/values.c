/* Structures as values, results through pointers, tables outside of functions, cases that fall through. */
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  float x, y, z;
} vec3;
static vec3 add3(vec3 a, vec3 b) {
  vec3 r = {a.x + b.x, a.y + b.y, a.z + b.z};
  return r;
}
static vec3 mul3(vec3 a, float s) {
  return (vec3){a.x * s, a.y * s, a.z * s};
}
static float dot3(vec3 a, vec3 b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
void vec_by_value(const vec3 *pos, const vec3 *vel, vec3 *out, float *e, float dt, int n) {
  for (int i = 0; i < n; i++) {
    vec3 v = vel[i];
    out[i] = add3(pos[i], mul3(v, dt));
    e[i] = 0.5f * dot3(v, v);
  }
}

static inline void minmax2(const float *row, int n, float *lo, float *hi) {
  float a = row[0], b = row[0];
  for (int i = 1; i < n; i++) {
    if (row[i] < a) a = row[i];
    if (row[i] > b) b = row[i];
  }
  *lo = a;
  *hi = b;
}
void out_params(float *x, int rows, int cols) {
  for (int r = 0; r < rows; r++) {
    float lo, hi;
    minmax2(x + r * cols, cols, &lo, &hi);
    float range = hi - lo > 1e-8f ? hi - lo : 1.0f;
    for (int c = 0; c < cols; c++) x[r * cols + c] = (x[r * cols + c] - lo) / range;
  }
}

void dilate(const uint8_t *src, uint8_t *dst, int w, int h) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      uint8_t m = 0;
      for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
          int yy = y + dy, xx = x + dx;
          if (yy < 0 || yy >= h || xx < 0 || xx >= w) continue;
          if (src[yy * w + xx] > m) m = src[yy * w + xx];
        }
      dst[y * w + x] = m;
    }
}

void switch_fall(float *x, int n, int mode) {
  for (int i = 0; i < n; i++) {
    float v = x[i];
    switch (mode) {
    case 0:
      v = v * 2;
    case 1:
      v = v + 1;
      break;
    case 2:
    case 3:
      v = -v;
      break;
    default:
      v = 0;
    }
    x[i] = v;
  }
}

static const float BT[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
void winograd_matrix(const float d[][4][4], float v[][4][4], int n) {
  for (int t = 0; t < n; t++) {
    float tmp[4][4] = {0};
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 4; j++)
        for (int k = 0; k < 4; k++) tmp[i][j] += BT[i][k] * d[t][k][j];
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 4; j++) {
        float s = 0;
        for (int k = 0; k < 4; k++) s += tmp[i][k] * BT[j][k];
        v[t][i][j] = s;
      }
  }
}

void winograd_input(const float *d, float *v, int tiles) {
  for (int t = 0; t < tiles; t++) {
    float m[4][4];
    const float *p = d + t * 16;
    for (int j = 0; j < 4; j++) {
      m[0][j] = p[0 * 4 + j] - p[2 * 4 + j];
      m[1][j] = p[1 * 4 + j] + p[2 * 4 + j];
      m[2][j] = p[2 * 4 + j] - p[1 * 4 + j];
      m[3][j] = p[1 * 4 + j] - p[3 * 4 + j];
    }
    for (int i = 0; i < 4; i++) {
      v[t * 16 + i * 4 + 0] = m[i][0] - m[i][2];
      v[t * 16 + i * 4 + 1] = m[i][1] + m[i][2];
      v[t * 16 + i * 4 + 2] = m[i][2] - m[i][1];
      v[t * 16 + i * 4 + 3] = m[i][1] - m[i][3];
    }
  }
}

void compound_lit(const float *x, float *y, int n) {
  const float *k = (const float[]){0.25f, 0.5f, 0.25f};
  for (int i = 1; i + 1 < n; i++) y[i] = k[0] * x[i - 1] + k[1] * x[i] + k[2] * x[i + 1];
}

static float weights_tab[3] = {1, 2, 1};
void global_static_noconst(const float *x, float *y, int n) {
  for (int i = 1; i < n - 1; i++)
    y[i] = (weights_tab[0] * x[i - 1] + weights_tab[1] * x[i] + weights_tab[2] * x[i + 1]) * 0.25f;
}

static const int kOffset = 3;
const float kScale = 0.5f;
static double gFactor = 2.0;
void global_scalar(const float *x, float *y, int n) {
  for (int i = 0; i < n; i++) y[i] = (float)(x[i] * kScale * gFactor) + kOffset;
}

static const float gauss_k[5] = {0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f};
void global_table(const float *x, float *y, int n) {
  for (int i = 2; i < n - 2; i++) {
    float s = 0;
    for (int k = -2; k <= 2; k++) s += gauss_k[k + 2] * x[i + k];
    y[i] = s;
  }
}

static const uint8_t zigzag_order[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                         12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                         35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                         58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};
void zigzag(const int16_t *block, int16_t *out, const uint16_t *q, int blocks) {
  for (int b = 0; b < blocks; b++)
    for (int i = 0; i < 64; i++) out[b * 64 + i] = block[b * 64 + zigzag_order[i]] / (q[i] | 1);
}

typedef float mat4[4][4];
void typedef_mat(mat4 *a, const mat4 *b, const mat4 *c, int n) {
  for (int m = 0; m < n; m++)
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 4; j++) {
        float s = 0;
        for (int k = 0; k < 4; k++) s += b[m][i][k] * c[m][k][j];
        a[m][i][j] = s;
      }
}

typedef float row_t[64];
void typedef_rows(row_t *dst, const row_t *src, int n) {
  for (int i = 0; i < n; i++) {
    const float *s = src[i];
    float *d = dst[i];
    for (int j = 0; j < 64; j++) d[j] = s[63 - j];
  }
}

static void swapf(float *a, float *b) {
  float t = *a;
  *a = *b;
  *b = t;
}
void swap_helper(float *x, int n) {
  for (int i = 0; i < n / 2; i++) swapf(&x[i], &x[n - 1 - i]);
}

void mat_inverse2(const double (*a)[2][2], double (*o)[2][2], int n) {
  for (int i = 0; i < n; i++) {
    double det = a[i][0][0] * a[i][1][1] - a[i][0][1] * a[i][1][0];
    double inv = 1.0 / det;
    o[i][0][0] = a[i][1][1] * inv;
    o[i][0][1] = -a[i][0][1] * inv;
    o[i][1][0] = -a[i][1][0] * inv;
    o[i][1][1] = a[i][0][0] * inv;
  }
}

typedef struct {
  float x, y, z;
} v3;
typedef struct {
  v3 o, d;
} ray_t;
static v3 v3_sub(v3 a, v3 b) {
  v3 r;
  r.x = a.x - b.x;
  r.y = a.y - b.y;
  r.z = a.z - b.z;
  return r;
}
static float v3_dot(v3 a, v3 b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
static v3 v3_scale(v3 a, float s) {
  return (v3){a.x * s, a.y * s, a.z * s};
}
static v3 v3_norm(v3 a) {
  return v3_scale(a, 1.0f / sqrtf(v3_dot(a, a) + 1e-6f));
}
void ray(const v3 *p, const v3 *dir, const v3 *c, float *t, int n) {
  for (int i = 0; i < n; i++) {
    ray_t r = {p[i], v3_norm(dir[i])};
    v3 oc = v3_sub(r.o, *c);
    float b = v3_dot(oc, r.d), q = v3_dot(oc, oc) - 1.0f;
    float disc = b * b - q;
    t[i] = disc > 0 ? -b - sqrtf(disc) : -1.0f;
  }
}

typedef struct {
  float lo, hi;
  int count;
} extent_t;
static void widen(extent_t *r, float v) {
  if (v < r->lo) r->lo = v;
  if (v > r->hi) r->hi = v;
  r->count++;
}
void minmax_struct(const float *x, int n, float *out) {
  extent_t r = {x[0], x[0], 0};
  for (int i = 0; i < n; i++) widen(&r, x[i]);
  out[0] = r.lo;
  out[1] = r.hi;
  out[2] = r.count;
}

typedef struct {
  float re, im;
} cpx;
static cpx cmul(cpx a, cpx b) {
  cpx r = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  return r;
}
static inline cpx cadd(cpx a, cpx b) {
  return (cpx){.im = a.im + b.im, .re = a.re + b.re};
}
void copy_struct(const cpx *a, const cpx *w, cpx *y, int n) {
  for (int i = 0; i < n; i++) {
    cpx t = cmul(a[i + n], w[i]);
    y[i] = cadd(a[i], t);
    cpx u = a[i];
    u.re -= t.re;
    u.im -= t.im;
    y[i + n] = u;
  }
}

typedef struct {
  int a, b;
} pr;
void swap_self(pr *p, int n) {
  for (int i = 0; i < n; i++) {
    p[i] = (pr){p[i].b, p[i].a};
    pr q = p[i];
    q = (pr){q.b + 1, q.a};
    p[i].a += q.a;
  }
}

typedef struct {
  float v;
  int k;
} best;
static best better(best a, best b) {
  return a.v > b.v ? a : b;
}
void pick_struct(const float *x, int *out, int rows, int cols) {
  for (int r = 0; r < rows; r++) {
    best m = {-1e30f, -1};
    for (int c = 0; c < cols; c++) {
      best o = {x[r * cols + c], c};
      m = better(m, o);
    }
    out[r] = m.k;
  }
}

static void inc(int *p, int by) {
  *p += by;
}
void int_through_ref(int *x, int n) {
  int k = 0, *q = &k;
  for (int i = 0; i < n; i++) {
    x[i] = k;
    inc(&k, 2);
    (*q)++;
    if (k > 7) *q = 0;
  }
  x[n] = k;
}

typedef struct {
  int r, c;
} cell;
static cell next(cell a, int w) {
  a.c++;
  if (a.c == w) {
    a.c = 0;
    a.r++;
  }
  return a;
}
void index_through_ref(const float *x, float *y, int n) {
  cell at = {0, 0};
  for (int i = 0; i < n; i++) {
    y[i] = x[at.r * 4 + at.c];
    at = next(at, 4);
  }
}

static void split(float v, float *whole, float *frac) {
  *whole = floorf(v);
  *frac = v - *whole;
}
void two_outs(const float *x, float *a, float *b, int n) {
  for (int i = 0; i < n; i++) {
    float w, f;
    split(x[i], &w, &f);
    a[i] = w;
    b[i] = f;
  }
}

static void bump(float *s, const float *p) {
  s[0] += p[0];
}
static void twice(float *s, const float *p) {
  bump(s, p);
  bump(s, p);
}
void nested_ref(const float *x, float *y, int n) {
  float s = 0;
  for (int i = 0; i < n; i++) twice(&s, x + i);
  y[0] = s;
}

/* What stands behind moves to the front. */
void shift_left(float *x, int n) {
  if (n > 0) memmove(x, x + 1, (n - 1) * sizeof *x);
}

void insert_front(float *x, int n, float v) {
  memmove(x + 1, x, n * sizeof *x);
  x[0] = v;
}

/* one place is left out */
void jacobi_sweep(int n, const double *A, const double *b, const double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double s = b[i];
    for (int j = 0; j < n; j++)
      if (j != i) s -= A[i * n + j] * x[j];
    y[i] = s / A[i * n + i];
  }
}

void off_diagonal(int n, int m, const float *A, float *r) {
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int j = 0; j < m; j++)
      if (j != i) s += A[i * m + j] * A[i * m + j];
    r[i] = s;
  }
}

void others(int n, int k, const float *x, float *y) {
  for (int i = 0; i < n; i++) y[i] = i != k ? x[i] : 1;
}
