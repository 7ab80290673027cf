void f(int n, float *x) {
  for (int i = 0; i < n; i++) {
    int bits = *(int *)&x[i];
    x[i] = bits >> 1;
  }
}
