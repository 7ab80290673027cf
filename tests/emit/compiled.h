/* Compiled code in the place of the LOOP interpreter (lab_run): each function is emitted, loaded and called twice, with every buffer before and behind an
   unreadable page. A fault is a failure of its case. */
#ifndef HONE_TESTS_COMPILED_H
#define HONE_TESTS_COMPILED_H
#include "tests/lower/lower_common.h"
extern const char *compiled_cpu; /* what to compile for; it must run here */
enum status compiled_run(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d);
#endif
