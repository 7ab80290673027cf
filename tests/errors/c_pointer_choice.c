void f(int n, int flip, const float *a, const float *b, float *y) {
  const float *src = a;
  if (flip) src = b;
  for (int i = 0; i < n; i++) y[i] = src[i];
}
void g(int n, int flip, const float *a, const float *b, float *y) {
  const float *src = flip ? a : b;
  for (int i = 0; i < n; i++) y[i] = src[i];
}
