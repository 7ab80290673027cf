#include "example.h"
#include "matmul.h"
void matmul_ref(int M, int N, int K, const float A[M][K], const float B[K][N], float C[M][N]);

int main(void) {
  static const int size[][3] = {{64, 64, 64}, {37, 53, 29}, {1, 100, 7}, {100, 1, 100}, {5, 5, 0}, {0, 8, 8}};
  int bad = 0;
  for (size_t t = 0; t < sizeof size / sizeof *size; t++) {
    int M = size[t][0], N = size[t][1], K = size[t][2];
    float *a = floats((size_t)M * K), *b = floats((size_t)K * N), *c = floats((size_t)M * N),
          *r = floats((size_t)M * N);
    matmul(M, N, K, (const float(*)[K])a, (const float(*)[N])b, (float(*)[N])c);
    matmul_ref(M, N, K, (const float(*)[K])a, (const float(*)[N])b, (float(*)[N])r);
    bad += differ("C", c, r, (size_t)M * N, 1e-5);
    free(a), free(b), free(c), free(r);
  }
  return done("matmul", bad);
}
