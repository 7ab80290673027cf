/* sched_default: a schedule from the extents and the target's limits alone. Four shapes:
     product   a reduction with reuse (matmul, conv): register tile of MR rows x NV vectors, cache blocks, packing where
   it pays stream    a group with a running reduction over a block of its axis: row tiles, blocks of the stream, both
   products in register tiles rows      reductions along the contiguous axis (softmax, dot, A*x): that axis on lanes,
   several vectors in flight map       everything else: the contiguous axis on lanes Every step is asked of legal_step;
   one that is refused is left out, so the result is always legal. */
#include "codegen/lower/legal.h"
#include "codegen/lower/plan.h"
#include <string.h>

struct chooser {
  struct arena *a;
  const struct groups *gs;
  const struct group *g;
  unsigned gi;
  const struct limits *lim;
  const struct lower_opts *o;
  const struct eq *main; /* the member that costs most */
  struct sched s;
};

/* ---- asking ---- */

enum { PACK_ROWS = 16 }; /* rows that pay for turning an operand */

static bool push(struct chooser *c, enum stepkind kind, unsigned loop, int64_t arg) {
  struct step st = {(uint8_t)kind, (uint8_t)loop, (int16_t)arg};
  if (arg > INT16_MAX || arg < 0) return false;
  if (kind == STEP_order || kind == STEP_tile)
    return sched_push(&c->s, kind, loop, (int)arg); /* judged together at the end */
  if (legal_step(c->a, c->gs, c->gi, &c->s, st, c->lim, c->o)) return false;
  return sched_push(&c->s, kind, loop, (int)arg);
}

static int axis_of(const struct chooser *c, sym_t s) {
  for (unsigned a = 0; a < c->g->naxis; a++)
    if (c->g->axis[a].sym == s) return (int)a;
  return -1;
}

/* Constant extent of an axis, 0 when it is not known. */
static int64_t extent(const struct chooser *c, unsigned a) {
  int64_t n;
  if (!poly_is_const(poly_sub(c->a, c->g->axis[a].hi, c->g->axis[a].lo), &n)) return 0;
  return n < 1 ? 1 : n;
}

static int64_t guess(const struct chooser *c, unsigned a) {
  int64_t n = extent(c, a);
  return n ? n : 1024;
}

static bool walks(const struct eq *e, sym_t s) {
  return eq_axis(e, s) >= 0;
}

static bool reduces(const struct eq *e, sym_t s) {
  return eq_axis(e, s) >= e->npar;
}

static bool parallel_in_all(const struct chooser *c, unsigned a) {
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (!walks(e, c->g->axis[a].sym) || reduces(e, c->g->axis[a].sym)) return false;
  }
  return true;
}

/* ---- strides ---- */

/* How far apart in memory neighbours along axis s are: 0, 1, or 2 for anything else. */
static int step_of(const struct chooser *c, unsigned tensor, const poly_t *ix, sym_t s) {
  const struct tensor *t = &c->gs->k->tensor[tensor];
  poly_t sum = poly_const(c->a, 0), coef, rest;
  int64_t v;
  for (unsigned d = 0; d < t->rank; d++) {
    if (!poly_split(c->a, ix[d], s, &coef, &rest)) return 2;
    sum = poly_add(c->a, sum, poly_mul(c->a, coef, tensor_stride(c->a, t, d)));
  }
  if (!poly_is_const(sum, &v)) return 2;
  return v == 0 ? 0 : v == 1 ? 1 : 2;
}

static const poly_t *read_subs(const struct chooser *c, const struct access *r) {
  poly_t *ix = ARENA_NEW(c->a, poly_t, r->rank + 1);
  for (unsigned d = 0; d < r->rank; d++) ix[d] = r->ix[d].poly;
  return ix;
}

struct score {
  const struct chooser *c;
  const struct eq *e;
  sym_t s;
  int unit, far, packable;
};

static bool has(const struct access *r, sym_t s) {
  for (unsigned d = 0; d < r->rank; d++)
    if (poly_has(r->ix[d].poly, s)) return true;
  return false;
}

