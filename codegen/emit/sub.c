/* Sub loops: the parts of a lane. All parts of an operand are brought into one 32-bit element a lane, whatever way they
   lie in memory: side by side (a broadcast, a vector load), as rows (loads of whole rows, interleaved), or far apart
   between lanes. A product is then one matrix instruction (dot.c), a copy one store. Whatever does not have such a form
   is run part by part, which is always right. */
#include "codegen/emit/build.h"
#include "ir/dot.h"

enum {
  PARTS = 8,
  KEY_RAW = 20000,
  KEY_RECAST = 910,
  KEY_JOIN = 911,
  KEY_WEAVE = 912,
  KEY_FAR = 913,
  KEY_PARTS = 914,
  KEY_WIDE = 915,
  KEY_ROUND = 916
};

enum shape { SHAPE_ONE, SHAPE_LANES, SHAPE_ROWS, SHAPE_FAR };
struct parts {
  const struct access *acc;
  sym_t sub;
  unsigned n, bits; /* parts of a lane, bits of a part */
  enum shape shape;
  poly_t along;         /* SHAPE_FAR: elements from lane to lane */
  struct val on[PARTS]; /* is the part there (scalar)? .v NULL: always */
  bool cut;             /* some part may not be there */
};

static LLVMValueRef k32(struct fn *f, uint64_t c) {
  return LLVMConstInt(f->m->i32, c, 0);
}

static struct val recast(struct fn *f, struct val a, LLVMTypeRef to, enum dtype t, unsigned lanes) {
  struct val r;
  if (LLVMTypeOf(a.v) == to) return a;
  if (cache_get(f, KEY_RECAST, a.v, to, NULL, &r)) return r;
  unsigned lev = place_level(f, a.level);
  place_at(f, lev);
  r = mkval(LLVMBuildBitCast(f->b, a.v, to, ""), lev, t, lanes);
  place_back(f);
  cache_put(f, KEY_RECAST, a.v, to, NULL, r);
  return r;
}

static struct val shuffle(struct fn *f, unsigned key, struct val a, struct val b, const unsigned *at, unsigned n) {
  struct val r;
  LLVMValueRef k[4 * LANE_LIMIT];
  if (cache_get(f, key, a.v, b.v, NULL, &r)) return r;
  for (unsigned i = 0; i < n; i++) k[i] = k32(f, at[i]);
  unsigned lev = place_level(f, a.level > b.level ? a.level : b.level);
  place_at(f, lev);
  r = mkval(LLVMBuildShuffleVector(f->b, a.v, b.v, LLVMConstVector(k, n), ""), lev, a.type, n);
  place_back(f);
  cache_put(f, key, a.v, b.v, NULL, r);
  return r;
}

/* --- forms --- */

/* Every part lies within the declared extents, there or not. */
static bool all_inside(struct fn *f, const struct parts *p) {
  const struct object *o = &f->f->object[p->acc->tensor];
  for (unsigned d = 0; d < p->acc->rank; d++) {
    if (!poly_has(p->acc->ix[d].poly, p->sub)) continue;
    poly_t last = poly_subst(f->m->arena, p->acc->ix[d].poly, p->sub, poly_const(f->m->arena, p->n - 1));
    poly_t room = poly_addc(f->m->arena, poly_sub(f->m->arena, o->extent[d], last), -1);
    if (!provably_ge0(f, fn_subst(f, room))) return false;
  }
  return true;
}

static bool find_shape(struct fn *f, struct parts *p) {
  struct arena *a = f->m->arena;
  const struct access *acc = p->acc;
  poly_t across, rest, along;
  int64_t c, l;
  for (unsigned d = 0; d < acc->rank; d++)
    if (acc->ix[d].dyn || !acc->ix[d].poly) return false;
  if (in_registers(f, acc->tensor)) return false;
  if (!poly_split(a, fn_subst(f, access_poly(f, acc)), p->sub, &across, &rest)) return false;
  bool unit = poly_is_const(across, &c) && c == 1;
  if (f->lane == SYM_NONE || !poly_has(rest, f->lane)) {
    p->shape = SHAPE_ONE;
    return unit && !(f->lane != SYM_NONE && poly_has(across, f->lane));
  }
  if (poly_has(across, f->lane) || !poly_split(a, rest, f->lane, &along, &rest) || poly_has(along, f->lane))
    return false;
  bool known = poly_is_const(along, &l);
  p->along = along;
  p->shape = unit && known && l == p->n ? SHAPE_LANES : known && l == 1 ? SHAPE_ROWS : SHAPE_FAR;
  return p->shape != SHAPE_FAR || unit;
}

