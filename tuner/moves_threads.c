/* Moves for blocks of threads: which axes the digits of a thread's number stand along, how many threads, pieces and
   warps each has, products by the matrix instruction of a warp or a warp group as a whole (its threads, depth and
   panels belong together), how far ahead operands are staged, and by whom, and the order of the grid's blocks. */
#include "ir/dot.h"
#include "ir/loop.h"
#include "tuner/moves.h"

enum { LANES_MOST = 256, REPEATS_MOST = 8, STAGES_MOST = 6 };
/* A warp group: 4 warps of 16 rows, columns in eighths and at most so many, 32 bytes of the sum at a time. */
enum { GROUP_WARPS = 4, GROUP_ROWS = 16, GROUP_UNIT = 16, GROUP_COLUMNS = 256, GROUP_STEP = 32 };

static unsigned below(const struct mover *m, unsigned n) {
  return move_below(m, n);
}

/* ---- digits ---- */

/* The step that puts axis x on threads; -1: none does. */
static int digit_of(const struct plan *p, unsigned x) {
  int at = plan_find(p, STEP_lanes, LOOP_ID(x, 0), -1);
  return at >= 0 ? at : plan_find(p, STEP_threads, LOOP_ID(x, 0), -1);
}

/* The argument of a step on loop (x, 0), 1 without it. */
static int number(const struct plan *p, enum stepkind kind, unsigned x) {
  int at = plan_find(p, kind, LOOP_ID(x, 0), -1);
  return at < 0 ? 1 : p->extra[at].arg;
}

static void set_number(struct plan *p, enum stepkind kind, unsigned x, int n) {
  int at = plan_find(p, kind, LOOP_ID(x, 0), -1);
  if (at >= 0 && n < 2)
    plan_drop(p, at);
  else if (at >= 0)
    p->extra[at].arg = (int16_t)n;
  else if (n > 1)
    (void)plan_add(p, kind, LOOP_ID(x, 0), n);
}

int64_t move_digit_width(const struct plan *p, unsigned x) {
  int at = digit_of(p, x);
  if (at < 0) return 0;
  return (int64_t)p->extra[at].arg * number(p, STEP_piece, x) * number(p, STEP_warps, x);
}

static bool set_tile(struct plan *p, unsigned x, int64_t size) {
  if (size < 1 || size > PLAN_TILE_MOST) return false;
  if (!p->tile[x][0]) return plan_insert(p, x, 0, size);
  p->tile[x][0] = (int16_t)size;
  plan_fit(p, x);
  return true;
}

/* The tile holds whole rounds of the threads: as it was where that fits, or as many rounds as before. */
static bool fit_tile(const struct mover *m, struct plan *p, unsigned x, int64_t rounds) {
  int64_t width = move_digit_width(p, x);
  if (p->tile[x][0] && p->tile[x][0] % width == 0 && below(m, 2)) return true;
  return set_tile(p, x, width * (rounds < 1 ? 1 : rounds > REPEATS_MOST ? REPEATS_MOST : rounds));
}

/* Another power of two. */
static bool renumber(const struct mover *m, struct plan *p, enum stepkind kind, unsigned x) {
  int old = number(p, kind, x), n = 1 << below(m, 4);
  set_number(p, kind, x, n);
  return n != old;
}

static int tensorized(const struct plan *p) {
  int at = plan_find(p, STEP_tensorize, -1, MATRIX_mma);
  return at >= 0 ? at : plan_find(p, STEP_tensorize, -1, MATRIX_wgmma);
}

