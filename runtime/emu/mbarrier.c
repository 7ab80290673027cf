/* mbarrier objects: arrivals and transaction bytes of a phase. The bytes in shared memory stay what they are; the state
 * is kept beside. */
#include "runtime/emu/memory.h"
#include "runtime/emu/sync.h"
#include <stdio.h>
#include <stdlib.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
enum { COUNT_MOST = (1 << 20) - 1 };

struct mbar *emu_mbar_find(struct block *b, uint32_t off) {
  for (uint32_t k = 0; k < b->nmbar; k++) {
    if (b->mbar[k].off == off && b->mbar[k].alive) return &b->mbar[k];
  }
  return NULL;
}

void emu_mbar_fenced(struct warp *w) {
  for (uint32_t k = 0; k < w->b->nmbar; k++) {
    struct mbar *m = &w->b->mbar[k];
    if (m->maker == w->id) m->fenced = true;
  }
}

/* The object at an address, and whether this warp may know that it was initialised. NULL: a finding was added. */
struct mbar *emu_mbar_at(struct warp *w, const struct ins *i, uint32_t lane, uint64_t addr, bool cluster,
                         struct block **where) {
  uint32_t off;
  if (i->space == SP_GENERIC && addr >> 48 == 1) addr &= ((uint64_t)1 << 48) - 1;
  struct block *b = emu_shared_at(w, addr, 8, cluster, &off);
  struct mbar *m = b ? emu_mbar_find(b, off) : NULL;
  if (!m) {
    emu_found(w, i, (int)lane, EMU_BAD_BARRIER, "no mbarrier was initialised at shared address 0x%llx",
              (unsigned long long)addr);
    return NULL;
  }
  if (m->made_agent != emu_agent(w, AG_WARP) && m->made_tick > w->clocks.vc[m->made_agent])
    emu_found(w, i, (int)lane, EMU_RACE,
              "uses the mbarrier at shared address 0x%llx, whose initialisation at line %u it is not synchronised with",
              (unsigned long long)addr, m->line);
  if (where) *where = b;
  return m;
}

/* The phase ends when nothing is missing. */
void emu_mbar_check(struct block *b, struct mbar *m) {
  if (m->pending || m->tx) return;
  m->phase++;
  m->pending = m->expected;
  emu_clocks_join(b->c, &m->done, &m->gathered);
  if (m->done.vc[m->agent] < m->phase) m->done.vc[m->agent] = m->phase;
  b->c->r->events++;
}

static enum step arrive_at(struct warp *w, const struct ins *i, uint32_t lane, uint32_t mask, struct block *b,
                           struct mbar *m, uint32_t n) {
  if (!n || n > m->pending)
    return emu_found(w, i, (int)lane, EMU_BAD_BARRIER,
                     "%u arrivals at an mbarrier (initialised at line %u) that expects %u more in this phase", n,
                     m->line, m->pending);
  m->pending -= n;
  emu_release_lanes(w, &m->gathered, mask);
  emu_mbar_check(b, m);
  return STEP_NEXT;
}

enum step emu_mbar_arrive(struct warp *w, const struct ins *i, uint32_t lane, struct block *b, struct mbar *m) {
  return arrive_at(w, i, lane, 1u << lane, b, m, 1);
}

static enum step init(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *addr = emu_slot(w, i->s[1]), *count = emu_slot(w, i->s[2]);
  struct block *b = w->b;
  LANES(l, mask) {
    uint64_t a = addr[l] + (uint64_t)i->off;
    uint8_t *p = emu_at(w, i, l, i->space, a, 8, 8, ACC_WRITE);
    if (!p) return STEP_FAULT;
    uint32_t off = (uint32_t)(p - b->shared), n = (uint32_t)count[l];
    if (p < b->shared || p >= b->shared + b->shared_bytes)
      return emu_found(w, i, (int)l, EMU_BAD_BARRIER, "an mbarrier of another block cannot be initialised");
    if (!n || n > COUNT_MOST) return emu_found(w, i, (int)l, EMU_BAD_BARRIER, "an mbarrier with a count of %u", n);
    struct mbar *m = emu_mbar_find(b, off);
    if (m)
      return emu_found(w, i, (int)l, EMU_BAD_BARRIER, "the mbarrier at offset %u was initialised at line %u already",
                       off, m->line);
    m = emu_mbar_new(b);
    m->off = off;
    m->alive = true;
    m->pending = m->expected = n;
    m->maker = w->id;
    m->made_agent = emu_agent(w, AG_WARP);
    m->made_tick = w->clocks.vc[m->made_agent];
    m->line = i->line;
  }
  return STEP_NEXT;
}

