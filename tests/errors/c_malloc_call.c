#include <stdlib.h>
void f(int n, float *x) {
  float *t = malloc(n * sizeof *t);
  for (int i = 0; i < n; i++) t[i] = x[i];
  t = realloc(t, 2 * n * sizeof *t);
  free(t);
}
