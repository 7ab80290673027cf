/* One candidate: from schedule to checked object. */
#ifndef HONE_TUNER_TRIAL_H
#define HONE_TUNER_TRIAL_H
#include "tuner/tune.h"

struct bench {                      /* what candidates are built for and run on; lives through tune_group */
  struct arena *arena;
  struct groups *gs;                /* dims bound; one group unless g was KEY_WHOLE */
  const struct target *target;
  struct lower_opts lower;
  struct measure *measure;
  struct problem problem[INPUTS_COUNT];
  struct reference *reference[INPUTS_COUNT];
  bool has[INPUTS_COUNT];
};
struct built {
  struct sched sched;
  struct buf object;                /* heap; built_free */
  enum trial_status status;
  struct evidence ev;
  char why[256];
};
/* Prepares inputs and references. ST_INFEASIBLE: dims too large to be run here (diagnosed). */
enum status bench_open(struct bench *b, const struct groups *bound, unsigned g, const struct target *t, const struct tune_opts *o, struct diag *d);
void bench_close(struct bench *b);
/* s: one schedule for each group of b->gs. Lowers and emits; TRIAL_COMPILE with why when it is infeasible. */
void trial_build(struct bench *b, const struct sched *s, struct built *out);
/* Runs it on one kind of inputs and compares; updates status, ev, why. */
void trial_check(struct bench *b, struct built *c, enum inputs kind);
/* Result buffers (arena) like those of the problem, for struct measure's run_once to fill; inputs are shared. */
struct args trial_results(struct arena *a, const struct problem *p);
void built_free(struct built *c);
#endif
