/* The members of a structure, or the colours of a pixel, that are treated alike: d[i].r = f(s[i].r), d[i].g =
   f(s[i].g), … are one equation over the members, d[i, c] = f(s[i, c]), when collapse can make one long row of the
   elements and their members: then nothing is taken apart and put together, and a row is as fast as bytes are. Copies
   of structures are such equations, and swaps of them, whose temps become one with a row of members.

   A run of equations for members 0, 1, 2, … that differ in the last subscript of tensors with so many members alone.
   Each reads what its own member holds, so that none sees what another one writes. */
#include "compiler/pass/members.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/util.h"
#include <string.h>

enum { MOST = 8, MAX_RANK = 16 };

struct run {
  struct arena *a;
  struct kernel *k;
  unsigned at; /* its first equation */
  int64_t n;   /* members */
  sym_t axis;  /* over them */
  bool fits, reads;
};

static bool has_members(const struct run *r, unsigned tensor) {
  const struct tensor *t = &r->k->tensor[tensor];
  int64_t n;
  return t->rank && t->extent && t->extent[t->rank - 1] && poly_is_const(t->extent[t->rank - 1], &n) && n == r->n;
}

static bool is_member(poly_t ix, int64_t which) {
  int64_t c;
  return poly_is_const(ix, &c) && c == which;
}

/* --- bodies --- */

/* A read in the first equation whose member moves: what the second one has in its place tells. */
static expr_t merged(struct run *r, expr_t x, expr_t y);

static expr_t merged_read(struct run *r, expr_t x, expr_t y) {
  const struct access *p = x->acc, *q = y->acc;
  if (access_eq(p, q)) return x;
  unsigned last = p->rank - 1u;
  if (p->tensor != q->tensor || p->nguard || q->nguard || !has_members(r, p->tensor) || p->ix[last].dyn ||
      q->ix[last].dyn || !is_member(p->ix[last].poly, 0) || !is_member(q->ix[last].poly, 1)) {
    r->fits = false;
    return x;
  }
  struct access *acc = arena_dup(r->a, p, sizeof *p);
  acc->ix = arena_dup(r->a, p->ix, sizeof *p->ix * p->rank);
  acc->ix[last].poly = poly_sym(r->a, r->axis);
  r->reads = true;
  return expr_read(r->a, (enum dtype)x->type, acc);
}

static expr_t merged(struct run *r, expr_t x, expr_t y) {
  if (!r->fits || expr_eq(x, y)) return x;
  if (x->kind != y->kind || x->type != y->type || x->op != y->op || x->nkid != y->nkid ||
      (x->kind != E_OP && x->kind != E_CAST && x->kind != E_READ)) {
    r->fits = false;
    return x;
  }
  if (x->kind == E_READ) return merged_read(r, x, y);
  struct expr *z = arena_dup(r->a, x, sizeof *x);
  for (unsigned i = 0; i < x->nkid; i++) z->kid[i] = merged(r, x->kid[i], y->kid[i]);
  return z;
}

/* --- equations --- */

/* e's axes under the names of the first one; *e is a copy. */
static bool same_box(const struct run *r, const struct eq *first, struct eq *e) {
  struct kernel *k = r->k;
  if (e->npar != first->npar || e->nax != e->npar || e->red != RED_none || e->init || e->nguard != first->nguard)
    return false;
  sym_t *map = ARENA_NEW(r->a, sym_t, k->nsym);
  for (unsigned s = 0; s < k->nsym; s++) map[s] = SYM_NONE;
  for (unsigned i = 0; i < e->nax; i++) map[e->axis[i].sym] = first->axis[i].sym;
  eq_rename(r->a, k, e, map, k->nsym);
  for (unsigned i = 0; i < e->nax; i++)
    if (!poly_eq(e->axis[i].lo, first->axis[i].lo) || !poly_eq(e->axis[i].hi, first->axis[i].hi)) return false;
  for (unsigned i = 0; i < e->nguard; i++)
    if (!poly_eq(e->guard[i], first->guard[i])) return false;
  return true;
}

