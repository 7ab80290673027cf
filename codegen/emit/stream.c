/* Non-temporal stores. They need aligned addresses, which a C caller does not promise. So a function that streams is
   made up to three times, and a small one in front picks by the addresses of the arrays that it streams to: all at a
   vector's boundary (whole vectors bypass the caches), all at 16 bytes (what malloc gives: a vector leaves in pieces of
   16, the lines fill up all the same), anything else (ordinary stores). Whether an address inside of an array is
   aligned follows from strides and steps; where it does not, or lanes are masked, the store is an ordinary one. They
   are weakly ordered: each function that made some ends with a fence. */
#include "codegen/emit/build.h"
#include <stdio.h>
#include <string.h>

enum { PIECE = 16 };

int64_t gcd64(int64_t a, int64_t b) {
  while (b) {
    int64_t t = a % b;
    a = b;
    b = t;
  }
  return a < 0 ? -a : a;
}

/* A number that divides p whatever its symbols are; 0: p is 0. */
int64_t poly_divisor(const struct fn *f, poly_t p) {
  int64_t g = 0;
  for (uint32_t i = 0; i < p->n; i++) {
    int64_t c = p->mono[i].coef;
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      int64_t m = f->divisor[p->mono[i].sym[j]];
      if (m > 1 && __builtin_mul_overflow(c, m, &c)) return 1;
    }
    g = gcd64(g, c);
  }
  return g;
}

/* What is known to divide the address of the first lane; 1: nothing. */
static unsigned known_align(struct fn *f, const struct access *acc) {
  const struct object *o = &f->f->object[acc->tensor];
  int64_t base = o->scope == SCOPE_ARG ? f->stream_align : 64, c;
  poly_t p = fn_subst(f, access_poly(f, acc)), coef, rest;
  for (unsigned d = 0; d < acc->rank; d++)
    if (acc->ix[d].dyn) return 1;
  if (!poly_split(f->m->arena, p, f->lane, &coef, &rest) || !poly_is_const(coef, &c) || c != 1) return 1;
  int64_t step = poly_divisor(f, rest);
  if (__builtin_mul_overflow(step, (int64_t)type_size(o->type), &step)) return 1;
  return (unsigned)gcd64(base, step);
}

static void mark(struct fn *f, LLVMValueRef store, unsigned align) {
  LLVMMetadataRef one = LLVMValueAsMetadata(LLVMConstInt(f->m->i32, 1, 0));
  LLVMMetadataRef node = LLVMMDNodeInContext2(f->m->ctx, &one, 1);
  LLVMSetMetadata(store, LLVMGetMDKindIDInContext(f->m->ctx, "nontemporal", 11), LLVMMetadataAsValue(f->m->ctx, node));
  LLVMSetAlignment(store, align);
}

static LLVMValueRef elements(struct fn *f, LLVMValueRef v, unsigned first, unsigned n) {
  LLVMValueRef idx[LANE_LIMIT];
  for (unsigned i = 0; i < n; i++) idx[i] = LLVMConstInt(f->m->i32, first + i, 0);
  return LLVMBuildShuffleVector(f->b, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(idx, n), "");
}

/* Stores the vector v, as it lies in memory, at `at`. false: not aligned, nothing is done. */
bool stream_store(struct fn *f, const struct access *acc, LLVMValueRef v, LLVMValueRef at) {
  unsigned size = (unsigned)type_size(f->f->object[acc->tensor].type), lanes = f->lanes, bytes = size * lanes;
  if (!f->stream_align || bytes < PIECE) return false;
  unsigned align = known_align(f, acc),
           part = bytes < f->m->target->limits.vector_bytes ? bytes : f->m->target->limits.vector_bytes;
  if (align < PIECE) return false;
  if (align < part) part = PIECE;
  for (unsigned i = 0; i < lanes; i += part / size) {
    LLVMValueRef off = LLVMConstInt(f->m->i64, i * size, 0);
    LLVMValueRef p = i ? LLVMBuildGEP2(f->b, f->m->i8, at, &off, 1, "") : at;
    mark(f, LLVMBuildStore(f->b, part == bytes ? v : elements(f, v, i, part / size), p), part);
  }
  f->streamed = true;
  return true;
}

/* Before the end of a function. */
void stream_fence(struct fn *f) {
  if (f->streamed) call_intrinsic(f->m, f->b, "llvm.x86.sse.sfence", NULL, 0, NULL, 0);
}