/* Is r read again along some other parallel axis of a reduction, often enough to pay for a transposed copy? */
static bool reused(const struct chooser *c, const struct eq *e, const struct access *r, sym_t lane) {
  for (unsigned x = 0; x < e->npar && e->red != RED_none; x++) {
    int a = axis_of(c, e->axis[x].sym);
    if (a >= 0 && e->axis[x].sym != lane && !has(r, e->axis[x].sym) && guess(c, (unsigned)a) >= 16) return true;
  }
  return false;
}

static void score_read(expr_t x, void *ctx) {
  struct score *k = ctx;
  if (x->kind != E_READ || group_private(k->c->gs, k->c->gi, x->acc->tensor)) return;
  bool dyn = false;
  for (unsigned d = 0; d < x->acc->rank; d++) dyn |= x->acc->ix[d].dyn && expr_has_sym(x->acc->ix[d].dyn, k->s);
  int st = dyn ? 2 : step_of(k->c, x->acc->tensor, read_subs(k->c, x->acc), k->s);
  if (st == 1)
    k->unit++;
  else if (st == 2 && !dyn && reused(k->c, k->e, x->acc, k->s))
    k->packable++;
  else if (st == 2)
    k->far++;
}

struct product {
  const struct chooser *c;
  const struct eq *e;
  sym_t lane;
  bool found;
};
static void find_product(expr_t x, void *ctx) {
  struct product *k = ctx;
  if (x->kind == E_READ && has(x->acc, k->lane) && reused(k->c, k->e, x->acc, k->lane)) k->found = true;
}

/* How well equation e runs with axis s on vector lanes. */
static int lane_score(const struct chooser *c, const struct eq *e, sym_t s) {
  struct score k = {c, e, s, 0, 0, 0};
  if (!walks(e, s)) return 0;
  expr_visit(e->body, score_read, &k);
  int n = 4 * k.unit - 5 * k.far - k.packable, a = axis_of(c, s);
  if (reduces(e, s)) {
    if (e->red == RED_argmax || e->red == RED_argmin) return -100;
    if (c->o->strict && type_is_float(e->body->type)) return -100;
    return n - (a >= 0 && guess(c, (unsigned)a) < 128 ? 8 : 2); /* horizontal sums */
  }
  struct product r = {c, e, s, false};
  expr_visit(e->body, find_product, &r);
  if (r.found) n += 6;
  if (group_private(c->gs, c->gi, e->lhs)) return n;
  int st = step_of(c, e->lhs, e->lhs_idx, s);
  return n + (st == 1 ? 5 : st == 2 ? -6 : 0);
}

static int weight(const struct eq *e) {
  return 1 << (2 * (e->nax < 6 ? e->nax : 6));
}

static int best_lane(const struct chooser *c, const struct eq *only) {
  int best = -1, most = -1000000;
  for (unsigned a = 0; a < c->g->naxis; a++) {
    int n = 0;
    sym_t s = c->g->axis[a].sym;
    if (only && !walks(only, s)) continue;
    for (unsigned i = 0; i < c->g->neq; i++) {
      const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
      if (!only || only == e) n += weight(e) * lane_score(c, e, s);
    }
    int64_t ext = extent(c, a);
    if (ext && ext < 4) n -= 10000;
    if (n > most || (n == most && best >= 0 && guess(c, a) > guess(c, (unsigned)best))) most = n, best = (int)a;
  }
  return best;
}

static unsigned lanes_of(const struct chooser *c, const struct eq *e) {
  size_t w = type_size(e->body->type);
  if (type_size(c->gs->k->tensor[e->lhs].type) > w) w = type_size(c->gs->k->tensor[e->lhs].type);
  return (unsigned)(c->lim->vector_bytes / (w ? w : 1));
}

/* ---- the main member and its reuse ---- */

