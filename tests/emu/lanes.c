/* Instructions between lanes, atomics, loads and stores, and special registers: one result a thread, against a formula.
 */
#include "tests/emu/rig.h"
#include "tests/suite.h"
#include <stdio.h>
#include <string.h>

enum { LANES = 32 };

static uint32_t x(uint32_t l) { /* what lane l holds */
  return l * 2654435761u >> 7;
}

static uint32_t up(uint32_t l) {
  return l >= 3 ? x(l - 3) : x(l);
}
static uint32_t down(uint32_t l) {
  return l + 5 < 32 ? x(l + 5) : x(l);
}
static uint32_t butterfly(uint32_t l) {
  return x(l ^ 9);
}
static uint32_t segment(uint32_t l) { /* the first lane of eight */
  return x(l & ~7u);
}
static uint32_t up_segment(uint32_t l) {
  return l % 8 >= 2 ? x(l - 2) : x(l);
}
static uint32_t ballot(uint32_t l) {
  (void)l;
  uint32_t b = 0;
  for (uint32_t k = 0; k < LANES; k++) b |= (x(k) & 1) << k;
  return b;
}
static uint32_t any(uint32_t l) {
  (void)l;
  return 1;
}
static uint32_t none(uint32_t l) {
  (void)l;
  return 0;
}
static uint32_t sum(uint32_t l) {
  (void)l;
  uint32_t s = 0;
  for (uint32_t k = 0; k < LANES; k++) s += x(k);
  return s;
}
static uint32_t smallest(uint32_t l) {
  int32_t s = INT32_MAX;
  for (uint32_t k = l & 16; k < (l & 16) + 16; k++) s = (int32_t)(x(k) << 8) < s ? (int32_t)(x(k) << 8) : s;
  return (uint32_t)s;
}
static uint32_t bits(uint32_t l) {
  (void)l;
  uint32_t s = 0;
  for (uint32_t k = 0; k < LANES; k++) s ^= x(k);
  return s;
}
static uint32_t matching(uint32_t l) {
  return 0x11111111u << (l & 3);
}
static uint32_t below(uint32_t l) {
  return (1u << l) - 1;
}
static uint32_t first(uint32_t l) {
  return l == 0;
}
static uint32_t order(uint32_t l) { /* atomics act lane by lane */
  return l;
}
static uint32_t total(uint32_t l) {
  (void)l;
  return 32;
}
static uint32_t wrapped(uint32_t l) {
  return l % 5;
}
static uint32_t same(uint32_t l) {
  return x(l);
}
static uint32_t bytes(uint32_t l) {
  return (uint32_t)(int8_t)x(l);
}
static uint32_t halves(uint32_t l) {
  return x(l) >> 16 | x(l) << 16;
}
static uint32_t lanes_of_group(uint32_t l) {
  return l < 20 ? 0xfffffu : 0xfff00000u;
}

/* %x is the lane's value, %l the lane, [%g] and [s] 4 bytes of global memory a lane and shared memory, both zero at
 * first. The result is %y. */
