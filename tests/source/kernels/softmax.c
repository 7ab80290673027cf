#include <math.h>

void softmax(int R, int C, const float x[R][C], float y[R][C]) {
  for (int i = 0; i < R; i++) {
    float m = x[i][0];
    for (int j = 1; j < C; j++)
      if (x[i][j] > m) m = x[i][j];
    float sum = 0;
    for (int j = 0; j < C; j++) {
      y[i][j] = expf(x[i][j] - m);
      sum += y[i][j];
    }
    for (int j = 0; j < C; j++) y[i][j] /= sum;
  }
}

/* One vector, in place, as inference code has it. */
void softmax_inplace(float *x, int size) {
  float max_val = x[0];
  for (int i = 1; i < size; i++) {
    if (x[i] > max_val) {
      max_val = x[i];
    }
  }
  float sum = 0.0f;
  for (int i = 0; i < size; i++) {
    x[i] = expf(x[i] - max_val);
    sum += x[i];
  }
  for (int i = 0; i < size; i++) {
    x[i] /= sum;
  }
}

void softmax_fmax(int R, int C, const float x[R][C], float y[R][C]) {
  for (int i = 0; i < R; i++) {
    float m = -INFINITY, s = 0;
    for (int j = 0; j < C; j++) m = fmaxf(m, x[i][j]);
    for (int j = 0; j < C; j++) s += expf(x[i][j] - m);
    for (int j = 0; j < C; j++) y[i][j] = expf(x[i][j] - m) / s;
  }
}
