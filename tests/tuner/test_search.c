/* The search without a clock: what the space proposes is legal and new, strategies are deterministic, the model prefers
 * what is plainly better. */
#include "compiler/pass/passes.h"
#include "tests/suite.h"
#include "tuner/cost_split.h"
#include "tuner/plan.h"
#include "tuner/seen.h"
#include "tuner/strategy.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const specs[] = {
    "kernel mm(A: f32[192,160], B: f32[160,224]) -> C: f32[192,224] {\n  C[i,j] = sum(k) A[i,k] * B[k,j]\n}\n",
    "kernel rows(x: f32[64,300]) -> y: f32[64,300] {\n  m[i] = max(j) x[i,j]\n  e[i,j] = exp(x[i,j] - m[i])\n  z[i] = "
    "sum(j) e[i,j]\n  y[i,j] = e[i,j] / z[i]\n}\n",
    "kernel stencil(A: f32[100,120], inout B: f32[100,120]) {\n  for i in 1..99, j in 1..119: B[i,j] = A[i-1,j] + "
    "A[i+1,j] + A[i,j-1] + A[i,j+1]\n}\n",
    ("kernel attn(Q: f32[64,32], K: f32[96,32], V: f32[96,32]) -> O: f32[64,32] {\n  P[t,s] = sum(d) Q[t,d] * K[s,d]\n "
     " M[t] = max(s) P[t,s]\n"
     "  E[t,s] = exp(P[t,s] - M[t])\n  Z[t] = sum(s) E[t,s]\n  O[t,d] = (sum(s) E[t,s] * V[s,d]) / Z[t]\n}\n"),
    ("kernel heads(Q: f32[2,256,64], K: f32[2,256,64], V: f32[2,256,64]) -> O: f32[2,256,64] {\n  P[h,t,s] = sum(d) "
     "Q[h,t,d] * K[h,s,d]\n  M[h,t] = max(s) P[h,t,s]\n"
     "  E[h,t,s] = exp(P[h,t,s] - M[h,t])\n  Z[h,t] = sum(s) E[h,t,s]\n  O[h,t,d] = (sum(s) E[h,t,s] * V[h,s,d]) / "
     "Z[h,t]\n}\n"),
};
enum { NSPEC = sizeof specs / sizeof *specs };
static const struct limits lim = {.vector_bytes = 64,
                                  .vector_regs = 32,
                                  .l1_bytes = 48 << 10,
                                  .l2_bytes = 1 << 20,
                                  .l3_bytes = 32 << 20,
                                  .line_bytes = 64,
                                  .cores = 2,
                                  .fma_per_cycle = 2,
                                  .load_per_cycle = 2,
                                  .store_per_cycle = 1,
                                  .ghz = 3,
                                  .dram_gbs = 16,
                                  .has_fma = true,
                                  .has_masks = true};

static struct space open_space(struct arena *a, unsigned i) {
  struct diag *d = diag_new();
  struct kernels ks;
  ck_assert_int_eq(
      kernels_parse(a, d, diag_file(d, "spec", specs[i], strlen(specs[i])), specs[i], strlen(specs[i]), &ks), ST_OK);
  struct unit u = {.level = LEVEL_TENSOR, .k = ks.k[0]};
  ck_assert_int_eq(pass_run(a, hone_passes, hone_npasses, &u, d), ST_OK);
  diag_free(d);
  struct space sp = {.gs = u.gs, .lim = &lim, .opts = {.threads = 1}};
  space_open(&sp);
  return sp;
}

static void must_be_legal(struct arena *a, const struct space *sp, const struct sched *s) {
  const char *why = legal_sched(a, sp->gs, sp->g, s, sp->lim, &sp->opts);
  struct buf b;
  buf_init(&b);
  sched_print(&b, sp->gs, sp->g, s);
  ck_assert_msg(!why, "%s: %s", b.data, why);
  buf_free(&b);
}

START_TEST(proposals_are_legal) {
  struct arena *a = arena_new();
  struct space sp = open_space(a, (unsigned)_i);
  struct seen_set seen = {0};
  uint64_t rng = 7;
  unsigned distinct = 0;
  for (int n = 0; n < 60; n++) {
    struct sched s, next;
    ck_assert(space_random(&sp, &rng, &s));
    must_be_legal(a, &sp, &s);
    distinct += seen_add(&seen, &sp, &s);
    if (!space_neighbour(&sp, &rng, &s, &next)) continue;
    must_be_legal(a, &sp, &next);
    ck_assert(!sched_eq(&s, &next));
  }
  ck_assert_uint_gt(distinct, 20);
  seen_free(&seen);
  arena_free(a);
}
END_TEST

