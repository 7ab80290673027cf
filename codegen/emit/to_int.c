/* Conversions of floats to integers: truncate, saturate, NaN gives 0 (ir/type.h). Where it is known between which
   numbers a float lies (or NaN) nothing is cut, what has been rounded to a whole number is rounded by the conversion
   itself, and what is cut to fewer bits at once needs neither the lanes of NaN put right nor those of what is below. */
#include "codegen/emit/build.h"
#include <math.h>
#include <string.h>

enum { KEY_SAT = 702, DEPTH = 8 };

static LLVMValueRef kreal(LLVMTypeRef t, double c, unsigned lanes) {
  return splat_const(LLVMConstReal(t, c), lanes);
}

/* --- between which numbers a value lies, if it is not NaN --- */

struct between {
  double lo, hi;
};
static const struct between anything = {-INFINITY, INFINITY};

static struct between between(LLVMValueRef v, int depth);

bool is_number(LLVMValueRef v, double *out) {
  LLVMBool loses;
  bool vector = LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind;
  if (!LLVMIsConstant(v)) return false;
  if (vector && !LLVMIsAConstantFP(v)) {
    unsigned n = LLVMGetVectorSize(LLVMTypeOf(v));
    LLVMValueRef first = LLVMGetAggregateElement(v, 0);
    for (unsigned i = 1; i < n; i++)
      if (LLVMGetAggregateElement(v, i) != first) return false;
    v = first;
  }
  if (!v || !LLVMIsAConstantFP(v)) return false;
  *out = LLVMConstRealGetDouble(v, &loses);
  return !isnan(*out);
}

/* Rounding to a float may go past the ends. */
static struct between outward(struct between x, LLVMValueRef v) {
  LLVMTypeRef t = LLVMTypeOf(v);
  if (LLVMGetTypeKind(t) == LLVMVectorTypeKind) t = LLVMGetElementType(t);
  if (isnan(x.lo) || isnan(x.hi)) return anything;
  if (LLVMGetTypeKind(t) == LLVMDoubleTypeKind)
    return (struct between){nextafter(x.lo, -INFINITY), nextafter(x.hi, INFINITY)};
  return (struct between){nextafterf((float)x.lo, -INFINITY), nextafterf((float)x.hi, INFINITY)};
}

static struct between product(struct between x, struct between y) {
  if (!isfinite(x.lo) || !isfinite(x.hi) || !isfinite(y.lo) || !isfinite(y.hi)) return anything;
  double a = x.lo * y.lo, b = x.lo * y.hi, c = x.hi * y.lo, d = x.hi * y.hi;
  return (struct between){fmin(fmin(a, b), fmin(c, d)), fmax(fmax(a, b), fmax(c, d))};
}

/* The greater (or the smaller) of x and a number. keeps: where x is NaN, so is the result; else it is the number. */
static struct between against(struct between x, double number, bool greater, bool keeps) {
  struct between r = {fmin(x.lo, number), fmin(x.hi, number)};
  if (greater) r = (struct between){fmax(x.lo, number), fmax(x.hi, number)};
  if (!keeps) r = (struct between){fmin(r.lo, number), fmax(r.hi, number)};
  return r;
}

static struct between chosen(LLVMValueRef v, int depth) {
  LLVMValueRef c = LLVMGetOperand(v, 0), arm[2] = {LLVMGetOperand(v, 1), LLVMGetOperand(v, 2)};
  struct between x = between(arm[0], depth), y = between(arm[1], depth);
  struct between either = {fmin(x.lo, y.lo), fmax(x.hi, y.hi)};
  if (!LLVMIsAFCmpInst(c)) return either;
  LLVMValueRef p = LLVMGetOperand(c, 0), q = LLVMGetOperand(c, 1);
  LLVMRealPredicate o = LLVMGetFCmpPredicate(c);
  bool unordered = o == LLVMRealUGT || o == LLVMRealUGE || o == LLVMRealULT || o == LLVMRealULE;
  bool more = o == LLVMRealOGT || o == LLVMRealOGE || o == LLVMRealUGT || o == LLVMRealUGE;
  bool less = o == LLVMRealOLT || o == LLVMRealOLE || o == LLVMRealULT || o == LLVMRealULE;
  bool same = p == arm[0] && q == arm[1], crossed = p == arm[1] && q == arm[0];
  double number;
  int fixed = is_number(arm[0], &number) ? 0 : is_number(arm[1], &number) ? 1 : -1;
  if ((!same && !crossed) || (!more && !less) || fixed < 0) return either;
  return against(fixed == 0 ? y : x, number, more == same, fixed == (int)unordered);
}

