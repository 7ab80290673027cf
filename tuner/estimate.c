/* Strategy `estimate`: hill climbing on the cost model; the clock plays no part in the search. Deterministic for a
 * seed. Answers one schedule, the best by the model. */
#include "tuner/strategy.h"
#include <stdlib.h>

enum { RANDOMS = 60, CLIMB = 200 };
struct state {
  const struct space *sp;
  uint64_t rng;
  struct sched best;
  double cost;
  bool answered;
};

static void consider(struct state *s, const struct sched *x) {
  double c = cost_estimate(s->sp->gs, s->sp->g, x, s->sp->lim, &s->sp->opts);
  if (c < s->cost) {
    s->cost = c;
    s->best = *x;
  }
}

static void *estimate_open(const struct space *sp, uint64_t seed, const struct sched *seeds, unsigned nseeds) {
  struct state *s = xmalloc(sizeof *s);
  s->sp = sp;
  s->rng = seed;
  s->best = sp->def;
  s->cost = cost_estimate(sp->gs, sp->g, &s->best, sp->lim, &sp->opts);
  for (unsigned i = 0; i < nseeds; i++) consider(s, &seeds[i]);
  return s;
}

static unsigned estimate_ask(void *state, struct sched *out, unsigned n) {
  struct state *s = state;
  if (s->answered || !n) return 0;
  s->answered = true;
  for (unsigned i = 0; i < RANDOMS; i++) {
    struct sched x;
    if (space_random(s->sp, &s->rng, &x)) consider(s, &x);
  }
  for (unsigned i = 0; i < CLIMB; i++) {
    struct sched x;
    if (space_neighbour(s->sp, &s->rng, &s->best, &x)) consider(s, &x);
  }
  out[0] = s->best;
  return 1;
}

static void estimate_tell(void *state, const struct trial *t) {
  (void)state;
  (void)t;
}

static void estimate_close(void *state) {
  free(state);
}

const struct strategy strategy_estimate = {
    "estimate", "the analytic cost model alone", false, estimate_open, estimate_ask, estimate_tell, estimate_close};
