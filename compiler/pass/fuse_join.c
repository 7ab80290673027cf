/* Whether an equation joins a group: unification of axes, legality, profit.

   Axes. The equation's axes are matched with the group's by the tensors both touch: a dim that the producer names with
   the bare axis p and the reader with the bare axis c, over the same range, makes c = p. Results of members first, then
   tensors that both only read, where the dim may be shifted by the same constant in both. The others stay the
   equation's own.

   Legal. A shared axis is parallel in every member, and every dependence between members stays within one iteration of
   it. Members that write what an earlier one reads or writes do so at the same element only. What is not shared is left
   to lowering, which cuts the loops where a member needs another's whole row.

   Profit. Element-wise consumers and row reductions of a member's result join where the outermost dim of that result is
   shared and no subscript is shifted along a parallel axis (a stencil would only be cut apart again). A contraction of
   a member's result joins only if it can run in a stream with it; a contraction that loses a shared axis must have a
   temp as its result (its rows then stay in cache). Independent equations join when they walk the same parallel axes
   over a common operand, or make temps that one equation reads at one place, and neither is a contraction; contractions
   where they have all operands in common. */
#include "ir/apart.h"
#include "compiler/pass/fuse.h"
#include "compiler/pass/stream.h"
#include <limits.h>
#include <string.h>

struct join {
  struct fuse *f;
  struct fgroup *g;
  unsigned e;
  struct eq t; /* the equation with its axes renamed as far as matched */
  sym_t *map;  /* its axis -> the group's */
  bool linked; /* reads a member's result */
  bool common; /* reads an element that a member reads */
};

static struct eq *member(const struct join *j, unsigned m) {
  return &j->f->k->eq[j->g->eq[m]];
}

static const struct axis *axis_of(const struct axis *x, unsigned n, sym_t s) {
  for (unsigned i = 0; i < n; i++)
    if (x[i].sym == s) return &x[i];
  return NULL;
}

/* --- unification --- */

static bool taken(const struct join *j, sym_t s) {
  const struct eq *e = &j->f->k->eq[j->e];
  for (unsigned i = 0; i < e->nax; i++)
    if (j->map[e->axis[i].sym] == s) return true;
  return false;
}

/* The equation's axis `mine` and the group's axis `theirs` are one. */
static bool propose(struct join *j, sym_t mine, sym_t theirs) {
  const struct eq *e = &j->f->k->eq[j->e];
  const struct axis *x = axis_of(e->axis, e->nax, mine), *y = axis_of(j->g->axis, j->g->nax, theirs);
  struct arena *a = j->f->a;
  unsigned n = j->f->k->nsym;
  if (!x || !y || j->map[mine] != SYM_NONE || taken(j, theirs)) return false;
  if (!poly_eq(poly_rename(a, x->lo, j->map, n), y->lo) || !poly_eq(poly_rename(a, x->hi, j->map, n), y->hi))
    return false;
  j->map[mine] = theirs;
  return true;
}

static bool bare(const struct subscript *s, sym_t *out) {
  return !s->dyn && poly_is_sym(s->poly, out);
}

/* Dims that my subscripts and theirs name with bare axes. */
static bool match_lhs(struct join *j, const struct access *mine, const poly_t *theirs) {
  bool any = false;
  sym_t x, y;
  for (unsigned d = 0; d < mine->rank; d++)
    if (bare(&mine->ix[d], &x) && poly_is_sym(theirs[d], &y)) any |= propose(j, x, y);
  return any;
}

/* factor * axis + constant. */
static bool shifted(struct arena *a, const struct subscript *s, sym_t *out, int64_t *factor, int64_t *by) {
  poly_t coef, rest;
  *out = SYM_NONE;
  if (s->dyn) return false;
  for (uint32_t i = 0; i < s->poly->n; i++)
    if (s->poly->mono[i].n) {
      if (*out != SYM_NONE || s->poly->mono[i].n != 1) return false;
      *out = s->poly->mono[i].sym[0];
    }
  return *out != SYM_NONE && poly_split(a, s->poly, *out, &coef, &rest) && poly_is_const(coef, factor) &&
         poly_is_const(rest, by);
}

