/* Which loops count: a counter that the body does not assign, a step that stays the same, bounds that are polynomials.
   Its counter is then a symbol, exact because signed overflow is undefined and an unsigned counter below its bound does
   not wrap. Where the number of iterations is no polynomial (a step of 4 over n elements), it is computed once, at
   entry. A bound of an unsigned type that is only right modulo 2^64 (`i < n - 1` with n == 0, an int converted) is
   taken as the number it is without the modulo: the difference is a loop of more iterations than arrays have elements.
 */
#include "compiler/frontend/c_count.h"

bool c_part_assigns(struct cx *x, struct kids k, CXCursor decl) {
  for (unsigned i = 0; i < k.n; i++)
    if (c_assigns(x, k.c[i], decl)) return true;
  return false;
}

bool c_any_assigned(struct cx *x, CXCursor c, struct kids k) {
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr) return c_part_assigns(x, k, x->cl->getCursorReferenced(c));
  struct kids in = c_kids(x, c);
  bool yes = false;
  c_enter(x, c);
  for (unsigned i = 0; i < in.n && !yes; i++) yes = c_any_assigned(x, in.c[i], k);
  c_leave(x);
  return yes;
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

static bool is_post(struct cx *x, CXCursor c, bool *post, CXCursor *of) {
  c = c_strip(x, c);
  if (x->cl->getCursorKind(c) != CXCursor_UnaryOperator) return false;
  enum CXUnaryOperatorKind u = x->cl->getCursorUnaryOperatorKind(c);
  struct kids k = c_kids(x, c);
  *post = u == CXUnaryOperator_PostDec;
  if ((!*post && u != CXUnaryOperator_PreDec) || k.n != 1) return false;
  *of = c_strip(x, k.c[0]);
  return x->cl->getCursorKind(*of) == CXCursor_DeclRefExpr;
}

static bool is_number(struct cx *x, CXCursor c, int64_t n) {
  enum dtype t;
  union value v;
  c = c_strip(x, c);
  return x->cl->getCursorKind(c) == CXCursor_IntegerLiteral && c_dtype(x, c_type(x, c), &t) &&
         c_constant(x, c, t, &v) && v.i == n;
}

/* n--, n-- > 0, n-- != 0, --n >= 0: the counter, that runs down to 0. (n-- with n below 0 runs until it overflows.) */
static bool counts_down(struct cx *x, const struct parts *p, CXCursor *counter) {
  bool post;
  if (p->has_inc) return false;
  if (is_post(x, p->cond, &post, counter)) return post;
  CXCursor cond = c_strip(x, p->cond);
  struct kids k = c_kids(x, cond);
  if (x->cl->getCursorKind(cond) != CXCursor_BinaryOperator || k.n != 2) return false;
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(cond));
  if (!is_post(x, k.c[0], &post, counter)) return false;
  return is_number(x, k.c[1], 0) && (post ? o == OP_gt || o == OP_ne : o == OP_ge);
}

/* a, b, c as three expressions. */
unsigned c_commas(struct cx *x, CXCursor c, CXCursor *out, unsigned max) {
  CXCursor e = c_strip(x, c);
  if (x->cl->getCursorKind(e) != CXCursor_BinaryOperator ||
      x->cl->getCursorBinaryOperatorKind(e) != CXBinaryOperator_Comma) {
    if (max) *out = c;
    return max ? 1 : 0;
  }
  struct kids k = c_kids(x, e);
  unsigned n = c_commas(x, k.c[0], out, max);
  return n ? n + c_commas(x, k.c[1], out + n, max - n) : 0;
}

static bool is_assign(struct cx *x, CXCursor c) {
  return x->cl->getCursorKind(c) == CXCursor_BinaryOperator &&
         x->cl->getCursorBinaryOperatorKind(c) == CXBinaryOperator_Assign;
}

/* The variable that `i++`, `i += c` or `i = i + c` changes. */
static bool stepped(struct cx *x, CXCursor inc, CXCursor *decl) {
  inc = c_strip(x, inc);
  struct kids k = c_kids(x, inc);
  enum CXCursorKind kind = x->cl->getCursorKind(inc);
  if (!k.n || (kind != CXCursor_UnaryOperator && kind != CXCursor_CompoundAssignOperator && !is_assign(x, inc)))
    return false;
  CXCursor l = c_strip(x, k.c[0]);
  if (x->cl->getCursorKind(l) != CXCursor_DeclRefExpr) return false;
  *decl = x->cl->getCursorReferenced(l);
  return true;
}

