#include <math.h>
#include <stdint.h>

void qgemm(int M, int N, int K, const int8_t A[M][K], const int8_t B[K][N], const int32_t bias[N], float scale, int8_t C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      int32_t acc = bias[j];
      for (int k = 0; k < K; k++) acc += A[i][k] * B[k][j];
      float v = rintf((float)acc * scale);
      v = v > 127.0f ? 127.0f : v < -128.0f ? -128.0f : v;
      C[i][j] = (int8_t)v;
    }
}

/* Fixed-point requantisation: rounding shift. */
void qgemm_shift(int M, int N, int K, const int8_t A[M][K], const int8_t B[K][N], int32_t mult, int shift, uint8_t C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      int32_t acc = 0;
      for (int k = 0; k < K; k++) acc += (int32_t)A[i][k] * (int32_t)B[k][j];
      int64_t t = ((int64_t)acc * mult + ((int64_t)1 << (shift - 1))) >> shift;
      if (t < 0) t = 0;
      if (t > 255) t = 255;
      C[i][j] = (uint8_t)t;
    }
}
