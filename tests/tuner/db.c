/* The tuning database: what is refused and in which words, records and look-up, exchange as set union, imports by
 * strangers, crashes and failing steps. */
#include "ir/sha256.h"
#include "tests/suite.h"
#include "tuner/db.h"
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static struct arena *arena;
static struct diag *diag;
static struct target host, sibling, stranger;

static void target_make(struct target *t, const char *isa, const char *silicon, const char *class_) {
  snprintf(t->isa, sizeof t->isa, "%s", isa);
  snprintf(t->silicon, sizeof t->silicon, "%s", silicon);
  snprintf(t->class_, sizeof t->class_, "%s", class_);
}

static void setup(void) {
  snprintf(dir, sizeof dir, "%s/hone-db-XXXXXX",
           access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm"); /* memory: each commit is synced */
  ck_assert_ptr_nonnull(mkdtemp(dir));
  ck_assert_int_eq(chdir(dir), 0);
  arena = arena_new();
  diag = diag_new();
  target_make(&host, "x86-64 avx2 fma", "amd 26 68", "x86-64-avx512");
  target_make(&sibling, "x86-64 avx2", "amd 26 68", "x86-64-avx512");
  target_make(&stranger, "x86-64 sse2", "intel 6 1", "x86-64-avx512");
}
static void teardown(void) {
  char cmd[128];
  snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
  ck_assert_int_eq(system(cmd), 0);
  diag_free(diag);
  arena_free(arena);
}

static const char *messages(void) {
  struct buf b;
  buf_init(&b);
  diag_print(diag, &b, false);
  const char *s = arena_strdup(arena, b.data ? b.data : "");
  buf_free(&b);
  diag_clear(diag);
  return s;
}

static struct db *open_db(const char *path, enum db_mode mode) {
  struct db *db = NULL;
  enum status st = db_open(path, mode, &db, diag);
  ck_assert_msg(st == ST_OK && db, "%s", messages());
  return db;
}

static void write_file(const char *path, const char *text, size_t len) {
  FILE *f = fopen(path, "wb");
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_eq(fwrite(text, 1, len, f), len);
  fclose(f);
}

static void id_from(const char *s, uint8_t id[32]) {
  sha256(s, strlen(s), id);
}

static void target_id(const struct target *t, uint8_t id[32]) {
  struct sha256 h;
  sha256_init(&h);
  sha256_update(&h, t->isa, strlen(t->isa) + 1);
  sha256_update(&h, t->silicon, strlen(t->silicon) + 1);
  sha256_update(&h, t->class_, strlen(t->class_) + 1);
  sha256_final(&h, id);
}

static struct db_key key(const char *dims, const struct target *t) {
  struct db_key k = {.name = "mm",
                     .ir = "kernel mm \"quoted\" …\n",
                     .dims = dims,
                     .target = t,
                     .objective = "time/1t/warm",
                     .fp = "reassoc"};
  id_from(dims, k.kernel_id);
  id_from("family", k.family_id);
  target_id(t, k.target_id);
  return k;
}

static uint8_t run_id[32];
static struct db_record record(const char *sched, int64_t hi) {
  struct db_record r = {.sched = sched,
                        .status = "ok",
                        .stage = 2,
                        .n = 40,
                        .min_ps = 900,
                        .q20_ps = 950,
                        .med_ps = 1000,
                        .q80_ps = 1100,
                        .rel_ppm = hi - 10,
                        .rel_lo_ppm = hi - 20,
                        .rel_hi_ppm = hi,
                        .verify = "{\"passes\":3}"};
  memcpy(r.run_id, run_id, 32);
  return r;
}

static void add(struct db *db, const char *dims, const struct target *t, const char *sched, int64_t hi) {
  struct db_key k = key(dims, t);
  struct db_record r = record(sched, hi);
  ck_assert_msg(db_add(db, &k, &r, diag) == ST_OK, "%s", messages());
}

static struct db *filled(const char *path) {
  struct db *db = open_db(path, DB_READWRITE);
  ck_assert_int_eq(db_begin_run(db, "hone 0", "{}", run_id, diag), ST_OK);
  return db;
}

static char *export_of(struct db *db, bool winners) {
  struct buf b;
  buf_init(&b);
  ck_assert_msg(db_export(db, &b, winners, diag) == ST_OK, "%s", messages());
  char *s = arena_strdup(arena, b.data);
  buf_free(&b);
  return s;
}

/* Opening
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

static void expect_refused(const char *path, enum db_mode mode, const char *message) {
  struct db *db;
  ck_assert_int_eq(db_open(path, mode, &db, diag), ST_ENV);
  ck_assert_ptr_null(db);
  const char *got = messages(), *error = strstr(got, "error: ");
  ck_assert_msg(error && !strncmp(error + 7, message, strlen(message)), "got '%s', expected '%s'", got, message);
}

START_TEST(refusals) {
  write_file("garbage", "garbage\n", 8);
  char big[5000];
  memset(big, 'x', sizeof big);
  write_file("big", big, sizeof big);
  mkdir("folder", 0755);
  expect_refused("none.db", DB_READONLY, "cannot open database 'none.db': no such file");
  ck_assert_int_eq(db_exists("none.db"), 0);
  for (int mode = DB_READONLY; mode <= DB_READWRITE; mode++) {
    expect_refused("garbage", (enum db_mode)mode, "'garbage' is not a hone tuning database");
    expect_refused("big", (enum db_mode)mode, "'big' is not a hone tuning database");
    expect_refused("folder", (enum db_mode)mode, "cannot open database 'folder': it is a directory");
    expect_refused("/dev/null", (enum db_mode)mode, "cannot open database '/dev/null': it is not a regular file");
    expect_refused("garbage/x.db", (enum db_mode)mode, "cannot open database 'garbage/x.db': Not a directory");
  }
  FILE *f = fopen("garbage", "r");
  char text[16] = "";
  ck_assert_uint_eq(fread(text, 1, 16, f), 8);
  fclose(f);
  ck_assert_str_eq(text, "garbage\n");
}
END_TEST

static void raw(const char *path, const char *sql) {
  sqlite3 *h;
  ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
  char *err = NULL;
  ck_assert_msg(sqlite3_exec(h, sql, NULL, NULL, &err) == SQLITE_OK, "%s", err);
  sqlite3_close(h);
}

START_TEST(foreign_newer_damaged) {
  raw("foreign", "CREATE TABLE t(x)");
  db_close(filled("newer"));
  raw("newer", "PRAGMA user_version=2");
  struct db *db = filled("short");
  for (int i = 0; i < 50; i++) {
    char dims[32];
    snprintf(dims, sizeof dims, "d0=%d", i);
    add(db, dims, &host, "", 1000000);
  }
  db_close(db);
  ck_assert_int_eq(truncate("short", 8192), 0);
  for (int mode = DB_READONLY; mode <= DB_READWRITE; mode++) {
    expect_refused("foreign", (enum db_mode)mode, "'foreign' is not a hone tuning database");
    expect_refused("newer", (enum db_mode)mode,
                   "database 'newer' was made by a newer hone (its format is 2, this one knows 1)");
    expect_refused("short", (enum db_mode)mode, "database 'short' is damaged");
  }
}
END_TEST

START_TEST(read_only_file) {
  struct db *db = filled("a.db");
  add(db, "d0=8", &host, "", 1000000);
  db_close(db);
  db = open_db("a.db", DB_READONLY);
  uint8_t id[32];
  ck_assert_int_eq(db_begin_run(db, "hone 0", "{}", id, diag), ST_ENV);
  ck_assert_str_eq(messages(), "hone: error: database 'a.db' is read-only\n");
  db_close(db);
  if (geteuid() == 0) return; /* root may write anything */
  chmod("a.db", 0444);
  expect_refused("a.db", DB_READWRITE, "database 'a.db' is read-only");
}
END_TEST

