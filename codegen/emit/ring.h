/* A ring of buffers that tensor maps fill, while its loop is open: what simt_tma.c, which makes the barriers and both
   sides of the loop, and simt_flight.c, which has products run on into the next iteration, share. */
#ifndef HONE_CODEGEN_EMIT_RING_H
#define HONE_CODEGEN_EMIT_RING_H

#include "codegen/emit/build.h"

enum { RING_SLOTS = 4 };

struct ring {
  const struct lstmt *loop;
  const uint8_t *object;     /* [nobject] brought by it */
  unsigned n;                /* buffers */
  unsigned nslot;            /* operands that are read at different places have barriers of their own (simt_slot.c) */
  uint8_t *slot;             /* [nobject] */
  int64_t bytes[RING_SLOTS]; /* of the boxes of an iteration */
  LLVMValueRef barriers;     /* of each slot n of bytes, n of warps; in shared memory */
  LLVMValueRef at, round;    /* cells of the thread: the buffer, and which of two rounds it is */
  struct val *first;         /* [nobject] the first buffer of each, while the loop is open */
  bool late;                 /* the instructions of an iteration may run on into the next */
  struct ring *next;
};

/* simt_tma.c */
LLVMValueRef ring_cell(struct fn *f, LLVMValueRef cell);                       /* its value now */
void ring_use(struct fn *f, const struct ring *r, LLVMValueRef at);            /* the objects lie in this buffer */
void ring_first(struct fn *f, const struct ring *r);                           /* in the first one */
LLVMValueRef ring_before(struct fn *f, const struct ring *r, LLVMValueRef at); /* the buffer of the iteration before */
void ring_release(struct fn *f, const struct ring *r, unsigned slots, LLVMValueRef at, LLVMValueRef cond);

/* simt_slot.c */
void ring_find_slots(struct fn *f, struct ring *r);
unsigned ring_slots_read(const struct ring *r, const struct lstmt *s); /* a bit each */
static inline unsigned ring_all(const struct ring *r) {
  return (1u << r->nslot) - 1;
}

/* simt_flight.c: an iteration does nothing but sums in registers by instructions: they may run on into the next one. */
bool ring_runs_on(struct fn *f, const struct lstmt *body);
/* The nest at the end of the loop's body that is made in the next iteration; NULL: there is none. */
const struct lstmt *ring_held_nest(struct fn *f, const struct lstmt *loop);
void ring_held_loop(struct fn *f, struct ring *r, const struct lstmt *loop); /* the whole loop with such a nest */
/* The end of an iteration. late: the slots that the nest reads, which are given back an iteration later. */
void ring_held_leave(struct fn *f, const struct ring *r, unsigned late, LLVMValueRef at);

#endif
