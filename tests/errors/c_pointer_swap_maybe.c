void f(int n, float *a, float *b, const int *swaps) {
  for (int t = 0; t < 3; t++) {
    for (int i = 0; i < n; i++) b[i] = a[i] + 1;
    if (swaps[t]) {
      float *s = a;
      a = b;
      b = s;
    }
  }
}
