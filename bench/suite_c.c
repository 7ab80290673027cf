/* The functions of C files as hone compiles them, beside what C compilers make of the same files: which are raised, in
   parts, kept or refused, and how the times compare. Called by bench/run.sh, which names the objects' makers;
   docs/bench.md says how to read the table. Printing is awk's (bench/suite_c.awk): this program writes one JSON line a
   function.

   Each function is called with sizes of bench/sizes.txt. All forms run in one process (a fork for each function: one
   that crashes takes no other with it), take turns within a round, and get what they write restored before each sample.
 */
#include "bench/bench.h"
#include "compiler/hone.h"
#include "ir/interp.h"
#include "tests/source/call.h"
#include "tuner/strategy.h"
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ELEMS = 1 << 20, PAD = 4096, FORMS = 8, MAX_ROUNDS = 61, MIN_ROUNDS = 5 };
static const double sample_s = 30e-6;

struct made {
  const char *name;
  void *handle;
};
struct suite {
  struct hone *h;
  const char *dir, *sizes, *only;
  double seconds;
  unsigned nform;
  struct made form[FORMS]; /* the first one is hone's, the last one the plain one: correct results, not timed */
};
struct call {
  const struct lfunc *f;
  int64_t *dim;
  union value *scalar;
  void **data, **start; /* at work, and as they were */
  size_t *written;      /* elements that a call changes */
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t rnd(void) {
  static uint64_t seed = 88172645463325252u;
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return seed;
}

/* --- arguments --- */

/* The rest of the line of function `name`; NULL: it is not listed, so it is not measured. */
static char *sizes_of(const char *text, const char *name, char line[512]) {
  size_t n = strlen(name);
  for (const char *p = text; p; p = strchr(p, '\n')) {
    p += *p == '\n';
    if (strncmp(p, name, n) != 0 || p[n] != ' ') continue;
    size_t len = strcspn(p + n, "\n");
    snprintf(line, 512, "%.*s ", (int)len, p + n);
    return line;
  }
  return NULL;
}

static bool size_of(const char *sizes, const char *name, double *out) {
  char key[128];
  snprintf(key, sizeof key, " %s=", name);
  const char *p = strstr(sizes, key);
  if (p) *out = strtod(p + strlen(key), NULL);
  return p;
}

static union value element(const struct param *p, size_t i, bool positive) {
  uint64_t r = rnd();
  if (type_is_float(p->type)) {
    double d = 0.25 + (double)(r % 1024) / 1024.0;
    return type_round(p->type, (union value){.f = !positive && r & 4096 ? -d : d});
  }
  if (!strcmp(p->name, "rowptr")) return (union value){.i = (int64_t)i * 8};
  if (call_is_index(p)) return (union value){.i = (int64_t)(r % 64)};
  return type_round(p->type, (union value){.i = (int64_t)(r % 100)});
}

/* A square of floats gets a large diagonal: solvers divide by it. */
static void dominate(const struct call *c, const struct param *p, char *data) {
  const struct object *o = &c->f->object[p->ref];
  int64_t n = 0;
  if (o->rank != 2 || !type_is_float(p->type) || !poly_eq(o->extent[0], o->extent[1])) return;
  for (unsigned i = 0; i < c->f->k->nparam; i++)
    if (c->f->k->param[i].kind == PARAM_DIM && o->extent[0]->n == 1 && o->extent[0]->mono[0].n == 1 &&
        o->extent[0]->mono[0].sym[0] == c->f->k->param[i].ref)
      n = c->dim[i];
  for (int64_t i = 0; i < n && i * n + i < ELEMS; i++)
    type_store(p->type, data + (size_t)(i * n + i) * type_size(p->type), (union value){.f = (double)n});
}

static void *array(const struct call *c, const struct param *p, bool positive) {
  enum { BLOCK = 8191 }; /* random once, then repeated */
  size_t size = type_size(p->type);
  char *x = aligned_alloc(64, (ELEMS + PAD) * size);
  if (!x) exit(5);
  bool whole = call_is_index(p) || !strcmp(p->name, "rowptr");
  for (size_t i = 0; i < (whole ? ELEMS + PAD : BLOCK); i++) type_store(p->type, x + i * size, element(p, i, positive));
  for (size_t i = BLOCK; !whole && i < ELEMS + PAD; i += BLOCK)
    memcpy(x + i * size, x, (i + BLOCK < ELEMS + PAD ? BLOCK : ELEMS + PAD - i) * size);
  dominate(c, p, x);
  return x;
}

static void fill(struct call *c, const char *sizes) {
  const struct kernel *k = c->f->k;
  unsigned n = k->nparam;
  bool positive = strstr(sizes, " positive ");
  c->dim = calloc(n + 1, sizeof *c->dim), c->scalar = calloc(n + 1, sizeof *c->scalar),
  c->data = calloc(n + 1, sizeof *c->data);
  c->start = calloc(n + 1, sizeof *c->start), c->written = calloc(n + 1, sizeof *c->written);
  for (unsigned i = 0; i < n; i++) {
    const struct param *p = &k->param[i];
    double v = type_is_float(p->type) ? 0.9 : 1;
    bool given = size_of(sizes, p->name, &v);
    if (p->kind == PARAM_DIM) c->dim[i] = (int64_t)v;
    if (p->kind == PARAM_SCALAR)
      c->scalar[i] =
          type_round(p->type, type_is_float(p->type) ? (union value){.f = v} : (union value){.i = (int64_t)v});
    if (p->kind == PARAM_DIM && !given && strncmp(p->name, "has_", 4) != 0)
      fprintf(stderr, "bench: no size of '%s' for %s\n", p->name, k->name);
  }
  for (unsigned i = 0; i < n; i++) {
    if (k->param[i].kind != PARAM_TENSOR) continue;
    c->start[i] = array(c, &k->param[i], positive);
    size_t bytes = (ELEMS + PAD) * type_size(k->param[i].type);
    c->data[i] = memcpy(aligned_alloc(64, bytes), c->start[i], bytes);
  }
}

static void restore(struct call *c) {
  for (unsigned i = 0; i < c->f->k->nparam; i++)
    if (c->written[i]) memcpy(c->data[i], c->start[i], c->written[i] * type_size(c->f->k->param[i].type));
}

/* After the first call: how much of each array a call changes. */
static void find_written(struct call *c) {
  for (unsigned i = 0; i < c->f->k->nparam; i++) {
    size_t size = type_size(c->f->k->param[i].type), n = ELEMS + PAD;
    const char *a = c->data[i], *b = c->start[i];
    while (a && n && !memcmp(a + (n - 1) * size, b + (n - 1) * size, size)) n--;
    c->written[i] = a ? n : 0;
  }
}

/* --- one function --- */

/* Relative to the largest element; an integer may be one off (fast-math rounding) of a rounded float. */
static bool same(const struct call *c, void **want) {
  for (unsigned i = 0; i < c->f->k->nparam; i++) {
    enum dtype t = c->f->k->param[i].type;
    double most = 0, worst = 0;
    for (size_t e = 0; e < c->written[i]; e++) {
      union value a = type_load(t, (char *)want[i] + e * type_size(t)),
                  b = type_load(t, (char *)c->data[i] + e * type_size(t));
      double x = type_is_float(t) ? a.f : (double)a.i, y = type_is_float(t) ? b.f : (double)b.i;
      if (!isfinite(x)) continue;
      most = fmax(most, fabs(x));
      worst = fmax(worst, isfinite(y) ? fabs(x - y) : INFINITY);
    }
    if (worst > (type_is_float(t) ? 2e-3 * fmax(most, 1e-30) : 1)) return false;
  }
  return true;
}

static double sample(struct call *c, call_fn *fn, unsigned times) {
  restore(c);
  double t = now();
  for (unsigned i = 0; i < times; i++) fn(c->dim, c->scalar, c->data);
  return (now() - t) / times;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *v, unsigned n) {
  qsort(v, n, sizeof *v, by_value);
  return v[n / 2];
}

struct result {
  bool ok, same[FORMS];
  double us, ratio[FORMS]; /* of medians over rounds: the form's time / hone's */
  double floor;            /* us that this machine needs at least; 0: not known */
  unsigned rounds;
};

static void **keep_results(const struct call *c) {
  void **kept = calloc(c->f->k->nparam + 1u, sizeof *kept);
  for (unsigned i = 0; i < c->f->k->nparam; i++) {
    size_t bytes = c->written[i] * type_size(c->f->k->param[i].type);
    if (bytes) kept[i] = memcpy(malloc(bytes), c->data[i], bytes);
  }
  return kept;
}

static struct result measure(const struct suite *s, struct call *c, unsigned index) {
  static double t[FORMS][MAX_ROUNDS];
  struct result r = {.ok = true};
  unsigned n = s->nform - 1, times = 1;
  call_fn *fn[FORMS];
  for (unsigned f = 0; f < s->nform; f++) r.ok &= (fn[f] = call_find(s->form[f].handle, index)) != NULL;
  if (!r.ok) return r;
  fn[n](c->dim, c->scalar, c->data);
  find_written(c);
  void **want = keep_results(c);
  for (unsigned f = 0; f < n; f++) {
    restore(c);
    fn[f](c->dim, c->scalar, c->data);
    r.same[f] = same(c, want);
  }
  double one = sample(c, fn[1], 1);
  if (one < sample_s) times = one > sample_s / 1000 ? (unsigned)(sample_s / one) + 1 : 1000;
  double end = now() + s->seconds;
  for (r.rounds = 0; r.rounds < MAX_ROUNDS && (r.rounds < MIN_ROUNDS || now() < end); r.rounds++)
    for (unsigned f = 0; f < n; f++) {
      unsigned at = (f + r.rounds) % n;
      t[at][r.rounds] = sample(c, fn[at], times);
    }
  for (unsigned f = 1; f < n; f++) {
    double ratio[MAX_ROUNDS];
    for (unsigned i = 0; i < r.rounds; i++) ratio[i] = t[f][i] / t[0][i];
    r.ratio[f] = median(ratio, r.rounds);
  }
  r.us = median(t[0], r.rounds) * 1e6;
  return r;
}

/* --- the floor --- */

static int64_t *by_symbol(const struct call *c, const struct kernel *k, bool **has) {
  int64_t *value = calloc(k->nsym + 1u, sizeof *value);
  *has = calloc(k->nsym + 1u, sizeof **has);
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind == PARAM_DIM) value[k->param[i].ref] = c->dim[i], (*has)[k->param[i].ref] = true;
  return value;
}

