/* A product as sm_80 wants it: three stages of cp.async with zeros beyond the edges, chunks of 16 bytes swizzled by
 * their row, ldmatrix, mma.sync. Right in both modes, without a finding or a bank conflict, for sizes that no tile
 * divides; planted mistakes are found. */
#include "tests/emu/rig.h"
#include "tests/suite.h"
#include <stdio.h>
#include <string.h>

enum { BM = 64, BN = 64, BK = 32, STAGES = 3, TILE = BM * BK * 2, M = 100, N = 70, K = 168 };

/* Two chunks a thread of one operand into stage %s; rows from %first below rows, columns from %k0. */
static void copy(const char *base, const char *first, uint32_t rows, uint32_t off) {
  for (uint32_t j = 0; j < 2; j++) {
    rig_put(
        "add.u32 %%c,%%tid,%u; shr.u32 %%row,%%c,2; and.b32 %%ch,%%c,3; add.u32 %%gr,%%row,%s; shl.b32 %%gk,%%ch,3; "
        "add.u32 %%gk,%%gk,%%k0;\n",
        128 * j, first);
    rig_put("setp.lt.u32 %%p,%%gr,%u; setp.lt.and.u32 %%p,%%gk,%d,%%p; selp.b32 %%n,16,0,%%p; mad.lo.u32 "
            "%%gr,%%gr,%d,%%gk; mad.wide.u32 %%a,%%gr,2,%s; selp.b64 %%a,%%a,%s,%%p;\n",
            rows, K, K, base, base);
    rig_put(
        "shr.u32 %%x,%%row,1; and.b32 %%x,%%x,3; xor.b32 %%x,%%x,%%ch; shl.b32 %%x,%%x,4; mad.lo.u32 %%x,%%row,64,%%x; "
        "mad.lo.u32 %%x,%%s,%d,%%x; add.u32 %%x,%%x,%%sh;\n",
        2 * TILE);
    rig_put("cp.async.cg.shared.global [%%x+%u],[%%a],16,%%n;\n", off);
  }
}

static void load_stage(void) {
  rig_put("shl.b32 %%k0,%%kn,5; rem.u32 %%s,%%kn,%d;\n", STAGES);
  copy("%A", "%m0", M, 0);
  copy("%B", "%n0", N, TILE);
}

/* A fragment of 16 rows from row on (in %r0), of the k16 step j: the address goes to %x. b: rows of B, two groups of 8.
 */
static void address(uint32_t j, bool b) {
  if (b)
    rig_put("and.b32 %%row,%%lane,7; shr.u32 %%ch,%%lane,4; shl.b32 %%ch,%%ch,3; add.u32 %%row,%%row,%%ch; add.u32 "
            "%%row,%%row,%%r0; shr.u32 %%ch,%%lane,3; and.b32 %%ch,%%ch,1;\n");
  else
    rig_put("and.b32 %%row,%%lane,15; add.u32 %%row,%%row,%%r0; shr.u32 %%ch,%%lane,4;\n");
  rig_put("add.u32 %%ch,%%ch,%u; shr.u32 %%x,%%row,1; and.b32 %%x,%%x,3; xor.b32 %%x,%%x,%%ch; shl.b32 %%x,%%x,4; "
          "mad.lo.u32 %%x,%%row,64,%%x; mad.lo.u32 %%x,%%s,%d,%%x; add.u32 %%x,%%x,%%sh;\n",
          2 * j, 2 * TILE);
}

static void multiply(void) {
  rig_put("rem.u32 %%s,%%k,%d;\n", STAGES);
  for (uint32_t j = 0; j < 2; j++) {
    for (uint32_t i = 0; i < 2; i++) {
      rig_put("add.u32 %%r0,%%wm,%u;\n", 16 * i);
      address(j, false);
      rig_put("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%%fa%u,%%fa%u,%%fa%u,%%fa%u},[%%x];\n", 4 * i, 4 * i + 1,
              4 * i + 2, 4 * i + 3);
      rig_put("add.u32 %%r0,%%wn,%u;\n", 16 * i);
      address(j, true);
      rig_put("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%%fb%u,%%fb%u,%%fb%u,%%fb%u},[%%x+%d];\n", 4 * i, 4 * i + 1,
              4 * i + 2, 4 * i + 3, TILE);
    }
    for (uint32_t i = 0; i < 2; i++) {
      for (uint32_t n = 0; n < 4; n++) {
        uint32_t d = (4 * i + n) * 4;
        rig_put("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                "{%%d%u,%%d%u,%%d%u,%%d%u},{%%fa%u,%%fa%u,%%fa%u,%%fa%u},{%%fb%u,%%fb%u},{%%d%u,%%d%u,%%d%u,%%d%u};\n",
                d, d + 1, d + 2, d + 3, 4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3, 2 * n, 2 * n + 1, d, d + 1, d + 2,
                d + 3);
      }
    }
  }
}