static double work(const struct chooser *c, const struct eq *e) {
  double w = expr_cost(e->body) + 1;
  for (unsigned x = 0; x < e->nax; x++) {
    int a = axis_of(c, e->axis[x].sym);
    w *= a < 0 ? 16 : (double)guess(c, (unsigned)a);
  }
  return w;
}

static const struct eq *find_main(const struct chooser *c) {
  const struct eq *best = NULL;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    if (!best || work(c, e) > work(c, best)) best = e;
  }
  return best;
}

struct reuse {
  sym_t lane, row;
  const struct chooser *c;
  bool shared;
  unsigned tensor;
  const struct access *acc;
};
static void find_shared(expr_t x, void *ctx) {
  struct reuse *k = ctx;
  if (x->kind != E_READ || !has(x->acc, k->lane) || has(x->acc, k->row)) return;
  k->shared = true;
  k->tensor = x->acc->tensor;
  k->acc = x->acc;
}

/* A parallel axis along which vectors read over `lane` can be used again. */
static int find_rows(const struct chooser *c, const struct eq *e, unsigned lane, struct reuse *out) {
  int best = -1;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = axis_of(c, e->axis[x].sym);
    struct reuse k = {c->g->axis[lane].sym, e->axis[x].sym, c, false, 0, NULL};
    if (a < 0 || a == (int)lane) continue;
    expr_visit(e->body, find_shared, &k);
    if (!k.shared || extent(c, (unsigned)a) == 1) continue;
    if (best >= 0 && guess(c, (unsigned)a) < guess(c, (unsigned)best)) continue;
    best = a;
    *out = k;
  }
  return best;
}

/* ---- sizes ---- */

static int64_t round_up(int64_t n, int64_t m) {
  return (n + m - 1) / m * m;
}

/* Vectors of a register tile: at most max, fewer when the axis is short; an axis of few vectors is cut evenly. */
static int64_t pick_vectors(int64_t ext, int64_t lanes, int64_t max) {
  int64_t n = ext ? (ext + lanes - 1) / lanes : max;
  if (n <= max) return n;
  for (int64_t v = max; ext && v * 2 > max; v--)
    if (n % v == 0) return v;
  return max;
}

/* Rows of a register tile: at most max; a divisor of the extent when one is very near (the rest costs less than a
 * smaller tile). */
static int64_t pick_rows(int64_t ext, int64_t max) {
  if (!ext) return max;
  if (ext <= max) return ext;
  for (int64_t r = max; r + 1 >= max; r--)
    if (ext % r == 0) return r;
  return max;
}

static int64_t max_rows(const struct chooser *c, int64_t nv) {
  int64_t r = ((int64_t)c->lim->vector_regs - 1 - nv) / nv,
          cap = nv == 1 ? 8 : 12; /* more rows than a cache set has ways, at a power-of-two stride, thrash */
  return r < 1 ? 1 : r > cap ? cap : r;
}

/* A multiple of m near want; the whole axis (0) when it is not much longer. */
static int64_t pick_block(int64_t ext, int64_t m, int64_t want) {
  int64_t n = want / m * m;
  if (n < m) n = m;
  if (ext && ext <= n + n / 2) return 0;
  if (ext) { /* even blocks */
    int64_t k = (ext + n - 1) / n;
    n = round_up((ext + k - 1) / k, m);
  }
  return n;
}

static int operand_rank(const struct chooser *c, unsigned tensor) {
  uint16_t t[256];
  unsigned n = group_operands(c->gs, c->gi, t, 256);
  for (unsigned i = 0; i < n && i < 256; i++)
    if (t[i] == tensor) return (int)i;
  return -1;
}

struct order {
  unsigned n;
  uint8_t l[MAX_LOOP];
};
static void then(struct order *o, unsigned axis, unsigned level) {
  for (unsigned i = 0; i < o->n; i++)
    if (o->l[i] == LOOP_ID(axis, level)) return;
  o->l[o->n++] = LOOP_ID(axis, level);
}

static void push_order(struct chooser *c, const struct order *o) {
  for (unsigned i = 0; i < o->n; i++) push(c, STEP_order, o->l[i], 0);
}

