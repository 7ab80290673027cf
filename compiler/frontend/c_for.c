/* Loops. A counted loop (counter not assigned in its body, bounds polynomials, constant step) becomes L_FOR; its
   counter is then a symbol, exact because signed overflow is undefined and an unsigned counter below its bound does not
   wrap. Loops that run down count up inside: i = start - i'. Everything else becomes L_WHILE, executed as written. A
   bound of type size_t that is only right modulo 2^64 (`i < n - 1` with n == 0, an int converted) is taken as the
   number it is without the modulo: the difference is a loop of more than 2^63 iterations, which does not end. */
#include "compiler/frontend/c_lower.h"

struct parts {
  CXCursor init, cond, inc, body;
  bool has_init, has_cond, has_inc;
};

struct counter {
  CXCursor decl;
  const char *name;
  bool inside;  /* declared in the for statement */
  bool goes_on; /* starts with the value it has */
  enum dtype type;
  CXCursor start;
};

static bool is_compare(struct cx *x, CXCursor c) {
  c = c_strip(x, c);
  if (x->cl->getCursorKind(c) != CXCursor_BinaryOperator) return false;
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(c));
  enum CXBinaryOperatorKind k = x->cl->getCursorBinaryOperatorKind(c);
  return (o >= OP_eq && o <= OP_ge && o != OP_COUNT) || k == CXBinaryOperator_LAnd || k == CXBinaryOperator_LOr;
}

static bool is_assign(struct cx *x, CXCursor c) {
  return x->cl->getCursorKind(c) == CXCursor_BinaryOperator &&
         x->cl->getCursorBinaryOperatorKind(c) == CXBinaryOperator_Assign;
}

/* clang does not mark which part of a for is missing: with fewer than four children they are told apart by what they
 * are. */
static struct parts split(struct cx *x, CXCursor s) {
  struct kids k = c_kids(x, s);
  struct parts p = {0};
  if (!k.n || k.n > 4) c_refuse(x, s, "this form of for is not supported");
  p.body = k.c[k.n - 1];
  if (k.n == 4) {
    p.init = k.c[0], p.cond = k.c[1], p.inc = k.c[2];
    p.has_init = p.has_cond = p.has_inc = true;
    return p;
  }
  unsigned i = 0, last = k.n - 1;
  if (i < last && (x->cl->getCursorKind(k.c[i]) == CXCursor_DeclStmt || (is_assign(x, k.c[i]) && last > 1)))
    p.init = k.c[i++], p.has_init = true;
  if (i < last && is_compare(x, k.c[i])) p.cond = k.c[i++], p.has_cond = true;
  if (i < last && p.has_cond) p.inc = k.c[i++], p.has_inc = true;
  if (i != last || !p.has_cond) {
    if (!c_has_break(x, p.body) && !c_has_return(x, p.body))
      c_refuse(x, s, "for without a condition is not supported: write for (init; condition; step)");
    c_refuse(x, s, "for without a condition is not supported: write while (1)");
  }
  return p;
}

static bool is_var(struct cx *x, CXCursor c, CXCursor decl) {
  c = c_strip(x, c);
  return x->cl->getCursorKind(c) == CXCursor_DeclRefExpr && c_same(x, x->cl->getCursorReferenced(c), decl);
}

static bool mentions(struct cx *x, CXCursor c, CXCursor decl) {
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr && c_same(x, x->cl->getCursorReferenced(c), decl)) return true;
  c_enter(x, c);
  struct kids k = c_kids(x, c);
  bool yes = false;
  for (unsigned i = 0; i < k.n && !yes; i++) yes = mentions(x, k.c[i], decl);
  c_leave(x);
  return yes;
}

