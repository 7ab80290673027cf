/* cse: TENSOR -> TENSOR. Needs nothing; gives a kernel in which no two equations compute the same temp. Changes no
   result. Two equations are equal when they agree after the axes of the second are renamed to those of the first,
   position by position, and nothing that either reads is written in between. Readers of the second temp then read the
   first; dce drops the second. A second equation that defines a result becomes a copy of the first where that saves a
   reduction. */
#include "compiler/pass/outline.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/util.h"

enum { NEAR = 64 }; /* equations looked back: kernels of many hundred equations stay quick */

static bool polys_equal(const poly_t *x, const poly_t *y, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (!poly_eq(x[i], y[i])) return false;
  return true;
}

static bool exprs_equal(expr_t x, expr_t y) {
  return x == y || (x && y && expr_eq(x, y));
}

/* y with its axes named as in x. */
static struct eq named_as(struct arena *a, const struct kernel *k, const struct eq *y, const struct eq *x) {
  sym_t *map = ARENA_NEW(a, sym_t, k->nsym);
  for (unsigned s = 0; s < k->nsym; s++) map[s] = SYM_NONE;
  for (unsigned i = 0; i < y->nax; i++) map[y->axis[i].sym] = x->axis[i].sym;
  struct eq out = *y;
  eq_rename(a, k, &out, map, k->nsym);
  return out;
}

static bool same_shape(const struct kernel *k, const struct eq *x, const struct eq *y) {
  const struct tensor *s = &k->tensor[x->lhs], *t = &k->tensor[y->lhs];
  return x->red == y->red && x->npar == y->npar && x->nax == y->nax && x->nguard == y->nguard && s->type == t->type &&
         s->rank == t->rank && x->body->type == y->body->type;
}

static bool same_value(struct arena *a, const struct kernel *k, const struct eq *x, const struct eq *second) {
  if (!same_shape(k, x, second)) return false;
  struct eq y = named_as(a, k, second, x);
  for (unsigned i = 0; i < x->nax; i++)
    if (!poly_eq(x->axis[i].lo, y.axis[i].lo) || !poly_eq(x->axis[i].hi, y.axis[i].hi)) return false;
  return polys_equal(x->lhs_idx, y.lhs_idx, k->tensor[x->lhs].rank) && polys_equal(x->guard, y.guard, x->nguard) &&
         exprs_equal(x->body, y.body) && exprs_equal(x->init, y.init) && exprs_equal(x->start, y.start);
}

/* Nothing that x reads, nor its result, is written by equations [i, j), and x does not read its own result. */
static bool undisturbed(const struct kernel *k, const struct eq *x, unsigned i, unsigned j) {
  unsigned at;
  if (eq_reads(x, x->lhs) || kernel_writers(k, x->lhs, &at) != 1) return false;
  for (; i < j; i++)
    if (k->eq[i].lhs == x->lhs || eq_reads(x, k->eq[i].lhs)) return false;
  return true;
}

static void make_copy(struct arena *a, const struct kernel *k, struct eq *second, const struct eq *first) {
  unsigned rank = k->tensor[first->lhs].rank;
  *second = eq_outer(second);
  second->body = expr_read(a, k->tensor[first->lhs].type, access_new(a, first->lhs, rank, second->lhs_idx));
}

/* Equation j, equal to the earlier i, gives way. */
static void replace(struct arena *a, struct kernel *k, unsigned i, unsigned j) {
  unsigned at;
  if (k->tensor[k->eq[j].lhs].role == ROLE_TEMP && kernel_writers(k, k->eq[j].lhs, &at) == 1) {
    for (unsigned e = j + 1; e < k->neq; e++) eq_redirect(a, &k->eq[e], k->eq[j].lhs, k->eq[i].lhs);
  } else if (k->eq[j].red != RED_none) {
    make_copy(a, k, &k->eq[j], &k->eq[i]);
  }
}

enum status pass_cse(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  struct kernel *k = u->k;
  outline_kernel(a, k);
  for (unsigned j = 1; j < k->neq; j++)
    for (unsigned i = j > NEAR ? j - NEAR : 0; i < j; i++)
      if (k->eq[i].lhs != k->eq[j].lhs && undisturbed(k, &k->eq[i], i + 1, j) &&
          same_value(a, k, &k->eq[i], &k->eq[j])) {
        replace(a, k, i, j);
        break;
      }
  return ST_OK;
}
