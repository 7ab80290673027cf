/* Operands brought by tensor maps (sm_90a): a warp group behind those that run the LOOP has one thread that walks the
   same loops and, for each iteration of a loop that stages such operands, asks for their boxes; the others wait for
   them and do the rest. Buffers go round: of each, one mbarrier counts the bytes that are to come, one the warps that
   are done with it. Both sides count buffers and rounds for themselves. Arrays that are not aligned have no maps: the
   workers then copy themselves (simt_stage.c), and the warp group ends at once. Where an iteration ends in a product
   whose factor is in registers (attention), that is made in the next one, behind the first product of that: both then
   run while the threads do the rest. */
#include "codegen/emit/build.h"
#include <stdio.h>
#include <string.h>

enum { SHARED_SPACE = 3, CLUSTER_SPACE = 7, BARRIER_BYTES = 8, WARP = 32, FEW = 40, MANY_TWO = 232, MANY_THREE = 160 };

struct ring {
  const struct lstmt *loop;
  const uint8_t *object;  /* [nobject] brought by it */
  unsigned n;             /* buffers */
  int64_t bytes;          /* of all boxes of an iteration */
  LLVMValueRef barriers;  /* n of bytes, n of warps; in shared memory */
  LLVMValueRef at, round; /* cells of the thread: the buffer, and which of two rounds it is */
  struct val *first;      /* [nobject] the first buffer of each, while the loop is open */
  bool late;              /* the instructions of an iteration may run on into the next */
  struct ring *next;
};

static LLVMValueRef k32(struct fn *f, uint64_t c) {
  return LLVMConstInt(f->m->i32, c, 0);
}

static LLVMValueRef call(struct fn *f, const char *name, LLVMValueRef *arg, unsigned n) {
  return call_intrinsic(f->m, f->b, name, NULL, 0, arg, n);
}

/* ---- barriers ---- */

static LLVMValueRef barrier_at(struct fn *f, const struct ring *r, LLVMValueRef number) {
  LLVMValueRef off = LLVMBuildMul(f->b, number, k32(f, BARRIER_BYTES), "");
  return LLVMBuildGEP2(f->b, f->m->i8, r->barriers, &off, 1, "");
}

static LLVMValueRef full(struct fn *f, const struct ring *r, LLVMValueRef at) {
  return barrier_at(f, r, at);
}

static LLVMValueRef empty(struct fn *f, const struct ring *r, LLVMValueRef at) {
  return barrier_at(f, r, LLVMBuildAdd(f->b, at, k32(f, r->n), ""));
}

static LLVMValueRef load_cell(struct fn *f, LLVMValueRef cell) {
  return LLVMBuildLoad2(f->b, f->m->i32, cell, "");
}

/* Until the phase with this parity is over. */
static void wait_for(struct fn *f, LLVMValueRef barrier, LLVMValueRef parity) {
  LLVMBasicBlockRef again = new_block(f, "wait"), on = new_block(f, "there");
  LLVMValueRef arg[2] = {barrier, parity};
  LLVMBuildBr(f->b, again);
  LLVMPositionBuilderAtEnd(f->b, again);
  bool cluster = f->simt->plan->kernel[f->simt->kernel].cluster > 1;
  LLVMValueRef done = call(f,
                           cluster ? "llvm.nvvm.mbarrier.try.wait.parity.scope.cluster.space.cta"
                                   : "llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta",
                           arg, 2);
  LLVMBuildCondBr(f->b, done, on, again);
  LLVMPositionBuilderAtEnd(f->b, on);
}

/* The next buffer; behind the last one the first, in the other round. */
static void advance(struct fn *f, const struct ring *r, LLVMValueRef at, LLVMValueRef round) {
  LLVMValueRef next = LLVMBuildAdd(f->b, at, k32(f, 1), "");
  LLVMValueRef over = LLVMBuildICmp(f->b, LLVMIntEQ, next, k32(f, r->n), "");
  LLVMBuildStore(f->b, LLVMBuildSelect(f->b, over, k32(f, 0), next, ""), r->at);
  LLVMBuildStore(f->b, LLVMBuildXor(f->b, round, LLVMBuildZExt(f->b, over, f->m->i32, ""), ""), r->round);
}

