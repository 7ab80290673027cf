/* Loops of a function that SOURCE has no words for (it prints, allocates, calls what is elsewhere): each outermost loop
   that SOURCE has words for is a function of its own, which the C compiler's code calls in its place (compiler/rest.c).

   Its parameters are the variables of the function around that the loop speaks of: numbers and pointers by value; by
   their address numbers that it sets and that are read later, and structures. What the loop may not do: leave the
   function, change a variable that something else points to, or start or end inside of a macro. */
#include "compiler/frontend/c_lower.h"
#include "compiler/frontend/c_out.h"
#include <ctype.h>
#include <limits.h>
#include <string.h>

enum { MAX_PIECES = 64, MIN_POINTS = 256, UNKNOWN_TRIPS = 64, NODES_A_STATEMENT = 4 };

struct search {
  struct cx *x;
  CXCursor fn, body;
  const char *name;
  unsigned n;      /* made so far */
  bool jumps;      /* it has a goto */
  unsigned nouter; /* loops around the current one, outermost first */
  CXCursor outer[MAX_LEVELS];
};

/* Looking at a large function once for each variable of each loop must end. */
static void spend(struct cx *x, CXCursor at, unsigned nodes) {
  if (x->loop_fuel < nodes) c_refuse(x, at, "the file is too large");
  x->loop_fuel -= nodes;
}

static bool is_loop(enum CXCursorKind k) {
  return k == CXCursor_ForStmt || k == CXCursor_WhileStmt || k == CXCursor_DoStmt;
}

static bool has_kind(struct cx *x, CXCursor c, bool (*is)(enum CXCursorKind)) {
  spend(x, c, 1);
  if (is(x->cl->getCursorKind(c))) return true;
  struct kids k = c_kids(x, c);
  bool yes = false;
  c_enter(x, c);
  for (unsigned i = 0; i < k.n && !yes; i++) yes = has_kind(x, k.c[i], is);
  c_leave(x);
  return yes;
}

static bool leaves(enum CXCursorKind k) {
  return k == CXCursor_ReturnStmt || k == CXCursor_GotoStmt || k == CXCursor_IndirectGotoStmt ||
         k == CXCursor_LabelStmt || k == CXCursor_GCCAsmStmt || k == CXCursor_StmtExpr;
}

static bool is_goto(enum CXCursorKind k) {
  return k == CXCursor_GotoStmt || k == CXCursor_IndirectGotoStmt;
}

/* --- where it stands in the text --- */

static unsigned start_of(struct cx *x, CXCursor c) {
  return c_offset(x, x->cl->getRangeStart(x->cl->getCursorExtent(c)));
}

static unsigned end_of(struct cx *x, CXCursor c) {
  return c_offset(x, x->cl->getRangeEnd(x->cl->getCursorExtent(c)));
}

/* Does the statement end with a semicolon that its extent leaves out? */
static bool wants_semicolon(struct cx *x, CXCursor s) {
  enum CXCursorKind k = x->cl->getCursorKind(s);
  if (k == CXCursor_DoStmt || c_is_expr(x, s)) return true;
  if (k == CXCursor_CompoundStmt || k == CXCursor_NullStmt || k == CXCursor_DeclStmt || k == CXCursor_SwitchStmt)
    return false;
  struct kids in = c_kids(x, s);
  return !in.n || wants_semicolon(x, in.c[in.n - 1]);
}

/* Behind a comment, a string or a character at p; p when there is none. */
static const char *skip(const char *p, const char *end) {
  if (*p == '/' && p + 1 < end && (p[1] == '/' || p[1] == '*')) {
    bool line = p[1] == '/';
    for (p += 2; p < end; p++) {
      if (line ? *p == '\n' : *p == '*' && p + 1 < end && p[1] == '/') return line ? p : p + 2;
    }
    return end;
  }
  if (*p != '"' && *p != '\'') return p;
  char quote = *p++;
  for (; p < end && *p != quote; p++)
    if (*p == '\\') p++;
  return p < end ? p + 1 : end;
}

/* Brackets meet, and no line is a directive other than #pragma: the text can be taken out. */
static bool whole(const char *p, const char *end) {
  long depth[3] = {0};
  bool first = true; /* on its line */
  while (p < end) {
    const char *behind = skip(p, end);
    if (behind > p) {
      p = behind;
      first = false;
      continue;
    }
    if (*p == '#' && first && strncmp(p + 1 + strspn(p + 1, " \t"), "pragma", 6) != 0) return false;
    const char *open = strchr("([{", *p), *close = strchr(")]}", *p);
    if (*p && open) depth[open - "([{"]++;
    if (*p && close && --depth[close - ")]}"] < 0) return false;
    first = *p == '\n' || (first && isspace((unsigned char)*p));
    p++;
  }
  return !depth[0] && !depth[1] && !depth[2];
}

