#include <stddef.h>
#include <stdint.h>

void down(int n, const float x[n], float y[n]) {
  for (int i = n - 1; i >= 0; i--) y[i] = x[n - 1 - i];
  for (int i = n; i > 0; --i) y[i - 1] += 1;
  for (int i = n - 1; i > -1; i -= 2) y[i] *= 2;
}

void steps(int n, float *y) {
  for (int i = 0; i < n; i += 3) y[i] = i;
  for (int i = 1; i <= n; i = i + 2) y[i] += 0.5f;
  for (int i = 0; i != n; i++) y[i] -= 1;
  for (int i = 0; n > i; ++i) y[i] *= 3;
}

void after(int n, int m, int *out) {
  int i, j, k;
  for (i = 0; i < n; i++) out[i] = i;
  for (j = 10; j > m; j -= 3) out[20 + j] = j;
  for (k = 2; k <= m; k += 4) out[40 + k] = k;
  out[60] = i;
  out[61] = j;
  out[62] = k;
  for (i = 0; i < 7; i++) out[i] += 1;
  out[63] = i;
}

void unsigneds(unsigned n, size_t m, float *x, double *y) {
  for (unsigned i = 0; i < n; i++) x[i] += i;
  for (size_t i = 0; i < m; i++) y[i * 2] = 1.0 / (i + 1);
  for (unsigned i = 1; i < n; i++) x[i - 1] += x[i];
  for (size_t i = m; i-- > 0;) y[i] += 1;
  for (unsigned i = 0; i < n / 2; i++) x[i] *= 2;
}

void mixed(int n, uint64_t m, float *x) {
  for (size_t i = 0; i < (size_t)n; i++) x[i] += 1;
  for (int i = 0; i < m; i++) x[i] += 2;
  for (int64_t i = 0; i < n; i++) x[i] += 4;
  for (uint8_t i = 0; i < 5; i++) x[i] += 8;
}

void whiles(int n, int *out) {
  int i = 0, k = n;
  while (i < n) {
    out[i] = k--;
    i++;
  }
  do {
    out[i++] = 7;
  } while (i < 12);
  int c = 27, steps = 0;
  while (c != 1 && steps < 200) {
    c = c % 2 ? 3 * c + 1 : c / 2;
    steps++;
  }
  out[30] = steps;
  for (float f = 0; f < 2; f += 0.5f) out[31] += (int)f;
}

void triangle(int n, double a[n][n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++)
      for (int k = j; k < i; k++) a[i][j] += a[k][j];
}

void two_counters(int n, int *out) {
  for (int i = 0, j = n; i < j; i++, j--) out[i] += out[j];
  int k = 0;
  for (int i = 0; i < n; i++) {
    if (i % 2 == 0) continue;
    out[40 + k++] = out[i];
  }
  out[60] = k;
}

void bounds_change(int n, int *out) {
  int m = n;
  for (int i = 0; i < m; i++) {
    if (i == 3) m = 5;
    out[i] += m;
  }
  int lim = n + 1;
  lim = lim * 2;
  for (int i = 0; i < lim; i++) out[i] += lim;
}

void halves(int n, unsigned m, float *x) {
  for (int i = 0; i < n / 2; i++) x[i] += x[n - 1 - i];
  for (unsigned i = 1; i < m / 3; i++) x[i] *= 2;
  for (int i = 0; i < n >> 1; i++) x[i] -= 1;
  for (int i = 2; i < 20 && i < n + 1; i++) x[i] += 0.5f;
  int j;
  for (j = n; j > 2 && j > (int)m; j -= 2) x[j] = 9;
  x[50] = j;
  int k;
  for (k = n; k-- > 0;) x[k] += k;
  x[51] = k;
}
