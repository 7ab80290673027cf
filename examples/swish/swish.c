#include <math.h>

void swish(int n, const float *restrict a, const float *restrict b, float *restrict y) {
  for (int i = 0; i < n; i++) y[i] = a[i] / (1.0f + expf(-a[i])) * b[i];
}