static bool is_zero(expr_t x) {
  return x->kind == E_CONST && (type_is_float((enum dtype)x->type) ? x->val.f == 0 : x->val.i == 0);
}

/* The guards of each part, and the bounds of the loop behind the first. */
static bool find_on(struct fn *f, const struct lstmt *s, struct parts *p) {
  if (p->acc->nguard && !is_zero(p->acc->otherwise)) return false;
  for (unsigned i = 0; i < p->n; i++) {
    poly_t g[2 * UINT8_MAX];
    unsigned n = 0;
    struct val cond;
    for (unsigned j = 0; j < p->acc->nguard; j++) g[n++] = p->acc->guard[j];
    for (unsigned j = 1; j < s->nhi; j++) g[n++] = poly_addc(f->m->arena, s->hi[j], -(int64_t)i - 1);
    f->env[p->sub] = poly_const(f->m->arena, i);
    int on = emit_guards(f, g, n, &cond);
    f->env[p->sub] = NULL;
    if (on < 0 && cond.lanes) return false;
    p->on[i] = on > 0 ? (struct val){0} : on < 0 ? cond : mkval(LLVMConstInt(f->m->i1, 0, 0), 0, DT_bool, 0);
    p->cut |= on <= 0;
  }
  if (p->shape == SHAPE_FAR) return !p->cut && !f->mask.v;
  if (p->shape == SHAPE_LANES && p->cut) return all_inside(f, p);
  return true;
}

static bool parts_are(struct fn *f, const struct lstmt *s, const struct access *acc, int64_t n, struct parts *p) {
  enum dtype t = (enum dtype)f->f->object[acc->tensor].type;
  int64_t steps;
  *p = (struct parts){.acc = acc, .sub = s->sym, .n = (unsigned)n, .bits = 8 * (unsigned)type_size(t)};
  return poly_is_const(s->hi[0], &steps) && steps == n && t != DT_bool && find_shape(f, p) && find_on(f, s, p);
}

static bool parts_of(struct fn *f, const struct lstmt *s, const struct access *acc, struct parts *p) {
  return parts_are(f, s, acc, DOT_BYTES / (int64_t)type_size((enum dtype)f->f->object[acc->tensor].type), p);
}

/* --- loads --- */

static struct spot spot_at(struct fn *f, const struct parts *p, unsigned part) {
  f->env[p->sub] = poly_const(f->m->arena, part);
  struct spot s = spot_of(f, p->acc);
  f->env[p->sub] = NULL;
  return s;
}

static LLVMTypeRef bits_type(struct fn *f, unsigned bits, unsigned lanes) {
  return vec_of(LLVMIntTypeInContext(f->m->ctx, bits), lanes);
}

/* Bits as they lie in memory; lanes that are off are 0. */
static struct val raw_load(struct fn *f, const struct parts *p, const struct spot *s, unsigned bits, unsigned lanes,
                           struct val mask) {
  unsigned object = p->acc->tensor, align = (unsigned)type_size(f->f->object[object].type),
           key = KEY_RAW + bits * 512 + lanes;
  const void *disp = (const void *)(uintptr_t)s->disp;
  struct val r;
  if (cache_get(f, key, s->at.v, mask.v, disp, &r)) return r;
  unsigned lev = spot_load_level(f, object, mask.v && mask.level > s->at.level ? mask.level : s->at.level);
  place_at(f, lev);
  LLVMTypeRef t = bits_type(f, bits, lanes);
  LLVMValueRef at = spot_address(f, s), v;
  if (mask.v) {
    LLVMTypeRef over[2] = {t, LLVMTypeOf(at)};
    LLVMValueRef arg[3] = {at, mask.v, LLVMConstNull(t)};
    v = call_intrinsic(f->m, f->b, "llvm.masked.load", over, 2, arg, 3);
    unsigned kind = LLVMGetEnumAttributeKindForName("align", 5);
    LLVMAddCallSiteAttribute(v, 1, LLVMCreateEnumAttribute(f->m->ctx, kind, align));
  } else {
    v = LLVMBuildLoad2(f->b, t, at, "");
    LLVMSetAlignment(v, align);
  }
  r = mkval(v, lev, DT_u32, lanes);
  place_back(f);
  cache_put_load(f, key, s->at.v, mask.v, disp, r, object);
  return r;
}

