/* Several devices of one kind as one: candidates are shared out, each device runs and times its part at the same time
   as the others. Times are only ever compared on one device: candidate 0, which all others are measured against, runs
   on each of them, and what the first device says of it is what the others' samples are scaled to, round by round. */
#include "tuner/measure.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct share;

/* A thread for each device but the first, for as long as there are devices: a worker process ends with the thread that
   began it. */
struct hand {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t news;
  void (*fn)(struct share *); /* NULL: nothing to do */
  struct share *job;
  bool there, end;
};

struct many {
  struct measure m;
  unsigned n;
  struct measure **of;
  struct hand *hand;   /* [n] */
  pthread_mutex_t one; /* results are handed over one at a time */
};

/* Candidates [first, first + n) of all; of those that are timed number 0 is one more, at their head. */
struct share {
  struct many *all;
  struct measure *m;
  unsigned first, n;
  const struct candidate *c; /* the share's own */
  const struct problem *p;
  double limit; /* give_up_s, stop_ratio */
  struct run *out;
  run_result *result;
  void *ctx;
  unsigned rounds, culprit;
  struct samples *samples;
  enum trial_status status;
  char why[256];
};

static void hand_over(void *ctx, unsigned i, const struct args *got) {
  struct share *s = ctx;
  pthread_mutex_lock(&s->all->one);
  s->result(s->ctx, s->first + i, got);
  pthread_mutex_unlock(&s->all->one);
}

static void run_share(struct share *s) {
  struct oom_guard guard;
  if (!OOM_TRY(&guard)) {
    for (unsigned i = 0; i < s->n; i++) s->out[s->first + i] = (struct run){.status = TRIAL_OOM};
    return;
  }
  s->m->run(s->m, s->c, s->n, s->p, s->limit, s->out + s->first, hand_over, s);
  oom_leave(&guard);
}

static void time_share(struct share *s) {
  struct oom_guard guard;
  s->status = TRIAL_OOM;
  if (!OOM_TRY(&guard)) return;
  s->status = s->m->time(s->m, s->c, s->n, s->p, s->rounds, s->limit, s->samples, &s->culprit, s->why);
  oom_leave(&guard);
}

/* n candidates from number `first` on, as evenly as can be; those that get none do nothing. Returns how many have some.
 */
static unsigned share_out(struct many *all, unsigned first, unsigned n, struct share *s) {
  unsigned parts = n < all->n ? n : all->n, at = first;
  for (unsigned i = 0; i < parts; i++) {
    unsigned count = n / parts + (i < n % parts);
    s[i] = (struct share){.all = all, .m = all->of[i], .first = at, .n = count};
    at += count;
  }
  return parts;
}

static void *serve(void *arg) {
  struct hand *h = arg;
  pthread_mutex_lock(&h->lock);
  while (!h->end) {
    if (h->fn) {
      pthread_mutex_unlock(&h->lock);
      h->fn(h->job);
      pthread_mutex_lock(&h->lock);
      h->fn = NULL;
      pthread_cond_broadcast(&h->news);
    } else {
      pthread_cond_wait(&h->news, &h->lock);
    }
  }
  pthread_mutex_unlock(&h->lock);
  return NULL;
}

static void tell(struct hand *h, void (*fn)(struct share *), struct share *job, bool end) {
  pthread_mutex_lock(&h->lock);
  h->fn = fn, h->job = job, h->end = end;
  pthread_cond_broadcast(&h->news);
  pthread_mutex_unlock(&h->lock);
}

static void wait_for(struct hand *h) {
  pthread_mutex_lock(&h->lock);
  while (h->fn) pthread_cond_wait(&h->news, &h->lock);
  pthread_mutex_unlock(&h->lock);
}

/* The first share runs in this thread; where there was no thread for a device, its share, too. */
static void together(struct many *all, struct share *s, unsigned n, void (*fn)(struct share *)) {
  for (unsigned i = 1; i < n; i++)
    if (all->hand[i].there) tell(&all->hand[i], fn, &s[i], false);
  for (unsigned i = 0; i < n; i++)
    if (!all->hand[i].there) fn(&s[i]);
  for (unsigned i = 1; i < n; i++)
    if (all->hand[i].there) wait_for(&all->hand[i]);
}

static void many_run(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p,
                     double give_up_s, struct run *out, run_result *result, void *ctx) {
  struct many *all = (struct many *)m;
  struct share *s = xmalloc(all->n * sizeof *s);
  unsigned parts = share_out(all, 0, n, s);
  for (unsigned i = 0; i < parts; i++) {
    s[i].c = c + s[i].first, s[i].p = p, s[i].limit = give_up_s;
    s[i].out = out, s[i].result = result, s[i].ctx = ctx;
  }
  together(all, s, parts, run_share);
  free(s);
}

