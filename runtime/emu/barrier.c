/* bar, barrier, barrier.cluster and fences. A barrier carries what its participants know to all who wait at it. */
#include "runtime/emu/sync.h"
#include <stdio.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
enum { OP_SYNC, OP_ARRIVE, OP_RED };
enum { RED_POPC, RED_AND, RED_OR };

static uint32_t threads_alive(const struct block *b) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < b->nwarp; i++) n += (uint32_t)__builtin_popcount(b->warp[i].live);
  return n;
}

/* Warps count as a whole where the instruction is .aligned. */
static uint32_t needed(const struct block *b, const struct barrier *x) {
  uint32_t n = 0;
  if (x->count) return x->count;
  if (!x->whole) return threads_alive(b);
  for (uint32_t i = 0; i < b->nwarp; i++) n += b->warp[i].live ? WARP : 0;
  return n;
}

static void complete(struct block *b, struct barrier *x) {
  struct cluster *c = b->c;
  emu_clocks_join(c, &x->done, &x->gathered);
  for (int k = 0; k < 3; k++) {
    x->result[k] = x->red[k];
    x->red[k] = k == RED_AND;
  }
  x->generation++;
  x->arrived = 0;
  x->count = 0;
  c->r->rep->counts.barriers++;
}

static bool uniform(struct warp *w, uint32_t slot, uint32_t mask, uint32_t *v) {
  const uint64_t *p = emu_slot(w, slot);
  *v = (uint32_t)p[__builtin_ctz(mask)];
  LANES(l, mask) {
    if ((uint32_t)p[l] != *v) return false;
  }
  return true;
}

/* The warp's first try: it arrives. */
static enum step arrive(struct warp *w, const struct ins *i, uint32_t mask, struct barrier *x, uint32_t id,
                        uint32_t count) {
  if (x->arrived && (x->count != count || x->whole != i->aligned))
    return emu_found(w, i, -1, EMU_BAD_BARRIER, "barrier %u: this thread says %u threads, others said %u", id, count,
                     x->count);
  x->count = count;
  x->whole = i->aligned;
  x->arrived += i->aligned ? WARP : (uint32_t)__builtin_popcount(mask);
  if (i->imm[0] == OP_RED) {
    const uint64_t *p = emu_slot(w, i->s[3]);
    LANES(l, mask) {
      bool v = (p[l] != 0) != ((i->m & 1) != 0);
      x->red[RED_POPC] += v;
      x->red[RED_AND] &= v;
      x->red[RED_OR] |= v;
    }
  }
  if (count && x->arrived > count)
    return emu_found(w, i, -1, EMU_BAD_BARRIER, "barrier %u: %u threads arrived where %u are expected", id, x->arrived,
                     count);
  emu_release(w, &x->gathered);
  w->parked = true;
  w->park_generation = x->generation;
  return STEP_NEXT;
}

static enum step bar(struct warp *w, const struct ins *i, uint32_t mask) {
  struct block *b = w->b;
  uint32_t id, count = 0;
  if (!uniform(w, i->s[1], mask, &id) || (i->s[2] && !uniform(w, i->s[2], mask, &count)))
    return emu_found(w, i, -1, EMU_BAD_BARRIER, "barrier number or count differs between the threads of a warp");
  if (id >= BARRIERS) return emu_found(w, i, -1, EMU_BAD_BARRIER, "barrier %u; there are %d", id, BARRIERS);
  if (i->s[2] && (!count || count % WARP || count > b->nwarp * WARP))
    return emu_found(w, i, -1, EMU_BAD_BARRIER,
                     "barrier %u: a count of %u threads in a block of %u; it must be a multiple of 32", id, count,
                     emu_run(w)->threads);
  struct barrier *x = &b->bar[id];
  if (!w->parked && arrive(w, i, mask, x, id, count) == STEP_FAULT) return STEP_FAULT;
  bool wait = i->imm[0] != OP_ARRIVE;
  if (x->generation == w->park_generation && x->arrived >= needed(b, x)) complete(b, x);
  if (wait && x->generation == w->park_generation) {
    snprintf(w->waits, sizeof w->waits, "waiting at barrier %u, where %u of %u threads have arrived", id, x->arrived,
             needed(b, x));
    return STEP_WAIT;
  }
  w->parked = false;
  if (!wait) return STEP_NEXT;
  emu_acquire(w, &x->done);
  if (mask == w->live) emu_warp_synced(w);
  if (i->imm[0] == OP_RED) {
    uint64_t *d = emu_slot(w, i->s[0]);
    LANES(l, mask) d[l] = x->result[i->imm[1]];
  }
  return STEP_NEXT;
}

