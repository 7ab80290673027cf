/* A job's arguments on a GPU. The emulator finds every access that is out of bounds by itself; on a device each array
   has slack on both sides, holding a pattern that must survive, and lies 256 bytes further (with another pattern behind
   it) in the second run. What kernels write is restored from a copy on the device. */
#include "runtime/worker_gpu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLACK = 4096, SHIFT = 256 };

static void poison(const struct job_arg *a, uint8_t *at, uint64_t n) {
  uint64_t first = n < SLACK ? n : SLACK;
  for (uint64_t i = 0; i < first; i++) at[i] = (uint8_t)(a->poison >> 8 * (i % (a->elem ? a->elem : 1)));
  for (uint64_t i = SLACK; i < n; i += SLACK) memcpy(at + i, at, n - i < SLACK ? n - i : SLACK);
}

static uint8_t *host_bytes(uint64_t n) {
  uint8_t *p = malloc(n + 1);
  if (!p) {
    reply_text(REPLY_SETUP, 0, "no memory for the arguments");
    exit(1);
  }
  return p;
}

static void put_slack(struct gpu *g, const struct job_arg *a, const struct gpu_block *b) {
  uint8_t *s = host_bytes(b->slack);
  poison(a, s, b->slack);
  gpu_must(g, g->api.to_device(b->base, s, b->data - b->base), "filling memory");
  gpu_must(g, g->api.to_device(b->data + b->bytes, s, b->slack), "filling memory");
  free(s);
}

static void place_one(struct gpu *g, unsigned i, unsigned place) {
  const struct job_arg *a = &g->w->job->arg[i];
  struct gpu_block *b = &g->block[i];
  bool slack = !g->emulated && place != PLACE_TIMED;
  *b = (struct gpu_block){.bytes = a->bytes, .slack = slack ? SLACK : 0};
  gpu_must(g, g->api.alloc(&b->base, a->bytes + 2 * b->slack + !a->bytes), "allocating an argument");
  b->data = b->base + (slack ? (place == PLACE_END ? SLACK : SHIFT) : 0);
  uint8_t *fill = a->fresh ? host_bytes(a->bytes) : NULL;
  if (fill) poison(a, fill, a->bytes);
  const uint8_t *from = fill ? fill : g->w->file + a->at;
  if (a->bytes) gpu_must(g, g->api.to_device(b->data, from, a->bytes), "filling memory");
  if (a->writes && a->bytes) {
    gpu_must(g, g->api.alloc(&b->pristine, a->bytes), "allocating an argument");
    gpu_must(g, g->api.to_device(b->pristine, from, a->bytes), "filling memory");
  }
  if (slack) put_slack(g, a, b);
  free(fill);
}

void gpu_place(struct gpu *g, unsigned place) {
  struct work *w = g->w;
  for (unsigned i = 0; i < w->job->nargs; i++) {
    memcpy(w->value[i], w->job->arg[i].value, sizeof w->value[i]);
    w->args[i] = w->value[i];
    if (w->job->arg[i].is_value) continue;
    place_one(g, i, place);
    w->args[i] = &g->block[i].data;
  }
}

void gpu_drop(struct gpu *g) {
  for (unsigned i = 0; i < g->w->job->nargs; i++) {
    if (g->block[i].base) g->api.free(g->block[i].base);
    if (g->block[i].pristine) g->api.free(g->block[i].pristine);
  }
  memset(g->block, 0, sizeof g->block);
}

void gpu_refill(struct gpu *g, bool fresh) {
  for (unsigned i = 0; i < g->w->job->nargs; i++) {
    const struct job_arg *a = &g->w->job->arg[i];
    const struct gpu_block *b = &g->block[i];
    if (a->is_value || !a->writes || (a->fresh && !fresh) || !a->bytes) continue;
    gpu_must(g, g->api.copy_async(b->data, b->pristine, a->bytes, g->stream), "restoring results");
  }
}

bool gpu_has_inplace(const struct gpu *g) {
  for (unsigned i = 0; i < g->w->job->nargs; i++)
    if (g->w->job->arg[i].writes && !g->w->job->arg[i].fresh) return true;
  return false;
}

static bool slack_holds(struct gpu *g, const struct job_arg *a, cuda_ptr at, uint64_t n) {
  uint8_t *got = host_bytes(n), *want = host_bytes(n);
  poison(a, want, n);
  gpu_must(g, g->api.to_host(got, at, n), "reading memory");
  bool same = !memcmp(got, want, n);
  free(got);
  free(want);
  return same;
}

bool gpu_intact(struct gpu *g, char *why, size_t len) {
  for (unsigned i = 0; i < g->w->job->nargs; i++) {
    const struct job_arg *a = &g->w->job->arg[i];
    const struct gpu_block *b = &g->block[i];
    if (a->is_value || !b->slack) continue;
    bool before = slack_holds(g, a, b->base, b->data - b->base),
         after = slack_holds(g, a, b->data + b->bytes, b->slack);
    if (before && after) continue;
    snprintf(why, len, "wrote %s argument %u", before ? "beyond the end of" : "before the start of", i);
    return false;
  }
  return true;
}
