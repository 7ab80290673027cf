#include <float.h>
#include <math.h>
void maxima(int n, int m, const float x[n][m], float a[n], float b[n], float c[n], float d[n]) {
  for (int i = 0; i < n; i++) {
    float p = -INFINITY, q = -FLT_MAX, r = x[i][0], s = INFINITY;
    for (int j = 0; j < m; j++) {
      if (x[i][j] > p) p = x[i][j];
      q = x[i][j] > q ? x[i][j] : q;
      if (r < x[i][j]) r = x[i][j];
      s = fminf(s, x[i][j]);
    }
    a[i] = p;
    b[i] = q;
    c[i] = r;
    d[i] = s;
  }
}
void absmax(int n, const float x[n], float *out) {
  float m = 0;
  for (int i = 0; i < n; i++) m = fmaxf(fabsf(x[i]), m);
  *out = m;
}
void int_max(int n, const int x[n], int *out) {
  int m = x[0];
  for (int i = 1; i < n; i++) m = m > x[i] ? m : x[i];
  *out = m;
}
void argmax(int n, int m, const float x[n][m], int where[n], float value[n]) {
  for (int i = 0; i < n; i++) {
    int best = 0;
    float top = x[i][0];
    for (int j = 1; j < m; j++)
      if (x[i][j] > top) {
        top = x[i][j];
        best = j;
      }
    where[i] = best;
    value[i] = top;
  }
}
void moments(int n, const float *x, float *mean, float *var) {
  float s = 0, q = 0;
  for (int i = 0; i < n; i++) {
    s += x[i];
    q += x[i] * x[i];
  }
  s /= n;
  q = q / n - s * s;
  *mean = s;
  *var = q;
}
void count(int n, const float x[n], float t, int *out) {
  int c = 0;
  for (int i = 0; i < n; i++)
    if (x[i] > t) c++;
  *out = c;
}
void clamp(int n, float x[n]) {
  for (int i = 0; i < n; i++) {
    if (x[i] < 0) x[i] = 0;
    if (x[i] > 6) x[i] = 6;
  }
}
void branches(int n, const float x[n], float y[n]) {
  for (int i = 0; i < n; i++) {
    if (x[i] > 0)
      y[i] = x[i];
    else
      y[i] = 0.01f * x[i];
  }
}
void local_row(int n, int m, const float x[n][m], float y[n]) {
  for (int i = 0; i < n; i++) {
    float t[m];
    for (int j = 0; j < m; j++) t[j] = x[i][j] * x[i][j];
    float s = 0;
    for (int j = 0; j < m; j++) s += t[j] * t[m - 1 - j];
    y[i] = s;
  }
}
void fmax_from_value(int n, const float x[n], float *out) {
  float m = x[0];
  for (int i = 1; i < n; i++) m = fmaxf(m, x[i]);
  *out = m;
}

void horner(const float *x, float *y, int n) {
  for (int i = 0; i < n; i++) {
    float r = 0.25f;
    for (int k = 1; k < 4; k++) r = r * x[i] + 1.0f / k;
    y[i] = r;
  }
}

void place_of_largest(int n, int m, const float x[n][m], int *at, float *top) {
  for (int i = 0; i < n; i++) {
    int best = 0;
    for (int j = 1; j < m; j++)
      if (x[i][best] < x[i][j]) best = j;
    at[i] = best;
    top[i] = x[i][best] * 2;
  }
}
