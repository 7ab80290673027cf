/* Default schedule of products in matrix tiles: blocks of 2 x 2 tiles, or one row or column of tiles where the result
   is no wider, over the whole reduction (or long blocks of it). Columns are packed as many as half of the second level
   cache holds, and stay there while all rows pass; rows are read as they lie, or packed where they run across the
   reduction or it is no whole number of steps. One row alone is better streamed by vectors: packing reads and writes as
   much as the product. */
#include "codegen/lower/default.h"

enum { BLOCK = 2 * TILE_ROWS, LONG_SIDE = 4 * TILE_ROWS };

struct choice {
  struct dots p;
  int64_t mr, nr, nc, kc; /* rows and columns of a block; columns of a panel; depth of a pass (0: the whole axis) */
  bool turned, copy;      /* rows run across the reduction; are packed */
  bool laid;              /* columns lie as the instruction takes them: nothing is packed */
};

static int step_along(const struct chooser *c, const struct access *r, int axis) {
  return def_step(c, r->tensor, def_subs(c, r), c->g->axis[axis].sym);
}

static void pick_block(const struct chooser *c, struct choice *x) {
  int64_t rows = def_most(c, (unsigned)x->p.row), cols = def_most(c, (unsigned)x->p.lane);
  x->mr = x->nr = BLOCK;
  if (rows && rows <= TILE_ROWS) {
    x->mr = TILE_ROWS;
    if (!cols || cols > BLOCK) x->nr = LONG_SIDE;
  }
  if (cols && cols <= TILE_LANES) {
    x->nr = TILE_LANES;
    if (!rows || rows > BLOCK) x->mr = LONG_SIDE;
  }
}

static void pick_sizes(const struct chooser *c, struct choice *x) {
  int64_t k = def_extent(c, (unsigned)x->p.red), size = DOT_BYTES / x->p.d.group, room = (int64_t)c->lim->l2_bytes / 2;
  int64_t apart;
  pick_block(c, x);
  x->laid = k == x->p.d.group && step_along(c, x->p.b, x->p.red) == 1 &&
            def_stride(c, x->p.b->tensor, def_subs(c, x->p.b), c->g->axis[x->p.lane].sym, &apart) && apart == k;
  x->turned = step_along(c, x->p.a, x->p.red) != 1;
  x->copy = x->turned || !k || k % x->p.d.group;
  int64_t depth = k ? k : def_guess(c, (unsigned)x->p.red);
  x->kc = depth > room / size / x->nr ? def_pick_block(k, TILE_BYTES, room / size / x->nr) : 0;
  if (x->kc) depth = x->kc;
  int64_t cols = def_extent(c, (unsigned)x->p.lane);
  x->nc = def_pick_block(cols, x->nr, room / size / (depth > 0 ? depth : 1));
  if (!x->nc) x->nc = def_round_up(cols, x->nr);
  int64_t rows = def_most(c, (unsigned)x->p.row);
  if ((rows && rows <= x->mr) || x->laid) x->nc = x->nr; /* one block of rows: no panel is used twice */
}

static void tiles(struct chooser *c, const struct choice *x) {
  def_push(c, STEP_tile, LOOP_ID(x->p.row, 0), x->mr);
  def_push(c, STEP_tile, LOOP_ID(x->p.lane, 0), x->nr);
  def_push(c, STEP_tile, LOOP_ID(x->p.red, 0), x->p.d.group);
  if (x->kc) def_push(c, STEP_tile, LOOP_ID(x->p.red, 0), x->kc);
  if (x->nc > x->nr) def_push(c, STEP_tile, LOOP_ID(x->p.lane, 0), x->nc);
}

/* Other loops outside that move the packed operand (with), or that do not. */
static void others(const struct chooser *c, const struct choice *x, struct order *o, bool with) {
  for (unsigned i = 0; i < c->main->npar; i++) {
    int a = def_axis(c, c->main->axis[i].sym);
    if (a < 0 || a == x->p.lane || a == x->p.row || def_has(x->p.b, c->main->axis[i].sym) != with) continue;
    def_then(o, (unsigned)a, 0);
  }
}

/* Returns the loops in which to pack columns and rows. */
static void loops(const struct chooser *c, const struct choice *x, struct order *o, unsigned *cols, unsigned *rows) {
  const struct eq *e = c->main;
  unsigned lane = (unsigned)x->p.lane, row = (unsigned)x->p.row, red = (unsigned)x->p.red;
  others(c, x, o, true);
  if (x->kc) def_then(o, red, 2);
  def_then(o, lane, x->nc > x->nr ? 2 : 1);
  *cols = o->l[o->n - 1];
  others(c, x, o, false);
  def_then(o, row, 1);
  *rows = o->l[o->n - 1];
  def_then(o, lane, 1);
  def_then(o, row, 0);
  for (unsigned i = e->npar; i < e->nax; i++) {
    int a = def_axis(c, e->axis[i].sym);
    if (a >= 0 && a != x->p.red) def_then(o, (unsigned)a, 0);
  }
  def_then(o, red, 1);
  def_then(o, lane, 0);
  def_then(o, red, 0);
}

bool def_tiles(struct chooser *c) {
  struct choice x = {0};
  struct order o = {0};
  unsigned cols, rows;
  if (!c->lim->matrix_per_cycle[MATRIX_amx] || !def_dots(c, &x.p) || x.p.row < 0) return false;
  if (!matrix_takes(MATRIX_amx, x.p.d.kind)) return false;
  pick_sizes(c, &x);
  tiles(c, &x);
  loops(c, &x, &o, &cols, &rows);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(x.p.lane, 0), 0);
  if (!x.laid && !def_push(c, STEP_pack, cols, def_operand(c, x.p.b->tensor))) return false;
  if (x.copy) def_push(c, x.turned ? STEP_pack : STEP_copy, rows, def_operand(c, x.p.a->tensor));
  if (!def_push(c, STEP_tensorize, LOOP_ID(x.p.red, 0), MATRIX_amx)) return false;
  def_push_parallel(c, &o);
  return true;
}
