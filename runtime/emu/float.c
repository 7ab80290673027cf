/* Floating-point arithmetic. f32 and f64 are the CPU's own, in the rounding mode asked for; narrow types are computed
 * in double and rounded once. The .approx forms are as exact as their type: the emulator does not imitate a unit's
 * error. */
#include "runtime/emu/fp.h"
#include "runtime/emu/integer.h"
#include "runtime/emu/machine.h"
#include <fenv.h>
#include <math.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
enum { M_ROUND = 7, M_FTZ = 8, M_SAT = 16, M_RELU = 32, M_NAN = 64, M_XORABS = 128, M_ABS = 256 };
enum op { ADD, SUB, MUL, FMA, DIV, MIN, MAX, ABS, NEG, COPYSIGN, RCP, SQRT, RSQRT, EX2, LG2, SIN, COS, TANH };

static const int fenv_modes[] = {
    [FP_RN] = FE_TONEAREST, [FP_RZ] = FE_TOWARDZERO, [FP_RM] = FE_DOWNWARD, [FP_RP] = FE_UPWARD};

static double min_max(double a, double b, const struct ins *i, bool max) {
  if (i->m & M_NAN && (isnan(a) || isnan(b))) return NAN;
  double x = i->m & (M_XORABS | M_ABS) ? fabs(a) : a, y = i->m & (M_XORABS | M_ABS) ? fabs(b) : b, r;
  if (isnan(x) || isnan(y)) {
    r = isnan(x) ? y : x;
  } else if (x == y) {
    r = signbit(x) == max ? y : x;
  } else {
    r = (x < y) == max ? y : x;
  }
  if (i->m & M_XORABS && !isnan(r)) r = copysign(r, (signbit(a) != 0) != (signbit(b) != 0) ? -1.0 : 1.0);
  return r;
}

static double special(enum op op, double a) {
  switch (op) {
  case RCP:
    return 1.0 / a;
  case SQRT:
    return sqrt(a);
  case RSQRT:
    return 1.0 / sqrt(a);
  case EX2:
    return exp2(a);
  case LG2:
    return log2(a);
  case SIN:
    return sin(a);
  case COS:
    return cos(a);
  default:
    return tanh(a);
  }
}

/* In the current rounding mode; volatile, so that nothing is folded in another one. */
#define NATIVE(T, NAME, FMA_, SQRT_)                                                                                   \
  static T NAME(const struct ins *i, T x, T y, T z) {                                                                  \
    volatile T a = x, b = y, c = z, r;                                                                                 \
    switch ((enum op)i->imm[0]) {                                                                                      \
    case ADD:                                                                                                          \
      r = a + b;                                                                                                       \
      break;                                                                                                           \
    case SUB:                                                                                                          \
      r = a - b;                                                                                                       \
      break;                                                                                                           \
    case MUL:                                                                                                          \
      r = a * b;                                                                                                       \
      break;                                                                                                           \
    case FMA:                                                                                                          \
      r = FMA_(a, b, c);                                                                                               \
      break;                                                                                                           \
    case DIV:                                                                                                          \
      r = a / b;                                                                                                       \
      break;                                                                                                           \
    case RCP:                                                                                                          \
      r = (T)1 / a;                                                                                                    \
      break;                                                                                                           \
    case SQRT:                                                                                                         \
      r = SQRT_(a);                                                                                                    \
      break;                                                                                                           \
    case MIN:                                                                                                          \
    case MAX:                                                                                                          \
      r = (T)min_max(a, b, i, i->imm[0] == MAX);                                                                       \
      break;                                                                                                           \
    default:                                                                                                           \
      r = (T)special((enum op)i->imm[0], a);                                                                           \
    }                                                                                                                  \
    return r;                                                                                                          \
  }
NATIVE(float, native32, fmaf, sqrtf)
NATIVE(double, native64, fma, sqrt)

static inline float flush(float f) {
  return fabsf(f) < 0x1p-126f ? copysignf(0, f) : f;
}

