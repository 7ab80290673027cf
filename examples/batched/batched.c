void batched(int B, int M, int N, int K, const float x[B][M][K], const float y[B][K][N], float z[B][M][N]) {
  for (int b = 0; b < B; b++)
    for (int i = 0; i < M; i++)
      for (int j = 0; j < N; j++) {
        float s = 0;
        for (int k = 0; k < K; k++) s += x[b][i][k] * y[b][k][j];
        z[b][i][j] = s;
      }
}
