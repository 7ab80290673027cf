/* Timing several candidates against each other: same process, same pages, interleaved rounds in fresh random order, so
   that drift of the machine falls on all alike. How many calls make a sample is calibrated once, on candidate 0, and
   the same for all. Results that a kernel also reads are restored before each sample; before each call, outside the
   timed part, when repeating it would run into infinities or subnormals (whose speed is another one). */
#include "runtime/worker.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CALLS = 1 << 20, COLD_CALLS = 3 };
enum { LEAST_ROUNDS = 5 };
static const double FORGIVEN = 0.4; /* of what was forgiven the round before: 2, 1.4, 1.16, 1.06 times the reference */
static const double ENOUGH_S = 2.0; /* after LEAST_ROUNDS, a candidate that has had this much is not timed further */
static const double LONG_S = 2e-3;
static const double HOPELESS_S = 1e-3; /* a first call shorter than this may be all page faults: never judged by it */

struct timer {
  struct work *w;
  clockid_t clock;
  bool restore, each; /* before each sample; before each call */
  uint8_t *sweep;     /* cold: twice the last-level cache */
  size_t sweep_len;
  unsigned calls; /* a sample */
  double first[JOB_CANDIDATES], least[JOB_CANDIDATES], spent[JOB_CANDIDATES], last_beat;
  bool dropped[JOB_CANDIDATES];
  uint64_t rng;
};

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint32_t random_below(struct timer *t, uint32_t n) {
  uint64_t z = t->rng += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)((z ^ z >> 31) % n);
}

static void sweep(struct timer *t) {
  volatile uint8_t *p = t->sweep;
  for (size_t i = 0; i < t->sweep_len; i += 64) p[i]++;
}

static void beat(struct timer *t) {
  double s = seconds(CLOCK_MONOTONIC);
  if (s - t->last_beat > 0.02) {
    t->last_beat = s;
    reply_text(REPLY_BEAT, t->w->job->current, "");
  }
}

/* Seconds of n calls of candidate c. */
static double run(struct timer *t, unsigned c, unsigned n) {
  hone_rt_call *call = t->w->call[c];
  void *const *args = t->w->args;
  t->w->job->current = c;
  if (t->restore && !t->each) block_refill(t->w, false);
  double total = 0, start;
  if (!t->each && !t->sweep) {
    start = seconds(t->clock);
    for (unsigned i = 0; i < n; i++) call(args);
    total = seconds(t->clock) - start;
  } else {
    for (unsigned i = 0; i < n; i++) {
      if (t->each) block_refill(t->w, false);
      if (t->sweep) sweep(t);
      start = seconds(CLOCK_MONOTONIC); /* the cheaper clock: one call may be short */
      call(args);
      total += seconds(CLOCK_MONOTONIC) - start;
      beat(t);
    }
  }
  beat(t);
  return total > 0 ? total : 1e-9;
}

static void calibrate(struct timer *t) {
  double want = t->w->job->sample_s > 0 ? t->w->job->sample_s : 200e-6;
  t->calls = t->sweep ? COLD_CALLS : 1; /* a sweep costs milliseconds: no long samples */
  while (!t->sweep) {
    double s = run(t, 0, t->calls);
    if (s >= want || t->calls >= MAX_CALLS) break;
    double n = ceil(1.2 * want / s * t->calls);
    t->calls = n > (double)MAX_CALLS ? MAX_CALLS : n > 2.0 * t->calls ? (unsigned)n : 2 * t->calls;
  }
}

/* Bytes of the last-level cache that this core shares: as the kernel tells it (sysconf adds up whole packages, also
 * those of other guests). */
static size_t last_level_cache(void) {
  size_t best = 0;
  for (int i = 0; i < 8; i++) {
    char path[80];
    unsigned long kb = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
    FILE *f = fopen(path, "re");
    if (!f) continue;
    if (fscanf(f, "%luK", &kb) == 1 && kb << 10 > best) best = kb << 10;
    fclose(f);
  }
  if (!best) best = (size_t)32 << 20;
  return best < (size_t)256 << 20 ? best : (size_t)256 << 20;
}

