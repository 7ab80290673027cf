struct m { int n; float *d; };
void f(int k, const struct m *a, float *y) {
  for (int i = 0; i < k; i++) y[i] = a[i].d[0];
}
