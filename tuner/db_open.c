/* Opening the database file, with a clear word for everything that can be wrong with it, and the few helpers around
   SQLite's statements. Rollback journal (TRUNCATE), not WAL: it works on every local file system, needs no shared
   memory, and SQLite before 3.51.3 can corrupt a WAL database in a rare race. */
#include "tuner/db_impl.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const struct loc nowhere = {0};
static const char schema[] =
    "CREATE TABLE kernel(kernel_id BLOB PRIMARY KEY, family_id BLOB NOT NULL, name TEXT NOT NULL, ir TEXT NOT NULL, "
    "dims TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE target(target_id BLOB PRIMARY KEY, kind TEXT NOT NULL, isa TEXT NOT NULL, silicon TEXT NOT NULL, "
    "class TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE run(run_id BLOB PRIMARY KEY, started_s INTEGER NOT NULL, who TEXT NOT NULL, host TEXT NOT NULL, tool "
    "TEXT NOT NULL, toolchain TEXT NOT NULL,"
    " vcs TEXT NOT NULL, env TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE record(record_id BLOB PRIMARY KEY, kernel_id BLOB NOT NULL REFERENCES kernel, target_id BLOB NOT "
    "NULL REFERENCES target,"
    " run_id BLOB NOT NULL REFERENCES run, objective TEXT NOT NULL, fp TEXT NOT NULL, sched TEXT NOT NULL,"
    " status TEXT NOT NULL CHECK(status IN('ok','wrong','crash','timeout','oom','compile')), stage INTEGER NOT NULL, n "
    "INTEGER NOT NULL,"
    " min_ps INTEGER, q20_ps INTEGER, med_ps INTEGER, q80_ps INTEGER, rel_ppm INTEGER, rel_lo_ppm INTEGER, rel_hi_ppm "
    "INTEGER, verify TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX record_key ON record(kernel_id,target_id,objective,fp,status,rel_hi_ppm);"
    "CREATE INDEX kernel_family ON kernel(family_id);"
    "CREATE TABLE revoke(record_id BLOB PRIMARY KEY, reason TEXT NOT NULL, run_id BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    /* Local: never exchanged. */
    "CREATE TABLE inflight(kernel_id BLOB NOT NULL, target_id BLOB NOT NULL, objective TEXT NOT NULL, fp TEXT NOT "
    "NULL, sched TEXT NOT NULL, tries INTEGER NOT NULL,"
    " PRIMARY KEY(kernel_id,target_id,objective,fp,sched)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE trust(record_id BLOB PRIMARY KEY, ok INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE VIEW winner AS SELECT * FROM (SELECT r.*, row_number() OVER (PARTITION BY kernel_id,target_id,objective,fp"
    " ORDER BY rel_hi_ppm, length(sched), sched, record_id) rk FROM record r WHERE status='ok' AND stage=2 AND "
    "rel_hi_ppm IS NOT NULL"
    " AND record_id NOT IN (SELECT record_id FROM revoke) AND record_id IN (SELECT record_id FROM trust WHERE ok=1)"
    " AND NOT EXISTS(SELECT 1 FROM record x WHERE x.kernel_id=r.kernel_id AND x.target_id=r.target_id AND x.fp=r.fp "
    "AND "
    "x.sched=r.sched AND x.status='wrong' AND x.record_id NOT IN (SELECT record_id FROM revoke))) "
    "WHERE rk=1;"
    "PRAGMA application_id=1752133221; PRAGMA user_version=1;";
_Static_assert(DB_APPLICATION == 1752133221 && DB_VERSION == 1, "numbers in the schema");

/* Statements
 * -------------------------------------------------------------------------------------------------------------------------------
 */

static long fail_in; /* tests: steps until one fails */
void db_fail_after(long n) {
  fail_in = n;
}

static int step(sqlite3_stmt *s) {
  if (fail_in > 0 && --fail_in == 0) return SQLITE_IOERR;
  return sqlite3_step(s);
}

