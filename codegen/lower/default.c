/* sched_default: a schedule from the extents and the target's limits alone. Twelve shapes, tried in this order:
   stream, tiles and matrix (products of matrix instructions), narrow, little, taps, window, product, pairs, ordered
   rows (each in its file default_*.c), rows and maps (default_plain.c). Every step is asked of legal_step; one that is
   refused is left out, so the result is always legal.
 */
#include "codegen/lower/default.h"

static bool legal(struct chooser *c) {
  return !legal_sched(c->a, c->gs, c->gi, &c->s, c->lim, c->o);
}

/* A parallel axis for the lanes of a product whose shared operand lies the wrong way (x w^T): packing turns it once,
   and each vector is then used for many rows, where lanes along the reduction would use nothing again. -1: none. */
static int turned_lane(const struct chooser *c) {
  const struct eq *e = c->main;
  int best = -1;
  if (e->red == RED_none) return -1;
  for (unsigned x = 0; x < e->npar; x++) {
    struct reuse k = {0};
    struct score others = {c, e, e->axis[x].sym, 0, 0, 0, 0};
    int a = def_axis(c, e->axis[x].sym);
    expr_visit(e->body, def_score_read, &others);
    if (others.far) continue; /* gathered for each product */
    if (a < 0 || def_guess(c, (unsigned)a) < (int64_t)def_lanes(c, e)) continue;
    int row = def_find_rows(c, e, (unsigned)a, &k);
    if (row < 0 || def_guess(c, (unsigned)row) < PACK_ROWS || k.acc->nguard ||
        def_step(c, e->lhs, e->lhs_idx, e->axis[x].sym) != 1)
      continue;
    best = a;
  }
  return best;
}

/* ---- what is too large to be found again in any cache ---- */

static bool only_written(const struct chooser *c, unsigned tensor) {
  bool once = false;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (expr_reads(e->body, tensor)) return false;
    if (e->lhs != tensor) continue;
    if (once || e->red != RED_none) return false;
    once = true;
  }
  return once;
}

/* Members that walk the axis, if one of them reduces it. */
static unsigned passes(const struct chooser *c, unsigned axis) {
  unsigned n = 0;
  bool reduced = false;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    n += def_walks(e, c->g->axis[axis].sym);
    reduced |= def_reduces(e, c->g->axis[axis].sym);
  }
  return reduced ? n : 0;
}

/* The loop over rows where several passes go over each, on lanes: the last one outside of all loops of that axis; -1:
 * none.
 */
static int row_loop(const struct chooser *c) {
  int lane = -1, at = -1;
  for (unsigned i = 0; i < c->s.nstep; i++) {
    unsigned a = LOOP_AXIS(c->s.step[i].loop);
    if (c->s.step[i].kind == STEP_vector && passes(c, a) > 1) lane = (int)a;
  }
  for (unsigned i = 0; lane >= 0 && i < c->s.nstep; i++) {
    if (c->s.step[i].kind != STEP_order) continue;
    if (LOOP_AXIS(c->s.step[i].loop) == (unsigned)lane) return at;
    at = c->s.step[i].loop;
  }
  return -1;
}

static bool written_here(const struct chooser *c, unsigned tensor) {
  for (unsigned i = 0; i < c->g->neq; i++)
    if (c->gs->k->eq[c->g->eq[i]].lhs == tensor) return true;
  return false;
}

static bool has_step(const struct sched *s, enum stepkind kind) {
  for (unsigned i = 0; i < s->nstep; i++)
    if (s->step[i].kind == kind) return true;
  return false;
}

/* Results too large for any cache go past them. A row that comes from beyond L1 is read in the first of several passes
   over it; while the others compute, memory would idle: so the next row is asked for in all of them. (Where an operand
   is packed, one iteration of that loop reads whole panels, not a row.) Rows of several planes are more streams than
   the machine follows by itself: the next ones are asked for, too. */
