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

static double bytes_of(const struct chooser *c, const struct access *r) {
  return elements(c, r) * (double)type_size(c->gs->k->tensor[r->tensor].type);
}

/* Does a panel of the shared operand lie scattered: neighbours along the reduction are far apart, and there is enough
 * reuse to pay for copying. */
static bool pack_pays(const struct chooser *c, const struct reuse *k, unsigned row) {
  if (def_step(c, k->tensor, def_subs(c, k->acc), k->lane) == 2)
    return def_guess(c, row) >= PACK_ROWS; /* lanes would gather */
  double all = bytes_of(c, k->acc);
  return def_guess(c, row) >= 96 && all > (def_guess(c, row) >= 512 ? c->lim->l1_bytes : c->lim->l2_bytes / 4.0);
}

struct blocks {
  int64_t nv, tile;       /* vectors of a register tile, and their elements */
  int64_t mr, kc, nc, mc; /* vectors, rows, and cache blocks of reduction, lanes and rows; 0: the whole axis */
  bool pack, copy;        /* of a panel of the shared operand; of a block of rows */
  bool few, once;         /* few rows; all of them are one tile: the shared operand is read once, as a stream */
  bool far;               /* the panel lies across memory: lanes are a row apart */
  bool wide;              /* rows of narrow floats: large blocks of them are converted once, outside of all panels */
  bool laid;              /* the shared operand lies in panels: as if packed, but for the copy */
  bool chooses;           /* an index is chosen along the lanes: a tile of rows meets all panels first */
  bool deep; /* few panels, a long reduction: its blocks pass by one after the other, each used by all panels. Its rows
                are short, so a block of them is one stretch of memory: it is read in place */
};

/* The operand that does not move with the lanes. */
static const struct access *row_operand(const struct chooser *c, unsigned lane, unsigned row) {
  struct reuse k = {c->g->axis[row].sym, c->g->axis[lane].sym, c, false, 0, NULL};
  expr_visit(c->main->body, def_find_shared, &k); /* walks rows, not lanes */
  return k.acc;
}

/* The axis that counts panels: in the shared operand and the result, not on lanes; -1: none. */
static int panel_axis(const struct chooser *c, const struct access *shared, unsigned lane, unsigned row) {
  const struct access *rows = row_operand(c, lane, row);
  for (unsigned x = 0; x < c->main->npar; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    if (a >= 0 && !is_row_or_lane((unsigned)a, (int)row, (int)lane) && def_has(shared, c->main->axis[x].sym) &&
        !(rows && def_has(rows, c->main->axis[x].sym)))
      return a;
  }
  return -1;
}

/* Rows that one thread takes at a time, where there are too few panels to share. */
static int64_t share_rows(const struct chooser *c, int64_t panels, int64_t er, int64_t mr) {
  int64_t parts = 2 * (int64_t)c->o->threads;
  if (c->o->threads < 2 || !er || !panels || panels >= parts) return 0;
  int64_t n = def_round_up((er + parts - 1) / parts, mr);
  return n > mr && n < er ? n : 0;
}

/* Rows that are few: as many vectors a row as leave room for all rows in one tile, when any number does. */
static void pick_tile(const struct chooser *c, unsigned lane, unsigned row, int64_t lanes, struct blocks *o) {
  int64_t ev = def_most(c, lane), er = def_extent(c, row), rows = def_most(c, row);
  int64_t regs = (c->lim->vector_regs >= 32 ? 4 : 2) / def_sums(c);
  int64_t most = def_pick_vectors(ev, lanes, regs < 1 ? 1 : regs);
  o->few = rows > 0 && rows < 48 && c->main->nax == c->main->npar + 1;
  for (o->nv = most; o->few && er && o->nv > 1; o->nv--)
    if (def_max_rows(c, o->nv) >= er) break;
  o->once = o->few && er && o->nv > 1;
  if (!o->once) o->nv = most;
  o->mr = def_pick_rows(er, def_max_rows(c, o->nv));
}

static bool narrow_float(const struct chooser *c, unsigned tensor) {
  enum dtype t = (enum dtype)c->gs->k->tensor[tensor].type;
  return type_is_float(t) && type_size(t) < 4;
}