/* Dims that both name with an axis and the same constant (two filters over one image), or with places in one step of
 * the axis (the parts of a pair). */
static bool match_shifted(struct join *j, const struct access *mine, const struct access *theirs) {
  bool any = false;
  sym_t x, y;
  int64_t f, g, c, k;
  for (unsigned d = 0; d < mine->rank; d++)
    if (shifted(j->f->a, &mine->ix[d], &x, &f, &c) && shifted(j->f->a, &theirs->ix[d], &y, &g, &k) && f == g &&
        (c == k || (c >= 0 && k >= 0 && c / f == k / f)))
      any |= propose(j, x, y);
  return any;
}

static struct access *lhs_access(struct arena *a, const struct kernel *k, const struct eq *e) {
  return access_new(a, e->lhs, k->tensor[e->lhs].rank, e->lhs_idx);
}

static bool match_results(struct join *j) {
  struct arena *a = j->f->a;
  const struct eq *e = &j->f->k->eq[j->e];
  const struct access **acc;
  bool any = false;
  for (unsigned m = j->g->n; m-- > 0;) {
    const struct eq *p = member(j, m);
    unsigned n = eq_accesses(a, e, p->lhs, &acc);
    for (unsigned i = 0; i < n; i++) any |= match_lhs(j, acc[i], p->lhs_idx);
    struct access *own = lhs_access(a, j->f->k, e);
    if (p->lhs == e->lhs) any |= match_shifted(j, own, lhs_access(a, j->f->k, p));
    n = eq_accesses(a, p, e->lhs, &acc);
    for (unsigned i = 0; i < n; i++) any |= match_shifted(j, own, acc[i]);
  }
  return any;
}

/* The factor of axis s in a subscript; 0: it is not there, or not with a constant one. */
static int64_t factor_of(struct arena *a, const struct subscript *x, sym_t s) {
  poly_t coef, rest;
  int64_t c;
  if (x->dyn || !poly_has(x->poly, s) || !poly_split(a, x->poly, s, &coef, &rest) || !poly_is_const(coef, &c)) return 0;
  return c;
}

/* Windows (y + dy): what walks the same dim of one operand by the same steps, parallel or reduced in both. */
static bool match_windows(struct join *j, const struct access *mine, const struct access *theirs, const struct eq *p) {
  const struct eq *e = &j->f->k->eq[j->e];
  bool any = false;
  for (unsigned d = 0; d < mine->rank; d++)
    for (unsigned x = 0; x < e->nax; x++) {
      int64_t f = factor_of(j->f->a, &mine->ix[d], e->axis[x].sym);
      for (unsigned y = 0; y < p->nax && f; y++)
        if ((x < e->npar) == (y < p->npar) && factor_of(j->f->a, &theirs->ix[d], p->axis[y].sym) == f)
          any |= propose(j, e->axis[x].sym, p->axis[y].sym);
    }
  return any;
}

static bool same_subscripts(const struct access *x, const struct access *y) {
  if (x->rank != y->rank) return false;
  for (unsigned d = 0; d < x->rank; d++)
    if (x->ix[d].dyn || y->ix[d].dyn || !poly_eq(x->ix[d].poly, y->ix[d].poly)) return false;
  return true;
}

/* A later equation reads both results at one place. */
static bool is_sister(const struct join *j, const struct eq *p) {
  const struct kernel *k = j->f->k;
  const struct access **mine, **theirs;
  unsigned lhs = k->eq[j->e].lhs;
  if (k->tensor[lhs].role != ROLE_TEMP || k->tensor[p->lhs].role != ROLE_TEMP || lhs == p->lhs) return false;
  for (unsigned r = j->e + 1; r < k->neq; r++) {
    unsigned n = eq_accesses(j->f->a, &k->eq[r], lhs, &mine);
    unsigned nt = n ? eq_accesses(j->f->a, &k->eq[r], p->lhs, &theirs) : 0;
    for (unsigned i = 0; i < n; i++)
      for (unsigned x = 0; x < nt; x++)
        if (same_subscripts(mine[i], theirs[x])) return true;
  }
  return false;
}

