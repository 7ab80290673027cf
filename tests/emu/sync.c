/* Synchronisation and asynchronous copies: each kernel is right as it stands, in the eager mode and in the lazy one,
 * and a change of one line must be found. */
#include "tests/emu/rig.h"
#include "tests/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY                                                                                                          \
  PTX_HEADER("sm_90a")                                                                                                 \
  ".extern .shared .align 1024 .b8 dyn[];\n"                                                                           \
  ".visible .entry k(.param .u64 in, .param .u64 out)\n{\n.reg .pred %p<16>; .reg .b16 %h<8>; .reg .b32 %r<32>; .reg " \
  ".b64 %d<32>; .reg .f32 %f<8>;\n"                                                                                    \
  ".shared .align 1024 .b8 s[8192]; .shared .align 8 .b64 bar[4];\n"                                                   \
  "ld.param.u64 %d1,[in]; ld.param.u64 %d2,[out];\n"                                                                   \
  "mov.u32 %r1,%tid.x; mov.u32 %r2,%ctaid.x; mov.u32 %r3,%ntid.x; mad.lo.u32 %r4,%r2,%r3,%r1; mul.wide.u32 "           \
  "%d3,%r4,4;\n"                                                                                                       \
  "add.u64 %d4,%d1,%d3; add.u64 %d5,%d2,%d3; mov.u32 %r5,s; shl.b32 %r6,%r1,2; add.u32 %r7,%r5,%r6;\n"
#define END "\nret;\n}\n"

struct kernel {
  const char *name, *text;
  uint32_t grid, block;
  int want; /* out[i] = in[...]: 0 the same, 1 reversed within the block, 2 one more, 3 those of the other block of a
               pair, 4 block number summed */
};

