/* Which rows the nests inside of a loop over time touch (the first subscript of all that is written there is the row
   plus a constant), how far apart in rows the nests must stay for that, and what the tiled forms are built of. */
#include "compiler/pass/skew_impl.h"

enum { MAX_SHIFT = 64 };

/* --- what is in the loop --- */

static bool collect(struct skew *k, struct lstmt *s, const struct lstmt *seen) {
  if (s->kind == L_BLOCK) {
    for (unsigned i = 0; i < s->nbody; i++)
      if (!collect(k, s->body[i], seen->body[i])) return false;
    return true;
  }
  if (s->kind != L_FOR || k->n == SKEW_NESTS) return false;
  k->nest[k->n].seen = seen;
  k->nest[k->n++].s = s;
  return true;
}

bool skew_counts_up(const struct lstmt *s) {
  return s->kind == L_FOR && s->fkind == F_SERIAL && s->step == 1 && s->nlo == 1 && s->nhi == 1;
}

static void look_stmt(const struct lstmt *s, void *ctx) {
  struct skew *k = ctx;
  if (s->kind == L_WHILE || s->kind == L_PART) k->fails = true;
  if (s->kind == L_STORE) k->written[s->acc->tensor] = true;
  if (s->kind == L_ALLOC) k->own[s->id] = true;
}

/* Numbers that a nest sets are set again before it reads them, and nobody reads them behind the loop. */
static bool locals_stay(const struct skew *k) {
  for (unsigned l = 0; l < k->f->nlocal; l++) {
    if (!tree_sets(k->time, l)) continue;
    for (unsigned p = 0; p < k->n; p++)
      if (tree_exposes(k->nest[p].s, l)) return false;
    if (tree_reads(k->f->body, l) > tree_reads(k->time, l)) return false;
  }
  return true;
}

/* --- rows: the first subscript of what is written --- */

/* Only of what is known before the loop over time. */
bool skew_known_before(const struct skew *k, poly_t p) {
  bool *inside = ARENA_NEW(k->a, bool, k->f->k->nsym + 1u);
  tree_bound(k->time, inside);
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (inside[p->mono[i].sym[j]]) return false;
  return !p->overflow;
}

/* The nest's rows: those of its loop when subscripts move with it, else the one row of the first access. */
static bool open_nest(struct skew *k, struct nest *n, poly_t row) {
  const struct lstmt *s = n->s;
  bool moves = poly_has(row, s->sym);
  n->row = moves ? s->sym : SYM_NONE;
  n->lo = moves ? s->lo[0] : row;
  n->hi = moves ? s->hi[0] : poly_addc(k->a, row, 1);
  return (!moves || skew_counts_up(s)) && skew_known_before(k, n->lo) && skew_known_before(k, n->hi);
}

static void add_access(struct skew *k, const struct access *x, bool writes) {
  struct nest *n = &k->nest[k->at];
  struct row_access r = {k->at, x->tensor, 0, writes};
  if (!k->written[x->tensor] || k->own[x->tensor] || k->fails) return;
  k->fails = k->naccess == SKEW_ACCESSES || !x->rank || x->ix[0].dyn || !x->ix[0].poly ||
             (!n->lo && !open_nest(k, n, x->ix[0].poly));
  if (k->fails) return;
  poly_t base = n->row == SYM_NONE ? n->lo : poly_sym(k->a, n->row);
  k->fails = !poly_is_const(poly_sub(k->a, x->ix[0].poly, base), &r.offset);
  k->access[k->naccess++] = r;
}

static void look_store(const struct lstmt *s, void *ctx) {
  struct skew *k = ctx;
  if (s->kind == L_STORE) add_access(k, s->acc, true);
  if (s->kind == L_STORE && s->red != RED_none) add_access(k, s->acc, false);
}

static void look_read(expr_t x, void *ctx) {
  if (x->kind == E_READ) add_access(ctx, x->acc, false);
}

bool skew_shift(const struct skew *k, bool apart, int64_t *shift) {
  *shift = 1;
  for (unsigned i = 0; i < k->naccess; i++)
    for (unsigned j = 0; j < k->naccess; j++) {
      const struct row_access *x = &k->access[i], *y = &k->access[j];
      int64_t far, later = y->nest > x->nest ? y->nest - x->nest : k->n - (x->nest - y->nest);
      if (x->object != y->object || !(x->writes || y->writes)) continue;
      if (__builtin_sub_overflow(y->offset, x->offset, &far) || far > MAX_SHIFT * later) return false;
      if (far > *shift * later - apart) *shift = (far + apart - 1) / later + 1;
    }
  return *shift <= MAX_SHIFT;
}

