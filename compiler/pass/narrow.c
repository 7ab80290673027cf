/* narrow: TENSOR -> TENSOR. Needs nothing; changes no result. C widens the pixels and samples that it computes with to
   int; where the values that an integer expression can take, and those of all its parts, fit a type of 8 or 16 bits,
   and a conversion or a comparison makes that the end of it, it is computed in that type: twice or four times the
   lanes. u8((i32(a) + i32(b) + 1) >> 1) becomes u8((u16(a) + u16(b) + 1) >> 1). Where values do not fit but a
   conversion drops what is above, sums, products, bits and shifts to the left need no more bits than are left:
   u16(i32(p) << 8 | i32(p) >> 8) becomes p << 8 | p >> 8. So do reductions whose result is narrower than their terms.
   Terms of wide sums, and their factors, are computed in 8 or 16 bits where they fit (ir/short_sum.h).

   Intervals are found from the types of what is read and from constants; nothing is assumed about dims and scalars
   beyond their types. Bytes are not multiplied: vectors cannot. */
#include "compiler/pass/passes.h"
#include "compiler/pass/span.h"
#include "compiler/pass/util.h"
#include "ir/short_sum.h"

static expr_t rewrite(struct arena *a, const struct spans *k, expr_t x, enum dtype t);

/* max(a, b) - min(a, b), (a & b) + ((a ^ b) >> 1), (a | b) - ((a ^ b) >> 1) */
static expr_t other_form(struct arena *a, const struct spans *k, enum form f, expr_t part[2], enum dtype t) {
  expr_t p = rewrite(a, k, part[0], t), q = rewrite(a, k, part[1], t);
  if (f == FORM_distance) return expr_op2(a, OP_sub, expr_op2(a, OP_max, p, q), expr_op2(a, OP_min, p, q));
  expr_t half = expr_op2(a, OP_shr, expr_op2(a, OP_xor, p, q), expr_i(a, t, 1));
  return f == FORM_mean ? expr_op2(a, OP_add, expr_op2(a, OP_and, p, q), half)
                        : expr_op2(a, OP_sub, expr_op2(a, OP_or, p, q), half);
}

/* x, of which span_fits is ok, in t. */
static expr_t rewrite(struct arena *a, const struct spans *k, expr_t x, enum dtype t) {
  if (x->kind == E_CONST) return expr_i(a, t, x->val.i);
  if (x->kind == E_CAST && x->kid[0]->type == DT_bool) return expr_cast(a, t, x->kid[0]);
  if (x->kind == E_CAST && span_held(span_fits(k, x->kid[0], t), (enum dtype)x->type).ok)
    return rewrite(a, k, x->kid[0], t);
  if (x->kind != E_OP) return expr_cast(a, t, x);
  expr_t part[2];
  enum form f = span_form(k, x, t, part);
  if (f != FORM_none) return other_form(a, k, f, part, t);
  struct expr *y = arena_dup(a, x, sizeof *x);
  y->type = (uint8_t)t;
  for (unsigned i = x->op == OP_select; i < x->nkid; i++) y->kid[i] = rewrite(a, k, x->kid[i], t);
  return y;
}

static const enum dtype narrower[] = {DT_u8, DT_i8, DT_u16, DT_i16};
enum { NNARROWER = sizeof narrower / sizeof *narrower };

static bool wide(expr_t x) {
  return type_is_int((enum dtype)x->type) && type_size((enum dtype)x->type) >= 4 && x->kind == E_OP;
}

/* x in the smallest type of up to `size` bytes that holds it and its parts; NULL: none does. */
static expr_t exact(struct arena *a, const struct spans *k, expr_t x, size_t size) {
  for (unsigned i = 0; i < NNARROWER; i++)
    if (type_size(narrower[i]) <= size && span_fits(k, x, narrower[i]).ok) return rewrite(a, k, x, narrower[i]);
  return NULL;
}

