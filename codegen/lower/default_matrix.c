/* Default schedule of products that a matrix instruction makes: a register tile of rows x vectors over the whole
   reduction (or long blocks of it), the operand on lanes packed a panel at a time where enough rows use it, the other
   read in place. Where the reduction is no whole number of instruction steps, or runs across its rows, the other is
   copied (packed) in blocks of rows, so that it goes on with zeros. */
#include "codegen/lower/default.h"

enum {
  UNPACKED_ROWS = 24, /* fewer do not pay for packing */
  SKINNY_ROWS =
      192, /* fewer: the packed operand decides; it is read as it lies in memory, whole stretches of its rows */
  SKINNY_K = 256,
  SKINNY_LANES = 1024,
  STREAM_K = 64, /* of an operand that is not packed, at a time; for one tile of rows, or bytes */
  STREAM_FEW = 16,
  STREAM_ONE = 8, /* for one row */
  STREAM_VECTORS = 8,
  LONG_BYTES = 4096 /* of the reduction in one panel */
};

struct choice {
  struct dot d;
  int lane, row, red; /* as struct dots has them */
  const struct access *b, *a;
  enum matrix insn;
  int64_t mr, nv, kc, mc, nc; /* kc, mc, nc 0: the whole axis */
  bool laid;
};

static bool is_product(const struct chooser *c, const struct eq *e, struct dot *d) {
  if (e->red != RED_sum || !dot_of(e->body, d) || d->alone) return false;
  return !c->o->strict || !type_is_float((enum dtype)e->body->type);
}

/* An instruction on vectors; -1: none. */
static int on_vectors(const struct chooser *c, const struct dot *d) {
  for (unsigned i = 0; i < MATRIX_COUNT; i++)
    if (i != MATRIX_amx && i != MATRIX_mma && i != MATRIX_wgmma && c->lim->matrix_per_cycle[i] &&
        matrix_takes((enum matrix)i, d->kind))
      return (int)i;
  return -1;
}

int def_instruction(const struct chooser *c, const struct eq *e, struct dot *d) {
  return is_product(c, e, d) ? on_vectors(c, d) : -1;
}

static int step_along(const struct chooser *c, const struct access *r, int axis) {
  return def_step(c, r->tensor, def_subs(c, r), c->g->axis[axis].sym);
}

/* Operands in the instruction's own layout, B[.., k / g][j][k % g] and A[..][k / g][k % g]: an axis of one step,
 * contiguous in both. */
static bool find_laid(const struct chooser *c, struct dots *x) {
  for (unsigned i = c->main->npar; i < c->main->nax && x->red < 0; i++) {
    int a = def_axis(c, c->main->axis[i].sym);
    if (a >= 0 && def_extent(c, (unsigned)a) == x->d.group && step_along(c, x->d.a->acc, a) == 1 &&
        step_along(c, x->d.b->acc, a) == 1)
      x->red = a;
  }
  x->laid = x->red >= 0;
  return x->laid;
}

/* The reduction along which most operands are contiguous. */
static bool find_reduction(const struct chooser *c, struct dots *x) {
  const struct access *r[2] = {x->d.a->acc, x->d.b->acc};
  int most = -1;
  x->red = -1;
  if (find_laid(c, x)) return true;
  for (unsigned i = c->main->npar; i < c->main->nax; i++) {
    int a = def_axis(c, c->main->axis[i].sym), n = 0;
    if (a < 0 || !def_has(r[0], c->g->axis[a].sym) || !def_has(r[1], c->g->axis[a].sym)) continue;
    if (def_extent(c, (unsigned)a) && def_extent(c, (unsigned)a) <= x->d.group) continue;
    for (unsigned k = 0; k < 2; k++) n += step_along(c, r[k], a) == 1;
    if (n > most) most = n, x->red = a;
  }
  return x->red >= 0;
}

/* Lanes: in one operand only, contiguous in the result. */
static bool find_lane(const struct chooser *c, struct dots *x) {
  const struct eq *e = c->main;
  x->lane = -1;
  for (unsigned i = 0; i < e->npar; i++) {
    sym_t s = e->axis[i].sym;
    int a = def_axis(c, s);
    bool in_a = def_has(x->d.a->acc, s), in_b = def_has(x->d.b->acc, s);
    if (a < 0 || in_a == in_b || def_step(c, e->lhs, e->lhs_idx, s) != 1 || def_guess(c, (unsigned)a) < 4) continue;
    x->lane = a;
    x->b = in_b ? x->d.b->acc : x->d.a->acc;
    x->a = in_b ? x->d.a->acc : x->d.b->acc;
  }
  return x->lane >= 0;
}

