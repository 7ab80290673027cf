/* Addresses, loads and stores. Leaves atomics to atomic.c and what may be wrong with shared memory to shadow.c. */
#include "runtime/emu/memory.h"
#include "runtime/emu/sync.h"
#include <string.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)

static uint8_t *global_at(struct warp *w, uint64_t addr, uint64_t bytes) {
  struct alloc *a = w->near;
  if (!a || addr < a->addr || addr - a->addr >= a->size) a = w->near = emu_device_find(emu_run(w)->dev, addr);
  if (!a || !a->host || addr - a->addr > a->size || bytes > a->size - (addr - a->addr)) return NULL;
  return a->host + (addr - a->addr);
}

static void outside(struct warp *w, const struct ins *i, int lane, uint64_t addr, uint64_t bytes, const char *what) {
  struct alloc *a = emu_device_find(emu_run(w)->dev, addr);
  if (!a) {
    emu_found(w, i, lane, EMU_OUT_OF_BOUNDS, "%s %llu bytes at 0x%llx: no memory there", what,
              (unsigned long long)bytes, (unsigned long long)addr);
  } else if (!a->host && addr - a->addr < a->size) {
    emu_found(w, i, lane, EMU_OUT_OF_BOUNDS,
              "%s %llu bytes at 0x%llx: byte %llu of an allocation of %llu bytes that was freed", what,
              (unsigned long long)bytes, (unsigned long long)addr, (unsigned long long)(addr - a->addr),
              (unsigned long long)a->size);
  } else {
    emu_found(w, i, lane, EMU_OUT_OF_BOUNDS,
              "%s %llu bytes at 0x%llx: byte %llu after the start of an allocation of %llu bytes", what,
              (unsigned long long)bytes, (unsigned long long)addr, (unsigned long long)(addr - a->addr),
              (unsigned long long)a->size);
  }
}

uint8_t *emu_global_at(struct warp *w, const struct ins *i, int lane, uint64_t addr, uint64_t bytes, const char *what) {
  uint8_t *p = global_at(w, addr, bytes);
  if (!p) outside(w, i, lane, addr, bytes, what);
  return p;
}

struct block *emu_shared_at(struct warp *w, uint64_t addr, uint32_t bytes, bool cluster, uint32_t *off) {
  struct block *b = w->b;
  uint64_t rank = addr >> CLUSTER_STEP, at = addr & ((1u << CLUSTER_STEP) - 1);
  if (rank) {
    if (rank - 1 >= b->c->nblock || (rank - 1 != b->rank && !cluster)) return NULL;
    b = &b->c->block[rank - 1];
  }
  if (at < SHARED_BASE || at - SHARED_BASE > b->shared_bytes || bytes > b->shared_bytes - (at - SHARED_BASE))
    return NULL;
  *off = (uint32_t)(at - SHARED_BASE);
  return b;
}

static uint8_t *plain_at(uint8_t *base, uint32_t size, struct warp *w, const struct ins *i, uint32_t lane,
                         uint64_t addr, uint32_t bytes, const char *what) {
  if (addr <= size && bytes <= size - addr) return base + addr;
  emu_found(w, i, (int)lane, EMU_OUT_OF_BOUNDS, "%u bytes at offset %llu of %s, which has %u bytes", bytes,
            (unsigned long long)addr, what, size);
  return NULL;
}

static uint8_t *shared_at(struct warp *w, const struct ins *i, uint32_t lane, uint64_t addr, uint32_t bytes,
                          bool cluster, enum access how) {
  uint32_t off;
  struct block *b = emu_shared_at(w, addr, bytes, cluster, &off);
  if (!b) {
    emu_found(
        w, i, (int)lane, EMU_OUT_OF_BOUNDS, "%s %u bytes at shared address 0x%llx; the block has %u bytes from 0x%x on",
        how == ACC_READ ? "read of" : "write of", bytes, (unsigned long long)addr, w->b->shared_bytes, SHARED_BASE);
    return NULL;
  }
  if (b != w->b && !b->running) {
    emu_found(w, i, (int)lane, EMU_OUT_OF_BOUNDS,
              "access to the shared memory of block %u of the cluster, which has ended", b->rank);
    return NULL;
  }
  struct touch t = {.w = w, .i = i, .agent = emu_agent(w, AG_WARP), .lane = lane};
  t.tick = w->clocks.vc[t.agent];
  t.how = how == ACC_READ ? TOUCH_READ : how == ACC_WRITE ? TOUCH_WRITE : TOUCH_ATOMIC;
  if (how != ACC_READ) w->wrote |= 1u << lane;
  w->touched |= 1u << lane;
  emu_touch(b, off, bytes, &t);
  return b->shared + off;
}

