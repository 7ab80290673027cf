#include <stdlib.h>
void f(const float *x, float *y) {
  float *t = malloc((size_t)x[0]);
  t[0] = x[1];
  y[0] = t[0];
  free(t);
}
