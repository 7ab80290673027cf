/* Loops in which pointers change places (`t = u; u = un; un = t`, behind each time step): after two or three iterations
   all of them are where they were. The body is lowered once for each of these phases, with pointers that are known, so
   that each store names one array. What follows the loop is lowered once for each phase in which it may have ended. */
#include "compiler/frontend/c_count.h"
#include <string.h>

enum { NOWHERE = 255 };

static bool pointer_var(struct cx *x, CXCursor c, CXCursor *decl) {
  c = c_strip(x, c);
  if (x->cl->getCursorKind(c) != CXCursor_DeclRefExpr || !c_is_pointer(c_type(x, c))) return false;
  *decl = x->cl->getCursorReferenced(c);
  enum CXCursorKind k = x->cl->getCursorKind(*decl);
  return k == CXCursor_VarDecl || k == CXCursor_ParmDecl;
}

static unsigned number_of(struct cx *x, struct turns *t, CXCursor decl) {
  for (unsigned i = 0; i < t->n; i++)
    if (c_same(x, t->v[i].decl, decl)) return i;
  if (t->n == MAX_TURNS) {
    t->ok = false;
    return 0;
  }
  t->v[t->n].decl = decl;
  return t->n++;
}

/* to = from, in the order in which an iteration does it. */
static void moves(struct cx *x, struct turns *t, CXCursor to, CXCursor from) {
  unsigned a = number_of(x, t, to), b = number_of(x, t, from);
  if (t->nmove == MAX_TURNS * 2) t->ok = false;
  if (!t->ok) return;
  if (t->v[b].first == 0) t->v[b].first = 'r';
  if (t->v[a].first == 0) t->v[a].first = 'w';
  t->v[a].writes++;
  t->move[t->nmove].to = (uint8_t)a;
  t->move[t->nmove++].from = (uint8_t)b;
}

static bool has_continue(struct cx *x, CXCursor s) {
  enum CXCursorKind k = x->cl->getCursorKind(s);
  if (k == CXCursor_ContinueStmt) return true;
  if (k == CXCursor_ForStmt || k == CXCursor_WhileStmt || k == CXCursor_DoStmt) return false;
  struct kids in = c_kids(x, s);
  bool yes = false;
  c_enter(x, s);
  for (unsigned i = 0; i < in.n && !yes; i++) yes = has_continue(x, in.c[i]);
  c_leave(x);
  return yes;
}

/* The moves among the statements that every iteration runs. */
static void collect(struct cx *x, struct turns *t, CXCursor s) {
  enum CXCursorKind k = x->cl->getCursorKind(s);
  CXCursor to, from;
  struct kids in = c_kids(x, s);
  c_enter(x, s);
  if (k == CXCursor_CompoundStmt || k == CXCursor_DeclStmt || k == CXCursor_ParenExpr ||
      (k == CXCursor_BinaryOperator && x->cl->getCursorBinaryOperatorKind(s) == CXBinaryOperator_Comma)) {
    for (unsigned i = 0; i < in.n; i++) collect(x, t, in.c[i]);
  } else if (k == CXCursor_DoStmt && in.n == 2 && c_runs_once(x, s)) {
    collect(x, t, in.c[0]);
  } else if (k == CXCursor_VarDecl) {
    CXCursor init = x->cl->Cursor_getVarDeclInitializer(s);
    if (!x->cl->Cursor_isNull(init) && c_is_pointer(c_type(x, s)) && pointer_var(x, init, &from))
      moves(x, t, s, from), t->v[number_of(x, t, s)].inside = true;
  } else if (k == CXCursor_BinaryOperator && in.n == 2 &&
             x->cl->getCursorBinaryOperatorKind(s) == CXBinaryOperator_Assign && pointer_var(x, in.c[0], &to) &&
             pointer_var(x, in.c[1], &from)) {
    moves(x, t, to, from);
  } else if (c_has_jump(x, s) && (t->nmove || has_continue(x, s))) {
    t->ok = false; /* an iteration that ends with some of them moved */
  }
  c_leave(x);
}

/* Where each pointer is behind an iteration, by who was there before it. */
static void one_round(const struct turns *t, uint8_t *at) {
  for (unsigned m = 0; m < t->nmove; m++) at[t->move[m].to] = at[t->move[m].from];
}

static bool home_again(const struct turns *t, const uint8_t *at) {
  for (unsigned i = 0; i < t->n; i++)
    if (t->v[i].first == 'r' && at[i] != i) return false;
  return true;
}