/* Bytes of the arrays that equations read. */
static double bytes_read(const struct kernel *k, const int64_t *value) {
  double sum = 0;
  for (unsigned t = 0; t < k->ntensor; t++) {
    const struct tensor *x = &k->tensor[t];
    bool read = false;
    double n = (double)type_size(x->type);
    for (unsigned e = 0; e < k->neq; e++)
      read |= expr_reads(k->eq[e].body, t) || (k->eq[e].init && expr_reads(k->eq[e].init, t));
    for (unsigned d = 0; d < x->rank && x->role != ROLE_TEMP; d++) {
      int64_t v;
      if (!x->extent || !x->extent[d] || !poly_eval(x->extent[d], value, &v) || v < 0) read = false;
      if (read) n *= (double)v;
    }
    if (read && x->role != ROLE_TEMP) sum += n;
  }
  return sum;
}

/* What a raised function needs at least: its arrays as streams of this size, its operations at the rate of
   multiply-adds, both measured here and now. (Integers have no such rate.) */
static double floor_us(const struct suite *s, const struct kernel *k, const struct call *c) {
  bool *has, f32 = false, f64 = false;
  int64_t *value = by_symbol(c, k, &has);
  struct groups *gs = hone_groups_at(s->h, k, has, value);
  double flops = 0, out = 0;
  for (unsigned g = 0; gs && g < gs->n; g++) flops += cost_floor(gs, g, &s->h->target.limits, 1).flops;
  for (unsigned i = 0; i < k->nparam; i++) {
    f32 |= k->param[i].kind == PARAM_TENSOR && k->param[i].type == DT_f32;
    f64 |= k->param[i].kind == PARAM_TENSOR && k->param[i].type == DT_f64;
  }
  for (unsigned i = 0; i < c->f->k->nparam; i++)
    if (c->written[i]) out += (double)c->written[i] * (double)type_size(c->f->k->param[i].type);
  double memory = floor_stream(bytes_read(k, value), out, 1), compute = 0;
  if (f32 || f64) compute = flops / floor_flops(f32 ? B_F32 : B_F64, 1);
  return 1e6 * fmax(memory, compute);
}

