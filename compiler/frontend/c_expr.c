/* Expressions as values. Every conversion that C makes is a node of clang's tree (which one follows from the types), so
   all that is done here is to follow them. Side effects inside expressions become statements in front; C leaves their
   order against the rest of the expression open, except where c_cond.c takes care of it. */
#include "compiler/frontend/c_lower.h"

static struct cval decay(struct cx *x, CXCursor at, struct cval v) {
  (void)x, (void)at;
  if (v.kind == CV_ARRAY) v.kind = CV_PTR;
  return v;
}

struct cval c_load(struct cx *x, CXCursor at, struct cptr p) {
  if (c_is_row(p)) c_refuse(x, at, "this structure cannot be read as a whole: read its fields");
  if (p.or) return c_load_choice(x, at, p);
  struct cval stays;
  if (c_cell(x, p, &stays)) return stays;
  struct access *acc = ARENA_NEW(x->a, struct access, 1);
  *acc = (struct access){.tensor = p.obj, .rank = p.rank, .ix = p.ix};
  struct expr *e = (struct expr *)expr_read(x->a, p.type, acc);
  e->loc = c_loc(x, at);
  return cv_expr(e, p.type);
}

/* The element that a pointer points to: a scalar lvalue (CV_PTR, nothing behind `at`), or a row of one (CV_ARRAY,
 * decaying to its first element). */
static struct cval deref(struct cval v) {
  if (v.ptr.at + 1 >= v.ptr.rank) return v;
  v.ptr.at++; /* (a choice is between pointers to scalars) */
  v.kind = CV_ARRAY;
  return v;
}

static struct cval subscripted(struct cx *x, CXCursor c) {
  struct kids s = c_kids(x, c);
  if (s.n != 2) c_refuse(x, c, "subscript not understood");
  struct cval l = c_expr(x, s.c[0]), r = c_expr(x, s.c[1]);
  struct cval p = l.kind == CV_PTR ? l : r, i = l.kind == CV_PTR ? r : l;
  int64_t at;
  bool fixed = r.kind == CV_NUM && r.p && poly_is_const(r.p, &at), first = fixed && at == 0;
  struct cval number;
  if (fixed && c_number(x, l, at, &number)) return number;
  if (l.kind == CV_RECORD || r.kind == CV_RECORD) {
    c_rows_wanted(x, l.kind == CV_RECORD ? l : r);
    c_refuse(x, c, "an array of structures inside a structure is not supported: use one array for each field");
  }
  if (first && (l.kind == CV_REF || l.kind == CV_STRUCT)) return l; /* p[0] is *p */
  if (p.kind != CV_PTR || i.kind != CV_NUM) c_refuse(x, c, "subscript not understood");
  p.ptr = cv_move(x, p.ptr, cv_subscript(x, i));
  return deref(p);
}

/* A local scalar as the variable that it is. */
static struct cval referred(struct cx *x, struct cval v, struct cvar **var) {
  if (v.kind != CV_REF) return v;
  *var = &x->var[v.arg];
  return (struct cval){0};
}

static _Noreturn void refuse_global(struct cx *x, CXCursor at, CXCursor decl) {
  const char *name = c_str(x, x->cl->getCursorSpelling(decl));
  bool shared = x->cl->getCursorLinkage(decl) == CXLinkage_External && x->cl->getCursorTLSKind(decl) == CXTLS_None;
  c_refuse(x, at,
           shared ? "'%s' is a global variable of a type that is not supported: pass it as a parameter"
                  : "'%s' is a global variable of this file or of a thread only, and changes or is of a type that is "
                    "not supported: pass it as a parameter",
           name);
}

static struct cval struct_literal(struct cx *x, CXCursor c) {
  struct kids k = c_kids(x, c);
  if (!k.n || x->cl->getCursorKind(k.c[k.n - 1]) != CXCursor_InitListExpr) c_refuse(x, c, "literal not understood");
  return c_struct_list(x, k.c[k.n - 1], c_type(x, c));
}

