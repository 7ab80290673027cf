/* Lanes that a condition picks store side by side: `if c { obj[k] = e; k = k + 1 }` on lanes (loop_appends in
   ir/loop.h). The chosen lanes are moved together, so many elements are stored, and k moves by their number. All values
   are known before anything is stored. */
#include "codegen/emit/build.h"

enum { VECTOR_BYTES = 64 };

/* How many lanes are on, as a number of type t. */
static struct val lanes_on(struct fn *f, LLVMValueRef mask, unsigned lanes, enum dtype t) {
  LLVMTypeRef bits = LLVMIntTypeInContext(f->m->ctx, lanes),
              to = LLVMIntTypeInContext(f->m->ctx, 8 * (unsigned)type_size(t));
  LLVMValueRef n = LLVMBuildBitCast(f->b, mask, bits, "");
  n = call_intrinsic(f->m, f->b, "llvm.ctpop", &bits, 1, &n, 1);
  return mkval(LLVMBuildIntCast2(f->b, n, to, 0, ""), cur_level(f), t, 0);
}

static LLVMValueRef part(struct fn *f, LLVMValueRef v, unsigned first, unsigned n) {
  unsigned at[LANE_LIMIT];
  if (n == f->lanes) return v;
  for (unsigned i = 0; i < n; i++) at[i] = first + i;
  return vshuffle(f, v, LLVMGetPoison(LLVMTypeOf(v)), at, n);
}

/* The chosen lanes of v, side by side from s on: a register at a time (LLVM 22 takes more through memory, and wrongly).
 */
static void store_chosen(struct fn *f, const struct access *acc, LLVMValueRef v, struct val mask) {
  unsigned size = (unsigned)type_size((enum dtype)f->f->object[acc->tensor].type), all = f->lanes,
           n = all * size > VECTOR_BYTES ? VECTOR_BYTES / size : all;
  struct spot sp = spot_of(f, acc);
  if (f->m->fail) return;
  LLVMValueRef to = spot_address(f, &sp);
  for (unsigned i = 0; i < all; i += n) {
    LLVMValueRef x = part(f, v, i, n), arg[3] = {x, part(f, mask.v, i, n), LLVMGetPoison(LLVMTypeOf(x))};
    LLVMTypeRef t = LLVMTypeOf(x);
    x = call_intrinsic(f->m, f->b, "llvm.experimental.vector.compress", &t, 1, arg, 3);
    struct val on = lanes_on(f, arg[1], n, DT_i64);
    f->lanes = n;
    store_first(f, acc->tensor, to, x, first_lanes(f, on));
    f->lanes = all;
    to = LLVMBuildGEP2(f->b, LLVMGetElementType(t), to, &on.v, 1, "");
  }
}

void emit_append(struct fn *f, const struct lstmt *s, struct val mask) {
  struct val outer = f->mask, active = f->active;
  bool lazy = f->lazy;
  unsigned n = s->nbody - 1, counter = s->body[n]->id;
  LLVMValueRef *v = ARENA_NEW(f->m->arena, LLVMValueRef, n);
  f->mask = mask, f->active.v = NULL, f->lazy = true;
  for (unsigned i = 0; i < n; i++) {
    struct val e = vsplat(f, emit_expr(f, s->body[i]->value));
    v[i] = to_memory(f, convert(f, (enum dtype)f->f->object[s->body[i]->acc->tensor].type, e));
  }
  for (unsigned i = 0; i < n && !f->m->fail; i++) store_chosen(f, s->body[i]->acc, v[i], mask);
  struct val on = lanes_on(f, mask.v, f->lanes, (enum dtype)f->f->local[counter].type);
  f->local[counter] = vbin(f, LLVMAdd, f->local[counter], on, false);
  f->mask = outer, f->active = active, f->lazy = lazy;
}
