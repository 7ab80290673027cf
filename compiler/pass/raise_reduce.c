/* Reductions: what a scalar (or an element that every iteration updates) holds after an iteration, as red(what it held
 * before, term). */
#include "compiler/pass/fold.h"
#include "compiler/pass/raise_impl.h"
#include <math.h>

struct peeler {
  struct raise *r;
  struct items *l;
  expr_t phi;
  const char *why;
};

struct find {
  expr_t phi;
  bool yes;
};

static void find_one(expr_t x, void *ctx) {
  struct find *f = ctx;
  if (!f->yes && x->kind == f->phi->kind && expr_eq(x, f->phi)) f->yes = true;
}

static bool holds(expr_t x, expr_t phi) {
  struct find f = {phi, false};
  if (x) expr_visit(x, find_one, &f);
  return f.yes;
}

/* The reduction item of the list whose result x is, when its start holds phi. */
static struct item *started_by(struct peeler *q, expr_t x) {
  if (x->kind != E_READ || q->r->obj[x->acc->tensor].kind != OBJ_TEMP) return NULL;
  for (unsigned i = 0; q->l && i < q->l->n; i++) {
    struct item *it = q->l->v[i];
    if (it->lhs == x->acc->tensor && it->red && it->init && holds(it->init, q->phi) && expr_eq(x, item_self(q->r, it)))
      return it;
  }
  return NULL;
}

static bool carries(struct peeler *q, expr_t x) {
  if (holds(x, q->phi)) return true;
  if (started_by(q, x)) return true;
  for (unsigned i = 0; i < x->nkid; i++)
    if (x->kind != E_READ && carries(q, x->kid[i])) return true;
  return false;
}

static expr_t identity(struct raise *r, enum red red, enum dtype t) {
  return expr_const(r->a, t, red_identity(red, t));
}

/* red of two terms. max and min skip NaN on either side, as the reduction does. */
static expr_t combine(struct raise *r, enum red red, expr_t x, expr_t y) {
  bool flt = type_is_float((enum dtype)x->type);
  switch (red) {
  case RED_sum:
    return expr_op2(r->a, OP_add, x, y);
  case RED_prod:
    return expr_op2(r->a, OP_mul, x, y);
  case RED_max:
    return expr_op2(r->a, flt ? OP_fmax : OP_max, x, y);
  case RED_min:
    return expr_op2(r->a, flt ? OP_fmin : OP_min, x, y);
  case RED_and:
    return expr_op2(r->a, OP_and, x, y);
  case RED_xor:
    return expr_op2(r->a, OP_xor, x, y);
  default:
    return expr_op2(r->a, OP_or, x, y);
  }
}

static bool add_term(struct peeler *q, struct peel *p, enum red red, expr_t term) {
  if (p->extend) return false;
  if (p->red != RED_none && (p->red != red || p->wide != term->type)) return false;
  p->term = p->term ? combine(q->r, red, p->term, term) : term;
  p->red = red;
  p->wide = (enum dtype)term->type;
  return true;
}

static bool peel_in(struct peeler *q, expr_t x, struct peel *p);

static enum red red_of(enum op o, bool *fmax) {
  *fmax = o == OP_fmax || o == OP_fmin;
  switch (o) {
  case OP_add:
    return RED_sum;
  case OP_mul:
    return RED_prod;
  case OP_and:
    return RED_and;
  case OP_or:
    return RED_or;
  case OP_xor:
    return RED_xor;
  case OP_max:
  case OP_fmax:
    return RED_max;
  case OP_min:
  case OP_fmin:
    return RED_min;
  default:
    return RED_none;
  }
}

static bool peel_fma(struct peeler *q, expr_t x, struct peel *p) {
  if (carries(q, x->kid[0]) || carries(q, x->kid[1]) || !peel_in(q, x->kid[2], p)) return false;
  return add_term(q, p, RED_sum, expr_op2(q->r->a, OP_mul, x->kid[0], x->kid[1]));
}

