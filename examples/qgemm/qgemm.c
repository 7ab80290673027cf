#include <stdint.h>

/* int8 product, int32 sums, scaled back to int8 with saturation. */
void qgemm(int M, int N, int K, const int8_t A[M][K], const int8_t B[K][N], const float scale[N], int8_t C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      int32_t s = 0;
      for (int k = 0; k < K; k++) s += A[i][k] * B[k][j];
      float v = (float)s * scale[j];
      v = v > 127.0f ? 127.0f : v;
      v = v < -128.0f ? -128.0f : v;
      C[i][j] = (int8_t)v;
    }
}
