/* LOOP text: random functions come back from print and parse as equal trees with equal text; sugar; error messages;
 * what the verifier says. */
#include "common.h"
#include "ir/loop.h"
#include <math.h>

static struct arena *a;
static struct diag *d;
static uint64_t state;

/* ---- random functions: well-typed and in scope, so that the verifier accepts them ---- */

struct gen {
  struct lfunc *f;
  sym_t sym[16];
  unsigned nsym; /* dims and open loops */
  sym_t dims[2];
  unsigned budget;
  bool vector;
};

static unsigned pick(unsigned n) {
  return below(&state, n);
}

static poly_t random_poly(const struct gen *g) {
  poly_t p = poly_const(a, (int64_t)pick(7) - 3);
  for (unsigned i = pick(3); i > 0; i--) {
    poly_t m = poly_scale(a, poly_sym(a, g->sym[pick(g->nsym)]), (int64_t)pick(5) - 2);
    if (!pick(4)) m = poly_mul(a, m, poly_sym(a, g->dims[pick(2)]));
    p = poly_add(a, p, m);
  }
  return pick(50) ? p : poly_const(a, pick(2) ? INT64_MIN : INT64_MAX);
}

static union value random_value(enum dtype t) {
  static const double special[] = {0,      -0.0,   1,        -1,        0.1, 1.0 / 3, 1e30,
                                   -1e-30, 5e-324, INFINITY, -INFINITY, NAN, 1e16,    123456789};
  if (!type_is_float(t)) return type_round(t, (union value){.u = rnd(&state) >> pick(64)});
  if (pick(2)) return type_round(t, (union value){.f = special[pick(sizeof special / sizeof *special)]});
  return type_round(t, (union value){.f = ldexp((double)(int64_t)rnd(&state), (int)pick(80) - 100)});
}

static expr_t random_expr(struct gen *g, enum dtype t, unsigned depth);

static const enum dtype int_types[] = {DT_i32, DT_i64, DT_u8};

/* Objects of type t are numbered 2*t (rank 1) and 2*t+1 (rank 2). */
static struct access *random_access(struct gen *g, unsigned object, unsigned depth) {
  poly_t ix[2] = {random_poly(g), random_poly(g)};
  struct access *acc = access_new(a, object, g->f->object[object].rank, ix);
  if (depth > 3 || pick(4)) return acc;
  acc->ix[0].dyn = random_expr(g, int_types[pick(3)], depth + 1);
  if (pick(2)) acc->ix[0].poly = poly_const(a, 0);
  return acc;
}

static void add_guards(struct gen *g, struct access *acc) {
  acc->nguard = (uint8_t)(1 + pick(2));
  acc->guard = ARENA_NEW(a, poly_t, acc->nguard);
  for (unsigned i = 0; i < acc->nguard; i++) acc->guard[i] = random_poly(g);
}

static expr_t random_leaf(struct gen *g, enum dtype t, unsigned depth) {
  unsigned k = pick(5);
  if (k == 0) return expr_const(a, t, random_value(t));
  if (k == 1 && t == DT_i64) return expr_poly(a, random_poly(g));
  if (k == 2) return expr_local(a, t, t);
  if (k == 3 && t == DT_f32) return expr_scalar(a, t, 2);
  struct access *acc = random_access(g, 2 * t + pick(2), depth);
  if (depth < 4 && !pick(4)) {
    add_guards(g, acc);
    acc->otherwise = random_expr(g, t, depth + 1);
  }
  return expr_read(a, t, acc);
}

