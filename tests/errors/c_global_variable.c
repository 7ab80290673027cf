float scale;
float table[4];
void f(int n, float *x) {
  for (int i = 0; i < n; i++) x[i] *= scale;
}
void g(int n, float *x) {
  for (int i = 0; i < n; i++) table[i] = x[i];
}
