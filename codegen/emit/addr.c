/* Polynomials to LLVM: values, addresses, what is known to hold.

   An address is base + sum of monomials. Monomials are added in the order of the level at which they are known, so
   everything that does not move with the innermost loop is computed outside of it. A loop counter with a constant byte
   stride of 1, 2, 4 or 8 stays a scaled index; any other stride gets an offset that advances with the loop, shared by
   all accesses of equal stride: `disp(base, offset)` is one operand on x86. Constants go last, into the displacement.
   No `inbounds`: a partial sum may lie outside of the object. */
#include "codegen/emit/build.h"
#include <string.h>

struct accmap {
  struct accentry {
    const struct access *acc;
    poly_t p;
  } slot[1024];
};

struct accmap *accmap_new(struct arena *a) {
  return ARENA_NEW(a, struct accmap, 1);
}

static bool mono_bound(const struct fn *f, const struct mono *m) {
  for (unsigned i = 0; i < m->n; i++)
    if (f->env[m->sym[i]]) return true;
  return false;
}

/* m with its bound symbols replaced, as a polynomial. */
static poly_t subst_mono(struct fn *f, const struct mono *m) {
  struct arena *a = f->m->arena;
  poly_t r = poly_const(a, m->coef);
  for (unsigned i = 0; i < m->n; i++) {
    poly_t by = f->env[m->sym[i]];
    r = poly_mul(a, r, by ? by : poly_sym(a, m->sym[i]));
  }
  return r;
}

/* Terms without bound symbols keep their order; bound ones that are constants fold into one number: no allocation per
 * term. */
poly_t fn_subst(struct fn *f, poly_t p) {
  bool bound = false;
  for (uint32_t i = 0; i < p->n && !bound; i++) bound = mono_bound(f, &p->mono[i]);
  if (!bound) return p;
  struct arena *a = f->m->arena;
  struct poly *kept = arena_alloc(a, sizeof *kept + p->n * sizeof *kept->mono);
  poly_t rest = NULL;
  int64_t sum = 0, c;
  for (uint32_t i = 0; i < p->n; i++) {
    const struct mono *m = &p->mono[i];
    if (!mono_bound(f, m)) {
      kept->mono[kept->n++] = *m;
      continue;
    }
    int64_t term;
    if (m->n == 1 && poly_is_const(f->env[m->sym[0]], &c) && !__builtin_mul_overflow(m->coef, c, &term) &&
        !__builtin_add_overflow(sum, term, &term)) {
      sum = term;
      continue;
    }
    poly_t t = subst_mono(f, m);
    rest = rest ? poly_add(a, rest, t) : t;
  }
  poly_t r = kept;
  if (rest) r = poly_add(a, r, rest);
  if (sum) r = poly_addc(a, r, sum);
  if (r->overflow) emit_fail(f->m, "an index does not fit 64 bits");
  return r;
}

static unsigned mono_level(const struct fn *f, const struct mono *m) {
  unsigned lev = 0;
  for (unsigned i = 0; i < m->n; i++)
    if (m->sym[i] != f->lane && f->sym[m->sym[i]].level > lev) lev = f->sym[m->sym[i]].level;
  return lev;
}

unsigned poly_level(struct fn *f, poly_t p) {
  unsigned lev = 0;
  for (uint32_t i = 0; i < p->n; i++) {
    unsigned l = mono_level(f, &p->mono[i]);
    if (l > lev) lev = l;
  }
  return lev;
}

static struct val sym_value(struct fn *f, sym_t s) {
  if (!f->sym[s].v) {
    emit_fail(f->m, "internal: symbol %u has no value here", s);
    return vi64(f, 0);
  }
  return f->sym[s];
}

/* coef * product of symbols, outermost first, so that its invariant part is computed outside. */
static struct val mono_value(struct fn *f, const struct mono *m, int64_t scale) {
  int64_t c;
  if (__builtin_mul_overflow(m->coef, scale, &c)) emit_fail(f->m, "an index does not fit 64 bits");
  struct val factor[POLY_DEG];
  for (unsigned i = 0; i < m->n; i++) {
    struct val v = sym_value(f, m->sym[i]);
    unsigned j = i;
    for (; j > 0 && factor[j - 1].level > v.level; j--) factor[j] = factor[j - 1];
    factor[j] = v;
  }
  struct val r = vi64(f, c);
  for (unsigned i = 0; i < m->n; i++) r = i == 0 && c == 1 ? factor[0] : vbin(f, LLVMMul, factor[i], r, false);
  return r;
}

