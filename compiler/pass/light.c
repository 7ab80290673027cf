/* Kernels in which a schedule has nothing to win. See passes.h.

   What makes a schedule worth having: data that is used again (contractions, stencils, rows that are passed over
   several times with other axes around), functions that LLVM has no vector code for, reductions other than sums,
   operands that lie across each other. What is left are plain passes: there the loops as C has them, vectorised by
   LLVM, take the same time or less (elements that are interleaved, few iterations), and need no checks at entry. */
#include "compiler/pass/passes.h"

enum { ROWS = 32, STENCIL = 3, MAX_RANK = 16 };

struct look {
  const struct kernel *k;
  const struct eq *e;
  bool heavy;
  unsigned n; /* reads of whole rows that are not the same */
  const struct access *row[ROWS];
};

/* Along the last axis of the equation one dim moves, and those behind it hold constants (elements that are
 * interleaved). -1: none moves, -2: it is not so. */
static int moving_dim(const struct look *l, const poly_t *ix, unsigned rank, bool *unit) {
  int at = -1;
  int64_t c;
  sym_t axis = l->e->axis[l->e->npar - 1].sym;
  *unit = false;
  for (unsigned d = 0; d < rank; d++) {
    if (poly_has(ix[d], axis)) {
      poly_t coef, rest;
      *unit = d + 1 == rank && poly_split(l->k->arena, ix[d], axis, &coef, &rest) && poly_is_const(coef, &c) && c == 1;
      at = at < 0 ? (int)d : -2;
    } else if (at != -1 && !poly_is_const(ix[d], &c)) {
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

static void find_read(expr_t x, void *found) {
  if (x->kind == E_READ) *(bool *)found = true;
}

static void read_of_map(struct look *l, const struct access *acc) {
  poly_t ix[MAX_RANK];
  bool unit, data = false, dyn = false;
  for (unsigned d = 0; d < acc->rank; d++) {
    ix[d] = acc->ix[d].poly ? acc->ix[d].poly : poly_const(l->k->arena, 0);
    if (!acc->ix[d].dyn) continue;
    dyn = true;
    expr_visit(acc->ix[d].dyn, find_read, &data);
  }
  if (!l->e->npar || !acc->rank) return;
  if (dyn) { /* a gather is one whichever way; s[i / 32] is not */
    l->heavy |= !data;
    return;
  }
  int at = moving_dim(l, ix, acc->rank, &unit);
  if (at == -2 || (at == -1 && l->e->npar > 1)) /* across, or the same for a whole row */
    l->heavy = true;
  else if (unit)
    add_row(l, acc);
}

static void visit(expr_t x, void *ctx) {
  struct look *l = ctx;
  if (x->kind == E_OP && (op_info[x->op].flags & OPF_TRANS)) l->heavy = true;
  if (x->kind == E_OP && l->e->red != RED_none && (op_info[x->op].result_bool || x->op == OP_select)) l->heavy = true;
  if (x->kind == E_READ && l->e->red == RED_none) read_of_map(l, x->acc);
}

static bool writes_rows(const struct look *l) {
  int rank = l->k->tensor[l->e->lhs].rank;
  bool unit;
  return !l->e->npar || moving_dim(l, l->e->lhs_idx, (unsigned)rank, &unit) >= 0;
}

static bool light(const struct kernel *k, const struct eq *e) {
  struct look l = {.k = k, .e = e};
  if (e->red != RED_none && (e->red != RED_sum || e->npar > 0 || e->nax != 1)) return false;
  expr_visit(e->body, visit, &l);
  if (e->init) expr_visit(e->init, visit, &l);
  return !l.heavy && (e->red != RED_none || writes_rows(&l));
}

bool kernel_is_light(const struct kernel *k) {
  for (unsigned i = 0; i < k->neq; i++)
    if (!light(k, &k->eq[i])) return false;
  return true;
}
