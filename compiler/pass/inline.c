/* inline: TENSOR -> TENSOR. Needs temps with one writer to be recognisable (any form will do); gives fewer temps.
   Changes no result. Results that copy temps take their place (copy.c).

   An element-wise temp T[i,j] = f(...) goes into all of its readers, or into none (a temp that must be kept costs its
   store anyway), when
     - each reader names plain subscripts, and no element that f reads is written between T's equation and the reader;
     - T is no factor of a product that matrix instructions compute and that repeats it: they want it in an array;
     - either T is read once per element and at one place (or a few times there by one reader: equal operations of one
       equation are done once), or f is cheap: a load or two and at most two simple operations. Otherwise recomputing
   costs more than the store that fusion mostly removes. Two exceptions keep fusion's better choices open: f reads what
   a reduction of this kernel made and more than one reader, or one more often than once, would evaluate it (it is that
   reduction's epilogue: computed once in registers); and f is transcendental or divides and would be evaluated more
   often than once. A guarded read of T becomes select(guards, f, otherwise) with the guards copied onto f's own reads.
   dce removes T afterwards. */
#include "compiler/pass/copy.h"
#include "ir/apart.h"
#include "compiler/pass/fold.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/util.h"
#include "ir/dot.h"
#include <limits.h>

enum { CHEAP = 4, SHARED = 24, MAX_COST = 64, MAX_RANK = 16 };

/* T[idx] = body with idx[d] = sym[d] + rest[d]. */
struct def {
  struct arena *a;
  const struct kernel *k;
  const struct eq *e;
  unsigned tensor, rank;
  sym_t sym[MAX_RANK];
  poly_t rest[MAX_RANK];
};

/* A definition that can be written at any subscript: each dim is an own axis plus something fixed. */
static bool def_of(struct arena *a, const struct kernel *k, unsigned at, struct def *out) {
  const struct eq *e = &k->eq[at];
  const struct tensor *t = &k->tensor[e->lhs];
  unsigned w;
  if (t->role != ROLE_TEMP || e->red != RED_none || kernel_writers(k, e->lhs, &w) != 1 || eq_reads(e, e->lhs))
    return false;
  if (t->rank != e->npar || t->rank > MAX_RANK) return false;
  *out = (struct def){.a = a, .k = k, .e = e, .tensor = e->lhs, .rank = t->rank};
  for (unsigned d = 0; d < t->rank; d++) {
    unsigned found = 0;
    for (unsigned i = 0; i < e->npar; i++) {
      poly_t coef;
      int64_t c;
      if (!poly_has(e->lhs_idx[d], e->axis[i].sym)) continue;
      if (!poly_split(a, e->lhs_idx[d], e->axis[i].sym, &coef, &out->rest[d]) || !poly_is_const(coef, &c) || c != 1)
        return false;
      out->sym[d] = e->axis[i].sym;
      found++;
    }
    if (found != 1 || poly_has_axis(e, out->rest[d])) return false;
    for (unsigned c = 0; c < d; c++)
      if (out->sym[c] == out->sym[d]) return false;
  }
  return true;
}

static void flag_costly(expr_t x, void *ctx) {
  bool *costly = ctx;
  if (x->kind == E_OP && ((op_info[x->op].flags & OPF_TRANS) || x->op == OP_div || x->op == OP_rem ||
                          x->op == OP_sqrt || x->op == OP_rsqrt))
    *costly = true;
}

/* Whether f reads what a reduction of this kernel made. */
static bool is_epilogue(struct arena *a, const struct kernel *k, const struct eq *e) {
  const struct access **acc;
  unsigned n = eq_accesses(a, e, UINT_MAX, &acc);
  for (unsigned i = 0; i < n; i++)
    for (unsigned w = 0; w < k->neq; w++)
      if (k->eq[w].lhs == acc[i]->tensor && k->eq[w].red != RED_none) return true;
  return false;
}

/* The reader walks an axis that this read does not name: the element is used again and again. */
static bool repeats(const struct eq *reader, const struct access *acc) {
  for (unsigned i = 0; i < reader->nax; i++)
    if (!access_has_sym(acc, reader->axis[i].sym)) return true;
  return false;
}

