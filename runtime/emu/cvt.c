/* Conversions between all types. */
#include "runtime/emu/fp.h"
#include "runtime/emu/machine.h"
#include <math.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
enum { M_ROUND = 7, M_FTZ = 8, M_SAT = 16, M_RELU = 32, M_INTEGRAL = 64, M_SATFINITE = 128 };

static bool is_float(enum emu_type t) {
  return emu_type_class(t) == TC_F || emu_type_class(t) == TC_N;
}

static enum fp_format format_of(enum emu_type t) {
  switch (t) {
  case TY_F16:
  case TY_F16X2:
    return FP_F16;
  case TY_BF16:
  case TY_BF16X2:
    return FP_BF16;
  case TY_TF32:
    return FP_TF32;
  case TY_E4M3X2:
    return FP_E4M3;
  case TY_E5M2X2:
    return FP_E5M2;
  default:
    return FP_F32;
  }
}

static double load(enum emu_type t, uint64_t v) {
  return t == TY_F64 ? emu_f64(v) : t == TY_F32 ? emu_f32(v) : emu_fp_unpack((uint32_t)v, format_of(t));
}

static uint64_t store(enum emu_type t, double v, const struct ins *i) {
  return t == TY_F64 ? emu_f64_bits(v) : emu_fp_pack(v, format_of(t), i->m & M_ROUND, i->m & M_SATFINITE);
}

static uint64_t cut(uint64_t v, uint32_t bits) {
  return bits >= 64 ? v : v & (((uint64_t)1 << bits) - 1);
}

/* Sign- or zero-extended to 64 bits. */
static int64_t extended(uint64_t v, enum emu_type t) {
  uint32_t bits = emu_type_bits(t);
  if (emu_type_class(t) == TC_S) return (int64_t)(v << (64 - bits)) >> (64 - bits);
  return (int64_t)cut(v, bits);
}

static uint64_t saturated(int64_t v, bool from_signed, enum emu_type to) {
  uint32_t bits = emu_type_bits(to);
  bool neg = from_signed && v < 0;
  if (emu_type_class(to) != TC_S) return neg ? 0 : bits < 64 && (uint64_t)v >> bits ? ~(uint64_t)0 : (uint64_t)v;
  int64_t hi = (int64_t)(((uint64_t)1 << (bits - 1)) - 1), lo = -hi - 1;
  if (neg) return (uint64_t)(v < lo ? lo : v);
  return (uint64_t)v > (uint64_t)hi ? (uint64_t)hi : (uint64_t)v;
}

static uint64_t float_to_int(double v, const struct ins *i) {
  enum emu_type to = (enum emu_type)i->ty, from = (enum emu_type)i->ty2;
  uint32_t bits = emu_type_bits(to);
  bool sign = emu_type_class(to) == TC_S;
  if (isnan(v)) return from == TY_F64 || bits == 64 ? (uint64_t)1 << (bits - 1) : 0;
  v = emu_fp_integral(v, i->m & M_ROUND);
  double hi = ldexp(1, (int)bits - (sign ? 1 : 0)), lo = sign ? -hi : 0;
  if (v >= hi) return sign ? ((uint64_t)1 << (bits - 1)) - 1 : ~(uint64_t)0;
  if (v <= lo) return sign ? (uint64_t)1 << (bits - 1) : 0;
  return sign ? (uint64_t)(int64_t)v : (uint64_t)v;
}

static uint64_t int_to_float(uint64_t v, const struct ins *i) {
  enum emu_type to = (enum emu_type)i->ty, from = (enum emu_type)i->ty2;
  int64_t s = extended(v, from);
  bool neg = emu_type_class(from) == TC_S && s < 0;
  uint64_t mag = neg ? 0 - (uint64_t)s : (uint64_t)s;
  double odd = emu_u64_odd(mag);
  if (to != TY_F64) return emu_fp_pack(neg ? -odd : odd, format_of(to), i->m & M_ROUND, false);
  if (mag >> 53 == 0) return emu_f64_bits(neg ? -odd : odd);
  /* to 53 bits by hand: double has no bits to spare */
  int drop = 11 - __builtin_clzll(mag);
  uint64_t rest = mag & (((uint64_t)1 << drop) - 1), half = (uint64_t)1 << (drop - 1), kept = mag >> drop;
  uint32_t mode = i->m & M_ROUND;
  if (mode == FP_RN) kept += rest > half || (rest == half && (kept & 1));
  if ((mode == FP_RP && !neg) || (mode == FP_RM && neg)) kept += rest != 0;
  double r = ldexp((double)kept, drop);
  return emu_f64_bits(neg ? -r : r);
}

