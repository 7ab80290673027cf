/* hone bench: the winner against the default schedule, the C compilers, and BLAS; all in one worker, in interleaved
 * rounds, as ratios. */
#include "compiler/cli/tuning.h"
#include "compiler/peer.h"
#include "tuner/key.h"
#include "tuner/stats.h"
#include "tuner/trial.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 8, ROUNDS = 21 };
static const struct loc nowhere = {0};

struct row {
  struct peer peer;
  const char *note;
  bool ok;
  struct evidence ev;
  struct run run;
};
struct table {
  struct hone *h;
  struct options *o;
  struct measure *dev;
  const struct kernel *bound; /* dims are constants */
  struct problem problem;
  struct reference *ref;
  struct row row[MAX_ROWS];
  unsigned n;
  struct samples s[MAX_ROWS];
};

/* Rows
 * -------------------------------------------------------------------------------------------------------------------------------------
 */

static struct row *add_row(struct table *t, const char *name) {
  struct row *r = &t->row[t->n++];
  memset(r, 0, sizeof *r);
  r->peer.name = name;
  buf_init(&r->peer.object);
  return r;
}

static enum status add_form(struct table *t, const char *name, const struct hone_choice *c) {
  struct hone *h = t->h;
  struct lower_opts lo = lower_opts_for(&h->target, h->opts.fp, h->opts.threads);
  struct emit_entry e = {.k = t->bound};
  struct emit_opts eo = {.kind = h->target.limits.simt ? EMIT_PACKAGE : EMIT_OBJ, .call_stub = true, .pic = true};
  if (h->target.limits.simt) eo.ptxas = ptxas_find(h->arena, h->opts.ptxas);
  const char *why = "";
  enum status st =
      lower_kernel(h->arena, c->groups, c->sched, &h->target.limits, &lo, t->bound->name, &e.general, &why);
  struct row *r = add_row(t, name);
  r->peer.symbol = t->bound->name;
  if (st == ST_OK) st = emit_module(h->arena, &e, 1, &h->target, &eo, true, &r->peer.object, &why);
  if (st == ST_OK) return ST_OK;
  diag_error(h->diag, nowhere, "internal: '%s' could not be built: %s", name, why ? why : "?");
  return ST_INTERNAL;
}

static void add_compiler(struct table *t, const char *path, const char *cc, const char *name) {
  static const char *const flags[] = {"-O3", "-march=native", "-ffast-math", NULL};
  struct row *r = add_row(t, name);
  if (peer_compile(t->h, path, t->bound, cc, flags, &r->peer) != ST_OK) {
    buf_free(&r->peer.object);
    t->n--;
  }
}

static enum status add_rows(struct table *t, struct db *db, const char *path, const struct groups *symbolic,
                            const struct groups *bound, const int64_t *value) {
  struct hone_choice won, def, given;
  enum status st = t->h->opts.schedule ? hone_given(t->h, bound, &given) : ST_OK;
  if (st == ST_OK) st = hone_choose(t->h, db, symbolic, bound, value, &won);
  if (st == ST_OK) st = hone_choose(t->h, NULL, symbolic, bound, value, &def);
  if (st == ST_OK && t->h->opts.schedule) st = add_form(t, "hone, --schedule", &given);
  if (st == ST_OK && won.match != MATCH_NONE) st = add_form(t, "hone, winner", &won);
  if (st == ST_OK) st = add_form(t, "hone, default schedule", &def);
  if (st != ST_OK) return st;
  size_t len = strlen(path);
  if (t->h->target.limits.simt) return ST_OK; /* the peers are CPU code */
  if (len > 2 && !strcmp(path + len - 2, ".c")) {
    add_compiler(t, path, "gcc", "gcc -O3 -march=native -ffast-math");
    add_compiler(t, path, "clang-22", "clang-22 -O3 -march=native -ffast-math");
  }
  struct row *r = add_row(t, "OpenBLAS / BLAS");
  if (peer_blas(t->h, t->bound, &r->peer) != ST_OK) {
    buf_free(&r->peer.object);
    t->n--;
  }
  return ST_OK;
}

