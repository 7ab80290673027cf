/* Tensor-core instructions against products computed here: mma of every type by the fragment layouts of the PTX ISA,
 * wgmma with operands that TMA brought, in every swizzle. */
#include "tests/emu/rig.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct emu *dev;

static void setup(void) {
  dev = emu_open();
}
static void teardown(void) {
  emu_close(dev);
}

/* ---- text ---- */

static void list(const char *prefix, uint32_t n) {
  rig_put("{");
  for (uint32_t i = 0; i < n; i++) rig_put("%s%s%u", i ? "," : "", prefix, i);
  rig_put("}");
}

/* ---- numbers: small integers, exact in every type ---- */

enum type { BF16, F16, TF32, E4M3, E5M2, S8, U8, F64, F32, S32 };
static const char *const names[] = {"bf16", "f16", "tf32", "e4m3", "e5m2", "s8", "u8", "f64", "f32", "s32"};
static const uint32_t sizes[] = {2, 2, 4, 1, 1, 1, 1, 8, 4, 4};

/* Bits of an integer from -8 to 8. */
static uint64_t bits_of(enum type t, int v) {
  uint32_t e = 0, a = (uint32_t)abs(v), sign = v < 0;
  float f = (float)v;
  double d = v;
  uint32_t b;
  uint64_t q;
  memcpy(&b, &f, 4);
  memcpy(&q, &d, 8);
  while (a >> (e + 1)) e++;
  uint32_t frac = a - (1u << e);
  switch (t) {
  case BF16:
    return b >> 16;
  case F16:
    return v ? sign << 15 | (e + 15) << 10 | frac << (10 - e) : 0;
  case E4M3:
    return v ? sign << 7 | (e + 7) << 3 | frac << 3 >> e : 0;
  case E5M2:
    return v ? sign << 7 | (e + 15) << 2 | frac << 2 >> e : 0;
  case S8:
  case U8:
    return (uint8_t)v;
  case F64:
    return q;
  case S32:
    return (uint32_t)v;
  default:
    return b;
  }
}

static int value(enum type t, uint32_t i, uint32_t j) {
  int v = (int)((i * 7 + j * 5 + i * j % 3) % 9) - 4;
  return t == U8 ? v + 4 : v; /* up to 4: exact with two bits of mantissa */
}

/* ---- mma ---- */

static const struct mma_row {
  enum type a, b, c;
  uint32_t m, k;
} mma_rows[] = {
    {F16, F16, F32, 16, 16},  {F16, F16, F32, 16, 8},   {F16, F16, F16, 16, 16},   {BF16, BF16, F32, 16, 16},
    {BF16, BF16, F32, 16, 8}, {TF32, TF32, F32, 16, 8}, {TF32, TF32, F32, 16, 4},  {S8, S8, S32, 16, 32},
    {U8, S8, S32, 16, 32},    {S8, U8, S32, 16, 16},    {E4M3, E4M3, F32, 16, 32}, {E5M2, E4M3, F32, 16, 32},
    {S8, S8, S32, 8, 16},     {F64, F64, F64, 8, 4},
};

/* Row and column of element i of a lane's fragment of A; as the ISA's figures say. */
static void a_at(const struct mma_row *r, uint32_t lane, uint32_t i, uint32_t *row, uint32_t *col) {
  uint32_t g = lane / 4, t = lane % 4, size = sizes[r->a];
  if (r->m == 8) {
    *row = g;
    *col = size == 8 ? t : t * 4 + i;
  } else if (size == 2) {
    *row = i < 2 || (i >= 4 && i < 6) ? g : g + 8;
    *col = t * 2 + (i & 1) + (i >= 4 ? 8 : 0);
  } else if (size == 4) {
    *row = i == 0 || i == 2 ? g : g + 8;
    *col = i < 2 ? t : t + 4;
  } else {
    *row = i < 4 || (i >= 8 && i < 12) ? g : g + 8;
    *col = t * 4 + (i & 3) + (i >= 8 ? 16 : 0);
  }
}
static void b_at(const struct mma_row *r, uint32_t lane, uint32_t i, uint32_t *row, uint32_t *col) {
  uint32_t t = lane % 4, size = sizes[r->b];
  *col = lane / 4;
  *row = size == 8   ? t
         : size == 4 ? t + 4 * i
         : size == 2 ? t * 2 + (i & 1) + (i >= 2 ? 8 : 0)
                     : t * 4 + (i & 3) + (i >= 4 ? 16 : 0);
}
static void c_at(const struct mma_row *r, uint32_t lane, uint32_t i, uint32_t *row, uint32_t *col) {
  *row = lane / 4 + (i >= 2 && r->m == 16 ? 8 : 0);
  *col = lane % 4 * 2 + (i & 1);
}

