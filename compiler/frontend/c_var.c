/* Variables of the function: scalars are locals of SOURCE, and what is known of integers is followed through the text:
   `int r = b*T + t` needs no pattern, r simply has a known value until something assigns it. Pointers are only ever
   known values. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

struct cvar *cvar_find(struct cx *x, CXCursor decl) {
  for (unsigned i = x->nvar; i-- > 0;)
    if (c_same(x, x->var[i].decl, decl)) return &x->var[i];
  return NULL;
}

struct cvar *cvar_add(struct cx *x, CXCursor decl, const char *name, enum cvkind k, enum dtype t) {
  if (k == VAR_REF && ++x->refs > MAX_REFS) c_refuse(x, decl, "more than %d pointers to local variables", MAX_REFS);
  if (x->nvar == x->capvar) {
    x->capvar = x->capvar ? x->capvar * 2 : 32;
    struct cvar *n = ARENA_NEW(x->a, struct cvar, x->capvar);
    if (x->nvar) memcpy(n, x->var, sizeof *n * x->nvar);
    x->var = n;
  }
  struct cvar *v = &x->var[x->nvar++];
  *v = (struct cvar){.decl = decl, .name = name, .kind = (uint8_t)k, .type = (uint8_t)t};
  return v;
}

static bool name_taken(struct cx *x, const char *name) {
  if (!x->f) return false;
  for (unsigned i = 0; i < x->k->nparam; i++)
    if (!strcmp(x->k->param[i].name, name)) return true;
  for (unsigned i = 0; i < x->k->nsym; i++)
    if (!strcmp(x->k->sym[i].name, name)) return true;
  for (unsigned i = 0; i < x->f->nlocal; i++)
    if (!strcmp(x->f->local[i].name, name)) return true;
  for (unsigned i = 0; i < x->f->nobject; i++)
    if (!strcmp(x->f->object[i].name, name)) return true;
  return false;
}

const char *c_unique(struct cx *x, const char *name) {
  const char *u = name;
  for (unsigned i = 1; name_taken(x, u); i++) u = arena_printf(x->a, "%s_%u", name, i);
  return u;
}

unsigned c_temp(struct cx *x, const char *name, enum dtype t) {
  if (!x->f) c_refuse(x, x->at, "this expression is too complex for the size of a parameter");
  if (x->f->nlocal >= MAX_LOCALS) c_refuse(x, x->at, "more than %d local variables", MAX_LOCALS);
  unsigned n = lfunc_add_local(x->f, c_unique(x, name), t);
  x->base[n] = name;
  return n;
}

expr_t c_local(struct cx *x, unsigned id) {
  struct expr *e = (struct expr *)expr_local(x->a, x->f->local[id].type, id);
  e->loc = x->loc;
  return e;
}

static bool used_as_symbol(struct cx *x, CXCursor decl) {
  for (unsigned i = 0; i < x->nuse; i++)
    if (c_same(x, x->want[i], decl)) return true;
  return false;
}

static void want_one(struct cx *x, const struct cvar *v) {
  for (unsigned i = 0; i < x->nwant; i++)
    if (c_same(x, x->want[i], v->decl)) return;
  if (x->nwant == x->capwant) {
    CXCursor *old = x->want;
    x->capwant = x->capwant ? 2 * x->capwant : 16;
    x->want = ARENA_NEW(x->a, CXCursor, x->capwant);
    if (old) memcpy(x->want, old, sizeof *old * x->nwant);
  }
  x->want[x->nwant++] = v->decl;
}

static void want_local(expr_t e, void *ctx) {
  struct cx *x = ctx;
  if (e->kind == E_READ) c_want_cell(x, e), c_want_number(x, e);
  for (unsigned i = 0; e->kind == E_LOCAL && i < x->nvar; i++) {
    const struct cvar *v = &x->var[i];
    if (v->kind == VAR_SCALAR && v->id == e->id && type_is_int((enum dtype)v->type)) want_one(x, v);
  }
}

void c_want(struct cx *x, expr_t e) {
  if (e) expr_visit(e, want_local, x);
}

/* The variable's value as a symbol from here on. */
static void let(struct cx *x, struct cvar *v, CXCursor at) {
  int64_t lo = INT64_MIN, hi = INT64_MAX;
  enum dtype t = (enum dtype)v->type;
  if (type_size(t) < 8) {
    int64_t span = (int64_t)1 << (8 * type_size(t) - (type_is_signed(t) ? 1 : 0));
    lo = type_is_signed(t) ? -span : 0;
    hi = t == DT_bool ? 1 : span - 1;
  }
  CXCursor decl = v->decl;
  sym_t s = c_new_sym(x, v->name, lo, hi);
  v = cvar_find(x, decl);
  x->top[s] = x->loops == 0;
  struct lstmt *l = loop_block(x->a, 0, NULL);
  l->kind = L_LET;
  l->sym = s;
  l->value = expr_cast(x->a, DT_i64, c_local(x, v->id));
  l->loc = c_loc(x, at);
  c_emit(x, l);
  v->known = poly_sym(x->a, s);
  v->known_exact = t != DT_u64;
}