/* What each of them writes: member number `which` of one tensor, or a temp of its own (temps). */
static bool writes_member(const struct run *r, const struct eq *first, const struct eq *e, int64_t which, bool temps) {
  const struct tensor *t = &r->k->tensor[e->lhs], *u = &r->k->tensor[first->lhs];
  unsigned rank = t->rank, by;
  if (temps) {
    if (t->role != ROLE_TEMP || rank != u->rank || t->type != u->type || rank >= MAX_RANK ||
        kernel_writers(r->k, e->lhs, &by) != 1 || (which > 0 && e->lhs == first->lhs))
      return false;
  } else if (e->lhs != first->lhs || !has_members(r, e->lhs) || !is_member(e->lhs_idx[rank - 1], which)) {
    return false;
  }
  for (unsigned d = 0; d + !temps < rank; d++)
    if (!poly_eq(e->lhs_idx[d], first->lhs_idx[d])) return false;
  return true;
}

/* Reads what the equations write, but for its own member. */
static void find_other(expr_t x, void *ctx) {
  struct run *r = ctx;
  if (x->kind != E_READ) return;
  for (int64_t c = 0; c < r->n; c++) {
    const struct tensor *t = &r->k->tensor[x->acc->tensor];
    if (x->acc->tensor != r->k->eq[r->at + (unsigned)c].lhs) continue;
    sym_t s;
    bool own = t->role != ROLE_TEMP && !x->acc->ix[t->rank - 1].dyn && poly_is_sym(x->acc->ix[t->rank - 1].poly, &s) &&
               s == r->axis;
    r->fits &= own;
  }
}

/* The bodies as one; NULL: they are not alike. */
static expr_t one_body(struct run *r, const struct eq *first, bool temps) {
  expr_t body = NULL;
  for (int64_t c = 0; c < r->n; c++) {
    struct eq e = r->k->eq[r->at + (unsigned)c];
    if (!same_box(r, first, &e) || !writes_member(r, first, &e, c, temps)) return NULL;
    if (c == 1) body = merged(r, first->body, e.body);
    if (!r->fits || (c && !expr_eq(expr_subst_sym(r->a, body, r->axis, poly_const(r->a, c)), e.body))) return NULL;
  }
  if (temps && !r->reads) return NULL;
  expr_visit(body, find_other, r);
  return r->fits ? body : NULL;
}

struct retold { /* reads of temps as those of a member */
  const struct run *r;
  const uint16_t *temp; /* [n] */
};

static expr_t retell(struct arena *a, expr_t x, void *ctx) {
  const struct retold *m = ctx;
  for (int64_t c = 0; x->kind == E_READ && c < m->r->n; c++) {
    if (x->acc->tensor != m->temp[c]) continue;
    struct access *acc = arena_dup(a, x->acc, sizeof *x->acc);
    acc->tensor = m->temp[0];
    acc->ix = ARENA_NEW(a, struct subscript, acc->rank + 1u);
    memcpy(acc->ix, x->acc->ix, sizeof *acc->ix * acc->rank);
    acc->ix[acc->rank++] = (struct subscript){poly_const(a, c), NULL};
    return expr_read(a, (enum dtype)x->type, acc);
  }
  return x;
}

static poly_t *longer(struct arena *a, const poly_t *p, unsigned n, poly_t last) {
  poly_t *q = ARENA_NEW(a, poly_t, n + 1u);
  for (unsigned i = 0; i < n; i++) q[i] = p[i];
  q[n] = last;
  return q;
}

/* The first of the temps gets a dim of members, and stands for all. */
static void join_temps(struct run *r) {
  struct kernel *k = r->k;
  uint16_t temp[MOST];
  struct retold m = {r, temp};
  for (int64_t c = 0; c < r->n; c++) temp[c] = k->eq[r->at + (unsigned)c].lhs;
  for (unsigned e = 0; e < k->neq; e++) eq_map(r->a, &k->eq[e], retell, &m);
  struct tensor *t = &k->tensor[temp[0]];
  t->extent = longer(r->a, t->extent, t->rank, poly_const(r->a, r->n));
  t->stride = NULL;
  t->rank++;
}

