/* Parameters: which is a dim, a scalar, a tensor; extents from the declared sizes; and each declaration as it must
   stand in a header for the same C function (typedefs of the file spelled out, macros gone). */
#include "compiler/frontend/c_lower.h"
#include <ctype.h>
#include <string.h>

enum { MAX_PARAMS = 64, MAX_RANK = 8 };

unsigned c_sizes(struct cx *x, CXCursor decl, poly_t *out, unsigned max) {
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(decl);
  struct kids k = c_kids(x, decl);
  unsigned n = 0;
  for (unsigned i = 0; i < k.n; i++) {
    if (!c_is_expr(x, k.c[i]) || c_same(x, k.c[i], init)) continue;
    if (n == max) c_refuse(x, decl, "array with more than %u dimensions", max);
    struct clist side = {0}, *outer = x->cur;
    x->cur = &side;
    struct cval v = c_expr(x, k.c[i]);
    x->cur = outer;
    if (side.n) c_refuse(x, k.c[i], "the size of an array may not have side effects");
    if (v.kind == CV_NUM && !v.p) c_want(x, v.e), cv_want_quotients(x, v.e);
    out[n++] = v.kind == CV_NUM && type_is_int(v.type) && cv_is_number(v) ? v.p : NULL;
  }
  return n;
}

/* --- the declaration as text --- */

/* Words that mean the same in any file that includes the standard headers. */
static bool known_word(const char *s, size_t n) {
  static const char *const words[] = {"const",    "restrict",  "static",   "float",   "double",  "int",      "unsigned",
                                      "long",     "short",     "char",     "signed",  "_Bool",   "bool",     "size_t",
                                      "int8_t",   "int16_t",   "int32_t",  "int64_t", "uint8_t", "uint16_t", "uint32_t",
                                      "uint64_t", "ptrdiff_t", "_Float16", "__bf16"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strlen(words[i]) == n && !memcmp(words[i], s, n)) return true;
  return false;
}

static bool known_words(struct cx *x, const char *s) {
  while (*s) {
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_') n++;
    bool ok = !n || isdigit((unsigned char)*s) || known_word(s, n);
    for (unsigned i = 0; i < x->k->nparam && !ok; i++)
      ok = strlen(x->k->param[i].name) == n && !memcmp(x->k->param[i].name, s, n);
    if (!ok) return false;
    s += n ? n : 1;
  }
  return true;
}

/* Type spelling and name as a declaration: the name stands before the first '[', or after "(*". */
static const char *declaration(struct cx *x, const char *type, const char *name) {
  const char *star = strstr(type, "(*");
  size_t at = strlen(type);
  if (star) {
    at = (size_t)(star - type) + 2;
    while (type[at] && type[at] != ')') at++;
  } else if (strchr(type, '[')) {
    at = (size_t)(strchr(type, '[') - type);
  }
  bool blank = at && type[at - 1] != '*' && type[at - 1] != ' ';
  return arena_printf(x->a, "%.*s%s%s%s", (int)at, type, blank ? " " : "", name, type + at);
}

const char *c_header_text(struct cx *x, CXCursor p, const char *name) {
  CXType t = x->cl->getCursorType(p);
  const char *s = c_str(x, x->cl->getTypeSpelling(t));
  if (known_words(x, s)) return declaration(x, s, name);
  s = c_str(x, x->cl->getTypeSpelling(x->cl->getCanonicalType(t)));
  if (known_words(x, s)) return declaration(x, s, name);
  enum dtype d;
  if (x->cl->getCanonicalType(t).kind == CXType_Enum && c_dtype(x, x->cl->getCanonicalType(t), &d))
    return arena_printf(x->a, "%s %s", type_cname(d), name);
  return NULL;
}

/* restrict inside [] is not in the type: it is read from its spelling. */
static bool restrict_in_brackets(struct cx *x, CXCursor p) {
  const char *s = strchr(c_str(x, x->cl->getTypeSpelling(x->cl->getCursorType(p))), '[');
  if (!s) return false;
  const char *word = strstr(s, "restrict");
  const char *end = strchr(s, ']');
  return word && end && word < end;
}