static enum step warp_sync(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *m = emu_slot(w, i->s[1]);
  LANES(l, mask) {
    uint32_t want = (uint32_t)m[l] & w->live;
    if (!(m[l] >> l & 1))
      return emu_found(w, i, (int)l, EMU_ILLEGAL, "the mask %08x of bar.warp.sync does not have the lane itself",
                       (uint32_t)m[l]);
    if ((want & mask) != want)
      return emu_found(w, i, (int)l, EMU_DIVERGENT, "bar.warp.sync of lanes %08x, but only %08x are here",
                       (uint32_t)m[l], mask);
  }
  w->sequence++;
  if (mask == w->live) emu_warp_synced(w);
  return STEP_NEXT;
}

/* ---- the cluster's barrier ---- */

static bool cluster_complete(struct cluster *c) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < c->nblock; k++) n += threads_alive(&c->block[k]);
  if (c->bar.arrived < n) return false;
  emu_clocks_join(c, &c->bar.done, &c->bar.gathered);
  c->bar.generation++;
  c->bar.arrived = 0;
  c->r->rep->counts.barriers++;
  return true;
}

static enum step cluster_arrive(struct warp *w, const struct ins *i, uint32_t mask) {
  struct barrier *x = &w->b->c->bar;
  if (w->cluster_arrived & mask)
    return emu_found(w, i, __builtin_ctz(w->cluster_arrived & mask), EMU_BAD_BARRIER,
                     "a second barrier.cluster.arrive without a wait between");
  x->arrived += (uint32_t)__builtin_popcount(mask);
  w->cluster_generation = x->generation;
  w->cluster_arrived |= mask;
  if (i->m) { /* .relaxed: only what a fence has released before */
    uint32_t *own = &w->clocks.vc[emu_agent(w, AG_WARP)], now = *own;
    *own = w->fence_tick;
    emu_clocks_join(w->b->c, &x->gathered, &w->clocks);
    *own = now + 1;
  } else {
    emu_release(w, &x->gathered);
  }
  cluster_complete(w->b->c);
  return STEP_NEXT;
}

static enum step cluster_wait(struct warp *w, const struct ins *i, uint32_t mask) {
  struct barrier *x = &w->b->c->bar;
  if (mask & ~w->cluster_arrived)
    return emu_found(w, i, __builtin_ctz(mask & ~w->cluster_arrived), EMU_BAD_BARRIER,
                     "barrier.cluster.wait without an arrive before");
  if (x->generation == w->cluster_generation && !cluster_complete(w->b->c)) {
    snprintf(w->waits, sizeof w->waits, "waiting at the cluster's barrier, where %u threads have arrived", x->arrived);
    return STEP_WAIT;
  }
  w->cluster_arrived &= ~mask;
  emu_acquire(w, &x->done);
  if (mask == w->live) emu_warp_synced(w);
  return STEP_NEXT;
}

static void decode_cluster(struct dec *d) {
  static const char *const ops[] = {"arrive", "wait", NULL};
  struct ins *i = d->ins;
  int op = emu_take_one(d, ops);
  if (op < 0) FAIL(d, "'.arrive' or '.wait' expected");
  i->m = op == 0 && emu_take(d, "relaxed");
  (void)(emu_take(d, "release") || emu_take(d, "acquire"));
  i->aligned = emu_take(d, "aligned");
  emu_need_ops(d, 0, 0);
  i->fn = op ? cluster_wait : cluster_arrive;
}

