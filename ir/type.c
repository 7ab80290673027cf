/* Scalar types: rounding, conversion, memory. Float values are exact doubles; only this file knows bit layouts. */
#include "ir/type.h"
#include <math.h>
#include <string.h>

struct typeinfo {
  const char *name, *cname;
  uint8_t bytes, klass, mant;
  int16_t least;
  double most;
};
static const struct typeinfo info[DT_COUNT] = {
#define TYPE(name, cname, bytes, klass, mant, least, most) {#name, cname, bytes, klass, mant, least, most},
#include "ir/types.def"
#undef TYPE
};

const char *type_name(enum dtype t) {
  return t < DT_COUNT ? info[t].name : "?";
}

const char *type_cname(enum dtype t) {
  return info[t].cname;
}

size_t type_size(enum dtype t) {
  return info[t].bytes;
}

enum dclass type_class(enum dtype t) {
  return info[t].klass;
}

unsigned type_mantissa(enum dtype t) {
  return info[t].mant;
}

bool type_is_float(enum dtype t) {
  return info[t].klass == DC_FLOAT;
}

bool type_is_int(enum dtype t) {
  return info[t].klass == DC_SINT || info[t].klass == DC_UINT;
}

bool type_is_signed(enum dtype t) {
  return info[t].klass == DC_SINT;
}

bool type_from_name(const char *s, size_t n, enum dtype *out) {
  for (unsigned t = 0; t < DT_COUNT; t++)
    if (strlen(info[t].name) == n && !memcmp(info[t].name, s, n)) {
      *out = (enum dtype)t;
      return true;
    }
  return false;
}

double type_epsilon(enum dtype t) {
  return type_is_float(t) ? ldexp(1, -info[t].mant) : 0;
}

bool type_computes(enum dtype t) {
  return !type_is_float(t) || info[t].bytes > 1;
}

double type_largest(enum dtype t) {
  return info[t].most;
}

bool type_holds(enum dtype to, enum dtype from) {
  const struct typeinfo *a = &info[to], *b = &info[from];
  return a->mant >= b->mant && a->least <= b->least && a->most >= b->most;
}

/* In e4m3 there is no infinity; what is converted to either of these does not become one. */
static double saturated(enum dtype t, double v) {
  return !type_computes(t) && fabs(v) > info[t].most ? copysign(info[t].most, v) : v;
}

static uint64_t bits_of(double f) {
  uint64_t u;
  memcpy(&u, &f, 8);
  return u;
}

static double double_of(uint64_t u) {
  double f;
  memcpy(&f, &u, 8);
  return f;
}

double type_least(enum dtype t) {
  int e = info[t].least;
  if (!type_is_float(t)) return 0;
  return double_of(e < -1022 ? UINT64_C(1) << (e + 1074) : (uint64_t)(e + 1023) << 52);
}

/* To nearest even: adding and subtracting 1.5 * 2^52 quanta rounds in hardware. */
static double round_narrow(enum dtype t, double v) {
  int mant = info[t].mant, emin = info[t].least + mant - 1;
  double max = info[t].most;
  if (isnan(v) || isinf(v)) return v;
  if (fabs(v) >= max * 2) return copysign(INFINITY, v);
  int e = (int)(bits_of(v) >> 52 & 0x7ff) - 1023;
  if (e < emin) e = emin;
  volatile double c = double_of((uint64_t)(e - (mant - 1) + 52 + 1023) << 52 | 1ull << 51);
  double r = (v + c) - c;
  if (fabs(r) > max) r = INFINITY;
  return copysign(r, v);
}

static double round_float(enum dtype t, double v) {
  switch (t) {
  case DT_f16:
  case DT_bf16:
    return round_narrow(t, v);
  case DT_e4m3:
    return round_narrow(t, saturated(t, v));
  case DT_e5m2:
    return round_narrow(t, isinf(v) ? v : saturated(t, v));
  case DT_f32:
    return (double)(float)v;
  default:
    return v;
  }
}

union value type_round(enum dtype t, union value v) {
  union value r = {0};
  unsigned shift = 64 - 8 * (unsigned)info[t].bytes;
  switch (info[t].klass) {
  case DC_BOOL:
    r.u = v.u != 0;
    break;
  case DC_SINT:
    r.i = (int64_t)(v.u << shift) >> shift;
    break;
  case DC_UINT:
    r.u = v.u << shift >> shift;
    break;
  default:
    r.f = round_float(t, v.f);
  }
  return r;
}

/* Keeps 53 bits with the lost ones or-ed into the last: rounding that to 24 bits or fewer equals rounding u once. */
static double odd_double(uint64_t u) {
  if (u < 1ull << 53) return (double)u;
  return (double)((u >> 11 | ((u & 0x7ff) != 0)) << 11);
}

static double int_to_float(enum dtype to, bool negative, uint64_t magnitude) {
  double f = to == DT_f64 ? (double)magnitude : round_float(to, odd_double(magnitude));
  return negative ? -f : f;
}

/* Truncated; saturates at the type's ends; NaN gives 0. */
static union value float_to_int(enum dtype to, double f) {
  union value r = {0};
  int bits = 8 * info[to].bytes;
  f = trunc(f);
  if (info[to].klass == DC_SINT) {
    double lim = ldexp(1, bits - 1);
    int64_t max = (int64_t)(UINT64_MAX >> (65 - bits));
    r.i = isnan(f) ? 0 : f >= lim ? max : f < -lim ? -max - 1 : (int64_t)f;
  } else {
    r.u = isnan(f) || f < 0 ? 0 : f >= ldexp(1, bits) ? UINT64_MAX >> (64 - bits) : (uint64_t)f;
  }
  return r;
}

