/* Loops. A counted loop (c_count.c) becomes L_FOR; loops that run down count up inside: i = start - i'. Everything else
   becomes L_WHILE, executed as written. */
#include "compiler/frontend/c_count.h"

static bool is_compare(struct cx *x, CXCursor c) {
  c = c_strip(x, c);
  if (x->cl->getCursorKind(c) != CXCursor_BinaryOperator) return false;
  enum op o = c_binop(x->cl->getCursorBinaryOperatorKind(c));
  enum CXBinaryOperatorKind k = x->cl->getCursorBinaryOperatorKind(c);
  return (o >= OP_eq && o <= OP_ge && o != OP_COUNT) || k == CXBinaryOperator_LAnd || k == CXBinaryOperator_LOr;
}

/* An assignment, or several with commas. */
static bool is_start(struct cx *x, CXCursor c) {
  c = c_strip(x, c);
  if (x->cl->getCursorKind(c) != CXCursor_BinaryOperator) return false;
  enum CXBinaryOperatorKind k = x->cl->getCursorBinaryOperatorKind(c);
  struct kids in = c_kids(x, c);
  return k == CXBinaryOperator_Assign || (k == CXBinaryOperator_Comma && in.n == 2 && is_start(x, in.c[1]));
}

/* clang does not mark which part of a for is missing: with fewer than four children they are told apart by what they
 * are. */
static struct parts split(struct cx *x, CXCursor s) {
  struct kids k = c_kids(x, s);
  struct parts p = {0};
  if (!k.n || k.n > 4) c_refuse(x, s, "this form of for is not supported");
  p.body = (struct kids){1, &k.c[k.n - 1]};
  if (k.n == 4) {
    p.init = k.c[0], p.cond = k.c[1], p.inc = k.c[2];
    p.has_init = p.has_cond = p.has_inc = true;
    return p;
  }
  unsigned i = 0, last = k.n - 1;
  if (i < last && (x->cl->getCursorKind(k.c[i]) == CXCursor_DeclStmt || (is_start(x, k.c[i]) && last > 1)))
    p.init = k.c[i++], p.has_init = true;
  if (i < last && is_compare(x, k.c[i])) p.cond = k.c[i++], p.has_cond = true;
  if (i < last && p.has_cond) p.inc = k.c[i++], p.has_inc = true;
  if (i != last || !p.has_cond) {
    if (!c_has_break(x, p.body.c[0]) && !c_has_return(x, p.body.c[0]))
      c_refuse(x, s, "for without a condition is not supported: write for (init; condition; step)");
    if (i != last) c_refuse(x, s, "for without a condition is not supported: write while (1)");
  }
  return p;
}

/* Value of the counter behind the loop: start + step * (number of iterations). */
static expr_t final_value(struct cx *x, const struct bounds *b, enum dtype t) {
  bool down = b->step < 0;
  struct arena *a = x->a;
  expr_t start = expr_poly(a, b->start), limit = expr_poly(a, b->limit[0]);
  for (unsigned i = 1; i < b->n; i++) limit = expr_op2(a, down ? OP_max : OP_min, limit, expr_poly(a, b->limit[i]));
  if (b->step == 1 || b->step == -1) return expr_cast(a, t, expr_op2(a, down ? OP_min : OP_max, start, limit));
  int64_t step = down ? -b->step : b->step;
  expr_t zero = expr_i(a, DT_i64, 0), by = expr_i(a, DT_i64, step);
  expr_t len = down ? expr_op2(a, OP_sub, start, limit) : expr_op2(a, OP_sub, limit, start);
  len = expr_op2(a, OP_max, expr_op2(a, OP_add, len, expr_i(a, DT_i64, step - 1)), zero);
  expr_t far = expr_op2(a, OP_mul, expr_op2(a, OP_div, len, by), by);
  return expr_cast(a, t, expr_op2(a, down ? OP_sub : OP_add, start, far));
}

static void forget_all(struct cx *x, struct kids k) {
  for (unsigned i = 0; i < k.n; i++) c_forget_assigned(x, k.c[i]);
}

