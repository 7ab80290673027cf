/* From C's lazy select to TENSOR's, where both sides are computed: loads of the side that may not run get guards, or
 * are shown to happen anyway. */
#include "compiler/pass/raise_impl.h"
#include <string.h>

enum { PATH = 48 };

/* What is known to hold where an expression counts: all g, one of alt (nalt > 0), and maybe a condition on values. */
struct path {
  unsigned n, nalt;
  poly_t g[PATH], alt[PATH];
  bool values;
  expr_t cond[PATH]; /* conditions that were evaluated on the way: their loads happen */
  unsigned ncond;
};
struct protect {
  struct raise *r;
  const struct items *l;
  unsigned at;
  const struct item *it;
  bool outer; /* the expression is the start of a reduction */
};

/* x is loaded whenever e is evaluated: by what always counts, or on both sides of a select. */
static bool loaded_by(expr_t e, const struct access *x) {
  if (!e) return false;
  if (e->kind == E_READ) {
    bool yes = !e->acc->nguard && access_eq(e->acc, x);
    for (unsigned i = 0; i < e->acc->rank && !yes && !e->acc->nguard; i++) yes = loaded_by(e->acc->ix[i].dyn, x);
    return yes;
  }
  if (e->kind == E_OP && e->op == OP_select)
    return loaded_by(e->kid[0], x) || (loaded_by(e->kid[1], x) && loaded_by(e->kid[2], x));
  for (unsigned i = 0; i < e->nkid; i++)
    if (loaded_by(e->kid[i], x)) return true;
  return false;
}

struct cover {
  struct protect *p;
  const struct item *w;
  const struct access *x;
  bool yes;
};

static void cover_one(expr_t e, void *ctx) {
  struct cover *c = ctx;
  if (c->yes || e->kind != E_READ || e->acc->tensor != c->x->tensor || e->acc->rank != c->x->rank ||
      !loaded_by(c->w->body, e->acc))
    return;
  poly_t ix[RAISE_RANK];
  for (unsigned i = 0; i < e->acc->rank; i++) {
    if (e->acc->ix[i].dyn) return;
    ix[i] = e->acc->ix[i].poly;
  }
  for (unsigned j = 0; j < c->w->nax; j++) { /* an empty axis would mean that nothing is loaded */
    bool used = false;
    for (unsigned i = 0; i < e->acc->rank; i++) used |= poly_has(ix[i], c->w->ax[j].b.sym);
    if (!used) return;
  }
  c->yes = item_covers(c->p->r, c->w, ix, c->p->it, (struct touch){c->x, c->p->outer});
}

/* Another item reads or writes the element in any case: it exists (nothing stops in between). */
static bool touched_elsewhere(struct protect *p, const struct access *x) {
  for (unsigned i = 0; i < p->l->n; i++) {
    const struct item *w = p->l->v[i];
    struct touch t = {x, p->outer};
    if (i == p->at || !item_always(w)) continue;
    if (w->lhs == x->tensor && w->rank == x->rank && item_covers(p->r, w, w->idx, p->it, t)) return true;
    if (w->nguard) continue;
    struct cover c = {p, w, x, false};
    expr_visit(w->body, cover_one, &c);
    if (c.yes) return true;
  }
  return false;
}

static bool happens_anyway(struct protect *p, const struct path *q, const struct access *x) {
  if (!p->outer && (loaded_by(p->it->body, x) || loaded_by(p->it->cond, x))) return true;
  for (unsigned i = 0; i < q->ncond; i++)
    if (loaded_by(q->cond[i], x)) return true;
  return p->it->lhs == x->tensor && !p->it->cond && !p->it->red && access_eq(item_store(p->r, p->it).x, x);
}

