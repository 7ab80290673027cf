/* Footprint model. For each subtree: which elements each access touches in one run of it (a box per access), and how
   many bytes come from beyond each cache. Going up a loop: if everything the loop touches fits into the cache, only
   cold misses count; else the body's misses are repeated, except for objects that do not move with the loop while one
   iteration fits. Boxes of the same object are taken to overlap (the largest counts). */
#include "tuner/cost_memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BOX = 96, MAX_DIM = 8, LEVELS = 3 };
struct box {
  const struct access *acc;
  double span[MAX_DIM], count[MAX_DIM];
}; /* by dim: from the first index to the last; how many of them */
struct tree {
  unsigned n;
  struct box box[MAX_BOX];
  double miss[LEVELS];
};
struct env {
  const struct lfunc *f;
  const struct limits *lim;
  int64_t *val;
};

static double capacity(const struct limits *l, unsigned level) {
  unsigned bytes = level == 0 ? l->l1_bytes : level == 1 ? l->l2_bytes : l->l3_bytes;
  return 0.8 * bytes;
}

/* Elements from the first to the last that a box touches in memory; INFINITY when a stride is not known. Packed buffers
   have dims that overlap in memory (blocks counted in elements), there the product of the spans means nothing. */
static double reach(const struct env *e, const struct box *b) {
  const struct object *o = &e->f->object[b->acc->tensor];
  double sum = 1, inner = 1;
  for (unsigned d = b->acc->rank; d-- > 0;) {
    int64_t stride = 0, extent = 1;
    if (d >= MAX_DIM || (o->stride && !poly_eval(o->stride[d], e->val, &stride))) return INFINITY;
    sum += (b->span[d] - 1) * (o->stride ? fabs((double)stride) : inner);
    if (!o->stride && d > 0 && (!o->extent || !o->extent[d] || !poly_eval(o->extent[d], e->val, &extent)))
      return INFINITY;
    inner *= (double)extent;
  }
  return sum;
}

static double box_bytes(const struct env *e, const struct box *b) {
  const struct object *o = &e->f->object[b->acc->tensor];
  if (o->scope == SCOPE_REG) return 0;
  double size = (double)type_size(o->type), line = e->lim->line_bytes ? e->lim->line_bytes : 64, bytes = size;
  for (unsigned d = 0; d < b->acc->rank && d < MAX_DIM; d++) {
    bool last = d + 1 == b->acc->rank;
    double count = b->count[d];
    if (last && count * size < line) count = line / size;
    bytes *= count;
  }
  return b->acc->rank ? fmin(bytes, fmax(line, size * reach(e, b))) : line;
}

/* Sum over objects of the largest box; `moves` (or NULL) restricts to accesses that depend on that symbol (want) or do
 * not (!want). */
static bool depends(const struct box *b, sym_t s) {
  for (unsigned d = 0; d < b->acc->rank; d++)
    if (poly_has(b->acc->ix[d].poly, s) || b->acc->ix[d].dyn) return true;
  return false;
}

static double footprint(const struct env *e, const struct tree *t, sym_t s, int want) {
  double sum = 0;
  for (unsigned i = 0; i < t->n; i++) {
    double mine = box_bytes(e, &t->box[i]);
    bool largest = true;
    for (unsigned j = 0; j < t->n && largest; j++) {
      double other = box_bytes(e, &t->box[j]);
      if (t->box[j].acc->tensor == t->box[i].acc->tensor && (other > mine || (other == mine && j < i))) largest = false;
    }
    if (largest && (want < 0 || depends(&t->box[i], s) == (want == 1))) sum += mine;
  }
  return sum;
}

static void add_access(const struct env *e, struct tree *t, const struct access *acc) {
  if (e->f->object[acc->tensor].scope == SCOPE_REG) return;
  for (unsigned i = 0; i < t->n; i++)
    if (access_eq(t->box[i].acc, acc)) return;
  if (t->n == MAX_BOX) return;
  struct box *b = &t->box[t->n++];
  b->acc = acc;
  for (unsigned d = 0; d < MAX_DIM; d++) b->span[d] = b->count[d] = 1;
}

struct visit {
  const struct env *e;
  struct tree *t;
};
static void visit_read(expr_t x, void *ctx) {
  struct visit *v = ctx;
  if (x->kind == E_READ) add_access(v->e, v->t, x->acc);
}

static void walk(const struct env *e, const struct lstmt *s, struct tree *out);

