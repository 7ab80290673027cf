/* Every FILE.hone given is refused with exactly the messages of FILE.expect, in the folder where the test runs.
 * HONE_BLESS=1 rewrites them. */
#include "ir/group.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool slurp(const char *path, struct buf *out) {
  char chunk[4096];
  size_t n;
  FILE *f = fopen(path, "rb");
  if (!f) return false;
  while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) buf_write(out, chunk, n);
  return fclose(f) == 0;
}

static void refuse(const char *path, const struct buf *text, struct buf *out) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct kernels ks;
  uint16_t file = diag_file(d, path, text->data, text->len);
  enum status st = kernels_parse(a, d, file, text->data, text->len, &ks);
  diag_print(d, out, false);
  buf_printf(out, "status %d\n", st);
  diag_free(d);
  arena_free(a);
}

static bool check(const char *path) {
  struct buf text, got, want;
  char expect[300];
  snprintf(expect, sizeof expect, "%.*s.expect", (int)(strlen(path) - strlen(".hone")), path);
  buf_init(&text);
  buf_init(&got);
  buf_init(&want);
  bool ok = slurp(path, &text);
  refuse(path, &text, &got);
  if (getenv("HONE_BLESS")) {
    FILE *f = fopen(expect, "wb");
    ok = f && fwrite(got.data, 1, got.len, f) == got.len && fclose(f) == 0;
  } else {
    ok = ok && slurp(expect, &want) && want.len == got.len && !memcmp(want.data, got.data, got.len);
  }
  ok = ok && strstr(got.data, "error:") && strstr(got.data, "status 1");
  printf("%s - %s\n", ok ? "ok" : "not ok", path);
  if (!ok) printf("# got:\n%s# expected:\n%s", got.data, want.data ? want.data : "");
  buf_free(&text);
  buf_free(&got);
  buf_free(&want);
  return ok;
}

int main(int argc, char **argv) {
  int bad = argc < 2;
  printf("1..%d\n", argc - 1);
  for (int i = 1; i < argc; i++) bad += !check(argv[i]);
  return bad != 0;
}