struct cval c_lvalue(struct cx *x, CXCursor c, struct cvar **var) {
  *var = NULL;
  CXCursor l = c_strip(x, c);
  enum CXCursorKind k = x->cl->getCursorKind(l);
  if (k == CXCursor_DeclRefExpr) {
    CXCursor decl = x->cl->getCursorReferenced(l);
    struct cvar *v = cvar_find(x, decl);
    if (!v) v = c_const_array(x, decl);
    struct cval g;
    if (!v && c_global(x, decl, &g)) return g;
    if (!v) refuse_global(x, l, decl);
    if (v->kind == VAR_ARRAY || v->kind == VAR_STRUCT) return c_read_var(x, l, v);
    *var = v;
    return (struct cval){0};
  }
  if (k == CXCursor_ArraySubscriptExpr) return referred(x, subscripted(x, l), var);
  if (k == CXCursor_UnaryOperator && x->cl->getCursorUnaryOperatorKind(l) == CXUnaryOperator_Deref) {
    struct kids s = c_kids(x, l);
    struct cval p = decay(x, l, c_expr(x, s.c[0]));
    struct cval number;
    if (c_number(x, p, 0, &number)) return number;
    if (p.kind == CV_RECORD) return p;
    if (p.kind == CV_REF || p.kind == CV_STRUCT) return referred(x, p, var);
    if (p.kind != CV_PTR) c_refuse(x, l, "dereference not understood");
    return deref(p);
  }
  if (k == CXCursor_CompoundLiteralExpr && c_is_array(c_type(x, l))) return c_array_literal(x, l);
  if (k == CXCursor_CompoundLiteralExpr && c_type(x, l).kind == CXType_Record) return struct_literal(x, l);
  if (k == CXCursor_MemberRefExpr) return referred(x, c_member(x, l), var);
  c_refuse(x, l, "this kind of object is not supported");
}

static struct cval member_value(struct cx *x, CXCursor c) {
  struct cval v = c_member(x, c);
  if (v.kind == CV_REF) return c_read_var(x, c, &x->var[v.arg]);
  if (v.kind == CV_ARRAY && c_type(x, c).kind != CXType_Record) return decay(x, c, v);
  return v.kind == CV_PTR && !c_is_pointer(c_type(x, c)) ? c_load(x, c, v.ptr) : v;
}

static struct cval reference(struct cx *x, CXCursor c) {
  CXCursor decl = x->cl->getCursorReferenced(c);
  struct cvar *v = cvar_find(x, decl);
  if (!v) v = c_const_array(x, decl);
  if (v && v->kind == VAR_STRUCT) return v->value;
  if (v) return decay(x, c, c_read_var(x, c, v));
  enum dtype t;
  union value k;
  if (c_dtype(x, c_type(x, c), &t) && (c_constant(x, c, t, &k) || c_global_number(x, decl, t, &k)))
    return cv_const(x, t, k);
  const char *name = c_str(x, x->cl->getCursorSpelling(c));
  if (x->cl->getCursorKind(decl) == CXCursor_FunctionDecl) c_refuse(x, c, "function '%s' used as a value", name);
  struct cval g;
  if (!c_global(x, decl, &g)) refuse_global(x, c, decl);
  if (g.kind == CV_PTR && !c_is_pointer(c_type(x, c))) return c_load(x, c, g.ptr);
  return decay(x, c, g);
}

static struct cval literal(struct cx *x, CXCursor c) {
  enum dtype t = c_arith(x, c, c_type(x, c));
  union value v;
  if (!c_constant(x, c, t, &v)) c_refuse(x, c, "constant not understood");
  struct cval r = cv_const(x, t, v);
  if (r.e) ((struct expr *)r.e)->loc = c_loc(x, c);
  return r;
}

