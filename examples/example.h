/* What the callers share: repeatable inputs and a comparison. Every example calls hone's object and the same C function compiled by cc (as NAME_ref). */
#ifndef EXAMPLE_H
#define EXAMPLE_H
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t example_state = 1;
static inline uint32_t example_next(void) { return example_state = example_state * 1664525u + 1013904223u; }
static inline float *floats(size_t n) {                      /* in [-1, 1) */
  float *p = malloc((n + 1) * sizeof *p);
  for (size_t i = 0; i < n; i++) p[i] = (float)(example_next() >> 8) / 8388608.0f - 1.0f;
  return p;
}
static inline float *copy_of(const float *x, size_t n) { return memcpy(malloc((n + 1) * sizeof *x), x, n * sizeof *x); }
/* |got - want| <= tol * (1 + |want|) everywhere, NaN where NaN. Returns the number of differences and prints the first. */
static inline int differ(const char *what, const float *got, const float *want, size_t n, double tol) {
  int bad = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(want[i]) ? isnan(got[i]) : fabs((double)got[i] - want[i]) <= tol * (1 + fabs((double)want[i]))) continue;
    if (!bad++) printf("%s[%zu]: got %.9g, expected %.9g\n", what, i, got[i], want[i]);
  }
  return bad;
}
static inline int done(const char *name, int bad) {
  printf(bad ? "%s: %d differences\n" : "%s: ok\n", name, bad);
  return bad != 0;
}
#endif
