/* What people see of the database, and whether it is sound. */
#include "tuner/db_impl.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct loc nowhere = {0};

/* Listing
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

static void list_json(struct buf *out, struct query *q, const char *hex) {
  static const char *const keys[] = {"name", "dims", "class", "objective", "fp", "sched"};
  for (int i = 0; i < 6; i++) {
    buf_printf(out, "%s\"%s\":", i ? "," : "{", keys[i]);
    buf_json(out, column_text(q, i));
  }
  buf_printf(out, ",\"med_ps\":%lld,\"rel_ppm\":%lld,\"records\":%lld,\"id\":\"%s\"}\n", (long long)column_int(q, 6),
             (long long)column_int(q, 7), (long long)column_int(q, 8), hex);
}

static void list_text(struct buf *out, struct query *q, const char *hex) {
  char time[32], ratio[32];
  snprintf(time, sizeof time, "%.3f us", (double)column_int(q, 6) * 1e-6);
  snprintf(ratio, sizeof ratio, "%.3f", (double)column_int(q, 7) * 1e-6);
  buf_printf(out, "%-.12s  %-20s %-28s %-16s %-12s %-8s %14s  x%s  %lld records\n", hex, column_text(q, 0),
             column_text(q, 1), column_text(q, 2), column_text(q, 3), column_text(q, 4), time, ratio,
             (long long)column_int(q, 8));
}

enum status db_list(struct db *db, struct buf *out, bool json, struct diag *d) {
  struct query q;
  char hex[2 * DB_ID + 1];
  uint8_t id[DB_ID];
  query_begin(&q, db, d,
              "SELECT k.name,k.dims,t.class,w.objective,w.fp,w.sched,w.med_ps,w.rel_ppm,(SELECT count(*) FROM record r "
              "WHERE r.kernel_id=w.kernel_id AND r.target_id=w.target_id"
              " AND r.objective=w.objective AND r.fp=w.fp),w.record_id FROM winner w JOIN kernel k ON "
              "k.kernel_id=w.kernel_id JOIN target t ON t.target_id=w.target_id"
              " ORDER BY k.name,k.dims,t.class,w.objective,w.fp,w.record_id");
  while (query_row(&q)) {
    column_id(&q, 9, id);
    hex_of(id, hex);
    if (json)
      list_json(out, &q, hex);
    else
      list_text(out, &q, hex);
  }
  return query_end(&q);
}

/* One record
 * --------------------------------------------------------------------------------------------------------------------------------
 */

static void show_date(struct buf *out, int64_t s) {
  time_t t = (time_t)s;
  struct tm tm;
  char text[64] = "?";
  if (gmtime_r(&t, &tm)) strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
  buf_puts(out, text);
}

static void show_times(struct buf *out, struct query *q) {
  if (column_int(q, 13) >= 0)
    buf_printf(out, "time       median %.3f us, min %.3f, 20 %% %.3f, 80 %% %.3f, %lld samples\n",
               (double)column_int(q, 13) * 1e-6, (double)column_int(q, 11) * 1e-6, (double)column_int(q, 12) * 1e-6,
               (double)column_int(q, 14) * 1e-6, (long long)column_int(q, 10));
  if (column_int(q, 15) >= 0)
    buf_printf(out, "ratio      %.4f of the default schedule [%.4f … %.4f]\n", (double)column_int(q, 15) * 1e-6,
               (double)column_int(q, 16) * 1e-6, (double)column_int(q, 17) * 1e-6);
}

static void show_text(struct buf *out, struct query *q, const char *hex) {
  static const char *const stage[] = {"screened", "raced", "final"};
  int64_t at = column_int(q, 9);
  buf_printf(out,
             "record     %s\nkernel     %s %s\ntarget     %s\n           %s\nobjective  %s, %s\nschedule   %s\nstatus  "
             "   %s, %s%s%s\n",
             hex, column_text(q, 1), column_text(q, 2), column_text(q, 3), column_text(q, 4), column_text(q, 5),
             column_text(q, 6), *column_text(q, 7) ? column_text(q, 7) : "(no steps)", column_text(q, 8),
             at >= 0 && at <= 2 ? stage[at] : "?", column_int(q, 24) == 1 ? "" : ", not checked on this machine",
             *column_text(q, 25) ? ", revoked: " : "");
  if (*column_text(q, 25)) buf_printf(out, "           %s\n", column_text(q, 25));
  show_times(out, q);
  buf_printf(out, "checked    %s\nrun        %s on %s, %s%s%s, ", column_text(q, 18), column_text(q, 20),
             column_text(q, 21), column_text(q, 22), *column_text(q, 23) ? ", " : "", column_text(q, 23));
  show_date(out, column_int(q, 19));
  buf_printf(out, "\n\n%s", column_text(q, 26));
}

