/* Assignments in all forms. The type in which `a op= b` computes is C's: that of the usual arithmetic conversions, not
   that of a
   (`float *= 2.0` is double arithmetic, `int8_t += 3` is int). clang converts b for us, a has to be converted here. */
#include "compiler/frontend/c_lower.h"

/* A pointer that is kept must not change with the variables in its subscripts: those are evaluated now. */
struct cptr c_freeze(struct cx *x, CXCursor at, struct cptr p) {
  if (p.or) {
    struct choice c = {p.or->when, c_freeze(x, at, p.or->other)};
    p.or = arena_dup(x->a, &c, sizeof c);
  }
  p.ix = arena_dup(x->a, p.ix, sizeof *p.ix * p.rank);
  for (unsigned i = 0; i < p.rank; i++) {
    if (!p.ix[i].dyn || p.ix[i].dyn->kind == E_CONST) continue;
    p.ix[i].poly = poly_add(x->a, p.ix[i].poly, c_let(x, x->cur, "at", p.ix[i].dyn, c_loc(x, at)));
    p.ix[i].dyn = NULL;
    if (p.ix[i].poly->overflow) c_refuse(x, at, "subscript is too large");
  }
  return p;
}

static void store(struct cx *x, CXCursor at, struct cptr p, struct cval v);

/* One of two places. */
static void store_choice(struct cx *x, CXCursor at, struct cptr p, struct cval v) {
  struct clist then = {0}, els = {0}, *outer = x->cur;
  struct choice c = *p.or ;
  p.or = NULL;
  x->cur = &then;
  store(x, at, p, v);
  x->cur = &els;
  store(x, at, c.other, v);
  x->cur = outer;
  c_if_lists(x, c.when, &then, &els);
}

static void store(struct cx *x, CXCursor at, struct cptr p, struct cval v) {
  if (p.or) {
    store_choice(x, at, p, v);
    return;
  }
  struct access *acc = ARENA_NEW(x->a, struct access, 1);
  *acc = (struct access){.tensor = p.obj, .rank = p.rank, .ix = arena_dup(x->a, p.ix, sizeof *p.ix * p.rank)};
  struct lstmt *s = loop_store(x->a, acc, RED_none, cv_get(x, cv_convert(x, v, p.type)));
  s->loc = c_loc(x, at);
  c_emit(x, s);
}

static void write_to(struct cx *x, CXCursor at, struct cvar *var, struct cval place, struct cval v) {
  if (var && var->kind == VAR_POINTER && v.kind == CV_RECORD && !var->ptr.ix &&
      c_assignments(x, x->body, var->decl) == 1) {
    var->kind = VAR_RECORD; /* from now on, and before it points to nothing */
    var->value = v;
    return;
  }
  if (var && var->kind == VAR_POINTER) {
    if (v.kind != CV_PTR) c_refuse(x, at, "this value of pointer '%s' is not supported", var->name);
    CXCursor decl = var->decl;
    v.ptr = c_freeze(x, at, v.ptr);
    var = cvar_find(x, decl);
  } else if (v.kind != CV_NUM) {
    c_refuse(x, at, "this assignment is not supported");
  }
  if (var) {
    c_write_var(x, at, var, v);
  } else if (place.kind == CV_NUM) {
    x->cand[place.arg].written = true; /* the second walk sees an array of one element */
  } else if (place.kind == CV_PTR) {
    store(x, at, place.ptr, v);
  } else {
    c_refuse(x, at, "assignment to an array is not supported");
  }
}

static struct cval read_from(struct cx *x, CXCursor at, struct cvar *var, struct cval place) {
  if (var) return c_read_var(x, at, var);
  if (place.kind == CV_NUM) return place;
  if (place.kind != CV_PTR) c_refuse(x, at, "an array is not a value");
  return c_load(x, at, place.ptr);
}

/* l op r as C computes it; the result still has the computation's type. */
static struct cval compute(struct cx *x, CXCursor c, enum op o, struct cval l, struct cval r) {
  if (r.kind != CV_NUM) c_refuse(x, c, "operand not understood");
  if (l.kind == CV_PTR) {
    struct cval minus = cv_binary(x, OP_sub, cv_poly(x, poly_const(x->a, 0), DT_i64, true), cv_convert(x, r, DT_i64));
    if (o != OP_add && o != OP_sub) c_refuse(x, c, "this operation on pointers is not supported");
    l.ptr = cv_move(x, l.ptr, cv_subscript(x, o == OP_sub ? minus : r));
    return l;
  }
  if (l.kind == CV_RECORD) c_rows_wanted(x, l);
  if (l.kind != CV_NUM) c_refuse(x, c, "this operation on pointers is not supported");
  x->loc = c_loc(x, c);
  bool shift = o == OP_shl || o == OP_shr;
  enum dtype t = shift ? cv_promote(l.type) : cv_usual(l.type, r.type);
  return cv_binary(x, o, cv_convert(x, l, t), shift ? r : cv_convert(x, r, t));
}

struct cval c_assign(struct cx *x, CXCursor c) {
  struct kids s = c_kids(x, c);
  if (s.n != 2) c_refuse(x, c, "assignment not understood");
  if (c_type(x, c).kind == CXType_Record) return c_struct_assign(x, c);
  enum CXBinaryOperatorKind k = x->cl->getCursorBinaryOperatorKind(c);
  struct cval v = c_expr(x, s.c[1]);
  struct cvar *var;
  struct cval place = c_lvalue(x, s.c[0], &var);
  if (k != CXBinaryOperator_Assign) v = compute(x, c, c_binop(k), read_from(x, s.c[0], var, place), v);
  CXCursor decl = var ? var->decl : c;
  write_to(x, c, var, place, v);
  return read_from(x, s.c[0], var ? cvar_find(x, decl) : NULL, place);
}

struct cval c_crement(struct cx *x, CXCursor c, bool plus, bool post) {
  struct cvar *var;
  struct cval place = c_lvalue(x, c, &var);
  CXCursor decl = var ? var->decl : c;
  struct cval old = read_from(x, c, var, place);
  if (post && old.kind == CV_NUM && !old.p) { /* dropped again when nobody reads it */
    unsigned t = c_temp(x, "old", old.type);
    c_emit(x, loop_set(x->a, t, cv_get(x, old)));
    old = cv_expr(c_local(x, t), old.type);
  }
  if (post && old.kind == CV_PTR) {
    old.ptr = c_freeze(x, c, old.ptr);
    if (var) var = cvar_find(x, decl);
  }
  struct cval one = cv_poly(x, poly_const(x->a, 1), DT_i32, true);
  struct cval new = compute(x, c, plus ? OP_add : OP_sub, old, one);
  write_to(x, c, var ? cvar_find(x, decl) : NULL, place, new);
  return post ? old : read_from(x, c, var ? cvar_find(x, decl) : NULL, place);
}
