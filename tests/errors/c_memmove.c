#include <string.h>
void f(int n, float *x) { memmove(x, (char *)x + 1, n); }
