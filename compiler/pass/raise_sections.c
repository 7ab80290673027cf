/* Loops whose body asks where it is, and reads something else in either case, become a loop for each section in which
   the answer is the same:

     for i in 0 .. n: o[i] = i < m ? a[i] : b[i - m]
     for i in 0 .. m: o[i] = a[i];  for i in m .. n: o[i] = b[i - m]

   As one loop it would read under masks, a step of which can lie outside of both. The iterations and their order stay,
   so nothing has to be known of what they do; that the sections follow one another (0 <= m <= n) is known, or assumed
   of dims. What is read in one case only (a border of zeros) stays a condition: lowering makes loops without it. The
   same goes for subscripts that are chosen (clamped: i < 1 ? 0 : i - 1), and those that wrap around once,
   (i + 1) % n. */
#include "compiler/pass/raise_impl.h"

enum { MOST_CUTS = 4, MOST_GUARDS = 8, MOST_NEEDS = 16, MOST_SECTIONS = 32 };

struct sections {
  struct raise *r;
  const struct lstmt *loop;
  unsigned n;            /* cuts; while the loop is copied: between its ends */
  poly_t cut[MOST_CUTS]; /* first iterations of sections */
  unsigned nneed;        /* what is >= 0 besides */
  poly_t need[MOST_NEEDS];
  unsigned now; /* the section that is copied: from cut[now - 1] */
  unsigned all; /* sections made so far, of all loops */
  bool fails;
};

/* p >= 0 is true from `at` on (up), or before it. */
struct turn {
  poly_t at;
  bool up;
};

static bool turn_of(const struct sections *s, poly_t p, struct turn *t) {
  struct arena *a = s->r->a;
  poly_t coef, rest;
  int64_t c;
  if (!poly_split(a, p, s->loop->sym, &coef, &rest) || !poly_is_const(coef, &c) || (c != 1 && c != -1)) return false;
  *t = (struct turn){c == 1 ? poly_scale(a, rest, -1) : poly_addc(a, rest, 1), c == 1};
  return raise_over_dims(s->r, t->at);
}

/* (i + r) % d that wraps around once: it is i + r before iteration d - r, and d less from there on. need: what is >= 0
 * then, so that it is not negative, and does so once. */
struct wrap {
  poly_t sum, divisor, at, need[2];
};

static bool wrap_of(const struct sections *s, expr_t x, struct wrap *w) {
  struct arena *a = s->r->a;
  poly_t coef, r;
  int64_t c;
  if (x->kind != E_OP || x->op != OP_rem || !type_is_signed((enum dtype)x->type)) return false;
  if (!expr_poly_value(s->r, x->kid[0], &w->sum) || !expr_poly_value(s->r, x->kid[1], &w->divisor)) return false;
  if (!poly_split(a, w->sum, s->loop->sym, &coef, &r) || !poly_is_const(coef, &c) || c != 1) return false;
  if (!raise_over_dims(s->r, r) || !raise_over_dims(s->r, w->divisor)) return false;
  if (!poly_is_const(poly_sub(a, s->loop->hi[0], w->divisor), &c)) return false; /* of another length: how often? */
  w->at = poly_sub(a, w->divisor, r);
  w->need[0] = poly_add(a, s->loop->lo[0], r);
  w->need[1] = poly_sub(a, poly_scale(a, w->divisor, 2), poly_add(a, s->loop->hi[0], r));
  return raise_over_dims(s->r, w->need[0]) && raise_over_dims(s->r, w->need[1]);
}

/* --- where a loop is cut --- */

static void add_cut(struct sections *s, poly_t at) {
  struct arena *a = s->r->a;
  int64_t c;
  if (poly_is_const(poly_sub(a, at, s->loop->lo[0]), &c) && c <= 0) return;
  if (poly_is_const(poly_sub(a, s->loop->hi[0], at), &c) && c <= 0) return;
  for (unsigned i = 0; i < s->n; i++)
    if (poly_eq(s->cut[i], at)) return;
  s->fails |= s->n == MOST_CUTS;
  if (!s->fails) s->cut[s->n++] = at;
}

