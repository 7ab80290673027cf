void f(int n, float *x) {
  volatile float t = 0;
  for (int i = 0; i < n; i++) x[i] = t;
}
