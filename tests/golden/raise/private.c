#include <math.h>
void softmax_x0(int R, int C, const float x[R][C], float y[R][C]) {
  for (int i = 0; i < R; i++) {
    float m = x[i][0];
    for (int j = 1; j < C; j++) m = fmaxf(m, x[i][j]);
    float s = 0;
    for (int j = 0; j < C; j++) s += expf(x[i][j] - m);
    for (int j = 0; j < C; j++) y[i][j] = expf(x[i][j] - m) / s;
  }
}
void whole_max(int R, int C, const float x[R][C], float *out) {
  float m = 0;
  for (int i = 0; i < R; i++)
    for (int j = 0; j < C; j++) m = fmaxf(m, fabsf(x[i][j]));
  *out = m;
}
void row_buffer(int n, int m, const float x[n][m], float y[n][m]) {
  float row[m], s;
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) row[j] = x[i][j] * 2;
    s = 0;
    for (int j = 0; j < m; j++) s += row[j];
    for (int j = 0; j < m; j++) y[i][j] = row[j] / s;
  }
}
void interleaved(int n, const float *z, float *re, float *im) {
  for (int i = 0; i < 2 * n; i += 2) {
    re[i / 2] = z[i];
    im[i / 2] = z[i + 1];
  }
}
void pairs(int n, const float x[2 * n], float y[2 * n]) {
  for (int i = 0; i < 2 * n; i += 2) {
    y[i] = x[i] - x[i + 1];
    y[i + 1] = x[i] + x[i + 1];
  }
}
void not_private(int n, const float x[n], float y[n]) {
  float t[n], unused[n];
  for (int i = 0; i < n; i++) {
    t[i] = expf(x[i]);
    unused[i] = t[i];
    y[i] = t[i] * t[i];
  }
}

/* Norms that do not depend on the other row: one for each row, not for each pair. */
void cosine(int n, int m, int d, float a[n][d], float b[m][d], float s[n][m]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) {
      float dot = 0, na = 0, nb = 0;
      for (int k = 0; k < d; k++) {
        dot += a[i][k] * b[j][k];
        na += a[i][k] * a[i][k];
        nb += b[j][k] * b[j][k];
      }
      s[i][j] = dot / (sqrtf(na) * sqrtf(nb));
    }
}

/* A total for all; one that is wanted in some iterations only; one whose length depends on the row. */
void totals(int n, int m, float x[m], float y[n], float z[n], float w[n]) {
  for (int i = 0; i < n; i++) {
    float t = 0, u = 0, v = 0;
    for (int k = 0; k < m; k++) t += x[k];
    y[i] = y[i] / t;
    if (i < m - 3) {
      for (int k = 0; k < m; k++) u += x[k] * x[k];
      z[i] = u;
    }
    for (int k = 0; k < i; k++) v += y[k] * 2;
    w[i] = v;
  }
}