/* Behind the word at p and the blanks behind it; NULL: another word stands there. */
static const char *word(const char *p, const char *w) {
  size_t n = strlen(w);
  if (strncmp(p, w, n) || isalnum((unsigned char)p[n]) || p[n] == '_') return NULL;
  return p + n + strspn(p + n, " \t");
}

/* The line before the one at `at` where that is a #pragma (one that goes on over several lines is none); *line: where
 * it begins. NULL: it is none. */
static const char *pragma_before(const struct cx *x, unsigned at, unsigned *line) {
  while (at && isspace((unsigned char)x->text[at - 1])) at--;
  if (!at || x->text[at - 1] == '\\') return NULL;
  while (at && x->text[at - 1] != '\n') at--;
  const char *p = x->text + at + strspn(x->text + at, " \t");
  *line = at;
  return *p == '#' ? word(p + 1 + strspn(p + 1, " \t"), "pragma") : NULL;
}

/* What compilers say of the loop behind it, and hone decides by itself: with a call in the loop's place it has to go.
 */
static bool is_hint(const char *pragma) {
  static const char *const words[] = {"unroll", "nounroll", "ivdep", "simd", "vector", "novector", "loop_count"};
  const char *own = word(pragma, "GCC");
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
    if (word(own ? own : pragma, words[i]) || !strncmp(own ? own : pragma, "unroll(", 7)) return true;
  const char *clang = word(pragma, "clang");
  return clang && word(clang, "loop");
}

/* Takes hints in front of the loop into its span. False: there is a #pragma by which the C compiler makes something
 * else of the loop. */
static bool take_pragmas(const struct cx *x, unsigned *from) {
  unsigned line;
  const char *p;
  for (unsigned at = *from; (p = pragma_before(x, at, &line)) != NULL; at = line) {
    if (is_hint(p))
      *from = line;
    else if (word(p, "omp") ? x->openmp : !word(p, "GCC") && !word(p, "clang") && !word(p, "STDC"))
      return false;
  }
  return true;
}

struct span {
  unsigned from, to;
};

/* False: it stands in a macro, or in another file. */
static bool span_of(struct cx *x, CXCursor loop, struct span *s) {
  static const char *const words[] = {"for", "while", "do"};
  s->from = start_of(x, loop);
  s->to = end_of(x, loop);
  if (s->from == UINT_MAX || s->to == UINT_MAX || s->from >= s->to || s->to > x->len) return false;
  bool known = false;
  for (unsigned i = 0; i < 3; i++) {
    size_t n = strlen(words[i]);
    char next = s->from + n < x->len ? x->text[s->from + n] : 0;
    known |= !strncmp(x->text + s->from, words[i], n) && !isalnum((unsigned char)next) && next != '_';
  }
  if (!known) return false;
  if (wants_semicolon(x, loop)) {
    while (s->to < x->len && isspace((unsigned char)x->text[s->to])) s->to++;
    if (s->to == x->len || x->text[s->to] != ';') return false;
    s->to++;
  }
  char last = x->text[s->to - 1];
  if ((last != ';' && last != '}') || !whole(x->text + s->from, x->text + s->to)) return false;
  return take_pragmas(x, &s->from);
}

/* --- the variables --- */

static bool assigns(struct cx *x, CXCursor tree, CXCursor decl) {
  enum { BYTES = 3 }; /* of text, for a node */
  spend(x, tree, (end_of(x, tree) - start_of(x, tree)) / BYTES);
  return c_assigns(x, tree, decl);
}

static bool is_variable(struct cx *x, CXCursor decl) {
  enum CXCursorKind k = x->cl->getCursorKind(decl);
  return k == CXCursor_ParmDecl || (k == CXCursor_VarDecl && x->cl->getCursorLinkage(decl) == CXLinkage_NoLinkage);
}

static bool has(const struct piece *p, struct cx *x, CXCursor decl) {
  for (unsigned i = 0; i < p->n; i++)
    if (c_same(x, p->v[i].decl, decl)) return true;
  return false;
}

static bool within(struct cx *x, CXCursor c, CXCursor tree) {
  unsigned at = start_of(x, c);
  return at != UINT_MAX && at >= start_of(x, tree) && at < end_of(x, tree);
}

