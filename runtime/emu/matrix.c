/* ldmatrix, stmatrix, movmatrix and mma.sync. Sums of products are made in double and rounded once; a tensor core
 * rounds more often, in a way that is not specified. */
#include "runtime/emu/fp.h"
#include "runtime/emu/memory.h"
#include "runtime/emu/tensor.h"
#include <string.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)

static bool whole_warp(struct warp *w, const struct ins *i, uint32_t mask) {
  if (mask == ~0u) return true;
  emu_found(w, i, -1, EMU_ILLEGAL, "this instruction needs all 32 lanes of the warp, %08x are here", mask);
  return false;
}

/* ---- matrices of 8 rows of 16 bytes ---- */

/* Lanes 8q..8q+7 give the rows of matrix q. */
static bool rows(struct warp *w, const struct ins *i, uint32_t mask, uint8_t *row[WARP], enum access how) {
  const uint64_t *base = emu_slot(w, i->s[1]);
  uint32_t used = i->nv == 4 ? ~0u : (1u << 8 * i->nv) - 1;
  uint64_t addr[WARP] = {0};
  if (!whole_warp(w, i, mask)) return false;
  LANES(l, used) {
    addr[l] = base[l] + (uint64_t)i->off;
    row[l] = emu_at(w, i, l, i->space, addr[l], 16, 16, how);
    if (!row[l]) return false;
  }
  emu_count_request(w, SP_SHARED, addr, used, 16, how != ACC_READ);
  return true;
}

static enum step ldmatrix(struct warp *w, const struct ins *i, uint32_t mask) {
  uint8_t *row[WARP];
  if (!rows(w, i, mask, row, ACC_READ)) return STEP_FAULT;
  for (uint32_t q = 0; q < i->nv; q++) {
    uint64_t v[WARP];
    for (uint32_t l = 0; l < WARP; l++) {
      uint32_t g = l / 4, t = l % 4;
      uint16_t e[2];
      for (uint32_t k = 0; k < 2; k++)
        memcpy(&e[k], i->m ? row[8 * q + 2 * t + k] + 2 * g : row[8 * q + g] + 4 * t + 2 * k, 2);
      v[l] = e[0] | (uint32_t)e[1] << 16;
    }
    memcpy(emu_slot(w, i->v[q]), v, sizeof v);
  }
  return STEP_NEXT;
}

static enum step stmatrix(struct warp *w, const struct ins *i, uint32_t mask) {
  uint8_t *row[WARP];
  if (!rows(w, i, mask, row, ACC_WRITE)) return STEP_FAULT;
  for (uint32_t q = 0; q < i->nv; q++) {
    const uint64_t *v = emu_slot(w, i->v[q]);
    for (uint32_t l = 0; l < WARP; l++) {
      uint32_t g = l / 4, t = l % 4;
      for (uint32_t k = 0; k < 2; k++) {
        uint16_t e = (uint16_t)(v[l] >> 16 * k);
        memcpy(i->m ? row[8 * q + 2 * t + k] + 2 * g : row[8 * q + g] + 4 * t + 2 * k, &e, 2);
      }
    }
  }
  return STEP_NEXT;
}

void emu_dec_ldmatrix(struct dec *d) {
  static const char *const counts[] = {"x1", "x2", "x4", NULL};
  struct ins *i = d->ins;
  bool store = emu_slice_is(d->name, "stmatrix"), sync = emu_take(d, "sync");
  i->aligned = emu_take(d, "aligned");
  bool shape = emu_take(d, "m8n8");
  int x = emu_take_one(d, counts);
  i->m = emu_take(d, "trans");
  i->space = emu_take(d, "shared") || emu_take(d, "shared::cta") ? SP_SHARED : SP_GENERIC;
  if (!sync || !i->aligned || !shape || x < 0 || emu_need_type(d) != TY_B16)
    FAIL(d, "'.sync.aligned.m8n8', '.x1', '.x2' or '.x4' and .b16 expected");
  emu_need_ops(d, 2, 2);
  i->nv = 1u << x;
  i->v = emu_vec(d, &d->op[store], i->nv, TY_B32, !store);
  i->s[1] = emu_src_addr(d, &d->op[!store]);
  i->fn = store ? stmatrix : ldmatrix;
}