/* In two blocks, so that panels are packed twice; more where the copy would not stay in the last cache. */
static void widen_rows(const struct chooser *c, int64_t depth, int64_t er, struct blocks *o) {
  int64_t want = (int64_t)c->lim->l3_bytes / 8 / (depth * 4), half = (er + 1) / 2;
  o->nc = 0;
  o->mc = def_round_up(want < half ? (want < o->mr ? o->mr : want) : half, o->mr);
  o->copy = o->wide = true;
}

/* A panel of the shared operand, packed or not, as deep as a quarter of L2 allows, is used for all rows before the next
   one. Only rows that are too many to be read again for each panel (a quarter of L3) are cut into blocks that stay in
   L2 while several panels pass. Rows that lie across memory (A[k, i]) touch a line, and soon a page, for each k: blocks
   of them are copied. */
static struct blocks pick_blocks(const struct chooser *c, unsigned lane, unsigned row, unsigned red,
                                 const struct reuse *k) {
  const struct eq *e = c->main;
  int64_t lanes = def_lanes(c, e), ev = def_extent(c, lane), er = def_extent(c, row),
          size = (int64_t)type_size(e->body->type), l2 = c->lim->l2_bytes;
  struct blocks o = {0};
  pick_tile(c, lane, row, lanes, &o);
  const struct access *rows = row_operand(c, lane, row);
  if (size < 4) size = 4;
  bool fits = bytes_of(c, k->acc) <= c->lim->l1_bytes && ev; /* all of the shared operand stays near */
  o.far = def_step(c, k->tensor, def_subs(c, k->acc), k->lane) == 2;
  o.tile = ev >= 4 && ev < lanes && (ev & (ev - 1)) == 0 ? ev : o.nv * lanes;
  o.pack = pack_pays(c, k, row) && (o.far || o.tile <= def_guess(c, lane));
  o.laid = def_in_panels(c, k, lane, o.tile) && panel_axis(c, k->acc, lane, row) >= 0;
  o.deep = !o.laid && ev && ev <= 4 * o.tile && bytes_of(c, k->acc) > (double)l2;
  if (o.deep && !o.far) o.pack = false;
  bool low = o.deep || (o.few && !o.pack);
  o.kc = fits || (o.once && !o.pack) ? 0 : def_pick_block(def_extent(c, red), 4, l2 / (low ? 16 : 4) / (o.tile * size));
  int64_t depth = o.kc ? o.kc : def_guess(c, red);
  bool turned = rows && def_step(c, rows->tensor, def_subs(c, rows), c->g->axis[row].sym) == 1;
  double most = turned ? (double)l2 : c->lim->l3_bytes / 4.0;
  if (o.pack && rows && bytes_of(c, rows) > most) {
    o.nc = def_pick_block(ev, o.tile, 2048 / size);
    o.mc = def_pick_block(er, o.mr, l2 * 3 / 8 / (depth * size));
    o.copy = turned && o.mc;
  }
  if (o.pack && rows && !c->lim->simt && narrow_float(c, rows->tensor) && def_guess(c, row) > o.mr)
    widen_rows(c, depth, def_guess(c, row), &o);
  if (!o.mc) o.mc = share_rows(c, ev ? (ev + o.tile - 1) / o.tile : 0, er, o.mr);
  return o;
}

/* Another sum that fills the same tile (x w + h u: two products, one result). */
static bool other_sum(const struct chooser *c, const struct eq *e, unsigned lane, unsigned row) {
  int l = eq_axis(e, c->g->axis[lane].sym), r = eq_axis(e, c->g->axis[row].sym);
  return e != c->main && e->red != RED_none && l >= 0 && l < (int)e->npar && r >= 0 && r < (int)e->npar;
}

static const struct eq *member(const struct chooser *c, unsigned i) {
  return &c->gs->k->eq[c->g->eq[i]];
}

/* Their loops, which go over the tile as the main member's does. */
static void then_other_sums(const struct chooser *c, unsigned lane, unsigned row, struct order *o) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = member(c, i);
    for (unsigned x = e->npar; x < e->nax && other_sum(c, e, lane, row); x++) {
      int a = def_axis(c, e->axis[x].sym);
      if (a >= 0 && eq_axis(c->main, e->axis[x].sym) < 0) def_then(o, (unsigned)a, 0);
    }
  }
}

