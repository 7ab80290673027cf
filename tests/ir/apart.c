/* What is said to lie apart is looked for in all iterations of small dims: fixed equations of which the answer is
   known, and random ones. */
#include "ir/apart.h"
#include "tests/ir/parse.h"
#include <stdbool.h>

static struct arena *a;

/* --- by looking --- */

enum { PLACES = 4000 };
struct touched {
  unsigned n;
  int64_t at[PLACES][2];
};

static bool all_hold(const poly_t *p, unsigned n, const int64_t *v) {
  int64_t x;
  for (unsigned i = 0; i < n; i++)
    if (!poly_eval(p[i], v, &x) || x < 0) return false;
  return true;
}

static void note(const struct access *x, const poly_t *idx, unsigned rank, const int64_t *v, struct touched *t) {
  if (x && !all_hold(x->guard, x->nguard, v)) return;
  ck_assert(t->n < PLACES && rank <= 2);
  for (unsigned d = 0; d < rank; d++) ck_assert(poly_eval(x ? x->ix[d].poly : idx[d], v, &t->at[t->n][d]));
  t->n++;
}

/* Elements at x (NULL: at the left side) in all iterations of e from axis n on, up to nax. */
static void walk(const struct kernel *k, const struct eq *e, const struct access *x, unsigned n, unsigned nax,
                 int64_t *v, struct touched *t) {
  int64_t lo, hi;
  if (n == nax) {
    if (e->red == RED_none && !all_hold(e->guard, e->nguard, v)) return;
    note(x, e->lhs_idx, k->tensor[e->lhs].rank, v, t);
    return;
  }
  ck_assert(poly_eval(e->axis[n].lo, v, &lo) && poly_eval(e->axis[n].hi, v, &hi));
  for (v[e->axis[n].sym] = lo; v[e->axis[n].sym] < hi; v[e->axis[n].sym]++) walk(k, e, x, n + 1, nax, v, t);
}

static bool meet_at(const struct kernel *k, const struct eq *w, const struct eq *r, const struct access *x,
                    int64_t *v) {
  static struct touched stored, read;
  stored.n = read.n = 0;
  if (!all_hold(k->assume, k->nassume, v)) return false;
  walk(k, w, NULL, 0, w->npar, v, &stored);
  walk(k, r, x, 0, r->nax, v, &read);
  for (unsigned i = 0; i < stored.n; i++)
    for (unsigned j = 0; j < read.n; j++)
      if (!memcmp(stored.at[i], read.at[j], sizeof stored.at[i][0] * x->rank)) return true;
  return false;
}

/* Both dims of the kernels below from -1 to 6. */
static bool meet(const struct kernel *k, const struct eq *w, const struct eq *r, const struct access *x) {
  int64_t v[32] = {0};
  ck_assert(k->nsym <= 32);
  for (v[0] = -1; v[0] <= 6; v[0]++)
    for (v[1] = -1; v[1] <= 6; v[1]++)
      if (meet_at(k, w, r, x, v)) return true;
  return false;
}

/* --- fixed ones --- */

struct first_read {
  unsigned tensor, skip;
  const struct access *x;
};

static void find_read(expr_t x, void *ctx) {
  struct first_read *f = ctx;
  if (x->kind == E_READ && x->acc->tensor == f->tensor && !f->x && f->skip-- == 0) f->x = x->acc;
}

static const struct access *read_of(const struct kernel *k, unsigned eq, unsigned tensor, unsigned nth) {
  struct first_read f = {tensor, nth, NULL};
  expr_visit(k->eq[eq].body, find_read, &f);
  ck_assert(f.x != NULL);
  return f.x;
}

static const struct {
  const char *body; /* of kernel (n, k, inout A[n, n]): equation 0 stores; the read is A's nth of equation `eq` */
  unsigned eq, nth;
  bool apart;
} fixed[] = {
    {"assume k >= 0\n for i in k + 1..n, j in k + 1..n: A[i, j] = A[i, j] - A[i, k] * A[k, j]", 0, 1, true},
    {"assume k >= 0\n for i in k + 1..n, j in k + 1..n: A[i, j] = A[i, j] - A[i, k] * A[k, j]", 0, 2, true},
    {"assume k >= 0\n for i in k + 1..n, j in k + 1..n: A[i, j] = A[i, j] - A[i, k] * A[k, j]", 0, 0, false},
    {"assume k >= 0\n for i in k..n, j in k + 1..n: A[i, j] = A[i, j] - A[k, j]", 0, 1, false},
    {"for i, j in i + 1..n: A[i, j] = A[j, i]", 0, 0, true},
    {"for i, j in i..n: A[i, j] = A[j, i]", 0, 0, false},
    {"for i, j if n - 1 - i - j - 1 >= 0: A[i, j] = A[n - 1 - j, n - 1 - i]", 0, 0, true},
    {"for i, j if n - 1 - i - j >= 0: A[i, j] = A[n - 1 - j, n - 1 - i]", 0, 0, false},
    {"for i, j if n - 2*i - 2 >= 0: A[i, j] = A[n - 1 - i, j]", 0, 0, true},
    {"for i, j: A[i, j] = A[n - 1 - i, j]", 0, 0, false},
    {"for i in 1..n, j: A[i, j] = A[i - 1, j]", 0, 0, false},
    {"for i in 0..n - k, j if k - 1 >= 0: A[i, j] = A[i + k, j]", 0, 0, false},
    {"for i in 0..k, j if n - 2*k >= 0: A[i, j] = A[i + k, j]", 0, 0, true},
    {"for i in k..n: A[i, 0] = sum(j in 0..k) A[j, j]", 0, 0, true},
    {"for i in 1..n: A[i, 0] = 2.0 * A[i, 0]\n for i in 1..n: A[0, i] = A[i, i]", 1, 0, true},
    {"for i in 1..n: A[i, 0] = 2.0 * A[i, 0]\n for i in 1..n: A[0, i] = A[i, 0]", 1, 0, false},
};

