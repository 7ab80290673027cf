/* Symbolic execution of SOURCE. A scalar's value is an expression over array elements, parameters and kept temps; it
   becomes an item of its own ("kept") when it must survive a store to what it reads, or when it is costly and used in a
   loop or more than once. */
#include "compiler/pass/raise_impl.h"
#include <string.h>

enum { COSTLY = 4, MAX_DEPTH = 200 };

static expr_t value_of(struct raise *r, unsigned v, struct loc at) {
  if (r->env[v]) return r->env[v];
  if (r->lost[v])
    raise_no(r, at, "'%s' is used after the loop that sets it: it then holds the value of some last iteration",
             r->f->local[v].name);
  raise_no(r, at, "'%s' may be used before it is set", r->f->local[v].name);
}

static expr_t subst_local(struct arena *a, expr_t x, void *ctx) {
  (void)a;
  return x->kind == E_LOCAL ? value_of(ctx, x->id, x->loc) : x;
}

/* The expression with the scalars' values put in. Their size may double each time: bounded by keeping large values. */
static expr_t current(struct raise *r, expr_t x) {
  return x ? expr_map(r->a, x, subst_local, r) : NULL;
}

unsigned raise_keep(struct raise *r, const char *name, expr_t x) {
  struct item *it = ARENA_NEW(r->a, struct item, 1);
  it->lhs = (uint16_t)raise_obj(r, name, (enum dtype)x->type, OBJ_TEMP);
  it->body = x;
  it->loc = r->at;
  items_add(r, r->out, it);
  return it->lhs;
}

struct phi_in {
  struct raise *r;
  const struct access *phi;
};

static void find_phi(expr_t x, void *ctx) {
  struct phi_in *p = ctx;
  if (x->kind == E_READ && p->r->obj[x->acc->tensor].kind == OBJ_PHI) p->phi = x->acc;
}

static bool is_temp_read(struct raise *r, expr_t x) {
  return x->kind == E_READ && r->obj[x->acc->tensor].kind != OBJ_PARAM && r->obj[x->acc->tensor].kind != OBJ_LOCAL;
}

/* env[v] := a temp with its value. Of a value that goes on from the iteration before, only what was added is kept. */
void raise_keep_local(struct raise *r, unsigned v) {
  struct phi_in p = {r, NULL};
  expr_t x = r->env[v];
  const char *name = r->f->local[v].name, *why = NULL;
  if (is_temp_read(r, x)) return;
  expr_visit(x, find_phi, &p);
  if (!p.phi) {
    r->env[v] = raise_read(r, raise_keep(r, name, x), 0, NULL);
    return;
  }
  expr_t phi = expr_read(r->a, (enum dtype)r->obj[p.phi->tensor].type, p.phi);
  struct peel e;
  if (!peel(r, r->out, x, phi, &e, &why) || e.red == RED_none)
    raise_no(r, x->loc, "'%s' depends on its value in the iteration before (recurrence)", name);
  e.term = raise_read(r, raise_keep(r, name, e.term), 0, NULL);
  r->env[v] = peel_rebuild(r, &e, phi);
}

static void keep_readers(struct raise *r, unsigned obj) {
  for (unsigned v = 0; v < r->f->nlocal; v++)
    if (r->env[v] && expr_reads(r->env[v], obj)) raise_keep_local(r, v);
}

static bool costly(struct raise *r, expr_t x) {
  (void)r;
  return expr_cost(x) >= COSTLY && x->kind != E_READ;
}

static void walk_set(struct raise *r, const struct lstmt *s) {
  expr_t x = current(r, s->value);
  r->env[s->id] = x;
  r->lost[s->id] = false;
  if (expr_nodes(x) > RAISE_NODES)
    raise_keep_local(r, s->id);
  else if (r->uses[s->id] > 1 && expr_cost(x) >= COSTLY) {
    struct phi_in p = {r, NULL};
    expr_visit(x, find_phi, &p);
    if (!p.phi) raise_keep_local(r, s->id);
  }
}

static expr_t red_value(struct raise *r, enum red red, expr_t old, expr_t x) {
  struct peel p = {.red = red, .wide = (enum dtype)x->type, .term = x};
  return peel_rebuild(r, &p, old);
}

static const char *dyn_name(struct raise *r, const struct access *x) {
  for (unsigned i = 0; i < x->rank; i++) {
    const struct expr *d = x->ix[i].dyn;
    while (d && d->kind == E_CAST) d = d->kid[0];
    if (d && d->kind == E_READ) return access_text(r, d->acc);
    if (d && d->kind == E_LOCAL) return r->f->local[d->id].name;
  }
  return NULL;
}