/* Memory of our own: an element inside its size can always be loaded. */
static bool own_memory(struct protect *p, const struct access *x) {
  const struct obj *o = &p->r->obj[x->tensor];
  if (o->kind == OBJ_TEMP) return true;
  if (o->kind != OBJ_LOCAL) return false;
  struct domain *d = ARENA_NEW(p->r->a, struct domain, 1);
  domain_init(p->r, d);
  domain_item(p->r, d, p->it, p->outer);
  for (unsigned i = o->nlead; i < x->rank; i++) {
    if (x->ix[i].dyn || !prove_ge0(p->r, d, x->ix[i].poly)) return false;
    if (!prove_ge0(p->r, d, poly_addc(p->r->a, poly_sub(p->r->a, o->extent[i - o->nlead], x->ix[i].poly), -1)))
      return false;
  }
  return true;
}

/* Where just one place is left out (i != j), *v is zero there. */
static bool one_hole(struct protect *p, const struct path *q, poly_t *v) {
  int64_t c;
  if (p->outer || q->values || q->nalt != 2) return false;
  *v = poly_addc(p->r->a, q->alt[0], 1);
  return poly_is_const(poly_add(p->r->a, q->alt[0], q->alt[1]), &c) && c == -2;
}

static const struct access *access_at(struct raise *r, const struct access *x, sym_t s, poly_t value) {
  struct access *y = arena_dup(r->a, x, sizeof *y);
  y->ix = arena_dup(r->a, y->ix, sizeof *y->ix * y->rank);
  for (unsigned d = 0; d < y->rank; d++)
    if (y->ix[d].poly) y->ix[d].poly = poly_subst(r->a, y->ix[d].poly, s, value);
  return y;
}

static bool access_varies(const struct access *x, sym_t s) {
  for (unsigned d = 0; d < x->rank; d++)
    if (x->ix[d].dyn || poly_has(x->ix[d].poly, s)) return true;
  return false;
}

/* x does not vary along the axis, and is loaded for all of its values but one: enough of them, if there are two. */
static bool loaded_by_others(struct protect *p, const struct path *q, const struct access *x, const struct bound *b) {
  const struct item *it = p->it;
  if (q->n || it->nguard || it->nwhere || it->cond || access_varies(x, b->sym) || b->nlo != 1 || b->nhi != 1)
    return false;
  for (unsigned i = 0; i < it->nax; i++) {
    const struct bound *o = &it->ax[i].b;
    if (poly_has(b->lo[0], o->sym) || poly_has(b->hi[0], o->sym)) return false;
    for (unsigned k = 0; k < o->nlo; k++)
      if (poly_has(o->lo[k], b->sym)) return false;
    for (unsigned k = 0; k < o->nhi; k++)
      if (poly_has(o->hi[k], b->sym)) return false;
  }
  raise_assume(p->r, poly_addc(p->r->a, poly_sub(p->r->a, b->hi[0], b->lo[0]), -2));
  return true;
}

/* j != i leaves out a[i][j] at one place; is the element there loaded otherwise? */
static bool fills_hole(struct protect *p, const struct path *q, const struct access *x) {
  poly_t v, coef, rest;
  int64_t c;
  if (!one_hole(p, q, &v)) return false;
  for (unsigned i = 0; i < p->it->nax; i++) {
    sym_t s = p->it->ax[i].b.sym;
    if (!poly_has(v, s) || !poly_split(p->r->a, v, s, &coef, &rest) || !poly_is_const(coef, &c) || (c != 1 && c != -1))
      continue;
    const struct access *y = access_at(p->r, x, s, poly_scale(p->r->a, rest, -c));
    if (access_varies(x, s) && (happens_anyway(p, q, y) || touched_elsewhere(p, y))) return true;
    if (loaded_by_others(p, q, x, &p->it->ax[i].b)) return true;
  }
  return false;
}

static expr_t zero(struct raise *r, enum dtype t) {
  return expr_const(r->a, t, (union value){0});
}

