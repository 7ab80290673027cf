/* Quotients by what is the same in all iterations of a loop, or by what several others are divided by, too (x / l, y /
   l, z / l): its reciprocal is made once and each quotient is a product (with --fp reassoc; two roundings instead of
   one, at most 1.6 units in the last place). So that neither the reciprocal nor the product leaves the range where the
   quotient does not, both are scaled by a power of two that brings the divisor halfway to 1 (what that rounds of the
   numerator is below what the quotient can say); divisors that surely are not far from 1 need no scale: converted
   integers, floats made double, roots. Zeros, infinities and NaN come out as a division makes them. What is
   rounded to an integer or compared is divided (expr.c): there a last place can be all. */
#include "codegen/emit/vm.h"
#include <math.h>
#include <string.h>

enum { DIVISORS = 32 };
struct divisors {
  unsigned n, count[DIVISORS];
  const struct access *acc[DIVISORS];
};

static unsigned *count_of(struct divisors *d, const struct access *acc) {
  for (unsigned i = 0; i < d->n; i++)
    if (access_eq(d->acc[i], acc)) return &d->count[i];
  if (d->n == DIVISORS) return NULL;
  d->acc[d->n] = acc;
  return &d->count[d->n++];
}

static bool by_element(expr_t e) {
  return e->kind == E_OP && e->op == OP_div && type_is_float((enum dtype)e->type) && e->kid[1]->kind == E_READ &&
         !e->kid[1]->acc->nguard;
}

static void note_divisor(expr_t e, void *ctx) {
  unsigned *n = by_element(e) ? count_of(ctx, e->kid[1]->acc) : NULL;
  if (n) ++*n;
}

static void note_divisors(const struct lstmt *s, struct divisors *d) {
  if (s->value) expr_visit(s->value, note_divisor, d);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) note_divisors(s->body[i], d);
}

void quotients_open(struct fn *f, const struct lstmt *body) {
  if (!f->reassoc) return;
  f->divisors = ARENA_NEW(f->m->arena, struct divisors, 1);
  note_divisors(body, f->divisors);
}

bool quotient_shares(struct fn *f, expr_t e) {
  unsigned *n = f->divisors && by_element(e) ? count_of(f->divisors, e->kid[1]->acc) : NULL;
  return n && *n > 1;
}

static struct val real(const struct val *shape, LLVMTypeRef t, double c) {
  return mkval(splat_const(LLVMConstReal(t, c), shape->lanes), 0, shape->type, shape->lanes);
}

/* Of a vector whose lanes are all the same: that scalar. */
static LLVMValueRef unsplat(LLVMValueRef v) {
  if (LLVMIsConstant(v)) {
    LLVMValueRef one = LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind ? LLVMGetAggregateElement(v, 0) : v;
    return one ? one : v;
  }
  if (LLVMIsAShuffleVectorInst(v)) v = LLVMGetOperand(v, 0);
  if (LLVMIsAInsertElementInst(v)) v = LLVMGetOperand(v, 1);
  return v;
}

static bool is_root(LLVMValueRef v) {
  size_t n;
  if (!LLVMIsACallInst(v)) return false;
  const char *name = LLVMGetValueName2(LLVMGetCalledValue(v), &n);
  return n > 10 && !memcmp(name, "llvm.sqrt.", 10);
}

/* Zero, infinite, NaN or of a magnitude whose reciprocal is as exact as any. */
static bool tame(LLVMValueRef v, int depth) {
  LLVMBool loses;
  v = unsplat(v);
  if (LLVMIsAConstantFP(v)) {
    double d = fabs(LLVMConstRealGetDouble(v, &loses));
    return d == 0 || (d >= 0x1p-64 && d <= 0x1p64);
  }
  if (is_root(v)) return true;
  if (!LLVMIsAInstruction(v) || depth == 0) return false;
  switch (LLVMGetInstructionOpcode(v)) {
  case LLVMSIToFP:
  case LLVMUIToFP:
  case LLVMFPExt:
    return true;
  case LLVMFAdd: { /* a root and a little more */
    LLVMValueRef a = unsplat(LLVMGetOperand(v, 0)), b = unsplat(LLVMGetOperand(v, 1));
    if (LLVMIsAConstantFP(a)) a = b, b = unsplat(LLVMGetOperand(v, 0));
    return is_root(a) && LLVMIsAConstantFP(b) && LLVMConstRealGetDouble(b, &loses) >= 0 && tame(b, depth - 1);
  }
  default:
    return false;
  }
}

