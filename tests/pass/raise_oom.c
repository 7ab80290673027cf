/* Raising when memory runs out: whichever allocation fails, the caller's recovery point is reached, and the next try
 * works. Usage: raise_oom FILE.c */
#include "compiler/frontend/frontend.h"
#include "compiler/pass/raise.h"
#include <stdio.h>
#include <string.h>

extern const struct frontend frontend_c;

/* True when the n-th allocation was reached and failed. */
static bool fails_at(const struct source *s, struct diag *d, long n) {
  struct arena *a = arena_new();
  struct kernel *k;
  const char *why;
  struct loc at;
  struct oom_guard g;
  volatile bool failed = true;
  oom_fail_after(n);
  if (OOM_TRY(&g)) {
    pass_raise(a, s, &k, d, &why, &at);
    oom_leave(&g);
    failed = false;
  }
  oom_fail_after(0);
  arena_free(a);
  return failed;
}

int main(int argc, char **argv) {
  static char text[1 << 16];
  FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  if (f) fclose(f);
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct spec_input in = {.path = argv[1], .text = text, .len = n, .file = diag_file(d, argv[1], text, n)};
  struct spec s = {0};
  if (!n || frontend_c.read(a, d, &in, &s) != ST_OK || !s.n) return 2;
  long failed = 0;
  for (unsigned i = 0; i < s.n; i++) {
    long at = 1;
    while (fails_at(s.fn[i].source, d, at)) at++, failed++;
  }
  printf("%ld allocations failed in turn\n", failed);
  diag_free(d);
  arena_free(a);
  return failed == 0;
}
