/* Functions of math.h in what is compiled as written. Each is a call of a function of one number, so that LLVM's passes
   see an operation without effects and not thirty of arithmetic; the call names hone's own vector code (vmath.c) as
   what stands for it on lanes (LLVM's `vector-function-abi-variant`). After the passes what is called gets a body and
   is put in place of its calls.

   The scalar is libm's where that is fast with every libc that matters, else vmath.c's on one number. */
#include "codegen/emit/build.h"
#include <stdio.h>
#include <string.h>

enum { NAME = 48, WIDTHS = 4, MOST_LANES = 16 };

/* One function that stands for a call: lanes 0 is the scalar. */
struct math_fn {
  enum op op;
  enum dtype type;
  unsigned lanes;
  bool masked; /* takes a mask behind its arguments, which it ignores: it computes any number without harm */
};

static bool by_libm(enum op op, enum dtype t) {
  static const uint8_t fast[] = {OP_exp, OP_exp2, OP_log, OP_log2, OP_pow, OP_sin, OP_cos};
  static const uint8_t rare[] = {OP_asin,  OP_acos,  OP_atan,  OP_atan2, OP_asinh, OP_acosh,
                                 OP_atanh, OP_expm1, OP_log1p, OP_sinh,  OP_cbrt,  OP_hypot};
  return memchr(fast, op, sizeof fast) || (t == DT_f64 && memchr(rare, op, sizeof rare));
}

static void name_of(const struct math_fn *x, char *out) {
  snprintf(out, NAME, "hone.%s.%s%s%u", op_info[x->op].name, type_name(x->type), x->masked ? ".m" : ".n", x->lanes);
}

static LLVMTypeRef type_of(struct module *m, const struct math_fn *x) {
  unsigned n = op_info[x->op].arity;
  LLVMTypeRef t = vec_of(x->type == DT_f64 ? m->f64 : m->f32, x->lanes), in[4] = {t, t, t, NULL};
  if (x->masked) in[n++] = LLVMVectorType(m->i1, x->lanes);
  return LLVMFunctionType(t, in, n, 0);
}

static void pure(struct module *m, LLVMValueRef fn) {
  static const char *const attrs[] = {"nounwind", "willreturn", "nosync", "nofree", "memory"};
  for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
    add_attr(m, fn, (int)LLVMAttributeFunctionIndex, attrs[i], 0);
}

static LLVMValueRef declare(struct module *m, const char *name, const struct math_fn *x) {
  LLVMValueRef fn = LLVMGetNamedFunction(m->mod, name);
  if (fn) return fn;
  fn = LLVMAddFunction(m->mod, name, type_of(m, x));
  pure(m, fn);
  return fn;
}

/* libm's function, unless the file has one of that name. */
static LLVMValueRef library(struct module *m, const struct math_fn *x, char *name) {
  snprintf(name, NAME, "%s%s", op_info[x->op].name, x->type == DT_f64 ? "" : "f");
  LLVMValueRef fn = LLVMGetNamedFunction(m->mod, name);
  bool other = fn && (!LLVMIsDeclaration(fn) || LLVMGlobalGetValueType(fn) != type_of(m, x));
  return other ? NULL : declare(m, name, x);
}

/* Says of a call of `scalar` what stands for it on lanes. */
static void lane_forms(struct module *m, LLVMValueRef call, struct math_fn x, const char *scalar) {
  struct buf b;
  buf_init(&b);
  for (x.lanes = x.type == DT_f64 ? 2 : 4; x.lanes <= MOST_LANES; x.lanes *= 2)
    for (int masked = 0; masked < 2; masked++) {
      char name[NAME];
      x.masked = masked;
      name_of(&x, name);
      declare(m, name, &x);
      buf_printf(&b, "%s_ZGV_LLVM_%c%u%s_%s(%s)", b.len ? "," : "", masked ? 'M' : 'N', x.lanes,
                 op_info[x.op].arity == 2 ? "vv" : "v", scalar, name);
    }
  static const char key[] = "vector-function-abi-variant";
  LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex,
                           LLVMCreateStringAttribute(m->ctx, key, sizeof key - 1, b.data, (unsigned)b.len));
  buf_free(&b);
}

LLVMValueRef plain_math(struct module *m, LLVMBuilderRef b, enum op op, enum dtype t, LLVMValueRef *arg) {
  struct math_fn x = {.op = op, .type = t};
  char name[NAME];
  LLVMValueRef fn = by_libm(op, t) ? library(m, &x, name) : NULL;
  if (!fn) {
    name_of(&x, name);
    fn = declare(m, name, &x);
  }
  LLVMValueRef call = LLVMBuildCall2(b, type_of(m, &x), fn, arg, op_info[op].arity, "");
  lane_forms(m, call, x, name);
  return call;
}

/* --- bodies --- */

static void define(struct module *m, LLVMValueRef fn, const struct math_fn *x) {
  LLVMValueRef arg[3] = {NULL};
  for (unsigned i = 0; i < op_info[x->op].arity; i++) arg[i] = LLVMGetParam(fn, i);
  struct fn f = {.m = m, .fn = fn, .b = LLVMCreateBuilderInContext(m->ctx)};
  LLVMPositionBuilderAtEnd(f.b, LLVMAppendBasicBlockInContext(m->ctx, fn, ""));
  LLVMBuildRet(f.b, math_value(&f, x->op, x->type, x->lanes, arg));
  LLVMDisposeBuilder(f.b);
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "alwaysinline", 0);
}

/* A body where it is called, else it goes. */
static bool settle(struct module *m, const struct math_fn *x) {
  char name[NAME];
  name_of(x, name);
  LLVMValueRef fn = LLVMGetNamedFunction(m->mod, name);
  if (!fn) return false;
  if (LLVMGetFirstUse(fn)) {
    define(m, fn, x);
    return true;
  }
  LLVMDeleteFunction(fn);
  return false;
}

void plain_math_finish(struct module *m) {
  bool any = false;
  for (int op = 0; op < OP_COUNT; op++) {
    if (op_info[op].flags & OPF_TRANS) {
      for (int wide = 0; wide < 2; wide++)
        for (unsigned lanes = 0; lanes <= MOST_LANES; lanes = lanes ? 2 * lanes : 2)
          for (int masked = 0; masked <= (lanes > 0); masked++)
            any |= settle(m, &(struct math_fn){(enum op)op, wide ? DT_f64 : DT_f32, lanes, masked});
    }
  }
  if (any) plain_passes(m, NULL, "always-inline");
}
