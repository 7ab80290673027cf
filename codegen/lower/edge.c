/* Full and partial tiles: where the register loops of a tile are about to open, up to three bodies are made.
     full      every register loop has its constant extent, and guards that hold for the whole tile are gone
     ragged    as full, but lanes are masked and guards stay                  (when vectors are cut, or guards fail)
     edge      lanes masked; the other register loops one iteration at a time (constant extents: the constant rest,
   unrolled) Inside ragged and edge bodies no further full bodies are made, but for the innermost loops of a tile whose
   guards fail for some taps of a window only: where a tap is known and the whole tile has it, the tile is full for this
   tap. A tile in which the guards of all that is written fail (above the diagonal) is passed over. */
#include "codegen/lower/plan.h"
#include <string.h>

enum { COUNTED_ROWS = 8 /* bodies, one for each number of rows but one */ };

struct split {
  unsigned nfull, nlane, nrow; /* axes that are always full; cut axes on lanes; other cut axes */
  uint8_t full[GROUP_MAX_AXIS], lane[GROUP_MAX_AXIS], row[GROUP_MAX_AXIS];
  unsigned nnarrow;
  uint8_t narrow[GROUP_MAX_AXIS]; /* never full: constant extent below the tile */
  unsigned nsub;
  uint8_t sub[GROUP_MAX_AXIS]; /* of matrix instructions: the loop itself ends where the axis does */
  unsigned nguard;
  poly_t guard[MAX_GUARD], cond[MAX_GUARD];
  unsigned nother; /* guards that contradict some of those: tiles on the other side (below a diagonal) are whole, too */
  poly_t other[MAX_GUARD], other_cond[MAX_GUARD];
};

static bool reg_pending(const struct member *m, const struct env *e, unsigned l) {
  return (m->reg & BIT(l)) && !((e->open | e->serial) & BIT(l));
}

static bool wants(struct build *b, const struct set *s, const struct env *e, unsigned a) {
  unsigned l = LOOP_ID(a, 0);
  if (e->mode[a] != AX_OPEN || axis_inner(b->p, e, a) != (int)l) return false;
  for (unsigned i = 0; i < s->n; i++)
    if (reg_pending(s->m[i], e, l)) return true;
  return false;
}

static bool accum_pending(const struct member *m, const struct env *e, unsigned l) {
  if (!m->acc || !(m->run & BIT(l))) return false;
  for (unsigned i = 0; i < e->naccs; i++)
    if (e->accs[i] == m) return false;
  return true;
}

bool edge_wanted(struct build *b, const struct set *s, unsigned pos, const struct env *e) {
  bool here = pos == e->n;
  for (unsigned i = 0; i < s->n && !here; i++) {
    unsigned l = e->order[pos];
    here = accum_pending(s->m[i], e, l) || (walks_here(s->m[i], e, l) && reg_pending(s->m[i], e, l));
  }
  for (unsigned a = 0; here && a < b->p->naxis; a++)
    if (wants(b, s, e, a)) return true;
  return false;
}

/* Tiles of a warp's matrix instruction are always whole. */
static bool fragments(const struct plan *p) {
  for (unsigned i = 0; i < p->nmember; i++)
    if (p->member[i].sub >= 0 && loop_by_warps(p, (unsigned)p->member[i].sub)) return true;
  return false;
}

static void sort_axis(struct build *b, unsigned a, struct split *o) {
  const struct paxis *x = &b->p->axis[a];
  bool known = x->uniform && x->ext > 0;
  if (b->p->loop[LOOP_ID(a, 0)].mark == MARK_SUB)
    o->sub[o->nsub++] = (uint8_t)a;
  else if (!x->ntile || (known && x->ext % x->tile[0] == 0))
    o->full[o->nfull++] = (uint8_t)a;
  else if (known && x->ext < x->tile[0] && !fragments(b->p))
    o->narrow[o->nnarrow++] = (uint8_t)a;
  else if (b->p->loop[LOOP_ID(a, 0)].mark == MARK_VECTOR)
    o->lane[o->nlane++] = (uint8_t)a;
  else
    o->row[o->nrow++] = (uint8_t)a;
}

