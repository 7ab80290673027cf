void accumulator(int M, int N, int K, const float A[M][K], const float B[K][N], float C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[i][k] * B[k][j];
      C[i][j] = s;
    }
}
void in_memory(int n, int m, int p, float z[n][m], const float x[n][p], const float y[p][m]) {
  for (int a = 0; a < n; a++)
    for (int b = 0; b < m; b++) z[a][b] = 0;
  for (int a = 0; a < n; ++a)
    for (int c = 0; c < p; ++c)
      for (int b = 0; b < m; ++b) z[a][b] = z[a][b] + x[a][c] * y[c][b];
}
void flat(const float *a, const float *b, float *c, long m, long n, long k) {
  for (long i = 0; i < m; i++) {
    const float *row = a + i * k;
    for (long j = 0; j < n; j++) {
      c[i * n + j] = 0.0f;
      for (long q = 0; q < k; q++) c[i * n + j] += row[q] * b[q * n + j];
    }
  }
}