/* Other rows or columns for the warp groups: more or fewer of them, or wider and narrower ones. */
static bool change_group(const struct mover *m, struct plan *p, unsigned x) {
  bool rows = p->extra[digit_of(p, x)].kind == STEP_threads;
  int64_t old = p->tile[x][0], warps = number(p, STEP_warps, x), wide = old / warps;
  if (rows) {
    warps = GROUP_WARPS << below(m, 3), wide = GROUP_ROWS;
  } else if (below(m, 4) == 0) {
    warps = warps > 1 ? 1 : 2;
  } else {
    unsigned what = below(m, 4);
    wide = what == 0   ? wide * 2
           : what == 1 ? wide / 2
           : what == 2 ? GROUP_UNIT * (1 + (int64_t)below(m, GROUP_COLUMNS / GROUP_UNIT))
                       : GROUP_COLUMNS / 4 * (1 + (int64_t)below(m, 4));
  }
  if (wide < GROUP_ROWS || wide > GROUP_COLUMNS) return false;
  set_number(p, STEP_warps, x, (int)warps);
  return set_tile(p, x, warps * wide) && p->tile[x][0] != old;
}

static bool change_digit(const struct mover *m, struct plan *p) {
  unsigned x = below(m, p->naxis);
  int at = digit_of(p, x);
  if (at < 0) return false;
  if (plan_find(p, STEP_tensorize, -1, MATRIX_wgmma) >= 0) return change_group(m, p, x);
  int64_t width = move_digit_width(p, x), rounds = p->tile[x][0] / width;
  bool fixed = plan_find(p, STEP_tensorize, -1, MATRIX_mma) >= 0; /* the instruction says how most threads stand */
  unsigned what = fixed && below(m, 4) ? 2 + below(m, 2) : below(m, 4);
  if (what == 3) {
    rounds = below(m, 2) ? rounds * 2 : rounds / 2;
    return rounds >= 1 && rounds <= REPEATS_MOST && set_tile(p, x, width * rounds);
  }
  if (what == 0) {
    int n = below(m, 2) ? p->extra[at].arg * 2 : p->extra[at].arg / 2;
    if (n < 2 || n > LANES_MOST) return false;
    p->extra[at].arg = (int16_t)n;
  } else if (!renumber(m, p, what == 1 ? STEP_piece : STEP_warps, x)) {
    return false;
  }
  return fit_tile(m, p, x, rounds);
}

static void drop_digit(struct plan *p, unsigned x) {
  set_number(p, STEP_piece, x, 1);
  set_number(p, STEP_warps, x, 1);
  plan_drop(p, digit_of(p, x));
}

static bool put_digit(const struct mover *m, struct plan *p, unsigned x, enum stepkind kind, int n) {
  int unrolled = plan_find(p, STEP_unroll, LOOP_ID(x, 0), -1), vector = plan_vector(p, x);
  if (digit_of(p, x) >= 0 || plan_find(p, STEP_tensorize, LOOP_ID(x, 0), -1) >= 0) return false;
  if (unrolled >= 0) plan_drop(p, unrolled);
  if (vector >= 0) p->vector[vector] = p->vector[--p->nvector];
  return plan_add(p, kind, LOOP_ID(x, 0), n) && fit_tile(m, p, x, 1);
}

/* To another axis, off, or one more: lanes first. */
static bool move_digit(const struct mover *m, struct plan *p) {
  unsigned x = below(m, p->naxis), y = below(m, p->naxis);
  int at = digit_of(p, x);
  if (tensorized(p) >= 0) return false;
  if (at >= 0) {
    enum stepkind kind = (enum stepkind)p->extra[at].kind;
    int n = p->extra[at].arg;
    drop_digit(p, x);
    return below(m, 3) == 0 || put_digit(m, p, y, kind, n);
  }
  bool lanes = plan_find(p, STEP_lanes, -1, -1) >= 0;
  return put_digit(m, p, y, lanes ? STEP_threads : STEP_lanes, 2 << below(m, 8));
}

/* ---- matrix instructions of a warp and of a warp group ---- */

static bool find_dot(const struct mover *m, struct dot *d, struct mma_form *form) {
  const struct groups *gs = m->sp->gs;
  for (unsigned i = 0; i < gs->g[m->sp->g].neq; i++)
    if (legal_dot(m->sp->lim, gs->k->eq[gs->g[m->sp->g].eq[i]].body, d) && !d->alone && mma_form(d->kind, form))
      return true;
  return false;
}