/* Does some argmin or argmax of the group choose along the axis of the lanes (the nearest centre)? Its index waits in
   registers, so a tile of rows meets all panels before the next tile. */
static bool chooses_along(const struct chooser *c, unsigned lane) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = member(c, i);
    if ((e->red == RED_argmin || e->red == RED_argmax) && def_reduces(e, c->g->axis[lane].sym)) return true;
  }
  return false;
}

/* *pack, *copy: the loops inside which a panel is packed and rows are copied; MAX_LOOP: none. */
static void product_order(const struct chooser *c, unsigned lane, unsigned row, unsigned red, const struct blocks *b,
                          const struct reuse *k, struct order *o, unsigned *pack, unsigned *copy) {
  const struct eq *e = c->main;
  int panel = b->laid && b->mc ? panel_axis(c, k->acc, lane, row) : -1; /* several pass by a block of rows */
  unsigned ll = b->nc ? 2 : 1, lr = b->mc ? 2 : 1;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && a != panel && !is_row_or_lane((unsigned)a, (int)row, (int)lane)) def_then(o, (unsigned)a, 0);
  }
  if (c->lim->simt && b->mc) def_then(o, row, lr); /* a block of threads takes its rows through the whole reduction */
  if (b->chooses) def_then(o, row, 1);
  if (b->wide) def_then(o, row, 2), *copy = LOOP_ID(row, 2);
  if (b->kc && (b->deep || b->wide)) def_then(o, red, 1), *copy = LOOP_ID(red, 1);
  if (b->nc || b->pack) def_then(o, lane, ll);
  if (b->kc) def_then(o, red, 1);
  *pack = o->n ? o->l[o->n - 1] : MAX_LOOP;
  if (b->mc) def_then(o, row, lr);
  if (panel >= 0) def_then(o, (unsigned)panel, 0);
  if (!b->wide) *copy = o->n ? o->l[o->n - 1] : MAX_LOOP;
  if (b->deep && !b->pack) def_then(o, row, 1); /* each row is brought near once */
  def_then(o, lane, 1);
  def_then(o, row, 1);
  then_other_sums(c, lane, row, o);
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && a != (int)red) def_then(o, (unsigned)a, 0);
  }
  def_then(o, red, 0);
  def_then(o, row, 0);
  def_then(o, lane, 0);
}

/* The last result of the group that covers the tile. */
static const struct eq *tile_result(const struct chooser *c, unsigned lane, unsigned row) {
  for (unsigned i = c->g->neq; i-- > 0;) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (!group_private(c->gs, c->gi, e->lhs) && eq_axis(e, c->g->axis[lane].sym) >= 0 &&
        eq_axis(e, c->g->axis[row].sym) >= 0)
      return e;
  }
  return NULL;
}

static double result_bytes(const struct chooser *c, const struct eq *e) {
  double n = (double)type_size(c->gs->k->tensor[e->lhs].type);
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym);
    n *= a < 0 ? 1 : (double)def_guess(c, (unsigned)a);
  }
  return n;
}

/* The tile of a result that is far away is asked for before its sum begins; the next panel, if it is rows of
   memory, while this one is used for few rows. */
