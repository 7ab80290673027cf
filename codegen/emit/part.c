/* A part of SOURCE that was raised by itself: a call of its entry, which checks overlap and picks a variant. */
#include "codegen/emit/build.h"

static LLVMValueRef argument(struct fn *f, const struct param *p, const struct sub_arg *a) {
  if (p->kind == PARAM_TENSOR) return f->base[a->object].v;
  if (p->kind == PARAM_SCALAR) return emit_expr(f, a->scalar).v;
  return fn_poly(f, fn_subst(f, a->dim)).v;
}

void emit_part(struct fn *f, const struct lstmt *s) {
  struct module *m = f->m;
  const struct subfunc *p = &f->f->part[s->id];
  LLVMValueRef fn = p->k ? LLVMGetNamedFunction(m->mod, p->k->name) : NULL;
  if (!fn) {
    emit_stmt(f, s->body[0]);
    return;
  }
  const struct kernel *k = p->k;
  LLVMValueRef *arg = ARENA_NEW(m->arena, LLVMValueRef, k->nparam + 1);
  for (unsigned i = 0; i < k->nparam; i++) arg[i] = argument(f, &k->param[i], &p->arg[i]);
  LLVMValueRef call = LLVMBuildCall2(f->b, param_ctype(m, k), fn, arg, k->nparam, "");
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *q = &k->param[i];
    if (q->kind == PARAM_TENSOR) object_stored(f, p->arg[i].object);
    if (q->kind != PARAM_SCALAR || type_size((enum dtype)q->type) >= 4 || type_is_float((enum dtype)q->type)) continue;
    const char *ext = type_is_signed((enum dtype)q->type) ? "signext" : "zeroext";
    LLVMAddCallSiteAttribute(call, i + 1, LLVMCreateEnumAttribute(m->ctx, LLVMGetEnumAttributeKindForName(ext, 7), 0));
  }
}