/* <n x i1> from the parts' conditions. */
static struct val parts_mask(struct fn *f, const struct parts *p) {
  unsigned lev = 0;
  struct val r, on[PARTS];
  for (unsigned i = 0; i < p->n; i++) {
    on[i] = p->on[i].v ? p->on[i] : mkval(LLVMConstInt(f->m->i1, 1, 0), 0, DT_bool, 0);
    if (on[i].level > lev) lev = on[i].level;
  }
  const void *key[2] = {on[0].v, on[p->n - 1].v};
  if (cache_get(f, KEY_PARTS, key[0], key[1], on[p->n / 2].v, &r)) return r;
  lev = place_level(f, lev);
  place_at(f, lev);
  LLVMValueRef v = LLVMGetPoison(vec_of(f->m->i1, p->n));
  for (unsigned i = 0; i < p->n; i++) v = LLVMBuildInsertElement(f->b, v, on[i].v, k32(f, i), "");
  r = mkval(v, lev, DT_bool, p->n);
  place_back(f);
  cache_put(f, KEY_PARTS, key[0], key[1], on[p->n / 2].v, r);
  return r;
}

/* All bits of the parts that are there. */
static struct val parts_bits(struct fn *f, const struct parts *p) {
  struct val m = parts_mask(f, p), all = vcastop(f, LLVMSExt, m, bits_type(f, p->bits, 0), DT_u32);
  return recast(f, all, f->m->i32, DT_u32, 0);
}

static struct val load_one(struct fn *f, const struct parts *p) {
  struct spot s = spot_at(f, p, 0);
  if (!p->cut) return raw_load(f, p, &s, 32, 0, (struct val){0});
  if (all_inside(f, p)) return vbin(f, LLVMAnd, raw_load(f, p, &s, 32, 0, (struct val){0}), parts_bits(f, p), false);
  return recast(f, raw_load(f, p, &s, p->bits, p->n, parts_mask(f, p)), f->m->i32, DT_u32, 0);
}

static struct val load_lanes(struct fn *f, const struct parts *p) {
  struct spot s = spot_at(f, p, 0);
  struct val v = raw_load(f, p, &s, 32, f->lanes, f->mask);
  return p->cut ? vbin(f, LLVMAnd, v, vsplat(f, parts_bits(f, p)), false) : v;
}

/* ---- rows of neighbouring vectors ---- */

/* Key of the woven vector whose first two rows lie at these places; false: too far apart to be told from others. */
static bool wide_key(const struct spot *a, const struct spot *b, const void **key) {
  int64_t apart = b->disp - a->disp;
  if (a->disp != (int32_t)a->disp || apart != (int32_t)apart) return false;
  *key = (const void *)(uintptr_t)((uint64_t)a->disp << 32 | (uint32_t)apart);
  return true;
}

/* Rows 2q and 2q + 1 of neighbours 2h and 2h + 1: their elements in turn. */
static struct val wide_pair(struct fn *f, const struct parts *p, const struct val *row, unsigned q, unsigned h) {
  unsigned at[4 * LANE_LIMIT], n = p->n / 2 * 2 * f->lanes, all = p->n * f->lanes;
  for (unsigned i = 0; i < n; i++) at[i] = i % 2 * all + h * n / 2 + i / 2;
  return shuffle(f, KEY_WEAVE + 64 * (h + 1), row[2 * q], row[2 * q + 1], at, n);
}

