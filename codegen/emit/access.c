/* Reads and writes of objects in memory: guards, masks, the ways in which lanes find their elements.
   Lanes that are off, or whose guard fails, neither load nor store. */
#include "codegen/emit/build.h"

enum { KEY_LOAD = 900, KEY_MASK = 901, KEY_GATHER = 902, KEY_POINTERS = 903, KEY_STRIDED = 10000 };

/* --- guards --- */

/* Lanes where rest + coef * lane >= 0. */
static struct val varying_guard(struct fn *f, poly_t g) {
  poly_t coef, rest;
  int64_t c;
  if (!poly_split(f->m->arena, g, f->lane, &coef, &rest) || !poly_is_const(coef, &c) || (c != 1 && c != -1)) {
    struct val zero = vsplat(f, vi64(f, 0));
    return vicmp(f, LLVMIntSGE, fn_poly(f, g), zero);
  }
  /* In 32 bits: the bound clamped to where it matters. */
  struct val r = fn_poly(f, rest), lo = vi64(f, -1), hi = vi64(f, (int64_t)f->lanes);
  if (c == 1) r = vbin(f, LLVMSub, vi64(f, 0), r, false);
  r = vselect(f, vicmp(f, LLVMIntSLT, r, lo), lo, r);
  r = vselect(f, vicmp(f, LLVMIntSGT, r, hi), hi, r);
  struct val bound = vsplat(f, vcastop(f, LLVMTrunc, r, f->m->i32, DT_i32));
  return vicmp(f, c == 1 ? LLVMIntSGE : LLVMIntSLE, lane_ids(f, f->m->i32, DT_i32), bound);
}

/* A constant mask as a comparison that LLVM cannot evaluate. */
static struct val told_later(struct fn *f, struct val mask) {
  struct module *m = f->m;
  LLVMTypeRef t = LLVMFunctionType(m->i32, &m->i32, 1, 0);
  LLVMValueRef same = LLVMGetInlineAsm(t, "", 0, "=r,0", 4, 0, 0, LLVMInlineAsmDialectATT, 0);
  LLVMValueRef zero = LLVMConstInt(m->i32, 0, 0), k[LANE_LIMIT];
  for (unsigned i = 0; i < mask.lanes; i++)
    k[i] = LLVMConstInt(m->i32, LLVMConstIntGetZExtValue(LLVMGetAggregateElement(mask.v, i)), 0);
  struct val nought = mkval(LLVMBuildCall2(f->b, t, same, &zero, 1, ""), cur_level(f), DT_i32, 0);
  struct val lanes = mkval(LLVMConstVector(k, mask.lanes), 0, DT_i32, mask.lanes);
  return vicmp(f, LLVMIntNE, lanes, vsplat(f, nought));
}

/* Without mask registers LLVM 22 gets moves wrong whose mask is known to be off in a whole register, and in others not:
 * several such moves of one mask load or store there without any (x86, AVX and AVX2; masks that are one comparison or
 * constant as a whole are right). So it is not told which lanes are off. */
static void keep_quiet(struct fn *f, struct val *a, struct val b) {
  enum { ONE_REGISTER = 4 };
  if (f->simt || f->m->isa.avx512 || a->lanes <= ONE_REGISTER) return;
  if (LLVMIsConstant(a->v) && !LLVMIsConstant(b.v)) *a = told_later(f, *a);
}

struct val mask_and(struct fn *f, struct val a, struct val b) {
  if (!a.v) return b;
  if (!b.v) return a;
  vec_match(f, &a, &b);
  keep_quiet(f, &a, b);
  keep_quiet(f, &b, a);
  return vbin(f, LLVMAnd, a, b, false);
}

int emit_guards(struct fn *f, const poly_t *g, unsigned n, struct val *cond) {
  *cond = (struct val){0};
  for (unsigned i = 0; i < n; i++) {
    poly_t p = fn_subst(f, g[i]);
    int64_t c;
    if (poly_is_const(p, &c)) {
      if (c < 0) return 0;
      continue;
    }
    if (provably_ge0(f, p)) continue;
    if (provably_ge0(f, poly_addc(f->m->arena, poly_scale(f->m->arena, p, -1), -1))) return 0;
    bool varies = f->lane != SYM_NONE && poly_has(p, f->lane);
    c = f->simt && p->n && !p->mono[p->n - 1].n ? p->mono[p->n - 1].coef : 0; /* threads: what unrolling adds, apart */
    struct val x =
        varies ? varying_guard(f, p) : vicmp(f, LLVMIntSGE, fn_poly(f, poly_addc(f->m->arena, p, -c)), vi64(f, -c));
    *cond = mask_and(f, *cond, x);
  }
  return cond->v ? -1 : 1;
}

/* --- where loads may go --- */

