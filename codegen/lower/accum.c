/* Register accumulators of a reduction: opened outside its innermost run of reduction loops, over the register loops
   inside. A reduction whose own axis is on vector lanes has the lanes in its accumulator and a total that takes them up
   at the end. Where the order of a reduction is free, what memory holds (earlier partial sums, a start value) is added
   at the end too: its loads then need not be waited for before the first term, and a prefetch has the whole loop. */
#include "codegen/lower/plan.h"
#include <string.h>

uint8_t member_type(const struct member *m) {
  return IS_ARG(m->e->red) ? (uint8_t)DT_i64 : m->e->body->type;
}

static expr_t identity(struct build *b, enum red r, enum dtype t) {
  return expr_const(b->a, t, red_identity(r, t));
}

expr_t member_init(struct build *b, const struct member *m) {
  if (m->e->init) return expr_cast(b->a, member_type(m), m->e->init);
  return IS_ARG(m->e->red) ? expr_i(b->a, DT_i64, -1) : identity(b, m->e->red, m->e->body->type);
}

expr_t member_start(struct build *b, const struct member *m) {
  return m->e->start ? expr_cast(b->a, m->e->body->type, m->e->start) : identity(b, m->e->red, m->e->body->type);
}

struct dims {
  unsigned n;
  uint8_t l[MAX_DIMS];
};

/* Register loops of m that open inside here: parallel ones in order, vectors last. */
static struct dims acc_dims(const struct build *b, const struct member *m, const struct env *e, bool reduced) {
  struct dims d = {0};
  for (unsigned i = 0; i < b->p->norder; i++) {
    unsigned l = b->p->order[i];
    bool mine = (m->reg & BIT(l)) && !((e->open | e->serial) & BIT(l)) && !on_lanes(m, l);
    if (mine && !(m->red & BIT(l)) && d.n < MAX_DIMS - 2) d.l[d.n++] = (uint8_t)l;
  }
  if (m->thr >= 0 && !(e->open & BIT(m->thr))) d.l[d.n++] = (uint8_t)m->thr;
  if (m->vec >= 0 && !(e->open & BIT(m->vec)) && (reduced || !(m->red & BIT(m->vec)))) d.l[d.n++] = (uint8_t)m->vec;
  return d;
}

/* A register object over the loops d, and the place that names it. */
static struct place *reg_place(struct build *b, unsigned tensor, const char *name, unsigned type, const struct dims *d,
                               const struct env *e) {
  struct place *x = ARENA_NEW(b->a, struct place, 1);
  poly_t ext[4 * MAX_DIMS];
  unsigned n = 0;
  *x = (struct place){.tensor = (uint16_t)tensor, .kind = PLACE_REG, .nd = (uint8_t)d->n};
  memcpy(x->dim, d->l, sizeof x->dim);
  for (unsigned i = 0; i < d->n; i++) {
    int64_t c = reg_count(b->p, e, d->l[i]);
    bool vec = b->p->loop[d->l[i]].mark == MARK_VECTOR;
    if (vec && c > 1) x->counted |= 1u << i;
    if (!vec || c > 1) ext[n++] = cpoly(b, c);
    if (vec && b->p->loop[d->l[i]].warps > 1) ext[n++] = cpoly(b, b->p->loop[d->l[i]].warps);
    if (vec) ext[n++] = cpoly(b, b->p->loop[d->l[i]].lanes);
    if (vec && b->p->loop[d->l[i]].piece > 1) ext[n++] = cpoly(b, b->p->loop[d->l[i]].piece);
  }
  x->object = (uint16_t)lfunc_add_object(b->f, name, type, SCOPE_REG, n, ext);
  return x;
}

static const char *acc_name(struct build *b, const struct member *m, const char *suffix) {
  unsigned t = m->e->lhs;
  return arena_printf(b->a, "%s_%s", t >= VT_BASE ? b->p->vt[t - VT_BASE].name : b->p->k->tensor[t].name, suffix);
}

