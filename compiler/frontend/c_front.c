/* The frontend for C. In the child: parse with libclang, pass its diagnostics on, lower each external function. In the
 * parent: read the frames. */
#include "compiler/frontend/c_lower.h"
#include "compiler/frontend/c_out.h"
#include "compiler/frontend/frontend.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- in the child --- */

enum { MAX_WALKS = 6 };

/* One walk over fn. is_dim: which parameters may be dims, NULL: all integers. */
static struct lfunc *walk(struct cx *x, CXCursor fn, bool *is_dim, const bool *used, const bool *written) {
  struct clist top = {0};
  CXCursor body = fn;
  x->f = NULL;
  x->k = NULL;
  x->nvar = x->capvar = x->refs = 0;
  x->var = NULL;
  x->depth = x->inlined = x->loops = x->ret_loops = x->twice = x->stack = x->emitted = 0;
  x->ret_local = x->ret_struct = x->done = -1;
  x->stop = STOP_NONE;
  x->used = used;
  x->written = written;
  x->nstatic = 0;
  x->table = x->entry = (struct clist){0};
  x->is_dim = is_dim;
  x->cur = &top;
  x->at = fn;
  x->loc = c_loc(x, fn);
  struct kids k = c_kids(x, fn);
  if (k.n && !x->piece) body = k.c[k.n - 1];
  x->body = body;
  c_signature(x, fn, body);
  struct rest all = {{1, &body}, 0, NULL};
  c_open_done(x, body);
  c_stmts(x, &all);
  c_leave_places(x);
  x->f->body = c_with_tables(x, loop_block(x->a, top.n, top.s));
  if (x->entry.n) {
    x->cur = &x->entry;
    c_emit(x, x->f->body);
    x->f->body = loop_block(x->a, x->entry.n, x->entry.s);
  }
  c_check_statics(x);
  return x->f;
}

/* Walks until no more symbols are wanted: a loop that counts now shows what its body needs. NULL: refused. */
static struct lfunc *first_walks(struct cx *x, CXCursor fn) {
  volatile unsigned i = 0; /* set between setjmp and longjmp */
  x->want = NULL;
  x->nwant = x->capwant = x->nuse = 0;
  x->quotients = x->again = false;
  x->rows = 0;
  x->numbers = x->nnumber = 0;
  x->no_numbers = false;
  x->nstays = x->ncell = 0;
  x->stores_known = false;
  if (setjmp(x->refused) && (i > MAX_WALKS || (x->nwant == x->nuse && !x->again)) && !c_numbers_give_up(x)) return NULL;
  for (;;) {
    x->nuse = x->nwant;
    x->again = false;
    i++;
    struct lfunc *f = walk(x, fn, NULL, NULL, NULL);
    c_stores_find(x);
    c_numbers_find(x);
    if (i > MAX_WALKS || (x->nwant == x->nuse && !x->again)) return f;
  }
}

struct lfunc *c_function(struct cx *x, CXCursor fn) {
  struct lfunc *f = first_walks(x, fn);
  if (!f || setjmp(x->refused)) return NULL;
  bool *dim = ARENA_NEW(x->a, bool, f->k->nparam + 1);
  bool *used = ARENA_NEW(x->a, bool, x->ncand + 1), *written = ARENA_NEW(x->a, bool, x->ncand + 1);
  c_dims_used(f, dim);
  for (unsigned i = 0; i < x->ncand; i++) used[i] = x->cand[i].used, written[i] = x->cand[i].written;
  walk(x, fn, dim, used, written);
  c_roles(x);
  c_drop_dead_lets(x);
  c_drop_dead_locals(x);
  return x->f;
}

static void diagnostics(struct cx *x) {
  unsigned n = x->cl->getNumDiagnostics(x->tu);
  for (unsigned i = 0; i < n; i++) {
    CXDiagnostic d = x->cl->getDiagnostic(x->tu, i);
    enum CXDiagnosticSeverity s = x->cl->getDiagnosticSeverity(d);
    CXFile f = NULL;
    unsigned line = 0, col = 0;
    x->cl->getFileLocation(x->cl->getDiagnosticLocation(d), &f, &line, &col, NULL);
    const char *flag = c_str(x, x->cl->getDiagnosticOption(d, NULL));
    if (s >= CXDiagnostic_Error) flag = "";
    if (s > CXDiagnostic_Note || (s == CXDiagnostic_Note && i))
      cout_diag(x->out,
                s >= CXDiagnostic_Error     ? DIAG_ERROR
                : s == CXDiagnostic_Warning ? DIAG_WARNING
                                            : DIAG_NOTE,
                f ? c_str(x, x->cl->getFileName(f)) : "", line, col, strncmp(flag, "-W", 2) ? NULL : flag + 2,
                c_str(x, x->cl->getDiagnosticSpelling(d)));
    x->cl->disposeDiagnostic(d);
  }
}

