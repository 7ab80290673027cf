/* expm1, log1p and the hyperbolic functions of f64 that are made of them. Largest errors (tests/emit/vmath64.c): expm1
   and log1p 1.25 ulp, sinh 1.5, asinh, acosh and atanh 2. */
#include "codegen/emit/vm.h"
#include <math.h>

static V below(struct vm *v, V a, double limit) {
  return cmp(v, LLVMRealOLT, a, D(v, limit));
}

/* (e^x - 1) * 2^less for x within -800 and 712: 2^n times (1 - 2^-n) + q, whose first sum is exact with what it lost.
 */
static V expm1_scaled(struct vm *v, V x, double less) {
  V n, t, r = vm_exp_reduce64(v, x, NULL, &n, &t), one = D(v, 1);
  V c = sub(v, one, vm_scale64(v, one, LLVMBuildFNeg(v->b, n, ""))), s = add(v, c, r), lost = sub(v, r, sub(v, s, c));
  return vm_scale64(v, add(v, s, add(v, lost, t)), add(v, n, D(v, less)));
}

static V expm1_64(struct vm *v, V x) {
  return copysign2(v, expm1_scaled(v, clamp64(v, x, -50, 710), 0), x);
}

/* log u + (what u = 1 + x lost) / u */
static V log1p64(struct vm *v, V x) {
  V one = D(v, 1), u = add(v, one, x), small = below(v, x, 1);
  V lost = sel(v, small, sub(v, x, sub(v, u, one)), sub(v, one, sub(v, u, x)));
  V plain = LLVMBuildAnd(v->b, cmp(v, LLVMRealOGT, u, D(v, 0)), below(v, u, INFINITY), "");
  return copysign2(v, vm_log64(v, u, sel(v, plain, quo(v, lost, u), D(v, 0))), x);
}

/* From h = (e^|x| - 1) / 2, which overflows no earlier than the result; below 1 the series. */
static V sinh64(struct vm *v, V x) {
  static const double c[] = {1.0 / 355687428096000, 1.0 / 1307674368000, 1.0 / 6227020800, 1.0 / 39916800,
                             1.0 / 362880,          1.0 / 5040,          1.0 / 120,        1.0 / 6};
  V a = clamp64(v, un(v, "llvm.fabs", x), 0, 712), h = expm1_scaled(v, a, -1), one = D(v, 1), near = below(v, a, 1);
  V z = mul(v, a, a), series = mad(v, mul(v, poly64(v, sel(v, near, z, one), c, 8), z), a, a);
  V rest = sel(v, below(v, a, 40), quo(v, h, add(v, add(v, h, h), one)), D(v, 0.5));
  return copysign2(v, sel(v, near, series, add(v, h, rest)), x);
}

/* log(x + sqrt(x^2 +- 1)) where x is so large that this is 2 x. */
static V log_twice(struct vm *v, V x) {
  return vm_log64(v, x, D(v, M_LN2));
}

static V asinh64(struct vm *v, V x) {
  V a = un(v, "llvm.fabs", x), far = cmp(v, LLVMRealOGT, a, D(v, 0x1p28)), one = D(v, 1);
  V m = sel(v, far, one, a), s = mul(v, m, m);
  V y = log1p64(v, add(v, m, quo(v, s, add(v, one, un(v, "llvm.sqrt", add(v, one, s))))));
  return copysign2(v, sel(v, far, log_twice(v, a), y), x);
}

static V acosh64(struct vm *v, V x) {
  V far = cmp(v, LLVMRealOGT, x, D(v, 0x1p28)), one = D(v, 1), t = sub(v, sel(v, far, D(v, 2), x), one);
  V y = log1p64(v, add(v, t, un(v, "llvm.sqrt", mad(v, t, t, add(v, t, t)))));
  return sel(v, below(v, x, 1), D(v, NAN), sel(v, far, log_twice(v, x), y));
}

static V atanh64(struct vm *v, V x) {
  V a = un(v, "llvm.fabs", x), one = D(v, 1), twice = add(v, a, a), rest = sub(v, one, a);
  V t = sel(v, below(v, a, 0.5), mad(v, twice, quo(v, a, rest), twice), quo(v, twice, rest));
  return copysign2(v, mul(v, log1p64(v, t), D(v, 0.5)), x);
}

V vm_hyp64(struct vm *v, enum op op, V x) {
  switch (op) {
  case OP_expm1:
    return expm1_64(v, x);
  case OP_log1p:
    return log1p64(v, x);
  case OP_sinh:
    return sinh64(v, x);
  case OP_asinh:
    return asinh64(v, x);
  case OP_acosh:
    return acosh64(v, x);
  case OP_atanh:
    return atanh64(v, x);
  default:
    return NULL;
  }
}
