/* Default schedule of rows (softmax, dot, A*x: the reduced axis on lanes, several vectors in flight) and of maps (the
 * contiguous axis on lanes). */
#include "codegen/lower/default.h"

/* Another axis along which the operands lie where they are far apart along the lanes: blocks are turned in registers. A
   parallel one (transposes), or that of a short sum. */
static bool far_along(const struct chooser *c, unsigned lane, bool sums, int *other) {
  const struct eq *e = c->main;
  bool arg = e->red == RED_argmax || e->red == RED_argmin;
  for (unsigned x = 0; x < (!sums || arg || e->nax != e->npar + 1 ? e->npar : e->nax); x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a < 0 || a == (int)lane) continue;
    struct score k = {c, e, e->axis[x].sym, 0, 0, 0, 0}, l = {c, e, c->g->axis[lane].sym, 0, 0, 0, 0};
    expr_visit(e->body, def_score_read, &k);
    expr_visit(e->body, def_score_read, &l);
    if (k.unit && l.far) {
      *other = a;
      return true;
    }
  }
  return false;
}

/* Sums of a few constant terms (stencils, small filters) are written out. */
static void push_short_sums(struct chooser *c, int64_t copies) {
  const struct eq *e = c->main;
  for (unsigned x = e->nax; x-- > e->npar;) {
    int a = def_axis(c, e->axis[x].sym);
    int64_t n = a < 0 ? 0 : def_extent(c, (unsigned)a);
    if (n < 1 || n > 8 || copies * n > 64) continue;
    if (def_push(c, STEP_unroll, LOOP_ID(a, 0), 0)) copies *= n;
  }
}

struct slid {
  sym_t lane, over;
  bool found;
};

static void see_slid(expr_t x, void *ctx) {
  struct slid *s = ctx;
  if (x->kind != E_READ) return;
  for (unsigned d = 0; d < x->acc->rank; d++)
    s->found |= poly_has(x->acc->ix[d].poly, s->lane) && poly_has(x->acc->ix[d].poly, s->over);
}

/* Does an operand slide along the lanes as the sum goes on (a correlation)? It has no columns then, and where ends cut
   the sum most blocks of lanes and terms have nothing in common. */
static bool slides(const struct eq *e, sym_t lane, sym_t over) {
  struct slid s = {lane, over, false};
  expr_visit(e->body, see_slid, &s);
  return s.found;
}

/* Sums down the columns of a matrix: rows are walked outside, some at a time, so that memory is read as it lies. */
static int column_axis(const struct chooser *c, unsigned lane) {
  const struct eq *e = c->main;
  if (e->red == RED_none || e->red == RED_argmax || e->red == RED_argmin || e->nax != e->npar + 1 || c->o->strict)
    return -1;
  int a = def_axis(c, e->axis[e->npar].sym);
  struct score k = {c, e, e->axis[e->npar].sym, 0, 0, 0, 0};
  if (a < 0 || def_guess(c, (unsigned)a) < 32 || def_guess(c, lane) < 256 || slides(e, c->g->axis[lane].sym, k.s))
    return -1;
  expr_visit(e->body, def_score_read, &k);
  return k.far || k.packable ? a : -1;
}

struct addends {
  sym_t lane;
  size_t sum; /* bytes */
  bool others;
};

static void find_others(expr_t x, void *ctx) {
  struct addends *a = ctx;
  a->others |= x->kind == E_READ && (type_size((enum dtype)x->type) < a->sum || !def_has(x->acc, a->lane));
}

/* Sums down columns of what lies beyond L1: rows in steps are streams of short pieces, which the caches bring at two
   thirds of the speed of one row after the other. So sums stay in memory, where they are in L1, and each row is added
   as it comes. Not where there are several, or sums are wider than what is added: there they would be most of what
   moves; nor of products with a vector, whose matrix a loop outside may find in L1 again. */
static bool row_by_row(const struct chooser *c, unsigned lane, unsigned column) {
  const struct eq *e = c->main;
  struct addends a = {c->g->axis[lane].sym, type_size((enum dtype)e->body->type), false};
  double sums = (double)a.sum * (double)def_guess(c, lane);
  if (c->lim->simt || c->o->threads > 1 || e->npar != 1 || !def_parallel_in_all(c, lane)) return false;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *x = &c->gs->k->eq[c->g->eq[i]];
    if (x != e && x->nax > 1) return false;
  }
  expr_visit(e->body, find_others, &a);
  return !a.others && sums <= c->lim->l1_bytes / 2 && sums * (double)def_guess(c, column) > c->lim->l1_bytes;
}

