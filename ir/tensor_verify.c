/* Rules of the TENSOR level. Every violation is reported, with the equation's place; passes are checked with this after
   each run, texts after parsing.

   Structure   names are unique; parameters, symbols and tensors refer to each other; types of expressions are right
   Indices     bounds over dims and earlier axes; everything affine; the left side injective in the parallel axes
   Order       a temp is written before it is read; outputs are written; inputs are not */
#include "ir/buf.h"
#include "ir/tensor_infer.h"
#include "ir/tensor_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 16, MAX_DEPTH = 2000 };
struct check {
  const struct kernel *k;
  struct diag *d;
  struct arena *a;
  unsigned eq; /* equation being checked */
  const struct eq *e;
  const bool *written; /* [ntensor] before this equation */
  unsigned naxis;      /* axes that may be used here */
  bool args;           /* $0 and $1 may be used here */
  unsigned depth;
  bool ok;
};

static void fault(struct check *c, struct loc at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void fault(struct check *c, struct loc at, const char *fmt, ...) {
  char text[400];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  c->ok = false;
  if (!at.line && c->e) at = c->e->loc;
  if (!at.line) at = c->k->loc;
  if (c->e && !at.line) { /* no text to point into */
    diag_error(c->d, at, "%s: equation %u (%s): %s", c->k->name, c->eq, c->k->tensor[c->e->lhs].name, text);
  } else {
    diag_error(c->d, at, "%s", text);
  }
}

/* ---- polynomials ---- */

static bool is_axis(const struct check *c, sym_t s) {
  for (unsigned i = 0; c->e && i < c->naxis; i++)
    if (c->e->axis[i].sym == s) return true;
  return false;
}

/* Symbols exist and may be used here; at most one index in each product where `affine`. */
static void check_poly(struct check *c, poly_t p, struct loc at, const char *what, bool affine) {
  const struct kernel *k = c->k;
  if (!p || p->overflow) {
    fault(c, at, p ? "integer overflow in %s" : "%s is missing", what);
    return;
  }
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      sym_t s = p->mono[i].sym[j];
      if (s >= k->nsym) {
        fault(c, at, "%s uses a symbol that does not exist", what);
        return;
      }
      if (k->sym[s].kind == SYM_INDEX && !is_axis(c, s)) {
        fault(c, at, "%s uses index '%s', which has no range here", what, k->sym[s].name);
        return;
      }
    }
  if (affine && !poly_is_affine(k, p)) fault(c, at, "%s multiplies indices with each other", what);
}

/* ---- the signature ---- */

static void check_names(struct check *c) {
  const struct kernel *k = c->k;
  for (unsigned i = 0; i < k->nsym; i++)
    for (unsigned j = 0; j < i; j++)
      if (!strcmp(k->sym[i].name, k->sym[j].name)) fault(c, k->loc, "two symbols are named '%s'", k->sym[i].name);
  for (unsigned i = 0; i < k->ntensor; i++) {
    const struct tensor *t = &k->tensor[i];
    for (unsigned j = 0; j < i; j++)
      if (!strcmp(t->name, k->tensor[j].name)) fault(c, t->loc, "two tensors are named '%s'", t->name);
    for (unsigned j = 0; j < k->nsym; j++)
      if (!strcmp(t->name, k->sym[j].name)) fault(c, t->loc, "a tensor and a symbol are named '%s'", t->name);
    for (unsigned j = 0; j < k->nparam; j++)
      if (k->param[j].kind == PARAM_SCALAR && !strcmp(t->name, k->param[j].name))
        fault(c, t->loc, "a tensor and a scalar are named '%s'", t->name);
  }
  for (unsigned i = 0; i < k->nparam; i++)
    for (unsigned j = 0; j < i; j++)
      if (!strcmp(k->param[i].name, k->param[j].name))
        fault(c, k->param[i].loc, "two parameters are named '%s'", k->param[i].name);
}

