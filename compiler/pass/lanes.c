/* An outer loop around a recurrence, on lanes. See lanes.h. */
#include "compiler/pass/lanes.h"
#include "compiler/pass/skew_impl.h"
#include <string.h>

enum { ACCESSES = 64, LOOPS = 12, TENSORS = 16, FUEL = 200000, RANK = 8 };

struct place {
  const struct access *acc;
  unsigned nloop; /* loops inside the lanes' around it */
  const struct lstmt *loop[LOOPS];
  bool writes;
};
struct lanes {
  struct arena *a, *scratch;
  struct lfunc *f;
  int64_t vector_bytes;
  const struct lstmt *outer[LOOPS]; /* around the loop that is looked at */
  unsigned nouter;
  const struct lstmt *loop;
  unsigned nopen;
  const struct lstmt *open[LOOPS];
  unsigned n;
  struct place place[ACCESSES];
  unsigned size; /* bytes of the widest number */
  bool fails, recurs;
};

/* --- what stands in the loop --- */

static void add_place(struct lanes *l, const struct access *x, bool writes) {
  l->fails |= l->n == ACCESSES || x->nguard || x->otherwise;
  for (unsigned d = 0; d < x->rank; d++) l->fails |= !x->ix[d].poly || x->ix[d].dyn;
  if (l->fails) return;
  struct place *p = &l->place[l->n++];
  *p = (struct place){.acc = x, .nloop = l->nopen, .writes = writes};
  for (unsigned i = 0; i < l->nopen; i++) p->loop[i] = l->open[i];
}

static void look_expr(expr_t e, void *ctx) {
  struct lanes *l = ctx;
  if (e->kind == E_READ) add_place(l, e->acc, false);
  if (type_size((enum dtype)e->type) > l->size && e->kind != E_POLY && (e->kind != E_CAST || e->kid[0]->kind != E_POLY))
    l->size = (unsigned)type_size((enum dtype)e->type);
}

/* Does e come of what the iteration before left? */
static bool is_carried(const struct lanes *l, const struct lstmt *loop, expr_t e) {
  for (unsigned v = 0; v < l->f->nlocal; v++)
    if (expr_uses(e, v) && tree_sets(loop, v) && tree_exposes(loop->body[0], v)) return true;
  return false;
}

/* x = x + e, where e does not come of what the loop carries: a sum, which needs no lanes outside. */
static bool is_reduction(const struct lanes *l, const struct lstmt *loop, const struct lstmt *s) {
  expr_t e = s->value;
  if (e->kind != E_OP || e->nkid != 2) return false;
  static const uint8_t sums[] = {OP_add, OP_sub, OP_mul, OP_min, OP_max, OP_fmin, OP_fmax, OP_and, OP_or, OP_xor};
  if (!memchr(sums, e->op, sizeof sums)) return false;
  for (unsigned i = 0; i < 2; i++) {
    expr_t self = e->kid[i];
    bool is_self = self->kind == E_LOCAL && self->id == s->id && (e->op != OP_sub || i == 0);
    if (is_self) return !is_carried(l, loop, e->kid[1 - i]);
  }
  return false;
}

static void look_set(struct lanes *l, const struct lstmt *s) {
  const struct lstmt *in = l->nopen ? l->open[l->nopen - 1] : NULL;
  if (in && tree_exposes(in->body[0], s->id) && !is_reduction(l, in, s)) l->recurs = true;
}

static void look(struct lanes *l, const struct lstmt *s) {
  bool loop = s->kind == L_FOR && s->fkind == F_SERIAL && !s->once && l->nopen < LOOPS;
  l->fails |= !loop && s->kind != L_BLOCK && s->kind != L_SET && s->kind != L_STORE;
  l->fails |= s->kind == L_STORE && (s->red != RED_none || !s->value);
  if (l->fails) return;
  if (s->value) expr_visit(s->value, look_expr, l);
  if (s->kind == L_STORE) add_place(l, s->acc, true);
  if (s->kind == L_SET) look_set(l, s);
  if (loop) {
    for (unsigned i = 0; i < s->nlo; i++) l->fails |= poly_has(s->lo[i], l->loop->sym);
    for (unsigned i = 0; i < s->nhi; i++) l->fails |= poly_has(s->hi[i], l->loop->sym);
    l->open[l->nopen++] = s;
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) look(l, s->body[i]);
  l->nopen -= loop;
}

