/* The .hone language: what texts mean (golden), that printing and parsing are exact inverses (random kernels), and
 * groups as text. */
#include "ir/group.h"
#include "tests/gen/kernel_gen.h"
#include "tests/ir/common.h"

struct world {
  struct arena *a;
  struct diag *d;
};

static struct world open_world(void) {
  return (struct world){arena_new(), diag_new()};
}

static void close_world(struct world w) {
  arena_free(w.a);
  diag_free(w.d);
}

static void complain(struct world w, const char *text) {
  struct buf b;
  buf_init(&b);
  diag_print(w.d, &b, false);
  ck_abort_msg("refused:\n%s\n%s", b.data, text);
}

static struct kernel *parse(struct world w, const char *text) {
  struct kernels ks;
  uint16_t file = diag_file(w.d, "t.hone", text, strlen(text));
  if (kernels_parse(w.a, w.d, file, text, strlen(text), &ks) != ST_OK) complain(w, text);
  ck_assert_uint_eq(ks.n, 1);
  return ks.k[0];
}

static char *print(struct world w, const struct kernel *k) {
  struct buf b;
  buf_init(&b);
  kernel_print(&b, k);
  char *s = arena_strdup(w.a, b.data);
  buf_free(&b);
  return s;
}

static const struct {
  const char *in, *out;
} golden[] = {
    {"kernel matmul(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] { C[i,j] = sum(k) A[i,k]*B[k,j] }",
     "kernel matmul(M: i64, K: i64, N: i64, A: f32[M, K], B: f32[K, N]) -> C: f32[M, N] {\n  C[i, j] = sum(k) A[i, k] "
     "* B[k, j]\n}\n"},
    {"kernel f(N: i32, alpha: f32, X: f32[N]) -> Y: f32[N] { Y[i] = alpha * X[i] + 2 }",
     "kernel f(N: i32, alpha: f32, X: f32[N]) -> Y: f32[N] {\n  Y[i] = alpha * X[i] + 2.0\n}\n"},
    {"kernel f(X: f32[N,M], b: f32[M]) -> Y: f32[N] {\n Y[i] = 2 * (sum(j) X[i,j] * b[j]) + 1 }",
     "kernel f(N: i64, M: i64, X: f32[N, M], b: f32[M]) -> Y: f32[N] {\n  Y_1[i] = sum(j) X[i, j] * b[j]\n  Y[i] = 2.0 "
     "* Y_1[i] + 1.0\n}\n"},
    {"kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = X[i - 1] else 0 }",
     "kernel f(N: i64, X: f32[N]) -> Y: f32[N] {\n  Y[i] = X[i - 1] if i - 1 >= 0 else 0.0\n}\n"},
    {"kernel f(A: f32[N,N], inout C: f32[N,N]) { for i, j if j <= i: C[i,j] = sum(k) A[i,k] * A[j,k] }",
     "kernel f(N: i64, A: f32[N, N], inout C: f32[N, N]) {\n  C_1[i, j] = sum(k if i - j >= 0) A[i, k] * A[j, k]\n"
     "  for i, j if i - j >= 0: C[i, j] = C_1[i, j]\n}\n"},
    {"kernel f(A: f16[M,K]) -> C: f16[M] { C[i] = f16(sum(k) f32(A[i,k])) }",
     "kernel f(M: i64, K: i64, A: f16[M, K]) -> C: f16[M] {\n  C[i] := sum(k) f32(A[i, k])\n}\n"},
    {"kernel f(n: dim i32) -> Y: f32[4] { Y[i] = f32(n) }",
     "kernel f(n: dim i32) -> Y: f32[4] {\n  Y[i] = f32(n)\n}\n"},
    {"kernel f(X: f32[N]) -> s: f32[] { s[] = sum(i) X[i] }",
     "kernel f(N: i64, X: f32[N]) -> s: f32[] {\n  s[] = sum(i) X[i]\n}\n"},
    {"kernel f(X: f32[N]) -> L: i32[] { L[] = argmax(i) X[i] from 7 start 0 }",
     "kernel f(N: i64, X: f32[N]) -> L: i32[] {\n  L[] = argmax(i) X[i] from 7 start 0.0\n}\n"},
    {"kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = X[i] }",
     "kernel f(N: i64, X: f32[N]) -> Y: f32[N] {\n  Y[i] = X[i]\n}\n"},
    {"kernel f(X: f32[N]) -> Y: f32[N] { for i in 1..N: Y[i] = X[i-1] }",
     "kernel f(N: i64, X: f32[N], inout Y: f32[N]) {\n  for i in 1..N: Y[i] = X[i - 1]\n}\n"},
    {"kernel f(X: f32[N]) -> Y: f32[N] { Y[i] = max(X[i], (max(j) X[j])) }",
     "kernel f(N: i64, X: f32[N]) -> Y: f32[N] {\n  sym N, i, j\n  Y_1[] = max(j) X[j]\n  Y[i] = max(X[i], "
     "Y_1[])\n}\n"},
};

