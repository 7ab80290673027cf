/* Kernels in which a schedule has nothing to win. See passes.h.

   What makes a schedule worth having: data that is used again (contractions, stencils, rows that are passed over
   several times with other axes around), functions that LLVM has no vector code for, reductions other than sums,
   operands that lie across each other, sums that C keeps in memory; and maps to 8 or 16 bits, which C computes in int
   and pass_narrow does not; quotients; elements that neighbours share (x[i / 4]); swaps of elements that only hone
   knows to lie apart; elements that a statement before wrote in an earlier iteration;
   loops unrolled by hand, and conditions on counters, which raising takes out. What is left are plain passes,
   what is small and of constant size, and sums along rows of an operand that is read once (a matrix times a vector):
   there the loops as C has them, vectorised by LLVM, take the same time or less (elements that are interleaved, few
   iterations, one stream from memory instead of several), and need no checks at entry. */
#include "ir/apart.h"
#include "ir/short_sum.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/util.h"
#include <limits.h>

enum { ROWS = 32, STENCIL = 3, MAX_RANK = 16, FEW = 8, LONG = 256 };

struct look {
  const struct kernel *k;
  const struct eq *e;
  bool heavy;
  unsigned n; /* reads of whole rows that are not the same */
  const struct access *row[ROWS];
};

/* An axis of a few iterations: LLVM writes them out. */
static bool few(const struct axis *x) {
  int64_t n, lo;
  return poly_is_const(x->hi, &n) && poly_is_const(x->lo, &lo) && n - lo <= FEW;
}

/* The last parallel axis that is longer (0: none). */
static unsigned long_axis(const struct eq *e) {
  unsigned a = e->npar - 1u;
  while (a > 0 && few(&e->axis[a])) a--;
  return a;
}

/* Made of constants and short axes? */
static bool near_by(const struct eq *e, poly_t p) {
  for (unsigned a = 0; a < e->nax; a++)
    if (poly_has(p, e->axis[a].sym) && !few(&e->axis[a])) return false;
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (eq_axis(e, p->mono[i].sym[j]) < 0) return false;
  return true;
}

/* Along the last long axis of the equation one dim moves, and those behind it hold constants or short axes (elements
 * that are interleaved). -1: none moves, -2: it is not so. */
static int moving_dim(const struct look *l, const poly_t *ix, unsigned rank, bool *unit) {
  int at = -1;
  int64_t c;
  sym_t axis = l->e->axis[long_axis(l->e)].sym;
  *unit = false;
  for (unsigned d = 0; d < rank; d++) {
    if (poly_has(ix[d], axis)) {
      poly_t coef, rest;
      *unit = d + 1 == rank && poly_split(l->k->arena, ix[d], axis, &coef, &rest) && poly_is_const(coef, &c) && c == 1;
      at = at < 0 ? (int)d : -2;
    } else if (at != -1 && !near_by(l->e, ix[d])) {
      at = -2;
    }
    if (at == -2) return at;
  }
  return at;
}

/* Several elements of one array that lie together: each is used again by the next iterations. */
static void add_row(struct look *l, const struct access *acc) {
  unsigned same = 1;
  for (unsigned i = 0; i < l->n; i++) {
    if (access_eq(l->row[i], acc)) return;
    same += l->row[i]->tensor == acc->tensor;
  }
  if (same >= STENCIL || l->n == ROWS)
    l->heavy = true;
  else
    l->row[l->n++] = acc;
}

/* Steps of more than one element (pixels, every other sample): what the next step reads again. */
static void add_steps(struct look *l, const struct access *acc, unsigned dim, int64_t step) {
  int64_t c;
  for (unsigned i = 0; i < l->n; i++) {
    const struct access *x = l->row[i];
    bool row = x->tensor == acc->tensor && x->rank == acc->rank;
    for (unsigned d = 0; d < acc->rank && row; d++)
      row = !x->ix[d].dyn && (d == dim || poly_eq(x->ix[d].poly, acc->ix[d].poly));
    if (row && poly_is_const(poly_sub(l->k->arena, x->ix[dim].poly, acc->ix[dim].poly), &c) &&
        (c >= step || -c >= step))
      l->heavy = true;
  }
  if (l->n < ROWS) l->row[l->n++] = acc;
}