/* ---- which loops ---- */

static void find_rings(struct fn *f, const struct lstmt *s) {
  uint8_t *object = ARENA_NEW(f->m->arena, uint8_t, f->f->nobject + 1);
  unsigned n;
  if (launch_ring(f->simt->plan, s, object, &n)) {
    struct ring *r = ARENA_NEW(f->m->arena, struct ring, 1);
    *r = (struct ring){.loop = s, .object = object, .n = n, .next = f->simt->rings};
    for (unsigned i = 0; i < f->f->nobject; i++) {
      const struct object *o = &f->f->object[i];
      if (object[i]) r->bytes += (int64_t)o->panel_rows * o->panel_cols * (int64_t)type_size((enum dtype)o->type);
    }
    f->simt->rings = r;
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) find_rings(f, s->body[i]);
}

static const struct ring *ring_of(const struct fn *f, const struct lstmt *loop) {
  for (const struct ring *r = f->simt->rings; r; r = r->next)
    if (r->loop == loop) return r;
  return NULL;
}

static bool holds_ring(const struct fn *f, const struct lstmt *s) {
  if (ring_of(f, s)) return true;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && holds_ring(f, s->body[i])) return true;
  return false;
}

/* ---- clusters ---- */

/* Blocks of a cluster fill parts of each other's buffers; 1: each fills its own. */
static unsigned together(const struct fn *f) {
  unsigned n = f->simt->plan->kernel[f->simt->kernel].cluster;
  return n ? n : 1;
}

void simt_cluster_meet(struct fn *f, bool begin) {
  call(f, begin ? "llvm.nvvm.barrier.cluster.arrive.relaxed.aligned" : "llvm.nvvm.barrier.cluster.arrive", NULL, 0);
  call(f, begin ? "llvm.nvvm.barrier.cluster.wait.aligned" : "llvm.nvvm.barrier.cluster.wait", NULL, 0);
}

/* ---- the kernel ---- */

LLVMValueRef simt_cell(struct fn *f) {
  LLVMBasicBlockRef now = LLVMGetInsertBlock(f->b);
  LLVMPositionBuilderAtEnd(f->b, f->entry);
  LLVMValueRef cell = LLVMBuildAlloca(f->b, f->m->i32, "");
  LLVMPositionBuilderAtEnd(f->b, now);
  return cell;
}

static void init_barriers(struct fn *f) {
  for (struct ring *r = f->simt->rings; r; r = r->next)
    for (unsigned i = 0; i < 2 * r->n; i++) {
      LLVMValueRef arg[2] = {barrier_at(f, r, k32(f, i)), k32(f, i < r->n ? 1 : f->simt->threads / WARP * together(f))};
      call(f, "llvm.nvvm.mbarrier.init.shared", arg, 2);
    }
  call(f, "llvm.nvvm.fence.mbarrier_init.release.cluster", NULL, 0);
}

static void prepare(struct fn *f) {
  LLVMTypeRef shared = LLVMPointerTypeInContext(f->m->ctx, SHARED_SPACE);
  for (struct ring *r = f->simt->rings; r; r = r->next) {
    LLVMValueRef p = simt_shared(f, "ring", 2 * r->n * BARRIER_BYTES, 64);
    r->barriers = LLVMConstAddrSpaceCast(p, shared);
    r->at = simt_cell(f), r->round = simt_cell(f);
  }
  LLVMBasicBlockRef one = new_block(f, "init"), on = new_block(f, "ready");
  LLVMValueRef first = LLVMBuildICmp(f->b, LLVMIntEQ, f->simt->tid.v, LLVMConstInt(f->m->i64, 0, 0), "");
  LLVMBuildCondBr(f->b, first, one, on);
  LLVMPositionBuilderAtEnd(f->b, one);
  init_barriers(f);
  LLVMBuildBr(f->b, on);
  LLVMPositionBuilderAtEnd(f->b, on);
  LLVMValueRef zero = k32(f, 0);
  call(f, "llvm.nvvm.barrier.cta.sync.aligned.all", &zero, 1);
  if (together(f) > 1) simt_cluster_meet(f, true);
}

