/* Sharing: rows as lines, lines as rows. A merge is an export read by an import, so there is one path with one set of
   checks. Records are immutable and their id is their content; rows that may differ between databases (the name of a
   kernel, who ran it) keep the smaller version, so that the order of merging never shows. */
#include "tuner/db_impl.h"
#include <stdlib.h>
#include <string.h>

static const struct loc nowhere = {0};
enum { MAX_LINE = 64 << 10 };
static const char header[] = "{\"hone\":\"tuning records\",\"version\":1}\n";

/* Rows to lines
 * ----------------------------------------------------------------------------------------------------------------------------
 */

struct source {
  enum field field[20];
  const char *all, *winners;
}; /* columns in order; ends with FIELD_COUNT */
#define OF_WINNERS(column) " WHERE " #column " IN (SELECT w." #column " FROM winner w)"
static const struct source sources[LINE_KINDS] = {
    [LINE_TARGET] = {{F_id, F_kind, F_isa, F_silicon, F_class_, FIELD_COUNT},
                     "SELECT target_id,kind,isa,silicon,class FROM target",
                     OF_WINNERS(target_id)},
    [LINE_KERNEL] = {{F_id, F_family, F_name, F_ir, F_dims, FIELD_COUNT},
                     "SELECT kernel_id,family_id,name,ir,dims FROM kernel",
                     OF_WINNERS(kernel_id)},
    [LINE_RUN] = {{F_id, F_started_s, F_who, F_host, F_tool, F_toolchain, F_vcs, F_env, FIELD_COUNT},
                  "SELECT run_id,started_s,who,host,tool,toolchain,vcs,env FROM run",
                  OF_WINNERS(run_id)},
    [LINE_RECORD] = {{F_id, F_kernel, F_target, F_run, F_objective, F_fp, F_sched, F_status, F_stage, F_n, F_min_ps,
                      F_q20_ps, F_med_ps, F_q80_ps, F_rel_ppm, F_rel_lo_ppm, F_rel_hi_ppm, F_verify, FIELD_COUNT},
                     "SELECT "
                     "record_id,kernel_id,target_id,run_id,objective,fp,sched,status,stage,n,min_ps,q20_ps,med_ps,q80_"
                     "ps,rel_ppm,rel_lo_ppm,rel_hi_ppm,verify FROM record",
                     OF_WINNERS(record_id)},
    [LINE_REVOKE] = {{F_id, F_reason, F_run, FIELD_COUNT}, "SELECT record_id,reason,run_id FROM revoke", " WHERE 0"},
};
static const char *const kind_name[LINE_KINDS] = {NULL, "target", "kernel", "run", "record", "revoke"};

/* hex: room for the ids of one row. false: an id is not 32 bytes. */
static bool row_line(struct query *q, enum line_kind kind, struct line *l, char hex[4][2 * DB_ID + 1]) {
  unsigned ids = 0;
  memset(l, 0, sizeof *l);
  l->kind = kind;
  l->has[F_t] = true;
  l->text[F_t] = kind_name[kind];
  for (int i = 0; sources[kind].field[i] != FIELD_COUNT; i++) {
    enum field f = sources[kind].field[i];
    uint8_t id[DB_ID];
    switch (sqlite3_column_type(q->s, i)) {
    case SQLITE_NULL:
      continue;
    case SQLITE_INTEGER:
      l->num[f] = column_int(q, i);
      break;
    case SQLITE_BLOB:
      if (!column_id(q, i, id) || ids == 4) return false;
      hex_of(id, hex[ids]);
      l->text[f] = hex[ids++];
      break;
    default:
      l->text[f] = column_text(q, i);
    }
    l->has[f] = true;
  }
  return true;
}

enum status db_each_line(struct db *db, struct diag *d, enum line_kind kind, bool winners,
                         bool (*fn)(void *, const struct line *), void *ctx) {
  char sql[1024], hex[4][2 * DB_ID + 1];
  struct query q;
  struct line l;
  size_t n = strlen(sources[kind].all);
  memcpy(sql, sources[kind].all, n + 1);
  if (winners) strcpy(sql + n, sources[kind].winners);
  query_begin(&q, db, d, sql);
  bool sound = true;
  while (query_row(&q) && (sound = row_line(&q, kind, &l, hex)) && fn(ctx, &l)) continue;
  enum status st = query_end(&q);
  if (st != ST_OK || sound) return st;
  diag_error(d, nowhere, "database '%s' is damaged: a %s has an id that is none", db->path, kind_name[kind]);
  return ST_ENV;
}

struct lines {
  unsigned n, cap;
  char **line;
};

