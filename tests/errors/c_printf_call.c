#include <stdio.h>
void f(int n, const float *x) {
  for (int i = 0; i < n; i++) printf("%g\n", x[i]);
}