static int64_t step_along(const struct look *l, poly_t ix) {
  poly_t coef, rest;
  int64_t c;
  return poly_split(l->k->arena, ix, l->e->axis[long_axis(l->e)].sym, &coef, &rest) && poly_is_const(coef, &c) ? c : 0;
}

/* y / 2 of a row, which subscripts are made of. */
static bool is_part(const struct kernel *k, unsigned tensor) {
  return k->tensor[tensor].role == ROLE_TEMP && type_is_int((enum dtype)k->tensor[tensor].type);
}

/* Reads what other iterations write of its array, or might: LLVM cannot tell that they lie apart, unless they are parts
 * of one step. */
static bool swaps(const struct look *l, const struct access *acc) {
  if (acc->tensor != l->e->lhs) return false;
  for (unsigned d = 0; d < acc->rank; d++)
    if (!acc->ix[d].dyn && poly_always_differ(acc->ix[d].poly, l->e->lhs_idx[d])) return false;
  return eq_apart(l->k, l->e, l->e, acc);
}

/* i / 4 and i >> 2 of an index: neighbours share an element. */
static void find_quotient(expr_t x, void *ctx) {
  bool *found = ctx;
  *found |= x->kind == E_OP && (x->op == OP_div || x->op == OP_shr) && x->kid[1]->kind == E_CONST;
}

/* Found by a table or by parts of the other axes, once for a whole row. */
static bool same_for_row(const struct eq *e, const struct access *acc) {
  if (!e->npar || !long_axis(e)) return false;
  sym_t s = e->axis[long_axis(e)].sym;
  for (unsigned d = 0; d < acc->rank; d++)
    if ((acc->ix[d].poly && poly_has(acc->ix[d].poly, s)) || (acc->ix[d].dyn && expr_has_sym(acc->ix[d].dyn, s)))
      return false;
  return true;
}

static void read_of_map(struct look *l, const struct access *acc) {
  poly_t ix[MAX_RANK];
  bool unit, dyn = false;
  for (unsigned d = 0; d < acc->rank; d++) {
    ix[d] = acc->ix[d].poly ? acc->ix[d].poly : poly_const(l->k->arena, 0);
    dyn |= acc->ix[d].dyn != NULL;
    if (acc->ix[d].dyn) expr_visit(acc->ix[d].dyn, find_quotient, &l->heavy);
  }
  if (dyn && same_for_row(l->e, acc)) l->heavy = true;
  if (!l->e->npar || !acc->rank || dyn) return; /* a gather is one whichever way */
  if (swaps(l, acc)) l->heavy = true;
  int at = moving_dim(l, ix, acc->rank, &unit);
  if (at == -1 && is_part(l->k, acc->tensor)) return;
  if (at == -2 || (at == -1 && long_axis(l->e) > 0)) /* across, or the same for a whole row */
    l->heavy = true;
  else if (unit)
    add_row(l, acc);
}

static void step_of_map(expr_t x, void *ctx) {
  struct look *l = ctx;
  poly_t ix[MAX_RANK];
  bool unit;
  if (x->kind != E_READ || !x->acc->rank || !l->e->npar) return;
  for (unsigned d = 0; d < x->acc->rank; d++) {
    if (x->acc->ix[d].dyn) return;
    ix[d] = x->acc->ix[d].poly;
  }
  int at = moving_dim(l, ix, x->acc->rank, &unit);
  if (at >= 0 && at + 1 == x->acc->rank && step_along(l, ix[at]) > 1)
    add_steps(l, x->acc, (unsigned)at, step_along(l, ix[at]));
}

bool kernel_has_windows(const struct kernel *k) {
  for (unsigned i = 0; i < k->neq; i++) {
    struct look l = {.k = k, .e = &k->eq[i]};
    if (l.e->red == RED_none) expr_visit(l.e->body, step_of_map, &l);
    if (l.heavy) return true;
  }
  return false;
}

struct quotients {
  bool any, chosen;
};

