/* The bench program: one row, all its forms, in interleaved rounds. hone's objects, the C compilers' and the C
   libraries are called in this process, peers that only have a Python interface in a process of their own, on the same
   data (a shared file), round by round. bench_row FAMILY KERNEL DIMS [--threads N] [--rounds N] [--seconds S] [--object
   NAME=FILE]… [--panels NAME=FILE]… [--peer FILE]… [--python INTERPRETER SCRIPT PEER]… prints a JSON line a form;
   bench_row --have LIBRARY says by its exit status whether a library is there, bench_row --panel-dims KERNEL DIMS what
   the dims of the kernel are that takes its constant operand in panels. With one thread a call's time is CPU time of
   the process where that is less than the elapsed time: others on the machine do not count. */
#include "bench.h"
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROUNDS = 64, MAX_PEERS = 16 };
struct entry {
  struct form f;
  const char *version;
  struct python *py;
  unsigned py_form, calls;
  double t[MAX_ROUNDS], err;
  bool same;
};
struct bench {
  struct row row;
  const char *family, *data; /* data: the shared file */
  struct entry e[MAX_FORMS];
  unsigned n, rounds;
  double seconds; /* for all rounds of all forms together, about */
  char version[MAX_PEERS][64];
  struct python *py[MAX_PEERS];
  unsigned npy;
};

static double clock_at(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Data
 * ---------------------------------------------------------------------------------------------------------------------------------------
 */

static uint32_t next_random(void) {
  static uint32_t state = 12345;
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}
static void fill(const struct row *r, struct buffer *b) {
  for (size_t i = 0; i < b->n; i++) {
    uint32_t x = next_random();
    float f = (float)(x >> 8) / 8388608.0f - 1.0f;
    uint32_t bits;
    memcpy(&bits, &f, 4);
    switch (b->type) {
    case B_F32:
      ((float *)b->p)[i] = f;
      break;
    case B_F64:
      ((double *)b->p)[i] = (double)f;
      break;
    case B_BF16:
      ((uint16_t *)b->p)[i] = (uint16_t)(bits >> 16);
      break;
    case B_I8:
    case B_U8:
      ((uint8_t *)b->p)[i] = (uint8_t)(x >> 16);
      break;
    case B_I32:
      ((int32_t *)b->p)[i] = (int32_t)(x % (uint32_t)r->d[r->nd - 1]);
      break;
    }
  }
}
/* A file without a name that other processes may map: /proc/PID/fd/N. */
static bool make_data(struct bench *b) {
  static char path[64];
  size_t total = 0;
  for (unsigned i = 0; i < b->row.nbuf; i++) {
    b->row.buf[i].offset = total;
    total += (b->row.buf[i].n * bench_size[b->row.buf[i].type] + 8191) &
             ~(size_t)4095; /* a page between: nobody reads past, but streams may prefetch */
  }
  int fd = memfd_create("bench", 0);
  if (fd < 0 || ftruncate(fd, (off_t)total)) return false;
  char *p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (p == MAP_FAILED) return false;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
  b->data = path;
  for (unsigned i = 0; i < b->row.nbuf; i++) {
    b->row.buf[i].p = p + b->row.buf[i].offset;
    if (!b->row.buf[i].out) fill(&b->row, &b->row.buf[i]);
  }
  return true;
}

/* Forms
 * --------------------------------------------------------------------------------------------------------------------------------------
 */

/* A function whose parameters are all integers and pointers: on x86-64 each takes a register or an eightbyte of the
 * stack, so one call fits them all. */
typedef void call_fn(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                     int64_t, int64_t, int64_t, int64_t, int64_t);
struct object {
  call_fn *fn;
  int64_t a[MAX_DIMS + MAX_BUFS];
};
static void object_run(void *p) {
  const struct object *o = p;
  const int64_t *a = o->a;
  o->fn(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14], a[15]);
}
static bool add_object(struct bench *b, const struct row *r, const char *arg) {
  const char *eq = strchr(arg, '=');
  if (!eq || b->n == MAX_FORMS) return false;
  void *lib = dlopen(eq + 1, RTLD_NOW | RTLD_LOCAL);
  struct object *o = calloc(1, sizeof *o);
  void *sym = lib ? dlsym(lib, b->row.kernel) : NULL;
  if (!sym || !o) {
    fprintf(stderr, "bench: %s: %s\n", arg, lib ? "no such function" : dlerror());
    free(o);
    return false;
  }
  memcpy(&o->fn, &sym, sizeof sym);
  unsigned n = 0;
  for (unsigned i = 0; i < r->nd; i++) o->a[n++] = r->d[i];
  for (unsigned i = 0; i < r->nbuf; i++) o->a[n++] = (int64_t)(intptr_t)r->buf[i].p;
  struct entry *e = &b->e[b->n++];
  *e = (struct entry){.f = {.run = object_run, .state = o}};
  snprintf(e->f.name, sizeof e->f.name, "%.*s", (int)(eq - arg), arg);
  return true;
}

