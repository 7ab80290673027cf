/* compute T L: a private temp is computed inside loop L, as much of it as the loops inside read, into a buffer of just
   that size. What two iterations of L read is computed in both: for a chain of small windows (a blur of rows, then of
   columns) a few rows again are cheaper than an array that leaves the cache. Where all of the part lies within T's own
   range its extents are constants and the nest is unrolled: what is stored is then found in registers by the reads.
   The other parts are clipped. */
#include "codegen/lower/plan.h"
#include <string.h>

enum { UNROLLED = 48 }; /* vectors of a part that are written out */

struct part {
  struct build *b;
  const struct pcompute *k;
  const struct env *e;
  unsigned rank, lanes;
  poly_t base[MAX_DIMS], extent[MAX_DIMS]; /* of what is read */
  poly_t lo[MAX_DIMS], hi[MAX_DIMS];       /* of T's range, counted from base */
  bool clip;
  unsigned object;
};

/* ---- legality ---- */

static bool refuse(struct plan *p, unsigned loop, unsigned tensor, const char *why) {
  p->why = arena_printf(p->a, "compute %s %s: %s", p->k->tensor[tensor].name, plan_loop_name(p, loop), why);
  return false;
}

static int producer(const struct plan *p, unsigned tensor) {
  int found = -1;
  for (unsigned i = 0; i < p->nmember; i++) {
    if (p->member[i].e->lhs != tensor) continue;
    if (found >= 0) return -1;
    found = (int)i;
  }
  return found;
}

/* Each subscript of the result is an axis of its own and a constant; every axis is there. */
static bool plain_result(const struct plan *p, const struct member *m) {
  const struct eq *e = m->e;
  unsigned rank = tensor_rank(p, e->lhs);
  if (e->red != RED_none || e->init || m->kind != MK_EQ || e->nax != rank || !rank || rank > MAX_DIMS) return false;
  for (unsigned d = 0; d < rank; d++) {
    unsigned axes = 0;
    for (unsigned x = 0; x < e->nax; x++) {
      poly_t c, rest;
      int64_t v;
      if (!poly_has(e->lhs_idx[d], e->axis[x].sym)) continue;
      if (!poly_split(p->a, e->lhs_idx[d], e->axis[x].sym, &c, &rest) || !poly_is_const(c, &v) || v != 1 ||
          !poly_is_const(rest, NULL))
        return false;
      axes++;
    }
    if (axes != 1) return false;
  }
  return true;
}

/* Does m read what the group writes? That may be incomplete inside the loop, in registers, or overwritten. */
static bool reads_written(const struct plan *p, const struct member *m) {
  for (unsigned i = 0; i < p->nmember; i++)
    if (deps_flow(&p->member[i], m)) return true;
  for (unsigned i = 0; i < p->ncompute; i++)
    if (deps_flow(p->compute[i].m, m)) return true;
  return false;
}

static bool computed_subscript(const struct reads *r) {
  for (unsigned i = 0; i < r->n; i++)
    for (unsigned d = 0; d < r->acc[i]->rank; d++)
      if (r->acc[i]->ix[d].dyn) return true;
  return r->more;
}

/* Takes the producer out of the members. */
bool compute_read(struct plan *p, unsigned loop, unsigned tensor) {
  int at = producer(p, tensor);
  struct reads r;
  if (p->ncompute == MAX_PACK) return refuse(p, loop, tensor, "too many");
  if (at < 0 || !plain_result(p, &p->member[at]))
    return refuse(p, loop, tensor, "not one element-wise equation over all of its indices");
  for (unsigned i = 0; i < p->nmember; i++) {
    member_reads(&p->member[i], tensor, &r);
    if (computed_subscript(&r)) return refuse(p, loop, tensor, "it is read with computed subscripts");
  }
  struct member *m = arena_dup(p->a, &p->member[at], sizeof *m);
  if (reads_written(p, m)) return refuse(p, loop, tensor, "it reads what the group writes");
  memmove(&p->member[at], &p->member[at + 1], sizeof *p->member * (p->nmember - (unsigned)at - 1));
  p->nmember--;
  p->compute[p->ncompute++] = (struct pcompute){(uint8_t)loop, (uint16_t)tensor, m};
  return true;
}

