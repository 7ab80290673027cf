/* Transcendental functions of f64, in the manner of vmath.c: the same instructions for a scalar and for lanes. Largest
   errors (tests/emit/vmath64.c, against long double): exp, log, sin, cos 1 ulp, exp2, cosh, erf 1.5, tanh, sigmoid,
   log2, log10 2, erfc 4. Infinities, NaN, signed zeros and subnormal results are those of C.

   exp: minimax polynomial of degree 11 on +-ln2/2. log, and the polynomials of sin and cos: those of Sun's fdlibm; the
   argument of sin and cos is reduced in three parts of pi/2, exactly enough below 2^20. Larger ones are libm's, in
   vmath.c. The rarer functions: vmath_pow.c, vmath_arc.c, vmath_hyp.c. erfc is one polynomial, after M. Shepherd and J.
   Laframboise (1981). */
#include "codegen/emit/vm.h"
#include <math.h>

/* Two steps, of which only the last one rounds. */
V vm_scale64(struct vm *v, V p, V n) {
  if (v->m->isa.avx512 && v->n >= 2) return vm_scalef(v, p, n, v->n);
  V magic = D(v, 0x1.8p52), ni = LLVMBuildSub(v->b, bits(v, add(v, n, magic), v->l), bits(v, magic, v->l), "");
  V high = LLVMBuildSub(v->b, LLVMBuildLShr(v->b, LLVMBuildAdd(v->b, ni, L(v, 4096), ""), L(v, 1), ""), L(v, 2048), "");
  V low = LLVMBuildSub(v->b, ni, high, "");
  V a = LLVMBuildShl(v->b, LLVMBuildAdd(v->b, high, L(v, 1023), ""), L(v, 52), "");
  V b = LLVMBuildShl(v->b, LLVMBuildAdd(v->b, low, L(v, 1023), ""), L(v, 52), "");
  return mul(v, mul(v, p, bits(v, a, v->d)), bits(v, b, v->d));
}

V vm_exp_reduce64(struct vm *v, V x, V low, V *n, V *t) {
  static const double c[] = {2.511776901453666118e-8, 2.763105558313408589e-7, 2.755721663315424174e-6,
                             2.480149063601518497e-5, 1.984126991694441516e-4, 1.388888894626210259e-3,
                             8.333333333307455245e-3, 4.166666666651875942e-2, 1.666666666666669855e-1,
                             5.00000000000001225e-1};
  V magic = D(v, 0x1.8p52);
  *n = sub(v, mad(v, x, D(v, M_LOG2E), magic), magic);
  V hi = mad(v, *n, D(v, -6.93147180369123816490e-01), x), lo = mul(v, *n, D(v, 1.90821492927058770002e-10));
  if (low) lo = sub(v, lo, low);
  V r = sub(v, hi, lo), lost = sub(v, sub(v, hi, r), lo);
  *t = mad(v, poly64(v, r, c, 10), mul(v, r, r), lost);
  return r;
}

static V exp64(struct vm *v, V x) {
  V n, t, r = vm_exp_reduce64(v, clamp64(v, x, -750, 710), NULL, &n, &t);
  return vm_scale64(v, add(v, D(v, 1), add(v, r, t)), n);
}

/* 2^x: what is left of x times ln 2 is small, so its rounding is nothing. */
static V exp2_f64(struct vm *v, V x) {
  V magic = D(v, 0x1.8p52), n, t;
  x = clamp64(v, x, -1080, 1025);
  V whole = sub(v, add(v, x, magic), magic);
  V r = vm_exp_reduce64(v, mul(v, sub(v, x, whole), D(v, M_LN2)), NULL, &n, &t);
  return vm_scale64(v, add(v, D(v, 1), add(v, r, t)), add(v, n, whole));
}

/* From half of e^|x|, which overflows no earlier than the result. */
static V cosh64(struct vm *v, V x) {
  V n, t, a = un(v, "llvm.fabs", x);
  V r = vm_exp_reduce64(v, sel(v, cmp(v, LLVMRealOLT, D(v, 712), a), D(v, 712), a), NULL, &n, &t);
  V half = vm_scale64(v, add(v, D(v, 1), add(v, r, t)), sub(v, n, D(v, 1)));
  return add(v, half, quo(v, D(v, 0.25), half));
}

