/* Transcendental functions of f32, the same instructions for a scalar and for any number of lanes, so a vector and its
   scalar tail agree to the bit. Largest errors (tests/emit/vmath.c; all 2^32 arguments in the long tier): exp, log
   at most 1.25 ulp, exp2 1.25, tanh, erf, sin, cos, cosh 1.75, sigmoid 2, log2 2.25, log10 2.75 (without fused
   multiplications; 1.75 and 2.1 with them), pow 1. Infinities, NaN, signed zeros and subnormal results are those of C.
   No flag that lets LLVM re-associate is set here.

   exp (vmath_exp.c with AVX-512), log, erf: minimax polynomials in the manner of N. Juffa's published single-precision
   functions; tanh below 0.625 by that of Cephes. sin, cos: reduced in double (exact products up to 2^20), beyond by
   Payne and Hanek's method, one lane after the other, in a branch rarely taken; below 70000 in float where the machine
   has fused multiplications. pow: in double. The rarer ones: vmath_wide.c. f64: vmath64.c, and what it has not got lane
   by lane through libm. f16, bf16: through f32, in ops.c. */
#include "codegen/emit/vm.h"
#include <math.h>

static V horner(struct vm *v, V x, const double *c, unsigned n) {
  V r = K(v, c[0]);
  for (unsigned i = 1; i < n; i++) r = mad(v, r, x, K(v, c[i]));
  return r;
}

static V part16(struct vm *v, V x, unsigned first, unsigned n) {
  V idx[LANE_LIMIT];
  for (unsigned i = 0; i < n; i++) idx[i] = LLVMConstInt(v->m->i32, first + i, 0);
  return LLVMBuildShuffleVector(v->b, x, LLVMGetPoison(LLVMTypeOf(x)), LLVMConstVector(idx, n), "");
}

static V join16(struct vm *v, V a, V b) {
  unsigned n = LLVMGetVectorSize(LLVMTypeOf(a));
  V idx[LANE_LIMIT];
  for (unsigned i = 0; i < 2 * n; i++) idx[i] = LLVMConstInt(v->m->i32, i, 0);
  return LLVMBuildShuffleVector(v->b, a, b, LLVMConstVector(idx, 2 * n), "");
}

V vm_scalef(struct vm *v, V p, V n, unsigned lanes) {
  bool wide = LLVMGetElementType(LLVMTypeOf(p)) == v->m->f64;
  unsigned most = wide ? 8 : 16;
  if (lanes > most) {
    V half[2];
    for (unsigned h = 0; h < 2; h++)
      half[h] = vm_scalef(v, part16(v, p, h * lanes / 2, lanes / 2), part16(v, n, h * lanes / 2, lanes / 2), lanes / 2);
    return join16(v, half[0], half[1]);
  }
  static const char *const name[2][3] = {{"llvm.x86.avx512.mask.scalef.ps.512", "llvm.x86.avx512.mask.scalef.ps.256",
                                          "llvm.x86.avx512.mask.scalef.ps.128"},
                                         {"llvm.x86.avx512.mask.scalef.pd.512", "llvm.x86.avx512.mask.scalef.pd.256",
                                          "llvm.x86.avx512.mask.scalef.pd.128"}};
  bool zmm = lanes == most, i16 = zmm && !wide;
  V all = LLVMConstInt(i16 ? v->m->i16 : v->m->i8, i16 ? 0xffff : 0xff, 0);
  V arg[5] = {p, n, LLVMConstNull(LLVMTypeOf(p)), all, LLVMConstInt(v->m->i32, 4, 0)};
  return call_intrinsic(v->m, v->b, name[wide][zmm ? 0 : lanes * 2 == most ? 1 : 2], NULL, 0, arg, zmm ? 5 : 4);
}

/* p * 2^n for whole |n| < 250: one instruction, or two multiplications of which only the last one rounds (into
   subnormals or infinity). */
static V scale2(struct vm *v, V p, V n) {
  if (v->m->isa.avx512 && v->n >= 4) return vm_scalef(v, p, n, v->n);
  V one = I(v, 1), bias = I(v, 127), s = I(v, 23), ni = LLVMBuildFPToSI(v->b, n, v->i, "");
  V n1 = LLVMBuildAShr(v->b, ni, one, ""), n2 = LLVMBuildSub(v->b, ni, n1, "");
  V a = LLVMBuildShl(v->b, LLVMBuildAdd(v->b, n1, bias, ""), s, ""),
    b = LLVMBuildShl(v->b, LLVMBuildAdd(v->b, n2, bias, ""), s, "");
  return mul(v, mul(v, p, bits(v, a, v->f)), bits(v, b, v->f));
}

