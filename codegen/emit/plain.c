/* Functions that are compiled as written: what SOURCE says, and LLVM's own passes over it. Raised forms get none of
   them: their schedules have decided what these passes would guess. What C promises is said to LLVM: addresses lie
   within their objects, restrict, signed subscripts do not wrap; and with --fp reassoc that sums may be re-ordered (no
   other operation: compensated sums keep their meaning).

   The list is that of LLVM's -O3 for one function. Left out are passes that move code between functions, and what C of
   this kind does not need. Loop strength reduction, which is off for raised forms (module.c), is among them here. */
#include "codegen/emit/build.h"
#include <llvm-c/Error.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

#define COMBINE  "instcombine<no-verify-fixpoint>,"
#define SIMPLIFY "simplifycfg<keep-loops>,"
#define SINK     "simplifycfg<keep-loops;hoist-common-insts;sink-common-insts>,"
#define TIDY     "simplifycfg<switch-range-to-icmp;no-keep-loops;hoist-common-insts;sink-common-insts;speculate-blocks>,"
#define HOIST    "licm<allowspeculation>"
static const char passes[] = /* a while loop is turned first: then its early exits are threaded out of it */
    "sroa,early-cse<memssa>,loop(loop-rotate),jump-threading,correlated-propagation," SIMPLIFY COMBINE
    "aggressive-instcombine," SIMPLIFY "reassociate,constraint-elimination,"
    "loop-mssa(loop-instsimplify,loop-simplifycfg,licm<no-allowspeculation>,loop-rotate," HOIST ","
    "simple-loop-unswitch<nontrivial;trivial>)," SIMPLIFY COMBINE
    "loop(loop-idiom,indvars,loop-deletion,loop-unroll-full),sroa,vector-combine,mldst-motion,gvn,sccp,bdce," COMBINE
    "jump-threading,correlated-propagation,adce,memcpyopt,dse,loop-mssa(" HOIST ")," SINK COMBINE
    "loop(loop-rotate,loop-deletion),loop-distribute,loop-vectorize,infer-alignment,loop-load-elim," COMBINE TIDY
    "slp-vectorizer,vector-combine," COMBINE "loop-unroll<O3>,sroa," COMBINE "loop-mssa(" HOIST "),"
    "instsimplify,div-rem-pairs,simplifycfg,loop(loop-reduce)";

/* More than this takes seconds: it stays as it was built. */
enum { MAX_INSTRUCTIONS = 6000 };

static unsigned instructions(LLVMValueRef fn) {
  unsigned n = 0;
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(fn); b; b = LLVMGetNextBasicBlock(b))
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) n++;
  return n;
}

void plain_passes(struct module *m, LLVMValueRef fn, const char *list) {
  LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
  LLVMPassBuilderOptionsSetLoopVectorization(o, 1);
  LLVMPassBuilderOptionsSetSLPVectorization(o, 1);
  LLVMPassBuilderOptionsSetLoopInterleaving(o, 1);
  LLVMErrorRef e = fn ? LLVMRunPassesOnFunction(fn, list, m->tm, o) : LLVMRunPasses(m->mod, list, m->tm, o);
  LLVMDisposePassBuilderOptions(o);
  if (!e) return;
  char *text = LLVMGetErrorMessage(e);
  emit_fail(m, "internal: %s", text);
  LLVMDisposeErrorMessage(text);
}

static void optimise(struct module *m, LLVMValueRef fn) {
  if (m->fail || *m->retry) return;
  if (instructions(fn) <= MAX_INSTRUCTIONS) plain_passes(m, fn, passes);
  plain_math_finish(m);
}

/* Dims are 64 bits wide here and mostly fewer in C: only when LLVM knows that does it see that sums and products of
   them stay within 64 bits, without which it loads no interleaved elements as vectors. */
static void dim_ranges(struct module *m, const struct kernel *k, LLVMValueRef fn) {
  unsigned kind = LLVMGetEnumAttributeKindForName("range", 5);
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    unsigned bits = 8 * (unsigned)type_size(p->type);
    if (p->kind != PARAM_DIM || bits >= 64) continue;
    bool is_signed = type_is_signed(p->type);
    uint64_t end = (uint64_t)1 << (is_signed ? bits - 1 : bits), start = is_signed ? -end : 0;
    LLVMAddAttributeAtIndex(fn, i + 1, LLVMCreateConstantRangeAttribute(m->ctx, kind, 64, &start, &end));
  }
}

