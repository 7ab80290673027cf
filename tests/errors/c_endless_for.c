void f(int n, float *x) {
  for (;;) x[n] += 1;
}
