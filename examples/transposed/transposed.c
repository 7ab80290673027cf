/* C = A^T B^T */
void transposed(int M, int N, int K, const float A[K][M], const float B[N][K], float C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      C[i][j] = 0;
      for (int k = 0; k < K; k++) C[i][j] += A[k][i] * B[j][k];
    }
}
