/* Open addressing over 64-bit hashes; 0 marks a free slot. */
#include "tuner/seen.h"
#include "ir/loop.h"
#include <stdlib.h>

static bool put(uint64_t *hash, size_t cap, uint64_t h) {
  size_t i = h & (cap - 1);
  for (; hash[i]; i = (i + 1) & (cap - 1))
    if (hash[i] == h) return false;
  hash[i] = h;
  return true;
}

static void grow(struct seen_set *s) {
  size_t cap = s->cap ? s->cap * 2 : 256;
  uint64_t *hash = xmalloc(cap * sizeof *hash);
  for (size_t i = 0; i < s->cap; i++)
    if (s->hash[i]) put(hash, cap, s->hash[i]);
  free(s->hash);
  s->hash = hash;
  s->cap = cap;
}

bool seen_has(const struct seen_set *s, const struct sched *x) {
  uint64_t h = sched_hash(x);
  if (!h) h = 1;
  for (size_t i = h & (s->cap - 1); s->cap && s->hash[i]; i = (i + 1) & (s->cap - 1))
    if (s->hash[i] == h) return true;
  return false;
}

static bool add(struct seen_set *s, uint64_t h) {
  if (s->n * 2 >= s->cap) grow(s);
  bool added = put(s->hash, s->cap, h ? h : 1);
  s->n += added;
  return added;
}

/* Of the text of the loops; 0 when there are none. */
static uint64_t loops_hash(const struct space *sp, const struct sched *x) {
  struct arena *a = arena_new();
  struct sched *all = ARENA_NEW(a, struct sched, sp->gs->n);
  struct lfunc *f;
  const char *why;
  struct buf b;
  uint64_t h = 0;
  buf_init(&b);
  all[sp->g] = *x;
  if (lower_kernel(a, sp->gs, all, sp->lim, &sp->opts, "loops", &f, &why) == ST_OK) {
    lfunc_print(&b, f);
    h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < b.len; i++) h = (h ^ (uint8_t)b.data[i]) * UINT64_C(0x100000001b3);
  }
  buf_free(&b);
  arena_free(a);
  return h;
}

bool seen_add(struct seen_set *s, const struct space *sp, const struct sched *x) {
  if (!add(s, sched_hash(x))) return false;
  uint64_t h = loops_hash(sp, x);
  return !h || add(s, h);
}

void seen_free(struct seen_set *s) {
  free(s->hash);
  *s = (struct seen_set){0};
}
