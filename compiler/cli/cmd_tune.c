/* hone tune: search, check, measure, remember. */
#include "compiler/cli/progress.h"
#include "compiler/cli/tuning.h"
#include "compiler/oracle.h"
#include "tuner/bundle.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct loc nowhere = {0};

static const char *const stage_name[] = {"lower", "ir", "object", "load", "total"};
static const char *const phase_name[] = {"propose", "build", "check", "time", "store", "race"};
_Static_assert(sizeof phase_name / sizeof *phase_name == PHASE_COUNT, "one name a phase");
_Static_assert(sizeof stage_name / sizeof *stage_name == BUILD_STAGES + 1, "one name a stage");

/* Where the time of building goes, and what the model is worth: on request. */
static void details(struct options *o, struct buf *out, const struct tune_result *r, const char *name) {
  if (r->build_s[BUILD_STAGES] <= 0) return;
  if (o->json) {
    buf_puts(out, "{\"event\":\"build\",\"name\":");
    buf_json(out, name);
    for (unsigned i = 0; i <= BUILD_STAGES; i++)
      buf_printf(out, ",\"%s_us\":%.0f,\"%s_p95_us\":%.0f", stage_name[i], r->build_s[i] * 1e6, stage_name[i],
                 r->build_p95_s[i] * 1e6);
    for (unsigned i = 0; i < PHASE_COUNT; i++) buf_printf(out, ",\"%s_ms\":%.0f", phase_name[i], r->phase_s[i] * 1e3);
    buf_printf(out, ",\"spearman\":%.3f,\"timed\":%u}\n", r->spearman, r->timed);
  } else if (o->verbose) {
    buf_puts(out, "  processor time to build a variant, median (95 of 100 below):");
    for (unsigned i = 0; i <= BUILD_STAGES; i++)
      buf_printf(out, "%s %s %.2f (%.2f) ms", i ? "," : "", stage_name[i], r->build_s[i] * 1e3,
                 r->build_p95_s[i] * 1e3);
    buf_puts(out, "\n  wall clock:");
    for (unsigned i = 0; i < PHASE_COUNT; i++)
      buf_printf(out, "%s %s %.2f s", i ? "," : "", phase_name[i], r->phase_s[i]);
    buf_printf(out, "\n  cost model: rank correlation %.2f with the clock over %u trials\n", r->spearman, r->timed);
  }
}

static void say_ratio(struct buf *out, const struct tune_result *r) {
  buf_printf(out, "%.2fx the default schedule (time ratio %.3f, 95 %% interval %.3f … %.3f)\n", 1 / r->ratio, r->ratio,
             r->ratio_lo, r->ratio_hi);
}

static void summary(struct options *o, struct buf *out, const struct hone_tuned *t, const char *name, bool modelled) {
  unsigned rows = t->groups > 1 ? t->groups + 1 : t->groups;
  for (unsigned g = 0; g < rows; g++) {
    const struct tune_result *r = &t->result[g];
    bool whole = g == t->groups;
    if (o->json) details(o, out, r, name);
    if (o->json) continue;
    buf_printf(out, "%s", name);
    if (t->groups > 1) buf_printf(out, whole ? " (all groups)" : " (group %u)", g);
    if (!whole) buf_printf(out, ": %u trials, %u infeasible", r->trials, r->infeasible);
    if (!whole && r->build_s[BUILD_STAGES] > 0)
      buf_printf(out, ", %.1f ms to build one (95 of 100 below %.1f)", r->build_s[BUILD_STAGES] * 1e3,
                 r->build_p95_s[BUILD_STAGES] * 1e3);
    buf_printf(out, "%s ", whole ? ":" : ";");
    if (r->won)
      say_ratio(out, r);
    else
      buf_puts(out, "the default schedule stays the best\n");
    if (modelled) buf_puts(out, "  modelled on the emulator, not measured: kept apart from measured records\n");
    if (whole || !t->bound) continue;
    buf_puts(out, "  ");
    struct groups *gx = group_extract(t->bound->k->arena, t->bound, g);
    sched_print(out, gx, 0, &r->sched);
    buf_putc(out, '\n');
    details(o, out, r, name);
  }
  if (o->json || !t->has_plain) return;
  buf_printf(out, "%s (as written): ", name);
  if (t->plain.won)
    say_ratio(out, &t->plain);
  else
    buf_puts(out, "not faster than the default schedule\n");
}