static bool written_within(const struct fn *f, const struct level *l, unsigned object) {
  if (!l->writes) return false;
  if (l->writes[object]) return true;
  if (f->noalias) return false;
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (l->writes[i]) return true;
  return false;
}

/* The outermost level from `least` on where the load surely happens and sees the same value. A conditional level keeps
 * it. */
unsigned spot_load_level(struct fn *f, unsigned object, unsigned least) {
  unsigned lev = cur_level(f), best = lev;
  while (lev > least && !f->level[lev].conditional && !written_within(f, &f->level[lev], object)) {
    if (f->level[lev].loop) best = lev - 1;
    lev--;
  }
  return best;
}

static unsigned max2(unsigned a, unsigned b) {
  return a > b ? a : b;
}

static unsigned elem_size(const struct fn *f, unsigned object) {
  return (unsigned)type_size(f->f->object[object].type);
}

/* The address at the place of the builder. */
LLVMValueRef spot_address(struct fn *f, const struct spot *s) {
  if (!s->disp) return s->at.v;
  LLVMValueRef d = LLVMConstInt(f->m->i64, (uint64_t)s->disp, 1);
  return LLVMBuildGEP2(f->b, f->m->i8, s->at.v, &d, 1, "");
}

static const void *spot_key(const struct spot *s, enum dtype t) {
  return (const void *)(uintptr_t)((uint64_t)s->disp * 32u + t);
}

/* --- kinds of loads --- */

struct val load_plain(struct fn *f, unsigned object, const struct spot *s, unsigned lanes) {
  enum dtype t = f->f->object[object].type;
  LLVMTypeRef mt = vec_of(mem_type(f->m, t), lanes);
  struct val r;
  if (cache_get(f, KEY_LOAD, s->at.v, mt, spot_key(s, t), &r)) return r;
  unsigned lev = spot_load_level(f, object, s->at.level);
  place_at(f, lev);
  LLVMValueRef v = LLVMBuildLoad2(f->b, mt, spot_address(f, s), "");
  LLVMSetAlignment(v, s->align ? s->align : elem_size(f, object));
  r = from_memory(f, t, v, lanes, lev);
  place_back(f);
  cache_put_load(f, KEY_LOAD, s->at.v, mt, spot_key(s, t), r, object);
  return r;
}

void align_arg(struct module *m, LLVMValueRef call, int arg, unsigned align) {
  unsigned kind = LLVMGetEnumAttributeKindForName("align", 5);
  LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)arg, LLVMCreateEnumAttribute(m->ctx, kind, align));
}

/* The lane of a constant mask that alone is on, or -1. Such accesses are made scalar here: LLVM 22 does so itself, but
   forgets that a truncating masked store stores the narrow type (x86: <2 x i64> truncated to <2 x i32> under <1, 0>
   writes 8 bytes). */
static int only_lane(struct fn *f, struct val mask) {
  int found = -1;
  if (!LLVMIsConstant(mask.v)) return -1;
  for (unsigned i = 0; i < f->lanes; i++) {
    LLVMValueRef e = LLVMGetAggregateElement(mask.v, i);
    if (!e || !LLVMIsAConstantInt(e)) return -1;
    if (!LLVMConstIntGetZExtValue(e)) continue;
    if (found >= 0) return -1;
    found = (int)i;
  }
  return found;
}

static LLVMValueRef lane_address(struct fn *f, const struct spot *s, unsigned lane, unsigned size) {
  if (s->many) return LLVMBuildExtractElement(f->b, s->at.v, LLVMConstInt(f->m->i32, lane, 0), "");
  LLVMValueRef d = LLVMConstInt(f->m->i64, (uint64_t)s->disp + (uint64_t)lane * size, 1);
  return LLVMBuildGEP2(f->b, f->m->i8, s->at.v, &d, 1, "");
}

static struct val load_masked(struct fn *f, unsigned object, const struct spot *s, struct val mask, const char *name,
                              unsigned key) {
  enum dtype t = f->f->object[object].type;
  LLVMTypeRef mt = vec_of(mem_type(f->m, t), f->lanes);
  struct val r;
  if (cache_get(f, key, s->at.v, mask.v, spot_key(s, t), &r)) return r;
  unsigned lev = spot_load_level(f, object, max2(s->at.level, mask.level));
  place_at(f, lev);
  int one = only_lane(f, mask);
  LLVMValueRef v;
  if (one >= 0) {
    LLVMValueRef x =
        LLVMBuildLoad2(f->b, mem_type(f->m, t), lane_address(f, s, (unsigned)one, elem_size(f, object)), "");
    v = LLVMBuildInsertElement(f->b, LLVMConstNull(mt), x, LLVMConstInt(f->m->i32, (unsigned)one, 0), "");
  } else {
    LLVMTypeRef over[2] = {mt, LLVMTypeOf(s->at.v)};
    LLVMValueRef arg[3] = {spot_address(f, s), mask.v, LLVMConstNull(mt)};
    v = call_intrinsic(f->m, f->b, name, over, 2, arg, 3);
    align_arg(f->m, v, 1, elem_size(f, object));
  }
  r = from_memory(f, t, v, f->lanes, lev);
  place_back(f);
  cache_put_load(f, key, s->at.v, mask.v, spot_key(s, t), r, object);
  return r;
}

