/* Products of narrow values summed in a wide type: what matrix instructions of all kinds compute. Recognised by form, in any equation and in any LOOP
   statement. DOT_BYTES of each operand, neighbours along the reduction, make one 32-bit element of the sum. */
#ifndef HONE_IR_DOT_H
#define HONE_IR_DOT_H
#include "ir/expr.h"

enum { DOT_BYTES = 4 };
enum dotkind { DOT_none, DOT_u8i8, DOT_i8i8, DOT_i16i16, DOT_bf16, DOT_u8u8, DOT_f16, DOT_f32, DOT_f64, DOT_f8 };
struct dot {
  enum dotkind kind;
  expr_t a, b;     /* the two reads; of DOT_u8i8 a is the unsigned one */
  bool shifted;    /* a is i8 and 128 is added to it, which makes it the unsigned one */
  bool rounded;    /* dot_mixed: a is f32 and is rounded to b's type */
  bool alone;      /* b is summed by itself: a is 1 and has no read (NULL) */
  uint8_t type[2]; /* what a and b are multiplied as: their own types, but in dot_packed */
  unsigned group;  /* elements of each that one instruction adds up in a lane: DOT_BYTES / their size; 1 of DOT_f64 */
};
/* x: W(read) * W(read), W the conversion to i32 (of 8 or 16 bit integers) or f32 (of bf16, f16, and of e4m3 and e5m2 in any pair); (i32(i8) + 128) * i32(i8); i32(i8) alone; a product of
   two reads of f32 or of f64. */
bool dot_of(expr_t x, struct dot *out);
/* The same where operands may be converted when they are packed: e4m3 and e5m2 to the type of the factor beside them, bf16 or f16; two of them to f16, unless there
   are instructions of their own (fp8). All these conversions are exact. */
bool dot_packed(expr_t x, bool fp8, struct dot *out);
/* x: a read of f32 times f32(read of bf16 or f16), in either order: the product of that type which --fp fast allows for it. */
bool dot_mixed(expr_t x, struct dot *out);
/* The same where operands may be converted when they are packed: e4m3 and e5m2 to bf16, which holds them (f16 would not hold large factors beside them). */
bool dot_mixed_packed(expr_t x, struct dot *out);

/* Instructions that a schedule step `tensorize NAME` may name; a target says which it has (struct limits). */
enum matrix {
#define MATRIX(name, what) MATRIX_##name,
#include "ir/matrix.def"
#undef MATRIX
  MATRIX_COUNT
};
extern const char *const matrix_name[MATRIX_COUNT];
bool matrix_takes(enum matrix m, enum dotkind k);

/* The instruction of a warp (`tensorize mma`): 8 * rows rows, 8 columns, `depth` terms of operands of so many bytes. false: there is none for k. */
struct mma_form { unsigned depth, rows, bytes; };
bool mma_form(enum dotkind k, struct mma_form *out);

/* Matrix tiles (amx): registers of TILE_ROWS rows of TILE_BYTES. */
enum { TILE_ROWS = 16, TILE_BYTES = 64, TILE_LANES = TILE_BYTES / DOT_BYTES, TILE_COUNT = 8 };
/* Do rows x cols tiles of sums stand in the registers together with those of their operands? The side that has fewer keeps its own, the other takes turns
   in two, one of them for the last, which may be smaller. */
bool tiles_fit(int64_t rows, int64_t cols);
#endif
