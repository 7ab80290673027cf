/* Default schedule of small windows: stencils, filters, depthwise convolutions. What is summed is a few taps of
   constant number, or written out; nothing is shared by all rows, but neighbours read the same elements. So the taps
   are unrolled and several rows are computed at once: what two of them read is loaded once. Where borders cut taps off,
   the ends of the image are peeled. In a chain of such windows what feeds the last one is computed where it is read, in
   registers, a few rows of it twice. */
#include "codegen/lower/default.h"

/* READS_LEAST: with fewer reads of a tensor what rows share does not pay for walking several at once. */
enum { TAPS_MOST = 32, READS_MOST = 64, READS_LEAST = 4, ROW_AXES = 2 };

/* ---- the shape ---- */

struct seen {
  unsigned n;
  const struct access *acc[READS_MOST];
};
static void see(expr_t x, void *ctx) {
  struct seen *k = ctx;
  if (x->kind == E_READ && k->n < READS_MOST) k->acc[k->n++] = x->acc;
}

/* Two reads that differ by a constant number of steps along s. */
static bool neighbours(const struct chooser *c, const struct access *x, const struct access *y, sym_t s) {
  bool apart = false;
  int64_t v;
  if (x->tensor != y->tensor) return false;
  for (unsigned d = 0; d < x->rank; d++) {
    if (x->ix[d].dyn || y->ix[d].dyn) return false;
    if (!poly_is_const(poly_sub(c->a, x->ix[d].poly, y->ix[d].poly), &v)) return false;
    apart |= v && poly_has(x->ix[d].poly, s);
  }
  return apart;
}

/* A subscript with s and one of the axes [from, to) of e. */
static bool slides(const struct eq *e, const struct access *x, sym_t s, unsigned from, unsigned to) {
  for (unsigned d = 0; d < x->rank; d++)
    for (unsigned r = from; r < to && !x->ix[d].dyn && poly_has(x->ix[d].poly, s); r++)
      if (poly_has(x->ix[d].poly, e->axis[r].sym)) return true;
  return false;
}

static unsigned reads_of(const struct seen *k, unsigned tensor) {
  unsigned n = 0;
  for (unsigned i = 0; i < k->n; i++) n += k->acc[i]->tensor == tensor;
  return n;
}

/* Do neighbours along s read the same elements? */
static bool overlaps(const struct chooser *c, sym_t s) {
  const struct eq *e = c->main;
  struct seen k = {0};
  expr_visit(e->body, see, &k);
  for (unsigned i = 0; i < k.n; i++) {
    if (slides(e, k.acc[i], s, e->npar, e->nax)) return true;
    for (unsigned j = 0; j < i && reads_of(&k, k.acc[i]->tensor) >= READS_LEAST; j++)
      if (neighbours(c, k.acc[i], k.acc[j], s)) return true;
  }
  return false;
}

static bool is_tap(const struct eq *e, sym_t s) {
  struct seen k = {0};
  expr_visit(e->body, see, &k);
  for (unsigned i = 0; i < k.n; i++)
    if (slides(e, k.acc[i], s, 0, e->npar)) return true;
  return false;
}

/* Number of taps, 1 when nothing is summed; 0: too many, not constant, or something else is summed. */
static int64_t count_taps(const struct chooser *c) {
  const struct eq *e = c->main;
  int64_t taps = 1;
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    int64_t n = a < 0 || !is_tap(e, e->axis[x].sym) ? 0 : def_extent(c, (unsigned)a);
    if (n < 1 || n > TAPS_MOST || (taps *= n) > TAPS_MOST) return 0;
  }
  return taps;
}

struct taps {
  bool scaled;               /* rows lie a distance apart that is no constant: what they share cannot be seen */
  bool chain;                /* the other members give private temps that the main one reads */
  unsigned lane, nrow, sums; /* sums: reductions of the group, which share the taps they load */
  uint8_t row[ROW_AXES];     /* axes along which neighbours overlap, outermost first: the last ones */
  int64_t rows[ROW_AXES], nv, taps;
};

static bool all_alike(const struct chooser *c) {
  for (unsigned a = 0; a < c->g->naxis; a++)
    for (unsigned i = 0; i < c->g->neq; i++)
      if (!def_walks(&c->gs->k->eq[c->g->eq[i]], c->g->axis[a].sym) && def_walks(c->main, c->g->axis[a].sym) &&
          !def_reduces(c->main, c->g->axis[a].sym))
        return false;
  return true;
}

