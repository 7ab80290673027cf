/* Tables of floats that are looked up by lanes: a permutation of one register (16 entries) or of two (32). A scalar
   takes the same numbers from memory. AVX-512 only. */
#include "codegen/emit/vm.h"

enum { LANES = 16 };

static V part_const(struct vm *v, const struct vm_table *t, unsigned row, unsigned part) {
  V c[LANES];
  const float *from = t->c + (size_t)row * t->entries + part * LANES;
  for (unsigned i = 0; i < LANES; i++) c[i] = LLVMConstReal(v->m->f32, (double)from[i]);
  return LLVMConstVector(c, LANES);
}

static V table_global(struct vm *v, const struct vm_table *t) {
  V g = LLVMGetNamedGlobal(v->m->mod, t->name);
  if (g) return g;
  unsigned n = t->rows * t->entries;
  V *c = ARENA_NEW(v->m->arena, V, n);
  for (unsigned i = 0; i < n; i++) c[i] = LLVMConstReal(v->m->f32, (double)t->c[i]);
  V init = LLVMConstArray2(v->m->f32, c, n);
  g = LLVMAddGlobal(v->m->mod, LLVMTypeOf(init), t->name);
  LLVMSetInitializer(g, init);
  LLVMSetGlobalConstant(g, 1);
  LLVMSetLinkage(g, LLVMPrivateLinkage);
  return g;
}

static V pick(struct vm *v, V x, unsigned first, unsigned n) {
  V idx[LANE_LIMIT];
  unsigned have = LLVMGetVectorSize(LLVMTypeOf(x));
  for (unsigned i = 0; i < n; i++) idx[i] = LLVMConstInt(v->m->i32, (first + i) % have, 0);
  return LLVMBuildShuffleVector(v->b, x, LLVMGetPoison(LLVMTypeOf(x)), LLVMConstVector(idx, n), "");
}

static V scalar(struct vm *v, const struct vm_table *t, unsigned row, V i) {
  V at = LLVMBuildAdd(v->b, LLVMBuildAnd(v->b, i, I(v, t->entries - 1), ""), I(v, row * t->entries), "");
  at = LLVMBuildZExt(v->b, at, v->m->i64, "");
  return LLVMBuildLoad2(v->b, v->m->f32, LLVMBuildGEP2(v->b, v->m->f32, table_global(v, t), &at, 1, ""), "");
}

static V look_up(struct vm *v, const struct vm_table *t, unsigned row, V i, unsigned lanes) {
  if (lanes < LANES) return pick(v, look_up(v, t, row, pick(v, i, 0, LANES), LANES), 0, lanes);
  if (lanes == LANES && t->entries == LANES) {
    V arg[2] = {part_const(v, t, row, 0), i};
    return call_intrinsic(v->m, v->b, "llvm.x86.avx512.permvar.sf.512", NULL, 0, arg, 2);
  }
  if (lanes == LANES) {
    V arg[3] = {part_const(v, t, row, 0), i, part_const(v, t, row, 1)};
    return call_intrinsic(v->m, v->b, "llvm.x86.avx512.vpermi2var.ps.512", NULL, 0, arg, 3);
  }
  V half[2], idx[LANE_LIMIT];
  for (unsigned h = 0; h < 2; h++) half[h] = look_up(v, t, row, pick(v, i, h * lanes / 2, lanes / 2), lanes / 2);
  for (unsigned k = 0; k < lanes; k++) idx[k] = LLVMConstInt(v->m->i32, k, 0);
  return LLVMBuildShuffleVector(v->b, half[0], half[1], LLVMConstVector(idx, lanes), "");
}

V vm_look_up(struct vm *v, const struct vm_table *t, unsigned row, V i) {
  return v->n ? look_up(v, t, row, i, v->n) : scalar(v, t, row, i);
}
