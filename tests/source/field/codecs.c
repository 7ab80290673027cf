#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#include <limits.h>
static const uint8_t zigzag_tab[64] = {0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};
static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
#define BLK 8
static inline int iabs(int x) { return x < 0 ? -x : x; }
static inline uint32_t load_be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
static inline uint32_t rotl(uint32_t x, int k) { return (x << k) | (x >> (32 - k)); }

void fdct8x8_int(int16_t *blk) {
  int tmp[64];
  for (int i = 0; i < 8; i++) {
    const int16_t *p = blk + i * 8;
    int s07 = p[0] + p[7], d07 = p[0] - p[7], s16 = p[1] + p[6], d16 = p[1] - p[6];
    int s25 = p[2] + p[5], d25 = p[2] - p[5], s34 = p[3] + p[4], d34 = p[3] - p[4];
    int a = s07 + s34, b = s16 + s25, c = s07 - s34, d = s16 - s25;
    int *o = tmp + i * 8;
    o[0] = (a + b) << 2;
    o[4] = (a - b) << 2;
    o[2] = (c * 4433 + (c + d) * 0 + d * 1834 + 1024) >> 11;
    o[6] = (c * 1834 - d * 4433 + 1024) >> 11;
    o[1] = (d07 * 5681 + d16 * 4816 + d25 * 3218 + d34 * 1130 + 1024) >> 11;
    o[3] = (d07 * 4816 - d16 * 1130 - d25 * 5681 - d34 * 3218 + 1024) >> 11;
    o[5] = (d07 * 3218 - d16 * 5681 + d25 * 1130 + d34 * 4816 + 1024) >> 11;
    o[7] = (d07 * 1130 - d16 * 3218 + d25 * 4816 - d34 * 5681 + 1024) >> 11;
  }
  for (int i = 0; i < 64; i++) blk[i] = (int16_t)(tmp[(i & 7) * 8 + (i >> 3)] >> 2);
}
void quantize_zigzag(const int16_t *blk, const uint16_t *q, int16_t *out, int nblk) {
  for (int b = 0; b < nblk; b++, blk += 64, out += 64)
    for (int k = 0; k < 64; k++) {
      int v = blk[zigzag_tab[k]], s = v < 0 ? -1 : 1, d = q[zigzag_tab[k]] | 1;
      out[k] = (int16_t)(s * ((iabs(v) + d / 2) / d));
    }
}
int sad16x16(const uint8_t *a, const uint8_t *b, int sa, int sb) {
  int s = 0;
  for (int y = 0; y < 16; y++) {
    for (int x = 0; x < 16; x++) s += iabs(a[x] - b[x]);
    a += sa;
    b += sb;
  }
  return s;
}
int motion_search(const uint8_t *cur, const uint8_t *ref, int stride, int range, int *mvx, int *mvy) {
  int best = INT_MAX;
  for (int dy = -range; dy <= range; dy++)
    for (int dx = -range; dx <= range; dx++) {
      int sad = 0;
      for (int y = 0; y < BLK; y++)
        for (int x = 0; x < BLK; x++) sad += iabs(cur[y * stride + x] - ref[(y + dy + range) * stride + x + dx + range]);
      if (sad < best) {
        best = sad;
        *mvx = dx;
        *mvy = dy;
      }
    }
  return best;
}
uint32_t crc32_table(const uint32_t table[256], const uint8_t *p, size_t n) {
  uint32_t c = ~0u;
  while (n--) c = table[(c ^ *p++) & 255] ^ (c >> 8);
  return ~c;
}
uint32_t adler(const uint8_t *p, size_t len) {
  uint32_t a = 1, b = 0;
  for (size_t i = 0; i < len; i++) {
    a = (a + p[i]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}
uint64_t fnv1a(const uint8_t *s, size_t n) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (size_t i = 0; i < n; i++) h = (h ^ s[i]) * 0x100000001b3ull;
  return h;
}
size_t base64_enc(const uint8_t *in, size_t n, char *out) {
  size_t i, o = 0;
  for (i = 0; i + 2 < n; i += 3) {
    uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
    out[o++] = b64[v >> 18 & 63];
    out[o++] = b64[v >> 12 & 63];
    out[o++] = b64[v >> 6 & 63];
    out[o++] = b64[v & 63];
  }
  if (i < n) {
    uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0);
    out[o++] = b64[v >> 18];
    out[o++] = b64[v >> 12 & 63];
    out[o++] = i + 1 < n ? b64[v >> 6 & 63] : '=';
    out[o++] = '=';
  }
  return o;
}
size_t utf8_count(const uint8_t *s, size_t n) {
  size_t c = 0;
  for (size_t i = 0; i < n; ++i) c += (s[i] & 0xC0) != 0x80;
  return c;
}
size_t utf8_from_latin1(const uint8_t *in, size_t n, uint8_t *out) {
  uint8_t *p = out;
  for (const uint8_t *e = in + n; in != e; in++) {
    if (*in < 0x80) *p++ = *in;
    else {
      *p++ = (uint8_t)(0xC0 | *in >> 6);
      *p++ = (uint8_t)(0x80 | (*in & 0x3F));
    }
  }
  return (size_t)(p - out);
}
void delta_encode(const int32_t *in, int32_t *out, size_t n) {
  int32_t prev = 0;
  for (size_t i = 0; i < n; i++) {
    int32_t d = (int32_t)((uint32_t)in[i] - (uint32_t)prev);
    out[i] = (int32_t)((uint32_t)d << 1) ^ (d >> 31);
    prev = in[i];
  }
}
void delta_decode(const uint32_t *in, int32_t *out, size_t n) {
  uint32_t v = 0;
  for (size_t i = 0; i < n; i++) {
    v += (in[i] >> 1) ^ (0u - (in[i] & 1));
    out[i] = (int32_t)v;
  }
}
void pack_bits12(const uint16_t *in, uint8_t *out, int n) {
  for (int i = 0; i < n / 2; i++) {
    uint16_t a = in[2 * i], b = in[2 * i + 1];
    out[3 * i] = (uint8_t)(a >> 4);
    out[3 * i + 1] = (uint8_t)((a & 15) << 4 | (b >> 8 & 15));
    out[3 * i + 2] = (uint8_t)b;
  }
}
void unpack_bits10(const uint8_t *in, uint16_t *out, size_t groups) {
  for (size_t g = 0; g < groups; g++, in += 5, out += 4) {
    out[0] = (uint16_t)(in[0] << 2 | in[4] >> 6);
    out[1] = (uint16_t)(in[1] << 2 | (in[4] >> 4 & 3));
    out[2] = (uint16_t)(in[2] << 2 | (in[4] >> 2 & 3));
    out[3] = (uint16_t)(in[3] << 2 | (in[4] & 3));
  }
}
void bit_pack_k(const uint32_t *in, uint32_t *out, int n, int bits) {
  uint64_t acc = 0;
  int have = 0, o = 0;
  for (int i = 0; i < n; i++) {
    acc |= (uint64_t)(in[i] & ((1u << bits) - 1)) << have;
    have += bits;
    while (have >= 32) {
      out[o++] = (uint32_t)acc;
      acc >>= 32;
      have -= 32;
    }
  }
  if (have > 0) out[o] = (uint32_t)acc;
}
void chacha_quarter_rows(uint32_t *st, int n) {
#define QR(a, b, c, d) (a += b, d = rotl(d ^ a, 16), c += d, b = rotl(b ^ c, 12), a += b, d = rotl(d ^ a, 8), c += d, b = rotl(b ^ c, 7))
  for (int i = 0; i < n; i++) {
    uint32_t *x = st + 4 * i;
    QR(x[0], x[1], x[2], x[3]);
  }
}
void sha1_schedule(const uint8_t *blk, uint32_t w[80]) {
  for (int t = 0; t < 16; t++) w[t] = load_be32(blk + 4 * t);
  for (int t = 16; t < 80; t++) w[t] = rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
}
void xorshift_fill(uint32_t *out, int n, uint32_t seed) {
  uint32_t s = seed ? seed : 1;
  for (int i = 0; i < n; i++) {
    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    out[i] = s;
  }
}
void hex_encode(const uint8_t *in, size_t n, char *out) {
  static const char d[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    *out++ = d[in[i] >> 4];
    *out++ = d[in[i] & 15];
  }
}
void to_upper_ascii(char *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (s[i] >= 'a' && s[i] <= 'z') s[i] -= 'a' - 'A';
}
int count_lines(const char *s, size_t n) {
  int c = 0;
  for (size_t i = 0; i < n; i++)
    switch (s[i]) {
    case '\n': c++; break;
    default: break;
    }
  return c;
}
uint32_t popcount_words(const uint64_t *w, size_t n) {
  uint32_t c = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t x = w[i];
    x = x - ((x >> 1) & 0x5555555555555555ull);
    x = (x & 0x3333333333333333ull) + ((x >> 2) & 0x3333333333333333ull);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
    c += (uint32_t)((x * 0x0101010101010101ull) >> 56);
  }
  return c;
}
void bitset_and_not(uint64_t *a, const uint64_t *b, size_t words) {
  while (words-- > 0) { *a++ &= ~*b++; }
}
void mulaw_decode(const uint8_t *in, int16_t *out, int n) {
  for (int i = 0; i < n; i++) {
    uint8_t u = (uint8_t)~in[i];
    int t = ((u & 0x0F) << 3) + 0x84;
    t <<= (u & 0x70) >> 4;
    out[i] = (int16_t)((u & 0x80) ? (0x84 - t) : (t - 0x84));
  }
}
void ima_adpcm(const uint8_t *in, int16_t *out, int n, const int16_t *step_tab, const int8_t *idx_tab) {
  int pred = 0, idx = 0;
  for (int i = 0; i < n; i++) {
    int nib = (i & 1) ? in[i / 2] >> 4 : in[i / 2] & 15;
    int step = step_tab[idx];
    int diff = step >> 3;
    if (nib & 1) diff += step >> 2;
    if (nib & 2) diff += step >> 1;
    if (nib & 4) diff += step;
    pred += (nib & 8) ? -diff : diff;
    pred = pred > 32767 ? 32767 : pred < -32768 ? -32768 : pred;
    idx += idx_tab[nib];
    if (idx < 0) idx = 0;
    if (idx > 88) idx = 88;
    out[i] = (int16_t)pred;
  }
}
void varint_lengths(const uint32_t *v, uint8_t *len, int n) {
  for (int i = 0; i < n; i++) {
    uint32_t x = v[i];
    int l = 1;
    while (x >= 128) { x >>= 7; l++; }
    len[i] = (uint8_t)l;
  }
}
void morton2d(const uint16_t *x, const uint16_t *y, uint32_t *code, int n) {
  for (int i = 0; i < n; i++) {
    uint32_t c = 0;
    for (int b = 0; b < 16; b++) c |= (uint32_t)(x[i] >> b & 1) << (2 * b) | (uint32_t)(y[i] >> b & 1) << (2 * b + 1);
    code[i] = c;
  }
}
void h264_deblock(uint8_t *pix, int stride, int n, int alpha, int beta, int tc) {
  for (int i = 0; i < n; i++, pix++) {
    int p1 = pix[-2 * stride], p0 = pix[-stride], q0 = pix[0], q1 = pix[stride];
    if (iabs(p0 - q0) < alpha && iabs(p1 - p0) < beta && iabs(q1 - q0) < beta) {
      int d = ((q0 - p0) * 4 + (p1 - q1) + 4) >> 3;
      d = d < -tc ? -tc : d > tc ? tc : d;
      int a = p0 + d, b = q0 - d;
      pix[-stride] = (uint8_t)(a < 0 ? 0 : a > 255 ? 255 : a);
      pix[0] = (uint8_t)(b < 0 ? 0 : b > 255 ? 255 : b);
    }
  }
}
void h264_halfpel(const uint8_t *src, uint8_t *dst, int w, int h, int ss, int ds) {
  for (int y = 0; y < h; y++, src += ss, dst += ds)
    for (int x = 0; x < w; x++) {
      int v = (src[x] - 5 * src[x + 1] + 20 * src[x + 2] + 20 * src[x + 3] - 5 * src[x + 4] + src[x + 5] + 16) >> 5;
      dst[x] = (uint8_t)((v & ~255) ? (-v) >> 31 : v);
    }
}
void ycc_rct_inverse(int32_t *c0, int32_t *c1, int32_t *c2, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    int32_t y = c0[i], u = c1[i], v = c2[i], g = y - ((u + v) >> 2), r = v + g, b = u + g;
    c0[i] = r, c1[i] = g, c2[i] = b;
  }
}
int hadamard4x4(const uint8_t *a, const uint8_t *b, int sa, int sb) {
  int m[4][4], s = 0;
  for (int i = 0; i < 4; i++) {
    int d0 = a[i * sa] - b[i * sb], d1 = a[i * sa + 1] - b[i * sb + 1], d2 = a[i * sa + 2] - b[i * sb + 2], d3 = a[i * sa + 3] - b[i * sb + 3];
    int e0 = d0 + d1, e1 = d0 - d1, e2 = d2 + d3, e3 = d2 - d3;
    m[i][0] = e0 + e2, m[i][1] = e1 + e3, m[i][2] = e0 - e2, m[i][3] = e1 - e3;
  }
  for (int j = 0; j < 4; j++) {
    int e0 = m[0][j] + m[1][j], e1 = m[0][j] - m[1][j], e2 = m[2][j] + m[3][j], e3 = m[2][j] - m[3][j];
    s += abs(e0 + e2) + abs(e1 + e3) + abs(e0 - e2) + abs(e1 - e3);
  }
  return (s + 1) >> 1;
}
