/* The part of cse that looks inside bodies. In

     Z[t] = sum(s) exp(P[t,s] - M[t]);   O[t,d] = sum(s) exp(P[t,s] - M[t]) * V[s,d]

   the exponential is written twice and would be evaluated once more for each d. Here each becomes E[t,s] = exp(...), a
   temp; cse then merges the two, and fusion keeps it in a register or a row. Only transcendental operations are worth a
   temp, and factors of products of narrow numbers (sum(c) f32(bf16(x[t,c] * inv[t])) * f32(W[c,n])), which matrix
   instructions take from an array; and only where the temp's domain is plain: rectangular axes, and no guard of the
   equation that speaks of other axes (the temp would be evaluated where the equation is not). */
#include "compiler/pass/outline.h"
#include "compiler/pass/util.h"

enum { MAX_PICK = 16, MAX_AXES = 12, NEAR = 32 };

/* A subexpression and the axes it varies in, in the order in which its equation has them. */
struct pick {
  unsigned eq;
  expr_t x;
  uint8_t n;
  struct axis axis[MAX_AXES];
};

static bool plain_axis(const struct eq *e, const struct axis *x) {
  int64_t lo;
  return poly_is_const(x->lo, &lo) && lo == 0 && !poly_has_axis(e, x->hi);
}

static bool varies_in(const struct pick *p, sym_t s) {
  for (unsigned i = 0; i < p->n; i++)
    if (p->axis[i].sym == s) return true;
  return false;
}

/* Fills in the axes; false where x cannot stand alone. */
static bool domain_of(const struct eq *e, struct pick *p) {
  for (unsigned i = 0; i < e->nax; i++) {
    if (!expr_has_sym(p->x, e->axis[i].sym)) continue;
    if (p->n == MAX_AXES || !plain_axis(e, &e->axis[i])) return false;
    p->axis[p->n++] = e->axis[i];
  }
  for (unsigned g = 0; g < e->nguard; g++)
    for (unsigned i = 0; i < e->nax; i++)
      if (poly_has(e->guard[g], e->axis[i].sym) && !varies_in(p, e->axis[i].sym)) return false;
  return p->n > 0 && !expr_reads(p->x, e->lhs);
}

struct picks {
  const struct eq *e;
  unsigned eq, n;
  struct pick p[MAX_PICK];
};

static bool is_trans(expr_t x) {
  return x->kind == E_OP && op_info[x->op].flags & OPF_TRANS;
}

static bool is_costly(expr_t x) {
  return is_trans(x) || (type_is_float(x->type) && (x->op == OP_div || x->op == OP_sqrt || x->op == OP_rsqrt));
}

/* The costly operations of e that can stand alone, outer ones before those inside. */
static void pick_node(expr_t x, void *ctx) {
  struct picks *out = ctx;
  struct pick p = {.eq = out->eq, .x = x};
  if (x->kind != E_OP || !is_costly(x) || out->n == MAX_PICK) return;
  if (domain_of(out->e, &p)) out->p[out->n++] = p;
}

/* The narrow number under a conversion that widens it; NULL: there is none. */
static expr_t narrow_of(expr_t x) {
  bool wide = x->kind == E_CAST && type_size((enum dtype)x->kid[0]->type) <= 2 && type_size((enum dtype)x->type) >= 4 &&
              x->kid[0]->type != DT_bool;
  return wide ? x->kid[0] : NULL;
}

/* Factors of a sum of products of two narrow numbers of one type that are more than reads. */
static void pick_factors(struct picks *out) {
  expr_t x = out->e->body;
  if (out->e->red != RED_sum || x->kind != E_OP || x->op != OP_mul) return;
  for (unsigned i = 0; i < 2 && out->n < MAX_PICK; i++) {
    expr_t mine = narrow_of(x->kid[i]), other = narrow_of(x->kid[1 - i]);
    struct pick p = {.eq = out->eq, .x = mine};
    if (mine && other && mine->kind != E_READ && mine->type == other->type && domain_of(out->e, &p))
      out->p[out->n++] = p;
  }
}

static void pick_all(const struct kernel *k, unsigned e, struct picks *out) {
  *out = (struct picks){.e = &k->eq[e], .eq = e};
  expr_visit(k->eq[e].body, pick_node, out);
  pick_factors(out);
}

/* Some axis of e repeats x. */
static bool repeated(const struct eq *e, const struct pick *p) {
  return p->n < e->nax;
}

static bool is_long(const struct axis *x) {
  enum { SHORT = 16 };
  int64_t n;
  return !poly_is_const(x->hi, &n) || n > SHORT;
}

/* e is a number for a whole row of each of its readers (a scale, an offset): what it costs is nothing beside that row,
   and a temp of fewer axes would have the loops that repeat it stand inside the others. */
static bool is_for_rows(const struct kernel *k, const struct eq *e, unsigned depth) {
  unsigned readers = 0;
  if (k->tensor[e->lhs].role != ROLE_TEMP || e->red != RED_none || !depth) return false;
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *r = &k->eq[i];
    const struct access **acc;
    unsigned n = eq_accesses(k->arena, r, e->lhs, &acc);
    for (unsigned j = 0; j < n; j++) {
      bool row = false;
      for (unsigned x = 0; x < r->nax; x++) row |= !access_has_sym(acc[j], r->axis[x].sym) && is_long(&r->axis[x]);
      if (!row && !is_for_rows(k, r, depth - 1)) return false;
      readers++;
    }
  }
  return readers > 0;
}