static struct subscript *lhs_ix(struct build *b, const struct member *m) {
  unsigned rank = tensor_rank(b->p, m->e->lhs);
  struct subscript *s = ARENA_NEW(b->a, struct subscript, rank + 1);
  for (unsigned d = 0; d < rank; d++) s[d].poly = m->e->lhs_idx[d];
  return s;
}

static void push_place(struct build *b, struct env *e, const struct place *x, const struct member *only,
                       const struct subscript *ix) {
  struct place *n = arena_dup(b->a, x, sizeof *x);
  n->only = only;
  n->ix = ix;
  n->rank = ix ? tensor_rank(b->p, x->tensor) : 0;
  n->next = e->places;
  e->places = n;
}

static void find_read(expr_t x, void *ctx) {
  *(bool *)ctx |= x->kind == E_READ;
}

/* Indices on lanes: narrow ones where they fit, half as many registers. */
static uint8_t lane_index_type(const struct member *m) {
  int64_t hi;
  const struct axis *x = &m->e->axis[m->e->nax - 1];
  return poly_is_const(x->lo, &hi) && hi >= 0 && poly_is_const(x->hi, &hi) && hi < INT32_MAX ? DT_i32 : DT_i64;
}

static expr_t no_index(struct build *b, enum dtype t) {
  return expr_i(b->a, t, t == DT_i32 ? INT32_MAX : INT64_MAX);
}

/* May and should the value that m starts from be added behind the loop? */
static bool joins_late(struct build *b, const struct member *m) {
  bool reads = m->outer != 0;
  if (IS_ARG(m->e->red) || (b->p->o->strict && type_is_float(m->e->body->type))) return false;
  if (m->e->init) expr_visit(m->e->init, find_read, &reads);
  return reads;
}

/* Makes the objects. *inner: where the accumulating statement finds them. */
bool accum_open(struct build *b, const struct member *m, unsigned pos, const struct env *e, struct accum *o,
                struct env *inner) {
  struct dims all = acc_dims(b, m, e, true), par = acc_dims(b, m, e, false);
  *o = (struct accum){.m = m, .pos = pos, .lanes = all.n != par.n};
  o->late = !o->lanes && joins_late(b, m);
  uint8_t type = o->lanes && IS_ARG(m->e->red) ? lane_index_type(m) : member_type(m);
  o->all = reg_place(b, m->e->lhs, acc_name(b, m, "acc"), type, &all, e);
  o->tot = o->lanes ? reg_place(b, m->e->lhs, acc_name(b, m, "tot"), member_type(m), &par, e) : o->all;
  push_place(b, inner, o->all, m, NULL);
  if (m->aux != UINT16_MAX) {
    o->best = reg_place(b, m->aux, acc_name(b, m, "best"), m->e->body->type, &par, e);
    o->bests = o->lanes ? reg_place(b, m->aux, acc_name(b, m, "bests"), m->e->body->type, &all, e) : o->best;
    push_place(b, inner, o->bests, m, NULL);
  }
  if (m->aux != UINT16_MAX && o->lanes) o->first = reg_place(b, m->e->lhs, acc_name(b, m, "first"), type, &par, e);
  if (inner->naccs < MAX_MEMBER / 4) inner->accs[inner->naccs++] = m;
  return true;
}

/* Readers behind the loop find the result in registers where their own loops are of the same form. */
void accum_publish(struct build *b, const struct accum *c, struct env *e) {
  push_place(b, e, c->tot, NULL, lhs_ix(b, c->m));
}

/* ---- statements over the register loops ---- */

struct over {
  struct build *b;
  const struct accum *c;
  struct lstmt *(*fn)(struct over *, const struct env *);
};

static struct lstmt *over_dims(struct over *v, const struct env *e, const struct dims *d, unsigned i) {
  struct build *b = v->b;
  if (i == d->n) return v->fn(v, e);
  struct env in = *e;
  reg_open(b, d->l[i], &in);
  return reg_close(b, v->c->m, d->l[i], e, over_dims(v, &in, d, i + 1));
}

