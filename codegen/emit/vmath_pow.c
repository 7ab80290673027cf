/* pow, hypot and cbrt of f64: those whose last bits need products with all their digits. A number of twice the digits
   is a pair h + l, l below half a unit of h. Largest errors (tests/emit/vmath64.c): pow and hypot 1 ulp, cbrt 1.

   pow: log |x| as a pair, times y, then e to that. The logarithm is 2 atanh s, s = (m - 1) / (m + 1), of which the
   first two terms are pairs: 2^-70 of it is lost, which y log x <= 745 makes 2^-60 of the result. */
#include "codegen/emit/vm.h"
#include <math.h>

struct pair {
  V h, l;
};

/* |a| >= |b|, or a = 0 */
static struct pair sum_of(struct vm *v, V a, V b) {
  V h = add(v, a, b);
  return (struct pair){h, sub(v, b, sub(v, h, a))};
}

/* The upper 26 bits (T. Dekker); |a| < 2^990. */
static V upper(struct vm *v, V a) {
  V t = mul(v, a, D(v, 0x1p27 + 1));
  return sub(v, t, sub(v, t, a));
}

/* a * b - p, where p is a * b rounded. */
static V lost_of(struct vm *v, V a, V b, V p) {
  if (v->m->isa.fma) return mad(v, a, b, LLVMBuildFNeg(v->b, p, ""));
  V ah = upper(v, a), al = sub(v, a, ah), bh = upper(v, b), bl = sub(v, b, bh);
  V t = sub(v, mul(v, ah, bh), p);
  t = add(v, t, mul(v, ah, bl));
  return add(v, add(v, t, mul(v, al, bh)), mul(v, al, bl));
}

static struct pair product_of(struct vm *v, V a, V b) {
  V p = mul(v, a, b);
  return (struct pair){p, lost_of(v, a, b, p)};
}

static V is(struct vm *v, V a, double b) {
  return cmp(v, LLVMRealOEQ, a, D(v, b));
}

static V both(struct vm *v, V a, V b) {
  return LLVMBuildAnd(v->b, a, b, "");
}

static V either(struct vm *v, V a, V b) {
  return LLVMBuildOr(v->b, a, b, "");
}

/* s = (m - 1) / (m + 1) */
static struct pair atanh_argument(struct vm *v, V m) {
  V one = D(v, 1), f = sub(v, m, one), d = add(v, m, one), dl = sub(v, m, sub(v, d, one));
  V inverse = quo(v, one, d), h = mul(v, f, inverse);
  struct pair p = product_of(v, h, d);
  V rest = sub(v, sub(v, sub(v, f, p.h), p.l), mul(v, h, dl));
  return (struct pair){h, mul(v, rest, inverse)};
}

/* log a of a positive number */
static struct pair log_pair(struct vm *v, V a) {
  static const double c[] = {1.0 / 25, 1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15,
                             1.0 / 13, 1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5};
  V k, m = vm_normalise64(v, a, &k), third = D(v, 1.0 / 3), third_low = D(v, 1.850371707708594e-17);
  struct pair s = atanh_argument(v, m), z = product_of(v, s.h, s.h);
  z.l = mad(v, add(v, s.h, s.h), s.l, z.l);
  struct pair t = product_of(v, z.h, third); /* z / 3 + z^2 / 5 + … */
  t.l = add(v, t.l, mad(v, z.h, third_low, mul(v, z.l, third)));
  t.l = mad(v, mul(v, z.h, z.h), poly64(v, z.h, c, sizeof c / sizeof *c), t.l);
  V twice = add(v, s.h, s.h), low = add(v, s.l, s.l);
  struct pair q = product_of(v, twice, t.h);
  q.l = add(v, q.l, mad(v, twice, t.l, mad(v, low, t.h, low)));
  struct pair first = sum_of(v, mul(v, k, D(v, 6.93147180369123816490e-01)), twice), more = sum_of(v, first.h, q.h);
  q.l = mad(v, k, D(v, 1.90821492927058770002e-10), q.l);
  return sum_of(v, more.h, add(v, add(v, first.l, more.l), q.l));
}

static V exp_pair(struct vm *v, struct pair x) {
  V in = cmp(v, LLVMRealOLT, un(v, "llvm.fabs", x.h), D(v, 800)), n, t;
  V low = sel(v, in, x.l, D(v, 0)), r = vm_exp_reduce64(v, clamp64(v, x.h, -800, 800), low, &n, &t);
  return vm_scale64(v, add(v, D(v, 1), add(v, r, t)), n);
}

V vm_pow_base64(struct vm *v, V x, V *low) {
  V a = un(v, "llvm.fabs", x);
  struct pair l = log_pair(v, sel(v, either(v, is(v, a, 0), is(v, a, INFINITY)), D(v, 1), a));
  *low = l.l;
  return l.h;
}