/* Neighbour g of those whose rows these are. */
static struct val wide_one(struct fn *f, const struct parts *p, const struct val *row, unsigned g) {
  unsigned at[4 * LANE_LIMIT], n = p->n * f->lanes;
  if (p->n == 2) {
    for (unsigned i = 0; i < n; i++) at[i] = i % 2 * n + g * f->lanes + i / 2;
    return shuffle(f, KEY_WEAVE + 64 * (g + 1), row[0], row[1], at, n);
  }
  struct val a = wide_pair(f, p, row, 0, g / 2), b = wide_pair(f, p, row, 1, g / 2);
  for (unsigned i = 0; i < n; i++) at[i] = i / 2 % 2 * n + g % 2 * (n / 2) + i / 4 * 2 + i % 2;
  return shuffle(f, KEY_WEAVE + 64 * (g % 2 + 1), a, b, at, n);
}

/* As many vectors as a lane has parts, side by side in an unrolled loop: each row of all of them is one whole vector.
   Loaded and woven at the first of them. */
static bool load_wide(struct fn *f, const struct parts *p, struct val *out) {
  struct turn *by;
  struct val row[PARTS];
  struct spot first = spot_at(f, p, 0), second = spot_at(f, p, 1);
  const void *key;
  if (f->mask.v || p->cut || (p->n != 2 && p->n != 4) || f->simt || !wide_key(&first, &second, &key)) return false;
  if (cache_get(f, KEY_WIDE + 64 * f->lanes, first.at.v, second.at.v, key, out)) return true;
  if (turn_width(f, p->acc, f->lanes, p->n, &by) != p->n) return false;
  for (unsigned i = 0; i < p->n; i++) {
    struct spot s = spot_at(f, p, i);
    row[i] = raw_load(f, p, &s, p->bits, p->n * f->lanes, (struct val){0});
  }
  for (unsigned g = p->n; g-- > 0;) {
    struct spot a = first, b = second;
    a.disp += (int64_t)g * f->lanes * (p->bits / 8), b.disp += (int64_t)g * f->lanes * (p->bits / 8);
    *out = recast(f, wide_one(f, p, row, g), bits_type(f, 32, f->lanes), DT_u32, f->lanes);
    if (wide_key(&a, &b, &key)) cache_put_load(f, KEY_WIDE + 64 * f->lanes, a.at.v, b.at.v, key, *out, p->acc->tensor);
  }
  return true;
}

/* Rows next to one another, then part s of lane l at l * n + s. */
static struct val load_rows(struct fn *f, const struct parts *p) {
  struct val row[PARTS], wide;
  unsigned at[4 * LANE_LIMIT], lanes = f->lanes, n = p->n * lanes;
  if (load_wide(f, p, &wide)) return wide;
  for (unsigned i = 0; i < p->n; i++) {
    struct spot s = spot_at(f, p, i);
    struct val mask = p->on[i].v ? mask_and(f, f->mask, vsplat(f, p->on[i])) : f->mask;
    row[i] = raw_load(f, p, &s, p->bits, lanes, mask);
  }
  for (unsigned i = 0; i < 2 * lanes; i++) at[i] = i;
  for (unsigned k = 2; k < p->n; k += 2) row[k] = shuffle(f, KEY_JOIN, row[k], row[k + 1], at, 2 * lanes);
  if (p->n > 2) row[0] = shuffle(f, KEY_JOIN, row[0], row[1], at, 2 * lanes);
  for (unsigned i = 0; i < n; i++) at[i] = i % p->n * lanes + i / p->n;
  struct val v = shuffle(f, KEY_WEAVE, row[0], row[p->n > 2 ? 2 : 1], at, n);
  return recast(f, v, bits_type(f, 32, lanes), DT_u32, lanes);
}

