/* First part of the walk: a path becomes kernels. */
#include "compiler/compdb.h"
#include "compiler/frontend/frontend.h"
#include "compiler/given.h"
#include "compiler/pass/chain.h"
#include "compiler/pass/parts.h"
#include "compiler/pass/raise.h"
#include "compiler/pass/append.h"
#include "compiler/pass/lanes.h"
#include "compiler/pass/skew.h"
#include "compiler/pass/unswitch.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SPEC_BYTES = 16 << 20 };
static const struct loc nowhere = {0};

static enum status slurp(struct hone *h, int fd, const char *path, struct buf *text) {
  char chunk[65536];
  for (;;) {
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n == 0) return ST_OK;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      diag_error(h->diag, nowhere, "cannot read '%s': %s", path, strerror(errno));
      return ST_ENV;
    }
    buf_write(text, chunk, (size_t)n);
    if (text->len > MAX_SPEC_BYTES) {
      diag_error(h->diag, nowhere, "'%s' is larger than %d MiB", path, MAX_SPEC_BYTES >> 20);
      return ST_REFUSED;
    }
  }
}

static enum status read_file(struct hone *h, const char *path, struct buf *text) {
  if (!strcmp(path, "-")) return slurp(h, 0, "<stdin>", text);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    diag_error(h->diag, nowhere, "cannot open '%s': %s", path, strerror(errno));
    return ST_ENV;
  }
  struct stat st;
  enum status s = ST_OK;
  if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
    diag_error(h->diag, nowhere, "'%s' is a directory", path);
    s = ST_REFUSED;
  }
  if (s == ST_OK) s = slurp(h, fd, path, text);
  close(fd);
  return s;
}

/* The flags that the project compiles this file with, and behind them the user's own. */
static enum status project_flags(struct hone *h, const char *path, struct spec_input *in, const char **db) {
  struct compdb_flags c;
  enum status st = compdb_find(h->arena, h->diag, h->opts.compile_commands, path, &c);
  if (st != ST_OK) return st;
  const char **all = ARENA_NEW(h->arena, const char *, c.n + in->nflag + 1u);
  if (c.n) memcpy(all, c.flag, c.n * sizeof *all);
  if (in->nflag) memcpy(all + c.n, in->flag, in->nflag * sizeof *all);
  in->flag = all;
  in->nflag += c.n;
  *db = c.path;
  return ST_OK;
}

static void add_dep(struct hone *h, const char *path) {
  const char **all = ARENA_NEW(h->arena, const char *, h->spec.ndep + 1u);
  if (h->spec.ndep) memcpy(all, h->spec.dep, h->spec.ndep * sizeof *all);
  all[h->spec.ndep++] = path;
  h->spec.dep = all;
}

/* The parts of a function that did not raise as a whole. */
static void raise_parts(struct hone *h, struct spec_fn *fn) {
  struct raised_parts p;
  if (!fn->source->strict) pass_chain(h->arena, fn->source);
  if (!h->target.limits.simt) pass_lanes(h->arena, fn->source, h->target.limits.vector_bytes);
  if (!h->target.limits.simt) pass_skew(h->arena, fn->source, (int64_t)h->target.limits.l2_bytes);
  if (!h->target.limits.simt && h->target.limits.vector_bytes >= 64) pass_append(h->arena, fn->source);
  pass_parts(h->arena, fn->source, h->diag, &p);
  fn->part = ARENA_NEW(h->arena, struct spec_fn, p.n + 1u);
  fn->npart = p.n;
  for (unsigned i = 0; i < p.n; i++) {
    fn->part[i] = (struct spec_fn){.source = p.v[i].source, .k = p.v[i].k, .is_part = true};
    p.v[i].k->source = p.v[i].source->f;
  }
}

static bool all_in_parts(const struct lstmt *s) {
  if (s->kind == L_PART) return true;
  if (s->kind == L_FOR || s->kind == L_WHILE) return false;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && !all_in_parts(s->body[i])) return false;
  return true;
}

/* The function with a loop for each case of its unchanging conditions: instead of equations that compute all cases,
   where parts hold all its loops; else where it has any. */
