/* The part of simplify that names values instead of places. C code keeps running values in its result array; the same
   kernel written as equations uses temps. One form for both lets inline and fuse see through, and gives both the same
   hash.

   Equation i's value of X becomes a temp when the next writer j of X covers the elements that i wrote, and every reader
   between (j among them) reads only such elements: i wrote all of X, or j alone reads it, at the element it writes. Of
   a temp nothing is read that was not written, so its first value may also be one of part of it (scores under a mask,
   which their exponentials then take the place of). */
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

static int axis_of_dim(const struct eq *e, unsigned d) {
  for (unsigned i = 0; i < e->npar; i++)
    if (poly_has(e->lhs_idx[d], e->axis[i].sym)) return (int)i;
  return -1;
}

/* The elements that e writes are among those that w writes. */
static bool writes_no_more(struct arena *a, const struct kernel *k, const struct eq *e, const struct eq *w) {
  sym_t *to = ARENA_NEW(a, sym_t, k->nsym + 1u);
  unsigned rank = k->tensor[e->lhs].rank;
  if (!eq_bare(k, e) || !eq_bare(k, w) || e->npar != rank || w->npar != rank) return false;
  for (unsigned s = 0; s < k->nsym; s++) to[s] = SYM_NONE;
  for (unsigned d = 0; d < rank; d++) to[w->axis[axis_of_dim(w, d)].sym] = e->axis[axis_of_dim(e, d)].sym;
  for (unsigned d = 0; d < rank; d++) {
    const struct axis *x = &e->axis[axis_of_dim(e, d)], *y = &w->axis[axis_of_dim(w, d)];
    if (!poly_eq(x->lo, poly_rename(a, y->lo, to, k->nsym)) || !poly_eq(x->hi, poly_rename(a, y->hi, to, k->nsym)))
      return false;
  }
  for (unsigned g = 0; g < w->nguard; g++) {
    poly_t y = poly_rename(a, w->guard[g], to, k->nsym);
    bool found = false;
    for (unsigned i = 0; i < e->nguard && !e->red; i++) found |= poly_eq(e->guard[i], y);
    if (!found) return false;
  }
  return true;
}

/* The first value of a temp, which j replaces element by element. */
static bool may_rename(struct arena *a, const struct kernel *k, unsigned i, unsigned j) {
  const struct eq *e = &k->eq[i], *w = &k->eq[j];
  for (unsigned r = 0; r < i; r++)
    if (k->eq[r].lhs == e->lhs || eq_reads(&k->eq[r], e->lhs)) return false;
  return !eq_reads(e, e->lhs) && w->red == RED_none && eq_in_place(a, k, w, false) && writes_no_more(a, k, e, w);
}

static bool may_version(struct arena *a, const struct kernel *k, unsigned i, unsigned j) {
  const struct eq *e = &k->eq[i];
  const struct tensor *t = &k->tensor[e->lhs];
  if (t->role == ROLE_TEMP) return may_rename(a, k, i, j);
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