static void open_timer(struct timer *t, struct work *w) {
  const struct job *j = w->job;
  *t = (struct timer){.w = w,
                      .clock = j->threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID,
                      .rng = j->seed,
                      .restore = block_has_inplace(w)};
  if (!j->cold) return;
  t->sweep_len = 2 * last_level_cache();
  t->sweep = mmap(NULL, t->sweep_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (t->sweep == MAP_FAILED) {
    reply_text(REPLY_SETUP, 0, "no memory to sweep the caches with");
    exit(1);
  }
}

/* One call of each: page faults, first-time dispatch, and who is hopeless. Where candidate 0 takes so long that this is
   lost in one call, the others' first calls are their first samples. */
static void warm_up(struct timer *t) {
  for (unsigned c = 0; c < t->w->job->ncandidates; c++) {
    if (c && t->first[0] > LONG_S && !t->sweep) break;
    if (t->restore) block_refill(t->w, false);
    t->first[c] = run(t, c, 1);
  }
  calibrate(t);
  if (t->restore && block_strange(t->w)) {
    t->each = true;
    calibrate(t);
  }
}

static bool hopeless(const struct timer *t, unsigned c, double reference) {
  const struct job *j = t->w->job;
  if (c == 0 || t->first[c] < HOPELESS_S) return false;
  if (t->first[c] > j->timeout_s / 2) return true;
  return j->stop_ratio > 0 && t->first[c] > 3 * j->stop_ratio * reference;
}

static void shuffle(struct timer *t, unsigned *order, unsigned n) {
  for (unsigned i = 0; i < n; i++) order[i] = i;
  for (unsigned i = n; i > 1; i--) {
    unsigned k = random_below(t, i), swap = order[i - 1];
    order[i - 1] = order[k];
    order[k] = swap;
  }
}

/* Seconds a call. One that is many times slower than candidate 0 (a peer, not a variant) needs fewer calls for the
 * clock. */
static double sample(struct timer *t, unsigned c) {
  bool is_first = t->first[c] == 0;
  double slower = t->first[c] / t->first[0];
  unsigned calls = slower > 8 ? (unsigned)ceil(t->calls / slower) : t->calls;
  double s = run(t, c, calls);
  t->spent[c] += s;
  if (is_first) t->first[c] = s / calls;
  return s / calls;
}

static void one_round(struct timer *t, uint32_t r, double reference) {
  bool is_first = r == 0;
  unsigned n = t->w->job->ncandidates, order[JOB_CANDIDATES];
  double s[JOB_CANDIDATES];
  shuffle(t, order, n);
  for (unsigned i = 0; i < n; i++) {
    unsigned c = order[i];
    s[c] = -1;
    if (t->dropped[c]) continue;
    t->dropped[c] = is_first && hopeless(t, c, reference);
    s[c] = t->dropped[c] ? t->first[c] : sample(t, c);
    t->dropped[c] |= is_first && hopeless(t, c, reference);
    if (!t->dropped[c] && (r == 0 || s[c] < t->least[c])) t->least[c] = s[c];
    t->dropped[c] = t->dropped[c] || (r + 1 >= LEAST_ROUNDS && t->spent[c] > ENOUGH_S);
  }
  double stop = t->w->job->stop_ratio, forgive = (stop - 1) * pow(FORGIVEN, r);
  for (unsigned c = 1; c < n && stop > 0; c++) t->dropped[c] |= t->least[c] > (1 + forgive) * t->least[0];
  reply_seconds(s, n);
}

void time_candidates(struct work *w) {
  struct timer t;
  block_place(w, PLACE_TIMED);
  open_timer(&t, w);
  warm_up(&t);
  double reference = run(&t, 0, t.calls) / t.calls;
  for (uint32_t r = 0; r < w->job->rounds; r++) one_round(&t, r, reference);
}