START_TEST(mma) {
  const struct mma_row *r = &mma_rows[_i];
  bool f64 = r->a == F64;
  uint32_t word = f64 ? 8 : 4, ea = r->m * r->k / 32, eb = 8 * r->k / 32, ec = r->m * 8 / 32;
  uint32_t na = ea * sizes[r->a] / word, nb = eb * sizes[r->b] / word, nc = r->c == F16 ? ec / 2 : ec,
           csize = r->c == F16 ? 2 : sizes[r->c];
  const char *reg = f64 ? "b64" : "b32";
  rig_len = 0;
  rig_put(PTX_HEADER("sm_90a") ".visible .entry k(.param .u64 in, .param .u64 out) {\n.reg .b32 %%t; .reg .b64 %%p<3>; "
                               ".reg .%s %%a<8>; .reg .%s %%b<8>; .reg .%s %%c<8>; .reg .%s %%d<8>;\n",
          reg, reg, reg, reg);
  rig_put("ld.param.u64 %%p0,[in]; ld.param.u64 %%p1,[out]; mov.u32 %%t,%%tid.x; mad.wide.u32 %%p0,%%t,256,%%p0; "
          "mad.wide.u32 %%p1,%%t,64,%%p1;\n");
  for (uint32_t i = 0; i < na; i++) rig_put("ld.global.%s %%a%u,[%%p0+%u];\n", reg, i, i * word);
  for (uint32_t i = 0; i < nb; i++) rig_put("ld.global.%s %%b%u,[%%p0+%u];\n", reg, i, 64 + i * word);
  for (uint32_t i = 0; i < nc; i++) rig_put("ld.global.%s %%c%u,[%%p0+%u];\n", reg, i, 128 + i * word);
  rig_put("mma.sync.aligned.m%un8k%u.row.col.%s.%s.%s.%s ", r->m, r->k, names[r->c], names[r->a], names[r->b],
          names[r->c]);
  list("%d", nc), rig_put(","), list("%a", na), rig_put(","), list("%b", nb), rig_put(","), list("%c", nc),
      rig_put(";\n");
  for (uint32_t i = 0; i < nc; i++) rig_put("st.global.%s [%%p1+%u],%%d%u;\n", reg, i * word, i);
  rig_put("ret;\n}\n");
  uint8_t in[32][256] = {{0}}, got[32][64];
  for (uint32_t l = 0; l < 32; l++) {
    uint32_t row, col;
    for (uint32_t i = 0; i < ea; i++) {
      a_at(r, l, i, &row, &col);
      uint64_t v = bits_of(r->a, value(r->a, row, col));
      memcpy(&in[l][i * sizes[r->a]], &v, sizes[r->a]);
    }
    for (uint32_t i = 0; i < eb; i++) {
      b_at(r, l, i, &row, &col);
      uint64_t v = bits_of(r->b, value(r->b, col, row + 3));
      memcpy(&in[l][64 + i * sizes[r->b]], &v, sizes[r->b]);
    }
    for (uint32_t i = 0; i < ec; i++) {
      c_at(r, l, i, &row, &col);
      uint64_t v = bits_of(r->c, (int)(row % 5) - (int)(col % 3));
      memcpy(&in[l][128 + i * csize], &v, csize);
    }
  }
  uint64_t bin = emu_alloc(dev, sizeof in), bout = emu_alloc(dev, sizeof got), params[2] = {bin, bout};
  emu_write(dev, bin, in, sizeof in);
  struct emu_module *m = rig_load(dev, rig_text);
  struct emu_report rep;
  ck_assert_msg(rig_run(m, 1, 32, 0, false, 0, params, 2, &rep), "%s", rep.finding[0].text);
  ck_assert_uint_eq(rep.counts.tensor_flops, 2ull * r->m * 8 * r->k);
  emu_read(dev, got, bout, sizeof got);
  for (uint32_t l = 0; l < 32; l++) {
    for (uint32_t i = 0; i < ec; i++) {
      uint32_t row, col;
      c_at(r, l, i, &row, &col);
      int want = (int)(row % 5) - (int)(col % 3);
      for (uint32_t k = 0; k < r->k; k++) want += value(r->a, row, k) * value(r->b, col, k + 3);
      double v;
      uint64_t bits = 0;
      memcpy(&bits, &got[l][i * csize], csize);
      float f;
      uint32_t low = (uint32_t)bits;
      memcpy(&f, &low, 4);
      memcpy(&v, &bits, 8);
      if (r->c == F32) v = f;
      if (r->c == S32) v = (int32_t)bits;
      if (r->c == F16)
        v = ldexp((double)((bits & 0x3ff) + ((bits & 0x7c00) ? 1024 : 0)), (int)(bits >> 10 & 31) - 25) *
            (bits & 0x8000 ? -1 : 1);
      ck_assert_msg(v == want, "%s: (%u,%u) is %g, not %d", names[r->a], row, col, v, want);
    }
  }
  emu_unload(m);
}