START_TEST(test_golden) {
  struct world w = open_world();
  ck_assert_str_eq(print(w, parse(w, golden[_i].in)), golden[_i].out);
  ck_assert_str_eq(print(w, parse(w, golden[_i].out)), golden[_i].out);
  close_world(w);
}
END_TEST

START_TEST(test_texts) {
  struct world w = open_world();
  char *once = print(w, parse(w, gen_texts[_i]));
  ck_assert_str_eq(print(w, parse(w, once)), once);
  close_world(w);
}
END_TEST

/* Everything that the text must carry, besides what kernel_print shows: the order of symbols. */
static void check_same(const struct kernel *x, const struct kernel *y, const char *text) {
  uint8_t hx[32], hy[32];
  ck_assert_msg(x->nsym == y->nsym && x->nparam == y->nparam && x->ntensor == y->ntensor && x->neq == y->neq &&
                    x->nassume == y->nassume,
                "%s", text);
  for (unsigned i = 0; i < x->nsym; i++) {
    ck_assert_str_eq(x->sym[i].name, y->sym[i].name);
    ck_assert_msg(x->sym[i].kind == y->sym[i].kind, "%s", text);
  }
  for (unsigned i = 0; i < x->nparam; i++) {
    const struct param *p = &x->param[i], *q = &y->param[i];
    ck_assert_str_eq(p->name, q->name);
    ck_assert_msg(p->kind == q->kind && p->type == q->type && p->is_const == q->is_const &&
                      p->is_restrict == q->is_restrict && p->flat == q->flat,
                  "%s", text);
  }
  for (unsigned i = 0; i < x->neq; i++) {
    const struct eq *e = &x->eq[i], *f = &y->eq[i];
    ck_assert_str_eq(x->tensor[e->lhs].name, y->tensor[f->lhs].name);
    ck_assert_msg(e->npar == f->npar && e->nax == f->nax && e->nguard == f->nguard && e->red == f->red &&
                      e->state == f->state,
                  "%s", text);
    for (unsigned j = 0; j < e->nax; j++)
      ck_assert_msg(e->axis[j].sym == f->axis[j].sym && poly_eq(e->axis[j].lo, f->axis[j].lo) &&
                        poly_eq(e->axis[j].hi, f->axis[j].hi),
                    "%s", text);
    for (unsigned j = 0; j < e->nguard; j++) ck_assert_msg(poly_eq(e->guard[j], f->guard[j]), "%s", text);
    ck_assert_msg(!e->init == !f->init && !e->start == !f->start, "%s", text);
  }
  kernel_hash(x, hx);
  kernel_hash(y, hy);
  ck_assert_msg(!memcmp(hx, hy, 32), "hash changed: %s", text);
}

START_TEST(test_inverse) {
  struct world w = open_world();
  uint64_t seed = test_seed() * 1000 + (uint64_t)_i, state = seed;
  struct gen_opts o = {.max_eq = 6, .any_op = _i % 2, .integers = true, .strides = true, .odd_names = _i % 3 == 0};
  for (unsigned n = 0; n < 60; n++) {
    struct kernel *k = kernel_gen(w.a, &state, &o);
    if (!kernel_verify(k, w.d)) complain(w, print(w, k));
    char *text = print(w, k);
    struct kernel *back = parse(w, text);
    ck_assert_str_eq(print(w, back), text);
    check_same(k, back, text);
    diag_clear(w.d);
    arena_reset(w.a);
  }
  close_world(w);
}
END_TEST

/* A symbol with the name of a word of the text, before one that the text names first. */
START_TEST(test_word_names) {
  struct world w = open_world();
  const char *given = "kernel k(N: i64, A: f32[N, N]) -> O: f32[N, N] {\n  sym N, `for`, i\n"
                      "  for i in 1..N, `for`: O[`for`, i] = A[`for`, i]\n}\n";
  struct kernel *k = parse(w, given);
  char *text = print(w, k);
  struct kernel *back = parse(w, text);
  ck_assert_str_eq(print(w, back), text);
  check_same(k, back, text);
  close_world(w);
}
END_TEST

static char *print_groups(struct world w, const struct groups *gs) {
  struct buf b;
  buf_init(&b);
  groups_print(&b, gs);
  char *s = arena_strdup(w.a, b.data);
  buf_free(&b);
  return s;
}

