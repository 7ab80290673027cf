/* Polynomials: algebra on random ones, against their values at random points. */
#include "common.h"
#include "ir/poly.h"

enum { NSYM = 5 };
static struct arena *a;
static uint64_t state;

static int64_t small(void) {
  return (int64_t)below(&state, 19) - 9;
}

static poly_t random_poly(void) {
  poly_t p = poly_const(a, small());
  for (unsigned i = below(&state, 4); i > 0; i--) {
    poly_t m = poly_const(a, small());
    for (unsigned j = below(&state, 3); j > 0; j--) m = poly_mul(a, m, poly_sym(a, (sym_t)below(&state, NSYM)));
    p = poly_add(a, p, m);
  }
  return p;
}

static int64_t at(poly_t p, const int64_t *v) {
  int64_t r = 0;
  ck_assert(poly_eval(p, v, &r));
  return r;
}

static void point(int64_t *v) {
  for (int i = 0; i < NSYM; i++) v[i] = small();
}

static void canonical(poly_t p) {
  for (uint32_t i = 0; i < p->n; i++) {
    ck_assert(p->mono[i].coef != 0);
    for (unsigned j = 1; j < p->mono[i].n; j++) ck_assert(p->mono[i].sym[j - 1] <= p->mono[i].sym[j]);
  }
}

START_TEST(values_follow_the_algebra) {
  state = test_seed();
  for (int i = 0; i < 20000; i++) {
    arena_reset(a);
    poly_t x = random_poly(), y = random_poly();
    int64_t v[NSYM], c = small();
    point(v);
    ck_assert_int_eq(at(poly_add(a, x, y), v), at(x, v) + at(y, v));
    ck_assert_int_eq(at(poly_sub(a, x, y), v), at(x, v) - at(y, v));
    ck_assert_int_eq(at(poly_mul(a, x, y), v), at(x, v) * at(y, v));
    ck_assert_int_eq(at(poly_scale(a, x, c), v), at(x, v) * c);
    ck_assert_int_eq(at(poly_addc(a, x, c), v), at(x, v) + c);
    canonical(poly_mul(a, x, y));
  }
}
END_TEST

START_TEST(equal_values_are_equal_structures) {
  state = test_seed() + 1;
  for (int i = 0; i < 5000; i++) {
    arena_reset(a);
    poly_t x = random_poly(), y = random_poly(), z = random_poly();
    ck_assert(poly_eq(poly_add(a, x, y), poly_add(a, y, x)));
    ck_assert(poly_eq(poly_mul(a, x, y), poly_mul(a, y, x)));
    ck_assert(poly_eq(poly_add(a, poly_add(a, x, y), z), poly_add(a, x, poly_add(a, y, z))));
    ck_assert(poly_eq(poly_mul(a, poly_add(a, x, y), z), poly_add(a, poly_mul(a, x, z), poly_mul(a, y, z))));
    ck_assert(poly_is_const(poly_sub(a, x, x), &(int64_t){1}));
    ck_assert(poly_eq(poly_copy(a, x), x));
    ck_assert((poly_cmp(x, y) == 0) == (poly_sub(a, x, y)->n == 0));
    ck_assert_int_eq(poly_cmp(x, y), -poly_cmp(y, x));
  }
}
END_TEST

START_TEST(substitution_and_splitting) {
  state = test_seed() + 2;
  for (int i = 0; i < 10000; i++) {
    arena_reset(a);
    poly_t x = random_poly(), by = random_poly(), coef, rest;
    sym_t s = (sym_t)below(&state, NSYM);
    int64_t v[NSYM], w[NSYM];
    point(v);
    memcpy(w, v, sizeof v);
    w[s] = at(by, v);
    ck_assert_int_eq(at(poly_subst(a, x, s, by), v), at(x, w));
    sym_t map[NSYM];
    for (int j = 0; j < NSYM; j++) map[j] = below(&state, 2) ? SYM_NONE : (sym_t)below(&state, NSYM);
    for (int j = 0; j < NSYM; j++) w[j] = v[map[j] == SYM_NONE ? j : map[j]];
    ck_assert_int_eq(at(poly_rename(a, x, map, NSYM), v), at(x, w));
    canonical(poly_rename(a, x, map, NSYM));
    if (!poly_split(a, x, s, &coef, &rest)) continue;
    ck_assert(!poly_has(coef, s) && !poly_has(rest, s));
    ck_assert(poly_eq(x, poly_add(a, poly_mul(a, coef, poly_sym(a, s)), rest)));
  }
}
END_TEST