/* The outermost loop that is parallel in all members and long enough. */
static void push_parallel(struct chooser *c, const struct order *o) {
  double w = 0;
  for (unsigned i = 0; i < c->g->neq; i++) w += work(c, &c->gs->k->eq[c->g->eq[i]]);
  if (c->o->threads < 2 || w < 2e5) return;
  for (unsigned i = 0; i < o->n; i++) {
    unsigned a = LOOP_AXIS(o->l[i]);
    if (!parallel_in_all(c, a)) return;
    if (extent(c, a) == 1) continue;
    push(c, STEP_parallel, o->l[i], 0);
    return;
  }
}

/* ---- product ---- */

static bool is_row_or_lane(unsigned a, int row, int lane) {
  return (int)a == row || (int)a == lane;
}

static double elements(const struct chooser *c, const struct access *r) {
  double n = 1;
  for (unsigned a = 0; a < c->g->naxis; a++)
    if (has(r, c->g->axis[a].sym)) n *= (double)guess(c, a);
  return n;
}

/* Does a panel of the shared operand lie scattered: neighbours along the reduction are far apart, and there is enough
 * reuse to pay for copying. */
static bool pack_pays(const struct chooser *c, const struct reuse *k, unsigned row) {
  double bytes = elements(c, k->acc) * (double)type_size(c->gs->k->tensor[k->tensor].type);
  if (step_of(c, k->tensor, read_subs(c, k->acc), k->lane) == 2)
    return guess(c, row) >= PACK_ROWS; /* lanes would gather */
  return guess(c, row) > 128 && bytes > c->lim->l1_bytes / 2.0;
}

/* The operand that does not move with the lanes, when its rows lie far apart: broadcasting from a copied block keeps
 * them out of one cache set. */
static const struct access *row_operand(const struct chooser *c, unsigned lane, unsigned row, unsigned red) {
  struct reuse k = {c->g->axis[row].sym, c->g->axis[lane].sym, c, false, 0, NULL};
  expr_visit(c->main->body, find_shared, &k); /* walks rows, not lanes */
  if (!k.acc || k.acc->nguard || !has(k.acc, c->g->axis[red].sym)) return NULL;
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
  int64_t lanes = lanes_of(c, e), ev = extent(c, lane), er = extent(c, row), size = (int64_t)type_size(e->body->type);
  struct blocks o = {.nv = pick_vectors(ev, lanes, c->lim->vector_regs >= 32 ? 4 : 2)};
  if (size < 4) size = 4;
  o.mr = pick_rows(er, max_rows(c, o.nv));
  bool fits = elements(c, k->acc) * (double)size <= c->lim->l1_bytes && ev; /* all of the shared operand stays near */
  bool far = step_of(c, k->tensor, read_subs(c, k->acc), k->lane) == 2;
  o.tile = ev >= 4 && ev < lanes && (ev & (ev - 1)) == 0 ? ev : o.nv * lanes;
  o.kc = fits ? 0 : pick_block(extent(c, red), 4, 2048 / size);
  o.pack = pack_pays(c, k, row) && (far || o.tile <= guess(c, lane));
  int64_t depth = o.kc ? o.kc : guess(c, red), room = (int64_t)c->lim->l2_bytes / 2;
  double rows = (double)guess(c, row) * (double)guess(c, red) * (double)size;
  o.panel = o.pack && !o.kc && rows <= (double)c->lim->l2_bytes * 1.5;
  o.mc = o.panel || (fits && c->o->threads < 2)
             ? 0
             : pick_block(er, o.mr, room / (depth * size) < 24 ? 24 : room / (depth * size));
  o.nc = o.pack && !o.panel ? pick_block(ev, o.tile, 4096 / size) : 0;
  if (o.mc && c->o->threads > 1 && er) {
    int64_t share = round_up((er + 2 * c->o->threads - 1) / (2 * c->o->threads), o.mr);
    o.mc = o.mc < share ? o.mc : share <= o.mr ? 0 : share;
  }
  const struct access *a = row_operand(c, lane, row, red);
  o.copy = o.pack && o.mc && a && step_of(c, a->tensor, read_subs(c, a), c->g->axis[row].sym) == 2;
  return o;
}

