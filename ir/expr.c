/* Expression trees: constructors, equality, rewriting, visiting. Nodes are never changed after they are made. */
#include "ir/expr.h"
#include <assert.h>
#include <string.h>

static struct expr *node(struct arena *a, enum ekind kind, enum dtype t) {
  struct expr *e = ARENA_NEW(a, struct expr, 1);
  e->kind = (uint8_t)kind;
  e->type = (uint8_t)t;
  return e;
}

expr_t expr_const(struct arena *a, enum dtype t, union value v) {
  struct expr *e = node(a, E_CONST, t);
  e->val = v;
  return e;
}

expr_t expr_f(struct arena *a, enum dtype t, double v) {
  return expr_const(a, t, type_round(t, (union value){.f = v}));
}

expr_t expr_i(struct arena *a, enum dtype t, int64_t v) {
  return expr_const(a, t, type_round(t, (union value){.i = v}));
}

expr_t expr_poly(struct arena *a, poly_t p) {
  struct expr *e = node(a, E_POLY, DT_i64);
  e->poly = p;
  return e;
}

static expr_t numbered(struct arena *a, enum ekind kind, enum dtype t, unsigned id) {
  struct expr *e = node(a, kind, t);
  e->id = (uint16_t)id;
  return e;
}

expr_t expr_scalar(struct arena *a, enum dtype t, unsigned param) {
  return numbered(a, E_SCALAR, t, param);
}

expr_t expr_local(struct arena *a, enum dtype t, unsigned local) {
  return numbered(a, E_LOCAL, t, local);
}

expr_t expr_arg(struct arena *a, enum dtype t, unsigned n) {
  return numbered(a, E_ARG, t, n);
}

expr_t expr_read(struct arena *a, enum dtype t, const struct access *acc) {
  struct expr *e = node(a, E_READ, t);
  e->acc = acc;
  return e;
}

expr_t expr_cast(struct arena *a, enum dtype t, expr_t x) {
  if (x->type == t) return x;
  struct expr *e = node(a, E_CAST, t);
  e->nkid = 1;
  e->kid[0] = x;
  e->loc = x->loc;
  return e;
}

static expr_t op_node(struct arena *a, enum op o, expr_t x, expr_t y, expr_t z) {
  struct expr *e = node(a, E_OP, DT_bool);
  e->op = (uint8_t)o;
  e->nkid = op_info[o].arity;
  e->kid[0] = x;
  e->kid[1] = y;
  e->kid[2] = z;
  e->loc = x->loc;
  e->type = (uint8_t)op_result(o, (enum dtype)(o == OP_select ? y->type : x->type));
  return e;
}

expr_t expr_op1(struct arena *a, enum op o, expr_t x) {
  assert(op_info[o].arity == 1);
  return op_node(a, o, x, NULL, NULL);
}

expr_t expr_op2(struct arena *a, enum op o, expr_t x, expr_t y) {
  assert(op_info[o].arity == 2);
  return op_node(a, o, x, y, NULL);
}

expr_t expr_op3(struct arena *a, enum op o, expr_t x, expr_t y, expr_t z) {
  assert(op_info[o].arity == 3);
  return op_node(a, o, x, y, z);
}

struct access *access_new(struct arena *a, unsigned tensor, unsigned rank, const poly_t *ix) {
  struct access *acc = ARENA_NEW(a, struct access, 1);
  acc->tensor = (uint16_t)tensor;
  acc->rank = (uint8_t)rank;
  acc->ix = ARENA_NEW(a, struct subscript, rank);
  for (unsigned i = 0; i < rank; i++) acc->ix[i].poly = ix[i];
  return acc;
}

static bool maybe_eq(expr_t x, expr_t y) {
  return x == y || (x && y && expr_eq(x, y));
}

bool access_eq(const struct access *x, const struct access *y) {
  if (x->tensor != y->tensor || x->rank != y->rank || x->nguard != y->nguard) return false;
  for (unsigned i = 0; i < x->rank; i++)
    if (!poly_eq(x->ix[i].poly, y->ix[i].poly) || !maybe_eq(x->ix[i].dyn, y->ix[i].dyn)) return false;
  for (unsigned i = 0; i < x->nguard; i++)
    if (!poly_eq(x->guard[i], y->guard[i])) return false;
  return maybe_eq(x->otherwise, y->otherwise);
}

bool expr_eq(expr_t x, expr_t y) {
  if (x == y) return true;
  if (x->kind != y->kind || x->type != y->type) return false;
  switch (x->kind) {
  case E_CONST:
    return type_value_eq((enum dtype)x->type, x->val, y->val);
  case E_POLY:
    return poly_eq(x->poly, y->poly);
  case E_READ:
    return access_eq(x->acc, y->acc);
  case E_OP:
  case E_CAST:
    if (x->op != y->op || x->nkid != y->nkid) return false;
    for (unsigned i = 0; i < x->nkid; i++)
      if (!expr_eq(x->kid[i], y->kid[i])) return false;
    return true;
  default:
    return x->id == y->id;
  }
}

/* One rewriting walk serves expr_map and expr_map_poly; either function may be NULL. Unchanged parts are shared. */
struct rewrite {
  struct arena *a;
  expr_t (*fn)(struct arena *, expr_t, void *);
  poly_t (*poly)(struct arena *, poly_t, void *);
  void *ctx;
};
static expr_t rewrite(const struct rewrite *w, expr_t x);

