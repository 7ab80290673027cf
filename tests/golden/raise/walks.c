/* Pointers and integers that move by the same amount in each iteration; and what moves otherwise, which stays. */
#include <stdint.h>

void channels(const uint8_t *src, uint8_t *dst, int w, int h, int stride) {
  for (int y = 0; y < h; y++) {
    const uint8_t *s = src + y * stride;
    uint8_t *d = dst + y * w * 3;
    for (int x = 0; x < w; x++, s += 4, d += 3) {
      d[0] = s[2];
      d[1] = s[1];
      d[2] = s[0];
    }
  }
}

void run_on(const float *in, float *out, int rows, int cols, float k) {
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < cols; x++) *out++ = k * *in++;
}

void increments(int n, double a, const double *x, int incx, double *y, int incy) {
  int ix = incx < 0 ? (1 - n) * incx : 0, iy = incy < 0 ? (1 - n) * incy : 0;
  for (int i = 0; i < n; i++) {
    y[iy] += a * x[ix];
    ix += incx;
    iy += incy;
  }
}

void behind(const float *x, float *y, int n) {
  const float *p = x;
  for (int i = 0; i < 8; i++) y[i] = *p++;
  for (int i = 0; i < n; i++) y[8 + i] = p[i];
}

/* one that moves under a condition does not */
int compact(const float *x, float *out, int n) {
  int k = 0;
  for (int i = 0; i < n; i++)
    if (x[i] > 0) out[k++] = x[i];
  return k;
}

/* nor one that a `continue` may leave behind */
void skipping(const float *x, float *out, int n) {
  for (int i = 0; i < n; i++) {
    if (x[i] < 0) continue;
    *out++ = x[i];
  }
}

/* where the inner loop may run no iteration, what stands beside it sees a pointer that did not move */
void beside(const float *x, float *out, int rows, int cols) {
  for (int y = 0; y < rows; y++) {
    for (int i = 0; i < cols; i++) x++;
    out[y] = *x;
  }
}
