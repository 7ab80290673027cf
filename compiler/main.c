/* hone: the command line. Parses options, runs one command, prints diagnostics on standard error and results on
 * standard output, sets the exit code. */
#include "compiler/cli/tuning.h"
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

volatile int cli_stop;
const char *cli_self;

static const struct command *const commands[] = {&command_compile, &command_tune, &command_check,  &command_bench,
                                                 &command_why,     &command_db,   &command_targets};

static const char help_head[] =
    "hone " HONE_VERSION ": a C function (or a few lines of index notation) in, a tuned and checked object file out\n"
    "usage: hone COMMAND [OPTIONS] SPEC…          hone COMMAND --help shows an example\n\n";
static const char help_tail[] =
    "\n  --db FILE           tuning database (else $HONE_DB, else the XDG data folder)\n"
    "  --target T --cpu C  what to generate code for (default: this machine; hone targets lists them)\n"
    "  --dims M=64,N=64    extents: what to tune for, bench at, or give a variant of its own\n"
    "  --threads N         threads that the kernel may use (default 1)\n"
    "  --fp MODE           reassoc (default), strict, tf32 or fast\n"
    "  --only F,G          these functions of a C file only\n"
    "  -g  -ffile-prefix-map=OLD=NEW        line tables for debuggers and profilers\n"
    "  --compile-commands FILE|DIR          flags of C files from a build's compile_commands.json\n"
    "  -I -D -U -isystem -include -std=     for the C preprocessor      -Wno-FLAG -Werror[=FLAG]      @FILE  more "
    "options\n"
    "  --json --color=auto|always|never --help --version\n"
    "exit codes: 0 done, 1 input refused, 2 usage, 3 nothing tuned and --on-miss=error, 4 internal error, 5 "
    "environment\n";

static void print_help(struct buf *out) {
  buf_puts(out, help_head);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    buf_printf(out, "  %-9s %s\n", commands[i]->name, commands[i]->what);
  buf_puts(out, help_tail);
}

static const struct command *find(const char *name) {
  for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++)
    if (!strcmp(commands[i]->name, name)) return commands[i];
  return NULL;
}

static enum status dispatch(struct options *o, struct buf *out, struct diag *d) {
  const struct command *c = find(o->command);
  if (o->version) {
    buf_printf(out, "hone %s (LLVM %s)\n", HONE_VERSION, emit_llvm_version());
    return ST_OK;
  }
  if (o->help && c) {
    buf_puts(out, c->help);
    return ST_OK;
  }
  if (o->help || (o->command && !strcmp(o->command, "help"))) {
    print_help(out);
    return ST_OK;
  }
  if (!o->command)
    diag_error(d, (struct loc){0}, "no command (hone --help lists them)");
  else if (!c)
    diag_error(d, (struct loc){0}, "unknown command '%s' (hone --help lists them)", o->command);
  if (!c) return ST_USAGE;
  struct arena *a = arena_new();
  enum status st = tuning_target(a, o, d);
  if (st == ST_OK && o->hone.ptxas && strcmp(o->hone.ptxas, "none") && !ptxas_find(a, o->hone.ptxas)) {
    diag_error(d, (struct loc){0}, "--ptxas: '%s' cannot be run", o->hone.ptxas);
    st = ST_USAGE;
  }
  if (st == ST_OK) st = c->run(o, out, d);
  arena_free(a);
  return st;
}

static void on_signal(int sig) {
  if (cli_stop) _exit(128 + sig); /* a second Ctrl-C does not wait */
  cli_stop = sig;
}

static void catch_signals(void) {
  struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGINT, &sa, NULL);
  sigaction(SIGTERM, &sa, NULL);
  signal(SIGPIPE, SIG_IGN);
}

static bool want_colour(const struct options *o) {
  if (o->colour != COLOUR_AUTO) return o->colour == COLOUR_ALWAYS;
  const char *no = getenv("NO_COLOR");
  return !(no && *no) && isatty(2);
}

static bool print(int fd, const struct buf *b) {
  for (size_t done = 0; done < b->len;) {
    ssize_t n = write(fd, b->data + done, b->len - done);
    if (n <= 0) return false;
    done += (size_t)n;
  }
  return true;
}

static int run(int argc, char **argv, struct arena *a, struct diag *d) {
  struct options o;
  struct buf out, err;
  buf_init(&out);
  buf_init(&err);
  enum status st = options_parse(a, argc, argv, &o, d);
  if (st == ST_OK) st = dispatch(&o, &out, d);
  if (st == ST_OK && diag_errors(d)) st = ST_REFUSED; /* -Werror */
  diag_print(d, &err, want_colour(&o));
  (void)print(2, &err);
  if (!print(1, &out) && st == ST_OK) {
    fprintf(stderr, "hone: error: cannot write to standard output\n");
    st = ST_ENV;
  }
  buf_free(&out);
  buf_free(&err);
  return exit_code(st);
}

int main(int argc, char **argv) {
  struct oom_guard g;
  cli_self = argv[0];
  catch_signals();
  if (!OOM_TRY(&g)) {
    fprintf(stderr, "hone: error: out of memory\n");
    return EXIT_ENV;
  }
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  int rc = run(argc, argv, a, d);
  diag_free(d);
  arena_free(a);
  oom_leave(&g);
  return cli_stop && rc == 0 && cli_stop != SIGINT ? 128 + cli_stop : rc;
}