/* e^x = 2^n * p, n an integer; *lo, when asked for: what p lost in its last rounding. x is clamped to where the result
   is neither 0 nor infinity for certain; the clamps let NaN through. */
static V exp_parts(struct vm *v, V x, V *n_out, V *lo) {
  static const double c[] = {1.37805939e-3, 8.37312452e-3, 4.16695364e-2, 1.66664720e-1, 4.99999851e-1, 1.0};
  x = sel(v, cmp(v, LLVMRealOGT, K(v, -104), x), K(v, -104), x);
  x = sel(v, cmp(v, LLVMRealOLT, K(v, 90), x), K(v, 90), x);
  if (v->m->isa.avx512) return vm_exp_parts(v, x, n_out, lo);
  V magic = K(v, 12582912.0), t = mad(v, x, K(v, 1.44269504), magic);
  V n = sub(v, t, magic), r = mad(v, n, K(v, -0x1.62e4p-1), x);
  r = mad(v, n, K(v, -0x1.7f7d1cp-20), r);
  V w = horner(v, r, c, 6), p = mad(v, w, r, K(v, 1));
  if (lo) *lo = mad(v, w, r, sub(v, K(v, 1), p));
  *n_out = n;
  return p;
}

/* Below -104 the result is 0, above 90 infinity. */
static V exp32(struct vm *v, V x) {
  V n, p = exp_parts(v, x, &n, NULL);
  return scale2(v, p, n);
}

/* 2^x: x less a whole number is exact, and times ln 2 small. */
static V exp2_32(struct vm *v, V x) {
  V n, magic = K(v, 12582912.0);
  x = sel(v, cmp(v, LLVMRealOGT, K(v, -152), x), K(v, -152), x);
  x = sel(v, cmp(v, LLVMRealOLT, K(v, 129), x), K(v, 129), x);
  V whole = sub(v, add(v, x, magic), magic), p = exp_parts(v, mul(v, sub(v, x, whole), K(v, M_LN2)), &n, NULL);
  return scale2(v, p, add(v, n, whole));
}

/* From half of e^|x|, which overflows no earlier than the result. */
static V cosh32(struct vm *v, V x) {
  V n, p = exp_parts(v, un(v, "llvm.fabs", x), &n, NULL), half = scale2(v, p, sub(v, n, K(v, 1)));
  return add(v, half, quo(v, K(v, 0.25), half));
}

/* x = 2^*i m, m from 2/3 to 4/3. */
static V normalise(struct vm *v, V x, V *i) {
  if (v->m->isa.avx512) {
    V one = vm_mantissa(v, x), e = vm_exponent(v, x), high = cmp(v, LLVMRealOGE, one, K(v, 2 * 0.666666667f));
    *i = sel(v, high, add(v, e, K(v, 1)), e);
    return sel(v, high, mul(v, one, K(v, 0.5)), one);
  }
  V tiny = cmp(v, LLVMRealOLT, x, K(v, 0x1p-126)), a = sel(v, tiny, mul(v, x, K(v, 0x1p23)), x), u = bits(v, a, v->i);
  V e = LLVMBuildAnd(v->b, LLVMBuildSub(v->b, u, bits(v, K(v, 0.666666667), v->i), ""), I(v, 0xff800000u), "");
  *i = mad(v, LLVMBuildSIToFP(v->b, e, v->f, ""), K(v, 0x1p-23), sel(v, tiny, K(v, -23), K(v, 0)));
  return bits(v, LLVMBuildSub(v->b, u, e, ""), v->f);
}

/* x = 2^*i e^r; the results for zero, what is negative, infinity and NaN are log_edges32's. */
static V log_parts(struct vm *v, V x, V *exponent) {
  V i, m = sub(v, normalise(v, x, &i), K(v, 1)), s = mul(v, m, m);
  V r = mad(v, K(v, -0x1.0aep-3), s, K(v, -0.121483512)), t = mad(v, K(v, 0x1.208p-3), s, K(v, 0.139814854));
  r = mad(v, r, s, K(v, -0.166846126));
  t = mad(v, t, s, K(v, 0.200120345));
  r = mad(v, r, s, K(v, -0.249996200));
  r = mad(v, t, m, r);
  r = mad(v, r, m, K(v, 0.333331972));
  r = mad(v, r, m, K(v, -0.5));
  *exponent = i;
  return mad(v, r, s, m);
}

