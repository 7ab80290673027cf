/* A library with the CBLAS interface (OpenBLAS, BLIS, MKL), opened by name so that several can be in one process.
   Products through ?gemm, one row through ?gemv, and what MKL has beyond: packed operands, batches, bf16 and int8
   products. Compiled once a library with -DPEER="name" -DLIBRARY="file". */
#include "bench/bench.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112, FIX_OFFSET = 173, B_PACKED = 151, B_OPERAND = 162 };
static void *lib;
static void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
static void (*dgemm)(int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *,
                     int);
static void (*sgemv)(int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
static void (*batch_strided)(int, int, int, int, int, int, float, const float *, int, int, const float *, int, int,
                             float, float *, int, int, int);
static size_t (*pack_size)(int, int, int, int);
static void (*pack)(int, int, int, int, int, int, float, const float *, int, float *);
static void (*compute)(int, int, int, int, int, int, const float *, int, const float *, int, float, float *, int);
static void (*bf16)(int, int, int, int, int, int, float, const uint16_t *, int, const uint16_t *, int, float, float *,
                    int);
static void (*s8u8)(int, int, int, int, int, int, int, float, const void *, int, int8_t, const void *, int, int8_t,
                    float, int32_t *, int, const int32_t *);

struct product {
  int m, n, k, ta, tb, batch;
  const void *a, *b;
  void *c;
  float *packed;
};

static void run_sgemm(void *v) {
  const struct product *p = v;
  for (int i = 0; i < p->batch; i++)
    sgemm(ROW_MAJOR, p->ta ? TRANS : NO_TRANS, p->tb ? TRANS : NO_TRANS, p->m, p->n, p->k, 1,
          (const float *)p->a + (size_t)i * p->m * p->k, p->ta ? p->m : p->k,
          (const float *)p->b + (size_t)i * p->k * p->n, p->tb ? p->k : p->n, 0,
          (float *)p->c + (size_t)i * p->m * p->n, p->n);
}
static void run_dgemm(void *v) {
  const struct product *p = v;
  dgemm(ROW_MAJOR, NO_TRANS, NO_TRANS, p->m, p->n, p->k, 1, p->a, p->k, p->b, p->n, 0, p->c, p->n);
}
static void run_sgemv(void *v) { /* c[n] = B' a[k], or c[m] = A b[k] */
  const struct product *p = v;
  if (p->m == 1)
    sgemv(ROW_MAJOR, TRANS, p->k, p->n, 1, p->b, p->n, p->a, 1, 0, p->c, 1);
  else
    sgemv(ROW_MAJOR, NO_TRANS, p->m, p->k, 1, p->a, p->k, p->b, 1, 0, p->c, 1);
}
static void run_batch(void *v) {
  const struct product *p = v;
  batch_strided(ROW_MAJOR, NO_TRANS, NO_TRANS, p->m, p->n, p->k, 1, p->a, p->k, p->m * p->k, p->b, p->n, p->k * p->n, 0,
                p->c, p->n, p->m * p->n, p->batch);
}
static void run_packed(void *v) {
  const struct product *p = v;
  compute(ROW_MAJOR, p->ta ? TRANS : NO_TRANS, B_PACKED, p->m, p->n, p->k, p->a, p->ta ? p->m : p->k, p->packed,
          p->tb ? p->k : p->n, 0, p->c, p->n);
}
static void run_bf16(void *v) {
  const struct product *p = v;
  bf16(ROW_MAJOR, NO_TRANS, NO_TRANS, p->m, p->n, p->k, 1, p->a, p->k, p->b, p->n, 0, p->c, p->n);
}
static void run_u8s8(void *v) { /* row-major: the left operand is u8, the right one s8 */
  const struct product *p = v;
  static const int32_t zero;
  s8u8(ROW_MAJOR, NO_TRANS, NO_TRANS, FIX_OFFSET, p->m, p->n, p->k, 1, p->a, p->k, 0, p->b, p->n, 0, 0, p->c, p->n,
       &zero);
}

static void *find(const char *name) {
  return dlsym(lib, name);
}
#define FIND(f, name)                                                                                                  \
  do {                                                                                                                 \
    void *s = find(name);                                                                                              \
    memcpy(&f, &s, sizeof s);                                                                                          \
  } while (0)
static bool open_library(unsigned threads) {
  void (*set)(int) = NULL;
  lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!lib) return false;
  FIND(sgemm, "cblas_sgemm");
  FIND(dgemm, "cblas_dgemm");
  FIND(sgemv, "cblas_sgemv");
  FIND(batch_strided, "cblas_sgemm_batch_strided");
  FIND(pack_size, "cblas_sgemm_pack_get_size");
  FIND(pack, "cblas_sgemm_pack");
  FIND(compute, "cblas_sgemm_compute");
  FIND(bf16, "cblas_gemm_bf16bf16f32");
  FIND(s8u8, "cblas_gemm_s8u8s32");
  static const char *const setter[] = {"openblas_set_num_threads", "bli_thread_set_num_threads_",
                                       "MKL_Set_Num_Threads"};
  for (unsigned i = 0; i < 3; i++) {
    FIND(set, setter[i]);
    if (set && i != 1)
      set((int)threads); /* BLIS takes its number from the environment: its setter wants a 64-bit integer */
  }
  return sgemm && dgemm && sgemv;
}

