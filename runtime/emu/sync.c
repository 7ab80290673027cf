/* Vectors of clocks. */
#include "runtime/emu/sync.h"
#include <stdlib.h>
#include <string.h>

uint32_t emu_agents(const struct cluster *c) {
  return c->nblock * (c->block[0].nwarp * AG_KINDS + MBAR_AGENTS);
}

uint32_t emu_agent(const struct warp *w, enum agent_kind k) {
  const struct cluster *c = w->b->c;
  uint32_t warps = c->nblock * c->block[0].nwarp;
  return k * warps + w->b->rank * w->b->nwarp + w->id;
}

uint32_t emu_mbar_agent(const struct block *b, uint32_t index) {
  const struct cluster *c = b->c;
  return c->nblock * c->block[0].nwarp * AG_KINDS + b->rank * MBAR_AGENTS + index % MBAR_AGENTS;
}

void emu_clocks_new(struct clocks *k, uint32_t n) {
  k->vc = calloc(n, sizeof *k->vc);
  k->fenced = calloc(n, sizeof *k->fenced);
  if (!k->vc || !k->fenced) abort();
}

void emu_clocks_free(struct clocks *k) {
  free(k->vc);
  free(k->fenced);
}

void emu_clocks_join(const struct cluster *c, struct clocks *to, const struct clocks *from) {
  uint32_t n = emu_agents(c);
  for (uint32_t i = 0; i < n; i++) {
    if (to->vc[i] < from->vc[i]) to->vc[i] = from->vc[i];
    if (to->fenced[i] < from->fenced[i]) to->fenced[i] = from->fenced[i];
  }
}

void emu_release(struct warp *w, struct clocks *k) {
  emu_clocks_join(w->b->c, k, &w->clocks);
  w->clocks.vc[emu_agent(w, AG_WARP)]++;
}

void emu_release_lanes(struct warp *w, struct clocks *k, uint32_t mask) {
  uint32_t *own = &w->clocks.vc[emu_agent(w, AG_WARP)], now = *own;
  if (w->touched & ~mask) *own = w->synced;
  emu_clocks_join(w->b->c, k, &w->clocks);
  *own = now;
}

void emu_acquire(struct warp *w, const struct clocks *k) {
  emu_clocks_join(w->b->c, &w->clocks, k);
  w->sequence++;
}

void emu_warp_synced(struct warp *w) {
  w->sequence++;
  w->touched = 0;
  w->synced = w->clocks.vc[emu_agent(w, AG_WARP)]++;
  w->copy_synced = w->clocks.vc[emu_agent(w, AG_COPY)];
}
