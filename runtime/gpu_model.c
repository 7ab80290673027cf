/* A roofline over what the emulator counts. Each resource of an SM gives a time for the blocks that the busiest SM
   runs; the L2 and the memory give theirs for all; the longest counts, and a small share of each of the others, which
   get in its way now and then: of two schedules that want the same of it, the one that spares the others is better.
   Occupancy enters twice: few resident warps cannot fill the issue slots, nor hide the latency of their own loads.
   Registers are not known here (ptxas knows them), so occupancy is that of threads and shared memory alone. */
#include "runtime/gpu_model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double LAUNCH_S = 2e-6;      /* a kernel that does nothing */
static const double DEPENDENT_CYCLES = 6; /* from one instruction of a warp to the next that needs it */
static const double MEMORY_CYCLES = 300;  /* a load, most of them from the L2 */
static const double OVERLAPPED = 4;       /* loads a warp has in flight */
static const double BARRIER_CYCLES = 30;
static const double BESIDE = 0.03;                    /* of the times of all but the longest */
static const double WARPS_ISSUED = 4;                 /* a cycle and SM */
static const double SPECIAL_LANES = 16;               /* a cycle and SM */
static const double SECTOR_BYTES = 32, L1_BYTES = 64; /* L1: from the L2, a cycle and SM */

/* mma on sm_90: the mean of Luo et al., Benchmarking and Dissecting the Nvidia Hopper GPU Architecture (2024). */
static const struct gpu_machine machines[] = {
    {"sm_80", 1.41, 1555, 4000, 108, 2048, 32, 164 << 10, 2048, 1, 40u << 20},
    {"sm_86", 1.70, 936, 2500, 84, 1536, 16, 100 << 10, 512, 1, 6u << 20},
    {"sm_89", 2.50, 1008, 4500, 128, 1536, 24, 100 << 10, 512, 1, 72u << 20},
    {"sm_90", 1.75, 3350, 5500, 132, 2048, 32, 228 << 10, 4096, 0.63, 50u << 20},
    {"sm_90a", 1.75, 3350, 5500, 132, 2048, 32, 228 << 10, 4096, 0.63, 50u << 20},
    {"sm_100a", 1.85, 8000, 10000, 148, 2048, 32, 228 << 10, 8192, 1, 126u << 20},
    {"sm_120", 2.40, 1792, 6000, 170, 1536, 24, 100 << 10, 512, 1, 96u << 20},
};

struct gpu_machine gpu_machine_named(const char *arch) {
  for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
    if (!strcmp(machines[i].arch, arch)) return machines[i];
  return machines[0];
}

static double resident_blocks(const struct gpu_machine *m, uint32_t threads, uint32_t shared) {
  double n = m->sm_blocks, by_threads = floor((double)m->sm_threads / threads);
  double by_shared = floor((double)m->sm_shared / (shared + 1024.0)); /* the system keeps 1 KiB a block */
  n = fmin(n, fmin(by_threads, by_shared));
  return n < 1 ? 1 : n;
}

/* What a warp waits for copies that go on beside it: each wait for what was issued `ahead` waits before, so for the
   part of the latency that the work of so many of its iterations does not cover. */
static double waiting(const struct emu_counts *c, double of_warp, double busy) {
  if (!c->async_waits) return 0;
  double waits = (double)c->async_waits / of_warp, ahead = 1 + (double)c->async_ahead / (double)c->async_waits;
  return waits * fmax(0, MEMORY_CYCLES - ahead * busy / waits) / ahead;
}

struct gpu_parts gpu_model(const struct gpu_machine *m, const struct emu_counts *c, uint64_t blocks, uint32_t threads,
                           uint32_t shared_bytes, uint64_t footprint) {
  struct gpu_parts p = {.total = LAUNCH_S};
  if (!blocks) return p;
  double cycle = 1e-9 / m->ghz, instructions = 0, warps = ceil(threads / 32.0);
  for (int i = 0; i < EMU_CLASSES; i++) instructions += (double)c->instructions[i];
  double busiest = ceil((double)blocks / m->sms); /* blocks of the SM that ends last */
  double share = busiest / (double)blocks;        /* of all that is done */
  double together = fmin(busiest, resident_blocks(m, threads, shared_bytes));
  double rounds = ceil(busiest / together);
  double rate = fmin(WARPS_ISSUED, together * warps / DEPENDENT_CYCLES);
  double of_warp = (double)blocks * warps;
  double requests = (double)(c->global_requests - c->async_requests + c->bulk_bytes / 4096) / of_warp;
  double sectors = (double)c->global_sectors * SECTOR_BYTES + (double)c->bulk_bytes;
  p.issue = cycle * share * instructions / rate;
  p.special = cycle * share * (double)c->instructions[EMU_CLS_SPECIAL] * 32 / SPECIAL_LANES;
  p.shared = cycle * share * (double)(c->shared_requests + c->shared_conflicts);
  double work = (double)c->tensor_work + (double)c->tensor_warp_work * (1 / m->warp_share - 1);
  p.tensor = cycle * share * work / 2 / m->tensor_flops;
  p.l1 = cycle * share * sectors / L1_BYTES;
  p.l2 = sectors / (m->l2_gbs * 1e9);
  p.dram = fmin(sectors, (double)footprint) / (m->dram_gbs * 1e9);
  double busy = fmax(fmax(p.issue, p.special), fmax(p.shared, p.tensor)) / cycle / rounds; /* of a block, in cycles */
  p.latency = cycle * rounds *
              (requests * MEMORY_CYCLES / OVERLAPPED + (double)c->barriers / of_warp * BARRIER_CYCLES +
               waiting(c, of_warp, busy));
  double most =
      fmax(fmax(fmax(p.issue, p.special), fmax(p.shared, p.tensor)), fmax(fmax(p.l1, p.l2), fmax(p.dram, p.latency)));
  double all = p.issue + p.special + p.shared + p.tensor + p.l1 + p.l2 + p.dram + p.latency;
  p.total = LAUNCH_S + most + BESIDE * (all - most);
  return p;
}
