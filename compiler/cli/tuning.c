/* What tune, bench and why share. */
#include "compiler/cli/tuning.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct loc nowhere = {0};
static const double CALL_S = 20, EMULATED_CALL_S = 60; /* the longest call of a candidate */

static const char *own_folder(struct arena *a) {
  char path[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0) return NULL;
  path[n] = '\0';
  char *slash = strrchr(path, '/');
  return slash ? arena_strndup(a, path, (size_t)(slash - path)) : NULL;
}

/* The first of n places, seen from this executable, where there is a program. */
static const char *program(struct arena *a, const char *const *place, size_t n) {
  const char *dir = own_folder(a);
  for (size_t i = 0; dir && i < n; i++) {
    const char *p = arena_printf(a, "%s/%s", dir, place[i]);
    if (access(p, X_OK) == 0) return p;
  }
  return NULL;
}

const char *tuning_runner(struct arena *a, struct diag *d) {
  static const char *const places[] = {"hone-runner", "../tuner/hone-runner"};
  const char *p = program(a, places, sizeof places / sizeof *places);
  if (!p) diag_error(d, nowhere, "cannot find hone-runner beside this program");
  return p;
}

const char *tuning_worker(struct arena *a, const struct options *o, struct diag *d) {
  static const char *const places[] = {"hone-worker", "../libexec/hone/hone-worker", "../runtime/hone-worker"};
  const char *given = o->worker ? o->worker : getenv("HONE_WORKER");
  if (given && access(given, X_OK) == 0) return given;
  const char *found = given ? NULL : program(a, places, sizeof places / sizeof *places);
  if (found) return found;
  diag_error(d, nowhere, "cannot find hone-worker%s%s (--worker FILE names it)", given ? ": " : "", given ? given : "");
  return NULL;
}

bool tuning_probe(struct arena *a, const struct options *o, unsigned ordinal, const char **text, struct diag *d) {
  char said[512] = "";
  const char *worker = tuning_worker(a, o, d);
  bool there = worker && measure_probe(worker, ordinal, said, sizeof said);
  *text = arena_strdup(a, *said ? said : "hone-worker gave no answer");
  return there;
}

static enum status bad_number(const char *t, struct diag *d) {
  diag_error(d, nowhere, "'%s': a device is cuda:N with its number (hone targets lists them)", t);
  return ST_USAGE;
}

/* Device n; the first number that is none ends `all`. */
static enum status add_device(struct arena *a, struct options *o, unsigned n, bool all, struct diag *d) {
  const char *text;
  if (!tuning_probe(a, o, n, &text, d)) {
    if (all && n) return ST_OK;
    diag_error(d, nowhere, "cuda:%u cannot be used: %s", n, text);
    diag_note(d, nowhere,
              "without a GPU: hone compile --target sm_90a makes its code, hone tune --target emu:sm_90a checks and "
              "ranks by a model");
    return ST_ENV;
  }
  o->device[o->ndevice++] = text;
  return ST_OK;
}

/* Its silicon: the description without the number. */
static const char *silicon(struct arena *a, const char *text) {
  const char *at = strstr(text, ",device="), *end = at ? strchr(at + 1, ',') : NULL;
  return end ? arena_printf(a, "%.*s%s", (int)(at - text), text, end) : text;
}

/* What is measured on one is to hold for all. */
static enum status check_alike(struct arena *a, const struct options *o, struct diag *d) {
  const char *first = silicon(a, o->device[0]);
  if (o->ndevice > 1 && strcmp(o->command, "tune")) {
    diag_error(d, nowhere, "%s: several devices are for tune", o->command);
    return ST_USAGE;
  }
  for (unsigned i = 1; i < o->ndevice; i++) {
    const char *other = silicon(a, o->device[i]);
    for (unsigned j = 0; j < i; j++)
      if (!strcmp(o->device[i], o->device[j])) {
        diag_error(d, nowhere, "'%s': a device is said twice", o->hone.target);
        return ST_USAGE;
      }
    if (!strcmp(first, other)) continue;
    diag_error(d, nowhere, "the devices are not alike, so one's records do not hold for the other: %s; %s",
               o->device[0], o->device[i]);
    return ST_USAGE;
  }
  return ST_OK;
}