static void find_row(const struct chooser *c, struct dots *x) {
  const struct eq *e = c->main;
  x->row = -1;
  for (unsigned i = 0; i < e->npar; i++) {
    sym_t s = e->axis[i].sym;
    int a = def_axis(c, s);
    if (a < 0 || a == x->lane || def_has(x->b, s) || !def_has(x->a, s) || def_extent(c, (unsigned)a) == 1) continue;
    if (x->row < 0 || def_guess(c, (unsigned)a) > def_guess(c, (unsigned)x->row)) x->row = a;
  }
}

bool def_dots(const struct chooser *c, struct dots *x) {
  *x = (struct dots){.row = -1};
  if (!is_product(c, c->main, &x->d) || !find_reduction(c, x) || !find_lane(c, x)) return false;
  find_row(c, x);
  return true;
}

/* Pairs of bytes are widened in registers: two for each vector, two for the row, and a product on its way. */
static int64_t most_rows(const struct chooser *c, const struct choice *x) {
  int64_t most = def_max_rows(c, x->nv), room = (int64_t)c->lim->vector_regs - 3 - 2 * x->nv;
  if (x->insn != MATRIX_madd || x->d.group < DOT_BYTES || room / x->nv > most) return most;
  return room < x->nv ? 1 : room / x->nv;
}

/* Neighbours on lanes are one step apart: nothing is packed. */
static bool pick_laid(const struct chooser *c, struct choice *x) {
  int64_t lanes = c->lim->vector_bytes / DOT_BYTES, step;
  if (!def_stride(c, x->b->tensor, def_subs(c, x->b), c->g->axis[x->lane].sym, &step) || step != x->d.group)
    return false;
  x->nv = def_pick_vectors(def_most(c, (unsigned)x->lane), lanes, c->lim->vector_regs >= 32 ? 4 : 2);
  x->mr = x->row < 0 ? 1 : def_pick_rows(def_extent(c, (unsigned)x->row), most_rows(c, x));
  return true;
}

/* Rows of the operand that pass by at a time where it is woven as it lies: few, so that long stretches of them are
   read; more, where what they bring is used more often than it is stored. */
static int64_t stream_depth(const struct chooser *c, const struct choice *x) {
  int64_t rows = x->row < 0 ? 1 : def_extent(c, (unsigned)x->row);
  if (x->row < 0) return STREAM_ONE;
  if (x->nv % x->d.group) return STREAM_K; /* woven a vector at a time (emit/sub.c) */
  return x->d.group == DOT_BYTES || (rows && rows <= x->mr) ? STREAM_FEW : STREAM_K;
}

static bool pick_sizes(const struct chooser *c, struct choice *x, bool *pack, bool *copy) {
  int64_t lanes = c->lim->vector_bytes / DOT_BYTES, ext = def_extent(c, (unsigned)x->lane),
          k = def_extent(c, (unsigned)x->red);
  int64_t rows = x->row < 0 ? 1 : def_guess(c, (unsigned)x->row), size = (int64_t)type_size((enum dtype)x->d.a->type);
  if (x->laid) return pick_laid(c, x);
  bool far = step_along(c, x->b, x->lane) != 1, turned = x->row >= 0 && step_along(c, x->a, x->red) != 1;
  if (far && step_along(c, x->b, x->red) != 1) return false;
  if (x->row < 0 && step_along(c, x->a, x->red) != 1) return false;
  *pack = far || rows >= UNPACKED_ROWS;
  if (far && rows < 4) return false; /* the reduction on lanes reads both as they lie */
  x->nv = def_pick_vectors(def_most(c, (unsigned)x->lane), lanes, c->lim->vector_regs >= 32 ? 4 : 2);
  x->mr = x->row < 0 ? 1 : def_pick_rows(def_extent(c, (unsigned)x->row), most_rows(c, x));
  if (!*pack && x->row < 0) x->nv = def_pick_vectors(ext, lanes, STREAM_VECTORS);
  x->kc = k && k * size <= LONG_BYTES + LONG_BYTES / 2 ? 0 : def_pick_block(k, x->d.group, LONG_BYTES / size);
  *copy = x->row >= 0 && (turned || (*pack && (!k || k % x->d.group)));
  if (!*pack && !far) x->kc = def_pick_block(k, x->d.group, stream_depth(c, x));
  bool skinny = *pack && !*copy && !far && rows < SKINNY_ROWS && x->nv * lanes < SKINNY_LANES;
  if (skinny) x->nc = def_pick_block(ext, x->nv * lanes, SKINNY_LANES);
  if (x->nc) x->kc = def_pick_block(k, x->d.group, SKINNY_K);
  int64_t depth = x->kc ? x->kc : k, room = (int64_t)c->lim->l2_bytes / 2,
          er = x->row < 0 ? 1 : def_extent(c, (unsigned)x->row);
  x->mc = *copy ? def_pick_block(er, x->mr, room / (depth * size)) : 0;
  if (*copy && !x->mc && er > x->mr) x->mc = def_round_up((er + 1) / 2, x->mr); /* a loop to copy in */
  return true;
}

