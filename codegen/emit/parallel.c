/* Parallel loops: the body becomes a function of its own, which the runtime (runtime/abi.h) calls with parts of the
   iterations. What it uses is handed over in an array; buffers that it allocates are its own. Nested parallel loops run
   serially, as the runtime would. */
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

/* hone.body.N(ctx, first, last): the iterations lo + first * step … below lo + last * step. */
static LLVMValueRef outline(struct fn *f, const struct lstmt *s, const struct range *r) {
  struct fn in;
  outline_init(&in, f);
  LLVMBasicBlockRef body = LLVMGetInsertBlock(in.b);
  struct handover h = {.from = f, .to = &in};
  hand_all(&h);
  struct val lo = fn_poly(&in, r->lo), step = vi64(&in, s->step);
  struct val first = mkval(LLVMGetParam(in.fn, 1), 0, DT_i64, 0), last = mkval(LLVMGetParam(in.fn, 2), 0, DT_i64, 0);
  struct serial x = {.s = s, .r = r};
  x.lo = vbin(&in, LLVMAdd, lo, vbin(&in, LLVMMul, first, step, false), false);
  x.hi = vbin(&in, LLVMAdd, lo, vbin(&in, LLVMMul, last, step, false), false);
  emit_branch(&in, vicmp(&in, LLVMIntSLT, first, last), s, serial_arm, NULL, &x);
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

void emit_parallel(struct fn *f, const struct lstmt *s) {
  struct module *m = f->m;
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
  struct val lo = fn_poly(f, r.lo), hi = fn_poly(f, r.hi), step = vi64(f, s->step);
  struct val span = vbin(f, LLVMAdd, vbin(f, LLVMSub, hi, lo, false), vi64(f, s->step - 1), false);
  struct val n = s->step == 1 ? span : vbin(f, LLVMSDiv, span, step, false);
  double w = work(s->body[0]);
  int64_t grain = w >= grain_work ? 1 : (int64_t)(grain_work / (w < 1 ? 1 : w));
  LLVMTypeRef in[4] = {m->i64, m->i64, m->ptr, m->ptr}, t = LLVMFunctionType(m->void_, in, 4, 0);
  LLVMValueRef arg[4] = {n.v, LLVMConstInt(m->i64, (uint64_t)grain, 0), body, h.array};
  LLVMBuildCall2(f->b, t, extern_fn(m, HONE_RT_PARALLEL_SYMBOL, t), arg, 4, "");
  const uint8_t *w8 = writes_of(f, s);
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (w8[i]) object_stored(f, i);
}
