#include "ir/saturate.h"

/* The other operand of a minimum (maximum) with the number c; NULL: it is none. */
static expr_t bounded(expr_t x, enum op o, int64_t c) {
  if (x->kind != E_OP || x->op != o) return NULL;
  for (unsigned i = 0; i < 2; i++)
    if (x->kid[i]->kind == E_CONST && x->kid[i]->val.i == c) return x->kid[1 - i];
  return NULL;
}

static expr_t widened(expr_t x, enum dtype t) {
  return x->kind == E_CAST && x->kid[0]->type == t ? x->kid[0] : NULL;
}

bool saturated_of(expr_t x, struct saturated *out) {
  enum dtype t = (enum dtype)x->type;
  if (x->kind != E_CAST || !type_is_int(t) || type_size(t) > 2) return false;
  expr_t y = x->kid[0];
  enum dtype wide = (enum dtype)y->type;
  if (!type_is_int(wide) || type_size(wide) <= type_size(t)) return false;
  unsigned bits = 8 * (unsigned)type_size(t);
  bool sign = type_is_signed(t), low = false, high = false;
  int64_t least = sign ? -(INT64_C(1) << (bits - 1)) : 0, most = (INT64_C(1) << (bits - sign)) - 1;
  for (unsigned i = 0; i < 2; i++) {
    expr_t up = bounded(y, OP_max, least), down = bounded(y, OP_min, most);
    low |= up != NULL, high |= down != NULL;
    y = up ? up : down ? down : y;
  }
  if (y->kind != E_OP || (y->op != OP_add && y->op != OP_sub)) return false;
  bool minus = y->op == OP_sub;
  expr_t a = widened(y->kid[0], t), b = widened(y->kid[1], t);
  if (!a || !b || (minus && !type_is_signed(wide))) return false;
  if ((sign || minus) && !low) return false;
  if ((sign || !minus) && !high) return false;
  *out = (struct saturated){minus, a, b};
  return true;
}
