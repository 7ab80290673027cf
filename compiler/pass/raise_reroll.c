/* Loops that were unrolled by hand become the loops that they were, and what was left over goes back into them:

     for i in 0 .. q { y[4*i] = f(x[4*i]); … y[4*i + 3] = f(x[4*i + 3]) }        for i in 0 .. n { y[i] = f(x[i]) }
     for i in 0 .. n - 4*q { y[4*q + i] = f(x[4*q + i]) }

   A sum written out, s += f(4*i) + … + f(4*i + 3), is such statements, too. Both are the same statements in the same
   order, so nothing has to be known of what they do. A loop and the next one are joined where neither can have a
   negative number of iterations: proved, told by how q was computed (n / 4), or assumed of dims. */
#include "compiler/pass/raise_impl.h"
#include <string.h>

enum { MOST_COPIES = 64, MOST_RENAMED = 16, MOST_DIVISOR = 64 };

/* Is y what x is, with symbol `sym` moved on by `by` / `over`? (by 1 of over 4: coefficient 4 of sym gives + 1.) */
struct shift {
  struct raise *r;
  sym_t sym;
  int64_t by, over;
  poly_t instead; /* not NULL: y has this in place of sym, which it does not hold */
  unsigned n;     /* locals that have another name in y */
  uint16_t from[MOST_RENAMED], to[MOST_RENAMED];
};

static poly_t divided(struct arena *a, poly_t p, int64_t by) {
  struct poly *q = (struct poly *)poly_copy(a, p);
  for (uint32_t i = 0; i < q->n; i++) {
    if (q->mono[i].coef % by) return NULL;
    q->mono[i].coef /= by;
  }
  return q;
}

static bool same_poly(const struct shift *t, poly_t x, poly_t y) {
  struct arena *a = t->r->a;
  poly_t coef, rest;
  if (!x || !y) return x == y;
  if (t->instead) return poly_eq(poly_subst(a, x, t->sym, t->instead), y);
  if (!poly_split(a, x, t->sym, &coef, &rest) || poly_has(coef, t->sym)) return false;
  coef = divided(a, coef, t->over);
  return coef && poly_eq(poly_add(a, x, poly_scale(a, coef, t->by)), y);
}

static bool same_polys(const struct shift *t, const poly_t *x, unsigned nx, const poly_t *y, unsigned ny) {
  if (nx != ny) return false;
  for (unsigned i = 0; i < nx; i++)
    if (!same_poly(t, x[i], y[i])) return false;
  return true;
}

/* A local that is read: one that was set under this name before, or is the same in both. */
static bool same_local(const struct shift *t, unsigned x, unsigned y) {
  for (unsigned i = t->n; i-- > 0;)
    if (t->from[i] == x || t->to[i] == y) return t->from[i] == x && t->to[i] == y;
  return x == y;
}

static bool same_expr(const struct shift *t, expr_t x, expr_t y);

static bool same_access(const struct shift *t, const struct access *x, const struct access *y) {
  if (x->tensor != y->tensor || x->rank != y->rank) return false;
  if (!same_polys(t, x->guard, x->nguard, y->guard, y->nguard)) return false;
  for (unsigned i = 0; i < x->rank; i++)
    if (!same_poly(t, x->ix[i].poly, y->ix[i].poly) || !same_expr(t, x->ix[i].dyn, y->ix[i].dyn)) return false;
  return same_expr(t, x->otherwise, y->otherwise);
}

static bool same_expr(const struct shift *t, expr_t x, expr_t y) {
  if (!x || !y) return x == y;
  if (x->kind != y->kind || x->type != y->type || x->nkid != y->nkid) return false;
  switch (x->kind) {
  case E_POLY:
    return same_poly(t, x->poly, y->poly);
  case E_READ:
    return same_access(t, x->acc, y->acc);
  case E_LOCAL:
    return same_local(t, x->id, y->id);
  case E_CONST:
  case E_SCALAR:
    return expr_eq(x, y);
  default:
    break;
  }
  if (x->op != y->op) return false;
  for (unsigned i = 0; i < x->nkid; i++)
    if (!same_expr(t, x->kid[i], y->kid[i])) return false;
  return true;
}