static void generate(void) {
  rig_len = 0;
  rig_put(
      PTX_HEADER("sm_80") ".visible .entry k(.param .u64 a, .param .u64 b, .param .u64 c) {\n.reg .pred %%p; .reg .f32 "
                          "%%d<32>; .reg .b32 %%fa<8>,%%fb<8>;\n"
                          ".reg .b32 "
                          "%%tid,%%lane,%%warp,%%wm,%%wn,%%m0,%%n0,%%k,%%kn,%%k0,%%s,%%c,%%row,%%ch,%%gr,%%gk,%%n,%%x,%"
                          "%sh,%%r0; .reg .b64 %%A,%%B,%%C,%%a;\n.shared .align 128 .b8 sh[%d];\n",
      STAGES * 2 * TILE);
  rig_put("ld.param.u64 %%A,[a]; ld.param.u64 %%B,[b]; ld.param.u64 %%C,[c]; mov.u32 %%tid,%%tid.x; and.b32 "
          "%%lane,%%tid,31; shr.u32 %%warp,%%tid,5; mov.u32 %%sh,sh;\n"
          "mov.u32 %%m0,%%ctaid.y; shl.b32 %%m0,%%m0,6; mov.u32 %%n0,%%ctaid.x; shl.b32 %%n0,%%n0,6; shr.u32 "
          "%%wm,%%warp,1; shl.b32 %%wm,%%wm,5; and.b32 %%wn,%%warp,1; shl.b32 %%wn,%%wn,5;\n");
  for (int i = 0; i < 32; i++) rig_put("mov.b32 %%d%d,0f00000000;\n", i);
  for (int s = 0; s + 1 < STAGES; s++) {
    rig_put("mov.u32 %%kn,%d;\n", s);
    load_stage();
    rig_put("cp.async.commit_group;\n");
  }
  rig_put(
      "mov.u32 %%k,0;\nLOOP:\ncp.async.wait_group %d;\nbar.sync 0;\nadd.u32 %%kn,%%k,%d; setp.ge.u32 %%p,%%kn,%d; @%%p "
      "bra LAST;\n",
      STAGES - 2, STAGES - 1, (K + BK - 1) / BK);
  load_stage();
  rig_put("LAST: cp.async.commit_group;\n");
  multiply();
  rig_put("add.u32 %%k,%%k,1; setp.lt.u32 %%p,%%k,%d; @%%p bra LOOP;\n", (K + BK - 1) / BK);
  rig_put("shr.u32 %%row,%%lane,2; add.u32 %%row,%%row,%%wm; add.u32 %%row,%%row,%%m0; and.b32 %%ch,%%lane,3; shl.b32 "
          "%%ch,%%ch,1; add.u32 %%ch,%%ch,%%wn; add.u32 %%ch,%%ch,%%n0;\n");
  for (uint32_t i = 0; i < 2; i++) {
    for (uint32_t h = 0; h < 2; h++) {
      for (uint32_t n = 0; n < 4; n++) {
        uint32_t d = (4 * i + n) * 4 + 2 * h;
        rig_put(
            "add.u32 %%gr,%%row,%u; add.u32 %%gk,%%ch,%u; setp.lt.u32 %%p,%%gr,%d; setp.lt.and.u32 %%p,%%gk,%d,%%p; "
            "mad.lo.u32 %%x,%%gr,%d,%%gk; mad.wide.u32 %%a,%%x,4,%%C; @%%p st.global.v2.f32 [%%a],{%%d%u,%%d%u};\n",
            16 * i + 8 * h, 8 * n, M, N, N, d, d + 1);
      }
    }
  }
  rig_put("ret;\n}\n");
}

static struct emu *dev;
static uint64_t params[3];

static int value(uint32_t i, uint32_t j) {
  return (int)((i * 5 + j * 3 + i * j % 7) % 5) - 2;
}

static uint16_t bf16(float f) {
  uint32_t v;
  memcpy(&v, &f, 4);
  return (uint16_t)(v >> 16);
}

