/* Default schedule of reductions with reuse (matmul, conv): register tile of MR rows x NV vectors, cache blocks,
 * packing where it pays. */
#include "codegen/lower/default.h"

static bool is_row_or_lane(unsigned a, int row, int lane) {
  return (int)a == row || (int)a == lane;
}

static double elements(const struct chooser *c, const struct access *r) {
  double n = 1;
  for (unsigned a = 0; a < c->g->naxis; a++)
    if (def_has(r, c->g->axis[a].sym)) n *= (double)def_guess(c, a);
  return n;
}

/* Does a panel of the shared operand lie scattered: neighbours along the reduction are far apart, and there is enough
 * reuse to pay for copying. */
static bool pack_pays(const struct chooser *c, const struct reuse *k, unsigned row) {
  double bytes = elements(c, k->acc) * (double)type_size(c->gs->k->tensor[k->tensor].type);
  if (def_step(c, k->tensor, def_subs(c, k->acc), k->lane) == 2)
    return def_guess(c, row) >= PACK_ROWS; /* lanes would gather */
  return def_guess(c, row) > 128 && bytes > c->lim->l1_bytes / 2.0;
}

/* The operand that does not move with the lanes, when its rows lie far apart: broadcasting from a copied block keeps
 * them out of one cache set. */
static const struct access *row_operand(const struct chooser *c, unsigned lane, unsigned row, unsigned red) {
  struct reuse k = {c->g->axis[row].sym, c->g->axis[lane].sym, c, false, 0, NULL};
  expr_visit(c->main->body, def_find_shared, &k); /* walks rows, not lanes */
  if (!k.acc || k.acc->nguard || !def_has(k.acc, c->g->axis[red].sym)) return NULL;
  return k.acc;
}

struct blocks {
  int64_t nv, tile;       /* vectors of a register tile, and their elements */
  int64_t mr, kc, nc, mc; /* vectors, rows, and cache blocks of reduction, lanes and rows; 0: the whole axis */
  bool pack, copy, panel; /* panel: one panel of the packed operand at a time is enough */
};

static struct blocks pick_blocks(const struct chooser *c, unsigned lane, unsigned row, unsigned red,
                                 const struct reuse *k) {
  const struct eq *e = c->main;
  int64_t lanes = def_lanes(c, e), ev = def_extent(c, lane), er = def_extent(c, row),
          size = (int64_t)type_size(e->body->type);
  struct blocks o = {.nv = def_pick_vectors(ev, lanes, c->lim->vector_regs >= 32 ? 4 : 2)};
  if (size < 4) size = 4;
  o.mr = def_pick_rows(er, def_max_rows(c, o.nv));
  bool fits = elements(c, k->acc) * (double)size <= c->lim->l1_bytes && ev; /* all of the shared operand stays near */
  bool far = def_step(c, k->tensor, def_subs(c, k->acc), k->lane) == 2;
  o.tile = ev >= 4 && ev < lanes && (ev & (ev - 1)) == 0 ? ev : o.nv * lanes;
  o.kc = fits ? 0 : def_pick_block(def_extent(c, red), 4, 2048 / size);
  o.pack = pack_pays(c, k, row) && (far || o.tile <= def_guess(c, lane));
  int64_t depth = o.kc ? o.kc : def_guess(c, red), room = (int64_t)c->lim->l2_bytes / 2;
  double rows = (double)def_guess(c, row) * (double)def_guess(c, red) * (double)size;
  o.panel = o.pack && !o.kc && rows <= (double)c->lim->l2_bytes * 1.5;
  o.mc = o.panel || (fits && c->o->threads < 2)
             ? 0
             : def_pick_block(er, o.mr, room / (depth * size) < 24 ? 24 : room / (depth * size));
  o.nc = o.pack && !o.panel ? def_pick_block(ev, o.tile, 4096 / size) : 0;
  if (o.mc && c->o->threads > 1 && er) {
    int64_t share = def_round_up((er + 2 * c->o->threads - 1) / (2 * c->o->threads), o.mr);
    o.mc = o.mc < share ? o.mc : share <= o.mr ? 0 : share;
  }
  const struct access *a = row_operand(c, lane, row, red);
  o.copy = o.pack && o.mc && a && def_step(c, a->tensor, def_subs(c, a), c->g->axis[row].sym) == 2;
  return o;
}