/* All that c speaks of and that is declared in the function, outside of the loop; of arrays also what their sizes speak
 * of, first. False: too many. */
static bool collect(struct cx *x, struct piece *p, CXCursor c, CXCursor loop) {
  spend(x, c, 1);
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr) {
    CXCursor decl = x->cl->getCursorReferenced(c);
    if (!is_variable(x, decl) || within(x, decl, loop) || has(p, x, decl)) return true;
    if (c_is_array(c_type(x, decl)) || c_is_pointer(c_type(x, decl))) {
      CXCursor init = x->cl->Cursor_getVarDeclInitializer(decl);
      struct kids sizes = c_kids(x, decl);
      for (unsigned i = 0; i < sizes.n; i++)
        if (c_is_expr(x, sizes.c[i]) && !c_same(x, sizes.c[i], init) && !collect(x, p, sizes.c[i], loop)) return false;
    }
    if (p->n == MAX_PIECE_VARS) return false;
    p->v[p->n++].decl = decl;
    return true;
  }
  c_enter(x, c);
  struct kids k = c_kids(x, c);
  bool ok = true;
  for (unsigned i = 0; i < k.n && ok; i++) ok = collect(x, p, k.c[i], loop);
  c_leave(x);
  return ok;
}

/* Does a pointer to it exist? */
static bool address_taken(struct cx *x, CXCursor c, CXCursor decl) {
  spend(x, c, 1);
  struct kids k = c_kids(x, c);
  if (x->cl->getCursorKind(c) == CXCursor_UnaryOperator &&
      x->cl->getCursorUnaryOperatorKind(c) == CXUnaryOperator_AddrOf && k.n) {
    CXCursor l = c_strip(x, k.c[0]);
    if (x->cl->getCursorKind(l) == CXCursor_DeclRefExpr && c_same(x, x->cl->getCursorReferenced(l), decl)) return true;
  }
  bool yes = false;
  c_enter(x, c);
  for (unsigned i = 0; i < k.n && !yes; i++) yes = address_taken(x, k.c[i], decl);
  c_leave(x);
  return yes;
}

static bool mentions(struct cx *x, CXCursor c, CXCursor decl) {
  spend(x, c, 1);
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr && c_same(x, x->cl->getCursorReferenced(c), decl)) return true;
  struct kids k = c_kids(x, c);
  bool yes = false;
  c_enter(x, c);
  for (unsigned i = 0; i < k.n && !yes; i++) yes = mentions(x, k.c[i], decl);
  c_leave(x);
  return yes;
}

/* `v = e` with no v in e, in the first part of a for. */
static bool sets_first(struct cx *x, CXCursor e, CXCursor decl) {
  e = c_strip(x, e);
  if (x->cl->getCursorKind(e) != CXCursor_BinaryOperator) return false;
  enum CXBinaryOperatorKind op = x->cl->getCursorBinaryOperatorKind(e);
  struct kids k = c_kids(x, e);
  if (k.n != 2) return false;
  if (op == CXBinaryOperator_Comma)
    return sets_first(x, k.c[0], decl) || (!mentions(x, k.c[0], decl) && sets_first(x, k.c[1], decl));
  CXCursor l = c_strip(x, k.c[0]);
  return op == CXBinaryOperator_Assign && x->cl->getCursorKind(l) == CXCursor_DeclRefExpr &&
         c_same(x, x->cl->getCursorReferenced(l), decl) && !mentions(x, k.c[1], decl);
}

struct life {
  struct cx *x;
  CXCursor decl, loop;
  CXCursor around; /* the outermost loop around `loop` that comes behind the declaration; the null cursor: none */
  bool none;
  unsigned end; /* of the loop */
};

/* May c read what the loop left in the variable? */
static bool reads_later(const struct life *l, CXCursor c) {
  spend(l->x, c, 1);
  struct cx *x = l->x;
  bool itself = c_same(x, c, l->loop);
  if (itself && l->none) return false; /* it is not run again */
  enum CXCursorKind kind = x->cl->getCursorKind(c);
  if (kind == CXCursor_DeclRefExpr) {
    if (!c_same(x, x->cl->getCursorReferenced(c), l->decl)) return false;
    return start_of(x, c) >= l->end || (!l->none && within(x, c, l->around));
  }
  struct kids k = c_kids(x, c);
  if (kind == CXCursor_ForStmt && k.n && (itself || !within(x, l->loop, c)) && sets_first(x, k.c[0], l->decl))
    return false;
  bool yes = false;
  c_enter(x, c);
  for (unsigned i = 0; i < k.n && !yes; i++) yes = reads_later(l, k.c[i]);
  c_leave(x);
  return yes;
}

