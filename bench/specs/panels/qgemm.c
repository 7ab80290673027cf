#include <stdint.h>

/* Weights in panels of 64 columns and steps of 4: B[n][k][j][q] is row 4 k + q of column 64 n + j. N counts panels, K steps. */
void qgemm(int M, int N, int K, const int8_t A[M][K][4], const int8_t B[N][K][64][4], const float scale[N][64], int8_t C[M][N][64]) {
  for (int i = 0; i < M; i++)
    for (int n = 0; n < N; n++)
      for (int j = 0; j < 64; j++) {
        int32_t s = 0;
        for (int k = 0; k < K; k++)
          for (int q = 0; q < 4; q++) s += A[i][k][q] * B[n][k][j][q];
        float v = (float)s * scale[n][j];
        v = v > 127.0f ? 127.0f : v;
        v = v < -128.0f ? -128.0f : v;
        C[i][n][j] = (int8_t)v;
      }
}
