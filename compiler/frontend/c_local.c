/* Local declarations. An array lives in an L_ALLOC around everything that follows it in its block. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

enum { STACK_BYTES = 4096, MAX_RANK = 8, MAX_INIT = 65536 };

static void declare_scalar(struct cx *x, CXCursor d, const char *name, enum dtype t) {
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(d);
  struct cval v = {0};
  bool has = !x->cl->Cursor_isNull(init);
  if (has) v = c_expr(x, init);
  if (has && v.kind != CV_NUM) c_refuse(x, d, "this initial value of '%s' is not supported", name);
  unsigned id = c_temp(x, name, t);
  struct cvar *var = cvar_add(x, d, name, VAR_SCALAR, t);
  var->id = (uint16_t)id;
  if (has) c_write_var(x, d, var, v);
}

static void declare_pointer(struct cx *x, CXCursor d, const char *name, CXType t) {
  CXType to = x->cl->getCanonicalType(x->cl->getPointeeType(t));
  while (c_is_array(to)) to = x->cl->getCanonicalType(x->cl->getArrayElementType(to));
  enum dtype e = DT_i32;
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(d);
  struct cval v = {0};
  if (!c_element(x, to, &e) && to.kind != CXType_Record) c_arith(x, d, to);
  if (!x->cl->Cursor_isNull(init)) {
    v = c_expr(x, init);
    if (v.kind == CV_RECORD) {
      cvar_add(x, d, name, VAR_RECORD, DT_i32)->value = v;
      return;
    }
    if (v.kind != CV_PTR) c_refuse(x, d, "this initial value of pointer '%s' is not supported", name);
    v.ptr = c_freeze(x, d, v.ptr);
  }
  c_pointer_var(x, d, cvar_add(x, d, name, VAR_POINTER, e), c_assigned_in_function(x, d), v.ptr);
}

struct shape {
  unsigned rank;
  poly_t extent[MAX_RANK];
  bool constant;
  int64_t count;
};

static struct shape shape_of(struct cx *x, CXCursor d, const char *name, CXType *elem) {
  struct shape s = {.constant = true, .count = 1};
  poly_t size[MAX_RANK];
  unsigned n = c_sizes(x, d, size, MAX_RANK);
  CXType t = c_type(x, d);
  for (; c_is_array(t); t = x->cl->getCanonicalType(x->cl->getArrayElementType(t))) {
    if (s.rank == MAX_RANK) c_refuse(x, d, "array '%s' has more than %d dimensions", name, MAX_RANK);
    long long fixed = t.kind == CXType_ConstantArray ? x->cl->getArraySize(t) : -1;
    if (fixed < 0 && s.rank >= n) c_refuse(x, d, "the size of array '%s' is not known", name);
    poly_t p = fixed >= 0 ? poly_const(x->a, fixed) : size[n - 1 - s.rank];
    if (!p) c_refuse(x, d, "the size of array '%s' is not a sum of products of integer parameters", name);
    int64_t c;
    if (!poly_is_const(p, &c))
      s.constant = false;
    else if (__builtin_mul_overflow(s.count, c, &s.count))
      c_refuse(x, d, "array '%s' is too large", name);
    s.extent[s.rank++] = p;
  }
  *elem = t;
  return s;
}

static void store_at(struct cx *x, CXCursor at, unsigned obj, const struct shape *s, const poly_t *ix, expr_t value) {
  struct lstmt *st = loop_store(x->a, access_new(x->a, obj, s->rank, ix), RED_none, value);
  st->loc = c_loc(x, at);
  c_emit(x, st);
}

static void fill_zero(struct cx *x, CXCursor at, unsigned obj, enum dtype t, const struct shape *s) {
  poly_t ix[MAX_RANK], zero = poly_const(x->a, 0);
  sym_t sym[MAX_RANK];
  for (unsigned i = 0; i < s->rank; i++) {
    sym[i] = c_new_sym(x, "z", 0, INT64_MAX);
    ix[i] = poly_sym(x->a, sym[i]);
  }
  struct clist *outer = x->cur, l = {0};
  x->cur = &l;
  store_at(x, at, obj, s, ix, expr_const(x->a, t, (union value){0}));
  x->cur = outer;
  struct lstmt *b = c_block(x, &l);
  for (unsigned i = s->rank; i-- > 0;) b = loop_for(x->a, F_SERIAL, sym[i], zero, s->extent[i], 1, b);
  c_emit(x, b);
}

/* How many elements a list gives. */
static int64_t given(struct cx *x, CXCursor list) {
  if (x->cl->getCursorKind(list) != CXCursor_InitListExpr) return 1;
  struct kids k = c_kids(x, list);
  int64_t n = 0;
  c_enter(x, list);
  for (unsigned i = 0; i < k.n; i++) n += given(x, k.c[i]);
  c_leave(x);
  return n;
}

