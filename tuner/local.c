/* Strategy `local`: seeds and some random schedules, then neighbours of the best few; the cost model ranks a pool of
   proposals so that the clock is spent on the promising ones. One proposal in eight is random, so that a flag far away
   can still be found. */
#include "tuner/elite.h"
#include "tuner/seen.h"
#include "tuner/strategy.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ELITE = 6, START_RANDOM = 12 };
struct state {
  const struct space *sp;
  uint64_t rng;
  struct seen_set seen;
  struct sched seed[16];
  unsigned nseed, next, asked;
  struct trial elite[ELITE]; /* best first */
  unsigned nelite;
};

static void *local_open(const struct space *sp, uint64_t seed, const struct sched *seeds, unsigned nseeds) {
  struct state *s = xmalloc(sizeof *s);
  s->sp = sp;
  s->rng = seed;
  for (; s->nseed < nseeds && s->nseed < 16; s->nseed++) s->seed[s->nseed] = seeds[s->nseed];
  return s;
}

static double model(const struct state *s, const struct sched *x) {
  return cost_estimate(s->sp->gs, s->sp->g, x, s->sp->lim, &s->sp->opts);
}

/* The best by the model of a pool of random schedules or of neighbours; false when it was asked before. */
static bool best_of_pool(struct state *s, unsigned pool, bool random, struct sched *out) {
  double best = INFINITY;
  for (unsigned i = 0; i < pool; i++) {
    struct sched x;
    const struct trial *from = s->nelite ? &s->elite[rng_next(&s->rng) % s->nelite] : NULL;
    if (rng_next(&s->rng) & 1 && s->nelite) from = &s->elite[0];
    bool ok = random || !from ? space_random(s->sp, &s->rng, &x) : space_neighbour(s->sp, &s->rng, &from->sched, &x);
    if (!ok) continue;
    if (!random && rng_next(&s->rng) % 3 == 0) { /* two steps away */
      struct sched y;
      if (space_neighbour(s->sp, &s->rng, &x, &y)) x = y;
    }
    double c = model(s, &x);
    if (c < best) {
      best = c;
      *out = x;
    }
  }
  return best < INFINITY && seen_add(&s->seen, s->sp, out);
}

static bool propose(struct state *s, struct sched *out) {
  while (s->next < s->nseed) {
    *out = s->seed[s->next++];
    if (seen_add(&s->seen, s->sp, out)) return true;
  }
  for (unsigned tries = 0; tries < 60; tries++) {
    bool random = s->asked < START_RANDOM || rng_next(&s->rng) % 8 == 0;
    unsigned pool = random ? 6 : 1 + (unsigned)(rng_next(&s->rng) % 6);
    if (best_of_pool(s, pool, random, out)) return true;
  }
  return false;
}

static unsigned local_ask(void *state, struct sched *out, unsigned n) {
  struct state *s = state;
  unsigned got = 0;
  while (got < n && propose(s, &out[got])) {
    got++;
    s->asked++;
  }
  return got;
}

static void local_tell(void *state, const struct trial *t) {
  struct state *s = state;
  (void)seen_add(&s->seen, s->sp, &t->sched);
  s->nelite = elite_add(s->elite, s->nelite, ELITE, t);
}

static void local_close(void *state) {
  struct state *s = state;
  seen_free(&s->seen);
  free(s);
}

const struct strategy strategy_local = {
    "local", "greedy local search around the best", true, local_open, local_ask, local_tell, local_close};
