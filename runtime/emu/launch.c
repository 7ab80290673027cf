/* A launch: blocks are made, their warps take turns, ended ones make room. More blocks become resident when those that
 * are wait for something. */
#include "runtime/emu/sync.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 2048, PATIENCE = 8, RESIDENT = 32, SHARED_FILL = 0xa5 };

uint32_t emu_random(struct run *r) {
  r->rng ^= r->rng << 13;
  r->rng ^= r->rng >> 7;
  r->rng ^= r->rng << 17;
  return (uint32_t)(r->rng >> 32);
}

/* ---- special registers ---- */

static void all_lanes(struct warp *w, enum emu_sreg s, uint64_t v) {
  uint32_t slot = emu_run(w)->k->sreg[s];
  for (int l = 0; slot && l < WARP; l++) w->regs[slot][l] = v;
}

static void each_lane(struct warp *w) {
  const struct run *r = emu_run(w);
  const uint32_t *n = r->how.block, *slot = r->k->sreg;
  for (uint32_t l = 0; l < WARP; l++) {
    uint32_t t = w->id * WARP + l, bit = 1u << l;
    const struct {
      enum emu_sreg s;
      uint64_t v;
    } v[] = {{SR_TID_X, t % n[0]},
             {SR_TID_Y, t / n[0] % n[1]},
             {SR_TID_Z, t / n[0] / n[1]},
             {SR_LANEID, l},
             {SR_LANEMASK_EQ, bit},
             {SR_LANEMASK_LT, bit - 1},
             {SR_LANEMASK_LE, bit | (bit - 1)},
             {SR_LANEMASK_GT, ~(bit | (bit - 1))},
             {SR_LANEMASK_GE, ~(bit - 1)}};
    for (size_t k = 0; k < sizeof v / sizeof *v; k++) {
      if (slot[v[k].s]) w->regs[slot[v[k].s]][l] = v[k].v;
    }
  }
}

static void set_sregs(struct warp *w) {
  const struct block *b = w->b;
  const struct run *r = emu_run(w);
  for (int x = 0; x < 3; x++) {
    all_lanes(w, (enum emu_sreg)(SR_NTID_X + x), r->how.block[x]);
    all_lanes(w, (enum emu_sreg)(SR_CTAID_X + x), b->id[x]);
    all_lanes(w, (enum emu_sreg)(SR_NCTAID_X + x), r->how.grid[x]);
    all_lanes(w, (enum emu_sreg)(SR_CLUSTERID_X + x), b->id[x] / r->cluster[x]);
    all_lanes(w, (enum emu_sreg)(SR_NCLUSTERID_X + x), r->nclusters[x]);
    all_lanes(w, (enum emu_sreg)(SR_CLUSTER_CTAID_X + x), b->id[x] % r->cluster[x]);
    all_lanes(w, (enum emu_sreg)(SR_CLUSTER_NCTAID_X + x), r->cluster[x]);
  }
  all_lanes(w, SR_CLUSTER_CTARANK, b->rank);
  all_lanes(w, SR_CLUSTER_NCTARANK, b->c->nblock);
  all_lanes(w, SR_IS_EXPLICIT_CLUSTER, b->c->nblock > 1);
  all_lanes(w, SR_WARPID, w->id);
  all_lanes(w, SR_NWARPID, 64);
  all_lanes(w, SR_SMID, b->c->index % 132);
  all_lanes(w, SR_NSMID, 132);
  all_lanes(w, SR_DYNAMIC_SMEM, r->how.dynamic_shared);
  all_lanes(w, SR_TOTAL_SMEM, r->shared_bytes);
  all_lanes(w, SR_WARP_SZ, WARP);
  each_lane(w);
}

/* ---- blocks ---- */

static void *zeroed(size_t n, size_t size) {
  void *p = calloc(n ? n : 1, size);
  if (!p) abort();
  return p;
}

