/* Golden text: each tests/golden/PASS/NAME.hone holds a kernel, a line "=>", and what the pass makes of it.
   HONE_BLESS=1 rewrites what comes after "=>". Folders are named after the passes to run, joined by '+'
   ("fuse+online"); "pipeline" runs them all. A folder without files fails. */
#include "tests/pass/pass_common.h"
#include "tests/suite.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const folders[] = {"simplify", "divide",   "cse",  "dce",    "inline",
                                      "narrow",   "collapse", "fuse", "online", "pipeline"};
static const char *root;

static const char *passes_of(const char *folder) {
  if (strcmp(folder, "cse") == 0) return "cse,dce";
  if (strcmp(folder, "divide") == 0) return "divide,dce";
  if (strcmp(folder, "inline") == 0) return "inline,dce";
  if (strcmp(folder, "online") == 0) return "simplify,fuse,online";
  return folder;
}

static void print_result(struct bench *b, const struct kernel *k, const char *folder, struct buf *out) {
  if (strcmp(folder, "pipeline") == 0) {
    groups_print(out, run_pipeline(b, k, false));
    return;
  }
  struct unit u = run_passes(b, k, passes_of(folder));
  if (u.level == LEVEL_GROUP)
    groups_print(out, u.gs);
  else
    kernel_print(out, u.k);
}

static void bless(const char *path, const char *text, size_t input, const struct buf *got) {
  FILE *f = fopen(path, "wb");
  ck_assert_ptr_nonnull(f);
  fwrite(text, 1, input, f);
  fputs("=>\n", f);
  fwrite(got->data, 1, got->len, f);
  ck_assert_int_eq(fclose(f), 0);
}

static void check_file(const char *folder, const char *path) {
  struct bench b;
  size_t len;
  bench_open(&b);
  char *text = read_file(b.a, path, &len);
  ck_assert_msg(text != NULL, "cannot read %s", path);
  char *mark = strstr(text, "\n=>\n");
  size_t input = mark ? (size_t)(mark - text) + 1 : len;
  struct buf out;
  buf_init(&out);
  print_result(&b, parse_kernel(&b, path, text, input), folder, &out);
  if (getenv("HONE_BLESS")) {
    bless(path, text, input, &out);
  } else {
    ck_assert_msg(mark != NULL, "%s: no expected text (HONE_BLESS=1 writes it)", path);
    ck_assert_msg(strcmp(mark + 4, out.data ? out.data : "") == 0, "%s:\nexpected\n%s\ngot\n%s", path, mark + 4,
                  out.data);
  }
  buf_free(&out);
  bench_close(&b);
}

START_TEST(golden) {
  char dir[4096];
  snprintf(dir, sizeof dir, "%s/%s", root, folders[_i]);
  DIR *d = opendir(dir);
  ck_assert_msg(d != NULL, "no folder %s", dir);
  unsigned n = 0;
  for (struct dirent *e; (e = readdir(d));) {
    char path[8192];
    size_t len = strlen(e->d_name);
    if (len < 6 || strcmp(e->d_name + len - 5, ".hone") != 0) continue;
    snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
    check_file(folders[_i], path);
    n++;
  }
  closedir(d);
  ck_assert_msg(n > 0, "%s: no goldens", dir);
}
END_TEST

int main(int argc, char **argv) {
  root = argc > 1 ? argv[1] : "tests/golden";
  Suite *s = suite_create("pass-golden");
  TCase *c = tcase_create("golden");
  tcase_add_loop_test(c, golden, 0, (int)(sizeof folders / sizeof *folders));
  suite_add_tcase(s, c);
  return suite_run(s, true);
}