static expr_t random_op(struct gen *g, enum dtype t, unsigned depth) {
  for (;;) {
    enum op o = (enum op)pick(OP_COUNT);
    enum dtype k = op_info[o].result_bool ? (enum dtype)pick(DT_COUNT) : t;
    if (op_info[o].result_other && op_accepts(o, t)) k = op_result(o, t);
    if ((op_info[o].result_bool && t != DT_bool) || !op_accepts(o, k)) continue;
    if (o == OP_select)
      return expr_op3(a, o, random_expr(g, DT_bool, depth), random_expr(g, t, depth), random_expr(g, t, depth));
    if (op_info[o].arity == 1) return expr_op1(a, o, random_expr(g, k, depth));
    if (op_info[o].arity == 2) return expr_op2(a, o, random_expr(g, k, depth), random_expr(g, k, depth));
    return expr_op3(a, o, random_expr(g, k, depth), random_expr(g, k, depth), random_expr(g, k, depth));
  }
}

static expr_t random_expr(struct gen *g, enum dtype t, unsigned depth) {
  if (depth >= 5 || !pick(3)) return random_leaf(g, t, depth + 1);
  if (!pick(5)) {
    enum dtype from = (enum dtype)pick(DT_COUNT);
    if (from != t) return expr_cast(a, t, random_expr(g, from, depth + 1));
  }
  return random_op(g, t, depth + 1);
}

static struct lstmt *random_stmt(struct gen *g, unsigned depth);

static struct lstmt *random_block(struct gen *g, unsigned depth) {
  struct lstmt *s[4];
  unsigned n = pick(4);
  for (unsigned i = 0; i < n; i++) s[i] = random_stmt(g, depth);
  return loop_block(a, n, s);
}

static struct lstmt *random_for(struct gen *g, unsigned depth) {
  enum fkind kind = pick(3) ? F_SERIAL : (enum fkind)pick(4);
  if (kind == F_VECTOR && g->vector) kind = F_UNROLL;
  if (g->vector && kind != F_UNROLL) kind = F_UNROLL;
  poly_t lo = random_poly(g), hi = poly_addc(a, lo, (int64_t)pick(8));
  if (kind == F_SERIAL || kind == F_PARALLEL) hi = random_poly(g);
  if (hi->overflow) hi = lo;
  sym_t s = lfunc_add_sym(g->f, "i");
  bool was = g->vector;
  g->sym[g->nsym++] = s;
  g->vector |= kind == F_VECTOR;
  struct lstmt *l =
      loop_for(a, kind, s, lo, hi, kind == F_VECTOR ? 1 : 1 + (int64_t)pick(5), random_block(g, depth + 1));
  g->nsym--;
  g->vector = was;
  if (kind == F_VECTOR) l->lanes_log2 = 3, l->digit = (uint8_t)pick(5);
  if (kind == F_SERIAL && !pick(3)) {
    poly_t more[2] = {hi, random_poly(g)};
    l->nhi = l->nlo = 2;
    l->hi = arena_dup(a, more, sizeof more);
    more[0] = lo;
    l->lo = arena_dup(a, more, sizeof more);
    l->once = true;
  } else if (kind == F_SERIAL && !pick(3)) {
    poly_t from[2] = {random_poly(g), random_poly(g)};
    l->nfrom = (uint8_t)(1 + pick(2));
    l->from = arena_dup(a, from, sizeof from);
  }
  return l;
}

static struct lstmt *random_store(struct gen *g) {
  enum dtype t = (enum dtype)pick(DT_COUNT);
  struct access *acc = random_access(g, 2 * t + pick(2), 0);
  static const enum red reds[] = {RED_sum, RED_prod, RED_max, RED_min, RED_and, RED_or, RED_xor};
  enum red r = g->vector || pick(2) ? reds[pick(7)] : RED_none;
  if (!pick(4)) add_guards(g, acc);
  struct lstmt *s = loop_store(a, acc, r, random_expr(g, t, 0));
  s->nontemporal = !pick(6);
  return s;
}

static struct lstmt *random_if(struct gen *g, unsigned depth) {
  poly_t guard[2] = {random_poly(g), random_poly(g)};
  expr_t cond = pick(2) ? random_expr(g, DT_bool, 2) : NULL;
  struct lstmt *els = pick(2) ? random_block(g, depth + 1) : NULL;
  struct lstmt *s = loop_if(a, pick(3), guard, cond, random_block(g, depth + 1), els);
  s->apart = s->nguard && els && !cond && pick(2);
  if (!s->apart || g->f->k->ntensor > 16 || pick(2)) return s;
  s->nhi = (uint8_t)g->f->k->ntensor;
  s->hi = ARENA_NEW(a, poly_t, s->nhi + 1u);
  for (unsigned i = 0; i < s->nhi; i++) s->hi[i] = random_poly(g);
  return s;
}

