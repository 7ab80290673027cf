/* Stores of what matrix instructions leave in registers. Of each row a thread has two neighbours out of every eight
   columns; of elements of 1 or 2 bytes a warp's store would so fill only half of the 32 bytes that memory takes at a
   time. Two such stores, eight columns apart, are therefore made together: neighbours among the threads exchange a pair
   each, then one has four columns of the first eight, the other four of the second. On their way through shared memory
   pairs are stored as they are. */
#include "codegen/emit/build.h"

enum { QUAD_BITS = 2, PAIR = 2, GROUP = 8, WIDE = 4, WARP_BITS = 31 };

struct nest { /* for s { for v on 4 threads { for e { store } } } */
  const struct lstmt *s, *v, *e, *st;
  poly_t rest; /* where the first element goes, without the three of them */
  int64_t n, size;
};

static bool counts_to(const struct lstmt *s, int64_t *n) {
  int64_t lo;
  return s->step == 1 && s->nlo == 1 && s->nhi == 1 && poly_is_const(s->lo[0], &lo) && !lo &&
         poly_is_const(s->hi[0], n) && s->nbody && s->body[0];
}

static bool find_nest(const struct lstmt *s, struct nest *x) {
  int64_t lanes, pair;
  *x = (struct nest){.s = s};
  if (s->fkind != F_UNROLL || !counts_to(s, &x->n) || x->n < PAIR || x->n % PAIR) return false;
  x->v = s->body[0];
  if (x->v->kind != L_FOR || x->v->fkind != F_VECTOR || x->v->digit || x->v->lanes_log2 != QUAD_BITS) return false;
  if (!counts_to(x->v, &lanes) || lanes != 1 << QUAD_BITS) return false;
  x->e = x->v->body[0];
  if (x->e->kind != L_FOR || x->e->fkind != F_UNROLL || !counts_to(x->e, &pair) || pair != PAIR) return false;
  x->st = x->e->body[0];
  return x->st->kind == L_STORE && x->st->red == RED_none && !x->st->acc->nguard;
}

/* All threads of the block are there, each with elements of its own. */
static bool whole_block(const struct fn *f) {
  unsigned bits = (1u << QUAD_BITS) - 1;
  if (f->simt->on.v || f->simt->threads <= WARP_BITS) return false;
  for (unsigned i = 0; i < f->simt->nopen; i++) {
    if (f->simt->open[i].on.v) return false;
    bits |= ((1u << f->simt->open[i].bits) - 1) << f->simt->open[i].at;
  }
  return !((f->simt->threads - 1) & ~bits);
}

static bool take(struct fn *f, poly_t *p, sym_t s, int64_t coef) {
  poly_t c, rest;
  int64_t k;
  if (!poly_split(f->m->arena, *p, s, &c, &rest) || !poly_is_const(c, &k) || k != coef) return false;
  *p = rest;
  return true;
}

/* Four elements of a row begin where one store can put them. */
static bool fits(struct fn *f, struct nest *x) {
  const struct object *o = &f->f->object[x->st->acc->tensor];
  unsigned id = x->st->acc->tensor;
  x->size = (int64_t)type_size((enum dtype)o->type);
  if (x->size > 2 || in_registers(f, id) || f->simt->private[id] || f->simt->plan->shared[id]) return false;
  for (unsigned d = 0; d < x->st->acc->rank; d++)
    if (x->st->acc->ix[d].dyn) return false;
  x->rest = access_poly(f, x->st->acc);
  if (!take(f, &x->rest, x->s->sym, GROUP) || !take(f, &x->rest, x->v->sym, PAIR) || !take(f, &x->rest, x->e->sym, 1))
    return false;
  x->rest = fn_subst(f, x->rest);
  int64_t base = o->scope == SCOPE_ARG ? f->simt->aligned : 64, step = poly_divisor(f, x->rest);
  if (!base || base % (WIDE * x->size) || step % WIDE) return false;
  f->simt->claimed |= o->scope == SCOPE_ARG;
  return true;
}

/* The pair of columns of these eight, as one word. */
static LLVMValueRef pair_of(struct fn *f, const struct nest *x, int64_t group) {
  unsigned bits = (unsigned)x->size * 8;
  LLVMTypeRef one = LLVMIntTypeInContext(f->m->ctx, bits);
  LLVMValueRef word = NULL;
  f->env[x->s->sym] = poly_const(f->m->arena, group);
  for (unsigned i = 0; i < PAIR; i++) {
    f->env[x->e->sym] = poly_const(f->m->arena, i);
    struct val v = convert(f, (enum dtype)f->f->object[x->st->acc->tensor].type, emit_expr(f, x->st->value));
    LLVMValueRef w = LLVMBuildZExt(f->b, LLVMBuildBitCast(f->b, to_memory(f, v), one, ""), f->m->i32, "");
    if (i) w = LLVMBuildShl(f->b, w, LLVMConstInt(f->m->i32, bits, 0), "");
    word = word ? LLVMBuildOr(f->b, word, w, "") : w;
  }
  f->env[x->s->sym] = f->env[x->e->sym] = NULL;
  return word;
}

