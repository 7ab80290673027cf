struct block { float scale; signed char q[32]; };
void f(int n, const struct block *b, float *y) {
  for (int i = 0; i < n; i++) y[i] = b[i].scale;
}
