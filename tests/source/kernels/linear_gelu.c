#include <math.h>

void linear_gelu(int n, int in, int out, const float x[n][in], const float w[out][in], const float bias[out], float y[n][out]) {
  for (int i = 0; i < n; i++)
    for (int o = 0; o < out; o++) {
      float v = bias[o];
      for (int k = 0; k < in; k++) v += x[i][k] * w[o][k];
      y[i][o] = 0.5f * v * (1.0f + erff(v * 0.70710678f));
    }
}

#define GELU_SCALE 0.7978845608f
void linear_gelu_tanh(int n, int in, int out, const float *x, const float *w, const float *bias, float *y) {
  for (int i = 0; i < n; i++) {
    const float *row = x + i * in;
    for (int o = 0; o < out; o++) {
      float v = bias[o];
      for (int k = 0; k < in; k++) v += row[k] * w[o * in + k];
      float cube = 0.044715f * v * v * v;
      y[i * out + o] = 0.5f * v * (1.0f + tanhf(GELU_SCALE * (v + cube)));
    }
  }
}