/* first: the first symbol that belongs to the loop. */
static struct lstmt *lower_body(struct cx *x, struct kids body, struct kids more, unsigned first) {
  struct clist l = {0}, *outer = x->cur;
  struct rest all = {body, 0, NULL};
  x->cur = &l;
  if (x->loops < MAX_LEVELS) x->level[x->loops] = (struct level){outer, first};
  x->loops++;
  c_stmts(x, &all);
  for (unsigned i = 0; i < body.n && more.n; i++) /* behind a `continue` it is not known how far the body came */
    if (c_has_jump(x, body.c[i])) forget_all(x, body);
  for (unsigned i = 0; i < more.n; i++) c_effect(x, more.c[i]);
  x->loops--;
  x->cur = outer;
  return c_block(x, &l);
}

/* The loop over 0 … count, at start + by * its variable. */
static struct lstmt *count_loop(struct cx *x, const struct counter *c, const struct bounds *b, poly_t *value) {
  sym_t s = c_new_sym(x, c->name, 0, INT64_MAX);
  poly_t far = poly_mul(x->a, b->by, poly_sym(x->a, s));
  *value = b->step < 0 ? poly_sub(x->a, b->start, far) : poly_add(x->a, b->start, far);
  if ((*value)->overflow) c_refuse(x, x->at, "loop bounds are too large");
  return loop_for(x->a, F_SERIAL, s, poly_const(x->a, 0), b->count, 1, loop_block(x->a, 0, NULL));
}

/* The loop variable's symbol with its range, and the counter's value in it; its loop around nothing yet. */
static struct lstmt *counter_loop(struct cx *x, const struct counter *c, const struct bounds *b, poly_t *value) {
  bool down = b->step < 0;
  if (b->count) return count_loop(x, c, b, value);
  poly_t *hi = ARENA_NEW(x->a, poly_t, b->n), lo = down ? poly_const(x->a, 0) : b->start;
  int64_t first, most = INT64_MAX, lmin, lmax, none;
  for (unsigned i = 0; i < b->n; i++) {
    hi[i] = down ? poly_sub(x->a, b->start, b->limit[i]) : b->limit[i];
    poly_range(hi[i], x->lo, x->hi, &lmin, &lmax);
    if (lmax < most) most = lmax;
  }
  poly_range(lo, x->lo, x->hi, &first, &none);
  sym_t s = c_new_sym(x, c->name, first, most == INT64_MAX || most == INT64_MIN ? most : most - 1);
  poly_t i = poly_sym(x->a, s);
  *value = down ? poly_sub(x->a, b->start, i) : i;
  struct lstmt *f = loop_for(x->a, F_SERIAL, s, lo, hi[0], down ? -b->step : b->step, loop_block(x->a, 0, NULL));
  f->hi = hi;
  f->nhi = (uint8_t)b->n;
  bool bad = (*value)->overflow;
  for (unsigned k = 0; k < b->n; k++) bad |= hi[k]->overflow;
  if (bad) c_refuse(x, x->at, "loop bounds are too large");
  return f;
}

static struct lstmt *with_half(struct cx *x, const struct bounds *b, poly_t i, struct lstmt *body) {
  if (!b->half_e) return body;
  poly_t g = poly_sub(x->a, poly_addc(x->a, b->half_e, -b->half_c), poly_scale(x->a, i, b->half_c));
  struct lstmt *s = loop_if(x->a, 1, &g, NULL, body, NULL);
  s->loc = x->loc;
  return s;
}

/* The counter's value behind the loop as a polynomial; NULL: it is none. */
static poly_t known_final(struct cx *x, const struct bounds *b) {
  if (b->count) {
    poly_t far = poly_mul(x->a, b->by, b->count);
    return b->step < 0 ? poly_sub(x->a, b->start, far) : poly_add(x->a, b->start, far);
  }
  poly_t range = poly_sub(x->a, b->limit[0], b->start);
  int64_t n;
  if (b->n != 1 || (b->step != 1 && b->step != -1) || range->overflow) return NULL;
  if (b->step < 0) range = poly_scale(x->a, range, -1);
  if (poly_is_const(range, &n) && n < 0) return b->start;
  return cv_nonneg(x, range) ? b->limit[0] : NULL;
}