static void note_quotient(expr_t x, void *ctx) {
  struct quotients *q = ctx;
  q->any |= x->kind == E_OP && x->op == OP_div && type_is_float((enum dtype)x->type);
  q->chosen |= x->kind == E_OP && x->op == OP_select;
}

/* Quotients that all elements need: by what is the same for several, or for a whole row, a raised form multiplies. */
static bool divides(const struct kernel *k) {
  struct quotients q = {false, false};
  for (unsigned i = 0; i < k->neq; i++)
    if (k->eq[i].npar) expr_visit(k->eq[i].body, note_quotient, &q);
  return q.any && !q.chosen;
}

static void visit(expr_t x, void *ctx) {
  struct look *l = ctx;
  if (x->kind == E_OP && (op_info[x->op].flags & OPF_TRANS)) l->heavy = true;
  if (x->kind == E_CAST && type_is_int((enum dtype)x->type) && type_is_float((enum dtype)x->kid[0]->type))
    l->heavy = true; /* saturates */
  if (x->kind == E_OP && l->e->red != RED_none && (op_info[x->op].result_bool || x->op == OP_select)) l->heavy = true;
  if (x->kind == E_READ && l->e->red == RED_none) read_of_map(l, x->acc);
}

static void find_arithmetic(expr_t x, void *ctx) {
  bool *found = ctx;
  *found |= x->kind == E_OP && !op_info[x->op].result_bool && x->op != OP_select;
}

/* Elements that a run-time number of others lie between, and something to compute: LLVM makes no vectors of it. */
static bool scattered(const struct look *l, int at) {
  const struct tensor *t = &l->k->tensor[l->e->lhs];
  bool arithmetic = false;
  expr_visit(l->e->body, find_arithmetic, &arithmetic);
  return arithmetic && at + 1 < t->rank && !poly_is_const(tensor_stride(l->k->arena, t, (unsigned)at), NULL);
}

static bool writes_rows(const struct look *l) {
  int rank = l->k->tensor[l->e->lhs].rank, at;
  bool unit;
  if (!l->e->npar) return true;
  at = moving_dim(l, l->e->lhs_idx, (unsigned)rank, &unit);
  return at >= 0 && !scattered(l, at);
}

/* Sums along rows: each read lies along the summed axis, and one of them moves with all axes, so that nothing but
   vectors is used again. */
struct rows {
  const struct kernel *k;
  const struct eq *e;
  bool all, other;
};

/* Do the other axes in this subscript step over whole rows? (In a window, x[i + k], they do not: it is read again.) */
static bool whole_rows(const struct rows *r, poly_t ix) {
  const struct axis *sum = &r->e->axis[r->e->npar];
  poly_t coef, rest;
  int64_t c, n, lo;
  for (unsigned a = 0; a < r->e->npar; a++) {
    if (!poly_has(ix, r->e->axis[a].sym)) continue;
    if (!poly_is_const(sum->hi, &n) || !poly_is_const(sum->lo, &lo)) return false;
    if (!poly_split(r->k->arena, ix, r->e->axis[a].sym, &coef, &rest) || !poly_is_const(coef, &c) || c < n - lo)
      return false;
  }
  return true;
}

static void row_read(expr_t x, void *ctx) {
  struct rows *r = ctx;
  if (x->kind == E_OP && x->op == OP_select) r->other = true;
  if (x->kind != E_READ) return;
  enum dtype t = (enum dtype)x->type;
  poly_t coef, rest;
  int64_t c;
  unsigned axes = 0;
  r->other |= (type_is_float(t) && type_size(t) < 4) || x->acc->nguard;
  for (unsigned a = 0; a < r->e->nax; a++) axes += expr_has_sym(x, r->e->axis[a].sym);
  for (unsigned d = 0; d < x->acc->rank && !r->other; d++) {
    poly_t ix = x->acc->ix[d].poly;
    if (x->acc->ix[d].dyn || !ix)
      r->other = true;
    else if (poly_has(ix, r->e->axis[r->e->npar].sym))
      r->other = d + 1u != x->acc->rank || !poly_split(r->k->arena, ix, r->e->axis[r->e->npar].sym, &coef, &rest) ||
                 !poly_is_const(coef, &c) || c != 1 || !whole_rows(r, ix);
  }
  r->all |= axes == r->e->nax;
}

