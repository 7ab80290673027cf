/* What the default schedule asks of a group: extents, strides, lanes, reuse; and the sizes that follow from them. */
#include "codegen/lower/default.h"
#include "ir/short_sum.h"

/* ---- asking ---- */

bool def_push(struct chooser *c, enum stepkind kind, unsigned loop, int64_t arg) {
  struct step st = {(uint8_t)kind, (uint8_t)loop, (int16_t)arg};
  if (arg > INT16_MAX || arg < 0) return false;
  if (kind == STEP_order || kind == STEP_tile)
    return sched_push(&c->s, kind, loop, (int)arg); /* judged together at the end */
  if (legal_step(c->a, c->gs, c->gi, &c->s, st, c->lim, c->o)) return false;
  return sched_push(&c->s, kind, loop, (int)arg);
}

int def_axis(const struct chooser *c, sym_t s) {
  for (unsigned a = 0; a < c->g->naxis; a++)
    if (c->g->axis[a].sym == s) return (int)a;
  return -1;
}

/* Constant extent of an axis, 0 when it is not known. */
int64_t def_extent(const struct chooser *c, unsigned a) {
  int64_t n;
  if (!poly_is_const(poly_sub(c->a, c->g->axis[a].hi, c->g->axis[a].lo), &n)) return 0;
  return n < 1 ? 1 : n;
}

int64_t def_most(const struct chooser *c, unsigned a) {
  int64_t n = def_extent(c, a), v;
  poly_t ext = poly_sub(c->a, c->g->axis[a].hi, c->g->axis[a].lo);
  for (unsigned i = 0; !n && i < c->gs->k->nassume; i++) /* v - extent >= 0 */
    if (poly_is_const(poly_add(c->a, c->gs->k->assume[i], ext), &v) && v > 0) n = v;
  return n;
}

int64_t def_guess(const struct chooser *c, unsigned a) {
  int64_t n = def_most(c, a);
  return n ? n : 1024;
}

bool def_walks(const struct eq *e, sym_t s) {
  return eq_axis(e, s) >= 0;
}

bool def_reduces(const struct eq *e, sym_t s) {
  return eq_axis(e, s) >= e->npar;
}

bool def_parallel_in_all(const struct chooser *c, unsigned a) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (!def_walks(e, c->g->axis[a].sym) || def_reduces(e, c->g->axis[a].sym)) return false;
  }
  return true;
}

/* ---- strides ---- */

/* Elements between neighbours along axis s; false: not a constant. */
bool def_stride(const struct chooser *c, unsigned tensor, const poly_t *ix, sym_t s, int64_t *out) {
  const struct tensor *t = &c->gs->k->tensor[tensor];
  poly_t sum = poly_const(c->a, 0), coef, rest;
  for (unsigned d = 0; d < t->rank; d++) {
    if (!poly_split(c->a, ix[d], s, &coef, &rest)) return false;
    sum = poly_add(c->a, sum, poly_mul(c->a, coef, tensor_stride(c->a, t, d)));
  }
  return poly_is_const(sum, out);
}

/* The same: 0, 1, or 2 for anything else. */
int def_step(const struct chooser *c, unsigned tensor, const poly_t *ix, sym_t s) {
  int64_t v;
  if (!def_stride(c, tensor, ix, s, &v)) return 2;
  return v == 0 ? 0 : v == 1 ? 1 : 2;
}

const poly_t *def_subs(const struct chooser *c, const struct access *r) {
  poly_t *ix = ARENA_NEW(c->a, poly_t, r->rank + 1);
  for (unsigned d = 0; d < r->rank; d++) ix[d] = r->ix[d].poly;
  return ix;
}

bool def_in_panels(const struct chooser *c, const struct reuse *k, unsigned lane, int64_t tile) {
  const poly_t *ix = def_subs(c, k->acc);
  int64_t lanes = def_extent(c, lane), step;
  bool next = false;
  if (!lanes || lanes > tile || !def_stride(c, k->tensor, ix, k->lane, &step) || step != 1) return false;
  for (unsigned x = c->main->npar; x < c->main->nax; x++)
    next |= def_stride(c, k->tensor, ix, c->main->axis[x].sym, &step) && step == lanes;
  return next;
}

