/* SOURCE is the C function exactly: the interpreter's result equals, bit for bit, that of the same file compiled by the
   system's C compiler without optimisation and without contraction. Usage: exact DIR FILE.c...; every function of every
   file is called with several sizes. --object HONE in front: hone's object instead of the interpreter; --loops HONE:
   the object of a file in which every function is refused, so that only their loops are hone's. Functions of math.h are
   the one difference: the C library's float versions are not correctly rounded, so results that went through them may
   differ a little. */
#include "compiler/frontend/frontend.h"
#include "ir/loop.h"
#include "ir/interp.h"
#include "call.h"
#include "random_c.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct frontend frontend_c;
enum { ELEMS = 8192, ROUNDS = 6 };
static int failures;
static const char *hone; /* the program: its objects are compared instead of the interpreter */
static bool loops;       /* each function calls one that hone does not know, so that only its loops are hone's */
static double slack;     /* relative error allowed to floats, besides that of math.h: 0 at --fp strict */
static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return seed;
}

/* Small values, exact and not, signed zeros, now and then something special. */
static union value random_value(enum dtype t) {
  union value v = {0};
  if (type_is_float(t)) {
    uint64_t r = rnd() % 64;
    double d = ((double)(int)(rnd() % 2001) - 1000) / 256.0;
    if (r == 0) d = 0;
    if (r == 1) d = -0.0;
    if (r == 2) d *= 1e-3 / 3;
    v.f = d;
  } else {
    v.i = (int64_t)(rnd() % 17) - (type_class(t) == DC_SINT ? 8 : 0);
    if (rnd() % 8 == 0) v.u = rnd();
  }
  return type_round(t, v);
}

enum { SHIFTS = 16 }; /* a pointer into another array is at most so many elements behind its start */
struct call {
  int alias_of; /* parameter whose array `alias` points into; -1: all arrays are apart */
  unsigned alias, shift;
  const struct kernel *k;
  struct args a, b; /* for the interpreter, for the compiled function */
};

/* Numbers that functions divide by, also as fields of structures (`l_n_heads`). */
static bool is_divisor(const char *name) {
  size_t len = strlen(name);
  static const char *const names[] = {"NH",      "G",  "gs", "group", "half", "kv_mul", "head_size", "ksize", "stride",
                                      "n_heads", "ow", "oh", "iw",    "ih",   "tsteps", "C",         "n_kv",  "rep"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(name, names[i])) return true;
  return len > 8 && !strcmp(name + len - 8, "_n_heads");
}

static int64_t random_dim(const char *name, unsigned round, bool few) {
  if (!strncmp(name, "has_", 4)) return (int64_t)(rnd() % 2);
  if (!strncmp(name, "ld", 2)) return 9 + (int64_t)(rnd() % 3);
  if (is_divisor(name)) return 1 + (int64_t)(rnd() % 3);
  if (!strncmp(name, "inc", 3) || !strncmp(name, "rs_", 3) || !strncmp(name, "cs_", 3))
    return rnd() % 2 ? 1 : (int64_t)(rnd() % 5);
  if (!strcmp(name, "pad")) return (int64_t)(rnd() % 3);
  if (round == 0) return 5;
  if (few && round % 3 == 2) return 9 + (int64_t)(rnd() % 7); /* whole vectors; a cube of them still fits */
  return (int64_t)(rnd() % 8);
}

/* Memory with zeros on both sides: what a function reads a little outside of its arrays is the same in all runs. */
enum { AROUND = 1 << 16 };
static char *memory(size_t bytes) {
  char *m = calloc(1, bytes + 2 * (size_t)AROUND);
  if (!m) exit(5);
  return m + AROUND;
}

static void memory_free(void *m) {
  if (m) free((char *)m - AROUND);
}