enum { MOST_PARTS = 8 };
struct pixels {
  const struct chooser *c;
  sym_t lane, part;
  int64_t parts;
  bool found;
};

static void see_pixels(struct pixels *p, unsigned tensor, const poly_t *ix) {
  int64_t lane, part;
  if (!def_stride(p->c, tensor, ix, p->lane, &lane) || !def_stride(p->c, tensor, ix, p->part, &part)) return;
  p->found |= part == 1 && lane >= p->parts && lane <= MOST_PARTS;
}

static void see_pixel_read(expr_t x, void *ctx) {
  struct pixels *p = ctx;
  if (x->kind == E_READ) see_pixels(p, x->acc->tensor, def_subs(p->c, x->acc));
}

/* A short axis of parts that lie together, step by step of the lanes (the colours of pixels): all of them inside, where
   whole vectors are taken apart and put together. -1: none. */
static int pixel_axis(const struct chooser *c, unsigned lane) {
  const struct eq *e = c->main;
  for (unsigned x = 0; x < e->npar && e->red == RED_none; x++) {
    int a = def_axis(c, e->axis[x].sym);
    struct pixels p = {c, c->g->axis[lane].sym, e->axis[x].sym, a < 0 ? 0 : def_extent(c, (unsigned)a), false};
    if (a == (int)lane || p.parts < 2 || p.parts > MOST_PARTS) continue;
    see_pixels(&p, e->lhs, e->lhs_idx);
    expr_visit(e->body, see_pixel_read, &p);
    if (p.found) return a;
  }
  return -1;
}

/* Lanes that each vector loop of this axis surely has. */
static unsigned sure_lanes(const struct chooser *c, unsigned lane) {
  unsigned w = 1;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    unsigned b = expr_widest(e->body, c->g->axis[lane].sym), t = (unsigned)type_size(c->gs->k->tensor[e->lhs].type);
    if (!def_walks(e, c->g->axis[lane].sym)) continue;
    if (b > w) w = b;
    if (t > w) w = t;
  }
  return c->lim->vector_bytes / w;
}

static bool push_block(struct chooser *c, unsigned axis, int64_t n) {
  return n && def_push(c, STEP_tile, LOOP_ID(axis, 0), n);
}

/* Members share the lanes' axis only (a filter along rows, then along columns): in strips of it what one leaves for the
   next stays in cache. */
static bool strips_pay(const struct chooser *c, unsigned lane) {
  return c->g->nshared == 1 && lane == 0 && c->g->naxis > 1 && def_parallel_in_all(c, lane) &&
         !def_reduces(c->main, c->g->axis[1].sym);
}

/* Sums down columns have no loop for threads outside of the rows: each gets its columns. 0: no. */
static int64_t thread_strip(const struct chooser *c, unsigned lane, int64_t tile) {
  int64_t ext = def_extent(c, lane), threads = c->o->threads;
  if (threads < 2 || c->part >= 0 || c->lim->simt || def_work(c) < PARALLEL_WORK) return 0;
  int64_t n = def_round_up((ext + threads - 1) / threads, tile);
  return n < ext && def_parallel_in_all(c, lane) ? n : 0;
}

