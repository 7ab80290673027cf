/* The command line. One table row an option; both `--name value` and `--name=value`; -I and -D also joined. */
#include "compiler/cli/options.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { FLAG, TEXT, COUNT, SECONDS, SEED, DIMS, CFLAG, CFLAG_JOINED, PREFIX, WARN, FP, MISS, COLOUR };
struct row {
  const char *name;
  enum kind kind;
  size_t at;
};
#define AT(f) offsetof(struct options, f)
static const struct row table[] = {
    {"-o", TEXT, AT(output)},
    {"--header", TEXT, AT(header)},
    {"--target", TEXT, AT(hone.target)},
    {"--cpu", TEXT, AT(hone.cpu)},
    {"--ptxas", TEXT, AT(hone.ptxas)},
    {"--db", TEXT, AT(hone.db)},
    {"--locked", FLAG, AT(hone.locked)},
    {"--cold", FLAG, AT(hone.cold)},
    {"--on-miss", MISS, 0},
    {"--only", TEXT, AT(hone.only)},
    {"--rest", TEXT, AT(hone.rest)},
    {"--compile-commands", TEXT, AT(hone.compile_commands)},
    {"-g", FLAG, AT(hone.debug)},
    {"-ffile-prefix-map=", PREFIX, 0},
    {"-fdebug-prefix-map=", PREFIX, 0},
    {"--emit", TEXT, AT(emit)},
    {"--fp", FP, 0},
    {"--threads", COUNT, AT(hone.threads)},
    {"--dims", DIMS, 0},
    {"--schedule", TEXT, AT(hone.schedule)},
    {"-MD", FLAG, AT(deps)},
    {"-MP", FLAG, AT(deps_phony)},
    {"-MF", TEXT, AT(dep_file)},
    {"-MT", TEXT, AT(dep_target)},
    {"--budget", SECONDS, AT(budget_s)},
    {"--trials", COUNT, AT(trials)},
    {"--strategy", TEXT, AT(strategy)},
    {"--seed", SEED, AT(seed)},
    {"--tune", FLAG, AT(tune)},
    {"--json", FLAG, AT(json)},
    {"-v", FLAG, AT(verbose)},
    {"--verbose", FLAG, AT(verbose)},
    {"--winners", FLAG, AT(winners)},
    {"--trust", FLAG, AT(trust)},
    {"--all", FLAG, AT(all)},
    {"--worker", TEXT, AT(worker)},
    {"--emit-bundle", TEXT, AT(bundle)},
    {"--color", COLOUR, 0},
    {"--colour", COLOUR, 0},
    {"--help", FLAG, AT(help)},
    {"-h", FLAG, AT(help)},
    {"--version", FLAG, AT(version)},
    {"-I", CFLAG_JOINED, 0},
    {"-D", CFLAG_JOINED, 0},
    {"-U", CFLAG_JOINED, 0},
    {"-isystem", CFLAG, 0},
    {"-include", CFLAG, 0},
    {"-iquote", CFLAG, 0},
    {"-idirafter", CFLAG, 0},
    {"-imacros", CFLAG, 0},
    {"-std=", CFLAG_JOINED, 0},
    {"-W", WARN, 0},
};
static const struct loc nowhere = {0};

struct cursor {
  struct arena *a;
  struct options *o;
  struct diag *d;
  char **arg;
  int n, i;
};

static enum status bad(struct cursor *c, const char *name, const char *value, const char *want) {
  diag_error(c->d, nowhere, "option %s: '%s' is not %s", name, value, want);
  return ST_USAGE;
}

static void push(struct cursor *c, const char ***list, unsigned *n, const char *s) {
  const char **grown = ARENA_NEW(c->a, const char *, *n + 1);
  if (*n) memcpy(grown, *list, *n * sizeof *grown);
  grown[(*n)++] = s;
  *list = grown;
}

static enum status number(struct cursor *c, const struct row *r, const char *v) {
  char *end;
  errno = 0;
  unsigned long long x = strtoull(v, &end, 0);
  if (*v == '-' || end == v || *end || errno) return bad(c, r->name, v, "a whole number");
  if (r->kind == SEED)
    *(uint64_t *)((char *)c->o + r->at) = x;
  else if (x == 0 || x > 1000000000)
    return bad(c, r->name, v, "a number from 1 to 1000000000");
  else
    *(unsigned *)((char *)c->o + r->at) = (unsigned)x;
  return ST_OK;
}

