#include "example.h"
#include "transpose.h"
void transpose_ref(int M, int N, const float A[restrict M][N], float B[restrict N][M]);

int main(void) {
  enum { M = 45, N = 83 };
  float *a = floats(M * N), *b = floats(M * N), *r = floats(M * N);
  transpose(M, N, (const void *)a, (void *)b);
  transpose_ref(M, N, (const void *)a, (void *)r);
  int bad = differ("B", b, r, M * N, 0);
  free(a), free(b), free(r);
  return done("transpose", bad);
}
