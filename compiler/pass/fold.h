/* One expression made simpler with the same value, bit for bit (NaN payloads aside). */
#ifndef HONE_COMPILER_PASS_FOLD_H
#define HONE_COMPILER_PASS_FOLD_H
#include "ir/expr.h"
/* exact_only: without the rules that round differently (small powers as products, 1 / sqrt as rsqrt). */
expr_t fold_expr(struct arena *a, expr_t x, bool exact_only);
/* fold_saturate.c: x, a conversion, or a select around one; x itself where there is nothing to leave out. */
expr_t fold_saturating_cast(struct arena *a, expr_t x);
expr_t fold_saturating_select(expr_t x);
/* The minimum or maximum of an integer and a constant, as that of the float the integer was made of. */
expr_t fold_whole_bound(struct arena *a, expr_t x);
/* x, a conversion to a narrower integer, of a choice among numbers and what had that type already: u8(v > 255 ? 255 : i32(u8(v))). */
expr_t fold_narrow_choice(struct arena *a, expr_t x);
/* fold_float.c: x, a conversion or a comparison, with what is computed in double as float where that gives the same bits; x itself where it does not. */
expr_t fold_float_cast(struct arena *a, expr_t x);
expr_t fold_float_compare(struct arena *a, expr_t x);
/* Every value of `from` is a value of `to`. */
bool fold_lossless(enum dtype to, enum dtype from);
/* x as it was in type t before C's promotion (bytes are compared as int): the same value. NULL: it was of another type. */
expr_t fold_unpromoted(struct arena *a, expr_t x, enum dtype t);
bool fold_is(expr_t x, double v);   /* x is the constant v; a float zero also in its sign */

enum { MAX_FACTOR = 16 };
struct factors {
  unsigned n;
  bool neg, full; /* full: there were more */
  struct factor {
    expr_t x;
    bool den, outside; /* outside: for the caller's use */
  } f[MAX_FACTOR];
};
/* x (or 1/x: den) as a product of factors and reciprocals, in order of appearance, added to *out. Integer division is no factor: it truncates. */
void fold_factors(expr_t x, bool den, struct factors *out);
#endif
