#include <string.h>
void f(int n, const float *x, float *y) { memcpy(y, x, n); }