static void merge(const struct env *e, struct tree *t, const struct tree *more) {
  for (unsigned i = 0; i < more->n && t->n < MAX_BOX; i++) t->box[t->n++] = more->box[i];
  double all = footprint(e, t, 0, -1);
  for (unsigned l = 0; l < LEVELS; l++) {
    t->miss[l] += more->miss[l];
    if (all <= capacity(e->lim, l) && all < t->miss[l]) t->miss[l] = all;
  }
}

static void grow_boxes(const struct env *e, struct tree *t, const struct lstmt *s, double trips) {
  struct arena *a = arena_new();
  for (unsigned i = 0; i < t->n; i++)
    for (unsigned d = 0; d < t->box[i].acc->rank && d < MAX_DIM; d++) {
      poly_t coef, rest, p = t->box[i].acc->ix[d].poly;
      int64_t c = 1;
      if (!poly_has(p, s->sym)) continue;
      if (poly_split(a, p, s->sym, &coef, &rest) && !poly_eval(coef, e->val, &c)) c = 1;
      struct box *b = &t->box[i];
      b->span[d] += (double)(c < 0 ? -c : c) * (double)s->step * (trips - 1);
      b->count[d] = fmin(b->count[d] * trips, b->span[d]);
    }
  arena_free(a);
}

static void walk_for(const struct env *e, const struct lstmt *s, struct tree *t) {
  double trips = cost_trips(e->f, s, e->val);
  if (s->fkind == F_VECTOR && trips < (double)(1u << s->lanes_log2)) trips = trips > 0 ? trips : 0;
  walk(e, s->body[0], t);
  if (trips <= 0) {
    memset(t, 0, sizeof *t);
    return;
  }
  double body = footprint(e, t, 0, -1), moving = footprint(e, t, s->sym, 1), still = footprint(e, t, s->sym, 0);
  grow_boxes(e, t, s, trips);
  double all = footprint(e, t, 0, -1);
  for (unsigned l = 0; l < LEVELS; l++) {
    double cap = capacity(e->lim, l), repeated = trips * t->miss[l];
    if (all <= cap || s->fkind == F_TILES)
      t->miss[l] = all; /* a block in matrix tiles reads each element once */
    else if (body <= cap)
      t->miss[l] = trips * moving + still < repeated ? trips * moving + still : repeated;
    else
      t->miss[l] = repeated;
    if (t->miss[l] < all) t->miss[l] = all;
  }
}

static void walk(const struct env *e, const struct lstmt *s, struct tree *t) {
  struct visit v = {e, t};
  memset(t, 0, sizeof *t);
  if (s->kind == L_FOR) {
    walk_for(e, s, t);
    return;
  }
  if (s->kind == L_STORE) add_access(e, t, s->acc);
  if (s->value && (s->kind == L_STORE || s->kind == L_SET)) expr_visit(s->value, visit_read, &v);
  for (unsigned l = 0; l < LEVELS; l++) t->miss[l] = footprint(e, t, 0, -1);
  uint32_t first = 0, n = s->nbody;
  if (s->kind == L_IF) {
    bool yes = true;
    for (unsigned i = 0; i < s->nguard; i++) {
      int64_t g;
      yes = yes && (!poly_eval(s->guard[i], e->val, &g) || g >= 0);
    }
    first = yes ? 0 : 1;
    n = first + 1 < n ? first + 1 : n;
  }
  struct tree *sub = n > first ? xmalloc(sizeof *sub) : NULL;
  for (uint32_t i = first; i < n; i++)
    if (s->body[i]) {
      walk(e, s->body[i], sub);
      merge(e, t, sub);
    }
  free(sub);
}

void cost_memory(const struct lfunc *f, const struct limits *lim, int64_t *val, double bytes[3]) {
  struct env e = {f, lim, val};
  struct tree *t = xmalloc(sizeof *t);
  walk(&e, f->body, t);
  for (unsigned l = 0; l < LEVELS; l++) bytes[l] = t->miss[l];
  free(t);
}

double cost_touched(const struct lfunc *f, const struct limits *lim, const struct lstmt *s, const struct lstmt *inner,
                    double trips, double inner_trips, int64_t *val) {
  struct env e = {f, lim, val};
  struct tree *t = xmalloc(sizeof *t);
  walk(&e, inner ? inner->body[0] : s->body[0], t);
  if (inner) grow_boxes(&e, t, inner, inner_trips);
  grow_boxes(&e, t, s, trips);
  double bytes = footprint(&e, t, 0, -1);
  free(t);
  return bytes;
}
