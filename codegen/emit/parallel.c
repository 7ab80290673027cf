/* Parallel loops: the body becomes a function of its own, which the runtime (runtime/abi.h) calls with parts of the
   iterations. What it uses is handed over in an array; buffers that it allocates are its own. A parallel loop right
   inside another one whose iterations are the same each time shares them out with it: the runtime sees the product.
   Other nested parallel loops run serially, as the runtime would. */
#include "codegen/emit/build.h"
#include "runtime/abi.h"
#include <stdio.h>

/* Rough scalar operations of one run of s; unknown trip counts count as 16. */
static double work(const struct lstmt *s) {
  double w = 0, trips = 1;
  if (s->value) w += 1 + expr_cost(s->value);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) w += work(s->body[i]);
  if (s->kind == L_FOR) {
    int64_t lo, hi;
    trips = 16;
    if (s->nlo == 1 && poly_is_const(s->lo[0], &lo))
      for (unsigned i = 0; i < s->nhi; i++)
        if (poly_is_const(s->hi[i], &hi)) trips = hi > lo ? (double)((hi - lo - 1) / s->step + 1) : 1;
    if (s->fkind == F_VECTOR) trips = 1;
  }
  return w * trips;
}

static const double grain_work = 8000; /* scalar operations: a few microseconds */

static bool any_registers(const struct fn *f) {
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (f->reg[i]) return true;
  return false;
}

/* Everything that the body may use, handed over in an array of 8-byte cells. Both sides walk the same list. */
struct handover {
  struct fn *from, *to;
  LLVMValueRef array;
  unsigned n;
};

static void hand(struct handover *h, struct val *out, struct val *in) {
  if (!out->v) return;
  struct module *m = h->from->m;
  LLVMTypeRef t = LLVMTypeOf(out->v), cell = t == m->i1 ? m->i8 : t;
  LLVMValueRef at = LLVMConstInt(m->i64, 8u * h->n++, 0);
  if (h->to) {
    LLVMValueRef p = LLVMBuildGEP2(h->to->b, m->i8, LLVMGetParam(h->to->fn, 0), &at, 1, "");
    LLVMValueRef v = LLVMBuildLoad2(h->to->b, cell, p, "");
    if (t == m->i1) v = LLVMBuildTrunc(h->to->b, v, m->i1, "");
    *in = mkval(v, 0, out->type, 0);
  } else {
    LLVMValueRef p = LLVMBuildGEP2(h->from->b, m->i8, h->array, &at, 1, "");
    LLVMBuildStore(h->from->b, t == m->i1 ? LLVMBuildZExt(h->from->b, out->v, m->i8, "") : out->v, p);
  }
}

static void hand_all(struct handover *h) {
  struct fn *a = h->from, *b = h->to ? h->to : a;
  for (unsigned i = 0; i < a->nsym; i++) hand(h, &a->sym[i], &b->sym[i]);
  for (unsigned i = 0; i < a->f->k->nparam; i++) hand(h, &a->param[i], &b->param[i]);
  for (unsigned i = 0; i < a->f->nobject; i++) hand(h, &a->base[i], &b->base[i]);
  for (unsigned i = 0; i < a->f->nlocal; i++) hand(h, &a->local[i], &b->local[i]);
}

static void outline_init(struct fn *in, const struct fn *f) {
  struct module *m = f->m;
  LLVMTypeRef arg[3] = {m->ptr, m->i64, m->i64};
  char name[32];
  snprintf(name, sizeof name, "hone.body.%u", m->nbody++);
  LLVMValueRef fn = LLVMAddFunction(m->mod, name, LLVMFunctionType(m->void_, arg, 3, 0));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  fn_init(in, m, f->f, fn, f->noalias);
  while (in->nsym < f->nsym) fresh_sym(in, (struct val){0});
  for (unsigned i = 0; i < f->nsym; i++) in->env[i] = f->env[i], in->divisor[i] = f->divisor[i];
  for (unsigned i = 0; i < f->nfact; i++) fact_add(in, f->fact[i]);
  in->parallel_body = true;
  in->stream_align = f->stream_align;
}

/* Iterations of a loop; may be negative. */
static struct val count_of(struct fn *f, const struct lstmt *s, const struct range *r) {
  struct val lo = fn_poly(f, r->lo), hi = fn_poly(f, r->hi), step = vi64(f, s->step);
  struct val span = vbin(f, LLVMAdd, vbin(f, LLVMSub, hi, lo, false), vi64(f, s->step - 1), false);
  return s->step == 1 ? span : vbin(f, LLVMSDiv, span, step, false);
}

/* Part [first, last) of two joined loops: outer iterations first / n … (last - 1) / n, the first and the last of them
 * in part. */
struct joined {
  const struct lstmt *outer, *inner;
  struct val first, last; /* values of the outer variable */
  struct val begin, end;  /* inner iterations in the first and in the last */
};

static struct val at_iteration(struct fn *f, struct val lo, struct val i, int64_t step) {
  return vbin(f, LLVMAdd, lo, vbin(f, LLVMMul, i, vi64(f, step), false), false);
}

