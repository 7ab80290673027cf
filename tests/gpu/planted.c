/* Mistakes planted in the PTX of a product by warp groups: the emulator must find each of them, and nothing where none
   is. What it must say is part of the case: a wrong result, or the finding. */
#include "codegen/target/target.h"
#include "ir/buf.h"
#include "tests/gpu/emulate.h"
#include "tests/lower/lower_common.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRODUCT                                                                                                        \
  "kernel f(A: bf16[M, K], W: bf16[K, N]) -> C: f32[M, N] { C[i, j] = sum(k) f32(A[i, k]) * f32(W[k, j]) }"
#define NARROW                                                                                                         \
  "kernel f(A: bf16[M, K], W: bf16[K, N]) -> C: bf16[M, N] { C[i, j] = bf16(sum(k) f32(A[i, k]) * f32(W[k, j])) }"
#define GROUPS                                                                                                         \
  "tile i 64; tile j 64; tile k 16; tile k 64; order i1 j1 k2 k1 k0; lanes j0 4; piece j0 2; threads i0 8; warps i0 "  \
  "4; "                                                                                                                \
  "pack A k2; pack W k2; tensorize wgmma k0; parallel i1; parallel j1"

#define RINGS GROUPS "; stage A smem 2 tma swizzle128; stage W smem 2 tma swizzle128"

#define ATTENTION                                                                                                      \
  "kernel f(T: i32, Q: bf16[T, 64], K: bf16[T, 64], V: bf16[T, 64]) -> O: bf16[T, 64] { "                              \
  "for t, s if s <= t: p[t, s] = (sum(d) f32(Q[t, d]) * f32(K[s, d])) / 8.0; m[t] = max(s if s <= t) p[t, s]; "        \
  "for t, s if s <= t: e[t, s] = exp(p[t, s] - m[t]); z[t] = sum(s if s <= t) e[t, s]; "                               \
  "O[t, v] = bf16((sum(s if s <= t) e[t, s] * f32(V[s, v])) / z[t]) }"
#define WEIGHTS(KEYS)                                                                                                  \
  "tile t 64; tile s " KEYS "; tile v 64; tile d 16; tile d 64; order t1 s1 v1 d2 d1 d0 s0 t0 v0; lanes s0 4; piece "  \
  "s0 2; lanes v0 4; piece v0 2; threads t0 8; warps t0 4; pack K s1; pack V s1; pack Q t1; tensorize wgmma d0; "      \
  "tensorize wgmma s0; stage K smem 2 tma swizzle128; stage V smem 2 tma swizzle128; parallel t1"

#define SPLIT                                                                                                          \
  "split k 3; tile i 64; tile j 64; tile k 16; tile k 64; order k_part0 i1 j1 k2 k1 k0; lanes j0 4; piece j0 2; "      \
  "threads i0 8; warps i0 4; pack A k2; pack W k2; tensorize wgmma k0; parallel k_part0; parallel i1; parallel j1; "   \
  "stage A smem 2 tma swizzle128; stage W smem 2 tma swizzle128"

/* Beside the product by warp groups one by ordinary arithmetic, which reads the same tiles. */
#define BESIDE                                                                                                         \
  "kernel f(Q: bf16[M, 64], K: bf16[T, 64], V: bf16[T, 64]) -> O: f32[M, 64], X: f32[M, 64] { "                        \
  "p[t, s] = sum(d) f32(Q[t, d]) * f32(K[s, d]); m[t] = max(s) p[t, s]; e[t, s] = exp(p[t, s] - m[t]); "               \
  "z[t] = sum(s) e[t, s]; o[t, v] = sum(s) e[t, s] * f32(V[s, v]); x[t, v] = sum(s) e[t, s] * abs(f32(V[s, v])); "     \
  "O[t, v] = o[t, v] / z[t]; X[t, v] = x[t, v] / z[t] }"

#define FEW                                                                                                            \
  "kernel f(Q: bf16[M, 64], K: bf16[T, 64], V: bf16[T, 64]) -> O: f32[M, 64] { "                                       \
  "p[t, s] = sum(d) f32(Q[t, d]) * f32(K[s, d]); m[t] = max(s) p[t, s]; e[t, s] = exp(p[t, s] - m[t]); "               \
  "z[t] = sum(s) e[t, s]; o[t, v] = sum(s) e[t, s] * f32(V[s, v]); O[t, v] = o[t, v] / z[t] }"

