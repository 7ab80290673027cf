void f(int n, float *x, float (*op)(float)) {
  for (int i = 0; i < n; i++) x[i] = op(x[i]);
}