/* ---- wgmma ---- */

static const struct wg_row {
  enum type a, b, c;
  uint32_t n;
  int swizzle;    /* of both operands */
  bool trans;     /* B stored [K][N] */
  bool registers; /* A in registers */
} wg_rows[] = {
    {BF16, BF16, F32, 64, 3, false, false}, {BF16, BF16, F32, 256, 3, false, false},
    {F16, F16, F32, 24, 2, false, false},   {BF16, BF16, F32, 16, 1, false, false},
    {BF16, BF16, F32, 40, 0, false, false}, {BF16, BF16, F32, 128, 3, true, false},
    {BF16, BF16, F32, 64, 2, true, false},  {BF16, BF16, F32, 32, 1, true, false},
    {F16, F16, F16, 64, 3, false, false},   {TF32, TF32, F32, 32, 3, false, false},
    {E4M3, E5M2, F32, 64, 3, false, false}, {S8, U8, S32, 64, 3, false, false},
    {BF16, BF16, F32, 64, 3, false, true},  {E4M3, E4M3, F32, 32, 2, false, true},
    {TF32, TF32, F32, 16, 1, false, true},
};
static const enum emu_map_type map_types[] = {EMU_MAP_BF16, EMU_MAP_F16, EMU_MAP_F32, EMU_MAP_U8,
                                              EMU_MAP_U8,   EMU_MAP_U8,  EMU_MAP_U8};
static const uint32_t spans[] = {16, 32, 64, 128};

/* Bytes of K that one launch multiplies: as many as the swizzle is wide, two instructions' worth without one. */
static uint32_t k_bytes(const struct wg_row *r) {
  return r->swizzle ? spans[r->swizzle] : 64;
}

static void desc(const char *reg, const char *base, uint32_t off, uint32_t lead, uint32_t stride, int swizzle) {
  static const uint64_t codes[] = {0, 3, 2, 1};
  uint64_t fixed = (uint64_t)(lead >> 4) << 16 | (uint64_t)(stride >> 4) << 32 | codes[swizzle] << 62;
  rig_put("add.u32 %%t0,%s,%u; shr.u32 %%t0,%%t0,4; cvt.u64.u32 %s,%%t0; or.b64 %s,%s,0x%llx;\n", base, off, reg, reg,
          reg, (unsigned long long)fixed);
}