/* A function, or the parts of one that did not raise as a whole. Dims that a part does not have are left out of what it
   is tuned for; a part with dims that have no value (counters of the loops around it) keeps its default schedule. */
static enum status tune_fn(struct options *o, struct hone *h, const char *path, const struct spec_fn *fn, struct db *db,
                           const struct tune_opts *to, const char *dims, struct buf *out) {
  enum status st = ST_OK;
  for (unsigned i = 0; i < fn->npart && st == ST_OK && !cli_stop; i++) {
    const char *own = hone_known_dims(h, fn->part[i].k, dims);
    if (own) st = tune_fn(o, h, path, &fn->part[i], db, to, own, out);
  }
  if (!fn->k || st != ST_OK || cli_stop) return st;
  struct hone_tuned t;
  st = oracle_check(h, path, fn, dims, to);
  if (st == ST_OK) st = hone_tune(h, db, fn, dims, to, &t);
  if (st == ST_OK) summary(o, out, &t, fn->k->name, to->measure->modelled);
  return st;
}

static enum status tune_spec(struct options *o, const char *path, struct db *db, const struct tune_opts *to,
                             struct buf *out, struct diag *d) {
  struct hone h;
  enum status st = hone_open(&h, path, &o->hone, d);
  for (unsigned i = 0; st == ST_OK && i < h.spec.n; i++) {
    const struct spec_fn *fn = &h.spec.fn[i];
    unsigned n = o->hone.ndims ? o->hone.ndims : 1;
    for (unsigned j = 0; st == ST_OK && j < n && !cli_stop; j++)
      st = tune_fn(o, &h, path, fn, db, to, o->hone.ndims ? o->hone.dims[j] : NULL, out);
  }
  hone_close(&h);
  return st;
}

static enum status options_of(struct options *o, struct tune_opts *to, struct diag *d) {
  *to = (struct tune_opts){.strategy = strategy_find(o->strategy ? o->strategy : "forest"),
                           .budget_s = o->budget_given ? o->budget_s
                                       : o->trials     ? 0
                                                       : 60,
                           .max_trials = o->trials,
                           .seed = o->seed,
                           .threads = o->hone.threads,
                           .fp = o->hone.fp,
                           .cold = o->hone.cold,
                           .stop = &cli_stop};
  if (to->strategy) return ST_OK;
  struct buf names;
  buf_init(&names);
  strategy_list(&names);
  diag_error(d, nowhere, "unknown strategy '%s'; there are:\n%s", o->strategy, names.data);
  buf_free(&names);
  return ST_USAGE;
}

/* Bundles ------------------------------------------------------------------------------------------------------- */

enum { BUNDLED = 64 };

static enum status bundle_fn(struct options *o, struct hone *h, const struct spec_fn *fn, struct bundle *b,
                             const struct tune_opts *to, const char *dims) {
  enum status st = ST_OK;
  if (!fn->k) {
    diag_error(h->diag, nowhere,
               "a part of a function cannot go into a bundle: it is not raised to equations as a whole");
    return ST_REFUSED;
  }
  if (!cli_stop) st = hone_bundle(h, b, fn, dims, to, o->trials ? o->trials : BUNDLED);
  return st;
}

static enum status bundle_spec(struct options *o, const char *path, struct bundle *b, const struct tune_opts *to,
                               struct diag *d) {
  struct hone h;
  enum status st = hone_open(&h, path, &o->hone, d);
  for (unsigned i = 0; st == ST_OK && i < h.spec.n; i++) {
    unsigned n = o->hone.ndims ? o->hone.ndims : 1;
    for (unsigned j = 0; st == ST_OK && j < n; j++)
      st = bundle_fn(o, &h, &h.spec.fn[i], b, to, o->hone.ndims ? o->hone.dims[j] : NULL);
  }
  hone_close(&h);
  return st;
}

static enum status copy_program(const char *from, const char *to, struct diag *d) {
  char block[65536];
  int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0777);
  ssize_t n = -1;
  while (in >= 0 && out >= 0 && (n = read(in, block, sizeof block)) > 0)
    if (write(out, block, (size_t)n) != n) break;
  if (in >= 0) close(in);
  if (out >= 0 && close(out)) n = -1;
  if (n == 0) return ST_OK;
  diag_error(d, nowhere, "cannot copy '%s' to '%s'", from, to);
  return ST_ENV;
}

