/* cp.async.bulk: copies of runs of bytes, and of boxes of a tensor, that complete on an mbarrier (into shared memory)
 * or in a group of the thread (out of it). */
#include "runtime/emu/async.h"
#include "runtime/emu/fp.h"
#include "runtime/emu/memory.h"
#include "runtime/emu/tma.h"
#include <string.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
enum { MB_BIAS = 1 << 20 }; /* offsets of an mbarrier, kept as numbers that are not negative */
enum { M_MULTICAST = 1 };   /* above 4 bits: offset of the mbarrier */
enum { RED_NONE, RED_ADD, RED_MIN, RED_MAX, RED_AND, RED_OR, RED_XOR };

/* ---- tensor maps ---- */

static const uint8_t type_bytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};

const char *emu_tensor_map(void *map128, enum emu_map_type type, uint32_t rank, uint64_t addr, const uint64_t *dim,
                           const uint64_t *stride, const uint32_t *box, const uint32_t *step, int swizzle) {
  static const uint32_t span[] = {0, 32, 64, 128};
  struct tma_map m = {
      .magic = TMA_MAGIC, .type = (uint8_t)type, .rank = (uint8_t)rank, .swizzle = (uint8_t)swizzle, .addr = addr};
  if ((unsigned)type >= sizeof type_bytes || swizzle < 0 || swizzle > 3) return "unknown type or swizzle";
  if (rank < 1 || rank > 5) return "the rank must be 1 to 5";
  if (addr % 16) return "the address must be a multiple of 16";
  for (uint32_t k = 0; k < rank; k++) {
    m.dim[k] = dim[k];
    m.stride[k] = k ? stride[k - 1] : type_bytes[type];
    m.box[k] = (uint16_t)box[k];
    m.step[k] = step ? (uint8_t)step[k] : 1;
    if (!dim[k] || dim[k] > (uint64_t)1 << 32) return "a dimension must have 1 to 2^32 elements";
    if (box[k] < 1 || box[k] > 256) return "a box must have 1 to 256 elements in a dimension";
    if (step && (step[k] < 1 || step[k] > 8)) return "an element stride must be 1 to 8";
    if (k && (m.stride[k] % 16 || m.stride[k] >> 40)) return "a stride must be a multiple of 16 bytes below 2^40";
  }
  uint32_t row = box[0] * type_bytes[type];
  if (row % 16) return "a box must have a multiple of 16 bytes in the innermost dimension";
  if (swizzle && row > span[swizzle]) return "a row of the box is longer than the swizzle";
  memcpy(map128, &m, sizeof m);
  return NULL;
}

uint32_t emu_tma_bytes(const struct tma_map *m) {
  uint32_t n = (uint32_t)m->stride[0];
  for (uint32_t k = 0; k < m->rank; k++) n *= (m->box[k] + m->step[k] - 1u) / m->step[k];
  return n;
}

uint32_t emu_swizzle(uint32_t addr, int swizzle) {
  static const uint32_t bits[] = {0, 1, 3, 7};
  return addr ^ (addr >> 7 & bits[swizzle]) << 4;
}

/* ---- reductions into global memory ---- */

static uint64_t combined(uint8_t type, uint32_t op, uint64_t a, uint64_t b) {
  enum fp_format f = type == EMU_MAP_F16 ? FP_F16 : FP_BF16;
  bool sign = type == EMU_MAP_I32 || type == EMU_MAP_I64;
  double x, y;
  switch (type) {
  case EMU_MAP_F16:
  case EMU_MAP_BF16:
    x = emu_fp_unpack((uint32_t)a, f), y = emu_fp_unpack((uint32_t)b, f);
    return emu_fp_pack(op == RED_ADD ? emu_add_odd(x, y) : (x < y) == (op == RED_MIN) ? x : y, f, FP_RN, false);
  case EMU_MAP_F32:
  case EMU_MAP_F32_FTZ:
    return emu_f32_bits(emu_f32(a) + emu_f32(b));
  case EMU_MAP_F64:
    return emu_f64_bits(emu_f64(a) + emu_f64(b));
  default:
    break;
  }
  if (type == EMU_MAP_I32) a = (uint64_t)(int32_t)a, b = (uint64_t)(int32_t)b;
  bool less = sign ? (int64_t)a < (int64_t)b : a < b;
  return op == RED_ADD             ? a + b
         : op == RED_AND           ? (a & b)
         : op == RED_OR            ? (a | b)
         : op == RED_XOR           ? (a ^ b)
         : less == (op == RED_MIN) ? a
                                   : b;
}

