void f(int n, unsigned *x) {
  for (int i = 0; i < n; i++) x[i] = __builtin_parity(x[i]);
}
