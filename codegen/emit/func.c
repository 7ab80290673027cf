/* A LOOP function as an LLVM function: its set-up, statements, branches. Loops are loop.c's. */
#include "codegen/emit/build.h"
#include <string.h>

/* --- what statements change --- */

void stmt_effects(const struct lstmt *s, uint8_t *objects, uint8_t *locals) {
  if (s->kind == L_STORE && objects) objects[s->acc->tensor] = 1;
  if (s->kind == L_SET && locals) locals[s->id] = 1;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) stmt_effects(s->body[i], objects, locals);
}

const uint8_t *writes_of(struct fn *f, const struct lstmt *s) {
  uint8_t *w = ARENA_NEW(f->m->arena, uint8_t, f->f->nobject + 1);
  stmt_effects(s, w, NULL);
  return w;
}

static void settle(struct fn *f, struct val *v) {
  if (f->lane != SYM_NONE) *v = vsplat(f, *v);
}

struct state state_of(struct fn *f, const struct lstmt *s) {
  uint8_t *objects = ARENA_NEW(f->m->arena, uint8_t, f->f->nobject + 1),
          *locals = ARENA_NEW(f->m->arena, uint8_t, f->f->nlocal + 1);
  stmt_effects(s, objects, locals);
  if (f->simt) simt_wgmma_wait(f);
  unsigned n = 0, cap = 0;
  for (unsigned i = 0; i < f->f->nlocal; i++) cap += locals[i];
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (objects[i] && f->reg[i]) {
      unsigned k;
      reg_slots(f, i, &k);
      cap += k;
    }
  struct state st = {.at = ARENA_NEW(f->m->arena, struct val *, cap + 1),
                     .was = ARENA_NEW(f->m->arena, struct val, cap + 1)};
  for (unsigned i = 0; i < f->f->nlocal; i++) {
    if (!locals[i]) continue;
    enum dtype t = (enum dtype)f->f->local[i].type;
    if (!f->local[i].v) f->local[i] = mkval(LLVMConstNull(reg_type(f->m, t)), 0, t, 0);
    settle(f, &f->local[i]);
    st.at[n++] = &f->local[i];
  }
  for (unsigned i = 0; i < f->f->nobject; i++) {
    unsigned k = 0;
    if (!objects[i] || !f->reg[i]) continue;
    struct val *v = reg_slots(f, i, &k);
    for (unsigned j = 0; j < k; j++) st.at[n++] = &v[j];
  }
  st.n = n;
  for (unsigned i = 0; i < n; i++) st.was[i] = *st.at[i];
  return st;
}

void state_settle(struct fn *f, const struct state *st) {
  if (f->simt) simt_wgmma_wait(f);
  for (unsigned i = 0; i < st->n; i++)
    if (st->was[i].lanes && !st->at[i]->lanes) *st->at[i] = vsplat(f, *st->at[i]);
}

/* --- branches --- */

void mark_weights(struct fn *f, LLVMValueRef branch, unsigned yes, unsigned no) {
  LLVMContextRef ctx = f->m->ctx;
  LLVMMetadataRef w[] = {LLVMMDStringInContext2(ctx, "branch_weights", 14),
                         LLVMValueAsMetadata(LLVMConstInt(f->m->i32, yes, 0)),
                         LLVMValueAsMetadata(LLVMConstInt(f->m->i32, no, 0))};
  LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(ctx, "prof", 4),
                  LLVMMetadataAsValue(ctx, LLVMMDNodeInContext2(ctx, w, 3)));
}

static LLVMBasicBlockRef run_arm(struct fn *f, LLVMBasicBlockRef at, LLVMBasicBlockRef join, arm_fn *arm, void *ctx,
                                 const struct state *st, struct val *out) {
  unsigned nfact = f->nfact;
  level_push(f, at, true);
  for (unsigned i = 0; i < st->n; i++) *st->at[i] = st->was[i];
  if (arm) arm(f, ctx);
  state_settle(f, st);
  for (unsigned i = 0; i < st->n; i++) out[i] = *st->at[i];
  LLVMBasicBlockRef from = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, join);
  level_pop(f);
  f->nfact = nfact;
  return from;
}