struct origin_of {
  unsigned local, sets;
  expr_t value;
};

static void find_origin(const struct lstmt *s, void *ctx) {
  struct origin_of *o = ctx;
  if (s->kind == L_SET && s->id == o->local) o->sets++, o->value = s->value;
}

/* The number (or pointer) of the user's that the subscript is a copy of, as in out[k++]; NULL: it is something else. */
static const char *moving(struct raise *r, const struct access *x, unsigned dim) {
  expr_t d = x->ix[dim].dyn;
  struct origin_of o = {0};
  for (unsigned i = 0; d && i < 8; i++) {
    while (d->kind == E_CAST) d = d->kid[0];
    if (d->kind != E_LOCAL) return NULL;
    o = (struct origin_of){.local = d->id};
    tree_visit(r->f->body, find_origin, NULL, &o);
    if (o.sets != 1) break;
    d = o.value;
  }
  if (o.sets < 2) return NULL;
  const char *name = r->f->local[o.local].name;
  size_t n = strlen(name);
  bool pointer = n > 3 && !strcmp(name + n - 3, "_at"); /* where the pointer stands */
  return pointer ? arena_strndup(r->a, name, n - 3) : name;
}

void raise_no_scatter(struct raise *r, const struct access *x) {
  for (unsigned i = 0; i < x->rank; i++) {
    if (!x->ix[i].dyn) continue;
    const char *mover = moving(r, x, i);
    if (mover)
      raise_no(r, r->at,
               "store to '%s' at a place that '%s' says, which iterations move by different amounts (compaction)",
               r->obj[x->tensor].name, mover);
    const char *by = dyn_name(r, x), *to = r->obj[x->tensor].name;
    if (by)
      raise_no(r, r->at, "store to '%s' uses the value '%s' as a subscript (scatter): not an index-notation operation",
               to, by);
    raise_no(r, r->at, "store to '%s' at a subscript that is not affine in the loop variables", to);
  }
}

static void walk_store(struct raise *r, const struct lstmt *s) {
  raise_no_scatter(r, s->acc);
  struct item *it = ARENA_NEW(r->a, struct item, 1);
  it->lhs = s->acc->tensor;
  it->origin = ++r->origins;
  it->rank = s->acc->rank;
  it->idx = ARENA_NEW(r->a, poly_t, it->rank);
  for (unsigned i = 0; i < it->rank; i++) it->idx[i] = s->acc->ix[i].poly;
  it->body = current(r, s->value);
  it->loc = s->value->loc.line ? s->value->loc : r->at;
  if (s->red) it->body = red_value(r, (enum red)s->red, item_self(r, it), it->body);
  keep_readers(r, it->lhs);
  items_add(r, r->out, it);
  if (s->acc->nguard) item_guard(r, it, s->acc->nguard, s->acc->guard, NULL);
}

/* --- branches --- */

struct branch {
  struct items l;
  expr_t *env;
  bool *lost;
};

static void save(struct raise *r, struct branch *b) {
  b->env = arena_dup(r->a, r->env, sizeof *r->env * (r->f->nlocal + 1));
  b->lost = arena_dup(r->a, r->lost, sizeof *r->lost * (r->f->nlocal + 1));
}

static void walk_branch(struct raise *r, const struct lstmt *s, unsigned nguard, const poly_t *guard,
                        struct branch *b) {
  struct items *out = r->out;
  unsigned nfact = r->nfact;
  for (unsigned i = 0; i < nguard && r->nfact < RAISE_FACTS; i++) r->fact[r->nfact++] = guard[i];
  r->out = &b->l;
  if (s) raise_walk(r, s);
  save(r, b);
  r->out = out;
  r->nfact = nfact;
}

struct stored_read {
  const struct lstmt *s;
  bool yes;
};

static void reads_stored(expr_t x, void *ctx) {
  struct stored_read *q = ctx;
  if (x->kind == E_READ && tree_stores(q->s, x->acc->tensor)) q->yes = true;
}

static bool reads_what_is_stored(expr_t x, const struct lstmt *s) {
  struct stored_read q = {s, false};
  expr_visit(x, reads_stored, &q);
  return q.yes;
}

static bool one_store(const struct items *l) {
  return l->n == 1 && !l->v[0]->nax && !l->v[0]->red && !l->v[0]->nguard && !l->v[0]->cond;
}