static struct val uniform_poly(struct fn *f, poly_t p, int64_t scale) {
  struct val r = {0};
  for (unsigned lev = 0; lev < f->nlevel; lev++)
    for (uint32_t i = 0; i < p->n; i++) {
      const struct mono *m = &p->mono[i];
      if (m->n == 0 || mono_level(f, m) != lev) continue;
      struct val v = mono_value(f, m, scale);
      r = r.v ? vbin(f, LLVMAdd, r, v, false) : v;
    }
  const struct mono *last = p->n ? &p->mono[p->n - 1] : NULL;
  if (!last || last->n) return r.v ? r : vi64(f, 0);
  struct val c = mono_value(f, last, scale);
  return r.v ? vbin(f, LLVMAdd, r, c, false) : c;
}

struct val fn_poly(struct fn *f, poly_t p) {
  if (f->lane == SYM_NONE || !poly_has(p, f->lane)) return uniform_poly(f, p, 1);
  struct arena *a = f->m->arena;
  poly_t coef, rest;
  struct val ids = lane_ids(f, f->m->i64, DT_i64);
  if (!poly_split(a, p, f->lane, &coef, &rest)) {
    emit_fail(f->m, "a subscript is not linear in the vector index");
    return ids;
  }
  struct val c = vsplat(f, uniform_poly(f, coef, 1)), base = vsplat(f, uniform_poly(f, rest, 1));
  return vbin(f, LLVMAdd, base, vbin(f, LLVMMul, ids, c, false), false);
}

/* The advancing offset of a loop for one stride (bytes a unit of the counter). */
static struct val loop_offset(struct fn *f, struct frame *fr, poly_t coef) {
  for (struct iv *v = fr->ivs; v; v = v->next)
    if (poly_eq(v->coef, coef)) return mkval(v->phi, fr->level, DT_i64, 0);
  struct val c = uniform_poly(f, coef, 1);
  struct val init = vbin(f, LLVMMul, fr->lo, c, false), step = vbin(f, LLVMMul, c, vi64(f, fr->step), false);
  LLVMValueRef first = LLVMGetFirstInstruction(fr->head);
  place_at(f, fr->level - 1); /* remembers the current block */
  LLVMPositionBuilderBefore(f->b, first);
  LLVMValueRef phi = LLVMBuildPhi(f->b, f->m->i64, "");
  place_back(f);
  LLVMBasicBlockRef pre = f->level[fr->level - 1].block;
  LLVMAddIncoming(phi, &init.v, &pre, 1);
  struct iv *v = ARENA_NEW(f->m->arena, struct iv, 1);
  *v = (struct iv){.coef = coef, .phi = phi, .step = step.v, .next = fr->ivs};
  fr->ivs = v;
  return mkval(phi, fr->level, DT_i64, 0);
}

enum { KEY_GEP = 800 };

static struct val gep(struct fn *f, struct val p, LLVMTypeRef unit, struct val index) {
  struct val r;
  if (LLVMIsConstant(index.v) && LLVMConstIntGetZExtValue(index.v) == 0) return p;
  if (cache_get(f, KEY_GEP, p.v, index.v, unit, &r)) return r;
  unsigned lev = place_level(f, p.level > index.level ? p.level : index.level);
  place_at(f, lev);
  r = mkval(LLVMBuildGEP2(f->b, unit, p.v, &index.v, 1, ""), lev, DT_u64, 0);
  place_back(f);
  cache_put(f, KEY_GEP, p.v, index.v, unit, r);
  return r;
}

static LLVMTypeRef unit_type(struct fn *f, int64_t bytes) {
  struct module *m = f->m;
  return bytes == 1 ? m->i8 : bytes == 2 ? m->i16 : bytes == 4 ? m->i32 : bytes == 8 ? m->i64 : NULL;
}

static struct frame *frame_of(struct fn *f, sym_t s) {
  struct frame *fr = f->frame;
  while (fr && fr->sym != s) fr = fr->outer;
  return fr;
}

/* The loop whose counter alone makes m live at its level, or NULL. */
static struct frame *moving_frame(struct fn *f, const struct mono *m, unsigned lev) {
  struct frame *found = NULL;
  for (unsigned i = 0; i < m->n; i++) {
    if (f->sym[m->sym[i]].level != lev) continue;
    struct frame *fr = frame_of(f, m->sym[i]);
    if (found || !fr || fr->level != lev) return NULL;
    found = fr;
  }
  return found;
}

