/* Measuring bundles: what the tuner does with its candidates, without the part that makes them. Nothing here needs
 * LLVM. */
#include "tuner/bundle.h"
#include "ir/sha256.h"
#include "tuner/db_impl.h"
#include "tuner/key.h"
#include "tuner/stats.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  CHUNK = 8,
  FINALISTS = 4,
  SCREEN_ROUNDS = 6,
  FINAL_ROUNDS = 60,
  SHORT_ID = 16,
  MAX_TEXT = 64 << 20,
  MAX_PACKAGE = 64 << 20
};
static const struct loc nowhere = {0};
static const double STOP = 2;
static const double HOPELESS = 3, HOPELESS_S = 1e-3; /* times as long as the default in the check: not timed */
static const double RACE_S = 4;                      /* of device time for a race, about */

struct entry { /* a candidate */
  struct line line;
  struct buf package;
  enum trial_status status;
  char why[256];
  struct evidence ev;
  double run_s;         /* of one call when it was checked */
  double ratio;         /* to the default */
  struct samples final; /* of the last race */
  struct interval rel;
};
struct session {
  const char *dir;
  const struct bundle_run *o;
  struct arena *arena;
  struct diag *d;
  struct buf *out;
  struct line *line; /* of the manifest */
  unsigned nline;
  char target_hex[2 * DB_ID + 1], run_hex[2 * DB_ID + 1];
  /* the kernel at hand */
  struct problem problem[INPUTS_COUNT];
  struct reference *reference[INPUTS_COUNT];
  char dims[256];
  struct entry *entry;
  unsigned n;
  double begun; /* when, in seconds */
};

