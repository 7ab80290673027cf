/* Image, signal and sparse code. */
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static inline uint8_t clamp_u8(int v) { return v < 0 ? 0 : v > 255 ? 255 : v; }
static inline int mini(int a, int b) { return a < b ? a : b; }
static inline int clampi(int x, int lo, int hi) {
  if (x < lo) return lo;
  if (x > hi) return hi;
  return x;
}

void rgb_to_gray(const uint8_t *rgb, uint8_t *gray, int w, int h) {
  for (int i = 0; i < w * h; i++) {
    gray[i] = (77 * rgb[3 * i] + 150 * rgb[3 * i + 1] + 29 * rgb[3 * i + 2]) >> 8;
  }
}

void rgb_to_gray_walk(const uint8_t *src, uint8_t *dst, int n) {
  while (n--) {
    *dst++ = (src[0] * 77 + src[1] * 150 + src[2] * 29 + 128) >> 8;
    src += 3;
  }
}

void yuv_to_rgb(const uint8_t *y, const uint8_t *u, const uint8_t *v, uint8_t *rgb, int w, int h) {
  for (int j = 0; j < h; j++) {
    for (int i = 0; i < w; i++) {
      int c = y[j * w + i] - 16;
      int d = u[j * w + i] - 128;
      int e = v[j * w + i] - 128;
      uint8_t *p = rgb + (j * w + i) * 3;
      p[0] = clamp_u8((298 * c + 409 * e + 128) >> 8);
      p[1] = clamp_u8((298 * c - 100 * d - 208 * e + 128) >> 8);
      p[2] = clamp_u8((298 * c + 516 * d + 128) >> 8);
    }
  }
}

void blend(const uint8_t *a, const uint8_t *b, uint8_t *out, size_t n, uint8_t alpha) {
  for (size_t i = 0; i < n; i++) out[i] = (a[i] * alpha + b[i] * (255 - alpha) + 127) / 255;
}

void box3x3(const float *src, float *dst, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      float s = 0;
      for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) s += src[(y + dy) * w + (x + dx)];
      dst[y * w + x] = s / 9.0f;
    }
}

void conv_clamped(const float *src, float *dst, const float *k, int w, int h, int r) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float s = 0;
      for (int j = -r; j <= r; j++)
        for (int i = -r; i <= r; i++) {
          int yy = clampi(y + j, 0, h - 1);
          int xx = clampi(x + i, 0, w - 1);
          s += src[yy * w + xx] * k[(j + r) * (2 * r + 1) + i + r];
        }
      dst[y * w + x] = s;
    }
}

void gauss_separable(const float *in, float *tmp, float *out, int w, int h) {
  static const float k[5] = {1 / 16.f, 4 / 16.f, 6 / 16.f, 4 / 16.f, 1 / 16.f};
  for (int y = 0; y < h; ++y)
    for (int x = 2; x < w - 2; ++x) {
      float acc = 0;
      for (int i = -2; i <= 2; ++i) acc += k[i + 2] * in[y * w + x + i];
      tmp[y * w + x] = acc;
    }
  for (int y = 2; y < h - 2; ++y)
    for (int x = 2; x < w - 2; ++x) {
      float acc = 0;
      for (int i = -2; i <= 2; ++i) acc += k[i + 2] * tmp[(y + i) * w + x];
      out[y * w + x] = acc;
    }
}

void sobel(const uint8_t *img, uint8_t *out, int w, int h) {
  for (int y = 1; y < h - 1; y++) {
    for (int x = 1; x < w - 1; x++) {
      int gx = -img[(y - 1) * w + x - 1] + img[(y - 1) * w + x + 1] - 2 * img[y * w + x - 1] + 2 * img[y * w + x + 1] -
               img[(y + 1) * w + x - 1] + img[(y + 1) * w + x + 1];
      int gy = -img[(y - 1) * w + x - 1] - 2 * img[(y - 1) * w + x] - img[(y - 1) * w + x + 1] + img[(y + 1) * w + x - 1] +
               2 * img[(y + 1) * w + x] + img[(y + 1) * w + x + 1];
      int mag = abs(gx) + abs(gy);
      if (mag > 255) mag = 255;
      out[y * w + x] = (uint8_t)mag;
    }
  }
}

void im2col(const float *im, int channels, int height, int width, int ksize, int stride, int pad, float *col) {
  int height_col = (height + 2 * pad - ksize) / stride + 1;
  int width_col = (width + 2 * pad - ksize) / stride + 1;
  int channels_col = channels * ksize * ksize;
  for (int c = 0; c < channels_col; ++c) {
    int w_offset = c % ksize;
    int h_offset = (c / ksize) % ksize;
    int c_im = c / ksize / ksize;
    for (int h = 0; h < height_col; ++h) {
      for (int w = 0; w < width_col; ++w) {
        int im_row = h_offset + h * stride - pad;
        int im_col = w_offset + w * stride - pad;
        int col_index = (c * height_col + h) * width_col + w;
        if (im_row < 0 || im_col < 0 || im_row >= height || im_col >= width)
          col[col_index] = 0;
        else
          col[col_index] = im[im_col + width * (im_row + height * c_im)];
      }
    }
  }
}

