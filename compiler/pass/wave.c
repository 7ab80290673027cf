/* Several steps of an in-place stencil (Gauss-Seidel) side by side.

     for t: for i: for j: A[i][j] = f(A[i - 1][j + 1], A[i][j - 1], A[i][j + 1], A[i + 1][j])

   Along j each element waits for the one before, along i each row, along t each step. But step t + 1 may follow step t
   two rows behind: with the rows that a statement at row i touches being i + c, and all c within less than `shift` of
   one another, rows w, w - shift, w - 2 shift … of steps t, t + 1, t + 2 … have no element in common (find the same
   argument in skew.c: here nothing may be left to the order inside of a chunk). So WAVE steps walk the rows together,
   and along the row each of their chains of dependent operations waits while the others work:

     for rounds of WAVE steps: for w: for j: { A[w][j] = …;  A[w - shift][j] = …;  A[w - 2 shift][j] = …; … }

   Rows that are not there for all of the steps (at both ends), and steps that are left over, run as they were. What a
   statement computes of elements that the loop along j does not change before it reads them is computed ahead, for the
   row as a whole, in a loop that vectorises (pass_parts raises it). Values are the same, to the bit. */
#include "compiler/pass/skew_impl.h"

enum { WAVE = 8, TERMS = 4, LOOPS = 4, MIN_READS = 2 };

struct wave {
  struct skew *k;
  int64_t shift;
  const struct nest *nest;
  unsigned n; /* loops inside of that over rows */
  struct lstmt *loop[LOOPS];
  const struct lstmt *store, *seen; /* all that is inside of them; in the view */
  /* the innermost loop in two */
  unsigned nterm;
  expr_t term[TERMS]; /* parts of the value that are computed ahead */
  unsigned buffer;    /* object [TERMS][WAVE][iterations] */
  bool carries;       /* the value reads what the iteration before stored */
};

/* --- is it of the form? --- */

static const struct lstmt *single(const struct lstmt *s) {
  while (s->kind == L_BLOCK && s->nbody == 1) s = s->body[0];
  return s;
}

static void look_expr(expr_t x, void *ctx) {
  bool *fails = ctx;
  *fails |= x->kind == E_LOCAL || (x->kind == E_OP && x->op == OP_select) || (x->kind == E_READ && x->acc->nguard);
}

/* Loops around one store that always happens, over ranges that no row and no step changes. */
static bool perfect(struct wave *w) {
  const struct lstmt *s = single(w->nest->s->body[0]), *v = single(w->nest->seen->body[0]);
  bool fails = false;
  for (; s->kind == L_FOR; s = single(s->body[0]), v = single(v->body[0])) {
    if (w->n == LOOPS || !skew_counts_up(s) || !skew_known_before(w->k, s->lo[0]) || !skew_known_before(w->k, s->hi[0]))
      return false;
    w->loop[w->n++] = (struct lstmt *)s;
  }
  w->store = s;
  w->seen = v;
  if (s->kind != L_STORE || s->red != RED_none || s->acc->nguard) return false;
  tree_visit(s, NULL, look_expr, &fails);
  return !fails;
}

/* --- what reads what the loop along the row stored --- */

struct pinned {
  struct wave *w;
  bool any, before; /* some read may depend on an iteration before; on the one right before */
  unsigned reads;
};

/* How many iterations before, or NEVER: no iteration, UNKNOWN: some. */
enum { NEVER = INT_MAX, UNKNOWN = INT_MIN };

static int iterations(const struct wave *w, const struct access *r) {
  const struct access *s = w->seen->acc;
  struct arena *a = w->k->a;
  sym_t v = w->n ? w->loop[w->n - 1]->sym : w->nest->row;
  int far = UNKNOWN;
  for (unsigned d = 0; d < s->rank; d++) {
    poly_t cs, rest_s, cr, rest_r;
    int64_t step, off;
    if (s->ix[d].dyn || r->ix[d].dyn || !poly_split(a, s->ix[d].poly, v, &cs, &rest_s) ||
        !poly_split(a, r->ix[d].poly, v, &cr, &rest_r) || !poly_eq(cs, cr) || !poly_is_const(cs, &step) ||
        !poly_is_const(poly_sub(a, rest_s, rest_r), &off) || off < -INT_MAX / 2 || off > INT_MAX / 2)
      continue; /* this dim tells nothing */
    if (!step ? off != 0 : off % step != 0) return NEVER;
    if (step && far != UNKNOWN && far != (int)(off / step)) return NEVER;
    if (step) far = (int)(off / step);
  }
  return far;
}