static bool drops_nothing_below(const struct spans *k, expr_t x, enum dtype t) {
  switch ((enum op)x->op) {
  case OP_add:
  case OP_sub:
  case OP_neg:
  case OP_and:
  case OP_or:
  case OP_xor:
  case OP_not:
  case OP_select:
    return true;
  case OP_mul:
    return type_size(t) > 1;
  case OP_shl: {
    struct span by = span_fits(k, x->kid[1], t);
    return by.ok && by.lo >= 0 && by.hi < 8 * (int64_t)type_size(t);
  }
  default:
    return false;
  }
}

static expr_t low_bits(struct arena *a, const struct spans *k, expr_t x, enum dtype t);

/* Of y >> n the lowest bits are those above the lowest n of y: in 16 bits, where there are no more of them. */
static expr_t shifted_bits(struct arena *a, const struct spans *k, expr_t x, enum dtype t) {
  expr_t by = x->kid[1];
  if (by->kind != E_CONST || by->val.i < 0 || by->val.i + 8 * (int64_t)type_size(t) > 16) return NULL;
  expr_t y = low_bits(a, k, x->kid[0], DT_u16);
  return y ? expr_cast(a, t, expr_op2(a, OP_shr, y, expr_i(a, DT_u16, by->val.i))) : NULL;
}

/* The lowest bits of an integer x, as many as t has, computed without those above; NULL: that cannot be, or an element
 * of a wider type would have to be cut first. */
static expr_t low_bits(struct arena *a, const struct spans *k, expr_t x, enum dtype t) {
  enum dtype from = (enum dtype)x->type;
  if (x->kind == E_CONST) return expr_const(a, t, type_convert(t, from, x->val));
  if (span_fits(k, x, t).ok) return rewrite(a, k, x, t);
  if (!type_is_int(from)) return NULL;
  if (type_size(from) <= type_size(t) || x->kind == E_SCALAR) return expr_cast(a, t, x);
  if (x->kind == E_CAST) return type_is_int((enum dtype)x->kid[0]->type) ? low_bits(a, k, x->kid[0], t) : NULL;
  if (x->kind != E_OP) return NULL;
  if (!drops_nothing_below(k, x, t)) {
    expr_t y = exact(a, k, x, 2);
    if (y) return expr_cast(a, t, y);
    return x->op == OP_shr ? shifted_bits(a, k, x, t) : NULL;
  }
  struct expr *y = arena_dup(a, x, sizeof *x);
  y->type = (uint8_t)t;
  for (unsigned i = x->op == OP_select; i < x->nkid; i++) {
    y->kid[i] = low_bits(a, k, x->kid[i], t);
    if (!y->kid[i]) return NULL;
  }
  return y;
}

static expr_t narrow_cast(struct arena *a, const struct spans *k, expr_t x) {
  enum dtype t = (enum dtype)x->type;
  if (!type_is_int(t) || type_size(t) > 2 || !wide(x->kid[0])) return x;
  expr_t y = exact(a, k, x->kid[0], 1);
  if (!y && type_size(t) == 1) y = low_bits(a, k, x->kid[0], t);
  if (!y) y = exact(a, k, x->kid[0], 2);
  if (!y) y = low_bits(a, k, x->kid[0], type_size(t) == 2 ? t : DT_u16);
  return y ? expr_cast(a, t, y) : x;
}

static bool widened(expr_t x) {
  return wide(x) || x->kind == E_CAST;
}

/* x <o> s, with x (of which v is known) in t and s a scalar of which nothing is: against the nearest value that x can
   have, and where s lies beyond all of them the scalar alone decides. */
static expr_t against_scalar(struct arena *a, enum op o, expr_t x, expr_t s, struct span v, enum dtype t) {
  enum dtype w = (enum dtype)s->type;
  expr_t lo = expr_i(a, w, v.lo), hi = expr_i(a, w, v.hi);
  expr_t near = expr_op2(a, OP_min, expr_op2(a, OP_max, s, lo), hi), y = expr_op2(a, o, x, expr_cast(a, t, near));
  switch (o) {
  case OP_gt:
    return expr_op2(a, OP_or, y, expr_op2(a, OP_lt, s, lo));
  case OP_lt:
    return expr_op2(a, OP_or, y, expr_op2(a, OP_gt, s, hi));
  case OP_ge:
    return expr_op2(a, OP_and, y, expr_op2(a, OP_le, s, hi));
  case OP_le:
    return expr_op2(a, OP_and, y, expr_op2(a, OP_ge, s, lo));
  case OP_eq:
    return expr_op2(a, OP_and, y, expr_op2(a, OP_eq, s, near));
  default:
    return expr_op2(a, OP_or, y, expr_op2(a, OP_ne, s, near));
  }
}

