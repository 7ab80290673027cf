/* y = A^T (A x) */
void atax(int M, int N, const float A[M][N], const float x[N], float y[N]) {
  float tmp[M];
  for (int j = 0; j < N; j++) y[j] = 0;
  for (int i = 0; i < M; i++) {
    tmp[i] = 0;
    for (int j = 0; j < N; j++) tmp[i] += A[i][j] * x[j];
    for (int j = 0; j < N; j++) y[j] += A[i][j] * tmp[i];
  }
}
