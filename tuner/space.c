/* The space: legal schedules of a group. A random schedule is the default one changed at random, or one drawn from
   scratch; a neighbour differs in one move (moves.c). Both ask legal_sched before they answer, so the search proposes
   only what will build. */
#include "tuner/moves.h"
#include <string.h>

uint64_t rng_next(uint64_t *state) { /* splitmix64, Steele et al. 2014 */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void space_open(struct space *sp) {
  static const double LEAST = 600, MORE = 1.5;
  sp->opts.max_size = 0;
  sp->def = sched_default(sp->gs, sp->g, sp->lim, &sp->opts);
  double n = MORE * lower_size(sp->gs, sp->g, &sp->def, sp->lim, &sp->opts);
  sp->opts.max_size = (unsigned)(n < LEAST ? LEAST : n < LOWER_SIZE_MAX ? n : LOWER_SIZE_MAX);
}

static bool accept(const struct space *sp, const struct plan *p, struct sched *out) {
  struct arena *a = arena_new();
  bool ok = plan_sched(p, out) && !legal_sched(a, sp->gs, sp->g, out, sp->lim, &sp->opts);
  arena_free(a);
  return ok;
}

bool space_neighbour(const struct space *sp, uint64_t *rng, const struct sched *s, struct sched *out) {
  struct plan from = plan_of(sp, s), def = plan_of(sp, &sp->def);
  struct mover m = {sp, &def, rng};
  for (unsigned tries = 0; tries < 64; tries++) {
    struct plan p = from;
    if (move_any(&m, &p) && accept(sp, &p, out) && !sched_eq(out, s)) return true;
  }
  return false;
}

/* From scratch: a vector axis, up to two levels for each axis, rows of a tile unrolled. */
static void draw(const struct mover *m, struct plan *p) {
  memset(p, 0, sizeof *p);
  p->naxis = m->sp->gs->g[m->sp->g].naxis;
  for (unsigned x = 0; x < p->naxis; x++) p->order[p->norder++] = LOOP_ID(x, 0);
  for (unsigned i = m->sp->lim->simt ? 1 + move_below(m, 4) : 0; i-- > 0;) (void)move_threads(m, p);
  if (!m->sp->lim->simt) (void)move_vector(m, p);
  for (unsigned x = 0; x < p->naxis; x++)
    for (unsigned l = move_below(m, 3); l-- > 0;) (void)move_level(m, p, x);
  for (unsigned i = move_below(m, 4); i-- > 0;) (void)move_loop(m, p);
  for (unsigned i = move_below(m, 3); i-- > 0;) (void)move_unroll(m, p);
  for (unsigned i = move_below(m, 3); i-- > 0;) (void)move_operand(m, p);
  if (m->sp->opts.threads > 1) (void)move_parallel(m, p);
}

bool space_random(const struct space *sp, uint64_t *rng, struct sched *out) {
  struct plan def = plan_of(sp, &sp->def);
  struct mover m = {sp, &def, rng};
  for (unsigned tries = 0; tries < 200; tries++) {
    struct plan p = def;
    if (rng_next(rng) & 1)
      draw(&m, &p);
    else
      for (unsigned i = 1 + move_below(&m, 6); i-- > 0;) (void)move_any(&m, &p);
    if (accept(sp, &p, out)) return true;
  }
  *out = sp->def;
  return true;
}
