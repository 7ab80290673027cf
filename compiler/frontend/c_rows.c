/* Arrays of structures whose fields differ in type (blocks of quantised weights: a scale and 32 bytes; particles with a
   number). Each field becomes a tensor with a row for each structure: field f at offset o of a structure of s bytes is
   T f[][s / sizeof(T)], beginning o bytes behind the argument. Rows of different fields interleave and never meet,
   which `record` in struct param says to the check for overlap. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

bool c_is_row(struct cptr p) {
  return p.obj >= OBJ_ROWS;
}

void c_rows_wanted(struct cx *x, struct cval record) {
  if (record.arg >= MAX_ROWS || record.offset || x->rows >> record.arg & 1) return;
  x->rows |= UINT32_C(1) << record.arg;
  x->again = true;
}

static CXType element(struct cx *x, CXType t, int64_t *count) {
  t = x->cl->getCanonicalType(t);
  *count = 1;
  if (t.kind == CXType_ConstantArray) {
    *count = x->cl->getArraySize(t);
    t = x->cl->getCanonicalType(x->cl->getArrayElementType(t));
  }
  return t;
}

static void field(struct cx *x, CXCursor f, uint16_t arg, int64_t size, int64_t offset, const char *name,
                  struct row_quals q) {
  int64_t count;
  CXType t = element(x, x->cl->getCursorType(f), &count);
  enum dtype e;
  if (t.kind == CXType_Record && count == 1) {
    c_rows_fields(x, x->cl->getTypeDeclaration(t), arg, size, offset, name, q);
    return;
  }
  if (!c_dtype(x, t, &e) || x->cl->isVolatileQualifiedType(t)) return;
  int64_t width = (int64_t)type_size(e);
  if (size % width || offset % width) return; /* packed: refused where it is used */
  unsigned cand = x->ncand;
  struct cand *c = c_candidate(x, ORIGIN_INSIDE, arg, offset, e);
  c->decl = f;
  if (c_left_out(x, cand)) return;
  poly_t extent[2] = {NULL, poly_const(x->a, size / width)};
  c_derived_tensor(x, c, name, 2, extent, q.is_const);
  x->k->param[x->k->nparam - 1u].record = (uint8_t)(arg + 1);
  x->k->param[x->k->nparam - 1u].is_restrict = q.is_restrict;
}

void c_rows_fields(struct cx *x, CXCursor record, uint16_t arg, int64_t size, int64_t base, const char *prefix,
                   struct row_quals q) {
  if (x->cl->getCursorKind(record) != CXCursor_StructDecl) return;
  c_enter(x, record);
  struct kids k = c_kids(x, record);
  for (unsigned i = 0; i < k.n; i++) {
    if (x->cl->getCursorKind(k.c[i]) != CXCursor_FieldDecl) continue;
    long long bits = x->cl->Cursor_getOffsetOfField(k.c[i]);
    if (bits < 0 || bits % 8 || x->cl->Cursor_isBitField(k.c[i])) continue;
    const char *name = arena_printf(x->a, "%s_%s", prefix, c_str(x, x->cl->getCursorSpelling(k.c[i])));
    field(x, k.c[i], arg, size, base + bits / 8, name, q);
  }
  c_leave(x);
}

static struct cand *field_at(struct cx *x, struct cptr row, int64_t offset, const CXCursor *decl) {
  for (unsigned i = 0; i < x->ncand; i++) {
    struct cand *q = &x->cand[i];
    if (q->how == ORIGIN_INSIDE && q->from == row.obj - OBJ_ROWS && q->offset == offset &&
        (!decl || c_same(x, q->decl, *decl)))
      return q;
  }
  return NULL;
}

/* The first number of the field, in the row that the pointer stands at. */
static struct cptr in_row(struct cx *x, struct cand *q, struct cptr row) {
  struct cptr p = q->value.ptr;
  q->used = true;
  p.ix = arena_dup(x->a, p.ix, sizeof *p.ix * p.rank);
  p.ix[0] = row.ix[0];
  p.at = 1;
  return p;
}

static bool in_union(struct cx *x, CXCursor member) {
  struct kids s = c_kids(x, member);
  if (!s.n) return false;
  CXType t = c_type(x, s.c[0]);
  if (c_is_pointer(t)) t = x->cl->getCanonicalType(x->cl->getPointeeType(t));
  return x->cl->getCursorKind(x->cl->getTypeDeclaration(t)) == CXCursor_UnionDecl;
}

struct cval c_row_member(struct cx *x, CXCursor c, CXCursor f, struct cval base) {
  const char *name = c_str(x, x->cl->getCursorSpelling(f));
  long long bits = x->cl->Cursor_getOffsetOfField(f);
  if (bits < 0 || base.ptr.at + 1 != base.ptr.rank || base.ptr.or)
    c_refuse(x, c, "this use of a structure is not supported");
  if (c_type(x, f).kind == CXType_Record) {
    base.offset += bits / 8;
    return base;
  }
  struct cand *q = field_at(x, base.ptr, base.offset + bits / 8, &f);
  if (!q && in_union(x, c)) c_refuse(x, c, "member '%s' of a union is not supported", name);
  if (!q)
    c_refuse(x, c, "field '%s' in an array of structures is not supported: only aligned numbers and arrays of them",
             name);
  struct cval v = {.kind = c_is_array(c_type(x, f)) ? CV_ARRAY : CV_PTR, .type = q->type};
  v.ptr = in_row(x, q, base.ptr);
  return v;
}

struct cptr c_row_leaf(struct cx *x, CXCursor at, struct cval row, int64_t offset, enum dtype t) {
  struct cand *q = field_at(x, row.ptr, row.offset + offset, NULL);
  if (!q || q->type != t) c_refuse(x, at, "this structure cannot be copied: copy its fields");
  return in_row(x, q, row.ptr);
}
