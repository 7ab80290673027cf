/* Shared by skew.c, skew_rows.c and wave.c only. */
#ifndef HONE_COMPILER_SKEW_IMPL_H
#define HONE_COMPILER_SKEW_IMPL_H
#include "compiler/pass/raise_impl.h"

enum { SKEW_NESTS = 12, SKEW_ACCESSES = 256, SKEW_ASSUME = 12, SKEW_GUARDS = SKEW_ASSUME + 3, SKEW_SIZES = 16 };

struct row_access {
  unsigned nest, object;
  int64_t offset; /* its row - the nest's row */
  bool writes;
};
struct nest {
  struct lstmt *s;
  const struct lstmt *seen; /* the same in the view */
  sym_t row;     /* counter of the loop over rows; SYM_NONE: all of it is about one row */
  poly_t lo, hi; /* rows */
};
/* A function as its rows are seen: statement for statement the same, but flat arrays have dims. True where all of assume[] are not negative. */
struct skew_view {
  const struct lfunc *f;
  unsigned nassume;
  const poly_t *assume;
};
struct skew {
  struct arena *a;
  struct lfunc *f;
  struct skew_view view;
  int64_t cache;
  const struct lstmt *time, *seen; /* the loop over time; in the view */
  unsigned n; /* nests */
  struct nest nest[SKEW_NESTS];
  bool *written; /* [nobject] in the loop over time */
  bool *own;     /* [nobject] made inside of a nest */
  bool fails;
  unsigned at; /* nest that is looked at */
  unsigned naccess;
  struct row_access access[SKEW_ACCESSES];
  int64_t shift; /* skew_shift's */
};

/* --- skew_flat.c --- */
struct skew_view skew_flat(struct arena *a, const struct lfunc *f); /* f itself where it has no flat arrays, or these no rows */

/* --- skew_rows.c: which rows the nests of a loop over time touch --- */
/* Fills in what follows `seen`. false: it is no loop over time around nests over rows. */
bool skew_rows(struct skew *k);
/* The least number of rows by which each place in the order of nests and steps must lag behind the one before, so that accesses of one element stay in order;
   apart: so that what places do at one time has no element in common. false: too many. */
bool skew_shift(const struct skew *k, bool apart, int64_t *shift);
bool skew_counts_up(const struct lstmt *s);
bool skew_known_before(const struct skew *k, poly_t p); /* made of what is known before the loop over time */

/* --- building --- */
struct skew_made { /* statements, one behind the other; at most 3 * SKEW_NESTS + 16 */
  struct skew *k;
  struct lstmt **s;
  unsigned n;
};
struct skew_made skew_made(struct skew *k);
struct lstmt *skew_block(const struct skew_made *m);
poly_t skew_let(struct skew_made *m, const char *name, expr_t value); /* let NAME = value */
/* Least first, or greatest last row of all nests. */
poly_t skew_end_row(struct skew_made *m, const char *name, bool last);
/* Where all guard[0..n) (room for SKEW_GUARDS) hold, the view is true and arrays lie apart: in, else s. */
struct lstmt *skew_either(struct skew *k, unsigned n, poly_t *guard, struct lstmt *in, struct lstmt *s);
/* A copy with counters of its own; by[0..n) take the place of symbols (SYM_NONE: of nothing). */
struct skew_by { sym_t sym; poly_t by; };
struct lstmt *skew_copy(struct skew *k, const struct lstmt *s, unsigned n, const struct skew_by *by);

/* --- wave.c --- */
/* The loop over time, whose one nest runs in order along its rows, with several steps side by side. NULL: it is not of that form. */
struct lstmt *skew_wave(struct skew *k, struct lstmt *s);
#endif
