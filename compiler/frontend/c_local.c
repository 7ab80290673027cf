/* Local declarations. An array lives in an L_ALLOC around everything that follows it in its block. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

enum { STACK_BYTES = 4096, MAX_RANK = 8, MAX_INIT = 4096 };

static bool is_static(struct cx *x, CXCursor d) {
  return x->cl->Cursor_hasVarDeclGlobalStorage(d) == 1;
}

static _Noreturn void refuse_static(struct cx *x, CXCursor d) {
  c_refuse(x, d, "'%s' is static or extern: kernels keep nothing between calls; pass it as a parameter",
           c_str(x, x->cl->getCursorSpelling(d)));
}

/* A static number that each call sets before it reads it might as well not be static (c_check_statics asks behind the
 * walk). */
static bool may_forget(struct cx *x, CXCursor d) {
  enum dtype t;
  if (x->piece || x->nstatic == MAX_STATICS || x->cl->Cursor_getStorageClass(d) != CX_SC_Static ||
      x->cl->getCursorTLSKind(d) != CXTLS_None || !c_dtype(x, c_type(x, d), &t))
    return false;
  x->static_[x->nstatic].decl = d;
  x->static_[x->nstatic++].local = x->f->nlocal;
  return true;
}

void c_check_statics(struct cx *x) {
  for (unsigned i = 0; i < x->nstatic; i++)
    if (loop_first_use(x->f->body, x->static_[i].local) == 0) refuse_static(x, x->static_[i].decl);
}

static void declare_scalar(struct cx *x, CXCursor d, const char *name, enum dtype t) {
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(d);
  struct cval v = {0};
  bool has = !x->cl->Cursor_isNull(init) && !is_static(x, d);
  if (has) v = c_expr(x, init);
  if (has && v.kind != CV_NUM) c_refuse(x, d, "this initial value of '%s' is not supported", name);
  unsigned id = c_temp(x, name, t);
  struct cvar *var = cvar_add(x, d, name, VAR_SCALAR, t);
  var->id = (uint16_t)id;
  if (has) c_write_var(x, d, var, v);
}

