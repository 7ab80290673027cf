/* The raised kernel does what the function does: for every function of the given C files that raises, the interpreter
   of equations (with its error bound) against the interpreter of SOURCE (C's own types and order), on random sizes that
   meet the kernel's assumptions: 0, 1, odd, negative. Elements that the C function does not write must keep their bits.
   Usage: raise_prop FILE.c... or raise_prop --random SEED FILES, --mix SEED FILES (with the parts of functions) */
#include "compiler/frontend/frontend.h"
#include "compiler/pass/parts.h"
#include "compiler/pass/raise.h"
#include "compiler/pass/skew.h"
#include "ir/interp.h"
#include "../source/random_c.h"
#include "raise_gen.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct frontend frontend_c;
enum { ROUNDS = 40, PAD = 64, MAX_ELEMS = 1 << 16 };
static int failures, raised;
static bool random_functions; /* assumptions that no size meets are their own fault */
static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t rnd(void) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return seed;
}

/* Whole numbers keep sums exact, so that comparisons (argmin, clamping) decide alike; otherwise any small value. */
static bool specials; /* now and then NaN or an infinity */

static union value random_value(enum dtype t, bool whole) {
  union value v = {0};
  if (specials && type_is_float(t) && !(rnd() % 12)) {
    static const double some[] = {NAN, NAN, INFINITY, -INFINITY, -0.0};
    v.f = some[rnd() % 5];
    return v;
  }
  if (type_is_float(t))
    v.f = whole ? (double)((int)(rnd() % 9) - 4) : ((double)(rnd() % 20001) - 10000) / 7919;
  else
    v.i = (int64_t)(rnd() % 15) - (type_class(t) == DC_SINT ? 7 : 0);
  return type_round(t, v);
}

static int64_t random_dim(const char *name) {
  static const int64_t some[] = {0, 1, 1, 2, 3, 3, 4, 5, 7, 8, -1};
  if (!strncmp(name, "ld", 2)) return 7 + (int64_t)(rnd() % 4);
  if (!strcmp(name, "stride") || !strcmp(name, "st")) return 1 + (int64_t)(rnd() % 2);
  if (!strcmp(name, "pad") || !strcmp(name, "p")) return (int64_t)(rnd() % 3);
  if (name[0] == 's' && (!name[1] || name[1] == 'x' || name[1] == 'y')) return 60 + (int64_t)(rnd() % 9);
  return some[rnd() % (sizeof some / sizeof *some)];
}

struct trial {
  const struct kernel *k;
  struct args a, b; /* SOURCE, equations: separate memory with equal contents */
  int64_t *elems;
};

static bool assumptions_hold(const struct kernel *k, const struct args *a) {
  int64_t *v = calloc(k->nsym + 1u, sizeof *v), x;
  bool ok = true;
  for (unsigned p = 0; p < k->nparam; p++)
    if (k->param[p].kind == PARAM_DIM) v[k->param[p].ref] = a->dim[p];
  for (unsigned i = 0; i < k->nassume; i++) ok &= poly_eval(k->assume[i], v, &x) && x >= 0;
  free(v);
  return ok;
}

static bool make(struct trial *t, const struct kernel *k, bool whole, bool dims_too) {
  t->k = k;
  for (unsigned p = 0; p < k->nparam; p++) {
    const struct param *q = &k->param[p];
    if (q->kind == PARAM_DIM && dims_too) t->a.dim[p] = t->b.dim[p] = random_dim(q->name);
    if (q->kind == PARAM_SCALAR) {
      t->a.scalar[p] = random_value((enum dtype)q->type, whole);
      if (!strcmp(q->name, "shift")) t->a.scalar[p].i = 1 + (int64_t)(rnd() % 8);
      t->b.scalar[p] = t->a.scalar[p];
    }
  }
  if (!assumptions_hold(k, &t->a)) return false;
  for (unsigned p = 0; p < k->nparam; p++) {
    const struct param *q = &k->param[p];
    size_t size = type_size((enum dtype)q->type);
    if (q->kind != PARAM_TENSOR) continue;
    if (!tensor_span(k, q->ref, &t->a, MAX_ELEMS, &t->elems[p])) return false;
    size_t n = (size_t)t->elems[p] + PAD;
    char *x = malloc(n * size), *y = malloc(n * size);
    for (size_t i = 0; i < n; i++)
      type_store((enum dtype)q->type, x + i * size, random_value((enum dtype)q->type, whole));
    memcpy(y, x, n * size);
    t->a.data[p] = x;
    t->b.data[p] = y;
  }
  return true;
}