static void warp_start(struct warp *w, struct block *b, uint32_t id) {
  struct run *r = b->c->r;
  uint32_t left = r->threads - id * WARP;
  w->b = b;
  w->id = id;
  w->all = w->live = left >= WARP ? ~0u : (1u << left) - 1;
  w->regs = zeroed(r->k->nslot, sizeof *w->regs);
  w->konst = r->k->konst;
  w->local = zeroed(WARP, r->k->local_bytes ? r->k->local_bytes : 1);
  emu_clocks_new(&w->clocks, emu_agents(b->c));
  w->clocks.vc[emu_agent(w, AG_WARP)] = 1;
  w->regs_limit = r->regs;
  emu_push(w, 0, NO_PC, w->all);
  set_sregs(w);
}

static void barrier_start(struct barrier *x, uint32_t agents) {
  emu_clocks_new(&x->gathered, agents);
  emu_clocks_new(&x->done, agents);
  x->red[1] = 1; /* of .and */
}

static void barrier_end(struct barrier *x) {
  emu_clocks_free(&x->gathered);
  emu_clocks_free(&x->done);
}

static void block_start(struct block *b, struct cluster *c, uint32_t rank) {
  struct run *r = c->r;
  const uint32_t *n = r->cluster, *nc = r->nclusters;
  b->c = c;
  b->rank = rank;
  b->id[0] = (uint32_t)(c->index % nc[0]) * n[0] + rank % n[0];
  b->id[1] = (uint32_t)(c->index / nc[0] % nc[1]) * n[1] + rank / n[0] % n[1];
  b->id[2] = (uint32_t)(c->index / nc[0] / nc[1]) * n[2] + rank / n[0] / n[1];
  b->shared_bytes = r->shared_bytes;
  b->shared = zeroed(r->shared_bytes, 1);
  memset(b->shared, SHARED_FILL, r->shared_bytes);
  b->nwarp = b->running = (r->threads + WARP - 1) / WARP;
  b->warp = zeroed(b->nwarp, sizeof *b->warp);
  b->shadow = emu_shadow_new(r->shared_bytes);
}

static void cluster_start(struct run *r, uint64_t index) {
  struct cluster *c = zeroed(1, sizeof *c), **last = &r->resident;
  c->r = r;
  c->index = index;
  c->nblock = c->running = r->cluster[0] * r->cluster[1] * r->cluster[2];
  c->block = zeroed(c->nblock, sizeof *c->block);
  for (uint32_t i = 0; i < c->nblock; i++) block_start(&c->block[i], c, i);
  for (uint32_t i = 0; i < c->nblock; i++) {
    struct block *b = &c->block[i];
    for (uint32_t k = 0; k < b->nwarp; k++) warp_start(&b->warp[k], b, k);
    for (uint32_t k = 0; k < BARRIERS; k++) barrier_start(&b->bar[k], emu_agents(c));
  }
  barrier_start(&c->bar, emu_agents(c));
  while (*last) last = &(*last)->next;
  *last = c;
  r->nresident += c->nblock;
}

static void warp_end(struct warp *w) {
  for (struct job *j = w->jobs, *next; j; j = next) {
    next = j->next;
    free(j);
  }
  free(w->regs);
  free(w->flying);
  free(w->stack);
  free(w->local);
  emu_clocks_free(&w->clocks);
}

static void block_end(struct block *b) {
  for (uint32_t k = 0; k < b->nwarp; k++) warp_end(&b->warp[k]);
  for (uint32_t k = 0; k < BARRIERS; k++) barrier_end(&b->bar[k]);
  for (uint32_t k = 0; k < b->nmbar; k++) {
    emu_clocks_free(&b->mbar[k].gathered);
    emu_clocks_free(&b->mbar[k].done);
  }
  free(b->mbar);
  free(b->warp);
  free(b->shared);
  emu_shadow_free(b->shadow, b->shared_bytes);
}

static void cluster_end(struct cluster *c) {
  for (uint32_t i = 0; i < c->nblock; i++) block_end(&c->block[i]);
  barrier_end(&c->bar);
  c->r->nresident -= c->nblock;
  free(c->block);
  free(c);
}

/* ---- turns ---- */

