/* Which iterations of a kernel's parallel loops a block takes. The block's number is split over the loops, the last one
   fastest; with a raster, stretches of the outer of two are walked as a whole before the next, so that blocks that run
   together share what they read. A grid that has fewer blocks than there are iterations (`persist`) takes them in
   turns, as many apart as it has blocks: around the body stands a loop, in the copier's part as in the workers', so
   operands of the next turn are asked for while the last one is finished. With clusters (`cluster`) all that counts
   clusters, whose blocks are neighbours along their loop. Numbers of blocks fit into 31 bits. */
#include "codegen/emit/build.h"

static LLVMValueRef k64(struct fn *f, int64_t c) {
  return LLVMConstInt(f->m->i64, (uint64_t)c, 1);
}

/* In 32 bits: divisions are long. */
static LLVMValueRef number(struct fn *f, LLVMOpcode op, LLVMValueRef a, LLVMValueRef b) {
  a = LLVMBuildTrunc(f->b, a, f->m->i32, ""), b = LLVMBuildTrunc(f->b, b, f->m->i32, "");
  return LLVMBuildZExt(f->b, LLVMBuildBinOp(f->b, op, a, b, ""), f->m->i64, "");
}

static LLVMValueRef special(struct fn *f, const char *name) {
  return LLVMBuildZExt(f->b, simt_sreg(f, name), f->m->i64, "");
}

/* Neighbours along the loop that run together. */
static unsigned together(const struct fn *f, const struct lstmt *s) {
  return s->cluster > 1 && f->simt->plan->kernel[f->simt->kernel].cluster ? s->cluster : 1;
}

/* Of the blocks that run together, or of blocks: how many there are (nctaid.x), which one it is (ctaid.x). */
static LLVMValueRef in_clusters(struct fn *f, const char *name) {
  unsigned n = f->simt->plan->kernel[f->simt->kernel].cluster;
  LLVMValueRef v = special(f, name);
  return n > 1 ? LLVMBuildUDiv(f->b, v, k64(f, n), "") : v;
}

/* Iterations of the loop; clusters of them. */
static LLVMValueRef trips(struct fn *f, const struct lstmt *s) {
  struct range r;
  find_range(f, s, &r);
  LLVMValueRef span = LLVMBuildSub(f->b, fn_poly(f, r.hi).v, fn_poly(f, r.lo).v, "");
  LLVMValueRef n = LLVMBuildSDiv(f->b, LLVMBuildAdd(f->b, span, k64(f, s->step - 1), ""), k64(f, s->step), "");
  if (together(f, s) > 1) return LLVMBuildSDiv(f->b, n, k64(f, together(f, s)), "");
  if (!s->once) return n;
  LLVMValueRef none = LLVMBuildICmp(f->b, LLVMIntSLT, n, k64(f, 1), "");
  return LLVMBuildSelect(f->b, none, k64(f, 1), n, "");
}

/* The loop is in its iteration number `at`. */
static void bind(struct fn *f, const struct lstmt *s, LLVMValueRef at) {
  struct arena *a = f->m->arena;
  struct range r;
  find_range(f, s, &r);
  if (together(f, s) > 1)
    at = LLVMBuildAdd(f->b, LLVMBuildMul(f->b, at, k64(f, together(f, s)), ""), special(f, "cluster.ctarank"), "");
  at = LLVMBuildAdd(f->b, fn_poly(f, r.lo).v, LLVMBuildMul(f->b, at, k64(f, s->step), ""), "");
  f->sym[s->sym] = mkval(at, cur_level(f), DT_i64, 0);
  f->divisor[s->sym] = gcd64(poly_divisor(f, r.lo), s->step);
  poly_t x = poly_sym(a, s->sym);
  for (unsigned j = 0; j < r.nlo; j++) fact_add(f, poly_sub(a, x, r.los[j]));
  for (unsigned j = 0; j < r.nhi && !s->once; j++) fact_add(f, poly_addc(a, poly_sub(a, r.his[j], x), -1));
}