static const struct row {
  const char *text;
  uint32_t (*want)(uint32_t lane);
} rows[] = {
    {"shfl.sync.up.b32 %y,%x,3,0,-1;", up},
    {"shfl.sync.down.b32 %y,%x,5,31,-1;", down},
    {"shfl.sync.bfly.b32 %y,%x,9,31,-1;", butterfly},
    {"shfl.sync.idx.b32 %y,%x,0,0x181f,-1;", segment},
    {"shfl.sync.up.b32 %y,%x,2,0x1800,-1;", up_segment},
    {"and.b32 %t,%x,1; setp.ne.u32 %p,%t,0; vote.sync.ballot.b32 %y,%p,-1;", ballot},
    {"setp.eq.u32 %p,%l,7; vote.sync.any.pred %q,%p,-1; selp.b32 %y,1,0,%q;", any},
    {"setp.eq.u32 %p,%l,7; vote.sync.all.pred %q,%p,-1; selp.b32 %y,1,0,%q;", none},
    {"setp.eq.u32 %p,%l,40; vote.sync.uni.pred %q,!%p,-1; selp.b32 %y,1,0,%q;", any},
    {"redux.sync.add.u32 %y,%x,-1;", sum},
    {"shl.b32 %t,%x,8; setp.lt.u32 %p,%l,16; selp.b32 %u,0xffff,0xffff0000,%p; @%p bra A; redux.sync.min.s32 %y,%t,%u; "
     "bra B; A: redux.sync.min.s32 %y,%t,%u; B:",
     smallest},
    {"redux.sync.xor.b32 %y,%x,-1;", bits},
    {"and.b32 %t,%l,3; match.any.sync.b32 %y,%t,-1;", matching},
    {"match.all.sync.b32 %t|%p,%l,-1; selp.b32 %y,1,%t,%p;", none},
    {"mov.u32 %y,%lanemask_lt;", below},
    {"elect.sync %t|%p,-1; selp.b32 %y,1,0,%p;", first},
    {"setp.lt.u32 %p,%l,20; @%p bra A; activemask.b32 %y; bra B; A: activemask.b32 %y; B: bar.warp.sync -1;",
     lanes_of_group},
    {"atom.shared.add.u32 %y,[s],1;", order},
    {"atom.shared.inc.u32 %y,[s],4;", wrapped},
    {"atom.global.exch.b32 %t,[%g],%x; atom.global.cas.b32 %y,[%g],%x,5;", same},
    {"red.shared.add.u32 [s],1; bar.warp.sync -1; ld.shared.u32 %y,[s];", total},
    {"atom.shared.max.u32 %t,[s],%x; bar.warp.sync -1; redux.sync.max.u32 %u,%x,-1; ld.shared.u32 %y,[s]; sub.u32 "
     "%y,%y,%u;",
     none},
    {"cvt.rn.f32.u32 %f,%l; red.shared.add.f32 [s],%f; bar.warp.sync -1; ld.shared.f32 %f,[s]; cvt.rzi.u32.f32 %y,%f; "
     "sub.u32 %y,%y,464;",
     total},
    {"st.global.u32 [%g],%x; ld.global.s8 %y,[%g];", bytes},
    {"st.global.v2.u16 [%g],{%h,%k}; ld.global.u32 %y,[%g];", halves},
    {"st.shared.u32 [%s],%x; cvta.shared.u64 %a,%b; ld.u32 %y,[%a];", same},
    {"st.local.u32 [stack+4],%x; mov.u64 %a,stack; cvta.local.u64 %a,%a; ld.u32 %y,[%a+4];", same},
    {"mov.u64 %a,table; mad.wide.u32 %a,%l,4,%a; ld.const.u32 %t,[%a]; add.u32 %y,%t,%x; sub.u32 %y,%y,%l;", same},
    {"mov.u32 %y,%warpid; mov.u32 %t,%ntid.x; sub.u32 %t,%t,32; add.u32 %y,%y,%t;", none},
};

static struct emu *dev;
static uint64_t global, out;

static void setup(void) {
  dev = emu_open();
  global = emu_alloc(dev, 4 * LANES);
  out = emu_alloc(dev, 4 * LANES);
}
static void teardown(void) {
  emu_close(dev);
}

START_TEST(result) {
  char text[8192], table[512] = "";
  for (int l = 0; l < LANES; l++)
    snprintf(table + strlen(table), sizeof table - strlen(table), "%s%d", l ? "," : "", l);
  snprintf(
      text, sizeof text,
      PTX_HEADER(
          "sm_90a") ".const .align 4 .u32 table[32] = {%s};\n.visible .entry k(.param .u64 g, .param .u64 out) {\n"
                    ".reg .pred %%p,%%q; .reg .b16 %%h,%%k; .reg .b32 %%x,%%y,%%l,%%t,%%u,%%s; .reg .f32 %%f; .reg "
                    ".b64 %%g,%%o,%%a,%%b;\n.shared .align 4 .b8 s[128]; .local .align 4 .b8 stack[16];\n"
                    "ld.param.u64 %%g,[g]; ld.param.u64 %%o,[out]; mov.u32 %%l,%%tid.x; mul.lo.u32 %%x,%%l,2654435761; "
                    "shr.u32 %%x,%%x,7; mad.wide.u32 %%g,%%l,4,%%g; mad.wide.u32 %%o,%%l,4,%%o;\n"
                    "mov.b32 {%%k,%%h},%%x; mov.u32 %%s,s; mad.lo.u32 %%s,%%l,4,%%s; cvt.u64.u32 %%b,%%s; "
                    "st.shared.u32 [%%s],0; bar.warp.sync -1;\n%s\nst.global.u32 [%%o],%%y; ret;\n}\n",
      table, rows[_i].text);
  uint32_t got[LANES], zero[LANES] = {0};
  emu_write(dev, global, zero, sizeof zero);
  struct emu_module *m = rig_load(dev, text);
  for (uint64_t seed = 0; seed < 3; seed++) {
    uint64_t params[2] = {global, out};
    struct emu_report rep;
    ck_assert_msg(rig_run(m, 1, LANES, 0, seed > 0, seed, params, 2, &rep), "%s: %s", rows[_i].text,
                  rep.finding[0].text);
    emu_read(dev, got, out, sizeof got);
    for (uint32_t l = 0; l < LANES; l++)
      ck_assert_msg(got[l] == rows[_i].want(l), "%s: lane %u: %x, not %x", rows[_i].text, l, got[l], rows[_i].want(l));
  }
  emu_unload(m);
}

