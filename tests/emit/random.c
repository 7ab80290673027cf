/* Puts compiled code in the place of the LOOP interpreter, so that the random schedules of tests/lower/random_sched.c
   run on the machine, in turn for its own features and for older ones. The seed of a failure is printed. */
#include "tests/emit/compiled.h"
#include <stdio.h>
#include <stdlib.h>

static enum status run(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d) {
  if (getenv("HONE_DUMP")) {
    struct buf b;
    buf_init(&b);
    lfunc_print(&b, f);
    fputs(b.data, stderr);
    buf_free(&b);
  }
  static unsigned n;
  static const char *const cpus[] = {"native", "native", "x86-64-v3", "native", "x86-64-v2"};
  compiled_cpu = cpus[n++ % 5];
  return compiled_run(f, a, max_ops, d);
}

__attribute__((constructor)) static void install(void) {
  setenv("HONE_VERIFY_LLVM", "1", 1);
  lab_run = run;
}
