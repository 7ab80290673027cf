/* Statements. `continue`, and `return` outside loops, only skip what follows: the statements behind an `if` that jumps
   are lowered inside its branches ("rest" in c_lower.h), so SOURCE needs no jumps. `break`, and `return` inside loops,
   do that too and set a flag, which the loop (all loops around) and what follows it ask. A switch is a chain of ifs. */
#include "compiler/frontend/c_count.h"
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
  x->work++;
  if (++x->emitted > MAX_STMTS) c_refuse(x, x->at, "the function has more than %d statements", MAX_STMTS);
}

struct lstmt *c_block(struct cx *x, struct clist *l) {
  if (l->n == 1) return l->s[0];
  return loop_block(x->a, l->n, l->s);
}

static bool is_loop(enum CXCursorKind k) {
  return k == CXCursor_ForStmt || k == CXCursor_WhileStmt || k == CXCursor_DoStmt;
}

static bool is_jump(enum CXCursorKind k) {
  return k == CXCursor_ContinueStmt || k == CXCursor_ReturnStmt || k == CXCursor_BreakStmt;
}

/* Statements of the same loop body inside s. */
static struct kids inner(struct cx *x, CXCursor s) {
  struct kids k = {0};
  switch (x->cl->getCursorKind(s)) {
  case CXCursor_CompoundStmt:
  case CXCursor_UnexposedStmt:
  case CXCursor_CaseStmt:
  case CXCursor_DefaultStmt:
    return c_kids(x, s);
  case CXCursor_IfStmt:
  case CXCursor_SwitchStmt:
    k = c_kids(x, s);
    if (k.n) k.n--, k.c++;
    return k;
  default:
    return k;
  }
}

static bool contains(struct cx *x, CXCursor s, enum CXCursorKind want) {
  if (x->cl->getCursorKind(s) == want) return true;
  c_enter(x, s);
  struct kids k = c_kids(x, s);
  bool yes = false;
  for (unsigned i = 0; i < k.n && !yes; i++) yes = contains(x, k.c[i], want);
  c_leave(x);
  return yes;
}

bool c_has_return(struct cx *x, CXCursor s) {
  return contains(x, s, CXCursor_ReturnStmt);
}

/* A jump among the statements of s: jump_of says which count where. */
static bool finds(struct cx *x, CXCursor s, bool in_switch, bool only_break) {
  enum CXCursorKind kind = x->cl->getCursorKind(s);
  if (kind == CXCursor_BreakStmt) return !in_switch;
  if (is_jump(kind)) return !only_break;
  if (is_loop(kind)) return !only_break && c_has_return(x, s);
  c_enter(x, s);
  struct kids k = inner(x, s);
  bool yes = false;
  for (unsigned i = 0; i < k.n && !yes; i++)
    yes = finds(x, k.c[i], in_switch || kind == CXCursor_SwitchStmt, only_break);
  c_leave(x);
  return yes;
}

bool c_has_jump(struct cx *x, CXCursor s) {
  return finds(x, s, false, false);
}

bool c_has_break(struct cx *x, CXCursor body) {
  return finds(x, body, false, true);
}

/* Is there a `return` inside a loop? */
static bool returns_in_loop(struct cx *x, CXCursor s) {
  if (is_loop(x->cl->getCursorKind(s))) return c_has_return(x, s);
  c_enter(x, s);
  struct kids k = inner(x, s);
  bool yes = false;
  for (unsigned i = 0; i < k.n && !yes; i++) yes = returns_in_loop(x, k.c[i]);
  c_leave(x);
  return yes;
}

static void set_flag(struct cx *x, int local, bool value) {
  struct lstmt *s = loop_set(x->a, (unsigned)local, expr_const(x->a, DT_bool, (union value){.u = value}));
  s->loc = x->loc;
  c_emit(x, s);
}

void c_open_done(struct cx *x, CXCursor body) {
  x->done = -1;
  if (!returns_in_loop(x, body)) return;
  x->done = (int)c_temp(x, "done", DT_bool);
  set_flag(x, x->done, false);
}

struct lstmt *c_unless_left(struct cx *x, struct clist *l) {
  expr_t left = NULL;
  if (x->stop >= 0) left = c_local(x, (unsigned)x->stop);
  if (x->done >= 0) {
    expr_t done = c_local(x, (unsigned)x->done);
    left = left ? expr_op2(x->a, OP_or, left, done) : done;
  }
  struct lstmt *s = loop_if(x->a, 0, NULL, left ? expr_op1(x->a, OP_not, left) : NULL, c_block(x, l), NULL);
  s->loc = x->loc;
  return s;
}

