/* Dead lanes. Where every vector loop that touches a register object has the same bounds, a lane that they switch off
   is never read, so what is written to it does not matter and a store needs no mask: the accumulators of a tile that is
   cut at the border of its result are plain registers. Lanes of a reduction are not dead: all of them are summed at the
   end, outside of the cut loop. */
#include "codegen/emit/build.h"

struct dead {
  struct arena *arena;
  unsigned object;
  bool no;
  sym_t inner[32]; /* loops open inside the allocation */
  bool expanded[32];
  unsigned ninner;
  const struct lstmt *loop;    /* the vector loop that is being walked */
  const struct lstmt *first;   /* the first one that touches the object, */
  const struct access *access; /* and how */
};

static bool same_bounds(const struct lstmt *a, const struct lstmt *b) {
  if (a->nhi != b->nhi || a->nlo != b->nlo || a->lanes_log2 != b->lanes_log2) return false;
  for (unsigned i = 0; i < a->nhi; i++)
    if (!poly_eq(a->hi[i], b->hi[i])) return false;
  for (unsigned i = 0; i < a->nlo; i++)
    if (!poly_eq(a->lo[i], b->lo[i])) return false;
  return true;
}

/* Do the bounds that cut the vector depend on s? (lo + lanes cuts nothing.) */
static bool in_bounds(struct arena *a, const struct lstmt *l, sym_t s) {
  poly_t end = poly_addc(a, l->lo[0], INT64_C(1) << l->lanes_log2);
  for (unsigned i = 0; i < l->nhi; i++)
    if (poly_has(l->hi[i], s) && !poly_eq(l->hi[i], end)) return true;
  return false;
}

/* The bounds are those of the slot: what changes them inside the allocation is expanded and chooses the slot, in the
   same way everywhere. */
static bool bounds_of_slot(const struct dead *k, const struct access *acc) {
  for (unsigned i = 0; i < k->ninner; i++) {
    bool chooses = false;
    if (!in_bounds(k->arena, k->loop, k->inner[i])) continue;
    for (unsigned d = 0; d < acc->rank; d++)
      chooses |= poly_has(acc->ix[d].poly, k->inner[i]) && poly_eq(acc->ix[d].poly, k->access->ix[d].poly);
    if (!k->expanded[i] || !chooses) return false;
  }
  return true;
}

/* One lane is one element, the same one everywhere. */
static bool own_lane(const struct dead *k, const struct access *acc) {
  bool along = false;
  for (unsigned d = 0; d < acc->rank; d++) {
    if (!poly_has(acc->ix[d].poly, k->loop->sym)) continue;
    along = true;
    if (!poly_eq(acc->ix[d].poly, k->access->ix[d].poly)) return false;
  }
  return along && k->loop->sym == k->first->sym && k->loop->nlo == 1;
}

static void touch(struct dead *k, const struct access *acc) {
  for (unsigned d = 0; d < acc->rank; d++) k->no |= acc->ix[d].dyn || !acc->ix[d].poly;
  if (k->no) return;
  if (!k->first) k->first = k->loop, k->access = acc;
  k->no |= acc->nguard || !own_lane(k, acc) || !same_bounds(k->first, k->loop) || !bounds_of_slot(k, acc);
}

static void visit(expr_t x, void *ctx) {
  struct dead *k = ctx;
  if (x->kind != E_READ || x->acc->tensor != k->object) return;
  k->no |= !k->loop;
  if (!k->no) touch(k, x->acc);
}

static void walk(struct dead *k, const struct lstmt *s) {
  const struct lstmt *loop = k->loop;
  unsigned n = k->ninner;
  bool writes = s->kind == L_STORE && s->acc->tensor == k->object;
  if (s->kind == L_FOR && n == sizeof k->inner / sizeof *k->inner) k->no = true;
  if (k->no) return;
  if (s->kind == L_FOR) k->inner[k->ninner] = s->sym, k->expanded[k->ninner++] = s->fkind == F_UNROLL;
  if (s->kind == L_FOR && s->fkind == F_VECTOR) k->loop = s;
  k->no |= (writes && !k->loop) || (s->kind == L_IF && s->cond && k->loop);
  if (writes && !k->no) touch(k, s->acc);
  if (s->kind == L_SET && s->value && expr_reads(s->value, k->object)) k->no = true;
  for (unsigned d = 0; s->acc && d < s->acc->rank; d++)
    if (s->acc->ix[d].dyn) expr_visit(s->acc->ix[d].dyn, visit, k);
  if (s->value) expr_visit(s->value, visit, k);
  if (s->cond) expr_visit(s->cond, visit, k);
  for (uint32_t i = 0; i < s->nbody && !k->no; i++)
    if (s->body[i]) walk(k, s->body[i]);
  k->loop = loop, k->ninner = n;
}

bool reg_dead_lanes(struct arena *a, unsigned object, const struct lstmt *body) {
  struct dead k = {.arena = a, .object = object};
  walk(&k, body);
  return !k.no && k.first;
}
