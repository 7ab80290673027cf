/* Objects in registers: arrays of SSA values. A slot is one element, or one vector along the dimension that vector
   loops walk (padded to whole vectors). Loops and branches merge slots like locals (func.c), so no alloca and no
   mem2reg. An object that turns out to be indexed by a run-time value is given memory instead: the module is built
   again with it demoted. */
#include "codegen/emit/build.h"

bool in_registers(const struct fn *f, unsigned object) {
  if (f->f->object[object].scope != SCOPE_REG) return false;
  for (const struct demotion *d = f->m->demoted; d; d = d->next)
    if (d->f == f->f && d->object == object) return false;
  return true;
}

static void demote(struct fn *f, unsigned object) {
  if (f->m->fail) return;
  struct demotion *d = ARENA_NEW(f->m->arena, struct demotion, 1);
  *d = (struct demotion){f->f, object, f->m->demoted};
  f->m->demoted = d;
  *f->m->retry = true;
  emit_fail(f->m, "register object '%s' is indexed by a run-time value", f->f->object[object].name);
}

/* Which dimensions of the object vector loops walk, and with how many lanes: what the first such access says. */
struct shape {
  unsigned object, nopen;
  const struct lstmt *open[DIGIT_LIMIT]; /* vector loops */
  struct regdigits own[RANK_LIMIT];      /* none: no vector access yet */
};

/* The constant factor of s; 0: none. */
static int64_t factor_of(poly_t p, sym_t s) {
  for (uint32_t i = 0; i < p->n; i++)
    if (p->mono[i].n == 1 && p->mono[i].sym[0] == s) return p->mono[i].coef;
  return 0;
}

/* Sorted by steps. */
static void add_digit(struct regdigits *r, int64_t step, unsigned wide, unsigned at) {
  unsigned i = r->n;
  if (i == 2) return;
  for (; i > 0 && r->x[i - 1].step > step; i--) r->x[i] = r->x[i - 1];
  r->x[i].step = step, r->x[i].wide = (uint16_t)wide, r->x[i].at = (uint8_t)at;
  r->n++;
}

static void shape_access(struct shape *s, const struct access *acc) {
  if (acc->tensor != s->object) return;
  for (unsigned d = 0; d < acc->rank && d < RANK_LIMIT; d++) {
    bool known = s->own[d].n > 0;
    for (unsigned i = 0; i < s->nopen && !known; i++)
      if (acc->ix[d].poly && poly_has(acc->ix[d].poly, s->open[i]->sym))
        add_digit(&s->own[d], factor_of(acc->ix[d].poly, s->open[i]->sym), 1u << s->open[i]->lanes_log2,
                  s->open[i]->digit);
  }
}

static void shape_expr(expr_t e, void *ctx) {
  if (e->kind == E_READ) shape_access(ctx, e->acc);
}

static void shape_stmt(struct shape *s, const struct lstmt *st) {
  bool vector = st->kind == L_FOR && st->fkind == F_VECTOR && s->nopen < DIGIT_LIMIT;
  if (vector) s->open[s->nopen++] = st;
  if (st->acc) shape_access(s, st->acc);
  if (st->value) expr_visit(st->value, shape_expr, s);
  if (st->cond) expr_visit(st->cond, shape_expr, s);
  for (uint32_t i = 0; i < st->nbody; i++)
    if (st->body[i]) shape_stmt(s, st->body[i]);
  if (vector) s->nopen--;
}

bool reg_along_lanes(unsigned object, const struct lstmt *body) {
  struct shape sh = {.object = object};
  shape_stmt(&sh, body);
  for (unsigned d = 0; d < RANK_LIMIT; d++)
    if (sh.own[d].n && sh.own[d].x[0].wide > 1) return true;
  return false;
}

/* A CPU's vectors lie along one dimension; threads may along several. */
static void take_shape(struct fn *f, const struct shape *sh, struct slots *s) {
  s->dim = -1, s->width = 1;
  for (unsigned d = 0; d < RANK_LIMIT; d++) {
    unsigned wide = sh->own[d].n ? sh->own[d].x[0].wide : 1;
    if (f->simt) s->own[d] = sh->own[d];
    if (!f->simt && wide > 1 && s->dim < 0) s->dim = (int)d, s->width = wide;
  }
}

enum { SLOT_LIMIT = 4096 };

/* Elements of dimension d in one slot: lanes of a CPU's vector. */
static unsigned width_of(const struct slots *s, unsigned d) {
  return (int)d == s->dim ? s->width : 1;
}