static bool sums_rows(const struct kernel *k, const struct eq *e) {
  struct rows r = {.k = k, .e = e};
  if (e->nax != e->npar + 1u || e->nguard) return false;
  expr_visit(e->body, row_read, &r);
  return r.all && !r.other;
}

static bool light(const struct kernel *k, const struct eq *e) {
  struct look l = {.k = k, .e = e};
  if (e->red != RED_none && (e->red != RED_sum || (e->npar > 0 && !sums_rows(k, e)) || e->nax != e->npar + 1u))
    return false;
  expr_visit(e->body, visit, &l);
  if (e->init) expr_visit(e->init, visit, &l);
  return !l.heavy && (e->red != RED_none || writes_rows(&l));
}

struct stored {
  const struct access *acc;
  bool again;
};

static void same_read(expr_t x, void *ctx) {
  struct stored *s = ctx;
  s->again |= x->kind == E_READ && access_eq(x->acc, s->acc);
}

static bool moves_with(const struct access *acc, sym_t loop) {
  for (unsigned d = 0; d < acc->rank; d++)
    if ((acc->ix[d].poly && poly_has(acc->ix[d].poly, loop)) || acc->ix[d].dyn) return true;
  return false;
}

/* Is there a loop (the innermost one around s: `loop`) that adds to the same element each time? */
static bool adds_in_memory(const struct lstmt *s, sym_t loop) {
  if (s->kind == L_FOR) loop = s->sym;
  if (s->kind == L_STORE && loop != SYM_NONE && !moves_with(s->acc, loop)) {
    struct stored x = {s->acc, false};
    expr_visit(s->value, same_read, &x);
    if (x.again) return true;
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && adds_in_memory(s->body[i], loop)) return true;
  return false;
}

static void find_function(expr_t x, void *ctx) {
  bool *found = ctx;
  *found |= x->kind == E_OP && (op_info[x->op].flags & OPF_TRANS);
}

/* Known when it is compiled, and so little (an 8 x 8 transform) that LLVM writes it out. */
static bool is_small(const struct kernel *k) {
  enum { MOST = 2048 };
  int64_t all = 0, c;
  bool function = false;
  for (unsigned i = 0; i < k->neq; i++) {
    int64_t n = 1;
    const struct eq *e = &k->eq[i];
    for (unsigned a = 0; a < e->nax; a++) {
      if (!poly_is_const(poly_sub(k->arena, e->axis[a].hi, e->axis[a].lo), &c) || c > MOST) return false;
      n = n > MOST || c < 0 ? MOST + 1 : n * c;
    }
    all += n;
    expr_visit(e->body, find_function, &function);
  }
  return all <= MOST && !function;
}

/* Elements between neighbours along the long axis, where that is a constant; else 0. */
static int64_t step_between(const struct kernel *k, const struct eq *e, const struct tensor *t, const poly_t *ix) {
  struct look l = {.k = k, .e = e};
  int64_t c, step;
  bool unit;
  int at = moving_dim(&l, ix, t->rank, &unit);
  if (at < 0 || !poly_is_const(tensor_stride(k->arena, t, (unsigned)at), &step)) return 0;
  c = step_along(&l, ix[at]);
  return c && step <= INT32_MAX / (c < 0 ? -c : c) ? c * step : 0;
}

/* Elements of each step of the tensor that equations write. */
static int64_t parts_written(const struct kernel *k, unsigned tensor) {
  int64_t all = 0, n, hi, lo;
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    if (e->lhs != tensor) continue;
    n = 1;
    for (unsigned a = e->npar ? long_axis(e) + 1 : 0; a < e->npar; a++)
      if (poly_is_const(e->axis[a].hi, &hi) && poly_is_const(e->axis[a].lo, &lo)) n *= hi - lo;
    all += n;
  }
  return all;
}

static void find_wide(expr_t x, void *ctx) {
  bool *found = ctx;
  *found |= x->kind == E_OP && type_size((enum dtype)x->type) > 2;
}

/* Into steps of several elements: with gaps between them that LLVM makes no vectors of, or threes, which lie across its
 * vectors. */