static bool match_sisters(struct join *j) {
  bool any = false;
  for (unsigned m = 0; m < j->g->n; m++)
    if (is_sister(j, member(j, m)))
      any |= match_lhs(j, lhs_access(j->f->a, j->f->k, &j->f->k->eq[j->e]), member(j, m)->lhs_idx);
  return any;
}

static bool match_operands(struct join *j) {
  struct arena *a = j->f->a;
  const struct access **mine, **theirs;
  bool any = false;
  unsigned n = eq_accesses(a, &j->f->k->eq[j->e], UINT_MAX, &mine);
  for (unsigned i = 0; i < n; i++)
    for (unsigned m = j->g->n; m-- > 0;) {
      unsigned nt = eq_accesses(a, member(j, m), mine[i]->tensor, &theirs);
      for (unsigned x = 0; x < nt; x++)
        any |= match_shifted(j, mine[i], theirs[x]) || match_windows(j, mine[i], theirs[x], member(j, m));
    }
  return any;
}

static bool reduced_in_group(const struct join *j, sym_t s) {
  for (unsigned m = 0; m < j->g->n; m++)
    if (eq_is_red(member(j, m), s)) return true;
  return false;
}

/* Reduced axes that no tensor ties to the group: any of the group's reduced axes over the same range will do. */
static bool match_ranges(struct join *j) {
  const struct eq *e = &j->f->k->eq[j->e];
  for (unsigned i = e->npar; i < e->nax; i++)
    for (unsigned x = 0; x < j->g->nax; x++)
      if (j->map[e->axis[i].sym] == SYM_NONE && reduced_in_group(j, j->g->axis[x].sym) &&
          propose(j, e->axis[i].sym, j->g->axis[x].sym))
        return true;
  return false;
}

/* Own axes must not carry a symbol that means another axis in the group. */
static void rename_others(struct join *j) {
  struct kernel *k = j->f->k;
  const struct eq *e = &k->eq[j->e];
  for (unsigned i = 0; i < e->nax; i++) {
    sym_t s = e->axis[i].sym;
    if (j->map[s] == SYM_NONE && axis_of(j->g->axis, j->g->nax, s))
      j->map[s] = kernel_add_sym(k, k->sym[s].name, SYM_INDEX);
  }
}

static void unify(struct join *j) {
  struct kernel *k = j->f->k;
  unsigned nsym = k->nsym;
  j->map = ARENA_NEW(j->f->a, sym_t, nsym);
  for (unsigned s = 0; s < nsym; s++) j->map[s] = SYM_NONE;
  while (match_results(j)) continue; /* bounds that name an axis match once that axis is matched */
  while (match_operands(j)) continue;
  while (match_sisters(j)) continue;
  while (match_ranges(j)) continue;
  rename_others(j);
  j->t = k->eq[j->e];
  eq_rename(j->f->a, k, &j->t, j->map, nsym);
}

/* --- dependences --- */

static bool same_element(const poly_t *w, const struct access *r) {
  for (unsigned d = 0; d < r->rank; d++)
    if (r->ix[d].dyn || !poly_eq(r->ix[d].poly, w[d])) return false;
  return true;
}

/* Equal subscripts prove that both are in one iteration of axis s. */
static bool agrees(const poly_t *w, const struct access *r, sym_t s) {
  sym_t x, y;
  bool mentioned = false;
  for (unsigned d = 0; d < r->rank; d++) {
    if (bare(&r->ix[d], &x) && poly_is_sym(w[d], &y) && x == s && y == s) return true;
    mentioned |= poly_has(w[d], s);
  }
  return mentioned && same_element(w, r);
}

/* Keeps the shared axes that every dependence from writer w on the later reader allows. */
static void keep_agreeing(const struct fuse *f, const struct eq *w, const struct eq *r, sym_t *shared, uint8_t *n) {
  const struct access **acc;
  unsigned nacc = eq_accesses(f->a, r, w->lhs, &acc);
  for (unsigned i = 0; i < nacc; i++) {
    if (eq_apart(f->k, w, r, acc[i])) continue;
    uint8_t kept = 0;
    for (unsigned s = 0; s < *n; s++)
      if (agrees(w->lhs_idx, acc[i], shared[s])) shared[kept++] = shared[s];
    *n = kept;
  }
}

