#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif
typedef struct { float re, im; } cpx;
typedef struct { double b0, b1, b2, a1, a2, z1, z2; } biquad_t;
#define C_MUL(m, a, b) do { (m).re = (a).re * (b).re - (a).im * (b).im; (m).im = (a).re * (b).im + (a).im * (b).re; } while (0)

void biquad_df2t(biquad_t *f, const float *in, float *out, int n) {
  double z1 = f->z1, z2 = f->z2;
  for (int i = 0; i < n; i++) {
    double x = in[i], y = f->b0 * x + z1;
    z1 = f->b1 * x - f->a1 * y + z2;
    z2 = f->b2 * x - f->a2 * y;
    out[i] = (float)y;
  }
  f->z1 = z1;
  f->z2 = z2;
}
void biquad_bank(const float *in, float *out, const float (*coef)[5], float (*state)[2], int bands, int n) {
  for (int b = 0; b < bands; b++) {
    const float *c = coef[b];
    float s1 = state[b][0], s2 = state[b][1];
    for (int i = 0; i < n; i++) {
      float x = in[i];
      float y = c[0] * x + s1;
      s1 = c[1] * x - c[3] * y + s2;
      s2 = c[2] * x - c[4] * y;
      out[b * n + i] = y;
    }
    state[b][0] = s1, state[b][1] = s2;
  }
}
void fft_radix2_stage(float *re, float *im, const float *wr, const float *wi, int n, int half) {
  int len = half * 2, step = n / len;
  for (int i = 0; i < n; i += len)
    for (int j = 0; j < half; j++) {
      int p = i + j, q = p + half;
      float tr = re[q] * wr[j * step] - im[q] * wi[j * step];
      float ti = re[q] * wi[j * step] + im[q] * wr[j * step];
      re[q] = re[p] - tr;
      im[q] = im[p] - ti;
      re[p] += tr;
      im[p] += ti;
    }
}
void fft_radix4_butterfly(cpx *out, const cpx *tw, size_t fstride, size_t m) {
  const size_t m2 = 2 * m, m3 = 3 * m;
  for (size_t k = 0; k < m; k++) {
    cpx s0, s1, s2, s3, s4, s5;
    C_MUL(s0, out[k + m], tw[k * fstride]);
    C_MUL(s1, out[k + m2], tw[k * fstride * 2]);
    C_MUL(s2, out[k + m3], tw[k * fstride * 3]);
    s5.re = out[k].re - s1.re, s5.im = out[k].im - s1.im;
    out[k].re += s1.re, out[k].im += s1.im;
    s3.re = s0.re + s2.re, s3.im = s0.im + s2.im;
    s4.re = s0.re - s2.re, s4.im = s0.im - s2.im;
    out[k + m2].re = out[k].re - s3.re, out[k + m2].im = out[k].im - s3.im;
    out[k].re += s3.re, out[k].im += s3.im;
    out[k + m].re = s5.re + s4.im, out[k + m].im = s5.im - s4.re;
    out[k + m3].re = s5.re - s4.im, out[k + m3].im = s5.im + s4.re;
  }
}
void bit_reverse(double *data, unsigned n) {
  unsigned j = 0;
  for (unsigned i = 0; i + 1 < n; i++) {
    if (i < j) {
      double t = data[2 * i], u = data[2 * i + 1];
      data[2 * i] = data[2 * j], data[2 * i + 1] = data[2 * j + 1];
      data[2 * j] = t, data[2 * j + 1] = u;
    }
    unsigned m = n >> 1;
    while (m >= 1 && (j & m)) { j ^= m; m >>= 1; }
    j |= m;
  }
}
void window_hann_apply(const float *in, float *out, int n) {
  const double k = 2.0 * M_PI / (n - 1);
  for (int i = 0; i < n; i++) out[i] = (float)(in[i] * (0.5 - 0.5 * cos(k * i)));
}
void blackman(double *w, size_t N) {
  for (size_t i = 0; i < N; ++i) {
    double a = (double)i / (double)(N - 1);
    w[i] = 0.42 - 0.5 * cos(2 * M_PI * a) + 0.08 * cos(4 * M_PI * a);
  }
}
float goertzel_power(const int16_t *x, int n, float coeff) {
  float q1 = 0, q2 = 0;
  for (int i = 0; i < n; i++) {
    float q0 = coeff * q1 - q2 + x[i];
    q2 = q1;
    q1 = q0;
  }
  return q1 * q1 + q2 * q2 - q1 * q2 * coeff;
}
void goertzel_bank(const float *x, int n, const float *coeff, float *power, int tones) {
  for (int k = 0; k < tones; k++) {
    float q1 = 0, q2 = 0;
    for (int i = 0; i < n; i++) {
      const float q0 = coeff[k] * q1 - q2 + x[i];
      q2 = q1, q1 = q0;
    }
    power[k] = q1 * q1 + q2 * q2 - coeff[k] * q1 * q2;
  }
}
void polyphase_up(const float *x, float *y, const float *h, int n, int L, int taps) {
  for (int i = 0; i < n; i++)
    for (int p = 0; p < L; p++) {
      float acc = 0;
      for (int k = 0; k < taps; k++) {
        int j = i - k;
        if (j < 0) break;
        acc += x[j] * h[k * L + p];
      }
      y[i * L + p] = acc;
    }
}
void decimate_fir(const float *x, float *y, const float *h, int nout, int M, int taps) {
  for (int i = 0; i < nout; ++i) {
    const float *p = x + i * M;
    float s = 0.0f;
    const float *c = h;
    int k = taps;
    while (k--) s += *p++ * *c++;
    y[i] = s;
  }
}
void fir_delay_line(const float *x, float *y, const float *h, float *z, int n, int taps) {
  for (int i = 0; i < n; i++) {
    for (int k = taps - 1; k > 0; k--) z[k] = z[k - 1];
    z[0] = x[i];
    float s = 0;
    for (int k = 0; k < taps; k++) s += h[k] * z[k];
    y[i] = s;
  }
}
void fir_symmetric(const float *x, float *y, const float *h, int n, int half) {
  for (int i = 0; i < n; i++) {
    float s = h[half] * x[i + half];
    for (int k = 0; k < half; k++) s += h[k] * (x[i + k] + x[i + 2 * half - k]);
    y[i] = s;
  }
}
void convolve_full(const double *a, int na, const double *b, int nb, double *out) {
  for (int i = 0; i < na + nb - 1; i++) {
    int lo = i >= nb ? i - nb + 1 : 0, hi = i < na ? i : na - 1;
    double s = 0;
    for (int k = lo; k <= hi; k++) s += a[k] * b[i - k];
    out[i] = s;
  }
}
void convolve_scatter(const float *x, int nx, const float *h, int nh, float *y) {
  for (int i = 0; i < nx + nh - 1; i++) y[i] = 0;
  for (int i = 0; i < nx; i++)
    for (int j = 0; j < nh; j++) y[i + j] += x[i] * h[j];
}
void overlap_add_blocks(const float *blocks, float *out, int nblocks, int N, int hop) {
  memset(out, 0, sizeof(float) * ((size_t)nblocks * hop + N));
  for (int b = 0; b < nblocks; b++)
    for (int i = 0; i < N; i++) out[b * hop + i] += blocks[b * N + i];
}
void autocorr_windowed(const int16_t *x, int32_t *r, int n, int order) {
  for (int lag = 0; lag <= order; lag++) {
    int64_t acc = 0;
    for (int i = lag; i < n; i++) acc += (int32_t)x[i] * x[i - lag];
    r[lag] = (int32_t)(acc >> 9);
  }
}
void lpc_residual(const int32_t *s, int n, const int32_t *coef, int order, int shift, int32_t *res) {
  for (int i = order; i < n; i++) {
    int64_t sum = 0;
    for (int j = 0; j < order; j++) sum += (int64_t)coef[j] * s[i - 1 - j];
    res[i] = s[i] - (int32_t)(sum >> shift);
  }
}
void lpc_synth(const int32_t *res, int n, const int32_t *coef, int order, int shift, int32_t *s) {
  for (int i = order; i < n; i++) {
    int64_t sum = 0;
    for (int j = 0; j < order; j++) sum += (int64_t)coef[j] * s[i - 1 - j];
    s[i] = res[i] + (int32_t)(sum >> shift);
  }
}
void preemphasis(float *x, int n, float a) {
  for (int i = n - 1; i > 0; --i) x[i] -= a * x[i - 1];
}
void envelope(const float *x, float *env, int n, float attack, float release) {
  float e = 0.f;
  for (int i = 0; i < n; i++) {
    float v = fabsf(x[i]);
    float c = v > e ? attack : release;
    e = c * e + (1.f - c) * v;
    env[i] = e;
  }
}
void mdct_naive(const float *in, float *out, int N) {
  for (int k = 0; k < N; k++) {
    double s = 0;
    for (int n = 0; n < 2 * N; n++) s += in[n] * cos(M_PI / N * (n + 0.5 + N * 0.5) * (k + 0.5));
    out[k] = (float)s;
  }
}
void haar_level(float *x, float *tmp, int n) {
  int h = n / 2;
  for (int i = 0; i < h; i++) {
    tmp[i] = (x[2 * i] + x[2 * i + 1]) * 0.70710678f;
    tmp[h + i] = (x[2 * i] - x[2 * i + 1]) * 0.70710678f;
  }
  memcpy(x, tmp, (size_t)n * sizeof *x);
}
void lifting53(int32_t *x, int n) {
  if (n < 2) return;
  for (int i = 1; i < n - 1; i += 2) x[i] -= (x[i - 1] + x[i + 1]) >> 1;
  if ((n & 1) == 0) x[n - 1] -= x[n - 2];
  x[0] += (x[1] + x[1] + 2) >> 2;
  for (int i = 2; i < n - 1; i += 2) x[i] += (x[i - 1] + x[i + 1] + 2) >> 2;
}
void resample_linear(const float *in, int n_in, float *out, int n_out, double ratio) {
  for (int i = 0; i < n_out; i++) {
    double pos = i * ratio;
    int j = (int)pos;
    double f = pos - j;
    if (j >= n_in - 1) { out[i] = in[n_in - 1]; continue; }
    out[i] = (float)((1.0 - f) * in[j] + f * in[j + 1]);
  }
}
void mix_stereo_s16(const int16_t *a, const int16_t *b, int16_t *out, size_t frames, int ga, int gb) {
  for (size_t i = 0; i < 2 * frames; i++) {
    int32_t v = (a[i] * ga + b[i] * gb) >> 8;
    if (v > INT16_MAX) v = INT16_MAX;
    else if (v < INT16_MIN) v = INT16_MIN;
    out[i] = (int16_t)v;
  }
}
void interleave_float_to_s24(const float *const l, const float *const r, uint8_t *out, int n) {
  for (int i = 0; i < n; i++) {
    int32_t v[2] = {(int32_t)lrintf(l[i] * 8388607.0f), (int32_t)lrintf(r[i] * 8388607.0f)};
    for (int c = 0; c < 2; c++) {
      uint8_t *o = out + 6 * i + 3 * c;
      o[0] = (uint8_t)v[c];
      o[1] = (uint8_t)(v[c] >> 8);
      o[2] = (uint8_t)(v[c] >> 16);
    }
  }
}
void mel_filterbank(const float *spec, const float *lo, const int *map, const int *idx, float *mel, int nmel, int maxlen) {
  for (int m = 0; m < nmel; m++) {
    float s = 0;
    for (int k = 0; k < idx[m]; k++) s += spec[map[m] + k] * lo[m * maxlen + k];
    mel[m] = logf(s > 1e-10f ? s : 1e-10f);
  }
}
void dtw(const float *a, const float *b, float *D, int n, int m) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) {
      float c = fabsf(a[i] - b[j]);
      if (i == 0 && j == 0) D[0] = c;
      else if (i == 0) D[j] = c + D[j - 1];
      else if (j == 0) D[i * m] = c + D[(i - 1) * m];
      else D[i * m + j] = c + fminf(D[(i - 1) * m + j], fminf(D[i * m + j - 1], D[(i - 1) * m + j - 1]));
    }
}
void moving_rms(const float *x, float *y, int n, int w) {
  for (int i = 0; i < n; i++) {
    int a = i - w / 2 < 0 ? 0 : i - w / 2, b = i + w / 2 >= n ? n - 1 : i + w / 2;
    float s = 0;
    for (int k = a; k <= b; k++) s += x[k] * x[k];
    y[i] = sqrtf(s / (b - a + 1));
  }
}
void sliding_sum(const float *x, float *y, int n, int w) {
  float s = 0;
  for (int i = 0; i < n; i++) {
    s += x[i];
    if (i >= w) s -= x[i - w];
    y[i] = i < w ? s / (i + 1) : s / w;
  }
}