static void store_list(struct cx *x, CXCursor list, unsigned obj, enum dtype t, const struct shape *s, poly_t *ix,
                       unsigned d) {
  struct kids k = c_kids(x, list);
  for (unsigned i = 0; i < k.n; i++) {
    enum CXCursorKind kind = x->cl->getCursorKind(k.c[i]);
    ix[d] = poly_const(x->a, i);
    if (kind == CXCursor_UnexposedExpr && c_kids(x, k.c[i]).n > 1)
      c_refuse(x, k.c[i], "designated initialisers are not supported: give the elements in order");
    if (d + 1 < s->rank) {
      int64_t z;
      if (kind == CXCursor_InitListExpr) {
        store_list(x, k.c[i], obj, t, s, ix, d + 1);
        continue;
      }
      struct cval v = k.n == 1 && d == 0 ? c_expr(x, k.c[i]) : (struct cval){0};
      if (v.kind == CV_NUM && v.p && poly_is_const(v.p, &z) && z == 0) continue; /* = {0} */
      c_refuse(x, k.c[i], "initialiser needs a pair of braces for each row");
    }
    if (kind == CXCursor_InitListExpr || !c_is_expr(x, k.c[i]))
      c_refuse(x, k.c[i], "this form of initialiser is not supported");
    struct cval v = c_expr(x, k.c[i]);
    if (v.kind != CV_NUM) c_refuse(x, k.c[i], "this initial value is not supported");
    store_at(x, k.c[i], obj, s, ix, cv_get(x, cv_convert(x, v, t)));
  }
}

static void init_array(struct cx *x, CXCursor d, unsigned obj, enum dtype t, const struct shape *s) {
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(d);
  if (x->cl->Cursor_isNull(init)) return;
  if (x->cl->getCursorKind(init) != CXCursor_InitListExpr || !s->constant || s->count > MAX_INIT)
    c_refuse(x, d, "this initialiser of an array is not supported");
  if (given(x, init) < s->count) fill_zero(x, d, obj, t, s);
  poly_t ix[MAX_RANK];
  store_list(x, init, obj, t, s, ix, 0);
}

static unsigned declare_array(struct cx *x, CXCursor d, const char *name, struct shape *s, enum dtype *elem) {
  CXType et;
  *s = shape_of(x, d, name, &et);
  *elem = c_arith(x, d, et);
  enum scope scope = SCOPE_HEAP;
  int64_t bytes;
  if (s->constant && !__builtin_mul_overflow(s->count, (int64_t)type_size(*elem), &bytes) && bytes >= 0 &&
      bytes + x->stack <= STACK_BYTES) {
    scope = SCOPE_STACK;
    x->stack += (unsigned)bytes;
  }
  if (x->f->nobject > 1000) c_refuse(x, d, "more than 1000 arrays");
  unsigned obj = lfunc_add_object(x->f, c_unique(x, name), *elem, scope, s->rank, s->extent);
  struct cvar *v = cvar_add(x, d, name, VAR_ARRAY, *elem);
  v->id = (uint16_t)obj;
  v->ptr = (struct cptr){.obj = (uint16_t)obj, .type = (uint8_t)*elem, .rank = (uint8_t)s->rank};
  v->ptr.ix = ARENA_NEW(x->a, struct subscript, s->rank);
  for (unsigned i = 0; i < s->rank; i++) v->ptr.ix[i].poly = poly_const(x->a, 0);
  return obj;
}

static void check_storage(struct cx *x, CXCursor d, const char *name) {
  CXType t = x->cl->getCursorType(d);
  if (x->cl->isVolatileQualifiedType(t)) c_refuse(x, d, "'%s' is volatile: not supported", name);
  if (x->cl->Cursor_hasVarDeclGlobalStorage(d) == 1)
    c_refuse(x, d, "'%s' is static or extern: kernels keep nothing between calls; pass it as a parameter", name);
}

