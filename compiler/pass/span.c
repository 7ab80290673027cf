/* Which values an integer expression can take. Intervals, from the types of what is read, from constants and from what
   is known of temps; and where a sum of products does not fit as intervals, its values at the corners: a polynomial
   that is linear in each of its variables has its extremes there, so that a * m + b * (255 - m) of bytes is known to
   end at 255 * 255. Nothing is assumed about dims and scalars beyond their types; an index with constant bounds has
   these. */
#include "compiler/pass/span.h"

struct span span_of_type(enum dtype t) {
  unsigned bits = 8 * (unsigned)type_size(t);
  if (!type_is_int(t) || bits > 32) return (struct span){0};
  int64_t n = (int64_t)1 << bits;
  return type_is_signed(t) ? (struct span){-n / 2, n / 2 - 1, true} : (struct span){0, n - 1, true};
}

bool span_within(struct span x, struct span y) {
  return x.ok && y.ok && x.lo >= y.lo && x.hi <= y.hi;
}

static int64_t min64(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static struct span hull(int64_t a, int64_t b, int64_t c, int64_t d) {
  return (struct span){min64(min64(a, b), min64(c, d)), max64(max64(a, b), max64(c, d)), true};
}

/* Ones up to the highest bit of x >= 0. */
static int64_t ones(int64_t x) {
  int64_t m = 0;
  while (m < x) m = 2 * m + 1;
  return m;
}

/* All that has no more bits than a and b, with a sign. */
static struct span bits_of(struct span a, struct span b) {
  int64_t m = ones(max64(max64(a.hi, b.hi), max64(-a.lo, -b.lo) - 1));
  return (struct span){-m - 1, m, true};
}

static bool constant(expr_t x, int64_t lo, int64_t hi) {
  return x->kind == E_CONST && x->val.i >= lo && x->val.i <= hi;
}

/* Of o on operands that fit 32 bits, as integers without end. */
static struct span op_span(expr_t x, const struct span *v) {
  struct span a = v[0], b = v[1], none = {0};
  switch (x->op) {
  case OP_add:
    return (struct span){a.lo + b.lo, a.hi + b.hi, true};
  case OP_sub:
    return (struct span){a.lo - b.hi, a.hi - b.lo, true};
  case OP_mul: {
    int64_t big = (int64_t)1 << 31;
    if (a.lo < -big || a.hi > big || b.lo < -big || b.hi > big) return none;
    return hull(a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi);
  }
  case OP_div:
    return constant(x->kid[1], 1, INT32_MAX) ? (struct span){a.lo / b.lo, a.hi / b.lo, true} : none;
  case OP_neg:
    return (struct span){-a.hi, -a.lo, true};
  case OP_abs:
    return (struct span){a.lo > 0 ? a.lo : a.hi < 0 ? -a.hi : 0, max64(-a.lo, a.hi), true};
  case OP_min:
    return (struct span){min64(a.lo, b.lo), min64(a.hi, b.hi), true};
  case OP_max:
    return (struct span){max64(a.lo, b.lo), max64(a.hi, b.hi), true};
  case OP_and:
    if (a.lo >= 0 && b.lo >= 0) return (struct span){0, min64(a.hi, b.hi), true};
    if (a.lo >= 0 || b.lo >= 0) return (struct span){0, a.lo >= 0 ? a.hi : b.hi, true};
    return bits_of(a, b);
  case OP_or:
  case OP_xor:
    return a.lo >= 0 && b.lo >= 0 ? (struct span){0, ones(max64(a.hi, b.hi)), true} : bits_of(a, b);
  case OP_shl:
    if (b.lo < 0 || b.hi > 15) return none;
    return hull(a.lo * (1 << b.lo), a.lo * (1 << b.hi), a.hi * (1 << b.lo), a.hi * (1 << b.hi));
  case OP_shr:
    if (b.lo < 0 || b.hi > 15) return none;
    return hull(a.lo >> b.lo, a.lo >> b.hi, a.hi >> b.lo, a.hi >> b.hi);
  case OP_select:
    return (struct span){min64(b.lo, v[2].lo), max64(b.hi, v[2].hi), true};
  default:
    return none;
  }
}

static bool bytes_can(enum op o) {
  return o != OP_mul && o != OP_div;
}

/* Of a polynomial that is a constant, or one axis of constant bounds and a constant. */
static struct span index_span(const struct spans *k, poly_t p) {
  struct span s = {0, 0, false};
  int64_t lo, hi, by = 0, c = 0, most = INT32_MAX;
  sym_t sym = SYM_NONE;
  if (p->overflow) return s;
  for (uint32_t i = 0; i < p->n; i++) {
    const struct mono *m = &p->mono[i];
    if (m->coef < -most || m->coef > most || m->n > 1 || (m->n && sym != SYM_NONE)) return s;
    if (m->n)
      sym = m->sym[0], by = m->coef;
    else
      c = m->coef;
  }
  if (sym == SYM_NONE) return (struct span){c, c, true};
  for (unsigned i = 0; k->e && i < k->e->nax; i++) {
    const struct axis *x = &k->e->axis[i];
    if (x->sym != sym || !poly_is_const(x->lo, &lo) || !poly_is_const(x->hi, &hi)) continue;
    if (lo < -most || hi > most || lo >= hi) continue;
    int64_t first = lo * by + c, last = (hi - 1) * by + c;
    s = hull(first, last, first, last);
  }
  return s;
}

static struct span leaf(const struct spans *k, expr_t x, enum dtype t) {
  struct span s = span_of_type((enum dtype)x->type);
  const struct span *temp = k->temp;
  if (x->kind == E_CONST) s = (struct span){x->val.i, x->val.i, true};
  if (x->kind == E_POLY) s = index_span(k, x->poly);
  if (x->kind == E_READ && temp && temp[x->acc->tensor].ok && !x->acc->nguard) s = temp[x->acc->tensor];
  if (!type_is_int((enum dtype)x->type) || (x->type == DT_u64 && s.lo < 0)) s.ok = false;
  s.ok = span_within(s, span_of_type(t));
  return s;
}

/* --- corners --- */

enum { MAX_VARIABLE = 6, MAX_NODE = 64 };
struct corners {
  const struct spans *known;
  expr_t var[MAX_VARIABLE];
  struct span span[MAX_VARIABLE];
  unsigned n, node;
  bool fail;
  unsigned at; /* bit i: variable i has its highest value */
};

static bool polynomial(expr_t x) {
  return x->kind == E_OP && (x->op == OP_add || x->op == OP_sub || x->op == OP_mul || x->op == OP_neg);
}

/* A conversion that surely changes no value. */
static bool transparent(expr_t x) {
  return x->kind == E_CAST && type_is_int((enum dtype)x->kid[0]->type) &&
         span_within(span_of_type((enum dtype)x->kid[0]->type), span_of_type((enum dtype)x->type));
}

static unsigned variable(struct corners *c, expr_t x) {
  for (unsigned i = 0; i < c->n; i++)
    if (expr_eq(c->var[i], x)) return 1u << i;
  struct span s = leaf(c->known, x, DT_i32);
  if (c->n == MAX_VARIABLE || !s.ok) {
    c->fail = true;
    return 0;
  }
  c->var[c->n] = x;
  c->span[c->n] = s;
  return 1u << c->n++;
}

/* The variables of x, as bits. Fails where one is multiplied with itself. */
static unsigned variables(struct corners *c, expr_t x) {
  if (++c->node > MAX_NODE) c->fail = true;
  if (c->fail || x->kind == E_CONST) return 0;
  if (transparent(x)) return variables(c, x->kid[0]);
  if (!polynomial(x)) return variable(c, x);
  unsigned a = variables(c, x->kid[0]), b = x->nkid > 1 ? variables(c, x->kid[1]) : 0;
  if (x->op == OP_mul && (a & b)) c->fail = true;
  return a | b;
}

static int64_t value_at(const struct corners *c, expr_t x) {
  if (x->kind == E_CONST) return x->val.i;
  if (transparent(x)) return value_at(c, x->kid[0]);
  if (!polynomial(x)) {
    unsigned i = 0;
    while (!expr_eq(c->var[i], x)) i++;
    return c->at >> i & 1 ? c->span[i].hi : c->span[i].lo;
  }
  int64_t a = value_at(c, x->kid[0]), b = x->nkid > 1 ? value_at(c, x->kid[1]) : 0;
  return x->op == OP_add ? a + b : x->op == OP_sub ? a - b : x->op == OP_mul ? a * b : -a;
}

/* s, or less of it. The parts of x are within what intervals say, so nothing overflows here. */
static struct span at_corners(const struct spans *k, expr_t x, struct span s) {
  struct corners c = {.known = k};
  variables(&c, x);
  if (c.fail) return s;
  struct span r = {INT64_MAX, INT64_MIN, true};
  for (c.at = 0; c.at < 1u << c.n; c.at++) {
    int64_t v = value_at(&c, x);
    if (v < r.lo) r.lo = v;
    if (v > r.hi) r.hi = v;
  }
  return r;
}

/* --- whole expressions --- */

/* s, where an expression of type t has these values without wrapping. (u64 never has negative ones.) */
struct span span_held(struct span s, enum dtype t) {
  if (type_size(t) < 8)
    s.ok = span_within(s, span_of_type(t));
  else if (t == DT_u64 && s.lo < 0)
    s.ok = false;
  return s;
}

static bool is_op(expr_t x, enum op o) {
  return x->kind == E_OP && x->op == o;
}

struct terms {
  unsigned n, depth;
  int64_t more; /* what is added to them */
  expr_t term[2];
};

static bool add_terms(expr_t x, struct terms *t) {
  if (is_op(x, OP_add)) return ++t->depth < 4 && add_terms(x->kid[0], t) && add_terms(x->kid[1], t);
  if (x->kind == E_CONST && (x->val.i < 0 || x->val.i > 1)) return false;
  if (x->kind == E_CONST)
    t->more += x->val.i;
  else if (t->n < 2)
    t->term[t->n++] = x;
  else
    return false;
  return t->more < 2;
}

static enum form shape_of(expr_t x, enum dtype t, expr_t part[2]) {
  struct terms s = {0};
  if (x->kind != E_OP || type_size((enum dtype)x->type) < 2 * type_size(t)) return FORM_none;
  if (x->op == OP_abs && is_op(x->kid[0], OP_sub) && type_is_signed((enum dtype)x->type)) {
    part[0] = x->kid[0]->kid[0], part[1] = x->kid[0]->kid[1];
    return FORM_distance;
  }
  bool halved = (x->op == OP_shr && constant(x->kid[1], 1, 1)) || (x->op == OP_div && constant(x->kid[1], 2, 2));
  if (!halved || !add_terms(x->kid[0], &s) || s.n != 2) return FORM_none;
  part[0] = s.term[0], part[1] = s.term[1];
  return s.more ? FORM_mean_up : FORM_mean;
}

/* The values of such a form of a and b, and whether it is the one to take; not ok: not in t. */
static struct span form_span(const struct spans *k, expr_t x, enum form f, struct span a, struct span b, enum dtype t,
                             bool *takes) {
  struct span s = span_of_type(t), none = {0}, wide;
  *takes = false;
  if (!a.ok || !b.ok) return none;
  if (f == FORM_distance) {
    wide = (struct span){a.lo - b.hi, a.hi - b.lo, true};
    *takes = !span_within(wide, s);
    bool better = !type_is_signed(t) && span_within(wide, (struct span){-s.hi / 2 - 1, s.hi / 2, true});
    int64_t low = max64(max64(wide.lo, -wide.hi), 0), high = max64(-wide.lo, wide.hi);
    return *takes && better ? none : (struct span){low, high, high <= s.hi};
  }
  int64_t up = f == FORM_mean_up;
  bool below = a.lo < 0 || b.lo < 0;
  wide = (struct span){a.lo + b.lo + up, a.hi + b.hi + up, true};
  if (!span_within(wide, s)) wide = at_corners(k, x->kid[0], wide);
  if (x->op == OP_div && below) /* no floor */
    return (struct span){wide.lo / 2, wide.hi / 2, !up && span_within(wide, s)};
  *takes = below || wide.hi > s.hi;
  return (struct span){wide.lo >> 1, wide.hi >> 1, true};
}

enum form span_form(const struct spans *k, expr_t x, enum dtype t, expr_t part[2]) {
  bool takes = false;
  enum form f = shape_of(x, t, part);
  if (f != FORM_none) form_span(k, x, f, span_fits(k, part[0], t), span_fits(k, part[1], t), t, &takes);
  return takes ? f : FORM_none;
}

struct span span_fits(const struct spans *k, expr_t x, enum dtype t) {
  struct span v[3] = {{0}}, none = {0};
  expr_t part[2];
  if (!type_is_int((enum dtype)x->type)) return none;
  if (x->kind == E_CAST && x->kid[0]->type == DT_bool) return (struct span){0, 1, true};
  if (x->kind == E_CAST) {
    struct span s = span_held(span_fits(k, x->kid[0], t), (enum dtype)x->type);
    return s.ok ? s : leaf(k, x, t);
  }
  if (x->kind != E_OP) return leaf(k, x, t);
  enum form f = shape_of(x, t, part);
  if (f != FORM_none) {
    bool takes;
    return form_span(k, x, f, span_fits(k, part[0], t), span_fits(k, part[1], t), t, &takes);
  }
  if (type_size(t) == 1 && !bytes_can((enum op)x->op)) return none;
  for (unsigned i = x->op == OP_select; i < x->nkid; i++) {
    v[i] = span_fits(k, x->kid[i], t);
    if (!v[i].ok) return none;
  }
  struct span s = op_span(x, v);
  if (s.ok && (x->op == OP_shl || x->op == OP_shr) && v[1].hi >= 8 * (int64_t)type_size(t)) return none;
  if ((x->op == OP_add || x->op == OP_sub) && !span_within(s, span_of_type(t))) s = at_corners(k, x, s);
  s = span_held(s, (enum dtype)x->type);
  s.ok = span_within(s, span_of_type(t));
  return s;
}
