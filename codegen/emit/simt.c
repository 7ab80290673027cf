/* Blocks of threads: a LOOP function as GPU kernels (launch.h says which). Every thread runs the whole kernel. Outside
   of vector loops all threads compute the same, and thread 0 alone stores to memory; in a vector loop the lane is a
   digit of the thread's number, of nested ones each has its own; lanes beyond the end are a branch, a register object
   along the lanes is one scalar a thread. Threads that differ only in digits of loops that are not open do the same,
   and the first of them stores. A reduction over lanes meets in shuffles and shared memory, all threads get the result.
   So the whole of expressions, addresses and register objects is that of scalars on a CPU; barriers are simt_fence.c's.
 */
#include "codegen/emit/build.h"
#include <stdio.h>

enum { WARP = 32 };

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
  if (!f->simt->parts) f->simt->parts = simt_shared(f, "parts", 8 * LAUNCH_THREADS / WARP, 64);
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

static void find_memory(expr_t x, void *ctx) {
  struct fn **f = ctx;
  if (*f && x->kind == E_READ && (!in_registers(*f, x->acc->tensor) || x->acc->nguard)) *f = NULL;
}

/* Nothing is read from memory: it may be evaluated where nobody wants it. */
static bool only_registers(struct fn *f, expr_t x) {
  struct fn *at = f;
  expr_visit(x, find_memory, &at);
  return at != NULL;
}