static struct groups *parse_groups(struct world w, const char *text) {
  struct groups *gs;
  uint16_t file = diag_file(w.d, "g.hone", text, strlen(text));
  if (groups_parse(w.a, w.d, file, text, strlen(text), &gs) != ST_OK) complain(w, text);
  return gs;
}

START_TEST(test_groups_inverse) {
  struct world w = open_world();
  uint64_t state = test_seed() * 77 + (uint64_t)_i;
  struct gen_opts o = {.max_eq = 8, .integers = true, .odd_names = _i % 2};
  for (unsigned n = 0; n < 30; n++) {
    struct groups *gs = groups_trivial(w.a, kernel_gen(w.a, &state, &o));
    if (!groups_verify(gs, w.d)) complain(w, print_groups(w, gs));
    char *text = print_groups(w, gs);
    struct groups *back = parse_groups(w, text);
    ck_assert_str_eq(print_groups(w, back), text);
    ck_assert_uint_eq(gs->n, back->n);
    for (unsigned g = 0; g < gs->n; g++) {
      uint8_t x[32], y[32];
      group_hash(gs, g, x);
      group_hash(back, g, y);
      ck_assert(!memcmp(x, y, 32));
    }
    arena_reset(w.a);
  }
  close_world(w);
}
END_TEST

static const char flash[] =
    "kernel attention(T: i64, D: i64, S: i64, Q: f32[T, D], K: f32[S, D], V: f32[S, D]) -> O: f32[T, D] {\n"
    "  group g0 (shared t; over s, d; stream s) {\n"
    "    P[t, s] = sum(d) Q[t, d] * K[s, d]\n"
    "    M[t] = max(s) P[t, s]\n"
    "    E[t, s] = exp(P[t, s] - M[t]) state M\n"
    "    Z[t] = sum(s) E[t, s] state M rescale exp($0 - $1)\n"
    "    U[t, d] = sum(s) E[t, s] * V[s, d] state M rescale exp($0 - $1) running E[t, s] * V[s, d] + 0.0\n"
    "  }\n"
    "  group g1 (shared t, d) {\n"
    "    O[t, d] = U[t, d] / Z[t]\n"
    "  }\n"
    "}\n";

START_TEST(test_groups_golden) {
  struct world w = open_world();
  struct groups *gs = parse_groups(w, flash);
  ck_assert_str_eq(print_groups(w, gs), flash);
  ck_assert_uint_eq(gs->n, 2);
  ck_assert_int_eq(gs->g[0].stream, 1);
  ck_assert_uint_eq(gs->g[0].nshared, 1);
  ck_assert(group_private(gs, 0, gs->k->eq[0].lhs));
  ck_assert(!group_private(gs, 0, gs->k->eq[4].lhs));
  struct groups *part = group_extract(w.a, gs, 0);
  ck_assert(groups_verify(part, w.d));
  char *text = print_groups(w, part);
  ck_assert_msg(strstr(text, "-> Z: f32[T], U: f32[T, D]") != NULL, "%s", text);
  ck_assert_str_eq(print_groups(w, parse_groups(w, text)), text);
  close_world(w);
}
END_TEST

/* Memory that runs out at any point leaves nothing behind and nothing half done. */
START_TEST(test_no_memory) {
  const char *text = _i ? flash : gen_texts[3];
  for (volatile long n = 1;; n++) {
    volatile bool done = false;
    struct world w = open_world();
    struct oom_guard g;
    static struct buf out; /* not in a register when memory runs out */
    buf_init(&out);
    oom_fail_after(n);
    if (OOM_TRY(&g)) {
      struct kernels ks;
      struct groups *gs;
      uint16_t file = diag_file(w.d, "t", text, strlen(text));
      if (_i) {
        ck_assert_int_eq(groups_parse(w.a, w.d, file, text, strlen(text), &gs), ST_OK);
        groups_print(&out, gs);
      } else {
        ck_assert_int_eq(kernels_parse(w.a, w.d, file, text, strlen(text), &ks), ST_OK);
      }
      oom_leave(&g);
      done = true;
    }
    oom_fail_after(0);
    buf_free(&out);
    close_world(w);
    if (done) break;
  }
}
END_TEST

static void fill(TCase *t) {
  tcase_add_loop_test(t, test_golden, 0, sizeof golden / sizeof *golden);
  tcase_add_loop_test(t, test_texts, 0, (int)gen_ntexts);
  tcase_add_loop_test(t, test_inverse, 0, 12);
  tcase_add_test(t, test_word_names);
  tcase_add_loop_test(t, test_groups_inverse, 0, 6);
  tcase_add_test(t, test_groups_golden);
  tcase_add_loop_test(t, test_no_memory, 0, 2);
}

int main(void) {
  return run_suite("tensor_text", fill);
}
