/* What runs: warps of blocks of clusters of a launch. Instructions get a warp and a mask of lanes and change its
 * registers. */
#ifndef HONE_RUNTIME_EMU_MACHINE_H
#define HONE_RUNTIME_EMU_MACHINE_H

#include "runtime/emu/device.h"
#include "runtime/emu/ptx.h"

enum { WARP = 32, MAX_THREADS = 1024, MAX_CLUSTER = 16, SHARED_MOST = 232448, SHARED_STATIC_MOST = 49152 };

/* Lanes that run together until rpc, where the entry below goes on. */
struct frame {
  uint32_t pc, rpc, mask;
};

struct block;
struct warp {
  uint64_t (*regs)[32];
  uint64_t (*konst)[32];
  struct block *b;
  struct frame *stack;
  uint32_t depth, cap;
  uint32_t all, live; /* lanes that exist; that did not end */
  uint32_t carry;     /* condition code of addc, a bit a lane */
  uint32_t id;        /* in the block */
  const struct ins *at;
  char waits[120];    /* what it waits for; empty: nothing */
  struct alloc *near; /* allocation used last */
  uint8_t *local;
};

struct run;
struct cluster;
struct block {
  struct cluster *c;
  uint32_t rank; /* in the cluster */
  uint32_t id[3];
  struct warp *warp;
  uint32_t nwarp, running;
  uint8_t *shared;
  uint32_t shared_bytes;
};

struct cluster {
  struct run *r;
  struct block *block;
  uint32_t nblock, running;
  struct cluster *next;
  uint64_t index; /* in the grid */
};

struct run {
  struct emu *dev;
  struct emu_module *m;
  const struct kernel *k;
  struct emu_launch how; /* with defaults filled in */
  struct emu_report *rep;
  uint8_t *param;
  uint32_t cluster[3];
  uint32_t nclusters[3];
  uint64_t steps, rng;
  uint32_t threads, shared_bytes; /* of a block */
  struct cluster *resident;
  uint32_t nresident;
};

static inline uint64_t *emu_slot(struct warp *w, uint32_t s) {
  return s & SLOT_KONST ? w->konst[s & ~SLOT_KONST] : w->regs[s];
}

#define LANES(l, mask)                                                                                                 \
  for (uint32_t left_##l = (mask), l = 0; left_##l ? (l = (uint32_t)__builtin_ctz(left_##l), 1) : 0;                   \
       left_##l &= left_##l - 1)

uint32_t emu_random(struct run *r);
struct run *emu_run(const struct warp *w);

/* Adds a finding; lane < 0: the whole warp. STEP_FAULT for the kinds that end the launch, else STEP_NEXT. */
enum step emu_found(struct warp *w, const struct ins *i, int lane, enum emu_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The same without a warp. */
void emu_found_at(struct run *r, const uint32_t *block, uint32_t thread, uint32_t line, enum emu_kind kind,
                  const char *text);

/* Ends lanes. */
void emu_exit_lanes(struct warp *w, uint32_t mask);
/* Runs at most n instructions; false: the launch is over because of a fault. progress is set when an instruction was
 * completed. */
bool emu_warp_run(struct warp *w, uint32_t n, bool *progress);
void emu_push(struct warp *w, uint32_t pc, uint32_t rpc, uint32_t mask);

#endif
