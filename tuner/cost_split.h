/* How a LOOP function's parallel loops would be shared out on a number of threads: arithmetic, nothing is run. */
#ifndef HONE_TUNER_COST_SPLIT_H
#define HONE_TUNER_COST_SPLIT_H
#include "codegen/target/target.h"
#include "ir/loop.h"

struct split {               /* one parallel loop, with the one right inside it that it is joined with */
  const struct lstmt *loop, *inner; /* inner: NULL when there is none */
  double regions;            /* how often it is run in one call */
  int64_t iterations;        /* of one region, both loops together */
  unsigned chunks;           /* that threads take one after the other */
  double busiest;            /* iterations of the busiest thread over the mean, >= 1 */
  double bytes;              /* that one thread touches in a region */
};
/* The parallel loops of f in order, at most max; dims are constants (else 512). Returns how many. */
unsigned cost_split(const struct lfunc *f, const struct limits *lim, unsigned threads, struct split *out, unsigned max);
/* Iterations of the busiest of `threads` threads of equal speed over the mean, as the runtime hands out n iterations. *chunks may be NULL. */
double cost_split_busiest(int64_t n, unsigned threads, unsigned *chunks);
#endif