/* Taken apart and put together again, a schedule means the same. */
START_TEST(plans_keep_schedules) {
  struct arena *a = arena_new();
  struct space sp = open_space(a, (unsigned)_i);
  uint64_t rng = 11;
  for (int n = 0; n < 40; n++) {
    struct sched s, again, twice;
    ck_assert(space_random(&sp, &rng, &s));
    struct plan p = plan_of(&sp, &s);
    ck_assert(plan_sched(&p, &again));
    must_be_legal(a, &sp, &again);
    p = plan_of(&sp, &again);
    ck_assert(plan_sched(&p, &twice) && sched_eq(&again, &twice));
  }
  arena_free(a);
}
END_TEST

static unsigned ask_all(const struct strategy *st, const struct space *sp, uint64_t seed, struct sched *out,
                        unsigned max) {
  void *state = st->open(sp, seed, NULL, 0);
  unsigned n = 0;
  while (n < max) {
    unsigned got = st->ask(state, &out[n], max - n < 4 ? max - n : 4);
    if (!got) break;
    for (unsigned i = n; i < n + got; i++) {
      struct trial t = {out[i], true, cost_estimate(sp->gs, sp->g, &out[i], sp->lim, &sp->opts)};
      st->tell(state, &t);
    }
    n += got;
  }
  st->close(state);
  return n;
}

START_TEST(strategies_are_deterministic) {
  static const char *const names[] = {"random", "local", "estimate", "forest"};
  struct arena *a = arena_new();
  struct space sp = open_space(a, 0);
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    const struct strategy *st = strategy_find(names[i]);
    static struct sched x[24], y[24];
    ck_assert_ptr_nonnull(st);
    unsigned n = ask_all(st, &sp, 5, x, 24), m = ask_all(st, &sp, 5, y, 24);
    ck_assert_uint_eq(n, m);
    ck_assert_uint_gt(n, 0);
    for (unsigned j = 0; j < n; j++) {
      must_be_legal(a, &sp, &x[j]);
      ck_assert_msg(sched_eq(&x[j], &y[j]), "%s: question %u differs", names[i], j);
      for (unsigned q = 0; q < j; q++) ck_assert_msg(!sched_eq(&x[q], &x[j]), "%s asks twice", names[i]);
    }
  }
  ck_assert_ptr_null(strategy_find("nonsense"));
  arena_free(a);
}
END_TEST

START_TEST(model_ranks) {
  struct arena *a = arena_new();
  for (unsigned i = 0; i < NSPEC; i++) {
    struct space sp = open_space(a, i);
    struct sched none = sched_none(), def = sched_default(sp.gs, 0, &lim, &sp.opts);
    double slow = cost_estimate(sp.gs, 0, &none, &lim, &sp.opts), fast = cost_estimate(sp.gs, 0, &def, &lim, &sp.opts);
    ck_assert_msg(isfinite(slow) && isfinite(fast) && fast > 0 && fast < slow / 2, "spec %u: none %g, default %g", i,
                  slow, fast);
    struct floor_time f = cost_floor(sp.gs, 0, &lim, 1);
    ck_assert_msg(f.seconds_compute <= fast * 1.5, "spec %u: floor %g above the estimate %g", i, f.seconds_compute,
                  fast);
  }
  arena_free(a);
}
END_TEST

/* All data of these kernels fits into the second cache: from beyond it comes little more than what must. Packed blocks
 * whose dims overlap in memory count once. */
START_TEST(model_counts_memory_once) {
  struct arena *a = arena_new();
  for (unsigned i = 0; i < NSPEC; i++) {
    struct space sp = open_space(a, i);
    struct sched def = sched_default(sp.gs, 0, &lim, &sp.opts);
    double part[COST_PARTS], bytes;
    ck_assert(cost_parts(sp.gs, 0, &def, &lim, &sp.opts, part));
    struct floor_time f = cost_floor(sp.gs, 0, &lim, 1);
    bytes = part[4] * lim.dram_gbs * 1e9;
    ck_assert_msg(bytes >= 0.5 * f.bytes && bytes <= 3 * f.bytes, "spec %u: %g bytes beyond L3, %g must", i, bytes,
                  f.bytes);
    ck_assert(part[0] >= part[1] && part[0] >= part[2] && part[0] >= part[3] && part[0] >= part[4]);
  }
  arena_free(a);
}
END_TEST

