/* Conversions saturate (ir/type.h), and NaN becomes 0: what people write before and around a conversion so that it does
   not overflow is then said twice. u8(min(max(x, 0), 255)), i8(min(max(i32(x), -128), 127)) and x > 255 ? 255 : u8(x)
   are u8(x), i8(x) and u8(x), of a float x. And what lies within a narrow type needs no wide one on its way there:
   i16(i64(rint(min(max(x, -32768), 32767)))), which is how lrintf is used, is i16(rint(x)). Other bounds of what was a
   float are bounds of the float: max(i32(rint(x)), -127) is i32(rint(max(x, -127))), which then saturates nowhere. */
#include "compiler/pass/fold.h"
#include <math.h>

/* Least and greatest value of an integer type of up to 32 bits. */
static bool ends(enum dtype t, double *least, double *most) {
  unsigned bits = 8 * (unsigned)type_size(t);
  if (!type_is_int(t) || bits > 32) return false;
  *least = type_is_signed(t) ? -ldexp(1, (int)bits - 1) : 0;
  *most = ldexp(1, (int)bits - (type_is_signed(t) ? 1 : 0)) - 1;
  return true;
}

static double number(expr_t x) {
  if (x->kind != E_CONST) return NAN;
  return type_is_float(x->type) ? x->val.f : type_is_signed(x->type) ? (double)x->val.i : (double)x->val.u;
}

static bool never_nan(expr_t x) {
  return !type_is_float(x->type) || (x->kind == E_OP && x->op == OP_fmax && !isnan(number(x->kid[1])));
}

/* Without bounds that a conversion to t makes itself. min(x, c) and max(x, c) pass NaN on when c stands second; fmax(x,
 * 0) makes 0 of it, as a conversion does. */
static expr_t without_bounds(enum dtype t, expr_t x, bool *above, bool *below) {
  double least, most;
  if (!ends(t, &least, &most)) return x;
  for (; x->kind == E_OP && x->nkid == 2; x = x->kid[0]) {
    double c = number(x->kid[1]);
    bool min = x->op == OP_min || (x->op == OP_fmin && never_nan(x->kid[0]));
    bool max = x->op == OP_max || (x->op == OP_fmax && c == 0 && least == 0);
    if (min && c >= most)
      *above |= c == most;
    else if (max && c <= least)
      *below |= c == least;
    else
      break;
  }
  return x;
}

static bool rounds(expr_t x) {
  return x->kind == E_OP &&
         (x->op == OP_rint || x->op == OP_round || x->op == OP_floor || x->op == OP_ceil || x->op == OP_trunc);
}

/* Between which numbers a float that is not NaN lies. */
struct between {
  double lo, hi;
};

static struct between cut(struct between x, struct between y, bool low, bool one) {
  struct between r = {low ? fmin(x.lo, y.lo) : fmax(x.lo, y.lo), low ? fmin(x.hi, y.hi) : fmax(x.hi, y.hi)};
  if (!one && low) r.hi = fmax(x.hi, y.hi); /* the other may be NaN */
  if (!one && !low) r.lo = fmin(x.lo, y.lo);
  return r;
}

static struct between between(expr_t x, int depth) {
  struct between none = {-INFINITY, INFINITY}, v;
  if (depth == 0) return none;
  if (x->kind == E_CONST) return isnan(number(x)) ? none : (struct between){number(x), number(x)};
  if (x->kind == E_CAST) {
    enum dtype from = (enum dtype)x->kid[0]->type;
    if (type_is_float(from)) return fold_lossless(x->type, from) ? between(x->kid[0], depth - 1) : none;
    return ends(from, &v.lo, &v.hi) && fold_lossless(x->type, from) ? v : none;
  }
  if (x->kind != E_OP) return none;
  v = between(x->kid[0], depth - 1);
  if (rounds(x)) return (struct between){floor(v.lo), ceil(v.hi)};
  bool low = x->op == OP_min || x->op == OP_fmin, high = x->op == OP_max || x->op == OP_fmax;
  if (!low && !high) return none;
  bool one = x->kid[0]->kind == E_CONST || x->kid[1]->kind == E_CONST;
  return cut(v, between(x->kid[1], depth - 1), low, one);
}

