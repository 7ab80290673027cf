/* Blocks of threads: a LOOP function as GPU kernels (launch.h says which). Every thread runs the whole kernel. Outside
   of vector loops all threads compute the same, and thread 0 alone stores to memory; in a vector loop the lane is a
   digit of the thread's number, of nested ones each has its own; lanes beyond the end are a branch, a register object
   along the lanes is one scalar a thread. Threads that differ only in digits of loops that are not open do the same,
   and the first of them stores. A reduction over lanes meets in shuffles and shared memory, all threads get the result.
   So the whole of expressions, addresses and register objects is that of scalars on a CPU; barriers are simt_fence.c's.
 */
#include "codegen/emit/build.h"
#include <stdio.h>
#include <string.h>

enum { WARP = 32, PTX_KERNEL = 71, SHARED_SPACE = 3 };

static LLVMValueRef sreg(struct fn *f, const char *name) {
  char full[64];
  snprintf(full, sizeof full, "llvm.nvvm.read.ptx.sreg.%s", name);
  return call_intrinsic(f->m, f->b, full, NULL, 0, NULL, 0);
}

/* ---- memory ---- */

static LLVMValueRef shared_bytes(struct fn *f, const char *name, uint64_t bytes) {
  struct module *m = f->m;
  char full[96];
  snprintf(full, sizeof full, "%s.%s.%u", f->simt->plan->kernel[f->simt->kernel].name, name, m->nbody++);
  LLVMTypeRef t = LLVMArrayType2(m->i8, bytes ? bytes : 1);
  LLVMValueRef g = LLVMAddGlobalInAddressSpace(m->mod, t, full, SHARED_SPACE);
  LLVMSetLinkage(g, LLVMInternalLinkage);
  LLVMSetInitializer(g, LLVMGetUndef(t));
  LLVMSetAlignment(g, 64);
  return LLVMConstAddrSpaceCast(g, m->ptr);
}

static LLVMValueRef block_number(struct fn *f) {
  return LLVMBuildZExt(f->b, sreg(f, "ctaid.x"), f->m->i64, "");
}

/* A buffer of the plan: a parameter of the kernel; of a block, its own piece. */
static LLVMValueRef device_buffer(struct fn *f, unsigned object) {
  const struct launch_plan *p = f->simt->plan;
  for (unsigned i = 0; i < p->nbuffer; i++) {
    if (p->buffer[i].object != object) continue;
    LLVMValueRef base = LLVMGetParam(f->fn, f->f->k->nparam + i), overflow;
    if (p->buffer[i].block < 0) return base;
    struct val bytes = object_bytes(f, &f->f->object[object], &overflow);
    bytes = vbin(f, LLVMAnd, vbin(f, LLVMAdd, bytes, vi64(f, 63), false), vi64(f, -64), false);
    LLVMValueRef off = LLVMBuildMul(f->b, block_number(f), bytes.v, "");
    return LLVMBuildGEP2(f->b, f->m->i8, base, &off, 1, "");
  }
  emit_fail(f->m, "internal: buffer '%s' has no place on the device", f->f->object[object].name);
  return LLVMConstNull(f->m->ptr);
}

static bool fixed_bytes(struct fn *f, unsigned object, uint64_t *out) {
  LLVMValueRef overflow;
  struct val v = object_bytes(f, &f->f->object[object], &overflow);
  if (!LLVMIsConstant(v.v)) return false;
  *out = LLVMConstIntGetZExtValue(v.v);
  return *out <= f->m->target->limits.shared_bytes;
}

static void alloc_block(struct fn *f, const struct lstmt *s) {
  struct val outer = f->base[s->id];
  const char *name = f->f->object[s->id].name;
  uint64_t bytes;
  bool demoted = f->f->object[s->id].scope == SCOPE_REG;
  LLVMValueRef p;
  if (f->simt->plan->shared[s->id] || demoted) {
    if (!fixed_bytes(f, s->id, &bytes)) {
      emit_fail(f->m, "buffer '%s' does not fit into shared memory", name);
      return;
    }
    f->simt->shared_used += (unsigned)bytes;
    if (f->simt->shared_used > f->m->target->limits.shared_bytes)
      emit_fail(f->m, "the buffers of a block do not fit into shared memory");
    p = shared_bytes(f, name, bytes);
  } else {
    p = device_buffer(f, s->id);
  }
  f->base[s->id] = mkval(p, cur_level(f), DT_u64, 0);
  emit_stmt(f, s->body[0]);
  f->base[s->id] = outer;
}