static void check_param(struct check *c, unsigned n) {
  const struct kernel *k = c->k;
  const struct param *p = &k->param[n];
  if (p->type >= DT_COUNT || p->kind > PARAM_TENSOR) {
    fault(c, p->loc, "parameter '%s' has no type", p->name);
  } else if (p->kind == PARAM_DIM) {
    if (p->ref >= k->nsym || k->sym[p->ref].kind != SYM_DIM || k->sym[p->ref].param != n)
      fault(c, p->loc, "parameter '%s' is a dim without a symbol", p->name);
    if (!type_is_int((enum dtype)p->type))
      fault(c, p->loc, "dim '%s' must be an integer, not %s", p->name, type_name((enum dtype)p->type));
  } else if (p->kind == PARAM_TENSOR) {
    if (p->ref >= k->ntensor || k->tensor[p->ref].param != n) {
      fault(c, p->loc, "parameter '%s' is a tensor that does not refer to it", p->name);
    } else if (k->tensor[p->ref].type != p->type || strcmp(k->tensor[p->ref].name, p->name)) {
      fault(c, p->loc, "parameter '%s' differs from its tensor", p->name);
    }
  }
}

static void check_tensor(struct check *c, unsigned n) {
  const struct kernel *k = c->k;
  const struct tensor *t = &k->tensor[n];
  if (t->rank > MAX_RANK || t->type >= DT_COUNT) {
    fault(c, t->loc, "tensor '%s' has rank %u", t->name, t->rank);
    return;
  }
  bool param = t->param != UINT16_MAX;
  if (param == (t->role == ROLE_TEMP) ||
      (param && (t->param >= k->nparam || k->param[t->param].kind != PARAM_TENSOR || k->param[t->param].ref != n)))
    fault(c, t->loc, "tensor '%s' does not agree with its parameter", t->name);
  for (unsigned d = 0; d < t->rank; d++) {
    int64_t x;
    if (!t->extent[d] && param && d == 0) continue;
    check_poly(c, t->extent[d], t->loc, "an extent", false);
    if (t->extent[d] && poly_is_const(t->extent[d], &x) && x < 0)
      fault(c, t->loc, "extent %u of '%s' is negative", d + 1, t->name);
    if (t->stride) check_poly(c, t->stride[d], t->loc, "a stride", false);
  }
}

static void check_signature(struct check *c) {
  const struct kernel *k = c->k;
  check_names(c);
  for (unsigned i = 0; i < k->nsym; i++)
    if (k->sym[i].kind == SYM_DIM && (k->sym[i].param >= k->nparam || k->param[k->sym[i].param].ref != i ||
                                      k->param[k->sym[i].param].kind != PARAM_DIM))
      fault(c, k->loc, "dim '%s' is no parameter", k->sym[i].name);
  for (unsigned i = 0; i < k->nparam; i++) check_param(c, i);
  for (unsigned i = 0; i < k->ntensor; i++) check_tensor(c, i);
  for (unsigned i = 0; i < k->nassume; i++) check_poly(c, k->assume[i], k->loc, "an assumption", false);
}

/* ---- expressions ---- */

static void check_expr(struct check *c, expr_t x);

static void check_access(struct check *c, expr_t x) {
  const struct access *acc = x->acc;
  if (acc->tensor >= c->k->ntensor) {
    fault(c, x->loc, "a tensor that does not exist is read");
    return;
  }
  const struct tensor *t = &c->k->tensor[acc->tensor];
  if (acc->rank != t->rank)
    fault(c, x->loc, "'%s' has rank %u but is read with %u subscripts", t->name, t->rank, acc->rank);
  if (x->type != t->type) fault(c, x->loc, "'%s' is read as %s", t->name, type_name((enum dtype)x->type));
  if (t->role == ROLE_TEMP && !c->written[acc->tensor]) fault(c, x->loc, "'%s' is read before it is defined", t->name);
  if (t->role == ROLE_OUT && !c->written[acc->tensor])
    fault(c, x->loc, "output '%s' is read before it is written; declare it 'inout'", t->name);
  for (unsigned i = 0; i < acc->rank; i++) {
    check_poly(c, acc->ix[i].poly, x->loc, "a subscript", true);
    if (!acc->ix[i].dyn) continue;
    check_expr(c, acc->ix[i].dyn);
    if (!type_is_int((enum dtype)acc->ix[i].dyn->type)) fault(c, x->loc, "a subscript of '%s' is no integer", t->name);
  }
  for (unsigned i = 0; i < acc->nguard; i++) check_poly(c, acc->guard[i], x->loc, "a guard", true);
  if ((acc->nguard > 0) != (acc->otherwise != NULL))
    fault(c, x->loc, "a guarded read must say what it gives otherwise");
  if (!acc->otherwise) return;
  check_expr(c, acc->otherwise);
  if (acc->otherwise->type != x->type)
    fault(c, x->loc, "'%s' is %s but the value outside is %s", t->name, type_name((enum dtype)t->type),
          type_name((enum dtype)acc->otherwise->type));
}

