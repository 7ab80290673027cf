/* The C function around an entry that takes more, or other, parameters than C's (ir/loop.h: struct origin): it reads
   the fields of structures, says which pointers are NULL, and returns the result. */
#include "codegen/emit/build.h"
#include <string.h>

struct outer {
  struct module *m;
  const struct lfunc *f;
  LLVMBuilderRef b;
  LLVMValueRef fn;
  unsigned *at; /* [nparam] position of a parameter that is an argument */
};

static const struct param *result_of(const struct lfunc *f) {
  for (unsigned i = 0; i < f->k->nparam; i++)
    if (f->origin[i].how == ORIGIN_RESULT) return &f->k->param[i];
  return NULL;
}

/* What `from` of an origin counts: arguments, then variables. */
static LLVMValueRef base_of(struct outer *x, unsigned from) {
  unsigned n = LLVMCountParams(x->fn);
  if (from < n) return LLVMGetParam(x->fn, from);
  const char *name = x->f->global[from - n];
  LLVMValueRef g = LLVMGetNamedGlobal(x->m->mod, name);
  return g ? g : LLVMAddGlobal(x->m->mod, x->m->i8, name); /* defined elsewhere */
}

/* Types of the C function's arguments, in order; fills x->at. */
static LLVMTypeRef c_type_of(struct outer *x) {
  const struct lfunc *f = x->f;
  unsigned n = lfunc_nargs(f), next = 0;
  LLVMTypeRef *in = ARENA_NEW(x->m->arena, LLVMTypeRef, n + 1);
  for (unsigned i = 0; i < f->nopaque; i++)
    if (f->opaque[i].at < n) in[f->opaque[i].at] = x->m->ptr;
  for (unsigned i = 0; i < f->k->nparam; i++) {
    if (f->origin[i].how != ORIGIN_SELF) continue;
    while (next < n && in[next]) next++;
    if (next == n) break;
    in[next] = c_param_type(x->m, &f->k->param[i]);
    x->at[i] = next;
  }
  for (unsigned i = 0; i < n; i++)
    if (!in[i]) in[i] = x->m->ptr;
  const struct param *r = result_of(f);
  return LLVMFunctionType(r ? reg_type(x->m, r->type) : x->m->void_, in, n, 0);
}

static LLVMTypeRef stored_type(struct module *m, const struct param *p) {
  if (p->kind == PARAM_TENSOR) return m->ptr;
  return p->type == DT_bool ? m->i8 : c_param_type(m, p);
}

/* A field, or 0 when the structure is not there. */
static LLVMValueRef field(struct outer *x, const struct param *p, const struct origin *o) {
  struct module *m = x->m;
  LLVMTypeRef t = stored_type(m, p);
  LLVMValueRef base = base_of(x, o->from), null = LLVMConstNull(m->ptr);
  LLVMBasicBlockRef here = LLVMGetInsertBlock(x->b), load = LLVMAppendBasicBlockInContext(m->ctx, x->fn, "field"),
                    on = LLVMAppendBasicBlockInContext(m->ctx, x->fn, "");
  LLVMBuildCondBr(x->b, LLVMBuildICmp(x->b, LLVMIntEQ, base, null, ""), on, load);
  LLVMPositionBuilderAtEnd(x->b, load);
  LLVMValueRef at = LLVMConstInt(m->i64, (uint64_t)o->offset, 1);
  LLVMValueRef v = LLVMBuildLoad2(x->b, t, LLVMBuildGEP2(x->b, m->i8, base, &at, 1, ""), "");
  LLVMBuildBr(x->b, on);
  LLVMPositionBuilderAtEnd(x->b, on);
  LLVMValueRef phi = LLVMBuildPhi(x->b, t, ""), in[2] = {LLVMConstNull(t), v};
  LLVMBasicBlockRef from[2] = {here, load};
  LLVMAddIncoming(phi, in, from, 2);
  if (p->kind == PARAM_SCALAR && p->type == DT_bool)
    return LLVMBuildICmp(x->b, LLVMIntNE, phi, LLVMConstNull(m->i8), "");
  return phi;
}