/* ---- reductions over lanes ---- */

static LLVMValueRef shuffle32(struct fn *f, LLVMValueRef x, const char *mode, unsigned by) {
  struct module *m = f->m;
  char name[64];
  snprintf(name, sizeof name, "llvm.nvvm.shfl.sync.%s.i32", mode);
  LLVMValueRef arg[4] = {LLVMConstInt(m->i32, 0xffffffffu, 0), x, LLVMConstInt(m->i32, by, 0),
                         LLVMConstInt(m->i32, WARP - 1, 0)};
  return call_intrinsic(m, f->b, name, NULL, 0, arg, 4);
}

/* The value of lane (own number xor `by`). */
static struct val shuffle(struct fn *f, struct val v, unsigned by) {
  struct module *m = f->m;
  LLVMTypeRef t = LLVMTypeOf(v.v);
  bool flt = t == m->f32 || t == m->f64;
  unsigned bits = t == m->f64 ? 64 : t == m->f32 ? 32 : LLVMGetIntTypeWidth(t);
  LLVMTypeRef own = LLVMIntTypeInContext(m->ctx, bits);
  LLVMValueRef x = flt ? LLVMBuildBitCast(f->b, v.v, own, "") : v.v;
  if (bits < 32) x = LLVMBuildZExt(f->b, x, m->i32, "");
  if (bits == 64) {
    LLVMValueRef k32 = LLVMConstInt(m->i64, 32, 0), lo = shuffle32(f, LLVMBuildTrunc(f->b, x, m->i32, ""), "bfly", by);
    LLVMValueRef hi = shuffle32(f, LLVMBuildTrunc(f->b, LLVMBuildLShr(f->b, x, k32, ""), m->i32, ""), "bfly", by);
    x = LLVMBuildOr(f->b, LLVMBuildShl(f->b, LLVMBuildZExt(f->b, hi, m->i64, ""), k32, ""),
                    LLVMBuildZExt(f->b, lo, m->i64, ""), "");
  } else {
    x = shuffle32(f, x, "bfly", by);
  }
  if (bits < 32) x = LLVMBuildTrunc(f->b, x, own, "");
  return mkval(flt ? LLVMBuildBitCast(f->b, x, t, "") : x, cur_level(f), v.type, 0);
}

static LLVMValueRef part_at(struct fn *f, LLVMValueRef index) {
  LLVMValueRef off = LLVMBuildMul(f->b, index, LLVMConstInt(f->m->i64, 8, 0), "");
  return LLVMBuildGEP2(f->b, f->m->i8, f->simt->parts, &off, 1, "");
}

static LLVMTypeRef part_type(struct fn *f, struct val v) {
  return LLVMTypeOf(v.v) == f->m->i1 ? f->m->i8 : LLVMTypeOf(v.v);
}

static LLVMValueRef bits_of(struct fn *f, LLVMValueRef x, unsigned mask) {
  return LLVMBuildAnd(f->b, x, LLVMConstInt(f->m->i64, mask, 0), "");
}

/* Each warp leaves its part; everybody takes up those of the warps that differ from its own in these bits, in the same
   order, so all of them have the same bits. */
