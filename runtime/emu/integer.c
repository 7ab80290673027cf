/* Integer arithmetic and bit instructions. */
#include "runtime/emu/integer.h"
#include "runtime/emu/machine.h"

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 s128;

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
#define FOR_INTS(X)                                                                                                    \
  X(u16, uint16_t, uint16_t, 16, 0)                                                                                    \
  X(s16, int16_t, uint16_t, 16, 1)                                                                                     \
  X(u32, uint32_t, uint32_t, 32, 0)                                                                                    \
  X(s32, int32_t, uint32_t, 32, 1)                                                                                     \
  X(u64, uint64_t, uint64_t, 64, 0)                                                                                    \
  X(s64, int64_t, uint64_t, 64, 1)

#define BODY(EXPR, ...)                                                                                                \
  {                                                                                                                    \
    uint64_t *d = emu_slot(w, i->s[0]);                                                                                \
    __VA_ARGS__                                                                                                        \
    LANES(l, mask) d[l] = (EXPR);                                                                                      \
    return STEP_NEXT;                                                                                                  \
  }
#define IN(k)    const uint64_t *p##k = emu_slot(w, i->s[k]);
#define FN(NAME) static enum step NAME(struct warp *w, const struct ins *i, uint32_t mask)

/* ---- helpers by type ---- */
#define HELPERS(n, T, U, bits, sign)                                                                                   \
  static inline U div_##n(T a, T b) {                                                                                  \
    if (b == 0) return (U)-1;                                                                                          \
    if (sign && b == (T)-1) return (U)(0 - (uint64_t)a);                                                               \
    return (U)(a / b);                                                                                                 \
  }                                                                                                                    \
  static inline U rem_##n(T a, T b) {                                                                                  \
    if (b == 0) return (U)a;                                                                                           \
    if (sign && b == (T)-1) return 0;                                                                                  \
    return (U)(a % b);                                                                                                 \
  }                                                                                                                    \
  static inline U hi_##n(T a, T b) {                                                                                   \
    return sign ? (U)(((s128)a * (s128)b) >> bits) : (U)(((u128)a * (u128)b) >> bits);                                 \
  }                                                                                                                    \
  static inline U shr_##n(T a, uint32_t s) {                                                                           \
    if (s >= bits) s = sign ? bits - 1 : bits;                                                                         \
    if (s == bits) return 0;                                                                                           \
    return (U)(a >> s);                                                                                                \
  }                                                                                                                    \
  static inline U shl_##n(T a, uint32_t s) {                                                                           \
    if (s >= bits) return 0;                                                                                           \
    return (U)((uint64_t)a << s);                                                                                      \
  }                                                                                                                    \
  static inline U bfe_##n(T a, uint32_t pos, uint32_t len) {                                                           \
    pos &= 255;                                                                                                        \
    len &= 255;                                                                                                        \
    bool neg = sign && len && ((U)a >> (pos + len - 1 < bits ? pos + len - 1 : bits - 1) & 1);                         \
    U v = shl_##n((T)-1, len), body = (U)(pos >= bits ? 0 : (U)a >> pos);                                              \
    if (neg && pos + len > bits) v = pos >= bits ? (U)-1 : (U)(v | shl_##n((T)-1, bits - pos));                        \
    return (U)(neg ? (U)(body | v) : (U)(body & (U)~v));                                                               \
  }
FOR_INTS(HELPERS)