static bool along(const struct mover *m, expr_t read, unsigned x) {
  return x < m->sp->gs->g[m->sp->g].naxis && expr_has_sym(read, m->sp->gs->g[m->sp->g].axis[x].sym);
}

/* All that stood on the axis goes; `size` elements of it are the innermost tile, `outer` (0: none) the next. */
static bool retile(struct plan *p, unsigned x, int64_t size, int64_t outer) {
  while (plan_levels(p, x) > 1) plan_remove(p, x, 0);
  if (digit_of(p, x) >= 0) drop_digit(p, x);
  int unrolled = plan_find(p, STEP_unroll, LOOP_ID(x, 0), -1);
  if (unrolled >= 0) plan_drop(p, unrolled);
  return (!outer || plan_insert(p, x, 0, outer)) && plan_insert(p, x, 0, size);
}

static void order_last(struct plan *p, uint8_t loop) {
  for (unsigned i = 0; i + 1 < p->norder; i++) {
    if (p->order[i] != loop) continue;
    for (unsigned j = i; j + 1 < p->norder; j++) p->order[j] = p->order[j + 1];
    p->order[p->norder - 1] = loop;
  }
}

static bool operand_number(const struct mover *m, unsigned tensor, int *out) {
  uint16_t ops[32];
  unsigned n = group_operands(m->sp->gs, m->sp->g, ops, 32);
  for (unsigned i = 0; i < n && i < 32; i++)
    if (ops[i] == tensor) {
      *out = (int)i;
      return true;
    }
  return false;
}

static bool pack_at_loop(const struct mover *m, struct plan *p, expr_t read, unsigned loop) {
  int arg;
  if (!operand_number(m, read->acc->tensor, &arg)) return false;
  for (int at; (at = plan_find(p, STEP_pack, -1, arg)) >= 0 || (at = plan_find(p, STEP_copy, -1, arg)) >= 0;)
    plan_drop(p, at);
  return plan_add(p, STEP_pack, loop, arg);
}

struct block { /* of a product: tiles, warps along both sides, and what is summed at a time: by an instruction, in a
                  tile */
  int64_t lane, row;
  unsigned lane_warps, row_warps, step, deep;
};

static struct block draw_block(const struct mover *m, const struct mma_form *form, enum matrix insn) {
  unsigned w = 1u << below(m, 2);
  if (insn == MATRIX_mma)
    return (struct block){
        8 * (int64_t)w * (1 + below(m, 4)), 8 * (int64_t)form->rows * w * (1 + below(m, 4)), w, w, form->depth,
        form->depth * (2u << below(m, 2))};
  unsigned beside = below(m, 4) ? 1 : 2, warps = GROUP_WARPS << below(m, 2);
  int64_t wide =
      below(m, 4) ? GROUP_COLUMNS / 4 * (1 + below(m, 4)) : GROUP_UNIT * (1 + below(m, GROUP_COLUMNS / GROUP_UNIT));
  return (struct block){wide * beside, GROUP_ROWS * (int64_t)warps, beside,
                        warps,         GROUP_STEP / form->bytes,    PANEL_BYTES / form->bytes};
}

