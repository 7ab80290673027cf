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

static expr_t num(struct cx *x, enum dtype t, double v) {
  return expr_const(x->a, t, (union value){.f = v});
}

/* Functions made of others, in double: for float arguments that is more exact than float's own.
   cosh x = e^(|x|/2)^2 / 2 + e^-(|x|/2)^2 / 2, which does not overflow before the result does. */
static bool composed(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  static const char *const of_float[] = {"coshf", "tanf", "log2f", "log10f", "exp2f", "hypotf"};
  bool is_cosh = !strcmp(name, "cosh"), is_tan = !strcmp(name, "tan"), known = is_cosh || is_tan;
  enum dtype to = known ? DT_f64 : DT_f32;
  for (size_t i = 0; i < sizeof of_float / sizeof *of_float; i++) known |= !strcmp(name, of_float[i]);
  if (!known) return false;
  struct arena *a = x->a;
  expr_t v = cv_get(x, argument(x, c, 0, to)), r;
  if (!small(v)) {
    unsigned t = c_temp(x, "arg", to);
    c_emit(x, loop_set(a, t, v));
    v = c_local(x, t);
  }
  v = expr_cast(a, DT_f64, v);
  if (!strncmp(name, "cosh", 4)) {
    expr_t h = expr_op1(a, OP_exp, expr_op2(a, OP_mul, expr_op1(a, OP_abs, v), num(x, DT_f64, 0.5)));
    expr_t half = expr_op2(a, OP_mul, h, num(x, DT_f64, 0.5)), inv = expr_op2(a, OP_div, num(x, DT_f64, 0.5), h);
    r = expr_op2(a, OP_add, expr_op2(a, OP_mul, half, h), expr_op2(a, OP_div, inv, h));
  } else if (!strncmp(name, "tan", 3)) {
    r = expr_op2(a, OP_div, expr_op1(a, OP_sin, v), expr_op1(a, OP_cos, v));
  } else if (!strcmp(name, "exp2f")) {
    r = expr_op2(a, OP_pow, num(x, DT_f64, 2), v);
  } else if (!strcmp(name, "hypotf")) {
    expr_t w = expr_cast(a, DT_f64, cv_get(x, argument(x, c, 1, to)));
    r = expr_op1(a, OP_sqrt, expr_op2(a, OP_add, expr_op2(a, OP_mul, v, v), expr_op2(a, OP_mul, w, w)));
  } else {
    r = expr_op2(a, OP_div, expr_op1(a, OP_log, v),
                 num(x, DT_f64, !strcmp(name, "log2f") ? 0x1.62e42fefa39efp-1 : 0x1.26bb1bbb55516p+1));
  }
  *out = cv_expr(expr_cast(a, to, r), to);
  return true;
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
    c_pointer_var(x, x->at, cvar_add(x, p, name, VAR_POINTER, v.type), c_assigns(x, body, p), ptr);
    return;
  }
  if (v.kind == CV_RECORD) {
    cvar_add(x, p, name, VAR_RECORD, v.type)->value = v;
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
  int ret = x->ret_local, done = x->done, stop = x->stop;
  bool value = r.kind != CXType_Void;
  x->ret_loops = x->loops;
  x->ret_local = -1;
  if (value) {
    t = c_arith(x, c, r);
    x->ret_local = (int)c_temp(x, "ret", t);
  }
  struct rest all = {c_kids(x, body), 0, NULL};
  x->stop = STOP_NONE;
  c_open_done(x, body);
  c_stmts(x, &all);
  struct cval v = {0};
  if (value) v = cv_expr(c_local(x, (unsigned)x->ret_local), t);
  x->ret_loops = loops;
  x->ret_local = ret;
  x->done = done;
  x->stop = stop;
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
  if (c_memory_call(x, c, name)) return (struct cval){0};
  enum op o;
  enum dtype t;
  bool builtin = !strncmp(name, "__builtin_", 10);
  const char *plain = builtin ? name + 10 : name;
  if (math_function(plain, &o, &t)) return math_call(x, c, o, t);
  struct cval made;
  if (composed(x, c, plain, &made)) return made;
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