static struct mono without(struct mono m, sym_t s) {
  for (unsigned i = 0; i < m.n; i++)
    if (m.sym[i] == s) {
      memmove(&m.sym[i], &m.sym[i + 1], sizeof(sym_t) * (m.n - 1u - i));
      m.sym[--m.n] = 0;
      break;
    }
  return m;
}

/* p plus the monomials of level lev that move with loop fr, as one stride. */
static struct val add_moving(struct fn *f, struct val at, poly_t p, unsigned lev, struct frame *fr, unsigned size) {
  struct arena *a = f->m->arena;
  poly_t coef = poly_const(a, 0);
  for (uint32_t i = 0; i < p->n; i++) {
    const struct mono *m = &p->mono[i];
    if (m->n == 0 || mono_level(f, m) != lev || moving_frame(f, m, lev) != fr) continue;
    struct poly *one = arena_alloc(a, sizeof *one + sizeof *one->mono);
    one->n = 1;
    one->mono[0] = without(*m, fr->sym);
    coef = poly_add(a, coef, one);
  }
  coef = poly_scale(a, coef, size);
  if (coef->overflow) emit_fail(f->m, "an index does not fit 64 bits");
  int64_t c;
  if (poly_is_const(coef, &c) && unit_type(f, c)) return gep(f, at, unit_type(f, c), sym_value(f, fr->sym));
  return gep(f, at, f->m->i8, loop_offset(f, fr, coef));
}

/* base + p elements, less a constant part that the caller adds where it uses the address: *disp bytes. */
struct val fn_address(struct fn *f, struct val base, poly_t p, unsigned size, int64_t *disp) {
  *disp = 0;
  struct val at = base;
  for (unsigned lev = 0; lev < f->nlevel && !f->m->fail; lev++) {
    struct frame *done = NULL;
    for (uint32_t i = 0; i < p->n; i++) {
      const struct mono *m = &p->mono[i];
      if (m->n == 0 || mono_level(f, m) != lev) continue;
      struct frame *fr = moving_frame(f, m, lev);
      if (!fr)
        at = gep(f, at, f->m->i8, mono_value(f, m, size));
      else if (fr != done)
        at = add_moving(f, at, p, lev, done = fr, size);
    }
  }
  const struct mono *last = p->n ? &p->mono[p->n - 1] : NULL;
  if (last && last->n == 0 &&
      (__builtin_mul_overflow(last->coef, (int64_t)size, disp) || *disp > INT64_MAX / 64 || *disp < INT64_MIN / 64))
    emit_fail(f->m, "an index does not fit 64 bits");
  return at;
}

static struct val shifted(struct fn *f, LLVMOpcode op, struct val a, int64_t c) {
  return vbin(f, op, a, vi64(f, c), false);
}

/* Where byte x of the tiles lies: its panel, its row, its piece of 16 bytes xor the row. */
static struct val panel_byte(struct fn *f, const struct object *o, struct val x) {
  int64_t row_bytes = (int64_t)o->panel_cols * (int64_t)type_size((enum dtype)o->type);
  if (row_bytes == PANEL_BYTES) {
    struct val row = shifted(f, LLVMAnd, shifted(f, LLVMLShr, x, 3), 7 << 4);
    return vbin(f, LLVMXor, x, row, false);
  }
  struct val in = shifted(f, LLVMURem, x, row_bytes * o->panel_rows), first = vbin(f, LLVMSub, x, in, false);
  struct val row = shifted(f, LLVMUDiv, in, row_bytes), col = shifted(f, LLVMURem, in, row_bytes);
  struct val panel = shifted(f, LLVMLShr, col, 7), byte = shifted(f, LLVMAnd, col, PANEL_BYTES - 1);
  byte = vbin(f, LLVMXor, byte, shifted(f, LLVMShl, shifted(f, LLVMAnd, row, 7), 4), false);
  first = vbin(f, LLVMAdd, first, shifted(f, LLVMMul, panel, (int64_t)o->panel_rows * PANEL_BYTES), false);
  return vbin(f, LLVMAdd, vbin(f, LLVMAdd, first, shifted(f, LLVMShl, row, 7), false), byte, false);
}