static bool raise_cases(struct hone *h, struct spec_fn *fn) {
  if (h->target.limits.simt || (fn->k && !unswitch_pays(fn->source->f))) return false;
  struct source *s = arena_dup(h->arena, fn->source, sizeof *s);
  s->f = unswitch(h->arena, fn->source->f);
  if (!s->f) return false;
  struct spec_fn cases = {.source = s, .loop = fn->loop};
  raise_parts(h, &cases);
  if (fn->k ? !all_in_parts(s->f->body) : !cases.npart) return false;
  *fn = cases;
  return true;
}

static void warn_kept(struct hone *h, const struct spec_fn *fn, const char *why, struct loc at) {
  const char *name = fn->source->f->k->name;
  if (!why) why = "not an index-notation operation";
  if (fn->npart)
    diag_warn(h->diag, at, "not-raised", "'%s' is raised in %u part%s, what is around them is compiled as written: %s",
              name, fn->npart, fn->npart == 1 ? "" : "s", why);
  else
    diag_warn(h->diag, at, "not-raised", "'%s' is compiled as written: %s", name, why);
}

/* Loops of refused functions that neither raise nor have parts that do: the C compiler keeps them. */
static void drop_loops(struct hone *h) {
  unsigned n = 0;
  for (unsigned i = 0; i < h->spec.n; i++)
    if (!h->spec.fn[i].loop || h->spec.fn[i].k || h->spec.fn[i].npart) h->spec.fn[n++] = h->spec.fn[i];
  h->spec.n = n;
}

/* What raises becomes equations; what does not is compiled as written, with a warning that says why. */
static enum status raise_all(struct hone *h) {
  for (unsigned i = 0; i < h->spec.n; i++) {
    struct spec_fn *fn = &h->spec.fn[i];
    if (!fn->source || fn->k) continue;
    const char *why = NULL;
    struct loc at = {0};
    fn->source->strict = h->opts.fp == FP_STRICT;
    enum status st = pass_raise(h->arena, fn->source, &fn->k, h->diag, &why, &at);
    if (st == ST_OK && raise_cases(h, fn)) {
      fn->source->why = "a condition in it does not change: there is a loop for each case";
      fn->source->why_loc = fn->source->f->k->loc;
      continue;
    }
    if (st == ST_OK) {
      fn->k->source = fn->source->f;
      continue;
    }
    fn->k = NULL;
    if (st != ST_INFEASIBLE) return st;
    fn->source->why = why;
    fn->source->why_loc = at;
    if (!raise_cases(h, fn)) raise_parts(h, fn);
    if (!fn->loop) warn_kept(h, fn, why, at);
  }
  drop_loops(h);
  return ST_OK;
}

enum status hone_open(struct hone *h, const char *path, const struct hone_options *o, struct diag *d) {
  memset(h, 0, sizeof *h);
  h->arena = arena_new();
  h->diag = d;
  h->opts = *o;
  if (!h->opts.threads) h->opts.threads = 1;
  enum status st = target_resolve(h->arena, o->target, o->cpu, &h->target, d);
  if (st != ST_OK) return st;
  const struct frontend *fe = frontend_for(path);
  if (!fe) {
    diag_error(d, nowhere, "'%s': unknown kind of specification (expected .c or .hone)", path);
    return ST_REFUSED;
  }
  struct buf text;
  buf_init(&text);
  st = read_file(h, path, &text);
  if (st == ST_OK) {
    const char *copy = arena_strndup(h->arena, text.data ? text.data : "", text.len);
    h->text = copy;
    h->file = diag_file(d, strcmp(path, "-") ? path : "<stdin>", copy, text.len);
    struct spec_input in = {path,
                            copy,
                            text.len,
                            h->file,
                            o->nflag,
                            o->flag,
                            o->only,
                            o->rest != NULL,
                            o->rest && strstr(o->rest, "-fopenmp")};
    const char *db = NULL;
    if (o->compile_commands && fe == frontend_for("x.c")) st = project_flags(h, path, &in, &db);
    h->nflag = in.nflag;
    h->flag = in.flag;
    if (st == ST_OK) st = fe->read(h->arena, d, &in, &h->spec);
    if (st == ST_OK && db) add_dep(h, db);
  }
  buf_free(&text);
  enum status raised = st == ST_OK || h->spec.nrefused ? raise_all(h) : ST_OK;
  if (st == ST_OK) st = raised;
  return st == ST_OK ? given_for(h) : st;
}

void hone_close(struct hone *h) {
  arena_free(h->arena);
  memset(h, 0, sizeof *h);
}