/* In a process of its own. */
static struct result run(const struct suite *s, const struct spec_fn *fn, unsigned index, const char *sizes) {
  const struct lfunc *f = fn->source->f;
  struct result r = {0};
  int fd[2];
  if (pipe(fd)) return r;
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    struct call c = {.f = f};
    alarm(60);
    fill(&c, sizes);
    r = measure(s, &c, index);
    if (r.ok && fn->k) r.floor = floor_us(s, fn->k, &c);
    for (unsigned i = 1; i + 1 < s->nform; i++)
      r.floor = fmin(r.floor, r.us * r.ratio[i]); /* who is below it shows that it is none */
    _exit(write(fd[1], &r, sizeof r) != sizeof r);
  }
  close(fd[1]);
  if (pid < 0 || read(fd[0], &r, sizeof r) != sizeof r) r.ok = false;
  close(fd[0]);
  if (pid > 0) waitpid(pid, NULL, 0);
  return r;
}

static bool listed(const char *list, const char *name) {
  size_t n = strlen(name);
  for (const char *p = list; (p = strstr(p, name)); p += n)
    if ((p == list || p[-1] == ',') && (!p[n] || p[n] == ',')) return true;
  return false;
}

static void line_of(const struct suite *s, const char *file, const struct spec_fn *fn, unsigned index) {
  const char *name = fn->source->f->k->name, *base = strrchr(file, '/');
  char line[512], *sizes = sizes_of(s->sizes, name, line);
  if (s->only && !listed(s->only, name)) return;
  printf("{\"suite\":\"c\",\"file\":\"%s\",\"function\":\"%s\",\"status\":\"%s\",\"parts\":%u", base ? base + 1 : file,
         name,
         fn->k       ? "raised"
         : fn->npart ? "parts"
                     : "kept",
         fn->npart);
  if (!sizes) {
    puts("}");
    return;
  }
  struct result r = run(s, fn, index, sizes);
  if (!r.ok) printf(",\"failed\":true");
  if (r.ok) {
    size_t n = strlen(sizes), skip = strspn(sizes, " ");
    while (n && sizes[n - 1] == ' ') sizes[--n] = 0;
    printf(",\"sizes\":\"%s\",\"us\":%.3f,\"rounds\":%u", sizes + (skip < n ? skip : n), r.us, r.rounds);
    if (r.floor > 0) printf(",\"floor_us\":%.3f", r.floor);
    double best = INFINITY;
    for (unsigned f = 1; f + 1 < s->nform; f++) {
      printf(",\"%s\":%.4f", s->form[f].name, r.ratio[f]);
      if (strcmp(s->form[f].name, "polly") != 0)
        best = fmin(best, r.ratio[f]); /* clang with Polly stands beside, as in the tables of loops */
    }
    bool all = true;
    for (unsigned f = 0; f + 1 < s->nform; f++) all &= r.same[f];
    printf(",\"best\":%.4f,\"same\":%s", best, all ? "true" : "false");
    for (unsigned f = 0; f + 1 < s->nform; f++)
      if (!r.same[f]) printf(",\"differs\":\"%s\"", s->form[f].name);
  }
  puts("}");
}