static enum op turned(enum op o) {
  return o == OP_gt ? OP_lt : o == OP_lt ? OP_gt : o == OP_ge ? OP_le : o == OP_le ? OP_ge : o;
}

static expr_t compare_scalar(struct arena *a, const struct spans *k, expr_t x) {
  bool first = x->kid[0]->kind == E_SCALAR;
  expr_t s = x->kid[first ? 0 : 1], y = x->kid[first ? 1 : 0];
  if (s->kind != E_SCALAR || y->kind == E_SCALAR || !type_is_int((enum dtype)s->type)) return x;
  for (unsigned i = 0; i < NNARROWER; i++) {
    struct span v = span_held(span_fits(k, y, narrower[i]), (enum dtype)s->type);
    enum op o = first ? turned((enum op)x->op) : (enum op)x->op;
    if (v.ok) return against_scalar(a, o, rewrite(a, k, y, narrower[i]), s, v, narrower[i]);
  }
  return x;
}

static expr_t narrow_compare(struct arena *a, const struct spans *k, expr_t x) {
  if (!type_is_int((enum dtype)x->kid[0]->type) || type_size((enum dtype)x->kid[0]->type) < 4) return x;
  if (!widened(x->kid[0]) && !widened(x->kid[1])) return x;
  for (unsigned i = 0; i < NNARROWER; i++) {
    enum dtype t = narrower[i];
    if (!span_fits(k, x->kid[0], t).ok || !span_fits(k, x->kid[1], t).ok) continue;
    struct expr *y = arena_dup(a, x, sizeof *x);
    y->kid[0] = rewrite(a, k, x->kid[0], t);
    y->kid[1] = rewrite(a, k, x->kid[1], t);
    return y;
  }
  return compare_scalar(a, k, x);
}

static expr_t narrow_one(struct arena *a, expr_t x, void *ctx) {
  if (x->kind == E_CAST) return narrow_cast(a, ctx, x);
  if (x->kind == E_OP && op_info[x->op].flags & OPF_CMP) return narrow_compare(a, ctx, x);
  return x;
}

/* --- temps --- */

struct retype {
  unsigned tensor;
  enum dtype to;
  bool guarded; /* it is read where something else stands in for it */
};

static void find_guarded(expr_t x, void *ctx) {
  struct retype *r = ctx;
  if (x->kind == E_READ && x->acc->tensor == r->tensor && x->acc->nguard) r->guarded = true;
}

static expr_t read_retyped(struct arena *a, expr_t x, void *ctx) {
  const struct retype *r = ctx;
  if (x->kind != E_READ || x->acc->tensor != r->tensor) return x;
  return expr_cast(a, (enum dtype)x->type, expr_read(a, r->to, x->acc));
}

/* Terms of each of e's sums; 0: not a constant. */
static int64_t terms(struct arena *a, const struct eq *e) {
  int64_t n = 1, c;
  for (unsigned i = e->npar; i < e->nax; i++) {
    if (!poly_is_const(poly_sub(a, e->axis[i].hi, e->axis[i].lo), &c) || c < 1 || n > 65536 / c) return 0;
    n *= c;
  }
  return n;
}

/* What e's result and its partial results can be, when each term is in s. */
static struct span result_span(struct arena *a, const struct eq *e, struct span s) {
  int64_t n = terms(a, e);
  if (e->red == RED_none || (n && (e->red == RED_min || e->red == RED_max) && !e->nguard)) return s;
  if (e->red != RED_sum || !n) return (struct span){0};
  return (struct span){s.lo < 0 ? n * s.lo : 0, s.hi > 0 ? n * s.hi : 0, s.ok};
}