static struct lstmt *over_acc(struct build *b, const struct accum *c, const struct env *e, bool reduced,
                              struct lstmt *(*fn)(struct over *, const struct env *)) {
  struct dims d = acc_dims(b, c->m, e, reduced);
  struct over v = {b, c, fn};
  return over_dims(&v, e, &d, 0);
}

static void guard_written(struct build *b, const struct member *m, const struct env *e, struct access *a) {
  a->guard = ARENA_NEW(b->a, poly_t, m->npg + 3);
  for (unsigned i = 0; i < m->npg; i++) {
    bool known = false;
    for (unsigned j = 0; j < e->nknown; j++) known |= poly_eq(e->known[j], m->e->guard[i]);
    if (!known) a->guard[a->nguard++] = env_at(b, e, m->e->guard[i]);
  }
  if (m->thr >= 0) a->nguard += reg_piece_guard(b, m, (unsigned)m->thr, e, &a->guard[a->nguard]);
  if (m->vec >= 0) a->nguard += reg_piece_guard(b, m, (unsigned)m->vec, e, &a->guard[a->nguard]);
}

/* What the result starts from: init in the first iteration of the outer loops, else what they left. */
static struct lstmt *put_value(struct over *v, const struct env *e, const struct place *x, expr_t value) {
  struct access *a = place_reg(v->b, e, x);
  guard_written(v->b, v->c->m, e, a);
  struct lstmt *s = loop_store(v->b->a, a, RED_none, place_expr(v->b, e, v->c->m, value));
  s->loc = v->c->m->e->loc;
  return s;
}

static struct lstmt *put_init(struct over *v, const struct env *e) {
  struct lstmt *s[2] = {put_value(v, e, v->c->tot, member_init(v->b, v->c->m))};
  if (v->c->m->aux == UINT16_MAX) return s[0];
  s[1] = put_value(v, e, v->c->best, member_start(v->b, v->c->m));
  return loop_block(v->b->a, 2, s);
}

/* The same, joined with what was summed up meanwhile. */
static struct lstmt *join_value(struct over *v, const struct env *e, expr_t value) {
  struct access *a = place_reg(v->b, e, v->c->tot);
  guard_written(v->b, v->c->m, e, a);
  struct lstmt *s = loop_store(v->b->a, a, v->c->m->e->red, place_expr(v->b, e, v->c->m, value));
  s->loc = v->c->m->e->loc;
  return s;
}

static struct lstmt *put_neutral(struct over *v, const struct env *e) {
  return put_value(v, e, v->c->tot, identity(v->b, v->c->m->e->red, v->c->m->e->body->type));
}

static struct lstmt *join_init(struct over *v, const struct env *e) {
  return v->c->m->e->init ? join_value(v, e, member_init(v->b, v->c->m)) : NULL;
}

static expr_t outer_value(struct build *b, const struct member *m, unsigned tensor) {
  unsigned rank = tensor_rank(b->p, tensor);
  return expr_read(b->a, tensor_type(b->p, tensor), access_new(b->a, tensor, rank, m->e->lhs_idx));
}

static struct lstmt *put_load(struct over *v, const struct env *e) {
  const struct member *m = v->c->m;
  struct lstmt *s[2] = {put_value(v, e, v->c->tot, outer_value(v->b, m, m->e->lhs))};
  if (m->aux == UINT16_MAX) return s[0];
  s[1] = put_value(v, e, v->c->best, outer_value(v->b, m, m->aux));
  return loop_block(v->b->a, 2, s);
}

static struct lstmt *join_load(struct over *v, const struct env *e) {
  return join_value(v, e, outer_value(v->b, v->c->m, v->c->m->e->lhs));
}

