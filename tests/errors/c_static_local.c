void f(int n, float *x) {
  static int calls;
  calls++;
  for (int i = 0; i < n; i++) x[i] = calls;
}