struct parts {
  arm_fn *workers, *copier;
  void *ctx;
};

/* The warp groups share the registers of the block anew. One group of workers has enough of them. */
static void set_registers(struct fn *f, bool more) {
  unsigned groups = f->simt->threads / LAUNCH_GROUP;
  LLVMValueRef n = k32(f, !more ? groups == 3 ? 32 : FEW : groups == 2 ? MANY_TWO : MANY_THREE);
  if (groups != 2 && groups != 3) return;
  call(f, more ? "llvm.nvvm.setmaxnreg.inc.sync.aligned.u32" : "llvm.nvvm.setmaxnreg.dec.sync.aligned.u32", &n, 1);
}

static void start(struct fn *f) {
  for (struct ring *r = f->simt->rings; r; r = r->next) {
    LLVMBuildStore(f->b, k32(f, 0), r->at);
    LLVMBuildStore(f->b, k32(f, 0), r->round);
  }
}

static void workers_arm(struct fn *f, void *ctx) {
  const struct parts *p = ctx;
  set_registers(f, true);
  start(f);
  p->workers(f, p->ctx);
}

static void copier_arm(struct fn *f, void *ctx) {
  const struct parts *p = ctx;
  set_registers(f, false);
  start(f);
  p->copier(f, p->ctx);
}

void simt_rings(struct fn *f, const struct lstmt *body, arm_fn *workers, arm_fn *copier, void *ctx) {
  struct parts p = {workers, copier, ctx};
  find_rings(f, body);
  prepare(f);
  struct val own = vicmp(f, LLVMIntULT, f->simt->group, vi64(f, f->simt->threads / LAUNCH_GROUP));
  emit_branch(f, own, body, workers_arm, copier_arm, &p);
}

/* ---- the loop ---- */

/* Only sums in registers, each by an instruction, if they are of that form. */
static bool only_sums(struct fn *f, const struct lstmt *s, bool sub) {
  if (s->kind == L_STORE) return sub && in_registers(f, s->acc->tensor);
  if (s->kind != L_FOR && s->kind != L_BLOCK) return false;
  sub |= s->kind == L_FOR && s->fkind == F_SUB;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && !only_sums(f, s->body[i], sub)) return false;
  return true;
}

static bool runs_on(struct fn *f, const struct lstmt *body) {
  bool ok = true;
  for (uint32_t i = 1; i < body->nbody; i++) ok &= !body->body[i] || only_sums(f, body->body[i], false);
  return ok;
}

/* ---- products that run beside the next iteration's work ---- */

static const struct lstmt *inmost(const struct lstmt *s) {
  while (s && s->kind == L_FOR && s->fkind != F_SERIAL && s->nbody) s = s->body[0];
  return s;
}

/* Its factor's last subscript walks the sum: pairs of it are neighbours among the registers. */
static bool along_sum(const struct lstmt *nest, const struct access *factor) {
  while (nest->fkind != F_SUB && nest->body[0]->kind == L_FOR) nest = nest->body[0];
  poly_t last = factor->rank ? factor->ix[factor->rank - 1].poly : NULL;
  return nest->fkind == F_SUB && last && poly_has(last, nest->sym);
}

static bool is_held(struct fn *f, const struct lstmt *nest) {
  struct dot d;
  const struct lstmt *s = inmost(nest);
  return s && s->kind == L_STORE && s->red == RED_sum && dot_mixed(s->value, &d) && in_registers(f, s->acc->tensor) &&
         in_registers(f, d.a->acc->tensor) && along_sum(nest, d.a->acc);
}

/* The last statement of the body, where it is a product with a factor in registers: it needs nothing but that and its
   own operand, so it may be made in the next iteration, behind the first instructions of that one: while it runs the
   threads go on with those. */
static bool straight(const struct lstmt *s) {
  bool ok = s->kind != L_PREFETCH && (s->kind != L_FOR || s->fkind != F_SERIAL);
  for (uint32_t i = 0; i < s->nbody && ok; i++) ok = !s->body[i] || straight(s->body[i]);
  return ok;
}

