/* Instructions between the lanes of a warp: shuffles, votes, matches, reductions. */
#include "runtime/emu/machine.h"

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)

/* The lanes named in the mask must be here, as must be the lane itself. */
static bool members_ok(struct warp *w, const struct ins *i, uint32_t mask, const uint64_t *members) {
  LANES(l, mask) {
    uint32_t m = (uint32_t)members[l], want = m & w->live;
    if (!(m >> l & 1)) {
      emu_found(w, i, (int)l, EMU_ILLEGAL, "the member mask %08x does not have the lane itself", m);
      return false;
    }
    if ((want & mask) != want) {
      emu_found(w, i, (int)l, EMU_DIVERGENT, "the member mask is %08x, but only lanes %08x are here", m, mask);
      return false;
    }
  }
  return true;
}

enum { UP, DOWN, BFLY, IDX };
/* s: 0 value, 1 predicate, 2 a, 3 b, 4 c, 5 members */
static enum step shfl(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]), *p = emu_slot(w, i->s[1]), old[WARP];
  const uint64_t *a = emu_slot(w, i->s[2]), *b = emu_slot(w, i->s[3]), *c = emu_slot(w, i->s[4]);
  if (!members_ok(w, i, mask, emu_slot(w, i->s[5]))) return STEP_FAULT;
  for (int l = 0; l < WARP; l++) old[l] = a[l];
  LANES(l, mask) {
    uint32_t bv = (uint32_t)b[l] & 31, cl = (uint32_t)c[l] & 31, seg = (uint32_t)c[l] >> 8 & 31;
    int32_t most = (int32_t)((l & seg) | (cl & ~seg)), least = (int32_t)(l & seg), j;
    bool ok;
    switch (i->m) {
    case UP:
      j = (int32_t)l - (int32_t)bv;
      ok = j >= most;
      break;
    case DOWN:
      j = (int32_t)(l + bv);
      ok = j <= most;
      break;
    case BFLY:
      j = (int32_t)(l ^ bv);
      ok = j <= most;
      break;
    default:
      j = least | (int32_t)(bv & ~seg);
      ok = j <= most;
    }
    if (!ok) j = (int32_t)l;
    if (!(mask >> j & 1))
      return emu_found(w, i, (int)l, EMU_ILLEGAL, "reads from lane %d, which does not take part", j);
    d[l] = old[j];
    if (i->s[1]) p[l] = ok;
  }
  return STEP_NEXT;
}
void emu_dec_shfl(struct dec *d) {
  static const char *const modes[] = {"up", "down", "bfly", "idx", NULL};
  struct ins *i = d->ins;
  bool sync = emu_take(d, "sync");
  int mode = emu_take_one(d, modes);
  if (!sync || mode < 0 || emu_need_type(d) != TY_B32) FAIL(d, "shfl.sync with a mode and .b32 expected");
  emu_need_ops(d, 5, 5);
  i->m = (uint32_t)mode;
  i->s[0] = emu_dst(d, &d->op[0], TY_B32);
  i->s[1] = d->op[0].pair ? emu_dst(d, d->op[0].pair, TY_PRED) : 0;
  for (uint32_t k = 1; k < 5; k++) i->s[k + 1] = emu_src(d, &d->op[k], TY_B32);
  i->fn = shfl;
}

enum { ALL, ANY, UNI, BALLOT };
static enum step vote(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  const uint64_t *p = emu_slot(w, i->s[1]), *members = emu_slot(w, i->s[2]);
  uint32_t on = 0, neg = i->imm[0];
  if (!members_ok(w, i, mask, members)) return STEP_FAULT;
  LANES(l, mask) on |= (uint32_t)((p[l] != 0) != neg) << l;
  LANES(l, mask) {
    uint32_t m = (uint32_t)members[l] & mask, v = on & m;
    d[l] = i->m == BALLOT ? v : i->m == ANY ? v != 0 : i->m == ALL ? v == m : v == 0 || v == m;
  }
  return STEP_NEXT;
}
void emu_dec_vote(struct dec *d) {
  static const char *const modes[] = {"all", "any", "uni", "ballot", NULL};
  struct ins *i = d->ins;
  bool sync = emu_take(d, "sync"), neg;
  int mode = emu_take_one(d, modes);
  enum emu_type t = emu_need_type(d);
  if (!sync || mode < 0 || t != (mode == BALLOT ? TY_B32 : TY_PRED))
    FAIL(d, "vote.sync with a mode and its type expected");
  emu_need_ops(d, 3, 3);
  i->m = (uint32_t)mode;
  i->s[0] = emu_dst(d, &d->op[0], t);
  i->s[1] = emu_src_pred(d, &d->op[1], &neg);
  i->imm[0] = neg;
  i->s[2] = emu_src(d, &d->op[2], TY_B32);
  i->fn = vote;
}