static struct lstmt *random_stmt(struct gen *g, unsigned depth) {
  unsigned k = depth > 4 || g->nsym > 10 ? 10 : pick(14);
  enum dtype t = (enum dtype)pick(DT_COUNT);
  if (k < 4) return random_for(g, depth);
  if (k < 6 && !g->vector) return random_if(g, depth);
  if (k == 6 && !g->vector) return random_block(g, depth + 1);
  if (k == 7 && !g->vector) {
    poly_t extent[2] = {random_poly(g), random_poly(g)};
    unsigned o = lfunc_add_object(g->f, "b", t, SCOPE_HEAP, pick(3), extent);
    return loop_alloc(a, o, random_block(g, depth + 1));
  }
  if (k == 8 && !g->vector) {
    struct lstmt *s = loop_if(a, 0, NULL, random_expr(g, DT_bool, 2), random_block(g, depth + 1), NULL);
    s->kind = L_WHILE;
    return s;
  }
  if (k == 9 && !g->vector) {
    struct lstmt *s = loop_store(a, random_access(g, pick(2 * DT_COUNT), 0), pick(2) ? RED_sum : RED_none, NULL);
    s->kind = L_PREFETCH;
    return s;
  }
  if (k == 10) return loop_set(a, t, random_expr(g, t, 0));
  return random_store(g);
}

static struct lfunc *random_func(void) {
  struct kernel *k = kernel_new(a, "some_name");
  struct gen g = {0};
  k->noalias = pick(2);
  kernel_add_param(k, "N", PARAM_DIM, DT_i32);
  kernel_add_param(k, "if", PARAM_DIM, DT_u64);
  kernel_add_param(k, "alpha", PARAM_SCALAR, DT_f32);
  for (unsigned t = 0; t < DT_COUNT; t++)
    for (unsigned rank = 1; rank <= 2; rank++) {
      char name[20];
      poly_t extent[2] = {poly_sym(a, 0), poly_sym(a, 1)}, unknown[1] = {NULL};
      snprintf(name, sizeof name, "T%u_%u", t, rank);
      bool flat = rank == 1 && pick(2), temp = !flat && !pick(6);
      unsigned n =
          kernel_add_tensor(k, name, (enum dtype)t, temp ? ROLE_TEMP : ROLE_INOUT, rank, flat ? unknown : extent);
      if (rank == 2 && pick(2))
        k->tensor[n].stride =
            arena_dup(a, (poly_t[]){poly_addc(a, extent[1], 3), poly_const(a, 1)}, 2 * sizeof(poly_t));
      if (temp) continue;
      unsigned p = kernel_add_param(k, name, PARAM_TENSOR, (enum dtype)t);
      k->param[p].ref = (uint16_t)n;
      k->param[p].flat = flat;
      k->param[p].is_const = pick(2);
      k->param[p].is_restrict = pick(2);
      if (pick(2)) k->param[p].ctype = "const \"odd\\ type";
      k->tensor[n].param = (uint16_t)p;
    }
  k->assume = arena_dup(a, (poly_t[]){poly_sym(a, 0)}, sizeof(poly_t));
  k->nassume = (uint16_t)pick(2);
  g.f = lfunc_new(a, k, k->name);
  g.f->reassoc = pick(2);
  g.f->fast = pick(2);
  for (unsigned t = 0; t < DT_COUNT; t++) lfunc_add_local(g.f, "s", (enum dtype)t);
  g.dims[0] = g.sym[0] = 0;
  g.dims[1] = g.sym[1] = 1;
  g.nsym = 2;
  struct lstmt *body = random_block(&g, 0);
  for (unsigned i = 0; i < k->ntensor; i++)
    if (k->tensor[i].role == ROLE_TEMP) body = loop_alloc(a, i, body);
  g.f->body = body->kind == L_BLOCK ? body : loop_block(a, 1, &body);
  return g.f;
}