uint8_t *emu_at(struct warp *w, const struct ins *i, uint32_t lane, uint8_t space, uint64_t addr, uint32_t bytes,
                uint32_t align, enum access how) {
  const struct run *r = emu_run(w);
  bool generic = space == SP_GENERIC;
  if (generic) {
    static const uint8_t windows[] = {SP_GLOBAL, SP_CLUSTER, SP_LOCAL, SP_PARAM, SP_CONST};
    uint64_t win = addr >> 48;
    space = win < 5 ? windows[win] : SP_GLOBAL;
    if (space != SP_GLOBAL) addr &= ((uint64_t)1 << 48) - 1;
  }
  if (addr & (align - 1)) {
    emu_found(w, i, (int)lane, EMU_MISALIGNED, "address 0x%llx is no multiple of %u", (unsigned long long)addr, align);
    return NULL;
  }
  if (how != ACC_READ && (space == SP_CONST || space == SP_PARAM)) {
    emu_found(w, i, (int)lane, EMU_ILLEGAL, "write to memory that can only be read");
    return NULL;
  }
  switch (space) {
  case SP_GLOBAL:
    return emu_global_at(w, i, (int)lane, addr, bytes, how == ACC_READ ? "read of" : "write of");
  case SP_SHARED:
  case SP_CLUSTER:
    return shared_at(w, i, lane, addr, bytes, space == SP_CLUSTER, how);
  case SP_LOCAL:
    return plain_at(w->local + (size_t)lane * r->k->local_bytes, r->k->local_bytes, w, i, lane, addr, bytes,
                    "local memory");
  case SP_PARAM:
    return plain_at(r->param, r->k->param_bytes, w, i, lane, addr, bytes, "the parameters");
  default:
    return plain_at(r->m->constant, r->m->constant_bytes, w, i, lane, addr, bytes, "constant memory");
  }
}

/* ---- counts ---- */

static uint32_t sectors(const uint64_t *addr, uint32_t mask, uint32_t size) {
  uint64_t seen[64];
  uint32_t n = 0;
  LANES(l, mask) {
    for (uint64_t s = addr[l] / 32; s <= (addr[l] + size - 1) / 32 && n < 64; s++) {
      uint32_t k = n;
      while (k && seen[k - 1] != s) k--;
      if (!k) seen[n++] = s;
    }
  }
  return n;
}

/* Passes that the lanes of mask need: the most different words in one bank. */
static uint32_t passes(const uint64_t *addr, uint32_t mask, uint32_t size) {
  uint32_t count[32] = {0}, most = 0;
  uint64_t seen[32][32];
  LANES(l, mask) {
    for (uint64_t word = addr[l] / 4; word <= (addr[l] + size - 1) / 4; word++) {
      uint32_t bank = word & 31, k = count[bank];
      while (k && seen[bank][k - 1] != word) k--;
      if (k || count[bank] == 32) continue;
      seen[bank][count[bank]++] = word;
      if (count[bank] > most) most = count[bank];
    }
  }
  return most;
}

void emu_count_request(struct warp *w, uint8_t space, const uint64_t *addr, uint32_t mask, uint32_t size, bool store) {
  struct emu_counts *c = &emu_run(w)->rep->counts;
  uint32_t bytes = (uint32_t)__builtin_popcount(mask) * size, part = size > 8 ? 8 : size > 4 ? 16 : 32;
  if (space == SP_GLOBAL) {
    c->global_requests++;
    c->global_sectors += sectors(addr, mask, size);
    *(store ? &c->global_store_bytes : &c->global_load_bytes) += bytes;
  } else if (space == SP_SHARED || space == SP_CLUSTER) {
    c->shared_requests++;
    for (uint32_t at = 0; at < WARP; at += part) {
      uint32_t some = part == 32 ? mask : mask & ((1u << part) - 1) << at;
      if (some) c->shared_conflicts += passes(addr, some, size) - 1;
    }
  }
}

/* ---- ld and st ---- */

enum { M_SIGN = 1, M_STRONG = 2 };

static uint8_t space_of(uint8_t space, uint64_t addr) {
  if (space != SP_GENERIC) return space;
  return addr >> 48 == 0 ? SP_GLOBAL : addr >> 48 == 1 ? SP_SHARED : SP_LOCAL;
}

