/* The simulated split. Chunks are cut and taken as runtime/threads.c does: nearly equal ones, at most four a thread,
 * each by the thread that is free first. */
#include "tuner/cost_split.h"
#include "tuner/cost_memory.h"
#include <math.h>
#include <stdlib.h>

enum { TYPICAL_DIM = 512, CHUNKS_PER_THREAD = 4, MOST_THREADS = 1024 };

struct walk {
  const struct lfunc *f;
  const struct limits *lim;
  unsigned threads, n, max;
  struct split *out;
  int64_t *val;
  double times;
};

double cost_split_busiest(int64_t n, unsigned threads, unsigned *chunks) {
  if (threads < 1) threads = 1;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  int64_t most = (int64_t)threads * CHUNKS_PER_THREAD, parts = n < most ? n : most, load[MOST_THREADS] = {0},
          busiest = 0;
  if (chunks) *chunks = parts > 0 ? (unsigned)parts : 0;
  if (parts < 1) return 1;
  for (int64_t c = 0; c < parts; c++) { /* the larger chunks go last: they are taken from the end */
    unsigned free_first = 0;
    for (unsigned t = 1; t < threads; t++)
      if (load[t] < load[free_first]) free_first = t;
    load[free_first] += n / parts + (parts - 1 - c < n % parts);
  }
  for (unsigned t = 0; t < threads; t++) busiest = load[t] > busiest ? load[t] : busiest;
  return (double)busiest * threads / (double)n;
}

static void add_region(struct walk *w, const struct lstmt *s) {
  const struct lstmt *inner = loop_joined(s);
  double trips = cost_trips(w->f, s, w->val), each = inner ? cost_trips(w->f, inner, w->val) : 1;
  if (w->n == w->max || trips * each < 1 || trips * each > 1e15) return;
  struct split *x = &w->out[w->n++];
  *x = (struct split){.loop = s, .inner = inner, .regions = w->times, .iterations = (int64_t)(trips * each)};
  x->busiest = cost_split_busiest(x->iterations, w->threads, &x->chunks);
  double mine = fmax(1, trips * each / w->threads), inside = inner ? fmin(each, mine) : 1;
  x->bytes = cost_touched(w->f, w->lim, s, inner, fmax(1, mine / inside), inside, w->val);
}

static void walk(struct walk *w, const struct lstmt *s) {
  if (s->kind == L_FOR && s->fkind == F_PARALLEL) {
    add_region(w, s);
    return;
  }
  double times = w->times;
  if (s->kind == L_FOR) w->times *= cost_trips(w->f, s, w->val);
  for (uint32_t i = 0; i < s->nbody && w->times > 0; i++)
    if (s->body[i]) walk(w, s->body[i]);
  w->times = times;
}

unsigned cost_split(const struct lfunc *f, const struct limits *lim, unsigned threads, struct split *out,
                    unsigned max) {
  struct walk w = {.f = f, .lim = lim, .threads = threads, .max = max, .out = out, .times = 1};
  w.val = xmalloc(sizeof *w.val * (size_t)(f->k->nsym + 1));
  for (unsigned i = 0; i < f->k->nsym; i++) w.val[i] = f->k->sym[i].kind == SYM_DIM ? TYPICAL_DIM : 0;
  walk(&w, f->body);
  free(w.val);
  return w.n;
}
