/* Kernels cut down to a part of their results, so that the interpreter can say exactly what a few elements of a large
   problem must be.

   Going from the last equation to the first, each tensor has a box of elements that are needed. An equation's parallel
   axes are narrowed to what its needed box asks for, where a subscript is one axis times a constant plus a constant
   (else they stay as they are, which is only slower). What the narrowed equation reads is then needed in turn.
   Reductions always run in full. So elements inside the box get their exact values; others are not computed, or
   meaningless. */
#include "tuner/check_impl.h"
#include <string.h>

struct need {
  struct kernel *k;
  struct box *box;  /* [ntensor] */
  int64_t *lo, *hi; /* axis ranges of the equation looked at */
};

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b && (a < 0) != (b < 0));
}

static void widen(struct box *b, unsigned d, int64_t lo, int64_t hi) {
  if (lo < b->lo[d]) b->lo[d] = lo;
  if (hi > b->hi[d]) b->hi[d] = hi;
}

static void start_box(struct box *b) {
  if (b->any) return;
  b->any = true;
  for (unsigned d = 0; d < BOX_RANK; d++) b->lo[d] = INT64_MAX, b->hi[d] = INT64_MIN;
}

static void need_read(expr_t x, void *ctx) {
  struct need *n = ctx;
  if (x->kind != E_READ) return;
  struct box *b = &n->box[x->acc->tensor];
  start_box(b);
  for (unsigned d = 0; d < x->acc->rank && d < BOX_RANK; d++) {
    int64_t min = INT64_MIN, max = INT64_MAX;
    if (!x->acc->ix[d].dyn) poly_range(x->acc->ix[d].poly, n->lo, n->hi, &min, &max);
    widen(b, d, min, max == INT64_MAX ? max : max + 1);
  }
}

/* Narrows `axis` to c * i + r in [lo, hi), c != 0. */
static void narrow(struct kernel *k, struct axis *axis, int64_t c, int64_t r, int64_t lo, int64_t hi) {
  int64_t first, end;
  if (!poly_is_const(axis->lo, &first) || !poly_is_const(axis->hi, &end)) return;
  int64_t l, h; /* c * i in [l, h] */
  if (__builtin_sub_overflow(lo, r, &l) || __builtin_sub_overflow(hi, r, &h) || l < -(INT64_MAX / 2) ||
      h < -(INT64_MAX / 2))
    return;
  h--;
  int64_t a = c > 0 ? -floor_div(-(int64_t)l, c) : -floor_div((int64_t)h, -c);
  int64_t b = c > 0 ? floor_div((int64_t)h, c) : floor_div(-(int64_t)l, -c);
  if (a > first) first = a;
  if (b + 1 < end) end = b + 1;
  if (end < first) end = first;
  axis->lo = poly_const(k->arena, first);
  axis->hi = poly_const(k->arena, end);
}

static void narrow_eq(struct need *n, struct eq *e) {
  const struct box *b = &n->box[e->lhs];
  for (unsigned d = 0; d < n->k->tensor[e->lhs].rank && d < BOX_RANK; d++) {
    poly_t ix = e->lhs_idx[d];
    if (ix->n > 2) continue;
    for (unsigned i = 0; i < e->npar; i++) {
      poly_t coef, rest;
      int64_t c, r;
      if (!poly_split(n->k->arena, ix, e->axis[i].sym, &coef, &rest)) continue;
      if (poly_is_const(coef, &c) && c > -1000000 && c < 1000000 && c && poly_is_const(rest, &r))
        narrow(n->k, &e->axis[i], c, r, b->lo[d], b->hi[d]);
    }
  }
}

static void need_eq(struct need *n, const struct eq *e) {
  eq_ranges(n->k, e, n->lo, n->hi);
  expr_visit(e->body, need_read, n);
  if (e->init) expr_visit(e->init, need_read, n);
  if (e->start) expr_visit(e->start, need_read, n);
}

struct kernel *sample_kernel(struct arena *a, const struct kernel *k, unsigned t, const struct box *box) {
  struct need n = {kernel_clone(a, k), ARENA_NEW(a, struct box, k->ntensor + 1), ARENA_NEW(a, int64_t, k->nsym + 1),
                   ARENA_NEW(a, int64_t, k->nsym + 1)};
  n.box[t] = *box;
  unsigned kept = n.k->neq;
  for (unsigned i = n.k->neq; i-- > 0;) {
    struct eq e = n.k->eq[i];
    if (!n.box[e.lhs].any) continue;
    e.axis = arena_dup(a, e.axis, e.nax * sizeof *e.axis);
    narrow_eq(&n, &e);
    need_eq(&n, &e);
    n.k->eq[--kept] = e; /* kept equations gather at the end, in order */
  }
  n.k->eq += kept;
  n.k->neq = (uint16_t)(n.k->neq - kept);
  return n.k;
}