/* ---- equality of trees ---- */

static bool polys_eq(const poly_t *x, const poly_t *y, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (!poly_eq(x[i], y[i])) return false;
  return true;
}

static bool maybe_expr_eq(expr_t x, expr_t y) {
  return x == y || (x && y && expr_eq(x, y));
}

/* A block of one statement says no more than that statement. */
static const struct lstmt *bare(const struct lstmt *s) {
  while (s->kind == L_BLOCK && s->nbody == 1) s = s->body[0];
  return s;
}

static bool stmt_eq(const struct lstmt *x, const struct lstmt *y) {
  x = bare(x);
  y = bare(y);
  if (x->kind != y->kind || x->nbody != y->nbody || x->red != y->red || x->nontemporal != y->nontemporal ||
      x->apart != y->apart)
    return false;
  if (!maybe_expr_eq(x->cond, y->cond) || !maybe_expr_eq(x->value, y->value)) return false;
  if (x->kind == L_IF && (x->nhi != y->nhi || !polys_eq(x->hi, y->hi, x->nhi))) return false;
  if (x->nguard != y->nguard || !polys_eq(x->guard, y->guard, x->nguard)) return false;
  if ((x->acc != NULL) != (y->acc != NULL) || (x->acc && !access_eq(x->acc, y->acc))) return false;
  if (x->kind == L_FOR) {
    if (x->sym != y->sym || x->fkind != y->fkind || x->step != y->step || x->once != y->once ||
        x->lanes_log2 != y->lanes_log2 || x->digit != y->digit)
      return false;
    if (x->nlo != y->nlo || x->nhi != y->nhi || !polys_eq(x->lo, y->lo, x->nlo) || !polys_eq(x->hi, y->hi, x->nhi))
      return false;
    if (x->nfrom != y->nfrom || !polys_eq(x->from, y->from, x->nfrom)) return false;
  }
  if ((x->kind == L_SET || x->kind == L_ALLOC) && x->id != y->id) return false;
  for (uint32_t i = 0; i < x->nbody; i++)
    if (!stmt_eq(x->body[i], y->body[i])) return false;
  return true;
}

static void fail_with(const char *what, const struct lfunc *f) {
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, false);
  if (f) lfunc_print(&b, f);
  fputs(b.data, stderr);
  ck_abort_msg("%.2000s", what);
}

START_TEST(random_functions_come_back) {
  state = test_seed() * 77;
  for (int i = 0; i < 1500; i++) {
    struct lfunc *f = random_func(), *g;
    struct buf one, two;
    buf_init(&one);
    buf_init(&two);
    if (!lfunc_verify(f, d)) fail_with("not verified", f);
    lfunc_print(&one, f);
    uint16_t file = diag_file(d, "f", one.data, one.len);
    if (lfunc_parse(a, d, file, one.data, one.len, &g) != ST_OK) fail_with("not parsed", f);
    lfunc_print(&two, g);
    if (strcmp(one.data, two.data)) fail_with(two.data, f);
    if (!stmt_eq(f->body, g->body)) fail_with("trees differ", f);
    ck_assert(f->reassoc == g->reassoc && f->fast == g->fast && f->k->noalias == g->k->noalias &&
              f->nobject == g->nobject && f->k->nparam == g->k->nparam);
    ck_assert(lfunc_verify(g, d));
    buf_free(&one);
    buf_free(&two);
    arena_reset(a);
    diag_free(d);
    d = diag_new();
  }
}
END_TEST

/* ---- sugar, and what is said about mistakes ---- */

