/* Pointers and integers that move by the same amount in each iteration of a counted loop (`s += 4`, `*p++`,
   `iy += incy`), whatever loops inside move them: at the start of an iteration their value is a polynomial of the
   counter. The statements that move them are kept; where their value is always known, nobody reads what they set.

   Moved means: by statements that every iteration runs, by an amount that does not change in the loop. Nothing is said
   of what moves under a condition, behind a `continue`, or in a loop whose number of iterations is not known. */
#include "compiler/frontend/c_count.h"

struct walk {
  struct cx *x;
  CXCursor decl;
  CXCursor counter;          /* of the loop */
  const struct walk *around; /* the walk in the loop around this one, NULL: none */
  sym_t first;               /* symbols from here on belong to the loop */
  poly_t sum;                /* by how much it moves in an iteration */
  unsigned steps;            /* how many places move it */
  bool read;                 /* some place reads it while it moves it */
  bool loose;                /* a loop moves it that may run fewer than no iterations (n < 0): there it does not move */
};

static bool is_it(struct walk *w, CXCursor c) {
  c = c_strip(w->x, c);
  return w->x->cl->getCursorKind(c) == CXCursor_DeclRefExpr && c_same(w->x, w->x->cl->getCursorReferenced(c), w->decl);
}

/* No counter of a loop in it that begins here, nor a number computed there. */
static bool older(struct cx *x, poly_t p, sym_t first) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (p->mono[i].sym[j] >= first && !x->top[p->mono[i].sym[j]]) return false;
  return true;
}

static bool move(struct walk *w, poly_t by, bool minus) {
  w->sum = minus ? poly_sub(w->x->a, w->sum, by) : poly_add(w->x->a, w->sum, by);
  w->steps++;
  return !w->sum->overflow;
}

static bool moves(struct walk *w, CXCursor c, bool alone);

static bool all_move(struct walk *w, struct kids k, bool alone) {
  for (unsigned i = 0; i < k.n; i++)
    if (!moves(w, k.c[i], alone)) return false;
  return true;
}

/* Does c speak only of what is declared here? (It is evaluated before its turn.) */
static bool in_scope(struct cx *x, CXCursor c, const CXCursor *counter) {
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr) {
    CXCursor d = x->cl->getCursorReferenced(c);
    bool var = x->cl->getCursorKind(d) == CXCursor_VarDecl || x->cl->getCursorKind(d) == CXCursor_ParmDecl;
    const struct cvar *v = var ? cvar_find(x, d) : NULL;
    bool over = v && v->kind == VAR_SCALAR && v->id == UINT16_MAX && !v->known; /* the counter of another loop */
    return !var || (v && !over) || (counter && c_same(x, d, *counter));
  }
  c_enter(x, c);
  struct kids k = c_kids(x, c);
  bool yes = true;
  for (unsigned i = 0; i < k.n && yes; i++) yes = in_scope(x, k.c[i], counter);
  c_leave(x);
  return yes;
}

static unsigned mentions(struct cx *x, CXCursor c, CXCursor decl) {
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr) return c_same(x, x->cl->getCursorReferenced(c), decl);
  c_enter(x, c);
  struct kids k = c_kids(x, c);
  unsigned n = 0;
  for (unsigned i = 0; i < k.n; i++) n += mentions(x, k.c[i], decl);
  c_leave(x);
  return n;
}

/* Does c speak of a counter of these loops? Where one is a variable of the function, its value before the loop is
 * known. */
static bool counts(const struct walk *w, CXCursor c) {
  for (; w; w = w->around)
    if (mentions(w->x, c, w->counter)) return true;
  return false;
}

/* v += e, v -= e */
static bool moves_by(struct walk *w, CXCursor c, struct kids k) {
  struct cval v;
  enum CXBinaryOperatorKind b = w->x->cl->getCursorBinaryOperatorKind(c);
  if (k.n != 2 || (b != CXBinaryOperator_AddAssign && b != CXBinaryOperator_SubAssign)) return false;
  if (c_assigns(w->x, k.c[1], w->decl) || counts(w, k.c[1]) || !in_scope(w->x, k.c[1], NULL)) return false;
  if (!c_bound_value(w->x, k.c[1], true, &v)) return false;
  return older(w->x, v.p, w->first) && move(w, v.p, b == CXBinaryOperator_SubAssign);
}

static bool moves_by_one(struct walk *w, CXCursor c) {
  enum CXUnaryOperatorKind u = w->x->cl->getCursorUnaryOperatorKind(c);
  bool up = u == CXUnaryOperator_PreInc || u == CXUnaryOperator_PostInc;
  if (!up && u != CXUnaryOperator_PreDec && u != CXUnaryOperator_PostDec) return false;
  return move(w, poly_const(w->x->a, 1), !up);
}

