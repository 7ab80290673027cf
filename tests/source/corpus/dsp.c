/* Signals and audio: filters, windows, resampling, meters, mixing, envelopes. */
#include <math.h>
#include <stdint.h>
#include <string.h>

void biquad(const float *in, float *out, int n, const float *coef, float *state) {
  float b0 = coef[0], b1 = coef[1], b2 = coef[2], a1 = coef[3], a2 = coef[4];
  float z1 = state[0], z2 = state[1];
  for (int i = 0; i < n; i++) {
    float x = in[i];
    float y = b0 * x + z1;
    z1 = b1 * x - a1 * y + z2;
    z2 = b2 * x - a2 * y;
    out[i] = y;
  }
  state[0] = z1;
  state[1] = z2;
}

void biquad_bank(const float *in, float *out, int n, int bands, const float *coef, float *state) {
  for (int k = 0; k < bands; k++) {
    const float *c = coef + 5 * k;
    float z1 = state[2 * k], z2 = state[2 * k + 1];
    for (int i = 0; i < n; i++) {
      float x = in[i], y = c[0] * x + z1;
      z1 = c[1] * x - c[3] * y + z2;
      z2 = c[2] * x - c[4] * y;
      out[k * n + i] = y;
    }
    state[2 * k] = z1;
    state[2 * k + 1] = z2;
  }
}

void decimate(const float *x, float *y, int nout, int factor, const float *h, int taps) {
  for (int i = 0; i < nout; i++) {
    float acc = 0;
    for (int k = 0; k < taps; k++) acc += h[k] * x[i * factor + k];
    y[i] = acc;
  }
}

void resample_linear(const float *in, int nin, float *out, int nout) {
  if (nin < 2 || nout < 2) return;
  double step = (double)(nin - 1) / (nout - 1);
  for (int i = 0; i < nout; i++) {
    double pos = i * step;
    int k = (int)pos;
    if (k > nin - 2) k = nin - 2;
    float f = (float)(pos - k);
    out[i] = in[k] * (1.0f - f) + in[k + 1] * f;
  }
}

void polyphase_up2(const float *x, float *y, int n, const float *h, int taps) {
  for (int i = 0; i < n; i++) {
    float a = 0, b = 0;
    for (int k = 0; k < taps; k++) {
      a += h[2 * k] * x[i + k];
      b += h[2 * k + 1] * x[i + k];
    }
    y[2 * i] = a;
    y[2 * i + 1] = b;
  }
}

void apply_window(float *frame, int n) {
  for (int i = 0; i < n; i++) frame[i] *= 0.5f * (1.0f - cosf(6.2831853f * i / (n - 1)));
}

void power_spectrum(const float *re, const float *im, float *p, int n, int log_scale) {
  for (int i = 0; i < n; i++) {
    float e = re[i] * re[i] + im[i] * im[i];
    p[i] = log_scale ? 10.0f * log10f(e + 1e-12f) : e;
  }
}

void autocorr(const float *x, int n, float *r, int order) {
  for (int lag = 0; lag <= order; lag++) {
    double d = 0;
    for (int i = lag; i < n; i++) d += x[i] * x[i - lag];
    r[lag] = (float)d;
  }
}

void goertzel(const float *x, int n, const float *freq, int nf, float *mag) {
  for (int f = 0; f < nf; f++) {
    float c = 2.0f * cosf(freq[f]), s1 = 0, s2 = 0;
    for (int i = 0; i < n; i++) {
      float s0 = x[i] + c * s1 - s2;
      s2 = s1;
      s1 = s0;
    }
    mag[f] = s1 * s1 + s2 * s2 - c * s1 * s2;
  }
}

void s16_to_float(const int16_t *in, float *out, int frames, int channels) {
  for (int f = 0; f < frames; f++)
    for (int c = 0; c < channels; c++) out[c * frames + f] = in[f * channels + c] * (1.0f / 32768.0f);
}

void float_to_s16(const float *in, int16_t *out, int n) {
  for (int i = 0; i < n; i++) {
    float v = in[i] * 32767.0f;
    if (v > 32767.0f) v = 32767.0f;
    if (v < -32768.0f) v = -32768.0f;
    out[i] = (int16_t)lrintf(v);
  }
}

void mix_stereo(const int16_t *a, const int16_t *b, int16_t *out, int n, int gain_q8) {
  for (int i = 0; i < 2 * n; i++) {
    int s = a[i] + ((b[i] * gain_q8) >> 8);
    out[i] = s > 32767 ? 32767 : s < -32768 ? -32768 : s;
  }
}