static void tiles(struct chooser *c, const struct choice *x) {
  int64_t lanes = c->lim->vector_bytes / DOT_BYTES, ext = def_extent(c, (unsigned)x->lane);
  bool narrow = ext >= 4 && ext < lanes && (ext & (ext - 1)) == 0;
  if (x->row >= 0) def_push(c, STEP_tile, LOOP_ID(x->row, 0), x->mr);
  def_push(c, STEP_tile, LOOP_ID(x->lane, 0), narrow ? ext : x->nv * lanes);
  def_push(c, STEP_tile, LOOP_ID(x->red, 0), x->d.group);
  if (x->kc) def_push(c, STEP_tile, LOOP_ID(x->red, 0), x->kc);
  if (x->nc) def_push(c, STEP_tile, LOOP_ID(x->lane, 0), x->nc);
  if (x->mc) def_push(c, STEP_tile, LOOP_ID(x->row, 0), x->mc);
}

/* Others, blocks of rows, panels, blocks of the reduction, rows of the panel, the reduction. Returns where to pack and
 * where to copy. */
static void loops(const struct chooser *c, const struct choice *x, bool packs, struct order *o, int *pack, int *copy) {
  const struct eq *e = c->main;
  for (unsigned i = 0; i < e->npar; i++) {
    int a = def_axis(c, e->axis[i].sym);
    if (a >= 0 && a != x->lane && a != x->row) def_then(o, (unsigned)a, 0);
  }
  if (x->mc) def_then(o, (unsigned)x->row, 2);
  *copy = o->n ? o->l[o->n - 1] : -1;
  if (x->kc && x->mc) def_then(o, (unsigned)x->red, 2), *copy = LOOP_ID(x->red, 2);
  if (x->kc && (x->nc || !packs)) def_then(o, (unsigned)x->red, 2);
  def_then(o, (unsigned)x->lane, x->nc ? 2 : 1);
  if (x->kc) def_then(o, (unsigned)x->red, 2);
  *pack = o->l[o->n - 1];
  def_then(o, (unsigned)x->lane, 1);
  if (x->row >= 0) def_then(o, (unsigned)x->row, 1);
  for (unsigned i = e->npar; i < e->nax; i++) {
    int a = def_axis(c, e->axis[i].sym);
    if (a >= 0 && a != x->red) def_then(o, (unsigned)a, 0);
  }
  def_then(o, (unsigned)x->red, 1);
  if (x->row >= 0) def_then(o, (unsigned)x->row, 0);
  def_then(o, (unsigned)x->lane, 0);
  def_then(o, (unsigned)x->red, 0);
}

/* The innermost of the other reduction axes counts the steps. */
static void unroll_steps(struct chooser *c, const struct choice *x) {
  for (unsigned i = c->main->nax; i-- > c->main->npar;) {
    int a = def_axis(c, c->main->axis[i].sym);
    if (a < 0 || a == x->red) continue;
    def_push(c, STEP_unroll, LOOP_ID(a, 0), 2);
    return;
  }
}

bool def_matrix(struct chooser *c) {
  struct choice x = {0};
  struct order o = {0};
  bool pack = false, copy = false;
  int pack_at, copy_at;
  struct dots found;
  if (!def_dots(c, &found)) return false;
  x.d = found.d, x.lane = found.lane, x.row = found.row, x.red = found.red, x.a = found.a, x.b = found.b,
  x.laid = found.laid;
  int insn = on_vectors(c, &x.d);
  if (insn < 0) return false;
  x.insn = (enum matrix)insn;
  if (!pick_sizes(c, &x, &pack, &copy)) return false;
  tiles(c, &x);
  loops(c, &x, pack, &o, &pack_at, &copy_at);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(x.lane, 0), 0);
  if (x.row >= 0) def_push(c, STEP_unroll, LOOP_ID(x.row, 0), 0);
  if (x.laid) unroll_steps(c, &x);
  if (!x.laid && !pack && x.kc && x.kc <= STREAM_FEW)
    def_push(c, STEP_unroll, LOOP_ID(x.red, 1), x.kc / x.d.group < 4 ? x.kc / x.d.group : 4);
  if (!def_push(c, STEP_tensorize, LOOP_ID(x.red, 0), x.insn)) return false;
  if (pack) def_push(c, STEP_pack, (unsigned)pack_at, def_operand(c, x.b->tensor));
  if (copy && copy_at >= 0)
    def_push(c, step_along(c, x.a, x.red) == 1 ? STEP_copy : STEP_pack, (unsigned)copy_at, def_operand(c, x.a->tensor));
  def_push_parallel(c, &o);
  return true;
}
