/* Scalar types: how they lie in memory, how they are held, how they convert. The meaning is ir/type.h's type_convert
   and type_round. f16 and bf16 are held as float that is exactly representable; every operation is followed by
   round_val. e4m3 and e5m2, which have no operations, are held as their bytes. Operations on two such values
   round innocuously twice (24 >= 2p + 2 significand bits for +, -, *, / and sqrt), so results are those of a direct
   rounding. */
#include "codegen/emit/build.h"
#include <math.h>

LLVMTypeRef reg_type(struct module *m, enum dtype t) {
  switch (t) {
  case DT_bool:
    return m->i1;
  case DT_i8:
  case DT_u8:
  case DT_e4m3:
  case DT_e5m2:
    return m->i8;
  case DT_i16:
  case DT_u16:
    return m->i16;
  case DT_i32:
  case DT_u32:
    return m->i32;
  case DT_i64:
  case DT_u64:
    return m->i64;
  case DT_f64:
    return m->f64;
  default:
    return m->f32;
  }
}

LLVMTypeRef mem_type(struct module *m, enum dtype t) {
  if (t == DT_bool) return m->i8;
  if (t == DT_f16 || t == DT_bf16) return m->i16;
  return reg_type(m, t);
}

struct val const_val(struct fn *f, enum dtype t, union value v) {
  LLVMTypeRef rt = reg_type(f->m, t);
  if (!type_computes(t)) {
    uint8_t byte;
    type_store(t, &byte, v);
    return mkval(LLVMConstInt(rt, byte, 0), 0, t, 0);
  }
  LLVMValueRef c =
      type_is_float(t) ? LLVMConstReal(rt, v.f) : LLVMConstInt(rt, t == DT_bool ? v.u != 0 : v.u, type_is_signed(t));
  return mkval(c, 0, t, 0);
}

/* Splatted constants of the shape of `like`. */
static LLVMValueRef kint(LLVMTypeRef t, uint64_t c, unsigned lanes) {
  return splat_const(LLVMConstInt(t, c, 0), lanes);
}

static LLVMValueRef kreal(LLVMTypeRef t, double c, unsigned lanes) {
  return splat_const(LLVMConstReal(t, c), lanes);
}

/* half bits <-> float with integer operations, for machines without F16C (LLVM would call libgcc). */
static LLVMValueRef half_to_float_soft(struct module *m, LLVMBuilderRef b, LLVMValueRef h, unsigned n) {
  LLVMTypeRef t32 = vec_of(m->i32, n), tf = vec_of(m->f32, n);
  LLVMValueRef x = LLVMBuildZExt(b, h, t32, "");
  LLVMValueRef sign = LLVMBuildShl(b, LLVMBuildAnd(b, x, kint(m->i32, 0x8000, n), ""), kint(m->i32, 16, n), "");
  LLVMValueRef mag = LLVMBuildShl(b, LLVMBuildAnd(b, x, kint(m->i32, 0x7fff, n), ""), kint(m->i32, 13, n), "");
  /* Exponent and fraction in place, scaled by 2^112: right for zero and subnormals too. */
  LLVMValueRef scaled = LLVMBuildFMul(b, LLVMBuildBitCast(b, mag, tf, ""), kreal(m->f32, 0x1p112, n), "");
  LLVMValueRef special = LLVMBuildICmp(b, LLVMIntUGE, mag, kint(m->i32, 0x7c00u << 13, n), "");
  LLVMValueRef inf = LLVMBuildOr(b, mag, kint(m->i32, 0x7f800000, n), "");
  LLVMValueRef bits = LLVMBuildSelect(b, special, inf, LLVMBuildBitCast(b, scaled, t32, ""), "");
  return LLVMBuildBitCast(b, LLVMBuildOr(b, bits, sign, ""), tf, "");
}

