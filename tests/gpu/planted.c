/* Mistakes planted in the PTX of a product by warp groups: the emulator must find each of them, and nothing where none
   is. What it must say is part of the case: a wrong result, or the finding. */
#include "codegen/target/target.h"
#include "ir/buf.h"
#include "tests/gpu/emulate.h"
#include "tests/lower/lower_common.h"
#include <stdio.h>
#include <string.h>

#define PRODUCT                                                                                                        \
  "kernel f(A: bf16[M, K], W: bf16[K, N]) -> C: f32[M, N] { C[i, j] = sum(k) f32(A[i, k]) * f32(W[k, j]) }"
#define NARROW                                                                                                         \
  "kernel f(A: bf16[M, K], W: bf16[K, N]) -> C: bf16[M, N] { C[i, j] = bf16(sum(k) f32(A[i, k]) * f32(W[k, j])) }"
#define GROUPS                                                                                                         \
  "tile i 64; tile j 64; tile k 16; tile k 64; order i1 j1 k2 k1 k0; lanes j0 4; piece j0 2; threads i0 8; warps i0 "  \
  "4; "                                                                                                                \
  "pack A k2; pack W k2; tensorize wgmma k0; parallel i1; parallel j1"

#define CLUSTERS RINGS "; cluster i1 2"
#define RINGS    GROUPS "; stage A smem 2 tma swizzle128; stage W smem 2 tma swizzle128"

#define BOXES RINGS "; stage C smem 1 tma swizzle128; persist i1 1"

#define ATTENTION                                                                                                      \
  "kernel f(T: i32, Q: bf16[T, 64], K: bf16[T, 64], V: bf16[T, 64]) -> O: bf16[T, 64] { "                              \
  "for t, s if s <= t: p[t, s] = (sum(d) f32(Q[t, d]) * f32(K[s, d])) / 8.0; m[t] = max(s if s <= t) p[t, s]; "        \
  "for t, s if s <= t: e[t, s] = exp(p[t, s] - m[t]); z[t] = sum(s if s <= t) e[t, s]; "                               \
  "O[t, v] = bf16((sum(s if s <= t) e[t, s] * f32(V[s, v])) / z[t]) }"
#define WEIGHTS                                                                                                        \
  "tile t 64; tile s 64; tile v 64; tile d 16; tile d 64; order t1 s1 v1 d2 d1 d0 s0 t0 v0; lanes s0 4; piece s0 2; "  \
  "lanes v0 4; piece v0 2; threads t0 8; warps t0 4; pack K s1; pack V s1; pack Q t1; tensorize wgmma d0; tensorize "  \
  "wgmma s0; stage K smem 2 tma swizzle128; stage V smem 2 tma swizzle128; parallel t1"

static const struct planted {
  const char *what, *sched;
  const char *old, *new; /* every `old` becomes `new` */
  const char *finding;   /* part of what is said; NULL: nothing is wrong */
} cases[] = {
    {"nothing", GROUPS, NULL, NULL, NULL},
    {"no fence between ordinary stores and wgmma", GROUPS, "fence.proxy.async.shared::cta;", "", "proxy"},
    {"no barrier", GROUPS, "bar.sync \t0;", "", "race"},
    {"the sums are not waited for", GROUPS, "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;", ""},
    {"an operand that is not turned", GROUPS, "1, 1, 0, 1;", "1, 1, 0, 0;", ""},
    {"nothing in rings", RINGS, NULL, NULL, NULL},
    {"too few bytes expected", RINGS, ", 16384;", ", 8192;", ""},
    {"too many bytes expected", RINGS, ", 16384;", ", 24576;", ""},
    {"a buffer is given back while it is read", RINGS, "wgmma.wait_group.sync.aligned \t1;",
     "wgmma.wait_group.sync.aligned \t2;", "race"},
    {"the last sums are not waited for", RINGS, "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;",
     ""},
    {"nothing in clusters", CLUSTERS, NULL, NULL, NULL},
    {"a cluster begins before its rings are ready", CLUSTERS,
     "barrier.cluster.arrive.relaxed.aligned;\n\tbarrier.cluster.wait.aligned;", "", ""},
    {"warps of one block are not waited for", CLUSTERS, "mov.b32 \t%r8, 8;", "mov.b32 \t%r8, 4;", "misuse"},
    {"one warp too many must be done", RINGS, "mov.b32 \t%r6, 4;", "mov.b32 \t%r6, 5;", "deadlock"},
    {"nothing in results by boxes", BOXES, NULL, NULL, NULL},
    {"results that are not shown to the boxes", BOXES, "fence.proxy.async.shared::cta;", "", "proxy"},
    {"a result's buffer that is filled while it is read", BOXES, "cp.async.bulk.wait_group.read \t0;", "", "race"},
    {"boxes that nobody waits for", BOXES, "cp.async.bulk.wait_group \t0;", "", ""},
    {"boxes of no group", BOXES, "cp.async.bulk.commit_group;", "", ""},
    {"boxes asked for before the threads are done", BOXES, "bar.sync \t1, 128;", "", "race"},
    {"nothing in attention", WEIGHTS, NULL, NULL, NULL},
    {"values that are not turned", WEIGHTS, ", 1, 1, 1;", ", 1, 1, 0;", ""},
    {"scores and sums that are not waited for", WEIGHTS, "wgmma.wait_group.sync.aligned 0;",
     "wgmma.wait_group.sync.aligned 1;", "race"},
    {"rows summed by half of their threads", WEIGHTS, ", 2, 31, -1;", ", 0, 31, -1;", ""},
    {"a block that the mask cuts is taken for a whole one", WEIGHTS, ", 62;", ", -2;", ""},
    {"too many bytes of keys and values", WEIGHTS, ", 16384;", ", 24576;", ""},
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

static void edit(struct buf *ptx) {
  if (now->old) replace_all(ptx, now->old, now->new);
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
  bool attention = !strcmp(now->sched, WEIGHTS),
       fixed = strstr(now->sched, "cluster") || strstr(now->sched, "persist"); /* dims are known */
  const char *text = attention                       ? ATTENTION
                     : strstr(now->sched, "stage C") ? NARROW
                                                     : PRODUCT,
             *dims = attention ? "T=70"
                     : fixed   ? "M=128,N=72,K=152"
                               : "M=40,N=72,K=152";
  struct kernel *k = lab_kernel(b, text, strlen(text));
  b->o.tf32 = b->o.fast = attention;
  struct groups *gs = k ? lab_groups(b, fixed ? lab_fixed(b, k, dims) : k, true) : NULL;
  if (!gs || !lab_sched(b, gs, 0, now->sched, &s)) return lab_messages(b);
  return lab_check(b, k, gs, &s, dims, 3, &skipped);
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