static void inclusion(CXFile f, CXSourceLocation *stack, unsigned n, CXClientData data) {
  struct cx *x = data;
  (void)stack, (void)n;
  const char *name = c_str(x, x->cl->getFileName(f));
  if (strcmp(name, x->main_file)) cout_frame(x->out, 'P', name, strlen(name));
}

static bool in_main_file(struct cx *x, CXCursor c) {
  CXFile f = NULL;
  x->cl->getFileLocation(x->cl->getCursorLocation(c), &f, NULL, NULL, NULL);
  return f && !strcmp(c_str(x, x->cl->getFileName(f)), x->main_file);
}

/* Is name one of the comma-separated words of only? */
static bool wanted(const char *only, const char *name) {
  size_t n = strlen(name);
  for (const char *p = only; p; p = strchr(p, ',')) {
    p += *p == ',';
    if (!strncmp(p, name, n) && (p[n] == ',' || !p[n])) return true;
  }
  return !only;
}

/* C99's inline definition: other files have the function, this one does not define it. */
static bool only_inline(struct cx *x, CXCursor c) {
  return x->cl->Cursor_isFunctionInlined(c) && x->cl->Cursor_getStorageClass(c) == CX_SC_None &&
         c_same(x, x->cl->getCanonicalCursor(c), c);
}

static bool is_definition(struct cx *x, CXCursor c) {
  if (x->cl->getCursorKind(c) != CXCursor_FunctionDecl || !x->cl->isCursorDefinition(c)) return false;
  return in_main_file(x, c) && !only_inline(x, c);
}

static bool is_external(struct cx *x, CXCursor c) {
  return x->cl->getCursorLinkage(c) == CXLinkage_External;
}

/* Objects of hone's have functions only. */
static void warn_data(struct cx *x, CXCursor c) {
  if (x->cl->getCursorKind(c) != CXCursor_VarDecl || x->cl->getCursorLinkage(c) != CXLinkage_External) return;
  if (x->cl->Cursor_getStorageClass(c) == CX_SC_Extern || !in_main_file(x, c)) return;
  struct loc at = c_loc(x, c);
  const char *name = c_str(x, x->cl->getCursorSpelling(c));
  cout_diag(x->out, DIAG_WARNING, x->main_file, at.line, at.col, "refused",
            arena_printf(x->a, "'%s' is data, which the object does not hold: --rest=cc adds it", name));
}

/* Every name of --only must have been there. */
static void check_only(struct cx *x, const char *only, const char *found) {
  for (const char *p = only; p && *p;) {
    size_t n = strcspn(p, ",");
    const char *word = arena_strndup(x->a, p, n);
    if (n && !wanted(found, word))
      cout_diag(x->out, DIAG_ERROR, x->main_file, 0, 0, NULL,
                arena_printf(x->a, "'%s' defines no function '%s'", x->main_file, word));
    p += n + (p[n] == ',');
  }
}

static void send_refused(struct cx *x, const char *name, bool rest) {
  if (rest)
    cout_diag(x->out, DIAG_WARNING, x->why_file, x->why_line, x->why_col, "refused",
              arena_printf(x->a, "'%s' is left to the C compiler: %s", name, x->why));
  else
    cout_diag(x->out, DIAG_ERROR, x->why_file, x->why_line, x->why_col, NULL, x->why);
  struct buf b;
  buf_init(&b);
  buf_printf(&b, "%s%c%u%c%u%c%s%c", name, 0, x->why_line, 0, x->why_col, 0, x->why ? x->why : "", 0);
  cout_frame(x->out, 'R', b.data, b.len);
  buf_free(&b);
}

