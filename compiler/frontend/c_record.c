/* Structures. One of nothing but values of one type (a vector, a colour, a complex number) is an array of them. A
   parameter that points to any other becomes its fields: integers and pointers are read once at entry, floats stay
   where they are and are arrays of one element, so that overlap with what is written is seen. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

enum { MAX_NESTED = 4, FIELD_RANK = 7 };

static CXCursor record_decl(struct cx *x, CXType t) {
  return x->cl->getTypeDeclaration(t);
}

static CXType plain(struct cx *x, CXType t, int64_t *count) {
  t = x->cl->getCanonicalType(t);
  while (t.kind == CXType_ConstantArray) {
    int64_t n = x->cl->getArraySize(t);
    if (n <= 0 || __builtin_mul_overflow(*count, n, count)) *count = 0;
    t = x->cl->getCanonicalType(x->cl->getArrayElementType(t));
  }
  return t;
}

/* Adds up the values of type *e in t; *e is DT_COUNT before the first. */
static bool uniform(struct cx *x, CXType t, unsigned depth, enum dtype *e, int64_t *total) {
  int64_t times = 1, inside = 0;
  t = plain(x, t, &times);
  enum dtype d;
  if (!times || depth > MAX_NESTED || x->cl->isVolatileQualifiedType(t)) return false;
  if (c_dtype(x, t, &d)) {
    if (*e != DT_COUNT && *e != d) return false;
    *e = d;
    return !__builtin_add_overflow(*total, times, total);
  }
  CXCursor decl = record_decl(x, t);
  if (t.kind != CXType_Record || x->cl->getCursorKind(decl) != CXCursor_StructDecl) return false;
  struct kids k = c_kids(x, decl);
  for (unsigned i = 0; i < k.n; i++)
    if (x->cl->getCursorKind(k.c[i]) == CXCursor_FieldDecl &&
        !uniform(x, x->cl->getCursorType(k.c[i]), depth + 1, e, &inside))
      return false;
  return !__builtin_mul_overflow(inside, times, &inside) && !__builtin_add_overflow(*total, inside, total);
}

bool c_uniform(struct cx *x, CXType t, enum dtype *e, int64_t *count) {
  if (t.kind != CXType_Record) return false;
  *e = DT_COUNT;
  *count = 0;
  return uniform(x, t, 0, e, count) && *count > 0 && *count <= 4096 &&
         x->cl->Type_getSizeOf(t) == *count * (int64_t)type_size(*e);
}

bool c_element(struct cx *x, CXType t, enum dtype *e) {
  int64_t n;
  return c_dtype(x, t, e) || c_uniform(x, t, e, &n);
}

/* --- fields of a parameter as candidates --- */

void c_int_range(enum dtype t, int64_t *lo, int64_t *hi) {
  unsigned bits = 8u * (unsigned)type_size(t) - type_is_signed(t);
  *hi = bits >= 63 ? INT64_MAX : ((int64_t)1 << bits) - 1;
  *lo = type_is_signed(t) ? -*hi - 1 : 0;
}

static void scalar_field(struct cx *x, unsigned cand, struct cand *c, const char *name) {
  bool can = type_is_int((enum dtype)c->type) && c->type != DT_bool;
  for (unsigned i = 0; i < x->nstays; i++) can &= x->stays[i].from != c->from || x->stays[i].offset != c->offset;
  if (can && !(x->written && x->written[cand])) {
    int64_t lo, hi;
    c_int_range((enum dtype)c->type, &lo, &hi);
    c_derived_dim(x, c, name, lo, hi);
    return;
  }
  poly_t one = poly_const(x->a, 1);
  c->how = ORIGIN_INSIDE;
  c_derived_tensor(x, c, name, 1, &one, false);
}

static bool pointer_field(struct cx *x, CXType t, poly_t *extent, unsigned *rank, enum dtype *e, bool *is_const) {
  CXType to = x->cl->getPointeeType(t), canon = x->cl->getCanonicalType(to);
  int64_t count;
  *is_const = x->cl->isConstQualifiedType(canon);
  if (x->cl->isVolatileQualifiedType(canon)) return false;
  extent[0] = NULL;
  *rank = 1;
  if (c_uniform(x, canon, e, &count))
    extent[(*rank)++] = poly_const(x->a, count);
  else if (!c_dtype(x, canon, e))
    return false;
  return true;
}

/* Extents of an array of numbers, or of structures of numbers of one type; false: it is something else. */
static bool array_field(struct cx *x, CXType t, poly_t *extent, unsigned *rank, enum dtype *e) {
  int64_t n;
  for (*rank = 0; c_is_array(t) && *rank + 1 < FIELD_RANK; ++*rank) {
    n = t.kind == CXType_ConstantArray ? x->cl->getArraySize(t) : *rank ? 0 : INT64_MAX;
    if (n <= 0) return false;
    extent[*rank] = n == INT64_MAX ? NULL : poly_const(x->a, n); /* T x[]: of some size */
    t = x->cl->getCanonicalType(x->cl->getArrayElementType(t));
  }
  if (!*rank || x->cl->isVolatileQualifiedType(t)) return false;
  if (c_dtype(x, t, e)) return true;
  if (!c_uniform(x, t, e, &n)) return false;
  extent[(*rank)++] = poly_const(x->a, n);
  return true;
}

