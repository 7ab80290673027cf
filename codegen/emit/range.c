/* Do the arrays of a call overlap where that matters? Each tensor's touched elements lie between two polynomials over
   dims, found by replacing axes by their ends, innermost first (both ends, so no sign need be known); at run time the
   least and greatest of the candidates give a range of bytes, cut to the array as it is declared. Empty axes only widen
   it. A subscript that is a value (i / 32, a table's byte) has the range of its arithmetic. What cannot be bounded (an
   int read from memory in an array of unknown size) is taken to overlap. */
#include "codegen/emit/build.h"
#include <string.h>

enum { CAND_LIMIT = 64 };
struct cands { /* candidates for both ends: element positions */
  unsigned n;
  poly_t p[CAND_LIMIT];
};
struct span { /* of one tensor, over all its accesses */
  bool used, written, unbounded;
  LLVMValueRef lo, hi; /* elements, inclusive; NULL: none yet */
};
struct ctx {
  struct module *m;
  LLVMBuilderRef b;
  const struct kernel *k;
  LLVMValueRef *dim;
  const LLVMValueRef *size; /* [ntensor] elements from the start; NULL: as declared */
  LLVMValueRef unsure;      /* i1: a divisor is not positive, so no range can be told; NULL: never */
  struct span *span;
  const struct eq *eq;
};

static bool put_cand(struct cands *c, poly_t p) {
  for (unsigned i = 0; i < c->n; i++)
    if (poly_eq(c->p[i], p)) return true;
  if (c->n == CAND_LIMIT || p->overflow) return false;
  c->p[c->n++] = p;
  return true;
}

/* Every candidate with axis s at its first and its last index. */
static bool both_ends(struct arena *a, struct cands *c, const struct axis *x) {
  struct cands r = {0};
  poly_t last = poly_addc(a, x->hi, -1);
  for (unsigned i = 0; i < c->n; i++) {
    if (!put_cand(&r, poly_subst(a, c->p[i], x->sym, x->lo))) return false;
    if (!put_cand(&r, poly_subst(a, c->p[i], x->sym, last))) return false;
  }
  *c = r;
  return true;
}

static bool only_dims(const struct ctx *x, poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (!x->dim[p->mono[i].sym[j]]) return false;
  return true;
}

static LLVMValueRef pick(LLVMBuilderRef b, LLVMIntPredicate p, LLVMValueRef a, LLVMValueRef c) {
  return a ? LLVMBuildSelect(b, LLVMBuildICmp(b, p, a, c, ""), a, c, "") : c;
}

struct ends {
  LLVMValueRef lo, hi;
};

/* Least and greatest value of p over the equation's axes. */
static bool poly_ends(struct ctx *x, poly_t p, struct ends *r) {
  struct arena *a = x->m->arena;
  struct cands c = {0};
  *r = (struct ends){0};
  if (!put_cand(&c, p)) return false;
  for (unsigned i = x->eq->nax; i-- > 0;)
    if (!both_ends(a, &c, &x->eq->axis[i])) return false;
  for (unsigned i = 0; i < c.n; i++) {
    if (!only_dims(x, c.p[i])) return false;
    LLVMValueRef v = plain_poly(x->m, x->b, c.p[i], x->dim);
    r->lo = pick(x->b, LLVMIntSLT, r->lo, v);
    r->hi = pick(x->b, LLVMIntSGT, r->hi, v);
  }
  return true;
}

static LLVMValueRef num(const struct ctx *x, int64_t v) {
  return LLVMConstInt(x->m->i64, (uint64_t)v, 1);
}

static struct ends both_of(const struct ctx *x, struct ends r, LLVMValueRef v) {
  return (struct ends){pick(x->b, LLVMIntSLT, r.lo, v), pick(x->b, LLVMIntSGT, r.hi, v)};
}

static struct ends product(const struct ctx *x, struct ends l, struct ends r) {
  struct ends p = {0};
  LLVMValueRef a[2] = {l.lo, l.hi}, c[2] = {r.lo, r.hi};
  for (unsigned i = 0; i < 4; i++) p = both_of(x, p, LLVMBuildMul(x->b, a[i / 2], c[i % 2], ""));
  return p;
}