static void open_trial(struct trial *t, unsigned n) {
  struct args *both[2] = {&t->a, &t->b};
  for (int i = 0; i < 2; i++) {
    both[i]->dim = calloc(n + 1, sizeof *both[i]->dim);
    both[i]->scalar = calloc(n + 1, sizeof *both[i]->scalar);
    both[i]->data = calloc(n + 1, sizeof *both[i]->data);
  }
  t->elems = calloc(n + 1, sizeof *t->elems);
}

static void close_trial(struct trial *t, unsigned n) {
  struct args *both[2] = {&t->a, &t->b};
  for (int i = 0; i < 2; i++) {
    for (unsigned p = 0; p < n; p++) free(both[i]->data[p]);
    free(both[i]->dim), free(both[i]->scalar), free(both[i]->data);
  }
  free(t->elems);
}

/* C's result x against the expected value; both sides round, so twice the bound. */
static bool close_enough(enum dtype t, union value x, const struct expect *e, size_t i) {
  if (!type_is_float(t)) return x.i == e->ival[i];
  if (isnan(x.f) || isnan(e->ref[i])) return isnan(x.f) && isnan(e->ref[i]);
  double max = t == DT_f32 ? 0x1p127 : t == DT_f16 ? 65504 : INFINITY; /* beyond: C has overflowed or is about to */
  if (fabs(e->ref[i]) + e->bound[i] >= max) return isinf(x.f) || isnan(x.f) || fabs(x.f - e->ref[i]) <= 2 * e->bound[i];
  if (isinf(x.f) || isinf(e->ref[i])) return x.f == e->ref[i];
  return fabs(x.f - e->ref[i]) <= 2 * e->bound[i] + 1e-30;
}

/* What SOURCE changed must be written by the equations too; what these write must be right; nothing else may change. */
static bool compare(struct trial *t, const struct kernel *k, const char *before, unsigned p, const struct expect *e,
                    const char *file) {
  enum dtype d = (enum dtype)k->param[p].type;
  size_t size = type_size(d);
  for (size_t i = 0; i < (size_t)t->elems[p] + PAD; i++) {
    const char *x = (char *)t->a.data[p] + i * size;
    bool written = i < (size_t)t->elems[p] && e->written && e->written[i];
    if (!written && !memcmp(x, before + i * size, size)) continue;
    if (written && close_enough(d, type_load(d, x), e, i)) continue;
    union value v = type_load(d, x);
    printf("not ok - %s: %s: %s[%zu] is %.9g in C, ", file, k->name, k->param[p].name, i,
           type_is_float(d) ? v.f : (double)v.i);
    if (!written)
      printf("not written by the equations\n");
    else
      printf("%.9g +- %.3g by the equations\n", type_is_float(d) ? e->ref[i] : (double)e->ival[i],
             e->bound ? e->bound[i] : 0);
    for (unsigned q = 0; q < k->nparam; q++)
      if (k->param[q].kind == PARAM_DIM) printf("  %s = %" PRId64 "\n", k->param[q].name, t->a.dim[q]);
    return false;
  }
  return true;
}

static bool run(struct trial *t, const struct source *s, const struct kernel *k, const char *file, struct diag *d,
                unsigned *ran) {
  struct arena *a = arena_new();
  struct expect *want = ARENA_NEW(a, struct expect, k->nparam + 1);
  char **before = ARENA_NEW(a, char *, k->nparam + 1);
  for (unsigned p = 0; p < k->nparam; p++)
    if (k->param[p].kind == PARAM_TENSOR)
      before[p] = arena_dup(a, t->a.data[p], ((size_t)t->elems[p] + PAD) * type_size((enum dtype)k->param[p].type));
  enum status st = lfunc_interp(s->f, &t->a, 4000000, d);
  if (st == ST_REFUSED ||
      st == ST_INFEASIBLE) { /* at these sizes the C function itself reads outside an array, or takes too long */
    diag_clear(d);
    arena_free(a);
    return true;
  }
  bool ok = st == ST_OK && kernel_interp(k, &t->b, a, want, 4000000, d) == ST_OK;
  if (!ok) printf("not ok - %s: %s: cannot be interpreted\n", file, k->name);
  ++*ran;
  for (unsigned p = 0; ok && p < k->nparam; p++)
    if (k->param[p].kind == PARAM_TENSOR) ok = compare(t, k, before[p], p, &want[p], file);
  arena_free(a);
  return ok;
}

