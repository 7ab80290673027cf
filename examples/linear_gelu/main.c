#include "example.h"
#include "linear_gelu.h"
void linear_gelu_ref(int M, int N, int K, const float x[M][K], const float w[N][K], const float bias[N], float y[M][N]);

int main(void) {
  enum { M = 33, N = 50, K = 47 };
  float *x = floats(M * K), *w = floats(N * K), *b = floats(N), *y = floats(M * N), *r = floats(M * N);
  linear_gelu(M, N, K, (const float(*)[K])x, (const float(*)[K])w, b, (float(*)[N])y);
  linear_gelu_ref(M, N, K, (const float(*)[K])x, (const float(*)[K])w, b, (float(*)[N])r);
  int bad = differ("y", y, r, M * N, 1e-5);
  free(x), free(w), free(b), free(y), free(r);
  return done("linear_gelu", bad);
}