static bool rename_local(struct shift *t, unsigned x, unsigned y) {
  if (same_local(t, x, y)) return true;
  for (unsigned i = 0; i < t->n; i++)
    if (t->from[i] == x || t->to[i] == y) return false;
  if (t->n == MOST_RENAMED || t->r->f->local[x].type != t->r->f->local[y].type) return false;
  t->from[t->n] = (uint16_t)x;
  t->to[t->n++] = (uint16_t)y;
  return true;
}

static bool same_stmt(struct shift *t, const struct lstmt *x, const struct lstmt *y) {
  if (x->kind != y->kind || x->nbody != y->nbody) return false;
  switch (x->kind) {
  case L_SET:
    return same_expr(t, x->value, y->value) && rename_local(t, x->id, y->id);
  case L_STORE:
    return x->red == y->red && same_access(t, x->acc, y->acc) && same_expr(t, x->value, y->value);
  case L_IF:
    if (!same_polys(t, x->guard, x->nguard, y->guard, y->nguard) || !same_expr(t, x->cond, y->cond)) return false;
    break;
  case L_BLOCK:
    break;
  default:
    return false;
  }
  for (unsigned i = 0; i < x->nbody; i++) {
    if (!x->body[i] || !y->body[i]) {
      if (x->body[i] != y->body[i]) return false;
      continue;
    }
    if (!same_stmt(t, x->body[i], y->body[i])) return false;
  }
  return true;
}

/* Locals that get another name are set by each copy before it reads them, and nobody reads them behind: it does not
 * matter which one holds the value. */
static bool private_names(const struct shift *t, const struct lstmt *x, const struct lstmt *y,
                          const struct tree_frame *at) {
  for (unsigned i = 0; i < t->n; i++) {
    if (tree_exposes(x, t->from[i]) || tree_exposes(y, t->to[i])) return false;
    if (tree_read_behind(at, t->from[i]) || tree_read_behind(at, t->to[i])) return false;
  }
  return true;
}

/* --- one loop --- */

static bool one_range(const struct lstmt *s) {
  return s->kind == L_FOR && s->nlo == 1 && s->nhi == 1 && !s->once;
}

static bool plain_loop(const struct lstmt *s) {
  return one_range(s) && s->step == 1;
}

static bool copies(struct raise *r, const struct lstmt *loop, struct lstmt *b, unsigned k,
                   const struct tree_frame *at) {
  unsigned each = b->nbody / k;
  for (unsigned j = 1; j < k; j++) {
    struct shift *t = ARENA_NEW(r->a, struct shift, 1);
    *t = (struct shift){.r = r, .sym = loop->sym, .by = j, .over = loop->step == 1 ? k : 1};
    const struct lstmt *x = loop_block(r->a, each, b->body), *y = loop_block(r->a, each, b->body + j * each);
    if (!same_stmt(t, x, y) || !private_names(t, x, y, at)) return false;
  }
  return true;
}

struct narrow {
  sym_t sym;
  int64_t k;
};

/* The coefficient of the symbol is divided: it counts single iterations now. */
static poly_t narrowed(struct arena *a, poly_t p, void *ctx) {
  const struct narrow *n = ctx;
  poly_t coef, rest;
  if (!p || !poly_split(a, p, n->sym, &coef, &rest)) return p;
  return poly_add(a, rest, poly_mul(a, divided(a, coef, n->k), poly_sym(a, n->sym)));
}

/* Statements of a body without the blocks between. */
static unsigned flatten(const struct lstmt *s, struct lstmt **out, unsigned n) {
  if (s->kind != L_BLOCK) {
    if (out) out[n] = (struct lstmt *)s;
    return n + 1;
  }
  for (unsigned i = 0; i < s->nbody; i++) n = flatten(s->body[i], out, n);
  return n;
}

static struct lstmt *flat_block(struct arena *a, const struct lstmt *s) {
  unsigned n = flatten(s, NULL, 0);
  struct lstmt **all = ARENA_NEW(a, struct lstmt *, n + 1u);
  flatten(s, all, 0);
  return loop_block(a, n, all);
}

/* --- sums written out --- */

struct terms {
  unsigned local; /* that they are added to */
  bool any_order; /* of additions */
  bool met;       /* the local */
  unsigned n;
  expr_t term[MOST_COPIES];
};

