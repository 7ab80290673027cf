/* Default schedule of a group with a running reduction for blocks of threads (attention): a block has a tile of rows
   (queries), four warps share them out; in each block of the stream the scores' columns lie on 4 threads of a warp in
   pieces of 2, and so do the columns of the result. Keys, values and queries are panels in shared memory, keys and
   values copied ahead where they fit twice. Where the types have one, the scores are made by the matrix instruction of
   a warp; the weights are f32, so the second product is ordinary arithmetic on what the same threads hold. */
#include "codegen/lower/default.h"
#include "ir/dot.h"

enum { ROWS = 64, BLOCK = 64, COLUMNS = 128, PAD = 16, WARPS = 4, LANES = 4, THREADS = 8, PIECE = 2 };
enum { GROUP_ROWS = 128, GROUP_BLOCK = 128, HELD_STAGES = 3 };

static int64_t at_most(int64_t ext, int64_t most) {
  int64_t n = LANES * PIECE;
  while (n < most && n < ext) n *= 2;
  return n;
}

/* Depth of the matrix instruction for the scores; 0: there is none, or nothing to add up more than once. */
static int64_t matrix_depth(const struct chooser *c, const struct stream_axes *x) {
  struct mma_form form;
  struct dot d;
  if (!c->lim->matrix_per_cycle[MATRIX_mma] || !dot_of(x->score->body, &d) || !mma_form(d.kind, &form)) return 0;
  if (d.kind == DOT_f32 && !c->o->tf32) return 0;
  return def_guess(c, (unsigned)x->d) > form.depth ? form.depth : 0;
}

struct panels {
  const struct access *rows; /* the operand of the scores that the stream does not move */
  int64_t depth, columns;    /* of rows and keys; of values; 0: not known */
};

struct find {
  const struct stream_axes *x;
  const struct chooser *c;
  const struct access *acc;
};
static void find_rows(expr_t e, void *ctx) {
  struct find *k = ctx;
  if (e->kind != E_READ || group_private(k->c->gs, k->c->gi, e->acc->tensor)) return;
  if (!def_has(e->acc, k->c->g->axis[k->x->s].sym)) k->acc = e->acc;
}

/* Bytes of shared memory with so many buffers of keys and of values. */
static int64_t shared_bytes(const struct chooser *c, const struct stream_axes *x, const struct panels *p, int stages) {
  int64_t key = (int64_t)type_size(c->gs->k->tensor[x->keys->tensor].type),
          value = (int64_t)type_size(c->gs->k->tensor[x->values->tensor].type);
  int64_t ahead = BLOCK * (p->depth * key + PAD) + BLOCK * (p->columns * value + PAD);
  return stages * ahead + ROWS * (p->depth * key + PAD) + 2 * ROWS * BLOCK * 4 + ROWS * 16;
}

/* Both products by matrix instructions (--fp fast): the weights are rounded in the registers in which they are made. */
struct held_form {
  enum matrix matrix;
  int64_t rows, block, deep; /* of queries, of the stream; of the sum of the scores, in one step */
};

/* Every iteration is a block's: heads, and the parts of a stream that is split. */
static bool everywhere(const struct chooser *c, unsigned a) {
  for (unsigned i = 0; i < c->g->neq; i++)
    if (!def_walks(&c->gs->k->eq[c->g->eq[i]], c->g->axis[a].sym) ||
        def_reduces(&c->gs->k->eq[c->g->eq[i]], c->g->axis[a].sym))
      return false;
  return true;
}

/* Rows, the stream and columns, the sum of the scores in its levels, then what one step of them takes; keys and columns
   on lanes (only of all threads together the sums are few enough), rows on warps. */
static void product_loops(struct chooser *c, const struct stream_axes *x, unsigned levels, struct order *o) {
  unsigned s = x->s, t = (unsigned)x->t, v = (unsigned)x->v;
  for (unsigned a = 0; a < c->g->naxis; a++)
    if (a != t && everywhere(c, a)) def_then(o, a, 0);
  def_then(o, t, 1);
  def_then(o, s, 1);
  def_then(o, v, 1);
  while (levels-- > 0) def_then(o, (unsigned)x->d, levels);
  def_then(o, s, 0);
  def_then(o, t, 0);
  def_then(o, v, 0);
  def_push_order(c, o);
  const unsigned lane[] = {s, v};
  for (unsigned i = 0; i < 2; i++) {
    sched_push(&c->s, STEP_lanes, LOOP_ID(lane[i], 0), LANES);
    sched_push(&c->s, STEP_piece, LOOP_ID(lane[i], 0), PIECE);
  }
  sched_push(&c->s, STEP_threads, LOOP_ID(t, 0), THREADS);
}

