/* Arrays from malloc and the like, which end with their block. */
#include <alloca.h>
#include <math.h>
#include <stdlib.h>

int softmax(int n, const float *x, float *y) {
  float *t = (float *)malloc(n * sizeof(float));
  if (t == NULL) return -1;
  float most = -1e30f, sum = 0;
  for (int i = 0; i < n; i++)
    if (x[i] > most) most = x[i];
  for (int i = 0; i < n; i++) {
    t[i] = expf(x[i] - most);
    sum += t[i];
  }
  for (int i = 0; i < n; i++) y[i] = t[i] / sum;
  free(t);
  return 0;
}

void histogram(int n, const unsigned char *x, int *out) {
  int *bins = calloc(256, sizeof *bins);
  if (!bins) return;
  for (int i = 0; i < n; i++) bins[x[i]]++;
  for (int i = 0; i < 256; i++) out[i] = bins[i];
  free(bins);
}

void steps(int n, int t, double *x) {
  double *a = malloc(n * sizeof *a), *b = malloc(sizeof(double) * n);
  for (int i = 0; i < n; i++) a[i] = b[i] = x[i];
  for (int k = 0; k < t; k++) {
    for (int i = 1; i < n - 1; i++) b[i] = 0.5 * (a[i - 1] + a[i + 1]);
    for (int i = 1; i < n - 1; i++) a[i] = b[i];
  }
  for (int i = 0; i < n; i++) x[i] = a[i];
  free(b), free(a);
}

/* One row at a time; the pointer walks. */
void reversed_rows(int rows, int n, float *x) {
  for (int r = 0; r < rows; r++) {
    float *row = alloca(n * sizeof *row), *p = row;
    for (int i = 0; i < n; i++) *p++ = x[r * n + n - 1 - i];
    for (int i = 0; i < n; i++) x[r * n + i] = row[i];
  }
}

static void fill(float *t, int n, float v) {
  for (int i = 0; i < n; i++) t[i] = v;
}
float through_helper(int n, float v, const float *x) {
  float s = 0;
  float *t = aligned_alloc(sizeof *t, n * sizeof *t);
  fill(t, n, v);
  if (n > 3) t[3] += 1;
  for (int i = 0; i < n; i++) s += t[i] * x[i];
  free(t);
  return s;
}
