/* A row whose state stays -inf has only terms exp(-inf - -inf) = NaN, so its plain sums are NaN; its running sums are 0
   (see stream.c). Readers are told apart:
   - a quotient of two running sums of one state is 0/0 = NaN either way (softmax, attention): nothing to do;
   - any other reader of a temp reads  select(M == -inf and the sum has terms, M - M, sum)  instead: NaN exactly there;
   - a result that is not overwritten by a quotient of the same group cannot be repaired in place: the sum then does not
   run. */
#include "compiler/pass/repair.h"
#include "compiler/pass/fold.h"
#include "compiler/pass/util.h"
#include <math.h>

struct sums {
  struct arena *a;
  struct kernel *k; /* changed by repair_apply only */
  const uint16_t *eq;
  unsigned n, sum;
  const struct stream *st;
};

static const struct eq *member(const struct sums *c, unsigned i) {
  return &c->k->eq[c->eq[i]];
}

/* A read of a running sum with the state of c->sum, maybe protected: select(p, sum, 1). */
static bool is_sum_read(const struct sums *c, expr_t x) {
  if (x->kind == E_OP && x->op == OP_select && fold_is(x->kid[2], 1)) x = x->kid[1];
  if (x->kind != E_READ) return false;
  for (unsigned i = 0; i < c->n; i++)
    if (c->st->kind[i] == MEM_RUNNING && c->st->state[i] == c->st->state[c->sum] && member(c, i)->red != RED_none &&
        member(c, i)->lhs == x->acc->tensor)
      return true;
  return false;
}

static unsigned count_reads(const struct sums *c, expr_t x) {
  const struct access **acc;
  return expr_accesses(c->a, x, member(c, c->sum)->lhs, &acc);
}

/* x is a quotient of running sums, and every mention of this sum is one of its factors. */
static bool is_ratio(const struct sums *c, expr_t x) {
  struct factors f = {0};
  unsigned up = 0, down = 0, direct = 0, all = count_reads(c, x);
  while (x->kind == E_CAST) x = x->kid[0];
  fold_factors(x, false, &f);
  if (f.full) return false;
  for (unsigned i = 0; i < f.n; i++) {
    if (!is_sum_read(c, f.f[i].x)) continue;
    *(f.f[i].den ? &down : &up) += 1;
    direct += count_reads(c, f.f[i].x);
  }
  return up && down && direct == all;
}

static bool reader_is_ratio(const struct sums *c, const struct eq *r) {
  unsigned t = member(c, c->sum)->lhs;
  return (!r->init || !expr_reads(r->init, t)) && (!r->start || !expr_reads(r->start, t)) && is_ratio(c, r->body);
}

/* r writes every element that the sum wrote. */
static bool overwrites(const struct sums *c, const struct eq *r) {
  const struct eq *s = member(c, c->sum);
  if (r->lhs != s->lhs || r->npar != s->npar || eq_partial(r)) return false;
  for (unsigned i = 0; i < s->npar; i++)
    if (r->axis[i].sym != s->axis[i].sym || !poly_eq(r->axis[i].lo, s->axis[i].lo) ||
        !poly_eq(r->axis[i].hi, s->axis[i].hi))
      return false;
  for (unsigned d = 0; d < c->k->tensor[s->lhs].rank; d++)
    if (!poly_eq(r->lhs_idx[d], s->lhs_idx[d])) return false;
  return true;
}

/* Only sums that are surely NaN in a dead row, with subscripts from which the row can be told. */
static bool repairable(const struct sums *c, const struct access *acc) {
  bool always;
  if (c->st->selected[c->sum] || !eq_nonempty(c->a, member(c, c->sum), &always) || !eq_bare(c->k, member(c, c->sum)))
    return false;
  for (unsigned d = 0; d < acc->rank; d++)
    if (acc->ix[d].dyn) return false;
  return acc->nguard == 0;
}

static bool reader_fine(const struct sums *c, const struct eq *r) {
  const struct access **acc;
  if (reader_is_ratio(c, r)) return true;
  unsigned n = eq_accesses(c->a, r, member(c, c->sum)->lhs, &acc);
  for (unsigned i = 0; i < n; i++)
    if (!repairable(c, acc[i])) return false;
  return true;
}

bool repair_find(struct arena *a, const struct kernel *k, const uint16_t *eq, unsigned n, unsigned sum,
                 const struct stream *st) {
  struct sums c = {a, (struct kernel *)k, eq, n, sum, st};
  unsigned t = member(&c, sum)->lhs;
  bool hidden = k->tensor[t].role == ROLE_TEMP, stale = false;
  for (unsigned i = eq[sum] + 1u; i < k->neq; i++) {
    if (eq_reads(&k->eq[i], t) && !(stale ? reader_is_ratio(&c, &k->eq[i]) : reader_fine(&c, &k->eq[i]))) return false;
    stale |= k->eq[i].lhs == member(&c, st->state[sum])->lhs;
    if (overwrites(&c, &k->eq[i])) return true;
    if (k->eq[i].lhs == t) return false;
  }
  return hidden;
}

/* Symbols of the sum's row as the subscripts of one of its readers. */
static const poly_t *row_of(const struct sums *c, const struct access *acc) {
  poly_t *by = ARENA_NEW(c->a, poly_t, c->k->nsym);
  for (unsigned d = 0; d < acc->rank; d++) {
    sym_t s;
    if (poly_is_sym(member(c, c->sum)->lhs_idx[d], &s)) by[s] = acc->ix[d].poly;
  }
  return by;
}

static expr_t repaired(struct arena *a, expr_t x, void *ctx) {
  const struct sums *c = ctx;
  const struct eq *sum = member(c, c->sum), *state = member(c, c->st->state[c->sum]);
  if (x->kind != E_READ || x->acc->tensor != sum->lhs) return x;
  const poly_t *by = row_of(c, x->acc);
  enum dtype t = c->k->tensor[state->lhs].type;
  expr_t m = expr_subst_all(a, expr_read(a, t, access_new(a, state->lhs, state->npar, state->lhs_idx)), by);
  expr_t dead = expr_op2(a, OP_eq, m, expr_f(a, t, state->red == RED_max ? -INFINITY : INFINITY));
  bool always;
  expr_t some = eq_nonempty(a, sum, &always);
  if (!always) dead = expr_op2(a, OP_and, dead, expr_subst_all(a, some, by));
  return expr_op3(a, OP_select, dead, expr_cast(a, x->type, expr_op2(a, OP_sub, m, m)), x);
}

void repair_apply(struct arena *a, struct kernel *k, const uint16_t *eq, unsigned n, unsigned sum,
                  const struct stream *st) {
  struct sums c = {a, k, eq, n, sum, st};
  for (unsigned i = eq[sum] + 1u; i < k->neq; i++) {
    struct eq *r = &k->eq[i];
    if (eq_reads(r, member(&c, sum)->lhs) && !reader_is_ratio(&c, r)) eq_map(a, r, repaired, &c);
    if (overwrites(&c, r)) return;
  }
}
