/* The part of simplify that gives reductions their full range. C code starts a maximum at x[0] and goes on from 1; one
   axis 0..N can be shared with the sums that follow. Taking the first term twice changes no max, min, argmax, argmin,
   and, or: it does not improve on itself. The start value stays, since a NaN there stays where a NaN among the terms is
   passed over. */
#include "compiler/pass/peel.h"
#include "compiler/pass/util.h"

static bool idempotent(unsigned red) {
  return red != RED_none && red != RED_sum && red != RED_prod;
}

/* The one reduced axis starts behind `start`, which is the term just before it. */
static bool starts_from_first(struct arena *a, const struct eq *e, expr_t start) {
  const struct axis *x = &e->axis[e->npar];
  return start && start->type == e->body->type &&
         expr_eq(start, expr_subst_sym(a, e->body, x->sym, poly_addc(a, x->lo, -1)));
}

void peel_eq(struct arena *a, struct eq *e, bool strict) {
  bool arg = e->red == RED_argmax || e->red == RED_argmin;
  expr_t start = arg ? e->start : e->init;
  if (e->red == RED_none || e->nax != e->npar + 1 || e->nguard || !starts_from_first(a, e, start)) return;
  if (!idempotent(e->red) && (e->red != RED_sum || strict)) return;
  poly_t size = poly_sub(a, e->axis[e->npar].hi, e->axis[e->npar].lo);
  int64_t n;
  /* an empty rest: the first term alone must not disappear with a range that ends before it */
  if (e->red == RED_sum && (!poly_is_const(size, &n) || n < 0)) return;
  struct axis *axis = arena_dup(a, e->axis, sizeof *axis * e->nax);
  axis[e->npar].lo = poly_addc(a, axis[e->npar].lo, -1);
  e->axis = axis;
  if (e->red == RED_sum) e->init = NULL;
}