static void look_pinned(expr_t x, void *ctx) {
  struct pinned *p = ctx;
  if (x->kind != E_READ) return;
  p->reads++;
  if (x->acc->tensor != p->w->store->acc->tensor) return;
  int n = iterations(p->w, x->acc);
  if (n == NEVER || (n <= 0 && n != UNKNOWN)) return;
  p->any = true;
  p->before |= n == 1;
}

static struct pinned pinned(struct wave *w, expr_t x) {
  struct pinned p = {.w = w};
  expr_visit(x, look_pinned, &p);
  return p;
}

static unsigned kids(expr_t x) {
  return x->kind == E_OP ? x->nkid : x->kind == E_CAST;
}

/* The largest parts of x (seen: the same in the view) that can be computed ahead. */
static void find_terms(struct wave *w, expr_t x, expr_t seen) {
  struct pinned p = pinned(w, seen);
  if (!p.any && x->type == w->store->value->type && x->kind == E_OP && p.reads >= MIN_READS && w->nterm < TERMS) {
    w->term[w->nterm++] = x;
    return;
  }
  for (unsigned i = 0; i < kids(x); i++) find_terms(w, x->kid[i], seen->kid[i]);
}

/* --- one of the steps --- */

struct copy {
  struct wave *w;
  poly_t step;   /* number of the step in the round */
  expr_t before; /* the value of the iteration before; NULL: as it is read */
};

/* x, which is seen as `seen`, with what is computed ahead, or carried along, in its place. */
static expr_t rebuild(const struct copy *c, expr_t x, expr_t seen) {
  const struct wave *w = c->w;
  struct arena *a = w->k->a;
  for (unsigned i = 0; i < w->nterm; i++)
    if (w->term[i] == x) {
      const struct lstmt *in = w->loop[w->n - 1];
      poly_t ix[3] = {poly_const(a, i), c->step, poly_sub(a, poly_sym(a, in->sym), in->lo[0])};
      return expr_read(a, (enum dtype)x->type, access_new(a, w->buffer, 3, ix));
    }
  if (x->kind == E_READ && c->before && x->acc->tensor == w->store->acc->tensor && iterations(w, seen->acc) == 1)
    return c->before;
  if (!kids(x)) return x;
  struct expr *n = arena_dup(a, x, sizeof *x);
  for (unsigned i = 0; i < kids(x); i++) n->kid[i] = rebuild(c, x->kid[i], seen->kid[i]);
  return n;
}

/* The loops' counters, the row and the step as one copy has them. */
struct names {
  unsigned n;
  struct skew_by by[LOOPS + 2];
  poly_t row, time; /* of the first of the steps */
};

static const struct names *at_step(const struct wave *w, struct names *n, poly_t step) {
  struct arena *a = w->k->a;
  n->by[0] = (struct skew_by){w->nest->row, poly_sub(a, n->row, poly_scale(a, step, w->shift))};
  n->by[1] = (struct skew_by){w->k->time->sym, poly_add(a, n->time, step)};
  return n;
}

static struct lstmt *renamed(struct wave *w, const struct lstmt *s, const struct names *n) {
  return skew_copy(w->k, s, n->n, n->by);
}

static struct lstmt *set_renamed(struct wave *w, unsigned local, expr_t value, const struct names *n) {
  return renamed(w, loop_set(w->k->a, local, value), n);
}

/* Where the value of the iteration before the first one lies. */
static expr_t read_before(struct wave *w) {
  struct arena *a = w->k->a;
  const struct lstmt *in = w->loop[w->n - 1];
  struct access *x = arena_dup(a, w->store->acc, sizeof *x);
  x->ix = arena_dup(a, x->ix, sizeof *x->ix * x->rank);
  for (unsigned d = 0; d < x->rank; d++)
    x->ix[d].poly = poly_subst(a, x->ix[d].poly, in->sym, poly_addc(a, in->lo[0], -1));
  return expr_read(a, (enum dtype)w->store->value->type, x);
}