#define HEAD                                                                                                           \
  "func f {\n  sym N, i, j\n  param N: i32 dim N\n  param X: f32 tensor X\n  param D: f64 tensor D\n  param I: i32 "   \
  "tensor I\n"                                                                                                         \
  "  tensor X: f32[N] inout\n  tensor D: f64[N] inout\n  tensor I: i32[N] in\n  object r: f32[4] reg\n  object h: "    \
  "f32[N] heap\n"                                                                                                      \
  "  local s: f32\n  local b: bool\n"

static struct lfunc *parse(const char *text) {
  struct lfunc *f = NULL;
  uint16_t file = diag_file(d, "f", text, strlen(text));
  return lfunc_parse(a, d, file, text, strlen(text), &f) == ST_OK ? f : NULL;
}

static const char *messages(void) {
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, false);
  const char *s = arena_strdup(a, b.data);
  buf_free(&b);
  diag_clear(d);
  return s;
}

/* The statement as it is printed. */
static void expect_stmt(const char *in, const char *want) {
  struct buf b;
  buf_init(&b);
  struct lfunc *f = parse(arena_printf(a, HEAD "%s\n}\n", in));
  if (!f) fail_with(in, NULL);
  lfunc_print(&b, f);
  const char *p = b.data + strlen(HEAD);
  ck_assert_str_eq(p, arena_printf(a, "%s}\n", want));
  buf_free(&b);
}

START_TEST(sugar) {
  expect_stmt("X[0] = 2", "  X[0] = 2.0\n");
  expect_stmt("D[0] = 0.1", "  D[0] = 0.1\n");
  expect_stmt("D[0] = f64(0.1)", "  D[0] = 0.1\n");
  expect_stmt("D[0] = 0.1f32", "  D[0] = 0.1f32\n"); /* the verifier's business */
  expect_stmt("D[0] = f64(X[0]) * 0.1 + 1", "  D[0] = f64(X[0]) * 0.1 + 1.0\n");
  expect_stmt("X[0] = X[i + 2*N - i - N]", "  X[0] = X[N]\n");
  expect_stmt("X[0] = (X[0] + X[1]) * -(X[2] - 1) / (3 * X[3] * X[4])",
              "  X[0] = (X[0] + X[1]) * -(X[2] - 1.0) / (3.0 * X[3] * X[4])\n");
  expect_stmt("X[0] = X[0] - (X[1] - X[2]) - X[3]", "  X[0] = X[0] - (X[1] - X[2]) - X[3]\n");
  expect_stmt("X[I[0]] = X[N + 1 @ I[1] * 2]", "  X[I[0]] = X[N + 1 @ I[1] * 2]\n");
  expect_stmt("X[0] = f32(I[0] + 3 << 2)", "  X[0] = f32(I[0] + 3 << 2)\n");
  expect_stmt("X[0] = f32(N) * f32(3)", "  X[0] = f32(N) * 3.0\n");
  expect_stmt("X[0] = max(X[0], -inf)", "  X[0] = max(X[0], -inf)\n");
  expect_stmt("D[0] = nan", "  D[0] = nan\n");
  expect_stmt("b = X[0] < 1 | b & true", "  b = X[0] < 1.0 | b & true\n");
  expect_stmt("X[0] = X[1] if N > 1, N == 4 else 1 * X[2]",
              "  X[0] = (X[1] if N - 2 >= 0, N - 4 >= 0, -N + 4 >= 0 else 1.0) * X[2]\n");
  expect_stmt("s = select(b, 1, X[0])", "  s = select(b, 1.0, X[0])\n");
  expect_stmt("D[0] = D[1] * sqrt(2)", "  D[0] = D[1] * sqrt(2.0f64)\n");
  expect_stmt("X[0] = select(N > 2, 1, 0)", "  X[0] = select(N > 2, 1.0f32, 0.0f32)\n");
  expect_stmt("X[0] = X[1] * -exp(1 + min(2, 3.5))", "  X[0] = X[1] * -exp(1.0 + min(2.0f32, 3.5f32))\n");
  expect_stmt("X[i + select(N > 2, 1, 0)] = 0", "  X[i + select(N > 2, +1, +0)] = 0.0\n");
  expect_stmt("s = sqrt(2)", "  s = sqrt(2.0f32)\n");
  expect_stmt("s = f32(i64(3) + 4)", "  s = f32(3i64 + 4i64)\n");
  expect_stmt("s = X[0]\nif N >= 0 { s = 1 }", "  s = X[0]\n  if N >= 0 {\n    s = 1.0\n  }\n");
  expect_stmt("s = f32(-9223372036854775808 + 0*i) + f32(18446744073709551615u64) + f32(-128i8)",
              "  s = f32(+-9223372036854775808) + f32(18446744073709551615u64) + f32(-128i8)\n");
}
END_TEST

