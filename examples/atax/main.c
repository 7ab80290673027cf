#include "example.h"
#include "atax.h"
void atax_ref(int M, int N, const float A[M][N], const float x[N], float y[N]);

int main(void) {
  enum { M = 58, N = 43 };
  float *a = floats(M * N), *x = floats(N), *y = floats(N), *r = floats(N);
  atax(M, N, (const void *)a, x, y);
  atax_ref(M, N, (const void *)a, x, r);
  int bad = differ("y", y, r, N, 1e-5);
  free(a), free(x), free(y), free(r);
  return done("atax", bad);
}