/* The least and greatest value of a type narrower than 64 bits. */
static struct ends type_ends(const struct ctx *x, enum dtype t) {
  unsigned bits = t == DT_bool ? 1 : 8u * (unsigned)type_size(t);
  bool is_signed = type_is_signed(t);
  int64_t hi = (int64_t)(UINT64_MAX >> (64 - bits + is_signed));
  return (struct ends){num(x, is_signed ? -hi - 1 : 0), num(x, hi)};
}

/* A value of type t: where it may have wrapped, anything of that type. */
static struct ends fit(const struct ctx *x, struct ends r, enum dtype t) {
  if (type_size(t) == 8) return r;
  struct ends all = type_ends(x, t);
  LLVMValueRef wraps = LLVMBuildOr(x->b, LLVMBuildICmp(x->b, LLVMIntSLT, r.lo, all.lo, ""),
                                   LLVMBuildICmp(x->b, LLVMIntSGT, r.hi, all.hi, ""), "");
  return (struct ends){LLVMBuildSelect(x->b, wraps, all.lo, r.lo, ""), LLVMBuildSelect(x->b, wraps, all.hi, r.hi, "")};
}

static bool value_ends(struct ctx *x, expr_t e, struct ends *r);

/* By a positive constant or, checked here, a positive number: quotients are monotone. */
static bool quotient(struct ctx *x, expr_t e, struct ends l, struct ends by, struct ends *r) {
  LLVMValueRef one = num(x, 1), sure = LLVMBuildICmp(x->b, LLVMIntSGE, by.lo, one, "");
  LLVMValueRef d = LLVMBuildSelect(x->b, sure, by.lo, one, ""), top = LLVMBuildSub(x->b, by.hi, one, "");
  if (!LLVMIsConstant(sure))
    x->unsure =
        x->unsure ? LLVMBuildOr(x->b, x->unsure, LLVMBuildNot(x->b, sure, ""), "") : LLVMBuildNot(x->b, sure, "");
  else if (!LLVMConstIntGetZExtValue(sure))
    return false;
  LLVMValueRef neg = LLVMBuildICmp(x->b, LLVMIntSLT, l.lo, num(x, 0), "");
  if (e->op == OP_rem) {
    r->lo = LLVMBuildSelect(x->b, neg, LLVMBuildNeg(x->b, top, ""), num(x, 0), "");
    r->hi = top;
    return true;
  }
  *r = (struct ends){num(x, 0), num(x, 0)};
  *r = both_of(x, *r, LLVMBuildSDiv(x->b, l.lo, d, ""));
  *r = both_of(x, *r, LLVMBuildSDiv(x->b, l.hi, d, ""));
  return true;
}

static bool op_ends(struct ctx *x, expr_t e, struct ends *r) {
  struct ends l, m;
  unsigned first = e->op == OP_select;
  if (e->nkid < 2 || !value_ends(x, e->kid[first], &l) || !value_ends(x, e->kid[first + 1], &m)) return false;
  switch (e->op) {
  case OP_add:
    *r = (struct ends){LLVMBuildAdd(x->b, l.lo, m.lo, ""), LLVMBuildAdd(x->b, l.hi, m.hi, "")};
    return true;
  case OP_sub:
    *r = (struct ends){LLVMBuildSub(x->b, l.lo, m.hi, ""), LLVMBuildSub(x->b, l.hi, m.lo, "")};
    return true;
  case OP_mul:
    *r = product(x, l, m);
    return true;
  case OP_div:
  case OP_rem:
    return quotient(x, e, l, m, r);
  case OP_min:
    *r = (struct ends){pick(x->b, LLVMIntSLT, l.lo, m.lo), pick(x->b, LLVMIntSLT, l.hi, m.hi)};
    return true;
  case OP_max:
    *r = (struct ends){pick(x->b, LLVMIntSGT, l.lo, m.lo), pick(x->b, LLVMIntSGT, l.hi, m.hi)};
    return true;
  case OP_select:
    *r = (struct ends){pick(x->b, LLVMIntSLT, l.lo, m.lo), pick(x->b, LLVMIntSGT, l.hi, m.hi)};
    return true;
  default:
    return false;
  }
}

