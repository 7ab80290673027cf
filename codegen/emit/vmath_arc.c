/* asin, acos, atan and atan2 of f64: the rational functions and intervals of Sun's fdlibm, all of them computed and
   chosen from. Largest errors (tests/emit/vmath64.c): 1 ulp, atan2 1.5. */
#include "codegen/emit/vm.h"
#include <math.h>

static const double PIO2_LOW = 6.12323399573676603587e-17, PI_LOW = 1.2246467991473531772e-16;

static V below(struct vm *v, V a, double limit) {
  return cmp(v, LLVMRealOLT, a, D(v, limit));
}

static V upper_half(struct vm *v, V x) {
  return bits(v, LLVMBuildAnd(v->b, bits(v, x, v->l), L(v, 0xffffffff00000000u), ""), v->d);
}

/* (asin x - x) / x as a function of x^2 <= 1/4 */
static V asin_rest(struct vm *v, V z) {
  static const double p[] = {3.47933107596021167570e-05, 7.91534994289814532176e-04,  -4.00555345006794114027e-02,
                             2.01212532134862925881e-01, -3.25565818622400915405e-01, 1.66666666666666657415e-01};
  static const double q[] = {7.70381505559019352791e-02, -6.88283971605453293030e-01, 2.02094576023350569471e+00,
                             -2.40339491173441421878e+00, 1};
  return quo(v, mul(v, z, poly64(v, z, p, 6)), poly64(v, z, q, 5));
}

/* pi/2 - 2 asin sqrt((1 - |x|) / 2) beyond 1/2; the root is s = w + c. */
static V asin64(struct vm *v, V x) {
  V a = un(v, "llvm.fabs", x), near = below(v, a, 0.5), half = D(v, 0.5), quarter = D(v, M_PI_4);
  V z = sel(v, near, mul(v, x, x), mul(v, sub(v, D(v, 1), a), half)), r = asin_rest(v, z);
  V s = un(v, "llvm.sqrt", z), w = upper_half(v, s);
  V c = quo(v, sub(v, z, mul(v, w, w)), add(v, add(v, s, w), D(v, 1e-300)));
  V p = sub(v, mul(v, add(v, s, s), r), sub(v, D(v, PIO2_LOW), add(v, c, c)));
  V far = sub(v, quarter, sub(v, p, sub(v, quarter, add(v, w, w))));
  return copysign2(v, sel(v, near, mad(v, a, r, a), far), x);
}

static V acos64(struct vm *v, V x) {
  V a = un(v, "llvm.fabs", x), near = below(v, a, 0.5), low = D(v, PIO2_LOW), negative = below(v, x, 0);
  V z = sel(v, near, mul(v, x, x), mul(v, sub(v, D(v, 1), a), D(v, 0.5))), r = asin_rest(v, z);
  V middle = sub(v, D(v, M_PI_2), sub(v, x, sub(v, low, mul(v, x, r))));
  V s = un(v, "llvm.sqrt", z), w = upper_half(v, s);
  V c = quo(v, sub(v, z, mul(v, w, w)), add(v, add(v, s, w), D(v, 1e-300)));
  V right = add(v, w, mad(v, r, s, c)), left = add(v, s, sub(v, mul(v, r, s), low));
  V far = sel(v, negative, sub(v, D(v, M_PI), add(v, left, left)), add(v, right, right));
  return sel(v, near, middle, far);
}

/* atan(a / b) of numbers that are not negative, a + b not overflowing: the angle less that of one of four slopes. */
static V atan_ratio(struct vm *v, V a, V b) {
  static const double c[] = {1.62858201153657823623e-02,  -3.65315727442169155270e-02, 4.97687799461593236017e-02,
                             -5.83357013379057348645e-02, 6.66107313738753120669e-02,  -7.69187620504482999495e-02,
                             9.09088713343650656196e-02,  -1.11111104054623557880e-01, 1.42857142725034663711e-01,
                             -1.99999999998764832476e-01, 3.33333333333329318027e-01};
  static const struct {
    double limit, slope_a, slope_b, hi, lo; /* a * slope_b - b * slope_a */
  } part[] = {{0.4375, 0, 1, 0, 0},
              {0.6875, 1, 2, 4.63647609000806093515e-01, 2.26987774529616870924e-17},
              {1.1875, 1, 1, 7.85398163397448278999e-01, 3.06161699786838301793e-17},
              {2.4375, 1.5, 1, 9.82793723247329054082e-01, 1.39033110312309984516e-17},
              {INFINITY, 1, 0, 1.57079632679489655800e+00, 6.12323399573676603587e-17}};
  V sa = D(v, 1), sb = D(v, 0), hi = D(v, part[4].hi), lo = D(v, part[4].lo);
  for (int i = 3; i >= 0; i--) {
    V in = cmp(v, LLVMRealOLT, a, mul(v, b, D(v, part[i].limit)));
    sa = sel(v, in, D(v, part[i].slope_a), sa), sb = sel(v, in, D(v, part[i].slope_b), sb);
    hi = sel(v, in, D(v, part[i].hi), hi), lo = sel(v, in, D(v, part[i].lo), lo);
  }
  V x = quo(v, sub(v, mul(v, a, sb), mul(v, b, sa)), add(v, mul(v, b, sb), mul(v, a, sa))), z = mul(v, x, x);
  V rest = mul(v, z, poly64(v, z, c, sizeof c / sizeof *c));
  return sub(v, hi, sub(v, sub(v, mul(v, x, rest), lo), x));
}

/* Of infinity: of a large number. */
static V atan64(struct vm *v, V x) {
  return copysign2(v, atan_ratio(v, clamp64(v, un(v, "llvm.fabs", x), 0, 0x1p500), D(v, 1)), x);
}

static V atan2_64(struct vm *v, V y, V x) {
  V a = un(v, "llvm.fabs", y), b = un(v, "llvm.fabs", x), one = D(v, 1);
  V more = cmp(v, LLVMRealOGT, a, b), top = sel(v, more, a, b), nothing = cmp(v, LLVMRealOEQ, top, D(v, 0));
  V endless = cmp(v, LLVMRealOEQ, sel(v, more, b, a), D(v, INFINITY)); /* the smaller one */
  V scale = sel(v, cmp(v, LLVMRealOGT, top, D(v, 0x1p1000)), D(v, 0x1p-100),
                sel(v, below(v, top, 0x1p-900), D(v, 0x1p120), one));
  a = sel(v, endless, one, clamp64(v, mul(v, a, scale), 0, 0x1p1000));
  V level = cmp(v, LLVMRealOEQ, b, D(v, INFINITY)); /* 0, unless both are */
  a = sel(v, LLVMBuildAnd(v->b, level, LLVMBuildNot(v->b, endless, ""), ""), D(v, 0), a);
  b = sel(v, level, one, mul(v, b, scale));
  V t = atan_ratio(v, a, sel(v, nothing, one, b));
  V left = LLVMBuildICmp(v->b, LLVMIntSLT, bits(v, x, v->l), L(v, 0), "");
  t = sel(v, left, sub(v, D(v, M_PI), sub(v, t, D(v, PI_LOW))), t);
  t = sel(v, cmp(v, LLVMRealUNO, x, y), D(v, NAN), t);
  return copysign2(v, t, y);
}

V vm_arc64(struct vm *v, enum op op, V *arg) {
  switch (op) {
  case OP_asin:
    return asin64(v, arg[0]);
  case OP_acos:
    return acos64(v, arg[0]);
  case OP_atan:
    return atan64(v, arg[0]);
  case OP_atan2:
    return atan2_64(v, arg[0], arg[1]);
  default:
    return NULL;
  }
}