static double flushed(double v) {
  return fabs(v) < 0x1p-126 ? copysign(0, v) : v;
}

static uint64_t float_to_float(double v, const struct ins *i) {
  enum emu_type to = (enum emu_type)i->ty;
  if (i->m & M_INTEGRAL) v = emu_fp_integral(v, i->m & M_ROUND);
  if (i->m & M_SAT) v = v > 0 ? (v < 1 ? v : 1) : 0;
  if (i->m & M_RELU && !isnan(v)) v = v > 0 ? v : 0;
  uint64_t r = store(to, v, i);
  if (i->m & M_FTZ && to == TY_F32 && (r & 0x7f800000u) == 0) r &= 0x80000000u;
  return r;
}

static enum step convert(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *p = emu_slot(w, i->s[1]);
  enum emu_type to = (enum emu_type)i->ty, from = (enum emu_type)i->ty2;
  uint32_t wide = i->imm[0]; /* bits of the destination register */
  LANES(l, mask) {
    uint64_t r;
    if (is_float(from)) {
      double v = load(from, p[l]);
      if (i->m & M_FTZ && from == TY_F32) v = flushed(v);
      r = is_float(to) ? float_to_float(v, i) : float_to_int(v, i);
    } else if (is_float(to)) {
      r = int_to_float(p[l], i);
      if (i->m & M_SAT) r = float_to_float(load(to, r), i);
    } else {
      int64_t v = extended(p[l], from);
      r = i->m & M_SAT ? saturated(v, emu_type_class(from) == TC_S, to) : (uint64_t)v;
    }
    if (!is_float(to)) r = (uint64_t)extended(cut(r, emu_type_bits(to)), to);
    d[l] = cut(r, wide);
  }
  return STEP_NEXT;
}

/* Two values into halves of the destination: the first operand is the upper half. */
static enum step pack_pair(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *hi = emu_slot(w, i->s[1]), *lo = emu_slot(w, i->s[2]);
  uint32_t half = emu_type_bits(i->ty) / 2;
  LANES(l, mask) {
    double a = load(i->ty2, hi[l]), b = load(i->ty2, lo[l]);
    d[l] = cut(float_to_float(a, i), half) << half | cut(float_to_float(b, i), half);
  }
  return STEP_NEXT;
}

/* A pair to a pair: f16x2 to and from fp8 pairs. */
static enum step convert_pair(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *p = emu_slot(w, i->s[1]);
  uint32_t to = emu_type_bits(i->ty) / 2, from = emu_type_bits(i->ty2) / 2;
  LANES(l, mask) {
    double hi = load(i->ty2, p[l] >> from), lo = load(i->ty2, cut(p[l], from));
    d[l] = cut(float_to_float(hi, i), to) << to | cut(float_to_float(lo, i), to);
  }
  return STEP_NEXT;
}

static bool is_pair(enum emu_type t) {
  return t == TY_F16X2 || t == TY_BF16X2 || t == TY_E4M3X2 || t == TY_E5M2X2;
}

static void pairs(struct dec *d, enum emu_type to, enum emu_type from) {
  struct ins *i = d->ins;
  bool narrow = to == TY_E4M3X2 || to == TY_E5M2X2;
  if (narrow && !(i->m & M_SATFINITE)) FAIL(d, "'.satfinite' is required for .%s", emu_type_name(to));
  uint32_t n = from == TY_F32 ? 3 : 2;
  emu_need_ops(d, n, n);
  i->s[0] = emu_dst(d, &d->op[0], narrow ? TY_B16 : TY_B32);
  if (from == TY_F32) {
    i->s[1] = emu_src(d, &d->op[1], TY_F32);
    i->s[2] = emu_src(d, &d->op[2], TY_F32);
    i->fn = pack_pair;
    return;
  }
  bool ok = (narrow && from == TY_F16X2) || (to == TY_F16X2 && (from == TY_E4M3X2 || from == TY_E5M2X2));
  if (!ok) FAIL(d, "no conversion from .%s to .%s", emu_type_name(from), emu_type_name(to));
  i->s[1] = emu_src(d, &d->op[1], narrow ? TY_B32 : TY_B16);
  i->fn = convert_pair;
}