/* Copies into the block's shared memory that nobody waited for. */
static void unobserved(struct block *b) {
  for (uint32_t k = 0; k < b->nmbar; k++) {
    const struct mbar *m = &b->mbar[k];
    if (m->observed >= m->tx_phase) continue;
    emu_found_at(
        b->c->r, b->id, 0, m->tx_line, EMU_UNFINISHED,
        "a bulk copy into shared memory is issued here, and no thread waits for its mbarrier before the block ends");
  }
}

static bool warp_turn(struct warp *w, bool *progress) {
  struct run *r = emu_run(w);
  if (!w->live) return true;
  if (!emu_warp_run(w, r->how.lazy ? 1 + emu_random(r) % 48 : SLICE, progress)) return false;
  if (w->live) return true;
  if (!emu_jobs_drain(w)) return false;
  if (!--w->b->running) {
    unobserved(w->b);
    w->b->c->running--;
  }
  *progress = true;
  return true;
}

static bool cluster_turn(struct cluster *c, bool *progress) {
  struct run *r = c->r;
  uint32_t nw = c->block[0].nwarp, n = nw * c->nblock, start = r->how.lazy ? emu_random(r) % n : 0;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t k = (start + i) % n;
    if (!warp_turn(&c->block[k / nw].warp[k % nw], progress)) return false;
  }
  return true;
}

/* Who waits for what, warps of a block with the same reason together. */
static void deadlock(struct run *r) {
  char text[400] = "nothing can go on: ";
  size_t at = strlen(text);
  const struct warp *first = NULL;
  for (struct cluster *c = r->resident; c; c = c->next) {
    for (uint32_t k = 0; k < c->nblock; k++) {
      struct block *b = &c->block[k];
      for (uint32_t n = 0; n < b->nwarp && at + 100 < sizeof text; n++) {
        const struct warp *w = &b->warp[n];
        uint32_t same = n;
        while (same + 1 < b->nwarp && w->live && b->warp[same + 1].live && b->warp[same + 1].at == w->at) same++;
        if (!w->live) continue;
        if (!first) first = w;
        at += (size_t)snprintf(text + at, sizeof text - at, "block (%u,%u,%u) warps %u-%u at line %u %s; ", b->id[0],
                               b->id[1], b->id[2], n, same, w->at->line, w->waits);
        if (at >= sizeof text) at = sizeof text;
        n = same;
      }
    }
  }
  if (first) emu_found_at(r, first->b->id, first->id * WARP, first->at->line, EMU_DEADLOCK, text);
}

static bool run_all(struct run *r) {
  uint64_t next = 0, total = (uint64_t)r->nclusters[0] * r->nclusters[1] * r->nclusters[2];
  uint32_t idle = 0, per = r->cluster[0] * r->cluster[1] * r->cluster[2];
  while (r->resident || next < total) {
    bool progress = false, room = next < total && r->nresident + per <= r->how.resident_blocks;
    if (!r->resident || (room && idle >= PATIENCE)) {
      cluster_start(r, next++);
      idle = 0;
    }
    idle++;
    for (struct cluster **c = &r->resident, *ended; *c;) {
      if (!cluster_turn(*c, &progress)) return false;
      if ((*c)->running) {
        c = &(*c)->next;
        continue;
      }
      ended = *c;
      *c = ended->next;
      cluster_end(ended);
      idle = 0;
    }
    if (!progress || (r->how.lazy && emu_random(r) % 16 == 0)) {
      bool ran = false;
      if (!emu_job_any(r, &ran)) return false;
      progress |= ran;
    }
    if (progress || idle == 1) continue;
    if (!room) {
      deadlock(r);
      return false;
    }
    idle = PATIENCE;
  }
  return true;
}

/* ---- the launch ---- */

__attribute__((format(printf, 2, 3))) static bool refuse(struct run *r, const char *fmt, ...) {
  char text[400];
  __builtin_va_list ap;
  __builtin_va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  __builtin_va_end(ap);
  emu_found_at(r, NULL, 0, 0, EMU_RESOURCES, text);
  return false;
}