/* ---- timing ---- */

/* Of the share's candidates, in units of the first device. */
static void keep(struct share *s, const struct samples *unit, struct samples *out) {
  const struct samples *own = &s->samples[0];
  for (unsigned i = 1; i < s->n; i++) {
    struct samples *x = &s->samples[i], *to = &out[s->first + i - 1];
    *to = *x;
    *x = (struct samples){0};
    if (to->n > own->n) to->n = own->n;
    if (to->n > unit->n) to->n = unit->n;
    for (unsigned r = 0; r < to->n; r++) to->s[r] *= unit->s[r] / own->s[r];
  }
}

static void note(struct many *all, const struct share *s, unsigned parts) {
  size_t at = 0;
  all->m.note[0] = 0;
  for (unsigned i = 0; i < parts && at < sizeof all->m.note; i++)
    if (s[i].m->note[0])
      at += (size_t)snprintf(all->m.note + at, sizeof all->m.note - at, "%s%s", at ? "; " : "", s[i].m->note);
}

static enum trial_status many_time(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p,
                                   unsigned rounds, double stop_ratio, struct samples *out, unsigned *culprit,
                                   char why[256]) {
  struct many *all = (struct many *)m;
  if (n < 2) return all->of[0]->time(all->of[0], c, n, p, rounds, stop_ratio, out, culprit, why);
  struct share *s = xmalloc(all->n * sizeof *s);
  unsigned parts = share_out(all, 1, n - 1, s);
  enum trial_status ts = TRIAL_OK;
  for (unsigned i = 0; i < parts; i++) {
    struct candidate *own = xmalloc(++s[i].n * sizeof *own);
    own[0] = c[0];
    memcpy(own + 1, c + s[i].first, (s[i].n - 1) * sizeof *own);
    s[i].c = own, s[i].p = p, s[i].limit = stop_ratio, s[i].rounds = rounds;
    s[i].samples = xmalloc(s[i].n * sizeof *s->samples);
  }
  together(all, s, parts, time_share);
  memset(out, 0, n * sizeof *out);
  for (unsigned i = 0; i < parts && ts == TRIAL_OK; i++) {
    if (s[i].status == TRIAL_OK) continue;
    ts = s[i].status;
    *culprit = !s[i].culprit ? 0 : s[i].culprit < s[i].n ? s[i].first + s[i].culprit - 1 : s[i].first + s[i].n - 2;
    memcpy(why, s[i].why, sizeof s[i].why);
  }
  for (unsigned i = parts; i-- > 0 && ts == TRIAL_OK;) keep(&s[i], &s[0].samples[0], out);
  if (ts == TRIAL_OK) out[0] = s[0].samples[0], s[0].samples[0] = (struct samples){0};
  note(all, s, parts);
  for (unsigned i = 0; i < parts; i++) {
    for (unsigned j = 0; j < s[i].n; j++) free(s[i].samples[j].s);
    free(s[i].samples);
    free((void *)s[i].c);
  }
  free(s);
  return ts;
}

static void many_close(struct measure *m) {
  struct many *all = (struct many *)m;
  for (unsigned i = 0; i < all->n; i++) {
    struct hand *h = &all->hand[i];
    all->of[i]->close(all->of[i]);
    if (!h->there) continue;
    tell(h, NULL, NULL, true);
    pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->news);
    pthread_mutex_destroy(&h->lock);
  }
  pthread_mutex_destroy(&all->one);
  free(all->hand);
  free(all->of);
  free(all);
}

struct measure *measure_many_open(struct measure **of, unsigned n) {
  struct many *all = xmalloc(sizeof *all);
  *all = (struct many){.m = {.name = of[0]->name,
                             .modelled = of[0]->modelled,
                             .patient = of[0]->patient,
                             .run = many_run,
                             .time = many_time,
                             .close = many_close},
                       .n = n,
                       .of = xmalloc(n * sizeof *of),
                       .hand = xmalloc(n * sizeof *all->hand)};
  memcpy(all->of, of, n * sizeof *of);
  pthread_mutex_init(&all->one, NULL);
  for (unsigned i = 1; i < n; i++) {
    struct hand *h = &all->hand[i];
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->news, NULL);
    h->there = !pthread_create(&h->thread, NULL, serve, h);
  }
  return &all->m;
}
