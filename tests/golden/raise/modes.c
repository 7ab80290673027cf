void early(int M, int N, int K, const float A[M][K], const float B[K][N], float C[M][N]) {
  if (M <= 0 || N <= 0) return;
  if (K < 4) return;
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[i][k] * B[k][j];
      C[i][j] = s;
    }
}
void mode(int n, int m, const float x[n], float y[n]) {
  if (m == 1)
    for (int i = 0; i < n; i++) y[i] = x[i];
  else
    for (int i = 0; i < n; i++) y[i] = 2 * x[i];
}
void ends(int n, const float x[n], float y[n]) {
  for (int i = 0; i < n; i++)
    if (i == 0 || i == n - 1)
      y[i] = 0;
    else
      y[i] = x[i - 1] + x[i + 1];
}
void argm(int n, const float *x, int *out) {
  int b = 0;
  for (int i = 1; i < n; i++)
    if (x[i] > x[b]) b = i;
  *out = b;
}
void lastw(int n, int m, const float x[n][m], float y[n], float *s) {
  float acc = 0;
  for (int i = 0; i < n; i++) {
    float t = 0;
    for (int j = 0; j < m; j++) t += x[i][j];
    if (t > 0) {
      y[i] = t;
      acc += t;
    } else
      y[i] = -t;
  }
  *s = acc;
}