/* Does the innermost loop around both write at p what a later iteration of it reads at q? */
static bool left_to_later(const struct lanes *l, const struct place *p, const struct place *q) {
  if (p->acc->tensor != q->acc->tensor || !p->nloop || p->nloop != q->nloop) return false;
  if (p->loop[p->nloop - 1] != q->loop[q->nloop - 1]) return false;
  for (unsigned d = 0; d < p->acc->rank && d < q->acc->rank; d++) {
    int64_t c;
    if (!poly_has(p->acc->ix[d].poly, p->loop[p->nloop - 1]->sym)) continue;
    if (poly_is_const(poly_sub(l->a, p->acc->ix[d].poly, q->acc->ix[d].poly), &c) && c) return true;
  }
  return false;
}

static bool recurs_in_memory(const struct lanes *l) {
  for (unsigned i = 0; i < l->n; i++)
    for (unsigned j = 0; j < l->n; j++)
      if (l->place[i].writes && !l->place[j].writes && left_to_later(l, &l->place[i], &l->place[j])) return true;
  return false;
}

/* No iteration leaves a local to the next. */
static bool locals_stay(const struct lanes *l) {
  for (unsigned v = 0; v < l->f->nlocal; v++)
    if (tree_sets(l->loop, v) && tree_exposes(l->loop->body[0], v)) return false;
  return true;
}

/* --- independence --- */

static bool open_loop(struct lanes *l, struct domain *d, const struct lstmt *s) {
  struct bound b = {.sym = s->sym, .nlo = s->nlo, .nhi = s->nhi, .lo = s->lo, .hi = s->hi};
  return domain_var(l->a, d, &b);
}

static bool open_around(struct lanes *l, struct domain *d) {
  *d = (struct domain){0};
  for (unsigned i = 0; i < l->nouter; i++)
    if (!open_loop(l, d, l->outer[i])) return false;
  return open_loop(l, d, l->loop);
}

/* Which iterations of y's outermost loop inside are looked at: all; those not before the one of x; those before it. */
enum order { ANY, NOT_BEFORE, BEFORE };

static poly_t *renamed(struct lanes *l, const poly_t *p, unsigned n, const sym_t *map, unsigned nmap) {
  poly_t *q = ARENA_NEW(l->a, poly_t, n + 1u);
  for (unsigned i = 0; i < n; i++) q[i] = poly_rename(l->a, p[i], map, nmap);
  return q;
}

/* y in a later iteration than that of x: the loop's counter and those inside have names of their own. */
static bool open_later(struct lanes *l, struct domain *d, const struct place *x, const struct place *y, sym_t *map,
                       unsigned nmap, enum order order) {
  sym_t i = l->loop->sym;
  poly_t *lo = ARENA_NEW(l->a, poly_t, 1); /* the domain keeps it */
  lo[0] = poly_addc(l->a, poly_sym(l->a, i), 1);
  struct bound b = {.sym = map[i], .nlo = 1, .nhi = l->loop->nhi, .lo = lo, .hi = l->loop->hi};
  if (!domain_var(l->a, d, &b)) return false;
  for (unsigned k = 0; k < y->nloop; k++) {
    const struct lstmt *s = y->loop[k];
    poly_t *lows = renamed(l, s->lo, s->nlo, map, nmap), *highs = renamed(l, s->hi, s->nhi, map, nmap);
    struct bound in = {.sym = map[s->sym], .nlo = s->nlo, .nhi = s->nhi, .lo = lows, .hi = highs};
    if (k == 0 && order == NOT_BEFORE) lows[in.nlo++] = poly_sym(l->a, x->loop[0]->sym);
    if (k == 0 && order == BEFORE) highs[in.nhi++] = poly_sym(l->a, x->loop[0]->sym);
    if (!domain_var(l->a, d, &in)) return false;
  }
  return true;
}

/* x in one iteration and y in a later one may be one element. */
static bool meet(struct lanes *l, const struct place *x, const struct place *y, enum order order) {
  struct domain d;
  unsigned n = l->f->k->nsym, rank = x->acc->rank;
  sym_t *map = ARENA_NEW(l->a, sym_t, n + 1u), next = (sym_t)n; /* further symbols are the proof's alone */
  for (unsigned i = 0; i < n; i++) map[i] = SYM_NONE;
  if (rank > RANK || y->acc->rank != rank || !open_around(l, &d)) return true;
  for (unsigned i = 0; i < x->nloop; i++)
    if (!open_loop(l, &d, x->loop[i])) return true;
  map[l->loop->sym] = next++;
  for (unsigned i = 0; i < y->nloop; i++) map[y->loop[i]->sym] = next++;
  if (!open_later(l, &d, x, y, map, n, order)) return true;
  poly_t eq[RANK];
  for (unsigned i = 0; i < rank; i++)
    eq[i] = poly_sub(l->a, x->acc->ix[i].poly, poly_rename(l->a, y->acc->ix[i].poly, map, n));
  struct prover q = {l->a, l->scratch, FUEL};
  return prover_meet(&q, &d, eq, rank);
}

