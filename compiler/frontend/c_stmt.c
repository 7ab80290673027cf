/* Statements. `continue`, and `return` outside loops, only skip what follows: the statements behind an `if` that jumps
   are lowered inside its branches
   ("rest" in c_lower.h), so SOURCE needs no jumps. Everything else that leaves a loop is refused. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

enum { MAX_TWICE = 3, MAX_STMTS = 100000 };

void c_emit(struct cx *x, struct lstmt *s) {
  struct clist *l = x->cur;
  if (l->n == l->cap) {
    l->cap = l->cap ? l->cap * 2 : 8;
    struct lstmt **n = ARENA_NEW(x->a, struct lstmt *, l->cap);
    if (l->n) memcpy(n, l->s, sizeof *n * l->n);
    l->s = n;
  }
  l->s[l->n++] = s;
  if (++x->emitted > MAX_STMTS) c_refuse(x, x->at, "the function has more than %d statements", MAX_STMTS);
}

struct lstmt *c_block(struct cx *x, struct clist *l) {
  if (l->n == 1) return l->s[0];
  return loop_block(x->a, l->n, l->s);
}

static bool is_jump(enum CXCursorKind k) {
  return k == CXCursor_ContinueStmt || k == CXCursor_ReturnStmt;
}

/* Statements of the same loop body inside s. */
static struct kids inner(struct cx *x, CXCursor s) {
  struct kids k = {0};
  switch (x->cl->getCursorKind(s)) {
  case CXCursor_CompoundStmt:
  case CXCursor_UnexposedStmt:
    return c_kids(x, s);
  case CXCursor_IfStmt:
    k = c_kids(x, s);
    if (k.n) k.n--, k.c++;
    return k;
  default:
    return k;
  }
}

bool c_has_jump(struct cx *x, CXCursor s) {
  if (is_jump(x->cl->getCursorKind(s))) return true;
  c_enter(x, s);
  struct kids k = inner(x, s);
  bool yes = false;
  for (unsigned i = 0; i < k.n && !yes; i++) yes = c_has_jump(x, k.c[i]);
  c_leave(x);
  return yes;
}

/* Can control come out at the end of s? */
static bool falls_out(struct cx *x, CXCursor s) {
  enum CXCursorKind kind = x->cl->getCursorKind(s);
  if (is_jump(kind)) return false;
  struct kids k = inner(x, s);
  bool out = true;
  c_enter(x, s);
  if (kind == CXCursor_IfStmt) {
    out = k.n < 2 || falls_out(x, k.c[0]) || falls_out(x, k.c[1]);
  } else {
    for (unsigned i = 0; i < k.n && out; i++) out = falls_out(x, k.c[i]);
  }
  c_leave(x);
  return out;
}

static bool has_more(const struct rest *r) {
  for (; r; r = r->outer)
    if (r->next < r->s.n) return true;
  return false;
}

/* One branch of an if, with what stands behind it. s NULL: no else. */
static void branch(struct cx *x, const CXCursor *s, const struct rest *behind, struct clist *l) {
  struct clist *outer = x->cur;
  *l = (struct clist){0};
  x->cur = l;
  struct rest r = {{s ? 1u : 0u, (CXCursor *)s}, 0, behind};
  c_stmts(x, &r);
  x->cur = outer;
}

/* if (a && b) s: as two ifs where b must not be evaluated when a is false. False: nothing was done. */
static bool nested_if(struct cx *x, CXCursor cond, const CXCursor *then) {
  struct clist side = {0}, *outer = x->cur;
  CXCursor c = c_strip(x, cond);
  struct known before = c_known_save(x);
  if (x->cl->getCursorKind(c) != CXCursor_BinaryOperator ||
      x->cl->getCursorBinaryOperatorKind(c) != CXBinaryOperator_LAnd)
    return false;
  x->cur = &side;
  c_cond(x, c);
  x->cur = outer;
  c_known_restore(x, before);
  if (!side.n) return false;
  struct kids k = c_kids(x, c);
  struct cval l = c_cond(x, k.c[0]);
  struct clist inner = {0}, none = {0};
  x->cur = &inner;
  if (!nested_if(x, k.c[1], then)) {
    struct cval r = c_cond(x, k.c[1]);
    struct clist body;
    branch(x, then, NULL, &body);
    c_if_lists(x, r, &body, &none);
  }
  x->cur = outer;
  c_if_lists(x, l, &inner, &none);
  return true;
}

static void if_stmt(struct cx *x, CXCursor s, const struct rest *behind) {
  struct kids k = c_kids(x, s);
  if (k.n < 2 || k.n > 3 || !c_is_expr(x, k.c[0])) c_refuse(x, s, "this form of if is not supported");
  bool both = behind && has_more(behind) && falls_out(x, k.c[1]) && (k.n < 3 || falls_out(x, k.c[2]));
  if (both && ++x->twice > MAX_TWICE)
    c_refuse(x, s, "too many conditional jumps out of nested statements: use nested if statements");
  if (k.n == 2 && !behind && nested_if(x, k.c[0], &k.c[1])) {
    c_forget_assigned(x, s);
    return;
  }
  struct cval cond = c_cond(x, k.c[0]);
  struct known before = c_known_save(x);
  struct clist then, els;
  branch(x, &k.c[1], behind, &then);
  c_known_restore(x, before);
  branch(x, k.n == 3 ? &k.c[2] : NULL, behind, &els);
  c_known_restore(x, before);
  x->at = s;
  c_if_lists(x, cond, &then, &els);
  c_forget_assigned(x, s);
  if (both) x->twice--;
}

