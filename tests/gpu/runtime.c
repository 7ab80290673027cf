/* Products by warp groups through the runtime, as an object's entry runs them: package, plan, tensor maps
   (runtime/cuda.c) on the driver whose device is the emulator. Aligned arrays take the maps, others do not; so it is
   with clusters that share them, in turns. */
#include "codegen/emit/emit.h"
#include "codegen/target/target.h"
#include "runtime/emu_cuda.h"
#include "runtime/gpu_package.h"
#include "tests/lower/lower_common.h"
#include <stdio.h>
#include <string.h>

#define KERNEL                                                                                                         \
  "kernel f(A: bf16[B, M, K], W: bf16[K, N]) -> C: f32[B, M, N] {\n"                                                   \
  "  C[b, i, j] = sum(k) f32(A[b, i, k]) * f32(W[k, j])\n}"
#define SCHEDULE(row, batch)                                                                                           \
  "tile " row " 64; tile j 64; tile k 16; tile k 64; order " batch " " row "1 j1 k2 k1 k0; lanes j0 4; piece j0 2; "   \
  "threads " row "0 8; warps " row "0 4; pack A k2; pack W k2; stage A smem 2 tma swizzle128; "                        \
  "stage W smem 2 tma swizzle128; tensorize wgmma k0; parallel " row "1; parallel j1"
#define PLAIN    SCHEDULE("i", "b0") "; parallel b0"
#define TOGETHER SCHEDULE("bi", "") "; cluster bi1 2; persist bi1 2" /* known dims: all rows are one axis */
enum { ARGS = 16, SLACK = 64 };

static struct cuda_worker_calls api;
static uint64_t shift; /* bytes that arrays stand behind a boundary */
static uint64_t copied;

static bool find_api(void) {
  bool ok = true;
#define FIND(field, name, params, needed) ok = (hone_cuda_find(emu_cuda_get_proc, #name, &api.field) || !needed) && ok;
  CUDA_WORKER_CALLS(FIND)
#undef FIND
  return ok;
}

static bool move_args(const struct lfunc *f, const struct args *a, void **arg, int64_t *value, bool back) {
  bool ok = true;
  for (unsigned i = 0; i < f->k->nparam && ok; i++) {
    const struct param *p = &f->k->param[i];
    int64_t n = 0;
    arg[i] = &value[i];
    if (p->kind == PARAM_DIM) value[i] = a->dim[i];
    if (p->kind != PARAM_TENSOR) continue;
    ok = tensor_span(f->k, p->ref, a, INT64_C(1) << 30, &n);
    size_t bytes = (size_t)n * type_size((enum dtype)p->type);
    cuda_ptr at = 0;
    if (back) {
      ok = ok && !api.to_host(a->data[i], (cuda_ptr)value[i], bytes) && !api.free((cuda_ptr)value[i] - shift);
    } else {
      ok = ok && !api.alloc(&at, bytes + SLACK) && !api.to_device(at + shift, a->data[i], bytes);
      value[i] = (int64_t)(at + shift);
    }
  }
  return ok;
}

static enum status run_package(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d) {
  static const struct loc none;
  struct target t;
  struct buf bytes;
  struct gpu_package p;
  struct emit_entry e = {.k = f->k, .general = (struct lfunc *)(uintptr_t)f};
  struct emit_opts o = {.kind = EMIT_PACKAGE};
  void *arg[ARGS];
  int64_t value[ARGS];
  const char *why = "";
  (void)max_ops;
  buf_init(&bytes);
  enum status st = target_resolve(f->arena, "sm_90a", NULL, &t, d);
  if (st == ST_OK) st = emit_module(f->arena, &e, 1, &t, &o, false, &bytes, &why);
  const char *bad = st == ST_OK ? gpu_package_open((const uint8_t *)bytes.data, bytes.len, &p) : why;
  bool ok = !bad && f->k->nparam <= ARGS && move_args(f, a, arg, value, false);
  int rc = ok ? hone_cuda_run(&p.form, NULL, arg) : -1;
  struct emu_counts n;
  struct gpu_parts parts;
  emu_cuda_take(&n, &parts);
  copied = n.bulk_bytes;
  if (rc || !move_args(f, a, arg, value, true)) {
    diag_error(d, none, "%s, code %d: %s", bad ? bad : "", rc, emu_cuda_finding());
    st = ST_REFUSED;
  }
  if (ok) hone_cuda_forget(&p.form), gpu_package_close(&p);
  buf_free(&bytes);
  return st;
}

static void gpu_limits(struct limits *lim) {
  struct target t;
  struct arena *a = arena_new();
  if (target_resolve(a, "sm_90a", NULL, &t, false) == ST_OK) *lim = t.limits;
  arena_free(a);
}

/* together: in clusters, where dims are known. */
static int check(const char *dims, uint64_t at, bool maps, bool together) {
  struct lab b;
  struct sched s;
  bool skipped = false;
  lab_open(&b, 64);
  b.o.threads = b.lim.cores;
  shift = at, copied = 0;
  struct kernel *k = lab_kernel(&b, KERNEL, strlen(KERNEL));
  struct groups *gs = k ? lab_groups(&b, together ? lab_fixed(&b, k, dims) : k, true) : NULL;
  const char *why = !gs || !lab_sched(&b, gs, 0, together ? TOGETHER : PLAIN, &s)
                        ? lab_messages(&b)
                        : lab_check(&b, k, gs, &s, dims, 3, &skipped);
  if (!why && (skipped || maps != (copied > 0))) why = maps ? "no tensor map was used" : "a tensor map was used";
  if (why) printf("%s, arrays at %d: %s\n", dims, (int)at, why);
  lab_close(&b);
  return why != NULL;
}

int main(void) {
  lab_run = run_package;
  lab_limits = gpu_limits;
  hone_cuda_use_driver(emu_cuda_get_proc);
  emu_cuda_machine("sm_90a");
  cuda_result (*init)(unsigned flags);
  if (!find_api() || !hone_cuda_find(emu_cuda_get_proc, "cuInit", &init) || init(0)) return 2;
  int bad = check("B=2,M=40,K=152,N=72", 0, true, false) + check("B=2,M=40,K=152,N=72", 8, false, false) +
            check("B=1,M=40,K=75,N=70", 0, false, false);
  bad += check("B=1,M=5,K=0,N=8", 0, false, false);
  bad += check("B=2,M=40,K=152,N=72", 0, true, true) + check("B=2,M=40,K=152,N=72", 8, false, true);
  printf("%d wrong\n", bad);
  return bad != 0;
}
