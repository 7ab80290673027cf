/* Conditions that protect: && || ?: and if. What C does not evaluate may not be loaded. In order of preference
   1. nothing unsafe inside: a plain select, and, or;
   2. the condition is affine: its guards go onto the loads (ir/expr.h: nothing is loaded where a guard fails);
   3. a local variable set by an if. */
#include "compiler/frontend/c_lower.h"

struct cval c_cond(struct cx *x, CXCursor c) {
  struct cval v = c_expr(x, c);
  if (v.kind == CV_PTR || v.kind == CV_RECORD) return c_given(x, c, v);
  if (v.kind != CV_NUM) c_refuse(x, c, "condition not understood");
  return cv_truth(x, v);
}

struct find {
  expr_t in; /* loads in here happen anyway */
  const struct access *want;
  bool found, unsafe;
};

static void same_read(expr_t e, void *ctx) {
  struct find *f = ctx;
  if (e->kind == E_READ && !e->acc->nguard && access_eq(e->acc, f->want)) f->found = true;
}

static void check_read(expr_t e, void *ctx) {
  struct find *f = ctx;
  if (e->kind != E_READ) return;
  struct find g = {.want = e->acc};
  if (f->in) expr_visit(f->in, same_read, &g);
  if (!g.found) f->unsafe = true;
}

/* Does e load anything that `anyway` does not load? */
static bool unsafe(expr_t e, expr_t anyway) {
  struct find f = {.in = anyway};
  expr_visit(e, check_read, &f);
  return f.unsafe;
}

struct protect {
  const poly_t *guard;
  unsigned n;
};

static expr_t protect_read(struct arena *a, expr_t e, void *ctx) {
  const struct protect *p = ctx;
  if (e->kind != E_READ) return e;
  struct access *acc = arena_dup(a, e->acc, sizeof *acc);
  unsigned n = acc->nguard + p->n;
  if (n > UINT8_MAX) return e;
  acc->guard = ARENA_NEW(a, poly_t, n);
  for (unsigned i = 0; i < n; i++) acc->guard[i] = i < p->n ? p->guard[i] : e->acc->guard[i - p->n];
  acc->nguard = (uint8_t)n;
  if (!acc->otherwise) acc->otherwise = expr_const(a, e->type, (union value){0});
  struct expr *r = arena_dup(a, e, sizeof *e);
  r->acc = acc;
  return r;
}

static expr_t protect(struct cx *x, expr_t e, const poly_t *guard, unsigned n) {
  struct protect p = {guard, n};
  return expr_map(x->a, e, protect_read, &p);
}

static void set_in(struct cx *x, struct clist *l, unsigned local, expr_t value) {
  struct clist *outer = x->cur;
  x->cur = l;
  struct lstmt *s = loop_set(x->a, local, value);
  s->loc = x->loc;
  c_emit(x, s);
  x->cur = outer;
}

/* The element that a chosen pointer points to. */
struct cval c_load_choice(struct cx *x, CXCursor at, struct cptr p) {
  struct cptr one = p;
  const struct cval *w = &p.or->when;
  one.or = NULL;
  expr_t a = c_load(x, at, one).e, b = c_load(x, at, p.or->other).e;
  if (w->pos && w->neg)
    return cv_expr(
        expr_op3(x->a, OP_select, cv_bool(x, *w), protect(x, a, w->pos, w->npos), protect(x, b, w->neg, w->nneg)),
        p.type);
  unsigned tmp = c_temp(x, "pick", p.type);
  struct clist la = {0}, lb = {0};
  set_in(x, &la, tmp, a);
  set_in(x, &lb, tmp, b);
  c_if_lists(x, *w, &la, &lb);
  return cv_expr(c_local(x, tmp), p.type);
}

struct cval c_pick_pointer(struct cx *x, CXCursor at, struct cval cond, struct cval a, struct cval b) {
  bool fits = a.kind == CV_PTR && b.kind == CV_PTR && a.ptr.type == b.ptr.type && a.ptr.at + 1 == a.ptr.rank &&
                  b.ptr.at + 1 == b.ptr.rank && !a.ptr.or
              &&!b.ptr.or
      ;
  if (!fits) c_refuse(x, at, "a choice between these pointers is not supported: choose the element instead");
  if (!cond.pos || !cond.neg) { /* asked once, now */
    unsigned t = c_temp(x, "first", DT_bool);
    c_emit(x, loop_set(x->a, t, cv_bool(x, cond)));
    cond = cv_expr(c_local(x, t), DT_i32);
  }
  struct choice c = {cond, b.ptr};
  a.ptr.or = arena_dup(x->a, &c, sizeof c);
  return a;
}

/* Lowers c with its statements going to *l. */
static struct cval apart(struct cx *x, CXCursor c, struct clist *l, struct cval (*lower)(struct cx *, CXCursor)) {
  struct clist *outer = x->cur;
  *l = (struct clist){0};
  x->cur = l;
  struct cval v = lower(x, c);
  x->cur = outer;
  return v;
}

/* Without guards that always hold; at least one stays. */
static void drop_true(struct cx *x, struct cval *c) {
  poly_t *g = ARENA_NEW(x->a, poly_t, c->npos + 1);
  uint8_t n = 0;
  for (unsigned i = 0; i < c->npos; i++)
    if (!cv_nonneg(x, c->pos[i]) || (!n && i + 1u == c->npos)) g[n++] = c->pos[i];
  c->pos = g;
  c->npos = n;
}

