/* Inequalities between polynomials, symbolically: variables are replaced by the end of their range that makes p
   smallest, innermost first; what is left is compared with known facts. Incomplete on purpose: false means "not shown".
 */
#include "compiler/pass/raise_impl.h"
#include <string.h>

enum { FUEL = 4000, DEPTH = 12 };

void domain_fact(struct domain *d, poly_t p) {
  if (d->nfact < RAISE_FACTS && !p->overflow && !poly_is_const(p, NULL)) d->fact[d->nfact++] = p;
}

/* Inside a loop every range is known not to be empty. */
void domain_var(struct raise *r, struct domain *d, const struct bound *b) {
  if (d->n >= RAISE_VARS) raise_no(r, r->at, "the function is too large");
  d->v[d->n++] = *b;
  for (unsigned i = 0; i < b->nlo; i++)
    for (unsigned j = 0; j < b->nhi; j++) domain_fact(d, poly_addc(r->a, poly_sub(r->a, b->hi[j], b->lo[i]), -1));
}

void domain_init(struct raise *r, struct domain *d) {
  d->n = d->nfact = 0;
  for (unsigned i = 0; i < r->nloop; i++) domain_var(r, d, &r->loop[i]);
  for (unsigned i = 0; i < r->nfact; i++) domain_fact(d, r->fact[i]);
  for (unsigned i = 0; i < r->nassume; i++) domain_fact(d, r->assume[i]);
}

void domain_item(struct raise *r, struct domain *d, const struct item *it, bool outer) {
  outer &= it->red != RED_none;
  for (unsigned i = 0; i < it->nax; i++)
    if (!outer || !it->ax[i].red) domain_var(r, d, &it->ax[i].b);
  for (unsigned i = 0; i < it->nguard && !outer; i++) domain_fact(d, it->guard[i]);
  for (unsigned i = 0; i < it->nwhere; i++) {
    bool red = false;
    for (unsigned j = 0; j < it->nax; j++) red |= it->ax[j].red && poly_has(it->where[i], it->ax[j].b.sym);
    if (!red) domain_fact(d, it->where[i]);
  }
}

void raise_open(struct raise *r, const struct item *it) {
  for (unsigned i = 0; i < it->nax && r->nloop < RAISE_LOOPS; i++) r->loop[r->nloop++] = it->ax[i].b;
}

void raise_shut(struct raise *r) {
  r->nloop = 0;
}

struct proof {
  struct arena *a;
  const struct domain *d;
  int fuel;
};
static bool prove(struct proof *q, poly_t p, int depth);

static const struct bound *innermost(const struct domain *d, poly_t p) {
  for (unsigned i = d->n; i-- > 0;)
    if (poly_has(p, d->v[i].sym)) return &d->v[i];
  return NULL;
}

/* p with v at the end of its range where coef*v is smallest. */
static bool eliminate(struct proof *q, const struct bound *v, poly_t p, int depth) {
  poly_t coef, rest;
  int64_t c;
  if (!poly_split(q->a, p, v->sym, &coef, &rest)) return false;
  bool known = poly_is_const(coef, &c);
  if (known ? c > 0 : prove(q, coef, depth - 2))
    for (unsigned i = 0; i < v->nlo; i++)
      if (prove(q, poly_add(q->a, poly_mul(q->a, coef, v->lo[i]), rest), depth - 1)) return true;
  if (known ? c < 0 : prove(q, poly_scale(q->a, coef, -1), depth - 2))
    for (unsigned i = 0; i < v->nhi; i++)
      if (prove(q, poly_add(q->a, poly_mul(q->a, coef, poly_addc(q->a, v->hi[i], -1)), rest), depth - 1)) return true;
  return false;
}

static const struct mono *same_term(poly_t p, const struct mono *m) {
  for (uint32_t i = 0; i < p->n; i++)
    if (p->mono[i].n == m->n && !memcmp(p->mono[i].sym, m->sym, sizeof(sym_t) * m->n)) return &p->mono[i];
  return NULL;
}

/* p - k*f >= 0 for a fact f that takes a term of p away. */
static bool by_fact(struct proof *q, poly_t p, int depth) {
  for (unsigned i = 0; i < q->d->nfact; i++) {
    poly_t f = q->d->fact[i];
    for (uint32_t j = 0; j < f->n; j++) {
      if (!f->mono[j].n) continue;
      const struct mono *m = same_term(p, &f->mono[j]);
      if (!m || (m->coef > 0) != (f->mono[j].coef > 0) || m->coef / f->mono[j].coef < 1) continue;
      if (prove(q, poly_sub(q->a, p, poly_scale(q->a, f, m->coef / f->mono[j].coef)), depth - 3)) return true;
    }
  }
  return false;
}

static bool prove(struct proof *q, poly_t p, int depth) {
  int64_t c;
  if (p->overflow || depth < 0 || q->fuel-- <= 0) return false;
  if (poly_is_const(p, &c)) return c >= 0;
  const struct bound *v = innermost(q->d, p);
  if (v && eliminate(q, v, p, depth)) return true;
  return by_fact(q, p, depth);
}

bool prove_ge0(struct raise *r, const struct domain *d, poly_t p) {
  int64_t c;
  if (poly_is_const(p, &c)) return c >= 0;
  if (r->fuel <= 0) raise_no(r, r->at, "the function is too large to be analysed");
  struct proof q = {r->proofs, d, FUEL};
  bool yes = prove(&q, p, DEPTH);
  r->fuel -= FUEL - q.fuel;
  arena_reset(r->proofs);
  return yes;
}

static bool prove_end(struct raise *r, const struct domain *d, poly_t p, int depth, poly_t *max) {
  const struct bound *v = innermost(d, p);
  poly_t coef, rest;
  int64_t c;
  if (p->overflow || depth < 0) return false;
  if (!v) {
    *max = p;
    return true;
  }
  if (!poly_split(r->a, p, v->sym, &coef, &rest)) return false;
  bool known = poly_is_const(coef, &c);
  if (known ? c > 0 : prove_ge0(r, d, coef))
    for (unsigned i = 0; i < v->nhi; i++)
      if (prove_end(r, d, poly_add(r->a, poly_mul(r->a, coef, poly_addc(r->a, v->hi[i], -1)), rest), depth - 1, max))
        return true;
  if (known ? c < 0 : prove_ge0(r, d, poly_scale(r->a, coef, -1)))
    for (unsigned i = 0; i < v->nlo; i++)
      if (prove_end(r, d, poly_add(r->a, poly_mul(r->a, coef, v->lo[i]), rest), depth - 1, max)) return true;
  return false;
}

bool prove_max(struct raise *r, const struct domain *d, poly_t p, poly_t *max) {
  /* A guard is the tighter bound: p <= p + fact. */
  for (unsigned i = d->nfact; i-- > 0;) {
    *max = poly_add(r->a, p, d->fact[i]);
    if (innermost(d, p) && !innermost(d, *max) && !(*max)->overflow) return true;
  }
  return prove_end(r, d, p, RAISE_VARS, max);
}

bool prove_min(struct raise *r, const struct domain *d, poly_t p, poly_t *min) {
  if (!prove_max(r, d, poly_scale(r->a, p, -1), min)) return false;
  *min = poly_scale(r->a, *min, -1);
  return true;
}