bool compute_check(struct plan *p) {
  for (unsigned i = 0; i < p->ncompute; i++) {
    const struct pcompute *k = &p->compute[i];
    struct reads r;
    bool read = false;
    if (p->loop[k->loop].mark || (int)k->loop == p->stream_top)
      return refuse(p, k->loop, k->tensor, "the loop is unrolled, a vector or that of a stream");
    if (p->loop[k->loop].trivial) return refuse(p, k->loop, k->tensor, "the loop has only one iteration");
    for (unsigned j = 0; j < p->nmember; j++) {
      member_reads(&p->member[j], k->tensor, &r);
      if (r.n && !(p->member[j].walks & BIT(k->loop))) return refuse(p, k->loop, k->tensor, "read outside of the loop");
      if (r.n && p->member[j].kind != MK_EQ) return refuse(p, k->loop, k->tensor, "a running result");
      read |= r.n > 0;
    }
    if (!read) return refuse(p, k->loop, k->tensor, "nobody reads it");
  }
  return true;
}

/* ---- what is read ---- */

static bool widen(struct build *b, poly_t *x, poly_t y, bool max) {
  int64_t v;
  if (!*x) {
    *x = y;
    return true;
  }
  if (!poly_is_const(poly_sub(b->a, y, *x), &v)) return false;
  if ((v > 0) == max) *x = y;
  return true;
}

static bool hull(struct part *k, const struct set *s, unsigned d) {
  poly_t lo = NULL, hi = NULL;
  for (unsigned i = 0; i < s->n; i++) {
    struct reads r;
    member_reads(s->m[i], k->k->tensor, &r);
    for (unsigned j = 0; j < r.n; j++) {
      poly_t x, y, f = r.acc[j]->ix[d].poly;
      if (!env_extreme(k->b, k->e, s->m[i], f, false, &x) || !env_extreme(k->b, k->e, s->m[i], f, true, &y))
        return false;
      if (!widen(k->b, &lo, x, false) || !widen(k->b, &hi, y, true)) return false;
    }
  }
  k->base[d] = lo;
  k->extent[d] = poly_addc(k->b->a, poly_sub(k->b->a, hi, lo), 1);
  return !k->extent[d]->overflow && poly_over_dims(k->b->p->k, k->extent[d]);
}

static const struct axis *dim_axis(const struct part *k, unsigned d) {
  const struct eq *e = k->k->m->e;
  for (unsigned x = 0; x < e->nax; x++)
    if (poly_has(e->lhs_idx[d], e->axis[x].sym)) return &e->axis[x];
  return NULL;
}

/* What stands beside the axis in a subscript of the result. */
static poly_t shift(const struct part *k, unsigned d) {
  struct arena *a = k->b->a;
  return poly_sub(a, k->k->m->e->lhs_idx[d], poly_sym(a, dim_axis(k, d)->sym));
}

/* Where the part cannot be told all of the tensor is computed. */
static void find_part(struct part *k, const struct set *s) {
  struct arena *a = k->b->a;
  bool known = true;
  for (unsigned d = 0; d < k->rank; d++) known = known && hull(k, s, d);
  for (unsigned d = 0; d < k->rank; d++) {
    const struct axis *x = dim_axis(k, d);
    if (!known) k->base[d] = cpoly(k->b, 0), k->extent[d] = k->b->p->k->tensor[k->k->tensor].extent[d];
    poly_t by = poly_sub(a, shift(k, d), k->base[d]);
    k->lo[d] = poly_add(a, env_at(k->b, k->e, x->lo), by);
    k->hi[d] = poly_add(a, env_at(k->b, k->e, x->hi), by);
  }
}

/* ---- the nest ---- */

