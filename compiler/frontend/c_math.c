/* Functions of math.h, and of the compiler (__builtin_…), by name: an operation of ours, or an expression of several.
 */
#include "compiler/frontend/c_lower.h"
#include <math.h>
#include <string.h>

struct mathfn {
  const char *name; /* of the double form; with an f behind: float */
  uint8_t op;
};
static const struct mathfn functions[] = {
    {"exp", OP_exp},     {"log", OP_log},     {"sqrt", OP_sqrt},   {"tanh", OP_tanh},         {"erf", OP_erf},
    {"pow", OP_pow},     {"sin", OP_sin},     {"cos", OP_cos},     {"floor", OP_floor},       {"ceil", OP_ceil},
    {"trunc", OP_trunc}, {"round", OP_round}, {"rint", OP_rint},   {"nearbyint", OP_rint},    {"fabs", OP_abs},
    {"fmax", OP_fmax},   {"fmin", OP_fmin},   {"fma", OP_fma},     {"copysign", OP_copysign}, {"log2", OP_log2},
    {"log10", OP_log10}, {"log1p", OP_log1p}, {"exp2", OP_exp2},   {"expm1", OP_expm1},       {"sinh", OP_sinh},
    {"cosh", OP_cosh},   {"asinh", OP_asinh}, {"acosh", OP_acosh}, {"atanh", OP_atanh},       {"asin", OP_asin},
    {"acos", OP_acos},   {"atan", OP_atan},   {"cbrt", OP_cbrt},   {"erfc", OP_erfc},         {"atan2", OP_atan2},
    {"hypot", OP_hypot}, {"fmod", OP_fmod},
};

