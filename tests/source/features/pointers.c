#include <stddef.h>

void base(int B, int T, int C, const float *restrict x, float *restrict y) {
  for (int b = 0; b < B; b++) {
    const float *xb = x + b * T * C;
    float *yb = &y[b * T * C];
    for (int t = 0; t < T; t++) {
      const float *row = xb + t * C;
      float *out;
      out = yb + t * C;
      for (int c = 0; c < C; c++) out[c] = row[c] + *row;
    }
  }
}

void rows(int n, int m, const double a[n][m], double (*b)[m], double c[][3], double *s) {
  if (m < 1) return;
  for (int i = 0; i < n; i++) {
    const double *r = a[i];
    double *w = &b[i][1];
    for (int j = 0; j < m - 1; j++) w[j] = r[j + 1];
    (*(b + i))[0] = *(*(a + i) + 0);
    c[i][2] = a[i][m - 1];
    *(c[i] + 1) = 4;
    s[0] += r[0];
    *s += 1;
    *(s + i) += 2;
    i[s] += 3;
  }
}

void advance(int n, const float *x, float *y) {
  const float *p = x;
  p += n;
  p = p - 2;
  for (int i = 0; i < n; i++) y[i] = p[-i + n];
  x++;
  y[0] = *x;
}

void dynamic_base(int n, const int *start, const float *x, float *y) {
  for (int i = 0; i < n; i++) {
    int s = start[i] & 15;
    const float *p = x + s * 4;
    s = 0;
    y[i] = p[0] + p[s + 1];
  }
}

void const_shape(float a[restrict static 4][5], const float b[4][5], const int n) {
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < n && j < 5; j++) a[i][j] += b[i][j];
  for (size_t i = 0; i < sizeof b[0] / sizeof b[0][0]; i++) a[0][i] *= sizeof(float);
}

/* moved inside of one array: no buffer where it is known which way */
void shift_up(short *x, int n, int from) { __builtin_memmove(x + from + 2, x + from, n * sizeof *x); }
void shift_down(float *x, int n) { __builtin_memmove(x, x + 1, n * sizeof *x); }
void shift_row(int n, float x[n][8]) { __builtin_memmove(&x[1][1], &x[1][0], 7 * sizeof x[0][0]); }
void shift_by(float *x, int n, int k) { __builtin_memmove(x, x + k, n * sizeof *x); }
