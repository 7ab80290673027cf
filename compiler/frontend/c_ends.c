/* Loops that end where a pointer does: `for (p = x; p < x + n; p++)`, `while (p != end) s += *p++;`. The pointer moves
   by the same number of elements in each iteration (c_walk.c), so they are counted, without a counter. */
#include "compiler/frontend/c_count.h"

/* Both sides of the condition as places of one array, nothing else being done: how far the right one is from the left
   one. NULL: they are no such places. */
static poly_t distance(struct cx *x, CXCursor l, CXCursor r) {
  struct clist side = {0}, *outer = x->cur;
  if (!c_is_pointer(c_type(x, l)) || !c_is_pointer(c_type(x, r)) || c_has_effects(x, l) || c_has_effects(x, r))
    return NULL;
  x->cur = &side;
  struct cval a = c_expr(x, l), b = c_expr(x, r);
  x->cur = outer;
  if (side.n || a.kind != CV_PTR || b.kind != CV_PTR || !c_pointers_related(x, a.ptr, b.ptr)) return NULL;
  struct subscript from = a.ptr.ix[a.ptr.at], to = b.ptr.ix[b.ptr.at];
  if (from.dyn || to.dyn) return NULL;
  poly_t d = poly_sub(x->a, to.poly, from.poly);
  return d->overflow ? NULL : d;
}

/* The pointer variable that c is, which the loop moves; -1: none, or another one may be moved, too. */
static int mover(struct cx *x, const struct parts *p, CXCursor c, CXCursor other) {
  c = c_strip(x, c);
  if (x->cl->getCursorKind(c) != CXCursor_DeclRefExpr) return -1;
  CXCursor decl = x->cl->getCursorReferenced(c);
  const struct cvar *v = cvar_find(x, decl);
  if (!v || v->kind != VAR_POINTER || !v->ptr.ix || v->ptr.or) return -1;
  if (!c_part_assigns(x, p->body, decl) && !c_part_assigns(x, p->more, decl)) return -1;
  return c_any_assigned(x, other, p->body) || c_any_assigned(x, other, p->more) ? -1 : (int)(v - x->var);
}

static enum op turned(enum op o) {
  return o == OP_lt ? OP_gt : o == OP_gt ? OP_lt : o == OP_le ? OP_ge : o == OP_ge ? OP_le : o;
}

/* How many elements there are to go, in the direction of the step; NULL: the condition is about the other one. */
static poly_t to_go(struct cx *x, enum op o, poly_t ahead, int64_t step) {
  poly_t far = step > 0 ? ahead : poly_scale(x->a, ahead, -1);
  if (step < 0) o = turned(o);
  if (o == OP_lt || o == OP_ne) return far;
  return o == OP_le ? poly_addc(x->a, far, 1) : NULL;
}

static bool set_bounds(struct cx *x, poly_t n, int64_t by, struct bounds *b) {
  struct arena *a = x->a;
  *b = (struct bounds){.start = poly_const(a, 0), .step = 1};
  if (by == 1) {
    b->limit[b->n++] = n;
    return true;
  }
  if (!cv_over_dims(x, n)) return false;
  expr_t len = expr_op2(a, OP_max, expr_poly(a, n), expr_i(a, DT_i64, 0));
  expr_t times = expr_op2(a, OP_div, expr_op2(a, OP_add, len, expr_i(a, DT_i64, by - 1)), expr_i(a, DT_i64, by));
  b->count = c_entry_let(x, "count", times);
  b->by = poly_const(a, 1);
  return true;
}

/* What the for statement does behind the body, among what it does there besides. */
static void take_steps(struct cx *x, struct parts *p) {
  enum { MAX = 16 };
  CXCursor *all = ARENA_NEW(x->a, CXCursor, MAX);
  if (!p->has_inc) return;
  p->more = (struct kids){c_commas(x, p->inc, all, MAX), all};
  p->has_inc = false;
}

bool c_count_walk(struct cx *x, struct parts *p, struct counter *c, struct bounds *b, const struct known *before,
                  struct walks *walks) {
  CXCursor cond = c_strip(x, p->cond);
  struct kids k = c_kids(x, cond);
  if (x->cl->getCursorKind(cond) != CXCursor_BinaryOperator || k.n != 2) return false;
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(cond));
  if (o < OP_eq || o > OP_ge || o == OP_eq) return false;
  for (unsigned i = 0; i < p->body.n; i++)
    if (c_has_break(x, p->body.c[i]) || c_has_return(x, p->body.c[i])) return false;
  take_steps(x, p);
  int at = mover(x, p, k.c[0], k.c[1]);
  bool swapped = at < 0;
  if (swapped) at = mover(x, p, k.c[1], k.c[0]), o = turned(o);
  poly_t ahead = at < 0 ? NULL : distance(x, k.c[swapped], k.c[!swapped]), n = NULL;
  int64_t step = 0;
  if (!ahead) return false;
  *c = (struct counter){.name = "at", .type = DT_i64};
  set_bounds(x, ahead, 1, b);
  for (unsigned i = 0; i < p->body.n; i++) c_forget_assigned(x, p->body.c[i]);
  for (unsigned i = 0; i < p->more.n; i++) c_forget_assigned(x, p->more.c[i]);
  c_walks_find(x, p, b, c, before, walks);
  for (unsigned i = 0; i < walks->n; i++)
    if ((int)walks->v[i].var == at && !walks->v[i].loose && poly_is_const(walks->v[i].sum, &step) && step)
      n = to_go(x, o, ahead, step);
  return n && !n->overflow && set_bounds(x, n, step < 0 ? -step : step, b);
}