static void set_final(struct cx *x, CXCursor s, const struct counter *c, const struct bounds *b) {
  struct cvar *v = cvar_find(x, c->decl);
  poly_t p = known_final(x, b);
  expr_t e = p ? cv_get(x, cv_poly(x, p, c->type, true)) : final_value(x, b, c->type);
  struct lstmt *set = loop_set(x->a, v->id, e);
  set->loc = c_loc(x, s);
  c_emit(x, set);
  if (p) v->known = p, v->known_exact = true;
}

/* How many iterations there are; NULL: no polynomial. It may be negative. */
static poly_t iterations(struct cx *x, const struct bounds *b) {
  if (b->half_e) return NULL;
  if (b->count) return b->count;
  if (b->n != 1 || (b->step != 1 && b->step != -1)) return NULL;
  poly_t n = b->step > 0 ? poly_sub(x->a, b->limit[0], b->start) : poly_sub(x->a, b->start, b->limit[0]);
  return n->overflow ? NULL : n;
}

/* The counter in iteration i. */
static poly_t value_at(struct cx *x, const struct bounds *b, poly_t i) {
  poly_t far = b->count ? poly_mul(x->a, b->by, i) : i;
  return b->step < 0 ? poly_sub(x->a, b->start, far) : poly_add(x->a, b->start, far);
}

/* One iteration, number i, with the pointers as in that phase. */
static struct lstmt *turned_body(struct cx *x, CXCursor s, const struct parts *p, const struct counter *c,
                                 const struct bounds *b, const struct turns *t, unsigned phase, poly_t i) {
  c_forget_assigned(x, s);
  c_turns_set(x, t, phase);
  struct cvar *v = cvar_find(x, c->decl);
  v->known = value_at(x, b, i);
  v->known_exact = true;
  if (v->known->overflow) c_refuse(x, s, "loop bounds are too large");
  return lower_body(x, p->body, p->more, x->k->nsym);
}

/* A counted loop that exchanges pointers: whole periods in a loop, then what is left of one. */
static void turned_loop(struct cx *x, CXCursor s, const struct parts *p, const struct counter *c,
                        const struct bounds *b, const struct turns *t, poly_t n) {
  int64_t period = t->period, fixed;
  poly_t whole, i;
  expr_t times = expr_op2(x->a, OP_max, expr_poly(x->a, n), expr_i(x->a, DT_i64, 0));
  times = expr_op2(x->a, OP_div, times, expr_i(x->a, DT_i64, period));
  if (poly_is_const(n, &fixed))
    whole = poly_const(x->a, fixed > 0 ? fixed / period : 0);
  else
    whole = cv_over_dims(x, n) ? c_entry_let(x, "rounds", times) : c_let(x, x->cur, "rounds", times, x->loc);
  sym_t sym = c_new_sym(x, c->name, 0, INT64_MAX);
  struct clist all = {0}, *outer = x->cur;
  i = poly_scale(x->a, poly_sym(x->a, sym), period);
  x->cur = &all;
  for (unsigned k = 0; k < t->period; k++) c_emit(x, turned_body(x, s, p, c, b, t, k, poly_addc(x->a, i, k)));
  x->cur = outer;
  struct lstmt *f = loop_for(x->a, F_SERIAL, sym, poly_const(x->a, 0), whole, 1, c_block(x, &all));
  f->loc = c_loc(x, s);
  c_emit(x, f);
  poly_t done = poly_scale(x->a, whole, period), left = poly_sub(x->a, n, done);
  for (unsigned k = 0; k + 1 < t->period; k++) {
    poly_t more = poly_addc(x->a, left, -(int64_t)k - 1);
    struct lstmt *body = turned_body(x, s, p, c, b, t, k, poly_addc(x->a, done, k));
    struct lstmt *one = loop_if(x->a, 1, &more, NULL, body, NULL);
    one->loc = c_loc(x, s);
    c_emit(x, one);
  }
  c_forget_assigned(x, s);
  cvar_find(x, c->decl)->known = NULL;
  c_turns_set(x, t, 0);
  c_forget_assigned(x, s);
  x->turned = ARENA_NEW(x->a, struct turned, 1);
  *x->turned = (struct turned){.turns = *t, .left = left};
  if (!c->inside) set_final(x, s, c, b);
}

