#include "ir/short_sum.h"

static bool is_short(expr_t x) {
  return x->type == DT_u8 || x->type == DT_i8 || x->type == DT_i16;
}

/* What integer conversions that lose nothing were made of: a value of u8, i8 or i16; else NULL. */
static expr_t held(expr_t x) {
  while (x->kind == E_CAST && !is_short(x)) {
    if (!type_is_int((enum dtype)x->type) || type_size((enum dtype)x->type) < 2) return NULL;
    if (x->type == DT_u16 && x->kid[0]->type != DT_u8) return NULL;
    x = x->kid[0];
  }
  return is_short(x) ? x : NULL;
}

/* abs(int(a) - int(b)), or max(a, b) - min(a, b) of bytes. */
static bool is_distance(expr_t x, struct short_sum *out) {
  while (x->kind == E_CAST && type_is_int((enum dtype)x->type) && type_size((enum dtype)x->type) >= 2) x = x->kid[0];
  if (x->kind != E_OP) return false;
  expr_t d = x->op == OP_abs && type_size((enum dtype)x->type) >= 2 ? x->kid[0] : x, a, b;
  if (d->kind != E_OP || d->op != OP_sub || (d == x && x->type != DT_u8)) return false;
  a = d->kid[0], b = d->kid[1];
  if (d == x) {
    if (a->kind != E_OP || b->kind != E_OP || a->op != OP_max || b->op != OP_min) return false;
    bool same = expr_eq(a->kid[0], b->kid[0]) && expr_eq(a->kid[1], b->kid[1]);
    bool turned = expr_eq(a->kid[0], b->kid[1]) && expr_eq(a->kid[1], b->kid[0]);
    if (!same && !turned) return false;
    b = a->kid[1], a = a->kid[0];
  } else {
    a = type_is_signed((enum dtype)d->type) ? held(a) : NULL, b = held(b);
  }
  if (!a || !b || a->type != DT_u8 || b->type != DT_u8) return false;
  *out = (struct short_sum){SHORT_distance, a, b, 1};
  return true;
}

static bool is_product(expr_t x, struct short_sum *out) {
  if (x->kind == E_CAST && type_is_int((enum dtype)x->type) && type_size((enum dtype)x->type) == 4 &&
      type_size((enum dtype)x->kid[0]->type) == 4)
    x = x->kid[0];
  if (x->kind != E_OP || x->op != OP_mul || !type_is_int((enum dtype)x->type) || type_size((enum dtype)x->type) != 4)
    return false;
  expr_t a = held(x->kid[0]), b = held(x->kid[1]);
  if (!a || !b) return false;
  if (a->type == DT_i8 && b->type == DT_u8) {
    expr_t t = a;
    a = b, b = t;
  }
  bool mixed = a->type == DT_u8 && b->type == DT_i8;
  *out = (struct short_sum){mixed ? SHORT_mixed : SHORT_product, a, b, mixed ? 1 : 2};
  return true;
}

bool short_sum_of(expr_t x, struct short_sum *out) {
  *out = (struct short_sum){.kind = SHORT_none};
  size_t size = type_is_int((enum dtype)x->type) ? type_size((enum dtype)x->type) : 0;
  if (size < 4) return false;
  if (is_distance(x, out)) return true;
  expr_t a = x->kind == E_CAST ? held(x) : NULL;
  if (a && (a->type == DT_u8 || size == 4)) {
    enum short_kind k = a->type == DT_u8 ? SHORT_byte : a->type == DT_i8 ? SHORT_signed : SHORT_half;
    *out = (struct short_sum){k, a, NULL, a->type == DT_i16 ? 2 : 1};
    return true;
  }
  return size == 4 && is_product(x, out);
}
