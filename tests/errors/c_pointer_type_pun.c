void f(int n, float *x, int *bits) {
  for (int i = 0; i < n; i++) bits[i] = ((int *)x)[i];
}