static bool counted(struct cx *x, CXCursor s, struct parts *p) {
  struct counter c = {0};
  struct bounds b = {0};
  struct known before = c_known_save(x);
  struct turns turns;
  bool turning = c_turns_find(x, s, p->body, &turns);
  if (!c_count(x, p, &c, &b) || (turning && !iterations(x, &b))) {
    c_known_restore(x, before);
    return false;
  }
  struct loc loc = c_loc(x, s);
  poly_t value;
  if (c.inside && !cvar_find(x, c.decl))
    cvar_add(x, c.decl, c.name, VAR_SCALAR, c.type)->id = UINT16_MAX; /* its value is always known */
  if (turning) return turned_loop(x, s, p, &c, &b, &turns, iterations(x, &b)), true;
  struct walks walks;
  c_walks_find(x, p, &b, &c, &before, &walks);
  struct lstmt *f = counter_loop(x, &c, &b, &value);
  f->loc = loc;
  c_walks_start(x, &walks, &before, poly_sub(x->a, poly_sym(x->a, f->sym), f->lo[0]));
  struct cvar *v = cvar_find(x, c.decl);
  v->known = value;
  v->known_exact = true;
  f->body[0] = with_half(x, &b, value, lower_body(x, p->body, p->more, f->sym));
  c_emit(x, f);
  c_forget_assigned(x, s);
  cvar_find(x, c.decl)->known = NULL;
  c_walks_end(x, &walks, &before, &b);
  if (!c.inside) set_final(x, s, &c, &b);
  return true;
}

/* A loop that ends where a pointer does. */
static bool walked(struct cx *x, CXCursor s, struct parts p) {
  struct counter c;
  struct bounds b;
  struct walks walks;
  struct known before = c_known_save(x);
  if (!c_count_walk(x, &p, &c, &b, &before, &walks)) {
    c_known_restore(x, before);
    return false;
  }
  poly_t value;
  struct lstmt *f = counter_loop(x, &c, &b, &value);
  f->loc = c_loc(x, s);
  c_walks_start(x, &walks, &before, value);
  f->body[0] = lower_body(x, p.body, p.more, f->sym);
  c_emit(x, f);
  c_forget_assigned(x, s);
  c_walks_end(x, &walks, &before, &b);
  return true;
}

/* cond: NULL where there is none. */
static expr_t asked(struct cx *x, const CXCursor *cond) {
  return cond ? cv_bool(x, c_cond(x, *cond)) : expr_const(x->a, DT_bool, (union value){.u = 1});
}

/* What comes behind the body of one iteration: the step, and whether there is another one. */
static void next_iteration(struct cx *x, CXCursor s, const CXCursor *cond, const CXCursor *inc, bool simple,
                           unsigned flag) {
  c_forget_assigned(x, s);
  if (inc) c_effect(x, *inc);
  c_forget_assigned(x, s);
  if (simple) return;
  c_emit(x, loop_set(x->a, flag, asked(x, cond)));
}

/* The same where the body may have left the loop. */
static void next_unless_left(struct cx *x, CXCursor s, const CXCursor *cond, const CXCursor *inc, unsigned flag) {
  struct clist l = {0}, *outer = x->cur;
  x->cur = &l;
  next_iteration(x, s, cond, inc, false, flag);
  x->cur = outer;
  c_emit(x, loop_set(x->a, flag, expr_const(x->a, DT_bool, (union value){.u = 0})));
  c_emit(x, c_unless_left(x, &l));
}

