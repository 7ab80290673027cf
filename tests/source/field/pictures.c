#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>

typedef uint8_t u8;
typedef struct { int width, height, stride; u8 *data; } image_t;
typedef struct { u8 r, g, b, a; } rgba_t;
#define CLAMP(v, lo, hi) ((v) < (lo) ? (lo) : (v) > (hi) ? (hi) : (v))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
static inline u8 clip8(int v) { return (u8)(v & ~255 ? (-v >> 31) & 255 : v); }
static int mul_div_255(int a, int b) { int t = a * b + 128; return (t + (t >> 8)) >> 8; }

void demosaic_green(const u8 *raw, u8 *green, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      const u8 *p = raw + y * w + x;
      if ((x + y) & 1) green[y * w + x] = *p;
      else {
        int gh = abs(p[-1] - p[1]), gv = abs(p[-w] - p[w]);
        if (gh < gv) green[y * w + x] = (u8)((p[-1] + p[1] + 1) >> 1);
        else if (gv < gh) green[y * w + x] = (u8)((p[-w] + p[w] + 1) >> 1);
        else green[y * w + x] = (u8)((p[-1] + p[1] + p[-w] + p[w] + 2) >> 2);
      }
    }
}
void demosaic_bilinear_quads(const u8 *raw, u8 *rgb, int w, int h) {
  for (int y = 0; y + 1 < h; y += 2)
    for (int x = 0; x + 1 < w; x += 2) {
      u8 r = raw[y * w + x], g0 = raw[y * w + x + 1], g1 = raw[(y + 1) * w + x], b = raw[(y + 1) * w + x + 1];
      u8 *o = rgb + 3 * ((y >> 1) * (w >> 1) + (x >> 1));
      o[0] = r;
      o[1] = (u8)((g0 + g1) / 2);
      o[2] = b;
    }
}
void resize_vertical_4tap(const float *in, float *out, int in_h, int out_h, int w, const int *idx, const float *coef) {
  for (int y = 0; y < out_h; y++) {
    int n0 = idx[y];
    const float *c = coef + y * 4;
    for (int x = 0; x < w; x++) {
      float s = 0;
      for (int k = 0; k < 4; k++) {
        int yy = n0 + k;
        yy = CLAMP(yy, 0, in_h - 1);
        s += c[k] * in[yy * w + x];
      }
      out[y * w + x] = s;
    }
  }
}
void alpha_over(rgba_t *dst, const rgba_t *src, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int a = src[i].a, ia = 255 - a;
    dst[i].r = (u8)(mul_div_255(src[i].r, a) + mul_div_255(dst[i].r, ia));
    dst[i].g = (u8)(mul_div_255(src[i].g, a) + mul_div_255(dst[i].g, ia));
    dst[i].b = (u8)(mul_div_255(src[i].b, a) + mul_div_255(dst[i].b, ia));
    dst[i].a = (u8)(a + mul_div_255(dst[i].a, ia));
  }
}
void premultiply_rows(image_t *im) {
  for (int y = 0; y < im->height; y++) {
    u8 *p = im->data + (ptrdiff_t)y * im->stride;
    for (int x = 0; x < im->width; x++, p += 4) {
      const int a = p[3];
      if (a == 255) continue;
      p[0] = mul_div_255(p[0], a);
      p[1] = mul_div_255(p[1], a);
      p[2] = mul_div_255(p[2], a);
    }
  }
}
void yuv420_to_rgb24(const u8 *yp, const u8 *up, const u8 *vp, u8 *out, int w, int h, int ys, int uvs) {
  for (int j = 0; j < h; ++j) {
    const u8 *yl = yp + j * ys, *ul = up + (j >> 1) * uvs, *vl = vp + (j >> 1) * uvs;
    u8 *o = out + j * w * 3;
    for (int i = 0; i < w; ++i) {
      int c = yl[i] - 16, d = ul[i >> 1] - 128, e = vl[i >> 1] - 128;
      o[3 * i + 0] = clip8((298 * c + 409 * e + 128) >> 8);
      o[3 * i + 1] = clip8((298 * c - 100 * d - 208 * e + 128) >> 8);
      o[3 * i + 2] = clip8((298 * c + 516 * d + 128) >> 8);
    }
  }
}
void histogram_eq(const u8 *in, u8 *out, int n) {
  unsigned hist[256] = {0}, cdf[256];
  for (int i = 0; i < n; i++) hist[in[i]]++;
  unsigned run = 0;
  for (int i = 0; i < 256; i++) { run += hist[i]; cdf[i] = run; }
  u8 lut[256];
  for (int i = 0; i < 256; i++) lut[i] = (u8)(cdf[i] * 255u / (unsigned)(n > 0 ? n : 1));
  for (int i = 0; i < n; i++) out[i] = lut[in[i]];
}
void integral_sq(const u8 *img, uint32_t *sum, uint64_t *sq, int w, int h) {
  int sw = w + 1;
  for (int x = 0; x <= w; x++) sum[x] = 0, sq[x] = 0;
  for (int y = 1; y <= h; y++) {
    uint32_t rs = 0;
    uint64_t rq = 0;
    sum[y * sw] = 0;
    sq[y * sw] = 0;
    for (int x = 1; x <= w; x++) {
      uint32_t v = img[(y - 1) * w + x - 1];
      rs += v;
      rq += (uint64_t)v * v;
      sum[y * sw + x] = sum[(y - 1) * sw + x] + rs;
      sq[y * sw + x] = sq[(y - 1) * sw + x] + rq;
    }
  }
}
void box_from_integral(const uint32_t *sum, u8 *out, int w, int h, int r) {
  int sw = w + 1;
  for (int y = 0; y < h; y++) {
    int y0 = MAX(y - r, 0), y1 = MIN(y + r + 1, h);
    for (int x = 0; x < w; x++) {
      int x0 = MAX(x - r, 0), x1 = MIN(x + r + 1, w);
      uint32_t s = sum[y1 * sw + x1] - sum[y0 * sw + x1] - sum[y1 * sw + x0] + sum[y0 * sw + x0];
      int area = (x1 - x0) * (y1 - y0);
      out[y * w + x] = (u8)(s / area);
    }
  }
}
void erode_cross(const u8 *src, u8 *dst, int w, int h, int stride) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      u8 m = src[y * stride + x];
      if (y > 0) m = MIN(m, src[(y - 1) * stride + x]);
      if (y < h - 1) m = MIN(m, src[(y + 1) * stride + x]);
      if (x > 0) m = MIN(m, src[y * stride + x - 1]);
      if (x < w - 1) m = MIN(m, src[y * stride + x + 1]);
      dst[y * stride + x] = m;
    }
}
void affine_warp_nn(const u8 *src, u8 *dst, int sw, int sh, int dw, int dh, const float m[6]) {
  for (int y = 0; y < dh; y++)
    for (int x = 0; x < dw; x++) {
      float fx = m[0] * x + m[1] * y + m[2], fy = m[3] * x + m[4] * y + m[5];
      int ix = (int)floorf(fx + 0.5f), iy = (int)floorf(fy + 0.5f);
      dst[y * dw + x] = (ix >= 0 && iy >= 0 && ix < sw && iy < sh) ? src[iy * sw + ix] : 0;
    }
}
void bilinear_fixed(const u8 *src, int sw, int sh, u8 *dst, int dw, int dh) {
  if (sw < 2 || sh < 2 || dw < 1 || dh < 1) return;
  uint32_t xr = ((uint32_t)(sw - 1) << 16) / dw, yr = ((uint32_t)(sh - 1) << 16) / dh;
  for (int y = 0; y < dh; y++) {
    uint32_t sy = y * yr;
    uint32_t fy = (sy >> 8) & 255;
    const u8 *r0 = src + (sy >> 16) * sw, *r1 = r0 + sw;
    for (int x = 0; x < dw; x++) {
      uint32_t sx = x * xr, ix = sx >> 16, fx = (sx >> 8) & 255;
      uint32_t t = r0[ix] * (256 - fx) + r0[ix + 1] * fx;
      uint32_t b = r1[ix] * (256 - fx) + r1[ix + 1] * fx;
      dst[y * dw + x] = (u8)((t * (256 - fy) + b * fy + 32768) >> 16);
    }
  }
}
void median3x3(const u8 *in, u8 *out, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      u8 v[9];
      int k = 0;
      for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) v[k++] = in[(y + j) * w + x + i];
      for (int i = 0; i < 5; i++)
        for (int j = i + 1; j < 9; j++)
          if (v[j] < v[i]) { u8 t = v[i]; v[i] = v[j]; v[j] = t; }
      out[y * w + x] = v[4];
    }
}
void unsharp(const u8 *in, const u8 *blur, u8 *out, int n, int amount, int threshold) {
  for (int i = 0; i < n; i++) {
    int d = in[i] - blur[i];
    if (abs(d) < threshold) { out[i] = in[i]; continue; }
    int v = in[i] + ((d * amount) >> 8);
    out[i] = v < 0 ? 0 : v > 255 ? 255 : (u8)v;
  }
}
void gamma_lut16(const uint16_t *in, u8 *out, const u8 lut[4096], int n) {
  for (int i = 0; i < n; i++) out[i] = lut[in[i] >> 4];
}
void bayer_black_level(uint16_t *raw, int w, int h, const uint16_t black[4], uint16_t white) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int c = ((y & 1) << 1) | (x & 1);
      int v = raw[y * w + x];
      v = v > black[c] ? v - black[c] : 0;
      raw[y * w + x] = v > white ? white : (uint16_t)v;
    }
}
void rgb_planar_to_packed(const float *planes, u8 *out, int h, int w) {
  const float *r = planes, *g = planes + h * w, *b = planes + 2 * h * w;
  for (int i = 0; i < h * w; i++) {
    *out++ = (u8)(CLAMP(r[i], 0.f, 1.f) * 255.f + .5f);
    *out++ = (u8)(CLAMP(g[i], 0.f, 1.f) * 255.f + .5f);
    *out++ = (u8)(CLAMP(b[i], 0.f, 1.f) * 255.f + .5f);
  }
}
void canny_gradient(const u8 *in, int16_t *mag, u8 *dir, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      const u8 *a = &in[(y - 1) * w + x - 1], *b = a + w, *c = b + w;
      int gx = (a[2] + 2 * b[2] + c[2]) - (a[0] + 2 * b[0] + c[0]);
      int gy = (c[0] + 2 * c[1] + c[2]) - (a[0] + 2 * a[1] + a[2]);
      mag[y * w + x] = (int16_t)(abs(gx) + abs(gy));
      int ax = abs(gx), ay = abs(gy);
      u8 d;
      if (2 * ay < ax) d = 0;
      else if (2 * ax < ay) d = 2;
      else if ((gx ^ gy) >= 0) d = 1;
      else d = 3;
      dir[y * w + x] = d;
    }
}
void nonmax_suppress(const int16_t *mag, const u8 *dir, u8 *out, int w, int h, int lo) {
  static const int dx[4] = {1, 1, 0, -1};
  static const int dy[4] = {0, 1, 1, 1};
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      int i = y * w + x, d = dir[i] & 3, o = dy[d] * w + dx[d];
      out[i] = mag[i] > lo && mag[i] >= mag[i + o] && mag[i] > mag[i - o];
    }
}
void floyd_steinberg(u8 *img, int w, int h) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int old = img[y * w + x], nw = old > 127 ? 255 : 0, e = old - nw;
      img[y * w + x] = (u8)nw;
      if (x + 1 < w) img[y * w + x + 1] = clip8(img[y * w + x + 1] + e * 7 / 16);
      if (y + 1 < h) {
        if (x > 0) img[(y + 1) * w + x - 1] = clip8(img[(y + 1) * w + x - 1] + e * 3 / 16);
        img[(y + 1) * w + x] = clip8(img[(y + 1) * w + x] + e * 5 / 16);
        if (x + 1 < w) img[(y + 1) * w + x + 1] = clip8(img[(y + 1) * w + x + 1] + e / 16);
      }
    }
}
void ordered_dither(const u8 *in, u8 *out, int w, int h) {
  static const u8 m[4][4] = {{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}};
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) out[y * w + x] = in[y * w + x] > m[y & 3][x & 3] * 16 + 8 ? 255 : 0;
}
void rotate90(const uint32_t *src, uint32_t *dst, int w, int h) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) dst[x * h + (h - 1 - y)] = src[y * w + x];
}
void flip_vertical_inplace(u8 *img, size_t stride, size_t h) {
  for (size_t y = 0; y < h / 2; y++) {
    u8 *a = img + y * stride, *b = img + (h - 1 - y) * stride;
    for (size_t i = 0; i < stride; i++) { u8 t = a[i]; a[i] = b[i]; b[i] = t; }
  }
}
double psnr_mse(const u8 *a, const u8 *b, int w, int h, int sa, int sb) {
  uint64_t acc = 0;
  for (int y = 0; y < h; y++, a += sa, b += sb)
    for (int x = 0; x < w; x++) { int d = a[x] - b[x]; acc += (uint64_t)(d * d); }
  return (double)acc / ((double)w * h);
}
void chroma_downsample_2x2(const u8 *in, int w, int h, u8 *out) {
  int cw = (w + 1) / 2, ch = (h + 1) / 2;
  for (int y = 0; y < ch; y++)
    for (int x = 0; x < cw; x++) {
      int x1 = 2 * x + 1 < w ? 2 * x + 1 : 2 * x, y1 = 2 * y + 1 < h ? 2 * y + 1 : 2 * y;
      out[y * cw + x] = (u8)((in[2 * y * w + 2 * x] + in[2 * y * w + x1] + in[y1 * w + 2 * x] + in[y1 * w + x1] + 2) >> 2);
    }
}
void webp_pred_gradient(const u8 *in, int stride, u8 *out, int w, int h) {
  for (int y = 1; y < h; y++) {
    const u8 *row = in + y * stride, *top = row - stride;
    u8 *o = out + y * stride;
    o[0] = (u8)(row[0] - top[0]);
    for (int x = 1; x < w; x++) {
      const int g = row[x - 1] + top[x] - top[x - 1];
      o[x] = (u8)(row[x] - ((g & ~255) == 0 ? g : g < 0 ? 0 : 255));
    }
  }
}
void webp_unfilter_horizontal(u8 *p, int w, int h, int stride) {
  for (int y = 0; y < h; y++) {
    u8 pred = y > 0 ? p[(y - 1) * stride] : 0;
    for (int x = 0; x < w; x++) { p[y * stride + x] = (u8)(p[y * stride + x] + pred); pred = p[y * stride + x]; }
  }
}
void paeth_row(const u8 *cur, const u8 *prev, u8 *out, size_t n, size_t bpp) {
  for (size_t i = 0; i < n; i++) {
    int a = i >= bpp ? cur[i - bpp] : 0, b = prev[i], c = i >= bpp ? prev[i - bpp] : 0;
    int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
    int pr = (pa <= pb && pa <= pc) ? a : (pb <= pc) ? b : c;
    out[i] = (u8)(cur[i] - pr);
  }
}
void vignette(float *img, int w, int h, float strength) {
  const float cx = 0.5f * w, cy = 0.5f * h, inv = 1.0f / (cx * cx + cy * cy);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      const float dx = x - cx, dy = y - cy;
      img[y * w + x] *= 1.0f - strength * (dx * dx + dy * dy) * inv;
    }
}
void bilateral5(const float *in, float *out, int w, int h, float is, float ir) {
  for (int y = 2; y < h - 2; ++y)
    for (int x = 2; x < w - 2; ++x) {
      float c = in[y * w + x], num = 0, den = 0;
      for (int j = -2; j <= 2; ++j)
        for (int i = -2; i <= 2; ++i) {
          float v = in[(y + j) * w + x + i], d = v - c;
          float wt = expf(-(i * i + j * j) * is - d * d * ir);
          num += wt * v;
          den += wt;
        }
      out[y * w + x] = num / den;
    }
}
