/* Time tiling. See skew.h.

   Nest number p (of n) at step t stands at place q = n t + p of the order in time. Row i of place q moves to chunk
   (i + s q) / rows; chunks run in order, inside of one the places, inside of a place the rows. That keeps the order of
   any two accesses of one element, at rows i and i' of places q < q', when i + s q <= i' + s q': with the element's row
   being i + c = i' + c' that is c' - c <= s (q' - q). Rows of one place stay in order anyway. */
#include "compiler/pass/skew.h"
#include "compiler/pass/raise_impl.h"

enum { MAX_NESTS = 12, MAX_ACCESSES = 256, MAX_SHIFT = 64, CALLS = 16, ROW_GRAIN = 4, MIN_STEPS = 2, LARGE = 4 };

struct row_access {
  unsigned nest, object;
  int64_t offset; /* its row - the nest's row */
  bool writes;
};
struct nest {
  struct lstmt *s;
  sym_t row;     /* counter of the loop over rows; SYM_NONE: all of it is about one row */
  poly_t lo, hi; /* rows */
};
struct skew {
  struct arena *a;
  struct lfunc *f;
  int64_t cache;
  const struct lstmt *time;
  unsigned n; /* nests */
  struct nest nest[MAX_NESTS];
  bool *written; /* [nobject] in the loop over time */
  bool *own;     /* [nobject] made inside of a nest */
  bool fails;
  unsigned at; /* nest that is looked at */
  unsigned naccess;
  struct row_access access[MAX_ACCESSES];
  int64_t shift; /* rows that a place lags behind the one before */
};

/* --- what is in the loop --- */

static bool collect(struct skew *k, struct lstmt *s) {
  if (s->kind == L_BLOCK) {
    for (unsigned i = 0; i < s->nbody; i++)
      if (!collect(k, s->body[i])) return false;
    return true;
  }
  if (s->kind != L_FOR || k->n == MAX_NESTS) return false;
  k->nest[k->n++].s = s;
  return true;
}

