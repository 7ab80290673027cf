#include "tests/emit/rig.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void rig_open(struct rig *r, const char *cpu) {
  memset(r, 0, sizeof *r);
  setenv("HONE_VERIFY_LLVM", "1", 1);
  r->a = arena_new();
  r->d = diag_new();
  buf_init(&r->object);
  enum status st = target_resolve(r->a, "host", cpu, &r->t, r->d);
  ck_assert_int_eq(st, ST_OK);
}

void rig_close(struct rig *r) {
  elf_unload(r->image);
  buf_free(&r->object);
  diag_free(r->d);
  arena_free(r->a);
}

static void fail_diag(struct rig *r, const char *what) {
  struct buf b;
  buf_init(&b);
  diag_print(r->d, &b, false);
  ck_abort_msg("%s:\n%s", what, b.data);
}

static void parse(struct rig *r, const char *text) {
  uint16_t file = diag_file(r->d, "test", text, strlen(text));
  if (lfunc_parse(r->a, r->d, file, text, strlen(text), &r->f) != ST_OK) fail_diag(r, "parse");
  if (!lfunc_verify(r->f, r->d)) fail_diag(r, "verify");
}

void rig_emit(struct rig *r, enum emit_kind kind, struct buf *out) {
  struct emit_entry e = {.k = r->f->k, .general = r->f};
  struct emit_opts o = {.kind = kind, .call_stub = true, .pic = true};
  const char *why = "";
  enum status st = emit_module(r->a, &e, 1, &r->t, &o, false, out, &why);
  ck_assert_msg(st == ST_OK, "emit: %s", why);
}

static void *resolve(void *ctx, const char *name) {
  (void)ctx;
  if (strcmp(name, HONE_RT_PARALLEL_SYMBOL) != 0) return NULL;
  void (*fn)(int64_t, int64_t, hone_rt_body *, void *) = hone_rt_parallel;
  void *p;
  memcpy(&p, &fn, sizeof p);
  return p;
}

void rig_load(struct rig *r, const char *text) {
  parse(r, text);
  const char *dump = getenv("HONE_DUMP");
  if (dump) {
    struct buf b;
    buf_init(&b);
    rig_emit(r, *dump == 'a' ? EMIT_ASM : EMIT_LLVM, &b);
    fputs(b.data, stderr);
    buf_free(&b);
  }
  buf_clear(&r->object);
  rig_emit(r, EMIT_OBJ, &r->object);
  char why[ELF_WHY], name[256];
  elf_unload(r->image);
  r->image = elf_load(r->object.data, r->object.len, resolve, NULL, why);
  ck_assert_msg(r->image != NULL, "load: %s", why);
  snprintf(name, sizeof name, "%s__hone_call", r->f->k->name);
  void *p = elf_symbol(r->image, name);
  ck_assert_ptr_nonnull(p);
  memcpy(&r->call, &p, sizeof p);
}

void fence_open(struct fence *f, size_t bytes, bool at_end) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (bytes + page - 1) / page * page;
  f->len = room + 2 * page;
  f->map = mmap(NULL, f->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert(f->map != MAP_FAILED);
  if (room) ck_assert_int_eq(mprotect(f->map + page, room, PROT_READ | PROT_WRITE), 0);
  f->p = at_end ? f->map + page + room - bytes : f->map + page;
}

void fence_close(struct fence *f) {
  munmap(f->map, f->len);
}

uint64_t rig_random(uint64_t *s) {
  *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
  return *s * 0x2545F4914F6CDD1Du;
}

/* Small numbers, so that integer types see their range and sums stay tame. */
static union value random_value(enum dtype t, uint64_t *s) {
  union value v = {0};
  uint64_t x = rig_random(s) >> 16;
  if (type_is_float(t))
    v.f = (double)(int64_t)(x % 2001) / 500.0 - 2.0;
  else if (t == DT_bool)
    v.u = x & 1;
  else
    v.i = (int64_t)(x % 15) - (type_is_signed(t) ? 7 : 0);
  return type_round(t, v);
}

static double ordered(enum dtype t, double x) {
  int mant = (int)type_mantissa(t), emin = t == DT_f16 ? -14 : t == DT_f64 ? -1022 : -126, e;
  if (x == 0) return 0;
  double fr = frexp(fabs(x), &e);
  if (e - 1 < emin) return copysign(ldexp(fabs(x), mant - 1 - emin), x);
  return copysign((fr * 2 - 1 + (e - 1 - emin) + 1) * ldexp(1, mant - 1), x);
}

double ulp_distance(enum dtype t, double a, double b) {
  if (isnan(a) && isnan(b)) return 0;
  if (isnan(a) || isnan(b)) return INFINITY;
  if (isinf(a) || isinf(b)) return a == b ? 0 : INFINITY;
  return fabs(ordered(t, a) - ordered(t, b));
}