static void expect_error(const char *in, const char *want) {
  ck_assert_msg(!parse(arena_printf(a, HEAD "%s\n}\n", in)), "accepted: %.200s", in);
  const char *got = messages();
  const char *line = strchr(got, '\n');
  ck_assert_str_eq(arena_strndup(a, got, (size_t)(line - got)), arena_printf(a, "f:%s", want));
}

START_TEST(errors) {
  expect_error("X[0] = Y[0]", "14:8: error: unknown name 'Y'");
  expect_error("X[0] = 1 +", "15:1: error: expected an expression before '}'");
  expect_error("X[0] = X[0", "15:1: error: expected ']' before '}'");
  expect_error("X[0, 1] = 1", "14:2: error: 2 subscripts for a tensor of rank 1");
  expect_error("X[0] = X[0] + D[0]",
               "14:13: error: operands of '+' have different types, f32 and f64: convert one, as in f32(...)");
  expect_error("X[0] = N * X[0]",
               "14:10: error: operands of '*' have different types, i64 and f32: convert one, as in i64(...)");
  expect_error("X[0] = exp(I[0])", "14:8: error: 'exp' does not take operands of type i32");
  expect_error("X[0] = exp(1, 2)", "14:15: error: exp takes 1 operand");
  expect_error("I[0] = I[0] + sqrt(2)", "14:15: error: 'sqrt' does not take operands of type i32");
  expect_error("X[sqrt(2)] = 1", "14:3: error: a subscript must be an integer, this is f32");
  expect_error("X[0] = min(1)", "14:8: error: min takes 2 operands, not 1");
  expect_error("X[0] = foo(1)", "14:8: error: unknown operation 'foo'");
  expect_error("X[0] = select(X[0], 1, 2)", "14:8: error: the condition of select must be a comparison");
  expect_error("X[0] = X", "14:8: error: a tensor must be read with subscripts");
  expect_error("X[X[0]] = 1", "14:3: error: a subscript must be an integer, this is f32");
  expect_error("I[0] = I[0] + 1.5", "14:15: error: this number is not a value of type i32");
  expect_error("s = f32(300u8)", "14:9: error: this number is not a value of type u8");
  expect_error("s = f32(-1u8)", "14:10: error: this number is not a value of type u8");
  expect_error("s = 1e39", "14:5: error: this number is too large for type f32");
  expect_error("s = X[9223372036854775807 + 1]", "14:27: error: overflow in an integer expression");
  expect_error("s = X[N*N*N*N*N*N*N]", "14:18: error: overflow in an integer expression");
  expect_error("s = X[9223372036854775808]", "14:7: error: this number is too large; write its type behind it");
  expect_error("s = X[0] if X[0] > 1 else 0",
               "14:13: error: a guard must compare two sums of dims and indices by >=, >, <=, < or ==");
  expect_error("for k in 0 .. N {}", "14:5: error: expected an index before 'k'");
  expect_error("for i in 0, N {}", "14:15: error: expected '..' before '{'");
  expect_error("for i in 0 .. N vector 3 {}", "14:26: error: lanes must be a power of two");
  expect_error("X[0] mul= 1", "14:6: error: unknown reduction 'mul'");
  expect_error("X[0] = $2", "14:8: error: unknown name '$2'");
  expect_error("X[0] == 1", "14:6: error: expected '=' before '=='");
  expect_error("local z: f33", "14:10: error: unknown type 'f33'");
  expect_error(arena_printf(a, "s = %0600d", 0), "14:5: error: number too long");
}
END_TEST