/* i++, p += 4: the step is that of the variable in the condition; the others are done behind the body. */
static void pick_step(struct cx *x, struct parts *p) {
  enum { MAX = 16 };
  CXCursor all[MAX], decl;
  unsigned n = p->has_inc ? c_commas(x, p->inc, all, MAX) : 0;
  if (n < 2) return;
  for (unsigned i = 0; i < n; i++) {
    if (!stepped(x, all[i], &decl) || !mentions(x, p->cond, decl)) continue;
    p->inc = all[i];
    p->more = (struct kids){n - 1, ARENA_NEW(x->a, CXCursor, n)};
    for (unsigned j = 0, m = 0; j < n; j++)
      if (j != i) p->more.c[m++] = all[j];
    return;
  }
}

/* for (; i < n; i++): goes on from where i is. */
static bool counter_goes_on(struct cx *x, const struct parts *p, struct counter *c) {
  CXCursor l;
  if (p->has_inc ? !stepped(x, p->inc, &c->decl) : !counts_down(x, p, &l)) return false;
  if (!p->has_inc) c->decl = x->cl->getCursorReferenced(l);
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
  return type_is_int(t) && t != DT_bool;
}

/* A counter narrower than int is not undefined where it leaves its type, it wraps: it must not get there. */
static bool stays_in_type(struct cx *x, const struct counter *c, const struct bounds *b) {
  int64_t lo, hi, least, most, unused;
  c_int_range((enum dtype)c->type, &lo, &hi);
  poly_range(b->start, x->lo, x->hi, &least, &most);
  if (least < lo || most > hi || b->by || b->step > 255 || b->step < -255) return false;
  bool ok = false; /* of several limits the first that is reached counts */
  for (unsigned i = 0; i < b->n; i++) {
    poly_range(b->limit[i], x->lo, x->hi, &least, &unused);
    poly_range(b->limit[i], x->lo, x->hi, &unused, &most);
    ok |= b->step > 0 ? most <= hi - (b->step - 1) : least >= lo + (-b->step - 1);
  }
  return ok;
}

static bool const_step(struct cx *x, CXCursor c, int64_t *step) {
  c = c_strip(x, c);
  enum dtype t;
  union value v;
  if (!c_dtype(x, c_type(x, c), &t) || !type_is_int(t) || !c_constant(x, c, t, &v)) return false;
  *step = v.i;
  return v.i > 0;
}

/* Is an unsigned number what it is without the modulo, but for being negative? */
static bool wraps_below_only(struct cx *x, struct cval v) {
  int64_t lo, hi;
  poly_range(v.p, x->lo, x->hi, &lo, &hi);
  return v.type == DT_u64 || (v.type == DT_u32 && hi <= UINT32_MAX);
}

/* May evaluating c change a variable? */
bool c_has_effects(struct cx *x, CXCursor c) {
  enum CXCursorKind k = x->cl->getCursorKind(c);
  if (k == CXCursor_CompoundAssignOperator || k == CXCursor_CallExpr) return true;
  if (k == CXCursor_BinaryOperator && x->cl->getCursorBinaryOperatorKind(c) == CXBinaryOperator_Assign) return true;
  if (k == CXCursor_UnaryOperator) {
    enum CXUnaryOperatorKind u = x->cl->getCursorUnaryOperatorKind(c);
    if (u >= CXUnaryOperator_PostInc && u <= CXUnaryOperator_PreDec) return true;
  }
  struct kids in = c_kids(x, c);
  bool yes = false;
  c_enter(x, c);
  for (unsigned i = 0; i < in.n && !yes; i++) yes = c_has_effects(x, in.c[i]);
  c_leave(x);
  return yes;
}

/* The bound's value, evaluated as it stands in the loop; false: not a polynomial. What is known of variables stays as
 * it is: the expression's turn is yet to come. */
bool c_bound_value(struct cx *x, CXCursor c, bool down, struct cval *v) {
  struct clist side = {0}, *outer = x->cur;
  bool effects = c_has_effects(x, c);
  struct known before = effects ? c_known_save(x) : (struct known){0};
  x->cur = &side;
  *v = c_expr(x, c);
  x->cur = outer;
  if (effects) c_known_restore(x, before);
  if (v->kind == CV_NUM && !v->p) c_want(x, v->e);
  if (side.n || v->kind != CV_NUM || !v->p || !type_is_int(v->type)) return false;
  return v->exact || (!down && wraps_below_only(x, *v));
}

/* Does c name a variable of the body, which a while loop's last statement may (`int run = …; …; i += run;`)? */
static bool of_body(struct cx *x, CXCursor c) {
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr) {
    CXCursor decl = x->cl->getCursorReferenced(c);
    return x->cl->getCursorKind(decl) == CXCursor_VarDecl && x->cl->getCursorLinkage(decl) == CXLinkage_NoLinkage &&
           !cvar_find(x, decl) && !c_const_array(x, decl);
  }
  struct kids in = c_kids(x, c);
  bool yes = false;
  c_enter(x, c);
  for (unsigned i = 0; i < in.n && !yes; i++) yes = of_body(x, in.c[i]);
  c_leave(x);
  return yes;
}

