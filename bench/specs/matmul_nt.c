/* C = A B^T */
void matmul_nt(int M, int N, int K, const float A[M][K], const float B[N][K], float C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[i][k] * B[j][k];
      C[i][j] = s;
    }
}
