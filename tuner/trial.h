/* One candidate: from schedule to checked object. */
#ifndef HONE_TUNER_TRIAL_H
#define HONE_TUNER_TRIAL_H
#include "tuner/builder.h"
#include "tuner/tune.h"

struct bench {                      /* what candidates are built for and run on; lives through tune_group */
  struct arena *arena;
  struct groups *gs;                /* dims bound; one group unless g was KEY_WHOLE */
  const struct target *target;
  struct lower_opts lower;
  struct measure *measure;
  struct builder *builder;
  struct problem problem[INPUTS_COUNT];
  struct reference *reference[INPUTS_COUNT];
  bool has[INPUTS_COUNT];
};
struct built {
  struct sched sched;
  struct buf object;                /* heap; built_free */
  enum trial_status status;
  double stage_s[BUILD_STAGES];     /* processor time of building */
  double run_s;                     /* of one call while it was checked last */
  struct evidence ev;
  char why[256];
  char note[96];                    /* what ptxas said it takes */
  char device[128];                 /* how the device was when it was timed (clocks, rounds that were dropped) */
};
/* Starts the building process, prepares inputs and references for what job says is tuned. ST_INFEASIBLE: dims too large to be run here; ST_ENV: no process (diagnosed). */
enum status bench_open(struct bench *b, const struct tune_job *job, const struct tune_opts *o, struct diag *d);
void bench_close(struct bench *b);
/* s: one schedule for each group of b->gs, to be lowered and emitted in the background. trial_take waits for the oldest of those that were asked for;
   TRIAL_COMPILE with why when it is infeasible. */
void trial_ask(struct bench *b, const struct sched *s);
void trial_take(struct bench *b, const struct sched *s, struct built *out);
/* Both at once; nothing else may be waiting. */
void trial_build(struct bench *b, const struct sched *s, struct built *out);
/* The default schedule is measured whatever ptxas thinks of it: something has to be the baseline. */
void trial_forgive(struct built *c);
enum { TRIAL_TOGETHER = 16 };
/* Runs those of c[0..n) (n at most TRIAL_TOGETHER) that are TRIAL_OK on one kind of inputs and compares; updates status, run_s, ev, why. give_up_s > 0: one whose
   call took longer is run once only: it cannot win. */
void trial_check(struct bench *b, struct built *const *c, unsigned n, enum inputs kind, double give_up_s);
void built_free(struct built *c);
#endif
