/* What the vector math of both widths shares: one instruction each, on a scalar (n = 0) or on n lanes. Private to
 * codegen/emit/vmath*.c. */
#ifndef HONE_CODEGEN_VM_H
#define HONE_CODEGEN_VM_H
#include "codegen/emit/build.h"

struct vm {
  struct module *m;
  LLVMBuilderRef b;
  unsigned n;
  LLVMTypeRef f, i, d, l; /* float, i32, double, i64 of n lanes */
};
typedef LLVMValueRef V;

static inline V K(struct vm *v, double c) {
  return splat_const(LLVMConstReal(v->m->f32, c), v->n);
}
static inline V I(struct vm *v, uint32_t c) {
  return splat_const(LLVMConstInt(v->m->i32, c, 0), v->n);
}
static inline V D(struct vm *v, double c) {
  return splat_const(LLVMConstReal(v->m->f64, c), v->n);
}
static inline V L(struct vm *v, uint64_t c) {
  return splat_const(LLVMConstInt(v->m->i64, c, 0), v->n);
}
static inline V add(struct vm *v, V a, V b) {
  return LLVMBuildFAdd(v->b, a, b, "");
}
static inline V sub(struct vm *v, V a, V b) {
  return LLVMBuildFSub(v->b, a, b, "");
}
static inline V mul(struct vm *v, V a, V b) {
  return LLVMBuildFMul(v->b, a, b, "");
}
static inline V quo(struct vm *v, V a, V b) {
  return LLVMBuildFDiv(v->b, a, b, "");
}
static inline V sel(struct vm *v, V c, V a, V b) {
  return LLVMBuildSelect(v->b, c, a, b, "");
}
static inline V cmp(struct vm *v, LLVMRealPredicate p, V a, V b) {
  return LLVMBuildFCmp(v->b, p, a, b, "");
}
static inline V bits(struct vm *v, V x, LLVMTypeRef t) {
  return LLVMBuildBitCast(v->b, x, t, "");
}
/* a * b + c: fused where the machine can; the polynomials are accurate enough either way. */
static inline V mad(struct vm *v, V a, V b, V c) {
  if (!v->m->isa.fma) return add(v, mul(v, a, b), c);
  LLVMTypeRef t = LLVMTypeOf(a);
  V arg[3] = {a, b, c};
  return call_intrinsic(v->m, v->b, "llvm.fma", &t, 1, arg, 3);
}
static inline V un(struct vm *v, const char *name, V a) {
  LLVMTypeRef t = LLVMTypeOf(a);
  return call_intrinsic(v->m, v->b, name, &t, 1, &a, 1);
}
static inline V copysign2(struct vm *v, V a, V b) {
  LLVMTypeRef t = LLVMTypeOf(a);
  V arg[2] = {a, b};
  return call_intrinsic(v->m, v->b, "llvm.copysign", &t, 1, arg, 2);
}

/* c[0] * x^(n-1) + … + c[n-1] */
static inline V poly64(struct vm *v, V x, const double *c, unsigned n) {
  V r = D(v, c[0]);
  for (unsigned i = 1; i < n; i++) r = mad(v, r, x, D(v, c[i]));
  return r;
}
/* Lets NaN through. */
static inline V clamp64(struct vm *v, V x, double lo, double hi) {
  x = sel(v, cmp(v, LLVMRealOGT, D(v, lo), x), D(v, lo), x);
  return sel(v, cmp(v, LLVMRealOLT, D(v, hi), x), D(v, hi), x);
}

/* p * 2^n for whole n by vscalef, rounded once; p and n have `lanes` lanes (at least 4 of f32, 2 of f64). AVX-512 only.
 */
V vm_scalef(struct vm *v, V p, V n, unsigned lanes);
/* x = m * 2^e with m in [1, 2), subnormals too. Of zero 1 and -infinity, of infinity 1 and infinity, of what is
 * negative m is NaN. AVX-512 only. */
V vm_mantissa(struct vm *v, V x);
V vm_exponent(struct vm *v, V x);
/* 1 / x of f32, on lanes, where |x| is in 2^-126 to 2^126 or zero, infinite or NaN: within 0.6 ulp. AVX-512 only. */
V vm_inverse32(struct fn *f, struct vm *v, V x);
struct vm_table { /* c[rows][entries]; 16 or 32 entries */
  const char *name;
  const float *c;
  unsigned rows, entries;
};
/* The row's entry i (modulo their number) for each lane. AVX-512 only. */
V vm_look_up(struct vm *v, const struct vm_table *t, unsigned row, V i);
/* erf and tanh of f32 with AVX-512; e^x = 2^floor(n) * p there for |x| < 128, n whole for fewer than 4 lanes; *lo, when
 * asked for: what p lost in its last rounding. */
V vm_exp_parts(struct vm *v, V x, V *n, V *lo);
V vm_erf32(struct vm *v, V x);
V vm_tanh32(struct vm *v, V x);
/* f64: exp, log, tanh, sigmoid, exp2, cosh, log2, log10, erf, erfc; NULL for others. */
V vm_math64(struct vm *v, enum op op, V x);
/* f64: pow, hypot, cbrt; asin, acos, atan, atan2; expm1, log1p, sinh, asinh, acosh, atanh; NULL for others. */
V vm_pow64(struct vm *v, enum op op, V *arg);
V vm_arc64(struct vm *v, enum op op, V *arg);
V vm_hyp64(struct vm *v, enum op op, V x);
/* pow in two steps, for powers of one base: its logarithm and what that lost, then the power. */
V vm_pow_base64(struct vm *v, V x, V *low);
V vm_power64(struct vm *v, V x, V y, V log, V low);
/* Parts of them. p * 2^n for whole |n| < 2000. */
V vm_scale64(struct vm *v, V p, V n);
/* e^(x + low) = 2^n (1 + q), q = r + t, r the result; x within +-800; low, which may be NULL, below a unit of x. */
V vm_exp_reduce64(struct vm *v, V x, V low, V *n, V *t);
/* 1 + f where x = 2^*k (1 + f), sqrt(1/2) < 1 + f < sqrt(2). */
V vm_normalise64(struct vm *v, V x, V *k);
/* log x + more, with all of more's digits; more may be NULL. */
V vm_log64(struct vm *v, V x, V more);
/* f32 on lanes of f64; NULL: not one of these. */
V vm_wide32(struct vm *v, enum op op, V *arg);
/* sin or cos of f64 for |x| < 2^20. */
V vm_sincos64(struct vm *v, V x, bool cosine);
#endif
