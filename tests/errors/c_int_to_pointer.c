void f(long at, int n) {
  float *x = (float *)at;
  for (int i = 0; i < n; i++) x[i] = 0;
}