/* s + a + b, or where any order will do s + (a + b): a and b. */
static bool add_terms(struct terms *t, expr_t x) {
  if (x->kind == E_LOCAL && x->id == t->local) {
    bool first = !t->met && (!t->n || t->any_order);
    t->met = true;
    return first;
  }
  if (!expr_uses(x, t->local)) {
    if (t->any_order && x->kind == E_OP && x->op == OP_add) return add_terms(t, x->kid[0]) && add_terms(t, x->kid[1]);
    if (t->n == MOST_COPIES) return false;
    t->term[t->n++] = x;
    return true;
  }
  return x->kind == E_OP && x->op == OP_add && add_terms(t, x->kid[0]) && add_terms(t, x->kid[1]);
}

/* s = s + a + b as s = s + a; s = s + b. The number of statements; out: NULL, or where they go. */
static unsigned split_sum(struct raise *r, struct lstmt *s, struct lstmt **out) {
  if (out) out[0] = s;
  if (s->kind != L_SET || s->value->kind != E_OP) return 1;
  enum dtype type = (enum dtype)r->f->local[s->id].type;
  struct terms *t = ARENA_NEW(r->a, struct terms, 1);
  *t = (struct terms){.local = s->id, .any_order = !r->strict || type_is_int(type)};
  if ((enum dtype)s->value->type != type || !expr_uses(s->value, s->id) || !add_terms(t, s->value) || t->n < 2)
    return 1;
  for (unsigned i = 0; i < t->n && out; i++) {
    out[i] = loop_set(r->a, s->id, expr_op2(r->a, OP_add, expr_local(r->a, type, s->id), t->term[i]));
    out[i]->loc = s->loc;
  }
  return t->n;
}

static struct lstmt *sums_split(struct raise *r, const struct lstmt *b) {
  unsigned n = 0, at = 0;
  for (unsigned i = 0; i < b->nbody; i++) n += split_sum(r, b->body[i], NULL);
  struct lstmt **all = ARENA_NEW(r->a, struct lstmt *, n + 1u);
  for (unsigned i = 0; i < b->nbody; i++) at += split_sum(r, b->body[i], all + at);
  return loop_block(r->a, n, all);
}

/* In steps of k, over a multiple of k. */
static struct lstmt *roll_steps(struct raise *r, const struct lstmt *s, struct lstmt *b, const struct tree_frame *at) {
  poly_t range = poly_sub(r->a, s->hi[0], s->lo[0]);
  if (s->step > MOST_COPIES || range->overflow || !divided(r->a, range, s->step)) return NULL;
  if (b->nbody % s->step || !copies(r, s, b, (unsigned)s->step, at)) return NULL;
  b->nbody /= (unsigned)s->step;
  struct lstmt *l = loop_for(r->a, F_SERIAL, s->sym, s->lo[0], s->hi[0], 1, b);
  l->loc = s->loc;
  return l;
}

/* The loop with body b, by what it was unrolled; NULL: it was not. */
static struct lstmt *roll_body(struct raise *r, const struct lstmt *s, struct lstmt *b, const struct tree_frame *at) {
  if (s->step > 1) return roll_steps(r, s, b, at);
  for (unsigned k = b->nbody < MOST_COPIES ? b->nbody : MOST_COPIES; k >= 2; k--) {
    if (b->nbody % k || !copies(r, s, b, k, at)) continue;
    struct narrow n = {s->sym, k};
    struct tree_map m = {.a = r->a, .poly = narrowed, .ctx = &n};
    b->nbody /= k;
    struct lstmt *l = loop_for(r->a, F_SERIAL, s->sym, poly_scale(r->a, s->lo[0], k), poly_scale(r->a, s->hi[0], k), 1,
                               tree_copy(&m, b));
    l->loc = s->loc;
    return l->lo[0]->overflow || l->hi[0]->overflow ? NULL : l;
  }
  return NULL;
}

static struct lstmt *roll(struct raise *r, const struct lstmt *s, const struct tree_frame *at) {
  if (!one_range(s)) return NULL;
  struct lstmt *b = flat_block(r->a, s->body[0]), *l = roll_body(r, s, b, at), *split = l ? NULL : sums_split(r, b);
  return split && split->nbody > b->nbody ? roll_body(r, s, split, at) : l;
}

/* --- two loops --- */

