void f(int n, float *x) {
again:
  x[0] += 1;
  if (x[0] < n) goto again;
}