static enum step movmatrix(struct warp *w, const struct ins *i, uint32_t mask) {
  uint16_t m[8][8];
  const uint64_t *a = emu_slot(w, i->s[1]);
  uint64_t *d = emu_slot(w, i->s[0]);
  if (!whole_warp(w, i, mask)) return STEP_FAULT;
  for (uint32_t l = 0; l < WARP; l++) {
    m[l / 4][2 * (l % 4)] = (uint16_t)a[l];
    m[l / 4][2 * (l % 4) + 1] = (uint16_t)(a[l] >> 16);
  }
  for (uint32_t l = 0; l < WARP; l++) d[l] = m[2 * (l % 4)][l / 4] | (uint32_t)m[2 * (l % 4) + 1][l / 4] << 16;
  return STEP_NEXT;
}
void emu_dec_movmatrix(struct dec *d) {
  struct ins *i = d->ins;
  i->aligned = emu_take(d, "aligned");
  bool ok = emu_take(d, "sync") && i->aligned && emu_take(d, "m8n8") && emu_take(d, "trans");
  if (!ok || emu_need_type(d) != TY_B16) FAIL(d, "movmatrix.sync.aligned.m8n8.trans.b16 expected");
  emu_need_ops(d, 2, 2);
  i->s[0] = emu_dst(d, &d->op[0], TY_B32);
  i->s[1] = emu_src(d, &d->op[1], TY_B32);
  i->fn = movmatrix;
}

/* ---- elements ---- */

static double half(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, bits = (uint32_t)(h & 0x7fff) << 13;
  if ((h & 0x7c00) == 0x7c00) return emu_f32(sign | 0x7f800000u | bits);
  return emu_f32(sign | 0x3f800000u) * (double)emu_f32(bits) * 0x1p112;
}

static double element(const uint8_t *p, enum emu_type t) {
  uint16_t h;
  uint32_t s;
  uint64_t d;
  switch (t) {
  case TY_F16:
    memcpy(&h, p, 2);
    return half(h);
  case TY_BF16:
    memcpy(&h, p, 2);
    return emu_f32((uint32_t)h << 16);
  case TY_TF32:
    memcpy(&s, p, 4);
    return emu_f32(s & 0xffffe000u); /* the unit ignores the low bits */
  case TY_F64:
    memcpy(&d, p, 8);
    return emu_f64(d);
  case TY_E4M3:
    return emu_fp_unpack(*p, FP_E4M3);
  case TY_E5M2:
    return emu_fp_unpack(*p, FP_E5M2);
  case TY_S8:
    return (int8_t)*p;
  default:
    return *p;
  }
}

void emu_unpack(double *to, const void *from, uint32_t n, enum emu_type t) {
  const uint8_t *p = from;
  uint32_t size = emu_type_bits(t) / 8;
  for (uint32_t k = 0; k < n; k++) to[k] = element(p + k * size, t);
}

uint64_t emu_accumulator(double v, enum emu_type t, bool saturate) {
  if (t == TY_F16) return emu_fp_pack(v, FP_F16, FP_RN, false);
  if (t == TY_F32) return emu_f32_bits((float)v);
  if (t == TY_F64) return emu_f64_bits(v);
  if (saturate) v = v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v;
  return (uint32_t)(int64_t)v;
}

double emu_accumulated(uint64_t bits, enum emu_type t) {
  return t == TY_F16   ? half((uint16_t)bits)
         : t == TY_F32 ? emu_f32(bits)
         : t == TY_F64 ? emu_f64(bits)
                       : (double)(int32_t)bits;
}

/* ---- mma ---- */

/* imm: rows, k, registers of A; v: D, A, B, C; ty, ty2: types of A and B; space: type of the accumulators; m: 1
 * saturate */
struct shape {
  uint32_t m, k, per, na, nb, nc;
};
static struct shape shape_of(const struct ins *i) {
  uint32_t bits = emu_type_bits(i->ty), per = bits >= 32 ? 1 : 32 / bits;
  struct shape s = {i->imm[0], i->imm[1], per, 0, i->imm[1] / (4 * per), 0};
  s.na = s.m / 8 * s.nb;
  s.nc = i->space == TY_F16 ? s.m / 8 : s.m / 4;
  return s;
}

/* Register r of an operand holds, in lane 4g+t, elements per*t.. of a run of 4*per along k; for A the rows g and g+8
 * alternate. */
static void gather(struct warp *w, const struct shape *s, const uint32_t *reg, bool is_a, enum emu_type t, double *to) {
  uint32_t n = is_a ? s->na : s->nb, high = is_a ? s->m / 8 : 1;
  for (uint32_t r = 0; r < n; r++) {
    const uint64_t *v = emu_slot(w, reg[r]);
    for (uint32_t l = 0; l < WARP; l++)
      emu_unpack(&to[(l / 4 + 8 * (r % high)) * s->k + r / high * 4 * s->per + l % 4 * s->per], &v[l], s->per, t);
  }
}

static uint64_t *c_at(struct warp *w, const struct ins *i, const uint32_t *reg, uint32_t row, uint32_t col,
                      uint32_t *shift) {
  uint32_t lane = row % 8 * 4 + col / 2, r = i->space == TY_F16 ? row / 8 : row / 8 * 2 + col % 2;
  *shift = i->space == TY_F16 ? 16 * (col % 2) : 0;
  return &emu_slot(w, reg[r])[lane];
}

