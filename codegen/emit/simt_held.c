/* The first operand of a matrix instruction from registers: sums of one before, and what was made of them, lie there as
   the next one wants it: columns 2t and 2t + 1 of a group of 8 are the pair that thread t of four brings for these two
   elements of the sum. They are rounded to its type on the way. */
#include "codegen/emit/build.h"

enum { KEY_PAIR = 960, GROUP = 8 };

bool held_find(struct fn *f, const struct lstmt *s, const struct dot *d, struct held *out) {
  const struct access *a = d->a->acc;
  const struct slots *x = d->rounded && in_registers(f, a->tensor) ? f->reg[a->tensor] : NULL;
  unsigned named = 0;
  int64_t c;
  *out = (struct held){.acc = a, .type = (enum dtype)d->b->type};
  if (!x || a->nguard) return false;
  for (unsigned i = 0; i < a->rank; i++) {
    poly_t coef, rest;
    if (a->ix[i].dyn || !a->ix[i].poly) return false;
    if (!poly_has(a->ix[i].poly, s->sym)) continue;
    if (!poly_split(f->m->arena, fn_subst(f, a->ix[i].poly), s->sym, &coef, &rest) || !poly_is_const(coef, &c) ||
        c != 1 || !poly_is_const(rest, &out->first))
      return false;
    out->dim = i;
    named++;
  }
  const struct regdigits *r = &x->own[out->dim];
  return named == 1 && r->n == 1 && r->x[0].step == 2 && r->x[0].wide == 4 && r->x[0].at == 0;
}

static LLVMValueRef pair(struct fn *f, enum dtype t, struct val low, struct val high) {
  struct val r;
  if (cache_get(f, KEY_PAIR + t, low.v, high.v, NULL, &r)) return r.v;
  LLVMValueRef arg[2] = {high.v, low.v};
  LLVMValueRef v =
      call_intrinsic(f->m, f->b, t == DT_bf16 ? "llvm.nvvm.ff2bf16x2.rn" : "llvm.nvvm.ff2f16x2.rn", NULL, 0, arg, 2);
  v = LLVMBuildBitCast(f->b, v, f->m->i32, "");
  cache_put(f, KEY_PAIR + t, low.v, high.v, NULL, mkval(v, cur_level(f), DT_u32, 0));
  return v;
}

/* What the next iteration takes: half as many registers as the factor. */
void held_save(struct fn *f, const struct held *h) {
  unsigned n;
  struct val *slot = reg_slots(f, h->acc->tensor, &n);
  struct simt *s = f->simt;
  if (!s->held_cell) s->held_cell = ARENA_NEW(f->m->arena, LLVMValueRef, n / 2 + 1);
  for (unsigned i = 0; i + 1 < n; i += 2) {
    if (!s->held_cell[i / 2]) s->held_cell[i / 2] = simt_cell(f);
    LLVMBuildStore(f->b, pair(f, h->type, slot[i], slot[i + 1]), s->held_cell[i / 2]);
  }
}

static LLVMValueRef saved(struct fn *f, const struct held *h, const struct val *low) {
  unsigned n;
  struct val *slot = reg_slots(f, h->acc->tensor, &n);
  return LLVMBuildLoad2(f->b, f->m->i32, f->simt->held_cell[(low - slot) / 2], "");
}

/* Registers 0 to 3: rows 0-7 and 8-15 of the first 8 elements of the sum, then of the next 8. */
bool held_fragment(struct fn *f, const struct held *h, sym_t again, int64_t row, int64_t at, LLVMValueRef *out) {
  poly_t was = f->env[again];
  bool ok = true;
  for (unsigned i = 0; i < 4 && ok; i++) {
    int64_t k = h->first + at + GROUP * (i >> 1);
    f->env[again] = poly_const(f->m->arena, row + (i & 1));
    struct val *low = reg_slot_at(f, h->acc, h->dim, k), *high = reg_slot_at(f, h->acc, h->dim, k + 1);
    ok = low && high;
    if (ok) out[i] = f->simt->held_now ? saved(f, h, low) : pair(f, h->type, *low, *high);
  }
  f->env[again] = was;
  return ok;
}