/* --- which body --- */

static void find_streams(const struct lstmt *s, uint8_t *objects) {
  if (s->kind == L_STORE && s->nontemporal) objects[s->acc->tensor] = 1;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) find_streams(s->body[i], objects);
}

struct pick {
  struct module *m;
  const struct lfunc *f;
  LLVMBuilderRef b;
  LLVMValueRef fn, low; /* low: the addresses or-ed */
};

static void call_body(struct pick *x, LLVMValueRef body) {
  LLVMValueRef *arg = ARENA_NEW(x->m->arena, LLVMValueRef, x->f->k->nparam + 1u);
  for (unsigned i = 0; i < x->f->k->nparam; i++) arg[i] = LLVMGetParam(x->fn, i);
  LLVMSetTailCall(LLVMBuildCall2(x->b, internal_type(x->m, x->f->k), body, arg, x->f->k->nparam, ""), 1);
  LLVMBuildRetVoid(x->b);
}

/* if (addresses & (align - 1)) == 0: that body. */
static void pick_body(struct pick *x, unsigned align, LLVMValueRef body) {
  LLVMBasicBlockRef yes = LLVMAppendBasicBlockInContext(x->m->ctx, x->fn, "aligned"),
                    no = LLVMAppendBasicBlockInContext(x->m->ctx, x->fn, "next");
  LLVMValueRef rest = LLVMBuildAnd(x->b, x->low, LLVMConstInt(x->m->i64, align - 1, 0), "");
  LLVMBuildCondBr(x->b, LLVMBuildIsNull(x->b, rest, ""), yes, no);
  LLVMPositionBuilderAtEnd(x->b, yes);
  call_body(x, body);
  LLVMPositionBuilderAtEnd(x->b, no);
}

static LLVMValueRef or_addresses(struct pick *x, const uint8_t *objects) {
  const struct kernel *k = x->f->k;
  LLVMValueRef sum = LLVMConstInt(x->m->i64, 0, 0);
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR || !objects[k->param[i].ref]) continue;
    LLVMValueRef p = LLVMBuildPtrToInt(x->b, LLVMGetParam(x->fn, i), x->m->i64, "");
    sum = LLVMBuildOr(x->b, sum, p, "");
  }
  return sum;
}

static LLVMValueRef front(struct module *m, const struct lfunc *lf, const char *name, const uint8_t *objects,
                          LLVMValueRef whole, LLVMValueRef pieces, LLVMValueRef plain) {
  struct pick x = {.m = m, .f = lf};
  x.fn = LLVMAddFunction(m->mod, name, internal_type(m, lf->k));
  LLVMSetLinkage(x.fn, LLVMInternalLinkage);
  add_attr(m, x.fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  x.b = LLVMCreateBuilderInContext(m->ctx);
  LLVMPositionBuilderAtEnd(x.b, LLVMAppendBasicBlockInContext(m->ctx, x.fn, "entry"));
  x.low = or_addresses(&x, objects);
  pick_body(&x, 64, whole);
  if (pieces) pick_body(&x, PIECE, pieces);
  call_body(&x, plain);
  LLVMDisposeBuilder(x.b);
  return x.fn;
}

LLVMValueRef emit_function(struct module *m, const struct lfunc *lf, const char *name, bool noalias) {
  uint8_t *objects = ARENA_NEW(m->arena, uint8_t, lf->nobject + 1u);
  char part[96];
  bool any = false, args = false, streamed;
  find_streams(lf->body, objects);
  for (unsigned i = 0; i < lf->nobject; i++) {
    any |= objects[i];
    args |= objects[i] && lf->object[i].scope == SCOPE_ARG;
  }
  if (!any || strncmp(m->target->triple, "x86_64", 6) != 0) return emit_body(m, lf, name, noalias, 0, &streamed);
  snprintf(part, sizeof part, "%s%s", name, args ? ".whole" : "");
  LLVMValueRef whole = emit_body(m, lf, part, noalias, 64, &streamed);
  if (!args || !streamed) return whole;
  snprintf(part, sizeof part, "%s.pieces", name);
  LLVMValueRef pieces = emit_body(m, lf, part, noalias, PIECE, &streamed);
  snprintf(part, sizeof part, "%s.plain", name);
  return front(m, lf, name, objects, whole, pieces, emit_body(m, lf, part, noalias, 0, &streamed));
}
