/* A kernel written in C and in index notation is one kernel: for each DIR/x.c, every function raises to the same
   structural hash as the first kernel of DIR/x.hone. */
#include "compiler/frontend/frontend.h"
#include "compiler/pass/raise.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct frontend frontend_c;
static int failures;

static char *slurp(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  char *text = calloc(1, 1 << 16);
  *n = f ? fread(text, 1, (1 << 16) - 1, f) : 0;
  if (f) fclose(f);
  return text;
}

static void check(const struct kernel *want, const struct kernel *got, const char *why, const char *file) {
  uint8_t a[32], b[32];
  struct buf text;
  buf_init(&text);
  if (got) {
    kernel_hash(want, a);
    kernel_hash(got, b);
  }
  if (got && !memcmp(a, b, sizeof a)) {
    printf("ok - %s: %s\n", file, got->name);
  } else {
    kernel_print(&text, want);
    if (got) kernel_print(&text, got);
    printf("not ok - %s: %s\n%s", file, got ? "another hash" : why, text.data);
    failures++;
  }
  buf_free(&text);
}

static void check_pair(const char *dir, const char *name) {
  char c[4096], hone[4096];
  int stem = (int)strlen(name) - 2;
  size_t nc, nh;
  snprintf(c, sizeof c, "%s/%s", dir, name);
  snprintf(hone, sizeof hone, "%s/%.*s.hone", dir, stem, name);
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  char *ct = slurp(c, &nc), *ht = slurp(hone, &nh);
  struct spec_input in = {.path = c, .text = ct, .len = nc, .file = diag_file(d, c, ct, nc)};
  struct spec s = {0};
  struct kernels k = {0};
  if (frontend_c.read(a, d, &in, &s) != ST_OK || kernels_parse(a, d, diag_file(d, hone, ht, nh), ht, nh, &k) != ST_OK ||
      !k.n || !s.n) {
    struct buf b;
    buf_init(&b);
    diag_print(d, &b, false);
    printf("not ok - %s\n%s", name, b.data ? b.data : "");
    buf_free(&b);
    failures++;
  }
  for (unsigned i = 0; k.n && i < s.n; i++) {
    struct kernel *got;
    const char *why;
    struct loc at;
    pass_raise(a, s.fn[i].source, &got, d, &why, &at);
    check(k.k[0], got, why, name);
  }
  free(ct);
  free(ht);
  diag_free(d);
  arena_free(a);
}

static int c_files(const struct dirent *e) {
  size_t n = strlen(e->d_name);
  return n > 2 && !strcmp(e->d_name + n - 2, ".c");
}

int main(int argc, char **argv) {
  struct dirent **e;
  int n = argc == 2 ? scandir(argv[1], &e, c_files, alphasort) : -1;
  if (n <= 0) return 2;
  for (int i = 0; i < n; i++) check_pair(argv[1], e[i]->d_name), free(e[i]);
  free(e);
  return failures != 0;
}
