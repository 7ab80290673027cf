/* Sums of 8 and 16 bit integers in a wider one whose terms machines add up several at a time, lane beside lane: by distance of bytes (psadbw), or as products of 16 bits
   (pmaddwd, vpdpwssd) or 8 bits (vpdpbusd). Recognised by form, in any equation and in any LOOP statement. Unlike ir/dot.h it is about sums along the lanes of a vector. */
#ifndef HONE_IR_SHORT_SUM_H
#define HONE_IR_SHORT_SUM_H
#include "ir/expr.h"

enum short_kind {
  SHORT_none,
  SHORT_distance, /* |a - b|, both u8 */
  SHORT_byte,     /* a, u8 */
  SHORT_signed,   /* a, i8 */
  SHORT_half,     /* a, i16 */
  SHORT_mixed,    /* a * b, u8 and i8 */
  SHORT_product   /* a * b, each u8, i8 or i16 */
};
struct short_sum {
  enum short_kind kind;
  expr_t a, b;    /* b NULL: a alone */
  unsigned bytes; /* of a lane's element: 1 or 2 */
};
/* x: the term of a sum in its type, i32 or u32, or (distances and bytes) i64 or u64. */
bool short_sum_of(expr_t x, struct short_sum *out);
#endif