static LLVMValueRef argument(struct outer *x, unsigned i, LLVMValueRef *result) {
  const struct param *p = &x->f->k->param[i];
  const struct origin *o = &x->f->origin[i];
  switch (o->how) {
  case ORIGIN_SELF:
    return LLVMGetParam(x->fn, x->at[i]);
  case ORIGIN_RESULT:
    return *result =
               LLVMBuildAlloca(x->b, stored_type(x->m, &(struct param){.kind = PARAM_SCALAR, .type = p->type}), "");
  case ORIGIN_GIVEN: {
    LLVMValueRef ptr = LLVMGetParam(x->fn, o->from);
    LLVMValueRef given = LLVMBuildICmp(x->b, LLVMIntNE, ptr, LLVMConstNull(x->m->ptr), "");
    return LLVMBuildZExt(x->b, given, c_param_type(x->m, p), "");
  }
  case ORIGIN_FILLED: {
    LLVMValueRef ptr = field(x, &(struct param){.kind = PARAM_TENSOR}, o);
    LLVMValueRef there = LLVMBuildICmp(x->b, LLVMIntNE, ptr, LLVMConstNull(x->m->ptr), "");
    return LLVMBuildZExt(x->b, there, c_param_type(x->m, p), "");
  }
  case ORIGIN_INSIDE: {
    LLVMValueRef at = LLVMConstInt(x->m->i64, (uint64_t)o->offset, 1);
    return LLVMBuildGEP2(x->b, x->m->i8, base_of(x, o->from), &at, 1, "");
  }
  default:
    return field(x, p, o);
  }
}

static void return_result(struct outer *x, LLVMValueRef result) {
  const struct param *r = result_of(x->f);
  if (!r) {
    LLVMBuildRetVoid(x->b);
    return;
  }
  LLVMTypeRef t = stored_type(x->m, &(struct param){.kind = PARAM_SCALAR, .type = r->type});
  LLVMValueRef v = LLVMBuildLoad2(x->b, t, result, "");
  if (r->type == DT_bool) v = LLVMBuildICmp(x->b, LLVMIntNE, v, LLVMConstNull(x->m->i8), "");
  LLVMBuildRet(x->b, v);
}

/* On x86-64 a large structure lies on the stack; elsewhere the argument is a pointer to a copy. */
static void by_value(struct outer *x, const struct opaque *o) {
  struct module *m = x->m;
  if (strncmp(LLVMGetTarget(m->mod), "x86_64", 6)) return;
  unsigned kind = LLVMGetEnumAttributeKindForName("byval", 5), align = LLVMGetEnumAttributeKindForName("align", 5);
  LLVMTypeRef t = LLVMArrayType2(m->i8, o->bytes);
  LLVMAddAttributeAtIndex(x->fn, o->at + 1u, LLVMCreateTypeAttribute(m->ctx, kind, t));
  LLVMAddAttributeAtIndex(x->fn, o->at + 1u, LLVMCreateEnumAttribute(m->ctx, align, 8));
}

static void attributes(struct outer *x) {
  const struct kernel *k = x->f->k;
  const struct param *r = result_of(x->f);
  add_attr(x->m, x->fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  for (unsigned i = 0; i < k->nparam; i++)
    if (x->f->origin[i].how == ORIGIN_SELF) extend_attr(x->m, &k->param[i], x->fn, (int)x->at[i] + 1);
  for (unsigned i = 0; i < x->f->nopaque; i++)
    if (x->f->opaque[i].bytes) by_value(x, &x->f->opaque[i]);
  if (r)
    extend_attr(x->m, &(struct param){.kind = PARAM_SCALAR, .type = r->type}, x->fn, (int)LLVMAttributeReturnIndex);
}

void emit_outer_fn(struct module *m, const struct emit_entry *e, LLVMValueRef entry) {
  const struct lfunc *f = e->source;
  struct outer x = {.m = m, .f = f, .at = ARENA_NEW(m->arena, unsigned, f->k->nparam + 1)};
  LLVMValueRef *arg = ARENA_NEW(m->arena, LLVMValueRef, f->k->nparam + 1), result = NULL;
  x.fn = LLVMAddFunction(m->mod, e->k->name, c_type_of(&x));
  attributes(&x);
  x.b = LLVMCreateBuilderInContext(m->ctx);
  LLVMPositionBuilderAtEnd(x.b, LLVMAppendBasicBlockInContext(m->ctx, x.fn, "entry"));
  debug_function(m, x.fn, x.b, e->k->name, e->k->loc);
  for (unsigned i = 0; i < f->k->nparam; i++) arg[i] = argument(&x, i, &result);
  LLVMBuildCall2(x.b, param_ctype(m, e->k), entry, arg, f->k->nparam, "");
  return_result(&x, result);
  debug_complete(m, x.fn);
  LLVMDisposeBuilder(x.b);
}