void emit_branch(struct fn *f, struct val cond, const struct lstmt *effects, arm_fn *then, arm_fn *els, void *ctx) {
  struct state st = state_of(f, effects);
  struct val *a = ARENA_NEW(f->m->arena, struct val, st.n + 1), *b = ARENA_NEW(f->m->arena, struct val, st.n + 1);
  LLVMBasicBlockRef yes = new_block(f, "then"), no = new_block(f, "else"), join = new_block(f, "end"), from[2];
  LLVMBasicBlockRef start = LLVMGetInsertBlock(f->b);
  LLVMBuildCondBr(f->b, cond.v, yes, no);
  from[0] = run_arm(f, yes, join, then, ctx, &st, a);
  LLVMMoveBasicBlockAfter(no, from[0]);
  LLVMPositionBuilderAtEnd(f->b, start);
  from[1] = run_arm(f, no, join, els, ctx, &st, b);
  LLVMMoveBasicBlockAfter(join, from[1]);
  LLVMPositionBuilderAtEnd(f->b, join);
  for (unsigned i = 0; i < st.n; i++) {
    struct val *v = st.at[i];
    *v = a[i];
    if (a[i].v == b[i].v && a[i].level <= cur_level(f)) continue;
    LLVMValueRef phi = LLVMBuildPhi(f->b, LLVMTypeOf(a[i].v), ""), in[2] = {a[i].v, b[i].v};
    LLVMAddIncoming(phi, in, from, 2);
    *v = mkval(phi, cur_level(f), a[i].type, a[i].lanes);
  }
}

/* At most one loop's counter: where an array ends, not a diagonal, on whose two sides there is as much to do. */
static bool is_edge(struct fn *f, poly_t p) {
  sym_t loop = SYM_NONE;
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      sym_t s = p->mono[i].sym[j];
      if (f->sym[s].level == 0 || s == loop) continue;
      if (loop != SYM_NONE) return false;
      loop = s;
    }
  return true;
}

/* How often a tile is whole for one that is cut, about; 0: it is no such branch (SOURCE has conditions of its own).
   Without being told so LLVM takes the loops over what is cut, which are nested deeper, for hot, and keeps their values
   in registers instead. */
static unsigned whole_tiles(struct fn *f, const struct lstmt *s) {
  enum { EDGE = 1000, DIAGONAL = 8 };
  unsigned times = EDGE;
  if (f->subscript || f->simt || !s->nguard || s->cond || s->apart || s->nbody < 2) return 0;
  if (!s->body[0] || !s->body[1] || !s->body[0]->nbody) return 0;
  for (unsigned i = 0; i < s->nguard; i++)
    if (!is_edge(f, fn_subst(f, s->guard[i]))) times = DIAGONAL;
  return times;
}

struct iff {
  const struct lstmt *s;
  struct fence fence; /* blocks of threads: before either arm */
};

static void if_then(struct fn *f, void *ctx) {
  const struct iff *x = ctx;
  if (f->simt) fence_restore(f, &x->fence);
  for (unsigned i = 0; i < x->s->nguard; i++) fact_add(f, fn_subst(f, x->s->guard[i]));
  if (x->s->nbody > 0 && x->s->body[0]) emit_stmt(f, x->s->body[0]);
}

static void if_else(struct fn *f, void *ctx) {
  const struct iff *x = ctx;
  if (f->simt) fence_restore(f, &x->fence);
  if (x->s->nguard == 1 && !x->s->cond && !x->s->apart) { /* not (g >= 0) */
    poly_t g = fn_subst(f, x->s->guard[0]);
    fact_add(f, poly_addc(f->m->arena, poly_scale(f->m->arena, g, -1), -1));
  }
  if (x->s->nbody > 1 && x->s->body[1]) emit_stmt(f, x->s->body[1]);
}

/* guards and then cond, without evaluating cond where a guard fails. */
static struct val guarded_cond(struct fn *f, const struct lstmt *s, struct val guards) {
  LLVMBasicBlockRef start = LLVMGetInsertBlock(f->b), more = new_block(f, "cond"), join = new_block(f, "cond.end");
  LLVMBuildCondBr(f->b, guards.v, more, join);
  level_push(f, more, true);
  struct val c = emit_expr(f, s->cond);
  LLVMBasicBlockRef from[2] = {LLVMGetInsertBlock(f->b), start};
  LLVMBuildBr(f->b, join);
  level_pop(f);
  LLVMPositionBuilderAtEnd(f->b, join);
  if (c.lanes) emit_fail(f->m, "a branch on lanes under a guard");
  LLVMValueRef phi = LLVMBuildPhi(f->b, f->m->i1, ""), in[2] = {c.v, LLVMConstInt(f->m->i1, 0, 0)};
  if (!c.lanes) LLVMAddIncoming(phi, in, from, 2);
  return mkval(phi, cur_level(f), DT_bool, 0);
}