/* Rounds to nearest even by adding a number whose last bit is that of the result. */
static LLVMValueRef float_to_half_soft(struct module *m, LLVMBuilderRef b, LLVMValueRef x, unsigned n) {
  LLVMTypeRef t32 = vec_of(m->i32, n), tf = vec_of(m->f32, n);
  LLVMValueRef u = LLVMBuildBitCast(b, x, t32, "");
  LLVMValueRef sign = LLVMBuildAnd(b, LLVMBuildLShr(b, u, kint(m->i32, 16, n), ""), kint(m->i32, 0x8000, n), "");
  LLVMValueRef a = LLVMBuildAnd(b, u, kint(m->i32, 0x7fffffff, n), "");
  LLVMValueRef lsb = LLVMBuildAnd(b, LLVMBuildLShr(b, a, kint(m->i32, 13, n), ""), kint(m->i32, 1, n), "");
  LLVMValueRef norm =
      LLVMBuildAdd(b, LLVMBuildAdd(b, a, kint(m->i32, 0xc8000fffu, n), ""), lsb, ""); /* exponent less 112, + half */
  norm = LLVMBuildLShr(b, norm, kint(m->i32, 13, n), "");
  LLVMValueRef magic = kint(m->i32, 0x3f000000, n); /* 0.5: its last bit is 2^-24 */
  LLVMValueRef sub = LLVMBuildFAdd(b, LLVMBuildBitCast(b, a, tf, ""), LLVMBuildBitCast(b, magic, tf, ""), "");
  sub = LLVMBuildSub(b, LLVMBuildBitCast(b, sub, t32, ""), magic, "");
  LLVMValueRef r = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntULT, a, kint(m->i32, 0x38800000, n), ""), sub, norm, "");
  LLVMValueRef big = LLVMBuildICmp(b, LLVMIntUGE, a, kint(m->i32, 0x477ff000, n), "");
  LLVMValueRef nan = LLVMBuildICmp(b, LLVMIntUGT, a, kint(m->i32, 0x7f800000, n), "");
  r = LLVMBuildSelect(b, big, kint(m->i32, 0x7c00, n), r, "");
  r = LLVMBuildSelect(b, nan, kint(m->i32, 0x7e00, n), r, "");
  return LLVMBuildTrunc(b, LLVMBuildOr(b, r, sign, ""), vec_of(m->i16, n), "");
}

static LLVMValueRef half_to_float(struct module *m, LLVMBuilderRef b, LLVMValueRef h, unsigned n) {
  if (!m->isa.f16c) return half_to_float_soft(m, b, h, n);
  LLVMTypeRef half = vec_of(LLVMHalfTypeInContext(m->ctx), n);
  return LLVMBuildFPExt(b, LLVMBuildBitCast(b, h, half, ""), vec_of(m->f32, n), "");
}

static LLVMValueRef float_to_half(struct module *m, LLVMBuilderRef b, LLVMValueRef x, unsigned n) {
  if (!m->isa.f16c) return float_to_half_soft(m, b, x, n);
  LLVMValueRef h = LLVMBuildFPTrunc(b, x, vec_of(LLVMHalfTypeInContext(m->ctx), n), "");
  return LLVMBuildBitCast(b, h, vec_of(m->i16, n), "");
}

/* e4m3 in the upper bits of an f16: 2^-8 of the value, subnormals too; of its NaN the exponent is filled up. */
static LLVMValueRef e4m3_to_float(struct module *m, LLVMBuilderRef b, LLVMValueRef x, unsigned n) {
  LLVMTypeRef t16 = vec_of(m->i16, n);
  LLVMValueRef h = LLVMBuildShl(b, LLVMBuildSExt(b, x, t16, ""), kint(m->i16, 7, n), "");
  LLVMValueRef mag = LLVMBuildAnd(b, h, kint(m->i16, 0x3f80, n), "");
  LLVMValueRef nan = LLVMBuildAnd(b, LLVMBuildAdd(b, mag, kint(m->i16, 0x80, n), ""), kint(m->i16, 0x4000, n), "");
  h = LLVMBuildOr(b, LLVMBuildAnd(b, h, kint(m->i16, 0xbf80, n), ""), nan, "");
  return LLVMBuildFMul(b, half_to_float(m, b, h, n), kreal(m->f32, 256, n), "");
}

