/* Bundles: candidates built where the compiler is, measured where the GPU is. A folder of

     bundle.jsonl     exchange lines (db_impl.h): the architecture as a target, each kernel, one record a candidate, not measured (n = 0, stage 0). `verify` has its
                      role ("default", "given" (job->start) or "candidate") and the SHA-256 of its package. The default schedule of a kernel comes first.
     KERNEL.hone      the specification, KERNEL.dims its dims ("M=64,N=64"): inputs and expected results are made from it again, by the generators and the
                      interpreter that the tuner uses. KERNEL: 16 digits of its id
     RECORD.pkg       launch plan, PTX and (where ptxas was there) cubin (runtime/abi.h: hone_cuda_package)
     hone-runner, hone-worker, run.sh    what measures it: neither LLVM nor libclang

   Texts from a bundle are parsed as an import is; nothing in it is run but its packages, on the device, in a worker. */
#ifndef HONE_TUNER_BUNDLE_H
#define HONE_TUNER_BUNDLE_H
#include "tuner/tune.h"

struct bundle;
/* Makes the folder (it may exist, without a bundle in it). NULL: diagnosed. */
struct bundle *bundle_open(const char *dir, const struct target *t, struct diag *d);
/* Adds k at dims (its text form; NULL: it has none) with the default schedules and up to `count` others, the best by the cost model among many. job: of the whole
   kernel, so that a record is what compile looks for. */
enum status bundle_add(struct bundle *b, const struct kernel *k, const char *dims, const struct tune_job *job, const struct tune_opts *o, unsigned count,
                       struct diag *d);
/* Writes bundle.jsonl when the bundle is complete: a folder without one is no bundle. *candidates: packages in it. */
enum status bundle_close(struct bundle *b, bool complete, unsigned *candidates, struct diag *d);

/* The architecture that the bundle in dir is for ("sm_90a"). false: it is no bundle (diagnosed). */
bool bundle_arch(const char *dir, char *out, size_t len, struct diag *d);
struct bundle_run {
  struct measure *measure;
  const struct target *target;      /* the device: what the records are for */
  const char *tool;                 /* "hone 0.1.0" */
  const char *note;                 /* about the device, for the run's circumstances */
  void (*say)(const char *line);    /* results, a line each kernel */
  bool cold, json;                  /* the L2 swept before each call; lines of JSON */
  double budget_s;                  /* > 0: kernels that are not begun by then are left out, and said */
};
/* Measures the bundle in dir: every candidate is checked as the tuner checks it, those that are right race the default schedule. Exchange lines that
   `hone db import` takes are appended to out. ST_REFUSED: it is no bundle (diagnosed). */
enum status bundle_measure(const char *dir, const struct bundle_run *o, struct buf *out, struct diag *d);
#endif