/* Is `to` the structure that the operand of cast c points to? */
static bool same_record(struct cx *x, CXCursor c, CXType to) {
  struct kids s = c_kids(x, c);
  if (!s.n || to.kind != CXType_Record) return false;
  CXType from = c_type(x, s.c[s.n - 1]);
  from = x->cl->getCanonicalType(c_is_pointer(from) ? x->cl->getPointeeType(from) : x->cl->getArrayElementType(from));
  return c_same(x, x->cl->getTypeDeclaration(from), x->cl->getTypeDeclaration(to));
}

/* v seen as type t: what a cast, implicit or not, does. */
static struct cval cast(struct cx *x, CXCursor c, struct cval v, CXType t) {
  if (t.kind == CXType_Record && v.kind != CV_RECORD) return c_struct_value(x, c, v, t);
  v = decay(x, c, v);
  if (t.kind == CXType_Void) return (struct cval){0};
  if (c_is_array(t)) return v; /* an array lvalue that is not decayed, as in sizeof */
  if (v.kind == CV_RECORD) {
    if (t.kind == CXType_Bool) return cv_convert(x, c_given(x, c, v), DT_bool);
    bool same = c_is_pointer(t) || t.kind == CXType_Record;
    if (!same)
      c_refuse(x, c, "conversion of a structure to '%s' is not supported", c_str(x, x->cl->getTypeSpelling(t)));
    return v;
  }
  if (c_is_pointer(t)) {
    enum dtype e;
    CXType to = x->cl->getCanonicalType(x->cl->getPointeeType(t));
    while (c_is_array(to)) to = x->cl->getCanonicalType(x->cl->getArrayElementType(to));
    if (v.kind == CV_STRUCT) return v;
    if (v.kind == CV_REF && c_dtype(x, to, &e) && e == v.type) return v;
    if (v.kind != CV_PTR && v.kind != CV_REF)
      c_refuse(x, c, "conversion to pointer type '%s' is not supported", c_str(x, x->cl->getTypeSpelling(t)));
    if (v.kind == CV_PTR && c_is_row(v.ptr)) {
      if (!same_record(x, c, to))
        c_refuse(x, c, "pointer seen as '%s': changing the element type is not supported",
                 c_str(x, x->cl->getTypeSpelling(t)));
      return v;
    }
    if (v.kind == CV_REF || !c_element(x, to, &e) || e != v.ptr.type)
      c_refuse(x, c, "pointer seen as '%s': changing the element type is not supported",
               c_str(x, x->cl->getTypeSpelling(t)));
    return v;
  }
  if (v.kind == CV_PTR && t.kind == CXType_Bool) return cv_convert(x, c_given(x, c, v), DT_bool);
  if (v.kind != CV_NUM)
    c_refuse(x, c, "conversion of a pointer to '%s' is not supported", c_str(x, x->cl->getTypeSpelling(t)));
  return cv_convert(x, v, c_arith(x, c, t));
}

/* How many subscripts a pointer or array of this type takes. */
static unsigned depth_of(struct cx *x, CXType t) {
  unsigned n = 0;
  for (; c_is_pointer(t) || c_is_array(t); n++)
    t = x->cl->getCanonicalType(c_is_pointer(t) ? x->cl->getPointeeType(t) : x->cl->getArrayElementType(t));
  return n + (t.kind == CXType_Record);
}

static struct cval converted(struct cx *x, CXCursor c) {
  struct kids s = c_kids(x, c);
  if (!s.n) return literal(x, c);
  CXCursor in = s.c[s.n - 1]; /* TypeRef and sizes stand in front of a cast's operand */
  if (x->cl->getCursorKind(c) == CXCursor_UnexposedExpr && s.n != 1)
    c_refuse(x, c, "this form of expression is not supported");
  struct cval v = cast(x, c, c_expr(x, in), c_type(x, c));
  if (v.kind == CV_PTR && c_is_pointer(c_type(x, c)) && depth_of(x, c_type(x, c)) != (unsigned)(v.ptr.rank - v.ptr.at))
    c_refuse(x, c, "pointer seen as '%s': changing the shape of an array is not supported",
             c_str(x, x->cl->getTypeSpelling(x->cl->getCursorType(c))));
  return v;
}