/* A switch with as many ways as there are remainders: every lane takes its own, and all meet again. */
START_TEST(branches) {
  static const char text[] =
      PTX_HEADER("sm_80") ".visible .entry k(.param .u64 out) {\n.reg .b32 %l,%y,%t; .reg .b64 %o; .reg .pred "
                          "%p;\nld.param.u64 %o,[out]; mov.u32 %l,%tid.x; mad.wide.u32 %o,%l,4,%o;\n"
                          "mov.u32 %y,0; rem.u32 %t,%l,3;\nT: .branchtargets C0, C1, C2;\nbrx.idx %t,T;\n"
                          "C0: add.u32 %y,%y,100; bra END;\nC1: add.u32 %y,%y,1; add.u32 %l,%l,-1; setp.gt.s32 "
                          "%p,%l,0; @%p bra C1; bra END;\nC2: mov.u32 %y,7;\n"
                          "END: bar.warp.sync -1;\nst.global.u32 [%o],%y; ret;\n}\n";
  uint32_t got[LANES];
  struct emu_module *m = rig_load(dev, text);
  struct emu_report rep;
  ck_assert_msg(rig_run(m, 1, LANES, 0, false, 0, &out, 1, &rep), "%s", rep.finding[0].text);
  emu_read(dev, got, out, sizeof got);
  for (uint32_t l = 0; l < LANES; l++) ck_assert_uint_eq(got[l], l % 3 == 0 ? 100 : l % 3 == 2 ? 7 : l);
  ck_assert_uint_gt(rep.counts.divergent_branches, 0);
  emu_unload(m);
}

/* Requests, sectors and conflicts of patterns whose numbers are known. */
static const struct count_row {
  const char *index; /* of 4 bytes, in %t */
  uint32_t sectors, conflicts;
} counts[] = {{"mov.u32 %t,%l;", 4, 0},
              {"shl.b32 %t,%l,1;", 8, 1},
              {"shl.b32 %t,%l,5;", 32, 31},
              {"mov.u32 %t,0;", 1, 0},
              {"mul.lo.u32 %t,%l,33;", 32, 0}};

START_TEST(counted) {
  char text[2048];
  snprintf(
      text, sizeof text,
      PTX_HEADER(
          "sm_80") ".visible .entry k(.param .u64 g) {\n.reg .b32 %%l,%%t,%%y,%%s; .reg .b64 %%g; .shared .align 4 .b8 "
                   "s[4224];\n"
                   "ld.param.u64 %%g,[g]; mov.u32 %%l,%%tid.x; %s\nmad.wide.u32 %%g,%%t,4,%%g; ld.global.u32 "
                   "%%y,[%%g]; mov.u32 %%s,s; mad.lo.u32 %%s,%%t,4,%%s; atom.shared.add.u32 %%y,[%%s],0;\nret;\n}\n",
      counts[_i].index);
  uint64_t big = emu_alloc(dev, 8192);
  struct emu_module *m = rig_load(dev, text);
  struct emu_report rep;
  ck_assert_msg(rig_run(m, 1, LANES, 0, false, 0, &big, 1, &rep), "%s", rep.finding[0].text);
  ck_assert_uint_eq(rep.counts.global_requests, 1);
  ck_assert_uint_eq(rep.counts.global_sectors, counts[_i].sectors);
  ck_assert_uint_eq(rep.counts.global_load_bytes, 128);
  ck_assert_uint_eq(rep.counts.shared_conflicts, counts[_i].conflicts);
  emu_unload(m);
}

int main(void) {
  Suite *s = suite_create("emu-lanes");
  TCase *c = tcase_create("lanes");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, result, 0, (int)(sizeof rows / sizeof *rows));
  tcase_add_test(c, branches);
  tcase_add_loop_test(c, counted, 0, (int)(sizeof counts / sizeof *counts));
  suite_add_tcase(s, c);
  return suite_run(s, false);
}