static void rounding(struct dec *d, enum emu_type to, enum emu_type from) {
  static const char *const names[] = {"rn", "rz", "rm", "rp", "rna", NULL}, *const inames[] = {"rni", "rzi", "rmi",
                                                                                               "rpi", NULL};
  struct ins *i = d->ins;
  int k = emu_take_one(d, names), n = k < 0 ? emu_take_one(d, inames) : -1;
  bool integer_to = !is_float(to), integer_from = !is_float(from);
  if (k == FP_RNA && to != TY_TF32) FAIL(d, "'.rna' goes with .tf32 only");
  if (integer_to && !integer_from && n < 0) FAIL(d, "an integer rounding (.rni, .rzi, .rmi, .rpi) is required");
  if (integer_to && integer_from && (k >= 0 || n >= 0)) FAIL(d, "no rounding between integers");
  if (integer_from && !integer_to && k < 0) FAIL(d, "a rounding (.rn, .rz, .rm, .rp) is required");
  if (!integer_from && !integer_to && emu_type_bits(to) < emu_type_bits(from) && k < 0)
    FAIL(d, "a rounding (.rn, .rz, .rm, .rp) is required");
  i->m = k >= 0 ? (uint32_t)k : n >= 0 ? (uint32_t)n | (integer_to ? 0 : M_INTEGRAL) : 0;
}

/* cvt.pack.sat.to.from.b32 d, a, b, c: two numbers saturated into the low half (8 bits: with the low half of c above)
 */
static enum step pack_sat(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]), *b = emu_slot(w, i->s[2]), *c = emu_slot(w, i->s[3]);
  uint32_t bits = emu_type_bits(i->ty);
  LANES(l, mask) {
    uint64_t hi = cut(saturated((int32_t)a[l], true, i->ty), bits),
             lo = cut(saturated((int32_t)b[l], true, i->ty), bits);
    uint64_t v = hi << bits | lo;
    d[l] = bits == 16 ? v : (uint32_t)(c[l] << 16 | v);
  }
  return STEP_NEXT;
}

static void cvt_pack(struct dec *d) {
  struct ins *i = d->ins;
  bool sat = emu_take(d, "sat");
  enum emu_type to = emu_need_type(d), from = emu_need_type(d), third = emu_take_type(d);
  uint32_t bits = emu_type_bits(to);
  if (!sat || from != TY_S32 || is_float(to) || (bits != 8 && bits != 16) || third != (bits == 8 ? TY_B32 : TY_NONE))
    FAIL(d, "this form of cvt.pack is not supported");
  emu_need_ops(d, bits == 8 ? 4 : 3, bits == 8 ? 4 : 3);
  i->ty = (uint8_t)to;
  for (uint32_t k = 0; k < 4; k++) {
    const struct opnd *o = &d->op[k < d->nop ? k : 1];
    i->s[k] = k ? emu_src(d, o, TY_B32) : emu_dst(d, o, TY_B32);
  }
  i->fn = pack_sat;
}

void emu_dec_cvt(struct dec *d) {
  struct ins *i = d->ins;
  uint32_t bits;
  if (emu_take(d, "pack")) {
    cvt_pack(d);
    return;
  }
  enum emu_type to = emu_need_type(d), from = emu_need_type(d);
  if (to == TY_PRED || from == TY_PRED || emu_type_bits(to) > 64 || emu_type_bits(from) > 64 ||
      emu_type_class(to) == TC_B || emu_type_class(from) == TC_B)
    FAIL(d, "no conversion from .%s to .%s", emu_type_name(from), emu_type_name(to));
  i->ty = (uint8_t)to;
  i->ty2 = (uint8_t)from;
  rounding(d, to, from);
  if (emu_take(d, "ftz")) i->m |= M_FTZ;
  if (emu_take(d, "sat")) i->m |= M_SAT;
  if (emu_take(d, "relu")) i->m |= M_RELU;
  if (emu_take(d, "satfinite")) i->m |= M_SATFINITE;
  if (is_pair(to) || is_pair(from)) {
    pairs(d, to, from);
    return;
  }
  if (emu_type_class(from) == TC_N || (emu_type_class(to) == TC_N && (to != TY_TF32 || from != TY_F32)) ||
      to == TY_F32X2 || from == TY_F32X2 || to == TY_U16X2 || to == TY_S16X2 || from == TY_U16X2 || from == TY_S16X2)
    FAIL(d, "no conversion from .%s to .%s", emu_type_name(from), emu_type_name(to));
  emu_need_ops(d, 2, 2);
  i->s[0] = emu_dst_wide(d, &d->op[0], to, &bits);
  i->imm[0] = bits;
  i->s[1] = emu_src_wide(d, &d->op[1], from, NULL);
  i->fn = convert;
}