static void open_dim(struct part *k, struct env *at, unsigned d, poly_t u) {
  struct plan *p = k->b->p;
  unsigned a = (unsigned)plan_axis(p, dim_axis(k, d)->sym);
  poly_t index = poly_sub(k->b->a, poly_add(k->b->a, k->base[d], u), shift(k, d));
  for (unsigned l = 0; l <= p->axis[a].ntile; l++) {
    at->open |= BIT(LOOP_ID(a, l));
    at->val[LOOP_ID(a, l)] = l ? cpoly(k->b, 0) : index;
    at->idx[LOOP_ID(a, l)] = NULL;
  }
}

static struct lstmt *store_one(struct part *k, const struct env *at, const poly_t *u) {
  struct build *b = k->b;
  const struct member *m = k->k->m;
  struct access *x = ARENA_NEW(b->a, struct access, 1);
  unsigned last = k->rank - 1;
  x->tensor = (uint16_t)k->object;
  x->rank = (uint8_t)k->rank;
  x->ix = ARENA_NEW(b->a, struct subscript, k->rank + 1);
  for (unsigned d = 0; d < k->rank; d++) x->ix[d].poly = u[d];
  x->guard = ARENA_NEW(b->a, poly_t, m->e->nguard + 3);
  for (unsigned i = 0; i < m->e->nguard; i++) x->guard[x->nguard++] = env_at(b, at, m->e->guard[i]);
  if (k->clip) {
    x->guard[x->nguard++] = poly_sub(b->a, u[last], k->lo[last]);
    x->guard[x->nguard++] = poly_addc(b->a, poly_sub(b->a, k->hi[last], u[last]), -1);
  }
  struct env from = *at;
  from.places = NULL; /* what it reads nobody writes here; packs hold only what the members read */
  expr_t v = expr_cast(b->a, tensor_type(b->p, k->k->tensor), place_expr(b, &from, m, m->e->body));
  return loop_store(b->a, x, RED_none, v);
}

static sym_t new_sym(struct part *k, unsigned d, const char *suffix) {
  const char *name = k->b->p->k->tensor[k->k->tensor].name;
  return lfunc_add_sym(k->b->f, arena_printf(k->b->a, "%s_%u%s", name, d, suffix));
}

static bool unrolls(const struct part *k) {
  int64_t n = 1, v;
  for (unsigned d = 0; d < k->rank; d++) {
    if (k->clip || !poly_is_const(k->extent[d], &v) || v < 1 || v > 1024) return false;
    n *= d + 1 == k->rank ? (v + k->lanes - 1) / k->lanes : v;
    if (n > UNROLLED) return false;
  }
  return true;
}

/* The last dimension, on lanes. */
static struct lstmt *lanes_nest(struct part *k, const struct env *e, poly_t *u) {
  struct build *b = k->b;
  unsigned d = k->rank - 1;
  sym_t strip = new_sym(k, d, ""), lane = new_sym(k, d, "l");
  struct env at = *e;
  poly_t hi[2] = {cpoly(b, k->lanes), poly_sub(b->a, k->extent[d], poly_sym(b->a, strip))};
  int64_t n;
  bool even = poly_is_const(k->extent[d], &n) && n % k->lanes == 0;
  u[d] = poly_add(b->a, poly_sym(b->a, strip), poly_sym(b->a, lane));
  open_dim(k, &at, d, u[d]);
  struct lstmt *v = loop_for(b->a, F_VECTOR, lane, cpoly(b, 0), hi[0], 1, store_one(k, &at, u));
  v->hi = arena_dup(b->a, hi, sizeof hi);
  v->nhi = even ? 1 : 2;
  while ((1u << v->lanes_log2) < k->lanes) v->lanes_log2++;
  return loop_for(b->a, unrolls(k) ? F_UNROLL : F_SERIAL, strip, cpoly(b, 0), k->extent[d], k->lanes, v);
}

