/* The space: legal schedules of a group. A random schedule is the default one changed at random, or one drawn from scratch; a neighbour differs in one thing.
   Both ask legal_sched before they answer, so the search proposes only what will build. */
#include "tuner/plan.h"
#include "tuner/strategy.h"
#include <string.h>

uint64_t rng_next(uint64_t *state) { /* splitmix64, Steele et al. 2014 */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void space_bound(struct space *sp) {
  static const double LEAST = 600, MORE = 1.5;
  struct sched def = sched_default(sp->gs, sp->g, sp->lim, &sp->opts);
  double n = MORE * lower_size(sp->gs, sp->g, &def, sp->lim, &sp->opts);
  sp->opts.max_size = (unsigned)(n < LEAST ? LEAST : n < LOWER_SIZE_MAX ? n : LOWER_SIZE_MAX);
}

static unsigned below(uint64_t *rng, unsigned n) {
  return n ? (unsigned)(rng_next(rng) % n) : 0;
}

static unsigned lanes_of(const struct space *sp) {
  return sp->lim->vector_bytes / 4 ? sp->lim->vector_bytes / 4 : 1;
}

static bool axis_vectorised(const struct plan *p, unsigned x) {
  for (unsigned i = 0; i < p->nvector; i++)
    if (LOOP_AXIS(p->vector[i]) == x) return true;
  return false;
}

/* Sizes worth trying for the innermost tile of an axis. */
static int16_t inner_size(const struct space *sp, const struct plan *p, unsigned x, uint64_t *rng) {
  static const int16_t rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32};
  if (axis_vectorised(p, x)) return (int16_t)(lanes_of(sp) * (1 + below(rng, 4)));
  return rows[below(rng, sizeof rows / sizeof *rows)];
}

static int16_t outer_size(int16_t under, uint64_t *rng) {
  static const int16_t factor[] = {2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64};
  int f = factor[below(rng, sizeof factor / sizeof *factor)];
  int v = under * f;
  return (int16_t)(v > 8192 ? under * 2 : v);
}

/* Keeps each level a multiple of the one below after level 0 changed. */
static void fix_multiples(struct plan *p, unsigned x) {
  for (unsigned l = 1; l + 1 < LEVEL_MAX && p->tile[x][l]; l++) {
    int under = p->tile[x][l - 1], f = p->tile[x][l] / under;
    p->tile[x][l] = (int16_t)(under * (f < 2 ? 2 : f));
  }
}

static bool change_tile(const struct space *sp, struct plan *p, uint64_t *rng) {
  unsigned x = below(rng, p->naxis), n = plan_levels(p, x) - 1;
  if (!n) return false;
  unsigned l = below(rng, n);
  int16_t old = p->tile[x][l];
  if (l == 0) p->tile[x][0] = inner_size(sp, p, x, rng);
  else p->tile[x][l] = outer_size(p->tile[x][l - 1], rng);
  if (l > 0 && below(rng, 2)) { /* a small move rather than a fresh draw */
    int under = p->tile[x][l - 1], f = old / under;
    f = below(rng, 2) ? f * 2 : f / 2;
    if (f >= 2 && under * f <= 8192) p->tile[x][l] = (int16_t)(under * f);
  }
  fix_multiples(p, x);
  return p->tile[x][l] != old;
}

static bool add_level(const struct space *sp, struct plan *p, uint64_t *rng) {
  unsigned x = below(rng, p->naxis), n = plan_levels(p, x) - 1;
  if (n + 1 >= LEVEL_MAX - 1) return false;
  p->tile[x][n] = n ? outer_size(p->tile[x][n - 1], rng) : inner_size(sp, p, x, rng);
  plan_complete_order(p);
  return true;
}