struct mbar *emu_mbar_new(struct block *b) {
  if (b->nmbar == b->cap_mbar) {
    b->cap_mbar = b->cap_mbar ? b->cap_mbar * 2 : 16;
    b->mbar = realloc(b->mbar, b->cap_mbar * sizeof *b->mbar);
    if (!b->mbar) abort();
  }
  struct mbar *m = &b->mbar[b->nmbar];
  *m = (struct mbar){.agent = emu_mbar_agent(b, b->nmbar)};
  emu_clocks_new(&m->gathered, emu_agents(b->c));
  emu_clocks_new(&m->done, emu_agents(b->c));
  b->nmbar++;
  return m;
}

static enum step inval(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *addr = emu_slot(w, i->s[1]);
  LANES(l, mask) {
    struct mbar *m = emu_mbar_at(w, i, l, addr[l] + (uint64_t)i->off, false, NULL);
    if (!m) return STEP_FAULT;
    m->alive = false;
  }
  return STEP_NEXT;
}

/* m bits: expect_tx, arrive, drop, complete_tx. s: 0 state, 1 address, 2 count or bytes */
enum { M_TX = 1, M_ARRIVE = 2, M_DROP = 4, M_COMPLETE = 8, M_COUNT = 16 };

static enum step arrive(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *addr = emu_slot(w, i->s[1]), *n = emu_slot(w, i->s[2]);
  uint64_t *state = emu_slot(w, i->s[0]);
  LANES(l, mask) {
    struct block *b;
    struct mbar *m = emu_mbar_at(w, i, l, addr[l] + (uint64_t)i->off, i->space != SP_SHARED, &b);
    if (!m) return STEP_FAULT;
    state[l] = (uint64_t)m->phase << 32 | m->pending;
    int64_t tx = i->m & M_TX ? (int64_t)(uint32_t)n[l] : i->m & M_COMPLETE ? -(int64_t)(uint32_t)n[l] : 0;
    m->tx += tx;
    if (m->tx > COUNT_MOST || m->tx < -COUNT_MOST)
      return emu_found(w, i, (int)l, EMU_BAD_BARRIER, "%lld transaction bytes on an mbarrier; the limit is %d",
                       (long long)m->tx, COUNT_MOST);
    if (i->m & M_DROP) m->expected--;
    if (i->m & M_ARRIVE) {
      if (arrive_at(w, i, l, mask, b, m, i->m & M_COUNT ? (uint32_t)n[l] : 1) == STEP_FAULT) return STEP_FAULT;
    } else {
      emu_mbar_check(b, m);
    }
  }
  w->clocks.vc[emu_agent(w, AG_WARP)]++;
  return STEP_NEXT;
}

/* test_wait and try_wait; s: 0 predicate, 1 address, 2 state or parity; m: 1 parity, 2 try */
static enum step wait(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *addr = emu_slot(w, i->s[1]), *what = emu_slot(w, i->s[2]);
  uint64_t *d = emu_slot(w, i->s[0]);
  uint32_t ready = 0;
  struct mbar *missing = NULL;
  LANES(l, mask) {
    struct mbar *m = emu_mbar_at(w, i, l, addr[l] + (uint64_t)i->off, false, NULL);
    if (!m) return STEP_FAULT;
    bool done = i->m & 1 ? (m->phase & 1) != (what[l] & 1) : m->phase > what[l] >> 32;
    ready |= (uint32_t)done << l;
    if (!done) missing = m;
  }
  /* it may give up at any time: once in a while it does */
  bool refuse = emu_run(w)->how.lazy && !w->refused && emu_random(emu_run(w)) % 2;
  if (missing) w->refused = refuse;
  if (missing && i->m & 2 && !refuse) {
    snprintf(w->waits, sizeof w->waits,
             "waiting for phase %u of the mbarrier at 0x%x (line %u): %u arrivals and %lld bytes are missing",
             missing->phase, missing->off + SHARED_BASE, missing->line, missing->pending, (long long)missing->tx);
    return STEP_WAIT;
  }
  LANES(l, mask) {
    struct mbar *m = emu_mbar_at(w, i, l, addr[l] + (uint64_t)i->off, false, NULL);
    d[l] = ready >> l & 1;
    if (!m || !d[l]) continue;
    emu_acquire(w, &m->done);
    m->observed = m->phase;
    w->refused = false;
  }
  return STEP_NEXT;
}

static enum step pending_count(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *s = emu_slot(w, i->s[1]);
  LANES(l, mask) d[l] = (uint32_t)s[l];
  return STEP_NEXT;
}