static struct cval negate(struct cx *x, struct cval v) {
  if (v.p) return cv_binary(x, OP_sub, cv_poly(x, poly_const(x->a, 0), v.type, true), v);
  expr_t e = cv_get(x, v);
  if (e->kind == E_CONST) return cv_const(x, v.type, op_eval(OP_neg, v.type, &e->val));
  return cv_expr(expr_op1(x->a, OP_neg, e), v.type);
}

static struct cval address(struct cx *x, CXCursor c, CXCursor of) {
  struct cvar *var;
  struct cval v = c_lvalue(x, of, &var);
  if (var && var->kind != VAR_SCALAR) c_refuse(x, c, "the address of '%s' is taken: not supported", var->name);
  if (var) return (struct cval){.kind = CV_REF, .type = var->type, .arg = (uint16_t)(var - x->var), .of = var->decl};
  if ((v.kind == CV_STRUCT && !v.leaf) || v.kind == CV_RECORD) return v;
  if (v.kind == CV_NUM) c_field_stays(x, v);
  if (v.kind != CV_PTR && v.kind != CV_ARRAY) c_refuse(x, c, "the address of a value is taken: not supported");
  if (v.kind == CV_ARRAY && v.ptr.at == 0) c_refuse(x, c, "the address of a whole array is taken: not supported");
  if (v.kind == CV_ARRAY) v.ptr.at--; /* &A[i]: a pointer to the row */
  v.kind = CV_PTR;
  return v;
}

static struct cval unary(struct cx *x, CXCursor c) {
  struct kids s = c_kids(x, c);
  if (s.n != 1) c_refuse(x, c, "operator not understood");
  struct cvar *var;
  switch (x->cl->getCursorUnaryOperatorKind(c)) {
  case CXUnaryOperator_Plus:
  case CXUnaryOperator_Extension:
    return c_expr(x, s.c[0]);
  case CXUnaryOperator_Minus:
    return negate(x, c_expr(x, s.c[0]));
  case CXUnaryOperator_Not: {
    struct cval v = c_expr(x, s.c[0]);
    expr_t e = cv_get(x, v);
    if (e->kind == E_CONST) return cv_const(x, v.type, op_eval(OP_not, v.type, &e->val));
    return cv_expr(expr_op1(x->a, OP_not, e), v.type);
  }
  case CXUnaryOperator_LNot:
    return cv_not(x, c_cond(x, s.c[0]));
  case CXUnaryOperator_PreInc:
    return c_crement(x, s.c[0], true, false);
  case CXUnaryOperator_PreDec:
    return c_crement(x, s.c[0], false, false);
  case CXUnaryOperator_PostInc:
    return c_crement(x, s.c[0], true, true);
  case CXUnaryOperator_PostDec:
    return c_crement(x, s.c[0], false, true);
  case CXUnaryOperator_AddrOf:
    return address(x, c, s.c[0]);
  case CXUnaryOperator_Deref: {
    struct cval v = c_lvalue(x, c, &var);
    if (var) return c_read_var(x, c, var);
    if (v.kind == CV_STRUCT || v.kind == CV_NUM || c_type(x, c).kind == CXType_Record) return v;
    return v.kind == CV_ARRAY ? decay(x, c, v) : c_load(x, c, v.ptr);
  }
  default:
    c_refuse(x, c, "this unary operator is not supported");
  }
}