/* x converts y, an integer that was a float, to a narrower type that holds what the float can be. */
static bool needless(expr_t x, expr_t y) {
  double least, most;
  if (y->kind != E_CAST || !type_is_int(y->type) || !type_is_float(y->kid[0]->type) || !ends(x->type, &least, &most))
    return false;
  struct between v = between(y->kid[0], 8);
  return v.lo > least - 1 && v.hi < most + 1 && fold_lossless(y->type, x->type);
}

/* The same of a rounded number: the ends are whole. */
static expr_t rounded_without(struct arena *a, expr_t x, expr_t y) {
  bool above = false, below = false;
  expr_t z = without_bounds(x->type, y->kid[0], &above, &below);
  return z == y->kid[0] || !type_is_float(z->type) ? x : expr_cast(a, x->type, expr_op1(a, (enum op)y->op, z));
}

expr_t fold_saturating_cast(struct arena *a, expr_t x) {
  bool above = false, below = false;
  if (needless(x, x->kid[0])) x = expr_cast(a, x->type, x->kid[0]->kid[0]);
  if (type_is_int(x->type) && rounds(x->kid[0])) return rounded_without(a, x, x->kid[0]);
  expr_t y = without_bounds(x->type, x->kid[0], &above, &below);
  if (y == x->kid[0]) return x;
  if (type_is_float(y->type)) return expr_cast(a, x->type, y);
  bool whole = above && below && y->kind == E_CAST && type_is_float(y->kid[0]->type) && fold_lossless(y->type, x->type);
  return whole ? expr_cast(a, x->type, y->kid[0]) : x;
}

/* c ? p : T(v) where c means that v is beyond T's end and p is that end. */
expr_t fold_saturating_select(expr_t x) {
  expr_t c = x->kid[0], p = x->kid[1], q = x->kid[2];
  double least, most, end = number(p);
  if (c->kind != E_OP || c->nkid != 2 || q->kind != E_CAST || !type_is_float(q->kid[0]->type) ||
      !ends(x->type, &least, &most))
    return x;
  if (!expr_eq(c->kid[0], q->kid[0])) return x;
  double bound = number(c->kid[1]);
  bool over = (c->op == OP_gt || c->op == OP_ge) && end == most && bound >= most;
  bool under = (c->op == OP_lt || c->op == OP_le) && end == least && bound <= least;
  return over || under ? q : x;
}

/* min(I(v), c) of a float v and c >= 0, max(I(v), c) of c <= 0: NaN, which is 0, lies within. */
expr_t fold_whole_bound(struct arena *a, expr_t x) {
  expr_t y = x->kid[0];
  double c = number(x->kid[1]);
  if (!type_is_int(x->type) || x->kid[1]->kind != E_CONST || y->kind != E_CAST) return x;
  expr_t v = y->kid[0];
  if (v->type != DT_f32 && v->type != DT_f64) return x;
  if (fabs(c) > (v->type == DT_f32 ? 0x1p24 : 0x1p53) || (x->op == OP_min ? c < 0 : c > 0)) return x;
  expr_t by = expr_f(a, v->type, c), r;
  if (rounds(v))
    r = expr_op1(a, (enum op)v->op, expr_op2(a, (enum op)x->op, v->kid[0], by));
  else
    r = expr_op2(a, (enum op)x->op, v, by);
  return expr_cast(a, x->type, r);
}

/* y, of a wider type, in type t: a choice among numbers and what was of that type, made of a float; NULL: it is
 * something else. */
static expr_t choice_in(struct arena *a, enum dtype t, expr_t y, bool *found) {
  if (y->kind == E_CONST) return expr_const(a, t, type_convert(t, y->type, y->val));
  if (y->kind == E_CAST && y->kid[0]->type == t) {
    *found |= y->kid[0]->kind == E_CAST && type_is_float(y->kid[0]->kid[0]->type);
    return y->kid[0];
  }
  if (y->kind != E_OP || y->op != OP_select) return NULL;
  expr_t p = choice_in(a, t, y->kid[1], found), q = p ? choice_in(a, t, y->kid[2], found) : NULL;
  return q ? fold_saturating_select(expr_op3(a, OP_select, y->kid[0], p, q)) : NULL;
}

expr_t fold_narrow_choice(struct arena *a, expr_t x) {
  expr_t y = x->kid[0];
  bool found = false;
  if (!type_is_int(x->type) || !type_is_int(y->type) || type_size(y->type) <= type_size(x->type)) return x;
  expr_t z = y->kind == E_OP && y->op == OP_select ? choice_in(a, x->type, y, &found) : NULL;
  return z && found ? z : x;
}
