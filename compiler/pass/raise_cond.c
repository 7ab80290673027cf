/* Conditions: which part is affine (and so a guard), and which has to stay an expression. */
#include "compiler/pass/raise_impl.h"

static bool op_value(struct raise *r, expr_t x, poly_t *p) {
  poly_t l, m;
  if (x->type != DT_i32 && x->type != DT_i64 && x->type != DT_u64) return false;
  if (!expr_poly_value(r, x->kid[0], &l) || (x->nkid > 1 && !expr_poly_value(r, x->kid[1], &m))) return false;
  switch (x->op) {
  case OP_add:
    *p = poly_add(r->a, l, m);
    return true;
  case OP_sub:
    *p = poly_sub(r->a, l, m);
    return true;
  case OP_mul:
    *p = poly_mul(r->a, l, m);
    return true;
  case OP_neg:
    *p = poly_scale(r->a, l, -1);
    return true;
  default:
    return false;
  }
}

/* No dim is wider than int, so no counter is either. */
static bool narrow_dims(struct raise *r) {
  const struct kernel *k = r->f->k;
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind == PARAM_DIM && type_size((enum dtype)k->param[i].type) > 4) return false;
  return true;
}

/* A conversion that cannot change the value: to a type at least as wide, or of a lone dim or counter to its own kind of
   type. Signed overflow is undefined in C, so int arithmetic may be taken as exact; unsigned arithmetic below 64 bit
   may not. */
static bool cast_value(struct raise *r, expr_t x, poly_t *p) {
  expr_t k = x->kid[0];
  if (!type_is_int((enum dtype)x->type) || type_size((enum dtype)x->type) < 4 || !expr_poly_value(r, k, p))
    return false;
  if (type_size((enum dtype)x->type) == 8 || poly_is_const(*p, NULL)) return true;
  if (k->kind != E_POLY) return type_size((enum dtype)k->type) <= 4 && type_is_signed((enum dtype)x->type);
  return narrow_dims(r) && (x->type == DT_i32 || poly_is_sym(*p, NULL));
}

bool expr_poly_value(struct raise *r, expr_t x, poly_t *p) {
  if (x->kind == E_POLY)
    *p = x->poly;
  else if (x->kind == E_CONST && type_is_int((enum dtype)x->type))
    *p = poly_const(r->a, x->val.i);
  else if (x->kind == E_CAST)
    return cast_value(r, x, p);
  else if (x->kind == E_OP)
    return op_value(r, x, p) && !(*p)->overflow;
  else
    return false;
  return !(*p)->overflow;
}

static bool unsigned_dim(struct raise *r, sym_t s) {
  const struct kernel *k = r->f->k;
  if (s >= k->nsym || k->sym[s].kind != SYM_DIM || k->sym[s].param >= k->nparam) return false;
  return type_class((enum dtype)k->param[k->sym[s].param].type) == DC_UINT;
}

/* Sums and products of what is not negative. */
static bool nonnegative(struct raise *r, poly_t p) {
  struct domain *here = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, here);
  for (uint32_t i = 0; i < p->n; i++) {
    if (p->mono[i].coef < 0) return false;
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (!unsigned_dim(r, p->mono[i].sym[j]) && !prove_ge0(r, here, poly_sym(r->a, p->mono[i].sym[j]))) return false;
  }
  return true;
}

/* d != 0 where d is known to have one sign: i != 0 of a counter that starts at 0 is i >= 1. */
static bool differs(struct raise *r, poly_t d, poly_t *g, unsigned *n) {
  struct domain *here = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, here);
  poly_t minus = poly_scale(r->a, d, -1);
  if (prove_ge0(r, here, d))
    g[(*n)++] = poly_addc(r->a, d, -1);
  else if (prove_ge0(r, here, minus))
    g[(*n)++] = poly_addc(r->a, minus, -1);
  else
    return false;
  return true;
}

/* x OP y on integers, as guards. Comparisons of unsigned values hold for polynomials only while these are not negative.
 */