static void decode_red(struct dec *d) {
  static const char *const ops[] = {"popc", "and", "or", NULL};
  struct ins *i = d->ins;
  int op = emu_take_one(d, ops);
  enum emu_type t = op < 0 ? TY_NONE : emu_need_type(d);
  bool neg;
  if (t != (op == RED_POPC ? TY_U32 : TY_PRED)) FAIL(d, "'.popc.u32', '.and.pred' or '.or.pred' expected");
  emu_need_ops(d, 3, 4);
  i->imm[1] = (uint32_t)op;
  i->s[0] = emu_dst(d, &d->op[0], t);
  i->s[1] = emu_src(d, &d->op[1], TY_U32);
  if (d->nop == 4) i->s[2] = emu_src(d, &d->op[2], TY_U32);
  i->s[3] = emu_src_pred(d, &d->op[d->nop - 1], &neg);
  i->m = neg;
}

void emu_dec_bar(struct dec *d) {
  static const char *const ops[] = {"sync", "arrive", "red", NULL};
  struct ins *i = d->ins;
  if (emu_take(d, "cluster")) {
    decode_cluster(d);
    return;
  }
  bool warp = emu_take(d, "warp");
  emu_take(d, "cta");
  int op = emu_take_one(d, ops);
  if (op < 0 || (warp && op)) FAIL(d, "'.sync', '.arrive' or '.red' expected");
  if (warp) {
    emu_need_ops(d, 1, 1);
    i->s[1] = emu_src(d, &d->op[0], TY_B32);
    i->fn = warp_sync;
    return;
  }
  i->aligned = emu_take(d, "aligned") || emu_slice_is(d->name, "bar");
  i->imm[0] = (uint32_t)op;
  i->fn = bar;
  if (op == OP_RED) {
    decode_red(d);
    return;
  }
  emu_need_ops(d, op == OP_ARRIVE ? 2 : 1, 2);
  i->s[1] = emu_src(d, &d->op[0], TY_U32);
  if (d->nop == 2) i->s[2] = emu_src(d, &d->op[1], TY_U32);
}

/* ---- fences ---- */

enum { FENCE_PROXY = 1, FENCE_MBAR = 2, FENCE_ORDER = 4 };

static enum step fence(struct warp *w, const struct ins *i, uint32_t mask) {
  struct clocks *k = &w->clocks;
  uint32_t self = emu_agent(w, AG_WARP), copy = emu_agent(w, AG_COPY);
  if (i->m & FENCE_PROXY) {
    w->wrote &= ~mask;
    if (!w->wrote) k->fenced[self] = k->vc[self], k->fenced[copy] = k->vc[copy];
  }
  if (i->m & (FENCE_PROXY | FENCE_MBAR)) emu_mbar_fenced(w);
  if (i->m & FENCE_ORDER) w->fence_tick = k->vc[self];
  k->vc[self]++;
  return STEP_NEXT;
}

void emu_dec_fence(struct dec *d) {
  static const char *const orders[] = {"sc", "acq_rel", "acquire", "release", "alias", NULL}, *const scopes[] = {
                                                                                                  "cta", "cluster",
                                                                                                  "gpu", "gl",
                                                                                                  "sys", NULL};
  struct ins *i = d->ins;
  i->fn = fence;
  if (emu_take(d, "mbarrier_init")) i->m |= FENCE_MBAR;
  bool proxy = emu_take(d, "proxy");
  if (proxy && (emu_take(d, "async") || emu_take(d, "async::generic"))) {
    bool global = emu_take(d, "global"), shared = emu_take(d, "shared::cta") || emu_take(d, "shared::cluster");
    if (!global || shared) i->m |= FENCE_PROXY;
  } else if (proxy) {
    (void)(emu_take(d, "tensormap::generic") || emu_take(d, "tensormap"));
  }
  emu_take_prefix(d, "sync_restrict");
  (void)emu_take_one(d, orders);
  (void)emu_take_one(d, scopes);
  if (!proxy) i->m |= FENCE_ORDER;
  emu_need_ops(d, 0, proxy ? 2 : 0);
}
