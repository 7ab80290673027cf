/* How a test program of one suite ends: its cases run, in processes of their own or in this one, and the number of
   failures becomes the exit status. */
#ifndef HONE_TESTS_SUITE_H
#define HONE_TESTS_SUITE_H
#include <check.h>
#include <stdbool.h>

/* forks: each case in a process of its own, so that one that crashes or leaks leaves the others alone; without,
   fixtures that open a device are cheap and a debugger sees the case. CK_FORK=no in the environment stops all forking.
   Takes the suite. Returns 1 when a case failed, else 0. */
static inline int suite_run(Suite *s, bool forks) {
  SRunner *r = srunner_create(s);
  if (!forks) srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
#endif
