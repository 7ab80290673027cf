#include <errno.h>
#include <math.h>
void f(int n, float *x) {
  for (int i = 0; i < n; i++) x[i] = errno ? 0 : sqrtf(x[i]);
}
