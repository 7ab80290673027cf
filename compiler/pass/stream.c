/* The algebra of running corrections.

   A state M = max(s) X is followed by terms E(s) = exp(X(s) - M). While only a part of the axis has been seen, M is too
   small, and every term, and every sum of terms, is wrong by one common factor: exp(M_old - M_new). So a sum whose body
   is E times something free of M can run block by block, if it is multiplied by that factor whenever M moves. Here a
   body's factor is derived from its form:

     exp(a), a linear in M          exp(c * (new - old)), c the coefficient of M
     x * y, x / y, -x               product, quotient, same
     x + y, select(p, x, y)         same, when both agree (0 agrees with all)
     free of M                      1

   What must hold so that infinities come out right (M is -inf until the first finite X):
   - the coefficient of X in `a` is the opposite of that of M, so that M = -inf means each term seen so far has X =
   -inf, and is 0 when the running body takes M as 0 (stream_safe_state); the sum is then 0, and rescaling it by
   exp(-inf - new) = 0 is harmless. -inf - -inf never occurs;
   - c is negative for max, positive for min, so factors are at most 1;
   - the sum's terms are among those that the state has seen: it has the guards of the state.
   A state that is -inf at the end makes the plain form NaN (inf - inf), the running form 0: online repairs that where
   it can be seen. */
#include "compiler/pass/stream.h"
#include "compiler/pass/fold.h"
#include "compiler/pass/repair.h"
#include "compiler/pass/util.h"
#include <limits.h>
#include <math.h>
#include <string.h>

struct ctx {
  struct arena *a;
  const struct kernel *k;
  const uint16_t *eq;
  unsigned n;     /* members in the list */
  unsigned at;    /* the member under examination; earlier ones are classified */
  unsigned state; /* position of its state */
  bool banned[GROUP_MAX_EQ];
  struct stream *st;
};

static const struct eq *member(const struct ctx *c, unsigned i) {
  return &c->k->eq[c->eq[i]];
}

/* Position of the latest earlier member that writes the tensor, or -1. */
static int writer(const struct ctx *c, unsigned tensor) {
  for (unsigned i = c->at; i-- > 0;)
    if (member(c, i)->lhs == tensor) return (int)i;
  return -1;
}

/* x reads the state, or a member that runs with it. */
static bool moves(const struct ctx *c, expr_t x) {
  const struct access **acc;
  unsigned n = expr_accesses(c->a, x, UINT_MAX, &acc);
  for (unsigned i = 0; i < n; i++) {
    int w = writer(c, acc[i]->tensor);
    if (w >= 0 && (c->st->kind[w] == MEM_STATE || c->st->kind[w] == MEM_RUNNING)) return true;
  }
  return false;
}

static bool is_state_read(const struct ctx *c, expr_t x) {
  const struct eq *m = member(c, c->state);
  return x->kind == E_READ && writer(c, x->acc->tensor) == (int)c->state && access_is(x->acc, m->npar, m->lhs_idx);
}

/* --- a linear in the state: a = cm * M + cx * X + rest; a NULL coefficient is 0 --- */

struct linear {
  expr_t cm, cx;
};

static expr_t add_coef(struct arena *a, expr_t x, expr_t y) {
  return !x ? y : !y ? x : fold_expr(a, expr_op2(a, OP_add, x, y), true);
}

static expr_t map_coef(struct arena *a, enum op o, expr_t x, expr_t y) {
  if (!x) return NULL;
  return fold_expr(a, y ? expr_op2(a, o, x, y) : expr_op1(a, o, x), true);
}

/* Usable between blocks: constants, scalars and dims only. */
static bool is_fixed(const struct ctx *c, expr_t x) {
  if (x->kind == E_CONST || x->kind == E_SCALAR) return true;
  if (x->kind == E_POLY) {
    for (uint32_t m = 0; m < x->poly->n; m++)
      for (unsigned i = 0; i < x->poly->mono[m].n; i++)
        if (c->k->sym[x->poly->mono[m].sym[i]].kind != SYM_DIM) return false;
    return true;
  }
  if (x->kind != E_OP && x->kind != E_CAST) return false;
  for (unsigned i = 0; i < x->nkid; i++)
    if (!is_fixed(c, x->kid[i])) return false;
  return true;
}

static bool linear(const struct ctx *c, expr_t x, struct linear *out);