/* GPUs convert pairs: the other half stays 0. The instruction to fp8 saturates, infinities too. */
static LLVMValueRef fp8_to_float_thread(struct module *m, LLVMBuilderRef b, enum dtype t, LLVMValueRef x) {
  const char *name = t == DT_e4m3 ? "llvm.nvvm.e4m3x2.to.f16x2.rn" : "llvm.nvvm.e5m2x2.to.f16x2.rn";
  LLVMValueRef pair = LLVMBuildZExt(b, x, m->i16, "");
  pair = call_intrinsic(m, b, name, NULL, 0, &pair, 1);
  return LLVMBuildFPExt(b, LLVMBuildExtractElement(b, pair, LLVMConstInt(m->i32, 0, 0), ""), m->f32, "");
}

static LLVMValueRef float_to_fp8_thread(struct module *m, LLVMBuilderRef b, enum dtype t, LLVMValueRef x) {
  const char *name = t == DT_e4m3 ? "llvm.nvvm.ff.to.e4m3x2.rn" : "llvm.nvvm.ff.to.e5m2x2.rn";
  LLVMValueRef arg[2] = {LLVMConstReal(m->f32, 0), x};
  return LLVMBuildTrunc(b, call_intrinsic(m, b, name, NULL, 0, arg, 2), m->i8, "");
}

static LLVMValueRef fp8_to_float(struct module *m, LLVMBuilderRef b, enum dtype t, LLVMValueRef x, unsigned n) {
  if (m->isa.fp8) return fp8_to_float_thread(m, b, t, x);
  if (t == DT_e4m3) return e4m3_to_float(m, b, x, n);
  LLVMValueRef h = LLVMBuildShl(b, LLVMBuildZExt(b, x, vec_of(m->i16, n), ""), kint(m->i16, 8, n), "");
  return half_to_float(m, b, h, n);
}

/* x is exactly an e4m3 or e5m2 (which is the upper byte of an f16). Subnormals of e4m3 become the last bits of a sum
   whose last bit is worth 2^-9; a NaN is beyond all numbers and loses its sign. */
static LLVMValueRef float_to_fp8(struct module *m, LLVMBuilderRef b, enum dtype t, LLVMValueRef x, unsigned n) {
  LLVMTypeRef t32 = vec_of(m->i32, n), tf = vec_of(m->f32, n), t8 = vec_of(m->i8, n);
  if (t == DT_e5m2)
    return LLVMBuildTrunc(b, LLVMBuildLShr(b, float_to_half(m, b, x, n), kint(m->i16, 8, n), ""), t8, "");
  LLVMValueRef u = LLVMBuildBitCast(b, x, t32, ""), magic = kint(m->i32, 0x46800000, n);
  LLVMValueRef a = LLVMBuildAnd(b, u, kint(m->i32, 0x7fffffff, n), "");
  LLVMValueRef sub = LLVMBuildFAdd(b, LLVMBuildBitCast(b, a, tf, ""), LLVMBuildBitCast(b, magic, tf, ""), "");
  sub = LLVMBuildSub(b, LLVMBuildBitCast(b, sub, t32, ""), magic, "");
  LLVMValueRef norm = LLVMBuildSub(b, LLVMBuildLShr(b, a, kint(m->i32, 20, n), ""), kint(m->i32, 120 << 3, n), "");
  LLVMValueRef r = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntULT, a, kint(m->i32, 0x3c800000, n), ""), sub, norm, "");
  LLVMValueRef sign = LLVMBuildAnd(b, LLVMBuildLShr(b, u, kint(m->i32, 24, n), ""), kint(m->i32, 0x80, n), "");
  LLVMValueRef nan = LLVMBuildICmp(b, LLVMIntUGT, a, kint(m->i32, 0x7f800000, n), "");
  r = LLVMBuildSelect(b, nan, kint(m->i32, 0x7f, n), LLVMBuildOr(b, r, sign, ""), "");
  return LLVMBuildTrunc(b, r, t8, "");
}

