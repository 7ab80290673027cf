#include "scale.h"

void saxpy(int n, float a, const float *restrict x, float *restrict y) {
  for (int i = 0; i < n; i++) y[i] = SCALE * a * x[i] + y[i];
}