static bool put_matrix(const struct mover *m, struct plan *p, const struct dot *d, const struct mma_form *form,
                       enum matrix insn) {
  unsigned v = below(m, p->naxis), t = below(m, p->naxis), k = below(m, p->naxis);
  struct block b = draw_block(m, form, insn);
  bool sides = along(m, d->a, t) != along(m, d->b, t) && along(m, d->a, v) != along(m, d->b, v) &&
               along(m, d->a, t) != along(m, d->a, v) && along(m, d->a, k) && along(m, d->b, k);
  if (!sides || v == t || k == v || k == t) return false;
  for (unsigned x = 0; x < p->naxis; x++)
    if (digit_of(p, x) >= 0) drop_digit(p, x);
  p->nvector = 0;
  bool ok = retile(p, v, b.lane, 0) && retile(p, t, b.row, 0) && retile(p, k, b.step, b.deep);
  ok = ok && plan_add(p, STEP_lanes, LOOP_ID(v, 0), 4) && plan_add(p, STEP_piece, LOOP_ID(v, 0), 2) &&
       plan_add(p, STEP_threads, LOOP_ID(t, 0), 8) && plan_add(p, STEP_tensorize, LOOP_ID(k, 0), (int)insn);
  if (!ok) return false;
  set_number(p, STEP_warps, v, (int)b.lane_warps);
  set_number(p, STEP_warps, t, (int)b.row_warps);
  const uint8_t last[] = {LOOP_ID(t, 1), LOOP_ID(v, 1), LOOP_ID(k, 2), LOOP_ID(k, 1),
                          LOOP_ID(k, 0), LOOP_ID(t, 0), LOOP_ID(v, 0)};
  for (unsigned i = 0; i < sizeof last; i++) order_last(p, last[i]);
  if (!pack_at_loop(m, p, d->a, LOOP_ID(k, 2)) || !pack_at_loop(m, p, d->b, LOOP_ID(k, 2))) return false;
  for (unsigned i = 0; i < 2; i++) {
    unsigned loop = i ? LOOP_ID(v, 1) : LOOP_ID(t, 1);
    if (plan_find(p, STEP_parallel, (int)loop, -1) < 0) (void)plan_add(p, STEP_parallel, loop, 0);
  }
  return true;
}

/* A second product's sum over the lanes of the first, on the same instruction: on or off. */
static bool move_held(const struct mover *m, struct plan *p, int insn) {
  unsigned x = below(m, p->naxis);
  int at = plan_find(p, STEP_tensorize, LOOP_ID(x, 0), -1);
  if (plan_find(p, STEP_lanes, LOOP_ID(x, 0), -1) < 0) return false;
  if (at < 0) return plan_add(p, STEP_tensorize, LOOP_ID(x, 0), insn);
  plan_drop(p, at);
  return true;
}

/* In, or out with its threads. */
static bool move_matrix(const struct mover *m, struct plan *p) {
  enum matrix insn = below(m, 2) && m->sp->lim->matrix_per_cycle[MATRIX_wgmma] ? MATRIX_wgmma : MATRIX_mma;
  struct mma_form form;
  struct dot d;
  int at = tensorized(p);
  if (!m->sp->lim->matrix_per_cycle[insn]) return false;
  if (m->sp->opts.fast && below(m, 2)) return move_held(m, p, at >= 0 ? p->extra[at].arg : (int)insn);
  if (at < 0 && !find_dot(m, &d, &form)) return false;
  unsigned k = below(m, p->naxis);
  unsigned step = at >= 0 ? 0 : insn == MATRIX_mma ? form.depth : GROUP_STEP / form.bytes;
  if (at < 0 && p->tile[k][0] == (int64_t)step && below(m, 2)) /* all stands as it must already */
    return plan_add(p, STEP_tensorize, LOOP_ID(k, 0), (int)insn);
  if (at < 0) return put_matrix(m, p, &d, &form, insn);
  bool group = p->extra[at].arg == MATRIX_wgmma;
  for (int i; group && (i = plan_find(p, STEP_stage, -1, -1)) >= 0;) plan_drop(p, i); /* its tiles go with it */
  plan_remove(p, LOOP_AXIS(p->extra[plan_find(p, STEP_tensorize, -1, group ? MATRIX_wgmma : MATRIX_mma)].loop), 0);
  return true;
}

/* ---- stages ---- */

void move_unstage(struct plan *p, int operand) {
  int at = plan_find(p, STEP_stage, -1, operand);
  if (at >= 0) plan_drop(p, at);
}

/* Buffers after those there are (0: there were none), and how they are filled: by threads, or for tiles of warp groups
   by tensor maps. 0: the operands are not staged any more. */
