/* The random schedules of tests/lower/random_sched.c with products in matrix tiles, compiled and run as amx_lab.h says.
 */
#include "tests/emit/amx_lab.h"
#include <stdio.h>
#include <stdlib.h>

static void limits(struct limits *l) {
  l->matrix_per_cycle[MATRIX_amx] = 16;
}

static void finish(void) {
  printf("%lu products of tiles emulated\n", amx_count());
  if (!amx_native() && amx_count() < 100) _Exit(1);
}

__attribute__((constructor)) static void install(void) {
  amx_lab();
  lab_limits = limits;
  atexit(finish);
}