/* Every lane, also where the tile is cut: the total takes up all of them. */
static struct lstmt *put_identity(struct over *v, const struct env *e) {
  struct build *b = v->b;
  const struct member *m = v->c->m;
  unsigned l = (unsigned)m->vec;
  struct env in = *e;
  reg_open(b, l, &in);
  int64_t n = reg_count(b->p, e, l);
  bool arg = IS_ARG(m->e->red);
  expr_t first =
      arg ? no_index(b, (enum dtype)b->f->object[v->c->all->object].type) : identity(b, m->e->red, m->e->body->type);
  struct lstmt *s = loop_store(b->a, place_reg(b, &in, v->c->all), RED_none, first), *two[2] = {s};
  if (arg) {
    expr_t start = place_expr(b, e, m, member_start(b, m));
    two[1] = loop_store(b->a, place_reg(b, &in, v->c->bests), RED_none, start);
    s = loop_block(b->a, 2, two);
  }
  s = reg_vector(b, l, reg_parts(b, l, 0, s));
  return n > 1 ? loop_for(b->a, F_UNROLL, b->vsym[l], cpoly(b, 0), cpoly(b, n), 1, s) : s;
}

/* lo - position >= 0 in the first iteration of outer loop l. */
static poly_t first_guard(struct build *b, const struct member *m, unsigned l, const struct env *e) {
  poly_t at = NULL;
  for (unsigned v = LOOP_LEVEL(l); v <= b->p->axis[LOOP_AXIS(l)].ntile; v++) {
    unsigned o = LOOP_ID(LOOP_AXIS(l), v);
    if (e->open & BIT(o)) at = at ? poly_add(b->a, at, e->val[o]) : e->val[o];
  }
  return poly_sub(b->a, env_at(b, e, member_axis(b->p, m, LOOP_AXIS(l))->lo), at);
}

unsigned accum_first(struct build *b, const struct member *m, const struct env *e, poly_t *g) {
  unsigned n = 0;
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if (m->outer & BIT(l)) g[n++] = first_guard(b, m, l, e);
  return n;
}

/* init in the first iteration of the outer loops, else load. Of one element of the accumulator: */
static struct lstmt *start_one(struct over *v, const struct env *e) {
  const struct member *m = v->c->m;
  poly_t g[MAX_LOOP];
  if (!m->outer) return put_init(v, e);
  if (!m->first) return put_load(v, e);
  unsigned n = accum_first(v->b, m, e, g);
  return loop_if(v->b->a, n, g, NULL, put_init(v, e), put_load(v, e));
}

/* Of all of it. */
static struct lstmt *start_with(struct build *b, const struct accum *c, const struct env *e,
                                struct lstmt *(*init)(struct over *, const struct env *),
                                struct lstmt *(*load)(struct over *, const struct env *)) {
  const struct member *m = c->m;
  struct env all = *e;
  /* sums of warps are whole whatever the tile is: starting them asks for nothing */
  all.whole |= m->sub >= 0 && loop_by_warps(b->p, (unsigned)m->sub) && member_init(b, m)->kind == E_CONST;
  if (!m->outer) return over_acc(b, c, &all, false, init);
  if (!m->first) return over_acc(b, c, e, false, load);
  poly_t g[MAX_LOOP];
  unsigned n = accum_first(b, m, e, g);
  struct lstmt *first = over_acc(b, c, e, false, init);
  return loop_if(b->a, n, g, NULL, first ? first : loop_block(b->a, 0, NULL), over_acc(b, c, e, false, load));
}

struct lstmt *accum_init(struct build *b, const struct accum *c, const struct env *e) {
  if (c->late) return over_acc(b, c, e, false, put_neutral);
  return c->lanes ? over_acc(b, c, e, false, put_identity) : start_with(b, c, e, put_init, put_load);
}

/* ---- the end ---- */