union value type_convert(enum dtype to, enum dtype from, union value v) {
  if (to == from) return v;
  union value r = {0};
  bool ff = type_is_float(from), tf = type_is_float(to);
  if (ff && tf) {
    r.f = round_float(to, saturated(to, v.f));
  } else if (ff && to == DT_bool) {
    r.u = v.f != 0;
  } else if (ff) {
    r = float_to_int(to, v.f);
  } else if (tf) {
    bool neg = type_is_signed(from) && v.i < 0;
    r.f = int_to_float(to, neg, neg ? 0 - v.u : v.u);
  } else {
    r = type_round(to, v);
  }
  return r;
}

static double f16_load(uint16_t h) {
  int e = h >> 10 & 31, m = h & 0x3ff;
  double f = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
  return h >> 15 ? -f : f;
}

/* v is exactly an f16. */
static uint16_t f16_bits(double v) {
  uint16_t sign = signbit(v) ? 0x8000 : 0;
  double a = fabs(v);
  if (isnan(v)) return sign | 0x7e00;
  if (isinf(v)) return sign | 0x7c00;
  if (a < 0x1p-14) return (uint16_t)(sign | (unsigned)(a * 0x1p24));
  uint64_t u = bits_of(a);
  return (uint16_t)(sign | (((u >> 52) - 1023 + 15) << 10) | (u >> 42 & 0x3ff));
}

static float float_of(uint32_t u) {
  float f;
  memcpy(&f, &u, 4);
  return f;
}

static uint16_t bf16_bits(double v) {
  float f = (float)v;
  uint32_t u;
  memcpy(&u, &f, 4);
  return (uint16_t)(isnan(v) ? u >> 16 | 0x40 : u >> 16);
}

static double e4m3_load(uint8_t b) {
  int e = b >> 3 & 15, m = b & 7;
  double f = (b & 0x7f) == 0x7f ? NAN : e ? ldexp(8 + m, e - 10) : ldexp(m, -9);
  return b >> 7 ? -f : f;
}

/* v is exactly an e4m3, whose only NaN has no sign here. */
static uint8_t e4m3_bits(double v) {
  uint8_t sign = signbit(v) ? 0x80 : 0;
  double a = fabs(v);
  if (isnan(v)) return 0x7f;
  if (a < 0x1p-6) return (uint8_t)(sign | (unsigned)(a * 0x1p9));
  uint64_t u = bits_of(a);
  return (uint8_t)(sign | ((u >> 52) - 1023 + 7) << 3 | (u >> 49 & 7));
}

/* Without the sign, as e4m3. */
static uint8_t e5m2_bits(double v) {
  return isnan(v) ? 0x7e : (uint8_t)(f16_bits(v) >> 8);
}

union value type_load(enum dtype t, const void *p) {
  union value v = {0};
  uint16_t h;
  float f;
  switch (t) {
  case DT_f16:
    memcpy(&h, p, 2);
    return (union value){.f = f16_load(h)};
  case DT_bf16:
    memcpy(&h, p, 2);
    return (union value){.f = (double)float_of((uint32_t)h << 16)};
  case DT_e4m3:
    return (union value){.f = e4m3_load(*(const uint8_t *)p)};
  case DT_e5m2: /* the upper byte of an f16 */
    return (union value){.f = f16_load((uint16_t)(*(const uint8_t *)p << 8))};
  case DT_f32:
    memcpy(&f, p, 4);
    return (union value){.f = (double)f};
  case DT_f64:
    memcpy(&v.f, p, 8);
    return v;
  case DT_bool:
  case DT_u8:
    v.u = *(const uint8_t *)p;
    break;
  case DT_i8:
    v.i = *(const int8_t *)p;
    break;
  case DT_i16: {
    int16_t x;
    memcpy(&x, p, 2);
    v.i = x;
    break;
  }
  case DT_u16:
    memcpy(&h, p, 2);
    v.u = h;
    break;
  case DT_i32: {
    int32_t x;
    memcpy(&x, p, 4);
    v.i = x;
    break;
  }
  case DT_u32: {
    uint32_t x;
    memcpy(&x, p, 4);
    v.u = x;
    break;
  }
  default:
    memcpy(&v.u, p, 8);
  }
  if (t == DT_bool) v.u = v.u != 0;
  return v;
}

void type_store(enum dtype t, void *p, union value v) {
  uint16_t h;
  float f;
  switch (t) {
  case DT_f16:
    h = f16_bits(v.f);
    memcpy(p, &h, 2);
    return;
  case DT_bf16:
    h = bf16_bits(v.f);
    memcpy(p, &h, 2);
    return;
  case DT_e4m3:
    *(uint8_t *)p = e4m3_bits(v.f);
    return;
  case DT_e5m2:
    *(uint8_t *)p = e5m2_bits(v.f);
    return;
  case DT_f32:
    f = (float)v.f;
    memcpy(p, &f, 4);
    return;
  case DT_f64:
    memcpy(p, &v.f, 8);
    return;
  default:
    break;
  }
  uint8_t b = (uint8_t)v.u;
  uint16_t s = (uint16_t)v.u;
  uint32_t w = (uint32_t)v.u;
  switch (info[t].bytes) {
  case 1:
    memcpy(p, &b, 1);
    break;
  case 2:
    memcpy(p, &s, 2);
    break;
  case 4:
    memcpy(p, &w, 4);
    break;
  default:
    memcpy(p, &v.u, 8);
  }
}

bool type_value_eq(enum dtype t, union value a, union value b) {
  if (!type_is_float(t)) return a.u == b.u;
  if (isnan(a.f) || isnan(b.f)) return isnan(a.f) && isnan(b.f);
  return bits_of(a.f) == bits_of(b.f);
}
