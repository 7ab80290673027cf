/* Do a read and a store of a kernel's equations name one element? Asked by fusion and by lowering of what is computed in place. */
#ifndef HONE_IR_APART_H
#define HONE_IR_APART_H
#include "ir/tensor.h"

/* Is it shown that what r reads at x is never an element that w writes, in whatever iterations of the two, for all dims that meet k's assumptions? The two may be one
   equation; both have the tensor x->tensor on their sides. Temps are not looked at beyond parity (false). */
bool eq_apart(const struct kernel *k, const struct eq *w, const struct eq *r, const struct access *x);
#endif
