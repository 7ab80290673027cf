/* How long a GPU might take for what a kernel does, as far as the emulator can count it. A model: it was never compared with a GPU, and ranks
   schedules where there is none. */
#ifndef HONE_RUNTIME_GPU_MODEL_H
#define HONE_RUNTIME_GPU_MODEL_H
#include "runtime/emu/emu.h"

struct gpu_machine {
  char arch[16];            /* "sm_90a" */
  double ghz, dram_gbs, l2_gbs;
  uint32_t sms, sm_threads, sm_blocks, sm_shared; /* what one SM holds at once */
  uint32_t tensor_flops;    /* a cycle and SM, 16-bit operands */
  double warp_share;        /* what of it mma reaches, where warp groups have an instruction of their own */
  uint64_t l2_bytes;
};
/* Nominal figures of an architecture; unknown names get those of sm_80. */
struct gpu_machine gpu_machine_named(const char *arch);

struct gpu_parts {          /* seconds, each as if nothing else took time */
  double issue, special, shared, tensor, l1, l2, dram, latency;
  double total;             /* the longest of them, a small share of the others, and the launch */
};
/* One launch. footprint: bytes that can be touched at all (what is in use on the device). */
struct gpu_parts gpu_model(const struct gpu_machine *m, const struct emu_counts *c, uint64_t blocks, uint32_t threads,
                           uint32_t shared_bytes, uint64_t footprint);
#endif
