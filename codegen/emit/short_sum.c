/* Sums of short integers along the lanes (ir/short_sum.h). The lanes of such an accumulator are folded in the end, so a
   term may go to any of them: what one instruction adds up of a vector of terms goes to the first quarter or half of
   the lanes, and the others stay 0. (They are registers of their own, which LLVM finds to be constant.) This is so for
   objects that nothing but these sums, and whole folds, ever touches. */
#include "ir/short_sum.h"
#include "codegen/emit/build.h"

enum { MOST = 3 }; /* vectors of 16, 32 and 64 bytes */

/* 0 to 2: vectors of 16 to 64 bytes that this machine adds up; -1: none of so many bytes. */
static int form(const struct fn *f, unsigned bytes) {
  for (int i = 0; i < MOST; i++)
    if (bytes == 16u << i) return i <= f->m->isa.madd && (i < 2 || f->m->isa.avx512) ? i : -1;
  return -1;
}

static bool possible(const struct fn *f, const struct short_sum *s, unsigned lanes) {
  bool products = s->kind == SHORT_signed || s->kind == SHORT_mixed;
  return form(f, lanes * s->bytes) >= 0 && (!products || f->m->isa.vnni);
}

/* --- objects --- */

struct use {
  const struct fn *f;
  unsigned object;
  const struct lstmt *loop; /* the vector loop that is open */
  bool sums, no;
};

static bool is_whole(const struct lstmt *l) {
  int64_t n, lo = 0;
  poly_t first = l->nlo == 1 ? l->lo[0] : NULL;
  if (!first || l->nhi != 1 || !poly_is_const(l->hi[0], &n) || !poly_is_const(first, &lo)) return false;
  return n - lo == INT64_C(1) << l->lanes_log2;
}

/* x[..., lane], all lanes of the object. */
static bool along(const struct use *u, const struct access *acc) {
  const struct object *o = &u->f->f->object[u->object];
  int64_t n;
  sym_t s;
  if (!u->loop || acc->nguard || !acc->rank) return false;
  for (unsigned d = 0; d < acc->rank; d++)
    if (acc->ix[d].dyn || (d + 1u < acc->rank && poly_has(acc->ix[d].poly, u->loop->sym))) return false;
  return poly_is_sym(acc->ix[acc->rank - 1].poly, &s) && s == u->loop->sym &&
         poly_is_const(o->extent[o->rank - 1], &n) && n == INT64_C(1) << u->loop->lanes_log2;
}

static bool is_read(const struct use *u, expr_t x) {
  return x->kind == E_READ && x->acc->tensor == u->object && along(u, x->acc);
}

static bool is_zero(expr_t x) {
  return x->kind == E_CONST && type_is_int((enum dtype)x->type) && x->val.i == 0;
}

/* To its own element, or to one that is the same in all lanes: the fold. */
static bool store_fits(struct use *u, const struct lstmt *s) {
  struct short_sum t;
  bool own = s->acc->tensor == u->object, folds = s->red == RED_sum && is_read(u, s->value) && is_whole(u->loop);
  if (!own) {
    for (unsigned d = 0; d < s->acc->rank; d++)
      if (s->acc->ix[d].dyn || poly_has(s->acc->ix[d].poly, u->loop->sym)) return false;
    return folds && !s->acc->nguard;
  }
  if (!along(u, s->acc)) return false;
  if (folds || (s->red == RED_none && is_zero(s->value) && is_whole(u->loop))) return true;
  bool sum = s->red == RED_sum && s->value->type == u->f->f->object[u->object].type && short_sum_of(s->value, &t) &&
             possible(u->f, &t, 1u << u->loop->lanes_log2) && !expr_reads(s->value, u->object);
  u->sums |= sum;
  return sum;
}

static void find_read(expr_t x, void *ctx) {
  struct use *u = ctx;
  u->no |= x->kind == E_READ && x->acc->tensor == u->object;
}

static void walk(struct use *u, const struct lstmt *s) {
  const struct lstmt *loop = u->loop;
  struct use own = {.f = u->f, .object = u->object};
  loop_exprs(s, find_read, &own);
  if (s->kind == L_STORE && (own.no || s->acc->tensor == u->object))
    u->no |= !store_fits(u, s);
  else
    u->no |= own.no;
  if (s->kind == L_FOR && s->fkind == F_VECTOR) u->loop = s;
  for (uint32_t i = 0; i < s->nbody && !u->no; i++)
    if (s->body[i]) walk(u, s->body[i]);
  u->loop = loop;
}

bool reg_sums_short(const struct fn *f, unsigned object, const struct lstmt *body) {
  struct use u = {.f = f, .object = object};
  enum dtype t = f->f->object[object].type;
  if (f->simt || !type_is_int(t) || type_size(t) < 4 || !f->f->object[object].rank) return false;
  walk(&u, body);
  return u.sums && !u.no;
}

/* --- one term --- */

static LLVMValueRef call_as(struct fn *f, const char *name, LLVMValueRef *arg, unsigned n) {
  LLVMTypeRef type, want[3];
  LLVMValueRef fn = intrinsic(f->m, name, NULL, 0, &type);
  LLVMGetParamTypes(type, want);
  for (unsigned i = 0; i < n; i++)
    if (LLVMTypeOf(arg[i]) != want[i]) arg[i] = LLVMBuildBitCast(f->b, arg[i], want[i], "");
  return LLVMBuildCall2(f->b, type, fn, arg, n, "");
}

