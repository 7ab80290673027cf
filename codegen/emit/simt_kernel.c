/* GPU kernels around what simt.c emits: functions and their parameters, shared and device memory, the block's place in
   the grid, and the choice between arrays that are aligned and others. */
#include "codegen/emit/build.h"
#include <stdio.h>
#include <string.h>

enum { PTX_KERNEL = 71, SHARED_SPACE = 3, ALIGN = 16 };

LLVMValueRef simt_sreg(struct fn *f, const char *name) {
  char full[64];
  snprintf(full, sizeof full, "llvm.nvvm.read.ptx.sreg.%s", name);
  return call_intrinsic(f->m, f->b, full, NULL, 0, NULL, 0);
}

/* ---- memory ---- */

LLVMValueRef simt_shared(struct fn *f, const char *name, uint64_t bytes, unsigned align) {
  struct module *m = f->m;
  char full[96];
  snprintf(full, sizeof full, "%s.%s.%u", f->simt->plan->kernel[f->simt->kernel].name, name, m->nbody++);
  LLVMTypeRef t = LLVMArrayType2(m->i8, (bytes + ALIGN) / ALIGN * ALIGN);
  LLVMValueRef g = LLVMAddGlobalInAddressSpace(m->mod, t, full, SHARED_SPACE);
  LLVMSetLinkage(g, LLVMInternalLinkage);
  LLVMSetInitializer(g, LLVMGetUndef(t));
  LLVMSetAlignment(g, align);
  return LLVMConstAddrSpaceCast(g, m->ptr);
}

static LLVMValueRef block_number(struct fn *f) {
  return LLVMBuildZExt(f->b, simt_sreg(f, "ctaid.x"), f->m->i64, "");
}

/* A buffer of the plan: a parameter of the kernel; of a block, its own piece. */
static LLVMValueRef device_buffer(struct fn *f, unsigned object) {
  const struct launch_plan *p = f->simt->plan;
  for (unsigned i = 0; i < p->nbuffer; i++) {
    if (p->buffer[i].object != object) continue;
    LLVMValueRef base = LLVMGetParam(f->fn, f->f->k->nparam + i), overflow;
    if (p->buffer[i].block < 0) return base;
    struct val bytes = object_bytes(f, &f->f->object[object], &overflow);
    bytes = vbin(f, LLVMAnd, vbin(f, LLVMAdd, bytes, vi64(f, 63), false), vi64(f, -64), false);
    LLVMValueRef off = LLVMBuildMul(f->b, block_number(f), bytes.v, "");
    return LLVMBuildGEP2(f->b, f->m->i8, base, &off, 1, "");
  }
  emit_fail(f->m, "internal: buffer '%s' has no place on the device", f->f->object[object].name);
  return LLVMConstNull(f->m->ptr);
}

static bool fixed_bytes(struct fn *f, unsigned object, uint64_t *out) {
  LLVMValueRef overflow;
  int64_t stage;
  if (f->f->object[object].stages > 1 && object_stage_bytes(&f->f->object[object], &stage)) {
    *out = (uint64_t)stage * f->f->object[object].stages;
    return *out <= f->m->target->limits.shared_bytes;
  }
  struct val v = object_bytes(f, &f->f->object[object], &overflow);
  if (!LLVMIsConstant(v.v)) return false;
  *out = LLVMConstIntGetZExtValue(v.v);
  return *out <= f->m->target->limits.shared_bytes;
}

/* Shared memory that the launch asks for. */
static LLVMValueRef asked_for(struct fn *f, uint64_t offset) {
  struct module *m = f->m;
  LLVMValueRef off = LLVMConstInt(m->i64, offset, 0);
  if (!m->smem) {
    m->smem = LLVMAddGlobalInAddressSpace(m->mod, LLVMArrayType2(m->i8, 0), "hone_smem", SHARED_SPACE);
    LLVMSetLinkage(m->smem, LLVMExternalLinkage);
    LLVMSetAlignment(m->smem, LAUNCH_ALIGN);
  }
  return LLVMConstGEP2(m->i8, LLVMConstAddrSpaceCast(m->smem, m->ptr), &off, 1);
}

/* Bodies that never run together share it. */
static LLVMValueRef shared_object(struct fn *f, unsigned object, uint64_t bytes) {
  LLVMValueRef *at = &f->simt->shared[object];
  if (*at) return *at;
  if (f->simt->plan->dynamic[object] >= 0) return *at = asked_for(f, (uint64_t)f->simt->plan->dynamic[object]);
  f->simt->shared_used += (unsigned)bytes;
  if (f->simt->shared_used > f->m->target->limits.shared_bytes)
    emit_fail(f->m, "the buffers of a block do not fit into shared memory");
  return *at = simt_shared(f, f->f->object[object].name, bytes, f->f->object[object].panel_rows ? LAUNCH_ALIGN : 64);
}

