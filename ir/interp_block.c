/* The interpreter's programs over many values of one index at a time: what is decided per node (operation, type,
   bounds) is decided once per block. The common operations have loops of their own; all others go through the scalar
   code, value by value, so that there is one definition of each. */
#include "ir/interp_expr.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* ---- index arithmetic along one symbol ---- */

static int64_t coef_of(const struct lin *l, sym_t sym) {
  for (unsigned i = 0; i < l->n; i++)
    if (l->axis[i] == sym) return l->coef[i];
  return 0;
}

/* Value at sym = start, and the step; false when it is not affine or overflows before start + n. */
static bool lin_block(struct icontext *c, const struct lin *l, sym_t sym, int64_t start, unsigned n, int64_t *at,
                      int64_t *step) {
  int64_t last;
  if (l->general) return false;
  c->sym[sym] = start;
  *step = coef_of(l, sym);
  return lin_eval(c, l, at) && !__builtin_mul_overflow(*step, (int64_t)n, &last) &&
         !__builtin_add_overflow(*at, last, &last);
}

static int64_t floor_div(int64_t a, int64_t b) { /* b > 0 */
  return a / b - (a % b < 0);
}

bool lin_narrow(const struct icontext *c, const struct lin *l, sym_t sym, int64_t *lo, int64_t *hi) {
  int64_t s = coef_of(l, sym), g;
  if (l->general || s == INT64_MIN) return false;
  if (*lo >= *hi) return true;
  c->sym[sym] = *lo;
  if (!lin_eval(c, l, &g) || g == INT64_MIN) return false;
  if (s == 0 && g < 0) *hi = *lo;
  if (s > 0 && g < 0) { /* from the first lane where it holds */
    int64_t skip = floor_div(-g - 1, s) + 1;
    *lo = skip >= *hi - *lo ? *hi : *lo + skip;
  }
  if (s < 0) {
    int64_t keep = g < 0 ? 0 : g / -s + 1;
    if (keep < *hi - *lo) *hi = *lo + keep;
  }
  return true;
}

bool place_block(struct icontext *c, const struct place *p, sym_t sym, int64_t start, unsigned n, int64_t *at,
                 int64_t *step) {
  const int64_t *extent = c->extent + p->acc->tensor * 16, *stride = c->stride + p->acc->tensor * 16;
  *at = *step = 0;
  if (p->any_dyn) return false;
  for (unsigned d = 0; d < p->acc->rank; d++) {
    int64_t ix, by, last, part;
    if (!lin_block(c, &p->ix[d], sym, start, n, &ix, &by)) return false;
    last = ix + by * (int64_t)(n - 1);
    if (ix < 0 || last < 0 || ix >= extent[d] || last >= extent[d]) return false;
    if (__builtin_mul_overflow(ix, stride[d], &part) || __builtin_add_overflow(*at, part, at)) return false;
    if (__builtin_mul_overflow(by, stride[d], &part) || __builtin_add_overflow(*step, part, step)) return false;
  }
  int64_t last, span = c->store[p->acc->tensor].n;
  if (__builtin_mul_overflow(*step, (int64_t)(n - 1), &last) || __builtin_add_overflow(*at, last, &last)) return false;
  return *at >= 0 && last >= 0 && *at < span && last < span;
}

/* ---- lanes ---- */

static struct ival lane(const struct lanes *x, unsigned l) {
  return (struct ival){x->v[l], x->i[l], x->any_e ? x->e[l] : 0, x->any_bad ? x->bad[l] : 0};
}

/* Before single lanes are set: both arrays count. */
static void open_lanes(struct lanes *r) {
  r->any_e = r->any_bad = true;
}

static void set_lane(struct lanes *r, unsigned l, struct ival x) {
  r->v[l] = x.v;
  r->i[l] = x.i;
  r->e[l] = x.e;
  r->bad[l] = x.bad;
}

/* After: whether they hold anything. */
static void close_lanes(struct lanes *r, unsigned n) {
  bool e = false, bad = false;
  for (unsigned l = 0; l < n; l++) {
    e |= r->e[l] != 0;
    bad |= r->bad[l] != 0;
  }
  r->any_e = e;
  r->any_bad = bad;
}

/* ---- reads ---- */

#define LOAD(T, field)                                                                                                 \
  for (unsigned l = 0; l < n; l++, q += by) {                                                                          \
    T x;                                                                                                               \
    memcpy(&x, q, sizeof x);                                                                                           \
    r->field[from + l] = x;                                                                                            \
  }                                                                                                                    \
  break

static void load_memory(enum dtype t, const unsigned char *q, int64_t by, struct lanes *r, unsigned from, unsigned n) {
  switch (t) {
  case DT_f32:
    LOAD(float, v);
  case DT_f64:
    LOAD(double, v);
  case DT_i8:
    LOAD(int8_t, i);
  case DT_u8:
    LOAD(uint8_t, i);
  case DT_i32:
    LOAD(int32_t, i);
  case DT_i64:
    LOAD(int64_t, i);
  default:
    for (unsigned l = 0; l < n; l++, q += by) {
      union value v = type_load(t, q);
      if (type_is_float(t)) {
        r->v[from + l] = v.f;
      } else {
        r->i[from + l] = v.i;
      }
    }
  }
}