static bool meet_later(struct lanes *l, const struct place *x, const struct place *y) {
  if (!meet(l, x, y, ANY)) return false;
  return !x->nloop || !y->nloop || meet(l, x, y, NOT_BEFORE) || meet(l, x, y, BEFORE);
}

static bool independent(struct lanes *l) {
  for (unsigned i = 0; i < l->n; i++)
    for (unsigned j = 0; j < l->n; j++) {
      const struct place *x = &l->place[i], *y = &l->place[j];
      bool may = x->acc->tensor == y->acc->tensor && (x->writes || y->writes);
      if (may && meet_later(l, x, y)) return false;
    }
  return true;
}

/* --- what is asked at run time --- */

/* Elements of a tensor whose dims are declared; NULL: they are not. */
static poly_t declared(struct lanes *l, unsigned t) {
  const struct object *o = &l->f->object[t];
  poly_t n = poly_const(l->a, 1);
  for (unsigned d = 0; d < o->rank; d++) {
    if (!o->extent[d] || o->stride) return NULL;
    n = poly_mul(l->a, n, o->extent[d]);
  }
  return n;
}

/* Elements from the tensor's start to the last one that p touches; NULL: not known. */
static poly_t touched(struct lanes *l, const struct place *p) {
  poly_t all = declared(l, p->acc->tensor), most;
  struct domain d;
  if (all || p->acc->rank != 1 || l->f->object[p->acc->tensor].stride || !open_around(l, &d)) return all;
  for (unsigned j = 0; j < p->nloop; j++)
    if (!open_loop(l, &d, p->loop[j])) return NULL;
  struct prover q = {l->a, l->scratch, FUEL};
  bool known = prover_ge0(&q, &d, p->acc->ix[0].poly) && prover_max(&q, &d, p->acc->ix[0].poly, &most);
  return known ? poly_addc(l->a, most, 1) : NULL;
}

/* Elements of each tensor that the loop touches, counted from its start. false: not known. */
static bool sizes(struct lanes *l, poly_t *size) {
  const struct kernel *k = l->f->k;
  struct domain d;
  for (unsigned t = 0; t < k->ntensor; t++) size[t] = poly_const(l->a, 0);
  for (unsigned i = 0; i < l->n; i++) {
    unsigned t = l->place[i].acc->tensor;
    if (t >= k->ntensor) continue; /* the function's own */
    poly_t n = touched(l, &l->place[i]);
    struct prover q = {l->a, l->scratch, FUEL};
    if (!n || !open_around(l, &d)) return false;
    if (prover_ge0(&q, &d, poly_sub(l->a, size[t], n))) continue;
    size[t] = prover_ge0(&q, &d, poly_sub(l->a, n, size[t])) ? n : poly_add(l->a, size[t], n);
  }
  return true;
}

/* Does a step of the loop move the access by more than an element? */
static bool is_strided(const struct lanes *l, const struct access *x) {
  for (unsigned d = 0; d < x->rank; d++) {
    poly_t coef, rest;
    int64_t c;
    bool last = d + 1 == x->rank,
         one = poly_split(l->a, x->ix[d].poly, l->loop->sym, &coef, &rest) && poly_is_const(coef, &c);
    if (!one || (c != 0 && (!last || (c != 1 && c != -1)))) return true;
  }
  return false;
}

/* Rows across the lanes are gathered and scattered, element by element: what both reads and writes so in the loops
   inside waits longer for that than for its recurrence. */
static bool pays(const struct lanes *l) {
  bool gathers = false, scatters = false;
  for (unsigned i = 0; i < l->n; i++) {
    const struct place *p = &l->place[i];
    if (!p->nloop || !is_strided(l, p->acc)) continue;
    for (unsigned d = 0; d < p->acc->rank; d++) {
      if (!poly_has(p->acc->ix[d].poly, p->loop[p->nloop - 1]->sym)) continue;
      gathers |= !p->writes;
      scatters |= p->writes;
    }
  }
  return !gathers || !scatters;
}

/* Two vectors, so that one waits less for the other; four where memory holds what is carried: longer pieces of rows. A
 * scatter of twice the lanes takes twice as long. */
