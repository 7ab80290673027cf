/* C = A B^T and C = A^T B, initialise then accumulate. */
void matmul_nt(int M, int N, int K, const float A[M][K], const float B[N][K], float C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      C[i][j] = 0;
      for (int k = 0; k < K; k++) C[i][j] += A[i][k] * B[j][k];
    }
}

void matmul_tn(int M, int N, int K, const float A[K][M], const float B[K][N], float C[M][N]) {
  int i, j, k;
  for (i = 0; i < M; i++)
    for (j = 0; j < N; j++) C[i][j] = 0;
  for (k = 0; k < K; k++)
    for (i = 0; i < M; i++)
      for (j = 0; j < N; j++) C[i][j] += A[k][i] * B[k][j];
}
