/* simplify: TENSOR -> TENSOR. Needs nothing; gives smaller bodies, fewer guards, and sums free of factors that do not
   vary in them.

   1. Values that a result holds for a while become temps (version.c).
   2. Reductions that start from their first term walk it too (peel.c).
   3. Constant folding and exact algebra on each expression (fold.c).
   4. Guards that hold everywhere in the equation's ranges go.
   5. Unless strict, for floats (for integers always, the ring is exact):
        L = init + sum(k) c*f(k)/z    becomes    T = sum(k) f(k);  L = init + T*c/z.
      One multiplication per term becomes one per result, and a quotient by a row's own sum no longer stands inside the
      sum, which is what lets `online` see attention. An empty sum is 0 even where c is infinite or z is 0, so a factor
      that could be either is replaced by 1 when the sum has no term. An infinite factor may now give infinity where one
      term was inf * 0 = NaN. Not in f16, where a sum without its factor overflows soon.

   Changes no result otherwise: order and roles stay. Leaves dead temps to dce. */
#include "compiler/pass/fold.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/peel.h"
#include "compiler/pass/untile.h"
#include "compiler/pass/util.h"
#include "compiler/pass/version.h"
#include <math.h>

/* Product of the factors with the given den and outside; NULL when there is none. */
static expr_t product(struct arena *a, const struct factors *f, bool den, bool outside) {
  expr_t p = NULL;
  for (unsigned i = 0; i < f->n; i++)
    if (f->f[i].den == den && f->f[i].outside == outside) p = p ? expr_op2(a, OP_mul, p, f->f[i].x) : f->f[i].x;
  return p;
}

/* c is a constant for which 0 * c (or 0 / c) is 0. */
static bool harmless(expr_t c, bool den) {
  if (!type_is_float(c->type)) return true;
  return c->kind == E_CONST && isfinite(c->val.f) && !(den && c->val.f == 0);
}

/* What replaces an outer factor: itself, or 1 where the sum is empty. NULL: cannot be said. */
static expr_t outer_factor(struct arena *a, const struct eq *e, expr_t c, bool den) {
  if (!c || harmless(c, den)) return c;
  bool always;
  expr_t some = eq_nonempty(a, e, &always);
  if (always) return c;
  return some ? expr_op3(a, OP_select, some, c, expr_f(a, c->type, 1)) : NULL;
}

/* The axes of e may become the dims of a temp: independent ranges from 0. */
static bool rectangular(const struct eq *e) {
  int64_t c;
  for (unsigned i = 0; i < e->npar; i++)
    if (!poly_is_const(e->axis[i].lo, &c) || c != 0 || poly_has_axis(e, e->axis[i].hi)) return false;
  return true;
}

static bool factor_terms(const struct eq *e, struct factors *f) {
  unsigned in = 0, out = 0;
  fold_factors(e->body, false, f);
  if (f->full) return false;
  for (unsigned i = 0; i < f->n; i++) {
    f->f[i].outside = !expr_has_red(e, f->f[i].x);
    if (f->f[i].outside)
      out++;
    else
      in++;
  }
  return in && (out || f->neg);
}

/* Splits equation `at` into the bare sum and what is applied to it. */
static bool hoist(struct arena *a, struct kernel *k, unsigned at, bool strict) {
  struct eq *e = &k->eq[at];
  struct factors f = {0};
  if (e->red != RED_sum || e->body->type == DT_f16 || (strict && type_is_float(e->body->type)) || !rectangular(e) ||
      !factor_terms(e, &f))
    return false;
  expr_t num = product(a, &f, false, true), den = product(a, &f, true, true);
  expr_t num_safe = outer_factor(a, e, num, false), den_safe = outer_factor(a, e, den, true);
  if ((num && !num_safe) || (den && !den_safe)) return false;
  expr_t in = product(a, &f, false, false), in_den = product(a, &f, true, false);
  if (!in) in = expr_f(a, e->body->type, 1);
  if (in_den) in = expr_op2(a, OP_div, in, in_den);

  poly_t extent[UINT8_MAX], idx[UINT8_MAX];
  for (unsigned i = 0; i < e->npar; i++) extent[i] = e->axis[i].hi, idx[i] = poly_sym(a, e->axis[i].sym);
  unsigned t = kernel_add_temp(k, k->tensor[e->lhs].name, e->body->type, e->npar, extent);
  struct eq *sum = kernel_insert_eq(k, at), *rest = &k->eq[at + 1];
  *sum = *rest;
  sum->lhs = (uint16_t)t;
  sum->lhs_idx = arena_dup(a, idx, sizeof *idx * (sum->npar ? sum->npar : 1));
  sum->body = in;
  sum->init = NULL;

  expr_t x = expr_read(a, in->type, access_new(a, t, sum->npar, idx));
  if (num_safe) x = expr_op2(a, OP_mul, x, num_safe);
  if (den_safe) x = expr_op2(a, OP_div, x, den_safe);
  if (f.neg) x = expr_op1(a, OP_neg, x);
  if (rest->init) x = expr_op2(a, OP_add, rest->init, x);
  expr_t body = expr_cast(a, k->tensor[rest->lhs].type, x);
  *rest = eq_outer(rest);
  rest->body = body;
  return true;
}

static void drop_guards(struct arena *a, struct eq *e) {
  poly_t *kept = ARENA_NEW(a, poly_t, e->nguard ? e->nguard : 1);
  poly_t *all = e->guard;
  unsigned n = e->nguard, nkept = 0;
  e->nguard = 0; /* a guard must not prove itself */
  for (unsigned g = 0; g < n; g++)
    if (!eq_proves(a, e, all[g])) kept[nkept++] = all[g];
  e->guard = kept;
  e->nguard = (uint8_t)nkept;
}

/* Guards of reads that hold in all of the equation become the constant 0, which fold_expr drops. */
static expr_t prove_read(struct arena *a, expr_t x, void *ctx) {
  const struct eq *e = ctx;
  if (x->kind != E_READ || !x->acc->nguard) return x;
  struct access *acc = arena_dup(a, x->acc, sizeof *x->acc);
  acc->guard = arena_dup(a, acc->guard, sizeof *acc->guard * acc->nguard);
  for (unsigned g = 0; g < acc->nguard; g++)
    if (eq_proves(a, e, acc->guard[g])) acc->guard[g] = poly_const(a, 0);
  return expr_read(a, x->type, acc);
}

/* Init and start are evaluated outside of the reduction. */
static void simplify_eq(struct arena *a, struct eq *e, bool strict) {
  drop_guards(a, e);
  struct eq view = *e, outer = eq_outer(e);
  e->body = fold_expr(a, expr_map(a, e->body, prove_read, &view), strict);
  if (e->init) e->init = fold_expr(a, expr_map(a, e->init, prove_read, &outer), strict);
  if (e->start) e->start = fold_expr(a, expr_map(a, e->start, prove_read, &outer), strict);
}

enum status pass_simplify(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  struct kernel *k = u->k;
  version_kernel(a, k);
  for (unsigned i = 0; i < k->neq; i++) {
    simplify_eq(a, &k->eq[i], u->strict);
    untile_eq(a, &k->eq[i]);
    peel_eq(a, &k->eq[i], u->strict);
    if (k->eq[i].init && k->eq[i].red == RED_sum && fold_is(k->eq[i].init, 0)) k->eq[i].init = NULL;
  }
  for (unsigned i = 0; i < k->neq; i++)
    if (hoist(a, k, i, u->strict)) i++;
  for (unsigned i = 0; i < k->neq; i++) simplify_eq(a, &k->eq[i], u->strict);
  return ST_OK;
}
