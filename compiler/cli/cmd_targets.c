/* hone targets: what can be compiled for here, what can be run here, and why not. */
#include "compiler/cli/tuning.h"
#include <string.h>

enum { MOST_DEVICES = 64 };

static void row(struct buf *out, bool json, const char *name, bool runnable, const char *text) {
  if (!json) {
    buf_printf(out, "%-25s %s  %s\n", name, runnable ? "runnable" : "not runnable", text);
    return;
  }
  buf_puts(out, ",{\"target\":");
  buf_json(out, name);
  buf_printf(out, ",\"%s\":", runnable ? "what" : "why");
  buf_json(out, text);
  buf_printf(out, ",\"host\":false,\"compilable\":%s,\"runnable\":%s}", runnable ? "true" : "false",
             runnable ? "true" : "false");
}

/* The devices of the driver, up to the first number that it has not got. */
static void devices(struct arena *a, const struct options *o, struct buf *out) {
  struct diag *quiet = diag_new();
  for (unsigned i = 0; i < MOST_DEVICES; i++) {
    const char *text = "hone-worker cannot be found";
    struct target t;
    bool there = tuning_probe(a, o, i, &text, quiet);
    if (!there && i) break;
    const char *name = arena_printf(a, "cuda:%u", i);
    bool known = there && target_resolve(a, text, NULL, &t, quiet) == ST_OK;
    if (there && !known) text = arena_printf(a, "an architecture that hone has no code for: %s", text);
    row(out, o->json, name, known, known ? arena_printf(a, "%s: %s", t.cpu, t.silicon) : text);
  }
  diag_free(quiet);
}

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  struct arena *a = arena_new();
  (void)d;
  if (o->json) buf_putc(out, '[');
  target_list(out, o->json);
  row(out, o->json, "emu:sm_90a", true,
      "the emulator of a GPU architecture: results, races, counts; its times are modelled, not measured");
  devices(a, o, out);
  const char *ptxas = ptxas_find(a, o->hone.ptxas);
  if (o->json)
    buf_puts(out, "]\n");
  else
    buf_printf(out, "ptxas                     %s\n",
               ptxas ? ptxas : "not found: the driver assembles PTX when it is loaded");
  arena_free(a);
  return ST_OK;
}

const struct command command_targets = {"targets", "what can be compiled for here, what can be run, and why not",
                                        "usage: hone targets [--json]\n", run};