/* ---- guards that may hold for a whole tile ---- */

struct guards {
  struct build *b;
  const struct env *e;
  const struct member *m;
  struct split *o;
};

static bool touches_registers(const struct guards *c, poly_t g) {
  for (unsigned a = 0; a < c->b->p->naxis; a++)
    if (reg_pending(c->m, c->e, LOOP_ID(a, 0)) && poly_has(g, c->b->p->axis[a].sym)) return true;
  return false;
}

/* A register axis on which g depends with a factor that is no constant (a stride). */
static int scaled_axis(const struct guards *c, poly_t g) {
  for (unsigned a = 0; a < c->b->p->naxis; a++) {
    poly_t k, rest;
    if (axis_inner(c->b->p, c->e, a) < 0 || !poly_has(g, c->b->p->axis[a].sym)) continue;
    if (poly_split(c->b->a, g, c->b->p->axis[a].sym, &k, &rest) && !poly_is_const(k, NULL)) return (int)a;
  }
  return -1;
}

/* Conditions under which g >= 0 holds in the whole tile: its least value, where signs are known; where not, it is
   linear in that axis and holds between two ends at which it holds. 0: cannot be told, or it surely fails. */
static unsigned hold_all(const struct guards *c, poly_t g, poly_t *cond, unsigned room) {
  int a = scaled_axis(c, g);
  int64_t v;
  if (a < 0) {
    bool told = room && env_extreme(c->b, c->e, c->m, g, false, cond);
    return told && !(poly_is_const(*cond, &v) && v < 0);
  }
  poly_t end[2];
  axis_ends(c->b, c->e, c->m, (unsigned)a, &end[0], &end[1]);
  unsigned n = 0;
  for (unsigned i = 0; i < 2; i++) {
    poly_t at = poly_subst(c->b->a, g, c->b->p->axis[a].sym, end[i]);
    unsigned k = at->overflow || poly_has(at, c->b->p->axis[a].sym) ? 0 : hold_all(c, at, cond + n, room - n);
    if (!k) return 0;
    n += k;
  }
  return n;
}

static bool among(struct arena *a, const poly_t *all, unsigned n, poly_t g, bool negated) {
  if (negated) g = poly_addc(a, poly_scale(a, g, -1), -1);
  for (unsigned i = 0; i < n; i++)
    if (poly_eq(all[i], g)) return true;
  return false;
}

static void try_other(struct guards *c, poly_t g) {
  struct split *o = c->o;
  poly_t cond[8];
  if (among(c->b->a, o->other, o->nother, g, false) || o->nother + 8 > MAX_GUARD / 2) return;
  unsigned n = hold_all(c, g, cond, 8);
  for (unsigned i = 0; i < n; i++) {
    o->other[o->nother] = g;
    o->other_cond[o->nother++] = cond[i];
  }
}

static void try_guard(struct guards *c, poly_t g) {
  poly_t cond[8];
  struct split *o = c->o;
  for (unsigned i = 0; i < c->e->nknown; i++)
    if (poly_eq(c->e->known[i], g)) return;
  if (among(c->b->a, o->guard, o->nguard, g, false)) return;
  if (among(c->b->a, o->guard, o->nguard, g, true)) {
    try_other(c, g);
    return;
  }
  unsigned room = MAX_GUARD - c->e->nknown < 16 ? MAX_GUARD - c->e->nknown : 16;
  if (o->nguard >= room || !touches_registers(c, g)) return;
  unsigned n = hold_all(c, g, cond, room - o->nguard < 8 ? room - o->nguard : 8);
  for (unsigned i = 0; i < n; i++) {
    o->guard[o->nguard] = g;
    o->cond[o->nguard++] = cond[i];
  }
}

static void read_guards(expr_t x, void *ctx) {
  if (x->kind != E_READ) return;
  for (unsigned i = 0; i < x->acc->nguard; i++) try_guard(ctx, x->acc->guard[i]);
}