static expr_t guarded(struct raise *r, expr_t x, unsigned n, const poly_t *g, poly_t more, expr_t otherwise) {
  struct access *y = arena_dup(r->a, x->acc, sizeof *y);
  unsigned all = y->nguard + n + (more != NULL);
  if (all > 200) raise_no(r, x->loc, "a condition with too many parts");
  if (!all) return x;
  y->guard = ARENA_NEW(r->a, poly_t, all);
  if (n) memcpy(y->guard, g, sizeof *g * n);
  if (more) y->guard[n] = more;
  if (x->acc->nguard) memcpy(&y->guard[n + (more != NULL)], x->acc->guard, sizeof *g * x->acc->nguard);
  y->nguard = (uint8_t)all;
  y->otherwise = otherwise ? otherwise : x->acc->otherwise ? x->acc->otherwise : zero(r, (enum dtype)x->type);
  struct expr *e = arena_dup(r->a, x, sizeof *x);
  e->acc = y;
  return e;
}

static expr_t protect(struct protect *p, const struct path *q, expr_t x);

static expr_t protect_read(struct protect *p, const struct path *q, expr_t x) {
  struct raise *r = p->r;
  struct access *y = arena_dup(r->a, x->acc, sizeof *y);
  y->ix = arena_dup(r->a, y->ix, sizeof *y->ix * y->rank);
  for (unsigned i = 0; i < y->rank; i++)
    if (y->ix[i].dyn) y->ix[i].dyn = protect(p, q, y->ix[i].dyn);
  if (y->otherwise) y->otherwise = protect(p, q, y->otherwise);
  struct expr *e = arena_dup(r->a, x, sizeof *x);
  e->acc = y;
  if ((!q->n && !q->nalt && !q->values) || own_memory(p, x->acc) || happens_anyway(p, q, x->acc)) return e;
  if (q->values && !touched_elsewhere(p, x->acc))
    raise_no(r, x->loc.line ? x->loc : p->it->loc, "'%s' is loaded only where a condition on values holds",
             access_text(r, x->acc));
  if (!q->nalt || fills_hole(p, q, x->acc)) return guarded(r, e, q->n, q->g, NULL, NULL);
  expr_t all = NULL;
  for (unsigned i = q->nalt; i-- > 0;) all = guarded(r, e, q->n, q->g, q->alt[i], all);
  return all;
}

/* What the equation's own guards say already is not said again. */
static bool push(const struct item *it, struct path *q, const poly_t *g, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    bool known = false;
    for (unsigned j = 0; j < q->n; j++) known |= poly_eq(q->g[j], g[i]);
    for (unsigned j = 0; j < it->nguard; j++) known |= poly_eq(it->guard[j], g[i]);
    if (known) continue;
    if (q->n == PATH) return false;
    q->g[q->n++] = g[i];
  }
  return true;
}

/* The side of a select where g[] and rest do not all hold. */
static bool push_not(struct raise *r, const struct item *it, struct path *q, const poly_t *g, unsigned n, expr_t rest) {
  if (rest) {
    q->values = true;
    return true;
  }
  poly_t no[PATH];
  for (unsigned i = 0; i < n; i++) no[i] = poly_addc(r->a, poly_scale(r->a, g[i], -1), -1);
  if (n == 1) return push(it, q, no, 1);
  if (q->nalt) return false;
  memcpy(q->alt, no, sizeof *no * n);
  q->nalt = n;
  return true;
}

/* c is a disjunction of affine conditions: none of them holds on the other side. */
static bool disjunction(struct raise *r, const struct item *it, expr_t c, struct path *on, struct path *off) {
  poly_t no[PATH];
  unsigned n = 0;
  return !cond_split(r, c, true, no, &n, PATH - 2) && n && push_not(r, it, on, no, n, NULL) && push(it, off, no, n);
}

static bool is_plain_read(expr_t x) {
  if (x->kind != E_READ || x->acc->nguard) return false;
  for (unsigned i = 0; i < x->acc->rank; i++)
    if (x->acc->ix[i].dyn) return false;
  return true;
}