static enum step float_f32(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *pa = emu_slot(w, i->s[1]), *pb = emu_slot(w, i->s[2]), *pc = emu_slot(w, i->s[3]);
  bool mode = (i->m & M_ROUND) != FP_RN;
  if (mode) fesetround(fenv_modes[i->m & M_ROUND]);
  LANES(l, mask) {
    float a = emu_f32(pa[l]), b = emu_f32(pb[l]), c = emu_f32(pc[l]);
    if (i->m & M_FTZ) a = flush(a), b = flush(b), c = flush(c);
    float r = native32(i, a, b, c);
    if (i->m & M_FTZ) r = flush(r);
    if (i->m & M_SAT) r = r > 0 ? (r < 1 ? r : 1) : 0;
    d[l] = emu_f32_bits(r);
  }
  if (mode) fesetround(FE_TONEAREST);
  return STEP_NEXT;
}

/* f32 with factors (of add and sub: the first term) of f16 or bf16. */
static enum step float_mixed(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *pa = emu_slot(w, i->s[1]), *pb = emu_slot(w, i->s[2]), *pc = emu_slot(w, i->s[3]);
  enum fp_format f = i->ty2 == TY_F16 ? FP_F16 : FP_BF16;
  bool mode = (i->m & M_ROUND) != FP_RN;
  if (mode) fesetround(fenv_modes[i->m & M_ROUND]);
  LANES(l, mask) {
    float b = i->imm[0] == FMA ? (float)emu_fp_unpack(pb[l] & 0xffff, f) : emu_f32(pb[l]);
    float r = native32(i, (float)emu_fp_unpack(pa[l] & 0xffff, f), b, emu_f32(pc[l]));
    if (i->m & M_SAT) r = r > 0 ? (r < 1 ? r : 1) : 0;
    d[l] = emu_f32_bits(r);
  }
  if (mode) fesetround(FE_TONEAREST);
  return STEP_NEXT;
}

/* The ones that matter for speed. */
#define FAST(NAME, EXPR)                                                                                               \
  static enum step NAME(struct warp *w, const struct ins *i, uint32_t mask) {                                          \
    uint64_t *d = emu_slot(w, i->s[0]);                                                                                \
    const uint64_t *pa = emu_slot(w, i->s[1]), *pb = emu_slot(w, i->s[2]), *pc = emu_slot(w, i->s[3]);                 \
    LANES(l, mask) {                                                                                                   \
      float a = emu_f32(pa[l]), b = emu_f32(pb[l]), c = emu_f32(pc[l]);                                                \
      (void)c;                                                                                                         \
      d[l] = emu_f32_bits(EXPR);                                                                                       \
    }                                                                                                                  \
    return STEP_NEXT;                                                                                                  \
  }
FAST(fast_add, a + b)
FAST(fast_sub, a - b)
FAST(fast_mul, a *b)
FAST(fast_fma, fmaf(a, b, c))

static enum step float_f64(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *pa = emu_slot(w, i->s[1]), *pb = emu_slot(w, i->s[2]), *pc = emu_slot(w, i->s[3]);
  bool mode = (i->m & M_ROUND) != FP_RN;
  if (mode) fesetround(fenv_modes[i->m & M_ROUND]);
  LANES(l, mask) d[l] = emu_f64_bits(native64(i, emu_f64(pa[l]), emu_f64(pb[l]), emu_f64(pc[l])));
  if (mode) fesetround(FE_TONEAREST);
  return STEP_NEXT;
}

static double wide(const struct ins *i, double a, double b, double c) {
  switch ((enum op)i->imm[0]) {
  case ADD:
    return emu_add_odd(a, b);
  case SUB:
    return emu_add_odd(a, -b);
  case MUL:
    return a * b;
  case FMA:
    return emu_add_odd(a * b, c);
  case MIN:
  case MAX:
    return min_max(a, b, i, i->imm[0] == MAX);
  default:
    return special((enum op)i->imm[0], a);
  }
}

