/* What the files of the default schedule share: the chooser, and what it asks of a group. Private to codegen/lower/default*.c. */
#ifndef HONE_CODEGEN_DEFAULT_H
#define HONE_CODEGEN_DEFAULT_H
#include "codegen/lower/legal.h"
#include "codegen/lower/plan.h"

enum {
  PACK_ROWS = 16,         /* rows that pay for turning an operand */
  PARALLEL_WORK = 200000  /* operations that pay for a hand-over to threads */
};

struct chooser {
  struct arena *a;
  const struct groups *gs;
  const struct group *g;
  unsigned gi;
  const struct limits *lim;
  const struct lower_opts *o;
  const struct eq *main; /* the member that costs most */
  int part;              /* the axis of the parts of a reduction that threads share out, -1: none */
  bool ordered;          /* several rows side by side (default_ordered.c) */
  int stream;            /* the axis of a stream, also where parts of it run as plain passes, -1: none */
  bool planes;           /* a window over planes (default_taps.c): what comes from beyond L2 is asked for in `rows` */
  unsigned rows;         /* the loop over rows of such a window */
  struct sched s;
};
struct order {
  unsigned n;
  uint8_t l[MAX_LOOP];
};
struct score { /* of reads with the axis s on vector lanes */
  const struct chooser *c;
  const struct eq *e;
  sym_t s;
  int unit, far, packable;
  int woven; /* of those that are far: a few elements apart, which whole vectors hold (codegen/emit/weave.c) */
};
struct reuse { /* `acc` moves with the lanes and not with the rows */
  sym_t lane, row;
  const struct chooser *c;
  bool shared;
  unsigned tensor;
  const struct access *acc;
};

struct dots { /* a product of narrow values as the main member */
  struct dot d;
  int lane, row, red;         /* axes; row -1: none */
  const struct access *b, *a; /* moves with the lanes; the other */
  bool laid;                  /* both operands lie as an instruction takes them: red is an axis of just one step */
};

/* ---- asking ---- */
/* Appends a step if it is legal; false: it was left out. `order` and `tile` are judged together at the end. */
bool def_push(struct chooser *c, enum stepkind kind, unsigned loop, int64_t arg);
int def_axis(const struct chooser *c, sym_t s);                     /* -1: not an axis of the group */
int64_t def_extent(const struct chooser *c, unsigned a);            /* constant extent, 0 when it is not known */
int64_t def_most(const struct chooser *c, unsigned a);              /* the same, or what the kernel assumes that it is at most */
int64_t def_guess(const struct chooser *c, unsigned a);             /* the same, 1024 when it is not known */
bool def_walks(const struct eq *e, sym_t s);
bool def_reduces(const struct eq *e, sym_t s);
bool def_parallel_in_all(const struct chooser *c, unsigned a);
int def_operand(const struct chooser *c, unsigned tensor);          /* its number in steps, -1: none */
/* ---- strides ---- */
bool def_stride(const struct chooser *c, unsigned tensor, const poly_t *ix, sym_t s, int64_t *out); /* elements between neighbours along s; false: not a constant */
int def_step(const struct chooser *c, unsigned tensor, const poly_t *ix, sym_t s); /* elements between neighbours along s: 0, 1, or 2 for anything else */
const poly_t *def_subs(const struct chooser *c, const struct access *r);
bool def_has(const struct access *r, sym_t s);
void def_score_read(expr_t x, void *ctx);                           /* visitor; ctx: struct score */
int def_best_lane(const struct chooser *c, const struct eq *only);  /* axis for the vector lanes, -1: none */
unsigned def_lanes(const struct chooser *c, const struct eq *e);    /* elements of a vector */
unsigned def_sum_lanes(const struct chooser *c, const struct eq *e); /* of one along which e sums: of terms shorter than the sum (ir/short_sum.h) so many */
/* ---- the main member and its reuse ---- */
const struct eq *def_find_main(const struct chooser *c);
void def_find_shared(expr_t x, void *ctx);                          /* visitor; ctx: struct reuse */
int def_find_rows(const struct chooser *c, const struct eq *e, unsigned lane, struct reuse *out);
/* Does the shared operand lie in panels as packing would make them: the lanes of one step of the reduction (at most a tile), then those of the next? */
bool def_in_panels(const struct chooser *c, const struct reuse *k, unsigned lane, int64_t tile);
bool def_beside(const struct chooser *c, const struct eq *e);       /* a sum over the axes of the main member: their tiles are in registers together */
int64_t def_sums(const struct chooser *c);                          /* of those, and the main member itself */
/* ---- sizes ---- */
int64_t def_round_up(int64_t n, int64_t m);
int64_t def_pick_vectors(int64_t ext, int64_t lanes, int64_t max);
int64_t def_pick_rows(int64_t ext, int64_t max);
int64_t def_max_rows(const struct chooser *c, int64_t nv);
int64_t def_pick_block(int64_t ext, int64_t m, int64_t want);
int64_t def_stream_block(int64_t ext, int64_t tile, int64_t want);    /* elements of a stream at a time; 0: nothing runs in parts */
/* ---- order and threads ---- */
void def_then(struct order *o, unsigned axis, unsigned level);      /* appends a loop unless it is there */
void def_push_order(struct chooser *c, const struct order *o);
double def_bytes(const struct chooser *c, unsigned tensor);          /* of a tensor with constant extents, else 0 */
double def_work(const struct chooser *c);                            /* operations of the group */
void def_push_parallel(struct chooser *c, const struct order *o);
/* ---- sums that do not go over the main member's lanes (default_others.c) ---- */
enum { MOST_OTHERS = 4 };
struct others { /* the axes on their lanes */
  unsigned n, axis[MOST_OTHERS];
};
struct others def_others(const struct chooser *c, unsigned lane);
bool def_is_other(const struct others *x, unsigned axis);
void def_push_others(struct chooser *c, const struct others *x, enum stepkind kind, int64_t arg); /* the step at level 0 of each */
void def_then_others(struct order *o, const struct others *x, unsigned level);
/* ---- shapes: false (matrix, taps, product, window, stream, pairs): this group has not got the shape ---- */
bool def_dots(const struct chooser *c, struct dots *x); /* false: the main member is no such product */
int def_instruction(const struct chooser *c, const struct eq *e, struct dot *d); /* enum matrix, on vectors, that makes e; -1: none */
bool def_tiles(struct chooser *c);
bool def_matrix(struct chooser *c);
bool def_product(struct chooser *c, int lane, int row, const struct reuse *k);
/* A running reduction over axis s: scores that walk it (a sum over d, for rows t), and a sum over it (with columns v); the operands that it moves in
   each, NULL: none. */