struct find_let {
  sym_t sym;
  unsigned n;
  expr_t value;
};

static void is_let(const struct lstmt *s, void *ctx) {
  struct find_let *f = ctx;
  if (s->kind == L_LET && s->sym == f->sym) f->n++, f->value = s->value;
}

/* x / c, x >> s, or (max(x, 0) + c - 1) / c, of a polynomial. */
struct quotient {
  poly_t of;
  int64_t by;
  bool up, floor;
};

static bool number(expr_t x, int64_t *c) {
  if (x->kind == E_POLY) return poly_is_const(x->poly, c);
  if (x->kind == E_CONST) return *c = x->val.i, true;
  int64_t l, r;
  if (x->kind != E_OP || x->op != OP_sub || !number(x->kid[0], &l) || !number(x->kid[1], &r)) return false;
  return !__builtin_sub_overflow(l, r, c);
}

/* max(x, 0) + c - 1: x; NULL: something else. */
static expr_t rounded_up(expr_t x, int64_t c) {
  int64_t more, zero;
  if (x->kind != E_OP || x->op != OP_add || !number(x->kid[1], &more) || more != c - 1) return NULL;
  x = x->kid[0];
  return x->kind == E_OP && x->op == OP_max && number(x->kid[1], &zero) && !zero ? x->kid[0] : NULL;
}

static bool quotient_of(expr_t x, struct quotient *q) {
  if (x->kind != E_OP || (x->op != OP_div && x->op != OP_shr) || !number(x->kid[1], &q->by)) return false;
  q->floor = x->op == OP_shr;
  if (q->floor && (q->by < 1 || q->by > 6)) return false;
  if (q->floor) q->by = (int64_t)1 << q->by;
  x = x->kid[0];
  expr_t inside = q->floor ? NULL : rounded_up(x, q->by);
  q->up = inside != NULL;
  if (inside) x = inside;
  if (x->kind != E_POLY) return false;
  q->of = x->poly;
  return q->by >= 2 && q->by <= MOST_DIVISOR;
}

/* Is [0, middle) and then [middle, end) the same as [0, end) for every value of x, when middle == c * q + m * x + e and
   end == x + d? What q is repeats with period c, but for the sign of x. */
static bool always_joins(const struct quotient *q, int64_t c, int64_t m, int64_t e, int64_t d) {
  enum { PERIODS = 4 };
  int64_t most = PERIODS * q->by + (d < 0 ? -d : d) + (e < 0 ? -e : e);
  if (most > 10000) return false;
  for (int64_t x = -most; x <= most; x++) {
    int64_t v = q->up ? ((x > 0 ? x : 0) + q->by - 1) / q->by : (x - (q->floor && x < 0 ? q->by - 1 : 0)) / q->by;
    int64_t middle = c * v + m * x + e, end = x + d;
    bool both = middle >= 0 && end >= middle, none = middle <= 0 && end <= middle;
    if (!both && !none) return false;
  }
  return true;
}

/* Told by how the symbol in `middle` was computed. */
static bool joins_by_let(struct raise *r, poly_t lo, poly_t middle, poly_t end) {
  int64_t zero, c, e, d;
  poly_t coef, rest;
  if (!poly_is_const(lo, &zero) || zero) return false;
  for (uint32_t i = 0; i < middle->n; i++) {
    if (middle->mono[i].n != 1) continue;
    struct find_let f = {.sym = middle->mono[i].sym[0]};
    struct quotient q;
    tree_visit(r->f->body, is_let, NULL, &f);
    if (f.n != 1 || !quotient_of(f.value, &q) || !poly_split(r->a, middle, f.sym, &coef, &rest)) continue;
    if (!poly_is_const(coef, &c) || (c != q.by && c != -q.by)) continue;
    int64_t m = !poly_is_const(rest, NULL);
    return poly_is_const(poly_sub(r->a, end, q.of), &d) && poly_is_const(m ? poly_sub(r->a, rest, q.of) : rest, &e) &&
           always_joins(&q, c, m, e, d);
  }
  return false;
}

static bool joins(struct raise *r, poly_t lo, poly_t middle, poly_t end) {
  if (joins_by_let(r, lo, middle, end)) return true;
  poly_t first = poly_sub(r->a, middle, lo), second = poly_sub(r->a, end, middle);
  if (!raise_over_dims(r, first) || !raise_over_dims(r, second)) return false;
  raise_assume(r, first);
  raise_assume(r, second);
  return true;
}

