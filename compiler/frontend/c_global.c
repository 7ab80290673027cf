/* Variables outside of functions that nothing changes: tables and numbers that are const, or static and only ever read
   in this file. They are as good as written where they are used. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

enum use { READ, WRITE };

struct search {
  struct cx *x;
  CXCursor decl;
};

static bool changed(struct search *q, CXCursor c, enum use use);

static bool any_changed(struct search *q, CXCursor c) {
  struct kids k = c_kids(q->x, c);
  bool yes = false;
  c_enter(q->x, c);
  for (unsigned i = 0; i < k.n && !yes; i++) yes = changed(q, k.c[i], READ);
  c_leave(q->x);
  return yes;
}

/* A pointer to it that is not one to const: whoever has it may write. */
static bool lets_write(struct cx *x, CXCursor c) {
  CXType t = c_type(x, c);
  return c_is_pointer(t) && !x->cl->isConstQualifiedType(x->cl->getCanonicalType(x->cl->getPointeeType(t)));
}

static bool operator_changes(struct search *q, CXCursor c, enum CXCursorKind kind, struct kids k) {
  struct cx *x = q->x;
  bool assigns = kind == CXCursor_CompoundAssignOperator;
  if (kind == CXCursor_BinaryOperator) assigns = x->cl->getCursorBinaryOperatorKind(c) == CXBinaryOperator_Assign;
  if (kind == CXCursor_UnaryOperator) {
    enum CXUnaryOperatorKind u = x->cl->getCursorUnaryOperatorKind(c);
    assigns = u == CXUnaryOperator_PreInc || u == CXUnaryOperator_PreDec || u == CXUnaryOperator_PostInc ||
              u == CXUnaryOperator_PostDec || (u == CXUnaryOperator_AddrOf && lets_write(x, c));
  }
  if (!assigns || !k.n) return any_changed(q, c);
  return changed(q, k.c[0], WRITE) || (k.n > 1 && changed(q, k.c[1], READ));
}

/* Does c, used so, change the variable? */
static bool changed(struct search *q, CXCursor c, enum use use) {
  struct cx *x = q->x;
  enum CXCursorKind kind = x->cl->getCursorKind(c);
  if (kind == CXCursor_DeclRefExpr) return use == WRITE && c_same(x, x->cl->getCursorReferenced(c), q->decl);
  struct kids k = c_kids(x, c);
  if (kind == CXCursor_ArraySubscriptExpr && k.n == 2) {
    CXCursor base = c_strip(x, k.c[0]);
    return changed(q, base, use) || changed(q, k.c[1], READ);
  }
  if (kind == CXCursor_ParenExpr || kind == CXCursor_MemberRefExpr) return k.n && changed(q, k.c[0], use);
  if (kind == CXCursor_UnexposedExpr && k.n == 1) /* an array that becomes a pointer */
    return changed(q, k.c[0], c_is_array(c_type(x, k.c[0])) && lets_write(x, c) ? WRITE : use);
  if (kind == CXCursor_BinaryOperator || kind == CXCursor_UnaryOperator || kind == CXCursor_CompoundAssignOperator)
    return operator_changes(q, c, kind, k);
  return any_changed(q, c);
}

static bool never_changes(struct cx *x, CXCursor decl) {
  CXType t = x->cl->getCursorType(decl), e = t;
  while (c_is_array(e) || c_is_array(x->cl->getCanonicalType(e)))
    e = x->cl->getArrayElementType(c_is_array(e) ? e : x->cl->getCanonicalType(e));
  if (x->cl->isVolatileQualifiedType(e)) return false;
  if (x->cl->isConstQualifiedType(e) || x->cl->isConstQualifiedType(x->cl->getCanonicalType(e))) return true;
  bool inside = x->cl->Cursor_getStorageClass(decl) == CX_SC_Static && x->cl->Cursor_hasVarDeclGlobalStorage(decl) == 1;
  if (x->cl->getCursorLinkage(decl) != CXLinkage_Internal && !inside) return false; /* inside: of a function */
  struct kids top = c_kids(x, x->cl->getTranslationUnitCursor(x->tu));
  struct search q = {x, decl};
  for (unsigned i = 0; i < top.n; i++)
    if (x->cl->isCursorDefinition(top.c[i]) && any_changed(&q, top.c[i])) return false;
  return true;
}

/* Asked for each mention of it, in each walk; the whole file is looked through once. */
bool c_never_changes(struct cx *x, CXCursor decl) {
  for (unsigned i = 0; i < x->nnever; i++)
    if (c_same(x, x->never[i].decl, decl)) return x->never[i].yes;
  bool yes = never_changes(x, decl);
  if (x->nnever == x->capnever) {
    struct answer *old = x->never;
    x->capnever = x->capnever ? 2 * x->capnever : 64;
    x->never = ARENA_NEW(x->whole, struct answer, x->capnever);
    if (old) memcpy(x->never, old, sizeof *old * x->nnever);
  }
  x->never[x->nnever++] = (struct answer){decl, yes};
  return yes;
}

bool c_global_number(struct cx *x, CXCursor decl, enum dtype t, union value *v) {
  if (x->cl->getCursorKind(decl) != CXCursor_VarDecl || x->cl->Cursor_hasVarDeclGlobalStorage(decl) != 1) return false;
  CXCursor init = x->cl->Cursor_getVarDeclInitializer(decl);
  return !x->cl->Cursor_isNull(init) && c_never_changes(x, decl) && c_constant(x, init, t, v);
}
