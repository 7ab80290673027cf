/* Which members of a group can run over a reduction axis block by block with running corrections. Analysis only: fuse asks it, online acts on it. */
#ifndef HONE_COMPILER_PASS_STREAM_H
#define HONE_COMPILER_PASS_STREAM_H
#include "ir/group.h"

enum member {
  MEM_BLOCK,    /* depends on no reduction over the stream axis: computed block by block as it stands */
  MEM_STATE,    /* a max or min over the stream axis of block values */
  MEM_RUNNING,  /* body(new state) = body(old state) * factor(old, new) */
  MEM_POST      /* needs complete reductions: after the last block */
};
struct stream {
  sym_t s;
  unsigned nsum;                      /* running reductions */
  uint8_t kind[GROUP_MAX_EQ];         /* enum member, by position in the list */
  uint16_t state[GROUP_MAX_EQ];       /* MEM_RUNNING: position of its MEM_STATE */
  expr_t factor[GROUP_MAX_EQ];        /* MEM_RUNNING: over E_ARG 0 (old), 1 (new), of the state's type; not guarded against inf - inf */
  bool selected[GROUP_MAX_EQ];        /* MEM_RUNNING: a select may hide the NaN that a dead state gives in the plain form */
};
/* eq[0..n): equations of k in order, axes unified. open: readers of temps that are not in the list are ignored (the list still grows); otherwise they
   make the temp a MEM_POST. False when no axis gives a running reduction. */
bool stream_find(struct arena *a, const struct kernel *k, const uint16_t *eq, unsigned n, bool open, struct stream *out);
/* x = read of the state when it lives, else 0: what running bodies subtract (see stream.c). */
expr_t stream_safe_state(struct arena *a, const struct eq *state, expr_t read);
#endif