bool def_has(const struct access *r, sym_t s) {
  for (unsigned d = 0; d < r->rank; d++)
    if (poly_has(r->ix[d].poly, s)) return true;
  return false;
}

/* Is r read again along some other parallel axis of a reduction, often enough to pay for a transposed copy? */
static bool reused(const struct chooser *c, const struct eq *e, const struct access *r, sym_t lane) {
  for (unsigned x = 0; x < e->npar && e->red != RED_none; x++) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= 0 && e->axis[x].sym != lane && !def_has(r, e->axis[x].sym) && def_guess(c, (unsigned)a) >= 16) return true;
  }
  return false;
}

/* The same for lanes of vectors of a map, which may lie backwards as well. */
static int lane_step(const struct chooser *c, const struct eq *e, unsigned tensor, const poly_t *ix, sym_t s) {
  int64_t v;
  bool back = !c->lim->simt && e->red == RED_none && def_stride(c, tensor, ix, s, &v) && v == -1;
  return back ? 1 : def_step(c, tensor, ix, s);
}

static bool woven_step(const struct chooser *c, unsigned tensor, const poly_t *ix, sym_t s) {
  int64_t v;
  return def_stride(c, tensor, ix, s, &v) && v >= -WOVEN_STEP && v <= WOVEN_STEP;
}

void def_score_read(expr_t x, void *ctx) {
  struct score *k = ctx;
  if (x->kind != E_READ || group_private(k->c->gs, k->c->gi, x->acc->tensor)) return;
  bool dyn = false;
  for (unsigned d = 0; d < x->acc->rank; d++) dyn |= x->acc->ix[d].dyn && expr_has_sym(x->acc->ix[d].dyn, k->s);
  int st = dyn ? 2 : lane_step(k->c, k->e, x->acc->tensor, def_subs(k->c, x->acc), k->s);
  if (st == 1)
    k->unit++;
  else if (st == 2 && !dyn && reused(k->c, k->e, x->acc, k->s))
    k->packable++;
  else if (st == 2)
    k->far++, k->woven += !dyn && !k->c->lim->simt && k->e->red == RED_none &&
                          woven_step(k->c, x->acc->tensor, def_subs(k->c, x->acc), k->s);
}

struct product {
  const struct chooser *c;
  const struct eq *e;
  sym_t lane;
  bool found;
};
static void find_product(expr_t x, void *ctx) {
  struct product *k = ctx;
  if (x->kind == E_READ && def_has(x->acc, k->lane) && reused(k->c, k->e, x->acc, k->lane)) k->found = true;
}

/* How well equation e runs with axis s on vector lanes. */
static int lane_score(const struct chooser *c, const struct eq *e, sym_t s) {
  struct score k = {c, e, s, 0, 0, 0, 0};
  if (!def_walks(e, s)) return 0;
  expr_visit(e->body, def_score_read, &k);
  int n = 4 * k.unit - 5 * (k.far - k.woven) - k.packable, a = def_axis(c, s);
  if (def_reduces(e, s)) {
    bool arg = e->red == RED_argmax || e->red == RED_argmin, most = e->red == RED_max || e->red == RED_min;
    if (arg && e->nax != e->npar + 1) return -100;
    if (c->o->strict && type_is_float(e->body->type) && !arg && (!most || c->lim->simt)) return -100;
    return n - (a >= 0 && def_guess(c, (unsigned)a) < 48 ? 8 : 2); /* horizontal sums */
  }
  struct product r = {c, e, s, false};
  expr_visit(e->body, find_product, &r);
  if (r.found && !k.far) n += 6; /* where the other operand is gathered for each product, nothing is won */
  if (group_private(c->gs, c->gi, e->lhs)) return n;
  int st = lane_step(c, e, e->lhs, e->lhs_idx, s);
  bool woven = st == 2 && woven_step(c, e->lhs, e->lhs_idx, s);
  return n + (st == 1 ? 5 : !woven ? -3 * st : e->red == RED_none && !c->lim->simt ? 0 : -5);
}