/* Of n elements along the dimension, those of one thread. */
static int64_t own_extent(const struct regdigits *r, int64_t n) {
  for (unsigned i = r->n; i-- > 0;) {
    int64_t all = r->x[i].step * r->x[i].wide;
    n = all > 0 ? (n + all - 1) / all * r->x[i].step : 0;
  }
  return n;
}

/* Which of its own elements number c is, where lane 0 has it; -1: it has it not. */
static int64_t own_index(const struct regdigits *r, int64_t c) {
  for (unsigned i = r->n; i-- > 0 && c >= 0;) {
    int64_t step = r->x[i].step, all = step * r->x[i].wide;
    bool nested = step > 0 && (!i || step % (r->x[i - 1].step * r->x[i - 1].wide) == 0);
    c = nested && c % all < step ? c / all * step + c % all : -1;
  }
  return c;
}

void emit_reg_open(struct fn *f, unsigned object, const struct lstmt *body) {
  const struct object *o = &f->f->object[object];
  struct shape sh = {.object = object};
  shape_stmt(&sh, body);
  struct slots *s = ARENA_NEW(f->m->arena, struct slots, 1);
  take_shape(f, &sh, s);
  s->n = 1;
  s->dead = !f->simt && reg_dead_lanes(f->m->arena, object, body);
  s->short_sums = s->width > 1 && reg_sums_short(f, object, body);
  if (o->rank > RANK_LIMIT) emit_fail(f->m, "register object '%s' has too many dimensions", o->name);
  for (unsigned d = 0; d < o->rank && !f->m->fail; d++) {
    int64_t c = 0;
    if (!poly_is_const(fn_subst(f, o->extent[d]), &c) || c < 0 || c > SLOT_LIMIT) {
      demote(f, object);
      return;
    }
    unsigned w = width_of(s, d);
    s->pad[d] = f->simt ? (unsigned)own_extent(&s->own[d], c) : ((unsigned)c + w - 1) / w;
    s->n *= s->pad[d];
    if (s->n > SLOT_LIMIT) emit_fail(f->m, "register object '%s' is too large", o->name);
  }
  if (f->m->fail) s->n = 0;
  s->v = ARENA_NEW(f->m->arena, struct val, s->n + 1);
  f->reg[object] = s;
}

void emit_reg_close(struct fn *f, unsigned object) {
  f->reg[object] = NULL;
}

/* Sums over lanes that go to this object are wanted. */
static void meet_before(struct fn *f, unsigned object) {
  const struct slots *s = f->reg[object];
  if (f->simt->meetings && s && simt_meets(f, s->v, s->n)) simt_meet(f);
}

/* Where an access lies: slot of its first element, element of the slot, elements a lane moves (0: uniform). */
struct place {
  unsigned slot, lane;
  int64_t step;
  bool ok;
};

/* Threads as lanes: a slot is an element of this thread. True when subscript d is that, whatever the thread; *ix
   becomes that of the first. */
static bool own_element(struct fn *f, const struct slots *s, unsigned d, poly_t *ix) {
  const struct regdigits *r = &s->own[d];
  unsigned named = 0;
  for (unsigned i = 0; i < f->simt->nopen; i++) {
    const struct digit *x = &f->simt->open[i];
    poly_t coef;
    int64_t c;
    bool known = false;
    if (!poly_has(*ix, x->lane)) continue;
    if (!poly_split(f->m->arena, *ix, x->lane, &coef, ix) || !poly_is_const(coef, &c)) return false;
    for (unsigned k = 0; k < r->n; k++)
      known |= r->x[k].step == c && r->x[k].wide == 1u << x->bits && r->x[k].at == x->at;
    if (!known) return false;
    named++;
  }
  return named == r->n;
}

