/* Narrow floating formats: values go through double, which holds all of them exactly. */
#include "runtime/emu/fp.h"
#include <math.h>

struct format {
  int ebits, mbits, shift; /* shift: unused low bits */
  bool finite;             /* no infinities; the largest mantissa of the largest exponent is NaN */
  uint32_t nan;
  double max;
};
static const struct format formats[] = {
    [FP_F16] = {5, 10, 0, false, 0x7fff, 65504.0},
    [FP_BF16] = {8, 7, 0, false, 0x7fff, 0x1.fep127},
    [FP_TF32] = {8, 10, 13, false, 0x7fffffff, 0x1.ffcp127},
    [FP_F32] = {8, 23, 0, false, 0x7fffffff, 0x1.fffffep127},
    [FP_E4M3] = {4, 3, 0, true, 0x7f, 448.0},
    [FP_E5M2] = {5, 2, 0, false, 0x7f, 57344.0},
};

double emu_fp_integral(double v, enum fp_round mode) {
  switch (mode) {
  case FP_RZ:
    return trunc(v);
  case FP_RM:
    return floor(v);
  case FP_RP:
    return ceil(v);
  case FP_RNA:
    return round(v);
  default:
    return rint(v);
  }
}

static bool to_infinity(bool neg, enum fp_round mode) {
  return mode == FP_RN || mode == FP_RNA || (mode == FP_RP && !neg) || (mode == FP_RM && neg);
}

static uint32_t encode(double a, const struct format *f, int bias) {
  int e;
  double m = frexp(a, &e); /* a = m * 2^e, m in [0.5, 1) */
  if (e - 1 < 1 - bias) return (uint32_t)ldexp(a, f->mbits - (1 - bias));
  uint32_t mant = (uint32_t)ldexp(m, f->mbits + 1) - (1u << f->mbits);
  return (uint32_t)(e - 1 + bias) << f->mbits | mant;
}

uint32_t emu_fp_pack(double v, enum fp_format format, enum fp_round mode, bool sat) {
  const struct format *f = &formats[format];
  int bias = (1 << (f->ebits - 1)) - 1, e;
  bool neg = signbit(v);
  uint32_t sign = (uint32_t)neg << (f->ebits + f->mbits), inf = ((1u << f->ebits) - 1) << f->mbits;
  if (isnan(v)) return f->nan;
  if (isinf(v)) {
    if (f->finite && !sat) return f->nan;
    return (sign | (sat ? encode(f->max, f, bias) : inf)) << f->shift;
  }
  if (v == 0) return sign << f->shift;
  frexp(v, &e);
  int unit = (e - 1 < 1 - bias ? 1 - bias : e - 1) - f->mbits;
  double r = fabs(ldexp(emu_fp_integral(ldexp(v, -unit), mode), unit));
  if (r > f->max) {
    if (sat || f->finite || !to_infinity(neg, mode)) return (sign | encode(f->max, f, bias)) << f->shift;
    return (sign | inf) << f->shift;
  }
  return (sign | (r == 0 ? 0 : encode(r, f, bias))) << f->shift;
}

double emu_fp_unpack(uint32_t bits, enum fp_format format) {
  const struct format *f = &formats[format];
  int bias = (1 << (f->ebits - 1)) - 1;
  bits >>= f->shift;
  uint32_t exp = bits >> f->mbits & ((1u << f->ebits) - 1), mant = bits & ((1u << f->mbits) - 1);
  double sign = bits >> (f->ebits + f->mbits) & 1 ? -1.0 : 1.0;
  if (f->finite && exp == (1u << f->ebits) - 1 && mant == (1u << f->mbits) - 1) return NAN;
  if (!f->finite && exp == (1u << f->ebits) - 1) return mant ? NAN : sign * INFINITY;
  if (!exp) return sign * ldexp(mant, 1 - bias - f->mbits);
  return sign * ldexp(mant + (1u << f->mbits), (int)exp - bias - f->mbits);
}

double emu_add_odd(double a, double b) {
  volatile double s = a + b;
  if (!isfinite(s)) return s;
  volatile double t = s - a;
  volatile double rest = s - t;
  double err = (a - rest) + (b - t);
  uint64_t bits = emu_f64_bits(s);
  if (err == 0 || (bits & 1)) return s;
  bool away = (err > 0) == (s > 0);
  return emu_f64(away ? bits + 1 : bits - 1);
}

double emu_u64_odd(uint64_t v) {
  if (v >> 53 == 0) return (double)v;
  int drop = 11 - __builtin_clzll(v);
  uint64_t kept = v >> drop;
  if (v & (((uint64_t)1 << drop) - 1)) kept |= 1;
  return ldexp((double)kept, drop);
}
