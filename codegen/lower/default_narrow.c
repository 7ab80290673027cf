/* Default schedule of products with few columns (M x 8 x K): the reduction on lanes, as many rows as keep all columns'
   sums in registers. Lanes along the columns would be half empty, lanes along the rows would gather. The few columns
   are packed so that they lie along the reduction, unless they do. */
#include "codegen/lower/default.h"

enum { MANY_ROWS = 64 };

struct narrow {
  int row, col, red;         /* axes */
  int64_t n, mr, kc, mc;     /* columns; rows of a tile; blocks of the reduction and of rows, 0: none */
  const struct access *cols; /* the operand of the columns */
  bool lies;                 /* along the reduction */
};

struct operands {
  const struct chooser *c;
  const struct narrow *x;
  const struct access *rows, *cols;
  unsigned nread;
  bool ok, lies;
};

static bool has_axis(const struct operands *o, const struct access *r, int a) {
  return def_has(r, o->c->g->axis[a].sym);
}

static void see_read(expr_t e, void *ctx) {
  struct operands *o = ctx;
  if (e->kind != E_READ) return;
  const struct access *r = e->acc;
  bool row = has_axis(o, r, o->x->row), col = has_axis(o, r, o->x->col);
  int step = def_step(o->c, r->tensor, def_subs(o->c, r), o->c->g->axis[o->x->red].sym);
  o->nread++;
  o->ok &= !r->nguard && has_axis(o, r, o->x->red) && row != col && (col || step == 1);
  for (unsigned d = 0; d < r->rank; d++) o->ok &= !r->ix[d].dyn;
  if (col) o->ok &= !o->cols, o->cols = r, o->lies = step == 1;
  if (row) o->rows = r;
}

/* An axis that goes with the columns alone makes them many: the columns of a panel. */
static bool more_columns(const struct operands *o) {
  const struct eq *e = o->c->main;
  for (unsigned i = 0; i < e->npar; i++) {
    int a = def_axis(o->c, e->axis[i].sym);
    if (a >= 0 && a != o->x->row && a != o->x->col && has_axis(o, o->cols, a) && !has_axis(o, o->rows, a)) return true;
  }
  return false;
}

/* A sum over one axis of a product of one operand with the rows and one with the columns. */
static bool is_narrow(const struct chooser *c, struct narrow *x) {
  struct operands o = {.c = c, .x = x, .ok = true};
  expr_visit(c->main->body, see_read, &o);
  x->cols = o.cols, x->lies = o.lies;
  return o.ok && o.nread == 2 && o.cols && o.rows && !more_columns(&o) && !group_private(c->gs, c->gi, o.cols->tensor);
}

static bool find_axes(const struct chooser *c, int64_t lanes, struct narrow *x) {
  const struct eq *e = c->main;
  x->red = def_axis(c, e->axis[e->npar].sym);
  for (unsigned i = 0; i < e->npar; i++)
    for (unsigned k = 0; k < e->npar; k++) {
      x->col = def_axis(c, e->axis[i].sym), x->row = def_axis(c, e->axis[k].sym);
      if (i == k || x->col < 0 || x->row < 0 || x->red < 0) continue;
      x->n = def_extent(c, (unsigned)x->col);
      if (x->n < 2 || x->n > lanes / 2 || def_guess(c, (unsigned)x->row) < MANY_ROWS ||
          def_guess(c, (unsigned)x->red) < 8 * lanes)
        continue;
      if (is_narrow(c, x)) return true;
    }
  return false;
}

/* The sums, a vector of each row, and one of a column at a time. */
static void pick_sizes(const struct chooser *c, int64_t lanes, struct narrow *x) {
  int64_t size = (int64_t)type_size(c->main->body->type), rows = def_extent(c, (unsigned)x->row);
  x->mr = ((int64_t)c->lim->vector_regs - 1) / (x->n + 1);
  if (x->mr > 8) x->mr = 8;
  x->kc = def_pick_block(def_extent(c, (unsigned)x->red), lanes, c->lim->l1_bytes / 3 / (x->n * size));
  x->mc = x->kc || x->lies ? 0 : def_round_up((rows + 1) / 2, x->mr);
}

bool def_narrow(struct chooser *c) {
  const struct eq *e = c->main;
  int64_t lanes = def_lanes(c, e);
  struct narrow x = {0};
  struct order o = {0};
  if (c->o->strict || c->lim->simt || lanes < 4 || e->red != RED_sum || e->nax != e->npar + 1) return false;
  if (!type_is_float((enum dtype)e->body->type) || !find_axes(c, lanes, &x)) return false;
  pick_sizes(c, lanes, &x);
  struct others others = def_others(c, (unsigned)x.red);
  def_push(c, STEP_tile, LOOP_ID(x.row, 0), x.mr);
  def_push(c, STEP_tile, LOOP_ID(x.red, 0), lanes);
  def_push_others(c, &others, STEP_tile, lanes);
  if (x.kc) def_push(c, STEP_tile, LOOP_ID(x.red, 0), x.kc);
  if (x.mc) def_push(c, STEP_tile, LOOP_ID(x.row, 0), x.mc);
  for (unsigned i = 0; i < e->npar; i++) {
    int a = def_axis(c, e->axis[i].sym);
    if (a >= 0 && a != x.row && a != x.col) def_then(&o, (unsigned)a, 0);
  }
  if (x.kc) def_then(&o, (unsigned)x.red, 2);
  if (x.mc) def_then(&o, (unsigned)x.row, 2);
  unsigned pack = o.n ? o.l[o.n - 1] : MAX_LOOP;
  def_then(&o, (unsigned)x.row, 1);
  def_then_others(&o, &others, 1);
  def_then(&o, (unsigned)x.red, 1);
  def_then(&o, (unsigned)x.col, 0); /* outside of the rows: a vector of one column at a time, and one of each row */
  def_then(&o, (unsigned)x.row, 0);
  def_then_others(&o, &others, 0);
  def_then(&o, (unsigned)x.red, 0);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(x.red, 0), 0);
  def_push_others(c, &others, STEP_vector, 0);
  def_push(c, STEP_unroll, LOOP_ID(x.row, 0), 0);
  def_push(c, STEP_unroll, LOOP_ID(x.col, 0), 0);
  if (!x.lies && (pack == MAX_LOOP || !def_push(c, STEP_pack, pack, def_operand(c, x.cols->tensor)))) return false;
  def_push_parallel(c, &o);
  return true;
}