LLVMValueRef plain_function(struct module *m, const struct lfunc *f, const char *name, bool noalias) {
  bool streamed;
  m->plain = true;
  LLVMValueRef fn = emit_body(m, f, name, noalias, 0, &streamed);
  m->plain = false;
  dim_ranges(m, f->k, fn);
  optimise(m, fn);
  return fn;
}

/* --- signed subscripts --- */

/* Locals that e is a sum of. */
static void mark_sum(expr_t e, uint8_t *locals) {
  if (e->kind == E_LOCAL) locals[e->id] = 1;
  if (e->kind == E_CAST) mark_sum(e->kid[0], locals);
  if (e->kind == E_OP && (e->op == OP_add || e->op == OP_sub))
    for (unsigned i = 0; i < e->nkid; i++) mark_sum(e->kid[i], locals);
}

static void mark_access(const struct access *acc, uint8_t *locals) {
  for (unsigned d = 0; d < acc->rank; d++)
    if (acc->ix[d].dyn) mark_sum(acc->ix[d].dyn, locals);
}

static void mark_read(expr_t e, void *locals) {
  if (e->kind == E_READ) mark_access(e->acc, locals);
}

static void mark_subscripts(const struct lstmt *s, uint8_t *locals) {
  if (s->acc) mark_access(s->acc, locals);
  if (s->value) expr_visit(s->value, mark_read, locals);
  if (s->cond) expr_visit(s->cond, mark_read, locals);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) mark_subscripts(s->body[i], locals);
}

/* Locals that marked ones are sums of. */
static void mark_sources(const struct lstmt *s, uint8_t *locals) {
  if (s->kind == L_SET && locals[s->id]) mark_sum(s->value, locals);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) mark_sources(s->body[i], locals);
}

void plain_init(struct fn *f) {
  enum { ROUNDS = 3 }; /* i = j, j = k + 1: chains are short */
  uint8_t *locals = ARENA_NEW(f->m->arena, uint8_t, f->f->nlocal + 1u);
  mark_subscripts(f->f->body, locals);
  for (int i = 0; i < ROUNDS; i++) mark_sources(f->f->body, locals);
  f->subscript = locals;
}

void plain_set(struct fn *f, const struct lstmt *s) {
  expr_t e = s->value;
  f->no_wrap = f->subscript[s->id] && e->kind == E_OP && (e->op == OP_add || e->op == OP_sub) &&
               e->kid[0]->kind != E_OP && e->kid[1]->kind != E_OP;
}

/* Only sums and products of signed numbers: nothing that C lets wrap, or that is cut to a few bits. */
static bool never_wraps(expr_t e, int depth) {
  if (depth == 0) return false;
  switch (e->kind) {
  case E_CONST:
  case E_LOCAL:
  case E_SCALAR:
  case E_POLY:
    return type_is_int(e->type) && type_is_signed(e->type);
  case E_CAST:
    return type_is_int(e->type) && type_is_signed(e->type) && type_size(e->type) >= type_size(e->kid[0]->type) &&
           never_wraps(e->kid[0], depth - 1);
  case E_OP:
    return (e->op == OP_add || e->op == OP_sub || e->op == OP_mul) && never_wraps(e->kid[0], depth - 1) &&
           never_wraps(e->kid[1], depth - 1);
  default:
    return false;
  }
}

struct val plain_subscript(struct fn *f, expr_t e) {
  bool outer = f->no_wrap;
  f->no_wrap = never_wraps(e, 8);
  struct val v = emit_expr(f, e);
  f->no_wrap = outer;
  return v;
}