static bool peel_binary(struct peeler *q, expr_t x, struct peel *p) {
  bool left = carries(q, x->kid[0]), right = carries(q, x->kid[1]), fmax;
  if (left == right) return false;
  expr_t inner = x->kid[left ? 0 : 1], term = x->kid[left ? 1 : 0];
  if (x->op == OP_sub) return left && peel_in(q, inner, p) && add_term(q, p, RED_sum, expr_op1(q->r->a, OP_neg, term));
  enum red red = red_of((enum op)x->op, &fmax);
  if (red == RED_none) return false;
  /* max(x, phi) with phi second returns x when x is NaN: the reduction would skip it. */
  if ((x->op == OP_max || x->op == OP_min) && right && type_is_float((enum dtype)x->type)) return false;
  if (!peel_in(q, inner, p) || !add_term(q, p, red, term)) return false;
  p->fmax |= fmax;
  return true;
}

static bool is_less(enum op o) {
  return o == OP_lt || o == OP_le;
}

static bool is_order(expr_t c) {
  return c->kind == E_OP && (c->op == OP_lt || c->op == OP_le || c->op == OP_gt || c->op == OP_ge);
}

/* A conversion that keeps the order of integers. */
static bool widens(expr_t x) {
  if (x->kind != E_CAST || !type_is_int((enum dtype)x->type) || !type_is_int((enum dtype)x->kid[0]->type)) return false;
  enum dtype to = (enum dtype)x->type, from = (enum dtype)x->kid[0]->type;
  return type_size(to) > type_size(from) && (type_is_signed(to) || !type_is_signed(from));
}

/* select(x < phi, x, phi) and its seven brothers. */
static bool peel_minmax(struct peeler *q, expr_t x, struct peel *p) {
  expr_t c = x->kid[0], side[2] = {NULL};
  if (!is_order(c)) return false;
  for (unsigned i = 0; i < 2; i++) {
    side[i] = fold_unpromoted(q->r->a, c->kid[i], (enum dtype)x->type);
    if (!side[i]) return false;
  }
  bool right = carries(q, side[1]);
  expr_t term = side[right ? 0 : 1], phi = side[right ? 1 : 0];
  if (carries(q, term) || !carries(q, phi)) return false;
  while (widens(term) && widens(phi) && term->kid[0]->type == phi->kid[0]->type && type_is_int((enum dtype)x->type))
    term = term->kid[0], phi = phi->kid[0]; /* small integers are compared as int */
  bool takes = expr_eq(x->kid[1], term) && expr_eq(x->kid[2], phi),
       keeps = expr_eq(x->kid[1], phi) && expr_eq(x->kid[2], term);
  if (!takes && !keeps) return false;
  bool term_less = is_less((enum op)c->op) == right; /* the condition says: term below phi */
  if (keeps && type_is_float((enum dtype)x->type)) {
    q->why = "the comparison keeps the old value and so takes a NaN over: write 'if (x > m) m = x', 'x > m ? x : m' or "
             "fmaxf";
    return false;
  }
  enum red red = takes == term_less ? RED_min : RED_max;
  return peel_in(q, phi, p) && add_term(q, p, red, term);
}

/* select(c, a reduction that goes on from phi, phi): the reduction has no terms where c fails. */
static bool extend_under(struct peeler *q, expr_t x, struct peel *on, struct peel *off, struct peel *p) {
  struct peel *one = on->extend ? on : off, *other = on->extend ? off : on;
  poly_t g[32];
  unsigned n = 0;
  if (other->extend || other->red != RED_none) return false;
  expr_t rest = cond_split(q->r, x->kid[0], one == off, g, &n, 30);
  item_terms(q->r, one->extend, n, g, rest);
  *p = *one;
  return true;
}

/* select(c, red(phi, term), phi): no term where c fails. */
static bool peel_select(struct peeler *q, expr_t x, struct peel *p) {
  if (peel_minmax(q, x, p)) return true;
  expr_t c = x->kid[0], yes = x->kid[1], no = x->kid[2];
  if (carries(q, c)) return false;
  struct peel on = {0}, off = {0};
  if (!peel_in(q, yes, &on) || !peel_in(q, no, &off)) return false;
  if (on.extend || off.extend) return extend_under(q, x, &on, &off, p);
  if (on.red != RED_none && off.red != RED_none && (on.red != off.red || on.wide != off.wide)) return false;
  *p = on.red != RED_none ? on : off;
  if (p->red == RED_none) return true;
  p->fmax = on.fmax || off.fmax;
  expr_t none = identity(q->r, p->red, p->wide);
  p->term = expr_op3(q->r->a, OP_select, c, on.term ? on.term : none, off.term ? off.term : none);
  return true;
}