enum { REVERSED, NAMED, COPY, BULK, STORE, CLUSTER, FLAG, SHUFFLE, TRANSACTION, PIPE, WARPSYNC, ATOMIC, KERNELS };
static const struct kernel kernels[KERNELS] = {
    [REVERSED] = {"reversed through shared memory",
                  ENTRY "ld.global.u32 %r8,[%d4]; st.shared.u32 [%r7],%r8;\nbar.sync 0;\n"
                        "sub.u32 %r9,%r3,%r1; shl.b32 %r9,%r9,2; add.u32 %r9,%r9,%r5; ld.shared.u32 %r10,[%r9+-4]; "
                        "st.global.u32 [%d5],%r10;" END,
                  2, 96, 1},
    [NAMED] =
        {"the first half gives to the second by a named barrier",
         ENTRY
         "setp.ge.u32 %p1,%r1,64;\n@%p1 bra TAKE;\n"
         "ld.global.u32 %r8,[%d4]; st.shared.u32 [%r7],%r8; ld.global.u32 %r8,[%d4+256]; st.shared.u32 [%r7+256],%r8;\n"
         "bar.arrive 3,128;\nbar.sync 0;\nret;\n"
         "TAKE:\nbar.sync 3,128;\n"
         "ld.shared.u32 %r8,[%r7]; st.global.u32 [%d5],%r8; ld.shared.u32 %r8,[%r7+-256]; st.global.u32 "
         "[%d5+-256],%r8;\nbar.sync 0;" END,
         1, 128, 0},
    [COPY] = {"cp.async",
              ENTRY
              "cp.async.ca.shared.global [%r7],[%d4],4;\ncp.async.commit_group;\ncp.async.wait_group 0;\nbar.sync 0;\n"
              "sub.u32 %r9,%r3,%r1; shl.b32 %r9,%r9,2; add.u32 %r9,%r9,%r5; ld.shared.u32 %r10,[%r9+-4]; st.global.u32 "
              "[%d5],%r10;" END,
              2, 64, 1},
    [BULK] = {"bulk copy and mbarrier",
              ENTRY "mov.u32 %r11,bar; setp.ne.u32 %p1,%r1,0; shl.b32 %r12,%r3,2; mul.wide.u32 %d6,%r2,%r12; add.u64 "
                    "%d7,%d1,%d6;\n@%p1 bra GO;\n"
                    "mbarrier.init.shared::cta.b64 [%r11],1;\nfence.mbarrier_init.release.cluster;\n"
                    "mbarrier.arrive.expect_tx.shared::cta.b64 %d8,[%r11],%r12;\n"
                    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r5],[%d7],%r12,[%r11];\n"
                    "GO:\nbar.sync 0;\n"
                    "WAIT: mbarrier.try_wait.parity.shared::cta.b64 %p2,[%r11],0;\n@!%p2 bra WAIT;\n"
                    "ld.shared.u32 %r10,[%r7]; st.global.u32 [%d5],%r10;" END,
              2, 64, 0},
    [STORE] =
        {"bulk copy out of shared memory",
         ENTRY
         "ld.global.u32 %r8,[%d4]; st.shared.u32 [%r7],%r8;\nfence.proxy.async.shared::cta;\nbar.sync 0;\n"
         "setp.ne.u32 %p1,%r1,0; shl.b32 %r12,%r3,2; mul.wide.u32 %d6,%r2,%r12; add.u64 %d7,%d2,%d6;\n@%p1 bra DONE;\n"
         "cp.async.bulk.global.shared::cta.bulk_group "
         "[%d7],[%r5],%r12;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nDONE:" END,
         2, 64, 0},
    [CLUSTER] = {"two blocks of a cluster exchange",
                 ENTRY
                 "mov.u32 %r13,%cluster_ctarank; xor.b32 %r13,%r13,1; mapa.shared::cluster.u32 %r14,%r7,%r13; "
                 "ld.global.u32 %r8,[%d4];\n"
                 "st.shared::cluster.u32 [%r14],%r8;\nbarrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n"
                 "ld.shared.u32 %r10,[%r7]; st.global.u32 [%d5],%r10;" END,
                 4, 64, 3},
    [FLAG] =
        {"each block waits for the one after it",
         ENTRY
         "mov.u32 %r15,%nctaid.x; add.u32 %r16,%r2,1; setp.eq.u32 %p1,%r16,%r15; mul.wide.u32 %d9,%r16,4; add.u64 "
         "%d10,%d2,%d9; mul.wide.u32 %d11,%r2,4; add.u64 %d11,%d11,%d2;\n"
         "@%p1 bra GO;\nSPIN: ld.acquire.gpu.global.u32 %r17,[%d10+4096]; setp.eq.u32 %p2,%r17,0; @%p2 bra SPIN;\nGO:\n"
         "ld.global.u32 %r8,[%d4]; st.global.u32 [%d5],%r8; st.release.gpu.global.u32 [%d11+4096],1;" END,
         5, 1, 0},
    [SHUFFLE] = {"reversed by shuffles",
                 ENTRY "ld.global.u32 %r8,[%d4]; mov.u32 %r18,%laneid; xor.b32 %r19,%r18,31;\nshfl.sync.idx.b32 "
                       "%r20|%p1,%r8,%r19,31,-1;\n"
                       "st.global.u32 [%d5],%r20;" END,
                 2, 32, 1},
    [TRANSACTION] = {"producer warp, ring of two stages, consumer warps",
                     ENTRY
                     "mov.u32 %r11,bar; setp.ne.u32 %p1,%r1,0; @%p1 bra READY;\n"
                     "mbarrier.init.shared.b64 [%r11],1; mbarrier.init.shared.b64 [%r11+8],1; mbarrier.init.shared.b64 "
                     "[%r11+16],2; mbarrier.init.shared.b64 [%r11+24],2;\n"
                     "fence.mbarrier_init.release.cluster;\nREADY:\nbar.sync 0;\n"
                     "mov.u32 %r20,0; setp.ge.u32 %p2,%r1,64; @%p2 bra PRODUCE;\n"
                     "CONSUME: and.b32 %r21,%r20,1; shr.u32 %r22,%r20,1; and.b32 %r22,%r22,1; shl.b32 %r23,%r21,3; "
                     "add.u32 %r23,%r23,%r11;\n"
                     "CW: mbarrier.try_wait.parity.shared.b64 %p3,[%r23],%r22; @!%p3 bra CW;\n"
                     "shl.b32 %r24,%r21,8; add.u32 %r24,%r24,%r7; ld.shared.u32 %r25,[%r24]; mul.wide.u32 "
                     "%d12,%r20,256; add.u64 %d12,%d12,%d5; st.global.u32 [%d12],%r25;\n"
                     "bar.warp.sync -1;\n"
                     "and.b32 %r26,%r1,31; setp.ne.u32 %p4,%r26,0;\n@!%p4 mbarrier.arrive.shared.b64 _,[%r23+16];\n"
                     "add.u32 %r20,%r20,1; setp.lt.u32 %p5,%r20,5; @%p5 bra CONSUME; bra DONE;\n"
                     "PRODUCE: elect.sync _|%p6,-1; @!%p6 bra DONE;\n"
                     "PL: and.b32 %r21,%r20,1; shr.u32 %r22,%r20,1; and.b32 %r22,%r22,1; xor.b32 %r22,%r22,1; shl.b32 "
                     "%r23,%r21,3; add.u32 %r23,%r23,%r11;\n"
                     "PW: mbarrier.try_wait.parity.shared.b64 %p3,[%r23+16],%r22; @!%p3 bra PW;\n"
                     "mbarrier.arrive.expect_tx.shared.b64 _,[%r23],256; shl.b32 %r24,%r21,8; add.u32 %r24,%r24,%r5; "
                     "mul.wide.u32 %d12,%r20,256; add.u64 %d12,%d12,%d1;\n"
                     "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r24],[%d12],256,[%r23];\n"
                     "add.u32 %r20,%r20,1; setp.lt.u32 %p5,%r20,5; @%p5 bra PL;\nDONE:" END,
                     1, 96, 0},
    [PIPE] =
        {"cp.async, three stages",
         ENTRY
         "and.b32 %r21,%r1,31; mul.wide.u32 %d12,%r21,4; add.u64 %d12,%d12,%d1; add.u64 %d13,%d5,0; mov.u32 %r20,0;\n"
         "cp.async.ca.shared.global [%r7],[%d12],4; cp.async.commit_group; cp.async.ca.shared.global "
         "[%r7+128],[%d12+128],4; cp.async.commit_group;\n"
         "L:\ncp.async.wait_group 1;\nbar.sync 0;\n"
         "rem.u32 %r22,%r20,3; shl.b32 %r22,%r22,7; xor.b32 %r23,%r6,124; add.u32 %r24,%r22,%r23; add.u32 "
         "%r24,%r24,%r5; ld.shared.u32 %r25,[%r24];\n"
         "sub.u32 %r26,31,%r1; mul.wide.u32 %d14,%r26,4; add.u64 %d14,%d14,%d2; mul.wide.u32 %d15,%r20,128; add.u64 "
         "%d14,%d14,%d15; st.global.u32 [%d14],%r25;\n"
         "add.u32 %r27,%r20,2; setp.ge.u32 %p1,%r27,5; rem.u32 %r28,%r27,3; shl.b32 %r28,%r28,7; add.u32 "
         "%r28,%r28,%r7; mul.wide.u32 %d16,%r27,128; add.u64 %d16,%d16,%d12;\n"
         "@!%p1 cp.async.ca.shared.global [%r28],[%d16],4;\ncp.async.commit_group;\n"
         "add.u32 %r20,%r20,1; setp.lt.u32 %p2,%r20,5; @%p2 bra L;" END,
         1, 32, 0},
    [WARPSYNC] = {"through shared memory within a warp",
                  ENTRY
                  "ld.global.u32 %r8,[%d4]; st.shared.u32 [%r7],%r8;\nbar.warp.sync -1;\n"
                  "xor.b32 %r9,%r6,124; add.u32 %r9,%r9,%r5; ld.shared.u32 %r10,[%r9]; st.global.u32 [%d5],%r10;" END,
                  2, 32, 1},
    [ATOMIC] = {"a block counts in shared memory",
                ENTRY "setp.ne.u32 %p1,%r1,0; @!%p1 st.shared.u32 [s],0;\nbar.sync 0;\natom.shared.add.u32 %r8,[s],1; "
                      "add.u32 %r9,%r3,-1;\nbar.sync 0;\n"
                      "ld.shared.u32 %r10,[s]; setp.ne.u32 %p2,%r10,%r3; @%p2 trap; ld.global.u32 %r8,[%d4]; "
                      "st.global.u32 [%d5],%r8;" END,
                1, 128, 0},
};