/* Adds up how far c moves it; false: not the same in each iteration. alone: c is a statement, nobody reads its value.
 */
static bool moves(struct walk *w, CXCursor c, bool alone) {
  struct cx *x = w->x;
  if (!c_assigns(x, c, w->decl)) return true;
  c_enter(x, c);
  bool ok = false;
  struct kids k = c_kids(x, c);
  switch (x->cl->getCursorKind(c)) {
  case CXCursor_CompoundAssignOperator:
    w->read |= !alone;
    ok = k.n && is_it(w, k.c[0]) ? moves_by(w, c, k) : all_move(w, k, false);
    break;
  case CXCursor_UnaryOperator:
    w->read |= !alone;
    ok = k.n && is_it(w, k.c[0]) ? moves_by_one(w, c) : all_move(w, k, false);
    break;
  case CXCursor_BinaryOperator: {
    enum CXBinaryOperatorKind b = x->cl->getCursorBinaryOperatorKind(c);
    bool sometimes = b == CXBinaryOperator_LAnd || b == CXBinaryOperator_LOr;
    bool set = b == CXBinaryOperator_Assign && k.n && is_it(w, k.c[0]);
    ok = !sometimes && !set && all_move(w, k, false);
    break;
  }
  case CXCursor_CompoundStmt:
    ok = all_move(w, k, true);
    break;
  case CXCursor_IfStmt: /* if (*p++ > 0): the condition alone */
    ok = k.n && moves(w, k.c[0], false);
    for (unsigned i = 1; i < k.n && ok; i++) ok = !c_assigns(x, k.c[i], w->decl);
    break;
  case CXCursor_ParenExpr:
  case CXCursor_UnexposedExpr:
  case CXCursor_CStyleCastExpr:
  case CXCursor_ArraySubscriptExpr:
  case CXCursor_MemberRefExpr:
  case CXCursor_CallExpr:
  case CXCursor_DeclStmt:
  case CXCursor_VarDecl:
    ok = all_move(w, k, false);
    break;
  default:
    break;
  }
  c_leave(x);
  return ok;
}

/* How often a loop runs, where that is a polynomial. */
static poly_t iterations(struct cx *x, const struct bounds *b) {
  if (b->count) return b->count;
  if (b->n != 1 || b->half_e || b->by) return NULL;
  int64_t by = b->step > 0 ? b->step : -b->step;
  poly_t n = b->step > 0 ? poly_sub(x->a, b->limit[0], b->start) : poly_sub(x->a, b->start, b->limit[0]);
  if (by != 1 || n->overflow) return NULL;
  return n;
}

static bool fixed_moves(struct walk *w, struct kids body, struct kids more);

/* A loop inside that moves it in each iteration: so many times as much. */
static bool moved_inside(struct walk *w, CXCursor loop) {
  struct cx *x = w->x;
  struct kids k = c_kids(x, loop);
  if (k.n != 4) return false;
  struct parts p = {.init = k.c[0], .cond = k.c[1], .inc = k.c[2], .body = {1, &k.c[3]}};
  p.has_init = p.has_cond = p.has_inc = true;
  struct kids decl = c_kids(x, p.init);
  bool declares = x->cl->getCursorKind(p.init) == CXCursor_DeclStmt && decl.n == 1;
  for (unsigned i = 0; i < 3; i++)
    if (!in_scope(x, k.c[i], declares ? &decl.c[0] : NULL)) return false;
  struct counter c = {0};
  struct bounds b = {0};
  struct known before = c_known_save(x);
  struct walk in = {.x = x, .decl = w->decl, .around = w, .first = w->first, .sum = poly_const(x->a, 0)};
  poly_t n = c_count(x, &p, &c, &b) ? iterations(x, &b) : NULL;
  in.counter = c.decl;
  bool ok = n && older(x, n, w->first) && fixed_moves(&in, p.body, p.more);
  c_known_restore(x, before);
  if (!ok) return false;
  w->read |= in.read;
  w->loose |= in.loose || !(b.count || cv_nonneg(x, n));
  return move(w, poly_mul(x->a, n, in.sum), false);
}