/* (With AVX-512 they follow from the parts.) */
static V log_edges32(struct vm *v, V x, V r) {
  if (v->m->isa.avx512) return r;
  r = sel(v, cmp(v, LLVMRealOLT, x, K(v, INFINITY)), r, x); /* infinity and NaN as they are */
  r = sel(v, cmp(v, LLVMRealOLT, x, K(v, 0)), K(v, NAN), r);
  return sel(v, cmp(v, LLVMRealOEQ, x, K(v, 0)), K(v, -INFINITY), r);
}

static V log32(struct vm *v, V x) {
  V i, r = log_parts(v, x, &i);
  return log_edges32(v, x, mad(v, i, K(v, 0.693147182), r));
}

static V log2_32(struct vm *v, V x) {
  V i, r = log_parts(v, x, &i);
  return log_edges32(v, x, mad(v, r, K(v, M_LOG2E), i));
}

/* i times the logarithm of 2 in two parts, of which the first product is exact: so are powers of 10. The factor, too,
   is two: above 4/3 all that is left of the result cancels. */
static V log10_32(struct vm *v, V x) {
  V i, r = log_parts(v, x, &i);
  V low = mad(v, r, K(v, M_LOG10E - (double)(float)M_LOG10E), mul(v, i, K(v, 0x1.3509f79fef312p-18)));
  return log_edges32(v, x, mad(v, i, K(v, 0x1.344p-2), mad(v, r, K(v, M_LOG10E), low)));
}

/* Below 0.625 a polynomial (that of Cephes), beyond 1 - 2 / (e^2|x| + 1). One formula from e^2|x| - 1 for both would be
   a quarter faster, but is 2.2 ulp off. */
static V tanh32(struct vm *v, V x) {
  if (v->m->isa.avx512) return vm_tanh32(v, x);
  static const double c[] = {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
                             -3.33332819422e-1};
  V a = un(v, "llvm.fabs", x), z = mul(v, x, x);
  V small = mad(v, mul(v, horner(v, z, c, 5), z), x, x);
  V e = exp32(v, add(v, a, a));
  V large = sub(v, K(v, 1), quo(v, K(v, 2), add(v, e, K(v, 1))));
  return copysign2(v, sel(v, cmp(v, LLVMRealOLT, a, K(v, 0.625)), small, large), x); /* also for -0 */
}

static V erf32(struct vm *v, V x) {
  if (v->m->isa.avx512) return vm_erf32(v, x);
  static const double c[] = {-5.96761703e-4, 4.99119423e-3,  -2.67681349e-2,
                             1.12819925e-1,  -3.76125336e-1, 1.28379166e-1};
  V t = un(v, "llvm.fabs", x), s = mul(v, x, x);
  V small = mad(v, horner(v, s, c, 6), x, x);
  /* Beyond 10 the result is 1: keeps infinity out of the polynomial. */
  V tc = sel(v, cmp(v, LLVMRealOGT, t, K(v, 10)), K(v, 10), t), sc = mul(v, tc, tc);
  V r = mad(v, K(v, -1.72853470e-5), tc, K(v, 3.83197126e-4)),
    u = mad(v, K(v, -3.88396438e-3), tc, K(v, 2.42546219e-2));
  r = mad(v, r, sc, u);
  r = mad(v, r, tc, K(v, -1.06777877e-1));
  r = mad(v, r, tc, K(v, -6.34846687e-1));
  r = mad(v, r, tc, K(v, -1.28717512e-1));
  r = mad(v, r, tc, LLVMBuildFNeg(v->b, tc, ""));
  V large = copysign2(v, sub(v, K(v, 1), exp32(v, r)), x);
  return sel(v, cmp(v, LLVMRealOGT, t, K(v, 0.927734375)), large, small);
}

/* From e^-|x|, so that neither side cancels: 1 / (1 + e) or e / (1 + e). Numerator and denominator keep what they lost,
   and the quotient is corrected by it: the rounding errors of e and of the sum would add up to 2.4 ulp. */
