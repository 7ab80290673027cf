#include <math.h>

void rmsnorm(float *o, const float *x, const float *weight, int size) {
  float ss = 0.0f;
  for (int j = 0; j < size; j++) {
    ss += x[j] * x[j];
  }
  ss /= size;
  ss += 1e-5f;
  ss = 1.0f / sqrtf(ss);
  for (int j = 0; j < size; j++) {
    o[j] = weight[j] * (ss * x[j]);
  }
}

void rmsnorm_rows(int R, int C, const float x[R][C], const float w[C], float y[R][C]) {
  for (int r = 0; r < R; r++) {
    float ss = 0;
    for (int c = 0; c < C; c++) ss += x[r][c] * x[r][c];
    const float scale = 1.0f / sqrtf(ss / (float)C + 1e-6f);
    for (int c = 0; c < C; c++) y[r][c] = x[r][c] * scale * w[c];
  }
}
