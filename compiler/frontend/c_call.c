/* Calls: the functions of math.h that are operations of ours, by name; helpers of the same file by their text. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

enum { MAX_INLINE = 16 };

struct mathfn {
  const char *name; /* of the double form; with an f behind: float */
  uint8_t op;
};
static const struct mathfn math[] = {
    {"exp", OP_exp},     {"log", OP_log},     {"sqrt", OP_sqrt}, {"tanh", OP_tanh},      {"erf", OP_erf},
    {"pow", OP_pow},     {"sin", OP_sin},     {"cos", OP_cos},   {"floor", OP_floor},    {"ceil", OP_ceil},
    {"trunc", OP_trunc}, {"round", OP_round}, {"rint", OP_rint}, {"nearbyint", OP_rint}, {"fabs", OP_abs},
    {"fmax", OP_fmax},   {"fmin", OP_fmin},   {"fma", OP_fma},
};

static bool math_function(const char *name, enum op *op, enum dtype *t) {
  static const struct {
    const char *name;
    uint8_t type;
  } ints[] = {{"abs", DT_i32}, {"labs", DT_i64}, {"llabs", DT_i64}};
  for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
    if (!strcmp(name, ints[i].name)) return *op = OP_abs, *t = ints[i].type, true;
  for (size_t i = 0; i < sizeof math / sizeof *math; i++) {
    size_t n = strlen(math[i].name);
    if (strncmp(name, math[i].name, n) || (name[n] && strcmp(name + n, "f"))) continue;
    *op = math[i].op;
    *t = name[n] ? DT_f32 : DT_f64;
    return true;
  }
  return false;
}

static struct cval argument(struct cx *x, CXCursor call, unsigned i, enum dtype t) {
  struct cval v = c_expr(x, x->cl->Cursor_getArgument(call, i));
  if (v.kind != CV_NUM) c_refuse(x, call, "argument %u not understood", i + 1);
  return cv_convert(x, v, t);
}

static struct cval math_call(struct cx *x, CXCursor c, enum op o, enum dtype t) {
  expr_t v[3] = {0};
  unsigned n = op_info[o].arity;
  if (x->cl->Cursor_getNumArguments(c) != (int)n) c_refuse(x, c, "wrong number of arguments");
  for (unsigned i = 0; i < n; i++) v[i] = cv_get(x, argument(x, c, i, t));
  expr_t e = n == 1   ? expr_op1(x->a, o, v[0])
             : n == 2 ? expr_op2(x->a, o, v[0], v[1])
                      : expr_op3(x->a, o, v[0], v[1], v[2]);
  ((struct expr *)e)->loc = c_loc(x, c);
  return cv_expr(e, t);
}

static void count_node(expr_t e, void *ctx) {
  (void)e;
  ++*(unsigned *)ctx;
}

/* Expressions that may stand in several places: copies of larger ones would multiply with each call inside a call. */
static bool small(expr_t e) {
  unsigned n = 0;
  if (e) expr_visit(e, count_node, &n);
  return n <= 32;
}

/* isnan(x): x differs from itself. */
static struct cval is_nan(struct cx *x, CXCursor c) {
  struct cval v = c_expr(x, x->cl->Cursor_getArgument(c, 0));
  if (v.kind != CV_NUM) c_refuse(x, c, "argument not understood");
  expr_t e = cv_get(x, v);
  if (!small(e)) {
    unsigned t = c_temp(x, "nan", v.type);
    c_emit(x, loop_set(x->a, t, e));
    e = c_local(x, t);
  }
  return cv_expr(expr_op2(x->a, OP_ne, e, e), DT_i32);
}

static CXCursor body_of(struct cx *x, CXCursor def, bool *has) {
  struct kids s = c_kids(x, def);
  *has = s.n && x->cl->getCursorKind(s.c[s.n - 1]) == CXCursor_CompoundStmt;
  return *has ? s.c[s.n - 1] : def;
}

/* The expression of a body that is nothing but `return e;`. */
static bool only_return(struct cx *x, CXCursor body, CXCursor *e) {
  struct kids s = c_kids(x, body);
  if (s.n != 1 || x->cl->getCursorKind(s.c[0]) != CXCursor_ReturnStmt) return false;
  struct kids r = c_kids(x, s.c[0]);
  if (r.n == 1) *e = r.c[0];
  return r.n == 1;
}

/* Binds parameter p to the argument. A number that is not constant is kept in a local where the body could change what
 * it is made of. */
