/* Timing candidates on a GPU against each other, in interleaved rounds of random order. A sample is a batch of calls
   between two events; short kernels are captured into a graph, so that the batch measures the device and not the
   launching. Cold: the L2 is swept before each call, which then has events of its own; so has each call of a kernel
   that changes its input, which is restored before. A round in which the clock fell is dropped and another made in its
   place. The emulator's time is the model's: one call says it all. */
#include "runtime/emu_cuda.h"
#include "runtime/worker_gpu.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS = 1 << 14, SINGLE_CALLS = 5, EXTRA_ROUNDS = 8, LEAST_ROUNDS = 6 };
static const double SHORT_S = 200e-6; /* calls below this are captured */
static const double LEAST_CLOCK = 0.75;
static const double FORGIVEN = 0.4;
static const double LONG_S = 5e-3;  /* a call this long is a sample by itself */
static const double ENOUGH_S = 2.0; /* after LEAST_ROUNDS, a candidate that has had this much is not timed further */

struct timer {
  struct gpu *g;
  unsigned calls;
  bool single; /* every call between events of its own */
  cuda_ptr sweep;
  size_t sweep_bytes;
  void *graph[JOB_CANDIDATES]; /* executable, of `calls` calls; NULL: none */
  double first[JOB_CANDIDATES], least[JOB_CANDIDATES], spent[JOB_CANDIDATES];
  bool dropped[JOB_CANDIDATES];
  char bus[64];
  struct nvml_state before;
  unsigned lost, rounds; /* rounds dropped, rounds made */
  const char *lost_to;
  uint64_t rng;
};

static uint32_t random_below(struct timer *t, uint32_t n) {
  uint64_t z = t->rng += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)((z ^ z >> 31) % n);
}

/* `calls` calls of c as one graph; left out where the driver cannot. */
static void capture(struct timer *t, unsigned c) {
  struct gpu *g = t->g;
  void *graph = NULL;
  if (!g->api.capture_begin || !g->api.capture_end || !g->api.graph_instantiate || !g->api.graph_launch) return;
  if (g->api.capture_begin(g->stream, CUDA_CAPTURE_RELAXED)) return;
  int rc = 0;
  for (unsigned i = 0; i < t->calls && !rc; i++) rc = gpu_call(g, c);
  if (g->api.capture_end(g->stream, &graph) || rc || !graph) return;
  if (g->api.graph_instantiate(&t->graph[c], graph, 0)) t->graph[c] = NULL;
  if (g->api.graph_destroy) g->api.graph_destroy(graph);
}

static double batch(struct timer *t, unsigned c) {
  struct gpu *g = t->g;
  float ms = 0;
  g->w->job->current = c;
  gpu_must(g, g->api.event_record(g->begin, g->stream), "recording an event");
  if (t->graph[c]) gpu_must(g, g->api.graph_launch(t->graph[c], g->stream), "launching a graph");
  for (unsigned i = 0; i < t->calls && !t->graph[c]; i++) gpu_must(g, gpu_call(g, c), "launching");
  gpu_must(g, g->api.event_record(g->end, g->stream), "recording an event");
  gpu_must(g, g->api.event_wait(g->end), "waiting");
  gpu_must(g, g->api.event_ms(&ms, g->begin, g->end), "reading a clock");
  return fmax(ms * 1e-3 / t->calls, 1e-9);
}

static double sample(struct timer *t, unsigned c) {
  struct gpu *g = t->g;
  double sum = 0;
  if (!t->single) {
    double s = batch(t, c);
    t->spent[c] += s * t->calls;
    return s;
  }
  unsigned calls = t->first[c] > LONG_S ? 1 : SINGLE_CALLS;
  for (unsigned i = 0; i < calls; i++) {
    gpu_refill(g, false);
    if (t->sweep)
      gpu_must(g, g->api.fill_async(t->sweep, (unsigned char)i, t->sweep_bytes, g->stream), "sweeping the L2");
    sum += gpu_seconds(g, c);
  }
  t->spent[c] += sum;
  return sum / calls;
}

static void open_timer(struct timer *t, struct gpu *g) {
  const struct job *j = g->w->job;
  int l2 = 0;
  *t = (struct timer){.g = g, .calls = 1, .single = j->cold || gpu_has_inplace(g), .rng = j->seed};
  if (g->api.device_bus) g->api.device_bus(t->bus, sizeof t->bus, g->device);
  if (!j->cold || g->emulated) return;
  if (g->api.device_attribute(&l2, CUDA_ATTR_L2_BYTES, g->device) || l2 < 1) l2 = 64 << 20;
  t->sweep_bytes = 2 * (size_t)l2;
  gpu_must(g, g->api.alloc(&t->sweep, t->sweep_bytes), "memory to sweep the L2 with");
}