/* if (c) X[i] = a; else X[i] = b; is one store of a select. */
static bool same_store(struct raise *r, struct branch *t, struct branch *e) {
  return one_store(&t->l) && one_store(&e->l) && expr_eq(item_self(r, t->l.v[0]), item_self(r, e->l.v[0])) &&
         r->obj[t->l.v[0]->lhs].kind != OBJ_TEMP;
}

static void merge_env(struct raise *r, expr_t c, const struct branch *t, const struct branch *e) {
  for (unsigned v = 0; v < r->f->nlocal; v++) {
    expr_t x = t->env[v], y = e->env[v];
    r->lost[v] = t->lost[v] || e->lost[v];
    r->env[v] = r->lost[v] ? NULL : !x ? y : !y || expr_eq(x, y) ? x : expr_op3(r->a, OP_select, c, x, y);
    if (r->env[v] && r->env[v] != x && expr_nodes(r->env[v]) > RAISE_NODES) raise_keep_local(r, v);
  }
}

/* The else side of g0 && g1 && c: !g0, or g0 && !g1, or … as disjoint conditions. Copies of the items, one for each. */
static void guard_else(struct raise *r, struct items *l, unsigned n, const poly_t *g, expr_t cond) {
  unsigned parts = n + (cond != NULL), items = l->n;
  for (unsigned k = 0; k + 1 < parts; k++)
    for (unsigned i = 0; i < items; i++) {
      if (l->v[i]->red) raise_no(r, l->v[i]->loc, "a reduction in the 'else' of a condition with several parts");
      struct item *it = arena_dup(r->a, l->v[i], sizeof *it);
      poly_t *gk = arena_dup(r->a, g, sizeof *g * (k + 1));
      gk[k] = poly_addc(r->a, poly_scale(r->a, g[k], -1), -1);
      items_add(r, l, it);
      item_guard(r, it, k + 1, gk, NULL);
    }
  for (unsigned i = 0; i < items; i++) {
    poly_t *gk = n ? arena_dup(r->a, g, sizeof *g * n) : NULL;
    if (!cond) gk[n - 1] = poly_addc(r->a, poly_scale(r->a, g[n - 1], -1), -1);
    item_guard(r, l->v[i], n, gk, cond ? cond_not(r, cond) : NULL);
  }
}

static void append(struct raise *r, struct items *to, const struct items *from) {
  for (unsigned i = 0; i < from->n; i++) items_add(r, to, from->v[i]);
}

/* A disjunction of affine conditions is the other side of a conjunction. */
static bool swap_sides(struct raise *r, expr_t *rest, poly_t *g, unsigned *n) {
  poly_t no[32];
  unsigned k = 0;
  if (cond_split(r, *rest, true, no, &k, 30) || !k) return false;
  memcpy(g, no, sizeof *no * k);
  *n = k;
  *rest = NULL;
  return true;
}

static bool single_store(const struct lstmt *s) {
  while (s && s->kind == L_BLOCK && s->nbody == 1) s = s->body[0];
  return s && s->kind == L_STORE;
}

static void walk_if(struct raise *r, const struct lstmt *s) {
  poly_t g[64];
  unsigned n = 0;
  for (; n < s->nguard && n < 32; n++) g[n] = s->guard[n];
  if (n < s->nguard) raise_no(r, r->at, "a condition with more than 32 parts");
  expr_t rest = s->cond ? cond_split(r, current(r, s->cond), false, g, &n, 60) : NULL;
  const struct lstmt *yes = s->body[0], *no = s->nbody > 1 ? s->body[1] : NULL;
  if (rest && !n && swap_sides(r, &rest, g, &n)) {
    yes = no;
    no = s->body[0];
  }
  if (rest && reads_what_is_stored(rest, s) && (no || !single_store(yes)))
    rest = raise_read(r, raise_keep(r, "c", rest), 0, NULL);
  struct branch t = {0}, e = {0}, before = {0};
  save(r, &before);
  walk_branch(r, yes, n, g, &t);
  r->env = arena_dup(r->a, before.env, sizeof *r->env * (r->f->nlocal + 1));
  r->lost = arena_dup(r->a, before.lost, sizeof *r->lost * (r->f->nlocal + 1));
  poly_t not0 = n == 1 && !rest ? poly_addc(r->a, poly_scale(r->a, g[0], -1), -1) : NULL;
  walk_branch(r, no, not0 != NULL, &not0, &e);
  expr_t c = cond_join(r, n, g, rest);
  if (!c) c = expr_const(r->a, DT_bool, (union value){.u = 1});
  if (same_store(r, &t, &e)) {
    struct item *it = t.l.v[0];
    it->body = expr_op3(r->a, OP_select, c, it->body, e.l.v[0]->body);
    items_add(r, r->out, it);
  } else {
    for (unsigned i = 0, m = t.l.n; i < m; i++) item_guard(r, t.l.v[i], n, g, rest);
    if (n + (rest != NULL)) guard_else(r, &e.l, n, g, rest);
    append(r, r->out, &t.l);
    append(r, r->out, &e.l);
  }
  merge_env(r, c, &t, &e);
}

