/* Strategy `random`: seeds first, then random legal schedules until the space seems exhausted. */
#include "tuner/seen.h"
#include "tuner/strategy.h"
#include <stdlib.h>

struct state {
  const struct space *sp;
  uint64_t rng;
  struct seen_set seen;
  struct sched seed[16];
  unsigned nseed, next;
};

static void *random_open(const struct space *sp, uint64_t seed, const struct sched *seeds, unsigned nseeds) {
  struct state *s = xmalloc(sizeof *s);
  s->sp = sp;
  s->rng = seed;
  for (; s->nseed < nseeds && s->nseed < 16; s->nseed++) s->seed[s->nseed] = seeds[s->nseed];
  return s;
}

static bool draw(struct state *s, struct sched *out) {
  while (s->next < s->nseed) {
    *out = s->seed[s->next++];
    if (seen_add(&s->seen, s->sp, out)) return true;
  }
  for (unsigned tries = 0; tries < 500; tries++)
    if (space_random(s->sp, &s->rng, out) && seen_add(&s->seen, s->sp, out)) return true;
  return false;
}

static unsigned random_ask(void *state, struct sched *out, unsigned n) {
  unsigned got = 0;
  while (got < n && draw(state, &out[got])) got++;
  return got;
}

static void random_tell(void *state, const struct trial *t) {
  struct state *s = state;
  (void)seen_add(&s->seen, s->sp, &t->sched);
}

static void random_close(void *state) {
  struct state *s = state;
  seen_free(&s->seen);
  free(s);
}

const struct strategy strategy_random = {
    "random", "random legal schedules", true, random_open, random_ask, random_tell, random_close};
