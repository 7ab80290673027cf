void f(int n, volatile float *x) {
  for (int i = 0; i < n; i++) x[i] = 0;
}