/* Later writes to what member p reads or writes: at the same element or elsewhere for sure. */
static bool writes_legal(const struct join *j, const struct eq *p) {
  const struct access **acc;
  struct arena *a = j->f->a;
  unsigned n = eq_accesses(a, p, j->t.lhs, &acc);
  for (unsigned i = 0; i < n; i++)
    if (!eq_apart(j->f->k, &j->t, p, acc[i]) && !same_element(j->t.lhs_idx, acc[i])) return false;
  if (p->lhs != j->t.lhs) return true;
  struct access *other = lhs_access(a, j->f->k, p);
  return eq_apart(j->f->k, &j->t, p, other) || same_element(j->t.lhs_idx, other);
}

/* Axes that stay shared with the equation in the group. */
static void shared_axes(const struct join *j, sym_t *shared, uint8_t *n) {
  *n = 0;
  for (unsigned i = 0; i < j->g->nshared; i++)
    if (eq_is_par(&j->t, j->g->shared[i])) shared[(*n)++] = j->g->shared[i];
  for (unsigned m = 0; m < j->g->n; m++) keep_agreeing(j->f, member(j, m), &j->t, shared, n);
  /* a shared axis whose range depends on one that is not shared is not shared */
  for (bool again = true; again;) {
    again = false;
    for (unsigned i = 0; i < *n && !again; i++) {
      const struct axis *x = axis_of(j->t.axis, j->t.npar, shared[i]);
      for (unsigned p = 0; p < j->t.npar && !again; p++) {
        sym_t s = j->t.axis[p].sym;
        bool in = false;
        for (unsigned q = 0; q < *n; q++) in |= shared[q] == s;
        if (in || (!poly_has(x->lo, s) && !poly_has(x->hi, s))) continue;
        memmove(&shared[i], &shared[i + 1], sizeof *shared * (*n - i - 1u));
        (*n)--;
        again = true;
      }
    }
  }
}

/* --- profit --- */

static bool misses(const struct eq *e, const struct access *acc, const struct access *held) {
  for (unsigned i = 0; i < e->npar; i++)
    if (!access_has_sym(acc, e->axis[i].sym) && (!held || access_has_sym(held, e->axis[i].sym))) return true;
  return false;
}

/* Two operands each of which is used again along a parallel axis that the other one walks: products, convolutions,
 * distances. */
static bool is_contraction(struct arena *a, const struct eq *e) {
  const struct access **acc;
  if (e->red == RED_none) return false;
  unsigned n = expr_accesses(a, e->body, UINT_MAX, &acc);
  for (unsigned i = 0; i < n; i++)
    for (unsigned k = i + 1; k < n; k++)
      if (misses(e, acc[i], acc[k]) && misses(e, acc[k], acc[i])) return true;
  return false;
}

static bool has_reduced(const struct eq *e, const struct access *acc) {
  for (unsigned i = e->npar; i < e->nax; i++)
    if (access_has_sym(acc, e->axis[i].sym)) return true;
  return false;
}

/* A filter along rows and then along columns shares the innermost dim only. In strips of it the temp between the two
   stays in cache. Nothing but element-wise members: a product would lose its tiles. */
static bool strips_pay(const struct join *j, const struct eq *w, const struct access *acc, const sym_t *shared,
                       unsigned nshared) {
  sym_t s;
  if (j->f->k->tensor[w->lhs].role != ROLE_TEMP || acc->rank != 2 || nshared != 1 || j->t.red != RED_none) return false;
  for (unsigned m = 0; m < j->g->n; m++)
    if (member(j, m)->red != RED_none) return false;
  return poly_is_sym(w->lhs_idx[1], &s) && s == shared[0] && j->t.npar == 2;
}

/* The read of a member's result keeps the nest together: its outermost dim is shared, and no subscript is shifted along
 * a parallel axis. */
