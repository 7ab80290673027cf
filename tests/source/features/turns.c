#include <math.h>
#include <string.h>
#define SWAP(a, b) do { double *tmp_ = a; a = b; b = tmp_; } while (0)
#define IDX(i, j) ((i) * (nx + 2) + (j))
void heat_swap(double *u, double *un, int nx, int ny, int steps, double r) {
  double *a = u, *b = un;
  for (int t = 0; t < steps; t++) {
    for (int i = 1; i <= ny; i++)
      for (int j = 1; j <= nx; j++)
        b[IDX(i, j)] = a[IDX(i, j)] + r * (a[IDX(i - 1, j)] + a[IDX(i + 1, j)] + a[IDX(i, j - 1)] + a[IDX(i, j + 1)] - 4 * a[IDX(i, j)]);
    SWAP(a, b);
  }
}
void wave_1d_rotate(int n, int steps, double c2, double *up, double *u, double *un) {
  for (int s = 0; s < steps; s++) {
    for (int i = 1; i < n - 1; i++) un[i] = 2 * u[i] - up[i] + c2 * (u[i + 1] - 2 * u[i] + u[i - 1]);
    double *t = up;
    up = u;
    u = un;
    un = t;
  }
}
void heat_copy_back(double *u, double *w, int n, int steps, double r) {
  double *cur = u, *next = w, *tmp;
  while (steps--) {
    next[0] = cur[0];
    next[n - 1] = cur[n - 1];
    for (int i = 1; i < n - 1; i++) next[i] = cur[i] + r * (cur[i - 1] - 2 * cur[i] + cur[i + 1]);
    tmp = cur, cur = next, next = tmp;
  }
  for (int i = 0; i < n; i++) u[i] = cur[i] + 0;
}
int jacobi_until(double *x, double *y, const double *b, int n, int maxit, double tol) {
  double *p = x, *q = y;
  int it = 0;
  double err = tol + 1;
  while (it < maxit && err > tol) {
    err = 0;
    for (int i = 1; i < n - 1; i++) {
      q[i] = 0.5 * (p[i - 1] + p[i + 1] - b[i]);
      double d = fabs(q[i] - p[i]);
      if (d > err) err = d;
    }
    double *t = p;
    p = q;
    q = t;
    it++;
  }
  for (int i = 1; i < n - 1; i++) x[i] = p[i];
  return it;
}
float merge_passes(float *a, float *tmp, int n, int passes) {
  float *src = a, *dst = tmp;
  for (int k = passes; k > 0; k--) {
    for (int i = 0; i < n / 2; i++) {
      dst[i] = src[2 * i] + src[2 * i + 1];
      dst[n / 2 + i] = src[2 * i] - src[2 * i + 1];
    }
    float *s = src; src = dst; dst = s;
  }
  return n > 0 ? src[0] : 0.0f;
}
double recur_break(double *a, double *b, int n, int iters, double tol) {
  double e = 0;
  for (int k = 0; k < iters; k++) {
    e = 0;
    for (int i = 0; i < n; i++) { b[i] = 0.5 * a[i] + 1; e += fabs(b[i] - a[i]); }
    if (e < tol) break;
    double *t = a; a = b; b = t;
  }
  for (int i = 0; i < n; i++) e += a[i];
  return e;
}
void five_steps(float *restrict a, float *restrict b, int n) {
  for (int s = 0; s < 5; s++) {
    for (int i = 1; i < n - 1; i++) b[i] = (a[i - 1] + a[i + 1]) * 0.5f;
    float *t = a; a = b; b = t;
  }
  for (int i = 0; i < n; i++) a[i] += 1;
}
void turns_by_four(float *p, float *q, int n) {
  float *now = p, *then = q, *t;
  for (int k = n; k > 1; k -= 4) {
    for (int i = 0; i < n; i++) then[i] += now[i];
    t = now, now = then, then = t;
  }
}
void turns_inside(float *p, float *q, int n, int rounds, int steps) {
  for (int r = 0; r < rounds; r++) {
    float *a = p, *b = q;
    for (int k = 0; k < steps; k++) {
      for (int i = 0; i < n; i++) b[i] = a[i] + 1;
      float *t = a;
      a = b;
      b = t;
    }
    for (int i = 0; i < n; i++) p[i] += a[i];
  }
}
void turns_rows(double *m, int n, int steps) { /* two rows of one array */
  double *a = m, *b = m + n;
  for (int k = 0; k < steps; k++) {
    for (int i = 1; i < n; i++) b[i] = a[i - 1] + 1;
    double *t = a;
    a = b;
    b = t;
  }
  for (int i = 0; i < n; i++) m[i] += b[i];
}
int turns_count(const int *x, int *a, int *b, int n) { /* what follows ends at the loop's own end */
  int *p = a, *q = b, c = 0;
  for (int k = 0; k < n; k++) {
    if (x[k] < 0) continue;
    c += p[k];
    q[k] = c;
  }
  do {
    for (int i = 0; i < n; i++) q[i] = p[i] + c;
    int *t = p;
    p = q;
    q = t;
    c--;
  } while (c > 0 && c < 5);
  return p[0] + c;
}
