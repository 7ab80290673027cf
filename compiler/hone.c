/* The walk: TENSOR to GROUP, a schedule from the database or the model, LOOP, object. Reading is read.c; tuning is
 * tune_kernel.c. */
#include "compiler/given.h"
#include "compiler/pass/passes.h"
#include "compiler/rest.h"
#include "tuner/key.h"
#include <string.h>

enum { MAX_VARIANTS = 6 /* tuned ones; those that --dims asks for are all made */ };
static const struct loc nowhere = {0};

/* GROUP
 * -----------------------------------------------------------------------------------------------------------------------------------
 */

static struct groups *run_passes(struct hone *h, struct kernel *k) {
  struct unit u = {.level = LEVEL_TENSOR, .k = k, .strict = h->opts.fp == FP_STRICT, .simt = h->target.limits.simt};
  if (pass_run(h->arena, hone_passes, hone_npasses, &u, h->diag) != ST_OK) return NULL;
  return u.gs;
}

struct groups *hone_groups(struct hone *h, const struct kernel *k) {
  return run_passes(h, kernel_clone(h->arena, k));
}

struct groups *hone_groups_at(struct hone *h, const struct kernel *k, const bool *has, const int64_t *value) {
  return run_passes(h, kernel_specialise(h->arena, k, has, value));
}

/* Schedules
 * -------------------------------------------------------------------------------------------------------------------------------
 */

static unsigned whole(const struct groups *gs) {
  return gs->n == 1 ? 0 : KEY_WHOLE;
}

static struct lower_opts lower_opts(const struct hone *h) {
  return lower_opts_for(&h->target, h->opts.fp, h->opts.threads);
}

static struct sched *defaults(struct hone *h, const struct groups *gs) {
  struct lower_opts lo = lower_opts(h);
  struct sched *s = ARENA_NEW(h->arena, struct sched, gs->n + 1u);
  for (unsigned g = 0; g < gs->n; g++) s[g] = sched_default(gs, g, &h->target.limits, &lo);
  return s;
}

/* "tile … | tile …": one schedule a group; each must be legal here, whoever wrote it. */
static bool parse_scheds(struct hone *h, const struct groups *gs, const char *text, struct sched *out) {
  struct lower_opts lo = lower_opts(h);
  for (unsigned g = 0; g < gs->n; g++) {
    const char *bar = strstr(text, " | ");
    size_t len = bar ? (size_t)(bar - text) : strlen(text);
    if (!bar != (g + 1u == gs->n)) return false;
    if (sched_parse_canon(text, len, &out[g]) != ST_OK) return false;
    if (legal_sched(h->arena, gs, g, &out[g], &h->target.limits, &lo)) return false;
    text += len + 3;
  }
  return true;
}

static void make_key(struct hone *h, const struct groups *symbolic, const struct groups *bound, const int64_t *value,
                     struct db_key *key) {
  key_make(h->arena, symbolic, whole(symbolic), bound, whole(bound), value, &h->target, h->opts.threads, h->opts.cold,
           h->opts.fp, key);
}

enum status hone_choose(struct hone *h, struct db *db, const struct groups *symbolic, const struct groups *bound,
                        const int64_t *value, struct hone_choice *out) {
  memset(out, 0, sizeof *out);
  out->groups = (struct groups *)bound;
  out->sched = defaults(h, bound);
  out->dims = "";
  if (!db) return ST_OK;
  struct db_key key;
  make_key(h, symbolic, bound, value, &key);
  out->dims = key.dims;
  enum status st = db_winner(db, h->arena, &key, &out->record, &out->match, h->diag);
  if (st != ST_OK) return st;
  struct sched *s = ARENA_NEW(h->arena, struct sched, bound->n + 1u);
  if (out->match != MATCH_NONE && parse_scheds(h, bound, out->record.sched, s))
    out->sched = s;
  else
    out->match = MATCH_NONE;
  return ST_OK;
}

