/* Values, the levels at which they live, and the cache that makes equal operations one. See build.h for the scheme.
   Leaves to others what an operation means (ops.c, expr.c); here is only where its instruction goes. */
#include "codegen/emit/build.h"
#include <string.h>

enum { CACHE_BITS = 12, CACHE_SIZE = 1 << CACHE_BITS };
struct vnentry {
  const void *a, *b, *c;
  struct val v;
  unsigned op;
  uint32_t uid,
      epoch; /* valid while the level is still the same opening, and (loads) nothing was stored to the object */
  int32_t object;
  struct vnentry *next;
};
struct vncache {
  struct vnentry *bucket[CACHE_SIZE];
};

unsigned cur_level(const struct fn *f) {
  return f->nlevel - 1;
}

struct val mkval(LLVMValueRef v, unsigned level, enum dtype t, unsigned lanes) {
  return (struct val){.v = v, .level = (uint16_t)level, .type = (uint8_t)t, .lanes = (uint16_t)lanes};
}

LLVMBasicBlockRef new_block(struct fn *f, const char *name) {
  return LLVMAppendBasicBlockInContext(f->m->ctx, f->fn, name);
}

static void push(struct fn *f, LLVMBasicBlockRef inner, struct level l) {
  if (f->nlevel >= LEVEL_LIMIT) emit_fail(f->m, "loops and branches nested too deeply");
  if (f->nlevel > 0) f->level[f->nlevel - 1].block = LLVMGetInsertBlock(f->b);
  if (f->nlevel < LEVEL_LIMIT + 8) f->nlevel++;
  l.uid = ++f->uid;
  l.nsym = f->nsym;
  f->level[f->nlevel - 1] = l;
  LLVMPositionBuilderAtEnd(f->b, inner);
}

void level_push(struct fn *f, LLVMBasicBlockRef inner, bool conditional) {
  push(f, inner, (struct level){.conditional = conditional});
}

void loop_push(struct fn *f, LLVMBasicBlockRef head, bool conditional, const uint8_t *writes) {
  push(f, head, (struct level){.conditional = conditional, .loop = true, .writes = writes});
}

unsigned place_level(const struct fn *f, unsigned operands) {
  for (unsigned l = operands + 1; l < f->nlevel; l++)
    if (f->level[l].loop) return l - 1;
  return cur_level(f);
}

/* The caller places the builder. */
void level_pop(struct fn *f) {
  f->nlevel--;
  for (unsigned i = f->level[f->nlevel].nsym; i < f->nsym; i++) f->sym[i].v = NULL; /* symbols that were made inside */
  f->level[cur_level(f)].block = NULL;
}

/* The block that is open at the current level has no terminator yet: code is appended. Outer levels have one. */
void place_at(struct fn *f, unsigned level) {
  if (level >= cur_level(f)) return;
  f->level[cur_level(f)].block = LLVMGetInsertBlock(f->b);
  LLVMPositionBuilderBefore(f->b, LLVMGetBasicBlockTerminator(f->level[level].block));
  if (f->where) LLVMSetCurrentDebugLocation2(f->b, f->where);
}

void place_back(struct fn *f) {
  if (f->level[cur_level(f)].block) LLVMPositionBuilderAtEnd(f->b, f->level[cur_level(f)].block);
  f->level[cur_level(f)].block = NULL;
  if (f->where) LLVMSetCurrentDebugLocation2(f->b, f->where);
}

static unsigned bucket_of(unsigned op, const void *a, const void *b, const void *c) {
  uint64_t h = op * 0x9E3779B97F4A7C15u;
  h = (h ^ (uintptr_t)a) * 0xBF58476D1CE4E5B9u;
  h = (h ^ (h >> 29) ^ (uintptr_t)b) * 0x94D049BB133111EBu;
  h = (h ^ (h >> 31) ^ (uintptr_t)c) * 0x9E3779B97F4A7C15u;
  return (unsigned)(h >> (64 - CACHE_BITS));
}

static bool entry_valid(const struct fn *f, const struct vnentry *e) {
  if (e->v.level >= f->nlevel || f->level[e->v.level].uid != e->uid) return false;
  return e->object < 0 || f->epoch[e->object] == e->epoch;
}

