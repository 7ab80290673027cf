/* Scalar operations of ops.def on scalars or lanes, with the meaning of op_eval. Everything is total: integer division
   by zero gives 0, shifts by the width or more move every bit out, min and max are `b < a ? b : a`. Transcendentals are
   vmath.c's. */
#include "codegen/emit/build.h"

enum form { FORM_BIN, FORM_CMP, FORM_INTR, FORM_MATH, FORM_HAND };
struct row {
  uint8_t form;
  int flt, sgn, uns; /* opcodes or predicates */
  const char *intr;
};

#define BIN(f, s, u)                                                                                                   \
  { FORM_BIN, LLVM##f, LLVM##s, LLVM##u, NULL }
#define CMP(f, s, u)                                                                                                   \
  { FORM_CMP, LLVMReal##f, LLVMInt##s, LLVMInt##u, NULL }
#define INTR(name)                                                                                                     \
  { FORM_INTR, 0, 0, 0, name }
#define MATH(fn)                                                                                                       \
  { FORM_MATH, 0, 0, 0, NULL }
#define HAND                                                                                                           \
  { FORM_HAND, 0, 0, 0, NULL }
static const struct row table[OP_COUNT] = {
#define OP(name, n, types, result, flags, text, prec, F, S, U, LLVM) LLVM,
#include "ir/ops.def"
#undef OP
};

static struct val like(struct val shape, LLVMValueRef scalar) {
  return mkval(splat_const(scalar, shape.lanes), 0, shape.type, shape.lanes);
}

static struct val kint(struct fn *f, struct val shape, int64_t c) {
  return like(shape, LLVMConstInt(reg_type(f->m, shape.type), (uint64_t)c, 1));
}

static struct val compare(struct fn *f, enum op op, enum dtype t, struct val a, struct val b) {
  const struct row *r = &table[op];
  if (type_is_float(t)) return vfcmp(f, (LLVMRealPredicate)r->flt, a, b);
  return vicmp(f, (LLVMIntPredicate)(type_is_signed(t) ? r->sgn : r->uns), a, b);
}

/* Machines divide integers one at a time, floats in vectors: the quotient of two integers, rounded to a float that
   holds either and a few bits more, is never on the other side of an integer. */
static struct val divide_lanes(struct fn *f, enum dtype t, struct val a, struct val b, bool rem) {
  bool sign = type_is_signed(t), wide = type_size(t) > 2;
  LLVMTypeRef real = wide ? f->m->f64 : f->m->f32, whole = reg_type(f->m, t);
  enum dtype ft = wide ? DT_f64 : DT_f32;
  struct val x = vcastop(f, sign ? LLVMSIToFP : LLVMUIToFP, a, real, ft),
             y = vcastop(f, sign ? LLVMSIToFP : LLVMUIToFP, b, real, ft), q = vbin(f, LLVMFDiv, x, y, false);
  if (wide) {
    q = vcastop(f, sign ? LLVMFPToSI : LLVMFPToUI, q, whole, t);
  } else {
    q = vcastop(f, LLVMFPToSI, q, f->m->i32, DT_i32);
    q = vcastop(f, LLVMTrunc, q, whole, t);
  }
  return rem ? vbin(f, LLVMSub, a, vbin(f, LLVMMul, q, b, false), false) : q;
}

static struct val divided(struct fn *f, enum dtype t, struct val a, struct val b, bool rem) {
  static const LLVMOpcode op[2][2] = {{LLVMUDiv, LLVMURem}, {LLVMSDiv, LLVMSRem}};
  bool lanes = a.lanes && !f->simt && !LLVMIsConstant(b.v) && type_size(t) <= 4;
  return lanes ? divide_lanes(f, t, a, b, rem) : vbin(f, op[type_is_signed(t)][rem], a, b, false);
}

/* Division cannot trap: a divisor of 0 or -1 is replaced, and the result chosen afterwards. */
static struct val divide(struct fn *f, enum dtype t, struct val a, struct val b, bool rem) {
  struct val zero = kint(f, a, 0), one = kint(f, a, 1);
  struct val is0 = vicmp(f, LLVMIntEQ, b, zero);
  if (!type_is_signed(t)) {
    struct val d = vselect(f, is0, one, b);
    return vselect(f, is0, zero, divided(f, t, a, d, rem));
  }
  struct val ism = vicmp(f, LLVMIntEQ, b, kint(f, a, -1));
  struct val d = vselect(f, is0, one, vselect(f, ism, one, b));
  struct val q = divided(f, t, a, d, rem);
  q = vselect(f, ism, rem ? zero : vbin(f, LLVMSub, zero, a, false), q);
  return vselect(f, is0, zero, q);
}

static struct val shift(struct fn *f, enum op op, enum dtype t, struct val a, struct val b) {
  int64_t bits = 8 * (int64_t)type_size(t);
  struct val inside = vicmp(f, LLVMIntULT, b, kint(f, a, bits));
  struct val last = kint(f, a, bits - 1);
  if (op == OP_shr && type_is_signed(t)) return vbin(f, LLVMAShr, a, vselect(f, inside, b, last), false);
  struct val r = vbin(f, op == OP_shl ? LLVMShl : LLVMLShr, a, vselect(f, inside, b, last), false);
  return vselect(f, inside, r, kint(f, a, 0));
}

static struct val negate(struct fn *f, enum dtype t, struct val a) {
  if (!type_is_float(t)) return vbin(f, LLVMSub, kint(f, a, 0), a, false);
  struct val r;
  if (cache_get(f, 990, a.v, NULL, NULL, &r)) return r;
  unsigned lev = place_level(f, a.level);
  place_at(f, lev);
  r = mkval(LLVMBuildFNeg(f->b, a.v, ""), lev, t, a.lanes);
  place_back(f);
  cache_put(f, 990, a.v, NULL, NULL, r);
  return r;
}

static struct val absolute(struct fn *f, enum dtype t, struct val a) {
  if (type_is_float(t)) return vcall1(f, "llvm.fabs", a);
  if (!type_is_signed(t)) return a;
  return vselect(f, vicmp(f, LLVMIntSLT, a, kint(f, a, 0)), negate(f, t, a), a);
}

static struct val minmax(struct fn *f, enum dtype t, struct val a, struct val b, bool max) {
  return vselect(f, compare(f, max ? OP_gt : OP_lt, t, b, a), b, a);
}

/* The one that is not NaN. Equal numbers but zeros are one and the same. */
static struct val minmax_num(struct fn *f, enum dtype t, struct val a, struct val b, bool max) {
  double number;
  if (is_number(b.v, &number)) {
    if (number != 0) return vselect(f, vfcmp(f, max ? LLVMRealOGT : LLVMRealOLT, a, b), a, b);
    return vselect(f, vfcmp(f, max ? LLVMRealULT : LLVMRealUGT, a, b), b, a);
  }
  return vselect(f, vfcmp(f, LLVMRealUNO, a, a), b, minmax(f, t, a, b, max));
}

static struct val reciprocal_sqrt(struct fn *f, struct val a) {
  if (a.type == DT_f32 && f->reassoc && f->m->isa.avx512) return estimated_rsqrt(f, a);
  struct val one = like(a, LLVMConstReal(reg_type(f->m, a.type), 1));
  return vbin(f, LLVMFDiv, one, vcall1(f, "llvm.sqrt", a), false);
}

struct val call_all(struct fn *f, const char *intr, const struct val *v, unsigned n) {
  unsigned lev = 0;
  LLVMValueRef arg[3];
  for (unsigned i = 0; i < n; i++) {
    if (v[i].level > lev) lev = v[i].level;
    arg[i] = v[i].v;
  }
  lev = place_level(f, lev);
  LLVMTypeRef t = LLVMTypeOf(arg[0]);
  place_at(f, lev);
  struct val r = mkval(call_intrinsic(f->m, f->b, intr, &t, 1, arg, n), lev, v[0].type, v[0].lanes);
  place_back(f);
  return r;
}

/* a * b + c of types narrower than double: the product is exact there, the sum is rounded to odd (TwoSum finds whether
   it was inexact), so that the rounding to t is the only one. */
static struct val fma_odd(struct fn *f, enum dtype t, struct val *v) {
  struct val a = convert(f, DT_f64, v[0]), b = convert(f, DT_f64, v[1]), c = convert(f, DT_f64, v[2]);
  struct val p = vbin(f, LLVMFMul, a, b, false), s = vbin(f, LLVMFAdd, p, c, false);
  struct val bb = vbin(f, LLVMFSub, s, p, false);
  struct val e1 = vbin(f, LLVMFSub, p, vbin(f, LLVMFSub, s, bb, false), false);
  struct val err = vbin(f, LLVMFAdd, e1, vbin(f, LLVMFSub, c, bb, false), false);
  struct val zero = like(s, LLVMConstReal(f->m->f64, 0));
  struct val inexact = vfcmp(f, LLVMRealONE, err, zero);
  struct val away = vbin(f, LLVMXor, vfcmp(f, LLVMRealOLT, err, zero), vfcmp(f, LLVMRealOLT, s, zero), false);
  struct val u = vcastop(f, LLVMBitCast, s, f->m->i64, DT_u64);
  /* Truncate towards the true value, then make it odd. */
  struct val down = vbin(f, LLVMSub, u, vcastop(f, LLVMZExt, away, f->m->i64, DT_u64), false);
  struct val odd = vbin(f, LLVMOr, down, kint(f, down, 1), false);
  struct val finite = vfcmp(f, LLVMRealOLT, vcall1(f, "llvm.fabs", s), like(s, LLVMConstReal(f->m->f64, 0x1p1000)));
  struct val r = vselect(f, vbin(f, LLVMAnd, inexact, finite, false), odd, u);
  return convert(f, t, vcastop(f, LLVMBitCast, r, f->m->f64, DT_f64));
}

static struct val fused(struct fn *f, enum dtype t, struct val *v) {
  if (t == DT_f16 || t == DT_bf16) return fma_odd(f, t, v);
  if (f->m->isa.fma) return call_all(f, "llvm.fma", v, 3);
  if (t == DT_f32) return fma_odd(f, t, v);
  return emit_math(f, OP_fma, v);
}

/* The sign of a NaN means nothing: it counts as positive. */
static struct val with_sign(struct fn *f, struct val *v) {
  struct val both = call_all(f, "llvm.copysign", v, 2);
  return vselect(f, vfcmp(f, LLVMRealUNO, v[1], v[1]), vcall1(f, "llvm.fabs", v[0]), both);
}

/* --fp fast: the reciprocal is made where the divisor is known, and once for all that are divided by it. */
static struct val fdivide(struct fn *f, enum dtype t, struct val a, struct val b) {
  if (t != DT_f32 || !f->simt || !f->f->fast) return emit_quotient(f, a, b);
  return vbin(f, LLVMFMul, a, vbin(f, LLVMFDiv, like(b, LLVMConstReal(f->m->f32, 1)), b, false), true);
}

static struct val by_hand(struct fn *f, enum op op, enum dtype t, struct val *v) {
  switch (op) {
  case OP_div:
    return type_is_float(t) ? fdivide(f, t, v[0], v[1]) : divide(f, t, v[0], v[1], false);
  case OP_rem:
    return divide(f, t, v[0], v[1], true);
  case OP_neg:
    return negate(f, t, v[0]);
  case OP_abs:
    return absolute(f, t, v[0]);
  case OP_min:
  case OP_max:
    return minmax(f, t, v[0], v[1], op == OP_max);
  case OP_fmin:
  case OP_fmax:
    return minmax_num(f, t, v[0], v[1], op == OP_fmax);
  case OP_not:
    return vbin(f, LLVMXor, v[0], kint(f, v[0], -1), false);
  case OP_shl:
  case OP_shr:
    return shift(f, op, t, v[0], v[1]);
  case OP_select:
    return vselect(f, v[0], v[1], v[2]);
  case OP_rsqrt:
    return reciprocal_sqrt(f, v[0]);
  case OP_copysign:
    return with_sign(f, v);
  case OP_bits:
    return vcastop(f, LLVMBitCast, v[0], reg_type(f->m, op_result(op, t)), op_result(op, t));
  default:
    emit_fail(f->m, "internal: operation %u is not emitted", (unsigned)op);
    return v[0];
  }
}

static struct val math(struct fn *f, enum op op, enum dtype t, struct val *v) {
  struct val x[3];
  for (unsigned i = 0; i < op_info[op].arity; i++) {
    x[i] = v[i];
    if (t != DT_f64) x[i].type = DT_f32;
  }
  struct val r = emit_math(f, op, x);
  r.type = (uint8_t)t;
  return r;
}

static void match_operands(struct fn *f, struct val *v, unsigned n) {
  bool any = false;
  for (unsigned i = 0; i < n; i++) any |= v[i].lanes != 0;
  for (unsigned i = 0; any && i < n; i++) v[i] = vsplat(f, v[i]);
}

/* t: type of the operands (select: of operands 1 and 2). */
struct val emit_op(struct fn *f, enum op op, enum dtype t, struct val *v) {
  const struct row *r = &table[op];
  if (op == OP_select && !v[0].lanes)
    match_operands(f, v + 1, 2);
  else
    match_operands(f, v, op_info[op].arity);
  struct val x;
  switch (r->form) {
  case FORM_CMP:
    return compare(f, op, t, v[0], v[1]);
  case FORM_BIN: {
    bool flt = type_is_float(t);
    LLVMOpcode code = (LLVMOpcode)(flt ? r->flt : type_is_signed(t) ? r->sgn : r->uns);
    x = vbin(f, code, v[0], v[1], flt && f->reassoc && (t == DT_f32 || t == DT_f64));
    if (f->no_wrap && type_is_signed(t) && !flt) plain_no_wrap(x);
    break;
  }
  case FORM_INTR:
    x = op == OP_fma ? fused(f, t, v) : vcall1(f, r->intr, v[0]);
    break;
  case FORM_MATH:
    x = math(f, op, t, v);
    break;
  default:
    x = by_hand(f, op, t, v);
  }
  x.type = (uint8_t)op_result(op, t);
  if (op == OP_bits) return x;
  return type_is_float(t) && op != OP_select && op != OP_min && op != OP_max && op != OP_neg && op != OP_abs
             ? round_val(f, x)
             : x;
}
