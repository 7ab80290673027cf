/* Default schedules for blocks of threads (GPUs). Products: a tile of the result for each block, its threads in two
   directions, each with a small tile in registers, both operands staged in shared memory by all threads. Rows (softmax,
   norms, sums): threads along the row in pieces of 16 bytes, several short rows in a block. Maps: the same without the
   sum; an operand that lies the other way (transposes) goes through a tile in shared memory. */
#include "codegen/lower/default.h"

enum { PIECE_BYTES = 16, ROW_THREADS = 256, WARP = 32, TURN = 32 };
enum { COLUMN_THREADS = 64, COLUMN_AHEAD = 8 }; /* of sums over another axis than that of the lanes: loads in flight */

static int64_t power_below(int64_t n) {
  int64_t x = 1;
  while (2 * x <= n) x *= 2;
  return x;
}

static int64_t power_above(int64_t n, int64_t most) {
  int64_t x = 1;
  while (x < n && x < most) x *= 2;
  return x;
}

static void widest_read(expr_t x, void *ctx) {
  unsigned *w = ctx;
  if (x->kind == E_READ && type_size((enum dtype)x->type) > *w) *w = (unsigned)type_size((enum dtype)x->type);
}

/* Elements in 16 bytes of the widest array that the group's members walk along the axis. What is summed over others is
   stored once: it does not count. */
static int64_t piece_of(const struct chooser *c) {
  unsigned w = 1;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    expr_visit(e->body, widest_read, &w);
    if (e->red == RED_none && type_size(c->gs->k->tensor[e->lhs].type) > w)
      w = (unsigned)type_size(c->gs->k->tensor[e->lhs].type);
    if (e->red == RED_argmax || e->red == RED_argmin) return 1;
  }
  return PIECE_BYTES / (w > PIECE_BYTES ? PIECE_BYTES : w);
}

static void push_lanes(struct chooser *c, enum stepkind kind, unsigned axis, int64_t lanes, int64_t piece) {
  def_push(c, kind, LOOP_ID(axis, 0), lanes);
  if (piece > 1) def_push(c, STEP_piece, LOOP_ID(axis, 0), piece);
}

/* ---- products ---- */

struct finding {
  const struct chooser *c;
  sym_t lane, row;
  struct blocks_product *p;
  bool ok;
};

/* Does the sum walk it? */
static bool summed_along(const struct chooser *c, const struct access *r) {
  for (unsigned x = c->main->npar; x < c->main->nax; x++)
    if (def_has(r, c->main->axis[x].sym)) return true;
  return false;
}

static void find_operand(expr_t x, void *ctx) {
  struct finding *k = ctx;
  struct blocks_product *p = k->p;
  if (x->kind != E_READ) return;
  bool lane = def_has(x->acc, k->lane), row = def_has(x->acc, k->row);
  if (lane != row && !summed_along(k->c, x->acc)) return; /* of a row, or of a column: nothing to stage */
  if (!lane && !row) return;
  for (unsigned d = 0; d < x->acc->rank; d++) k->ok &= !x->acc->ix[d].dyn;
  for (unsigned i = 0; i < p->n; i++)
    if (p->tensor[i] == x->acc->tensor) return;
  k->ok &= lane != row && p->n < BLOCKS_OPERANDS && def_operand(k->c, x->acc->tensor) >= 0;
  if (!k->ok) return;
  p->tensor[p->n++] = x->acc->tensor;
  if (type_size((enum dtype)x->type) > p->bytes) p->bytes = (unsigned)type_size((enum dtype)x->type);
}

/* The result's contiguous axis, where what is read along it is used again for rows. */
static int product_lane(const struct chooser *c, int *row) {
  const struct eq *e = c->main;
  for (unsigned x = e->npar; x-- > 0;) {
    struct reuse k = {0};
    int a = def_axis(c, e->axis[x].sym);
    if (a < 0 || def_guess(c, (unsigned)a) < 8 || def_step(c, e->lhs, e->lhs_idx, e->axis[x].sym) != 1) continue;
    *row = def_find_rows(c, e, (unsigned)a, &k);
    if (*row >= 0) return a;
  }
  return -1;
}

static int longest_sum(const struct chooser *c) {
  int red = -1;
  for (unsigned x = c->main->npar; x < c->main->nax; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    if (a >= 0 && (red < 0 || def_guess(c, (unsigned)a) >= def_guess(c, (unsigned)red))) red = a;
  }
  return red;
}

double def_blocks_count(const struct chooser *c, const struct blocks_product *p, const struct blocks_tile *t) {
  double n = 1;
  for (unsigned x = 0; x < c->main->npar; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    if (a < 0) continue;
    int64_t ext = def_guess(c, (unsigned)a), by = a == p->lane ? t->lane : a == p->row ? t->row : 1;
    n *= (double)((ext + by - 1) / by);
  }
  return n;
}

