/* The moves of the search: each kind of step can be put in, changed and taken out again, so whatever a default schedule
   has can be reached from any other one, and left. Sizes come from three places: steps from what is there, even parts
   of the axis (a tile that divides it has no cut tiles), and what the default schedule has. */
#include "tuner/moves.h"
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { ROWS_MOST = 32, VECTORS_MOST = 8, WHOLE_MOST = 64 };

unsigned move_below(const struct mover *m, unsigned n) {
  return n ? (unsigned)(rng_next(m->rng) % n) : 0;
}

static unsigned below(const struct mover *m, unsigned n) {
  return move_below(m, n);
}

/* ---- the steps besides tiles, order and vectors ---- */

/* One of the steps of a kind, at random; -1: there is none. */
static int pick_step(const struct mover *m, const struct plan *p, enum stepkind kind) {
  int at = -1;
  unsigned n = 0;
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].kind == kind && below(m, ++n) == 0) at = (int)i;
  return at;
}

static uint8_t any_loop(const struct mover *m, const struct plan *p) {
  return p->order[below(m, p->norder)];
}

/* ---- sizes ---- */

/* Elements of an axis, or 0 where they are not known. What `split` leaves of one counts, and its parts are the last
 * axis. */
static int64_t extent(const struct mover *m, const struct plan *p, unsigned x) {
  const struct group *g = &m->sp->gs->g[m->sp->g];
  int cut = plan_find(p, STEP_split, -1, -1);
  int64_t parts = cut < 0 ? 1 : p->extra[cut].arg, lo, hi;
  if (x == g->naxis) return parts;
  const struct axis *a = &g->axis[x];
  if (!poly_is_const(a->lo, &lo) || !poly_is_const(a->hi, &hi) || hi <= lo) return 0;
  return cut >= 0 && LOOP_AXIS(p->extra[cut].loop) == x ? (hi - lo + parts - 1) / parts : hi - lo;
}

/* Lanes of a vector along axis x. */
static unsigned lanes_of(const struct mover *m, unsigned x) {
  const struct groups *gs = m->sp->gs;
  const struct group *g = &gs->g[m->sp->g];
  unsigned width = 1;
  for (unsigned i = 0; i < g->neq; i++) {
    const struct eq *e = &gs->k->eq[g->eq[i]];
    unsigned own = (unsigned)type_size(gs->k->tensor[e->lhs].type), body = (unsigned)type_size(e->body->type);
    if (x < g->naxis && eq_axis(e, g->axis[x].sym) < 0) continue;
    if (body > own) own = body;
    if (own > width) width = own;
  }
  unsigned n = m->sp->lim->vector_bytes / width;
  return n ? n : 1;
}

static int64_t round_up(int64_t v, int64_t unit) {
  return (v + unit - 1) / unit * unit;
}

/* A size of a level of axis x, a multiple of unit that is at most `most` (the unit itself may be more). */
static int64_t draw_size(const struct mover *m, const struct plan *p, unsigned x, unsigned level, int64_t unit,
                         int64_t most) {
  static const uint8_t factor[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64, 96, 128};
  int64_t ext = extent(m, p, x), v;
  unsigned from = below(m, 6);
  if (from == 0 && m->def && (v = m->def->tile[x][level]) > 0 && v % unit == 0 && v <= most) return v;
  if (from <= 2 && ext > 0) {
    int64_t parts = 2 + below(m, 15);
    v = round_up((ext + parts - 1) / parts, unit);
    if (v <= most) return v;
  }
  if (unit > most) return unit; /* which callers take for no change */
  do v = unit * factor[below(m, COUNT(factor))];
  while (v > most);
  return v;
}

/* Near to what there is. */
static int64_t near_size(const struct mover *m, int64_t old, int64_t unit, int64_t most) {
  int64_t n = old / unit > 0 ? old / unit : 1;
  switch (below(m, 4)) {
  case 0:
    n *= 2;
    break;
  case 1:
    n /= 2;
    break;
  case 2:
    n += 1 + below(m, 2);
    break;
  default:
    n -= 1 + below(m, 2);
  }
  return n < 1 || n * unit > most ? old : n * unit;
}

/* Is loop level 0 of axis x in registers: as rows of a tile, or with its lanes? */
static bool whole(const struct plan *p, unsigned x) {
  return plan_find(p, STEP_unroll, LOOP_ID(x, 0), 0) >= 0;
}