static bool narrow_steps(const struct kernel *k, const struct eq *e, int64_t step) {
  bool wide = false;
  expr_visit(e->body, find_wide, &wide);
  return step > 1 && step <= FEW && !wide && (step % 2 || parts_written(k, e->lhs) < step);
}

static void find_read(expr_t x, void *ctx) {
  bool *found = ctx;
  *found |= x->kind == E_READ;
}

/* A table by what is read: a gather has as few lanes in a schedule as in C. */
static void find_table(expr_t x, void *ctx) {
  for (unsigned d = 0; x->kind == E_READ && d < x->acc->rank; d++)
    if (x->acc->ix[d].dyn) expr_visit(x->acc->ix[d].dyn, find_read, ctx);
}

/* A map to 8 or 16 bits along rows, with something to compute. */
static bool narrow(const struct kernel *k, const struct eq *e) {
  enum dtype t = (enum dtype)k->tensor[e->lhs].type;
  bool arithmetic = false, table = false;
  expr_visit(e->body, find_table, &table);
  if (table || e->red != RED_none || !e->npar || e->nguard || !type_is_int(t) || type_size(t) > 2) return false;
  expr_visit(e->body, find_arithmetic, &arithmetic);
  int64_t step = step_between(k, e, &k->tensor[e->lhs], e->lhs_idx);
  return arithmetic && (step == 1 || narrow_steps(k, e, step));
}

bool kernel_is_narrow(const struct kernel *k) {
  for (unsigned i = 0; i < k->neq; i++)
    if (!narrow(k, &k->eq[i])) return false;
  return true;
}

/* Long sums of bytes and half words, which several lanes are added up of at a time. */
bool kernel_sums_short(const struct kernel *k) {
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    struct short_sum s;
    int64_t n;
    if (e->red != RED_sum || e->nax != e->npar + 1u || !short_sum_of(e->body, &s)) continue;
    const struct axis *x = &e->axis[e->npar];
    if (!poly_is_const(poly_sub(k->arena, x->hi, x->lo), &n) || n >= LONG) return true;
  }
  return false;
}

/* y's axes as x's, one by one. */
static const sym_t *axes_of(const struct kernel *k, const struct eq *x, const struct eq *y) {
  sym_t *map = ARENA_NEW(k->arena, sym_t, k->nsym + 1u);
  for (unsigned s = 0; s < k->nsym; s++) map[s] = SYM_NONE;
  for (unsigned i = 0; i < x->nax && i < y->nax; i++) map[y->axis[i].sym] = x->axis[i].sym;
  return map;
}

static poly_t renamed(const struct kernel *k, const struct eq *x, const struct eq *y, poly_t p) {
  return poly_rename(k->arena, p, axes_of(k, x, y), k->nsym);
}

static bool same_body(const struct kernel *k, const struct eq *x, const struct eq *y) {
  return expr_eq(x->body, expr_rename(k->arena, y->body, axes_of(k, x, y), k->nsym));
}

/* What an equation before it wrote, at another element: the loop that C has for both carries it from one iteration to a
 * later one, and LLVM does not take such a loop apart. */
struct carried {
  const struct kernel *k;
  unsigned at; /* the equation that reads */
  bool found;
};

static void find_carried(expr_t x, void *ctx) {
  struct carried *c = ctx;
  const struct eq *e = &c->k->eq[c->at];
  int64_t n;
  if (x->kind != E_READ) return;
  for (unsigned i = 0; i < c->at && !c->found; i++) {
    const struct eq *w = &c->k->eq[i];
    if (w->lhs != x->acc->tensor) continue;
    for (unsigned d = 0; d < x->acc->rank; d++)
      c->found |= !x->acc->ix[d].dyn &&
                  poly_is_const(poly_sub(c->k->arena, x->acc->ix[d].poly, renamed(c->k, e, w, w->lhs_idx[d])), &n) && n;
  }
}

static bool carries(const struct kernel *k) {
  struct carried c = {k, 0, false};
  for (; c.at < k->neq && !c.found; c.at++) expr_visit(k->eq[c.at].body, find_carried, &c);
  return c.found;
}

