/* atom and red. The lanes of a warp act one after the other. */
#include "runtime/emu/fp.h"
#include "runtime/emu/memory.h"
#include <math.h>

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
enum op { AND, OR, XOR, EXCH, ADD, INC, DEC, MIN, MAX, CAS };
static const char *const op_names[] = {"and", "or", "xor", "exch", "add", "inc", "dec", "min", "max", "cas", NULL};

static uint64_t extended(uint64_t v, enum emu_type t) {
  uint32_t bits = emu_type_bits(t);
  return emu_type_class(t) == TC_S ? (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits)) : v;
}

static uint64_t integer(enum op op, enum emu_type t, uint64_t a, uint64_t b) {
  bool sign = emu_type_class(t) == TC_S;
  uint64_t x = extended(a, t), y = extended(b, t);
  bool less = sign ? (int64_t)x < (int64_t)y : x < y;
  switch (op) {
  case AND:
    return a & b;
  case OR:
    return a | b;
  case XOR:
    return a ^ b;
  case ADD:
    return a + b;
  case INC:
    return a >= b ? 0 : a + 1;
  case DEC:
    return a == 0 || a > b ? b : a - 1;
  case MIN:
    return less ? a : b;
  case MAX:
    return less ? b : a;
  default:
    return b;
  }
}

static double real(enum op op, double a, double b) {
  if (op == ADD) return emu_add_odd(a, b);
  if (isnan(a) || isnan(b)) return isnan(a) ? b : a;
  return (a < b) == (op == MIN) ? a : b;
}

static uint64_t half(enum op op, enum fp_format f, uint64_t a, uint64_t b) {
  return emu_fp_pack(real(op, emu_fp_unpack(a & 0xffff, f), emu_fp_unpack(b & 0xffff, f)), f, FP_RN, false);
}

static uint64_t combine(const struct ins *i, uint64_t a, uint64_t b) {
  enum op op = (enum op)i->imm[0];
  enum fp_format f = i->ty == TY_F16 || i->ty == TY_F16X2 ? FP_F16 : FP_BF16;
  if (op == EXCH) return b;
  switch (i->ty) {
  case TY_F32:
    return emu_f32_bits(emu_f32(a) + emu_f32(b));
  case TY_F64:
    return emu_f64_bits(emu_f64(a) + emu_f64(b));
  case TY_F16:
  case TY_BF16:
    return half(op, f, a, b);
  case TY_F16X2:
  case TY_BF16X2:
    return half(op, f, a, b) | half(op, f, a >> 16, b >> 16) << 16;
  default:
    return integer(op, (enum emu_type)i->ty, a, b);
  }
}

/* s: 1 address, 2 comparand of cas or first value, 3 new value of cas; v: destinations, then values (nv of each) */
static enum step atomic(struct warp *w, const struct ins *i, uint32_t mask) {
  const uint64_t *base = emu_slot(w, i->s[1]);
  uint32_t each = emu_type_bits(i->ty) / 8;
  uint64_t addr[WARP];
  LANES(l, mask) {
    addr[l] = base[l] + (uint64_t)i->off;
    uint8_t *p = emu_at(w, i, l, i->space, addr[l], i->size, i->size, ACC_ATOMIC);
    if (!p) return STEP_FAULT;
    for (uint32_t k = 0; k < i->nv; k++) {
      uint64_t old = 0, new, b = emu_slot(w, i->v[i->nv + k])[l];
      memcpy(&old, p + k * each, each);
      new = i->imm[0] == CAS ? (old == b ? emu_slot(w, i->s[3])[l] : old) : combine(i, old, b);
      memcpy(p + k * each, &new, each);
      emu_slot(w, i->v[k])[l] = old;
    }
  }
  uint8_t space = i->space ? i->space : addr[__builtin_ctz(mask)] >> 48 ? SP_SHARED : SP_GLOBAL;
  emu_count_request(w, space, addr, mask, i->size, true);
  return STEP_NEXT;
}

static bool allowed(enum op op, enum emu_type t) {
  uint32_t bits = emu_type_bits(t);
  switch (emu_type_class(t)) {
  case TC_B:
    return (bits == 32 || bits == 64 || (bits == 16 && op == CAS)) && (op <= EXCH || op == CAS);
  case TC_U:
    return bits >= 32 && (op == ADD || op == MIN || op == MAX || (bits == 32 && (op == INC || op == DEC)));
  case TC_S:
    return bits >= 32 && (op == ADD || op == MIN || op == MAX);
  case TC_F:
    return t != TY_F32X2 && (op == ADD || ((op == MIN || op == MAX) && t != TY_F32 && t != TY_F64));
  default:
    return false;
  }
}

void emu_dec_atom(struct dec *d) {
  static const char *const orders[] = {"relaxed", "acquire", "release", "acq_rel", NULL}, *const scopes[] = {
                                                                                              "cta", "cluster", "gpu",
                                                                                              "sys", NULL};
  static const char *const spaces[] = {"global", "shared", "shared::cta", "shared::cluster", NULL}, *const vecs[] = {
                                                                                                        "v2", "v4",
                                                                                                        "v8", NULL};
  static const uint8_t codes[] = {SP_GLOBAL, SP_SHARED, SP_SHARED, SP_CLUSTER};
  struct ins *i = d->ins;
  bool red = emu_slice_is(d->name, "red");
  (void)emu_take_one(d, orders);
  (void)emu_take_one(d, scopes);
  int space = emu_take_one(d, spaces), op = emu_take_one(d, op_names), v = emu_take_one(d, vecs);
  emu_take(d, "noftz");
  emu_take_prefix(d, "L2::");
  enum emu_type t = emu_need_type(d);
  uint32_t n = v < 0 ? 1 : 2u << v, at = red ? 0 : 1;
  if (op < 0) FAIL(d, "an operation is missing");
  if (!allowed((enum op)op, t) || (red && (op == EXCH || op == CAS)) ||
      (v >= 0 && (emu_type_class(t) != TC_F || emu_type_bits(t) * n > 128)))
    FAIL(d, "'.%s' is not allowed with .%s", op_names[op], emu_type_name(t));
  emu_need_ops(d, at + (op == CAS ? 3 : 2), at + (op == CAS ? 4 : 3));
  i->space = space < 0 ? SP_GENERIC : codes[space];
  i->ty = (uint8_t)t;
  i->imm[0] = (uint32_t)op;
  i->size = (uint8_t)(emu_type_bits(t) / 8 * n);
  i->nv = n;
  uint32_t *list = emu_dec_list(d, 2 * n);
  if (!red) memcpy(list, emu_vec(d, &d->op[0], n, t, true), n * sizeof *list);
  i->s[1] = emu_src_addr(d, &d->op[at]);
  memcpy(list + n, emu_vec(d, &d->op[at + 1], n, t, false), n * sizeof *list);
  if (op == CAS) i->s[3] = emu_src(d, &d->op[at + 2], t);
  i->v = list;
  i->cls = i->space == SP_SHARED || i->space == SP_CLUSTER ? EMU_CLS_SHARED : EMU_CLS_GLOBAL;
  i->fn = atomic;
}
