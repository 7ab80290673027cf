/* Loops that stage operands ahead (objects with `stages`): the first statement of the body, the copying, runs some
   iterations ahead of the rest, by cp.async into buffers in turn. Before the loop the first copies are issued, one
   group each; an iteration waits for its own group, meets all threads of the block (they have seen it, too, and are
   done with the buffer that comes next), issues the copy furthest ahead, and does the rest. Pieces that are not known
   to lie at 4 bytes at least are copied by ordinary loads and stores at the same places: the same order holds for them.
 */
#include "codegen/emit/build.h"
#include <stdio.h>
#include <string.h>

enum { GLOBAL_SPACE = 1, SHARED_SPACE = 3, MOST_BYTES = 16, LEAST_BYTES = 4, GUARDS = 16 };

struct staging {
  const struct lstmt *loop, *body; /* the body: the copying first */
  struct range r;
  unsigned n;            /* buffers */
  const uint8_t *object; /* [nobject] staged by it */
  struct val *first;     /* [nobject] the first buffer of each */
};

/* ---- which loops ---- */

static bool only_staged(struct fn *f, const uint8_t *written, unsigned *n) {
  *n = 0;
  for (unsigned i = 0; i < f->f->nobject; i++) {
    unsigned stages = f->f->object[i].stages;
    if (!written[i]) continue;
    if (stages < 2 || !f->simt->plan->shared[i] || (*n && *n != stages)) return false;
    *n = stages;
  }
  return *n > 1;
}

static bool find_staging(struct fn *f, const struct lstmt *s, struct staging *x) {
  const struct lstmt *body = s->body[0];
  int64_t n;
  if (s->fkind != F_SERIAL || body->kind != L_BLOCK || body->nbody < 2 || !body->body[0]) return false;
  uint8_t *written = ARENA_NEW(f->m->arena, uint8_t, f->f->nobject + 1);
  stmt_effects(body->body[0], written, NULL);
  *x = (struct staging){.loop = s, .body = body, .object = written};
  if (!only_staged(f, written, &x->n)) return false;
  find_range(f, s, &x->r);
  return !poly_is_const(poly_sub(f->m->arena, x->r.hi, x->r.lo), &n) || n > s->step;
}

/* ---- buffers ---- */

/* The objects lie in buffer number `at` (any multiple of the stages more is the same). */
static void use_buffer(struct fn *f, const struct staging *x, LLVMValueRef at) {
  LLVMTypeRef t = f->m->i32;
  bool power = !(x->n & (x->n - 1));
  LLVMValueRef by = LLVMConstInt(t, power ? x->n - 1 : x->n, 0);
  LLVMValueRef slot = power ? LLVMBuildAnd(f->b, at, by, "") : LLVMBuildURem(f->b, at, by, "");
  for (unsigned i = 0; i < f->f->nobject; i++) {
    int64_t bytes;
    if (!x->object[i] || !object_stage_bytes(&f->f->object[i], &bytes)) continue;
    LLVMValueRef off = LLVMBuildMul(f->b, slot, LLVMConstInt(t, (uint64_t)bytes, 0), "");
    off = LLVMBuildZExt(f->b, off, f->m->i64, "");
    f->base[i] = mkval(LLVMBuildGEP2(f->b, f->m->i8, x->first[i].v, &off, 1, ""), cur_level(f), DT_u64, 0);
  }
}

static void first_buffers(struct fn *f, const struct staging *x) {
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (x->object[i]) f->base[i] = x->first[i];
}

/* How many iterations were before the one at hand, and `more`. */
static LLVMValueRef iteration(struct fn *f, const struct staging *x, unsigned more) {
  LLVMValueRef at = LLVMBuildSub(f->b, f->sym[x->loop->sym].v, fn_poly(f, x->r.lo).v, "");
  at = LLVMBuildTrunc(f->b, at, f->m->i32, "");
  at = LLVMBuildUDiv(f->b, at, LLVMConstInt(f->m->i32, (uint64_t)x->loop->step, 0), "");
  return LLVMBuildAdd(f->b, at, LLVMConstInt(f->m->i32, more, 0), "");
}

/* ---- the copying ---- */

static void simple(struct fn *f, const char *name, int arg) {
  LLVMValueRef n = LLVMConstInt(f->m->i32, (unsigned)arg, 0);
  call_intrinsic(f->m, f->b, name, NULL, 0, &n, arg >= 0);
}

struct ahead {
  const struct staging *x;
  poly_t at;
  unsigned more; /* of the counter (inside the loop), or of the first iteration */
  bool inside;
};

