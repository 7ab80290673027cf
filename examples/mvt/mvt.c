void mvt(int N, const float A[N][N], float x1[N], float x2[N], const float y1[N], const float y2[N]) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) x1[i] += A[i][j] * y1[j];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) x2[i] += A[j][i] * y2[j];
}