static bool const_array(struct cx *x, CXCursor f) {
  CXType t = x->cl->getCursorType(f);
  while (c_is_array(t) || c_is_array(x->cl->getCanonicalType(t)))
    t = x->cl->getArrayElementType(c_is_array(t) ? t : x->cl->getCanonicalType(t));
  return x->cl->isConstQualifiedType(t) || x->cl->isConstQualifiedType(x->cl->getCanonicalType(t));
}

static void field(struct cx *x, CXCursor f, uint16_t arg, int64_t offset, const char *name) {
  CXType t = c_type(x, f);
  unsigned cand = x->ncand, rank;
  poly_t extent[FIELD_RANK];
  enum dtype e;
  bool is_const = false;
  struct cand *c;
  if (x->cl->isVolatileQualifiedType(x->cl->getCursorType(f))) return;
  if (c_is_pointer(t) && pointer_field(x, t, extent, &rank, &e, &is_const)) {
    c = c_candidate(x, ORIGIN_FIELD, arg, offset, e);
    c->decl = f;
    if (!c_left_out(x, cand)) c_derived_tensor(x, c, name, rank, extent, is_const);
    cand = x->ncand;
    c = c_candidate(x, ORIGIN_FILLED, arg, offset, DT_i32);
    if (!c_left_out(x, cand)) c_derived_dim(x, c, arena_printf(x->a, "has_%s", name), 0, 1);
  } else if (c_dtype(x, t, &e)) {
    c = c_candidate(x, ORIGIN_FIELD, arg, offset, e);
    c->decl = f;
    if (!c_left_out(x, cand)) scalar_field(x, cand, c, name);
  } else if (array_field(x, t, extent, &rank, &e)) {
    c = c_candidate(x, ORIGIN_INSIDE, arg, offset, e);
    c->decl = f;
    if (!c_left_out(x, cand)) c_derived_tensor(x, c, name, rank, extent, const_array(x, f));
  } else if (t.kind == CXType_Record) {
    c_record_fields(x, f, t, arg, offset, name);
  }
}

void c_record_fields(struct cx *x, CXCursor at, CXType record, uint16_t arg, int64_t base, const char *prefix) {
  CXCursor decl = record_decl(x, record);
  if (x->cl->getCursorKind(decl) != CXCursor_StructDecl) return; /* unions: refused where they are used */
  c_enter(x, at);
  struct kids k = c_kids(x, decl);
  for (unsigned i = 0; i < k.n; i++) {
    if (x->cl->getCursorKind(k.c[i]) != CXCursor_FieldDecl) continue;
    long long bits = x->cl->Cursor_getOffsetOfField(k.c[i]);
    if (bits < 0 || bits % 8 || x->cl->Cursor_isBitField(k.c[i])) continue;
    field(x, k.c[i], arg, base + bits / 8,
          arena_printf(x->a, "%s_%s", prefix, c_str(x, x->cl->getCursorSpelling(k.c[i]))));
  }
  c_leave(x);
}

void c_fields(struct cx *x, CXCursor decl, uint16_t from, const char *name) {
  CXType t = c_type(x, decl);
  if (t.kind == CXType_Record)
    c_record_fields(x, decl, t, from, 0, name);
  else
    field(x, decl, from, 0, name);
}

void c_field_stays(struct cx *x, struct cval v) {
  if (v.arg >= x->ncand || x->cand[v.arg].value.p != v.p || x->nstays == MAX_STAYS) return;
  x->stays[x->nstays].from = x->cand[v.arg].from;
  x->stays[x->nstays++].offset = x->cand[v.arg].offset;
  x->again = true;
}

bool c_field(struct cx *x, uint16_t from, int64_t offset, CXCursor decl, struct cval *v) {
  for (unsigned i = 0; i < x->ncand; i++) {
    struct cand *q = &x->cand[i];
    if ((q->how != ORIGIN_FIELD && q->how != ORIGIN_INSIDE) || q->from != from || q->offset != offset ||
        !c_same(x, q->decl, decl))
      continue;
    q->used = true;
    *v = q->value;
    if (v->kind == CV_PTR && c_is_array(c_type(x, decl))) v->kind = CV_ARRAY;
    v->arg = (uint16_t)i; /* for who writes it */
    return true;
  }
  return false;
}

/* --- members --- */

