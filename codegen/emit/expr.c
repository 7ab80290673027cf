/* Expressions. A select whose arms load evaluates only the arm that is chosen: by a branch, or on lanes by masks. */
#include "codegen/emit/build.h"
#include "ir/saturate.h"

struct search {
  struct fn *f;
  expr_t cond;
  const struct access *want;
  bool found;
};

static void find_access(expr_t e, void *ctx) {
  struct search *s = ctx;
  if (e->kind == E_READ && (e->acc == s->want || access_eq(e->acc, s->want))) s->found = true;
}

/* A load that the condition has not made already could fault where the arm is not chosen. */
static void find_risk(expr_t e, void *ctx) {
  struct search *s = ctx;
  if (e->kind != E_READ || s->found || in_registers(s->f, e->acc->tensor)) return;
  struct search in = {.f = s->f, .want = e->acc};
  expr_visit(s->cond, find_access, &in);
  s->found = !in.found;
}

static bool risky(struct fn *f, expr_t cond, expr_t arm) {
  struct search s = {.f = f, .cond = cond};
  expr_visit(arm, find_risk, &s);
  return s.found;
}

static struct val arm_value(struct fn *f, expr_t e, LLVMBasicBlockRef at, LLVMBasicBlockRef join,
                            LLVMBasicBlockRef *from) {
  level_push(f, at, true);
  struct val v = emit_expr(f, e);
  if (f->lane != SYM_NONE) v = vsplat(f, v); /* both arms of one shape */
  *from = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, join);
  level_pop(f);
  return v;
}

static struct val select_branched(struct fn *f, expr_t e, struct val c) {
  LLVMBasicBlockRef then = new_block(f, "sel.then"), els = new_block(f, "sel.else"), join = new_block(f, "sel.end"),
                    from[2];
  LLVMBasicBlockRef start = LLVMGetInsertBlock(f->b);
  LLVMBuildCondBr(f->b, c.v, then, els);
  struct val a = arm_value(f, e->kid[1], then, join, &from[0]);
  LLVMPositionBuilderAtEnd(f->b, start);
  struct val b = arm_value(f, e->kid[2], els, join, &from[1]);
  LLVMPositionBuilderAtEnd(f->b, join);
  LLVMValueRef phi = LLVMBuildPhi(f->b, LLVMTypeOf(a.v), ""), in[2] = {a.v, b.v};
  LLVMAddIncoming(phi, in, from, 2);
  return mkval(phi, cur_level(f), a.type, a.lanes);
}

static struct val arm_masked(struct fn *f, expr_t e, struct val on) {
  struct val mask = f->mask, active = f->active;
  bool lazy = f->lazy;
  f->mask = mask_and(f, mask, on);
  f->active.v = NULL, f->lazy = true;
  struct val v = vsplat(f, emit_expr(f, e));
  f->mask = mask, f->active = active, f->lazy = lazy;
  return v;
}

/* What all lanes agree about: then a function is not evaluated where nobody wants it. */
static bool costly(const struct fn *f, expr_t arm) {
  enum { FUNCTION = 10 };
  return !f->simt && expr_cost(arm) >= FUNCTION;
}

static struct val emit_select(struct fn *f, expr_t e) {
  struct val c = emit_expr(f, e->kid[0]);
  bool risk = risky(f, e->kid[0], e->kid[1]) || risky(f, e->kid[0], e->kid[2]);
  if (!c.lanes) risk |= costly(f, e->kid[1]) || costly(f, e->kid[2]);
  if (LLVMIsConstant(c.v) && !c.lanes) return emit_expr(f, e->kid[LLVMConstIntGetZExtValue(c.v) ? 1 : 2]);
  struct val v[3] = {c};
  if (risk && !c.lanes) return select_branched(f, e, c);
  if (risk) {
    struct val ones = mkval(splat_const(LLVMConstInt(f->m->i1, 1, 0), f->lanes), 0, DT_bool, f->lanes);
    v[1] = arm_masked(f, e->kid[1], c);
    v[2] = arm_masked(f, e->kid[2], vbin(f, LLVMXor, c, ones, false));
  } else {
    v[1] = emit_expr(f, e->kid[1]);
    v[2] = emit_expr(f, e->kid[2]);
  }
  return emit_op(f, OP_select, (enum dtype)e->type, v);
}

/* poly >= 0, as guards are asked: what is known of it counts. */
static bool guard_form(struct fn *f, expr_t e, struct val *out) {
  if (e->op != OP_ge || e->kid[0]->kind != E_POLY || e->kid[1]->kind != E_CONST || e->kid[1]->val.i) return false;
  int on = emit_guards(f, &e->kid[0]->poly, 1, out);
  if (on >= 0) *out = mkval(LLVMConstInt(f->m->i1, (unsigned)on, 0), 0, DT_bool, 0);
  out->type = DT_bool;
  return true;
}