/* Does e, as narrowed, write results nowhere but inside the box? Temps may be written anywhere: each cut writes what it
 * reads of them. */
static bool confined(const struct kernel *k, const struct eq *e, unsigned t, const struct box *box, int64_t *lo,
                     int64_t *hi) {
  if (k->tensor[e->lhs].role == ROLE_TEMP) return true;
  if (e->lhs != t) return false;
  eq_ranges(k, e, lo, hi);
  for (unsigned d = 0; d < k->tensor[t].rank && d < BOX_RANK; d++) {
    int64_t min, max;
    poly_range(e->lhs_idx[d], lo, hi, &min, &max);
    if (min <= max && (min < box->lo[d] || max >= box->hi[d])) return false;
  }
  return true;
}

static bool reads_results(const struct kernel *k, const struct eq *e) {
  for (unsigned t = 0; t < k->ntensor; t++) {
    if (k->tensor[t].role != ROLE_OUT && k->tensor[t].role != ROLE_INOUT) continue;
    if (expr_reads(e->body, t) || (e->init && expr_reads(e->init, t)) || (e->start && expr_reads(e->start, t)))
      return true;
  }
  return false;
}

struct kernel *sample_join(struct arena *a, const struct kernel *k, unsigned t, const struct box *box, unsigned n) {
  struct kernel *joined = kernel_clone(a, k);
  int64_t *lo = ARENA_NEW(a, int64_t, k->nsym + 1), *hi = ARENA_NEW(a, int64_t, k->nsym + 1);
  if ((size_t)k->neq * n > UINT16_MAX) return NULL;
  joined->eq = ARENA_NEW(a, struct eq, (size_t)k->neq * n + 1);
  joined->neq = 0;
  for (unsigned b = 0; b < n; b++) {
    struct kernel *cut = sample_kernel(a, k, t, &box[b]);
    for (unsigned i = 0; i < cut->neq; i++) {
      if (!confined(cut, &cut->eq[i], t, &box[b], lo, hi) || reads_results(cut, &cut->eq[i])) return NULL;
      joined->eq[joined->neq++] = cut->eq[i];
    }
  }
  return joined;
}

/* Subscript d of e runs over exactly [0, extent), by an axis that no other subscript uses. */
static bool spans_dim(const struct kernel *k, const struct eq *e, unsigned d) {
  sym_t s;
  int64_t lo, hi, extent;
  const struct tensor *t = &k->tensor[e->lhs];
  if (!poly_is_sym(e->lhs_idx[d], &s) || !t->extent[d] || !poly_is_const(t->extent[d], &extent)) return false;
  for (unsigned o = 0; o < t->rank; o++)
    if (o != d && poly_has(e->lhs_idx[o], s)) return false;
  for (unsigned i = 0; i < e->npar; i++)
    if (e->axis[i].sym == s)
      return poly_is_const(e->axis[i].lo, &lo) && poly_is_const(e->axis[i].hi, &hi) && lo == 0 && hi == extent;
  return false;
}

bool sample_covers(const struct kernel *k, unsigned t) {
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    bool all = e->lhs == t && !e->nguard && e->npar == k->tensor[t].rank && !k->tensor[t].stride && k->tensor[t].extent;
    for (unsigned d = 0; d < k->tensor[t].rank && all; d++) all = spans_dim(k, e, d);
    if (all) return true;
  }
  return false;
}

/* Guards that hold a reduced axis restrict the reduction, the others what is written. */
static void keep_write_guards(struct arena *a, struct eq *e) {
  poly_t *kept = ARENA_NEW(a, poly_t, e->nguard + 1u);
  unsigned n = 0;
  for (unsigned g = 0; g < e->nguard; g++) {
    bool reduced = false;
    for (unsigned x = e->npar; x < e->nax; x++) reduced |= poly_has(e->guard[g], e->axis[x].sym);
    if (!reduced) kept[n++] = e->guard[g];
  }
  e->guard = kept;
  e->nguard = (uint8_t)n;
}

struct kernel *sample_footprint(struct arena *a, const struct kernel *k) {
  struct kernel *f = kernel_clone(a, k);
  unsigned kept = 0;
  for (unsigned i = 0; i < f->neq; i++) {
    struct eq e = f->eq[i];
    const struct tensor *t = &f->tensor[e.lhs];
    if (t->role == ROLE_TEMP) continue;
    keep_write_guards(a, &e);
    e.nax = e.npar;
    e.red = RED_none;
    e.init = e.start = e.rescale = e.running = NULL;
    e.state = UINT16_MAX;
    e.body = type_is_float((enum dtype)t->type) ? expr_f(a, (enum dtype)t->type, 0)
                                                : expr_const(a, (enum dtype)t->type, (union value){.u = 0});
    f->eq[kept++] = e;
  }
  f->neq = (uint16_t)kept;
  return f;
}