static struct cval uniform_member(struct cx *x, CXCursor c, CXCursor f, struct cval base) {
  if (c_is_row(base.ptr)) return c_row_member(x, c, f, base);
  struct cptr p = base.ptr;
  long long bits = x->cl->Cursor_getOffsetOfField(f);
  if (bits < 0 || p.at + 1 != p.rank) c_refuse(x, c, "this use of a structure is not supported");
  int64_t count = 1, size = (int64_t)type_size((enum dtype)p.type);
  CXType t = c_type(x, f), elem = plain(x, t, &count);
  p = cv_move(x, p, (struct subscript){poly_const(x->a, bits / 8 / size), NULL});
  struct cval v = {.kind = CV_PTR, .type = p.type, .ptr = p};
  if (t.kind == CXType_ConstantArray &&
      x->cl->getCanonicalType(x->cl->getArrayElementType(t)).kind == CXType_ConstantArray)
    c_refuse(x, c, "arrays of arrays inside a structure are not supported");
  if (t.kind == CXType_ConstantArray || elem.kind == CXType_Record) v.kind = CV_ARRAY;
  if (t.kind == CXType_ConstantArray && elem.kind == CXType_Record)
    c_refuse(x, c, "arrays of structures inside a structure are not supported");
  return v;
}

struct cval c_member(struct cx *x, CXCursor c) {
  struct kids s = c_kids(x, c);
  CXCursor f = x->cl->getCursorReferenced(c);
  const char *name = c_str(x, x->cl->getCursorSpelling(c));
  if (!s.n) c_refuse(x, c, "member '%s' not understood", name);
  struct cval base;
  bool arrow = c_is_pointer(c_type(x, s.c[0]));
  if (arrow) {
    base = c_expr(x, s.c[0]);
    if (base.kind == CV_PTR && base.ptr.at + 2 == base.ptr.rank) base.ptr.at++;
  } else {
    struct cvar *var = NULL;
    bool value = x->cl->getCursorKind(c_strip(x, s.c[0])) == CXCursor_CallExpr;
    base = value ? c_expr(x, s.c[0]) : c_lvalue(x, s.c[0], &var);
    if (var && var->kind == VAR_RECORD) base = var->value;
  }
  if (base.kind == CV_STRUCT) return c_struct_member(x, c, base, f);
  if (base.kind == CV_PTR || base.kind == CV_ARRAY) return uniform_member(x, c, f, base);
  if (base.kind != CV_RECORD) c_refuse(x, c, "struct member '%s' is not supported here: pass it as a parameter", name);
  long long bits = x->cl->Cursor_getOffsetOfField(f);
  if (c_type(x, c).kind == CXType_Record && bits >= 0) {
    base.offset += bits / 8;
    return base;
  }
  struct cval v;
  if (c_field(x, base.arg, base.offset + bits / 8, f, &v)) return v;
  c_refuse(x, c, "struct member '%s' is not supported: its type, or a pointer behind a pointer; pass it as a parameter",
           name);
}

/* The candidate of that kind that speaks of the same place. */
static struct cand *beside(struct cx *x, const struct cand *of, enum origin_how how) {
  for (unsigned i = 0; i < x->ncand; i++)
    if (x->cand[i].how == how && x->cand[i].from == of->from && x->cand[i].offset == of->offset) return &x->cand[i];
  return NULL;
}

static struct cval is_there(struct cx *x, struct cand *c) {
  c->used = true;
  return cv_compare(x, OP_ge, c->value, cv_poly(x, poly_const(x->a, 1), DT_i32, true));
}

struct cval c_given(struct cx *x, CXCursor at, struct cval v) {
  int arg = -1;
  struct cval yes = cv_poly(x, poly_const(x->a, 1), DT_i32, true);
  if (v.kind == CV_PTR && !c_is_row(v.ptr) && v.ptr.obj >= x->k->ntensor) return cv_compare(x, OP_ge, yes, yes);
  bool start = v.kind == CV_PTR;
  for (unsigned i = 0; start && i < v.ptr.rank; i++) {
    int64_t z;
    start = !v.ptr.ix[i].dyn && poly_is_const(v.ptr.ix[i].poly, &z) && z == 0;
  }
  if (v.kind == CV_RECORD && !v.offset) arg = v.arg;
  if (start && c_is_row(v.ptr)) arg = v.ptr.obj - OBJ_ROWS;
  if (start && v.ptr.obj < x->k->ntensor) {
    unsigned param = x->k->tensor[v.ptr.obj].param;
    for (unsigned i = 0; param != UINT16_MAX && i < x->ncand && arg < 0; i++)
      if (x->cand[i].how == ORIGIN_SELF && x->cand[i].param == param) arg = x->cand[i].from;
  }
  for (unsigned i = 0; i < x->ncand && start && arg < 0; i++) { /* a field */
    const struct cand *c = &x->cand[i];
    struct cand *there = c->how == ORIGIN_FIELD && c->value.kind == CV_PTR && c->value.ptr.obj == v.ptr.obj
                             ? beside(x, c, ORIGIN_FILLED)
                             : NULL;
    if (there) return is_there(x, there);
  }
  for (unsigned i = 0; i < x->ncand && arg >= 0; i++)
    if (x->cand[i].how == ORIGIN_GIVEN && x->cand[i].from == arg) return is_there(x, &x->cand[i]);
  c_refuse(x, at, "a pointer as a condition is supported for parameters and their fields only: pass a flag");
}
