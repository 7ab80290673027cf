/* Integer polynomials over symbols: extents, strides, subscripts, bounds, guards. Canonical (sorted, no zero terms), immutable,
   arena-allocated: equality is structural. Degree in index symbols is at most 1 where the verifier says "affine"; dims may multiply.
   Tiled loops count in elements (i = i2 + i1 + i0), so no division is ever needed. */
#ifndef HONE_IR_POLY_H
#define HONE_IR_POLY_H
#include "ir/arena.h"
#include <stdbool.h>

typedef uint16_t sym_t;                     /* number of a symbol in its kernel's symbol table */
#define SYM_NONE UINT16_MAX
enum { POLY_DEG = 6 };                      /* most symbols in one product */
struct mono { int64_t coef; uint8_t n; sym_t sym[POLY_DEG]; };  /* sym sorted ascending, repeats allowed */
struct poly { uint32_t n; bool overflow; struct mono mono[]; }; /* overflow: a coefficient or a degree did not fit; poisons results */
typedef const struct poly *poly_t;

poly_t poly_const(struct arena *a, int64_t c);
poly_t poly_sym(struct arena *a, sym_t s);
poly_t poly_add(struct arena *a, poly_t x, poly_t y);
poly_t poly_sub(struct arena *a, poly_t x, poly_t y);
poly_t poly_mul(struct arena *a, poly_t x, poly_t y);
poly_t poly_scale(struct arena *a, poly_t x, int64_t c);
poly_t poly_addc(struct arena *a, poly_t x, int64_t c);
poly_t poly_copy(struct arena *a, poly_t x);
poly_t poly_subst(struct arena *a, poly_t x, sym_t s, poly_t by);           /* s := by */
poly_t poly_rename(struct arena *a, poly_t x, const sym_t *map, size_t n);  /* s := map[s]; SYM_NONE keeps s */
/* x = coef * s + rest where coef and rest do not hold s; false when s appears squared. */
bool poly_split(struct arena *a, poly_t x, sym_t s, poly_t *coef, poly_t *rest);
bool poly_eq(poly_t x, poly_t y);
int poly_cmp(poly_t x, poly_t y);                                           /* a total order, for sorting */
bool poly_is_const(poly_t x, int64_t *c);                                   /* c may be NULL */
bool poly_is_sym(poly_t x, sym_t *s);                                       /* exactly 1*s */
bool poly_has(poly_t x, sym_t s);
/* x and y have different values, whatever integers the symbols stand for, not the same in both: what divides all factors does not divide the difference
   of the constants (2*i and 2*j + 1). False: not known. */
bool poly_always_differ(poly_t x, poly_t y);
/* Value at vals[sym]; false on int64 overflow. */
bool poly_eval(poly_t x, const int64_t *vals, int64_t *out);
/* Constant bounds of x when each symbol lies in [lo[s], hi[s]] (INT64_MIN/MAX: unbounded). Saturates. */
void poly_range(poly_t x, const int64_t *lo, const int64_t *hi, int64_t *min, int64_t *max);
#endif
