void f(int n, int k, float *x) {
  for (int i = 0; i < n; i++)
    switch (k) {
    case 1 ... 3:
      x[i] = 1;
      break;
    default:
      x[i] = 2;
    }
}
