#include "example.h"
#include "jacobi2d.h"
void jacobi2d_ref(int n, const float A[n][n], float B[n][n]);

int main(void) {
  static const int size[] = {0, 1, 2, 3, 16, 67};
  int bad = 0;
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    int n = size[i];
    size_t e = (size_t)n * n;
    float *a = floats(e), *b = floats(e), *r = copy_of(b, e);
    jacobi2d(n, (const void *)a, (void *)b);
    jacobi2d_ref(n, (const void *)a, (void *)r);
    bad += differ("B", b, r, e, 1e-6);
    free(a), free(b), free(r);
  }
  return done("jacobi2d", bad);
}
