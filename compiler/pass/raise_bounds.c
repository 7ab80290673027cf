/* Declared extents are what the other passes and the overlap check at entry go by; C only promises memory for what is
   touched. Where a subscript is not inside by construction, that it is becomes an entry assumption (x[i][0] with an
   empty row, n columns of A[M][N]). */
#include "compiler/pass/raise_impl.h"

bool raise_may_assume(const struct raise *r, poly_t p) {
  int64_t c;
  if (poly_is_const(p, &c)) return c >= 0;
  for (unsigned i = 0; i < r->nassume; i++)
    if (poly_is_const(poly_add(r->a, r->assume[i], p), &c) && c < 0) return false; /* m >= 8 and m <= 1 */
  return true;
}

void raise_assume(struct raise *r, poly_t p) {
  if (p->overflow) raise_no(r, r->at, "a size that does not fit into 64 bit");
  for (unsigned i = 0; i < r->nassume; i++)
    if (poly_eq(r->assume[i], p)) return;
  if (!raise_may_assume(r, p)) raise_no(r, r->at, "its rows overlap, or its sizes fit for no values of the dims");
  if (poly_is_const(p, NULL)) return;
  if (r->nassume >= RAISE_FACTS)
    raise_no(r, r->at, "the function needs more than %d assumptions about sizes", RAISE_FACTS);
  r->assume[r->nassume++] = p;
}

bool raise_over_dims(const struct raise *r, poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (p->mono[i].sym[j] >= r->f->k->nsym || r->f->k->sym[p->mono[i].sym[j]].kind != SYM_DIM) return false;
  return !p->overflow;
}

struct bounds {
  struct raise *r;
  const struct item *it;
  const struct domain *d;
};

static void stay_above(struct bounds *b, const struct domain *d, const struct access *x, unsigned dim, poly_t p) {
  struct raise *r = b->r;
  poly_t least;
  int64_t c;
  if (prove_ge0(r, d, p) || !prove_min(r, d, p, &least)) return;
  if (poly_is_const(least, &c) && c < 0)
    raise_no(r, b->it->loc, "subscript %u of %s is out of bounds", dim + 1, access_text(r, x));
  raise_assume(r, least);
}

static void inside(struct bounds *b, const struct access *x) {
  const struct obj *o = &b->r->obj[x->tensor];
  if (o->kind != OBJ_PARAM && o->kind != OBJ_LOCAL) return;
  struct domain *d = arena_dup(b->r->a, b->d, sizeof *d);
  for (unsigned i = 0; i < x->nguard; i++) domain_fact(d, x->guard[i]);
  for (unsigned i = o->nlead; i < x->rank; i++) {
    if (x->ix[i].dyn || !o->extent[i - o->nlead]) continue;
    stay_above(b, d, x, i, x->ix[i].poly);
    stay_above(b, d, x, i, poly_addc(b->r->a, poly_sub(b->r->a, o->extent[i - o->nlead], x->ix[i].poly), -1));
  }
}

static void inside_read(expr_t x, void *ctx) {
  if (x->kind == E_READ) inside(ctx, x->acc);
}

void raise_bounds(struct raise *r, const struct item *it) {
  struct domain *d = ARENA_NEW(r->a, struct domain, 1), *outer = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, d);
  domain_item(r, d, it, false);
  domain_init(r, outer);
  domain_item(r, outer, it, true);
  struct bounds all = {r, it, d}, par = {r, it, outer};
  expr_visit(it->body, inside_read, &all);
  if (it->init) expr_visit(it->init, inside_read, &par);
  if (it->start) expr_visit(it->start, inside_read, &par);
  inside(&par, item_store(r, it).x);
}
