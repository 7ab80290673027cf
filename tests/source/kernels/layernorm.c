#include <math.h>

void layernorm(int R, int C, const float x[R][C], const float g[C], const float b[C], float y[R][C]) {
  for (int r = 0; r < R; r++) {
    float mean = 0;
    for (int c = 0; c < C; c++) mean += x[r][c];
    mean /= C;
    float var = 0;
    for (int c = 0; c < C; c++) {
      float d = x[r][c] - mean;
      var += d * d;
    }
    var /= C;
    float rstd = 1.0f / sqrtf(var + 1e-5f);
    for (int c = 0; c < C; c++) y[r][c] = (x[r][c] - mean) * rstd * g[c] + b[c];
  }
}

/* Flat arrays, base pointers, per-row results stored for the backward pass. */
void layernorm_forward(float *out, float *mean, float *rstd, const float *inp, const float *weight, const float *bias, int B, int T, int C) {
  float eps = 1e-5f;
  for (int b = 0; b < B; b++) {
    for (int t = 0; t < T; t++) {
      const float *x = inp + b * T * C + t * C;
      float m = 0.0f;
      for (int i = 0; i < C; i++) m += x[i];
      m = m / C;
      float v = 0.0f;
      for (int i = 0; i < C; i++) {
        float xshift = x[i] - m;
        v += xshift * xshift;
      }
      v = v / C;
      float s = 1.0f / sqrtf(v + eps);
      float *out_bt = out + b * T * C + t * C;
      for (int i = 0; i < C; i++) {
        float n = (s * (x[i] - m));
        float o = n * weight[i] + bias[i];
        out_bt[i] = o;
      }
      mean[b * T + t] = m;
      rstd[b * T + t] = s;
    }
  }
}
