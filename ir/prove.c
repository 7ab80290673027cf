/* Variables are replaced by the end of their range that makes p smallest, innermost first; what is left is compared
   with known facts. Equations are solved for their innermost variables, one after the other, until they contradict what
   is known. */
#include "ir/prove.h"
#include <string.h>

enum { FUEL = 4000, DEPTH = 12 };

void domain_fact(struct domain *d, poly_t p) {
  if (d->nfact < DOMAIN_FACTS && !p->overflow && !poly_is_const(p, NULL)) d->fact[d->nfact++] = p;
}

/* Inside a loop every range is known not to be empty. The bounds of b are kept, not copied. */
bool domain_var(struct arena *a, struct domain *d, const struct bound *b) {
  if (d->n >= DOMAIN_VARS) return false;
  d->v[d->n++] = *b;
  for (unsigned i = 0; i < b->nlo; i++)
    for (unsigned j = 0; j < b->nhi; j++) domain_fact(d, poly_addc(a, poly_sub(a, b->hi[j], b->lo[i]), -1));
  return true;
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

bool prover_ge0(struct prover *q, const struct domain *d, poly_t p) {
  int64_t c;
  if (poly_is_const(p, &c)) return c >= 0;
  if (q->fuel <= 0) return false;
  struct proof proof = {q->scratch, d, FUEL};
  bool yes = prove(&proof, p, DEPTH);
  q->fuel -= FUEL - proof.fuel;
  arena_reset(q->scratch);
  return yes;
}

static bool prove_end(struct prover *q, const struct domain *d, poly_t p, int depth, poly_t *max) {
  const struct bound *v = innermost(d, p);
  poly_t coef, rest;
  int64_t c;
  if (p->overflow || depth < 0) return false;
  if (!v) {
    *max = p;
    return true;
  }
  if (!poly_split(q->a, p, v->sym, &coef, &rest)) return false;
  bool known = poly_is_const(coef, &c);
  if (known ? c > 0 : prover_ge0(q, d, coef))
    for (unsigned i = 0; i < v->nhi; i++)
      if (prove_end(q, d, poly_add(q->a, poly_mul(q->a, coef, poly_addc(q->a, v->hi[i], -1)), rest), depth - 1, max))
        return true;
  if (known ? c < 0 : prover_ge0(q, d, poly_scale(q->a, coef, -1)))
    for (unsigned i = 0; i < v->nlo; i++)
      if (prove_end(q, d, poly_add(q->a, poly_mul(q->a, coef, v->lo[i]), rest), depth - 1, max)) return true;
  return false;
}

bool prover_max(struct prover *q, const struct domain *d, poly_t p, poly_t *max) {
  /* A guard is the tighter bound: p <= p + fact. */
  for (unsigned i = d->nfact; i-- > 0;) {
    *max = poly_add(q->a, p, d->fact[i]);
    if (innermost(d, p) && !innermost(d, *max) && !(*max)->overflow) return true;
  }
  return prove_end(q, d, p, DOMAIN_VARS, max);
}

bool prover_min(struct prover *q, const struct domain *d, poly_t p, poly_t *min) {
  if (!prover_max(q, d, poly_scale(q->a, p, -1), min)) return false;
  *min = poly_scale(q->a, *min, -1);
  return true;
}

/* --- equations --- */

static bool negative(struct prover *q, const struct domain *d, poly_t p) {
  return prover_ge0(q, d, poly_addc(q->a, poly_scale(q->a, p, -1), -1));
}

static bool never_zero(struct prover *q, const struct domain *d, poly_t p) {
  return poly_always_differ(p, poly_const(q->a, 0)) || prover_ge0(q, d, poly_addc(q->a, p, -1)) || negative(q, d, p);
}

/* Variable of the domain that p == 0 determines: the innermost one of p, with coefficient 1 or -1. */
static int solvable(const struct domain *d, poly_t p, poly_t *value, struct prover *q) {
  for (unsigned i = d->n; i-- > 0;) {
    poly_t coef, rest;
    int64_t c;
    if (!poly_has(p, d->v[i].sym)) continue;
    if (!poly_split(q->a, p, d->v[i].sym, &coef, &rest) || !poly_is_const(coef, &c) || (c != 1 && c != -1)) return -1;
    *value = poly_scale(q->a, rest, -c);
    return (int)i;
  }
  return -1;
}

static const poly_t *subst_all(struct prover *q, const poly_t *p, unsigned n, sym_t s, poly_t by) {
  poly_t *r = ARENA_NEW(q->a, poly_t, n);
  for (unsigned i = 0; i < n; i++) r[i] = poly_subst(q->a, p[i], s, by);
  return r;
}

static unsigned range_of(struct prover *q, const struct bound *v, poly_t value, poly_t *range) {
  unsigned n = 0;
  for (unsigned i = 0; i < v->nlo; i++) range[n++] = poly_sub(q->a, value, v->lo[i]);
  for (unsigned i = 0; i < v->nhi; i++) range[n++] = poly_addc(q->a, poly_sub(q->a, v->hi[i], value), -1);
  return n;
}

/* v[at] := value everywhere; its range becomes facts. True when what is known then contradicts itself. */
static bool solve(struct prover *q, struct domain *d, unsigned at, poly_t value) {
  struct bound v = d->v[at];
  bool changed[DOMAIN_FACTS], no = false;
  for (unsigned i = at; i + 1 < d->n; i++) {
    d->v[i] = d->v[i + 1];
    d->v[i].lo = subst_all(q, d->v[i].lo, d->v[i].nlo, v.sym, value);
    d->v[i].hi = subst_all(q, d->v[i].hi, d->v[i].nhi, v.sym, value);
  }
  d->n--;
  for (unsigned i = 0; i < d->nfact; i++) {
    changed[i] = poly_has(d->fact[i], v.sym);
    d->fact[i] = poly_subst(q->a, d->fact[i], v.sym, value);
  }
  poly_t range[2 * UINT8_MAX];
  unsigned n = range_of(q, &v, value, range), old = d->nfact;
  for (unsigned i = 0; i < n && !no; i++) no = negative(q, d, range[i]);
  for (unsigned i = 0; i < n; i++) domain_fact(d, range[i]);
  for (unsigned i = 0; i < old && !no; i++) no = changed[i] && negative(q, d, d->fact[i]);
  return no;
}

bool prover_meet(struct prover *q, struct domain *d, poly_t *eq, unsigned n) {
  for (unsigned round = 0; round <= n; round++) {
    for (unsigned i = 0; i < n; i++)
      if (never_zero(q, d, eq[i])) return false;
    int at = -1;
    poly_t value = NULL;
    for (unsigned i = 0; i < n && at < 0; i++) at = solvable(d, eq[i], &value, q);
    if (at < 0) return true;
    sym_t s = d->v[at].sym;
    if (solve(q, d, (unsigned)at, value)) return false;
    for (unsigned i = 0; i < n; i++) eq[i] = poly_subst(q->a, eq[i], s, value);
  }
  return true;
}
