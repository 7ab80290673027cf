#include <math.h>

void layernorm(int R, int C, const float x[R][C], const float g[C], const float b[C], float y[R][C]) {
  for (int i = 0; i < R; i++) {
    float mean = 0, var = 0;
    for (int j = 0; j < C; j++) mean += x[i][j];
    mean = mean / (float)C;
    for (int j = 0; j < C; j++) {
      float t = x[i][j] - mean;
      var += t * t;
    }
    float k = 1.0f / sqrtf(var / (float)C + 1e-5f);
    for (int j = 0; j < C; j++) y[i][j] = k * (x[i][j] - mean) * g[j] + b[j];
  }
}