static bool linear_sum(const struct ctx *c, expr_t x, struct linear *out) {
  struct linear p, q;
  if (!linear(c, x->kid[0], &p) || !linear(c, x->kid[1], &q)) return false;
  if (x->op == OP_sub) q.cm = map_coef(c->a, OP_neg, q.cm, NULL), q.cx = map_coef(c->a, OP_neg, q.cx, NULL);
  *out = (struct linear){add_coef(c->a, p.cm, q.cm), add_coef(c->a, p.cx, q.cx)};
  return true;
}

static bool linear_scaled(const struct ctx *c, expr_t x, struct linear *out) {
  unsigned f = x->op == OP_mul && is_fixed(c, x->kid[0]) ? 0 : 1;
  struct linear p;
  if (!is_fixed(c, x->kid[f]) || !linear(c, x->kid[1 - f], &p)) return false;
  *out = (struct linear){map_coef(c->a, x->op, p.cm, x->kid[f]), map_coef(c->a, x->op, p.cx, x->kid[f])};
  return true;
}

static bool linear(const struct ctx *c, expr_t x, struct linear *out) {
  expr_t one = expr_f(c->a, x->type, 1);
  *out = (struct linear){0};
  if (is_state_read(c, x)) return out->cm = one, true;
  if (expr_eq(x, member(c, c->state)->body)) return out->cx = one, true;
  if (x->kind == E_OP && (x->op == OP_add || x->op == OP_sub) && linear_sum(c, x, out)) return true;
  if (x->kind == E_OP && (x->op == OP_mul || x->op == OP_div) && linear_scaled(c, x, out)) return true;
  if (x->kind == E_OP && x->op == OP_neg && linear(c, x->kid[0], out)) {
    out->cm = map_coef(c->a, OP_neg, out->cm, NULL), out->cx = map_coef(c->a, OP_neg, out->cx, NULL);
    return true;
  }
  *out = (struct linear){0};
  return !moves(c, x);
}

/* 1: surely positive, -1: surely negative, 0: not known. Dims are positive wherever anything is computed. */
static int sign(const struct kernel *k, expr_t x) {
  sym_t s;
  if (x->kind == E_CONST && type_is_float(x->type)) return (x->val.f > 0) - (x->val.f < 0);
  if (x->kind == E_POLY) return poly_is_sym(x->poly, &s) && k->sym[s].kind == SYM_DIM;
  if (x->kind == E_CAST) return sign(k, x->kid[0]);
  if (x->kind != E_OP) return 0;
  switch ((enum op)x->op) {
  case OP_neg:
    return -sign(k, x->kid[0]);
  case OP_mul:
  case OP_div:
    return sign(k, x->kid[0]) * sign(k, x->kid[1]);
  case OP_sqrt:
  case OP_rsqrt:
    return sign(k, x->kid[0]) > 0;
  case OP_select:
    return sign(k, x->kid[1]) == sign(k, x->kid[2]) ? sign(k, x->kid[1]) : 0;
  default:
    return 0;
  }
}

/* --- factors --- */

struct move {
  bool ok, zero;
  expr_t g; /* NULL: 1 */
};
static const struct move failed = {0}, unmoved = {.ok = true};

static struct move factor_of(struct ctx *c, expr_t x);

static struct move factor_exp(struct ctx *c, expr_t x) {
  struct linear l;
  expr_t arg = x->kid[0];
  if (!linear(c, arg, &l) || !l.cm || !l.cx || !expr_eq(l.cx, map_coef(c->a, OP_neg, l.cm, NULL))) return failed;
  int want = member(c, c->state)->red == RED_max ? -1 : 1;
  if (sign(c->k, l.cm) != want) return failed;
  expr_t old = expr_arg(c->a, arg->type, 0), new = expr_arg(c->a, arg->type, 1);
  expr_t move = fold_is(l.cm, -1) ? expr_op2(c->a, OP_sub, old, new) : expr_op2(c->a, OP_sub, new, old);
  if (!fold_is(l.cm, -1) && !fold_is(l.cm, 1)) move = expr_op2(c->a, OP_mul, l.cm, move);
  return (struct move){.ok = true, .g = expr_op1(c->a, OP_exp, move)};
}

static bool same_factor(struct move x, struct move y) {
  return x.g == y.g || (x.g && y.g && expr_eq(x.g, y.g));
}

