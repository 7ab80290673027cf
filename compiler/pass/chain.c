/* Sums through which a loop carries a value. See chain.h.

   What an expression is becomes rest + carried, where `carried` waits for the iteration before and `rest` does not. */
#include "compiler/pass/chain.h"
#include "compiler/pass/raise_impl.h"
#include <math.h>

enum { FARTHEST = 4, TERMS = 32, DEPTH = 16, STORES = 32, NEVER = FARTHEST + 1 };

struct chain {
  struct arena *a;
  const struct lstmt *loop; /* innermost */
};
struct pair {
  expr_t rest, carried; /* either may be NULL */
};

/* --- what is carried --- */

struct reach {
  const struct chain *c;
  const struct access *read;
  int distance; /* iterations since what is read was stored; NEVER */
};

static bool stored_before(const struct chain *c, const struct access *w, const struct access *r, int distance) {
  poly_t back = poly_addc(c->a, poly_sym(c->a, c->loop->sym), -distance * c->loop->step);
  bool moves = false;
  for (unsigned d = 0; d < w->rank; d++) {
    if (w->ix[d].dyn || r->ix[d].dyn || !poly_eq(poly_subst(c->a, w->ix[d].poly, c->loop->sym, back), r->ix[d].poly))
      return false;
    moves |= poly_has(w->ix[d].poly, c->loop->sym);
  }
  return moves;
}

static void reach_store(const struct lstmt *s, void *ctx) {
  struct reach *q = ctx;
  if (s->kind != L_STORE || s->acc->tensor != q->read->tensor || s->acc->rank != q->read->rank) return;
  for (int d = 1; d < q->distance; d++)
    if (stored_before(q->c, s->acc, q->read, d)) q->distance = d;
}

struct nearest {
  const struct chain *c;
  int distance;
};

static void nearest_read(expr_t x, void *ctx) {
  struct nearest *n = ctx;
  if (x->kind != E_READ) return;
  struct reach q = {n->c, x->acc, n->distance};
  tree_visit(n->c->loop, reach_store, NULL, &q);
  n->distance = q.distance;
}

/* Iterations that lie between what e reads and what stored it, at the least; NEVER: e does not wait for any. */
static int distance(const struct chain *c, expr_t e) {
  struct nearest n = {c, NEVER};
  expr_visit(e, nearest_read, &n);
  return n.distance;
}

/* --- sums --- */

static expr_t plus(const struct chain *c, expr_t x, expr_t y) {
  return !x ? y : !y ? x : expr_op2(c->a, OP_add, x, y);
}

static bool flatten(expr_t e, expr_t *term, unsigned *n) {
  if (e->kind == E_OP && e->op == OP_add) return flatten(e->kid[0], term, n) && flatten(e->kid[1], term, n);
  if (*n == TERMS) return false;
  term[(*n)++] = e;
  return true;
}

static struct pair part(const struct chain *c, expr_t e, int depth);

static struct pair part_sum(const struct chain *c, expr_t e, int depth) {
  expr_t term[TERMS];
  unsigned n = 0;
  struct pair all = {0}, p[TERMS];
  if (!flatten(e, term, &n)) return (struct pair){NULL, e};
  for (unsigned i = 0; i < n; i++) {
    p[i] = part(c, term[i], depth - 1);
    all.rest = plus(c, all.rest, p[i].rest);
  }
  for (int d = FARTHEST; d > 0; d--)
    for (unsigned i = 0; i < n; i++) {
      if (!p[i].carried || distance(c, term[i]) != d) continue;
      if (all.carried) all.rest = plus(c, all.rest, all.carried);
      all.carried = p[i].carried;
    }
  return all;
}

/* e is x * *by with a constant that makes nothing larger; NULL: it is not. */
static expr_t scaled(const struct chain *c, expr_t e, expr_t *by) {
  bool div = e->op == OP_div, first = !div && e->kid[0]->kind == E_CONST;
  if ((!div && e->op != OP_mul) || e->kid[!first]->kind != E_CONST) return NULL;
  *by = e->kid[!first];
  if (div) *by = expr_f(c->a, (enum dtype)e->type, 1 / (*by)->val.f);
  double least = e->type == DT_f32 ? 0x1p-100 : 0x1p-1000, f = fabs((*by)->val.f);
  return f <= 1 && f >= least ? e->kid[first] : NULL;
}

static struct pair part(const struct chain *c, expr_t e, int depth) {
  expr_t by;
  if (distance(c, e) == NEVER) return (struct pair){e, NULL};
  if (e->kind != E_OP || depth == 0) return (struct pair){NULL, e};
  if (e->op == OP_add) return part_sum(c, e, depth);
  expr_t x = scaled(c, e, &by);
  if (!x) return (struct pair){NULL, e};
  struct pair p = part(c, x, depth - 1);
  if (p.rest) p.rest = expr_op2(c->a, OP_mul, p.rest, by);
  p.carried = expr_op2(c->a, OP_mul, p.carried, by);
  return p;
}

/* --- statements --- */

static void reorder(const struct chain *c, struct lstmt *s) {
  if (s->kind == L_STORE && (s->value->type == DT_f32 || s->value->type == DT_f64)) {
    struct pair p = part(c, s->value, DEPTH);
    s->value = plus(c, p.rest, p.carried);
  }
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) reorder(c, s->body[i]);
}

struct counts {
  unsigned loops, stores;
};

static void count(const struct lstmt *s, void *ctx) {
  struct counts *n = ctx;
  n->loops += s->kind == L_FOR || s->kind == L_WHILE;
  n->stores += s->kind == L_STORE;
}

static void descend(struct arena *a, struct lstmt *s) {
  struct counts n = {0};
  struct chain c = {a, s};
  tree_visit(s, count, NULL, &n);
  if (s->kind == L_FOR && n.loops == 1 && n.stores <= STORES) reorder(&c, s);
  for (unsigned i = 0; i < s->nbody && n.loops; i++)
    if (s->body[i]) descend(a, s->body[i]);
}

void pass_chain(struct arena *a, struct source *s) {
  descend(a, s->f->body);
  chain_locals(a, s->f, s->f->body);
  chain_selects(a, s->f->body);
}