/* for step: for the row: buffer[…] = term */
static struct lstmt *ahead(struct wave *w, struct names n) {
  struct arena *a = w->k->a;
  const struct lstmt *in = w->loop[w->n - 1];
  sym_t step = lfunc_add_sym(w->k->f, "step");
  struct lstmt *s[TERMS];
  for (unsigned i = 0; i < w->nterm; i++) {
    poly_t ix[3] = {poly_const(a, i), poly_sym(a, step), poly_sub(a, poly_sym(a, in->sym), in->lo[0])};
    s[i] = loop_store(a, access_new(a, w->buffer, 3, ix), RED_none, w->term[i]);
    s[i]->loc = w->store->loc;
  }
  struct lstmt *row = loop_for(a, F_SERIAL, in->sym, in->lo[0], in->hi[0], 1, loop_block(a, w->nterm, s));
  n.n -= 1; /* this loop has a counter of its own */
  return loop_for(a, F_SERIAL, step, poly_const(a, 0), poly_const(a, WAVE), 1,
                  renamed(w, row, at_step(w, &n, poly_sym(a, step))));
}

/* The innermost loop of all steps. */
static struct lstmt *along(struct wave *w, struct names *n, sym_t counter) {
  struct arena *a = w->k->a;
  struct lstmt *first[WAVE + 2], *all[2 * WAVE];
  unsigned nfirst = 0, nall = 0;
  enum dtype type = (enum dtype)w->store->value->type;
  if (w->nterm) first[nfirst++] = ahead(w, *n);
  for (unsigned i = 0; i < WAVE; i++) {
    struct copy c = {.w = w, .step = poly_const(a, i)};
    struct lstmt *s = arena_dup(a, w->store, sizeof *s);
    at_step(w, n, c.step);
    if (w->carries) {
      unsigned local = lfunc_add_local(w->k->f, "before", type);
      first[nfirst++] = set_renamed(w, local, read_before(w), n);
      c.before = expr_local(a, type, local);
      all[nall++] = set_renamed(w, local, rebuild(&c, s->value, w->seen->value), n);
      s->value = c.before;
    } else {
      s->value = rebuild(&c, s->value, w->seen->value);
    }
    all[nall++] = renamed(w, s, n);
  }
  struct lstmt *body = loop_block(a, nall, all);
  if (!w->n) return body;
  const struct lstmt *in = w->loop[w->n - 1];
  first[nfirst++] = loop_for(a, F_SERIAL, counter, in->lo[0], in->hi[0], 1, body);
  return loop_block(a, nfirst, first);
}

/* The rows row, row - shift … of steps time, time + 1 … */
static struct lstmt *together(struct wave *w, poly_t time, poly_t row) {
  struct arena *a = w->k->a;
  struct names n = {.n = w->n + 2, .row = row, .time = time};
  sym_t counter[LOOPS + 1] = {SYM_NONE};
  for (unsigned i = 0; i < w->n; i++) {
    counter[i] = lfunc_add_sym(w->k->f, w->k->f->k->sym[w->loop[i]->sym].name);
    n.by[2 + i] = (struct skew_by){w->loop[i]->sym, poly_sym(a, counter[i])};
  }
  struct lstmt *s = along(w, &n, w->n ? counter[w->n - 1] : SYM_NONE);
  for (unsigned i = w->n; i-- > 1;)
    s = loop_for(a, F_SERIAL, counter[i - 1], w->loop[i - 1]->lo[0], w->loop[i - 1]->hi[0], 1, s);
  return s;
}

