/* Structures that are values: local ones, arguments and results of helpers. Each is the numbers that it consists of, as
   scalars of their own; copying one copies those. A union of numbers of one size is a scalar for each type; setting one
   sets all (c_var.c). */
#include "compiler/frontend/c_lower.h"

enum { MAX_NESTED = 8 };

static bool add_leaves(struct cx *x, CXType t, int64_t base, unsigned depth, const char *prefix, struct layout *l) {
  CXCursor decl = x->cl->getTypeDeclaration(t);
  if (x->cl->getCursorKind(decl) != CXCursor_StructDecl || depth > MAX_NESTED) return false;
  struct kids k = c_kids(x, decl);
  for (unsigned i = 0; i < k.n; i++) {
    if (x->cl->getCursorKind(k.c[i]) != CXCursor_FieldDecl) continue;
    CXType f = x->cl->getCursorType(k.c[i]), c = x->cl->getCanonicalType(f);
    long long bits = x->cl->Cursor_getOffsetOfField(k.c[i]);
    enum dtype e;
    const char *name = arena_printf(x->a, "%s_%s", prefix, c_str(x, x->cl->getCursorSpelling(k.c[i])));
    if (bits < 0 || bits % 8 || x->cl->Cursor_isBitField(k.c[i]) || x->cl->isVolatileQualifiedType(f)) return false;
    if (c.kind == CXType_Record) {
      if (!add_leaves(x, c, base + bits / 8, depth + 1, name, l)) return false;
      continue;
    }
    if (!c_dtype(x, c, &e) || l->n == MAX_LEAVES) return false;
    l->leaf[l->n].offset = base + bits / 8;
    l->leaf[l->n].name = name;
    l->leaf[l->n++].type = (uint8_t)e;
  }
  return l->n > 0;
}

/* Numbers of one size. */
static bool add_united(struct cx *x, CXType t, struct layout *l) {
  CXCursor decl = x->cl->getTypeDeclaration(t);
  if (x->cl->getCursorKind(decl) != CXCursor_UnionDecl) return false;
  struct kids k = c_kids(x, decl);
  l->united = true;
  for (unsigned i = 0; i < k.n; i++) {
    if (x->cl->getCursorKind(k.c[i]) != CXCursor_FieldDecl) continue;
    CXType f = x->cl->getCursorType(k.c[i]);
    enum dtype e;
    if (!c_dtype(x, x->cl->getCanonicalType(f), &e) || !c_has_bits(e) || x->cl->isVolatileQualifiedType(f))
      return false;
    if (x->cl->Cursor_isBitField(k.c[i]) || (l->n && type_size(e) != type_size((enum dtype)l->leaf[0].type)))
      return false;
    bool again = false;
    for (unsigned j = 0; j < l->n; j++) again |= l->leaf[j].type == e;
    if (again) continue;
    l->leaf[l->n].name = arena_printf(x->a, "_%s", c_str(x, x->cl->getCursorSpelling(k.c[i])));
    l->leaf[l->n++].type = (uint8_t)e;
  }
  return l->n > 0;
}

static const struct layout *layout_of(struct cx *x, CXCursor at, CXType t) {
  struct layout *l = ARENA_NEW(x->a, struct layout, 1);
  t = x->cl->getCanonicalType(t);
  if (!add_united(x, t, l) && !add_leaves(x, t, 0, 0, "", l))
    c_refuse(
        x, at,
        "a value of type '%s' is not supported: only structures of up to %d numbers, and unions of numbers of one size",
        c_str(x, x->cl->getTypeSpelling(t)), MAX_LEAVES);
  return l;
}

static struct cval leaf_value(struct cx *x, CXCursor at, struct cval v, unsigned i) {
  return v.leaf ? v.leaf[i] : c_read_var(x, at, &x->var[v.arg + i]);
}