/* With OpenMP asked for: what its lines in a function of hone's mean. */
static void note_openmp(struct cx *x, CXCursor c, const char *name) {
  static const char words[] = "#pragma omp";
  CXSourceRange all = x->cl->getCursorExtent(c);
  unsigned from = c_offset(x, x->cl->getRangeStart(all)), to = c_offset(x, x->cl->getRangeEnd(all));
  if (!x->openmp || from == UINT_MAX || to == UINT_MAX || to > x->len) return;
  const char *at = memmem(x->text + from, to > from ? to - from : 0, words, strlen(words));
  struct loc l = c_loc(x, c);
  if (at)
    cout_diag(
        x->out, DIAG_NOTE, x->main_file, l.line, l.col, NULL,
        arena_printf(x->a, "hone makes '%s': its '#pragma omp' mean nothing, --threads N gives it threads", name));
}

/* A function that only its file sees, for whom the C compiler makes the rest of the file. What is refused is just left
   to it, and so is what has few iterations, unless it is `named` by --only. */
static void local_function(struct cx *x, CXCursor c, struct kids top, const char *name, bool named) {
  struct buf b;
  buf_init(&b);
  buf_printf(&b, "%s%c", name, 0);
  bool kernel = c_static_kernel(x, c, top, &b);
  struct lfunc *f = kernel ? c_function(x, c) : NULL;
  if (!f && !x->cl->Cursor_isFunctionInlined(c)) c_loops(x, c, name);
  if (f && (named || !c_is_small(f))) {
    c_send(x->out, f);
    c_send_hidden(x);
    cout_frame(x->out, 'S', b.data, b.len);
    note_openmp(x, c, name);
  }
  buf_free(&b);
}

static void outside_function(struct cx *x, CXCursor c, const char *name, bool rest, bool named) {
  struct lfunc *f = c_function(x, c);
  if (f && rest && !named && c_is_small(f)) return;
  if (f) {
    c_send(x->out, f);
    c_send_hidden(x);
    note_openmp(x, c, name);
    return;
  }
  send_refused(x, name, rest);
  if (rest) c_loops(x, c, name);
}

/* In memory of its own: a file may have thousands. */
static void function(struct cx *x, CXCursor c, struct kids top, const char *name, bool outside, bool rest, bool named) {
  struct arena *all = x->a;
  x->a = arena_new();
  if (!outside && rest)
    local_function(x, c, top, name, named);
  else
    outside_function(x, c, name, rest, named);
  arena_free(x->a);
  x->a = all;
}

static void functions(struct cx *x, const char *only, bool rest) {
  struct kids top = c_kids(x, x->cl->getTranslationUnitCursor(x->tu));
  const char *found = "";
  unsigned n = 0;
  for (unsigned i = 0; i < top.n; i++) {
    if (!only && !rest) warn_data(x, top.c[i]);
    if (!is_definition(x, top.c[i])) continue;
    const char *name = c_str(x, x->cl->getCursorSpelling(top.c[i]));
    bool outside = is_external(x, top.c[i]);
    if (!wanted(only, name) || (!outside && !rest && !only)) continue;
    found = arena_printf(x->a, "%s%s%s", found, n++ ? "," : "", name);
    function(x, top.c[i], top, name, outside, rest, only != NULL);
  }
  check_only(x, only, found);
  if (!n && !only && !rest)
    cout_diag(x->out, DIAG_ERROR, x->main_file, 0, 0, NULL,
              arena_printf(x->a, "'%s' defines no external function (--only F takes a static one)", x->main_file));
}

static const char *parse_failure(struct cx *x, enum CXErrorCode e) {
  if (e == CXError_Crashed) return arena_printf(x->a, "libclang crashed on '%s'", x->main_file);
  return arena_printf(x->a, "libclang cannot read '%s' with these options: check -std=, --target= and the like",
                      x->main_file);
}

static enum CXErrorCode parse(struct cx *x, CXIndex index, const struct spec_input *in) {
  static const char *const ours[] = {"-x", "c", "-fbracket-depth=256", "-ferror-limit=20"};
  static const char *const lenient[] = {"-Wno-unknown-warning-option",
                                        "-Wno-error=implicit-int",
                                        "-Wno-error=implicit-function-declaration",
                                        "-Wno-error=int-conversion",
                                        "-Wno-error=incompatible-pointer-types",
                                        "-Wno-error=incompatible-function-pointer-types",
                                        "-Wno-error=return-mismatch"};
  unsigned nours = sizeof ours / sizeof *ours, nlenient = in->rest ? sizeof lenient / sizeof *lenient : 0, n = 0;
  const char **argv = ARENA_NEW(x->a, const char *, in->nflag + nours + nlenient + 1);
  for (unsigned i = 0; i < nours; i++) argv[n++] = ours[i];
  for (unsigned i = 0; i < nlenient; i++) argv[n++] = lenient[i]; /* the other compiler decides */
  for (unsigned i = 0; i < in->nflag; i++) argv[n++] = in->flag[i];
  struct CXUnsavedFile file = {x->main_file, in->text, (unsigned long)in->len};
  return x->cl->parseTranslationUnit2(index, x->main_file, argv, (int)n, &file, 1, CXTranslationUnit_KeepGoing, &x->tu);
}