static bool keep_line(void *ctx, const struct line *l) {
  struct lines *ls = ctx;
  struct buf b;
  buf_init(&b);
  line_print(&b, l, true);
  buf_putc(&b, '\n');
  if (ls->n == ls->cap) {
    ls->cap = ls->cap ? 2 * ls->cap : 256;
    ls->line = xrealloc(ls->line, ls->cap * sizeof *ls->line);
  }
  ls->line[ls->n++] = b.data; /* owned from here on */
  return true;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

enum status db_export(struct db *db, struct buf *out, bool winners_only, struct diag *d) {
  struct lines ls = {0};
  enum status st = db_exec(db, d, "BEGIN"); /* one snapshot for all tables */
  for (int kind = LINE_TARGET; kind < LINE_KINDS && st == ST_OK; kind++)
    st = db_each_line(db, d, (enum line_kind)kind, winners_only, keep_line, &ls);
  if (!sqlite3_get_autocommit(db->h)) sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
  if (st == ST_OK) {
    if (ls.n) qsort(ls.line, ls.n, sizeof *ls.line, by_bytes);
    buf_puts(out, header);
    for (unsigned i = 0; i < ls.n; i++) buf_puts(out, ls.line[i]);
  }
  for (unsigned i = 0; i < ls.n; i++) free(ls.line[i]);
  free(ls.line);
  return st;
}

/* Lines to rows
 * ----------------------------------------------------------------------------------------------------------------------------
 */

static const char *const inserts[LINE_KINDS] = {
    [LINE_TARGET] = "INSERT INTO target(target_id,kind,isa,silicon,class) VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET "
                    "kind=excluded.kind WHERE excluded.kind<kind",
    [LINE_KERNEL] = "INSERT INTO kernel(kernel_id,family_id,name,ir,dims) VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET "
                    "family_id=excluded.family_id,name=excluded.name,"
                    "ir=excluded.ir,dims=excluded.dims WHERE "
                    "(excluded.family_id,excluded.name,excluded.ir,excluded.dims)<(family_id,name,ir,dims)",
    [LINE_RUN] =
        "INSERT INTO run(run_id,started_s,who,host,tool,toolchain,vcs,env) VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO "
        "UPDATE SET started_s=excluded.started_s,"
        "who=excluded.who,host=excluded.host,tool=excluded.tool,toolchain=excluded.toolchain,vcs=excluded.vcs,env="
        "excluded.env"
        " WHERE "
        "(excluded.started_s,excluded.who,excluded.host,excluded.tool,excluded.toolchain,excluded.vcs,excluded.env)"
        "<(started_s,who,host,tool,toolchain,vcs,env)",
    [LINE_RECORD] = "INSERT OR IGNORE INTO "
                    "record(record_id,kernel_id,target_id,run_id,objective,fp,sched,status,stage,n,min_ps,q20_ps,med_"
                    "ps,q80_ps,rel_ppm,rel_lo_ppm,"
                    "rel_hi_ppm,verify) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [LINE_REVOKE] = "INSERT INTO revoke(record_id,reason,run_id) VALUES(?,?,?) ON CONFLICT DO UPDATE SET "
                    "reason=excluded.reason,run_id=excluded.run_id"
                    " WHERE (excluded.reason,excluded.run_id)<(reason,run_id)",
};

static bool is_id(enum field f) {
  return f == F_id || f == F_family || f == F_kernel || f == F_target || f == F_run;
}
static bool is_number(enum field f) {
  return f == F_started_s || f == F_stage || f == F_n || (f >= F_med_ps && f <= F_min_ps) || f == F_q20_ps ||
         f == F_q80_ps || (f >= F_rel_hi_ppm && f <= F_rel_ppm);
}

enum status db_insert_line(struct db *db, struct diag *d, const struct line *l, bool *added) {
  struct query q;
  query_begin(&q, db, d, inserts[l->kind]);
  for (int i = 0; sources[l->kind].field[i] != FIELD_COUNT; i++) {
    enum field f = sources[l->kind].field[i];
    uint8_t id[DB_ID] = {0};
    if (is_id(f) && l->has[f] && hex_parse(l->text[f], id))
      query_id(&q, i + 1, id);
    else if (is_number(f))
      query_opt(&q, i + 1, l->has[f] ? l->num[f] : -1);
    else
      query_text(&q, i + 1, l->text[f]);
  }
  enum status st = query_run(&q);
  *added = st == ST_OK && sqlite3_changes(db->h) > 0;
  return st;
}

struct import {
  struct db *db;
  struct diag *d;
  uint16_t file;
  unsigned added;
  bool trust;
};

static enum status refuse(struct import *im, uint32_t line, const char *why) {
  diag_error(im->d, (struct loc){im->file, line, 1}, "%s", why);
  return ST_REFUSED;
}

static enum status trust_record(struct import *im, const char *hex) {
  struct query q;
  uint8_t id[DB_ID];
  if (!hex_parse(hex, id)) return ST_OK;
  query_begin(&q, im->db, im->d, "INSERT OR REPLACE INTO trust(record_id,ok) VALUES(?,1)");
  query_id(&q, 1, id);
  return query_run(&q);
}

static enum status import_line(struct import *im, const char *s, size_t len, uint32_t number) {
  struct arena *a = arena_new();
  struct line l;
  bool added = false;
  const char *why = len > MAX_LINE ? "the line is longer than 64 KiB" : line_parse(a, s, len, &l);
  if (!why) why = line_check(&l);
  if (!why && (number == 1) != (l.kind == LINE_HEADER) && number == 1)
    why = "not an export of hone's tuning records: the first line is no header";
  enum status st = why                     ? refuse(im, number, why)
                   : l.kind == LINE_HEADER ? ST_OK
                                           : db_insert_line(im->db, im->d, &l, &added);
  im->added += added && l.kind == LINE_RECORD;
  if (st == ST_OK && im->trust && l.kind == LINE_RECORD) st = trust_record(im, l.text[F_id]);
  arena_free(a);
  return st;
}

static enum status import_lines(struct import *im, const char *text, size_t len) {
  enum status st = ST_OK;
  uint32_t number = 0;
  for (const char *p = text, *end = text + len; p < end && st == ST_OK;) {
    const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
    size_t n = (size_t)(stop - p);
    if (n && p[n - 1] == '\r') n--;
    number++;
    if (n || number == 1) st = import_line(im, p, n, number);
    p = nl ? nl + 1 : end;
  }
  if (!number) return refuse(im, 1, "the file is empty");
  return st;
}

/* References may stand in any order within a file; at its end each must be there. */
static enum status check_references(struct import *im) {
  struct query q;
  query_begin(&q, im->db, im->d, "PRAGMA foreign_key_check");
  bool dangling = query_row(&q);
  enum status st = query_end(&q);
  if (st != ST_OK || !dangling) return st;
  diag_error(im->d, (struct loc){im->file, 0, 0},
             "'%s': a record refers to a kernel, target or run that is neither in the file nor in the database",
             diag_filename(im->d, im->file));
  return ST_REFUSED;
}

static enum status import(struct db *db, const char *name, const char *text, size_t len, bool trust, unsigned *added,
                          struct diag *d) {
  struct import im = {db, d, diag_file(d, name, NULL, 0), 0, trust};
  *added = 0;
  enum status st = db_begin(db, d);
  if (st != ST_OK) return st;
  st = db_exec(db, d, "PRAGMA defer_foreign_keys=ON");
  if (st == ST_OK) st = import_lines(&im, text, len);
  if (st == ST_OK) st = check_references(&im);
  st = db_end(db, d, st);
  if (st == ST_OK) *added = im.added;
  return st;
}

enum status db_import(struct db *db, const char *name, const char *text, size_t len, unsigned *added, struct diag *d) {
  return import(db, name, text, len, false, added, d);
}

enum status db_import_trusted(struct db *db, const char *name, const char *text, size_t len, unsigned *added,
                              struct diag *d) {
  return import(db, name, text, len, true, added, d);
}

/* Merging
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

/* What another database of this same machine found right is right: shards of a run, a copy. */
static enum status adopt_trust(struct db *db, struct db *other, struct diag *d) {
  struct query from, to;
  enum status st = db_begin(db, d);
  if (st != ST_OK) return st;
  query_begin(&from, other, d,
              "SELECT t.record_id,t.ok FROM trust t JOIN record r ON r.record_id=t.record_id JOIN run ON "
              "run.run_id=r.run_id WHERE run.host=?");
  query_text(&from, 1, db_this_host());
  while (st == ST_OK && query_row(&from)) {
    uint8_t id[DB_ID];
    if (!column_id(&from, 0, id)) continue;
    query_begin(&to, db, d, "INSERT OR IGNORE INTO trust(record_id,ok) VALUES(?,?)");
    query_id(&to, 1, id);
    query_int(&to, 2, column_int(&from, 1) == 1);
    st = query_run(&to);
  }
  enum status read = query_end(&from);
  return db_end(db, d, st == ST_OK ? read : st);
}

enum status db_merge(struct db *db, const char *other_path, unsigned *added, struct diag *d) {
  struct db *other;
  struct buf text;
  *added = 0;
  enum status st = db_open(other_path, DB_READONLY, &other, d);
  if (st != ST_OK) return st;
  buf_init(&text);
  st = db_export(other, &text, false, d);
  if (st == ST_OK) st = db_import(db, other_path, text.data, text.len, added, d);
  if (st == ST_OK) st = adopt_trust(db, other, d);
  buf_free(&text);
  db_close(other);
  return st;
}
