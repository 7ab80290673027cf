/* Making database records out of trials. */
#ifndef HONE_TUNER_RECORDS_H
#define HONE_TUNER_RECORDS_H
#include "tuner/stats.h"
#include "tuner/trial.h"
/* Begins a run of this program here and now: what its records refer to. */
enum status record_run(struct db *db, uint8_t run_id[32], struct diag *d);
/* Adds a record of c: sched is its canonical text, s its samples (or NULL), rel its time relative to the default schedule (or NULL). */
enum status record_trial(struct db *db, const struct db_key *key, const uint8_t run_id[32], const char *sched, const struct built *c, int stage,
                         const struct samples *s, const struct interval *rel, struct diag *d);
#endif