poly_t c_let(struct cx *x, struct clist *where, const char *name, expr_t value, struct loc loc) {
  struct clist *outer = x->cur;
  for (unsigned i = where->n; where != outer && i-- > 0;)
    if (where->s[i]->kind == L_LET && expr_eq(where->s[i]->value, value)) return poly_sym(x->a, where->s[i]->sym);
  struct lstmt *l = loop_block(x->a, 0, NULL);
  l->kind = L_LET;
  l->sym = c_new_sym(x, name, INT64_MIN, INT64_MAX);
  l->value = value;
  l->loc = loc;
  x->top[l->sym] = where == &x->entry || x->loops == 0 || where == x->level[0].around;
  x->cur = where;
  c_emit(x, l);
  x->cur = outer;
  return poly_sym(x->a, l->sym);
}

poly_t c_entry_let(struct cx *x, const char *name, expr_t value) {
  return c_let(x, &x->entry, name, value, x->loc);
}

static bool has_since(poly_t p, unsigned first) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (p->mono[i].sym[j] >= first) return true;
  return false;
}

poly_t c_outer_let(struct cx *x, const char *name, expr_t value, poly_t l, poly_t r) {
  unsigned at = x->loops < MAX_LEVELS ? x->loops : 0, n = at;
  while (at && !has_since(l, x->level[at - 1].first) && !has_since(r, x->level[at - 1].first)) at--;
  return at < n ? c_let(x, x->level[at].around, name, value, x->loc) : NULL;
}

void c_forget_since(struct cx *x, unsigned first) {
  for (unsigned i = 0; i < x->nvar; i++) {
    struct cvar *v = &x->var[i];
    if (v->known && has_since(v->known, first)) v->known = NULL;
    for (unsigned d = 0; v->kind == VAR_POINTER && v->ptr.ix && d < v->ptr.rank; d++)
      if (has_since(v->ptr.ix[d].poly, first)) v->ptr = (struct cptr){.type = v->type};
  }
}

bool c_known_start(struct cx *x, struct cvar *v, CXCursor at) {
  if (!v->known && used_as_symbol(x, v->decl)) let(x, v, at);
  if (!v->known) want_one(x, v);
  return v->known && v->known_exact;
}

sym_t c_new_sym(struct cx *x, const char *name, int64_t lo, int64_t hi) {
  unsigned n = x->k->nsym;
  if (n >= MAX_LOCALS) c_refuse(x, x->at, "more than %d loops", MAX_LOCALS);
  sym_t s = lfunc_add_sym(x->f, c_unique(x, name));
  x->lo = memcpy(ARENA_NEW(x->a, int64_t, n + 1), x->lo, n * sizeof *x->lo);
  x->hi = memcpy(ARENA_NEW(x->a, int64_t, n + 1), x->hi, n * sizeof *x->hi);
  x->top = memcpy(ARENA_NEW(x->a, bool, n + 1), x->top, n * sizeof *x->top);
  x->lo[s] = lo;
  x->hi[s] = hi;
  x->symbase[s] = name;
  return s;
}

/* A pointer to a local variable: that one. */
static bool points_to(struct cx *x, CXCursor c, CXCursor *decl) {
  if (!c_is_pointer(c_type(x, c))) return false;
  const struct cvar *p = cvar_find(x, x->cl->getCursorReferenced(c));
  if (!p || p->kind != VAR_REF) return false;
  *decl = p->value.of;
  return true;
}

