typedef float op(float);
void f(int n, op *g, float *x) {
  for (int i = 0; i < n; i++) x[i] = g(x[i]);
}
