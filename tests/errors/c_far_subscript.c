void f(long n, float *x) {
  for (long i = 0; i < n; i++) x[i * 4611686018427387904L] = 1;
}
