/* Writing bundles. Candidates are chosen without a clock: many random schedules and neighbours of the default, ranked
   by the cost model; of a kernel of several groups the i-th candidate has the i-th best of each. */
#include "tuner/bundle.h"
#include "ir/sha256.h"
#include "tuner/db_impl.h"
#include "tuner/key.h"
#include "tuner/seen.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { POOL = 12, SHORT_ID = 16 };
static const struct loc nowhere = {0};
struct bundle {
  struct arena *arena;
  const char *dir;
  const struct target *target;
  struct buf lines;
  uint8_t run_id[DB_ID];
  unsigned n, nkernel;
};

static enum status write_file(struct bundle *b, const char *name, const void *data, size_t len, struct diag *d) {
  const char *path = arena_printf(b->arena, "%s/%s", b->dir, name);
  FILE *f = fopen(path, "wbe");
  bool ok = f && fwrite(data, 1, len, f) == len;
  ok = f && !fclose(f) && ok;
  if (ok) return ST_OK;
  diag_error(d, nowhere, "cannot write '%s': %s", path, strerror(errno));
  return ST_ENV;
}

static void put_line(struct bundle *b, const struct line *l) {
  line_print(&b->lines, l, true);
  buf_putc(&b->lines, '\n');
}

struct bundle *bundle_open(const char *dir, const struct target *t, struct diag *d) {
  struct arena *a = arena_new();
  struct bundle *b = ARENA_NEW(a, struct bundle, 1);
  char hex[2 * DB_ID + 1];
  struct line run;
  struct stat st;
  *b = (struct bundle){.arena = a, .dir = arena_strdup(a, dir), .target = t};
  if (mkdir(dir, 0777) && errno != EEXIST) {
    diag_error(d, nowhere, "cannot make '%s': %s", dir, strerror(errno));
    arena_free(a);
    return NULL;
  }
  if (!stat(arena_printf(a, "%s/bundle.jsonl", dir), &st)) {
    diag_error(d, nowhere, "'%s' has a bundle in it already", dir);
    arena_free(a);
    return NULL;
  }
  buf_init(&b->lines);
  buf_puts(&b->lines, "{\"hone\":\"tuning records\",\"version\":1}\n");
  run_line("hone " HONE_VERSION, emit_llvm_version(), "{}", b->run_id, hex, &run);
  put_line(b, &run);
  return b;
}

/* ---- candidates ---- */

struct ranked {
  struct sched s;
  double cost;
};
static int by_cost(const void *a, const void *b) {
  const struct ranked *x = a, *y = b;
  return x->cost < y->cost ? -1 : x->cost > y->cost;
}

/* The default schedule of group g first, then the given one (NULL: none), then others, best first. Returns how many
   there are. */
static unsigned rank_group(struct arena *a, const struct space *sp, uint64_t seed, const struct sched *given,
                           unsigned count, struct sched *out) {
  struct ranked *pool = ARENA_NEW(a, struct ranked, (size_t)count * POOL + 1);
  struct seen_set seen = {0};
  struct sched def = sp->def, x; /* as the tuner has it: sp->opts bound what is searched, not that */
  unsigned n = 0;
  (void)seen_add(&seen, sp, &def);
  if (given) (void)seen_add(&seen, sp, given);
  for (unsigned i = 0; i < count * POOL; i++) {
    bool got =
        i % 2 ? space_neighbour(sp, &seed, n ? &pool[rng_next(&seed) % n].s : &def, &x) : space_random(sp, &seed, &x);
    if (got && seen_add(&seen, sp, &x))
      pool[n++] = (struct ranked){x, cost_estimate(sp->gs, sp->g, &x, sp->lim, &sp->opts)};
  }
  seen_free(&seen);
  qsort(pool, n, sizeof *pool, by_cost);
  if (n > count) n = count;
  out[0] = def;
  if (given) *++out = *given;
  for (unsigned i = 0; i < n; i++) out[i + 1] = pool[i].s;
  return n + 1 + (given != NULL);
}

/* ---- one kernel ---- */