enum status hone_given(struct hone *h, const struct groups *gs, struct hone_choice *out) {
  *out = (struct hone_choice){
      .groups = (struct groups *)gs, .sched = ARENA_NEW(h->arena, struct sched, gs->n + 1u), .given = true, .dims = ""};
  return given_schedule(h, gs, out->sched);
}

/* Forms of one function
 * --------------------------------------------------------------------------------------------------------------------
 */

static enum status lower_form(struct hone *h, struct hone_choice *c, const char *name, struct lfunc **out) {
  struct lower_opts lo = lower_opts(h);
  const char *why = NULL;
  enum status st = lower_kernel(h->arena, c->groups, c->sched, &h->target.limits, &lo, name, out, &why);
  if (st == ST_INFEASIBLE && c->given) {
    diag_error(h->diag, nowhere, "--schedule: %s", why);
    return ST_REFUSED;
  }
  if (st != ST_INFEASIBLE) return st;
  struct groups *apart = groups_trivial(h->arena, c->groups->k); /* each equation by itself, no steps */
  struct sched *none = ARENA_NEW(h->arena, struct sched, apart->n + 1u);
  for (unsigned g = 0; g < apart->n; g++) none[g] = sched_none();
  st = lower_kernel(h->arena, apart, none, &h->target.limits, &lo, name, out, &why);
  if (st == ST_INFEASIBLE) c->why = why ? why : "it cannot be lowered";
  return st;
}

struct forms {
  struct emit_variant *v;
  unsigned n;
  unsigned tuned;
};

enum wish { IF_TUNED, ALWAYS, AS_GIVEN };
/* A variant for one binding of the dims: where a winner is known; ALWAYS: the user asked for these dims; AS_GIVEN: and
 * for this schedule. */
static enum status add_variant(struct hone *h, struct db *db, const struct kernel *k, const struct groups *symbolic,
                               const bool *has, const int64_t *value, enum wish wish, struct forms *f) {
  struct groups *bound = hone_groups_at(h, k, has, value);
  if (!bound) return ST_INTERNAL;
  struct hone_choice c;
  enum status st = wish == AS_GIVEN ? hone_given(h, bound, &c) : hone_choose(h, db, symbolic, bound, value, &c);
  if (st != ST_OK || (c.match == MATCH_NONE && wish == IF_TUNED)) return st;
  if (c.match == MATCH_CLASS && h->target.limits.simt)
    diag_note(
        h->diag, k->loc,
        "'%s' %s: the schedule was tuned on a GPU of class %s (--target cuda:N takes those of that very device first)",
        k->name, c.dims, h->target.class_);
  struct emit_variant *v = &f->v[f->n];
  st = lower_form(h, &c, arena_printf(h->arena, "%s.v%u", k->name, f->n), &v->f);
  if (st == ST_INFEASIBLE) return ST_OK; /* the general form says why */
  if (st != ST_OK) return st;
  v->has = has;
  v->value = value;
  f->n++;
  f->tuned += c.given || c.match != MATCH_NONE;
  return ST_OK;
}

static bool same_binding(const struct forms *f, const struct kernel *k, const bool *has, const int64_t *value) {
  for (unsigned i = 0; i < f->n; i++) {
    bool same = true;
    for (unsigned s = 0; s < k->nsym && same; s++)
      same = has[s] == f->v[i].has[s] && (!has[s] || value[s] == f->v[i].value[s]);
    if (same) return true;
  }
  return false;
}

static enum status asked_variants(struct hone *h, struct db *db, const struct kernel *k, bool is_part,
                                  const struct groups *symbolic, struct forms *f) {
  enum wish wish = h->opts.schedule && !is_part ? AS_GIVEN : ALWAYS;
  for (unsigned i = 0; i < h->opts.ndims; i++) {
    bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
    int64_t *value = ARENA_NEW(h->arena, int64_t, k->nsym + 1u);
    const char *text = is_part ? hone_known_dims(h, k, h->opts.dims[i]) : h->opts.dims[i];
    if (!text) continue;
    enum status st = hone_dims(h, k, text, has, value);
    if (st != ST_OK) return st;
    if (same_binding(f, k, has, value)) continue;
    st = add_variant(h, db, k, symbolic, has, value, wish, f);
    if (st != ST_OK) return st;
  }
  return ST_OK;
}