static struct val load_far(struct fn *f, const struct parts *p) {
  struct spot s = spot_at(f, p, 0);
  struct val step = fn_poly(f, poly_scale(f->m->arena, p->along, p->bits / 8)), r;
  unsigned object = p->acc->tensor;
  const void *disp = (const void *)(uintptr_t)s.disp;
  if (cache_get(f, KEY_FAR + f->lanes * 64, s.at.v, step.v, disp, &r)) return r;
  unsigned lev = spot_load_level(f, object, s.at.level > step.level ? s.at.level : step.level);
  place_at(f, lev);
  LLVMValueRef base = spot_address(f, &s), v = LLVMGetPoison(bits_type(f, 32, f->lanes));
  for (unsigned i = 0; i < f->lanes; i++) {
    LLVMValueRef off = LLVMBuildMul(f->b, step.v, LLVMConstInt(f->m->i64, i, 0), "");
    LLVMValueRef x = LLVMBuildLoad2(f->b, f->m->i32, LLVMBuildGEP2(f->b, f->m->i8, base, &off, 1, ""), "");
    LLVMSetAlignment(x, p->bits / 8);
    v = LLVMBuildInsertElement(f->b, v, x, k32(f, i), "");
  }
  r = mkval(v, lev, DT_u32, f->lanes);
  place_back(f);
  cache_put_load(f, KEY_FAR + f->lanes * 64, s.at.v, step.v, disp, r, object);
  return r;
}

/* Floats that become parts here: a step of a factor that is the same for all lanes. Subnormals become 0, as they do in
   the instruction. */
static struct val load_rounded(struct fn *f, const struct parts *p) {
  struct spot s = spot_at(f, p, 0);
  struct val v = raw_load(f, p, &s, p->bits, p->n, p->cut ? parts_mask(f, p) : (struct val){0}), r;
  if (cache_get(f, KEY_ROUND, v.v, NULL, NULL, &r)) return r;
  unsigned lev = place_level(f, v.level), wide = 16 / (p->bits / 8); /* in a whole register: there is no shorter form */
  LLVMTypeRef bf16 = LLVMBFloatTypeInContext(f->m->ctx), f32 = LLVMFloatTypeInContext(f->m->ctx);
  LLVMValueRef at[4];
  place_at(f, lev);
  for (unsigned i = 0; i < wide; i++) at[i] = i < p->n ? k32(f, i) : LLVMGetPoison(f->m->i32);
  LLVMValueRef x = LLVMBuildBitCast(f->b, v.v, vec_of(f32, p->n), "");
  x = LLVMBuildShuffleVector(f->b, x, LLVMGetPoison(vec_of(f32, p->n)), LLVMConstVector(at, wide), "");
  x = LLVMBuildBitCast(f->b, LLVMBuildFPTrunc(f->b, x, vec_of(bf16, wide), ""), vec_of(f->m->i32, wide / p->n), "");
  r = mkval(LLVMBuildExtractElement(f->b, x, k32(f, 0), ""), lev, DT_u32, 0);
  place_back(f);
  cache_put(f, KEY_ROUND, v.v, NULL, NULL, r);
  return r;
}

static struct val load_parts(struct fn *f, const struct parts *p) {
  switch (p->shape) {
  case SHAPE_ONE:
    return load_one(f, p);
  case SHAPE_LANES:
    return load_lanes(f, p);
  case SHAPE_ROWS:
    return load_rows(f, p);
  default:
    return load_far(f, p);
  }
}

/* --- statements --- */

static bool find_dot(struct fn *f, expr_t x, struct dot *d) {
  bool rounded = f->f->fast && dot_mixed(x, d) && d->kind == DOT_bf16;
  return (rounded || dot_of(x, d)) && dot_possible(f, d->kind);
}

static bool parts_of_a(struct fn *f, const struct lstmt *s, const struct dot *d, struct parts *a) {
  if (d->alone) return true;
  if (!d->rounded) return parts_of(f, s, d->a->acc, a);
  return parts_are(f, s, d->a->acc, d->group, a) && a->shape == SHAPE_ONE;
}

static struct val load_a(struct fn *f, const struct dot *d, const struct parts *a) {
  if (d->alone) return dot_bytes(f, 1);
  return vsplat(f, d->rounded ? load_rounded(f, a) : load_parts(f, a));
}