static int64_t lane_count(const struct lanes *l) {
  int64_t lanes = l->vector_bytes / l->size;
  for (unsigned i = 0; i < l->n; i++)
    if (is_strided(l, l->place[i].acc)) return lanes;
  return (l->recurs ? 2 : 4) * lanes;
}

static unsigned log2_of(int64_t n) {
  unsigned k = 0;
  while (n > 1) n /= 2, k++;
  return k;
}

static struct lstmt *on_lanes(struct lanes *l, struct lstmt *s) {
  struct arena *a = l->a;
  unsigned log2 = log2_of(lane_count(l));
  int64_t n = (int64_t)1 << log2;
  sym_t block = lfunc_add_sym(l->f, l->f->k->sym[s->sym].name), lane = lfunc_add_sym(l->f, l->f->k->sym[s->sym].name);
  struct skew k = {.a = a, .f = l->f};
  struct skew_by by = {s->sym, poly_sym(a, lane)};
  poly_t from = poly_sym(a, block), *hi = ARENA_NEW(a, poly_t, 2);
  hi[0] = poly_addc(a, from, n), hi[1] = s->hi[0];
  struct lstmt *v = loop_for(a, F_VECTOR, lane, from, hi[0], 1, skew_copy(&k, s->body[0], 1, &by));
  v->hi = hi, v->nhi = 2, v->lanes_log2 = (uint8_t)log2;
  v->loc = s->loc;
  struct lstmt *blocks = loop_for(a, F_SERIAL, block, s->lo[0], s->hi[0], n, v);
  blocks->loc = s->loc;
  return blocks;
}

static struct lstmt *either(struct lanes *l, struct lstmt *s) {
  const struct kernel *k = l->f->k;
  poly_t *size = ARENA_NEW(l->a, poly_t, k->ntensor + 1u), *guard = ARENA_NEW(l->a, poly_t, 1);
  bool restricts = kernel_restricts(k);
  if (!restricts && (k->ntensor > TENSORS || !sizes(l, size))) return NULL;
  int64_t few = l->vector_bytes / l->size / 2;
  guard[0] = poly_addc(l->a, poly_sub(l->a, s->hi[0], s->lo[0]), -few);
  bool known = poly_is_const(guard[0], &few);
  if (known && few < 0) return NULL;
  if (known && restricts) return on_lanes(l, s);
  struct lstmt *r = loop_if(l->a, 1, guard, NULL, on_lanes(l, s), s);
  if (!restricts) r->apart = true, r->hi = size, r->nhi = (uint8_t)k->ntensor;
  return r;
}

static struct lstmt *attempt(struct lanes *l, struct lstmt *s) {
  if (s->kind != L_FOR || s->fkind != F_SERIAL || s->step != 1 || s->once || s->nlo != 1 || s->nhi != 1) return NULL;
  l->loop = s;
  l->n = l->nopen = 0;
  l->size = 4;
  l->fails = l->recurs = false;
  look(l, s->body[0]);
  if (l->vector_bytes < 4 * (int64_t)l->size) return NULL;
  if (l->fails || (!l->recurs && !recurs_in_memory(l)) || !locals_stay(l) || !pays(l) || !independent(l)) return NULL;
  return either(l, s);
}

/* The innermost loops that can be had. true: something was done. */
static bool descend(struct lanes *l, struct lstmt *s) {
  bool loop = s->kind == L_FOR, any = false;
  if (l->nouter == LOOPS) return false;
  if (loop) l->outer[l->nouter++] = s;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) any |= descend(l, s->body[i]);
  l->nouter -= loop;
  for (uint32_t i = 0; i < s->nbody && !any; i++) {
    if (!s->body[i] || s->body[i]->kind != L_FOR) continue;
    if (loop) l->outer[l->nouter++] = s;
    struct lstmt *r = attempt(l, s->body[i]);
    l->nouter -= loop;
    if (r) s->body[i] = r, any = true;
  }
  return any;
}

void pass_lanes(struct arena *a, struct source *s, int64_t vector_bytes) {
  if (vector_bytes < 16) return;
  struct lanes *l = ARENA_NEW(a, struct lanes, 1);
  struct lstmt *whole = loop_block(a, 1, &s->f->body);
  *l = (struct lanes){.a = a, .scratch = arena_new(), .f = s->f, .vector_bytes = vector_bytes};
  descend(l, whole);
  s->f->body = whole->body[0];
  arena_free(l->scratch);
}
