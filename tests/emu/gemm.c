/* A product as the fastest kernels of Hopper make it: persistent, a warp group that brings tiles by TMA into a ring of
 * mbarriers, two that multiply with wgmma and store through stmatrix and TMA, registers moved between them by
 * setmaxnreg; alone and in clusters of two that share the tiles of B by multicast. It must be right in both modes
 * without a finding, with edges that no tile divides; and every planted mistake must be found. */
#include "tests/emu/rig.h"
#include "tests/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BM = 128, BN = 64, BK = 64, STAGES = 3, A_BYTES = BM * BK * 2, B_BYTES = BN * BK * 2, C_BYTES = 64 * BN * 2 };
enum { RING_B = STAGES * A_BYTES, STAGING = RING_B + STAGES * B_BYTES, SHARED = STAGING + 2 * C_BYTES };

/* Stage %s and its phase %ph from the running number %it; %fb, %eb: its barriers. */
static void stage(void) {
  rig_put("rem.u32 %%s,%%it,%d; div.u32 %%ph,%%it,%d; and.b32 %%ph,%%ph,1; shl.b32 %%x,%%s,3; add.u32 %%fb,%%bars,%%x; "
          "add.u32 %%eb,%%fb,%d;\n",
          STAGES, STAGES, 8 * STAGES);
}

static void wait(const char *label, const char *bar, const char *phase) {
  rig_put("%s: mbarrier.try_wait.parity.shared::cta.b64 %%p,[%s],%s; @!%%p bra %s;\n", label, bar, phase, label);
}

/* The tile's corner: clusters along M. */
static void corner(uint32_t cluster) {
  rig_put("div.u32 %%m0,%%tile,%%ntn; rem.u32 %%n0,%%tile,%%ntn; mad.lo.u32 %%m0,%%m0,%u,%%rank; shl.b32 %%m0,%%m0,7; "
          "shl.b32 %%n0,%%n0,6;\n",
          cluster);
}

static void header(uint32_t cluster) {
  rig_len = 0;
  rig_put(
      PTX_HEADER("sm_90a") ".extern .shared .align 1024 .b8 dyn[];\n.visible .entry k(.param .align 64 .b8 ma[128], "
                           ".param .align 64 .b8 mb[128], .param .align 64 .b8 mc[128], .param .u32 kt, .param .u32 "
                           "ntn, .param .u32 ntiles)\n"
                           ".reqntid 384\n%s{\n.reg .pred %%p,%%q,%%w; .reg .f32 %%d<32>; .reg .b16 %%both;\n"
                           ".reg .b32 "
                           "%%tid,%%wg,%%warp,%%lane,%%it,%%k,%%s,%%ph,%%x,%%y,%%fb,%%eb,%%bars,%%base,%%tile,%%step,%%"
                           "m0,%%n0,%%kt,%%ntn,%%ntiles,%%rank,%%c0,%%c1,%%c2,%%c3,%%row,%%to,%%prev,%%id;\n"
                           ".reg .b64 %%ma,%%mb,%%mc,%%da,%%db;\n.shared .align 8 .b64 bars[%d];\n",
      cluster > 1 ? ".reqnctapercluster 2\n" : "", 2 * STAGES);
  rig_put(
      "mov.b64 %%ma,ma; cvta.param.u64 %%ma,%%ma; mov.b64 %%mb,mb; cvta.param.u64 %%mb,%%mb; mov.b64 %%mc,mc; "
      "cvta.param.u64 %%mc,%%mc; ld.param.u32 %%kt,[kt]; ld.param.u32 %%ntn,[ntn]; ld.param.u32 %%ntiles,[ntiles];\n");
  rig_put("mov.u32 %%tid,%%tid.x; shr.u32 %%warp,%%tid,5; shr.u32 %%wg,%%tid,7; and.b32 %%lane,%%tid,31; mov.u32 "
          "%%bars,bars; mov.u32 %%base,dyn; mov.u32 %%rank,%%cluster_ctarank;\n");
  rig_put("mov.u32 %%tile,%%clusterid.x; mov.u32 %%step,%%nclusterid.x; mov.u32 %%it,0; mov.b16 %%both,3; setp.ne.u32 "
          "%%p,%%tid,0; @%%p bra READY;\n");
  for (int s = 0; s < STAGES; s++)
    rig_put("mbarrier.init.shared::cta.b64 [%%bars+%d],1; mbarrier.init.shared::cta.b64 [%%bars+%d],%u;\n", 8 * s,
            8 * (STAGES + s), 8 * cluster);
  rig_put("fence.mbarrier_init.release.cluster;\nREADY:\n%s\n",
          cluster > 1 ? "barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.acquire.aligned;"
                      : "bar.sync 0;");
}

