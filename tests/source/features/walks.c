#include <string.h>
void copy(int n, const float *x, float *y) {
  for (int i = 0; i < n; i++) *y++ = *x++;
}
int count_down(int n, const int *x) {
  int s = 0;
  const int *end = x + n;
  while (x < end) s += *x++;
  return s + (int)(end - x);
}
void rows(int h, int w, int stride, const short *src, short *dst) {
  for (int y = 0; y < h; y++) {
    for (int x = 0; x < w; x++) dst[x] = src[x] + 1;
    src += stride;
    dst += stride;
  }
}
void choose(int n, int flip, const float *a, const float *b, float *y) {
  const float *src = flip ? a : b;
  float *dst = n > 4 ? y : y + 1;
  for (int i = 0; i < n; i++) dst[i] += src[i];
}
void fill(int n, float *x, unsigned char *b, short table[3][4]) {
  float local[8];
  memset(local, 0, sizeof local);
  memset(x, 0, n * sizeof *x);
  memset(b, 9, n);
  memset(table, 0, 3 * 4 * sizeof(short));
  memcpy(local, x, 4 * sizeof(float));
  memcpy(x + n, local, sizeof(float) * 2);
}
unsigned blocks(unsigned len, const unsigned char *data) {
  unsigned low = 1, high = 0;
  while (len != 0) {
    unsigned amount = len > 5 ? 5 : len;
    len -= amount;
    for (unsigned i = 0; i != amount; ++i) {
      low += (*data++);
      high += low;
    }
    low %= 251;
  }
  return high << 16 | low;
}