static bool always(const poly_t *p, unsigned n) {
  int64_t c;
  bool yes = p != NULL;
  for (unsigned i = 0; i < n && yes; i++) yes = poly_is_const(p[i], &c) && c >= 0;
  return yes;
}

void c_if_lists(struct cx *x, struct cval cond, struct clist *then, struct clist *els) {
  const struct clist *only = always(cond.pos, cond.npos) ? then : always(cond.neg, cond.nneg) ? els : NULL;
  for (unsigned i = 0; only && i < only->n; i++) c_emit(x, only->s[i]);
  if (only) return;
  if ((!then->n && els->n) || (!cond.pos && cond.neg && els->n)) {
    struct clist *t = then;
    then = els, els = t;
    cond = cv_not(x, cond);
  }
  if (!then->n) return;
  if (cond.pos) drop_true(x, &cond);
  struct lstmt *e = els->n ? c_block(x, els) : NULL;
  struct lstmt *s = loop_if(x->a, cond.npos, cond.pos, cond.pos ? NULL : cv_bool(x, cond), c_block(x, then), e);
  s->loc = c_loc(x, x->at);
  c_emit(x, s);
}

struct cval c_logical(struct cx *x, CXCursor c) {
  struct kids s = c_kids(x, c);
  if (s.n != 2) c_refuse(x, c, "operator not understood");
  bool and = x->cl->getCursorBinaryOperatorKind(c) == CXBinaryOperator_LAnd;
  struct clist side;
  struct cval l = c_cond(x, s.c[0]);
  struct known before = c_known_save(x);
  struct cval r = apart(x, s.c[1], &side, c_cond);
  bool ok = !side.n;
  if (ok && unsafe(r.e, l.e)) {
    const poly_t *g = and? l.pos : l.neg;
    if (g)
      r.e = protect(x, r.e, g, and? l.npos : l.nneg);
    else
      ok = false;
  }
  if (ok) return and? cv_and(x, l, r) : cv_or(x, l, r);
  unsigned t = c_temp(x, and? "both" : "any", DT_bool);
  struct clist other = {0};
  set_in(x, &other, t, expr_const(x->a, DT_bool, (union value){.u = !and}));
  set_in(x, &side, t, cv_bool(x, r));
  c_if_lists(x, l, and? &side : &other, and? &other : &side);
  c_known_restore(x, before);
  c_forget_assigned(x, s.c[1]);
  return cv_expr(c_local(x, t), DT_i32);
}

/* c ? a : b as an expression, where that is safe; NULL otherwise. */
static expr_t select_expr(struct cx *x, struct cval cond, expr_t a, expr_t b) {
  bool ua = unsafe(a, cond.e), ub = unsafe(b, cond.e);
  if ((ua && !cond.pos) || (ub && !cond.neg)) return NULL;
  bool whole = ua && a->kind == E_READ && !a->acc->nguard && b->kind == E_CONST;
  if (ua) a = protect(x, a, cond.pos, cond.npos);
  if (ub) b = protect(x, b, cond.neg, cond.nneg);
  if (whole) { /* X[i] if guards else b */
    ((struct access *)a->acc)->otherwise = b;
    return a;
  }
  return expr_op3(x->a, OP_select, cv_bool(x, cond), a, b);
}

struct cval c_ternary(struct cx *x, CXCursor c) {
  struct kids s = c_kids(x, c);
  if (s.n != 3) c_refuse(x, c, "conditional expression not understood");
  struct cval cond = c_cond(x, s.c[0]);
  struct known before = c_known_save(x);
  struct clist la, lb;
  struct cval a = apart(x, s.c[1], &la, c_expr);
  c_known_restore(x, before);
  struct cval b = apart(x, s.c[2], &lb, c_expr);
  x->loc = c_loc(x, c);
  bool effects = la.n || lb.n;
  if (effects) {
    c_known_restore(x, before);
    c_forget_assigned(x, s.c[1]);
    c_forget_assigned(x, s.c[2]);
  }
  if (a.kind == CV_PTR || b.kind == CV_PTR) {
    if (effects) c_refuse(x, c, "a pointer chosen by a condition with side effects is not supported");
    return c_pick_pointer(x, c, cond, a, b);
  }
  if (a.kind == CV_STRUCT && b.kind == CV_STRUCT) {
    if (effects) c_refuse(x, c, "a structure chosen by a condition with side effects is not supported");
    return c_struct_pick(x, c, cond, a, b);
  }
  if (a.kind == CV_VOID || b.kind == CV_VOID) {
    c_if_lists(x, cond, &la, &lb);
    return (struct cval){0};
  }
  enum dtype t = c_arith(x, c, c_type(x, c));
  expr_t ea = cv_get(x, cv_convert(x, a, t)), eb = cv_get(x, cv_convert(x, b, t));
  expr_t e = effects ? NULL : select_expr(x, cond, ea, eb);
  if (e) {
    ((struct expr *)e)->loc = x->loc;
    return cv_expr(e, t);
  }
  unsigned tmp = c_temp(x, "pick", t);
  set_in(x, &la, tmp, ea);
  set_in(x, &lb, tmp, eb);
  c_if_lists(x, cond, &la, &lb);
  return cv_expr(c_local(x, tmp), t);
}