static void product_order(const struct chooser *c, unsigned lane, unsigned row, unsigned red, const struct blocks *b,
                          struct order *o, unsigned *pack, unsigned *copy) {
  const struct eq *e = c->main;
  unsigned ll = b->nc ? 2 : 1, lr = b->mc ? 2 : 1;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = axis_of(c, e->axis[x].sym);
    if (a >= 0 && !is_row_or_lane((unsigned)a, (int)row, (int)lane)) then(o, (unsigned)a, 0);
  }
  if (c->o->threads > 1 && b->mc) then(o, row, lr); /* threads take blocks of rows; each packs for itself */
  if (b->nc || b->panel) then(o, lane, ll);
  if (b->kc) then(o, red, 1);
  *pack = o->n ? o->l[o->n - 1] : MAX_LOOP;
  if (b->mc) then(o, row, lr);
  *copy = o->n ? o->l[o->n - 1] : MAX_LOOP;
  then(o, lane, 1);
  then(o, row, 1);
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = axis_of(c, e->axis[x].sym);
    if (a >= 0 && a != (int)red) then(o, (unsigned)a, 0);
  }
  then(o, red, 0);
  then(o, row, 0);
  then(o, lane, 0);
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
  if (at >= 0) push(c, STEP_copy, (unsigned)at, operand_rank(c, k.acc->tensor));
}

static bool plan_product(struct chooser *c, int lane, int row, const struct reuse *k) {
  const struct eq *e = c->main;
  int red = -1;
  unsigned pack, copy;
  struct order o = {0};
  if (lanes_of(c, e) < 2) return false;
  for (unsigned x = e->npar; x < e->nax; x++) {
    int a = axis_of(c, e->axis[x].sym);
    if (a >= 0 && (red < 0 || guess(c, (unsigned)a) >= guess(c, (unsigned)red))) red = a;
  }
  if (red < 0) return false;
  struct blocks b = pick_blocks(c, (unsigned)lane, (unsigned)row, (unsigned)red, k);
  push(c, STEP_tile, LOOP_ID(row, 0), b.mr);
  push(c, STEP_tile, LOOP_ID(lane, 0), b.tile);
  if (b.kc) push(c, STEP_tile, LOOP_ID(red, 0), b.kc);
  if (b.nc) push(c, STEP_tile, LOOP_ID(lane, 0), b.nc);
  if (b.mc) push(c, STEP_tile, LOOP_ID(row, 0), b.mc);
  product_order(c, (unsigned)lane, (unsigned)row, (unsigned)red, &b, &o, &pack, &copy);
  push_order(c, &o);
  push(c, STEP_vector, LOOP_ID(lane, 0), 0);
  push(c, STEP_unroll, LOOP_ID(row, 0), 0);
  if (e->nax == e->npar + 1) push(c, STEP_unroll, LOOP_ID(red, 0), 4);
  push_padding(c, &o, (unsigned)lane, (unsigned)row);
  if (b.pack && pack < MAX_LOOP) push(c, STEP_pack, pack, operand_rank(c, k->tensor));
  if (b.copy && copy < MAX_LOOP)
    push(c, STEP_copy, copy, operand_rank(c, row_operand(c, (unsigned)lane, (unsigned)row, (unsigned)red)->tensor));
  push_parallel(c, &o);
  return true;
}

/* ---- stream ---- */

static const struct eq *product_over(const struct chooser *c, unsigned s, bool reduced) {
  const struct eq *best = NULL;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    sym_t y = c->g->axis[s].sym;
    if (!walks(e, y) || reduces(e, y) != reduced || e->red != RED_sum) continue;
    if (e->nax < 3 || (best && best->nax >= e->nax)) continue;
    best = e;
  }
  return best;
}

