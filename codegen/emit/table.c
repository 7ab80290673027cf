/* Local arrays that are filled with constants where they begin and never change: `static const` tables of C. They lie
   in the object's constants: nothing is filled, or allocated, at each call. */
#include "codegen/emit/build.h"
#include <llvm-c/Core.h>

enum { MOST_BYTES = 1 << 20, MOST_RANK = 8 };

struct table {
  const struct object *o;
  unsigned id;
  int64_t extent[MOST_RANK];
  size_t bytes;
  bool filled;
  char *data;
};

static bool find_size(struct fn *f, struct table *t) {
  size_t n = type_size((enum dtype)t->o->type);
  if (t->o->stride || t->o->rank > MOST_RANK) return false;
  for (unsigned d = 0; d < t->o->rank; d++) {
    if (!poly_is_const(fn_subst(f, t->o->extent[d]), &t->extent[d]) || t->extent[d] <= 0) return false;
    if (t->extent[d] > MOST_BYTES || (n *= (size_t)t->extent[d]) > MOST_BYTES) return false;
  }
  t->bytes = n;
  return true;
}

/* A constant stored to a constant place; false: it is something else. */
static bool fills_one(struct table *t, const struct lstmt *s) {
  if (s->kind != L_STORE || s->acc->tensor != t->id || s->red != RED_none || s->value->kind != E_CONST) return false;
  if (s->acc->nguard || s->value->type != t->o->type) return false;
  int64_t at = 0, i;
  for (unsigned d = 0; d < t->o->rank; d++) {
    if (s->acc->ix[d].dyn || !poly_is_const(s->acc->ix[d].poly, &i) || i < 0 || i >= t->extent[d]) return false;
    at = at * t->extent[d] + i;
  }
  size_t size = type_size((enum dtype)t->o->type);
  type_store((enum dtype)t->o->type, t->data + (size_t)at * size, s->value->val);
  return true;
}

static const struct lstmt *only(const struct lstmt *s) {
  while (s->kind == L_BLOCK && s->nbody == 1 && s->body[0]) s = s->body[0];
  return s;
}

/* Loops that set all to 0 (the memory is 0 as it is); only in front of all others. */
static bool fills_zero(const struct table *t, const struct lstmt *s) {
  unsigned d = 0;
  int64_t lo, hi;
  sym_t sym[MOST_RANK];
  for (; s->kind == L_FOR && d < t->o->rank; s = only(s->body[0])) {
    if (s->nlo != 1 || s->nhi != 1 || s->step != 1 || !poly_is_const(s->lo[0], &lo) || !poly_is_const(s->hi[0], &hi))
      return false;
    if (lo != 0 || hi != t->extent[d]) return false;
    sym[d++] = s->sym;
  }
  if (d != t->o->rank || s->kind != L_STORE || s->acc->tensor != t->id || s->red != RED_none) return false;
  for (unsigned i = 0; i < d; i++) {
    const struct subscript *ix = &s->acc->ix[i];
    if (ix->dyn || ix->poly->n != 1 || ix->poly->mono[0].coef != 1 || ix->poly->mono[0].n != 1 ||
        ix->poly->mono[0].sym[0] != sym[i])
      return false;
  }
  union value zero = {0};
  return s->value->kind == E_CONST && type_value_eq((enum dtype)t->o->type, s->value->val, zero);
}

/* A statement that does nothing else (a part whose loop sets all to 0 is one). */
static bool fills(struct table *t, const struct lstmt *s) {
  if (s->kind != L_BLOCK && s->kind != L_PART) {
    bool ok = t->filled ? fills_one(t, s) : fills_zero(t, s) || fills_one(t, s);
    t->filled |= ok;
    return ok;
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (!s->body[i] || !fills(t, s->body[i])) return false;
  return s->nbody > 0;
}

static bool stores(const struct lstmt *s, unsigned id) {
  if (s->kind == L_STORE && s->acc->tensor == id) return true;
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i] && stores(s->body[i], id)) return true;
  return false;
}

bool emit_table(struct fn *f, const struct lstmt *s) {
  const struct lstmt *body = s->body[0];
  struct table t = {.o = &f->f->object[s->id], .id = s->id};
  if (f->simt || body->kind != L_BLOCK || !find_size(f, &t)) return false;
  t.data = ARENA_NEW(f->m->arena, char, t.bytes);
  uint32_t n = 0;
  while (n < body->nbody && body->body[n] && fills(&t, body->body[n])) n++;
  if (!n) return false;
  for (uint32_t i = n; i < body->nbody; i++)
    if (stores(body->body[i], s->id)) return false;
  LLVMValueRef init = LLVMConstStringInContext2(f->m->ctx, t.data, t.bytes, 1);
  LLVMValueRef g = LLVMAddGlobal(f->m->mod, LLVMTypeOf(init), "hone.table");
  LLVMSetLinkage(g, LLVMPrivateLinkage);
  LLVMSetInitializer(g, init);
  LLVMSetGlobalConstant(g, 1);
  LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
  LLVMSetAlignment(g, 64);
  struct val outer = f->base[s->id];
  f->base[s->id] = mkval(g, 0, DT_u64, 0);
  for (; n < body->nbody; n++) emit_stmt(f, body->body[n]);
  f->base[s->id] = outer;
  return true;
}
