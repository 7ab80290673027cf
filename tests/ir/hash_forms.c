/* The C form and the .hone form of one kernel are the same kernel: equal hashes of the equations and of the groups that
   fusion makes, so that what was tuned for one serves the other. Arguments: folders that hold NAME/NAME.c and
   NAME/NAME.hone. */
#include "compiler/frontend/frontend.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/raise.h"
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

static struct kernel *read_form(struct arena *a, struct diag *d, const char *path) {
  struct buf text;
  struct spec spec;
  const char *why = NULL;
  struct loc at;
  buf_init(&text);
  if (!slurp(path, &text)) return NULL;
  const char *copy = arena_strndup(a, text.data, text.len);
  struct spec_input in = {.path = path, .text = copy, .len = text.len, .file = diag_file(d, path, copy, text.len)};
  buf_free(&text);
  if (frontend_for(path)->read(a, d, &in, &spec) != ST_OK || spec.n != 1) return NULL;
  if (!spec.fn[0].k && pass_raise(a, spec.fn[0].source, &spec.fn[0].k, d, &why, &at) != ST_OK) return NULL;
  return spec.fn[0].k;
}

static struct groups *fused(struct arena *a, struct diag *d, struct kernel *k) {
  struct unit u = {.level = LEVEL_TENSOR, .k = k};
  return k && pass_run(a, hone_passes, hone_npasses, &u, d) == ST_OK ? u.gs : NULL;
}

static bool same_groups(const struct groups *x, const struct groups *y) {
  uint8_t hx[32], hy[32];
  if (x->n != y->n) return false;
  kernel_hash(x->k, hx);
  kernel_hash(y->k, hy);
  if (memcmp(hx, hy, 32)) return false;
  for (unsigned g = 0; g < x->n; g++) {
    group_hash(x, g, hx);
    group_hash(y, g, hy);
    if (memcmp(hx, hy, 32)) return false;
  }
  return true;
}

static void explain(struct diag *d, const struct groups *x, const struct groups *y) {
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, false);
  if (x) groups_print(&b, x);
  if (y) groups_print(&b, y);
  for (char *line = strtok(b.data, "\n"); line; line = strtok(NULL, "\n")) printf("# %s\n", line);
  buf_free(&b);
}

static bool check(const char *folder) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  const char *name = strrchr(folder, '/') ? strrchr(folder, '/') + 1 : folder;
  struct groups *x = fused(a, d, read_form(a, d, arena_printf(a, "%s/%s.c", folder, name)));
  struct groups *y = fused(a, d, read_form(a, d, arena_printf(a, "%s/%s.hone", folder, name)));
  bool ok = x && y && same_groups(x, y);
  printf("%s - %s\n", ok ? "ok" : "not ok", name);
  if (!ok) explain(d, x, y);
  diag_free(d);
  arena_free(a);
  return ok;
}

int main(int argc, char **argv) {
  int bad = argc < 2;
  printf("1..%d\n", argc - 1);
  for (int i = 1; i < argc; i++) bad += !check(argv[i]);
  return bad != 0;
}