static char *kernel_of(const char *body) {
  return arena_printf(a, "kernel t(n: dim i32, k: dim i32, inout A: f32[n, n]) {\n %s\n}\n", body);
}

START_TEST(known_answers) {
  for (unsigned i = 0; i < sizeof fixed / sizeof *fixed; i++) {
    struct kernel *k = parse_kernel(a, kernel_of(fixed[i].body));
    const struct eq *w = &k->eq[0], *r = &k->eq[fixed[i].eq];
    const struct access *x = read_of(k, fixed[i].eq, w->lhs, fixed[i].nth);
    ck_assert_msg(eq_apart(k, w, r, x) == fixed[i].apart, "%s", fixed[i].body);
    if (fixed[i].apart) ck_assert_msg(!meet(k, w, r, x), "%s", fixed[i].body);
  }
}
END_TEST

/* --- random ones --- */

static uint64_t state;

static const char *pick(unsigned n, const char *const *of) {
  return of[below(&state, n)];
}
#define PICK(...) pick(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

static const char *random_axis(const char *name, const char *outer) {
  const char *lo = PICK("0", "1", "k", "k + 1", outer, arena_printf(a, "%s + 1", outer));
  const char *hi = PICK("n", "n", "n - 1", "k", "n - k", arena_printf(a, "%s + k", outer), "k + 2");
  return arena_printf(a, "%s in %s..%s", name, lo, hi);
}

static const char *random_index(void) {
  const char *v = PICK("i", "j", "k", "i", "j", "0");
  return arena_printf(a, "%s%s", PICK("", "", "", "n - 1 - ", "2*", "k + "),
                      arena_printf(a, "%s%s", v, PICK("", "", " + 1", " - 1", " + k", " - k")));
}

static char *random_kernel(void) {
  const char *assume = PICK("", "", "assume k >= 0\n", "assume k >= 1, n - 2*k >= 0\n", "assume n - k - 1 >= 0\n");
  const char *guard = PICK("", "", " if n - 2*i - 2 >= 0", " if n - i - j - 2 >= 0", " if i - j - 1 >= 0");
  const char *store = PICK("i, j", "i, j", "j, i", "i + k, j", "n - 1 - i, j", "i, j + 1");
  const char *i = random_axis("i", "0"), *j = random_axis("j", "i"), *x = random_index(), *y = random_index();
  return kernel_of(arena_printf(a, "%sfor %s, %s%s: A[%s] = A[%s, %s] + 1.0", assume, i, j, guard, store, x, y));
}

START_TEST(never_said_where_they_meet) {
  unsigned known = 0, apart = 0, missed = 0;
  state = test_seed();
  for (int i = 0; i < 6000; i++) {
    arena_reset(a);
    char *text = random_kernel();
    struct kernel *k = parse_try(a, text, NULL);
    if (!k) continue; /* out of bounds whatever the dims are */
    known++;
    const struct access *x = read_of(k, 0, k->eq[0].lhs, 0);
    bool yes = eq_apart(k, &k->eq[0], &k->eq[0], x), seen = meet(k, &k->eq[0], &k->eq[0], x);
    ck_assert_msg(!yes || !seen, "said to lie apart, seed %d:\n%s", (int)test_seed(), text);
    apart += yes;
    missed += !yes && !seen;
  }
  /* the generator makes what the test is about, and most of it is shown */
  ck_assert_msg(known > 3000 && apart > 300 && missed < 2 * apart, "%u equations, %u apart, %u not shown", known, apart,
                missed);
  if (getenv("HONE_VERBOSE")) fprintf(stderr, "%u equations, %u apart, %u not shown\n", known, apart, missed);
}
END_TEST

static void setup(void) {
  a = arena_new();
}
static void teardown(void) {
  arena_free(a);
}

static void fill(TCase *t) {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, known_answers);
  tcase_add_test(t, never_said_where_they_meet);
}

int main(void) {
  return run_suite("apart", fill);
}
