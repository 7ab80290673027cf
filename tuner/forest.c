/* Strategy `forest`: local search led by a random forest that is fitted to the trials so far. Proposals are neighbours
   of the best few and random schedules; each is scored by the expected improvement (mean and deviation over the trees),
   three of four places go to neighbours. A forest, because it needs no tuning of its own and is honest about what it
   has not seen; local candidates, because without them the last per cents are missed; a deviation, because without one
   it stalls. What it learns is how far the analytic model (cost.c) is off, where that varies less than the times
   themselves: so the first proposals are already sensible. */
#include "tuner/elite.h"
#include "tuner/plan.h"
#include "tuner/seen.h"
#include "tuner/strategy.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  AXES = 6,
  OPERANDS = 6,
  SAMPLES = 1024,
  TREES = 24,
  LEAF = 3,
  NODES = 2 * SAMPLES,
  ELITE = 4,
  START = 12,
  NEAR = 45,
  FAR = 90,
  POOL = ELITE * NEAR + FAR
};
enum {
  F_TILE = COST_PARTS,
  F_PLACE = F_TILE + 3 * AXES,
  F_OPERAND = F_PLACE + 3 * AXES,
  F_KIND = F_OPERAND + 2 * OPERANDS,
  FEATURES = F_KIND + 2 * STEP_COUNT
};
static const double CAP = 2.5, INFEASIBLE = 0.5; /* in units of log time: no disaster may dominate the splits */

struct sample {
  float x[FEATURES];
  double y;
  bool ok;
}; /* y: log of the cost */
struct node {
  int16_t feature;
  uint16_t left;
  float at, value;
}; /* feature -1: a leaf; right child: left + 1 */
struct tree {
  unsigned n;
  struct node node[NODES];
};
struct proposal {
  struct sched s;
  struct sample f;
  double score;
  bool near;
};
struct state {
  const struct space *sp;
  uint64_t rng;
  struct seen_set seen;
  struct sched seed[16];
  unsigned nseed, next, asked;
  struct trial elite[ELITE]; /* best first */
  unsigned nelite, n, fitted;
  struct sample sample[SAMPLES];
  bool residual;
  struct tree tree[TREES];
  struct proposal pool[POOL];
};

/* Features
 * --------------------------------------------------------------------------------------------------------------------------------
 */

static float size_log(double v) {
  return (float)log2(v > 0 ? v : 1);
}

static void features(const struct space *sp, const struct sched *s, float *x) {
  double part[COST_PARTS];
  struct plan p = plan_of(sp, s);
  memset(x, 0, FEATURES * sizeof *x);
  bool known = cost_parts(sp->gs, sp->g, s, sp->lim, &sp->opts, part);
  for (unsigned i = 0; i < COST_PARTS && known; i++) x[i] = (float)log(part[i] + 1e-12);
  for (unsigned a = 0; a < p.naxis && a < AXES; a++)
    for (unsigned l = 0; l < 3; l++) x[F_TILE + 3 * a + l] = size_log(p.tile[a][l]);
  for (unsigned i = 0; i < p.norder; i++) {
    unsigned a = LOOP_AXIS(p.order[i]), l = LOOP_LEVEL(p.order[i]);
    if (a < AXES && l < 3) x[F_PLACE + 3 * a + l] = (float)(i + 1);
  }
  for (unsigned i = 0; i < s->nstep; i++) {
    struct step t = s->step[i];
    const uint8_t *at = memchr(p.order, t.loop, p.norder);
    float place = at ? (float)(at - p.order + 1) : 0;
    if (t.kind == STEP_tile || t.kind == STEP_order) continue;
    bool copies = t.kind == STEP_pack || t.kind == STEP_copy;
    if (copies && t.arg >= 0 && t.arg < OPERANDS) {
      x[F_OPERAND + 2 * t.arg] = t.kind == STEP_pack ? 2 : 1;
      x[F_OPERAND + 2 * t.arg + 1] = place;
    } else {
      x[F_KIND + 2 * t.kind] = 1 + place;
      x[F_KIND + 2 * t.kind + 1] = t.kind == STEP_unroll ? size_log(t.arg) : (float)t.arg;
    }
  }
}