static void wg_text(const struct wg_row *r, const char *fence, uint32_t wait) {
  uint32_t kb = k_bytes(r), span = spans[r->swizzle], panels = r->swizzle ? 1 : kb / 16, es = sizes[r->a], k = kb / es;
  uint32_t nd = r->c == F16 ? r->n / 4 : r->n / 2, bpanels = r->trans ? r->n * 2 / span : panels,
           bpanel = r->trans ? k * span : r->n * span;
  const char *acc = r->c == F32 ? "f32" : "b32";
  rig_len = 0;
  rig_put(
      PTX_HEADER("sm_90a") ".extern .shared .align 1024 .b8 dyn[];\n"
                           ".visible .entry k(.param .align 64 .b8 ma[128], .param .align 64 .b8 mb[128], .param .u64 "
                           "out, .param .u64 araw) {\n"
                           ".reg .pred %%p<4>; .reg .b32 %%t<16>; .reg .b64 %%q<16>; .reg .%s %%d<256>; .reg .b32 "
                           "%%a<4>;\n.shared .align 8 .b64 bar;\n",
      acc);
  rig_put(
      "mov.u32 %%t1,%%tid.x; mov.u32 %%t2,dyn; add.u32 %%t3,%%t2,32768; mov.u32 %%t4,bar; setp.ne.u32 %%p0,%%t1,0;\n");
  rig_put(
      "mov.b64 %%q0,ma; cvta.param.u64 %%q0,%%q0; mov.b64 %%q1,mb; cvta.param.u64 %%q1,%%q1; ld.param.u64 %%q2,[out]; "
      "ld.param.u64 %%q3,[araw];\n");
  rig_put("@%%p0 bra GO;\nmbarrier.init.shared.b64 [%%t4],1; "
          "fence.mbarrier_init.release.cluster;\nmbarrier.arrive.expect_tx.shared.b64 _,[%%t4],%u;\n",
          (r->registers ? 0 : 64 * kb) + r->n * kb);
  for (uint32_t p = 0; p < panels && !r->registers; p++)
    rig_put(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%%t2+%u],[%%q0,{%u,0}],[%%t4];\n",
        p * 64 * span, p * 16 / es);
  for (uint32_t p = 0; p < bpanels; p++)
    rig_put(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%%t3+%u],[%%q1,{%u,0}],[%%t4];\n",
        p * bpanel, r->trans ? p * span / 2 : p * 16 / es);
  rig_put("GO: bar.sync 0;\nW: mbarrier.try_wait.parity.shared.b64 %%p1,[%%t4],0; @!%%p1 bra W;\n%s\n", fence);
  for (uint32_t i = 0; i < nd; i++)
    rig_put("mov.b32 %%d%u,0%s;\n", i, r->c == F32 ? "f7f000000" : "x7f7f7f7f"); /* must not be added */
  rig_put("wgmma.fence.sync.aligned;\n");
  for (uint32_t s = 0; s < kb / 32; s++) {
    if (r->registers)
      rig_put("mad.wide.u32 %%q4,%%t1,256,%%q3; ld.global.v4.b32 {%%a0,%%a1,%%a2,%%a3},[%%q4+%u];\n", s * 16);
    else
      desc("%q5", "%t2", r->swizzle ? s * 32 : s * 2 * 64 * 16, r->swizzle ? 16 : 64 * 16, r->swizzle ? 8 * span : 128,
           r->swizzle);
    if (r->trans)
      desc("%q6", "%t3", s * 16 * span, bpanel, 8 * span, r->swizzle);
    else
      desc("%q6", "%t3", r->swizzle ? s * 32 : s * 2 * r->n * 16, r->swizzle ? 16 : r->n * 16,
           r->swizzle ? 8 * span : 128, r->swizzle);
    rig_put("setp.ne.u32 %%p2,%u,0;\nwgmma.mma_async.sync.aligned.m64n%uk%u.%s.%s.%s ", s, r->n, 32 / es, names[r->c],
            names[r->a], names[r->b]);
    list("%d", nd);
    rig_put(",%s,%%q6,%%p2", r->registers ? "{%a0,%a1,%a2,%a3}" : "%q5");
    if (r->c != S32) rig_put(",1,1");
    if (es == 2) rig_put(r->registers ? ",%d" : ",0,%d", r->trans);
    rig_put(";\n");
    if (r->registers) rig_put("wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;\n");
  }
  rig_put("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned %u;\n", wait);
  /* row 16*warp + lane/4, column 2*(lane%4) */
  rig_put(
      "shr.u32 %%t5,%%t1,5; shl.b32 %%t5,%%t5,4; and.b32 %%t6,%%t1,31; shr.u32 %%t7,%%t6,2; add.u32 %%t5,%%t5,%%t7; "
      "and.b32 %%t6,%%t6,3; shl.b32 %%t6,%%t6,1;\n");
  rig_put("mad.lo.u32 %%t5,%%t5,%u,%%t6; mad.wide.u32 %%q7,%%t5,%u,%%q2;\n", r->n, r->c == F16 ? 2 : 4);
  for (uint32_t i = 0; i < nd; i++) {
    uint32_t j = r->c == F16 ? i / 2 : i / 4, half = r->c == F16 ? i & 1 : i >> 1 & 1, c = r->c == F16 ? 0 : i & 1;
    rig_put("st.global.b32 [%%q7+%u],%%d%u;\n", (8 * half * r->n + 8 * j + c) * (r->c == F16 ? 2 : 4), i);
  }
  rig_put("ret;\n}\n");
}