/* What the mistakes are planted in. bound: dims are known. */
struct subject {
  const char *text, *sched, *dims;
  bool bound, fast;
};
static const struct subject groups = {PRODUCT, GROUPS, "M=40,N=72,K=152", false, false},
                            rings = {PRODUCT, RINGS, "M=40,N=72,K=152", false, false},
                            clusters = {PRODUCT, RINGS "; cluster i1 2", "M=128,N=72,K=152", true, false},
                            boxes = {NARROW, RINGS "; stage C smem 1 tma swizzle128; persist i1 1", "M=128,N=72,K=152",
                                     true, false},
                            attention = {ATTENTION, WEIGHTS("64"), "T=70", false, true},
                            few = {FEW, WEIGHTS("16"), "M=4,T=72", true, true},
                            beside = {BESIDE, WEIGHTS("16"), "M=4,T=40", false, true},
                            parts = {PRODUCT, SPLIT, "M=40,N=72,K=384", true, false};

static const struct planted {
  const char *what;
  const struct subject *in;
  const char *old, *new; /* every `old` becomes `new`; "#N": the wait for an mbarrier number N is none */
  const char *finding;   /* part of what is said; NULL: nothing is wrong */
} cases[] = {
    {"nothing", &groups, NULL, NULL, NULL},
    {"no fence between ordinary stores and wgmma", &groups, "fence.proxy.async.shared::cta;", "", "proxy"},
    {"no barrier", &groups, "bar.sync \t0;", "", "race"},
    {"the sums are not waited for", &groups, "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;",
     ""},
    {"an operand that is not turned", &groups, "1, 1, 0, 1;", "1, 1, 0, 0;", ""},
    {"nothing in rings", &rings, NULL, NULL, NULL},
    {"too few bytes expected", &rings, ", 16384;", ", 8192;", ""},
    {"too many bytes expected", &rings, ", 16384;", ", 24576;", ""},
    {"a buffer is given back while it is read", &rings, "wgmma.wait_group.sync.aligned \t1;",
     "wgmma.wait_group.sync.aligned \t2;", "race"},
    {"the last sums are not waited for", &rings, "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;",
     ""},
    {"nothing in clusters", &clusters, NULL, NULL, NULL},
    {"a cluster begins before its rings are ready", &clusters,
     "barrier.cluster.arrive.relaxed.aligned;\n\tbarrier.cluster.wait.aligned;", "", ""},
    {"warps of one block are not waited for", &clusters, "mov.b32 \t%r8, 8;", "mov.b32 \t%r8, 4;", "misuse"},
    {"one warp too many must be done", &rings, "mov.b32 \t%r6, 4;", "mov.b32 \t%r6, 5;", "deadlock"},
    {"nothing in results by boxes", &boxes, NULL, NULL, NULL},
    {"results that are not shown to the boxes", &boxes, "fence.proxy.async.shared::cta;", "", "proxy"},
    {"a result's buffer that is filled while it is read", &boxes, "cp.async.bulk.wait_group.read \t0;", "", "race"},
    {"boxes that nobody waits for", &boxes, "cp.async.bulk.wait_group \t0;", "", ""},
    {"boxes of no group", &boxes, "cp.async.bulk.commit_group;", "", ""},
    {"boxes asked for before the threads are done", &boxes, "bar.sync \t1, 128;", "", "race"},
    {"nothing in attention", &attention, NULL, NULL, NULL},
    {"values that are not turned", &attention, ", 1, 1, 1;", ", 1, 1, 0;", ""},
    {"scores and sums that are not waited for", &attention, "wgmma.wait_group.sync.aligned 0;",
     "wgmma.wait_group.sync.aligned 1;", "race"},
    {"rows summed by half of their threads", &attention, ", 2, 31, -1;", ", 0, 31, -1;", ""},
    {"a block that the mask cuts is taken for a whole one", &attention, ", 62;", ", -2;", ""},
    {"nothing beside", &beside, NULL, NULL, NULL},
    {"a buffer is given back before all lanes have read it", &beside, "bar.warp.sync \t-1;", "", "race"},
    {"nothing in parts", &parts, NULL, NULL, NULL},
    {"parts that lie over each other", &parts, ", 11520, %", ", 5760, %", ""},
    {"parts that are added from elsewhere", &parts, ", 11520;", ", 5760;", ""},
    {"too many bytes of keys and values", &attention, ", 8192;", ", 16384;", ""},
    {"nothing in few", &few, NULL, NULL, NULL},
    {"keys brought before theirs are given back", &few, "#0", NULL, "misuse"},
    {"values brought before theirs are given back", &few, "#1", NULL, "misuse"},
    {"the first keys are not waited for", &few, "#2", NULL, "race"},
    {"keys are not waited for", &few, "#3", NULL, "race"},
    {"values are not waited for", &few, "#4", NULL, "race"},
    {"the last values are not waited for", &few, "#5", NULL, "race"},
};
static const struct planted *now;
static bool lazy, found;