static bool read_pays(const struct join *j, const struct eq *w, const struct access *acc, const sym_t *shared,
                      unsigned nshared) {
  sym_t s;
  if (strips_pay(j, w, acc, shared, nshared)) return true;
  for (unsigned d = 0; d < acc->rank; d++) {
    if (acc->ix[d].dyn) return false;
    if (poly_eq(acc->ix[d].poly, w->lhs_idx[d])) continue;
    for (unsigned i = 0; i < j->t.npar; i++)
      if (poly_has(acc->ix[d].poly, j->t.axis[i].sym)) return false;
  }
  if (acc->rank == 0 || same_element(w->lhs_idx, acc)) return true;
  if (!poly_is_sym(w->lhs_idx[0], &s)) return nshared > 0;
  for (unsigned i = 0; i < nshared; i++)
    if (shared[i] == s) return true;
  return false;
}

static bool links_pay(struct join *j, const sym_t *shared, unsigned nshared, bool *contracts) {
  const struct access **acc;
  for (unsigned m = 0; m < j->g->n; m++) {
    unsigned n = eq_accesses(j->f->a, &j->t, member(j, m)->lhs, &acc);
    for (unsigned i = 0; i < n; i++) {
      j->linked = true;
      if (eq_apart(j->f->k, member(j, m), &j->t, acc[i])) continue;
      if (!read_pays(j, member(j, m), acc[i], shared, nshared)) return false;
      *contracts |= has_reduced(&j->t, acc[i]) && misses(&j->t, acc[i], NULL);
    }
  }
  return true;
}

/* A contraction that walked only shared axes in parallel and no longer does must have a temp as result. */
static bool demotion_pays(const struct join *j, unsigned nshared) {
  for (unsigned m = 0; m < j->g->n; m++) {
    const struct eq *p = member(j, m);
    bool was_full = j->g->nshared >= p->npar;
    if (was_full && nshared < p->npar && j->f->k->tensor[p->lhs].role != ROLE_TEMP && is_contraction(j->f->a, p))
      return false;
  }
  return true;
}

/* The same element, or another part of the same step of an axis. */
static bool close_by(const struct access *x, const struct access *y) {
  if (access_eq(x, y)) return true;
  for (unsigned d = 0; d < x->rank; d++)
    if (x->ix[d].dyn || y->ix[d].dyn ||
        (!poly_eq(x->ix[d].poly, y->ix[d].poly) && !poly_always_differ(x->ix[d].poly, y->ix[d].poly)))
      return false;
  return !x->nguard && !y->nguard;
}

/* Member m and all behind it are element-wise, walk fewer axes than the equation and have nothing to do with it: it may
   stand before them (a second sum beside one whose result is divided by its length). */
static bool trailing(const struct join *j, unsigned m) {
  for (; m < j->g->n; m++) {
    const struct eq *p = member(j, m);
    if (p->red != RED_none || p->nax >= j->t.nax || eq_depends(&j->t, p)) return false;
  }
  return true;
}

/* A member keeps what the equation overwrites (the first half of a swap). */
static bool keeps_old(const struct join *j, const struct eq *p) {
  const struct access **acc;
  unsigned n = eq_accesses(j->f->a, p, j->t.lhs, &acc);
  for (unsigned i = 0; i < n; i++)
    if (same_element(j->t.lhs_idx, acc[i])) return j->f->k->tensor[p->lhs].role == ROLE_TEMP;
  return false;
}

/* Both write parts of one step of a result (left and right of a frame). */
static bool writes_beside(const struct join *j, const struct eq *p) {
  int64_t c;
  if (p->lhs != j->t.lhs || p->red != RED_none || j->t.red != RED_none) return false;
  for (unsigned d = 0; d < j->f->k->tensor[p->lhs].rank; d++)
    if (!poly_is_const(poly_sub(j->f->a, p->lhs_idx[d], j->t.lhs_idx[d]), &c)) return false;
  return true;
}

/* All reads of x are among those of y, and none is so narrow that a matrix instruction might take it. */
static bool reads_same(const struct join *j, const struct eq *x, const struct eq *y) {
  const struct access **mine, **theirs;
  unsigned n = expr_accesses(j->f->a, x->body, UINT_MAX, &mine);
  for (unsigned i = 0; i < n; i++) {
    unsigned nt = expr_accesses(j->f->a, y->body, mine[i]->tensor, &theirs);
    bool found = false;
    for (unsigned k = 0; k < nt; k++) found |= access_eq(mine[i], theirs[k]);
    if (!found) return false;
  }
  return true;
}

