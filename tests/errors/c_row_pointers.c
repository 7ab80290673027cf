void f(int n, float *rows[]) {
  for (int i = 0; i < n; i++) rows[i][0] = 0;
}