/* Lanes [from, from + n) at elements at, at + step …. */
static void load(const struct icontext *c, unsigned tensor, int64_t at, int64_t step, struct lanes *r, unsigned from,
                 unsigned n) {
  const struct store *s = &c->store[tensor];
  enum dtype t = (enum dtype)c->k->tensor[tensor].type;
  int64_t size = (int64_t)type_size(t);
  if (!s->cell) {
    load_memory(t, s->data + at * size, step * size, r, from, n);
    if (r->any_e || r->any_bad)
      for (unsigned l = from; l < from + n; l++) r->e[l] = r->bad[l] = 0;
    return;
  }
  for (unsigned l = from; l < from + n; l++, at += step) {
    const struct cell *x = &s->cell[at];
    set_lane(r, l, (struct ival){x->v, x->i, x->e, x->def ? BAD_NONE : BAD_UNDEFINED});
  }
}

static bool has_undefined(const struct icontext *c, unsigned tensor, int64_t at, int64_t step, unsigned n) {
  const struct cell *x = c->store[tensor].cell;
  for (unsigned l = 0; x && l < n; l++, at += step)
    if (!x[at].def) return true;
  return false;
}

static void read_slowly(struct icontext *c, const struct node *n, const struct lanes *otherwise, struct lanes *r,
                        sym_t sym, int64_t start, unsigned from, unsigned to) {
  struct node one = *n;
  struct ival val[1];
  one.kid[0] = 0;
  for (unsigned l = from; l < to; l++) {
    c->sym[sym] = start + l;
    if (otherwise) val[0] = lane(otherwise, l);
    set_lane(r, l, prog_read(c, &one, val));
  }
}

static void read_block(struct icontext *c, const struct node *n, struct prog *p, struct lanes *r, sym_t sym,
                       int64_t start, unsigned count) {
  const struct access *acc = n->place->acc;
  const struct lanes *otherwise = acc->nguard ? &p->lanes[n->kid[0]] : NULL;
  int64_t lo = start, hi = start + count, at, step;
  bool affine = true;
  for (unsigned g = 0; g < acc->nguard; g++) affine = affine && lin_narrow(c, &n->place->guard[g], sym, &lo, &hi);
  unsigned from = (unsigned)(lo - start), to = lo < hi ? (unsigned)(hi - start) : from;
  bool whole = affine && from == 0 && to == count, plain = !c->store[acc->tensor].cell;
  open_lanes(r);
  if (whole && plain) r->any_e = r->any_bad = false;
  if (!affine) {
    open_lanes(r);
    read_slowly(c, n, otherwise, r, sym, start, 0, count);
    close_lanes(r, count);
    return;
  }
  for (unsigned l = 0; l < count && !whole; l++)
    if (l < from || l >= to) set_lane(r, l, lane(otherwise, l));
  if (from < to) {
    if (place_block(c, n->place, sym, lo, to - from, &at, &step) &&
        !has_undefined(c, acc->tensor, at, step, to - from)) {
      load(c, acc->tensor, at, step, r, from, to - from);
    } else {
      open_lanes(r);
      read_slowly(c, n, otherwise, r, sym, start, from, to);
    }
  }
  if (r->any_e || r->any_bad) close_lanes(r, count);
}

/* ---- operations ---- */

static double dabs(long double x) {
  return (double)fabsl(x);
}

static double error(const struct lanes *x, unsigned l) {
  return x->any_e ? x->e[l] : 0;
}

static struct ival operand(const struct lanes *x, unsigned l) {
  return (struct ival){.v = x->v[l], .e = error(x, l)};
}

static void add_block(enum op o, enum dtype t, const struct lanes *a, const struct lanes *b, struct lanes *r,
                      unsigned n) {
  for (unsigned l = 0; l < n; l++) {
    long double v = o == OP_add ? a->v[l] + b->v[l] : a->v[l] - b->v[l];
    double e = interp_error(o, t, operand(a, l), operand(b, l), v, error(a, l) + error(b, l));
    r->v[l] = v;
    r->e[l] = e;
  }
}

static void mul_block(const struct node *n, const struct lanes *a, const struct lanes *b, struct lanes *r,
                      unsigned count) {
  enum dtype t = (enum dtype)n->type;
  for (unsigned l = 0; l < count; l++) {
    long double v = a->v[l] * b->v[l];
    double x = error(a, l), y = error(b, l), e = 0;
    if (x > 0) e += x * dabs(b->v[l]);
    if (y > 0) e += y * dabs(a->v[l]) + x * y;
    e = interp_error(OP_mul, t, operand(a, l), operand(b, l), v, e);
    if (n->flush) e += interp_flush(operand(a, l), operand(b, l), v);
    if (n->tf32) e += interp_tf32(operand(a, l), operand(b, l), v);
    if (n->rounded) {
      const struct lanes *own = n->rounded == 1 ? a : b, *other = n->rounded == 1 ? b : a;
      e += interp_rounded((enum dtype)n->narrow, operand(own, l), operand(other, l), v);
    }
    r->v[l] = v;
    r->e[l] = e;
  }
}