/* A condition that differs between lanes: both arms, each under its mask. */
static void if_lanes(struct fn *f, const struct iff *x, struct val cond) {
  struct val mask = f->mask, active = f->active;
  bool lazy = f->lazy, varying = f->varying_if;
  struct val ones = mkval(splat_const(LLVMConstInt(f->m->i1, 1, 0), f->lanes), 0, DT_bool, f->lanes);
  f->lazy = f->varying_if = true;
  f->active.v = NULL;
  f->mask = mask_and(f, mask, cond);
  if (x->s->nbody > 0 && x->s->body[0]) emit_stmt(f, x->s->body[0]);
  f->mask = mask_and(f, mask, vbin(f, LLVMXor, cond, ones, false));
  if (x->s->nbody > 1 && x->s->body[1]) emit_stmt(f, x->s->body[1]);
  f->mask = mask, f->active = active, f->lazy = lazy, f->varying_if = varying;
}

/* The lanes that each arm is for append. */
static void if_appends(struct fn *f, const struct lstmt *s) {
  struct val cond = vsplat(f, emit_expr(f, s->cond)), mask = f->mask;
  struct val ones = mkval(splat_const(LLVMConstInt(f->m->i1, 1, 0), f->lanes), 0, DT_bool, f->lanes);
  struct val other = vbin(f, LLVMXor, cond, ones, false);
  emit_append(f, s->body[0], mask_and(f, mask, cond));
  if (s->nbody > 1 && s->body[1]) emit_append(f, s->body[1], mask_and(f, mask, other));
}

/* i1: nothing that the function writes lies over another of its arrays. */
static struct val arrays_apart(struct fn *f, const poly_t *size) {
  const struct kernel *k = f->f->k;
  LLVMValueRef *dim = ARENA_NEW(f->m->arena, LLVMValueRef, k->nsym + 1u),
               *ptr = ARENA_NEW(f->m->arena, LLVMValueRef, k->nparam + 1u);
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind == PARAM_DIM) dim[k->param[i].ref] = f->sym[k->param[i].ref].v;
    if (k->param[i].kind == PARAM_TENSOR) ptr[i] = f->base[k->param[i].ref].v;
  }
  LLVMValueRef *count = size ? ARENA_NEW(f->m->arena, LLVMValueRef, k->ntensor + 1u) : NULL;
  for (unsigned i = 0; size && i < k->ntensor; i++) count[i] = fn_poly(f, fn_subst(f, size[i])).v;
  LLVMValueRef hit = kernel_restricts(k) ? NULL : emit_overlap(f->m, f->b, k, dim, ptr, count);
  if (!hit) hit = LLVMConstInt(f->m->i1, 0, 0);
  return mkval(LLVMBuildNot(f->b, hit, ""), cur_level(f), DT_bool, 0);
}

static void emit_if(struct fn *f, const struct lstmt *s) {
  struct iff x = {.s = s};
  if (f->simt) x.fence = fence_save(f);
  struct val cond;
  if (f->lane != SYM_NONE && loop_appends(s)) {
    if_appends(f, s);
    return;
  }
  int g = emit_guards(f, s->guard, s->nguard, &cond);
  if (g == 0) {
    if_else(f, &x);
    return;
  }
  if (s->apart) {
    struct val apart = arrays_apart(f, s->nhi ? s->hi : NULL);
    cond = g < 0 ? vbin(f, LLVMAnd, cond, apart, false) : apart;
    g = -1;
  } else if (s->cond) {
    cond = g < 0 ? guarded_cond(f, s, cond) : emit_expr(f, s->cond);
    if (LLVMIsConstant(cond.v) && !cond.lanes)
      g = LLVMConstIntGetZExtValue(cond.v) ? 1 : 0;
    else
      g = -1;
  }
  unsigned nfact = f->nfact;
  if (g == 1)
    if_then(f, &x);
  else if (g == 0)
    if_else(f, &x);
  else if (cond.lanes)
    if_lanes(f, &x, cond);
  else {
    LLVMBasicBlockRef start = LLVMGetInsertBlock(f->b);
    unsigned times = whole_tiles(f, s);
    emit_branch(f, cond, s, if_then, if_else, &x);
    if (times) mark_weights(f, LLVMGetBasicBlockTerminator(start), times, 1);
  }
  f->nfact = nfact;
}

