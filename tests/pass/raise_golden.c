/* Raising, as text: DIR/x.c is read by the C frontend, each function is raised, and what comes out (the kernel, or the
   reason why there is none) is compared with DIR/x.txt. HONE_BLESS=1 writes the .txt files. */
#include "compiler/frontend/frontend.h"
#include "compiler/pass/append.h"
#include "compiler/pass/chain.h"
#include "compiler/pass/lanes.h"
#include "compiler/pass/parts.h"
#include "compiler/pass/raise.h"
#include "compiler/pass/skew.h"
#include "compiler/pass/unswitch.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct frontend frontend_c;
static int failures;

static char *slurp(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  char *text = calloc(1, 1 << 20);
  *n = fread(text, 1, (1 << 20) - 1, f);
  fclose(f);
  return text;
}

static void raise_one(struct arena *a, struct diag *d, const struct spec_fn *fn, struct buf *out) {
  struct kernel *k;
  const char *why;
  struct loc at;
  bool whole = pass_raise(a, fn->source, &k, d, &why, &at) == ST_OK;
  struct lfunc *cases = !whole || unswitch_pays(fn->source->f) ? unswitch(a, fn->source->f) : NULL;
  if (cases) {
    struct raised_parts p;
    struct source s = *fn->source;
    s.f = cases;
    buf_printf(out, "%s: a loop for each case\n", cases->name);
    pass_parts(a, &s, d, &p);
    if (!lfunc_verify(cases, d)) buf_puts(out, "does not verify\n");
    lfunc_print(out, cases);
  } else if (whole) {
    kernel_print(out, k);
    if (!kernel_verify(k, d)) buf_puts(out, "does not verify\n");
  } else {
    struct raised_parts p;
    struct buf was, is;
    buf_init(&was);
    buf_init(&is);
    buf_printf(out, "%s: %u:%u: %s\n", fn->source->f->name, at.line, at.col, why);
    lfunc_print(&was, fn->source->f);
    pass_chain(a, fn->source);
    pass_skew(a, fn->source, 1 << 20);
    pass_lanes(a, fn->source, 64);
    pass_append(a, fn->source);
    lfunc_print(&is, fn->source->f);
    bool changed = strcmp(was.data, is.data) != 0;
    pass_parts(a, fn->source, d, &p);
    if (!lfunc_verify(fn->source->f, d)) buf_puts(out, "does not verify\n");
    if (p.n || changed) lfunc_print(out, fn->source->f);
    for (unsigned i = 0; i < p.n; i++) kernel_print(out, p.v[i].k);
    buf_free(&was);
    buf_free(&is);
  }
}

static void raise_file(const char *path, struct buf *out) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  size_t n = 0;
  char *text = slurp(path, &n);
  struct spec_input in = {.path = path, .text = text, .len = n, .file = diag_file(d, path, text, n)};
  struct spec s = {0};
  if (frontend_c.read(a, d, &in, &s) != ST_OK) buf_puts(out, "not read\n");
  for (unsigned i = 0; i < s.n; i++) raise_one(a, d, &s.fn[i], out);
  if (diag_errors(d)) diag_print(d, out, false);
  free(text);
  diag_free(d);
  arena_free(a);
}

static void compare(const char *name, const char *want_path, const struct buf *got) {
  size_t n = 0;
  char *want = slurp(want_path, &n);
  if (getenv("HONE_BLESS")) {
    FILE *f = fopen(want_path, "wb");
    if (f) fwrite(got->data, 1, got->len, f), fclose(f);
    printf("ok - %s (written)\n", name);
  } else if (want && n == got->len && !memcmp(want, got->data, n)) {
    printf("ok - %s\n", name);
  } else {
    printf("not ok - %s\n--- got\n%s--- want\n%s", name, got->data, want ? want : "(no file)\n");
    failures++;
  }
  free(want);
}

static int c_files(const struct dirent *e) {
  size_t n = strlen(e->d_name);
  return n > 2 && !strcmp(e->d_name + n - 2, ".c");
}

int main(int argc, char **argv) {
  struct dirent **e;
  int n = argc == 2 ? scandir(argv[1], &e, c_files, alphasort) : -1;
  if (n <= 0) return 2;
  for (int i = 0; i < n; i++) {
    char c[4096], txt[4096];
    struct buf out;
    buf_init(&out);
    snprintf(c, sizeof c, "%s/%s", argv[1], e[i]->d_name);
    snprintf(txt, sizeof txt, "%s/%.*s.txt", argv[1], (int)strlen(e[i]->d_name) - 2, e[i]->d_name);
    raise_file(c, &out);
    compare(e[i]->d_name, txt, &out);
    buf_free(&out);
    free(e[i]);
  }
  free(e);
  return failures != 0;
}
