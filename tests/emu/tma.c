/* Bulk copies of boxes: ranks, borders, swizzles, multicast, stores and reductions, against a copy made element by
 * element. */
#include "tests/emu/rig.h"
#include "tests/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16 };
static struct emu *dev;

static void setup(void) {
  dev = emu_open();
}
static void teardown(void) {
  emu_close(dev);
}

static const struct box_row {
  enum emu_map_type type;
  uint32_t size, rank;
  uint64_t dim[5];
  uint32_t box[5];
  int32_t at[5];
  int swizzle;
} rows[] = {
    {EMU_MAP_F32, 4, 1, {50}, {32}, {0}, 0},
    {EMU_MAP_F32, 4, 1, {50}, {32}, {30}, 0},
    {EMU_MAP_BF16, 2, 2, {40, 20}, {32, 8}, {0, 0}, 0},
    {EMU_MAP_BF16, 2, 2, {72, 20}, {64, 16}, {8, 9}, 3},
    {EMU_MAP_BF16, 2, 2, {72, 20}, {64, 16}, {-5, -3}, 3},
    {EMU_MAP_F16, 2, 2, {40, 40}, {32, 32}, {3, 17}, 2},
    {EMU_MAP_U8, 1, 2, {48, 33}, {32, 20}, {17, 16}, 1},
    {EMU_MAP_F32, 4, 3, {20, 7, 5}, {8, 4, 3}, {-1, 5, 3}, 1},
    {EMU_MAP_F32, 4, 4, {8, 5, 4, 3}, {4, 3, 2, 2}, {2, -1, 3, 2}, 0},
    {EMU_MAP_I32, 4, 5, {8, 3, 3, 3, 3}, {8, 2, 2, 2, 2}, {0, 2, 1, -1, 2}, 1},
};

static uint32_t box_bytes(const struct box_row *r) {
  uint32_t n = r->size;
  for (uint32_t k = 0; k < r->rank; k++) n *= r->box[k];
  return n;
}

/* Rows are padded to a multiple of 16 bytes, planes follow each other. */
static void strides(const struct box_row *r, uint64_t *stride) {
  stride[0] = (r->dim[0] * r->size + 15) / 16 * 16;
  for (uint32_t k = 1; k + 1 < r->rank; k++) stride[k] = stride[k - 1] * r->dim[k];
}

/* Calls fn for each element: where it is in the box, and in the tensor, or -1. */
static void each(const struct box_row *r, void (*fn)(uint32_t in_box, int64_t in_tensor, void *ctx), void *ctx) {
  uint64_t stride[5];
  uint32_t n = box_bytes(r) / r->size;
  strides(r, stride);
  for (uint32_t e = 0; e < n; e++) {
    uint32_t rest = e;
    int64_t at = 0;
    bool inside = true;
    for (uint32_t k = 0; k < r->rank; k++) {
      int64_t c = r->at[k] + (int64_t)(rest % r->box[k]);
      rest /= r->box[k];
      inside &= c >= 0 && c < (int64_t)r->dim[k];
      at += c * (int64_t)(k ? stride[k - 1] : r->size);
    }
    fn(e * r->size, inside ? at : -1, ctx);
  }
}

static uint32_t swizzled(uint32_t addr,
                         int swizzle) { /* the chunk of 16 bytes moves by the number of the 128-byte row */
  uint32_t chunk = addr >> 4 & 7, row = addr >> 7 & 7, mask = (1u << swizzle) - 1;
  return (addr & ~0x70u) | (chunk ^ (row & mask)) << 4;
}

struct ctx {
  const struct box_row *r;
  uint8_t *tensor, *shared;
  bool in;
  uint32_t wrong;
};
static void check_in(uint32_t in_box, int64_t in_tensor, void *v) {
  struct ctx *c = v;
  static const uint8_t zero[8];
  const uint8_t *want = in_tensor < 0 ? zero : c->tensor + in_tensor;
  c->wrong += memcmp(c->shared + swizzled(in_box, c->r->swizzle), want, c->r->size) != 0;
}
static void put_out(uint32_t in_box, int64_t in_tensor, void *v) {
  struct ctx *c = v;
  if (in_tensor >= 0) memcpy(c->tensor + in_tensor, c->shared + swizzled(in_box, c->r->swizzle), c->r->size);
}

static void coordinates(const struct box_row *r, char *text, size_t n) {
  int at = snprintf(text, n, "[%%m,{");
  for (uint32_t k = 0; k < r->rank; k++) at += snprintf(text + at, n - (size_t)at, "%s%d", k ? "," : "", r->at[k]);
  snprintf(text + at, n - (size_t)at, "}]");
}

