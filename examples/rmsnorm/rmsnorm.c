#include <math.h>

void rmsnorm(int R, int C, const float x[R][C], const float g[C], float y[R][C]) {
  for (int i = 0; i < R; i++) {
    float ss = 0;
    for (int j = 0; j < C; j++) ss += x[i][j] * x[i][j];
    float k = 1.0f / sqrtf(ss / (float)C + 1e-6f);
    for (int j = 0; j < C; j++) y[i][j] = g[j] * (k * x[i][j]);
  }
}