/* The inner one of two joined loops, in a body. */
static void inner_part(struct fn *f, const struct joined *j) {
  struct range r;
  find_range(f, j->inner, &r);
  struct val lo = fn_poly(f, r.lo), hi = fn_poly(f, r.hi),
             i = fn_poly(f, fn_subst(f, poly_sym(f->m->arena, j->outer->sym)));
  struct serial x = {.s = j->inner, .r = &r};
  x.lo = vselect(f, vicmp(f, LLVMIntEQ, i, j->first), at_iteration(f, lo, j->begin, j->inner->step), lo);
  x.hi = vselect(f, vicmp(f, LLVMIntEQ, i, j->last), at_iteration(f, lo, j->end, j->inner->step), hi);
  emit_branch(f, vicmp(f, LLVMIntSLT, x.lo, x.hi), j->inner, serial_arm, NULL, &x);
}

/* Bounds of the outer loop for the part [*first, *last) of both, which becomes iterations of the outer one. */
static void share_out(struct fn *f, struct joined *j, struct val lo, struct val *first, struct val *last) {
  struct range r;
  find_range(f, j->inner, &r);
  struct val n = count_of(f, j->inner, &r), one = vi64(f, 1), before = vbin(f, LLVMSub, *last, one, false);
  struct val from = vbin(f, LLVMSDiv, *first, n, false), to = vbin(f, LLVMSDiv, before, n, false);
  j->begin = vbin(f, LLVMSub, *first, vbin(f, LLVMMul, from, n, false), false);
  j->end = vbin(f, LLVMSub, *last, vbin(f, LLVMMul, to, n, false), false);
  j->first = at_iteration(f, lo, from, j->outer->step);
  j->last = at_iteration(f, lo, to, j->outer->step);
  *first = from;
  *last = vbin(f, LLVMAdd, to, one, false);
}

/* hone.body.N(ctx, first, last): the iterations lo + first * step … below lo + last * step. */
static LLVMValueRef outline(struct fn *f, const struct lstmt *s, const struct range *r) {
  struct fn in;
  outline_init(&in, f);
  LLVMBasicBlockRef body = LLVMGetInsertBlock(in.b);
  struct handover h = {.from = f, .to = &in};
  hand_all(&h);
  struct val lo = fn_poly(&in, r->lo);
  struct val first = mkval(LLVMGetParam(in.fn, 1), 0, DT_i64, 0), last = mkval(LLVMGetParam(in.fn, 2), 0, DT_i64, 0);
  struct joined joined = {.outer = s, .inner = loop_joined(s)};
  if (joined.inner) {
    share_out(&in, &joined, lo, &first, &last);
    in.joined = &joined;
  }
  struct serial x = {
      .s = s, .r = r, .lo = at_iteration(&in, lo, first, s->step), .hi = at_iteration(&in, lo, last, s->step)};
  bool tiles = amx_open(&in, s);
  emit_branch(&in, vicmp(&in, LLVMIntSLT, first, last), s, serial_arm, NULL, &x);
  if (tiles) amx_close(&in);
  stream_fence(&in);
  f->streamed |= in.streamed;
  LLVMBuildRetVoid(in.b);
  LLVMPositionBuilderAtEnd(in.b, in.entry);
  LLVMBuildBr(in.b, body);
  LLVMDisposeBuilder(in.b);
  return in.fn;
}

static LLVMValueRef handover_array(struct fn *f, unsigned cells) {
  LLVMBasicBlockRef now = LLVMGetInsertBlock(f->b);
  LLVMValueRef first = LLVMGetFirstInstruction(f->entry);
  if (first)
    LLVMPositionBuilderBefore(f->b, first);
  else
    LLVMPositionBuilderAtEnd(f->b, f->entry);
  LLVMValueRef p = LLVMBuildAlloca(f->b, LLVMArrayType2(f->m->i64, cells + 1), "");
  LLVMPositionBuilderAtEnd(f->b, now);
  return p;
}

/* Iterations of two joined loops: none when either has none. */
static struct val both_counts(struct fn *f, struct val n, const struct lstmt *inner) {
  struct range r;
  find_range(f, inner, &r);
  struct val m = count_of(f, inner, &r), zero = vi64(f, 0);
  m = vselect(f, vicmp(f, LLVMIntSGT, m, zero), m, zero);
  return vbin(f, LLVMMul, n, m, false);
}

void emit_parallel(struct fn *f, const struct lstmt *s) {
  struct module *m = f->m;
  if (f->joined && f->joined->inner == s) {
    inner_part(f, f->joined);
    return;
  }
  if (f->parallel_body || f->lane != SYM_NONE || any_registers(f)) { /* nested, or the threads would share registers */
    emit_serial(f, s);
    return;
  }
  struct range r;
  find_range(f, s, &r);
  LLVMValueRef body = outline(f, s, &r);
  if (m->fail) return;
  struct handover h = {.from = f, .array = handover_array(f, f->nsym + f->f->k->nparam + f->f->nobject + f->f->nlocal)};
  hand_all(&h);
  struct val n = count_of(f, s, &r);
  const struct lstmt *inner = loop_joined(s);
  if (inner) n = both_counts(f, n, inner);
  double w = work(inner ? inner->body[0] : s->body[0]);
  int64_t grain = w >= grain_work ? 1 : (int64_t)(grain_work / (w < 1 ? 1 : w));
  LLVMTypeRef in[4] = {m->i64, m->i64, m->ptr, m->ptr}, t = LLVMFunctionType(m->void_, in, 4, 0);
  LLVMValueRef arg[4] = {n.v, LLVMConstInt(m->i64, (uint64_t)grain, 0), body, h.array};
  LLVMBuildCall2(f->b, t, extern_fn(m, HONE_RT_PARALLEL_SYMBOL, t), arg, 4, "");
  const uint8_t *w8 = writes_of(f, s);
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (w8[i]) object_stored(f, i);
}
