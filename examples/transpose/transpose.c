void transpose(int M, int N, const float A[restrict M][N], float B[restrict N][M]) {
  for (int j = 0; j < N; j++)
    for (int i = 0; i < M; i++) B[j][i] = A[i][j];
}