/* --- parameters --- */
static void integer_param(struct cx *x, CXCursor p, const char *name, enum dtype t, bool dim) {
  unsigned n = kernel_add_param(x->k, name, dim ? PARAM_DIM : PARAM_SCALAR, t);
  struct cvar *v = cvar_add(x, p, name, VAR_VALUE, t);
  if (!dim) {
    v->value = cv_expr(expr_scalar(x->a, t, n), t);
    return;
  }
  sym_t s = x->k->param[n].ref;
  c_int_range(t, &x->lo[s], &x->hi[s]);
  v->value = cv_poly(x, poly_sym(x->a, s), t, true);
}

/* --- candidates: what C passes, and what follows from it --- */
struct cand *c_candidate(struct cx *x, enum origin_how how, uint16_t from, int64_t offset, enum dtype t) {
  if (x->ncand == MAX_DERIVED) c_refuse(x, x->at, "the function has more than %d parameters and fields", MAX_DERIVED);
  struct cand *c = &x->cand[x->ncand++];
  *c = (struct cand){.how = (uint8_t)how, .type = (uint8_t)t, .from = from, .offset = offset};
  return c;
}

bool c_left_out(struct cx *x, unsigned cand) {
  return x->used && !x->used[cand];
}

static void origin(struct cx *x, unsigned param, const struct cand *c) {
  x->origin[param] = (struct origin){c->how, c->from, c->offset};
}

/* A name that neither an argument of C's has (those keep theirs) nor a parameter so far. */
static const char *free_name(struct cx *x, const char *name) {
  const char *n = name;
  bool taken = true;
  for (unsigned again = 1; taken; again++) {
    taken = false;
    for (unsigned i = 0; i < x->k->nparam; i++) taken |= !strcmp(x->k->param[i].name, n);
    for (unsigned i = 0; i < x->nargs; i++) taken |= !strcmp(x->arg_name[i], n);
    if (taken) n = arena_printf(x->a, "%s_%u", name, again);
  }
  return n;
}

void c_derived_dim(struct cx *x, struct cand *c, const char *name, int64_t lo, int64_t hi) {
  unsigned n = kernel_add_param(x->k, free_name(x, name), PARAM_DIM, c->type);
  sym_t s = x->k->param[n].ref;
  x->lo[s] = lo;
  x->hi[s] = hi;
  origin(x, n, c);
  c->value = cv_poly(x, poly_sym(x->a, s), c->type, true);
}

void c_derived_tensor(struct cx *x, struct cand *c, const char *name, unsigned rank, const poly_t *extent,
                      bool is_const) {
  name = free_name(x, name);
  unsigned n = kernel_add_param(x->k, name, PARAM_TENSOR, c->type);
  unsigned k = kernel_add_tensor(x->k, name, c->type, ROLE_INOUT, rank, extent);
  struct param *q = &x->k->param[n];
  q->ref = (uint16_t)k;
  q->is_const = is_const;
  q->is_restrict = c->how == ORIGIN_RESULT;
  q->flat = rank == 1 && !extent[0];
  q->loc = x->k->tensor[k].loc = x->k->loc;
  x->k->tensor[k].param = (uint16_t)n;
  origin(x, n, c);
  c->value = (struct cval){.kind = CV_PTR, .type = c->type};
  c->value.ptr = (struct cptr){.obj = (uint16_t)k, .type = c->type, .rank = (uint8_t)rank};
  c->value.ptr.ix = ARENA_NEW(x->a, struct subscript, rank);
  for (unsigned i = 0; i < rank; i++) c->value.ptr.ix[i].poly = poly_const(x->a, 0);
}

static CXType peel(struct cx *x, CXType t) {
  return x->cl->getCanonicalType(c_is_pointer(t) ? x->cl->getPointeeType(t) : x->cl->getArrayElementType(t));
}

