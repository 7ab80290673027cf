/* The host's side of a GPU object: `int NAME_cuda(void *stream, …)` with the parameters of the C function (arrays on
   the device) picks a form and hands it to the runtime. A form is constant data: names of kernels and the numbers of
   its launch plan (runtime/abi.h); the PTX text is there once for all forms. */
#include "codegen/emit/build.h"
#include "runtime/abi.h"
#include <string.h>

struct numbers {
  struct arena *a;
  const struct kernel *k;
  unsigned n, cap;
  int64_t *v;
};

static void put(struct numbers *x, int64_t v) {
  if (x->n == x->cap) {
    unsigned cap = x->cap ? 2 * x->cap : 64;
    int64_t *more = ARENA_NEW(x->a, int64_t, cap);
    for (unsigned i = 0; i < x->n; i++) more[i] = x->v[i];
    x->v = more, x->cap = cap;
  }
  x->v[x->n++] = v;
}

static void put_poly(struct numbers *x, poly_t p) {
  put(x, (int64_t)p->n);
  for (uint32_t i = 0; i < p->n; i++) {
    put(x, p->mono[i].coef);
    put(x, (int64_t)p->mono[i].n);
    for (unsigned j = 0; j < p->mono[i].n; j++) put(x, x->k->sym[p->mono[i].sym[j]].param);
  }
}

static void put_loop(struct numbers *x, const struct lstmt *s) {
  put(x, s->step);
  put(x, s->once);
  put(x, s->nlo);
  for (unsigned i = 0; i < s->nlo; i++) put_poly(x, s->lo[i]);
  put(x, s->nhi);
  for (unsigned i = 0; i < s->nhi; i++) put_poly(x, s->hi[i]);
}

static void put_buffer(struct numbers *x, const struct lfunc *f, const struct launch_buffer *b) {
  const struct object *o = &f->object[b->object];
  put(x, b->block);
  put(x, (int64_t)type_size((enum dtype)o->type));
  put(x, o->rank);
  put(x, o->stride != NULL);
  for (unsigned d = 0; d < o->rank; d++) {
    put_poly(x, o->extent[d]);
    if (o->stride) put_poly(x, o->stride[d]);
  }
}

/* The driver's numbers of types. */
static int64_t map_type(enum dtype t) {
  enum { U8 = 0, F16 = 6, BF16 = 9 };
  return t == DT_f16 ? F16 : t == DT_bf16 ? BF16 : U8;
}

static void put_map(struct numbers *x, const struct lfunc *f, const struct launch_map *m) {
  const struct object *o = &f->object[m->tensor];
  put(x, f->k->tensor[m->tensor].param);
  put(x, map_type((enum dtype)o->type));
  put(x, (int64_t)type_size((enum dtype)o->type));
  put(x, o->rank);
  put(x, o->stride != NULL);
  for (unsigned d = o->rank; d-- > 0;) {
    put_poly(x, o->extent[d]);
    if (o->stride) put_poly(x, o->stride[d]);
    put(x, m->box[o->rank - 1u - d]);
  }
}

static struct numbers plan_numbers(struct arena *a, const struct launch_plan *p) {
  struct numbers x = {.a = a, .k = p->f->k};
  for (unsigned i = 0; i < p->nkernel; i++) {
    put(&x, p->kernel[i].threads);
    put(&x, p->kernel[i].dynamic);
    put(&x, p->kernel[i].most);
    put(&x, p->kernel[i].nloop);
    for (unsigned l = 0; l < p->kernel[i].nloop; l++) put_loop(&x, p->kernel[i].loop[l]);
  }
  for (unsigned i = 0; i < p->nbuffer; i++) put_buffer(&x, p->f, &p->buffer[i]);
  put(&x, p->nmap);
  for (unsigned i = 0; i < p->nmap; i++) put_map(&x, p->f, &p->map[i]);
  return x;
}

/* ---- data ---- */

static LLVMValueRef data(struct module *m, const char *name, LLVMValueRef init, bool constant) {
  LLVMValueRef g = LLVMAddGlobal(m->mod, LLVMTypeOf(init), name);
  LLVMSetLinkage(g, LLVMInternalLinkage);
  LLVMSetInitializer(g, init);
  LLVMSetGlobalConstant(g, constant);
  return g;
}

static LLVMValueRef text(struct module *m, const char *name, const char *s, size_t len) {
  return data(m, name, LLVMConstStringInContext2(m->ctx, s, len, 0), true);
}

static LLVMValueRef structure(struct module *m, LLVMValueRef *v, unsigned n) {
  return LLVMConstStructInContext(m->ctx, v, n, 0);
}

static LLVMValueRef cubin_of(struct module *m) {
  if (!m->cubin || !m->cubin->len) return LLVMConstNull(m->ptr);
  LLVMValueRef g = text(m, "hone.cubin", m->cubin->data, m->cubin->len);
  LLVMSetAlignment(g, 64);
  return g;
}