/* The range of an integer expression. */
static bool value_ends(struct ctx *x, expr_t e, struct ends *r) {
  enum dtype t = (enum dtype)e->type;
  bool narrow = type_is_int(t) && type_size(t) <= 2, known = false;
  if (!type_is_int(t) && t != DT_bool) return false;
  if (e->kind == E_CONST && t != DT_u64) {
    *r = (struct ends){num(x, e->val.i), num(x, e->val.i)};
    return true;
  }
  if (e->kind == E_POLY) return poly_ends(x, e->poly, r);
  if (e->kind == E_CAST) known = value_ends(x, e->kid[0], r);
  if (e->kind == E_OP && t != DT_u64) known = op_ends(x, e, r);
  if (known && (e->kind != E_CAST || t != DT_u64))
    *r = fit(x, *r, t);
  else if (narrow || t == DT_bool)
    *r = type_ends(x, t);
  else
    return false;
  return true;
}

/* Adds what the values among the subscripts add to the positions. */
static bool add_values(struct ctx *x, const struct tensor *t, const struct subscript *ix, unsigned rank,
                       struct ends *at) {
  for (unsigned d = 0; ix && d < rank; d++) {
    struct ends v, s;
    if (!ix[d].dyn) continue;
    if (!value_ends(x, ix[d].dyn, &v) || !poly_ends(x, tensor_stride(x->m->arena, t, d), &s)) return false;
    v = product(x, v, s);
    *at = (struct ends){LLVMBuildAdd(x->b, at->lo, v.lo, ""), LLVMBuildAdd(x->b, at->hi, v.hi, "")};
  }
  return true;
}

static void touch(struct ctx *x, unsigned tensor, const struct subscript *ix, const poly_t *plain, unsigned rank,
                  bool write) {
  struct arena *a = x->m->arena;
  struct span *s = &x->span[tensor];
  const struct tensor *t = &x->k->tensor[tensor];
  s->used = true;
  s->written |= write;
  poly_t at = poly_const(a, 0);
  for (unsigned d = 0; d < rank; d++) {
    poly_t i = ix ? ix[d].poly : plain[d];
    if (i) at = poly_add(a, at, poly_mul(a, i, tensor_stride(a, t, d)));
  }
  struct ends e;
  if (s->unbounded || !poly_ends(x, at, &e) || !add_values(x, t, ix, rank, &e)) {
    s->unbounded = true;
    return;
  }
  s->lo = pick(x->b, LLVMIntSLT, s->lo, e.lo);
  s->hi = pick(x->b, LLVMIntSGT, s->hi, e.hi);
}

static void touch_expr(expr_t e, void *ctx) {
  struct ctx *x = ctx;
  if (e->kind == E_READ) touch(x, e->acc->tensor, e->acc->ix, NULL, e->acc->rank, false);
}

static void touch_eq(struct ctx *x, const struct eq *e) {
  x->eq = e;
  touch(x, e->lhs, NULL, e->lhs_idx, x->k->tensor[e->lhs].rank, true);
  expr_t parts[3] = {e->body, e->init, e->start};
  for (unsigned i = 0; i < 3; i++)
    if (parts[i]) expr_visit(parts[i], touch_expr, x);
}

/* First and last element of an array as it is declared; a stride may be negative. False: nobody says how large it is.
 */
static bool declared(struct ctx *x, const struct tensor *t, LLVMValueRef *lo, LLVMValueRef *hi) {
  LLVMValueRef zero = LLVMConstInt(x->m->i64, 0, 0);
  *lo = *hi = zero;
  if (x->size) {
    *hi = LLVMBuildSub(x->b, x->size[t - x->k->tensor], LLVMConstInt(x->m->i64, 1, 0), "");
    return true;
  }
  for (unsigned d = 0; d < t->rank; d++) {
    if (!t->extent || !t->extent[d]) return false;
    poly_t reach = poly_mul(x->m->arena, poly_addc(x->m->arena, t->extent[d], -1), tensor_stride(x->m->arena, t, d));
    if (reach->overflow || !only_dims(x, reach)) return false;
    LLVMValueRef v = plain_poly(x->m, x->b, reach, x->dim);
    *lo = LLVMBuildAdd(x->b, *lo, pick(x->b, LLVMIntSLT, v, zero), "");
    *hi = LLVMBuildAdd(x->b, *hi, pick(x->b, LLVMIntSGT, v, zero), "");
  }
  return true;
}