/* for (; i < n; i++): goes on from where i is. */
static bool counter_goes_on(struct cx *x, const struct parts *p, struct counter *c) {
  CXCursor inc = p->has_inc ? c_strip(x, p->inc) : p->cond;
  struct kids k = c_kids(x, inc);
  CXCursor l = p->has_inc && k.n ? c_strip(x, k.c[0]) : inc;
  if (!p->has_inc || !k.n || x->cl->getCursorKind(l) != CXCursor_DeclRefExpr) return false;
  c->decl = x->cl->getCursorReferenced(l);
  c->goes_on = true;
  struct cvar *v = cvar_find(x, c->decl);
  return v && v->kind == VAR_SCALAR;
}

static bool counter_of(struct cx *x, const struct parts *p, struct counter *c) {
  if (!p->has_cond) return false;
  enum dtype t;
  if (!p->has_init) {
    if (!counter_goes_on(x, p, c)) return false;
  } else if (x->cl->getCursorKind(p->init) == CXCursor_DeclStmt) {
    struct kids k = c_kids(x, p->init);
    if (k.n != 1 || x->cl->getCursorKind(k.c[0]) != CXCursor_VarDecl) return false;
    c->decl = k.c[0];
    c->start = x->cl->Cursor_getVarDeclInitializer(k.c[0]);
    c->inside = true;
    if (x->cl->Cursor_isNull(c->start)) return false;
  } else {
    if (!is_assign(x, p->init)) return false;
    struct kids k = c_kids(x, p->init);
    CXCursor l = c_strip(x, k.c[0]);
    if (x->cl->getCursorKind(l) != CXCursor_DeclRefExpr) return false;
    c->decl = x->cl->getCursorReferenced(l);
    c->start = k.c[1];
    struct cvar *v = cvar_find(x, c->decl);
    if (!v || v->kind != VAR_SCALAR) return false;
  }
  CXType ty = x->cl->getCursorType(c->decl);
  if (!c_dtype(x, x->cl->getCanonicalType(ty), &t) || x->cl->isVolatileQualifiedType(ty)) return false;
  c->type = t;
  c->name = c_str(x, x->cl->getCursorSpelling(c->decl));
  return t == DT_i32 || t == DT_i64 || t == DT_u32 || t == DT_u64;
}

static bool const_step(struct cx *x, CXCursor c, int64_t *step) {
  c = c_strip(x, c);
  enum dtype t;
  union value v;
  if (!c_dtype(x, c_type(x, c), &t) || !type_is_int(t) || !c_constant(x, c, t, &v)) return false;
  *step = v.i;
  return v.i > 0;
}

/* The step of the counter, negative when it runs down; false when it is not a constant. */
static bool step_of(struct cx *x, const struct parts *p, const struct counter *c, int64_t *step) {
  CXCursor inc = c_strip(x, p->inc);
  struct kids k = c_kids(x, inc);
  enum CXCursorKind kind = x->cl->getCursorKind(inc);
  if (!k.n || !is_var(x, k.c[0], c->decl)) return false;
  if (kind == CXCursor_UnaryOperator) {
    enum CXUnaryOperatorKind u = x->cl->getCursorUnaryOperatorKind(inc);
    *step = u == CXUnaryOperator_PreInc || u == CXUnaryOperator_PostInc ? 1 : -1;
    return u >= CXUnaryOperator_PostInc && u <= CXUnaryOperator_PreDec;
  }
  if (k.n != 2) return false;
  enum CXBinaryOperatorKind b = x->cl->getCursorBinaryOperatorKind(inc);
  CXCursor by = k.c[1];
  if (b == CXBinaryOperator_Assign) { /* i = i + c */
    CXCursor e = c_strip(x, by);
    struct kids q = c_kids(x, e);
    if (x->cl->getCursorKind(e) != CXCursor_BinaryOperator || q.n != 2) return false;
    b = x->cl->getCursorBinaryOperatorKind(e);
    b = b == CXBinaryOperator_Add   ? CXBinaryOperator_AddAssign
        : b == CXBinaryOperator_Sub ? CXBinaryOperator_SubAssign
                                    : b;
    if (is_var(x, q.c[0], c->decl))
      by = q.c[1];
    else if (b == CXBinaryOperator_AddAssign && is_var(x, q.c[1], c->decl))
      by = q.c[0];
    else
      return false;
  }
  if ((b != CXBinaryOperator_AddAssign && b != CXBinaryOperator_SubAssign) || !const_step(x, by, step)) return false;
  if (b == CXBinaryOperator_SubAssign) *step = -*step;
  return true;
}