bool cache_get(struct fn *f, unsigned op, const void *a, const void *b, const void *c, struct val *out) {
  struct vnentry **at = &f->cache->bucket[bucket_of(op, a, b, c)];
  while (*at) {
    struct vnentry *e = *at;
    if (!entry_valid(f, e)) {
      *at = e->next;
      continue;
    }
    if (e->op == op && e->a == a && e->b == b && e->c == c) {
      *out = e->v;
      return true;
    }
    at = &e->next;
  }
  return false;
}

static void put(struct fn *f, unsigned op, const void *a, const void *b, const void *c, struct val v, int object) {
  if (++f->m->nop > OP_LIMIT) emit_fail(f->m, "the unrolled code is too large");
  struct vnentry *e = ARENA_NEW(f->m->arena, struct vnentry, 1), **at = &f->cache->bucket[bucket_of(op, a, b, c)];
  *e = (struct vnentry){
      .a = a, .b = b, .c = c, .v = v, .op = op, .uid = f->level[v.level].uid, .object = object, .next = *at};
  if (object >= 0) e->epoch = f->epoch[object];
  *at = e;
}

void cache_put(struct fn *f, unsigned op, const void *a, const void *b, const void *c, struct val v) {
  put(f, op, a, b, c, v, -1);
}

void cache_put_load(struct fn *f, unsigned op, const void *a, const void *b, const void *c, struct val v,
                    unsigned object) {
  put(f, op, a, b, c, v, (int)object);
}

/* What was loaded from the object is stale. Where arguments may overlap, a store to one touches all. */
void object_stored(struct fn *f, unsigned object) {
  f->epoch[object]++;
  if (f->noalias) return;
  for (unsigned i = 0; i < f->f->nobject; i++) f->epoch[i]++;
}

static unsigned max2(unsigned a, unsigned b) {
  return a > b ? a : b;
}

/* Numbers of operations in the cache; user operations start at 1000 (see expr.c). */
#define KEY_BIN(op, contract) (10u + (unsigned)(op)*2u + (contract))
#define KEY_ICMP(p)           (300u + (unsigned)(p))
#define KEY_FCMP(p)           (400u + (unsigned)(p))
enum { KEY_SELECT = 500, KEY_SPLAT = 501, KEY_CALL1 = 502, KEY_CAST = 600 };

static bool is_int(LLVMValueRef v, int64_t c) {
  return LLVMIsAConstantInt(v) && LLVMConstIntGetSExtValue(v) == c;
}

/* x * 1, x * 0, x + 0, x - 0 of index arithmetic; LLVM's builder folds constants only. */
static bool trivial(LLVMOpcode op, struct val a, struct val b, struct val *r) {
  if (op == LLVMMul && (is_int(a.v, 0) || is_int(b.v, 1))) return *r = a, true;
  if (op == LLVMMul && (is_int(b.v, 0) || is_int(a.v, 1))) return *r = b, true;
  if ((op == LLVMAdd || op == LLVMSub) && is_int(b.v, 0)) return *r = a, true;
  if (op == LLVMAdd && is_int(a.v, 0)) return *r = b, true;
  return false;
}

struct val vbin(struct fn *f, LLVMOpcode op, struct val a, struct val b, bool contract) {
  struct val r;
  if (trivial(op, a, b, &r)) return r;
  if (cache_get(f, KEY_BIN(op, contract), a.v, b.v, NULL, &r)) return mkval(r.v, r.level, a.type, a.lanes);
  unsigned lev = place_level(f, max2(a.level, b.level));
  place_at(f, lev);
  LLVMValueRef v = LLVMBuildBinOp(f->b, op, a.v, b.v, "");
  if (contract && LLVMIsAInstruction(v)) LLVMSetFastMathFlags(v, LLVMFastMathAllowContract);
  place_back(f);
  r = mkval(v, LLVMIsConstant(v) ? 0 : lev, a.type, a.lanes);
  cache_put(f, KEY_BIN(op, contract), a.v, b.v, NULL, r);
  return r;
}