/* u8(select(i32(phi) > i32(x), i32(phi), i32(x))), what C makes of a choice between bytes: select(phi > x, phi, x). */
static bool peel_promoted(struct peeler *q, expr_t x, struct peel *p) {
  expr_t o = x->kid[0];
  struct arena *a = q->r->a;
  enum dtype t = (enum dtype)x->type;
  expr_t yes = fold_unpromoted(a, o->kid[1], t), no = fold_unpromoted(a, o->kid[2], t);
  return type_is_int(t) && yes && no && peel_in(q, expr_op3(a, OP_select, o->kid[0], yes, no), p);
}

/* Does x, a wider float, hold values of type t only? A sum or product of two of them that is computed in the wider type
   and then rounded is the one of type t: rounding twice is innocent there (Figueroa 1995). */
static bool holds_only(expr_t x, enum dtype t) {
  if (x->kind == E_CAST) return x->kid[0]->type == t;
  return x->kind == E_CONST && type_round(t, x->val).f == x->val.f;
}

/* (float)((double)phi + term): a sum of floats; C rounds to float after each step too, though it rounds the term only
   with the sum, which must not differ where --fp strict is asked for. Integers wrap in any case, and are added up in
   the wider type. */
static bool peel_cast(struct peeler *q, expr_t x, struct peel *p) {
  expr_t o = x->kid[0];
  if (o->kind == E_OP && o->op == OP_select) return peel_promoted(q, x, p);
  if (o->kind != E_OP || o->nkid != 2) return false;
  enum dtype t = (enum dtype)x->type, w = (enum dtype)o->type;
  if (type_size(w) < type_size(t) || type_is_float(w) != type_is_float(t) || t == DT_bool || w == DT_bool) return false;
  bool bits = o->op == OP_and || o->op == OP_or || o->op == OP_xor;
  if (o->op != OP_add && o->op != OP_sub && o->op != OP_mul && !(type_is_int(t) && bits)) return false;
  bool left = carries(q, o->kid[0]);
  expr_t inner = o->kid[left ? 0 : 1], term = o->kid[left ? 1 : 0];
  if (left == carries(q, o->kid[1]) || (o->op == OP_sub && !left)) return false;
  if (inner->kind != E_CAST || inner->kid[0]->type != x->type || !peel_in(q, inner->kid[0], p)) return false;
  bool fmax;
  if (o->op == OP_sub) term = expr_op1(q->r->a, OP_neg, term);
  if (type_is_float(t) && q->r->strict && !holds_only(term, t)) return false;
  if (type_is_float(t)) term = expr_cast(q->r->a, t, term);
  return add_term(q, p, o->op == OP_sub ? RED_sum : red_of((enum op)o->op, &fmax), term);
}

/* The start is phi itself, maybe in the wider type of the sum. */
static bool starts_at_phi(const struct peeler *q, const struct item *it) {
  return expr_eq(it->init, q->phi) || (it->init->kind == E_CAST && expr_eq(it->init->kid[0], q->phi));
}

static bool peel_item(struct peeler *q, struct item *it, expr_t x, struct peel *p) {
  if (starts_at_phi(q, it)) {
    p->extend = it;
    return true;
  }
  if (!peel_in(q, it->init, p)) return false;
  it->init = NULL;
  p->fmax |= it->fmax;
  it->fmax = false;
  return add_term(q, p, (enum red)it->red, x);
}

/* An extended reduction that something is added to after all: start it at the identity, its result is a term. */
static void extension_as_term(struct peel *p, struct raise *r) {
  struct item *it = p->extend;
  it->init = NULL;
  p->extend = NULL;
  p->red = (enum red)it->red;
  p->term = item_self(r, it);
  p->wide = (enum dtype)p->term->type;
  p->fmax = it->fmax;
  it->fmax = false;
}

static bool peel_in(struct peeler *q, expr_t x, struct peel *p) {
  if (expr_eq(x, q->phi)) return true;
  struct item *it = started_by(q, x);
  if (it) return peel_item(q, it, x, p);
  bool ok = false;
  if (x->kind == E_CAST)
    ok = peel_cast(q, x, p);
  else if (x->kind == E_OP && x->op == OP_select)
    ok = peel_select(q, x, p);
  else if (x->kind == E_OP && x->op == OP_fma)
    ok = peel_fma(q, x, p);
  else if (x->kind == E_OP && x->nkid == 2)
    ok = peel_binary(q, x, p);
  return ok;
}

