/* Puts GPU kernels on the emulator in the place of the LOOP interpreter, so that the random schedules of
   tests/lower/random_sched.c are lowered for blocks of threads, emitted as PTX and run. What the emulator finds (races,
   accesses out of bounds, barriers that not all threads reach) fails the case. */
#include "codegen/target/target.h"
#include "tests/gpu/emulate.h"
#include "tests/lower/lower_common.h"
#include <stdio.h>
#include <stdlib.h>

/* GPU_ARCH: this one alone, with what it has. */
static const char *arch(void) {
  return getenv("GPU_ARCH");
}

static enum status run_emulated(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d) {
  static unsigned n;
  (void)max_ops;
  if (getenv("HONE_DUMP")) {
    struct buf b;
    buf_init(&b);
    lfunc_print(&b, f);
    fputs(b.data, stderr);
    buf_free(&b);
  }
  n++;
  return emulate(f, a, arch() ? arch() : n % 2 ? "sm_80" : "sm_90a", n % 3 == 0, n, d);
}

/* Blocks of 32, 64 or 128 threads of f32, where CPUs have vectors of 16, 32 or 64 bytes. */
static void gpu_limits(struct limits *lim) {
  unsigned bytes = lim->vector_bytes * 8;
  struct target t;
  struct arena *a = arena_new();
  if (target_resolve(a, arch() ? arch() : "sm_80", NULL, &t, NULL) == ST_OK) *lim = t.limits;
  lim->vector_bytes = bytes;
  arena_free(a);
}

__attribute__((constructor)) static void install(void) {
  setenv("HONE_VERIFY_LLVM", "1", 1);
  lab_run = run_emulated;
  lab_limits = gpu_limits;
  lab_may_refuse = true; /* f64 mathematics */
}