struct uses {
  unsigned places;   /* (reader, distinct subscripts) pairs */
  unsigned mentions; /* occurrences */
  bool repeated, possible;
  bool rewritten; /* other elements of an array that f reads are written between T's equation and a reader */
};

static unsigned most_guards(struct arena *a, const struct eq *e) {
  const struct access **acc;
  unsigned n = eq_accesses(a, e, UINT_MAX, &acc), most = 0;
  for (unsigned i = 0; i < n; i++)
    if (acc[i]->nguard > most) most = acc[i]->nguard;
  return most;
}

static void count_reader(const struct def *p, const struct eq *reader, struct uses *u) {
  const struct access **acc;
  unsigned n = eq_accesses(p->a, reader, p->tensor, &acc);
  u->mentions += n;
  for (unsigned i = 0; i < n; i++) {
    bool seen = false;
    for (unsigned j = 0; j < i; j++) seen |= access_eq(acc[i], acc[j]);
    u->places += !seen;
    u->repeated |= repeats(reader, acc[i]);
    u->possible &= acc[i]->nguard + most_guards(p->a, p->e) <= UINT8_MAX;
    for (unsigned d = 0; d < acc[i]->rank; d++) u->possible &= acc[i]->ix[d].dyn == NULL;
  }
}

/* May what f reads have another value behind this equation? */
static bool overwrites(const struct def *p, const struct eq *w) {
  const struct access **acc;
  unsigned n = eq_accesses(p->a, p->e, w->lhs, &acc);
  for (unsigned i = 0; i < n; i++)
    if (!eq_apart(p->k, w, p->e, acc[i])) return true;
  return false;
}

/* Reads of T anywhere; `possible` is false when an operand of f changes between T's equation and a reader. */
static struct uses count_uses(const struct def *p, unsigned at) {
  struct uses u = {.possible = true};
  bool stale = false, rewritten = false;
  for (unsigned r = 0; r < p->k->neq; r++) {
    const struct eq *reader = &p->k->eq[r];
    if (r != at && eq_reads(reader, p->tensor)) {
      if (r < at || stale) u.possible = false;
      u.rewritten |= rewritten;
      count_reader(p, reader, &u);
    }
    if (r <= at || !eq_reads(p->e, reader->lhs)) continue;
    rewritten = true;
    stale = stale || overwrites(p, reader);
  }
  return u;
}

/* One of T's factors varies along a reduced axis of the reader. */
static bool varies(const struct def *p, const struct eq *reader, const struct access *read, expr_t factor) {
  for (unsigned d = 0; d < p->rank; d++)
    for (unsigned x = reader->npar; x < reader->nax; x++)
      if (expr_has_sym(factor, p->sym[d]) && poly_has(read->ix[d].poly, reader->axis[x].sym)) return true;
  return false;
}

/* Factors of T: plain elements that vary in the sum, and something that does not, which simplify takes out of it again.
 */
static bool splits(const struct def *p, const struct eq *reader, const struct access *read) {
  struct factors own = {0};
  unsigned fixed = 0;
  fold_factors(p->e->body, false, &own);
  for (unsigned i = 0; i < own.n; i++) {
    bool v = varies(p, reader, read, own.f[i].x);
    if (v && (own.f[i].den || own.f[i].x->kind != E_READ)) return false;
    fixed += !v;
  }
  return fixed && fixed < own.n && !own.full;
}

/* T is a factor of the sum `reader`, once, and splits there. */
static bool leaves_sum(const struct def *p, const struct eq *reader) {
  struct factors outer = {0};
  const struct access **acc, *read = NULL;
  if (reader->red != RED_sum || !type_is_float(reader->body->type) || p->e->body->type != reader->body->type)
    return false;
  fold_factors(reader->body, false, &outer);
  for (unsigned i = 0; i < outer.n; i++)
    if (outer.f[i].x->kind == E_READ && outer.f[i].x->acc->tensor == p->tensor) read = outer.f[i].x->acc;
  return read && !outer.full && !read->nguard && eq_accesses(p->a, reader, p->tensor, &acc) == 1 &&
         splits(p, reader, read);
}

static bool leaves_every_sum(const struct def *p, unsigned at) {
  for (unsigned r = at + 1; r < p->k->neq; r++)
    if (eq_reads(&p->k->eq[r], p->tensor) && !leaves_sum(p, &p->k->eq[r])) return false;
  return true;
}