static void random_call(struct call *c, unsigned round) {
  const struct kernel *k = c->k;
  struct args *both[2] = {&c->a, &c->b};
  for (int i = 0; i < 2; i++) {
    both[i]->dim = calloc(k->nparam, sizeof(int64_t));
    both[i]->scalar = calloc(k->nparam, sizeof(union value));
    both[i]->data = calloc(k->nparam, sizeof(void *));
  }
  unsigned ndim = 0;
  for (unsigned p = 0; p < k->nparam; p++) ndim += k->param[p].kind != PARAM_TENSOR && type_is_int(k->param[p].type);
  for (unsigned p = 0; p < k->nparam; p++) {
    const struct param *q = &k->param[p];
    enum dtype t = q->type;
    if (q->kind == PARAM_DIM) c->a.dim[p] = c->b.dim[p] = random_dim(q->name, round, ndim <= 3);
    if (q->kind == PARAM_SCALAR) {
      c->a.scalar[p] = random_value(t);
      if (type_is_float(t) && !strcmp(q->name, "alpha")) /* decay of a filter: it must not grow without bound */
        c->a.scalar[p] = type_round(t, (union value){.f = 0.25 + fabs(c->a.scalar[p].f)});
      if (type_is_int(t)) c->a.scalar[p].i = (int64_t)(rnd() % 8);
      if (is_divisor(q->name) && type_is_int(t)) c->a.scalar[p].i = 1 + (int64_t)(rnd() % 3);
      if (!strcmp(q->name, "shift")) c->a.scalar[p].i = 1 + (int64_t)(rnd() % 8);
      c->b.scalar[p] = c->a.scalar[p];
    }
    if (q->kind != PARAM_TENSOR) continue;
    size_t bytes = (ELEMS + SHIFTS) * type_size(t);
    char *x = memory(bytes), *y = memory(bytes);
    for (size_t i = 0; i < ELEMS + SHIFTS; i++)
      type_store(t, x + i * type_size(t),
                 call_is_index(q) ? (union value){.i = (int64_t)(rnd() % 8)} : random_value(t));
    memcpy(y, x, bytes);
    c->a.data[p] = x;
    c->b.data[p] = y;
  }
}

static void point_into(struct call *c, void **data) {
  if (c->alias_of >= 0) data[c->alias] = (char *)data[c->alias_of] + c->shift * type_size(c->k->param[c->alias].type);
}

static bool may_alias(const struct lfunc *f, unsigned p) {
  const struct param *q = &f->k->param[p];
  bool outside = !f->origin || f->origin[p].how == ORIGIN_SELF || f->origin[p].how == ORIGIN_FIELD;
  return q->kind == PARAM_TENSOR && !q->is_restrict && outside && !call_is_index(q);
}

/* Lets one array lie in another one, now and then: C allows it where nothing is restrict. */
static void overlap(struct call *c, const struct lfunc *f, unsigned round) {
  unsigned n = f->k->nparam, p = n ? (unsigned)(rnd() % n) : 0, q = n ? (unsigned)(rnd() % n) : 0;
  c->alias_of = -1;
  if (round % 3 != 1 || p == q || !may_alias(f, p) || !may_alias(f, q) || f->k->param[p].type != f->k->param[q].type)
    return;
  c->alias_of = (int)p;
  c->alias = q;
  c->shift = rnd() % 2 ? 0 : (unsigned)(rnd() % SHIFTS);
  memory_free(c->a.data[q]);
  memory_free(c->b.data[q]);
  point_into(c, c->a.data);
  point_into(c, c->b.data);
}

static void free_data(struct call *c, void **data) {
  for (unsigned p = 0; p < c->k->nparam; p++)
    if (c->alias_of < 0 || p != c->alias) memory_free(data[p]);
  free(data);
}

static void **copy_data(struct call *c) {
  void **data = calloc(c->k->nparam, sizeof *data);
  for (unsigned p = 0; p < c->k->nparam; p++) {
    if (c->k->param[p].kind != PARAM_TENSOR) continue;
    size_t bytes = (ELEMS + SHIFTS) * type_size(c->k->param[p].type);
    if (c->alias_of < 0 || p != c->alias) data[p] = memcpy(memory(bytes), c->a.data[p], bytes);
  }
  point_into(c, data);
  return data;
}

