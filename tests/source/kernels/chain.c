#include <math.h>
#include <stddef.h>

void swish_mul(size_t n, const float *restrict a, const float *restrict b, float *restrict y) {
  for (size_t i = 0; i < n; i++) {
    float x = a[i];
    y[i] = x / (1.0f + expf(-x)) * b[i];
  }
}

void axpby_clamp(int n, float alpha, float beta, float lo, float hi, const float x[n], float y[n]) {
  for (int i = 0; i < n; i++) y[i] = alpha * x[i] + beta * y[i];
  for (int i = 0; i < n; i++) y[i] = fminf(fmaxf(y[i], lo), hi);
  for (int i = 0; i < n; i++) y[i] = fabsf(y[i]) + 1;
}