static poly_t rewrite_poly(const struct rewrite *w, poly_t p) {
  return w->poly && p ? w->poly(w->a, p, w->ctx) : p;
}

static const struct access *rewrite_access(const struct rewrite *w, const struct access *x) {
  struct access *n = arena_dup(w->a, x, sizeof *x);
  bool changed = false;
  n->ix = arena_dup(w->a, x->ix, sizeof *x->ix * x->rank);
  for (unsigned i = 0; i < x->rank; i++) {
    n->ix[i].poly = rewrite_poly(w, x->ix[i].poly);
    n->ix[i].dyn = x->ix[i].dyn ? rewrite(w, x->ix[i].dyn) : NULL;
    changed |= n->ix[i].poly != x->ix[i].poly || n->ix[i].dyn != x->ix[i].dyn;
  }
  if (x->nguard) n->guard = arena_dup(w->a, x->guard, sizeof *x->guard * x->nguard);
  for (unsigned i = 0; i < x->nguard; i++) {
    n->guard[i] = rewrite_poly(w, x->guard[i]);
    changed |= n->guard[i] != x->guard[i];
  }
  if (x->otherwise) n->otherwise = rewrite(w, x->otherwise);
  return changed || n->otherwise != x->otherwise ? n : x;
}

static expr_t rewrite(const struct rewrite *w, expr_t x) {
  struct expr n = *x;
  bool changed = false;
  if (x->kind == E_POLY) {
    n.poly = rewrite_poly(w, x->poly);
    changed = n.poly != x->poly;
  } else if (x->kind == E_READ) {
    n.acc = rewrite_access(w, x->acc);
    changed = n.acc != x->acc;
  } else {
    for (unsigned i = 0; i < x->nkid; i++) {
      n.kid[i] = rewrite(w, x->kid[i]);
      changed |= n.kid[i] != x->kid[i];
    }
  }
  if (changed) x = arena_dup(w->a, &n, sizeof n);
  return w->fn ? w->fn(w->a, x, w->ctx) : x;
}

expr_t expr_map(struct arena *a, expr_t x, expr_t (*fn)(struct arena *, expr_t, void *), void *ctx) {
  return rewrite(&(struct rewrite){a, fn, NULL, ctx}, x);
}

expr_t expr_map_poly(struct arena *a, expr_t x, poly_t (*fn)(struct arena *, poly_t, void *), void *ctx) {
  return rewrite(&(struct rewrite){a, NULL, fn, ctx}, x);
}

struct subst {
  sym_t s;
  poly_t by;
};

static poly_t subst_one(struct arena *a, poly_t p, void *ctx) {
  const struct subst *s = ctx;
  return poly_subst(a, p, s->s, s->by);
}

expr_t expr_subst_sym(struct arena *a, expr_t x, sym_t s, poly_t by) {
  struct subst ctx = {s, by};
  return expr_map_poly(a, x, subst_one, &ctx);
}

void expr_visit(expr_t x, void (*fn)(expr_t, void *), void *ctx) {
  fn(x, ctx);
  if (x->kind == E_READ) {
    for (unsigned i = 0; i < x->acc->rank; i++)
      if (x->acc->ix[i].dyn) expr_visit(x->acc->ix[i].dyn, fn, ctx);
    if (x->acc->otherwise) expr_visit(x->acc->otherwise, fn, ctx);
    return;
  }
  for (unsigned i = 0; i < x->nkid; i++) expr_visit(x->kid[i], fn, ctx);
}

static bool access_has_sym(const struct access *c, sym_t s) {
  for (unsigned i = 0; i < c->rank; i++)
    if (poly_has(c->ix[i].poly, s) || (c->ix[i].dyn && expr_has_sym(c->ix[i].dyn, s))) return true;
  for (unsigned i = 0; i < c->nguard; i++)
    if (poly_has(c->guard[i], s)) return true;
  return c->otherwise && expr_has_sym(c->otherwise, s);
}

bool expr_has_sym(expr_t x, sym_t s) {
  if (x->kind == E_POLY) return poly_has(x->poly, s);
  if (x->kind == E_READ) return access_has_sym(x->acc, s);
  for (unsigned i = 0; i < x->nkid; i++)
    if (expr_has_sym(x->kid[i], s)) return true;
  return false;
}

struct reads {
  unsigned tensor;
  bool found;
};

static void reads_one(expr_t x, void *ctx) {
  struct reads *r = ctx;
  if (x->kind == E_READ && x->acc->tensor == r->tensor) r->found = true;
}

bool expr_reads(expr_t x, unsigned tensor) {
  struct reads r = {tensor, false};
  expr_visit(x, reads_one, &r);
  return r.found;
}

static void cost_one(expr_t x, void *ctx) {
  unsigned *cost = ctx, c = 0;
  if (x->kind == E_READ || x->kind == E_CAST) c = 1;
  if (x->kind == E_OP) {
    bool slow = x->op == OP_div || x->op == OP_rem || x->op == OP_sqrt || x->op == OP_rsqrt;
    c = op_info[x->op].flags & OPF_TRANS ? 10 : slow ? 4 : 1;
  }
  if (*cost < 1000000) *cost += c;
}

unsigned expr_cost(expr_t x) {
  unsigned cost = 0;
  expr_visit(x, cost_one, &cost);
  return cost;
}
