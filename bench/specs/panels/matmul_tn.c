/* Weights in panels of 64 columns: B[n][k][j] is column 64 n + j. N counts panels. */
void matmul_tn(int M, int N, int K, const float A[K][M], const float B[N][K][64], float C[M][N][64]) {
  for (int i = 0; i < M; i++)
    for (int n = 0; n < N; n++)
      for (int j = 0; j < 64; j++) {
        float s = 0;
        for (int k = 0; k < K; k++) s += A[k][i] * B[n][k][j];
        C[i][n][j] = s;
      }
}