/* The element type with its qualifiers: peeled as written where possible, because canonical array types lose const. */
static bool const_element(struct cx *x, CXType t) {
  for (;;) {
    if (!c_is_pointer(t) && !c_is_array(t)) {
      CXType c = x->cl->getCanonicalType(t);
      if (!c_is_pointer(c) && !c_is_array(c)) return x->cl->isConstQualifiedType(t) || x->cl->isConstQualifiedType(c);
      t = c;
    }
    t = c_is_pointer(t) ? x->cl->getPointeeType(t) : x->cl->getArrayElementType(t);
  }
}

/* Extents outermost first: constant ones from the type, others from the size expressions in order. */
static unsigned extents(struct cx *x, CXCursor p, const char *name, CXType t, poly_t *extent, CXType *elem) {
  poly_t size[MAX_RANK];
  unsigned n = c_sizes(x, p, size, MAX_RANK), rank = 0, taken = 0;
  for (; c_is_pointer(t) || c_is_array(t); t = peel(x, t)) {
    if (rank == MAX_RANK) c_refuse(x, p, "array '%s' has more than %d dimensions", name, MAX_RANK);
    if (c_is_pointer(t) && rank) c_refuse(x, p, "'%s' is a pointer to pointers: pass one array", name);
    poly_t e = NULL;
    if (t.kind == CXType_VariableArray || (t.kind == CXType_ConstantArray && taken < n)) {
      if (taken == n) c_refuse(x, p, "the size of '%s' is hidden in a typedef", name);
      e = size[n - 1 - taken++];
    }
    if (t.kind == CXType_ConstantArray) e = poly_const(x->a, x->cl->getArraySize(t));
    if (!e && rank) c_refuse(x, p, "an inner dimension of '%s' is not a sum of products of integer parameters", name);
    extent[rank++] = e;
  }
  *elem = t;
  return rank;
}

static void tensor_param(struct cx *x, CXCursor p, const char *name, CXType t) {
  poly_t extent[MAX_RANK];
  CXType elem;
  enum dtype e;
  bool is_pointer = c_is_pointer(t);
  unsigned rank = extents(x, p, name, t, extent, &elem);
  int64_t count;
  if (elem.kind == CXType_FunctionProto || elem.kind == CXType_FunctionNoProto)
    c_refuse(x, p, "'%s' is a function pointer: not supported", name);
  if (c_uniform(x, elem, &e, &count) && rank < MAX_RANK)
    extent[rank++] = poly_const(x->a, count);
  else if (!c_dtype(x, elem, &e))
    c_refuse(x, p, "'%s': elements of type '%s' are not supported", name, c_str(x, x->cl->getTypeSpelling(elem)));
  if (x->cl->isVolatileQualifiedType(elem)) c_refuse(x, p, "'%s' is volatile: not supported", name);
  unsigned n = kernel_add_param(x->k, name, PARAM_TENSOR, e);
  unsigned k = kernel_add_tensor(x->k, name, e, ROLE_INOUT, rank, extent);
  struct param *q = &x->k->param[n];
  q->ref = (uint16_t)k;
  q->is_const = const_element(x, x->cl->getCursorType(p));
  q->is_restrict =
      x->cl->isRestrictQualifiedType(x->cl->getCanonicalType(x->cl->getCursorType(p))) || restrict_in_brackets(x, p);
  q->flat = is_pointer && rank == 1;
  x->k->tensor[k].param = (uint16_t)n;
  x->k->tensor[k].loc = c_loc(x, p);
  struct cvar *v = cvar_add(x, p, name, VAR_POINTER, e);
  v->id = UINT16_MAX;
  v->ptr = (struct cptr){.obj = (uint16_t)k, .type = (uint8_t)e, .rank = (uint8_t)rank};
  v->ptr.ix = ARENA_NEW(x->a, struct subscript, rank);
  for (unsigned i = 0; i < rank; i++) v->ptr.ix[i].poly = poly_const(x->a, 0);
}

