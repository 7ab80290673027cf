/* The schedule step `split`, as a rewriting of a group: axis k becomes part * n + k, with k in [0, n) from now on. What
   is summed over k is summed for each part, then over the parts in their order:

     P[part, ..] = sum(k in 0..n) f(part * n + k)        s[..] = sum(part) P[part, ..]

   Members that walk k without summing over it just walk both. Parts are independent of one another, so threads can
   share them out, and the result does not depend on how. The running form of a stream over k is dropped: with parts it
   runs as plain passes. Or it is kept, for each part by itself: then the partial results are relative to the part's own
   state (its maximum), and each is corrected by what moves that to the state of all before they are added:

     Z[..] = sum(part) Zp[part, ..] * rescale(Mp[part, ..], M[..]),  M[..] = max(part) Mp[part, ..] */
#include "ir/sched.h"
#include <stdio.h>
#include <string.h>

enum { EVEN = 64, NAME_MOST = 240 };

struct split {
  struct arena *a;
  struct kernel *k;
  sym_t axis, part;
  int64_t lo, ext, n, parts;
  poly_t index; /* what stands for the axis */
  bool running; /* the stream's form is kept in each part */
  uint16_t state,
      state_of; /* the tensor of the state of each part, while it runs; the one of the state; UINT16_MAX: not met yet */
  uint16_t state_parts; /* and when it is complete */
  const struct eq *state_eq;
};

void sched_part_name(const struct groups *gs, unsigned g, unsigned axis, char *out, size_t size) {
  snprintf(out, size < NAME_MOST ? size : NAME_MOST, "%s_part", gs->k->sym[gs->g[g].axis[axis].sym].name);
  for (unsigned i = 0; i < gs->g[g].naxis; i++)
    if (!strcmp(gs->k->sym[gs->g[g].axis[i].sym].name, out) && strlen(out) + 2 < size) {
      strcat(out, "_");
      i = UINT32_MAX; /* from the start */
    }
}

int sched_split(const struct sched *s) {
  for (unsigned i = 0; i < s->nstep; i++)
    if (s->step[i].kind == STEP_split) return (int)i;
  return -1;
}

/* ---- may it be done? ---- */

static bool walks(const struct eq *e, sym_t s) {
  return eq_axis(e, s) >= 0;
}
static bool reduces(const struct eq *e, sym_t s) {
  return eq_axis(e, s) >= (int)e->npar;
}

/* The result's axes can be the dims of an array of partial results. */
static bool rectangular(const struct kernel *k, const struct eq *e) {
  for (unsigned x = 0; x < e->npar; x++) {
    int64_t lo;
    if (!poly_is_const(e->axis[x].lo, &lo) || lo) return false;
    for (unsigned s = 0; s < k->nsym; s++)
      if (k->sym[s].kind == SYM_INDEX && poly_has(e->axis[x].hi, (sym_t)s)) return false;
  }
  return true;
}

/* Are bounds of e over the axis? Or is its own range of it another one than the group's? */
static bool range_differs(const struct eq *e, const struct axis *x) {
  for (unsigned i = 0; i < e->nax; i++) {
    if (e->axis[i].sym == x->sym && (!poly_eq(e->axis[i].lo, x->lo) || !poly_eq(e->axis[i].hi, x->hi))) return true;
    if (poly_has(e->axis[i].lo, x->sym) || poly_has(e->axis[i].hi, x->sym)) return true;
  }
  return false;
}

static const char *refusal(const struct groups *gs, const struct group *g, const struct axis *x, bool strict) {
  bool sums = false;
  unsigned more = 0;
  for (unsigned i = 0; i < g->neq; i++) {
    const struct eq *e = &gs->k->eq[g->eq[i]];
    if (range_differs(e, x)) return "split: bounds of another axis follow this one, or members have different ones";
    if (!reduces(e, x->sym)) continue;
    sums = true;
    more++;
    if (e->red == RED_argmax || e->red == RED_argmin) return "split: argmin and argmax have no partial results";
    if (strict && type_is_float((enum dtype)e->body->type))
      return "split: with strict arithmetic sums keep their order";
    if (!rectangular(gs->k, e)) return "split: the ranges of the result follow one another";
  }
  if (!sums) return "split: nothing is summed over this axis";
  if (g->stream >= 0 && g->axis[g->stream].sym != x->sym) return "split: another axis is a stream";
  if (g->neq + more > GROUP_MAX_EQ || g->naxis == GROUP_MAX_AXIS) return "split: the group is too large";
  return NULL;
}

