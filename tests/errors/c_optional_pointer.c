#include <stddef.h>
void f(int n, const float *bias, float *y) {
  for (int i = 0; i < n; i++) y[i] = bias != NULL ? bias[i] : 0;
}
void g(int n, const float *bias, float *y) {
  for (int i = 0; i < n; i++)
    if (bias) y[i] += bias[i];
}
