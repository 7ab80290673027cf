/* hone targets: what can be compiled for here. */
#include "compiler/cli/commands.h"

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  (void)d;
  target_list(out, o->json);
  return ST_OK;
}

const struct command command_targets = {"targets", "what this machine can compile for, and run", "usage: hone targets [--json]\n", run};
