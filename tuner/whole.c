/* A whole kernel: do the winners of its groups, put together, beat the defaults put together? Does the C function as
 * written? One record of each. */
#include "tuner/key.h"
#include "tuner/records.h"
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 41, MAX_IMPORTED = 4 };

static void build_and_check(struct bench *b, const struct sched *s, struct built *c) {
  trial_build(b, s, c);
  trial_forgive(c); /* groups were judged one by one */
  for (int kind = 0; kind < INPUTS_COUNT; kind++) trial_check(b, &c, 1, (enum inputs)kind, 0);
}

struct pair {
  struct built built[2];
  struct samples s[2];
  const char *text[2];
}; /* 0: the defaults, 1: the winners */

static enum status measure(struct bench *b, struct pair *p) {
  struct candidate cand[2] = {{&p->built[0].object, b->gs->k->name}, {&p->built[1].object, b->gs->k->name}};
  unsigned culprit = 0;
  enum trial_status ts =
      b->measure->time(b->measure, cand, 2, &b->problem[INPUTS_RANDOM], ROUNDS, 0, p->s, &culprit, p->built[1].why);
  if (ts == TRIAL_OK) return ST_OK;
  p->built[culprit < 2 ? culprit : 1].status = ts;
  return ST_INFEASIBLE;
}

static enum status conclude(struct db *db, const struct db_key *key, struct pair *p, struct tune_result *out,
                            struct diag *d) {
  uint8_t run[32];
  enum status st = record_run(db, run, d);
  if (st != ST_OK) return st;
  struct interval one = {1, 1, 1};
  st = record_trial(db, key, run, p->text[0], &p->built[0], 2, &p->s[0], &one, d);
  if (st != ST_OK || !strcmp(p->text[0], p->text[1])) return st;
  struct interval rel = {0};
  bool timed = p->built[1].status == TRIAL_OK && p->s[1].n;
  if (timed) rel = stats_ratio(p->s[1].s, p->s[0].s, p->s[1].n < p->s[0].n ? p->s[1].n : p->s[0].n);
  st = record_trial(db, key, run, p->text[1], &p->built[1], 2, timed ? &p->s[1] : NULL, timed ? &rel : NULL, d);
  if (!timed) return st;
  out->won = rel.hi < 1;
  out->ratio = rel.mid;
  out->ratio_lo = rel.lo;
  out->ratio_hi = rel.hi;
  out->seconds = stats_quantile(p->s[1].s, p->s[1].n, 0.5);
  return st;
}

/* "… | …": one legal schedule for each group. */
static bool parse_joined(struct bench *b, const char *text, struct sched *out) {
  for (unsigned g = 0; g < b->gs->n; g++) {
    const char *bar = strstr(text, " | ");
    size_t len = bar ? (size_t)(bar - text) : strlen(text);
    if (!bar != (g + 1u == b->gs->n) || sched_parse_canon(text, len, &out[g]) != ST_OK) return false;
    if (legal_sched(b->arena, b->gs, g, &out[g], &b->target->limits, &b->lower)) return false;
    text += len + 3;
  }
  return true;
}

/* Records of the whole that came from elsewhere may win once they passed the checks here and beat the defaults here. */
static enum status try_imported(struct db *db, struct bench *b, const struct db_key *key, const struct built *def,
                                struct diag *d) {
  struct db_records u;
  struct sched *s = ARENA_NEW(b->arena, struct sched, b->gs->n + 1u);
  enum status st = db_untrusted(db, b->arena, key, MAX_IMPORTED, &u, d);
  for (unsigned i = 0; st == ST_OK && i < u.n; i++) {
    struct pair p = {.built = {*def}};
    bool holds = parse_joined(b, u.r[i].sched, s);
    if (holds) {
      build_and_check(b, s, &p.built[1]);
      holds = p.built[1].status == TRIAL_OK && measure(b, &p) == ST_OK && p.s[0].n && p.s[1].n &&
              stats_ratio(p.s[1].s, p.s[0].s, p.s[1].n < p.s[0].n ? p.s[1].n : p.s[0].n).mid < 1;
      built_free(&p.built[1]);
    }
    st = db_trust(db, u.r[i].id, holds, d);
    free(p.s[0].s);
    free(p.s[1].s);
  }
  return st;
}

static enum status run(struct db *db, const struct tune_job *job, const struct sched *sched, struct bench *b,
                       const struct db_key *key, struct tune_result *out, struct diag *d) {
  struct sched *def = ARENA_NEW(b->arena, struct sched, b->gs->n + 1u);
  for (unsigned g = 0; g < b->gs->n; g++) def[g] = sched_default(b->gs, g, &b->target->limits, &b->lower);
  struct pair p = {.text = {sched_joined(b->arena, def, b->gs->n), sched_joined(b->arena, sched, b->gs->n)}};
  build_and_check(b, def, &p.built[0]);
  build_and_check(b, sched, &p.built[1]);
  enum status st = ST_OK;
  if (p.built[0].status != TRIAL_OK) {
    diag_error(d, (struct loc){0}, "the default schedules of '%s' failed (%s): %s", job->bound->k->name,
               trial_status_name[p.built[0].status], p.built[0].why);
    st = ST_INTERNAL;
  } else {
    if (p.built[1].status == TRIAL_OK) (void)measure(b, &p);
    st = conclude(db, key, &p, out, d);
    if (st == ST_OK) st = try_imported(db, b, key, &p.built[0], d);
  }
  for (unsigned i = 0; i < 2; i++) {
    free(p.s[i].s);
    built_free(&p.built[i]);
  }
  return st;
}

enum status tune_whole(struct db *db, const struct tune_job *job, const struct sched *sched, const struct tune_opts *o,
                       struct tune_result *out, struct diag *d) {
  struct bench b;
  struct db_key key;
  memset(out, 0, sizeof *out);
  out->ratio = out->ratio_lo = out->ratio_hi = 1;
  enum status st = bench_open(&b, job, o, d);
  if (st == ST_OK) {
    unsigned gs = job->symbolic->n == 1 ? 0 : KEY_WHOLE, gb = job->bound->n == 1 ? 0 : KEY_WHOLE;
    key_make(b.arena, job->symbolic, gs, job->bound, gb, job->value, job->target, o->threads, o->cold, o->fp, &key);
    st = run(db, job, sched, &b, &key, out, d);
  }
  bench_close(&b);
  return st;
}