static bool drop_level(struct plan *p, uint64_t *rng) {
  unsigned x = below(rng, p->naxis), n = plan_levels(p, x) - 1;
  if (!n) return false;
  p->tile[x][n - 1] = 0;
  plan_complete_order(p);
  unsigned kept = 0; /* steps on the loop that is gone go too */
  for (unsigned i = 0; i < p->nextra; i++)
    if (LOOP_LEVEL(p->extra[i].loop) < plan_levels(p, LOOP_AXIS(p->extra[i].loop))) p->extra[kept++] = p->extra[i];
  p->nextra = (uint8_t)kept;
  return true;
}

static bool move_loop(struct plan *p, uint64_t *rng) {
  if (p->norder < 2) return false;
  unsigned from = below(rng, p->norder), to = below(rng, p->norder);
  if (from == to) return false;
  uint8_t l = p->order[from];
  memmove(&p->order[from], &p->order[from + 1], p->norder - from - 1);
  memmove(&p->order[to + 1], &p->order[to], p->norder - 1 - to);
  p->order[to] = l;
  return true;
}

static bool change_vector(struct plan *p, uint64_t *rng) {
  unsigned x = below(rng, p->naxis);
  p->nvector = 1;
  p->vector[0] = LOOP_ID(x, 0);
  return true;
}

static int find_extra(const struct plan *p, enum stepkind kind, int arg) {
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].kind == kind && (arg < 0 || p->extra[i].arg == arg)) return (int)i;
  return -1;
}

static void drop_extra(struct plan *p, int i) {
  memmove(&p->extra[i], &p->extra[i + 1], (size_t)(p->nextra - i - 1) * sizeof *p->extra);
  p->nextra--;
}

static bool toggle_operand(const struct space *sp, struct plan *p, uint64_t *rng) {
  static const uint8_t kinds[] = {STEP_pack, STEP_copy, STEP_pack, STEP_copy, STEP_prefetch};
  uint16_t ops[32];
  unsigned n = group_operands(sp->gs, sp->g, ops, 32);
  if (!n || !p->norder) return false;
  enum stepkind kind = kinds[below(rng, sizeof kinds)];
  int arg = (int)below(rng, n);
  int at = find_extra(p, kind, arg);
  if (at >= 0 && below(rng, 2)) {
    drop_extra(p, at);
    return true;
  }
  uint8_t loop = p->order[below(rng, p->norder)];
  if (at < 0) {
    int other = kind == STEP_pack ? find_extra(p, STEP_copy, arg) : kind == STEP_copy ? find_extra(p, STEP_pack, arg) : -1;
    if (other >= 0) drop_extra(p, other);
    if (p->nextra >= PLAN_EXTRA) return false;
    at = p->nextra++;
  }
  p->extra[at] = (struct step){(uint8_t)kind, loop, (int16_t)arg};
  return true;
}

static bool change_unroll(struct plan *p, uint64_t *rng) {
  static const int16_t counts[] = {2, 4, 8};
  if (!p->norder) return false;
  int at = find_extra(p, STEP_unroll, -1);
  if (at >= 0 && below(rng, 3) == 0) {
    drop_extra(p, at);
    return true;
  }
  if (at < 0) {
    if (p->nextra >= PLAN_EXTRA) return false;
    at = p->nextra++;
    p->extra[at].loop = p->order[p->norder - 1 - below(rng, p->norder < 3 ? p->norder : 3)];
  }
  p->extra[at].kind = STEP_unroll;
  p->extra[at].arg = counts[below(rng, 3)];
  return true;
}