/* ---- doing it ---- */

static poly_t put_index(struct arena *a, poly_t p, void *ctx) {
  const struct split *s = ctx;
  return poly_has(p, s->axis) ? poly_subst(a, p, s->axis, s->index) : p;
}

/* The state of the part, where the state of all was read. Its dims are the state's axes behind the part. */
static expr_t part_state(struct arena *a, expr_t x, void *ctx) {
  const struct split *s = ctx;
  if (x->kind != E_READ || x->acc->tensor != s->state_of) return x;
  const struct eq *m = s->state_eq;
  poly_t idx[UINT8_MAX + 1];
  idx[0] = poly_sym(a, s->part);
  for (unsigned i = 0; i < m->npar; i++)
    for (unsigned d = 0; d < x->acc->rank; d++)
      if (poly_has(m->lhs_idx[d], m->axis[i].sym)) idx[i + 1] = x->acc->ix[d].poly;
  return expr_read(a, (enum dtype)x->type, access_new(a, s->state, m->npar + 1u, idx));
}

static poly_t end_guard(const struct split *s, poly_t at) {
  return poly_sub(s->a, poly_const(s->a, s->lo + s->ext - 1), at);
}

/* What the last part of a stream reads behind the axis's end is 0: its members may ask for nothing else (held.c). */
static expr_t end_read(struct arena *a, expr_t x, void *ctx) {
  const struct split *s = ctx;
  bool along = false;
  if (x->kind != E_READ || s->k->tensor[x->acc->tensor].role == ROLE_TEMP) return x;
  for (unsigned d = 0; d < x->acc->rank; d++) along |= x->acc->ix[d].poly && poly_has(x->acc->ix[d].poly, s->axis);
  if (!along) return x;
  struct access *r = arena_dup(a, x->acc, sizeof *r);
  r->guard = ARENA_NEW(a, poly_t, r->nguard + 1u);
  for (unsigned i = 0; i < r->nguard; i++) r->guard[i] = x->acc->guard[i];
  r->guard[r->nguard++] = end_guard(s, poly_sym(a, s->axis));
  if (!r->otherwise) r->otherwise = expr_const(a, (enum dtype)x->type, (union value){0});
  return expr_read(a, (enum dtype)x->type, r);
}

static bool unequal(const struct split *s) {
  return s->n * s->parts != s->ext;
}

static expr_t put_expr(struct split *s, expr_t x) {
  if (x && s->running && unequal(s)) x = expr_map(s->a, x, end_read, s);
  if (x && s->running && s->state != UINT16_MAX) x = expr_map(s->a, x, part_state, s);
  return x ? expr_map_poly(s->a, x, put_index, s) : NULL;
}

/* e over parts and the rest of each. The last part ends where the axis does. */
static void walk_parts(struct split *s, struct eq *e) {
  int at = eq_axis(e, s->axis);
  struct axis *axis = ARENA_NEW(s->a, struct axis, e->nax + 1u);
  poly_t *guard = ARENA_NEW(s->a, poly_t, e->nguard + 1u);
  axis[0] = (struct axis){s->part, poly_const(s->a, 0), poly_const(s->a, s->parts)};
  memcpy(axis + 1, e->axis, e->nax * sizeof *axis);
  axis[at + 1].lo = poly_const(s->a, 0);
  axis[at + 1].hi = poly_const(s->a, s->n);
  for (unsigned g = 0; g < e->nguard; g++) guard[g] = put_index(s->a, e->guard[g], s);
  if (unequal(s)) guard[e->nguard++] = end_guard(s, s->index);
  unsigned rank = s->k->tensor[e->lhs].rank;
  poly_t *idx = ARENA_NEW(s->a, poly_t, rank + 1u);
  for (unsigned d = 0; d < rank; d++) idx[d] = put_index(s->a, e->lhs_idx[d], s);
  e->lhs_idx = idx;
  e->axis = axis;
  e->guard = guard;
  e->npar++;
  e->nax++;
  e->body = put_expr(s, e->body);
  e->init = put_expr(s, e->init);
  e->running = put_expr(s, e->running);
  if (e->state != UINT16_MAX) e->state = s->state;
}

