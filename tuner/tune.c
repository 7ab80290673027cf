/* The tuning loop. A trial is asked for, built, checked, measured in rounds interleaved with the incumbent, told and
   recorded, in this order; whatever happens to it is a record. The strategy is always one batch ahead: while a batch is
   measured, the next one is built beside it (not where the kernel needs every core: then it is built afterwards). So
   the questions depend on the seed and the answers alone, not on which of the two was quicker. At the end the best few
   race each other and the default schedule in fresh rounds (the search was a selection, so its own samples flatter the
   winner); only an interval wholly below 1 is a win. */
#include "tuner/key.h"
#include "tuner/records.h"
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_BUILDS = 1024 };
enum {
  BATCH = 6,
  FINALISTS = 5,
  SCREEN_ROUNDS = 6,
  RACE_ROUNDS = 21,
  FINAL_ROUNDS = 60,
  MAX_SEEDS = 8,
  MAX_IMPORTED = 4
};

/* Times as long as the incumbent when both were checked: not timed; nothing is said about calls that are shorter. Of
   long calls a single one says more. BEHIND: no longer checked twice, but timed. */
static const double HOPELESS = 1.7, HOPELESS_S = 1e-3, LONG_HOPELESS = 1.4, LONG_BEHIND = 1.2, LONG_S = 3e-3;
static const double STOP = 2.0, LONG_STOP = 1.5; /* timed no further after one round, and less from round to round */
static const double RACE_SHARE = 0.1;            /* of the budget, for each of the two parts of the final race */