/* Puts a matrix instruction on the innermost level of an axis, which gets a tile of that size, or takes it away. */
static bool toggle_matrix(const struct space *sp, struct plan *p, uint64_t *rng) {
  int at = find_extra(p, STEP_tensorize, -1);
  if (at >= 0) {
    unsigned x = LOOP_AXIS(p->extra[at].loop);
    drop_extra(p, at);
    p->tile[x][0] = inner_size(sp, p, x, rng);
    fix_multiples(p, x);
    return true;
  }
  unsigned insn = below(rng, MATRIX_COUNT), x = below(rng, p->naxis);
  if (!sp->lim->matrix_per_cycle[insn] || p->nextra >= PLAN_EXTRA || axis_vectorised(p, x)) return false;
  if (plan_levels(p, x) < LEVEL_MAX) {
    memmove(&p->tile[x][1], &p->tile[x][0], (LEVEL_MAX - 2) * sizeof *p->tile[x]);
    for (unsigned i = 0; i < p->norder; i++)
      if (LOOP_AXIS(p->order[i]) == x) p->order[i]++;
    for (unsigned i = 0; i < p->nextra; i++)
      if (LOOP_AXIS(p->extra[i].loop) == x) p->extra[i].loop++;
    if (p->norder < sizeof p->order) p->order[p->norder++] = LOOP_ID(x, 0);
  }
  p->tile[x][0] = below(rng, 2) ? 4 : 2;
  fix_multiples(p, x);
  plan_complete_order(p);
  p->extra[p->nextra++] = (struct step){STEP_tensorize, LOOP_ID(x, 0), (int16_t)insn};
  return true;
}

static bool toggle_parallel(const struct space *sp, struct plan *p, uint64_t *rng) {
  if (sp->opts.threads < 2 || !p->norder) return false;
  int at = find_extra(p, STEP_parallel, -1);
  if (at >= 0 && below(rng, 3)) { /* the same, elsewhere; else none or one more */
    p->extra[at].loop = p->order[below(rng, p->norder)];
  } else if (at >= 0 && below(rng, 2)) {
    drop_extra(p, at);
  } else if (p->nextra < PLAN_EXTRA) {
    p->extra[p->nextra++] = (struct step){STEP_parallel, p->order[below(rng, p->norder < 4 ? p->norder : 4)], 0};
  }
  return true;
}

/* Sums in parts, which threads share out; in another number of parts. */
static bool change_parts(const struct space *sp, struct plan *p, uint64_t *rng) {
  int at = find_extra(p, STEP_split, -1);
  int16_t parts = (int16_t)(sp->opts.threads * (1 + below(rng, 4)));
  if (sp->opts.threads < 2) return false;
  if (at >= 0) {
    p->extra[at].arg = parts;
    return true;
  }
  if (p->naxis == GROUP_MAX_AXIS || p->nextra + 2 > PLAN_EXTRA) return false;
  p->extra[p->nextra++] = (struct step){STEP_split, LOOP_ID(below(rng, p->naxis), 0), parts};
  p->extra[p->nextra++] = (struct step){STEP_parallel, LOOP_ID(p->naxis, 0), 0};
  p->naxis++;
  plan_complete_order(p);
  return true;
}

static bool toggle_stream(const struct space *sp, struct plan *p, uint64_t *rng) {
  uint16_t ops[32];
  unsigned n = group_operands(sp->gs, sp->g, ops, 32);
  if (!n) return false;
  int arg = (int)below(rng, n), at = find_extra(p, STEP_stream, arg);
  if (at >= 0) drop_extra(p, at);
  else if (p->nextra < PLAN_EXTRA) p->extra[p->nextra++] = (struct step){STEP_stream, 0, (int16_t)arg};
  return true;
}

/* Ends of a loop, or all of it, on their own. */
static bool toggle_peel(struct plan *p, uint64_t *rng) {
  if (!p->norder) return false;
  uint8_t loop = p->order[below(rng, p->norder)];
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].kind == STEP_peel && p->extra[i].loop == loop) {
      drop_extra(p, (int)i);
      return true;
    }
  if (p->nextra >= PLAN_EXTRA) return false;
  p->extra[p->nextra++] = (struct step){STEP_peel, loop, (int16_t)below(rng, 2)};
  return true;
}