static struct between from_integer(LLVMValueRef v, bool sign) {
  LLVMValueRef x = LLVMGetOperand(v, 0);
  if (LLVMIsAZExtInst(x)) x = LLVMGetOperand(x, 0), sign = false;
  if (LLVMIsASExtInst(x) && sign) x = LLVMGetOperand(x, 0);
  LLVMTypeRef t = LLVMTypeOf(x);
  if (LLVMGetTypeKind(t) == LLVMVectorTypeKind) t = LLVMGetElementType(t);
  int bits = (int)LLVMGetIntTypeWidth(t);
  return (struct between){sign ? -ldexp(1, bits - 1) : 0, ldexp(1, sign ? bits - 1 : bits)};
}

enum whole { WHOLE_none, WHOLE_nearest, WHOLE_away, WHOLE_trunc, WHOLE_other, WHOLE_magnitude, WHOLE_product };

static enum whole called(LLVMValueRef v) {
  static const struct {
    const char *name;
    enum whole whole;
  } names[] = {{"llvm.rint", WHOLE_nearest},   {"llvm.nearbyint", WHOLE_nearest}, {"llvm.roundeven", WHOLE_nearest},
               {"llvm.floor", WHOLE_other},    {"llvm.ceil", WHOLE_other},        {"llvm.trunc", WHOLE_other},
               {"llvm.round.", WHOLE_other},   {"llvm.fabs", WHOLE_magnitude},    {"llvm.fma.", WHOLE_product},
               {"llvm.fmuladd", WHOLE_product}};
  size_t n;
  LLVMValueRef fn = LLVMIsACallInst(v) ? LLVMGetCalledValue(v) : NULL;
  const char *name = fn && LLVMIsAFunction(fn) ? LLVMGetValueName2(fn, &n) : "";
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strncmp(name, names[i].name, strlen(names[i].name))) return names[i].whole;
  return WHOLE_none;
}

static struct between of_call(LLVMValueRef v, int depth) {
  enum whole w = called(v);
  if (w == WHOLE_none) return anything;
  struct between x = between(LLVMGetOperand(v, 0), depth);
  if (w == WHOLE_magnitude) return (struct between){0, fmax(-x.lo, x.hi)};
  if (w != WHOLE_product) return (struct between){floor(x.lo), ceil(x.hi)};
  struct between p = product(x, between(LLVMGetOperand(v, 1), depth)), c = between(LLVMGetOperand(v, 2), depth);
  return outward((struct between){p.lo + c.lo, p.hi + c.hi}, v);
}

static struct between between(LLVMValueRef v, int depth) {
  double c;
  if (is_number(v, &c)) return (struct between){c, c};
  if (depth == 0 || !LLVMIsAInstruction(v)) return anything;
  depth--;
  struct between x, y;
  switch (LLVMGetInstructionOpcode(v)) {
  case LLVMSelect:
    return chosen(v, depth);
  case LLVMCall:
    return of_call(v, depth);
  case LLVMSIToFP:
  case LLVMUIToFP:
    return from_integer(v, LLVMGetInstructionOpcode(v) == LLVMSIToFP);
  case LLVMFPExt:
    return between(LLVMGetOperand(v, 0), depth);
  case LLVMFPTrunc:
    return outward(between(LLVMGetOperand(v, 0), depth), v);
  case LLVMFNeg:
    x = between(LLVMGetOperand(v, 0), depth);
    return (struct between){-x.hi, -x.lo};
  case LLVMFAdd:
  case LLVMFSub:
  case LLVMFMul:
    x = between(LLVMGetOperand(v, 0), depth), y = between(LLVMGetOperand(v, 1), depth);
    if (LLVMGetInstructionOpcode(v) == LLVMFMul) return outward(product(x, y), v);
    if (LLVMGetInstructionOpcode(v) == LLVMFSub) y = (struct between){-y.hi, -y.lo};
    return outward((struct between){x.lo + y.lo, x.hi + y.hi}, v);
  default:
    return anything;
  }
}

/* --- lanes --- */

/* What a lane of integers of type `to` can hold, as floats of type t: the ends of the range that is cut to before
   converting. *past: the first float over the range, where the upper end is not exact (0: it is). */
struct ends {
  double low, high, past;
};
static struct ends ends_of(enum dtype to, bool f64) {
  int bits = 8 * (int)type_size(to) - (int)type_is_signed(to), digits = f64 ? 53 : 24;
  double past = ldexp(1, bits);
  struct ends e = {type_is_signed(to) ? -past : 0, past - 1, 0};
  if (bits > digits) e.high = past - ldexp(1, bits - digits), e.past = past;
  return e;
}

