/* hone why: which record decides, how it matched, what else was tried, and how far the machine's floor is. */
#include "compiler/cli/tuning.h"
#include "tuner/key.h"
#include "tuner/cost_split.h"
#include <stdlib.h>
#include <string.h>

static const struct loc nowhere = {0};
static const char *const match_name[] = {"no record: the default schedule", "family",
                                         "measured on a machine of the same class", "measured on the same silicon",
                                         "exact: this kernel, these dims, this machine"};

struct why {
  struct hone *h;
  struct db *db;
  const struct kernel *k;
  struct groups *symbolic, *bound;
  int64_t *value;
  struct buf *out;
};

static void print_scheds(struct why *w, const struct sched *s) {
  for (unsigned g = 0; g < w->bound->n; g++) {
    buf_puts(w->out, w->bound->n > 1 ? "    | " : "    ");
    sched_print(w->out, w->bound, g, &s[g]);
    buf_putc(w->out, '\n');
  }
}

static void print_hex(struct buf *out, const uint8_t *id, unsigned n) {
  for (unsigned i = 0; i < n; i++) buf_printf(out, "%02x", id[i]);
}

static void print_record(struct buf *out, const struct db_record *r) {
  print_hex(out, r->id, 6);
  if (r->med_ps > 0) buf_printf(out, "  median %.3f us over %lld samples", (double)r->med_ps * 1e-6, (long long)r->n);
  if (r->rel_ppm > 0)
    buf_printf(out, ", %.3f of default [%.3f … %.3f]", (double)r->rel_ppm * 1e-6, (double)r->rel_lo_ppm * 1e-6,
               (double)r->rel_hi_ppm * 1e-6);
  buf_putc(out, '\n');
}

static int by_time(const void *a, const void *b) {
  const struct db_record *x = a, *y = b;
  return (x->rel_hi_ppm > y->rel_hi_ppm) - (x->rel_hi_ppm < y->rel_hi_ppm);
}

/* The runner-up, the default, and how the others ended. */
static enum status print_others(struct why *w, const struct db_key *key, const struct hone_choice *c) {
  struct db_records all;
  enum status st = db_records(w->db, w->h->arena, key, &all, w->h->diag);
  if (st != ST_OK || !all.n) return st;
  unsigned ok = 0, raced = 0;
  qsort(all.r, all.n, sizeof *all.r, by_time);
  for (unsigned i = 0; i < all.n; i++) ok += !strcmp(all.r[i].status, "ok");
  buf_printf(w->out, "  records   %u, of which %u ran and were right\n", all.n, ok);
  for (unsigned i = 0; i < all.n && raced < 3; i++) {
    const struct db_record *r = &all.r[i];
    if (strcmp(r->status, "ok") || r->stage < 1 || (c->match != MATCH_NONE && !memcmp(r->id, c->record.id, 32)))
      continue;
    if (c->match != MATCH_NONE && !strcmp(r->sched, c->record.sched)) continue;
    buf_puts(w->out, raced++ ? "            " : "  others    ");
    print_record(w->out, r);
    buf_printf(w->out, "            %s\n", *r->sched ? r->sched : "(no steps)");
  }
  return ST_OK;
}

static void print_floor(struct why *w, const struct hone_choice *c) {
  double sum = 0;
  struct limits lim = w->h->target.limits;
  if (w->h->target.host) lim.ghz = target_clock_ghz(lim.ghz);
  for (unsigned g = 0; g < w->bound->n; g++) {
    struct floor_time f = cost_floor(w->bound, g, &lim, w->h->opts.threads);
    double t = f.seconds_compute > f.seconds_memory ? f.seconds_compute : f.seconds_memory;
    if (f.bytes <= lim.l3_bytes) t = f.seconds_compute; /* data that stays in cache: memory is no floor */
    buf_printf(
        w->out,
        "  floor     group %u: %.3g flops, %.3g bytes: %.3f us compute at %.2f GHz, %.3f us memory at %.0f GB/s\n", g,
        f.flops, f.bytes, f.seconds_compute * 1e6, lim.ghz, f.seconds_memory * 1e6, lim.dram_gbs);
    sum += t;
  }
  if (c->match != MATCH_NONE && c->record.med_ps > 0)
    buf_printf(w->out, "  reached   %.2f of the floor\n", sum / ((double)c->record.med_ps * 1e-12));
}