static bool shape(struct run *r) {
  const struct kernel *k = r->k;
  const struct emu_launch *h = &r->how;
  static const uint32_t most[3] = {0x7fffffff, 65535, 65535};
  uint64_t threads = 1, ctas = 1, declared = 1;
  for (int x = 0; x < 3; x++) {
    if (!h->grid[x] || h->grid[x] > most[x] || !h->block[x] || h->block[x] > MAX_THREADS)
      return refuse(r, "grid and block sizes must be from 1 to their limits");
    threads *= h->block[x];
    r->cluster[x] = h->cluster[x] ? h->cluster[x] : k->cluster[x] ? k->cluster[x] : 1;
    if (k->cluster[x] && r->cluster[x] != k->cluster[x]) return refuse(r, "the kernel declares another cluster size");
    if (h->grid[x] % r->cluster[x]) return refuse(r, "the grid is no multiple of the cluster");
    r->nclusters[x] = h->grid[x] / r->cluster[x];
    ctas *= r->cluster[x];
    if (k->reqntid[0] && k->reqntid[x] != h->block[x])
      return refuse(r, "the kernel requires a block of %ux%ux%u", k->reqntid[0], k->reqntid[1], k->reqntid[2]);
    if (k->maxntid[0]) declared *= k->maxntid[x];
  }
  if (threads > MAX_THREADS) return refuse(r, "a block of %llu threads", (unsigned long long)threads);
  if (k->maxntid[0] && threads > declared)
    return refuse(r, "a block of %llu threads where the kernel declares at most %llu", (unsigned long long)threads,
                  (unsigned long long)declared);
  if (ctas > MAX_CLUSTER) return refuse(r, "a cluster of %llu blocks", (unsigned long long)ctas);
  if (ctas > 1 && r->m->sm < 90) return refuse(r, "clusters need sm_90");
  r->threads = (uint32_t)threads;
  return true;
}

static bool memory(struct run *r) {
  uint64_t bytes = (uint64_t)r->k->shared_dynamic + r->how.dynamic_shared;
  uint64_t most = r->m->sm >= 90 && r->m->sm < 120 ? SHARED_MOST : r->m->sm == 80 || r->m->sm == 87 ? 166912 : 101376;
  if (!r->how.dynamic_shared) bytes = r->k->shared_static;
  if (r->k->shared_static > SHARED_STATIC_MOST)
    return refuse(r, "%u bytes of static shared memory; the limit is %u", r->k->shared_static, SHARED_STATIC_MOST);
  if (bytes > most)
    return refuse(r, "%llu bytes of shared memory; the limit of sm_%u is %llu", (unsigned long long)bytes, r->m->sm,
                  (unsigned long long)most);
  r->shared_bytes = (uint32_t)bytes;
  return true;
}

bool emu_launch(struct emu_module *m, const char *kernel, const struct emu_launch *how, const void *const *params,
                int nparams, struct emu_report *rep) {
  struct run r = {.dev = m->dev, .m = m, .how = *how, .rep = rep, .rng = how->seed * 0x9e3779b97f4a7c15u + 0x1234567};
  *rep = (struct emu_report){0};
  if (!r.how.max_steps) r.how.max_steps = (uint64_t)1 << 32;
  if (!r.how.resident_blocks) r.how.resident_blocks = RESIDENT;
  for (r.k = m->kernels; r.k && strcmp(r.k->name, kernel);) r.k = r.k->next;
  if (!r.k) return refuse(&r, "no kernel '%.80s'", kernel);
  if (nparams != r.k->nparam) return refuse(&r, "%d parameters where the kernel has %d", nparams, r.k->nparam);
  if (!shape(&r) || !memory(&r)) return false;
  r.regs = r.k->maxnreg ? r.k->maxnreg : 65536 / ((r.threads + 31) / 32 * 32) / 8 * 8;
  if (r.regs > 255) r.regs = 255;
  r.param = zeroed(r.k->param_bytes, 1);
  for (int i = 0; i < nparams; i++) memcpy(r.param + r.k->param[i].off, params[i], r.k->param[i].size);
  bool ok = run_all(&r);
  while (r.resident) {
    struct cluster *c = r.resident;
    r.resident = c->next;
    cluster_end(c);
  }
  free(r.param);
  return ok && !rep->n && !rep->more;
}
