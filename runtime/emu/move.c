/* Moves, selections, comparisons and address conversions. */
#include "runtime/emu/fp.h"
#include "runtime/emu/machine.h"
#include <math.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
#define FN(NAME)     static enum step NAME(struct warp *w, const struct ins *i, uint32_t mask)

FN(mov) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]);
  LANES(l, mask) d[l] = a[l];
  return STEP_NEXT;
}
FN(mov128) {
  for (uint32_t k = 0; k < 2; k++) {
    uint64_t *d = emu_slot(w, i->s[0] + k);
    const uint64_t *a = emu_slot(w, i->s[1] + k);
    LANES(l, mask) d[l] = a[l];
  }
  return STEP_NEXT;
}
/* The elements of v, of imm[0] bits each, into one register (two slots for 128 bits). */
FN(pack) {
  uint64_t *d = emu_slot(w, i->s[0]), *high = i->imm[1] == 128 ? emu_slot(w, i->s[0] + 1) : NULL;
  LANES(l, mask) {
    uint64_t part[2] = {0, 0};
    for (uint32_t k = 0; k < i->nv; k++) {
      uint32_t at = k * i->imm[0];
      part[at >> 6] |= emu_slot(w, i->v[k])[l] << (at & 63);
    }
    d[l] = part[0];
    if (high) high[l] = part[1];
  }
  return STEP_NEXT;
}
FN(unpack) {
  const uint64_t *a = emu_slot(w, i->s[1]), *high = i->imm[1] == 128 ? emu_slot(w, i->s[1] + 1) : a;
  uint64_t m = i->imm[0] == 64 ? ~(uint64_t)0 : ((uint64_t)1 << i->imm[0]) - 1;
  LANES(l, mask) {
    uint64_t part[2] = {a[l], high[l]};
    for (uint32_t k = 0; k < i->nv; k++) {
      uint32_t at = k * i->imm[0];
      emu_slot(w, i->v[k])[l] = part[at >> 6] >> (at & 63) & m;
    }
  }
  return STEP_NEXT;
}

static enum emu_type of_bits(uint32_t bits) {
  return bits == 8 ? TY_B8 : bits == 16 ? TY_B16 : bits == 32 ? TY_B32 : bits == 64 ? TY_B64 : TY_NONE;
}

static void packing(struct dec *d, enum emu_type t, bool to_vector) {
  struct ins *i = d->ins;
  const struct opnd *v = &d->op[to_vector ? 0 : 1], *r = &d->op[to_vector ? 1 : 0];
  uint32_t bits = emu_type_bits(t);
  enum emu_type e = v->nvec == 2 || v->nvec == 4 || v->nvec == 8 ? of_bits(bits / v->nvec) : TY_NONE;
  if (!e || emu_type_class(t) != TC_B) FAIL(d, "%u elements do not make a .%s", v->nvec, emu_type_name(t));
  i->imm[0] = bits / v->nvec;
  i->imm[1] = bits;
  i->nv = v->nvec;
  i->v = emu_vec(d, v, v->nvec, e, to_vector);
  i->s[!to_vector ? 0 : 1] = to_vector ? emu_src(d, r, t) : emu_dst(d, r, t);
  i->fn = to_vector ? unpack : pack;
}

void emu_dec_mov(struct dec *d) {
  struct ins *i = d->ins;
  enum emu_type t = emu_need_type(d);
  emu_need_ops(d, 2, 2);
  if (d->op[0].kind == O_VEC || d->op[1].kind == O_VEC) {
    packing(d, t, d->op[0].kind == O_VEC);
    return;
  }
  i->s[0] = emu_dst(d, &d->op[0], t);
  if (t == TY_B128) {
    if (d->op[1].kind != O_REG || d->op[0].kind != O_REG) FAIL(d, "registers expected");
    i->s[1] = emu_src(d, &d->op[1], t);
    i->fn = mov128;
    return;
  }
  bool address = d->op[1].kind == O_VAR && emu_type_class(t) == TC_B;
  i->s[1] = address && emu_type_bits(t) >= 32 ? d->op[1].slot : emu_src(d, &d->op[1], t);
  i->fn = mov;
}

/* ---- addresses ---- */

