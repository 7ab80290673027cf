void f(int n, float *x) {
  static float t;
  if (n > 4) t = 3;
  for (int i = 0; i < n; i++) x[i] += t;
}
