/* 1 / sqrt(x) of f32 from the 14 bit estimate of AVX-512 and one step of Newton's: a square root and a division take
   three times as long. With y the estimate: e = 1 - (x * y) * y, then y + (y / 2) * e. The error is that of e's
   rounding, at most 1/4 of a unit in the last place, and the last rounding's 1/2; what the step leaves (3/8 e^2) is
   below 2^-29. Two roundings, of the root and of the quotient, are no better. Where y is infinite, zero or NaN it is
   the result. 1 / x the same way: e = 1 - x * y, then y + y * e;
   what the step leaves (e^2) is below 2^-28. */
#include "codegen/emit/vm.h"

enum { KEY_RSQRT = 905 };

/* n elements of x and y, one after the other, from `from` on. */
static V run(struct fn *f, V x, V y, unsigned from, unsigned n) {
  unsigned at[LANE_LIMIT];
  for (unsigned i = 0; i < n; i++) at[i] = from + i;
  return vshuffle(f, x, y, at, n);
}

static V estimate(struct fn *f, bool root, V x, unsigned n) {
  static const char *const names[2][3] = {
      {"llvm.x86.avx512.rcp14.ps.128", "llvm.x86.avx512.rcp14.ps.256", "llvm.x86.avx512.rcp14.ps.512"},
      {"llvm.x86.avx512.rsqrt14.ps.128", "llvm.x86.avx512.rsqrt14.ps.256", "llvm.x86.avx512.rsqrt14.ps.512"}};
  struct module *m = f->m;
  if (n > 16) { /* a half each */
    V lo = estimate(f, root, run(f, x, x, 0, n / 2), n / 2), hi = estimate(f, root, run(f, x, x, n / 2, n / 2), n / 2);
    return run(f, lo, hi, 0, n);
  }
  unsigned w = n < 4 ? 4 : n;
  V first = LLVMConstInt(m->i32, 0, 0), zero = LLVMConstNull(LLVMVectorType(m->f32, w));
  if (n == 2) x = run(f, x, x, 0, w);
  if (n == 0) x = LLVMBuildInsertElement(f->b, zero, x, first, "");
  V arg[3] = {x, zero, LLVMConstAllOnes(w == 16 ? m->i16 : m->i8)};
  V y = call_intrinsic(m, f->b, names[root][w == 16 ? 2 : w == 8], NULL, 0, arg, 3);
  if (n == 0) return LLVMBuildExtractElement(f->b, y, first, "");
  return n == 2 ? run(f, y, y, 0, 2) : y;
}

struct val estimated_rsqrt(struct fn *f, struct val a) {
  struct val r;
  if (cache_get(f, KEY_RSQRT, a.v, NULL, NULL, &r)) return r;
  unsigned level = place_level(f, a.level);
  place_at(f, level);
  struct vm v = {.m = f->m, .b = f->b, .n = a.lanes};
  V y = estimate(f, true, a.v, a.lanes);
  V e = mad(&v, LLVMBuildFNeg(f->b, mul(&v, a.v, y), ""), y, K(&v, 1));
  V z = mad(&v, mul(&v, y, K(&v, 0.5)), e, y);
  r = mkval(sel(&v, cmp(&v, LLVMRealORD, e, e), z, y), level, a.type, a.lanes); /* one masked instruction */
  place_back(f);
  f->m->nop += 8;
  cache_put(f, KEY_RSQRT, a.v, NULL, NULL, r);
  return r;
}

V vm_inverse32(struct fn *f, struct vm *v, V x) {
  V y = estimate(f, false, x, v->n), e = mad(v, LLVMBuildFNeg(f->b, x, ""), y, K(v, 1));
  return sel(v, cmp(v, LLVMRealORD, e, e), mad(v, y, e, y), y);
}