static void put(uint8_t *to, const uint8_t *from, uint32_t bytes, uint8_t type, uint32_t op) {
  if (op == RED_NONE) {
    memcpy(to, from, bytes);
    return;
  }
  for (uint32_t at = 0, n = type_bytes[type]; at < bytes; at += n) {
    uint64_t a = 0, b = 0;
    memcpy(&a, to + at, n);
    memcpy(&b, from + at, n);
    a = combined(type, op, a, b);
    memcpy(to + at, &a, n);
  }
}

/* ---- boxes ---- */

struct box {
  struct tma_map m;
  int64_t at[5];
};

/* Moves row number row of the box (all but the innermost dimension counted together) between global memory and shared
 * memory, 16 bytes at a time because of the swizzle. */
static bool move_row(struct warp *w, const struct job *j, const struct box *x, uint32_t row, struct block *b,
                     uint32_t off, bool in) {
  uint64_t from = x->m.addr;
  bool outside = false;
  uint32_t size = (uint32_t)x->m.stride[0], n = (x->m.box[0] + x->m.step[0] - 1u) / x->m.step[0], rest = row;
  for (uint32_t k = 1; k < x->m.rank; k++) {
    uint32_t most = (x->m.box[k] + x->m.step[k] - 1u) / x->m.step[k];
    int64_t c = x->at[k] + (int64_t)(rest % most) * x->m.step[k];
    rest /= most;
    if (c < 0 || (uint64_t)c >= x->m.dim[k]) outside = true;
    from += (uint64_t)c * x->m.stride[k];
  }
  for (uint32_t e = 0; e < n; e++) {
    int64_t c = x->at[0] + (int64_t)e * x->m.step[0];
    bool drop = outside || c < 0 || (uint64_t)c >= x->m.dim[0];
    uint32_t to = emu_swizzle(SHARED_BASE + off + (row * n + e) * size, x->m.swizzle) - SHARED_BASE;
    uint8_t *s = b->shared + to, *g = NULL;
    if (!drop && !(g = emu_global_at(w, j->i, (int)j->lane, from + (uint64_t)c * size, size, "bulk copy of")))
      return false;
    if (in) {
      if (g)
        memcpy(s, g, size);
      else
        memset(s, 0, size);
    } else if (g) {
      put(g, s, size, x->m.type, j->i->imm[1]);
    }
  }
  return true;
}

static bool move_box(struct warp *w, const struct job *j, struct block *b, uint32_t off, bool in) {
  struct box x;
  memcpy(&x.m, (const void *)(uintptr_t)j->a[2], sizeof x.m);
  for (uint32_t k = 0; k < 5; k++) x.at[k] = (int32_t)(j->a[5 + k / 2] >> 32 * (k & 1));
  uint32_t rows = 1;
  for (uint32_t k = 1; k < x.m.rank; k++) rows *= (x.m.box[k] + x.m.step[k] - 1u) / x.m.step[k];
  for (uint32_t r = 0; r < rows; r++) {
    if (!move_row(w, j, &x, r, b, off, in)) return false;
  }
  return true;
}

/* ---- jobs; a: 0 offset in shared memory, 1 bytes, 2 map or global address, 3 mbarrier's offset, 4 blocks, 5..
 * coordinates ---- */

static bool in_now(struct warp *w, const struct job *j) {
  struct cluster *c = w->b->c;
  for (uint32_t r = 0; r < c->nblock; r++) {
    if (!(j->a[4] >> r & 1)) continue;
    struct block *b = &c->block[r];
    if (j->i->imm[0]) {
      if (!move_box(w, j, b, (uint32_t)j->a[0], true)) return false;
    } else {
      uint8_t *g = emu_global_at(w, j->i, (int)j->lane, j->a[2], j->a[1], "bulk copy of");
      if (!g) return false;
      memcpy(b->shared + j->a[0], g, j->a[1]);
    }
    struct mbar *m = emu_mbar_find(b, (uint32_t)j->a[3]);
    if (!m) continue; /* was invalidated meanwhile */
    m->tx -= (int64_t)j->a[1];
    if (m->tx < -((1 << 20) - 1)) {
      emu_found(w, j->i, (int)j->lane, EMU_BAD_BARRIER, "%lld transaction bytes on an mbarrier", (long long)m->tx);
      return false;
    }
    emu_mbar_check(b, m);
  }
  return true;
}

static bool out_now(struct warp *w, const struct job *j) {
  if (j->i->imm[0]) return move_box(w, j, w->b, (uint32_t)j->a[0], false);
  uint8_t *g = emu_global_at(w, j->i, (int)j->lane, j->a[2], j->a[1], "bulk copy of");
  if (g) put(g, w->b->shared + j->a[0], (uint32_t)j->a[1], j->i->ty, j->i->imm[1]);
  return g != NULL;
}