void c_translate(struct cout *o, const struct spec_input *in) {
  const char *path = strcmp(in->path, "-") ? in->path : "<stdin>";
  struct cx x = {.out = o,
                 .rest = in->rest,
                 .openmp = in->openmp,
                 .loop_fuel = LOOP_FUEL,
                 .main_file = path,
                 .text = in->text,
                 .len = in->len};
  for (unsigned i = 0; i < in->nflag; i++) x.any_alias |= !strcmp(in->flag[i], "-fno-strict-aliasing");
  x.cl = clang_api_load();
  x.a = x.whole = arena_new();
  CXIndex index = x.cl->createIndex(0, 0);
  x.cl->toggleCrashRecovery(0);
  enum CXErrorCode e = parse(&x, index, in);
  if (e != CXError_Success) {
    cout_diag(o, DIAG_ERROR, x.main_file, 0, 0, NULL, parse_failure(&x, e));
  } else {
    diagnostics(&x);
    x.cl->getInclusions(x.tu, inclusion, &x);
    if (!o->errors) functions(&x, in->only, in->rest);
    x.cl->disposeTranslationUnit(x.tu);
  }
  cout_frame(o, 'E', "", 0);
  x.cl->disposeIndex(index);
  arena_free(x.a);
}

/* --- in the parent --- */
struct reader {
  struct arena *a;
  struct diag *d;
  const struct spec_input *in;
  struct spec *out;
  bool complete;
};

static uint16_t file_number(struct reader *r, const char *name) {
  const char *own = strcmp(r->in->path, "-") ? r->in->path : "<stdin>";
  if (!*name || !strcmp(name, own)) return r->in->file;
  return diag_file(r->d, name, NULL, 0);
}

/* Next NUL-terminated field of a frame. */
static const char *field(struct reader *r, const char **p, const char *end) {
  const char *stop = *p < end ? memchr(*p, 0, (size_t)(end - *p)) : NULL;
  const char *s = stop ? *p : arena_strndup(r->a, *p, *p < end ? (size_t)(end - *p) : 0);
  *p = stop ? stop + 1 : end;
  return s;
}

static void read_diag(struct reader *r, const char *p, size_t n) {
  const char *end = p + n;
  const char *sev = field(r, &p, end), *file = field(r, &p, end), *line = field(r, &p, end);
  const char *col = field(r, &p, end), *flag = field(r, &p, end), *text = field(r, &p, end);
  struct loc at = {file_number(r, file), (uint32_t)strtoul(line, NULL, 10), (uint32_t)strtoul(col, NULL, 10)};
  diag_add(r->d, (enum severity)(*sev - '0'), at, *flag ? arena_strdup(r->a, flag) : NULL, text);
}

static void read_function(struct reader *r, const char *p, size_t n) {
  struct lfunc *f = c_receive(r->a, r->d, r->in->file, p, n);
  if (!f) return;
  struct spec *o = r->out;
  struct spec_fn *all = ARENA_NEW(r->a, struct spec_fn, o->n + 1);
  if (o->n) memcpy(all, o->fn, sizeof *all * o->n);
  all[o->n].source = ARENA_NEW(r->a, struct source, 1);
  all[o->n].source->f = f;
  o->fn = all;
  o->n++;
}

static void read_refused(struct reader *r, const char *p, size_t n) {
  const char *end = p + n;
  struct spec *o = r->out;
  struct spec_refused *all = ARENA_NEW(r->a, struct spec_refused, o->nrefused + 1), *one = &all[o->nrefused];
  if (o->nrefused) memcpy(all, o->refused, sizeof *all * o->nrefused);
  one->name = arena_strdup(r->a, field(r, &p, end));
  const char *line = field(r, &p, end), *col = field(r, &p, end);
  one->loc = (struct loc){r->in->file, (uint32_t)strtoul(line, NULL, 10), (uint32_t)strtoul(col, NULL, 10)};
  one->why = arena_strdup(r->a, field(r, &p, end));
  o->refused = all;
  o->nrefused++;
}