static struct val meet(struct fn *f, enum red red, struct val v, unsigned warps) {
  struct module *m = f->m;
  LLVMTypeRef t = part_type(f, v);
  if (!f->simt->parts) f->simt->parts = shared_bytes(f, "parts", 8 * LAUNCH_THREADS / WARP);
  emit_barrier(f);
  LLVMValueRef lane = bits_of(f, f->simt->tid.v, WARP - 1);
  LLVMValueRef first = LLVMBuildICmp(f->b, LLVMIntEQ, lane, LLVMConstInt(m->i64, 0, 0), "");
  LLVMBasicBlockRef put = new_block(f, "part"), on = new_block(f, "parts");
  LLVMBuildCondBr(f->b, first, put, on);
  LLVMPositionBuilderAtEnd(f->b, put);
  LLVMValueRef warp = LLVMBuildLShr(f->b, f->simt->tid.v, LLVMConstInt(m->i64, 5, 0), "");
  LLVMBuildStore(f->b, t == LLVMTypeOf(v.v) ? v.v : LLVMBuildZExt(f->b, v.v, t, ""), part_at(f, warp));
  LLVMBuildBr(f->b, on);
  LLVMPositionBuilderAtEnd(f->b, on);
  emit_barrier(f);
  warp = LLVMBuildLShr(f->b, f->simt->tid.v, LLVMConstInt(m->i64, 5, 0), "");
  LLVMValueRef others = bits_of(f, warp, LAUNCH_THREADS / WARP - 1 - warps);
  struct val sum = {0};
  for (unsigned w = 0; w <= warps; w++) {
    if (w & ~warps) continue;
    LLVMValueRef at = LLVMBuildOr(f->b, others, LLVMConstInt(m->i64, w, 0), "");
    LLVMValueRef x = LLVMBuildLoad2(f->b, t, part_at(f, at), "");
    if (t != LLVMTypeOf(v.v)) x = LLVMBuildTrunc(f->b, x, m->i1, "");
    struct val part = mkval(x, cur_level(f), v.type, 0);
    sum = w ? emit_red(f, red, sum, part) : part;
  }
  return sum;
}

/* Over all threads that differ from this one only in these bits of their numbers. */
static struct val reduce_threads(struct fn *f, enum red red, struct val v, unsigned bits) {
  v.level = (uint16_t)cur_level(f); /* shuffles stay where all threads are */
  for (unsigned by = WARP / 2; by; by /= 2)
    if (bits & by) v = emit_red(f, red, v, shuffle(f, v, by));
  if (bits < WARP) return v;
  if ((bits & (WARP - 1)) != WARP - 1) emit_fail(f->m, "internal: a reduction over parts of warps and several warps");
  return meet(f, red, v, bits / WARP);
}

/* ---- statements on lanes ---- */

struct laned {
  const struct lstmt *s;
  struct val value; /* of a reduction, when it is known */
};

static void now_arm(struct fn *f, void *ctx) {
  emit_now(f, ((struct laned *)ctx)->s);
}

static void where(struct fn *f, struct val cond, const struct lstmt *s, arm_fn *arm, struct laned *x) {
  if (cond.v)
    emit_branch(f, cond, s, arm, NULL, x);
  else
    arm(f, x);
}

const struct digit *simt_digit(const struct fn *f, poly_t p, bool *more) {
  const struct digit *found = NULL;
  *more = false;
  for (unsigned i = 0; i < f->simt->nopen; i++) {
    if (!poly_has(p, f->simt->open[i].lane)) continue;
    *more |= found != NULL;
    found = &f->simt->open[i];
  }
  return found;
}

static unsigned digit_bits(const struct digit *x) {
  return ((1u << x->bits) - 1) << x->at;
}

/* Bits of a thread's number that decide which element the access names. Subscripts that are computed may name all. */
static unsigned named_bits(struct fn *f, const struct access *a) {
  unsigned bits = 0;
  for (unsigned i = 0; i < f->simt->nopen; i++)
    for (unsigned d = 0; d < a->rank; d++)
      if (a->ix[d].dyn || (a->ix[d].poly && poly_has(fn_subst(f, a->ix[d].poly), f->simt->open[i].lane)))
        bits |= digit_bits(&f->simt->open[i]);
  return bits;
}

static unsigned open_bits(const struct fn *f) {
  unsigned bits = 0;
  for (unsigned i = 0; i < f->simt->nopen; i++) bits |= digit_bits(&f->simt->open[i]);
  return bits;
}

/* Of the threads that do the same, since they differ only in other bits than these, the first. */
static struct val one_of_each(struct fn *f, unsigned bits) {
  unsigned rest = (f->simt->threads - 1) & ~bits;
  if (!rest) return (struct val){0};
  return vicmp(f, LLVMIntEQ, vbin(f, LLVMAnd, f->simt->tid, vi64(f, rest), false), vi64(f, 0));
}