START_TEST(folders_are_made) {
  db_close(open_db("x/y/z.db", DB_READWRITE));
  ck_assert_int_eq(db_exists("x/y/z.db"), 1);
  write_file("file", "", 0);
  db_close(open_db("file", DB_READWRITE)); /* an empty file is an empty database */
}
END_TEST

START_TEST(default_path) {
  setenv("HOME", "/h", 1);
  unsetenv("HONE_DB");
  unsetenv("XDG_DATA_HOME");
  ck_assert_str_eq(db_default_path(arena, NULL), "/h/.local/share/hone/tune.db");
  setenv("XDG_DATA_HOME", "/data", 1);
  ck_assert_str_eq(db_default_path(arena, NULL), "/data/hone/tune.db");
  setenv("XDG_DATA_HOME", "relative", 1); /* to be ignored, says the standard */
  ck_assert_str_eq(db_default_path(arena, NULL), "/h/.local/share/hone/tune.db");
  setenv("HONE_DB", "env.db", 1);
  ck_assert_str_eq(db_default_path(arena, NULL), "env.db");
  ck_assert_str_eq(db_default_path(arena, "opt.db"), "opt.db");
  unsetenv("HONE_DB");
  unsetenv("XDG_DATA_HOME");
  unsetenv("HOME");
  ck_assert_str_eq(db_default_path(arena, NULL), "");
}
END_TEST

