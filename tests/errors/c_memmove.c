#include <string.h>
void f(int n, float *x) { memmove(x, x + 1, n * sizeof *x); }
