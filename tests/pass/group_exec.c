/* See group_exec.h. Every tensor is held as an array of values; temps keep their full size, poisoned at first. */
#include "tests/pass/group_exec.h"
#include <check.h>
#include <math.h>
#include <string.h>

struct store {
  int64_t n, stride[8];
  union value *v;    /* elements */
  union value *acc;  /* partial results of reductions, in the type of the body */
  union value *best; /* argmax, argmin: the value of the best */
  union value *old;  /* as the block before left it */
  bool *set;
};
struct exec {
  struct arena *a;
  const struct groups *gs;
  const struct kernel *k;
  const struct args *x;
  struct store *t;
  int64_t *val;       /* by symbol */
  union value arg[2]; /* E_ARG */
  const struct group *g;
  int64_t from, to; /* the block of the stream axis */
};

static int64_t poly_at(const struct exec *c, poly_t p) {
  int64_t v;
  ck_assert(poly_eval(p, c->val, &v));
  return v;
}

static union value eval(struct exec *c, expr_t x);

static bool guards_hold(const struct exec *c, const poly_t *g, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (poly_at(c, g[i]) < 0) return false;
  return true;
}

static union value eval_read(struct exec *c, expr_t x) {
  const struct access *acc = x->acc;
  const struct store *s = &c->t[acc->tensor];
  int64_t at = 0;
  if (!guards_hold(c, acc->guard, acc->nguard)) return eval(c, acc->otherwise);
  for (unsigned d = 0; d < acc->rank; d++) {
    int64_t i = poly_at(c, acc->ix[d].poly);
    if (acc->ix[d].dyn) i += eval(c, acc->ix[d].dyn).i;
    at += i * s->stride[d];
  }
  ck_assert_msg(at >= 0 && at < s->n, "read of %s outside", c->k->tensor[acc->tensor].name);
  ck_assert_msg(s->set[at], "read of %s before it is written", c->k->tensor[acc->tensor].name);
  return s->v[at];
}

static union value eval(struct exec *c, expr_t x) {
  union value v[3] = {0};
  switch ((enum ekind)x->kind) {
  case E_CONST:
    return x->val;
  case E_POLY:
    return (union value){.i = poly_at(c, x->poly)};
  case E_SCALAR:
    return c->x->scalar[x->id];
  case E_READ:
    return eval_read(c, x);
  case E_CAST:
    return type_convert(x->type, x->kid[0]->type, eval(c, x->kid[0]));
  case E_ARG:
    return c->arg[x->id];
  case E_OP:
    if (x->op == OP_select) return eval(c, eval(c, x->kid[0]).u ? x->kid[1] : x->kid[2]);
    for (unsigned i = 0; i < x->nkid; i++) v[i] = eval(c, x->kid[i]);
    return op_eval(x->op, x->kid[0]->type, v);
  default:
    ck_abort_msg("expression kind %d at GROUP level", x->kind);
  }
}

static int64_t element_of(const struct exec *c, unsigned tensor, const poly_t *idx) {
  int64_t at = 0;
  for (unsigned d = 0; d < c->k->tensor[tensor].rank; d++) at += poly_at(c, idx[d]) * c->t[tensor].stride[d];
  ck_assert_msg(at >= 0 && at < c->t[tensor].n, "write of %s outside", c->k->tensor[tensor].name);
  return at;
}

static bool is_shared(const struct exec *c, sym_t s) {
  for (unsigned i = 0; i < c->g->nshared; i++)
    if (c->g->axis[i].sym == s) return true;
  return false;
}

static bool is_stream(const struct exec *c, sym_t s) {
  return c->g->stream >= 0 && c->g->axis[c->g->stream].sym == s;
}

/* Calls fn at every point of axes [i, end) of e: shared ones stand still, the stream axis keeps to its block unless
 * `whole`. */
static void walk(struct exec *c, const struct eq *e, unsigned i, unsigned end, bool whole,
                 void (*fn)(struct exec *, const struct eq *, bool)) {
  if (i == end) {
    fn(c, e, whole);
    return;
  }
  sym_t s = e->axis[i].sym;
  if (is_shared(c, s)) {
    walk(c, e, i + 1, end, whole, fn);
    return;
  }
  int64_t lo = poly_at(c, e->axis[i].lo), hi = poly_at(c, e->axis[i].hi);
  if (is_stream(c, s) && !whole && lo < c->from) lo = c->from;
  if (is_stream(c, s) && !whole && hi > c->to) hi = c->to;
  for (c->val[s] = lo; c->val[s] < hi; c->val[s]++) walk(c, e, i + 1, end, whole, fn);
}