/* Logarithms of zero, what is negative, infinity and NaN, where y is that of other numbers. */
static V log_edges(struct vm *v, V x, V y) {
  y = sel(v, cmp(v, LLVMRealOLT, x, D(v, INFINITY)), y, x); /* infinity and NaN as they are */
  y = sel(v, cmp(v, LLVMRealOLT, x, D(v, 0)), D(v, NAN), y);
  return sel(v, cmp(v, LLVMRealOEQ, x, D(v, 0)), D(v, -INFINITY), y);
}

V vm_normalise64(struct vm *v, V x, V *k) {
  if (v->m->isa.avx512) {
    V one = vm_mantissa(v, x), e = vm_exponent(v, x), high = cmp(v, LLVMRealOGE, one, D(v, M_SQRT2));
    *k = sel(v, high, add(v, e, D(v, 1)), e);
    return sel(v, high, mul(v, one, D(v, 0.5)), one);
  }
  V tiny = cmp(v, LLVMRealOLT, x, D(v, 0x1p-1022)), u = bits(v, sel(v, tiny, mul(v, x, D(v, 0x1p54)), x), v->l);
  V e = LLVMBuildAShr(v->b, LLVMBuildSub(v->b, u, L(v, 0x3fe6a09e667f3bcdu), ""), L(v, 52), "");
  /* e as a double: added to the bits of 1.5 * 2^52 */
  V magic = D(v, 0x1.8p52), whole = sub(v, bits(v, LLVMBuildAdd(v->b, e, bits(v, magic, v->l), ""), v->d), magic);
  *k = sub(v, whole, sel(v, tiny, D(v, 54), D(v, 0)));
  return bits(v, LLVMBuildSub(v->b, u, LLVMBuildShl(v->b, e, L(v, 52), ""), ""), v->d);
}

V vm_log64(struct vm *v, V x, V more) {
  static const double c[] = {1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
                             2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
                             6.666666666666735130e-01};
  V k, f = sub(v, vm_normalise64(v, x, &k), D(v, 1));
  V s = quo(v, f, add(v, f, D(v, 2))), z = mul(v, s, s), r = mul(v, z, poly64(v, z, c, 7)),
    half = mul(v, mul(v, f, f), D(v, 0.5));
  V low = mad(v, s, add(v, half, r), mul(v, k, D(v, 1.90821492927058770002e-10)));
  if (more) low = add(v, low, more);
  V y = sub(v, mul(v, k, D(v, 6.93147180369123816490e-01)), sub(v, sub(v, half, low), f));
  return v->m->isa.avx512 ? y : log_edges(v, x, y); /* they follow from the parts */
}

/* x = 2^k m with m on the side of 1 where k does not cancel log m: in [1, 2) or, for k < 0, in [1/2, 1). */
static V mantissa(struct vm *v, V x, V *k) {
  V tiny = cmp(v, LLVMRealOLT, x, D(v, 0x1p-1022)), u = bits(v, sel(v, tiny, mul(v, x, D(v, 0x1p54)), x), v->l);
  V e = LLVMBuildSub(v->b, LLVMBuildLShr(v->b, u, L(v, 52), ""), L(v, 1023), "");
  e = LLVMBuildSub(v->b, e, LLVMBuildSelect(v->b, tiny, L(v, 54), L(v, 0), ""), "");
  V below = LLVMBuildLShr(v->b, e, L(v, 63), ""), magic = D(v, 0x1.8p52);
  V sum = LLVMBuildAdd(v->b, LLVMBuildAdd(v->b, e, below, ""), bits(v, magic, v->l), "");
  *k = sub(v, bits(v, sum, v->d), magic);
  V top = LLVMBuildShl(v->b, LLVMBuildSub(v->b, L(v, 1023), below, ""), L(v, 52), "");
  return bits(v, LLVMBuildOr(v->b, LLVMBuildAnd(v->b, u, L(v, 0xfffffffffffffu), ""), top, ""), v->d);
}

/* Exact for powers of ten, in the manner of fdlibm. */
static V log10_f64(struct vm *v, V x) {
  V k, l = vm_log64(v, mantissa(v, x, &k), NULL);
  V low = mad(v, l, D(v, 4.34294481903251816668e-01), mul(v, k, D(v, 3.69423907715893078616e-13)));
  return log_edges(v, x, mad(v, k, D(v, 3.01029995663611771306e-01), low));
}

/* Exact for powers of two. */
static V log2_f64(struct vm *v, V x) {
  V k, l = vm_log64(v, mantissa(v, x, &k), NULL);
  V y = mad(v, l, D(v, M_LOG2E), mul(v, l, D(v, 2.0355273740931033e-17)));
  return log_edges(v, x, add(v, k, y));
}

