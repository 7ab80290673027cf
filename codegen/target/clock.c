/* The clock that a core really runs at: the nominal one (cpuinfo under a hypervisor) is often half of it. For reports
 * only; nothing that is compiled depends on it. */
#include "codegen/target/target.h"
#include <time.h>

#if defined(__x86_64__)
static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* 64 dependent rotations of a register: one cycle each on every core of the last fifteen years (additions of constants
 * may be folded at rename). */
static void chain(unsigned long n) {
  unsigned long x = 1;
  for (unsigned long i = 0; i < n; i++) __asm__ volatile(".rept 64\n\trorq $1, %0\n\t.endr" : "+r"(x));
}

double target_clock_ghz(double nominal) {
  enum { ROUNDS = 7, LOOPS = 20000 };
  double best = 0;
  chain(LOOPS);
  for (int r = 0; r < ROUNDS; r++) {
    double start = seconds();
    chain(LOOPS);
    double ghz = 64.0 * (double)LOOPS / (seconds() - start) * 1e-9;
    if (ghz > best) best = ghz; /* an interrupted round reads too low, never too high */
  }
  return best > 0.5 && best < 10 ? best : nominal;
}
#else
double target_clock_ghz(double nominal) {
  return nominal;
}
#endif
