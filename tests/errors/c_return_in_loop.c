void f(int n, float *x) {
  for (int i = 0; i < n; i++) {
    if (x[i] < 0) return;
    x[i] = 1;
  }
}