static uint64_t window(uint8_t space) {
  switch (space) {
  case SP_SHARED:
  case SP_CLUSTER:
    return WIN_SHARED;
  case SP_LOCAL:
    return WIN_LOCAL;
  case SP_PARAM:
    return WIN_PARAM;
  case SP_CONST:
    return WIN_CONST;
  default:
    return 0;
  }
}
FN(cvta) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]);
  uint64_t win = window(i->space);
  LANES(l, mask) d[l] = i->m ? a[l] - win : a[l] + win;
  return STEP_NEXT;
}
FN(isspacep) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]);
  uint64_t win = window(i->space);
  LANES(l, mask) {
    bool own = i->space != SP_SHARED || (a[l] - WIN_SHARED) >> CLUSTER_STEP == 0 ||
               (a[l] - WIN_SHARED) >> CLUSTER_STEP == w->b->rank + 1;
    d[l] = win ? a[l] - win < WIN_SIZE && own : a[l] >> 48 == 0;
  }
  return STEP_NEXT;
}

static uint8_t take_space(struct dec *d) {
  static const char *const names[] = {"global", "shared",       "shared::cta", "shared::cluster", "local", "const",
                                      "param",  "param::entry", NULL};
  static const uint8_t spaces[] = {SP_GLOBAL, SP_SHARED, SP_SHARED, SP_CLUSTER, SP_LOCAL, SP_CONST, SP_PARAM, SP_PARAM};
  int k = emu_take_one(d, names);
  if (k < 0) FAIL(d, "a state space is missing");
  return spaces[k];
}
void emu_dec_cvta(struct dec *d) {
  struct ins *i = d->ins;
  i->m = emu_take(d, "to");
  i->space = take_space(d);
  enum emu_type t = emu_need_type(d);
  if (t != TY_U64) FAIL(d, ".u64 expected");
  emu_need_ops(d, 2, 2);
  i->s[0] = emu_dst(d, &d->op[0], t);
  i->s[1] = d->op[1].kind == O_VAR ? d->op[1].slot : emu_src(d, &d->op[1], t);
  i->fn = cvta;
}
void emu_dec_isspacep(struct dec *d) {
  struct ins *i = d->ins;
  i->space = take_space(d);
  emu_need_ops(d, 2, 2);
  i->s[0] = emu_dst(d, &d->op[0], TY_PRED);
  i->s[1] = emu_src(d, &d->op[1], TY_U64);
  i->fn = isspacep;
}

/* ---- selections ---- */

FN(selp) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]), *b = emu_slot(w, i->s[2]), *p = emu_slot(w, i->s[3]);
  LANES(l, mask) d[l] = p[l] != i->m ? a[l] : b[l];
  return STEP_NEXT;
}
void emu_dec_selp(struct dec *d) {
  struct ins *i = d->ins;
  enum emu_type t = emu_need_type(d);
  bool neg;
  emu_need_ops(d, 4, 4);
  if (t == TY_PRED || t == TY_B128) FAIL(d, "type .%s is not allowed", emu_type_name(t));
  i->s[0] = emu_dst(d, &d->op[0], t);
  i->s[1] = emu_src(d, &d->op[1], t);
  i->s[2] = emu_src(d, &d->op[2], t);
  i->s[3] = emu_src_pred(d, &d->op[3], &neg);
  i->m = neg;
  i->fn = selp;
}

FN(slct) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]), *b = emu_slot(w, i->s[2]), *c = emu_slot(w, i->s[3]);
  LANES(l, mask) d[l] = (i->m ? emu_f32(c[l]) >= 0 : (int32_t)c[l] >= 0) ? a[l] : b[l];
  return STEP_NEXT;
}
void emu_dec_slct(struct dec *d) {
  struct ins *i = d->ins;
  enum emu_type t = emu_need_type(d), c = emu_need_type(d);
  emu_take(d, "ftz");
  emu_need_ops(d, 4, 4);
  if ((c != TY_S32 && c != TY_F32) || t == TY_PRED || t == TY_B128) FAIL(d, "the second type is .s32 or .f32");
  i->s[0] = emu_dst(d, &d->op[0], t);
  i->s[1] = emu_src(d, &d->op[1], t);
  i->s[2] = emu_src(d, &d->op[2], t);
  i->s[3] = emu_src(d, &d->op[3], c);
  i->m = c == TY_F32;
  i->fn = slct;
}

/* ---- comparisons ---- */

enum cmp { EQ, NE, LT, LE, GT, GE, LO, LS, HI, HS, EQU, NEU, LTU, LEU, GTU, GEU, NUM, NAN_ };
static const char *const cmp_names[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "lo",  "ls",  "hi", "hs",
                                        "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan", NULL};
enum { M_FTZ = 1, M_NEG = 2, M_BOOL = 4 /* two bits: none and or xor */ };

