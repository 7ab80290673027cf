/* The pass runner: does the boring things once. Each pass is a row in a table; the runner verifies after it, prints where HONE_PRINT names it (a comma list,
   or "all"), times it, and with HONE_ROUNDTRIP=1 sends the result through print and parse. HONE_SKIP=PASS skips one that is marked optional.
   HONE_TIME=1 adds how long a printed pass took. */
#ifndef HONE_IR_PASS_H
#define HONE_IR_PASS_H
#include "ir/group.h"
#include "ir/loop.h"

enum level { LEVEL_SOURCE, LEVEL_TENSOR, LEVEL_GROUP, LEVEL_LOOP };
struct unit {                    /* what a pass works on: exactly one is set, by level */
  enum level level;
  bool strict;                   /* --fp strict: no re-association, no contraction, the specification's order */
  bool simt;                     /* for a grid of blocks: each group wants an axis that they share out */
  struct kernel *k;
  struct groups *gs;
  struct lfunc *f;
};
struct pass {
  const char *name;
  enum status (*run)(struct arena *a, struct unit *u, struct diag *d);
  enum level needs, gives;
  bool optional;
};
enum status pass_run(struct arena *a, const struct pass *p, unsigned n, struct unit *u, struct diag *d);
#endif
