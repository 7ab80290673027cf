/* GROUP + schedule -> LOOP. The one call that both a candidate and the final object go through. */
#ifndef HONE_CODEGEN_LOWER_H
#define HONE_CODEGEN_LOWER_H
#include "ir/sched.h"
#include "ir/loop.h"
#include "codegen/target/target.h"

/* --fp: may reductions be re-ordered and products contracted; no; and may GPUs round operands of f32 products to tf32, too; and, besides all that, round f32
   factors to the type of a bf16 or f16 one beside them, take exponentials of f32 from hardware and divide by multiplying. */
enum fpmode { FP_REASSOC, FP_STRICT, FP_TF32, FP_FAST };
struct lower_opts {
  bool strict;              /* --fp strict: the specification's own order of every reduction */
  unsigned threads;         /* 1: parallel steps are run serially */
  unsigned max_size;        /* schedules that make more instructions than this of a group, roughly, are not legal; 0: LOWER_SIZE_MAX */
  bool tf32;                /* products of f32 may round their operands to tf32 */
  bool fast;                /* FP_FAST; tf32 is set, too */
};
enum { LOWER_SIZE_MAX = 8000 };
/* A grid of blocks has as many threads as the GPU has SMs, whatever the host was asked for. */
static inline struct lower_opts lower_opts_for(const struct target *t, enum fpmode fp, unsigned threads) {
  return (struct lower_opts){.strict = fp == FP_STRICT, .threads = t->limits.simt ? t->limits.cores : threads, .tf32 = fp >= FP_TF32,
                             .fast = fp == FP_FAST};
}
/* Lowers the whole kernel: group g with sched[g], one after the other, temps between groups on the heap.
   ST_INFEASIBLE with *why (arena) when a schedule is not legal here; never fails otherwise. The result passes lfunc_verify.
   Where all schedules are `plain` it is gs->k->source itself. */
enum status lower_kernel(struct arena *a, const struct groups *gs, const struct sched *sched, const struct limits *lim,
                         const struct lower_opts *o, const char *name, struct lfunc **out, const char **why);
/* Machine instructions that group g becomes, roughly; 0 when the schedule is not legal. */
double lower_size(const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim, const struct lower_opts *o);
/* A schedule for group g from the analytic model alone: good for these extents when dims are constants, for any when symbolic. Always legal. */
struct sched sched_default(const struct groups *gs, unsigned g, const struct limits *lim, const struct lower_opts *o);
/* A dim for whose values up to `most` (1: exactly 1) the default schedule for any value is far from good. */
struct small_dim { sym_t dim; int64_t most; };
enum { SMALL_DIMS = 4, FEW_ROWS = 20 };
/* Those of group g, by urgency; at most SMALL_DIMS. */
unsigned sched_small_dims(const struct groups *gs, unsigned g, const struct limits *lim, const struct lower_opts *o, struct small_dim *out);
/* The simplest: no steps. Always legal. */
struct sched sched_none(void);
#endif