struct val load_upto(struct fn *f, unsigned object, const struct spot *s, struct val mask) {
  return load_masked(f, object, s, mask, "llvm.masked.load", KEY_MASK);
}

/* Every lane at `at` + lane * stride bytes, all lanes on: scalar loads put together. */
static struct val load_strided(struct fn *f, unsigned object, const struct spot *s, struct val stride) {
  enum dtype t = f->f->object[object].type;
  LLVMTypeRef mt = mem_type(f->m, t);
  struct val r;
  unsigned key = KEY_STRIDED + f->lanes;
  if (cache_get(f, key, s->at.v, stride.v, spot_key(s, t), &r)) return r;
  unsigned lev = spot_load_level(f, object, max2(s->at.level, stride.level));
  place_at(f, lev);
  LLVMValueRef base = spot_address(f, s);
  LLVMValueRef v = LLVMGetPoison(LLVMVectorType(mt, f->lanes));
  for (unsigned i = 0; i < f->lanes; i++) {
    LLVMValueRef off = LLVMBuildMul(f->b, stride.v, LLVMConstInt(f->m->i64, i, 0), "");
    LLVMValueRef p = i ? LLVMBuildGEP2(f->b, f->m->i8, base, &off, 1, "") : base;
    LLVMValueRef x = LLVMBuildLoad2(f->b, mt, p, "");
    v = LLVMBuildInsertElement(f->b, v, x, LLVMConstInt(f->m->i32, i, 0), "");
  }
  r = from_memory(f, t, v, f->lanes, lev);
  place_back(f);
  cache_put_load(f, key, s->at.v, stride.v, spot_key(s, t), r, object);
  return r;
}

/* Row pointers of lanes that lie `stride` bytes apart. A lane that is off has the last row that is on. */
static void row_pointers(struct fn *f, LLVMValueRef base, struct val stride, LLVMValueRef *row) {
  LLVMValueRef last = NULL;
  if (f->mask.v) last = LLVMBuildSub(f->b, f->active.v, LLVMConstInt(f->m->i64, 1, 0), "");
  for (unsigned l = 0; l < f->lanes; l++) {
    LLVMValueRef i = LLVMConstInt(f->m->i64, l, 0);
    if (last && l) i = LLVMBuildSelect(f->b, LLVMBuildICmp(f->b, LLVMIntSLT, i, last, ""), i, last, "");
    LLVMValueRef off = LLVMBuildMul(f->b, stride.v, i, "");
    row[l] = l ? LLVMBuildGEP2(f->b, f->m->i8, base, &off, 1, "") : base;
  }
}

/* The block of which this strided access is the first column. */
static struct val load_turned(struct fn *f, unsigned object, const struct spot *s, struct val stride, unsigned n,
                              struct turn *by) {
  enum dtype t = f->f->object[object].type;
  struct turned b = {.object = object, .at = s->at.v, .stride = stride.v, .mask = f->mask.v, .disp = s->disp, .n = n};
  LLVMValueRef row[LANE_LIMIT], col[TURN_LIMIT];
  unsigned lev = spot_load_level(f, object, max2(max2(s->at.level, stride.level), f->mask.v ? f->active.level : 0));
  place_at(f, lev);
  row_pointers(f, spot_address(f, s), stride, row);
  turn_load(f, mem_type(f->m, t), elem_size(f, object), row, n, col);
  for (unsigned i = 0; i < n; i++) b.col[i] = from_memory(f, t, col[i], f->lanes, lev);
  place_back(f);
  f->m->nop += f->lanes * n;
  turn_keep(f, by, &b);
  return b.col[0];
}

/* --- addresses --- */

static struct val lane_pointers(struct fn *f, struct val at, struct val offsets) {
  unsigned lev = place_level(f, max2(at.level, offsets.level));
  struct val r;
  if (cache_get(f, KEY_POINTERS, at.v, offsets.v, NULL, &r)) return r;
  place_at(f, lev);
  r = mkval(LLVMBuildGEP2(f->b, f->m->i8, at.v, &offsets.v, 1, ""), lev, DT_u64, f->lanes);
  place_back(f);
  cache_put(f, KEY_POINTERS, at.v, offsets.v, NULL, r);
  return r;
}

