void f(int n, float *x) {
  float t[(int)x[0]];
  for (int i = 0; i < n; i++) t[i] = x[i];
  x[0] = t[0];
}