static void copy_arm(struct fn *f, void *ctx) {
  const struct ahead *c = ctx;
  const struct staging *x = c->x;
  struct arena *a = f->m->arena;
  unsigned nfact = f->nfact;
  for (unsigned j = 0; j < x->r.nlo; j++) fact_add(f, poly_sub(a, c->at, x->r.los[j]));
  for (unsigned j = 0; j < x->r.nhi && !x->loop->once; j++)
    fact_add(f, poly_addc(a, poly_sub(a, x->r.his[j], c->at), -1));
  use_buffer(f, x, c->inside ? iteration(f, x, c->more) : LLVMConstInt(f->m->i32, c->more, 0));
  f->env[x->loop->sym] = c->at;
  f->simt->copying = true;
  emit_stmt(f, x->body->body[0]);
  f->simt->copying = false;
  f->env[x->loop->sym] = NULL;
  first_buffers(f, x);
  f->nfact = nfact;
}

/* The copying for the iteration `more` ahead of `from`, if there is one; a group of its own in any case. */
static void copy_ahead(struct fn *f, const struct staging *x, poly_t from, unsigned more, bool inside) {
  struct arena *a = f->m->arena;
  struct ahead c = {x, poly_addc(a, from, x->loop->step * (int64_t)more), more, inside};
  poly_t g[UINT8_MAX];
  struct val cond;
  unsigned n = more || !x->loop->once ? x->r.nhi : 0;
  for (unsigned j = 0; j < n; j++) g[j] = poly_addc(a, poly_sub(a, x->r.his[j], c.at), -1);
  int on = emit_guards(f, g, n, &cond);
  if (on > 0) copy_arm(f, &c);
  if (on < 0) emit_branch(f, cond, x->body->body[0], copy_arm, NULL, &c);
  simple(f, "llvm.nvvm.cp.async.commit.group", -1);
}

/* ---- the loop ---- */

bool simt_stage_body(struct fn *f, const struct lstmt *s) {
  const struct staging *x = f->simt->staging;
  if (!x || s != x->body) return false;
  simple(f, "llvm.nvvm.cp.async.wait.group", (int)x->n - 2);
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (x->object[i] && f->f->object[i].panel_rows) {
      simple(f, "llvm.nvvm.fence.proxy.async.shared_cta", -1);
      break;
    }
  emit_barrier(f);
  copy_ahead(f, x, poly_sym(f->m->arena, x->loop->sym), x->n - 1, true);
  use_buffer(f, x, iteration(f, x, 0));
  for (uint32_t i = 1; i < s->nbody; i++)
    if (s->body[i]) emit_stmt(f, s->body[i]);
  first_buffers(f, x);
  return true;
}

bool simt_staged(struct fn *f, const struct lstmt *s) {
  struct staging x;
  const struct staging *outer = f->simt->staging;
  unsigned nobject = f->f->nobject;
  if (outer || !find_staging(f, s, &x)) return false;
  uint8_t *traded = arena_dup(f->m->arena, f->simt->traded, nobject + 1u);
  x.first = ARENA_NEW(f->m->arena, struct val, nobject + 1);
  for (unsigned i = 0; i < nobject; i++) {
    x.first[i] = f->base[i];
    if (x.object[i]) f->simt->traded[i] = 0; /* the loop's own barrier orders them */
  }
  for (unsigned i = 0; i + 1 < x.n; i++) copy_ahead(f, &x, x.r.lo, i, false);
  f->simt->staging = &x;
  emit_for(f, s);
  f->simt->staging = outer;
  memcpy(f->simt->traded, traded, nobject);
  return true;
}

/* ---- a piece ---- */

struct piece {
  const struct lstmt *s, *st; /* the loop over a piece and its store */
  const struct access *to, *from;
  int64_t n, chunk, size; /* elements of the piece and of a chunk, bytes of an element */
};

static bool steps_by_one(struct fn *f, const struct access *a, sym_t s) {
  poly_t coef, rest;
  int64_t c;
  for (unsigned d = 0; d < a->rank; d++)
    if (a->ix[d].dyn) return false;
  return poly_split(f->m->arena, access_poly(f, a), s, &coef, &rest) && poly_is_const(coef, &c) && c == 1;
}

/* Guards say of each element alone that it is there, or that elements end somewhere. */
static bool plain_guards(struct fn *f, const struct piece *p) {
  poly_t coef, rest;
  int64_t c;
  if (p->to->nguard || p->from->nguard > GUARDS) return false;
  for (unsigned i = 0; i < p->from->nguard; i++) {
    if (!poly_has(p->from->guard[i], p->s->sym)) continue;
    if (!poly_split(f->m->arena, p->from->guard[i], p->s->sym, &coef, &rest)) return false;
    if (!poly_is_const(coef, &c) || c != -1) return false;
  }
  expr_t other = p->from->otherwise;
  if (!other) return true;
  return other->kind == E_CONST && (type_is_float((enum dtype)other->type) ? other->val.f == 0 : other->val.i == 0);
}

/* The widest copies that both places allow. */
static bool find_chunk(struct fn *f, struct piece *p) {
  f->env[p->s->sym] = poly_const(f->m->arena, 0);
  poly_t to = fn_subst(f, access_poly(f, p->to)), from = fn_subst(f, access_poly(f, p->from));
  int64_t known = simt_align(f, p->from->tensor, from), put = gcd64(poly_divisor(f, to) * p->size, 64);
  f->env[p->s->sym] = NULL;
  if (known < p->size) known = p->size;
  for (int64_t bytes = MOST_BYTES; bytes >= LEAST_BYTES; bytes /= 2) {
    if (bytes % p->size || p->n * p->size % bytes || known % bytes || put % bytes) continue;
    p->chunk = bytes / p->size;
    return true;
  }
  return false;
}