/* Records
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

START_TEST(winner_and_nearness) {
  struct db *db = filled("a.db");
  struct db_key k = key("d0=8", &host);
  struct db_record w;
  enum match how;
  ck_assert_int_eq(db_winner(db, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_NONE);
  add(db, "d0=8", &stranger, "vector a0", 500000);
  ck_assert_int_eq(db_winner(db, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_CLASS);
  add(db, "d0=8", &sibling, "tile a0 8", 900000);
  ck_assert_int_eq(db_winner(db, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_SILICON);
  add(db, "d0=8", &host, "", 1000000);
  add(db, "d0=8", &host, "tile a0 16", 800000);
  add(db, "d0=8", &host, "tile a0 32", 850000);
  add(db, "d0=9", &host, "tile a0 64", 100000);
  ck_assert_int_eq(db_winner(db, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_EXACT);
  ck_assert_str_eq(w.sched, "tile a0 16");
  ck_assert_int_eq(w.rel_hi_ppm, 800000);
  ck_assert_int_eq(w.med_ps, 1000);
  ck_assert_str_eq(w.verify, "{\"passes\":3}");
  struct db_key strict = k;
  strict.fp = "strict";
  ck_assert_int_eq(db_winner(db, arena, &strict, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_NONE);
  db_close(db);
}
END_TEST

START_TEST(what_never_wins) {
  struct db *db = filled("a.db");
  struct db_key k = key("d0=8", &host);
  struct db_record r = record("tile a0 8", 10), w;
  enum match how;
  r.stage = 1; /* raced among its like, not against the default in fresh rounds */
  ck_assert_int_eq(db_add(db, &k, &r, diag), ST_OK);
  r = record("tile a0 4", 10);
  r.status = "wrong";
  ck_assert_int_eq(db_add(db, &k, &r, diag), ST_OK);
  r = record("tile a0 4", 9); /* right once, but wrong another time */
  ck_assert_int_eq(db_add(db, &k, &r, diag), ST_OK);
  r = record("tile a0 2", -1); /* no interval */
  r.rel_ppm = r.rel_lo_ppm = -1;
  ck_assert_int_eq(db_add(db, &k, &r, diag), ST_OK);
  ck_assert_int_eq(db_winner(db, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_NONE);
  r = record("vector a0", 700000);
  ck_assert_int_eq(db_add(db, &k, &r, diag), ST_OK);
  ck_assert_int_eq(db_winner(db, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_str_eq(w.sched, "vector a0");
  ck_assert_int_eq(db_revoke(db, r.id, "measured on battery", run_id, diag), ST_OK);
  ck_assert_int_eq(db_winner(db, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_NONE);
  struct db_records all;
  ck_assert_int_eq(db_records(db, arena, &k, &all, diag), ST_OK);
  ck_assert_uint_eq(all.n, 4);
  db_close(db);
}
END_TEST

START_TEST(inflight_counts) {
  struct db *db = filled("a.db");
  struct db_key k = key("d0=8", &host);
  for (int i = 0; i < 3; i++) {
    int tries = -1;
    ck_assert_int_eq(db_inflight(db, &k, "tile a0 8", &tries, diag), ST_OK);
    ck_assert_int_eq(tries, i);
  }
  add(db, "d0=8", &host, "tile a0 8", 1);
  int tries = -1;
  ck_assert_int_eq(db_inflight(db, &k, "tile a0 8", &tries, diag), ST_OK);
  ck_assert_int_eq(tries, 0);
  db_close(db);
}
END_TEST

START_TEST(seeds_nearest_first) {
  struct db *db = filled("a.db");
  add(db, "d0=64,d1=64", &host, "tile a0 64", 100);
  add(db, "d0=1024,d1=1024", &host, "tile a0 32", 800000);
  add(db, "d0=1000,d1=1024", &host, "tile a0 16", 900000);
  add(db, "d0=1024,d1=1024", &host, "tile a0 8", 850000);
  add(db, "d0=1024,d1=1024", &host, "tile a0 8 | tile a0 8", 1); /* two groups: no seed */
  struct db_key k = key("d0=1024,d1=1024", &host);
  struct sched s[8];
  unsigned n;
  ck_assert_int_eq(db_seeds(db, arena, &k, s, 3, &n, diag), ST_OK);
  ck_assert_uint_eq(n, 3);
  static const int expect[] = {32, 8, 16};
  for (unsigned i = 0; i < 3; i++) ck_assert_int_eq(s[i].step[0].arg, expect[i]);
  const char *dims[4];
  ck_assert_int_eq(db_tuned_dims(db, arena, &k, dims, 4, &n, diag), ST_OK);
  ck_assert_uint_eq(n, 3);
  db_close(db);
}
END_TEST

START_TEST(same_record_twice) {
  struct db *db = filled("a.db");
  add(db, "d0=8", &host, "tile a0 8", 5);
  char *once = export_of(db, false);
  add(db, "d0=8", &host, "tile a0 8", 5);
  ck_assert_str_eq(once, export_of(db, false));
  db_close(db);
}
END_TEST

START_TEST(list_and_show) {
  struct db *db = filled("a.db");
  add(db, "d0=8", &host, "tile a0 8", 800000);
  struct buf b;
  buf_init(&b);
  ck_assert_int_eq(db_list(db, &b, false, diag), ST_OK);
  ck_assert_ptr_nonnull(strstr(b.data, "d0=8"));
  char prefix[9];
  memcpy(prefix, b.data, 8);
  prefix[8] = 0;
  buf_clear(&b);
  ck_assert_int_eq(db_list(db, &b, true, diag), ST_OK);
  ck_assert_int_eq(b.data[0], '{');
  buf_clear(&b);
  ck_assert_msg(db_show(db, prefix, &b, false, diag) == ST_OK, "%s", messages());
  ck_assert_ptr_nonnull(strstr(b.data, "tile a0 8"));
  buf_clear(&b);
  ck_assert_int_eq(db_show(db, prefix, &b, true, diag), ST_OK);
  ck_assert_ptr_nonnull(strstr(b.data, "\"sched\":\"tile a0 8\""));
  ck_assert_int_eq(db_show(db, "0000000000", &b, false, diag), ST_REFUSED);
  ck_assert_str_eq(messages(), "hone: error: no record starts with '0000000000'\n");
  ck_assert_int_eq(db_show(db, "xyz", &b, false, diag), ST_USAGE);
  buf_free(&b);
  db_close(db);
}
END_TEST

/* Exchange
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

static void import_ok(struct db *db, const char *text, unsigned expect) {
  unsigned added;
  ck_assert_msg(db_import(db, "x.jsonl", text, strlen(text), &added, diag) == ST_OK, "%s", messages());
  ck_assert_uint_eq(added, expect);
}

static struct db *variant(const char *path, const char *name, int from, int to) {
  struct db *db = filled(path);
  for (int i = from; i < to; i++) {
    char dims[32], sched[32];
    snprintf(dims, sizeof dims, "d0=%d", i % 5);
    snprintf(sched, sizeof sched, "tile a0 %d", i + 1);
    struct db_key k = key(arena_strdup(arena, dims), i % 2 ? &host : &sibling);
    k.name = name; /* the same kernel under other names */
    struct db_record r = record(sched, 900000 + i);
    memset(r.run_id, 0, 32);
    memcpy(r.run_id, run_id, 32);
    ck_assert_int_eq(db_add(db, &k, &r, diag), ST_OK);
    if (i % 7 == 3) ck_assert_int_eq(db_revoke(db, r.id, name, run_id, diag), ST_OK);
  }
  return db;
}

START_TEST(merge_is_set_union) {
  struct db *db[3] = {variant("0.db", "alpha", 0, 12), variant("1.db", "beta", 6, 20), variant("2.db", "gamma", 0, 9)};
  for (int i = 0; i < 3; i++) db_close(db[i]);
  static const char *const orders[][5] = {
      {"0.db", "1.db", "2.db"}, {"2.db", "1.db", "0.db", "1.db", "2.db"}, {"1.db", "0.db", "1.db", "2.db", "0.db"}};
  char *first = NULL;
  for (int o = 0; o < 3; o++) {
    char path[16];
    snprintf(path, sizeof path, "m%d.db", o);
    struct db *m = open_db(path, DB_READWRITE);
    unsigned added = 0, total = 0;
    for (int i = 0; i < 5 && orders[o][i]; i++) {
      ck_assert_msg(db_merge(m, orders[o][i], &added, diag) == ST_OK, "%s", messages());
      total += added;
    }
    ck_assert_uint_eq(total, 12 + 14 + 9); /* runs differ, so no two records are the same */
    char *text = export_of(m, false);
    if (first) ck_assert_str_eq(first, text);
    first = text;
    unsigned bad;
    ck_assert_int_eq(db_verify(m, diag, &bad), ST_OK);
    ck_assert_uint_eq(bad, 0);
    db_close(m);
  }
  struct db *i = open_db("i.db", DB_READWRITE);
  import_ok(i, first, 35);
  import_ok(i, first, 0);
  ck_assert_str_eq(first, export_of(i, false));
  db_close(i);
}
END_TEST

START_TEST(export_is_sorted_and_winners_only) {
  struct db *db = variant("0.db", "alpha", 0, 12);
  char *all = export_of(db, false), *winners = export_of(db, true);
  ck_assert_int_eq(strncmp(all, "{\"hone\":\"tuning records\",\"version\":1}\n", 38), 0);
  char *previous = NULL;
  for (char *line = strtok(strchr(all, '\n') + 1, "\n"); line; line = strtok(NULL, "\n")) {
    if (previous) ck_assert_int_lt(strcmp(previous, line), 0);
    previous = line;
  }
  struct db *i = open_db("i.db", DB_READWRITE);
  unsigned added;
  ck_assert_msg(db_import(i, "w", winners, strlen(winners), &added, diag) == ST_OK, "%s",
                messages()); /* complete in itself */
  ck_assert_uint_gt(added, 0);
  ck_assert_uint_lt(added, 11);
  db_close(i);
  db_close(db);
}
END_TEST

START_TEST(imported_wins_only_when_trusted) {
  struct db *db = filled("a.db"), *other = open_db("b.db", DB_READWRITE);
  add(db, "d0=8", &host, "tile a0 8", 700000);
  import_ok(other, export_of(db, false), 1);
  struct db_key k = key("d0=8", &host);
  struct db_record w;
  struct db_records open;
  enum match how;
  ck_assert_int_eq(db_winner(other, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_NONE);
  ck_assert_int_eq(db_untrusted(other, arena, &k, 4, &open, diag), ST_OK);
  ck_assert_uint_eq(open.n, 1);
  ck_assert_int_eq(open.r[0].trusted, 0);
  ck_assert_int_eq(db_trust(other, open.r[0].id, false, diag), ST_OK);
  ck_assert_int_eq(db_winner(other, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_NONE);
  ck_assert_int_eq(db_trust(other, open.r[0].id, true, diag), ST_OK);
  ck_assert_int_eq(db_winner(other, arena, &k, &w, &how, diag), ST_OK);
  ck_assert_int_eq(how, MATCH_EXACT);
  ck_assert_int_eq(db_untrusted(other, arena, &k, 4, &open, diag), ST_OK);
  ck_assert_uint_eq(open.n, 0);
  db_close(other);
  db_close(db);
}
END_TEST

#define HEADER "{\"hone\":\"tuning records\",\"version\":1}\n"
static const struct {
  const char *text, *message;
} garbage[] = {
    {"", "x.jsonl:1:1: error: the file is empty"},
    {"\n", "x.jsonl:1:1: error: expected a JSON object"},
    {"SQLite format 3", "x.jsonl:1:1: error: expected a JSON object"},
    {"{\"hone\":\"tuning records\",\"version\":2}\n", "x.jsonl:1:1: error: made by another version of hone"},
    {"{\"hone\":\"other\",\"version\":1}\n", "x.jsonl:1:1: error: not tuning records"},
    {"{\"class\":\"c\",\"id\":\"00\",\"isa\":\"i\",\"kind\":\"cpu\",\"silicon\":\"s\",\"t\":\"target\"}",
     "x.jsonl:1:1: error: an id is not 64 hexadecimal digits"},
    {HEADER "{}", "x.jsonl:2:1: error: expected a string"},
    {HEADER "{\"t\":\"record\"}", "x.jsonl:2:1: error: key 'fp' is missing"},
    {HEADER "{\"t\":\"drop\"}", "x.jsonl:2:1: error: unknown kind of line 'drop'"},
    {HEADER "{\"t\":\"run\",\"t\":\"run\"}", "x.jsonl:2:1: error: key 't' appears twice"},
    {HEADER "{\"evil\":1}", "x.jsonl:2:1: error: unknown key 'evil'"},
    {HEADER "{\"n\":1.5}", "x.jsonl:2:1: error: a number is not whole"},
    {HEADER "{\"n\":-1}", "x.jsonl:2:1: error: expected a whole number"},
    {HEADER "{\"n\":99999999999999999999}", "x.jsonl:2:1: error: a number is too large"},
    {HEADER "{\"n\":01}", "x.jsonl:2:1: error: a number starts with 0"},
    {HEADER "{\"t\":\"\xff\"}", "x.jsonl:2:1: error: not UTF-8"},
    {HEADER "{\"t\":\"\xc0\x80\"}", "x.jsonl:2:1: error: not UTF-8"},
    {HEADER "{\"t\":\"\xed\xa0\x80\"}", "x.jsonl:2:1: error: not UTF-8"},
    {HEADER "{\"t\":\"\\ud800\"}", "x.jsonl:2:1: error: half a surrogate pair in a string"},
    {HEADER "{\"t\":\"\\u0000\"}", "x.jsonl:2:1: error: a zero byte in a string"},
    {HEADER "{\"t\":\"\\x\"}", "x.jsonl:2:1: error: unknown escape in a string"},
    {HEADER "{\"t\":\"run", "x.jsonl:2:1: error: unfinished string"},
    {HEADER "{\"t\":\"run\"} x", "x.jsonl:2:1: error: more text after the object"},
    {HEADER "{\"t\":\"run\"", "x.jsonl:2:1: error: expected ',' or '}'"},
    {HEADER "{\"hone\":\"tuning records\",\"version\":1,\"who\":\"me\"}",
     "x.jsonl:2:1: error: key 'who' does not belong here"},
};

START_TEST(strangers_files) {
  struct db *db = filled("a.db");
  add(db, "d0=8", &host, "tile a0 8", 5);
  char *before = export_of(db, false);
  unsigned added = 99;
  ck_assert_int_eq(db_import(db, "x.jsonl", garbage[_i].text, strlen(garbage[_i].text), &added, diag), ST_REFUSED);
  ck_assert_uint_eq(added, 0);
  const char *got = messages();
  ck_assert_msg(!strncmp(got, garbage[_i].message, strlen(garbage[_i].message)), "got '%s', expected '%s'", got,
                garbage[_i].message);
  ck_assert_str_eq(before, export_of(db, false));
  db_close(db);
}
END_TEST

/* Each change to one line must be noticed, and nothing of the file may stay. */
START_TEST(tampered) {
  static const struct {
    const char *from, *to;
  } edits[] = {
      {"\"rel_hi_ppm\":700000", "\"rel_hi_ppm\":600000"}, {"tile a0 8", "tile a0 9"}, {"tile a0 8", "rm -rf /"},
      {"\"status\":\"ok\"", "\"status\":\"oh\""},         {"avx2 fma", "avx2 bla"},   {"\"stage\":2", "\"stage\":7"}};
  struct db *db = filled("a.db"), *other = open_db("b.db", DB_READWRITE);
  add(db, "d0=8", &host, "tile a0 8", 700000);
  char *text = export_of(db, false), *at = strstr(text, edits[_i].from);
  ck_assert_ptr_nonnull(at);
  memcpy(at, edits[_i].to, strlen(edits[_i].to));
  char *empty = export_of(other, false);
  unsigned added;
  ck_assert_int_eq(db_import(other, "x.jsonl", text, strlen(text), &added, diag), ST_REFUSED);
  ck_assert_str_eq(empty, export_of(other, false));
  db_close(other);
  db_close(db);
}
END_TEST

START_TEST(dangling_references) {
  struct db *db = filled("a.db"), *other = open_db("b.db", DB_READWRITE);
  add(db, "d0=8", &host, "tile a0 8", 700000);
  char *text = export_of(db, false), *record = strstr(text, "{\"fp\""), only[4096];
  *strchr(record, '\n') = 0;
  snprintf(only, sizeof only, HEADER "%s\n", record);
  unsigned added;
  ck_assert_int_eq(db_import(other, "x.jsonl", only, strlen(only), &added, diag), ST_REFUSED);
  ck_assert_ptr_nonnull(strstr(messages(), "neither in the file nor in the database"));
  db_close(other);
  db_close(db);
}
END_TEST

START_TEST(lines_in_any_order) {
  struct db *db = filled("a.db"), *other = open_db("b.db", DB_READWRITE);
  add(db, "d0=8", &host, "tile a0 8", 700000);
  char *text = export_of(db, false), *line[16], out[16384] = HEADER;
  int n = 0;
  for (char *s = strtok(arena_strdup(arena, strchr(text, '\n') + 1), "\n"); s; s = strtok(NULL, "\n")) line[n++] = s;
  while (n-- > 0) strcat(strcat(out, line[n]), "\r\n"); /* a checkout with CRLF */
  import_ok(other, out, 1);
  ck_assert_str_eq(text, export_of(other, false));
  db_close(other);
  db_close(db);
}
END_TEST

START_TEST(random_damage) {
  struct db *db = filled("a.db"), *other = open_db("b.db", DB_READWRITE);
  add(db, "d0=8", &host, "tile a0 8", 700000);
  char *text = export_of(db, false), *empty = export_of(other, false);
  size_t len = strlen(text);
  uint64_t rng = 7;
  for (int round = 0; round < 300; round++) {
    char *copy = arena_strdup(arena, text);
    for (int k = 0; k < 3; k++) {
      rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407;
      copy[(rng >> 33) % len] = (char)(rng >> 25);
    }
    unsigned added;
    if (db_import(other, "x.jsonl", copy, len, &added, diag) != ST_OK)
      ck_assert_str_eq(empty, export_of(other, false));
    else
      empty = export_of(other, false); /* only what no id protects changed: texts for people */
    diag_clear(diag);
  }
  db_close(other);
  db_close(db);
}
END_TEST

/* The world fails
 * ---------------------------------------------------------------------------------------------------------------------------
 */

static void scenario(enum status *st) {
  struct db *db = NULL;
  struct db_key k = key("d0=8", &host);
  struct db_record r = record("tile a0 8", 5), w;
  struct db_records all;
  enum match how;
  int tries;
  unsigned n;
  struct buf b;
  buf_init(&b);
  *st = db_open("f.db", DB_READWRITE, &db, diag);
  if (*st == ST_OK) *st = db_begin_run(db, "hone 0", "{}", r.run_id, diag);
  if (*st == ST_OK) *st = db_inflight(db, &k, "tile a0 8", &tries, diag);
  if (*st == ST_OK) *st = db_add(db, &k, &r, diag);
  if (*st == ST_OK) *st = db_winner(db, arena, &k, &w, &how, diag);
  if (*st == ST_OK) *st = db_records(db, arena, &k, &all, diag);
  if (*st == ST_OK) *st = db_list(db, &b, false, diag);
  if (*st == ST_OK) *st = db_export(db, &b, false, diag);
  if (*st == ST_OK) *st = db_verify(db, diag, &n);
  if (*st == ST_OK) *st = db_trust(db, r.id, true, diag);
  if (*st == ST_OK) *st = db_merge(db, "other.db", &n, diag);
  buf_free(&b);
  db_close(db);
}

START_TEST(every_step_fails_once) {
  struct db *other = filled("other.db");
  add(other, "d0=9", &host, "tile a0 4", 7);
  db_close(other);
  enum status st = ST_ENV;
  long n = 1;
  for (; n < 500; n++) {
    unlink("f.db");
    db_fail_after(n);
    scenario(&st);
    db_fail_after(0);
    if (st == ST_OK) break;
    ck_assert_int_eq(st, ST_ENV);
    ck_assert_ptr_nonnull(strstr(messages(), "disk I/O error"));
    if (db_exists("f.db")) { /* whatever is there is whole */
      struct stat s;
      unsigned bad;
      if (stat("f.db", &s) == 0 && s.st_size == 0) continue;
      struct db *db = open_db("f.db", DB_READONLY);
      ck_assert_int_eq(db_verify(db, diag, &bad), ST_OK);
      ck_assert_uint_eq(bad, 0);
      db_close(db);
    }
  }
  ck_assert_int_gt(n, 30);
  ck_assert_int_lt(n, 500);
}
END_TEST

START_TEST(two_writers) {
  enum { EACH = 25 };
  pid_t pid[3];
  for (int p = 0; p < 3; p++) {
    pid[p] = fork();
    if (pid[p] == 0) {
      struct db *db = filled("two.db"); /* all three may create it */
      for (int i = 0; i < EACH; i++) {
        char sched[32];
        snprintf(sched, sizeof sched, "tile a%d %d", p, i + 1);
        add(db, "d0=8", &host, sched, 1000 + i);
      }
      db_close(db);
      _exit(0);
    }
  }
  for (int p = 0; p < 3; p++) {
    int status;
    waitpid(pid[p], &status, 0);
    ck_assert_int_eq(status, 0);
  }
  struct db *db = open_db("two.db", DB_READONLY);
  struct db_key k = key("d0=8", &host);
  struct db_records all;
  ck_assert_int_eq(db_records(db, arena, &k, &all, diag), ST_OK);
  ck_assert_uint_eq(all.n, 3 * EACH);
  db_close(db);
}
END_TEST

START_TEST(created_by_several) {
  for (int round = 0; round < 40; round++) {
    pid_t pid[4];
    for (int p = 0; p < 4; p++) {
      pid[p] = fork();
      if (pid[p]) continue;
      struct db *db;
      if (db_open("race.db", DB_READWRITE, &db, diag) != ST_OK) _exit(1);
      db_close(db);
      _exit(0);
    }
    for (int p = 0; p < 4; p++) {
      int status;
      waitpid(pid[p], &status, 0);
      ck_assert_int_eq(status, 0);
    }
    unlink("race.db");
    unlink("race.db-journal");
  }
}
END_TEST

START_TEST(killed_while_writing) {
  unsigned before = 0;
  for (int round = 0; round < 6; round++) {
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
      struct db *db = filled("kill.db");
      for (int i = 0;; i++) {
        char sched[32];
        snprintf(sched, sizeof sched, "tile a0 %d", i % 30000 + 1);
        add(db, "d0=8", &host, sched, 1000 + i);
        if (i == 3) ck_assert_int_eq((int)write(ready[1], "x", 1), 1);
      }
    }
    char c;
    ck_assert_int_eq((int)read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    usleep(3000u + 1700u * (unsigned)round);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct db *db = open_db("kill.db", round % 2 ? DB_READWRITE : DB_READONLY);
    struct db_key k = key("d0=8", &host);
    struct db_records all;
    unsigned bad;
    ck_assert_msg(db_verify(db, diag, &bad) == ST_OK && bad == 0, "%s", messages());
    ck_assert_int_eq(db_records(db, arena, &k, &all, diag), ST_OK);
    ck_assert_uint_ge(all.n, before + 4);
    before = all.n;
    db_close(db);
  }
}
END_TEST

START_TEST(full_disk) { /* a limit on the size of files stands in for one */
  struct db *db = filled("full.db");
  add(db, "d0=8", &host, "tile a0 8", 1);
  db_close(db); /* SQLite's connections do not go through fork() */
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit r = {64 << 10, 64 << 10};
    enum status st = ST_OK;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &r);
    struct db *mine = open_db("full.db", DB_READWRITE);
    for (int i = 0; i < 1000 && st == ST_OK; i++) {
      char sched[32];
      snprintf(sched, sizeof sched, "tile a0 %d", i + 1);
      struct db_key k = key("d0=8", &host);
      struct db_record rec = record(sched, 1000 + i);
      st = db_add(mine, &k, &rec, diag);
    }
    db_close(mine);
    _exit(st == ST_ENV && strstr(messages(), "hone: error: database 'full.db': ") ? 0 : 1);
  }
  int status;
  waitpid(pid, &status, 0);
  ck_assert_int_eq(status, 0);
  unsigned bad;
  db = open_db("full.db", DB_READWRITE);
  ck_assert_int_eq(db_verify(db, diag, &bad), ST_OK);
  ck_assert_uint_eq(bad, 0);
  add(db, "d0=8", &host, "tile a1 8", 1); /* there is room again */
  db_close(db);
}
END_TEST

START_TEST(large_exchange) {
  enum { DIMS = 30, SCHEDULES = 10 };
  struct db *db = filled("large.db"), *other = open_db("other.db", DB_READWRITE);
  struct buf b;
  buf_init(&b);
  add(db, "d0=8", &host, "tile a0 8", 1);
  for (int i = 0; i < DIMS; i++) {
    char dims[32];
    snprintf(dims, sizeof dims, "d0=%d", i);
    for (int j = 0; j < SCHEDULES; j++) {
      char sched[32];
      snprintf(sched, sizeof sched, "tile a0 %d", j + 1);
      add(db, dims, &host, sched, 1000 + j);
    }
  }
  ck_assert_int_eq(db_export(db, &b, false, diag), ST_OK);
  unsigned added;
  ck_assert_int_eq(db_import(other, "x", b.data, b.len, &added, diag), ST_OK);
  ck_assert_uint_eq(added, DIMS * SCHEDULES + 1);
  ck_assert_str_eq(b.data, export_of(other, false));
  buf_free(&b);
  db_close(other);
  db_close(db);
}
END_TEST

START_TEST(tampered_file_is_noticed) {
  struct db *db = filled("a.db");
  add(db, "d0=8", &host, "tile a0 8", 700000);
  db_close(db);
  raw("a.db", "UPDATE record SET rel_hi_ppm=1");
  db = open_db("a.db", DB_READONLY);
  unsigned bad;
  ck_assert_int_eq(db_verify(db, diag, &bad), ST_OK);
  ck_assert_uint_eq(bad, 1);
  ck_assert_ptr_nonnull(strstr(messages(), "the record's id is not that of its fields"));
  db_close(db);
}
END_TEST

int main(void) {
  Suite *s = suite_create("db");
  TCase *t = tcase_create("db");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, refusals);
  tcase_add_test(t, foreign_newer_damaged);
  tcase_add_test(t, read_only_file);
  tcase_add_test(t, folders_are_made);
  tcase_add_test(t, default_path);
  tcase_add_test(t, winner_and_nearness);
  tcase_add_test(t, what_never_wins);
  tcase_add_test(t, inflight_counts);
  tcase_add_test(t, seeds_nearest_first);
  tcase_add_test(t, same_record_twice);
  tcase_add_test(t, list_and_show);
  tcase_add_test(t, merge_is_set_union);
  tcase_add_test(t, export_is_sorted_and_winners_only);
  tcase_add_test(t, imported_wins_only_when_trusted);
  tcase_add_loop_test(t, strangers_files, 0, (int)(sizeof garbage / sizeof *garbage));
  tcase_add_loop_test(t, tampered, 0, 6);
  tcase_add_test(t, dangling_references);
  tcase_add_test(t, lines_in_any_order);
  tcase_add_test(t, random_damage);
  tcase_add_test(t, every_step_fails_once);
  tcase_add_test(t, two_writers);
  tcase_add_test(t, created_by_several);
  tcase_add_test(t, killed_while_writing);
  tcase_add_test(t, full_disk);
  tcase_add_test(t, large_exchange);
  tcase_add_test(t, tampered_file_is_noticed);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
