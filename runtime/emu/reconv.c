/* Where the lanes that a branch parts meet again: the immediate post-dominator of the branch's block. */
#include "runtime/emu/ptx.h"
#include <stdlib.h>
#include <string.h>

struct graph {
  const struct kernel *k;
  uint32_t *block; /* of each instruction */
  uint32_t *first, *last;
  uint32_t n; /* blocks; block n is the exit */
  uint32_t *succ_at, *succ;
  uint32_t *pred_at, *pred;
  uint32_t *order, *rank; /* order: blocks by decreasing post-order of the reversed graph */
  uint32_t norder;
  uint32_t *ipdom;
};

static void *room(struct emu_module *m, size_t n) {
  return emu_keep(m, (n + 1) * sizeof(uint32_t));
}

static void find_blocks(struct emu_module *m, struct graph *g) {
  const struct kernel *k = g->k;
  uint8_t *leader = emu_keep(m, k->ncode + 1);
  leader[0] = 1;
  for (uint32_t i = 0; i < k->ncode; i++) {
    const struct ins *c = &k->code[i];
    if (c->kind == K_PLAIN) continue;
    leader[i + 1] = 1;
    if (c->kind == K_BRANCH) leader[c->target] = 1;
    for (uint32_t t = 0; c->kind == K_BRX && t < c->nv; t++) leader[c->v[t]] = 1;
  }
  g->block = room(m, k->ncode);
  g->first = room(m, k->ncode);
  g->last = room(m, k->ncode);
  for (uint32_t i = 0; i < k->ncode; i++) {
    if (leader[i]) g->first[g->n++] = i;
    g->block[i] = g->n - 1;
    g->last[g->n - 1] = i;
  }
}

/* Calls each successor; n is the exit. */
static uint32_t successors(const struct graph *g, uint32_t b, uint32_t *out) {
  const struct ins *c = &g->k->code[g->last[b]];
  uint32_t n = 0, fall = b + 1 <= g->n ? b + 1 : g->n;
  if (c->kind == K_EXIT) {
    out[n++] = g->n;
    if (c->guarded) out[n++] = fall;
  } else if (c->kind == K_BRANCH) {
    out[n++] = g->block[c->target];
    if (c->guarded) out[n++] = fall;
  } else if (c->kind == K_BRX) {
    for (uint32_t t = 0; t < c->nv; t++) out[n++] = g->block[c->v[t]];
    if (c->guarded) out[n++] = fall;
  } else {
    out[n++] = fall;
  }
  return n;
}

static void find_edges(struct emu_module *m, struct graph *g) {
  size_t edges = 0;
  for (uint32_t b = 0; b < g->n; b++) edges += g->k->code[g->last[b]].kind == K_BRX ? g->k->code[g->last[b]].nv + 1 : 2;
  g->succ = room(m, edges);
  g->pred = room(m, edges);
  g->succ_at = room(m, g->n + 1);
  g->pred_at = room(m, g->n + 2);
  uint32_t at = 0;
  for (uint32_t b = 0; b < g->n; b++) {
    g->succ_at[b] = at;
    at += successors(g, b, g->succ + at);
  }
  g->succ_at[g->n] = at;
  for (uint32_t e = 0; e < at; e++) g->pred_at[g->succ[e] + 1]++;
  for (uint32_t b = 0; b <= g->n; b++) g->pred_at[b + 1] += g->pred_at[b];
  uint32_t *fill = room(m, g->n + 1);
  for (uint32_t b = 0; b < g->n; b++) {
    for (uint32_t e = g->succ_at[b]; e < g->succ_at[b + 1]; e++) {
      uint32_t s = g->succ[e];
      g->pred[g->pred_at[s] + fill[s]++] = b;
    }
  }
}

/* Depth first from the exit against the edges, without recursion. */
static void find_order(struct emu_module *m, struct graph *g) {
  uint32_t *stack = room(m, g->n + 1), *at = room(m, g->n + 1), sp = 0, done = 0;
  uint8_t *seen = emu_keep(m, g->n + 1);
  uint32_t *post = room(m, g->n + 1);
  stack[sp++] = g->n;
  seen[g->n] = 1;
  while (sp) {
    uint32_t b = stack[sp - 1];
    uint32_t e = g->pred_at[b] + at[b]++;
    if (e == g->pred_at[b + 1]) {
      post[done++] = b;
      sp--;
    } else if (!seen[g->pred[e]]) {
      seen[g->pred[e]] = 1;
      stack[sp++] = g->pred[e];
    }
  }
  g->order = room(m, g->n + 1);
  g->rank = room(m, g->n + 1);
  g->norder = done;
  for (uint32_t i = 0; i < done; i++) {
    g->order[i] = post[done - 1 - i];
    g->rank[post[done - 1 - i]] = i;
  }
}

static uint32_t meet(const struct graph *g, uint32_t a, uint32_t b) {
  while (a != b) {
    while (g->rank[a] > g->rank[b]) a = g->ipdom[a];
    while (g->rank[b] > g->rank[a]) b = g->ipdom[b];
  }
  return a;
}

/* Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm, on the reversed graph. Blocks that reach no exit stay at
 * NO_PC. */
static void find_ipdom(struct emu_module *m, struct graph *g) {
  g->ipdom = room(m, g->n + 1);
  memset(g->ipdom, 0xff, (g->n + 1) * sizeof *g->ipdom);
  g->ipdom[g->n] = g->n;
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t o = 1; o < g->norder; o++) {
      uint32_t b = g->order[o], new = NO_PC;
      for (uint32_t e = g->succ_at[b]; e < g->succ_at[b + 1]; e++) {
        uint32_t s = g->succ[e];
        if (g->ipdom[s] == NO_PC) continue;
        new = new == NO_PC ? s : meet(g, new, s);
      }
      if (new != g->ipdom[b]) changed = true;
      g->ipdom[b] = new;
    }
  }
}

void emu_reconverge(struct emu_module *m, struct kernel *k) {
  struct graph g = {.k = k};
  find_blocks(m, &g);
  find_edges(m, &g);
  find_order(m, &g);
  find_ipdom(m, &g);
  for (uint32_t i = 0; i < k->ncode; i++) {
    struct ins *c = &k->code[i];
    if (c->kind != K_BRANCH && c->kind != K_BRX) continue;
    uint32_t p = g.ipdom[g.block[i]];
    c->reconv = p == NO_PC || p == g.n ? NO_PC : g.first[p];
  }
}