static void free_call(struct call *c) {
  free_data(c, c->a.data);
  free_data(c, c->b.data);
  free(c->a.dim), free(c->a.scalar);
  free(c->b.dim), free(c->b.scalar);
}

/* Close enough where math.h was called: relative, and absolute for what is left of a cancellation. */
static bool near(enum dtype t, union value a, union value b) {
  if (!type_is_float(t)) return a.i == b.i || llabs(a.i - b.i) <= 1;
  if (isnan(a.f) || isnan(b.f)) return isnan(a.f) && isnan(b.f);
  double rel = fmax(512 * type_epsilon(t), slack);
  return a.f == b.f || fabs(a.f - b.f) <= rel * fmax(fmax(fabs(a.f), fabs(b.f)), 0.25);
}

/* The dims and numbers of a call that went wrong. */
static void say_numbers(const struct call *c) {
  for (unsigned p = 0; p < c->k->nparam; p++) {
    const struct param *q = &c->k->param[p];
    if (q->kind == PARAM_DIM) printf(" %s=%" PRId64, q->name, c->a.dim[p]);
    if (q->kind == PARAM_SCALAR && type_is_float(q->type)) printf(" %s=%.9g", q->name, c->a.scalar[p].f);
    if (q->kind == PARAM_SCALAR && !type_is_float(q->type)) printf(" %s=%" PRId64, q->name, c->a.scalar[p].i);
  }
  printf("%s\n", c->alias_of >= 0 ? " overlapping" : "");
}

static void compare(struct call *c, const struct lfunc *f, const char *file, unsigned round, bool math) {
  const struct kernel *k = c->k;
  for (unsigned p = 0; p < k->nparam; p++) {
    if (k->param[p].kind != PARAM_TENSOR || call_is_copy(f, p)) continue;
    enum dtype t = k->param[p].type;
    for (size_t i = 0; i < ELEMS; i++) {
      union value a = type_load(t, (char *)c->a.data[p] + i * type_size(t));
      union value b = type_load(t, (char *)c->b.data[p] + i * type_size(t));
      if (type_value_eq(t, a, b) || (math && near(t, a, b))) continue;
      if (type_is_float(t))
        printf("  %s[%zu]: got %.17g, compiled %.17g\n", k->param[p].name, i, a.f, b.f);
      else
        printf("  %s[%zu]: got %" PRId64 ", compiled %" PRId64 "\n", k->param[p].name, i, a.i, b.i);
      printf("not ok - %s: %s, round %u:", file, k->name, round);
      say_numbers(c);
      failures++;
      return;
    }
  }
}

static void find_trans(expr_t e, void *ctx) {
  if (e->kind == E_OP && (op_info[e->op].flags & OPF_TRANS)) *(bool *)ctx = true;
}

static bool uses_math(const struct lstmt *s) {
  bool yes = false;
  if (s->value) expr_visit(s->value, find_trans, &yes);
  if (s->cond) expr_visit(s->cond, find_trans, &yes);
  for (uint32_t i = 0; i < s->nbody && !yes; i++) yes = s->body[i] && uses_math(s->body[i]);
  return yes;
}

static void *compile(const char *dir, const char *path, const struct spec *s) {
  char src[4096], so[4096], cmd[16384], full[4096];
  if (!realpath(path, full)) return NULL;
  snprintf(src, sizeof src, "%s/exact_%d.c", dir, (int)getpid());
  snprintf(so, sizeof so, "%s/exact_%d.so", dir, (int)getpid());
  FILE *f = fopen(src, "w");
  if (!f) return NULL;
  fprintf(f, "#include <stdint.h>\n#include \"%s\"\nunion value { int64_t i; uint64_t u; double f; };\n", full);
  for (unsigned i = 0; i < s->n; i++) call_write(f, s->fn[i].source->f, i);
  fclose(f);
  snprintf(cmd, sizeof cmd, "cc -std=gnu17 -w -O0 -fwrapv -ffp-contract=off -shared -fPIC -Wl,-Bsymbolic -o %s %s -lm",
           so, src);
  void *h = system(cmd) == 0 ? dlopen(so, RTLD_NOW) : NULL;
  remove(src);
  remove(so);
  return h;
}

