/* Weights in panels of 64 outputs: w[n][k][j] belongs to output 64 n + j. N counts panels. */
void linear_residual(int M, int N, int K, const float x[M][K], const float w[N][K][64], const float bias[N][64], const float r[M][N][64], float y[M][N][64]) {
  for (int i = 0; i < M; i++)
    for (int n = 0; n < N; n++)
      for (int j = 0; j < 64; j++) {
        float s = bias[n][j];
        for (int k = 0; k < K; k++) s += x[i][k] * w[n][k][j];
        y[i][n][j] = s + r[i][n][j];
      }
}