static void find_guards(struct build *b, const struct set *s, const struct env *e, struct split *o) {
  for (unsigned i = 0; i < s->n; i++) {
    struct guards c = {b, e, s->m[i], o};
    for (unsigned g = 0; g < s->m[i]->e->nguard; g++) try_guard(&c, s->m[i]->e->guard[g]);
    expr_visit(s->m[i]->e->body, read_guards, &c);
  }
}

/* ---- bodies ---- */

static poly_t set_hi(struct build *b, const struct set *s, unsigned a) {
  for (unsigned i = 0; i < s->n; i++)
    if (member_axis(b->p, s->m[i], a)) return member_axis(b->p, s->m[i], a)->hi;
  return b->p->axis[a].hi;
}

/* hi - base - tile >= 0 */
static poly_t full_cond(struct build *b, const struct set *s, const struct env *e, unsigned a) {
  poly_t room = poly_sub(b->a, env_at(b, e, set_hi(b, s, a)), axis_base(b, e, a));
  return poly_addc(b->a, room, -b->p->axis[a].tile[0]);
}

static void set_modes(struct env *e, const uint8_t *axis, unsigned n, enum axmode mode) {
  for (unsigned i = 0; i < n; i++) e->mode[axis[i]] = (uint8_t)mode;
}

/* Loop l becomes an ordinary loop, at position pos. */
static void make_serial(struct env *e, unsigned l, unsigned pos) {
  unsigned at = pos;
  while (at < e->n && e->order[at] != l) at++;
  if (at == e->n) return;
  memmove(e->order + pos + 1, e->order + pos, at - pos);
  e->order[pos] = (uint8_t)l;
  e->serial |= BIT(l);
}

static void base_env(const struct env *e, const struct split *o, struct env *out) {
  *out = *e;
  set_modes(out, o->full, o->nfull, AX_FULL);
  set_modes(out, o->narrow, o->nnarrow, AX_NARROW);
  set_modes(out, o->sub, o->nsub, AX_EDGE);
}

static struct lstmt *full_body(struct build *b, const struct set *s, unsigned pos, const struct env *e,
                               const struct split *o) {
  struct env in;
  base_env(e, o, &in);
  set_modes(&in, o->lane, o->nlane, AX_FULL);
  set_modes(&in, o->row, o->nrow, AX_FULL);
  for (unsigned i = 0; i < o->nguard; i++) in.known[in.nknown++] = o->guard[i];
  return nest_build(b, s, pos, &in);
}

/* Conditions of the tiles on the other side. 0: there are none. */
static unsigned other_conds(struct build *b, const struct split *o, const poly_t *tile, unsigned ntile, poly_t *cond) {
  unsigned n = 0;
  for (unsigned i = 0; i < ntile; i++) cond[n++] = tile[i];
  for (unsigned i = 0; i < o->nguard; i++)
    if (!among(b->a, o->other, o->nother, o->guard[i], true) && !poly_is_const(o->cond[i], NULL))
      cond[n++] = o->cond[i];
  for (unsigned i = 0; i < o->nother; i++) cond[n++] = o->other_cond[i];
  return n;
}

static struct lstmt *other_body(struct build *b, const struct set *s, unsigned pos, const struct env *e,
                                const struct split *o) {
  struct split t = *o;
  t.nguard = 0;
  for (unsigned i = 0; i < o->nguard; i++)
    if (!among(b->a, o->other, o->nother, o->guard[i], true)) t.guard[t.nguard++] = o->guard[i];
  for (unsigned i = 0; i < o->nother; i++) t.guard[t.nguard++] = o->other[i];
  return full_body(b, s, pos, e, &t);
}

static struct lstmt *ragged_body(struct build *b, const struct set *s, unsigned pos, const struct env *e,
                                 const struct split *o) {
  struct env in;
  base_env(e, o, &in);
  in.edge = true;
  set_modes(&in, o->row, o->nrow, AX_FULL);
  for (unsigned i = 0; i < o->nlane; i++)
    in.mode[o->lane[i]] =
        o->nlane == 1 && !o->nguard && axis_rest(b->p, o->lane[i]) && !held_any(b->p) ? AX_NARROW : AX_EDGE;
  return nest_build(b, s, pos, &in);
}