/* --- locals and memory --- */

static void emit_set(struct fn *f, const struct lstmt *s) {
  if (f->subscript) plain_set(f, s);
  struct val v = emit_expr(f, s->value);
  if (f->subscript) plain_value(f, s, v);
  v = convert(f, (enum dtype)f->f->local[s->id].type, v);
  struct val *l = &f->local[s->id];
  if (f->varying_if && f->mask.v) {
    enum dtype t = v.type;
    struct val old = l->v ? *l : mkval(LLVMConstNull(reg_type(f->m, t)), 0, t, 0);
    v = vselect(f, f->mask, vsplat(f, v), vsplat(f, old));
  }
  *l = v;
}

/* x op y of sizes; *overflow is or-ed when it does not fit. name: "mul" or "add". */
static struct val checked(struct fn *f, const char *name, struct val x, struct val y, LLVMValueRef *overflow) {
  bool mul = *name == 'm';
  if (LLVMIsConstant(x.v) && LLVMIsConstant(y.v)) {
    int64_t a = LLVMConstIntGetSExtValue(x.v), b = LLVMConstIntGetSExtValue(y.v), c;
    if (mul ? __builtin_mul_overflow(a, b, &c) : __builtin_add_overflow(a, b, &c)) c = INT64_MAX;
    return vi64(f, c);
  }
  LLVMValueRef arg[2] = {x.v, y.v};
  LLVMValueRef r =
      call_intrinsic(f->m, f->b, mul ? "llvm.smul.with.overflow" : "llvm.sadd.with.overflow", &f->m->i64, 1, arg, 2);
  LLVMValueRef bad = LLVMBuildExtractValue(f->b, r, 1, "");
  *overflow = *overflow ? LLVMBuildOr(f->b, *overflow, bad, "") : bad;
  return mkval(LLVMBuildExtractValue(f->b, r, 0, ""), cur_level(f), DT_i64, 0);
}

static struct val at_least(struct fn *f, struct val x, int64_t least) {
  struct val low = vi64(f, least);
  return vselect(f, vicmp(f, LLVMIntSLT, x, low), low, x);
}

/* Bytes of an object: the span of its elements, 1 + sum (extent - 1) * stride; without strides the product of the
 * extents. Not less than 0. */
struct val object_bytes(struct fn *f, const struct object *o, LLVMValueRef *overflow) {
  struct val bytes = vi64(f, (int64_t)type_size(o->type)), span = vi64(f, 1);
  *overflow = NULL;
  for (unsigned d = 0; d < o->rank; d++) {
    struct val e = fn_poly(f, fn_subst(f, o->extent[d]));
    if (!o->stride) {
      span = checked(f, "mul", span, at_least(f, e, 0), overflow);
      continue;
    }
    struct val last = at_least(f, vbin(f, LLVMAdd, e, vi64(f, -1), true), 0),
               step = fn_poly(f, fn_subst(f, o->stride[d]));
    span = checked(f, "add", span, checked(f, "mul", last, at_least(f, step, 0), overflow), overflow);
  }
  return checked(f, "mul", bytes, span, overflow);
}

/* A kernel returns nothing, so exhausted memory cannot be reported: abort, as a failed new would in C++. */
static void abort_when(struct fn *f, LLVMValueRef bad) {
  LLVMBasicBlockRef die = new_block(f, "nomem"), on = new_block(f, "alloc.ok");
  LLVMBuildCondBr(f->b, bad, die, on);
  LLVMPositionBuilderAtEnd(f->b, die);
  LLVMTypeRef t = LLVMFunctionType(f->m->void_, NULL, 0, 0);
  LLVMBuildCall2(f->b, t, extern_fn(f->m, "abort", t), NULL, 0, "");
  LLVMBuildUnreachable(f->b);
  LLVMPositionBuilderAtEnd(f->b, on);
}

