void f(int n, double *x) {
  long double s = 0;
  for (int i = 0; i < n; i++) s += x[i];
  x[0] = s;
}