static void add_panels(struct bench *b, const char *arg) {
  static struct row laid;
  if (row_panels(&b->row, &laid) && add_object(b, &laid, arg)) b->e[b->n - 1].f.prepacked = true;
}

static void add_peer(struct bench *b, const char *path) {
  struct form f[MAX_FORMS] = {0};
  const char *version = "";
  void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL), *sym = lib ? dlsym(lib, "peer_forms") : NULL;
  peer_forms_fn *forms = NULL;
  memcpy(&forms, &sym, sizeof sym);
  if (!forms) {
    fprintf(stderr, "bench: %s: %s\n", path, dlerror());
    return;
  }
  unsigned n = forms(&b->row, f, MAX_FORMS - b->n, &version);
  for (unsigned i = 0; i < n; i++) b->e[b->n++] = (struct entry){.f = f[i], .version = version};
}

static void add_python(struct bench *b, char **arg) {
  struct form f[MAX_FORMS] = {0};
  unsigned n = 0;
  if (b->npy == MAX_PEERS) return;
  struct python *p = python_open(arg[0], arg[1], arg[2], &b->row, b->data, f, MAX_FORMS - b->n, &n, b->version[b->npy]);
  if (!p) return;
  for (unsigned i = 0; i < n; i++)
    b->e[b->n++] = (struct entry){.f = f[i], .version = b->version[b->npy], .py = p, .py_form = i};
  b->py[b->npy++] = p;
}

/* Right?
 * -------------------------------------------------------------------------------------------------------------------------------------
 */

static double value(const struct buffer *b, size_t i) {
  uint32_t bits;
  float f;
  switch (b->type) {
  case B_F32:
    return (double)((float *)b->p)[i];
  case B_F64:
    return ((double *)b->p)[i];
  case B_BF16:
    bits = (uint32_t)((uint16_t *)b->p)[i] << 16;
    memcpy(&f, &bits, 4);
    return (double)f;
  case B_I8:
    return ((int8_t *)b->p)[i];
  case B_U8:
    return ((uint8_t *)b->p)[i];
  default:
    return ((int32_t *)b->p)[i];
  }
}
/* Largest difference to the first form, as a part of the largest magnitude of the output. */
static double difference(const struct buffer *b, const double *want) {
  double worst = 0, top = 1e-30;
  for (size_t i = 0; i < b->n; i++) {
    double d = fabs(value(b, i) - want[i]);
    if (fabs(want[i]) > top) top = fabs(want[i]);
    if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
  }
  return worst / top;
}
static void clear_outputs(struct row *r) {
  for (unsigned i = 0; i < r->nbuf; i++)
    if (r->buf[i].out) memset(r->buf[i].p, 0, r->buf[i].n * bench_size[r->buf[i].type]);
}
static struct buffer *last_output(struct row *r) {
  unsigned i = r->nbuf - 1;
  while (i && !r->buf[i].out) i--;
  return &r->buf[i];
}
static double run_once(struct entry *e, unsigned calls) {
  if (e->py) return python_time(e->py, e->py_form, calls);
  double w = clock_at(CLOCK_MONOTONIC), c = clock_at(CLOCK_PROCESS_CPUTIME_ID);
  for (unsigned i = 0; i < calls; i++) e->f.run(e->f.state);
  c = clock_at(CLOCK_PROCESS_CPUTIME_ID) - c, w = clock_at(CLOCK_MONOTONIC) - w;
  return (c < w ? c : w) / calls;
}
/* With more than one thread CPU time says nothing: elapsed time. */
static double run_elapsed(struct entry *e, unsigned calls) {
  if (e->py) return python_time(e->py, e->py_form, calls);
  double w = clock_at(CLOCK_MONOTONIC);
  for (unsigned i = 0; i < calls; i++) e->f.run(e->f.state);
  return (clock_at(CLOCK_MONOTONIC) - w) / calls;
}
static void check(struct bench *b) {
  struct buffer *o = last_output(&b->row);
  double *want = malloc(o->n * sizeof *want);
  for (unsigned k = 0; want && k < b->n; k++) {
    clear_outputs(&b->row);
    if (run_once(&b->e[k], !b->e[k].py) < 0) { /* 0 calls: a Python peer leaves its result in the shared data */
      b->e[k].err = INFINITY;
      continue;
    }
    struct buffer got = *o;
    if (b->e[k].f.result) got.p = (void *)(uintptr_t)b->e[k].f.result;
    for (size_t i = 0; !k && i < o->n; i++) want[i] = value(&got, i);
    b->e[k].err = k ? difference(&got, want) : 0;
  }
  for (unsigned k = 0; k < b->n; k++)
    b->e[k].same = b->e[k].err < (o->type == B_I8     ? 0.009
                                  : o->type == B_I32  ? 1e-12
                                  : o->type == B_BF16 ? 1.6e-2
                                                      : 2e-3);
  free(want);
}

