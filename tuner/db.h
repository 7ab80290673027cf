/* The tuning database: SQLite, one file, all SQL in tuner/db*.c. Records are immutable, a merge is a set union, the winner is a query. */
#ifndef HONE_TUNER_DB_H
#define HONE_TUNER_DB_H
#include "ir/sched.h"
#include "codegen/target/target.h"

struct db;
enum db_mode { DB_READONLY, DB_READWRITE };     /* READWRITE creates a missing file and its folder */
/* Clear errors (diagnosed, ST_ENV) for a corrupt, foreign, newer, unreadable or read-only file; never overwrites one. Writing on a network file system is
   refused (locks do not work there) unless $HONE_DB_FORCE is set. DB_READONLY changes nothing, but for rolling back what a killed writer left. */
enum status db_open(const char *path, enum db_mode mode, struct db **out, struct diag *d);
void db_close(struct db *db);          /* NULL is fine */
bool db_exists(const char *path);
/* --db, else $HONE_DB, else $XDG_DATA_HOME/hone/tune.db, else ~/.local/share/hone/tune.db. "" when there is no home. */
const char *db_default_path(struct arena *a, const char *option);

struct db_key {                     /* of one group on one target at one set of extents */
  uint8_t kernel_id[32], family_id[32], target_id[32];
  const char *name, *ir;            /* for people: the group's text with constant dims */
  const char *dims;                 /* "M=1024,N=1024" */
  const struct target *target;
  const char *objective;            /* "time/1t/warm" */
  const char *fp;                   /* "reassoc", "strict", "tf32" or "fast" */
};
/* Built by key_make (tuner/key.h). The database itself only stores and compares these fields; target_id = SHA-256 over isa, silicon and class. */
struct db_record {
  uint8_t id[32], run_id[32];
  const char *sched;                /* canonical text (sched_print_canon) */
  const char *status;               /* ok wrong crash timeout oom compile */
  int stage;                        /* 0 screened, 1 raced, 2 final */
  int64_t n, min_ps, q20_ps, med_ps, q80_ps, rel_ppm, rel_lo_ppm, rel_hi_ppm;  /* -1: NULL */
  const char *verify;               /* JSON */
  bool trusted;                     /* passed the check on this machine: recorded here, or db_trust said so. Others never win */
};
enum status db_begin_run(struct db *db, const char *tool, const char *env_json, uint8_t run_id[32], struct diag *d);
enum status db_inflight(struct db *db, const struct db_key *k, const char *sched, int *tries, struct diag *d); /* marks; *tries: times it was already found there */
enum status db_add(struct db *db, const struct db_key *k, struct db_record *r, struct diag *d);                /* computes id, clears inflight; one transaction */
/* db_inflight and db_add between them are one transaction: one wait for the disk. Others cannot write meanwhile, so nothing slow may stand between. st: what became
   of the calls; when it is not ST_OK all of them are undone. */
enum status db_together_begin(struct db *db, struct diag *d);
enum status db_together_end(struct db *db, struct diag *d, enum status st);
struct db_records { unsigned n; struct db_record *r; };
enum status db_records(struct db *db, struct arena *a, const struct db_key *k, struct db_records *out, struct diag *d);
enum match { MATCH_NONE, MATCH_FAMILY, MATCH_CLASS, MATCH_SILICON, MATCH_EXACT };
/* Winner for k, nearest first: exact, same silicon, same class. MATCH_NONE: nothing. */
enum status db_winner(struct db *db, struct arena *a, const struct db_key *k, struct db_record *out, enum match *how, struct diag *d);
/* Extents for which winners exist in k's family on this target, for choosing the variants of an object: dims texts, at most max, best first. */
enum status db_tuned_dims(struct db *db, struct arena *a, const struct db_key *k, const char **dims, unsigned max, unsigned *n, struct diag *d);
/* Best schedules of the nearest keys of the same family and target, as seeds. */
enum status db_seeds(struct db *db, struct arena *a, const struct db_key *k, struct sched *out, unsigned max, unsigned *n, struct diag *d);
enum status db_list(struct db *db, struct buf *out, bool json, struct diag *d);
enum status db_show(struct db *db, const char *id_prefix, struct buf *out, bool json, struct diag *d);
enum status db_export(struct db *db, struct buf *out, bool winners_only, struct diag *d);          /* sorted JSON Lines */
enum status db_import(struct db *db, const char *name, const char *text, size_t len, unsigned *added, struct diag *d); /* one transaction, all or nothing */
enum status db_import_trusted(struct db *db, const char *name, const char *text, size_t len, unsigned *added, struct diag *d); /* its records may win without a check here */
enum status db_merge(struct db *db, const char *other_path, unsigned *added, struct diag *d);
enum status db_verify(struct db *db, struct diag *d, unsigned *bad);                               /* integrity, ids, references */
/* Imported records may not win until they passed the check on this machine; db_trust records that one did, or did not (then it is not offered again). */
enum status db_trust(struct db *db, const uint8_t record_id[32], bool ok, struct diag *d);
/* Records of k's kernel that would win or come close (at most max, best first) if they were trusted, and were not checked here yet: check, then db_trust. */
enum status db_untrusted(struct db *db, struct arena *a, const struct db_key *k, unsigned max, struct db_records *out, struct diag *d);
/* Takes a record out of the race for good, here and wherever this database is merged into. */
enum status db_revoke(struct db *db, const uint8_t record_id[32], const char *reason, const uint8_t run_id[32], struct diag *d);
/* What later runs are recorded with as their code generator ("LLVM 22.1.8"); a static string. */
void db_set_toolchain(const char *text);
void db_fail_after(long n);         /* tests: the n-th SQL step fails */
#endif
