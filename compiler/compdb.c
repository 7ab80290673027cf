/* compile_commands.json: which options a file of a project is compiled with. Only those that change what C means to the
   frontend are taken (where headers are, macros, the language); the others are the compiler's own business. Relative
   directories are relative to the entry's. */
#include "compiler/compdb.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BYTES = 64 << 20, MAX_DEPTH = 32, MAX_WORDS = 4096 };
static const struct loc nowhere = {0};

/* --- JSON, as much of it as such a file may hold --- */

struct json {
  struct arena *a;
  const char *p, *end, *bad; /* bad: what is wrong at p */
};

static bool fail(struct json *j, const char *what) {
  if (!j->bad) j->bad = what;
  return false;
}

static void skip_space(struct json *j) {
  while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r')) j->p++;
}

static bool accept(struct json *j, char c) {
  skip_space(j);
  if (j->p >= j->end || *j->p != c) return false;
  j->p++;
  return true;
}

static unsigned hex4(const char *p) {
  unsigned v = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    unsigned d = c >= '0' && c <= '9'                 ? (unsigned)(c - '0')
                 : (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a') + 10
                                                      : 0x10000;
    v = v * 16 + d;
  }
  return v;
}

/* One code unit as UTF-8; halves of pairs are kept as they are: paths of this kind are bytes. */
static char *put_utf8(char *q, unsigned u) {
  if (u < 0x80) return *q++ = (char)u, q;
  if (u < 0x800) return *q++ = (char)(0xc0 | u >> 6), *q++ = (char)(0x80 | (u & 63)), q;
  return *q++ = (char)(0xe0 | u >> 12), *q++ = (char)(0x80 | (u >> 6 & 63)), *q++ = (char)(0x80 | (u & 63)), q;
}

static bool string(struct json *j, char **out) {
  if (!accept(j, '"')) return fail(j, "a string is expected");
  const char *s = j->p;
  while (s < j->end && *s != '"') s += *s == '\\' && s + 1 < j->end ? 2 : 1;
  if (s >= j->end) return fail(j, "a string does not end");
  char *q = arena_alloc(j->a, (size_t)(s - j->p) + 1);
  *out = q;
  for (; j->p < s; j->p++) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *e;
    if (*j->p != '\\') {
      *q++ = *j->p;
    } else if (*++j->p == 'u') {
      unsigned u = s - j->p >= 5 ? hex4(j->p + 1) : 0x10000;
      if (u == 0 || u > 0xffff) return fail(j, "a wrong \\u");
      q = put_utf8(q, u);
      j->p += 4;
    } else {
      e = strchr(from, *j->p);
      *q++ = e && *e ? to[e - from] : *j->p;
    }
  }
  *q = 0;
  j->p = s + 1;
  return true;
}

static bool skip_value(struct json *j, int depth) {
  char *s;
  skip_space(j);
  if (depth > MAX_DEPTH) return fail(j, "it nests too deeply");
  if (j->p < j->end && *j->p == '"') return string(j, &s);
  bool object = accept(j, '{');
  if (!object && !accept(j, '[')) {
    const char *start = j->p;
    while (j->p < j->end && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", *j->p)) j->p++;
    return j->p > start || fail(j, "a value is expected");
  }
  char close = object ? '}' : ']';
  if (accept(j, close)) return true;
  do {
    if (object && (!string(j, &s) || !(accept(j, ':') || fail(j, "':' is expected")))) return false;
    if (!skip_value(j, depth + 1)) return false;
  } while (accept(j, ','));
  return accept(j, close) || fail(j, object ? "'}' is expected" : "']' is expected");
}

struct entry {
  char *dir, *file, *command;
  char **word;
  unsigned n;
};

static bool words(struct json *j, struct entry *e) {
  if (!accept(j, '[')) return fail(j, "\"arguments\" is no array");
  e->word = ARENA_NEW(j->a, char *, MAX_WORDS);
  if (accept(j, ']')) return true;
  do {
    if (e->n == MAX_WORDS) return fail(j, "a command of more than 4096 words");
    if (!string(j, &e->word[e->n++])) return false;
  } while (accept(j, ','));
  return accept(j, ']') || fail(j, "']' is expected");
}

static bool entry(struct json *j, struct entry *e) {
  *e = (struct entry){0};
  if (!accept(j, '{')) return fail(j, "'{' is expected");
  if (accept(j, '}')) return true;
  do {
    char *key;
    if (!string(j, &key)) return false;
    if (!accept(j, ':')) return fail(j, "':' is expected");
    char **to = !strcmp(key, "directory") ? &e->dir
                : !strcmp(key, "file")    ? &e->file
                : !strcmp(key, "command") ? &e->command
                                          : NULL;
    if (!(to ? string(j, to) : !strcmp(key, "arguments") ? words(j, e) : skip_value(j, 0))) return false;
  } while (accept(j, ','));
  return accept(j, '}') || fail(j, "'}' is expected");
}

/* "command": words as a shell splits them. */
static bool split(struct json *j, struct entry *e) {
  char *p = e->command;
  if (e->word || !p) return true;
  e->word = ARENA_NEW(j->a, char *, MAX_WORDS);
  for (;;) {
    p += strspn(p, " \t\n\r");
    if (!*p) return true;
    if (e->n == MAX_WORDS) return fail(j, "a command of more than 4096 words");
    char *w = arena_alloc(j->a, strlen(p) + 1), *q = w, quote = 0;
    for (; *p && (quote || !strchr(" \t\n\r", *p)); p++) {
      if (*p == '\\' && p[1] && quote != '\'')
        *q++ = *++p;
      else if (quote && *p == quote)
        quote = 0;
      else if (!quote && (*p == '"' || *p == '\''))
        quote = *p;
      else
        *q++ = *p;
    }
    *q = 0;
    e->word[e->n++] = w;
  }
}

/* --- options --- */

/* What matters of a command. How the value stands: joined, as a word of its own, or either. PLACE: it is a path; FILE:
 * one when there is such a file. */
enum { JOINED = 1, APART = 2, PLACE = 4, FILE_IF = 8 };
static const struct option {
  const char *name;
  unsigned how; /* 0: no value */
} options[] = {
    {"-isystem", JOINED | APART | PLACE},
    {"-iquote", JOINED | APART | PLACE},
    {"-idirafter", JOINED | APART | PLACE},
    {"-isysroot", APART | PLACE},
    {"--sysroot=", JOINED | PLACE},
    {"-I", JOINED | APART | PLACE},
    {"-include", APART | FILE_IF},
    {"-imacros", APART | FILE_IF},
    {"-D", JOINED | APART},
    {"-U", JOINED | APART},
    {"--target=", JOINED},
    {"-target", APART},
    {"-std=", JOINED},
    {"-ansi", 0},
    {"-funsigned-char", 0},
    {"-fsigned-char", 0},
    {"-fshort-enums", 0},
    {"-nostdinc", 0},
    {"-m32", 0},
    {"-fms-extensions", 0},
};

static const struct option *option_of(const char *word) {
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    size_t n = strlen(options[i].name);
    if (!strncmp(word, options[i].name, n) && (word[n] ? options[i].how & JOINED : options[i].how != JOINED))
      return &options[i];
  }
  return NULL;
}