static bool counts_up(const struct lstmt *s) {
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
static bool known_before(const struct skew *k, poly_t p) {
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
  return (!moves || counts_up(s)) && known_before(k, n->lo) && known_before(k, n->hi);
}

static void add_access(struct skew *k, const struct access *x, bool writes) {
  struct nest *n = &k->nest[k->at];
  struct row_access r = {k->at, x->tensor, 0, writes};
  if (!k->written[x->tensor] || k->own[x->tensor] || k->fails) return;
  k->fails = k->naccess == MAX_ACCESSES || !x->rank || x->ix[0].dyn || !x->ix[0].poly ||
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

static bool find_shift(struct skew *k) {
  k->shift = 1;
  for (unsigned i = 0; i < k->naccess; i++)
    for (unsigned j = 0; j < k->naccess; j++) {
      const struct row_access *x = &k->access[i], *y = &k->access[j];
      int64_t apart, later = y->nest > x->nest ? y->nest - x->nest : k->n - (x->nest - y->nest);
      if (x->object != y->object || !(x->writes || y->writes)) continue;
      if (__builtin_sub_overflow(y->offset, x->offset, &apart)) return false;
      if (apart > k->shift * later) k->shift = (apart - 1) / later + 1;
    }
  return k->shift <= MAX_SHIFT;
}

static bool find_rows(struct skew *k) {
  k->written = ARENA_NEW(k->a, bool, k->f->nobject + 1u);
  k->own = ARENA_NEW(k->a, bool, k->f->nobject + 1u);
  tree_visit(k->time, look_stmt, NULL, k);
  for (k->at = 0; k->at < k->n && !k->fails; k->at++) {
    tree_visit(k->nest[k->at].s, look_store, NULL, k); /* first: what a nest writes says which its rows are */
    tree_visit(k->nest[k->at].s, NULL, look_read, k);
    k->fails |= !k->nest[k->at].lo;
  }
  return !k->fails && find_shift(k);
}

/* Bytes of one row of all arrays that are written. NULL: one of them is of unknown shape. */
static poly_t row_bytes(const struct skew *k) {
  poly_t all = poly_const(k->a, 0);
  for (unsigned i = 0; i < k->f->nobject; i++) {
    const struct object *o = &k->f->object[i];
    if (!k->written[i] || k->own[i]) continue;
    poly_t row = poly_const(k->a, (int64_t)type_size((enum dtype)o->type));
    for (unsigned d = 1; d < o->rank; d++) {
      if (!o->extent[d] || !known_before(k, o->extent[d])) return NULL;
      row = poly_mul(k->a, row, o->extent[d]);
    }
    all = poly_add(k->a, all, row);
  }
  return all->overflow ? NULL : all;
}

/* --- the tiled form --- */

struct made {
  struct skew *k;
  struct lstmt **s;
  unsigned n;
};

static struct made made_new(struct skew *k) {
  return (struct made){k, ARENA_NEW(k->a, struct lstmt *, 3 * MAX_NESTS + 16), 0};
}

static struct lstmt *made_block(const struct made *m) {
  return loop_block(m->k->a, m->n, m->s);
}

static expr_t num(const struct skew *k, int64_t v) {
  return expr_poly(k->a, poly_const(k->a, v));
}

static expr_t op2(const struct skew *k, enum op o, expr_t x, expr_t y) {
  return expr_op2(k->a, o, x, y);
}

/* let NAME = value */
static poly_t let(struct made *m, const char *name, expr_t value) {
  struct lstmt *s = m->s[m->n++] = loop_block(m->k->a, 0, NULL);
  s->kind = L_LET;
  s->sym = lfunc_add_sym(m->k->f, name);
  s->value = value;
  s->loc = m->k->time->loc;
  return poly_sym(m->k->a, s->sym);
}

/* value / by, rounded up; by > 0 */
static expr_t parts_of(const struct skew *k, poly_t value, poly_t by) {
  expr_t up = expr_poly(k->a, poly_add(k->a, value, poly_addc(k->a, by, -1)));
  return op2(k, OP_div, up, expr_poly(k->a, by));
}

/* Least first, or greatest last row of all nests. */
static poly_t end_row(struct made *m, const char *name, bool last) {
  struct skew *k = m->k;
  poly_t before = last ? k->nest[0].hi : k->nest[0].lo;
  expr_t x = expr_poly(k->a, before);
  for (unsigned p = 1; p < k->n; p++) {
    poly_t next = last ? k->nest[p].hi : k->nest[p].lo;
    if (!poly_eq(next, before)) x = op2(k, last ? OP_max : OP_min, x, expr_poly(k->a, next));
    before = next;
  }
  return let(m, name, x);
}

/* A copy with counters of its own. */
struct naming {
  struct lfunc *f;
  sym_t *map;
  unsigned n;
};

static poly_t rename_poly(struct arena *a, poly_t p, void *ctx) {
  const struct naming *n = ctx;
  return poly_rename(a, p, n->map, n->n);
}

static void rename_bound(struct lstmt *s, const struct naming *n) {
  if (s->kind == L_FOR || s->kind == L_LET) s->sym = n->map[s->sym];
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) rename_bound(s->body[i], n);
}

static struct lstmt *own_copy(struct skew *k, const struct lstmt *s, sym_t time) {
  struct naming n = {k->f, NULL, k->f->k->nsym};
  bool *bound = ARENA_NEW(k->a, bool, n.n + 1u);
  n.map = ARENA_NEW(k->a, sym_t, n.n + 1u);
  tree_bound(s, bound);
  for (unsigned i = 0; i < n.n; i++) n.map[i] = bound[i] ? lfunc_add_sym(k->f, k->f->k->sym[i].name) : SYM_NONE;
  n.map[k->time->sym] = time;
  struct tree_map m = {.a = k->a, .poly = rename_poly, .ctx = &n};
  struct lstmt *copy = tree_copy(&m, s);
  rename_bound(copy, &n);
  return copy;
}

/* Rows start .. start + rows of nest p, one step. */
static struct lstmt *one_row(struct skew *k, unsigned p, sym_t time, poly_t start, poly_t rows) {
  struct arena *a = k->a;
  const struct nest *n = &k->nest[p];
  poly_t g[2] = {poly_sub(a, n->lo, start), poly_addc(a, poly_sub(a, poly_add(a, start, rows), n->lo), -1)};
  return loop_if(a, 2, arena_dup(a, g, sizeof g), NULL, own_copy(k, n->s, time), NULL);
}

static struct lstmt *some_rows(struct skew *k, unsigned p, sym_t time, poly_t lo, poly_t hi) {
  struct lstmt *s = own_copy(k, k->nest[p].s, time);
  s->lo[0] = lo;
  s->hi[0] = hi;
  return s;
}

/* All nests at one step: place number n (t - t0) + p of the round, with what it may do in this chunk. */
static struct lstmt *one_step(struct skew *k, sym_t time, poly_t t0, poly_t chunk, poly_t rows) {
  struct arena *a = k->a;
  struct made m = made_new(k);
  poly_t start[MAX_NESTS], lo[MAX_NESTS], hi[MAX_NESTS];
  for (unsigned p = 0; p < k->n; p++) {
    const struct nest *n = &k->nest[p];
    poly_t place = poly_addc(a, poly_scale(a, poly_sub(a, poly_sym(a, time), t0), k->n), p);
    start[p] = poly_sub(a, chunk, poly_scale(a, place, k->shift));
    if (n->row == SYM_NONE) continue;
    lo[p] = let(&m, "lo", op2(k, OP_max, expr_poly(a, n->lo), expr_poly(a, start[p])));
    hi[p] = let(&m, "hi", op2(k, OP_min, expr_poly(a, n->hi), expr_poly(a, poly_add(a, start[p], rows))));
  }
  for (unsigned p = 0; p < k->n; p++)
    m.s[m.n++] = k->nest[p].row == SYM_NONE ? one_row(k, p, time, start[p], rows) : some_rows(k, p, time, lo[p], hi[p]);
  return made_block(&m);
}

/* most: steps of a round at the most. Rounds are equally long. */
static struct lstmt *tiled(struct skew *k, poly_t first, poly_t last, poly_t rows, poly_t most) {
  struct arena *a = k->a;
  struct made m = made_new(k);
  poly_t zero = poly_const(a, 0), t0 = k->time->lo[0], all = poly_sub(a, k->time->hi[0], t0);
  poly_t rounds = let(&m, "rounds", parts_of(k, all, most)), steps = let(&m, "steps", parts_of(k, all, rounds));
  poly_t lag = poly_scale(a, steps, k->shift * k->n);
  poly_t chunks = let(&m, "chunks", parts_of(k, poly_sub(a, poly_add(a, last, lag), first), rows));
  sym_t round = lfunc_add_sym(k->f, "round"), chunk = lfunc_add_sym(k->f, "chunk"),
        time = lfunc_add_sym(k->f, k->f->k->sym[k->time->sym].name);
  t0 = poly_add(a, t0, poly_mul(a, poly_sym(a, round), steps));
  poly_t at = poly_add(a, first, poly_mul(a, poly_sym(a, chunk), rows));
  struct lstmt *step = loop_for(a, F_SERIAL, time, t0, poly_add(a, t0, steps), 1, one_step(k, time, t0, at, rows));
  poly_t end[2] = {step->hi[0], k->time->hi[0]};
  step->hi = arena_dup(a, end, sizeof end);
  step->nhi = 2;
  struct lstmt *over = loop_for(a, F_SERIAL, chunk, zero, chunks, 1, step);
  m.s[m.n++] = loop_for(a, F_SERIAL, round, zero, rounds, 1, over);
  return made_block(&m);
}

/* Where the arrays are larger than the cache, a chunk of rows and what its steps reach back to are not, and there are
   steps enough; else as before. A chunk is large enough that the calls of its parts cost little. */
static struct lstmt *either(struct skew *k, struct lstmt *s, poly_t bytes) {
  struct arena *a = k->a;
  struct made m = made_new(k);
  poly_t first = end_row(&m, "first", false), last = end_row(&m, "last", true);
  poly_t row = let(&m, "row", op2(k, OP_max, expr_poly(a, bytes), num(k, 1)));
  expr_t grains = parts_of(k, poly_const(a, k->cache / CALLS), poly_scale(a, row, ROW_GRAIN));
  poly_t rows = let(&m, "rows", op2(k, OP_mul, num(k, ROW_GRAIN), op2(k, OP_max, grains, num(k, 1))));
  expr_t fit = op2(k, OP_div, num(k, k->cache), expr_poly(a, row));
  expr_t room = op2(k, OP_sub, fit, expr_poly(a, rows));
  poly_t most = let(&m, "most", op2(k, OP_div, room, num(k, k->shift * k->n)));
  poly_t guard[3] = {poly_addc(a, most, -MIN_STEPS),
                     poly_addc(a, poly_mul(a, poly_sub(a, last, first), row), -LARGE * k->cache),
                     poly_addc(a, poly_sub(a, k->time->hi[0], k->time->lo[0]), -MIN_STEPS)};
  struct lstmt *in = tiled(k, first, last, rows, most);
  m.s[m.n] = loop_if(a, 3, arena_dup(a, guard, sizeof guard), NULL, in, s);
  m.s[m.n++]->apart = true;
  return made_block(&m);
}

/* Can it be told at run time that arrays lie apart, or need it not? */
static bool can_be_told(const struct lfunc *f) {
  for (unsigned t = 0; t < f->k->ntensor; t++)
    for (unsigned d = 0; d < f->k->tensor[t].rank; d++)
      if (!f->k->tensor[t].extent[d]) return kernel_restricts(f->k);
  return true;
}

static struct lstmt *attempt(const struct skew *whole, struct lstmt *s) {
  struct skew k = *whole;
  k.time = s;
  if (!counts_up(s) || !collect(&k, s->body[0]) || !k.n || !locals_stay(&k) || !find_rows(&k)) return NULL;
  poly_t bytes = row_bytes(&k);
  return bytes ? either(&k, s, bytes) : NULL;
}

static void descend(const struct skew *k, struct lstmt *s) {
  for (unsigned i = 0; i < s->nbody; i++) {
    struct lstmt *t = s->body[i] ? attempt(k, s->body[i]) : NULL;
    if (t)
      s->body[i] = t;
    else if (s->body[i])
      descend(k, s->body[i]);
  }
}

void pass_skew(struct arena *a, struct source *s, int64_t cache) {
  struct skew k = {.a = a, .f = s->f, .cache = cache};
  if (!can_be_told(s->f)) return;
  struct lstmt *whole = attempt(&k, s->f->body);
  if (whole)
    s->f->body = whole;
  else
    descend(&k, s->f->body);
}