static void bind(struct cx *x, CXCursor body, CXCursor p, struct cval v, bool pure) {
  const char *name = c_str(x, x->cl->getCursorSpelling(p));
  if (v.kind == CV_PTR) {
    struct cptr ptr = pure ? v.ptr : c_freeze(x, x->at, v.ptr);
    cvar_add(x, p, name, VAR_POINTER, v.type)->ptr = ptr;
    return;
  }
  if (v.kind != CV_NUM) c_refuse(x, x->at, "argument '%s' is not supported", name);
  if (!c_assigns(x, body, p) && (v.p || v.e->kind == E_CONST || v.e->kind == E_SCALAR || (pure && small(v.e)))) {
    cvar_add(x, p, name, VAR_VALUE, v.type)->value = v;
    return;
  }
  unsigned id = c_temp(x, *name ? name : "arg", v.type);
  struct cvar *var = cvar_add(x, p, name, VAR_SCALAR, v.type);
  var->id = (uint16_t)id;
  c_write_var(x, x->at, var, v);
}

static struct cval run_body(struct cx *x, CXCursor c, CXCursor body) {
  enum dtype t;
  CXType r = c_type(x, c);
  unsigned loops = x->ret_loops;
  int ret = x->ret_local;
  bool value = r.kind != CXType_Void;
  x->ret_loops = x->loops;
  x->ret_local = -1;
  if (value) {
    t = c_arith(x, c, r);
    x->ret_local = (int)c_temp(x, "ret", t);
  }
  struct rest all = {c_kids(x, body), 0, NULL};
  c_stmts(x, &all);
  struct cval v = {0};
  if (value) v = cv_expr(c_local(x, (unsigned)x->ret_local), t);
  x->ret_loops = loops;
  x->ret_local = ret;
  return v;
}

static struct cval inline_call(struct cx *x, CXCursor c, CXCursor def, CXCursor body) {
  int n = x->cl->Cursor_getNumArguments(c);
  if (n < 0 || n != x->cl->Cursor_getNumArguments(def)) c_refuse(x, c, "wrong number of arguments");
  if (++x->inlined > MAX_INLINE)
    c_refuse(x, c, "calls nested more than %d deep (recursion is not supported)", MAX_INLINE);
  CXCursor e;
  bool pure = only_return(x, body, &e);
  struct cval *v = ARENA_NEW(x->a, struct cval, n + 1);
  for (int i = 0; i < n; i++) v[i] = c_expr(x, x->cl->Cursor_getArgument(c, (unsigned)i));
  for (int i = 0; i < n; i++) bind(x, body, x->cl->Cursor_getArgument(def, (unsigned)i), v[i], pure);
  CXCursor at = x->at;
  struct cval r = pure ? c_expr(x, e) : run_body(x, c, body);
  x->at = at;
  x->inlined--;
  return r;
}

struct cval c_call(struct cx *x, CXCursor c) {
  CXCursor fn = x->cl->getCursorReferenced(c);
  const char *name = c_str(x, x->cl->getCursorSpelling(c));
  if (x->cl->Cursor_isNull(fn) || !*name) c_refuse(x, c, "call through a pointer is not supported");
  CXCursor def = x->cl->getCursorDefinition(fn);
  bool has = false;
  CXCursor body = def;
  if (!x->cl->Cursor_isNull(def)) body = body_of(x, def, &has);
  if (has) return inline_call(x, c, def, body);
  enum op o;
  enum dtype t;
  bool builtin = !strncmp(name, "__builtin_", 10);
  const char *plain = builtin ? name + 10 : name;
  if (math_function(plain, &o, &t)) return math_call(x, c, o, t);
  if (builtin && !strcmp(plain, "isnan")) return is_nan(x, c);
  if (builtin && !strcmp(plain, "expect")) return c_expr(x, x->cl->Cursor_getArgument(c, 0));
  if (builtin && (!strcmp(plain, "assume") || !strcmp(plain, "unreachable"))) return (struct cval){0};
  union value v;
  if (builtin && c_dtype(x, c_type(x, c), &t) && c_constant(x, c, t, &v)) return cv_const(x, t, v);
  if (!strcmp(name, "__assert_fail")) c_refuse(x, c, "assert() is not supported: compile with -DNDEBUG");
  c_refuse(
      x, c,
      "call to '%s' is not supported: only math.h functions that hone has an operation for, and functions defined in "
      "the same file",
      name);
}
