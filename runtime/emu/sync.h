/* What happens before what. Every warp, and every kind of asynchronous work of a warp or of an mbarrier, is an agent
 * with a clock. A warp's vector of clocks says up to which tick of each agent it has synchronised; barriers carry such
 * vectors from warp to warp. Shared memory remembers who touched a byte at which tick (shadow.c), so that an access
 * which is not ordered after another is found in whatever order the emulator happened to run them. */
#ifndef HONE_RUNTIME_EMU_SYNC_H
#define HONE_RUNTIME_EMU_SYNC_H

#include "runtime/emu/machine.h"

/* Agents of a warp besides itself: its cp.async copies (ticks are its groups), its wgmma reads (its groups), its bulk
 * copies out of shared memory (operations). */
enum agent_kind { AG_WARP, AG_COPY, AG_WGMMA, AG_BULK, AG_KINDS };
enum { MBAR_AGENTS = 32 }; /* a block: one for the data that completes on each mbarrier; shared beyond that many */

uint32_t emu_agents(const struct cluster *c);
uint32_t emu_agent(const struct warp *w, enum agent_kind k);
uint32_t emu_mbar_agent(const struct block *b, uint32_t index);
void emu_clocks_new(struct clocks *k, uint32_t n);
void emu_clocks_free(struct clocks *k);
/* to takes in what from knows. */
void emu_clocks_join(const struct cluster *c, struct clocks *to, const struct clocks *from);
/* The warp tells: what it knows goes to k, and what it does from now on is later. */
void emu_release(struct warp *w, struct clocks *k);
/* Some lanes tell: what other lanes did since the warp last synchronised is not theirs to tell. The clock stays. */
void emu_release_lanes(struct warp *w, struct clocks *k, uint32_t mask);
/* All lanes of the warp are synchronised with each other. */
void emu_warp_synced(struct warp *w);
/* The warp learns. */
void emu_acquire(struct warp *w, const struct clocks *k);

/* ---- shadow of shared memory ---- */

struct granule;
struct touch {
  struct warp *w; /* on whose behalf */
  const struct ins *i;
  uint32_t agent, tick;
  uint32_t lane; /* WARP: not one lane */
  enum { TOUCH_READ, TOUCH_WRITE, TOUCH_ATOMIC } how;
  bool async; /* through the async proxy: generic writes before it need a fence */
};

struct granule *emu_shadow_new(uint32_t bytes);
void emu_shadow_free(struct granule *g, uint32_t bytes);
/* Records bytes touched at off of a block's shared memory, and adds findings. */
void emu_touch(struct block *b, uint32_t off, uint32_t bytes, const struct touch *t);

/* ---- mbarriers ---- */

struct mbar *emu_mbar_find(struct block *b, uint32_t off);
struct mbar *emu_mbar_new(struct block *b);
/* The object at an address, which this warp must know to be initialised; where: its block. NULL: a finding was added.
 */
struct mbar *emu_mbar_at(struct warp *w, const struct ins *i, uint32_t lane, uint64_t addr, bool cluster,
                         struct block **where);
/* Ends the phase when nothing is missing. */
void emu_mbar_check(struct block *b, struct mbar *m);
enum step emu_mbar_arrive(struct warp *w, const struct ins *i, uint32_t lane, struct block *b, struct mbar *m);
/* A fence made the objects that the warp initialised visible to the async proxy. */
void emu_mbar_fenced(struct warp *w);

/* ---- asynchronous work ---- */

/* Runs the job, or keeps it for later in the lazy mode. False: a finding ended the launch. */
bool emu_job(struct warp *w, const struct job *j);
/* Runs what the lane has of a kind with a group below limit. */
bool emu_jobs_finish(struct warp *w, enum job_kind kind, uint32_t lane, uint32_t limit);
/* Runs one job of the launch that may end by itself, at random. ran: there was one. */
bool emu_job_any(struct run *r, bool *ran);
/* Runs all bulk copies of the warp. */
bool emu_jobs_drain(struct warp *w);

#endif
