/* Recording and looking up. A record is written once, in one transaction with its kernel and target; looking up never
   takes anything that is revoked, unchecked on this machine, or without a measured interval. */
#include "tuner/db_impl.h"
#include "ir/sha256.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const char *toolchain = "";
void db_set_toolchain(const char *text) {
  toolchain = text;
}

/* Writing
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

enum status db_begin_run(struct db *db, const char *tool, const char *env_json, uint8_t run_id[DB_ID], struct diag *d) {
  struct line l;
  char hex[2 * DB_ID + 1];
  run_line(tool, toolchain, env_json ? env_json : "{}", run_id, hex, &l);
  bool added;
  enum status st = db_begin(db, d);
  if (st != ST_OK) return st;
  return db_end(db, d, db_insert_line(db, d, &l, &added));
}

static void bind_key(struct query *q, const struct db_key *k) {
  query_id(q, 1, k->kernel_id);
  query_id(q, 2, k->target_id);
  query_text(q, 3, k->objective);
  query_text(q, 4, k->fp);
}

enum status db_inflight(struct db *db, const struct db_key *k, const char *sched, int *tries, struct diag *d) {
  struct query q;
  *tries = 0;
  enum status st = db_begin(db, d);
  if (st != ST_OK) return st;
  query_begin(&q, db, d,
              "INSERT INTO inflight(kernel_id,target_id,objective,fp,sched,tries) VALUES(?,?,?,?,?,1)"
              " ON CONFLICT DO UPDATE SET tries=tries+1 RETURNING tries-1");
  bind_key(&q, k);
  query_text(&q, 5, sched);
  if (query_row(&q)) *tries = (int)column_int(&q, 0);
  return db_end(db, d, query_run(&q));
}

static enum status clear_inflight(struct db *db, const struct db_key *k, const char *sched, struct diag *d) {
  struct query q;
  query_begin(&q, db, d, "DELETE FROM inflight WHERE kernel_id=? AND target_id=? AND objective=? AND fp=? AND sched=?");
  bind_key(&q, k);
  query_text(&q, 5, sched);
  return query_run(&q);
}

static enum status set_trust(struct db *db, const uint8_t id[DB_ID], bool ok, struct diag *d) {
  struct query q;
  query_begin(&q, db, d, "INSERT INTO trust(record_id,ok) VALUES(?,?) ON CONFLICT DO UPDATE SET ok=excluded.ok");
  query_id(&q, 1, id);
  query_int(&q, 2, ok);
  return query_run(&q);
}

enum status db_add(struct db *db, const struct db_key *k, struct db_record *r, struct diag *d) {
  struct record_lines l;
  bool added;
  record_lines(k, r, &l);
  r->trusted = true;
  enum status st = db_begin(db, d);
  if (st != ST_OK) return st;
  st = db_insert_line(db, d, &l.kernel, &added);
  if (st == ST_OK) st = db_insert_line(db, d, &l.target, &added);
  if (st == ST_OK) st = db_insert_line(db, d, &l.record, &added);
  if (st == ST_OK) st = set_trust(db, r->id, true, d);
  if (st == ST_OK) st = clear_inflight(db, k, r->sched, d);
  return db_end(db, d, st);
}

enum status db_trust(struct db *db, const uint8_t record_id[DB_ID], bool ok, struct diag *d) {
  enum status st = db_begin(db, d);
  return st == ST_OK ? db_end(db, d, set_trust(db, record_id, ok, d)) : st;
}

enum status db_revoke(struct db *db, const uint8_t record_id[DB_ID], const char *reason, const uint8_t run_id[DB_ID],
                      struct diag *d) {
  char record[2 * DB_ID + 1], run[2 * DB_ID + 1];
  struct line l = {.kind = LINE_REVOKE};
  bool added;
  hex_of(record_id, record);
  hex_of(run_id, run);
  line_text(&l, F_id, record);
  line_text(&l, F_reason, reason);
  line_text(&l, F_run, run);
  enum status st = db_begin(db, d);
  return st == ST_OK ? db_end(db, d, db_insert_line(db, d, &l, &added)) : st;
}

/* Looking up
 * -------------------------------------------------------------------------------------------------------------------------------
 */

#define RECORD_COLUMNS                                                                                                 \
  "r.record_id,r.run_id,r.sched,r.status,r.stage,r.n,r.min_ps,r.q20_ps,r.med_ps,r.q80_ps,r.rel_ppm,r.rel_lo_ppm,r."    \
  "rel_hi_ppm,r.verify,"                                                                                               \
  "coalesce((SELECT ok FROM trust t WHERE t.record_id=r.record_id),0)=1"
