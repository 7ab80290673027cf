/* Jobs on a GPU: candidates are packages (gpu_package.h), called as a shipped object calls them (hone_cuda_run), on the
   driver found with dlopen or on the emulator. An error of a kernel cannot be recovered from inside a process (the
   context is lost), so it ends this one; the tuner starts another for the candidates that are left. */
#include "runtime/worker_gpu.h"
#include "runtime/emu_cuda.h"
#include "runtime/hone_rt.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Noreturn void quit(enum reply_kind kind, uint32_t candidate, const char *text) {
  char line[512];
  snprintf(line, sizeof line, "%s", text);
  for (char *c = line; *c; c++)
    if (*c == '\n') *c = c[1] ? ';' : 0;
  reply_text(kind, candidate, line);
  _exit(1);
}

void gpu_must(struct gpu *g, int rc, const char *doing) {
  char text[512];
  if (!rc) return;
  snprintf(text, sizeof text, "%s: %s", doing, hone_rt_error(rc));
  quit(rc == CUDA_NO_MEMORY ? REPLY_OOM : REPLY_FAULT, g->w->job->current, text);
}

int gpu_call(struct gpu *g, uint32_t c) {
  return hone_cuda_run(&g->package[c].form, g->stream, g->w->args);
}

/* What a call came to: findings of the emulator say more than the driver's code. */
static void judge(struct gpu *g, uint32_t c, int rc) {
  const char *found = g->emulated ? emu_cuda_finding() : "";
  if (!rc) return;
  if (*found) quit(REPLY_WRONG, c, found);
  quit(rc == CUDA_NO_MEMORY || rc == HONE_CUDA_MEMORY   ? REPLY_OOM
       : rc == CUDA_INVALID_PTX || rc == CUDA_NOT_FOUND ? REPLY_LOAD
                                                        : REPLY_FAULT,
       c, hone_rt_error(rc));
}

double gpu_seconds(struct gpu *g, uint32_t c) {
  float ms = 0;
  g->w->job->current = c;
  gpu_must(g, g->api.event_record(g->begin, g->stream), "recording an event");
  judge(g, c, gpu_call(g, c));
  gpu_must(g, g->api.event_record(g->end, g->stream), "recording an event");
  judge(g, c, g->api.event_wait(g->end));
  gpu_must(g, g->api.event_ms(&ms, g->begin, g->end), "reading a clock");
  return ms > 0 ? ms * 1e-3 : 1e-9;
}

/* ---- results ---- */

/* The results of candidate c: out, or (again) compared with those of the first placement. */
static void hand_over(struct gpu *g, uint32_t c, bool again) {
  const struct job *j = g->w->job;
  for (uint32_t i = 0; i < j->nargs; i++) {
    const struct job_arg *a = &j->arg[i];
    if (a->is_value || !a->writes || !a->bytes) continue;
    uint64_t at = a->result + c * a->bytes, page = at & ~UINT64_C(4095);
    uint8_t *p = again ? malloc(a->bytes)
                       : mmap(NULL, at - page + a->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, JOB_FD, (off_t)page);
    if (!p || p == MAP_FAILED) quit(REPLY_SETUP, c, "no memory for the results");
    uint8_t *to = again ? p : p + (at - page);
    gpu_must(g, g->api.to_host(to, g->block[i].data, a->bytes), "reading results");
    bool same = !again || !memcmp(g->w->file + at, to, a->bytes);
    if (again)
      free(p);
    else
      munmap(p, at - page + a->bytes);
    if (same) continue;
    struct reply r = {.kind = REPLY_DIFFER, .candidate = c};
    r.seconds[0] = i;
    reply_send(&r);
    _exit(1);
  }
}

/* Of the eager mode: in the other one warps poll. */
static void send_counts(uint32_t c, bool eager) {
  struct emu_counts n;
  struct gpu_parts p;
  struct reply r = {.kind = REPLY_COUNTS, .candidate = c};
  emu_cuda_take(&n, &p);
  if (!eager) return;
  _Static_assert((int)EMU_CLASSES == (int)JOB_CLASSES && sizeof p == (JOB_PARTS + 1) * sizeof(double),
                 "job.h follows the emulator");
  for (int i = 0; i < JOB_CLASSES; i++) r.counts.instructions[i] = (double)n.instructions[i];
  r.counts.threads = (double)n.threads, r.counts.divergent = (double)n.divergent_branches;
  r.counts.requests = (double)n.global_requests, r.counts.sectors = (double)n.global_sectors;
  r.counts.load_bytes = (double)n.global_load_bytes, r.counts.store_bytes = (double)n.global_store_bytes;
  r.counts.shared_requests = (double)n.shared_requests, r.counts.shared_conflicts = (double)n.shared_conflicts;
  r.counts.tensor_flops = (double)n.tensor_flops, r.counts.bulk_bytes = (double)n.bulk_bytes,
  r.counts.barriers = (double)n.barriers;
  memcpy(r.counts.part, &p, sizeof r.counts.part);
  reply_send(&r);
}