/* The variable that this operator changes, or that this pointer points to, if it is a local one. */
static bool target(struct cx *x, CXCursor c, CXCursor *decl) {
  enum CXCursorKind k = x->cl->getCursorKind(c);
  if (k == CXCursor_DeclRefExpr) return x->refs && points_to(x, c, decl);
  bool changes = k == CXCursor_CompoundAssignOperator;
  if (k == CXCursor_BinaryOperator) changes = x->cl->getCursorBinaryOperatorKind(c) == CXBinaryOperator_Assign;
  if (k == CXCursor_UnaryOperator) {
    enum CXUnaryOperatorKind u = x->cl->getCursorUnaryOperatorKind(c);
    changes = u == CXUnaryOperator_PreInc || u == CXUnaryOperator_PreDec || u == CXUnaryOperator_PostInc ||
              u == CXUnaryOperator_PostDec || u == CXUnaryOperator_AddrOf;
  }
  if (!changes) return false;
  struct kids s = c_kids(x, c);
  if (!s.n) return false;
  CXCursor l = c_strip(x, s.c[0]);
  while (x->cl->getCursorKind(l) == CXCursor_MemberRefExpr) { /* s.f */
    struct kids in = c_kids(x, l);
    if (!in.n) return false;
    bool arrow = c_is_pointer(c_type(x, in.c[0]));
    l = c_strip(x, in.c[0]);
    if (arrow) return x->cl->getCursorKind(l) == CXCursor_DeclRefExpr && target(x, l, decl);
  }
  if (x->cl->getCursorKind(l) != CXCursor_DeclRefExpr) return false;
  *decl = x->cl->getCursorReferenced(l);
  return true;
}

static void forget(struct cx *x, struct cvar *v) {
  v->known = NULL;
  if (v->kind == VAR_POINTER) v->ptr = (struct cptr){.type = v->type};
  for (unsigned i = 0; v->kind == VAR_STRUCT && i < v->value.layout->n; i++) x->var[v->value.arg + i].known = NULL;
}

void c_forget_assigned(struct cx *x, CXCursor tree) {
  CXCursor decl;
  c_enter(x, tree);
  if (target(x, tree, &decl)) {
    struct cvar *v = cvar_find(x, decl);
    if (v) forget(x, v);
  }
  struct kids s = c_kids(x, tree);
  for (unsigned i = 0; i < s.n; i++) c_forget_assigned(x, s.c[i]);
  c_leave(x);
}

bool c_assigns(struct cx *x, CXCursor tree, CXCursor decl) {
  CXCursor d;
  c_enter(x, tree);
  bool yes = target(x, tree, &d) && c_same(x, d, decl);
  struct kids s = c_kids(x, tree);
  for (unsigned i = 0; i < s.n && !yes; i++) yes = c_assigns(x, s.c[i], decl);
  c_leave(x);
  return yes;
}

unsigned c_assignments(struct cx *x, CXCursor tree, CXCursor decl) {
  CXCursor d;
  c_enter(x, tree);
  unsigned n = target(x, tree, &d) && c_same(x, d, decl);
  struct kids s = c_kids(x, tree);
  for (unsigned i = 0; i < s.n; i++) n += c_assignments(x, s.c[i], decl);
  c_leave(x);
  return n;
}

struct known c_known_save(struct cx *x) {
  return (struct known){x->nvar, arena_dup(x->a, x->var, sizeof *x->var * x->nvar)};
}

void c_known_restore(struct cx *x, struct known k) {
  for (unsigned i = 0; i < k.n; i++) {
    x->var[i].known = k.v[i].known;
    x->var[i].known_exact = k.v[i].known_exact;
    x->var[i].ptr = k.v[i].ptr;
  }
}

struct cval c_read_var(struct cx *x, CXCursor at, struct cvar *v) {
  switch (v->kind) {
  case VAR_VALUE:
  case VAR_RECORD:
  case VAR_REF:
  case VAR_STRUCT:
    return v->value;
  case VAR_SCALAR:
    if (v->known) return cv_poly(x, v->known, v->type, v->known_exact);
    return cv_expr(c_local(x, v->id), v->type);
  case VAR_POINTER:
    if (!v->ptr.ix && !v->home.ix)
      c_refuse(x, at, "pointer '%s' may point into one array or another here: use one pointer for each", v->name);
    if (!v->ptr.ix) v->home_read = true;
    return (struct cval){.kind = CV_PTR, .type = v->type, .ptr = v->ptr.ix ? v->ptr : v->home};
  default:
    return (struct cval){.kind = CV_ARRAY, .type = v->type, .ptr = v->ptr};
  }
}

bool c_assigned_in_function(struct cx *x, CXCursor decl) {
  return c_assigns(x, x->body, decl);
}