#define ARITH(n, T, U, bits, sign)                                                                                     \
  FN(add_##n)                                                                                                          \
  BODY((U)(p1[l] + p2[l]), IN(1) IN(2))                                                                                \
  FN(sub_##n)                                                                                                          \
  BODY((U)(p1[l] - p2[l]), IN(1) IN(2))                                                                                \
  FN(mul_##n)                                                                                                          \
  BODY((U)(p1[l] * p2[l]), IN(1) IN(2))                                                                                \
  FN(mulhi_##n)                                                                                                        \
  BODY(hi_##n((T)p1[l], (T)p2[l]), IN(1) IN(2))                                                                        \
  FN(mad_##n)                                                                                                          \
  BODY((U)(p1[l] * p2[l] + p3[l]), IN(1) IN(2) IN(3))                                                                  \
  FN(madhi_##n)                                                                                                        \
  BODY((U)((uint64_t)hi_##n((T)p1[l], (T)p2[l]) + p3[l]), IN(1) IN(2) IN(3)) FN(div_ins_##n)                           \
      BODY(div_##n((T)p1[l], (T)p2[l]), IN(1) IN(2)) FN(rem_ins_##n) BODY(rem_##n((T)p1[l], (T)p2[l]), IN(1) IN(2))    \
          FN(min_##n) BODY((U)((T)p1[l] < (T)p2[l] ? p1[l] : p2[l]), IN(1) IN(2)) FN(max_##n)                          \
              BODY((U)((T)p1[l] > (T)p2[l] ? p1[l] : p2[l]), IN(1) IN(2)) FN(abs_##n)                                  \
                  BODY((U)(sign && p1[l] >> (bits - 1) & 1 ? 0 - p1[l] : p1[l]), IN(1)) FN(neg_##n)                    \
                      BODY((U)(0 - p1[l]), IN(1)) FN(sad_##n)                                                          \
                          BODY((U)(((T)p1[l] > (T)p2[l] ? p1[l] - p2[l] : p2[l] - p1[l]) + p3[l]), IN(1) IN(2) IN(3))  \
                              FN(shr_ins_##n) BODY(shr_##n((T)p1[l], (uint32_t)p2[l]), IN(1) IN(2)) FN(shl_ins_##n)    \
                                  BODY(shl_##n((T)p1[l], (uint32_t)p2[l]), IN(1) IN(2)) FN(bfe_ins_##n)                \
                                      BODY(bfe_##n((T)p1[l], (uint32_t)p2[l], (uint32_t)p3[l]), IN(1) IN(2) IN(3))
FOR_INTS(ARITH)

/* The widening forms: 16 to 32 and 32 to 64 bits. */
#define WIDE(n, T, D, V)                                                                                               \
  FN(mulwide_##n)                                                                                                      \
  BODY((D)((V)(T)p1[l] * (V)(T)p2[l]), IN(1) IN(2))                                                                    \
  FN(madwide_##n) BODY((D)((uint64_t)((V)(T)p1[l] * (V)(T)p2[l]) + p3[l]), IN(1) IN(2) IN(3))
WIDE(u16, uint16_t, uint32_t, int64_t)
WIDE(s16, int16_t, uint32_t, int64_t)
WIDE(u32, uint32_t, uint64_t, uint64_t)
WIDE(s32, int32_t, uint64_t, int64_t)

static uint64_t clamp32(int64_t v) {
  return (uint32_t)(int32_t)(v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v);
}
FN(add_sat)
BODY(clamp32((int64_t)(int32_t)p1[l] + (int32_t)p2[l]), IN(1) IN(2))
FN(sub_sat)
BODY(clamp32((int64_t)(int32_t)p1[l] - (int32_t)p2[l]), IN(1) IN(2))
FN(madhi_sat)
BODY(clamp32((int64_t)(int32_t)hi_s32((int32_t)p1[l], (int32_t)p2[l]) + (int32_t)p3[l]), IN(1) IN(2) IN(3))

#define ROW(OP)                                                                                                        \
  { OP##u16, OP##s16, OP##u32, OP##s32, OP##u64, OP##s64 }
static int index_of(enum emu_type t) {
  switch (t) {
  case TY_U16:
  case TY_B16:
    return 0;
  case TY_S16:
    return 1;
  case TY_U32:
  case TY_B32:
    return 2;
  case TY_S32:
    return 3;
  case TY_U64:
  case TY_B64:
    return 4;
  case TY_S64:
    return 5;
  default:
    return -1;
  }
}

static void operands(struct dec *d, enum emu_type t, uint32_t n) {
  emu_need_ops(d, n + 1, n + 1);
  d->ins->s[0] = emu_dst(d, &d->op[0], t);
  for (uint32_t k = 1; k <= n; k++) d->ins->s[k] = emu_src(d, &d->op[k], t);
}

enum part { LO, HI, WIDE_ };
static enum part part_of(struct dec *d) {
  static const char *const names[] = {"lo", "hi", "wide", NULL};
  int k = emu_take_one(d, names);
  if (k < 0) FAIL(d, "'.lo', '.hi' or '.wide' is missing");
  return (enum part)k;
}

static void multiply(struct dec *d, enum emu_type t, bool mad) {
  static emu_exec *const table[2][3][6] = {
      {ROW(mul_), ROW(mulhi_), {mulwide_u16, mulwide_s16, mulwide_u32, mulwide_s32}},
      {ROW(mad_), ROW(madhi_), {madwide_u16, madwide_s16, madwide_u32, madwide_s32}}};
  enum part part = part_of(d);
  bool sat = emu_take(d, "sat");
  emu_exec *fn = table[mad][part][index_of(t)];
  if (!fn) FAIL(d, "'.wide' takes 16 or 32 bits");
  if (sat && !(mad && part == HI && t == TY_S32)) FAIL(d, "'.sat' goes with mad.hi.s32 only");
  enum emu_type wide = part != WIDE_ ? t : emu_type_bits(t) == 16 ? TY_B32 : TY_B64;
  emu_need_ops(d, mad ? 4 : 3, mad ? 4 : 3);
  d->ins->s[0] = emu_dst(d, &d->op[0], wide);
  for (uint32_t k = 1; k < d->nop; k++) d->ins->s[k] = emu_src(d, &d->op[k], k == 3 ? wide : t);
  d->ins->fn = sat ? madhi_sat : fn;
}

void emu_dec_int_arith(struct dec *d, enum emu_type t) {
  static const struct {
    const char *name;
    uint32_t n;
    emu_exec *fn[6];
  } table[] = {{"add", 2, ROW(add_)}, {"sub", 2, ROW(sub_)}, {"div", 2, ROW(div_ins_)}, {"rem", 2, ROW(rem_ins_)},
               {"min", 2, ROW(min_)}, {"max", 2, ROW(max_)}, {"abs", 1, ROW(abs_)},     {"neg", 1, ROW(neg_)}};
  int k = index_of(t);
  if (k < 0) FAIL(d, "type .%s is not allowed", emu_type_name(t));
  if (emu_slice_is(d->name, "mul") || emu_slice_is(d->name, "mad")) {
    multiply(d, t, emu_slice_is(d->name, "mad"));
    return;
  }
  for (size_t r = 0; r < sizeof table / sizeof *table; r++) {
    if (!emu_slice_is(d->name, table[r].name)) continue;
    d->ins->fn = table[r].fn[k];
    if (table[r].n == 2 && t == TY_S32 && r < 2 && emu_take(d, "sat")) d->ins->fn = r ? sub_sat : add_sat;
    if (r < 2 && emu_take(d, "cc")) {
      if (k < 2) FAIL(d, "'.cc' takes 32 or 64 bits");
      emu_dec_carry_out(d, t, r == 1);
      return;
    }
    operands(d, t, table[r].n);
    return;
  }
  FAIL(d, "type .%s is not allowed", emu_type_name(t));
}

/* ---- 24-bit products ---- */
FN(mul24) {
  uint64_t *d = emu_slot(w, i->s[0]);
  IN(1) IN(2) IN(3) LANES(l, mask) {
    int64_t a = (int64_t)(p1[l] << 40), b = (int64_t)(p2[l] << 40);
    uint64_t v = i->m & 1 ? (uint64_t)((a >> 40) * (b >> 40)) : (p1[l] & 0xffffff) * (p2[l] & 0xffffff);
    if (i->m & 2) v >>= 16;
    d[l] = (uint32_t)(v + (i->m & 4 ? p3[l] : 0));
  }
  return STEP_NEXT;
}
void emu_dec_mul24(struct dec *d) {
  static const char *const names[] = {"lo", "hi", NULL};
  int hi = emu_take_one(d, names);
  enum emu_type t = emu_need_type(d);
  bool mad = emu_slice_is(d->name, "mad24");
  if (hi < 0 || (t != TY_U32 && t != TY_S32)) FAIL(d, "'.lo' or '.hi' and .u32 or .s32 expected");
  operands(d, t, mad ? 3 : 2);
  d->ins->m = (t == TY_S32) | (uint32_t)hi << 1 | (uint32_t)mad << 2;
  d->ins->fn = mul24;
}

/* ---- carries ---- */
enum { CC_OUT = 1, CC_IN = 2, CC_SUB = 4, CC_64 = 8, CC_MAD = 16, CC_HI = 32 };

FN(carry) {
  uint64_t *d = emu_slot(w, i->s[0]);
  IN(1) IN(2) IN(3) uint32_t bits = i->m & CC_64 ? 64 : 32, out = w->carry;
  LANES(l, mask) {
    u128 one = 1, a = p1[l], b = p2[l];
    if (i->m & CC_MAD) {
      u128 product = a * b;
      a = i->m & CC_HI ? product >> bits : product & ((one << bits) - 1);
      b = p3[l];
    }
    uint64_t c = i->m & CC_IN ? w->carry >> l & 1 : 0;
    u128 sum = i->m & CC_SUB ? a - b - c : a + b + c;
    d[l] = bits == 64 ? (uint64_t)sum : (uint32_t)sum;
    if (i->m & CC_OUT) out = (out & ~(1u << l)) | (uint32_t)(sum >> bits & 1) << l;
  }
  w->carry = out;
  return STEP_NEXT;
}
void emu_dec_carry_out(struct dec *d, enum emu_type t, bool sub) {
  operands(d, t, 2);
  d->ins->m = CC_OUT | (sub ? CC_SUB : 0) | (emu_type_bits(t) == 64 ? CC_64 : 0);
  d->ins->fn = carry;
}
void emu_dec_carry(struct dec *d) {
  static const char *const names[] = {"lo", "hi", NULL};
  bool mad = emu_slice_is(d->name, "madc");
  int hi = mad ? emu_take_one(d, names) : 0;
  bool cc = emu_take(d, "cc");
  enum emu_type t = emu_need_type(d);
  if (index_of(t) < 2 || hi < 0) FAIL(d, "32 or 64 bits expected, and '.lo' or '.hi' for madc");
  if (mad && hi && emu_type_class(t) == TC_S) FAIL(d, "madc.hi of signed numbers is not supported");
  operands(d, t, mad ? 3 : 2);
  d->ins->m = CC_IN | (cc ? CC_OUT : 0) | (emu_type_bits(t) == 64 ? CC_64 : 0) | (mad ? CC_MAD : 0) | (hi ? CC_HI : 0);
  if (emu_slice_is(d->name, "subc")) d->ins->m |= CC_SUB;
  d->ins->fn = carry;
}

/* ---- bits ---- */
FN(and_)
BODY(p1[l] & p2[l], IN(1) IN(2))
FN(or_)
BODY(p1[l] | p2[l], IN(1) IN(2))
FN(xor_)
BODY(p1[l] ^ p2[l], IN(1) IN(2))
FN(not1)
BODY(!p1[l], IN(1))
FN(not16)
BODY((uint16_t)~p1[l], IN(1))
FN(not32)
BODY((uint32_t)~p1[l], IN(1)) FN(not64) BODY(~p1[l], IN(1)) FN(cnot) BODY(p1[l] == 0, IN(1)) FN(popc)
    BODY((uint64_t)__builtin_popcountll(p1[l]), IN(1)) FN(clz32)
        BODY(p1[l] ? (uint64_t)__builtin_clz((uint32_t)p1[l]) : 32, IN(1)) FN(clz64)
            BODY(p1[l] ? (uint64_t)__builtin_clzll(p1[l]) : 64, IN(1)) static uint64_t reverse(uint64_t v) {
  uint64_t r = 0;
  for (int b = 0; b < 64; b++) r |= (v >> b & 1) << (63 - b);
  return r;
}
FN(brev32)
BODY(reverse(p1[l]) >> 32, IN(1))
FN(brev64)
BODY(reverse(p1[l]), IN(1)) static uint64_t insert(uint64_t a, uint64_t b, uint32_t pos, uint32_t len, uint32_t bits) {
  pos &= 255;
  len &= 255;
  if (!len || pos >= bits) return b;
  uint64_t m = (len >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << len) - 1) << pos;
  if (bits == 32) m &= 0xffffffffu;
  return (b & ~m) | (a << pos & m);
}
FN(bfi32)
BODY(insert(p1[l], p2[l], (uint32_t)p3[l], (uint32_t)p4[l], 32), IN(1) IN(2) IN(3) IN(4))
FN(bfi64)
BODY(insert(p1[l], p2[l], (uint32_t)p3[l], (uint32_t)p4[l], 64), IN(1) IN(2) IN(3) IN(4))

/* Bit sizes allowed: 1 predicate, 2 16, 4 32, 8 64. */
struct bit_row {
  const char *name;
  uint32_t n, sizes;
  emu_exec *fn[4];
};
static const struct bit_row bit_rows[] = {
    {"and", 2, 15, {and_, and_, and_, and_}},   {"or", 2, 15, {or_, or_, or_, or_}},
    {"xor", 2, 15, {xor_, xor_, xor_, xor_}},   {"not", 1, 15, {not1, not16, not32, not64}},
    {"cnot", 1, 14, {NULL, cnot, cnot, cnot}},  {"popc", 1, 12, {NULL, NULL, popc, popc}},
    {"clz", 1, 12, {NULL, NULL, clz32, clz64}}, {"brev", 1, 12, {NULL, NULL, brev32, brev64}},
    {"bfi", 4, 12, {NULL, NULL, bfi32, bfi64}},
};

static void typed_bits(struct dec *d, enum emu_type t) {
  static emu_exec *const table[4][6] = {ROW(shl_ins_), ROW(shr_ins_), ROW(bfe_ins_), ROW(sad_)};
  static const char *const names[] = {"shl", "shr", "bfe", "sad"};
  int k = index_of(t), r = 0;
  while (r < 4 && !emu_slice_is(d->name, names[r])) r++;
  if (k < 0 || r == 4 || (r == 2 && k < 2)) FAIL(d, "type .%s is not allowed", emu_type_name(t));
  d->ins->fn = table[r][k];
  emu_need_ops(d, r < 2 ? 3 : 4, r < 2 ? 3 : 4);
  d->ins->s[0] = emu_dst(d, &d->op[0], t);
  d->ins->s[1] = emu_src(d, &d->op[1], t);
  for (uint32_t o = 2; o < d->nop; o++) d->ins->s[o] = emu_src(d, &d->op[o], r == 3 ? t : TY_U32);
}

void emu_dec_bits(struct dec *d) {
  enum emu_type t = emu_need_type(d);
  for (size_t r = 0; r < sizeof bit_rows / sizeof *bit_rows; r++) {
    const struct bit_row *row = &bit_rows[r];
    if (!emu_slice_is(d->name, row->name)) continue;
    uint32_t bits = emu_type_bits(t), k = bits == 1 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
    if (emu_type_class(t) > TC_B || (bits & 0x71) != bits || !(row->sizes >> k & 1))
      FAIL(d, "type .%s is not allowed", emu_type_name(t));
    emu_need_ops(d, row->n + 1, row->n + 1);
    d->ins->fn = row->fn[k];
    d->ins->s[0] = emu_dst(d, &d->op[0], row->sizes == 12 && row->n == 1 && r < 7 ? TY_U32 : t);
    for (uint32_t o = 1; o <= row->n; o++) d->ins->s[o] = emu_src(d, &d->op[o], o > 2 ? TY_U32 : t);
    return;
  }
  typed_bits(d, t);
}

/* bfind: the highest bit that differs from the sign, counted from bit 0 or (.shiftamt) from the top; none: all ones */
FN(bfind) {
  uint64_t *d = emu_slot(w, i->s[0]);
  IN(1)
  uint32_t bits = emu_type_bits(i->ty);
  LANES(l, mask) {
    uint64_t v = p1[l];
    if (emu_type_class(i->ty) == TC_S && v >> (bits - 1) & 1) v = ~v & (bits == 64 ? ~(uint64_t)0 : 0xffffffffu);
    uint32_t at = v ? 63 - (uint32_t)__builtin_clzll(v) : 0;
    d[l] = !v ? 0xffffffffu : i->m ? bits - 1 - at : at;
  }
  return STEP_NEXT;
}
void emu_dec_bfind(struct dec *d) {
  d->ins->m = emu_take(d, "shiftamt");
  d->ins->ty = (uint8_t)emu_need_type(d);
  if (index_of(d->ins->ty) < 2) FAIL(d, "32 or 64 bits expected");
  emu_need_ops(d, 2, 2);
  d->ins->s[0] = emu_dst(d, &d->op[0], TY_U32);
  d->ins->s[1] = emu_src(d, &d->op[1], d->ins->ty);
  d->ins->fn = bfind;
}

/* bmsk: len ones from bit pos; szext: sign- or zero-extends from len bits. m: 1 wrap, 2 szext, 4 signed */
FN(bmsk) {
  uint64_t *d = emu_slot(w, i->s[0]);
  IN(1) IN(2) LANES(l, mask) {
    uint32_t a = (uint32_t)p1[l], b = (uint32_t)p2[l];
    if (i->m & 1) b &= 31;
    if (i->m & 2) {
      bool neg = (i->m & 4) && b && b <= 32 && a >> (b - 1) & 1;
      uint32_t high = b >= 32 ? 0 : ~0u << b;
      d[l] = neg ? a | high : a & ~high;
    } else {
      if (i->m & 1) a &= 31;
      uint32_t ones = b >= 32 ? ~0u : (1u << b) - 1;
      d[l] = a >= 32 ? 0 : ones << a;
    }
  }
  return STEP_NEXT;
}
void emu_dec_bmsk(struct dec *d) {
  static const char *const modes[] = {"clamp", "wrap", NULL};
  int wrap = emu_take_one(d, modes);
  enum emu_type t = emu_need_type(d);
  bool ext = emu_slice_is(d->name, "szext");
  if (wrap < 0 || emu_type_bits(t) != 32) FAIL(d, "'.clamp' or '.wrap' and 32 bits expected");
  operands(d, t, 2);
  d->ins->m = (uint32_t)wrap | (ext ? 2 : 0) | (t == TY_S32 ? 4 : 0);
  d->ins->fn = bmsk;
}

/* shf: a funnel of two registers. m: 1 right, 2 wrap */
FN(shf) {
  uint64_t *d = emu_slot(w, i->s[0]);
  IN(1) IN(2) IN(3) LANES(l, mask) {
    uint64_t v = p2[l] << 32 | p1[l];
    uint32_t n = (uint32_t)p3[l];
    n = i->m & 2 ? n & 31 : n > 32 ? 32 : n;
    d[l] = (uint32_t)(i->m & 1 ? v >> n : v << n >> 32);
  }
  return STEP_NEXT;
}
void emu_dec_shf(struct dec *d) {
  static const char *const dirs[] = {"l", "r", NULL}, *const modes[] = {"clamp", "wrap", NULL};
  int right = emu_take_one(d, dirs), wrap = emu_take_one(d, modes);
  if (right < 0 || wrap < 0 || emu_need_type(d) != TY_B32)
    FAIL(d, "'.l' or '.r', '.clamp' or '.wrap' and .b32 expected");
  operands(d, TY_B32, 3);
  d->ins->m = (uint32_t)right | (uint32_t)wrap << 1;
  d->ins->fn = shf;
}

FN(lop3) {
  uint64_t *d = emu_slot(w, i->s[0]);
  IN(1) IN(2) IN(3) LANES(l, mask) {
    uint64_t v = 0;
    for (uint32_t k = 0; k < 8; k++) {
      if (i->m >> k & 1) v |= (k & 4 ? p1[l] : ~p1[l]) & (k & 2 ? p2[l] : ~p2[l]) & (k & 1 ? p3[l] : ~p3[l]);
    }
    d[l] = (uint32_t)v;
  }
  return STEP_NEXT;
}
void emu_dec_lop3(struct dec *d) {
  if (emu_need_type(d) != TY_B32) FAIL(d, ".b32 expected");
  emu_need_ops(d, 5, 5);
  d->ins->s[0] = emu_dst(d, &d->op[0], TY_B32);
  for (uint32_t k = 1; k < 4; k++) d->ins->s[k] = emu_src(d, &d->op[k], TY_B32);
  d->ins->m = (uint32_t)emu_src_imm(d, &d->op[4]) & 255;
  d->ins->fn = lop3;
}

static uint32_t selector(uint32_t mode, uint32_t c, uint32_t k) {
  uint32_t s = c & 3;
  switch (mode) {
  case 1: /* f4e */
    return s + k;
  case 2: /* b4e */
    return (s - k) & 7;
  case 3: /* rc8 */
    return s;
  case 4: /* ecl */
    return k > s ? k : s;
  case 5: /* ecr */
    return k < s ? k : s;
  case 6: /* rc16 */
    return (s & 1) * 2 + (k & 1);
  default:
    return c >> (4 * k) & 15;
  }
}
FN(prmt) {
  uint64_t *d = emu_slot(w, i->s[0]);
  IN(1) IN(2) IN(3) LANES(l, mask) {
    uint64_t v = p2[l] << 32 | p1[l];
    uint32_t r = 0;
    for (uint32_t k = 0; k < 4; k++) {
      uint32_t s = selector(i->m, (uint32_t)p3[l], k), byte = (uint32_t)(v >> (s & 7) * 8) & 255;
      if (s & 8) byte = byte & 128 ? 255 : 0;
      r |= byte << 8 * k;
    }
    d[l] = r;
  }
  return STEP_NEXT;
}
void emu_dec_prmt(struct dec *d) {
  static const char *const modes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16", NULL};
  if (emu_need_type(d) != TY_B32) FAIL(d, ".b32 expected");
  d->ins->m = (uint32_t)(emu_take_one(d, modes) + 1);
  operands(d, TY_B32, 3);
  d->ins->fn = prmt;
}

/* dp4a and dp2a. m: 1 a signed, 2 b signed, 4 dp2a, 8 high half */
FN(dot) {
  uint64_t *d = emu_slot(w, i->s[0]);
  IN(1) IN(2) IN(3) LANES(l, mask) {
    uint32_t sum = (uint32_t)p3[l];
    for (uint32_t k = 0; k < (i->m & 4 ? 2u : 4u); k++) {
      uint32_t step = i->m & 4 ? 16 : 8, at = 8 * (k + (i->m & 8 ? 2 : 0));
      int64_t a = (int64_t)(p1[l] >> step * k << (64 - step)), b = (int64_t)(p2[l] >> at << 56);
      a = i->m & 1 ? a >> (64 - step) : (int64_t)((uint64_t)a >> (64 - step));
      b = i->m & 2 ? b >> 56 : (int64_t)((uint64_t)b >> 56);
      sum += (uint32_t)(a * b);
    }
    d[l] = sum;
  }
  return STEP_NEXT;
}
void emu_dec_dot(struct dec *d) {
  static const char *const halves[] = {"lo", "hi", NULL};
  bool two = emu_slice_is(d->name, "dp2a");
  int hi = two ? emu_take_one(d, halves) : 0;
  enum emu_type a = emu_need_type(d), b = emu_need_type(d);
  if (hi < 0 || (a != TY_U32 && a != TY_S32) || (b != TY_U32 && b != TY_S32))
    FAIL(d, "two types of .u32 and .s32 expected, and '.lo' or '.hi' for dp2a");
  operands(d, TY_B32, 3);
  d->ins->m = (a == TY_S32) | (b == TY_S32) << 1 | two << 2 | hi << 3;
  d->ins->fn = dot;
}
