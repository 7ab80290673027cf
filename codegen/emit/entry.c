/* The exported function: the C signature, checks, the choice of a variant.
   Order: overlap or a failed assumption -> the source form; each variant whose dims fit; the general form. */
#include "codegen/emit/build.h"
#include "runtime/abi.h"
#include <stdio.h>

/* Scalars of narrow floats arrive as the C types of type_cname: _Float16, else integers with their bits. */
LLVMTypeRef c_param_type(struct module *m, const struct param *p) {
  if (p->kind == PARAM_TENSOR) return m->ptr;
  if (p->type == DT_f16) return LLVMHalfTypeInContext(m->ctx);
  return type_is_float(p->type) ? mem_type(m, p->type) : reg_type(m, p->type);
}

LLVMTypeRef param_ctype(struct module *m, const struct kernel *k) {
  LLVMTypeRef *in = ARENA_NEW(m->arena, LLVMTypeRef, k->nparam + 1);
  for (unsigned i = 0; i < k->nparam; i++) in[i] = c_param_type(m, &k->param[i]);
  return LLVMFunctionType(m->void_, in, k->nparam, 0);
}

/* Integers narrower than int are extended by the caller. */
void extend_attr(struct module *m, const struct param *p, LLVMValueRef fn, int at) {
  if (p->kind == PARAM_TENSOR || p->type == DT_f16) return;
  if (type_size(p->type) < 4) add_attr(m, fn, at, type_is_signed(p->type) ? "signext" : "zeroext", 0);
}

static void extend_attrs(struct module *m, const struct kernel *k, LLVMValueRef fn) {
  for (unsigned i = 0; i < k->nparam; i++) extend_attr(m, &k->param[i], fn, (int)i + 1 + (m->ptx != NULL));
}

LLVMValueRef plain_poly(struct module *m, LLVMBuilderRef b, poly_t p, LLVMValueRef *sym) {
  LLVMValueRef sum = LLVMConstInt(m->i64, 0, 0);
  for (uint32_t i = 0; i < p->n; i++) {
    const struct mono *t = &p->mono[i];
    LLVMValueRef x = LLVMConstInt(m->i64, (uint64_t)t->coef, 1);
    for (unsigned j = 0; j < t->n; j++) {
      if (!sym[t->sym[j]]) {
        emit_fail(m, "internal: an assumption is not over dims alone");
        return sum;
      }
      x = LLVMBuildMul(b, x, sym[t->sym[j]], "");
    }
    sum = LLVMBuildAdd(b, sum, x, "");
  }
  return sum;
}

struct entry {
  struct module *m;
  const struct emit_entry *e;
  LLVMBuilderRef b;
  LLVMValueRef fn, *arg /* for internal functions */, *dim /* by symbol */;
  unsigned index, nbodies;
  LLVMValueRef plain;  /* the source form, once it is built */
  LLVMValueRef stream; /* of a GPU entry; NULL: a CPU's */
};

static void call_and_return(struct entry *x, const struct lfunc *lf, bool noalias, const char *what) {
  if (x->stream) {
    LLVMBuildRet(x->b, emit_cuda_run(x->m, x->b, lf, x->stream, x->arg));
    return;
  }
  char name[64];
  snprintf(name, sizeof name, "hone.%u.%s", x->index, what);
  bool plain = lf == x->e->source;
  LLVMValueRef fn = plain ? x->plain : NULL;
  x->m->as_c = plain && !x->e->general;
  if (!fn) fn = (plain ? plain_function : emit_function)(x->m, lf, name, noalias);
  x->m->as_c = false;
  if (plain) x->plain = fn;
  LLVMValueRef call = LLVMBuildCall2(x->b, internal_type(x->m, lf->k), fn, x->arg, x->e->k->nparam, "");
  LLVMSetTailCall(call, 1);
  LLVMBuildRetVoid(x->b);
}

static LLVMBasicBlockRef block(struct entry *x, const char *name) {
  return LLVMAppendBasicBlockInContext(x->m->ctx, x->fn, name);
}

static void widen_args(struct entry *x) {
  const struct kernel *k = x->e->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    LLVMValueRef v = LLVMGetParam(x->fn, i + (x->stream != NULL));
    if (p->kind == PARAM_DIM) {
      v = type_is_signed(p->type) ? LLVMBuildSExt(x->b, v, x->m->i64, "") : LLVMBuildZExt(x->b, v, x->m->i64, "");
      x->dim[p->ref] = v;
    }
    x->arg[i] = v;
  }
}

static LLVMValueRef or2(LLVMBuilderRef b, LLVMValueRef a, LLVMValueRef c) {
  return a ? LLVMBuildOr(b, a, c, "") : c;
}

/* i1: this call needs the source form; NULL: never. */
static LLVMValueRef needs_source(struct entry *x) {
  const struct kernel *k = x->e->k;
  LLVMValueRef bad = NULL;
  for (unsigned i = 0; i < k->nassume; i++)
    bad = or2(x->b, bad,
              LLVMBuildICmp(x->b, LLVMIntSLT, plain_poly(x->m, x->b, k->assume[i], x->dim),
                            LLVMConstInt(x->m->i64, 0, 0), ""));
  if (!k->noalias) {
    LLVMValueRef hit = emit_overlap(x->m, x->b, k, x->dim, x->arg, NULL);
    if (hit) bad = or2(x->b, bad, hit);
  }
  return bad;
}

