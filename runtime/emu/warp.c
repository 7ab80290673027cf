/* One warp: the stack of lanes that run together, branches and ends. */
#include "runtime/emu/machine.h"
#include <stdlib.h>

struct run *emu_run(const struct warp *w) {
  return w->b->c->r;
}

void emu_push(struct warp *w, uint32_t pc, uint32_t rpc, uint32_t mask) {
  if (w->depth == w->cap) {
    uint32_t cap = w->cap ? w->cap * 2 : 16;
    struct frame *s = realloc(w->stack, cap * sizeof *s);
    if (!s) abort();
    w->stack = s;
    w->cap = cap;
  }
  w->stack[w->depth++] = (struct frame){pc, rpc, mask};
}

void emu_exit_lanes(struct warp *w, uint32_t mask) {
  LANES(l, mask) {
    if (w->bulk_used[l] <= w->bulk_waited[l]) continue;
    emu_found(w, w->at, (int)l, EMU_UNFINISHED,
              "the thread ends while the bulk copy issued at line %u may still read shared memory: "
              "cp.async.bulk.wait_group.read is missing",
              w->bulk_line[l]);
  }
  w->live &= ~mask;
  for (uint32_t f = 0; f < w->depth; f++) w->stack[f].mask &= ~mask;
}

/* Where the lanes of the top entry go next. */
static void jump(struct warp *w, const struct ins *i, uint32_t pc, uint32_t taken) {
  struct frame *top = &w->stack[w->depth - 1];
  uint32_t stay = top->mask & ~taken, next = pc + 1;
  if (!stay) {
    top->pc = i->target;
  } else if (!taken || i->target == next) {
    top->pc = next;
  } else {
    emu_run(w)->rep->counts.divergent_branches++;
    /* nothing is left to do for the entry below when the lanes never meet again */
    uint32_t rpc = i->reconv == NO_PC ? top->rpc : i->reconv;
    top->pc = i->reconv;
    if (i->reconv == NO_PC) w->depth--;
    if (next != rpc) emu_push(w, next, rpc, stay);
    if (i->target != rpc) emu_push(w, i->target, rpc, taken);
  }
}

static enum step indexed(struct warp *w, const struct ins *i, uint32_t pc, uint32_t mask) {
  const uint64_t *index = emu_slot(w, i->s[0]);
  struct frame top = w->stack[w->depth - 1];
  uint32_t rest = mask;
  LANES(l, mask) {
    if (index[l] >= i->nv)
      return emu_found(w, i, (int)l, EMU_ILLEGAL, "branch index %llu of %u targets", (unsigned long long)index[l],
                       i->nv);
  }
  uint32_t rpc = i->reconv == NO_PC ? top.rpc : i->reconv;
  w->stack[w->depth - 1].pc = i->reconv;
  if (i->reconv == NO_PC) w->depth--;
  if (top.mask & ~mask && pc + 1 != rpc) emu_push(w, pc + 1, rpc, top.mask & ~mask);
  while (rest) {
    uint32_t target = i->v[index[__builtin_ctz(rest)]], same = 0;
    LANES(l, rest) same |= (uint32_t)(i->v[index[l]] == target) << l;
    rest &= ~same;
    if (target != rpc) emu_push(w, target, rpc, same);
  }
  return STEP_NEXT;
}

static uint32_t guarded(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *p = emu_slot(w, i->guard);
  uint32_t on = 0;
  for (uint32_t l = 0; l < WARP; l++) on |= (uint32_t)(p[l] != i->guard_not) << l;
  return mask & on;
}

static void clocks(struct warp *w) {
  const struct kernel *k = emu_run(w)->k;
  static const uint8_t ids[] = {SR_CLOCK, SR_CLOCK_HI, SR_CLOCK64, SR_GLOBALTIMER, SR_GLOBALTIMER_LO};
  uint64_t now = emu_run(w)->steps;
  for (int n = 0; n < 5; n++) {
    if (!k->sreg[ids[n]]) continue;
    for (int l = 0; l < WARP; l++)
      w->regs[k->sreg[ids[n]]][l] = n == 0 || n == 4 ? (uint32_t)now : n == 1 ? now >> 32 : now;
  }
}

static bool aligned_ok(struct warp *w, const struct ins *i, uint32_t mask) {
  if (!i->aligned || mask == w->live) return true;
  emu_found(w, i, __builtin_ctz(w->live & ~mask), EMU_DIVERGENT,
            "all threads of the warp must execute this instruction together: lanes %08x do, %08x are alive", mask,
            w->live);
  return false;
}

/* The top entry with lanes, after entries that are through were taken off; NULL: the warp has ended. */
static struct frame *top_of(struct warp *w) {
  while (w->depth) {
    struct frame *f = &w->stack[w->depth - 1];
    if (f->mask && f->pc != f->rpc) return f;
    w->depth--;
  }
  return NULL;
}

bool emu_warp_run(struct warp *w, uint32_t n, bool *progress) {
  struct run *r = emu_run(w);
  struct emu_counts *c = &r->rep->counts;
  struct frame *f;
  while (n-- && (f = top_of(w))) {
    uint32_t pc = f->pc;
    const struct ins *i = w->at = &r->k->code[pc];
    uint32_t mask = i->guarded ? guarded(w, i, f->mask) : f->mask;
    if (++r->steps > r->how.max_steps) {
      emu_found(w, i, -1, EMU_LIMIT, "more than %llu instructions", (unsigned long long)r->how.max_steps);
      return false;
    }
    if (!aligned_ok(w, i, mask)) return false;
    if (i->clock) clocks(w);
    if (i->kind == K_BRANCH) {
      jump(w, i, pc, mask);
    } else if (i->kind == K_EXIT) {
      f->pc++;
      emu_exit_lanes(w, mask);
    } else if (!mask) {
      f->pc++;
    } else {
      if (w->nflight) emu_wgmma_clash(w, i);
      enum step s = i->kind == K_BRX ? indexed(w, i, pc, mask) : i->fn(w, i, mask);
      if (s == STEP_FAULT) return false;
      if (s == STEP_WAIT) return true;
      if (i->kind == K_PLAIN) w->stack[w->depth - 1].pc++;
    }
    w->waits[0] = 0;
    *progress = true;
    c->instructions[i->cls]++;
    c->threads += (uint32_t)__builtin_popcount(mask);
  }
  return true;
}