/* mapa: the address of a shared variable in another block of the cluster; getctarank: the block of such an address */
static enum step mapa(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]), *r = emu_slot(w, i->s[2]);
  LANES(l, mask) {
    uint64_t win = i->space == SP_GENERIC ? WIN_SHARED : 0, at = (a[l] - win) & ((1u << CLUSTER_STEP) - 1);
    if (r[l] >= w->b->c->nblock)
      return emu_found(w, i, (int)l, EMU_ILLEGAL, "block %llu of a cluster of %u", (unsigned long long)r[l],
                       w->b->c->nblock);
    d[l] = win + at + ((r[l] + 1) << CLUSTER_STEP);
  }
  return STEP_NEXT;
}
static enum step ctarank(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *a = emu_slot(w, i->s[1]);
  LANES(l, mask) {
    uint64_t r = (a[l] & (WIN_SIZE - 1)) >> CLUSTER_STEP;
    d[l] = r ? r - 1 : w->b->rank;
  }
  return STEP_NEXT;
}

void emu_dec_mapa(struct dec *d) {
  struct ins *i = d->ins;
  i->space = emu_take(d, "shared::cluster") ? SP_CLUSTER : SP_GENERIC;
  enum emu_type t = emu_need_type(d);
  bool rank = emu_slice_is(d->name, "getctarank");
  if (t != TY_U32 && t != TY_U64) FAIL(d, ".u32 or .u64 expected");
  emu_need_ops(d, rank ? 2 : 3, rank ? 2 : 3);
  i->s[0] = emu_dst(d, &d->op[0], rank ? TY_U32 : t);
  i->s[1] = d->op[1].kind == O_VAR ? d->op[1].slot : emu_src(d, &d->op[1], t);
  if (!rank) i->s[2] = emu_src(d, &d->op[2], TY_U32);
  i->fn = rank ? ctarank : mapa;
}

static void decode_arrive(struct dec *d, uint32_t m, uint32_t ndst) {
  struct ins *i = d->ins;
  if (i->m & M_ARRIVE && emu_take(d, "expect_tx")) m |= M_TX;
  emu_take(d, "noComplete");
  i->m |= m;
  uint32_t extra = i->m & (M_TX | M_COMPLETE) ? 1 : 0;
  if (d->op[0].kind == O_ADDR) ndst = 0; /* remote arrivals have no state */
  emu_need_ops(d, ndst + 1 + extra, ndst + 2);
  if (ndst) i->s[0] = emu_dst(d, &d->op[0], TY_B64);
  i->s[1] = emu_src_addr(d, &d->op[ndst]);
  if (d->nop > ndst + 1) {
    i->s[2] = emu_src(d, &d->op[ndst + 1], TY_B32);
    if (!extra) i->m |= M_COUNT;
  }
  i->fn = arrive;
}

static void decode_wait(struct dec *d, bool try) {
  struct ins *i = d->ins;
  bool parity = emu_take(d, "parity");
  i->m = parity | (uint32_t)try << 1;
  emu_need_ops(d, 3, try ? 4 : 3);
  i->s[0] = emu_dst(d, &d->op[0], TY_PRED);
  i->s[1] = emu_src_addr(d, &d->op[1]);
  i->s[2] = emu_src(d, &d->op[2], parity ? TY_B32 : TY_B64);
  i->fn = wait;
}

void emu_dec_mbarrier(struct dec *d) {
  static const char *const ops[] = {"init",        "inval",     "arrive",   "arrive_drop",   "expect_tx",
                                    "complete_tx", "test_wait", "try_wait", "pending_count", NULL};
  static const char *const orders[] = {"release", "acquire", "relaxed", NULL}, *const scopes[] = {"cta", "cluster",
                                                                                                  NULL};
  static const char *const spaces[] = {"shared", "shared::cta", "shared::cluster", NULL};
  static const uint8_t codes[] = {SP_SHARED, SP_SHARED, SP_CLUSTER};
  struct ins *i = d->ins;
  int op = emu_take_one(d, ops);
  (void)emu_take_one(d, orders);
  (void)emu_take_one(d, scopes);
  int space = emu_take_one(d, spaces);
  if (op < 0 || emu_need_type(d) != TY_B64) FAIL(d, "an operation and .b64 expected");
  i->space = space < 0 ? SP_GENERIC : codes[space];
  switch (op) {
  case 0:
    emu_need_ops(d, 2, 2);
    i->s[1] = emu_src_addr(d, &d->op[0]);
    i->s[2] = emu_src(d, &d->op[1], TY_U32);
    i->fn = init;
    break;
  case 1:
    emu_need_ops(d, 1, 1);
    i->s[1] = emu_src_addr(d, &d->op[0]);
    i->fn = inval;
    break;
  case 2:
  case 3:
    i->m = M_ARRIVE | (op == 3 ? M_DROP : 0);
    decode_arrive(d, 0, 1);
    break;
  case 4:
  case 5:
    decode_arrive(d, op == 4 ? M_TX : M_COMPLETE, 0);
    break;
  case 6:
  case 7:
    decode_wait(d, op == 7);
    break;
  default:
    emu_need_ops(d, 2, 2);
    i->s[0] = emu_dst(d, &d->op[0], TY_U32);
    i->s[1] = emu_src(d, &d->op[1], TY_B64);
    i->fn = pending_count;
  }
}