static char *repeat(const char *s, int n) {
  struct buf b;
  buf_init(&b);
  for (int i = 0; i < n; i++) buf_puts(&b, s);
  char *r = arena_strdup(a, b.data);
  buf_free(&b);
  return r;
}

START_TEST(depth_is_bounded) {
  expect_error(arena_printf(a, "s = %s1", repeat("(", 5000)), "14:204: error: nested more than 200 deep");
  expect_error(arena_printf(a, "s = %s1", repeat("-", 5000)), "14:204: error: nested more than 200 deep");
  expect_error(arena_printf(a, "s = %s1", repeat("exp(", 5000)), "14:801: error: nested more than 200 deep");
  expect_error(arena_printf(a, "s = %s1", repeat("X[I[0]] + ", 5000)), "14:10003: error: expression too large");
  expect_error(arena_printf(a, "X[%s0] = 1", repeat("I[", 5000)), "14:401: error: nested more than 200 deep");
  expect_error(repeat("{", 5000), "14:201: error: nested more than 200 deep");
  struct lfunc *f = parse(arena_printf(a, HEAD "s = %sX[0]\n}\n", repeat("X[0] + ", 900)));
  ck_assert(f && lfunc_verify(f, d));
}
END_TEST

/* ---- the verifier ---- */

/* Everything it says about the statements, in order, separated by '|'. */
static void expect_violations(const char *in, const char *want) {
  struct lfunc *f = parse(arena_printf(a, HEAD "  local at: i32\n%s\n}\n", in));
  if (!f) fail_with(in, NULL);
  bool ok = lfunc_verify(f, d);
  const char *got = messages();
  ck_assert_msg(ok == !*want, "%s: %s", in, got);
  struct buf b;
  buf_init(&b);
  for (const char *p = got; *p; p = strchr(p, '\n') + 1) {
    const char *text = p + strlen("hone: error: f: ");
    buf_printf(&b, "%s%.*s", b.len ? "|" : "", (int)(strchr(p, '\n') - text), text);
  }
  ck_assert_str_eq(b.data, want);
  buf_free(&b);
}

