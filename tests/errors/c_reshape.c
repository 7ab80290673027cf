void f(int n, float *x) {
  float(*m)[n] = (float(*)[n])x;
  for (int i = 0; i < n; i++) m[i][i] = 1;
}
