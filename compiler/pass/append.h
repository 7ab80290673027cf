/* Elements that a condition picks, stored side by side: whole vectors at a time.

     for i: if (x[i] > t) { out[k] = x[i]; k = k + 1 }

   becomes, for blocks of the loop in which what is read and what is stored lie apart (else a block stays),

     for the 16 lanes v of i: if (x[v] > t) { out[k] = x[v]; k = k + 1 }

   which the emitter makes of one instruction that moves the chosen lanes together.

   needs   a SOURCE tree that pass_raise gave up on; a target that has the instruction
   gives   the same tree, each such loop cut into blocks; an element is read where C reads it and stored where C stores it
   leaves  loops whose condition or values depend on k, that pick by other conditions inside, or that leave early. What is picked from may be what is stored
           to (x[k] = x[i]) where the place stored to is not ahead of the one read */
#ifndef HONE_COMPILER_APPEND_H
#define HONE_COMPILER_APPEND_H
#include "ir/source.h"
void pass_append(struct arena *a, struct source *s);
#endif
