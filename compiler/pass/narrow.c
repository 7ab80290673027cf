/* narrow: TENSOR -> TENSOR. Needs nothing; changes no result. C widens the pixels and samples that it computes with to
   int; where the values that an integer expression can take, and those of all its parts, fit a type of 8 or 16 bits,
   and a conversion or a comparison makes that the end of it, it is computed in that type: twice or four times the
   lanes. u8((i32(a) + i32(b) + 1) >> 1) becomes u8((u16(a) + u16(b) + 1) >> 1).

   Intervals are found from the types of what is read and from constants; nothing is assumed about dims and scalars
   beyond their types. Bytes are not multiplied or shifted: vectors cannot. */
#include "compiler/pass/passes.h"
#include "compiler/pass/span.h"
#include "compiler/pass/util.h"

/* x, of which span_fits is ok, in t. */
static expr_t rewrite(struct arena *a, const struct span *temp, expr_t x, enum dtype t) {
  if (x->kind == E_CONST) return expr_i(a, t, x->val.i);
  if (x->kind == E_CAST && span_held(span_fits(temp, x->kid[0], t), (enum dtype)x->type).ok)
    return rewrite(a, temp, x->kid[0], t);
  if (x->kind != E_OP) return expr_cast(a, t, x);
  struct expr *y = arena_dup(a, x, sizeof *x);
  y->type = (uint8_t)t;
  for (unsigned i = x->op == OP_select; i < x->nkid; i++) y->kid[i] = rewrite(a, temp, x->kid[i], t);
  return y;
}

static const enum dtype narrower[] = {DT_u8, DT_i8, DT_u16, DT_i16};
enum { NNARROWER = sizeof narrower / sizeof *narrower };

static bool wide(expr_t x) {
  return type_is_int((enum dtype)x->type) && type_size((enum dtype)x->type) >= 4 && x->kind == E_OP;
}

static expr_t narrow_cast(struct arena *a, const struct span *temp, expr_t x) {
  expr_t y = x->kid[0];
  if (!type_is_int((enum dtype)x->type) || type_size((enum dtype)x->type) > 2 || !wide(y)) return x;
  for (unsigned i = 0; i < NNARROWER; i++)
    if (span_fits(temp, y, narrower[i]).ok) return expr_cast(a, (enum dtype)x->type, rewrite(a, temp, y, narrower[i]));
  return x;
}

static bool widened(expr_t x) {
  return wide(x) || x->kind == E_CAST;
}

static expr_t narrow_compare(struct arena *a, const struct span *temp, expr_t x) {
  if (!type_is_int((enum dtype)x->kid[0]->type) || type_size((enum dtype)x->kid[0]->type) < 4) return x;
  if (!widened(x->kid[0]) && !widened(x->kid[1])) return x;
  for (unsigned i = 0; i < NNARROWER; i++) {
    enum dtype t = narrower[i];
    if (!span_fits(temp, x->kid[0], t).ok || !span_fits(temp, x->kid[1], t).ok) continue;
    struct expr *y = arena_dup(a, x, sizeof *x);
    y->kid[0] = rewrite(a, temp, x->kid[0], t);
    y->kid[1] = rewrite(a, temp, x->kid[1], t);
    return y;
  }
  return x;
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
  struct eq *e = &k->eq[at];
  struct tensor *t = &k->tensor[e->lhs];
  unsigned writer;
  if (t->role != ROLE_TEMP || e->init || e->start || kernel_writers(k, e->lhs, &writer) != 1 || eq_reads(e, e->lhs))
    return;
  if (!type_is_int((enum dtype)t->type) || type_size((enum dtype)t->type) < 4 || e->body->type != t->type) return;
  for (unsigned i = 0; i < NNARROWER; i++) {
    struct retype r = {e->lhs, narrower[i], false};
    struct span s = result_span(a, e, span_fits(temp, e->body, r.to));
    if (!span_within(s, span_of_type(r.to))) continue;
    for (unsigned j = 0; j < k->neq; j++) eq_visit(&k->eq[j], find_guarded, &r);
    if (r.guarded) return;
    e->body = rewrite(a, temp, e->body, r.to);
    t->type = (uint8_t)r.to;
    temp[e->lhs] = s;
    for (unsigned j = 0; j < k->neq; j++) eq_map(a, &k->eq[j], read_retyped, &r);
    return;
  }
}

enum status pass_narrow(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  struct kernel *k = u->k;
  struct span *temp = ARENA_NEW(a, struct span, k->ntensor + 1u);
  for (unsigned i = 0; i < k->ntensor; i++) temp[i].ok = false;
  for (unsigned i = 0; i < k->neq; i++) {
    eq_map(a, &k->eq[i], narrow_one, temp);
    narrow_temp(a, k, i, temp);
  }
  return ST_OK;
}
