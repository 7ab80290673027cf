/* Pixels, samples and bits in other dress: strides, structures, saturation, tables of weights, packed fields. */
#include <stdint.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
typedef struct { uint8_t b, g, r; } bgr24;
typedef struct { uint8_t y0, u, y1, v; } yuy2;
typedef struct { int16_t re, im; } ci16;
typedef unsigned char u8;
static inline int clamp255(int v) { return v & ~255 ? (v < 0 ? 0 : 255) : v; }
static inline u8 mul8(u8 a, u8 b) { unsigned t = a * b + 128u; return (u8)((t + (t >> 8)) >> 8); }

void bgr_to_gray(const bgr24 *restrict p, u8 *restrict g, size_t n) {
  for (size_t i = 0; i < n; ++i) g[i] = (u8)((29 * p[i].b + 150 * p[i].g + 77 * p[i].r) >> 8);
}
void gray_to_bgr(const u8 *g, bgr24 *p, int n) { while (n-- > 0) { p->b = p->g = p->r = *g++; p++; } }
void split_yuy2(const yuy2 *src, u8 *y, u8 *u, u8 *v, int pairs) {
  for (int i = 0; i < pairs; i++) { *y++ = src[i].y0; *y++ = src[i].y1; u[i] = src[i].u; v[i] = src[i].v; }
}
void alpha_premul(const u8 *src, u8 *dst, int npix) {
  for (int i = 0; i < npix; i++, src += 4, dst += 4) {
    dst[0] = mul8(src[0], src[3]); dst[1] = mul8(src[1], src[3]); dst[2] = mul8(src[2], src[3]); dst[3] = src[3];
  }
}
void pack_1555(const u8 *rgba, uint16_t *out, int n) {
  for (int i = 0; i < n; i++) {
    const u8 *q = rgba + 4 * i;
    out[i] = (uint16_t)((q[3] >> 7) << 15 | (q[0] >> 3) << 10 | (q[1] >> 3) << 5 | q[2] >> 3);
  }
}
void unpack_4444(const uint16_t *in, u8 *rgba, int n) {
  for (int i = 0; i < n; i++) {
    unsigned v = in[i];
    rgba[4 * i + 0] = (u8)((v >> 12) * 17); rgba[4 * i + 1] = (u8)(((v >> 8) & 15) * 17);
    rgba[4 * i + 2] = (u8)(((v >> 4) & 15) * 17); rgba[4 * i + 3] = (u8)((v & 15) * 17);
  }
}
void posterize(u8 *p, int n, int levels) { int step = 1 + (levels & 63); for (int i = 0; i < n; i++) p[i] = (u8)(p[i] / step * step); }
void deinterlace(const u8 *s, u8 *d, int w, int h) {
  for (int y = 1; y < h - 1; y += 2)
    for (int x = 0; x < w; x++) d[y * w + x] = (u8)((s[(y - 1) * w + x] + s[(y + 1) * w + x] + 1) >> 1);
}
void down2_box(const u8 *s, int stride, u8 *d, int dstride, int w, int h) {
  for (int y = 0; y < h; y++, d += dstride, s += 2 * stride)
    for (int x = 0; x < w; x++) d[x] = (u8)((s[2 * x] + s[2 * x + 1] + s[stride + 2 * x] + s[stride + 2 * x + 1] + 2) / 4);
}
void up2_linear(const u8 *s, u8 *d, int w) {
  for (int x = 0; x + 1 < w; x++) { d[2 * x] = s[x]; d[2 * x + 1] = (u8)((s[x] + s[x + 1] + 1) / 2); }
  if (w > 0) d[2 * w - 2] = d[2 * w - 1] = s[w - 1];
}
void vflip_bgr(bgr24 *p, int w, int h) {
  for (int y = 0; y < h / 2; y++)
    for (int x = 0; x < w; x++) { bgr24 t = p[y * w + x]; p[y * w + x] = p[(h - 1 - y) * w + x]; p[(h - 1 - y) * w + x] = t; }
}
void hflip_bgr(const bgr24 *s, bgr24 *d, int w, int h) {
  for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) d[y * w + x] = s[y * w + (w - 1 - x)];
}
void hflip_rgba(const uint32_t *s, uint32_t *d, int w, int h) {
  for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) d[y * w + x] = s[y * w + (w - 1 - x)];
}
void crop(const u8 *src, int sw, u8 *dst, int x0, int y0, int w, int h) {
  for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) dst[y * w + x] = src[(y0 + y) * sw + x0 + x];
}
void sharpen(const u8 *s, u8 *d, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      int c = s[y * w + x], e = s[y * w + x - 1] + s[y * w + x + 1] + s[(y - 1) * w + x] + s[(y + 1) * w + x];
      d[y * w + x] = (u8)clamp255(5 * c - e);
    }
}
void max5_row(const u8 *s, u8 *d, int n) {
  for (int i = 2; i < n - 2; i++) { u8 m = s[i - 2]; for (int k = -1; k <= 2; k++) if (s[i + k] > m) m = s[i + k]; d[i] = m; }
}
void frame_diff(const u8 *a, const u8 *b, u8 *mask, int n, int thr) {
  for (int i = 0; i < n; i++) { int d = a[i] - b[i]; if (d < 0) d = -d; mask[i] = d > thr ? 255 : 0; }
}
void running_avg(const u8 *f, uint16_t *bg, int n) { for (int i = 0; i < n; i++) bg[i] = (uint16_t)(bg[i] - (bg[i] >> 4) + (f[i] << 4)); }
void cmul_i16(const ci16 *a, const ci16 *b, ci16 *c, int n) {
  for (int i = 0; i < n; i++) {
    int re = a[i].re * b[i].re - a[i].im * b[i].im, im = a[i].re * b[i].im + a[i].im * b[i].re;
    c[i].re = (int16_t)((re + 16384) >> 15); c[i].im = (int16_t)((im + 16384) >> 15);
  }
}
void iq_power(const ci16 *x, uint32_t *p, int n) { for (int i = 0; i < n; i++) p[i] = (uint32_t)(x[i].re * x[i].re) + (uint32_t)(x[i].im * x[i].im); }
void alaw_expand(const u8 *in, int16_t *out, int n) {
  for (int i = 0; i < n; i++) {
    int a = in[i] ^ 0x55, t = (a & 0x0f) << 4, seg = (a & 0x70) >> 4;
    t = seg == 0 ? t + 8 : seg == 1 ? t + 0x108 : (t + 0x108) << (seg - 1);
    out[i] = (int16_t)(a & 0x80 ? t : -t);
  }
}
void s24_to_s32(const u8 *in, int32_t *out, int n) {
  for (int i = 0; i < n; i++) out[i] = (int32_t)((uint32_t)in[3 * i] << 8 | (uint32_t)in[3 * i + 1] << 16 | (uint32_t)in[3 * i + 2] << 24);
}
void mix4(const int16_t *a, const int16_t *b, const int16_t *c, const int16_t *d, int16_t *o, int n) {
  for (int i = 0; i < n; i++) { int v = (a[i] + b[i] + c[i] + d[i]) / 2; o[i] = (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v); }
}
void interleave6(const int16_t *const restrict x, int16_t *restrict o, int frames) {
  for (int f = 0; f < frames; f++) for (int c = 0; c < 6; c++) o[f * 6 + c] = x[c * frames + f];
}
void swap_lr(int16_t *s, int frames) { for (int i = 0; i < frames; i++) { int16_t t = s[2 * i]; s[2 * i] = s[2 * i + 1]; s[2 * i + 1] = t; } }
void bits_transpose8(const u8 *in, u8 *out, int n) {
  for (int i = 0; i < n; i++)
    for (int b = 0; b < 8; b++) { u8 v = 0; for (int k = 0; k < 8; k++) v |= (u8)(((in[8 * i + k] >> b) & 1) << k); out[8 * i + b] = v; }
}
void pack_mask(const uint32_t *v, uint32_t thr, u8 *m, int n8) {
  for (int i = 0; i < n8; i++) { unsigned r = 0; for (int b = 0; b < 8; b++) r |= (unsigned)(v[8 * i + b] > thr) << b; m[i] = (u8)r; }
}
void expand_2bpp(const u8 *in, u8 *out, int n) { for (int i = 0; i < n; i++) for (int k = 0; k < 4; k++) out[4 * i + k] = (u8)(((in[i] >> (6 - 2 * k)) & 3) * 85); }
void hex_encode(const u8 *in, char *out, int n) {
  for (int i = 0; i < n; i++) { int hi = in[i] >> 4, lo = in[i] & 15; out[2 * i] = (char)(hi + (hi > 9 ? 'a' - 10 : '0')); out[2 * i + 1] = (char)(lo + (lo > 9 ? 'a' - 10 : '0')); }
}
void ascii_upper(char *s, int n) { for (int i = 0; i < n; i++) if (s[i] >= 'a' && s[i] <= 'z') s[i] = (char)(s[i] - 32); }
unsigned adler_sum(const u8 *p, int n) { unsigned a = 1; for (int i = 0; i < n; i++) a += p[i]; return a % 65521; }
int sad8x8(const u8 *a, const u8 *b, int stride) { int s = 0; for (int y = 0; y < 8; y++, a += stride, b += stride) for (int x = 0; x < 8; x++) s += abs(a[x] - b[x]); return s; }
void sad_rows(const u8 *a, const u8 *b, int *s, int w, int h) { for (int y = 0; y < h; y++) { int t = 0; for (int x = 0; x < w; x++) t += abs(a[y * w + x] - b[y * w + x]); s[y] = t; } }
void col_max(const u8 *s, u8 *m, int w, int h) { for (int x = 0; x < w; x++) m[x] = 0; for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) if (s[y * w + x] > m[x]) m[x] = s[y * w + x]; }
void luma_range(u8 *y, int n) { for (int i = 0; i < n; i++) { int v = (y[i] - 16) * 255 / 219; y[i] = (u8)(v < 0 ? 0 : v > 255 ? 255 : v); } }
void half_float_ish(const uint16_t *h, float *f, int n) { for (int i = 0; i < n; i++) f[i] = (float)(int16_t)h[i] * (1.0f / 256); }
void quant_row(const float *x, int8_t *q, float scale, int n) { for (int i = 0; i < n; i++) { float v = x[i] * scale; v = v > 127 ? 127 : v < -127 ? -127 : v; q[i] = (int8_t)(v + (v >= 0 ? 0.5f : -0.5f)); } }
void fir_line(int16_t *delay, int16_t in, const int16_t *h, int n, int32_t *out) {
  if (n > 1) memmove(delay + 1, delay, (n - 1) * sizeof *delay);
  delay[0] = in;
  int32_t s = 0;
  for (int i = 0; i < n; i++) s += delay[i] * h[i];
  *out = s;
}
void scroll_left(u8 *fb, int w, int h) { for (int y = 0; y < h; y++) for (int x = 0; x < w - 8; x++) fb[y * w + x] = fb[y * w + x + 8]; }
void scroll_down(uint16_t *fb, int w, int h) { for (int y = h - 1; y > 0; y--) for (int x = 0; x < w; x++) fb[y * w + x] = fb[(y - 1) * w + x]; }