/* --- loops --- */

/* Values that are used in the loop but were computed before it: once, not in every iteration; and before it stores to
 * what they read. */
static void keep_for_loop(struct raise *r, const struct lstmt *s) {
  for (unsigned v = 0; v < r->f->nlocal; v++) {
    if (!r->env[v]) continue;
    bool stored = reads_what_is_stored(r->env[v], s), set = tree_sets(s, v), used = tree_uses(s, v);
    if (stored || (used && !set && costly(r, r->env[v]))) raise_keep_local(r, v);
  }
}

struct uses_phi {
  struct raise *r;
  unsigned first;
  const struct access *found;
};

static void find_open_phi(expr_t x, void *ctx) {
  struct uses_phi *u = ctx;
  if (x->kind == E_READ && u->r->obj[x->acc->tensor].kind == OBJ_PHI && x->acc->tensor >= u->first) u->found = x->acc;
}

static void no_phi_left(struct raise *r, const struct items *l, unsigned mark, const struct bound *loop) {
  struct uses_phi u = {r, mark, NULL};
  for (unsigned i = 0; i < l->n; i++) {
    struct item *it = l->v[i];
    expr_visit(it->body, find_open_phi, &u);
    if (it->init) expr_visit(it->init, find_open_phi, &u);
    if (it->start) expr_visit(it->start, find_open_phi, &u);
    if (it->cond) expr_visit(it->cond, find_open_phi, &u);
    if (u.found)
      raise_no(r, it->loc,
               "'%s' is used in the loop over '%s' that carries it from one iteration to the next (recurrence)",
               r->obj[u.found->tensor].name, raise_sym_name(r, loop->sym));
  }
}

/* i = lo + step * i'. The number of iterations must be a polynomial: constant range, or a range that step divides. */
static poly_t step_poly(struct arena *a, poly_t p, void *ctx) {
  const struct {
    sym_t s;
    poly_t by;
  } *c = ctx;
  return poly_subst(a, p, c->s, c->by);
}

static poly_t iterations(struct raise *r, poly_t range, int64_t step) {
  int64_t c;
  if (poly_is_const(range, &c)) return poly_const(r->a, c <= 0 ? 0 : (c - 1) / step + 1);
  poly_t n = poly_const(r->a, 0);
  for (uint32_t i = 0; i < range->n; i++) {
    struct mono m = range->mono[i];
    if (m.coef % step) return NULL;
    poly_t t = poly_const(r->a, m.coef / step);
    for (unsigned j = 0; j < m.n; j++) t = poly_mul(r->a, t, poly_sym(r->a, m.sym[j]));
    n = poly_add(r->a, n, t);
  }
  return n->overflow ? NULL : n;
}

static const struct lstmt *unit_step(struct raise *r, const struct lstmt *s) {
  if (s->step == 1) return s;
  poly_t range = s->nlo == 1 && s->nhi == 1 ? poly_sub(r->a, s->hi[0], s->lo[0]) : NULL;
  poly_t count = range && s->step > 0 ? iterations(r, range, s->step) : NULL;
  if (!count)
    raise_no(r, r->at, "the loop over '%s' counts in steps of %lld", raise_sym_name(r, s->sym), (long long)s->step);
  sym_t t = s->sym;
  struct {
    sym_t s;
    poly_t by;
  } ctx = {s->sym, poly_add(r->a, poly_scale(r->a, poly_sym(r->a, t), s->step), s->lo[0])};
  struct tree_map m = {.a = r->a, .poly = step_poly, .ctx = &ctx};
  struct lstmt *n = arena_dup(r->a, s, sizeof *s);
  n->body = ARENA_NEW(r->a, struct lstmt *, 1);
  n->body[0] = tree_copy(&m, s->body[0]);
  n->step = 1;
  n->lo = ARENA_NEW(r->a, poly_t, 1);
  n->hi = ARENA_NEW(r->a, poly_t, 1);
  n->lo[0] = poly_const(r->a, 0);
  n->hi[0] = count;
  return n;
}