START_TEST(ranges_hold_every_value) {
  state = test_seed() + 3;
  for (int i = 0; i < 5000; i++) {
    arena_reset(a);
    poly_t x = random_poly();
    int64_t lo[NSYM], hi[NSYM], v[NSYM], min, max;
    for (int j = 0; j < NSYM; j++) {
      lo[j] = small();
      hi[j] = lo[j] + below(&state, 5);
    }
    poly_range(x, lo, hi, &min, &max);
    for (int k = 0; k < 20; k++) {
      for (int j = 0; j < NSYM; j++) v[j] = lo[j] + (int64_t)below(&state, (unsigned)(hi[j] - lo[j] + 1));
      ck_assert(min <= at(x, v) && at(x, v) <= max);
    }
  }
}
END_TEST

START_TEST(what_differs_never_meets) {
  state = test_seed() + 4;
  unsigned told = 0;
  for (int i = 0; i < 20000; i++) {
    arena_reset(a);
    int64_t f = small(), v[NSYM], w[NSYM];
    poly_t x = poly_addc(a, poly_scale(a, random_poly(), f), small()),
           y = poly_addc(a, poly_scale(a, random_poly(), f), small());
    point(v), point(w);
    if (!poly_always_differ(x, y)) continue;
    told++;
    ck_assert_int_ne(at(x, v), at(y, w));
  }
  ck_assert_uint_gt(told, 1000);
  poly_t two = poly_scale(a, poly_sym(a, 0), 2), six = poly_scale(a, poly_sym(a, 1), 6);
  ck_assert(poly_always_differ(two, poly_addc(a, six, 3)) && !poly_always_differ(two, poly_addc(a, six, 4)));
  ck_assert(poly_always_differ(poly_const(a, 1), poly_const(a, 0)) &&
            !poly_always_differ(poly_const(a, 1), poly_const(a, 1)));
}
END_TEST

START_TEST(open_ranges) {
  int64_t lo[2] = {0, INT64_MIN}, hi[2] = {INT64_MAX, 5}, min, max;
  poly_t i = poly_sym(a, 0), j = poly_sym(a, 1);
  poly_range(poly_addc(a, i, -3), lo, hi, &min, &max);
  ck_assert(min == -3 && max == INT64_MAX);
  poly_range(poly_sub(a, i, j), lo, hi, &min, &max);
  ck_assert(min == -5 && max == INT64_MAX);
  poly_range(poly_scale(a, i, 0), lo, hi, &min, &max);
  ck_assert(min == 0 && max == 0);
  poly_range(poly_sub(a, poly_mul(a, i, i), j), lo, hi, &min, &max);
  ck_assert(min == -5);
}
END_TEST

START_TEST(overflow_poisons) {
  poly_t big = poly_scale(a, poly_sym(a, 0), INT64_MAX), i = poly_sym(a, 1);
  poly_t bad = poly_add(a, big, poly_sym(a, 0));
  int64_t v[NSYM] = {INT64_MAX, 2, 1, 1, 1}, out;
  ck_assert(bad->overflow && !big->overflow);
  ck_assert(poly_add(a, bad, i)->overflow && poly_mul(a, i, bad)->overflow && poly_scale(a, bad, 0)->overflow);
  ck_assert(!poly_is_const(bad, NULL) && !poly_eval(bad, v, &out) && poly_eq(bad, bad) && !poly_eq(bad, i));
  ck_assert(!poly_eval(big, v, &out));
  poly_t deg = i;
  for (int n = 1; n < POLY_DEG; n++) deg = poly_mul(a, deg, i);
  ck_assert(!deg->overflow && poly_mul(a, deg, i)->overflow);
  ck_assert(poly_scale(a, poly_const(a, INT64_MIN), -1)->overflow);
  ck_assert(poly_sub(a, poly_const(a, 0), poly_const(a, INT64_MIN))->overflow);
  ck_assert(poly_eval(
      poly_add(a, poly_scale(a, poly_sym(a, 2), INT64_MAX), poly_sub(a, poly_sym(a, 3), poly_sym(a, 4))), v, &out));
  ck_assert(out == INT64_MAX); /* an intermediate sum above the range is fine */
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
  tcase_add_test(t, values_follow_the_algebra);
  tcase_add_test(t, equal_values_are_equal_structures);
  tcase_add_test(t, substitution_and_splitting);
  tcase_add_test(t, ranges_hold_every_value);
  tcase_add_test(t, what_differs_never_meets);
  tcase_add_test(t, open_ranges);
  tcase_add_test(t, overflow_poisons);
}

int main(void) {
  return run_suite("poly", fill);
}
