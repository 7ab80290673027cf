/* hone db: look at, exchange and verify tuning databases. */
#include "compiler/cli/output.h"
#include "compiler/cli/tuning.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct loc nowhere = {0};

enum { MAX_IMPORT_BYTES = 1 << 28 };

static enum status read_all(const char *path, struct buf *text, struct diag *d) {
  int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : 0;
  char chunk[65536];
  ssize_t n = -1;
  if (fd >= 0)
    while ((n = read(fd, chunk, sizeof chunk)) > 0 && text->len < MAX_IMPORT_BYTES) buf_write(text, chunk, (size_t)n);
  int err = errno;
  if (fd > 0) close(fd);
  if (n == 0) return ST_OK;
  if (n > 0) {
    diag_error(d, nowhere, "'%s' is larger than %d MiB", path, MAX_IMPORT_BYTES >> 20);
    return ST_REFUSED;
  }
  diag_error(d, nowhere, "cannot read '%s': %s", path, strerror(err));
  return ST_ENV;
}

static enum status import_files(struct options *o, struct db *db, struct buf *out, struct diag *d) {
  enum status st = ST_OK;
  for (unsigned i = 1; st == ST_OK && i < o->nspec; i++) {
    struct buf text;
    unsigned added = 0;
    buf_init(&text);
    st = read_all(o->spec[i], &text, d);
    if (st == ST_OK)
      st = (o->trust ? db_import_trusted : db_import)(db, o->spec[i], text.data ? text.data : "", text.len, &added, d);
    if (st == ST_OK) buf_printf(out, "%s: %u records added\n", o->spec[i], added);
    buf_free(&text);
  }
  return st;
}

static enum status merge_files(struct options *o, struct db *db, struct buf *out, struct diag *d) {
  enum status st = ST_OK;
  for (unsigned i = 1; st == ST_OK && i < o->nspec; i++) {
    unsigned added = 0;
    st = db_merge(db, o->spec[i], &added, d);
    if (st == ST_OK) buf_printf(out, "%s: %u records added\n", o->spec[i], added);
  }
  return st;
}

static enum status export_to(struct options *o, struct db *db, struct buf *out, struct diag *d) {
  enum status st = db_export(db, out, o->winners, d);
  if (st != ST_OK || !o->output || !strcmp(o->output, "-")) return st;
  st = output_write(o->output, out, d);
  buf_clear(out);
  return st;
}

static enum status act(struct options *o, const char *what, struct db *db, struct buf *out, struct diag *d) {
  if (!strcmp(what, "import")) return import_files(o, db, out, d);
  if (!strcmp(what, "merge")) return merge_files(o, db, out, d);
  if (!strcmp(what, "export")) return export_to(o, db, out, d);
  if (!strcmp(what, "list")) return db_list(db, out, o->json, d);
  if (!strcmp(what, "show")) return db_show(db, o->spec[1], out, o->json, d);
  unsigned bad = 0;
  enum status st = db_verify(db, d, &bad);
  if (st == ST_OK) buf_printf(out, bad ? "%u bad records\n" : "database is sound\n", bad);
  return st == ST_OK && bad ? ST_REFUSED : st;
}

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  static const struct {
    const char *name;
    unsigned min;
    bool write;
  } subs[] = {{"list", 1, false},  {"show", 2, false}, {"export", 1, false},
              {"import", 2, true}, {"merge", 2, true}, {"verify", 1, false}};
  for (size_t i = 0; o->nspec && i < sizeof subs / sizeof *subs; i++) {
    if (strcmp(subs[i].name, o->spec[0])) continue;
    if (o->nspec < subs[i].min) {
      diag_error(d, nowhere, "db %s: no %s given", subs[i].name, strcmp(subs[i].name, "show") ? "file" : "record id");
      return ST_USAGE;
    }
    struct arena *a = arena_new();
    struct db *db = NULL;
    const char *path = db_default_path(a, o->hone.db);
    enum status st = tuning_db(a, o, subs[i].write ? DB_READWRITE : DB_READONLY, &db, d);
    if (st == ST_OK && !db) {
      diag_error(d, nowhere, "there is no tuning database at '%s' yet", path);
      st = ST_ENV;
    }
    if (st == ST_OK) st = act(o, subs[i].name, db, out, d);
    db_close(db);
    arena_free(a);
    return st;
  }
  diag_error(d, nowhere, "db: expected list, show, export, import, merge or verify");
  return ST_USAGE;
}

const struct command command_db = {
    "db", "list, show, export, import, merge, verify tuning databases",
    "usage: hone db list | show ID | export [-o FILE] [--winners] | import [--trust] FILE… | merge OTHER.db… | verify  "
    "  [--db FILE] [--json]\n\n"
    "--trust: the records may win without being checked here (your own, measured by hone-runner on a GPU that is "
    "elsewhere).\n"
    "Records are immutable; a merge is a set union. export writes sorted JSON lines that git can diff and merge.\n\n"
    "  hone db export --db mine.db | ssh colleague hone db import --db theirs.db -\n",
    run};
