#include <stdio.h>
#include "kernel.h"

int main(void) {
  float x[5] = {1, 2, 3, 4, 5}, y[5] = {0};
  saxpy(5, 0.5f, x, y);
  printf("%g %g\n", y[0], y[4]);
  return 0;
}
