/* What tune, bench and why share: the worker's place, the device, opening the database for writing. */
#ifndef HONE_CLI_TUNING_H
#define HONE_CLI_TUNING_H
#include "compiler/cli/commands.h"
/* hone-worker: --worker, else $HONE_WORKER, else beside this executable, else ../libexec/hone, else ../runtime (build tree). NULL: diagnosed. */
const char *tuning_worker(struct arena *a, const struct options *o, struct diag *d);
/* hone-runner, which goes into bundles. NULL: diagnosed. */
const char *tuning_runner(struct arena *a, struct diag *d);
/* Is there a CUDA device of this number? *text: what it is, in the form that target_resolve reads; else why it cannot be used. */
bool tuning_probe(struct arena *a, const struct options *o, unsigned ordinal, const char **text, struct diag *d);
/* Puts the device's description in the place of a target "cuda:N"; of several ("cuda:0,cuda:1", "cuda:all"), which only tune takes and which must be alike,
   the first one's, all of them into o->device. ST_ENV: there is none (diagnosed). */
enum status tuning_target(struct arena *a, struct options *o, struct diag *d);
enum status tuning_device(struct arena *a, const struct options *o, struct measure **out, struct diag *d);
enum status tuning_db(struct arena *a, const struct options *o, enum db_mode mode, struct db **out, struct diag *d);
#endif
