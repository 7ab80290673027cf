/* Default schedules of products by matrix instructions for blocks of threads: of warp groups (wgmma), whose operands
   tensor maps bring into rings in shared memory, and of warps (mma). Both are asked for as steps; what a target or a
   product has not got is refused, and the next one is tried. */
#include "codegen/lower/default.h"
#include "ir/dot.h"

/* Operands whose instruction this schedule may ask for. */
static bool find_dot(const struct chooser *c, const struct blocks_product *p, struct dot *d, struct mma_form *form) {
  if (p->n != 2 || !legal_dot(c->lim, c->main->body, d) || !mma_form(d->kind, form)) return false;
  return !c->o->strict || !type_is_float((enum dtype)c->main->body->type);
}

/* ---- warp groups ---- */

enum {
  GROUP_ROWS = 64,
  GROUP_WARPS = 4,
  GROUP_STEP = 32,
  RING_RESERVE = 8 << 10,
  RING_MOST = 6,
  RING_LEAST = 2,
  RASTER_MOST = 32,
  CLUSTER = 2
};

/* Cycles in which a block of this tile makes `depth` bytes of the sum: by its tensor cores, or until its share of the
   second level cache has brought both operands. Published figures of sm_90a: 2048 products of 16 bits a cycle, and what
   64 bytes a cycle leave of it with all SMs at once. */
static double tile_cycles(const struct blocks_tile *t) {
  static const double PRODUCTS = 2048, BYTES = 48;
  double products = (double)t->row * (double)t->lane * PANEL_BYTES / 2 / PRODUCTS;
  double bytes = (double)(t->row + t->lane) * PANEL_BYTES / BYTES;
  return products > bytes ? products : bytes;
}

/* The tile that ends first, of those that divide best among the SMs. One or two warp groups; where dims are not known
   sums leave registers for masks, and where operands are converted on the way, for those. */
static struct blocks_tile group_tile(const struct chooser *c, const struct blocks_product *p, const struct dot *d) {
  bool converted = d->type[0] != d->a->type || d->type[1] != d->b->type;
  int64_t widest = converted ? 2 : 4;
  bool known = def_extent(c, (unsigned)p->lane) && def_extent(c, (unsigned)p->row);
  struct blocks_tile best = {2 * GROUP_ROWS, 2 * GROUP_ROWS, 0};
  double least = 0;
  for (int64_t row = 2 * GROUP_ROWS; known && row >= GROUP_ROWS; row /= 2)
    for (int64_t lane = widest * GROUP_ROWS; lane >= GROUP_ROWS; lane -= GROUP_ROWS) {
      struct blocks_tile t = {lane, row, 0};
      double waves = def_blocks_count(c, p, &t) / c->lim->cores;
      double cycles = (double)(int64_t)(waves + 0.999999) * tile_cycles(&t);
      if (least > 0 && cycles >= least) continue;
      best = t, least = cycles;
    }
  return best;
}

/* By tensor maps where they can have the operand, else by threads, all operands alike; as many buffers as fit. */
static void push_ring(struct chooser *c, const struct blocks_product *p, const struct blocks_tile *t, int64_t trips) {
  int64_t n = (c->lim->shared_bytes - RING_RESERVE) / ((t->row + t->lane) * PANEL_BYTES);
  if (n > RING_MOST) n = RING_MOST;
  if (n > trips) n = trips;
  for (; n >= RING_LEAST; n--)
    for (unsigned how = 0; how < 2; how++) {
      struct sched before = c->s;
      unsigned stage = (unsigned)n | (how ? 0 : STAGE_TMA | STAGE_SWIZZLE);
      if (def_push(c, STEP_stage, stage, def_operand(c, p->tensor[0])) &&
          def_push(c, STEP_stage, stage, def_operand(c, p->tensor[1])))
        return;
      c->s = before;
    }
}

