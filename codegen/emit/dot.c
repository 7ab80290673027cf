/* Matrix instructions on vectors: DOT_BYTES of each operand in each 32-bit lane, their products added to the lane.
   Exact for integers (sums wrap, nothing saturates). i8 x i8, which has no instruction on most machines, is u8 x i8 of
   a + 128, less 128 * b: exact in arithmetic that wraps. Machines without such instructions multiply pairs of 16 bit
   integers (pmaddwd, SSE2): bytes are those at even and those at odd places, widened. */
#include "codegen/emit/build.h"

enum { KEY_BIAS = 921, KEY_EVEN = 922, KEY_ODD = 924 };

/* The form for this many lanes, or NULL. */
static const char *instruction(const struct fn *f, enum dotkind k, unsigned lanes) {
  static const char *const busd[] = {"llvm.x86.avx512.vpdpbusd.128", "llvm.x86.avx512.vpdpbusd.256",
                                     "llvm.x86.avx512.vpdpbusd.512"};
  static const char *const wssd[] = {"llvm.x86.avx512.vpdpwssd.128", "llvm.x86.avx512.vpdpwssd.256",
                                     "llvm.x86.avx512.vpdpwssd.512"};
  static const char *const bssd[] = {"llvm.x86.avx2.vpdpbssd.128", "llvm.x86.avx2.vpdpbssd.256", NULL};
  static const char *const bf16[] = {"llvm.x86.avx512bf16.dpbf16ps.128", "llvm.x86.avx512bf16.dpbf16ps.256",
                                     "llvm.x86.avx512bf16.dpbf16ps.512"};
  static const char *const madd[] = {"llvm.x86.sse2.pmadd.wd", "llvm.x86.avx2.pmadd.wd",
                                     "llvm.x86.avx512.pmaddw.d.512"};
  const struct isa *isa = &f->m->isa;
  int i = lanes == 4 ? 0 : lanes == 8 ? 1 : lanes == 16 ? 2 : -1;
  if (i < 0 || (i == 2 && !isa->avx512)) return NULL;
  if (k != DOT_bf16 && k != DOT_u8i8 && k != DOT_i8i8 && k != DOT_i16i16) return NULL;
  if (k == DOT_bf16) return isa->bf16 && f->reassoc ? bf16[i] : NULL;
  if (k == DOT_i8i8 && isa->vnni_int8 && bssd[i]) return bssd[i];
  if (!isa->vnni) return i <= isa->madd ? madd[i] : NULL;
  return k == DOT_i16i16 ? wssd[i] : busd[i];
}

bool dot_possible(const struct fn *f, enum dotkind k) {
  return instruction(f, k, f->lanes) != NULL;
}

static LLVMValueRef call_n(struct fn *f, const char *name, LLVMValueRef *arg, unsigned n) {
  LLVMTypeRef type, want[3];
  LLVMValueRef fn = intrinsic(f->m, name, NULL, 0, &type);
  LLVMGetParamTypes(type, want);
  for (unsigned i = 0; i < n; i++)
    if (LLVMTypeOf(arg[i]) != want[i]) arg[i] = LLVMBuildBitCast(f->b, arg[i], want[i], "");
  return LLVMBuildCall2(f->b, type, fn, arg, n, "");
}

static LLVMValueRef call(struct fn *f, const char *name, LLVMValueRef acc, LLVMValueRef a, LLVMValueRef b) {
  return call_n(f, name, (LLVMValueRef[]){acc, a, b}, 3);
}

struct val dot_bytes(struct fn *f, uint8_t byte) {
  return mkval(splat_const(LLVMConstInt(f->m->i32, byte * 0x01010101u, 0), f->lanes), 0, DT_i32, f->lanes);
}

/* 128 * the sum of the parts of b. */
static struct val bias_of(struct fn *f, const char *name, struct val b) {
  struct val r;
  if (cache_get(f, KEY_BIAS, b.v, NULL, NULL, &r)) return r;
  unsigned lev = place_level(f, b.level);
  place_at(f, lev);
  r = mkval(call(f, name, dot_bytes(f, 0).v, dot_bytes(f, 0x80).v, b.v), lev, DT_i32, f->lanes);
  place_back(f);
  cache_put(f, KEY_BIAS, b.v, NULL, NULL, r);
  return r;
}

/* The bytes of v at even or odd places as 16 bit integers, made once for all products of v. */
static struct val widened(struct fn *f, struct val v, bool odd, bool sign) {
  struct val r;
  unsigned key = (odd ? KEY_ODD : KEY_EVEN) + sign;
  if (cache_get(f, key, v.v, NULL, NULL, &r)) return r;
  unsigned lev = place_level(f, v.level), n = 2 * f->lanes;
  place_at(f, lev);
  LLVMValueRef x = LLVMBuildBitCast(f->b, v.v, vec_of(f->m->i16, n), ""),
               eight = splat_const(LLVMConstInt(f->m->i16, 8, 0), n),
               byte = splat_const(LLVMConstInt(f->m->i16, 0xff, 0), n);
  if (!odd) x = sign ? LLVMBuildShl(f->b, x, eight, "") : LLVMBuildAnd(f->b, x, byte, "");
  if (odd || sign) x = sign ? LLVMBuildAShr(f->b, x, eight, "") : LLVMBuildLShr(f->b, x, eight, "");
  r = mkval(x, lev, DT_i16, n);
  place_back(f);
  cache_put(f, key, v.v, NULL, NULL, r);
  return r;
}

/* A pair of products of 16 bits added to each lane. */
static LLVMValueRef add_pairs(struct fn *f, const char *name, LLVMValueRef acc, struct val a, struct val b) {
  return LLVMBuildAdd(f->b, acc, call_n(f, name, (LLVMValueRef[]){a.v, b.v}, 2), "");
}

static struct val dot_pairs(struct fn *f, const char *name, enum dotkind k, struct val acc, struct val a,
                            struct val b) {
  LLVMValueRef sum = acc.v;
  bool sign = k == DOT_i8i8;
  if (k == DOT_i16i16) return mkval(add_pairs(f, name, sum, a, b), cur_level(f), acc.type, f->lanes);
  struct val a0 = widened(f, a, false, sign), b0 = widened(f, b, false, true), a1 = widened(f, a, true, sign),
             b1 = widened(f, b, true, true);
  sum = add_pairs(f, name, add_pairs(f, name, sum, a0, b0), a1, b1);
  return mkval(sum, cur_level(f), acc.type, f->lanes);
}

struct val emit_dot(struct fn *f, enum dotkind k, struct val acc, struct val a, struct val b) {
  const char *name = instruction(f, k, f->lanes);
  bool pairs = !f->m->isa.vnni && k != DOT_bf16 && !(k == DOT_i8i8 && f->m->isa.vnni_int8 && f->lanes < 16);
  if ((f->m->nop += pairs ? 4 : 1) > OP_LIMIT) emit_fail(f->m, "the unrolled code is too large");
  if (pairs) return dot_pairs(f, name, k, acc, a, b);
  if (k == DOT_i8i8 && !(f->m->isa.vnni_int8 && f->lanes < 16)) {
    a = vbin(f, LLVMXor, a, dot_bytes(f, 0x80), false);
    acc = vbin(f, LLVMSub, acc, bias_of(f, name, b), false);
  }
  return mkval(call(f, name, acc.v, a.v, b.v), cur_level(f), acc.type, f->lanes);
}