struct blocks_tile def_blocks_tile(const struct chooser *c, const struct blocks_product *p) {
  unsigned lane = (unsigned)p->lane, row = (unsigned)p->row;
  bool known = def_extent(c, lane) && def_extent(c, row);
  int64_t most = type_size(c->main->body->type) > 4 || !known ? 64 : 128, depth = 64 / (p->bytes > 4 ? p->bytes : 4);
  int64_t n = def_guess(c, (unsigned)p->red);
  struct blocks_tile t = {power_above(def_guess(c, lane), most), power_above(def_guess(c, row), most), depth};
  if (p->bytes < 4) t.red *= 2;
  while (t.red > 4 && t.red >= n) t.red /= 2; /* the loop over tiles is where operands are staged */
  while (def_blocks_count(c, p, &t) < c->lim->cores && (t.lane > 32 || t.row > 32)) {
    if (t.lane >= t.row)
      t.lane /= 2;
    else
      t.row /= 2;
  }
  return t;
}

/* A thread takes eight elements of a long tile, four of a short one; of rows whose number is not known, and where
   guards are asked for each, four: addresses and masks take registers then. */
static void push_side(struct chooser *c, enum stepkind kind, unsigned axis, int64_t tile) {
  bool many = tile >= 64 && !c->main->nguard && (kind == STEP_lanes || def_extent(c, axis));
  int64_t each = many ? 8 : tile >= 8 ? 4 : 2, threads = tile / each;
  if (threads < 2) threads = 2;
  each = tile / threads;
  push_lanes(c, kind, axis, threads, each < 4 ? each : 4);
}

static void then_parallel(const struct chooser *c, struct order *o, int lane, int row) {
  for (unsigned a = 0; a < c->g->naxis; a++)
    if ((int)a != lane && (int)a != row && def_parallel_in_all(c, a)) def_then(o, a, 0);
}

bool def_blocks_find(const struct chooser *c, struct blocks_product *o) {
  *o = (struct blocks_product){.row = -1};
  o->lane = c->main->red == RED_none ? -1 : product_lane(c, &o->row);
  o->red = longest_sum(c);
  if (o->lane < 0 || o->red < 0 || def_guess(c, (unsigned)o->red) < 8) return false;
  struct finding k = {c, c->g->axis[o->lane].sym, c->g->axis[o->row].sym, o, true};
  expr_visit(c->main->body, find_operand, &k);
  return k.ok;
}

struct order def_blocks_order(const struct chooser *c, const struct blocks_product *p, unsigned levels) {
  struct order o = {0};
  then_parallel(c, &o, p->lane, p->row);
  def_then(&o, (unsigned)p->row, 1);
  def_then(&o, (unsigned)p->lane, 1);
  for (unsigned x = c->main->npar; x < c->main->nax; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    if (a >= 0 && a != p->red) def_then(&o, (unsigned)a, 0);
  }
  for (unsigned v = levels + 1; v-- > 0;) def_then(&o, (unsigned)p->red, v);
  return o;
}

void def_blocks_loops(struct chooser *c, const struct blocks_product *p, unsigned levels) {
  struct order o = def_blocks_order(c, p, levels);
  def_push_order(c, &o);
  for (unsigned i = 0; i < p->n; i++) def_push(c, STEP_pack, LOOP_ID(p->red, levels), def_operand(c, p->tensor[i]));
  def_push_parallel(c, &o);
}

bool def_blocks_product(struct chooser *c) {
  struct blocks_product p;
  if (!def_blocks_find(c, &p)) return false;
  struct blocks_tile t = def_blocks_tile(c, &p);
  if (t.row < 2 || t.lane < 2) return false;
  def_push(c, STEP_tile, LOOP_ID(p.row, 0), t.row);
  def_push(c, STEP_tile, LOOP_ID(p.lane, 0), t.lane);
  def_push(c, STEP_tile, LOOP_ID(p.red, 0), t.red);
  push_side(c, STEP_lanes, (unsigned)p.lane, t.lane);
  push_side(c, STEP_threads, (unsigned)p.row, t.row);
  def_blocks_loops(c, &p, 1);
  def_push(c, STEP_unroll, LOOP_ID(p.red, 0), 4);
  return true;
}

/* ---- rows and maps ---- */

static bool summed_somewhere(const struct chooser *c, unsigned a) {
  for (unsigned i = 0; i < c->g->neq; i++)
    if (def_reduces(&c->gs->k->eq[c->g->eq[i]], c->g->axis[a].sym)) return true;
  return false;
}

/* The last axis, other than the lanes', that is parallel everywhere: several of it share a block where lanes are few.
 */
static int row_axis(const struct chooser *c, unsigned lane) {
  for (unsigned a = c->g->naxis; a-- > 0;)
    if (a != lane && def_parallel_in_all(c, a) && def_guess(c, a) > 1) return (int)a;
  return -1;
}

/* Columns that are summed over another axis, too few of them for all SMs: narrow blocks, which the parts of the sum
   then make many of. */