static LLVMValueRef each(LLVMTypeRef t, uint64_t v, unsigned n) {
  return splat_const(LLVMConstInt(t, v, 0), n);
}

/* As lanes of type t, 0 where a lane is off. */
static LLVMValueRef lanes_of(struct fn *f, expr_t e, enum dtype t, bool cut) {
  struct val v = convert(f, t, vsplat(f, emit_expr(f, e)));
  if (cut && f->mask.v) v = vselect(f, f->mask, v, mkval(LLVMConstNull(LLVMTypeOf(v.v)), 0, t, v.lanes));
  return v.v;
}

/* The sum with the terms of all lanes added, in its first `n` lanes. */
static LLVMValueRef add_distances(struct fn *f, LLVMValueRef sum, LLVMValueRef a, LLVMValueRef b, int i) {
  static const char *const name[MOST] = {"llvm.x86.sse2.psad.bw", "llvm.x86.avx2.psad.bw",
                                         "llvm.x86.avx512.psad.bw.512"};
  LLVMValueRef d = call_as(f, name[i], (LLVMValueRef[]){a, b}, 2);
  return LLVMBuildAdd(f->b, sum, LLVMBuildBitCast(f->b, d, LLVMTypeOf(sum), ""), "");
}

static LLVMValueRef add_bytes(struct fn *f, LLVMValueRef sum, LLVMValueRef a, LLVMValueRef b, int i) {
  static const char *const name[MOST] = {"llvm.x86.avx512.vpdpbusd.128", "llvm.x86.avx512.vpdpbusd.256",
                                         "llvm.x86.avx512.vpdpbusd.512"};
  return call_as(f, name[i], (LLVMValueRef[]){sum, a, b}, 3);
}

static LLVMValueRef add_halves(struct fn *f, LLVMValueRef sum, LLVMValueRef a, LLVMValueRef b, int i) {
  static const char *const two[MOST] = {"llvm.x86.sse2.pmadd.wd", "llvm.x86.avx2.pmadd.wd",
                                        "llvm.x86.avx512.pmaddw.d.512"};
  static const char *const one[MOST] = {"llvm.x86.avx512.vpdpwssd.128", "llvm.x86.avx512.vpdpwssd.256",
                                        "llvm.x86.avx512.vpdpwssd.512"};
  if (f->m->isa.vnni) return call_as(f, one[i], (LLVMValueRef[]){sum, a, b}, 3);
  return LLVMBuildAdd(f->b, sum, call_as(f, two[i], (LLVMValueRef[]){a, b}, 2), "");
}

static LLVMValueRef add_term(struct fn *f, LLVMValueRef sum, const struct short_sum *s) {
  unsigned n = f->lanes;
  int i = form(f, n * s->bytes);
  switch (s->kind) {
  case SHORT_distance: {
    LLVMValueRef a = lanes_of(f, s->a, DT_u8, true);
    return add_distances(f, sum, a, lanes_of(f, s->b, DT_u8, true), i);
  }
  case SHORT_byte:
    return add_distances(f, sum, lanes_of(f, s->a, DT_u8, true), each(f->m->i8, 0, n), i);
  case SHORT_signed:
    return add_bytes(f, sum, each(f->m->i8, 1, n), lanes_of(f, s->a, DT_i8, true), i);
  case SHORT_mixed: {
    LLVMValueRef a = lanes_of(f, s->a, DT_u8, true);
    return add_bytes(f, sum, a, lanes_of(f, s->b, DT_i8, false), i);
  }
  default: {
    LLVMValueRef a = lanes_of(f, s->a, DT_i16, true);
    return add_halves(f, sum, a, s->b ? lanes_of(f, s->b, DT_i16, false) : each(f->m->i16, 1, n), i);
  }
  }
}

/* Lanes from..from + n of v (poison beyond its end). */
static LLVMValueRef resized(struct fn *f, LLVMValueRef v, unsigned n) {
  LLVMValueRef k[LANE_LIMIT];
  unsigned have = LLVMGetVectorSize(LLVMTypeOf(v));
  for (unsigned i = 0; i < n; i++) k[i] = i < have ? LLVMConstInt(f->m->i32, i, 0) : LLVMGetUndef(f->m->i32);
  return LLVMBuildShuffleVector(f->b, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(k, n), "");
}

/* The first of `all` replaced by part. */
static LLVMValueRef joined(struct fn *f, LLVMValueRef all, LLVMValueRef part, unsigned n) {
  LLVMValueRef k[LANE_LIMIT];
  for (unsigned i = 0; i < f->lanes; i++) k[i] = LLVMConstInt(f->m->i32, i < n ? f->lanes + i : i, 0);
  return LLVMBuildShuffleVector(f->b, all, resized(f, part, f->lanes), LLVMConstVector(k, f->lanes), "");
}

struct val short_sum_add(struct fn *f, struct val sum, expr_t term) {
  struct short_sum s;
  if (!short_sum_of(term, &s)) {
    emit_fail(f->m, "internal: a sum of other terms");
    return sum;
  }
  unsigned n = f->lanes * s.bytes / (unsigned)type_size((enum dtype)sum.type);
  if ((f->m->nop += 2) > OP_LIMIT) emit_fail(f->m, "the unrolled code is too large");
  LLVMValueRef part = add_term(f, resized(f, sum.v, n), &s);
  return mkval(joined(f, sum.v, part, n), cur_level(f), sum.type, sum.lanes);
}
