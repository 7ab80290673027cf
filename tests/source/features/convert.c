#include <stdbool.h>
#include <stdint.h>

void mixed(int n, float *x, const double *d, const int *k) {
  for (int i = 0; i < n; i++) {
    x[i] *= 2.1;
    x[i] = x[i] + d[i];
    x[i] += k[i];
    x[i] = 1.0 / x[i] + k[i] / 3 - k[i] % 5;
  }
}

void small(int n, int8_t *a, uint8_t *b, int16_t *c, uint16_t *d) {
  for (int i = 0; i < n; i++) {
    a[i] += 100;
    b[i] -= 200;
    c[i] = a[i] * b[i];
    d[i] = ~c[i];
    a[i] = a[i] << 1;
    b[i] >>= 1;
    c[i]++;
    --d[i];
  }
}

void unsigneds(int n, uint32_t *a, uint64_t *b, int32_t *c) {
  for (int i = 0; i < n; i++) {
    a[i] = a[i] * 1664525u + 1013904223u;
    b[i] ^= b[i] << 13;
    b[i] ^= b[i] >> 7;
    c[i] = (int32_t)(a[i] >> 16) - c[i] / 3;
    a[i] += c[i] < a[i];
    c[i] = -c[i] % 7 + (c[i] & 0xff) - (c[i] | 3);
    if (a[i] - 1 > 5) b[i] = -a[i];
  }
}

void bools(int n, const float *x, bool *b, int *k) {
  for (int i = 0; i < n; i++) {
    bool pos = x[i] > 0;
    b[i] = pos;
    b[i] |= x[i] < -1;
    k[i] = pos + !pos * 2 + !k[i];
    _Bool t = k[i];
    k[i] += t;
    b[i] = x[i];
  }
}

void chars(int n, char *s, unsigned char *u) {
  for (int i = 0; i < n; i++) {
    s[i] = s[i] + 'a' - 1;
    u[i] = (unsigned char)(s[i] * 3);
    s[i] = u[i];
  }
}

void casts(int n, const double *d, int *k, float *f, long long *l) {
  for (int i = 0; i < n; i++) {
    k[i] = (int)d[i];
    f[i] = (float)d[i] * (float)k[i];
    l[i] = (long long)(d[i] * 1000) + (short)(k[i] * 70000);
    f[i] = -f[i] + +k[i];
    d + i;
    (void)l;
  }
}

void index_types(short n, unsigned char m, long k, float *x) {
  for (int i = 0; i < n; i++) x[i] += n * m;
  for (long i = 0; i < k; i++) x[(int)i] += (float)k;
  for (int i = 0; i < 4; i++) x[(unsigned char)(i * 100)] += 1;
  for (unsigned i = 0; i < 3; i++) x[i * 2 + 1] += i;
}