/* Elements from the first to the last of the declared array. */
static int64_t span(struct rig *r, const struct tensor *t, const int64_t *dim) {
  const struct kernel *k = r->f->k;
  int64_t *vals = ARENA_NEW(r->a, int64_t, k->nsym + 1), last = 0;
  for (unsigned i = 0; i < k->nsym; i++)
    if (k->sym[i].kind == SYM_DIM) vals[i] = dim[k->sym[i].param];
  for (unsigned d = 0; d < t->rank; d++) {
    int64_t e, s;
    ck_assert(poly_eval(t->extent[d], vals, &e) && poly_eval(tensor_stride(r->a, t, d), vals, &s));
    if (e <= 0) return 0;
    last += (e - 1) * s;
  }
  return last + 1;
}

struct buffers {
  struct fence f[16];
  int64_t n[16];
};

static void fill(struct rig *r, const struct args *args, struct buffers *b, bool at_end) {
  const struct kernel *k = r->f->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR) continue;
    ck_assert_uint_lt(i, 16);
    enum dtype t = (enum dtype)k->param[i].type;
    b->n[i] = span(r, &k->tensor[k->param[i].ref], args->dim);
    fence_open(&b->f[i], (size_t)b->n[i] * type_size(t), at_end);
    args->data[i] = b->f[i].p;
    uint64_t seed = 0x9E3779B97F4A7C15u * (i + 1);
    for (int64_t j = 0; j < b->n[i]; j++)
      type_store(t, (char *)b->f[i].p + (size_t)j * type_size(t), random_value(t, &seed));
  }
}

static void call_compiled(struct rig *r, struct args *args) {
  const struct kernel *k = r->f->k;
  char cell[32][16];
  void *ptr[32];
  ck_assert_uint_le(k->nparam, 32);
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    ptr[i] = cell[i];
    if (p->kind == PARAM_TENSOR) ptr[i] = &args->data[i];
    if (p->kind == PARAM_DIM) type_store((enum dtype)p->type, cell[i], (union value){.i = args->dim[i]});
    if (p->kind == PARAM_SCALAR) type_store((enum dtype)p->type, cell[i], args->scalar[i]);
  }
  r->call(ptr);
}

static void same(struct rig *r, struct buffers *got, struct buffers *want, double ulps) {
  const struct kernel *k = r->f->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR) continue;
    enum dtype t = (enum dtype)k->param[i].type;
    for (int64_t j = 0; j < got->n[i]; j++) {
      union value a = type_load(t, (char *)got->f[i].p + (size_t)j * type_size(t));
      union value b = type_load(t, (char *)want->f[i].p + (size_t)j * type_size(t));
      if (type_value_eq(t, a, b)) continue;
      bool close = type_is_float(t) && (ulp_distance(t, a.f, b.f) <= ulps ||
                                        fabs(a.f - b.f) <= 2 * ulps * type_epsilon(t)); /* sums may cancel */
      if (close) continue;
      if (type_is_float(t))
        ck_abort_msg("%s[%lld]: compiled %.9g, interpreted %.9g", k->param[i].name, (long long)j, a.f, b.f);
      else
        ck_abort_msg("%s[%lld]: compiled %lld, interpreted %lld", k->param[i].name, (long long)j, (long long)a.i,
                     (long long)b.i);
    }
  }
}

static void compare_once(struct rig *r, const int64_t *dims, double ulps, bool at_end) {
  const struct kernel *k = r->f->k;
  int64_t dim[32] = {0};
  union value scalar[32] = {{0}};
  void *d1[32] = {NULL}, *d2[32] = {NULL};
  uint64_t seed = 42;
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind == PARAM_DIM) dim[i] = *dims++;
    if (k->param[i].kind == PARAM_SCALAR) scalar[i] = random_value((enum dtype)k->param[i].type, &seed);
  }
  struct args x = {.dim = dim, .scalar = scalar, .data = d1}, y = {.dim = dim, .scalar = scalar, .data = d2};
  struct buffers got, want;
  fill(r, &x, &got, at_end);
  fill(r, &y, &want, at_end);
  call_compiled(r, &x);
  if (lfunc_interp(r->f, &y, 1u << 28, r->d) != ST_OK) fail_diag(r, "interpreter");
  same(r, &got, &want, ulps);
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind == PARAM_TENSOR) fence_close(&got.f[i]), fence_close(&want.f[i]);
}

void rig_compare(struct rig *r, const int64_t *dims, double ulps) {
  compare_once(r, dims, ulps, true);
  compare_once(r, dims, ulps, false);
}

void rig_compare_text(const char *text, const int64_t *dims, double ulps) {
  struct rig r;
  rig_open(&r, NULL);
  rig_load(&r, text);
  rig_compare(&r, dims, ulps);
  rig_close(&r);
}