float peak_and_rms(const float *x, int n, float *rms) {
  float peak = 0;
  double sum = 0;
  for (int i = 0; i < n; i++) {
    float a = fabsf(x[i]);
    if (a > peak) peak = a;
    sum += (double)x[i] * x[i];
  }
  *rms = (float)sqrt(sum / n);
  return peak;
}

int gate(const float *x, float *out, int n, float threshold) {
  int k = 0;
  for (int i = 0; i < n; i++)
    if (fabsf(x[i]) > threshold) out[k++] = x[i];
  return k;
}

void envelope(const float *x, float *env, int n, float attack, float release) {
  float e = 0.0f;
  for (int i = 0; i < n; i++) {
    float a = fabsf(x[i]);
    float c = a > e ? attack : release;
    e = c * e + (1.0f - c) * a;
    env[i] = e;
  }
}

void mdct(const float *x, float *X, int N) {
  for (int k = 0; k < N; k++) {
    double s = 0;
    for (int n = 0; n < 2 * N; n++) s += x[n] * cos(M_PI / N * (n + 0.5 + N / 2.0) * (k + 0.5));
    X[k] = (float)s;
  }
}

void median5(const float *x, float *y, int n) {
  for (int i = 2; i < n - 2; i++) {
    float w[5];
    for (int k = 0; k < 5; k++) w[k] = x[i - 2 + k];
    for (int a = 0; a < 4; a++)
      for (int b = 0; b < 4 - a; b++)
        if (w[b] > w[b + 1]) {
          float t = w[b];
          w[b] = w[b + 1];
          w[b + 1] = t;
        }
    y[i] = w[2];
  }
}

void haar2(const float *x, float *lo, float *hi, int n) {
  const float r = 0.70710678f;
  for (int i = 0; i + 1 < n; i += 2) {
    lo[i / 2] = (x[i] + x[i + 1]) * r;
    hi[i / 2] = (x[i] - x[i + 1]) * r;
  }
}

/* Four at a time by hand, then what is left; the counter counts down and is used twice, the scalar is set anew each time. */
void abs_sat8(const signed char *src, signed char *dst, unsigned count) {
  unsigned left;
  signed char in;
  left = count >> 2U;
  while (left > 0U) {
    in = *src++;
    *dst++ = in > 0 ? in : (in == (signed char)0x80) ? (signed char)0x7f : -in;
    in = *src++;
    *dst++ = in > 0 ? in : (in == (signed char)0x80) ? (signed char)0x7f : -in;
    in = *src++;
    *dst++ = in > 0 ? in : (in == (signed char)0x80) ? (signed char)0x7f : -in;
    in = *src++;
    *dst++ = in > 0 ? in : (in == (signed char)0x80) ? (signed char)0x7f : -in;
    left--;
  }
  left = count % 4U;
  while (left > 0U) {
    in = *src++;
    *dst++ = in > 0 ? in : (in == (signed char)0x80) ? (signed char)0x7f : -in;
    left--;
  }
}

/* The sum lives on from one loop to the next, the products do not. */
float dot_by_two(const float *a, const float *b, unsigned count) {
  float sum = 0, p;
  unsigned left = count / 2U;
  while (left > 0U) {
    p = *a++ * *b++;
    sum += p;
    p = *a++ * *b++;
    sum += p;
    left--;
  }
  left = count & 1U;
  while (left > 0U) {
    p = *a++ * *b++;
    sum += p;
    left--;
  }
  return sum;
}

/* What a loop leaves in a scalar is read behind it on one path only. */
float last_or_sum(const float *x, int n, int flag) {
  float v = 0, s = 0;
  for (int i = 0; i < n / 3; i++) {
    v = x[i] * 2;
    s += v;
  }
  if (flag > 3) v = 1;
  for (int i = 0; i < n / 3; i++) s += v * x[i];
  return s;
}

/* A helper with a pointer of its own that walks. */
static float sum_of(const float *p, int n) {
  float s = 0;
  const float *q;
  q = p;
  while (n > 0) {
    s += *q++;
    n--;
  }
  return s;
}
float row_sums(const float *x, int n, int rows) {
  float s = 0;
  for (int i = 0; i < rows; i++) s += sum_of(x + i * n, n);
  return s;
}

