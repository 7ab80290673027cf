/* One change of a schedule that is taken apart. What comes out may be illegal: space.c asks. */
#ifndef HONE_TUNER_MOVES_H
#define HONE_TUNER_MOVES_H
#include "tuner/plan.h"

struct mover {
  const struct space *sp;
  const struct plan *def;  /* the default schedule, whose sizes are worth trying */
  uint64_t *rng;
};
unsigned move_below(const struct mover *m, unsigned n);      /* 0 … n - 1; 0 when n is 0 */
/* false: nothing changed. */
bool move_any(const struct mover *m, struct plan *p);
/* Parts of it, for schedules drawn from scratch. */
bool move_vector(const struct mover *m, struct plan *p);     /* one vector loop: put on an axis, moved, added or taken away */
bool move_level(const struct mover *m, struct plan *p, unsigned axis); /* one level more */
bool move_loop(const struct mover *m, struct plan *p);       /* one loop elsewhere in the order */
bool move_unroll(const struct mover *m, struct plan *p);
bool move_operand(const struct mover *m, struct plan *p);    /* pack, copy, prefetch */
/* moves_threads.c: blocks of threads. */
bool move_threads(const struct mover *m, struct plan *p);    /* digits of the thread's number, matrix instructions, stages, the grid */
int64_t move_digit_width(const struct plan *p, unsigned axis); /* elements that all threads along the axis take at a time; 0: none stand along it */
void move_unstage(struct plan *p, int operand);
bool move_parallel(const struct mover *m, struct plan *p);
#endif