/* A pointer to an array of structures with fields of several types. */
static void rows_param(struct cx *x, CXCursor p, const char *name, uint16_t at, CXType record) {
  CXType t = x->cl->getCanonicalType(x->cl->getCursorType(p));
  struct row_quals q = {x->cl->isConstQualifiedType(record), x->cl->isRestrictQualifiedType(t)};
  struct cvar *v = cvar_add(x, p, name, VAR_POINTER, DT_u8);
  v->id = UINT16_MAX;
  v->ptr = (struct cptr){.obj = (uint16_t)(OBJ_ROWS + at), .type = DT_u8, .rank = 2};
  v->ptr.ix = ARENA_NEW(x->a, struct subscript, 2);
  for (unsigned i = 0; i < 2; i++) v->ptr.ix[i].poly = poly_const(x->a, 0);
  c_rows_fields(x, x->cl->getTypeDeclaration(record), at, x->cl->Type_getSizeOf(record), 0, name, q);
}

/* A number whose address a piece gets: it starts as what lies there. */
static void place_param(struct cx *x, CXCursor p, const char *name, enum dtype t) {
  poly_t one = poly_const(x->a, 1), zero = poly_const(x->a, 0);
  unsigned n = kernel_add_param(x->k, name, PARAM_TENSOR, t);
  unsigned k = kernel_add_tensor(x->k, name, t, ROLE_INOUT, 1, &one);
  struct param *q = &x->k->param[n];
  q->ref = (uint16_t)k;
  q->is_restrict = true;
  x->k->tensor[k].param = (uint16_t)n;
  x->k->tensor[k].loc = c_loc(x, p);
  cvar_add(x, p, name, VAR_VALUE, t)->value = cv_expr(expr_read(x->a, t, access_new(x->a, k, 1, &zero)), t);
}

void c_leave_places(struct cx *x) {
  for (unsigned i = 0; x->piece && i < x->piece->n; i++) {
    struct cvar *v = cvar_find(x, x->piece->v[i].decl);
    poly_t zero = poly_const(x->a, 0);
    if (!x->piece->v[i].place || !v || v->kind != VAR_SCALAR) continue;
    unsigned tensor = 0;
    for (unsigned j = 0; j < x->ncand; j++)
      if (x->cand[j].how == ORIGIN_SELF && x->cand[j].from == i) tensor = x->k->param[x->cand[j].param].ref;
    c_emit(x, loop_store(x->a, access_new(x->a, tensor, 1, &zero), RED_none, cv_get(x, c_read_var(x, x->at, v))));
  }
}

/* A structure by value: where it lies is known when it is too large for registers. Those that some machine passes in
 * them are refused. */
static bool value_param(struct cx *x, CXCursor p, const char *name, uint16_t at, CXType t) {
  int64_t size = x->cl->Type_getSizeOf(t), count;
  enum dtype e;
  bool in_registers = size <= 16 || (c_uniform(x, t, &e, &count) && type_is_float(e) && count <= 4);
  if (in_registers || size > OPAQUE_BYTES || x->cl->Type_getAlignOf(t) > 8) return false;
  const char *ctype = arena_printf(x->a, "%s %s", c_str(x, x->cl->getTypeSpelling(x->cl->getCursorType(p))), name);
  x->opaque[x->nopaque++] = (struct opaque){at, name, ctype, (uint32_t)size};
  cvar_add(x, p, name, VAR_RECORD, DT_i32)->value = (struct cval){.kind = CV_RECORD, .arg = at};
  c_record_fields(x, p, t, at, 0, name);
  return true;
}

