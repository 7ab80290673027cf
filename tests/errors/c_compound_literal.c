void f(int n, float a, float *x) {
  for (int i = 0; i < n; i++) x[i] = ((float[]){a, 2})[i % 2];
}