static void push_memory(struct chooser *c) {
  uint16_t t[64];
  unsigned n = group_operands(c->gs, c->gi, t, 64);
  double all = 0;
  for (unsigned i = 0; i < n && i < 64; i++) all += def_bytes(c, t[i]);
  int row = has_step(&c->s, STEP_prefetch) || has_step(&c->s, STEP_pack) ? -1 : row_loop(c);
  for (unsigned i = 0; i < n && i < 64; i++) {
    double bytes = def_bytes(c, t[i]);
    bool far = all >= c->lim->l3_bytes && bytes >= c->lim->l3_bytes / 4.0;
    if (far && only_written(c, t[i])) def_push(c, STEP_stream, 0, (int64_t)i);
    bool next = far || (!c->lim->simt && !c->ordered && bytes > 2.0 * c->lim->l1_bytes);
    if (row >= 0 && next && !written_here(c, t[i])) def_push(c, STEP_prefetch, (unsigned)row, (int64_t)i);
    if (c->planes && bytes > (double)c->lim->l2_bytes && !written_here(c, t[i]))
      def_push(c, STEP_prefetch, c->rows, (int64_t)i);
  }
}

/* For blocks of threads. false: none of these shapes. */
static bool choose_blocks(struct chooser *c) {
  if (def_blocks_groups(c) && legal(c)) return true;
  c->s = sched_none();
  if (def_blocks_matrix(c) && legal(c)) return true;
  c->s = sched_none();
  if (def_blocks_product(c) && legal(c)) return true;
  c->s = sched_none();
  int lane = def_best_lane(c, NULL);
  if (lane < 0) return false;
  if (def_blocks_turn(c, (unsigned)lane) && legal(c)) return true;
  c->s = sched_none();
  def_blocks_plain(c, (unsigned)lane);
  if (legal(c)) return true;
  c->s = sched_none();
  return false;
}

static void choose(struct chooser *c) {
  struct reuse k = {0};
  c->main = def_find_main(c);
  if (!c->main) return;
  bool stream = c->stream >= 0 && !c->o->strict;
  if (stream && c->lim->simt && c->o->threads > 1 && def_blocks_stream(c) && legal(c)) return;
  c->s = sched_none();
  if (stream && def_stream(c) && legal(c)) return;
  c->s = sched_none();
  if (c->lim->simt && c->o->threads > 1 && choose_blocks(c)) return;
  if (def_tiles(c) && legal(c)) return;
  c->s = sched_none();
  if (def_matrix(c) && legal(c)) return;
  c->s = sched_none();
  if (def_narrow(c) && legal(c)) return;
  c->s = sched_none();
  if (def_little(c) && legal(c)) return;
  c->s = sched_none();
  int lane = def_best_lane(c, NULL), row = -1;
  if (lane < 0) return;
  int turned = def_reduces(c->main, c->g->axis[lane].sym) ? turned_lane(c) : -1;
  if (turned >= 0) {
    row = def_find_rows(c, c->main, (unsigned)turned, &k);
    if (def_product(c, turned, row, &k) && legal(c)) return;
    c->s = sched_none();
  }
  if (def_taps(c, lane) && legal(c)) return;
  c->s = sched_none();
  if (def_window_turned(c, lane) && legal(c)) return;
  c->s = sched_none();
  row = def_find_rows(c, c->main, (unsigned)lane, &k);
  bool product = c->main->red != RED_none && row >= 0 && !def_reduces(c->main, c->g->axis[lane].sym);
  if (product && def_window(c, lane, row, &k) && legal(c)) return;
  c->s = sched_none();
  if (product && def_product(c, lane, row, &k) && legal(c)) return;
  c->s = sched_none();
  if (def_pairs(c) && legal(c)) return;
  c->s = sched_none();
  c->ordered = def_ordered(c) && legal(c);
  if (c->ordered) return;
  c->s = sched_none();
  def_plain(c, lane, c->main->red != RED_none ? row : -1);
  if (legal(c)) return;
  c->s = sched_none();
  def_plain(c, lane, -1);
  if (!legal(c)) c->s = sched_none();
}

/* ---- threads where no loop of the schedule can be shared out ---- */

