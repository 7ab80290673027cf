/* Diagnostics: collected in order, printed in gcc's form. */
#include "ir/diag.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names after -W. */
static const char *const flag_name[] = {"untuned", "not-raised", "refused"};
enum { NFLAG = sizeof flag_name / sizeof *flag_name, LINE_MAX_SHOWN = 240 };

struct file {
  const char *name, *text;
  size_t len;
};
struct msg {
  uint8_t severity;
  bool as_error; /* a warning turned into an error */
  struct loc at;
  const char *flag, *text;
};
struct diag {
  struct arena *arena;
  struct file *file;
  struct msg *msg;
  int nfile, nmsg, nerror;
  bool off[NFLAG], error[NFLAG], all_errors;
};

struct diag *diag_new(void) {
  struct arena *a = arena_new();
  struct oom_guard g;
  if (OOM_TRY(&g)) {
    struct diag *d = xmalloc(sizeof *d);
    oom_leave(&g);
    d->arena = a;
    return d;
  }
  arena_free(a);
  oom_raise();
}

void diag_free(struct diag *d) {
  if (!d) return;
  arena_free(d->arena);
  free(d->file);
  free(d->msg);
  free(d);
}

/* Grown at powers of two. */
static void *grown(void *p, int n, size_t size) {
  if (n & (n - 1)) return p;
  return xrealloc(p, size * (n ? (size_t)n * 2 : 1));
}

uint16_t diag_file(struct diag *d, const char *name, const char *text, size_t len) {
  if (d->nfile == UINT16_MAX) return UINT16_MAX;
  d->file = grown(d->file, d->nfile, sizeof *d->file);
  d->file[d->nfile] =
      (struct file){arena_strdup(d->arena, name), text ? arena_strndup(d->arena, text, len) : NULL, len};
  return (uint16_t)d->nfile++;
}

const char *diag_filename(const struct diag *d, uint16_t file) {
  return file < d->nfile ? d->file[file].name : "<unknown>";
}

static int flag_find(const char *name) {
  for (int i = 0; i < NFLAG; i++)
    if (!strcmp(name, flag_name[i])) return i;
  return -1;
}

void diag_add(struct diag *d, enum severity s, struct loc at, const char *flag, const char *text) {
  int f = flag && s == DIAG_WARNING ? flag_find(flag) : -1;
  if (f >= 0 && d->off[f]) return;
  bool as_error = s == DIAG_WARNING && (f >= 0 ? d->error[f] || d->all_errors : d->all_errors);
  d->msg = grown(d->msg, d->nmsg, sizeof *d->msg);
  const char *fl = flag ? arena_strdup(d->arena, flag) : NULL;
  d->msg[d->nmsg] = (struct msg){(uint8_t)s, as_error, at, fl, arena_strdup(d->arena, text)};
  d->nmsg++;
  if (s == DIAG_ERROR || as_error) d->nerror++;
}

static void add_format(struct diag *d, enum severity s, struct loc at, const char *flag, const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  char *text = arena_alloc(d->arena, (size_t)(n < 0 ? 0 : n) + 1);
  vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, fmt, again);
  va_end(again);
  diag_add(d, s, at, flag, text);
}

void diag_error(struct diag *d, struct loc at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  add_format(d, DIAG_ERROR, at, NULL, fmt, ap);
  va_end(ap);
}

void diag_note(struct diag *d, struct loc at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  add_format(d, DIAG_NOTE, at, NULL, fmt, ap);
  va_end(ap);
}

void diag_warn(struct diag *d, struct loc at, const char *flag, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  add_format(d, DIAG_WARNING, at, flag, fmt, ap);
  va_end(ap);
}

int diag_errors(const struct diag *d) {
  return d->nerror;
}

int diag_count(const struct diag *d) {
  return d->nmsg;
}

void diag_clear(struct diag *d) {
  d->nmsg = d->nerror = 0;
}

/* The source line, and a caret under the column. Tabs are repeated so that the caret stands right at any tab width. */
static void print_line(const struct diag *d, const struct msg *m, struct buf *out, const char *on, const char *off) {
  if (m->at.file >= d->nfile || !m->at.line || !d->file[m->at.file].text) return;
  const struct file *f = &d->file[m->at.file];
  const char *p = f->text, *end = f->text + f->len;
  for (uint32_t line = 1; line < m->at.line; line++) {
    p = memchr(p, '\n', (size_t)(end - p));
    if (!p) return;
    p++;
  }
  const char *eol = memchr(p, '\n', (size_t)(end - p));
  size_t n = (size_t)((eol ? eol : end) - p), col = m->at.col ? m->at.col - 1 : 0;
  if (n && p[n - 1] == '\r') n--;
  if (n > LINE_MAX_SHOWN || !n || col > n) return;
  buf_printf(out, "%5u | ", m->at.line);
  for (size_t i = 0; i < n; i++) buf_putc(out, p[i] == '\t' || (unsigned char)p[i] >= 0x20 ? p[i] : ' ');
  buf_puts(out, "\n      | ");
  for (size_t i = 0; i < col; i++)
    if ((p[i] & 0xc0) != 0x80) buf_putc(out, p[i] == '\t' ? '\t' : ' ');
  buf_printf(out, "%s^%s\n", on, off);
}

static void print_one(const struct diag *d, const struct msg *m, struct buf *out, bool colour) {
  static const char *const word[] = {"note", "warning", "error"};
  static const char *const tint[] = {"\33[1;36m", "\33[1;35m", "\33[1;31m"};
  unsigned s = m->as_error ? DIAG_ERROR : m->severity;
  const char *on = colour ? tint[s] : "", *off = colour ? "\33[0m" : "";
  if (m->at.line) {
    buf_printf(out, "%s:%u:%u: ", diag_filename(d, m->at.file), m->at.line, m->at.col);
  } else if (m->at.file && m->at.file < d->nfile) {
    buf_printf(out, "%s: ", diag_filename(d, m->at.file));
  } else {
    buf_puts(out, "hone: ");
  }
  buf_printf(out, "%s%s:%s %s", on, word[s], off, m->text);
  if (m->flag) buf_printf(out, " [-W%s%s]", m->as_error ? "error=" : "", m->flag);
  buf_putc(out, '\n');
  print_line(d, m, out, on, off);
}

void diag_print(const struct diag *d, struct buf *out, bool colour) {
  for (int i = 0; i < d->nmsg; i++) print_one(d, &d->msg[i], out, colour);
}

bool diag_warning_option(struct diag *d, const char *option) {
  bool no = !strncmp(option, "no-", 3), is_error = false;
  const char *name = no ? option + 3 : option;
  if (!strcmp(name, "error")) {
    d->all_errors = !no;
    return true;
  }
  if (!strncmp(name, "error=", 6)) {
    is_error = true;
    name += 6;
  }
  int f = flag_find(name);
  if (f < 0) return false;
  if (is_error) {
    d->error[f] = !no;
  } else {
    d->off[f] = no;
  }
  return true;
}