struct moved {
  expr_t from, to;
};
static expr_t put_states(struct arena *a, expr_t x, void *ctx) {
  const struct moved *m = ctx;
  (void)a;
  return x->kind != E_ARG ? x : x->id ? m->to : m->from;
}

/* What moves a result of a part to the state of all. */
static expr_t correction(struct split *s, expr_t rescale) {
  const struct eq *m = s->state_eq;
  enum dtype type = (enum dtype)s->k->tensor[s->state_of].type;
  expr_t all = expr_read(s->a, type, access_new(s->a, s->state_of, s->k->tensor[s->state_of].rank, m->lhs_idx));
  struct split complete = *s;
  complete.state = s->state_parts;
  struct moved by = {part_state(s->a, all, &complete), all};
  return expr_map(s->a, rescale, put_states, &by);
}

static void run_plainly(struct eq *e) {
  e->state = UINT16_MAX;
  e->rescale = e->running = NULL;
}

/* What a part sums while it runs is private to its nest; the result is a copy. */
static struct eq run_privately(struct split *s, struct eq *sum) {
  struct eq copy = *sum;
  const struct tensor *of = &s->k->tensor[sum->lhs];
  poly_t *extent = arena_dup(s->a, of->extent, of->rank * sizeof *extent);
  const char *name = arena_printf(s->a, "%s_run", of->name);
  enum dtype type = (enum dtype)of->type;
  unsigned rank = of->rank, t = kernel_add_temp(s->k, name, type, rank, extent);
  copy.nax = copy.npar;
  copy.nguard = 0;
  copy.red = RED_none;
  copy.body = expr_read(s->a, type, access_new(s->a, t, rank, sum->lhs_idx));
  run_plainly(&copy);
  sum->lhs = (uint16_t)t;
  return copy;
}

/* *sum becomes the partial results, *rest their sum. */
static void sum_parts(struct split *s, struct eq *sum, struct eq *rest) {
  poly_t extent[UINT8_MAX + 1], idx[UINT8_MAX + 1];
  unsigned n = sum->npar + 1u;
  *rest = *sum;
  extent[0] = poly_const(s->a, s->parts);
  idx[0] = poly_sym(s->a, s->part);
  for (unsigned x = 0; x < sum->npar; x++) {
    extent[x + 1] = sum->axis[x].hi;
    idx[x + 1] = poly_sym(s->a, sum->axis[x].sym);
  }
  const char *name = arena_printf(s->a, "%s_parts", s->k->tensor[sum->lhs].name);
  enum dtype type = (enum dtype)sum->body->type;
  unsigned t = kernel_add_temp(s->k, name, type, n, extent);
  struct axis *axis = ARENA_NEW(s->a, struct axis, n);
  memcpy(axis, sum->axis, sum->npar * sizeof *axis);
  axis[sum->npar] = (struct axis){s->part, poly_const(s->a, 0), poly_const(s->a, s->parts)};
  rest->axis = axis;
  rest->nax = (uint8_t)n;
  rest->nguard = 0;
  rest->body = expr_read(s->a, type, access_new(s->a, t, n, idx));
  if (sum->rescale) rest->body = expr_op2(s->a, OP_mul, rest->body, correction(s, sum->rescale));
  run_plainly(rest);
  sum->init = NULL;
  walk_parts(s, sum);
  if (s->running && sum->lhs == s->state_of) s->state = s->state_parts = (uint16_t)t;
  sum->lhs = (uint16_t)t;
  sum->lhs_idx = arena_dup(s->a, idx, n * sizeof *idx);
}

/* The dim of e's result that the axis alone moves, by one; -1: there is none, or others do, too. */
static int own_dim(struct arena *a, const struct kernel *k, const struct eq *e, sym_t axis) {
  int found = -1;
  for (unsigned d = 0; d < k->tensor[e->lhs].rank; d++) {
    if (!poly_has(e->lhs_idx[d], axis)) continue;
    if (found >= 0 || !poly_is_const(poly_sub(a, e->lhs_idx[d], poly_sym(a, axis)), NULL)) return -1;
    found = (int)d;
  }
  return found;
}

/* A guard of a sum does not keep it from being stored: such a member cannot end before its part does. What is private
   to the group of a stream may hold more than the axis has. */
