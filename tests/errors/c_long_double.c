void f(int n, long double *x) {
  for (int i = 0; i < n; i++) x[i] = 0;
}
void g(int n, float *x) {
  long double s = 0;
  for (int i = 0; i < n; i++) s += x[i];
  x[0] = s;
}
