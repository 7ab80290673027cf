#include <stdlib.h>
struct table { int n; float *x; };
void f(struct table *t, int n) {
  float *x = malloc(n * sizeof *x);
  for (int i = 0; i < n; i++) x[i] = 0;
  t->x = x;
}
