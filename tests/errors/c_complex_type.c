void f(int n, float _Complex *x) {
  for (int i = 0; i < n; i++) x[i] = 0;
}