struct val vicmp(struct fn *f, LLVMIntPredicate p, struct val a, struct val b) {
  struct val r;
  if (cache_get(f, KEY_ICMP(p), a.v, b.v, NULL, &r)) return r;
  unsigned lev = place_level(f, max2(a.level, b.level));
  place_at(f, lev);
  r = mkval(LLVMBuildICmp(f->b, p, a.v, b.v, ""), lev, DT_bool, a.lanes);
  place_back(f);
  cache_put(f, KEY_ICMP(p), a.v, b.v, NULL, r);
  return r;
}

struct val vfcmp(struct fn *f, LLVMRealPredicate p, struct val a, struct val b) {
  struct val r;
  if (cache_get(f, KEY_FCMP(p), a.v, b.v, NULL, &r)) return r;
  unsigned lev = place_level(f, max2(a.level, b.level));
  place_at(f, lev);
  r = mkval(LLVMBuildFCmp(f->b, p, a.v, b.v, ""), lev, DT_bool, a.lanes);
  place_back(f);
  cache_put(f, KEY_FCMP(p), a.v, b.v, NULL, r);
  return r;
}

/* c is a scalar, or has the lanes of a and b. */
struct val vselect(struct fn *f, struct val c, struct val a, struct val b) {
  if (a.v == b.v) return a;
  struct val r;
  if (cache_get(f, KEY_SELECT, c.v, a.v, b.v, &r)) return mkval(r.v, r.level, a.type, a.lanes);
  unsigned lev = place_level(f, max2(c.level, max2(a.level, b.level)));
  place_at(f, lev);
  r = mkval(LLVMBuildSelect(f->b, c.v, a.v, b.v, ""), lev, a.type, a.lanes);
  place_back(f);
  cache_put(f, KEY_SELECT, c.v, a.v, b.v, r);
  return r;
}

/* `to` is the scalar type. */
struct val vcastop(struct fn *f, LLVMOpcode op, struct val a, LLVMTypeRef to, enum dtype t) {
  struct val r;
  if (cache_get(f, KEY_CAST + (unsigned)op, a.v, to, NULL, &r)) return mkval(r.v, r.level, t, a.lanes);
  unsigned lev = place_level(f, a.level);
  place_at(f, lev);
  r = mkval(LLVMBuildCast(f->b, op, a.v, vec_of(to, a.lanes), ""), lev, t, a.lanes);
  place_back(f);
  cache_put(f, KEY_CAST + (unsigned)op, a.v, to, NULL, r);
  return r;
}

LLVMValueRef vshuffle(struct fn *f, LLVMValueRef a, LLVMValueRef b, const unsigned *at, unsigned n) {
  LLVMValueRef idx[2 * LANE_LIMIT];
  for (unsigned i = 0; i < n; i++) idx[i] = LLVMConstInt(f->m->i32, at[i], 0);
  return LLVMBuildShuffleVector(f->b, a, b, LLVMConstVector(idx, n), "");
}

LLVMTypeRef vec_of(LLVMTypeRef t, unsigned lanes) {
  return lanes ? LLVMVectorType(t, lanes) : t;
}

LLVMValueRef splat_const(LLVMValueRef c, unsigned lanes) {
  if (!lanes) return c;
  LLVMValueRef k[LANE_LIMIT];
  for (unsigned i = 0; i < lanes; i++) k[i] = c;
  return LLVMConstVector(k, lanes);
}

static LLVMValueRef build_splat(struct fn *f, LLVMValueRef v, unsigned lanes) {
  LLVMTypeRef t = LLVMVectorType(LLVMTypeOf(v), lanes);
  LLVMValueRef zero = LLVMConstInt(f->m->i32, 0, 0);
  LLVMValueRef ins = LLVMBuildInsertElement(f->b, LLVMGetPoison(t), v, zero, "");
  return LLVMBuildShuffleVector(f->b, ins, LLVMGetPoison(t), LLVMConstNull(LLVMVectorType(f->m->i32, lanes)), "");
}

struct val vsplat(struct fn *f, struct val a) {
  if (a.lanes) return a;
  if (LLVMIsConstant(a.v)) return mkval(splat_const(a.v, f->lanes), 0, a.type, f->lanes);
  struct val r;
  const void *n = (const void *)(uintptr_t)f->lanes;
  if (cache_get(f, KEY_SPLAT, a.v, n, NULL, &r)) return mkval(r.v, r.level, a.type, f->lanes);
  unsigned lev = place_level(f, a.level);
  place_at(f, lev);
  r = mkval(build_splat(f, a.v, f->lanes), lev, a.type, f->lanes);
  place_back(f);
  cache_put(f, KEY_SPLAT, a.v, n, NULL, r);
  return r;
}