enum walkers { WALK_NONE, WALK_PARALLEL, WALK_REDUCED, WALK_MIXED };

/* What register loop l is to those of the set that walk it. */
static enum walkers walkers(const struct set *s, unsigned l) {
  unsigned w = WALK_NONE;
  for (unsigned i = 0; i < s->n; i++)
    if (s->m[i]->walks & BIT(l)) w |= s->m[i]->red & BIT(l) ? WALK_REDUCED : WALK_PARALLEL;
  return (enum walkers)w;
}

/* A loop that some reduce over and that is a row of the others' accumulators cannot become an ordinary loop for both at
 * once. */
static bool conflict(const struct set *s, const struct split *o) {
  for (unsigned i = 0; i < o->nrow; i++)
    if (walkers(s, LOOP_ID(o->row[i], 0)) == WALK_MIXED) return true;
  return false;
}

static struct lstmt *edge_body(struct build *b, const struct set *s, unsigned pos, const struct env *e,
                               const struct split *o) {
  struct env in;
  base_env(e, o, &in);
  in.edge = true;
  set_modes(&in, o->lane, o->nlane, AX_EDGE);
  bool narrow = o->nrow == 1 && axis_rest(b->p, o->row[0]) && !e->edge;
  if (!narrow && s->n > 1 && conflict(s, o)) {
    in = *e;
    in.edge = true;
    return nest_fission(b, s, pos, &in);
  }
  for (unsigned i = o->nrow; i-- > 0;) {
    in.mode[o->row[i]] = narrow ? AX_NARROW : AX_EDGE;
    unsigned l = LOOP_ID(o->row[i], 0);
    if (!narrow && walkers(s, l) == WALK_REDUCED)
      in.serial |= BIT(l); /* stays inside its accumulator */
    else if (!narrow)
      make_serial(&in, l, pos);
  }
  return nest_build(b, s, pos, &in);
}

/* Few rows, however many (a form for small values of a dim, small.c): a tile that they do not fill is all there is, or
   much of it. The axis of such rows; -1: none. */
static int counted_rows(struct build *b, const struct set *s, const struct env *e, const struct split *o) {
  unsigned a = o->row[0];
  if (o->nrow != 1 || o->nguard || o->nnarrow || e->edge || b->p->lim->simt || axis_rest(b->p, a)) return -1;
  const struct paxis *x = &b->p->axis[a];
  poly_t ext = poly_sub(b->a, x->hi, x->lo);
  int64_t most;
  bool few = false;
  for (unsigned i = 0; i < b->p->k->nassume; i++) /* most - extent >= 0 */
    few |= poly_is_const(poly_add(b->a, b->p->k->assume[i], ext), &most) && most <= FEW_ROWS;
  for (unsigned i = 0; i < s->n && few; i++) few = s->m[i]->e->red == RED_none || s->m[i]->acc;
  return few && x->uniform && x->tile[0] <= COUNTED_ROWS && walkers(s, LOOP_ID(a, 0)) == WALK_PARALLEL ? (int)a : -1;
}

/* A body for each number of rows, where the lanes are whole. */
static struct lstmt *rows_body(struct build *b, const struct set *s, unsigned pos, const struct env *e,
                               const struct split *o) {
  struct lstmt *rest = edge_body(b, s, pos, e, o), *all = NULL;
  int a = counted_rows(b, s, e, o);
  poly_t cond[GROUP_MAX_AXIS];
  if (a < 0) return rest;
  for (int64_t n = 1; n < b->p->axis[a].tile[0]; n++) {
    struct env in;
    base_env(e, o, &in);
    set_modes(&in, o->lane, o->nlane, AX_FULL);
    in.edge = true;
    in.mode[a] = AX_NARROW;
    in.rest[a] = (uint8_t)n;
    struct lstmt *x = nest_build(b, s, pos, &in);
    if (!x) return rest;
    poly_t room = poly_addc(b->a, full_cond(b, s, e, (unsigned)a), b->p->axis[a].tile[0] - n);
    all = all ? loop_if(b->a, 1, &room, NULL, x, all) : x;
  }
  for (unsigned i = 0; i < o->nlane; i++) cond[i] = full_cond(b, s, e, o->lane[i]);
  return o->nlane ? loop_if(b->a, o->nlane, cond, NULL, all, rest) : all;
}

