void f(int n, float *x) {
  float t[n / 2];
  for (int i = 0; i < n / 2; i++) t[i] = x[i];
  x[0] = t[0];
}
