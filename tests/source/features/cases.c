/* Conditions that do not change in a loop. */
#include <math.h>

void activate(float *x, int n, int kind) {
  for (int i = 0; i < n; i++) {
    switch (kind) {
    case 0: x[i] = x[i] > 0 ? x[i] : 0; break;
    case 1: x[i] = x[i] * x[i]; break;
    case 2: x[i] = x[i] / (1.0f + fabsf(x[i])); break;
    case 3: break;
    default: x[i] = sqrtf(fabsf(x[i]));
    }
  }
}

void either_way(int trans, int m, int n, int k, const float *a, const float *b, float *restrict c) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float s = 0;
      for (int l = 0; l < k; l++) s += (trans == 1 ? a[i * k + l] : a[l * m + i]) * b[l * n + j];
      c[i * n + j] = s;
    }
}

void bias_relu(int n, int m, float *y, const float *x, const float *bias, int relu, int use) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) {
      float v = x[i * m + j];
      if (use) v += bias[j];
      if (relu) v = v > 0 ? v : 0;
      y[i * m + j] = v;
    }
}

void ams(int n, float *p, const float *g, const float *v, int on, float *vmax) {
  for (int i = 0; i < n; i++) {
    float d = v[i];
    if (on) {
      if (v[i] > vmax[i]) vmax[i] = v[i];
      d = vmax[i];
    }
    p[i] -= g[i] / (sqrtf(fabsf(d)) + 1);
  }
}

float reduce(int n, const float *x, int kind) {
  float s = 0;
  for (int i = 0; i < n; i++) {
    switch (kind) {
    case 0: s += x[i]; break;
    case 1: s += x[i] * x[i]; break;
    default:
      if (x[i] > s) s = x[i];
    }
  }
  return s;
}

/* Two of them, one that is changed in the loop, one in an inner loop. */
void nested(int n, int m, double *y, const double *x, int p, int q, int r) {
  for (int i = 0; i < n; i++) {
    if (p > 3) y[i * m] = 1;
    for (int j = 0; j < m; j++) {
      if (q > r) y[i * m + j] += x[j];
      if (p > 3 && j > 1) y[i * m + j] -= x[j - 1];
      if (i > q) y[i * m + j] *= 2;
    }
    r++;
  }
}

void modes(int n, int mode, const float *x, float *y) {
  if (mode > 2) {
    for (int i = 0; i < n; i++) y[i] = x[i] * 2;
  } else {
    for (int i = 0; i < n; i++) y[i] = x[i] / 3;
    y[0] = 7;
  }
}
