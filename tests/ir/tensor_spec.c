/* The examples of docs/spec.md are parsed: what stands between ```hone and ``` is a text of the language. Argument: the
 * page. */
#include "ir/tensor.h"
#include <stdio.h>
#include <string.h>

static bool slurp(const char *path, struct buf *out) {
  char chunk[4096];
  size_t n;
  FILE *f = fopen(path, "rb");
  if (!f) return false;
  while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) buf_write(out, chunk, n);
  return fclose(f) == 0;
}

static bool accepted(const char *text, size_t len) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct buf b;
  struct kernels ks;
  buf_init(&b);
  bool ok = kernels_parse(a, d, diag_file(d, "spec.md", text, len), text, len, &ks) == ST_OK && ks.n > 0;
  diag_print(d, &b, false);
  for (char *line = strtok(b.data, "\n"); line; line = strtok(NULL, "\n")) printf("# %s\n", line);
  buf_free(&b);
  diag_free(d);
  arena_free(a);
  return ok;
}

int main(int argc, char **argv) {
  static const char open[] = "```hone\n", close[] = "```";
  struct buf page;
  int n = 0, bad = 0;
  buf_init(&page);
  if (argc != 2 || !slurp(argv[1], &page)) return 2;
  for (const char *p = strstr(page.data, open); p; p = strstr(p, open)) {
    p += strlen(open);
    const char *end = strstr(p, close);
    bool ok = end && accepted(p, (size_t)(end - p));
    printf("%s %d - example\n", ok ? "ok" : "not ok", ++n);
    bad += !ok;
    if (!end) break;
    p = end + strlen(close);
  }
  printf("1..%d\n", n);
  buf_free(&page);
  return bad != 0 || n < 8;
}
