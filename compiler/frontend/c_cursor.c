/* Access to clang's tree: children as arrays (so that a refusal never jumps through libclang's frames), types as ours,
   constants, places. clang's own evaluator is only asked about arithmetic types: it crashes on aggregates. */
#include "compiler/frontend/c_lower.h"
#include <limits.h>
#include "compiler/frontend/c_out.h"
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 400 }; /* of the tree: far beyond what people write, far below what the stack holds */

struct collect {
  struct cx *x;
  struct kids k;
  unsigned cap;
};

static enum CXChildVisitResult collect_child(CXCursor c, CXCursor parent, CXClientData data) {
  struct collect *l = data;
  (void)parent;
  if (l->k.n == l->cap) {
    unsigned cap = l->cap ? l->cap * 2 : 4;
    CXCursor *n = ARENA_NEW(l->x->a, CXCursor, cap);
    if (l->k.n) memcpy(n, l->k.c, sizeof *n * l->k.n);
    l->k.c = n;
    l->cap = cap;
  }
  l->k.c[l->k.n++] = c;
  return CXChildVisit_Continue;
}

struct kids c_kids(struct cx *x, CXCursor c) {
  struct collect l = {.x = x};
  x->cl->visitChildren(c, collect_child, &l);
  return l.k;
}

const char *c_str(struct cx *x, CXString s) {
  const char *p = x->cl->getCString(s);
  const char *r = arena_strdup(x->a, p ? p : "");
  x->cl->disposeString(s);
  return r;
}

struct place {
  const char *file;
  unsigned line, col;
};

static struct place place_of(struct cx *x, CXCursor c) {
  struct place p = {"", 0, 0};
  CXFile f = NULL;
  x->cl->getFileLocation(x->cl->getCursorLocation(c), &f, &p.line, &p.col, NULL);
  if (f) p.file = c_str(x, x->cl->getFileName(f));
  return p;
}

struct loc c_loc(struct cx *x, CXCursor c) {
  struct place p = place_of(x, c);
  if (strcmp(p.file, x->main_file)) return (struct loc){0};
  return (struct loc){0, p.line, p.col};
}

void c_refuse(struct cx *x, CXCursor at, const char *fmt, ...) {
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  struct place p = place_of(x, at);
  x->why = arena_strdup(x->a, text);
  x->why_file = p.file;
  x->why_line = p.line;
  x->why_col = p.col;
  longjmp(x->refused, 1);
}

void c_enter(struct cx *x, CXCursor at) {
  if (++x->depth > MAX_DEPTH) c_refuse(x, at, "nested more than %d deep", MAX_DEPTH);
}

void c_leave(struct cx *x) {
  x->depth--;
}

CXType c_type(struct cx *x, CXCursor c) {
  return x->cl->getCanonicalType(x->cl->getCursorType(c));
}

static bool int_dtype(struct cx *x, CXType t, bool is_signed, enum dtype *out) {
  switch (x->cl->Type_getSizeOf(t)) {
  case 1:
    *out = is_signed ? DT_i8 : DT_u8;
    return true;
  case 2:
    *out = is_signed ? DT_i16 : DT_u16;
    return true;
  case 4:
    *out = is_signed ? DT_i32 : DT_u32;
    return true;
  case 8:
    *out = is_signed ? DT_i64 : DT_u64;
    return true;
  default:
    return false;
  }
}

/* libclang has no kind of its own for __bf16 (22): CXType_BFloat16 is in its header, and never given. */
static bool is_bf16(struct cx *x, CXType t) {
  const char *name = c_str(x, x->cl->getTypeSpelling(t)), *last = strrchr(name, ' ');
  return !strcmp(last ? last + 1 : name, "__bf16");
}

bool c_dtype(struct cx *x, CXType t, enum dtype *out) {
  switch (t.kind) {
  case CXType_Bool:
    *out = DT_bool;
    return true;
  case CXType_Float:
    *out = DT_f32;
    return true;
  case CXType_Double:
    *out = DT_f64;
    return true;
  case CXType_Half:
  case CXType_Float16:
    *out = DT_f16;
    return true;
  case CXType_BFloat16:
    *out = DT_bf16;
    return true;
  case CXType_Char_S:
  case CXType_SChar:
  case CXType_Short:
  case CXType_Int:
  case CXType_Long:
  case CXType_LongLong:
    return int_dtype(x, t, true, out);
  case CXType_Char_U:
  case CXType_UChar:
  case CXType_UShort:
  case CXType_UInt:
  case CXType_ULong:
  case CXType_ULongLong:
    return int_dtype(x, t, false, out);
  case CXType_Enum: {
    CXType u = x->cl->getCanonicalType(x->cl->getEnumDeclIntegerType(x->cl->getTypeDeclaration(t)));
    return u.kind != CXType_Enum && c_dtype(x, u, out);
  }
  case CXType_Unexposed:
    *out = DT_bf16;
    return is_bf16(x, t);
  default:
    return false;
  }
}

enum dtype c_arith(struct cx *x, CXCursor at, CXType t) {
  enum dtype d;
  if (!c_dtype(x, t, &d))
    c_refuse(x, at, "type '%s' is not supported: use _Bool, an integer, float or double",
             c_str(x, x->cl->getTypeSpelling(t)));
  return d;
}

bool c_is_pointer(CXType t) {
  return t.kind == CXType_Pointer;
}

bool c_is_array(CXType t) {
  return t.kind == CXType_ConstantArray || t.kind == CXType_VariableArray || t.kind == CXType_IncompleteArray;
}

bool c_is_expr(struct cx *x, CXCursor c) {
  return x->cl->isExpression(x->cl->getCursorKind(c));
}

CXCursor c_strip(struct cx *x, CXCursor c) {
  for (;;) {
    enum CXCursorKind k = x->cl->getCursorKind(c);
    if (k != CXCursor_ParenExpr && k != CXCursor_UnexposedExpr) return c;
    struct kids s = c_kids(x, c);
    if (s.n != 1) return c;
    c = s.c[0];
  }
}

bool c_same(struct cx *x, CXCursor a, CXCursor b) {
  return x->cl->equalCursors(a, b);
}

bool c_constant(struct cx *x, CXCursor c, enum dtype t, union value *v) {
  CXEvalResult r = x->cl->Cursor_Evaluate(c);
  if (!r) return false;
  CXEvalResultKind k = x->cl->EvalResult_getKind(r);
  bool ok = k == CXEval_Int || k == CXEval_Float;
  if (k == CXEval_Float) {
    *v = type_convert(t, DT_f64, (union value){.f = x->cl->EvalResult_getAsDouble(r)});
  } else if (ok && x->cl->EvalResult_isUnsignedInt(r)) {
    *v = type_convert(t, DT_u64, (union value){.u = x->cl->EvalResult_getAsUnsigned(r)});
  } else if (ok) {
    *v = type_convert(t, DT_i64, (union value){.i = x->cl->EvalResult_getAsLongLong(r)});
  }
  x->cl->EvalResult_dispose(r);
  return ok;
}

unsigned c_offset(struct cx *x, CXSourceLocation at) {
  CXFile f = NULL;
  unsigned offset = 0;
  x->cl->getFileLocation(at, &f, NULL, NULL, &offset);
  return f && !strcmp(c_str(x, x->cl->getFileName(f)), x->main_file) ? offset : UINT_MAX;
}