static void cut_at(expr_t x, void *ctx) {
  struct sections *s = ctx;
  poly_t g[MOST_GUARDS];
  unsigned n = 0;
  struct turn t;
  if (x->kind != E_OP || !(op_info[x->op].flags & OPF_CMP)) return;
  if (cond_split(s->r, x, x->op == OP_ne, g, &n, MOST_GUARDS)) return;
  for (unsigned i = 0; i < n; i++)
    if (turn_of(s, g[i], &t)) add_cut(s, t.at);
}

static void find_read(expr_t x, void *ctx) {
  bool *found = ctx;
  *found |= x->kind == E_READ;
}

static bool reads_any(expr_t x) {
  bool found = false;
  expr_visit(x, find_read, &found);
  return found;
}

static bool tree_any_read(const struct lstmt *s) {
  bool found = false;
  if (s) tree_visit(s, NULL, find_read, &found);
  return found;
}

/* A subscript that is chosen: of an integer type, and either choice is one of indices. */
static bool is_index(const struct sections *s, expr_t x) {
  poly_t p;
  if (!type_is_int((enum dtype)x->type)) return false;
  if (x->kind == E_CAST) return is_index(s, x->kid[0]);
  if (x->kind == E_OP && x->op == OP_select) return is_index(s, x->kid[1]) && is_index(s, x->kid[2]);
  return expr_poly_value(s->r, x, &p);
}

static bool is_number(expr_t x) {
  return x->kind == E_CONST || (x->kind == E_POLY && poly_is_const(x->poly, NULL));
}

static void add_wrap(struct sections *s, const struct wrap *w) {
  int64_t c;
  for (unsigned i = 0; i < 2; i++)
    if (poly_is_const(w->need[i], &c) && c < 0) return;
  if (s->nneed + 2 > MOST_NEEDS) return;
  s->need[s->nneed++] = w->need[0];
  s->need[s->nneed++] = w->need[1];
  add_cut(s, w->at);
}

static void look_expr(expr_t x, void *ctx) {
  struct sections *s = ctx;
  struct wrap w;
  if (wrap_of(s, x, &w)) add_wrap(s, &w);
  if (x->kind != E_OP || x->op != OP_select) return;
  bool both = reads_any(x->kid[1]) && reads_any(x->kid[2]);
  if (both || (is_index(s, x) && !(is_number(x->kid[1]) && is_number(x->kid[2])))) expr_visit(x->kid[0], cut_at, s);
}

static void look_stmt(const struct lstmt *x, void *ctx) {
  struct sections *s = ctx;
  s->fails |=
      x->kind == L_STORE && x->acc->tensor >= s->r->f->k->ntensor; /* an array of the iteration's own stays one */
  if (x->kind != L_IF || x->nbody < 2 || !tree_any_read(x->body[0]) || !tree_any_read(x->body[1])) return;
  struct turn t;
  for (unsigned i = 0; i < x->nguard; i++)
    if (turn_of(s, x->guard[i], &t)) add_cut(s, t.at);
  if (x->cond) expr_visit(x->cond, cut_at, s);
}

/* Those at a constant distance from the start first, then others, then those at one from the end. */
static int rank_of(const struct sections *s, poly_t at, int64_t *c) {
  struct arena *a = s->r->a;
  *c = 0;
  if (poly_is_const(poly_sub(a, at, s->loop->lo[0]), c)) return 0;
  return poly_is_const(poly_sub(a, at, s->loop->hi[0]), c) ? 2 : 1;
}

static bool before(const struct sections *s, poly_t x, poly_t y) {
  int64_t cx, cy, c;
  int rx = rank_of(s, x, &cx), ry = rank_of(s, y, &cy);
  if (rx == 1 && ry == 1 && poly_is_const(poly_sub(s->r->a, y, x), &c)) return c > 0;
  return rx != ry ? rx < ry : cx < cy;
}

static void sort_cuts(struct sections *s) {
  for (unsigned i = 1; i < s->n; i++)
    for (unsigned j = i; j > 0 && before(s, s->cut[j], s->cut[j - 1]); j--) {
      poly_t x = s->cut[j];
      s->cut[j] = s->cut[j - 1], s->cut[j - 1] = x;
    }
}

static poly_t section_start(const struct sections *s, unsigned i) {
  return i == 0 ? s->loop->lo[0] : i <= s->n ? s->cut[i - 1] : s->loop->hi[0];
}