static void add(struct form *f, unsigned *n, unsigned room, const char *name, void (*run)(void *),
                const struct product *p, bool prepacked) {
  struct product *q = malloc(sizeof *q);
  if (!q || *n == room) {
    free(q);
    return;
  }
  *q = *p;
  f[*n] = (struct form){.run = run, .state = q, .prepacked = prepacked};
  snprintf(f[(*n)++].name, sizeof f->name, PEER "%s", name);
}

unsigned peer_forms(const struct row *r, struct form *f, unsigned room, const char **version) {
  unsigned n = 0;
  bool batch = row_is(r, "batched"),
       one = row_is(r, "matmul") || row_is(r, "matmul_nt") || row_is(r, "matmul_tn") || row_is(r, "transposed");
  bool other = row_is(r, "dmatmul") || row_is(r, "bf16_product") || row_is(r, "u8s8_product");
  if (!(batch || one || other) || !open_library(r->threads)) return 0;
  const char *slash = strrchr(LIBRARY, '/'); /* where it lies is this machine's business */
  *version = slash ? slash + 1 : LIBRARY;
  const int64_t *d = r->d + batch;
  struct product p = {.m = (int)d[0],
                      .n = (int)d[1],
                      .k = (int)d[2],
                      .a = r->buf[0].p,
                      .b = r->buf[1].p,
                      .c = r->buf[2].p,
                      .batch = batch ? (int)r->d[0] : 1,
                      .ta = row_is(r, "matmul_tn") || row_is(r, "transposed"),
                      .tb = row_is(r, "matmul_nt") || row_is(r, "transposed")};
  if (batch || one) add(f, &n, room, "", run_sgemm, &p, false);
  if (row_is(r, "dmatmul")) add(f, &n, room, "", run_dgemm, &p, false);
  if (row_is(r, "matmul") && (p.m == 1 || p.n == 1)) add(f, &n, room, " gemv", run_sgemv, &p, false);
  if (batch && batch_strided) add(f, &n, room, " batch", run_batch, &p, false);
  if (row_is(r, "bf16_product") && bf16) add(f, &n, room, "", run_bf16, &p, false);
  if (row_is(r, "u8s8_product") && s8u8) add(f, &n, room, "", run_u8s8, &p, false);
  if (one && pack && pack_size && compute &&
      (p.packed = aligned_alloc(64, (pack_size(B_OPERAND, p.m, p.n, p.k) + 63) & ~(size_t)63))) {
    pack(ROW_MAJOR, B_OPERAND, p.tb ? TRANS : NO_TRANS, p.m, p.n, p.k, 1, p.b, p.tb ? p.k : p.n, p.packed);
    add(f, &n, room, " packed", run_packed, &p, true);
  }
  return n;
}