static int64_t size_unit(const struct mover *m, const struct plan *p, unsigned x, unsigned l) {
  if (l) return p->tile[x][l - 1];
  if (move_digit_width(p, x)) return move_digit_width(p, x);
  return plan_vector(p, x) >= 0 ? lanes_of(m, x) : 1;
}

static int64_t size_most(const struct mover *m, const struct plan *p, unsigned x, unsigned l) {
  if (l) return PLAN_TILE_MOST;
  if (move_digit_width(p, x)) return VECTORS_MOST * (int64_t)move_digit_width(p, x);
  return plan_vector(p, x) >= 0 ? VECTORS_MOST * (int64_t)lanes_of(m, x) : whole(p, x) ? ROWS_MOST : PLAN_TILE_MOST;
}

/* Does a loop of one iteration remain outside? Such a level says nothing; lanes and rows may go beyond the end. */
static bool idle(const struct mover *m, const struct plan *p, unsigned x, unsigned l, int64_t size) {
  int64_t ext = extent(m, p, x);
  if (ext <= 0 || size < ext || (m->def && m->def->tile[x][l] == size)) return false;
  return l > 0 || (plan_vector(p, x) < 0 && !whole(p, x) && !move_digit_width(p, x));
}

static bool change_tile(const struct mover *m, struct plan *p) {
  unsigned x = below(m, p->naxis), n = plan_levels(p, x) - 1;
  if (!n) return false;
  unsigned l = below(m, n);
  int64_t old = p->tile[x][l], unit = size_unit(m, p, x, l), most = size_most(m, p, x, l);
  int64_t size = below(m, 2) ? near_size(m, old, unit, most) : draw_size(m, p, x, l, unit, most);
  if (size == old || (l && size <= unit) || idle(m, p, x, l, size)) return false;
  p->tile[x][l] = (int16_t)size;
  plan_fit(p, x);
  return true;
}

/* ---- levels ---- */

bool move_level(const struct mover *m, struct plan *p, unsigned x) {
  unsigned n = plan_levels(p, x), level = below(m, 4) ? n - 1 : below(m, n);
  if (level >= LEVEL_MAX - 1 ||
      (level == 0 && ((n > 1 && (plan_vector(p, x) >= 0 || whole(p, x))) || move_digit_width(p, x))))
    return false;
  int64_t unit = level ? p->tile[x][level - 1] : 1;
  int64_t size = draw_size(m, p, x, level, unit, PLAN_TILE_MOST);
  if ((level && size <= unit) || idle(m, p, x, level, size) || !plan_insert(p, x, level, size)) return false;
  plan_fit(p, x);
  if (below(m, 2)) return true;
  for (unsigned i = 0; i < p->norder; i++) /* the tiles are walked further out */
    if (p->order[i] == LOOP_ID(x, level + 1)) {
      unsigned to = below(m, i + 1);
      uint8_t l = p->order[i];
      memmove(&p->order[to + 1], &p->order[to], i - to);
      p->order[to] = l;
    }
  return true;
}

static bool drop_level(const struct mover *m, struct plan *p) {
  unsigned x = below(m, p->naxis), n = plan_levels(p, x) - 1;
  if (!n) return false;
  unsigned level = below(m, 2) ? n : below(m, n + 1);
  if (level < n) { /* the tiles of the level above stay */
    plan_remove(p, x, level);
  } else { /* the outermost loop: the one below walks all */
    for (unsigned i = 0; i < p->nextra; i++)
      if (p->extra[i].loop == LOOP_ID(x, n) && plan_on_loop(&p->extra[i])) plan_drop(p, (int)i--);
    unsigned kept = 0;
    for (unsigned i = 0; i < p->norder; i++)
      if (p->order[i] != LOOP_ID(x, n)) p->order[kept++] = p->order[i];
    p->norder = (uint8_t)kept;
    p->tile[x][n - 1] = 0;
  }
  plan_fit(p, x);
  return true;
}

bool move_loop(const struct mover *m, struct plan *p) {
  if (p->norder < 2) return false;
  unsigned from = below(m, p->norder), to = below(m, p->norder);
  if (from == to) return false;
  uint8_t l = p->order[from];
  memmove(&p->order[from], &p->order[from + 1], p->norder - from - 1);
  memmove(&p->order[to + 1], &p->order[to], p->norder - 1 - to);
  p->order[to] = l;
  return true;
}