static void replace_all(struct buf *b, const char *old, const char *new) {
  struct buf out;
  buf_init(&out);
  const char *at = b->data, *hit;
  for (; (hit = strstr(at, old)); at = hit + strlen(old)) {
    buf_printf(&out, "%.*s%s", (int)(hit - at), at, new);
    found = true;
  }
  buf_puts(&out, at);
  b->len = 0;
  buf_write(b, out.data, out.len);
  buf_free(&out);
}

/* Its predicate is true. */
static void drop_wait(struct buf *b, unsigned number) {
  static const char wait[] = "mbarrier.try_wait.parity.shared.b64";
  char whole[200], none[200];
  const char *at = b->data;
  for (unsigned i = 0; at && (at = strstr(at, wait)) && i < number; i++) at++;
  const char *p = at ? at + strlen(wait) : NULL, *comma = p ? strchr(p, ',') : NULL, *end = p ? strchr(p, ';') : NULL;
  if (!comma || !end || end - at >= (long)sizeof whole) return;
  snprintf(whole, sizeof whole, "%.*s", (int)(end - at), at);
  snprintf(none, sizeof none, "setp.eq.u32 %.*s, 0, 0", (int)(comma - p), p);
  replace_all(b, whole, none);
}

static void edit(struct buf *ptx) {
  if (!now->old) return;
  if (*now->old == '#')
    drop_wait(ptx, (unsigned)atoi(now->old + 1));
  else
    replace_all(ptx, now->old, now->new);
}

static enum status run_emulated(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d) {
  (void)max_ops;
  return emulate(f, a, "sm_90a", lazy, 5, d);
}

static void gpu_limits(struct limits *lim) {
  struct target t;
  struct arena *a = arena_new();
  if (target_resolve(a, "sm_90a", NULL, &t, NULL) == ST_OK) *lim = t.limits;
  arena_free(a);
}

/* What is said of the kernel with the mistake in it; NULL: nothing. Owned by the lab. */
static const char *run(struct lab *b) {
  bool skipped = false;
  struct sched s;
  const struct subject *in = now->in;
  struct kernel *k = lab_kernel(b, in->text, strlen(in->text));
  b->o.tf32 = b->o.fast = in->fast;
  struct groups *gs = k ? lab_groups(b, in->bound ? lab_fixed(b, k, in->dims) : k, true) : NULL;
  if (!gs || !lab_sched(b, gs, 0, in->sched, &s)) return lab_messages(b);
  return lab_check(b, k, gs, &s, in->dims, 3, &skipped);
}

static int check(void) {
  struct lab b;
  lab_open(&b, 64);
  b.o.threads = b.lim.cores;
  found = !now->old;
  const char *said = run(&b);
  bool ok = found && !said == !now->finding && (!said || strstr(said, now->finding));
  if (!ok)
    printf("%s (%s): %s%s\n", now->what, lazy ? "lazy" : "eager", found ? "" : "nothing was changed; ",
           said ? said : "nothing was found");
  lab_close(&b);
  return !ok;
}

int main(void) {
  int bad = 0;
  lab_run = run_emulated;
  lab_limits = gpu_limits;
  emulate_edit = edit;
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    now = &cases[i];
    lazy = true;
    bad += check();
    lazy = false;
    if (!now->finding) bad += check();
  }
  printf("%d wrong\n", bad);
  return bad != 0;
}