static int weight(const struct eq *e) {
  return 1 << (2 * (e->nax < 6 ? e->nax : 6));
}

/* The result lies interleaved along another axis (pixels): whole vectors are taken apart and put together. */
static bool interleaves(const struct chooser *c, const struct eq *e, sym_t not ) {
  int64_t step;
  for (unsigned x = 0; x < e->npar; x++)
    if (e->axis[x].sym != not &&def_stride(c, e->lhs, e->lhs_idx, e->axis[x].sym, &step) && step > 1 && step <= 8)
      return true;
  return false;
}

/* Vectors that are mostly masked off: the four channels of a pixel on 32 lanes. A map has other axes to choose from. */
static int half_empty(const struct chooser *c, const struct eq *e, unsigned a) {
  int64_t ext = def_extent(c, a);
  sym_t s = c->g->axis[a].sym;
  if (e->red != RED_none || e->npar < 2 || !def_walks(e, s) || !ext || ext * 2 >= def_lanes(c, e)) return 0;
  return interleaves(c, e, s) && !c->lim->simt ? 200 : 24;
}

int def_best_lane(const struct chooser *c, const struct eq *only) {
  int best = -1, most = -1000000;
  for (unsigned a = 0; a < c->g->naxis; a++) {
    int n = 0;
    sym_t s = c->g->axis[a].sym;
    if (only && !def_walks(only, s)) continue;
    for (unsigned i = 0; i < c->g->neq; i++) {
      const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
      if (!only || only == e) n += weight(e) * (lane_score(c, e, s) - half_empty(c, e, a));
    }
    int64_t ext = def_extent(c, a);
    if (ext && ext < 4) n -= 10000;
    if (n > most || (n == most && best >= 0 && def_guess(c, a) > def_guess(c, (unsigned)best))) most = n, best = (int)a;
  }
  return best;
}

unsigned def_lanes(const struct chooser *c, const struct eq *e) {
  size_t w = type_size(e->body->type);
  if (type_size(c->gs->k->tensor[e->lhs].type) > w) w = type_size(c->gs->k->tensor[e->lhs].type);
  return (unsigned)(c->lim->vector_bytes / (w ? w : 1));
}

unsigned def_sum_lanes(const struct chooser *c, const struct eq *e) {
  struct short_sum s;
  if (c->lim->simt || e->red != RED_sum || !short_sum_of(e->body, &s)) return def_lanes(c, e);
  return c->lim->vector_bytes / s.bytes;
}

/* ---- the main member and its reuse ---- */

static double work(const struct chooser *c, const struct eq *e) {
  double w = expr_cost(e->body) + 1;
  for (unsigned x = 0; x < e->nax; x++) {
    int a = def_axis(c, e->axis[x].sym);
    w *= a < 0 ? 16 : (double)def_guess(c, (unsigned)a);
  }
  return w;
}

const struct eq *def_find_main(const struct chooser *c) {
  const struct eq *best = NULL;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (!best || work(c, e) > work(c, best)) best = e;
  }
  return best;
}

void def_find_shared(expr_t x, void *ctx) {
  struct reuse *k = ctx;
  if (x->kind != E_READ || !def_has(x->acc, k->lane) || def_has(x->acc, k->row)) return;
  k->shared = true;
  k->tensor = x->acc->tensor;
  k->acc = x->acc;
}