static V sigmoid32(struct vm *v, V x) {
  V n, lost, zero = K(v, 0), one = K(v, 1);
  V p = exp_parts(v, LLVMBuildFNeg(v->b, un(v, "llvm.fabs", x), ""), &n, &lost);
  V e = scale2(v, p, n), el = scale2(v, lost, n), up = cmp(v, LLVMRealOGE, x, zero);
  V d = add(v, one, e), dl = add(v, sub(v, e, sub(v, d, one)), el);
  V q = quo(v, sel(v, up, one, e), d), inverse = sel(v, up, q, sub(v, one, q));
  V miss = sub(v, sel(v, up, zero, el), mul(v, q, dl));
  return mad(v, miss, inverse, q);
}

/* log2 of a positive finite double that came from a float, to 2^-40. */
static V log2_64(struct vm *v, V x) {
  V u = bits(v, x, v->l), half = L(v, 0x3fe6a09e667f3bcdu);
  V e = LLVMBuildAShr(v->b, LLVMBuildSub(v->b, u, half, ""), L(v, 52), "");
  V m = bits(v, LLVMBuildSub(v->b, u, LLVMBuildShl(v->b, e, L(v, 52), ""), ""), v->d);
  V s = quo(v, sub(v, m, D(v, 1)), add(v, m, D(v, 1))), s2 = mul(v, s, s), r = D(v, 2 / M_LN2 / 15);
  for (int k = 13; k >= 1; k -= 2) r = mad(v, r, s2, D(v, 2 / M_LN2 / k));
  return mad(v, s, r, LLVMBuildSIToFP(v->b, e, v->d, ""));
}

/* 2^t as a float; t is clamped to where the result is 0 or infinity anyway. */
static V exp2_64(struct vm *v, V t) {
  t = sel(v, cmp(v, LLVMRealOGT, D(v, -200), t), D(v, -200), t);
  t = sel(v, cmp(v, LLVMRealOLT, D(v, 200), t), D(v, 200), t);
  V magic = D(v, 0x1.8p52), k = add(v, t, magic), n = sub(v, k, magic), f = mul(v, sub(v, t, n), D(v, M_LN2));
  V ni = LLVMBuildSub(v->b, bits(v, k, v->l), bits(v, magic, v->l), "");
  double fact = 3628800;
  V r = D(v, 1 / fact);
  for (int i = 10; i >= 1; i--) r = mad(v, r, f, D(v, 1 / (fact /= i)));
  V scale = LLVMBuildShl(v->b, LLVMBuildAdd(v->b, ni, L(v, 1023), ""), L(v, 52), "");
  return LLVMBuildFPTrunc(v->b, mul(v, r, bits(v, scale, v->d)), v->f, "");
}

static V pow32(struct vm *v, V x, V y) {
  V a = un(v, "llvm.fabs", x), yd = LLVMBuildFPExt(v->b, y, v->d, "");
  V lg = log2_64(v, LLVMBuildFPExt(v->b, a, v->d, ""));
  lg = sel(v, cmp(v, LLVMRealOEQ, a, K(v, 0)), D(v, -INFINITY), lg);
  lg = sel(v, cmp(v, LLVMRealOEQ, a, K(v, INFINITY)), D(v, INFINITY), lg);
  V r = exp2_64(v, mul(v, yd, lg));
  V h = mul(v, y, K(v, 0.5)), whole = cmp(v, LLVMRealOEQ, un(v, "llvm.trunc", y), y);
  V odd = LLVMBuildAnd(v->b, whole, cmp(v, LLVMRealUNE, un(v, "llvm.trunc", h), h), "");
  r = sel(v, odd, copysign2(v, r, x), r);
  V neg = LLVMBuildAnd(v->b, cmp(v, LLVMRealOLT, x, K(v, 0)), cmp(v, LLVMRealONE, a, K(v, INFINITY)), "");
  r = sel(v, LLVMBuildAnd(v->b, neg, LLVMBuildNot(v->b, whole, ""), ""), K(v, NAN), r);
  r = sel(v, cmp(v, LLVMRealUNO, x, y), K(v, NAN), r);
  V yinf = cmp(v, LLVMRealOEQ, un(v, "llvm.fabs", y), K(v, INFINITY));
  V one = LLVMBuildAnd(v->b, cmp(v, LLVMRealOEQ, a, K(v, 1)), yinf, "");
  one = LLVMBuildOr(v->b, one, cmp(v, LLVMRealOEQ, y, K(v, 0)), "");
  one = LLVMBuildOr(v->b, one, cmp(v, LLVMRealOEQ, x, K(v, 1)), "");
  return sel(v, one, K(v, 1), r);
}