static bool ordered(uint32_t c, int sign) {
  switch (c) {
  case EQ:
    return sign == 0;
  case NE:
    return sign != 0;
  case LT:
  case LO:
    return sign < 0;
  case LE:
  case LS:
    return sign <= 0;
  case GT:
  case HI:
    return sign > 0;
  default:
    return sign >= 0;
  }
}
static bool compare_float(uint32_t c, double a, double b) {
  bool nan = isnan(a) || isnan(b);
  if (c == NUM || c == NAN_) return nan == (c == NAN_);
  if (nan) return c >= EQU;
  return ordered(c >= EQU ? c - EQU : c, a < b ? -1 : a > b);
}
static double number(enum emu_type t, uint64_t v, bool ftz) {
  if (t == TY_F64) return emu_f64(v);
  if (t == TY_F32) return ftz && (v & 0x7f800000u) == 0 ? 0 : (double)emu_f32(v);
  return emu_fp_unpack((uint32_t)v & 0xffff, t == TY_F16 || t == TY_F16X2 ? FP_F16 : FP_BF16);
}
static bool compare(const struct ins *i, uint64_t a, uint64_t b) {
  enum emu_type t = (enum emu_type)i->ty;
  uint32_t bits = emu_type_bits(t);
  if (emu_type_class(t) == TC_F)
    return compare_float(i->imm[0], number(t, a, i->m & M_FTZ), number(t, b, i->m & M_FTZ));
  if (emu_type_class(t) == TC_S) {
    int64_t x = (int64_t)(a << (64 - bits)) >> (64 - bits), y = (int64_t)(b << (64 - bits)) >> (64 - bits);
    return ordered(i->imm[0], x < y ? -1 : x > y);
  }
  return ordered(i->imm[0], a < b ? -1 : a > b);
}
static bool combined(const struct ins *i, bool v, bool c) {
  switch (i->imm[1]) {
  case 1:
    return v && c;
  case 2:
    return v || c;
  case 3:
    return v != c;
  default:
    return v;
  }
}
/* The second destination gets the same with the comparison inverted. */
FN(setp) {
  uint64_t *d = emu_slot(w, i->s[0]), *q = emu_slot(w, i->s[1]);
  const uint64_t *a = emu_slot(w, i->s[2]), *b = emu_slot(w, i->s[3]), *c = emu_slot(w, i->s[4]);
  LANES(l, mask) {
    bool v = compare(i, a[l], b[l]), in = (c[l] != 0) != ((i->m & M_NEG) != 0);
    d[l] = combined(i, v, in);
    if (i->s[1]) q[l] = combined(i, !v, in);
  }
  return STEP_NEXT;
}
/* f16x2, bf16x2: one predicate a half */
FN(setp2) {
  uint64_t *d = emu_slot(w, i->s[0]), *q = emu_slot(w, i->s[1]);
  const uint64_t *a = emu_slot(w, i->s[2]), *b = emu_slot(w, i->s[3]), *c = emu_slot(w, i->s[4]);
  LANES(l, mask) {
    bool in = (c[l] != 0) != ((i->m & M_NEG) != 0);
    uint64_t x = a[l], y = b[l];
    d[l] = combined(i, compare(i, x, y), in);
    q[l] = combined(i, compare(i, x >> 16, y >> 16), in);
  }
  return STEP_NEXT;
}
FN(set) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[2]), *b = emu_slot(w, i->s[3]), *c = emu_slot(w, i->s[4]);
  static const uint32_t one[] = {[FP_F16] = 0x3c00, [FP_BF16] = 0x3f80};
  LANES(l, mask) {
    bool in = (c[l] != 0) != ((i->m & M_NEG) != 0);
    if (i->ty == TY_F16X2 || i->ty == TY_BF16X2) {
      uint64_t each = i->ty2 == TY_U32 ? 0xffff : one[i->ty == TY_F16X2 ? FP_F16 : FP_BF16];
      d[l] = (combined(i, compare(i, a[l], b[l]), in) ? each : 0) |
             (combined(i, compare(i, a[l] >> 16, b[l] >> 16), in) ? each << 16 : 0);
    } else {
      bool v = combined(i, compare(i, a[l], b[l]), in);
      d[l] = !v ? 0 : i->ty2 == TY_F32 ? 0x3f800000u : 0xffffffffu;
    }
  }
  return STEP_NEXT;
}

