/* Where tensors live. A temp private to the group gets a buffer as large as what the loops inside the fork of its users
   walk; reads and writes are renamed to it. Buffers are allocated at the root or in the body of the innermost parallel
   loop, outside of all other loops. */
#include "codegen/lower/plan.h"
#include <string.h>

enum { STACK_ONE = 2048, STACK_ALL = 4096 };

static bool same_subs(const struct subscript *x, const struct subscript *y, unsigned rank) {
  for (unsigned d = 0; d < rank; d++)
    if (x[d].dyn || y[d].dyn || !poly_eq(x[d].poly, y[d].poly)) return false;
  return true;
}

static bool reg_is_open(const struct env *e, const struct place *x) {
  for (unsigned d = 0; d < x->nd; d++)
    if (!(e->open & BIT(x->dim[d])) || !e->idx[x->dim[d]]) return false;
  return true;
}

const struct place *place_of(const struct env *e, const struct member *m, unsigned tensor, const struct subscript *ix) {
  for (const struct place *x = e->places; x; x = x->next) {
    if (x->tensor != tensor || (x->only && x->only != m)) continue;
    if (x->ix && !same_subs(x->ix, ix, x->rank)) continue;
    if (x->kind == PLACE_REG && !reg_is_open(e, x)) continue;
    return x;
  }
  return NULL;
}

/* ---- buffers ---- */

static int64_t const_bytes(struct build *b, unsigned type, unsigned rank, const poly_t *extent, const poly_t *stride) {
  int64_t n = 1, x, s;
  for (unsigned d = 0; d < rank; d++) {
    if (!poly_is_const(extent[d], &x) || x < 1 || x > (1 << 20)) return -1;
    if (!stride)
      n *= x;
    else if (poly_is_const(stride[d], &s) && s <= (1 << 20))
      n += (x - 1) * s;
    else
      return -1;
    if (n > (1 << 24)) return -1;
  }
  (void)b;
  return n * (int64_t)type_size(type);
}

void sink_add(struct build *b, struct sink *s, unsigned object) {
  uint16_t *o = ARENA_NEW(b->a, uint16_t, s->n + 1);
  if (s->n) memcpy(o, s->object, sizeof *o * s->n);
  o[s->n++] = (uint16_t)object;
  s->object = o;
}

struct lstmt *sink_wrap(struct build *b, const struct sink *s, struct lstmt *body) {
  for (unsigned i = s->n; i-- > 0 && body;) body = loop_alloc(b->a, s->object[i], body);
  return body;
}

static bool same_object(const struct object *o, const char *name, unsigned type, unsigned rank, const poly_t *extent,
                        const poly_t *stride) {
  size_t n = strlen(name);
  if (o->type != type || o->rank != rank || strncmp(o->name, name, n) || !o->stride != !stride) return false;
  if (o->name[n] && o->name[n] != '_') return false;
  for (unsigned d = 0; d < rank; d++)
    if (!poly_eq(o->extent[d], extent[d]) || (stride && !poly_eq(o->stride[d], stride[d]))) return false;
  return true;
}

/* Bodies of full and partial tiles use the same buffer: they never run inside one another. */
static int reuse(struct build *b, const struct env *e, const char *name, unsigned type, unsigned rank,
                 const poly_t *extent, const poly_t *stride) {
  for (unsigned i = 0; i < e->sink->n; i++) {
    unsigned id = e->sink->object[i];
    bool used = false;
    for (const struct place *x = e->places; x; x = x->next) used |= x->object == id;
    if (!used && same_object(&b->f->object[id], name, type, rank, extent, stride)) return (int)id;
  }
  return -1;
}

unsigned buffer_new(struct build *b, const struct env *e, const char *name, unsigned type, unsigned rank,
                    const poly_t *extent, const poly_t *stride) {
  int old = reuse(b, e, name, type, rank, extent, stride);
  if (old >= 0) return (unsigned)old;
  int64_t n = const_bytes(b, type, rank, extent, stride);
  enum scope s = SCOPE_HEAP;
  if (!stride && n >= 0 && n <= STACK_ONE && b->stack_bytes + n <= STACK_ALL) {
    s = SCOPE_STACK;
    b->stack_bytes += (unsigned)n;
  }
  unsigned id = lfunc_add_object(b->f, name, type, s, rank, extent);
  if (stride) b->f->object[id].stride = arena_dup(b->a, stride, sizeof *stride * rank);
  sink_add(b, e->sink, id);
  return id;
}