static const struct lstmt *held_nest(struct fn *f, const struct lstmt *s) {
  for (uint32_t i = 1; i < s->nbody; i++)
    if (s->body[i] && !straight(s->body[i])) return NULL; /* where the first instructions end is not one place */
  while (s && s->kind != L_FOR) {
    if ((s->kind != L_BLOCK && s->kind != L_ALLOC) || !s->nbody) return NULL;
    s = s->body[s->nbody - 1];
  }
  return s && s->fkind == F_VECTOR && is_held(f, s) ? s : NULL;
}

static void use_buffer(struct fn *f, const struct ring *r, LLVMValueRef at);
static LLVMValueRef before(struct fn *f, const struct ring *r, LLVMValueRef at);
static void release(struct fn *f, const struct ring *r, LLVMValueRef at, LLVMValueRef cond);
static void first_buffers(struct fn *f, const struct ring *r);

struct toucher {
  unsigned object;
  bool any;
};
static void find_object(expr_t x, void *ctx) {
  struct toucher *t = ctx;
  t->any |= x->kind == E_READ && x->acc->tensor == t->object;
}

/* Statements that touch the object, but for the nest `but`; NULL: none; &several: more than one. */
static const struct lstmt several;
static const struct lstmt *who_touches(const struct lstmt *s, unsigned object, const struct lstmt *but) {
  const struct lstmt *found = NULL;
  struct toucher t = {object, false};
  if (s == but) return NULL;
  if (s->acc) t.any |= s->acc->tensor == object;
  if (s->value) expr_visit(s->value, find_object, &t);
  if (s->cond) expr_visit(s->cond, find_object, &t);
  if (t.any) found = s;
  for (uint32_t i = 0; i < s->nbody; i++) {
    const struct lstmt *x = s->body[i] ? who_touches(s->body[i], object, but) : NULL;
    if (x) found = found ? &several : x;
  }
  return found;
}

/* The one nest beside the product that touches its sums (it multiplies them by what a running maximum has moved) may
   wait until the end of the iteration, and the threads go on without them until then. */
static bool may_be_late(struct fn *f, const struct lstmt *s) {
  const struct lstmt *in = inmost(s), *body = f->simt->ring->loop->body[0];
  unsigned sums = inmost(f->simt->held)->acc->tensor;
  return s->kind == L_FOR && in && in->kind == L_STORE && in->acc->tensor == sums &&
         who_touches(body, sums, f->simt->held) == in;
}

static void emit_late(struct fn *f) {
  const struct lstmt *s = f->simt->held_late;
  f->simt->held_late = NULL;
  f->simt->held_now = true;
  emit_stmt(f, s);
  f->simt->held_now = false;
}

/* With the operand of the iteration before. */
static void make_held(struct fn *f, const struct ring *r, LLVMValueRef at) {
  use_buffer(f, r, before(f, r, at));
  f->simt->held_now = true;
  emit_stmt(f, f->simt->held);
  f->simt->held_now = f->simt->held_owed = false;
}

bool simt_ring_held(struct fn *f, const struct lstmt *s) {
  struct simt *x = f->simt;
  if (!x->held || x->held_now) return false;
  if (s == x->held) return true;
  if (x->behind.n && may_be_late(f, s)) {
    x->held_late = s;
    return true;
  }
  bool inner = s->kind == L_BLOCK || s->kind == L_ALLOC;
  if (!x->held_owed || !x->npending || inner || only_sums(f, s, false)) return false;
  LLVMValueRef at = load_cell(f, x->ring->at);
  struct simt_group first = simt_wgmma_commit(f);
  make_held(f, x->ring, at);
  simt_wgmma_behind(f, &first);
  use_buffer(f, x->ring, at);
  return false;
}

static bool runs_once(struct fn *f, const struct lstmt *s) {
  struct range x;
  bool sure = s->nlo == 1 && !s->once;
  find_range(f, s, &x);
  for (unsigned i = 0; i < x.nhi && sure; i++)
    sure = provably_ge0(f, poly_addc(f->m->arena, poly_sub(f->m->arena, x.his[i], x.lo), -1));
  return sure;
}