static void producer(uint32_t cluster) {
  rig_put(
      "setp.ne.u32 %%p,%%wg,0; @%%p bra CONSUMER;\nsetmaxnreg.dec.sync.aligned.u32 40;\nsetp.ne.u32 %%p,%%warp,0; @%%p "
      "bra DONE;\nelect.sync _|%%q,-1; @!%%q bra DONE;\n");
  rig_put("PTILE: setp.ge.u32 %%p,%%tile,%%ntiles; @%%p bra DONE;\n");
  corner(cluster);
  rig_put("mov.u32 %%k,0;\nPK:\n");
  stage();
  rig_put("xor.b32 %%y,%%ph,1;\n");
  wait("PW", "%eb", "%y");
  rig_put("mbarrier.arrive.expect_tx.shared::cta.b64 _,[%%fb],%d;\nshl.b32 %%x,%%k,6; mad.lo.u32 %%to,%%s,%d,%%base;\n",
          A_BYTES + B_BYTES, A_BYTES);
  rig_put(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%%to],[%%ma,{%%x,%%m0}],[%%fb];\n");
  rig_put("mad.lo.u32 %%to,%%s,%d,%%base; mad.lo.u32 %%to,%%rank,%d,%%to; mad.lo.u32 %%y,%%rank,%d,%%n0;\n", B_BYTES,
          B_BYTES / 2, BN / 2);
  rig_put("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes%s "
          "[%%to+%d],[%%mb,{%%x,%%y}],[%%fb]%s;\n",
          cluster > 1 ? ".multicast::cluster" : "", RING_B, cluster > 1 ? ",%both" : "");
  rig_put(
      "add.u32 %%it,%%it,1; add.u32 %%k,%%k,1; setp.lt.u32 %%p,%%k,%%kt; @%%p bra PK;\nadd.u32 %%tile,%%tile,%%step; "
      "bra PTILE;\n");
}

/* Each warp gives a stage back: one lane, or a lane for each block of the cluster. */
static void release(const char *bar, uint32_t cluster) {
  if (cluster > 1)
    rig_put("setp.lt.u32 %%q,%%lane,2;\nmapa.shared::cluster.u32 %%x,%s,0; @%%q mapa.shared::cluster.u32 "
            "%%x,%s,%%lane;\n@%%q mbarrier.arrive.release.cluster.shared::cluster.b64 _,[%%x];\n",
            bar, bar);
  else
    rig_put("setp.eq.u32 %%q,%%lane,0; @%%q mbarrier.arrive.shared::cta.b64 _,[%s];\n", bar);
}

static void descriptor(const char *reg, const char *stage_bytes, uint32_t off) {
  rig_put("mad.lo.u32 %%x,%%s,%s,%%base; add.u32 %%x,%%x,%u;%s shr.u32 %%x,%%x,4; cvt.u64.u32 %s,%%x; or.b64 "
          "%s,%s,0x4000004000010000;\n",
          stage_bytes, off, !strcmp(reg, "%da") ? " add.u32 %x,%x,%y;" : "", reg, reg, reg);
}