/* A temp that two equations write with the same body: a condition (i != j) that raising took apart, and each is
   computed everywhere. */
static bool computes_twice(const struct kernel *k) {
  for (unsigned i = 0; i < k->neq; i++)
    for (unsigned j = 0; j < i; j++) {
      const struct eq *x = &k->eq[i], *y = &k->eq[j];
      bool alike = x->lhs == y->lhs && x->nax == y->nax && x->nguard && y->nguard;
      if (alike && k->tensor[x->lhs].role == ROLE_TEMP && expr_cost(x->body) > FEW && same_body(k, x, y)) return true;
    }
  return false;
}

/* Two places of an array are written that a run-time number of elements lies between (halves of a row): LLVM would have
   to ask whether they overlap. */
static bool writes_apart(const struct kernel *k) {
  for (unsigned i = 0; i < k->neq; i++)
    for (unsigned j = 0; j < i; j++) {
      const struct eq *x = &k->eq[i], *y = &k->eq[j];
      const struct tensor *t = &k->tensor[x->lhs];
      if (x->lhs != y->lhs || t->role == ROLE_TEMP || x->npar != y->npar) continue;
      for (unsigned d = 0; d < t->rank; d++)
        if (!poly_is_const(poly_sub(k->arena, x->lhs_idx[d], renamed(k, x, y, y->lhs_idx[d])), NULL)) return true;
    }
  return false;
}

/* Several elements of each step are written, others are not (the colours of pixels with alpha): LLVM makes no vectors
 * of it. */
static bool leaves_gaps(const struct kernel *k) {
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    const struct tensor *t = &k->tensor[e->lhs];
    if (e->red != RED_none || !e->npar || e->nguard || t->role == ROLE_TEMP) continue;
    int64_t step = step_between(k, e, t, e->lhs_idx), parts = parts_written(k, e->lhs);
    if (step <= FEW && parts > 1 && parts < step) return true;
  }
  return false;
}

struct threes {
  const struct kernel *k;
  const struct eq *e;
  bool found;
};

static void add_three(struct threes *c, unsigned tensor, const poly_t *ix) {
  const struct tensor *t = &c->k->tensor[tensor];
  int64_t step = step_between(c->k, c->e, t, ix);
  bool three = step > 1 && step <= FEW && step & (step - 1);
  c->found |= (step == -1 || three) && type_size((enum dtype)t->type) <= 2;
}

static void find_three(expr_t x, void *ctx) {
  struct threes *c = ctx;
  poly_t ix[MAX_RANK];
  if (x->kind != E_READ || !x->acc->rank) return;
  for (unsigned d = 0; d < x->acc->rank; d++) {
    if (x->acc->ix[d].dyn) return;
    ix[d] = x->acc->ix[d].poly;
  }
  add_three(c, x->acc->tensor, ix);
}

/* Bytes or half words backwards, or in steps of three: LLVM takes them apart in vectors of half the width, or
   not at all. */
static bool in_threes(const struct kernel *k) {
  struct threes c = {.k = k};
  for (unsigned i = 0; i < k->neq; i++) {
    c.e = &k->eq[i];
    bool table = false;
    expr_visit(c.e->body, find_table, &table);
    if (c.e->red != RED_none || !c.e->npar || table) continue;
    add_three(&c, c.e->lhs, c.e->lhs_idx);
    expr_visit(c.e->body, find_three, &c);
  }
  return c.found;
}

/* Along its one axis the element of an array is a run-time number of elements from the next. */
static bool is_strided(const struct kernel *k, const struct eq *e, const struct access *acc) {
  const struct tensor *t = &k->tensor[acc->tensor];
  if (t->role == ROLE_TEMP) return true;
  int at = -1;
  for (unsigned d = 0; d < acc->rank; d++) {
    if (acc->ix[d].dyn) return false;
    if (poly_has(acc->ix[d].poly, e->axis[0].sym)) at = at < 0 ? (int)d : (int)acc->rank;
  }
  return at >= 0 && at + 1 < (int)acc->rank && !poly_is_const(tensor_stride(k->arena, t, (unsigned)at), NULL);
}

