/* Run-time strides that are mostly 1: `x[i * incx]` of a vector, `a[i * rs + k * cs]` of a matrix. In the general form
   lanes gather and scatter; where the stride is 1 they are vectors, so that case gets a form of its own.

   Which dims: those that lie between neighbours along the last dim of an array that moves, and say nothing else (they
   end no axis). */
#include "compiler/pass/passes.h"
#include "compiler/pass/util.h"

static bool bounds_axis(const struct kernel *k, sym_t s) {
  for (unsigned i = 0; i < k->neq; i++)
    for (unsigned a = 0; a < k->eq[i].nax; a++)
      if (poly_has(k->eq[i].axis[a].lo, s) || poly_has(k->eq[i].axis[a].hi, s)) return true;
  return false;
}

static bool moves(const struct eq *e, poly_t ix) {
  for (unsigned a = 0; a < e->nax; a++)
    if (poly_has(ix, e->axis[a].sym)) return true;
  return false;
}

/* The last dim in which the equation moves through the tensor, or `dim`, whichever is later. */
static int last_moving(const struct kernel *k, const struct eq *e, unsigned tensor, int dim) {
  const struct access **acc;
  unsigned n = eq_accesses(k->arena, e, tensor, &acc);
  for (int d = (int)k->tensor[tensor].rank - 1; d > dim; d--) {
    bool any = e->lhs == tensor && moves(e, e->lhs_idx[d]);
    for (unsigned i = 0; i < n; i++) any |= !acc[i]->ix[d].dyn && moves(e, acc[i]->ix[d].poly);
    if (any) return d;
  }
  return dim;
}

bool kernel_unit_strides(const struct kernel *k, bool *has, int64_t *value) {
  bool found = false;
  for (unsigned t = 0; t < k->ntensor; t++) {
    int dim = -1;
    sym_t s;
    if (k->tensor[t].role == ROLE_TEMP) continue;
    for (unsigned i = 0; i < k->neq; i++) dim = last_moving(k, &k->eq[i], t, dim);
    if (dim < 0 || !poly_is_sym(tensor_stride(k->arena, &k->tensor[t], (unsigned)dim), &s)) continue;
    if (k->sym[s].kind != SYM_DIM || bounds_axis(k, s)) continue;
    has[s] = found = true;
    value[s] = 1;
  }
  return found;
}
