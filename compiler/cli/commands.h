/* The commands: one file each. They fill `out` (results, for standard output) and the diagnostics, and return a status. */
#ifndef HONE_CLI_COMMANDS_H
#define HONE_CLI_COMMANDS_H
#include "compiler/cli/options.h"
struct command { const char *name, *what, *help; enum status (*run)(struct options *o, struct buf *out, struct diag *d); };
extern const struct command command_compile, command_tune, command_check, command_bench, command_why, command_db, command_targets;
extern volatile int cli_stop;       /* set by SIGINT and SIGTERM */
extern const char *cli_self;        /* path of this executable */
#endif