/* Elements of columns are moved (two columns swapped), and nothing is computed: one load and store after the other is
   all there is. */
static bool moves_columns(const struct kernel *k) {
  const struct access **acc;
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    bool arithmetic = false;
    if (e->red != RED_none || e->nax != 1 || e->init) return false;
    expr_visit(e->body, find_arithmetic, &arithmetic);
    unsigned n = eq_accesses(k->arena, e, UINT_MAX, &acc);
    for (unsigned x = 0; x < n; x++)
      if (!is_strided(k, e, acc[x])) return false;
    if (arithmetic || !is_strided(k, e, access_new(k->arena, e->lhs, k->tensor[e->lhs].rank, e->lhs_idx))) return false;
  }
  return k->neq > 0;
}

bool kernel_is_light(const struct kernel *k, const struct lstmt *source) {
  if (is_small(k) || computes_twice(k) || moves_columns(k)) return true;
  if (k->reshaped || divides(k) || (!kernel_restricts(k) && carries(k)) || writes_apart(k) || leaves_gaps(k) ||
      in_threes(k) || (source && adds_in_memory(source, SYM_NONE)))
    return false;
  for (unsigned i = 0; i < k->neq; i++)
    if (!light(k, &k->eq[i])) return false;
  return true;
}

/* --- several passes for one --- */

struct reuse {
  const struct eq *e;
  const struct access *first;
  bool found;
};

static bool lacks(const struct eq *e, const struct access *x, const struct access *y) {
  for (unsigned a = 0; a < e->npar; a++)
    if (access_has_sym(y, e->axis[a].sym) && !access_has_sym(x, e->axis[a].sym)) return true;
  return false;
}

static void find_other(expr_t x, void *ctx) {
  struct reuse *r = ctx;
  r->found |= x->kind == E_READ && lacks(r->e, x->acc, r->first) && lacks(r->e, r->first, x->acc);
}

static void find_reuse(expr_t x, void *ctx) {
  struct reuse *r = ctx;
  if (x->kind != E_READ) return;
  struct reuse in = {r->e, x->acc, false};
  expr_visit(r->e->body, find_other, &in);
  r->found |= in.found;
}

/* A product, a maximum, a function: what LLVM makes of it is worse than any number of passes. */
static bool worth_passes(const struct eq *e) {
  struct reuse r = {e, NULL, false};
  bool function = false;
  expr_visit(e->body, find_function, &function);
  if (e->red == RED_none) return function;
  expr_visit(e->body, find_reuse, &r);
  return function || r.found || e->red != RED_sum;
}

/* All of the array, element by element: every dim an axis alone. */
static bool reads_all(const struct kernel *k, const struct eq *e, unsigned tensor) {
  const struct access **acc;
  unsigned n = eq_accesses(k->arena, e, tensor, &acc);
  for (unsigned i = 0; i < n; i++) {
    bool all = acc[i]->rank > 1;
    for (unsigned d = 0; d < acc[i]->rank; d++) {
      sym_t s;
      all &= !acc[i]->ix[d].dyn && poly_is_sym(acc[i]->ix[d].poly, &s) && eq_axis(e, s) >= 0;
    }
    if (all) return true;
  }
  return false;
}

static unsigned nests(const struct lstmt *s) {
  unsigned n = 0;
  if (s->kind == L_FOR || s->kind == L_WHILE) return 1;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) n += nests(s->body[i]);
  return n;
}

bool groups_pass_more(const struct groups *gs, const struct lstmt *source) {
  const struct kernel *k = gs->k;
  if (gs->n <= nests(source)) return false;
  for (unsigned i = 0; i < k->neq; i++)
    if (worth_passes(&k->eq[i])) return false;
  for (unsigned t = 0; t < k->ntensor; t++) {
    unsigned passes = 0;
    for (unsigned g = 0; g < gs->n; g++) {
      bool reads = false;
      for (unsigned m = 0; m < gs->g[g].neq; m++) reads |= reads_all(k, &k->eq[gs->g[g].eq[m]], t);
      passes += reads;
    }
    if (k->tensor[t].role != ROLE_TEMP && passes > nests(source)) return true;
  }
  return false;
}
