/* Who touched a byte of shared memory last. Kept for 16 bytes at once as long as they are only touched together. */
#include "runtime/emu/sync.h"
#include <stdlib.h>
#include <string.h>

enum { GRAIN = 16, NOBODY = 0 };

struct mark {
  uint32_t tick; /* NOBODY: never */
  uint16_t agent;
  uint8_t lane;
  bool atomic, generic;
  uint32_t sequence; /* of the warp: bar.warp.sync and the like since it began */
  uint32_t line;
};

struct cell {
  bool written;
  struct mark write, read; /* read: the last reader, or the one that is not ordered before others */
  uint32_t *readers;       /* last tick of every agent, where several unordered ones read */
};

struct granule {
  struct cell whole;
  struct cell *part; /* GRAIN of them, when bytes differ */
};

struct granule *emu_shadow_new(uint32_t bytes) {
  struct granule *g = calloc((bytes + GRAIN - 1) / GRAIN + 1, sizeof *g);
  if (!g) abort();
  return g;
}

static void drop_parts(struct granule *g) {
  for (int k = 0; g->part && k < GRAIN; k++) free(g->part[k].readers);
  free(g->part);
  g->part = NULL;
}

void emu_shadow_free(struct granule *g, uint32_t bytes) {
  for (uint32_t i = 0; g && i < (bytes + GRAIN - 1) / GRAIN; i++) {
    free(g[i].whole.readers);
    drop_parts(&g[i]);
  }
  free(g);
}

static uint32_t *copied(const uint32_t *v, uint32_t n) {
  uint32_t *c = v ? malloc(n * sizeof *c) : NULL;
  if (v && !c) abort();
  if (v) memcpy(c, v, n * sizeof *c);
  return c;
}

static void split(struct granule *g, uint32_t agents) {
  g->part = malloc(GRAIN * sizeof *g->part);
  if (!g->part) abort();
  for (int k = 0; k < GRAIN; k++) {
    g->part[k] = g->whole;
    g->part[k].readers = copied(g->whole.readers, agents);
  }
  free(g->whole.readers);
  g->whole.readers = NULL;
}

/* Is the mark's access not ordered before this one? */
static bool unordered(const struct mark *m, const struct touch *t) {
  if (m->tick == NOBODY) return false;
  if (m->tick > t->w->clocks.vc[m->agent]) return m->agent != t->agent;
  if (m->agent == emu_agent(t->w, AG_COPY) && m->tick > t->w->copy_synced) return m->lane != t->lane;
  /* the same warp: lanes are ordered by bar.warp.sync and the like only */
  return m->agent == emu_agent(t->w, AG_WARP) && t->agent == m->agent && m->sequence == t->w->sequence &&
         m->lane != t->lane;
}

static void race(const struct touch *t, uint32_t off, const struct mark *m, const char *before) {
  const char *now = t->how == TOUCH_READ ? "reads" : "writes";
  uint32_t warps = t->w->b->c->nblock * t->w->b->nwarp, agent = m->agent;
  if (agent >= warps * AG_KINDS) {
    emu_found(t->w, t->i, t->lane < WARP ? (int)t->lane : -1, EMU_RACE,
              "%s byte %u of shared memory, which an asynchronous copy issued at line %u %s and whose completion was "
              "not waited for",
              now, off, m->line, before);
    return;
  }
  static const char *const kinds[] = {"", " (cp.async)", " (wgmma)", " (bulk copy)"};
  uint32_t warp = agent % warps % t->w->b->nwarp;
  if (agent == t->agent && agent < warps) {
    emu_found(t->w, t->i, (int)t->lane, EMU_RACE,
              "%s byte %u of shared memory, which lane %u of the same warp %s at line %u without bar.warp.sync between",
              now, off, m->lane, before, m->line);
    return;
  }
  emu_found(t->w, t->i, t->lane < WARP ? (int)t->lane : -1, EMU_RACE,
            "%s byte %u of shared memory, which warp %u%s %s at line %u without synchronisation between", now, off,
            warp, kinds[agent / warps], before, m->line);
}