static uint32_t narrow(const struct ins *i, enum fp_format f, uint32_t a, uint32_t b, uint32_t c) {
  double x[3] = {emu_fp_unpack(a, f), emu_fp_unpack(b, f), emu_fp_unpack(c, f)};
  double tiny = f == FP_F16 ? 0x1p-14 : 0x1p-126;
  for (int k = 0; k < 3 && i->m & M_FTZ; k++) x[k] = fabs(x[k]) < tiny ? copysign(0, x[k]) : x[k];
  double r = emu_fp_unpack(emu_fp_pack(wide(i, x[0], x[1], x[2]), f, FP_RN, false), f);
  if (i->m & M_FTZ && fabs(r) < tiny) r = copysign(0, r);
  if (i->m & M_SAT) r = r > 0 ? (r < 1 ? r : 1) : 0;
  if (i->m & M_RELU && !isnan(r)) r = r > 0 ? r : 0;
  return emu_fp_pack(r, f, FP_RN, false);
}

/* f16, bf16 and pairs of them */
static enum step float_narrow(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *pa = emu_slot(w, i->s[1]), *pb = emu_slot(w, i->s[2]), *pc = emu_slot(w, i->s[3]);
  enum fp_format f = i->ty == TY_F16 || i->ty == TY_F16X2 ? FP_F16 : FP_BF16;
  bool pair = i->ty == TY_F16X2 || i->ty == TY_BF16X2;
  LANES(l, mask) {
    uint32_t r = narrow(i, f, pa[l] & 0xffff, pb[l] & 0xffff, pc[l] & 0xffff);
    if (pair) r |= narrow(i, f, (uint32_t)pa[l] >> 16, (uint32_t)pb[l] >> 16, (uint32_t)pc[l] >> 16) << 16;
    d[l] = r;
  }
  return STEP_NEXT;
}

/* abs, neg, copysign: bits only */
static enum step sign(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *pa = emu_slot(w, i->s[1]), *pb = emu_slot(w, i->s[2]);
  uint64_t s = i->ty == TY_F64              ? (uint64_t)1 << 63
               : i->ty == TY_F32            ? 0x80000000u
               : emu_type_bits(i->ty) == 32 ? 0x80008000u
                                            : 0x8000u;
  LANES(l, mask) {
    uint64_t a = pa[l];
    if (i->m & M_FTZ && i->ty == TY_F32 && (a & 0x7f800000u) == 0) a &= s;
    switch ((enum op)i->imm[0]) {
    case ABS:
      d[l] = a & ~s;
      break;
    case NEG:
      d[l] = a ^ s;
      break;
    default: /* copysign d, a, b: the sign of a, the rest of b */
      d[l] = (a & s) | (pb[l] & ~s);
    }
  }
  return STEP_NEXT;
}

static uint32_t rounding(struct dec *d) {
  static const char *const names[] = {"rn", "rz", "rm", "rp", NULL};
  int k = emu_take_one(d, names);
  return k < 0 ? FP_RN : (uint32_t)k;
}

static void modifiers(struct dec *d, enum emu_type t, enum op op) {
  struct ins *i = d->ins;
  bool narrow_type = emu_type_bits(t) == 16 || t == TY_F16X2 || t == TY_BF16X2;
  i->m = op == MIN || op == MAX || op == ABS || op == NEG || op == COPYSIGN ? 0 : rounding(d);
  if (narrow_type && i->m) FAIL(d, "only '.rn' is allowed for .%s", emu_type_name(t));
  if (t != TY_F64 && emu_take(d, "ftz")) i->m |= M_FTZ;
  if (op <= FMA && t != TY_F64 && emu_take(d, "sat")) i->m |= M_SAT;
  if (op == FMA && narrow_type && emu_take(d, "relu")) i->m |= M_RELU;
  if (op == MIN || op == MAX) {
    if (emu_take(d, "NaN")) i->m |= M_NAN;
    if (emu_take(d, "xorsign")) i->m |= M_XORABS;
    bool abs = emu_take(d, "abs");
    if ((i->m & M_XORABS) && !abs) FAIL(d, "'.xorsign' goes with '.abs'");
    if (abs && !(i->m & M_XORABS)) i->m |= M_ABS;
  }
  if (op >= DIV) (void)(emu_take(d, "approx") || emu_take(d, "full"));
}