/* i64(i32(i) / 2): a counter of type int, in the width of addresses. Only then does LLVM see how i / 2 moves with i. */
static bool is_wide(expr_t e, int depth) {
  if (depth == 0 || !type_is_int(e->type) || !type_is_signed(e->type)) return false;
  if (e->kind == E_POLY) return true;
  if (e->kind == E_CAST)
    return e->kid[0]->kind == E_POLY ||
           (type_size(e->type) >= type_size(e->kid[0]->type) && is_wide(e->kid[0], depth - 1));
  if (e->kind != E_OP) return false;
  if (e->op == OP_div || e->op == OP_rem)
    return e->kid[1]->kind == E_CONST && e->kid[1]->val.i > 0 && is_wide(e->kid[0], depth - 1);
  bool sum = e->op == OP_add || e->op == OP_sub || e->op == OP_mul;
  for (unsigned i = 0; sum && i < 2; i++) sum = e->kid[i]->kind == E_CONST || is_wide(e->kid[i], depth - 1);
  return sum;
}

static struct val wide(struct fn *f, expr_t e) {
  if (e->kind == E_CONST) return vi64(f, e->val.i);
  if (e->kind == E_POLY) return fn_poly(f, fn_subst(f, e->poly));
  struct val a = wide(f, e->kid[0]);
  if (e->kind == E_CAST) return a;
  static const struct {
    enum op op;
    LLVMOpcode code;
  } codes[] = {{OP_div, LLVMSDiv}, {OP_rem, LLVMSRem}, {OP_sub, LLVMSub}, {OP_mul, LLVMMul}};
  LLVMOpcode code = LLVMAdd;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (codes[i].op == (enum op)e->op) code = codes[i].code;
  return vbin(f, code, a, wide(f, e->kid[1]), false);
}

bool plain_wide(struct fn *f, expr_t e, struct val *out) {
  bool yes = e->type == DT_i64 && e->kid[0]->kind == E_OP && is_wide(e->kid[0], 8);
  if (yes) *out = wide(f, e->kid[0]);
  return yes;
}

/* Not where the value cache gave an addition that stands elsewhere, too. */
void plain_no_wrap(struct val v) {
  LLVMOpcode op = LLVMIsAInstruction(v.v) ? LLVMGetInstructionOpcode(v.v) : LLVMUnreachable;
  if ((op == LLVMAdd || op == LLVMSub) && !LLVMGetFirstUse(v.v)) LLVMSetNSW(v.v, 1);
}

/* --- sums --- */

static bool is_target(expr_t e, const struct lstmt *s) {
  if (s->kind == L_SET) return e->kind == E_LOCAL && e->id == s->id;
  return e->kind == E_READ && access_eq(e->acc, s->acc);
}

/* x = x + e, x = x * e and their like. */
static bool accumulates(const struct lstmt *s) {
  expr_t e = s->value;
  if (e->kind != E_OP || !type_is_float(e->type)) return false;
  if (e->op == OP_sub) return is_target(e->kid[0], s);
  return (e->op == OP_add || e->op == OP_mul) && (is_target(e->kid[0], s) || is_target(e->kid[1], s));
}

void plain_value(struct fn *f, const struct lstmt *s, struct val v) {
  f->no_wrap = false;
  if (!f->reassoc || !accumulates(s) || !LLVMIsAInstruction(v.v)) return;
  LLVMOpcode op = LLVMGetInstructionOpcode(v.v);
  if (op == LLVMFAdd || op == LLVMFSub || op == LLVMFMul)
    LLVMSetFastMathFlags(v.v, LLVMFastMathAllowContract | LLVMFastMathAllowReassoc);
}

/* --- addresses --- */

struct val plain_address(struct fn *f, struct val base, poly_t elements, struct val dyn, unsigned size) {
  struct module *m = f->m;
  LLVMTypeRef unit = size == 1 ? m->i8 : size == 2 ? m->i16 : size == 4 ? m->i32 : m->i64;
  struct val at = fn_poly(f, elements);
  if (dyn.v) at = vbin(f, LLVMAdd, at, dyn, false);
  unsigned level = place_level(f, base.level > at.level ? base.level : at.level);
  place_at(f, level);
  struct val r = mkval(LLVMBuildInBoundsGEP2(f->b, unit, base.v, &at.v, 1, ""), level, DT_u64, 0);
  place_back(f);
  return r;
}