static bool summed(const struct chooser *c, unsigned a) {
  for (unsigned i = 0; i < c->g->neq; i++)
    if (def_reduces(&c->gs->k->eq[c->g->eq[i]], c->g->axis[a].sym)) return true;
  return false;
}

/* The axis of the outermost loop that does anything, when some member sums over it: -1: none. */
static int axis_to_split(const struct chooser *c) {
  for (unsigned i = 0; i < c->s.nstep; i++) {
    unsigned a = LOOP_AXIS(c->s.step[i].loop);
    if (c->s.step[i].kind != STEP_order || def_extent(c, a) == 1) continue;
    return summed(c, a) && def_extent(c, a) >= 64 ? (int)a : -1;
  }
  return -1;
}

/* The group with its sums made in parts: about two a thread, in a number that divides the axis where members need it.
 */
static const struct groups *in_parts(const struct chooser *c, unsigned axis, int *parts) {
  int threads = (int)c->o->threads;
  const char *why;
  for (int i = 0; i < 4; i++) {
    static const int each[] = {2, 1, 3, 4};
    *parts = each[i] * threads;
    if (*parts > def_extent(c, axis) / 32) continue;
    const struct groups *gs = group_split(c->a, c->gs, c->gi, axis, *parts, c->o->strict, false, &why);
    if (gs) return gs;
  }
  return NULL;
}

/* The same for blocks of threads, whose parts have a grid of their own. */
static const struct groups *in_blocks(const struct chooser *c, int *axis, int *parts) {
  struct sched s = {0};
  *axis = def_blocks_parts(c, parts);
  return *axis >= 0 && sched_push(&s, STEP_split, LOOP_ID(*axis, 0), *parts)
             ? split_in_two(c->a, c->gs, c->gi, &s, c->o->strict)
             : NULL;
}

/* The schedule of the group whose sums are made in parts, each by one thread, or by blocks. */
static bool choose_parts(struct chooser *c) {
  int axis = c->lim->simt ? -1 : axis_to_split(c), parts = 0;
  const struct groups *gs = c->lim->simt ? in_blocks(c, &axis, &parts)
                            : axis < 0   ? NULL
                                         : in_parts(c, (unsigned)axis, &parts);
  if (!gs) return false;
  struct chooser in = {.a = c->a, .gs = gs, .g = &gs->g[c->gi], .gi = c->gi, .lim = c->lim, .o = c->o};
  in.part = c->lim->simt ? -1 : in.g->naxis - 1;
  in.stream = c->lim->simt ? in.g->stream : c->stream; /* another axis than this one is refused */
  choose(&in);
  push_memory(&in);
  if (!in.s.nstep || (in.part >= 0 && !def_push(&in, STEP_parallel, LOOP_ID(in.part, 0), 0))) return false;
  struct sched s = {0};
  sched_push(&s, STEP_split, LOOP_ID(axis, 0), parts);
  for (unsigned i = 0; i < in.s.nstep; i++)
    if (!sched_push(&s, (enum stepkind)in.s.step[i].kind, in.s.step[i].loop, in.s.step[i].arg)) return false;
  if (legal_sched(c->a, c->gs, c->gi, &s, c->lim, c->o)) return false;
  c->s = s;
  return true;
}

struct sched sched_default(const struct groups *gs, unsigned g, const struct limits *lim, const struct lower_opts *o) {
  struct chooser c = {
      .a = arena_new(), .gs = gs, .g = &gs->g[g], .gi = g, .lim = lim, .o = o, .part = -1, .stream = gs->g[g].stream};
  struct oom_guard guard;
  if (!OOM_TRY(&guard)) {
    arena_free(c.a);
    oom_raise();
  }
  choose(&c);
  bool alone = o->threads > 1 && (lim->simt || !has_step(&c.s, STEP_parallel)) && def_work(&c) >= PARALLEL_WORK;
  if (!alone || !choose_parts(&c)) push_memory(&c);
  oom_leave(&guard);
  arena_free(c.a);
  return c.s;
}