/* The first iteration stands alone: none before it has left anything. */
static void held_loop(struct fn *f, struct ring *r, const struct lstmt *s) {
  struct simt *x = f->simt;
  struct lstmt *rest = arena_dup(f->m->arena, s, sizeof *s);
  poly_t lo = fn_subst(f, s->lo[0]), next = poly_addc(f->m->arena, s->lo[0], s->step);
  rest->lo = arena_dup(f->m->arena, &next, sizeof next);
  x->held_cell = NULL;
  x->held_owed = false, x->held_first = true;
  f->env[s->sym] = lo;
  emit_stmt(f, s->body[0]);
  f->env[s->sym] = NULL;
  x->held_first = false;
  r->loop = rest;
  emit_for(f, rest);
  LLVMValueRef at = load_cell(f, r->at);
  make_held(f, r, at);
  simt_wgmma_wait(f);
  release(f, r, before(f, r, at), NULL);
  first_buffers(f, r);
  x->held = NULL;
}

bool simt_ring_loop(struct fn *f, const struct lstmt *s) {
  const struct ring *outer = f->simt->ring, *found = f->simt->aligned ? ring_of(f, s) : NULL;
  unsigned n = f->f->nobject;
  if (!found || outer) return false;
  struct ring r = *found;
  uint8_t *traded = arena_dup(f->m->arena, f->simt->traded, n + 1u);
  r.first = ARENA_NEW(f->m->arena, struct val, n + 1);
  for (unsigned i = 0; i < n; i++) {
    r.first[i] = f->base[i];
    if (r.object[i]) f->simt->traded[i] = 0; /* the ring orders them */
  }
  r.late = runs_on(f, s->body[0]);
  f->simt->ring = &r;
  f->simt->claimed = true;
  f->simt->held = f->simt->producing || !runs_once(f, s) ? NULL : held_nest(f, s->body[0]);
  if (f->simt->held)
    held_loop(f, &r, s);
  else
    emit_for(f, s);
  f->simt->ring = outer;
  memcpy(f->simt->traded, traded, n);
  return true;
}

/* The objects lie in this buffer. */
static void use_buffer(struct fn *f, const struct ring *r, LLVMValueRef at) {
  for (unsigned i = 0; i < f->f->nobject; i++) {
    int64_t bytes;
    if (!r->object[i] || !object_stage_bytes(&f->f->object[i], &bytes)) continue;
    LLVMValueRef off = LLVMBuildMul(f->b, at, k32(f, (uint64_t)bytes), "");
    off = LLVMBuildZExt(f->b, off, f->m->i64, "");
    f->base[i] = mkval(LLVMBuildGEP2(f->b, f->m->i8, r->first[i].v, &off, 1, ""), cur_level(f), DT_u64, 0);
  }
}

static void first_buffers(struct fn *f, const struct ring *r) {
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (r->object[i]) f->base[i] = r->first[i];
}

/* One thread of each warp says that the warp is done, to each block of the cluster another one. cond: where that is so;
 * NULL: always. */
static void release(struct fn *f, const struct ring *r, LLVMValueRef at, LLVMValueRef cond) {
  LLVMBasicBlockRef one = new_block(f, "release"), on = new_block(f, "released");
  LLVMValueRef lane = LLVMBuildAnd(f->b, f->simt->tid.v, LLVMConstInt(f->m->i64, WARP - 1, 0), "");
  LLVMValueRef first = LLVMBuildICmp(f->b, LLVMIntULT, lane, LLVMConstInt(f->m->i64, together(f), 0), "");
  LLVMBuildCondBr(f->b, cond ? LLVMBuildAnd(f->b, first, cond, "") : first, one, on);
  LLVMPositionBuilderAtEnd(f->b, one);
  LLVMValueRef arg[2] = {empty(f, r, at), k32(f, 1)}, to[2] = {arg[0], LLVMBuildTrunc(f->b, lane, f->m->i32, "")};
  if (together(f) > 1) arg[0] = call(f, "llvm.nvvm.mapa.shared.cluster", to, 2);
  call(f,
       together(f) > 1 ? "llvm.nvvm.mbarrier.arrive.scope.cluster.space.cluster"
                       : "llvm.nvvm.mbarrier.arrive.scope.cta.space.cta",
       arg, 2);
  LLVMBuildBr(f->b, on);
  LLVMPositionBuilderAtEnd(f->b, on);
}

