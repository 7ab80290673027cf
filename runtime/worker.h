/* Inside hone-worker: a job's memory, and the two things it can do. */
#ifndef HONE_RUNTIME_WORKER_H
#define HONE_RUNTIME_WORKER_H
#include "runtime/abi.h"
#include "runtime/job.h"
#include <stdbool.h>
#include <stddef.h>

struct block {               /* one memory argument in place */
  uint8_t *map, *page, *data, *slack;
  size_t map_len, slack_len;
};
struct work {
  struct job *job;           /* writable: first pages only */
  const uint8_t *file;       /* the whole memory file, read-only */
  size_t file_len;
  hone_rt_call *call[JOB_CANDIDATES];
  struct block block[JOB_ARGS];
  void *pointer[JOB_ARGS];   /* the pointer variables */
  _Alignas(16) uint8_t value[JOB_ARGS][16];
  void *args[JOB_ARGS];
};
enum { PLACE_TIMED = PLACEMENTS }; /* third placement: 64-byte aligned at staggered offsets, all pages writable */

/* worker_memory.c */
void block_place(struct work *w, unsigned place);  /* maps and fills every argument */
void block_drop(struct work *w);
void block_refill(struct work *w, bool fresh);     /* what candidates write as it was before: in-place results; those that start poisoned too when asked */
bool block_intact(const struct work *w, char *why, size_t len); /* slack unharmed */
bool block_strange(const struct work *w);          /* an in-place result holds infinities, NaN or subnormals that the input did not */
bool block_has_inplace(const struct work *w);
void block_describe(const struct work *w, const void *addr, char *why, size_t len);
/* worker.c */
void reply_send(const struct reply *r);
void reply_text(enum reply_kind kind, uint32_t candidate, const char *text);
void reply_seconds(const double *s, unsigned n);
/* worker_gpu.c: a whole job on a GPU; the first one opens the device, which is kept. */
void gpu_job(struct work *w);
/* Prints what device `ordinal` is as text that a target can be made of (codegen/target). The exit status of the worker. */
int gpu_probe(unsigned ordinal);
/* worker_time.c */
void time_candidates(struct work *w);
#endif
