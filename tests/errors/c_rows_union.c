struct item { int id; union { float f; int i; } u; };
void f(int n, const struct item *x, float *y) {
  for (int i = 0; i < n; i++) y[i] = x[i].u.f;
}