static void publish(struct exec *c, const struct eq *e, int64_t at, union value v) {
  c->t[e->lhs].v[at] =
      type_convert(c->k->tensor[e->lhs].type, e->red == RED_argmax || e->red == RED_argmin ? DT_i64 : e->body->type, v);
  c->t[e->lhs].set[at] = true;
}

static bool is_arg(const struct eq *e) {
  return e->red == RED_argmax || e->red == RED_argmin;
}

static void begin_point(struct exec *c, const struct eq *e, bool whole) {
  (void)whole;
  struct store *s = &c->t[e->lhs];
  int64_t at = element_of(c, e->lhs, e->lhs_idx);
  if (is_arg(e)) {
    s->best[at] = e->start ? eval(c, e->start) : red_identity(e->red, e->body->type);
    s->acc[at] = e->init ? eval(c, e->init) : (union value){.i = -1};
  } else {
    s->acc[at] = e->init ? eval(c, e->init) : red_identity(e->red, e->body->type);
  }
  publish(c, e, at, s->acc[at]);
}

static void term(struct exec *c, const struct eq *e, bool whole) {
  struct store *s = &c->t[e->lhs];
  int64_t at = element_of(c, e->lhs, e->lhs_idx);
  if (!guards_hold(c, e->guard, e->nguard)) return;
  union value x = eval(c, e->running && !whole ? e->running : e->body);
  if (!is_arg(e)) {
    s->acc[at] = red_step(e->red, e->body->type, s->acc[at], x);
    return;
  }
  union value pair[2] = {x, s->best[at]};
  if (op_eval(e->red == RED_argmax ? OP_gt : OP_lt, e->body->type, pair).u)
    s->best[at] = x, s->acc[at].i = c->val[e->axis[e->npar].sym];
}

static const struct eq *state_eq(const struct exec *c, const struct eq *e) {
  for (unsigned m = 0; m < c->g->neq; m++)
    if (c->k->eq[c->g->eq[m]].lhs == e->state) return &c->k->eq[c->g->eq[m]];
  ck_abort_msg("state of a member is not in its group");
}

static void correct(struct exec *c, const struct eq *e, int64_t at) {
  const struct eq *m = state_eq(c, e);
  int64_t row = element_of(c, m->lhs, m->lhs_idx);
  c->arg[0] = c->t[m->lhs].old[row];
  c->arg[1] = c->t[m->lhs].v[row];
  union value pair[2] = {c->t[e->lhs].acc[at], eval(c, e->rescale)};
  c->t[e->lhs].acc[at] = op_eval(OP_mul, e->body->type, pair);
}

static void block_point(struct exec *c, const struct eq *e, bool whole) {
  if (e->red == RED_none && !guards_hold(c, e->guard, e->nguard)) return;
  struct store *s = &c->t[e->lhs];
  int64_t at = element_of(c, e->lhs, e->lhs_idx);
  if (e->red == RED_none) {
    publish(c, e, at, eval(c, e->running && !whole ? e->running : e->body));
    return;
  }
  s->old[at] = s->v[at];
  if (e->rescale && !whole) correct(c, e, at);
  walk(c, e, e->npar, e->nax, whole, term);
  publish(c, e, at, s->acc[at]);
}

static void run_whole(struct exec *c, const struct eq *e) {
  if (e->red != RED_none) walk(c, e, 0, e->npar, true, begin_point);
  walk(c, e, 0, e->npar, true, block_point);
}

static bool walks_stream(const struct exec *c, const struct eq *e) {
  return eq_axis(e, c->g->axis[c->g->stream].sym) >= 0;
}

static bool reduces_stream(const struct exec *c, const struct eq *e) {
  return eq_axis(e, c->g->axis[c->g->stream].sym) >= (int)e->npar;
}

struct reads {
  const bool *tensor;
  bool any;
};

static void note_read(expr_t x, void *ctx) {
  struct reads *r = ctx;
  if (x->kind == E_READ) r->any |= r->tensor[x->acc->tensor];
}

static bool reads_any(const struct eq *e, const bool *tensor) {
  struct reads r = {tensor, false};
  expr_visit(e->body, note_read, &r);
  if (e->init) expr_visit(e->init, note_read, &r);
  if (e->start) expr_visit(e->start, note_read, &r);
  return r.any;
}

