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

/* --- numbers in them that stay --- */

/* Where the elements of a tensor lie that is such a variable; false: it is none. */
static bool variable_of(struct cx *x, unsigned tensor, uint16_t *from, int64_t *offset) {
  if (tensor >= x->k->ntensor || x->k->tensor[tensor].param == UINT16_MAX) return false;
  const struct origin *o = &x->origin[x->k->tensor[tensor].param];
  if (o->how != ORIGIN_INSIDE || o->from < x->nargs) return false;
  *from = o->from;
  *offset = o->offset;
  return true;
}

static bool cell_of(struct cx *x, unsigned tensor, unsigned rank, const struct subscript *ix, struct cell *c) {
  *c = (struct cell){0};
  if (!variable_of(x, tensor, &c->from, &c->offset) || rank > CELL_RANK ||
      x->k->param[x->k->tensor[tensor].param].record)
    return false;
  enum dtype t = (enum dtype)x->k->tensor[tensor].type;
  if (!type_is_int(t) || t == DT_bool || t == DT_u64) return false;
  for (unsigned i = 0; i < rank; i++)
    if (ix[i].dyn || !poly_is_const(ix[i].poly, &c->ix[i])) return false;
  return true;
}

static bool same_cell(const struct cell *a, const struct cell *b) {
  return a->from == b->from && a->offset == b->offset && !memcmp(a->ix, b->ix, sizeof a->ix);
}

bool c_stores_reach(struct cx *x, enum dtype t) {
  for (unsigned u = 0; u < DT_COUNT; u++) { /* as the rules of aliasing have it; signed or not is one */
    bool same = type_size((enum dtype)u) == type_size(t) && !type_is_float((enum dtype)u);
    if ((x->pointed >> u & 1) && (same || x->any_alias || type_size((enum dtype)u) == 1)) return true;
  }
  return false;
}

static bool may_change(struct cx *x, const struct cell *c, enum dtype t) {
  for (unsigned i = 0; i < x->nstored; i++)
    if (x->stored[i].from == c->from) return true;
  return c_stores_reach(x, t);
}

void c_want_cell(struct cx *x, expr_t read) {
  struct cell c;
  if (!cell_of(x, read->acc->tensor, read->acc->rank, read->acc->ix, &c) || x->ncell == MAX_CELLS) return;
  for (unsigned i = 0; i < x->ncell; i++)
    if (same_cell(&x->cell[i], &c)) return;
  x->cell[x->ncell++] = c;
  x->again = true;
}

bool c_cell(struct cx *x, struct cptr p, struct cval *v) {
  struct cell c;
  bool wanted = false;
  if (!x->ncell || !x->stores_known || !cell_of(x, p.obj, p.rank, p.ix, &c)) return false;
  for (unsigned i = 0; i < x->ncell; i++) wanted |= same_cell(&x->cell[i], &c);
  enum dtype t = (enum dtype)p.type;
  if (!wanted || may_change(x, &c, t)) return false;
  struct access *acc = ARENA_NEW(x->a, struct access, 1);
  *acc = (struct access){.tensor = p.obj, .rank = p.rank, .ix = p.ix};
  poly_t at = c_entry_let(x, x->k->tensor[p.obj].name, expr_cast(x->a, DT_i64, expr_read(x->a, t, acc)));
  sym_t s = at->mono[0].sym[0];
  c_int_range(t, &x->lo[s], &x->hi[s]);
  *v = cv_poly(x, at, t, true);
  return true;
}

static bool is_result(const struct cx *x, unsigned tensor) {
  unsigned p = x->k->tensor[tensor].param;
  return p != UINT16_MAX && x->origin[p].how == ORIGIN_RESULT;
}

static void note_store(struct cx *x, const struct lstmt *s) {
  struct cell c = {0};
  if (s->kind == L_STORE && s->acc->tensor < x->k->ntensor) {
    if (is_result(x, s->acc->tensor))
      ; /* nobody else has a pointer to it */
    else if (!variable_of(x, s->acc->tensor, &c.from, &c.offset))
      x->pointed |= 1u << x->k->tensor[s->acc->tensor].type;
    else if (x->nstored < MAX_CELLS)
      x->stored[x->nstored++] = c;
    else
      x->stores_known = false;
  }
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) note_store(x, s->body[i]);
}

void c_stores_find(struct cx *x) {
  x->nstored = x->pointed = 0;
  x->stores_known = true;
  note_store(x, x->f->body);
}
