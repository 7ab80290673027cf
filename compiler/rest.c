/* See rest.h. The C compiler makes the whole file, with each function that hone made declared weak: so it inlines none
   of them, and where both objects are joined hone's are taken. Functions that only the file sees lose their `static`
   for this, in a copy of the file, and get it back in the object; variables that only the file sees and hone's
   functions use get a second name at the end of the copy (and none but the first in the object). Loops of functions
   that hone refused are calls of hone's functions in the copy. */
#include "compiler/rest.h"
#include "compiler/cc.h"
#include <string.h>

static const struct loc nowhere = {0};

struct command {
  struct arena *a;
  unsigned n, room;
  const char **word; /* NULL behind the last one */
};

static void add(struct command *c, const char *word) {
  if (c->n + 1 >= c->room) {
    c->room = c->room ? 2 * c->room : 64;
    const char **more = ARENA_NEW(c->a, const char *, c->room);
    if (c->n) memcpy(more, c->word, sizeof *more * c->n);
    c->word = more;
  }
  c->word[c->n++] = word;
  c->word[c->n] = NULL;
}

/* The compiler with its own options; -O2 where these do not say it. */
static void add_compiler(struct arena *a, struct command *c, const char *text) {
  bool level = false;
  for (;;) {
    text += strspn(text, " \t");
    size_t n = strcspn(text, " \t");
    if (!n) break;
    level |= n > 1 && text[0] == '-' && text[1] == 'O';
    add(c, arena_strndup(a, text, n));
    text += n;
  }
  if (!level) add(c, "-O2");
}

static void weak_names(struct buf *b, const struct spec *s) {
  buf_puts(b, "/* made by hone */\n");
  for (unsigned i = 0; i < s->n; i++)
    if (s->fn[i].source && !s->fn[i].loop) buf_printf(b, "#pragma weak %s\n", s->fn[i].source->f->k->name);
}

/* A variable by another name. `used` tells the compiler that others may change it. */
static void name_hidden(struct buf *b, const char *name) {
  buf_printf(b, "#undef %s\nstatic __typeof__(%s) %s __attribute__((used));\n", name, name, name);
  buf_printf(b, "extern __typeof__(%s) " SPEC_HIDDEN "%s __attribute__((alias(\"%s\")));\n", name, name, name);
}

static bool has_loops(const struct hone *h) {
  for (unsigned i = 0; i < h->spec.n; i++)
    if (h->spec.fn[i].loop) return true;
  return false;
}

/* text with calls where loops stand that are functions of hone's. They came in the order of the text. */
static void put_calls(const struct hone *h, struct buf *b, const char *text, size_t len) {
  size_t at = 0;
  for (unsigned i = 0; i < h->spec.n; i++) {
    const struct spec_loop *l = h->spec.fn[i].loop;
    if (!l || l->from < at || l->to > len) continue;
    buf_write(b, text + at, l->from - at);
    buf_puts(b, l->call);
    at = l->to;
  }
  buf_write(b, text + at, len - at);
}

/* The file as the C compiler is to read it: without `static` where hone made the function, and (loops) calls instead of
 * loops that hone made; all else in its place. */
static bool write_copy(const struct hone *h, const char *path, bool loops) {
  struct buf b;
  size_t len = strlen(h->text);
  char *text = arena_strndup(h->arena, h->text, len);
  for (unsigned i = 0; i < h->spec.nstatic; i++)
    for (unsigned j = 0; j < h->spec.static_[i].n; j++)
      if (h->spec.static_[i].at[j] + 6 <= len) memset(text + h->spec.static_[i].at[j], ' ', 6);
  buf_init(&b);
  buf_printf(&b, "#line 1 ");
  buf_json(&b, diag_filename(h->diag, h->file));
  buf_putc(&b, '\n');
  if (loops)
    put_calls(h, &b, text, len);
  else
    buf_write(&b, text, len);
  if (h->spec.nhidden) buf_puts(&b, "\n#undef extern\n#undef static\n");
  for (unsigned i = 0; i < h->spec.nhidden; i++) name_hidden(&b, h->spec.hidden[i]);
  bool ok = cc_write(path, &b);
  buf_free(&b);
  return ok;
}

static const char *folder_of(struct arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? arena_strndup(a, path, (size_t)(slash - path) + 1) : ".";
}

