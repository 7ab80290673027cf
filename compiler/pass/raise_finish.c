/* Items as equations want them: one lower and one upper bound per axis, parallel axes that do not depend on reduced
   ones, and reductions whose guards speak of what is reduced (a guard on what is written belongs to an assignment). */
#include "compiler/pass/raise_impl.h"
#include <string.h>

static void one_bound(struct raise *r, struct item *it, const struct raxis *ax, struct bound *b) {
  poly_t s = poly_sym(r->a, b->sym), g;
  for (unsigned i = 1; i < b->nlo + (unsigned)b->nhi - 1; i++) {
    bool lower = i < b->nlo;
    g = lower ? poly_sub(r->a, s, b->lo[i]) : poly_addc(r->a, poly_sub(r->a, b->hi[i - b->nlo + 1], s), -1);
    if (ax->red)
      item_terms(r, it, 1, &g, NULL);
    else
      item_guard(r, it, 1, &g, NULL);
  }
  b->nlo = b->nhi = 1;
}

static bool has_red(const struct item *it, poly_t p) {
  for (unsigned i = 0; i < it->nax; i++)
    if (it->ax[i].red && poly_has(p, it->ax[i].b.sym)) return true;
  return false;
}

static bool has_inner(const struct item *it, unsigned at, poly_t p) {
  for (unsigned i = at; i < it->nax; i++)
    if (poly_has(p, it->ax[i].b.sym)) return true;
  return false;
}

/* A parallel range that moves with a reduced axis: the whole of it, and a guard. */
static void hull(struct raise *r, struct item *it, unsigned at) {
  struct bound *b = &it->ax[at].b;
  struct domain *d = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, d);
  for (unsigned i = 0; i < at; i++)
    if (it->ax[i].red) domain_in(r, d, &it->ax[i].b);
  poly_t s = poly_sym(r->a, b->sym), *lo = ARENA_NEW(r->a, poly_t, 2), *hi = lo + 1;
  *lo = b->lo[0];
  *hi = b->hi[0];
  bool ok = true;
  if (has_red(it, b->lo[0])) {
    poly_t g = poly_sub(r->a, s, b->lo[0]);
    item_terms(r, it, 1, &g, NULL);
    ok &= prove_min(r, d, b->lo[0], lo);
  }
  if (has_red(it, b->hi[0])) {
    poly_t g = poly_addc(r->a, poly_sub(r->a, b->hi[0], s), -1);
    item_terms(r, it, 1, &g, NULL);
    ok &= prove_max(r, d, b->hi[0], hi);
  }
  if (!ok || has_red(it, *lo) || has_red(it, *hi) || has_inner(it, at, *lo) || has_inner(it, at, *hi))
    raise_no(r, it->loc, "the range of '%s' depends on what is summed over", raise_sym_name(r, b->sym));
  b->lo = lo;
  b->hi = hi;
}

/* What C[i] holds where it is stored to, 0 elsewhere: the first term of a sum of floats, whose order counts. */
static expr_t guarded_self(struct raise *r, const struct item *it) {
  expr_t self = item_self(r, it);
  struct access *acc = arena_dup(r->a, self->acc, sizeof *acc);
  acc->guard = ARENA_NEW(r->a, poly_t, it->nwhere);
  for (unsigned i = 0; i < it->nwhere && acc->nguard < UINT8_MAX; i++)
    if (!has_red(it, it->where[i])) acc->guard[acc->nguard++] = it->where[i];
  acc->otherwise = expr_const(r->a, (enum dtype)self->type, (union value){0});
  return expr_read(r->a, (enum dtype)self->type, acc);
}

/* C[i] (op)= sum under a guard on i: the sum goes to a temp, and the guard to the assignment. */
static void split_guard(struct raise *r, struct items *l, unsigned at) {
  struct item *it = l->v[at], *set = ARENA_NEW(r->a, struct item, 1);
  if (it->red == RED_argmin || it->red == RED_argmax)
    raise_no(r, it->loc, "a search under a condition on where it is stored");
  enum dtype w = (enum dtype)it->body->type, t = (enum dtype)r->obj[it->lhs].type;
  unsigned o = raise_obj(r, r->obj[it->lhs].name, w, OBJ_TEMP);
  struct obj *x = &r->obj[o];
  expr_t self = item_self(r, it), init = it->init && it->init->kind == E_CAST ? it->init->kid[0] : it->init;
  bool own = init && expr_eq(init, self);
  poly_t idx[RAISE_RANK];
  *set = (struct item){.lhs = it->lhs, .rank = it->rank, .idx = it->idx, .loc = it->loc};
  set->ax = ARENA_NEW(r->a, struct raxis, it->nax);
  for (unsigned i = 0; i < it->nax; i++)
    if (!it->ax[i].red) {
      if (x->nlead >= RAISE_RANK) raise_no(r, it->loc, "'%s' would need more than %d dims", x->name, RAISE_RANK);
      idx[x->nlead] = poly_sym(r->a, it->ax[i].b.sym);
      x->lead[x->nlead++] = it->ax[i].b;
      set->ax[set->nax++] = it->ax[i];
    }
  x->rank = x->nlead;
  for (unsigned i = 0; i < it->nwhere; i++)
    if (!has_red(it, it->where[i])) item_guard(r, set, 1, &it->where[i], NULL);
  expr_t sum = raise_read(r, o, x->rank, idx);
  struct peel p = {.red = (enum red)it->red, .wide = w, .term = sum};
  bool ordered = own && (it->red == RED_sum || it->red == RED_prod) && type_is_float(w) && it->nwhere < UINT8_MAX;
  set->body = own && !ordered ? peel_rebuild(r, &p, self) : expr_cast(r->a, t, sum);
  if (ordered)
    it->init = expr_cast(r->a, w, guarded_self(r, it));
  else if (own)
    it->init = NULL;
  it->lhs = (uint16_t)o;
  it->rank = x->rank;
  it->idx = arena_dup(r->a, idx, sizeof *idx * x->rank);
  items_add(r, l, set);
  memmove(&l->v[at + 2], &l->v[at + 1], sizeof *l->v * (l->n - at - 2));
  l->v[at + 1] = set;
}