/* How far an iteration moves it. */
static bool fixed_moves(struct walk *w, struct kids body, struct kids more) {
  struct cx *x = w->x;
  unsigned with = 0;
  if (body.n == 1 && x->cl->getCursorKind(body.c[0]) == CXCursor_CompoundStmt) body = c_kids(x, body.c[0]);
  bool jumps = false;
  for (unsigned i = 0; i < body.n; i++) {
    with += mentions(x, body.c[i], w->decl) > 0;
    jumps |= c_has_jump(x, body.c[i]);
    if (!c_assigns(x, body.c[i], w->decl)) continue;
    bool loop = x->cl->getCursorKind(body.c[i]) == CXCursor_ForStmt;
    if (jumps || !(loop ? moved_inside(w, body.c[i]) : moves(w, body.c[i], true))) return false;
  }
  for (unsigned i = 0; i < more.n; i++) with += mentions(x, more.c[i], w->decl) > 0;
  return all_move(w, more, true) && (!w->loose || with == 1);
}

/* What is seen of it at the loop: is it one that is followed, and where does it start? NULL: no. */
static poly_t start_of(struct cx *x, unsigned i, const struct known *before, CXCursor at) {
  struct cvar *v = &x->var[i];
  const struct cvar *old = &before->v[i];
  if (v->kind == VAR_POINTER) {
    if (!old->ptr.ix || old->ptr.or || v->id == UINT16_MAX || old->ptr.ix[old->ptr.at].dyn) return NULL;
    return old->ptr.ix[old->ptr.at].poly;
  }
  bool number = v->type == DT_i32 || v->type == DT_i64 || v->type == DT_u32;
  if (v->kind != VAR_SCALAR || v->id == UINT16_MAX || !number) return NULL;
  if (old->known) return old->known_exact ? old->known : NULL;
  return c_known_start(x, v, at) ? x->var[i].known : NULL;
}

static void set(struct cx *x, unsigned i, const struct known *before, poly_t at) {
  struct cvar *v = &x->var[i];
  if (v->kind == VAR_SCALAR) {
    if (!cv_fits(x, at, (enum dtype)v->type)) return; /* it might wrap */
    v->known = at;
    v->known_exact = true;
    return;
  }
  v->ptr = before->v[i].ptr;
  v->ptr.ix = arena_dup(x->a, v->ptr.ix, sizeof *v->ptr.ix * v->ptr.rank);
  v->ptr.ix[v->ptr.at].poly = at;
}

/* p / by, where that has no remainder; NULL: it has. */
static poly_t quotient(struct arena *a, poly_t p, int64_t by) {
  struct poly *q = (struct poly *)poly_copy(a, p);
  for (uint32_t i = 0; i < q->n; i++) {
    if (q->mono[i].coef % by) return NULL;
    q->mono[i].coef /= by;
  }
  return q;
}

void c_walks_find(struct cx *x, const struct parts *p, const struct bounds *b, const struct counter *c,
                  const struct known *before, struct walks *out) {
  sym_t first = x->k->nsym;
  *out = (struct walks){0};
  for (unsigned i = 0; i < before->n && out->n < MAX_WALKING; i++) {
    CXCursor decl = x->var[i].decl;
    struct walk w = {.x = x, .decl = decl, .counter = c->decl, .first = first, .sum = poly_const(x->a, 0)};
    if (x->var[i].kind != VAR_POINTER && x->var[i].kind != VAR_SCALAR) continue;
    if (c_same(x, decl, c->decl) || !(c_part_assigns(x, p->body, decl) || c_part_assigns(x, p->more, decl))) continue;
    if (!fixed_moves(&w, p->body, p->more) || !w.steps) continue;
    unsigned seen = 0; /* one that only counts is a sum like any other */
    for (unsigned j = 0; j < p->body.n; j++) seen += mentions(x, p->body.c[j], decl);
    for (unsigned j = 0; j < p->more.n; j++) seen += mentions(x, p->more.c[j], decl);
    int64_t by = b->count ? 1 : b->step > 0 ? b->step : -b->step;
    poly_t each = quotient(x->a, w.sum, by),
           start = (w.read || seen > w.steps) && each ? start_of(x, i, before, p->cond) : NULL;
    if (start) out->v[out->n++] = (struct walking){i, start, each, w.sum, w.loose};
  }
}

void c_walks_start(struct cx *x, const struct walks *all, const struct known *before, poly_t done) {
  for (unsigned i = 0; i < all->n; i++) {
    const struct walking *w = &all->v[i];
    poly_t at = poly_add(x->a, w->start, poly_mul(x->a, w->each, done));
    if (!at->overflow) set(x, w->var, before, at);
  }
}

void c_walks_end(struct cx *x, const struct walks *all, const struct known *before, const struct bounds *b) {
  poly_t n = iterations(x, b);
  if (!n || !(b->count || cv_nonneg(x, n))) return;
  for (unsigned i = 0; i < all->n; i++) {
    const struct walking *w = &all->v[i];
    poly_t at = poly_add(x->a, w->start, poly_mul(x->a, w->sum, n));
    if (!at->overflow && !w->loose) set(x, w->var, before, at);
  }
}