enum status db_error(struct db *db, struct diag *d, int rc) {
  switch (rc & 0xff) {
  case SQLITE_NOTADB:
    diag_error(d, nowhere, "'%s' is not a hone tuning database", db->path);
    break;
  case SQLITE_CORRUPT:
    diag_error(d, nowhere, "database '%s' is damaged: %s; move it away and import an export of it", db->path,
               sqlite3_errmsg(db->h));
    break;
  case SQLITE_BUSY:
    diag_error(d, nowhere, "database '%s' is busy: another process has been writing for 10 s", db->path);
    break;
  case SQLITE_FULL:
    diag_error(d, nowhere, "database '%s': the disk is full", db->path);
    break;
  case SQLITE_READONLY:
    diag_error(d, nowhere, "database '%s' is read-only", db->path);
    break;
  case SQLITE_NOMEM:
    return ST_NOMEM;
  default:
    diag_error(d, nowhere, "database '%s': %s", db->path,
               rc == SQLITE_IOERR ? "disk I/O error" : sqlite3_errmsg(db->h));
  }
  return ST_ENV;
}

void query_begin(struct query *q, struct db *db, struct diag *d, const char *sql) {
  *q = (struct query){.db = db, .d = d};
  q->rc = sqlite3_prepare_v2(db->h, sql, -1, &q->s, NULL);
}

static void bound(struct query *q, int rc) {
  if (q->rc == SQLITE_OK && rc != SQLITE_OK) q->rc = rc;
}
void query_id(struct query *q, int i, const uint8_t id[DB_ID]) {
  bound(q, sqlite3_bind_blob(q->s, i, id, DB_ID, SQLITE_TRANSIENT));
}
void query_text(struct query *q, int i, const char *s) {
  bound(q, sqlite3_bind_text(q->s, i, s ? s : "", -1, SQLITE_TRANSIENT));
}
void query_int(struct query *q, int i, int64_t v) {
  bound(q, sqlite3_bind_int64(q->s, i, v));
}
void query_opt(struct query *q, int i, int64_t v) {
  bound(q, v < 0 ? sqlite3_bind_null(q->s, i) : sqlite3_bind_int64(q->s, i, v));
}

bool query_row(struct query *q) {
  if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW) return false;
  q->rc = step(q->s);
  return q->rc == SQLITE_ROW;
}

enum status query_end(struct query *q) {
  enum status st =
      q->rc == SQLITE_OK || q->rc == SQLITE_ROW || q->rc == SQLITE_DONE ? ST_OK : db_error(q->db, q->d, q->rc);
  sqlite3_finalize(q->s);
  q->s = NULL;
  return st;
}

enum status query_run(struct query *q) {
  while (query_row(q)) continue;
  return query_end(q);
}

const char *column_text(struct query *q, int i) {
  const unsigned char *s = sqlite3_column_text(q->s, i);
  return s ? (const char *)s : "";
}
int64_t column_int(struct query *q, int i) {
  return sqlite3_column_type(q->s, i) == SQLITE_NULL ? -1 : sqlite3_column_int64(q->s, i);
}
bool column_id(struct query *q, int i, uint8_t id[DB_ID]) {
  const void *p = sqlite3_column_blob(q->s, i);
  bool ok = p && sqlite3_column_bytes(q->s, i) == DB_ID;
  if (ok)
    memcpy(id, p, DB_ID);
  else
    memset(id, 0, DB_ID);
  return ok;
}

enum status db_exec(struct db *db, struct diag *d, const char *sql) {
  enum status st = ST_OK;
  while (st == ST_OK && *sql) {
    struct query q = {.db = db, .d = d};
    q.rc = sqlite3_prepare_v2(db->h, sql, -1, &q.s, &sql);
    if (q.rc == SQLITE_OK && !q.s) break; /* only blanks were left */
    st = query_run(&q);
  }
  return st;
}

enum status db_begin(struct db *db, struct diag *d) {
  if (db->together) return ST_OK;
  if (db->mode == DB_READWRITE) return db_exec(db, d, "BEGIN IMMEDIATE");
  return db_error(db, d, SQLITE_READONLY);
}

enum status db_end(struct db *db, struct diag *d, enum status st) {
  if (db->together) return st;
  if (st == ST_OK) st = db_exec(db, d, "COMMIT");
  if (st != ST_OK && !sqlite3_get_autocommit(db->h)) sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
  return st;
}

enum status db_together_begin(struct db *db, struct diag *d) {
  enum status st = db_begin(db, d);
  db->together = st == ST_OK;
  return st;
}

enum status db_together_end(struct db *db, struct diag *d, enum status st) {
  db->together = false;
  return db_end(db, d, st);
}