/* A change that must be found, as one of some kinds. */
enum { LAZY = 64 }; /* only the lazy mode can tell */
static const struct bug {
  int kernel;
  const char *from, *to;
  uint32_t kinds; /* any of them */
} bugs[] = {
    {REVERSED, "bar.sync 0;", "", 1u << EMU_RACE},
    {REVERSED, "bar.sync 0;", "setp.lt.u32 %p1,%r1,5; @%p1 bar.sync 0;", 1u << EMU_DIVERGENT},
    {REVERSED, "st.shared.u32 [%r7],%r8;", "setp.eq.u32 %p1,%r1,7; @!%p1 st.shared.u32 [%r7],%r8;",
     1u << EMU_UNINITIALISED},
    {REVERSED, "[%r9+-4]", "[%r9+8190]", 1u << EMU_MISALIGNED},
    {REVERSED, "[%r9+-4]", "[%r9+8192]", 1u << EMU_OUT_OF_BOUNDS},
    {REVERSED, "st.global.u32 [%d5]", "st.global.u32 [%d5+1000000]", 1u << EMU_OUT_OF_BOUNDS},
    {REVERSED, "st.global.u32 [%d5]", "st.global.u32 [%d3]", 1u << EMU_OUT_OF_BOUNDS},
    {REVERSED, "bar.sync 0;", "L: bra L;", 1u << EMU_LIMIT},
    {REVERSED, "bar.sync 0;", "setp.lt.u32 %p1,%r1,32; @%p1 bra L; bar.sync 1; L: bar.sync 0,96;",
     1u << EMU_DEADLOCK | 1u << EMU_BAD_BARRIER},
    {NAMED, "bar.sync 3,128;", "bar.sync 3,160;", 1u << EMU_BAD_BARRIER},
    {NAMED, "bar.sync 3,128;", "", 1u << EMU_RACE},
    {NAMED, "bar.arrive 3,128;", "bar.arrive 4,128;", 1u << EMU_DEADLOCK},
    {COPY, "cp.async.wait_group 0;", "", 1u << EMU_RACE},
    {COPY, "cp.async.wait_group 0;", "cp.async.wait_group 1;", 1u << EMU_RACE},
    {COPY, "cp.async.wait_group 0;\nbar.sync 0;", "bar.sync 0;\ncp.async.wait_group 0;", 1u << EMU_RACE},
    {BULK, "fence.mbarrier_init.release.cluster;", "", 1u << EMU_MISSING_FENCE},
    {BULK, "bar.sync 0;", "", 1u << EMU_RACE | 1u << EMU_BAD_BARRIER},
    {BULK | LAZY, "@!%p2 bra WAIT;", "", 1u << EMU_RACE},
    {BULK, "WAIT: mbarrier.try_wait.parity.shared::cta.b64 %p2,[%r11],0;\n@!%p2 bra WAIT;", "",
     1u << EMU_RACE | 1u << EMU_UNFINISHED},
    {BULK, "[%r11],0;", "[%r11],1;", 1u << EMU_RACE | 1u << EMU_DEADLOCK},
    {BULK, "mbarrier.arrive.expect_tx.shared::cta.b64 %d8,[%r11],%r12;",
     "mbarrier.arrive.expect_tx.shared::cta.b64 %d8,[%r11],512;", 1u << EMU_DEADLOCK},
    {BULK, "mbarrier.arrive.expect_tx.shared::cta.b64 %d8,[%r11],%r12;", "mbarrier.arrive.shared::cta.b64 %d8,[%r11];",
     1u << EMU_RACE | 1u << EMU_UNFINISHED},
    {BULK, "mbarrier.init.shared::cta.b64 [%r11],1;", "mbarrier.init.shared::cta.b64 [%r11],2;", 1u << EMU_DEADLOCK},
    {BULK, "mbarrier.init.shared::cta.b64 [%r11],1;", "", 1u << EMU_BAD_BARRIER},
    {STORE, "fence.proxy.async.shared::cta;", "", 1u << EMU_MISSING_FENCE},
    {STORE, "fence.proxy.async.shared::cta;", "setp.eq.u32 %p1,%r1,0; @%p1 fence.proxy.async.shared::cta;",
     1u << EMU_MISSING_FENCE},
    {STORE, "fence.proxy.async.shared::cta;\nbar.sync 0;", "fence.proxy.async.shared::cta;", 1u << EMU_RACE},
    {STORE, "cp.async.bulk.wait_group.read 0;", "", 1u << EMU_UNFINISHED},
    {STORE, "cp.async.bulk.wait_group.read 0;", "st.shared.u32 [%r5],0; cp.async.bulk.wait_group.read 0;",
     1u << EMU_RACE},
    {CLUSTER, "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;", "bar.sync 0;",
     1u << EMU_RACE | 1u << EMU_UNINITIALISED},
    {CLUSTER, "barrier.cluster.arrive.aligned;", "barrier.cluster.arrive.relaxed.aligned;", 1u << EMU_RACE},
    {CLUSTER, "barrier.cluster.wait.aligned;", "", 1u << EMU_RACE | 1u << EMU_UNINITIALISED},
    {FLAG, "st.release.gpu.global.u32 [%d11+4096],1;", "", 1u << EMU_LIMIT},
    {SHUFFLE, "shfl.sync.idx.b32 %r20|%p1,%r8,%r19,31,-1;",
     "setp.lt.u32 %p2,%r18,9; @%p2 shfl.sync.idx.b32 %r20|%p1,%r8,%r19,31,-1;", 1u << EMU_DIVERGENT},
    {TRANSACTION, "mbarrier.arrive.expect_tx.shared.b64 _,[%r23],256;",
     "mbarrier.arrive.expect_tx.shared.b64 _,[%r23],128;", 1u << EMU_DEADLOCK | 1u << EMU_RACE},
    {TRANSACTION, "mbarrier.init.shared.b64 [%r11+16],2;", "mbarrier.init.shared.b64 [%r11+16],3;", 1u << EMU_DEADLOCK},
    {TRANSACTION, "mbarrier.init.shared.b64 [%r11+16],2;", "mbarrier.init.shared.b64 [%r11+16],1;",
     1u << EMU_DEADLOCK | 1u << EMU_BAD_BARRIER | 1u << EMU_RACE},
    {TRANSACTION, "xor.b32 %r22,%r22,1;", "", 1u << EMU_DEADLOCK},
    {TRANSACTION, "PW: mbarrier.try_wait.parity.shared.b64 %p3,[%r23+16],%r22; @!%p3 bra PW;", "",
     1u << EMU_RACE | 1u << EMU_DEADLOCK | 1u << EMU_BAD_BARRIER},
    {TRANSACTION, "bar.warp.sync -1;\n", "", 1u << EMU_RACE},
    {TRANSACTION, "bar.sync 0;", "", 1u << EMU_RACE | 1u << EMU_BAD_BARRIER},
    {PIPE, "cp.async.wait_group 1;", "cp.async.wait_group 2;", 1u << EMU_RACE},
    {PIPE, "bar.sync 0;", "", 1u << EMU_RACE},
    {PIPE, "add.u32 %r27,%r20,2;", "add.u32 %r27,%r20,3;", 1u << EMU_RACE | 1u << EMU_UNINITIALISED},
    {WARPSYNC, "bar.warp.sync -1;", "", 1u << EMU_RACE},
    {WARPSYNC, "bar.warp.sync -1;", "bar.warp.sync 1;", 1u << EMU_ILLEGAL},
    {ATOMIC, "atom.shared.add.u32 %r8,[s],1;", "ld.shared.u32 %r8,[s]; add.u32 %r8,%r8,1; st.shared.u32 [s],%r8;",
     1u << EMU_RACE},
};

