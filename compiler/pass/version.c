/* The part of simplify that names values instead of places. C code keeps running values in its result array; the same
   kernel written as equations uses temps. One form for both lets inline and fuse see through, and gives both the same
   hash.

   Equation i's value of X becomes a temp when the next writer j of X covers the elements that i wrote, and every reader
   between (j among them) reads only such elements: i wrote all of X, or j alone reads it, at the element it writes. */
#include "compiler/pass/version.h"
#include "compiler/pass/util.h"

/* e writes every element of its tensor. */
static bool covers_tensor(const struct kernel *k, const struct eq *e) {
  const struct tensor *t = &k->tensor[e->lhs];
  int64_t lo;
  if (!eq_bare(k, e) || eq_partial(e)) return false;
  for (unsigned d = 0; d < t->rank; d++)
    for (unsigned i = 0; i < e->npar; i++)
      if (poly_has(e->lhs_idx[d], e->axis[i].sym) &&
          (!t->extent[d] || !poly_is_const(e->axis[i].lo, &lo) || lo != 0 || !poly_eq(e->axis[i].hi, t->extent[d])))
        return false;
  return true;
}

static unsigned next_writer(const struct kernel *k, unsigned i) {
  unsigned j = i + 1;
  while (j < k->neq && k->eq[j].lhs != k->eq[i].lhs) j++;
  return j;
}

static bool may_version(struct arena *a, const struct kernel *k, unsigned i, unsigned j) {
  const struct eq *e = &k->eq[i];
  const struct tensor *t = &k->tensor[e->lhs];
  if (t->role == ROLE_TEMP) return false; /* a temp is named already */
  for (unsigned d = 0; d < t->rank; d++)
    if (!t->extent[d]) return false;
  if (covers_tensor(k, e) && covers_tensor(k, &k->eq[j])) return true;
  if (!eq_same_box(k, e, &k->eq[j]) || !eq_in_place(a, k, &k->eq[j], false)) return false;
  for (unsigned r = i + 1; r < j; r++)
    if (eq_reads(&k->eq[r], e->lhs)) return false;
  return true;
}

/* A box that does not start at 0 or whose end is not known keeps the tensor's own shape. */
static unsigned new_version(struct arena *a, struct kernel *k, unsigned tensor) {
  const struct tensor *t = &k->tensor[tensor];
  poly_t *extent = arena_dup(a, t->extent, sizeof *t->extent * (t->rank ? t->rank : 1u));
  return kernel_add_temp(k, t->name, t->type, t->rank, extent);
}

void version_kernel(struct arena *a, struct kernel *k) {
  for (unsigned i = 0; i < k->neq; i++) {
    unsigned j = next_writer(k, i);
    if (j == k->neq || !may_version(a, k, i, j)) continue;
    unsigned from = k->eq[i].lhs, to = new_version(a, k, from);
    k->eq[i].lhs = (uint16_t)to;
    for (unsigned e = i + 1; e <= j; e++) eq_redirect(a, &k->eq[e], from, to);
  }
}
