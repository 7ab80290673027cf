void f(int n, const float *a, const float *b, float *y) {
  for (int i = 0; i < n; i++) y[i] = a == b ? 0 : a[i];
}
