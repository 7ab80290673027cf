/* Sums and differences of 8 and 16 bit integers that stop at the ends of their type, as C has to write them: in a wider type, cut, and converted back. */
#ifndef HONE_IR_SATURATE_H
#define HONE_IR_SATURATE_H
#include "ir/expr.h"

struct saturated {
  bool minus;
  expr_t a, b; /* of x's type */
};
/* x: T(min(max(W(a) + W(b), least), most)) of T's ends, in any order; of unsigned types the end that can be passed is enough. */
bool saturated_of(expr_t x, struct saturated *out);
#endif