/* An extension below the root must become a term before another one is added: tried when the plain walk has failed
 * because of it. */
static bool has_extension(struct peeler *q, expr_t x, struct item **it) {
  if ((*it = started_by(q, x))) return starts_at_phi(q, *it);
  for (unsigned i = 0; x->kind != E_READ && i < x->nkid; i++)
    if (has_extension(q, x->kid[i], it)) return true;
  return false;
}

/* x = red(t, more) where t goes on from phi: as red(phi, t', more) with t' from the identity. */
static bool peel_around(struct raise *r, expr_t x, struct item *it, struct peel *p, const char **why) {
  struct peel e = {.extend = it};
  expr_t self = item_self(r, it);
  struct peeler inner = {r, NULL, self, NULL};
  extension_as_term(&e, r);
  *p = (struct peel){0};
  bool ok = peel_in(&inner, x, p) && !p->extend && (p->red == RED_none || (p->red == e.red && p->wide == e.wide));
  *why = inner.why;
  p->term = p->term ? combine(r, e.red, self, p->term) : self;
  p->red = e.red;
  p->wide = e.wide;
  p->fmax |= e.fmax;
  return ok;
}

bool peel(struct raise *r, struct items *l, expr_t x, expr_t phi, struct peel *p, const char **why) {
  struct peeler q = {r, l, phi, NULL};
  struct item *it;
  *p = (struct peel){0};
  bool ok = peel_in(&q, x, p);
  *why = q.why;
  return ok || (has_extension(&q, x, &it) && peel_around(r, x, it, p, why));
}

expr_t peel_rebuild(struct raise *r, const struct peel *p, expr_t phi) {
  expr_t t = p->term;
  if (p->red == RED_max || p->red == RED_min) {
    enum op o = p->red == RED_max ? (p->fmax ? OP_fmax : OP_max) : (p->fmax ? OP_fmin : OP_min);
    return expr_op2(r->a, o, phi, t);
  }
  expr_t wide = expr_cast(r->a, p->wide, phi);
  return expr_cast(r->a, (enum dtype)phi->type, combine(r, p->red, wide, t));
}

static bool is_number(expr_t x) {
  return x && x->kind == E_CONST && !(type_is_float((enum dtype)x->type) && isnan(x->val.f));
}

static struct item *new_reduction(struct raise *r, struct items *l, unsigned local, enum red red) {
  struct item *it = ARENA_NEW(r->a, struct item, 1);
  it->lhs = (uint16_t)raise_obj(r, r->f->local[local].name, (enum dtype)r->f->local[local].type, OBJ_TEMP);
  it->red = (uint8_t)red;
  it->loc = r->at;
  r->obj[it->lhs].keep = true;
  return items_add(r, l, it);
}

/* if (d < best) { best = d; arg = i; }: arg is argmin over the loop, starting from (best, arg). */
static bool arg_reduction(struct raise *r, struct items *l, const struct bound *loop, unsigned v, const expr_t *phi,
                          const expr_t *before) {
  expr_t x = r->env[v], c;
  poly_t index;
  sym_t s;
  if (!x || x->kind != E_OP || x->op != OP_select || !expr_eq(x->kid[2], phi[v])) return false;
  c = x->kid[0];
  if (c->kind != E_OP || (c->op != OP_lt && c->op != OP_gt)) return false;
  if (!expr_poly_value(r, x->kid[1], &index) || !poly_is_sym(index, &s) || s != loop->sym) return false;
  for (unsigned b = 0; b < r->f->nlocal; b++) {
    if (b == v || !phi[b] || !r->env[b] || !holds(c, phi[b]) || holds(c, phi[v])) continue;
    bool right = expr_eq(c->kid[1], phi[b]);
    expr_t d = c->kid[right ? 0 : 1], y = r->env[b];
    if (!right && !expr_eq(c->kid[0], phi[b])) continue;
    if (y->kind != E_OP || y->op != OP_select || !expr_eq(y->kid[0], c) || !expr_eq(y->kid[1], d) ||
        !expr_eq(y->kid[2], phi[b]))
      continue;
    if (holds(d, phi[b]) || holds(d, phi[v]) || !before[b] || !before[v]) continue;
    bool less = (c->op == OP_lt) == right;
    struct item *it = new_reduction(r, l, v, less ? RED_argmin : RED_argmax);
    it->body = d;
    it->start = before[b];
    it->init = expr_cast(r->a, DT_i64, before[v]);
    r->env[v] = NULL; /* set below, when all of the loop's scalars were looked at */
    return true;
  }
  return false;
}

