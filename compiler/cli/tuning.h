/* What tune, bench and why share: the worker's place, the device, opening the database for writing. */
#ifndef HONE_CLI_TUNING_H
#define HONE_CLI_TUNING_H
#include "compiler/cli/commands.h"
/* hone-worker: --worker, else $HONE_WORKER, else beside this executable, else ../libexec/hone, else ../runtime (build tree). NULL: diagnosed. */
const char *tuning_worker(struct arena *a, const struct options *o, struct diag *d);
enum status tuning_device(struct arena *a, const struct options *o, struct measure **out, struct diag *d);
enum status tuning_db(struct arena *a, const struct options *o, enum db_mode mode, struct db **out, struct diag *d);
#endif
