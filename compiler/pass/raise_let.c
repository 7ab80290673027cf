/* Numbers that SOURCE computes and then uses as symbols (L_LET). Inside a loop such a number is a value again, a local
   of its own: a subscript with it is a gather. One computed outside of all loops would be a dim, which equations cannot
   compute: what comes behind it is a part (parts.c), which gets it as a parameter. */
#include "compiler/pass/raise_impl.h"
#include <string.h>

struct lets {
  struct raise *r;
  int *local; /* [nsym] the local that holds the symbol's value; -1: an ordinary symbol */
};

static bool has_let(const struct lets *l, poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (l->local[p->mono[i].sym[j]] >= 0) return true;
  return false;
}

static expr_t factor(struct lets *l, sym_t s) {
  struct arena *a = l->r->a;
  if (l->local[s] < 0) return expr_poly(a, poly_sym(a, s));
  return expr_local(a, DT_i64, (unsigned)l->local[s]);
}

/* p as 64-bit arithmetic; what has no such symbol stays a polynomial in *rest. */
static expr_t apart(struct lets *l, poly_t p, poly_t *rest) {
  struct arena *a = l->r->a;
  expr_t sum = NULL;
  *rest = poly_const(a, 0);
  for (uint32_t i = 0; i < p->n; i++) {
    const struct mono *m = &p->mono[i];
    bool let = false;
    for (unsigned j = 0; j < m->n; j++) let |= l->local[m->sym[j]] >= 0;
    poly_t plain = poly_const(a, m->coef);
    expr_t x = let && m->coef != 1 ? expr_i(a, DT_i64, m->coef) : NULL;
    for (unsigned j = 0; j < m->n; j++) {
      if (!let)
        plain = poly_mul(a, plain, poly_sym(a, m->sym[j]));
      else
        x = x ? expr_op2(a, OP_mul, x, factor(l, m->sym[j])) : factor(l, m->sym[j]);
    }
    if (let)
      sum = sum ? expr_op2(a, OP_add, sum, x) : x;
    else
      *rest = poly_add(a, *rest, plain);
  }
  return sum;
}

static expr_t whole(struct lets *l, poly_t p) {
  poly_t rest;
  int64_t zero;
  expr_t x = apart(l, p, &rest);
  if (poly_is_const(rest, &zero) && zero == 0) return x;
  return expr_op2(l->r->a, OP_add, x, expr_poly(l->r->a, rest));
}

static const struct access *let_access(struct arena *a, const struct access *x, void *ctx) {
  struct lets *l = ctx;
  struct access *n = arena_dup(a, x, sizeof *x);
  n->ix = arena_dup(a, x->ix, sizeof *x->ix * x->rank);
  for (unsigned i = 0; i < x->rank; i++) {
    if (!has_let(l, x->ix[i].poly)) continue;
    expr_t dyn = apart(l, x->ix[i].poly, &n->ix[i].poly);
    n->ix[i].dyn = x->ix[i].dyn ? expr_op2(a, OP_add, dyn, x->ix[i].dyn) : dyn;
  }
  for (unsigned i = 0; i < x->nguard; i++)
    if (has_let(l, x->guard[i]))
      raise_no(l->r, l->r->at, "'%s' is loaded under a condition on a number that is computed in the loop",
               l->r->f->object[x->tensor].name);
  return n;
}

static expr_t let_expr(struct arena *a, expr_t x, void *ctx) {
  struct lets *l = ctx;
  if (x->kind == E_POLY && has_let(l, x->poly)) return whole(l, x->poly);
  if (x->kind != E_READ) return x;
  struct expr *n = arena_dup(a, x, sizeof *x);
  n->acc = let_access(a, x->acc, l);
  return n;
}

/* Guards on such numbers are conditions on values. */
static void let_guards(struct lets *l, struct lstmt *s) {
  struct arena *a = l->r->a;
  uint8_t n = 0;
  for (unsigned i = 0; i < s->nguard; i++) {
    if (!has_let(l, s->guard[i])) {
      s->guard[n++] = s->guard[i];
      continue;
    }
    expr_t c = expr_op2(a, OP_ge, whole(l, s->guard[i]), expr_poly(a, poly_const(a, 0)));
    s->cond = s->cond ? expr_op2(a, OP_and, s->cond, c) : c;
  }
  s->nguard = n;
}

static void check_bounds(struct lets *l, const struct lstmt *s) {
  bool bad = false;
  for (unsigned i = 0; i < s->nlo; i++) bad |= has_let(l, s->lo[i]);
  for (unsigned i = 0; i < s->nhi; i++) bad |= has_let(l, s->hi[i]);
  if (bad)
    raise_no(l->r, s->loc.line ? s->loc : l->r->at,
             "the range of the loop over '%s' is computed for each iteration of the loop around it",
             raise_sym_name(l->r, s->sym));
}

static void tidy(struct lets *l, struct lstmt *s) {
  if (s->kind == L_FOR) check_bounds(l, s);
  if (s->kind == L_IF) let_guards(l, s);
  if (s->kind == L_LET) {
    s->kind = L_SET;
    s->id = (uint16_t)l->local[s->sym];
  }
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) tidy(l, s->body[i]);
}

static unsigned count(const struct lstmt *s) {
  unsigned n = s->kind == L_LET;
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) n += count(s->body[i]);
  return n;
}

static void collect(struct lets *l, struct lfunc *f, const struct lstmt *s, unsigned loops) {
  struct raise *r = l->r;
  if (s->kind == L_LET) {
    const char *name = raise_sym_name(r, s->sym);
    if (!loops)
      raise_no(r, s->loc.line ? s->loc : r->at,
               "'%s' is computed before the loops that use it as a size: what comes behind is raised as a part", name);
    f->local[f->nlocal] = (struct local){name, DT_i64};
    l->local[s->sym] = f->nlocal++;
  }
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) collect(l, f, s->body[i], loops + (s->kind == L_FOR || s->kind == L_WHILE));
}

void raise_lets(struct raise *r) {
  struct lets l = {r, ARENA_NEW(r->a, int, r->nsym + 1u)};
  unsigned n = count(r->f->body);
  if (!n) return;
  for (unsigned i = 0; i < r->nsym; i++) l.local[i] = -1;
  struct lfunc *f = arena_dup(r->a, r->f, sizeof *f);
  if (f->nlocal + n > UINT16_MAX) raise_no(r, r->at, "the function is too large");
  f->local = ARENA_NEW(r->a, struct local, f->nlocal + n);
  if (f->nlocal) memcpy(f->local, r->f->local, sizeof *f->local * f->nlocal);
  collect(&l, f, r->f->body, 0);
  r->f = f;
  struct tree_map m = {.a = r->a, .expr = let_expr, .store = let_access, .ctx = &l};
  f->body = tree_copy(&m, f->body);
  tidy(&l, f->body);
}