/* Names that fields and the result would have otherwise. */
struct named { int n; float *x; };
float same_names(struct named *s, const float *s_x, int s_n, float result) {
  for (int i = 0; i < s->n; i++) s->x[i] = s_x[i] * s_n + result;
  return result;
}

/* A pointer to a structure inside of one, declared first and set later. */
struct inner { int len; float gain; };
struct around { int n; struct inner in; float *x; };
int set_inner(struct around *a, int len) {
  struct inner *in;
  if (len < 0) return -1;
  in = &(a->in);
  in->len = len + 1;
  in->gain = 2;
  for (int i = 0; i < a->n; i++) a->x[i] *= in->gain;
  return 0;
}

/* The first element in front of the loop, and the counter counts the rest down. */
float largest_distance(const float *a, const float *b, unsigned n) {
  float d, most, x, y;
  if (n == 0) return 0;
  x = *a++;
  y = *b++;
  d = fabsf(x - y);
  most = d;
  n--;
  while (n > 0) {
    x = *a++;
    y = *b++;
    d = fabsf(x - y);
    if (d > most) most = d;
    n--;
  }
  return most;
}

/* Sums that saturate through a helper with several exits, two at a time. */
static int clamp_bits(int v, unsigned bits) {
  if (bits >= 1 && bits <= 32) {
    const int max = (int)((1U << (bits - 1U)) - 1U);
    const int min = -1 - max;
    if (v > max) return max;
    if (v < min) return min;
  }
  return v;
}
void add_saturated(const short *a, const short *b, short *out, unsigned count) {
  unsigned left = count >> 1U;
  while (left > 0U) {
    *out++ = (short)clamp_bits((int)*a++ + *b++, 16);
    *out++ = (short)clamp_bits((int)*a++ + *b++, 16);
    left--;
  }
  left = count % 0x2U;
  while (left > 0U) {
    *out++ = (short)clamp_bits((int)*a++ + *b++, 16);
    left--;
  }
}

/* Sizes and counters narrower than int. */
void fir_narrow(const float *x, uint16_t n, uint8_t taps, const float *h, float *y) {
  for (uint16_t i = 0; i < n; i++) {
    float s = 0;
    for (uint8_t k = 0; k < taps; k++) s += h[k] * x[i + k];
    y[i] = s;
  }
}
void narrow_wraps(uint16_t n, uint8_t m, float *y) {
  uint8_t i;
  for (i = 250; i < (uint8_t)(m + 250); i++) y[i & 7] += 1;
  for (i = m; i > 0; i--) y[i - 1] += (float)i;
  for (int8_t k = 5; k >= 0; k--) y[k] += (float)k;
  for (i = 0; (int)i < (int)n - 2; i += 3) y[i] = i;
  y[0] += i;
}
typedef struct { uint16_t rows, cols; float *data; } narrow_matrix;
int matrix_add(const narrow_matrix *a, const narrow_matrix *b, narrow_matrix *c) {
  const float *p = a->data, *q = b->data;
  float *r = c->data;
  uint32_t n = (uint32_t)a->rows * a->cols, left = n >> 2U;
  while (left > 0U) {
    *r++ = *p++ + *q++;
    *r++ = *p++ + *q++;
    *r++ = *p++ + *q++;
    *r++ = *p++ + *q++;
    left--;
  }
  left = n % 4U;
  while (left > 0U) {
    *r++ = *p++ + *q++;
    left--;
  }
  return 0;
}
int matrix_multiply(const narrow_matrix *a, const narrow_matrix *b, narrow_matrix *c) {
  uint16_t i, j = 0, k;
  for (i = 0; i < a->rows; i++)
    for (j = 0; j < b->cols; j++) {
      float s = 0;
      for (k = 0; k < a->cols; k++) s += a->data[i * a->cols + k] * b->data[k * b->cols + j];
      c->data[i * b->cols + j] = s;
    }
  return i + j;
}

/* A size that is a product of narrow ones, and the place of a counter inside of a structure handed to a helper. */
struct ring { uint16_t at, size; float *x; };
static void advance(uint16_t *at, uint16_t size) { *at = (uint16_t)(*at + 1 < size ? *at + 1 : 0); }
float ring_push(struct ring *r, float v) {
  float old = r->x[r->at % 16];
  r->x[r->at % 16] = v;
  advance(&r->at, r->size);
  return old;
}
void append_planes(const signed char *src, uint16_t w, uint16_t h, uint16_t c, signed char *dst, uint32_t planes) {
  const uint32_t size = (uint32_t)w * h * c;
  memcpy(dst + planes * size, src, size);
}