/* imm: bits of the registers, bytes of an element */
static enum step load(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *base = emu_slot(w, i->s[1]);
  uint64_t addr[WARP];
  uint32_t each = i->imm[1], shift = 64 - 8 * each;
  LANES(l, mask) {
    addr[l] = base[l] + (uint64_t)i->off;
    const uint8_t *p = emu_at(w, i, l, i->space, addr[l], i->size, i->size, i->m & M_STRONG ? ACC_ATOMIC : ACC_READ);
    if (!p) return STEP_FAULT;
    uint64_t v[8] = {0};
    for (uint32_t k = 0; k < i->nv; k++) memcpy(&v[k], p + k * each, each);
    for (uint32_t k = 0; k < i->nv; k++) {
      if (i->m & M_SIGN) v[k] = (uint64_t)((int64_t)(v[k] << shift) >> shift) & (~(uint64_t)0 >> (64 - i->imm[0]));
      emu_slot(w, i->v[k])[l] = v[k];
    }
  }
  if (i->space != SP_PARAM)
    emu_count_request(w, space_of(i->space, addr[__builtin_ctz(mask)]), addr, mask, i->size, false);
  return STEP_NEXT;
}

static enum step store(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *base = emu_slot(w, i->s[1]);
  uint64_t addr[WARP];
  uint32_t each = i->imm[1];
  LANES(l, mask) {
    addr[l] = base[l] + (uint64_t)i->off;
    uint8_t *p = emu_at(w, i, l, i->space, addr[l], i->size, i->size, i->m & M_STRONG ? ACC_ATOMIC : ACC_WRITE);
    if (!p) return STEP_FAULT;
    for (uint32_t k = 0; k < i->nv; k++) memcpy(p + k * each, &emu_slot(w, i->v[k])[l], each);
  }
  emu_count_request(w, space_of(i->space, addr[__builtin_ctz(mask)]), addr, mask, i->size, true);
  return STEP_NEXT;
}

static uint8_t space_mod(struct dec *d) {
  static const char *const names[] = {"global", "shared",       "shared::cta", "shared::cluster", "local", "const",
                                      "param",  "param::entry", NULL};
  static const uint8_t spaces[] = {SP_GLOBAL, SP_SHARED, SP_SHARED, SP_CLUSTER, SP_LOCAL, SP_CONST, SP_PARAM, SP_PARAM};
  int k = emu_take_one(d, names);
  return k < 0 ? SP_GENERIC : spaces[k];
}

static void common(struct dec *d, bool dst) {
  static const char *const orders[] = {"weak", "relaxed", "acquire", "release", "volatile", "mmio", NULL};
  static const char *const scopes[] = {"cta", "cluster", "gpu", "sys", NULL}, *const vecs[] = {"v2", "v4", "v8", NULL};
  static const char *const caches[] = {"ca", "cg", "cs", "lu", "cv", "wb", "wt", NULL};
  struct ins *i = d->ins;
  int order = emu_take_one(d, orders);
  (void)emu_take_one(d, scopes);
  i->space = space_mod(d);
  emu_take(d, "nc");
  (void)emu_take_one(d, caches);
  emu_take_prefix(d, "L1::");
  emu_take_prefix(d, "L2::");
  int v = emu_take_one(d, vecs);
  enum emu_type t = emu_need_type(d);
  uint32_t n = v < 0 ? 1 : 2u << v, bits = emu_type_bits(t), wide = bits;
  if (t == TY_PRED || emu_type_class(t) == TC_N || bits / 8 * n > 32)
    FAIL(d, "type .%s is not allowed", emu_type_name(t));
  emu_need_ops(d, 2, 3);
  const struct opnd *val = &d->op[dst ? 0 : 1], *e = val->kind == O_VEC ? val->vec : val;
  if ((val->kind == O_VEC ? val->nvec : 1) != n) FAIL(d, "%u elements expected", n);
  uint32_t *list = emu_dec_list(d, 2 * n), shares = bits == 128 ? 2 : 1;
  for (uint32_t k = 0; k < n; k++) {
    list[k * shares] = dst ? emu_dst_wide(d, &e[k], t, &wide) : emu_src_wide(d, &e[k], t, NULL);
    if (shares == 2 && (e[k].kind != O_REG || e[k].bits != 128)) FAIL(d, "a register of 128 bits expected");
    if (shares == 2) list[k * 2 + 1] = list[k * 2] + 1;
  }
  i->v = list;
  i->nv = n * shares;
  i->imm[0] = wide > 64 ? 64 : wide;
  i->imm[1] = bits / 8 / shares;
  i->size = (uint8_t)(bits / 8 * n);
  i->m = (emu_type_class(t) == TC_S ? M_SIGN : 0) | (order > 0 ? M_STRONG : 0);
  i->s[1] = emu_src_addr(d, &d->op[dst ? 1 : 0]);
  i->cls = i->space == SP_SHARED || i->space == SP_CLUSTER ? EMU_CLS_SHARED : EMU_CLS_GLOBAL;
}

void emu_dec_ld(struct dec *d) {
  common(d, true);
  d->ins->fn = load;
}

void emu_dec_st(struct dec *d) {
  common(d, false);
  if (d->ins->space == SP_PARAM || d->ins->space == SP_CONST) FAIL(d, "parameters and constants cannot be written");
  d->ins->fn = store;
}