/* Drops conditions that surely hold (peeled loops leave constants). true: one surely fails. *rows of the *n are those
 * of the rows. */
static bool decide(poly_t *cond, unsigned *n, unsigned *rows, bool *row_fails) {
  unsigned kept = 0, kept_rows = 0;
  bool fails = false;
  *row_fails = false;
  for (unsigned i = 0; i < *n; i++) {
    int64_t v;
    bool known = poly_is_const(cond[i], &v);
    fails |= known && v < 0;
    *row_fails |= known && v < 0 && i < *rows;
    if (known) continue;
    kept_rows += i < *rows;
    cond[kept++] = cond[i];
  }
  *n = kept;
  *rows = kept_rows;
  return fails;
}

/* The full body never runs. */
static struct lstmt *cut_bodies(struct build *b, const struct set *s, unsigned pos, const struct env *e,
                                const struct split *o, const poly_t *cond, unsigned rows, bool row_fails) {
  struct env in = *e;
  in.sole = row_fails || !rows;
  if (row_fails) return edge_body(b, s, pos, &in, o);
  struct lstmt *ragged = ragged_body(b, s, pos, &in, o);
  return rows ? loop_if(b->a, rows, cond, NULL, ragged, rows_body(b, s, pos, &in, o)) : ragged;
}

/* ---- one body for all tiles (blocks of threads) ---- */

static bool packed(const struct plan *p, unsigned tensor) {
  for (unsigned i = 0; i < p->npack; i++)
    if (p->pack[i].tensor == tensor && !p->pack[i].keep) return true;
  return false;
}

struct operands {
  const struct plan *p;
  bool all;
};
static void find_unpacked(expr_t x, void *ctx) {
  struct operands *c = ctx;
  if (x->kind == E_READ) c->all &= packed(c->p, x->acc->tensor);
}

/* Sums whose operands are all packed, with zeros behind the ends, run on all lanes everywhere. */
static bool one_body(struct build *b, const struct set *s, const struct split *o) {
  struct operands c = {b->p, true};
  bool sums = false;
  for (unsigned i = 0; i < s->n && !o->nrow; i++)
    if (held_by(b->p, s->m[i])) return true; /* what is cut is 0 */
  if (!b->p->lim->simt || o->nrow || !o->nlane) return false;
  for (unsigned i = 0; i < s->n; i++) {
    const struct member *m = s->m[i];
    if (m->e->nguard) return false;
    if (m->e->red == RED_none) continue;
    sums = true;
    if (!m->acc || m->aux != UINT16_MAX) return false;
    expr_visit(m->e->body, find_unpacked, &c);
  }
  return sums && c.all;
}

struct lstmt *edge_both(struct build *b, const struct env *e, const struct member *m, edge_fn *fn, void *ctx) {
  poly_t cond[2];
  unsigned n = 0;
  int lane[2] = {m->thr, m->vec};
  struct env in = *e, full;
  struct set s = {1, &m};
  in.solo = in.held = false;
  full = in;
  for (unsigned i = 0; i < 2 && e->solo; i++) {
    if (lane[i] < 0 || ((e->open | e->serial) & BIT(lane[i]))) continue;
    unsigned a = LOOP_AXIS(lane[i]);
    if (e->mode[a] != AX_EDGE || (m->red & BIT(lane[i]))) continue;
    full.mode[a] = AX_FULL;
    cond[n++] = full_cond(b, &s, e, a);
  }
  struct lstmt *masked = fn(b, &in, ctx);
  return n && masked ? loop_if(b->a, n, cond, NULL, fn(b, &full, ctx), masked) : masked;
}