/* Rounds
 * -------------------------------------------------------------------------------------------------------------------------------------
 */

/* Is a thread of the process running, but for the caller? */
static bool runs(pid_t pid) {
  char path[64], line[512];
  bool any = false;
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *d = opendir(path);
  for (struct dirent *e; d && (e = readdir(d));) {
    if (e->d_name[0] == '.' || atol(e->d_name) == (long)gettid()) continue;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", (int)pid, e->d_name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f) fclose(f);
    line[n] = 0;
    const char *state = strrchr(line, ')'); /* behind the name, which may hold anything */
    any |= state && state[1] == ' ' && state[2] == 'R';
  }
  if (d) closedir(d);
  return any;
}
/* With several threads: until those of the form before, which spin in the hope of more work (some for tens of
   milliseconds), are asleep. One that still spins takes a core from the next form, which then runs as if it had one
   thread less. */
static void settle(const struct bench *b) {
  for (int ms = 0; b->row.threads > 1 && ms < 200; ms++) {
    usleep(1000);
    bool busy = runs(getpid());
    for (unsigned i = 0; i < b->npy; i++) busy |= runs(python_pid(b->py[i]));
    if (!busy) return;
  }
}

static double timed(const struct bench *b, struct entry *e, unsigned calls) {
  return b->row.threads > 1 ? run_elapsed(e, calls) : run_once(e, calls);
}
/* Drops forms that died, then finds how many calls make a sample of 2 ms or a round's share of the time. */
static void calibrate(struct bench *b) {
  double each = 0;
  for (unsigned k = 0; k < b->n; k++) {
    settle(b);
    double t = timed(b, &b->e[k], 1);
    if (t >= 0 && t < 2e-3) t = timed(b, &b->e[k], 1 + (unsigned)(1e-3 / (t + 1e-7)));
    if (t < 0 || isinf(b->e[k].err)) {
      fprintf(stderr, "bench: %s of %s %s gives no result and is left out\n", b->e[k].f.name, b->row.kernel,
              b->row.dims);
      memmove(&b->e[k], &b->e[k + 1], (b->n - k - 1) * sizeof *b->e);
      b->n--, k--;
      continue;
    }
    b->e[k].calls = 1 + (unsigned)(2e-3 / (t + 1e-8));
    each += t < 2e-3 ? 5e-3 : t;
  }
  if (each * b->rounds > b->seconds) b->rounds = (unsigned)(b->seconds / each);
  if (b->rounds < 5) b->rounds = 5;
}
/* The data of a form back into the caches, and its threads awake: a core that has slept may take a millisecond. */
static void warm(const struct bench *b, struct entry *e) {
  double until = clock_at(CLOCK_MONOTONIC) + 5e-3;
  if (b->row.threads == 1) {
    if (e->calls > 1) timed(b, e, 1 + e->calls / 8);
    return;
  }
  do timed(b, e, 1 + e->calls / 8);
  while (clock_at(CLOCK_MONOTONIC) < until);
}
static void measure(struct bench *b) {
  for (unsigned r = 0; r < b->rounds; r++)
    for (unsigned k = 0; k < b->n; k++) {
      struct entry *e = &b->e[(k + r) % b->n];
      settle(b);
      warm(b, e);
      e->t[r] = timed(b, e, e->calls);
    }
}
static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}
static double quantile(const double *t, unsigned n, double q) {
  double s[MAX_ROUNDS];
  memcpy(s, t, n * sizeof *s);
  qsort(s, n, sizeof *s, by_value);
  double at = q * (n - 1);
  unsigned i = (unsigned)at;
  return i + 1 < n ? s[i] + (at - i) * (s[i + 1] - s[i]) : s[i];
}
static void print(struct bench *b) {
  const struct row *r = &b->row;
  double in = row_bytes(r, false), out = row_bytes(r, true), peak = floor_flops(r->peak, r->threads),
         bytes = floor_stream(in, out, r->threads), work = r->flops / peak;
  for (unsigned k = 0; k < b->n; k++) {
    double ratio[MAX_ROUNDS];
    for (unsigned i = 0; i < b->rounds; i++) ratio[i] = b->e[k].t[i] / b->e[0].t[i];
    double us = quantile(b->e[k].t, b->rounds, 0.5) * 1e6;
    printf("{\"family\":\"%s\",\"kernel\":\"%s\",\"dims\":\"%s\",\"threads\":%u,\"form\":\"%s\",\"prepacked\":%s,"
           "\"version\":\"%s\",\"us\":%.4f,\"ratio\":%.4f,\"lo\":%.4f,\"hi\":%.4f,"
           "\"rounds\":%u,\"gflops\":%.2f,\"floor_us\":%.4f,\"bound\":\"%s\",\"peak_gflops\":%.1f,\"stream_gbs\":%.2f,"
           "\"same\":%s,\"difference\":%.2g}\n",
           b->family, r->kernel, r->dims, r->threads, b->e[k].f.name, b->e[k].f.prepacked ? "true" : "false",
           b->e[k].version ? b->e[k].version : "", us, quantile(ratio, b->rounds, 0.5),
           quantile(ratio, b->rounds, 0.25), quantile(ratio, b->rounds, 0.75), b->rounds, r->flops / us * 1e-3,
           (work > bytes ? work : bytes) * 1e6, work > bytes ? "flops" : "bytes", peak * 1e-9,
           (in + out) / bytes * 1e-9, b->e[k].same ? "true" : "false", b->e[k].err);
  }
}