static void check_write(const struct cell *c, uint32_t off, const struct touch *t) {
  const struct mark *m = &c->write;
  if (!(m->atomic && t->how == TOUCH_ATOMIC) && unordered(m, t)) {
    race(t, off, m, "wrote");
  } else if (t->async && m->generic && m->tick > t->w->clocks.fenced[m->agent]) {
    emu_found(t->w, t->i, -1, EMU_MISSING_FENCE,
              "the async proxy touches byte %u of shared memory, written at line %u without fence.proxy.async by its "
              "writer after it",
              off, m->line);
  }
}

static void check_readers(const struct cell *c, uint32_t off, const struct touch *t) {
  if (!(c->read.atomic && t->how == TOUCH_ATOMIC) && unordered(&c->read, t)) {
    race(t, off, &c->read, "read");
    return;
  }
  for (uint32_t a = 0, n = c->readers ? emu_agents(t->w->b->c) : 0; a < n; a++) {
    struct mark m = {.tick = c->readers[a], .agent = (uint16_t)a, .line = c->read.line, .lane = WARP};
    if (a == t->agent || !unordered(&m, t)) continue;
    race(t, off, &m, "read");
    return;
  }
}

static struct mark mark_of(const struct touch *t) {
  uint32_t warps = t->w->b->c->nblock * t->w->b->nwarp;
  return (struct mark){
      t->tick,        (uint16_t)t->agent, (uint8_t)t->lane, t->how == TOUCH_ATOMIC, !t->async && t->agent < warps * 2,
      t->w->sequence, t->i->line};
}

static void note_read(struct cell *c, const struct touch *t, uint32_t agents) {
  struct mark m = mark_of(t);
  bool same = c->read.agent == m.agent && c->read.tick;
  if (same && c->read.sequence == m.sequence && c->read.lane != m.lane) m.lane = WARP; /* several lanes */
  if (c->read.tick && !same && c->read.tick > t->w->clocks.vc[c->read.agent] && !c->readers) {
    c->readers = calloc(agents, sizeof *c->readers);
    if (!c->readers) abort();
  }
  if (c->readers) {
    if (c->read.tick > c->readers[c->read.agent]) c->readers[c->read.agent] = c->read.tick;
    c->readers[m.agent] = m.tick;
  }
  c->read = m;
}

static void touch_cell(struct cell *c, uint32_t off, const struct touch *t, uint32_t agents) {
  if (t->how == TOUCH_READ) {
    if (!c->written) {
      emu_found(t->w, t->i, t->lane < WARP ? (int)t->lane : -1, EMU_UNINITIALISED,
                "reads byte %u of shared memory, which was never written", off);
      c->written = true; /* said once */
    }
    check_write(c, off, t);
    note_read(c, t, agents);
    return;
  }
  if (t->how == TOUCH_ATOMIC && !c->written) c->written = true;
  check_write(c, off, t);
  check_readers(c, off, t);
  free(c->readers);
  *c = (struct cell){.written = true, .write = mark_of(t)};
}

void emu_touch(struct block *b, uint32_t off, uint32_t bytes, const struct touch *t) {
  uint32_t agents = emu_agents(b->c), end = off + bytes;
  while (off < end) {
    struct granule *g = &b->shadow[off / GRAIN];
    uint32_t at = off % GRAIN, n = GRAIN - at < end - off ? GRAIN - at : end - off;
    bool covers = n == GRAIN;
    if (!covers && !g->part) split(g, agents);
    if (g->part) {
      for (uint32_t k = at; k < at + n; k++) touch_cell(&g->part[k], off - at + k, t, agents);
      if (covers && t->how == TOUCH_WRITE) {
        g->whole = g->part[0];
        g->part[0].readers = NULL;
        drop_parts(g);
      }
    } else {
      touch_cell(&g->whole, off, t, agents);
    }
    off += n;
  }
}
