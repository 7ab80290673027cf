#include <stdlib.h>
void f(int n, float *x) {
  float *p = x;
  if (n > 4) {
    float *t = malloc(n * sizeof *t);
    for (int i = 0; i < n; i++) t[i] = x[i] * 2;
    p = t;
  }
  for (int i = 0; i < n; i++) x[i] = p[i] + 1;
}