static void setup(void) {
  static uint16_t a[M][K], b[N][K];
  dev = emu_open();
  for (uint32_t k = 0; k < K; k++) {
    for (uint32_t i = 0; i < M; i++) a[i][k] = bf16((float)value(i, k));
    for (uint32_t j = 0; j < N; j++) b[j][k] = bf16((float)value(j + 9, k));
  }
  params[0] = emu_alloc(dev, sizeof a), params[1] = emu_alloc(dev, sizeof b), params[2] = emu_alloc(dev, M * N * 4);
  emu_write(dev, params[0], a, sizeof a);
  emu_write(dev, params[1], b, sizeof b);
}
static void teardown(void) {
  emu_close(dev);
}

/* The number of wrong elements. */
static uint32_t run(bool lazy, uint64_t seed, struct emu_report *rep) {
  static float c[M][N];
  struct emu_launch how = {.grid = {(N + BN - 1) / BN, (M + BM - 1) / BM, 1},
                           .block = {128, 1, 1},
                           .lazy = lazy,
                           .seed = seed,
                           .max_steps = 2000000};
  const void *ptr[] = {&params[0], &params[1], &params[2]};
  uint32_t wrong = 0;
  memset(c, 0xff, sizeof c);
  emu_write(dev, params[2], c, sizeof c);
  struct emu_module *m = rig_load(dev, rig_text);
  emu_launch(m, "k", &how, ptr, 3, rep);
  emu_unload(m);
  emu_read(dev, c, params[2], sizeof c);
  for (uint32_t i = 0; i < M; i++) {
    for (uint32_t j = 0; j < N; j++) {
      int s = 0;
      for (uint32_t k = 0; k < K; k++) s += value(i, k) * value(j + 9, k);
      wrong += c[i][j] != (float)s;
    }
  }
  return wrong;
}

START_TEST(right) {
  generate();
  for (uint64_t seed = 0; seed < 4; seed++) {
    struct emu_report rep;
    uint32_t wrong = run(seed > 0, seed, &rep);
    if (rep.n) rig_show(&rep);
    ck_assert_msg(!rep.n && !wrong, "seed %d: %d findings, %u elements are wrong", (int)seed, rep.n, wrong);
    ck_assert_uint_eq(rep.counts.shared_conflicts, 0);
    ck_assert_uint_eq(rep.counts.tensor_flops, 4ull * 2 * BM * BN * ((K + BK - 1) / BK * BK));
  }
}

/* kinds: of findings (any); 0: wrong results, or bank conflicts. */
static const struct bug {
  const char *from, *to;
  uint32_t kinds;
} bugs[] = {
    {"cp.async.wait_group 1;", "cp.async.wait_group 2;", 1u << EMU_RACE},
    {"bar.sync 0;", "", 1u << EMU_RACE},
    {"cp.async.wait_group 1;\nbar.sync 0;", "bar.sync 0;\ncp.async.wait_group 1;", 1u << EMU_RACE},
    {"setp.lt.and.u32 %p,%gk,168,%p;", "", 0},
    {"setp.lt.u32 %p,%gr,100;", "setp.lt.u32 %p,%gr,128;", 1u << EMU_OUT_OF_BOUNDS},
    {"rem.u32 %s,%kn,3;\n", "rem.u32 %s,%kn,2;\n", 1u << EMU_RACE | 1u << EMU_UNINITIALISED},
    {"add.u32 %kn,%k,2;", "add.u32 %kn,%k,3;", 1u << EMU_RACE | 1u << EMU_UNINITIALISED},
    {"xor.b32 %x,%x,%ch;", "mov.b32 %x,%ch;", 0},
    {"mma.sync.aligned", "@%p mma.sync.aligned", 1u << EMU_DIVERGENT},
};

START_TEST(planted) {
  const struct bug *x = &bugs[_i];
  generate();
  char *at = strstr(rig_text, x->from);
  ck_assert_msg(at != NULL, "no '%s'", x->from);
  for (; at; at = strstr(at + strlen(x->to), x->from)) { /* everywhere */
    memmove(at + strlen(x->to), at + strlen(x->from), strlen(at + strlen(x->from)) + 1);
    memcpy(at, x->to, strlen(x->to));
  }
  struct emu_report rep;
  uint32_t wrong = run(false, 0, &rep);
  bool found = !x->kinds && (wrong || rep.counts.shared_conflicts);
  for (int f = 0; f < rep.n; f++) found |= x->kinds >> rep.finding[f].kind & 1;
  if (!found) rig_show(&rep);
  ck_assert_msg(found, "'%s' for '%s' was not found", x->to, x->from);
}

int main(void) {
  Suite *s = suite_create("emu-ampere");
  TCase *t = tcase_create("ampere");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, right);
  tcase_add_loop_test(t, planted, 0, (int)(sizeof bugs / sizeof *bugs));
  suite_add_tcase(s, t);
  return suite_run(s, false);
}