static enum status seconds(struct cursor *c, const struct row *r, const char *v) {
  char *end;
  double x = strtod(v, &end), unit = 1;
  if (end != v && !strcmp(end, "ms"))
    unit = 1e-3, end += 2;
  else if (end != v && (*end == 's' || *end == 'm' || *end == 'h'))
    unit = *end == 's' ? 1 : *end == 'm' ? 60 : 3600, end++;
  if (end == v || *end || !(x > 0) || x > 1e7) return bad(c, r->name, v, "a time such as 30s, 500ms, 2m or 1h");
  c->o->budget_given = true;
  *(double *)((char *)c->o + r->at) = x * unit;
  return ST_OK;
}

static enum status word(struct cursor *c, const struct row *r, const char *v) {
  if (r->kind == FP) {
    if (strcmp(v, "reassoc") && strcmp(v, "strict") && strcmp(v, "tf32") && strcmp(v, "fast"))
      return bad(c, r->name, v, "reassoc, strict, tf32 or fast");
    c->o->hone.fp = *v == 's' ? FP_STRICT : *v == 't' ? FP_TF32 : *v == 'f' ? FP_FAST : FP_REASSOC;
  } else if (r->kind == MISS) {
    if (strcmp(v, "warn") && strcmp(v, "error") && strcmp(v, "quiet"))
      return bad(c, r->name, v, "warn, error or quiet");
    c->o->hone.on_miss = *v == 'w' ? HONE_MISS_WARN : *v == 'e' ? HONE_MISS_ERROR : HONE_MISS_QUIET;
  } else {
    if (strcmp(v, "auto") && strcmp(v, "always") && strcmp(v, "never"))
      return bad(c, r->name, v, "auto, always or never");
    c->o->colour = !strcmp(v, "auto") ? COLOUR_AUTO : !strcmp(v, "always") ? COLOUR_ALWAYS : COLOUR_NEVER;
  }
  return ST_OK;
}

static enum status apply(struct cursor *c, const struct row *r, const char *v) {
  switch (r->kind) {
  case TEXT:
    *(const char **)((char *)c->o + r->at) = v;
    return ST_OK;
  case COUNT:
  case SEED:
    return number(c, r, v);
  case SECONDS:
    return seconds(c, r, v);
  case DIMS:
    push(c, &c->o->dims, &c->o->hone.ndims, v);
    return ST_OK;
  case CFLAG:
    push(c, &c->o->flags, &c->o->hone.nflag, r->name);
    push(c, &c->o->flags, &c->o->hone.nflag, v);
    return ST_OK;
  case CFLAG_JOINED:
    push(c, &c->o->flags, &c->o->hone.nflag, arena_printf(c->a, "%s%s", r->name, v));
    return ST_OK;
  case PREFIX:
    if (!strchr(v, '=')) return bad(c, r->name, v, "OLD=NEW");
    push(c, &c->o->prefixes, &c->o->hone.nprefix, v);
    return ST_OK;
  default:
    return word(c, r, v);
  }
}

/* Length of the option name that arg starts with; value: where a joined value starts, or NULL. */
static const struct row *match(const char *arg, const char **value) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const struct row *r = &table[i];
    size_t n = strlen(r->name);
    if (strncmp(arg, r->name, n) != 0) continue;
    *value = NULL;
    if ((r->kind == CFLAG_JOINED || r->kind == PREFIX || r->kind == WARN) && (arg[n] || r->kind != WARN)) {
      *value = arg[n] ? arg + n : NULL;
      return r;
    }
    if (!arg[n]) return r;
    if (arg[1] == '-' && arg[n] == '=' && r->kind != FLAG) {
      *value = arg + n + 1;
      return r;
    }
  }
  return NULL;
}