/* ---- issue ---- */

static const struct tma_map *map_at(struct warp *w, const struct ins *i, uint32_t lane, uint64_t addr) {
  if (addr >> 48 == 2) {
    emu_found(w, i, (int)lane, EMU_ILLEGAL, "the tensor map is in local memory: its parameter needs grid_constant");
    return NULL;
  }
  const uint8_t *p = emu_at(w, i, lane, SP_GENERIC, addr, sizeof(struct tma_map), 64, ACC_READ);
  const struct tma_map *m = (const struct tma_map *)(const void *)p;
  if (!p) return NULL;
  if (m->magic != TMA_MAGIC || m->rank != i->imm[0]) {
    emu_found(w, i, (int)lane, EMU_ILLEGAL,
              m->magic != TMA_MAGIC ? "no tensor map at 0x%llx" : "the tensor map at 0x%llx has another rank",
              (unsigned long long)addr);
    return NULL;
  }
  return m;
}

static uint64_t slot_at(struct warp *w, uint32_t s, uint32_t lane) {
  return emu_slot(w, s)[lane];
}

/* What both directions share: the map, coordinates and bytes. */
static bool source(struct warp *w, const struct ins *i, uint32_t l, struct job *j) {
  if (!i->imm[0]) {
    j->a[1] = slot_at(w, i->s[4], l);
    j->a[2] = slot_at(w, i->s[2], l) + (uint64_t)(int64_t)(int32_t)i->imm[2];
    if (j->a[1] % 16 || !j->a[1] || j->a[2] % 16) {
      emu_found(w, i, (int)l, EMU_MISALIGNED, "bulk copy of %llu bytes at 0x%llx: both must be multiples of 16",
                (unsigned long long)j->a[1], (unsigned long long)j->a[2]);
      return false;
    }
    if (j->a[1] > SHARED_MOST) j->a[1] = SHARED_MOST + 16;
    return true;
  }
  const struct tma_map *m = map_at(w, i, l, slot_at(w, i->s[2], l) + (uint64_t)(int64_t)(int32_t)i->imm[2]);
  if (!m) return false;
  j->a[1] = emu_tma_bytes(m);
  j->a[2] = (uintptr_t)m;
  for (uint32_t k = 0; k < i->imm[0]; k++)
    j->a[5 + k / 2] |= (uint64_t)(uint32_t)slot_at(w, i->v[k], l) << 32 * (k & 1);
  return true;
}

static struct block *shared_side(struct warp *w, const struct ins *i, uint32_t l, uint64_t addr, struct job *j,
                                 bool cluster) {
  uint32_t off, align = i->imm[0] ? 128 : 16;
  if (addr >> 48 == 1) addr &= ((uint64_t)1 << 48) - 1;
  struct block *b = emu_shared_at(w, addr, (uint32_t)j->a[1], cluster, &off);
  if (!b) {
    emu_found(w, i, (int)l, EMU_OUT_OF_BOUNDS,
              "bulk copy of %llu bytes at shared address 0x%llx; the block has %u bytes from 0x%x on",
              (unsigned long long)j->a[1], (unsigned long long)addr, w->b->shared_bytes, SHARED_BASE);
  } else if (addr % align) {
    emu_found(w, i, (int)l, EMU_MISALIGNED, "bulk copy at shared address 0x%llx, which is no multiple of %u",
              (unsigned long long)addr, align);
    b = NULL;
  }
  j->a[0] = off;
  return b;
}

