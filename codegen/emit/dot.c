/* Matrix instructions on vectors: DOT_BYTES of each operand in each 32-bit lane, their products added to the lane.
   Exact for integers (sums wrap, nothing saturates). i8 x i8, which has no instruction on most machines, is u8 x i8 of
   a + 128, less 128 * b: exact in arithmetic that wraps. */
#include "codegen/emit/build.h"

enum { KEY_BIAS = 921 };

/* The form for this many lanes, or NULL. */
static const char *instruction(const struct fn *f, enum dotkind k, unsigned lanes) {
  static const char *const busd[] = {"llvm.x86.avx512.vpdpbusd.128", "llvm.x86.avx512.vpdpbusd.256",
                                     "llvm.x86.avx512.vpdpbusd.512"};
  static const char *const wssd[] = {"llvm.x86.avx512.vpdpwssd.128", "llvm.x86.avx512.vpdpwssd.256",
                                     "llvm.x86.avx512.vpdpwssd.512"};
  static const char *const bssd[] = {"llvm.x86.avx2.vpdpbssd.128", "llvm.x86.avx2.vpdpbssd.256", NULL};
  static const char *const bf16[] = {"llvm.x86.avx512bf16.dpbf16ps.128", "llvm.x86.avx512bf16.dpbf16ps.256",
                                     "llvm.x86.avx512bf16.dpbf16ps.512"};
  const struct isa *isa = &f->m->isa;
  int i = lanes == 4 ? 0 : lanes == 8 ? 1 : lanes == 16 ? 2 : -1;
  if (i < 0 || (i == 2 && !isa->avx512)) return NULL;
  if (k == DOT_bf16) return isa->bf16 && f->reassoc ? bf16[i] : NULL;
  if (k == DOT_i8i8 && isa->vnni_int8 && bssd[i]) return bssd[i];
  if (!isa->vnni) return NULL;
  return k == DOT_i16i16 ? wssd[i] : busd[i];
}

bool dot_possible(const struct fn *f, enum dotkind k) {
  return instruction(f, k, f->lanes) != NULL;
}

static LLVMValueRef call(struct fn *f, const char *name, LLVMValueRef acc, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef type, want[3];
  LLVMValueRef fn = intrinsic(f->m, name, NULL, 0, &type), arg[3] = {acc, a, b};
  LLVMGetParamTypes(type, want);
  for (unsigned i = 0; i < 3; i++)
    if (LLVMTypeOf(arg[i]) != want[i]) arg[i] = LLVMBuildBitCast(f->b, arg[i], want[i], "");
  return LLVMBuildCall2(f->b, type, fn, arg, 3, "");
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

struct val emit_dot(struct fn *f, enum dotkind k, struct val acc, struct val a, struct val b) {
  const char *name = instruction(f, k, f->lanes);
  if (k == DOT_i8i8 && !(f->m->isa.vnni_int8 && f->lanes < 16)) {
    a = vbin(f, LLVMXor, a, dot_bytes(f, 0x80), false);
    acc = vbin(f, LLVMSub, acc, bias_of(f, name, b), false);
  }
  if (++f->m->nop > OP_LIMIT) emit_fail(f->m, "the unrolled code is too large");
  return mkval(call(f, name, acc.v, a.v, b.v), cur_level(f), acc.type, f->lanes);
}
