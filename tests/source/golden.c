/* What the C frontend makes of a file, word for word: SOURCE text and diagnostics, compared with NAME.expect beside
   NAME.c. Runs in the folder of the files (names in messages are as given). HONE_BLESS=1 writes the expectations
   instead; a missing one fails. In the C file: "// only: f,g" and "// flag: -DX" on the first line. Usage: golden
   [--errors] FILE.c...; with --errors every file must be refused or warned about. */
#include "compiler/frontend/frontend.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct frontend frontend_c;

static bool slurp(const char *path, struct buf *b) {
  char part[4096];
  FILE *f = fopen(path, "rb");
  buf_init(b);
  if (!f) return false;
  for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) buf_write(b, part, n);
  fclose(f);
  return true;
}

/* The rest of a first line that starts with `what`; NULL when it does not. */
static const char *option(struct arena *a, const struct buf *text, const char *what) {
  size_t n = strlen(what);
  if (!text->data || strncmp(text->data, what, n)) return NULL;
  return arena_strndup(a, text->data + n, strcspn(text->data + n, "\n"));
}

/* The frontend's answer as text. */
static enum status translate(const char *path, const struct buf *text, struct buf *out) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  const char *flag = option(a, text, "// flag: ");
  struct spec_input in = {.path = path, .text = text->data, .len = text->len, .flag = &flag, .nflag = flag ? 1 : 0};
  in.only = option(a, text, "// only: ");
  in.file = diag_file(d, path, text->data, text->len);
  struct spec s;
  enum status st = frontend_c.read(a, d, &in, &s);
  for (unsigned i = 0; st == ST_OK && i < s.n; i++) {
    lfunc_print(out, s.fn[i].source->f);
    if (!lfunc_verify(s.fn[i].source->f, d)) buf_puts(out, "does not verify\n");
  }
  diag_print(d, out, false);
  if (st != ST_OK) buf_printf(out, "status %d\n", (int)st);
  diag_free(d);
  arena_free(a);
  return st;
}

static bool check(const char *path, bool errors) {
  char expect[4096];
  struct buf text, want, got;
  buf_init(&got);
  snprintf(expect, sizeof expect, "%.*s.expect", (int)(strlen(path) - 2), path);
  bool ok = slurp(path, &text);
  if (ok) translate(path, &text, &got);
  if (ok && errors && !strstr(got.data, "error:") && !strstr(got.data, "warning:")) ok = false;
  if (getenv("HONE_BLESS")) {
    FILE *f = fopen(expect, "wb");
    if (f) fwrite(got.data, 1, got.len, f), fclose(f);
  }
  bool have = slurp(expect, &want);
  ok = ok && have && want.len == got.len && !memcmp(want.data, got.data, got.len);
  printf("%s - %s\n", ok ? "ok" : "not ok", path);
  if (!ok)
    printf("%s\nexpected in %s:\n%s\n", got.data ? got.data : "", expect,
           have && want.data ? want.data : "(no such file)");
  buf_free(&text);
  buf_free(&want);
  buf_free(&got);
  return ok;
}

int main(int argc, char **argv) {
  bool errors = argc > 1 && !strcmp(argv[1], "--errors");
  int bad = argc < 2 + errors;
  for (int i = 1 + errors; i < argc; i++) bad += !check(argv[i], errors);
  return bad ? 1 : 0;
}