/* A conversion of lanes. */
struct lanes {
  struct module *m;
  LLVMBuilderRef b;
  enum dtype to, cut;    /* saturates as `to`, of which only the bits of `cut` are kept */
  LLVMValueRef x, whole; /* the float; x is to be rounded to the nearest, which `whole` is (NULL: truncated) */
  unsigned n;
  bool f64;
  struct between in;
};

/* The machine's conversion of whole vectors to signed integers under a mask; NULL: none. */
static const char *masked_conversion(const struct lanes *c, size_t size) {
  static const char *const name[2][2][2] = {
      {{"llvm.x86.avx512.mask.cvttps2dq.512", "llvm.x86.avx512.mask.cvttps2qq.512"},
       {"llvm.x86.avx512.mask.cvttpd2dq.512", "llvm.x86.avx512.mask.cvttpd2qq.512"}},
      {{"llvm.x86.avx512.mask.cvtps2dq.512", "llvm.x86.avx512.mask.cvtps2qq.512"},
       {"llvm.x86.avx512.mask.cvtpd2dq.512", "llvm.x86.avx512.mask.cvtpd2qq.512"}}};
  bool wide = size == 8;
  if (!c->m->isa.avx512 || c->n != (c->f64 || wide ? 8 : 16)) return NULL;
  return name[c->whole != NULL][c->f64][wide];
}

/* Gives the lowest integer where there is none. on: the lanes that are wanted, the others are 0; NULL: all. */
static LLVMValueRef convert_where(const struct lanes *c, size_t size, LLVMValueRef x, LLVMValueRef on) {
  enum { CURRENT_ROUNDING = 4 };
  LLVMTypeRef mask = LLVMIntTypeInContext(c->m->ctx, c->n);
  LLVMValueRef arg[4] = {x, LLVMConstNull(vec_of(size == 8 ? c->m->i64 : c->m->i32, c->n)),
                         on ? LLVMBuildBitCast(c->b, on, mask, "") : LLVMConstAllOnes(mask),
                         LLVMConstInt(c->m->i32, CURRENT_ROUNDING, 0)};
  return call_intrinsic(c->m, c->b, masked_conversion(c, size), NULL, 0, arg, 4);
}

/* The smaller (greater) one of x and a number, NaN where x is. */
static LLVMValueRef bounded(const struct lanes *c, LLVMValueRef x, double by, bool below) {
  LLVMTypeRef tf = LLVMGetElementType(LLVMTypeOf(x));
  LLVMValueRef k = kreal(tf, by, c->n);
  return LLVMBuildSelect(c->b, LLVMBuildFCmp(c->b, below ? LLVMRealOLT : LLVMRealOGT, k, x, ""), k, x, "");
}

/* Bytes and half words through i32: with the lowest i32 for NaN, of which they keep no bit. */
static LLVMValueRef masked_narrow(const struct lanes *c) {
  struct ends e = ends_of(c->to, c->f64);
  LLVMValueRef x = c->x;
  double slack = c->whole ? 0.5 : 1; /* what is rounded to the ends */
  if (!(c->in.hi < e.high + slack)) x = bounded(c, x, e.high, true);
  if (!(c->in.lo > e.low - slack)) x = bounded(c, x, e.low, false);
  return LLVMBuildTrunc(c->b, convert_where(c, 4, x, NULL), vec_of(reg_type(c->m, c->to), c->n), "");
}

static LLVMValueRef masked_wide(const struct lanes *c) {
  LLVMTypeRef tf = LLVMGetElementType(LLVMTypeOf(c->x)), t = reg_type(c->m, c->to);
  double past = -ends_of(c->to, c->f64).low;
  if (c->whole && c->f64 && type_size(c->to) == 4)
    past -= 0.5; /* what is rounded to it; other floats have no halves there */
  bool all = type_size(c->cut) < type_size(c->to);
  LLVMValueRef on = all ? NULL : LLVMBuildFCmp(c->b, LLVMRealORD, c->x, c->x, "");
  LLVMValueRef r = convert_where(c, type_size(c->to), c->x, on);
  LLVMValueRef most = LLVMConstInt(t, (UINT64_C(1) << (8 * type_size(c->to) - 1)) - 1, 0);
  if (c->in.hi < past) return r;
  LLVMValueRef over = LLVMBuildFCmp(c->b, LLVMRealOGE, c->x, kreal(tf, past, c->n), "");
  return LLVMBuildSelect(c->b, over, splat_const(most, c->n), r, "");
}

/* fptosi.sat lane by lane is what LLVM makes of vectors: here the range is cut before converting, narrow types go
   through i32. */