/* All vectors into the first, its lanes into the total. */
static struct lstmt *lanes_total(struct over *v, const struct env *e) {
  struct build *b = v->b;
  const struct member *m = v->c->m;
  unsigned l = (unsigned)m->vec, ns = 0;
  int64_t n = reg_count(b->p, e, l);
  struct env at = *e, zero;
  reg_open(b, l, &at);
  zero = at;
  zero.idx[l] = zero.part[l] = cpoly(b, 0);
  struct access *first = place_reg(b, &zero, v->c->all);
  struct lstmt *s[3];
  if (b->p->loop[l].piece > 1) {
    struct env one = at;
    one.idx[l] = cpoly(b, 0);
    expr_t x = expr_read(b->a, member_type(m), place_reg(b, &one, v->c->all));
    s[ns++] = reg_vector(b, l, reg_parts(b, l, 1, loop_store(b->a, first, m->e->red, x)));
  }
  if (n > 1) {
    expr_t x = expr_read(b->a, member_type(m), place_reg(b, &at, v->c->all));
    struct lstmt *add = reg_vector(b, l, reg_parts(b, l, 0, loop_store(b->a, first, m->e->red, x)));
    s[ns++] = loop_for(b->a, F_UNROLL, b->vsym[l], cpoly(b, 1), cpoly(b, n), 1, add);
  }
  s[ns++] =
      reg_vector(b, l, loop_store(b->a, place_reg(b, e, v->c->tot), m->e->red, expr_read(b->a, member_type(m), first)));
  return loop_block(b->a, ns, s);
}

static expr_t read_place(struct build *b, const struct env *e, const struct place *x) {
  return expr_read(b->a, (enum dtype)b->f->object[x->object].type, place_reg(b, e, x));
}

/* Into lane by lane of the first vector: the better value; of equal ones the lesser index. */
static struct lstmt *best_vector(struct build *b, const struct accum *c, const struct env *at, const struct env *zero) {
  bool max = c->m->e->red == RED_argmax;
  expr_t x = read_place(b, at, c->bests), held = read_place(b, zero, c->bests), i = read_place(b, at, c->all),
         j = read_place(b, zero, c->all);
  expr_t better = expr_op2(b->a, max ? OP_gt : OP_lt, x, held);
  expr_t same = expr_op2(b->a, OP_and, expr_op2(b->a, OP_eq, x, held), expr_op2(b->a, OP_lt, i, j));
  expr_t index = expr_op3(b->a, OP_select, expr_op2(b->a, OP_or, better, same), i, j);
  struct lstmt *s[2] = {
      loop_store(b->a, place_reg(b, zero, c->all), RED_none, index),
      loop_store(b->a, place_reg(b, zero, c->bests), RED_none, expr_op3(b->a, OP_select, better, x, held))};
  return loop_block(b->a, 2, s);
}

/* The total takes the lanes up: the best value, then the least index among the lanes that have it, where it beats what
   the total had before. What the total had stands for smaller indices. */
static struct lstmt *best_lane(struct build *b, const struct accum *c, const struct env *e, const struct env *zero) {
  enum dtype t = (enum dtype)b->f->object[c->first->object].type, vt = c->m->e->body->type;
  bool max = c->m->e->red == RED_argmax;
  unsigned l = (unsigned)c->m->vec, old = lfunc_add_local(b->f, "before", vt);
  expr_t total = read_place(b, e, c->best), bests = read_place(b, zero, c->bests);
  expr_t mine =
      expr_op3(b->a, OP_select, expr_op2(b->a, OP_eq, bests, total), read_place(b, zero, c->all), no_index(b, t));
  expr_t better = expr_op2(b->a, max ? OP_gt : OP_lt, total, expr_local(b->a, vt, old));
  expr_t found = expr_cast(b->a, DT_i64, expr_read(b->a, t, place_reg(b, e, c->first)));
  struct lstmt *s[5] = {
      loop_set(b->a, old, total),
      loop_store(b->a, place_reg(b, e, c->first), RED_none, no_index(b, t)),
      reg_vector(b, l, loop_store(b->a, place_reg(b, e, c->best), max ? RED_max : RED_min, bests)),
      reg_vector(b, l, loop_store(b->a, place_reg(b, e, c->first), RED_min, mine)),
      loop_store(b->a, place_reg(b, e, c->tot), RED_none,
                 expr_op3(b->a, OP_select, better, found, read_place(b, e, c->tot))),
  };
  return loop_block(b->a, 5, s);
}

