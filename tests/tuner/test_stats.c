/* Order statistics: quantiles, and the sign-test interval against the binomial table. */
#include "tests/suite.h"
#include "tuner/stats.h"
#include <math.h>
#include <stdlib.h>

START_TEST(quantiles) {
  const double x[] = {5, 1, 4, 2, 3};
  ck_assert(stats_quantile(x, 5, 0) == 1 && stats_quantile(x, 5, 0.5) == 3 && stats_quantile(x, 5, 1) == 5);
  ck_assert(stats_quantile(x, 1, 0.5) == 5);
}
END_TEST

/* k for n = 10, 20, 40, 60, 120: the 95 % interval is d[k] … d[n+1-k]. */
START_TEST(interval_ranks) {
  static const unsigned n[] = {10, 20, 40, 60, 120}, k[] = {2, 6, 14, 22, 49};
  for (unsigned t = 0; t < 5; t++) {
    double a[120], b[120];
    for (unsigned i = 0; i < n[t]; i++) a[i] = n[t] - i, b[i] = 1;
    struct interval r = stats_ratio(a, b, n[t]);
    ck_assert_msg(r.lo == k[t] && r.hi == n[t] + 1 - k[t], "n %u: %g … %g", n[t], r.lo, r.hi);
  }
}
END_TEST

START_TEST(few_samples_claim_nothing) {
  const double a[] = {1, 1, 1, 1, 1}, b[] = {2, 2, 2, 2, 2};
  struct interval r = stats_ratio(a, b, 5);
  ck_assert(r.mid == 0.5 && r.lo == 0 && isinf(r.hi));
  ck_assert(isinf(stats_ratio(a, b, 0).hi));
}
END_TEST

START_TEST(spearman) {
  static const double up[] = {1, 2, 3, 4, 5}, wild[] = {1, 10, 1e3, 1e9, 1e10}, down[] = {5, 4, 3, 2, 1},
                      ties[] = {1, 1, 2, 2, 3}, flat[] = {7, 7, 7, 7, 7};
  ck_assert(fabs(stats_spearman(up, wild, 5) - 1) < 1e-12);
  ck_assert(fabs(stats_spearman(up, down, 5) + 1) < 1e-12);
  ck_assert(fabs(stats_spearman(up, ties, 5) - 0.94868329805) < 1e-9);
  ck_assert(stats_spearman(up, flat, 5) == 0);
  ck_assert(stats_spearman(up, wild, 2) == 0);
}
END_TEST

int main(void) {
  Suite *s = suite_create("stats");
  TCase *c = tcase_create("stats");
  tcase_add_test(c, spearman);
  tcase_add_test(c, quantiles);
  tcase_add_test(c, interval_ranks);
  tcase_add_test(c, few_samples_claim_nothing);
  suite_add_tcase(s, c);
  return suite_run(s, true);
}