enum { AFTER_RECORD = 15 };
#define NOT_REVOKED " AND r.record_id NOT IN (SELECT record_id FROM revoke)"
/* A schedule that ever gave wrong results for this kernel on this target does not win by another, luckier record. */
#define NOT_REFUTED                                                                                                    \
  " AND NOT EXISTS(SELECT 1 FROM record x WHERE x.kernel_id=r.kernel_id AND x.target_id=r.target_id AND x.fp=r.fp "    \
  "AND "                                                                                                               \
  "x.sched=r.sched AND x.status='wrong' AND x.record_id NOT IN (SELECT record_id FROM revoke))"
#define RANKED     " r.status='ok' AND r.stage=2 AND r.rel_hi_ppm IS NOT NULL" NOT_REVOKED NOT_REFUTED
#define TRUSTED    " AND EXISTS(SELECT 1 FROM trust t WHERE t.record_id=r.record_id AND t.ok=1)"
#define BEST_FIRST " r.rel_hi_ppm, length(r.sched), r.sched, r.record_id"
/* How near target t of a record is: as enum match. Of another class nothing is near: what its schedules use may not be
 * there. */
#define NEARNESS "CASE WHEN r.target_id=?2 THEN 4 WHEN t.class<>?6 THEN 0 WHEN t.silicon=?5 THEN 3 ELSE 2 END"
_Static_assert(MATCH_EXACT == 4 && MATCH_SILICON == 3 && MATCH_CLASS == 2, "NEARNESS");

static void read_record(struct query *q, struct arena *a, struct db_record *r) {
  static const char *const status[] = {"ok", "wrong", "crash", "timeout", "oom", "compile"};
  *r = (struct db_record){.status = "crash"};
  column_id(q, 0, r->id);
  column_id(q, 1, r->run_id);
  r->sched = arena_strdup(a, column_text(q, 2));
  for (unsigned i = 0; i < sizeof status / sizeof *status; i++)
    if (!strcmp(status[i], column_text(q, 3))) r->status = status[i];
  r->stage = (int)column_int(q, 4);
  r->n = column_int(q, 5);
  r->min_ps = column_int(q, 6);
  r->q20_ps = column_int(q, 7);
  r->med_ps = column_int(q, 8);
  r->q80_ps = column_int(q, 9);
  r->rel_ppm = column_int(q, 10);
  r->rel_lo_ppm = column_int(q, 11);
  r->rel_hi_ppm = column_int(q, 12);
  r->verify = arena_strdup(a, column_text(q, 13));
  r->trusted = column_int(q, 14) == 1;
}

/* Collects all rows; ends the query. */
static enum status read_records(struct query *q, struct arena *a, struct db_records *out) {
  struct db_records got = {0};
  unsigned cap = 0;
  while (query_row(q)) {
    if (got.n == cap) {
      struct db_record *old = got.r;
      cap = cap ? 2 * cap : 16;
      got.r = ARENA_NEW(a, struct db_record, cap);
      if (got.n) memcpy(got.r, old, got.n * sizeof *old);
    }
    read_record(q, a, &got.r[got.n++]);
  }
  enum status st = query_end(q);
  *out = st == ST_OK ? got : (struct db_records){0};
  return st;
}

enum status db_records(struct db *db, struct arena *a, const struct db_key *k, struct db_records *out, struct diag *d) {
  struct query q;
  query_begin(&q, db, d,
              "SELECT " RECORD_COLUMNS
              " FROM record r WHERE r.kernel_id=?1 AND r.target_id=?2 AND r.objective=?3 AND r.fp=?4" NOT_REVOKED
              " ORDER BY r.rel_hi_ppm IS NULL," BEST_FIRST);
  bind_key(&q, k);
  return read_records(&q, a, out);
}

static void bind_target(struct query *q, const struct db_key *k) {
  bind_key(q, k);
  query_text(q, 5, k->target->silicon);
  query_text(q, 6, k->target->class_);
}

enum status db_winner(struct db *db, struct arena *a, const struct db_key *k, struct db_record *out, enum match *how,
                      struct diag *d) {
  struct query q;
  *how = MATCH_NONE;
  query_begin(&q, db, d,
              "SELECT " RECORD_COLUMNS "," NEARNESS " near FROM record r JOIN target t ON t.target_id=r.target_id"
              " WHERE r.kernel_id=?1 AND r.objective=?3 AND r.fp=?4 AND" RANKED TRUSTED
              " AND near>0 ORDER BY near DESC," BEST_FIRST " LIMIT 1");
  bind_target(&q, k);
  if (query_row(&q)) {
    read_record(&q, a, out);
    *how = (enum match)column_int(&q, AFTER_RECORD);
  }
  enum status st = query_end(&q);
  if (st != ST_OK) *how = MATCH_NONE;
  return st;
}

