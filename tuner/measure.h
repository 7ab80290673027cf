/* Measuring as one interface: real CPU in a worker process, a scripted fake, later devices and runners. */
#ifndef HONE_TUNER_MEASURE_H
#define HONE_TUNER_MEASURE_H
#include "codegen/emit/emit.h"
#include "ir/interp.h"

enum trial_status { TRIAL_OK, TRIAL_WRONG, TRIAL_CRASH, TRIAL_TIMEOUT, TRIAL_OOM, TRIAL_COMPILE };
extern const char *const trial_status_name[];     /* "ok" "wrong" "crash" "timeout" "oom" "compile" */

struct candidate { const struct buf *object; const char *symbol; };  /* object holds symbol and symbol__hone_call */
struct problem {                    /* what to run it on: built once per (group, dims) by check_problem */
  const struct kernel *k;           /* dims bound */
  struct args args;                 /* pristine inputs */
  unsigned threads;
};
struct samples { unsigned n; double *s; };        /* seconds per call, in order of rounds */
struct measure {                    /* a device */
  const char *name;
  /* Runs the candidate once on a copy of the problem's inputs, outputs poisoned, guard pages around; result bytes into out (as problem args). */
  enum trial_status (*run_once)(struct measure *m, const struct candidate *c, const struct problem *p, struct args *out, char why[256]);
  /* Interleaved rounds over all candidates in one worker; samples[i] per candidate. stop_ratio: drop one whose first sample is over that times candidate 0. */
  enum trial_status (*time)(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p, unsigned rounds, double stop_ratio,
                            struct samples *out, unsigned *culprit, char why[256]);
  void (*close)(struct measure *m);
};
struct measure *measure_cpu_open(const char *worker_path, double timeout_s);
struct measure *measure_fake_open(double (*cost)(void *, const struct candidate *), void *ctx);
#endif