/* What runs the bundle comes with it. */
static enum status add_programs(struct options *o, struct arena *a, struct diag *d) {
  const char *worker = tuning_worker(a, o, d), *runner = worker ? tuning_runner(a, d) : NULL;
  if (!runner) return ST_ENV;
  enum status st = copy_program(runner, arena_printf(a, "%s/hone-runner", o->bundle), d);
  return st == ST_OK ? copy_program(worker, arena_printf(a, "%s/hone-worker", o->bundle), d) : st;
}

static enum status make_bundle(struct options *o, struct arena *a, const struct tune_opts *to, struct buf *out,
                               struct diag *d) {
  struct target t;
  unsigned n;
  enum status st = target_resolve(a, o->hone.target, o->hone.cpu, &t, d);
  if (st == ST_OK && (!t.limits.simt || t.device != DEVICE_NONE)) {
    diag_error(d, nowhere, "--emit-bundle is for a GPU elsewhere: --target names its architecture (sm_90a)");
    st = ST_USAGE;
  }
  struct bundle *b = st == ST_OK ? bundle_open(o->bundle, &t, d) : NULL;
  if (st == ST_OK && !b) return ST_ENV;
  for (unsigned i = 0; st == ST_OK && i < o->nspec; i++) st = bundle_spec(o, o->spec[i], b, to, d);
  if (st == ST_OK) st = add_programs(o, a, d);
  enum status closed = b ? bundle_close(b, st == ST_OK, &n, d) : st;
  if (st == ST_OK && closed == ST_OK)
    buf_printf(out,
               "%s: %u candidates. On the GPU machine: %s/hone-runner %s; here: hone db import --trust "
               "%s/results.hone.jsonl\n",
               o->bundle, n, o->bundle, o->bundle, o->bundle);
  return st == ST_OK ? closed : st;
}

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  struct tune_opts to;
  struct progress pr = {isatty(2) && !o->json, o->json, out};
  if (!o->nspec) {
    diag_error(d, nowhere, "tune: no specification");
    return ST_USAGE;
  }
  enum status st = options_of(o, &to, d);
  if (st != ST_OK) return st;
  struct arena *a = arena_new();
  struct db *db = NULL;
  to.progress = progress_show;
  to.ctx = &pr;
  if (o->bundle) {
    to.ptxas = ptxas_find(a, o->hone.ptxas);
    st = make_bundle(o, a, &to, out, d);
    arena_free(a);
    return st;
  }
  st = tuning_device(a, o, &to.measure, d);
  to.ptxas = ptxas_find(a, o->hone.ptxas);
  if (st == ST_OK) st = tuning_db(a, o, DB_READWRITE, &db, d);
  for (unsigned i = 0; st == ST_OK && i < o->nspec; i++) st = tune_spec(o, o->spec[i], db, &to, out, d);
  db_close(db);
  if (to.measure) to.measure->close(to.measure);
  arena_free(a);
  return st;
}

const struct command command_tune = {
    "tune", "search for a faster schedule, check it, remember it in the database",
    "usage: hone tune SPEC… --dims M=1024,N=1024,… [--budget 30s | --trials N] [--strategy "
    "forest|local|random|estimate] "
    "[--seed N]\n"
    "                 [--schedule TEXT] [--target cuda:N[,cuda:N]|emu:sm_90a | --target sm_90a --emit-bundle DIR] "
    "[--ptxas "
    "FILE|none] [--db FILE] [--threads N] [--fp MODE] [--only F,G] [--json] [-v]\n\n"
    "--target cuda:N tunes on a GPU, cuda:0,cuda:1 or cuda:all on several of one kind at once; --target emu:sm_90a on "
    "the emulator, ranking by a model (such records never count "
    "as measured).\n"
    "Every trial is checked against the specification and recorded; an interrupted run goes on where it stopped; "
    "Ctrl-C keeps the best so far.\n\n"
    "  hone tune matmul.c --dims M=1024,N=1024,K=1024 --budget 30s\n",
    run};