static void consumer(uint32_t cluster) {
  char a[16], b[16];
  snprintf(a, sizeof a, "%d", A_BYTES);
  snprintf(b, sizeof b, "%d", B_BYTES);
  rig_put(
      "CONSUMER:\nsetmaxnreg.inc.sync.aligned.u32 232;\nCTILE: setp.ge.u32 %%p,%%tile,%%ntiles; @%%p bra STORED;\n");
  corner(cluster);
  rig_put("mov.u32 %%k,0;\nCK:\n");
  stage();
  wait("CW", "%fb", "%ph");
  rig_put("wgmma.fence.sync.aligned;\nadd.u32 %%y,%%wg,-1; shl.b32 %%y,%%y,13;\n");
  for (uint32_t j = 0; j < BK / 16; j++) {
    descriptor("%da", a, 32 * j);
    descriptor("%db", b, RING_B + 32 * j);
    rig_put(j ? "setp.eq.u32 %%w,0,0;\n" : "setp.ne.u32 %%w,%%k,0;\n");
    rig_put("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {");
    for (int i = 0; i < 32; i++) rig_put("%s%%d%d", i ? "," : "", i);
    rig_put("},%%da,%%db,%%w,1,1,0,0;\n");
  }
  rig_put(
      "wgmma.commit_group.sync.aligned;\nsetp.eq.u32 %%p,%%k,0; @%%p bra FIRST;\nwgmma.wait_group.sync.aligned 1;\n");
  release("%prev", cluster);
  rig_put("FIRST: mov.u32 %%prev,%%eb; add.u32 %%it,%%it,1; add.u32 %%k,%%k,1; setp.lt.u32 %%p,%%k,%%kt; @%%p bra "
          "CK;\nwgmma.wait_group.sync.aligned 0;\n");
  release("%prev", cluster);
}

static void epilogue(void) {
  rig_put("and.b32 %%id,%%tid,127; setp.ne.u32 %%p,%%id,0; @%%p bra FREE;\ncp.async.bulk.wait_group.read 0;\nFREE: "
          "bar.sync %%wg,128;\n");
  rig_put(
      "and.b32 %%x,%%warp,3; shl.b32 %%x,%%x,4; and.b32 %%row,%%lane,15; add.u32 %%row,%%row,%%x; add.u32 %%y,%%wg,-1; "
      "mad.lo.u32 %%y,%%y,%d,%%base; add.u32 %%y,%%y,%d; mad.lo.u32 %%to,%%row,128,%%y; and.b32 %%row,%%row,7;\n",
      C_BYTES, STAGING);
  for (int q = 0; q < 4; q++) {
    for (int i = 0; i < 4; i++) rig_put("cvt.rn.bf16x2.f32 %%c%d,%%d%d,%%d%d;\n", i, 8 * q + 2 * i + 1, 8 * q + 2 * i);
    rig_put("shr.u32 %%x,%%lane,4; add.u32 %%x,%%x,%d; xor.b32 %%x,%%x,%%row; shl.b32 %%x,%%x,4; add.u32 %%x,%%x,%%to; "
            "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%%x],{%%c0,%%c1,%%c2,%%c3};\n",
            2 * q);
  }
  rig_put("fence.proxy.async.shared::cta;\nbar.sync %%wg,128;\n@%%p bra NEXT;\nadd.u32 %%x,%%wg,-1; shl.b32 %%x,%%x,6; "
          "add.u32 %%x,%%x,%%m0;\n"
          "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group "
          "[%%mc,{%%n0,%%x}],[%%y];\ncp.async.bulk.commit_group;\nNEXT: add.u32 %%tile,%%tile,%%step; bra CTILE;\n"
          "STORED: cp.async.bulk.wait_group.read 0;\n");
}

static void generate(uint32_t cluster) {
  header(cluster);
  producer(cluster);
  consumer(cluster);
  epilogue();
  rig_put("DONE:\n%sret;\n}\n", cluster > 1 ? "barrier.cluster.arrive; barrier.cluster.wait;\n" : "");
}

/* ---- runs ---- */

enum { M = 200, N = 104, K = 296 };
static struct emu *dev;
static uint64_t a, b, c;

