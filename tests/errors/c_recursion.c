static float down(float x, int n) {
  return n > 0 ? down(x * 2, n - 1) : x;
}
void f(int n, float *x) {
  for (int i = 0; i < n; i++) x[i] = down(x[i], 3);
}