static enum op mirror(enum op o) {
  switch (o) {
  case OP_lt:
    return OP_gt;
  case OP_le:
    return OP_ge;
  case OP_gt:
    return OP_lt;
  case OP_ge:
    return OP_le;
  default:
    return o;
  }
}

enum { MAX_LIMITS = 8 };
/* A counted loop's numbers: it runs for value = start, start + step, … while below (or above, when it runs down) every
   limit, and while `half`, if there is one, is not negative at that value: the condition i < e/c in the form e - c -
   c*i >= 0. */
struct bounds {
  poly_t start, limit[MAX_LIMITS];
  unsigned n;
  int64_t step;
  poly_t half_e;
  int64_t half_c;
};

/* Does comparing in type `by` leave the counter's value alone? */
static bool keeps_value(struct cx *x, enum dtype t, enum dtype by, poly_t start, bool down) {
  if (t == by || (type_size(by) > type_size(t) && !(type_is_signed(t) && !type_is_signed(by)))) return true;
  if (type_size(by) < type_size(t)) return false;
  return !down && cv_nonneg(x, start); /* signed counter, unsigned bound */
}

/* The bound's value, evaluated as it stands in the loop; false: not a polynomial. */
static bool bound_value(struct cx *x, CXCursor c, bool down, struct cval *v) {
  struct clist side = {0}, *outer = x->cur;
  x->cur = &side;
  *v = c_expr(x, c);
  x->cur = outer;
  if (v->kind == CV_NUM && !v->p) c_want(x, v->e);
  if (side.n || v->kind != CV_NUM || !v->p || !type_is_int(v->type)) return false;
  return v->exact || (v->type == DT_u64 && !down);
}

static bool add_limit(struct bounds *b, poly_t p) {
  if (b->n == MAX_LIMITS || p->overflow) return false;
  b->limit[b->n++] = p;
  return true;
}

enum { MANY_PARTS = 4 };

/* i < e / c and i < e >> s with constant c: below e, and half. */
static bool half_bound(struct cx *x, CXCursor side, struct bounds *b) {
  CXCursor d = c_strip(x, side);
  struct kids k = c_kids(x, d);
  if (x->cl->getCursorKind(d) != CXCursor_BinaryOperator || k.n != 2 || b->half_e || b->step < 0) return false;
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(d));
  enum dtype t, by;
  if (!c_dtype(x, c_type(x, d), &t) || !c_dtype(x, c_type(x, side), &by)) return false;
  if (type_is_signed(t) && !type_is_signed(by) && by != DT_u64) return false;
  struct cval e;
  if ((o != OP_div && o != OP_shr) || !const_step(x, k.c[1], &b->half_c) || !bound_value(x, k.c[0], false, &e) ||
      !e.exact)
    return false;
  if (o == OP_shr) {
    if (b->half_c > 30) return false;
    b->half_c = (int64_t)1 << b->half_c;
  }
  if (b->half_c >= MANY_PARTS && cv_over_dims(x, e.p) &&
      type_size(t) >= 4) { /* the guard below would be false nearly everywhere */
    int64_t c = b->half_c;
    b->half_c = 0;
    expr_t q = expr_op2(x->a, OP_div, expr_poly(x->a, e.p), expr_i(x->a, DT_i64, c));
    return (o == OP_div || cv_nonneg(x, e.p)) && cv_nonneg(x, b->start) && add_limit(b, c_entry_let(x, "count", q));
  }
  b->half_e = e.p;
  return cv_nonneg(x, b->start) && add_limit(b, e.p);
}