/* What is read under a guard, or at an index from memory, still lies in its array: the range is cut to that. */
static void cut_to_declared(struct ctx *x, unsigned tensor) {
  struct span *s = &x->span[tensor];
  LLVMValueRef lo, hi;
  if (!declared(x, &x->k->tensor[tensor], &lo, &hi)) return;
  s->lo = s->unbounded ? lo : pick(x->b, LLVMIntSGT, s->lo, lo);
  s->hi = s->unbounded ? hi : pick(x->b, LLVMIntSLT, s->hi, hi);
  s->unbounded = false;
}

/* A kernel without equations: the declared arrays. */
static void touch_declared(struct ctx *x) {
  for (unsigned i = 0; i < x->k->ntensor; i++) {
    const struct tensor *t = &x->k->tensor[i];
    struct span *s = &x->span[i];
    s->used = true;
    s->written = t->role == ROLE_OUT || t->role == ROLE_INOUT;
    s->unbounded = true;
  }
}

static LLVMValueRef byte_at(struct ctx *x, unsigned tensor, LLVMValueRef *ptr, LLVMValueRef elem, unsigned plus) {
  const struct tensor *t = &x->k->tensor[tensor];
  LLVMValueRef base = LLVMBuildPtrToInt(x->b, ptr[t->param], x->m->i64, "");
  if (plus) elem = LLVMBuildAdd(x->b, elem, LLVMConstInt(x->m->i64, plus, 0), "");
  return LLVMBuildAdd(x->b, base, LLVMBuildMul(x->b, elem, LLVMConstInt(x->m->i64, type_size(t->type), 0), ""), "");
}

static LLVMValueRef pair(struct ctx *x, unsigned a, unsigned c, LLVMValueRef *ptr) {
  if (x->span[a].unbounded || x->span[c].unbounded) return LLVMConstInt(x->m->i1, 1, 0);
  LLVMValueRef alo = byte_at(x, a, ptr, x->span[a].lo, 0), ahi = byte_at(x, a, ptr, x->span[a].hi, 1);
  LLVMValueRef clo = byte_at(x, c, ptr, x->span[c].lo, 0), chi = byte_at(x, c, ptr, x->span[c].hi, 1);
  LLVMValueRef before = LLVMBuildICmp(x->b, LLVMIntULT, alo, chi, ""),
               after = LLVMBuildICmp(x->b, LLVMIntULT, clo, ahi, "");
  return LLVMBuildAnd(x->b, before, after, "");
}

static bool same_record(const struct kernel *k, unsigned a, unsigned c) {
  uint8_t r = k->param[k->tensor[a].param].record;
  return r && k->tensor[c].param != UINT16_MAX && k->param[k->tensor[c].param].record == r;
}

LLVMValueRef emit_overlap(struct module *m, LLVMBuilderRef b, const struct kernel *k, LLVMValueRef *dim,
                          LLVMValueRef *ptr, const LLVMValueRef *size) {
  struct ctx x = {
      .m = m, .b = b, .k = k, .dim = dim, .size = size, .span = ARENA_NEW(m->arena, struct span, k->ntensor + 1)};
  for (unsigned i = 0; i < k->neq; i++) touch_eq(&x, &k->eq[i]);
  if (!k->neq) touch_declared(&x);
  for (unsigned i = 0; i < k->ntensor; i++)
    if (x.span[i].used && k->tensor[i].role != ROLE_TEMP) cut_to_declared(&x, i);
  LLVMValueRef hit = x.unsure;
  for (unsigned i = 0; i < k->ntensor; i++) {
    if (!x.span[i].written || k->tensor[i].role == ROLE_TEMP) continue;
    for (unsigned j = 0; j < k->ntensor; j++) {
      if (j == i || same_record(k, i, j) || !x.span[j].used || k->tensor[j].role == ROLE_TEMP ||
          (x.span[j].written && j < i))
        continue;
      LLVMValueRef p = pair(&x, i, j, ptr);
      hit = hit ? LLVMBuildOr(b, hit, p, "") : p;
    }
  }
  return hit;
}