/* Axis of e that is neither shared nor the stream. */
static int own_axis(const struct chooser *c, const struct eq *e, unsigned s, bool reduced) {
  for (unsigned x = e->nax; e && x-- > 0;) {
    int a = axis_of(c, e->axis[x].sym);
    if (a >= c->g->nshared && a != (int)s && (x >= e->npar) == reduced) return a;
  }
  return -1;
}

static int last_shared(const struct chooser *c, const struct eq *p) {
  for (unsigned a = c->g->nshared; a-- > 0;)
    if (p && extent(c, a) != 1) return (int)a;
  return (int)c->g->nshared - 1;
}

/* Elements of the stream at a time. A short axis is one block: then nothing runs in parts. */
static int64_t stream_block(int64_t ext, int64_t tile, int64_t want) {
  int64_t n = pick_block(ext, tile, want);
  if (!n) n = round_up(ext, tile);
  return n > tile ? n : 0;
}

/* Bodies of a stream are long: rather a smaller tile than a second body for the rest. */
static int64_t even_rows(int64_t ext, int64_t max) {
  for (int64_t r = max; ext && r * 3 >= max * 2; r--)
    if (ext % r == 0) return r;
  return pick_rows(ext, max);
}

static bool plan_stream(struct chooser *c) {
  unsigned s = (unsigned)c->g->stream;
  const struct eq *score = product_over(c, s, false), *out = product_over(c, s, true);
  int t = last_shared(c, out), d = score ? own_axis(c, score, s, true) : -1, v = out ? own_axis(c, out, s, false) : -1;
  if (t < 0 || !score || !out || v < 0 || d < 0) return false;
  int64_t lanes = lanes_of(c, out);
  if (lanes < 2) return false;
  int64_t nv = c->lim->vector_regs >= 32 ? 4 : 2, sv = pick_vectors(extent(c, s), lanes, nv),
          vv = pick_vectors(extent(c, (unsigned)v), lanes, nv);
  int64_t tr = even_rows(extent(c, (unsigned)t), max_rows(c, sv > vv ? sv : vv));
  int64_t tb = pick_block(extent(c, (unsigned)t), tr, 48), sb = stream_block(extent(c, s), sv * lanes, 256);
  struct order o = {0};
  push(c, STEP_tile, LOOP_ID(t, 0), tr);
  push(c, STEP_tile, LOOP_ID(s, 0), sv * lanes);
  push(c, STEP_tile, LOOP_ID(v, 0), vv * lanes);
  if (tb) push(c, STEP_tile, LOOP_ID(t, 0), tb);
  if (sb) push(c, STEP_tile, LOOP_ID(s, 0), sb);
  for (unsigned a = 0; a < c->g->nshared; a++)
    if ((int)a != t) then(&o, a, 0);
  unsigned at = o.n;
  if (tb) then(&o, (unsigned)t, 2);
  if (sb) then(&o, s, 2);
  then(&o, (unsigned)t, 1);
  then(&o, (unsigned)v, 1);
  then(&o, s, 1);
  then(&o, (unsigned)d, 0);
  then(&o, s, 0);
  then(&o, (unsigned)t, 0);
  then(&o, (unsigned)v, 0);
  push_order(c, &o);
  push(c, STEP_vector, LOOP_ID(s, 0), 0);
  push(c, STEP_vector, LOOP_ID(v, 0), 0);
  push(c, STEP_unroll, LOOP_ID(t, 0), 0);
  struct reuse k = {c->g->axis[s].sym, c->g->axis[t].sym, c, false, 0, NULL};
  expr_visit(score->body, find_shared, &k);
  if (k.shared && (at || tb)) push(c, STEP_pack, o.l[at ? at - 1 : 0], operand_rank(c, k.tensor));
  push_parallel(c, &o);
  return true;
}

/* ---- rows and maps ---- */