struct stream_axes { unsigned s; int t, d, v; const struct eq *score, *out; const struct access *keys, *values; };
bool def_find_stream(const struct chooser *c, struct stream_axes *x);
bool def_stream(struct chooser *c);
bool def_blocks_stream(struct chooser *c); /* for blocks of threads */
bool def_window(struct chooser *c, int lane, int row, const struct reuse *k);
/* The lanes of a window whose `lane` runs along the image go to another axis, along which its shared operand is turned. */
bool def_window_turned(struct chooser *c, int lane);
bool def_taps(struct chooser *c, int lane);
bool def_pairs(struct chooser *c);
bool def_narrow(struct chooser *c);
bool def_little(struct chooser *c);
bool def_ordered(struct chooser *c);
void def_plain(struct chooser *c, int lane, int row);
/* ---- blocks of threads (GPUs) ---- */
enum { BLOCKS_OPERANDS = 8, BLOCKS_GROUP = 64 /* rows or columns that pay for a warp group */ };
struct blocks_product { /* axes of a product: lane along the result, row across it, the longest sum; and what it reads */
  int lane, row, red;
  unsigned n, bytes; /* operands, and bytes of the widest one's elements */
  uint16_t tensor[BLOCKS_OPERANDS];
};
struct blocks_tile {
  int64_t lane, row, red;
};
bool def_blocks_find(const struct chooser *c, struct blocks_product *p);
struct blocks_tile def_blocks_tile(const struct chooser *c, const struct blocks_product *p);
double def_blocks_count(const struct chooser *c, const struct blocks_product *p, const struct blocks_tile *t); /* of the grid, as far as it is known */
/* The tiles of the result, the other sums, then the sum in `levels` levels above its innermost one. */
struct order def_blocks_order(const struct chooser *c, const struct blocks_product *p, unsigned levels);
void def_blocks_loops(struct chooser *c, const struct blocks_product *p, unsigned levels); /* in this order, operands staged in the outermost level of the sum */
bool def_blocks_groups(struct chooser *c);
bool def_blocks_matrix(struct chooser *c);
bool def_blocks_product(struct chooser *c);
bool def_blocks_turn(struct chooser *c, unsigned lane);
void def_blocks_plain(struct chooser *c, unsigned lane);
/* The sum to split where the chosen schedule has too few blocks for all SMs, and in how many parts; -1: none. */
int def_blocks_parts(const struct chooser *c, int *parts);
#endif
