/* See pass_common.h. */
#include "tests/pass/pass_common.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_open(struct bench *b) {
  b->a = arena_new();
  b->d = diag_new();
}

void bench_close(struct bench *b) {
  diag_free(b->d);
  arena_free(b->a);
}

void bench_expect_ok(struct bench *b, enum status st, const char *what) {
  if (st == ST_OK) return;
  struct buf out;
  buf_init(&out);
  diag_print(b->d, &out, false);
  ck_abort_msg("%s: status %d\n%s", what, (int)st, out.data ? out.data : "");
}

char *read_file(struct arena *a, const char *path, size_t *len) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  char *text = arena_alloc(a, 1 << 16);
  *len = fread(text, 1, (1 << 16) - 1, f);
  fclose(f);
  return text;
}

struct kernel *parse_kernel(struct bench *b, const char *name, const char *text, size_t len) {
  struct kernels ks = {0};
  uint16_t file = diag_file(b->d, name, text, len);
  bench_expect_ok(b, kernels_parse(b->a, b->d, file, text, len, &ks), name);
  ck_assert_uint_ge(ks.n, 1);
  return ks.k[0];
}

static const struct pass *find_pass(const char *name, size_t n) {
  for (unsigned i = 0; i < hone_npasses; i++)
    if (strlen(hone_passes[i].name) == n && memcmp(hone_passes[i].name, name, n) == 0) return &hone_passes[i];
  ck_abort_msg("no pass %.*s", (int)n, name);
}

struct unit run_passes(struct bench *b, const struct kernel *k, const char *names) {
  struct unit u = {.level = LEVEL_TENSOR, .k = kernel_clone(b->a, k)};
  for (const char *s = names; *s;) {
    size_t n = strcspn(s, ",");
    bench_expect_ok(b, pass_run(b->a, find_pass(s, n), 1, &u, b->d), names);
    s += n + (s[n] == ',');
  }
  return u;
}

struct groups *run_pipeline(struct bench *b, const struct kernel *k, bool strict) {
  struct unit u = {.level = LEVEL_TENSOR, .strict = strict, .k = kernel_clone(b->a, k)};
  bench_expect_ok(b, pass_run(b->a, hone_passes, hone_npasses, &u, b->d), "pipeline");
  return u.gs;
}

static uint64_t next(uint64_t *s) {
  *s += 0x9E3779B97F4A7C15u;
  uint64_t z = *s;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static union value draw(enum dtype t, uint64_t *s, bool special) {
  uint64_t r = next(s);
  union value v = {0};
  if (type_is_float(t)) {
    v.f = (double)(r >> 11) / (double)(1ull << 52) - 1;
    if (special && r % 4 == 0) v.f = -INFINITY;
    if (special && r % 61 == 0) v.f = NAN;
  } else if (t == DT_bool) {
    v.u = r & 1;
  } else {
    v.i = (int64_t)(r % 5) - (type_is_signed(t) && t != DT_i64 ? 2 : 0); /* i64 may be an index */
  }
  return type_round(t, v);
}

static bool tensor_elements(const struct kernel *k, const struct args *x, unsigned param, int64_t *n) {
  return tensor_span(k, k->param[param].ref, x, 1 << 24, n);
}

int64_t elements(const struct kernel *k, const struct args *x, unsigned param) {
  int64_t n = 0;
  ck_assert(tensor_elements(k, x, param, &n));
  return n;
}

static void fill(struct bench *b, const struct kernel *k, struct args *x, unsigned p, uint64_t *seed, bool special) {
  enum dtype t = k->param[p].type;
  int64_t n = elements(k, x, p);
  x->data[p] = arena_alloc(b->a, (size_t)n * type_size(t) + 1);
  for (int64_t i = 0; i < n; i++) type_store(t, (char *)x->data[p] + (size_t)i * type_size(t), draw(t, seed, special));
}

struct args *make_args(struct bench *b, const struct kernel *k, const char *dims, uint64_t seed, bool special) {
  struct args *x = ARENA_NEW(b->a, struct args, 1);
  bool *has = ARENA_NEW(b->a, bool, k->nsym + 1);
  int64_t *value = ARENA_NEW(b->a, int64_t, k->nsym + 1);
  const char *bad = NULL;
  ck_assert_msg(kernel_parse_dims(k, dims, has, value, &bad), "dims: %s", bad ? bad : "?");
  x->dim = ARENA_NEW(b->a, int64_t, k->nparam + 1);
  x->scalar = ARENA_NEW(b->a, union value, k->nparam + 1);
  x->data = ARENA_NEW(b->a, void *, k->nparam + 1);
  for (unsigned p = 0; p < k->nparam; p++)
    if (k->param[p].kind == PARAM_DIM) x->dim[p] = value[k->param[p].ref];
  for (unsigned p = 0; p < k->nparam; p++) {
    if (k->param[p].kind == PARAM_SCALAR) x->scalar[p] = draw(k->param[p].type, &seed, false);
    if (k->param[p].kind == PARAM_TENSOR) fill(b, k, x, p, &seed, special);
  }
  return x;
}

struct args *copy_args(struct bench *b, const struct kernel *k, const struct args *x) {
  struct args *y = arena_dup(b->a, x, sizeof *x);
  y->data = ARENA_NEW(b->a, void *, k->nparam + 1);
  for (unsigned p = 0; p < k->nparam; p++)
    if (k->param[p].kind == PARAM_TENSOR)
      y->data[p] = arena_dup(b->a, x->data[p], (size_t)elements(k, x, p) * type_size(k->param[p].type) + 1);
  return y;
}

double element(const struct kernel *k, const struct args *x, unsigned param, int64_t i) {
  enum dtype t = k->param[param].type;
  union value v = type_load(t, (char *)x->data[param] + (size_t)i * type_size(t));
  return type_is_float(t) ? v.f : (double)v.i;
}