static enum status option(struct cursor *c, const char *arg) {
  const char *value;
  const struct row *r = match(arg, &value);
  if (!r || (r->kind == WARN && !value)) {
    diag_error(c->d, nowhere, "unknown option '%s' (hone --help lists them)", arg);
    return ST_USAGE;
  }
  if (r->kind == FLAG) {
    *(bool *)((char *)c->o + r->at) = true;
    return ST_OK;
  }
  if (r->kind == WARN) {
    if (diag_warning_option(c->d, value) || !strcmp(value, "all") || !strcmp(value, "extra")) return ST_OK;
    diag_error(c->d, nowhere, "unknown warning option '%s'", arg);
    return ST_USAGE;
  }
  if (!value) {
    if (c->i >= c->n) {
      diag_error(c->d, nowhere, "option %s needs a value", r->name);
      return ST_USAGE;
    }
    value = c->arg[c->i++];
  }
  return apply(c, r, value);
}

/* @file: words separated by white space, quotes and backslash as in gcc. */
static bool next_word(struct arena *a, char **p, char **out) {
  char *s = *p;
  while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') s++;
  if (!*s) return false;
  char *w = arena_alloc(a, strlen(s) + 1), *q = w, quote = 0;
  for (; *s && (quote || !strchr(" \t\n\r", *s)); s++) {
    if (*s == '\\' && s[1])
      *q++ = *++s;
    else if (quote && *s == quote)
      quote = 0;
    else if (!quote && (*s == '"' || *s == '\''))
      quote = *s;
    else
      *q++ = *s;
  }
  *out = w;
  *p = s;
  return true;
}

static enum status parse_words(struct arena *a, char **arg, int n, struct options *o, struct diag *d, int depth);

static enum status response_file(struct cursor *c, const char *path, int depth) {
  int fd = depth < 8 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) {
    diag_error(c->d, nowhere, depth < 8 ? "cannot open '@%s': %s" : "'@%s' nests too deeply%s", path,
               depth < 8 ? strerror(errno) : "");
    return ST_USAGE;
  }
  enum { MAX_BYTES = 1 << 20, MAX_WORDS = 4096 };
  char *text = arena_alloc(c->a, MAX_BYTES + 1), *p = text, *w, **words = ARENA_NEW(c->a, char *, MAX_WORDS);
  size_t len = 0;
  ssize_t got;
  while (len < MAX_BYTES && (got = read(fd, text + len, MAX_BYTES - len)) > 0) len += (size_t)got;
  close(fd);
  int n = 0;
  bool fits = len < MAX_BYTES;
  while (fits && next_word(c->a, &p, &w)) {
    if (n < MAX_WORDS)
      words[n++] = w;
    else
      fits = false;
  }
  if (!fits) {
    diag_error(c->d, nowhere, "'@%s' is larger than %d bytes or %d words", path, MAX_BYTES, MAX_WORDS);
    return ST_USAGE;
  }
  return parse_words(c->a, words, n, c->o, c->d, depth + 1);
}

static enum status parse_words(struct arena *a, char **arg, int n, struct options *o, struct diag *d, int depth) {
  struct cursor c = {a, o, d, arg, n, 0};
  bool operands = false;
  enum status st = ST_OK;
  while (c.i < n && st == ST_OK) {
    char *w = arg[c.i++];
    if (!operands && !strcmp(w, "--"))
      operands = true;
    else if (!operands && w[0] == '@' && w[1])
      st = response_file(&c, w + 1, depth);
    else if (!operands && w[0] == '-' && w[1])
      st = option(&c, w);
    else if (!o->command)
      o->command = w;
    else
      push(&c, &o->spec, &o->nspec, w);
  }
  return st;
}

enum status options_parse(struct arena *a, int argc, char **argv, struct options *o, struct diag *d) {
  memset(o, 0, sizeof *o);
  o->seed = 1;
  o->hone.threads = 1;
  enum status st = parse_words(a, argv + 1, argc - 1, o, d, 0);
  o->hone.flag = o->flags;
  o->hone.dims = o->dims;
  o->hone.prefix = o->prefixes;
  return st;
}

int exit_code(enum status st) {
  switch (st) {
  case ST_OK:
    return EXIT_DONE;
  case ST_USAGE:
    return EXIT_USAGE;
  case ST_UNTUNED:
    return EXIT_UNTUNED;
  case ST_INTERNAL:
    return EXIT_INTERNAL;
  case ST_ENV:
  case ST_NOMEM:
    return EXIT_ENV;
  default:
    return EXIT_REFUSED;
  }
}