/* One lane's copy into shared memory. s: 1 destination, 2 source, 3 mbarrier, 4 bytes, 5 mask of blocks */
static bool issue_in(struct warp *w, const struct ins *i, uint32_t l) {
  struct job j = {.i = i, .kind = JOB_BULK_IN, .lane = l, .run = in_now};
  struct block *b, *mb;
  struct cluster *c = w->b->c;
  if (!source(w, i, l, &j) || !(b = shared_side(w, i, l, slot_at(w, i->s[1], l) + (uint64_t)i->off, &j, true)))
    return false;
  struct mbar *m = emu_mbar_at(w, i, l, slot_at(w, i->s[3], l) + (uint64_t)((int64_t)(i->m / 16) - MB_BIAS), true, &mb);
  if (!m) return false;
  j.a[3] = m->off;
  j.a[4] = i->m & M_MULTICAST ? slot_at(w, i->s[5], l) & 0xffff : 1u << b->rank;
  if (!j.a[4] || j.a[4] >> c->nblock) {
    emu_found(w, i, (int)l, EMU_ILLEGAL, "blocks %04llx of a cluster of %u", (unsigned long long)j.a[4], c->nblock);
    return false;
  }
  for (uint32_t r = 0; r < c->nblock; r++) {
    if (!(j.a[4] >> r & 1)) continue;
    struct mbar *each = emu_mbar_find(&c->block[r], m->off);
    if (!each) {
      emu_found(w, i, (int)l, EMU_BAD_BARRIER, "block %u of the cluster has no mbarrier at offset %u", r, m->off);
      return false;
    }
    if (!each->fenced)
      emu_found(w, i, (int)l, EMU_MISSING_FENCE,
                "a bulk copy completes on the mbarrier initialised at line %u without fence.mbarrier_init or "
                "fence.proxy.async after it",
                each->line);
    struct touch t = {.w = w, .i = i, .agent = each->agent, .tick = each->phase + 1, .lane = WARP, .how = TOUCH_WRITE};
    emu_touch(&c->block[r], (uint32_t)j.a[0], (uint32_t)j.a[1], &t);
    each->tx_phase = each->phase + 1;
    each->tx_line = i->line;
    emu_run(w)->rep->counts.bulk_bytes += j.a[1];
  }
  emu_run(w)->rep->counts.global_load_bytes += j.a[1];
  return emu_job(w, &j);
}

/* One lane's copy out of shared memory. s: 1 source in shared memory, 2 destination, 4 bytes */
static bool issue_out(struct warp *w, const struct ins *i, uint32_t l) {
  struct job j = {.i = i, .kind = JOB_BULK_OUT, .lane = l, .group = w->bulk_group[l], .run = out_now};
  uint32_t agent = emu_agent(w, AG_BULK);
  if (!source(w, i, l, &j) || !shared_side(w, i, l, slot_at(w, i->s[1], l) + (uint64_t)i->off, &j, false)) return false;
  struct touch t = {
      .w = w, .i = i, .agent = agent, .tick = w->bulk_group[l] + 1, .lane = WARP, .how = TOUCH_READ, .async = true};
  emu_touch(w->b, (uint32_t)j.a[0], (uint32_t)j.a[1], &t);
  w->bulk_used[l] = w->bulk_group[l] + 1;
  w->bulk_line[l] = i->line;
  emu_run(w)->rep->counts.bulk_bytes += j.a[1];
  emu_run(w)->rep->counts.global_store_bytes += j.a[1];
  return emu_job(w, &j);
}

static enum step bulk_in(struct warp *w, const struct ins *i, uint32_t mask) {
  LANES(l, mask) {
    if (!issue_in(w, i, l)) return STEP_FAULT;
  }
  return STEP_NEXT;
}
static enum step bulk_out(struct warp *w, const struct ins *i, uint32_t mask) {
  LANES(l, mask) {
    if (!issue_out(w, i, l)) return STEP_FAULT;
  }
  return STEP_NEXT;
}

static enum step commit(struct warp *w, const struct ins *i, uint32_t mask) {
  (void)i;
  LANES(l, mask) w->bulk_group[l]++;
  return STEP_NEXT;
}

static enum step wait(struct warp *w, const struct ins *i, uint32_t mask) {
  uint32_t *known = &w->clocks.vc[emu_agent(w, AG_BULK)];
  LANES(l, mask) {
    uint32_t n = w->bulk_group[l], limit = n > i->imm[0] ? n - i->imm[0] : 0;
    if (!emu_jobs_finish(w, JOB_BULK_OUT, l, limit)) return STEP_FAULT;
    if (limit > w->bulk_waited[l]) w->bulk_waited[l] = limit;
    if (limit > *known) *known = limit;
  }
  return STEP_NEXT;
}

/* ---- decoding ---- */

static enum emu_type reduction(struct dec *d, bool tensor) {
  static const char *const ops[] = {"add", "min", "max", "and", "or", "xor", NULL};
  int op = emu_take_one(d, ops);
  if (op < 0) FAIL(d, "an operation expected");
  d->ins->imm[1] = (uint32_t)op + RED_ADD;
  emu_take(d, "noftz");
  return tensor ? TY_NONE : emu_need_type(d);
}

static uint8_t map_type(struct dec *d, enum emu_type t) {
  switch (t) {
  case TY_U32:
  case TY_B32:
    return EMU_MAP_U32;
  case TY_S32:
    return EMU_MAP_I32;
  case TY_U64:
  case TY_B64:
    return EMU_MAP_U64;
  case TY_S64:
    return EMU_MAP_I64;
  case TY_F16:
    return EMU_MAP_F16;
  case TY_BF16:
    return EMU_MAP_BF16;
  case TY_F32:
    return EMU_MAP_F32;
  case TY_F64:
    return EMU_MAP_F64;
  default:
    FAIL(d, "type .%s is not allowed", emu_type_name(t));
  }
}