/* Sum of dyn_d * stride_d * size; .v NULL when there is no dyn. */
static struct val dyn_offset(struct fn *f, const struct access *acc, int64_t size) {
  const struct object *o = &f->f->object[acc->tensor];
  struct val sum = {0};
  for (unsigned d = 0; d < acc->rank; d++) {
    if (!acc->ix[d].dyn) continue;
    expr_t dyn = acc->ix[d].dyn;
    struct val i = convert(f, DT_i64, f->subscript ? plain_subscript(f, dyn) : emit_expr(f, dyn));
    poly_t st = poly_scale(f->m->arena, fn_subst(f, object_stride(f, o, d)), size);
    struct val s = fn_poly(f, st);
    vec_match(f, &i, &s);
    i = vbin(f, LLVMMul, i, s, false);
    if (sum.v) vec_match(f, &sum, &i);
    sum = sum.v ? vbin(f, LLVMAdd, sum, i, false) : i;
  }
  return sum;
}

static struct val scalar_gep(struct fn *f, struct val at, struct val off) {
  unsigned lev = place_level(f, max2(at.level, off.level));
  place_at(f, lev);
  struct val r = mkval(LLVMBuildGEP2(f->b, f->m->i8, at.v, &off.v, 1, ""), lev, DT_u64, 0);
  place_back(f);
  return r;
}

struct spot spot_of(struct fn *f, const struct access *acc) {
  unsigned size = elem_size(f, acc->tensor);
  struct val base = f->base[acc->tensor];
  if (!base.v) {
    emit_fail(f->m, "object '%s' has no memory here", f->f->object[acc->tensor].name);
    base = mkval(LLVMConstNull(f->m->ptr), 0, DT_u64, 0);
  }
  struct val dyn = dyn_offset(f, acc, f->subscript ? 1 : size);
  poly_t p = fn_subst(f, access_poly(f, acc)), coef = NULL, rest = p;
  bool varies = f->lane != SYM_NONE && poly_has(p, f->lane);
  if (varies && !poly_split(f->m->arena, p, f->lane, &coef, &rest))
    emit_fail(f->m, "a subscript is not linear in the vector index");
  struct spot s = {.at = base, .stride = coef, .from = dyn.v ? NULL : rest};
  if (f->m->fail) return s;
  if (f->subscript) {
    s.at = plain_address(f, base, rest, dyn, size);
    return s;
  }
  if (f->simt && !dyn.v) s.align = simt_align(f, acc->tensor, rest);
  const struct object *o = &f->f->object[acc->tensor];
  if (f->simt) simt_ring_touch(f, acc->tensor);
  s.at = f->simt && o->panel_rows ? panel_address(f, o, base, rest, &s.disp) : fn_address(f, base, rest, size, &s.disp);
  if (dyn.v && !dyn.lanes) s.at = scalar_gep(f, s.at, dyn);
  if (!dyn.v || !dyn.lanes) return s;
  if (varies) {
    struct val step = vsplat(f, fn_poly(f, poly_scale(f->m->arena, coef, size)));
    dyn = vbin(f, LLVMAdd, dyn, vbin(f, LLVMMul, lane_ids(f, f->m->i64, DT_i64), step, false), false);
  }
  dyn = vbin(f, LLVMAdd, dyn, vsplat(f, vi64(f, s.disp)), false);
  return (struct spot){.at = lane_pointers(f, s.at, dyn), .many = true};
}

static struct spot pointers_of(struct fn *f, const struct spot *s, unsigned size) {
  if (s->many) return *s;
  struct val step = vsplat(f, fn_poly(f, poly_scale(f->m->arena, s->stride, size)));
  struct val off = vbin(f, LLVMMul, lane_ids(f, f->m->i64, DT_i64), step, false);
  off = vbin(f, LLVMAdd, off, vsplat(f, vi64(f, s->disp)), false);
  return (struct spot){.at = lane_pointers(f, s->at, off), .many = true};
}

static bool is_unit(const struct spot *s) {
  int64_t c;
  return s->stride && poly_is_const(s->stride, &c) && c == 1;
}

/* The element lies within the declared array whatever the lanes do: it may be loaded although no lane wants it. */
static bool surely_inside(struct fn *f, const struct access *acc) {
  const struct object *o = &f->f->object[acc->tensor];
  for (unsigned d = 0; d < acc->rank; d++) {
    if (acc->ix[d].dyn || !acc->ix[d].poly || !o->extent[d]) return false;
    poly_t i = fn_subst(f, acc->ix[d].poly), n = fn_subst(f, o->extent[d]);
    if (poly_has(i, f->lane) || !provably_ge0(f, i)) return false;
    if (!provably_ge0(f, poly_addc(f->m->arena, poly_sub(f->m->arena, n, i), -1))) return false;
  }
  return true;
}

/* --- reads --- */