void simt_alloc(struct fn *f, const struct lstmt *s) {
  struct val outer = f->base[s->id];
  uint64_t bytes;
  bool demoted = f->f->object[s->id].scope == SCOPE_REG;
  LLVMValueRef p;
  if (f->simt->plan->shared[s->id] || demoted) {
    if (!fixed_bytes(f, s->id, &bytes)) {
      emit_fail(f->m, "buffer '%s' does not fit into shared memory", f->f->object[s->id].name);
      return;
    }
    p = shared_object(f, s->id, bytes);
  } else {
    p = device_buffer(f, s->id);
  }
  f->base[s->id] = mkval(p, cur_level(f), DT_u64, 0);
  emit_stmt(f, s->body[0]);
  f->base[s->id] = outer;
}

/* ---- kernels ---- */

static LLVMTypeRef kernel_type(struct module *m, const struct launch_plan *p) {
  const struct kernel *k = p->f->k;
  LLVMTypeRef *in = ARENA_NEW(m->arena, LLVMTypeRef, k->nparam + p->nbuffer + p->nmap + 1);
  for (unsigned i = 0; i < k->nparam; i++)
    in[i] = k->param[i].kind == PARAM_DIM      ? m->i64
            : k->param[i].kind == PARAM_TENSOR ? m->ptr
                                               : mem_type(m, k->param[i].type);
  for (unsigned i = 0; i < p->nbuffer + p->nmap; i++) in[k->nparam + i] = m->ptr;
  return LLVMFunctionType(m->void_, in, k->nparam + p->nbuffer + p->nmap, 0);
}

static void string_attr(struct module *m, LLVMValueRef fn, const char *name, const char *value) {
  LLVMAttributeRef a = LLVMCreateStringAttribute(m->ctx, name, (unsigned)strlen(name), value, (unsigned)strlen(value));
  LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex, a);
}

/* A tensor map is used where it lies, in the parameters. */
static void map_attrs(struct module *m, LLVMValueRef fn, unsigned param) {
  unsigned kind = LLVMGetEnumAttributeKindForName("byval", 5);
  LLVMAttributeRef byval = LLVMCreateTypeAttribute(m->ctx, kind, LLVMArrayType2(m->i8, 128));
  LLVMAddAttributeAtIndex(fn, param + 1, byval);
  add_attr(m, fn, (int)param + 1, "align", 64);
  const char *grid = "nvvm.grid_constant";
  LLVMAddAttributeAtIndex(fn, param + 1, LLVMCreateStringAttribute(m->ctx, grid, (unsigned)strlen(grid), "", 0));
}

static LLVMValueRef kernel_fn(struct module *m, const struct launch_plan *p, const struct launch_kernel *k) {
  LLVMValueRef fn = LLVMAddFunction(m->mod, k->name, kernel_type(m, p));
  char dim[32];
  snprintf(dim, sizeof dim, "%u,1,1", k->threads);
  LLVMSetFunctionCallConv(fn, PTX_KERNEL);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "convergent", 0);
  string_attr(m, fn, "nvvm.reqntid", dim);
  snprintf(dim, sizeof dim, "%u,1,1", k->cluster);
  if (k->cluster) string_attr(m, fn, "nvvm.cluster_dim", dim);
  for (unsigned i = 0; i < p->nmap; i++) map_attrs(m, fn, p->f->k->nparam + p->nbuffer + i);
  string_attr(m, fn, "nvvm.minctasm", "1"); /* ptxas would rather spill than run one block at a time */
  return fn;
}

static void bind_kernel(struct fn *f) {
  const struct kernel *k = f->f->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    LLVMValueRef v = LLVMGetParam(f->fn, i);
    if (p->kind == PARAM_DIM)
      f->sym[p->ref] = mkval(v, 0, DT_i64, 0);
    else if (p->kind == PARAM_TENSOR)
      f->base[p->ref] = mkval(v, 0, DT_u64, 0);
    else
      f->param[i] = from_memory(f, p->type, v, 0, 0);
  }
  for (unsigned i = 0; i < f->simt->plan->nbuffer; i++)
    if (f->simt->plan->buffer[i].block < 0)
      f->base[f->simt->plan->buffer[i].object] = mkval(LLVMGetParam(f->fn, k->nparam + i), 0, DT_u64, 0);
}

