#include "example.h"
#include "batched.h"
void batched_ref(int B, int M, int N, int K, const float x[B][M][K], const float y[B][K][N], float z[B][M][N]);

int main(void) {
  enum { B = 5, M = 19, N = 34, K = 23 };
  float *x = floats(B * M * K), *y = floats(B * K * N), *z = floats(B * M * N), *r = floats(B * M * N);
  batched(B, M, N, K, (const float(*)[M][K])x, (const float(*)[K][N])y, (float(*)[M][N])z);
  batched_ref(B, M, N, K, (const float(*)[M][K])x, (const float(*)[K][N])y, (float(*)[M][N])r);
  int bad = differ("z", z, r, B * M * N, 1e-5);
  free(x), free(y), free(z), free(r);
  return done("batched", bad);
}