static bool ends_early(const struct split *s, const struct groups *gs, unsigned g, const struct axis *x) {
  for (unsigned i = 0; i < gs->g[g].neq; i++) {
    const struct eq *e = &gs->k->eq[gs->g[g].eq[i]];
    if (e->red == RED_none || !walks(e, x->sym) || reduces(e, x->sym)) continue;
    if (!s->running || !group_private(gs, g, e->lhs) || own_dim(s->a, gs->k, e, x->sym) < 0) return true;
  }
  return false;
}

/* Room behind the axis's end for the last part. */
static void make_room(struct split *s, const struct eq *e) {
  int d = own_dim(s->a, s->k, e, s->axis);
  struct tensor *t = &s->k->tensor[e->lhs];
  if (e->red == RED_none || d < 0 || !unequal(s)) return;
  poly_t *extent = arena_dup(s->a, t->extent, t->rank * sizeof *extent);
  extent[d] = poly_addc(s->a, extent[d], s->n * s->parts - s->ext);
  t->extent = extent;
}

/* Of a stream's members, which follow each other, those of the parts stand before what is made of their results. */
static void parts_first(const struct split *s, struct eq *eq, const uint16_t *first, const struct group *own,
                        unsigned n) {
  unsigned from = first[own->eq[0]], last = own->eq[own->neq - 1u], to = last + 1u < s->k->neq ? first[last + 1u] : n;
  struct eq *sorted = ARENA_NEW(s->a, struct eq, to - from + 1u);
  unsigned at = 0;
  for (unsigned pass = 0; pass < 3; pass++) /* the stream, copies of its results, the rest */
    for (unsigned i = from; i < to; i++) {
      int part = eq_axis(&eq[i], s->part);
      bool beside = part >= 0 && part < (int)eq[i].npar;
      if ((beside ? !walks(&eq[i], s->axis) : 2) == pass) sorted[at++] = eq[i];
    }
  memcpy(eq + from, sorted, at * sizeof *eq);
}

/* Equations of group g, which become more; the other groups' are moved. */
static void rewrite(struct split *s, struct groups *out, unsigned g) {
  struct kernel *k = s->k;
  struct eq *eq = ARENA_NEW(s->a, struct eq, 3u * k->neq + 1);
  uint16_t *first = ARENA_NEW(s->a, uint16_t, k->neq + 1u);
  unsigned n = 0, mine = 0;
  struct group *own = &out->g[g];
  uint16_t list[GROUP_MAX_EQ];
  for (unsigned i = 0; i < k->neq; i++) {
    bool member = mine < own->neq && own->eq[mine] == i;
    unsigned from = n;
    first[i] = (uint16_t)n;
    eq[n++] = k->eq[i];
    if (!member) continue;
    mine++;
    if (!s->running) run_plainly(&eq[from]);
    if (reduces(&eq[from], s->axis)) {
      bool state = s->running && eq[from].lhs == s->state_of;
      sum_parts(s, &eq[from], &eq[n]), n++;
      if (s->running) eq[n++] = run_privately(s, &eq[from]);
      if (state) s->state = eq[from].lhs;
    } else if (walks(&eq[from], s->axis)) {
      make_room(s, &eq[from]);
      walk_parts(s, &eq[from]);
    }
  }
  if (s->running) parts_first(s, eq, first, own, n);
  unsigned nlist = 0;
  for (unsigned i = 0; i < own->neq; i++) {
    unsigned at = first[own->eq[i]], end = own->eq[i] + 1u < k->neq ? first[own->eq[i] + 1] : n;
    while (at < end && nlist < GROUP_MAX_EQ) list[nlist++] = (uint16_t)at++;
  }
  for (unsigned o = 0; o < out->n; o++)
    for (unsigned i = 0; o != g && i < out->g[o].neq; i++) out->g[o].eq[i] = first[out->g[o].eq[i]];
  memcpy(own->eq, list, nlist * sizeof *list);
  own->neq = (uint8_t)nlist;
  k->eq = eq;
  k->neq = (uint16_t)n;
}