static bool find_rows(struct skew *k) {
  k->written = ARENA_NEW(k->a, bool, k->f->nobject + 1u);
  k->own = ARENA_NEW(k->a, bool, k->f->nobject + 1u);
  tree_visit(k->time, look_stmt, NULL, k);
  for (k->at = 0; k->at < k->n && !k->fails; k->at++) {
    tree_visit(k->nest[k->at].seen, look_store, NULL, k); /* first: what a nest writes says which its rows are */
    tree_visit(k->nest[k->at].seen, NULL, look_read, k);
    k->fails |= !k->nest[k->at].lo;
  }
  return !k->fails;
}

bool skew_rows(struct skew *k) {
  const struct lstmt *s = k->time;
  return skew_counts_up(s) && collect(k, s->body[0], k->seen->body[0]) && k->n && locals_stay(k) && find_rows(k);
}

/* --- building --- */

struct skew_made skew_made(struct skew *k) {
  return (struct skew_made){k, ARENA_NEW(k->a, struct lstmt *, 3 * SKEW_NESTS + 16), 0};
}

struct lstmt *skew_block(const struct skew_made *m) {
  return loop_block(m->k->a, m->n, m->s);
}

poly_t skew_let(struct skew_made *m, const char *name, expr_t value) {
  struct lstmt *s = m->s[m->n++] = loop_block(m->k->a, 0, NULL);
  s->kind = L_LET;
  s->sym = lfunc_add_sym(m->k->f, name);
  s->value = value;
  s->loc = m->k->time->loc;
  return poly_sym(m->k->a, s->sym);
}

poly_t skew_end_row(struct skew_made *m, const char *name, bool last) {
  struct skew *k = m->k;
  poly_t before = last ? k->nest[0].hi : k->nest[0].lo;
  expr_t x = expr_poly(k->a, before);
  for (unsigned p = 1; p < k->n; p++) {
    poly_t next = last ? k->nest[p].hi : k->nest[p].lo;
    if (!poly_eq(next, before)) x = expr_op2(k->a, last ? OP_max : OP_min, x, expr_poly(k->a, next));
    before = next;
  }
  return skew_let(m, name, x);
}

/* Elements of each tensor, from its start; NULL where all are declared, or one is unknown. */
static poly_t *sizes(const struct skew *k) {
  const struct lfunc *v = k->view.f;
  poly_t *size = ARENA_NEW(k->a, poly_t, v->k->ntensor + 1u);
  if (v == k->f) return NULL;
  for (unsigned t = 0; t < v->k->ntensor; t++) {
    bool used = tree_accesses(k->f->body, t);
    poly_t inner = poly_const(k->a, 1);
    size[t] = poly_const(k->a, used);
    for (unsigned d = v->object[t].rank; used && d-- > 0;) {
      if (!v->object[t].extent[d]) return NULL;
      poly_t extent = v->object[t].extent[d], step = v->object[t].stride ? v->object[t].stride[d] : inner;
      size[t] = poly_add(k->a, size[t], poly_mul(k->a, poly_addc(k->a, extent, -1), step));
      inner = poly_mul(k->a, inner, extent);
    }
  }
  return size;
}

struct lstmt *skew_either(struct skew *k, unsigned n, poly_t *guard, struct lstmt *in, struct lstmt *s) {
  for (unsigned i = 0; i < k->view.nassume; i++) guard[n++] = k->view.assume[i];
  struct lstmt *either = loop_if(k->a, n, arena_dup(k->a, guard, sizeof *guard * n), NULL, in, s);
  either->apart = true;
  either->hi = sizes(k);
  either->nhi = either->hi ? (uint8_t)k->f->k->ntensor : 0;
  return either;
}

struct naming {
  sym_t *map;
  unsigned n, nby;
  const struct skew_by *by;
};

static poly_t rename_poly(struct arena *a, poly_t p, void *ctx) {
  const struct naming *n = ctx;
  for (unsigned i = 0; i < n->nby; i++)
    if (n->by[i].sym != SYM_NONE) p = poly_subst(a, p, n->by[i].sym, n->by[i].by);
  return poly_rename(a, p, n->map, n->n);
}

static void rename_bound(struct lstmt *s, const struct naming *n) {
  if (s->kind == L_FOR || s->kind == L_LET) s->sym = n->map[s->sym];
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) rename_bound(s->body[i], n);
}

struct lstmt *skew_copy(struct skew *k, const struct lstmt *s, unsigned nby, const struct skew_by *by) {
  struct naming n = {NULL, k->f->k->nsym, nby, by};
  bool *bound = ARENA_NEW(k->a, bool, n.n + 1u);
  n.map = ARENA_NEW(k->a, sym_t, n.n + 1u);
  tree_bound(s, bound);
  for (unsigned i = 0; i < n.n; i++) n.map[i] = bound[i] ? lfunc_add_sym(k->f, k->f->k->sym[i].name) : SYM_NONE;
  struct tree_map m = {.a = k->a, .poly = rename_poly, .ctx = &n};
  struct lstmt *copy = tree_copy(&m, s);
  rename_bound(copy, &n);
  return copy;
}