/* The value where cond holds, elsewhere what changes nothing. */
static struct val value_or_identity(struct fn *f, const struct lstmt *s, struct val cond) {
  if (!cond.v) return emit_expr(f, s->value);
  LLVMBasicBlockRef from[2] = {NULL, LLVMGetInsertBlock(f->b)}, then = new_block(f, "lane"),
                    join = new_block(f, "lanes");
  LLVMBuildCondBr(f->b, cond.v, then, join);
  level_push(f, then, true);
  struct val v = emit_expr(f, s->value);
  from[0] = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, join);
  level_pop(f);
  LLVMPositionBuilderAtEnd(f->b, join);
  LLVMValueRef in[2] = {v.v, const_val(f, v.type, red_identity(s->red, v.type)).v};
  LLVMValueRef phi = LLVMBuildPhi(f->b, LLVMTypeOf(v.v), "");
  LLVMAddIncoming(phi, in, from, 2);
  return mkval(phi, cur_level(f), v.type, 0);
}

static void store_arm(struct fn *f, void *ctx) {
  struct laned *x = ctx;
  store_value(f, x->s, x->value);
}

/* Does each thread have the object for itself? */
static bool own_object(struct fn *f, unsigned object) {
  return in_registers(f, object) || f->simt->private[object];
}

/* Who stores the result of a reduction over the lanes that `named` has not: one thread for each element, where guards
   and bounds that do not speak of the others hold. false: nobody. */
static bool keeper(struct fn *f, const struct lstmt *s, unsigned named, struct val *cond) {
  poly_t guard[UINT8_MAX + 1];
  unsigned n = 0;
  for (unsigned i = 0; i < s->acc->nguard; i++) {
    poly_t g = fn_subst(f, s->acc->guard[i]);
    bool lanes = false;
    for (unsigned d = 0; d < f->simt->nopen; d++)
      lanes |= !(digit_bits(&f->simt->open[d]) & named) && poly_has(g, f->simt->open[d].lane);
    if (!lanes) guard[n++] = s->acc->guard[i];
  }
  if (emit_guards(f, guard, n, cond) == 0) return false;
  for (unsigned d = 0; d < f->simt->nopen; d++)
    if (digit_bits(&f->simt->open[d]) & named) *cond = mask_and(f, *cond, f->simt->open[d].on);
  *cond = mask_and(f, *cond, one_of_each(f, named));
  return true;
}

static void reduce_lanes(struct fn *f, const struct lstmt *s, unsigned named) {
  struct val cond, keeps;
  int g = emit_guards(f, s->acc->guard, s->acc->nguard, &cond);
  if (g == 0) return;
  cond = mask_and(f, f->simt->on, cond);
  struct laned x = {s, reduce_threads(f, s->red, value_or_identity(f, s, cond), open_bits(f) & ~named)};
  if (in_registers(f, s->acc->tensor))
    reg_write(f, s->acc, s->red, x.value);
  else if (own_object(f, s->acc->tensor))
    store_arm(f, &x);
  else if (keeper(f, s, named, &keeps))
    where(f, keeps, s, store_arm, &x);
}

static void lane_if(struct fn *f, const struct lstmt *s) {
  bool lanes = s->cond != NULL, more;
  for (unsigned i = 0; i < s->nguard; i++) lanes |= simt_digit(f, fn_subst(f, s->guard[i]), &more) != NULL;
  if (lanes)
    emit_fail(f->m, "a branch on lanes is not emitted for blocks of threads");
  else
    emit_now(f, s);
}

static void lane_store(struct fn *f, const struct lstmt *s) {
  struct laned x = {.s = s};
  struct val cond = f->simt->on;
  unsigned named = named_bits(f, s->acc);
  bool meets = s->red != RED_none && named != open_bits(f), own = own_object(f, s->acc->tensor);
  if ((f->simt->threads - 1) & ~open_bits(f)) fence_copies(f, s, meets || own, !own);
  if (meets) {
    reduce_lanes(f, s, named);
    return;
  }
  for (unsigned d = 0; d < s->acc->rank && s->red != RED_none; d++)
    if (s->acc->ix[d].dyn) emit_fail(f->m, "threads that add to elements chosen by data would need atomics");
  if (!own) cond = mask_and(f, cond, one_of_each(f, open_bits(f)));
  where(f, cond, s, now_arm, &x);
}

