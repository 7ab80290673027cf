void f(int n, const char **names, float *x) {
  x[0] = names[0][n];
}