/* Dims of the kernel that the key of the symbolic groups names, by symbol of k (passes keep the numbers of dims). */
static enum status tuned_variants(struct hone *h, struct db *db, const struct kernel *k, const struct groups *symbolic,
                                  struct forms *f) {
  struct db_key key;
  int64_t *zero = ARENA_NEW(h->arena, int64_t, symbolic->k->nsym + 1u);
  const char *dims[MAX_VARIANTS];
  unsigned n = 0;
  sym_t dim[64];
  unsigned ndim = key_dims(symbolic, whole(symbolic), dim, 64);
  if (!ndim) return ST_OK;
  make_key(h, symbolic, symbolic, zero, &key);
  enum status st = db_tuned_dims(db, h->arena, &key, dims, MAX_VARIANTS, &n, h->diag);
  for (unsigned i = 0; st == ST_OK && i < n && f->n < h->opts.ndims + MAX_VARIANTS; i++) {
    bool *has = ARENA_NEW(h->arena, bool, symbolic->k->nsym + 1u);
    int64_t *value = ARENA_NEW(h->arena, int64_t, symbolic->k->nsym + 1u);
    if (!key_dims_parse(symbolic, whole(symbolic), dims[i], value)) continue;
    for (unsigned j = 0; j < ndim; j++) has[dim[j]] = true;
    if (!same_binding(f, k, has, value)) st = add_variant(h, db, k, symbolic, has, value, IF_TUNED, f);
  }
  return st;
}

/* A form of its own, with a default schedule: what is tuned is tuned for all dims. */
static enum status own_form(struct hone *h, struct kernel *own, const bool *has, const int64_t *value, const char *name,
                            struct forms *f) {
  struct hone_choice c = {.groups = run_passes(h, own), .dims = ""};
  if (!c.groups) return ST_INTERNAL;
  c.sched = defaults(h, c.groups);
  struct emit_variant *v = &f->v[f->n];
  enum status st = lower_form(h, &c, name, &v->f);
  if (st == ST_INFEASIBLE) return ST_OK; /* the general form says why */
  if (st != ST_OK) return st;
  v->has = has, v->value = value;
  f->n++;
  return ST_OK;
}

/* A form for small values of one dim: the dim a constant, or the kernel under the assumption. */
static enum status small_form(struct hone *h, const struct kernel *k, const struct small_dim *s, struct forms *f) {
  bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
  int64_t *value = ARENA_NEW(h->arena, int64_t, k->nsym + 1u);
  struct kernel *own = kernel_clone(h->arena, k);
  if (s->most == 1) {
    has[s->dim] = true, value[s->dim] = 1;
    own = kernel_specialise(h->arena, k, has, value);
  } else {
    own->assume = ARENA_NEW(h->arena, poly_t, k->nassume + 1u);
    for (unsigned i = 0; i < k->nassume; i++) own->assume[i] = k->assume[i];
    own->assume[own->nassume++] = poly_sub(h->arena, poly_const(h->arena, s->most), poly_sym(h->arena, s->dim));
  }
  return own_form(h, own, has, value, arena_printf(h->arena, "%s.small%u", k->name, f->n), f);
}

/* Strides that are 1. */
static enum status unit_form(struct hone *h, const struct kernel *k, struct forms *f) {
  bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
  int64_t *value = ARENA_NEW(h->arena, int64_t, k->nsym + 1u);
  if (h->target.limits.simt || !kernel_unit_strides(k, has, value)) return ST_OK;
  struct kernel *own = kernel_specialise(h->arena, k, has, value);
  return own_form(h, own, has, value, arena_printf(h->arena, "%s.unit", k->name), f);
}