/* Chunks are cut and taken as the runtime does. */
START_TEST(busiest_thread) {
  static const struct {
    int64_t n;
    unsigned threads, chunks;
    double busiest;
  } t[] = {{16, 2, 8, 1},      {5, 2, 5, 1.2}, {7, 2, 7, 8.0 / 7}, {16, 64, 16, 4}, {57, 64, 57, 64.0 / 57},
           {4096, 64, 256, 1}, {0, 4, 0, 1},   {1, 1, 1, 1},       {9, 1, 4, 1},    {INT64_C(1) << 50, 2, 8, 1}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    unsigned chunks = 99;
    double b = cost_split_busiest(t[i].n, t[i].threads, &chunks);
    ck_assert_uint_eq(chunks, t[i].chunks);
    ck_assert_msg(fabs(b - t[i].busiest) < 1e-9, "%lld on %u: %g", (long long)t[i].n, t[i].threads, b);
  }
}
END_TEST

/* A product with its panels packed by all threads and its blocks of rows shared out: two regions for each block of k.
 */
START_TEST(split_of_a_product) {
  static const char text[] = "tile i 4; tile j 32; tile k 80; tile i 48; order k1 i2 j1 i1 k0 i0 j0; vector j0; unroll "
                             "i0 0; pack B k1; parallel i2";
  struct arena *a = arena_new();
  struct space sp = open_space(a, 0);
  struct diag *d = diag_new();
  struct sched s;
  struct lfunc *f;
  const char *why;
  struct split part[4];
  sp.opts.threads = 2;
  ck_assert_int_eq(sched_parse(d, 0, text, sizeof text - 1, sp.gs, 0, &s), ST_OK);
  ck_assert_int_eq(lower_kernel(a, sp.gs, &s, &lim, &sp.opts, "f", &f, &why), ST_OK);
  ck_assert_uint_eq(cost_split(f, &lim, 2, part, 4), 2);
  ck_assert_int_eq(part[0].iterations, 80); /* rows of the panels */
  ck_assert_int_eq(part[1].iterations, 4);  /* 192 / 48 blocks */
  for (unsigned i = 0; i < 2; i++) ck_assert(part[i].regions == 2 && !part[i].inner);
  double panel = 80 * 224 * 4, mine = 96 * 80 * 4 + panel + 96 * 224 * 4; /* half of A, all of B, half of C */
  ck_assert_msg(fabs(part[1].bytes / mine - 1) < 0.1, "%g bytes, not %g", part[1].bytes, mine);
  struct lower_opts one = {.threads = 1};
  double alone = cost_estimate(sp.gs, 0, &s, &lim, &one), both = cost_estimate(sp.gs, 0, &s, &lim, &sp.opts);
  ck_assert_msg(both < 0.7 * alone && both > 0.45 * alone, "%g with two threads, %g with one", both, alone);
  diag_free(d);
  arena_free(a);
}
END_TEST

START_TEST(estimate_is_no_worse_than_default) {
  struct arena *a = arena_new();
  struct space sp = open_space(a, 0);
  struct sched best, def = sched_default(sp.gs, 0, &lim, &sp.opts);
  ck_assert_uint_eq(ask_all(strategy_find("estimate"), &sp, 1, &best, 1), 1);
  ck_assert(cost_estimate(sp.gs, 0, &best, &lim, &sp.opts) <= cost_estimate(sp.gs, 0, &def, &lim, &sp.opts));
  arena_free(a);
}
END_TEST

int main(void) {
  Suite *s = suite_create("search");
  TCase *c = tcase_create("search");
  tcase_set_timeout(c, 120);
  tcase_add_loop_test(c, proposals_are_legal, 0, NSPEC);
  tcase_add_loop_test(c, plans_keep_schedules, 0, NSPEC);
  tcase_add_test(c, strategies_are_deterministic);
  tcase_add_test(c, model_ranks);
  tcase_add_test(c, model_counts_memory_once);
  tcase_add_test(c, busiest_thread);
  tcase_add_test(c, split_of_a_product);
  tcase_add_test(c, estimate_is_no_worse_than_default);
  suite_add_tcase(s, c);
  return suite_run(s, true);
}