static struct emu_module *load(const char *body, const char *cluster) {
  static char text[8192];
  snprintf(
      text, sizeof text,
      PTX_HEADER(
          "sm_90a") ".extern .shared .align 1024 .b8 dyn[];\n.visible .entry k(.param .align 64 .b8 map[128], .param "
                    ".u64 raw) %s {\n.reg .pred %%p,%%q,%%e; .reg .b32 %%t,%%s,%%b,%%i,%%c,%%r; .reg .b64 %%m,%%g,%%a; "
                    ".reg .b16 %%h;\n.shared .align 8 .b64 bar;\n"
                    "mov.b64 %%m,map; cvta.param.u64 %%m,%%m; ld.param.u64 %%g,[raw]; mov.u32 %%t,%%tid.x; mov.u32 "
                    "%%s,dyn; mov.u32 %%b,bar; setp.ne.u32 %%p,%%t,0; mov.u32 %%r,%%cluster_ctarank;\n%s\nret;\n}\n",
      cluster, body);
  return rig_load(dev, text);
}

static void *map_of(const struct box_row *r, uint64_t addr) {
  static _Alignas(128) uint8_t map[128];
  uint64_t stride[5] = {0};
  strides(r, stride);
  const char *why = emu_tensor_map(map, r->type, r->rank, addr, r->dim, stride, r->box, NULL, r->swizzle);
  ck_assert_msg(why == NULL, "%s", why);
  return map;
}

static bool launch(struct emu_module *m, void *map, uint64_t raw, uint32_t blocks, bool lazy, uint64_t seed,
                   struct emu_report *rep) {
  struct emu_launch how = {.grid = {blocks, 1, 1},
                           .block = {64, 1, 1},
                           .cluster = {blocks, 1, 1},
                           .dynamic_shared = 32768,
                           .lazy = lazy,
                           .seed = seed,
                           .max_steps = 400000};
  const void *params[2] = {map, &raw};
  bool ok = emu_launch(m, "k", &how, params, 2, rep);
  if (!ok) rig_show(rep);
  return ok;
}

static void fill(uint8_t *p, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) p[i] = (uint8_t)(i * 131 >> 3 ^ i);
}

/* What every thread does to copy shared memory to raw, 4 bytes at a time. */
#define DUMP                                                                                                           \
  "shl.b32 %%i,%%t,2; cvt.u64.u32 %%a,%%i; add.u64 %%a,%%a,%%g; D: setp.ge.u32 %%q,%%i,%u; @%%q bra DE; add.u32 "      \
  "%%c,%%s,%%i; ld.shared.u32 %%c,[%%c]; st.global.u32 [%%a],%%c; add.u64 %%a,%%a,256; add.u32 %%i,%%i,256; bra D; "   \
  "DE:"

START_TEST(loads) {
  const struct box_row *r = &rows[_i];
  static uint8_t tensor[MOST], shared[MOST];
  char at[128], body[2048];
  uint64_t a = emu_alloc(dev, MOST), raw = emu_alloc(dev, MOST);
  coordinates(r, at, sizeof at);
  snprintf(body, sizeof body,
           "@%%p bra GO; mbarrier.init.shared.b64 [%%b],1; fence.mbarrier_init.release.cluster; "
           "mbarrier.arrive.expect_tx.shared.b64 _,[%%b],%u;\n"
           "cp.async.bulk.tensor.%ud.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%%s],%s,[%%b];\nGO: "
           "bar.sync 0;\nW: mbarrier.try_wait.parity.shared.b64 %%q,[%%b],0; @!%%q bra W;\n" DUMP,
           box_bytes(r), r->rank, at, box_bytes(r));
  fill(tensor, MOST);
  emu_write(dev, a, tensor, MOST);
  struct emu_module *m = load(body, "");
  for (uint64_t seed = 0; seed < 2; seed++) {
    struct emu_report rep;
    ck_assert(launch(m, map_of(r, a), raw, 1, seed, seed, &rep));
    ck_assert_uint_eq(rep.counts.bulk_bytes, box_bytes(r));
    emu_read(dev, shared, raw, MOST);
    struct ctx c = {.r = r, .tensor = tensor, .shared = shared};
    each(r, check_in, &c);
    ck_assert_msg(c.wrong == 0, "%u of %u elements are wrong", c.wrong, box_bytes(r) / r->size);
  }
  emu_unload(m);
}