/* The axis on the lanes of all of the set, where that is cut and a member minds: it sums over the lanes, or is 0 there.
 */
static int cut_lanes(const struct set *s, const struct env *e) {
  bool minds = false;
  for (unsigned i = 0; i < s->n; i++) {
    int l = s->m[i]->vec;
    if (l < 0 || l != s->m[0]->vec || ((e->open | e->serial) & BIT(l))) return -1;
    minds |= s->m[i]->zeroed || (s->m[i]->red & BIT(l));
  }
  int a = LOOP_AXIS(s->m[0]->vec);
  return minds && e->mode[a] == AX_EDGE ? a : -1;
}

struct lstmt *edge_uncut(struct build *b, const struct env *e, const struct set *s, edge_fn *fn, void *ctx) {
  struct split o = {0};
  poly_t cond[MAX_GUARD + 1];
  unsigned n = 0, rows = 0;
  bool row_fails;
  int a = e->held ? cut_lanes(s, e) : -1;
  struct env full = *e;
  if (e->held) find_guards(b, s, e, &o);
  for (unsigned i = 0; i < o.nguard; i++) cond[n++] = o.cond[i], full.known[full.nknown++] = o.guard[i];
  if (a >= 0) cond[n++] = full_cond(b, s, e, (unsigned)a), full.mode[a] = AX_FULL;
  if (!n || decide(cond, &n, &rows, &row_fails)) return fn(b, e, ctx);
  struct lstmt *masked = n ? fn(b, e, ctx) : NULL, *whole = fn(b, &full, ctx);
  return masked ? loop_if(b->a, n, cond, NULL, whole, masked) : whole;
}

static struct lstmt *split_tile(struct build *b, const struct set *s, unsigned pos, const struct env *e) {
  struct split o = {0};
  poly_t cond[MAX_GUARD + GROUP_MAX_AXIS];
  unsigned n = 0;
  for (unsigned a = 0; a < b->p->naxis; a++)
    if (wants(b, s, e, a)) sort_axis(b, a, &o);
  if (e->edge) return edge_body(b, s, pos, e, &o);
  if (one_body(b, s, &o)) {
    struct env in;
    base_env(e, &o, &in);
    set_modes(&in, o.lane, o.nlane, AX_EDGE);
    in.solo = true;
    for (unsigned i = 0; i < s->n; i++) in.held |= held_by(b->p, s->m[i]);
    return nest_build(b, s, pos, &in);
  }
  find_guards(b, s, e, &o);
  for (unsigned i = 0; i < o.nrow; i++) cond[n++] = full_cond(b, s, e, o.row[i]);
  unsigned rows = n;
  for (unsigned i = 0; i < o.nlane; i++) cond[n++] = full_cond(b, s, e, o.lane[i]);
  for (unsigned i = 0; i < o.nguard; i++)
    if (!poly_is_const(o.cond[i], NULL)) cond[n++] = o.cond[i];
  bool row_fails;
  poly_t side[2 * MAX_GUARD + GROUP_MAX_AXIS];
  unsigned nside = o.nother ? other_conds(b, &o, cond, rows + o.nlane, side) : 0;
  if (decide(cond, &n, &rows, &row_fails)) return cut_bodies(b, s, pos, e, &o, cond, rows, row_fails);
  struct lstmt *full = full_body(b, s, pos, e, &o), *rest = NULL;
  if (!n) return full;
  if (n > rows) rest = ragged_body(b, s, pos, e, &o);
  if (rows) {
    struct lstmt *edge = rows_body(b, s, pos, e, &o);
    rest = n > rows ? loop_if(b->a, rows, cond, NULL, rest, edge) : edge;
  }
  unsigned none = 0;
  if (nside && !decide(side, &nside, &none, &row_fails) && nside)
    rest = loop_if(b->a, nside, side, NULL, other_body(b, s, pos, e, &o), rest);
  return loop_if(b->a, n, cond, NULL, full, rest);
}

/* ---- tiles in which nothing is to do ---- */