static void simt_vector(struct fn *f, const struct lstmt *s);

static void lane_stmt(struct fn *f, const struct lstmt *s) {
  struct laned x = {.s = s};
  switch (s->kind) {
  case L_STORE:
    lane_store(f, s);
    return;
  case L_SET:
    if ((f->simt->threads - 1) & ~open_bits(f)) fence_copies(f, s, true, false);
    where(f, f->simt->on, s, now_arm, &x);
    return;
  case L_IF:
    lane_if(f, s);
    return;
  case L_PREFETCH:
    return;
  case L_FOR:
    if (s->fkind == F_VECTOR) {
      simt_vector(f, s);
      return;
    }
    emit_now(f, s);
    return;
  default:
    emit_now(f, s);
  }
}

/* ---- vector loops ---- */

static void lane_facts(struct fn *f, const struct lstmt *s, const struct range *r, int64_t lanes) {
  struct arena *a = f->m->arena;
  poly_t i = poly_sym(a, s->sym);
  fact_add(f, i);
  fact_add(f, poly_sub(a, poly_const(a, lanes - 1), i));
  for (unsigned k = 0; k < r->nhi; k++) fact_add(f, poly_addc(a, poly_sub(a, poly_sub(a, r->his[k], r->lo), i), -1));
}

/* The lane that this thread is. */
static struct val digit_value(struct fn *f, const struct digit *x) {
  struct val v = f->simt->tid;
  if (x->at) v = vbin(f, LLVMLShr, v, vi64(f, x->at), false);
  if (f->simt->threads >> (x->at + x->bits)) v = vbin(f, LLVMAnd, v, vi64(f, (1 << x->bits) - 1), false);
  return v;
}

/* Which threads are lanes of s: those below all of hi - lo. false: none at all. */
static bool lane_range(struct fn *f, const struct range *r, int64_t lanes, struct val lane, struct val *on) {
  struct arena *a = f->m->arena;
  poly_t run[UINT8_MAX + 1];
  unsigned n = 0;
  int64_t fixed = lanes, c;
  for (unsigned i = 0; i < r->nhi; i++) {
    poly_t x = poly_sub(a, r->his[i], r->lo);
    if (poly_is_const(x, &c))
      fixed = c < fixed ? c : fixed;
    else if (!provably_ge0(f, poly_addc(a, x, -lanes)))
      run[n++] = x;
  }
  *on = (struct val){0};
  if (fixed <= 0) return false;
  if (fixed < lanes) run[n++] = poly_const(a, fixed);
  if (n) *on = vicmp(f, LLVMIntSLT, lane, fn_min(f, run, n));
  return true;
}

static void simt_vector(struct fn *f, const struct lstmt *s) {
  int64_t lanes = (int64_t)1 << s->lanes_log2;
  struct digit x = {s->sym, s->digit, s->lanes_log2, {0}};
  struct range r;
  unsigned nfact = f->nfact;
  find_range(f, s, &r);
  struct val was = f->sym[s->sym], lane = digit_value(f, &x), outer = f->simt->on, on;
  if (f->simt->nopen == DIGIT_LIMIT) emit_fail(f->m, "too many vector loops inside one another");
  if (f->m->fail || !lane_range(f, &r, lanes, lane, &on)) return;
  f->simt->on = mask_and(f, outer, on);
  x.on = on;
  f->simt->open[f->simt->nopen++] = x;
  f->sym[s->sym] = lane;
  f->env[s->sym] = poly_add(f->m->arena, r.lo, poly_sym(f->m->arena, s->sym));
  lane_facts(f, s, &r, lanes);
  emit_stmt(f, s->body[0]);
  f->env[s->sym] = NULL;
  f->sym[s->sym] = was;
  f->simt->nopen--;
  f->simt->on = outer;
  f->nfact = nfact;
}

/* ---- statements outside of vector loops ---- */

static void uniform_store(struct fn *f, const struct lstmt *s) {
  struct laned x = {.s = s};
  where(f, own_object(f, s->acc->tensor) ? (struct val){0} : one_of_each(f, 0), s, now_arm, &x);
}

