/* wgmma: products of a warp group, each warp its 16 rows, with operands in shared memory described by descriptors; and
 * setmaxnreg. Not modelled: the registers must not be touched between wgmma.fence and the wait; in the lazy mode
 * results arrive at the wait, so that a read too early sees old ones. */
#include "runtime/emu/memory.h"
#include "runtime/emu/sync.h"
#include "runtime/emu/tensor.h"
#include "runtime/emu/tma.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
enum { K_BYTES = 32, N_MOST = 256, K_MOST = 32, LINE = 128 };
enum { M_SS = 1, M_NEG_A = 2, M_NEG_B = 4, M_TRANS_A = 8, M_TRANS_B = 16, M_SAT = 32, M_NOT = 64 };

struct desc {
  uint32_t start, lead, stride;
  int swizzle; /* as of tensor maps */
};

static struct desc desc_of(uint64_t v) {
  static const int swizzles[] = {0, 3, 2, 1};
  return (struct desc){(uint32_t)(v & 0x3fff) << 4, (uint32_t)(v >> 16 & 0x3fff) << 4,
                       (uint32_t)(v >> 32 & 0x3fff) << 4, swizzles[v >> 62]};
}

/* Where byte kb of row r is (K-major), or the element run of row r at k (MN-major: kb counts k). Unit: 16 bytes. */
static uint32_t place(const struct desc *d, bool trans, uint32_t row, uint32_t k) {
  uint32_t span = d->swizzle ? 16u << d->swizzle : 16;
  if (!trans && d->swizzle) return d->start + row / 8 * d->stride + row % 8 * span + k;
  if (!trans) return d->start + row / 8 * d->stride + k / 16 * d->lead + row % 8 * 16;
  if (d->swizzle)
    return d->start + row / (span / 2) * d->lead + k / 8 * d->stride + k % 8 * span + row % (span / 2) * 2;
  return d->start + row / 8 * d->stride + k / 8 * d->lead + k % 8 * 16;
}

static const uint8_t *chunk(struct warp *w, const struct ins *i, const struct desc *d, uint32_t at) {
  uint32_t off, addr = emu_swizzle(at, d->swizzle);
  struct block *b = emu_shared_at(w, addr, 16, false, &off);
  if (b) return b->shared + off;
  emu_found(w, i, -1, EMU_OUT_OF_BOUNDS, "wgmma reads shared address 0x%x; the block has %u bytes from 0x%x on", addr,
            w->b->shared_bytes, SHARED_BASE);
  return NULL;
}

/* rows x k elements, from row first on. to: [rows][k] */
static bool fetch(struct warp *w, const struct ins *i, uint64_t desc, bool trans, uint32_t first, uint32_t rows,
                  enum emu_type t, double *to) {
  struct desc d = desc_of(desc);
  uint32_t size = emu_type_bits(t) / 8, k = K_BYTES / size;
  if (!trans) {
    for (uint32_t r = 0; r < rows; r++) {
      for (uint32_t kb = 0; kb < K_BYTES; kb += 16) {
        const uint8_t *p = chunk(w, i, &d, place(&d, false, first + r, kb));
        if (!p) return false;
        emu_unpack(to + r * k + kb / size, p, 16 / size, t);
      }
    }
    return true;
  }
  for (uint32_t kk = 0; kk < k; kk++) {
    for (uint32_t r = 0; r < rows; r += 8) {
      const uint8_t *p = chunk(w, i, &d, place(&d, true, first + r, kk));
      double e[8];
      if (!p) return false;
      emu_unpack(e, p, 8, t);
      for (uint32_t x = 0; x < 8; x++) to[(r + x) * k + kk] = e[x];
    }
  }
  return true;
}

/* The same addresses, for what is known about who wrote them. */
static bool touch(struct warp *w, const struct ins *i, uint64_t desc, bool trans, uint32_t first, uint32_t rows,
                  uint32_t k) {
  struct desc d = desc_of(desc);
  struct touch t = {.w = w,
                    .i = i,
                    .agent = emu_agent(w, AG_WGMMA),
                    .tick = w->wgmma_group + 1,
                    .lane = WARP,
                    .how = TOUCH_READ,
                    .async = true};
  for (uint32_t r = 0; r < rows; r += trans ? 8 : 1) {
    for (uint32_t x = 0; x < (trans ? k : K_BYTES); x += trans ? 1 : 16) {
      const uint8_t *p = chunk(w, i, &d, place(&d, trans, first + r, x));
      if (!p) return false;
      emu_touch(w->b, (uint32_t)(p - w->b->shared), 16, &t);
    }
  }
  return true;
}