/* sin or cos of r + q * pi/2, |r| <= pi/4. q: i32. */
static V sincos_poly(struct vm *v, V r, V q, bool cosine) {
  static const double cs[] = {2.86567956e-6, -1.98559923e-4, 8.33338592e-3, -1.66666672e-1};
  static const double cc[] = {2.44677067e-5, -1.38877297e-3, 4.16666567e-2, -0.5, 1.0};
  if (cosine) q = LLVMBuildAdd(v->b, q, I(v, 1), "");
  V s = mul(v, r, r), sn = mad(v, horner(v, s, cs, 4), mul(v, r, s), r), cn = horner(v, s, cc, 5);
  V zero = I(v, 0), isc = LLVMBuildICmp(v->b, LLVMIntNE, LLVMBuildAnd(v->b, q, I(v, 1), ""), zero, "");
  V x = sel(v, isc, cn, sn);
  V sign = LLVMBuildShl(v->b, LLVMBuildAnd(v->b, q, I(v, 2), ""), I(v, 30), "");
  return bits(v, LLVMBuildXor(v->b, bits(v, x, v->i), sign, ""), v->f);
}

static V sincos_fast(struct vm *v, V x, bool cosine) {
  V xd = LLVMBuildFPExt(v->b, x, v->d, ""), magic = D(v, 0x1.8p52);
  V t = add(v, mul(v, xd, D(v, M_2_PI)), magic), n = sub(v, t, magic);
  V r = sub(v, xd, mul(v, n, D(v, 1.57079632673412561417e+00)));
  r = sub(v, r, mul(v, n, D(v, 6.07710050650619224932e-11)));
  V q = LLVMBuildTrunc(v->b, bits(v, t, v->l), v->i, "");
  V y = sincos_poly(v, LLVMBuildFPTrunc(v->b, r, v->f, ""), q, cosine);
  return cosine ? y : sel(v, cmp(v, LLVMRealOEQ, x, K(v, 0)), x, y); /* sin(-0) = -0 */
}

/* Below FAR in float alone, where the machine multiplies and adds at once: pi/2 in three parts (N. Juffa's). */
enum { FAR = 70000 };
static V sincos_near(struct vm *v, V x, bool cosine) {
  V magic = K(v, 12582912.0), t = mad(v, x, K(v, M_2_PI), magic), n = sub(v, t, magic);
  V r = mad(v, n, K(v, -0x1.921fb0p+00), x);
  r = mad(v, n, K(v, -0x1.5110b4p-22), r);
  r = mad(v, n, K(v, -0x1.846988p-48), r);
  V y = sincos_poly(v, r, bits(v, t, v->i), cosine);
  return cosine ? y : sel(v, cmp(v, LLVMRealOEQ, x, K(v, 0)), x, y); /* sin(-0) = -0 */
}

static struct vm vm_of(struct module *m, LLVMBuilderRef b, unsigned n) {
  return (struct vm){.m = m,
                     .b = b,
                     .n = n,
                     .f = vec_of(m->f32, n),
                     .i = vec_of(m->i32, n),
                     .d = vec_of(m->f64, n),
                     .l = vec_of(m->i64, n)};
}

static V two_over_pi(struct module *m) {
  static const uint32_t word[] = {0,          0x28be60db, 0x9391054a, 0x7f09d5f4, 0x7d4d3770,
                                  0x36d8a566, 0x4f10e410, 0x7f9458ea, 0xf7aef158};
  V c[9], g = LLVMGetNamedGlobal(m->mod, "hone.2opi");
  if (g) return g;
  for (unsigned i = 0; i < 9; i++) c[i] = LLVMConstInt(m->i32, word[i], 0);
  V init = LLVMConstArray2(m->i32, c, 9);
  g = LLVMAddGlobal(m->mod, LLVMTypeOf(init), "hone.2opi");
  LLVMSetInitializer(g, init);
  LLVMSetGlobalConstant(g, 1);
  LLVMSetLinkage(g, LLVMPrivateLinkage);
  return g;
}

