/* Inside hone-worker: jobs whose device is a GPU or the emulator of one. */
#ifndef HONE_RUNTIME_WORKER_GPU_H
#define HONE_RUNTIME_WORKER_GPU_H
#include "runtime/cuda_api.h"
#include "runtime/gpu_package.h"
#include "runtime/worker.h"

struct gpu {
  struct work *w;
  struct cuda_worker_calls api;
  struct cuda_calls entry;      /* what entries use, too */
  bool emulated;
  int device;
  void *stream, *begin, *end;   /* events */
  struct gpu_package package[JOB_CANDIDATES];
  struct gpu_block { cuda_ptr base, data, pristine; uint64_t bytes, slack; } block[JOB_ARGS];
};
/* gpu_memory.c: every memory argument on the device, filled; place: PLACE_END, PLACE_START or PLACE_TIMED. Driver errors end the worker with the reason. */
void gpu_place(struct gpu *g, unsigned place);
void gpu_drop(struct gpu *g);
void gpu_refill(struct gpu *g, bool fresh);        /* as block_refill, in the stream */
bool gpu_intact(struct gpu *g, char *why, size_t len);
bool gpu_has_inplace(const struct gpu *g);
/* worker_gpu.c */
const char *gpu_open(struct gpu *g, const struct job_device *d); /* NULL: the device is current; else why not */
int gpu_call(struct gpu *g, uint32_t c);           /* launches candidate c; the runtime's code */
void gpu_must(struct gpu *g, int rc, const char *doing); /* rc 0, or the end of the worker: the candidate at hand is to blame */
double gpu_seconds(struct gpu *g, uint32_t c);     /* one call between events, waited for */
/* worker_gpu_time.c */
void gpu_time(struct gpu *g);
/* nvml.c: the GPU's clock and whether something holds it back, where the driver's management library can be found. */
struct nvml_state { bool known; unsigned mhz, most_mhz; unsigned long long reasons; };
struct nvml_state nvml_read(const char *bus_id);
const char *nvml_reason(unsigned long long reasons);  /* "power", "heat", … of those that slow it down; NULL: none */
#endif
