/* Targets. Lowering and the search see only `struct limits`; names of machines stay in this folder. */
#ifndef HONE_CODEGEN_TARGET_H
#define HONE_CODEGEN_TARGET_H
#include "ir/status.h"
#include "ir/dot.h"
#include "ir/diag.h"
#include <stdbool.h>

struct limits {
  unsigned vector_bytes;       /* widest vector register worth using */
  unsigned vector_regs;        /* how many of them */
  unsigned l1_bytes, l2_bytes; /* data caches of one core */
  unsigned l3_bytes;           /* shared */
  unsigned line_bytes;
  unsigned cores;
  unsigned fma_per_cycle;      /* vector FMAs issued a cycle (cost model) */
  unsigned load_per_cycle, store_per_cycle;
  double ghz, dram_gbs;        /* nominal; for the cost model only */
  bool has_fma, has_masks;     /* masked loads and stores at no cost */
  uint8_t matrix_per_cycle[MATRIX_COUNT]; /* matrix instructions on whole vectors issued a cycle (cost model); 0: the target has not got it */
  bool has_signed_dot;         /* i8 x i8 by one of them */
  bool fp8;                    /* simt: matrix instructions and conversions of e4m3 and e5m2 */
  unsigned shared_bytes;       /* simt: memory that the threads of a block share */
  char arch[16];               /* simt: its name, for the model of it */
  bool simt;                   /* the lanes of a vector are the threads of a block, parallel loops its grid */
};
/* A resolved target: what to generate code for. */
struct target {
  char triple[64], cpu[64];
  char *features;              /* LLVM feature string (arena) */
  const char *fp8_features;    /* limits.fp8: that of modules with e4m3 or e5m2, whose PTX older drivers do not take */
  char isa[256];               /* the features that decide "may it run", canonical, for the database key ("x86-64 avx2 fma avx512f …") */
  char silicon[128];           /* "was it measured on the like": vendor family model, caches, cores */
  char class_[64];             /* coarse: "x86-64-avx512" */
  struct limits limits;
  bool host;                   /* runs here */
  enum { DEVICE_NONE, DEVICE_EMULATED, DEVICE_CUDA } device; /* beside the host, on what it can be measured here */
  unsigned ordinal;            /* DEVICE_CUDA: its number */
};
/* spec: NULL or "" or "host"; a triple; a GPU's architecture "sm_90a", the emulator of one "emu:sm_90a", or a device as hone-worker --probe says it
   ("sm_90a,device=0,sms=132,…"); cpu (NULL: the host's or the triple's baseline): "native", "haswell", "x86-64-v2", "x86-64-v3", "x86-64-v4", … */
enum status target_resolve(struct arena *a, const char *spec, const char *cpu, struct target *out, struct diag *d);
/* Measured clock of the core that this runs on (about 5 ms); nominal where it cannot be measured. */
double target_clock_ghz(double nominal);
/* A line for each kind of target that can be compiled for here; as JSON: the members of an array, without its brackets. */
void target_list(struct buf *out, bool json);
struct target_desc {           /* a row of targets.def: one file each */
  const char *name, *what;
  bool (*matches)(const char *triple);
  bool (*resolve)(struct arena *a, const char *triple, const char *cpu, struct target *out, struct diag *d);
};
#endif