static bool emit_product(struct fn *f, const struct lstmt *s, const struct lstmt *st) {
  struct dot d;
  struct parts a, b;
  if (f->lane == SYM_NONE || !in_registers(f, st->acc->tensor) || !find_dot(f, st->value, &d)) return false;
  if (f->f->object[st->acc->tensor].type != st->value->type) return false;
  for (unsigned i = 0; i < st->acc->rank; i++)
    if (st->acc->ix[i].poly && poly_has(st->acc->ix[i].poly, s->sym)) return false;
  if (!parts_of_a(f, s, &d, &a) || !parts_of(f, s, d.b->acc, &b)) return false;
  struct val old = reg_read(f, st->acc);
  if (old.lanes != f->lanes) return false;
  if (d.kind == DOT_i8i8 && a.shape != SHAPE_ONE) { /* what is done to a is done once for all lanes */
    struct parts t = a;
    a = b, b = t;
  }
  struct val y = vsplat(f, load_parts(f, &b)), x = load_a(f, &d, &a);
  if (d.shifted) x = vbin(f, LLVMXor, x, dot_bytes(f, 0x80), false);
  reg_write(f, st->acc, RED_none, emit_dot(f, d.kind, old, x, y));
  return true;
}

static bool emit_interleave(struct fn *f, const struct lstmt *s, const struct lstmt *st) {
  struct parts from, to;
  if (st->value->kind != E_READ || f->f->object[st->acc->tensor].type != st->value->type) return false;
  if (!parts_of(f, s, st->value->acc, &from) || !parts_of(f, s, st->acc, &to) || to.cut) return false;
  if (to.shape != (f->lane == SYM_NONE ? SHAPE_ONE : SHAPE_LANES)) return false;
  struct val v = load_parts(f, &from);
  struct spot at = spot_at(f, &to, 0);
  if (f->lane != SYM_NONE) v = vsplat(f, v);
  unsigned align = to.bits / 8;
  if (f->mask.v) {
    LLVMValueRef p = spot_address(f, &at), arg[3] = {v.v, p, f->mask.v};
    LLVMTypeRef over[2] = {LLVMTypeOf(v.v), LLVMTypeOf(p)};
    LLVMValueRef call = call_intrinsic(f->m, f->b, "llvm.masked.store", over, 2, arg, 3);
    unsigned kind = LLVMGetEnumAttributeKindForName("align", 5);
    LLVMAddCallSiteAttribute(call, 2, LLVMCreateEnumAttribute(f->m->ctx, kind, align));
  } else {
    LLVMSetAlignment(LLVMBuildStore(f->b, v.v, spot_address(f, &at)), align);
  }
  object_stored(f, st->acc->tensor);
  return true;
}

static void part_arm(struct fn *f, void *ctx) {
  emit_stmt(f, ctx);
}

/* Part by part. */
static void emit_plain(struct fn *f, const struct lstmt *s) {
  int64_t n;
  if (!poly_is_const(s->hi[0], &n)) return;
  for (int64_t i = 0; i < n && !f->m->fail; i++) {
    poly_t g[UINT8_MAX];
    struct val cond;
    for (unsigned j = 1; j < s->nhi; j++) g[j - 1] = poly_addc(f->m->arena, s->hi[j], -i - 1);
    int on = emit_guards(f, g, s->nhi - 1u, &cond);
    f->env[s->sym] = poly_const(f->m->arena, i);
    if (on > 0) emit_stmt(f, s->body[0]);
    if (on < 0) emit_branch(f, cond, s->body[0], part_arm, NULL, s->body[0]);
  }
  f->env[s->sym] = NULL;
}

void emit_sub(struct fn *f, const struct lstmt *s) {
  const struct lstmt *st = s->body[0];
  if (f->amx) {
    amx_step(f);
    return;
  }
  bool plain = st->kind != L_STORE || st->acc->nguard;
  if (!plain && f->simt && (simt_mma(f, s, st) || simt_wgmma(f, s, st))) return;
  if (!plain && st->red == RED_sum && emit_product(f, s, st)) return;
  if (!plain && st->red == RED_none && emit_interleave(f, s, st)) return;
  emit_plain(f, s);
}
