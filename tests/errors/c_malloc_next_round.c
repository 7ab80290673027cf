#include <stdlib.h>
void f(int n, int rounds, float *x) {
  float *p = x;
  for (int r = 0; r < rounds; r++) {
    float *t = malloc(n * sizeof *t);
    for (int i = 0; i < n; i++) t[i] = p[i] * 2;
    p = t;
  }
  x[0] = 1;
}
