/* Order statistics. The interval is that of the sign test: distribution-free, so skewed noise of shared machines does
 * not bend it. */
#include "tuner/stats.h"
#include "ir/arena.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

double stats_quantile(const double *x, unsigned n, double q) {
  double *s = xmalloc(n * sizeof *s);
  memcpy(s, x, n * sizeof *s);
  qsort(s, n, sizeof *s, by_value);
  unsigned i = (unsigned)(q * (double)(n - 1) + 0.5);
  double v = s[i < n ? i : n - 1];
  free(s);
  return v;
}

/* Largest k with P(Binomial(n, 1/2) < k) <= 0.025. */
static unsigned tail(unsigned n) {
  double p = pow(0.5, n), sum = p;
  unsigned k = 0;
  while (sum <= 0.025 && k < n / 2) {
    k++;
    p *= (double)(n - k + 1) / k;
    sum += p;
  }
  return k;
}

struct interval stats_ratio(const double *a, const double *b, unsigned n) {
  struct interval r = {1, 0, INFINITY};
  if (!n) return r;
  double *d = xmalloc(n * sizeof *d);
  for (unsigned i = 0; i < n; i++) d[i] = a[i] / b[i];
  qsort(d, n, sizeof *d, by_value);
  r.mid = n % 2 ? d[n / 2] : sqrt(d[n / 2 - 1] * d[n / 2]);
  unsigned k = tail(n);
  if (k >= 1) {
    r.lo = d[k - 1];
    r.hi = d[n - k];
  }
  free(d);
  return r;
}

static void ranks(const double *x, unsigned n, double *r) {
  for (unsigned i = 0; i < n; i++) {
    unsigned less = 0, same = 0;
    for (unsigned j = 0; j < n; j++) {
      less += x[j] < x[i];
      same += x[j] == x[i];
    }
    r[i] = less + 0.5 * (same - 1);
  }
}

double stats_spearman(const double *a, const double *b, unsigned n) {
  if (n < 3) return 0;
  double *r = xmalloc(2 * n * sizeof *r), *q = r + n, ab = 0, aa = 0, bb = 0, mean = 0.5 * (n - 1);
  ranks(a, n, r);
  ranks(b, n, q);
  for (unsigned i = 0; i < n; i++) {
    ab += (r[i] - mean) * (q[i] - mean);
    aa += (r[i] - mean) * (r[i] - mean);
    bb += (q[i] - mean) * (q[i] - mean);
  }
  free(r);
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

int64_t stats_ps(double s) {
  return s > 0 && s < 1e6 ? (int64_t)(s * 1e12 + 0.5) : -1;
}

int64_t stats_ppm(double r) {
  return r >= 0 && r < 1e9 ? (int64_t)(r * 1e6 + 0.5) : INT64_C(1000000000000000);
}
