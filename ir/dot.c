/* The form of a widening product. */
#include "ir/dot.h"

const char *const matrix_name[MATRIX_COUNT] = {
#define MATRIX(name, what) [MATRIX_##name] = #name,
#include "ir/matrix.def"
#undef MATRIX
};

bool matrix_takes(enum matrix m, enum dotkind k) {
  struct mma_form form;
  if (m == MATRIX_mma) return mma_form(k, &form);
  if (m == MATRIX_wgmma) return mma_form(k, &form) && form.bytes < 4;
  if (m == MATRIX_bf16) return k == DOT_bf16;
  if (m == MATRIX_amx && (k == DOT_bf16 || k == DOT_u8u8)) return true;
  return k == DOT_u8i8 || k == DOT_i8i8 || (k == DOT_i16i16 && m != MATRIX_amx);
}

bool mma_form(enum dotkind k, struct mma_form *out) {
  static const struct mma_form halves = {16, 2, 2}, bytes = {32, 2, 1}, words = {8, 2, 4}, doubles = {4, 1, 8};
  switch (k) {
  case DOT_bf16:
  case DOT_f16:
    *out = halves;
    return true;
  case DOT_u8i8:
  case DOT_i8i8:
  case DOT_u8u8:
  case DOT_f8:
    *out = bytes;
    return true;
  case DOT_f32:
    *out = words;
    return true;
  case DOT_f64:
    *out = doubles;
    return true;
  default:
    return false;
  }
}

bool tiles_fit(int64_t rows, int64_t cols) {
  int64_t less = rows < cols ? rows : cols, more = rows < cols ? cols : rows;
  if (less < 1 || more > TILE_COUNT) return false;
  return rows * cols + less + (more > 1 ? 2 : 1) <= TILE_COUNT;
}

/* The read under a conversion to t, or NULL. */
static expr_t widened(expr_t x, enum dtype t) {
  if (x->kind != E_CAST || x->type != t || x->kid[0]->kind != E_READ) return NULL;
  return x->kid[0];
}

/* The same, or a read of t. */
static expr_t factor(expr_t x, enum dtype t) {
  return x->kind == E_READ && x->type == t ? x : widened(x, t);
}

static enum dotkind kind_of(enum dtype sum, enum dtype a, enum dtype b) {
  if (a == sum && b == sum) return sum == DT_f32 ? DOT_f32 : sum == DT_f64 ? DOT_f64 : DOT_none;
  if (sum == DT_f32 && !type_computes(a) && !type_computes(b)) return DOT_f8;
  if (sum == DT_f32) return a != b ? DOT_none : a == DT_bf16 ? DOT_bf16 : a == DT_f16 ? DOT_f16 : DOT_none;
  if (sum != DT_i32) return DOT_none;
  if (a == DT_i16 && b == DT_i16) return DOT_i16i16;
  if (a == DT_i8 && b == DT_i8) return DOT_i8i8;
  if (a == DT_u8 && b == DT_u8) return DOT_u8u8;
  return a == DT_u8 && b == DT_i8 ? DOT_u8i8 : DOT_none;
}

/* The read of i32(i8) + 128, or NULL. */
static expr_t shifted(expr_t x) {
  if (x->kind != E_OP || x->op != OP_add || x->type != DT_i32 || x->kid[1]->kind != E_CONST || x->kid[1]->val.i != 128)
    return NULL;
  expr_t r = widened(x->kid[0], DT_i32);
  return r && r->type == DT_i8 ? r : NULL;
}

static bool with_shift(expr_t a, expr_t b, struct dot *out) {
  expr_t moved = shifted(a), other = widened(b, DT_i32);
  if (!moved || !other || other->type != DT_i8) return false;
  *out = (struct dot){
      .kind = DOT_u8i8, .a = moved, .b = other, .type = {DT_i8, DT_i8}, .shifted = true, .group = DOT_BYTES};
  return true;
}

bool dot_of(expr_t x, struct dot *out) {
  *out = (struct dot){.kind = DOT_none};
  expr_t one = widened(x, DT_i32);
  if (one && one->type == DT_i8) {
    *out = (struct dot){.kind = DOT_u8i8, .b = one, .type = {DT_u8, DT_i8}, .alone = true, .group = DOT_BYTES};
    return true;
  }
  if (x->kind == E_OP && x->op == OP_mul &&
      (with_shift(x->kid[0], x->kid[1], out) || with_shift(x->kid[1], x->kid[0], out)))
    return true;
  if (x->kind != E_OP || x->op != OP_mul) return false;
  expr_t a = factor(x->kid[0], (enum dtype)x->type), b = factor(x->kid[1], (enum dtype)x->type);
  if (!a || !b) return false;
  if (a->type == DT_i8 && b->type == DT_u8) {
    expr_t t = a;
    a = b, b = t;
  }
  *out = (struct dot){
      .kind = kind_of((enum dtype)x->type, (enum dtype)a->type, (enum dtype)b->type),
      .a = a,
      .b = b,
      .type = {a->type, b->type},
      .group = type_size((enum dtype)a->type) < DOT_BYTES ? DOT_BYTES / (unsigned)type_size((enum dtype)a->type) : 1};
  return out->kind != DOT_none;
}

bool dot_packed(expr_t x, bool fp8, struct dot *out) {
  if (dot_of(x, out) && (out->kind != DOT_f8 || fp8)) return true;
  *out = (struct dot){.kind = DOT_none};
  if (x->kind != E_OP || x->op != OP_mul || x->type != DT_f32) return false;
  expr_t a = factor(x->kid[0], DT_f32), b = factor(x->kid[1], DT_f32);
  if (!a || !b || (type_computes((enum dtype)a->type) && type_computes((enum dtype)b->type))) return false;
  enum dtype t = (enum dtype)(type_computes((enum dtype)a->type) ? a->type : b->type);
  if (!type_computes(t)) t = DT_f16;
  *out = (struct dot){.kind = t == DT_f32 ? DOT_none : kind_of(DT_f32, t, t),
                      .a = a,
                      .b = b,
                      .type = {(uint8_t)t, (uint8_t)t},
                      .group = DOT_BYTES / 2};
  return out->kind != DOT_none;
}

bool dot_mixed(expr_t x, struct dot *out) {
  return dot_mixed_packed(x, out) && out->type[1] == out->b->type;
}

bool dot_mixed_packed(expr_t x, struct dot *out) {
  *out = (struct dot){.kind = DOT_none};
  if (x->kind != E_OP || x->op != OP_mul || x->type != DT_f32) return false;
  for (unsigned i = 0; i < 2 && !out->kind; i++) {
    expr_t a = x->kid[i], b = widened(x->kid[1 - i], DT_f32);
    if (!b || a->kind != E_READ || a->type != DT_f32 || type_size((enum dtype)b->type) > 2) continue;
    enum dtype t =
        type_is_float((enum dtype)b->type) && !type_computes((enum dtype)b->type) ? DT_bf16 : (enum dtype)b->type;
    *out = (struct dot){.kind = kind_of(DT_f32, t, t),
                        .a = a,
                        .b = b,
                        .type = {(uint8_t)t, (uint8_t)t},
                        .rounded = true,
                        .group = DOT_BYTES / 2};
  }
  return out->kind != DOT_none;
}