/* Can control come out at the end of s? */
static bool falls_out(struct cx *x, CXCursor s) {
  enum CXCursorKind kind = x->cl->getCursorKind(s);
  if (is_jump(kind)) return false;
  if (kind == CXCursor_SwitchStmt) return true;
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
  struct kids k = c_kids(x, s);
  bool outermost = x->ret_local < 0 && !x->inlined && x->ret_obj >= 0;
  if (k.n && x->ret_struct >= 0) {
    struct cval place = x->var[x->ret_struct].value;
    c_struct_set(x, s, place, c_struct_value(x, s, c_expr(x, k.c[0]), c_type(x, k.c[0])));
  } else if (k.n && (x->ret_local >= 0 || outermost)) {
    struct cval v = c_expr(x, k.c[0]);
    if (v.kind != CV_NUM) c_refuse(x, s, "this return value is not supported");
    enum dtype t = outermost ? (enum dtype)x->k->tensor[x->ret_obj].type : (enum dtype)x->f->local[x->ret_local].type;
    expr_t e = cv_get(x, cv_convert(x, v, t));
    poly_t zero = poly_const(x->a, 0);
    struct lstmt *set = outermost ? loop_store(x->a, access_new(x->a, (unsigned)x->ret_obj, 1, &zero), RED_none, e)
                                  : loop_set(x->a, (unsigned)x->ret_local, e);
    set->loc = c_loc(x, s);
    c_emit(x, set);
  } else if (k.n) {
    c_effect(x, k.c[0]);
  }
  if (x->loops != x->ret_loops) set_flag(x, x->done, true);
}

static void break_stmt(struct cx *x, CXCursor s) {
  if (x->stop < 0) c_refuse(x, s, "break inside an if of a switch is not supported: use if instead of switch");
  set_flag(x, x->stop, true);
}

/* --- switch --- */
enum { MAX_CASES = 256, MAX_COPIES = 2000 };
struct group { /* labels, and what stands behind them up to the break */
  unsigned nvalue;
  CXCursor value[MAX_CASES];
  bool is_default, falls; /* falls: on into the next one's */
  struct kids body, joined;
  struct group *next;
};

/* Takes the labels off a statement. */
static CXCursor labels(struct cx *x, CXCursor s, struct group *g) {
  for (;;) {
    enum CXCursorKind k = x->cl->getCursorKind(s);
    if (k != CXCursor_CaseStmt && k != CXCursor_DefaultStmt) return s;
    struct kids in = c_kids(x, s);
    if (in.n != (k == CXCursor_CaseStmt ? 2u : 1u)) c_refuse(x, s, "this form of case is not supported");
    if (k == CXCursor_DefaultStmt)
      g->is_default = true;
    else if (g->nvalue == MAX_CASES)
      c_refuse(x, s, "more than %d cases", MAX_CASES);
    else
      g->value[g->nvalue++] = in.c[0];
    s = in.c[in.n - 1];
  }
}

static bool is_label(enum CXCursorKind k) {
  return k == CXCursor_CaseStmt || k == CXCursor_DefaultStmt;
}

/* The statements from number i on up to the next label, as the group's body. Returns where that is. */
static unsigned take_group(struct cx *x, struct kids all, unsigned i, struct group *g) {
  g->body.c = ARENA_NEW(x->a, CXCursor, all.n - i + 1);
  g->body.c[g->body.n++] = labels(x, all.c[i], g);
  for (i++; i < all.n && !is_label(x->cl->getCursorKind(all.c[i])); i++) g->body.c[g->body.n++] = all.c[i];
  CXCursor last = g->body.c[g->body.n - 1];
  struct kids in = inner(x, last);
  bool block = x->cl->getCursorKind(last) == CXCursor_CompoundStmt && in.n &&
               x->cl->getCursorKind(in.c[in.n - 1]) == CXCursor_BreakStmt; /* case 1: { …; break; } */
  if (block && g->body.n == 1) {
    g->body = in;
    last = in.c[in.n - 1];
  }
  g->falls = falls_out(x, last) && i < all.n;
  if (x->cl->getCursorKind(last) == CXCursor_BreakStmt) g->body.n--;
  return i;
}

/* A case that falls through does what the next ones do, too. */
static void join_falling(struct cx *x, struct group *first) {
  unsigned total = 0;
  for (struct group *g = first; g; g = g->next) {
    unsigned n = 0;
    for (const struct group *h = g;; h = h->next) {
      n += h->body.n;
      if (!h->falls || !h->next) break;
    }
    total += n;
    if (total > MAX_COPIES) c_refuse(x, x->at, "cases that fall through make more than %d statements", MAX_COPIES);
    CXCursor *all = ARENA_NEW(x->a, CXCursor, n + 1);
    unsigned m = 0;
    for (const struct group *h = g;; h = h->next) {
      for (unsigned i = 0; i < h->body.n; i++) all[m++] = h->body.c[i];
      if (!h->falls || !h->next) break;
    }
    g->joined = (struct kids){n, all};
  }
  for (struct group *g = first; g; g = g->next) g->body = g->joined;
}

static struct cval matches(struct cx *x, const struct group *g, struct cval v) {
  struct cval any = {0};
  for (unsigned i = 0; i < g->nvalue; i++) {
    struct cval c = cv_convert(x, c_expr(x, g->value[i]), v.type);
    struct cval eq = cv_compare(x, OP_eq, v, c);
    any = i ? cv_or(x, any, eq) : eq;
  }
  return any;
}

