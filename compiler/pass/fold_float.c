/* Arithmetic that C does in double on floats, done in float where that gives the same bits: f32(abs(f64(x))),
   f32(1.0 / f64(x)), f64(x) > 0.5, i8(round(f64(x))). Twice the lanes, and no conversions.

   Signs, roundings to whole numbers, choices and comparisons of floats are exact in either type. One addition, product,
   quotient or root of floats that is rounded to double and then to float is rounded to float at once: a double has
   more than twice the digits of a float and two more (Figueroa). */
#include "compiler/pass/fold.h"
#include <math.h>

enum { DEPTH = 16 };

static bool keeps(enum op o) {
  switch (o) {
  case OP_neg:
  case OP_abs:
  case OP_min:
  case OP_max:
  case OP_fmin:
  case OP_fmax:
  case OP_floor:
  case OP_ceil:
  case OP_trunc:
  case OP_round:
  case OP_rint:
  case OP_copysign:
    return true;
  default:
    return false;
  }
}

static bool rounds_once(enum op o) {
  return o == OP_add || o == OP_sub || o == OP_mul || o == OP_div || o == OP_sqrt;
}

static expr_t held(struct arena *a, expr_t x, int depth);

/* The same operation on what the operands hold; NULL where one of them holds more than floats. */
static expr_t in_float(struct arena *a, expr_t x, int depth) {
  struct expr *y = NULL;
  for (unsigned i = x->op == OP_select; i < x->nkid; i++) {
    expr_t kid = held(a, x->kid[i], depth - 1);
    if (!kid) return NULL;
    if (!y) y = arena_dup(a, x, sizeof *x);
    y->kid[i] = kid;
  }
  if (y) y->type = DT_f32;
  return y;
}

/* x, of type double, as the float that it always is; NULL: it is not always one. */
static expr_t held(struct arena *a, expr_t x, int depth) {
  if (depth == 0 || x->type != DT_f64) return NULL;
  if (x->kind == E_CONST) {
    bool same = (double)(float)x->val.f == x->val.f || isnan(x->val.f);
    return same ? expr_f(a, DT_f32, x->val.f) : NULL;
  }
  if (x->kind == E_CAST) {
    if (x->kid[0]->type == DT_f32) return x->kid[0];
    return fold_lossless(DT_f32, (enum dtype)x->kid[0]->type) ? expr_cast(a, DT_f32, x->kid[0]) : NULL;
  }
  if (x->kind != E_OP) return NULL;
  return keeps((enum op)x->op) || x->op == OP_select ? in_float(a, x, depth) : NULL;
}

expr_t fold_float_cast(struct arena *a, expr_t x) {
  expr_t y = x->kid[0];
  if (y->kind != E_OP || y->type != DT_f64) return x;
  if (x->type == DT_f32 && rounds_once((enum op)y->op)) {
    expr_t r = in_float(a, y, DEPTH);
    return r ? r : x;
  }
  bool whole = type_is_int((enum dtype)x->type);
  expr_t r = x->type == DT_f32 || whole ? held(a, y, DEPTH) : NULL;
  return r ? expr_cast(a, (enum dtype)x->type, r) : x;
}

expr_t fold_float_compare(struct arena *a, expr_t x) {
  expr_t p = held(a, x->kid[0], DEPTH), q = held(a, x->kid[1], DEPTH);
  if (!p || !q || (p->kind == E_CONST && q->kind == E_CONST)) return x;
  return expr_op2(a, (enum op)x->op, p, q);
}
