/* Which values an integer expression can take. */
#ifndef HONE_COMPILER_PASS_SPAN_H
#define HONE_COMPILER_PASS_SPAN_H
#include "ir/tensor.h"

struct span { /* lo..hi, both included; not ok: not known */
  int64_t lo, hi;
  bool ok;
};
struct span span_of_type(enum dtype t); /* integers of up to 32 bits; else not ok */
bool span_within(struct span x, struct span y);
/* s where an expression of type t has these values without wrapping; else not ok. */
struct span span_held(struct span s, enum dtype t);
struct spans { /* what is known besides types; both may be NULL */
  const struct span *temp; /* by tensor, the values of those that are known */
  const struct eq *e;      /* whose axes the expressions are over */
};
/* The values of x, when x and all of its parts, or those of its other form, could be computed in t; else not ok. */
struct span span_fits(const struct spans *k, expr_t x, enum dtype t);
/* What has another form that needs no wider type than its result: |a - b| is max(a, b) - min(a, b), (a + b) >> 1 is (a & b) + ((a ^ b) >> 1), and
   (a + b + 1) >> 1 is (a | b) - ((a ^ b) >> 1). */
enum form { FORM_none, FORM_distance, FORM_mean, FORM_mean_up };
/* Which one it takes to compute x in t; a and b go to `part`. */
enum form span_form(const struct spans *k, expr_t x, enum dtype t, expr_t part[2]);
#endif