enum op c_binop(enum CXBinaryOperatorKind k) {
  switch (k) {
  case CXBinaryOperator_Mul:
  case CXBinaryOperator_MulAssign:
    return OP_mul;
  case CXBinaryOperator_Div:
  case CXBinaryOperator_DivAssign:
    return OP_div;
  case CXBinaryOperator_Rem:
  case CXBinaryOperator_RemAssign:
    return OP_rem;
  case CXBinaryOperator_Add:
  case CXBinaryOperator_AddAssign:
    return OP_add;
  case CXBinaryOperator_Sub:
  case CXBinaryOperator_SubAssign:
    return OP_sub;
  case CXBinaryOperator_Shl:
  case CXBinaryOperator_ShlAssign:
    return OP_shl;
  case CXBinaryOperator_Shr:
  case CXBinaryOperator_ShrAssign:
    return OP_shr;
  case CXBinaryOperator_And:
  case CXBinaryOperator_AndAssign:
    return OP_and;
  case CXBinaryOperator_Xor:
  case CXBinaryOperator_XorAssign:
    return OP_xor;
  case CXBinaryOperator_Or:
  case CXBinaryOperator_OrAssign:
    return OP_or;
  case CXBinaryOperator_LT:
    return OP_lt;
  case CXBinaryOperator_GT:
    return OP_gt;
  case CXBinaryOperator_LE:
    return OP_le;
  case CXBinaryOperator_GE:
    return OP_ge;
  case CXBinaryOperator_EQ:
    return OP_eq;
  case CXBinaryOperator_NE:
    return OP_ne;
  default:
    return OP_COUNT;
  }
}

static struct cval pointer_arith(struct cx *x, CXCursor c, enum op o, struct cval l, struct cval r) {
  if (l.kind == CV_PTR && r.kind == CV_PTR && o == OP_sub) {
    if (!c_pointers_related(x, l.ptr, r.ptr)) c_refuse(x, c, "difference of pointers into two arrays");
    return cv_binary(x, OP_sub, c_pointer_at(x, l.ptr), c_pointer_at(x, r.ptr));
  }
  if (l.kind == CV_NUM) {
    struct cval t = l;
    l = r, r = t;
  }
  if (l.kind == CV_RECORD) c_rows_wanted(x, l);
  if (l.kind != CV_PTR || r.kind != CV_NUM || (o != OP_add && o != OP_sub))
    c_refuse(x, c, "this operation on pointers is not supported");
  struct subscript by = cv_subscript(x, o == OP_sub ? negate(x, cv_convert(x, r, DT_i64)) : r);
  l.ptr = cv_move(x, l.ptr, by);
  return l;
}

static bool is_null(struct cx *x, CXCursor c) {
  for (;;) {
    enum CXCursorKind k = x->cl->getCursorKind(c);
    struct kids s = c_kids(x, c);
    if (k == CXCursor_IntegerLiteral) {
      enum dtype t;
      union value v;
      return c_dtype(x, c_type(x, c), &t) && c_constant(x, c, t, &v) && v.i == 0;
    }
    if ((k != CXCursor_ParenExpr && k != CXCursor_UnexposedExpr && k != CXCursor_CStyleCastExpr) || !s.n) return false;
    c = s.c[s.n - 1];
  }
}

static struct cval compare_pointers(struct cx *x, CXCursor c, enum op o, struct kids s) {
  bool left = is_null(x, s.c[0]);
  if (!left && !is_null(x, s.c[1])) {
    struct cval l = c_expr(x, s.c[0]), r = c_expr(x, s.c[1]);
    if (l.kind != CV_PTR || r.kind != CV_PTR || !c_pointers_related(x, l.ptr, r.ptr))
      c_refuse(x, c, "pointers into two arrays are compared: not supported; pass a flag instead");
    return cv_compare(x, o, c_pointer_at(x, l.ptr), c_pointer_at(x, r.ptr));
  }
  if (o != OP_eq && o != OP_ne) c_refuse(x, c, "this comparison with NULL is not supported");
  struct cval given = c_given(x, c, c_expr(x, s.c[left]));
  return o == OP_ne ? given : cv_not(x, given);
}