START_TEST(stores) {
  const struct box_row *r = &rows[_i];
  static uint8_t tensor[MOST], shared[MOST], want[MOST];
  char at[128], body[2048];
  uint64_t a = emu_alloc(dev, MOST), raw = emu_alloc(dev, MOST);
  coordinates(r, at, sizeof at);
  snprintf(body, sizeof body,
           "shl.b32 %%i,%%t,2; cvt.u64.u32 %%a,%%i; add.u64 %%a,%%a,%%g; L: setp.ge.u32 %%q,%%i,%u; @%%q bra LE; "
           "ld.global.u32 %%c,[%%a]; add.u32 %%r,%%s,%%i; st.shared.u32 [%%r],%%c; add.u64 %%a,%%a,256; add.u32 "
           "%%i,%%i,256; bra L;\n"
           "LE: fence.proxy.async.shared::cta; bar.sync 0; @%%p bra END; "
           "cp.async.bulk.tensor.%ud.global.shared::cta.tile.bulk_group %s,[%%s]; cp.async.bulk.commit_group; "
           "cp.async.bulk.wait_group 0; END:",
           box_bytes(r), r->rank, at);
  fill(shared, MOST);
  emu_write(dev, raw, shared, MOST);
  struct emu_module *m = load(body, "");
  for (uint64_t seed = 0; seed < 2; seed++) {
    struct emu_report rep;
    memset(want, 0, MOST);
    emu_write(dev, a, want, MOST);
    ck_assert(launch(m, map_of(r, a), raw, 1, seed, seed, &rep));
    struct ctx c = {.r = r, .tensor = want, .shared = shared};
    each(r, put_out, &c);
    emu_read(dev, tensor, a, MOST);
    ck_assert(!memcmp(tensor, want, MOST));
  }
  emu_unload(m);
}

/* Each block of a cluster of two loads half of the rows for both. */
START_TEST(multicast) {
  static uint8_t tensor[MOST], got[MOST];
  struct box_row r = {EMU_MAP_BF16, 2, 2, {64, 32}, {64, 16}, {0, 0}, 0};
  uint64_t a = emu_alloc(dev, MOST), raw = emu_alloc(dev, MOST);
  char body[2048];
  snprintf(body, sizeof body,
           "@%%p bra GO; mbarrier.init.shared.b64 [%%b],1; fence.mbarrier_init.release.cluster; "
           "mbarrier.arrive.expect_tx.shared.b64 _,[%%b],4096;\nGO: barrier.cluster.arrive.aligned; "
           "barrier.cluster.wait.aligned;\n@%%p bra W;\n"
           "shl.b32 %%i,%%r,4; shl.b32 %%c,%%r,11; add.u32 %%c,%%c,%%s; mov.b16 %%h,3;\n"
           "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
           "[%%c],[%%m,{0,%%i}],[%%b],%%h;\n"
           "W: mbarrier.try_wait.parity.shared.b64 %%q,[%%b],0; @!%%q bra W;\nmad.wide.u32 %%g,%%r,4096,%%g;\n" DUMP
           "\nbarrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;",
           4096);
  fill(tensor, MOST);
  emu_write(dev, a, tensor, MOST);
  struct emu_module *m = load(body, ".reqnctapercluster 2");
  for (uint64_t seed = 0; seed < 6; seed++) {
    struct emu_report rep;
    ck_assert(launch(m, map_of(&r, a), raw, 2, seed > 0, seed, &rep));
    emu_read(dev, got, raw, MOST);
    ck_assert(!memcmp(got, tensor, 4096) && !memcmp(got + 4096, tensor, 4096));
  }
  emu_unload(m);
}

START_TEST(reduction) {
  struct box_row r = {EMU_MAP_F32, 4, 2, {16, 4}, {16, 4}, {0, 0}, 0};
  uint64_t a = emu_alloc(dev, MOST), raw = emu_alloc(dev, MOST);
  float v[64];
  for (int i = 0; i < 64; i++) v[i] = (float)i;
  emu_write(dev, a, v, sizeof v);
  struct emu_module *m = load("cvt.rn.f32.u32 %c,%t; shl.b32 %i,%t,2; add.u32 %i,%i,%s; st.shared.b32 [%i],%c; "
                              "fence.proxy.async.shared::cta; bar.sync 0; @%p bra END;\n"
                              "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%m,{0,0}],[%s]; "
                              "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%g],[%s],256;\n"
                              "cp.async.bulk.commit_group; cp.async.bulk.wait_group 0; END:",
                              "");
  emu_write(dev, raw, v, sizeof v);
  struct emu_report rep;
  ck_assert(launch(m, map_of(&r, a), raw, 1, true, 3, &rep));
  for (int k = 0; k < 2; k++) {
    emu_read(dev, v, k ? a : raw, sizeof v);
    for (int i = 0; i < 64; i++) ck_assert(v[i] == 2.0f * (float)i);
  }
  emu_unload(m);
}