static bool far_along(const struct chooser *c, unsigned lane, int *other) {
  const struct eq *e = c->main;
  for (unsigned x = 0; x < e->npar; x++) {
    int a = axis_of(c, e->axis[x].sym);
    if (a < 0 || a == (int)lane) continue;
    struct score k = {c, e, e->axis[x].sym, 0, 0, 0}, l = {c, e, c->g->axis[lane].sym, 0, 0, 0};
    expr_visit(e->body, score_read, &k);
    expr_visit(e->body, score_read, &l);
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
    int a = axis_of(c, e->axis[x].sym);
    int64_t n = a < 0 ? 0 : extent(c, (unsigned)a);
    if (n < 1 || n > 8 || copies * n > 64) continue;
    if (push(c, STEP_unroll, LOOP_ID(a, 0), 0)) copies *= n;
  }
}

/* Sums down the columns of a matrix: rows are walked outside, some at a time, so that memory is read as it lies. */
static int column_axis(const struct chooser *c, unsigned lane) {
  const struct eq *e = c->main;
  if (e->red == RED_none || e->red == RED_argmax || e->red == RED_argmin || e->nax != e->npar + 1 || c->o->strict)
    return -1;
  int a = axis_of(c, e->axis[e->npar].sym);
  struct score k = {c, e, e->axis[e->npar].sym, 0, 0, 0};
  if (a < 0 || guess(c, (unsigned)a) < 32 || guess(c, lane) < 256) return -1;
  expr_visit(e->body, score_read, &k);
  return k.far || k.packable ? a : -1;
}

static bool push_block(struct chooser *c, unsigned axis, int64_t n) {
  return n && push(c, STEP_tile, LOOP_ID(axis, 0), n);
}

/* Members share the lanes' axis only (a filter along rows, then along columns): in strips of it what one leaves for the
   next stays in cache. */
static bool strips_pay(const struct chooser *c, unsigned lane) {
  return c->g->nshared == 1 && lane == 0 && c->g->naxis > 1 && parallel_in_all(c, lane) &&
         !reduces(c->main, c->g->axis[1].sym);
}

static void plan_plain(struct chooser *c, int lane, int row) {
  const struct eq *e = c->main;
  int64_t lanes = lanes_of(c, e), ext = extent(c, (unsigned)lane), nv;
  struct order o = {0};
  int other = -1;
  if (lanes < 2 || (ext && ext < 2)) return;
  bool red = reduces(e, c->g->axis[lane].sym), tiles = !red && far_along(c, (unsigned)lane, &other);
  if (row >= 0 && guess(c, (unsigned)row) < 4) row = -1;
  nv = pick_vectors(ext, lanes, tiles ? 1 : row >= 0 ? 2 : 4);
  push(c, STEP_tile, LOOP_ID(lane, 0), nv * lanes);
  int column = !red && row < 0 ? column_axis(c, (unsigned)lane) : -1;
  bool stream = lane == c->g->stream && !c->o->strict;
  if (stream) stream = push_block(c, (unsigned)lane, stream_block(ext, nv * lanes, 1024));
  bool strip = !red && !stream && !tiles && row < 0 && column < 0 && strips_pay(c, (unsigned)lane);
  if (strip) strip = push_block(c, (unsigned)lane, 4 * nv * lanes);
  if (strip) then(&o, (unsigned)lane, 2);
  if (row >= 0) push(c, STEP_tile, LOOP_ID(row, 0), 4);
  if (column >= 0) push(c, STEP_tile, LOOP_ID(column, 0), 8);
  bool squares = tiles && guess(c, (unsigned)lane) > 64 && guess(c, (unsigned)other) > 64 && nv * lanes < 64;
  if (tiles) push(c, STEP_tile, LOOP_ID(other, 0), lanes);
  if (squares) {
    push(c, STEP_tile, LOOP_ID(lane, 0), 64);
    push(c, STEP_tile, LOOP_ID(other, 0), 64);
  }
  for (unsigned a = 0; a < c->g->naxis; a++) {
    bool par = true;
    for (unsigned i = 0; i < c->g->neq; i++) par &= !reduces(&c->gs->k->eq[c->g->eq[i]], c->g->axis[a].sym);
    if (!par || (int)a == lane) continue;
    if (!squares || (int)a != other) then(&o, a, (int)a == row || ((int)a == other && tiles) ? 1 : 0);
  }
  if (squares) {
    then(&o, (unsigned)lane, 2);
    then(&o, (unsigned)other, 2);
  }
  if (stream) then(&o, (unsigned)lane, 2);
  if (column >= 0) then(&o, (unsigned)column, 1);
  if (!red) then(&o, (unsigned)lane, 1);
  for (unsigned a = 0; a < c->g->naxis; a++)
    if ((int)a != lane && (int)a != column) then(&o, a, (int)a == row || ((int)a == other && tiles) ? 1 : 0);
  then(&o, (unsigned)lane, 1);
  if (row >= 0) then(&o, (unsigned)row, 0);
  if (tiles) then(&o, (unsigned)other, 0);
  if (column >= 0) then(&o, (unsigned)column, 0);
  then(&o, (unsigned)lane, 0);
  push_order(c, &o);
  push(c, STEP_vector, LOOP_ID(lane, 0), 0);
  if (row >= 0) push(c, STEP_unroll, LOOP_ID(row, 0), 0);
  if (column >= 0) push(c, STEP_unroll, LOOP_ID(column, 0), 0);
  push_short_sums(c, nv);
  push_parallel(c, &o);
}