static LLVMValueRef ptx_module(struct module *m) {
  if (m->cuda_module) return m->cuda_module;
  LLVMValueRef v[3] = {text(m, "hone.ptx", m->ptx->data, m->ptx->len), cubin_of(m), LLVMConstNull(m->ptr)};
  return m->cuda_module = data(m, "hone.ptx.module", structure(m, v, 3), false);
}

static LLVMValueRef kernel_names(struct module *m, const struct launch_plan *p) {
  LLVMValueRef *v = ARENA_NEW(m->arena, LLVMValueRef, p->nkernel + 1);
  for (unsigned i = 0; i < p->nkernel; i++) v[i] = text(m, "hone.kernel", p->kernel[i].name, strlen(p->kernel[i].name));
  return data(m, "hone.kernels", LLVMConstArray2(m->ptr, v, p->nkernel), true);
}

static LLVMValueRef number_row(struct module *m, const struct numbers *x) {
  LLVMValueRef *v = ARENA_NEW(m->arena, LLVMValueRef, x->n + 1);
  for (unsigned i = 0; i < x->n; i++) v[i] = LLVMConstInt(m->i64, (uint64_t)x->v[i], 1);
  return data(m, "hone.plan", LLVMConstArray2(m->i64, v, x->n), true);
}

static LLVMValueRef form_of(struct module *m, const struct launch_plan *p) {
  struct numbers x = plan_numbers(m->arena, p);
  LLVMValueRef v[8] = {ptx_module(m),
                       kernel_names(m, p),
                       number_row(m, &x),
                       LLVMConstInt(m->i32, p->nkernel, 0),
                       LLVMConstInt(m->i32, p->nbuffer, 0),
                       LLVMConstInt(m->i32, p->f->k->nparam, 0),
                       LLVMConstInt(m->i32, x.n, 0),
                       LLVMConstNull(m->ptr)};
  return data(m, "hone.form", structure(m, v, 8), false);
}

/* ---- the call ---- */

/* The address of an argument's value, in a cell on the stack. */
static LLVMValueRef cell_of(struct module *m, LLVMBuilderRef b, LLVMValueRef v) {
  LLVMTypeRef t = LLVMTypeOf(v);
  if (t == m->i1) v = LLVMBuildZExt(b, v, t = m->i8, "");
  LLVMValueRef p = LLVMBuildAlloca(b, t, "");
  LLVMBuildStore(b, v, p);
  return p;
}

LLVMValueRef emit_cuda_run(struct module *m, LLVMBuilderRef b, const struct lfunc *f, LLVMValueRef stream,
                           LLVMValueRef *arg) {
  struct launch_plan p;
  const char *why = "";
  if (launch_plan_make(m->arena, f, m->gpu, &p, &why) != ST_OK) {
    emit_fail(m, "%s", why);
    return LLVMConstInt(m->i32, 0, 0);
  }
  unsigned n = f->k->nparam;
  LLVMValueRef cells = LLVMBuildAlloca(b, LLVMArrayType2(m->ptr, n + 1), "");
  for (unsigned i = 0; i < n; i++) {
    LLVMValueRef at = LLVMConstInt(m->i64, i, 0);
    LLVMBuildStore(b, cell_of(m, b, arg[i]), LLVMBuildGEP2(b, m->ptr, cells, &at, 1, ""));
  }
  LLVMTypeRef in[3] = {m->ptr, m->ptr, m->ptr}, t = LLVMFunctionType(m->i32, in, 3, 0);
  LLVMValueRef a[3] = {form_of(m, &p), stream, cells};
  return LLVMBuildCall2(b, t, extern_fn(m, HONE_CUDA_RUN_SYMBOL, t), a, 3, "");
}

/* ---- a form by itself ---- */

enum status emit_cuda_package(struct arena *a, const struct lfunc *f, const struct limits *lim, const struct buf *ptx,
                              const struct buf *cubin, struct buf *out, const char **why) {
  struct launch_plan p;
  enum status st = launch_plan_make(a, f, lim, &p, why);
  if (st != ST_OK) return st;
  struct numbers x = plan_numbers(a, &p);
  struct hone_cuda_package head = {.magic = HONE_CUDA_PACKAGE_MAGIC,
                                   .nkernel = (int32_t)p.nkernel,
                                   .nbuffer = (int32_t)p.nbuffer,
                                   .nparam = (int32_t)f->k->nparam,
                                   .nplan = (int32_t)x.n,
                                   .ptx = ptx->len + 1,
                                   .cubin = cubin->len};
  for (unsigned i = 0; i < p.nkernel; i++) head.names += strlen(p.kernel[i].name) + 1;
  size_t had = out->len;
  buf_write(out, &head, sizeof head);
  buf_write(out, x.v, x.n * sizeof *x.v);
  for (unsigned i = 0; i < p.nkernel; i++) buf_write(out, p.kernel[i].name, strlen(p.kernel[i].name) + 1);
  buf_write(out, ptx->data, ptx->len);
  buf_write(out, "", 1);
  for (; cubin->len && (out->len - had) % 8;) buf_write(out, "", 1);
  buf_write(out, cubin->data, cubin->len);
  return ST_OK;
}
