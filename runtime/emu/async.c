/* Asynchronous work: the queue of what was issued, and cp.async. In the eager mode all of it happens when it is issued;
 * in the lazy mode as late as something waits for it, or when nothing else can go on, in random order. */
#include "runtime/emu/async.h"
#include "runtime/emu/memory.h"
#include <stdlib.h>
#include <string.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)

bool emu_job(struct warp *w, const struct job *j) {
  if (!emu_run(w)->how.lazy) return j->run(w, j);
  struct job *copy = malloc(sizeof *copy), **last = &w->jobs;
  if (!copy) abort();
  *copy = *j;
  copy->next = NULL;
  while (*last) last = &(*last)->next;
  *last = copy;
  return true;
}

static bool run_job(struct warp *w, struct job **at) {
  struct job *j = *at;
  *at = j->next;
  bool ok = j->run(w, j);
  free(j);
  emu_run(w)->events++;
  return ok;
}

/* May the job be done before others of its warp that were issued earlier? wgmma in order; arrivals after the copies of
 * their lane. */
static bool may_run(const struct warp *w, const struct job *j) {
  if (j->kind == JOB_WGMMA) return false;
  if (j->kind != JOB_ARRIVE) return true;
  for (const struct job *k = w->jobs; k != j; k = k->next) {
    if (k->kind == JOB_COPY && k->lane == j->lane) return false;
  }
  return true;
}

bool emu_jobs_finish(struct warp *w, enum job_kind kind, uint32_t lane, uint32_t limit) {
  for (struct job **at = &w->jobs; *at;) {
    struct job *j = *at;
    bool mine = (kind == JOB_WGMMA || j->lane == lane) &&
                (j->kind == kind || (kind == JOB_COPY && j->kind == JOB_ARRIVE)) && j->group < limit;
    if (!mine) {
      at = &j->next;
    } else if (!run_job(w, at)) {
      return false;
    }
  }
  return true;
}

bool emu_job_any(struct run *r, bool *ran) {
  uint32_t n = 0;
  struct warp *chosen = NULL;
  struct job **which = NULL;
  for (struct cluster *c = r->resident; c; c = c->next) {
    for (uint32_t k = 0; k < c->nblock * c->block[0].nwarp; k++) {
      struct warp *w = &c->block[k / c->block[0].nwarp].warp[k % c->block[0].nwarp];
      for (struct job **at = &w->jobs; *at; at = &(*at)->next) {
        if (!may_run(w, *at) || emu_random(r) % ++n) continue;
        chosen = w;
        which = at;
      }
    }
  }
  *ran = which != NULL;
  return !which || run_job(chosen, which);
}

bool emu_jobs_drain(struct warp *w) {
  while (w->jobs) {
    if (!run_job(w, &w->jobs)) return false;
  }
  return true;
}

/* ---- cp.async ---- */

/* a: destination, source, bytes, bytes of the source (the rest is zero) */
static bool copy_now(struct warp *w, const struct job *j) {
  uint8_t *to = (uint8_t *)(uintptr_t)j->a[0];
  const uint8_t *from = NULL;
  if (j->a[3]) from = emu_global_at(w, j->i, (int)j->lane, j->a[1], j->a[3], "cp.async of");
  if (j->a[3] && !from) return false;
  if (from) memcpy(to, from, j->a[3]);
  memset(to + j->a[3], 0, j->a[2] - j->a[3]);
  return true;
}

/* s: 1 destination, 2 source, 3 bytes of the source or predicate to ignore it; imm: bytes, offset of the source */
static enum step copy(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *dst = emu_slot(w, i->s[1]), *src = emu_slot(w, i->s[2]), *size = emu_slot(w, i->s[3]);
  uint32_t bytes = i->imm[0], agent = emu_agent(w, AG_COPY), used = 0;
  uint64_t from[WARP];
  LANES(l, mask) {
    uint64_t a = dst[l] + (uint64_t)i->off, n = bytes;
    uint32_t off;
    struct block *b = emu_shared_at(w, a, bytes, false, &off);
    from[l] = src[l] + (uint64_t)(int64_t)(int32_t)i->imm[1];
    if (i->m & 1) n = size[l];
    if (i->m & 2) n = (size[l] != 0) != ((i->m & 4) != 0) ? 0 : bytes;
    if (n > bytes)
      return emu_found(w, i, (int)l, EMU_ILLEGAL, "%llu bytes of a source where %u are copied", (unsigned long long)n,
                       bytes);
    if (!b)
      return emu_found(w, i, (int)l, EMU_OUT_OF_BOUNDS,
                       "cp.async of %u bytes to shared address 0x%llx; the block has %u bytes from 0x%x on", bytes,
                       (unsigned long long)a, w->b->shared_bytes, SHARED_BASE);
    if ((a | from[l]) % bytes)
      return emu_found(w, i, (int)l, EMU_MISALIGNED, "cp.async from 0x%llx to 0x%llx: no multiples of %u",
                       (unsigned long long)from[l], (unsigned long long)a, bytes);
    struct touch t = {.w = w, .i = i, .agent = agent, .tick = w->copy_group[l] + 1, .lane = l, .how = TOUCH_WRITE};
    emu_touch(b, off, bytes, &t);
    struct job j = {.i = i,
                    .kind = JOB_COPY,
                    .lane = l,
                    .group = w->copy_group[l],
                    .run = copy_now,
                    .a = {(uintptr_t)(b->shared + off), from[l], bytes, n}};
    if (!emu_job(w, &j)) return STEP_FAULT;
    used |= (uint32_t)(n != 0) << l;
  }
  w->wrote |= mask;
  if (used) emu_count_request(w, SP_GLOBAL, from, used, bytes, false);
  emu_run(w)->rep->counts.async_requests += used != 0;
  return STEP_NEXT;
}