/* ---- what a loop is ---- */

bool move_vector(const struct mover *m, struct plan *p) {
  unsigned x = below(m, p->naxis), lanes = lanes_of(m, x);
  int at = plan_vector(p, x);
  if (at >= 0 && p->nvector > 1) { /* the lanes of one member go */
    p->vector[at] = p->vector[--p->nvector];
    return true;
  }
  if (at >= 0) return false;
  int unrolled = plan_find(p, STEP_unroll, LOOP_ID(x, 0), -1);
  if (unrolled >= 0) plan_drop(p, unrolled);
  if (!p->tile[x][0] || p->tile[x][0] % lanes || p->tile[x][0] > VECTORS_MOST * (int64_t)lanes) {
    int64_t size = draw_size(m, p, x, 0, lanes, VECTORS_MOST * (int64_t)lanes);
    if (p->tile[x][0])
      p->tile[x][0] = (int16_t)size;
    else if (!plan_insert(p, x, 0, size))
      return false;
    plan_fit(p, x);
  }
  unsigned place = p->nvector && (p->nvector >= COUNT(p->vector) || below(m, 2)) ? below(m, p->nvector) : p->nvector;
  if (place == p->nvector) p->nvector++;
  p->vector[place] = LOOP_ID(x, 0);
  return true;
}

bool move_unroll(const struct mover *m, struct plan *p) {
  static const int16_t counts[] = {0, 2, 4, 8, 16};
  if (!p->norder) return false;
  int at = pick_step(m, p, STEP_unroll);
  if (at >= 0 && below(m, 3) == 0) {
    plan_drop(p, at);
    return true;
  }
  if (at < 0 || below(m, 2)) { /* another loop: more often one far inside */
    uint8_t loop = below(m, 3) ? p->order[p->norder - 1 - below(m, p->norder < 4 ? p->norder : 4)] : any_loop(m, p);
    at = plan_find(p, STEP_unroll, loop, -1);
    if (at < 0 && !plan_add(p, STEP_unroll, loop, 1)) return false;
    if (at < 0) at = p->nextra - 1;
  }
  uint8_t loop = p->extra[at].loop;
  int16_t old = p->extra[at].arg, n = counts[below(m, COUNT(counts))];
  unsigned x = LOOP_AXIS(loop);
  int64_t tile = p->tile[x][0], span = LOOP_LEVEL(loop) ? 0 : tile ? tile : extent(m, p, x);
  if (n == 0 && (span < 1 || span > WHOLE_MOST)) n = 4;
  p->extra[at].arg = n;
  return n != old;
}

/* Ends of a loop, or all of it, on their own. */
static bool move_peel(const struct mover *m, struct plan *p) {
  if (!p->norder) return false;
  int at = pick_step(m, p, STEP_peel);
  if (at >= 0 && below(m, 2)) {
    if (below(m, 2))
      plan_drop(p, at);
    else
      p->extra[at].arg = (int16_t)below(m, 4);
    return true;
  }
  uint8_t loop = any_loop(m, p);
  return plan_find(p, STEP_peel, loop, -1) < 0 && plan_add(p, STEP_peel, loop, (int)below(m, 3));
}

bool move_parallel(const struct mover *m, struct plan *p) {
  if (m->sp->opts.threads < 2 || !p->norder) return false;
  int at = pick_step(m, p, STEP_parallel);
  unsigned what = at < 0 ? 2 : below(m, 4);
  if (what == 0) {
    plan_drop(p, at);
  } else if (what == 1) { /* elsewhere */
    p->extra[at].loop = any_loop(m, p);
  } else { /* one more: two that stand one in the other are joined */
    uint8_t loop = p->order[below(m, p->norder < 5 ? p->norder : 5)];
    return plan_find(p, STEP_parallel, loop, -1) < 0 && plan_add(p, STEP_parallel, loop, 0);
  }
  return true;
}

static void move_inside(struct plan *p, uint8_t loop) {
  for (unsigned i = 0; i + 1 < p->norder; i++)
    if (p->order[i] == loop) {
      memmove(&p->order[i], &p->order[i + 1], p->norder - i - 1u);
      p->order[p->norder - 1] = loop;
    }
}