/* The temp that e writes is of a narrower type where that holds it, its sums while they grow included. */
static void narrow_temp(struct arena *a, struct kernel *k, unsigned at, struct span *temp) {
  struct spans known = {temp, &k->eq[at]};
  struct eq *e = &k->eq[at];
  struct tensor *t = &k->tensor[e->lhs];
  unsigned writer;
  if (t->role != ROLE_TEMP || e->init || e->start || kernel_writers(k, e->lhs, &writer) != 1 || eq_reads(e, e->lhs))
    return;
  if (!type_is_int((enum dtype)t->type) || type_size((enum dtype)t->type) < 4 || e->body->type != t->type) return;
  for (unsigned i = 0; i < NNARROWER; i++) {
    struct retype r = {e->lhs, narrower[i], false};
    struct span s = result_span(a, e, span_fits(&known, e->body, r.to));
    if (!span_within(s, span_of_type(r.to))) continue;
    for (unsigned j = 0; j < k->neq; j++) eq_visit(&k->eq[j], find_guarded, &r);
    if (r.guarded) return;
    e->body = rewrite(a, &known, e->body, r.to);
    t->type = (uint8_t)r.to;
    temp[e->lhs] = s;
    for (unsigned j = 0; j < k->neq; j++) eq_map(a, &k->eq[j], read_retyped, &r);
    return;
  }
}

/* Terms of bits, or of a sum without products (those have instructions of their own), of which the result keeps the
 * lowest. */
static void narrow_terms(struct arena *a, const struct kernel *k, struct eq *e, const struct spans *known) {
  enum dtype t = (enum dtype)k->tensor[e->lhs].type;
  bool bits = e->red == RED_or || e->red == RED_and || e->red == RED_xor;
  if (!bits || e->init || e->start || !type_is_int(t) || type_size(t) > 2 || !type_is_int((enum dtype)e->body->type) ||
      type_size((enum dtype)e->body->type) <= type_size(t))
    return;
  expr_t y = low_bits(a, known, e->body, t);
  if (y) e->body = y;
}

/* x, or x computed in i16 and widened; NULL: neither is of a short type. */
static expr_t short_factor(struct arena *a, const struct spans *k, expr_t x) {
  struct short_sum s;
  if (short_sum_of(x, &s) && !s.b) return x;
  return span_fits(k, x, DT_i16).ok ? expr_cast(a, (enum dtype)x->type, rewrite(a, k, x, DT_i16)) : NULL;
}

static expr_t short_term(struct arena *a, const struct spans *k, expr_t x) {
  enum dtype t = (enum dtype)x->type;
  expr_t y = exact(a, k, x, 1);
  if (!y && span_within(span_fits(k, x, DT_u16), span_of_type(DT_u8)))
    y = expr_cast(a, DT_u8, rewrite(a, k, x, DT_u16));
  if (y) return expr_cast(a, t, y);
  if (type_size(t) > 4) return x;
  if (x->kind == E_OP && x->op == OP_mul) {
    expr_t p = short_factor(a, k, x->kid[0]), q = short_factor(a, k, x->kid[1]);
    if (p && q) return expr_op2(a, OP_mul, p, q);
  }
  return span_fits(k, x, DT_i16).ok ? expr_cast(a, t, rewrite(a, k, x, DT_i16)) : x;
}

/* Terms of a sum that is wider than they are. */
static void shorten_terms(struct arena *a, struct eq *e, const struct spans *known) {
  struct short_sum s;
  enum dtype t = (enum dtype)e->body->type;
  if (e->red != RED_sum || !type_is_int(t) || type_size(t) < 4 || short_sum_of(e->body, &s)) return;
  e->body = short_term(a, known, e->body);
}

enum status pass_narrow(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  struct kernel *k = u->k;
  struct span *temp = ARENA_NEW(a, struct span, k->ntensor + 1u);
  for (unsigned i = 0; i < k->ntensor; i++) temp[i].ok = false;
  for (unsigned i = 0; i < k->neq; i++) {
    struct spans known = {temp, &k->eq[i]};
    eq_map(a, &k->eq[i], narrow_one, &known);
    narrow_temp(a, k, i, temp);
    narrow_terms(a, k, &k->eq[i], &known);
    shorten_terms(a, &k->eq[i], &known);
  }
  return ST_OK;
}
