#include <math.h>
#define SQ(x) ((x) * (x))
#define N 4
enum { PAD = 2, MODE_A };
static const int OFFSET = 3;
static const float SCALE = 0.5f;

static inline float relu(float x) {
  return x > 0 ? x : 0;
}
static float lerp(float a, float b, float t) {
  return a + t * (b - a);
}
static int at(int i, int j, int ld) {
  return i * ld + j;
}
static inline float clampf(float x, float lo, float hi) {
  if (x < lo) return lo;
  if (x > hi) return hi;
  return x;
}
static void axpy(int n, float a, const float *x, float *y) {
  for (int i = 0; i < n; i++) y[i] += a * x[i];
}
static float dot(int n, const float *a, const float *b) {
  float s = 0;
  for (int i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}
static float get(const float *x, int i, int n) {
  if (i < 0 || i >= n) return 0;
  return x[i];
}

void kernel(int n, int m, const float *x, float *y) {
  for (int i = 0; i < n; i++) {
    y[i] = relu(lerp(x[i], y[i], SCALE)) + SQ(x[i] + 1);
    y[at(1, i, 8)] = clampf(x[i], -1, 1);
    y[i + 16] = dot(N, x + i, x + PAD) + get(x, i - PAD, m);
    axpy(N, 2 * SCALE, x + i, y + 32);
    y[OFFSET] += sizeof(float) * MODE_A;
    y[i] = relu(relu(relu(y[i] - x[i]) + x[i]) * y[i]);
  }
}

void math(int n, const float *x, double *y, float *z, int *k) {
  for (int i = 0; i < n; i++) {
    y[i] = sqrt(fabs(x[i])) + floor(y[i]) + ceil(x[i]) - trunc(y[i]) + round(x[i]) * rint(y[i]);
    z[i] = fmaf(x[i], z[i], 1) + fminf(x[i], z[i]) * fmaxf(x[i], 2) + floorf(z[i]) + roundf(x[i]) + nearbyintf(z[i]);
    k[i] = isnan(x[i]) + (x[i] == INFINITY) + (z[i] < -HUGE_VALF);
    y[i] += sqrt(x[i] * x[i]) + pow(2, 3) * M_PI;
    z[i] = sqrtf(fabsf(z[i])) + 1e-3;
    k[i] += __builtin_abs(k[i] - 3);
  }
}