static void cases(struct cx *x, const struct group *g, const struct group *other, struct cval v,
                  const struct rest *behind) {
  while (g && !g->nvalue) g = g->next; /* default alone: in the end */
  if (!g) {
    struct rest r = {other ? other->body : (struct kids){0}, 0, behind};
    c_stmts(x, &r);
    return;
  }
  if (++x->depth > 300) c_refuse(x, x->at, "statements are nested too deeply");
  struct cval cond = matches(x, g, v);
  struct known before = c_known_save(x);
  struct clist then = {0}, els = {0}, *outer = x->cur;
  struct rest r = {g->body, 0, behind};
  x->cur = &then;
  c_stmts(x, &r);
  c_known_restore(x, before);
  x->cur = &els;
  cases(x, g->next, other, v, behind);
  x->cur = outer;
  c_known_restore(x, before);
  c_if_lists(x, cond, &then, &els);
  x->depth--;
}

static void switch_stmt(struct cx *x, CXCursor s, const struct rest *behind) {
  struct kids k = c_kids(x, s);
  if (k.n != 2 || x->cl->getCursorKind(k.c[1]) != CXCursor_CompoundStmt)
    c_refuse(x, s, "this form of switch is not supported");
  struct kids all = c_kids(x, k.c[1]);
  struct group *first = NULL, **end = &first, *other = NULL;
  unsigned ends = 0;
  for (unsigned i = 0; i < all.n;) {
    if (!is_label(x->cl->getCursorKind(all.c[i]))) c_refuse(x, all.c[i], "statement before the first case");
    struct group *g = ARENA_NEW(x->a, struct group, 1);
    i = take_group(x, all, i, g);
    if (g->is_default) other = g, g->nvalue = 0;
    ends += !g->body.n || falls_out(x, g->body.c[g->body.n - 1]);
    *end = g;
    end = &g->next;
  }
  join_falling(x, first);
  if (behind && has_more(behind) && ends + !other > 1) {
    if (x->twice + ends > MAX_TWICE)
      c_refuse(x, s, "too many conditional jumps out of nested statements: use nested if statements");
    x->twice += ends;
  }
  struct cval v = c_expr(x, k.c[0]);
  if (v.kind != CV_NUM) c_refuse(x, s, "this form of switch is not supported");
  if (!v.p && v.e->kind != E_SCALAR) {
    unsigned t = c_temp(x, "which", v.type);
    c_emit(x, loop_set(x->a, t, cv_get(x, v)));
    v = cv_expr(c_local(x, t), v.type);
  }
  int stop = x->stop;
  if (!behind) x->stop = STOP_SWITCH;
  x->at = s;
  cases(x, first, other, v, behind);
  x->stop = stop;
  c_forget_assigned(x, s);
}

/* Statements that SOURCE has no words for. */
static void refuse_stmt(struct cx *x, CXCursor s) {
  switch (x->cl->getCursorKind(s)) {
  case CXCursor_GotoStmt:
  case CXCursor_IndirectGotoStmt:
  case CXCursor_LabelStmt:
    c_refuse(x, s, "goto and labels are not supported: use loops and if");
  case CXCursor_CaseStmt:
  case CXCursor_DefaultStmt:
    c_refuse(x, s, "this form of switch is not supported");
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
  case CXCursor_SwitchStmt:
    switch_stmt(x, s, NULL);
    return;
  default:
    if (!c_is_expr(x, s)) refuse_stmt(x, s);
    c_effect(x, s);
  }
}

static struct lstmt *after_return(struct cx *x, struct clist *rest) {
  int stop = x->stop;
  x->stop = STOP_NONE;
  struct lstmt *s = c_unless_left(x, rest);
  x->stop = stop;
  return s;
}

/* Lowers s, which stands before `behind`. True when what is behind was lowered with it. */
static bool one(struct cx *x, CXCursor s, const struct rest *behind) {
  enum CXCursorKind k = x->cl->getCursorKind(s);
  x->at = s;
  x->loc = c_loc(x, s);
  if (k == CXCursor_ContinueStmt) return true;
  if (k == CXCursor_ReturnStmt) return return_stmt(x, s), true;
  if (k == CXCursor_BreakStmt) return break_stmt(x, s), true;
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
  if (k == CXCursor_SwitchStmt && jumps) return switch_stmt(x, s, behind), true;
  x->turned = NULL;
  c_stmt(x, s);
  const struct turned *turned = x->turned;
  x->turned = NULL;
  if (turned && !jumps) return has_more(behind) && c_turned_rest(x, turned, behind);
  if (!jumps || !has_more(behind)) return false;
  struct clist rest; /* a loop with a return inside: what follows, unless it returned */
  branch(x, NULL, behind, &rest);
  if (rest.n) c_emit(x, after_return(x, &rest));
  return true;
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
