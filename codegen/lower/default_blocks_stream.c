/* Default schedule of a group with a running reduction for blocks of threads (attention): a block has a tile of rows
   (queries), four warps share them out; in each block of the stream the scores' columns lie on 4 threads of a warp in
   pieces of 2, and so do the columns of the result. Keys, values and queries are panels in shared memory, keys and
   values copied ahead where they fit twice. Where the types have one, the scores are made by the matrix instruction of
   a warp; the weights are f32, so the second product is ordinary arithmetic on what the same threads hold. */
#include "codegen/lower/default.h"
#include "ir/dot.h"

enum { ROWS = 64, BLOCK = 64, COLUMNS = 128, PAD = 16, WARPS = 4, LANES = 4, THREADS = 8, PIECE = 2 };

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
  unsigned s = x.s, t = (unsigned)x.t, d = (unsigned)x.d, v = (unsigned)x.v;
  if (def_guess(c, t) < 2 * THREADS) return false;
  struct find k = {&x, c, NULL};
  expr_visit(x.score->body, find_rows, &k);
  int64_t depth = matrix_depth(c, &x), columns = at_most(def_guess(c, v), def_extent(c, v) ? COLUMNS : COLUMNS / 2);
  struct panels p = {k.acc, def_extent(c, d), def_extent(c, v) ? columns : 0};
  def_push(c, STEP_tile, LOOP_ID(t, 0), ROWS);
  def_push(c, STEP_tile, LOOP_ID(s, 0), def_extent(c, v) ? BLOCK : BLOCK / 2); /* masks and strides take registers */
  def_push(c, STEP_tile, LOOP_ID(v, 0), columns);
  if (depth) def_push(c, STEP_tile, LOOP_ID(d, 0), depth);
  for (unsigned a = 0; a < c->g->nshared; a++)
    if (a != t) def_then(&o, a, 0);
  def_then(&o, t, 1);
  def_then(&o, s, 1);
  def_then(&o, v, 1);
  if (depth) def_then(&o, d, 1);
  def_then(&o, d, 0);
  def_then(&o, s, 0);
  def_then(&o, t, 0);
  def_then(&o, v, 0);
  def_push_order(c, &o);
  const unsigned lane[] = {s, v};
  for (unsigned i = 0; i < 2; i++) {
    sched_push(&c->s, STEP_lanes, LOOP_ID(lane[i], 0),
               LANES); /* only of all threads together the sums are few enough */
    sched_push(&c->s, STEP_piece, LOOP_ID(lane[i], 0), PIECE);
  }
  sched_push(&c->s, STEP_threads, LOOP_ID(t, 0), THREADS);
  if (!def_push(c, STEP_warps, LOOP_ID(t, 0), WARPS)) return false;
  push_panels(c, &x, &p, depth > 0);
  if (depth) def_push(c, STEP_tensorize, LOOP_ID(d, 0), MATRIX_mma);
  def_push_parallel(c, &o);
  return true;
}
