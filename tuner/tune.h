/* The tuning loop: ask, lower, emit, check, measure, tell, record. */
#ifndef HONE_TUNER_TUNE_H
#define HONE_TUNER_TUNE_H
#include "tuner/builder.h"
#include "tuner/check.h"
#include "tuner/db.h"
#include "tuner/strategy.h"

struct tune_progress {
  const char *name, *best_sched;    /* schedule in the names of the spec */
  unsigned trials, infeasible;
  double best_ratio;                /* time of the best so far / time of the default schedule */
  double elapsed_s, left_s;         /* left_s < 0: no limit */
  bool done;
};
struct tune_opts {
  const struct strategy *strategy;
  double budget_s;                  /* 0: no limit */
  unsigned max_trials;              /* 0: no limit */
  uint64_t seed;
  unsigned threads;
  enum fpmode fp;
  bool cold;
  struct measure *measure;          /* the device */
  const char *ptxas;                /* of a GPU target: the assembler (emit.h); NULL: none */
  volatile const int *stop;         /* set by Ctrl-C: keep the best so far; may be NULL */
  void (*progress)(void *ctx, const struct tune_progress *p);   /* may be NULL; called at most 10 times a second and at the end */
  void *ctx;
};
/* What the wall clock of a search goes to: proposing (strategy and model), waiting for the builder, checking, timing candidates, recording them, the final race. */
enum tune_phase { PHASE_PROPOSE, PHASE_BUILD, PHASE_CHECK, PHASE_TIME, PHASE_STORE, PHASE_RACE, PHASE_COUNT };
/* What is tuned: group `gbound` of `bound` (dims are constants) which is group `gsym` of `symbolic`; value[sym of symbolic->k]. Either may be KEY_WHOLE. */
struct tune_job {
  const struct groups *symbolic, *bound;
  unsigned gsym, gbound;
  const int64_t *value;
  const struct target *target;
  const struct sched *start;        /* legal, of the group (of a bundle: one a group): tried first; NULL: none. Of tune_whole: unused */
};
struct tune_result {
  struct sched sched;               /* the winner (the default schedule when nothing beat it) */
  unsigned trials, infeasible;      /* in this call */
  double ratio, ratio_lo, ratio_hi; /* winner time / default time, 95 % interval */
  double seconds;                   /* median of the winner */
  double build_s[BUILD_STAGES + 1]; /* processor time to build a variant, by stage and together: median, */
  double build_p95_s[BUILD_STAGES + 1]; /* 95th percentile */
  double phase_s[PHASE_COUNT];
  double spearman;                  /* rank correlation of the cost model with the clock */
  unsigned timed;                   /* over so many trials, earlier runs included */
  bool won;
};
/* Tunes one group. Every trial becomes a record; trials of earlier calls are told to the strategy, so an interrupted run goes on. ST_OK also when the default
   stays best. ST_ENV when the database or the device fails. */
enum status tune_group(struct db *db, const struct tune_job *job, const struct tune_opts *o, struct tune_result *out, struct diag *d);
/* Several groups: the winners of all groups together (sched[n], out->ratio of each is not enough: caches are shared) against all defaults together, as a record of
   the whole kernel. job->gsym and gbound are KEY_WHOLE. out->won false: the defaults stay. */
/* sched all `plain`: the function as written against them; one group is a whole kernel, too. */
enum status tune_whole(struct db *db, const struct tune_job *job, const struct sched *sched, const struct tune_opts *o, struct tune_result *out, struct diag *d);
#endif