static emu_exec *executor(enum emu_type t, enum op op, uint32_t m) {
  if (op == ABS || op == NEG || op == COPYSIGN) return sign;
  if (t == TY_F64) return float_f64;
  if (t != TY_F32) return float_narrow;
  if (m == 0 && op == ADD) return fast_add;
  if (m == 0 && op == SUB) return fast_sub;
  if (m == 0 && op == MUL) return fast_mul;
  return m == 0 && op == FMA ? fast_fma : float_f32;
}

static void decode(struct dec *d, enum emu_type t, enum op op, uint32_t n) {
  struct ins *i = d->ins;
  modifiers(d, t, op);
  emu_need_ops(d, n + 1, n + 1);
  i->ty = (uint8_t)t;
  i->imm[0] = op;
  i->fn = executor(t, op, i->m);
  i->s[0] = emu_dst(d, &d->op[0], t);
  for (uint32_t k = 1; k <= 3; k++) i->s[k] = emu_src(d, &d->op[k <= n ? k : 1], t);
}

/* add.f32.f16 and the like, from sm_100 on; false: there is no second type. */
static bool decode_mixed(struct dec *d, enum emu_type t, enum op op, uint32_t n) {
  struct ins *i = d->ins;
  enum emu_type from = t == TY_F32 && (op == ADD || op == SUB || op == FMA) ? emu_take_type(d) : 0;
  if (!from) return false;
  if ((from != TY_F16 && from != TY_BF16) || emu_dec_sm(d) < 100)
    FAIL(d, "type .%s is not allowed here", emu_type_name(from));
  i->m = rounding(d);
  if (emu_take(d, "sat")) i->m |= M_SAT;
  emu_need_ops(d, n + 1, n + 1);
  i->ty = (uint8_t)t, i->ty2 = (uint8_t)from;
  i->imm[0] = op;
  i->fn = float_mixed;
  i->s[0] = emu_dst(d, &d->op[0], t);
  for (uint32_t k = 1; k <= 3; k++)
    i->s[k] = emu_src(d, &d->op[k <= n ? k : 1], k == 1 || (k < n && op == FMA) || k > n ? from : t);
  return true;
}

void emu_dec_arith(struct dec *d) {
  static const struct {
    const char *name;
    uint32_t n;
    enum op op;
  } table[] = {{"add", 2, ADD}, {"sub", 2, SUB}, {"mul", 2, MUL},          {"fma", 3, FMA},
               {"mad", 3, FMA}, {"div", 2, DIV}, {"min", 2, MIN},          {"max", 2, MAX},
               {"abs", 1, ABS}, {"neg", 1, NEG}, {"copysign", 2, COPYSIGN}};
  enum emu_type t = emu_need_type(d);
  if (emu_type_class(t) != TC_F) {
    emu_dec_int_arith(d, t);
    return;
  }
  d->ins->cls = EMU_CLS_FLOAT;
  for (size_t r = 0; r < sizeof table / sizeof *table; r++) {
    if (!emu_slice_is(d->name, table[r].name)) continue;
    bool narrow_type = t != TY_F32 && t != TY_F64;
    if (t == TY_F32X2 || (narrow_type && (table[r].op == DIV || table[r].op == COPYSIGN))) break;
    if (!decode_mixed(d, t, table[r].op, table[r].n)) decode(d, t, table[r].op, table[r].n);
    return;
  }
  FAIL(d, "type .%s is not allowed", emu_type_name(t));
}

void emu_dec_special(struct dec *d) {
  static const struct {
    const char *name;
    enum op op;
  } table[] = {{"rcp", RCP}, {"sqrt", SQRT}, {"rsqrt", RSQRT}, {"ex2", EX2},
               {"lg2", LG2}, {"sin", SIN},   {"cos", COS},     {"tanh", TANH}};
  enum emu_type t = emu_need_type(d);
  for (size_t r = 0; r < sizeof table / sizeof *table; r++) {
    enum op op = table[r].op;
    if (!emu_slice_is(d->name, table[r].name)) continue;
    bool half = t != TY_F32 && t != TY_F64;
    if (emu_type_class(t) != TC_F || t == TY_F32X2 || (half && op != EX2 && op != TANH) || (t == TY_F64 && op > RSQRT))
      break;
    decode(d, t, op, 1);
    return;
  }
  FAIL(d, "type .%s is not allowed", emu_type_name(t));
}
