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

/* Vectors of clocks: see sync.h. vc: synchronised with; fenced: generic writes up to this tick were made visible to the
 * async proxy by their writer. */
struct clocks {
  uint32_t *vc, *fenced;
};

enum { BARRIERS = 16 };
struct barrier {
  uint32_t arrived, count; /* threads of this generation; count 0: all of the block */
  uint32_t generation;
  bool whole; /* warps count as a whole */
  uint32_t red[3], result[3];
  struct clocks gathered, done;
};

struct mbar {
  uint32_t off; /* in shared memory */
  bool alive, fenced;
  uint32_t phase, pending, expected;
  int64_t tx;
  uint32_t agent;
  uint32_t maker, made_agent, made_tick, line; /* who initialised it */
  uint32_t tx_phase, tx_line, observed;        /* phases: of the last bulk copy, that somebody waited for */
  struct clocks gathered, done;
};

/* Asynchronous work that was issued and is not yet done. */
enum job_kind { JOB_COPY, JOB_ARRIVE, JOB_BULK_IN, JOB_BULK_OUT, JOB_WGMMA };
struct job {
  struct job *next;
  const struct ins *i;
  enum job_kind kind;
  uint32_t lane, group;
  bool (*run)(struct warp *w, const struct job *j);
  uint64_t a[8];
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
  struct clocks clocks;
  uint32_t sequence;            /* of synchronisations within the warp */
  uint32_t wrote;               /* lanes that wrote shared memory after their last proxy fence */
  uint32_t fence_tick;          /* of the last fence */
  uint32_t touched;             /* lanes that touched shared memory after the warp last synchronised as a whole */
  uint32_t synced, copy_synced; /* ticks of itself and of its cp.async then */
  bool refused;                 /* a try_wait gave up once (lazy mode) */
  bool parked;                  /* arrived at the barrier it waits for */
  uint32_t park_generation;     /* of that barrier */
  uint32_t cluster_arrived, cluster_generation;
  struct job *jobs;           /* in order of issue */
  uint32_t copy_group[WARP];  /* cp.async groups committed, by lane */
  uint32_t bulk_group[WARP];  /* bulk groups committed */
  uint32_t bulk_used[WARP];   /* groups up to the last with a copy in it */
  uint32_t bulk_waited[WARP]; /* groups known to have been read */
  uint32_t bulk_line[WARP];
  uint64_t *flying; /* a bit a slot: accumulators of wgmma that was not waited for; NULL: there never was any */
  struct flight {
    const struct ins *i;
    uint32_t group;
  } flight[WARP];
  uint32_t nflight;
  uint32_t wgmma_group; /* wgmma groups committed */
  uint32_t regs_limit;  /* registers a thread may use: setmaxnreg */
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
  struct granule *shadow;
  struct barrier bar[BARRIERS];
  struct mbar *mbar;
  uint32_t nmbar, cap_mbar;
  uint32_t regs_free; /* of the pool of setmaxnreg */
};

struct cluster {
  struct run *r;
  struct block *block;
  uint32_t nblock, running;
  struct barrier bar;
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
  uint32_t regs;                  /* of a thread at its start */
  uint64_t events;                /* phases and copies completed */
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

/* Does the instruction touch an accumulator of a wgmma that was not waited for? Adds the finding. */
void emu_wgmma_clash(struct warp *w, const struct ins *i);
/* Ends lanes. */
void emu_exit_lanes(struct warp *w, uint32_t mask);
/* Runs at most n instructions; false: the launch is over because of a fault. progress is set when an instruction was
 * completed. */
bool emu_warp_run(struct warp *w, uint32_t n, bool *progress);
void emu_push(struct warp *w, uint32_t pc, uint32_t rpc, uint32_t mask);

#endif