struct finalist {
  struct built built;
  double ratio;
}; /* ratio: to the default */
struct batch {
  struct sched sched[BATCH];
  unsigned n;
  bool asked;
}; /* asked: the builder has it */
struct loop {
  struct db *db;
  const struct tune_job *job;
  const struct tune_opts *o;
  struct tune_result *out;
  struct diag *d;
  struct arena *arena;
  struct bench bench;
  struct db_key key;
  uint8_t run_id[32];
  void *strategy;
  struct finalist base, best[FINALISTS]; /* base: the default schedule; best: fastest first */
  unsigned nbest;
  double base_s, started, last_progress, stored;
  double build[BUILD_STAGES + 1][MAX_BUILDS]; /* seconds that each variant took by stage, and together */
  unsigned nbuild;
  double modelled[MAX_BUILDS], measured[MAX_BUILDS]; /* of each trial that was timed, also in earlier runs */
  unsigned ntimed;
  unsigned proposed;
  bool overlap; /* a core is left for building while one is measured on */
  enum status st;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The time since `since` belongs to a phase. */
static void spent(struct loop *l, enum tune_phase phase, double since) {
  l->out->phase_s[phase] += now() - since;
}

static unsigned cpus(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static const char *canon(struct loop *l, const struct sched *s) {
  struct buf b;
  buf_init(&b);
  sched_print_canon(&b, s);
  const char *text = arena_strdup(l->arena, b.data ? b.data : "");
  buf_free(&b);
  return text;
}

static const char *readable(struct loop *l, const struct sched *s) {
  struct buf b;
  buf_init(&b);
  sched_print(&b, l->bench.gs, 0, s);
  const char *text = arena_strdup(l->arena, b.data ? b.data : "");
  buf_free(&b);
  return text;
}

static bool out_of_time(const struct loop *l) {
  if (l->o->stop && *l->o->stop) return true;
  if (l->o->max_trials && l->out->trials >= l->o->max_trials) return true;
  return l->o->budget_s > 0 && now() - l->started > 0.8 * l->o->budget_s; /* the rest is for the final race */
}

static void report(struct loop *l, bool done) {
  double t = now();
  if (!l->o->progress || (!done && t - l->last_progress < 0.1)) return;
  l->last_progress = t;
  const struct finalist *b = l->nbest ? &l->best[0] : &l->base;
  struct tune_progress p = {.name = l->job->bound->k->name,
                            .best_sched = readable(l, &b->built.sched),
                            .trials = l->out->trials,
                            .infeasible = l->out->infeasible,
                            .best_ratio = l->nbest && b->ratio < 1 ? b->ratio : 1,
                            .elapsed_s = t - l->started,
                            .left_s = l->o->budget_s > 0 ? l->o->budget_s - (t - l->started) : -1,
                            .done = done};
  l->o->progress(l->o->ctx, &p);
}

/* Records
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

static void record(struct loop *l, const struct built *c, int stage, const struct samples *s,
                   const struct interval *rel) {
  if (record_trial(l->db, &l->key, l->run_id, canon(l, &c->sched), c, stage, s, rel, l->d) != ST_OK) l->st = ST_ENV;
}

/* What a batch writes is one transaction: the disk is waited for once. */
static void store_begin(struct loop *l) {
  l->stored = now();
  if (db_together_begin(l->db, l->d) != ST_OK) l->st = ST_ENV;
}

static void store_end(struct loop *l) {
  if (db_together_end(l->db, l->d, l->st) != ST_OK) l->st = ST_ENV;
  spent(l, PHASE_STORE, l->stored);
}

/* Measuring
 * -------------------------------------------------------------------------------------------------------------------------------
 */

static void samples_free(struct samples *s, unsigned n) {
  for (unsigned i = 0; i < n; i++) free(s[i].s);
}

/* Interleaved rounds; what broke the worker is marked and the rest is measured again. */
static void rounds(struct loop *l, struct built **c, unsigned n, unsigned count, double stop_ratio, struct samples *s) {
  memset(s, 0, n * sizeof *s);
  for (unsigned again = 0; again <= n; again++) {
    struct candidate cand[FINALISTS + BATCH + 2];
    unsigned map[FINALISTS + BATCH + 2], m = 0, culprit = UINT32_MAX;
    for (unsigned i = 0; i < n; i++)
      if (c[i]->status == TRIAL_OK) {
        map[m] = i;
        cand[m++] = (struct candidate){&c[i]->object, l->bench.gs->k->name};
      }
    if (!m) return;
    struct samples got[FINALISTS + BATCH + 2] = {{0}};
    char why[256] = "";
    enum trial_status ts = l->bench.measure->time(l->bench.measure, cand, m, &l->bench.problem[INPUTS_RANDOM], count,
                                                  stop_ratio, got, &culprit, why);
    if (ts == TRIAL_OK) {
      for (unsigned i = 0; i < m; i++) {
        s[map[i]] = got[i];
        snprintf(c[map[i]]->device, sizeof c[map[i]]->device, "%.127s", l->bench.measure->note);
      }
      return;
    }
    samples_free(got, m);
    if (culprit >= m) culprit = m - 1;
    c[map[culprit]]->status = ts;
    snprintf(c[map[culprit]]->why, sizeof c[map[culprit]]->why, "%s", why);
  }
}

static void insert_best(struct loop *l, struct built *c, double ratio) {
  unsigned at = l->nbest;
  while (at > 0 && l->best[at - 1].ratio > ratio) at--;
  if (at >= FINALISTS) {
    built_free(c);
    return;
  }
  if (l->nbest == FINALISTS) built_free(&l->best[--l->nbest].built);
  memmove(&l->best[at + 1], &l->best[at], (l->nbest - at) * sizeof *l->best);
  l->best[at] = (struct finalist){*c, ratio};
  l->nbest++;
}

static void note_build(struct loop *l, const struct built *c) {
  if (c->status != TRIAL_OK || l->nbuild == MAX_BUILDS) return;
  double sum = 0;
  for (unsigned i = 0; i < BUILD_STAGES; i++) sum += l->build[i][l->nbuild] = c->stage_s[i];
  l->build[BUILD_STAGES][l->nbuild++] = sum;
}

/* The strategy learns of a trial; so do those who ask what the model is worth. */
static void tell(struct loop *l, const struct sched *s, bool ok, double cost) {
  struct trial t = {*s, ok, ok ? cost : 0};
  l->o->strategy->tell(l->strategy, &t);
  if (!ok || l->ntimed == MAX_BUILDS) return;
  l->modelled[l->ntimed] = cost_estimate(l->bench.gs, 0, s, &l->bench.target->limits, &l->bench.lower);
  l->measured[l->ntimed++] = cost;
}

/* Start: the default schedule is the baseline that every ratio refers to. */
static enum status measure_default(struct loop *l) {
  struct sched def = sched_default(l->bench.gs, 0, &l->bench.target->limits, &l->bench.lower);
  trial_build(&l->bench, &def, &l->base.built);
  trial_forgive(&l->base.built);
  struct built *c[1] = {&l->base.built};
  for (int kind = INPUTS_COUNT; kind-- > 0;)
    trial_check(&l->bench, c, 1, (enum inputs)kind, 0); /* the exact one last: run_s is compared with the candidates' */
  struct samples s = {0};
  if (c[0]->status == TRIAL_OK) rounds(l, c, 1, 11, 0, &s);
  if (c[0]->status != TRIAL_OK) {
    diag_error(l->d, (struct loc){0}, "the default schedule of '%s' failed (%s): %s", l->job->bound->k->name,
               trial_status_name[c[0]->status], c[0]->why);
    record(l, c[0], 0, NULL, NULL);
    return ST_INTERNAL;
  }
  l->base.ratio = 1;
  l->base_s = stats_quantile(s.s, s.n, 0.5);
  struct interval one = {1, 1, 1};
  record(l, c[0], 2, &s, &one);
  samples_free(&s, 1);
  note_build(l, c[0]);
  tell(l, &l->base.built.sched, true, l->base_s);
  return ST_OK;
}

/* One that was far behind when it was checked is not timed: the call of the check is its only sample. */
static bool hopeless(const struct built *c, const struct built *leader) {
  double times = leader->run_s > LONG_S ? LONG_HOPELESS : HOPELESS;
  return c->run_s > HOPELESS_S && leader->run_s > 0 && c->run_s > times * leader->run_s;
}

/* Seconds of a call after which a candidate is run no second time to check it. */
static double behind_s(const struct built *leader) {
  return leader->run_s > LONG_S ? LONG_BEHIND * leader->run_s : fmax(HOPELESS * leader->run_s, HOPELESS_S);
}

/* Rounds of n candidates that take no more than a share of the budget. */
static unsigned rounds_within(const struct loop *l, double share, unsigned n, unsigned most) {
  static const unsigned least = 9;
  double each = n * fmax(l->base_s, 2e-4), fit = share * l->o->budget_s / each;
  return l->o->budget_s <= 0 || fit > most ? most : fit < least ? least : (unsigned)fit;
}

static struct interval ratio_of(const struct built *c, const struct samples *s, const struct built *leader,
                                const struct samples *base, double base_ratio) {
  struct interval rel = {base_ratio * c->run_s / leader->run_s, 0, INFINITY};
  if (!s->n) return rel;
  rel = stats_ratio(s->s, base->s, s->n < base->n ? s->n : base->n);
  rel.mid = stats_quantile(s->s, s->n, 0) / stats_quantile(base->s, base->n, 0) * base_ratio;
  rel.lo *= base_ratio;
  rel.hi *= base_ratio;
  return rel;
}

static void conclude(struct loop *l, struct built *c, struct samples *s, const struct built *leader,
                     const struct samples *base, double base_ratio) {
  bool given_up = c->status == TRIAL_OK && hopeless(c, leader),
       timed = c->status == TRIAL_OK && (given_up || (s->n > 0 && base->n > 0));
  struct interval rel = timed ? ratio_of(c, s, leader, base, base_ratio) : (struct interval){0};
  struct samples one = {1, &c->run_s};
  record(l, c, 0, !timed ? NULL : given_up ? &one : s, timed ? &rel : NULL);
  tell(l, &c->sched, timed, rel.mid * l->base_s);
  l->out->trials++;
  l->out->infeasible += !timed;
  if (timed && !given_up)
    insert_best(l, c, rel.mid);
  else
    built_free(c);
}

/* A schedule that killed hone itself twice is not tried a third time. */
static bool mark_inflight(struct loop *l, struct built *c) {
  int tries = 0;
  if (db_inflight(l->db, &l->key, canon(l, &c->sched), &tries, l->d) != ST_OK) {
    l->st = ST_ENV;
    return false;
  }
  if (tries < 2) return true;
  c->status = TRIAL_CRASH;
  snprintf(c->why, sizeof c->why, "was in flight when earlier runs ended");
  return false;
}

static bool same_as_known(const struct loop *l, const struct built *c) {
  const struct buf *x = &c->object;
  if (x->len == l->base.built.object.len && !memcmp(x->data, l->base.built.object.data, x->len)) return true;
  for (unsigned i = 0; i < l->nbest; i++)
    if (x->len == l->best[i].built.object.len && !memcmp(x->data, l->best[i].built.object.data, x->len)) return true;
  return false;
}

/* Hands a batch to the builder. */
static void ask_builder(struct loop *l, struct batch *b) {
  for (unsigned i = 0; i < b->n && !b->asked; i++) trial_ask(&l->bench, &b->sched[i]);
  b->asked = true;
}

/* The variants of a batch as they come from the builder; those that are worth measuring go to out. */
static unsigned take_batch(struct loop *l, struct batch *b, struct built *out) {
  unsigned n = 0;
  ask_builder(l, b);
  for (unsigned i = 0; i < b->n; i++) {
    struct built *c = &out[n];
    double before = now();
    trial_take(&l->bench, &b->sched[i], c);
    spent(l, PHASE_BUILD, before);
    if (c->status == TRIAL_OK && same_as_known(l, c)) { /* the same machine code: nothing to learn */
      l->out->trials++;
      built_free(c);
      continue;
    }
    n++;
  }
  store_begin(l);
  for (unsigned i = 0; i < n; i++) (void)mark_inflight(l, &out[i]);
  store_end(l);
  b->n = 0;
  b->asked = false;
  return n;
}

static void measure_batch(struct loop *l, struct built *batch, unsigned n) {
  struct built *c[BATCH] = {NULL}, *timed[BATCH + 1];
  struct samples s[BATCH + 1], none = {0};
  struct finalist *incumbent = l->nbest ? &l->best[0] : &l->base;
  double base_ratio = incumbent->ratio;
  struct built leader =
      incumbent->built; /* shares the object: best[] may move while the batch is concluded, not before */
  unsigned m = 0, at[BATCH];
  for (unsigned i = 0; i < n; i++) c[i] = &batch[i];
  double before = now();
  trial_check(&l->bench, c, n, INPUTS_EXACT, behind_s(&leader));
  spent(l, PHASE_CHECK, before);
  for (unsigned i = 0; i < n; i++) note_build(l, c[i]);
  timed[m++] = &leader;
  for (unsigned i = 0; i < n; i++) {
    at[i] = 0;
    if (c[i]->status != TRIAL_OK || hopeless(c[i], &leader)) continue;
    at[i] = m;
    timed[m++] = c[i];
  }
  memset(s, 0, sizeof s);
  before = now();
  if (m > 1) rounds(l, timed, m, SCREEN_ROUNDS, leader.run_s > LONG_S ? LONG_STOP : STOP, s);
  spent(l, PHASE_TIME, before);
  store_begin(l);
  for (unsigned i = 0; i < n; i++) conclude(l, c[i], at[i] ? &s[at[i]] : &none, &leader, &s[0], base_ratio);
  store_end(l);
  samples_free(s, m);
}

static void run_batch(struct loop *l, struct batch *b) {
  struct built built[BATCH];
  unsigned n = take_batch(l, b, built);
  measure_batch(l, built, n);
  report(l, false);
}

static void run_one(struct loop *l, const struct sched *s) {
  struct batch b = {{*s}, 1, false};
  run_batch(l, &b);
}

static void propose(struct loop *l, struct batch *b) {
  unsigned want = BATCH, max = l->o->max_trials;
  *b = (struct batch){.n = 0};
  if (max && max - l->proposed < want) want = max - l->proposed;
  double before = now();
  if (want) b->n = l->o->strategy->ask(l->strategy, b->sched, want);
  spent(l, PHASE_PROPOSE, before);
  l->proposed += b->n;
  if (l->overlap) ask_builder(l, b);
}

static void search(struct loop *l) {
  struct batch next;
  l->proposed = l->out->trials;
  propose(l, &next);
  while (l->st == ST_OK && next.n && !out_of_time(l)) {
    struct built built[BATCH];
    unsigned n = take_batch(l, &next, built);
    propose(l, &next);
    measure_batch(l, built, n);
    report(l, false);
  }
}

/* The model searches without a clock; its choice is built and checked here and meets the default schedule in the final
 * race. */
static void search_estimate(struct loop *l) {
  struct sched s;
  while (l->st == ST_OK && l->o->strategy->ask(l->strategy, &s, 1)) {
    struct built c;
    struct built *one = &c;
    trial_build(&l->bench, &s, &c);
    trial_check(&l->bench, &one, 1, INPUTS_EXACT, 0);
    note_build(l, &c);
    l->out->trials++;
    if (c.status != TRIAL_OK) l->out->infeasible++;
    record(l, &c, 0, NULL, NULL);
    if (c.status == TRIAL_OK)
      insert_best(l, &c, 1);
    else
      built_free(&c);
  }
}

/* End: finalists are checked on fresh kinds of inputs and race in fresh rounds. */
static void final_race(struct loop *l) {
  struct built *c[FINALISTS + 1];
  unsigned n = 0;
  for (unsigned i = 0; i < l->nbest; i++) c[i] = &l->best[i].built;
  trial_check(&l->bench, c, l->nbest, INPUTS_RANDOM, 0);
  trial_check(&l->bench, c, l->nbest, INPUTS_SPECIAL, 0);
  c[n++] = &l->base.built;
  for (unsigned i = 0; i < l->nbest; i++) {
    if (l->best[i].built.status != TRIAL_OK)
      record(l, &l->best[i].built, 1, NULL, NULL);
    else
      c[n++] = &l->best[i].built;
  }
  struct samples s[FINALISTS + 1];
  rounds(l, c, n, rounds_within(l, RACE_SHARE, n, RACE_ROUNDS), 0, s);
  unsigned first = 0;
  double best = s[0].n ? stats_quantile(s[0].s, s[0].n, 0.2) : INFINITY;
  for (unsigned i = 1; i < n; i++) {
    if (c[i]->status != TRIAL_OK || !s[i].n) continue;
    struct interval rel = stats_ratio(s[i].s, s[0].s, s[i].n < s[0].n ? s[i].n : s[0].n);
    record(l, c[i], 1, &s[i], &rel);
    double q = stats_quantile(s[i].s, s[i].n, 0.2);
    if (q < best) {
      best = q;
      first = i;
    }
  }
  samples_free(s, n);
  l->out->sched = l->base.built.sched;
  l->out->seconds = l->base_s;
  l->out->ratio = l->out->ratio_lo = l->out->ratio_hi = 1;
  if (!first) return;
  struct built *pair[2] = {&l->base.built, c[first]};
  rounds(l, pair, 2, rounds_within(l, RACE_SHARE, 2, FINAL_ROUNDS), 0, s);
  if (pair[1]->status == TRIAL_OK && s[1].n) {
    struct interval rel = stats_ratio(s[1].s, s[0].s, s[1].n < s[0].n ? s[1].n : s[0].n);
    record(l, pair[1], 2, &s[1], &rel);
    if (rel.hi < 1) {
      l->out->won = true;
      l->out->sched = pair[1]->sched;
      l->out->seconds = stats_quantile(s[1].s, s[1].n, 0.5);
      l->out->ratio = rel.mid;
      l->out->ratio_lo = rel.lo;
      l->out->ratio_hi = rel.hi;
    }
  }
  samples_free(s, 2);
}

/* Trials of earlier runs: the strategy learns from them, and does not ask for them again. */
static void resume(struct loop *l) {
  struct db_records all;
  if (db_records(l->db, l->arena, &l->key, &all, l->d) != ST_OK) return;
  for (unsigned i = 0; i < all.n; i++) {
    struct sched s;
    bool ok = !strcmp(all.r[i].status, "ok") && all.r[i].rel_ppm > 0;
    if (!all.r[i].trusted || sched_parse_canon(all.r[i].sched, strlen(all.r[i].sched), &s) != ST_OK) continue;
    if (sched_is_plain(&s)) continue; /* tune_plain's */
    tell(l, &s, ok, (double)all.r[i].rel_ppm * 1e-6 * l->base_s);
  }
}

/* The best earlier record joins the race, so that a second run never ends worse than the first. */
static void revive_winner(struct loop *l) {
  struct db_record w;
  enum match how;
  struct sched s;
  if (db_winner(l->db, l->arena, &l->key, &w, &how, l->d) != ST_OK || how != MATCH_EXACT) return;
  if (sched_parse_canon(w.sched, strlen(w.sched), &s) != ST_OK || sched_eq(&s, &l->base.built.sched)) return;
  if (!sched_is_plain(&s)) run_one(l, &s);
}

static struct finalist *finalist_of(struct loop *l, const struct sched *s) {
  for (unsigned i = 0; i < l->nbest; i++)
    if (sched_eq(&l->best[i].built.sched, s)) return &l->best[i];
  return NULL;
}

/* Records that came from elsewhere: each is run through the checks here and timed against the default; only one that
 * holds may win from now on. */
static void try_imported(struct loop *l) {
  struct db_records u;
  if (db_untrusted(l->db, l->arena, &l->key, MAX_IMPORTED, &u, l->d) != ST_OK) return;
  for (unsigned i = 0; i < u.n && l->st == ST_OK && !out_of_time(l); i++) {
    struct sched s;
    struct finalist *f = NULL;
    if (!strcmp(u.r[i].sched, "plain")) continue; /* judged by tune_whole */
    if (sched_parse_canon(u.r[i].sched, strlen(u.r[i].sched), &s) == ST_OK && !sched_eq(&s, &l->base.built.sched) &&
        !legal_sched(l->arena, l->bench.gs, 0, &s, &l->bench.target->limits, &l->bench.lower)) {
      if (!finalist_of(l, &s)) run_one(l, &s);
      f = finalist_of(l, &s);
    }
    if (f) {
      struct built *one = &f->built;
      trial_check(&l->bench, &one, 1, INPUTS_RANDOM, 0);
      trial_check(&l->bench, &one, 1, INPUTS_SPECIAL, 0);
    }
    bool holds = f && f->built.status == TRIAL_OK && f->ratio < 1;
    if (db_trust(l->db, u.r[i].id, holds, l->d) != ST_OK) l->st = ST_ENV;
  }
}

static enum status open_all(struct loop *l) {
  const struct tune_job *j = l->job;
  const struct tune_opts *o = l->o;
  key_make(l->arena, j->symbolic, j->gsym, j->bound, j->gbound, j->value, j->target, o->threads, o->cold, o->fp,
           &l->key);
  enum status st = bench_open(&l->bench, j, o, l->d);
  if (st != ST_OK) return st;
  return record_run(l->db, l->run_id, l->d);
}

static void build_times(struct loop *l) {
  for (unsigned i = 0; i <= BUILD_STAGES && l->nbuild; i++) {
    l->out->build_s[i] = stats_quantile(l->build[i], l->nbuild, 0.5);
    l->out->build_p95_s[i] = stats_quantile(l->build[i], l->nbuild, 0.95);
  }
}

static enum status run_loop(struct loop *l) {
  struct space sp = {.gs = l->bench.gs, .lim = &l->bench.target->limits, .opts = l->bench.lower};
  space_open(&sp);
  struct sched seeds[MAX_SEEDS];
  unsigned nseeds = 0;
  (void)db_seeds(l->db, l->arena, &l->key, seeds, MAX_SEEDS, &nseeds, l->d);
  unsigned kept = 0;
  for (unsigned i = 0; i < nseeds; i++)
    if (!legal_sched(l->arena, sp.gs, 0, &seeds[i], sp.lim, &sp.opts)) seeds[kept++] = seeds[i];
  l->strategy = l->o->strategy->open(&sp, l->o->seed, seeds, kept);
  enum status st = measure_default(l);
  if (st == ST_OK) {
    resume(l);
    if (l->o->strategy->measures) {
      revive_winner(l);
      if (l->job->start) run_one(l, l->job->start);
      try_imported(l);
      search(l);
    } else {
      search_estimate(l);
    }
    double before = now();
    if (l->st == ST_OK) final_race(l);
    spent(l, PHASE_RACE, before);
    build_times(l);
    l->out->spearman = stats_spearman(l->modelled, l->measured, l->ntimed);
    l->out->timed = l->ntimed;
    report(l, true);
  }
  l->o->strategy->close(l->strategy);
  return st != ST_OK ? st : l->st;
}

enum status tune_group(struct db *db, const struct tune_job *job, const struct tune_opts *o, struct tune_result *out,
                       struct diag *d) {
  struct loop *l = xmalloc(sizeof *l);
  *l = (struct loop){
      .db = db, .job = job, .o = o, .out = out, .d = d, .arena = arena_new(), .started = now(), .st = ST_OK};
  l->overlap = cpus() > (o->threads ? o->threads : 1);
  memset(out, 0, sizeof *out);
  enum status st = open_all(l);
  if (st == ST_OK) st = run_loop(l);
  for (unsigned i = 0; i < l->nbest; i++) built_free(&l->best[i].built);
  built_free(&l->base.built);
  bench_close(&l->bench);
  arena_free(l->arena);
  free(l);
  return st;
}
