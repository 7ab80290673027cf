/* The rarer functions of f32, computed on lanes of f64 with vmath64.c's exp and log, or vmath_arc.c, and rounded once:
   at most 0.51 ulp and 0.6 near 0 (tests/emit/vmath.c). A lane costs two, which is little beside a call of libm for
   each. Near 0, where 1 + x or the difference of two exponentials would lose digits, the first terms of the series. */
#include "codegen/emit/vm.h"
#include <math.h>

static V exp_of(struct vm *v, V x) {
  return vm_math64(v, OP_exp, x);
}

static V log_of(struct vm *v, V x) {
  return vm_math64(v, OP_log, x);
}

static V root(struct vm *v, V x) {
  return un(v, "llvm.sqrt", x);
}

static V below(struct vm *v, V a, double limit) {
  return cmp(v, LLVMRealOLT, a, D(v, limit));
}

/* a + c3 a^3 + c5 a^5 */
static V odd_series(struct vm *v, V a, double c3, double c5) {
  V s = mul(v, a, a);
  return mad(v, mul(v, mad(v, s, D(v, c5), D(v, c3)), s), a, a);
}

/* a + c a^2 */
static V short_series(struct vm *v, V a, double c) {
  return mad(v, mul(v, a, a), D(v, c), a);
}

/* Of odd functions: a = |x|. */
static V odd_function(struct vm *v, enum op op, V a) {
  V near = below(v, a, 0x1p-8), one = D(v, 1), s = mul(v, a, a);
  if (op == OP_asinh)
    return sel(v, near, odd_series(v, a, -1.0 / 6, 3.0 / 40), log_of(v, add(v, a, root(v, add(v, s, one)))));
  if (op == OP_atanh) {
    V y = log_of(v, quo(v, add(v, one, a), sub(v, one, a)));
    return sel(v, near, odd_series(v, a, 1.0 / 3, 1.0 / 5), mul(v, y, D(v, 0.5)));
  }
  if (op == OP_cbrt) return exp_of(v, mul(v, log_of(v, a), D(v, 1.0 / 3)));
  V e = exp_of(v, a), y = mul(v, sub(v, e, quo(v, one, e)), D(v, 0.5));
  return sel(v, near, odd_series(v, a, 1.0 / 6, 1.0 / 120), y);
}

static V hypotenuse(struct vm *v, V x, V y) {
  V ax = un(v, "llvm.fabs", x), ay = un(v, "llvm.fabs", y), inf = D(v, INFINITY);
  V any = LLVMBuildOr(v->b, cmp(v, LLVMRealOEQ, ax, inf), cmp(v, LLVMRealOEQ, ay, inf), "");
  return sel(v, any, inf, root(v, add(v, mul(v, x, x), mul(v, y, y))));
}

static V arc(struct vm *v, enum op op, V x, V *arg) {
  V both[2] = {x, op == OP_atan2 ? LLVMBuildFPExt(v->b, arg[1], v->d, "") : NULL};
  return vm_arc64(v, op, both);
}

static V wide(struct vm *v, enum op op, V x, V *arg) {
  V a = un(v, "llvm.fabs", x), near = below(v, a, 0x1p-26), one = D(v, 1);
  switch (op) {
  case OP_erfc:
    return vm_math64(v, op, x);
  case OP_log1p:
    return copysign2(v, sel(v, near, short_series(v, x, -0.5), log_of(v, add(v, one, x))), x);
  case OP_expm1:
    return copysign2(v, sel(v, near, short_series(v, x, 0.5), sub(v, exp_of(v, x), one)), x);
  case OP_sinh:
  case OP_asinh:
  case OP_atanh:
  case OP_cbrt:
    return copysign2(v, odd_function(v, op, a), x);
  case OP_acosh:
    return sel(v, cmp(v, LLVMRealOLT, x, one), D(v, NAN), log_of(v, add(v, x, root(v, sub(v, mul(v, x, x), one)))));
  case OP_hypot:
    return hypotenuse(v, x, LLVMBuildFPExt(v->b, arg[1], v->d, ""));
  default:
    return arc(v, op, x, arg);
  }
}

V vm_wide32(struct vm *v, enum op op, V *arg) {
  V y = wide(v, op, LLVMBuildFPExt(v->b, arg[0], v->d, ""), arg);
  return y ? LLVMBuildFPTrunc(v->b, y, v->f, "") : NULL;
}
