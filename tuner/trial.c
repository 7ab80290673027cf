/* One candidate: lower, emit, run once, compare. Everything that goes wrong is an ordinary answer. */
#include "tuner/key.h"
#include "tuner/trial.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status open_inputs(struct bench *b, const int64_t *value, enum inputs kind, const struct tune_opts *o, struct diag *d) {
  enum status st = check_problem(b->arena, b->gs->k, value, kind, o->seed + kind, o->threads, &b->problem[kind], d);
  if (st != ST_OK) return st;
  b->problem[kind].cold = o->cold;
  b->reference[kind] = check_reference(b->arena, &b->problem[kind], d);
  if (!b->reference[kind]) return ST_INFEASIBLE;
  b->has[kind] = true;
  return ST_OK;
}

enum status bench_open(struct bench *b, const struct groups *bound, unsigned g, const struct target *t, const struct tune_opts *o, struct diag *d) {
  memset(b, 0, sizeof *b);
  b->arena = arena_new();
  b->gs = g == KEY_WHOLE ? (struct groups *)bound : group_extract(b->arena, bound, g);
  b->target = t;
  b->lower = (struct lower_opts){o->strict, o->threads};
  b->measure = o->measure;
  int64_t *value = ARENA_NEW(b->arena, int64_t, b->gs->k->nsym + 1); /* dims are constants by now: none is asked for */
  enum status st = open_inputs(b, value, INPUTS_EXACT, o, d);
  if (st == ST_OK) st = open_inputs(b, value, INPUTS_RANDOM, o, d);
  if (st == ST_OK) st = open_inputs(b, value, INPUTS_SPECIAL, o, d);
  return st;
}

void bench_close(struct bench *b) {
  arena_free(b->arena);
  memset(b, 0, sizeof *b);
}

void trial_build(struct bench *b, const struct sched *s, struct built *out) {
  memset(out, 0, sizeof *out);
  out->sched = *s;
  out->status = TRIAL_COMPILE;
  buf_init(&out->object);
  struct arena *a = arena_new();
  struct lfunc *f = NULL;
  const char *why = "";
  if (lower_kernel(a, b->gs, s, &b->target->limits, &b->lower, b->gs->k->name, &f, &why) == ST_OK) {
    struct emit_entry e = {.k = b->gs->k, .general = f};
    struct emit_opts eo = {.kind = EMIT_OBJ, .call_stub = true, .pic = true};
    if (emit_module(a, &e, 1, b->target, &eo, true, &out->object, &why) == ST_OK) out->status = TRIAL_OK;
  }
  if (out->status != TRIAL_OK) snprintf(out->why, sizeof out->why, "%s", why ? why : "");
  arena_free(a);
}

struct args trial_results(struct arena *a, const struct problem *p) {
  struct args r = p->args;
  r.data = ARENA_NEW(a, void *, p->k->nparam + 1u);
  for (unsigned i = 0; i < p->k->nparam; i++) {
    int64_t n = 0;
    if (p->k->param[i].kind != PARAM_TENSOR) continue;
    unsigned t = p->k->param[i].ref;
    if (p->k->tensor[t].role == ROLE_IN) r.data[i] = p->args.data[i];
    else if (tensor_span(p->k, t, &p->args, INT64_MAX / 16, &n)) r.data[i] = arena_alloc(a, (size_t)n * type_size(p->k->tensor[t].type) + 1);
  }
  return r;
}

void trial_check(struct bench *b, struct built *c, enum inputs kind) {
  if (c->status != TRIAL_OK || !b->has[kind]) return;
  struct arena *a = arena_new();
  struct args got = trial_results(a, &b->problem[kind]);
  struct candidate cand = {&c->object, b->gs->k->name};
  c->status = b->measure->run_once(b->measure, &cand, &b->problem[kind], &got, c->why);
  if (c->status == TRIAL_OK) {
    struct evidence ev = {.seed = c->ev.seed};
    bool right = check_compare(&b->problem[kind], b->reference[kind], &got, &ev);
    c->ev.passes++;
    c->ev.seed = ev.seed;
    if (ev.worst > c->ev.worst) c->ev.worst = ev.worst;
    if (!right) {
      c->status = TRIAL_WRONG;
      snprintf(c->why, sizeof c->why, "%s", ev.where);
    }
  }
  arena_free(a);
}

void built_free(struct built *c) {
  buf_free(&c->object);
}