static bool has_axis(const struct item *it, poly_t p) {
  for (unsigned i = 0; i < it->nax; i++)
    if (poly_has(p, it->ax[i].b.sym)) return true;
  return false;
}

/* Of g[0..*n): those that hold wherever d does say nothing. One over dims alone, `if (n < 8) return`, is assumed: the
   form as written runs where it fails. False: they never hold under what is assumed. */
static bool settle(struct raise *r, const struct item *it, struct domain *d, poly_t *g, unsigned *n) {
  unsigned kept = 0, all = *n;
  bool never = false;
  for (unsigned i = 0; i < all; i++) {
    if (prove_ge0(r, d, g[i])) continue;
    bool no = prove_ge0(r, d, poly_addc(r->a, poly_scale(r->a, g[i], -1), -1));
    never |= no;
    if (no || has_axis(it, g[i])) {
      g[kept++] = g[i];
      continue;
    }
    raise_assume(r, g[i]);
    domain_fact(d, g[i]);
  }
  *n = kept;
  return !never;
}

/* False: the item never happens. */
static bool settle_guards(struct raise *r, struct item *it) {
  struct domain *d = ARENA_NEW(r->a, struct domain, 1);
  it->guard = arena_dup(r->a, it->guard, sizeof *it->guard * it->nguard);
  it->where = arena_dup(r->a, it->where, sizeof *it->where * it->nwhere);
  domain_init(r, d);
  for (unsigned i = 0; i < it->nax; i++)
    if (!it->ax[i].red) domain_in(r, d, &it->ax[i].b);
  unsigned n = 0;
  for (unsigned i = 0; i < it->nwhere; i++)
    if (!has_red(it, it->where[i])) it->where[n++] = it->where[i];
  it->nwhere = n;
  bool happens = settle(r, it, d, it->where, &it->nwhere), terms = settle(r, it, d, it->guard, &it->nguard);
  return r->obj[it->lhs].kind == OBJ_TEMP || (happens && (it->red || terms));
}

static bool guards_writes(struct raise *r, const struct item *it) {
  return it->red && r->obj[it->lhs].kind != OBJ_TEMP && it->nwhere;
}

static bool is_identity(const struct item *it, expr_t x) {
  enum dtype t = (enum dtype)x->type;
  return x->kind == E_CONST && it->red != RED_argmin && it->red != RED_argmax &&
         type_value_eq(t, x->val, red_identity((enum red)it->red, t));
}

/* red select(g >= 0, term, identity): the guard of the reduction. */
static void select_guard(struct raise *r, struct item *it) {
  while (item_is_red(it) && it->body->kind == E_OP && it->body->op == OP_select && is_identity(it, it->body->kid[2])) {
    poly_t g[64];
    unsigned n = 0;
    expr_t rest = cond_split(r, it->body->kid[0], false, g, &n, 60);
    if (!n) return;
    it->body = rest ? expr_op3(r->a, OP_select, rest, it->body->kid[1], it->body->kid[2]) : it->body->kid[1];
    item_terms(r, it, n, g, NULL);
    if (rest) return;
  }
}

/* Guards of a load that the equation's own guards imply. */
static expr_t implied(struct arena *a, expr_t x, void *ctx) {
  const struct item *it = ctx;
  if (x->kind != E_READ || !x->acc->nguard) return x;
  struct access *n = arena_dup(a, x->acc, sizeof *n);
  n->guard = arena_dup(a, n->guard, sizeof *n->guard * n->nguard);
  n->nguard = 0;
  for (unsigned i = 0; i < x->acc->nguard; i++) {
    bool known = false;
    for (unsigned j = 0; j < it->nguard; j++) known |= poly_eq(it->guard[j], x->acc->guard[i]);
    if (!known) n->guard[n->nguard++] = x->acc->guard[i];
  }
  if (n->nguard == x->acc->nguard) return x;
  if (!n->nguard) n->otherwise = NULL;
  struct expr *e = arena_dup(a, x, sizeof *x);
  e->acc = n;
  return e;
}

void raise_finish(struct raise *r, struct items *l) {
  for (unsigned i = 0; i < l->n; i++) {
    struct item *it = l->v[i];
    raise_open(r, it);
    select_guard(r, it);
    raise_shut(r);
    if (it->nguard) it->body = expr_map(r->a, it->body, implied, it);
    it->ax = arena_dup(r->a, it->ax, sizeof *it->ax * it->nax);
    for (unsigned k = 0; k < it->nax; k++) one_bound(r, it, &it->ax[k], &it->ax[k].b);
    for (unsigned k = 0; k < it->nax; k++)
      if (!it->ax[k].red && (has_red(it, it->ax[k].b.lo[0]) || has_red(it, it->ax[k].b.hi[0]))) hull(r, it, k);
    if (!settle_guards(r, it))
      items_remove(l, i--);
    else if (guards_writes(r, it))
      split_guard(r, l, i);
  }
}
