/* What the packing of plain operands (pack.c) and of those of matrix instructions (pack_sub.c) share. Private to codegen/lower/pack*.c. */
#ifndef HONE_CODEGEN_PACK_H
#define HONE_CODEGEN_PACK_H
#include "codegen/lower/plan.h"

struct packside { /* of a copying by the threads of a block: a loop of n elements, `lanes` pieces at a time */
  uint8_t loop;
  int64_t n;             /* iterations */
  int64_t step;          /* of elements; not 1: a loop of tiles, walked by each thread alone */
  unsigned lanes, piece, digit;
  sym_t strip, lane, part;
};
struct packing {
  struct build *b;
  const struct ppack *step;
  const struct member *reader;
  expr_t read;
  bool wide;             /* a narrow float that is read as f32 everywhere: converted here, once, to `type` */
  enum dtype type;
  uint32_t axes; /* that the read depends on */
  unsigned nd;
  uint8_t dim[MAX_DIMS]; /* loops inside, outermost first */
  int sub;               /* the reader's sub loop, when the read moves with it: whole steps of it are packed, with zeros at the end; or -1 */
  int vec;               /* loop that the copying runs on lanes, or -1 */
  int inner;             /* the loop that stands for all of the sum's inside (fragments that are read along it), or -1 */
  int run; /* loop along which the operand is contiguous when the lanes are not, or -1: walked in strips */
  unsigned nside;         /* > 0: threads copy, in place of vec and run */
  struct packside side[4];
  uint8_t walk[MAX_DIMS]; /* the other dims in the operand's own order, outermost first */
  unsigned nwalk;
  sym_t column; /* of the block that is being copied: counts along `run`; SYM_NONE outside of one */
};
enum dtype pack_type(const struct packing *k); /* of an element of the buffer */
/* Is the operand contiguous along the axis of loop l, which walks single elements? */
bool pack_contiguous(const struct packing *k, unsigned l);
/* Loop l is at `at`; of a copy, and of the dimension `inner`, that is the place on the whole axis. */
void pack_open(const struct packing *k, unsigned l, poly_t at, struct env *e);
/* Elements that loop l walks in the buffer; 0: not constant. */
int64_t pack_span(const struct packing *k, unsigned l);
/* One element: buffer = read. */
struct lstmt *pack_element(struct packing *k, const struct env *e, const struct place *x, const struct member *m, expr_t read);

/* ---- pack_sub.c ---- */
int pack_sub_loop(const struct packing *k, const struct env *e);                      /* k->sub */
bool pack_sub_lanes(struct packing *k);                                               /* sets vec; false (sub dropped): as any operand */
poly_t pack_sub_extent(const struct packing *k, unsigned d, poly_t extent);           /* of dimension d of a copy */
void pack_sub_bounds(const struct packing *k, unsigned l, struct bounds *bd);         /* of a copy's loop: with the zeros behind the end */
/* What runs on the lanes (or alone, without lanes): one step of the sub loop, or one element of a row. */
struct lstmt *pack_sub_body(struct packing *k, const struct env *e, const struct place *x, const struct member *m);

/* ---- pack_threads.c ---- */
void pack_find_sides(struct packing *k);
bool pack_is_side(const struct packing *k, unsigned l);
struct lstmt *pack_by_threads(struct packing *k, const struct env *e, const struct place *x, const struct member *m); /* what stands inside the walked loops */
#endif
