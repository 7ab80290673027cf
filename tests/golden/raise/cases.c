/* Conditions that do not change in a loop: a loop for each case. */
#include <math.h>

void activate(float *x, int n, int kind) {
  for (int i = 0; i < n; i++) {
    switch (kind) {
    case 0: x[i] = x[i] > 0 ? x[i] : 0; break;
    case 1: x[i] = tanhf(x[i]); break;
    default: x[i] = 1.0f / (1.0f + expf(-x[i]));
    }
  }
}

/* Cheap on both sides: computed and chosen. */
void scaled(int n, float *y, const float *x, float beta) {
  for (int i = 0; i < n; i++) y[i] = beta == 0 ? x[i] : x[i] + beta * y[i];
}

/* vmax is there only where amsgrad says so, inside of another condition on values, too. */
void amsgrad(int n, float *p, const float *g, const float *v, int ams, float *vmax) {
  for (int i = 0; i < n; i++) {
    float d = v[i];
    if (ams) {
      if (v[i] > vmax[i]) vmax[i] = v[i];
      d = vmax[i];
    }
    p[i] -= g[i] / (expf(d) + 1e-8f);
  }
}

void either_way(char trans, int m, int n, int k, const float *a, const float *b, float *restrict c) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float s = 0;
      for (int l = 0; l < k; l++) s += (trans == 'n' ? a[i * k + l] : a[l * m + i]) * b[l * n + j];
      c[i * n + j] = s;
    }
}

/* A loop for each case as it is written. */
void modes(int n, int mode, const float *x, float *y) {
  if (mode == 0)
    for (int i = 0; i < n; i++) y[i] = x[i] * 2;
  else
    for (int i = 0; i < n; i++) y[i] = sqrtf(x[i]);
}

/* What changes, traps or reads memory stays inside. */
void inside(int n, int *restrict flag, float *restrict x, int a, int b) {
  for (int i = 0; i < n; i++) {
    if (flag[0]) x[i] = expf(x[i]);
    if (b && a / b > 2) x[i] = x[i] + 1;
    if (a) x[i] = tanhf(x[i]), a = 0;
  }
}