struct val from_memory(struct fn *f, enum dtype t, LLVMValueRef v, unsigned lanes, unsigned level) {
  struct module *m = f->m;
  if (t == DT_bool) v = LLVMBuildICmp(f->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
  if (t == DT_f16) v = half_to_float(m, f->b, v, lanes);
  if (t == DT_bf16) {
    v = LLVMBuildShl(f->b, LLVMBuildZExt(f->b, v, vec_of(m->i32, lanes), ""), kint(m->i32, 16, lanes), "");
    v = LLVMBuildBitCast(f->b, v, vec_of(m->f32, lanes), "");
  }
  return mkval(v, level, t, lanes);
}

LLVMValueRef to_memory(struct fn *f, struct val v) {
  struct module *m = f->m;
  if (v.type == DT_bool) return LLVMBuildZExt(f->b, v.v, vec_of(m->i8, v.lanes), "");
  if (v.type == DT_f16) return float_to_half(m, f->b, v.v, v.lanes);
  if (v.type == DT_bf16) {
    LLVMValueRef u = LLVMBuildBitCast(f->b, v.v, vec_of(m->i32, v.lanes), "");
    return LLVMBuildTrunc(f->b, LLVMBuildLShr(f->b, u, kint(m->i32, 16, v.lanes), ""), vec_of(m->i16, v.lanes), "");
  }
  return v.v;
}

/* To nearest even, NaN stays NaN, subnormals are kept (vcvtneps2bf16 would flush them). */
static LLVMValueRef round_bf16(struct module *m, LLVMBuilderRef b, LLVMValueRef x, unsigned n) {
  LLVMTypeRef t32 = vec_of(m->i32, n);
  LLVMValueRef u = LLVMBuildBitCast(b, x, t32, "");
  LLVMValueRef lsb = LLVMBuildAnd(b, LLVMBuildLShr(b, u, kint(m->i32, 16, n), ""), kint(m->i32, 1, n), "");
  LLVMValueRef r = LLVMBuildAdd(b, LLVMBuildAdd(b, u, kint(m->i32, 0x7fff, n), ""), lsb, "");
  r = LLVMBuildAnd(b, r, kint(m->i32, 0xffff0000u, n), "");
  LLVMValueRef nan = LLVMBuildFCmp(b, LLVMRealUNO, x, x, "");
  r = LLVMBuildSelect(b, nan, kint(m->i32, 0x7fc00000, n), r, "");
  return LLVMBuildBitCast(b, r, vec_of(m->f32, n), "");
}

/* A GPU's instruction does the same, but for the bits of a NaN. */
static LLVMValueRef round_bf16_thread(struct module *m, LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef h = LLVMBuildFPTrunc(b, x, LLVMBFloatTypeInContext(m->ctx), "");
  LLVMValueRef u = LLVMBuildZExt(b, LLVMBuildBitCast(b, h, m->i16, ""), m->i32, "");
  return LLVMBuildBitCast(b, LLVMBuildShl(b, u, LLVMConstInt(m->i32, 16, 0), ""), m->f32, "");
}

/* To nearest even after cutting off what is too large: adding and subtracting a power of two whose last bit is that of
   the result (of subnormals that of the least normal number). NaN goes through all of it. */
static LLVMValueRef round_fp8(struct module *m, LLVMBuilderRef b, enum dtype t, LLVMValueRef x, unsigned n) {
  LLVMTypeRef t32 = vec_of(m->i32, n), tf = vec_of(m->f32, n);
  unsigned mant = type_mantissa(t);
  double most = type_largest(t), normal = type_least(t) * (double)(1u << (mant - 1));
  LLVMValueRef u = LLVMBuildBitCast(b, x, t32, ""), sign = LLVMBuildAnd(b, u, kint(m->i32, 0x80000000u, n), "");
  LLVMValueRef a = LLVMBuildBitCast(b, LLVMBuildAnd(b, u, kint(m->i32, 0x7fffffff, n), ""), tf, "");
  LLVMValueRef top = kreal(m->f32, most, n), low = LLVMBuildBitCast(b, kreal(m->f32, normal, n), t32, "");
  a = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOGT, a, top, ""), top, a, "");
  LLVMValueRef e = LLVMBuildAnd(b, LLVMBuildBitCast(b, a, t32, ""), kint(m->i32, 0x7f800000, n), "");
  e = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntULT, e, low, ""), low, e, "");
  LLVMValueRef c = LLVMBuildBitCast(b, LLVMBuildAdd(b, e, kint(m->i32, (24 - mant) << 23, n), ""), tf, "");
  a = LLVMBuildFSub(b, LLVMBuildFAdd(b, a, c, ""), c, "");
  return LLVMBuildBitCast(b, LLVMBuildOr(b, LLVMBuildBitCast(b, a, t32, ""), sign, ""), tf, "");
}