void conv2d_bias_relu(const float *x, const float *w, const float *bias, float *y, int C, int H, int W, int K, int R, int S) {
  int P = H - R + 1, Q = W - S + 1;
  for (int k = 0; k < K; k++)
    for (int p = 0; p < P; p++)
      for (int q = 0; q < Q; q++) {
        float acc = bias[k];
        for (int c = 0; c < C; c++)
          for (int r = 0; r < R; r++)
            for (int s = 0; s < S; s++) acc += x[(c * H + p + r) * W + q + s] * w[((k * C + c) * R + r) * S + s];
        y[(k * P + p) * Q + q] = acc > 0.f ? acc : 0.f;
      }
}

void depthwise_pad(const float *in, const float *w, float *out, int C, int H, int W) {
  for (int c = 0; c < C; c++) {
    const float *ic = in + c * H * W;
    float *oc = out + c * H * W;
    for (int y = 0; y < H; y++) {
      for (int x = 0; x < W; x++) {
        float sum = 0.f;
        for (int ky = 0; ky < 3; ky++) {
          int iy = y + ky - 1;
          if (iy < 0 || iy >= H) continue;
          for (int kx = 0; kx < 3; kx++) {
            int ix = x + kx - 1;
            if (ix < 0 || ix >= W) continue;
            sum += ic[iy * W + ix] * w[c * 9 + ky * 3 + kx];
          }
        }
        oc[y * W + x] = sum;
      }
    }
  }
}

void maxpool2_index(const float *x, float *y, int *index, int C, int H, int W) {
  int OH = H / 2, OW = W / 2;
  for (int c = 0; c < C; c++)
    for (int i = 0; i < OH; i++)
      for (int j = 0; j < OW; j++) {
        float best = -INFINITY;
        int arg = -1;
        for (int a = 0; a < 2; a++)
          for (int b = 0; b < 2; b++) {
            int at = (c * H + 2 * i + a) * W + 2 * j + b;
            if (x[at] > best) {
              best = x[at];
              arg = at;
            }
          }
        y[(c * OH + i) * OW + j] = best;
        index[(c * OH + i) * OW + j] = arg;
      }
}

void avgpool_global(const float *x, float *y, int N, int C, int H, int W) {
  for (int n = 0; n < N; n++)
    for (int c = 0; c < C; c++) {
      const float *p = x + (n * C + c) * H * W;
      float s = 0;
      for (int i = 0; i < H * W; i++) s += p[i];
      y[n * C + c] = s / (H * W);
    }
}

void batchnorm_infer(float *x, const float *mean, const float *variance, const float *scale, const float *bias, int batch, int filters,
                     int spatial) {
  for (int b = 0; b < batch; ++b) {
    for (int f = 0; f < filters; ++f) {
      for (int i = 0; i < spatial; ++i) {
        int index = b * filters * spatial + f * spatial + i;
        x[index] = scale[f] * (x[index] - mean[f]) / (sqrt(variance[f]) + .000001f) + bias[f];
      }
    }
  }
}

void upsample2(const float *in, float *out, int w, int h) {
  for (int y = 0; y < 2 * h; y++)
    for (int x = 0; x < 2 * w; x++) out[y * 2 * w + x] = in[(y / 2) * w + x / 2];
}

void resize_bilinear(const float *in, float *out, int iw, int ih, int ow, int oh) {
  float sx = (float)iw / ow, sy = (float)ih / oh;
  for (int y = 0; y < oh; y++) {
    float fy = (y + 0.5f) * sy - 0.5f;
    int y0 = (int)floorf(fy);
    float wy = fy - y0;
    int y1 = clampi(y0 + 1, 0, ih - 1);
    y0 = clampi(y0, 0, ih - 1);
    for (int x = 0; x < ow; x++) {
      float fx = (x + 0.5f) * sx - 0.5f;
      int x0 = (int)floorf(fx);
      float wx = fx - x0;
      int x1 = clampi(x0 + 1, 0, iw - 1);
      x0 = clampi(x0, 0, iw - 1);
      float top = in[y0 * iw + x0] * (1 - wx) + in[y0 * iw + x1] * wx;
      float bottom = in[y1 * iw + x0] * (1 - wx) + in[y1 * iw + x1] * wx;
      out[y * ow + x] = top * (1 - wy) + bottom * wy;
    }
  }
}