static void for_stmt(struct fn *f, const struct lstmt *s) {
  if (!s->nbody || !s->body[0]) return;
  if (s->fkind == F_VECTOR)
    simt_vector(f, s);
  else if (s->fkind == F_PARALLEL)
    emit_serial(f, s);
  else
    emit_for(f, s);
}

static void alloc_stmt(struct fn *f, const struct lstmt *s) {
  if (!s->nbody || !s->body[0]) return;
  if (in_registers(f, s->id) || f->simt->private[s->id])
    emit_now(f, s);
  else
    alloc_block(f, s);
}

static void uniform_stmt(struct fn *f, const struct lstmt *s) {
  struct fence was;
  switch (s->kind) {
  case L_ALLOC:
    alloc_stmt(f, s);
    return;
  case L_PREFETCH:
    return;
  case L_WHILE:
    emit_fail(f->m, "a loop that counts nothing cannot run in blocks of threads");
    return;
  default:
    break;
  }
  fence_before(f, s);
  was = fence_save(f);
  if (s->kind == L_FOR)
    for_stmt(f, s);
  else if (s->kind == L_STORE)
    uniform_store(f, s);
  else
    emit_now(f, s);
  if (s->kind == L_FOR || s->kind == L_IF) fence_join(f, &was);
  fence_after(f, s);
}

void simt_stmt(struct fn *f, const struct lstmt *s) {
  if (f->simt->nopen)
    lane_stmt(f, s);
  else
    uniform_stmt(f, s);
}

/* ---- kernels ---- */

static LLVMTypeRef kernel_type(struct module *m, const struct launch_plan *p) {
  const struct kernel *k = p->f->k;
  LLVMTypeRef *in = ARENA_NEW(m->arena, LLVMTypeRef, k->nparam + p->nbuffer + 1);
  for (unsigned i = 0; i < k->nparam; i++)
    in[i] = k->param[i].kind == PARAM_DIM      ? m->i64
            : k->param[i].kind == PARAM_TENSOR ? m->ptr
                                               : mem_type(m, k->param[i].type);
  for (unsigned i = 0; i < p->nbuffer; i++) in[k->nparam + i] = m->ptr;
  return LLVMFunctionType(m->void_, in, k->nparam + p->nbuffer, 0);
}

static void string_attr(struct module *m, LLVMValueRef fn, const char *name, const char *value) {
  LLVMAttributeRef a = LLVMCreateStringAttribute(m->ctx, name, (unsigned)strlen(name), value, (unsigned)strlen(value));
  LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex, a);
}

static LLVMValueRef kernel_fn(struct module *m, const struct launch_plan *p, const struct launch_kernel *k) {
  LLVMValueRef fn = LLVMAddFunction(m->mod, k->name, kernel_type(m, p));
  char dim[32];
  snprintf(dim, sizeof dim, "%u,1,1", k->threads);
  LLVMSetFunctionCallConv(fn, PTX_KERNEL);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "convergent", 0);
  string_attr(m, fn, "nvvm.reqntid", dim);
  return fn;
}

static void bind_kernel(struct fn *f) {
  const struct kernel *k = f->f->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    LLVMValueRef v = LLVMGetParam(f->fn, i);
    if (p->kind == PARAM_DIM)
      f->sym[p->ref] = mkval(v, 0, DT_i64, 0);
    else if (p->kind == PARAM_TENSOR)
      f->base[p->ref] = mkval(v, 0, DT_u64, 0);
    else
      f->param[i] = from_memory(f, p->type, v, 0, 0);
  }
  for (unsigned i = 0; i < f->simt->plan->nbuffer; i++)
    if (f->simt->plan->buffer[i].block < 0)
      f->base[f->simt->plan->buffer[i].object] = mkval(LLVMGetParam(f->fn, k->nparam + i), 0, DT_u64, 0);
}

/* No other pointer reaches what is read only; what threads exchange must not be called unaliased, or loads would pass
   barriers. */