static bool same_number(struct cx *x, CXCursor c, poly_t p) {
  struct cval v;
  return bound_value(x, c, false, &v) && v.exact && poly_eq(v.p, p);
}

/* i < (a < b ? a : b): below both. plus: 1 for <=. */
static bool smaller_of_two(struct cx *x, CXCursor side, int64_t plus, struct bounds *b) {
  CXCursor c = c_strip(x, side);
  struct kids k = c_kids(x, c);
  if (x->cl->getCursorKind(c) != CXCursor_ConditionalOperator || k.n != 3) return false;
  CXCursor cond = c_strip(x, k.c[0]);
  struct kids q = c_kids(x, cond);
  if (x->cl->getCursorKind(cond) != CXCursor_BinaryOperator || q.n != 2) return false;
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(cond));
  bool less = o == OP_lt || o == OP_le, more = o == OP_gt || o == OP_ge;
  struct cval l, r;
  if ((!less && !more) || !bound_value(x, q.c[0], false, &l) || !bound_value(x, q.c[1], false, &r) || !l.exact ||
      !r.exact)
    return false;
  if (!same_number(x, k.c[1], less ? l.p : r.p) || !same_number(x, k.c[2], less ? r.p : l.p)) return false;
  return add_limit(b, poly_addc(x->a, l.p, plus)) && add_limit(b, poly_addc(x->a, r.p, plus));
}

/* One comparison of the counter with a bound. */
static bool one_bound(struct cx *x, CXCursor cond, const struct counter *c, bool alone, struct bounds *b) {
  struct kids k = c_kids(x, cond);
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(cond));
  if (k.n != 2 || o < OP_eq || o > OP_ge) return false;
  bool left = is_var(x, k.c[0], c->decl), down = b->step < 0;
  CXCursor side = left ? k.c[1] : k.c[0];
  if ((!left && !is_var(x, k.c[1], c->decl)) || mentions(x, side, c->decl)) return false;
  if (!left) o = mirror(o);
  struct cval v;
  enum dtype by;
  bool plain = c_dtype(x, c_type(x, side), &by) && by == c->type;
  if ((o == OP_lt || o == OP_le) && !down && plain && smaller_of_two(x, side, o == OP_le, b)) return true;
  if (!bound_value(x, side, down, &v)) return o == OP_lt && half_bound(x, side, b);
  if (!keeps_value(x, c->type, v.type, b->start, down)) return false;
  bool is_signed = type_is_signed(v.type), unit = b->step == 1 || (b->step == -1 && is_signed);
  if (o == OP_ne) return alone && unit && add_limit(b, v.p);
  if (!down && o == OP_lt) return add_limit(b, v.p);
  if (!down && o == OP_le) return add_limit(b, poly_addc(x->a, v.p, 1));
  if (down && o == OP_gt) return (is_signed || b->step == -1) && add_limit(b, v.p);
  if (down && o == OP_ge) return is_signed && add_limit(b, poly_addc(x->a, v.p, -1));
  return false;
}

/* The condition as limits of the counter: a comparison, or several joined by &&. */
static bool bounds_of(struct cx *x, CXCursor cond, const struct counter *c, bool alone, struct bounds *b) {
  cond = c_strip(x, cond);
  if (x->cl->getCursorKind(cond) != CXCursor_BinaryOperator) return false;
  if (x->cl->getCursorBinaryOperatorKind(cond) != CXBinaryOperator_LAnd) return one_bound(x, cond, c, alone, b);
  struct kids k = c_kids(x, cond);
  return k.n == 2 && bounds_of(x, k.c[0], c, false, b) && bounds_of(x, k.c[1], c, false, b);
}