static struct val read_memory(struct fn *f, const struct access *acc, struct val mask) {
  struct val shared;
  if ((!mask.v || mask.v == f->mask.v) && share_read(f, acc, &shared)) return shared;
  struct spot s = spot_of(f, acc);
  unsigned size = elem_size(f, acc->tensor);
  if (f->m->fail) return load_plain(f, acc->tensor, &s, 0);
  if (!s.many && !s.stride) {
    if (!f->lazy || !mask.v || surely_inside(f, acc)) return load_plain(f, acc->tensor, &s, 0);
    s.stride = poly_const(f->m->arena, 0); /* gathered under the mask: one load that all lanes share, or none */
  }
  if (is_unit(&s))
    return mask.v ? load_masked(f, acc->tensor, &s, mask, "llvm.masked.load", KEY_MASK)
                  : load_plain(f, acc->tensor, &s, f->lanes);
  struct val woven;
  if ((!mask.v || mask.v == f->mask.v) && weave_read(f, acc->tensor, &s, &woven)) return woven;
  if (!s.many && (!mask.v || mask.v == f->mask.v)) {
    struct val stride = fn_poly(f, poly_scale(f->m->arena, s.stride, size));
    struct turned b = {.object = acc->tensor, .at = s.at.v, .stride = stride.v, .mask = mask.v, .disp = s.disp};
    const struct val *kept = turn_kept(f, &b, size);
    if (kept) return *kept;
    struct turn *by;
    unsigned n = turn_width(f, acc, 1, f->lanes < TURN_LIMIT ? f->lanes : TURN_LIMIT, &by);
    if (n > 1) return load_turned(f, acc->tensor, &s, stride, n, by);
    if (!mask.v) return load_strided(f, acc->tensor, &s, stride);
  }
  struct val all = mkval(splat_const(LLVMConstInt(f->m->i1, 1, 0), f->lanes), 0, DT_bool, f->lanes);
  s = pointers_of(f, &s, size);
  return load_masked(f, acc->tensor, &s, mask.v ? mask : all, "llvm.masked.gather", KEY_GATHER);
}

static struct val merge2(struct fn *f, struct val a, LLVMBasicBlockRef from_a, struct val b, LLVMBasicBlockRef from_b) {
  LLVMValueRef phi = LLVMBuildPhi(f->b, LLVMTypeOf(a.v), "");
  LLVMAddIncoming(phi, &a.v, &from_a, 1);
  LLVMAddIncoming(phi, &b.v, &from_b, 1);
  return mkval(phi, cur_level(f), a.type, a.lanes);
}

/* Uniform guards of a uniform access: a branch. */
static struct val read_branched(struct fn *f, const struct access *acc, struct val cond) {
  enum dtype t = f->f->object[acc->tensor].type;
  LLVMBasicBlockRef then = new_block(f, "guard.in"), els = new_block(f, "guard.out"), join = new_block(f, "guard.end");
  LLVMBasicBlockRef start = LLVMGetInsertBlock(f->b);
  LLVMBuildCondBr(f->b, cond.v, then, els);
  struct val mask = f->mask;
  f->mask.v = NULL;
  level_push(f, then, true);
  struct val a = read_memory(f, acc, f->mask);
  LLVMBasicBlockRef from_a = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, join);
  level_pop(f);
  LLVMPositionBuilderAtEnd(f->b, start);
  level_push(f, els, true);
  struct val b = convert(f, t, emit_expr(f, acc->otherwise));
  LLVMBasicBlockRef from_b = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, join);
  level_pop(f);
  f->mask = mask;
  LLVMPositionBuilderAtEnd(f->b, join);
  return merge2(f, a, from_a, b, from_b);
}

/* Lanes whose guard holds load; the others take `otherwise`, evaluated for them alone. */
static struct val read_guarded_lanes(struct fn *f, const struct access *acc, struct val cond) {
  enum dtype t = f->f->object[acc->tensor].type;
  cond = vsplat(f, cond);
  struct val outer = f->mask, active = f->active;
  bool lazy = f->lazy;
  f->lazy = true; /* one element for all lanes is not touched when no lane wants it */
  struct val v = read_memory(f, acc, mask_and(f, outer, cond));
  struct val ones = mkval(splat_const(LLVMConstInt(f->m->i1, 1, 0), f->lanes), 0, DT_bool, f->lanes);
  f->mask = mask_and(f, outer, vbin(f, LLVMXor, cond, ones, false));
  f->active.v = NULL;
  struct val other = vsplat(f, convert(f, t, emit_expr(f, acc->otherwise)));
  f->mask = outer, f->active = active, f->lazy = lazy;
  return vselect(f, cond, vsplat(f, v), other);
}

static bool access_lane_dependent(struct fn *f, const struct access *acc) {
  for (unsigned d = 0; d < acc->rank; d++) {
    if (acc->ix[d].poly && poly_has(fn_subst(f, acc->ix[d].poly), f->lane)) return true;
    if (acc->ix[d].dyn && lane_dependent(f, acc->ix[d].dyn)) return true;
  }
  return acc->otherwise && lane_dependent(f, acc->otherwise);
}