static void alloc_heap(struct fn *f, unsigned object, const struct lstmt *body) {
  struct module *m = f->m;
  const struct object *o = &f->f->object[object];
  LLVMValueRef overflow;
  struct val bytes = object_bytes(f, o, &overflow);
  if (overflow) abort_when(f, overflow);
  bytes = vbin(f, LLVMAnd, vbin(f, LLVMAdd, bytes, vi64(f, 127), false), vi64(f, -64),
               false); /* aligned_alloc wants a multiple; never 0 */
  LLVMTypeRef in[2] = {m->i64, m->i64}, t = LLVMFunctionType(m->ptr, in, 2, 0);
  LLVMValueRef arg[2] = {LLVMConstInt(m->i64, 64, 0), bytes.v}, fn = extern_fn(m, "aligned_alloc", t);
  add_attr(m, fn, 0, "noalias", 0);
  LLVMValueRef p = LLVMBuildCall2(f->b, t, fn, arg, 2, "");
  abort_when(f, LLVMBuildIsNull(f->b, p, ""));
  struct val outer = f->base[object];
  f->base[object] = mkval(p, cur_level(f), DT_u64, 0);
  emit_stmt(f, body);
  f->base[object] = outer;
  LLVMTypeRef ft = LLVMFunctionType(m->void_, &m->ptr, 1, 0);
  LLVMBuildCall2(f->b, ft, extern_fn(m, "free", ft), &p, 1, "");
}

enum { STACK_LIMIT = 65536 };

/* In the entry block, so that a loop around it does not grow the stack. */
static bool alloc_stack(struct fn *f, unsigned object, const struct lstmt *body) {
  const struct object *o = &f->f->object[object];
  int64_t n = 1, c, step;
  for (unsigned d = 0; d < o->rank; d++) {
    if (!poly_is_const(fn_subst(f, o->extent[d]), &c) || c < 0) return false;
    if (!o->stride) {
      if (__builtin_mul_overflow(n, c, &n)) return false;
    } else if (!poly_is_const(fn_subst(f, o->stride[d]), &step) || __builtin_mul_overflow(c - 1, step, &c) ||
               __builtin_add_overflow(n, c, &n)) {
      return false;
    }
    if (n > STACK_LIMIT) return false;
  }
  LLVMBasicBlockRef now = LLVMGetInsertBlock(f->b);
  LLVMValueRef first = LLVMGetFirstInstruction(f->entry);
  if (first)
    LLVMPositionBuilderBefore(f->b, first);
  else
    LLVMPositionBuilderAtEnd(f->b, f->entry);
  LLVMValueRef p = LLVMBuildAlloca(f->b, LLVMArrayType2(mem_type(f->m, o->type), (uint64_t)(n ? n : 1)), "");
  LLVMSetAlignment(p, 64);
  LLVMPositionBuilderAtEnd(f->b, now);
  struct val outer = f->base[object];
  f->base[object] = mkval(p, 0, DT_u64, 0);
  object_stored(f, object);
  emit_stmt(f, body);
  f->base[object] = outer;
  return true;
}

static void emit_alloc(struct fn *f, const struct lstmt *s) {
  const struct lstmt *body = s->nbody ? s->body[0] : NULL;
  if (!body) return;
  if (in_registers(f, s->id)) {
    emit_reg_open(f, s->id, body);
    emit_stmt(f, body);
    emit_reg_close(f, s->id);
    return;
  }
  if (emit_table(f, s)) return;
  enum scope sc = f->f->object[s->id].scope;
  bool small = sc == SCOPE_STACK || sc == SCOPE_REG;
  if (!small || !alloc_stack(f, s->id, body)) alloc_heap(f, s->id, body);
}

void emit_stmt(struct fn *f, const struct lstmt *s) {
  if (f->m->fail || !s) return;
  debug_line(f, s->loc);
  if (f->simt && (simt_turn(f, s) || simt_ring_body(f, s) || simt_stage_body(f, s))) return;
  bool tiles = amx_open(f, s);
  if (f->simt && s->kind != L_BLOCK)
    simt_stmt(f, s);
  else
    emit_now(f, s);
  if (tiles) amx_close(f);
}

void emit_now(struct fn *f, const struct lstmt *s) {
  switch (s->kind) {
  case L_BLOCK:
    for (uint32_t i = 0; i < s->nbody; i++) emit_stmt(f, s->body[i]);
    break;
  case L_FOR:
    emit_for(f, s);
    break;
  case L_STORE:
    emit_store(f, s);
    break;
  case L_SET:
    emit_set(f, s);
    break;
  case L_IF:
    emit_if(f, s);
    break;
  case L_ALLOC:
    emit_alloc(f, s);
    break;
  case L_PREFETCH:
    emit_prefetch(f, s);
    break;
  case L_WHILE:
    emit_while(f, s);
    break;
  case L_LET:
    f->sym[s->sym] = emit_expr(f, s->value);
    break;
  case L_PART:
    emit_part(f, s);
    break;
  default:
    emit_fail(f->m, "internal: unknown statement");
  }
}