/* An iteration of such a loop where it is not known how many there are: the phase is a local. */
static struct lstmt *turned_round(struct cx *x, CXCursor s, CXCursor body, const struct turned *t, bool leaves) {
  struct lstmt *all = NULL;
  for (unsigned k = t->turns.period; k-- > 0;) {
    struct clist l = {0}, next = {0}, *outer = x->cur;
    expr_t here = expr_op2(x->a, OP_eq, c_local(x, t->phase), expr_i(x->a, DT_i32, k));
    c_forget_assigned(x, s);
    c_turns_set(x, &t->turns, k);
    x->cur = &l;
    c_emit(x, lower_body(x, (struct kids){1, &body}, (struct kids){0}, x->k->nsym));
    x->cur = &next;
    c_emit(x, loop_set(x->a, t->phase, expr_i(x->a, DT_i32, (k + 1) % t->turns.period)));
    x->cur = &l;
    c_emit(x, leaves ? c_unless_left(x, &next) : next.s[0]);
    x->cur = outer;
    all = all ? loop_if(x->a, 0, NULL, here, c_block(x, &l), all) : c_block(x, &l);
  }
  return all;
}

/* while (cond) { body; inc }: has_first says that the body runs before the condition is asked. */
static void repeat(struct cx *x, CXCursor s, const CXCursor *cond, CXCursor body, const CXCursor *inc, bool has_first) {
  struct turned *turned = ARENA_NEW(x->a, struct turned, 1);
  *turned = (struct turned){0};
  if (!c_turns_find(x, s, (struct kids){1, &body}, &turned->turns)) turned = NULL;
  if (turned) {
    turned->phase = c_temp(x, "phase", DT_i32);
    c_emit(x, loop_set(x->a, turned->phase, expr_i(x->a, DT_i32, 0)));
  }
  c_forget_assigned(x, s);
  struct loc loc = c_loc(x, s);
  struct clist test = {0}, all = {0}, *outer = x->cur;
  bool leaves = c_has_break(x, body) || c_has_return(x, body);
  int stop = x->stop;
  x->stop = c_has_break(x, body) ? (int)c_temp(x, "stop", DT_bool) : STOP_NONE;
  x->cur = &test;
  expr_t c = asked(x, cond);
  c_forget_assigned(x, s); /* what it assigns is different in the next iteration */
  x->cur = outer;
  bool simple = !test.n && !has_first && !leaves;
  unsigned flag = simple ? 0 : c_temp(x, "go", DT_bool);
  if (!simple) {
    for (unsigned i = 0; i < test.n && !has_first; i++) c_emit(x, test.s[i]);
    c_emit(x, loop_set(x->a, flag, has_first ? expr_const(x->a, DT_bool, (union value){.u = 1}) : c));
  }
  x->cur = &all;
  if (x->stop >= 0) c_emit(x, loop_set(x->a, (unsigned)x->stop, expr_const(x->a, DT_bool, (union value){.u = 0})));
  c_emit(x, turned ? turned_round(x, s, body, turned, leaves)
                   : lower_body(x, (struct kids){1, &body}, (struct kids){0}, x->k->nsym));
  if (leaves)
    next_unless_left(x, s, cond, inc, flag);
  else
    next_iteration(x, s, cond, inc, simple, flag);
  x->cur = outer;
  x->stop = stop;
  struct lstmt *w = ARENA_NEW(x->a, struct lstmt, 1);
  *w = (struct lstmt){.kind = L_WHILE, .nbody = 1, .loc = loc};
  w->cond = simple ? c : c_local(x, flag);
  w->body = ARENA_NEW(x->a, struct lstmt *, 1);
  w->body[0] = c_block(x, &all);
  c_emit(x, w);
  c_forget_assigned(x, s);
  x->turned = turned;
}

