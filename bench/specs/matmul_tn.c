/* C = A^T B */
void matmul_tn(int M, int N, int K, const float A[K][M], const float B[K][N], float C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[k][i] * B[k][j];
      C[i][j] = s;
    }
}