static void join_run(struct run *r, expr_t body, bool temps) {
  struct kernel *k = r->k;
  if (temps) join_temps(r);
  struct eq *e = &k->eq[r->at];
  struct axis *axis = ARENA_NEW(r->a, struct axis, e->nax + 1u);
  memcpy(axis, e->axis, sizeof *axis * e->nax);
  axis[e->nax] = (struct axis){r->axis, poly_const(r->a, 0), poly_const(r->a, r->n)};
  unsigned rank = k->tensor[e->lhs].rank;
  e->lhs_idx = longer(r->a, e->lhs_idx, rank - 1u, poly_sym(r->a, r->axis));
  e->axis = axis;
  e->npar++, e->nax++;
  e->body = body;
  for (int64_t c = 1; c < r->n; c++) kernel_remove_eq(k, r->at + 1u);
}

static bool join_at(struct arena *a, struct kernel *k, unsigned at) {
  const struct eq *first = &k->eq[at];
  bool temps = k->tensor[first->lhs].role == ROLE_TEMP;
  if (first->red != RED_none || !first->npar || first->npar != first->nax) return false;
  for (int64_t n = MOST; n >= 2; n--) {
    struct run r = {.a = a, .k = k, .at = at, .n = n, .fits = true};
    if (at + (unsigned)n > k->neq || (!temps && !has_members(&r, first->lhs))) continue;
    unsigned nsym = k->nsym;
    r.axis = kernel_add_sym(k, "c", SYM_INDEX);
    expr_t body = one_body(&r, first, temps);
    if (body) {
      join_run(&r, body, temps);
      return true;
    }
    k->nsym = (uint16_t)nsym;
  }
  return false;
}

unsigned members_join(struct arena *a, struct kernel *k) {
  unsigned n = 0;
  for (unsigned at = 0; at < k->neq; at++) n += join_at(a, k, at);
  return n;
}

/* --- moves --- */

/* The axis along which elements with their members lie; SYM_NONE: none alone. */
static sym_t row_axis(const struct kernel *k, unsigned rank, const poly_t *ix) {
  sym_t found = SYM_NONE;
  for (unsigned s = 0; rank >= 2 && s < k->nsym; s++)
    if (k->sym[s].kind == SYM_INDEX && poly_has(ix[rank - 2], (sym_t)s)) found = found == SYM_NONE ? (sym_t)s : found;
  return found;
}

static bool is_written(const struct kernel *k, unsigned tensor) {
  for (unsigned e = 0; e < k->neq; e++)
    if (k->eq[e].lhs == tensor) return k->tensor[tensor].role != ROLE_TEMP;
  return false;
}

/* Does e take structures out of the array they stay in, or along another axis than they go to? */
static bool goes_across(const struct kernel *k, const struct eq *e) {
  const struct access *r = e->body->acc;
  poly_t ix[MAX_RANK];
  if (is_written(k, r->tensor)) return true;
  if (k->tensor[e->lhs].role == ROLE_TEMP || k->tensor[r->tensor].role == ROLE_TEMP || r->rank > MAX_RANK) return false;
  for (unsigned d = 0; d < r->rank; d++) ix[d] = r->ix[d].poly ? r->ix[d].poly : poly_const(k->arena, 0);
  return row_axis(k, k->tensor[e->lhs].rank, e->lhs_idx) != row_axis(k, r->rank, ix);
}

bool kernel_moves_members(const struct kernel *k) {
  struct kernel *c = kernel_clone(k->arena, k);
  bool across = false;
  if (!members_join(k->arena, c)) return false;
  for (unsigned e = 0; e < c->neq; e++) {
    if (c->eq[e].red != RED_none || c->eq[e].body->kind != E_READ) return false;
    across |= goes_across(c, &c->eq[e]);
  }
  return across;
}
