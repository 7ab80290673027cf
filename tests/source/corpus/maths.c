/* Functions of math.h and of the compiler, in the code that people call them from. */
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

void math_mix(const float *x, const float *z, float *y, int n) {
  for (int i = 0; i < n; i++)
    y[i] = copysignf(log1pf(fabsf(x[i])), x[i]) + expm1f(z[i] * 0.1f) + cbrtf(x[i]) + atan2f(x[i], z[i]) +
           asinf(z[i] * 0.1f) + fmodf(x[i], 3.0f) + hypotf(x[i], z[i]) + log2f(fabsf(x[i]) + 1) + exp2f(z[i]) +
           tanf(x[i] * 0.1f);
}

void math_mix_d(const double *x, const double *z, double *y, int n) {
  for (int i = 0; i < n; i++)
    y[i] = copysign(log1p(fabs(x[i])), x[i]) + expm1(z[i] * 0.1) + cbrt(x[i]) + atan2(x[i], z[i]) + acos(z[i] * 0.1) +
           fmod(x[i], 3.0) + hypot(x[i], z[i]) + log2(fabs(x[i]) + 1) + exp2(z[i]) + tan(x[i] * 0.1) +
           sinh(x[i] * 0.1) + atan(x[i]) + log10(fabs(z[i]) + 1);
}

void fdim_sign(const float *x, const float *z, float *y, int n) {
  for (int i = 0; i < n; i++)
    y[i] = fdimf(x[i], z[i]) * (signbit(x[i]) ? -1.f : 1.f) + (isfinite(z[i]) ? 1 : 0) + (isinf(x[i]) ? 2 : 0);
}

void lrint_quant(const float *x, int8_t *q, int n, float scale, int zero) {
  for (int i = 0; i < n; i++) {
    long v = lrintf(x[i] * scale) + zero;
    q[i] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
  }
}

void mel(const float *power, const float *bank, float *out, int frames, int bins, int mels) {
  for (int f = 0; f < frames; f++)
    for (int m = 0; m < mels; m++) {
      double sum = 0.0;
      int k = 0;
      for (k = 0; k < bins - 3; k += 4)
        sum += power[f * bins + k] * bank[m * bins + k] + power[f * bins + k + 1] * bank[m * bins + k + 1] +
               power[f * bins + k + 2] * bank[m * bins + k + 2] + power[f * bins + k + 3] * bank[m * bins + k + 3];
      for (; k < bins; k++) sum += power[f * bins + k] * bank[m * bins + k];
      out[f * mels + m] = log10(fmax(sum, 1e-10));
    }
}

void builtin_bits(const uint32_t *x, int *y, int n) {
  for (int i = 0; i < n; i++) y[i] = __builtin_popcount(x[i]) + (x[i] ? __builtin_clz(x[i]) + __builtin_ctz(x[i]) : 32);
}

void clip_grad(float *g, int n, float max_norm) {
  double total = 0;
  for (int i = 0; i < n; i++) total += (double)g[i] * g[i];
  float norm = (float)sqrt(total);
  if (norm > max_norm) {
    float s = max_norm / (norm + 1e-6f);
    for (int i = 0; i < n; i++) g[i] *= s;
  }
}

void endian_swap(uint32_t *x, int n) {
  for (int i = 0; i < n; i++) x[i] = (x[i] >> 24) | ((x[i] >> 8) & 0xff00) | ((x[i] << 8) & 0xff0000) | (x[i] << 24);
}

void popcount_rows(const uint32_t *x, int *out, int n) {
  for (int i = 0; i < n; i++) {
    uint32_t v = x[i];
    v = v - ((v >> 1) & 0x55555555u);
    v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
    out[i] = (int)((((v + (v >> 4)) & 0x0F0F0F0Fu) * 0x01010101u) >> 24);
  }
}

void hash_each(const uint64_t *x, uint64_t *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint64_t z = x[i] + 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    y[i] = z ^ (z >> 31);
  }
}

static float to_linear(float c) {
  return c <= 0.04045f ? c / 12.92f : powf((c + 0.055f) / 1.055f, 2.4f);
}
void srgb(const uint8_t *in, float *out, int n) {
  for (int i = 0; i < n; i++) out[i] = to_linear(in[i] / 255.0f);
}

void window_hann(float *x, int frames, int n) {
  for (int f = 0; f < frames; f++)
    for (int i = 0; i < n; i++) x[f * n + i] *= 0.5f - 0.5f * cosf(2.0f * (float)M_PI * i / (n - 1));
}

void rope_half(float *x, int heads, int hd, int pos, float base) {
  for (int h = 0; h < heads; h++) {
    float *v = x + h * hd;
    for (int i = 0; i < hd / 2; i++) {
      float freq = 1.0f / powf(base, 2.0f * i / hd);
      float c = cosf(pos * freq), s = sinf(pos * freq);
      float a = v[i], b = v[i + hd / 2];
      v[i] = a * c - b * s;
      v[i + hd / 2] = a * s + b * c;
    }
  }
}

static inline float selu_one(float x) {
  const float alpha = 1.6732632423543772f, scale = 1.0507009873554805f;
  return x > 0 ? scale * x : scale * alpha * (expf(x) - 1);
}
void selu(float *x, int n) {
  for (int i = 0; i < n; i++) x[i] = selu_one(x[i]);
}

static inline float fast_tanh(float x) {
  if (x < -3)
    return -1;
  else if (x > 3)
    return 1;
  return x * (27 + x * x) / (27 + 9 * x * x);
}
void fast_tanh_all(float *x, int n) {
  for (int i = 0; i < n; i++) x[i] = fast_tanh(x[i]);
}

void lion(int n, float *w, float *m, const float *g, float lr, float b1, float b2, float wd) {
  for (int i = 0; i < n; i++) {
    float u = b1 * m[i] + (1.f - b1) * g[i];
    float sign = (u > 0) - (u < 0);
    w[i] = w[i] * (1.f - lr * wd) - lr * sign;
    m[i] = b2 * m[i] + (1.f - b2) * g[i];
  }
}

void kalman_batch(int n, const double *z, double *x, double *p, double q, double r) {
  for (int i = 0; i < n; i++) {
    double pp = p[i] + q;
    double k = pp / (pp + r);
    x[i] = x[i] + k * (z[i] - x[i]);
    p[i] = (1 - k) * pp;
  }
}