/* The first calls (loading, first touch), how many calls make a sample, and graphs of so many. */
static void warm_up(struct timer *t) {
  struct gpu *g = t->g;
  const struct job *j = g->w->job;
  if (g->emulated) emu_cuda_mode(false, 0);
  for (unsigned c = 0; c < j->ncandidates; c++) {
    if (t->single) gpu_refill(g, false);
    t->first[c] = gpu_seconds(g, c);
    if (!g->emulated && !t->single) t->first[c] = fmin(t->first[c], gpu_seconds(g, c));
    reply_text(REPLY_BEAT, c, "");
  }
  double want = j->sample_s > 0 ? j->sample_s : 200e-6, n = ceil(2 * want / t->first[0]);
  if (g->emulated || t->single) return;
  t->calls = n < 1 ? 1 : n > (double)MAX_CALLS ? MAX_CALLS : (unsigned)n;
  for (unsigned c = 0; c < j->ncandidates; c++)
    if (t->first[c] < SHORT_S) capture(t, c);
}

/* Does the round count? Not when the clock fell or heat held the device back while it was made. */
static bool steady(struct timer *t) {
  struct nvml_state s = nvml_read(t->bus);
  const char *why = nvml_reason(s.reasons);
  t->before = s;
  if (!s.known) return true;
  bool slow = s.mhz < LEAST_CLOCK * s.most_mhz, held = why && strcmp(why, "the power limit") != 0;
  if (slow || held) t->lost_to = why ? why : "a low clock";
  return !slow && !held;
}

static void one_round(struct timer *t, unsigned r) {
  struct gpu *g = t->g;
  unsigned n = g->w->job->ncandidates, order[JOB_CANDIDATES];
  double s[JOB_CANDIDATES], stop = g->w->job->stop_ratio;
  for (unsigned i = 0; i < n; i++) order[i] = i;
  for (unsigned i = n; i > 1; i--) {
    unsigned k = random_below(t, i), swap = order[i - 1];
    order[i - 1] = order[k];
    order[k] = swap;
  }
  for (unsigned i = 0; i < n; i++) {
    unsigned c = order[i];
    s[c] = t->dropped[c] ? -1 : g->emulated ? t->first[c] : sample(t, c);
    if (s[c] >= 0 && (t->least[c] == 0 || s[c] < t->least[c])) t->least[c] = s[c];
    reply_text(REPLY_BEAT, c, "");
  }
  if (!g->emulated && !steady(t) && t->lost < EXTRA_ROUNDS) {
    t->lost++;
    return;
  }
  double forgive = (stop - 1) * pow(FORGIVEN, r);
  for (unsigned c = 1; c < n && stop > 0; c++) t->dropped[c] |= t->least[c] > (1 + forgive) * t->least[0];
  for (unsigned c = 0; c < n; c++) t->dropped[c] |= r + 1 >= LEAST_ROUNDS && t->spent[c] > ENOUGH_S;
  t->rounds++;
  reply_seconds(s, n);
}

static void tell(const struct timer *t) {
  char text[200];
  if (!t->before.known) return;
  const char *why = nvml_reason(t->before.reasons);
  int n = snprintf(text, sizeof text, "SM clock %u of %u MHz%s%s", t->before.mhz, t->before.most_mhz,
                   why ? ", held by " : "", why ? why : "");
  if (t->lost) snprintf(text + n, sizeof text - (size_t)n, "; %u rounds dropped for %s", t->lost, t->lost_to);
  reply_text(REPLY_NOTE, 0, text);
}

void gpu_time(struct gpu *g) {
  struct timer t;
  gpu_place(g, PLACE_TIMED);
  open_timer(&t, g);
  warm_up(&t);
  for (unsigned made = 0; t.rounds < g->w->job->rounds && made < g->w->job->rounds + EXTRA_ROUNDS; made++)
    one_round(&t, t.rounds);
  tell(&t);
  for (unsigned c = 0; c < g->w->job->ncandidates; c++)
    if (t.graph[c] && g->api.graph_exec_destroy) g->api.graph_exec_destroy(t.graph[c]);
  if (t.sweep) g->api.free(t.sweep);
  gpu_drop(g);
}
