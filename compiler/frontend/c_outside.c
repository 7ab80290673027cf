/* Variables outside of functions that may change: each that the function, or a function that it calls, speaks of is
   seen like a structure that a parameter points to, with one field. So numbers that are only read are dims, pointers
   are read at entry, and all else stays where it is. Those that are static nobody else can name: they are for files
   that the C compiler makes as well, which then gives them another name (compiler/rest.c). */
#include "compiler/frontend/c_lower.h"
#include "compiler/frontend/c_out.h"
#include "compiler/frontend/spec.h"
#include <string.h>

enum { MAX_GLOBALS = 64, MAX_CALLED = 64 };

struct outside {
  struct cx *x;
  unsigned n, ncalled;
  CXCursor v[MAX_GLOBALS], used_as[MAX_GLOBALS],
      called[MAX_CALLED]; /* of several declarations of one variable: the first, and one that is used */
};

static bool known(struct cx *x, const CXCursor *all, unsigned n, CXCursor c) {
  for (unsigned i = 0; i < n; i++)
    if (c_same(x, all[i], c)) return true;
  return false;
}

static void find(struct outside *o, CXCursor c);

static void find_inside(struct outside *o, CXCursor c) {
  c_enter(o->x, c);
  struct kids k = c_kids(o->x, c);
  for (unsigned i = 0; i < k.n; i++) find(o, k.c[i]);
  c_leave(o->x);
}

static bool is_constant(struct cx *x, CXCursor decl) {
  return !x->cl->Cursor_isNull(x->cl->Cursor_getVarDeclInitializer(decl)) && c_never_changes(x, decl);
}

/* Only its file sees it. (A static variable inside of a function has no linkage.) */
static bool is_hidden(struct cx *x, CXCursor decl) {
  return x->cl->getCursorLinkage(decl) == CXLinkage_Internal;
}

static void add_variable(struct outside *o, CXCursor decl) {
  struct cx *x = o->x;
  if (x->cl->Cursor_hasVarDeclGlobalStorage(decl) != 1) return;
  if (x->cl->getCursorLinkage(decl) != CXLinkage_External && !(x->rest && is_hidden(x, decl))) return;
  if (x->cl->getCursorTLSKind(decl) != CXTLS_None || is_constant(x, decl)) return;
  CXCursor one = x->cl->getCanonicalCursor(decl);
  if (known(x, o->v, o->n, one) || o->n == MAX_GLOBALS) return;
  o->used_as[o->n] = decl;
  o->v[o->n++] = one;
}

static void find(struct outside *o, CXCursor c) {
  struct cx *x = o->x;
  if (x->cl->getCursorKind(c) == CXCursor_DeclRefExpr) {
    CXCursor decl = x->cl->getCursorReferenced(c);
    enum CXCursorKind kind = x->cl->getCursorKind(decl);
    if (kind == CXCursor_VarDecl) add_variable(o, decl);
    if (kind != CXCursor_FunctionDecl) return;
    CXCursor def = x->cl->getCursorDefinition(decl);
    if (x->cl->Cursor_isNull(def) || known(x, o->called, o->ncalled, def) || o->ncalled == MAX_CALLED) return;
    o->called[o->ncalled++] = def;
    find_inside(o, def);
    return;
  }
  find_inside(o, c);
}

void c_globals(struct cx *x, CXCursor body) {
  struct outside *o = ARENA_NEW(x->a, struct outside, 1);
  o->x = x;
  find(o, body);
  x->nglobal = o->n;
  x->global = arena_dup(x->a, o->v, sizeof *o->v * (o->n + 1u));
  x->used_as = arena_dup(x->a, o->used_as, sizeof *o->used_as * (o->n + 1u));
  x->global_name = ARENA_NEW(x->a, const char *, o->n + 1u);
  for (unsigned i = 0; i < o->n; i++) {
    CXCursor d = o->used_as[i];
    const char *symbol = c_str(x, x->cl->Cursor_getMangling(d)), *name = c_str(x, x->cl->getCursorSpelling(d));
    x->global_name[i] = *symbol ? symbol : name;
    if (is_hidden(x, d)) x->global_name[i] = arena_printf(x->a, SPEC_HIDDEN "%s", name);
    c_fields(x, d, (uint16_t)(x->nargs + i), name);
  }
}

bool c_global(struct cx *x, CXCursor decl, struct cval *v) {
  decl = x->cl->getCanonicalCursor(decl);
  for (unsigned i = 0; i < x->nglobal; i++) {
    if (!c_same(x, x->global[i], decl)) continue;
    *v = (struct cval){.kind = CV_RECORD, .arg = (uint16_t)(x->nargs + i)};
    return c_type(x, x->used_as[i]).kind == CXType_Record || c_field(x, v->arg, 0, x->used_as[i], v);
  }
  return false;
}

void c_send_hidden(struct cx *x) {
  for (unsigned i = 0; i < x->nglobal; i++) {
    const char *name = c_str(x, x->cl->getCursorSpelling(x->used_as[i]));
    if (is_hidden(x, x->used_as[i])) cout_frame(x->out, 'V', name, strlen(name));
  }
}
