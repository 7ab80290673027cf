/* Shared by inputs.c, sample.c and check.c. */
#ifndef HONE_TUNER_CHECK_IMPL_H
#define HONE_TUNER_CHECK_IMPL_H
#include "tuner/check.h"

/* Constant ranges, both ends included, of the axes of e by symbol; other symbols unbounded. Arrays of [k->nsym]. */
void eq_ranges(const struct kernel *k, const struct eq *e, int64_t *lo, int64_t *hi);
/* Points of axes [first, last) of e at most, as a product of ranges; saturates. */
double eq_points(const struct kernel *k, const struct eq *e, unsigned first, unsigned last);
/* Scalar operations that interpreting k takes, roughly. */
double kernel_work(const struct kernel *k);

static inline uint64_t check_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

enum { BOX_RANK = 12 };
struct box { bool any; int64_t lo[BOX_RANK], hi[BOX_RANK]; }; /* half open */
/* k reduced to what elements `box` of tensor t need: other elements are not computed, or wrong. Needs constant dims. */
struct kernel *sample_kernel(struct arena *a, const struct kernel *k, unsigned t, const struct box *box);
/* k reduced to n boxes of t at once: the cuts one after the other. NULL when they cannot share a run: some cut writes a result outside its box, or reads what
   another one wrote. */
struct kernel *sample_join(struct arena *a, const struct kernel *k, unsigned t, const struct box *box, unsigned n);
/* Does some equation write every element of t, whatever the values? */
bool sample_covers(const struct kernel *k, unsigned t);
/* k without its arithmetic: writes 0 wherever k writes its parameters. */
struct kernel *sample_footprint(struct arena *a, const struct kernel *k);
#endif
