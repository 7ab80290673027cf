/* What tune, bench and why share. */
#include "compiler/cli/tuning.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct loc nowhere = {0};

static const char *own_folder(struct arena *a) {
  char path[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0) return NULL;
  path[n] = '\0';
  char *slash = strrchr(path, '/');
  return slash ? arena_strndup(a, path, (size_t)(slash - path)) : NULL;
}

const char *tuning_worker(struct arena *a, const struct options *o, struct diag *d) {
  static const char *const places[] = {"hone-worker", "../libexec/hone/hone-worker", "../runtime/hone-worker"};
  const char *given = o->worker ? o->worker : getenv("HONE_WORKER"), *dir = own_folder(a);
  if (given && access(given, X_OK) == 0) return given;
  for (size_t i = 0; !given && dir && i < sizeof places / sizeof *places; i++) {
    const char *p = arena_printf(a, "%s/%s", dir, places[i]);
    if (access(p, X_OK) == 0) return p;
  }
  diag_error(d, nowhere, "cannot find hone-worker%s%s (--worker FILE names it)", given ? ": " : "", given ? given : "");
  return NULL;
}

/* Code for another machine can be compiled here, not timed. */
static enum status runs_here(struct arena *a, const struct options *o, struct diag *d) {
  struct target t;
  enum status st = target_resolve(a, o->hone.target, o->hone.cpu, &t, d);
  if (st != ST_OK || t.host) return st;
  diag_error(d, nowhere, "code for %s does not run on this machine, so it cannot be measured here", t.class_);
  if (t.limits.simt) diag_note(d, nowhere, "GPUs are compiled for (hone compile --target %s), not measured yet", t.cpu);
  return ST_ENV;
}

enum status tuning_device(struct arena *a, const struct options *o, struct measure **out, struct diag *d) {
  *out = NULL;
  enum status st = runs_here(a, o, d);
  if (st != ST_OK) return st;
  const char *worker = tuning_worker(a, o, d);
  if (!worker) return ST_ENV;
  *out = measure_cpu_open(worker, 20.0);
  if (*out) return ST_OK;
  diag_error(d, nowhere, "cannot start '%s'", worker);
  return ST_ENV;
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
