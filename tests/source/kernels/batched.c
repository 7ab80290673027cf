void bmm(int b, int m, int n, int k, const float A[restrict b][m][k], const float B[restrict b][k][n], float C[restrict b][m][n]) {
  for (int p = 0; p < b; ++p)
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) {
        float acc = 0.0f;
        for (int x = 0; x < k; ++x) acc += A[p][i][x] * B[p][x][j];
        C[p][i][j] = acc;
      }
}