static void product_order(const struct chooser *c, unsigned lane, unsigned row, unsigned red, const struct blocks *b,
                          struct order *o, unsigned *pack, unsigned *copy) {
  const struct eq *e = c->main;
  unsigned ll = b->nc ? 2 : 1, lr = b->mc ? 2 : 1;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && !is_row_or_lane((unsigned)a, (int)row, (int)lane)) def_then(o, (unsigned)a, 0);
  }
  if (c->o->threads > 1 && b->mc) def_then(o, row, lr); /* threads take blocks of rows; each packs for itself */
  if (b->nc || b->panel) def_then(o, lane, ll);
  if (b->kc) def_then(o, red, 1);
  *pack = o->n ? o->l[o->n - 1] : MAX_LOOP;
  if (b->mc) def_then(o, row, lr);
  *copy = o->n ? o->l[o->n - 1] : MAX_LOOP;
  def_then(o, lane, 1);
  def_then(o, row, 1);
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && a != (int)red) def_then(o, (unsigned)a, 0);
  }
  def_then(o, red, 0);
  def_then(o, row, 0);
  def_then(o, lane, 0);
}

struct padded {
  const struct access *acc;
};
static void find_padded(expr_t x, void *ctx) {
  struct padded *k = ctx;
  if (x->kind == E_READ && x->acc->nguard && !k->acc) k->acc = x->acc;
}

/* A read with a border is copied with its border, once for all the rows of an image line: inside, no tile is cut by
 * guards. */
static void push_padding(struct chooser *c, const struct order *o, unsigned lane, unsigned row) {
  struct padded k = {NULL};
  int at = -1;
  expr_visit(c->main->body, find_padded, &k);
  for (unsigned i = 0; k.acc && i < o->n; i++) {
    unsigned a = LOOP_AXIS(o->l[i]);
    if (a == lane || a == row || eq_axis(c->main, c->g->axis[a].sym) >= c->main->npar) break;
    at = o->l[i];
  }
  if (at >= 0) def_push(c, STEP_copy, (unsigned)at, def_operand(c, k.acc->tensor));
}

bool def_product(struct chooser *c, int lane, int row, const struct reuse *k) {
  const struct eq *e = c->main;
  int red = -1;
  unsigned pack, copy;
  struct order o = {0};
  if (def_lanes(c, e) < 2) return false;
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && (red < 0 || def_guess(c, (unsigned)a) >= def_guess(c, (unsigned)red))) red = a;
  }
  if (red < 0) return false;
  struct blocks b = pick_blocks(c, (unsigned)lane, (unsigned)row, (unsigned)red, k);
  def_push(c, STEP_tile, LOOP_ID(row, 0), b.mr);
  def_push(c, STEP_tile, LOOP_ID(lane, 0), b.tile);
  if (b.kc) def_push(c, STEP_tile, LOOP_ID(red, 0), b.kc);
  if (b.nc) def_push(c, STEP_tile, LOOP_ID(lane, 0), b.nc);
  if (b.mc) def_push(c, STEP_tile, LOOP_ID(row, 0), b.mc);
  product_order(c, (unsigned)lane, (unsigned)row, (unsigned)red, &b, &o, &pack, &copy);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(lane, 0), 0);
  def_push(c, STEP_unroll, LOOP_ID(row, 0), 0);
  if (e->nax == e->npar + 1) def_push(c, STEP_unroll, LOOP_ID(red, 0), 4);
  push_padding(c, &o, (unsigned)lane, (unsigned)row);
  if (b.pack && pack < MAX_LOOP) def_push(c, STEP_pack, pack, def_operand(c, k->tensor));
  if (b.copy && copy < MAX_LOOP)
    def_push(c, STEP_copy, copy, def_operand(c, row_operand(c, (unsigned)lane, (unsigned)row, (unsigned)red)->tensor));
  def_push_parallel(c, &o);
  return true;
}