/* Measuring
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

struct checked {
  struct table *t;
  struct row *r;
};
static void compare(void *ctx, unsigned i, const struct args *got) {
  struct checked *x = ctx;
  (void)i;
  if (!check_compare(&x->t->problem, x->t->ref, got, &x->r->ev)) x->r->note = "outside the error bound";
}

static void check_row(struct table *t, struct row *r) {
  struct candidate c = {&r->peer.object, r->peer.symbol};
  struct checked x = {t, r};
  r->note = "";
  t->dev->run(t->dev, &c, 1, &t->problem, 0, &r->run, compare, &x);
  r->ok = r->run.status == TRIAL_OK;
  if (!r->ok) r->note = *r->run.why && t->h->target.limits.simt ? r->run.why : trial_status_name[r->run.status];
}

static enum status measure_rows(struct table *t) {
  struct candidate c[MAX_ROWS];
  unsigned map[MAX_ROWS], m = 0, culprit = 0;
  struct samples s[MAX_ROWS] = {{0}};
  char why[256] = "";
  for (unsigned i = 0; i < t->n; i++) {
    check_row(t, &t->row[i]);
    if (!t->row[i].ok) continue;
    map[m] = i;
    c[m++] = (struct candidate){&t->row[i].peer.object, t->row[i].peer.symbol};
  }
  enum trial_status ts = m ? t->dev->time(t->dev, c, m, &t->problem, ROUNDS, 0, s, &culprit, why) : TRIAL_CRASH;
  if (ts != TRIAL_OK) {
    diag_error(t->h->diag, nowhere, "measuring '%s' failed (%s): %s", t->bound->name,
               trial_status_name[m ? ts : t->row[0].run.status], m ? why : t->row[0].run.why);
    return ST_ENV;
  }
  for (unsigned i = 0; i < m; i++) t->s[map[i]] = s[i];
  return ST_OK;
}

/* Printing
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

static void print_time(struct buf *out, double s) {
  if (s < 1e-3)
    buf_printf(out, "%9.2f us", s * 1e6);
  else
    buf_printf(out, "%9.3f ms", s * 1e3);
}

/* What the emulator counted in one call: of which the model's time is made. */
static void print_counts(const struct run *r, struct buf *out) {
  const struct job_counts *c = &r->counts;
  double all = 0;
  for (unsigned i = 0; i < JOB_CLASSES; i++) all += c->instructions[i];
  buf_printf(out, "    %.0f warp instructions:", all);
  for (unsigned i = 0; i < JOB_CLASSES; i++)
    if (c->instructions[i] > 0) buf_printf(out, " %s %.0f", measure_class_name[i], c->instructions[i]);
  buf_printf(out,
             "\n    global: %.0f requests, %.2f sectors each, %.0f bytes read, %.0f written; shared: %.0f requests, "
             "%.0f conflicts\n",
             c->requests, c->requests > 0 ? c->sectors / c->requests : 0, c->load_bytes, c->store_bytes,
             c->shared_requests, c->shared_conflicts);
  buf_printf(
      out,
      "    tensor cores: %.0f flops; bulk copies: %.0f bytes; %.0f barriers; %.0f divergent branches\n    model, us:",
      c->tensor_flops, c->bulk_bytes, c->barriers, c->divergent);
  for (unsigned i = 0; i < JOB_PARTS; i++) buf_printf(out, " %s %.2f", measure_part_name[i], c->part[i] * 1e6);
  buf_putc(out, '\n');
}