static bool read_file(struct session *s, const char *name, size_t most, struct buf *out) {
  char block[65536];
  size_t n;
  const char *path = arena_printf(s->arena, "%s/%s", s->dir, name);
  FILE *f = fopen(path, "rbe");
  while (f && out->len <= most && (n = fread(block, 1, sizeof block, f)) > 0) buf_write(out, block, n);
  bool ok = f && !ferror(f) && out->len <= most;
  if (!ok)
    diag_error(s->d, nowhere, "cannot read '%s': %s", path, f && out->len > most ? "it is too large" : strerror(errno));
  if (f) fclose(f);
  buf_putc(out, '\0');
  out->len--;
  return ok;
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the manifest ---- */

static enum status read_manifest(struct session *s) {
  struct buf text;
  buf_init(&text);
  bool ok = read_file(s, "bundle.jsonl", MAX_TEXT, &text);
  unsigned number = 0, count = 1;
  for (const char *p = text.data; ok && *p; p++) count += *p == '\n';
  s->line = ARENA_NEW(s->arena, struct line, count);
  for (const char *p = text.data, *end; ok && p < text.data + text.len; p = end + 1) {
    end = strchrnul(p, '\n');
    number++;
    const char *why = line_parse(s->arena, p, (size_t)(end - p), &s->line[s->nline]);
    if (!why) why = line_check(&s->line[s->nline]);
    if (why) diag_error(s->d, nowhere, "%s/bundle.jsonl:%u: %s", s->dir, number, why);
    ok = !why;
    s->nline++;
    if (!*end) break;
  }
  buf_free(&text);
  return ok ? ST_OK : ST_REFUSED;
}

static bool is_default(const struct line *l) {
  return strstr(l->text[F_verify], "\"role\":\"default\"") != NULL;
}

/* The package of a record, whose hash must be what the record says. */
static bool read_package(struct session *s, struct entry *e) {
  uint8_t sum[DB_ID];
  char hex[2 * DB_ID + 1];
  buf_init(&e->package);
  if (!read_file(s, arena_printf(s->arena, "%.*s.pkg", SHORT_ID, e->line.text[F_id]), MAX_PACKAGE, &e->package))
    return false;
  sha256(e->package.data, e->package.len, sum);
  hex_of(sum, hex);
  if (strstr(e->line.text[F_verify], hex)) return true;
  diag_error(s->d, nowhere, "%s/%.*s.pkg is not what was put into the bundle", s->dir, SHORT_ID, e->line.text[F_id]);
  return false;
}

static const struct kernel *read_kernel(struct session *s, const char *id) {
  struct buf text, dims;
  struct kernels ks = {0};
  const struct kernel *k = NULL;
  buf_init(&text);
  buf_init(&dims);
  const char *name = arena_printf(s->arena, "%.*s.hone", SHORT_ID, id), *bad = "";
  if (read_file(s, name, MAX_TEXT, &text) &&
      read_file(s, arena_printf(s->arena, "%.*s.dims", SHORT_ID, id), 4096, &dims) &&
      kernels_parse(s->arena, s->d, diag_file(s->d, name, text.data, text.len), text.data, text.len, &ks) == ST_OK &&
      ks.n == 1) {
    snprintf(s->dims, sizeof s->dims, "%.*s", (int)strcspn(dims.data, "\n"), dims.data);
    bool *has = ARENA_NEW(s->arena, bool, ks.k[0]->nsym + 1u);
    int64_t *value = ARENA_NEW(s->arena, int64_t, ks.k[0]->nsym + 1u);
    if (!dims.len || kernel_parse_dims(ks.k[0], dims.data, has, value, &bad))
      k = kernel_specialise(s->arena, ks.k[0], has, value);
    else
      diag_error(s->d, nowhere, "%s: bad dims '%s'", name, bad);
  }
  buf_free(&text);
  buf_free(&dims);
  return k;
}

/* What its candidates may do to floats: all records of a kernel say the same. */
static const char *fp_of(const struct session *s, const char *id) {
  for (unsigned i = 0; i < s->nline; i++)
    if (s->line[i].kind == LINE_RECORD && !strcmp(s->line[i].text[F_kernel], id)) return s->line[i].text[F_fp];
  return "";
}

static enum status open_kernel(struct session *s, const char *id) {
  const struct kernel *k = read_kernel(s, id);
  s->begun = seconds();
  if (!k) return ST_REFUSED;
  int64_t *value = ARENA_NEW(s->arena, int64_t, k->nsym + 1u); /* dims are constants by now */
  const char *fp = fp_of(s, id);
  enum status st = ST_OK;
  for (int kind = 0; kind < INPUTS_COUNT && st == ST_OK; kind++) {
    st = check_problem(s->arena, k, value, (enum inputs)kind, 1 + (uint64_t)kind, 1, &s->problem[kind], s->d);
    s->problem[kind].cold = s->o->cold;
    bool fast = !strcmp(fp, "fast"), strict = !strcmp(fp, "strict");
    if (st == ST_OK) check_allow(&s->problem[kind], fast || !strcmp(fp, "tf32"), fast, !strict);
    if (st == ST_OK && !(s->reference[kind] = check_reference(s->arena, &s->problem[kind], s->d))) st = ST_INFEASIBLE;
  }
  s->entry = ARENA_NEW(s->arena, struct entry, s->nline + 1u);
  s->n = 0;
  for (int role = 0; role < 2 && st == ST_OK; role++)
    for (unsigned i = 0; i < s->nline && st == ST_OK; i++) {
      const struct line *l = &s->line[i];
      if (l->kind != LINE_RECORD || strcmp(l->text[F_kernel], id) || is_default(l) != (role == 0)) continue;
      struct entry *e = &s->entry[s->n++];
      e->line = *l;
      if (!read_package(s, e)) st = ST_REFUSED;
    }
  if (st == ST_OK && (!s->n || !is_default(&s->entry[0].line))) {
    diag_error(s->d, nowhere, "%s: kernel %.*s has no default schedule", s->dir, SHORT_ID, id);
    st = ST_REFUSED;
  }
  return st;
}

/* ---- checking and timing ---- */

struct checking {
  struct session *s;
  enum inputs kind;
  struct entry *of[CHUNK];
};

static void compare(void *ctx, unsigned i, const struct args *got) {
  struct checking *x = ctx;
  struct entry *e = x->of[i];
  struct evidence ev = {0};
  bool right = check_compare(&x->s->problem[x->kind], x->s->reference[x->kind], got, &ev);
  e->ev.passes++;
  if (ev.worst > e->ev.worst) e->ev.worst = ev.worst;
  if (right) return;
  e->status = TRIAL_WRONG;
  snprintf(e->why, sizeof e->why, "%s", ev.where);
}

static void check(struct session *s, struct entry *const *e, unsigned n, enum inputs kind) {
  struct measure *m = s->o->measure;
  struct checking x = {.s = s, .kind = kind};
  struct candidate c[CHUNK];
  struct run run[CHUNK];
  unsigned k = 0;
  for (unsigned i = 0; i < n; i++)
    if (e[i]->status == TRIAL_OK) x.of[k] = e[i], c[k++] = (struct candidate){&e[i]->package, s->problem[0].k->name};
  double give_up = kind == INPUTS_EXACT && s->entry[0].run_s > 0 ? fmax(HOPELESS * s->entry[0].run_s, HOPELESS_S) : 0;
  if (k) m->run(m, c, k, &s->problem[kind], give_up, run, compare, &x);
  for (unsigned i = 0; i < k; i++) {
    x.of[i]->run_s = run[i].seconds;
    if (run[i].status == TRIAL_OK) continue;
    x.of[i]->status = run[i].status;
    snprintf(x.of[i]->why, sizeof x.of[i]->why, "%s", run[i].why);
  }
}

static bool hopeless(const struct session *s, const struct entry *e) {
  return e->run_s > HOPELESS_S && e->run_s > HOPELESS * s->entry[0].run_s;
}

/* As many rounds of n forms as fit into RACE_S, within bounds. */
static unsigned rounds_for(const struct session *s, unsigned n, unsigned least, unsigned most) {
  double r = RACE_S / (n * fmax(s->entry[0].run_s, 1e-6));
  return r < least ? least : r > most ? most : (unsigned)r;
}

/* Rounds of the default and those of e that are right; what breaks the worker is marked, the others are timed again. */
static void race(struct session *s, struct entry *const *e, unsigned n, unsigned rounds, double stop) {
  struct measure *m = s->o->measure;
  for (unsigned again = 0; again <= n; again++) {
    struct candidate c[CHUNK + 1] = {{&s->entry[0].package, s->problem[0].k->name}};
    struct entry *of[CHUNK + 1] = {&s->entry[0]};
    struct samples got[CHUNK + 1] = {{0}};
    unsigned k = 1, culprit = UINT32_MAX;
    char why[256] = "";
    for (unsigned i = 0; i < n; i++)
      if (e[i]->status == TRIAL_OK && !hopeless(s, e[i]))
        of[k] = e[i], c[k++] = (struct candidate){&e[i]->package, s->problem[0].k->name};
    if (k == 1 && n) return;
    enum trial_status ts = m->time(m, c, k, &s->problem[INPUTS_RANDOM], rounds, stop, got, &culprit, why);
    for (unsigned i = 0; i < k && ts == TRIAL_OK; i++) {
      free(of[i]->final.s);
      of[i]->final = got[i];
      if (i && got[i].n && got[0].n)
        of[i]->rel = stats_ratio(got[i].s, got[0].s, got[i].n < got[0].n ? got[i].n : got[0].n);
      if (i && got[i].n && got[0].n) of[i]->ratio = of[i]->rel.mid;
    }
    if (ts == TRIAL_OK) return;
    for (unsigned i = 0; i < k; i++) free(got[i].s);
    if (culprit >= k) culprit = k - 1;
    of[culprit]->status = ts;
    snprintf(of[culprit]->why, sizeof of[culprit]->why, "%s", why);
    if (!culprit) return; /* the default itself */
  }
}

/* ---- records ---- */

static void put_record(struct session *s, const struct entry *e, int stage, bool timed) {
  struct line l = e->line;
  struct buf verify;
  char id[2 * DB_ID + 1];
  buf_init(&verify);
  buf_printf(&verify, "{\"passes\":%u", e->ev.passes);
  if (*e->why) buf_puts(&verify, ",\"why\":"), buf_json(&verify, e->why);
  if (*s->o->measure->note) buf_puts(&verify, ",\"device\":"), buf_json(&verify, s->o->measure->note);
  buf_printf(&verify, ",\"worst_ppm\":%lld}", (long long)stats_ppm(e->ev.worst));
  if (s->o->measure->modelled && !strncmp(l.text[F_objective], "time/", 5))
    line_text(&l, F_objective, arena_printf(s->arena, "model/%s", l.text[F_objective] + 5));
  const char *warm = s->o->cold ? strstr(l.text[F_objective], "/warm") : NULL;
  if (warm)
    line_text(&l, F_objective,
              arena_printf(s->arena, "%.*s/cold", (int)(warm - l.text[F_objective]), l.text[F_objective]));
  line_text(&l, F_target, s->target_hex);
  line_text(&l, F_run, s->run_hex);
  line_text(&l, F_status, trial_status_name[e->status]);
  line_text(&l, F_verify, verify.data);
  line_num(&l, F_stage, stage);
  const struct samples *x = &e->final;
  bool any = timed && x->n > 0;
  line_num(&l, F_n, any ? x->n : 0);
  line_num(&l, F_min_ps, any ? stats_ps(stats_quantile(x->s, x->n, 0)) : -1);
  line_num(&l, F_q20_ps, any ? stats_ps(stats_quantile(x->s, x->n, 0.2)) : -1);
  line_num(&l, F_med_ps, any ? stats_ps(stats_quantile(x->s, x->n, 0.5)) : -1);
  line_num(&l, F_q80_ps, any ? stats_ps(stats_quantile(x->s, x->n, 0.8)) : -1);
  line_num(&l, F_rel_ppm, any ? stats_ppm(e->rel.mid) : -1);
  line_num(&l, F_rel_lo_ppm, any ? stats_ppm(e->rel.lo) : -1);
  line_num(&l, F_rel_hi_ppm, any ? stats_ppm(e->rel.hi) : -1);
  line_id(&l, id);
  line_text(&l, F_id, id);
  line_print(s->out, &l, true);
  buf_putc(s->out, '\n');
  buf_free(&verify);
}

static int by_ratio(const void *a, const void *b) {
  const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
  return x->ratio < y->ratio ? -1 : x->ratio > y->ratio;
}

static void report_json(struct session *s, const char *name, unsigned right, const struct entry *best) {
  struct buf b;
  const struct entry *def = &s->entry[0], *first = best && best->rel.hi < 1 ? best : def;
  double t = first->final.n ? stats_quantile(first->final.s, first->final.n, 0.5) : 0;
  buf_init(&b);
  buf_puts(&b, "{\"kernel\":"), buf_json(&b, name);
  buf_puts(&b, ",\"dims\":"), buf_json(&b, s->dims);
  buf_printf(&b,
             ",\"form\":\"hone\",\"med_ps\":%lld,\"default_ps\":%lld,\"candidates\":%u,\"right\":%u,\"cold\":%s,"
             "\"modelled\":%s,\"device\":",
             (long long)stats_ps(t),
             (long long)stats_ps(def->final.n ? stats_quantile(def->final.s, def->final.n, 0.5) : 0), s->n - 1, right,
             s->o->cold ? "true" : "false", s->o->measure->modelled ? "true" : "false");
  buf_json(&b, s->o->note);
  buf_puts(&b, ",\"note\":"), buf_json(&b, s->o->measure->note);
  for (unsigned i = 1; i < s->n; i++) {
    const struct entry *e = &s->entry[i];
    if (!strstr(e->line.text[F_verify], "\"role\":\"given\"")) continue;
    buf_printf(&b, ",\"given_ps\":%lld,\"given_ratio_ppm\":%lld,\"given\":",
               (long long)stats_ps(e->final.n ? stats_quantile(e->final.s, e->final.n, 0.5) : 0),
               (long long)(e->final.n ? stats_ppm(e->rel.mid) : 0));
    buf_json(&b, e->status == TRIAL_OK ? e->line.text[F_sched] : e->why);
  }
  buf_printf(&b, ",\"seconds\":%.1f,\"ratios_ppm\":\"", seconds() - s->begun);
  for (unsigned i = 1; i < s->n; i++) { /* in the order of the cost model; 0: not timed */
    const struct entry *e = &s->entry[i];
    buf_printf(&b, "%s%lld", i > 1 ? " " : "", (long long)(e->status == TRIAL_OK ? stats_ppm(e->ratio) : 0));
  }
  buf_puts(&b, "\"}");
  s->o->say(b.data);
  buf_free(&b);
}

static void report(struct session *s, const char *name, unsigned right, const struct entry *best) {
  char line[512];
  const struct entry *def = &s->entry[0];
  if (s->o->json) {
    report_json(s, name, right, best);
    return;
  }
  int n =
      snprintf(line, sizeof line, "%.80s%s%.80s: %u candidates, %u right; default %.2f us", name, *s->dims ? " " : "",
               s->dims, s->n - 1, right, def->final.n ? stats_quantile(def->final.s, def->final.n, 0.5) * 1e6 : 0);
  if (best)
    snprintf(line + n, sizeof line - (size_t)n, ", best %.2f us (ratio %.3f, 95 %% interval %.3f … %.3f)%s",
             stats_quantile(best->final.s, best->final.n, 0.5) * 1e6, best->rel.mid, best->rel.lo, best->rel.hi,
             s->o->measure->modelled ? "; modelled" : "");
  s->o->say(line);
}

static enum status measure_kernel(struct session *s, const struct line *kernel) {
  struct entry *def = &s->entry[0], **e = ARENA_NEW(s->arena, struct entry *, s->n + 1u);
  unsigned right = 0, m = 0;
  for (int kind = 0; kind < INPUTS_COUNT; kind++) check(s, &def, 1, (enum inputs)kind);
  if (def->status != TRIAL_OK) {
    diag_error(s->d, nowhere, "the default schedule of '%s' failed (%s): %s", kernel->text[F_name],
               trial_status_name[def->status], def->why);
    put_record(s, def, 0, false);
    return ST_ENV;
  }
  for (unsigned at = 1; at < s->n; at += CHUNK) {
    struct entry *part[CHUNK];
    unsigned k = s->n - at < CHUNK ? s->n - at : CHUNK;
    for (unsigned i = 0; i < k; i++) part[i] = &s->entry[at + i];
    check(s, part, k, INPUTS_EXACT);
    race(s, part, k, rounds_for(s, k + 1, 2, SCREEN_ROUNDS), STOP);
  }
  for (unsigned i = 1; i < s->n; i++) {
    right += s->entry[i].status == TRIAL_OK;
    if (s->entry[i].status == TRIAL_OK && s->entry[i].final.n) e[m++] = &s->entry[i];
  }
  qsort(e, m, sizeof *e, by_ratio);
  unsigned finalists = m < FINALISTS ? m : FINALISTS;
  check(s, e, finalists, INPUTS_RANDOM);
  check(s, e, finalists, INPUTS_SPECIAL);
  for (unsigned i = 1; i < s->n; i++) {
    bool final = false;
    for (unsigned f = 0; f < finalists; f++) final |= e[f] == &s->entry[i];
    if (!final) put_record(s, &s->entry[i], 0, s->entry[i].status == TRIAL_OK);
  }
  race(s, e, finalists, rounds_for(s, finalists + 1, 6, FINAL_ROUNDS), 0);
  def->rel = (struct interval){1, 1, 1};
  put_record(s, def, 2, true);
  const struct entry *best = NULL;
  for (unsigned f = 0; f < finalists; f++) {
    bool ok = e[f]->status == TRIAL_OK;
    put_record(s, e[f], ok ? 2 : 1, ok);
    if (ok && (!best || e[f]->rel.hi < best->rel.hi)) best = e[f];
  }
  report(s, kernel->text[F_name], right, best);
  return ST_OK;
}

/* ---- all ---- */

static void put_heads(struct session *s) {
  struct db_key key = {.target = s->o->target, .name = "", .ir = "", .dims = "", .objective = "", .fp = ""};
  struct db_record none = {.sched = "", .status = "ok"};
  struct record_lines l;
  struct line run;
  uint8_t run_id[DB_ID];
  struct buf env;
  key_target_id(s->o->target, key.target_id);
  record_lines(&key, &none, &l);
  memcpy(s->target_hex, l.hex[2], sizeof s->target_hex);
  buf_puts(s->out, "{\"hone\":\"tuning records\",\"version\":1}\n");
  line_print(s->out, &l.target, true);
  buf_putc(s->out, '\n');
  buf_init(&env);
  buf_puts(&env, "{\"device\":");
  buf_json(&env, s->o->note);
  buf_putc(&env, '}');
  run_line(s->o->tool, "hone-runner", env.data, run_id, s->run_hex, &run);
  line_print(s->out, &run, true);
  buf_putc(s->out, '\n');
  buf_free(&env);
}

static void close_kernel(struct session *s) {
  for (unsigned i = 0; i < s->n; i++) {
    free(s->entry[i].final.s);
    buf_free(&s->entry[i].package);
  }
  s->n = 0;
}

bool bundle_arch(const char *dir, char *out, size_t len, struct diag *d) {
  struct session s = {.dir = dir, .arena = arena_new(), .d = d};
  bool found = false;
  if (read_manifest(&s) == ST_OK)
    for (unsigned i = 0; i < s.nline && !found; i++)
      if ((found = s.line[i].kind == LINE_TARGET && !strncmp(s.line[i].text[F_isa], "ptx ", 4)))
        snprintf(out, len, "%s", s.line[i].text[F_isa] + 4);
  if (!found && !diag_errors(d)) diag_error(d, nowhere, "'%s' has no GPU's candidates in it", dir);
  arena_free(s.arena);
  return found;
}

enum status bundle_measure(const char *dir, const struct bundle_run *o, struct buf *out, struct diag *d) {
  struct session s = {.dir = dir, .o = o, .arena = arena_new(), .d = d, .out = out};
  double start = seconds();
  enum status st = read_manifest(&s);
  if (st == ST_OK) put_heads(&s);
  for (unsigned i = 0; i < s.nline && st == ST_OK; i++) {
    const struct line *l = &s.line[i];
    if (l->kind == LINE_TARGET && strcmp(l->text[F_isa], o->target->isa)) {
      diag_error(d, nowhere, "the bundle is for '%s', the device is '%s'", l->text[F_isa], o->target->isa);
      st = ST_REFUSED;
    }
    if (l->kind != LINE_KERNEL || st != ST_OK) continue;
    if (o->budget_s > 0 && seconds() - start > o->budget_s) {
      diag_warn(d, nowhere, "late", "not measured, for the time is up: %s %.*s", l->text[F_name], SHORT_ID,
                l->text[F_id]);
      continue;
    }
    line_print(out, l, true);
    buf_putc(out, '\n');
    st = open_kernel(&s, l->text[F_id]);
    if (st == ST_OK) st = measure_kernel(&s, l);
    close_kernel(&s);
  }
  arena_free(s.arena);
  return st;
}
