/* See lower_common.h. */
#include "tests/lower/lower_common.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

void (*lab_limits)(struct limits *lim);
bool lab_may_refuse, lab_all_bytes;

void lab_open(struct lab *b, unsigned vector_bytes) {
  *b = (struct lab){.a = arena_new(), .d = diag_new(), .o = {.threads = 1}};
  b->lim = (struct limits){.vector_bytes = vector_bytes,
                           .vector_regs = vector_bytes == 64 ? 32 : 16,
                           .l1_bytes = 32 << 10,
                           .l2_bytes = 1 << 20,
                           .l3_bytes = 32 << 20,
                           .line_bytes = 64,
                           .cores = 2,
                           .fma_per_cycle = 2,
                           .load_per_cycle = 2,
                           .store_per_cycle = 1,
                           .ghz = 3,
                           .dram_gbs = 20,
                           .has_fma = true,
                           .has_masks = true};
  b->lim.matrix_per_cycle[MATRIX_vnni] = b->lim.matrix_per_cycle[MATRIX_bf16] = 2;
  b->lim.matrix_per_cycle[MATRIX_mma] = b->lim.matrix_per_cycle[MATRIX_wgmma] = 1;
  b->lim.matrix_per_cycle[MATRIX_amx] = 16;
  b->lim.shared_bytes = 64u << 10;
  b->lim.fp8 = true;
  if (lab_limits) memset(b->lim.matrix_per_cycle, 0, sizeof b->lim.matrix_per_cycle), lab_limits(&b->lim);
}

void lab_close(struct lab *b) {
  diag_free(b->d);
  arena_free(b->a);
}

char *lab_messages(struct lab *b) {
  struct buf out;
  buf_init(&out);
  diag_print(b->d, &out, false);
  char *s = arena_strdup(b->a, out.data ? out.data : "");
  buf_free(&out);
  return s;
}

char *lab_file(struct lab *b, const char *path, size_t *len) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  char *text = arena_alloc(b->a, 1 << 16);
  *len = fread(text, 1, (1 << 16) - 1, f);
  fclose(f);
  return text;
}

struct kernel *lab_kernel(struct lab *b, const char *text, size_t len) {
  struct kernels ks = {0};
  uint16_t file = diag_file(b->d, "kernel", text, len);
  return kernels_parse(b->a, b->d, file, text, len, &ks) == ST_OK && ks.n ? ks.k[0] : NULL;
}

struct kernel *lab_fixed(struct lab *b, const struct kernel *k, const char *dims) {
  bool *has = ARENA_NEW(b->a, bool, k->nsym + 1);
  int64_t *value = ARENA_NEW(b->a, int64_t, k->nsym + 1);
  const char *bad;
  if (!kernel_parse_dims(k, dims, has, value, &bad)) return kernel_clone(b->a, k);
  return kernel_specialise(b->a, k, has, value);
}

struct groups *lab_groups(struct lab *b, const struct kernel *k, bool passes) {
  struct unit u = {.level = LEVEL_TENSOR, .k = kernel_clone(b->a, k), .strict = b->o.strict, .simt = b->lim.simt};
  if (!passes) return groups_trivial(b->a, u.k);
  return pass_run(b->a, hone_passes, hone_npasses, &u, b->d) == ST_OK ? u.gs : NULL;
}

bool lab_sched(struct lab *b, const struct groups *gs, unsigned g, const char *text, struct sched *s) {
  *s = sched_none();
  if (!strcmp(text, "none")) return true;
  if (!strcmp(text, "default")) {
    *s = sched_default(gs, g, &b->lim, &b->o);
    return true;
  }
  uint16_t file = diag_file(b->d, "schedule", text, strlen(text));
  return sched_parse(b->d, file, text, strlen(text), gs, g, s) == ST_OK;
}

