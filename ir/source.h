/* SOURCE level: a C function as a loop tree in source order, exactly: C's types, conversions (all explicit casts), order and rounding.
   Text form, verifier, interpreter. The oracle of every C spec, and what is compiled when raising does not apply or arrays overlap at entry. */
#ifndef HONE_IR_SOURCE_H
#define HONE_IR_SOURCE_H
#include "ir/loop.h"
/* The tree reuses LOOP's statements and expressions: loops are F_SERIAL with explicit bounds where the counter is never assigned in the body, L_WHILE otherwise;
   scalars are locals; subscripts are {0, dyn} where not affine. Tensors that are `T *` have rank 1 and unknown extent (extent[0] == NULL). */
struct source {
  struct lfunc *f;               /* f->k carries the signature and no equations */
  bool strict;                   /* --fp strict: no float may be rounded otherwise than C rounds it, also where it is raised */
  unsigned ngiven;
  const poly_t *given;           /* each >= 0 wherever it is called: what the loops around a part say of its dims */
  const char *why;               /* why it did not raise (arena), NULL when it did */
  struct loc why_loc;
};
#endif