/* Each section begins before the next: known, or a matter of dims that may be assumed. */
static bool in_order(struct sections *s, bool assume) {
  for (unsigned i = 0; i <= s->n; i++) {
    poly_t d = poly_sub(s->r->a, section_start(s, i + 1), section_start(s, i));
    int64_t c;
    if (poly_is_const(d, &c) ? c < 0 : !raise_over_dims(s->r, d)) return false;
    if (assume) raise_assume(s->r, d);
  }
  for (unsigned i = 0; i < s->nneed && assume; i++) raise_assume(s->r, s->need[i]);
  return true;
}

/* --- what is known in a section --- */

enum truth { FALSE, TRUE, UNKNOWN };

static enum truth known(const struct sections *s, poly_t p) {
  struct arena *a = s->r->a;
  struct turn t;
  int64_t c;
  if (poly_is_const(p, &c)) return c >= 0 ? TRUE : FALSE;
  if (!turn_of(s, p, &t)) return UNKNOWN;
  for (unsigned i = 0; i < s->n; i++)
    if (poly_eq(s->cut[i], t.at)) return (s->now > i) == t.up ? TRUE : FALSE;
  if (poly_is_const(poly_sub(a, t.at, s->loop->lo[0]), &c) && c <= 0) return t.up ? TRUE : FALSE;
  if (poly_is_const(poly_sub(a, s->loop->hi[0], t.at), &c) && c <= 0) return t.up ? FALSE : TRUE;
  return UNKNOWN;
}

static enum truth all_known(const struct sections *s, const poly_t *g, unsigned n) {
  enum truth all = TRUE;
  for (unsigned i = 0; i < n && all != FALSE; i++) {
    enum truth one = known(s, g[i]);
    if (one != TRUE) all = one;
  }
  return all;
}

static enum truth opposite(enum truth t) {
  return t == UNKNOWN ? t : t == TRUE ? FALSE : TRUE;
}

static enum truth value_of(expr_t x) {
  return x->kind != E_CONST ? UNKNOWN : x->val.u ? TRUE : FALSE;
}

static enum truth compared(const struct sections *s, expr_t x) {
  poly_t g[MOST_GUARDS];
  unsigned n = 0;
  bool neg = x->op == OP_ne;
  if (cond_split(s->r, x, neg, g, &n, MOST_GUARDS)) return UNKNOWN;
  return neg ? opposite(all_known(s, g, n)) : all_known(s, g, n);
}

/* and, or, not, and casts of truth values of which a part is known. */
static expr_t joined(struct arena *a, expr_t x) {
  if (x->kind == E_CAST && x->kid[0]->kind == E_CONST && x->kid[0]->type == DT_bool && type_is_int((enum dtype)x->type))
    return expr_i(a, (enum dtype)x->type, x->kid[0]->val.u != 0);
  if (x->kind != E_OP || x->type != DT_bool) return x;
  if (x->op == OP_not && value_of(x->kid[0]) != UNKNOWN) return expr_i(a, DT_bool, value_of(x->kid[0]) == FALSE);
  if (x->op != OP_and && x->op != OP_or) return x;
  enum truth ends = x->op == OP_and ? FALSE : TRUE;
  for (unsigned i = 0; i < 2; i++) {
    enum truth t = value_of(x->kid[i]);
    if (t != UNKNOWN) return t == ends ? x->kid[i] : x->kid[1 - i];
  }
  return x;
}

/* A read without those of its conditions that hold. */
static expr_t read_known(const struct sections *s, expr_t x) {
  struct access *acc = arena_dup(s->r->a, x->acc, sizeof *acc);
  poly_t *g = ARENA_NEW(s->r->a, poly_t, acc->nguard + 1u);
  unsigned n = 0;
  for (unsigned i = 0; i < x->acc->nguard; i++) {
    enum truth t = known(s, x->acc->guard[i]);
    if (t == FALSE && x->acc->otherwise) return x->acc->otherwise;
    if (t != TRUE) g[n++] = x->acc->guard[i];
  }
  acc->guard = g;
  acc->nguard = (uint8_t)n;
  if (!n) acc->otherwise = NULL;
  return expr_read(s->r->a, (enum dtype)x->type, acc);
}