static void held_steps(struct chooser *c, const struct stream_axes *x, const struct held_form *h) {
  unsigned s = x->s, t = (unsigned)x->t, d = (unsigned)x->d, v = (unsigned)x->v;
  bool group = h->matrix == MATRIX_wgmma;
  struct order o = {0};
  sched_push(&c->s, STEP_tile, LOOP_ID(t, 0), (int)h->rows);
  sched_push(&c->s, STEP_tile, LOOP_ID(s, 0), (int)h->block);
  sched_push(&c->s, STEP_tile, LOOP_ID(v, 0), (int)def_extent(c, v));
  sched_push(&c->s, STEP_tile, LOOP_ID(d, 0), (int)h->deep);
  if (group) sched_push(&c->s, STEP_tile, LOOP_ID(d, 0), (int)def_extent(c, d));
  product_loops(c, x, group ? 3 : 2, &o);
  sched_push(&c->s, STEP_warps, LOOP_ID(t, 0), (int)(h->rows / (2 * THREADS)));
}

/* Bytes of shared memory with so many buffers of keys and values beside the queries. */
static int64_t held_bytes(const struct chooser *c, const struct stream_axes *x, const struct held_form *h, unsigned n) {
  int64_t key = (int64_t)type_size(c->gs->k->tensor[x->keys->tensor].type),
          value = (int64_t)type_size(c->gs->k->tensor[x->values->tensor].type);
  int64_t pad = h->matrix == MATRIX_wgmma ? 0 : PAD, row = def_extent(c, (unsigned)x->d) * key + pad;
  return n * h->block * (row + def_extent(c, (unsigned)x->v) * value + pad) + h->rows * row;
}

/* As many blocks of keys and values ahead as fit, by tensor maps for warp groups where they can have them. */
static bool held_stages(struct chooser *c, const struct stream_axes *x, const struct held_form *h, int64_t trips) {
  for (unsigned n = trips < HELD_STAGES ? (unsigned)trips : HELD_STAGES; n >= 2; n--) {
    if (held_bytes(c, x, h, n) + 2048 > c->lim->shared_bytes) continue;
    for (unsigned how = h->matrix != MATRIX_wgmma; how < 2; how++) {
      struct sched before = c->s;
      unsigned stage = n | (how ? 0 : STAGE_TMA | STAGE_SWIZZLE);
      if (def_push(c, STEP_stage, stage, def_operand(c, x->keys->tensor)) &&
          def_push(c, STEP_stage, stage, def_operand(c, x->values->tensor)))
        return true;
      c->s = before;
    }
  }
  return false;
}

static bool try_held(struct chooser *c, const struct stream_axes *x, const struct access *rows,
                     const struct held_form *h) {
  struct sched before = c->s;
  const struct access *operand[] = {x->keys, x->values, rows};
  held_steps(c, x, h);
  for (unsigned i = 0; i < 3; i++)
    sched_push(&c->s, STEP_pack, LOOP_ID(i < 2 ? x->s : (unsigned)x->t, 1), def_operand(c, operand[i]->tensor));
  sched_push(&c->s, STEP_tensorize, LOOP_ID(x->d, 0), h->matrix);
  if (def_push(c, STEP_tensorize, LOOP_ID(x->s, 0), h->matrix)) {
    held_stages(c, x, h, def_guess(c, x->s) / h->block);
    for (unsigned a = 0; a < c->g->naxis; a++)
      if (a != (unsigned)x->t && everywhere(c, a)) def_push(c, STEP_parallel, LOOP_ID(a, 0), 0);
    def_push(c, STEP_parallel, LOOP_ID(x->t, 1), 0);
    return true;
  }
  c->s = before;
  return false;
}

/* Of a thread, with 16 rows of a warp: sums of the columns, scores and weights. More than these, and ptxas spills; a
   warp group alone has to make do with 255, the copier's part among them. */
static bool fits_registers(const struct chooser *c, const struct stream_axes *x, const struct held_form *h) {
  enum { GROUPS = 168, ALONE = 150 };
  int64_t columns = def_extent(c, (unsigned)x->v);
  return columns / 2 + h->block * 3 / 4 <= (h->rows == GROUP_ROWS || h->matrix == MATRIX_mma ? GROUPS : ALONE);
}

