#include <math.h>
float helper(float x);
void f(int n, float *x) {
  for (int i = 0; i < n; i++) x[i] = helper(x[i]);
}
void g(int n, float *x) {
  for (int i = 0; i < n; i++) x[i] = lgammaf(x[i]);
}
