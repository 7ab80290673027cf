#include <stddef.h>
#include <stdint.h>
#include <string.h>
float ends_sum(const float *x, int n) {
  float s = 0;
  for (const float *p = x; p < x + n; p++) s += *p;
  return s;
}
void ends_scale(float *x, const float *y, size_t n, float a) {
  const float *end = y + n;
  while (y != end) *x++ = a * *y++;
}
void ends_back(float *x, int n, float a) {
  float *p = x + n;
  while (p > x) *--p *= a;
}
void ends_last(float *x, int n, float a) {
  for (float *p = x + n - 1; p >= x; p--) *p += a;
}
void ends_pairs(float *x, float *y, int n) {
  float *p, *q = y;
  for (p = x; p < &x[2 * n]; p += 2, q++) {
    *q = p[0] + p[1];
    p[1] = p[0] - p[1];
  }
}
void ends_by_three(uint8_t *p, uint8_t *gray, int n) {
  const uint8_t *end = p + 3 * n;
  for (; p < end; p += 3) *gray++ = (uint8_t)((p[0] * 77 + p[1] * 150 + p[2] * 29) >> 8);
}
int ends_count(const char *s, size_t n) {
  const char *e = s + n;
  int c = 0;
  while (s < e)
    if (*s++ == 7) c++;
  return c;
}
void ends_rows(float *img, int w, int h, int stride, float a) {
  for (float *row = img; row < img + h * stride; row += stride)
    for (float *p = row, *e = row + w; p < e; ++p) *p += a;
}
float ends_after(const float *x, float *y, int n) { /* where the pointer is behind the loop */
  const float *p = x;
  float *q = y;
  while (p < x + n) *q++ = 2 * *p++;
  *q = 1;
  return q[-(n > 0)] + (float)(p - x);
}
int ends_sometimes(const int *x, int *out, int n) { /* moves by different amounts */
  int *q = out;
  for (const int *p = x; p < x + n; p++)
    if (*p > 0) *q++ = *p;
  return (int)(q - out);
}
void ends_never(float *x, int n) { /* the end is behind: nothing */
  for (float *p = x + 4; p < x + n; p++) *p = 0;
}
void ends_skip(const float *x, float *y, int n) {
  const float *p = x;
  while (p < x + n) {
    float v = *p++;
    if (v < 0) continue;
    y[p - x - 1] = v;
  }
}
void ends_nested(const float *x, float *y, int n, int m) {
  const float *p = x, *end = x + n * m;
  while (p < end) {
    float s = 0;
    for (int k = 0; k < m; k++) s += *p++;
    *y++ = s;
  }
}
void ends_unsigned(uint16_t *a, uint16_t *b, unsigned n) {
  uint16_t *p = a, *q = b;
  for (uint16_t *const e = a + n; e > p;) {
    uint16_t t = *p;
    *p++ = *q;
    *q++ = t;
  }
}
void ends_least(double *x, int lo, int hi) {
  double *p = x + lo, *q = x + hi;
  while (p <= q) *p++ = 0.5;
}
void ends_comma(double *b, const double *acc, int n, double dt) {
  for (double *p = b, *e = b + n; p != e; ++p, ++acc) *p += *acc * dt;
}
