/* Search strategies: ask and tell. No clock, no I/O, no threads inside: the same seed and the same answers give the same questions.
   One file and one row in strategies.def each. */
#ifndef HONE_TUNER_STRATEGY_H
#define HONE_TUNER_STRATEGY_H
#include "codegen/lower/legal.h"

struct space {                    /* the legal schedules of a group on a target (space.c) */
  const struct groups *gs;
  unsigned g;
  const struct limits *lim;
  struct lower_opts opts;
  struct sched def;               /* the default schedule; space_open sets it and opts.max_size */
};
struct trial {
  struct sched sched;
  bool ok;                        /* measured and right */
  double cost;                    /* seconds, or the model's estimate; relative to nothing */
};
struct strategy {
  const char *name, *what;
  bool measures;                  /* false: works from the cost model alone (estimate) */
  void *(*open)(const struct space *sp, uint64_t seed, const struct sched *seeds, unsigned nseeds);
  unsigned (*ask)(void *state, struct sched *out, unsigned n);   /* 0: finished. Only legal, unseen schedules */
  void (*tell)(void *state, const struct trial *t);
  void (*close)(void *state);
};
const struct strategy *strategy_find(const char *name);          /* NULL: unknown */
void strategy_list(struct buf *out);

/* space.c */
/* The rest of *sp. No schedule is in it whose code is much larger than the default one's: building it takes long, and unrolling that far gains nothing. */
void space_open(struct space *sp);
bool space_random(const struct space *sp, uint64_t *rng, struct sched *out);                 /* a legal schedule */
bool space_neighbour(const struct space *sp, uint64_t *rng, const struct sched *s, struct sched *out); /* one step away, legal */
uint64_t rng_next(uint64_t *state);                                                          /* splitmix64 */
/* cost.c: seconds that the analytic model expects; deterministic. dims must be constants (else typical sizes are assumed). */
double cost_estimate(const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim, const struct lower_opts *o);
/* What the estimate is made of, in seconds: the whole, issue of instructions, traffic from beyond L1, L2, L3. false: it cannot be lowered. */
enum { COST_PARTS = 5 };
bool cost_parts(const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim, const struct lower_opts *o, double part[COST_PARTS]);
/* Least time any schedule could take: flops over peak, compulsory bytes over bandwidth. */
struct floor_time { double flops, bytes, seconds_compute, seconds_memory; };
struct floor_time cost_floor(const struct groups *gs, unsigned g, const struct limits *lim, unsigned threads);
#endif
