/* Elements that neighbouring lanes share: x[i / 4], scales of groups, chroma of half the width, bits of a byte. Where a
   vector starts at a multiple of the divisor, i % 4 is the same constant vector each time, i / 4 is one number and a
   constant vector, and what is read there lies together: a short vector whose elements are repeated, instead of a
   gather. All lanes share one where the divisor has no fewer. Divisors that are no powers of two stay as they are. */
#include "codegen/emit/build.h"

struct shared {
  unsigned bits; /* the divisor is 1 << bits */
  unsigned by;   /* lanes that share an element */
  poly_t base;   /* the index at lane 0, a multiple of `by` that is not negative */
};

static expr_t without_casts(expr_t e) {
  while (e->kind == E_CAST && type_is_int((enum dtype)e->type) && type_size((enum dtype)e->type) >= 4) e = e->kid[0];
  return e;
}

/* e is (the lane's index) / c, c or the shift by it. */
static bool shared_index(struct fn *f, expr_t e, struct shared *s) {
  poly_t coef;
  int64_t step, c = e->kind == E_OP && e->nkid == 2 && e->kid[1]->kind == E_CONST ? e->kid[1]->val.i : 0;
  expr_t i = c ? without_casts(e->kid[0]) : e;
  if (c < 1 || i->kind != E_POLY || f->lane == SYM_NONE || f->simt) return false;
  if (e->op == OP_shr) c = c < 31 ? (int64_t)1 << c : 0;
  if (c < 2 || (c & (c - 1)) || c > INT32_MAX) return false;
  poly_t p = fn_subst(f, i->poly);
  if (!poly_split(f->m->arena, p, f->lane, &coef, &s->base) || !poly_is_const(coef, &step) || step != 1) return false;
  s->by = c < f->lanes ? (unsigned)c : f->lanes;
  s->bits = (unsigned)__builtin_ctzll((uint64_t)c);
  return poly_divisor(f, s->base) % s->by == 0 && provably_ge0(f, s->base);
}

static struct val lane_numbers(struct fn *f, enum dtype t, unsigned by, bool rest) {
  LLVMValueRef k[LANE_LIMIT];
  LLVMTypeRef type = reg_type(f->m, t);
  for (unsigned i = 0; i < f->lanes; i++) k[i] = LLVMConstInt(type, rest ? i % by : i / by, 0);
  return mkval(LLVMConstVector(k, f->lanes), 0, t, f->lanes);
}

/* The quotient at lane 0, in 64 bits. */
static struct val first_of(struct fn *f, const struct shared *s) {
  return vbin(f, LLVMAShr, fn_poly(f, s->base), vi64(f, s->bits), false);
}

bool share_operation(struct fn *f, expr_t e, struct val *out) {
  struct shared s;
  enum dtype t = (enum dtype)e->type;
  if (f->subscript || (e->op != OP_div && e->op != OP_rem && e->op != OP_shr) || type_size(t) < 4 || !type_is_int(t) ||
      !shared_index(f, e, &s))
    return false;
  bool rest = e->op == OP_rem;
  struct val first = first_of(f, &s);
  if (rest) first = vbin(f, LLVMAnd, fn_poly(f, s.base), vi64(f, ((int64_t)1 << s.bits) - 1), false);
  *out = lane_numbers(f, t, s.by, rest);
  if (!rest || s.by >> s.bits == 0) *out = vbin(f, LLVMAdd, vsplat(f, convert(f, t, first)), *out, false);
  return true;
}

/* A sum of one such quotient and of what all lanes agree about; `rest` collects that. */
static bool shared_sum(struct fn *f, expr_t e, int depth, struct shared *s, poly_t *rest) {
  struct arena *a = f->m->arena;
  e = without_casts(e);
  if (depth > 0 && e->kind == E_OP && e->op == OP_add)
    return shared_sum(f, e->kid[0], depth - 1, s, rest) && shared_sum(f, e->kid[1], depth - 1, s, rest);
  struct shared x;
  if (e->kind == E_OP && (e->op == OP_div || e->op == OP_shr) && shared_index(f, e, &x)) {
    if (s->by) return false;
    *s = x;
    return true;
  }
  if (lane_dependent(f, e)) return false;
  *rest = poly_add(a, *rest, poly_sym(a, fresh_sym(f, convert(f, DT_i64, emit_expr(f, e)))));
  return true;
}

/* The access of lane 0; false: it is none of these. */
static bool shared_access(struct fn *f, const struct access *acc, struct shared *s, struct access **first) {
  struct arena *a = f->m->arena;
  int64_t unit;
  unsigned d = 0, n = 0;
  for (unsigned i = 0; i < acc->rank; i++) {
    if (acc->ix[i].poly && poly_has(fn_subst(f, acc->ix[i].poly), f->lane)) return false;
    if (acc->ix[i].dyn && lane_dependent(f, acc->ix[i].dyn)) d = i, n++;
  }
  const struct object *o = &f->f->object[acc->tensor];
  if (n != 1 || !poly_is_const(fn_subst(f, object_stride(f, o, d)), &unit) || unit != 1) return false;
  poly_t rest = poly_const(a, 0);
  s->by = 0;
  if (!shared_sum(f, acc->ix[d].dyn, 4, s, &rest) || !s->by) return false;
  *first = arena_dup(a, acc, sizeof *acc);
  (*first)->ix = arena_dup(a, acc->ix, sizeof *acc->ix * acc->rank);
  rest = poly_add(a, rest, poly_sym(a, fresh_sym(f, first_of(f, s))));
  (*first)->ix[d] = (struct subscript){acc->ix[d].poly ? poly_add(a, acc->ix[d].poly, rest) : rest, NULL};
  return true;
}

/* The elements of the lanes that are on, each once. */
static struct val load_each(struct fn *f, unsigned object, const struct spot *at, unsigned by) {
  unsigned n = f->lanes / by;
  if (!f->mask.v) return load_plain(f, object, at, n > 1 ? n : 0);
  if (n == 1) return load_plain(f, object, at, 0); /* at least one lane is on */
  struct val some = vbin(f, LLVMAdd, f->active, vi64(f, by - 1), false);
  some = vbin(f, LLVMAShr, some, vi64(f, (unsigned)__builtin_ctz(by)), false);
  unsigned lanes = f->lanes;
  f->lanes = n;
  struct val r = load_upto(f, object, at, first_lanes(f, some));
  f->lanes = lanes;
  return r;
}

bool share_read(struct fn *f, const struct access *acc, struct val *out) {
  struct shared s;
  struct access *first;
  unsigned at[LANE_LIMIT];
  if (f->simt || f->subscript || f->lane == SYM_NONE || f->lazy || f->varying_if || (f->mask.v && !f->active.v))
    return false;
  if (!shared_access(f, acc, &s, &first)) return false;
  struct spot spot = spot_of(f, first);
  if (f->m->fail || spot.many) return false;
  struct val v = load_each(f, acc->tensor, &spot, s.by);
  if (!v.lanes) {
    *out = vsplat(f, v);
    return true;
  }
  for (unsigned i = 0; i < f->lanes; i++) at[i] = i / s.by;
  unsigned level = place_level(f, v.level);
  place_at(f, level);
  *out = mkval(vshuffle(f, v.v, v.v, at, f->lanes), level, v.type, f->lanes);
  place_back(f);
  return true;
}