/* Members that wait for the last block: they read what is complete only then and do not run with a state. */
static void find_post(const struct exec *c, bool *post) {
  bool *waits = ARENA_NEW(c->a, bool, c->k->ntensor + 1);
  for (unsigned m = 0; m < c->g->neq; m++) {
    const struct eq *e = &c->k->eq[c->g->eq[m]];
    post[m] = e->state == UINT16_MAX && reads_any(e, waits);
    if (post[m] || reduces_stream(c, e) || e->state != UINT16_MAX) waits[e->lhs] = true;
  }
}

static void run_stream(struct exec *c, int64_t block) {
  const struct axis *s = &c->g->axis[c->g->stream];
  bool post[GROUP_MAX_EQ];
  find_post(c, post);
  for (unsigned m = 0; m < c->g->neq; m++) {
    const struct eq *e = &c->k->eq[c->g->eq[m]];
    if (post[m]) continue;
    if (!walks_stream(c, e))
      run_whole(c, e);
    else if (reduces_stream(c, e))
      walk(c, e, 0, e->npar, false, begin_point);
  }
  int64_t hi = poly_at(c, s->hi);
  for (c->from = poly_at(c, s->lo); c->from < hi; c->from += block) {
    c->to = c->from + block;
    for (unsigned m = 0; m < c->g->neq; m++) {
      const struct eq *e = &c->k->eq[c->g->eq[m]];
      if (!post[m] && walks_stream(c, e)) walk(c, e, 0, e->npar, false, block_point);
    }
  }
  for (unsigned m = 0; m < c->g->neq; m++)
    if (post[m]) run_whole(c, &c->k->eq[c->g->eq[m]]);
}

static void run_shared(struct exec *c, unsigned i, int64_t block) {
  const struct group *g = c->g;
  if (i < g->nshared) {
    sym_t s = g->axis[i].sym;
    int64_t hi = poly_at(c, g->axis[i].hi);
    for (c->val[s] = poly_at(c, g->axis[i].lo); c->val[s] < hi; c->val[s]++) run_shared(c, i + 1, block);
  } else if (g->stream >= 0) {
    run_stream(c, block);
  } else {
    for (unsigned m = 0; m < g->neq; m++) run_whole(c, &c->k->eq[g->eq[m]]);
  }
}

static void make_store(struct exec *c, unsigned t) {
  const struct tensor *x = &c->k->tensor[t];
  struct store *s = &c->t[t];
  s->n = 1;
  for (unsigned d = 0; d < x->rank; d++) {
    int64_t extent = poly_at(c, x->extent[d]);
    s->stride[d] = poly_at(c, tensor_stride(c->a, x, d));
    s->n = extent <= 0 || s->n == 0 ? 0 : s->n + (extent - 1) * s->stride[d];
  }
  s->v = ARENA_NEW(c->a, union value, s->n + 1);
  s->acc = ARENA_NEW(c->a, union value, s->n + 1);
  s->best = ARENA_NEW(c->a, union value, s->n + 1);
  s->old = ARENA_NEW(c->a, union value, s->n + 1);
  s->set = ARENA_NEW(c->a, bool, s->n + 1);
  if (x->role == ROLE_TEMP) return;
  for (int64_t i = 0; i < s->n; i++)
    s->v[i] = type_load(x->type, (char *)c->x->data[x->param] + (size_t)i * type_size(x->type)), s->set[i] = true;
}

void group_exec(struct arena *a, const struct groups *gs, const struct args *x, int64_t block) {
  struct exec c = {.a = a, .gs = gs, .k = gs->k, .x = x};
  c.val = ARENA_NEW(a, int64_t, gs->k->nsym + 1);
  c.t = ARENA_NEW(a, struct store, gs->k->ntensor + 1);
  for (unsigned p = 0; p < gs->k->nparam; p++)
    if (gs->k->param[p].kind == PARAM_DIM) c.val[gs->k->param[p].ref] = x->dim[p];
  for (unsigned t = 0; t < gs->k->ntensor; t++) make_store(&c, t);
  for (unsigned g = 0; g < gs->n; g++) {
    c.g = &gs->g[g];
    run_shared(&c, 0, block);
  }
  for (unsigned t = 0; t < gs->k->ntensor; t++) {
    const struct tensor *y = &gs->k->tensor[t];
    for (int64_t i = 0; y->role != ROLE_TEMP && i < c.t[t].n; i++)
      type_store(y->type, (char *)x->data[y->param] + (size_t)i * type_size(y->type), c.t[t].v[i]);
  }
}