enum { KEY_ROUND = 700, KEY_ODD = 701, KEY_BYTE = 703 };

/* v.v is a float that stands for a value of v.type not yet rounded to it. */
struct val round_val(struct fn *f, struct val v) {
  if (v.type != DT_f16 && v.type != DT_bf16) return v;
  struct val r;
  const void *t = (const void *)(uintptr_t)v.type;
  if (cache_get(f, KEY_ROUND, v.v, t, NULL, &r)) return r;
  unsigned lev = place_level(f, v.level);
  place_at(f, lev);
  LLVMValueRef x = v.type == DT_bf16 && f->simt ? round_bf16_thread(f->m, f->b, v.v)
                   : v.type == DT_bf16          ? round_bf16(f->m, f->b, v.v, v.lanes)
                                       : half_to_float(f->m, f->b, float_to_half(f->m, f->b, v.v, v.lanes), v.lanes);
  place_back(f);
  r = mkval(x, lev, v.type, v.lanes);
  cache_put(f, KEY_ROUND, v.v, t, NULL, r);
  return r;
}

/* Between e4m3 or e5m2, held as bytes, and f32. */
static struct val convert_byte(struct fn *f, enum dtype to, struct val v) {
  struct val r;
  struct module *m = f->m;
  const void *key = (const void *)(uintptr_t)(to * (unsigned)DT_COUNT + v.type);
  if (cache_get(f, KEY_BYTE, v.v, key, NULL, &r)) return r;
  unsigned lev = place_level(f, v.level);
  place_at(f, lev);
  LLVMValueRef x = to == DT_f32 ? fp8_to_float(m, f->b, v.type, v.v, v.lanes)
                   : m->isa.fp8 ? float_to_fp8_thread(m, f->b, to, v.v)
                                : float_to_fp8(m, f->b, to, round_fp8(m, f->b, to, v.v, v.lanes), v.lanes);
  place_back(f);
  r = mkval(x, lev, to, v.lanes);
  cache_put(f, KEY_BYTE, v.v, key, NULL, r);
  return r;
}

/* double to float, rounded to odd, so that a second rounding to a narrower type is the only one. */
static struct val narrow_odd(struct fn *f, struct val v) {
  struct val r;
  if (cache_get(f, KEY_ODD, v.v, NULL, NULL, &r)) return r;
  struct module *m = f->m;
  unsigned n = v.lanes;
  unsigned lev = place_level(f, v.level);
  place_at(f, lev);
  LLVMBuilderRef b = f->b;
  LLVMTypeRef t32 = vec_of(m->i32, n);
  LLVMValueRef x = LLVMBuildFPTrunc(b, v.v, vec_of(m->f32, n), "");
  LLVMValueRef back = LLVMBuildFPExt(b, x, vec_of(m->f64, n), "");
  LLVMValueRef u = LLVMBuildBitCast(b, x, t32, "");
  LLVMTypeRef t64 = LLVMTypeOf(v.v);
  LLVMValueRef over = LLVMBuildFCmp(b, LLVMRealOGT, call_intrinsic(m, b, "llvm.fabs", &t64, 1, &back, 1),
                                    call_intrinsic(m, b, "llvm.fabs", &t64, 1, &v.v, 1), "");
  LLVMValueRef exact = LLVMBuildFCmp(b, LLVMRealUEQ, back, v.v, "");
  LLVMValueRef down = LLVMBuildSub(b, u, LLVMBuildZExt(b, over, t32, ""), "");
  LLVMValueRef odd = LLVMBuildOr(b, down, kint(m->i32, 1, n), "");
  LLVMValueRef bits = LLVMBuildSelect(b, exact, u, odd, "");
  r = mkval(LLVMBuildBitCast(b, bits, vec_of(m->f32, n), ""), lev, DT_f32, n);
  place_back(f);
  cache_put(f, KEY_ODD, v.v, NULL, NULL, r);
  return r;
}

static struct val as_type(struct val v, enum dtype t) {
  v.type = (uint8_t)t;
  return v;
}

static struct val float_to_float(struct fn *f, enum dtype to, struct val v) {
  if (to == DT_f64) return vcastop(f, LLVMFPExt, v, f->m->f64, to);
  if (v.type == DT_f64) {
    if (to == DT_f32) return vcastop(f, LLVMFPTrunc, v, f->m->f32, to);
    return round_val(f, as_type(narrow_odd(f, v), to));
  }
  bool exact = to == DT_f32;
  return exact ? as_type(v, to) : round_val(f, as_type(v, to));
}

