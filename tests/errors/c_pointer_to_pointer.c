void f(int n, int m, float **rows) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) rows[i][j] = 0;
}