/* Two blocks that read the same columns (or rows, whichever are more) bring half of them each, where tensor maps do.
   Returns how many rows of tiles then stand together. */
static int64_t push_cluster(struct chooser *c, const struct blocks_product *p, const struct blocks_tile *t) {
  bool columns = t->lane >= t->row;
  for (unsigned i = 0; i < 2; i++, columns = !columns)
    if (def_push(c, STEP_cluster, LOOP_ID(columns ? p->row : p->lane, 1), CLUSTER)) return columns ? CLUSTER : 1;
  return 1;
}

/* Where there are more tiles than SMs, as many blocks as SMs take them in turns, and those that run together have rows
   and columns as near to each other as can be: so the second level cache brings each part of the operands once. */
static void push_grid(struct chooser *c, const struct blocks_product *p, const struct blocks_tile *t,
                      const struct order *o) {
  bool known = def_extent(c, (unsigned)p->lane) && def_extent(c, (unsigned)p->row);
  int64_t cores = c->lim->cores, best = 0, least = 0;
  int64_t rows = (def_guess(c, (unsigned)p->row) + t->row - 1) / t->row;
  if (known && def_blocks_count(c, p, t) <= (double)cores) return;
  int64_t high = push_cluster(c, p, t);
  for (int64_t n = 2; n <= RASTER_MOST && (n * high < rows || !known); n++) {
    int64_t edge = n * high * t->row + (cores + n * high - 1) / (n * high) * t->lane;
    if (!best || edge < least) best = n, least = edge;
  }
  if (best) def_push(c, STEP_raster, LOOP_ID(p->row, 1), best);
  def_push(c, STEP_persist, o->l[0], cores / CLUSTER * CLUSTER);
}

struct once {
  const struct chooser *c;
  const struct blocks_product *p;
  bool ok;
};
static void find_columns(expr_t x, void *ctx) {
  struct once *k = ctx;
  const struct eq *e = k->c->main;
  if (x->kind != E_READ || !def_has(x->acc, k->c->g->axis[k->p->lane].sym)) return;
  for (unsigned i = 0; i < e->npar; i++)
    k->ok &= def_axis(k->c, e->axis[i].sym) == k->p->row || def_has(x->acc, e->axis[i].sym);
}

/* Only the rows use columns again: where they are few, a product takes as long as its columns from memory, and rows of
   a tile that are not there cost nothing. (Of a convolution other axes use its filter again.) */
static bool columns_once(const struct chooser *c, const struct blocks_product *p) {
  struct once k = {c, p, true};
  expr_visit(c->main->body, find_columns, &k);
  return k.ok;
}

bool def_blocks_groups(struct chooser *c) {
  struct blocks_product p;
  struct dot d;
  struct mma_form form;
  if (!c->lim->matrix_per_cycle[MATRIX_wgmma] || !def_blocks_find(c, &p) || !find_dot(c, &p, &d, &form)) return false;
  if (d.kind == DOT_f32 || d.kind == DOT_f64) return false;
  int64_t n = def_guess(c, (unsigned)p.red), deep = PANEL_BYTES / form.bytes;
  bool few = def_guess(c, (unsigned)p.row) < BLOCKS_GROUP;
  if (few && def_extent(c, (unsigned)p.row) && columns_once(c, &p)) few = false;
  if (n < RING_LEAST * deep || few || def_guess(c, (unsigned)p.lane) < BLOCKS_GROUP) return false;
  struct blocks_tile t = group_tile(c, &p, &d);
  struct order o = def_blocks_order(c, &p, 2);
  unsigned red = (unsigned)p.red, row = (unsigned)p.row, lane = (unsigned)p.lane;
  def_push(c, STEP_tile, LOOP_ID(row, 0), t.row);
  def_push(c, STEP_tile, LOOP_ID(lane, 0), t.lane);
  def_push(c, STEP_tile, LOOP_ID(red, 0), GROUP_STEP / form.bytes);
  def_push(c, STEP_tile, LOOP_ID(red, 0), deep);
  def_push_order(c, &o);
  sched_push(&c->s, STEP_lanes, LOOP_ID(lane, 0), 4); /* until all steps are there the code is too large to be legal */
  sched_push(&c->s, STEP_piece, LOOP_ID(lane, 0), 2);
  sched_push(&c->s, STEP_threads, LOOP_ID(row, 0), 8);
  sched_push(&c->s, STEP_warps, LOOP_ID(row, 0), (int)(t.row / GROUP_ROWS * GROUP_WARPS));
  for (unsigned i = 0; i < 2; i++) sched_push(&c->s, STEP_pack, LOOP_ID(red, 2), def_operand(c, p.tensor[i]));
  if (!def_push(c, STEP_tensorize, LOOP_ID(red, 0), MATRIX_wgmma)) return false;
  def_push_parallel(c, &o);
  push_ring(c, &p, &t, n / deep);
  push_grid(c, &p, &t, &o);
  return true;
}