/* A float from which a narrower one is rounded as from the integer itself. */
static struct val int_to_odd(struct fn *f, struct val v) {
  LLVMOpcode op = type_is_signed(v.type) ? LLVMSIToFP : LLVMUIToFP;
  if (type_size(v.type) < 4) return vcastop(f, op, v, f->m->f32, DT_f32);
  if (type_size(v.type) < 8) return narrow_odd(f, vcastop(f, op, v, f->m->f64, DT_f64));
  /* keep 53 bits, the lost ones or-ed into the last (ir/type.c does the same) */
  struct val low = vbin(f, LLVMAnd, v, v.lanes ? vsplat(f, vi64(f, 0x7ff)) : vi64(f, 0x7ff), false);
  struct val zero = v.lanes ? vsplat(f, vi64(f, 0)) : vi64(f, 0);
  struct val high = vbin(f, LLVMSub, v, low, false);
  struct val sticky = vcastop(f, LLVMZExt, vicmp(f, LLVMIntNE, low, zero), f->m->i64, v.type);
  struct val eleven = v.lanes ? vsplat(f, vi64(f, 11)) : vi64(f, 11);
  struct val big = vbin(f, LLVMOr, high, vbin(f, LLVMShl, sticky, eleven, false), false);
  /* Small magnitudes are exact in double as they stand. */
  struct val back = vcastop(f, op, v, f->m->f64, DT_f64);
  struct val limit = mkval(LLVMConstReal(f->m->f64, 0x1p53), 0, DT_f64, 0);
  if (v.lanes) limit = vsplat(f, limit);
  struct val small = vfcmp(f, LLVMRealOLT, vcall1(f, "llvm.fabs", back), limit);
  return narrow_odd(f, vcastop(f, op, vselect(f, small, v, big), f->m->f64, DT_f64));
}

static struct val int_to_float(struct fn *f, enum dtype to, struct val v) {
  LLVMOpcode op = type_is_signed(v.type) ? LLVMSIToFP : LLVMUIToFP;
  if (to == DT_f64) return vcastop(f, op, v, f->m->f64, to);
  if (to == DT_f32) return vcastop(f, op, v, f->m->f32, to);
  return round_val(f, as_type(int_to_odd(f, v), to));
}

static struct val int_to_int(struct fn *f, enum dtype to, struct val v) {
  size_t from = type_size(v.type), size = type_size(to);
  LLVMTypeRef t = reg_type(f->m, to);
  if (v.type == DT_bool) return vcastop(f, LLVMZExt, v, t, to);
  if (size < from) return vcastop(f, LLVMTrunc, v, t, to);
  if (size > from) return vcastop(f, type_is_signed(v.type) ? LLVMSExt : LLVMZExt, v, t, to);
  return as_type(v, to);
}

static struct val to_bool(struct fn *f, struct val v) {
  struct val zero = mkval(LLVMConstNull(LLVMTypeOf(v.v)), 0, v.type, v.lanes);
  return type_is_float(v.type) ? vfcmp(f, LLVMRealUNE, v, zero) : vicmp(f, LLVMIntNE, v, zero);
}

/* As a float from which a narrow type is rounded as from v itself. */
static struct val to_wider(struct fn *f, struct val v) {
  if (v.type == DT_f64) return narrow_odd(f, v);
  return type_is_float(v.type) ? as_type(v, DT_f32) : int_to_odd(f, v);
}

struct val convert(struct fn *f, enum dtype to, struct val v) {
  if (v.type == to) return v;
  if (!type_computes(v.type)) return convert(f, to, convert_byte(f, DT_f32, v));
  if (!type_computes(to)) return convert_byte(f, to, to_wider(f, v));
  if (to == DT_bool) return to_bool(f, v);
  bool ff = type_is_float(v.type), tf = type_is_float(to);
  if (ff && tf) return float_to_float(f, to, v);
  if (ff) return float_to_int(f, to, to, v);
  if (tf) return int_to_float(f, to, v);
  return int_to_int(f, to, v);
}
