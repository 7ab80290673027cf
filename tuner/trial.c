/* One candidate: lower, emit, run once, compare. Everything that goes wrong is an ordinary answer. */
#include "tuner/key.h"
#include "tuner/trial.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status open_inputs(struct bench *b, const int64_t *value, enum inputs kind, const struct tune_opts *o,
                               struct diag *d) {
  enum status st = check_problem(b->arena, b->gs->k, value, kind, o->seed + kind, o->threads, &b->problem[kind], d);
  if (st != ST_OK) return st;
  b->problem[kind].cold = o->cold;
  check_allow(&b->problem[kind], o->fp >= FP_TF32, o->fp == FP_FAST, b->target->limits.fp8 && o->fp != FP_STRICT);
  b->reference[kind] = check_reference(b->arena, &b->problem[kind], d);
  if (!b->reference[kind]) return ST_INFEASIBLE;
  b->has[kind] = true;
  return ST_OK;
}

/* Equations ask for no dim any more: they are constants. The function as written does. */
static int64_t *values_of(struct bench *b, const struct tune_job *job) {
  int64_t *value = ARENA_NEW(b->arena, int64_t, b->gs->k->nsym + 1u);
  unsigned n = job->symbolic->k->nsym < b->gs->k->nsym ? job->symbolic->k->nsym : b->gs->k->nsym;
  if (b->gs == job->bound) memcpy(value, job->value, n * sizeof *value);
  return value;
}

enum status bench_open(struct bench *b, const struct tune_job *job, const struct tune_opts *o, struct diag *d) {
  memset(b, 0, sizeof *b);
  b->arena = arena_new();
  bool whole = job->gbound == KEY_WHOLE;
  b->gs = whole ? (struct groups *)job->bound : group_extract(b->arena, job->bound, job->gbound);
  b->target = job->target;
  b->lower = lower_opts_for(job->target, o->fp, o->threads);
  b->measure = o->measure;
  b->builder = builder_open(b->gs, b->target, &b->lower, o->ptxas);
  if (!b->builder) {
    diag_error(d, (struct loc){0}, "cannot start a process that builds candidates: %s", strerror(errno));
    return ST_ENV;
  }
  int64_t *value = values_of(b, job);
  enum status st = open_inputs(b, value, INPUTS_EXACT, o, d);
  if (st == ST_OK) st = open_inputs(b, value, INPUTS_RANDOM, o, d);
  if (st == ST_OK) st = open_inputs(b, value, INPUTS_SPECIAL, o, d);
  return st;
}

void bench_close(struct bench *b) {
  builder_close(b->builder);
  arena_free(b->arena);
  memset(b, 0, sizeof *b);
}

void trial_ask(struct bench *b, const struct sched *s) {
  builder_ask(b->builder, s);
}

void trial_take(struct bench *b, const struct sched *s, struct built *out) {
  memset(out, 0, sizeof *out);
  out->sched = *s;
  buf_init(&out->object);
  struct build_result r = builder_take(b->builder, &out->object);
  out->status = r.status;
  memcpy(out->stage_s, r.stage_s, sizeof out->stage_s);
  bool slow = r.status == TRIAL_OK && *r.fault;
  if (slow) out->status = TRIAL_COMPILE;
  snprintf(out->why, sizeof out->why, "%s", slow ? r.fault : r.why);
  snprintf(out->note, sizeof out->note, "%s", r.note);
}

void trial_forgive(struct built *c) {
  if (c->status == TRIAL_COMPILE && c->object.len) c->status = TRIAL_OK;
}

void trial_build(struct bench *b, const struct sched *s, struct built *out) {
  trial_ask(b, s);
  trial_take(b, s, out);
}

struct checking {
  struct bench *b;
  enum inputs kind;
  struct built *c[TRIAL_TOGETHER];
};

static void compare(void *ctx, unsigned i, const struct args *got) {
  struct checking *x = ctx;
  struct built *c = x->c[i];
  struct evidence ev = {.seed = c->ev.seed};
  bool right = check_compare(&x->b->problem[x->kind], x->b->reference[x->kind], got, &ev);
  c->ev.passes++;
  c->ev.seed = ev.seed;
  if (ev.worst > c->ev.worst) c->ev.worst = ev.worst;
  if (right) return;
  c->status = TRIAL_WRONG;
  snprintf(c->why, sizeof c->why, "%s", ev.where);
}

void trial_check(struct bench *b, struct built *const *c, unsigned n, enum inputs kind, double give_up_s) {
  struct checking x = {.b = b, .kind = kind};
  struct candidate cand[TRIAL_TOGETHER];
  struct run run[TRIAL_TOGETHER];
  unsigned m = 0;
  if (!b->has[kind]) return;
  for (unsigned i = 0; i < n && m < TRIAL_TOGETHER; i++)
    if (c[i]->status == TRIAL_OK) {
      x.c[m] = c[i];
      cand[m++] = (struct candidate){&c[i]->object, b->gs->k->name};
    }
  if (!m) return;
  b->measure->run(b->measure, cand, m, &b->problem[kind], give_up_s, run, compare, &x);
  for (unsigned i = 0; i < m; i++) {
    x.c[i]->run_s = run[i].seconds;
    x.c[i]->stage_s[BUILD_LOAD] = run[i].load_s;
    if (run[i].status == TRIAL_OK) continue;
    x.c[i]->status = run[i].status;
    snprintf(x.c[i]->why, sizeof x.c[i]->why, "%s", run[i].why);
  }
}

void built_free(struct built *c) {
  buf_free(&c->object);
}