/* One of the guards that restrict all that m writes. */
static bool restricts(const struct member *m, poly_t g) {
  for (unsigned i = 0; i < m->npg; i++)
    if (poly_eq(m->e->guard[i], g)) return true;
  return false;
}

/* Guards of all members that fail in the whole tile where cond fails: above the diagonal of a triangle. */
static unsigned emptied(struct build *b, const struct set *s, const struct env *e, poly_t *cond, unsigned most) {
  unsigned n = 0;
  for (unsigned g = 0; g < s->m[0]->npg && n < most; g++) {
    poly_t x = s->m[0]->e->guard[g], best;
    struct guards c = {b, e, s->m[0], NULL};
    bool all = touches_registers(&c, x);
    for (unsigned i = 0; i < s->n && all; i++) all = s->m[i]->kind == MK_EQ && !s->m[i]->tile && restricts(s->m[i], x);
    if (all && env_extreme(b, e, s->m[0], x, true, &best) && !poly_is_const(best, NULL)) cond[n++] = best;
  }
  return n;
}

struct lstmt *edge_split(struct build *b, const struct set *s, unsigned pos, const struct env *e) {
  poly_t cond[4];
  unsigned n = b->p->lim->simt || e->edge ? 0 : emptied(b, s, e, cond, 4);
  struct lstmt *body = split_tile(b, s, pos, e);
  return n && body ? loop_if(b->a, n, cond, NULL, body, NULL) : body;
}

/* ---- inside a cut tile ---- */

/* Guards of members over registers and over the axis of loop l, which is open wholly: told for the whole tile here. */
static void guards_of_loop(struct build *b, const struct set *s, unsigned l, const struct env *e, struct split *o) {
  sym_t axis = b->p->axis[LOOP_AXIS(l)].sym;
  for (unsigned i = 0; i < s->n; i++) {
    struct guards c = {b, e, s->m[i], o};
    for (unsigned g = 0; g < s->m[i]->e->nguard; g++)
      if (poly_has(s->m[i]->e->guard[g], axis)) try_guard(&c, s->m[i]->e->guard[g]);
  }
}

/* Lanes that are masked for all of the set: conditions for them to be whole. */
static unsigned whole_lanes(struct build *b, const struct set *s, const struct env *e, struct env *full, poly_t *cond) {
  unsigned n = 0;
  for (unsigned a = 0; a < b->p->naxis; a++) {
    unsigned l = LOOP_ID(a, 0);
    bool all = e->mode[a] == AX_EDGE && b->p->loop[l].mark == MARK_VECTOR;
    for (unsigned i = 0; i < s->n; i++) all &= reg_pending(s->m[i], e, l);
    if (!all) continue;
    cond[n++] = full_cond(b, s, e, a);
    full->mode[a] = AX_FULL;
  }
  return n;
}

/* Nothing of l's axis is left to open but, where it is in two levels, register loops: a tile is then known. */
static bool all_known(struct build *b, const struct set *s, unsigned l, const struct env *e) {
  int inner = axis_inner(b->p, e, LOOP_AXIS(l));
  if (inner >= 0 && b->p->axis[LOOP_AXIS(l)].ntile > 1) return false;
  for (unsigned i = 0; inner >= 0 && i < s->n; i++)
    if (LOOP_LEVEL(inner) || !reg_pending(s->m[i], e, (unsigned)inner)) return false;
  return true;
}

unsigned edge_inside(struct build *b, const struct set *s, unsigned l, struct env *e, struct env *full, poly_t *cond) {
  struct split o = {0};
  unsigned n = 0, rows = 0;
  bool row_fails;
  if (!e->edge || e->tried || e->solo || b->p->lim->simt || !all_known(b, s, l, e)) return 0;
  guards_of_loop(b, s, l, e, &o);
  if (!o.nguard) return 0;
  e->tried = true;
  *full = *e;
  for (unsigned i = 0; i < o.nguard; i++) cond[n++] = o.cond[i], full->known[full->nknown++] = o.guard[i];
  n += whole_lanes(b, s, e, full, cond + n);
  full->edge = false;
  return decide(cond, &n, &rows, &row_fails) ? 0 : n;
}