static enum status small_forms(struct hone *h, const struct kernel *k, const struct groups *symbolic, struct forms *f) {
  struct lower_opts lo = lower_opts(h);
  struct small_dim small[SMALL_DIMS];
  enum status st = ST_OK;
  for (unsigned g = 0; g < symbolic->n && symbolic->n == 1; g++) {
    unsigned n = sched_small_dims(symbolic, g, &h->target.limits, &lo, small);
    for (unsigned i = 0; i < n && st == ST_OK; i++) st = small_form(h, k, &small[i], f);
  }
  return st;
}

static enum status all_parts(struct hone *h, struct db *db, const struct spec_fn *fn, struct emit_entry *out,
                             unsigned *tuned) {
  struct emit_entry *part = ARENA_NEW(h->arena, struct emit_entry, fn->npart + 1u);
  enum status st = ST_OK;
  for (unsigned i = 0; i < fn->npart && st == ST_OK; i++) {
    unsigned t;
    st = hone_entry(h, db, &fn->part[i], &part[i], &t);
    part[i].internal = true;
    *tuned += t;
  }
  out->part = part;
  out->npart = fn->npart;
  return st;
}

enum status hone_entry(struct hone *h, struct db *db, const struct spec_fn *fn, struct emit_entry *out,
                       unsigned *tuned) {
  memset(out, 0, sizeof *out);
  *tuned = 0;
  out->k = fn->k ? fn->k : fn->source->f->k;
  out->source = fn->source ? fn->source->f : NULL;
  if (out->source) out->source->reassoc = h->opts.fp != FP_STRICT;
  if (!fn->k) return all_parts(h, db, fn, out, tuned);
  struct groups *symbolic = hone_groups(h, fn->k);
  if (!symbolic) return ST_INTERNAL;
  struct forms f = {.v = ARENA_NEW(h->arena, struct emit_variant, h->opts.ndims + MAX_VARIANTS + SMALL_DIMS + 1u)};
  enum status st = asked_variants(h, db, fn->k, fn->is_part, symbolic, &f);
  if (st == ST_OK && db) st = tuned_variants(h, db, fn->k, symbolic, &f);
  if (st == ST_OK) st = unit_form(h, fn->k, &f);
  if (st == ST_OK) st = small_forms(h, fn->k, symbolic, &f);
  if (st != ST_OK) return st;
  struct hone_choice c;
  int64_t *zero = ARENA_NEW(h->arena, int64_t, symbolic->k->nsym + 1u);
  sym_t dim[64];
  bool constant = key_dims(symbolic, whole(symbolic), dim, 64) == 0;
  if (h->opts.schedule && !h->opts.ndims && !fn->is_part)
    st = hone_given(h, symbolic, &c);
  else
    st = hone_choose(h, constant ? db : NULL, symbolic, symbolic, zero, &c);
  if (st == ST_OK) st = lower_form(h, &c, arena_printf(h->arena, "%s.general", fn->k->name), &out->general);
  if (st == ST_INFEASIBLE && fn->source) {
    diag_warn(h->diag, fn->k->loc, "not-raised", "'%s' is compiled as written: %s", fn->k->name, c.why);
    *out = (struct emit_entry){.k = fn->k, .source = fn->source->f};
    return ST_OK;
  }
  if (st == ST_INFEASIBLE) {
    diag_error(h->diag, fn->k->loc, "'%s' cannot be compiled: %s", fn->k->name, c.why);
    return ST_REFUSED;
  }
  bool shared = h->opts.threads > 1 || h->target.limits.simt;
  bool free = fn->source && !shared && c.match == MATCH_NONE && !h->opts.schedule;
  bool joined = symbolic->k->reshaped && !fn->k->reshaped; /* members of structures: rows that C has not */
  out->plain = free && !joined &&
               ((kernel_is_light(fn->k, fn->source->f->body) && !kernel_has_windows(symbolic->k) &&
                 !kernel_is_narrow(symbolic->k) && (fn->is_part || !kernel_sums_short(symbolic->k))) ||
                kernel_moves_members(symbolic->k) || groups_pass_more(symbolic, fn->source->f->body));
  out->plain |= c.sched && sched_is_plain(&c.sched[0]);
  out->variant = f.v;
  out->nvariant = f.n;
  *tuned = f.tuned + (c.given || c.match != MATCH_NONE);
  return st;
}

