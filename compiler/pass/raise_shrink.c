/* Sums that a loop around them computes again and again: a scalar that is reduced inside of a loop becomes a temp with
   an element for each of its iterations; where no iteration differs (the norm of row i, for every j), it has one for
   all. Inner loops only: what an outer loop leaves the same may share its nest and be computed again in it. A loop that
   may be empty computes none of them, and might be called with no array to read: that it is not is an assumption about
   dims. */
#include "compiler/pass/raise_impl.h"
#include <string.h>

enum { KEPT_FACTS = 16 }; /* assumptions that are left for those that must be */

static bool polys_name(const poly_t *p, unsigned n, sym_t s) {
  for (unsigned i = 0; i < n; i++)
    if (poly_has(p[i], s)) return true;
  return false;
}

static bool bound_names(const struct bound *b, sym_t s) {
  return polys_name(b->lo, b->nlo, s) || polys_name(b->hi, b->nhi, s);
}

/* Anything but the range of s and dim `at` of the result depends on s. */
static bool depends(struct raise *r, const struct item *it, unsigned at, sym_t s) {
  const expr_t x[] = {it->body, it->init, it->start, it->cond};
  for (unsigned i = 0; i < sizeof x / sizeof *x; i++)
    if (x[i] && expr_has_sym(x[i], s)) return true;
  if (polys_name(it->guard, it->nguard, s) || polys_name(it->where, it->nwhere, s)) return true;
  for (unsigned d = 0; d < it->rank; d++)
    if (d != at && poly_has(it->idx[d], s)) return true;
  for (unsigned i = 0; i < it->nax; i++)
    if (it->ax[i].b.sym != s && bound_names(&it->ax[i].b, s)) return true;
  const struct obj *o = &r->obj[it->lhs];
  for (unsigned d = 0; d < o->nlead; d++)
    if (d != at && bound_names(&o->lead[d], o->lead[at].sym)) return true;
  return false;
}

static bool only_writer(const struct items *l, const struct item *it) {
  unsigned n = 0;
  for (unsigned i = 0; i < l->n; i++) n += l->v[i]->lhs == it->lhs;
  return n == 1;
}

/* The axis that is dim `at` of the result; -1: something else is. */
static int own_axis(const struct item *it, unsigned at) {
  sym_t s;
  if (!poly_is_sym(it->idx[at], &s)) return -1;
  for (unsigned i = 0; i < it->nax; i++)
    if (it->ax[i].b.sym == s) return it->ax[i].red ? -1 : (int)i;
  return -1;
}

/* What has to hold so that the loop runs; NULL: that cannot be said of dims alone, or contradicts what is assumed. */
static poly_t runs(struct raise *r, const struct bound *b) {
  if (b->nlo != 1 || b->nhi != 1 || !raise_over_dims(r, b->lo[0]) || !raise_over_dims(r, b->hi[0])) return NULL;
  poly_t p = poly_addc(r->a, poly_sub(r->a, b->hi[0], b->lo[0]), -1);
  return p->overflow || r->nassume + KEPT_FACTS > RAISE_FACTS || !raise_may_assume(r, p) ? NULL : p;
}

struct drop {
  unsigned obj, at;
};

static expr_t drop_read(struct arena *a, expr_t x, void *ctx) {
  const struct drop *d = ctx;
  if (x->kind != E_READ || x->acc->tensor != d->obj) return x;
  struct access *n = arena_dup(a, x->acc, sizeof *n);
  n->rank--;
  n->ix = ARENA_NEW(a, struct subscript, n->rank + 1u);
  for (unsigned i = 0; i < n->rank; i++) n->ix[i] = x->acc->ix[i + (i >= d->at)];
  struct expr *y = arena_dup(a, x, sizeof *x);
  y->acc = n;
  return y;
}

static expr_t drop_in(struct raise *r, expr_t x, struct drop *d) {
  return x ? expr_map(r->a, x, drop_read, d) : NULL;
}

static void drop_dim(struct raise *r, struct items *l, struct item *it, unsigned at, unsigned axis) {
  struct obj *o = &r->obj[it->lhs];
  struct drop d = {it->lhs, at};
  poly_t *idx = ARENA_NEW(r->a, poly_t, it->rank);
  for (unsigned i = 0; i + 1 < it->rank; i++) idx[i] = it->idx[i + (i >= at)];
  it->idx = idx;
  it->rank--;
  memmove(&it->ax[axis], &it->ax[axis + 1], sizeof *it->ax * (it->nax - axis - 1u));
  it->nax--;
  memmove(&o->lead[at], &o->lead[at + 1], sizeof *o->lead * (o->nlead - at - 1u));
  o->nlead--;
  o->rank--;
  for (unsigned i = 0; i < l->n; i++) {
    struct item *u = l->v[i];
    u->body = drop_in(r, u->body, &d);
    u->init = drop_in(r, u->init, &d);
    u->start = drop_in(r, u->start, &d);
    u->cond = drop_in(r, u->cond, &d);
  }
}

void raise_shrink(struct raise *r, struct items *l) {
  for (unsigned i = 0; i < l->n; i++) {
    struct item *it = l->v[i];
    const struct obj *o = &r->obj[it->lhs];
    if (o->kind != OBJ_TEMP || o->nlead != o->rank || it->rank != o->rank || !item_is_red(it) || !only_writer(l, it))
      continue;
    for (unsigned at = it->rank; at-- > 0;) {
      int axis = own_axis(it, at);
      if (axis < 0 || depends(r, it, at, it->ax[axis].b.sym)) break;
      poly_t p = runs(r, &it->ax[axis].b);
      if (!p) break;
      raise_assume(r, p);
      drop_dim(r, l, it, at, (unsigned)axis);
    }
  }
}