/* (1 + 2a) e^(a^2) erfc a is a polynomial in (a - 4) / (a + 4). The square is taken of a's upper half, exactly. */
static V erfc_positive(struct vm *v, V a) {
  static const double c[] = {
      -1.8206098680308682e-09, -1.3670989863347383e-08, -7.71541861441783e-09,  1.1534943745754157e-07,
      6.270727157198311e-08,   -8.351619688696847e-07,  3.0135049944875397e-07, 5.7178872846321855e-06,
      -1.1224789135154701e-05, -2.4403169244974074e-05, 0.000150622243948303,   -0.00019925550755614952,
      -0.00075777334141333,    0.005031969755895426,    -0.016197734059115006,  0.03716751556249286,
      -0.06633036581152939,    0.09373283499679412,     -0.10103906603635213,   0.06809705425473732,
      0.01537965210262074,     -0.1396211168405629,     1.2329951186255526};
  a = sel(v, cmp(v, LLVMRealOLT, D(v, 28), a), D(v, 28), a); /* lets NaN through */
  V p = poly64(v, quo(v, sub(v, a, D(v, 4)), add(v, a, D(v, 4))), c, sizeof c / sizeof *c);
  V z = bits(v, LLVMBuildAnd(v->b, bits(v, a, v->l), L(v, 0xfffffffff8000000u), ""), v->d);
  V d = mul(v, sub(v, z, a), add(v, z, a)), e = exp64(v, LLVMBuildFNeg(v->b, mul(v, z, z), ""));
  V more = mad(v, mad(v, d, D(v, 1.0 / 6), D(v, 0.5)), mul(v, d, d), d);
  V y = quo(v, p, add(v, D(v, 1), add(v, a, a)));
  return mul(v, e, mad(v, y, more, y));
}

enum { ERF_NEAR_32 = 27 }; /* 0.84375 in 32nds */

/* (erf x - x) / x for |x| below that: fdlibm's. */
static V erf_near(struct vm *v, V x, V near) {
  static const double cp[] = {-2.37630166566501626084e-05, -5.77027029648944159157e-03, -2.84817495755985104766e-02,
                              -3.25042107247001499370e-01, 1.28379167095512558561e-01};
  static const double cq[] = {-3.96022827877536812320e-06, 1.32494738004321644526e-04, 5.08130628187576562776e-03,
                              6.50222499887672944485e-02,  3.97917223959155352819e-01, 1};
  V z = sel(v, near, mul(v, x, x), D(v, 0));
  return quo(v, poly64(v, z, cp, 5), poly64(v, z, cq, 6));
}

static V erfc64(struct vm *v, V x) {
  V a = un(v, "llvm.fabs", x), near = cmp(v, LLVMRealOLT, a, D(v, ERF_NEAR_32 / 32.0)), half = D(v, 0.5);
  V y = erf_near(v, x, near), far = erfc_positive(v, a);
  far = sel(v, cmp(v, LLVMRealOLT, x, D(v, 0)), sub(v, D(v, 2), far), far);
  V low = sub(v, D(v, 1), mad(v, x, y, x)), high = sub(v, half, mad(v, x, y, sub(v, x, half)));
  return sel(v, near, sel(v, cmp(v, LLVMRealOLT, x, D(v, 0.25)), low, high), far);
}

static V erf64(struct vm *v, V x) {
  V a = un(v, "llvm.fabs", x), near = cmp(v, LLVMRealOLT, a, D(v, ERF_NEAR_32 / 32.0));
  V far = copysign2(v, sub(v, D(v, 1), erfc_positive(v, a)), x);
  return sel(v, near, mad(v, x, erf_near(v, x, near), x), far);
}

/* From m = e^2|x| - 1 as m / (m + 2). What m and the sum lost corrects the quotient. */
static V tanh64(struct vm *v, V x) {
  V a = un(v, "llvm.fabs", x), n, t, one = D(v, 1), two = D(v, 2);
  a = sel(v, cmp(v, LLVMRealOLT, D(v, 20), a), D(v, 20), a);
  V r = vm_exp_reduce64(v, add(v, a, a), NULL, &n, &t), q = add(v, r, t), ql = add(v, sub(v, r, q), t);
  V s = vm_scale64(v, one, n), base = sub(v, s, one), sq = mul(v, s, q), m = add(v, base, sq);
  V big = cmp(v, LLVMRealOGE, un(v, "llvm.fabs", base), un(v, "llvm.fabs", sq));
  V ml = sel(v, big, sub(v, sq, sub(v, m, base)), sub(v, base, sub(v, m, sq)));
  ml = mad(v, s, ql, ml);
  V d = add(v, m, two), y = quo(v, m, d),
    dl = add(v, sel(v, cmp(v, LLVMRealOLT, m, two), sub(v, m, sub(v, d, two)), D(v, 0)), ml);
  y = mad(v, sub(v, ml, mul(v, y, dl)), mul(v, sub(v, one, y), D(v, 0.5)), y);
  return copysign2(v, y, x); /* also for -0 */
}