void def_plain(struct chooser *c, int lane, int row) {
  const struct eq *e = c->main;
  bool red = def_reduces(e, c->g->axis[lane].sym), tiles = false;
  int64_t lanes = red ? def_sum_lanes(c, e) : def_lanes(c, e), ext = def_extent(c, (unsigned)lane), nv;
  struct order o = {0};
  int other = -1;
  if (lanes < 2 || (ext && ext < 2)) return;
  if (red && ext && ext < lanes) lanes = def_lanes(c, e);
  if (row >= 0 && def_guess(c, (unsigned)row) < 4) row = -1;
  int pixel = pixel_axis(c, (unsigned)lane);
  if (pixel >= 0) lanes = sure_lanes(c, (unsigned)lane);
  if (!red && pixel < 0) tiles = far_along(c, (unsigned)lane, row < 0, &other);
  bool sum = tiles && def_reduces(e, c->g->axis[other].sym);
  nv = def_pick_vectors(ext, lanes, tiles || pixel >= 0 ? 1 : row >= 0 ? 2 : 4);
  def_push(c, STEP_tile, LOOP_ID(lane, 0), nv * lanes);
  int column = !red && !tiles && row < 0 ? column_axis(c, (unsigned)lane) : -1;
  int outside = column >= 0 && row_by_row(c, (unsigned)lane, (unsigned)column) ? column : -1;
  if (outside >= 0) column = -1;
  bool stream = lane == c->g->stream && !c->o->strict;
  if (stream) stream = push_block(c, (unsigned)lane, def_stream_block(ext, nv * lanes, 1024));
  bool strip = !red && !stream && !tiles && row < 0 && column < 0 && strips_pay(c, (unsigned)lane);
  if (strip) strip = push_block(c, (unsigned)lane, 4 * nv * lanes);
  if (!strip && column >= 0) strip = push_block(c, (unsigned)lane, thread_strip(c, (unsigned)lane, nv * lanes));
  if (strip) def_then(&o, (unsigned)lane, 2);
  if (row >= 0) def_push(c, STEP_tile, LOOP_ID(row, 0), 4);
  if (column >= 0) def_push(c, STEP_tile, LOOP_ID(column, 0), 8);
  struct others others = {0};
  if (!tiles && !stream && !strip && column < 0 && pixel < 0 && c->part < 0) others = def_others(c, (unsigned)lane);
  def_push_others(c, &others, STEP_tile, nv * lanes);
  /* a strip of columns touches a page a row: with many rows it is cut into squares */
  bool squares =
      tiles && !sum && def_guess(c, (unsigned)lane) > 1024 && def_guess(c, (unsigned)other) > 64 && nv * lanes < 64;
  if (tiles) def_push(c, STEP_tile, LOOP_ID(other, 0), sum && lanes > 16 ? 16 : lanes);
  if (squares) {
    def_push(c, STEP_tile, LOOP_ID(lane, 0), 64);
    def_push(c, STEP_tile, LOOP_ID(other, 0), 64);
  }
  if (c->part >= 0) def_then(&o, (unsigned)c->part, 0);
  for (unsigned a = 0; a < c->g->naxis; a++) {
    bool par = true;
    for (unsigned i = 0; i < c->g->neq; i++) par &= !def_reduces(&c->gs->k->eq[c->g->eq[i]], c->g->axis[a].sym);
    if (!par || (int)a == lane || (int)a == pixel) continue;
    if (!squares || (int)a != other) def_then(&o, a, (int)a == row || ((int)a == other && tiles) ? 1 : 0);
  }
  if (squares) {
    def_then(&o, (unsigned)other, 2);
    def_then(&o, (unsigned)lane, 2);
    def_then(&o, (unsigned)other, 1);
  }
  if (stream) def_then(&o, (unsigned)lane, 2);
  if (outside >= 0) def_then(&o, (unsigned)outside, 0);
  if (column >= 0) def_then(&o, (unsigned)column, 1);
  if (!red && e->red != RED_none)
    def_then(&o, (unsigned)lane, 1); /* a map's other loops, which others sum over, stay outside */
  for (unsigned a = 0; a < c->g->naxis; a++)
    if ((int)a != lane && (int)a != column && (int)a != pixel && !def_is_other(&others, a))
      def_then(&o, a, (int)a == row || ((int)a == other && tiles) ? 1 : 0);
  def_then_others(&o, &others, 1);
  def_then(&o, (unsigned)lane, 1);
  if (row >= 0) def_then(&o, (unsigned)row, 0);
  if (tiles) def_then(&o, (unsigned)other, 0);
  if (column >= 0) def_then(&o, (unsigned)column, 0);
  if (pixel >= 0) def_then(&o, (unsigned)pixel, 0);
  def_then_others(&o, &others, 0);
  def_then(&o, (unsigned)lane, 0);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(lane, 0), 0);
  def_push_others(c, &others, STEP_vector, 0);
  if (row >= 0) def_push(c, STEP_unroll, LOOP_ID(row, 0), 0);
  if (column >= 0) def_push(c, STEP_unroll, LOOP_ID(column, 0), 0);
  if (pixel >= 0) def_push(c, STEP_unroll, LOOP_ID(pixel, 0), 0);
  if (sum || (tiles && e->red == RED_none)) def_push(c, STEP_unroll, LOOP_ID(other, 0), 0);
  push_short_sums(c, nv);
  def_push_parallel(c, &o);
}