/* The whole
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

/* Looking up is all that compiling does with the database: it is opened read-only, and one that does not exist yet is
 * an empty one unless locked. */
static enum status open_db(struct hone *h, struct db **db) {
  const char *path = db_default_path(h->arena, h->opts.db);
  *db = NULL;
  if (!*path) return ST_OK;
  if (!h->opts.locked && !db_exists(path)) return ST_OK;
  return db_open(path, DB_READONLY, db, h->diag);
}

static enum status untuned(struct hone *h, const struct kernel *k) {
  if (h->opts.on_miss == HONE_MISS_QUIET) return ST_OK;
  if (h->opts.on_miss == HONE_MISS_ERROR) {
    diag_error(h->diag, k->loc, "'%s' is not tuned for %s", k->name, h->target.class_);
    return ST_UNTUNED;
  }
  diag_warn(h->diag, k->loc, "untuned", "'%s' is not tuned for %s (default schedule)", k->name, h->target.class_);
  return ST_OK;
}

/* A GPU runs equations, and its entry takes arrays, dims and scalars. */
static enum status fits_target(struct hone *h, const struct emit_entry *e) {
  bool derived = e->source && (e->source->origin || e->source->nopaque);
  if (!h->target.limits.simt || (e->general && !derived)) return ST_OK;
  diag_error(h->diag, e->k->loc, "'%s' cannot be compiled for %s: %s", e->k->name, h->target.cpu,
             e->general ? "it takes a structure or returns its result" : "it is not raised to equations");
  diag_note(h->diag, nowhere, "--only F,G leaves functions out");
  return ST_REFUSED;
}

static enum status all_entries(struct hone *h, struct db *db, struct emit_entry *e) {
  for (unsigned i = 0; i < h->spec.n; i++) {
    unsigned tuned;
    enum status st = hone_entry(h, db, &h->spec.fn[i], &e[i], &tuned);
    if (st == ST_OK) st = fits_target(h, &e[i]);
    if (st == ST_OK && !tuned && (h->spec.fn[i].k || h->spec.fn[i].npart)) st = untuned(h, e[i].k);
    if (st != ST_OK) return st;
  }
  return ST_OK;
}

static const char *mapped(struct hone *h, const char *path) {
  for (unsigned i = h->opts.nprefix; i-- > 0;) {
    const char *map = h->opts.prefix[i], *to = strchr(map, '=');
    if (to && !strncmp(path, map, (size_t)(to - map))) return arena_printf(h->arena, "%s%s", to + 1, path + (to - map));
  }
  return path;
}

/* Names of all files that places may speak of; NULL: no line tables. */
static const struct emit_files *debug_files(struct hone *h) {
  enum { MOST = UINT16_MAX };
  if (!h->opts.debug) return NULL;
  struct emit_files *fs = ARENA_NEW(h->arena, struct emit_files, 1);
  while (fs->n < MOST && strcmp(diag_filename(h->diag, (uint16_t)fs->n), "<unknown>") != 0) fs->n++;
  const char **name = ARENA_NEW(h->arena, const char *, fs->n + 1u);
  for (unsigned i = 0; i < fs->n; i++) name[i] = mapped(h, diag_filename(h->diag, (uint16_t)i));
  fs->name = name;
  fs->main = h->file;
  return fs;
}