static bool math_function(const char *name, enum op *op, enum dtype *t) {
  static const struct {
    const char *name;
    uint8_t type;
  } ints[] = {{"abs", DT_i32}, {"labs", DT_i64}, {"llabs", DT_i64}};
  for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
    if (!strcmp(name, ints[i].name)) return *op = OP_abs, *t = ints[i].type, true;
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    size_t n = strlen(functions[i].name);
    if (strncmp(name, functions[i].name, n) || (name[n] && strcmp(name + n, "f"))) continue;
    *op = functions[i].op;
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

static void check_count(struct cx *x, CXCursor c, int n) {
  if (x->cl->Cursor_getNumArguments(c) != n) c_refuse(x, c, "wrong number of arguments");
}

static struct cval plain(struct cx *x, CXCursor c, enum op o, enum dtype t) {
  expr_t v[3] = {0};
  unsigned n = op_info[o].arity;
  check_count(x, c, (int)n);
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

/* Copies of larger ones would multiply with each call inside a call. */
bool c_small(expr_t e) {
  unsigned n = 0;
  if (e) expr_visit(e, count_node, &n);
  return n <= 32;
}

/* The argument as something that may stand in several places. */
static expr_t again(struct cx *x, expr_t e) {
  if (c_small(e)) return e;
  unsigned t = c_temp(x, "arg", e->type);
  c_emit(x, loop_set(x->a, t, e));
  return c_local(x, t);
}

static expr_t several(struct cx *x, CXCursor c, unsigned i, enum dtype t) {
  return again(x, cv_get(x, argument(x, c, i, t)));
}

static expr_t num(struct cx *x, enum dtype t, double v) {
  return expr_const(x->a, t, (union value){.f = v});
}

static expr_t bin(struct cx *x, enum op o, expr_t l, expr_t r) {
  return expr_op2(x->a, o, l, r);
}

static expr_t un(struct cx *x, enum op o, expr_t v) {
  return expr_op1(x->a, o, v);
}

static expr_t choose(struct cx *x, expr_t c, expr_t yes, expr_t no) {
  return expr_op3(x->a, OP_select, c, yes, no);
}

static bool in_list(const char *name, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!strcmp(name, list[i])) return true;
  return false;
}

#define IN(name, list) in_list(name, list, sizeof(list) / sizeof *(list))

static bool tangent(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  enum dtype to = strcmp(name, "tan") ? DT_f32 : DT_f64;
  if (strcmp(name, "tan") && strcmp(name, "tanf")) return false;
  check_count(x, c, 1);
  expr_t v = expr_cast(x->a, DT_f64, several(x, c, 0, to));
  *out = cv_expr(expr_cast(x->a, to, bin(x, OP_div, un(x, OP_sin, v), un(x, OP_cos, v))), to);
  return true;
}

/* --- roundings to integers, and fdim --- */

static bool rounding(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  static const char *const names[] = {"lrint",  "llrint",  "lround",  "llround",
                                      "lrintf", "llrintf", "lroundf", "llroundf"};
  if (!IN(name, names)) return false;
  enum dtype t = name[strlen(name) - 1] == 'f' ? DT_f32 : DT_f64;
  check_count(x, c, 1);
  expr_t v = un(x, strstr(name, "rint") ? OP_rint : OP_round, cv_get(x, argument(x, c, 0, t)));
  *out = cv_expr(expr_cast(x->a, DT_i64, v), DT_i64);
  return true;
}

static bool fdim_call(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  bool f = !strcmp(name, "fdimf");
  enum dtype t = f ? DT_f32 : DT_f64;
  if (!f && strcmp(name, "fdim")) return false;
  check_count(x, c, 2);
  expr_t l = several(x, c, 0, t), r = several(x, c, 1, t);
  *out = cv_expr(choose(x, bin(x, OP_le, l, r), num(x, t, 0), bin(x, OP_sub, l, r)), t);
  return true;
}

/* --- what <math.h> makes of its macros, and what the compiler has --- */

/* isnan(x): x differs from itself. */
static bool classify(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  static const char *const names[] = {"isnan", "isinf", "isinf_sign", "isfinite", "signbit", "signbitf"};
  if (!IN(name, names)) return false;
  check_count(x, c, 1);
  struct cval a = c_expr(x, x->cl->Cursor_getArgument(c, 0));
  if (a.kind != CV_NUM || !type_is_float(a.type)) c_refuse(x, c, "argument not understood");
  expr_t v = again(x, cv_get(x, a)), inf = num(x, a.type, INFINITY), e;
  if (!strcmp(name, "isnan"))
    e = bin(x, OP_ne, v, v);
  else if (!strcmp(name, "isfinite"))
    e = bin(x, OP_lt, un(x, OP_abs, v), inf);
  else if (!strncmp(name, "signbit", 7))
    e = bin(x, OP_lt, bin(x, OP_copysign, num(x, a.type, 1), v), num(x, a.type, 0));
  else
    e = bin(x, OP_eq, un(x, OP_abs, v), inf);
  if (!strcmp(name, "isinf_sign")) {
    expr_t sign = choose(x, bin(x, OP_lt, v, num(x, a.type, 0)), expr_i(x->a, DT_i32, -1), expr_i(x->a, DT_i32, 1));
    *out = cv_expr(choose(x, e, sign, expr_i(x->a, DT_i32, 0)), DT_i32);
    return true;
  }
  *out = cv_expr(e, DT_i32);
  return true;
}

static expr_t word(struct cx *x, enum dtype t, uint64_t bits) {
  return expr_const(x->a, t, type_round(t, (union value){.u = bits}));
}

/* The number of bits set: sums of neighbours, then of pairs, … */
static expr_t popcount(struct cx *x, expr_t v) {
  enum dtype t = (enum dtype)v->type;
  expr_t m1 = word(x, t, 0x5555555555555555u), m2 = word(x, t, 0x3333333333333333u),
         m4 = word(x, t, 0x0f0f0f0f0f0f0f0fu);
  v = bin(x, OP_sub, v, bin(x, OP_and, bin(x, OP_shr, v, word(x, t, 1)), m1));
  v = bin(x, OP_add, bin(x, OP_and, v, m2), bin(x, OP_and, bin(x, OP_shr, v, word(x, t, 2)), m2));
  v = again(x, v);
  v = bin(x, OP_and, bin(x, OP_add, v, bin(x, OP_shr, v, word(x, t, 4))), m4);
  v = bin(x, OP_mul, v, word(x, t, 0x0101010101010101u));
  return bin(x, OP_shr, v, word(x, t, 8u * (unsigned)type_size(t) - 8));
}

/* Every bit below the highest one set, too. */
static expr_t smear(struct cx *x, expr_t v) {
  enum dtype t = (enum dtype)v->type;
  for (unsigned s = 1; s < 8u * (unsigned)type_size(t); s *= 2)
    v = again(x, bin(x, OP_or, v, bin(x, OP_shr, v, word(x, t, s))));
  return v;
}

static bool bits(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  static const char *const names[] = {"popcount", "popcountl", "popcountll", "ctz",  "ctzl",
                                      "ctzll",    "clz",       "clzl",       "clzll"};
  if (!IN(name, names)) return false;
  enum dtype t = name[strlen(name) - 1] == 'l' ? DT_u64 : DT_u32;
  check_count(x, c, 1);
  expr_t v = several(x, c, 0, t);
  if (!strncmp(name, "ctz", 3))
    v = bin(x, OP_and, un(x, OP_not, v), bin(x, OP_sub, v, word(x, t, 1)));
  else if (!strncmp(name, "clz", 3))
    v = un(x, OP_not, smear(x, v));
  *out = cv_expr(expr_cast(x->a, DT_i32, popcount(x, again(x, v))), DT_i32);
  return true;
}

static bool swap_bytes(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  enum dtype t = !strcmp(name, "bswap16") ? DT_u16 : !strcmp(name, "bswap32") ? DT_u32 : DT_u64;
  if (strncmp(name, "bswap", 5) || (t == DT_u64 && strcmp(name, "bswap64"))) return false;
  check_count(x, c, 1);
  expr_t v = several(x, c, 0, t), sum = NULL;
  unsigned n = (unsigned)type_size(t);
  for (unsigned i = 0; i < n; i++) {
    expr_t b = bin(x, OP_and, bin(x, OP_shr, v, word(x, t, 8 * i)), word(x, t, 255));
    b = bin(x, OP_shl, b, word(x, t, 8 * (n - 1 - i)));
    sum = sum ? bin(x, OP_or, sum, b) : b;
  }
  *out = cv_expr(sum, t);
  return true;
}

static bool builtin_call(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  enum dtype t;
  union value v;
  *out = (struct cval){0};
  if (!strcmp(name, "assume") || !strcmp(name, "unreachable")) return true;
  if (!strcmp(name, "expect")) return *out = c_expr(x, x->cl->Cursor_getArgument(c, 0)), true;
  if (classify(x, c, name, out) || bits(x, c, name, out) || swap_bytes(x, c, name, out)) return true;
  if (!c_dtype(x, c_type(x, c), &t) || !c_constant(x, c, t, &v)) return false;
  *out = cv_const(x, t, v);
  return true;
}

bool c_math_call(struct cx *x, CXCursor c, const char *name, struct cval *out) {
  enum op o;
  enum dtype t;
  bool builtin = !strncmp(name, "__builtin_", 10);
  const char *own = builtin ? name + 10 : name;
  if (tangent(x, c, own, out) || rounding(x, c, own, out) || fdim_call(x, c, own, out)) return true;
  if (math_function(own, &o, &t)) return *out = plain(x, c, o, t), true;
  return builtin && builtin_call(x, c, own, out);
}