static bool lives_on(struct search *s, CXCursor decl, CXCursor loop) {
  struct cx *x = s->x;
  struct life l = {.x = x, .decl = decl, .loop = loop, .none = true, .end = end_of(x, loop)};
  if (x->cl->Cursor_hasVarDeclGlobalStorage(decl) == 1) return true; /* static: the next call sees it */
  for (unsigned i = 0; i < s->nouter && l.none; i++)
    if (!within(x, decl, s->outer[i])) l.around = s->outer[i], l.none = false;
  if (s->jumps) l.around = s->body, l.none = false;
  return reads_later(&l, s->body);
}

/* Could what the loop writes through one of its pointers be a number of this type? */
static bool may_point_to(struct cx *x, const struct piece *p, enum dtype t) {
  for (unsigned i = 0; i < p->n; i++) {
    CXType v = c_type(x, p->v[i].decl);
    if (!c_is_pointer(v)) continue;
    enum dtype e;
    v = x->cl->getCanonicalType(x->cl->getPointeeType(v));
    if (!c_element(x, v, &e) || e == t || type_size(e) == 1 || (type_is_int(e) && type_size(e) == type_size(t)))
      return true;
  }
  return false;
}

/* Sizes of an array were taken when it was declared: nothing may have changed since. */
static bool sizes_stay(struct search *s, CXCursor c) {
  spend(s->x, c, 1);
  struct cx *x = s->x;
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr) {
    CXCursor decl = x->cl->getCursorReferenced(c);
    return !is_variable(x, decl) || !assigns(x, s->body, decl);
  }
  struct kids k = c_kids(x, c);
  bool ok = true;
  c_enter(x, c);
  for (unsigned i = 0; i < k.n && ok; i++) ok = sizes_stay(s, k.c[i]);
  c_leave(x);
  return ok;
}

static bool array_ok(struct search *s, CXCursor decl) {
  struct cx *x = s->x;
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(decl);
  struct kids k = c_kids(x, decl);
  for (unsigned i = 0; i < k.n; i++)
    if (c_is_expr(x, k.c[i]) && !c_same(x, k.c[i], init) && !sizes_stay(s, k.c[i])) return false;
  return true;
}

/* How the loop gets the variable; false: it cannot. */
static bool passes(struct search *s, struct piece *p, unsigned i, CXCursor loop) {
  struct cx *x = s->x;
  CXCursor decl = p->v[i].decl;
  CXType t = c_type(x, decl);
  enum dtype e;
  if (x->cl->isVolatileQualifiedType(x->cl->getCursorType(decl)) || x->cl->isVolatileQualifiedType(t)) return false;
  bool in_register = x->cl->Cursor_getStorageClass(decl) == CX_SC_Register;
  bool changes = assigns(x, loop, decl);
  if (c_is_array(t)) return array_ok(s, decl);
  if (t.kind == CXType_Record) return p->v[i].place = !in_register && !address_taken(x, s->body, decl);
  if (c_is_pointer(t)) return array_ok(s, decl) && (!changes || !lives_on(s, decl, loop));
  if (!c_dtype(x, t, &e) || e == DT_f16 || e == DT_bf16) return false;
  if (address_taken(x, s->body, decl) && (changes || may_point_to(x, p, e))) return false;
  p->v[i].place = changes && lives_on(s, decl, loop);
  return !p->v[i].place || !in_register;
}

/* --- the call in its place --- */

static void call_text(struct cx *x, struct buf *b, const struct piece *p, struct span at) {
  buf_printf(b, "{extern void %s(", p->name);
  for (unsigned i = 0; i < p->n; i++) {
    const char *v = c_str(x, x->cl->getCursorSpelling(p->v[i].decl));
    CXType t = c_type(x, p->v[i].decl);
    bool pointer = p->v[i].place || c_is_array(t) || c_is_pointer(t);
    buf_printf(b, pointer ? "%svoid*" : "%s__typeof__(%s)", i ? "," : "", v);
  }
  buf_printf(b, "%s);%s(", p->n ? "" : "void", p->name);
  for (unsigned i = 0; i < p->n; i++) {
    const char *v = c_str(x, x->cl->getCursorSpelling(p->v[i].decl));
    CXType t = c_type(x, p->v[i].decl);
    bool pointer = p->v[i].place || c_is_array(t) || c_is_pointer(t);
    buf_printf(b, "%s%s%s%s", i ? "," : "", pointer ? "(void*)" : "", p->v[i].place ? "&" : "", v);
  }
  buf_puts(b, ");");
  for (unsigned i = at.from; i < at.to; i++)
    if (x->text[i] == '\n') buf_putc(b, '\n'); /* lines keep their numbers */
  buf_putc(b, '}');
}