struct operands {
  uint8_t a[64 * 256], b[256 * 256], raw[128][256];
};

static void wg_operands(const struct wg_row *r, struct operands *o) {
  uint32_t es = sizes[r->a], k = k_bytes(r) / es, per = 4 / es;
  memset(o, 0, sizeof *o);
  for (uint32_t i = 0; i < 64; i++) {
    for (uint32_t x = 0; x < k; x++) {
      uint64_t v = bits_of(r->a, value(r->a, i, x));
      memcpy(o->a + (i * k + x) * es, &v, es);
    }
  }
  for (uint32_t j = 0; j < r->n; j++) {
    for (uint32_t x = 0; x < k; x++) {
      uint64_t v = bits_of(r->b, value(r->b, j, x + 3));
      memcpy(o->b + (r->trans ? x * r->n + j : j * k + x) * es, &v, es);
    }
  }
  for (uint32_t t = 0; t < 128; t++) { /* the fragments of mma for the rows of the warp */
    for (uint32_t s = 0; s < k_bytes(r) / 32; s++) {
      for (uint32_t reg = 0; reg < 4; reg++) {
        uint32_t row = t / 32 * 16 + t % 32 / 4 + 8 * (reg & 1), col = s * 32 / es + reg / 2 * 4 * per + t % 4 * per;
        memcpy(&o->raw[t][s * 16 + reg * 4], o->a + (row * k + col) * es, 4);
      }
    }
  }
}