static void pointer_attrs(struct fn *f) {
  const struct kernel *k = f->f->k;
  uint8_t *w = ARENA_NEW(f->m->arena, uint8_t, f->f->nobject + 1);
  stmt_effects(f->simt->plan->kernel[f->simt->kernel].body, w, NULL);
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR || f->simt->traded[k->param[i].ref]) continue;
    add_attr(f->m, f->fn, (int)i + 1, "noalias", 0);
    if (!w[k->param[i].ref]) add_attr(f->m, f->fn, (int)i + 1, "readonly", 0);
  }
}

/* The block's number is split over the parallel loops, the last one fastest. */
static void bind_blocks(struct fn *f, const struct launch_kernel *k) {
  struct arena *a = f->m->arena;
  LLVMValueRef rest = block_number(f);
  for (unsigned i = k->nloop; i-- > 0;) {
    const struct lstmt *s = k->loop[i];
    struct range r;
    find_range(f, s, &r);
    LLVMValueRef at = rest;
    if (i) {
      struct val span = vbin(f, LLVMSub, fn_poly(f, r.hi), fn_poly(f, r.lo), false);
      LLVMValueRef up = LLVMBuildAdd(f->b, span.v, LLVMConstInt(f->m->i64, (uint64_t)s->step - 1, 0), "");
      LLVMValueRef n = LLVMBuildSDiv(f->b, up, LLVMConstInt(f->m->i64, (uint64_t)s->step, 0), "");
      at = LLVMBuildURem(f->b, rest, n, "");
      rest = LLVMBuildUDiv(f->b, rest, n, "");
    }
    at = LLVMBuildMul(f->b, at, LLVMConstInt(f->m->i64, (uint64_t)s->step, 0), "");
    at = LLVMBuildAdd(f->b, fn_poly(f, r.lo).v, at, "");
    f->sym[s->sym] = mkval(at, 0, DT_i64, 0);
    poly_t x = poly_sym(a, s->sym);
    for (unsigned j = 0; j < r.nlo; j++) fact_add(f, poly_sub(a, x, r.los[j]));
    for (unsigned j = 0; j < r.nhi && !s->once; j++) fact_add(f, poly_addc(a, poly_sub(a, r.his[j], x), -1));
  }
}

/* Register objects that need memory after all: one for each thread, unless their elements lie along lanes. */
static void find_private(struct fn *f, const struct lstmt *s) {
  if (s->kind == L_ALLOC && f->f->object[s->id].scope == SCOPE_REG && !in_registers(f, s->id))
    f->simt->private[s->id] = !reg_along_lanes(s->id, s);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) find_private(f, s->body[i]);
}

static void emit_kernel(struct module *m, const struct launch_plan *p, unsigned index) {
  const struct launch_kernel *k = &p->kernel[index];
  struct fn f;
  struct simt x = {.plan = p, .kernel = index, .threads = k->threads};
  fn_init(&f, m, p->f, kernel_fn(m, p, k), true);
  LLVMBasicBlockRef body = LLVMGetInsertBlock(f.b);
  f.simt = &x;
  x.private = ARENA_NEW(m->arena, uint8_t, p->f->nobject + 1);
  find_private(&f, k->body);
  fence_init(&f, k);
  for (unsigned i = 0; i < p->f->nobject; i++) x.traded[i] &= !x.private[i];
  pointer_attrs(&f);
  bind_kernel(&f);
  x.tid = mkval(LLVMBuildZExt(f.b, sreg(&f, "tid.x"), m->i64, ""), 0, DT_i64, 0);
  bind_blocks(&f, k);
  emit_stmt(&f, k->body);
  LLVMBuildRetVoid(f.b);
  LLVMPositionBuilderAtEnd(f.b, f.entry);
  LLVMBuildBr(f.b, body);
  LLVMDisposeBuilder(f.b);
}

void emit_kernels(struct module *m, const struct lfunc *lf) {
  struct launch_plan *p = ARENA_NEW(m->arena, struct launch_plan, 1);
  const char *why = "";
  if (launch_plan_make(m->arena, lf, &m->target->limits, p, &why) != ST_OK) {
    emit_fail(m, "%s", why);
    return;
  }
  for (unsigned i = 0; i < p->nkernel && !m->fail; i++) emit_kernel(m, p, i);
}