/* p with local id as the subscript that moves. */
static struct cptr homed(struct cx *x, struct cptr p, unsigned id) {
  p.ix = arena_dup(x->a, p.ix, sizeof *p.ix * p.rank);
  p.ix[p.at] = (struct subscript){poly_const(x->a, 0), c_local(x, id)};
  return p;
}

bool c_pointers_related(struct cx *x, struct cptr a, struct cptr b) {
  (void)x;
  if (a.obj != b.obj || a.at != b.at || a.rank != b.rank || !a.ix || !b.ix || a.or || b.or) return false;
  for (unsigned i = 0; i < a.rank; i++)
    if (i != a.at && (a.ix[i].dyn != b.ix[i].dyn || !poly_eq(a.ix[i].poly, b.ix[i].poly))) return false;
  return true;
}

struct cval c_pointer_at(struct cx *x, struct cptr p) {
  struct subscript s = p.ix[p.at];
  if (!s.dyn) return cv_poly(x, s.poly, DT_i64, true);
  int64_t z;
  if (poly_is_const(s.poly, &z) && z == 0) return cv_expr(s.dyn, DT_i64);
  return cv_expr(expr_op2(x->a, OP_add, s.dyn, expr_poly(x->a, s.poly)), DT_i64);
}

/* The local that goes with the pointer follows it. */
static void follow(struct cx *x, CXCursor at, struct cvar *v, struct cptr p) {
  if (v->id == UINT16_MAX) return;
  if (!v->home.ix && !v->home_read && !p.or) {
    v->home = homed(x, p, v->id);
  } else if (!v->home.ix || !c_pointers_related(x, p, homed(x, v->home, v->id))) {
    if (v->home_read)
      c_refuse(x, at, "pointer '%s' moves from one array to another in a loop: use one pointer for each", v->name);
    v->home.ix = NULL;
    v->home_read = true; /* never again */
    return;
  }
  struct lstmt *s = loop_set(x->a, v->id, cv_get(x, c_pointer_at(x, p)));
  s->loc = c_loc(x, at);
  c_emit(x, s);
}

void c_pointer_var(struct cx *x, CXCursor at, struct cvar *v, bool assigned, struct cptr value) {
  CXCursor decl = v->decl;
  v->id = UINT16_MAX;
  if (assigned) {
    unsigned id = c_temp(x, arena_printf(x->a, "%s_at", v->name), DT_i64);
    v = cvar_find(x, decl);
    v->id = (uint16_t)id;
  }
  if (value.ix) follow(x, at, v, value);
  v->ptr = value;
}

/* Known modulo 2^32 only, and more than that perhaps: of no use for subscripts, a symbol is. */
static bool may_wrap(struct cx *x, struct cval v) {
  int64_t lo, hi;
  if (v.exact || v.type != DT_u32) return false;
  poly_range(v.p, x->lo, x->hi, &lo, &hi);
  return hi > UINT32_MAX;
}

/* The other numbers of a union that has been set through this one. */
static void set_twins(struct cx *x, CXCursor at, const struct cvar *v) {
  unsigned first = v->twin, n = v->twins, own = v->id;
  struct cval value = cv_expr(c_local(x, own), (enum dtype)v->type);
  for (unsigned i = first; i < first + n; i++) {
    struct cvar *w = &x->var[i];
    if (w->id == own) continue;
    w->known = NULL;
    struct lstmt *s = loop_set(x->a, w->id, cv_get(x, c_bits(x, at, value, (enum dtype)w->type)));
    s->loc = c_loc(x, at);
    c_emit(x, s);
  }
}

void c_write_var(struct cx *x, CXCursor at, struct cvar *v, struct cval value) {
  if (v->kind == VAR_POINTER) {
    follow(x, at, v, value.ptr);
    v->ptr = value.ptr;
    return;
  }
  if (v->kind == VAR_RECORD) c_rows_wanted(x, v->value);
  if (v->kind != VAR_SCALAR) c_refuse(x, at, "assignment to '%s' is not supported", v->name);
  value = cv_convert(x, value, v->type);
  struct lstmt *s = loop_set(x->a, v->id, cv_get(x, value));
  s->loc = c_loc(x, at);
  c_emit(x, s);
  v->known = value.p && may_wrap(x, value) ? NULL : value.p;
  v->known_exact = value.exact;
  if (v->twins) set_twins(x, at, v);
  if (v->known || !type_is_int((enum dtype)v->type) || !used_as_symbol(x, v->decl)) return;
  c_want(x, value.e); /* perhaps it is a polynomial of those */
  cv_want_quotients(x, value.e);
  let(x, cvar_find(x, v->decl), at);
}
