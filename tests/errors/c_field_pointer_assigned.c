struct m { int n; float *d; };
void f(struct m *a, float *x) {
  a->d = x;
}