static void check_op(struct check *c, expr_t x) {
  if (x->op >= OP_COUNT || x->nkid != op_info[x->op].arity) {
    fault(c, x->loc, "an operation has the wrong number of operands");
    return;
  }
  unsigned first = x->op == OP_select;
  enum dtype t = (enum dtype)x->kid[first]->type;
  const char *name = op_info[x->op].name;
  for (unsigned i = first + 1; i < x->nkid; i++)
    if (x->kid[i]->type != t)
      fault(c, x->loc, "operands of '%s' are %s and %s", name, type_name(t), type_name((enum dtype)x->kid[i]->type));
  if (first && x->kid[0]->type != DT_bool) fault(c, x->loc, "the condition of select is no bool");
  if (!op_accepts((enum op)x->op, t)) fault(c, x->loc, "'%s' does not take operands of type %s", name, type_name(t));
  enum dtype result = op_result((enum op)x->op, t);
  if (x->type != result) fault(c, x->loc, "'%s' of %s is typed %s", name, type_name(t), type_name((enum dtype)x->type));
}

static void check_kids(struct check *c, expr_t x) {
  for (unsigned i = 0; i < x->nkid && i < 3; i++) check_expr(c, x->kid[i]);
}

static void check_expr(struct check *c, expr_t x) {
  const struct kernel *k = c->k;
  if (c->depth >= MAX_DEPTH) {
    fault(c, x->loc, "an expression is nested too deeply");
    return;
  }
  c->depth++;
  switch (x->kind) {
  case E_CONST:
    if (!type_value_eq((enum dtype)x->type, x->val, type_round((enum dtype)x->type, x->val)))
      fault(c, x->loc, "a constant is no value of type %s", type_name((enum dtype)x->type));
    break;
  case E_POLY:
    check_poly(c, x->poly, x->loc, "an integer expression", false);
    if (x->type != DT_i64) fault(c, x->loc, "an integer expression is typed %s", type_name((enum dtype)x->type));
    break;
  case E_SCALAR:
    if (x->id >= k->nparam || k->param[x->id].kind == PARAM_TENSOR || k->param[x->id].type != x->type)
      fault(c, x->loc, "a scalar does not agree with its parameter");
    break;
  case E_READ:
    check_access(c, x);
    break;
  case E_OP:
    check_kids(c, x);
    check_op(c, x);
    break;
  case E_CAST:
    check_kids(c, x);
    break;
  case E_ARG:
    if (!c->args || x->id > 1) fault(c, x->loc, "$%u stands outside of a rescaling", x->id);
    break;
  default:
    fault(c, x->loc, "a local variable in an equation");
  }
  c->depth--;
}

/* ---- injectivity ---- */

/* How far the axes of p with weights up to `weight`, other than s, can move it; false: not known. */
static bool lesser_span(struct check *c, poly_t p, sym_t s, int64_t weight, int64_t *span) {
  *span = 0;
  for (unsigned i = 0; i < c->e->npar; i++) {
    const struct axis *x = &c->e->axis[i];
    poly_t coef, rest;
    int64_t n, w, part;
    if (x->sym == s || !poly_has(p, x->sym)) continue;
    if (!poly_split(c->a, p, x->sym, &coef, &rest) || !poly_is_const(coef, &w) || w == INT64_MIN) return false;
    if (llabs(w) > weight) continue;
    if (!poly_is_const(poly_sub(c->a, x->hi, x->lo), &n)) return false;
    if (__builtin_mul_overflow(n < 1 ? 0 : n - 1, llabs(w), &part) || __builtin_add_overflow(*span, part, span))
      return false;
  }
  return true;
}