/* for (i = n; i-- > 0;): from n-1 down to 0. */
static bool countdown(struct cx *x, const struct parts *p, const struct counter *c) {
  if (p->has_inc) return false;
  CXCursor cond = c_strip(x, p->cond);
  struct kids k = c_kids(x, cond);
  if (x->cl->getCursorKind(cond) != CXCursor_BinaryOperator || k.n != 2) return false;
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(cond));
  CXCursor l = c_strip(x, k.c[0]), r = c_strip(x, k.c[1]);
  struct kids v = c_kids(x, l);
  if (o != OP_gt || x->cl->getCursorKind(l) != CXCursor_UnaryOperator || v.n != 1) return false;
  enum dtype t;
  union value zero;
  bool is_zero = x->cl->getCursorKind(r) == CXCursor_IntegerLiteral && c_dtype(x, c_type(x, r), &t) &&
                 c_constant(x, r, t, &zero) && zero.i == 0;
  return is_zero && x->cl->getCursorUnaryOperatorKind(l) == CXUnaryOperator_PostDec && is_var(x, v.c[0], c->decl);
}

/* Value of the counter behind the loop: start + step * (number of iterations). */
static expr_t final_value(struct cx *x, const struct bounds *b, enum dtype t) {
  bool down = b->step < 0;
  struct arena *a = x->a;
  expr_t start = expr_poly(a, b->start), limit = expr_poly(a, b->limit[0]);
  for (unsigned i = 1; i < b->n; i++) limit = expr_op2(a, down ? OP_max : OP_min, limit, expr_poly(a, b->limit[i]));
  if (b->step == 1 || b->step == -1) return expr_cast(a, t, expr_op2(a, down ? OP_min : OP_max, start, limit));
  int64_t step = down ? -b->step : b->step;
  expr_t zero = expr_i(a, DT_i64, 0), by = expr_i(a, DT_i64, step);
  expr_t len = down ? expr_op2(a, OP_sub, start, limit) : expr_op2(a, OP_sub, limit, start);
  len = expr_op2(a, OP_max, expr_op2(a, OP_add, len, expr_i(a, DT_i64, step - 1)), zero);
  expr_t far = expr_op2(a, OP_mul, expr_op2(a, OP_div, len, by), by);
  return expr_cast(a, t, expr_op2(a, down ? OP_sub : OP_add, start, far));
}

static struct lstmt *lower_body(struct cx *x, CXCursor body) {
  struct clist l = {0}, *outer = x->cur;
  struct rest all = {{1, &body}, 0, NULL};
  x->cur = &l;
  x->loops++;
  c_stmts(x, &all);
  x->loops--;
  x->cur = outer;
  return c_block(x, &l);
}

/* The loop variable's symbol with its range, and the counter's value in it; its loop around nothing yet. */
static struct lstmt *counter_loop(struct cx *x, const struct counter *c, const struct bounds *b, poly_t *value) {
  bool down = b->step < 0;
  poly_t *hi = ARENA_NEW(x->a, poly_t, b->n), lo = down ? poly_const(x->a, 0) : b->start;
  int64_t first, most = INT64_MAX, lmin, lmax, none;
  for (unsigned i = 0; i < b->n; i++) {
    hi[i] = down ? poly_sub(x->a, b->start, b->limit[i]) : b->limit[i];
    poly_range(hi[i], x->lo, x->hi, &lmin, &lmax);
    if (lmax < most) most = lmax;
  }
  poly_range(lo, x->lo, x->hi, &first, &none);
  sym_t s = c_new_sym(x, c->name, first, most == INT64_MAX || most == INT64_MIN ? most : most - 1);
  poly_t i = poly_sym(x->a, s);
  *value = down ? poly_sub(x->a, b->start, i) : i;
  struct lstmt *f = loop_for(x->a, F_SERIAL, s, lo, hi[0], down ? -b->step : b->step, loop_block(x->a, 0, NULL));
  f->hi = hi;
  f->nhi = (uint8_t)b->n;
  bool bad = (*value)->overflow;
  for (unsigned k = 0; k < b->n; k++) bad |= hi[k]->overflow;
  if (bad) c_refuse(x, x->at, "loop bounds are too large");
  return f;
}

