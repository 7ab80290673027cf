/* Calls of functions of the same file, by their text; those of libraries are in c_math.c and c_memory.c. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

enum { MAX_INLINE = 16 };

static CXCursor body_of(struct cx *x, CXCursor def, bool *has) {
  struct kids s = c_kids(x, def);
  *has = s.n && x->cl->getCursorKind(s.c[s.n - 1]) == CXCursor_CompoundStmt;
  return *has ? s.c[s.n - 1] : def;
}

/* The expression of a body that is nothing but `return e;`. */
static bool only_return(struct cx *x, CXCursor body, CXCursor *e) {
  struct kids s = c_kids(x, body);
  if (s.n != 1 || x->cl->getCursorKind(s.c[0]) != CXCursor_ReturnStmt) return false;
  struct kids r = c_kids(x, s.c[0]);
  if (r.n == 1) *e = r.c[0];
  return r.n == 1;
}

/* Binds parameter p to the argument. A number that is not constant is kept in a local where the body could change what
 * it is made of. */
static void bind(struct cx *x, CXCursor body, CXCursor p, struct cval v, bool pure) {
  const char *name = c_str(x, x->cl->getCursorSpelling(p));
  if (v.kind == CV_PTR) {
    struct cptr ptr = pure ? v.ptr : c_freeze(x, x->at, v.ptr);
    c_pointer_var(x, x->at, cvar_add(x, p, name, VAR_POINTER, v.type), c_assigns(x, body, p), ptr);
    return;
  }
  if (v.kind == CV_REF || (v.kind == CV_STRUCT && c_is_pointer(c_type(x, p)))) {
    if (c_assigns(x, body, p)) c_refuse(x, x->at, "argument '%s' moves: it points to a local variable", name);
    cvar_add(x, p, name, VAR_REF, v.type)->value = v;
    return;
  }
  if (v.kind == CV_STRUCT) {
    c_struct_declare(x, p, name, c_type(x, p), &v);
    return;
  }
  if (v.kind == CV_RECORD) {
    cvar_add(x, p, name, VAR_RECORD, v.type)->value = v;
    return;
  }
  if (v.kind != CV_NUM) c_refuse(x, x->at, "argument '%s' is not supported", name);
  if (!c_assigns(x, body, p) && (v.p || v.e->kind == E_CONST || v.e->kind == E_SCALAR || (pure && c_small(v.e)))) {
    cvar_add(x, p, name, VAR_VALUE, v.type)->value = v;
    return;
  }
  unsigned id = c_temp(x, *name ? name : "arg", v.type);
  struct cvar *var = cvar_add(x, p, name, VAR_SCALAR, v.type);
  var->id = (uint16_t)id;
  c_write_var(x, x->at, var, v);
}

/* A structure that a parameter points to is handed over as itself, not as the copy that C makes: right where nobody can
 * tell. */
static void check_copy(struct cx *x, CXCursor def, CXCursor body, const struct cval *v, unsigned i, unsigned n) {
  CXCursor p = x->cl->Cursor_getArgument(def, i);
  if (v[i].kind != CV_RECORD || c_type(x, p).kind != CXType_Record) return;
  bool twice = false;
  for (unsigned j = 0; j < n; j++) twice |= j != i && v[j].kind == CV_RECORD && v[j].arg == v[i].arg;
  if (twice || c_assigns(x, body, p))
    c_refuse(x, x->at, "argument '%s' is a copy of a structure that may differ from it: pass a pointer to it",
             c_str(x, x->cl->getCursorSpelling(p)));
}

static struct cval run_body(struct cx *x, CXCursor c, CXCursor body) {
  enum dtype t;
  CXType r = c_type(x, c);
  unsigned loops = x->ret_loops;
  int ret = x->ret_local, done = x->done, stop = x->stop, own = x->ret_struct;
  CXCursor around = x->body;
  bool record = r.kind == CXType_Record, value = r.kind != CXType_Void && !record;
  x->ret_loops = x->loops;
  x->body = body;
  x->ret_local = x->ret_struct = -1;
  if (record) x->ret_struct = (int)c_struct_declare(x, c, "ret", r, NULL);
  if (value) {
    t = c_arith(x, c, r);
    x->ret_local = (int)c_temp(x, "ret", t);
  }
  struct rest all = {c_kids(x, body), 0, NULL};
  x->stop = STOP_NONE;
  c_open_done(x, body);
  c_stmts(x, &all);
  struct cval v = {0};
  if (value) v = cv_expr(c_local(x, (unsigned)x->ret_local), t);
  if (record) v = x->var[x->ret_struct].value;
  x->ret_loops = loops;
  x->body = around;
  x->ret_local = ret;
  x->ret_struct = own;
  x->done = done;
  x->stop = stop;
  return v;
}

static struct cval inline_call(struct cx *x, CXCursor c, CXCursor def, CXCursor body) {
  int n = x->cl->Cursor_getNumArguments(c);
  if (n < 0 || n != x->cl->Cursor_getNumArguments(def)) c_refuse(x, c, "wrong number of arguments");
  if (++x->inlined > MAX_INLINE)
    c_refuse(x, c, "calls nested more than %d deep (recursion is not supported)", MAX_INLINE);
  CXCursor e;
  bool pure = only_return(x, body, &e);
  struct cval *v = ARENA_NEW(x->a, struct cval, n + 1);
  for (int i = 0; i < n; i++) v[i] = c_expr(x, x->cl->Cursor_getArgument(c, (unsigned)i));
  for (int i = 0; i < n; i++) check_copy(x, def, body, v, (unsigned)i, (unsigned)n);
  for (int i = 0; i < n; i++) bind(x, body, x->cl->Cursor_getArgument(def, (unsigned)i), v[i], pure);
  CXCursor at = x->at;
  struct cval r = pure ? c_expr(x, e) : run_body(x, c, body);
  x->at = at;
  x->inlined--;
  return r;
}

struct cval c_call(struct cx *x, CXCursor c) {
  CXCursor fn = x->cl->getCursorReferenced(c);
  const char *name = c_str(x, x->cl->getCursorSpelling(c));
  if (x->cl->Cursor_isNull(fn) || !*name) c_refuse(x, c, "call through a pointer is not supported");
  CXCursor def = x->cl->getCursorDefinition(fn);
  bool has = false;
  CXCursor body = def;
  if (!x->cl->Cursor_isNull(def)) body = body_of(x, def, &has);
  if (has) return inline_call(x, c, def, body);
  if (c_free_call(x, c, name) || c_memory_call(x, c, name)) return (struct cval){0};
  struct cval v;
  if (c_math_call(x, c, name, &v)) return v;
  if (!strcmp(name, "__assert_fail")) c_refuse(x, c, "assert() is not supported: compile with -DNDEBUG");
  c_refuse(
      x, c,
      "call to '%s' is not supported: only math.h functions that hone has an operation for, and functions defined in "
      "the same file",
      name);
}