/* ---- all ---- */

static bool legal(struct chooser *c) {
  return !legal_sched(c->a, c->gs, c->gi, &c->s, c->lim, c->o);
}

/* A parallel axis for the lanes of a product whose shared operand lies the wrong way (x w^T): packing turns it once,
   and each vector is then used for many rows, where lanes along the reduction would use nothing again. -1: none. */
static int turned_lane(const struct chooser *c) {
  const struct eq *e = c->main;
  int best = -1;
  if (e->red == RED_none) return -1;
  for (unsigned x = 0; x < e->npar; x++) {
    struct reuse k = {0};
    int a = axis_of(c, e->axis[x].sym);
    if (a < 0 || guess(c, (unsigned)a) < (int64_t)lanes_of(c, e)) continue;
    int row = find_rows(c, e, (unsigned)a, &k);
    if (row < 0 || guess(c, (unsigned)row) < PACK_ROWS || k.acc->nguard ||
        step_of(c, e->lhs, e->lhs_idx, e->axis[x].sym) != 1)
      continue;
    best = a;
  }
  return best;
}

static void choose(struct chooser *c) {
  struct reuse k = {0};
  c->main = find_main(c);
  if (!c->main) return;
  if (c->g->stream >= 0 && !c->o->strict && plan_stream(c) && legal(c)) return;
  c->s = sched_none();
  int lane = best_lane(c, NULL), row = -1;
  if (lane < 0) return;
  int turned = reduces(c->main, c->g->axis[lane].sym) ? turned_lane(c) : -1;
  if (turned >= 0) {
    row = find_rows(c, c->main, (unsigned)turned, &k);
    if (plan_product(c, turned, row, &k) && legal(c)) return;
    c->s = sched_none();
  }
  row = find_rows(c, c->main, (unsigned)lane, &k);
  bool product = c->main->red != RED_none && row >= 0 && !reduces(c->main, c->g->axis[lane].sym);
  if (product && plan_product(c, lane, row, &k) && legal(c)) return;
  c->s = sched_none();
  plan_plain(c, lane, c->main->red != RED_none ? row : -1);
  if (legal(c)) return;
  c->s = sched_none();
  plan_plain(c, lane, -1);
  if (!legal(c)) c->s = sched_none();
}

struct sched sched_default(const struct groups *gs, unsigned g, const struct limits *lim, const struct lower_opts *o) {
  struct chooser c = {.a = arena_new(), .gs = gs, .g = &gs->g[g], .gi = g, .lim = lim, .o = o};
  struct oom_guard guard;
  if (!OOM_TRY(&guard)) {
    arena_free(c.a);
    oom_raise();
  }
  choose(&c);
  oom_leave(&guard);
  arena_free(c.a);
  return c.s;
}