/* Rows lo <= row < hi that are there for some of the steps only. */
static struct lstmt *ends(struct wave *w, poly_t time, poly_t lo, poly_t hi) {
  struct arena *a = w->k->a;
  sym_t row = lfunc_add_sym(w->k->f, w->k->f->k->sym[w->nest->row].name), step = lfunc_add_sym(w->k->f, "step");
  struct names n = {.n = 2, .row = poly_sym(a, row), .time = time};
  at_step(w, &n, poly_sym(a, step));
  poly_t at = n.by[0].by, g[2] = {poly_sub(a, at, w->nest->lo), poly_addc(a, poly_sub(a, w->nest->hi, at), -1)};
  struct lstmt *s = loop_if(a, 2, arena_dup(a, g, sizeof g), NULL, renamed(w, w->nest->s->body[0], &n), NULL);
  s = loop_for(a, F_SERIAL, step, poly_const(a, 0), poly_const(a, WAVE), 1, s);
  return loop_for(a, F_SERIAL, row, lo, hi, 1, s);
}

static struct lstmt *rounds_of(struct wave *w) {
  struct skew *k = w->k;
  struct arena *a = k->a;
  struct skew_made m = skew_made(k);
  poly_t t0 = k->time->lo[0], t1 = k->time->hi[0], lag = poly_const(a, w->shift * (WAVE - 1));
  poly_t rounds =
      skew_let(&m, "rounds", expr_op2(a, OP_div, expr_poly(a, poly_sub(a, t1, t0)), expr_poly(a, poly_const(a, WAVE))));
  sym_t round = lfunc_add_sym(k->f, "round"), row = lfunc_add_sym(k->f, k->f->k->sym[w->nest->row].name),
        time = lfunc_add_sym(k->f, k->f->k->sym[k->time->sym].name);
  poly_t from = poly_add(a, t0, poly_scale(a, poly_sym(a, round), WAVE)), full = poly_add(a, w->nest->lo, lag);
  struct lstmt *in = together(w, from, poly_sym(a, row));
  struct lstmt *s[3] = {ends(w, from, w->nest->lo, full), loop_for(a, F_SERIAL, row, full, w->nest->hi, 1, in),
                        ends(w, from, w->nest->hi, poly_add(a, w->nest->hi, lag))};
  struct lstmt *all = loop_for(a, F_SERIAL, round, poly_const(a, 0), rounds, 1, loop_block(a, 3, s));
  m.s[m.n++] = w->nterm ? loop_alloc(a, w->buffer, all) : all;
  struct skew_by by = {k->time->sym, poly_sym(a, time)};
  m.s[m.n++] = loop_for(a, F_SERIAL, time, poly_add(a, t0, poly_scale(a, rounds, WAVE)), t1, 1,
                        skew_copy(k, w->nest->s, 1, &by));
  return skew_block(&m);
}

static void find_ahead(struct wave *w) {
  struct skew *k = w->k;
  enum dtype type = (enum dtype)w->store->value->type;
  const struct lstmt *in = w->loop[w->n - 1];
  find_terms(w, w->store->value, w->seen->value);
  w->carries = pinned(w, w->seen->value).before && (type == DT_f32 || type == DT_f64) &&
               type == (enum dtype)k->f->object[w->store->acc->tensor].type;
  poly_t extent[3] = {poly_const(k->a, w->nterm), poly_const(k->a, WAVE), poly_sub(k->a, in->hi[0], in->lo[0])};
  if (w->nterm) w->buffer = lfunc_add_object(k->f, "ahead", type, SCOPE_HEAP, 3, extent);
}

struct lstmt *skew_wave(struct skew *k, struct lstmt *s) {
  struct arena *a = k->a;
  struct wave w = {.k = k, .nest = &k->nest[0]};
  poly_t guard[SKEW_GUARDS];
  unsigned n = 0;
  if (k->n != 1 || w.nest->row == SYM_NONE || !perfect(&w) || !skew_shift(k, true, &w.shift)) return NULL;
  if (!pinned(&w, w.seen->value).any) return NULL; /* rows that need no order are vectors */
  if (w.n) find_ahead(&w);
  guard[n++] = poly_addc(a, poly_sub(a, s->hi[0], s->lo[0]), -WAVE);
  guard[n++] = poly_addc(a, poly_sub(a, w.nest->hi, w.nest->lo), -WAVE * w.shift);
  if (w.n) guard[n++] = poly_addc(a, poly_sub(a, w.loop[w.n - 1]->hi[0], w.loop[w.n - 1]->lo[0]), -1);
  return skew_either(k, n, guard, rounds_of(&w), s);
}