/* What a product in matrix tiles needs besides: blocks that fit, operands packed outside, nothing unrolled within. */
static bool fit_tiles(const struct mover *m, struct plan *p, unsigned red) {
  static const uint8_t rows[] = {16, 32, 32, 48, 64, 80};
  uint16_t ops[32];
  unsigned n = group_operands(m->sp->gs, m->sp->g, ops, 32), row = below(m, p->naxis);
  for (unsigned i = 0; i < p->nextra; i++) {
    enum stepkind k = (enum stepkind)p->extra[i].kind;
    if (k == STEP_unroll || k == STEP_peel || k == STEP_prefetch || k == STEP_stream) plan_drop(p, (int)i--);
  }
  for (unsigned x = 0; x < p->naxis; x++) {
    if (x == red || (x != row && plan_vector(p, x) < 0)) continue;
    if (!p->tile[x][0] && !plan_insert(p, x, 0, 32)) return false;
    p->tile[x][0] = rows[below(m, COUNT(rows))];
    plan_fit(p, x);
    move_inside(p, LOOP_ID(x, 0));
  }
  for (unsigned i = 0; i < n && i < 32; i++) {
    if (plan_find(p, STEP_pack, -1, (int)i) >= 0 || plan_find(p, STEP_copy, -1, (int)i) >= 0) continue;
    unsigned kind = below(m, 3);
    if (kind < 2) (void)plan_add(p, kind ? STEP_pack : STEP_copy, p->order[below(m, (p->norder + 1u) / 2)], (int)i);
  }
  return true;
}

/* What lanes make is rounded for the product that sums over them (--fp fast), or no longer. */
static bool move_rounded(const struct mover *m, struct plan *p) {
  unsigned loop = LOOP_ID(LOOP_AXIS(p->vector[below(m, p->nvector)]), 0), insn = below(m, MATRIX_COUNT);
  int at = plan_find(p, STEP_tensorize, (int)loop, -1);
  if (at < 0) return m->sp->lim->matrix_per_cycle[insn] && plan_add(p, STEP_tensorize, loop, (int)insn);
  plan_drop(p, at);
  return true;
}

/* A matrix instruction on the innermost level of an axis, which gets a tile of that size; or none there. */
static bool move_matrix(const struct mover *m, struct plan *p) {
  if (m->sp->lim->simt) return false; /* moves_threads.c */
  if (m->sp->opts.fast && p->nvector && below(m, 2)) return move_rounded(m, p);
  int at = pick_step(m, p, STEP_tensorize);
  if (at >= 0 && plan_vector(p, LOOP_AXIS(p->extra[at].loop)) < 0) {
    plan_remove(p, LOOP_AXIS(p->extra[at].loop), 0);
    return true;
  }
  unsigned insn = below(m, MATRIX_COUNT), x = below(m, p->naxis);
  if (!m->sp->lim->matrix_per_cycle[insn] || p->nextra >= PLAN_EXTRA || plan_vector(p, x) >= 0) return false;
  int unrolled = plan_find(p, STEP_unroll, LOOP_ID(x, 0), 0);
  if (unrolled >= 0) plan_drop(p, unrolled);
  if (!plan_insert(p, x, 0, below(m, 2) ? 4 : 2)) return false;
  plan_fit(p, x);
  if (insn == MATRIX_amx && below(m, 2) && !fit_tiles(m, p, x)) return false;
  move_inside(p, LOOP_ID(x, 0));
  return plan_add(p, STEP_tensorize, LOOP_ID(x, 0), (int)insn);
}

/* The parts of an axis are one axis more, outermost at first, and shared out where there are threads. */
static bool add_split(const struct mover *m, struct plan *p, int parts) {
  unsigned x = below(m, p->naxis), part = p->naxis;
  if (part >= GROUP_MAX_AXIS || p->norder >= sizeof p->order || !plan_add(p, STEP_split, LOOP_ID(x, 0), parts))
    return false;
  p->naxis++;
  memmove(&p->order[1], &p->order[0], p->norder++);
  p->order[0] = LOOP_ID(part, 0);
  return m->sp->opts.threads < 2 || below(m, 4) == 0 || plan_add(p, STEP_parallel, LOOP_ID(part, 0), 0);
}