/* A in registers: the fragment of mma for 16 rows. */
static void registers_a(struct warp *w, const struct ins *i, uint32_t k, double *to) {
  uint32_t per = 32 / emu_type_bits(i->ty);
  for (uint32_t r = 0; r < 4; r++) {
    const uint64_t *v = emu_slot(w, i->v[i->nv + r]);
    for (uint32_t l = 0; l < WARP; l++)
      emu_unpack(&to[(l / 4 + 8 * (r & 1)) * k + r / 2 * 4 * per + l % 4 * per], &v[l], per, i->ty);
  }
}

/* a: descriptors of A and B, 1 when D is added to */
static bool wgmma_now(struct warp *w, const struct job *j) {
  const struct ins *i = j->i;
  uint32_t n = i->imm[0], k = K_BYTES * 8 / emu_type_bits(i->ty), first = w->id % 4 * 16;
  double a[16 * K_MOST], b[N_MOST * K_MOST];
  double scale = ((i->m & M_NEG_A) != 0) != ((i->m & M_NEG_B) != 0) ? -1 : 1;
  if (!(i->m & M_SS))
    registers_a(w, i, k, a);
  else if (!fetch(w, i, j->a[0], i->m & M_TRANS_A, first, 16, i->ty, a))
    return false;
  if (!fetch(w, i, j->a[1], i->m & M_TRANS_B, 0, n, i->ty2, b)) return false;
  for (uint32_t row = 0; row < 16; row++) {
    for (uint32_t col = 0; col < n; col++) {
      uint32_t lane = row % 8 * 4 + col % 8 / 2, half = row / 8, packed = i->space == TY_F16;
      uint64_t *d = &emu_slot(w, i->v[packed ? col / 8 * 2 + half : col / 8 * 4 + half * 2 + col % 2])[lane];
      uint32_t shift = packed ? 16 * (col % 2) : 0;
      double sum = 0;
      for (uint32_t x = 0; x < k; x++) sum += a[row * k + x] * b[col * k + x];
      sum = scale * sum + (j->a[2] ? emu_accumulated(*d >> shift, i->space) : 0);
      uint64_t v = emu_accumulator(sum, i->space, i->m & M_SAT);
      *d = packed ? (*d & ~((uint64_t)0xffff << shift)) | v << shift : v;
    }
  }
  return true;
}

/* ---- accumulators in flight ---- */

static void mark(struct warp *w, const struct ins *i) {
  for (uint32_t k = 0; k < i->nv; k++) w->flying[i->v[k] / 64] |= (uint64_t)1 << i->v[k] % 64;
}

static void take_off(struct warp *w, const struct ins *i) {
  if (!w->flying) w->flying = calloc(emu_run(w)->k->nslot / 64 + 1, sizeof *w->flying);
  if (!w->flying) abort();
  if (w->nflight == WARP) return; /* more than that are not watched */
  w->flight[w->nflight++] = (struct flight){i, w->wgmma_group};
  mark(w, i);
}

/* Groups below limit were waited for. */
static void land(struct warp *w, uint32_t limit) {
  uint32_t n = 0;
  if (!w->nflight) return;
  memset(w->flying, 0, (emu_run(w)->k->nslot / 64 + 1) * sizeof *w->flying);
  for (uint32_t k = 0; k < w->nflight; k++) {
    if (w->flight[k].group < limit) continue;
    w->flight[n++] = w->flight[k];
    mark(w, w->flight[k].i);
  }
  w->nflight = n;
}

static enum step wgmma(struct warp *w, const struct ins *i, uint32_t mask);

void emu_wgmma_clash(struct warp *w, const struct ins *i) {
  uint32_t nslot = emu_run(w)->k->nslot;
  if (i->kind != K_PLAIN || i->fn == wgmma) return;
  for (uint32_t k = 0; k < 6 + i->nv; k++) {
    uint32_t s = k < 6 ? i->s[k] : i->v[k - 6];
    if (s >= nslot || !(w->flying[s / 64] >> s % 64 & 1)) continue;
    emu_found(w, i, -1, EMU_RACE, "touches an accumulator of the wgmma at line %u, which was not waited for",
              w->flight[0].i->line);
    return;
  }
}