/* What is no map, or not of that rank, or not aligned, is found. */
static const struct {
  const char *body;
  enum emu_kind kind;
} wrong[] = {
    {"cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%s],[%m,{0,0,0}],[%b];",
     EMU_ILLEGAL},
    {"cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%s],[%g,{0,0}],[%b];",
     EMU_ILLEGAL},
    {"cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%s+16],[%m,{0,0}],[%b];",
     EMU_MISALIGNED},
    {"cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%s+32768],[%m,{0,0}],[%b];",
     EMU_OUT_OF_BOUNDS},
    {"cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%s],[%m,{0,0}],[%b+8];",
     EMU_BAD_BARRIER},
    {"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%s],[%g],24,[%b];", EMU_MISALIGNED},
    {"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%s],[%g+65536],16,[%b];", EMU_OUT_OF_BOUNDS},
    {"mov.u32 %c,1048576; mbarrier.expect_tx.relaxed.cta.shared.b64 [%b],%c;", EMU_BAD_BARRIER},
    {"mbarrier.arrive.shared.b64 _,[%b]; mbarrier.arrive.shared.b64 _,[%b]; mbarrier.arrive.shared.b64 _,[%b],2;",
     EMU_BAD_BARRIER},
    {"setmaxnreg.inc.sync.aligned.u32 24;", EMU_ILLEGAL},
    {"setmaxnreg.inc.sync.aligned.u32 256;", EMU_DEADLOCK},
    {"mov.u32 %c,7; mapa.shared::cluster.u32 %c,%s,%c;", EMU_ILLEGAL},
    {"barrier.cluster.wait.aligned;", EMU_BAD_BARRIER},
    {"mov.u32 %c,17; bar.sync %c;", EMU_BAD_BARRIER},
    {"trap;", EMU_TRAP},
};

START_TEST(found) {
  struct box_row r = {EMU_MAP_BF16, 2, 2, {64, 32}, {64, 16}, {0, 0}, 0};
  uint64_t a = emu_alloc(dev, MOST), raw = emu_alloc(dev, MOST);
  char body[1024];
  snprintf(body, sizeof body,
           "@%%p bra GO; mbarrier.init.shared.b64 [%%b],1; fence.mbarrier_init.release.cluster;\nGO: bar.sync 0;\n%s",
           wrong[_i].body);
  struct emu_module *m = load(body, "");
  struct emu_report rep;
  struct emu_launch how = {.grid = {1, 1, 1}, .block = {64, 1, 1}, .dynamic_shared = 32768, .max_steps = 100000};
  const void *params[2] = {map_of(&r, a), &raw};
  bool hit = false;
  ck_assert(!emu_launch(m, "k", &how, params, 2, &rep));
  for (int i = 0; i < rep.n; i++) hit |= rep.finding[i].kind == wrong[_i].kind;
  if (!hit) rig_show(&rep);
  ck_assert_msg(hit, "%s", wrong[_i].body);
  emu_unload(m);
}

START_TEST(maps) {
  _Alignas(128) uint8_t map[128];
  uint64_t dim[2] = {64, 64}, stride[1] = {128}, odd[1] = {100};
  uint32_t box[2] = {64, 8}, narrow[2] = {4, 8}, large[2] = {64, 257}, wide[2] = {128, 8};
  ck_assert_ptr_null(emu_tensor_map(map, EMU_MAP_BF16, 2, 4096, dim, stride, box, NULL, 3));
  ck_assert_ptr_nonnull(emu_tensor_map(map, EMU_MAP_BF16, 6, 4096, dim, stride, box, NULL, 3));
  ck_assert_ptr_nonnull(emu_tensor_map(map, EMU_MAP_BF16, 2, 4104, dim, stride, box, NULL, 3));
  ck_assert_ptr_nonnull(emu_tensor_map(map, EMU_MAP_BF16, 2, 4096, dim, odd, box, NULL, 3));
  ck_assert_ptr_nonnull(emu_tensor_map(map, EMU_MAP_BF16, 2, 4096, dim, stride, narrow, NULL, 0));
  ck_assert_ptr_nonnull(emu_tensor_map(map, EMU_MAP_BF16, 2, 4096, dim, stride, large, NULL, 0));
  ck_assert_ptr_nonnull(emu_tensor_map(map, EMU_MAP_BF16, 2, 4096, dim, stride, wide, NULL, 3));
  ck_assert_ptr_nonnull(emu_tensor_map(map, EMU_MAP_BF16, 2, 4096, dim, stride, box, NULL, 4));
}

int main(void) {
  Suite *s = suite_create("emu-tma");
  TCase *c = tcase_create("tma");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, loads, 0, (int)(sizeof rows / sizeof *rows));
  tcase_add_loop_test(c, stores, 0, (int)(sizeof rows / sizeof *rows));
  tcase_add_test(c, multicast);
  tcase_add_test(c, reduction);
  tcase_add_loop_test(c, found, 0, (int)(sizeof wrong / sizeof *wrong));
  tcase_add_test(c, maps);
  suite_add_tcase(s, c);
  return suite_run(s, false);
}