/* The file with a call in front of each body, so that hone refuses all functions. */
static bool write_refused(const char *path, const char *out) {
  char line[4096];
  FILE *in = fopen(path, "r"), *f = fopen(out, "w");
  if (f) fputs("void hone_unknown(void);\n", f);
  while (in && f && fgets(line, sizeof line, in)) {
    size_t n = strlen(line);
    bool body = n > 4 && line[0] >= 'a' && line[0] <= 'z' && strchr(line, '(') && !strcmp(line + n - 4, ") {\n");
    fputs(line, f);
    if (body) fputs("hone_unknown();\n", f);
  }
  if (in) fclose(in);
  return f && fclose(f) == 0 && in;
}

/* Prototypes are those of the file as it is; its functions come from one whose loops alone are hone's. */
static void loops_command(char *cmd, size_t n, const char *path, const char *base) {
  snprintf(cmd, n,
           "echo 'void hone_unknown(void) {}' >>%s.c && "
           "%s compile %s -o %s.o --header %s.h --db %s.db 2>%s.log && "
           "%s compile %s.x.c --rest 'cc -O0 -w -fwrapv -ffp-contract=off' -o %s.o --db %s.db --fp strict 2>%s.log && "
           "cc -std=gnu17 -w -O0 -shared -fPIC -Wl,-Bsymbolic -o %s.so %s.c %s.o -lm || cat %s.log",
           base, hone, path, base, base, base, base, hone, base, base, base, base, base, base, base, base);
}

/* The same callers around the object that hone makes of the file. Strict: the order of operations is the file's. */
static void *compile_hone(const char *dir, const char *path, const struct spec *s) {
  char base[512], header[520], cmd[16384], full[4096];
  if (!realpath(path, full)) return NULL;
  snprintf(base, sizeof base, "%s/made_%d", dir, (int)getpid());
  snprintf(cmd, sizeof cmd, "%s.c", base);
  FILE *f = fopen(cmd, "w");
  if (!f) return NULL;
  snprintf(header, sizeof header, "%s.h", base);
  call_write_file(f, full, header, s);
  fclose(f);
  snprintf(cmd, sizeof cmd,
           "%s compile %s -o %s.o --header %s.h --db %s.db --fp %s 2>%s.log && "
           "cc -std=gnu17 -w -O0 -shared -fPIC -Wl,-Bsymbolic -o %s.so %s.c %s.o -lm || cat %s.log",
           hone, path, base, base, base, slack > 0 ? "reassoc" : "strict", base, base, base, base, base);
  if (loops) {
    char refused[520];
    snprintf(refused, sizeof refused, "%s.x.c", base);
    if (!write_refused(path, refused)) return NULL;
    loops_command(cmd, sizeof cmd, path, base);
  }
  void *h = NULL;
  if (system(cmd) == 0) {
    snprintf(cmd, sizeof cmd, "%s.so", base);
    h = dlopen(cmd, RTLD_NOW);
  }
  snprintf(cmd, sizeof cmd, "rm -f %s.*", base);
  if (system(cmd) != 0 || !h) printf("not ok - %s: no object\n", path);
  return h;
}

static void check_function(const char *file, const struct lfunc *f, void *h, void *made, unsigned i, struct diag *d) {
  call_fn *fn = call_find(h, i), *other = call_find(made, i);
  int before = failures;
  if (!fn || (hone && !other) || !lfunc_verify(f, d)) {
    printf("not ok - %s: %s does not verify\n", file, f->name);
    failures++;
    return;
  }
  bool math = slack > 0 || uses_math(f->body);
  for (unsigned r = 0; r < ROUNDS && failures == before; r++) {
    struct call c = {.k = f->k};
    random_call(&c, r);
    overlap(&c, f, r);
    void **fresh = hone ? copy_data(&c) : NULL;
    enum status st = lfunc_interp(f, &c.a, 10000000, d);
    if ((st == ST_REFUSED && r > 0) || st == ST_INFEASIBLE) {
      diag_clear(d); /* an access outside an array at these sizes: C leaves open what happens; or too many operations */
    } else if (st != ST_OK) {
      printf("not ok - %s: %s cannot be interpreted\n", file, f->name);
      failures++;
    } else {
      fn(c.b.dim, c.b.scalar, c.b.data);
      if (fresh) {
        free_data(&c, c.a.data);
        c.a.data = fresh;
        fresh = NULL;
        other(c.a.dim, c.a.scalar, c.a.data);
      }
      compare(&c, f, file, r, math);
    }
    if (fresh) free_data(&c, fresh);
    free_call(&c);
  }
  if (failures == before) printf("ok - %s: %s\n", file, f->name);
}