/* A private temp computed inside some loop, inside another one, or in full. */
static bool toggle_compute(const struct space *sp, struct plan *p, uint64_t *rng) {
  uint16_t temps[32];
  unsigned n = group_temps(sp->gs, sp->g, temps, 32);
  if (!n || !p->norder) return false;
  int arg = (int)below(rng, n < 32 ? n : 32), at = find_extra(p, STEP_compute, arg);
  if (at >= 0 && below(rng, 2)) {
    drop_extra(p, at);
    return true;
  }
  if (at < 0) {
    if (p->nextra >= PLAN_EXTRA) return false;
    at = p->nextra++;
  }
  p->extra[at] = (struct step){STEP_compute, p->order[below(rng, p->norder)], (int16_t)arg};
  return true;
}

static bool mutate(const struct space *sp, struct plan *p, uint64_t *rng) {
  switch (below(rng, 16)) {
  case 0: case 1: case 2: case 3: case 4: return change_tile(sp, p, rng);
  case 5: return add_level(sp, p, rng);
  case 6: return drop_level(p, rng);
  case 7: case 8: return move_loop(p, rng);
  case 9: return toggle_compute(sp, p, rng) || move_loop(p, rng);
  case 10: return below(rng, 2) ? toggle_matrix(sp, p, rng) : below(rng, 2) ? change_vector(p, rng) : toggle_peel(p, rng);
  case 11: case 12: case 13: return toggle_operand(sp, p, rng);
  case 14: return below(rng, 4) ? change_unroll(p, rng) : toggle_stream(sp, p, rng);
  default: return (below(rng, 4) == 0 && change_parts(sp, p, rng)) || toggle_parallel(sp, p, rng) || change_unroll(p, rng);
  }
}

static bool accept(const struct space *sp, const struct plan *p, struct sched *out) {
  struct arena *a = arena_new();
  bool ok = plan_sched(p, out) && !legal_sched(a, sp->gs, sp->g, out, sp->lim, &sp->opts);
  arena_free(a);
  return ok;
}

bool space_neighbour(const struct space *sp, uint64_t *rng, const struct sched *s, struct sched *out) {
  struct plan from = plan_of(sp->gs, sp->g, s);
  plan_complete_order(&from);
  for (unsigned tries = 0; tries < 64; tries++) {
    struct plan p = from;
    if (mutate(sp, &p, rng) && accept(sp, &p, out) && !sched_eq(out, s)) return true;
  }
  return false;
}

/* From scratch: a vector axis, one or two levels for each axis, inner tiles inside, reductions between. */
static void draw(const struct space *sp, struct plan *p, uint64_t *rng) {
  memset(p, 0, sizeof *p);
  p->naxis = sp->gs->g[sp->g].naxis;
  change_vector(p, rng);
  for (unsigned x = 0; x < p->naxis; x++) {
    unsigned levels = below(rng, 3);
    if (axis_vectorised(p, x) && !levels) levels = 1;
    for (unsigned l = 0; l < levels; l++) p->tile[x][l] = l ? outer_size(p->tile[x][l - 1], rng) : inner_size(sp, p, x, rng);
  }
  plan_complete_order(p);
  for (unsigned i = below(rng, 4); i-- > 0;) move_loop(p, rng);
  for (unsigned i = below(rng, 3); i-- > 0;) toggle_operand(sp, p, rng);
  if (sp->opts.threads > 1) toggle_parallel(sp, p, rng);
}

bool space_random(const struct space *sp, uint64_t *rng, struct sched *out) {
  struct sched def = sched_default(sp->gs, sp->g, sp->lim, &sp->opts);
  for (unsigned tries = 0; tries < 200; tries++) {
    struct plan p;
    if (rng_next(rng) & 1) {
      draw(sp, &p, rng);
    } else {
      p = plan_of(sp->gs, sp->g, &def);
      plan_complete_order(&p);
      for (unsigned i = 1 + below(rng, 6); i-- > 0;) mutate(sp, &p, rng);
    }
    if (accept(sp, &p, out)) return true;
  }
  *out = def;
  return true;
}