/* From e^-|x|: neither side cancels. What the sum lost corrects the quotient. */
static V sigmoid64(struct vm *v, V x) {
  V e = exp64(v, LLVMBuildFNeg(v->b, un(v, "llvm.fabs", x), "")), one = D(v, 1), d = add(v, one, e);
  V up = cmp(v, LLVMRealOGE, x, D(v, 0)), y = quo(v, sel(v, up, one, e), d), lost = sub(v, e, sub(v, d, one));
  return sub(v, y, mul(v, mul(v, y, lost), sel(v, up, y, sub(v, one, y))));
}

V vm_math64(struct vm *v, enum op op, V x) {
  switch (op) {
  case OP_exp:
    return exp64(v, x);
  case OP_log:
    return vm_log64(v, x, NULL);
  case OP_tanh:
    return tanh64(v, x);
  case OP_sigmoid:
    return sigmoid64(v, x);
  case OP_exp2:
    return exp2_f64(v, x);
  case OP_cosh:
    return cosh64(v, x);
  case OP_log2:
    return log2_f64(v, x);
  case OP_log10:
    return log10_f64(v, x);
  case OP_erf:
    return erf64(v, x);
  case OP_erfc:
    return erfc64(v, x);
  default:
    return NULL;
  }
}

/* x - n pi/2 as y + *low. n * the first two parts is exact. */
static V reduce64(struct vm *v, V x, V *low, V *quadrant) {
  V magic = D(v, 0x1.8p52), t = mad(v, x, D(v, M_2_PI), magic), n = sub(v, t, magic);
  *quadrant = bits(v, t, v->l);
  V a = sub(v, x, mul(v, n, D(v, 1.57079632673412561417e+00))), b = mul(v, n, D(v, 6.07710050630396597660e-11));
  V r = sub(v, a, b), lost = sub(v, sub(v, a, r), b);
  V w = sub(v, mul(v, n, D(v, 2.02226624879595063154e-21)), lost);
  V y = sub(v, r, w);
  *low = sub(v, sub(v, r, y), w);
  return y;
}

V vm_sincos64(struct vm *v, V x, bool cosine) {
  static const double cs[] = {1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
                              -1.98412698298579493134e-04, 8.33333333332248946124e-03};
  static const double cc[] = {-1.13596475577881948265e-11, 2.08757232129817482790e-09,  -2.75573143513906633035e-07,
                              2.48015872894767294178e-05,  -1.38888888888741095749e-03, 4.16666666666666019037e-02};
  V low, q, y = reduce64(v, x, &low, &q), z = mul(v, y, y), half = D(v, 0.5);
  if (cosine) q = LLVMBuildAdd(v->b, q, L(v, 1), "");
  V zy = mul(v, z, y), p = poly64(v, z, cs, 5);
  V sn = mul(v, z, sub(v, mul(v, half, low), mul(v, zy, p)));
  sn = sub(v, y, sub(v, sub(v, sn, low), mul(v, zy, D(v, -1.66666666666666324348e-01))));
  V hz = mul(v, half, z), w = sub(v, D(v, 1), hz),
    rest = sub(v, mul(v, mul(v, z, z), poly64(v, z, cc, 6)), mul(v, y, low));
  V cn = add(v, w, add(v, sub(v, sub(v, D(v, 1), w), hz), rest));
  V odd = LLVMBuildICmp(v->b, LLVMIntNE, LLVMBuildAnd(v->b, q, L(v, 1), ""), L(v, 0), "");
  V r = bits(v, sel(v, odd, cn, sn), v->l), sign = LLVMBuildShl(v->b, LLVMBuildAnd(v->b, q, L(v, 2), ""), L(v, 62), "");
  r = bits(v, LLVMBuildXor(v->b, r, sign, ""), v->d);
  return cosine ? r : sel(v, cmp(v, LLVMRealOEQ, x, D(v, 0)), x, r); /* sin(-0) = -0 */
}
