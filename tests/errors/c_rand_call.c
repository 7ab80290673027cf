#include <stdlib.h>
void f(int n, int *x) {
  for (int i = 0; i < n; i++) x[i] = rand();
}