bool lane_dependent(struct fn *f, expr_t e) {
  switch (e->kind) {
  case E_POLY:
    return poly_has(fn_subst(f, e->poly), f->lane);
  case E_LOCAL:
    return f->local[e->id].lanes != 0;
  case E_READ:
    return access_lane_dependent(f, e->acc);
  case E_OP:
  case E_CAST:
    for (unsigned i = 0; i < e->nkid; i++)
      if (lane_dependent(f, e->kid[i])) return true;
    return e->kind == E_CAST && lane_dependent(f, e->kid[0]);
  default:
    return false;
  }
}

struct val emit_read(struct fn *f, const struct access *acc) {
  struct val cond;
  enum dtype t = f->f->object[acc->tensor].type;
  int g = emit_guards(f, acc->guard, acc->nguard, &cond);
  if (g == 0) return convert(f, t, emit_expr(f, acc->otherwise));
  if (in_registers(f, acc->tensor)) {
    struct val v = reg_read(f, acc);
    if (g > 0) return v;
    struct val o = convert(f, t, emit_expr(f, acc->otherwise));
    vec_match(f, &v, &o);
    if (cond.lanes) v = vsplat(f, v), o = vsplat(f, o);
    return vselect(f, cond, v, o);
  }
  if (g > 0) return read_memory(f, acc, f->mask);
  if (!cond.lanes && (f->lane == SYM_NONE || !access_lane_dependent(f, acc))) return read_branched(f, acc, cond);
  return read_guarded_lanes(f, acc, cond);
}

/* --- stores --- */

static void store_plain(struct fn *f, const struct lstmt *s, const struct spot *sp, struct val v) {
  LLVMValueRef mem = to_memory(f, v), at = spot_address(f, sp);
  if (s->nontemporal && v.lanes && stream_store(f, s->acc, mem, at)) return;
  LLVMSetAlignment(LLVMBuildStore(f->b, mem, at), sp->align ? sp->align : elem_size(f, s->acc->tensor));
}

static void store_masked(struct fn *f, unsigned object, const struct spot *sp, struct val v, struct val mask,
                         const char *name) {
  LLVMValueRef mem = to_memory(f, v);
  int one = only_lane(f, mask);
  if (one >= 0) {
    LLVMValueRef x = LLVMBuildExtractElement(f->b, mem, LLVMConstInt(f->m->i32, (unsigned)one, 0), "");
    LLVMSetAlignment(LLVMBuildStore(f->b, x, lane_address(f, sp, (unsigned)one, elem_size(f, object))),
                     elem_size(f, object));
    return;
  }
  LLVMTypeRef over[2] = {LLVMTypeOf(mem), LLVMTypeOf(sp->at.v)};
  LLVMValueRef arg[3] = {mem, spot_address(f, sp), mask.v};
  LLVMValueRef call = call_intrinsic(f->m, f->b, name, over, 2, arg, 3);
  align_arg(f->m, call, 2, elem_size(f, object));
}

void store_first(struct fn *f, unsigned object, LLVMValueRef at, LLVMValueRef mem, struct val mask) {
  LLVMTypeRef over[2] = {LLVMTypeOf(mem), LLVMTypeOf(at)};
  LLVMValueRef arg[3] = {mem, at, mask.v};
  LLVMValueRef call = call_intrinsic(f->m, f->b, "llvm.masked.store", over, 2, arg, 3);
  align_arg(f->m, call, 2, elem_size(f, object));
  object_stored(f, object);
}

/* A reduction into elements that may coincide between lanes: one lane after the other. */
static void store_lanewise(struct fn *f, const struct lstmt *s, struct val ptrs, struct val v, struct val mask) {
  unsigned object = s->acc->tensor;
  enum dtype t = f->f->object[object].type;
  for (unsigned i = 0; i < f->lanes; i++) {
    LLVMValueRef at = LLVMConstInt(f->m->i32, i, 0);
    LLVMBasicBlockRef on = new_block(f, "lane"), next = new_block(f, "lane.end");
    LLVMValueRef cond = mask.v ? LLVMBuildExtractElement(f->b, mask.v, at, "") : LLVMConstInt(f->m->i1, 1, 0);
    struct val p = mkval(LLVMBuildExtractElement(f->b, ptrs.v, at, ""), cur_level(f), DT_u64, 0);
    struct val x = mkval(LLVMBuildExtractElement(f->b, v.v, at, ""), cur_level(f), v.type, 0);
    LLVMBuildCondBr(f->b, cond, on, next);
    level_push(f, on, true);
    LLVMValueRef old = LLVMBuildLoad2(f->b, mem_type(f->m, t), p.v, "");
    struct val o = convert(f, x.type, from_memory(f, t, old, 0, cur_level(f)));
    LLVMBuildStore(f->b, to_memory(f, convert(f, t, emit_red(f, s->red, o, x))), p.v);
    LLVMBuildBr(f->b, next);
    level_pop(f);
    LLVMPositionBuilderAtEnd(f->b, next);
    object_stored(f, object);
  }
}