/* Integers that come from rounded floats may differ by one: such kernels see whole numbers only. */
static bool needs_whole(const struct kernel *k) {
  bool flt = false, integer = false;
  for (unsigned i = 0; i < k->ntensor; i++) {
    flt |= type_is_float((enum dtype)k->tensor[i].type);
    integer |= !type_is_float((enum dtype)k->tensor[i].type) && k->tensor[i].role != ROLE_IN;
  }
  return flt && integer;
}

static void check(const struct source *s, const struct kernel *k, const char *file, struct diag *d) {
  unsigned ran = 0;
  bool ok = kernel_verify(k, d);
  if (!ok) printf("not ok - %s: %s does not verify\n", file, k->name);
  for (unsigned r = 0; ok && r < ROUNDS; r++) {
    struct trial t = {0};
    open_trial(&t, k->nparam);
    specials = r % 5 == 4;
    if (make(&t, k, needs_whole(k) || r % 2, true)) {
      ok = run(&t, s, k, file, d, &ran);
    }
    close_trial(&t, k->nparam);
  }
  raised++;
  if (ok && ran < 3 && !random_functions) {
    printf("not ok - %s: %s: only %u of %d rounds met its assumptions\n", file, k->name, ran, ROUNDS);
    ok = false;
  }
  if (ok && !random_functions) printf("ok - %s: %s, %u rounds\n", file, k->name, ran);
  failures += !ok;
}

/* What raises of a function that does not raise as a whole. */
static void check_parts(struct arena *a, struct source *s, const char *path, struct diag *d) {
  struct raised_parts parts;
  pass_skew(a, s, 4096);
  pass_parts(a, s, d, &parts);
  for (unsigned i = 0; i < parts.n; i++) check(parts.v[i].source, parts.v[i].k, path, d);
}

static void check_text(const char *path, const char *text, size_t n) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct spec_input in = {.path = path, .text = text, .len = n, .file = diag_file(d, path, text, n)};
  struct spec s = {0};
  int before = failures;
  if (frontend_c.read(a, d, &in, &s) != ST_OK) {
    printf("not ok - %s\n", path);
    failures++;
  }
  for (unsigned i = 0; i < s.n; i++) {
    struct kernel *k;
    const char *why;
    struct loc at;
    if (pass_raise(a, s.fn[i].source, &k, d, &why, &at) == ST_OK)
      check(s.fn[i].source, k, path, d);
    else if (random_functions)
      check_parts(a, s.fn[i].source, path, d);
  }
  if (failures > before) {
    struct buf b;
    buf_init(&b);
    diag_print(d, &b, false);
    printf("%s", b.data ? b.data : "");
    buf_free(&b);
  }
  diag_free(d);
  arena_free(a);
}

static void check_file(const char *path) {
  static char text[1 << 20];
  FILE *f = fopen(path, "rb");
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  if (f) fclose(f);
  text[n] = 0;
  check_text(path, text, n);
}

/* On failure the text that failed stands in the output: `raise_prop --random SEED 1` makes it again. */
static void check_random(uint64_t first, unsigned files, bool mix) {
  for (unsigned i = 0; i < files; i++) {
    struct buf text;
    char label[64], *mixed = NULL;
    size_t len = 0;
    int before = failures;
    buf_init(&text);
    FILE *f = mix ? open_memstream(&mixed, &len) : NULL;
    if (f) {
      random_mix(f, first + i, 60);
      fclose(f);
      buf_write(&text, mixed, len);
      free(mixed);
    } else {
      raise_random_c(&text, first + i, 60);
    }
    snprintf(label, sizeof label, "random %" PRIu64, first + i);
    random_functions = true;
    check_text(label, text.data, text.len);
    if (failures > before) printf("%s", text.data);
    buf_free(&text);
  }
  printf("%d random functions raised\n", raised);
  if (raised < (int)files) failures++;
}

int main(int argc, char **argv) {
  if (getenv("HONE_SEED")) seed = strtoull(getenv("HONE_SEED"), NULL, 0) | 1;
  bool mix = argc == 4 && !strcmp(argv[1], "--mix");
  if (mix || (argc == 4 && !strcmp(argv[1], "--random")))
    check_random(strtoull(argv[2], NULL, 0), (unsigned)strtoul(argv[3], NULL, 0), mix);
  else
    for (int i = 1; i < argc; i++) check_file(argv[i]);
  return failures != 0;
}
