/* Measuring as one interface: real CPU in a worker process, a scripted fake, later devices and runners. */
#ifndef HONE_TUNER_MEASURE_H
#define HONE_TUNER_MEASURE_H
#include "codegen/emit/emit.h"
#include "ir/interp.h"
#include "runtime/job.h"

enum trial_status { TRIAL_OK, TRIAL_WRONG, TRIAL_CRASH, TRIAL_TIMEOUT, TRIAL_OOM, TRIAL_COMPILE };
extern const char *const trial_status_name[];     /* "ok" "wrong" "crash" "timeout" "oom" "compile" */

struct candidate { const struct buf *object; const char *symbol; };  /* object holds symbol and symbol__hone_call */
struct problem {                    /* what to run it on: built once per (group, dims) by check_problem */
  const struct kernel *k;           /* dims bound */
  struct args args;                 /* pristine inputs */
  unsigned threads;
  bool cold;                        /* time with caches swept before each call */
  uint64_t seed;                    /* what the inputs were made from */
  bool exact;                       /* every order of every sum gives the same bits on these inputs: compare bit for bit */
};
uint64_t measure_poison(enum dtype t); /* bits of one element of what outputs hold before a run: a signalling NaN for floats */
struct samples { unsigned n; double *s; };        /* seconds per call, in order of rounds */
struct run { enum trial_status status; double seconds, load_s; char why[256]; bool counted; struct job_counts counts; };  /* seconds: of the quicker of its calls, caches as they happened to be */
typedef void run_result(void *ctx, unsigned i, const struct args *got);   /* of candidate i */
struct measure {                    /* a device */
  const char *name;
  bool modelled;                    /* times are those of a model (the emulator's): nothing was measured */
  char note[256];                   /* how the device was when it timed last (clocks, rounds that were dropped); "" when it does not say */
  bool patient;                     /* no deadline from how long other candidates took: for peers that are many times slower */
  /* Runs each candidate on a copy of the problem's inputs, outputs poisoned, guard pages around: once with buffers that end at one, once with buffers that start
     after one; both must give the same bytes. Candidates may share a worker; one that fails is alone to blame, the others are run again. For each that ran
     `result` is called (results are valid only meanwhile; inputs are the problem's). give_up_s > 0: one whose first call took longer is not run a second time. */
  void (*run)(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p, double give_up_s, struct run *out, run_result *result, void *ctx);
  /* Interleaved rounds over all candidates in one worker; out[i].s malloc'ed, the caller frees (also after failure; may be NULL). stop_ratio: drop one whose first sample is over that times candidate 0. */
  enum trial_status (*time)(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p, unsigned rounds, double stop_ratio,
                            struct samples *out, unsigned *culprit, char why[256]);
  void (*close)(struct measure *m);
};
/* Result buffers (arena) like those of the problem; inputs are shared. */
struct args measure_results(struct arena *a, const struct problem *p);
/* One candidate; result bytes into out->data of each output (allocated by the caller as in the problem). */
enum trial_status measure_run_once(struct measure *m, const struct candidate *c, const struct problem *p, struct args *out, char why[256]);
extern const char *const measure_class_name[JOB_CLASSES]; /* of job_counts.instructions */
extern const char *const measure_part_name[JOB_PARTS];    /* of job_counts.part */
/* timeout_s: for one call of a candidate. NULL with errno set when worker_path cannot be executed. */
struct measure *measure_cpu_open(const char *worker_path, double timeout_s);
/* The same on a GPU, or on the emulator of one. */
struct measure *measure_gpu_open(const char *worker_path, double timeout_s, const struct job_device *device);
/* n >= 1 devices of the same silicon as one: candidates are shared out and run on all at once. Owns them. */
struct measure *measure_many_open(struct measure **of, unsigned n);
/* What CUDA device `ordinal` is, in the form that target_resolve reads ("sm_90a,device=0,…"); false: text says why it cannot be used. */
bool measure_probe(const char *worker_path, unsigned ordinal, char *text, size_t len);
/* Scripted device: cost(ctx, candidate) seconds per call; NAN: it crashes; negative: it hangs. `run` is right by definition (the interpreter runs the
   problem's kernel) unless measure_fake_break says otherwise. */
struct measure *measure_fake_open(double (*cost)(void *, const struct candidate *), void *ctx);
void measure_fake_break(struct measure *m, bool (*wrong)(void *, const struct candidate *)); /* candidates whose results are off */
void measure_fake_fail_after(struct measure *m, long n);                                     /* the n-th device call from now crashes */
#endif