static bool few_columns(const struct chooser *c, unsigned lane, int64_t width) {
  double n = 1;
  if (c->main->red == RED_none || summed_somewhere(c, lane)) return false;
  for (unsigned x = 0; x < c->main->npar; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    if (a < 0 || !def_extent(c, (unsigned)a)) return false;
    n *= a == (int)lane ? (double)def_extent(c, lane) / (double)width : (double)def_extent(c, (unsigned)a);
  }
  return n < c->lim->cores;
}

/* argmin and argmax on lanes need a loop around these. */
static bool finds_index(const struct chooser *c, unsigned a) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if ((e->red == RED_argmax || e->red == RED_argmin) && def_reduces(e, c->g->axis[a].sym)) return true;
  }
  return false;
}

void def_blocks_plain(struct chooser *c, unsigned lane) {
  bool index = finds_index(c, lane);
  if (index && def_extent(c, lane) && def_extent(c, lane) <= WARP && row_axis(c, lane) >= 0)
    lane = (unsigned)row_axis(c, lane), index = false; /* a row a thread */
  int64_t ext = def_guess(c, lane), piece = piece_of(c), threads = ROW_THREADS;
  bool sum = summed_somewhere(c, lane);
  if (few_columns(c, lane, piece * ROW_THREADS)) threads = COLUMN_THREADS;
  struct order o = {0};
  while (piece > 1 && ext < WARP * piece) piece /= 2;
  int64_t lanes = power_above((ext + piece - 1) / piece, threads), rows = 1;
  if (lanes < 2) lanes = 2;
  while (index && lanes > WARP && lanes >= ext) lanes /= 2;
  int row = row_axis(c, lane);
  if (sum && lanes < WARP) lanes = WARP;
  if (sum && threads > 128) threads = 128;
  if (row >= 0 && lanes < threads) rows = power_below(threads / lanes);
  while (rows > 1 && rows > def_guess(c, (unsigned)row)) rows /= 2;
  if (rows < 2) row = -1;
  def_push(c, STEP_tile, LOOP_ID(lane, 0), lanes * piece);
  if (row >= 0) def_push(c, STEP_tile, LOOP_ID(row, 0), rows);
  then_parallel(c, &o, (int)lane, row);
  if (row >= 0) def_then(&o, (unsigned)row, 1);
  if (!sum) def_then(&o, lane, 1);
  for (unsigned a = 0; a < c->g->naxis; a++)
    if (a != lane && (int)a != row) def_then(&o, a, 0);
  def_then(&o, lane, 1);
  def_push_order(c, &o);
  if (row >= 0 && index) push_lanes(c, STEP_threads, (unsigned)row, rows, 1); /* else a loop inside that of the index */
  push_lanes(c, STEP_lanes, lane, lanes, piece);
  if (row >= 0 && !index) push_lanes(c, STEP_threads, (unsigned)row, rows, 1);
  def_push_parallel(c, &o);
  int red = c->main->red == RED_none || sum ? -1 : longest_sum(c);
  if (red >= 0 && def_extent(c, (unsigned)red) > COLUMN_AHEAD) def_push(c, STEP_unroll, LOOP_ID(red, 0), COLUMN_AHEAD);
}

/* ---- transposes ---- */

struct turned {
  const struct chooser *c;
  sym_t lane, other;
  int tensor;
};
static void find_turned(expr_t x, void *ctx) {
  struct turned *k = ctx;
  if (x->kind != E_READ || k->tensor >= 0) return;
  for (unsigned d = 0; d < x->acc->rank; d++)
    if (x->acc->ix[d].dyn) return;
  const poly_t *ix = def_subs(k->c, x->acc);
  if (def_step(k->c, x->acc->tensor, ix, k->other) == 1 && def_step(k->c, x->acc->tensor, ix, k->lane) == 2)
    k->tensor = def_operand(k->c, x->acc->tensor);
}

bool def_blocks_turn(struct chooser *c, unsigned lane) {
  struct turned k = {c, c->g->axis[lane].sym, SYM_NONE, -1};
  struct order o = {0};
  int other = -1;
  if (c->main->red != RED_none || !def_parallel_in_all(c, lane)) return false;
  for (unsigned a = 0; a < c->g->naxis && k.tensor < 0; a++) {
    if (a == lane || !def_parallel_in_all(c, a)) continue;
    other = (int)a;
    k.other = c->g->axis[a].sym;
    expr_visit(c->main->body, find_turned, &k);
  }
  if (k.tensor < 0) return false;
  def_push(c, STEP_tile, LOOP_ID(lane, 0), TURN);
  def_push(c, STEP_tile, LOOP_ID(other, 0), TURN);
  then_parallel(c, &o, (int)lane, other);
  def_then(&o, (unsigned)other, 1);
  def_then(&o, lane, 1);
  def_push_order(c, &o);
  push_lanes(c, STEP_lanes, lane, TURN, 1);
  push_lanes(c, STEP_threads, (unsigned)other, TURN / 4, 1);
  def_push(c, STEP_pack, LOOP_ID(lane, 1), k.tensor);
  def_push_parallel(c, &o);
  return true;
}
