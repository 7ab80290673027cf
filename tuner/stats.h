/* Order statistics of paired samples. */
#ifndef HONE_TUNER_STATS_H
#define HONE_TUNER_STATS_H
double stats_quantile(const double *x, unsigned n, double q);   /* of n > 0 values, nearest rank */
#include <stdint.h>
/* As records store them: picoseconds (-1: no time), parts per million (very many for what is no number). */
int64_t stats_ps(double seconds);
int64_t stats_ppm(double ratio);
struct interval { double mid, lo, hi; };
/* Median of the ratios a[i] / b[i] with its 95 % sign-test interval (order statistics d[k], d[n+1-k], k from the binomial tail). n >= 6, else lo 0, hi infinity. */
struct interval stats_ratio(const double *a, const double *b, unsigned n);
/* Rank correlation of n pairs (ties share their mean rank); 0 when n < 3 or one side is constant. */
double stats_spearman(const double *a, const double *b, unsigned n);
#endif