static bool compare(struct raise *r, expr_t x, enum op o, poly_t *g, unsigned *n, unsigned max) {
  poly_t l, m;
  if (*n + 2 > max || !expr_poly_value(r, x->kid[0], &l) || !expr_poly_value(r, x->kid[1], &m)) return false;
  if (type_class((enum dtype)x->kid[0]->type) == DC_UINT && (!nonnegative(r, l) || !nonnegative(r, m))) return false;
  poly_t d = poly_sub(r->a, l, m);
  switch (o) {
  case OP_eq:
    g[(*n)++] = d;
    g[(*n)++] = poly_scale(r->a, d, -1);
    return true;
  case OP_lt:
    g[(*n)++] = poly_addc(r->a, poly_scale(r->a, d, -1), -1);
    return true;
  case OP_le:
    g[(*n)++] = poly_scale(r->a, d, -1);
    return true;
  case OP_gt:
    g[(*n)++] = poly_addc(r->a, d, -1);
    return true;
  case OP_ge:
    g[(*n)++] = d;
    return true;
  case OP_ne:
    return differs(r, d, g, n);
  default:
    return false;
  }
}

static bool is_int_compare(expr_t x) {
  return x->kind == E_OP && (op_info[x->op].flags & OPF_CMP) && type_is_int((enum dtype)x->kid[0]->type);
}

/* (bool)x, x != 0 of a truth value: the truth value itself. */
static expr_t truth(expr_t x) {
  for (;;) {
    if (x->kind == E_CAST && x->kid[0]->type == DT_bool)
      x = x->kid[0];
    else if (x->kind == E_CAST && x->type == DT_bool && x->kid[0]->kind == E_CAST && x->kid[0]->kid[0]->type == DT_bool)
      x = x->kid[0]->kid[0];
    else if (x->kind == E_OP && x->op == OP_ne && x->kid[1]->kind == E_CONST &&
             type_is_int((enum dtype)x->kid[1]->type) && !x->kid[1]->val.u && x->kid[0]->kind == E_CAST &&
             x->kid[0]->kid[0]->type == DT_bool)
      x = x->kid[0]->kid[0];
    else
      return x;
  }
}

expr_t cond_not(struct raise *r, expr_t c) {
  if (c->kind == E_OP && c->op == OP_not) return c->kid[0];
  if (is_int_compare(c)) return expr_op2(r->a, op_opposite((enum op)c->op), c->kid[0], c->kid[1]);
  return expr_op1(r->a, OP_not, c);
}

expr_t cond_split(struct raise *r, expr_t cond, bool neg, poly_t *guard, unsigned *n, unsigned max) {
  cond = truth(cond);
  if (cond->kind == E_CONST && (cond->val.u != 0) != neg) return NULL;
  if (cond->kind == E_OP && cond->op == OP_not && cond->type == DT_bool)
    return cond_split(r, cond->kid[0], !neg, guard, n, max);
  if (cond->kind == E_OP && cond->type == DT_bool && cond->op == (neg ? OP_or : OP_and)) {
    expr_t x = cond_split(r, cond->kid[0], neg, guard, n, max);
    expr_t y = cond_split(r, cond->kid[1], neg, guard, n, max);
    return !x ? y : !y ? x : expr_op2(r->a, OP_and, x, y);
  }
  if (is_int_compare(cond)) {
    enum op o = neg ? op_opposite((enum op)cond->op) : (enum op)cond->op;
    if (compare(r, cond, o, guard, n, max)) return NULL;
  }
  return neg ? cond_not(r, cond) : cond;
}

expr_t cond_join(struct raise *r, unsigned n, const poly_t *guard, expr_t rest) {
  for (unsigned i = n; i-- > 0;) {
    expr_t g = expr_op2(r->a, OP_ge, expr_poly(r->a, guard[i]), expr_poly(r->a, poly_const(r->a, 0)));
    rest = rest ? expr_op2(r->a, OP_and, g, rest) : g;
  }
  return rest;
}