static void push_prefetch(struct chooser *c, unsigned lane, unsigned row, unsigned red, const struct blocks *b,
                          const struct reuse *k) {
  const struct access *rows = row_operand(c, lane, row);
  double shared = bytes_of(c, k->acc), all = shared + (rows ? bytes_of(c, rows) : 0);
  const struct eq *out = tile_result(c, lane, row);
  if (out && all > 4.0 * c->lim->l2_bytes && result_bytes(c, out) >= c->lim->l2_bytes / 2.0)
    def_push(c, STEP_prefetch, LOOP_ID(row, 1), def_operand(c, out->lhs));
  if (def_guess(c, row) > 256 || shared <= c->lim->l2_bytes) return;
  if (b->far || b->deep) return; /* a line for each element; one stretch, which the machine asks for itself */
  if (b->laid) {
    unsigned panel = (unsigned)panel_axis(c, k->acc, lane, row);
    def_push(c, STEP_prefetch, b->kc ? LOOP_ID(red, 1) : LOOP_ID(panel, 0), def_operand(c, k->tensor));
    return;
  }
  unsigned next = b->once && !b->pack ? LOOP_ID(red, 0) : LOOP_ID(lane, b->nc ? 2 : 1);
  def_push(c, STEP_prefetch, next, def_operand(c, k->tensor));
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

struct panels { /* operands that move with the lanes and not with the rows */
  struct chooser *c;
  sym_t lane, row;
  unsigned loop, first;
};

static void pack_panel(expr_t x, void *ctx) {
  const struct panels *p = ctx;
  if (x->kind == E_READ && x->acc->tensor != p->first && def_has(x->acc, p->lane) && !def_has(x->acc, p->row))
    def_push(p->c, STEP_pack, p->loop, def_operand(p->c, x->acc->tensor)); /* refused the second time */
}

/* The panel on lanes; the others of a sum of products (real and imaginary parts), and of sums beside it. */
static void push_packs(struct chooser *c, int lane, int row, unsigned loop, unsigned first) {
  struct panels p = {c, c->g->axis[lane].sym, c->g->axis[row].sym, loop, first};
  def_push(c, STEP_pack, loop, def_operand(c, first));
  if (def_sums(c) > 1) expr_visit(c->main->body, pack_panel, &p);
}

/* Panels of the group's other sums: beside the main member's where they go over the same axis, for all of theirs else.
 */
static void pack_other_sums(struct chooser *c, unsigned lane, unsigned row, unsigned red, unsigned loop, unsigned all) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = member(c, i);
    struct reuse k = {0};
    if (other_sum(c, e, lane, row) && def_find_rows(c, e, lane, &k) == (int)row && pack_pays(c, &k, row))
      def_push(c, STEP_pack, def_reduces(e, c->g->axis[red].sym) ? loop : all, def_operand(c, k.tensor));
  }
}

bool def_product(struct chooser *c, int lane, int row, const struct reuse *k) {
  const struct eq *e = c->main;
  int red = -1;
  unsigned pack = MAX_LOOP, copy = MAX_LOOP;
  struct order o = {0};
  if (def_lanes(c, e) < 2) return false;
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && (red < 0 || def_guess(c, (unsigned)a) >= def_guess(c, (unsigned)red))) red = a;
  }
  if (red < 0) return false;
  struct blocks b = pick_blocks(c, (unsigned)lane, (unsigned)row, (unsigned)red, k);
  b.chooses = chooses_along(c, (unsigned)lane);
  if (b.chooses) b.kc = b.nc = b.mc = 0, b.wide = b.copy = false;
  def_push(c, STEP_tile, LOOP_ID(row, 0), b.mr);
  def_push(c, STEP_tile, LOOP_ID(lane, 0), b.tile);
  if (b.kc) def_push(c, STEP_tile, LOOP_ID(red, 0), b.kc);
  if (b.nc) def_push(c, STEP_tile, LOOP_ID(lane, 0), b.nc);
  if (b.mc) def_push(c, STEP_tile, LOOP_ID(row, 0), b.mc);
  product_order(c, (unsigned)lane, (unsigned)row, (unsigned)red, &b, k, &o, &pack, &copy);
  def_push_order(c, &o);
  if (b.chooses) def_push(c, STEP_unroll, LOOP_ID(row, 0), 0); /* lanes of an index need their registers */
  def_push(c, STEP_vector, LOOP_ID(lane, 0), 0);
  if (!b.chooses) def_push(c, STEP_unroll, LOOP_ID(row, 0), 0);
  if (e->nax == e->npar + 1) def_push(c, STEP_unroll, LOOP_ID(red, 0), b.few && !b.once ? 2 : 4);
  push_padding(c, &o, (unsigned)lane, (unsigned)row);
  if (b.pack && !b.laid && pack < MAX_LOOP) {
    push_packs(c, lane, row, pack, k->tensor);
    pack_other_sums(c, (unsigned)lane, (unsigned)row, (unsigned)red, pack, LOOP_ID(lane, b.nc ? 2 : 1));
  }
  if (b.copy && copy < MAX_LOOP)
    def_push(c, STEP_copy, copy, def_operand(c, row_operand(c, (unsigned)lane, (unsigned)row)->tensor));
  push_prefetch(c, (unsigned)lane, (unsigned)row, (unsigned)red, &b, k);
  def_push_parallel(c, &o);
  return true;
}