static V table_word(struct vm *v, V table, V i, unsigned ahead) {
  V at = LLVMBuildAdd(v->b, i, L(v, ahead), "");
  V p = LLVMBuildGEP2(v->b, v->m->i32, table, &at, 1, "");
  return LLVMBuildZExt(v->b, LLVMBuildLoad2(v->b, v->m->i32, p, ""), v->m->i64, "");
}

/* 32 bits of hi:lo from bit s on (from the top). */
static V funnel(struct vm *v, V hi, V lo, V s) {
  V both = LLVMBuildOr(v->b, LLVMBuildShl(v->b, hi, L(v, 32), ""), lo, "");
  return LLVMBuildLShr(v->b, LLVMBuildShl(v->b, both, s, ""), L(v, 32), "");
}

/* One float of any size: 96 bits of 2/pi from where the exponent says, times the significand (Payne and Hanek). */
static V big_argument(struct vm *v, V x, bool cosine) {
  LLVMBuilderRef b = v->b;
  V u = LLVMBuildZExt(b, bits(v, x, v->i), v->m->i64, "");
  V e = LLVMBuildSub(b, LLVMBuildAnd(b, LLVMBuildLShr(b, u, L(v, 23), ""), L(v, 255), ""), L(v, 126), "");
  V ia = LLVMBuildShl(b, LLVMBuildOr(b, LLVMBuildAnd(b, u, L(v, 0x7fffff), ""), L(v, 0x800000), ""), L(v, 8), "");
  V low = LLVMBuildICmp(b, LLVMIntULE, e, L(v, 128), ""); /* infinity and NaN: any place in the table */
  e = LLVMBuildSelect(b, low, e, L(v, 0), "");
  V i = LLVMBuildLShr(b, e, L(v, 5), ""), s = LLVMBuildAnd(b, e, L(v, 31), ""), table = two_over_pi(v->m);
  V w[4];
  for (unsigned k = 0; k < 4; k++) w[k] = table_word(v, table, i, k);
  V hi = funnel(v, w[0], w[1], s), mid = funnel(v, w[1], w[2], s), lo = funnel(v, w[2], w[3], s);
  V p = LLVMBuildAdd(b, LLVMBuildMul(b, ia, mid, ""), LLVMBuildLShr(b, LLVMBuildMul(b, ia, lo, ""), L(v, 32), ""), "");
  p = LLVMBuildAdd(b, p, LLVMBuildShl(b, LLVMBuildMul(b, ia, hi, ""), L(v, 32), ""), "");
  V q = LLVMBuildLShr(b, p, L(v, 62), "");
  q = LLVMBuildAdd(b, q, LLVMBuildAnd(b, LLVMBuildLShr(b, p, L(v, 61), ""), L(v, 1), ""), "");
  p = LLVMBuildAShr(b, LLVMBuildShl(b, p, L(v, 2), ""), L(v, 2), ""); /* signed remainder, 62 bits */
  V d = mul(v, LLVMBuildSIToFP(b, p, v->d, ""), D(v, 0x1.921fb54442d18p-62));
  V neg = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildLShr(b, u, L(v, 31), ""), L(v, 0), "");
  d = sel(v, neg, LLVMBuildFNeg(b, d, ""), d);
  q = LLVMBuildTrunc(b, LLVMBuildSelect(b, neg, LLVMBuildNeg(b, q, ""), q, ""), v->i, "");
  V y = sincos_poly(v, LLVMBuildFPTrunc(b, d, v->f, ""), q, cosine);
  V finite = cmp(v, LLVMRealOLT, un(v, "llvm.fabs", x), K(v, INFINITY));
  return sel(v, finite, y, K(v, NAN));
}

LLVMValueRef math_sincos_big(struct module *m, bool cosine) {
  if (m->sincos_big[cosine]) return m->sincos_big[cosine];
  LLVMValueRef fn =
      LLVMAddFunction(m->mod, cosine ? "hone.cos.big" : "hone.sin.big", LLVMFunctionType(m->f32, &m->f32, 1, 0));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  LLVMBuilderRef b = LLVMCreateBuilderInContext(m->ctx);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(m->ctx, fn, ""));
  struct vm v = vm_of(m, b, 0);
  LLVMBuildRet(b, big_argument(&v, LLVMGetParam(fn, 0), cosine));
  LLVMDisposeBuilder(b);
  return m->sincos_big[cosine] = fn;
}