/* Runs the text and counts wrong elements. */
static uint32_t wg_run(const struct wg_row *r, bool lazy, uint64_t seed, struct emu_report *rep) {
  static struct operands o;
  uint32_t es = sizes[r->a], kb = k_bytes(r), k = kb / es, span = spans[r->swizzle], wrong = 0;
  _Alignas(128) uint8_t ma[128], mb[128];
  uint64_t a = emu_alloc(dev, sizeof o.a), b = emu_alloc(dev, sizeof o.b), out = emu_alloc(dev, 64 * 256 * 4),
           raw = emu_alloc(dev, sizeof o.raw);
  wg_operands(r, &o);
  emu_write(dev, a, o.a, sizeof o.a);
  emu_write(dev, b, o.b, sizeof o.b);
  emu_write(dev, raw, o.raw, sizeof o.raw);
  uint64_t adim[2] = {k, 64}, astride[1] = {kb}, bdim[2] = {k, r->n}, bstride[1] = {kb};
  uint32_t abox[2] = {(r->swizzle ? kb : 16) / es, 64}, bbox[2] = {(r->swizzle ? kb : 16) / es, r->n};
  if (r->trans) bdim[0] = r->n, bdim[1] = k, bstride[0] = r->n * es, bbox[0] = span / es, bbox[1] = k;
  ck_assert_ptr_null(emu_tensor_map(ma, map_types[r->a], 2, a, adim, astride, abox, NULL, r->swizzle));
  ck_assert_ptr_null(emu_tensor_map(mb, map_types[r->b], 2, b, bdim, bstride, bbox, NULL, r->swizzle));
  struct emu_module *m = rig_load(dev, rig_text);
  struct emu_launch how = {.grid = {1, 1, 1},
                           .block = {128, 1, 1},
                           .dynamic_shared = 131072,
                           .lazy = lazy,
                           .seed = seed,
                           .max_steps = 1000000};
  const void *params[] = {ma, mb, &out, &raw};
  emu_launch(m, "k", &how, params, 4, rep);
  static uint8_t got[64 * 256 * 4];
  emu_read(dev, got, out, sizeof got);
  for (uint32_t i = 0; i < 64; i++) {
    for (uint32_t j = 0; j < r->n; j++) {
      int want = 0;
      for (uint32_t x = 0; x < k; x++) want += value(r->a, i, x) * value(r->b, j, x + 3);
      float f, w = (float)want;
      memcpy(&f, &got[(i * r->n + j) * 4], 4);
      if (r->c == F32)
        wrong += f != w;
      else if (r->c == S32)
        wrong += memcmp(&got[(i * r->n + j) * 4], &want, 4) != 0;
      else
        wrong += abs(want) <= 8 &&
                 (bits_of(F16, want) ^ (got[(i * r->n + j) * 2] | (uint32_t)got[(i * r->n + j) * 2 + 1] << 8)) != 0;
    }
  }
  emu_unload(m);
  emu_free(dev, a), emu_free(dev, b), emu_free(dev, out), emu_free(dev, raw);
  return wrong;
}

START_TEST(wgmma) {
  const struct wg_row *r = &wg_rows[_i];
  wg_text(r, "", 0);
  for (uint64_t seed = 0; seed < 3; seed++) {
    struct emu_report rep;
    uint32_t wrong = wg_run(r, seed > 0, seed, &rep);
    if (rep.n) rig_show(&rep);
    ck_assert_msg(!rep.n && !wrong, "%s n%u swizzle %d: %u wrong, %d findings", names[r->a], r->n, r->swizzle, wrong,
                  rep.n);
    ck_assert_uint_eq(rep.counts.tensor_flops, 2ull * 64 * r->n * (k_bytes(r) / sizes[r->a]));
  }
}

/* What must be found: by wrong results in the lazy mode, or by a finding. */
START_TEST(wgmma_planted) {
  const struct wg_row *r = &wg_rows[0];
  struct emu_report rep;
  wg_text(r, "", 1);
  ck_assert_msg(wg_run(r, true, 1, &rep) > 0, "a weakened wait was not found");
  wg_text(r, "", 0);
  char *code = strstr(rig_text, "or.b64 %q6,%q6,0x4"); /* 128 bytes: the topmost bits are 01 */
  ck_assert_ptr_nonnull(code);
  code[strlen("or.b64 %q6,%q6,0x")] = '8';
  ck_assert_msg(wg_run(r, false, 0, &rep) > 0, "a wrong swizzle was not found");
  wg_text(r, "st.shared.b32 [%t2],0;\nbar.sync 0;", 0);
  wg_run(r, false, 0, &rep);
  ck_assert_msg(rep.n > 0, "no finding");
  bool fence = false;
  for (int i = 0; i < rep.n; i++) fence |= rep.finding[i].kind == EMU_MISSING_FENCE;
  ck_assert_msg(fence, "a missing proxy fence was not found");
  wg_text(r, "setp.ge.u32 %p3,%t1,96; @%p3 bra OUT; setp.ge.u32 %p3,%t1,90; @%p3 bra OUT;\n", 0);
  snprintf(strstr(rig_text, "ret;\n}"), 16, "OUT: ret;\n}\n");
  wg_run(r, false, 0, &rep);
  ck_assert_msg(rep.n == 1 && rep.finding[0].kind == EMU_DIVERGENT, "wgmma without all lanes was not found");
}