/* One member whose result leaves the group, and private temps. */
static const struct eq *chain_end(const struct chooser *c) {
  const struct eq *end = NULL;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (group_private(c->gs, c->gi, e->lhs)) continue;
    if (end) return NULL;
    end = e;
  }
  return end;
}

/* Does some read step along s by what is no constant? */
static bool steps_unknown(const struct chooser *c, sym_t s) {
  struct seen k = {0};
  poly_t coef, rest;
  expr_visit(c->main->body, see, &k);
  for (unsigned i = 0; i < k.n; i++)
    for (unsigned d = 0; d < k.acc[i]->rank; d++)
      if (poly_split(c->a, k.acc[i]->ix[d].poly, s, &coef, &rest) && !poly_is_const(coef, NULL)) return true;
  return false;
}

static unsigned count_sums(const struct chooser *c) {
  unsigned n = 0;
  for (unsigned i = 0; i < c->g->neq; i++) n += c->gs->k->eq[c->g->eq[i]].red != RED_none;
  return n;
}

static bool has_taps(const struct chooser *c, struct taps *t) {
  const struct eq *e = c->main;
  t->taps = count_taps(c);
  t->sums = count_sums(c);
  if (!t->taps || (!t->chain && !all_alike(c)) || (e->red != RED_none && c->o->strict)) return false;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym);
    int64_t n = a < 0 ? 0 : def_extent(c, (unsigned)a);
    if (a < 0 || a == (int)t->lane || (n && n < 4) || !overlaps(c, e->axis[x].sym)) continue;
    if (t->nrow == ROW_AXES) t->row[0] = t->row[1], t->nrow--;
    t->row[t->nrow++] = (uint8_t)a;
    t->scaled |= steps_unknown(c, e->axis[x].sym);
  }
  return t->nrow > 0;
}

/* ---- sizes ---- */

/* Rows near `most`, rather a divisor of a short extent. */
static int64_t near_rows(int64_t ext, int64_t most) {
  if (most < 2) most = 2;
  for (int64_t r = most; ext && ext < 16 * most && r * 2 > most; r--)
    if (ext % r == 0) return r;
  return ext && ext < most ? ext : most;
}

/* Vectors of a tile: of weighted taps along the lanes one, or a whole short row of the image. */
static int64_t pick_vectors(const struct chooser *c, const struct taps *t, bool two, bool many) {
  bool slides_along = overlaps(c, c->g->axis[t->lane].sym);
  int64_t ext = def_extent(c, t->lane), lanes = def_lanes(c, c->main), most = (slides_along || !two) && many ? 2 : 1;
  if (slides_along && t->taps > 1 && !t->scaled && ext > 2 * lanes) most = 1;
  return def_pick_vectors(ext, lanes, most);
}

/* Several sums of the same taps: as many accumulators each, and what is loaded serves all of them. */
static bool sums_together(const struct taps *t) {
  return t->sums > 1 && !t->chain;
}

/* Rows of both of two axes, of the outer one two where nothing is weighted; one where one would be left of few. */
static void pick_rows(const struct chooser *c, struct taps *t) {
  if (sums_together(t)) {
    t->nv = t->rows[0] = 1;
    t->rows[t->nrow - 1] = near_rows(def_extent(c, t->row[t->nrow - 1]), 2);
    return;
  }
  bool many = c->lim->vector_regs >= 32, weighted = t->taps > 1 && t->taps <= 9;
  int64_t room = t->taps == 1 || !many ? 4 : weighted ? 16 : 8; /* accumulators beside the weights */
  int64_t outer = def_extent(c, t->row[0]);
  bool two = t->nrow == 2 && many && !t->scaled && !(outer && outer < 16 && outer % 2);
  unsigned last = t->nrow - 1;
  t->nv = pick_vectors(c, t, two, many);
  t->rows[0] = two ? weighted && !t->chain ? 4 : 2 : 1;
  int64_t most = t->taps == 1 ? 4 / t->rows[0] : room / t->nv / t->rows[0];
  if (weighted && !two && many && most > 8) most = 8;
  if (t->scaled) most = 4;
  if (t->chain && !two) {
    most = many ? 16 : 6;
    t->nv = 1;
  }
  t->rows[last] = near_rows(def_extent(c, t->row[last]), most);
}