/* ---- warps ---- */

enum { STAGE_BYTES = 64, FEW_TILE = 16 }; /* of the sum, of a row or a column; rows of the instruction */

/* Operands are copied ahead by as many iterations as leave room for a second block, or by one. */
static void push_stages(struct chooser *c, const struct blocks_product *p, int64_t bytes, int64_t trips) {
  for (int n = 4; n >= 2; n--) {
    if (trips < n || n * bytes > c->lim->shared_bytes / (n > 2 ? 2 : 1)) continue;
    for (unsigned i = 0; i < p->n; i++) def_push(c, STEP_stage, (unsigned)n, def_operand(c, p->tensor[i]));
    return;
  }
}

/* Four warps, each with a quarter of the tile; of few rows all of them beside each other. */
bool def_blocks_matrix(struct chooser *c) {
  struct blocks_product p;
  struct dot d;
  struct mma_form form;
  if (!c->lim->matrix_per_cycle[MATRIX_mma] || !def_blocks_find(c, &p) || !find_dot(c, &p, &d, &form)) return false;
  if (d.kind == DOT_f32 && !c->o->tf32) return false;
  int64_t n = def_guess(c, (unsigned)p.red), stage = STAGE_BYTES / form.bytes;
  bool few = def_extent(c, (unsigned)p.row) && def_extent(c, (unsigned)p.row) <= FEW_TILE;
  if (n <= form.depth || (!few && def_guess(c, (unsigned)p.row) < FEW_TILE)) return false;
  struct blocks_tile t = def_blocks_tile(c, &p);
  int64_t row = few ? FEW_TILE : t.row < 32 ? 32 : t.row, lane = t.lane < 32 ? 32 : t.lane;
  def_push(c, STEP_tile, LOOP_ID(p.row, 0), row);
  def_push(c, STEP_tile, LOOP_ID(p.lane, 0), lane);
  def_push(c, STEP_tile, LOOP_ID(p.red, 0), form.depth);
  if (n > stage) def_push(c, STEP_tile, LOOP_ID(p.red, 0), stage);
  def_push(c, STEP_lanes, LOOP_ID(p.lane, 0), 4);
  def_push(c, STEP_piece, LOOP_ID(p.lane, 0), 2);
  def_push(c, STEP_warps, LOOP_ID(p.lane, 0), few ? 4 : 2);
  sched_push(&c->s, STEP_threads, LOOP_ID(p.row, 0),
             8); /* of four warps only the sums of a large tile are few enough */
  if (!few) def_push(c, STEP_warps, LOOP_ID(p.row, 0), 2);
  def_blocks_loops(c, &p, n > stage ? 2 : 1);
  if (!def_push(c, STEP_tensorize, LOOP_ID(p.red, 0), MATRIX_mma)) return false;
  if (n > stage) push_stages(c, &p, (row + lane) * (stage * form.bytes + 16), n / stage);
  return true;
}