/* ---- ldmatrix, stmatrix, movmatrix ---- */

START_TEST(matrices) {
  bool trans = _i & 1, store = _i & 2;
  rig_len = 0;
  rig_put(PTX_HEADER(
      "sm_90a") ".visible .entry k(.param .u64 in, .param .u64 out) {\n.reg .b32 %%t<8>; .reg .b64 %%q<6>; .reg .b32 "
                "%%a<4>;\n.shared .align 16 .b8 s[512];\n"
                "ld.param.u64 %%q0,[in]; ld.param.u64 %%q1,[out]; mov.u32 %%t0,%%tid.x; mov.u32 %%t1,s; mad.lo.u32 "
                "%%t2,%%t0,16,%%t1; mad.wide.u32 %%q2,%%t0,16,%%q0; mad.wide.u32 %%q3,%%t0,16,%%q1;\n"
                "ld.global.v4.b32 {%%a0,%%a1,%%a2,%%a3},[%%q2];\n");
  if (store)
    rig_put(
        "stmatrix.sync.aligned.m8n8.x4%s.shared.b16 [%%t2],{%%a0,%%a1,%%a2,%%a3};\nbar.warp.sync -1;\nld.shared.v4.b32 "
        "{%%a0,%%a1,%%a2,%%a3},[%%t2];\n",
        trans ? ".trans" : "");
  else
    rig_put(
        "st.shared.v4.b32 [%%t2],{%%a0,%%a1,%%a2,%%a3};\nbar.warp.sync -1;\nldmatrix.sync.aligned.m8n8.x4%s.shared.b16 "
        "{%%a0,%%a1,%%a2,%%a3},[%%t2];\n",
        trans ? ".trans" : "");
  rig_put("st.global.v4.b32 [%%q3],{%%a0,%%a1,%%a2,%%a3};\nret;\n}\n");
  uint16_t in[32][8], got[32][8];
  for (uint32_t i = 0; i < 32 * 8; i++) in[i / 8][i % 8] = (uint16_t)(i * 3 + 1);
  uint64_t bin = emu_alloc(dev, sizeof in), bout = emu_alloc(dev, sizeof got), params[2] = {bin, bout};
  emu_write(dev, bin, in, sizeof in);
  struct emu_module *m = rig_load(dev, rig_text);
  struct emu_report rep;
  ck_assert_msg(rig_run(m, 1, 32, 0, false, 0, params, 2, &rep), "%s", rep.finding[0].text);
  ck_assert_uint_eq(rep.counts.shared_conflicts, 0);
  emu_read(dev, got, bout, sizeof got);
  for (uint32_t q = 0; q < 4; q++) {
    for (uint32_t l = 0; l < 32; l++) {
      for (uint32_t x = 0; x < 2;
           x++) { /* register q of lane l, half x: row l/4, column 2(l%4)+x of matrix q, or its transpose */
        uint32_t row = trans ? 2 * (l % 4) + x : l / 4, col = trans ? l / 4 : 2 * (l % 4) + x;
        if (store)
          ck_assert_uint_eq(got[8 * q + row][col], in[l][2 * q + x]);
        else
          ck_assert_uint_eq(got[l][2 * q + x], in[8 * q + row][col]);
      }
    }
  }
  emu_unload(m);
}

int main(void) {
  Suite *s = suite_create("emu-tensor");
  TCase *c = tcase_create("tensor");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, mma, 0, (int)(sizeof mma_rows / sizeof *mma_rows));
  tcase_add_loop_test(c, wgmma, 0, (int)(sizeof wg_rows / sizeof *wg_rows));
  tcase_add_test(c, wgmma_planted);
  tcase_add_loop_test(c, matrices, 0, 4);
  suite_add_tcase(s, c);
  return suite_run(s, false);
}
