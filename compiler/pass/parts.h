/* What of a function raises although the function does not: its largest runs of statements that do, each as a function of its own.

   needs   a SOURCE tree that pass_raise gave up on
   gives   the same tree with L_PART around each such run (its meaning is unchanged: a part's body is what it does), and the parts
   leaves  the order of parts, the loops around them and all other statements as they are */
#ifndef HONE_COMPILER_PARTS_H
#define HONE_COMPILER_PARTS_H
#include "ir/source.h"
struct raised_part {
  struct source *source;
  struct kernel *k;
};
struct raised_parts {
  unsigned n;
  struct raised_part *v;      /* by number of struct subfunc */
};
void pass_parts(struct arena *a, struct source *s, struct diag *d, struct raised_parts *out);
#endif