/* Forest
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

static unsigned below(struct state *s, unsigned n) {
  return (unsigned)(rng_next(&s->rng) % n);
}

static double target(const struct state *s, const struct sample *p) {
  return s->residual ? p->y - (double)p->x[0] : p->y;
}

static double mean_of(const struct state *s, const uint16_t *at, unsigned n) {
  double sum = 0;
  for (unsigned i = 0; i < n; i++) sum += target(s, &s->sample[at[i]]);
  return sum / n;
}

/* How much of the squared error a split leaves; INFINITY when one side is too small. */
static double split_error(const struct state *s, const uint16_t *at, unsigned n, unsigned f, float t) {
  double sum[2] = {0}, square[2] = {0};
  unsigned count[2] = {0};
  for (unsigned i = 0; i < n; i++) {
    const struct sample *p = &s->sample[at[i]];
    double y = target(s, p);
    bool right = p->x[f] > t;
    sum[right] += y;
    square[right] += y * y;
    count[right]++;
  }
  if (count[0] < LEAF || count[1] < LEAF) return INFINITY;
  return square[0] - sum[0] * sum[0] / count[0] + square[1] - sum[1] * sum[1] / count[1];
}

static void grow(struct state *s, struct tree *t, unsigned node, uint16_t *at, unsigned n) {
  struct node leaf = {.feature = -1, .value = (float)mean_of(s, at, n)};
  double best = INFINITY;
  int16_t feature = -1;
  float cut = 0;
  for (unsigned f = 0; f < FEATURES && n >= 2 * LEAF && t->n + 2 <= NODES; f++) {
    if (below(s, 3) == 0) continue;
    float a = s->sample[at[below(s, n)]].x[f], b = s->sample[at[below(s, n)]].x[f];
    if (a == b) continue;
    float c = (a + b) / 2;
    double e = split_error(s, at, n, f, c);
    if (e < best) {
      best = e;
      feature = (int16_t)f;
      cut = c;
    }
  }
  t->node[node] = leaf;
  if (feature < 0) return;
  unsigned left = 0;
  for (unsigned i = 0; i < n; i++)
    if (s->sample[at[i]].x[feature] <= cut) {
      uint16_t swap = at[i];
      at[i] = at[left];
      at[left++] = swap;
    }
  t->node[node] = (struct node){feature, (uint16_t)t->n, cut, leaf.value};
  t->n += 2;
  unsigned child = t->n - 2;
  grow(s, t, child, at, left);
  grow(s, t, child + 1, at + left, n - left);
}

/* Does the model leave less to explain than the times themselves? */
static bool model_helps(struct state *s) {
  double sum[2] = {0}, square[2] = {0};
  for (unsigned i = 0; i < s->n; i++)
    for (unsigned k = 0; k < 2; k++) {
      s->residual = k == 1;
      double y = target(s, &s->sample[i]);
      sum[k] += y;
      square[k] += y * y;
    }
  return square[1] - sum[1] * sum[1] / s->n < square[0] - sum[0] * sum[0] / s->n;
}

static double best_log(const struct state *s) {
  return log(s->elite[0].cost);
}

static void fit(struct state *s) {
  uint16_t at[SAMPLES];
  double worst = -INFINITY, most = best_log(s) + CAP;
  for (unsigned i = 0; i < s->n; i++)
    if (s->sample[i].ok) {
      if (s->sample[i].y > most) s->sample[i].y = most;
      worst = fmax(worst, s->sample[i].y);
    }
  for (unsigned i = 0; i < s->n; i++)
    if (!s->sample[i].ok) s->sample[i].y = worst + INFEASIBLE;
  s->residual = model_helps(s);
  for (unsigned k = 0; k < TREES; k++) {
    for (unsigned i = 0; i < s->n; i++) at[i] = (uint16_t)below(s, s->n);
    s->tree[k].n = 1;
    grow(s, &s->tree[k], 0, at, s->n);
  }
  s->fitted = s->n;
}

static double ask_tree(const struct tree *t, const float *x) {
  unsigned i = 0;
  while (t->node[i].feature >= 0) i = t->node[i].left + (x[t->node[i].feature] > t->node[i].at);
  return (double)t->node[i].value;
}

/* Expected improvement over the best, in log time. */
static double improvement(const struct state *s, const float *x) {
  double sum = 0, square = 0;
  for (unsigned k = 0; k < TREES; k++) {
    double y = ask_tree(&s->tree[k], x);
    sum += y;
    square += y * y;
  }
  double n = TREES, mean = sum / n, var = square / n - mean * mean, dev = sqrt(var > 1e-6 ? var : 1e-6);
  if (s->residual) mean += (double)x[0];
  double gain = best_log(s) - mean, z = gain / dev;
  return gain * 0.5 * erfc(-z * M_SQRT1_2) + dev * exp(-0.5 * z * z) * 0.3989422804014327;
}

