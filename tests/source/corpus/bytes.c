/* Bytes and half words: pixels, samples, bits, tables. */
#include <stdint.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#define CLIP8(x) ((x) < 0 ? 0 : (x) > 255 ? 255 : (x))
static inline int16_t sat16(int32_t v) { if (v > 32767) return 32767; if (v < -32768) return -32768; return (int16_t)v; }
static inline uint8_t u8min(uint8_t a, uint8_t b) { return a < b ? a : b; }
static inline uint8_t u8max(uint8_t a, uint8_t b) { return a > b ? a : b; }

void rgb565_to_888(const uint16_t *s, uint8_t *d, int n) {
  for (int i = 0; i < n; i++) {
    uint16_t p = s[i];
    uint8_t r = (p >> 11) & 31, g = (p >> 5) & 63, b = p & 31;
    d[3 * i] = (uint8_t)((r << 3) | (r >> 2));
    d[3 * i + 1] = (uint8_t)((g << 2) | (g >> 4));
    d[3 * i + 2] = (uint8_t)((b << 3) | (b >> 2));
  }
}
void rgb888_to_565(const uint8_t *s, uint16_t *d, int n) {
  for (int i = 0; i < n; i++) d[i] = (uint16_t)(((s[3 * i] >> 3) << 11) | ((s[3 * i + 1] >> 2) << 5) | (s[3 * i + 2] >> 3));
}
void yuyv_to_gray(const uint8_t *s, uint8_t *d, int n) { for (int i = 0; i < n; i++) d[i] = s[2 * i]; }
void yuyv_split(const uint8_t *s, uint8_t *y, uint8_t *u, uint8_t *v, int n) {
  for (int i = 0; i < n / 2; i++) {
    y[2 * i] = s[4 * i];
    y[2 * i + 1] = s[4 * i + 2];
    u[i] = s[4 * i + 1];
    v[i] = s[4 * i + 3];
  }
}
void rgb_planes(const uint8_t *rgb, uint8_t *r, uint8_t *g, uint8_t *b, int n) {
  for (int i = 0; i < n; i++) { r[i] = rgb[3 * i]; g[i] = rgb[3 * i + 1]; b[i] = rgb[3 * i + 2]; }
}
void planes_rgb(const uint8_t *r, const uint8_t *g, const uint8_t *b, uint8_t *rgb, int n) {
  for (int i = 0; i < n; i++) { rgb[3 * i] = r[i]; rgb[3 * i + 1] = g[i]; rgb[3 * i + 2] = b[i]; }
}
void sat_add_u8(const uint8_t *a, const uint8_t *b, uint8_t *o, int n) {
  for (int i = 0; i < n; i++) { int s = a[i] + b[i]; o[i] = s > 255 ? 255 : (uint8_t)s; }
}
void sat_sub_u8(const uint8_t *a, const uint8_t *b, uint8_t *o, int n) {
  for (int i = 0; i < n; i++) o[i] = a[i] > b[i] ? a[i] - b[i] : 0;
}
void absdiff_u8(const uint8_t *a, const uint8_t *b, uint8_t *o, int n) {
  for (int i = 0; i < n; i++) o[i] = (uint8_t)abs(a[i] - b[i]);
}
void avg_u8(const uint8_t *a, const uint8_t *b, uint8_t *o, int n) {
  for (int i = 0; i < n; i++) o[i] = (uint8_t)((a[i] + b[i] + 1) >> 1);
}
uint32_t sad_u8(const uint8_t *a, const uint8_t *b, int n) {
  uint32_t s = 0;
  for (int i = 0; i < n; i++) s += (uint32_t)abs(a[i] - b[i]);
  return s;
}
uint32_t sad16x16(const uint8_t *a, int sa, const uint8_t *b, int sb) {
  uint32_t s = 0;
  for (int y = 0; y < 16; y++)
    for (int x = 0; x < 16; x++) s += (uint32_t)abs(a[y * sa + x] - b[y * sb + x]);
  return s;
}
uint64_t ssd_u8(const uint8_t *a, const uint8_t *b, int n) {
  uint64_t s = 0;
  for (int i = 0; i < n; i++) { int d = a[i] - b[i]; s += (uint64_t)(d * d); }
  return s;
}
uint32_t sum_u8(const uint8_t *a, int n) { uint32_t s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }
void mean_var_u8(const uint8_t *a, int n, float *mean, float *var) {
  uint32_t s = 0, q = 0;
  for (int i = 0; i < n; i++) { s += a[i]; q += a[i] * a[i]; }
  *mean = (float)s / n;
  *var = (float)q / n - *mean * *mean;
}
uint8_t max_u8(const uint8_t *a, int n) { uint8_t m = 0; for (int i = 0; i < n; i++) if (a[i] > m) m = a[i]; return m; }
void minmax_i16(const int16_t *a, int n, int16_t *lo, int16_t *hi) {
  int16_t l = a[0], h = a[0];
  for (int i = 1; i < n; i++) { if (a[i] < l) l = a[i]; if (a[i] > h) h = a[i]; }
  *lo = l; *hi = h;
}
int count_above(const uint8_t *a, int n, uint8_t t) { int c = 0; for (int i = 0; i < n; i++) c += a[i] > t; return c; }
void gain_i16(const int16_t *x, int16_t *y, int n, int16_t g) {
  for (int i = 0; i < n; i++) y[i] = sat16((x[i] * g + (1 << 14)) >> 15);
}
void mix2_i16(const int16_t *a, const int16_t *b, int16_t *o, int n) {
  for (int i = 0; i < n; i++) o[i] = sat16((int32_t)a[i] + b[i]);
}
void stereo_to_mono(const int16_t *s, int16_t *m, int n) {
  for (int i = 0; i < n; i++) m[i] = (int16_t)((s[2 * i] + s[2 * i + 1]) >> 1);
}
void mono_to_stereo(const int16_t *m, int16_t *s, int n) { for (int i = 0; i < n; i++) s[2 * i] = s[2 * i + 1] = m[i]; }
int32_t dot_i16(const int16_t *a, const int16_t *b, int n) { int32_t s = 0; for (int i = 0; i < n; i++) s += a[i] * b[i]; return s; }
int64_t energy_i16(const int16_t *a, int n) { int64_t s = 0; for (int i = 0; i < n; i++) s += (int32_t)a[i] * a[i]; return s; }
void dilate3(const uint8_t *s, uint8_t *d, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      uint8_t m = 0;
      for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) m = u8max(m, s[(y + j) * w + x + i]);
      d[y * w + x] = m;
    }
}
#define SORT2(a, b) { uint8_t t = u8min(a, b); b = u8max(a, b); a = t; }
void median3x3(const uint8_t *s, uint8_t *d, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      const uint8_t *p = s + y * w + x;
      uint8_t a = p[-w - 1], b = p[-w], c = p[-w + 1], e = p[-1], f = p[0], g = p[1], k = p[w - 1], l = p[w], m = p[w + 1];
      SORT2(b, c) SORT2(f, g) SORT2(l, m) SORT2(a, b) SORT2(e, f) SORT2(k, l) SORT2(b, c) SORT2(f, g) SORT2(l, m)
      SORT2(a, e) SORT2(g, m) SORT2(f, l) SORT2(e, k) SORT2(b, f) SORT2(c, g) SORT2(f, l) SORT2(f, c) SORT2(k, f) SORT2(f, c)
      d[y * w + x] = f;
    }
}
void gauss3_u8(const uint8_t *s, uint8_t *d, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      const uint8_t *p = s + y * w + x;
      d[y * w + x] = (uint8_t)((p[-w - 1] + 2 * p[-w] + p[-w + 1] + 2 * p[-1] + 4 * p[0] + 2 * p[1] + p[w - 1] + 2 * p[w] + p[w + 1] + 8) >> 4);
    }
}
void conv5_i16(const uint8_t *s, int16_t *d, const int8_t *k, int w, int h) {
  for (int y = 0; y < h - 4; y++)
    for (int x = 0; x < w - 4; x++) {
      int acc = 0;
      for (int j = 0; j < 5; j++)
        for (int i = 0; i < 5; i++) acc += s[(y + j) * w + x + i] * k[j * 5 + i];
      d[y * w + x] = (int16_t)(acc >> 4);
    }
}
void laplace_u8(const uint8_t *s, uint8_t *d, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      int v = 4 * s[y * w + x] - s[y * w + x - 1] - s[y * w + x + 1] - s[(y - 1) * w + x] - s[(y + 1) * w + x];
      d[y * w + x] = (uint8_t)CLIP8(v + 128);
    }
}
uint64_t popcnt64(const uint64_t *a, int n) { uint64_t c = 0; for (int i = 0; i < n; i++) c += (uint64_t)__builtin_popcountll(a[i]); return c; }
uint32_t hamming64(const uint64_t *a, const uint64_t *b, int n) { uint32_t c = 0; for (int i = 0; i < n; i++) c += (uint32_t)__builtin_popcountll(a[i] ^ b[i]); return c; }
uint8_t xor8(const uint8_t *a, int n) { uint8_t s = 0; for (int i = 0; i < n; i++) s ^= a[i]; return s; }
uint32_t or32(const uint32_t *a, int n) { uint32_t s = 0; for (int i = 0; i < n; i++) s |= a[i]; return s; }
uint32_t and32(const uint32_t *a, int n) { uint32_t s = 0xffffffffu; for (int i = 0; i < n; i++) s &= a[i]; return s; }
void swap16(uint16_t *p, int n) { for (int i = 0; i < n; i++) p[i] = (uint16_t)((p[i] << 8) | (p[i] >> 8)); }
void swap32(uint32_t *p, int n) {
  for (int i = 0; i < n; i++) { uint32_t v = p[i]; p[i] = (v >> 24) | ((v >> 8) & 0xff00) | ((v << 8) & 0xff0000) | (v << 24); }
}
void pack_nibbles(const uint8_t *a, uint8_t *o, int n) { for (int i = 0; i < n; i++) o[i] = (uint8_t)((a[2 * i] & 15) | (a[2 * i + 1] << 4)); }
void unpack_nibbles(const uint8_t *a, uint8_t *o, int n) { for (int i = 0; i < n; i++) { o[2 * i] = a[i] & 15; o[2 * i + 1] = a[i] >> 4; } }
void unpack_bits(const uint8_t *a, uint8_t *o, int n) { for (int i = 0; i < n; i++) o[i] = (a[i / 8] >> (i % 8)) & 1; }
void bits_msb(const uint8_t *a, uint8_t *o, int n) { for (int i = 0; i < n; i++) for (int b = 0; b < 8; b++) o[8 * i + b] = (a[i] >> (7 - b)) & 1 ? 255 : 0; }
void pack_bits8(const uint8_t *a, uint8_t *o, int n) {
  for (int i = 0; i < n; i++) { uint8_t v = 0; for (int b = 0; b < 8; b++) v |= (uint8_t)((a[8 * i + b] != 0) << b); o[i] = v; }
}
void reverse_bits(uint8_t *p, int n) {
  for (int i = 0; i < n; i++) { uint8_t v = p[i]; v = (uint8_t)((v & 0xf0) >> 4 | (v & 0x0f) << 4); v = (uint8_t)((v & 0xcc) >> 2 | (v & 0x33) << 2); p[i] = (uint8_t)((v & 0xaa) >> 1 | (v & 0x55) << 1); }
}
void gray_code(const uint16_t *a, uint16_t *o, int n) { for (int i = 0; i < n; i++) o[i] = a[i] ^ (a[i] >> 1); }
void lut16(const uint16_t *x, const uint16_t *lut, uint16_t *y, int n) { for (int i = 0; i < n; i++) y[i] = lut[x[i] & 1023]; }
void lut_rgb(uint8_t *p, const uint8_t lut[3][256], int n) { for (int i = 0; i < n; i++) for (int c = 0; c < 3; c++) p[3 * i + c] = lut[c][p[3 * i + c]]; }

/* neighbours share an element */
static inline uint8_t clip_u8(int v) { return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v; }
void i420_to_rgb(const uint8_t *y, const uint8_t *u, const uint8_t *v, uint8_t *rgb, int w, int h) {
  for (int j = 0; j < h; j++)
    for (int i = 0; i < w; i++) {
      int c = y[j * w + i] - 16, d = u[(j / 2) * (w / 2) + i / 2] - 128, e = v[(j / 2) * (w / 2) + i / 2] - 128;
      uint8_t *p = rgb + 3 * (j * w + i);
      p[0] = clip_u8((298 * c + 409 * e + 128) >> 8);
      p[1] = clip_u8((298 * c - 100 * d - 208 * e + 128) >> 8);
      p[2] = clip_u8((298 * c + 516 * d + 128) >> 8);
    }
}
void nearest2x(const uint8_t *s, uint8_t *d, int w, int h) {
  for (int y = 0; y < 2 * h; y++)
    for (int x = 0; x < 2 * w; x++) d[y * 2 * w + x] = s[(y >> 1) * w + (x >> 1)];
}
void dequant_groups(const int8_t *q, const float *s, float *o, int n) { for (int i = 0; i < n; i++) o[i] = q[i] * s[i / 32]; }
