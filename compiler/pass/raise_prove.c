/* What is shown of subscripts while raising: in the open loops and guards, and as long as the function is not too
 * large. */
#include "compiler/pass/raise_impl.h"

void domain_in(struct raise *r, struct domain *d, const struct bound *b) {
  if (!domain_var(r->a, d, b)) raise_no(r, r->at, "the function is too large");
}

void domain_init(struct raise *r, struct domain *d) {
  d->n = d->nfact = 0;
  for (unsigned i = 0; i < r->nloop; i++) domain_in(r, d, &r->loop[i]);
  for (unsigned i = 0; i < r->nfact; i++) domain_fact(d, r->fact[i]);
  for (unsigned i = 0; i < r->nassume; i++) domain_fact(d, r->assume[i]);
}

void domain_item(struct raise *r, struct domain *d, const struct item *it, bool outer) {
  outer &= it->red != RED_none;
  for (unsigned i = 0; i < it->nax; i++)
    if (!outer || !it->ax[i].red) domain_in(r, d, &it->ax[i].b);
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

static struct prover asker(struct raise *r) {
  if (r->fuel <= 0) raise_no(r, r->at, "the function is too large to be analysed");
  return (struct prover){r->a, r->proofs, r->fuel};
}

bool prove_ge0(struct raise *r, const struct domain *d, poly_t p) {
  int64_t c;
  if (poly_is_const(p, &c)) return c >= 0;
  struct prover q = asker(r);
  bool yes = prover_ge0(&q, d, p);
  r->fuel = q.fuel;
  return yes;
}

bool prove_max(struct raise *r, const struct domain *d, poly_t p, poly_t *max) {
  struct prover q = asker(r);
  bool yes = prover_max(&q, d, p, max);
  r->fuel = q.fuel;
  return yes;
}

bool prove_min(struct raise *r, const struct domain *d, poly_t p, poly_t *min) {
  struct prover q = asker(r);
  bool yes = prover_min(&q, d, p, min);
  r->fuel = q.fuel;
  return yes;
}

bool prove_meet(struct raise *r, struct domain *d, poly_t *eq, unsigned n) {
  struct prover q = asker(r);
  bool yes = prover_meet(&q, d, eq, n);
  r->fuel = q.fuel;
  return yes;
}