/* The buffer of the iteration before. */
static LLVMValueRef before(struct fn *f, const struct ring *r, LLVMValueRef at) {
  LLVMValueRef none = LLVMBuildICmp(f->b, LLVMIntEQ, at, k32(f, 0), "");
  return LLVMBuildSelect(f->b, none, k32(f, r->n - 1), LLVMBuildSub(f->b, at, k32(f, 1), ""), "");
}

static LLVMValueRef later_iteration(struct fn *f, const struct ring *r) {
  struct range x;
  find_range(f, r->loop, &x);
  struct val at = fn_poly(f, fn_subst(f, poly_sym(f->m->arena, r->loop->sym)));
  return vicmp(f, LLVMIntNE, at, fn_poly(f, x.lo)).v;
}

/* ---- the copier ---- */

/* The store of the copying nest that fills the object, where its inner loops begin. */
static const struct lstmt *open_nest(struct fn *f, const struct lstmt *s, unsigned object) {
  const struct lstmt *found = NULL;
  if (s->kind == L_STORE) return s->acc->tensor == object ? s : NULL;
  if (s->kind == L_FOR) f->env[s->sym] = poly_const(f->m->arena, 0);
  for (uint32_t i = 0; i < s->nbody && !found; i++) found = s->body[i] ? open_nest(f, s->body[i], object) : NULL;
  return found;
}

static void close_nest(struct fn *f, const struct lstmt *s) {
  if (s->kind == L_FOR) f->env[s->sym] = NULL;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) close_nest(f, s->body[i]);
}

/* Where the box begins: innermost dimension first. */
static unsigned find_corner(struct fn *f, const struct lstmt *first, unsigned object, LLVMValueRef *at) {
  const struct lstmt *st = open_nest(f, first, object);
  unsigned rank = st ? st->value->acc->rank : 0;
  for (unsigned d = 0; d < rank; d++) {
    struct val v = fn_poly(f, fn_subst(f, st->value->acc->ix[d].poly));
    at[rank - 1 - d] = LLVMBuildTrunc(f->b, v.v, f->m->i32, "");
  }
  close_nest(f, first);
  return rank;
}

static LLVMValueRef map_of(struct fn *f, unsigned object, const struct launch_map **map) {
  const struct launch_plan *p = f->simt->plan;
  for (unsigned i = 0; i < p->nmap; i++) {
    if (p->map[i].object != object) continue;
    *map = &p->map[i];
    return LLVMGetParam(f->fn, p->f->k->nparam + p->nbuffer + i);
  }
  emit_fail(f->m, "internal: a tile without a tensor map");
  return NULL;
}

