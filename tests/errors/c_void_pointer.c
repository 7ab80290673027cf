void f(int n, void *p) {
  float *x = p;
  for (int i = 0; i < n; i++) x[i] = 0;
}