enum { DEVICES_MOST = 64 };

enum status tuning_target(struct arena *a, struct options *o, struct diag *d) {
  const char *t = o->hone.target, *at = t;
  enum status st = ST_OK;
  if (!t || strncmp(t, "cuda:", 5)) return ST_OK;
  o->device = ARENA_NEW(a, const char *, DEVICES_MOST);
  bool all = !strcmp(t, "cuda:all");
  for (unsigned n = 0; all && n < DEVICES_MOST && n == o->ndevice && st == ST_OK; n++)
    st = add_device(a, o, n, true, d);
  for (; !all && st == ST_OK; at++) {
    char *end = NULL;
    unsigned long n = strncmp(at, "cuda:", 5) ? 0 : strtoul(at + 5, &end, 10);
    if (!end || end == at + 5 || (*end && *end != ',') || n > 1023 || o->ndevice == DEVICES_MOST)
      return bad_number(t, d);
    st = add_device(a, o, (unsigned)n, false, d);
    at = end;
    if (!*at) break;
  }
  if (st == ST_OK) st = check_alike(a, o, d);
  if (st == ST_OK) o->hone.target = o->device[0];
  return st;
}

static enum status no_device(const struct target *t, struct diag *d) {
  diag_error(d, nowhere, "code for %s does not run on this machine, so it cannot be measured here", t->class_);
  if (t->limits.simt)
    diag_note(d, nowhere, "--target cuda:0 measures on a device, --target emu:%s on the emulator (by a model)", t->cpu);
  return ST_ENV;
}

static struct measure *open_one(const char *worker, const struct target *t) {
  struct job_device device = {.kind = t->device == DEVICE_EMULATED ? JOB_EMU : JOB_CUDA, .ordinal = t->ordinal};
  snprintf(device.arch, sizeof device.arch, "%.15s", t->cpu);
  return t->device == DEVICE_NONE
             ? measure_cpu_open(worker, CALL_S)
             : measure_gpu_open(worker, t->device == DEVICE_EMULATED ? EMULATED_CALL_S : CALL_S, &device);
}

enum status tuning_device(struct arena *a, const struct options *o, struct measure **out, struct diag *d) {
  *out = NULL;
  struct target t;
  enum status st = target_resolve(a, o->hone.target, o->hone.cpu, &t, d);
  if (st != ST_OK) return st;
  if (!t.host && t.device == DEVICE_NONE) return no_device(&t, d);
  const char *worker = tuning_worker(a, o, d);
  if (!worker) return ST_ENV;
  unsigned n = o->ndevice > 1 ? o->ndevice : 1, opened = 0;
  struct measure **of = ARENA_NEW(a, struct measure *, n);
  for (unsigned i = 0; i < n && st == ST_OK; i++) {
    if (i) st = target_resolve(a, o->device[i], o->hone.cpu, &t, d);
    if (st == ST_OK && !(of[opened] = open_one(worker, &t))) {
      diag_error(d, nowhere, "cannot start '%s'", worker);
      st = ST_ENV;
    }
    opened += st == ST_OK;
  }
  if (st == ST_OK) *out = n > 1 ? measure_many_open(of, n) : of[0];
  for (unsigned i = 0; i < opened && st != ST_OK; i++) of[i]->close(of[i]);
  return st;
}

enum status tuning_db(struct arena *a, const struct options *o, enum db_mode mode, struct db **out, struct diag *d) {
  const char *path = db_default_path(a, o->hone.db);
  *out = NULL;
  if (!*path) {
    diag_error(d, nowhere, "no place for the tuning database: set HOME, or give --db FILE");
    return ST_ENV;
  }
  if (mode == DB_READONLY && !db_exists(path)) return ST_OK;
  return db_open(path, mode, out, d);
}