/* --- functions --- */

LLVMTypeRef internal_type(struct module *m, const struct kernel *k) {
  LLVMTypeRef *in = ARENA_NEW(m->arena, LLVMTypeRef, k->nparam + 1);
  for (unsigned i = 0; i < k->nparam; i++)
    in[i] = k->param[i].kind == PARAM_DIM ? m->i64 : c_param_type(m, &k->param[i]);
  return LLVMFunctionType(m->void_, in, k->nparam, 0);
}

void fn_init(struct fn *f, struct module *m, const struct lfunc *lf, LLVMValueRef fn, bool noalias) {
  struct arena *a = m->arena;
  *f = (struct fn){.m = m, .f = lf, .fn = fn, .lane = SYM_NONE, .reassoc = lf->reassoc, .noalias = noalias};
  f->has_tiles = amx_present(m, lf->body);
  f->b = LLVMCreateBuilderInContext(m->ctx);
  f->nsym = lf->k->nsym, f->capsym = f->nsym + 64;
  f->sym = ARENA_NEW(a, struct val, f->capsym);
  f->env = ARENA_NEW(a, poly_t, f->capsym);
  f->divisor = ARENA_NEW(a, int64_t, f->capsym);
  f->param = ARENA_NEW(a, struct val, lf->k->nparam + 1);
  f->base = ARENA_NEW(a, struct val, lf->nobject + 1);
  f->local = ARENA_NEW(a, struct val, lf->nlocal + 1);
  f->reg = ARENA_NEW(a, struct slots *, lf->nobject + 1);
  f->epoch = ARENA_NEW(a, uint32_t, lf->nobject + 1);
  f->cache = cache_new(a);
  f->accs = accmap_new(a);
  quotients_open(f, lf->body);
  f->entry = LLVMAppendBasicBlockInContext(m->ctx, fn, "entry");
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(m->ctx, fn, "body");
  level_push(f, body, false);
}

/* The entry block holds allocas only and falls into the body. */
static void fn_close(struct fn *f, LLVMBasicBlockRef body) {
  LLVMPositionBuilderAtEnd(f->b, f->entry);
  LLVMBuildBr(f->b, body);
  LLVMDisposeBuilder(f->b);
}

static void bind_params(struct fn *f) {
  const struct kernel *k = f->f->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    LLVMValueRef v = LLVMGetParam(f->fn, i);
    if (p->kind == PARAM_DIM)
      f->sym[p->ref] = mkval(v, 0, DT_i64, 0);
    else if (p->kind == PARAM_TENSOR)
      f->base[p->ref] = mkval(v, 0, DT_u64, 0);
    else if (type_is_float(p->type) && type_size(p->type) < 4)
      f->param[i] = from_memory(f, p->type, p->type == DT_f16 ? LLVMBuildBitCast(f->b, v, f->m->i16, "") : v, 0, 0);
    else
      f->param[i] = mkval(v, 0, p->type, 0);
  }
}

LLVMValueRef emit_body(struct module *m, const struct lfunc *lf, const char *name, bool noalias, unsigned stream_align,
                       bool *streamed) {
  LLVMValueRef fn = LLVMAddFunction(m->mod, name, internal_type(m, lf->k));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  for (unsigned i = 0; i < lf->k->nparam; i++)
    if (lf->k->param[i].kind == PARAM_TENSOR && (noalias || (m->plain && lf->k->param[i].is_restrict)))
      add_attr(m, fn, (int)i + 1, "noalias", 0);
  struct fn f;
  fn_init(&f, m, lf, fn, noalias);
  f.stream_align = stream_align;
  debug_function(m, fn, f.b, lf->k->name, lf->k->loc);
  f.where = LLVMGetCurrentDebugLocation2(f.b);
  if (m->plain) plain_init(&f);
  LLVMBasicBlockRef body = LLVMGetInsertBlock(f.b);
  bind_params(&f);
  emit_stmt(&f, lf->body);
  stream_fence(&f);
  LLVMBuildRetVoid(f.b);
  *streamed = f.streamed;
  fn_close(&f, body);
  debug_complete(m, fn);
  return fn;
}