void vec_match(struct fn *f, struct val *a, struct val *b) {
  if (a->lanes && !b->lanes) *b = vsplat(f, *b);
  if (b->lanes && !a->lanes) *a = vsplat(f, *a);
}

/* intr must be a string literal: its address is the key. */
struct val vcall1(struct fn *f, const char *intr, struct val a) {
  struct val r;
  if (cache_get(f, KEY_CALL1, a.v, intr, NULL, &r)) return mkval(r.v, r.level, a.type, a.lanes);
  unsigned lev = place_level(f, a.level);
  place_at(f, lev);
  LLVMTypeRef t = LLVMTypeOf(a.v);
  r = mkval(call_intrinsic(f->m, f->b, intr, &t, 1, &a.v, 1), lev, a.type, a.lanes);
  place_back(f);
  cache_put(f, KEY_CALL1, a.v, intr, NULL, r);
  return r;
}

struct val vi64(struct fn *f, int64_t c) {
  return mkval(LLVMConstInt(f->m->i64, (uint64_t)c, 1), 0, DT_i64, 0);
}

struct val lane_ids(struct fn *f, LLVMTypeRef t, enum dtype dt) {
  LLVMValueRef k[LANE_LIMIT];
  for (unsigned i = 0; i < f->lanes; i++) k[i] = LLVMConstInt(t, i, 0);
  return mkval(LLVMConstVector(k, f->lanes), 0, dt, f->lanes);
}

/* As a vector of constants: LLVM's passes look into masks, not through conversions of them. */
static struct val constant_lanes(struct fn *f, int64_t n) {
  LLVMValueRef k[LANE_LIMIT];
  for (unsigned i = 0; i < f->lanes; i++) k[i] = LLVMConstInt(f->m->i1, i < n, 0);
  return mkval(LLVMConstVector(k, f->lanes), 0, DT_bool, f->lanes);
}

/* The first n lanes (i64; any number): bits of a scalar where there are mask registers, since comparing the numbers of
 * 64 lanes takes four vectors. */
struct val first_lanes(struct fn *f, struct val n) {
  struct module *m = f->m;
  enum { LEAST = 16, MOST = 64, KEY_FIRST_LANES = 907 };
  if (!n.lanes && LLVMIsAConstantInt(n.v)) return constant_lanes(f, LLVMConstIntGetSExtValue(n.v));
  if (!m->isa.avx512 || f->lanes < LEAST || f->lanes > MOST || n.lanes)
    return vicmp(f, LLVMIntSLT, lane_ids(f, m->i32, DT_i32), vsplat(f, vcastop(f, LLVMTrunc, n, m->i32, DT_i32)));
  struct val none = vi64(f, 0), most = vi64(f, MOST), all = vi64(f, -1);
  struct val some = vselect(f, vicmp(f, LLVMIntSLT, n, most), n, most);
  struct val rest = vselect(f, vicmp(f, LLVMIntSGT, n, none), vbin(f, LLVMSub, most, some, false), none);
  struct val bits = vselect(f, vicmp(f, LLVMIntSGT, n, none), vbin(f, LLVMLShr, all, rest, false), none), r;
  const void *key = (const void *)(uintptr_t)f->lanes;
  if (cache_get(f, KEY_FIRST_LANES, bits.v, NULL, key, &r)) return r;
  unsigned level = place_level(f, bits.level);
  place_at(f, level);
  LLVMValueRef v = bits.v;
  if (f->lanes < MOST) v = LLVMBuildTrunc(f->b, v, LLVMIntTypeInContext(m->ctx, f->lanes), "");
  v = LLVMBuildBitCast(f->b, v, LLVMVectorType(m->i1, f->lanes), "");
  r = mkval(v, level, DT_bool, f->lanes);
  place_back(f);
  cache_put(f, KEY_FIRST_LANES, bits.v, NULL, key, r);
  return r;
}

/* First use by fn_init (func.c). */
struct vncache *cache_new(struct arena *a) {
  return ARENA_NEW(a, struct vncache, 1);
}