/* ---- private temps ---- */

static bool region(struct build *b, const struct env *e, const struct member *m, poly_t f, poly_t *base,
                   poly_t *extent) {
  poly_t lo, hi;
  if (!env_extreme(b, e, m, f, false, &lo) || !env_extreme(b, e, m, f, true, &hi)) return false;
  *base = lo;
  *extent = poly_addc(b->a, poly_sub(b->a, hi, lo), 1);
  return !(*extent)->overflow && poly_over_dims(b->p->k, *extent);
}

bool other_writer(struct build *b, unsigned tensor, const struct member *m) {
  for (unsigned i = 0; i < b->p->nmember; i++) {
    const struct member *o = &b->p->member[i];
    if (o == m || o->e->lhs != tensor) continue;
    for (unsigned d = 0; d < tensor_rank(b->p, tensor); d++)
      if (!poly_eq(o->e->lhs_idx[d], m->e->lhs_idx[d])) return true;
    for (unsigned x = 0; x < o->e->npar; x++) {
      int y = eq_axis(m->e, o->e->axis[x].sym);
      if (y < 0 || !poly_eq(m->e->axis[y].lo, o->e->axis[x].lo) || !poly_eq(m->e->axis[y].hi, o->e->axis[x].hi))
        return true;
    }
  }
  return false;
}

static const char *tensor_name(struct build *b, unsigned t) {
  return t >= VT_BASE ? b->p->vt[t - VT_BASE].name : b->p->k->tensor[t].name;
}

/* Strides that make the producer's lanes contiguous where its last dimension is not on lanes; NULL: row-major. */
static const poly_t *lane_strides(struct build *b, const struct member *m, unsigned rank, const poly_t *extent) {
  int lane = -1;
  if (m->vec < 0 || (m->red & BIT(m->vec))) return NULL;
  for (unsigned d = 0; d < rank; d++)
    if (poly_has(m->e->lhs_idx[d], b->p->axis[LOOP_AXIS(m->vec)].sym)) {
      if (lane >= 0) return NULL;
      lane = (int)d;
    }
  if (lane < 0 || lane == (int)rank - 1) return NULL;
  poly_t *stride = ARENA_NEW(b->a, poly_t, rank + 1), s = extent[lane];
  stride[lane] = cpoly(b, 1);
  for (unsigned d = rank; d-- > 0;) {
    if ((int)d == lane) continue;
    stride[d] = s;
    s = poly_mul(b->a, s, extent[d]);
  }
  return s->overflow ? NULL : stride;
}

bool place_memory(struct build *b, unsigned tensor, const struct member *m, struct env *e) {
  unsigned rank = tensor_rank(b->p, tensor), d;
  poly_t *base = ARENA_NEW(b->a, poly_t, rank + 1), *extent = ARENA_NEW(b->a, poly_t, rank + 1);
  const poly_t *ix = m->e->lhs_idx;
  bool whole = tensor < VT_BASE && other_writer(b, tensor, m);
  for (d = 0; d < rank && !whole; d++)
    if (!region(b, e, m, ix[d], &base[d], &extent[d])) whole = true;
  if (whole && tensor >= VT_BASE) {
    b->why = "a temporary has no bounded extent";
    return false;
  }
  for (d = 0; whole && d < rank; d++) {
    base[d] = cpoly(b, 0);
    extent[d] = b->p->k->tensor[tensor].extent[d];
  }
  const poly_t *stride = lane_strides(b, m, rank, extent);
  struct place *x = ARENA_NEW(b->a, struct place, 1);
  *x = (struct place){.tensor = (uint16_t)tensor, .kind = PLACE_MEM, .base = base, .rank = rank, .next = e->places};
  x->object = (uint16_t)buffer_new(b, e, arena_printf(b->a, "%s_buf", tensor_name(b, tensor)),
                                   tensor_type(b->p, tensor), rank, extent, stride);
  e->places = x;
  return true;
}

