/* Significand and exponent of floats by instructions of AVX-512, on any number of lanes; a scalar is a lane of four. */
#include "codegen/emit/vm.h"

enum { POSITIVE = 12 /* a negative number has none: NaN; that of -0 is 1 */ };

static V lanes_from(struct vm *v, V x, unsigned first, unsigned n) {
  V idx[LANE_LIMIT];
  unsigned have = LLVMGetVectorSize(LLVMTypeOf(x));
  for (unsigned i = 0; i < n; i++) idx[i] = LLVMConstInt(v->m->i32, (first + i) % have, 0);
  return LLVMBuildShuffleVector(v->b, x, LLVMGetPoison(LLVMTypeOf(x)), LLVMConstVector(idx, n), "");
}

/* x has the lanes of a register of 16, 32 or 64 bytes. */
static V instruction(struct vm *v, bool mantissa, V x) {
  static const char *const name[2][2][3] = {
      {{"llvm.x86.avx512.mask.getexp.ps.128", "llvm.x86.avx512.mask.getexp.ps.256",
        "llvm.x86.avx512.mask.getexp.ps.512"},
       {"llvm.x86.avx512.mask.getexp.pd.128", "llvm.x86.avx512.mask.getexp.pd.256",
        "llvm.x86.avx512.mask.getexp.pd.512"}},
      {{"llvm.x86.avx512.mask.getmant.ps.128", "llvm.x86.avx512.mask.getmant.ps.256",
        "llvm.x86.avx512.mask.getmant.ps.512"},
       {"llvm.x86.avx512.mask.getmant.pd.128", "llvm.x86.avx512.mask.getmant.pd.256",
        "llvm.x86.avx512.mask.getmant.pd.512"}}};
  LLVMTypeRef t = LLVMTypeOf(x);
  bool f64 = LLVMGetElementType(t) == v->m->f64;
  unsigned n = LLVMGetVectorSize(t), size = n * (f64 ? 8 : 4) / 32, k = 0; /* 0, 1, 2 */
  V arg[5] = {x};
  if (mantissa) arg[++k] = LLVMConstInt(v->m->i32, POSITIVE, 0);
  arg[++k] = LLVMConstNull(t);
  arg[++k] = LLVMConstAllOnes(n == 16 ? v->m->i16 : v->m->i8);
  if (size == 2) arg[++k] = LLVMConstInt(v->m->i32, 4, 0); /* the current rounding */
  return call_intrinsic(v->m, v->b, name[mantissa][f64][size], NULL, 0, arg, k + 1);
}

static V split(struct vm *v, bool mantissa, V x, unsigned n) {
  LLVMTypeRef e = n ? LLVMGetElementType(LLVMTypeOf(x)) : LLVMTypeOf(x);
  unsigned least = e == v->m->f64 ? 2 : 4, most = 4 * least;
  V first = LLVMConstInt(v->m->i32, 0, 0);
  if (n == 0) {
    x = LLVMBuildInsertElement(v->b, LLVMConstNull(LLVMVectorType(e, least)), x, first, "");
    return LLVMBuildExtractElement(v->b, instruction(v, mantissa, x), first, "");
  }
  if (n < least) return lanes_from(v, instruction(v, mantissa, lanes_from(v, x, 0, least)), 0, n);
  if (n <= most) return instruction(v, mantissa, x);
  V half[2], idx[LANE_LIMIT];
  for (unsigned h = 0; h < 2; h++) half[h] = split(v, mantissa, lanes_from(v, x, h * n / 2, n / 2), n / 2);
  for (unsigned i = 0; i < n; i++) idx[i] = LLVMConstInt(v->m->i32, i, 0);
  return LLVMBuildShuffleVector(v->b, half[0], half[1], LLVMConstVector(idx, n), "");
}

V vm_mantissa(struct vm *v, V x) {
  return split(v, true, x, v->n);
}

V vm_exponent(struct vm *v, V x) {
  return split(v, false, x, v->n);
}