/* Subscripts that are polynomials now. */
static expr_t read_affine(const struct sections *s, expr_t x) {
  struct access *acc = arena_dup(s->r->a, x->acc, sizeof *acc);
  acc->ix = arena_dup(s->r->a, x->acc->ix, sizeof *acc->ix * x->acc->rank);
  for (unsigned d = 0; d < acc->rank; d++) {
    poly_t p;
    if (!acc->ix[d].dyn || !expr_poly_value(s->r, acc->ix[d].dyn, &p)) continue;
    acc->ix[d].poly = acc->ix[d].poly ? poly_add(s->r->a, acc->ix[d].poly, p) : p;
    acc->ix[d].dyn = NULL;
  }
  return expr_read(s->r->a, (enum dtype)x->type, acc);
}

static bool needed(const struct sections *s, poly_t p) {
  bool found = false;
  for (unsigned i = 0; i < s->nneed && !found; i++) found = poly_eq(s->need[i], p);
  return found;
}

/* Which side of the cut where it wraps around? Where the loop is not cut there: x. */
static expr_t unwrapped(const struct sections *s, expr_t x, const struct wrap *w) {
  struct arena *a = s->r->a;
  bool once = needed(s, w->need[0]) && needed(s, w->need[1]);
  for (unsigned i = 0; i < s->n && once; i++)
    if (poly_eq(s->cut[i], w->at)) {
      poly_t v = s->now > i ? poly_sub(a, w->sum, w->divisor) : w->sum;
      return expr_cast(a, (enum dtype)x->type, expr_poly(a, v));
    }
  return x;
}

static expr_t node(struct arena *a, expr_t x, void *ctx) {
  const struct sections *s = ctx;
  struct wrap w;
  if (wrap_of(s, x, &w)) return unwrapped(s, x, &w);
  if (x->kind == E_READ) x = read_affine(s, x);
  if (x->kind == E_READ && x->acc->nguard) return read_known(s, x);
  if (x->kind == E_OP && (op_info[x->op].flags & OPF_CMP) && type_is_int((enum dtype)x->kid[0]->type)) {
    enum truth t = compared(s, x);
    return t == UNKNOWN ? x : expr_i(a, DT_bool, t == TRUE);
  }
  if (x->kind == E_OP && x->op == OP_select && value_of(x->kid[0]) != UNKNOWN)
    return x->kid[value_of(x->kid[0]) == TRUE ? 1 : 2];
  return joined(a, x);
}

/* The branch that is taken instead of an `if`, where that is known. */
static struct lstmt *chosen(const struct sections *s, struct lstmt *x) {
  for (unsigned i = 0; i < x->nbody; i++)
    if (x->body[i]) x->body[i] = chosen(s, x->body[i]);
  if (x->kind != L_IF) return x;
  enum truth t = all_known(s, x->guard, x->nguard), c = x->cond ? value_of(x->cond) : TRUE;
  if (t == FALSE || c == FALSE)
    t = FALSE;
  else if (c == UNKNOWN)
    t = UNKNOWN;
  if (t == UNKNOWN) return x;
  struct lstmt *way = t == TRUE ? x->body[0] : x->nbody > 1 ? x->body[1] : NULL;
  return way ? way : loop_block(s->r->a, 0, NULL);
}

/* --- numbers that are polynomials in a section --- */

struct settled {
  unsigned local;
  sym_t sym; /* SYM_NONE: the local */
  expr_t value;
  poly_t poly;
};

static expr_t settle_expr(struct arena *a, expr_t x, void *ctx) {
  const struct settled *t = ctx;
  (void)a;
  return t->sym == SYM_NONE && x->kind == E_LOCAL && x->id == t->local ? t->value : x;
}

static poly_t settle_poly(struct arena *a, poly_t p, void *ctx) {
  const struct settled *t = ctx;
  return t->sym != SYM_NONE && p && poly_has(p, t->sym) ? poly_subst(a, p, t->sym, t->poly) : p;
}

static void count_set(const struct lstmt *x, void *ctx) {
  unsigned *n = ctx;
  n[1] += x->kind == L_SET && x->id == n[0];
}

/* It is set once in the section, before it is read. */
static bool set_once(const struct lstmt *body, unsigned local) {
  unsigned n[2] = {local, 0};
  tree_visit(body, count_set, NULL, n);
  return n[1] == 1 && !tree_exposes(body, local);
}