static struct val last_lane(struct fn *f, struct val v) {
  if (!v.lanes) return v;
  LLVMValueRef at = LLVMConstInt(f->m->i64, f->lanes - 1, 0);
  if (f->mask.v && f->active.v) at = LLVMBuildSub(f->b, f->active.v, LLVMConstInt(f->m->i64, 1, 0), "");
  return mkval(LLVMBuildExtractElement(f->b, v.v, at, ""), cur_level(f), v.type, 0);
}

/* What was stored is what a load of the same type would give. */
static void remember(struct fn *f, unsigned object, const struct spot *sp, struct val v) {
  enum dtype t = v.type;
  if (t == DT_bool || t == DT_f16 || t == DT_bf16) return;
  v.level = (uint16_t)cur_level(f);
  cache_put_load(f, KEY_LOAD, sp->at.v, vec_of(mem_type(f->m, t), v.lanes), spot_key(sp, t), v, object);
}

static void store_uniform(struct fn *f, const struct lstmt *s, const struct spot *sp, struct val v) {
  unsigned object = s->acc->tensor;
  enum dtype t = f->f->object[object].type;
  if (s->red != RED_none) {
    if (f->lane != SYM_NONE) v = emit_horizontal(f, s->red, vsplat(f, v));
    struct val old = load_plain(f, object, sp, 0);
    v = emit_red(f, s->red, convert(f, v.type, old), v);
  }
  v = convert(f, t, last_lane(f, v));
  store_plain(f, s, sp, v);
  object_stored(f, object);
  remember(f, object, sp, v);
}

void store_value(struct fn *f, const struct lstmt *s, struct val v) {
  struct spot sp = spot_of(f, s->acc);
  if (!f->m->fail) store_uniform(f, s, &sp, v);
}

static void store_lanes(struct fn *f, const struct lstmt *s, struct spot *sp, struct val v, struct val mask) {
  unsigned object = s->acc->tensor, size = elem_size(f, object);
  enum dtype t = f->f->object[object].type;
  bool unit = is_unit(sp);
  if (s->red != RED_none && sp->many) {
    store_lanewise(f, s, sp->at, vsplat(f, v), mask);
    return;
  }
  v = vsplat(f, v);
  if (!unit && (!mask.v || mask.v == f->mask.v) && s->red == RED_none && weave_write(f, object, sp, convert(f, t, v)))
    return;
  struct val all = mkval(splat_const(LLVMConstInt(f->m->i1, 1, 0), f->lanes), 0, DT_bool, f->lanes);
  struct spot at = unit ? *sp : pointers_of(f, sp, size);
  if (s->red != RED_none) {
    struct val old = unit && !mask.v ? load_plain(f, object, &at, f->lanes)
                     : unit          ? load_masked(f, object, &at, mask, "llvm.masked.load", KEY_MASK)
                            : load_masked(f, object, &at, mask.v ? mask : all, "llvm.masked.gather", KEY_GATHER);
    v = emit_red(f, s->red, convert(f, v.type, old), v);
  }
  v = convert(f, t, v);
  if (unit && !mask.v)
    store_plain(f, s, &at, v);
  else if (unit)
    store_masked(f, object, &at, v, mask, "llvm.masked.store");
  else
    store_masked(f, object, &at, v, mask.v ? mask : all, "llvm.masked.scatter");
  object_stored(f, object);
  if (unit && !mask.v) remember(f, object, &at, v);
}

static void store_memory(struct fn *f, const struct lstmt *s, struct val mask) {
  struct val v = emit_expr(f, s->value);
  if (f->subscript) plain_value(f, s, v);
  struct spot sp = spot_of(f, s->acc);
  if (f->m->fail) return;
  if (!sp.many && !sp.stride)
    store_uniform(f, s, &sp, v);
  else
    store_lanes(f, s, &sp, v, mask);
}

/* --- sums of products in registers --- */

enum { TERMS = 8, CHAINS = 8 };

struct terms {
  unsigned n;
  expr_t x[TERMS];
  bool minus[TERMS];
};

static bool find_terms(expr_t e, bool minus, struct terms *t) {
  if (e->kind == E_OP && (e->op == OP_add || e->op == OP_sub))
    return find_terms(e->kid[0], minus, t) && find_terms(e->kid[1], minus != (e->op == OP_sub), t);
  if (t->n == TERMS || e->kind != E_OP || e->op != OP_mul) return false;
  t->x[t->n] = e;
  t->minus[t->n++] = minus;
  return true;
}

/* Vectors of the object. */
static int64_t vectors(const struct fn *f, unsigned object) {
  int64_t n = 1, c;
  for (unsigned d = 0; d < f->f->object[object].rank; d++)
    n *= poly_is_const(f->f->object[object].extent[d], &c) && c > 0 ? c : 1;
  return f->lanes ? n / f->lanes : 0;
}