/* A pointer to a structure with fields of several types: the fields become parameters of their own. */
static bool record_param(struct cx *x, CXCursor p, const char *name, uint16_t at) {
  CXType t = c_type(x, p);
  enum dtype e;
  int64_t count;
  if (t.kind == CXType_Record && x->piece) { /* its address is passed */
    x->opaque[x->nopaque++] = (struct opaque){at, name, "void *", 0};
    cvar_add(x, p, name, VAR_RECORD, DT_i32)->value = (struct cval){.kind = CV_RECORD, .arg = at};
    c_record_fields(x, p, t, at, 0, name);
    return true;
  }
  if (t.kind == CXType_Record) return value_param(x, p, name, at, t);
  if (!c_is_pointer(t)) return false;
  CXType to = x->cl->getCanonicalType(x->cl->getPointeeType(t));
  if (to.kind != CXType_Record || c_uniform(x, to, &e, &count)) return false;
  x->opaque[x->nopaque++] = (struct opaque){
      at, name, arena_printf(x->a, "%s%s", c_str(x, x->cl->getTypeSpelling(x->cl->getCursorType(p))), name), 0};
  if (at < MAX_ROWS && x->rows >> at & 1) {
    rows_param(x, p, name, at, to);
    return true;
  }
  struct cvar *v = cvar_add(x, p, name, VAR_RECORD, DT_i32);
  v->value = (struct cval){.kind = CV_RECORD, .arg = at};
  c_record_fields(x, p, to, at, 0, name);
  return true;
}

static void parameter(struct cx *x, CXCursor p, unsigned i) {
  const char *name = c_str(x, x->cl->getCursorSpelling(p));
  if (!*name) name = arena_printf(x->a, "arg%u", i);
  CXType t = x->cl->getCursorType(p), canon = x->cl->getCanonicalType(t);
  if (!c_is_array(t)) t = canon;
  if (x->cl->isVolatileQualifiedType(canon)) c_refuse(x, p, "'%s' is volatile: not supported", name);
  if (record_param(x, p, name, (uint16_t)i) || c_number_param(x, p, name, (uint16_t)i)) return;
  enum dtype d;
  unsigned cand = x->ncand, n = x->k->nparam;
  struct cand *self = c_candidate(x, ORIGIN_SELF, (uint16_t)i, 0, DT_i32);
  self->used = true;
  self->param = (uint16_t)n;
  if (c_is_pointer(t) || c_is_array(t)) {
    tensor_param(x, p, name, t);
  } else if (c_dtype(x, t, &d) && x->piece && x->piece->v[i].place) {
    place_param(x, p, name, d);
  } else if (c_dtype(x, t, &d)) {
    bool can = type_is_int(d) && d != DT_bool;
    integer_param(x, p, name, d, can && (!x->is_dim || x->is_dim[cand]));
  } else {
    c_refuse(
        x, p,
        "parameter '%s' of type '%s' is not supported: use integers, float, double, and pointers or arrays of them",
        name, c_str(x, x->cl->getTypeSpelling(x->cl->getCursorType(p))));
  }
  struct param *q = &x->k->param[n];
  q->ctype = c_header_text(x, p, name);
  q->loc = c_loc(x, p);
}

static CXCursor argument(struct cx *x, CXCursor fn, unsigned i) {
  return x->piece ? x->piece->v[i].decl : x->cl->Cursor_getArgument(fn, i);
}

/* For each pointer that C passes: is it NULL? */
static void given_params(struct cx *x, CXCursor fn, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    CXCursor p = argument(x, fn, i);
    CXType t = c_type(x, p);
    if (!c_is_pointer(t) && !c_is_array(t)) continue;
    unsigned cand = x->ncand;
    struct cand *c = c_candidate(x, ORIGIN_GIVEN, (uint16_t)i, 0, DT_i32);
    if (!c_left_out(x, cand))
      c_derived_dim(x, c, arena_printf(x->a, "has_%s", c_str(x, x->cl->getCursorSpelling(p))), 0, 1);
  }
}

static void result_param(struct cx *x, CXCursor fn, CXType t) {
  x->ret_obj = -1;
  if (t.kind == CXType_Void) return;
  enum dtype d;
  if (!c_dtype(x, t, &d) || d == DT_f16 || d == DT_bf16)
    c_refuse(x, fn, "a result of type '%s' is not supported: return a number, or store through a pointer",
             c_str(x, x->cl->getTypeSpelling(t)));
  struct cand *c = c_candidate(x, ORIGIN_RESULT, 0, 0, d);
  poly_t one = poly_const(x->a, 1);
  c_derived_tensor(x, c, "result", 1, &one, false);
  x->ret_obj = c->value.ptr.obj;
}

