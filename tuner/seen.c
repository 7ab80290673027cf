/* Open addressing over 64-bit hashes; 0 marks a free slot. */
#include "tuner/seen.h"
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

bool seen_add(struct seen_set *s, const struct sched *x) {
  uint64_t h = sched_hash(x);
  if (!h) h = 1;
  if (s->n * 2 >= s->cap) grow(s);
  bool added = put(s->hash, s->cap, h);
  s->n += added;
  return added;
}

void seen_free(struct seen_set *s) {
  free(s->hash);
  *s = (struct seen_set){0};
}