struct cval c_struct_value(struct cx *x, CXCursor at, struct cval v, CXType t) {
  struct cval r = {.kind = CV_STRUCT, .layout = v.kind == CV_STRUCT ? v.layout : layout_of(x, at, t)};
  struct cval *leaf = ARENA_NEW(x->a, struct cval, r.layout->n);
  bool element = (v.kind == CV_ARRAY || v.kind == CV_PTR) && v.ptr.at + 1 == v.ptr.rank;
  if (v.kind == CV_RECORD) c_rows_wanted(x, v);
  if (v.kind != CV_STRUCT && !element) c_refuse(x, at, "this structure cannot be copied: copy its fields");
  for (unsigned i = 0; i < r.layout->n; i++) {
    if (v.kind == CV_STRUCT) {
      leaf[i] = leaf_value(x, at, v, i);
      continue;
    }
    if (c_is_row(v.ptr)) {
      leaf[i] = c_load(x, at, c_row_leaf(x, at, v, r.layout->leaf[i].offset, (enum dtype)r.layout->leaf[i].type));
      continue;
    }
    if (r.layout->leaf[i].type != v.ptr.type) c_refuse(x, at, "this structure cannot be copied: copy its fields");
    poly_t by = poly_const(x->a, r.layout->leaf[i].offset / (int64_t)type_size((enum dtype)v.ptr.type));
    leaf[i] = c_load(x, at, cv_move(x, v.ptr, (struct subscript){by, NULL}));
  }
  r.leaf = leaf;
  return r;
}

struct cval c_struct_member(struct cx *x, CXCursor c, struct cval base, CXCursor field) {
  long long bits = x->cl->Cursor_getOffsetOfField(field);
  unsigned first = 0;
  if (bits < 0) c_refuse(x, c, "this member is not supported");
  CXType t = c_type(x, c);
  enum dtype e = base.layout->united ? c_arith(x, c, t) : DT_bool;
  while (first < base.layout->n && base.layout->leaf[first].offset != bits / 8) first++;
  while (base.layout->united && first < base.layout->n && base.layout->leaf[first].type != e) first++;
  if (first == base.layout->n) c_refuse(x, c, "this member is not supported");
  if (t.kind == CXType_Record) {
    struct cval r = base;
    r.layout = layout_of(x, c, t);
    r.arg = (uint16_t)(base.arg + first);
    if (base.leaf) r.leaf = base.leaf + first;
    return r;
  }
  if (base.leaf) return base.leaf[first];
  return (struct cval){.kind = CV_REF, .type = base.layout->leaf[first].type, .arg = (uint16_t)(base.arg + first)};
}

/* --- making them --- */

static unsigned leaf_at(struct cx *x, CXCursor at, const struct layout *l, int64_t offset) {
  for (unsigned i = 0; i < l->n; i++)
    if (l->leaf[i].offset == offset) return i;
  c_refuse(x, at, "this initialiser is not supported");
}

static void one_field(struct cx *x, CXCursor c, CXType t, const struct layout *l, int64_t offset, struct cval *leaf) {
  unsigned first = leaf_at(x, c, l, offset);
  t = x->cl->getCanonicalType(t);
  bool list = x->cl->getCursorKind(c) == CXCursor_InitListExpr;
  if (t.kind == CXType_Record) {
    struct cval v = list ? c_struct_list(x, c, t) : c_struct_value(x, c, c_expr(x, c), t);
    for (unsigned i = 0; i < v.layout->n; i++) leaf[first + i] = leaf_value(x, c, v, i);
    return;
  }
  struct kids in = {0};
  if (list) in = c_kids(x, c);
  if (list && in.n != 1) c_refuse(x, c, "this initialiser is not supported");
  struct cval v = c_expr(x, list ? in.c[0] : c);
  if (v.kind != CV_NUM) c_refuse(x, c, "this initialiser is not supported");
  leaf[first] = cv_convert(x, v, l->leaf[first].type);
}