static void return_stmt(struct cx *x, CXCursor s) {
  if (x->loops != x->ret_loops)
    c_refuse(x, s, "return inside a loop: leaving a loop early is not supported; let the loop run to its end");
  struct kids k = c_kids(x, s);
  if (!k.n || x->ret_local < 0) return;
  struct cval v = c_expr(x, k.c[0]);
  if (v.kind != CV_NUM) c_refuse(x, s, "this return value is not supported");
  unsigned id = (unsigned)x->ret_local;
  struct lstmt *set = loop_set(x->a, id, cv_get(x, cv_convert(x, v, x->f->local[id].type)));
  set->loc = c_loc(x, s);
  c_emit(x, set);
}

/* Statements that SOURCE has no words for. */
static void refuse_stmt(struct cx *x, CXCursor s) {
  switch (x->cl->getCursorKind(s)) {
  case CXCursor_BreakStmt:
    c_refuse(x, s,
             "break: leaving a loop early is not supported; let the loop run to its end, or put the condition into the "
             "loop's");
  case CXCursor_GotoStmt:
  case CXCursor_IndirectGotoStmt:
  case CXCursor_LabelStmt:
    c_refuse(x, s, "goto and labels are not supported: use loops and if");
  case CXCursor_SwitchStmt:
  case CXCursor_CaseStmt:
  case CXCursor_DefaultStmt:
    c_refuse(x, s, "switch is not supported: use if, or one function for each case");
  case CXCursor_GCCAsmStmt:
  case CXCursor_MSAsmStmt:
    c_refuse(x, s, "inline assembly is not supported");
  default:
    c_refuse(x, s, "this statement (%s) is not supported",
             c_str(x, x->cl->getCursorKindSpelling(x->cl->getCursorKind(s))));
  }
}

void c_effect(struct cx *x, CXCursor e) {
  if (x->cl->getCursorKind(e) == CXCursor_UnaryOperator) {
    enum CXUnaryOperatorKind u = x->cl->getCursorUnaryOperatorKind(e);
    bool plus = u == CXUnaryOperator_PostInc;
    struct kids k = c_kids(x, e);
    if ((plus || u == CXUnaryOperator_PostDec) && k.n == 1) {
      c_crement(x, k.c[0], plus, false);
      return;
    }
  }
  c_expr(x, e);
}

void c_stmt(struct cx *x, CXCursor s) {
  x->at = s;
  x->loc = c_loc(x, s);
  switch (x->cl->getCursorKind(s)) {
  case CXCursor_NullStmt:
    return;
  case CXCursor_ForStmt:
    c_for(x, s);
    return;
  case CXCursor_WhileStmt:
    c_while(x, s);
    return;
  case CXCursor_DoStmt:
    c_do(x, s);
    return;
  case CXCursor_IfStmt:
    if_stmt(x, s, NULL);
    return;
  default:
    if (!c_is_expr(x, s)) refuse_stmt(x, s);
    c_effect(x, s);
  }
}

/* Lowers s, which stands before `behind`. True when what is behind was lowered with it. */
static bool one(struct cx *x, CXCursor s, const struct rest *behind) {
  enum CXCursorKind k = x->cl->getCursorKind(s);
  x->at = s;
  x->loc = c_loc(x, s);
  if (k == CXCursor_ContinueStmt) return true;
  if (k == CXCursor_ReturnStmt) return return_stmt(x, s), true;
  if (k == CXCursor_DeclStmt) return c_declare(x, s, behind);
  bool jumps = c_has_jump(x, s);
  if (k == CXCursor_CompoundStmt || k == CXCursor_UnexposedStmt) {
    struct kids all = c_kids(x, s);
    if (k == CXCursor_UnexposedStmt && all.n > 1) all.c += all.n - 1, all.n = 1; /* attributes in front */
    struct rest r = {all, 0, jumps ? behind : NULL};
    c_stmts(x, &r);
    return jumps;
  }
  if (k == CXCursor_IfStmt && jumps) return if_stmt(x, s, behind), true;
  c_stmt(x, s);
  return false;
}

void c_stmts(struct cx *x, const struct rest *r) {
  if (++x->depth > 1000) c_refuse(x, x->at, "statements are nested too deeply");
  for (; r; r = r->outer)
    for (unsigned i = r->next; i < r->s.n; i++) {
      struct rest behind = {r->s, i + 1, r->outer};
      if (one(x, r->s.c[i], &behind)) {
        x->depth--;
        return;
      }
    }
  x->depth--;
}