/* The value where cond holds, elsewhere what changes nothing. */
static struct val value_or_identity(struct fn *f, const struct lstmt *s, struct val cond) {
  if (!cond.v) return emit_expr(f, s->value);
  if (only_registers(f, s->value)) {
    struct val v = emit_expr(f, s->value);
    return vselect(f, cond, v, const_val(f, (enum dtype)v.type, red_identity(s->red, (enum dtype)v.type)));
  }
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

/* What is summed into one register by statements next to each other meets once, at the end: before that each thread
   sums up its own. */
struct meeting {
  struct val *slot; /* the register */
  struct val part;
  enum red red;
  unsigned bits;
  struct meeting *next;
};

void simt_meet(struct fn *f) {
  struct meeting *m = f->simt->meetings;
  f->simt->meetings = NULL;
  for (; m; m = m->next) {
    enum dtype t = (enum dtype)m->slot->type;
    struct val v = convert(f, m->part.type, *m->slot), all = reduce_threads(f, m->red, m->part, m->bits);
    *m->slot = convert(f, t, emit_red(f, m->red, v, all));
  }
}

bool simt_meets(const struct fn *f, const struct val *slot, unsigned n) {
  bool any = false;
  for (const struct meeting *m = f->simt->meetings; m; m = m->next) any |= m->slot >= slot && m->slot < slot + n;
  return any;
}

/* false: it has no register for itself. */
static bool meet_later(struct fn *f, const struct lstmt *s, struct val v, unsigned bits) {
  struct meeting *last = NULL;
  if (f->simt->parted || !in_registers(f, s->acc->tensor)) return false;
  struct val *slot = reg_slot(f, s->acc);
  if (!slot) return false;
  for (struct meeting *m = f->simt->meetings; m; last = m, m = m->next) {
    if (m->slot != slot) continue;
    if (m->red != s->red || m->bits != bits || m->part.type != v.type) return false;
    m->part = emit_red(f, s->red, m->part, v);
    return true;
  }
  struct meeting *n = ARENA_NEW(f->m->arena, struct meeting, 1);
  *n = (struct meeting){slot, v, s->red, bits, NULL};
  *(last ? &last->next : &f->simt->meetings) = n;
  return true;
}

static void reduce_lanes(struct fn *f, const struct lstmt *s, unsigned named) {
  struct val cond, keeps;
  int g = emit_guards(f, s->acc->guard, s->acc->nguard, &cond);
  if (g == 0) return;
  cond = mask_and(f, f->simt->on, cond);
  struct val v = value_or_identity(f, s, cond);
  if (meet_later(f, s, v, open_bits(f) & ~named)) return;
  struct laned x = {s, reduce_threads(f, s->red, v, open_bits(f) & ~named)};
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

/* Of the threads whose lanes are on, those that store to memory; .v NULL: all. */
static struct val writers(struct fn *f) {
  return mask_and(f, f->simt->on, one_of_each(f, open_bits(f)));
}

static void lane_store(struct fn *f, const struct lstmt *s) {
  struct laned x = {.s = s};
  unsigned named = named_bits(f, s->acc);
  bool meets = s->red != RED_none && named != open_bits(f), own = own_object(f, s->acc->tensor);
  if (f->simt->alone) {
    emit_now(f, s);
    return;
  }
  if ((f->simt->threads - 1) & ~open_bits(f)) fence_copies(f, s, meets || own, !own);
  if (meets) {
    reduce_lanes(f, s, named);
    return;
  }
  for (unsigned d = 0; d < s->acc->rank && s->red != RED_none; d++)
    if (s->acc->ix[d].dyn) emit_fail(f->m, "threads that add to elements chosen by data would need atomics");
  where(f, own ? f->simt->on : writers(f), s, now_arm, &x);
}

static void simt_vector(struct fn *f, const struct lstmt *s);

static void lane_serial(struct fn *f, const struct lstmt *s) {
  simt_meet(f);
  f->simt->parted++;
  emit_now(f, s);
  f->simt->parted--;
}

static void lane_stmt(struct fn *f, const struct lstmt *s) {
  struct laned x = {.s = s};
  switch (s->kind) {
  case L_STORE:
    lane_store(f, s);
    return;
  case L_SET:
    simt_meet(f);
    if ((f->simt->threads - 1) & ~open_bits(f)) fence_copies(f, s, true, false);
    where(f, f->simt->on, s, now_arm, &x);
    return;
  case L_IF:
    simt_meet(f);
    f->simt->parted++;
    lane_if(f, s);
    f->simt->parted--;
    return;
  case L_PREFETCH:
    return;
  case L_FOR:
    if (s->fkind == F_VECTOR)
      simt_vector(f, s);
    else if (f->simt->copying && simt_copy_piece(f, s, f->simt->alone ? (struct val){0} : writers(f)))
      return;
    else if (s->fkind == F_SERIAL)
      lane_serial(f, s);
    else if (!simt_pair_stores(f, s))
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

/* Does the nest nothing but store to memory, all of it with the same digits open? Then whole threads can be left out,
   with one branch. *bits: those digits; 0 at first. */
static bool stores_only(struct fn *f, const struct lstmt *s, unsigned open, unsigned *bits) {
  bool ok = s->kind == L_BLOCK || s->kind == L_FOR;
  if (s->kind == L_STORE) {
    if (s->red != RED_none || own_object(f, s->acc->tensor) || (*bits && *bits != open)) return false;
    *bits = open;
    return true;
  }
  if (s->kind == L_FOR && s->fkind == F_VECTOR) open |= ((1u << s->lanes_log2) - 1) << s->digit;
  if (s->kind == L_FOR && s->fkind == F_SUB) return false;
  for (uint32_t i = 0; i < s->nbody && ok; i++) ok = !s->body[i] || stores_only(f, s->body[i], open, bits);
  return ok;
}

struct vector {
  const struct lstmt *s;
  const struct range *r;
  struct digit x;
};

static void vector_body(struct fn *f, void *ctx) {
  const struct vector *v = ctx;
  const struct lstmt *s = v->s;
  unsigned nfact = f->nfact;
  struct val was = f->sym[s->sym];
  f->sym[s->sym] = digit_value(f, &v->x);
  f->simt->open[f->simt->nopen++] = v->x;
  f->env[s->sym] = poly_add(f->m->arena, v->r->lo, poly_sym(f->m->arena, s->sym));
  lane_facts(f, s, v->r, INT64_C(1) << s->lanes_log2);
  emit_stmt(f, s->body[0]);
  f->env[s->sym] = NULL;
  f->sym[s->sym] = was;
  f->simt->nopen--;
  f->nfact = nfact;
}

static void simt_vector(struct fn *f, const struct lstmt *s) {
  struct range r;
  struct vector v = {s, &r, {s->sym, s->digit, s->lanes_log2, {0}}};
  struct val on, outer = f->simt->on, rest = {0};
  bool was = f->simt->alone;
  unsigned bits = 0;
  find_range(f, s, &r);
  if (f->simt->nopen == DIGIT_LIMIT) emit_fail(f->m, "too many vector loops inside one another");
  if (f->m->fail || !lane_range(f, &r, INT64_C(1) << s->lanes_log2, digit_value(f, &v.x), &on)) return;
  if (!f->simt->nopen && stores_only(f, s, 0, &bits) && bits) {
    f->simt->alone = true;
    rest = one_of_each(f, bits);
  }
  v.x.on = on;
  if (!f->simt->alone) f->simt->on = mask_and(f, outer, on);
  struct val cond = f->simt->alone ? mask_and(f, rest, on) : (struct val){0};
  if (cond.v)
    emit_branch(f, cond, s->body[0], vector_body, NULL, &v);
  else
    vector_body(f, &v);
  if (!f->simt->nopen) simt_meet(f);
  f->simt->on = outer;
  f->simt->alone = was;
}

/* ---- statements outside of vector loops ---- */

static void uniform_store(struct fn *f, const struct lstmt *s) {
  struct laned x = {.s = s};
  where(f, own_object(f, s->acc->tensor) ? (struct val){0} : one_of_each(f, 0), s, now_arm, &x);
}

static void for_stmt(struct fn *f, const struct lstmt *s) {
  if (!s->nbody || !s->body[0]) return;
  simt_out_begin(f, s);
  if (simt_out(f, s)) return;
  if (s->fkind == F_VECTOR)
    simt_vector(f, s);
  else if (s->fkind == F_PARALLEL)
    emit_serial(f, s);
  else if (!simt_ring_loop(f, s) && !simt_staged(f, s))
    emit_for(f, s);
}

static void alloc_stmt(struct fn *f, const struct lstmt *s) {
  if (!s->nbody || !s->body[0]) return;
  if (in_registers(f, s->id) || f->simt->private[s->id])
    emit_now(f, s);
  else
    simt_alloc(f, s);
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
  if (f->simt->producing && simt_produce(f, s)) return;
  if (!f->simt->nopen && simt_ring_held(f, s)) return;
  if (!f->simt->nopen) simt_ring_reach(f, s);
  if (f->simt->nopen)
    lane_stmt(f, s);
  else
    uniform_stmt(f, s);
}