/* No other pointer reaches what is read only; what threads exchange must not be called unaliased, or loads would pass
   barriers. */
static void pointer_attrs(struct fn *f) {
  const struct kernel *k = f->f->k;
  uint8_t *w = ARENA_NEW(f->m->arena, uint8_t, f->f->nobject + 1);
  stmt_effects(f->simt->plan->kernel[f->simt->kernel].body, w, NULL);
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR || f->simt->traded[k->param[i].ref]) continue;
    add_attr(f->m, f->fn, (int)i + 1, "noalias", 0);
    if (!w[k->param[i].ref]) add_attr(f->m, f->fn, (int)i + 1, "readonly", 0);
  }
}

/* Register objects that need memory after all: one for each thread, unless their elements lie along lanes. */
static void find_private(struct fn *f, const struct lstmt *s) {
  if (s->kind == L_ALLOC && f->f->object[s->id].scope == SCOPE_REG && !in_registers(f, s->id))
    f->simt->private[s->id] = !reg_along_lanes(s->id, s);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) find_private(f, s->body[i]);
}

/* ---- aligned arrays ---- */

/* Only of pieces, whose neighbours are all wanted: LLVM fills gaps of what it joins, and would read behind the end. */
static bool in_pieces(struct fn *f, poly_t at) {
  for (unsigned i = 0; i < f->simt->nopen; i++) {
    poly_t coef, rest;
    int64_t c;
    if (poly_split(f->m->arena, at, f->simt->open[i].lane, &coef, &rest) && poly_is_const(coef, &c) && c > 1)
      return true;
  }
  return false;
}

/* Does this alignment rest on what rows are a multiple of? */
static bool by_dims(const struct fn *f, poly_t at, int64_t size, unsigned align) {
  bool any = false;
  for (uint32_t i = 0; i < at->n; i++)
    for (unsigned j = 0; j < at->mono[i].n; j++) {
      sym_t s = at->mono[i].sym[j];
      any |= s < f->f->k->nsym && f->f->k->sym[s].kind == SYM_DIM && at->mono[i].coef * size % align;
    }
  return f->simt->aligned && any;
}

unsigned simt_align(struct fn *f, unsigned object, poly_t at) {
  const struct object *o = &f->f->object[object];
  bool arg = o->scope == SCOPE_ARG;
  int64_t base = arg ? f->simt->aligned : 64, step = poly_divisor(f, at), size = (int64_t)type_size(o->type);
  if (!base || !in_pieces(f, at) || __builtin_mul_overflow(step, size, &step)) return 0;
  unsigned align = (unsigned)gcd64(gcd64(base, step), ALIGN);
  f->simt->claimed |= align > size && (arg || by_dims(f, at, size, align));
  return align > size ? align : 0;
}

/* Symbols that rows of arrays are long by. */
static void row_dims(struct fn *f, bool *dim, unsigned *least) {
  const struct kernel *k = f->f->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR) continue;
    const struct object *o = &f->f->object[k->param[i].ref];
    if (type_size(o->type) < *least) *least = (unsigned)type_size(o->type);
    if (o->rank < 2) continue;
    poly_t p = object_stride(f, o, o->rank - 2u);
    for (uint32_t m = 0; p && m < p->n; m++)
      for (unsigned j = 0; j < p->mono[m].n; j++) dim[p->mono[m].sym[j]] = true;
  }
}

/* All arrays begin at 16 bytes, and all their rows do: 0 when so. */
static LLVMValueRef misalignment(struct fn *f, const bool *dim, unsigned each) {
  const struct kernel *k = f->f->k;
  LLVMValueRef low = LLVMConstInt(f->m->i64, 0, 0), dims = low;
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind == PARAM_TENSOR)
      low = LLVMBuildOr(f->b, low, LLVMBuildPtrToInt(f->b, LLVMGetParam(f->fn, i), f->m->i64, ""), "");
    if (k->param[i].kind == PARAM_DIM && dim[k->param[i].ref])
      dims = LLVMBuildOr(f->b, dims, LLVMGetParam(f->fn, i), "");
  }
  low = LLVMBuildAnd(f->b, low, LLVMConstInt(f->m->i64, ALIGN - 1, 0), "");
  dims = LLVMBuildAnd(f->b, dims, LLVMConstInt(f->m->i64, each - 1, 0), "");
  return LLVMBuildOr(f->b, low, dims, "");
}

struct body {
  const struct launch_kernel *k;
  const bool *dim;
  unsigned each; /* elements in 16 bytes */
  struct val aligned;
};