static unsigned axes_in(const struct check *c, poly_t p, const bool *solved, unsigned *which) {
  unsigned n = 0;
  for (unsigned i = 0; i < c->e->npar; i++)
    if (!solved[i] && poly_has(p, c->e->axis[i].sym)) {
      n++;
      *which = i;
    }
  return n;
}

/* A mixed radix subscript, as in 4*i + j with j < 4: each weight is larger than what those below it can add up to. */
static bool solve_mixed(struct check *c, poly_t p, const bool *solved) {
  for (unsigned i = 0; i < c->e->npar; i++) {
    poly_t coef, rest;
    int64_t w, span;
    sym_t s = c->e->axis[i].sym;
    if (solved[i] || !poly_has(p, s)) continue;
    if (!poly_split(c->a, p, s, &coef, &rest) || !poly_is_const(coef, &w) || w == INT64_MIN) return false;
    if (!lesser_span(c, p, s, llabs(w), &span) || llabs(w) <= span) return false;
  }
  return true;
}

/* Distinct index tuples give distinct elements: subscripts are solved one axis at a time. Symbolic weights (row*ld +
   col) are taken on trust: whoever made the equation checked or assumed that they are large enough. */
static void check_injective(struct check *c) {
  const struct eq *e = c->e;
  unsigned rank = c->k->tensor[e->lhs].rank;
  bool solved[UINT8_MAX] = {0}, progress = true;
  for (unsigned i = 0; i < e->npar; i++) {
    int64_t n;
    poly_t len = poly_sub(c->a, e->axis[i].hi, e->axis[i].lo);
    solved[i] = poly_is_const(len, &n) && n <= 1; /* one value at most */
  }
  while (progress) {
    progress = false;
    for (unsigned d = 0; d < rank; d++) {
      unsigned which = 0;
      poly_t coef, rest;
      if (axes_in(c, e->lhs_idx[d], solved, &which) != 1) continue;
      if (!poly_split(c->a, e->lhs_idx[d], e->axis[which].sym, &coef, &rest)) continue;
      solved[which] = progress = true;
    }
  }
  for (unsigned d = 0; d < rank; d++) {
    unsigned which;
    if (axes_in(c, e->lhs_idx[d], solved, &which) < 2) continue;
    bool symbolic = false;
    for (unsigned i = 0; i < e->npar; i++) {
      poly_t coef, rest;
      if (!solved[i] && poly_split(c->a, e->lhs_idx[d], e->axis[i].sym, &coef, &rest) && !poly_is_const(coef, NULL))
        symbolic = true;
    }
    if (!symbolic && !solve_mixed(c, e->lhs_idx[d], solved)) continue;
    for (unsigned i = 0; i < e->npar; i++) solved[i] = solved[i] || poly_has(e->lhs_idx[d], e->axis[i].sym);
  }
  for (unsigned i = 0; i < e->npar; i++)
    if (!solved[i])
      fault(c, e->loc, "different values of index '%s' write the same element of '%s'", c->k->sym[e->axis[i].sym].name,
            c->k->tensor[e->lhs].name);
}

/* ---- equations ---- */

static void check_axes(struct check *c) {
  const struct eq *e = c->e;
  for (unsigned i = 0; i < e->nax; i++) {
    const struct axis *x = &e->axis[i];
    c->naxis = i;
    if (x->sym >= c->k->nsym || c->k->sym[x->sym].kind != SYM_INDEX) {
      fault(c, e->loc, "axis %u is no index", i);
      continue;
    }
    if (is_axis(c, x->sym)) fault(c, e->loc, "index '%s' is used for two axes", c->k->sym[x->sym].name);
    check_poly(c, x->lo, e->loc, "a bound (which may use dims and earlier indices)", true);
    check_poly(c, x->hi, e->loc, "a bound (which may use dims and earlier indices)", true);
  }
}