static bool reads_narrow(const struct join *j, const struct eq *e) {
  const struct access **acc;
  unsigned n = expr_accesses(j->f->a, e->body, UINT_MAX, &acc);
  for (unsigned i = 0; i < n; i++)
    if (type_size((enum dtype)j->f->k->tensor[acc[i]->tensor].type) < 4) return true;
  return false;
}

/* Two products over one nest that read the same elements in each step (both halves of a complex one): with tiles of
   both in registers they are loaded once. Others have nothing but rows in common, and are as fast one after the other.
 */
static bool tiles_pay(const struct join *j, const struct eq *p, unsigned nshared) {
  if (p->red != RED_sum || j->t.red != RED_sum || nshared != p->npar || nshared != j->t.npar || p->nax != j->t.nax)
    return false;
  for (unsigned i = p->npar; i < p->nax; i++)
    if (!eq_is_red(&j->t, p->axis[i].sym)) return false;
  if (reads_narrow(j, p) || reads_narrow(j, &j->t)) return false;
  return reads_same(j, p, &j->t) && reads_same(j, &j->t, p);
}

/* Equations that only have operands or a result in common, or a reader, or the place that one reads and the other then
 * writes. */
static bool company_pays(const struct join *j, unsigned nshared) {
  const struct access **mine, **theirs;
  struct arena *a = j->f->a;
  bool common = false;
  if (is_contraction(a, &j->t)) {
    for (unsigned m = 0; m < j->g->n; m++)
      if (!is_contraction(a, member(j, m)) || !tiles_pay(j, member(j, m), nshared)) return false;
    return true;
  }
  if (nshared != j->t.npar) return false;
  unsigned n = eq_accesses(a, &j->t, UINT_MAX, &mine);
  for (unsigned m = 0; m < j->g->n; m++) {
    const struct eq *p = member(j, m);
    if (trailing(j, m)) continue;
    if (is_contraction(a, p) || nshared != p->npar || p->nax != j->t.nax) return false;
    for (unsigned i = p->npar; i < p->nax; i++)
      if (!eq_is_red(&j->t, p->axis[i].sym)) return false;
    common |= keeps_old(j, p) || is_sister(j, p) || writes_beside(j, p);
    for (unsigned i = 0; i < n; i++) {
      unsigned nt = eq_accesses(a, p, mine[i]->tensor, &theirs);
      for (unsigned x = 0; x < nt; x++) common |= close_by(mine[i], theirs[x]);
    }
  }
  return common;
}

/* Asks with the equation appended; k->eq[e] is put back. */
static bool would_stream(struct join *j) {
  uint16_t list[GROUP_MAX_EQ];
  struct stream st;
  struct eq saved = j->f->k->eq[j->e];
  if (!j->f->streams) return false;
  memcpy(list, j->g->eq, sizeof *list * j->g->n);
  list[j->g->n] = (uint16_t)j->e;
  j->f->k->eq[j->e] = j->t;
  bool ok = stream_find(j->f->a, j->f->k, list, j->g->n + 1u, true, &st) && st.kind[j->g->n] == MEM_RUNNING;
  j->f->k->eq[j->e] = saved;
  return ok;
}

static bool pays(struct join *j, const sym_t *shared, unsigned nshared, bool *streamed) {
  bool contracts = false;
  if (!links_pay(j, shared, nshared, &contracts)) return false;
  if (!j->linked) return company_pays(j, nshared);
  contracts |= is_contraction(j->f->a, &j->t) && nshared < j->t.npar;
  *streamed = contracts;
  if (contracts && !would_stream(j)) return false;
  return demotion_pays(j, nshared);
}

/* --- two reductions that cross --- */

/* Each walks in parallel what the other reduces. */
static bool crossed(const struct eq *p, const struct eq *q) {
  for (unsigned i = 0; i < p->npar; i++)
    if (!eq_is_red(q, p->axis[i].sym)) return false;
  return true;
}

static bool names_all(const struct eq *e, const struct access *acc) {
  for (unsigned i = 0; i < e->nax; i++)
    if (!access_has_sym(acc, e->axis[i].sym)) return false;
  return true;
}

