void transpose(int m, int n, const float a[m][n], float b[n][m]) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) b[j][i] = a[i][j];
}