static void check_file(const char *dir, const char *path) {
  static char text[1 << 20];
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  FILE *in = fopen(path, "rb");
  size_t n = in ? fread(text, 1, sizeof text, in) : 0;
  if (in) fclose(in);
  struct spec_input input = {.path = path, .text = text, .len = n, .file = diag_file(d, path, text, n)};
  struct spec s;
  int before = failures;
  if (frontend_c.read(a, d, &input, &s) != ST_OK) {
    failures++;
  } else {
    void *h = compile(dir, path, &s), *made = h && hone ? compile_hone(dir, path, &s) : NULL;
    if (!h || (hone && !made))
      failures++;
    else
      for (unsigned i = 0; i < s.n; i++) check_function(path, s.fn[i].source->f, h, made, i, d);
    if (made) dlclose(made);
    if (h) dlclose(h);
  }
  if (failures > before) {
    struct buf b;
    buf_init(&b);
    diag_print(d, &b, false);
    printf("not ok - %s\n%s", path, b.data ? b.data : "");
    buf_free(&b);
  }
  diag_free(d);
  arena_free(a);
}

/* The n-th random file; kept when it fails. */
typedef void generator(FILE *f, uint64_t seed, int functions);

static void check_random(const char *dir, uint64_t n, generator *write, int functions) {
  char path[4096];
  snprintf(path, sizeof path, "%s/random_%d_%" PRIu64 ".c", dir, (int)getpid(), n);
  FILE *f = fopen(path, "w");
  if (!f) {
    failures++;
    return;
  }
  write(f, n, functions);
  fclose(f);
  int before = failures;
  check_file(dir, path);
  if (failures == before) remove(path);
}

int main(int argc, char **argv) {
  if (getenv("HONE_SEED")) seed ^= strtoull(getenv("HONE_SEED"), NULL, 10) * 0x9e3779b97f4a7c15u;
  if (argc > 2 && (!strcmp(argv[1], "--object") || !strcmp(argv[1], "--loops"))) {
    loops = !strcmp(argv[1], "--loops");
    hone = argv[2];
    if (getenv("HONE_REASSOC"))
      slack = 1e-3; /* enough to see a dropped term, not enough for random cancellation: for looking at by hand */
    argc -= 2;
    argv += 2;
  }
  static const struct {
    const char *name;
    generator *write;
    int functions; /* a file: a C compiler starts once for all of them */
  } random[] = {{"--random", random_c, 12},
                {"--nests", random_nests, 12},
                {"--mix", random_mix, 64},
                {"--walks", random_walks, 32},
                {"--unrolled", random_unrolled, 32}};
  for (size_t g = 0; argc == 5 && g < sizeof random / sizeof *random; g++) {
    if (strcmp(argv[1], random[g].name)) continue;
    uint64_t first = strtoull(argv[3], NULL, 10), count = strtoull(argv[4], NULL, 10);
    if (getenv("HONE_LONG")) count *= 20;
    for (uint64_t i = 0; i < count; i++) check_random(argv[2], first + i, random[g].write, random[g].functions);
    printf("%d failures\n", failures);
    return failures ? 1 : 0;
  }
  if (argc < 3) return 2;
  for (int i = 2; i < argc; i++) check_file(argv[1], argv[i]);
  printf("%d failures\n", failures);
  return failures ? 1 : 0;
}