static int value(uint32_t i, uint32_t j) {
  return (int)((i * 5 + j * 3 + i * j % 7) % 5) - 2;
}
static uint16_t bf16(float f) {
  uint32_t v;
  memcpy(&v, &f, 4);
  return (uint16_t)((v + 0x7fff + (v >> 16 & 1)) >> 16);
}

static void setup(void) {
  static uint16_t va[M][K], vb[N][K];
  dev = emu_open();
  a = emu_alloc(dev, sizeof va), b = emu_alloc(dev, sizeof vb), c = emu_alloc(dev, M * N * 2);
  for (uint32_t k = 0; k < K; k++) {
    for (uint32_t i = 0; i < M; i++) va[i][k] = bf16((float)value(i, k));
    for (uint32_t j = 0; j < N; j++) vb[j][k] = bf16((float)value(j + 9, k));
  }
  emu_write(dev, a, va, sizeof va);
  emu_write(dev, b, vb, sizeof vb);
}
static void teardown(void) {
  emu_close(dev);
}

static void encode(void *map, uint64_t addr, uint64_t rows, uint64_t cols, uint32_t box_rows) {
  uint64_t dim[2] = {cols, rows}, stride[1] = {cols * 2};
  uint32_t box[2] = {64, box_rows};
  const char *why = emu_tensor_map(map, EMU_MAP_BF16, 2, addr, dim, stride, box, NULL, 3);
  ck_assert_msg(why == NULL, "%s", why);
}

/* The number of wrong elements. */
static uint32_t run(uint32_t cluster, uint32_t clusters, bool lazy, uint64_t seed, struct emu_report *rep) {
  static uint16_t got[M][N];
  _Alignas(128) uint8_t ma[128], mb[128], mc[128];
  uint32_t kt = (K + BK - 1) / BK, ntn = (N + BN - 1) / BN, ntiles = ntn * ((M + BM * cluster - 1) / (BM * cluster)),
           wrong = 0;
  encode(ma, a, M, K, BM);
  encode(mb, b, N, K, BN / cluster);
  encode(mc, c, M, N, 64);
  memset(got, 0xff, sizeof got);
  emu_write(dev, c, got, sizeof got);
  struct emu_module *m = rig_load(dev, rig_text);
  struct emu_launch how = {.grid = {cluster * clusters, 1, 1},
                           .block = {384, 1, 1},
                           .dynamic_shared = SHARED,
                           .lazy = lazy,
                           .seed = seed,
                           .max_steps = 2000000};
  const void *params[] = {ma, mb, mc, &kt, &ntn, &ntiles};
  emu_launch(m, "k", &how, params, 6, rep);
  emu_unload(m);
  emu_read(dev, got, c, sizeof got);
  for (uint32_t i = 0; i < M; i++) {
    for (uint32_t j = 0; j < N; j++) {
      int s = 0;
      for (uint32_t k = 0; k < K; k++) s += value(i, k) * value(j + 9, k);
      wrong += got[i][j] != bf16((float)s);
    }
  }
  return wrong;
}

START_TEST(right) {
  uint32_t cluster = _i ? 2 : 1;
  generate(cluster);
  for (uint64_t seed = 0; seed < 5; seed++) {
    struct emu_report rep;
    uint32_t clusters = seed % 2 + 1, wrong = run(cluster, clusters, seed > 0, seed, &rep);
    if (rep.n) rig_show(&rep);
    ck_assert_msg(!rep.n && !wrong, "cluster of %u, %u of them, seed %d: %u findings, %u elements are wrong", cluster,
                  clusters, (int)seed, rep.n, wrong);
    uint64_t tiles = (uint64_t)((N + BN - 1) / BN) * ((M + BM * cluster - 1) / (BM * cluster)) * cluster;
    ck_assert_uint_eq(rep.counts.tensor_flops, tiles * 2 * BM * BN * ((K + BK - 1) / BK * BK));
  }
}