static struct cval binary(struct cx *x, CXCursor c) {
  enum CXBinaryOperatorKind k = x->cl->getCursorBinaryOperatorKind(c);
  if (k == CXBinaryOperator_Assign) return c_assign(x, c);
  if (k == CXBinaryOperator_LAnd || k == CXBinaryOperator_LOr) return c_logical(x, c);
  struct kids s = c_kids(x, c);
  if (s.n != 2) c_refuse(x, c, "operator not understood");
  enum op o = c_binop(k);
  if (o >= OP_eq && o <= OP_ge && c_is_pointer(c_type(x, s.c[0])) && c_is_pointer(c_type(x, s.c[1])))
    return compare_pointers(x, c, o, s);
  if (k == CXBinaryOperator_Comma) c_effect(x, s.c[0]);
  struct cval l = k == CXBinaryOperator_Comma ? (struct cval){0} : c_expr(x, s.c[0]);
  struct cval r = c_expr(x, s.c[1]);
  if (k == CXBinaryOperator_Comma) return r;
  if (o == OP_COUNT) c_refuse(x, c, "this operator is not supported");
  if (l.kind == CV_PTR || r.kind == CV_PTR || l.kind == CV_RECORD || r.kind == CV_RECORD)
    return pointer_arith(x, c, o, l, r);
  if (l.kind != CV_NUM || r.kind != CV_NUM) c_refuse(x, c, "operand not understood");
  x->loc = c_loc(x, c);
  if (o >= OP_eq && o <= OP_ge) return cv_compare(x, o, l, r);
  return cv_binary(x, o, l, r);
}

static struct cval dispatch(struct cx *x, CXCursor c) {
  switch (x->cl->getCursorKind(c)) {
  case CXCursor_IntegerLiteral:
  case CXCursor_FloatingLiteral:
  case CXCursor_CharacterLiteral:
  case CXCursor_UnaryExpr:
    return literal(x, c); /* the last is sizeof and _Alignof */
  case CXCursor_DeclRefExpr:
    return reference(x, c);
  case CXCursor_ParenExpr:
  case CXCursor_UnexposedExpr:
  case CXCursor_CStyleCastExpr:
    return converted(x, c);
  case CXCursor_UnaryOperator:
    return unary(x, c);
  case CXCursor_BinaryOperator:
    return binary(x, c);
  case CXCursor_CompoundAssignOperator:
    return c_assign(x, c);
  case CXCursor_ConditionalOperator:
    return c_ternary(x, c);
  case CXCursor_CallExpr:
    return c_call(x, c);
  case CXCursor_ArraySubscriptExpr: {
    struct cval v = subscripted(x, c);
    if (v.kind == CV_REF) return c_read_var(x, c, &x->var[v.arg]);
    if (v.kind == CV_NUM || c_type(x, c).kind == CXType_Record) return v;
    return v.kind == CV_ARRAY ? decay(x, c, v) : c_load(x, c, v.ptr);
  }
  case CXCursor_MemberRefExpr:
    return member_value(x, c);
  case CXCursor_StmtExpr:
    c_refuse(x, c, "statement expressions are not supported (assert: compile with -DNDEBUG)");
  case CXCursor_CompoundLiteralExpr:
    if (c_type(x, c).kind == CXType_Record) return struct_literal(x, c);
    if (c_is_array(c_type(x, c))) return decay(x, c, c_array_literal(x, c));
    c_refuse(x, c, "this compound literal is not supported: use a local array");
  case CXCursor_InitListExpr:
    c_refuse(x, c, "this form of initialiser is not supported");
  case CXCursor_GenericSelectionExpr:
    c_refuse(x, c, "_Generic is not supported");
  default:
    c_refuse(x, c, "this form of expression (%s) is not supported",
             c_str(x, x->cl->getCursorKindSpelling(x->cl->getCursorKind(c))));
  }
}

struct cval c_expr(struct cx *x, CXCursor c) {
  c_enter(x, c);
  struct cval v = dispatch(x, c);
  c_leave(x);
  return v;
}