static struct place locate(struct fn *f, const struct access *acc) {
  struct place p = {.ok = false};
  if (f->simt && !f->simt->making) simt_wgmma_touch(f, acc->tensor);
  if (f->simt) meet_before(f, acc->tensor);
  struct slots *s = f->reg[acc->tensor];
  const struct object *o = &f->f->object[acc->tensor];
  if (!s) {
    emit_fail(f->m, "register object '%s' is used outside of its scope", o->name);
    return p;
  }
  for (unsigned d = 0; d < acc->rank; d++) {
    poly_t ix = acc->ix[d].poly ? fn_subst(f, acc->ix[d].poly) : poly_const(f->m->arena, 0), coef, rest = ix;
    int64_t c = 0, lane = 0;
    if (f->simt && !own_element(f, s, d, &ix)) {
      demote(f, acc->tensor);
      return p;
    }
    rest = ix;
    bool varies = f->lane != SYM_NONE && poly_has(ix, f->lane);
    bool linear = !varies || (poly_split(f->m->arena, ix, f->lane, &coef, &rest) && poly_is_const(coef, &lane));
    if (acc->ix[d].dyn || !linear || !poly_is_const(rest, &c) || (varies && lane != 1) ||
        (varies && (int)d != s->dim)) {
      demote(f, acc->tensor);
      return p;
    }
    if (lane) p.step = lane;
    unsigned w = width_of(s, d);
    if (f->simt && c >= 0 && (c = own_index(&s->own[d], c)) < 0) {
      demote(f, acc->tensor);
      return p;
    }
    if (c < 0 || (uint64_t)c / w >= s->pad[d]) {
      emit_fail(f->m, "a subscript of register object '%s' is out of range", o->name);
      return p;
    }
    p.slot = p.slot * s->pad[d] + (unsigned)((uint64_t)c / w);
    if ((int)d == s->dim) p.lane = (unsigned)((uint64_t)c % w);
  }
  p.ok = true;
  return p;
}

static struct val zero_slot(struct fn *f, const struct slots *s, enum dtype t) {
  unsigned lanes = s->width > 1 && !f->simt ? s->width : 0;
  return mkval(LLVMConstNull(vec_of(reg_type(f->m, t), lanes)), 0, t, lanes);
}

/* Slots hold 0 before the first store: "undefined" to the program, but reproducible. */
static struct val *slot_of(struct fn *f, unsigned object, unsigned i) {
  struct slots *s = f->reg[object];
  if (!s->v[i].v) s->v[i] = zero_slot(f, s, f->f->object[object].type);
  return &s->v[i];
}

struct val *reg_slots(struct fn *f, unsigned object, unsigned *n) {
  struct slots *s = f->reg[object];
  *n = s ? s->n : 0;
  for (unsigned i = 0; i < *n; i++) slot_of(f, object, i);
  return s ? s->v : NULL;
}

struct val *reg_slot(struct fn *f, const struct access *acc) {
  return reg_slot_at(f, acc, acc->rank, 0);
}

struct val *reg_slot_at(struct fn *f, const struct access *acc, unsigned dim, int64_t at) {
  struct slots *s = f->reg[acc->tensor];
  uint64_t slot = 0;
  for (unsigned d = 0; s && d < acc->rank; d++) {
    poly_t ix = acc->ix[d].poly ? fn_subst(f, acc->ix[d].poly) : poly_const(f->m->arena, 0);
    int64_t c = at;
    if (d != dim && (!own_element(f, s, d, &ix) || !poly_is_const(ix, &c))) return NULL;
    c = own_index(&s->own[d], c);
    if (c < 0 || (uint64_t)c >= s->pad[d]) return NULL;
    slot = slot * s->pad[d] + (uint64_t)c;
  }
  return s ? slot_of(f, acc->tensor, (unsigned)slot) : NULL;
}

unsigned reg_steps(struct fn *f, const struct access *acc, sym_t sym) {
  const struct slots *s = f->reg[acc->tensor];
  for (unsigned d = 0; s && d < acc->rank; d++) {
    if (!acc->ix[d].poly || !poly_has(acc->ix[d].poly, sym)) continue;
    int64_t step = own_index(&s->own[d], factor_of(acc->ix[d].poly, sym));
    return step > 0 && s->pad[d] % step == 0 ? (unsigned)(s->pad[d] / step) : 0;
  }
  return 0;
}

static LLVMValueRef index32(struct fn *f, unsigned i) {
  return LLVMConstInt(f->m->i32, i, 0);
}

/* How many slots remain along the lane dimension's last, fastest run: only valid when that dimension is innermost in
 * slots. */
static unsigned slot_step(const struct fn *f, unsigned object) {
  const struct slots *s = f->reg[object];
  unsigned step = 1;
  for (unsigned d = f->f->object[object].rank; d-- > 0 && (int)d > s->dim;) step *= s->pad[d];
  return step;
}

/* Element e (counted from the slot's first) along the lane dimension, as slot and lane. */
static struct val element(struct fn *f, unsigned object, unsigned slot, unsigned e) {
  struct slots *s = f->reg[object];
  unsigned at = slot + e / s->width * slot_step(f, object);
  if (at >= s->n)
    return mkval(LLVMConstNull(reg_type(f->m, f->f->object[object].type)), 0, f->f->object[object].type, 0);
  struct val v = *slot_of(f, object, at);
  if (s->width == 1 || f->simt) return v;
  return mkval(LLVMBuildExtractElement(f->b, v.v, index32(f, e % s->width), ""), cur_level(f), v.type, 0);
}

