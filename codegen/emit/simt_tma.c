/* Operands brought by tensor maps (sm_90a): a warp group behind those that run the LOOP has one thread that walks the
   same loops and, for each iteration of a loop that stages such operands, asks for their boxes; the others wait for
   them and do the rest. Buffers go round: of each, one mbarrier counts the bytes that are to come, one the warps that
   are done with it; operands that are read at different places of the body have a pair each. Both sides count buffers
   and rounds for themselves. Arrays that are not aligned have no maps: the workers then copy themselves (simt_stage.c),
   and the warp group ends at once. Products that run on into the next iteration: simt_flight.c. */
#include "codegen/emit/ring.h"
#include <stdio.h>
#include <string.h>

enum { SHARED_SPACE = 3, CLUSTER_SPACE = 7, BARRIER_BYTES = 8, WARP = 32, FEW = 40, MANY_TWO = 232, MANY_THREE = 160 };

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

static LLVMValueRef full(struct fn *f, const struct ring *r, unsigned slot, LLVMValueRef at) {
  return barrier_at(f, r, slot ? LLVMBuildAdd(f->b, at, k32(f, 2ul * slot * r->n), "") : at);
}

static LLVMValueRef empty(struct fn *f, const struct ring *r, unsigned slot, LLVMValueRef at) {
  return barrier_at(f, r, LLVMBuildAdd(f->b, at, k32(f, (2ul * slot + 1) * r->n), ""));
}

LLVMValueRef ring_cell(struct fn *f, LLVMValueRef cell) {
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
    ring_find_slots(f, r);
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
    for (unsigned i = 0; i < 2 * r->n * r->nslot; i++) {
      LLVMValueRef arg[2] = {barrier_at(f, r, k32(f, i)),
                             k32(f, i / r->n % 2 == 0 ? 1 : f->simt->threads / WARP * together(f))};
      call(f, "llvm.nvvm.mbarrier.init.shared", arg, 2);
    }
  call(f, "llvm.nvvm.fence.mbarrier_init.release.cluster", NULL, 0);
}