/* ---- steps ---- */

static bool is_row(const struct taps *t, int a) {
  for (unsigned i = 0; i < t->nrow; i++)
    if (t->row[i] == a) return true;
  return false;
}

/* The sums, the last axis outermost. */
static void then_sums(const struct chooser *c, struct order *o) {
  const struct eq *e = c->main;
  for (unsigned x = e->nax; x-- > e->npar;) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0) def_then(o, (unsigned)a, 0);
  }
}

/* Lanes inside rows: memory is read as it lies. Unrolled taps stand inside of both: one result after the other is
   finished with what the last one loaded still in registers. */
static void taps_order(const struct chooser *c, const struct taps *t, struct order *o) {
  const struct eq *e = c->main;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && a != (int)t->lane && !is_row(t, a)) def_then(o, (unsigned)a, 0);
  }
  for (unsigned i = 0; i < t->nrow; i++) def_then(o, t->row[i], t->rows[i] > 1);
  def_then(o, t->lane, 1);
  if (t->scaled || sums_together(t)) then_sums(c, o);
  for (unsigned i = 0; i < t->nrow; i++) def_then(o, t->row[i], 0);
  def_then(o, t->lane, 0);
  then_sums(c, o);
}

static bool cut(const struct eq *e, sym_t s) {
  for (unsigned i = 0; i < e->nguard; i++)
    if (poly_has(e->guard[i], s)) return true;
  return false;
}

static void push_ends(struct chooser *c, unsigned a, int64_t tile) {
  if (cut(c->main, c->g->axis[a].sym) && def_extent(c, a) > tile) def_push(c, STEP_peel, LOOP_ID(a, tile > 1), 1);
}

static bool plan_taps(struct chooser *c, struct taps t) {
  const struct eq *e = c->main;
  struct order o = {0};
  unsigned lane = t.lane;
  uint16_t temp[GROUP_MAX_EQ];
  int64_t lanes = def_lanes(c, e), ext = def_extent(c, lane);
  if (lanes < 2 || (ext && ext < lanes) || def_reduces(e, c->g->axis[lane].sym) || !has_taps(c, &t)) return false;
  pick_rows(c, &t);
  for (unsigned i = 0; i < t.nrow; i++)
    if (t.rows[i] > 1) def_push(c, STEP_tile, LOOP_ID(t.row[i], 0), t.rows[i]);
  def_push(c, STEP_tile, LOOP_ID(lane, 0), t.nv * lanes);
  taps_order(c, &t, &o);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(lane, 0), 0);
  for (unsigned i = t.nrow; i-- > 0;)
    if (t.rows[i] > 1) def_push(c, STEP_unroll, LOOP_ID(t.row[i], 0), 0);
  for (unsigned x = e->nax; x-- > e->npar && !t.scaled;)
    def_push(c, STEP_unroll, LOOP_ID(def_axis(c, e->axis[x].sym), 0), 0);
  for (unsigned i = t.nrow; i-- > 0;) push_ends(c, t.row[i], t.rows[i]);
  push_ends(c, lane, t.nv * lanes);
  unsigned temps = t.chain ? group_temps(c->gs, c->gi, temp, GROUP_MAX_EQ) : 0;
  for (unsigned i = 0; i < temps; i++)
    if (!def_push(c, STEP_compute, LOOP_ID(lane, 1), i)) return false;
  c->planes = t.taps == 1 && t.nrow == ROW_AXES && !t.chain;
  c->rows = LOOP_ID(t.row[t.nrow - 1], t.rows[t.nrow - 1] > 1);
  def_push_parallel(c, &o);
  return true;
}

bool def_taps(struct chooser *c, int lane) {
  const struct eq *was = c->main, *end = c->g->neq > 1 && !all_alike(c) ? chain_end(c) : NULL;
  if (!end) return plan_taps(c, (struct taps){.lane = (unsigned)lane});
  c->main = end;
  bool done = plan_taps(c, (struct taps){.chain = true, .lane = (unsigned)lane});
  c->main = was;
  return done;
}
