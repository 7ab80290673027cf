#include <math.h>
/* A choice by what the loop carries comes after what is chosen from; not where what it asks about changes first. */
void envelope(const float *x, float *env, int n, float attack, float release) {
  float e = 0;
  for (int i = 0; i < n; i++) {
    float a = fabsf(x[i]), c = a > e ? attack : release;
    e = c * e + (1 - c) * a;
    env[i] = e;
  }
}
void changes_first(const float *x, float *y, int n, float up, float down) {
  float e = 0, f = 0;
  for (int i = 0; i < n; i++) {
    float c = x[i] > e ? up : down;
    e = x[i];
    f = c * f + e;
    y[i] = f;
  }
}

/* Compactions on lanes: one way, both ways, in place; not where a value depends on the place. */
int pick(const double *x, int n, double t, double *out) {
  int k = 0;
  for (int i = 0; i < n; i++)
    if (x[i] > t) out[k++] = x[i];
  return k;
}
int split(const int *x, int n, int t, int *low, unsigned char *high) {
  unsigned k = 0, j = 0;
  for (int i = 0; i < n; i++) {
    if (x[i] < t)
      low[k++] = i;
    else
      high[j++] = (unsigned char)x[i];
  }
  return (int)(k + j);
}
int without(int *a, int n, int v) {
  int k = 0;
  for (int i = 0; i < n; i++)
    if (a[i] != v) a[k++] = a[i];
  return k;
}
int until_full(const int *x, int n, int most, int *out) {
  int k = 0;
  for (int i = 0; i < n; i++)
    if (x[i] > 0 && k < most) out[k++] = x[i];
  return k;
}
/* The second arm would read what the first one has stored. */
int part_in_place(int *a, int n, int v, int *out) {
  int k = 0, j = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] < v)
      a[k++] = a[i];
    else
      out[j++] = a[i];
  }
  return k;
}