/* {v} and {.f = v} of a union: the first member, or that one. */
static struct cval united_list(struct cx *x, CXCursor list, struct cval r, struct cval *leaf) {
  struct kids k = c_kids(x, list);
  CXCursor c = k.n == 1 ? k.c[0] : list;
  struct kids in = c_kids(x, c);
  enum dtype t = (enum dtype)r.layout->leaf[0].type;
  if (k.n == 1 && x->cl->getCursorKind(c) == CXCursor_UnexposedExpr && in.n == 2) {
    t = c_arith(x, c, x->cl->getCanonicalType(x->cl->getCursorType(x->cl->getCursorReferenced(in.c[0]))));
    c = in.c[1];
  }
  if (k.n > 1) c_refuse(x, list, "this initialiser is not supported");
  struct cval v = k.n ? c_expr(x, c) : cv_const(x, t, (union value){0});
  if (v.kind != CV_NUM) c_refuse(x, list, "this initialiser is not supported");
  v = cv_convert(x, v, t);
  for (unsigned i = 0; i < r.layout->n; i++) leaf[i] = c_bits(x, list, v, (enum dtype)r.layout->leaf[i].type);
  r.leaf = leaf;
  return r;
}

struct cval c_struct_list(struct cx *x, CXCursor list, CXType t) {
  struct cval r = {.kind = CV_STRUCT, .layout = layout_of(x, list, t)};
  struct cval *leaf = ARENA_NEW(x->a, struct cval, r.layout->n);
  if (r.layout->united) return united_list(x, list, r, leaf);
  struct kids k = c_kids(x, list), f = c_kids(x, x->cl->getTypeDeclaration(x->cl->getCanonicalType(t)));
  for (unsigned i = 0; i < r.layout->n; i++) leaf[i] = cv_const(x, r.layout->leaf[i].type, (union value){0});
  r.leaf = leaf;
  unsigned at = 0;
  c_enter(x, list);
  for (unsigned i = 0; i < k.n; i++) {
    CXCursor c = k.c[i];
    struct kids in = c_kids(x, c);
    bool named = x->cl->getCursorKind(c) == CXCursor_UnexposedExpr && in.n == 2;
    if (named) { /* .x = v */
      CXCursor want = x->cl->getCursorReferenced(in.c[0]);
      for (at = 0; at < f.n && !c_same(x, f.c[at], want);) at++;
      c = in.c[1];
    }
    while (at < f.n && x->cl->getCursorKind(f.c[at]) != CXCursor_FieldDecl) at++;
    if (at == f.n) c_refuse(x, c, "this initialiser is not supported");
    one_field(x, c, x->cl->getCursorType(f.c[at]), r.layout, x->cl->Cursor_getOffsetOfField(f.c[at]) / 8, leaf);
    at++;
  }
  c_leave(x);
  return r;
}

/* A cursor that stands for number i of the numbers of a variable: only ever compared. */
static CXCursor leaf_cursor(CXCursor decl, unsigned i) {
  decl.data[2] = (const char *)decl.data[2] + 1 + i;
  return decl;
}

unsigned c_struct_declare(struct cx *x, CXCursor decl, const char *name, CXType t, const struct cval *init) {
  const struct layout *l = layout_of(x, decl, t);
  unsigned first = x->nvar;
  for (unsigned i = 0; i < l->n; i++) {
    const char *own = arena_printf(x->a, "%s%s", name, l->leaf[i].name);
    unsigned id = c_temp(x, own, l->leaf[i].type);
    cvar_add(x, leaf_cursor(decl, i), own, VAR_SCALAR, l->leaf[i].type)->id = (uint16_t)id;
  }
  struct cvar *v = cvar_add(x, decl, name, VAR_STRUCT, DT_i32);
  if (x->nvar > UINT16_MAX) c_refuse(x, decl, "more than %d variables", UINT16_MAX);
  v->value = (struct cval){.kind = CV_STRUCT, .layout = l, .arg = (uint16_t)first, .of = decl};
  unsigned at = x->nvar - 1;
  for (unsigned i = 0; l->united && i < l->n; i++) {
    x->var[first + i].twin = (uint16_t)first;
    x->var[first + i].twins = (uint8_t)l->n;
  }
  for (unsigned i = 0; init && i < (l->united ? 1 : l->n); i++)
    c_write_var(x, decl, &x->var[first + i], leaf_value(x, decl, *init, i));
  return at;
}

/* --- storing them --- */

