/* What moves the bits of a byte about: shifts, masks, and sums without carries of one value, however many, are a matrix
   over bits (each bit of the result is the exclusive or of some bits of the value, maybe turned over), and machines
   with GFNI multiply by one in one instruction. Without it bytes are shifted as 16-bit lanes and masked. */
#include "codegen/emit/build.h"

enum { BYTE = 8, MOST_NODES = 64, LEAST_OPERATIONS = 2, KEY_BITS = 908 };

struct bits {         /* of a byte */
  uint8_t from[BYTE]; /* by bit of the result: the bits of the leaf that are added up */
  uint8_t ones;       /* and bits that are turned over */
};
struct reading {
  struct fn *f;
  expr_t leaf; /* NULL: none yet */
  unsigned nodes, operations;
};

static bool read_bits(struct reading *r, expr_t e, struct bits *out);

static bool is_byte(expr_t e) {
  return e->type == DT_u8 || e->type == DT_i8;
}

static bool read_leaf(struct reading *r, expr_t e, struct bits *out) {
  if (!is_byte(e) || (r->leaf && !expr_eq(r->leaf, e)) || !lane_dependent(r->f, e)) return false;
  r->leaf = e;
  out->ones = 0;
  for (unsigned i = 0; i < BYTE; i++) out->from[i] = (uint8_t)(1u << i);
  return true;
}

static bool is_known(const struct bits *b, unsigned i) {
  return !b->from[i];
}

static unsigned bit(unsigned byte, unsigned i) {
  return byte >> i & 1;
}

/* One bit of a and b; false: it is no sum of bits. */
static bool join(enum op o, const struct bits *a, const struct bits *b, unsigned i, struct bits *out) {
  unsigned x = bit(a->ones, i), y = bit(b->ones, i), one = x ^ y;
  uint8_t from = a->from[i] ^ b->from[i];
  if (o != OP_xor) {
    if (!is_known(a, i) && !is_known(b, i)) return false;
    const struct bits *known = is_known(a, i) ? a : b, *other = is_known(a, i) ? b : a;
    bool stays = bit(known->ones, i) == (o == OP_and);
    if (o == OP_add && bit(known->ones, i)) return false; /* it may carry */
    from = stays ? other->from[i] : 0;
    one = stays ? bit(other->ones, i) : bit(known->ones, i);
  }
  out->from[i] = from;
  out->ones |= (uint8_t)(one << i);
  return true;
}

static bool read_two(struct reading *r, expr_t e, struct bits *out) {
  struct bits a, b;
  if (!read_bits(r, e->kid[0], &a) || !read_bits(r, e->kid[1], &b)) return false;
  out->ones = 0;
  for (unsigned i = 0; i < BYTE; i++)
    if (!join((enum op)e->op, &a, &b, i, out)) return false;
  return true;
}

static bool read_shift(struct reading *r, expr_t e, struct bits *out) {
  struct bits a;
  expr_t by = e->kid[1];
  if (by->kind != E_CONST || by->val.i < 0 || by->val.i >= BYTE || !read_bits(r, e->kid[0], &a)) return false;
  out->ones = 0;
  for (int i = 0; i < BYTE; i++) {
    int at = e->op == OP_shl ? i - (int)by->val.i : i + (int)by->val.i;
    if (at >= BYTE && e->type == DT_i8) at = BYTE - 1;
    bool in = at >= 0 && at < BYTE;
    out->from[i] = in ? a.from[at] : 0;
    out->ones |= (uint8_t)((in ? bit(a.ones, (unsigned)at) : 0) << i);
  }
  return true;
}

static bool read_bits(struct reading *r, expr_t e, struct bits *out) {
  if (++r->nodes > MOST_NODES || !is_byte(e)) return false;
  if (e->kind == E_CONST) {
    *out = (struct bits){.ones = (uint8_t)e->val.i};
    return true;
  }
  if (e->kind == E_CAST && is_byte(e->kid[0])) return read_bits(r, e->kid[0], out);
  if (e->kind != E_OP) return read_leaf(r, e, out);
  r->operations++;
  switch ((enum op)e->op) {
  case OP_and:
  case OP_or:
  case OP_xor:
  case OP_add:
    return read_two(r, e, out);
  case OP_shl:
  case OP_shr:
    return read_shift(r, e, out);
  case OP_not:
    if (!read_bits(r, e->kid[0], out)) return false;
    out->ones = (uint8_t)~out->ones;
    return true;
  default:
    return false;
  }
}

/* The row for bit i of the result is byte 7 - i. */
static uint64_t matrix_of(const struct bits *b) {
  uint64_t m = 0;
  for (unsigned i = 0; i < BYTE; i++) m |= (uint64_t)b->from[i] << (BYTE * (BYTE - 1 - i));
  return m;
}

static const char *instruction(const struct fn *f) {
  if (!f->m->isa.gfni || f->simt || f->lane == SYM_NONE) return NULL;
  if (f->lanes == 64) return f->m->isa.avx512 ? "llvm.x86.vgf2p8affineqb.512" : NULL;
  return f->lanes == 32 ? "llvm.x86.vgf2p8affineqb.256" : f->lanes == 16 ? "llvm.x86.vgf2p8affineqb.128" : NULL;
}

/* Several operations on the bits of bytes on lanes, as one; false: not in this way. */
bool bits_operation(struct fn *f, expr_t e, struct val *out) {
  struct reading r = {.f = f};
  struct bits b;
  const char *name = instruction(f);
  if (!name || !is_byte(e) || !read_bits(&r, e, &b) || !r.leaf || r.operations < LEAST_OPERATIONS) return false;
  struct val x = vsplat(f, emit_expr(f, r.leaf));
  uint64_t m = matrix_of(&b);
  LLVMValueRef rows[LANE_LIMIT / BYTE], arg[3] = {x.v, NULL, LLVMConstInt(f->m->i8, b.ones, 0)};
  for (unsigned i = 0; i < f->lanes / BYTE; i++) rows[i] = LLVMConstInt(f->m->i64, m, 0);
  arg[1] = LLVMConstBitCast(LLVMConstVector(rows, f->lanes / BYTE), LLVMVectorType(f->m->i8, f->lanes));
  if (!cache_get(f, KEY_BITS, x.v, arg[1], arg[2], out)) {
    unsigned level = place_level(f, x.level);
    place_at(f, level);
    *out = mkval(call_intrinsic(f->m, f->b, name, NULL, 0, arg, 3), level, (enum dtype)e->type, f->lanes);
    place_back(f);
    cache_put(f, KEY_BITS, x.v, arg[1], arg[2], *out);
  }
  out->type = e->type;
  return true;
}
