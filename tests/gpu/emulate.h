/* Runs LOOP functions as GPU kernels on the emulator, for tests. */
#ifndef HONE_TESTS_GPU_EMULATE_H
#define HONE_TESTS_GPU_EMULATE_H
#include "ir/interp.h"

/* arch: "sm_80" …. Emits, loads and launches all kernels of f on the arguments, which get the results. ST_REFUSED with a diagnostic for whatever
   the emulator finds: a result is not looked at. lazy: asynchronous work as late as allowed, warps in random order. */
enum status emulate(const struct lfunc *f, const struct args *a, const char *arch, bool lazy, uint64_t seed, struct diag *d);
/* NULL, or what changes the PTX before it is run (planted mistakes). */
struct buf;
extern void (*emulate_edit)(struct buf *ptx);
#endif
