#include <math.h>
void scan(int n, float x[n]) {
  for (int i = 1; i < n; i++) x[i] = x[i] + x[i - 1];
}
void prefix(int n, const float x[n], float y[n]) {
  float s = 0;
  for (int i = 0; i < n; i++) {
    s += x[i];
    y[i] = s;
  }
}
void trisolv(int n, const double L[n][n], double x[n], const double b[n]) {
  for (int i = 0; i < n; i++) {
    x[i] = b[i];
    for (int j = 0; j < i; j++) x[i] -= L[i][j] * x[j];
    x[i] = x[i] / L[i][i];
  }
}
void histogram(int n, const int x[n], int bins[256]) {
  for (int i = 0; i < n; i++) bins[x[i]] += 1;
}
void time_steps(int t, int n, float a[n], float b[n]) {
  for (int s = 0; s < t; s++) {
    for (int i = 1; i < n - 1; i++) b[i] = a[i - 1] + a[i + 1];
    for (int i = 1; i < n - 1; i++) a[i] = b[i - 1] + b[i + 1];
  }
}
void seidel(int n, float a[n][n]) {
  for (int i = 1; i < n - 1; i++)
    for (int j = 1; j < n - 1; j++) a[i][j] = (a[i - 1][j] + a[i][j - 1] + a[i + 1][j] + a[i][j + 1]) / 4;
}
void horner(int n, const float c[n], float x, float *y) {
  float s = 0;
  for (int i = 0; i < n; i++) s = s * x + c[i];
  *y = s;
}
void nan_max(int n, const float x[n], float *out) {
  float m = x[0];
  for (int i = 1; i < n; i++) m = m > x[i] ? m : x[i];
  *out = m;
}
void last_one(int n, const float x[n], float *out) {
  for (int i = 0; i < n; i++) *out = x[i];
}
void newton(int n, const float x[n], float y[n]) {
  for (int i = 0; i < n; i++) {
    float g = 1;
    while (fabsf(g * g - x[i]) > 1e-6f) g = 0.5f * (g + x[i] / g);
    y[i] = g;
  }
}
void masked_load(int n, const int m[n], const float x[n], float y[n]) {
  for (int i = 0; i < n; i++) y[i] = m[i] ? x[i] : 0;
}
void masked_store(int n, const int m[n], const float x[n], float y[n]) {
  for (int i = 0; i < n; i++)
    if (m[i]) y[i] = 1;
}
void same_place(int n, int m, const float x[n], float y[n + m]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) y[i + j] = x[i];
}
void two_sizes(int n, int m, const float *x, float y[n], float z[m]) {
  for (int i = 0; i < n; i++) y[i] = x[i];
  for (int i = 0; i < m; i++) z[i] = x[i];
}
void outside(float x[4], float *y) {
  *y = x[4];
}

/* Computed once, used as a subscript: a product of two indices. */
void index_product(int n, int m, const float x[n][m], float y[n]) {
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int j = 0; j < m; j++) {
      int t = i * j - 1;
      if (t < 0 || t >= m) continue;
      s += x[i][t];
    }
    y[i] = s;
  }
}

/* Eight elements of a row are read, and rows of more than one overlap: no size has both. */
void never(int n, int m, float *x, float *y, const float *z, double *d) {
  for (int i = 0; i < m; i++) d[i * m + i] *= d[2 * i + 1];
  y[5] += z[7];
  for (int v = 0; v < n; v++)
    for (int j = 0; j < m; j++) x[v * 16 + j] = z[v * m + j];
}
/* a condition on a quotient decides whether there is a load */
void thirds(int n, const float *x, float *y) {
  for (int i = 0; i < n; i++) {
    int k = i / 3;
    y[i] = k > 2 ? x[k] : 0.0f;
  }
}