static void print_table(struct table *t, const char *dims, double flops, struct buf *out) {
  if (t->dev->modelled)
    buf_printf(out, "%s %s, %s: MODELLED times from what the emulator counts, not measured\n", t->bound->name,
               dims ? dims : "", t->h->target.silicon);
  else if (t->h->target.limits.simt)
    buf_printf(out, "%s %s, %s; medians of %d interleaved rounds\n", t->bound->name, dims ? dims : "",
               t->h->target.silicon, ROUNDS);
  else
    buf_printf(out, "%s %s, %u thread%s; medians of %d interleaved rounds\n", t->bound->name, dims ? dims : "",
               t->h->opts.threads, t->h->opts.threads == 1 ? "" : "s", ROUNDS);
  buf_printf(out, "  %-40s %12s %9s  %s\n", "", "time", "GFLOP/s", "time / first row");
  for (unsigned i = 0; i < t->n; i++) {
    struct row *r = &t->row[i];
    buf_printf(out, "  %-40s ", r->peer.name);
    if (t->s[i].n) {
      double med = stats_quantile(t->s[i].s, t->s[i].n, 0.5);
      struct interval rel = stats_ratio(t->s[i].s, t->s[0].s, t->s[i].n < t->s[0].n ? t->s[i].n : t->s[0].n);
      print_time(out, med);
      buf_printf(out, " %9.1f  %.2f [%.2f … %.2f]", flops / med * 1e-9, rel.mid, rel.lo, rel.hi);
    }
    buf_printf(out, "%s%s\n", r->note && *r->note ? "  " : "", r->note ? r->note : "");
    if (r->run.counted) print_counts(&r->run, out);
  }
  if (*t->dev->note) buf_printf(out, "  %s\n", t->dev->note);
}

static void print_device(const struct table *t, struct buf *out) {
  buf_printf(out, ",\"modelled\":%s,\"device\":", t->dev->modelled ? "true" : "false");
  buf_json(out, t->h->target.silicon);
  buf_puts(out, ",\"note\":");
  buf_json(out, t->dev->note);
}

static void print_json(struct table *t, const char *dims, double flops, struct buf *out) {
  for (unsigned i = 0; i < t->n; i++) {
    if (!t->s[i].n) continue;
    double med = stats_quantile(t->s[i].s, t->s[i].n, 0.5);
    struct interval rel = stats_ratio(t->s[i].s, t->s[0].s, t->s[i].n < t->s[0].n ? t->s[i].n : t->s[0].n);
    buf_puts(out, "{\"kernel\":");
    buf_json(out, t->bound->name);
    buf_puts(out, ",\"dims\":");
    buf_json(out, dims ? dims : "");
    buf_puts(out, ",\"form\":");
    buf_json(out, t->row[i].peer.name);
    buf_printf(out,
               ",\"threads\":%u,\"med_ps\":%lld,\"flops\":%.0f,\"rel_ppm\":%lld,\"rel_lo_ppm\":%lld,\"rel_hi_ppm\":%"
               "lld,\"right\":%s",
               t->h->opts.threads, (long long)(med * 1e12), flops, (long long)(rel.mid * 1e6),
               (long long)(rel.lo * 1e6), (long long)(rel.hi * 1e6),
               t->row[i].note && *t->row[i].note ? "false" : "true");
    if (t->h->target.limits.simt) print_device(t, out);
    buf_puts(out, "}\n");
  }
}

/* One function
 * -------------------------------------------------------------------------------------------------------------------------------
 */