enum { KEY_INVERSE = 926, KEY_SCALE = 927 };

/* 2^(63 - e / 2) (f64: 511) with e the exponent of b as it is stored: b times it is some way between b and 1. */
static struct val halfway(struct fn *f, struct val b) {
  struct val r;
  if (cache_get(f, KEY_SCALE, b.v, NULL, NULL, &r)) return r;
  bool wide = b.type == DT_f64;
  LLVMTypeRef one = wide ? f->m->i64 : f->m->i32, t = b.lanes ? LLVMVectorType(one, b.lanes) : one;
  LLVMValueRef mask = splat_const(LLVMConstInt(one, wide ? 0x3ff0000000000000u : 0x3f800000u, 0), b.lanes),
               from = splat_const(LLVMConstInt(one, wide ? (uint64_t)1534 << 52 : 190u << 23, 0), b.lanes);
  unsigned level = place_level(f, b.level);
  place_at(f, level);
  LLVMValueRef half =
      LLVMBuildLShr(f->b, LLVMBuildBitCast(f->b, b.v, t, ""), splat_const(LLVMConstInt(one, 1, 0), b.lanes), "");
  LLVMValueRef bits = LLVMBuildSub(f->b, from, LLVMBuildAnd(f->b, half, mask, ""), "");
  r = mkval(LLVMBuildBitCast(f->b, bits, LLVMTypeOf(b.v), ""), level, b.type, b.lanes);
  place_back(f);
  f->m->nop += 3;
  cache_put(f, KEY_SCALE, b.v, NULL, NULL, r);
  return r;
}

/* 1 / b, which is no subnormal and has a reciprocal that is none. */
static struct val inverted(struct fn *f, struct val b) {
  struct val r;
  if (b.type != DT_f32 || b.lanes < 4 || !f->m->isa.avx512)
    return vbin(f, LLVMFDiv, real(&b, reg_type(f->m, b.type), 1), b, false);
  if (cache_get(f, KEY_INVERSE, b.v, NULL, NULL, &r)) return r;
  unsigned level = place_level(f, b.level);
  place_at(f, level);
  struct vm v = {.m = f->m, .b = f->b, .n = b.lanes};
  r = mkval(vm_inverse32(f, &v, b.v), level, b.type, b.lanes);
  place_back(f);
  f->m->nop += 4;
  cache_put(f, KEY_INVERSE, b.v, NULL, NULL, r);
  return r;
}

struct val emit_quotient(struct fn *f, struct val a, struct val b) {
  unsigned most = a.level > b.level ? a.level : b.level;
  bool wide = b.type == DT_f64, same = f->shares_divisor || place_level(f, b.level) < place_level(f, most);
  if (!f->reassoc || f->exact || f->simt || f->subscript || !same || (!wide && b.type != DT_f32))
    return vbin(f, LLVMFDiv, a, b, false);
  LLVMTypeRef t = reg_type(f->m, b.type);
  struct val one = real(&b, t, 1);
  if (tame(b.v, 2)) return vbin(f, LLVMFMul, a, vbin(f, LLVMFDiv, one, b, false), true);
  struct val scale = halfway(f, b);
  struct val inverse = inverted(f, vbin(f, LLVMFMul, b, scale, false));
  return vbin(f, LLVMFMul, vbin(f, LLVMFMul, a, scale, false), inverse, true);
}
