/* Folding keeps values: random expressions of every type are evaluated before and after, at ordinary and at awkward
   values, and must agree bit for bit (all NaN being equal). Also single rules with their traps. HONE_SEED=N starts
   elsewhere, HONE_LONG=1 runs many more. */
#include "compiler/pass/fold.h"
#include "tests/suite.h"
#include <math.h>
#include <stdlib.h>

enum { NVAR = 4, DEPTH = 5, QUICK = 20000, LONG = 1000000 };

static uint64_t state;

static unsigned roll(unsigned n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(state >> 33) % n;
}

static union value awkward(enum dtype t) {
  static const double flt[] = {0.0, -0.0, 1, -1, 2, 0.5, INFINITY, -INFINITY, NAN, 3, 1e30, -1e-30, 0.3, -7.25, 8, 127};
  static const int64_t num[] = {0, 1, -1, 2, 3, INT64_MIN, INT64_MAX, 127, 128, 200, 255, -128, 4, 7, 31, 63};
  union value v;
  if (type_is_float(t))
    v.f = flt[roll(16)];
  else
    v.i = num[roll(16)];
  return type_round(t, v);
}

static expr_t grow(struct arena *a, enum dtype t, unsigned depth);

static expr_t leaf(struct arena *a, enum dtype t) {
  if (roll(3) == 0) return expr_const(a, t, awkward(t));
  return expr_scalar(a, t, roll(NVAR));
}

/* A bool expression, mostly a comparison. */
static expr_t grow_bool(struct arena *a, unsigned depth) {
  static const enum op cmp[] = {OP_eq, OP_ne, OP_lt, OP_le, OP_gt, OP_ge};
  enum dtype t = (enum dtype)roll(DT_COUNT);
  if (depth == 0 || !type_computes(t)) return leaf(a, DT_bool);
  if (roll(4) == 0) return expr_op1(a, OP_not, grow(a, DT_bool, depth - 1));
  expr_t x = grow(a, t, depth - 1);
  return expr_op2(a, cmp[roll(6)], x, roll(5) ? grow(a, t, depth - 1) : x);
}

static expr_t grow_op(struct arena *a, enum op o, enum dtype t, unsigned depth) {
  expr_t x = grow(a, t, depth - 1), y = roll(4) ? grow(a, t, depth - 1) : x;
  if (o == OP_select) {
    expr_t c = grow_bool(a, depth - 1);
    if (c->kind == E_OP && c->nkid == 2 && c->kid[0]->type == t && roll(2)) x = c->kid[roll(2)], y = c->kid[roll(2)];
    return expr_op3(a, o, c, x, y);
  }
  if (op_info[o].arity == 1) return expr_op1(a, o, x);
  return op_info[o].arity == 2 ? expr_op2(a, o, x, y) : expr_op3(a, o, x, y, grow(a, t, depth - 1));
}

static expr_t grow(struct arena *a, enum dtype t, unsigned depth) {
  if (depth == 0 || roll(6) == 0) return leaf(a, t);
  if (roll(4) == 0) return expr_cast(a, t, grow(a, (enum dtype)roll(DT_COUNT), depth - 1));
  for (;;) {
    enum op o = (enum op)roll(OP_COUNT);
    if (op_accepts(o, t) && !op_info[o].result_bool && !op_info[o].result_other) return grow_op(a, o, t, depth);
    if (t == DT_bool && roll(2)) return grow_bool(a, depth);
  }
}

static union value eval(expr_t x, union value var[DT_COUNT][NVAR]) {
  union value v[3] = {{0}};
  switch ((enum ekind)x->kind) {
  case E_CONST:
    return x->val;
  case E_SCALAR:
    return var[x->type][x->id];
  case E_CAST:
    return type_convert(x->type, x->kid[0]->type, eval(x->kid[0], var));
  case E_OP:
    if (x->op == OP_select) return eval(eval(x->kid[0], var).u ? x->kid[1] : x->kid[2], var);
    for (unsigned i = 0; i < x->nkid; i++) v[i] = eval(x->kid[i], var);
    return op_eval(x->op, x->kid[0]->type, v);
  default:
    ck_abort_msg("no such node was made: %d", x->kind);
  }
}

static void draw(union value var[DT_COUNT][NVAR]) {
  for (unsigned t = 0; t < DT_COUNT; t++)
    for (unsigned i = 0; i < NVAR; i++) var[t][i] = awkward((enum dtype)t);
}

START_TEST(values_stay) {
  struct arena *a = arena_new();
  unsigned n = getenv("HONE_LONG") ? LONG : QUICK;
  uint64_t first = getenv("HONE_SEED") ? strtoull(getenv("HONE_SEED"), NULL, 10) : 1;
  for (uint64_t seed = first; seed < first + n; seed++) {
    union value var[DT_COUNT][NVAR];
    state = seed;
    roll(2);
    expr_t x = grow(a, (enum dtype)roll(DT_COUNT), 1 + roll(DEPTH)), y = fold_expr(a, x, true);
    ck_assert_uint_eq(x->type, y->type);
    for (unsigned i = 0; i < 8; i++) {
      draw(var);
      union value p = eval(x, var), q = eval(y, var);
      ck_assert_msg(type_value_eq(x->type, p, q), "HONE_SEED=%llu: %s %.17g became %.17g (%lld, %lld)",
                    (unsigned long long)seed, type_name(x->type), p.f, q.f, (long long)p.i, (long long)q.i);
    }
    arena_reset(a);
  }
  arena_free(a);
}
END_TEST

START_TEST(lossless_casts) {
  for (unsigned from = 0; from < DT_COUNT; from++)
    for (unsigned to = 0; to < DT_COUNT; to++) {
      if (!fold_lossless((enum dtype)to, (enum dtype)from)) continue;
      state = from * 31 + to;
      for (unsigned i = 0; i < 200; i++) {
        union value v = awkward((enum dtype)from), there = type_convert((enum dtype)to, (enum dtype)from, v);
        ck_assert_msg(type_value_eq((enum dtype)from, v, type_convert((enum dtype)from, (enum dtype)to, there)),
                      "%s to %s loses", type_name((enum dtype)from), type_name((enum dtype)to));
      }
    }
}
END_TEST

/* pow(pow(...)) must not double at each level. */
START_TEST(powers_stay_small) {
  struct arena *a = arena_new();
  expr_t x = expr_scalar(a, DT_f32, 0);
  for (unsigned i = 0; i < 200; i++) x = expr_op2(a, OP_pow, x, expr_f(a, DT_f32, 2));
  ck_assert_uint_lt(expr_cost(fold_expr(a, x, true)), 10000);
  arena_free(a);
}
END_TEST

int main(void) {
  Suite *s = suite_create("pass-fold");
  TCase *c = tcase_create("fold");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, values_stay);
  tcase_add_test(c, lossless_casts);
  tcase_add_test(c, powers_stay_small);
  suite_add_tcase(s, c);
  return suite_run(s, true);
}