/* A `static const int n = 5;` needs no variable: clang evaluates its uses. */
static bool is_constant(struct cx *x, CXCursor d) {
  enum dtype t;
  CXType ty = x->cl->getCursorType(d);
  return x->cl->Cursor_hasVarDeclGlobalStorage(d) == 1 && x->cl->isConstQualifiedType(ty) &&
         c_dtype(x, x->cl->getCanonicalType(ty), &t);
}

struct cvar *c_const_array(struct cx *x, CXCursor d) {
  if (x->cl->getCursorKind(d) != CXCursor_VarDecl || x->cl->Cursor_hasVarDeclGlobalStorage(d) != 1) return NULL;
  CXType t = x->cl->getCursorType(d), e = t;
  if (!c_is_array(x->cl->getCanonicalType(t)) || x->cl->Cursor_isNull(x->cl->Cursor_getVarDeclInitializer(d)))
    return NULL;
  while (c_is_array(e) || c_is_array(x->cl->getCanonicalType(e)))
    e = x->cl->getArrayElementType(c_is_array(e) ? e : x->cl->getCanonicalType(e));
  if (!x->cl->isConstQualifiedType(e) && !x->cl->isConstQualifiedType(x->cl->getCanonicalType(e))) return NULL;
  struct shape s;
  enum dtype elem;
  struct clist *outer = x->cur, l = {0};
  unsigned obj = declare_array(x, d, c_str(x, x->cl->getCursorSpelling(d)), &s, &elem);
  x->cur = &l;
  init_array(x, d, obj, elem, &s);
  struct lstmt *fill = c_block(x, &l), *a = loop_alloc(x->a, obj, fill);
  a->loc = c_loc(x, d);
  x->cur = &x->table;
  c_emit(x, a);
  x->cur = outer;
  return cvar_find(x, d);
}

struct lstmt *c_with_tables(struct cx *x, struct lstmt *body) {
  for (unsigned i = x->table.n; i-- > 0;) {
    struct lstmt *a = x->table.s[i], *both[2] = {a->body[0], body};
    a->body[0] = loop_block(x->a, 2, both);
    body = a;
  }
  return body;
}

static bool jumps_behind(struct cx *x, const struct rest *r) {
  for (unsigned i = r->next; i < r->s.n; i++)
    if (c_has_jump(x, r->s.c[i])) return true;
  return false;
}

/* Declarations from number i on, then what is behind. True when that was lowered too. */
static bool declare_from(struct cx *x, struct kids k, unsigned i, const struct rest *behind) {
  for (; i < k.n; i++) {
    CXCursor d = k.c[i];
    if (x->cl->getCursorKind(d) != CXCursor_VarDecl) {
      enum CXCursorKind kind = x->cl->getCursorKind(d);
      if (kind == CXCursor_EnumDecl || kind == CXCursor_TypedefDecl) continue;
      c_refuse(x, d, "this local declaration is not supported");
    }
    const char *name = c_str(x, x->cl->getCursorSpelling(d));
    if (is_constant(x, d) || c_const_array(x, d)) continue;
    check_storage(x, d, name);
    CXType t = c_type(x, d);
    if (c_is_pointer(t)) {
      declare_pointer(x, d, name, t);
    } else if (c_is_array(t)) {
      struct shape s;
      enum dtype e;
      unsigned obj = declare_array(x, d, name, &s, &e);
      bool all = jumps_behind(x, behind);
      struct rest own = *behind;
      if (!all) own.outer = NULL;
      struct clist *outer = x->cur, l = {0};
      struct loc loc = c_loc(x, d);
      unsigned first = x->k->nsym;
      x->cur = &l;
      init_array(x, d, obj, e, &s);
      if (!declare_from(x, k, i + 1, &own)) c_stmts(x, &own);
      x->cur = outer;
      struct lstmt *a = loop_alloc(x->a, obj, c_block(x, &l));
      a->loc = loc;
      c_emit(x, a);
      c_forget_since(x, first);
      if (!all && behind->outer) c_stmts(x, behind->outer);
      return true;
    } else {
      declare_scalar(x, d, name, c_arith(x, d, t));
    }
  }
  return false;
}

bool c_declare(struct cx *x, CXCursor decl_stmt, const struct rest *behind) {
  return declare_from(x, c_kids(x, decl_stmt), 0, behind);
}
