/* How many lanes a vector loop has: as many as elements of the widest type that its lanes hold make a vector. */
#include "codegen/lower/plan.h"
#include "ir/saturate.h"
#include "ir/short_sum.h"

struct width {
  unsigned bytes; /* of the widest type that lanes hold, at least 1 */
  bool moves;     /* from lane to lane */
};

static void widen(struct width *w, expr_t x, sym_t lane, bool subscript);

/* What is the same in all lanes counts as it is used; an int that is widened to a subscript counts as an int: gathers
   take such. */
static struct width widest(expr_t x, sym_t lane, bool subscript) {
  bool counts = x->kind != E_POLY && x->kind != E_CONST && x->type != DT_bool;
  if (subscript && x->kind == E_CAST && type_is_int((enum dtype)x->kid[0]->type)) counts = false;
  unsigned own = counts ? (unsigned)type_size(x->type) : 1;
  struct width w = {own, x->kind == E_POLY && poly_has(x->poly, lane)};
  struct saturated s;
  bool saturates = saturated_of(x, &s);
  if (saturates) widen(&w, s.a, lane, subscript), widen(&w, s.b, lane, subscript);
  for (unsigned i = 0; i < x->nkid && !saturates; i++) widen(&w, x->kid[i], lane, subscript);
  for (unsigned d = 0; x->kind == E_READ && d < x->acc->rank; d++) {
    w.moves |= poly_has(x->acc->ix[d].poly, lane);
    if (x->acc->ix[d].dyn) widen(&w, x->acc->ix[d].dyn, lane, true);
  }
  for (unsigned i = 0; x->kind == E_READ && i < x->acc->nguard; i++) w.moves |= poly_has(x->acc->guard[i], lane);
  if (x->kind == E_READ && x->acc->otherwise) widen(&w, x->acc->otherwise, lane, subscript);
  if (!w.moves) w.bytes = own;
  return w;
}

static void widen(struct width *w, expr_t x, sym_t lane, bool subscript) {
  struct width k = widest(x, lane, subscript);
  if (k.bytes > w->bytes) w->bytes = k.bytes;
  w->moves |= k.moves;
}

unsigned expr_widest(expr_t x, sym_t lane) {
  return widest(x, lane, false).bytes;
}

static unsigned member_width(const struct plan *p, const struct member *m) {
  unsigned w = IS_ARG(m->e->red) || m->aux != UINT16_MAX ? 1 : (unsigned)type_size(tensor_type(p, m->e->lhs));
  unsigned b = expr_widest(m->e->body, p->axis[LOOP_AXIS(m->vec)].sym);
  return b > w ? b : w;
}

static bool given_lanes(struct plan *p, unsigned l) {
  int64_t n = p->axis[LOOP_AXIS(l)].tile[0], each = (int64_t)p->loop[l].lanes * p->loop[l].piece * p->loop[l].warps;
  if (n % each == 0 && n / each <= 64) return true;
  p->why = arena_printf(p->a, "%s %s: the tile of %d is not a multiple of %d threads with pieces of %d",
                        p->loop[l].rows ? "threads" : "lanes", plan_loop_name(p, l), (int)n,
                        (int)p->loop[l].lanes * p->loop[l].warps, (int)p->loop[l].piece);
  return false;
}

struct woven {
  const struct plan *p;
  sym_t lane;
  unsigned bytes; /* of the elements that are looked for */
  bool found, floats;
};

static void see_woven(struct woven *w, unsigned tensor, const struct subscript *ix, const poly_t *plain) {
  if (tensor >= VT_BASE || type_size(tensor_type(w->p, tensor)) != w->bytes) return;
  const struct tensor *t = &w->p->k->tensor[tensor];
  poly_t sum = poly_const(w->p->a, 0), coef, rest;
  int64_t step;
  for (unsigned d = 0; d < t->rank; d++) {
    if ((ix && ix[d].dyn) || !poly_split(w->p->a, ix ? ix[d].poly : plain[d], w->lane, &coef, &rest)) return;
    sum = poly_add(w->p->a, sum, poly_mul(w->p->a, coef, tensor_stride(w->p->a, t, d)));
  }
  w->found |= poly_is_const(sum, &step) && step > 1 && step <= WOVEN_STEP;
}

static void see_part(expr_t x, void *ctx) {
  struct woven *w = ctx;
  w->floats |= type_is_float((enum dtype)x->type);
  if (x->kind == E_READ) see_woven(w, x->acc->tensor, x->acc->ix, NULL);
}

/* Are integers of w bytes computed from or for interleaved elements of half the size (the colours of pixels)? These are
   taken apart and put together in whole vectors of their own then, the others are two vectors each. */
static bool halves_woven(const struct plan *p, unsigned l, unsigned w) {
  struct woven c = {.p = p, .lane = p->axis[LOOP_AXIS(l)].sym, .bytes = w / 2};
  for (unsigned i = 0; i < p->nmember && !p->lim->simt; i++) {
    const struct member *m = &p->member[i];
    if (m->vec != (int)l) continue;
    if (m->kind != MK_EQ || m->e->red != RED_none || m->sub >= 0) return false;
    see_woven(&c, m->e->lhs, NULL, m->e->lhs_idx);
    expr_visit(m->e->body, see_part, &c);
  }
  return c.found && !c.floats && w > 1;
}

/* Bytes of the terms of sums along these lanes that the emitter adds up several at a time; 0: not all members are such.
 */
static unsigned short_terms(const struct plan *p, unsigned l) {
  unsigned w = 0;
  for (unsigned i = 0; i < p->nmember && !p->lim->simt; i++) {
    const struct member *m = &p->member[i];
    struct short_sum s;
    if (m->vec != (int)l) continue;
    if (m->kind != MK_EQ || m->sub >= 0 || !(m->red & BIT(l)) || m->e->red != RED_sum || !short_sum_of(m->e->body, &s))
      return 0;
    if (s.bytes > w) w = s.bytes;
  }
  return w;
}

bool lanes_find(struct plan *p, unsigned l) {
  if (p->loop[l].lanes) return given_lanes(p, l);
  unsigned w = 1;
  int64_t n = p->axis[LOOP_AXIS(l)].tile[0];
  for (unsigned i = 0; i < p->nmember; i++)
    if (p->member[i].vec == (int)l && member_width(p, &p->member[i]) > w) w = member_width(p, &p->member[i]);
  if (n % (2 * p->lim->vector_bytes / w) == 0 && halves_woven(p, l, w)) w /= 2;
  unsigned shorter = short_terms(p, l);
  if (shorter && n % (p->lim->vector_bytes / shorter) == 0) w = shorter;
  unsigned lanes = p->lim->vector_bytes / w;
  const char *name = plan_loop_name(p, l);
  if (lanes < 2) {
    p->why = arena_printf(p->a, "vector %s: the target has no vectors of this type", name);
    return false;
  }
  if (n > 1 && n < lanes && (n & (n - 1)) == 0) lanes = (unsigned)n;
  if (n < 2 || n % lanes || n / lanes > 64) {
    p->why = arena_printf(p->a, "vector %s: the tile of %d is not a multiple of the %u lanes", name, (int)n, lanes);
    return false;
  }
  p->loop[l].lanes = (uint16_t)lanes;
  return true;
}