static bool is_phi(struct raise *r, expr_t x) {
  return x->kind == E_READ && r->obj[x->acc->tensor].kind == OBJ_PHI;
}

/* fmax from x[0], say: NaN is skipped on both sides, so the result is NaN only when everything is. A second reduction
 * tells whether anything is not. */
static expr_t from_maybe_nan(struct raise *r, struct items *l, struct item *it, expr_t before, const char *name) {
  enum dtype t = (enum dtype)before->type;
  expr_t least = identity(r, (enum red)it->red, t);
  if (it->body->type != t || it->body->kind == E_CONST || (it->body->kind == E_OP && it->body->op == OP_select))
    raise_no(r, it->loc,
             "'%s' is a maximum by fmax under a condition, from a start that may be NaN: compare with '>' instead",
             name);
  struct item *any = arena_dup(r->a, it, sizeof *it);
  any->lhs = (uint16_t)raise_obj(r, arena_printf(r->a, "%s_any", name), DT_i32, OBJ_TEMP);
  any->red = RED_or;
  any->fmax = false;
  any->body = expr_cast(r->a, DT_i32, expr_op2(r->a, OP_eq, it->body, it->body));
  any->init = expr_cast(r->a, DT_i32, expr_op2(r->a, OP_eq, before, before));
  r->obj[any->lhs].keep = true;
  items_add(r, l, any);
  it->init = expr_op2(r->a, it->red == RED_max ? OP_fmax : OP_fmin, before, least);
  it->fmax = false;
  expr_t found = expr_op2(r->a, OP_ne, item_self(r, any), expr_i(r->a, DT_i32, 0));
  return expr_op3(r->a, OP_select, found, item_self(r, it), expr_f(r->a, t, NAN));
}

static void accumulator(struct raise *r, struct items *l, const struct bound *loop, unsigned v, expr_t phi,
                        expr_t before, bool exposed) {
  const char *name = r->f->local[v].name, *why = NULL;
  struct peel p;
  if (!peel(r, l, r->env[v], phi, &p, &why)) {
    if (!exposed) { /* set in some iterations, and used only where it was just set */
      r->env[v] = NULL;
      r->lost[v] = true;
      return;
    }
    if (why) raise_no(r, r->env[v]->loc, "'%s': %s", name, why);
    raise_no(r, r->env[v]->loc, "'%s' depends on its value in the iteration of '%s' before (recurrence)", name,
             raise_sym_name(r, loop->sym));
  }
  if (p.red == RED_none && !p.extend) {
    r->env[v] = before;
    return;
  }
  if (!before) raise_no(r, r->env[v]->loc, "'%s' is added to before it is set", name);
  struct item *it = p.extend;
  if (!it) {
    it = new_reduction(r, l, v, p.red);
    it->body = p.term;
    it->fmax = p.fmax;
  }
  r->obj[it->lhs].keep = true;
  if (it->fmax && type_is_float((enum dtype)before->type) && !is_number(before) && !is_phi(r, before)) {
    r->env[v] = from_maybe_nan(r, l, it, before, name);
    return;
  }
  it->init = expr_cast(r->a, (enum dtype)it->body->type, before);
  r->env[v] = item_self(r, it);
}

void raise_accumulators(struct raise *r, struct items *l, const struct bound *loop, const expr_t *phi,
                        const expr_t *before, const bool *exposed) {
  unsigned n = r->f->nlocal;
  uint16_t *arg = ARENA_NEW(r->a, uint16_t, n + 1);
  unsigned first = r->nobj;
  for (unsigned v = 0; v < n; v++)
    if (phi[v] && r->env[v] && arg_reduction(r, l, loop, v, phi, before)) arg[v] = l->v[l->n - 1]->lhs;
  for (unsigned v = 0; v < n; v++)
    if (phi[v] && r->env[v]) accumulator(r, l, loop, v, phi[v], before[v], exposed[v]);
  for (unsigned v = 0; v < n; v++)
    if (arg[v] >= first) r->env[v] = raise_read(r, arg[v], 0, NULL);
}