/* copy: of the file, or NULL */
static void compile_command(struct hone *h, struct command *c, const char *dir, const char *weak, const char *copy,
                            const char *out) {
  const char *source = diag_filename(h->diag, h->file);
  add_compiler(h->arena, c, h->opts.rest);
  add(c, "-w");
  add(c, "-fPIC");
  if (h->opts.debug) add(c, "-g");
  add(c, arena_printf(h->arena, "-ffile-prefix-map=%s=.", dir));
  for (unsigned i = 0; i < h->opts.nprefix; i++)
    add(c, arena_printf(h->arena, "-ffile-prefix-map=%s", h->opts.prefix[i]));
  for (unsigned i = 0; i < h->nflag; i++) add(c, h->flag[i]);
  for (unsigned i = 0; i < h->spec.n; i++) /* a name of the C library's is no weak one else */
    if (h->spec.fn[i].source) add(c, arena_printf(h->arena, "-fno-builtin-%s", h->spec.fn[i].source->f->k->name));
  add(c, "-include");
  add(c, weak);
  if (copy) {
    add(c, "-iquote");
    add(c, folder_of(h->arena, source));
  }
  add(c, "-c");
  add(c, copy ? copy : source);
  add(c, "-o");
  add(c, out);
}

static void join_command(struct hone *h, struct command *c, const char *ours, const char *theirs, const char *out) {
  add_compiler(h->arena, c, h->opts.rest);
  add(c, "-r");
  add(c, "-nostdlib");
  add(c, ours);
  add(c, theirs);
  add(c, "-o");
  add(c, out);
}

static void hide_command(struct hone *h, struct command *c, const char *object) {
  add(c, "objcopy");
  for (unsigned i = 0; i < h->spec.nstatic; i++)
    add(c, arena_printf(h->arena, "--localize-symbol=%s", h->spec.static_[i].name));
  for (unsigned i = 0; i < h->spec.nhidden; i++)
    add(c, arena_printf(h->arena, "--localize-symbol=" SPEC_HIDDEN "%s", h->spec.hidden[i]));
  for (unsigned i = 0; i < h->spec.n; i++)
    if (h->spec.fn[i].loop) add(c, arena_printf(h->arena, "--localize-symbol=%s", h->spec.fn[i].source->f->k->name));
  add(c, object);
}

static bool is_c(const char *path) {
  size_t n = strlen(path);
  return n > 2 && !strcmp(path + n - 2, ".c");
}

static enum status failed(struct hone *h, const char *what) {
  diag_error(h->diag, nowhere, "--rest: '%s' failed to %s", h->opts.rest, what);
  return ST_ENV;
}

static enum status make(struct hone *h, const char *dir, const char *const *file, struct buf *object) {
  struct command compile = {.a = h->arena}, join = {.a = h->arena}, hide = {.a = h->arena};
  bool loops = has_loops(h), any = object->len > 0;
  const char *copy = any && (h->spec.nstatic || h->spec.nhidden || loops) ? file[4] : NULL;
  struct buf weak;
  buf_init(&weak);
  weak_names(&weak, &h->spec);
  bool wrote = cc_write(file[0], &weak) && (!any || cc_write(file[1], object));
  wrote = wrote && (!copy || write_copy(h, copy, loops));
  buf_free(&weak);
  if (!wrote) {
    diag_error(h->diag, nowhere, "cannot write '%s'", dir);
    return ST_ENV;
  }
  compile_command(h, &compile, dir, file[0], copy, file[2]);
  bool made = cc_run(compile.word, loops);
  if (!made && loops) made = write_copy(h, copy, false) && cc_run(compile.word, false); /* macros may be in the way */
  if (!made) return failed(h, "compile the file");
  join_command(h, &join, file[1], file[2], file[3]);
  if (any && !cc_run(join.word, false)) return failed(h, "join two objects (-r)");
  hide_command(h, &hide, file[3]);
  if (copy && !cc_run(hide.word, false)) {
    diag_error(h->diag, nowhere, "--rest: 'objcopy' failed to make functions local that are static");
    return ST_ENV;
  }
  buf_clear(object);
  if (cc_read(file[any ? 3 : 2], object)) return ST_OK;
  return failed(h, "write an object");
}

enum status rest_join(struct hone *h, struct buf *object) {
  if (h->target.limits.simt) {
    diag_error(h->diag, nowhere, "--rest: a C compiler cannot make code for '%s'", h->target.cpu);
    return ST_USAGE;
  }
  if (!is_c(diag_filename(h->diag, h->file)) || !h->opts.rest[strspn(h->opts.rest, " \t")]) {
    diag_error(h->diag, nowhere, "--rest takes a C compiler, for a .c file");
    return ST_USAGE;
  }
  struct arena *a = h->arena;
  const char *dir = cc_folder(a);
  if (!dir) {
    diag_error(h->diag, nowhere, "--rest: cannot make a temporary folder");
    return ST_ENV;
  }
  const char *const file[] = {arena_printf(a, "%s/weak.h", dir), arena_printf(a, "%s/ours.o", dir),
                              arena_printf(a, "%s/theirs.o", dir), arena_printf(a, "%s/all.o", dir),
                              arena_printf(a, "%s/file.c", dir)};
  enum status st = make(h, dir, file, object);
  cc_folder_end(dir, file, sizeof file / sizeof *file);
  return st;
}
