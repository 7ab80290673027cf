/* The tuning loop: ask, lower, emit, check, measure, tell, record. */
#ifndef HONE_TUNER_TUNE_H
#define HONE_TUNER_TUNE_H
#include "tuner/db.h"
#include "tuner/check.h"
#include "tuner/strategy.h"

struct tune_progress;
struct tune_opts {
  const struct strategy *strategy;
  double budget_s;                  /* 0: no limit */
  unsigned max_trials;              /* 0: no limit */
  uint64_t seed;
  unsigned threads;
  bool strict, cold;
  const char *worker;               /* path of hone-worker */
  volatile const int *stop;         /* set by Ctrl-C: keep the best so far */
  /* progress: called at most 10 times a second and at the end; may be NULL */
  void (*progress)(void *ctx, const struct tune_progress *p);
  void *ctx;
};
struct tune_progress { const char *group; unsigned trials, infeasible; double best_ratio, elapsed_s, left_s; bool done; const char *best_sched; };
struct tune_result { struct sched sched; unsigned trials, infeasible; double ratio, ratio_lo, ratio_hi; /* winner time / default time */ bool won; };
/* Tunes group g of gs at these dims. Every trial becomes a record. Returns ST_OK also when the default schedule stays best. */
enum status tune_group(struct db *db, const struct groups *gs, unsigned g, const int64_t *dims, const struct target *t, const struct tune_opts *o,
                       struct tune_result *out, struct diag *d);
#endif