struct val panel_address(struct fn *f, const struct object *o, struct val base, poly_t p, int64_t *disp) {
  int64_t size = (int64_t)type_size((enum dtype)o->type), piece = 16 / size, c = 0;
  const struct mono *last = p->n ? &p->mono[p->n - 1] : NULL;
  if (last && !last->n) c = last->coef;
  int64_t low = poly_divisor(f, poly_addc(f->m->arena, p, -c)) % piece || c < 0 ? 0 : c % piece;
  struct val x = shifted(f, LLVMMul, fn_poly(f, poly_addc(f->m->arena, p, -low)), size);
  *disp = low * size;
  return gep(f, base, f->m->i8, panel_byte(f, o, x));
}

poly_t object_stride(struct fn *f, const struct object *o, unsigned d) {
  if (o->stride) return o->stride[d];
  poly_t s = poly_const(f->m->arena, 1);
  for (unsigned i = d + 1; i < o->rank; i++) s = poly_mul(f->m->arena, s, o->extent[i]);
  return s;
}

poly_t access_poly(struct fn *f, const struct access *acc) {
  uintptr_t h = ((uintptr_t)acc >> 4) * 0x9E3779B97F4A7C15u;
  struct accentry *slot = &f->accs->slot[h >> 54];
  if (slot->acc == acc) return slot->p;
  struct arena *a = f->m->arena;
  const struct object *o = &f->f->object[acc->tensor];
  poly_t p = poly_const(a, 0);
  for (unsigned d = 0; d < acc->rank; d++)
    if (acc->ix[d].poly) p = poly_add(a, p, poly_mul(a, acc->ix[d].poly, object_stride(f, o, d)));
  if (p->overflow) emit_fail(f->m, "an index of '%s' does not fit 64 bits", o->name);
  *slot = (struct accentry){acc, p};
  return p;
}

/* A symbol of the emitter's own, standing for a value (a maximum of bounds, a branch's index). */
sym_t fresh_sym(struct fn *f, struct val v) {
  if (f->nsym == f->capsym) {
    unsigned cap = f->capsym * 2;
    struct val *s = ARENA_NEW(f->m->arena, struct val, cap);
    poly_t *env = ARENA_NEW(f->m->arena, poly_t, cap);
    int64_t *divisor = ARENA_NEW(f->m->arena, int64_t, cap);
    memcpy(s, f->sym, f->nsym * sizeof *s);
    memcpy(env, f->env, f->nsym * sizeof *env);
    memcpy(divisor, f->divisor, f->nsym * sizeof *divisor);
    f->sym = s, f->env = env, f->divisor = divisor, f->capsym = cap;
  }
  if (f->nsym >= SYM_NONE - 1) emit_fail(f->m, "too many symbols");
  f->sym[f->nsym] = v;
  f->env[f->nsym] = NULL;
  f->divisor[f->nsym] = 0;
  return (sym_t)f->nsym++;
}

void fact_add(struct fn *f, poly_t p) {
  if (f->nfact == f->capfact) {
    unsigned cap = f->capfact ? f->capfact * 2 : 32;
    poly_t *n = ARENA_NEW(f->m->arena, poly_t, cap);
    if (f->nfact) memcpy(n, f->fact, f->nfact * sizeof *n);
    f->fact = n, f->capfact = cap;
  }
  f->fact[f->nfact++] = p;
}

/* p >= 0 because it is a constant, or a known fact plus something that is not negative; one fact may use another. */
static bool prove(struct fn *f, poly_t p, int depth) {
  int64_t c;
  if (poly_is_const(p, &c)) return c >= 0;
  for (unsigned i = f->nfact; i-- > 0;) {
    poly_t rest = poly_sub(f->m->arena, p, f->fact[i]);
    if (rest->overflow) continue;
    if (poly_is_const(rest, &c)) {
      if (c >= 0) return true;
    } else if (depth > 0 && rest->n < p->n && prove(f, rest, depth - 1)) {
      return true;
    }
  }
  return false;
}

bool provably_ge0(struct fn *f, poly_t p) {
  return prove(f, p, 2);
}

static struct val extremum(struct fn *f, const poly_t *p, unsigned n, LLVMIntPredicate less) {
  struct val r = fn_poly(f, p[0]);
  for (unsigned i = 1; i < n; i++) {
    struct val x = fn_poly(f, p[i]);
    r = vselect(f, vicmp(f, less, x, r), x, r);
  }
  return r;
}

struct val fn_min(struct fn *f, const poly_t *p, unsigned n) {
  return extremum(f, p, n, LLVMIntSLT);
}

struct val fn_max(struct fn *f, const poly_t *p, unsigned n) {
  return extremum(f, p, n, LLVMIntSGT);
}
