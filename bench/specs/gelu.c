#include <math.h>

void gelu(int n, const float *restrict x, float *restrict y) {
  for (int i = 0; i < n; i++) y[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
}