/* A parallel axis along which vectors read over `lane` can be used again. */
int def_find_rows(const struct chooser *c, const struct eq *e, unsigned lane, struct reuse *out) {
  int best = -1;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = def_axis(c, e->axis[x].sym);
    struct reuse k = {c->g->axis[lane].sym, e->axis[x].sym, c, false, 0, NULL};
    if (a < 0 || a == (int)lane) continue;
    expr_visit(e->body, def_find_shared, &k);
    if (!k.shared || def_extent(c, (unsigned)a) == 1) continue;
    if (best >= 0 && def_guess(c, (unsigned)a) < def_guess(c, (unsigned)best)) continue;
    best = a;
    *out = k;
  }
  return best;
}

/* ---- sizes ---- */

int64_t def_round_up(int64_t n, int64_t m) {
  return (n + m - 1) / m * m;
}

/* Vectors of a register tile: at most max, fewer when the axis is short; an axis of few vectors is cut evenly. */
int64_t def_pick_vectors(int64_t ext, int64_t lanes, int64_t max) {
  int64_t n = ext ? (ext + lanes - 1) / lanes : max;
  if (n <= max) return n;
  for (int64_t v = max; ext && v * 2 > max; v--)
    if (n % v == 0) return v;
  return max;
}

/* Rows of a register tile: at most max; a divisor of the extent when one is very near (the rest costs less than a
 * smaller tile). */
int64_t def_pick_rows(int64_t ext, int64_t max) {
  if (!ext) return max;
  if (ext <= max) return ext;
  for (int64_t r = max; r + 1 >= max; r--)
    if (ext % r == 0) return r;
  return max;
}

bool def_beside(const struct chooser *c, const struct eq *e) {
  if (e == c->main || e->red == RED_none || e->nax != c->main->nax || e->npar != c->main->npar) return false;
  for (unsigned x = 0; x < e->nax; x++)
    if (!def_walks(c->main, e->axis[x].sym) || def_reduces(c->main, e->axis[x].sym) != (x >= e->npar)) return false;
  return true;
}

int64_t def_sums(const struct chooser *c) {
  int64_t n = 1;
  for (unsigned i = 0; i < c->g->neq; i++) n += def_beside(c, &c->gs->k->eq[c->g->eq[i]]);
  return n;
}

int64_t def_max_rows(const struct chooser *c, int64_t nv) {
  int64_t all = nv * def_sums(c), r = ((int64_t)c->lim->vector_regs - 1 - all) / all,
          cap = nv == 1 ? 8 : 12; /* more rows than a cache set has ways, at a power-of-two stride, thrash */
  return r < 1 ? 1 : r > cap ? cap : r;
}

/* A multiple of m near want; the whole axis (0) when it is not much longer. */
int64_t def_pick_block(int64_t ext, int64_t m, int64_t want) {
  int64_t n = want / m * m;
  if (n < m) n = m;
  if (ext && ext <= n + n / 2) return 0;
  if (ext) { /* even blocks */
    int64_t k = (ext + n - 1) / n;
    n = def_round_up((ext + k - 1) / k, m);
  }
  return n;
}

int def_operand(const struct chooser *c, unsigned tensor) {
  uint16_t t[256];
  unsigned n = group_operands(c->gs, c->gi, t, 256);
  for (unsigned i = 0; i < n && i < 256; i++)
    if (t[i] == tensor) return (int)i;
  return -1;
}

void def_then(struct order *o, unsigned axis, unsigned level) {
  for (unsigned i = 0; i < o->n; i++)
    if (o->l[i] == LOOP_ID(axis, level)) return;
  o->l[o->n++] = LOOP_ID(axis, level);
}

void def_push_order(struct chooser *c, const struct order *o) {
  for (unsigned i = 0; i < o->n; i++) def_push(c, STEP_order, o->l[i], 0);
}

