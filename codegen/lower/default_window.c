/* Default schedule of windows: reductions whose rows lie along more than one axis of an image, or under a window that
   slides along them (convolutions, also 1x1). No row axis is long, so tiles are chosen to fit its extent; a panel of
   the operand that all rows share (the weights) stays in cache while all of them pass, and is read in place: an image
   is too small to pay for packing it. Where borders cut tiles, the ends of the image and the taps of the window are
   peeled. */
#include "codegen/lower/default.h"

struct window {
  unsigned lane, row;
  int red; /* the longest reduced axis */
  bool slides;
  int64_t mr, nv, tile, kc; /* rows and vectors of a register tile, its elements along the lanes; block of `red` or 0 */
  bool turned;              /* neighbours along the lanes lie apart in the shared operand: it is packed */
  bool rows_outside;        /* the whole shared operand stays in cache: rows pass outside of its panels */
};

/* ---- the shape ---- */

/* A subscript in which a window slides: a parallel and a reduced axis together. */
struct slides {
  const struct eq *e;
  sym_t s;
  unsigned from, to; /* with which of the axes of e */
  bool found;
};
static void find_slide(expr_t x, void *ctx) {
  struct slides *k = ctx;
  if (x->kind != E_READ) return;
  for (unsigned d = 0; d < x->acc->rank; d++)
    for (unsigned r = k->from; r < k->to && poly_has(x->acc->ix[d].poly, k->s); r++)
      k->found |= poly_has(x->acc->ix[d].poly, k->e->axis[r].sym);
}

static bool slides_along(const struct eq *e, sym_t row) {
  struct slides k = {e, row, e->npar, e->nax, false};
  expr_visit(e->body, find_slide, &k);
  return k.found;
}

/* Rows along more than one axis: parallel axes that the shared operand does not have. */
static unsigned row_axes(const struct chooser *c, const struct window *w, const struct reuse *k) {
  unsigned n = 0;
  for (unsigned x = 0; x < c->main->npar; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    n += a >= 0 && a != (int)w->lane && def_extent(c, (unsigned)a) != 1 && !def_has(k->acc, c->main->axis[x].sym);
  }
  return n;
}

/* A reduced axis that is a tap of some window. */
static bool is_tap(const struct eq *e, sym_t s) {
  struct slides k = {e, s, 0, e->npar, false};
  expr_visit(e->body, find_slide, &k);
  return k.found;
}

/* The longest reduced axis, rather one that is no tap. */
static int main_reduction(const struct chooser *c) {
  const struct eq *e = c->main;
  int best = -1;
  bool tap = false;
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    bool t = is_tap(e, e->axis[x].sym);
    if (a < 0 || (best >= 0 && t > tap)) continue;
    if (best >= 0 && t == tap && def_guess(c, (unsigned)a) < def_guess(c, (unsigned)best)) continue;
    best = a;
    tap = t;
  }
  return best;
}

static bool is_window(const struct chooser *c, struct window *w, const struct reuse *k) {
  int64_t rows = def_extent(c, w->row);
  w->slides = slides_along(c->main, c->g->axis[w->row].sym);
  w->red = main_reduction(c);
  if (w->red < 0 || (!w->turned && def_step(c, k->tensor, def_subs(c, k->acc), k->lane) != 1)) return false;
  return w->slides || (rows && rows <= 256 && row_axes(c, w, k) > 1);
}

/* ---- register tile ---- */

/* Cycles of one step of the reduction: two FMAs and two loads a cycle, four cycles for an FMA's result to be added to
 * again. */
static double tile_cycles(int64_t m, int64_t v) {
  double fma = (double)(m * v) / 2, load = (double)(m + v) / 2;
  if (!m || !v) return 0;
  return (fma > load ? fma : load) > 4 ? (fma > load ? fma : load) : 4;
}

/* Of all tiles that cover rows x vectors. */
static double cover_cycles(int64_t rows, int64_t vectors, int64_t mr, int64_t nv) {
  int64_t r = rows / mr, v = vectors / nv, rr = rows % mr, vr = vectors % nv;
  return (double)(r * v) * tile_cycles(mr, nv) + (double)r * tile_cycles(mr, vr) + (double)v * tile_cycles(rr, nv) +
         tile_cycles(rr, vr) + 0.5 * (double)((r + (rr > 0)) * (v + (vr > 0))) + (rr > 0) + 4 * (vr > 0);
}

/* One register too many costs little: a vector is read again from memory. It is worth that only when one tile is the
 * whole row. */
static double spills(const struct chooser *c, int64_t rows, int64_t mr, int64_t nv) {
  int64_t over = mr * nv + nv + 1 - (int64_t)c->lim->vector_regs;
  return over <= 0 ? 1 : over == 1 && rows == mr && nv > 2 ? 1.03 : 100;
}