/* Iteration `at` of both loops together: `raster` iterations of the outer one at a time, fewer in the last stretch. */
static void bind_raster(struct fn *f, const struct lstmt *outer, LLVMValueRef rows, LLVMValueRef cols,
                        LLVMValueRef at) {
  LLVMValueRef many = k64(f, outer->raster), each = LLVMBuildMul(f->b, cols, many, "");
  LLVMValueRef first = LLVMBuildMul(f->b, number(f, LLVMUDiv, at, each), many, "");
  LLVMValueRef left = LLVMBuildSub(f->b, rows, first, ""), inside = number(f, LLVMURem, at, each);
  LLVMValueRef cut = LLVMBuildICmp(f->b, LLVMIntSLT, left, many, ""), high = LLVMBuildSelect(f->b, cut, left, many, "");
  bind(f, outer, LLVMBuildAdd(f->b, first, number(f, LLVMURem, inside, high), ""));
  bind(f, outer->body[0], number(f, LLVMUDiv, inside, high));
}

static void bind_all(struct fn *f, const struct launch_kernel *k, LLVMValueRef rest) {
  for (unsigned i = k->nloop; i-- > 0;) {
    bool raster = i && k->loop[i - 1]->raster;
    LLVMValueRef n = i ? trips(f, k->loop[i]) : NULL, at = rest, rows = NULL, all = n;
    if (raster) {
      rows = trips(f, k->loop[i - 1]);
      all = LLVMBuildMul(f->b, n, rows, "");
    }
    if (i > raster) {
      at = number(f, LLVMURem, rest, all);
      rest = number(f, LLVMUDiv, rest, all);
    }
    if (raster)
      bind_raster(f, k->loop[--i], rows, n, at);
    else
      bind(f, k->loop[i], at);
  }
}

/* ---- turns ---- */

/* How often this block's turn comes. */
static LLVMValueRef turns_of(struct fn *f, const struct launch_kernel *k) {
  LLVMValueRef all = k64(f, 1), blocks = in_clusters(f, "nctaid.x");
  for (unsigned i = 0; i < k->nloop; i++) all = LLVMBuildMul(f->b, all, trips(f, k->loop[i]), "");
  LLVMValueRef left = LLVMBuildSub(f->b, all, in_clusters(f, "ctaid.x"), "");
  return number(f, LLVMUDiv, LLVMBuildAdd(f->b, left, LLVMBuildSub(f->b, blocks, k64(f, 1), ""), ""), blocks);
}

bool simt_turn(struct fn *f, const struct lstmt *s) {
  struct simt *x = f->simt;
  if (s != x->turn) return false;
  poly_t turn = fn_subst(f, poly_sym(f->m->arena, x->turns));
  LLVMValueRef at = LLVMBuildMul(f->b, fn_poly(f, turn).v, in_clusters(f, "nctaid.x"), "");
  bind_all(f, &x->plan->kernel[x->kernel], LLVMBuildAdd(f->b, at, in_clusters(f, "ctaid.x"), ""));
  emit_stmt(f, s->body[0]);
  return true;
}

void simt_blocks(struct fn *f, const struct launch_kernel *k) {
  struct arena *a = f->m->arena;
  if (!k->most) {
    bind_all(f, k, in_clusters(f, "ctaid.x"));
    emit_stmt(f, k->body);
    return;
  }
  sym_t count = fresh_sym(f, mkval(turns_of(f, k), cur_level(f), DT_i64, 0));
  struct lstmt **body = arena_dup(a, &k->body, sizeof k->body), *turn = loop_block(a, 1, body);
  f->simt->turn = turn;
  f->simt->turns = fresh_sym(f, vi64(f, 0));
  struct lstmt *loop = loop_for(a, F_SERIAL, f->simt->turns, poly_const(a, 0), poly_sym(a, count), 1, turn);
  loop->once = true; /* no more blocks than iterations */
  emit_stmt(f, loop);
  f->simt->turn = NULL;
}