static enum status bench_fn(struct hone *h, struct options *o, struct db *db, struct measure *dev, const char *path,
                            const struct kernel *k, const char *dims, struct buf *out) {
  bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
  int64_t *value = ARENA_NEW(h->arena, int64_t, k->nsym + 1u);
  enum status st = hone_dims(h, k, dims, has, value);
  if (st != ST_OK) return st;
  for (unsigned s = 0; s < k->nsym; s++)
    if (k->sym[s].kind == SYM_DIM && !has[s]) {
      diag_error(h->diag, nowhere, "'%s' needs a value for dim '%s': --dims %s=…", k->name, k->sym[s].name,
                 k->sym[s].name);
      return ST_USAGE;
    }
  struct table *t = ARENA_NEW(h->arena, struct table, 1);
  *t = (struct table){.h = h, .o = o, .dev = dev, .bound = kernel_specialise(h->arena, k, has, value)};
  struct groups *symbolic = hone_groups(h, k), *bound = hone_groups_at(h, k, has, value);
  if (!symbolic || !bound) return ST_INTERNAL;
  st = check_problem(h->arena, t->bound, value, INPUTS_RANDOM, o->seed, h->opts.threads, &t->problem, h->diag);
  t->problem.cold = h->opts.cold;
  bool brief = h->target.limits.fp8 && h->opts.fp != FP_STRICT;
  if (st == ST_OK) check_allow(&t->problem, h->opts.fp >= FP_TF32, h->opts.fp == FP_FAST, brief);
  if (st == ST_OK && !(t->ref = check_reference(h->arena, &t->problem, h->diag))) st = ST_INTERNAL;
  if (st == ST_OK) st = add_rows(t, db, path, symbolic, bound, value);
  if (st == ST_OK) st = measure_rows(t);
  double flops = 0;
  for (unsigned g = 0; g < bound->n; g++) flops += cost_floor(bound, g, &h->target.limits, h->opts.threads).flops;
  if (st == ST_OK) (o->json ? print_json : print_table)(t, dims, flops, out);
  for (unsigned i = 0; i < t->n; i++) {
    free(t->s[i].s);
    buf_free(&t->row[i].peer.object);
  }
  return st;
}

static enum status bench_spec(struct options *o, const char *path, struct db *db, struct measure *dev, struct buf *out,
                              struct diag *d) {
  struct hone h;
  unsigned raised = 0;
  enum status st = hone_open(&h, path, &o->hone, d);
  for (unsigned i = 0; st == ST_OK && i < h.spec.n; i++) {
    const struct spec_fn *fn = &h.spec.fn[i];
    unsigned n = o->hone.ndims ? o->hone.ndims : 1;
    raised += fn->k != NULL;
    if (!fn->k && fn->npart)
      diag_note(d, fn->source->why_loc, "'%s' was raised in parts: they are tuned, not measured",
                fn->source->f->k->name);
    for (unsigned j = 0; fn->k && st == ST_OK && j < n && !cli_stop; j++)
      st = bench_fn(&h, o, db, dev, path, fn->k, o->hone.ndims ? o->hone.dims[j] : NULL, out);
  }
  if (st == ST_OK && !raised) {
    diag_error(d, nowhere, "bench: no function of '%s' was raised as a whole", path);
    st = ST_REFUSED;
  }
  hone_close(&h);
  return st;
}

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  if (!o->nspec) {
    diag_error(d, nowhere, "bench: no specification");
    return ST_USAGE;
  }
  struct arena *a = arena_new();
  struct measure *dev = NULL;
  struct db *db = NULL;
  enum status st = tuning_device(a, o, &dev, d);
  if (st == ST_OK) dev->patient = true;
  if (st == ST_OK) st = tuning_db(a, o, DB_READONLY, &db, d);
  for (unsigned i = 0; st == ST_OK && i < o->nspec; i++) st = bench_spec(o, o->spec[i], db, dev, out, d);
  db_close(db);
  if (dev) dev->close(dev);
  arena_free(a);
  return st;
}

const struct command command_bench = {
    "bench", "measure the winner beside the default schedule, the C compilers and BLAS",
    "usage: hone bench SPEC… --dims M=1024,… [--dims …] [--schedule TEXT] [--db FILE] [--threads N] [--json]\n\n"
    "All forms run in one process in interleaved rounds on the same data; each is checked against the specification "
    "first. That process does not see\n"
    "settings of libraries in the environment (OPENBLAS_CORETYPE, OMP_NUM_THREADS …).\n"
    "--target cuda:N measures on a GPU; --target emu:sm_90a runs the kernels on the emulator: results, races and "
    "deadlocks, counts, a modelled time.\n\n"
    "  hone bench matmul.c --dims M=1024,N=1024,K=1024\n",
    run};