static enum step wgmma(struct warp *w, const struct ins *i, uint32_t mask) {
  uint32_t k = K_BYTES * 8 / emu_type_bits(i->ty), lane = (uint32_t)__builtin_ctz(mask);
  uint64_t da = i->m & M_SS ? emu_slot(w, i->s[1])[lane] : 0, db = emu_slot(w, i->s[2])[lane],
           p = emu_slot(w, i->s[3])[lane];
  if (mask != ~0u) return emu_found(w, i, -1, EMU_ILLEGAL, "wgmma needs all 32 lanes, %08x are here", mask);
  if (w->b->nwarp < 4 || w->id / 4 * 4 + 4 > w->b->nwarp)
    return emu_found(w, i, -1, EMU_ILLEGAL, "wgmma needs four warps from a multiple of four on; this is warp %u of %u",
                     w->id, w->b->nwarp);
  if ((i->m & M_SS && da >> 49 & 7) || db >> 49 & 7)
    return emu_found(w, i, -1, EMU_ILLEGAL,
                     "descriptors with a base offset are not supported: the pattern must be aligned to its repeat");
  if (i->m & M_SS && !touch(w, i, da, i->m & M_TRANS_A, w->id % 4 * 16, 16, k)) return STEP_FAULT;
  if (!touch(w, i, db, i->m & M_TRANS_B, 0, i->imm[0], k)) return STEP_FAULT;
  struct job j = {.i = i,
                  .kind = JOB_WGMMA,
                  .group = w->wgmma_group,
                  .run = wgmma_now,
                  .a = {da, db, (p != 0) != ((i->m & M_NOT) != 0)}};
  emu_count_tensor(w, 2ull * 16 * i->imm[0] * k, i->ty);
  emu_run(w)->rep->counts.shared_requests += ((i->m & M_SS ? 16 : 0) + (i->imm[0] + 3) / 4) * K_BYTES / LINE;
  take_off(w, i);
  return emu_job(w, &j) ? STEP_NEXT : STEP_FAULT;
}

static enum step fence(struct warp *w, const struct ins *i, uint32_t mask) {
  (void)w, (void)i, (void)mask;
  return STEP_NEXT;
}

static enum step commit(struct warp *w, const struct ins *i, uint32_t mask) {
  (void)i, (void)mask;
  w->wgmma_group++;
  return STEP_NEXT;
}

static enum step wait(struct warp *w, const struct ins *i, uint32_t mask) {
  (void)mask;
  uint32_t limit = w->wgmma_group > i->imm[0] ? w->wgmma_group - i->imm[0] : 0,
           *known = &w->clocks.vc[emu_agent(w, AG_WGMMA)];
  if (!emu_jobs_finish(w, JOB_WGMMA, 0, limit)) return STEP_FAULT;
  if (*known < limit) *known = limit;
  land(w, limit);
  return STEP_NEXT;
}

/* m64nNkK: N and K of it. */
static bool take_shape(struct dec *d, uint32_t *n, uint32_t *k) {
  for (uint32_t x = 0; x < d->nmod; x++) {
    char text[16] = {0};
    int end = 0;
    if (d->mod[x].n >= sizeof text) continue;
    memcpy(text, d->mod[x].s, d->mod[x].n);
    if (sscanf(text, "m64n%3uk%2u%n", n, k, &end) != 2 || text[end]) continue;
    return d->used[x] = true;
  }
  return false;
}

static bool types_fit(enum emu_type a, enum emu_type b, enum emu_type acc, uint32_t k) {
  if (k * emu_type_bits(a) != K_BYTES * 8) return false;
  switch (a) {
  case TY_F16:
    return b == a && (acc == TY_F32 || acc == TY_F16);
  case TY_BF16:
  case TY_TF32:
    return b == a && acc == TY_F32;
  case TY_E4M3:
  case TY_E5M2:
    return (b == TY_E4M3 || b == TY_E5M2) && (acc == TY_F32 || acc == TY_F16);
  case TY_S8:
  case TY_U8:
    return (b == TY_S8 || b == TY_U8) && acc == TY_S32;
  default:
    return false;
  }
}

/* The trailing numbers: scales of A and B (1 or -1) for floating types, transposes for 16-bit ones. */
static void immediates(struct dec *d, uint32_t from) {
  struct ins *i = d->ins;
  bool real = i->space != TY_S32, wide = i->ty == TY_F16 || i->ty == TY_BF16, ss = i->m & M_SS;
  uint32_t n = (real ? 2u : 0u) + (wide ? (ss ? 2u : 1u) : 0u);
  emu_need_ops(d, from + n, from + n);
  static const uint32_t scale[] = {M_NEG_A, M_NEG_B};
  for (uint32_t x = 0; real && x < 2; x++) {
    int64_t v = (int64_t)emu_src_imm(d, &d->op[from + x]);
    if (v != 1 && v != -1) FAIL(d, "a scale must be 1 or -1");
    if (v < 0) i->m |= scale[x];
  }
  if (!wide) return;
  if (ss && emu_src_imm(d, &d->op[from + 2])) i->m |= M_TRANS_A;
  if (emu_src_imm(d, &d->op[from + n - 1])) i->m |= M_TRANS_B;
}