static bool find_piece(struct fn *f, const struct lstmt *s, struct piece *p) {
  int64_t lo;
  const struct lstmt *st = s->nbody ? s->body[0] : NULL;
  if (!f->simt->copying || s->fkind != F_UNROLL || s->step != 1 || !st || st->kind != L_STORE) return false;
  if (st->red != RED_none || st->value->kind != E_READ || s->nlo != 1 || s->nhi != 1) return false;
  *p = (struct piece){.s = s, .st = st, .to = st->acc, .from = st->value->acc};
  p->size = (int64_t)type_size((enum dtype)st->value->type);
  if (!poly_is_const(s->lo[0], &lo) || lo || !poly_is_const(s->hi[0], &p->n) || p->n < 1) return false;
  if (f->f->object[p->to->tensor].type != st->value->type || in_registers(f, p->from->tensor)) return false;
  if (f->simt->plan->shared[p->from->tensor] || f->simt->private[p->from->tensor]) return false;
  return steps_by_one(f, p->to, s->sym) && steps_by_one(f, p->from, s->sym) && plain_guards(f, p) && find_chunk(f, p);
}

static LLVMValueRef pointer_to(struct fn *f, const struct access *a, unsigned space) {
  int64_t disp, size = (int64_t)type_size((enum dtype)f->f->object[a->tensor].type);
  const struct object *o = &f->f->object[a->tensor];
  poly_t p = fn_subst(f, access_poly(f, a));
  struct val base = f->base[a->tensor];
  struct spot s = {.at = o->panel_rows ? panel_address(f, o, base, p, &disp)
                                       : fn_address(f, base, p, (unsigned)size, &disp)};
  s.disp = disp;
  return LLVMBuildAddrSpaceCast(f->b, spot_address(f, &s), LLVMPointerTypeInContext(f->m->ctx, space), "");
}

/* Bytes of the chunk at hand that are there; NULL: all. Whole chunks where the end is known to stand between two. */
static LLVMValueRef bytes_there(struct fn *f, const struct piece *p) {
  struct arena *a = f->m->arena;
  poly_t whole[GUARDS], end[GUARDS + 2], g;
  unsigned nwhole = 0, nend = 0;
  struct val cond;
  for (unsigned i = 0; i < p->from->nguard; i++) {
    g = fn_subst(f, p->from->guard[i]);
    if (!poly_has(p->from->guard[i], p->s->sym) || poly_divisor(f, poly_addc(a, g, 1)) % p->chunk == 0)
      whole[nwhole++] = p->from->guard[i];
    else
      end[nend++] = poly_addc(a, g, 1);
  }
  int on = emit_guards(f, whole, nwhole, &cond);
  if (on > 0 && !nend) return NULL;
  if (on == 0) return LLVMConstInt(f->m->i32, 0, 0);
  struct val n = vi64(f, p->chunk);
  if (nend) {
    end[nend++] = poly_const(a, p->chunk);
    n = fn_min(f, end, nend);
    n = vselect(f, vicmp(f, LLVMIntSGT, n, vi64(f, 0)), n, vi64(f, 0));
  }
  if (on < 0) n = vselect(f, cond, n, vi64(f, 0));
  return LLVMBuildTrunc(f->b, vbin(f, LLVMMul, n, vi64(f, p->size), false).v, f->m->i32, "");
}

static void copy_chunk(struct fn *f, const struct piece *p) {
  int64_t bytes = p->chunk * p->size;
  char name[64];
  LLVMValueRef there = bytes_there(f, p),
               arg[3] = {pointer_to(f, p->to, SHARED_SPACE), pointer_to(f, p->from, GLOBAL_SPACE), there};
  snprintf(name, sizeof name, "llvm.nvvm.cp.async.%s.shared.global.%d%s", bytes == MOST_BYTES ? "cg" : "ca", (int)bytes,
           there ? ".s" : "");
  call_intrinsic(f->m, f->b, name, NULL, 0, arg, there ? 3 : 2);
}

static void piece_arm(struct fn *f, void *ctx) {
  const struct piece *p = ctx;
  for (int64_t i = 0; i < p->n; i += p->chunk) {
    f->env[p->s->sym] = poly_const(f->m->arena, i);
    copy_chunk(f, p);
  }
  f->env[p->s->sym] = NULL;
  object_stored(f, p->to->tensor);
}

bool simt_copy_piece(struct fn *f, const struct lstmt *s, struct val writers) {
  struct piece p;
  if (!find_piece(f, s, &p)) return false;
  if (writers.v)
    emit_branch(f, writers, s, piece_arm, NULL, &p);
  else
    piece_arm(f, &p);
  return true;
}