static void declare_struct(struct cx *x, CXCursor d, const char *name, CXType t) {
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(d);
  struct cval v;
  bool has = !x->cl->Cursor_isNull(init);
  if (has) {
    bool list = x->cl->getCursorKind(init) == CXCursor_InitListExpr;
    v = list ? c_struct_list(x, init, t) : c_struct_value(x, d, c_expr(x, init), t);
  }
  c_struct_declare(x, d, name, t, has ? &v : NULL);
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
    if (v.kind == CV_REF || v.kind == CV_STRUCT) {
      if (c_assigned_in_function(x, d)) c_refuse(x, d, "pointer '%s' moves: it points to a local variable", name);
      cvar_add(x, d, name, VAR_REF, v.type)->value = v;
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

static bool is_zero(expr_t e) {
  return e->kind == E_CONST && (type_is_float((enum dtype)e->type) ? e->val.f == 0 : e->val.i == 0);
}

/* [4] = v: its place goes to *at, which is left alone where there is none. */
static CXCursor designated(struct cx *x, CXCursor c, int64_t *at) {
  struct kids k = c_kids(x, c);
  if (x->cl->getCursorKind(c) != CXCursor_UnexposedExpr || k.n < 2) return c;
  enum dtype t;
  union value v;
  if (k.n != 2 || !c_dtype(x, c_type(x, k.c[0]), &t) || !type_is_int(t) || !c_constant(x, k.c[0], t, &v))
    c_refuse(x, c, "this designated initialiser is not supported: give the elements in order");
  *at = v.i;
  return k.c[1];
}

static void store_list(struct cx *x, CXCursor list, unsigned obj, enum dtype t, const struct shape *s, poly_t *ix,
                       unsigned d) {
  struct kids k = c_kids(x, list);
  int64_t at = 0;
  for (unsigned i = 0; i < k.n; i++, at++) {
    k.c[i] = designated(x, k.c[i], &at);
    enum CXCursorKind kind = x->cl->getCursorKind(k.c[i]);
    ix[d] = poly_const(x->a, at);
    if (d + 1 < s->rank) {
      if (kind == CXCursor_InitListExpr) {
        store_list(x, k.c[i], obj, t, s, ix, d + 1);
        continue;
      }
      struct cval v = k.n == 1 && d == 0 ? c_expr(x, k.c[i]) : (struct cval){0};
      if (v.kind == CV_NUM && is_zero(cv_get(x, v))) continue; /* = {0} */
      c_refuse(x, k.c[i], "initialiser needs a pair of braces for each row");
    }
    if (kind == CXCursor_InitListExpr || !c_is_expr(x, k.c[i]))
      c_refuse(x, k.c[i], "this form of initialiser is not supported");
    struct cval v = c_expr(x, k.c[i]);
    if (v.kind != CV_NUM) c_refuse(x, k.c[i], "this initial value is not supported");
    store_at(x, k.c[i], obj, s, ix, cv_get(x, cv_convert(x, v, t)));
  }
}

/* The next character of a string as clang prints it: with escapes of letters and of three octal digits. */
static int character(const char **at) {
  static const char letters[] = "abfnrtv", codes[] = "\a\b\f\n\r\t\v";
  const char *p = *at;
  if (*p != '\\') {
    *at = p + 1;
    return (unsigned char)*p;
  }
  int v = 0, digits = 0;
  for (p++; digits < 3 && *p >= '0' && *p <= '7'; digits++) v = v * 8 + (*p++ - '0');
  const char *letter = digits ? NULL : strchr(letters, *p);
  if (!digits) v = letter ? codes[letter - letters] : (unsigned char)*p++;
  *at = letter ? p + 1 : p;
  return v;
}

/* char t[] = "…" */
static bool init_string(struct cx *x, CXCursor d, CXCursor init, unsigned obj, enum dtype t, const struct shape *s) {
  const char *text = c_str(x, x->cl->getCursorSpelling(init));
  size_t len = strlen(text);
  if (x->cl->getCursorKind(init) != CXCursor_StringLiteral || type_size(t) != 1 || s->rank != 1 || !s->constant)
    return false;
  if (len < 2 || text[0] != '"' || s->count > MAX_INIT) return false;
  const char *p = text + 1, *end = text + len - 1;
  for (int64_t i = 0; i < s->count; i++) {
    poly_t ix = poly_const(x->a, i);
    store_at(x, d, obj, s, &ix, expr_i(x->a, t, p < end ? character(&p) : 0));
  }
  return true;
}

static void init_list(struct cx *x, CXCursor d, CXCursor init, unsigned obj, enum dtype t, const struct shape *s) {
  if (given(x, init) > MAX_INIT)
    c_refuse(x, d, "an initialiser with more than %d values is not supported: pass the array as a parameter", MAX_INIT);
  if (x->cl->getCursorKind(init) != CXCursor_InitListExpr || !s->constant)
    c_refuse(x, d, "this initialiser of an array is not supported");
  if (given(x, init) < s->count) fill_zero(x, d, obj, t, s);
  poly_t ix[MAX_RANK];
  store_list(x, init, obj, t, s, ix, 0);
}

static void init_array(struct cx *x, CXCursor d, unsigned obj, enum dtype t, const struct shape *s) {
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(d);
  if (!x->cl->Cursor_isNull(init) && !init_string(x, d, init, obj, t, s)) init_list(x, d, init, obj, t, s);
}

static struct cptr add_object(struct cx *x, CXCursor d, const char *name, const struct shape *s, enum dtype elem) {
  enum scope scope = SCOPE_HEAP;
  int64_t bytes;
  if (s->constant && !__builtin_mul_overflow(s->count, (int64_t)type_size(elem), &bytes) && bytes >= 0 &&
      bytes + x->stack <= STACK_BYTES) {
    scope = SCOPE_STACK;
    x->stack += (unsigned)bytes;
  }
  if (x->f->nobject > 1000) c_refuse(x, d, "more than 1000 arrays");
  unsigned obj = lfunc_add_object(x->f, c_unique(x, name), elem, scope, s->rank, s->extent);
  struct cptr p = {.obj = (uint16_t)obj, .type = (uint8_t)elem, .rank = (uint8_t)s->rank};
  p.ix = ARENA_NEW(x->a, struct subscript, s->rank);
  for (unsigned i = 0; i < s->rank; i++) p.ix[i].poly = poly_const(x->a, 0);
  return p;
}

static unsigned add_array(struct cx *x, CXCursor d, const char *name, const struct shape *s, enum dtype elem) {
  struct cptr p = add_object(x, d, name, s, elem);
  struct cvar *v = cvar_add(x, d, name, VAR_ARRAY, elem);
  v->id = p.obj;
  v->ptr = p;
  return p.obj;
}

static unsigned declare_array(struct cx *x, CXCursor d, const char *name, struct shape *s, enum dtype *elem) {
  CXType et;
  *s = shape_of(x, d, name, &et);
  *elem = c_arith(x, d, et);
  return add_array(x, d, name, s, *elem);
}

static void check_storage(struct cx *x, CXCursor d, const char *name) {
  CXType t = x->cl->getCursorType(d);
  if (x->cl->isVolatileQualifiedType(t)) c_refuse(x, d, "'%s' is volatile: not supported", name);
  if (is_static(x, d) && !may_forget(x, d)) refuse_static(x, d);
}

/* A `static const int n = 5;` needs no variable: clang evaluates its uses. */
static bool is_constant(struct cx *x, CXCursor d) {
  enum dtype t;
  union value v;
  CXType ty = x->cl->getCursorType(d);
  if (c_dtype(x, x->cl->getCanonicalType(ty), &t) && c_global_number(x, d, t, &v)) return true;
  return is_static(x, d) && x->cl->isConstQualifiedType(ty) && c_dtype(x, x->cl->getCanonicalType(ty), &t);
}

/* An array that lives during the whole function, filled at entry. */
static void add_table(struct cx *x, CXCursor at, unsigned obj, struct clist *fill) {
  struct clist *outer = x->cur;
  struct lstmt *a = loop_alloc(x->a, obj, c_block(x, fill));
  a->loc = c_loc(x, at);
  x->cur = &x->table;
  c_emit(x, a);
  x->cur = outer;
}

struct cvar *c_const_array(struct cx *x, CXCursor d) {
  if (x->cl->getCursorKind(d) != CXCursor_VarDecl || x->cl->Cursor_hasVarDeclGlobalStorage(d) != 1) return NULL;
  if (!c_is_array(c_type(x, d)) || x->cl->Cursor_isNull(x->cl->Cursor_getVarDeclInitializer(d))) return NULL;
  if (!c_never_changes(x, d)) return NULL;
  struct shape s;
  enum dtype elem;
  struct clist *outer = x->cur, l = {0};
  unsigned obj = declare_array(x, d, c_str(x, x->cl->getCursorSpelling(d)), &s, &elem);
  x->cur = &l;
  init_array(x, d, obj, elem, &s);
  x->cur = outer;
  add_table(x, d, obj, &l);
  return cvar_find(x, d);
}

static bool all_constant(struct cx *x, CXCursor c) {
  enum dtype t;
  union value v;
  if (x->cl->getCursorKind(c) != CXCursor_InitListExpr) return c_dtype(x, c_type(x, c), &t) && c_constant(x, c, t, &v);
  struct kids k = c_kids(x, c);
  bool yes = true;
  c_enter(x, c);
  for (unsigned i = 0; i < k.n && yes; i++) yes = all_constant(x, k.c[i]);
  c_leave(x);
  return yes;
}

struct cval c_array_literal(struct cx *x, CXCursor c) {
  struct cvar *v = cvar_find(x, c);
  if (v) return c_read_var(x, c, v);
  struct kids k = c_kids(x, c);
  CXCursor list = k.n ? k.c[k.n - 1] : c;
  struct shape s = {.constant = true, .count = 1};
  CXType t = c_type(x, c), e = x->cl->getCursorType(c);
  for (; c_is_array(t); t = x->cl->getCanonicalType(x->cl->getArrayElementType(t))) {
    if (s.rank == MAX_RANK || t.kind != CXType_ConstantArray) c_refuse(x, c, "this compound literal is not supported");
    int64_t n = x->cl->getArraySize(t);
    if (__builtin_mul_overflow(s.count, n, &s.count)) c_refuse(x, c, "this array is too large");
    s.extent[s.rank++] = poly_const(x->a, n);
    e = x->cl->getArrayElementType(c_is_array(e) ? e : x->cl->getCanonicalType(e));
  }
  if (!x->cl->isConstQualifiedType(e) || !all_constant(x, list))
    c_refuse(x, c, "compound literals of numbers that are not constant are not supported: use a local array");
  enum dtype elem = c_arith(x, c, t);
  struct clist *outer = x->cur, l = {0};
  unsigned obj = add_array(x, c, "literal", &s, elem);
  x->cur = &l;
  init_list(x, c, list, obj, elem, &s);
  x->cur = outer;
  add_table(x, c, obj, &l);
  return c_read_var(x, c, cvar_find(x, c));
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

static bool declare_from(struct cx *x, struct kids k, unsigned i, const struct rest *behind);

/* An array of the function's own around what stands behind its declaration, number i of k. */
struct own {
  CXCursor decl;
  const char *name;
  struct shape s;
  enum dtype elem;
  unsigned obj;
  bool zeroed;
  struct cptr pointer; /* ix: the name is that of a pointer to it (malloc) */
};

/* Pointers to an array that has ended: it may be one that C keeps longer. */
static void forget_pointers(struct cx *x, unsigned obj) {
  for (unsigned i = 0; i < x->nvar; i++) {
    struct cvar *v = &x->var[i];
    if (v->kind != VAR_POINTER) continue;
    bool here = v->ptr.ix && (v->ptr.obj == obj || (v->ptr.or &&v->ptr.or->other.obj == obj));
    if (here) v->ptr = (struct cptr){.type = v->type};
    if (!v->home.ix || v->home.obj != obj) continue;
    v->home.ix = NULL;
    v->home_read = true; /* never again */
  }
}

static void array_around(struct cx *x, struct kids k, unsigned i, const struct rest *behind, const struct own *o) {
  bool all = jumps_behind(x, behind);
  struct rest rest = *behind;
  if (!all) rest.outer = NULL;
  struct clist *outer = x->cur, l = {0};
  struct loc loc = c_loc(x, o->decl);
  unsigned first = x->k->nsym;
  x->cur = &l;
  if (o->pointer.ix) {
    struct cvar *v = cvar_add(x, o->decl, o->name, VAR_POINTER, o->elem);
    c_pointer_var(x, o->decl, v, c_assigned_in_function(x, o->decl), o->pointer);
  }
  if (o->zeroed) fill_zero(x, o->decl, o->obj, o->elem, &o->s);
  if (!o->pointer.ix) init_array(x, o->decl, o->obj, o->elem, &o->s);
  if (!declare_from(x, k, i + 1, &rest)) c_stmts(x, &rest);
  x->cur = outer;
  struct lstmt *a = loop_alloc(x->a, o->obj, c_block(x, &l));
  a->loc = loc;
  c_emit(x, a);
  c_forget_since(x, first);
  forget_pointers(x, o->obj);
  if (!all && behind->outer) c_stmts(x, behind->outer);
}

/* The call of malloc and the like that c is, behind casts: how many bytes it asks for. */
static bool heap_bytes(struct cx *x, CXCursor c, struct cval *bytes, bool *zeroed) {
  for (struct kids k = {0}; c = c_strip(x, c), x->cl->getCursorKind(c) == CXCursor_CStyleCastExpr; c = k.c[k.n - 1]) {
    k = c_kids(x, c);
    if (!k.n) return false;
  }
  if (x->cl->getCursorKind(c) != CXCursor_CallExpr) return false;
  const char *name = c_str(x, x->cl->getCursorSpelling(c));
  if (!strncmp(name, "__builtin_", 10)) name += 10;
  int n = x->cl->Cursor_getNumArguments(c);
  bool one = n == 1 && (!strcmp(name, "malloc") || !strcmp(name, "alloca"));
  bool aligned = n == 2 && (!strcmp(name, "aligned_alloc") || !strcmp(name, "memalign"));
  *zeroed = n == 2 && !strcmp(name, "calloc");
  CXCursor def = x->cl->getCursorDefinition(x->cl->getCursorReferenced(c));
  if ((!one && !aligned && !*zeroed) || !x->cl->Cursor_isNull(def)) return false;
  *bytes = c_expr(x, x->cl->Cursor_getArgument(c, aligned));
  if (!*zeroed) return bytes->kind == CV_NUM;
  struct cval each = c_expr(x, x->cl->Cursor_getArgument(c, 1));
  if (bytes->kind != CV_NUM || each.kind != CV_NUM) return false;
  *bytes = cv_binary(x, OP_mul, cv_convert(x, *bytes, DT_u64), cv_convert(x, each, DT_u64));
  return true;
}

/* T *d = malloc(bytes): an array, and a pointer to it. It ends with its block; who keeps the pointer is refused. */
static bool declare_heap(struct cx *x, CXCursor d, const char *name, CXType t, struct own *o) {
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(d);
  struct cval bytes;
  *o = (struct own){.decl = d, .name = name, .s = {.rank = 1}};
  if (x->cl->Cursor_isNull(init) || !heap_bytes(x, init, &bytes, &o->zeroed)) return false;
  o->elem = c_arith(x, d, x->cl->getCanonicalType(x->cl->getPointeeType(t)));
  poly_t count = c_elements(x, bytes, o->elem);
  if (!count) c_refuse(x, d, "the size of '%s' is not a sum of products of integer parameters", name);
  o->s.extent[0] = count;
  o->s.constant = poly_is_const(count, &o->s.count);
  o->pointer = add_object(x, d, name, &o->s, o->elem);
  o->obj = o->pointer.obj;
  return true;
}

/* Declarations from number i on, then what is behind. True when that was lowered too. */
static bool declare_from(struct cx *x, struct kids k, unsigned i, const struct rest *behind) {
  for (; i < k.n; i++) {
    CXCursor d = k.c[i];
    if (x->cl->getCursorKind(d) != CXCursor_VarDecl) {
      enum CXCursorKind kind = x->cl->getCursorKind(d);
      if (kind == CXCursor_EnumDecl || kind == CXCursor_TypedefDecl || kind == CXCursor_StructDecl ||
          kind == CXCursor_UnionDecl)
        continue;
      c_refuse(x, d, "this local declaration is not supported");
    }
    const char *name = c_str(x, x->cl->getCursorSpelling(d));
    if (is_constant(x, d) || c_const_array(x, d)) continue;
    check_storage(x, d, name);
    CXType t = c_type(x, d);
    struct own o = {.decl = d, .name = name};
    if (c_is_pointer(t) && declare_heap(x, d, name, t, &o)) {
      array_around(x, k, i, behind, &o);
      return true;
    }
    if (c_is_pointer(t)) {
      declare_pointer(x, d, name, t);
    } else if (c_is_array(t)) {
      o.obj = declare_array(x, d, name, &o.s, &o.elem);
      array_around(x, k, i, behind, &o);
      return true;
    } else if (t.kind == CXType_Record) {
      declare_struct(x, d, name, t);
    } else {
      declare_scalar(x, d, name, c_arith(x, d, t));
    }
  }
  return false;
}

bool c_declare(struct cx *x, CXCursor decl_stmt, const struct rest *behind) {
  return declare_from(x, c_kids(x, decl_stmt), 0, behind);
}