enum status db_untrusted(struct db *db, struct arena *a, const struct db_key *k, unsigned max, struct db_records *out,
                         struct diag *d) {
  struct query q;
  query_begin(&q, db, d,
              "SELECT " RECORD_COLUMNS "," NEARNESS " near FROM record r JOIN target t ON t.target_id=r.target_id"
              " WHERE r.kernel_id=?1 AND r.objective=?3 AND r.fp=?4 AND" RANKED
              " AND NOT EXISTS(SELECT 1 FROM trust t WHERE t.record_id=r.record_id)"
              " AND near>0 ORDER BY near DESC," BEST_FIRST " LIMIT ?7");
  bind_target(&q, k);
  query_int(&q, 7, max);
  return read_records(&q, a, out);
}

enum status db_tuned_dims(struct db *db, struct arena *a, const struct db_key *k, const char **dims, unsigned max,
                          unsigned *n, struct diag *d) {
  struct query q;
  *n = 0;
  query_begin(
      &q, db, d,
      "SELECT k.dims FROM kernel k JOIN record r ON r.kernel_id=k.kernel_id JOIN target t ON t.target_id=r.target_id"
      " WHERE k.family_id=?1 AND r.objective=?3 AND r.fp=?4 AND" RANKED TRUSTED " AND " NEARNESS ">0"
      " GROUP BY k.dims ORDER BY max(" NEARNESS ") DESC, min(r.rel_hi_ppm), k.dims LIMIT ?7");
  bind_target(&q, k);
  query_id(&q, 1, k->family_id);
  query_int(&q, 7, max);
  while (*n < max && query_row(&q)) dims[(*n)++] = arena_strdup(a, column_text(&q, 0));
  enum status st = query_end(&q);
  if (st != ST_OK) *n = 0;
  return st;
}

/* Seeds
 * ------------------------------------------------------------------------------------------------------------------------------------
 */

/* Sum of |log2| of the ratios of dims; texts with other names or counts are far. */
static double distance(const char *x, const char *y) {
  double sum = 0;
  while (*x && *y) {
    const char *xe = strchr(x, '='), *ye = strchr(y, '=');
    if (!xe || !ye || xe - x != ye - y || memcmp(x, y, (size_t)(xe - x)) != 0) return 1e9;
    char *xn, *yn;
    double a = (double)strtoll(xe + 1, &xn, 10), b = (double)strtoll(ye + 1, &yn, 10);
    if (xn == xe + 1 || yn == ye + 1) return 1e9;
    sum += fabs(log2(fmax(a, 1) / fmax(b, 1)));
    x = *xn == ',' ? xn + 1 : xn;
    y = *yn == ',' ? yn + 1 : yn;
  }
  return *x || *y ? 1e9 : sum;
}

struct seed {
  double far;
  int rank;
  struct sched s;
};

static int by_distance(const void *a, const void *b) {
  const struct seed *x = a, *y = b;
  if (x->far != y->far) return x->far < y->far ? -1 : 1;
  return (x->rank > y->rank) - (x->rank < y->rank);
}

static bool known(const struct sched *out, unsigned n, const struct sched *s) {
  for (unsigned i = 0; i < n; i++)
    if (sched_eq(&out[i], s)) return true;
  return false;
}

enum status db_seeds(struct db *db, struct arena *a, const struct db_key *k, struct sched *out, unsigned max,
                     unsigned *n, struct diag *d) {
  enum { ROWS = 512 };
  struct seed *seeds = ARENA_NEW(a, struct seed, ROWS);
  int rows = 0;
  struct query q;
  *n = 0;
  query_begin(&q, db, d,
              "SELECT r.sched,k.dims FROM kernel k JOIN record r ON r.kernel_id=k.kernel_id JOIN target t ON "
              "t.target_id=r.target_id"
              " WHERE k.family_id=?1 AND r.objective=?3 AND r.fp=?4 AND" RANKED " AND " NEARNESS ">0 ORDER BY " NEARNESS
              " DESC," BEST_FIRST " LIMIT ?7");
  bind_target(&q, k);
  query_id(&q, 1, k->family_id);
  query_int(&q, 7, ROWS);
  while (rows < ROWS && query_row(&q)) {
    const char *text = column_text(&q, 0);
    if (sched_parse_canon(text, strlen(text), &seeds[rows].s) != ST_OK) continue; /* of several groups: no seed */
    seeds[rows].far = distance(k->dims, column_text(&q, 1));
    seeds[rows].rank = rows;
    rows++;
  }
  enum status st = query_end(&q);
  if (st != ST_OK) return st;
  qsort(seeds, (size_t)rows, sizeof *seeds, by_distance);
  for (int i = 0; i < rows && *n < max; i++)
    if (!known(out, *n, &seeds[i].s)) out[(*n)++] = seeds[i].s;
  return ST_OK;
}
