/* Which values an integer expression can take. */
#ifndef HONE_COMPILER_PASS_SPAN_H
#define HONE_COMPILER_PASS_SPAN_H
#include "ir/expr.h"

struct span { /* lo..hi, both included; not ok: not known */
  int64_t lo, hi;
  bool ok;
};
struct span span_of_type(enum dtype t); /* integers of up to 32 bits; else not ok */
bool span_within(struct span x, struct span y);
/* s where an expression of type t has these values without wrapping; else not ok. */
struct span span_held(struct span s, enum dtype t);
/* The values of x, when x and all of its parts could be computed in t; else not ok. temp: by tensor, the values of those that are known; or NULL. */
struct span span_fits(const struct span *temp, expr_t x, enum dtype t);
#endif
