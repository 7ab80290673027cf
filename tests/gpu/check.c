/* gpu_check [-t|-f] [-b] [-a ARCH] [-s SCHEDULE] KERNEL.hone DIMS…: the kernel in the file, with its default schedules
   (or this one, for its one group; -t: products may round to tf32; -f: --fp fast) for a GPU, symbolic (not with -b) and
   with these dims bound, on the emulator against the interpreter of equations. */
#include "tests/gpu/emulate.h"
#include "tests/lower/lower_common.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *arch;
static const char *schedule;
static bool lazy, tf32, fast;

static enum status run_emulated(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d) {
  (void)max_ops;
  if (getenv("HONE_DUMP")) {
    struct buf b;
    buf_init(&b);
    lfunc_print(&b, f);
    fputs(b.data, stderr);
    buf_free(&b);
  }
  return emulate(f, a, arch, lazy, 7, d);
}

static void gpu_limits(struct limits *lim) {
  struct target t;
  struct arena *a = arena_new();
  if (target_resolve(a, arch, NULL, &t, NULL) == ST_OK) *lim = t.limits;
  arena_free(a);
}

static int check(const char *path, const char *dims, bool fixed) {
  struct lab b;
  size_t len;
  bool skipped = false;
  const char *why = NULL;
  lab_open(&b, 64);
  b.o.threads = b.lim.cores;
  b.o.tf32 = tf32 || fast;
  b.o.fast = fast;
  char *text = lab_file(&b, path, &len);
  struct kernel *k = text ? lab_kernel(&b, text, len) : NULL;
  struct groups *gs = k ? lab_groups(&b, fixed ? lab_fixed(&b, k, dims) : k, true) : NULL;
  if (!gs) {
    why = text ? lab_messages(&b) : "cannot be read";
  } else {
    struct sched *s = ARENA_NEW(b.a, struct sched, gs->n + 1);
    bool ok = true;
    for (unsigned g = 0; g < gs->n && !schedule; g++) s[g] = sched_default(gs, g, &b.lim, &b.o);
    for (unsigned g = 0; g < gs->n && schedule; g++) ok = ok && lab_sched(&b, gs, g, schedule, &s[g]);
    why = !ok ? lab_messages(&b) : lab_check(&b, k, gs, s, dims, 1, &skipped);
    if (skipped) why = "the specification is not defined there";
  }
  if (why)
    printf("%s at %s, %s, %s dims, %s: %s\n", path, dims, arch, fixed ? "bound" : "symbolic", lazy ? "lazy" : "eager",
           why);
  lab_close(&b);
  return why != NULL;
}

int main(int argc, char **argv) {
  static const char *const archs[] = {"sm_80", "sm_90a"};
  const char *only = NULL;
  int bad = 0, n = 0, first = 0;
  if (argc > 1 && !strcmp(argv[1], "-t")) tf32 = true, argv++, argc--;
  if (argc > 1 && !strcmp(argv[1], "-f")) fast = true, argv++, argc--;
  if (argc > 1 && !strcmp(argv[1], "-b")) first = 1, argv++, argc--;
  if (argc > 2 && !strcmp(argv[1], "-a")) only = argv[2], argv += 2, argc -= 2;
  if (argc > 2 && !strcmp(argv[1], "-s")) schedule = argv[2], argv += 2, argc -= 2;
  if (argc < 3) {
    fprintf(stderr, "usage: gpu_check [-t|-f] [-b] [-a ARCH] [-s SCHEDULE] KERNEL.hone DIMS...\n");
    return 2;
  }
  lab_run = run_emulated;
  lab_limits = gpu_limits;
  for (int i = 2; i < argc; i++)
    for (int a = 0; a < (only ? 1 : 2); a++)
      for (int mode = 0; mode < 2; mode++, n++) {
        arch = only ? only : archs[a], lazy = mode != a;
        bad += check(argv[1], argv[i], mode || first);
      }
  printf("%s: %d runs, %d wrong\n", argv[1], n, bad);
  return bad != 0;
}