static LLVMValueRef fits(struct entry *x, const struct emit_variant *v) {
  const struct kernel *k = x->e->k;
  LLVMValueRef ok = LLVMConstInt(x->m->i1, 1, 0);
  for (unsigned s = 0; v->has && s < k->nsym; s++) {
    if (!v->has[s] || !x->dim[s]) continue;
    LLVMValueRef same =
        LLVMBuildICmp(x->b, LLVMIntEQ, x->dim[s], LLVMConstInt(x->m->i64, (uint64_t)v->value[s], 1), "");
    ok = LLVMBuildAnd(x->b, ok, same, "");
  }
  for (unsigned i = k->nassume; i < v->f->k->nassume; i++) {
    LLVMValueRef holds = LLVMBuildICmp(x->b, LLVMIntSGE, plain_poly(x->m, x->b, v->f->k->assume[i], x->dim),
                                       LLVMConstInt(x->m->i64, 0, 0), "");
    ok = LLVMBuildAnd(x->b, ok, holds, "");
  }
  return ok;
}

bool only_source(const struct emit_entry *e) {
  return e->source && (!e->general || (e->plain && !e->nvariant));
}

static void choose(struct entry *x) {
  const struct emit_entry *e = x->e;
  if (only_source(e)) {
    call_and_return(x, e->source, e->k->noalias, "source");
    return;
  }
  if (e->source) {
    LLVMValueRef bad = needs_source(x);
    if (bad) {
      LLVMBasicBlockRef src = block(x, "source"), on = block(x, "checked");
      LLVMBuildCondBr(x->b, bad, src, on);
      LLVMPositionBuilderAtEnd(x->b, src);
      if (x->stream)
        LLVMBuildRet(x->b, LLVMConstInt(x->m->i32, (uint64_t)HONE_CUDA_OVERLAP, 1));
      else
        call_and_return(x, e->source, e->k->noalias, "source");
      LLVMPositionBuilderAtEnd(x->b, on);
    }
  }
  for (unsigned i = 0; i < e->nvariant && !x->m->fail; i++) {
    char what[32];
    snprintf(what, sizeof what, "variant%u", i);
    LLVMBasicBlockRef yes = block(x, "variant"), no = block(x, "next");
    LLVMBuildCondBr(x->b, fits(x, &e->variant[i]), yes, no);
    LLVMPositionBuilderAtEnd(x->b, yes);
    call_and_return(x, e->variant[i].f, true, what);
    LLVMPositionBuilderAtEnd(x->b, no);
  }
  if (e->plain)
    call_and_return(x, e->source, e->k->noalias, "source");
  else
    call_and_return(x, e->general, true, "general");
}

/* The function's own type, or `int (void *stream, …)`. */
static LLVMTypeRef entry_type(struct module *m, const struct kernel *k) {
  LLVMTypeRef own = param_ctype(m, k);
  if (!m->ptx) return own;
  LLVMTypeRef *in = ARENA_NEW(m->arena, LLVMTypeRef, k->nparam + 1);
  LLVMGetParamTypes(own, in + 1);
  in[0] = m->ptr;
  return LLVMFunctionType(m->i32, in, k->nparam + 1, 0);
}

/* A GPU's entry takes what the kernel takes: arrays, dims, scalars. */
static bool may_be_entry(struct module *m, const struct emit_entry *e, const char *name) {
  bool derived = e->source && (e->source->origin || e->source->nopaque);
  if (!e->general && (!e->source || m->ptx))
    emit_fail(m,
              m->ptx ? "'%s' is not raised to equations: a GPU cannot run it as written" : "internal: '%s' has no form",
              name);
  else if (m->ptx && derived)
    emit_fail(m, "'%s' takes a structure or returns its result: a GPU entry takes arrays, dims and scalars", name);
  else if (LLVMGetNamedFunction(m->mod, name))
    emit_fail(m, "'%s' is defined twice, or is a function that generated code needs", name);
  return !m->fail;
}

static void body(struct module *m, const struct emit_entry *e, unsigned index, LLVMValueRef fn) {
  struct entry x = {.m = m, .e = e, .index = index, .fn = fn};
  if (m->ptx) x.stream = LLVMGetParam(x.fn, 0);
  x.b = LLVMCreateBuilderInContext(m->ctx);
  x.arg = ARENA_NEW(m->arena, LLVMValueRef, e->k->nparam + 1);
  x.dim = ARENA_NEW(m->arena, LLVMValueRef, e->k->nsym + 1);
  LLVMPositionBuilderAtEnd(x.b, block(&x, "entry"));
  debug_function(m, fn, x.b, e->k->name, e->k->loc);
  widen_args(&x);
  choose(&x);
  debug_complete(m, fn);
  LLVMDisposeBuilder(x.b);
}

LLVMValueRef emit_entry_fn(struct module *m, const struct emit_entry *e) {
  const struct kernel *k = e->k;
  for (unsigned i = 0; i < e->npart && !m->fail; i++)
    if (!only_source(&e->part[i])) emit_entry_fn(m, &e->part[i]); /* else emit_part writes its statements */
  unsigned index = m->nentry++;
  bool derived = e->source && e->source->origin;
  const char *name = m->ptx ? arena_printf(m->arena, "%s_cuda", k->name) : k->name;
  if (!may_be_entry(m, e, name)) return NULL;
  if (derived) name = arena_printf(m->arena, "hone.%u", index);
  LLVMValueRef fn = LLVMAddFunction(m->mod, name, entry_type(m, k));
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  extend_attrs(m, k, fn);
  if (derived || e->internal) LLVMSetLinkage(fn, LLVMInternalLinkage);
  if (derived) emit_outer_fn(m, e, fn);
  body(m, e, index, fn);
  return fn;
}
