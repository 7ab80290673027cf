/* Narrow elements that lie a few apart, on lanes of which only the first ones are on (the ends of rows of an image that
   is halved): no machine gathers bytes, and LLVM would load them lane by lane under a branch each. Here as many vectors
   as the lanes step over are loaded as they lie, up to the last element that a lane wants, and the lanes' elements are
   picked by shuffles. What all lanes read is weave.c's. */
#include "codegen/emit/build.h"

enum { APART = 8, NARROW = 2, KEY_PREFIX = 907 };

/* Are elements first .. first + lanes - 1 at or before the last lane's, `apart` elements a lane? (No lane: none is.) */
static LLVMValueRef wanted(struct fn *f, int64_t apart, unsigned first) {
  struct module *m = f->m;
  LLVMValueRef id[LANE_LIMIT];
  for (unsigned i = 0; i < f->lanes; i++) id[i] = LLVMConstInt(m->i32, first + i, 0);
  LLVMValueRef last = LLVMBuildSub(f->b, f->active.v, LLVMConstInt(m->i64, 1, 0), "");
  last = LLVMBuildMul(f->b, last, LLVMConstInt(m->i64, (uint64_t)apart, 0), "");
  struct val most = {.v = LLVMBuildTrunc(f->b, last, m->i32, "")};
  LLVMValueRef zero = LLVMConstInt(m->i32, 0, 0), any = LLVMGetPoison(LLVMVectorType(m->i32, f->lanes));
  LLVMValueRef all = LLVMBuildShuffleVector(f->b, LLVMBuildInsertElement(f->b, any, most.v, zero, ""), any,
                                            LLVMConstNull(LLVMVectorType(m->i32, f->lanes)), "");
  return LLVMBuildICmp(f->b, LLVMIntSLE, LLVMConstVector(id, f->lanes), all, "");
}

/* Elements 0, apart, 2 * apart … of the parts, one after the other. */
static LLVMValueRef every(struct fn *f, const LLVMValueRef *part, unsigned apart) {
  LLVMValueRef r = part[0];
  unsigned at[LANE_LIMIT], n = f->lanes;
  for (unsigned p = 0; p < apart; p++) {
    for (unsigned i = 0; i < n; i++) {
      unsigned e = i * apart;
      at[i] = e / n == p ? (p ? n : 0) + e % n : p ? i : 0;
    }
    r = vshuffle(f, r, part[p], at, n);
  }
  return r;
}

bool strided_prefix(struct fn *f, unsigned object, const struct spot *s, unsigned size, struct val *out) {
  int64_t apart;
  struct module *m = f->m;
  if (size > NARROW || s->many || !f->active.v || !m->isa.avx512 || f->simt || f->lanes > LANE_LIMIT) return false;
  if (!poly_is_const(s->stride, &apart) || apart < 2 || apart > APART || (unsigned)apart > f->lanes) return false;
  enum dtype t = f->f->object[object].type;
  const void *which = (const void *)(uintptr_t)(uint64_t)(s->disp * 16 + apart);
  if (cache_get(f, KEY_PREFIX, s->at.v, f->mask.v, which, out)) return true;
  unsigned least = s->at.level > f->active.level ? s->at.level : f->active.level,
           level = spot_load_level(f, object, least > f->mask.level ? least : f->mask.level);
  place_at(f, level);
  LLVMTypeRef type = vec_of(mem_type(m, t), f->lanes), over[2] = {type, m->ptr};
  LLVMValueRef part[APART] = {NULL};
  for (unsigned p = 0; p < (unsigned)apart; p++) {
    struct spot at = *s;
    at.disp += (int64_t)p * f->lanes * size;
    LLVMValueRef arg[3] = {spot_address(f, &at), wanted(f, apart, p * f->lanes), LLVMConstNull(type)};
    part[p] = call_intrinsic(m, f->b, "llvm.masked.load", over, 2, arg, 3);
    align_arg(m, part[p], 1, size);
  }
  *out = from_memory(f, t, every(f, part, (unsigned)apart), f->lanes, level);
  place_back(f);
  m->nop += 4 * (unsigned)apart;
  cache_put_load(f, KEY_PREFIX, s->at.v, f->mask.v, which, *out, object);
  return true;
}
