/* Reductions: one step, and across lanes. Lanes are folded by halves with the step itself, so the order is the same on
   every target (llvm.vector.reduce leaves it to the backend), and NaN and index rules are those of the scalar step. */
#include "codegen/emit/build.h"

static enum op step_op(enum red red, enum dtype t) {
  switch (red) {
  case RED_sum:
    return t == DT_bool ? OP_or : OP_add;
  case RED_prod:
    return t == DT_bool ? OP_and : OP_mul;
  case RED_max:
    return OP_max;
  case RED_min:
    return OP_min;
  case RED_and:
    return OP_and;
  case RED_xor:
    return OP_xor;
  default:
    return OP_or;
  }
}

/* acc + (c ? x : 0) as c ? acc + x : acc, which is one masked instruction, with a product in it, too. (They differ in
   the sign of a zero.) */
static bool sum_where(struct fn *f, struct val acc, struct val x, struct val *out) {
  if (!f->f->reassoc || !x.lanes || !type_is_float((enum dtype)x.type) || !LLVMIsASelectInst(x.v)) return false;
  LLVMValueRef c = LLVMGetOperand(x.v, 0), yes = LLVMGetOperand(x.v, 1), no = LLVMGetOperand(x.v, 2);
  bool kept = LLVMIsNull(yes);
  if ((!kept && !LLVMIsNull(no)) || LLVMGetTypeKind(LLVMTypeOf(c)) != LLVMVectorTypeKind) return false;
  struct val v[2] = {acc, mkval(kept ? no : yes, x.level, x.type, x.lanes)};
  struct val sum = emit_op(f, OP_add, (enum dtype)x.type, v);
  *out = mkval(LLVMBuildSelect(f->b, c, kept ? acc.v : sum.v, kept ? sum.v : acc.v, ""), sum.level, x.type, x.lanes);
  return true;
}

struct val emit_red(struct fn *f, enum red red, struct val acc, struct val x) {
  enum dtype t = x.type;
  struct val masked;
  if (red == RED_sum && sum_where(f, acc, x, &masked)) return masked;
  struct val v[2] = {acc, x};
  if (red == RED_argmax || red == RED_argmin) {
    emit_fail(f->m, "internal: argmax and argmin have no step of their own");
    return x;
  }
  if ((red == RED_and || red == RED_or || red == RED_xor) && type_is_float(t)) {
    emit_fail(f->m, "bits of floats");
    return x;
  }
  return emit_op(f, step_op(red, t), t, v);
}

static struct val part(struct fn *f, struct val x, unsigned first, unsigned n) {
  LLVMValueRef idx[LANE_LIMIT];
  for (unsigned i = 0; i < n; i++) idx[i] = LLVMConstInt(f->m->i32, first + i, 0);
  LLVMValueRef v = LLVMBuildShuffleVector(f->b, x.v, LLVMGetPoison(LLVMTypeOf(x.v)), LLVMConstVector(idx, n), "");
  return mkval(v, cur_level(f), x.type, n);
}

/* The last step of integer sums is a scalar one: LLVM 22 makes one vpdpbusd of a whole sum of 8 products u8 x i8, and
   forgets that two lanes of it are left to be added. */
static struct val fold_last(struct fn *f, enum red red, struct val x) {
  struct val e[2];
  for (unsigned i = 0; i < 2; i++)
    e[i] = mkval(LLVMBuildExtractElement(f->b, x.v, LLVMConstInt(f->m->i32, i, 0), ""), cur_level(f), x.type, 0);
  return emit_red(f, red, e[0], e[1]);
}

struct val emit_horizontal(struct fn *f, enum red red, struct val x) {
  if (f->mask.v) {
    struct val id = const_val(f, x.type, red_identity(red, x.type));
    id = mkval(splat_const(id.v, x.lanes), 0, x.type, x.lanes);
    x = vselect(f, f->mask, x, id);
  }
  unsigned lanes = f->lanes;
  bool scalar = red == RED_sum && type_is_int((enum dtype)x.type);
  while (x.lanes > (scalar ? 2 : 1)) {
    unsigned half = x.lanes / 2u;
    f->lanes = half; /* splats inside the step have this width */
    x = emit_red(f, red, part(f, x, 0, half), part(f, x, half, half));
  }
  f->lanes = lanes;
  if (x.lanes == 2) return fold_last(f, red, x);
  LLVMValueRef v = LLVMBuildExtractElement(f->b, x.v, LLVMConstInt(f->m->i32, 0, 0), "");
  return mkval(v, cur_level(f), x.type, 0);
}