static struct lstmt *dims_nest(struct part *k, const struct env *e, unsigned d, poly_t *u) {
  struct build *b = k->b;
  if (d == k->rank) return store_one(k, e, u);
  if (d + 1 == k->rank && k->lanes > 1) return lanes_nest(k, e, u);
  struct env at = *e;
  sym_t s = new_sym(k, d, "");
  u[d] = poly_sym(b->a, s);
  open_dim(k, &at, d, u[d]);
  struct lstmt *f =
      loop_for(b->a, unrolls(k) ? F_UNROLL : F_SERIAL, s, cpoly(b, 0), k->extent[d], 1, dims_nest(k, &at, d + 1, u));
  if (!k->clip) return f;
  poly_t lo[2] = {cpoly(b, 0), k->lo[d]}, hi[2] = {k->extent[d], k->hi[d]};
  f->lo = arena_dup(b->a, lo, sizeof lo);
  f->hi = arena_dup(b->a, hi, sizeof hi);
  f->nlo = f->nhi = 2;
  return f;
}

static unsigned part_lanes(const struct plan *p, const struct pcompute *k) {
  size_t size = type_size(p->k->tensor[k->tensor].type), w = type_size(k->m->e->body->type);
  unsigned n = p->lim->vector_bytes / (unsigned)(size > w ? size : w);
  return n < 2 ? 1 : n;
}

static void place_part(struct part *k, struct env *to) {
  struct build *b = k->b;
  const char *name = arena_printf(b->a, "%s_part", b->p->k->tensor[k->k->tensor].name);
  k->object = buffer_new(b, k->e, name, tensor_type(b->p, k->k->tensor), k->rank, k->extent, NULL);
  struct place *x = ARENA_NEW(b->a, struct place, 1);
  *x = (struct place){.tensor = k->k->tensor,
                      .kind = PLACE_MEM,
                      .object = (uint16_t)k->object,
                      .base = arena_dup(b->a, k->base, sizeof *k->base * k->rank),
                      .rank = k->rank,
                      .next = to->places};
  to->places = x;
}

/* ---- both forms ---- */

static bool needed(const struct set *s, const struct pcompute *k) {
  struct reads r;
  for (unsigned i = 0; i < s->n; i++) {
    member_reads(s->m[i], k->tensor, &r);
    if (r.n) return true;
  }
  return false;
}

/* Conditions under which the part lies within T's range; true: never. */
static bool within(struct part *k, poly_t *g, unsigned *n) {
  bool never = false;
  for (unsigned d = 0; d < k->rank; d++) {
    poly_t c[2] = {poly_scale(k->b->a, k->lo[d], -1), poly_sub(k->b->a, k->hi[d], k->extent[d])};
    for (unsigned i = 0; i < 2; i++) {
      int64_t v;
      if (!poly_is_const(c[i], &v))
        g[(*n)++] = c[i];
      else
        never |= v < 0;
    }
  }
  return never;
}

struct lstmt *compute_body(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e) {
  struct stmts whole = {0}, cut = {0};
  struct env in = *e;
  poly_t g[2 * MAX_DIMS * 4], u[MAX_DIMS];
  unsigned n = 0, parts = 0;
  bool never = e->edge;
  for (unsigned i = 0; i < b->p->ncompute; i++) {
    struct part k = {.b = b, .k = &b->p->compute[i], .e = e, .rank = b->p->compute[i].m->e->nax};
    if (k.k->loop != l || !needed(s, k.k)) continue;
    k.lanes = part_lanes(b->p, k.k);
    find_part(&k, s);
    place_part(&k, &in);
    if (++parts > 4)
      never = true;
    else
      never |= within(&k, g, &n);
    stmts_add(b, &whole, dims_nest(&k, e, 0, u));
    k.clip = true;
    stmts_add(b, &cut, dims_nest(&k, e, 0, u));
  }
  if (!parts) return nest_build(b, s, pos + 1, e);
  stmts_add(b, &whole, never ? NULL : nest_build(b, s, pos + 1, &in));
  in.edge |= n > 0 && !never;
  if (n || never) stmts_add(b, &cut, nest_build(b, s, pos + 1, &in));
  if (never) return stmts_block(b, &cut);
  return n ? loop_if(b->a, n, g, NULL, stmts_block(b, &whole), stmts_block(b, &cut)) : stmts_block(b, &whole);
}