uint64_t lab_random(uint64_t *s) {
  *s += 0x9E3779B97F4A7C15u;
  uint64_t z = *s;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* ---- calls ---- */

static union value draw(enum dtype t, uint64_t *s) {
  uint64_t r = lab_random(s);
  union value v = {0};
  if (type_is_float(t))
    v.f = (double)(r >> 11) / (double)(1ull << 52) - 1;
  else if (t == DT_bool)
    v.u = r & 1;
  else if (lab_all_bytes && type_size(t) == 1)
    v.i = (int64_t)(r % 256) - (type_is_signed(t) ? 128 : 0);
  else
    v.i = (int64_t)(r % 4) - (type_is_signed(t) && t == DT_i8);
  return type_round(t, v);
}

static int64_t span(const struct kernel *k, const struct args *x, unsigned p) {
  int64_t n = 0;
  return tensor_span(k, k->param[p].ref, x, 1 << 24, &n) ? n : -1;
}

static struct args *new_args(struct lab *b, const struct kernel *k, const char *dims, uint64_t seed) {
  struct args *x = ARENA_NEW(b->a, struct args, 1);
  bool *has = ARENA_NEW(b->a, bool, k->nsym + 1);
  int64_t *value = ARENA_NEW(b->a, int64_t, k->nsym + 1);
  const char *bad;
  if (!kernel_parse_dims(k, dims, has, value, &bad)) return NULL;
  x->dim = ARENA_NEW(b->a, int64_t, k->nparam + 1);
  x->scalar = ARENA_NEW(b->a, union value, k->nparam + 1);
  x->data = ARENA_NEW(b->a, void *, k->nparam + 1);
  for (unsigned p = 0; p < k->nparam; p++)
    if (k->param[p].kind == PARAM_DIM) x->dim[p] = value[k->param[p].ref];
  for (unsigned p = 0; p < k->nparam; p++) {
    enum dtype t = (enum dtype)k->param[p].type;
    if (k->param[p].kind == PARAM_SCALAR) x->scalar[p] = draw(t, &seed);
    if (k->param[p].kind != PARAM_TENSOR) continue;
    int64_t n = span(k, x, p);
    if (n < 0) return NULL;
    x->data[p] = arena_alloc(b->a, (size_t)n * type_size(t) + 1);
    for (int64_t i = 0; i < n; i++) type_store(t, (char *)x->data[p] + (size_t)i * type_size(t), draw(t, &seed));
  }
  return x;
}

static struct args *copy_args(struct lab *b, const struct kernel *k, const struct args *x) {
  struct args *y = arena_dup(b->a, x, sizeof *x);
  y->data = ARENA_NEW(b->a, void *, k->nparam + 1);
  for (unsigned p = 0; p < k->nparam; p++)
    if (k->param[p].kind == PARAM_TENSOR)
      y->data[p] = arena_dup(b->a, x->data[p], (size_t)span(k, x, p) * type_size((enum dtype)k->param[p].type) + 1);
  return y;
}

static const char *compare(struct lab *b, const struct kernel *k, const struct args *in, const struct args *got,
                           const struct expect *e, unsigned p) {
  enum dtype t = (enum dtype)k->param[p].type;
  size_t size = type_size(t);
  for (int64_t i = 0, n = span(k, in, p); i < n; i++) {
    union value v = type_load(t, (char *)got->data[p] + (size_t)i * size),
                old = type_load(t, (char *)in->data[p] + (size_t)i * size);
    if (!e->written[i]) {
      if (!type_value_eq(t, v, old))
        return arena_printf(b->a, "%s[%lld] is written and should not be", k->param[p].name, (long long)i);
      continue;
    }
    if (!type_is_float(t)) {
      if (v.i != e->ival[i])
        return arena_printf(b->a, "%s[%lld] is %lld, not %lld", k->param[p].name, (long long)i, (long long)v.i,
                            (long long)e->ival[i]);
      continue;
    }
    bool same = v.f == e->ref[i] || (isnan(v.f) && isnan(e->ref[i])) || fabs(v.f - e->ref[i]) <= e->bound[i];
    if (!same)
      return arena_printf(b->a, "%s[%lld] is %.9g, not %.9g +- %.3g", k->param[p].name, (long long)i, v.f, e->ref[i],
                          e->bound[i]);
  }
  return NULL;
}

enum status (*lab_run)(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d) = lfunc_interp;

const char *lab_check(struct lab *b, const struct kernel *spec, const struct groups *gs, const struct sched *s,
                      const char *dims, uint64_t seed, bool *skipped) {
  struct lfunc *f;
  const char *why = NULL;
  struct args *in = new_args(b, spec, dims, seed);
  *skipped = !in;
  if (!in) return NULL;
  if (lower_kernel(b->a, gs, s, &b->lim, &b->o, "fn", &f, &why) != ST_OK)
    return arena_printf(b->a, "not lowered: %s", why);
  if (!lfunc_verify(f, b->d)) return arena_printf(b->a, "verifier: %s", lab_messages(b));
  struct expect *want = ARENA_NEW(b->a, struct expect, spec->nparam + 1);
  struct args *ref = copy_args(b, spec, in), *got = copy_args(b, spec, in);
  struct diag *quiet = diag_new();
  ref->tf32 = b->o.tf32;
  ref->fast = b->o.fast;
  enum status st = kernel_interp(spec, ref, b->a, want, 1u << 24, quiet);
  diag_free(quiet);
  *skipped = st != ST_OK;
  if (*skipped) return NULL;
  st = lab_run(f, got, UINT64_C(1) << 28, b->d);
  *skipped = lab_may_refuse && st == ST_INFEASIBLE;
  if (*skipped) return NULL;
  if (st != ST_OK) return arena_printf(b->a, "run: %s", lab_messages(b));
  for (unsigned p = 0; p < spec->nparam; p++) {
    if (spec->param[p].kind != PARAM_TENSOR || spec->tensor[spec->param[p].ref].role == ROLE_IN) continue;
    const char *bad = compare(b, spec, in, got, &want[p], p);
    if (bad) return bad;
  }
  return NULL;
}
