#include <assert.h>
void f(int n, float *x) {
  assert(n > 0);
  for (int i = 0; i < n; i++) x[i] = 0;
}
