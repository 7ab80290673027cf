/* Short loops written out: a recurrence of five steps (a polynomial by Horner's rule, Newton's iteration) is one
   expression. Tried when a function does not raise with its loops. */
#include "compiler/pass/raise_impl.h"

enum { MAX_TRIPS = 16, MAX_STATEMENTS = 200 };

struct at {
  sym_t sym;
  poly_t value;
};

static poly_t at_value(struct arena *a, poly_t p, void *ctx) {
  const struct at *c = ctx;
  return p && poly_has(p, c->sym) ? poly_subst(a, p, c->sym, c->value) : p;
}

static unsigned statements(const struct lstmt *s) {
  unsigned n = 1;
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) n += s->body[i]->kind == L_ALLOC ? MAX_STATEMENTS : statements(s->body[i]);
  return n;
}

/* A scalar goes from one iteration to the next. */
static bool carries(const struct raise *r, const struct lstmt *body) {
  for (unsigned v = 0; v < r->f->nlocal; v++)
    if (tree_sets(body, v) && tree_exposes(body, v)) return true;
  return false;
}

static bool constant(const struct lstmt *s, int64_t *lo, int64_t *trips) {
  int64_t hi, len;
  if (s->kind != L_FOR || s->nlo != 1 || s->nhi != 1 || s->step < 1 || !poly_is_const(s->lo[0], lo) ||
      !poly_is_const(s->hi[0], &hi) || __builtin_sub_overflow(hi, *lo, &len))
    return false;
  *trips = len <= 0 ? 0 : (len - 1) / s->step + 1;
  return *trips <= MAX_TRIPS;
}

struct lstmt *raise_unroll(struct raise *r, struct lstmt *s, bool *any) {
  struct lstmt *n = arena_dup(r->a, s, sizeof *s);
  int64_t lo, trips;
  n->body = arena_dup(r->a, s->body, sizeof *s->body * s->nbody);
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) n->body[i] = raise_unroll(r, s->body[i], any);
  if (!constant(n, &lo, &trips) || !carries(r, n->body[0]) || statements(n->body[0]) * (unsigned)trips > MAX_STATEMENTS)
    return n;
  struct lstmt **all = ARENA_NEW(r->a, struct lstmt *, (size_t)trips + 1);
  for (int64_t i = 0; i < trips; i++) {
    struct at at = {s->sym, poly_const(r->a, lo + i * s->step)};
    struct tree_map m = {.a = r->a, .poly = at_value, .ctx = &at};
    all[i] = tree_copy(&m, n->body[0]);
  }
  *any = true;
  return loop_block(r->a, (unsigned)trips, all);
}
