/* Inequalities between polynomials, shown symbolically: what passes and lowering know of subscripts whose dims are not numbers yet.
   Incomplete on purpose: an answer of "no" means "not shown". */
#ifndef HONE_IR_PROVE_H
#define HONE_IR_PROVE_H
#include "ir/poly.h"

enum { DOMAIN_VARS = 64, DOMAIN_FACTS = 96 };

/* max(lo[]) <= sym < min(hi[]) */
struct bound {
  sym_t sym;
  uint8_t nlo, nhi;
  const poly_t *lo, *hi;
};
/* Where something is to be shown: variables (bounds only over earlier ones), and facts, each >= 0. Everything else is a dim of unknown value. */
struct domain {
  unsigned n, nfact;
  struct bound v[DOMAIN_VARS];
  poly_t fact[DOMAIN_FACTS];
};
/* Who asks: results go to `a`; `scratch` is emptied after each inequality; fuel: steps that are still allowed, not positive when they are spent (then nothing is shown). */
struct prover {
  struct arena *a, *scratch;
  long fuel;
};

void domain_fact(struct domain *d, poly_t p);                        /* p >= 0; one too many is forgotten */
bool domain_var(struct arena *a, struct domain *d, const struct bound *b); /* false: there are too many */

bool prover_ge0(struct prover *q, const struct domain *d, poly_t p);
/* Upper, lower bound of p over dims alone. */
bool prover_max(struct prover *q, const struct domain *d, poly_t p, poly_t *max);
bool prover_min(struct prover *q, const struct domain *d, poly_t p, poly_t *min);
/* May all of eq[0..n) be zero at one place of the domain? false: shown that they never are. Changes d and eq. */
bool prover_meet(struct prover *q, struct domain *d, poly_t *eq, unsigned n);
#endif