static bool find_period(struct turns *t) {
  for (unsigned i = 0; i < t->n; i++) t->at[0][i] = t->v[i].first == 'r' ? (uint8_t)i : NOWHERE;
  for (unsigned p = 1; p <= MAX_PERIOD; p++) {
    memcpy(t->at[p], t->at[p - 1], t->n);
    one_round(t, t->at[p]);
    t->period = p;
    if (home_again(t, t->at[p])) return p > 1;
  }
  return false;
}

bool c_turns_find(struct cx *x, CXCursor tree, struct kids body, struct turns *t) {
  *t = (struct turns){.ok = true};
  for (unsigned i = 0; i < body.n; i++) collect(x, t, body.c[i]);
  if (!t->ok || !t->nmove || !find_period(t)) return false;
  for (unsigned i = 0; i < t->n; i++) {
    if (t->v[i].inside) continue;
    const struct cvar *v = cvar_find(x, t->v[i].decl);
    bool moved = t->v[i].writes > 0;
    if (!v || c_assignments(x, tree, t->v[i].decl) != t->v[i].writes) return false;
    if (moved && (v->kind != VAR_POINTER || (v->home.ix && v->home_read))) return false;
    if (t->v[i].first != 'r') continue;
    t->start[i] = v->kind == VAR_POINTER ? v->ptr : v->kind == VAR_VALUE ? v->value.ptr : (struct cptr){0};
    if (!t->start[i].ix || t->start[i].or) return false;
  }
  return true;
}

void c_turns_set(struct cx *x, const struct turns *t, unsigned phase) {
  for (unsigned i = 0; i < t->n; i++) {
    struct cvar *v = t->v[i].inside || !t->v[i].writes ? NULL : cvar_find(x, t->v[i].decl);
    if (!v) continue;
    uint8_t at = t->at[phase][i];
    v->id = UINT16_MAX; /* no local follows it any longer */
    v->home = (struct cptr){0};
    v->ptr = at == NOWHERE ? (struct cptr){.type = v->type} : t->start[at];
  }
}

static bool mentions_any(struct cx *x, CXCursor s, const struct turns *t) {
  if (x->cl->getCursorKind(s) == CXCursor_DeclRefExpr) {
    CXCursor decl = x->cl->getCursorReferenced(s);
    for (unsigned i = 0; i < t->n; i++)
      if (t->v[i].writes && c_same(x, t->v[i].decl, decl)) return true;
  }
  struct kids in = c_kids(x, s);
  bool yes = false;
  c_enter(x, s);
  for (unsigned i = 0; i < in.n && !yes; i++) yes = mentions_any(x, in.c[i], t);
  c_leave(x);
  return yes;
}

/* What is behind, from phase `from` on: else the phase is at least that. */
static void ends(struct cx *x, const struct turned *end, const struct rest *behind, unsigned from) {
  c_turns_set(x, &end->turns, from);
  if (from == 0) {
    struct rest all = *behind;
    c_stmts(x, &all);
    return;
  }
  struct clist then = {0}, els = {0}, *outer = x->cur;
  struct cval at = end->left ? cv_poly(x, end->left, DT_i64, true) : cv_expr(c_local(x, end->phase), DT_i32);
  struct cval least = cv_poly(x, poly_const(x->a, from), (enum dtype)at.type, true);
  struct known before = c_known_save(x);
  struct rest all = *behind;
  x->cur = &then;
  c_stmts(x, &all);
  c_known_restore(x, before);
  x->cur = &els;
  ends(x, end, behind, from - 1);
  x->cur = outer;
  c_known_restore(x, before);
  c_if_lists(x, cv_compare(x, OP_ge, at, least), &then, &els);
}

bool c_turned_rest(struct cx *x, const struct turned *end, const struct rest *behind) {
  bool used = false;
  for (const struct rest *r = behind; r; r = r->outer)
    for (unsigned i = r->next; i < r->s.n && !used; i++) used = mentions_any(x, r->s.c[i], &end->turns);
  int64_t left;
  if (end->left && poly_is_const(end->left, &left)) {
    c_turns_set(x, &end->turns, left > 0 ? (unsigned)left : 0);
    return false;
  }
  if (!used) return false;
  if (++x->twice > 3) c_refuse(x, x->at, "too many loops that exchange pointers, one behind the other");
  ends(x, end, behind, end->turns.period - 1);
  x->twice--;
  return true;
}