static void drop_split(struct plan *p, int at) {
  unsigned part = p->naxis - 1u;
  plan_drop(p, at);
  for (unsigned n = plan_levels(p, part); n-- > 0;) plan_remove(p, part, 0);
  p->naxis--;
}

static bool move_split(const struct mover *m, struct plan *p) {
  static const uint8_t parts[] = {2, 3, 4, 6, 8, 12, 16, 32};
  int at = plan_find(p, STEP_split, -1, -1), n = parts[below(m, COUNT(parts))];
  if (m->sp->opts.threads > 1 && !m->sp->lim->simt && below(m, 2))
    n = (int)m->sp->opts.threads * (1 + (int)below(m, 4));
  int def = m->def ? plan_find(m->def, STEP_split, -1, -1) : -1;
  if (def >= 0 && below(m, 3) == 0) n = m->def->extra[def].arg;
  if (at < 0) return add_split(m, p, n);
  bool other = p->extra[at].arg != n;
  if (below(m, 2))
    drop_split(p, at);
  else
    p->extra[at].arg = (int16_t)n;
  return other;
}

/* ---- what happens to a tensor ---- */

bool move_operand(const struct mover *m, struct plan *p) {
  static const uint8_t kinds[] = {STEP_pack, STEP_copy, STEP_pack, STEP_copy, STEP_prefetch};
  uint16_t ops[32];
  unsigned n = group_operands(m->sp->gs, m->sp->g, ops, 32);
  if (!n || !p->norder) return false;
  enum stepkind kind = kinds[below(m, COUNT(kinds))];
  int arg = (int)below(m, n < 32 ? n : 32), at = plan_find(p, kind, -1, arg);
  if (at >= 0 && below(m, 2)) {
    plan_drop(p, at);
    if (kind == STEP_pack) move_unstage(p, arg);
    return true;
  }
  uint8_t loop = any_loop(m, p);
  if (at >= 0) {
    bool other = p->extra[at].loop != loop;
    p->extra[at].loop = loop;
    return other;
  }
  int other = kind == STEP_prefetch ? -1 : plan_find(p, kind == STEP_pack ? STEP_copy : STEP_pack, -1, arg);
  if (other >= 0) plan_drop(p, other);
  if (kind == STEP_copy) move_unstage(p, arg);
  return plan_add(p, kind, loop, arg);
}

static bool move_stream(const struct mover *m, struct plan *p) {
  uint16_t ops[32];
  unsigned n = group_operands(m->sp->gs, m->sp->g, ops, 32);
  if (!n) return false;
  int arg = (int)below(m, n < 32 ? n : 32), at = plan_find(p, STEP_stream, -1, arg);
  if (at < 0) return plan_add(p, STEP_stream, 0, arg);
  plan_drop(p, at);
  return true;
}

/* A private temp computed inside some loop, inside another one, or in full. */
static bool move_compute(const struct mover *m, struct plan *p) {
  uint16_t temps[32];
  unsigned n = group_temps(m->sp->gs, m->sp->g, temps, 32);
  if (!n || !p->norder) return false;
  int arg = (int)below(m, n < 32 ? n : 32), at = plan_find(p, STEP_compute, -1, arg);
  if (at < 0) return plan_add(p, STEP_compute, any_loop(m, p), arg);
  if (below(m, 2))
    plan_drop(p, at);
  else
    p->extra[at].loop = any_loop(m, p);
  return true;
}

bool move_any(const struct mover *m, struct plan *p) {
  if (!p->naxis) return false;
  if (m->sp->lim->simt && below(m, 2)) return move_threads(m, p);
  switch (below(m, 24)) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4:
  case 5:
  case 6:
  case 7:
    return change_tile(m, p);
  case 8:
  case 9:
    return move_level(m, p, below(m, p->naxis));
  case 10:
    return drop_level(m, p);
  case 11:
  case 12:
  case 13:
    return move_loop(m, p);
  case 14:
    return move_vector(m, p);
  case 15:
  case 16:
    return move_unroll(m, p);
  case 17:
  case 18:
  case 19:
    return move_operand(m, p);
  case 20:
    return move_peel(m, p);
  case 21:
    return move_stream(m, p);
  case 22:
    return below(m, 2) ? move_compute(m, p) : move_matrix(m, p);
  default:
    return below(m, 3) ? move_parallel(m, p) : move_split(m, p);
  }
}