/* ---- renaming ---- */

struct rename {
  struct build *b;
  const struct env *e;
  const struct member *m;
};

static poly_t rename_poly(struct arena *a, poly_t p, void *ctx) {
  (void)a;
  struct rename *c = ctx;
  return p ? env_at(c->b, c->e, p) : NULL;
}

static bool guard_known(struct rename *c, poly_t g) {
  for (unsigned i = 0; i < c->e->nknown; i++)
    if (poly_eq(c->e->known[i], g)) return true;
  return false;
}

/* An index or a number: as a polynomial. */
static bool index_value(struct rename *c, expr_t x, poly_t *p) {
  if (x->kind == E_POLY)
    *p = x->poly;
  else if (x->kind == E_CONST && type_is_int((enum dtype)x->type))
    *p = poly_const(c->b->a, x->val.i);
  else
    return false;
  return type_is_signed((enum dtype)x->type);
}

enum { TOLD_FALSE, TOLD_TRUE, NOT_TOLD };

/* g >= 0, by what is known of the tile. */
static int told_guard(struct rename *c, poly_t g) {
  if (guard_known(c, g)) return TOLD_TRUE;
  return guard_known(c, poly_addc(c->b->a, poly_scale(c->b->a, g, -1), -1)) ? TOLD_FALSE : NOT_TOLD;
}

static int told_compare(struct rename *c, expr_t x) {
  poly_t l, r;
  if (!index_value(c, x->kid[0], &l) || !index_value(c, x->kid[1], &r)) return NOT_TOLD;
  poly_t d = poly_sub(c->b->a, l, r), minus = poly_scale(c->b->a, d, -1);
  switch (x->op) {
  case OP_ge:
    return told_guard(c, d);
  case OP_gt:
    return told_guard(c, poly_addc(c->b->a, d, -1));
  case OP_le:
    return told_guard(c, minus);
  case OP_lt:
    return told_guard(c, poly_addc(c->b->a, minus, -1));
  default:
    return NOT_TOLD;
  }
}

/* A condition that the guards of a whole tile decide. */
static int told(struct rename *c, expr_t x) {
  if (!c->e->nknown || x->kind != E_OP) return NOT_TOLD;
  if (op_info[x->op].flags & OPF_CMP) return told_compare(c, x);
  if (x->type != DT_bool || (x->op != OP_and && x->op != OP_or)) return NOT_TOLD;
  int l = told(c, x->kid[0]), r = told(c, x->kid[1]), ends = x->op == OP_and ? TOLD_FALSE : TOLD_TRUE;
  return l == ends || r == ends ? ends : l == NOT_TOLD ? l : r;
}

static expr_t rename_expr(struct rename *c, expr_t x);

static unsigned reg_subs(struct build *b, const struct env *e, const struct place *x, struct subscript *ix) {
  unsigned n = 0;
  for (unsigned d = 0; d < x->nd; d++) {
    unsigned l = x->dim[d];
    if (b->p->loop[l].mark != MARK_VECTOR || (x->counted & BIT(d))) ix[n++].poly = e->idx[l];
    if (b->p->loop[l].mark == MARK_VECTOR && b->p->loop[l].warps > 1) ix[n++].poly = e->warp[l];
    if (b->p->loop[l].mark == MARK_VECTOR) ix[n++].poly = poly_sym(b->a, e->lane[l]);
    if (b->p->loop[l].mark == MARK_VECTOR && b->p->loop[l].piece > 1) ix[n++].poly = e->part[l];
  }
  return n;
}

struct access *place_reg(struct build *b, const struct env *e, const struct place *x) {
  struct access *r = ARENA_NEW(b->a, struct access, 1);
  r->ix = ARENA_NEW(b->a, struct subscript, 4 * MAX_DIMS);
  r->tensor = x->object;
  r->rank = (uint8_t)reg_subs(b, e, x, r->ix);
  return r;
}

