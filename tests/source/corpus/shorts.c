/* Short integers that C computes in int: sums, thresholds, saturation, conversions; structures whose members are treated alike. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
typedef struct { uint8_t b, g, r; } pixel3;
typedef struct { uint8_t b, g, r, a; } pixel4;
typedef struct { float x, y, z; } point3;
typedef struct { float re, im; } pair2;

uint64_t sum_bytes_wide(const uint8_t *a, int n) { uint64_t s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }
int dot_bytes(const uint8_t *a, const uint8_t *b, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i] * b[i]; return s; }
int dot_signed_bytes(const int8_t *a, const int8_t *b, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i] * b[i]; return s; }
int sum_halves(const int16_t *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += abs(a[i]); return s; }
int count_over(const uint8_t *a, int n, int t) { int s = 0; for (int i = 0; i < n; i++) s += a[i] > t; return s; }
int luma_sum(const uint8_t *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += (a[3 * i] * 77 + a[3 * i + 1] * 150 + a[3 * i + 2] * 29) >> 8; return s; }
void threshold_u8(const uint8_t *s, uint8_t *d, int n, int t) { for (int i = 0; i < n; i++) d[i] = s[i] > t ? 255 : 0; }
void range_mask(const uint8_t *s, uint8_t *d, int n, int lo, int hi) { for (int i = 0; i < n; i++) d[i] = s[i] >= lo && s[i] <= hi ? 255 : 0; }
void sat_add_i16(const int16_t *a, const int16_t *b, int16_t *d, int n) { for (int i = 0; i < n; i++) { int t = a[i] + b[i]; d[i] = (int16_t)(t > 32767 ? 32767 : t < -32768 ? -32768 : t); } }
void lerp_u8(const uint8_t *a, const uint8_t *b, uint8_t *d, int n, int f) { for (int i = 0; i < n; i++) d[i] = (uint8_t)(a[i] + ((b[i] - a[i]) * f >> 8)); }
void scale_to_int(const float *x, int *d, int n, float s) { for (int i = 0; i < n; i++) d[i] = (int)(x[i] * s); }
void quant_rint(const float *x, int8_t *d, int n, float s) { for (int i = 0; i < n; i++) { int v = (int)rintf(x[i] * s); if (v > 127) v = 127; if (v < -127) v = -127; d[i] = (int8_t)v; } }
void float_to_u8(const float *x, uint8_t *d, int n) { for (int i = 0; i < n; i++) { float v = x[i] * 255.0f + 0.5f; d[i] = v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v; } }
void mean_pixels(const pixel3 *a, const pixel3 *b, pixel3 *d, int n) { for (int i = 0; i < n; i++) { d[i].b = (uint8_t)((a[i].b + b[i].b + 1) / 2); d[i].g = (uint8_t)((a[i].g + b[i].g + 1) / 2); d[i].r = (uint8_t)((a[i].r + b[i].r + 1) / 2); } }
void euler_points(point3 *x, const point3 *v, int n, float dt) { for (int i = 0; i < n; i++) { x[i].x += v[i].x * dt; x[i].y += v[i].y * dt; x[i].z += v[i].z * dt; } }
void vflip_pixels(pixel4 *p, int w, int h) { for (int y = 0; y < h / 2; y++) for (int x = 0; x < w; x++) { pixel4 t = p[y * w + x]; p[y * w + x] = p[(h - 1 - y) * w + x]; p[(h - 1 - y) * w + x] = t; } }
void hflip_pixels(pixel4 *p, int w, int h) { for (int y = 0; y < h; y++) for (int x = 0; x < w / 2; x++) { pixel4 t = p[y * w + x]; p[y * w + x] = p[y * w + w - 1 - x]; p[y * w + w - 1 - x] = t; } }
void rotate_pixels(const pixel4 *s, pixel4 *d, int w, int h) { for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) d[x * h + h - 1 - y] = s[y * w + x]; }
void reverse_pairs(pair2 *p, int n) { for (int i = 0; i < n / 2; i++) { pair2 t = p[i]; p[i] = p[n - 1 - i]; p[n - 1 - i] = t; } }