static enum status write_package(struct bundle *b, const struct db_key *key, const struct sched *s, unsigned n,
                                 const char *role, const struct buf *pkg, struct diag *d) {
  bool is_default = !strcmp(role, "default");
  uint8_t sum[DB_ID];
  char hex[2 * DB_ID + 1];
  struct record_lines l;
  sha256(pkg->data, pkg->len, sum);
  hex_of(sum, hex);
  struct db_record r = {.sched = sched_joined(b->arena, s, n),
                        .status = "ok",
                        .n = 0,
                        .min_ps = -1,
                        .q20_ps = -1,
                        .med_ps = -1,
                        .q80_ps = -1,
                        .rel_ppm = -1,
                        .rel_lo_ppm = -1,
                        .rel_hi_ppm = -1};
  r.verify = arena_printf(b->arena, "{\"package\":\"%s\",\"role\":\"%s\"}", hex, role);
  memcpy(r.run_id, b->run_id, sizeof r.run_id);
  record_lines(key, &r, &l);
  if (is_default && !b->nkernel++) put_line(b, &l.target);
  if (is_default) put_line(b, &l.kernel);
  put_line(b, &l.record);
  b->n++;
  return write_file(b, arena_printf(b->arena, "%.*s.pkg", SHORT_ID, l.hex[4]), pkg->data, pkg->len, d);
}

static enum status write_spec(struct bundle *b, const struct db_key *key, const struct kernel *k, const char *dims,
                              struct diag *d) {
  struct buf text;
  char hex[2 * DB_ID + 1];
  buf_init(&text);
  kernel_print(&text, k);
  hex_of(key->kernel_id, hex);
  enum status st = write_file(b, arena_printf(b->arena, "%.*s.hone", SHORT_ID, hex), text.data, text.len, d);
  if (st == ST_OK)
    st =
        write_file(b, arena_printf(b->arena, "%.*s.dims", SHORT_ID, hex), dims ? dims : "", dims ? strlen(dims) : 0, d);
  buf_free(&text);
  return st;
}

/* Builds the candidates in order; one that cannot be built, or that ptxas rejects, is left out (not so the default). */
static enum status build_all(struct bundle *b, const struct db_key *key, const struct groups *gs, const struct sched *s,
                             unsigned n, bool given, struct builder *builder, struct diag *d) {
  enum status st = ST_OK;
  for (unsigned i = 0; i < n && st == ST_OK; i++) {
    struct buf pkg;
    buf_init(&pkg);
    builder_ask(builder, &s[(size_t)i * gs->n]);
    struct build_result r = builder_take(builder, &pkg);
    if (r.status == TRIAL_OK && (i == 0 || !*r.fault)) {
      const char *role = !i ? "default" : i == 1 && given ? "given" : "candidate";
      st = write_package(b, key, &s[(size_t)i * gs->n], gs->n, role, &pkg, d);
    } else if (i == 0 || (i == 1 && given)) {
      diag_error(d, nowhere, "the %s schedule of '%s' cannot be built: %s", i ? "given" : "default", gs->k->name,
                 *r.fault ? r.fault : r.why);
      st = ST_REFUSED;
    }
    buf_free(&pkg);
  }
  return st;
}

enum status bundle_add(struct bundle *b, const struct kernel *k, const char *dims, const struct tune_job *job,
                       const struct tune_opts *o, unsigned count, struct diag *d) {
  const struct groups *gs = job->bound;
  struct lower_opts lo = lower_opts_for(job->target, o->fp, o->threads);
  struct sched *list = ARENA_NEW(b->arena, struct sched, count + 2u),
               *all = ARENA_NEW(b->arena, struct sched, (size_t)(count + 2) * gs->n + 1);
  struct db_key key;
  unsigned most = 0;
  key_make(b->arena, job->symbolic, job->gsym, gs, job->gbound, job->value, job->target, o->threads, o->cold, o->fp,
           &key);
  for (unsigned g = 0; g < gs->n; g++) {
    struct space sp = {.gs = gs, .g = g, .lim = &job->target->limits, .opts = lo};
    space_open(&sp);
    unsigned n = rank_group(b->arena, &sp, o->seed + g, job->start ? &job->start[g] : NULL, count, list);
    for (unsigned i = 0; i < count + 2; i++) all[(size_t)i * gs->n + g] = list[i < n ? i : 0];
    most = n > most ? n : most;
  }
  struct builder *builder = builder_open(gs, job->target, &lo, o->ptxas);
  if (!builder) {
    diag_error(d, nowhere, "cannot start a process that builds candidates: %s", strerror(errno));
    return ST_ENV;
  }
  enum status st = write_spec(b, &key, k, dims, d);
  if (st == ST_OK) st = build_all(b, &key, gs, all, most, job->start != NULL, builder, d);
  builder_close(builder);
  return st;
}

enum status bundle_close(struct bundle *b, bool complete, unsigned *candidates, struct diag *d) {
  *candidates = b->n;
  enum status st = complete ? write_file(b, "bundle.jsonl", b->lines.data, b->lines.len, d) : ST_OK;
  buf_free(&b->lines);
  arena_free(b->arena);
  return st;
}