/* All panels of the object, each a box; of what a cluster shares, this block's part of the rows, for all. */
static void ask_for(struct fn *f, const struct ring *r, unsigned object, LLVMValueRef barrier) {
  const struct object *o = &f->f->object[object];
  struct module *m = f->m;
  unsigned wide = (unsigned)(PANEL_BYTES / type_size((enum dtype)o->type)), n = 0;
  LLVMValueRef corner[LAUNCH_RANK] = {NULL}, arg[LAUNCH_RANK + 8];
  unsigned rank = find_corner(f, r->loop->body[0]->body[0], object, corner);
  const struct launch_map *map = NULL;
  LLVMValueRef param = map_of(f, object, &map);
  if (!param) return;
  unsigned share = together(f) > 1 ? map->share : 0, rows = share ? o->panel_rows / share : 0;
  LLVMValueRef own_rows = LLVMBuildMul(f->b, simt_sreg(f, "cluster.ctarank"), k32(f, rows), "");
  LLVMValueRef down = LLVMBuildZExt(f->b, LLVMBuildMul(f->b, own_rows, k32(f, PANEL_BYTES), ""), m->i64, "");
  if (share) corner[map->tall] = LLVMBuildAdd(f->b, corner[map->tall], own_rows, "");
  LLVMTypeRef cluster = LLVMPointerTypeInContext(m->ctx, CLUSTER_SPACE),
              own = LLVMPointerTypeInContext(m->ctx, SHARED_SPACE);
  char name[64];
  snprintf(name, sizeof name, "llvm.nvvm.cp.async.bulk.tensor.g2s.tile.%ud", rank);
  for (unsigned p = 0; p * wide < o->panel_cols && rank; p++, n = 0) {
    LLVMValueRef off = LLVMConstInt(m->i64, (uint64_t)p * o->panel_rows * PANEL_BYTES, 0);
    if (share) off = LLVMBuildAdd(f->b, off, down, "");
    LLVMValueRef to = LLVMBuildAddrSpaceCast(f->b, LLVMBuildGEP2(f->b, m->i8, f->base[object].v, &off, 1, ""), own, "");
    arg[n++] = LLVMBuildAddrSpaceCast(f->b, to, cluster, "");
    arg[n++] = barrier;
    arg[n++] = param;
    for (unsigned d = 0; d < rank; d++)
      arg[n++] = d ? corner[d] : LLVMBuildAdd(f->b, corner[0], k32(f, (uint64_t)p * wide), "");
    arg[n++] = LLVMConstInt(m->i16, (1u << share) - 1, 0);
    arg[n++] = LLVMConstInt(m->i64, 0, 0);
    arg[n++] = LLVMConstInt(m->i1, share > 0, 0);
    arg[n++] = LLVMConstInt(m->i1, 0, 0);
    arg[n++] = k32(f, 0);
    call(f, name, arg, n);
  }
}

static void produce_body(struct fn *f, const struct ring *r) {
  LLVMValueRef at = load_cell(f, r->at), round = load_cell(f, r->round);
  wait_for(f, empty(f, r, at), LLVMBuildXor(f->b, round, k32(f, 1), ""));
  LLVMValueRef barrier = full(f, r, at), arg[2] = {barrier, k32(f, (uint64_t)r->bytes)};
  call(f, "llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta", arg, 2);
  use_buffer(f, r, at);
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (r->object[i]) ask_for(f, r, i, barrier);
  first_buffers(f, r);
  advance(f, r, at, round);
}

bool simt_ring_body(struct fn *f, const struct lstmt *s) {
  const struct ring *r = f->simt->ring;
  if (!r || s != r->loop->body[0]) return false;
  if (f->simt->producing) {
    produce_body(f, r);
    return true;
  }
  LLVMValueRef at = load_cell(f, r->at), round = load_cell(f, r->round);
  wait_for(f, full(f, r, at), round);
  use_buffer(f, r, at);
  for (uint32_t i = 1; i < s->nbody; i++)
    if (s->body[i]) emit_stmt(f, s->body[i]);
  if (f->simt->held) {
    struct dot d;
    dot_mixed(inmost(f->simt->held)->value, &d);
    struct held h = {.acc = d.a->acc, .type = (enum dtype)d.b->type};
    held_save(f, &h);
    simt_wgmma_wait(f);
    if (f->simt->held_late) emit_late(f);
    simt_wgmma_land_behind(f);
    if (!f->simt->held_first) release(f, r, before(f, r, at), NULL);
    f->simt->held_owed = true;
  } else if (r->late && simt_wgmma_leave(f)) {
    release(f, r, before(f, r, at), later_iteration(f, r));
  } else {
    simt_wgmma_wait(f);
    release(f, r, at, NULL);
  }
  advance(f, r, at, round);
  first_buffers(f, r);
  return true;
}

void simt_ring_end(struct fn *f, const struct lstmt *s) {
  const struct ring *r = f->simt->ring;
  if (!r || s != r->loop || !f->simt->nflying) return;
  simt_wgmma_land(f);
  release(f, r, before(f, r, load_cell(f, r->at)), NULL);
}

bool simt_produce(struct fn *f, const struct lstmt *s) {
  if (!holds_ring(f, s)) return true;
  if (s->kind == L_ALLOC && f->f->object[s->id].scope == SCOPE_REG) {
    emit_stmt(f, s->body[0]);
    return true;
  }
  return false;
}