static V lanewise(struct vm *v, LLVMTypeRef type, V fn, V *arg, unsigned narg) {
  if (!v->n) return LLVMBuildCall2(v->b, type, fn, arg, narg, "");
  V r = LLVMGetPoison(LLVMTypeOf(arg[0]));
  for (unsigned i = 0; i < v->n; i++) {
    V at = LLVMConstInt(v->m->i32, i, 0), x[3];
    for (unsigned k = 0; k < narg; k++) x[k] = LLVMBuildExtractElement(v->b, arg[k], at, "");
    r = LLVMBuildInsertElement(v->b, r, LLVMBuildCall2(v->b, type, fn, x, narg, ""), at, "");
  }
  return r;
}

static V any_lane(struct vm *v, V c) {
  if (!v->n) return c;
  LLVMTypeRef t = LLVMTypeOf(c);
  return call_intrinsic(v->m, v->b, "llvm.vector.reduce.or", &t, 1, &c, 1);
}

/* Lane by lane, in double. */
static V libm(struct vm *v, const char *name, V *arg, unsigned n) {
  if (v->m->target->limits.simt) emit_fail(v->m, "%s of f64 is not there for GPUs", name);
  LLVMTypeRef in[3] = {v->m->f64, v->m->f64, v->m->f64}, t = LLVMFunctionType(v->m->f64, in, n, 0);
  LLVMValueRef fn = extern_fn(v->m, name, t);
  add_attr(v->m, fn, (int)LLVMAttributeFunctionIndex, "memory", 0);
  return lanewise(v, t, fn, arg, n);
}

typedef V sincos_fn(struct fn *f, struct vm *v, V x, bool cosine);

/* fast, but slow(x) for lanes of at least `most`. It branches, so it cannot move out of a loop. */
static V unless_large(struct fn *f, struct vm *v, V x, V most, V fast, bool cosine, sincos_fn *slow) {
  V large = cmp(v, LLVMRealOGE, un(v, "llvm.fabs", x), most);
  LLVMBasicBlockRef at[2] = {LLVMGetInsertBlock(f->b)}, reduce = new_block(f, "reduce"), join = new_block(f, "reduced");
  LLVMBuildCondBr(f->b, any_lane(v, large), reduce, join);
  LLVMPositionBuilderAtEnd(f->b, reduce);
  V in[2] = {fast, sel(v, large, slow(f, v, x, cosine), fast)};
  at[1] = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, join);
  LLVMPositionBuilderAtEnd(f->b, join);
  V phi = LLVMBuildPhi(f->b, LLVMTypeOf(fast), "");
  LLVMAddIncoming(phi, in, at, 2);
  return phi;
}

/* Lanes of any size, one after the other. */
static V sincos_lanes(struct fn *f, struct vm *v, V x, bool cosine) {
  struct module *m = v->m;
  if (LLVMTypeOf(x) == v->d) return libm(v, cosine ? "cos" : "sin", &x, 1);
  if (f->simt) return big_argument(v, x, cosine);
  return lanewise(v, LLVMFunctionType(m->f32, &m->f32, 1, 0), math_sincos_big(m, cosine), &x, 1);
}

static V sincos_double(struct fn *f, struct vm *v, V x, bool cosine) {
  return unless_large(f, v, x, K(v, 0x1p20), sincos_fast(v, x, cosine), cosine, sincos_lanes);
}

static V sin_or_cos(struct fn *f, struct vm *v, enum dtype t, V x, bool cosine) {
  if (t == DT_f64) return unless_large(f, v, x, D(v, 0x1p20), vm_sincos64(v, x, cosine), cosine, sincos_lanes);
  if (f->m->isa.fma && !f->simt)
    return unless_large(f, v, x, K(v, FAR), sincos_near(v, x, cosine), cosine, sincos_double);
  return sincos_double(f, v, x, cosine);
}

static V math64(struct vm *v, enum op op, V *arg) {
  V y = vm_math64(v, op, arg[0]);
  if (!y) y = vm_pow64(v, op, arg);
  if (!y) y = vm_arc64(v, op, arg);
  if (!y) y = vm_hyp64(v, op, arg[0]);
  return y ? y : libm(v, op_info[op].name, arg, op_info[op].arity);
}