static int64_t wrap(enum dtype t, uint64_t x) {
  unsigned shift = 64 - 8 * (unsigned)type_size(t);
  return type_is_signed(t) ? (int64_t)(x << shift) >> shift : (int64_t)(x << shift >> shift);
}

static void int_block(enum op o, enum dtype t, const struct lanes *a, const struct lanes *b, struct lanes *r,
                      unsigned n) {
  for (unsigned l = 0; l < n; l++) {
    uint64_t x = (uint64_t)a->i[l], y = (uint64_t)b->i[l];
    r->i[l] = wrap(t, o == OP_add ? x + y : o == OP_sub ? x - y : x * y);
  }
}

/* The common operations on operands that are all right; false: none of these. */
static bool fast_op(const struct node *n, const struct lanes *a, const struct lanes *b, struct lanes *r,
                    unsigned count) {
  enum dtype t = (enum dtype)n->type;
  if (n->kind != E_OP || a->any_bad || (n->op != OP_add && n->op != OP_sub && n->op != OP_mul) || b->any_bad ||
      t == DT_bool)
    return false;
  if (!type_is_float(t) && (a->any_e || b->any_e)) return false;
  r->any_bad = false;
  r->any_e = type_is_float(t);
  if (!type_is_float(t)) {
    int_block((enum op)n->op, t, a, b, r, count);
  } else if (n->op == OP_mul) {
    mul_block(n, a, b, r, count);
  } else {
    add_block((enum op)n->op, t, a, b, r, count);
  }
  return true;
}

/* Conversions that are exact: to a wider float, to a wider integer. */
static bool fast_cast(const struct node *n, const struct lanes *a, struct lanes *r, unsigned count) {
  enum dtype to = (enum dtype)n->type, from = (enum dtype)n->from;
  if (n->kind != E_CAST || a->any_bad || from == DT_bool || to == DT_bool || type_is_float(to) != type_is_float(from))
    return false;
  bool flt = type_is_float(to);
  if (flt ? !type_holds(to, from) : a->any_e) return false;
  r->any_bad = false;
  r->any_e = a->any_e;
  for (unsigned l = 0; l < count; l++) {
    if (flt) {
      r->v[l] = a->v[l];
      r->e[l] = error(a, l);
    } else {
      r->i[l] = wrap(to, (uint64_t)a->i[l]);
    }
  }
  return true;
}

static void apply_block(const struct node *n, struct prog *p, struct lanes *r, unsigned count) {
  const struct lanes *a = &p->lanes[n->kid[0]], *b = &p->lanes[n->kid[1]], *c = &p->lanes[n->kid[2]];
  if (fast_op(n, a, b, r, count) || fast_cast(n, a, r, count)) return;
  unsigned arity = n->kind == E_CAST ? 1 : op_info[n->op].arity;
  const struct ival none = {0};
  open_lanes(r);
  for (unsigned l = 0; l < count; l++)
    set_lane(r, l, prog_apply(n, lane(a, l), arity > 1 ? lane(b, l) : none, arity > 2 ? lane(c, l) : none));
  close_lanes(r, count);
}

static void poly_block(struct icontext *c, const struct node *n, struct lanes *r, sym_t sym, int64_t start,
                       unsigned count) {
  int64_t at, step;
  if (lin_block(c, &n->lin, sym, start, count, &at, &step)) {
    r->any_e = r->any_bad = false;
    for (unsigned l = 0; l < count; l++) r->i[l] = at + (int64_t)l * step;
    return;
  }
  open_lanes(r);
  for (unsigned l = 0; l < count; l++) {
    c->sym[sym] = start + l;
    int64_t v = 0;
    bool ok = lin_eval(c, &n->lin, &v);
    set_lane(r, l, (struct ival){.i = v, .bad = ok ? BAD_NONE : BAD_BOUNDS});
  }
  close_lanes(r, count);
}

/* Lanes of the constants are filled once. */
static void make_lanes(struct icontext *c, struct prog *p) {
  p->lanes = ARENA_NEW(c->arena, struct lanes, p->n);
  for (unsigned i = 0; i < p->n; i++)
    if (p->node[i].kind == E_CONST || p->node[i].kind == E_SCALAR)
      for (unsigned l = 0; l < INTERP_LANES; l++) set_lane(&p->lanes[i], l, p->node[i].val);
}

const struct lanes *prog_block(struct icontext *c, struct prog *p, sym_t sym, int64_t start, unsigned n) {
  if (!p->lanes) make_lanes(c, p);
  for (unsigned i = 0; i < p->n; i++) {
    const struct node *x = &p->node[i];
    if (x->kind == E_READ) {
      read_block(c, x, p, &p->lanes[i], sym, start, n);
    } else if (x->kind == E_POLY) {
      poly_block(c, x, &p->lanes[i], sym, start, n);
    } else if (x->kind == E_OP || x->kind == E_CAST) {
      apply_block(x, p, &p->lanes[i], n);
    }
  }
  c->ops += (uint64_t)p->n * n;
  return &p->lanes[p->n - 1];
}