static void body_aligned(struct fn *f, void *ctx) {
  const struct body *x = ctx;
  f->simt->aligned = ALIGN;
  for (unsigned s = 0; s < f->f->k->nsym; s++)
    if (x->dim[s]) f->divisor[s] = x->each;
  simt_blocks(f, x->k);
  if (!f->simt->producing) simt_out_end(f);
  f->simt->aligned = 0;
  for (unsigned s = 0; s < f->f->k->nsym; s++)
    if (x->dim[s]) f->divisor[s] = 0;
}

static void body_plain(struct fn *f, void *ctx) {
  const struct body *x = ctx;
  if (!f->simt->claimed) return; /* the other body does for all */
  simt_blocks(f, x->k);
}

static void emit_workers(struct fn *f, void *ctx) {
  struct body *x = ctx;
  if (LLVMIsConstant(x->aligned.v)) {
    body_aligned(f, x);
    return;
  }
  emit_branch(f, x->aligned, x->k->body, body_aligned, body_plain, x);
  if (!f->simt->claimed) LLVMReplaceAllUsesWith(x->aligned.v, LLVMConstInt(f->m->i1, 1, 0));
}

/* The warp group that copies: where arrays are not aligned, the workers copy themselves. */
static void emit_copier(struct fn *f, void *ctx) {
  struct body *x = ctx;
  struct val one = vicmp(f, LLVMIntEQ, f->simt->tid, vi64(f, f->simt->threads));
  f->simt->producing = true;
  emit_branch(f, mask_and(f, one, x->aligned), x->k->body, body_aligned, NULL, x);
  f->simt->producing = false;
}

/* Where 16 bytes at a time can be loaded or stored when all is aligned, there is a body for that, and one for all else.
 */
static void emit_bodies(struct fn *f, const struct launch_kernel *k) {
  bool *dim = arena_alloc(f->m->arena, f->f->k->nsym + 1u);
  memset(dim, 0, f->f->k->nsym + 1u);
  struct body x = {.k = k, .dim = dim, .each = ALIGN};
  unsigned least = ALIGN;
  row_dims(f, dim, &least);
  x.each = ALIGN / least;
  simt_mma_init(f);
  simt_wgmma_init(f);
  struct val apart = mkval(misalignment(f, dim, x.each), 0, DT_i64, 0);
  x.aligned = vicmp(f, LLVMIntEQ, apart, vi64(f, 0));
  if (f->simt->grouped)
    simt_rings(f, k->body, emit_workers, emit_copier, &x);
  else
    emit_workers(f, &x);
}

static void emit_kernel(struct module *m, const struct launch_plan *p, unsigned index) {
  const struct launch_kernel *k = &p->kernel[index];
  struct fn f;
  struct simt x = {.plan = p, .kernel = index, .threads = k->workers, .grouped = k->threads > k->workers};
  fn_init(&f, m, p->f, kernel_fn(m, p, k), true);
  LLVMBasicBlockRef body = LLVMGetInsertBlock(f.b);
  f.simt = &x;
  x.private = ARENA_NEW(m->arena, uint8_t, p->f->nobject + 1);
  find_private(&f, k->body);
  fence_init(&f, k);
  for (unsigned i = 0; i < p->f->nobject; i++) x.traded[i] &= !x.private[i];
  pointer_attrs(&f);
  bind_kernel(&f);
  x.tid = mkval(LLVMBuildZExt(f.b, simt_sreg(&f, "tid.x"), m->i64, ""), 0, DT_i64, 0);
  x.shared = ARENA_NEW(m->arena, LLVMValueRef, p->f->nobject + 1);
  memset(x.shared, 0, (p->f->nobject + 1u) * sizeof *x.shared);
  emit_bodies(&f, k);
  if (k->cluster) simt_cluster_meet(&f, false);
  LLVMBuildRetVoid(f.b);
  LLVMPositionBuilderAtEnd(f.b, f.entry);
  LLVMBuildBr(f.b, body);
  LLVMDisposeBuilder(f.b);
}

void emit_kernels(struct module *m, const struct lfunc *lf) {
  struct launch_plan *p = ARENA_NEW(m->arena, struct launch_plan, 1);
  const char *why = "";
  if (launch_plan_make(m->arena, lf, &m->target->limits, p, &why) != ST_OK) {
    emit_fail(m, "%s", why);
    return;
  }
  for (unsigned i = 0; i < p->nkernel && !m->fail; i++) emit_kernel(m, p, i);
}