static void check_lhs(struct check *c) {
  const struct eq *e = c->e;
  const struct tensor *t = &c->k->tensor[e->lhs];
  if (t->role == ROLE_IN) fault(c, e->loc, "'%s' is an input and must not be written", t->name);
  c->naxis = e->npar;
  bool ok = c->ok;
  for (unsigned d = 0; d < t->rank; d++) check_poly(c, e->lhs_idx[d], e->loc, "a subscript of the left side", true);
  if (ok && c->ok) check_injective(c);
}

static void check_part(struct check *c, expr_t x, unsigned naxis, enum dtype want, const char *what) {
  if (!x) return;
  c->naxis = naxis;
  check_expr(c, x);
  if (x->type != want) fault(c, x->loc, "%s is %s, not %s", what, type_name((enum dtype)x->type), type_name(want));
}

static void check_running(struct check *c) {
  const struct eq *e = c->e;
  if (e->state == UINT16_MAX) {
    if (e->rescale || e->running) fault(c, e->loc, "a rescaling without a state");
    return;
  }
  if (e->state >= c->k->ntensor || !c->written[e->state]) fault(c, e->loc, "the state is not computed before");
  if (e->rescale && e->red == RED_none) fault(c, e->loc, "a rescaling of what is no reduction");
  c->args = true;
  check_part(c, e->rescale, e->npar, (enum dtype)e->body->type, "the rescaling");
  c->args = false;
  check_part(c, e->running, e->nax, (enum dtype)e->body->type, "the running form");
}

static void check_eq(struct check *c, const bool *written) {
  const struct eq *e = c->e;
  if (e->lhs >= c->k->ntensor || e->npar > e->nax || e->nax > TEXT_MAX_AXIS || !e->body || e->red >= RED_COUNT) {
    c->e = NULL;
    fault(c, e->loc, "equation %u is malformed", c->eq);
    return;
  }
  c->written = written;
  if ((e->red == RED_none) != (e->npar == e->nax)) fault(c, e->loc, "a reduction and its axes do not agree");
  check_axes(c);
  check_lhs(c);
  c->naxis = e->red == RED_none ? e->npar : e->nax;
  for (unsigned i = 0; i < e->nguard; i++) check_poly(c, e->guard[i], e->loc, "a guard", true);
  check_part(c, e->body, e->nax, (enum dtype)e->body->type, "the right side");
  check_part(c, e->init, e->npar, eq_value_type(e), "the start value");
  check_part(c, e->start, e->npar, (enum dtype)e->body->type, "the value to beat");
  if (e->init && e->red == RED_none) fault(c, e->loc, "a start value without a reduction");
  if (e->start && !red_is_arg(e->red)) fault(c, e->loc, "a value to beat that nothing is compared with");
  if (red_is_arg(e->red) && e->nax != e->npar + 1) fault(c, e->loc, "%s reduces over one index", red_name[e->red]);
  check_running(c);
}

static void check_written(struct check *c, const bool *written) {
  for (unsigned t = 0; t < c->k->ntensor; t++)
    if (c->k->tensor[t].role == ROLE_OUT && !written[t])
      fault(c, c->k->tensor[t].loc, "output '%s' is never written", c->k->tensor[t].name);
}

static void check_kernel(struct arena *a, void *ctx) {
  struct check *c = ctx;
  const struct kernel *k = c->k;
  c->a = a;
  check_signature(c);
  if (!c->ok) return; /* the rest relies on it */
  bool *written = ARENA_NEW(a, bool, k->ntensor + 1u);
  for (unsigned i = 0; i < k->neq; i++) {
    c->eq = i;
    c->e = &k->eq[i];
    check_eq(c, written);
    if (k->eq[i].lhs < k->ntensor) written[k->eq[i].lhs] = true;
  }
  c->e = NULL;
  check_written(c, written);
}

bool kernel_verify(const struct kernel *k, struct diag *d) {
  struct check c = {.k = k, .d = d, .ok = true};
  scratch_run(check_kernel, &c);
  return c.ok;
}