/* A number set outside of the loops inside, whose value is a polynomial here. seen: locals that were found. */
static bool find_settled(const struct sections *s, const struct lstmt *body, struct lstmt *x, bool *seen,
                         struct settled *t) {
  bool let = x->kind == L_LET, set = x->kind == L_SET && type_is_int((enum dtype)x->value->type) && !seen[x->id];
  if ((let || set) && expr_poly_value(s->r, x->value, &t->poly) && (let || set_once(body, x->id))) {
    t->local = x->id, t->sym = let ? x->sym : SYM_NONE, t->value = x->value;
    if (set) seen[x->id] = true;
    if (let) x->kind = L_BLOCK, x->nbody = 0;
    return true;
  }
  for (unsigned i = 0; i < x->nbody; i++)
    if (x->body[i] && x->kind != L_FOR && x->kind != L_WHILE && find_settled(s, body, x->body[i], seen, t)) return true;
  return false;
}

static struct lstmt *settle(const struct sections *s, struct lstmt *body) {
  bool *seen = ARENA_NEW(s->r->a, bool, s->r->f->nlocal + 1u);
  struct settled t;
  while (find_settled(s, body, body, seen, &t)) {
    struct tree_map m = {.a = s->r->a, .poly = settle_poly, .expr = settle_expr, .ctx = &t};
    body = tree_copy(&m, body);
  }
  return body;
}

/* A section of one iteration is no loop. */
static struct lstmt *only(const struct sections *s, struct lstmt *body, poly_t at) {
  struct settled t = {.sym = s->loop->sym, .poly = at};
  struct tree_map m = {.a = s->r->a, .poly = settle_poly, .ctx = &t};
  return tree_copy(&m, body);
}

static struct lstmt *section(struct sections *s, unsigned i) {
  poly_t from = section_start(s, i), to = section_start(s, i + 1);
  int64_t n;
  struct tree_map m = {.a = s->r->a, .expr = node, .ctx = s};
  s->now = i;
  struct lstmt *body = settle(s, chosen(s, tree_copy(&m, s->loop->body[0])));
  if (poly_is_const(poly_sub(s->r->a, to, from), &n) && n == 1) return only(s, body, from);
  struct lstmt *l = loop_for(s->r->a, F_SERIAL, s->loop->sym, from, to, 1, body);
  l->loc = s->loop->loc;
  return l;
}

static struct lstmt *cut_loop(struct sections *s, struct lstmt *loop) {
  if (loop->kind != L_FOR || loop->fkind != F_SERIAL || loop->step != 1 || loop->nlo != 1 || loop->nhi != 1 ||
      loop->once)
    return loop;
  s->loop = loop;
  s->n = s->nneed = 0;
  s->fails = false;
  tree_visit(loop->body[0], look_stmt, look_expr, s);
  sort_cuts(s);
  if (s->fails || !s->n || s->all + s->n > MOST_SECTIONS || !in_order(s, false)) return loop;
  in_order(s, true);
  s->all += s->n;
  struct lstmt **part = ARENA_NEW(s->r->a, struct lstmt *, s->n + 1u);
  for (unsigned i = 0; i <= s->n; i++) part[i] = section(s, i);
  return loop_block(s->r->a, s->n + 1, part);
}

/* Outer loops first: what they know may decide what inner ones ask. */
static struct lstmt *walk(struct sections *s, const struct lstmt *x) {
  struct lstmt *n = cut_loop(s, arena_dup(s->r->a, x, sizeof *x));
  n->body = arena_dup(s->r->a, n->body, sizeof *n->body * n->nbody);
  bool cut = x->kind == L_FOR && n->kind == L_BLOCK;
  for (unsigned i = 0; i < n->nbody; i++) {
    struct lstmt *l = n->body[i];
    if (!l) continue;
    if (cut && l->kind == L_FOR) /* a section: not again */
      l->body[0] = walk(s, l->body[0]);
    else
      n->body[i] = walk(s, l);
  }
  return n;
}

void raise_sections(struct raise *r) {
  struct sections s = {.r = r};
  struct lstmt *body = walk(&s, r->f->body);
  if (!s.all) return;
  struct lfunc *f = arena_dup(r->a, r->f, sizeof *f);
  f->body = body;
  r->f = f;
  r->cut = true;
}