static expr_t protect_select(struct protect *p, const struct path *q, expr_t x) {
  struct raise *r = p->r;
  poly_t g[PATH];
  unsigned n = 0;
  expr_t c = protect(p, q, x->kid[0]), rest = cond_split(r, x->kid[0], false, g, &n, PATH - 2);
  struct path *on = arena_dup(r->a, q, sizeof *q), *off = arena_dup(r->a, q, sizeof *q);
  if (rest && !n && disjunction(r, p->it, rest, on, off))
    return expr_op3(r->a, OP_select, c, protect(p, on, x->kid[1]), protect(p, off, x->kid[2]));
  if (rest && q->ncond < PATH) {
    on->cond[on->ncond++] = x->kid[0];
    off->cond[off->ncond++] = x->kid[0];
    on->values = true;
  }
  if (!push(p->it, on, g, n) || !push_not(r, p->it, off, g, n, rest))
    raise_no(r, x->loc, "conditions nested too deeply");
  expr_t yes = protect(p, on, x->kid[1]), no = protect(p, off, x->kid[2]);
  /* A guarded load has its own otherwise: no select is left. */
  if (!rest && n && !q->nalt && !q->values && is_plain_read(x->kid[1]))
    return guarded(r, x->kid[1], on->n, on->g, NULL, no);
  return expr_op3(r->a, OP_select, c, yes, no);
}

static expr_t protect(struct protect *p, const struct path *q, expr_t x) {
  if (x->kind == E_READ) return protect_read(p, q, x);
  if (x->kind == E_OP && x->op == OP_select) return protect_select(p, q, x);
  if (!x->nkid) return x;
  struct expr *e = arena_dup(p->r->a, x, sizeof *x);
  for (unsigned i = 0; i < x->nkid; i++) e->kid[i] = protect(p, q, x->kid[i]);
  return e;
}

/* A reduction's start is wanted where the reduction happens. */
static void start_path(const struct item *it, struct path *q) {
  for (unsigned i = 0; i < it->nwhere && q->n < PATH; i++) {
    bool red = false;
    for (unsigned j = 0; j < it->nax; j++) red |= it->ax[j].red && poly_has(it->where[i], it->ax[j].b.sym);
    if (!red) q->g[q->n++] = it->where[i];
  }
}

/* Two stores to one array that differ in a constant subscript. */
static bool apart(struct raise *r, const struct item *x, const struct item *y) {
  for (unsigned i = 0; i < x->rank; i++) {
    poly_t d = poly_sub(r->a, x->idx[i], y->idx[i]);
    int64_t c;
    if (poly_is_const(d, &c) && c && poly_is_const(x->idx[i], NULL)) return true;
  }
  return false;
}

/* X[i] = e where cond holds, as X[i] = cond ? e : X[i], when X[i] is sure to exist. */
void raise_cond_store(struct raise *r, const struct items *l, unsigned at) {
  struct item *it = l->v[at];
  struct protect p = {r, l, at, it, false};
  expr_t self = item_self(r, it);
  if (!it->cond) return;
  if (!own_memory(&p, self->acc) && !loaded_by(it->cond, self->acc) && !touched_elsewhere(&p, self->acc))
    raise_no(r, it->loc, "'%s' is stored only where a condition on values holds", access_text(r, self->acc));
  bool fresh = r->obj[it->lhs].kind != OBJ_PARAM; /* nothing is there yet: any value will do */
  for (unsigned i = 0; i < at; i++)
    fresh &= l->v[i]->lhs != it->lhs || (it->origin && l->v[i]->origin == it->origin) || apart(r, l->v[i], it);
  it->body = expr_op3(r->a, OP_select, it->cond, it->body, fresh ? zero(r, (enum dtype)self->type) : self);
  it->cond = NULL;
}

void raise_protect(struct raise *r, const struct items *l, unsigned at) {
  struct item *it = l->v[at];
  struct protect p = {r, l, at, it, false};
  struct path *none = ARENA_NEW(r->a, struct path, 1), *start = ARENA_NEW(r->a, struct path, 1);
  raise_open(r, it);
  it->body = protect(&p, none, it->body);
  raise_shut(r);
  start_path(it, start);
  p.outer = true;
  if (it->init) it->init = protect(&p, start, it->init);
  if (it->start) it->start = protect(&p, start, it->start);
}