static void note_read(expr_t x, void *ctx) {
  if (x->kind == E_READ) *(bool *)ctx = true;
}

/* A number that is the same for the whole call: whoever evaluates it can do so outside of all loops. */
static bool is_fixed(const struct def *p) {
  bool reads = false;
  eq_visit(p->e, note_read, &reads);
  return p->rank == 0 && !reads;
}

/* A sum of products of narrow numbers reads T as a factor. With T's body in its place that would be no such form. */
static bool is_factor(const struct def *p, unsigned at) {
  for (unsigned r = at + 1; r < p->k->neq && p->e->body->kind != E_READ; r++) {
    const struct eq *reader = &p->k->eq[r];
    struct dot d;
    if (reader->red != RED_sum || !dot_of(reader->body, &d) || d.alone || d.kind == DOT_f32 || d.kind == DOT_f64)
      continue;
    if (d.a->acc->tensor == p->tensor || d.b->acc->tensor == p->tensor) return true;
  }
  return false;
}

static bool worth_it(const struct def *p, unsigned at, bool strict) {
  struct uses u = count_uses(p, at);
  unsigned cost = expr_cost(p->e->body);
  bool costly = false;
  if (!u.possible || !u.places || cost > MAX_COST || (u.rewritten && u.mentions > 1)) return false;
  if (is_fixed(p) || (!strict && leaves_every_sum(p, at))) return true;
  eq_visit(p->e, flag_costly, &costly);
  if (u.repeated && is_factor(p, at)) return false;
  if ((u.repeated || u.places > 1) && is_epilogue(p->a, p->k, p->e)) return false;
  if (u.mentions == 1 && !u.repeated) return true;
  if (u.places == 1 && !u.repeated && !costly && u.mentions * cost <= SHARED) return true;
  return !costly && cost <= CHEAP;
}

/* --- putting f in --- */

/* Copies the guards of the replaced read onto a read of f, which may lie outside its tensor where they fail. */
static expr_t guard_read(struct arena *a, expr_t x, void *ctx) {
  const struct access *outer = ctx;
  if (x->kind != E_READ) return x;
  struct access *acc = arena_dup(a, x->acc, sizeof *x->acc);
  acc->guard = ARENA_NEW(a, poly_t, acc->nguard + outer->nguard);
  for (unsigned g = 0; g < acc->nguard; g++) acc->guard[g] = x->acc->guard[g];
  for (unsigned g = 0; g < outer->nguard; g++) acc->guard[acc->nguard++] = outer->guard[g];
  if (!acc->otherwise) acc->otherwise = expr_const(a, x->type, (union value){.u = 0});
  return expr_read(a, x->type, acc);
}

static expr_t guards_hold(struct arena *a, const struct access *acc) {
  expr_t cond = NULL;
  for (unsigned g = 0; g < acc->nguard; g++) {
    expr_t x = expr_op2(a, OP_ge, expr_poly(a, acc->guard[g]), expr_i(a, DT_i64, 0));
    cond = cond ? expr_op2(a, OP_and, cond, x) : x;
  }
  return cond;
}

static expr_t put_in(struct arena *a, expr_t x, void *ctx) {
  const struct def *p = ctx;
  if (x->kind != E_READ || x->acc->tensor != p->tensor) return x;
  poly_t *by = ARENA_NEW(a, poly_t, p->k->nsym);
  for (unsigned d = 0; d < p->rank; d++) by[p->sym[d]] = poly_sub(a, x->acc->ix[d].poly, p->rest[d]);
  expr_t f = expr_cast(a, x->type, expr_subst_all(a, p->e->body, by));
  if (!x->acc->nguard) return f;
  f = expr_map(a, f, guard_read, (void *)x->acc);
  return expr_op3(a, OP_select, guards_hold(a, x->acc), f, x->acc->otherwise);
}

enum status pass_inline(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  struct kernel *k = u->k;
  copy_kernel(a, k);
  for (unsigned at = 0; at < k->neq; at++) {
    struct def p;
    if (!def_of(a, k, at, &p) || !worth_it(&p, at, u->strict)) continue;
    for (unsigned r = at + 1; r < k->neq; r++)
      if (eq_reads(&k->eq[r], p.tensor)) eq_map(a, &k->eq[r], put_in, &p);
  }
  return ST_OK;
}
