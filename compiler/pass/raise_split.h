/* Splitting one subscript into several: shared by raise_split.c and raise_strides.c. */
#ifndef HONE_COMPILER_RAISE_SPLIT_H
#define HONE_COMPILER_RAISE_SPLIT_H
#include "compiler/pass/raise_impl.h"

struct use {
  uint16_t obj;
  bool written;
  poly_t p, rest; /* subscript 0; what is still to be split */
  struct domain *d;
  int8_t adjust[RAISE_RANK]; /* by dense dim: what is added to the quotient */
};
struct uses {
  struct raise *r;
  unsigned n, cap;
  struct use *v;
  poly_t *gather; /* [object] the size that computed subscripts ask for; NULL: there are none */
};
/* How one array is split: dense[0] innermost; then strides, outermost first, the last one 1. */
struct split {
  bool on;
  unsigned ndense, nstride;
  poly_t dense[RAISE_RANK], stride[RAISE_RANK];
};

/* Coefficient of the use's v-th loop variable in p; NULL: none, or not one over dims alone. */
poly_t split_coefficient(struct raise *r, const struct use *u, poly_t p, unsigned v);
void split_find(struct raise *r, struct uses *u, unsigned obj, struct split *s);
/* Subscripts of the use, outermost first, into idx[2 * RAISE_RANK]; returns their number. is_var: [symbol]. */
unsigned split_apply(struct raise *r, const struct split *s, const bool *is_var, const struct use *u, poly_t *idx);
#endif
