void f(int n, float *x) {
  float t[4] = {[1 ... 2] = 1};
  for (int i = 0; i < n; i++) x[i] = t[i];
}
