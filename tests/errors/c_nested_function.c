void f(int n, float *x) {
  float twice(float v) { return 2 * v; }
  for (int i = 0; i < n; i++) x[i] = twice(x[i]);
}