static LLVMValueRef cut_first(const struct lanes *c) {
  struct module *m = c->m;
  LLVMBuilderRef b = c->b;
  unsigned n = c->n;
  LLVMValueRef x = c->whole ? c->whole : c->x;
  LLVMTypeRef tf = LLVMGetElementType(LLVMTypeOf(x)), out = vec_of(reg_type(m, c->to), n);
  struct ends e = ends_of(c->to, c->f64);
  bool narrow = type_size(c->to) < 4, sign = type_is_signed(c->to);
  LLVMTypeRef wide = narrow ? vec_of(m->i32, n) : out;
  LLVMValueRef low = kreal(tf, e.low, n), high = kreal(tf, e.high, n), zero = LLVMConstNull(out);
  LLVMValueRef v = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOGT, x, low, ""), x, low, ""); /* NaN: low */
  if (!(c->in.hi <= e.high)) v = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOLT, v, high, ""), v, high, "");
  v = sign || narrow ? LLVMBuildFPToSI(b, v, wide, "") : LLVMBuildFPToUI(b, v, wide, "");
  if (narrow) v = LLVMBuildTrunc(b, v, out, "");
  if (e.past > 0 && !(c->in.hi < e.past)) {
    LLVMValueRef all = LLVMConstNot(zero),
                 most =
                     sign ? LLVMConstInt(reg_type(m, c->to), (UINT64_C(1) << (8 * type_size(c->to) - 1)) - 1, 0) : NULL;
    LLVMValueRef over = LLVMBuildFCmp(b, LLVMRealOGE, x, kreal(tf, e.past, n), "");
    v = LLVMBuildSelect(b, over, sign ? splat_const(most, n) : all, v, "");
  }
  return sign ? LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealORD, x, x, ""), v, zero, "") : v;
}

/* x, which is truncated when it is converted, moved away from 0 by what rounds halves away: the largest number below a
   half, with which no other number reaches the next integer. */
static LLVMValueRef moved_away(struct module *m, LLVMBuilderRef b, LLVMValueRef x, unsigned n) {
  LLVMTypeRef t = LLVMTypeOf(x), tf = LLVMGetElementType(t);
  double half = tf == m->f64 ? nextafter(0.5, 0) : (double)nextafterf(0.5f, 0);
  LLVMValueRef arg[2] = {kreal(tf, half, n), x};
  return LLVMBuildFAdd(b, x, call_intrinsic(m, b, "llvm.copysign", &t, 1, arg, 2), "");
}

static LLVMValueRef lanes_to_int(struct module *m, LLVMBuilderRef b, enum dtype to, enum dtype cut, struct val v) {
  struct lanes c = {.m = m, .b = b, .to = to, .cut = cut, .x = v.v, .n = v.lanes};
  c.f64 = LLVMGetElementType(LLVMTypeOf(v.v)) == m->f64;
  c.in = between(v.v, DEPTH);
  enum whole w = called(v.v);
  bool narrow = type_size(to) < 4;
  if (w == WHOLE_nearest) c.whole = v.v;
  if (w == WHOLE_nearest || w == WHOLE_trunc) c.x = LLVMGetOperand(v.v, 0);
  if (w == WHOLE_away) c.x = moved_away(m, b, LLVMGetOperand(v.v, 0), v.lanes);
  if (!masked_conversion(&c, narrow ? 4 : type_size(to)) || (!narrow && !type_is_signed(to))) return cut_first(&c);
  return narrow ? masked_narrow(&c) : masked_wide(&c);
}

/* What C leaves open where the number does not fit: any number. */
static LLVMValueRef to_int_as_c(struct fn *f, enum dtype to, struct val v) {
  LLVMTypeRef t = vec_of(reg_type(f->m, to), v.lanes);
  LLVMValueRef r = type_is_signed(to) ? LLVMBuildFPToSI(f->b, v.v, t, "") : LLVMBuildFPToUI(f->b, v.v, t, "");
  return LLVMBuildFreeze(f->b, r, "");
}

struct val float_to_int(struct fn *f, enum dtype to, enum dtype cut, struct val v) {
  struct val r;
  const void *key = (const void *)(uintptr_t)(to * (unsigned)DT_COUNT + cut);
  if (cache_get(f, KEY_SAT, v.v, key, NULL, &r)) return r;
  unsigned lev = place_level(f, v.level);
  place_at(f, lev);
  LLVMTypeRef over[2] = {reg_type(f->m, to), LLVMTypeOf(v.v)};
  const char *name = type_is_signed(to) ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
  LLVMValueRef i = f->m->as_c ? to_int_as_c(f, to, v)
                   : v.lanes  ? lanes_to_int(f->m, f->b, to, cut, v)
                              : call_intrinsic(f->m, f->b, name, over, 2, &v.v, 1);
  r = mkval(i, lev, to, v.lanes);
  place_back(f);
  cache_put(f, KEY_SAT, v.v, key, NULL, r);
  return r;
}
