#include <complex.h>
void f(int n, double complex *x) {
  for (int i = 0; i < n; i++) x[i] *= 2;
}