/* Iterations of the loop at o->l[i], as far as they can be told; 0: not. */
static int64_t trips_of(const struct chooser *c, const struct order *o, unsigned i) {
  unsigned a = LOOP_AXIS(o->l[i]), level = LOOP_LEVEL(o->l[i]);
  int64_t n = def_extent(c, a), tile[LEVEL_MAX + 1] = {1, 1};
  unsigned levels = 0;
  for (unsigned s = 0; s < c->s.nstep; s++)
    if (c->s.step[s].kind == STEP_tile && LOOP_AXIS(c->s.step[s].loop) == a && levels < LEVEL_MAX)
      tile[++levels] = c->s.step[s].arg;
  if (level < levels) return level ? tile[level + 1] / tile[level] : tile[1];
  int64_t step = levels ? tile[levels] : 1;
  return n > 0 ? (n + step - 1) / step : 0;
}

static bool packs_at(const struct chooser *c, uint8_t loop) {
  for (unsigned i = 0; i < c->s.nstep; i++)
    if ((c->s.step[i].kind == STEP_pack || c->s.step[i].kind == STEP_copy) && c->s.step[i].loop == loop) return true;
  return false;
}

/* Inside of the loop this member is computed anew for each iteration. */
static bool computed(const struct chooser *c, const struct eq *e) {
  uint16_t temp[GROUP_MAX_EQ];
  unsigned n = group_temps(c->gs, c->gi, temp, GROUP_MAX_EQ);
  for (unsigned i = 0; i < c->s.nstep; i++)
    if (c->s.step[i].kind == STEP_compute && c->s.step[i].arg < (int)n && temp[c->s.step[i].arg] == e->lhs) return true;
  return false;
}

static bool shares_out(const struct chooser *c, unsigned a) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (!computed(c, e) && (!def_walks(e, c->g->axis[a].sym) || def_reduces(e, c->g->axis[a].sym))) return false;
  }
  return true;
}

/* A grid has as many dimensions as there are parallel loops outside of all others. */
static void push_grid(struct chooser *c, const struct order *o) {
  for (unsigned i = 0; i < o->n; i++) {
    unsigned a = LOOP_AXIS(o->l[i]);
    if (!shares_out(c, a)) return;
    if (def_extent(c, a) != 1) def_push(c, STEP_parallel, o->l[i], 0);
  }
}

double def_bytes(const struct chooser *c, unsigned tensor) {
  const struct tensor *t = &c->gs->k->tensor[tensor];
  double n = (double)type_size(t->type);
  int64_t e;
  for (unsigned d = 0; d < t->rank; d++) {
    if (!poly_is_const(t->extent[d], &e)) return 0;
    n *= (double)e;
  }
  return n;
}

double def_work(const struct chooser *c) {
  double w = 0;
  for (unsigned i = 0; i < c->g->neq; i++) w += work(c, &c->gs->k->eq[c->g->eq[i]]);
  return w;
}

/* The outermost loop that is parallel in all members, does enough each time and leaves hardly a thread idle; where none
   does, the one that leaves the fewest idle, with the one right inside it. */
void def_push_parallel(struct chooser *c, const struct order *o) {
  int64_t threads = c->o->threads;
  int best = -1;
  double w = def_work(c), least = 0;
  if (threads < 2 || c->part >= 0) return;
  if (c->lim->simt) {
    push_grid(c, o);
    return;
  }
  for (unsigned i = 0; i < o->n && w >= PARALLEL_WORK; i++) {
    int64_t n = trips_of(c, o, i);
    if (n == 1) continue;
    if (shares_out(c, LOOP_AXIS(o->l[i]))) {
      double busiest = n ? (double)((n + threads - 1) / threads * threads) / (double)n : 1;
      if (busiest <= 1.15 && def_push(c, STEP_parallel, o->l[i], 0)) return;
      if (best < 0 || busiest < least) best = (int)i, least = busiest;
    }
    w /= n > 0 ? (double)n : 16;
  }
  if (best < 0) return;
  def_push(c, STEP_parallel, o->l[best], 0);
  unsigned next = (unsigned)best + 1;
  if (next < o->n && !packs_at(c, o->l[best]) && LOOP_LEVEL(o->l[next]) && trips_of(c, o, next) != 1 &&
      shares_out(c, LOOP_AXIS(o->l[next])))
    def_push(c, STEP_parallel, o->l[next], 0);
}