static void store_leaf(struct cx *x, CXCursor at, struct cptr p, struct cval v) {
  struct access *acc = ARENA_NEW(x->a, struct access, 1);
  *acc = (struct access){.tensor = p.obj, .rank = p.rank, .ix = arena_dup(x->a, p.ix, sizeof *p.ix * p.rank)};
  struct lstmt *s = loop_store(x->a, acc, RED_none, cv_get(x, cv_convert(x, v, p.type)));
  s->loc = c_loc(x, at);
  c_emit(x, s);
}

/* All numbers are read before the first is written. */
void c_struct_set(struct cx *x, CXCursor at, struct cval place, struct cval v) {
  unsigned n = v.layout->n;
  struct cval *held = ARENA_NEW(x->a, struct cval, n);
  bool element = (place.kind == CV_ARRAY || place.kind == CV_PTR) && place.ptr.at + 1 == place.ptr.rank && !place.ptr.or
      ;
  if (place.kind == CV_RECORD) c_rows_wanted(x, place);
  if (!element && (place.kind != CV_STRUCT || place.leaf || place.layout->n != n))
    c_refuse(x, at, "this assignment of a structure is not supported: assign its fields");
  for (unsigned i = 0; i < n; i++) {
    held[i] = leaf_value(x, at, v, i);
    if (held[i].p || held[i].e->kind == E_CONST || held[i].e->kind == E_SCALAR) continue;
    unsigned t = c_temp(x, "copy", held[i].type);
    c_emit(x, loop_set(x->a, t, cv_get(x, held[i])));
    held[i] = cv_expr(c_local(x, t), held[i].type);
  }
  for (unsigned i = 0; i < n; i++) {
    if (!element) {
      c_write_var(x, at, &x->var[place.arg + i], held[i]);
      continue;
    }
    if (c_is_row(place.ptr)) {
      int64_t offset = v.layout->leaf[i].offset;
      store_leaf(x, at, c_row_leaf(x, at, place, offset, (enum dtype)v.layout->leaf[i].type), held[i]);
      continue;
    }
    if (v.layout->leaf[i].type != place.ptr.type)
      c_refuse(x, at, "this assignment of a structure is not supported: assign its fields");
    poly_t by = poly_const(x->a, v.layout->leaf[i].offset / (int64_t)type_size((enum dtype)place.ptr.type));
    store_leaf(x, at, cv_move(x, place.ptr, (struct subscript){by, NULL}), held[i]);
  }
}

struct cval c_struct_assign(struct cx *x, CXCursor c) {
  struct kids s = c_kids(x, c);
  if (s.n != 2 || x->cl->getCursorBinaryOperatorKind(c) != CXBinaryOperator_Assign)
    c_refuse(x, c, "assignment not understood");
  struct cvar *var;
  struct cval v = c_struct_value(x, c, c_expr(x, s.c[1]), c_type(x, c));
  struct cval place = c_lvalue(x, s.c[0], &var);
  if (var) c_refuse(x, c, "this assignment of a structure is not supported: assign its fields");
  c_struct_set(x, c, place, v);
  return v;
}

struct cval c_struct_pick(struct cx *x, CXCursor c, struct cval cond, struct cval a, struct cval b) {
  struct cval r = {.kind = CV_STRUCT, .layout = layout_of(x, c, c_type(x, c))};
  struct cval *leaf = ARENA_NEW(x->a, struct cval, r.layout->n);
  a = c_struct_value(x, c, a, c_type(x, c));
  b = c_struct_value(x, c, b, c_type(x, c));
  for (unsigned i = 0; i < r.layout->n; i++) {
    enum dtype t = (enum dtype)r.layout->leaf[i].type;
    unsigned tmp = c_temp(x, "pick", t);
    struct clist la = {0}, lb = {0}, *outer = x->cur;
    x->cur = &la;
    c_emit(x, loop_set(x->a, tmp, cv_get(x, cv_convert(x, a.leaf[i], t))));
    x->cur = &lb;
    c_emit(x, loop_set(x->a, tmp, cv_get(x, cv_convert(x, b.leaf[i], t))));
    x->cur = outer;
    c_if_lists(x, cond, &la, &lb);
    leaf[i] = cv_expr(c_local(x, tmp), t);
  }
  r.leaf = leaf;
  return r;
}
