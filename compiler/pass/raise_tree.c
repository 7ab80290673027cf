/* Looking at SOURCE statements: what they read, set and store; copies with parts replaced. */
#include "compiler/pass/raise_impl.h"

void tree_visit(const struct lstmt *s, void (*stmt)(const struct lstmt *, void *), void (*expr)(expr_t, void *),
                void *ctx) {
  if (stmt) stmt(s, ctx);
  if (expr) loop_exprs(s, expr, ctx);
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) tree_visit(s->body[i], stmt, expr, ctx);
}

struct ask {
  unsigned what;
  bool yes;
};

static void ask_set(const struct lstmt *s, void *ctx) {
  struct ask *q = ctx;
  q->yes |= s->kind == L_SET && s->id == q->what;
}

bool tree_sets(const struct lstmt *s, unsigned local) {
  struct ask q = {local, false};
  tree_visit(s, ask_set, NULL, &q);
  return q.yes;
}

static void ask_local(expr_t x, void *ctx) {
  struct ask *q = ctx;
  q->yes |= x->kind == E_LOCAL && x->id == q->what;
}

bool tree_uses(const struct lstmt *s, unsigned local) {
  struct ask q = {local, false};
  tree_visit(s, NULL, ask_local, &q);
  return q.yes;
}

static void ask_store(const struct lstmt *s, void *ctx) {
  struct ask *q = ctx;
  q->yes |= s->kind == L_STORE && s->acc->tensor == q->what;
}

bool tree_stores(const struct lstmt *s, unsigned obj) {
  struct ask q = {obj, false};
  tree_visit(s, ask_store, NULL, &q);
  return q.yes;
}

struct accesses {
  unsigned obj, n; /* number of the object, or of the local */
};

static void count_read(expr_t x, void *ctx) {
  struct accesses *c = ctx;
  c->n += x->kind == E_READ && x->acc->tensor == c->obj;
}

static void count_store(const struct lstmt *s, void *ctx) {
  struct accesses *c = ctx;
  c->n += s->kind == L_STORE && s->acc->tensor == c->obj;
}

unsigned tree_accesses(const struct lstmt *s, unsigned obj) {
  struct accesses c = {obj, 0};
  tree_visit(s, count_store, count_read, &c);
  return c.n;
}

static void count_local(expr_t x, void *ctx) {
  struct accesses *c = ctx;
  c->n += x->kind == E_LOCAL && x->id == c->obj;
}

unsigned tree_reads(const struct lstmt *s, unsigned local) {
  struct accesses c = {local, 0};
  tree_visit(s, NULL, count_local, &c);
  return c.n;
}

static void mark_bound(const struct lstmt *s, void *ctx) {
  if (s->kind == L_FOR || s->kind == L_LET) ((bool *)ctx)[s->sym] = true;
}

void tree_bound(const struct lstmt *s, bool *sym) {
  tree_visit(s, mark_bound, NULL, sym);
}

bool expr_uses(expr_t x, unsigned local) {
  struct ask q = {local, false};
  if (x) expr_visit(x, ask_local, &q);
  return q.yes;
}

bool tree_exposes(const struct lstmt *s, unsigned local) {
  return loop_first_use(s, local) == 0;
}

bool tree_always_sets(const struct lstmt *s, unsigned local) {
  return loop_first_use(s, local) == 1;
}

bool tree_read_behind(const struct tree_frame *f, unsigned local) {
  for (; f; f = f->around) {
    bool loop = f->s->kind == L_FOR || f->s->kind == L_WHILE;
    if (loop && tree_exposes(f->s, local)) return true;
    for (unsigned i = f->next; f->s->kind == L_BLOCK && i < f->s->nbody; i++) {
      if (tree_exposes(f->s->body[i], local)) return true;
      if (tree_always_sets(f->s->body[i], local)) return false;
    }
  }
  return false;
}

static void count(expr_t x, void *ctx) {
  (void)x;
  ++*(unsigned *)ctx;
}

unsigned expr_nodes(expr_t x) {
  unsigned n = 0;
  expr_visit(x, count, &n);
  return n;
}

static expr_t copy_expr(const struct tree_map *m, expr_t x) {
  if (!x) return NULL;
  if (m->poly) x = expr_map_poly(m->a, x, m->poly, m->ctx);
  return m->expr ? expr_map(m->a, x, m->expr, m->ctx) : x;
}

static poly_t *copy_polys(const struct tree_map *m, const poly_t *p, unsigned n) {
  if (!n) return NULL;
  poly_t *r = arena_dup(m->a, p, sizeof *p * n);
  for (unsigned i = 0; m->poly && i < n; i++) r[i] = m->poly(m->a, r[i], m->ctx);
  return r;
}

static const struct access *copy_store(const struct tree_map *m, const struct access *x) {
  struct access *n = arena_dup(m->a, x, sizeof *x);
  n->ix = arena_dup(m->a, x->ix, sizeof *x->ix * x->rank);
  for (unsigned i = 0; i < x->rank; i++) {
    if (m->poly) n->ix[i].poly = m->poly(m->a, x->ix[i].poly, m->ctx);
    n->ix[i].dyn = copy_expr(m, x->ix[i].dyn);
  }
  n->guard = copy_polys(m, x->guard, x->nguard);
  return m->store ? m->store(m->a, n, m->ctx) : n;
}

struct lstmt *tree_copy(const struct tree_map *m, const struct lstmt *s) {
  struct lstmt *n = arena_dup(m->a, s, sizeof *s);
  n->lo = copy_polys(m, s->lo, s->nlo);
  n->hi = copy_polys(m, s->hi, s->nhi);
  n->guard = copy_polys(m, s->guard, s->nguard);
  n->cond = copy_expr(m, s->cond);
  n->value = copy_expr(m, s->value);
  if (s->acc) n->acc = copy_store(m, s->acc);
  n->body = arena_dup(m->a, s->body, sizeof *s->body * s->nbody);
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) n->body[i] = tree_copy(m, s->body[i]);
  return n;
}
