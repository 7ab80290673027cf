void f(int n, float *x) {
  if (((unsigned long)x & 15) == 0)
    for (int i = 0; i < n; i++) x[i] = 0;
}