/* The function before this frame is one that only its file sees: where `static` stands. */
static void read_static(struct reader *r, const char *p, size_t n) {
  const char *end = p + n;
  struct spec *o = r->out;
  struct spec_static *all = ARENA_NEW(r->a, struct spec_static, o->nstatic + 1), *one = &all[o->nstatic];
  if (o->nstatic) memcpy(all, o->static_, sizeof *all * o->nstatic);
  one->name = arena_strdup(r->a, field(r, &p, end));
  one->at = ARENA_NEW(r->a, size_t, n + 1);
  while (p < end && *p >= '0' && *p <= '9') {
    char *stop;
    one->at[one->n++] = strtoul(p, &stop, 10);
    p = stop + (*stop == ',');
  }
  o->static_ = all;
  o->nstatic++;
}

/* The function before this frame is a loop: where it stands, and the call of it. */
static void read_loop(struct reader *r, const char *p, size_t n) {
  const char *end = p + n;
  struct spec *o = r->out;
  if (!o->n) return;
  struct spec_loop *l = ARENA_NEW(r->a, struct spec_loop, 1);
  l->from = strtoul(field(r, &p, end), NULL, 10);
  l->to = strtoul(field(r, &p, end), NULL, 10);
  l->call = arena_strdup(r->a, field(r, &p, end));
  if (l->from <= l->to && l->to <= r->in->len) o->fn[o->n - 1].loop = l;
}

static void read_hidden(struct reader *r, const char *p, size_t n) {
  struct spec *o = r->out;
  const char *name = arena_strndup(r->a, p, n), **all = ARENA_NEW(r->a, const char *, o->nhidden + 1);
  for (unsigned i = 0; i < o->nhidden; i++)
    if (!strcmp(o->hidden[i], name)) return;
  if (o->nhidden) memcpy(all, o->hidden, sizeof *all * o->nhidden);
  all[o->nhidden++] = name;
  o->hidden = all;
}

static void read_dep(struct reader *r, const char *p, size_t n) {
  struct spec *o = r->out;
  const char **all = ARENA_NEW(r->a, const char *, o->ndep + 1);
  if (o->ndep) memcpy(all, o->dep, sizeof *all * o->ndep);
  all[o->ndep++] = arena_strndup(r->a, p, n);
  o->dep = all;
}

static void read_frames(struct reader *r, const char *p, size_t n) {
  while (n >= 5) {
    uint32_t len;
    memcpy(&len, p + 1, 4);
    if (len > n - 5) return;
    if (*p == 'D') read_diag(r, p + 5, len);
    if (*p == 'F') read_function(r, p + 5, len);
    if (*p == 'P') read_dep(r, p + 5, len);
    if (*p == 'R') read_refused(r, p + 5, len);
    if (*p == 'S') read_static(r, p + 5, len);
    if (*p == 'L') read_loop(r, p + 5, len);
    if (*p == 'V') read_hidden(r, p + 5, len);
    if (*p == 'E') r->complete = true;
    p += 5 + len;
    n -= 5 + len;
  }
}

static enum status read_child(struct reader *r, struct buf *frames) {
  int errors = diag_errors(r->d);
  enum status s = c_child(r->d, r->in, frames);
  if (s != ST_OK) return s;
  read_frames(r, frames->data, frames->len);
  if (diag_errors(r->d) > errors) return ST_REFUSED;
  if (r->complete) return ST_OK;
  diag_error(r->d, (struct loc){r->in->file, 0, 0}, "the C frontend stopped without an answer on '%s'", r->in->path);
  return ST_INTERNAL;
}

static enum status c_read(struct arena *a, struct diag *d, const struct spec_input *in, struct spec *out) {
  struct buf frames;
  struct reader r = {a, d, in, out, false};
  struct oom_guard g;
  *out = (struct spec){0};
  buf_init(&frames);
  if (!OOM_TRY(&g)) {
    buf_free(&frames);
    oom_raise();
  }
  enum status s = read_child(&r, &frames);
  oom_leave(&g);
  buf_free(&frames);
  if (s != ST_OK && !out->nrefused) out->n = 0; /* else hone check tells of the others */
  return s;
}

const struct frontend frontend_c = {"c", ".c .h", c_read};
