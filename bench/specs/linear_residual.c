void linear_residual(int M, int N, int K, const float x[M][K], const float w[N][K], const float bias[N], const float r[M][N], float y[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = bias[j];
      for (int k = 0; k < K; k++) s += x[i][k] * w[j][k];
      y[i][j] = s + r[i][j];
    }
}