/* How the threads would share the work: arithmetic, so it may be asked for any number of them. */
static void print_split(struct why *w, const struct hone_choice *c) {
  enum { MOST = 16 };
  struct lower_opts lo = lower_opts_for(&w->h->target, w->h->opts.fp, w->h->opts.threads);
  struct split part[MOST];
  struct lfunc *f;
  const char *why = NULL;
  if (lo.threads < 2 || w->h->target.limits.simt ||
      lower_kernel(w->h->arena, c->groups, c->sched, &w->h->target.limits, &lo, w->k->name, &f, &why) != ST_OK)
    return;
  unsigned n = cost_split(f, &w->h->target.limits, lo.threads, part, MOST);
  if (!n) buf_printf(w->out, "  split     nothing is parallel: %u threads are of no use\n", lo.threads);
  for (unsigned i = 0; i < n; i++) {
    const struct split *x = &part[i];
    buf_printf(w->out,
               "  split     %s%s%s: %lld iterations in %u chunks for %u threads, busiest %.2f of the mean, %.3g bytes "
               "a thread",
               f->k->sym[x->loop->sym].name, x->inner ? " x " : "", x->inner ? f->k->sym[x->inner->sym].name : "",
               (long long)x->iterations, x->chunks, lo.threads, x->busiest, x->bytes);
    if (x->regions > 1) buf_printf(w->out, "; %.0f times", x->regions);
    buf_putc(w->out, '\n');
  }
}

/* Records from elsewhere that would come first, but were not checked here yet. */
static enum status print_untrusted(struct why *w, const struct db_key *key) {
  enum { MOST = 8 };
  struct db_records u;
  enum status st = db_untrusted(w->db, w->h->arena, key, MOST, &u, w->h->diag);
  if (st == ST_OK && u.n)
    buf_printf(w->out, "  imported  %u%s record%s may win only after `hone tune` has checked %s on this machine\n", u.n,
               u.n == MOST ? " or more" : "", u.n == 1 ? "" : "s", u.n == 1 ? "it" : "them");
  return st;
}

static enum status explain(struct why *w, const char *dims) {
  struct hone_choice c;
  struct db_key key;
  enum status st = hone_choose(w->h, w->db, w->symbolic, w->bound, w->value, &c);
  if (st != ST_OK) return st;
  unsigned all = w->symbolic->n == 1 ? 0 : KEY_WHOLE, mine = w->bound->n == 1 ? 0 : KEY_WHOLE;
  key_make(w->h->arena, w->symbolic, all, w->bound, mine, w->value, &w->h->target, w->h->opts.threads, false,
           w->h->opts.fp, &key);
  buf_printf(w->out, "%s %s for %s\n  match     %s\n", w->k->name, dims ? dims : "", w->h->target.class_,
             match_name[c.match]);
  if (c.match != MATCH_NONE) {
    buf_puts(w->out, "  winner    ");
    print_record(w->out, &c.record);
    buf_printf(w->out, "  checked   %s\n", c.record.verify ? c.record.verify : "");
  }
  buf_puts(w->out, "  schedule\n");
  print_scheds(w, c.sched);
  print_split(w, &c);
  if (w->db) st = print_others(w, &key, &c);
  if (w->db && st == ST_OK) st = print_untrusted(w, &key);
  print_floor(w, &c);
  return st;
}

static enum status why_fn(struct hone *h, struct options *o, struct db *db, const struct kernel *k, struct buf *out) {
  const char *dims = o->hone.ndims ? o->hone.dims[0] : NULL;
  bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
  struct why w = {.h = h, .db = db, .k = k, .out = out, .value = ARENA_NEW(h->arena, int64_t, k->nsym + 64u)};
  enum status st = hone_dims(h, k, dims, has, w.value);
  if (st != ST_OK) return st;
  w.symbolic = hone_groups(h, k);
  w.bound = hone_groups_at(h, k, has, w.value);
  return w.symbolic && w.bound ? explain(&w, dims) : ST_INTERNAL;
}

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  if (o->nspec != 1) {
    diag_error(d, nowhere, "why takes one specification");
    return ST_USAGE;
  }
  struct arena *a = arena_new();
  struct db *db = NULL;
  struct hone h;
  enum status st = hone_open(&h, o->spec[0], &o->hone, d);
  if (st == ST_OK) st = tuning_db(a, o, DB_READONLY, &db, d);
  for (unsigned i = 0; st == ST_OK && i < h.spec.n; i++) {
    if (h.spec.fn[i].k)
      st = why_fn(&h, o, db, h.spec.fn[i].k, out);
    else
      buf_printf(out, "%s: compiled as written: %s\n", h.spec.fn[i].source->f->k->name,
                 h.spec.fn[i].source->why ? h.spec.fn[i].source->why : "?");
  }
  db_close(db);
  hone_close(&h);
  arena_free(a);
  return st;
}

const struct command command_why = {"why", "which record decides, how it matched, the runner-up, the floor",
                                    "usage: hone why SPEC --dims M=1024,… [--db FILE] [--threads N]\n\n  hone why "
                                    "matmul.c --dims M=1024,N=1024,K=1024\n",
                                    run};