static enum step commit(struct warp *w, const struct ins *i, uint32_t mask) {
  (void)i;
  LANES(l, mask) w->copy_group[l]++;
  return STEP_NEXT;
}

/* imm: groups that may stay; m: 1 all */
static enum step wait(struct warp *w, const struct ins *i, uint32_t mask) {
  uint32_t *known = &w->clocks.vc[emu_agent(w, AG_COPY)], least = ~0u;
  LANES(l, mask) {
    if (i->m) w->copy_group[l]++;
    uint32_t n = w->copy_group[l], limit = n > i->imm[0] ? n - i->imm[0] : 0;
    if (!emu_jobs_finish(w, JOB_COPY, l, limit)) return STEP_FAULT;
    if (limit < least) least = limit;
  }
  if (least > *known) *known = least;
  emu_run(w)->rep->counts.async_waits++;
  emu_run(w)->rep->counts.async_ahead += i->m ? 0 : i->imm[0];
  return STEP_NEXT;
}

/* a: mbarrier's address, lane's clocks are those of the time of issue */
static bool arrive_now(struct warp *w, const struct job *j) {
  struct block *b;
  struct mbar *m = emu_mbar_at(w, j->i, j->lane, j->a[0], false, &b);
  if (!m) return false;
  uint32_t agent = emu_agent(w, AG_COPY);
  if (m->gathered.vc[agent] < j->a[1]) m->gathered.vc[agent] = (uint32_t)j->a[1];
  return emu_mbar_arrive(w, j->i, j->lane, b, m) != STEP_FAULT;
}

static enum step copy_arrive(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *addr = emu_slot(w, i->s[1]);
  LANES(l, mask) {
    uint64_t a = addr[l] + (uint64_t)i->off;
    struct mbar *m = emu_mbar_at(w, i, l, a, false, NULL);
    if (!m) return STEP_FAULT;
    if (!i->m) m->pending++; /* without .noinc */
    uint32_t group = w->copy_group[l]++;
    struct job j = {.i = i, .kind = JOB_ARRIVE, .lane = l, .group = group, .run = arrive_now, .a = {a, group + 1}};
    if (!emu_job(w, &j)) return STEP_FAULT;
  }
  return STEP_NEXT;
}

static void decode_copy(struct dec *d) {
  struct ins *i = d->ins;
  bool cg = emu_take(d, "cg"), shared = emu_take(d, "shared") || emu_take(d, "shared::cta"),
       global = emu_take(d, "global");
  bool hint = emu_take(d, "L2::cache_hint");
  if (!cg && !emu_take(d, "ca")) FAIL(d, "'.ca' or '.cg' expected");
  if (!shared || !global) FAIL(d, "'.shared.global' expected");
  emu_take_prefix(d, "L2::");
  emu_need_ops(d, 3, 5);
  i->space = SP_GLOBAL;
  i->s[2] = emu_src_addr(d, &d->op[1]);
  if (i->off != (int32_t)i->off) FAIL(d, "too large an offset");
  i->imm[1] = (uint32_t)(int32_t)i->off;
  i->space = SP_SHARED;
  i->s[1] = emu_src_addr(d, &d->op[0]);
  uint64_t n = emu_src_imm(d, &d->op[2]);
  if (!(n == 16 || (!cg && (n == 4 || n == 8)))) FAIL(d, cg ? "16 bytes expected" : "4, 8 or 16 bytes expected");
  i->imm[0] = (uint32_t)n;
  if (d->nop - hint == 4) {
    const struct opnd *o = &d->op[3];
    bool neg = false, pred = o->kind == O_REG && o->pred;
    i->s[3] = pred ? emu_src_pred(d, o, &neg) : emu_src(d, o, TY_U32);
    i->m = pred ? 2u | (uint32_t)neg << 2 : 1u;
  }
  i->fn = copy;
}

void emu_dec_cp(struct dec *d) {
  struct ins *i = d->ins;
  bool reduce = emu_take(d, "reduce");
  if (!emu_take(d, "async")) FAIL(d, "'.async' expected");
  if (emu_take(d, "bulk")) {
    emu_dec_bulk(d, reduce);
  } else if (reduce) {
    FAIL(d, "'.bulk' expected");
  } else if (emu_take(d, "commit_group")) {
    emu_need_ops(d, 0, 0);
    i->fn = commit;
  } else if (emu_take(d, "wait_all")) {
    emu_need_ops(d, 0, 0);
    i->m = 1;
    i->fn = wait;
  } else if (emu_take(d, "wait_group")) {
    emu_need_ops(d, 1, 1);
    i->imm[0] = (uint32_t)emu_src_imm(d, &d->op[0]);
    i->fn = wait;
  } else if (emu_take(d, "mbarrier")) {
    bool arrive = emu_take(d, "arrive");
    i->m = emu_take(d, "noinc");
    i->space = emu_take(d, "shared") || emu_take(d, "shared::cta") ? SP_SHARED : SP_GENERIC;
    if (!arrive || emu_need_type(d) != TY_B64) FAIL(d, "'.arrive' and .b64 expected");
    emu_need_ops(d, 1, 1);
    i->s[1] = emu_src_addr(d, &d->op[0]);
    i->fn = copy_arrive;
  } else {
    decode_copy(d);
  }
}
