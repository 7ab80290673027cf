/* Whole tiles of a result by boxes of a tensor map (sm_90a): the nest that copies them from shared memory
   (codegen/lower/out.c) becomes a few stores of which one thread asks for, and which go on while the block does
   something else. What the threads have written is shown to them by the fence that stands before each barrier
   (simt_fence.c). Before the buffer is filled again that thread waits until it was read, and before the kernel ends
   until all is stored. Arrays that are not aligned have no maps: the threads copy. */
#include "codegen/emit/build.h"
#include <stdio.h>

enum { SHARED_SPACE = 3 };

static const struct lstmt *inmost(const struct lstmt *s) {
  while (s->kind == L_FOR && s->nbody && s->body[0]) s = s->body[0];
  return s;
}

/* The map of boxes that lie in this buffer on their way out. */
static const struct launch_map *map_of(const struct fn *f, unsigned object, unsigned *number) {
  const struct launch_plan *p = f->simt->plan;
  const struct object *o = &f->f->object[object];
  if (!f->simt->aligned || !f->simt->grouped || o->stages || !o->panel_rows) return NULL;
  for (unsigned i = 0; i < p->nmap; i++)
    if (p->map[i].object == object) return *number = i, &p->map[i];
  return NULL;
}

static LLVMValueRef call(struct fn *f, const char *name, LLVMValueRef *arg, unsigned n) {
  return call_intrinsic(f->m, f->b, name, NULL, 0, arg, n);
}

/* In the first thread only. */
static LLVMBasicBlockRef begin_first(struct fn *f) {
  LLVMBasicBlockRef one = new_block(f, "first"), on = new_block(f, "all");
  LLVMValueRef first = LLVMBuildICmp(f->b, LLVMIntEQ, f->simt->tid.v, LLVMConstInt(f->m->i64, 0, 0), "");
  LLVMBuildCondBr(f->b, first, one, on);
  LLVMPositionBuilderAtEnd(f->b, one);
  return on;
}

static void end_first(struct fn *f, LLVMBasicBlockRef on) {
  LLVMBuildBr(f->b, on);
  LLVMPositionBuilderAtEnd(f->b, on);
}

/* How many of this thread's groups may be under way still: none. read: until their bytes were read, else stored. */
static void wait_groups(struct fn *f, bool read) {
  LLVMValueRef none = LLVMConstInt(f->m->i32, 0, 0);
  LLVMBasicBlockRef on = begin_first(f);
  call(f, read ? "llvm.nvvm.cp.async.bulk.wait.group.read" : "llvm.nvvm.cp.async.bulk.wait.group", &none, 1);
  end_first(f, on);
}

/* Where the box begins: all loops of the nest at 0; innermost dimension first. */
static void find_corner(struct fn *f, const struct lstmt *s, const struct access *to, LLVMValueRef *at) {
  const struct lstmt *x;
  for (x = s; x->kind == L_FOR; x = x->body[0]) f->env[x->sym] = poly_const(f->m->arena, 0);
  for (unsigned d = 0; d < to->rank; d++) {
    struct val v = fn_poly(f, fn_subst(f, to->ix[d].poly));
    at[to->rank - 1 - d] = LLVMBuildTrunc(f->b, v.v, f->m->i32, "");
  }
  for (x = s; x->kind == L_FOR; x = x->body[0]) f->env[x->sym] = NULL;
}

static void store_boxes(struct fn *f, const struct lstmt *s, unsigned object, unsigned number) {
  const struct object *o = &f->f->object[object];
  const struct access *to = inmost(s)->acc;
  struct module *m = f->m;
  unsigned wide = (unsigned)(PANEL_BYTES / type_size((enum dtype)o->type));
  LLVMValueRef corner[LAUNCH_RANK], arg[LAUNCH_RANK + 4];
  LLVMValueRef map = LLVMGetParam(f->fn, f->f->k->nparam + f->simt->plan->nbuffer + number);
  LLVMTypeRef shared = LLVMPointerTypeInContext(m->ctx, SHARED_SPACE);
  char name[64];
  snprintf(name, sizeof name, "llvm.nvvm.cp.async.bulk.tensor.s2g.tile.%ud", (unsigned)to->rank);
  find_corner(f, s, to, corner);
  LLVMBasicBlockRef on = begin_first(f);
  for (unsigned p = 0; p * wide < o->panel_cols; p++) {
    LLVMValueRef off = LLVMConstInt(m->i64, (uint64_t)p * o->panel_rows * PANEL_BYTES, 0);
    LLVMValueRef from = LLVMBuildGEP2(f->b, m->i8, f->base[object].v, &off, 1, "");
    unsigned n = 0;
    arg[n++] = LLVMBuildAddrSpaceCast(f->b, from, shared, "");
    arg[n++] = map;
    for (unsigned d = 0; d < to->rank; d++)
      arg[n++] = d ? corner[d] : LLVMBuildAdd(f->b, corner[0], LLVMConstInt(m->i32, (uint64_t)p * wide, 0), "");
    arg[n++] = LLVMConstInt(m->i64, 0, 0);
    arg[n++] = LLVMConstInt(m->i1, 0, 0);
    call(f, name, arg, n);
  }
  call(f, "llvm.nvvm.cp.async.bulk.commit.group", NULL, 0);
  end_first(f, on);
}

bool simt_out(struct fn *f, const struct lstmt *s) {
  const struct lstmt *st = inmost(s);
  unsigned number;
  if (st->kind != L_STORE || st->value->kind != E_READ || !map_of(f, st->value->acc->tensor, &number)) return false;
  f->simt->claimed = true;
  store_boxes(f, s, st->value->acc->tensor, number);
  return true;
}

void simt_out_begin(struct fn *f, const struct lstmt *s) {
  const struct lstmt *st = inmost(s);
  unsigned number;
  if (st->kind != L_STORE || !map_of(f, st->acc->tensor, &number)) return;
  wait_groups(f, true);
  emit_barrier(f);
}

static bool allocates(const struct lstmt *s, unsigned object) {
  if (s->kind == L_ALLOC && s->id == object) return true;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && allocates(s->body[i], object)) return true;
  return false;
}

void simt_out_end(struct fn *f) {
  const struct launch_plan *p = f->simt->plan;
  const struct lstmt *body = p->kernel[f->simt->kernel].body;
  unsigned number;
  bool any = false;
  for (unsigned i = 0; i < p->nmap; i++)
    any |= map_of(f, p->map[i].object, &number) && allocates(body, p->map[i].object);
  if (any) wait_groups(f, false);
}
