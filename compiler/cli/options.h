/* The command line: gcc's spelling where gcc has one. */
#ifndef HONE_CLI_OPTIONS_H
#define HONE_CLI_OPTIONS_H
#include "compiler/hone.h"

struct options {
  struct hone_options hone;
  const char *command;
  const char **spec;                 /* operands */
  unsigned nspec;
  const char *output, *header, *emit, *fp, *strategy, *level;
  bool deps, deps_phony, json, help, version, tune, winners, all, verbose, trust;
  const char *dep_file, *dep_target;
  double budget_s;
  bool budget_given;
  unsigned trials;
  uint64_t seed;
  const char *worker, *bundle;
  const char **device;               /* descriptions of the devices of --target cuda:0,cuda:1, the first one is hone.target; NULL: one */
  unsigned ndevice;
  enum { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER } colour;
  /* growing arrays behind the const pointers above; all in the arena given to options_parse */
  const char **flags, **dims, **prefixes;
};
/* Parses argv[1..] with @file expansion. ST_USAGE with a diagnostic for an unknown option, a missing or a bad value. */
enum status options_parse(struct arena *a, int argc, char **argv, struct options *o, struct diag *d);

/* Exit codes (docs/cli.md). */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNTUNED = 3, EXIT_INTERNAL = 4, EXIT_ENV = 5 };
int exit_code(enum status st);
#endif
