#include <stdint.h>
#include <string.h>
#include <math.h>
#define QK 32
typedef struct { uint16_t d; uint8_t qs[QK / 2]; } block_q4;
static inline float half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = (h >> 10) & 31, man = h & 1023;
  uint32_t bits;
  if (exp == 0) {
    float f = (float)man * (1.0f / 16777216.0f);
    memcpy(&bits, &f, sizeof bits);
  } else if (exp == 31)
    bits = 0x7f800000u | man << 13;
  else
    bits = (exp + 112) << 23 | man << 13;
  bits |= sign;
  float r;
  memcpy(&r, &bits, sizeof r);
  return r;
}
void dequant_q4(const block_q4 *b, float *y, int64_t k) {
  const int nb = (int)(k / QK);
  for (int i = 0; i < nb; i++) {
    const float d = half_to_float(b[i].d);
    for (int j = 0; j < QK / 2; ++j) {
      const int x0 = (b[i].qs[j] & 0x0F) - 8;
      const int x1 = (b[i].qs[j] >> 4) - 8;
      y[i * QK + j] = x0 * d;
      y[i * QK + j + QK / 2] = x1 * d;
    }
  }
}
void bf16_to_f32(const uint16_t *in, float *out, int n) {
  for (int i = 0; i < n; i++) {
    uint32_t u = (uint32_t)in[i] << 16;
    memcpy(&out[i], &u, sizeof u);
  }
}
void f32_to_bf16(const float *in, uint16_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t u;
    memcpy(&u, in + i, 4);
    u += 0x7fff + ((u >> 16) & 1);
    out[i] = (uint16_t)(u >> 16);
  }
}
void halves(const uint16_t *in, float *out, int n) {
  for (int i = 0; i < n; i++) out[i] = half_to_float(in[i]);
}
static inline uint32_t read32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline void write32(uint8_t *p, uint32_t v) { memcpy(p, &v, sizeof(v)); }
uint32_t sum_words(const uint8_t *p, size_t n) {
  uint32_t h = 0;
  for (size_t i = 0; i + 4 <= n; i += 4) h = h * 31 + read32(p + i);
  return h;
}
void xor_words(uint8_t *p, uint32_t key, int n) {
  for (int i = 0; i < n; i++) write32(p + 4 * i, read32(p + 4 * i) ^ key);
}
float rsqrt_fast(float x) {
  int32_t i;
  float y;
  memcpy(&i, &x, sizeof i);
  i = 0x5f3759df - (i >> 1);
  memcpy(&y, &i, sizeof y);
  return y * (1.5f - 0.5f * x * y * y);
}
void rsqrt_all(const float *x, float *y, int n) {
  for (int i = 0; i < n; i++) y[i] = rsqrt_fast(x[i]);
}
void fast_log2(const float *x, float *y, int n) {
  for (int i = 0; i < n; i++) {
    uint32_t u;
    memcpy(&u, &x[i], sizeof u);
    float f;
    uint32_t m = (u & 0x007FFFFF) | 0x3f000000;
    memcpy(&f, &m, sizeof f);
    float v = (float)u * 1.1920928955078125e-7f;
    y[i] = v - 124.22551499f - 1.498030302f * f - 1.72587999f / (0.3520887068f + f);
  }
}
void uniform_fill(uint64_t *state, double *out, int n) {
  uint64_t s = *state;
  for (int i = 0; i < n; i++) {
    s ^= s << 13, s ^= s >> 7, s ^= s << 17;
    uint64_t u = (s >> 12) | 0x3ff0000000000000ull;
    double d;
    memcpy(&d, &u, 8);
    out[i] = d - 1.0;
  }
  *state = s;
}
void float_keys(const float *x, uint32_t *key, int n) {
  memcpy(key, x, n * sizeof *key);
  for (int i = 0; i < n; i++) key[i] ^= (uint32_t)-(int32_t)(key[i] >> 31) | 0x80000000u;
}
void sign_flip(double *x, int n) {
  for (int i = 0; i < n; i++) {
    int64_t u;
    memcpy(&u, x + i, sizeof u);
    u ^= INT64_MIN;
    memcpy(x + i, &u, sizeof u);
  }
}
typedef union { float f; uint32_t u; int32_t i; } fi_t;
static inline float pow2i(int n) { fi_t v; v.u = (uint32_t)(n + 127) << 23; return v.f; }
static inline float schraudolph(float x) {
  union { float f; int32_t i; } v;
  v.i = (int32_t)(12102203.0f * x) + 1064866805;
  return v.f;
}
void exp_fast(const float *x, float *y, int n) {
  for (int i = 0; i < n; i++) y[i] = schraudolph(x[i] * 0.01f);
}
void pow2_all(const int8_t *e, float *y, int n) {
  for (int i = 0; i < n; i++) y[i] = pow2i(e[i]);
}
void abs_bits(float *x, int n) {
  for (int i = 0; i < n; i++) {
    fi_t t = {x[i]};
    t.u &= 0x7fffffffu;
    x[i] = t.f;
  }
}
void log2_mantissa(const double *x, int32_t *e, double *m, int n) {
  for (int i = 0; i < n; i++) {
    union { double d; uint64_t u; } v = {.d = x[i]};
    e[i] = (int32_t)((v.u >> 52) & 2047) - 1023;
    v.u = (v.u & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
    m[i] = v.d;
  }
}
uint16_t float_to_half_one(float f) {
  fi_t v = {.f = f};
  const uint32_t s = (v.u >> 16) & 0x8000;
  int32_t e = (int32_t)((v.u >> 23) & 255) - 112;
  uint32_t m = v.u & 0x7fffff;
  if (e <= 0) return (uint16_t)s;
  if (e >= 31) return (uint16_t)(s | 0x7c00);
  return (uint16_t)(s | (uint32_t)e << 10 | m >> 13);
}
void to_half(const float *x, uint16_t *h, int n) {
  for (int i = 0; i < n; i++) h[i] = float_to_half_one(x[i]);
}
static float ordered(fi_t v) { v.i ^= (v.i >> 31) & 0x7fffffff; return (float)v.i; }
float total_order_max(const float *x, int n) {
  float best = -3e38f;
  for (int i = 0; i < n; i++) {
    fi_t v;
    v.f = x[i];
    float k = ordered(v);
    if (k > best) best = k;
  }
  return best;
}
float literal_bits(uint32_t u) { return ((union { uint32_t u; float f; }){.u = u & 0x3fffffff}).f; }
void local_struct(const float *x, float *y, int n) {
  struct { float lo, hi; int k; } s = {1e30f, -1e30f, 0};
  for (int i = 0; i < n; i++) {
    if (x[i] < s.lo) s.lo = x[i];
    if (x[i] > s.hi) s.hi = x[i];
    s.k++;
  }
  y[0] = s.lo, y[1] = s.hi, y[2] = (float)s.k;
}