START_TEST(violations) {
  expect_violations("for i in 0 .. N { X[i] = 1 }", "");
  expect_violations("X[i] = 1", "store to X: a subscript uses i outside its loop");
  expect_violations("X[i] = X[j]",
                    "store to X: a subscript uses i outside its loop|store to X: a subscript uses j outside its loop");
  expect_violations("for i in 0 .. i { for i in 0 .. 1 {} }",
                    "for i: an upper bound uses i outside its loop|for i: the loop around has the same index");
  expect_violations("for N in 0 .. 1 {}", "loop over symbol 0, which is no index");
  expect_violations("for i in 0 .. 1 step -1 {}", "for i: step -1");
  expect_violations("for i in 0 .. N unroll {}", "for i: the number of unrolled iterations is not a constant");
  expect_violations("for i in 0 .. 257 unroll {}", "for i: more than 256 unrolled iterations");
  expect_violations("for i in 0 .. 512 step 2 unroll {}", "");
  expect_violations("for i in N .. N + 9 vector 8 {}", "for i: 9 iterations for 8 lanes");
  expect_violations("for i in 0 .. 8 vector 8 { for j in 0 .. 8 vector 8 {} }", "for j: a vector loop inside another");
  expect_violations("for i in 0 .. 8 vector 8 { for j in 0 .. N {} }", "");
  expect_violations("for i in 0 .. 8 vector 8 { for j in 0 .. i {} }",
                    "for j: a serial loop ends at the lane of a vector loop");
  expect_violations("for i in 0 .. 8 vector 8 { for j in i .. 8 {} }",
                    "for j: a serial loop starts at the lane of a vector loop");
  expect_violations("for i in 0 .. 8 vector 8 { for j in 0 .. 8 parallel {} }",
                    "for j: a loop inside a vector loop must be serial or unrolled");
  expect_violations("for i in 0 .. 8 vector 8 { X[0] = 1 }",
                    "store to X: all lanes of a vector loop store to one place");
  expect_violations("for i in 0 .. 8 vector 8 { X[0] sum= X[i]\n if i >= 0 {} }",
                    "if: it depends on the lane of a vector loop");
  expect_violations("for i in 0 .. 8 vector 8 { while true {} }", "while: inside a vector loop");
  expect_violations("r[0] = 1", "store to r: r is used outside its alloc");
  expect_violations("alloc r { for i in 0 .. 4 { r[i] = 0 } }",
                    "store to r: a subscript of register r is not a constant");
  expect_violations("alloc r { for i in 0 .. N { for j in i .. i + 4 unroll { r[j - i] = 0 } } }", "");
  expect_violations("alloc r { alloc r { } }", "alloc r: it lives already");
  expect_violations("alloc X { }", "alloc of object 0, which is no buffer");
  expect_violations("I[0] = 1", "store to I: it is an input");
  expect_violations("X[0] argmax= 1", "store to X: reduction 5");
  expect_violations("X[0] = 1f64", "store to X: a value of type f64, the object is f32");
  expect_violations("b = X[0]", "set of b: a value of type f32");
  expect_violations("if where s {}", "if: the condition is f32");
  expect_violations("if N >= 0 apart {} else {}", "");
  expect_violations("if N >= 0 apart {}", "if: 'apart' needs a guard, no condition and an else");
  expect_violations("if N >= 0 apart (N) {} else {}", "if: sizes of other arrays than there are");
  expect_violations("if N >= 0 apart where true {} else {}", "if: 'apart' needs a guard, no condition and an else");
  expect_violations("while N {}", "while: the condition is i64");
  expect_violations("for i in 0 .. 8 vector 8 { if where X[i] > 0.0 { X[i64(at)] = 1.0\n D[1 + i64(at)] = f64(X[i])\n "
                    "at = at + 1 } }",
                    "");
  expect_violations(
      "for i in 0 .. 8 vector 8 { if where X[i] > 0.0 { X[i64(at)] = 1.0\n at = at + 2 } }",
      "if: it depends on the lane of a vector loop|store to X: all lanes of a vector loop store to one place");
}
END_TEST

START_TEST(declarations) {
  struct {
    const char *text, *want;
  } t[] = {
      {"func f {\n  sym N\n}\n", ""},
      {"func f {\n  object r: f32[0] reg\n}\n", "hone: error: f: extents of r must be positive constants\n"},
      {"func f {\n  object r: f64[513] stack\n}\n", "hone: error: f: 4104 bytes on the stack, at most 4096\n"},
      {"func f {\n  tensor X: f32[4] in\n}\n", "hone: error: f: tensor X is no parameter\n"},
      {"func f {\n  param s: f32\n  local s: f32\n}\n", "hone: error: f: two things are called s\n"},
      {"func f {\n  object r: f32[4] arg\n}\n", "hone: error: f: r has the wrong scope\n"},
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    struct lfunc *f = parse(t[i].text);
    if (!f) fail_with(t[i].text, NULL);
    ck_assert_int_eq(lfunc_verify(f, d), !*t[i].want);
    ck_assert_str_eq(messages(), t[i].want);
  }
}
END_TEST

static void fill(TCase *t);
static void setup(void) {
  a = arena_new();
  d = diag_new();
}

static void teardown(void) {
  arena_free(a);
  diag_free(d);
}

static void fill(TCase *t) {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, random_functions_come_back);
  tcase_add_test(t, sugar);
  tcase_add_test(t, errors);
  tcase_add_test(t, depth_is_bounded);
  tcase_add_test(t, violations);
  tcase_add_test(t, declarations);
}

int main(void) {
  return run_suite("loop-text", fill);
}
