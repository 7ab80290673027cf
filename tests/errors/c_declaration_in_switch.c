void f(int n, int k, float *x) {
  switch (k) {
    x[0] = 3;
  case 1:
    x[0] = n;
    break;
  }
}