static const char *place(struct arena *a, const char *dir, const char *path) {
  return *path == '/' || *path == '=' || !dir ? path : arena_printf(a, "%s/%s", dir, path);
}

static const char *value_of(struct arena *a, const struct option *o, const char *dir, const char *value) {
  const char *there = place(a, dir, value);
  return o->how & PLACE || (o->how & FILE_IF && access(there, R_OK) == 0) ? there : value;
}

static void take(struct arena *a, const struct entry *e, const char *dir, struct compdb_flags *out) {
  out->flag = ARENA_NEW(a, const char *, e->n * 2u + 1u);
  for (unsigned i = 1; i < e->n; i++) {
    const struct option *o = option_of(e->word[i]);
    if (!o) continue;
    const char *joined = e->word[i] + strlen(o->name);
    if (!o->how) {
      out->flag[out->n++] = e->word[i];
    } else if (*joined) {
      out->flag[out->n++] = arena_printf(a, "%s%s", o->name, value_of(a, o, dir, joined));
    } else if (i + 1 < e->n) {
      out->flag[out->n++] = o->name;
      out->flag[out->n++] = value_of(a, o, dir, e->word[++i]);
    }
  }
}

/* --- the file --- */

static bool read_all(struct arena *a, const char *path, struct json *j) {
  FILE *f = fopen(path, "rb");
  if (!f) return false;
  struct buf b;
  char chunk[65536];
  size_t n;
  buf_init(&b);
  while (b.len <= MAX_BYTES && (n = fread(chunk, 1, sizeof chunk, f)) > 0) buf_write(&b, chunk, n);
  bool ok = !ferror(f);
  fclose(f);
  if (b.len > MAX_BYTES) ok = false, errno = EFBIG;
  j->a = a;
  j->p = arena_strndup(a, b.data ? b.data : "", b.len);
  j->end = j->p + b.len;
  buf_free(&b);
  return ok;
}

static bool same_file(const char *x, const char *y) {
  struct stat a, b;
  return stat(x, &a) == 0 && stat(y, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool is_dir(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Paths that are given relative to the folder one stands in stay short. */
static const char *dir_of(struct arena *a, const struct entry *e, const char *db) {
  const char *slash = strrchr(db, '/');
  const char *base = slash ? arena_strndup(a, db, (size_t)(slash - db)) : ".";
  const char *dir = e->dir && *e->dir ? place(a, base, e->dir) : base;
  return same_file(dir, ".") ? NULL : dir;
}

static enum status syntax(struct diag *d, const char *path, const struct json *j, const char *start) {
  unsigned line = 1;
  for (const char *p = start; p < j->p; p++) line += *p == '\n';
  diag_error(d, nowhere, "%s:%u: %s", path, line, j->bad);
  return ST_REFUSED;
}

enum status compdb_find(struct arena *a, struct diag *d, const char *path, const char *file, struct compdb_flags *out) {
  struct json j = {0};
  struct entry e;
  *out = (struct compdb_flags){0};
  if (is_dir(path)) path = arena_printf(a, "%s/compile_commands.json", path);
  if (!read_all(a, path, &j)) {
    diag_error(d, nowhere, "cannot read '%s': %s", path, strerror(errno));
    return ST_ENV;
  }
  out->path = path;
  const char *start = j.p;
  if (!accept(&j, '[')) fail(&j, "'[' is expected: it is an array of commands");
  bool more = !j.bad && !accept(&j, ']');
  while (more && entry(&j, &e) && split(&j, &e)) {
    const char *dir = dir_of(a, &e, path);
    if (e.file && same_file(place(a, dir, e.file), file)) {
      take(a, &e, dir, out);
      return ST_OK;
    }
    more = accept(&j, ',');
    if (!more && !accept(&j, ']')) fail(&j, "',' or ']' is expected");
  }
  if (j.bad) return syntax(d, path, &j, start);
  diag_error(d, nowhere, "'%s' has no command for '%s'", path, file);
  return ST_REFUSED;
}
