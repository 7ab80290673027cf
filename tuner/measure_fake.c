/* A scripted device: tests of the tuning loop without a clock or processes. Costs come from a function, results from
 * the interpreter. Deterministic. */
#include "tuner/measure.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake {
  struct measure m;
  double (*cost)(void *, const struct candidate *);
  bool (*wrong)(void *, const struct candidate *);
  void *ctx;
  long fail_after; /* 0: never */
  uint64_t noise;
};

static bool fails_now(struct fake *f) {
  return f->fail_after > 0 && --f->fail_after == 0;
}

/* What the script says happens to c. */
static enum trial_status fate(struct fake *f, const struct candidate *c, double *cost, char why[256]) {
  *cost = f->cost(f->ctx, c);
  if (fails_now(f) || isnan(*cost)) return snprintf(why, 256, "scripted crash"), TRIAL_CRASH;
  if (*cost < 0) return snprintf(why, 256, "scripted hang"), TRIAL_TIMEOUT;
  return TRIAL_OK;
}

/* Results of the interpreter into out. */
static bool interpret(const struct problem *p, struct args *out, char why[256]) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct args args = p->args;
  args.data = arena_dup(a, args.data, p->k->nparam * sizeof *args.data);
  for (unsigned i = 0; i < p->k->nparam; i++) {
    int64_t n = 0;
    if (p->k->param[i].kind != PARAM_TENSOR) continue;
    unsigned t = p->k->param[i].ref;
    if (p->k->tensor[t].role == ROLE_IN || !tensor_span(p->k, t, &p->args, INT64_MAX / 64, &n)) continue;
    if (n) memcpy(out->data[i], p->args.data[i], (size_t)n * type_size((enum dtype)p->k->tensor[t].type));
    args.data[i] = out->data[i];
  }
  bool ok = kernel_interp(p->k, &args, a, NULL, UINT64_MAX / 2, d) == ST_OK;
  if (!ok) snprintf(why, 256, "the interpreter refused");
  diag_free(d);
  arena_free(a);
  return ok;
}

/* Spoils the last element of the first result. */
static void spoil(const struct problem *p, struct args *out) {
  for (unsigned i = 0; i < p->k->nparam; i++) {
    int64_t n = 0;
    if (p->k->param[i].kind != PARAM_TENSOR) continue;
    unsigned t = p->k->param[i].ref;
    size_t size = type_size((enum dtype)p->k->tensor[t].type);
    if (p->k->tensor[t].role == ROLE_IN || !tensor_span(p->k, t, &p->args, INT64_MAX / 64, &n) || !n) continue;
    ((uint8_t *)out->data[i])[(size_t)n * size - 1] ^= 1;
    return;
  }
}

static enum trial_status run_one(struct fake *f, const struct candidate *c, const struct problem *p, struct args *out,
                                 double *cost, char why[256]) {
  why[0] = 0;
  enum trial_status ts = fate(f, c, cost, why);
  if (ts != TRIAL_OK) return ts;
  if (!interpret(p, out, why)) return TRIAL_CRASH;
  if (f->wrong && f->wrong(f->ctx, c)) spoil(p, out);
  return TRIAL_OK;
}

static void fake_run(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p,
                     double give_up_s, struct run *out, run_result *result, void *ctx) {
  struct fake *f = (struct fake *)m;
  (void)give_up_s;
  for (unsigned i = 0; i < n; i++) {
    struct arena *a = arena_new();
    struct args got = measure_results(a, p);
    out[i].status = run_one(f, &c[i], p, &got, &out[i].seconds, out[i].why);
    if (out[i].status == TRIAL_OK) result(ctx, i, &got);
    arena_free(a);
  }
}

/* 0.2 % of noise, so that samples differ as real ones do. */
static double noisy(struct fake *f, double cost) {
  f->noise = f->noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return cost * (1 + 0.002 * (double)(f->noise >> 40) / (double)(1 << 24));
}

static enum trial_status fake_time(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p,
                                   unsigned rounds, double stop_ratio, struct samples *out, unsigned *culprit,
                                   char why[256]) {
  struct fake *f = (struct fake *)m;
  double first = 0;
  (void)p;
  why[0] = 0;
  memset(out, 0, n * sizeof *out);
  for (unsigned i = 0; i < n; i++) {
    double cost;
    enum trial_status ts = fate(f, &c[i], &cost, why);
    if (ts != TRIAL_OK) {
      *culprit = i;
      return ts;
    }
    if (i == 0) first = cost;
    unsigned count = stop_ratio > 0 && cost > stop_ratio * first ? 1 : rounds;
    if (!(out[i].s = calloc(count + 1, sizeof(double)))) return TRIAL_OOM;
    for (; out[i].n < count; out[i].n++) out[i].s[out[i].n] = noisy(f, cost);
  }
  return TRIAL_OK;
}

static void fake_close(struct measure *m) {
  free(m);
}

struct measure *measure_fake_open(double (*cost)(void *, const struct candidate *), void *ctx) {
  struct fake *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  *f = (struct fake){.m = {.name = "fake", .run = fake_run, .time = fake_time, .close = fake_close},
                     .cost = cost,
                     .ctx = ctx,
                     .noise = 1};
  return &f->m;
}

void measure_fake_break(struct measure *m, bool (*wrong)(void *, const struct candidate *)) {
  ((struct fake *)m)->wrong = wrong;
}
void measure_fake_fail_after(struct measure *m, long n) {
  ((struct fake *)m)->fail_after = n;
}