/* One change; what must be found: kinds of findings (any), or 0: wrong results. */
#define K1(x) (1u << EMU_##x)
static const struct bug {
  uint32_t cluster;
  const char *from, *to;
  uint32_t kinds;
} bugs[] = {
    {1, "wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;", K1(RACE)},
    {1, "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;", K1(RACE)},
    {1, "wgmma.wait_group.sync.aligned 0;", "", K1(RACE)},
    {1, "%fb],24576", "%fb],16384", K1(DEADLOCK) | K1(RACE) | K1(BAD_BARRIER)},
    {1, "%fb],24576", "%fb],32768", K1(DEADLOCK)},
    {1, "[%bars+24],8;", "[%bars+24],9;", K1(DEADLOCK)},
    {1, "[%bars+32],8;", "[%bars+32],4;", K1(RACE) | K1(BAD_BARRIER)},
    {1, "fence.proxy.async.shared::cta;", "", K1(MISSING_FENCE)},
    {1, "fence.mbarrier_init.release.cluster;", "", K1(MISSING_FENCE)},
    {1, "bar.sync %wg,128;\n@%p bra NEXT;", "@%p bra NEXT;", K1(RACE) | K1(MISSING_FENCE)},
    {1, "cp.async.bulk.wait_group.read 0;\nFREE", "FREE", K1(RACE)},
    {1, "STORED: cp.async.bulk.wait_group.read 0;", "STORED:", K1(UNFINISHED)},
    {1, "setmaxnreg.inc.sync.aligned.u32 232;", "setmaxnreg.inc.sync.aligned.u32 240;", K1(DEADLOCK)},
    {1, "xor.b32 %y,%ph,1;", "mov.b32 %y,%ph;", K1(DEADLOCK)},
    {1, "xor.b32 %x,%x,%row;", "", 0},
    {1, "0x4000004000010000", "0x8000004000010000", 0},
    {1, "CW: mbarrier.try_wait.parity.shared::cta.b64 %p,[%fb],%ph; @!%p bra CW;", "",
     K1(RACE) | K1(BAD_BARRIER) | K1(UNINITIALISED)},
    {2, "fence.mbarrier_init.release.cluster;", "fence.proxy.async;", K1(RACE) | K1(BAD_BARRIER)},
    {2, "barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.acquire.aligned;", "bar.sync 0;",
     K1(RACE) | K1(BAD_BARRIER)},
    {2, "setp.lt.u32 %q,%lane,2;", "setp.lt.u32 %q,%lane,1;", K1(DEADLOCK)},
    {2, "[%bars+24],16;", "[%bars+24],8;", K1(RACE) | K1(BAD_BARRIER) | K1(DEADLOCK)},
    {2, "mov.b16 %both,3;", "mov.b16 %both,1;", K1(DEADLOCK) | K1(RACE) | K1(BAD_BARRIER)},
};

START_TEST(planted) {
  const struct bug *x = &bugs[_i];
  generate(x->cluster);
  char *at = strstr(rig_text, x->from);
  ck_assert_msg(at != NULL, "no '%s'", x->from);
  memmove(at + strlen(x->to), at + strlen(x->from), strlen(at + strlen(x->from)) + 1);
  memcpy(at, x->to, strlen(x->to));
  bool found = false;
  struct emu_report rep;
  for (uint64_t seed = 0; seed < 3 && !found; seed++) {
    uint32_t wrong = run(x->cluster, 1, seed > 0, seed, &rep);
    found = !x->kinds && wrong;
    for (int f = 0; f < rep.n; f++) found |= x->kinds >> rep.finding[f].kind & 1;
  }
  if (!found) rig_show(&rep);
  ck_assert_msg(found, "'%s' for '%s' was not found", x->to, x->from);
}

int main(void) {
  Suite *s = suite_create("emu-gemm");
  TCase *t = tcase_create("gemm");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_loop_test(t, right, 0, 2);
  tcase_add_loop_test(t, planted, 0, (int)(sizeof bugs / sizeof *bugs));
  suite_add_tcase(s, t);
  return suite_run(s, false);
}