void fir(const float *x, const float *h, float *y, int n, int taps) {
  for (int i = 0; i < n; i++) {
    float acc = 0.f;
    for (int k = 0; k < taps; k++) {
      if (i - k >= 0) acc += h[k] * x[i - k];
    }
    y[i] = acc;
  }
}

void fir_q15(const int16_t *x, const int16_t *h, int16_t *y, int n, int taps) {
  for (int i = 0; i < n - taps + 1; i++) {
    int32_t acc = 1 << 14;
    for (int k = 0; k < taps; k++) acc += (int32_t)x[i + k] * h[k];
    acc >>= 15;
    if (acc > INT16_MAX) acc = INT16_MAX;
    if (acc < INT16_MIN) acc = INT16_MIN;
    y[i] = (int16_t)acc;
  }
}

void dct8x8(const float in[8][8], float out[8][8], const float c[8][8]) {
  float tmp[8][8];
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      float s = 0;
      for (int k = 0; k < 8; k++) s += c[i][k] * in[k][j];
      tmp[i][j] = s;
    }
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      float s = 0;
      for (int k = 0; k < 8; k++) s += tmp[i][k] * c[j][k];
      out[i][j] = s;
    }
}

void prefix_sum(const int *x, int *y, int n) {
  int acc = 0;
  for (int i = 0; i < n; i++) {
    acc += x[i];
    y[i] = acc;
  }
}

void integral_image(const uint8_t *in, uint32_t *out, int w, int h) {
  for (int y = 0; y < h; y++) {
    uint32_t row = 0;
    for (int x = 0; x < w; x++) {
      row += in[y * w + x];
      out[y * w + x] = row + (y > 0 ? out[(y - 1) * w + x] : 0);
    }
  }
}

void histogram(const uint8_t *x, int n, int *bins) {
  for (int b = 0; b < 256; b++) bins[b] = 0;
  for (int i = 0; i < n; i++) bins[x[i]]++;
}

void apply_lut(const uint8_t *x, const uint8_t lut[256], uint8_t *y, int n) {
  for (int i = 0; i < n; i++) y[i] = lut[x[i]];
}

void spmv_csr(int n, const int *rowptr, const int *col, const double *val, const double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double s = 0;
    for (int j = rowptr[i]; j < rowptr[i + 1]; j++) s += val[j] * x[col[j]];
    y[i] = s;
  }
}

void spmv_ell(int n, int w, const int *restrict col, const float *restrict val, const float *restrict x, float *restrict y) {
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int j = 0; j < w; j++) s += val[i * w + j] * x[col[i * w + j]];
    y[i] = s;
  }
}

void threshold(const uint8_t *src, uint8_t *dst, int n, uint8_t t) {
  for (int i = 0; i < n; i++) {
    if (src[i] > t)
      dst[i] = 255;
    else
      dst[i] = 0;
  }
}

void complex_mul(const float *a, const float *b, float *c, int n) {
  for (int i = 0; i < n; i++) {
    float ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    c[2 * i] = ar * br - ai * bi;
    c[2 * i + 1] = ar * bi + ai * br;
  }
}

bool any_negative(const float *x, int n) {
  for (int i = 0; i < n; i++)
    if (x[i] < 0) return true;
  return false;
}

int find_first(const int *x, int n, int key) {
  int at = -1;
  for (int i = 0; i < n; i++) {
    if (x[i] == key) {
      at = i;
      break;
    }
  }
  return at;
}

uint32_t checksum(const uint8_t *data, size_t len) {
  uint32_t a = 1, b = 0;
  for (size_t i = 0; i < len; i++) {
    a = (a + data[i]) % 65521;
    b = (b + a) % 65521;
  }
  return (b << 16) | a;
}

void flip_rows(uint8_t *img, int w, int h) {
  for (int y = 0; y < h / 2; y++)
    for (int x = 0; x < w; x++) {
      uint8_t t = img[y * w + x];
      img[y * w + x] = img[(h - 1 - y) * w + x];
      img[(h - 1 - y) * w + x] = t;
    }
}

void minmax(const float *x, int n, float *lo, float *hi) {
  *lo = *hi = x[0];
  for (int i = 1; i < n; i++) {
    if (x[i] < *lo) *lo = x[i];
    if (x[i] > *hi) *hi = x[i];
  }
}

double variance(const double *x, int n) {
  double mean = 0, m2 = 0;
  for (int i = 0; i < n; i++) mean += x[i];
  mean /= n;
  for (int i = 0; i < n; i++) m2 += (x[i] - mean) * (x[i] - mean);
  return n > 1 ? m2 / (n - 1) : 0;
}