/* for (i = 0, p = x; …) and for (int i = 0, j = n; …) start in front of the loop. */
static void start_in_front(struct cx *x, struct parts *p) {
  if (!p->has_init) return;
  CXCursor c = c_strip(x, p->init);
  bool comma = x->cl->getCursorKind(c) == CXCursor_BinaryOperator &&
               x->cl->getCursorBinaryOperatorKind(c) == CXBinaryOperator_Comma;
  bool decls = x->cl->getCursorKind(p->init) == CXCursor_DeclStmt && c_kids(x, p->init).n > 1;
  struct rest none = {0};
  if (comma) c_effect(x, p->init);
  if (decls && c_declare(x, p->init, &none)) c_refuse(x, p->init, "arrays cannot be declared here");
  if (comma || decls) p->has_init = false;
}

void c_for(struct cx *x, CXCursor s) {
  struct parts p = split(x, s);
  start_in_front(x, &p);
  CXCursor inc = p.inc;
  if (p.has_cond && counted(x, s, &p)) return;
  if (p.has_init && x->cl->getCursorKind(p.init) == CXCursor_DeclStmt) {
    struct rest none = {0};
    if (c_declare(x, p.init, &none)) c_refuse(x, p.init, "arrays cannot be declared here");
  } else if (p.has_init) {
    c_expr(x, p.init);
  }
  p.inc = inc;
  p.more = (struct kids){0};
  if (p.has_cond && walked(x, s, p)) return;
  repeat(x, s, p.has_cond ? &p.cond : NULL, p.body.c[0], p.has_inc ? &inc : NULL, false);
}

/* while (i < n) { …; i++; } as for (; i < n; i++) { … }; while (n--) as it is. */
static struct parts while_parts(struct cx *x, CXCursor cond, CXCursor body) {
  struct parts p = {.cond = cond, .has_cond = true, .body = {1, arena_dup(x->a, &body, sizeof body)}};
  if (x->cl->getCursorKind(body) != CXCursor_CompoundStmt) return p;
  struct kids k = c_kids(x, body);
  bool jumps = !k.n || !c_is_expr(x, k.c[k.n - 1]);
  for (unsigned i = 0; i < k.n && !jumps; i++) jumps = c_has_jump(x, k.c[i]);
  if (jumps) return p;
  struct parts q = {.cond = cond, .inc = k.c[k.n - 1], .has_cond = true, .has_inc = true, .body = {k.n - 1, k.c}};
  struct counter c = {0};
  struct bounds b = {0};
  struct known before = c_known_save(x);
  struct parts trial = q;
  bool yes = c_count(x, &trial, &c, &b);
  c_known_restore(x, before);
  return yes ? q : p;
}

void c_while(struct cx *x, CXCursor s) {
  struct kids k = c_kids(x, s);
  if (k.n != 2) c_refuse(x, s, "this form of while is not supported");
  struct parts p = while_parts(x, k.c[0], k.c[1]);
  if (counted(x, s, &p)) return;
  p = (struct parts){.cond = k.c[0], .has_cond = true, .body = {1, &k.c[1]}};
  if (!walked(x, s, p)) repeat(x, s, &k.c[0], k.c[1], NULL, false);
}

static bool is_false(struct cx *x, CXCursor c) {
  enum dtype t;
  union value v;
  c = c_strip(x, c);
  return x->cl->getCursorKind(c) == CXCursor_IntegerLiteral && c_dtype(x, c_type(x, c), &t) &&
         c_constant(x, c, t, &v) && v.i == 0;
}

bool c_runs_once(struct cx *x, CXCursor s) {
  struct kids k = c_kids(x, s);
  return k.n == 2 && is_false(x, k.c[1]) && !c_has_jump(x, k.c[0]);
}

void c_do(struct cx *x, CXCursor s) {
  struct kids k = c_kids(x, s);
  if (k.n != 2) c_refuse(x, s, "this form of do is not supported");
  if (!c_runs_once(x, s)) {
    repeat(x, s, &k.c[1], k.c[0], NULL, true);
    return;
  }
  struct rest once = {{1, &k.c[0]}, 0, NULL}; /* do { … } while (0), as macros have it */
  c_stmts(x, &once);
}