static void decode_mma(struct dec *d) {
  struct ins *i = d->ins;
  uint32_t n, k;
  bool neg;
  if (!take_shape(d, &n, &k) || n < 8 || n > N_MOST || n % 8) FAIL(d, "a shape m64nNkK with N from 8 to 256 expected");
  if (emu_take(d, "satfinite")) i->m |= M_SAT;
  enum emu_type acc = emu_need_type(d), a = emu_need_type(d), b = emu_need_type(d);
  if (!types_fit(a, b, acc, k)) FAIL(d, "these types do not go with this shape");
  if (acc == TY_S32 && n > 32 && n % 16) FAIL(d, "N must be a multiple of 16");
  if (d->nop < 4) FAIL(d, "at least 4 operands expected");
  i->ty = (uint8_t)a;
  i->ty2 = (uint8_t)b;
  i->space = (uint8_t)acc;
  i->imm[0] = n;
  i->nv = acc == TY_F16 ? n / 4 : n / 2;
  bool ss = d->op[1].kind != O_VEC;
  if (ss) i->m |= M_SS;
  uint32_t *list = emu_dec_list(d, i->nv + 4);
  memcpy(list, emu_vec(d, &d->op[0], i->nv, acc == TY_F32 ? TY_F32 : TY_B32, true), i->nv * sizeof *list);
  if (!ss) memcpy(list + i->nv, emu_vec(d, &d->op[1], 4, TY_B32, false), 4 * sizeof *list);
  i->v = list;
  if (ss) i->s[1] = emu_src(d, &d->op[1], TY_B64);
  i->s[2] = emu_src(d, &d->op[2], TY_B64);
  i->s[3] = emu_src_pred(d, &d->op[3], &neg);
  if (neg) i->m |= M_NOT;
  immediates(d, 4);
  i->fn = wgmma;
}

void emu_dec_wgmma(struct dec *d) {
  static const char *const ops[] = {"mma_async", "fence", "commit_group", "wait_group", NULL};
  struct ins *i = d->ins;
  int op = emu_take_one(d, ops);
  bool sync = emu_take(d, "sync");
  i->aligned = emu_take(d, "aligned");
  if (op < 0 || !sync || !i->aligned) FAIL(d, "an operation and '.sync.aligned' expected");
  if (op == 0) {
    decode_mma(d);
    return;
  }
  i->cls = EMU_CLS_BARRIER;
  emu_need_ops(d, op == 3, op == 3);
  if (op == 3) i->imm[0] = (uint32_t)emu_src_imm(d, &d->op[0]);
  i->fn = op == 1 ? fence : op == 2 ? commit : wait;
}

/* ---- setmaxnreg ---- */

/* Warps that give registers back make room in the block's pool for those that ask for more. */
static enum step setmaxnreg(struct warp *w, const struct ins *i, uint32_t mask) {
  uint32_t n = i->imm[0];
  (void)mask;
  if (i->m) {
    if (n < w->regs_limit)
      return emu_found(w, i, -1, EMU_ILLEGAL, "setmaxnreg.inc to %u registers where a thread has %u", n, w->regs_limit);
    uint32_t more = (n - w->regs_limit) * WARP;
    if (more > w->b->regs_free) {
      snprintf(w->waits, sizeof w->waits,
               "waiting for %u registers of the block's pool, which has %u (setmaxnreg.inc to %u)", more,
               w->b->regs_free, n);
      return STEP_WAIT;
    }
    w->b->regs_free -= more;
  } else {
    if (n > w->regs_limit)
      return emu_found(w, i, -1, EMU_ILLEGAL, "setmaxnreg.dec to %u registers where a thread has %u", n, w->regs_limit);
    w->b->regs_free += (w->regs_limit - n) * WARP;
  }
  w->regs_limit = n;
  return STEP_NEXT;
}

void emu_dec_setmaxnreg(struct dec *d) {
  static const char *const ops[] = {"dec", "inc", NULL};
  struct ins *i = d->ins;
  int op = emu_take_one(d, ops);
  bool sync = emu_take(d, "sync");
  i->aligned = emu_take(d, "aligned");
  if (op < 0 || !sync || emu_need_type(d) != TY_U32) FAIL(d, "'.inc' or '.dec', '.sync' and .u32 expected");
  emu_need_ops(d, 1, 1);
  i->imm[0] = (uint32_t)emu_src_imm(d, &d->op[0]);
  if (i->imm[0] % 8 || i->imm[0] < 24 || i->imm[0] > 256) FAIL(d, "a multiple of 8 from 24 to 256 expected");
  i->m = (uint32_t)op;
  i->fn = setmaxnreg;
}
