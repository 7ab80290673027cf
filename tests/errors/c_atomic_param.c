#include <stdatomic.h>
void f(int n, atomic_int *x) {
  for (int i = 0; i < n; i++) x[0] += i;
}
