/* hone-runner: measures a bundle on the GPU of this machine (bundle.h). Without LLVM, libclang and SQLite; asks
   hone-worker, beside it, for everything that touches the device. */
#include "tuner/bundle.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DONE, REFUSED = 1, USAGE = 2, ENVIRONMENT = 5 };
extern const struct target_desc target_nvptx;

static const char usage[] =
    "usage: hone-runner DIR [--device N | --emulate] [--cold] [--budget SECONDS] [--json] [--worker FILE] [-o "
    "OUT.jsonl]\n"
    "Measures the bundle in DIR (hone tune --emit-bundle) on CUDA device N (default 0) and writes records that `hone "
    "db import` takes\n"
    "to OUT.jsonl (default DIR/results.hone.jsonl). --emulate: on the emulator instead; such figures are modelled.\n"
    "--cold: the L2 is swept before each call. --budget: kernels not begun by then are left out. --json: a line of "
    "JSON a kernel.\n"
    "exit codes: 0 done, 1 no bundle or a damaged one, 2 usage, 5 no GPU, or it failed\n";

struct options {
  const char *dir, *worker, *output;
  unsigned device;
  bool emulate, cold, json;
  double budget_s;
};

static bool parse(int argc, char **argv, struct options *o) {
  for (int i = 1; i < argc; i++) {
    const char *w = argv[i];
    bool more = i + 1 < argc;
    if (!strcmp(w, "--emulate"))
      o->emulate = true;
    else if (!strcmp(w, "--cold"))
      o->cold = true;
    else if (!strcmp(w, "--json"))
      o->json = true;
    else if (!strcmp(w, "--budget") && more) {
      char *end;
      o->budget_s = strtod(argv[++i], &end);
      if (*end || end == argv[i] || !(o->budget_s > 0)) return false;
    } else if (!strcmp(w, "--device") && more) {
      char *end;
      o->device = (unsigned)strtoul(argv[++i], &end, 10);
      if (*end || end == argv[i] || o->device > 1023) return false;
    } else if (!strcmp(w, "--worker") && more)
      o->worker = argv[++i];
    else if (!strcmp(w, "-o") && more)
      o->output = argv[++i];
    else if (*w == '-' || o->dir)
      return false;
    else
      o->dir = w;
  }
  return o->dir != NULL;
}

/* hone-worker: given, beside this program, or where a build has it. */
static const char *find_worker(struct arena *a, const struct options *o) {
  static const char *const places[] = {"hone-worker", "../libexec/hone/hone-worker", "../runtime/hone-worker"};
  char path[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (o->worker || n <= 0) return o->worker;
  path[n] = '\0';
  *strrchr(path, '/') = '\0';
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const char *p = arena_printf(a, "%s/%s", path, places[i]);
    if (!access(p, X_OK)) return p;
  }
  return NULL;
}

static void say(const char *line) {
  printf("%s\n", line);
  fflush(stdout);
}

/* The target that the device is, or that the bundle's architecture is on the emulator. */
static bool find_target(struct arena *a, const struct options *o, const char *arch, const char *worker,
                        struct target *t, struct diag *d) {
  char text[512] = "";
  if (o->emulate) return target_nvptx.resolve(a, arena_printf(a, "emu:%s", arch), NULL, t, d);
  if (measure_probe(worker, o->device, text, sizeof text)) return target_nvptx.resolve(a, text, NULL, t, d);
  diag_error(d, (struct loc){0}, "device %u cannot be used: %s", o->device,
             *text ? text : "hone-worker gave no answer");
  return false;
}

static bool write_all(const char *path, const struct buf *b) {
  FILE *f = fopen(path, "wbe");
  bool ok = f && fwrite(b->data, 1, b->len, f) == b->len;
  return f && !fclose(f) && ok;
}

static int measure(struct arena *a, const struct options *o, struct diag *d) {
  struct target t = {0};
  struct buf out;
  const char *worker = find_worker(a, o),
             *path = o->output ? o->output : arena_printf(a, "%s/results.hone.jsonl", o->dir);
  char arch[64];
  if (!bundle_arch(o->dir, arch, sizeof arch, d)) return REFUSED;
  if (!worker || access(worker, X_OK)) {
    diag_error(d, (struct loc){0}, "cannot find hone-worker (--worker FILE names it)");
    return ENVIRONMENT;
  }
  if (!find_target(a, o, arch, worker, &t, d)) return ENVIRONMENT;
  struct job_device device = {.kind = o->emulate ? JOB_EMU : JOB_CUDA, .ordinal = o->device};
  snprintf(device.arch, sizeof device.arch, "%.15s", t.cpu);
  struct measure *m = measure_gpu_open(worker, o->emulate ? 60 : 20, &device);
  if (!m) return ENVIRONMENT;
  if (!o->json) printf("%s%s\n", t.silicon, o->emulate ? ": MODELLED times, not measured" : "");
  struct bundle_run run = {m, &t, "hone " HONE_VERSION, t.silicon, say, o->cold, o->json, o->budget_s};
  buf_init(&out);
  enum status st = bundle_measure(o->dir, &run, &out, d);
  m->close(m);
  if (out.len && !write_all(path, &out)) {
    diag_error(d, (struct loc){0}, "cannot write '%s'", path);
    st = ST_ENV;
  } else if (out.len && !o->json) {
    printf("records: %s\n", path);
  }
  buf_free(&out);
  return st == ST_OK ? DONE : st == ST_REFUSED ? REFUSED : ENVIRONMENT;
}

int main(int argc, char **argv) {
  struct options o = {0};
  struct oom_guard g;
  struct buf err;
  if (argc == 2 && !strcmp(argv[1], "--help")) return fputs(usage, stdout), DONE;
  if (!parse(argc, argv, &o)) return fputs(usage, stderr), USAGE;
  if (!OOM_TRY(&g)) return fputs("hone-runner: out of memory\n", stderr), ENVIRONMENT;
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  int rc = measure(a, &o, d);
  buf_init(&err);
  diag_print(d, &err, false);
  if (err.len) fwrite(err.data, 1, err.len, stderr);
  buf_free(&err);
  diag_free(d);
  arena_free(a);
  oom_leave(&g);
  return rc;
}