/* x, and y behind it, as one loop; NULL: they are two. */
static struct lstmt *join(struct raise *r, const struct lstmt *x, const struct lstmt *y, const struct tree_frame *at) {
  struct arena *a = r->a;
  if (!plain_loop(x) || !plain_loop(y)) return NULL;
  struct shift *t = ARENA_NEW(a, struct shift, 1); /* i in x is what j - lo(y) + hi(x) is in y */
  *t = (struct shift){.r = r, .sym = x->sym};
  t->instead = poly_add(a, poly_sub(a, poly_sym(a, y->sym), y->lo[0]), x->hi[0]);
  poly_t end = poly_add(a, x->hi[0], poly_sub(a, y->hi[0], y->lo[0]));
  struct lstmt *bx = flat_block(a, x->body[0]), *by = flat_block(a, y->body[0]);
  if (t->instead->overflow || end->overflow || !same_stmt(t, bx, by)) return NULL;
  if (!private_names(t, bx, by, at) || !joins(r, x->lo[0], x->hi[0], end)) return NULL;
  struct lstmt *l = loop_for(a, F_SERIAL, x->sym, x->lo[0], end, 1, x->body[0]);
  l->loc = x->loc;
  return l;
}

/* was: the block before its loops were rolled. */
static void join_all(struct raise *r, struct lstmt *s, const struct lstmt *was, const struct tree_frame *around,
                     bool *any) {
  unsigned n = 0;
  for (unsigned i = 0; i < s->nbody; i++) {
    struct tree_frame at = {was, i + 1, around};
    struct lstmt *l = n ? join(r, s->body[n - 1], s->body[i], &at) : NULL;
    *any |= l != NULL;
    if (l)
      s->body[n - 1] = l;
    else
      s->body[n++] = s->body[i];
  }
  s->nbody = n;
}

static struct lstmt *rerolled(struct raise *r, struct lstmt *s, const struct tree_frame *around, bool *any) {
  struct lstmt *n = arena_dup(r->a, s, sizeof *s);
  n->body = arena_dup(r->a, s->body, sizeof *s->body * s->nbody);
  for (unsigned i = 0; i < n->nbody; i++) {
    struct tree_frame at = {s, i + 1, around};
    if (n->body[i]) n->body[i] = rerolled(r, n->body[i], &at, any);
  }
  if (n->kind == L_BLOCK) join_all(r, n, s, around, any);
  struct lstmt *l = roll(r, n, around);
  *any |= l != NULL;
  return l ? l : n;
}

/* --- numbers that nobody needs any more --- */

struct uses {
  bool *sym;
};

static poly_t mark(struct arena *a, poly_t p, void *ctx) {
  struct uses *u = ctx;
  (void)a;
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) u->sym[p->mono[i].sym[j]] = true;
  return p;
}

static void drop_lets(struct raise *r, struct lstmt *s, const bool *used) {
  unsigned n = 0;
  for (unsigned i = 0; i < s->nbody; i++) {
    if (s->body[i]) drop_lets(r, s->body[i], used);
    bool dead = s->kind == L_BLOCK && s->body[i]->kind == L_LET && !used[s->body[i]->sym];
    if (!dead) s->body[n++] = s->body[i];
  }
  s->nbody = n;
}

void raise_reroll(struct raise *r) {
  bool any = false;
  struct lstmt *body = rerolled(r, r->f->body, NULL, &any);
  if (!any) return;
  r->rolled = true;
  struct uses u = {ARENA_NEW(r->a, bool, r->nsym + 1u)};
  struct tree_map m = {.a = r->a, .poly = mark, .ctx = &u};
  tree_copy(&m, body);
  for (unsigned i = 0; i < r->f->nobject; i++)
    for (unsigned d = 0; d < r->f->object[i].rank; d++)
      if (r->f->object[i].extent[d]) mark(r->a, r->f->object[i].extent[d], &u);
  drop_lets(r, body, u.sym);
  struct lfunc *f = arena_dup(r->a, r->f, sizeof *f);
  f->body = body;
  r->f = f;
}
