void f(int n, float *x) {
  float t = 0;
  float *p = &t;
  for (int i = 0; i < n; i++) *p++ += x[i];
  x[0] = t;
}