/* --- a file --- */

static void make_callers(const struct suite *s, const char *path, const struct spec *spec) {
  char name[512], full[4096], header[512];
  snprintf(name, sizeof name, "%s/callers.c", s->dir);
  snprintf(header, sizeof header, "%s/hone.h", s->dir);
  FILE *f = realpath(path, full) ? fopen(name, "w") : NULL;
  if (!f) {
    perror(name);
    exit(5);
  }
  call_write_file(f, full, header, spec);
  fclose(f);
}

static int usage(void) {
  fputs("usage: suite_c --callers DIR FILE.c\n       suite_c --measure DIR SIZES SECONDS ONLY FILE.c FORM...   "
        "(DIR/FORM.so; the first is hone's, the last not timed)\n",
        stderr);
  return 2;
}

static const char *slurp(const char *path) {
  static char text[1 << 16];
  FILE *f = fopen(path, "rb");
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  if (!n) {
    perror(path);
    exit(5);
  }
  fclose(f);
  return text;
}

static void refused_lines(const char *path, const struct spec *spec) {
  const char *base = strrchr(path, '/');
  for (unsigned i = 0; i < spec->nrefused; i++)
    printf("{\"suite\":\"c\",\"file\":\"%s\",\"function\":\"%s\",\"status\":\"refused\"}\n", base ? base + 1 : path,
           spec->refused[i].name);
}

int main(int argc, char **argv) {
  bool callers = argc == 4 && !strcmp(argv[1], "--callers"),
       timed = argc > 9 && argc < 7 + FORMS && !strcmp(argv[1], "--measure");
  if (!callers && !timed) return usage();
  struct hone h;
  struct suite s = {.h = &h, .dir = argv[2]};
  const char *path = argv[callers ? 3 : 6];
  struct diag *d = diag_new();
  struct hone_options o = {.on_miss = HONE_MISS_QUIET};
  enum status st = hone_open(&h, path, &o, d);
  if (st != ST_OK && !h.spec.nrefused) {
    struct buf b;
    buf_init(&b);
    diag_print(d, &b, false);
    fputs(b.data ? b.data : path, stderr);
    buf_free(&b);
    hone_close(&h);
    diag_free(d);
    return 1;
  }
  if (callers) {
    make_callers(&s, path, &h.spec);
    hone_close(&h);
    diag_free(d);
    return 0;
  }
  s.sizes = slurp(argv[3]), s.seconds = atof(argv[4]), s.only = *argv[5] ? argv[5] : NULL;
  for (int i = 7; i < argc; i++) {
    char so[4096];
    snprintf(so, sizeof so, "%s/%s.so", s.dir, argv[i]);
    void *handle = dlopen(so, RTLD_NOW | RTLD_LOCAL);
    if (!handle && i == 7) {
      fprintf(stderr, "bench: %s\n", dlerror());
      return 1;
    }
    if (handle) s.form[s.nform++] = (struct made){argv[i], handle};
  }
  for (unsigned i = 0; i < h.spec.n; i++) line_of(&s, path, &h.spec.fn[i], i);
  refused_lines(path, &h.spec);
  hone_close(&h);
  diag_free(d);
  return 0;
}