/* Both read the same element of an operand that no axis leaves out. */
static bool one_big_operand(const struct join *j, const struct eq *p) {
  const struct access **mine, **theirs;
  unsigned n = eq_accesses(j->f->a, &j->t, UINT_MAX, &mine);
  for (unsigned i = 0; i < n; i++) {
    unsigned nt = names_all(&j->t, mine[i]) ? eq_accesses(j->f->a, p, mine[i]->tensor, &theirs) : 0;
    for (unsigned x = 0; x < nt; x++)
      if (access_eq(mine[i], theirs[x])) return true;
  }
  return false;
}

/* t[i] = sum(j) A[i,j] * x[j];  y[j] = sum(i) A[i,j] * t[i]: no axis is shared, but one pass over the rows of A serves
   both: each row is read while it is in the nearest cache. (Threads share it out by the step `split`. A grid of blocks
   would have nothing to share out but that: there each is a group.)
 */
static bool crossing_pays(const struct join *j) {
  const struct access **acc;
  bool big = false;
  if (!j->f->crossing || j->t.red == RED_none || !j->t.npar || is_contraction(j->f->a, &j->t)) return false;
  for (unsigned m = 0; m < j->g->n; m++) {
    const struct eq *p = member(j, m);
    if (!p->npar || !crossed(p, &j->t) || is_contraction(j->f->a, p)) return false;
    if (p->red != RED_none && (p->nax != j->t.nax || !crossed(&j->t, p))) return false;
    big |= p->red != RED_none && one_big_operand(j, p);
    unsigned n = eq_accesses(j->f->a, &j->t, p->lhs, &acc);
    for (unsigned i = 0; i < n; i++)
      if (!same_element(p->lhs_idx, acc[i]) || acc[i]->nguard) return false;
  }
  return big;
}

/* --- joining --- */

static unsigned new_axes(const struct join *j) {
  unsigned n = 0;
  for (unsigned i = 0; i < j->t.nax; i++) n += !axis_of(j->g->axis, j->g->nax, j->t.axis[i].sym);
  return n;
}

static bool has_room(const struct join *j) {
  return j->g->n < GROUP_MAX_EQ && j->g->nax + new_axes(j) <= GROUP_MAX_AXIS;
}

static bool legal(const struct join *j) {
  for (unsigned m = 0; m < j->g->n; m++)
    if (!writes_legal(j, member(j, m))) return false;
  return true;
}

static bool all_scalar(const struct join *j) {
  for (unsigned m = 0; m < j->g->n; m++)
    if (member(j, m)->npar) return false;
  return j->t.npar == 0;
}

static void enter(struct join *j, const sym_t *shared, uint8_t nshared, bool streamed) {
  struct fgroup *g = j->g;
  j->f->k->eq[j->e] = j->t;
  for (unsigned i = 0; i < j->t.nax; i++)
    if (!axis_of(g->axis, g->nax, j->t.axis[i].sym)) g->axis[g->nax++] = j->t.axis[i];
  if (streamed) g->streamed |= UINT32_C(1) << g->n;
  unsigned at = g->n;
  while (at > 0 && !j->linked && trailing(j, at - 1)) at--;
  memmove(&g->eq[at + 1], &g->eq[at], sizeof *g->eq * (g->n - at));
  g->eq[at] = (uint16_t)j->e;
  g->n++;
  g->nshared = nshared;
  memcpy(g->shared, shared, sizeof *shared * nshared);
}

bool fuse_join(struct fuse *f, struct fgroup *g, unsigned e) {
  struct join j = {.f = f, .g = g, .e = e};
  sym_t shared[GROUP_MAX_AXIS];
  uint8_t nshared;
  bool streamed = false;
  if (g->closed || !eq_in_place(f->a, f->k, &f->k->eq[e], true)) return false;
  unsigned nsym = f->k->nsym;
  unify(&j);
  shared_axes(&j, shared, &nshared);
  bool ok = has_room(&j) && legal(&j) &&
            (nshared || all_scalar(&j) ? pays(&j, shared, nshared, &streamed) : crossing_pays(&j));
  if (ok)
    enter(&j, shared, nshared, streamed);
  else
    f->k->nsym = (uint16_t)nsym; /* forget the names made for the attempt */
  return ok;
}
