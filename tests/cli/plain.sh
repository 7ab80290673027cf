#!/bin/sh
# Functions that are compiled as written: LLVM must see in them what it sees in what clang gives it. usage: plain.sh HONE
set -u
hone=$(realpath "$1")
. "$(dirname "$0")/common.sh"
cat >plain.c <<'C'
#include <stdint.h>
void bgr(const uint8_t *src, uint8_t *dst, int w, int h, int stride) { /* four bytes a pixel, three of them read */
  for (int y = 0; y < h; y++) {
    const uint8_t *s = src + y * stride;
    uint8_t *d = dst + y * w * 3;
    for (int x = 0; x < w; x++, s += 4, d += 3) {
      d[0] = s[2];
      d[1] = s[1];
      d[2] = s[0];
    }
  }
}
void over(const uint8_t *src, uint8_t *dst, int n) { /* the alpha of a pixel beside its colours */
  for (int i = 0; i < n; i++) {
    int a = src[4 * i + 3], ia = 255 - a;
    for (int c = 0; c < 4; c++) {
      int v = src[4 * i + c] * a + dst[4 * i + c] * ia;
      dst[4 * i + c] = (uint8_t)((v + 1 + (v >> 8)) >> 8);
    }
  }
}
void first(const uint16_t *rows, uint16_t *out, unsigned n) { /* an unsigned count */
  for (unsigned i = 0; i < n; i++) out[i] = (uint16_t)(rows[4 * (unsigned long)i] + rows[4 * (unsigned long)i + 1]);
}
C
vectors() { # function, what LLVM's text must hold
  "$hone" compile plain.c --only "$1" --cpu x86-64-v4 --on-miss=quiet --emit llvm >out 2>err || { cat err; failed=$((failed + 1)); return; }
  if grep -q "$2" out; then ok; else no "'$1' has no $2"; fi
}
vectors bgr 'shufflevector <[0-9]* x i8>'
vectors over 'shufflevector <[0-9]* x i8>'
vectors first 'load <[0-9]* x i16>'
cat >choice.c <<'C'
#include <math.h>
void backward(float *dx, float *dw, float *dg, const float *dy, const float *x, const float *w, int rows, int n) { /* rows stay in cache */
  for (int r = 0; r < rows; r++) {
    float m = 0, q = 0;
    for (int i = 0; i < n; i++) m += w[i] * dy[r * n + i], q += w[i] * dy[r * n + i] * x[r * n + i];
    for (int i = 0; i < n; i++) {
      dg[i] += dy[r * n + i];
      dw[i] += x[r * n + i] * dy[r * n + i];
      dx[r * n + i] += w[i] * dy[r * n + i] - m - x[r * n + i] * q;
    }
  }
}
void others(const double *x, double *f, int n) { /* raising takes i != j apart */
  for (int i = 0; i < n; i++) {
    double s = 0;
    for (int j = 0; j < n; j++) {
      if (i == j) continue;
      double d = x[j] - x[i], r2 = d * d + 1e-9, g = 1 / (r2 * sqrt(r2));
      s += g * d + g * g;
    }
    f[i] = s;
  }
}
void unit(const float *x, float *y, int n) { /* one reciprocal for three */
  for (int i = 0; i < n; i++) {
    float l = sqrtf(x[3 * i] * x[3 * i] + x[3 * i + 1] * x[3 * i + 1] + x[3 * i + 2] * x[3 * i + 2]);
    for (int c = 0; c < 3; c++) y[3 * i + c] = x[3 * i + c] / l;
  }
}
C
form() { # function, the form that runs where arrays do not overlap
  "$hone" compile choice.c --only "$1" --cpu x86-64-v4 --on-miss=quiet --emit llvm >out 2>err || { cat err; failed=$((failed + 1)); return; }
  if grep -q 'define internal void @hone.0.general' out; then is=general; else is=source; fi
  if [ "$is" = "$2" ]; then ok; else no "'$1' runs as $is"; fi
}
form backward source
form others source
form unit general
{
  echo 'static const unsigned table[2048] = {7'
  i=1
  while [ $i -lt 1500 ]; do echo ", ${i}u"; i=$((i + 1)); done
  echo '}; unsigned crc(int n, const unsigned char *x) { unsigned r = 1; while (n--) r = table[(r ^ *x++) & 2047] ^ (r >> 3); return r; }'
} >table.c
"$hone" compile table.c --cpu x86-64-v4 --on-miss=quiet --emit asm >out 2>err
if grep -q aligned_alloc out || ! grep -q 'hone.table:' out; then no 'a constant table is filled at each call'; else ok; fi
end