static struct lstmt *with_half(struct cx *x, const struct bounds *b, poly_t i, struct lstmt *body) {
  if (!b->half_e) return body;
  poly_t g = poly_sub(x->a, poly_addc(x->a, b->half_e, -b->half_c), poly_scale(x->a, i, b->half_c));
  struct lstmt *s = loop_if(x->a, 1, &g, NULL, body, NULL);
  s->loc = x->loc;
  return s;
}

static void set_final(struct cx *x, CXCursor s, const struct counter *c, const struct bounds *b) {
  struct cvar *v = cvar_find(x, c->decl);
  int64_t lo, hi;
  bool fixed = poly_is_const(b->start, &lo) && b->n == 1 && poly_is_const(b->limit[0], &hi) && b->step == 1;
  expr_t e = fixed ? expr_i(x->a, c->type, hi > lo ? hi : lo) : final_value(x, b, c->type);
  struct lstmt *set = loop_set(x->a, v->id, e);
  set->loc = c_loc(x, s);
  c_emit(x, set);
  if (fixed) v->known = poly_const(x->a, hi > lo ? hi : lo), v->known_exact = true;
}

/* The numbers of a counted loop, evaluated where it stands; false: it is not one. */
static bool numbers(struct cx *x, const struct parts *p, struct counter *c, struct bounds *b) {
  if (!counter_of(x, p, c) || c_assigns(x, p->body, c->decl)) return false;
  if (c_has_break(x, p->body) || c_has_return(x, p->body)) return false;
  bool back = countdown(x, p, c);
  if (!back && (!p->has_inc || c_assigns(x, p->cond, c->decl) || !step_of(x, p, c, &b->step))) return false;
  struct clist side = {0}, *outer = x->cur;
  struct cvar *v = c->goes_on ? cvar_find(x, c->decl) : NULL;
  if (v && !c_known_start(x, v, p->cond)) return false;
  x->cur = &side;
  struct cval start = v ? cv_poly(x, cvar_find(x, c->decl)->known, c->type, true) : c_expr(x, c->start);
  x->cur = outer;
  if (start.kind == CV_NUM && !start.p) c_want(x, start.e);
  c_forget_assigned(x, p->body);
  if (side.n || start.kind != CV_NUM || !start.p || !start.exact) return false;
  b->start = start.p;
  if (!back) return bounds_of(x, p->cond, c, true, b) && (c->inside || !b->half_e);
  b->start = poly_addc(x->a, start.p, -1);
  b->step = -1;
  return add_limit(b, poly_const(x->a, -1));
}

static bool counted(struct cx *x, CXCursor s, const struct parts *p) {
  struct counter c = {0};
  struct bounds b = {0};
  struct known before = c_known_save(x);
  if (!numbers(x, p, &c, &b)) {
    c_known_restore(x, before);
    return false;
  }
  struct loc loc = c_loc(x, s);
  poly_t value;
  if (c.inside) cvar_add(x, c.decl, c.name, VAR_SCALAR, c.type)->id = UINT16_MAX; /* its value is always known */
  struct lstmt *f = counter_loop(x, &c, &b, &value);
  f->loc = loc;
  struct cvar *v = cvar_find(x, c.decl);
  v->known = value;
  v->known_exact = true;
  f->body[0] = with_half(x, &b, value, lower_body(x, p->body));
  c_emit(x, f);
  c_forget_assigned(x, s);
  cvar_find(x, c.decl)->known = NULL;
  if (!c.inside) set_final(x, s, &c, &b);
  return true;
}