/* The step of the counter, negative when it runs down; 2 or -2 with its
 * amount in *by when that is no constant. */
static bool step_of(struct cx *x, const struct parts *p, const struct counter *c, int64_t *step, poly_t *by_poly) {
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
  if (b != CXBinaryOperator_AddAssign && b != CXBinaryOperator_SubAssign) return false;
  struct cval v;
  if (!const_step(x, by, step)) {
    if (mentions(x, by, c->decl) || of_body(x, by) || !c_bound_value(x, by, false, &v) || !v.exact ||
        !cv_over_dims(x, v.p) || poly_is_const(v.p, NULL))
      return false;
    *by_poly = v.p;
    *step = 2;
  }
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

/* Does comparing in type `by` leave the counter's value alone? */
static bool keeps_value(struct cx *x, enum dtype t, enum dtype by, poly_t start, bool down) {
  if (t == by || (type_size(by) > type_size(t) && !(type_is_signed(t) && !type_is_signed(by)))) return true;
  if (type_size(by) < type_size(t)) return false;
  return !down && cv_nonneg(x, start); /* signed counter, unsigned bound */
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
  if ((o != OP_div && o != OP_shr) || !const_step(x, k.c[1], &b->half_c) || !c_bound_value(x, k.c[0], false, &e) ||
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
  return c_bound_value(x, c, false, &v) && v.exact && poly_eq(v.p, p);
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
  if ((!less && !more) || !c_bound_value(x, q.c[0], false, &l) || !c_bound_value(x, q.c[1], false, &r) || !l.exact ||
      !r.exact)
    return false;
  if (!same_number(x, k.c[1], less ? l.p : r.p) || !same_number(x, k.c[2], less ? r.p : l.p)) return false;
  return add_limit(b, poly_addc(x->a, l.p, plus)) && add_limit(b, poly_addc(x->a, r.p, plus));
}

/* A side of a comparison with the counter in it, at a counter of value q. */
static bool side_value(struct cx *x, CXCursor c, const struct counter *k, poly_t q, struct cval *v) {
  if (!cvar_find(x, k->decl)) cvar_add(x, k->decl, k->name, VAR_SCALAR, k->type)->id = UINT16_MAX;
  struct cvar old = *cvar_find(x, k->decl);
  cvar_find(x, k->decl)->known = q;
  cvar_find(x, k->decl)->known_exact = true;
  bool ok = c_bound_value(x, c, false, v);
  if (!ok && v->kind == CV_NUM && v->p && v->type == DT_u32) { /* i + 3 near 2^32 */
    int64_t lo, hi;
    poly_range(v->p, x->lo, x->hi, &lo, &hi);
    ok = lo >= 0;
  }
  cvar_find(x, k->decl)->known = old.known;
  cvar_find(x, k->decl)->known_exact = old.known_exact;
  return ok;
}

/* i + 3 < n, 2 * i + 1 < n: the counter stands in a sum. */
static bool sum_bound(struct cx *x, struct kids k, enum op o, const struct counter *c, struct bounds *b) {
  bool down = b->step < 0, strict = o == OP_lt || o == OP_gt;
  if (o == OP_eq || o == OP_ne) return false;
  int64_t first, most;
  poly_range(b->start, x->lo, x->hi, &first, &most);
  sym_t q = c_new_sym(x, c->name, down ? INT64_MIN : first, INT64_MAX);
  struct cval l, r;
  poly_t coef, rest;
  int64_t n;
  if (!side_value(x, k.c[0], c, poly_sym(x->a, q), &l) || !side_value(x, k.c[1], c, poly_sym(x->a, q), &r))
    return false;
  poly_t d = o == OP_lt || o == OP_le ? poly_sub(x->a, r.p, l.p) : poly_sub(x->a, l.p, r.p); /* > 0, or >= 0 */
  if (!poly_split(x->a, d, q, &coef, &rest) || !poly_is_const(coef, &n) || rest->overflow || poly_has(rest, q))
    return false;
  if (!down && n == -1) return add_limit(b, poly_addc(x->a, rest, !strict));
  if (down && n == 1) return add_limit(b, poly_addc(x->a, poly_scale(x->a, rest, -1), -!strict));
  if (down || n >= -1 || n < -1000 || b->half_e || !cv_nonneg(x, b->start)) return false;
  b->half_c = -n;
  b->half_e = poly_addc(x->a, rest, -n - strict);
  return add_limit(b, poly_addc(x->a, rest, !strict));
}

/* One comparison of the counter with a bound. */
static bool one_bound(struct cx *x, CXCursor cond, const struct counter *c, bool alone, struct bounds *b) {
  struct kids k = c_kids(x, cond);
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(cond));
  if (k.n != 2 || o < OP_eq || o > OP_ge) return false;
  bool left = is_var(x, k.c[0], c->decl), down = b->step < 0;
  CXCursor side = left ? k.c[1] : k.c[0];
  if (!left && !is_var(x, k.c[1], c->decl)) return sum_bound(x, k, o, c, b);
  if (mentions(x, side, c->decl)) return sum_bound(x, k, o, c, b);
  if (!left) o = mirror(o);
  struct cval v;
  enum dtype by;
  bool plain = c_dtype(x, c_type(x, side), &by) && by == c->type;
  if ((o == OP_lt || o == OP_le) && !down && plain && smaller_of_two(x, side, o == OP_le, b)) return true;
  if (!c_bound_value(x, side, down, &v)) return o == OP_lt && half_bound(x, side, b);
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

/* How many iterations, where that is no polynomial: a symbol. False: it cannot be told at entry. */
static bool find_count(struct cx *x, struct bounds *b) {
  if (!b->by && (b->step == 1 || b->step == -1)) return true;
  poly_t range = b->step > 0 ? poly_sub(x->a, b->limit[0], b->start) : poly_sub(x->a, b->start, b->limit[0]);
  int64_t by = b->step > 0 ? b->step : -b->step;
  bool divides = !b->by && !range->overflow;
  for (uint32_t i = 0; i < range->n && divides; i++) divides = range->mono[i].coef % by == 0;
  if (divides || poly_is_const(range, NULL)) return !b->by;
  if (b->n != 1 || !cv_over_dims(x, range) || range->overflow || b->half_e) return !b->by;
  struct arena *a = x->a;
  expr_t step = b->by ? expr_poly(a, b->by) : expr_i(a, DT_i64, by);
  expr_t up = expr_op2(a, OP_sub, step, expr_i(a, DT_i64, 1));
  expr_t len = expr_op2(a, OP_max, expr_poly(a, range), expr_i(a, DT_i64, 0));
  b->count = c_entry_let(x, "count", expr_op2(a, OP_div, expr_op2(a, OP_add, len, up), step));
  if (!b->by) b->by = poly_const(a, by);
  return true;
}

static bool leaves(struct cx *x, struct kids body) {
  for (unsigned i = 0; i < body.n; i++)
    if (c_has_break(x, body.c[i]) || c_has_return(x, body.c[i])) return true;
  return false;
}

/* Not exact: right for a loop that runs down (`n - 1` of unsigned n: no iterations where it wraps below zero). */
static bool start_value(struct cx *x, const struct parts *p, struct counter *c, struct cval *start) {
  struct clist side = {0}, *outer = x->cur;
  struct cvar *v = c->goes_on ? cvar_find(x, c->decl) : NULL;
  if (v && !c_known_start(x, v, p->cond) && !cvar_find(x, c->decl)->known) return false;
  x->cur = &side;
  if (v) v = cvar_find(x, c->decl);
  *start = v ? cv_poly(x, v->known, c->type, v->known_exact) : c_expr(x, c->start);
  x->cur = outer;
  if (start->kind == CV_NUM && !start->p) c_want(x, start->e);
  return !side.n && start->kind == CV_NUM && start->p && (start->exact || wraps_below_only(x, *start));
}

bool c_count(struct cx *x, struct parts *p, struct counter *c, struct bounds *b) {
  CXCursor decl;
  struct cval start;
  pick_step(x, p);
  if (!counter_of(x, p, c) || c_part_assigns(x, p->body, c->decl) || c_part_assigns(x, p->more, c->decl)) return false;
  if (leaves(x, p->body)) return false;
  bool back = counts_down(x, p, &decl) && c_same(x, x->cl->getCursorReferenced(decl), c->decl);
  if (!back && (!p->has_inc || c_assigns(x, p->cond, c->decl))) return false;
  if (c_any_assigned(x, p->cond, p->more)) return false;
  if (!start_value(x, p, c, &start)) return false;
  for (unsigned i = 0; i < p->body.n; i++) c_forget_assigned(x, p->body.c[i]);
  for (unsigned i = 0; i < p->more.n; i++) c_forget_assigned(x, p->more.c[i]);
  b->start = start.p;
  bool narrow = type_size(c->type) < 4;
  if (back) {
    if (narrow) return false;
    b->start = poly_addc(x->a, start.p, -1);
    b->step = -1;
    return add_limit(b, poly_const(x->a, -1));
  }
  if (!step_of(x, p, c, &b->step, &b->by) || (b->step > 0 && !start.exact)) return false;
  return bounds_of(x, p->cond, c, true, b) && (c->inside || !b->half_e) && (!narrow || stays_in_type(x, c, b)) &&
         find_count(x, b);
}