/* A last place of its operands may be all of the result. */
static bool jumps(expr_t e) {
  if (e->kind == E_CAST) return type_is_int((enum dtype)e->type);
  return (op_info[e->op].flags & OPF_CMP) || e->op == OP_floor || e->op == OP_ceil || e->op == OP_trunc ||
         e->op == OP_round || e->op == OP_rint || e->op == OP_fmod || e->op == OP_bits;
}

static struct val emit_operation(struct fn *f, expr_t e) {
  if (e->op == OP_select) return emit_select(f, e);
  struct val v[3];
  if (share_operation(f, e, v) || bits_operation(f, e, v) || (f->simt && guard_form(f, e, v))) return v[0];
  bool exact = f->exact;
  f->exact |= jumps(e);
  for (unsigned i = 0; i < e->nkid; i++) v[i] = emit_expr(f, e->kid[i]);
  f->exact = exact;
  f->shares_divisor = quotient_shares(f, e);
  struct val r = emit_op(f, (enum op)e->op, (enum dtype)e->kid[0]->type, v);
  f->shares_divisor = false;
  r.type = (uint8_t)op_result((enum op)e->op, (enum dtype)(e->op == OP_select ? e->kid[1] : e->kid[0])->type);
  return r;
}

static struct val read_local(struct fn *f, unsigned id) {
  if (f->local[id].v) return f->local[id];
  enum dtype t = (enum dtype)f->f->local[id].type;
  return mkval(LLVMConstNull(reg_type(f->m, t)), 0, t, 0);
}

/* An index on lanes in 32 bits: lanes are counted in the narrow type. */
static bool narrow_index(struct fn *f, expr_t e, struct val *out) {
  if (f->lane == SYM_NONE || e->kid[0]->kind != E_POLY || (e->type != DT_i32 && e->type != DT_u32)) return false;
  poly_t p = fn_subst(f, e->kid[0]->poly), coef, rest;
  int64_t c;
  if (!poly_has(p, f->lane) || !poly_split(f->m->arena, p, f->lane, &coef, &rest) || !poly_is_const(coef, &c) || c != 1)
    return false;
  struct val base = vsplat(f, vcastop(f, LLVMTrunc, fn_poly(f, rest), f->m->i32, (enum dtype)e->type));
  *out = vbin(f, LLVMAdd, base, lane_ids(f, f->m->i32, (enum dtype)e->type), false);
  return true;
}

/* An integer that is made of a float and cut to fewer bits. */
static bool cut_at_once(expr_t e) {
  expr_t k = e->kid[0];
  return k->kind == E_CAST && type_is_int((enum dtype)e->type) && type_is_int((enum dtype)k->type) &&
         type_is_float((enum dtype)k->kid[0]->type) && type_computes((enum dtype)k->kid[0]->type) &&
         type_size((enum dtype)e->type) < type_size((enum dtype)k->type);
}

/* Sums and differences that saturate are one instruction. */
static bool emit_saturated(struct fn *f, expr_t e, struct val *out) {
  static const char *const name[2][2] = {{"llvm.uadd.sat", "llvm.usub.sat"}, {"llvm.sadd.sat", "llvm.ssub.sat"}};
  struct saturated s;
  if (f->simt || !saturated_of(e, &s)) return false;
  struct val v[2] = {emit_expr(f, s.a), emit_expr(f, s.b)};
  vec_match(f, &v[0], &v[1]);
  *out = call_all(f, name[type_is_signed((enum dtype)e->type)][s.minus], v, 2);
  return true;
}

static struct val emit_cast(struct fn *f, expr_t e) {
  struct val v;
  if (emit_saturated(f, e, &v)) return v;
  if (narrow_index(f, e, &v)) return v;
  if (f->subscript && plain_wide(f, e, &v)) return v;
  bool exact = f->exact;
  f->exact |= jumps(e);
  expr_t inner = cut_at_once(e) ? e->kid[0]->kid[0] : e->kid[0];
  f->exact |= inner != e->kid[0];
  v = emit_expr(f, inner);
  f->exact = exact;
  if (inner != e->kid[0]) v = float_to_int(f, (enum dtype)e->kid[0]->type, (enum dtype)e->type, v);
  return convert(f, e->type, v);
}

struct val emit_expr(struct fn *f, expr_t e) {
  if (f->m->fail) return mkval(LLVMConstNull(reg_type(f->m, e->type)), 0, e->type, 0);
  switch (e->kind) {
  case E_CONST:
    return const_val(f, e->type, e->val);
  case E_POLY:
    return fn_poly(f, fn_subst(f, e->poly));
  case E_SCALAR:
    return f->param[e->id];
  case E_READ:
    return emit_read(f, e->acc);
  case E_OP:
    return emit_operation(f, e);
  case E_CAST:
    return emit_cast(f, e);
  case E_LOCAL:
    return read_local(f, e->id);
  default:
    emit_fail(f->m, "internal: a placeholder reached the emitter");
    return mkval(LLVMConstNull(reg_type(f->m, e->type)), 0, e->type, 0);
  }
}
