/* NAME__hone_call(void *const *args): the worker's uniform way to call a kernel (runtime/abi.h). args[i] points to the
 * i-th argument. */
#include "codegen/emit/build.h"

static LLVMValueRef load_arg(struct module *m, LLVMBuilderRef b, const struct param *p, LLVMValueRef at) {
  if (p->kind == PARAM_TENSOR) return LLVMBuildLoad2(b, m->ptr, at, "");
  if (p->type == DT_bool) {
    LLVMValueRef v = LLVMBuildLoad2(b, m->i8, at, "");
    return LLVMBuildICmp(b, LLVMIntNE, v, LLVMConstInt(m->i8, 0, 0), "");
  }
  return LLVMBuildLoad2(b, c_param_type(m, p), at, "");
}

void emit_call_stub(struct module *m, const struct kernel *k, LLVMValueRef entry) {
  LLVMTypeRef type = LLVMFunctionType(m->void_, &m->ptr, 1, 0);
  LLVMValueRef fn = LLVMAddFunction(m->mod, arena_printf(m->arena, "%s__hone_call", k->name), type);
  LLVMSetVisibility(fn, LLVMHiddenVisibility);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  LLVMBuilderRef b = LLVMCreateBuilderInContext(m->ctx);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(m->ctx, fn, ""));
  LLVMValueRef *arg = ARENA_NEW(m->arena, LLVMValueRef, k->nparam + 1);
  for (unsigned i = 0; i < k->nparam; i++) {
    LLVMValueRef at = LLVMConstInt(m->i64, i, 0);
    LLVMValueRef cell = LLVMBuildGEP2(b, m->ptr, LLVMGetParam(fn, 0), &at, 1, "");
    arg[i] = load_arg(m, b, &k->param[i], LLVMBuildLoad2(b, m->ptr, cell, ""));
  }
  LLVMValueRef call = LLVMBuildCall2(b, param_ctype(m, k), entry, arg, k->nparam, "");
  LLVMSetInstructionCallConv(call, LLVMGetFunctionCallConv(entry));
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    if (p->kind == PARAM_TENSOR || type_size(p->type) >= 4 || p->type == DT_f16) continue;
    const char *ext = type_is_signed(p->type) ? "signext" : "zeroext";
    unsigned kind = LLVMGetEnumAttributeKindForName(ext, 7);
    LLVMAddCallSiteAttribute(call, i + 1, LLVMCreateEnumAttribute(m->ctx, kind, 0));
  }
  LLVMBuildRetVoid(b);
  LLVMDisposeBuilder(b);
}