static bool whole_slot(const struct slots *s, struct place p, unsigned lanes) {
  return p.lane == 0 && s->width == lanes;
}

struct val reg_read(struct fn *f, const struct access *acc) {
  enum dtype t = f->f->object[acc->tensor].type;
  struct place p = locate(f, acc);
  if (!p.ok) return mkval(LLVMConstNull(reg_type(f->m, t)), 0, t, 0);
  struct slots *s = f->reg[acc->tensor];
  if (p.step == 0) return element(f, acc->tensor, p.slot, p.lane);
  if (whole_slot(s, p, f->lanes)) return *slot_of(f, acc->tensor, p.slot);
  LLVMValueRef v = LLVMGetPoison(LLVMVectorType(reg_type(f->m, t), f->lanes));
  for (unsigned i = 0; i < f->lanes; i++)
    v = LLVMBuildInsertElement(f->b, v, element(f, acc->tensor, p.slot, p.lane + i).v, index32(f, i), "");
  return mkval(v, cur_level(f), t, f->lanes);
}

static void write_element(struct fn *f, unsigned object, unsigned slot, unsigned e, struct val v) {
  struct slots *s = f->reg[object];
  unsigned at = slot + e / s->width * slot_step(f, object);
  if (at >= s->n) return;
  struct val *x = slot_of(f, object, at);
  if (s->width == 1 || f->simt) {
    *x = v;
    return;
  }
  x->v = LLVMBuildInsertElement(f->b, x->v, v.v, index32(f, e % s->width), "");
  x->level = (uint16_t)cur_level(f);
}

static void write_vector(struct fn *f, const struct access *acc, struct place p, struct val v) {
  struct slots *s = f->reg[acc->tensor];
  v = vsplat(f, v);
  if (whole_slot(s, p, f->lanes)) {
    struct val *x = slot_of(f, acc->tensor, p.slot);
    *x = f->mask.v && !s->dead ? vselect(f, f->mask, v, *x) : v;
    return;
  }
  for (unsigned i = 0; i < f->lanes; i++) {
    struct val e = mkval(LLVMBuildExtractElement(f->b, v.v, index32(f, i), ""), cur_level(f), v.type, 0);
    if (f->mask.v) {
      struct val on = mkval(LLVMBuildExtractElement(f->b, f->mask.v, index32(f, i), ""), cur_level(f), DT_bool, 0);
      e = vselect(f, on, e, element(f, acc->tensor, p.slot, p.lane + i));
    }
    write_element(f, acc->tensor, p.slot, p.lane + i, e);
  }
}

static struct val last_active(struct fn *f, struct val v) {
  LLVMValueRef at = index32(f, f->lanes - 1);
  if (f->mask.v && f->active.v) at = LLVMBuildSub(f->b, f->active.v, LLVMConstInt(f->m->i64, 1, 0), "");
  return mkval(LLVMBuildExtractElement(f->b, v.v, at, ""), cur_level(f), v.type, 0);
}

static struct val combine(struct fn *f, enum red red, struct val old, struct val v) {
  enum dtype t = v.type;
  struct val r = emit_red(f, red, convert(f, t, old), v);
  return convert(f, old.type, r);
}

void reg_write(struct fn *f, const struct access *acc, enum red red, struct val v) {
  enum dtype t = f->f->object[acc->tensor].type;
  struct place p = locate(f, acc);
  if (!p.ok) return;
  if (p.step != 0) {
    if (red == RED_none) {
      v = convert(f, t, v);
    } else {
      struct val old = reg_read(f, acc);
      vec_match(f, &old, &v);
      v = combine(f, red, old, v);
    }
    write_vector(f, acc, p, v);
    return;
  }
  if (red != RED_none) {
    if (f->lane != SYM_NONE) v = emit_horizontal(f, red, vsplat(f, v));
    v = combine(f, red, element(f, acc->tensor, p.slot, p.lane), v);
  } else {
    if (v.lanes) v = last_active(f, v);
    v = convert(f, t, v);
  }
  write_element(f, acc->tensor, p.slot, p.lane, v);
}

bool reg_add_short(struct fn *f, const struct lstmt *s) {
  struct slots *to = f->reg[s->acc->tensor];
  if (!to->short_sums || s->red != RED_sum || s->value->kind == E_READ) return false;
  struct place p = locate(f, s->acc);
  if (!p.ok || !whole_slot(to, p, f->lanes)) return false;
  struct val *x = slot_of(f, s->acc->tensor, p.slot);
  *x = short_sum_add(f, *x, s->value);
  return true;
}
