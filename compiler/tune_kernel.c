/* Tuning one function: each group by itself, then all together. */
#include "compiler/given.h"
#include "tuner/bundle.h"
#include "tuner/key.h"
#include <string.h>

static const struct loc nowhere = {0};

/* All dims that the equations use must have a value. */
static enum status bind_dims(struct hone *h, const struct kernel *k, const struct groups *symbolic, const char *text,
                             bool *has, int64_t *value) {
  enum status st = hone_dims(h, k, text, has, value);
  if (st != ST_OK) return st;
  sym_t dim[64];
  unsigned n = key_dims(symbolic, KEY_WHOLE, dim, 64);
  for (unsigned i = 0; i < n; i++)
    if (!has[dim[i]]) {
      diag_error(h->diag, nowhere, "'%s' needs a value for dim '%s': --dims %s=…", k->name, k->sym[dim[i]].name,
                 k->sym[dim[i]].name);
      return ST_USAGE;
    }
  return ST_OK;
}

/* Budget by expected time: the group that takes longest gets the most. */
static double share(struct hone *h, const struct groups *gs, unsigned g, unsigned threads) {
  double sum = 0, mine = 0;
  for (unsigned i = 0; i < gs->n; i++) {
    struct floor_time f = cost_floor(gs, i, &h->target.limits, threads);
    double t = f.seconds_compute + f.seconds_memory + 1e-9;
    sum += t;
    if (i == g) mine = t;
  }
  double even = 1.0 / gs->n;
  return 0.5 * even + 0.5 * mine / sum;
}

/* The groups of fn, symbolic and with its dims bound; *values: by symbol of the symbolic groups. */
static enum status prepare(struct hone *h, const struct spec_fn *fn, const char *dims, struct hone_tuned *out,
                           int64_t **values) {
  const struct kernel *k = fn->k;
  memset(out, 0, sizeof *out);
  bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
  int64_t *value = ARENA_NEW(h->arena, int64_t, k->nsym + 1u);
  out->symbolic = hone_groups(h, k);
  if (!out->symbolic) return ST_INTERNAL;
  enum status st = bind_dims(h, k, out->symbolic, dims, has, value);
  if (st != ST_OK) return st;
  if (k->source) k->source->reassoc = h->opts.fp != FP_STRICT;
  out->bound = hone_groups_at(h, k, has, value);
  if (!out->bound) return ST_INTERNAL;
  out->groups = out->bound->n;
  int64_t *v = *values = ARENA_NEW(h->arena, int64_t, out->symbolic->k->nsym + 1u);
  memcpy(v, value, sizeof *v * (k->nsym < out->symbolic->k->nsym ? k->nsym : out->symbolic->k->nsym));
  return ST_OK;
}

enum status hone_bundle(struct hone *h, struct bundle *b, const struct spec_fn *fn, const char *dims,
                        const struct tune_opts *o, unsigned count) {
  struct hone_tuned t;
  int64_t *v;
  enum status st = prepare(h, fn, dims, &t, &v);
  if (st != ST_OK) return st;
  unsigned gs = t.symbolic->n == 1 ? 0 : KEY_WHOLE, gb = t.bound->n == 1 ? 0 : KEY_WHOLE;
  struct hone_choice given = {0};
  if (h->opts.schedule) st = hone_given(h, t.bound, &given);
  if (st != ST_OK) return st;
  struct tune_job job = {t.symbolic, t.bound, gs, gb, v, &h->target, given.sched};
  return bundle_add(b, fn->k, hone_known_dims(h, fn->k, dims), &job, o, count, h->diag);
}

/* The function as written is a candidate, too, and what a search that found nothing better leaves in use. */
static enum status tune_plain(struct hone *h, struct db *db, const int64_t *value, const struct tune_opts *o,
                              struct hone_tuned *out) {
  struct sched *plain = ARENA_NEW(h->arena, struct sched, out->groups + 1u);
  for (unsigned g = 0; g < out->groups; g++) sched_push(&plain[g], STEP_plain, 0, 0);
  struct tune_job job = {out->symbolic, out->bound, KEY_WHOLE, KEY_WHOLE, value, &h->target, NULL};
  out->has_plain = true;
  return tune_whole(db, &job, plain, o, &out->plain, h->diag);
}

enum status hone_tune(struct hone *h, struct db *db, const struct spec_fn *fn, const char *dims,
                      const struct tune_opts *o, struct hone_tuned *out) {
  int64_t *v;
  enum status st = prepare(h, fn, dims, out, &v);
  if (st != ST_OK) return st;
  unsigned n = out->groups;
  bool same_shape = out->symbolic->n == n;
  out->result = ARENA_NEW(h->arena, struct tune_result, n + 1u);
  struct sched *sched = ARENA_NEW(h->arena, struct sched, n + 1u);
  struct hone_choice given = {0};
  if (h->opts.schedule && !fn->is_part) st = hone_given(h, out->bound, &given);
  for (unsigned g = 0; g < n && st == ST_OK; g++) {
    struct tune_opts mine = *o;
    double part = share(h, out->bound, g, o->threads);
    mine.budget_s *= part;
    if (o->max_trials && n > 1) mine.max_trials = (unsigned)(o->max_trials * part) + 1;
    struct tune_job job = {same_shape ? out->symbolic : out->bound, out->bound, g, g, v, &h->target,
                           given.sched ? &given.sched[g] : NULL};
    st = tune_group(db, &job, &mine, &out->result[g], h->diag);
    sched[g] = out->result[g].sched;
  }
  struct tune_job job = {out->symbolic, out->bound, KEY_WHOLE, KEY_WHOLE, v, &h->target, NULL};
  if (st == ST_OK && n > 1) st = tune_whole(db, &job, sched, o, &out->result[n], h->diag);
  bool measured = o->strategy->measures && !h->target.limits.simt && !(o->stop && *o->stop);
  if (st == ST_OK && out->bound->k->source && measured) st = tune_plain(h, db, v, o, out);
  return st;
}
