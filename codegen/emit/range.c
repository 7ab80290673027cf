/* Do the arrays of a call overlap where that matters? Each tensor's touched elements lie between two polynomials over
   dims, found by replacing axes by their ends, innermost first (both ends, so no sign need be known); at run time the
   least and greatest of the candidates give a range of bytes, cut to the array as it is declared. Empty axes only widen
   it. What cannot be bounded (an index read from memory in an array of unknown size) is taken to overlap. */
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

static void touch(struct ctx *x, unsigned tensor, const struct subscript *ix, const poly_t *plain, unsigned rank,
                  bool write) {
  struct arena *a = x->m->arena;
  struct span *s = &x->span[tensor];
  const struct tensor *t = &x->k->tensor[tensor];
  s->used = true;
  s->written |= write;
  poly_t at = poly_const(a, 0);
  for (unsigned d = 0; d < rank; d++) {
    if (ix && ix[d].dyn) s->unbounded = true;
    poly_t i = ix ? ix[d].poly : plain[d];
    if (i) at = poly_add(a, at, poly_mul(a, i, tensor_stride(a, t, d)));
  }
  struct cands c = {0};
  if (s->unbounded || !put_cand(&c, at)) {
    s->unbounded = true;
    return;
  }
  for (unsigned i = x->eq->nax; i-- > 0;)
    if (!both_ends(a, &c, &x->eq->axis[i])) s->unbounded = true;
  for (unsigned i = 0; i < c.n && !s->unbounded; i++) {
    if (!only_dims(x, c.p[i])) {
      s->unbounded = true;
      return;
    }
    LLVMValueRef v = plain_poly(x->m, x->b, c.p[i], x->dim);
    s->lo = pick(x->b, LLVMIntSLT, s->lo, v);
    s->hi = pick(x->b, LLVMIntSGT, s->hi, v);
  }
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

LLVMValueRef emit_overlap(struct module *m, LLVMBuilderRef b, const struct kernel *k, LLVMValueRef *dim,
                          LLVMValueRef *ptr) {
  struct ctx x = {.m = m, .b = b, .k = k, .dim = dim, .span = ARENA_NEW(m->arena, struct span, k->ntensor + 1)};
  for (unsigned i = 0; i < k->neq; i++) touch_eq(&x, &k->eq[i]);
  if (!k->neq) touch_declared(&x);
  for (unsigned i = 0; i < k->ntensor; i++)
    if (x.span[i].used && k->tensor[i].role != ROLE_TEMP) cut_to_declared(&x, i);
  LLVMValueRef hit = NULL;
  for (unsigned i = 0; i < k->ntensor; i++) {
    if (!x.span[i].written || k->tensor[i].role == ROLE_TEMP) continue;
    for (unsigned j = 0; j < k->ntensor; j++) {
      if (j == i || !x.span[j].used || k->tensor[j].role == ROLE_TEMP || (x.span[j].written && j < i)) continue;
      LLVMValueRef p = pair(&x, i, j, ptr);
      hit = hit ? LLVMBuildOr(b, hit, p, "") : p;
    }
  }
  return hit;
}