/* Runs c; false: it is hopeless. On the emulator the second run is the lazy mode, which must agree. */
static bool run_one(struct gpu *g, uint32_t c, unsigned place) {
  const struct job *j = g->w->job;
  char why[200];
  struct reply done = {.kind = REPLY_DONE, .candidate = c};
  g->w->job->current = c;
  if (g->emulated) emu_cuda_mode(place != 0, j->seed);
  double first = gpu_seconds(g, c); /* loads the module, too */
  done.seconds[0] = first;
  if (!gpu_intact(g, why, sizeof why)) quit(REPLY_WRONG, c, why);
  hand_over(g, c, place != 0);
  if (g->emulated) {
    send_counts(c, place == 0);
  } else if (!gpu_has_inplace(g)) {
    double warm = gpu_seconds(g, c);
    if (warm < first) done.seconds[0] = warm;
  }
  bool hopeless = j->give_up_s > 0 && done.seconds[0] > j->give_up_s;
  done.seconds[2] = hopeless ? 0 : PLACEMENTS - 1 - place;
  reply_send(&done);
  return !hopeless;
}

static void run_each(struct gpu *g) {
  bool over[JOB_CANDIDATES] = {false};
  for (unsigned place = 0; place < PLACEMENTS; place++) {
    gpu_place(g, place);
    for (uint32_t c = 0; c < g->w->job->ncandidates; c++) {
      if (over[c]) continue;
      if (c) gpu_refill(g, true);
      over[c] = !run_one(g, c, place);
    }
    gpu_drop(g);
  }
}

/* ---- a job ---- */

static bool find_all(struct gpu *g, cuda_get_proc *get) {
  bool ok = true;
#define FIND(field, name, params, needed) ok = (hone_cuda_find(get, #name, &g->api.field) || !(needed)) && ok;
  CUDA_WORKER_CALLS(FIND)
#undef FIND
#define FIND(field, name, params, needed) ok = (hone_cuda_find(get, #name, &g->entry.field) || !(needed)) && ok;
  CUDA_CALLS(FIND)
#undef FIND
  return ok;
}

const char *gpu_open(struct gpu *g, const struct job_device *d) {
  static char text[256];
  void *ctx;
  g->emulated = d->kind == JOB_EMU;
  cuda_get_proc *get = g->emulated ? emu_cuda_get_proc : hone_cuda_find_driver();
  if (!get) return "no NVIDIA driver here (libcuda.so.1 cannot be loaded)";
  if (!find_all(g, get)) return "the NVIDIA driver is older than CUDA 12";
  hone_cuda_use_driver(get);
  if (g->emulated) emu_cuda_machine(d->arch);
  int n = 0, rc = g->entry.init(0);
  if (!rc) rc = g->api.device_count(&n);
  if (rc == CUDA_NO_DEVICE || (!rc && (int)d->ordinal >= n)) {
    snprintf(text, sizeof text,
             n ? "there is no device %u: the driver has %d" : "the NVIDIA driver has no device%.0u%.0d", d->ordinal, n);
    return text;
  }
  if (!rc) rc = g->entry.device_get(&g->device, (int)d->ordinal);
  if (!rc) rc = g->entry.primary_retain(&ctx, g->device);
  if (!rc) rc = g->entry.ctx_set(ctx);
  if (!rc) rc = g->api.stream_create(&g->stream, 0); /* ordered with plain copies */
  if (!rc) rc = g->api.event_create(&g->begin, 0);
  if (!rc) rc = g->api.event_create(&g->end, 0);
  if (!rc) return NULL;
  const char *name = NULL, *words = NULL;
  if (g->entry.error_name) g->entry.error_name(rc, &name);
  if (g->entry.error_string) g->entry.error_string(rc, &words);
  snprintf(text, sizeof text, "the NVIDIA driver cannot be used: %s: %s", name ? name : "CUDA",
           words ? words : "unknown error");
  return text;
}

static void load(struct gpu *g) {
  const struct job *j = g->w->job;
  for (uint32_t c = 0; c < j->ncandidates; c++) {
    const char *why = gpu_package_open(g->w->file + j->candidate[c].object, j->candidate[c].object_len, &g->package[c]);
    if (!why && g->package[c].form.nparam != (int)j->nargs) why = "the package takes other arguments";
    if (why) quit(REPLY_LOAD, c, why);
  }
}

void gpu_job(struct work *w) {
  static struct gpu *g;
  if (!g) {
    g = calloc(1, sizeof *g);
    if (!g) quit(REPLY_SETUP, 0, "no memory");
    const char *why = gpu_open(g, &w->job->device);
    if (why) quit(REPLY_SETUP, 0, why);
  }
  g->w = w;
  load(g);
  reply_text(REPLY_BEAT, 0, ""); /* from here on the time is the candidates' */
  if (w->job->command == JOB_RUN)
    run_each(g);
  else
    gpu_time(g);
  for (uint32_t c = 0; c < w->job->ncandidates; c++) {
    void *module = hone_cuda_forget(&g->package[c].form);
    if (module) g->api.module_unload(module);
    gpu_package_close(&g->package[c]);
  }
}