/* [map, {coordinates}] into s[2] and v, or [global address] */
static void global_side(struct dec *d, const struct opnd *o, bool tensor) {
  struct ins *i = d->ins;
  i->space = tensor ? SP_GENERIC : SP_GLOBAL;
  i->s[2] = emu_src_addr(d, o);
  if (o->space == SP_PARAM) FAIL(d, "the address of a parameter must be made generic by cvta.param");
  if (i->off != (int32_t)i->off) FAIL(d, "too large an offset");
  i->imm[2] = (uint32_t)(int32_t)i->off;
  if (!tensor) return;
  if (o->nvec != i->imm[0]) FAIL(d, "%u coordinates expected", i->imm[0]);
  uint32_t *v = emu_dec_list(d, o->nvec);
  for (uint32_t k = 0; k < o->nvec; k++) v[k] = emu_src(d, &o->vec[k], TY_B32);
  i->v = v;
}

static void decode_in(struct dec *d, bool tensor) {
  struct ins *i = d->ins;
  bool many = emu_take(d, "multicast::cluster"), hint = emu_take(d, "L2::cache_hint");
  uint32_t n = 3 + !tensor + many + hint, mb = tensor ? 2 : 3;
  emu_take_prefix(d, "cta_group");
  emu_need_ops(d, n, n);
  global_side(d, &d->op[1], tensor);
  if (!tensor) i->s[4] = emu_src(d, &d->op[2], TY_U32);
  i->space = SP_CLUSTER;
  i->s[3] = emu_src_addr(d, &d->op[mb]);
  if (i->off < -MB_BIAS || i->off > MB_BIAS) FAIL(d, "an mbarrier's offset must be small");
  i->m = (uint32_t)(i->off + MB_BIAS) * 16 | many;
  if (many) i->s[5] = emu_src(d, &d->op[mb + 1], TY_B16);
  i->s[1] = emu_src_addr(d, &d->op[0]);
  i->fn = bulk_in;
}

static void decode_out(struct dec *d, bool tensor, bool reduce) {
  struct ins *i = d->ins;
  bool hint = emu_take(d, "L2::cache_hint");
  if (reduce) {
    enum emu_type t = reduction(d, tensor);
    if (!tensor) i->ty = map_type(d, t);
  }
  emu_need_ops(d, 2 + !tensor + hint, 2 + !tensor + hint);
  global_side(d, &d->op[0], tensor);
  if (!tensor) i->s[4] = emu_src(d, &d->op[2], TY_U32);
  i->space = SP_SHARED;
  i->s[1] = emu_src_addr(d, &d->op[1]);
  i->fn = bulk_out;
}

static void decode_prefetch(struct dec *d) {
  for (uint32_t k = 0; k < d->nmod; k++) d->used[k] = true;
  if (d->nop < 1 || d->op[0].kind != O_ADDR) FAIL(d, "an address in brackets expected");
  emu_dec_nop(d);
}

void emu_dec_bulk(struct dec *d, bool reduce) {
  static const char *const ranks[] = {"1d", "2d", "3d", "4d", "5d", NULL};
  struct ins *i = d->ins;
  if (emu_take(d, "commit_group")) {
    emu_need_ops(d, 0, 0);
    i->fn = commit;
    return;
  }
  if (emu_take(d, "wait_group")) {
    emu_take(d, "read");
    emu_need_ops(d, 1, 1);
    i->imm[0] = (uint32_t)emu_src_imm(d, &d->op[0]);
    i->fn = wait;
    return;
  }
  if (emu_take(d, "prefetch")) {
    decode_prefetch(d);
    return;
  }
  bool tensor = emu_take(d, "tensor"), cluster = emu_take(d, "shared::cluster"), cta = emu_take(d, "shared::cta"),
       global = emu_take(d, "global");
  emu_take(d, "tile");
  if (tensor) i->imm[0] = (uint32_t)(emu_take_one(d, ranks) + 1);
  if (tensor && !i->imm[0]) FAIL(d, "'.1d' to '.5d' expected");
  bool in = emu_take(d, "mbarrier::complete_tx::bytes"), out = emu_take(d, "bulk_group");
  if (!global || cluster == cta || in == out || (out && !cta) || (in && reduce))
    FAIL(d, "this form of a bulk copy is not supported");
  if (in)
    decode_in(d, tensor);
  else
    decode_out(d, tensor, reduce);
}
