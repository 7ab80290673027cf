#include <setjmp.h>
void f(int n, float *x) {
  jmp_buf b;
  if (setjmp(b)) return;
  for (int i = 0; i < n; i++) x[i] = 0;
}