/* Offsets of loops inside the packing loop; the axis's outermost loop counts from its lower bound. */
static unsigned pack_subs(struct build *b, const struct env *e, const struct place *x, struct subscript *ix) {
  for (unsigned d = 0; d < x->nd; d++) {
    unsigned l = x->dim[d], a = LOOP_AXIS(l);
    poly_t v = e->val[l];
    for (unsigned i = LOOP_LEVEL(l); i > 0 && x->inner == (int)a; i--) v = poly_add(b->a, v, e->val[LOOP_ID(a, i - 1)]);
    if (LOOP_LEVEL(l) == b->p->axis[a].ntile) v = poly_sub(b->a, v, b->p->axis[a].lo);
    ix[d].poly = v;
  }
  return x->nd;
}

static void plain_subs(struct rename *c, const struct subscript *from, unsigned rank, const poly_t *base,
                       struct subscript *ix) {
  for (unsigned d = 0; d < rank; d++) {
    ix[d].poly = env_at(c->b, c->e, from[d].poly);
    if (base) ix[d].poly = poly_sub(c->b->a, ix[d].poly, base[d]);
    ix[d].dyn = from[d].dyn ? rename_expr(c, from[d].dyn) : NULL;
  }
}

static struct access *rename_access(struct rename *c, unsigned tensor, const struct subscript *from, unsigned rank,
                                    const struct place **used) {
  const struct place *x = place_of(c->e, c->m, tensor, from);
  struct access *r = ARENA_NEW(c->b->a, struct access, 1);
  r->ix = ARENA_NEW(c->b->a, struct subscript, 4 * MAX_DIMS + rank);
  r->tensor = (uint16_t)(x ? x->object : tensor);
  r->rank = (uint8_t)rank;
  *used = x;
  if (x && x->kind == PLACE_REG)
    r->rank = (uint8_t)reg_subs(c->b, c->e, x, r->ix);
  else if (x && x->kind == PLACE_PACK)
    r->rank = (uint8_t)pack_subs(c->b, c->e, x, r->ix);
  else
    plain_subs(c, from, rank, x ? x->base : NULL, r->ix);
  if (!x && tensor >= VT_BASE) c->b->why = "internal: a temporary without a place";
  return r;
}

static expr_t rename_read(struct rename *c, expr_t x) {
  const struct place *used;
  struct access *r = rename_access(c, x->acc->tensor, x->acc->ix, x->acc->rank, &used);
  r->guard = ARENA_NEW(c->b->a, poly_t, x->acc->nguard + 1);
  for (unsigned i = 0; i < x->acc->nguard && !(used && used->guarded); i++)
    if (!guard_known(c, x->acc->guard[i])) r->guard[r->nguard++] = env_at(c->b, c->e, x->acc->guard[i]);
  r->otherwise = r->nguard ? rename_expr(c, x->acc->otherwise) : NULL;
  return expr_read(c->b->a, (enum dtype)(used && used->wide ? used->type : x->type), r);
}

static expr_t rename_expr(struct rename *c, expr_t x) {
  struct expr *n;
  switch (x->kind) {
  case E_POLY:
    return expr_poly(c->b->a, rename_poly(c->b->a, x->poly, c));
  case E_READ:
    return rename_read(c, x);
  case E_OP:
    if (x->op == OP_select && told(c, x->kid[0]) != NOT_TOLD)
      return rename_expr(c, x->kid[told(c, x->kid[0]) == TOLD_TRUE ? 1 : 2]);
    /* fall through */
  case E_CAST:
    n = arena_dup(c->b->a, x, sizeof *x);
    for (unsigned i = 0; i < (x->kind == E_CAST ? 1u : x->nkid); i++) n->kid[i] = rename_expr(c, x->kid[i]);
    return x->kind == E_CAST && n->kid[0]->type == x->type ? n->kid[0] : n; /* widened when it was packed */
  default:
    return x;
  }
}

expr_t place_expr(struct build *b, const struct env *e, const struct member *m, expr_t x) {
  struct rename c = {b, e, m};
  return rename_expr(&c, x);
}

/* Access for a store to (or an update of) an element of the tensor; no guards. */
struct access *place_access(struct build *b, const struct env *e, const struct member *m, unsigned tensor,
                            const struct subscript *ix, unsigned rank) {
  struct rename c = {b, e, m};
  const struct place *used;
  return rename_access(&c, tensor, ix, rank, &used);
}
