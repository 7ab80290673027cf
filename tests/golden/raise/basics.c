#include <math.h>
#include <stdint.h>
void init_then_add(int M, int N, int K, const float A[M][K], const float B[K][N], float C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      C[i][j] = 0;
      for (int k = 0; k < K; k++) C[i][j] += A[i][k] * B[k][j];
    }
}
void init_apart(int M, int N, int K, const float A[M][K], const float B[K][N], float C[M][N]) {
  for (int y = 0; y < M; y++)
    for (int x = 0; x < N; x++) C[y][x] = 0;
  for (int k = 0; k < K; k++)
    for (int i = 0; i < M; i++)
      for (int j = 0; j < N; j++) C[i][j] += A[i][k] * B[k][j];
}
void scale(int n, float a, float x[n]) {
  for (int i = 0; i < n; i++) x[i] *= a;
}
void part(int M, int N, int n, const float A[M][N], float B[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < n; j++) B[i][j] = A[i][j];
}
void double_sum(int n, const float x[n], float out[1]) {
  double s = 0;
  for (int i = 0; i < n; i++) s += (double)x[i] * x[i];
  out[0] = (float)(1.0 / sqrt(s));
}
void float_by_double(int n, const float x[n], float *out) {
  float s = 0;
  for (int i = 0; i < n; i++) s += x[i] * 0.5;
  *out = s;
}
void product(int n, const int32_t x[n], int32_t *p, uint8_t *all, int8_t *few) {
  int32_t q = 1;
  uint8_t a = 255;
  int8_t s = 0;
  for (int i = 0; i < n; i++) {
    q *= x[i];
    a &= x[i];
    s += x[i];
  }
  *p = q;
  *all = a;
  *few = s;
}
void subtract(int n, int m, const float a[n][m], const float x[m], float y[n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) y[i] -= a[i][j] * x[j];
}
void two_sums(int n, int m, const float a[n][m], float rows[n], float cols[m]) {
  for (int j = 0; j < m; j++) cols[j] = 0;
  for (int i = 0; i < n; i++) {
    float r = 1;
    for (int j = 0; j < m; j++) {
      r += a[i][j];
      cols[j] += a[i][j];
    }
    rows[i] = r;
  }
}
void inner_and_outer(int n, int m, const float a[n][m], const float b[n], float *out) {
  float s = 0;
  for (int i = 0; i < n; i++) {
    s += b[i];
    for (int j = 0; j < m; j++) s += a[i][j];
  }
  *out = s;
}
void swap(int n, float a[n], float b[n]) {
  for (int i = 0; i < n; i++) {
    float t = a[i];
    a[i] = b[i];
    b[i] = t;
  }
}
void used_twice(int n, const float a[n], float b[n], float c[n]) {
  for (int i = 0; i < n; i++) {
    float e = expf(a[i]);
    b[i] = e;
    c[i] = e * e;
  }
}