/* Opening
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

bool db_exists(const char *path) {
  struct stat st;
  return stat(path, &st) == 0;
}

const char *db_default_path(struct arena *a, const char *option) {
  if (option && *option) return option;
  const char *env = getenv("HONE_DB"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  if (env && *env) return arena_strdup(a, env);
  if (data && *data == '/') return arena_printf(a, "%s/hone/tune.db", data);
  return home && *home ? arena_printf(a, "%s/.local/share/hone/tune.db", home) : "";
}

static bool make_parents(const char *path, struct diag *d) {
  char folder[PATH_MAX];
  if (strlen(path) >= sizeof folder) {
    diag_error(d, nowhere, "cannot open database '%.60s…': %s", path, strerror(ENAMETOOLONG));
    return false;
  }
  for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
    memcpy(folder, path, (size_t)(p - path));
    folder[p - path] = 0;
    if (mkdir(folder, 0777) && errno != EEXIST) {
      diag_error(d, nowhere, "cannot create folder '%s': %s", folder, strerror(errno));
      return false;
    }
  }
  return true;
}

/* Name of the network file system that holds path (or its folder), NULL when it is local. */
static const char *network_fs(const char *path) {
  static const struct {
    unsigned long type;
    const char *name;
  } list[] = {{0x6969, "NFS"},        {0x517b, "SMB"},      {0xff534d42, "CIFS"},   {0xfe534d42, "SMB2"},
              {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"}, {0x19830326, "BeeGFS"}, {0x65735546, "FUSE"},
              {0x01021997, "9P"},     {0x00c36400, "Ceph"}, {0x5346414f, "AFS"},    {0x013111a8, "IBRIX"},
              {0xaad7aaea, "PanFS"},  {0x73757245, "Coda"}, {0x564c, "NCP"}};
  struct statfs fs;
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", path);
  if (statfs(folder, &fs)) {
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    if (statfs(slash ? folder : ".", &fs)) return NULL;
  }
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (((unsigned long)fs.f_type & 0xffffffff) == list[i].type) return list[i].name;
  return NULL;
}

/* What the file system alone says against opening. */
static enum status precheck(const char *path, enum db_mode mode, struct diag *d) {
  struct stat st;
  bool there = stat(path, &st) == 0;
  const char *why = NULL;
  if (!there && (errno != ENOENT || mode == DB_READONLY)) why = errno == ENOENT ? "no such file" : strerror(errno);
  if (there && S_ISDIR(st.st_mode)) why = "it is a directory";
  if (there && !why && !S_ISREG(st.st_mode)) why = "it is not a regular file";
  if (there && !why && access(path, R_OK)) why = strerror(errno);
  if (why) {
    diag_error(d, nowhere, "cannot open database '%s': %s", path, why);
    return ST_ENV;
  }
  if (mode == DB_READONLY) return ST_OK;
  if (!there && !make_parents(path, d)) return ST_ENV;
  const char *fs = getenv("HONE_DB_FORCE") ? NULL : network_fs(path);
  if (!fs) return ST_OK;
  diag_error(d, nowhere, "database '%s' is on a network file system (%s), where locks do not work", path, fs);
  diag_note(d, nowhere,
            "tune into a local file, then `hone db merge` it (or set HONE_DB_FORCE=1 when nobody else writes)");
  return ST_ENV;
}

static enum status pragma_int(struct db *db, struct diag *d, const char *sql, int64_t *out) {
  struct query q;
  query_begin(&q, db, d, sql);
  *out = query_row(&q) ? column_int(&q, 0) : 0;
  return query_end(&q);
}

static enum status create_schema(struct db *db, struct diag *d) {
  int64_t tables;
  enum status st = db_begin(db, d);
  if (st != ST_OK) return st;
  st = pragma_int(db, d, "SELECT count(*) FROM sqlite_master", &tables); /* another process may have been first */
  if (st == ST_OK && tables == 0) st = db_exec(db, d, schema);
  return db_end(db, d, st);
}

struct facts {
  int64_t application, version, tables, pages, page;
};

/* All in one snapshot: another process may be creating the file at this moment. */
static enum status read_facts(struct db *db, struct diag *d, struct facts *f) {
  enum status st = db_exec(db, d, "BEGIN");
  if (st == ST_OK)
    st = pragma_int(db, d, "SELECT count(*) FROM sqlite_master", &f->tables); /* the first read takes the lock */
  if (st == ST_OK) st = pragma_int(db, d, "PRAGMA application_id", &f->application);
  if (st == ST_OK) st = pragma_int(db, d, "PRAGMA user_version", &f->version);
  if (st == ST_OK) st = pragma_int(db, d, "PRAGMA page_count", &f->pages);
  if (st == ST_OK) st = pragma_int(db, d, "PRAGMA page_size", &f->page);
  if (!sqlite3_get_autocommit(db->h)) sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
  return st;
}

/* Is it ours, of a version that this program knows, and whole? An empty file becomes ours. */
static enum status inspect(struct db *db, struct diag *d) {
  struct facts f = {0};
  struct stat file;
  enum status st = read_facts(db, d, &f);
  if (st == ST_OK && f.application == 0 && f.tables == 0 && f.pages == 0 && db->mode == DB_READWRITE) {
    st = create_schema(db, d);
    if (st == ST_OK) st = read_facts(db, d, &f);
  }
  if (st != ST_OK) return st;
  if (f.application != DB_APPLICATION) return db_error(db, d, SQLITE_NOTADB);
  if (f.version > DB_VERSION) {
    diag_error(d, nowhere, "database '%s' was made by a newer hone (its format is %lld, this one knows %d)", db->path,
               (long long)f.version, DB_VERSION);
    return ST_ENV;
  }
  if (stat(db->path, &file) == 0 && file.st_size < f.pages * f.page) {
    diag_error(d, nowhere, "database '%s' is damaged: it was cut short (%lld of %lld bytes)", db->path,
               (long long)file.st_size, (long long)(f.pages * f.page));
    return ST_ENV;
  }
  return ST_OK;
}

static int connect(struct db *db, bool write) {
  int rc = sqlite3_open_v2(db->path, &db->h, write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY,
                           NULL);
  if (rc != SQLITE_OK) return rc;
  sqlite3_extended_result_codes(db->h, 1);
  sqlite3_busy_timeout(db->h, 10000);
  sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(db->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  return SQLITE_OK;
}

/* A writer that was killed left its journal: reading needs it rolled back first. Whoever may write does it; nothing
 * else is changed. */
static void roll_back_leftovers(struct db *db) {
  sqlite3_stmt *s = NULL;
  int rc = sqlite3_prepare_v2(db->h, "SELECT count(*) FROM sqlite_master", -1, &s, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(s);
  sqlite3_finalize(s);
  int extended = sqlite3_extended_errcode(db->h);
  if (extended != SQLITE_READONLY_ROLLBACK && extended != SQLITE_READONLY_RECOVERY && (rc & 0xff) != SQLITE_CANTOPEN)
    return;
  if (access(db->path, W_OK)) return;
  sqlite3_close(db->h);
  if (connect(db, true) == SQLITE_OK) sqlite3_exec(db->h, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
  sqlite3_close(db->h);
  connect(db, false);
}

static enum status prepare(struct db *db, struct diag *d) {
  enum status st = inspect(db, d); /* before anything that could write */
  if (st != ST_OK || db->mode == DB_READONLY) return st;
  if (sqlite3_db_readonly(db->h, "main") == 1) return db_error(db, d, SQLITE_READONLY);
  return db_exec(db, d, "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
}

enum status db_open(const char *path, enum db_mode mode, struct db **out, struct diag *d) {
  *out = NULL;
  enum status st = precheck(path, mode, d);
  if (st != ST_OK) return st;
  struct db *db = xmalloc(sizeof *db);
  *db = (struct db){.mode = mode, .path = strdup(path)};
  if (!db->path) {
    free(db);
    return ST_NOMEM;
  }
  int rc = connect(db, mode == DB_READWRITE);
  if (rc == SQLITE_OK && mode == DB_READONLY) roll_back_leftovers(db);
  if (rc == SQLITE_CANTOPEN) {
    int err = db->h ? sqlite3_system_errno(db->h) : 0;
    diag_error(d, nowhere, "cannot open database '%s': %s", path, err ? strerror(err) : sqlite3_errstr(rc));
    st = ST_ENV;
  } else {
    st = rc == SQLITE_OK ? prepare(db, d) : db_error(db, d, rc);
  }
  if (st == ST_OK)
    *out = db;
  else
    db_close(db);
  return st;
}

void db_close(struct db *db) {
  if (!db) return;
  sqlite3_close(db->h);
  free(db->path);
  free(db);
}