static struct lstmt *lanes_best(struct over *v, const struct env *e) {
  struct build *b = v->b;
  unsigned l = (unsigned)v->c->m->vec;
  int64_t n = reg_count(b->p, e, l);
  struct env at = *e, zero;
  reg_open(b, l, &at);
  zero = at;
  zero.idx[l] = cpoly(b, 0);
  struct lstmt *s[2] = {NULL, best_lane(b, v->c, e, &zero)};
  if (n == 1) return s[1];
  s[0] = reg_vector(b, l, best_vector(b, v->c, &at, &zero));
  s[0] = loop_for(b->a, F_UNROLL, b->vsym[l], cpoly(b, 1), cpoly(b, n), 1, s[0]);
  return loop_block(b->a, 2, s);
}

static struct lstmt *put_back_one(struct over *v, const struct env *e, unsigned tensor, const struct place *x) {
  const struct member *m = v->c->m;
  struct build *b = v->b;
  struct access *a = place_access(b, e, NULL, tensor, lhs_ix(b, m), tensor_rank(b->p, tensor));
  guard_written(b, m, e, a);
  struct lstmt *s = loop_store(b->a, a, RED_none, expr_read(b->a, b->f->object[x->object].type, place_reg(b, e, x)));
  s->nontemporal = !m->outer && plan_streams(b->p, m, a);
  return s;
}

static struct lstmt *put_back(struct over *v, const struct env *e) {
  struct lstmt *s[2] = {put_back_one(v, e, v->c->m->e->lhs, v->c->tot)};
  if (v->c->m->aux == UINT16_MAX || !v->c->m->outer) return s[0];
  s[1] = put_back_one(v, e, v->c->m->aux, v->c->best);
  return loop_block(v->b->a, 2, s);
}

/* Of +0 and -0 the first one stands, and lanes do not know which that is. Where the order of the equation is asked for
   and a maximum is a zero, it is made again, one element after the other. */
static struct lstmt *total_again(struct over *v, const struct env *e) {
  struct build *b = v->b;
  const struct member *m = v->c->m;
  struct set one = {1, &m};
  struct env in = *e;
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if (m->reg & m->red & BIT(l)) in.serial |= BIT(l);
  push_place(b, &in, v->c->tot, m, NULL);
  if (in.naccs < MAX_MEMBER / 4) in.accs[in.naccs++] = m;
  struct stmts s = {0};
  stmts_add(b, &s, start_one(v, e));
  stmts_add(b, &s, nest_build(b, &one, v->c->pos, &in));
  expr_t zero = expr_const(b->a, m->e->body->type, (union value){0});
  return loop_if(b->a, 0, NULL, expr_op2(b->a, OP_eq, read_place(b, e, v->c->tot), zero), stmts_block(b, &s), NULL);
}

static bool zero_counts(const struct plan *p, const struct member *m) {
  return p->o->strict && type_is_float(m->e->body->type) && !IS_ARG(m->e->red);
}

struct lstmt *accum_finish(struct build *b, const struct accum *c, const struct env *e) {
  struct stmts s = {0};
  if (c->lanes) {
    stmts_add(b, &s, start_with(b, c, e, put_init, put_load));
    stmts_add(b, &s, over_acc(b, c, e, false, IS_ARG(c->m->e->red) ? lanes_best : lanes_total));
    if (zero_counts(b->p, c->m)) stmts_add(b, &s, over_acc(b, c, e, false, total_again));
  }
  if (c->late) stmts_add(b, &s, start_with(b, c, e, join_init, join_load));
  return stmts_block(b, &s);
}

struct lstmt *accum_store(struct build *b, const struct accum *c, const struct env *e) {
  return over_acc(b, c, e, false, put_back);
}
