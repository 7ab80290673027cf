#include "example.h"
#include "transposed.h"
void transposed_ref(int M, int N, int K, const float A[K][M], const float B[N][K], float C[M][N]);

int main(void) {
  enum { M = 41, N = 39, K = 65 };
  float *a = floats(K * M), *b = floats(N * K), *c = floats(M * N), *r = floats(M * N);
  transposed(M, N, K, (const float(*)[M])a, (const float(*)[K])b, (float(*)[N])c);
  transposed_ref(M, N, K, (const float(*)[M])a, (const float(*)[K])b, (float(*)[N])r);
  int bad = differ("C", c, r, M * N, 1e-5);
  free(a), free(b), free(c), free(r);
  return done("transposed", bad);
}