/* Read before any write of the same iteration. */
static bool read_unwritten(struct raise *r, const struct items *l, unsigned obj, unsigned at) {
  struct reads rd = item_reads(r, l->v[at], true);
  for (unsigned i = 0; i < rd.n; i++) {
    bool written = rd.v[i].x->tensor != obj;
    for (unsigned w = 0; w < at && !written; w++)
      written = l->v[w]->lhs == obj && item_always(l->v[w]) && item_covers(r, l->v[w], l->v[w]->idx, l->v[at], rd.v[i]);
    if (!written) return true;
  }
  return false;
}

/* An array declared outside of the loop that only serves within an iteration: as good as declared inside. */
static bool is_private(struct raise *r, const struct items *l, const struct lstmt *body, unsigned obj, sym_t loop) {
  for (unsigned i = 0; i < l->n; i++) /* each iteration has its own elements already */
    for (unsigned d = 0; l->v[i]->lhs == obj && d < l->v[i]->rank; d++)
      if (poly_has(l->v[i]->idx[d], loop)) return false;
  if (!tree_stores(body, obj) || tree_accesses(body, obj) != tree_accesses(r->f->body, obj)) return false;
  for (unsigned i = 0; i < l->n; i++)
    if (read_unwritten(r, l, obj, i)) return false;
  return true;
}

static void walk_for(struct raise *r, const struct lstmt *s) {
  s = unit_step(r, s);
  if (r->nloop >= RAISE_LOOPS) raise_no(r, r->at, "loops nested deeper than %d", RAISE_LOOPS);
  keep_for_loop(r, s);
  struct bound loop = {s->sym, s->nlo, s->nhi, s->lo, s->hi};
  struct items l = {0}, *out = r->out;
  unsigned mark = r->nobj, stamp = r->stamps + 1, n = r->f->nlocal;
  expr_t *phi = ARENA_NEW(r->a, expr_t, n + 1), *before = arena_dup(r->a, r->env, sizeof *r->env * (n + 1));
  bool *set = ARENA_NEW(r->a, bool, n + 1), *exposed = ARENA_NEW(r->a, bool, n + 1);
  for (unsigned v = 0; v < n; v++) {
    if (!(set[v] = tree_sets(s->body[0], v))) continue;
    r->env[v] = NULL;
    r->lost[v] = false;
    exposed[v] = tree_exposes(s->body[0], v);
    if (tree_always_sets(s->body[0], v) || (!exposed[v] && !before[v])) continue;
    if (!before[v]) value_of(r, v, r->at);
    unsigned o = raise_obj(r, r->f->local[v].name, (enum dtype)r->f->local[v].type, OBJ_PHI);
    r->env[v] = phi[v] = raise_read(r, o, 0, NULL);
  }
  r->loop[r->nloop++] = loop;
  r->out = &l;
  raise_walk(r, s->body[0]);
  for (unsigned o = 0; o < mark; o++)
    if (r->obj[o].kind == OBJ_LOCAL && r->obj[o].stamp < stamp && is_private(r, &l, s->body[0], o, s->sym))
      r->obj[o].stamp = ++r->stamps;
  r->nloop--;
  r->out = out;
  raise_accumulators(r, &l, &loop, phi, before, exposed);
  for (unsigned v = 0; v < n; v++)
    if (set[v] && !phi[v]) {
      r->env[v] = NULL;
      r->lost[v] = true;
    }
  raise_clean(r, &l);
  no_phi_left(r, &l, mark, &loop);
  raise_close(r, &l, &loop, mark, stamp, out);
}

static void walk_alloc(struct raise *r, const struct lstmt *s) {
  r->obj[s->id].stamp = ++r->stamps;
  raise_walk(r, s->body[0]);
}

void raise_walk(struct raise *r, const struct lstmt *s) {
  if (++r->depth > MAX_DEPTH) raise_no(r, r->at, "statements nested too deeply");
  if (s->value && s->value->loc.line)
    r->at = s->value->loc;
  else if (s->cond && s->cond->loc.line)
    r->at = s->cond->loc;
  switch (s->kind) {
  case L_BLOCK:
    for (unsigned i = 0; i < s->nbody; i++) raise_walk(r, s->body[i]);
    break;
  case L_FOR:
    walk_for(r, s);
    break;
  case L_STORE:
    walk_store(r, s);
    break;
  case L_SET:
    walk_set(r, s);
    break;
  case L_IF:
    walk_if(r, s);
    break;
  case L_ALLOC:
    walk_alloc(r, s);
    break;
  case L_WHILE:
    raise_no(r, r->at, "a loop that does not count from one bound to another in fixed steps");
  default:
    break;
  }
  r->depth--;
}
