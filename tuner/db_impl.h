/* Shared by the files of the database: handle, statements, rows as structs, canonical lines. */
#ifndef HONE_TUNER_DB_IMPL_H
#define HONE_TUNER_DB_IMPL_H
#include "tuner/db.h"
#include <sqlite3.h>

enum { DB_APPLICATION = 0x686f6e65, DB_VERSION = 1, DB_ID = 32 };
struct db {
  sqlite3 *h;
  enum db_mode mode;
  bool together;               /* db_together_begin: transactions inside are part of one */
  char *path;
};

/* Statements. Bind from 1, columns from 0. Errors are remembered: check once, at query_end. */
struct query { struct db *db; sqlite3_stmt *s; struct diag *d; int rc; };
void query_begin(struct query *q, struct db *db, struct diag *d, const char *sql);
void query_id(struct query *q, int i, const uint8_t id[DB_ID]);
void query_text(struct query *q, int i, const char *s);
void query_int(struct query *q, int i, int64_t v);
void query_opt(struct query *q, int i, int64_t v);           /* negative: NULL */
bool query_row(struct query *q);                             /* false: no more, or an error */
enum status query_end(struct query *q);                      /* ST_ENV diagnosed when anything failed */
enum status query_run(struct query *q);                      /* steps to the end, then ends */
const char *column_text(struct query *q, int i);             /* "" for NULL */
int64_t column_int(struct query *q, int i);                  /* -1 for NULL */
bool column_id(struct query *q, int i, uint8_t id[DB_ID]);   /* false: not 32 bytes */
enum status db_exec(struct db *db, struct diag *d, const char *sql);
enum status db_error(struct db *db, struct diag *d, int rc); /* diagnoses the last error; ST_ENV */
enum status db_begin(struct db *db, struct diag *d);         /* a write transaction */
enum status db_end(struct db *db, struct diag *d, enum status st); /* commits when st is ST_OK, else rolls back; returns what became of it */

/* Rows as they are exchanged: kinds of lines, in the order in which they refer to each other. */
enum line_kind { LINE_HEADER, LINE_TARGET, LINE_KERNEL, LINE_RUN, LINE_RECORD, LINE_REVOKE, LINE_KINDS };
enum field {
#define FIELD(name, key, form) F_##name,
#include "tuner/db_fields.def"
#undef FIELD
  FIELD_COUNT
};
struct line {
  enum line_kind kind;
  bool has[FIELD_COUNT];
  const char *text[FIELD_COUNT];  /* strings, and ids as 64 hex digits */
  int64_t num[FIELD_COUNT];       /* integers */
};
void line_print(struct buf *out, const struct line *l, bool with_id);
/* Parses one line (no newline). Strings go to a. NULL, or what is wrong. */
const char *line_parse(struct arena *a, const char *s, size_t len, struct line *out);
/* Everything that can be said of a line alone: fields, ranges, ids that are hashes. NULL, or what is wrong. */
const char *line_check(const struct line *l);
void line_id(const struct line *l, char hex[2 * DB_ID + 1]);  /* of a record: SHA-256 of its line without the id */
void hex_of(const uint8_t id[DB_ID], char hex[2 * DB_ID + 1]);
bool hex_parse(const char *hex, uint8_t id[DB_ID]);           /* exactly 64 lower-case digits */
/* Lines of the rows of one kind; winners: only of winning records and what they refer to. fn returns false to stop. */
enum status db_each_line(struct db *db, struct diag *d, enum line_kind kind, bool winners, bool (*fn)(void *, const struct line *), void *ctx);
enum status db_insert_line(struct db *db, struct diag *d, const struct line *l, bool *added);
const char *db_this_host(void);

/* db_line.c: without a database. */
void line_text(struct line *l, enum field f, const char *s);
void line_num(struct line *l, enum field f, int64_t v);    /* negative: the field is left out */
/* A new run of this program, by this user, here and now. hex: room for the id that *out points to. */
void run_line(const char *tool, const char *toolchain, const char *env_json, uint8_t run_id[DB_ID], char hex[2 * DB_ID + 1], struct line *out);
struct record_lines { struct line kernel, target, record; char hex[5][2 * DB_ID + 1]; }; /* the lines point to hex and to the key's and the record's texts */
void record_lines(const struct db_key *k, struct db_record *r, struct record_lines *out); /* r->id is set */
#endif