/* Rows whose number is not known: over images and channels of usual sizes; what is left of a row is then walked one by
 * one. */
static double usual_cycles(int64_t vectors, int64_t mr, int64_t nv) {
  static const int usual[] = {7, 14, 28, 56};
  double sum = 0;
  for (unsigned i = 0; i < sizeof usual / sizeof *usual; i++)
    for (int64_t v = vectors ? vectors : 4; v <= (vectors ? vectors : 16); v *= 4) {
      int64_t whole = usual[i] / mr * mr;
      double one = cover_cycles(1, v, 1, nv) * (double)(usual[i] - whole);
      sum += (cover_cycles(whole, v, mr, nv) + one) / (double)(usual[i] * v);
    }
  return sum;
}

static void pick_tile(const struct chooser *c, struct window *w) {
  int64_t lanes = def_lanes(c, c->main), ev = def_extent(c, w->lane), rows = def_extent(c, w->row);
  int64_t vectors = (ev + lanes - 1) / lanes, most = rows && rows < 14 ? rows : 14;
  double best = 0;
  w->mr = w->nv = 1;
  for (int64_t nv = 1; nv <= 4 && (!ev || nv <= vectors); nv++)
    for (int64_t mr = 1; mr <= most; mr++) {
      double cost = rows && ev ? cover_cycles(rows, vectors, mr, nv) : usual_cycles(vectors, mr, nv);
      cost *= spills(c, rows, mr, nv);
      if (best > 0 && cost >= best) continue;
      best = cost;
      w->mr = mr;
      w->nv = nv;
    }
  w->tile = ev >= 4 && ev < lanes && (ev & (ev - 1)) == 0 ? ev : w->nv * lanes;
}

/* ---- cache blocks ---- */

static double bytes_along(const struct chooser *c, const struct access *r, int skip) {
  double n = (double)type_size(c->gs->k->tensor[r->tensor].type);
  for (unsigned a = 0; a < c->g->naxis; a++)
    if ((int)a != skip && def_has(r, c->g->axis[a].sym)) n *= (double)def_guess(c, a);
  return n;
}

/* A divisor of ext near want, else an even block. */
static int64_t near_block(int64_t ext, int64_t want) {
  if (!ext || ext <= want + want / 8) return ext ? 0 : def_pick_block(0, 4, want);
  for (int64_t n = want + want / 8; n * 2 >= want && n >= 4; n--)
    if (ext % n == 0 && n % 4 == 0) return n;
  return def_pick_block(ext, 4, want);
}

static void pick_cache(const struct chooser *c, struct window *w, const struct reuse *k) {
  double l2 = (double)c->lim->l2_bytes, one = (double)w->tile * (double)type_size(c->gs->k->tensor[k->tensor].type),
         taps = 1;
  w->rows_outside = !w->turned && bytes_along(c, k->acc, -1) <= l2 / 4;
  for (unsigned a = 0; a < c->g->naxis; a++) /* a step along `red` of one panel */
    if ((int)a != w->red && a != w->lane && def_has(k->acc, c->g->axis[a].sym) &&
        def_reduces(c->main, c->g->axis[a].sym))
      taps *= (double)(def_extent(c, a) ? def_extent(c, a) : 3);
  double want = l2 / 7 / (one * taps);
  if (taps > 1 && want > 640 / taps) want = 640 / taps; /* the rows under a window stay in the first cache */
  w->kc = w->rows_outside ? 0 : near_block(def_extent(c, (unsigned)w->red), want < 16 ? 16 : (int64_t)want);
}

/* ---- steps ---- */

static void window_order(const struct chooser *c, const struct window *w, const struct reuse *k, struct order *o) {
  const struct eq *e = c->main;
  for (unsigned x = 0; x < e->npar; x++) { /* what has weights of its own, or is no row of an image */
    int a = def_axis(c, e->axis[x].sym);
    bool own = a >= 0 && a != (int)w->lane && a != (int)w->row;
    if (own && (def_has(k->acc, e->axis[x].sym) || (w->slides && !slides_along(e, e->axis[x].sym))))
      def_then(o, (unsigned)a, 0);
  }
  if (!w->rows_outside) def_then(o, w->lane, 1);
  if (w->kc) def_then(o, (unsigned)w->red, 1);
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && a != (int)w->lane && a != (int)w->row) def_then(o, (unsigned)a, 0);
  }
  def_then(o, w->lane, 1);
  def_then(o, w->row, 1);
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && a != w->red) def_then(o, (unsigned)a, 0);
  }
  def_then(o, (unsigned)w->red, 0);
  def_then(o, w->row, 0);
  def_then(o, w->lane, 0);
}

/* Does the border cut taps off some rows? */
static bool cut_by_border(const struct eq *e, sym_t row, sym_t tap) {
  for (unsigned i = 0; i < e->nguard; i++)
    if (poly_has(e->guard[i], row) && poly_has(e->guard[i], tap)) return true;
  return false;
}