V vm_power64(struct vm *v, V x, V y, V log, V low) {
  V a = un(v, "llvm.fabs", x), inf = D(v, INFINITY), zero = is(v, a, 0), endless = is(v, a, INFINITY);
  struct pair l = {log, low};
  V times = clamp64(v, y, -0x1p66, 0x1p66); /* beyond all results are 0, 1 or infinity */
  struct pair p = product_of(v, times, l.h);
  p.l = mad(v, times, l.l, p.l);
  V side = copysign2(v, inf, y); /* of 0^y and inf^y */
  p.h = sel(v, endless, side, sel(v, zero, LLVMBuildFNeg(v->b, side, ""), p.h));
  V r = exp_pair(v, p), whole = cmp(v, LLVMRealOEQ, un(v, "llvm.trunc", y), y), h = mul(v, y, D(v, 0.5));
  V odd = both(v, whole, cmp(v, LLVMRealUNE, un(v, "llvm.trunc", h), h));
  r = sel(v, odd, copysign2(v, r, x), r);
  V negative = both(v, cmp(v, LLVMRealOLT, x, D(v, 0)), LLVMBuildNot(v->b, endless, ""));
  r = sel(v, both(v, negative, LLVMBuildNot(v->b, whole, "")), D(v, NAN), r);
  r = sel(v, cmp(v, LLVMRealUNO, x, y), D(v, NAN), r);
  V unit = both(v, is(v, a, 1), is(v, un(v, "llvm.fabs", y), INFINITY));
  return sel(v, either(v, either(v, is(v, y, 0), is(v, x, 1)), unit), D(v, 1), r);
}

/* The root of the sum, corrected by what it, the squares and the sum lost. */
static V hypot64(struct vm *v, V x, V y) {
  V ax = un(v, "llvm.fabs", x), ay = un(v, "llvm.fabs", y), less = cmp(v, LLVMRealOLT, ax, ay);
  V a = sel(v, less, ay, ax), b = sel(v, less, ax, ay), inf = D(v, INFINITY);
  V any = either(v, is(v, ax, INFINITY), is(v, ay, INFINITY)), zero = both(v, is(v, ax, 0), is(v, ay, 0));
  V large = cmp(v, LLVMRealOGT, a, D(v, 0x1p450)), tiny = cmp(v, LLVMRealOLT, a, D(v, 0x1p-400));
  V down = sel(v, large, D(v, 0x1p-600), sel(v, tiny, D(v, 0x1p600), D(v, 1)));
  V up = sel(v, large, D(v, 0x1p600), sel(v, tiny, D(v, 0x1p-600), D(v, 1)));
  V as = mul(v, a, down), bs = mul(v, b, down);
  struct pair p = product_of(v, as, as), q = product_of(v, bs, bs), s = sum_of(v, p.h, q.h);
  V h = un(v, "llvm.sqrt", s.h);
  struct pair hh = product_of(v, h, h);
  V rest = add(v, sub(v, sub(v, s.h, hh.h), hh.l), add(v, s.l, add(v, p.l, q.l)));
  V r = mul(v, add(v, h, quo(v, rest, add(v, h, h))), up);
  r = sel(v, zero, D(v, 0), r);
  return sel(v, any, inf, r);
}

/* x = 2^(3q) b, 1 <= b < 8: from a polynomial two steps of Halley's, the last one with all digits of the remainder. */
static V cbrt64(struct vm *v, V x) {
  static const double c[] = {-0.01010221233634012, 0.08307903547964242, -0.29395411808483507, 0.7117423866025998,
                             0.5092481335492398};
  V a = un(v, "llvm.fabs", x),
    edge = either(v, is(v, a, 0), LLVMBuildNot(v->b, cmp(v, LLVMRealOLT, a, D(v, INFINITY)), ""));
  V k, m = vm_normalise64(v, sel(v, edge, D(v, 1), a), &k), low = cmp(v, LLVMRealOLT, m, D(v, 1)), one = D(v, 1);
  m = sel(v, low, add(v, m, m), m), k = sel(v, low, sub(v, k, one), k);
  V magic = D(v, 0x1.8p52), third = mul(v, sub(v, k, one), D(v, 1.0 / 3)), q = sub(v, add(v, third, magic), magic);
  V rest = sub(v, k, mul(v, q, D(v, 3))), is1 = is(v, rest, 1), is2 = is(v, rest, 2);
  V b = mul(v, m, sel(v, is2, D(v, 4), sel(v, is1, D(v, 2), one)));
  V y = mul(v, poly64(v, m, c, 5),
            sel(v, is2, D(v, 1.5874010519681994748), sel(v, is1, D(v, 1.2599210498948731648), one)));
  V cube = mul(v, mul(v, y, y), y);
  y = sub(v, y, mul(v, y, quo(v, sub(v, cube, b), add(v, add(v, cube, cube), b))));
  struct pair s = product_of(v, y, y), t = product_of(v, y, s.h);
  t.l = mad(v, y, s.l, t.l);
  y = sub(v, y, quo(v, add(v, sub(v, t.h, b), t.l), mul(v, s.h, D(v, 3))));
  return sel(v, edge, x, copysign2(v, vm_scale64(v, y, q), x));
}

V vm_pow64(struct vm *v, enum op op, V *arg) {
  switch (op) {
  case OP_pow: {
    V low, log = vm_pow_base64(v, arg[0], &low);
    return vm_power64(v, arg[0], arg[1], log, low);
  }
  case OP_hypot:
    return hypot64(v, arg[0], arg[1]);
  case OP_cbrt:
    return cbrt64(v, arg[0]);
  default:
    return NULL;
  }
}