/* Entries that others may call come first; returns how many. */
static unsigned outside_first(const struct hone *h, struct emit_entry *e) {
  unsigned n = 0;
  for (unsigned i = 0; i < h->spec.n; i++) {
    bool inside = h->spec.fn[i].loop != NULL;
    for (unsigned j = 0; j < h->spec.nstatic; j++) inside |= !strcmp(e[i].k->name, h->spec.static_[j].name);
    if (!inside) e[n++] = e[i];
  }
  return n;
}

enum status hone_compile(struct hone *h, enum emit_kind kind, const char *guard, struct hone_output *out) {
  struct emit_entry *e = ARENA_NEW(h->arena, struct emit_entry, h->spec.n + 1u);
  struct emit_opts eo = {.kind = kind,
                         .pic = true,
                         .files = debug_files(h),
                         .ptxas = h->target.limits.simt ? ptxas_find(h->arena, h->opts.ptxas) : NULL};
  struct db *db;
  const char *why = NULL;
  enum status st = open_db(h, &db);
  if (st == ST_OK) st = all_entries(h, db, e);
  db_close(db);
  if (st != ST_OK) return st;
  bool alone = h->opts.rest && kind == EMIT_OBJ && !h->spec.n; /* the other compiler makes all of it */
  if (!alone) st = emit_module(h->arena, e, h->spec.n, &h->target, &eo, true, &out->object, &why);
  if (st == ST_INFEASIBLE) {
    /* not everything that runs on a CPU can be said there yet; and a function may be too large */
    bool theirs = h->target.limits.simt || (why && strstr(why, "took too long"));
    diag_error(h->diag, nowhere,
               theirs ? "cannot be compiled for %s: %s" : "internal: code generation for %s failed: %s", h->target.cpu,
               why ? why : "?");
    return theirs ? ST_REFUSED : ST_INTERNAL;
  }
  if (st == ST_OK && h->opts.rest && kind == EMIT_OBJ) st = rest_join(h, &out->object);
  if (st == ST_OK && guard) emit_header(&out->header, e, outside_first(h, e), guard, h->target.limits.simt);
  return st;
}

static void print_forms(struct buf *out, const struct emit_entry *e) {
  for (unsigned i = 0; i < e->npart; i++) print_forms(out, &e->part[i]);
  if (e->source) lfunc_print(out, e->source);
  for (unsigned i = 0; i < e->nvariant; i++) lfunc_print(out, e->variant[i].f);
  if (e->general) lfunc_print(out, e->general);
}

/* Of the function, or of its parts. */
static enum status equations(struct hone *h, const struct spec_fn *fn, bool grouped, struct buf *out) {
  enum status st = ST_OK;
  for (unsigned i = 0; i < fn->npart && st == ST_OK; i++) st = equations(h, &fn->part[i], grouped, out);
  if (!fn->k || st != ST_OK) return st;
  struct groups *gs = grouped ? hone_groups(h, fn->k) : NULL;
  if (grouped && !gs) return ST_INTERNAL;
  if (gs)
    groups_print(out, gs);
  else
    kernel_print(out, fn->k);
  return ST_OK;
}

enum status hone_text(struct hone *h, const char *level, struct buf *out) {
  struct db *db = NULL;
  enum status st = strcmp(level, "loops") ? ST_OK : open_db(h, &db);
  for (unsigned i = 0; st == ST_OK && i < h->spec.n; i++) {
    const struct spec_fn *fn = &h->spec.fn[i];
    if (!strcmp(level, "source") && fn->source) {
      lfunc_print(out, fn->source->f);
    } else if (!strcmp(level, "tensor") || !strcmp(level, "groups")) {
      st = equations(h, fn, *level == 'g', out);
    } else if (!strcmp(level, "loops")) {
      struct emit_entry e;
      unsigned tuned;
      st = hone_entry(h, db, fn, &e, &tuned);
      if (st == ST_OK) print_forms(out, &e);
    }
  }
  db_close(db);
  return st;
}
