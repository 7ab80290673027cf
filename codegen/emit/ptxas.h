/* NVIDIA's assembler, where one is found: turns PTX into a cubin, and says what a kernel costs. Never needed: without it the driver assembles. */
#ifndef HONE_CODEGEN_PTXAS_H
#define HONE_CODEGEN_PTXAS_H
#include "ir/arena.h"
#include "ir/status.h"
#include "ir/buf.h"
#include <stdbool.h>

enum { PTXAS_TEXT = 200 };
struct ptxas_result {
  bool assembled;
  char fault[PTXAS_TEXT];  /* why a kernel is not worth running: spills, local memory, wgmma made serial, setmaxnreg ignored; or what ptxas said. "": nothing */
  char note[96];           /* "56 registers, 8192 bytes of shared memory": the most of all kernels */
};
/* option: --ptxas: NULL: $PATH, then /usr/local/cuda/bin; "none": none; a file. NULL: there is none. */
const char *ptxas_find(struct arena *a, const char *option);
/* Runs ptxas on a module of PTX text in a process of its own under limits; the cubin is appended to *cubin when it was assembled. Answers are kept by the
   hash of assembler, architecture and text in $XDG_CACHE_HOME/hone/ptxas (else ~/.cache), in a fixed number of files. */
struct ptxas_result ptxas_run(const char *ptxas, const char *arch, const struct buf *ptx, struct buf *cubin);
#endif