/* m: 1 all */
static enum step match(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]), *p = emu_slot(w, i->s[1]), same[WARP] = {0};
  const uint64_t *a = emu_slot(w, i->s[2]), *members = emu_slot(w, i->s[3]);
  if (!members_ok(w, i, mask, members)) return STEP_FAULT;
  LANES(l, mask) {
    LANES(k, mask & (uint32_t)members[l]) same[l] |= (uint64_t)(a[k] == a[l]) << k;
  }
  LANES(l, mask) {
    bool all = same[l] == ((uint32_t)members[l] & mask);
    d[l] = i->m && !all ? 0 : same[l];
    if (i->s[1]) p[l] = all;
  }
  return STEP_NEXT;
}
void emu_dec_match(struct dec *d) {
  static const char *const modes[] = {"any", "all", NULL};
  struct ins *i = d->ins;
  int mode = emu_take_one(d, modes);
  bool sync = emu_take(d, "sync");
  enum emu_type t = emu_need_type(d);
  if (!sync || mode < 0 || emu_type_class(t) != TC_B || (t != TY_B32 && t != TY_B64))
    FAIL(d, "match with '.any' or '.all', '.sync' and .b32 or .b64 expected");
  emu_need_ops(d, 3, 3);
  i->m = (uint32_t)mode;
  i->s[0] = emu_dst(d, &d->op[0], TY_B32);
  i->s[1] = d->op[0].pair ? emu_dst(d, d->op[0].pair, TY_PRED) : 0;
  i->s[2] = emu_src(d, &d->op[1], t);
  i->s[3] = emu_src(d, &d->op[2], TY_B32);
  i->fn = match;
}

enum { RADD, RMIN, RMAX, RAND, ROR, RXOR };
static uint32_t reduce(uint32_t op, bool sign, uint32_t a, uint32_t b) {
  bool less = sign ? (int32_t)a < (int32_t)b : a < b;
  switch (op) {
  case RADD:
    return a + b;
  case RMIN:
    return less ? a : b;
  case RMAX:
    return less ? b : a;
  case RAND:
    return a & b;
  case ROR:
    return a | b;
  default:
    return a ^ b;
  }
}
static enum step redux(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]), r[WARP];
  const uint64_t *a = emu_slot(w, i->s[1]), *members = emu_slot(w, i->s[2]);
  if (!members_ok(w, i, mask, members)) return STEP_FAULT;
  LANES(l, mask) {
    uint32_t v = (uint32_t)a[l];
    LANES(k, mask & (uint32_t)members[l] & ~(1u << l)) v = reduce(i->m, i->ty == TY_S32, v, (uint32_t)a[k]);
    r[l] = v;
  }
  LANES(l, mask) d[l] = r[l];
  return STEP_NEXT;
}
void emu_dec_redux(struct dec *d) {
  static const char *const ops[] = {"add", "min", "max", "and", "or", "xor", NULL};
  struct ins *i = d->ins;
  bool sync = emu_take(d, "sync");
  int op = emu_take_one(d, ops);
  enum emu_type t = emu_need_type(d);
  bool ok = op >= RAND ? t == TY_B32 : t == TY_U32 || t == TY_S32;
  if (!sync || op < 0 || !ok) FAIL(d, "redux.sync with an operation and its type expected");
  emu_need_ops(d, 3, 3);
  i->m = (uint32_t)op;
  i->ty = (uint8_t)t;
  i->s[0] = emu_dst(d, &d->op[0], t);
  i->s[1] = emu_src(d, &d->op[1], t);
  i->s[2] = emu_src(d, &d->op[2], TY_B32);
  i->fn = redux;
}

static enum step activemask(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  LANES(l, mask) d[l] = mask;
  return STEP_NEXT;
}
void emu_dec_activemask(struct dec *d) {
  if (emu_need_type(d) != TY_B32) FAIL(d, ".b32 expected");
  emu_need_ops(d, 1, 1);
  d->ins->s[0] = emu_dst(d, &d->op[0], TY_B32);
  d->ins->fn = activemask;
}

/* elect.sync d|p, members: the lowest lane */
static enum step elect(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]), *p = emu_slot(w, i->s[1]);
  const uint64_t *members = emu_slot(w, i->s[2]);
  if (!members_ok(w, i, mask, members)) return STEP_FAULT;
  LANES(l, mask) {
    uint32_t leader = (uint32_t)__builtin_ctz((uint32_t)members[l] & mask);
    d[l] = leader;
    p[l] = leader == l;
  }
  return STEP_NEXT;
}
void emu_dec_elect(struct dec *d) {
  struct ins *i = d->ins;
  if (!emu_take(d, "sync")) FAIL(d, "'.sync' expected");
  emu_need_ops(d, 2, 2);
  if (!d->op[0].pair) FAIL(d, "a destination 'register|predicate' expected");
  i->s[0] = emu_dst(d, &d->op[0], TY_B32);
  i->s[1] = emu_dst(d, d->op[0].pair, TY_PRED);
  i->s[2] = emu_src(d, &d->op[1], TY_B32);
  i->fn = elect;
}