enum { SPACE = 8192 };
static struct emu *dev;
static uint64_t in, out;

static void setup(void) {
  dev = emu_open();
  in = emu_alloc(dev, SPACE);
  out = emu_alloc(dev, SPACE);
}
static void teardown(void) {
  emu_close(dev);
}

static bool run(const struct kernel *k, const char *text, bool lazy, uint64_t seed, struct emu_report *rep) {
  uint32_t v[SPACE / 4], zero[SPACE / 4] = {0};
  for (uint32_t i = 0; i < SPACE / 4; i++) v[i] = i * 7 + 3;
  emu_write(dev, in, v, sizeof v);
  emu_write(dev, out, zero, sizeof zero);
  struct emu_module *m = rig_load(dev, text);
  struct emu_launch how = {
      .grid = {k->grid, 1, 1}, .block = {k->block, 1, 1}, .lazy = lazy, .seed = seed, .max_steps = 200000};
  if (k == &kernels[CLUSTER]) how.cluster[0] = 2;
  const void *params[] = {&in, &out};
  bool ok = emu_launch(m, "k", &how, params, 2, rep);
  emu_unload(m);
  return ok;
}

static void check_result(const struct kernel *k) {
  uint32_t got[SPACE / 4];
  uint32_t n = k == &kernels[TRANSACTION] ? 5 * 64 : k == &kernels[PIPE] ? 5 * 32 : k->grid * k->block;
  emu_read(dev, got, out, sizeof got);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t b = i / k->block * k->block, t = i - b;
    uint32_t from = k->want == 1 ? b + k->block - 1 - t : k->want == 3 ? (b ^ k->block) + t : i;
    ck_assert_msg(got[i] == from * 7 + 3, "%s: element %u is %u", k->name, i, got[i]);
  }
}