static struct move factor_either(struct move x, struct move y) {
  if (!x.ok || !y.ok) return failed;
  if (x.zero) return y;
  if (y.zero) return x;
  return same_factor(x, y) ? x : failed;
}

static struct move factor_product(struct ctx *c, enum op o, struct move x, struct move y) {
  if (!x.ok || !y.ok) return failed;
  if (x.zero || !y.g) return x;
  if (y.zero) return o == OP_mul ? y : failed;
  expr_t one = expr_f(c->a, y.g->type, 1);
  return (struct move){.ok = true, .g = x.g || o == OP_div ? expr_op2(c->a, o, x.g ? x.g : one, y.g) : y.g};
}

static struct move factor_op(struct ctx *c, expr_t x) {
  switch ((enum op)x->op) {
  case OP_exp:
    return factor_exp(c, x);
  case OP_mul:
    return factor_product(c, OP_mul, factor_of(c, x->kid[0]), factor_of(c, x->kid[1]));
  case OP_div:
    return moves(c, x->kid[1]) ? failed : factor_of(c, x->kid[0]);
  case OP_neg:
    return factor_of(c, x->kid[0]);
  case OP_add:
  case OP_sub:
    return factor_either(factor_of(c, x->kid[0]), factor_of(c, x->kid[1]));
  case OP_select:
    c->st->selected[c->at] = true;
    return moves(c, x->kid[0]) ? failed : factor_either(factor_of(c, x->kid[1]), factor_of(c, x->kid[2]));
  default:
    return failed;
  }
}

static struct move factor_of(struct ctx *c, expr_t x) {
  if (fold_is(x, 0)) return (struct move){.ok = true, .zero = true};
  if (!moves(c, x)) return unmoved;
  if (x->kind == E_CAST && type_is_float(x->type) && type_is_float(x->kid[0]->type)) return factor_of(c, x->kid[0]);
  if (x->kind == E_OP) return factor_op(c, x);
  if (x->kind != E_READ) return failed;
  int w = writer(c, x->acc->tensor);
  if (w < 0 || c->st->kind[w] != MEM_RUNNING || member(c, w)->red != RED_none) return failed;
  if (!access_is(x->acc, member(c, w)->npar, member(c, w)->lhs_idx)) return failed;
  c->st->selected[c->at] |= c->st->selected[w];
  return (struct move){.ok = true, .g = c->st->factor[w]};
}

/* --- classes --- */

static bool walks(const struct eq *e, sym_t s) {
  return eq_is_par(e, s) || eq_is_red(e, s);
}

/* The state's rows are rows of e too, and a sum's terms are among those that the state saw. */
static bool fits_state(const struct ctx *c, const struct eq *e) {
  const struct eq *m = member(c, c->state);
  for (unsigned i = 0; i < m->npar; i++)
    if (!eq_is_par(e, m->axis[i].sym)) return false;
  if (e->red == RED_none) return true;
  for (unsigned g = 0; g < m->nguard; g++) {
    bool found = false;
    for (unsigned h = 0; h < e->nguard; h++) found |= poly_eq(m->guard[g], e->guard[h]);
    if (!found) return false;
  }
  return true;
}

/* Something that the state was made from has been written again: equal text no longer means equal value. */
static bool changed_since_state(const struct ctx *c) {
  for (unsigned i = c->state + 1; i < c->at; i++)
    if (eq_reads(member(c, c->state), member(c, i)->lhs) || member(c, i)->lhs == member(c, c->state)->lhs) return true;
  return false;
}

static bool runs(struct ctx *c) {
  const struct eq *e = member(c, c->at);
  if (c->banned[c->at] || changed_since_state(c) || !walks(e, c->st->s) || !fits_state(c, e) ||
      !type_is_float(e->body->type))
    return false;
  if (e->red != RED_none && (e->red != RED_sum || e->init || !eq_is_red(e, c->st->s))) return false;
  if (e->red == RED_none && (c->k->tensor[e->lhs].role != ROLE_TEMP || !eq_bare(c->k, e))) return false;
  struct move f = factor_of(c, e->body);
  if (!f.ok || !f.g) return false;
  c->st->factor[c->at] = f.g;
  c->st->state[c->at] = (uint16_t)c->state;
  return true;
}