void emu_count_tensor(struct warp *w, uint64_t flops, enum emu_type t) {
  struct emu_counts *c = &emu_run(w)->rep->counts;
  c->tensor_flops += flops;
  c->tensor_work += flops * (emu_type_bits(t) / 8) * (t == TY_F64 ? 4 : 1);
}

static enum step mma(struct warp *w, const struct ins *i, uint32_t mask) {
  struct shape s = shape_of(i);
  double a[16 * 32], b[8 * 32], r[16][8];
  uint32_t shift;
  if (!whole_warp(w, i, mask)) return STEP_FAULT;
  gather(w, &s, i->v + s.nc, true, i->ty, a);
  gather(w, &s, i->v + s.nc + s.na, false, i->ty2, b);
  for (uint32_t row = 0; row < s.m; row++) {
    for (uint32_t col = 0; col < 8; col++) {
      uint64_t bits = *c_at(w, i, i->v + s.nc + s.na + s.nb, row, col, &shift);
      double sum = emu_accumulated(bits >> shift, i->space);
      for (uint32_t k = 0; k < s.k; k++) sum += a[row * s.k + k] * b[col * s.k + k];
      r[row][col] = sum;
    }
  }
  for (uint32_t row = 0; row < s.m; row++) {
    for (uint32_t col = 0; col < 8; col++) {
      uint64_t *c = c_at(w, i, i->v, row, col, &shift), v = emu_accumulator(r[row][col], i->space, i->m);
      *c = i->space == TY_F16 ? (*c & ~((uint64_t)0xffff << shift)) | v << shift : v;
    }
  }
  struct emu_counts *c = &emu_run(w)->rep->counts;
  uint64_t before = c->tensor_work;
  emu_count_tensor(w, 2ull * s.m * 8 * s.k, i->ty);
  c->tensor_warp_work += c->tensor_work - before;
  return STEP_NEXT;
}

static bool types_fit(enum emu_type a, enum emu_type b, enum emu_type c, uint32_t m, uint32_t k) {
  bool narrow = a == TY_E4M3 || a == TY_E5M2, ints = a == TY_S8 || a == TY_U8;
  if (a == TY_F64) return b == a && c == a && (k == 4 || (m == 16 && (k == 8 || k == 16)));
  if (m != 16 && !(ints && k == 16)) return false;
  if (a == TY_F16) return b == a && (c == TY_F32 || c == TY_F16) && (k == 8 || k == 16);
  if (a == TY_BF16) return b == a && c == TY_F32 && (k == 8 || k == 16);
  if (a == TY_TF32) return b == a && c == TY_F32 && (k == 4 || k == 8);
  if (narrow) return (b == TY_E4M3 || b == TY_E5M2) && (c == TY_F32 || c == TY_F16) && (k == 16 || k == 32);
  return ints && (b == TY_S8 || b == TY_U8) && c == TY_S32 && (k == 16 || k == 32);
}

void emu_dec_mma(struct dec *d) {
  static const char *const shapes[] = {"m8n8k4", "m8n8k16", "m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32", NULL};
  static const uint8_t sizes[][2] = {{8, 4}, {8, 16}, {16, 4}, {16, 8}, {16, 16}, {16, 32}};
  struct ins *i = d->ins;
  bool sync = emu_take(d, "sync");
  i->aligned = emu_take(d, "aligned");
  int k = emu_take_one(d, shapes);
  bool layout = emu_take(d, "row") && emu_take(d, "col");
  if (!sync || !i->aligned || k < 0 || !layout) FAIL(d, "'.sync.aligned', a shape and '.row.col' expected");
  i->m = emu_take(d, "satfinite");
  emu_take_prefix(d, "kind::f8f6f4");
  enum emu_type td = emu_need_type(d), ta = emu_need_type(d), tb = emu_need_type(d), tc = emu_need_type(d);
  if (td != tc || !types_fit(ta, tb, tc, sizes[k][0], sizes[k][1])) FAIL(d, "these types do not go with this shape");
  i->ty = (uint8_t)ta;
  i->ty2 = (uint8_t)tb;
  i->space = (uint8_t)tc;
  i->imm[0] = sizes[k][0];
  i->imm[1] = sizes[k][1];
  struct shape s = shape_of(i);
  uint32_t n[4] = {s.nc, s.na, s.nb, s.nc}, at = 0, *list = emu_dec_list(d, 2 * s.nc + s.na + s.nb);
  enum emu_type acc = tc == TY_F64 ? TY_F64 : tc == TY_F32 ? TY_F32 : TY_B32, in = ta == TY_F64 ? TY_F64 : TY_B32;
  emu_need_ops(d, 4, 4);
  for (uint32_t o = 0; o < 4; o++) {
    memcpy(list + at, emu_vec(d, &d->op[o], n[o], o == 0 || o == 3 ? acc : in, o == 0), n[o] * sizeof *list);
    at += n[o];
  }
  i->v = list;
  i->nv = at;
  i->fn = mma;
}