/* The largest tile first: warp groups with as many rows as leave registers for sums and scores, then warps. */
static bool held_stream(struct chooser *c, const struct stream_axes *x, const struct access *rows, int64_t depth) {
  static const int64_t blocks[] = {GROUP_BLOCK, GROUP_BLOCK / 2, 48, 32};
  struct dot d;
  int64_t ext = def_guess(c, (unsigned)x->t);
  if (!c->o->fast || !rows || !depth || !legal_mixed(c->lim, x->out->body, &d)) return false;
  for (int64_t n = GROUP_ROWS; n >= GROUP_ROWS / 2 && c->lim->matrix_per_cycle[MATRIX_wgmma]; n /= 2)
    for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++) {
      struct held_form h = {MATRIX_wgmma, n, blocks[i], depth};
      bool few = ext <= n && n == GROUP_ROWS / 2 && i; /* rows behind the last one cost no memory */
      if ((ext >= 2 * n || few) && fits_registers(c, x, &h) && try_held(c, x, rows, &h)) return true;
    }
  for (int64_t block = BLOCK; block >= BLOCK / 2; block /= 2) {
    struct held_form h = {MATRIX_mma, ROWS, block, depth};
    if (fits_registers(c, x, &h) && try_held(c, x, rows, &h)) return true;
  }
  return false;
}

/* The last axis of rows that read the same keys, also if there is only one row. */
static int shared_rows(const struct chooser *c, const struct stream_axes *x) {
  if (!def_has(x->keys, c->g->axis[x->t].sym)) return x->t;
  for (unsigned a = c->g->nshared; a-- > 0;)
    if (!def_has(x->keys, c->g->axis[a].sym)) return (int)a;
  return x->t;
}

static void push_panels(struct chooser *c, const struct stream_axes *x, const struct panels *p, bool matrix) {
  bool known = p->depth && p->columns, twice = known && shared_bytes(c, x, p, 2) + 4096 <= c->lim->shared_bytes;
  int keys = def_operand(c, x->keys->tensor), values = def_operand(c, x->values->tensor);
  if (!matrix && (!known || shared_bytes(c, x, p, 1) + 4096 > c->lim->shared_bytes)) return;
  def_push(c, STEP_pack, LOOP_ID(x->s, 1), keys);
  if (known) def_push(c, STEP_pack, LOOP_ID(x->s, 1), values);
  if (p->rows) def_push(c, STEP_pack, LOOP_ID(x->t, 1), def_operand(c, p->rows->tensor));
  if (twice && def_guess(c, x->s) > BLOCK)
    for (int i = 0; i < 2; i++) def_push(c, STEP_stage, 2, i ? values : keys);
}

bool def_blocks_stream(struct chooser *c) {
  struct stream_axes x;
  struct order o = {0};
  if (!def_find_stream(c, &x) || !x.keys || !x.values || c->part >= 0) return false;
  x.t = shared_rows(c, &x);
  unsigned s = x.s, t = (unsigned)x.t, d = (unsigned)x.d, v = (unsigned)x.v;
  struct find k = {&x, c, NULL};
  expr_visit(x.score->body, find_rows, &k);
  int64_t depth = matrix_depth(c, &x), columns = at_most(def_guess(c, v), def_extent(c, v) ? COLUMNS : COLUMNS / 2);
  struct panels p = {k.acc, def_extent(c, d), def_extent(c, v) ? columns : 0};
  if (held_stream(c, &x, k.acc, depth)) return true;
  if (def_guess(c, t) < 2 * THREADS) return false;
  def_push(c, STEP_tile, LOOP_ID(t, 0), ROWS);
  def_push(c, STEP_tile, LOOP_ID(s, 0), def_extent(c, v) ? BLOCK : BLOCK / 2); /* masks and strides take registers */
  def_push(c, STEP_tile, LOOP_ID(v, 0), columns);
  if (depth) def_push(c, STEP_tile, LOOP_ID(d, 0), depth);
  product_loops(c, &x, depth ? 2 : 1, &o);
  if (!def_push(c, STEP_warps, LOOP_ID(t, 0), WARPS)) return false;
  push_panels(c, &x, &p, depth > 0);
  if (depth) def_push(c, STEP_tensorize, LOOP_ID(d, 0), MATRIX_mma);
  def_push_parallel(c, &o);
  return true;
}