START_TEST(right) {
  const struct kernel *k = &kernels[_i];
  for (uint64_t seed = 0; seed < 9; seed++) {
    struct emu_report rep;
    bool ok = run(k, k->text, seed > 0, seed, &rep);
    if (!ok) rig_show(&rep);
    ck_assert_msg(ok, "%s, seed %d", k->name, (int)seed);
    check_result(k);
  }
}

START_TEST(planted) {
  const struct bug *b = &bugs[_i];
  const struct kernel *k = &kernels[b->kernel & ~LAZY];
  const char *at = strstr(k->text, b->from);
  ck_assert_msg(at != NULL, "%s: no '%s'", k->name, b->from);
  size_t n = strlen(k->text) + strlen(b->to) + 1;
  char *text = malloc(n);
  snprintf(text, n, "%.*s%s%s", (int)(at - k->text), k->text, b->to, at + strlen(b->from));
  for (uint64_t seed = b->kernel & LAZY ? 1 : 0; seed < 4; seed++) {
    struct emu_report rep;
    ck_assert_msg(!run(k, text, seed > 0, seed, &rep), "%s: '%s' was not found with seed %d", k->name, b->to,
                  (int)seed);
    bool found = false;
    for (int f = 0; f < rep.n; f++) found |= b->kinds >> rep.finding[f].kind & 1;
    if (!found) rig_show(&rep);
    ck_assert_msg(found, "%s: '%s': another kind is found, seed %d", k->name, b->to, (int)seed);
  }
  free(text);
}

int main(void) {
  Suite *s = suite_create("emu-sync");
  TCase *c = tcase_create("sync");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, right, 0, KERNELS);
  tcase_add_loop_test(c, planted, 0, (int)(sizeof bugs / sizeof *bugs));
  suite_add_tcase(s, c);
  return suite_run(s, false);
}