static void comparison(struct dec *d, uint32_t ndst) {
  static const char *const bools[] = {"and", "or", "xor", NULL};
  struct ins *i = d->ins;
  int c = emu_take_one(d, cmp_names), b = emu_take_one(d, bools);
  bool neg = false;
  if (c < 0) FAIL(d, "a comparison is missing");
  i->imm[0] = (uint32_t)c;
  i->imm[1] = (uint32_t)(b + 1);
  enum emu_type t = (enum emu_type)i->ty;
  if (emu_take(d, "ftz")) i->m |= M_FTZ;
  bool real = emu_type_class(t) == TC_F;
  if (t == TY_PRED || emu_type_bits(t) < 16 || emu_type_bits(t) > 64 || emu_type_class(t) == TC_N || t == TY_F32X2)
    FAIL(d, "type .%s is not allowed", emu_type_name(t));
  if ((c >= EQU && !real) || (c >= LO && c <= HS && real) || (c > NE && emu_type_class(t) == TC_B))
    FAIL(d, "'.%s' is not a comparison of .%s", cmp_names[c], emu_type_name(t));
  if (!real && c >= LO && emu_type_class(t) == TC_S) FAIL(d, "'.%s' compares unsigned numbers", cmp_names[c]);
  emu_need_ops(d, ndst + (b >= 0 ? 3 : 2), ndst + (b >= 0 ? 3 : 2));
  i->s[2] = emu_src(d, &d->op[1], t);
  i->s[3] = emu_src(d, &d->op[2], t);
  i->s[4] = b >= 0 ? emu_src_pred(d, &d->op[3], &neg) : emu_konst(d, 0);
  if (neg) i->m |= M_NEG;
}
void emu_dec_setp(struct dec *d) {
  struct ins *i = d->ins;
  i->ty = (uint8_t)emu_need_type(d);
  comparison(d, 1);
  i->s[0] = emu_dst(d, &d->op[0], TY_PRED);
  i->s[1] = d->op[0].pair ? emu_dst(d, d->op[0].pair, TY_PRED) : 0;
  bool pair = i->ty == TY_F16X2 || i->ty == TY_BF16X2;
  if (pair && !d->op[0].pair) FAIL(d, "two destinations expected");
  if (emu_type_class(i->ty) == TC_F) i->cls = EMU_CLS_FLOAT;
  i->fn = pair ? setp2 : setp;
}
void emu_dec_set(struct dec *d) {
  struct ins *i = d->ins;
  i->ty2 = (uint8_t)emu_need_type(d);
  i->ty = (uint8_t)emu_need_type(d);
  bool pair = i->ty == TY_F16X2 || i->ty == TY_BF16X2;
  bool ok = i->ty2 == TY_U32 || i->ty2 == TY_S32 || (pair ? i->ty2 == i->ty : i->ty2 == TY_F32);
  if (!ok) FAIL(d, "type .%s is not allowed for the result", emu_type_name(i->ty2));
  if (pair && i->ty2 == TY_S32) i->ty2 = TY_U32;
  comparison(d, 1);
  i->s[0] = emu_dst(d, &d->op[0], i->ty2);
  i->fn = set;
}

enum { FINITE, INFINITE, NUMBER, NOTANUMBER, NORMAL, SUBNORMAL };
FN(testp) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]);
  LANES(l, mask) {
    double v = number(i->ty, a[l], false), tiny = i->ty == TY_F64 ? 0x1p-1022 : 0x1p-126;
    bool sub = v != 0 && fabs(v) < tiny;
    switch (i->m) {
    case FINITE:
      d[l] = isfinite(v);
      break;
    case INFINITE:
      d[l] = isinf(v) != 0;
      break;
    case NUMBER:
      d[l] = !isnan(v);
      break;
    case NOTANUMBER:
      d[l] = isnan(v);
      break;
    case NORMAL:
      d[l] = isfinite(v) && !sub && v != 0;
      break;
    default:
      d[l] = sub;
    }
  }
  return STEP_NEXT;
}
void emu_dec_testp(struct dec *d) {
  static const char *const names[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal", NULL};
  struct ins *i = d->ins;
  int k = emu_take_one(d, names);
  i->ty = (uint8_t)emu_need_type(d);
  if (k < 0 || (i->ty != TY_F32 && i->ty != TY_F64)) FAIL(d, "a test and .f32 or .f64 expected");
  emu_need_ops(d, 2, 2);
  i->s[0] = emu_dst(d, &d->op[0], TY_PRED);
  i->s[1] = emu_src(d, &d->op[1], i->ty);
  i->m = (uint32_t)k;
  i->fn = testp;
}