/* Strategy
 * --------------------------------------------------------------------------------------------------------------------------------
 */

static void *forest_open(const struct space *sp, uint64_t seed, const struct sched *seeds, unsigned nseeds) {
  struct state *s = xmalloc(sizeof *s);
  s->sp = sp;
  s->rng = seed;
  for (; s->nseed < nseeds && s->nseed < 16; s->nseed++) s->seed[s->nseed] = seeds[s->nseed];
  return s;
}

static bool neighbour(struct state *s, const struct sched *from, struct sched *out) {
  if (!space_neighbour(s->sp, &s->rng, from, out)) return false;
  struct sched y;
  if (below(s, 3) == 0 && space_neighbour(s->sp, &s->rng, out, &y)) *out = y; /* two steps away */
  return true;
}

/* Fills the pool with what was not asked yet, scored by the forest. */
static unsigned gather(struct state *s) {
  unsigned n = 0;
  for (unsigned i = 0; i < POOL; i++) {
    struct proposal *p = &s->pool[n];
    p->near = i < s->nelite * NEAR;
    bool ok = p->near ? neighbour(s, &s->elite[i / NEAR].sched, &p->s)
                      : i >= ELITE * NEAR && space_random(s->sp, &s->rng, &p->s);
    if (!ok || seen_has(&s->seen, &p->s)) continue;
    bool twice = false;
    for (unsigned j = 0; j < n && !twice; j++) twice = sched_eq(&s->pool[j].s, &p->s);
    if (twice) continue;
    features(s->sp, &p->s, p->f.x);
    p->score = improvement(s, p->f.x);
    n++;
  }
  return n;
}

/* The best of the pool that is new: near ones for three of four places. */
static bool take(struct state *s, unsigned n, bool near_only, struct sched *out) {
  for (;;) {
    struct proposal *best = NULL;
    for (unsigned i = 0; i < n; i++)
      if ((s->pool[i].near || !near_only) && s->pool[i].score >= 0 && (!best || s->pool[i].score > best->score))
        best = &s->pool[i];
    if (!best) return false;
    *out = best->s;
    best->score = -1;
    if (seen_add(&s->seen, s->sp, out)) return true;
  }
}

/* Before there is enough to learn from: seeds, then the best by the model of a few random schedules. */
static bool start(struct state *s, struct sched *out) {
  while (s->next < s->nseed) {
    *out = s->seed[s->next++];
    if (seen_add(&s->seen, s->sp, out)) return true;
  }
  for (unsigned tries = 0; tries < 60; tries++) {
    double best = INFINITY;
    for (unsigned i = 0; i < 6; i++) {
      struct sched x;
      if (!space_random(s->sp, &s->rng, &x)) continue;
      double c = cost_estimate(s->sp->gs, s->sp->g, &x, s->sp->lim, &s->sp->opts);
      if (c < best) {
        best = c;
        *out = x;
      }
    }
    if (best < INFINITY && seen_add(&s->seen, s->sp, out)) return true;
  }
  return false;
}

static unsigned forest_ask(void *state, struct sched *out, unsigned n) {
  struct state *s = state;
  unsigned got = 0;
  while (got < n && (s->asked < START || s->n < 2 * LEAF || !s->nelite) && start(s, &out[got])) got++, s->asked++;
  if (got) return got;
  if (!s->nelite || s->n < 2 * LEAF) return 0;
  if (s->fitted != s->n) fit(s);
  unsigned pool = gather(s);
  while (got < n && (take(s, pool, s->asked % 4 != 3, &out[got]) || take(s, pool, false, &out[got]))) got++, s->asked++;
  return got;
}

static void forest_tell(void *state, const struct trial *t) {
  struct state *s = state;
  (void)seen_add(&s->seen, s->sp, &t->sched);
  if (s->n < SAMPLES) {
    struct sample *p = &s->sample[s->n++];
    features(s->sp, &t->sched, p->x);
    p->ok = t->ok;
    p->y = t->ok ? log(t->cost) : 0;
  }
  s->nelite = elite_add(s->elite, s->nelite, ELITE, t);
}

static void forest_close(void *state) {
  struct state *s = state;
  seen_free(&s->seen);
  free(s);
}

const struct strategy strategy_forest = {
    "forest",    "local search led by a forest learnt from the trials", true, forest_open, forest_ask, forest_tell,
    forest_close};