/* true: the ends of the row stand on their own */
static bool push_peels(struct chooser *c, const struct window *w) {
  const struct eq *e = c->main;
  sym_t row = c->g->axis[w->row].sym;
  bool ends = false;
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a < 0 || a == w->red || !cut_by_border(e, row, e->axis[x].sym) || def_extent(c, (unsigned)a) > 8) continue;
    if (def_push(c, STEP_peel, LOOP_ID(a, 0), 0) && def_extent(c, w->row) > w->mr)
      ends = def_push(c, STEP_peel, LOOP_ID(w->row, 1), 1);
  }
  return ends;
}

/* Packed where a panel is chosen, or once. */
static bool push_turn(struct chooser *c, const struct window *w, const struct reuse *k, const struct order *o) {
  int64_t ext = def_extent(c, w->lane);
  unsigned at = w->kc ? LOOP_ID(w->red, 1) : !ext || ext > w->tile ? LOOP_ID(w->lane, 1) : o->l[0];
  return def_push(c, STEP_pack, at, def_operand(c, k->tensor));
}

/* Panels that come from beyond the second cache, a block of them for few rows: it is asked for while the one before is
 * used. */
static bool far_panels(const struct chooser *c, const struct window *w, const struct reuse *k) {
  double rows = 1;
  for (unsigned x = 0; x < c->main->npar; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    if (a >= 0 && !def_has(k->acc, c->main->axis[x].sym)) rows *= (double)def_guess(c, (unsigned)a);
  }
  return w->kc && rows <= 256 && bytes_along(c, k->acc, -1) > c->lim->l2_bytes && def_in_panels(c, k, w->lane, w->tile);
}

static bool plan_window(struct chooser *c, struct window w, const struct reuse *k) {
  unsigned lane = w.lane, row = w.row;
  struct order o = {0};
  if (def_lanes(c, c->main) < 2 || !is_window(c, &w, k)) return false;
  pick_tile(c, &w);
  pick_cache(c, &w, k);
  def_push(c, STEP_tile, LOOP_ID(row, 0), w.mr);
  def_push(c, STEP_tile, LOOP_ID(lane, 0), w.tile);
  if (w.kc) def_push(c, STEP_tile, LOOP_ID(w.red, 0), w.kc);
  window_order(c, &w, k, &o);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(lane, 0), 0);
  def_push(c, STEP_unroll, LOOP_ID(row, 0), 0);
  bool ends = push_peels(c, &w);
  if (def_guess(c, (unsigned)w.red) >= 32) def_push(c, STEP_unroll, LOOP_ID(w.red, 0), ends ? 2 : 4);
  if (w.turned && !push_turn(c, &w, k, &o)) return false;
  if (far_panels(c, &w, k)) def_push(c, STEP_prefetch, LOOP_ID(w.red, 1), def_operand(c, k->tensor));
  def_push_parallel(c, &o);
  return true;
}

bool def_window(struct chooser *c, int lane, int row, const struct reuse *k) {
  return plan_window(c, (struct window){.lane = (unsigned)lane, .row = (unsigned)row, .red = -1}, k);
}

/* Do lanes along the image serve well enough? Results are then stored as they lie; else they are scattered at the end
   of the sum, which a long one does not notice. */
static bool lanes_fit(const struct chooser *c, unsigned lane) {
  const struct eq *e = c->main;
  struct score k = {c, e, c->g->axis[lane].sym, 0, 0, 0, 0};
  int64_t terms = 1, ext = def_extent(c, lane);
  expr_visit(e->body, def_score_read, &k);
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    terms *= a < 0 ? 16 : def_guess(c, (unsigned)a);
    if (terms > 1024) break;
  }
  return !k.far && !k.packable && terms < 128 && !(ext && ext < 2 * (int64_t)def_lanes(c, e));
}

bool def_window_turned(struct chooser *c, int lane) {
  const struct eq *e = c->main;
  if (e->red == RED_none || !slides_along(e, c->g->axis[lane].sym) || lanes_fit(c, (unsigned)lane)) return false;
  for (unsigned x = 0; x < e->npar; x++) {
    struct reuse k = {0};
    int a = def_axis(c, e->axis[x].sym);
    if (a < 0 || a == lane || slides_along(e, e->axis[x].sym) || def_guess(c, (unsigned)a) < def_lanes(c, e)) continue;
    int row = def_find_rows(c, e, (unsigned)a, &k);
    if (row < 0 || k.acc->nguard || !slides_along(e, c->g->axis[row].sym)) continue;
    return plan_window(c, (struct window){.lane = (unsigned)a, .row = (unsigned)row, .red = -1, .turned = true}, &k);
  }
  return false;
}