static double points(const struct lstmt *s) {
  double most = 1;
  for (unsigned i = 0; i < s->nbody; i++) {
    double n = s->body[i] ? points(s->body[i]) : 0;
    if (n > most) most = n;
  }
  int64_t lo, hi;
  if (s->kind != L_FOR) return most;
  bool known = s->nlo == 1 && s->nhi == 1 && poly_is_const(s->lo[0], &lo) && poly_is_const(s->hi[0], &hi);
  return most * (!known ? UNKNOWN_TRIPS * 4.0 : hi > lo ? ((double)hi - (double)lo) / (double)s->step : 0);
}

static bool has_while(const struct lstmt *s) {
  if (s->kind == L_WHILE) return true;
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i] && has_while(s->body[i])) return true;
  return false;
}

bool c_is_small(const struct lfunc *f) {
  return !has_while(f->body) && points(f->body) < MIN_POINTS;
}

/* --- the walk --- */

static void send(struct search *s, const struct lfunc *f, const struct piece *p, struct span at) {
  struct cx *x = s->x;
  struct buf b;
  c_send(x->out, f);
  c_send_hidden(x);
  buf_init(&b);
  buf_printf(&b, "%u%c%u%c", at.from, 0, at.to, 0);
  call_text(x, &b, p, at);
  buf_putc(&b, 0);
  cout_frame(x->out, 'L', b.data, b.len);
  buf_free(&b);
  s->n++;
}

/* The loop as a function, in memory of its own. False: SOURCE has no words for it. */
static bool lower(struct search *s, CXCursor loop, const struct piece *p, struct span at) {
  struct cx *x = s->x;
  struct saved {
    jmp_buf refused;
  } around;
  struct arena *outer = x->a;
  unsigned depth = x->depth, before = x->work;
  memcpy(&around.refused, &x->refused, sizeof around.refused);
  x->a = arena_new();
  x->piece = p;
  struct lfunc *f = c_function(x, loop);
  x->piece = NULL;
  if (f && points(f->body) >= MIN_POINTS) send(s, f, p, at);
  arena_free(x->a);
  x->a = outer;
  x->nvar = x->refs = 0;
  x->depth = depth;
  memcpy(&x->refused, &around.refused, sizeof around.refused);
  spend(x, loop, (x->work - before) * NODES_A_STATEMENT);
  return f != NULL;
}

static bool make(struct search *s, CXCursor loop) {
  struct cx *x = s->x;
  struct span at;
  struct piece p = {.name = arena_printf(x->a, "hone_loop_%s_%u", s->name, s->n + 1)};
  if (!span_of(x, loop, &at) || has_kind(x, loop, leaves) || !collect(x, &p, loop, loop)) return false;
  for (unsigned i = 0; i < p.n; i++)
    if (!passes(s, &p, i, loop)) return false;
  return lower(s, loop, &p, at);
}

static void visit(struct search *s, CXCursor c) {
  struct cx *x = s->x;
  enum CXCursorKind k = x->cl->getCursorKind(c);
  bool loop = is_loop(k);
  if (s->n == MAX_PIECES || c_is_expr(x, c) || (loop && make(s, c))) return;
  if (loop && s->nouter == MAX_LEVELS) return;
  if (loop) s->outer[s->nouter++] = c;
  c_enter(x, c);
  struct kids in = c_kids(x, c);
  for (unsigned i = 0; i < in.n; i++) visit(s, in.c[i]);
  c_leave(x);
  if (loop) s->nouter--;
}

void c_loops(struct cx *x, CXCursor fn, const char *name) {
  struct kids k = c_kids(x, fn);
  if (!k.n || x->cl->getCursorKind(k.c[k.n - 1]) != CXCursor_CompoundStmt) return;
  struct search *s = ARENA_NEW(x->a, struct search, 1);
  *s = (struct search){.x = x, .fn = fn, .body = k.c[k.n - 1], .name = name};
  x->depth = x->refs = 0;
  if (setjmp(x->refused)) return; /* nested too deeply */
  s->jumps = has_kind(x, s->body, is_goto);
  visit(s, s->body);
}
