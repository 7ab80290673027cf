/* hone compile: a specification becomes an object, a header, a depfile; or one level as text. */
#include "compiler/cli/commands.h"
#include "compiler/cli/output.h"
#include <ctype.h>
#include <string.h>

static const struct loc nowhere = {0};

static const char *base_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* "dir/mat-mul.c" -> "MAT_MUL_H" from the header's own name. */
static const char *guard_of(struct arena *a, const char *path) {
  char *g = arena_printf(a, "HONE_%s", base_of(path));
  for (char *p = g; *p; p++) *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
  return g;
}

static const char *with_suffix(struct arena *a, const char *path, const char *suffix) {
  const char *dot = strrchr(base_of(path), '.');
  return arena_printf(a, "%.*s%s", (int)(dot ? (size_t)(dot - path) : strlen(path)), path, suffix);
}

static bool text_level(const char *emit) {
  static const char *const level[] = {"source", "tensor", "groups", "loops"};
  for (size_t i = 0; i < sizeof level / sizeof *level; i++)
    if (!strcmp(emit, level[i])) return true;
  return false;
}

static enum status emit_kind_of(const char *emit, enum emit_kind *out, struct diag *d) {
  if (!strcmp(emit, "obj"))
    *out = EMIT_OBJ;
  else if (!strcmp(emit, "asm") || !strcmp(emit, "ptx"))
    *out = EMIT_ASM;
  else if (!strcmp(emit, "llvm"))
    *out = EMIT_LLVM;
  else {
    diag_error(d, nowhere, "--emit %s: expected source, tensor, groups, loops, llvm, asm, ptx or obj", emit);
    return ST_USAGE;
  }
  return ST_OK;
}

/* The depfile comes last, and names what decided the bytes: the files read and the database. */
static enum status write_depfile(struct hone *h, const struct options *o, const char *object, struct diag *d) {
  struct buf b;
  unsigned n = 0;
  const char **dep = ARENA_NEW(h->arena, const char *, h->spec.ndep + 3u);
  if (strcmp(o->spec[0], "-")) dep[n++] = o->spec[0];
  for (unsigned i = 0; i < h->spec.ndep; i++)
    if (strcmp(h->spec.dep[i], o->spec[0])) dep[n++] = h->spec.dep[i];
  const char *db = db_default_path(h->arena, o->hone.db);
  if (o->hone.db || (*db && db_exists(db))) dep[n++] = db;
  buf_init(&b);
  output_depfile(&b, o->dep_target ? o->dep_target : object, n, dep, o->deps_phony);
  enum status st = output_write(o->dep_file ? o->dep_file : with_suffix(h->arena, object, ".d"), &b, d);
  buf_free(&b);
  return st;
}

static enum status write_all(struct hone *h, const struct options *o, const char *object, const struct hone_output *r,
                             struct diag *d) {
  enum status st = output_write(object, &r->object, d);
  if (st == ST_OK && o->header) st = output_write(o->header, &r->header, d);
  if (st == ST_OK && o->deps) st = write_depfile(h, o, object, d);
  return st;
}

static enum status compile(struct hone *h, const struct options *o, struct buf *out, struct diag *d) {
  const char *emit = o->emit ? o->emit : "obj";
  if (text_level(emit)) {
    enum status st = hone_text(h, emit, out);
    if (st != ST_OK || !o->output || !strcmp(o->output, "-")) return st;
    st = output_write(o->output, out, d);
    buf_clear(out);
    return st;
  }
  enum emit_kind kind;
  enum status st = emit_kind_of(emit, &kind, d);
  if (st != ST_OK) return st;
  const char *object = o->output          ? o->output
                       : kind == EMIT_OBJ ? with_suffix(h->arena, base_of(o->spec[0]), ".o")
                                          : "-";
  struct hone_output r;
  buf_init(&r.object);
  buf_init(&r.header);
  st = hone_compile(h, kind, o->header ? guard_of(h->arena, o->header) : NULL, &r);
  if (st == ST_OK) st = write_all(h, o, object, &r, d);
  buf_free(&r.object);
  buf_free(&r.header);
  return st;
}

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  if (o->nspec != 1) {
    diag_error(d, nowhere, o->nspec ? "compile takes one specification" : "compile: no specification");
    return ST_USAGE;
  }
  if (!strcmp(o->spec[0], "-") && !o->output) o->output = "-";
  struct hone h;
  enum status st = hone_open(&h, o->spec[0], &o->hone, d);
  if (st == ST_OK) st = compile(&h, o, out, d);
  hone_close(&h);
  return st;
}

const struct command command_compile = {
    "compile", "a specification becomes an object file; uses winners, never measures",
    "usage: hone compile SPEC [-o OUT.o] [--header OUT.h] [-MD [-MF DEP] [-MT TARGET] [-MP]] [--db FILE] [--locked]\n"
    "                    [--on-miss=warn|error|quiet] [--dims M=64,…]… [--schedule TEXT]\n"
    "                    [--emit source|tensor|groups|loops|llvm|asm|ptx|obj]\n"
    "                    [--only F,G] [--rest CC] [--target T] [--cpu C] [--threads N] [--fp MODE]\n\n"
    "The object has the symbol and the signature of the C function and is right for all dims; tuned dims run their "
    "winner.\n"
    "--rest: the C compiler CC makes what hone refuses, and the data: the object holds all that the file defines.\n"
    "--locked: the database must exist and is only read: the same input and database give the same bytes.\n\n"
    "  hone compile matmul.c -o matmul.o --header matmul.h -MD\n",
    run};