/* x is all that e computes: a temp would be a second e. */
static bool is_all(const struct eq *e, const struct pick *p) {
  return e->red == RED_none && p->x == e->body;
}

struct firsts {
  const struct pick *p;
  sym_t *map;
  sym_t next;
};

static void number_poly(struct firsts *f, poly_t p) {
  for (uint32_t m = 0; m < p->n; m++)
    for (unsigned i = 0; i < p->mono[m].n; i++) {
      sym_t s = p->mono[m].sym[i];
      if (varies_in(f->p, s) && f->map[s] == SYM_NONE) f->map[s] = f->next++;
    }
}

static void number_node(expr_t x, void *ctx) {
  if (x->kind == E_POLY) number_poly(ctx, x->poly);
  for (unsigned d = 0; x->kind == E_READ && d < x->acc->rank; d++) number_poly(ctx, x->acc->ix[d].poly);
}

/* x with its axes named by first appearance, beyond all names in use: equal texts are equal values. */
static expr_t canonical(struct arena *a, const struct kernel *k, const struct pick *p, sym_t *map) {
  struct firsts f = {p, map, k->nsym};
  for (unsigned s = 0; s < k->nsym; s++) map[s] = SYM_NONE;
  expr_visit(p->x, number_node, &f);
  return expr_rename(a, p->x, map, k->nsym);
}

static bool same_pick(struct arena *a, const struct kernel *k, const struct pick *p, const struct pick *q) {
  sym_t *mp = ARENA_NEW(a, sym_t, k->nsym + 1u), *mq = ARENA_NEW(a, sym_t, k->nsym + 1u);
  if (p->n != q->n || !expr_eq(canonical(a, k, p, mp), canonical(a, k, q, mq))) return false;
  for (unsigned i = 0; i < p->n; i++)
    for (unsigned j = 0; j < q->n; j++)
      if (mp[p->axis[i].sym] == mq[q->axis[j].sym] && !poly_eq(p->axis[i].hi, q->axis[j].hi)) return false;
  return true;
}

/* Nothing that x reads is written by equations [i, j). */
static bool unchanged(const struct kernel *k, expr_t x, unsigned i, unsigned j) {
  for (; i < j; i++)
    if (expr_reads(x, k->eq[i].lhs)) return false;
  return true;
}

static bool evaluated_elsewhere(struct arena *a, const struct kernel *k, const struct pick *p) {
  struct picks other;
  for (unsigned e = p->eq > NEAR ? p->eq - NEAR : 0; e < k->neq && e <= p->eq + NEAR; e++) {
    if (e == p->eq) continue;
    pick_all(k, e, &other);
    for (unsigned i = 0; i < other.n; i++)
      if (same_pick(a, k, p, &other.p[i]) && unchanged(k, p->x, e < p->eq ? e : p->eq, e < p->eq ? p->eq : e))
        return true;
  }
  return false;
}

struct swap {
  expr_t from, to;
};

static expr_t swap_node(struct arena *a, expr_t x, void *ctx) {
  const struct swap *s = ctx;
  (void)a;
  return expr_eq(x, s->from) ? s->to : x;
}

/* E = x before the equation, and a read of E wherever the equation had x. */
static void give_temp(struct arena *a, struct kernel *k, const struct pick *p) {
  poly_t extent[MAX_AXES], idx[MAX_AXES];
  for (unsigned i = 0; i < p->n; i++) extent[i] = p->axis[i].hi, idx[i] = poly_sym(a, p->axis[i].sym);
  unsigned t = kernel_add_temp(k, k->tensor[k->eq[p->eq].lhs].name, p->x->type, p->n, extent);
  struct eq *e = kernel_insert_eq(k, p->eq), *user = &k->eq[p->eq + 1];
  e->lhs = (uint16_t)t;
  e->lhs_idx = arena_dup(a, idx, sizeof *idx * p->n);
  e->npar = e->nax = p->n;
  e->axis = arena_dup(a, p->axis, sizeof *p->axis * p->n);
  e->body = p->x;
  e->loc = user->loc;
  e->nguard = user->nguard;
  e->guard = user->guard;
  struct swap s = {p->x, expr_read(a, p->x->type, access_new(a, t, p->n, idx))};
  user->body = expr_map(a, user->body, swap_node, &s);
}

/* One temp for equation e, if any is due. */
static bool outline_one(struct arena *a, struct kernel *k, unsigned e) {
  struct picks all;
  pick_all(k, e, &all);
  for (unsigned i = 0; i < all.n; i++)
    if (!is_all(&k->eq[e], &all.p[i]) && ((repeated(&k->eq[e], &all.p[i]) && !is_for_rows(k, &k->eq[e], 4)) ||
                                          (is_trans(all.p[i].x) && evaluated_elsewhere(a, k, &all.p[i]))))
      return give_temp(a, k, &all.p[i]), true;
  return false;
}

void outline_kernel(struct arena *a, struct kernel *k) {
  for (unsigned e = 0; e < k->neq && k->neq < UINT16_MAX / 2; e++)
    while (outline_one(a, k, e)) e++; /* the temp's equation is now at e, the user after it */
}