/* f32 by libm's double function: rounded once more, which is as good as the right result. */
static V through_double(struct vm *v, enum op op, V *arg) {
  V wide[3] = {NULL};
  for (unsigned i = 0; i < op_info[op].arity; i++) wide[i] = LLVMBuildFPExt(v->b, arg[i], v->d, "");
  return LLVMBuildFPTrunc(v->b, libm(v, op_info[op].name, wide, op_info[op].arity), v->f, "");
}

static V math32(struct vm *v, enum op op, V *arg) {
  switch (op) {
  case OP_exp:
    return exp32(v, arg[0]);
  case OP_log:
    return log32(v, arg[0]);
  case OP_log2:
    return log2_32(v, arg[0]);
  case OP_log10:
    return log10_32(v, arg[0]);
  case OP_exp2:
    return exp2_32(v, arg[0]);
  case OP_cosh:
    return cosh32(v, arg[0]);
  case OP_tanh:
    return tanh32(v, arg[0]);
  case OP_erf:
    return erf32(v, arg[0]);
  case OP_sigmoid:
    return sigmoid32(v, arg[0]);
  case OP_pow:
    return pow32(v, arg[0], arg[1]);
  default: {
    V y = vm_wide32(v, op, arg);
    return y ? y : through_double(v, op, arg);
  }
  }
}

/* --fp fast on GPUs: exp(x) is 2^(x * log2 e) by the unit for it. */
static V hardware_exp(struct fn *f, V x) {
  V log2e = LLVMConstReal(f->m->f32, M_LOG2E), y = LLVMBuildFMul(f->b, x, log2e, "");
  return call_intrinsic(f->m, f->b, "llvm.nvvm.ex2.approx.ftz", &f->m->f32, 1, &y, 1);
}

LLVMValueRef math_value(struct fn *f, enum op op, enum dtype t, unsigned lanes, LLVMValueRef *arg) {
  struct vm v = vm_of(f->m, f->b, lanes);
  if (op == OP_sin || op == OP_cos) return sin_or_cos(f, &v, t, arg[0], op == OP_cos);
  if (f->simt && f->f->fast && op == OP_exp && t == DT_f32) return hardware_exp(f, arg[0]);
  return t == DT_f64 ? math64(&v, op, arg) : math32(&v, op, arg);
}

/* The base's logarithm is made where the base is known. */
static struct val power64(struct fn *f, struct val x, struct val y) {
  struct vm v = vm_of(f->m, f->b, x.lanes);
  V low, log;
  unsigned base = place_level(f, x.level), lev = place_level(f, x.level > y.level ? x.level : y.level);
  place_at(f, base);
  log = vm_pow_base64(&v, x.v, &low);
  place_back(f);
  place_at(f, lev);
  struct val r = mkval(vm_power64(&v, x.v, y.v, log, low), lev, DT_f64, x.lanes);
  place_back(f);
  return r;
}

struct val emit_math(struct fn *f, enum op op, struct val *x) {
  struct val r;
  unsigned n = op_info[op].arity, lev = 0;
  V arg[3] = {NULL};
  for (unsigned i = 0; i < n; i++) {
    arg[i] = x[i].v;
    if (x[i].level > lev) lev = x[i].level;
  }
  enum dtype t = x[0].type;
  if (cache_get(f, 2000u + (unsigned)op, arg[0], arg[1], arg[2], &r)) return r;
  bool call = f->m->plain && !x[0].lanes && (op_info[op].flags & OPF_TRANS),
       here = !call && (op == OP_sin || op == OP_cos); /* they branch */
  lev = here ? cur_level(f) : place_level(f, lev);
  if (!call && op == OP_pow && t == DT_f64) {
    r = power64(f, x[0], x[1]);
  } else {
    if (!here) place_at(f, lev);
    r = mkval(call ? plain_math(f->m, f->b, op, t, arg) : math_value(f, op, t, x[0].lanes, arg), lev, t, x[0].lanes);
    if (!here) place_back(f);
  }
  f->m->nop += 20;
  cache_put(f, 2000u + (unsigned)op, arg[0], arg[1], arg[2], r);
  return r;
}