/* What comes behind the body of one iteration: the step, and whether there is another one. */
static void next_iteration(struct cx *x, CXCursor s, const CXCursor *cond, const CXCursor *inc, bool simple,
                           unsigned flag) {
  c_forget_assigned(x, s);
  if (inc) c_effect(x, *inc);
  c_forget_assigned(x, s);
  if (simple) return;
  struct cval again = c_cond(x, *cond);
  c_emit(x, loop_set(x->a, flag, cv_bool(x, again)));
}

/* The same where the body may have left the loop. */
static void next_unless_left(struct cx *x, CXCursor s, const CXCursor *cond, const CXCursor *inc, unsigned flag) {
  struct clist l = {0}, *outer = x->cur;
  x->cur = &l;
  next_iteration(x, s, cond, inc, false, flag);
  x->cur = outer;
  c_emit(x, loop_set(x->a, flag, expr_const(x->a, DT_bool, (union value){.u = 0})));
  c_emit(x, c_unless_left(x, &l));
}

/* while (cond) { body; inc }: has_first says that the body runs before the condition is asked. */
static void repeat(struct cx *x, CXCursor s, const CXCursor *cond, CXCursor body, const CXCursor *inc, bool has_first) {
  c_forget_assigned(x, s);
  struct loc loc = c_loc(x, s);
  struct clist test = {0}, all = {0}, *outer = x->cur;
  bool leaves = c_has_break(x, body) || c_has_return(x, body);
  int stop = x->stop;
  x->stop = c_has_break(x, body) ? (int)c_temp(x, "stop", DT_bool) : STOP_NONE;
  x->cur = &test;
  struct cval c = c_cond(x, *cond);
  x->cur = outer;
  bool simple = !test.n && !has_first && !leaves;
  unsigned flag = simple ? 0 : c_temp(x, "go", DT_bool);
  if (!simple) {
    for (unsigned i = 0; i < test.n && !has_first; i++) c_emit(x, test.s[i]);
    c_emit(x, loop_set(x->a, flag, has_first ? expr_const(x->a, DT_bool, (union value){.u = 1}) : cv_bool(x, c)));
  }
  x->cur = &all;
  if (x->stop >= 0) c_emit(x, loop_set(x->a, (unsigned)x->stop, expr_const(x->a, DT_bool, (union value){.u = 0})));
  c_emit(x, lower_body(x, body));
  if (leaves)
    next_unless_left(x, s, cond, inc, flag);
  else
    next_iteration(x, s, cond, inc, simple, flag);
  x->cur = outer;
  x->stop = stop;
  struct lstmt *w = ARENA_NEW(x->a, struct lstmt, 1);
  *w = (struct lstmt){.kind = L_WHILE, .nbody = 1, .loc = loc};
  w->cond = simple ? cv_bool(x, c) : c_local(x, flag);
  w->body = ARENA_NEW(x->a, struct lstmt *, 1);
  w->body[0] = c_block(x, &all);
  c_emit(x, w);
  c_forget_assigned(x, s);
}

void c_for(struct cx *x, CXCursor s) {
  struct parts p = split(x, s);
  if (counted(x, s, &p)) return;
  if (p.has_init && x->cl->getCursorKind(p.init) == CXCursor_DeclStmt) {
    struct rest none = {0};
    if (c_declare(x, p.init, &none)) c_refuse(x, p.init, "arrays cannot be declared here");
  } else if (p.has_init) {
    c_expr(x, p.init);
  }
  repeat(x, s, &p.cond, p.body, p.has_inc ? &p.inc : NULL, false);
}

void c_while(struct cx *x, CXCursor s) {
  struct kids k = c_kids(x, s);
  if (k.n != 2) c_refuse(x, s, "this form of while is not supported");
  repeat(x, s, &k.c[0], k.c[1], NULL, false);
}

void c_do(struct cx *x, CXCursor s) {
  struct kids k = c_kids(x, s);
  if (k.n != 2) c_refuse(x, s, "this form of do is not supported");
  repeat(x, s, &k.c[1], k.c[0], NULL, true);
}