struct reader {
  const struct groups *gs;
  const struct group *g;
  const struct split *s;
  const struct eq *e;
  unsigned before;
  bool early; /* reads what is there only when all parts are */
};
static void find_early(expr_t x, void *ctx) {
  struct reader *r = ctx;
  if (x->kind != E_READ) return;
  for (unsigned i = 0; i < r->before; i++) {
    const struct eq *w = &r->gs->k->eq[r->g->eq[i]];
    bool inside = walks(w, r->s->axis) && !reduces(w, r->s->axis);
    r->early |= w->lhs == x->acc->tensor && !inside && r->e->state != w->lhs;
  }
}

/* May each part run as a stream? One state; what walks the stream reads nothing that is complete only behind all of it.
 */
static bool parts_run(const struct groups *gs, const struct group *g, struct split *s) {
  s->state = s->state_of = UINT16_MAX;
  for (unsigned i = 0; i < g->neq; i++) {
    const struct eq *e = &gs->k->eq[g->eq[i]];
    struct reader r = {gs, g, s, e, i, false};
    if (i && g->eq[i] != g->eq[i - 1] + 1u) return false;
    if (e->state != UINT16_MAX && s->state_of != UINT16_MAX && e->state != s->state_of) return false;
    if (e->state != UINT16_MAX) s->state_of = e->state;
    if (walks(e, s->axis)) {
      expr_visit(e->body, find_early, &r);
      if (e->init) expr_visit(e->init, find_early, &r);
    }
    if (r.early || (e->init && e->state != UINT16_MAX)) return false;
  }
  for (unsigned i = 0; i < g->neq && s->state_of != UINT16_MAX; i++)
    if (gs->k->eq[g->eq[i]].lhs == s->state_of) s->state_eq = &gs->k->eq[g->eq[i]];
  return s->state_eq && reduces(s->state_eq, s->axis) && !s->state_eq->init;
}

/* Whole blocks of a stream, where there are as many parts with them; of others where that is little more. */
static int64_t part_length(const struct split *s, int64_t parts) {
  int64_t n = (s->ext + parts - 1) / parts, even = (n + EVEN - 1) / EVEN * EVEN;
  if (s->running) return (s->ext + even - 1) / even == parts ? even : n;
  return s->ext % parts && n >= 16 * EVEN ? even : n;
}

struct groups *group_split(struct arena *a, const struct groups *gs, unsigned g, unsigned axis, int64_t parts,
                           bool strict, bool running, const char **why) {
  const struct group *from = &gs->g[g];
  struct split s = {.a = a};
  int64_t hi;
  *why = axis >= from->naxis ? "split: no such axis" : refusal(gs, from, &from->axis[axis], strict);
  if (*why) return NULL;
  if (!poly_is_const(from->axis[axis].lo, &s.lo) || !poly_is_const(from->axis[axis].hi, &hi)) {
    *why = "split: the extent is not constant";
    return NULL;
  }
  s.ext = hi - s.lo;
  if (parts < 2 || s.ext < 2 * parts) {
    *why = "split: less than two parts, or parts of less than two iterations";
    return NULL;
  }
  s.axis = from->axis[axis].sym;
  s.running = running && from->stream == (int)axis && 3u * from->neq <= GROUP_MAX_EQ && parts_run(gs, from, &s);
  s.n = part_length(&s, parts);
  if (s.ext % s.n && ends_early(&s, gs, g, &from->axis[axis])) {
    *why = "split: the parts are not equal, and a result of others walks this axis";
    return NULL;
  }
  s.parts = (s.ext + s.n - 1) / s.n;
  struct groups *out = ARENA_NEW(a, struct groups, 1);
  char name[NAME_MOST];
  out->k = s.k = kernel_clone(a, gs->k);
  out->n = gs->n;
  out->g = arena_dup(a, gs->g, gs->n * sizeof *gs->g);
  struct group *own = &out->g[g];
  sched_part_name(gs, g, axis, name, sizeof name);
  s.part = kernel_add_sym(s.k, arena_strdup(a, name), SYM_INDEX);
  s.index = poly_add(a, poly_scale(a, poly_sym(a, s.part), s.n), poly_addc(a, poly_sym(a, s.axis), s.lo));
  rewrite(&s, out, g);
  own->axis[axis].lo = poly_const(a, 0);
  own->axis[axis].hi = poly_const(a, s.n);
  own->axis[own->naxis++] = (struct axis){s.part, poly_const(a, 0), poly_const(a, s.parts)};
  if (!s.running) own->stream = -1;
  return out;
}