static bool may_be_state(const struct ctx *c, const struct eq *e) {
  return (e->red == RED_max || e->red == RED_min) && e->nax == e->npar + 1 && eq_is_red(e, c->st->s) &&
         eq_bare(c->k, e) && type_is_float(e->body->type) && c->k->tensor[e->lhs].type == e->body->type &&
         !eq_reads(e, e->lhs);
}

/* A member's own block suffices: where the writer's or the reader's subscript holds the stream axis, both are the same.
 */
static bool same_block(const struct ctx *c, const struct eq *w, const struct access *acc) {
  for (unsigned d = 0; d < acc->rank; d++) {
    bool dyn = acc->ix[d].dyn && expr_has_sym(acc->ix[d].dyn, c->st->s);
    bool on = dyn || poly_has(acc->ix[d].poly, c->st->s) || poly_has(w->lhs_idx[d], c->st->s);
    if (on && (acc->ix[d].dyn || !poly_eq(acc->ix[d].poly, w->lhs_idx[d]))) return false;
  }
  return true;
}

/* Fills in the class of member c->at. */
static void classify(struct ctx *c) {
  const struct eq *e = member(c, c->at);
  const struct access **acc;
  unsigned n = eq_accesses(c->a, e, UINT_MAX, &acc);
  int state = -1;
  bool block = true, post = false;
  for (unsigned i = 0; i < n && !post; i++) {
    int w = writer(c, acc[i]->tensor);
    if (w < 0) continue;
    enum member kind = c->st->kind[w];
    bool over = eq_is_red(member(c, w), c->st->s);
    int st = kind == MEM_STATE ? w : kind == MEM_RUNNING && !over ? c->st->state[w] : -1;
    post = kind == MEM_POST || (over && kind != MEM_STATE) || !same_block(c, member(c, w), acc[i]) ||
           (st >= 0 && state >= 0 && st != state);
    if (st >= 0) state = st, block = false;
  }
  c->st->kind[c->at] = MEM_POST;
  if (post) return;
  c->state = (unsigned)state;
  if (block)
    c->st->kind[c->at] = may_be_state(c, e) ? MEM_STATE : MEM_BLOCK;
  else if (runs(c))
    c->st->kind[c->at] = MEM_RUNNING;
}

/* An element-wise running member's values are right for their block only: every reader must run too. */
static bool leaks(const struct ctx *c, unsigned i, bool open) {
  unsigned t = member(c, i)->lhs, listed = 0, all = 0;
  for (unsigned r = 0; r < c->n; r++)
    if (eq_reads(member(c, r), t)) {
      listed++;
      if (c->st->kind[r] != MEM_RUNNING) return true;
    }
  for (unsigned e = 0; e < c->k->neq; e++) all += eq_reads(&c->k->eq[e], t);
  return !open && all != listed;
}

static bool classify_all(struct ctx *c, bool open) {
  for (bool again = true; again;) {
    again = false;
    memset(c->st->selected, 0, sizeof c->st->selected);
    for (c->at = 0; c->at < c->n; c->at++) classify(c);
    for (unsigned i = 0; i < c->n; i++)
      if (c->st->kind[i] == MEM_RUNNING &&
          (member(c, i)->red == RED_none ? leaks(c, i, open)
                                         : !open && !repair_find(c->a, c->k, c->eq, c->n, i, c->st)))
        c->banned[i] = again = true;
  }
  c->st->nsum = 0;
  for (unsigned i = 0; i < c->n; i++) c->st->nsum += c->st->kind[i] == MEM_RUNNING && member(c, i)->red == RED_sum;
  return c->st->nsum > 0;
}

bool stream_find(struct arena *a, const struct kernel *k, const uint16_t *eq, unsigned n, bool open,
                 struct stream *out) {
  for (unsigned i = 0; i < n; i++) {
    const struct eq *e = &k->eq[eq[i]];
    if ((e->red != RED_max && e->red != RED_min) || e->nax != e->npar + 1) continue;
    struct ctx c = {.a = a, .k = k, .eq = eq, .n = n, .st = out};
    *out = (struct stream){.s = e->axis[e->npar].sym};
    if (classify_all(&c, open)) return true;
  }
  return false;
}

expr_t stream_safe_state(struct arena *a, const struct eq *state, expr_t read) {
  double dead = state->red == RED_max ? -INFINITY : INFINITY;
  expr_t is_dead = expr_op2(a, OP_eq, read, expr_f(a, read->type, dead));
  return expr_op3(a, OP_select, is_dead, expr_f(a, read->type, 0), read);
}