/* Parameters that the body assigns get a local that starts with their value. */
static void assigned_params(struct cx *x, CXCursor body) {
  for (unsigned i = 0; i < x->nvar; i++) {
    struct cvar v = x->var[i];
    if ((v.kind != VAR_VALUE && v.kind != VAR_POINTER) || !c_assigns(x, body, v.decl)) continue;
    if (v.kind == VAR_POINTER) {
      c_pointer_var(x, v.decl, &x->var[i], true, v.ptr);
      continue;
    }
    unsigned id = c_temp(x, v.name, v.type);
    x->var[i].kind = VAR_SCALAR;
    x->var[i].id = (uint16_t)id;
    c_write_var(x, v.decl, &x->var[i], v.value);
  }
}

static void set_origins(struct cx *x) {
  bool derived = x->nopaque > 0 || x->nglobal > 0;
  for (unsigned i = 0; i < x->k->nparam; i++) derived |= x->origin[i].how != ORIGIN_SELF;
  if (!derived) return;
  x->f->origin = x->origin;
  x->f->opaque = x->opaque;
  x->f->nopaque = (uint16_t)x->nopaque;
  x->f->global = x->global_name;
  x->f->nglobal = (uint16_t)x->nglobal;
}

void c_signature(struct cx *x, CXCursor fn, CXCursor body) {
  CXType ft = x->cl->getCursorType(fn);
  const char *name = x->piece ? x->piece->name : c_str(x, x->cl->getCursorSpelling(fn));
  const char *symbol = x->piece ? name : c_str(x, x->cl->Cursor_getMangling(fn));
  if (!x->piece && x->cl->isFunctionTypeVariadic(ft))
    c_refuse(x, fn, "'%s' takes a variable number of arguments: not supported", name);
  int n = x->piece ? (int)x->piece->n : x->cl->Cursor_getNumArguments(fn);
  if (n > MAX_PARAMS) c_refuse(x, fn, "'%s' has more than %d parameters", name, MAX_PARAMS);
  x->k = kernel_new(x->a, *symbol ? symbol : name);
  x->k->loc = c_loc(x, fn);
  x->lo = ARENA_NEW(x->a, int64_t, MAX_DERIVED + 1);
  x->hi = ARENA_NEW(x->a, int64_t, MAX_DERIVED + 1);
  x->top = ARENA_NEW(x->a, bool, MAX_DERIVED + 1);
  x->cand = ARENA_NEW(x->a, struct cand, MAX_DERIVED);
  x->origin = ARENA_NEW(x->a, struct origin, MAX_DERIVED);
  x->opaque = ARENA_NEW(x->a, struct opaque, n + 1);
  x->ncand = x->nopaque = 0;
  x->nargs = (unsigned)n;
  x->arg_name = ARENA_NEW(x->a, const char *, n + 1);
  for (int i = 0; i < n; i++) x->arg_name[i] = c_str(x, x->cl->getCursorSpelling(argument(x, fn, (unsigned)i)));
  for (int i = 0; i < n; i++) parameter(x, argument(x, fn, (unsigned)i), (unsigned)i);
  c_globals(x, body);
  given_params(x, fn, (unsigned)n);
  x->ret_obj = -1;
  if (!x->piece) result_param(x, fn, x->cl->getCanonicalType(x->cl->getResultType(ft)));
  x->f = lfunc_new(x->a, x->k, x->k->name);
  set_origins(x);
  x->k = (struct kernel *)x->f->k;
  x->base = ARENA_NEW(x->a, const char *, MAX_LOCALS + 1);
  x->symbase = ARENA_NEW(x->a, const char *, MAX_LOCALS + MAX_DERIVED + 1);
  assigned_params(x, body);
}