static void prepare(struct fn *f) {
  LLVMTypeRef shared = LLVMPointerTypeInContext(f->m->ctx, SHARED_SPACE);
  for (struct ring *r = f->simt->rings; r; r = r->next) {
    LLVMValueRef p = simt_shared(f, "ring", 2 * r->n * r->nslot * BARRIER_BYTES, 64);
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
  r.late = ring_runs_on(f, s->body[0]);
  f->simt->ring = &r;
  f->simt->ring_read = false;
  f->simt->claimed = true;
  f->simt->held = f->simt->producing ? NULL : ring_held_nest(f, s);
  if (f->simt->held)
    ring_held_loop(f, &r, s);
  else
    emit_for(f, s);
  f->simt->ring = outer;
  memcpy(f->simt->traded, traded, n);
  return true;
}

/* The objects lie in this buffer. */
void ring_use(struct fn *f, const struct ring *r, LLVMValueRef at) {
  for (unsigned i = 0; i < f->f->nobject; i++) {
    int64_t bytes;
    if (!r->object[i] || !object_stage_bytes(&f->f->object[i], &bytes)) continue;
    LLVMValueRef off = LLVMBuildMul(f->b, at, k32(f, (uint64_t)bytes), "");
    off = LLVMBuildZExt(f->b, off, f->m->i64, "");
    f->base[i] = mkval(LLVMBuildGEP2(f->b, f->m->i8, r->first[i].v, &off, 1, ""), cur_level(f), DT_u64, 0);
  }
}

void ring_first(struct fn *f, const struct ring *r) {
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (r->object[i]) f->base[i] = r->first[i];
}

/* One thread of each warp says that the warp is done, to each block of the cluster another one: after all lanes, where
 * they read for themselves (what matrix instructions read was waited for by all of them together). cond: where that is
 * so; NULL: always. */
void ring_release(struct fn *f, const struct ring *r, unsigned slots, LLVMValueRef at, LLVMValueRef cond) {
  bool cluster = together(f) > 1;
  LLVMValueRef all = k32(f, UINT32_MAX);
  if (!slots) return;
  if (f->simt->ring_read) call(f, "llvm.nvvm.bar.warp.sync", &all, 1);
  LLVMBasicBlockRef one = new_block(f, "release"), on = new_block(f, "released");
  LLVMValueRef lane = LLVMBuildAnd(f->b, f->simt->tid.v, LLVMConstInt(f->m->i64, WARP - 1, 0), "");
  LLVMValueRef first = LLVMBuildICmp(f->b, LLVMIntULT, lane, LLVMConstInt(f->m->i64, together(f), 0), "");
  LLVMBuildCondBr(f->b, cond ? LLVMBuildAnd(f->b, first, cond, "") : first, one, on);
  LLVMPositionBuilderAtEnd(f->b, one);
  for (unsigned i = 0; i < r->nslot; i++) {
    if (!(slots >> i & 1)) continue;
    LLVMValueRef arg[2] = {empty(f, r, i, at), k32(f, 1)}, to[2] = {arg[0], LLVMBuildTrunc(f->b, lane, f->m->i32, "")};
    if (cluster) arg[0] = call(f, "llvm.nvvm.mapa.shared.cluster", to, 2);
    call(f,
         cluster ? "llvm.nvvm.mbarrier.arrive.scope.cluster.space.cluster"
                 : "llvm.nvvm.mbarrier.arrive.scope.cta.space.cta",
         arg, 2);
  }
  LLVMBuildBr(f->b, on);
  LLVMPositionBuilderAtEnd(f->b, on);
}

/* The buffer of the iteration before. */
LLVMValueRef ring_before(struct fn *f, const struct ring *r, LLVMValueRef at) {
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
  LLVMValueRef at = ring_cell(f, r->at), round = ring_cell(f, r->round);
  ring_use(f, r, at);
  for (unsigned slot = 0; slot < r->nslot; slot++) {
    wait_for(f, empty(f, r, slot, at), LLVMBuildXor(f->b, round, k32(f, 1), ""));
    LLVMValueRef barrier = full(f, r, slot, at), arg[2] = {barrier, k32(f, (uint64_t)r->bytes[slot])};
    call(f, "llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta", arg, 2);
    for (unsigned i = 0; i < f->f->nobject; i++)
      if (r->object[i] && r->slot[i] == slot) ask_for(f, r, i, barrier);
  }
  ring_first(f, r);
  advance(f, r, at, round);
}

/* ---- the workers ---- */

static void wait_full(struct fn *f, const struct ring *r, unsigned slots, LLVMValueRef at, LLVMValueRef round) {
  for (unsigned i = 0; i < r->nslot; i++)
    if (slots >> i & 1) wait_for(f, full(f, r, i, at), round);
}

void simt_ring_reach(struct fn *f, const struct lstmt *s) {
  const struct ring *r = f->simt->ring;
  if (!r || f->simt->producing || s->kind == L_ALLOC) return;
  unsigned slots = ring_slots_read(r, s);
  LLVMValueRef at = ring_cell(f, r->at), round = ring_cell(f, r->round);
  if (f->simt->ring_past) {
    LLVMValueRef over = LLVMBuildICmp(f->b, LLVMIntEQ, at, k32(f, 0), "");
    round = LLVMBuildXor(f->b, round, LLVMBuildZExt(f->b, over, f->m->i32, ""), "");
    wait_full(f, r, slots, ring_before(f, r, at), round);
    return;
  }
  wait_full(f, r, slots & ~f->simt->ring_waited, at, round);
  f->simt->ring_waited |= slots;
}

bool simt_ring_body(struct fn *f, const struct lstmt *s) {
  const struct ring *r = f->simt->ring;
  if (!r || s != r->loop->body[0]) return false;
  if (f->simt->producing) {
    produce_body(f, r);
    return true;
  }
  LLVMValueRef at = ring_cell(f, r->at), round = ring_cell(f, r->round);
  unsigned late = f->simt->held ? ring_slots_read(r, f->simt->held) : 0;
  ring_use(f, r, at);
  f->simt->ring_waited = 0;
  for (uint32_t i = 1; i < s->nbody; i++)
    if (s->body[i]) emit_stmt(f, s->body[i]);
  wait_full(f, r, ring_all(r) & ~f->simt->ring_waited & ~late, at, round);
  if (f->simt->held) {
    ring_held_leave(f, r, late, at);
  } else if (r->late && simt_wgmma_leave(f)) {
    ring_release(f, r, ring_all(r), ring_before(f, r, at), later_iteration(f, r));
  } else {
    simt_wgmma_wait(f);
    ring_release(f, r, ring_all(r), at, NULL);
  }
  advance(f, r, at, round);
  ring_first(f, r);
  return true;
}

void simt_ring_touch(struct fn *f, unsigned object) {
  if (f->simt->ring) f->simt->ring_read |= f->simt->ring->object[object];
}

void simt_ring_end(struct fn *f, const struct lstmt *s) {
  const struct ring *r = f->simt->ring;
  if (!r || s != r->loop || !f->simt->nflying) return;
  simt_wgmma_land(f);
  ring_release(f, r, ring_all(r), ring_before(f, r, ring_cell(f, r->at)), NULL);
}

bool simt_produce(struct fn *f, const struct lstmt *s) {
  if (!holds_ring(f, s)) return true;
  if (s->kind == L_ALLOC && f->f->object[s->id].scope == SCOPE_REG) {
    emit_stmt(f, s->body[0]);
    return true;
  }
  return false;
}