static bool print_if_id(void *ctx, const struct line *l) {
  struct {
    struct buf *out;
    const char *hex;
  } *c = ctx;
  if (strcmp(l->text[F_id], c->hex) != 0) return true;
  line_print(c->out, l, true);
  buf_putc(c->out, '\n');
  return false;
}

/* Range of ids that start with the digits of prefix. */
static bool prefix_range(const char *prefix, uint8_t lo[DB_ID], uint8_t hi[DB_ID]) {
  char low[2 * DB_ID + 1], high[2 * DB_ID + 1];
  size_t n = strlen(prefix);
  if (n < 4 || n > 2 * DB_ID) return false;
  memset(low, '0', 2 * DB_ID);
  memset(high, 'f', 2 * DB_ID);
  low[2 * DB_ID] = high[2 * DB_ID] = 0;
  memcpy(low, prefix, n);
  memcpy(high, prefix, n);
  return hex_parse(low, lo) && hex_parse(high, hi);
}

enum status db_show(struct db *db, const char *id_prefix, struct buf *out, bool json, struct diag *d) {
  uint8_t lo[DB_ID], hi[DB_ID], id[DB_ID];
  char hex[2 * DB_ID + 1] = "";
  unsigned count = 0;
  struct buf text;
  struct query q;
  if (!prefix_range(id_prefix, lo, hi)) {
    diag_error(d, nowhere, "'%s' is not the start of a record id (at least 4 hexadecimal digits)", id_prefix);
    return ST_USAGE;
  }
  buf_init(&text);
  query_begin(&q, db, d,
              "SELECT "
              "r.record_id,k.name,k.dims,t.class,t.silicon,r.objective,r.fp,r.sched,r.status,r.stage,r.n,r.min_ps,r."
              "q20_ps,r.med_ps,r.q80_ps,r.rel_ppm,r.rel_lo_ppm,"
              "r.rel_hi_ppm,r.verify,run.started_s,run.who,run.host,run.tool,run.toolchain,coalesce((SELECT ok FROM "
              "trust x WHERE x.record_id=r.record_id),0),"
              "(SELECT reason FROM revoke v WHERE v.record_id=r.record_id),k.ir FROM record r JOIN kernel k ON "
              "k.kernel_id=r.kernel_id JOIN target t ON t.target_id=r.target_id"
              " JOIN run ON run.run_id=r.run_id WHERE r.record_id>=? AND r.record_id<=? LIMIT 2");
  query_id(&q, 1, lo);
  query_id(&q, 2, hi);
  while (query_row(&q) && ++count == 1) {
    column_id(&q, 0, id);
    hex_of(id, hex);
    show_text(&text, &q, hex);
  }
  enum status st = query_end(&q);
  struct {
    struct buf *out;
    const char *hex;
  } line = {out, hex};
  if (st == ST_OK && count != 1) {
    diag_error(d, nowhere, count ? "several records start with '%s'" : "no record starts with '%s'", id_prefix);
    st = ST_REFUSED;
  } else if (st == ST_OK && json) {
    st = db_each_line(db, d, LINE_RECORD, false, print_if_id, &line);
  } else if (st == ST_OK) {
    buf_puts(out, text.data);
  }
  buf_free(&text);
  return st;
}

/* Verifying
 * --------------------------------------------------------------------------------------------------------------------------------
 */

struct verify {
  struct diag *d;
  unsigned bad;
};

static bool verify_line(void *ctx, const struct line *l) {
  struct verify *v = ctx;
  const char *why = line_check(l);
  if (why) {
    diag_error(v->d, nowhere, "%s %.12s: %s",
               l->kind == LINE_RECORD   ? "record"
               : l->kind == LINE_TARGET ? "target"
                                        : "row",
               l->text[F_id], why);
    v->bad++;
  }
  return true;
}

static enum status verify_pragma(struct db *db, struct verify *v, const char *sql, const char *fine) {
  struct query q;
  query_begin(&q, db, v->d, sql);
  while (query_row(&q)) {
    if (fine && !strcmp(column_text(&q, 0), fine)) continue;
    diag_error(v->d, nowhere, "database '%s': %s", db->path,
               fine ? column_text(&q, 0) : "a record refers to a row that is not there");
    v->bad++;
  }
  return query_end(&q);
}

enum status db_verify(struct db *db, struct diag *d, unsigned *bad) {
  struct verify v = {.d = d};
  enum status st = verify_pragma(db, &v, "PRAGMA integrity_check", "ok");
  if (st == ST_OK) st = verify_pragma(db, &v, "PRAGMA foreign_key_check", NULL);
  for (int kind = LINE_TARGET; kind < LINE_KINDS && st == ST_OK; kind++)
    st = db_each_line(db, d, (enum line_kind)kind, false, verify_line, &v);
  *bad = v.bad;
  return st;
}