/* s += a * b - c * d as two multiply-adds on s instead of three operations. One waits for the other, so there must be
 * enough sums beside it. */
static bool store_terms(struct fn *f, const struct lstmt *s) {
  struct terms t = {0};
  enum dtype type = (enum dtype)s->value->type;
  if (s->red != RED_sum || !f->reassoc || !f->m->isa.fma || (type != DT_f32 && type != DT_f64) ||
      f->f->object[s->acc->tensor].type != type || f->lane == SYM_NONE || f->simt ||
      vectors(f, s->acc->tensor) < CHAINS)
    return false;
  bool along = false;
  for (unsigned d = 0; d < s->acc->rank; d++) along |= poly_has(fn_subst(f, s->acc->ix[d].poly), f->lane);
  if (!along || !find_terms(s->value, false, &t) || t.n < 2) return false;
  for (unsigned i = 0; i < t.n; i++) {
    struct val v = emit_expr(f, t.x[i]);
    if (t.minus[i]) v = emit_op(f, OP_neg, type, &v);
    reg_write(f, s->acc, RED_sum, v);
  }
  return true;
}

static void store_now(struct fn *f, const struct lstmt *s) {
  if (in_registers(f, s->acc->tensor) && (reg_add_short(f, s) || store_terms(f, s))) return;
  if (in_registers(f, s->acc->tensor))
    reg_write(f, s->acc, s->red, emit_expr(f, s->value));
  else
    store_memory(f, s, f->mask);
}

struct guarded {
  const struct lstmt *s;
  struct val lanes; /* guards that differ between lanes */
};

static void store_masked_arm(struct fn *f, void *ctx) {
  struct guarded *g = ctx;
  struct val mask = f->mask, active = f->active;
  f->mask = g->lanes;
  f->active.v = NULL;
  store_now(f, g->s);
  f->mask = mask, f->active = active;
}

struct shared_read {
  struct fn *f;
  bool found;
};

static void find_shared_read(expr_t e, void *ctx) {
  struct shared_read *s = ctx;
  bool memory = e->kind == E_READ && e->acc->nguard == 0 && !in_registers(s->f, e->acc->tensor);
  if (memory && !access_lane_dependent(s->f, e->acc) && !surely_inside(s->f, e->acc)) s->found = true;
}

/* Elements that all lanes share are loaded plainly: when no lane is on they must not be. */
static void store_arm(struct fn *f, void *ctx) {
  struct guarded *g = ctx;
  if (!g->lanes.v) {
    store_now(f, g->s);
    return;
  }
  g->lanes = mask_and(f, f->mask, vsplat(f, g->lanes));
  struct shared_read s = {.f = f};
  expr_visit(g->s->value, find_shared_read, &s);
  if (!s.found) {
    store_masked_arm(f, g);
    return;
  }
  LLVMTypeRef t = LLVMTypeOf(g->lanes.v);
  LLVMValueRef any = call_intrinsic(f->m, f->b, "llvm.vector.reduce.or", &t, 1, &g->lanes.v, 1);
  emit_branch(f, mkval(any, cur_level(f), DT_bool, 0), g->s, store_masked_arm, NULL, g);
}

/* Guards that all lanes share are a branch around the whole statement, so its loads are not made either; the others are
 * masks. */
void emit_store(struct fn *f, const struct lstmt *s) {
  const struct access *acc = s->acc;
  poly_t shared[UINT8_MAX], lanes[UINT8_MAX];
  unsigned nshared = 0, nlanes = 0;
  for (unsigned i = 0; i < acc->nguard; i++) {
    bool varies = f->lane != SYM_NONE && poly_has(fn_subst(f, acc->guard[i]), f->lane);
    if (varies)
      lanes[nlanes++] = acc->guard[i];
    else
      shared[nshared++] = acc->guard[i];
  }
  struct guarded g = {.s = s};
  struct val cond;
  int in = emit_guards(f, lanes, nlanes, &g.lanes), on = emit_guards(f, shared, nshared, &cond);
  if (in == 0 || on == 0) return;
  if (on > 0)
    store_arm(f, &g);
  else
    emit_branch(f, cond, s, store_arm, NULL, &g);
}

void emit_prefetch(struct fn *f, const struct lstmt *s) {
  if (in_registers(f, s->acc->tensor)) return;
  struct spot sp = spot_of(f, s->acc);
  if (f->m->fail || sp.many) return;
  LLVMValueRef arg[4] = {spot_address(f, &sp), LLVMConstInt(f->m->i32, s->red != 0, 0), LLVMConstInt(f->m->i32, 3, 0),
                         LLVMConstInt(f->m->i32, 1, 0)};
  call_intrinsic(f->m, f->b, "llvm.prefetch", &f->m->ptr, 1, arg, 4);
}