static unsigned other_stage(const struct mover *m, const struct plan *p, unsigned old, bool all) {
  unsigned n = old & STAGE_COUNT, how = old & ~(unsigned)STAGE_COUNT;
  bool maps = plan_find(p, STEP_tensorize, -1, MATRIX_wgmma) >= 0, kept = n > 0;
  if (!maps)
    how = 0;
  else if (!kept || below(m, 4) == 0)
    how = below(m, 3) ? STAGE_TMA | STAGE_SWIZZLE : 0;
  if (!kept)
    n = 2 + below(m, 3);
  else if (all && how == (old & ~(unsigned)STAGE_COUNT))
    n = below(m, 4) == 0 ? 0 : below(m, 2) ? n + 1 : n - 1;
  return n < 2 || n > STAGES_MOST ? 0 : n | how;
}

/* A result of warp groups through shared memory, or not. */
static bool move_out(const struct mover *m, struct plan *p) {
  const struct groups *gs = m->sp->gs;
  const struct group *g = &gs->g[m->sp->g];
  uint16_t t[32];
  unsigned n = group_operands(gs, m->sp->g, t, 32), i = n ? below(m, n < 32 ? n : 32) : 0;
  bool written = false;
  for (unsigned e = 0; e < g->neq && n; e++) written |= gs->k->eq[g->eq[e]].lhs == t[i];
  if (!written || plan_find(p, STEP_tensorize, -1, MATRIX_wgmma) < 0) return false;
  int at = plan_find(p, STEP_stage, -1, (int)i);
  if (at < 0) return plan_add(p, STEP_stage, 1 | STAGE_TMA | STAGE_SWIZZLE, (int)i);
  plan_drop(p, at);
  return true;
}

/* All that is packed in the loop of one operand is staged alike. */
static bool move_stages(const struct mover *m, struct plan *p) {
  int pack = -1;
  unsigned n = 0, old = 0;
  if (below(m, 6) == 0 && move_out(m, p)) return true;
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].kind == STEP_pack && below(m, ++n) == 0) pack = (int)i;
  if (pack < 0) return false;
  unsigned loop = p->extra[pack].loop;
  int16_t operand[PLAN_EXTRA];
  unsigned many = 0, staged = 0;
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].kind == STEP_pack && p->extra[i].loop == loop) operand[many++] = p->extra[i].arg;
  for (unsigned i = 0; i < many; i++) {
    int at = plan_find(p, STEP_stage, -1, operand[i]);
    if (at >= 0) old = p->extra[at].loop, staged++;
    move_unstage(p, operand[i]);
  }
  unsigned now = other_stage(m, p, old, staged == many);
  for (unsigned i = 0; i < many && now; i++)
    if (!plan_add(p, STEP_stage, now, operand[i])) return false;
  return now != old || staged < many;
}

/* ---- the grid ---- */

/* Blocks in another order, fewer of them that take turns, or some that share copies. */
static bool move_grid(const struct mover *m, struct plan *p) {
  static const enum stepkind kinds[] = {STEP_raster, STEP_persist, STEP_cluster};
  enum stepkind kind = kinds[below(m, 3)];
  int at = plan_find(p, kind, -1, -1), n = kind == STEP_raster ? 2 + (int)below(m, 31) : 0;
  if (at >= 0 && below(m, 2)) {
    plan_drop(p, at);
    return true;
  }
  if (kind == STEP_cluster) n = below(m, 4) ? 2 : 4;
  if (!n) n = (int)m->sp->lim->cores * (1 + (int)below(m, 2));
  int def = m->def ? plan_find(m->def, kind, -1, -1) : -1;
  if (def >= 0 && below(m, 2)) n = m->def->extra[def].arg;
  if (at >= 0) {
    bool other = p->extra[at].arg != n;
    p->extra[at].arg = (int16_t)n;
    return other;
  }
  return p->norder &&
         plan_add(p, kind, p->order[kind == STEP_persist ? 0 : below(m, p->norder < 4 ? p->norder : 4)], n);
}

bool move_threads(const struct mover *m, struct plan *p) {
  switch (below(m, 9)) {
  case 0:
    return move_digit(m, p);
  case 4:
    return move_grid(m, p);
  case 1:
    return move_matrix(m, p);
  case 2:
  case 3:
    return move_stages(m, p);
  default:
    return change_digit(m, p);
  }
}