static void pin(unsigned threads) {
  cpu_set_t set;
  CPU_ZERO(&set);
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  for (unsigned i = 0; i < threads && (long)i < cpus; i++) CPU_SET((size_t)(cpus - 1 - (long)i), &set);
  sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv) {
  static struct bench b = {.rounds = 15, .seconds = 4};
  if (argc == 3 && !strcmp(argv[1], "--have")) return !dlopen(argv[2], RTLD_LAZY | RTLD_LOCAL);
  if (argc == 4 && !strcmp(argv[1], "--panel-dims")) {
    char text[512];
    if (!row_make(&b.row, argv[2], argv[3]) || !row_panels_dims(&b.row, text, sizeof text)) return 1;
    return puts(text) < 0;
  }
  if (argc < 4 || !row_make(&b.row, argv[2], argv[3])) {
    fprintf(stderr, "usage: bench_row FAMILY KERNEL DIMS [--threads N] [--rounds N] [--seconds S] [--object "
                    "NAME=FILE]… [--panels NAME=FILE]… [--peer FILE]… [--python EXE SCRIPT PEER]…\n");
    return 2;
  }
  b.family = argv[1];
  for (int i = 4; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--threads")) b.row.threads = (unsigned)strtoul(argv[i + 1], NULL, 10);
    if (!strcmp(argv[i], "--rounds")) b.rounds = (unsigned)strtoul(argv[i + 1], NULL, 10);
    if (!strcmp(argv[i], "--seconds")) b.seconds = strtod(argv[i + 1], NULL);
    if (!strcmp(argv[i], "--python")) i += 2;
  }
  if (!b.row.threads || b.row.threads > 64) b.row.threads = 1;
  if (!b.rounds || b.rounds > MAX_ROUNDS) b.rounds = MAX_ROUNDS;
  pin(b.row.threads);
  if (!make_data(&b)) {
    perror("bench: data");
    return 5;
  }
  for (int i = 4; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--object")) add_object(&b, &b.row, argv[i + 1]);
    if (!strcmp(argv[i], "--panels")) add_panels(&b, argv[i + 1]);
    if (!strcmp(argv[i], "--peer")) add_peer(&b, argv[i + 1]);
    if (!strcmp(argv[i], "--python") && i + 3 < argc) add_python(&b, &argv[i + 1]), i += 2;
  }
  if (!b.n) return 1;
  check(&b);
  calibrate(&b);
  measure(&b);
  print(&b);
  for (unsigned i = 0; i < b.npy; i++) python_close(b.py[i]);
  return 0;
}