static LLVMValueRef from_neighbour(struct fn *f, LLVMValueRef x) {
  struct module *m = f->m;
  LLVMValueRef arg[4] = {LLVMConstInt(m->i32, 0xffffffffu, 0), x, LLVMConstInt(m->i32, 1, 0),
                         LLVMConstInt(m->i32, WARP_BITS, 0)};
  return call_intrinsic(m, f->b, "llvm.nvvm.shfl.sync.bfly.i32", NULL, 0, arg, 4);
}

/* low, then high */
static LLVMValueRef joined(struct fn *f, const struct nest *x, LLVMValueRef low, LLVMValueRef high) {
  struct module *m = f->m;
  LLVMTypeRef t = x->size == 1 ? m->i32 : m->i64;
  low = LLVMBuildZExt(f->b, low, t, ""), high = LLVMBuildZExt(f->b, high, t, "");
  high = LLVMBuildShl(f->b, high, LLVMConstInt(t, (uint64_t)x->size * 8 * PAIR, 0), "");
  return LLVMBuildOr(f->b, low, high, "");
}

static void store_two(struct fn *f, const struct nest *x, int64_t group) {
  struct module *m = f->m;
  unsigned id = x->st->acc->tensor;
  LLVMValueRef word[2] = {pair_of(f, x, group), pair_of(f, x, group + 1)};
  LLVMValueRef bit = LLVMBuildAnd(f->b, f->simt->tid.v, LLVMConstInt(m->i64, 1, 0), "");
  LLVMValueRef odd = LLVMBuildICmp(f->b, LLVMIntNE, bit, LLVMConstInt(m->i64, 0, 0), "");
  LLVMValueRef got = from_neighbour(f, LLVMBuildSelect(f->b, odd, word[0], word[1], ""));
  LLVMValueRef low = LLVMBuildSelect(f->b, odd, got, word[0], ""), high = LLVMBuildSelect(f->b, odd, word[1], got, "");
  LLVMValueRef v = joined(f, x, low, high);
  struct spot at = {0};
  poly_t lane = poly_scale(m->arena, poly_sym(m->arena, x->v->sym), PAIR);
  poly_t p = poly_addc(m->arena, poly_add(m->arena, x->rest, lane), GROUP * group);
  at.at = fn_address(f, f->base[id], p, (unsigned)x->size, &at.disp);
  LLVMValueRef to = spot_address(f, &at), over = LLVMConstInt(m->i64, (uint64_t)((GROUP - PAIR) * x->size), 0);
  over = LLVMBuildSelect(f->b, odd, over, LLVMConstInt(m->i64, 0, 0), "");
  LLVMValueRef s = LLVMBuildStore(f->b, v, LLVMBuildGEP2(f->b, m->i8, to, &over, 1, ""));
  LLVMSetAlignment(s, (unsigned)(WIDE * x->size));
  object_stored(f, id);
}

/* Into a tile of panels on its way out (simt_out.c): the pair is a word there. */
static bool fits_tile(struct fn *f, struct nest *x) {
  unsigned id = x->st->acc->tensor;
  const struct object *o = &f->f->object[id];
  x->size = (int64_t)type_size((enum dtype)o->type);
  if (x->size > 2 || !o->panel_rows || o->stages || !f->simt->plan->shared[id]) return false;
  for (unsigned d = 0; d < x->st->acc->rank; d++)
    if (x->st->acc->ix[d].dyn) return false;
  x->rest = access_poly(f, x->st->acc);
  if (!take(f, &x->rest, x->s->sym, GROUP) || !take(f, &x->rest, x->v->sym, PAIR) || !take(f, &x->rest, x->e->sym, 1))
    return false;
  x->rest = fn_subst(f, x->rest);
  return poly_divisor(f, x->rest) % GROUP == 0;
}

static void store_word(struct fn *f, const struct nest *x, int64_t group) {
  struct module *m = f->m;
  unsigned id = x->st->acc->tensor;
  LLVMValueRef word = pair_of(f, x, group);
  if (x->size == 1) word = LLVMBuildTrunc(f->b, word, m->i16, "");
  struct spot at = {0};
  poly_t lane = poly_scale(m->arena, poly_sym(m->arena, x->v->sym), PAIR);
  poly_t p = poly_addc(m->arena, poly_add(m->arena, x->rest, lane), GROUP * group);
  at.at = panel_address(f, &f->f->object[id], f->base[id], p, &at.disp);
  LLVMSetAlignment(LLVMBuildStore(f->b, word, spot_address(f, &at)), (unsigned)(PAIR * x->size));
  object_stored(f, id);
}

bool simt_pair_stores(struct fn *f, const struct lstmt *s) {
  struct nest x;
  if (!find_nest(s, &x) || !whole_block(f)) return false;
  bool tile = fits_tile(f, &x);
  if (!tile && !fits(f, &x)) return false;
  struct val was = f->sym[x.v->sym], tid = f->simt->tid;
  struct digit *open = &f->simt->open[f->simt->nopen];
  if (f->simt->nopen == DIGIT_LIMIT) return false;
  *open = (struct digit){x.v->sym, 0, QUAD_BITS, {0}};
  f->simt->nopen++;
  f->sym[x.v->sym] = vbin(f, LLVMAnd, tid, vi64(f, (1 << QUAD_BITS) - 1), false);
  for (int64_t g = 0; g < x.n && !f->m->fail; g += tile ? 1 : 2)
    if (tile)
      store_word(f, &x, g);
    else
      store_two(f, &x, g);
  f->sym[x.v->sym] = was;
  f->simt->nopen--;
  return true;
}
