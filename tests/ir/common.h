/* What the unit tests of ir/ share: a runner, a seedable generator, texts. */
#ifndef TESTS_IR_COMMON_H
#define TESTS_IR_COMMON_H
#include "ir/buf.h"
#include "ir/diag.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HONE_TEST_SEED chooses another run of the random tests; failures print it. */
static inline uint64_t test_seed(void) {
  const char *s = getenv("HONE_TEST_SEED");
  return s ? strtoull(s, NULL, 10) : 1;
}

static inline uint64_t rnd(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static inline unsigned below(uint64_t *state, unsigned n) {
  return (unsigned)(rnd(state) % n);
}

static inline int run_suite(const char *name, void (*fill)(TCase *)) {
  Suite *s = suite_create(name);
  TCase *t = tcase_create(name);
  tcase_set_timeout(t, 120);
  suite_add_tcase(s, t);
  fill(t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
#endif
